# SPDX-License-Identifier: GPL-2.0-or-later
"""Each example of the manual works, on the emulated platform, in the order in which they stand there."""

import re
import subprocess

import pytest

from conftest import ROOT, program
from terminal import Terminal

TEXT = (ROOT / "tools/ide-ctl/ide-ctl.1").read_text()


def examples():
    section = TEXT.split(".Sh EXAMPLES")[1].split(".Sh ")[0]
    return [line for block in re.findall(r"\.Bd -literal[^\n]*\n(.*?)\n\.Ed", section, re.DOTALL)
            for line in block.splitlines()]


def on_a_terminal(controller, line):
    screen = Terminal(120, 24)
    try:
        screen.run(controller, line.removeprefix("ide-ctl "))
        screen.until("└─0000:01:00.0")
        screen.press("q")
        screen.until(lambda text: text.rstrip().endswith("$"))
    finally:
        screen.close()


def until_interrupted(controller, line):
    process = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, *line.split()[1:]],
                               stdout=subprocess.PIPE, text=True)
    assert re.search("connected|hello", process.stdout.readline())
    process.terminate()
    assert process.wait(30) == 0
    process.stdout.close()


def test_the_examples(controller):
    lines = examples()
    assert len(lines) > 10
    for line in lines:
        assert line.startswith("ide-ctl "), line
        if "--watch" in line:
            on_a_terminal(controller, line)
        elif "monitor" in line:
            until_interrupted(controller, line)
        else:
            shell = f'ide-ctl() {{ {program("ide-ctl")} --connect {controller.endpoint} "$@"; }}; {line}'
            done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stderr) == (0, ""), line
            assert done.stdout


def transcript():
    """[(command, what it prints), ...] of README.md."""
    lines = (ROOT / "README.md").read_text().split("\nOn the emulated platform")[1].split("\n## ")[0].splitlines()
    text = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    return [(part.split("\n", 1)[0], part.split("\n", 1)[1].strip()) for part in re.split(r"^# ", text, flags=re.M)[1:]]


def pattern(text):
    """Dates and times are others each time, and "..." is anything."""
    text = re.escape(re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE", text)).replace("DATE", r"[-0-9]{10} [:0-9]{8}")
    return text.replace(re.escape("39 h"), r"\d+ h").replace(re.escape("..."), ".*")


def test_the_readme_shows_what_is_printed(controller):
    """Against the controller of a test, which is where the README's is."""
    shown = transcript()
    assert len(shown) > 7
    for line, expected in shown:
        done = controller.ctl(*line.split()[1:])
        said = "\n".join(text.rstrip() for text in (done.stdout + done.stderr).strip().splitlines())
        assert re.fullmatch(pattern(expected), said, re.S), f"{line}:\n{said}\nis not\n{expected}"


@pytest.mark.parametrize("command", ["", "list", "show", "attest", "doctor", "establish", "rekey", "stop", "wait", "log", "monitor",
                                     "keygen", "authorize", "revoke"])
def test_every_option_and_command_is_in_the_manual(command):
    done = subprocess.run([program("ide-ctl"), *([command] if command else []), "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    plain = re.sub(r"\\-|\\&", "", TEXT)
    for option in re.findall(r"^  --([a-z-]+)", done.stdout, re.MULTILINE):
        assert re.search(rf"(Fl|Fl ,|,) -{option}\b", plain), f"{command}: --{option}"
    assert not command or re.search(rf"^\.Cm {command}$|It Cm {command}\b", TEXT, re.MULTILINE)
