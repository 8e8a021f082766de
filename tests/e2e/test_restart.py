# SPDX-License-Identifier: GPL-2.0-or-later
"""An end in order, for good (SIGTERM) or to be started again (SIGUSR1, systemctl restart): what is off, and what comes back."""

import signal

import pytest

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS
from test_keeper import streams, wait_for


@pytest.fixture
def start(directory, platform, start_controller):
    def start(*options):
        return start_controller(platform, "--state", str(directory / "state" / "state.db"), *options)

    return start


def end(controller, number):
    controller.process.send_signal(number)
    controller.process.wait(30)
    controller.stop() # looks at the exit status and at what it said


def not_idle(platform):
    return [s for f in platform.state()["functions"] for s in f["streams"] if s["enabled"] or s["stream_id"] != 255]


def test_what_was_established_comes_back_after_a_restart(platform, start):
    controller = start()
    controller.json("establish", ENDPOINT, "--stream", "7", "--pcrc")
    controller.json("establish", SWITCH_ENDPOINTS[0], "--stream", "8")
    controller.json("stop", SWITCH_ENDPOINTS[0], "--stream", "8")
    end(controller, signal.SIGUSR1)
    assert "ending, to be started again: User defined signal 1" in controller.log.read_text()
    assert not_idle(platform) == []
    controller = start()
    up = wait_for(lambda: streams(controller))
    assert up.keys() == {ENDPOINT} and up[ENDPOINT]["stream"] == 7
    assert up[ENDPOINT]["ends"][0]["features"]["pcrc"] is True
    # and once more: it is still nobody's but his who established it
    end(controller, signal.SIGUSR1)
    controller = start()
    assert wait_for(lambda: streams(controller)).keys() == {ENDPOINT}
    controller.json("stop", ENDPOINT, "--stream", "7")
    end(controller, signal.SIGUSR1)
    assert start().json("show")["streams"] == []


def test_what_was_established_does_not_come_back_after_an_end_for_good(platform, start):
    controller = start()
    controller.json("establish", ENDPOINT, "--stream", "7")
    end(controller, signal.SIGTERM)
    assert not_idle(platform) == []
    controller = start()
    assert controller.json("show")["streams"] == [] and controller.json("show")["kept"] == []
    assert not_idle(platform) == []


def test_what_is_left_off_stays_off_after_a_restart(directory, platform, start):
    """Somebody has stopped what the configuration wants."""
    configuration = directory / "ide-kmd.conf"
    configuration.write_text(f"[device {ENDPOINT}]\nstreams = default\n")
    controller = start("--config", str(configuration))
    up = wait_for(lambda: streams(controller))
    controller.json("stop", ROOT_PORT, "--stream", str(up[ENDPOINT]["stream"]))
    end(controller, signal.SIGUSR1)
    controller = start("--config", str(configuration))
    kept = controller.json("show")["kept"]
    assert [k["state"] for k in kept] == ["stopped"], kept
    assert not_idle(platform) == []
