# SPDX-License-Identifier: GPL-2.0-or-later
"""tools/qemu-demo, as somebody in front of it sees it: a stream is up, and what it says to try works."""

import os
import re

import pytest

from conftest import BUILD, ROOT
from console import Console
from guests import QEMU_IDE, needs_qemu
from ide_guest import ENDPOINT, ROOT_PORT

pytestmark = [needs_qemu, pytest.mark.skipif(os.geteuid() != 0 or not QEMU_IDE.exists(),
                                             reason="needs root, and the QEMU with patches: run tests/qemu/build")]

PROMPT = r"^(/|~) # "


@pytest.fixture
def demo():
    console = Console([str(ROOT / "tools/qemu-demo"), "--build", str(BUILD)])
    yield console
    console.close()


def test_what_it_says_to_try(demo):
    welcome = demo.until(PROMPT, 300)
    assert f"Stream 0 is Secure: root port {ROOT_PORT}, endpoint {ENDPOINT}, key set 0." in welcome
    commands = re.findall(r"^    (ide-ctl \S.*?) +# ", welcome, re.M)
    assert [command.split()[1] for command in commands] == ["show", "rekey", "attest"], welcome
    answers = []
    for command in commands:
        demo.type(command)
        demo.until(re.escape(command) + "$")
        answers.append(demo.until(PROMPT, 120))
    show, rekey, attest = answers
    assert re.search(rf"^ +0 Secure {ROOT_PORT} Secure +{ENDPOINT} Secure +0 ", show, re.M), show
    assert f"Stream 0 has new keys: root port {ROOT_PORT}, endpoint {ENDPOINT}, key set 1, Secure." in rekey, rekey
    assert f"{ENDPOINT} has proved its identity." in attest and "IDE_KM" in attest, attest
    demo.type("exit")
    assert demo.ended() == 0, demo.text
