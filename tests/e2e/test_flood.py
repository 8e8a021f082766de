# SPDX-License-Identifier: GPL-2.0-or-later
"""Clients that ask too much or do not read, and subscribers that stand still: others are served, and nothing grows."""

import json
import os
import signal
import subprocess
import time

import pytest
import zmq

from api_client import CONTEXT, Client
from conftest import ENDPOINT, ROOT, ROOT_PORT, program


@pytest.fixture
def client(controller):
    client = Client(controller)
    yield client
    client.close()


def test_a_flood_is_refused_one_by_one_and_others_are_served(start_controller, platform):
    controller = start_controller(platform, "--request-rate", "200")
    flood, other = Client(controller), Client(controller)
    flood.socket.sndhwm = 0
    for number in range(2000):
        flood.send(json.dumps({"v": 1, "id": number, "verb": "ping"}).encode())
    for number in range(20):
        assert other.ask("show", f"other-{number}")["result"]["streams"] == []
    replies = [flood.receive() for _ in range(2000)]
    assert [r["id"] for r in replies] == list(range(2000))
    refused = [r["error"] for r in replies if "error" in r]
    assert len(refused) > 1000
    assert {(e["code"], e["step"], e["message"]) for e in refused} == {
        ("busy", "request", "too much from one client: more than 200 requests a second, or 512 that wait")}
    time.sleep(0.1)
    assert flood.ask("ping")["result"]["api"] == 1    # once it asks less it is served again
    for each in (flood, other):
        each.close()


def test_requests_that_wait_are_bounded(start_controller, platform):
    controller = start_controller(platform, "--request-rate", "0", "--timeout", "30s")
    platform.misbehave(ENDPOINT, "silent")
    client, other = Client(controller), Client(controller)
    for number in range(520):
        client.begin("attest", number, bdf=ENDPOINT)
    refused = [client.receive() for _ in range(8)]
    assert {r["error"]["code"] for r in refused} == {"busy"}
    assert [r["id"] for r in refused] == list(range(512, 520))
    assert other.ask("attest", bdf=ROOT_PORT)["result"]["state"] == "attested"
    for each in (client, other):
        each.close()


def test_replies_that_nobody_reads_are_not_kept_for_ever(start_controller, platform):
    controller = start_controller(platform, "--request-rate", "0")
    lazy = CONTEXT.socket(zmq.DEALER)
    lazy.linger, lazy.rcvhwm, lazy.sndhwm = 0, 1, 0
    lazy.connect(controller.endpoint)
    asked = 1200
    for number in range(asked):
        lazy.send(json.dumps({"v": 1, "id": number, "verb": "list"}).encode())
    client = Client(controller)
    size = len(json.dumps(client.ask("list")["result"]))
    assert size * asked > 3000000    # more than one megabyte, and what sockets hold
    end = time.monotonic() + 60
    while controller.messages.read_text().count('{"reply"') <= asked:    # until it has answered all of them
        assert time.monotonic() < end
        time.sleep(0.2)
    got = [json.loads(lazy.recv())["id"] for _ in iter(lambda: lazy.poll(1000), 0)]
    assert 0 < len(got) < asked
    assert got == sorted(got)
    lazy.close()
    client.close()


def make_events(client, count):
    assert client.ask("establish", bdf=ENDPOINT, stream=0)["result"]["state"] == "secure"
    while (seq := client.ask("snapshot")["result"]["seq"]) < count:
        for _ in range(10):
            client.ask("rekey")
    return seq


def test_a_subscriber_that_stands_still_costs_a_bounded_queue(controller, client):
    """And what it did not get, it can still have."""
    still = CONTEXT.socket(zmq.SUB)
    still.linger, still.rcvhwm = 0, 1
    still.subscribe("")
    still.connect(controller.endpoint + ".events")
    assert json.loads(still.recv())["event"] == "hello"
    monitor = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, "--json", "monitor"],
                               stdout=subprocess.PIPE, text=True)
    assert json.loads(monitor.stdout.readline())["event"] == "hello"
    os.kill(monitor.pid, signal.SIGSTOP)
    last = make_events(client, 2500)
    got = []
    while still.poll(1000) and (event := json.loads(still.recv()))["event"] != "tick":
        got.append(event["seq"])
    assert got == list(range(1, len(got) + 1)) and len(got) < 2000
    os.kill(monitor.pid, signal.SIGCONT)
    seqs = []
    while not seqs or seqs[-1] < last:
        seqs.append(json.loads(monitor.stdout.readline())["seq"])
    assert seqs == list(range(1, last + 1))
    monitor.terminate()
    monitor.wait(20)
    monitor.stdout.close()
    still.close()


def test_the_python_example_follows(controller, client):
    client.ask("establish", bdf=ENDPOINT, stream=0)
    watch = subprocess.Popen(["/usr/bin/python3", ROOT / "docs" / "examples" / "watch.py", controller.endpoint],
                             stdout=subprocess.PIPE, text=True)
    pair = f"{ROOT_PORT} {ENDPOINT} stream 0:"
    assert [watch.stdout.readline() for _ in range(2)] == [f"{pair} secure\n", "following\n"]
    os.kill(watch.pid, signal.SIGSTOP)
    for _ in range(3):
        client.ask("rekey")
    os.kill(watch.pid, signal.SIGCONT)
    client.ask("stop", bdf=ENDPOINT, stream=0)
    assert [watch.stdout.readline() for _ in range(4)] == [f"{pair} rekeyed\n"] * 3 + [f"{pair} off\n"]
    watch.send_signal(signal.SIGINT)
    assert watch.wait(20) == 0
    watch.stdout.close()
