# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-ctl wait, for scripts: what has happened already, what happens meanwhile, and what never will."""

import json
import subprocess

import pytest

from conftest import ENDPOINT, ROOT_PORT, ctl, program

PORT, END = "0000:00:01.0", "0000:01:00.0"


class Waiting:
    def __init__(self, controller, *arguments):
        self.process = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, "wait", *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def end(self):
        out, error = self.process.communicate(timeout=60)
        return self.process.returncode, out, error


@pytest.fixture
def wait(controller):
    started = []

    def start(*arguments):
        started.append(Waiting(controller, *arguments))
        return started[-1]

    yield start
    for waiting in started:
        if waiting.process.poll() is None:
            waiting.process.kill()
            waiting.process.communicate()


def test_what_is_so_already_is_said_at_once(controller):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    done = controller.ctl("wait", ROOT_PORT, "--stream", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Stream 0 of 0000:00:03.0 is Secure.\n", "")
    done = controller.ctl("wait", "01:00.0", "--stream", "3", "--state", "off")
    assert (done.returncode, done.stdout) == (0, "Stream 3 of 0000:01:00.0 is off.\n")
    found = controller.json("wait", ENDPOINT, "--stream", "0", "--state", "secure")
    assert (found["bdf"], found["stream"], found["state"], found["now"]["root_port"]) == (ENDPOINT, 0, "secure", ROOT_PORT)


def test_whoever_waits_for_both_changes_sees_both(controller, wait):
    """However the wait and the change meet: the wait looks only once it misses nothing."""
    for _ in range(5):
        up = [wait(ROOT_PORT, "--stream", "0", "--timeout", "50s"), wait(ENDPOINT, "--stream", "0", "--timeout", "50s")]
        controller.json("establish", ROOT_PORT, "--stream", "0")
        for waiting in up:
            assert waiting.end() == (0, f"Stream 0 of {waiting.process.args[4]} is Secure.\n", "")
        down = wait(ENDPOINT, "--stream", "0", "--state", "off", "--timeout", "50s")
        controller.json("stop", ROOT_PORT, "--stream", "0")
        assert down.end() == (0, "Stream 0 of 0000:01:00.0 is off.\n", "")


def test_what_does_not_come_in_time_is_1_and_says_what_was(controller):
    done = controller.ctl("wait", ROOT_PORT, "--stream", "0", "--timeout", "300ms")
    assert (done.returncode, done.stdout) == (1, "")
    assert "stream 0 of 0000:00:03.0 is not Secure after 0.3 s: it is off" in done.stderr
    assert "--timeout" in done.stderr
    controller.json("establish", ROOT_PORT, "--stream", "0")
    error = controller.error("wait", ROOT_PORT, "--stream", "0", "--state", "off", "--timeout", "1ms")
    assert error["code"] == "timeout"
    assert "is not off after 0.001 s: it is Secure" in error["message"]


def test_what_cannot_be_is_not_waited_for(controller):
    assert controller.error("wait", "0000:7f:00.0", "--stream", "0", "--timeout", "3600s")["code"] == "no_device"


def test_a_port_without_ide_is_not_waited_for(directory, start_platform, start_controller):
    file = directory / "platform.json"
    file.write_text(json.dumps({"functions": [
        {"bdf": PORT, "type": "root-port", "doe": True, "ide": {"selective_streams": 1},
         "below": [{"bdf": END, "type": "endpoint", "doe": True, "ide": False}]}]}))
    controller = start_controller(start_platform("--platform", str(file), identity=directory / "identity"))
    error = controller.error("wait", END, "--stream", "0", "--timeout", "3600s")
    assert (error["code"], error["message"]) == ("no_ide", f"{END} can carry no stream: it has no IDE capability")
    assert controller.ctl("wait", END, "--stream", "0", "--state", "off").returncode == 0


def test_the_registers_count_not_what_was_said(platform, start_controller):
    controller = start_controller(platform, "--watch-interval", "0")   # nobody says anything
    controller.json("establish", ROOT_PORT, "--stream", "0")
    platform.tell(f"reset {ENDPOINT}")
    done = controller.ctl("wait", ROOT_PORT, "--stream", "0", "--state", "insecure", "--timeout", "50s")
    assert (done.returncode, done.stdout) == (0, "Stream 0 of 0000:00:03.0 is Insecure.\n")


def test_a_controller_that_goes_away_is_3(controller, wait):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    waiting = wait(ROOT_PORT, "--stream", "0", "--state", "off", "--timeout", "50s")
    controller.stop()   # it turns its streams off before it goes
    end = waiting.end()
    assert end[0] in (0, 3), end
    assert ctl("--connect", controller.endpoint, "wait", ROOT_PORT, "--stream", "0").returncode == 3


def test_an_interrupt_ends_it(controller, wait):
    waiting = wait(ROOT_PORT, "--stream", "0", "--timeout", "50s")
    waiting.process.terminate()
    status, out, _ = waiting.end()
    assert (status in (1, -15), out) == (True, "")


def test_what_is_quarantined_is_not_waited_for(directory, platform, start_controller):
    file = directory / "ide-kmd.conf"
    file.write_text(f"[stream five]\nstream = 5\n[device {ENDPOINT}]\nstreams = five\non-failure = quarantine\n")
    platform.misbehave(ENDPOINT, "foreign-chain")
    controller = start_controller(platform, "--config", str(file))
    done = controller.ctl("wait", ENDPOINT, "--stream", "5", "--state", "quarantined", "--timeout", "50s")
    assert (done.returncode, done.stdout) == (0, f"Stream 5 of {ENDPOINT} is quarantined.\n")
    error = controller.error("wait", ROOT_PORT, "--stream", "5", "--timeout", "3600s")
    assert (error["code"], error["hint"][:13]) == ("quarantined", "`ide-ctl log`")
    assert controller.ctl("wait", ENDPOINT, "--stream", "5", "--state", "off", "--timeout", "50s").returncode == 0
    kept = controller.json("show", ENDPOINT)["kept"]
    assert [(k["stream"], k["state"], k["source"], k["root_port"]) for k in kept] == [(5, "quarantined", "configuration", ROOT_PORT)]
    assert "does not lead to a trust anchor" in kept[0]["cause"]
    assert controller.json("show")["kept"] == kept
    lines = controller.ctl("show").stdout.splitlines()
    assert lines[0] == "No stream is set up." and lines[1].split()[:2] == ["NOT-UP", "STATE"]
    assert lines[2].split()[:5] == ["5", "quarantined", ROOT_PORT, ENDPOINT, "configuration"]
    report = json.loads(controller.ctl("--json", "doctor", ENDPOINT).stdout)
    wanted = [line for line in report["checks"] if line["check"] == "wanted"]
    assert [line["state"] for line in wanted] == ["warning"]
    platform.behave(ENDPOINT)
    controller.json("establish", ENDPOINT, "--stream", "5")
    assert controller.json("show")["kept"] == []
