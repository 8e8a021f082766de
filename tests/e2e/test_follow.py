# SPDX-License-Identifier: GPL-2.0-or-later
"""Following what happens without a gap, and changing one's mind: snapshot, events, cancel."""

import json
import time

import pytest

from api_client import Client, Subscriber, check
from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT


@pytest.fixture
def client(controller):
    client = Client(controller)
    yield client
    client.close()


@pytest.fixture
def subscriber(controller):
    subscriber = Subscriber(controller)
    yield subscriber
    subscriber.close()


def events_after(client, instance, after):
    """All of them, over as many replies as it takes."""
    events = []
    while True:
        result = client.ask("events", instance=instance, after=after)["result"]
        assert result["instance"] == instance
        events += result["events"]
        if not result["events"] or events[-1]["seq"] == result["seq"]:
            return events
        after = events[-1]["seq"]


# ---- snapshot and events --------------------------------------------------


def test_a_snapshot_is_true_after_its_number(client, subscriber):
    empty = check("snapshot_result", client.ask("snapshot")["result"])
    assert empty == {"instance": subscriber.instance, "seq": 0, "streams": [], "cxl_links": [], "operations": []}
    client.ask("establish", bdf=ENDPOINT, stream=0)
    told = subscriber.take()
    full = check("snapshot_result", client.ask("snapshot")["result"])
    assert full["seq"] == told[-1]["seq"] == len(told)
    assert [(s["stream"], s["state"]) for s in full["streams"]] == [(0, "secure")]


def test_a_snapshot_says_what_runs_and_what_waits(platform, controller, client):
    platform.misbehave(ENDPOINT, "late=200")
    client.begin("establish", "first", bdf=ENDPOINT, stream=0)
    client.begin("establish", "second", bdf=ENDPOINT, stream=1, tc=1)
    other = Client(controller)

    def operations():
        return check("snapshot_result", other.ask("snapshot")["result"])["operations"]

    until(lambda: [o["state"] for o in operations()] == ["running", "waiting"])
    found = operations()
    assert [(o["request"], o["operation"], o["root_port"], o["endpoint"], o["stream"], o["state"]) for o in found] == [
        ("first", "establish", ROOT_PORT, ENDPOINT, 0, "running"), ("second", "establish", ROOT_PORT, ENDPOINT, 1, "waiting")]
    assert all(o["asked_by"].startswith("uid 0 pid ") for o in found)
    for request in ("first", "second"):
        other.ask("cancel", request=request)
    assert [client.receive()["error"]["code"] for _ in range(2)] == ["cancelled"] * 2
    other.close()


def test_what_was_missed_can_be_had_again(client, subscriber):
    for _ in range(12):
        client.ask("establish", bdf=ENDPOINT, stream=0)
        client.ask("stop", bdf=ENDPOINT, stream=0)
    told = subscriber.take()
    assert len(told) > 256    # more than one reply has
    assert events_after(client, subscriber.instance, 0) == told
    assert events_after(client, subscriber.instance, 100) == told[100:]
    assert events_after(client, subscriber.instance, len(told)) == []


def test_what_is_not_kept_is_said_to_be_gone(client, subscriber):
    error = client.ask("events", instance="0" * 16, after=0)["error"]
    assert (error["code"], error["field"]) == ("gone", "instance")
    assert error["hint"] == "take a new snapshot, and go on from there"
    for after in (1, 1000, 2**62):    # of the future
        error = client.ask("events", instance=subscriber.instance, after=after)["error"]
        assert (error["code"], error["field"]) == ("gone", "after")


def test_another_run_is_another_instance(platform, start_controller, controller, client):
    before = client.ask("snapshot")["result"]["instance"]
    controller.stop()
    again = Client(start_controller(platform))
    assert again.ask("snapshot")["result"]["instance"] != before
    assert again.ask("events", instance=before, after=0)["error"]["code"] == "gone"
    again.close()


@pytest.mark.parametrize("members, field", [
    ({}, "instance"), ({"instance": "x"}, "after"), ({"after": 0}, "instance"), ({"instance": 1, "after": 0}, "instance"),
    ({"instance": "x", "after": -1}, "after"), ({"instance": "x", "after": "0"}, "after"),
    ({"instance": "x", "after": 0.5}, "after")])
def test_a_position_that_is_none_is_refused(members, field, client):
    error = client.raw(json.dumps({"v": 1, "id": 1, "verb": "events", **members}))["error"]
    assert (error["code"], error["field"]) == ("argument", field)


# ---- cancel ---------------------------------------------------------------


def until(wanted, seconds=20):
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.02)


def in_use(platform):
    return {(f["bdf"], s["index"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["enabled"] or s["stream_id"] != 255
            or any(key != "none" for key_set in s["key_sets"] for keys in key_set.values() for key in keys)}


@pytest.mark.parametrize("step", ["authenticate", "program_keys"])
def test_a_cancelled_establish_is_undone(step, platform, controller, client, subscriber):
    platform.misbehave(ENDPOINT, "late=300")
    other = Client(controller)
    client.begin("establish", "mine", bdf=ENDPOINT, stream=0)
    subscriber.next("step", step=step)
    assert other.ask("cancel", "c", request="mine")["result"] == {"request": "mine"}
    platform.behave(ENDPOINT)
    error = client.receive()["error"]
    assert (error["code"], error["message"]) == ("cancelled", "cancelled on request")
    assert error["outcome"] == "the stream is off at both ports"
    assert in_use(platform) == set()
    assert other.ask("show")["result"]["streams"] == []
    assert other.ask("cancel", request="mine")["error"]["message"] == "no request with this id is being worked on"
    assert client.ask("establish", bdf=ENDPOINT, stream=0)["result"]["state"] == "secure"
    assert client.ask("stop", bdf=ENDPOINT, stream=0)["result"]["state"] == "off"
    ends = [e["state"] for e in subscriber.take() if e["event"] == "operation" and e["request"] == "mine"]
    assert ends == ["failed"]
    other.close()


def test_a_cancelled_rekey_goes_on_with_the_old_keys(platform, client, subscriber):
    client.ask("establish", bdf=ENDPOINT, stream=0)
    subscriber.take()
    platform.misbehave(ENDPOINT, "late=200")
    client.begin("rekey", "mine")
    subscriber.next("step", step="program_keys")
    client.begin("cancel", "c", request="mine")
    replies = {reply["id"]: reply for reply in (client.receive(), client.receive())}
    assert replies["c"]["result"] == {"request": "mine"}
    error = replies["mine"]["error"]
    assert (error["code"], error["outcome"]) == ("cancelled", "the stream goes on with its old keys")
    platform.behave(ENDPOINT)
    stream, = client.ask("show")["result"]["streams"]
    assert (stream["state"], stream["key_set"], stream["rekeys"]) == ("secure", 0, 0)
    reply = client.ask("rekey")
    assert [s["key_set"] for s in reply["result"]["streams"]] == [1], reply


@pytest.mark.parametrize("verb", ["attest", "doctor"])
def test_who_only_asks_a_device_is_cancelled_too(verb, platform, controller, client, subscriber):
    platform.misbehave(ENDPOINT, "late=300")
    other = Client(controller)
    client.begin(verb, "mine", bdf=ENDPOINT)
    subscriber.next("step", step=verb, state="started", device=ENDPOINT)
    assert other.ask("cancel", "c", request="mine")["result"] == {"request": "mine"}
    error = client.receive()["error"]
    assert (error["code"], error["message"]) == ("cancelled", "cancelled on request")
    platform.behave(ENDPOINT)
    told = [e for e in subscriber.take() if e["event"] == "operation" and e["request"] == "mine"]
    assert [(e["operation"], e["state"], e["error"]["code"]) for e in told] == [(verb, "failed", "cancelled")]
    assert other.ask("cancel", request="mine")["error"]["message"] == "no request with this id is being worked on"
    result = client.ask(verb, bdf=ENDPOINT)["result"]
    assert result["state"] == "attested" if verb == "attest" else result["can_come_up"]
    other.close()


def test_what_waits_is_not_begun(platform, client, subscriber):
    platform.misbehave(ENDPOINT, "late=150")
    client.begin("establish", "runs", bdf=ENDPOINT, stream=0)
    client.begin("establish", "waits", bdf=ENDPOINT, stream=1, tc=1)
    client.begin("cancel", "c", request="waits")
    replies = {}
    while "waits" not in replies or "c" not in replies:
        reply = client.receive()
        replies[reply["id"]] = reply
    assert "runs" not in replies
    assert replies["waits"]["error"]["code"] == "cancelled"
    platform.behave(ENDPOINT)
    assert client.receive()["result"]["state"] == "secure"
    assert not any(e["event"] == "step" and e["request"] == "waits" for e in subscriber.take())


def test_a_stop_cannot_be_cancelled(platform, client, subscriber):
    client.ask("establish", bdf=ENDPOINT, stream=0)
    platform.misbehave(ENDPOINT, "late=200")
    client.begin("stop", "mine", bdf=ENDPOINT, stream=0)
    subscriber.next("step", step="stop_keys")
    client.begin("cancel", "c", request="mine")
    replies = {reply["id"]: reply for reply in (client.receive(), client.receive())}
    assert (replies["c"]["error"]["code"], replies["c"]["error"]["field"]) == ("state", "request")
    assert replies["mine"]["result"]["state"] == "off"


def test_ones_own_request_comes_first_and_others_are_not_guessed(platform, controller):
    platform.misbehave(ENDPOINT, "late=150")
    platform.misbehave(SWITCH_ENDPOINTS[0], "late=150")
    one, two, three = (Client(controller) for _ in range(3))
    one.begin("establish", "same", bdf=ENDPOINT, stream=0)
    two.begin("establish", "same", bdf=SWITCH_ENDPOINTS[0], stream=1)
    until(lambda: len(three.ask("snapshot")["result"]["operations"]) == 2)
    error = three.ask("cancel", request="same")["error"]
    assert (error["code"], error["message"]) == ("argument", "several clients have a request with this id")
    two.begin("cancel", "c", request="same")
    assert {two.receive()["id"], two.receive()["id"]} == {"c", "same"}
    platform.behave(ENDPOINT)
    assert one.receive()["result"]["root_port"] == ROOT_PORT
    for each in (one, two, three):
        each.close()


def test_all_streams_of_a_request_are_cancelled(platform, client, subscriber):
    """A `rekey` of all: what is done stays, what runs is undone, what waits is not begun."""
    for number in range(3):
        client.ask("establish", bdf=ENDPOINT, stream=number, tc=number)
    client.ask("establish", bdf=SWITCH_ENDPOINTS[0], stream=9)
    subscriber.take()
    platform.misbehave(ENDPOINT, "late=200")
    client.begin("rekey", "all")
    subscriber.next("stream", root_port=SWITCH_ROOT_PORT)
    client.begin("cancel", "c", request="all")
    replies = {reply["id"]: reply for reply in (client.receive(), client.receive())}
    assert replies["all"]["error"]["code"] == "cancelled"
    assert 9 in [s["stream"] for s in replies["all"]["result"]["streams"]]
    assert len(replies["all"]["result"]["streams"]) < 4
    platform.behave(ENDPOINT)
    assert {s["state"] for s in client.ask("show")["result"]["streams"]} == {"secure"}
