# SPDX-License-Identifier: GPL-2.0-or-later
"""The interface itself: every message fits docs/api.schema.json, and a bad request harms nobody but itself."""

import json
import subprocess
import threading
import time

import jsonschema
import pytest
import zmq

from api_client import SCHEMA, Client, Subscriber, check
from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT, program


@pytest.fixture
def client(controller):
    client = Client(controller)
    yield client
    client.close()


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_message_fits_the_schema(platform, controller, client):
    subscriber = Subscriber(controller)
    assert client.ask("ping")["result"]["api"] == 1
    for port in client.ask("list")["result"]["ports"]:
        check("port", client.ask("show", bdf=port["bdf"])["result"])
    check("attest_result", client.ask("attest", bdf=ENDPOINT)["result"])
    check("attest_result", client.ask("attest", bdf=ENDPOINT, measurements={
        "signed": True, "raw": True, "in_session": True, "mel": True, "ide_km": True, "index": 1})["result"])
    check("operation_result", client.ask("establish", "word", bdf=ENDPOINT, stream=0)["result"])
    check("rekey_result", client.ask("rekey")["result"])
    check("show_result", client.ask("show")["result"])
    platform.setpci(SWITCH_ENDPOINTS[0], "ECAP0030+18.L=06000001")   # someone else's
    assert {s["owner"] for s in client.ask("show")["result"]["streams"]} == {"controller", "other"}
    platform.misbehave(ENDPOINT, "stop-refuse")
    stopped = check("operation_result", client.ask("stop", bdf=ENDPOINT, stream=0)["result"])
    assert [n["step"] for n in stopped["notes"]] == ["stop_keys"]
    platform.misbehave(ENDPOINT, "spdm-error")
    error = client.ask("establish", bdf=ENDPOINT)["error"]
    assert (error["code"], error["peer_code"], error["peer_data"]) == ("peer_error", 5, 0)
    platform.behave(ENDPOINT)
    platform.misbehave(ENDPOINT, "km-refuse")
    error = client.ask("establish", bdf=ENDPOINT)["error"]
    assert (error["code"], error["got"], error["want"]) == ("km_refused", 4, 0)
    events = subscriber.take()
    assert {e["event"] for e in events} == {"operation", "step", "stream"}
    assert {e["request"] for e in events} == {1, "word"}
    subscriber.close()


BAD = [
    ("", "argument", None),
    ("establish it", "argument", None),
    ("\x00\xff", "argument", None),
    ("[1, 2]", "argument", None),
    ('{"v": 1, "id": 1, "verb": "ping"} {}', "argument", None),
    ('{"v": 1, "v": 1, "id": 1, "verb": "ping"}', "argument", None),
    ('{"v": 1, "verb": "ping"}', "argument", "id"),
    ('{"id": 1, "verb": "ping"}', "argument", "v"),
    ('{"v": 2, "id": 1, "verb": "ping"}', "version", "v"),
    ('{"v": 1, "id": 1}', "argument", "verb"),
    ('{"v": 1, "id": 1, "verb": "dance"}', "unsupported", "verb"),
    ('{"v": 1, "id": 1, "verb": "ping", "bdf": "0000:00:03.0"}', "argument", "bdf"),
    ('{"v": 1, "id": 1, "verb": "establish"}', "argument", "bdf"),
    ('{"v": 1, "id": 1, "verb": "establish", "bdf": "0000:00:03.0/../x"}', "argument", "bdf"),
    ('{"v": 1, "id": 1, "verb": "establish", "bdf": "0000:00:03.0", "stream": "0"}', "argument", "stream"),
    ('{"v": 1, "id": 1, "verb": "establish", "bdf": "0000:00:03.0", "stream": 255}', "stream_range", "stream"),
    ('{"v": 1, "id": 1, "verb": "stop", "bdf": "0000:00:03.0"}', "argument", "stream"),
    ("[" * 16000, "argument", None),
    (" " * 16385, "long", None),
    ("x" * 65000, "long", None),
]


@pytest.mark.parametrize("text, code, field", BAD, ids=[str(i) for i in range(len(BAD))])
def test_a_bad_request_is_refused_and_the_next_is_served(text, code, field, controller, client):
    reply = client.raw(text.encode("latin-1"))
    assert (reply["error"]["code"], reply["error"]["field"], reply["error"]["step"]) == (code, field, "request")
    assert client.ask("ping")["result"]["api"] == 1
    assert client.ask("show")["result"]["streams"] == []


def test_a_frame_beyond_all_measure_ends_that_connection_only(controller, client):
    hog = Client(controller)
    hog.send(b"x" * 1100000)
    assert not hog.socket.poll(300)
    hog.close()
    assert client.ask("ping")


def test_messages_without_a_payload_are_passed_over(controller, client):
    odd = Client(controller)
    odd.send(b"", b"")
    odd.send(b"", b'{"v": 1, "id": 2, "verb": "ping"}')   # as a REQ socket sends it
    while True:
        frames = odd.socket.recv_multipart()
        if json.loads(frames[-1])["id"] == 2:
            break
    assert frames[0] == b""
    odd.close()
    assert client.ask("ping")


def test_a_request_socket_may_be_used(controller):
    client = Client(controller, zmq.REQ)
    assert client.ask("ping", "x")["result"]["events"] == controller.endpoint + ".events"
    client.close()


def test_each_gets_its_own_reply(controller):
    clients = [Client(controller) for _ in range(20)]
    for round_ in range(5):
        for number, client in enumerate(clients):
            client.send(json.dumps({"v": 1, "id": f"{number}-{round_}", "verb": "show"}).encode())
    for number, client in enumerate(clients):
        assert [client.receive()["id"] for _ in range(5)] == [f"{number}-{round_}" for round_ in range(5)]
        client.close()


def test_a_client_that_leaves_does_not_matter(platform, controller, client):
    platform.misbehave(ENDPOINT, "late=100")   # so that it is not over at once
    gone, subscriber = Client(controller), Subscriber(controller)
    gone.begin("establish", 1, bdf=ENDPOINT, stream=0)
    subscriber.next("operation", operation="establish", state="started")
    gone.close()
    subscriber.next("stream", operation="establish", state="secure")
    assert client.ask("stop", bdf=ENDPOINT, stream=0)["result"]["state"] == "off"
    subscriber.close()


def test_a_subscriber_that_does_not_read_does_not_matter(controller, client):
    lazy = Client(controller, zmq.SUB)
    lazy.socket.subscribe("")
    lazy.socket.connect(controller.endpoint + ".events")
    for _ in range(5):
        assert client.ask("establish", bdf=ENDPOINT, stream=0)["result"]["state"] == "secure"
        assert client.ask("stop", bdf=ENDPOINT, stream=0)["result"]["state"] == "off"
    lazy.close()


def test_progress_of_establish_in_order(controller, client):
    subscriber = Subscriber(controller)
    client.ask("establish", "p", bdf=ROOT_PORT, stream=0)
    events = [e for e in subscriber.take() if e["event"] == "step"]
    done = [(e["step"], e["device"]) for e in events if e["state"] == "done"]
    ends = (ROOT_PORT, ENDPOINT)
    stages = [{(s, d) for s in ("authenticate", "session", "query") for d in ends}, {("setup", None)},
              {(s, d) for s in ("program_keys", "go_receive") for d in ends}, {("go_transmit", d) for d in ends},
              {("enable", None)}, {("await_secure", None)}]
    for stage in stages:
        assert set(done[:len(stage)]) == stage
        done = done[len(stage):]
    assert done == []
    assert not any(e["undo"] for e in events)
    # side by side: both ends had begun before either had finished
    first = [(e["state"], e["device"]) for e in events[:2]]
    assert sorted(first) == sorted([("started", ROOT_PORT), ("started", ENDPOINT)])
    subscriber.close()


def test_one_device_that_hangs_holds_nobody_else_up(platform, start_controller):
    controller = start_controller(platform, "--timeout", "15")
    platform.misbehave(ENDPOINT, "silent")
    slow, quick, subscriber = Client(controller), Client(controller), Subscriber(controller)
    slow.begin("establish", 1, bdf=ENDPOINT, stream=0)
    subscriber.next("operation", operation="establish", state="started")
    begun = time.monotonic()
    assert quick.ask("establish", bdf=SWITCH_ENDPOINTS[0], stream=1)["result"]["root_port"] == SWITCH_ROOT_PORT
    assert not slow.socket.poll(0), f"the other establish took {time.monotonic() - begun} s"
    assert slow.receive()["error"]["code"] == "timeout"
    for each in (slow, quick, subscriber):
        each.close()


def test_many_clients_at_once(controller):
    failures = []

    def work(endpoint, number):
        client = Client(controller)
        for _ in range(5):
            up = client.ask("establish", bdf=endpoint, stream=number, tc=number)
            if up.get("result", {}).get("state") != "secure":
                failures.append(up)
            client.ask("rekey", bdf=endpoint, stream=number)
            client.ask("show")
            client.ask("stop", bdf=endpoint, stream=number)
        client.close()

    threads = [threading.Thread(target=work, args=(endpoint, number))
               for number, endpoint in enumerate((ENDPOINT, *SWITCH_ENDPOINTS, ENDPOINT))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    client = Client(controller)
    assert client.ask("show")["result"]["streams"] == []
    client.close()


def test_an_endpoint_that_is_none_is_refused(platform):
    arguments = [program("ide-kmd"), "--sysfs", str(platform.mount), "--trust", str(platform.trust), "--listen"]
    for endpoint in ("tcp://127.0.0.1:*", "udp://127.0.0.1:1", "ipc://"):
        done = subprocess.run([*arguments, endpoint], capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (1, "")
        assert f'"{endpoint}" is neither ipc://PATH nor tcp://ADDRESS:PORT' in done.stderr


def test_a_device_that_is_slow_needs_a_longer_timeout(platform, start_controller):
    platform.misbehave(ENDPOINT, "late=300")
    controller = start_controller(platform, "--timeout", "100ms")
    error = controller.error("attest", ENDPOINT)
    assert (error["code"], error["device"]) == ("timeout", ENDPOINT)
    assert "--timeout" in error["hint"]
    controller.stop()
    assert start_controller(platform, "--timeout", "2s").json("attest", ENDPOINT)["state"] == "attested"
