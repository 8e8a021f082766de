# SPDX-License-Identifier: GPL-2.0-or-later
"""What the configuration wants comes up by itself and stays up: retries, quarantine, refreshes, reload."""

import json
import signal
import time

import pytest

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT


def wait_for(what, seconds=60):
    """The first true value of what(); fails if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.1)


def streams(controller):
    """{endpoint or lower port: stream} of this controller's that are Secure."""
    return {s["endpoint"]: s for s in controller.json("show")["streams"]
            if s["owner"] == "controller" and s["state"] == "secure"}


class Kept:
    """A controller with a configuration file."""

    def __init__(self, directory, platform, start_controller):
        self.path = directory / "ide-kmd.conf"
        self.platform = platform
        self.start_controller = start_controller

    def write(self, text):
        self.path.write_text(text)

    def start(self, text):
        self.write(text)
        self.controller = self.start_controller(self.platform, "--config", str(self.path))
        return self.controller

    def reload(self, text, says="the configuration was read again"):
        before = self.controller.log.read_text().count(says)
        self.write(text)
        self.controller.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.controller.log.read_text().count(says) > before)

    def says(self, text):
        return text in self.controller.log.read_text()


@pytest.fixture
def kept(directory, platform, start_controller):
    return Kept(directory, platform, start_controller)


def test_all_devices_get_their_streams_by_themselves(kept):
    controller = kept.start("[device all]\nstreams = default\n")
    up = wait_for(lambda: (s := streams(controller)).keys() == {ENDPOINT, *SWITCH_ENDPOINTS} and s)
    assert {s["kind"] for s in up.values()} == {"selective"}


def test_a_device_gets_what_its_rule_says_with_all_options(kept):
    controller = kept.start(f"""[stream special]
stream = 9
tc = 3
pcrc = yes
aggregation = pr=4
[device all]
streams = default
[device {ENDPOINT}]
streams = special
[device {SWITCH_ROOT_PORT}]
streams = none
""")
    up = wait_for(lambda: streams(controller))
    assert up.keys() == {ENDPOINT} and up[ENDPOINT]["stream"] == 9
    features = up[ENDPOINT]["ends"][0]["features"]
    assert (features["tc"], features["pcrc"], features["aggregation"]["pr"]) == (3, True, 4)


def test_a_device_that_fails_some_times_is_tried_again(kept):
    kept.platform.misbehave(ENDPOINT, "spdm-error", 3)
    controller = kept.start(f"[policy]\nretry-first = 200ms\n[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: ENDPOINT in streams(controller))
    assert controller.log.read_text().count("establish") >= 3
