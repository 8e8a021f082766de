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
from conftest import ENDPOINT, ROOT, ROOT_PORT, SWITCH_ENDPOINTS, program


@pytest.fixture
def client(controller):
    client = Client(controller)
    yield client
    client.close()


def test_a_flood_is_refused_one_by_one_and_others_are_served(start_controller, platform):
    controller = start_controller(platform, "--request-rate", "50")
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
        ("busy", "request", "too much from one client: more than 50 requests a second, or 512 that wait")}
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


STOPPED = """
import sys, zmq
socket = zmq.Context().socket(zmq.SUB)
socket.subscribe("")
socket.connect(sys.argv[1])
assert b"hello" in socket.recv()
print("subscribed", flush=True)
sys.stdin.readline()
while socket.poll(2000):
    message = socket.recv()
    if b'"tick"' not in message:
        print(len(message), flush=True)
"""


def resident_kib(pid):
    return int(next(line for line in open(f"/proc/{pid}/status", encoding="ascii") if line.startswith("VmRSS:")).split()[1])


def test_a_stopped_subscriber_costs_no_more_than_its_queue(start_controller, platform, monkeypatch):
    """512 events wait for it in the controller, the kernel has what a socket holds, and however many more there are,
    nothing grows."""
    # what is freed is not set aside for the sanitizer: only what is kept is measured
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0")
    controller = start_controller(platform, "--log-rows", "300")   # without a state file the log is in memory
    client = Client(controller)
    for bdf in (ENDPOINT, *SWITCH_ENDPOINTS):
        assert client.ask("establish", bdf=bdf)["result"]["state"] == "secure"

    def events(count):
        while (seq := client.ask("snapshot")["result"]["seq"]) < count:
            client.ask("rekey")
        return seq

    first = events(4200)   # the last 4096 are kept for whoever asks
    subscriber = subprocess.Popen(["/usr/bin/python3", "-c", STOPPED, controller.endpoint + ".events"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert subscriber.stdout.readline() == "subscribed\n"
    os.kill(subscriber.pid, signal.SIGSTOP)
    events(first + 1500)
    full = resident_kib(controller.process.pid)
    events(first + 3000)
    assert resident_kib(controller.process.pid) - full < 512, "it grows"
    os.kill(subscriber.pid, signal.SIGCONT)
    sizes = [int(line) for line in subscriber.communicate("\n", timeout=60)[0].splitlines()]
    socket = int(open("/proc/sys/net/core/wmem_default", encoding="ascii").read())
    assert 0 < len(sizes) <= 512 + (socket + 2 * 8192) // min(sizes) + 1, (len(sizes), min(sizes), max(sizes))
    assert max(sizes) < 1024   # so that the queue has at most half a megabyte
    client.close()


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
