# SPDX-License-Identifier: GPL-2.0-or-later
"""What bash completes: run by bash itself, without anything else loaded."""

import os
import subprocess

from conftest import ENDPOINT, ROOT, ROOT_PORT, SWITCH_ENDPOINTS, installed, program
from terminal import Terminal

COMPLETION = installed("share/bash-completion/completions/ide-ctl", ROOT / "tools/ide-ctl/ide-ctl.bash")
SCRIPT = r"""
source "$1"
COMP_LINE=$2 COMP_POINT=${#2}
_ide_ctl "$3"
for reply in "${COMPREPLY[@]}"; do printf '%s\n' "$reply"; done
"""


PATIENT = {"IDE_CTL_COMPLETION_WAIT": "30"}   # the machine may be busy


def complete(line, **environment):
    done = subprocess.run(["bash", "--norc", "--noprofile", "-c", SCRIPT, "bash", str(COMPLETION), line, program("ide-ctl")], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **PATIENT, **environment})
    assert done.stderr == "", done.stderr
    return done.stdout.split()


def test_commands():
    names = complete("ide-ctl ")
    assert {"list", "show", "attest", "doctor", "establish", "rekey", "stop", "wait", "monitor"} <= set(names)
    assert complete("ide-ctl est") == ["establish"]
    assert complete("ide-ctl --json mon") == ["monitor"]
    assert complete("ide-ctl --color never sho") == ["show"]
    assert complete("ide-ctl nothing") == []


def test_options_are_those_of_the_command():
    for command, own, others in (("establish", "--pcrc", "--raw"), ("attest", "--raw", "--pcrc"), ("list", "--watch", "--pcrc"),
                                 ("wait", "--state", "--watch")):
        names = complete(f"ide-ctl {command} --")
        assert own in names and "--json" in names and others not in names, command
    assert complete("ide-ctl establish 0000:00:03.0 --partial") == ["--partial-header"]
    assert complete("ide-ctl --con") == ["--connect"]


def test_values():
    assert complete("ide-ctl wait 0000:00:03.0 --state s") == ["secure", "starting"]
    assert complete("ide-ctl log --state re") == ["rekeyed", "removed", "released"]
    assert complete("ide-ctl log --operation re") == ["rekey"]
    assert complete("ide-ctl log --asked-by p") == ["policy"]
    assert complete("ide-ctl log --what s") == ["step", "stream", "session"]
    assert complete("ide-ctl log --cause t") == []
    assert complete("ide-ctl list --color=al") == ["always"]
    assert complete("ide-ctl list --color al") == ["always"]
    assert complete("ide-ctl establish 1:2 --partial-header 2") == ["25:2"]
    assert complete("ide-ctl establish 1:2 --partial-header 25:") == ["2"]
    assert complete("ide-ctl show --output ROOT") == ["ROOT-PORT", "ROOT-STATE"]
    assert complete("ide-ctl show --output STREAM,ENDP") == ["STREAM,ENDPOINT"]
    assert complete("ide-ctl list --output ABI") == ["ABILITIES"]
    assert complete("ide-ctl list --timeout 5") == []


def test_ports_and_streams_are_the_controller_s(controller):
    connect = f"ide-ctl --connect {controller.endpoint}"
    everything = complete(f"{connect} establish ")
    assert {ROOT_PORT, ENDPOINT, *SWITCH_ENDPOINTS} <= set(everything)
    # bash replaces only what is behind the last colon
    assert complete(f"{connect} establish 0000:01") == ["01:00.0"]
    assert complete(f"{connect} establish 0000:01:") == ["00.0"]
    assert complete(f"{connect} list ") == []
    assert complete(f"{connect} monitor ") == []
    controller.json("establish", ENDPOINT, "--stream", "7")
    controller.json("establish", SWITCH_ENDPOINTS[0], "--stream", "12")
    assert complete(f"{connect} stop {ENDPOINT} --stream ") == ["7"]
    assert complete(f"{connect} stop {SWITCH_ENDPOINTS[0]} --stream 1") == ["12"]
    assert complete(f"{connect} rekey --stream ") == ["7", "12"]
    assert complete(f"ide-ctl stop --connect={controller.endpoint} {ENDPOINT} --stream ") == ["7"]


def test_without_a_controller_they_are_the_kernel_s(platform, directory):
    ports = complete(f"ide-ctl --connect ipc://{directory}/nobody doctor 0000:0", IDE_CTL_SYSFS=str(platform.mount))
    assert "00:03.0" in ports and "01:00.0" in ports
    assert complete(f"ide-ctl --connect ipc://{directory}/nobody stop {ENDPOINT} --stream ",
                    IDE_CTL_SYSFS=str(platform.mount)) == []


def test_the_tab_key(controller):
    screen = Terminal(120, 24, **PATIENT)
    try:
        screen.type("exec bash --norc --noprofile")
        screen.press("Enter")
        screen.type(f"PS1='> '; PATH={os.path.dirname(program('ide-ctl'))}:$PATH; source {COMPLETION}; clear")
        screen.press("Enter")
        screen.until(r"^>$")
        screen.type("ide-ctl est")
        screen.press("Tab")
        screen.until(r"^> ide-ctl establish$")
        screen.type(f"--connect {controller.endpoint} 0000:01")
        screen.press("Tab")
        screen.until(rf"^> ide-ctl establish --connect \S+ {ENDPOINT}$")
        screen.type("--strea")
        screen.press("Tab")
        screen.type("3")
        screen.press("Enter")
        screen.until(r"^Stream 3 is Secure")
    finally:
        screen.close()
