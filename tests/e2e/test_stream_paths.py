# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams through switches and on each link: who passes them on, whose keys they have, what goes over which link."""

import json
import subprocess
import threading

import pytest

from conftest import program
from streams import Bench, ide

TOP, UP, ENDS, DOWN = "0000:00:01.0", "0000:01:00.0", ("0000:03:00.0", "0000:04:00.0"), ("0000:02:00.0", "0000:02:01.0")
PLAIN_TOP, PLAIN_UP, PLAIN_END = "0000:00:02.0", "0000:10:00.0", "0000:12:00.0"


def switch(top, up, downs, **port):
    """A root port, a switch, an endpoint below each of its ports."""
    below = [{"bdf": down, "type": "downstream", **port,
              "below": [{"bdf": end, "type": "endpoint", "doe": True, "ide": ide(2, 1), "bar_size": 4096}]}
             for down, end in downs]
    return {"bdf": top, "type": "root-port", "doe": True, "ide": ide(4, 1),
            "below": [{"bdf": up, "type": "upstream", **port, "below": below}]}


@pytest.fixture(scope="module")
def bench():
    full = {"doe": True, "ide": ide(0, 1, flow_through=True)}
    plain = {"doe": False, "ide": {"selective_streams": 0, "link_streams": 0, "flow_through": True}}
    bench = Bench([switch(TOP, UP, zip(DOWN, ENDS), **full),
                   switch(PLAIN_TOP, PLAIN_UP, [("0000:11:00.0", PLAIN_END)], **plain)])
    yield bench
    bench.close()


@pytest.fixture(autouse=True)
def nothing_is_left(bench):
    yield
    for stream in bench.controller.json("show")["streams"]:
        if stream["owner"] == "controller":
            bench.controller.json("stop", stream["root_port"], "--stream", str(stream["stream"]))
    for port in (UP, *DOWN, *ENDS):
        bench.platform.behave(port)
    assert bench.in_use() == set()
    assert passing(bench) == []


def passing(bench):
    """The switch ports that pass IDE TLPs on."""
    return [port for port in (UP, *DOWN, PLAIN_UP, "0000:11:00.0")
            if int(bench.platform.setpci(port, "ECAP0030+8.l"), 16) & 4]


def set_flow_through(bench, port, on):
    bench.platform.setpci(port, f"ECAP0030+8.L={4 if on else 0:08x}")


def stop(bench, port, stream):
    return bench.controller.json("stop", port, "--stream", str(stream))


def by_link(frames):
    return {link: {f.stream for f in frames if f.link == link} for link in {f.link for f in frames}}


# --- flow-through ----------------------------------------------------------------------------------------------------


def test_switch_ports_pass_on_what_is_on_the_way_and_no_more(bench):
    bench.controller.json("establish", ENDS[0], "--stream", "0")
    assert passing(bench) == [UP, DOWN[0]]
    bench.controller.json("establish", ENDS[1], "--stream", "1")
    assert passing(bench) == [UP, *DOWN]
    bench.frames()
    bench.write(ENDS[0], b"nobody reads this")
    assert by_link(bench.frames()) == {(TOP, UP): {0}, (DOWN[0], ENDS[0]): {0}}
    stop(bench, ENDS[0], 0)
    assert passing(bench) == [UP, DOWN[1]]   # the other stream goes on
    bench.write(ENDS[1], b"nor this")
    assert bench.read(ENDS[1], 8) == b"nor this"
    stop(bench, TOP, 1)
    assert passing(bench) == []


@pytest.mark.parametrize("fault, step", [("km-refuse", "program_keys"), ("go-refuse", "go_receive"),
                                         ("stays-insecure", "await_secure")])
def test_a_failure_takes_it_back(bench, fault, step):
    bench.controller.json("establish", ENDS[1], "--stream", "1")
    bench.platform.misbehave(ENDS[0], fault)
    timeout = bench.controller.error("establish", ENDS[0], "--stream", "0")
    assert (timeout["step"], timeout["device"]) == (step, ENDS[0])
    assert passing(bench) == [UP, DOWN[1]]


def test_what_somebody_else_has_on_stays_on(bench):
    set_flow_through(bench, UP, True)
    bench.controller.json("establish", ENDS[0], "--stream", "0")
    assert passing(bench) == [UP, DOWN[0]]
    stop(bench, ENDS[0], 0)
    assert passing(bench) == [UP]
    set_flow_through(bench, UP, False)


# --- link streams ----------------------------------------------------------------------------------------------------


def test_each_link_has_a_stream_with_keys_of_its_own(bench):
    done = bench.controller.json("establish", ENDS[0], "--link")
    assert [(s["stream"], s["root_port"], s["endpoint"], s["state"]) for s in done["streams"]] == [
        (0, TOP, UP, "secure"), (1, DOWN[0], ENDS[0], "secure")]
    assert passing(bench) == []   # on each link anew
    bench.frames()
    bench.write(ENDS[0], b"decrypted and encrypted on the way")
    assert bench.read(ENDS[0], 34) == b"decrypted and encrypted on the way"
    bench.platform.tell(f"dma {ENDS[0]} write 0x1000 00112233")
    assert bench.platform.setpci(ENDS[0], "VENDOR_ID.w") == "1b36"
    assert by_link(bench.frames()) == {(TOP, UP): {0}, (DOWN[0], ENDS[0]): {1}}
    # the neighbour's link has none
    bench.write(ENDS[1], b"in the clear at the end")
    assert by_link(bench.frames()) == {(TOP, UP): {0}, (DOWN[1], ENDS[1]): {None}}
    assert [s["stream"] for s in bench.controller.json("show", UP)["streams"]] == [0]
    assert [s["stream"] for s in bench.controller.json("show", DOWN[0])["streams"]] == [1]


@pytest.mark.parametrize("named, link", [(UP, (TOP, UP)), (TOP, (TOP, UP)), (DOWN[1], (DOWN[1], ENDS[1]))])
def test_a_port_names_its_link(bench, named, link):
    done = bench.controller.json("establish", named, "--link", "--stream", "9")
    assert [(s["stream"], s["root_port"], s["endpoint"]) for s in done["streams"]] == [(9, *link)]
    assert {f for f, _, _ in bench.in_use()} == set(link)
    assert bench.controller.json("rekey", named)["streams"][0]["key_set"] == 1
    stop(bench, named, 9)


def test_both_kinds_over_a_switch(bench):
    done = bench.controller.json("establish", ENDS[0], "--link", "--selective", "--stream", "5")
    assert sorted((s["kind"], s["stream"]) for s in done["streams"]) == [("link", 0), ("link", 1), ("selective", 5)]
    assert passing(bench) == [UP, DOWN[0]]
    bench.frames()
    bench.write(ENDS[0], b"from end to end")
    assert by_link(bench.frames()) == {(TOP, UP): {5}, (DOWN[0], ENDS[0]): {5}}
    bench.platform.setpci(ENDS[0], "VENDOR_ID.w")
    assert by_link(bench.frames()) == {(TOP, UP): {0}, (DOWN[0], ENDS[0]): {1}}
    # the links go first: what is on the selective stream does not notice
    stop(bench, UP, 0)
    stop(bench, DOWN[0], 1)
    bench.write(ENDS[0], b"still end to end")
    assert bench.read(ENDS[0], 16) == b"still end to end"
    assert {(s["stream"], s["state"]) for s in bench.controller.json("show")["streams"]} == {(5, "secure")}


def test_all_streams_get_new_keys_together(bench):
    bench.controller.json("establish", ENDS[0], "--link", "--selective")
    bench.controller.json("establish", ENDS[1], "--stream", "8")
    streams = bench.controller.json("rekey")["streams"]
    assert {s["stream"]: s["key_set"] for s in streams} == {0: 1, 1: 1, 2: 1, 8: 1}
    bench.write(ENDS[0], b"with new keys")
    assert bench.read(ENDS[0], 13) == b"with new keys"


def test_a_link_that_fails_says_so_and_the_others_come_up(bench):
    bench.platform.misbehave(DOWN[0], "km-refuse")
    done = bench.controller.ctl("--json", "establish", ENDS[0], "--link")
    reply = json.loads(done.stdout)
    assert done.returncode == 1
    assert (reply["error"]["code"], reply["error"]["device"]) == ("km_refused", DOWN[0])
    assert [s["root_port"] for s in reply["result"]["streams"]] == [TOP]


def test_a_switch_without_keys_has_no_link_streams_and_selective_ones_pass(bench):
    error = bench.controller.error("establish", PLAIN_END, "--link")
    assert (error["code"], error["device"]) == ("no_doe", PLAIN_UP)
    assert bench.controller.json("establish", PLAIN_END)["state"] == "secure"


def test_nothing_below_a_link_is_busy_while_its_stream_comes_up(bench):
    """A half-on link stream cuts off all that is below it: operations there wait for each other."""
    monitor = subprocess.Popen([program("ide-ctl"), "--connect", bench.controller.endpoint, "--json", "monitor"],
                               stdout=subprocess.PIPE, text=True)
    try:
        assert json.loads(monitor.stdout.readline())["event"] == "hello"
        bench.platform.misbehave(UP, "late=40")
        threads = [threading.Thread(target=bench.controller.json, args=("establish", *arguments))
                   for arguments in ((UP, "--link"), (ENDS[0],), (ENDS[1],), (DOWN[1], "--link"))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(bench.controller.json("show")["streams"]) == 4
        running, finished = set(), 0
        while finished < 4:
            event = json.loads(monitor.stdout.readline())
            if event["event"] != "operation":
                continue
            ends = (event["root_port"], event["endpoint"])
            if event["state"] == "started":
                running.add(ends)
            else:
                running.remove(ends)
                finished += 1
            assert (TOP, UP) not in running or len(running) == 1, running
            assert not {(DOWN[1], ENDS[1]), (TOP, ENDS[1])} <= running, running
    finally:
        monitor.terminate()
        monitor.wait()
        monitor.stdout.close()
