# SPDX-License-Identifier: GPL-2.0-or-later
"""A device that wants a HEARTBEAT every two seconds: the controller keeps its sessions, and so the streams, alive."""

import json
import time

import pytest

from conftest import ENDPOINT, ROOT_PORT

PERIOD = 2   # seconds, for the machine may be busy; a device gives a session up after two of them (DSP0274 1.2 §10.20)


@pytest.fixture
def impatient(start_platform, directory):
    spdm = {"heartbeat": PERIOD}
    path = directory / "platform.json"
    path.write_text(json.dumps({"functions": [
        {"bdf": ROOT_PORT, "type": "root-port", "secondary": 1, "spdm": spdm, "below": [
            {"bdf": ENDPOINT, "type": "endpoint", "spdm": spdm}]}]}))
    return start_platform("--platform", str(path), identity=directory / "identity")


def states(platform):
    return {s["state"] for f in platform.state()["functions"] for s in f["streams"] if s["stream_id"] == 0}


def test_a_stream_outlives_many_heartbeat_periods(impatient, start_controller):
    controller = start_controller(impatient)
    controller.json("establish", ENDPOINT, "--stream", "0")
    end = time.monotonic() + 4 * PERIOD
    while time.monotonic() < end:
        assert states(impatient) == {"secure"}
        time.sleep(0.1)
    assert controller.json("rekey", ENDPOINT, "--stream", "0")


def test_without_a_controller_the_device_ends_the_session_and_the_stream_is_insecure(impatient, start_controller):
    controller = start_controller(impatient)
    controller.json("establish", ENDPOINT, "--stream", "0")
    controller.kill()
    end = time.monotonic() + 10 * PERIOD
    while states(impatient) != {"insecure"}:
        assert time.monotonic() < end, "the device still counts on a session whose other end is dead"
        time.sleep(0.1)
