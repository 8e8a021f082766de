# SPDX-License-Identifier: GPL-2.0-or-later
"""What docs/qemu.md says for people who start guests by hand: typed word for word, and answered as it says there."""

import os
import re
from pathlib import Path

import pytest

from conftest import BUILD, ROOT
from console import Console
from guests import QEMU_IDE, have_qemu, needs_qemu, workspace

pytestmark = needs_qemu

PROMPT = r"^(/|~) # "
CACHE = Path("/var/cache/ide-km/qemu")
FOLDER = ("export PATH=", "mkdir -p build/guest")


def blocks(section):
    """What is indented in a section, block by block; an empty line ends one."""
    text = (ROOT / "docs/qemu.md").read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    return [re.sub("^    ", "", block, flags=re.M) for block in re.findall(r"(?:^    .*\n)+", text, re.M)]


def host_and_guest(section, begins):
    """The block of a machine's own shell that begins so, and the guest's after it: [(command, answer), ...]."""
    found = blocks(section)
    at = next(i for i, block in enumerate(found) if block.startswith(begins))
    typed = re.split(r"^# ", found[at + 1], flags=re.M)
    assert typed[0] == "" and len(typed) > 2
    return found[at], [tuple(part.split("\n", 1)) for part in typed[1:]]


def project(directory):
    """A folder as that of the project, of which only the build is another's."""
    (directory / "build").mkdir()
    (directory / "build" / "tools").symlink_to(BUILD / "tools")
    (directory / "tests").symlink_to(ROOT / "tests")


def pattern(answer):
    return re.escape(answer.strip()).replace(re.escape("..."), r"[^$]*")


def start(console, block):
    """Types it, and waits where a person has to: until ide-emu serves, and for the guest's shell."""
    for line in block.splitlines():
        console.type(line)
        if line.endswith("&"):
            console.until(r"^(\$ )?ready$", 60)
    console.until(PROMPT, 120)


def answer_of(console, command, expected):
    console.type(command)
    console.until(re.escape(command) + "$")
    if command.endswith("&"):    # the prompt comes at once
        console.until(pattern(expected) + "$", 60)
        console.type("")
        console.until(PROMPT)
        return expected
    return console.until(PROMPT, 60)


def without_steps(said):
    """Those of ide-ctl's on a terminal: two spaces, a device or both, two spaces."""
    lines = [line.rstrip() for line in said.splitlines() if not re.match(r"  ([0-9a-f]{4}:[0-9a-f:.]+|both ports)  ", line)]
    return "\n".join(lines).strip()


def play(section, begins):
    host, guest = host_and_guest(section, begins)
    if not host.startswith(FOLDER):    # which has been said before
        first = next(block for block in blocks(section) if block.startswith(FOLDER))
        host = "\n".join(line for line in first.splitlines() if line.startswith(FOLDER)) + "\n" + host
    with workspace() as directory:
        project(directory)
        env = {"PATH": os.environ["PATH"], "HOME": str(directory), "LANG": "C.UTF-8", "TERM": "dumb", "PS1": "$ ",
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        console = Console(["bash", "--norc", "--noprofile", "--noediting"], directory, env)
        try:
            start(console, host)
            for command, expected in guest:
                said = without_steps(answer_of(console, command, expected))
                assert re.fullmatch(pattern(expected), said), f"{command}:\n{said}\nis not\n{expected}\n{console.text}"
            console.type("exit")
            console.until(r"^\$ ", 60)
        finally:
            console.close()


@pytest.mark.skipif(not (have_qemu("qemu-system-x86_64") and (CACHE / "kernel/current/vmlinuz").exists()),
                    reason="QEMU or the kernel is not where docs/qemu.md says")
def test_a_guest_by_hand():
    play("QEMU as it is", "export PATH=")


@pytest.mark.skipif(not (QEMU_IDE.exists() and QEMU_IDE.is_relative_to(CACHE)),
                    reason="the QEMU with IDE is not where docs/qemu.md says")
@pytest.mark.parametrize("begins", ["export PATH=", "cat >cxl.json"])
def test_a_guest_with_ide_by_hand(begins):
    play("QEMU with IDE", begins)
