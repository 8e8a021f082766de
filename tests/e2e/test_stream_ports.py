# SPDX-License-Identifier: GPL-2.0-or-later
"""Whom a stream is for: several functions of a device, virtual functions, memory above 4 GiB, other segments, several
ports behind one mailbox, several streams at once."""

import json
import threading
import time

import pytest

from streams import Bench, ide

PORT, FIRST, SECOND = "0000:00:01.0", "0000:01:00.0", "0000:01:00.1"           # one IDE capability for both
DUO_PORT, DUO = "0000:00:02.0", ("0000:02:00.0", "0000:02:00.1", "0000:02:00.2")   # one mailbox, an IDE capability each
WIDE_PORT, WIDE = "0000:00:03.0", ("0000:03:00.0", "0000:03:00.1")             # two windows, one address association
SWITCH_PORT, UP, DOWN, BELOW = "0000:00:04.0", "0000:04:00.0", "0000:05:00.0", "0000:06:00.0"
FLIT_PORT, FLIT = "0001:00:01.0", "0001:01:00.0"
FAR_PORT, FAR = "0002:00:01.0", "0002:01:00.0"
# two windows behind a switch, and a root port that has one address association, or two
NARROW_PORT, NARROW = "0003:00:01.0", ("0003:03:00.0", "0003:03:00.1")
ROOMY_PORT, ROOMY = "0003:00:02.0", ("0003:06:00.0", "0003:06:00.1")


def root(bdf, below, blocks=2, link=2, **more):
    return {"bdf": bdf, "type": "root-port", "doe": True, "ide": ide(8, link, blocks), "below": below, **more}


def end(bdf, selective=4, link=1, **more):
    return {"bdf": bdf, "type": "endpoint", "doe": True, "ide": ide(selective, link), "bar_size": 4096, **more}


def behind_switch(port, bus, ends, blocks):
    down = {"bdf": f"0003:{bus + 1:02x}:00.0", "type": "downstream", "doe": False, "ide": ide(0, 1, flow_through=True),
            "below": [end(ends[0]), end(ends[1], doe=False, ide=False, prefetchable=True)]}
    return root(port, [{"bdf": f"0003:{bus:02x}:00.0", "type": "upstream", "doe": False,
                        "ide": ide(0, 1, flow_through=True), "below": [down]}], blocks=blocks)


@pytest.fixture(scope="module")
def bench():
    down = {"bdf": DOWN, "type": "downstream", "doe": False, "ide": ide(0, 1, flow_through=True), "below": [end(BELOW)]}
    bench = Bench([
        root(PORT, [end(FIRST, 8, 8, vfs=4), end(SECOND, doe=False, ide=False, prefetchable=True)], link=8),
        root(DUO_PORT, [end(DUO[0]), end(DUO[1], doe=False), end(DUO[2], doe=False)]),
        root(WIDE_PORT, [end(WIDE[0]), end(WIDE[1], doe=False, ide=False, prefetchable=True)], blocks=1),
        root(SWITCH_PORT, [{"bdf": UP, "type": "upstream", "doe": True, "ide": ide(0, 1, flow_through=True),
                            "below": [down]}], blocks=1),
        root(FLIT_PORT, [end(FLIT, flit_mode=True)], flit_mode=True),
        root(FAR_PORT, [end(FAR)]),
        behind_switch(NARROW_PORT, 1, NARROW, 1),
        behind_switch(ROOMY_PORT, 4, ROOMY, 2),
    ], ["--timeout", "10"])
    yield bench
    bench.close()


def stop_all(controller):
    """Until nothing is up and nothing wanted: what has lost its session in a test may be on its way back."""
    end = time.monotonic() + 60
    while True:
        now = controller.json("show")
        wanted = [*now["streams"], *(kept for kept in now["kept"] if kept["state"] != "stopped")]
        if not wanted:
            return
        assert time.monotonic() < end, wanted
        for stream in wanted:
            controller.ctl("stop", stream["root_port"], "--stream", str(stream["stream"]))


@pytest.fixture(autouse=True)
def nothing_is_left(bench):
    yield
    stop_all(bench.controller)
    for port in (FIRST, DUO[0], FLIT, FAR):
        bench.platform.behave(port)
    assert bench.in_use() == set()


def establish(bench, bdf, *options):
    up = bench.controller.json("establish", bdf, *options)
    bench.frames()
    return up


def association(bench, port, block=0, blocks=2, links=2):
    """(first and last requester ID, segment, windows) of a selective block of a root port."""
    at = 0x0c + 8 * links + block * (0x14 + 12 * blocks)

    def register(offset):
        return int(bench.platform.setpci(port, f"ECAP0030+{at + offset:x}.l"), 16)

    limit, base = register(0x0c), register(0x10)
    assert base & 1 == 1
    windows = []
    for i in range(blocks):
        low, limit_high, base_high = (register(0x14 + 12 * i + 4 * k) for k in range(3))
        if low & 1:
            windows.append((base_high << 32 | (low & 0xfff00) << 12, limit_high << 32 | (low & 0xfff00000) | 0xfffff))
    return base >> 8 & 0xffff, limit >> 8 & 0xffff, base >> 24, windows


def bar(bench, bdf):
    return (int(bench.platform.setpci(bdf, "BASE_ADDRESS_0.l"), 16) & ~15
            | int(bench.platform.setpci(bdf, "BASE_ADDRESS_1.l"), 16) << 32)


# --- association -----------------------------------------------------------------------------------------------------


def test_a_stream_covers_all_functions_of_the_device_that_share_its_registers(bench):
    stream = establish(bench, FIRST, "--default")
    first, last, segment, windows = association(bench, PORT, links=8)
    # function 0 to the last virtual function, which is behind function 1
    assert (first, last, segment) == (0x100, 0x100 + 8 + 3, 0)
    assert len(windows) == 2 and windows[0][1] < 1 << 32 <= windows[1][0]
    for function, window in ((FIRST, windows[0]), (SECOND, windows[1])):
        assert window[0] <= bar(bench, function) <= window[1]
        bench.frames()
        bench.write(function, b"for this function")
        assert bench.read(function, 17) == b"for this function"
        bench.platform.tell(f"dma {function} write 0x2000 00112233")
        assert bench.platform.tell(f"dma {function} read 0x2000 4") == "00112233"
        assert {f.stream for f in bench.frames()} == {stream["stream"]}
    assert bench.errors(FIRST) == bench.errors(PORT) == []


def test_functions_with_registers_of_their_own_have_streams_of_their_own(bench):
    for number, function in enumerate(DUO):
        assert establish(bench, function, "--default")["stream"] == number
        assert association(bench, DUO_PORT, number)[:2] == (0x200 + number, 0x200 + number)
    for number, function in enumerate(DUO):
        bench.platform.tell(f"dma {function} write 0x2000 00112233")
        assert {f.stream for f in bench.frames()} == {number}


def test_two_windows_in_one_association_are_joined_where_nothing_is_in_between(bench):
    establish(bench, WIDE[0])
    _, last, _, windows = association(bench, WIDE_PORT, blocks=1)
    assert last == 0x301 and len(windows) == 1
    for function in WIDE:
        assert windows[0][0] <= bar(bench, function) <= windows[0][1]
        bench.write(function, b"for this function")
        assert bench.read(function, 17) == b"for this function"
    assert {f.stream for f in bench.frames() if f.memory} == {0}


def test_every_block_can_be_used(bench):
    """Eight of each kind at both ends, one for each traffic class; and no other block of the platform."""
    numbers = {}
    for tc in range(8):
        for stream in establish(bench, FIRST, "--link", "--selective", "--tc", str(tc))["streams"]:
            assert [(e["bdf"], e["block"]) for e in stream["ends"]] == [(PORT, tc), (FIRST, tc)]
            numbers[stream["kind"], tc] = stream["stream"]
    assert sorted(numbers.values()) == list(range(16))
    assert bench.in_use() == {(port, kind, tc) for port in (PORT, FIRST) for kind, tc in numbers}
    for tc in range(8):
        for port in (PORT, FIRST):
            bench.platform.tell(f"class {port} {tc}")
        bench.frames()
        bench.write(FIRST, b"on each of them")
        assert {f.stream for f in bench.frames()} == {numbers["selective", tc]}
        bench.platform.tell(f"dma {FIRST} write 0x2000 00112233")   # no stream's association covers it
        assert {f.stream for f in bench.frames()} == {numbers["link", tc]}
    for port in (PORT, FIRST):
        bench.platform.tell(f"class {port} 0")
        assert bench.errors(port) == []


# --- port index ------------------------------------------------------------------------------------------------------


def test_a_switch_gives_its_ports_their_keys_through_one_mailbox(bench):
    done = establish(bench, BELOW, "--link")
    assert [(s["root_port"], s["endpoint"], s["state"]) for s in done["streams"]] == [
        (SWITCH_PORT, UP, "secure"), (DOWN, BELOW, "secure")]
    bench.write(BELOW, b"both links")
    assert {(f.link, f.stream) for f in bench.frames()} == {((SWITCH_PORT, UP), 0), ((DOWN, BELOW), 1)}
    assert {s["key_set"] for s in bench.controller.json("rekey")["streams"]} == {1}
    bench.controller.json("stop", UP, "--stream", "0")
    # the session that both ports' keys came through lives as long as one of them needs it
    assert bench.controller.json("rekey", DOWN)["streams"][0]["state"] == "secure"


def test_the_session_of_a_shared_mailbox_is_one(bench):
    for function in DUO:
        establish(bench, function)
    bench.platform.misbehave(DUO[0], "altered-record", 1)
    error = bench.controller.error("rekey", DUO[1])
    assert (error["code"], error["device"]) == ("record", DUO[1])
    error = bench.controller.error("rekey", DUO[2])
    assert (error["code"], error["step"], error["device"]) == ("session", "program_keys", DUO[2])


def test_a_port_that_no_index_names_gets_no_keys(bench):
    bench.platform.misbehave(DUO[0], "wrong-bdf")
    error = bench.controller.error("establish", DUO[1])
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "km_mismatch", "query", DUO[1], "BusNum")


def test_a_mailbox_that_knows_no_number_at_all_is_good_for_its_own_port(start_platform, start_controller, tmp_path):
    """As DMTF's spdm-emu: eight ports, each of which says that it is 00:00.0."""
    file = tmp_path / "platform.json"
    file.write_text(json.dumps({"functions": [root(DUO_PORT, [end(DUO[0]), end(DUO[1], doe=False)])]}))
    platform = start_platform("--platform", str(file), identity=tmp_path / "identity")
    controller = start_controller(platform, "--allow-wrong-bdf")
    platform.misbehave(DUO[0], "no-number")
    up = controller.json("establish", DUO[0])
    assert (up["state"], [n["field"] for n in up["notes"]]) == ("secure", ["BusNum"])
    error = controller.error("establish", DUO[1])
    assert (error["code"], error["step"], error["device"], error["field"]) == ("km_mismatch", "query", DUO[1], "BusNum")
    assert [s["state"] for s in controller.json("show", DUO[0])["streams"]] == ["secure"]


# --- segments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("port, function, segment", [(FLIT_PORT, FLIT, 1), (FAR_PORT, FAR, 0)])
def test_a_segment_counts_in_flit_mode_only(bench, port, function, segment):
    up = establish(bench, function)
    assert (up["root_port"], up["endpoint"], up["stream"], up["state"]) == (port, function, 0, "secure")
    assert association(bench, port)[2] == segment
    bench.write(function, b"in another segment")
    assert bench.read(function, 18) == b"in another segment"
    # the same number, in each segment under a host bridge of its own
    assert establish(bench, FIRST, "--stream", "0")["state"] == "secure"
    assert {s["stream"] for s in bench.controller.json("rekey")["streams"]} == {0}


@pytest.mark.parametrize("function", [FLIT, FAR, FIRST])
def test_a_wrong_segment_is_reported(bench, function):
    bench.platform.misbehave(function, "wrong-segment")
    error = bench.controller.error("establish", function)
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "km_mismatch", "query", function, "Segment")
    assert "--allow-wrong-bdf" in error["hint"]


# --- several at once -------------------------------------------------------------------------------------------------


def test_many_streams_come_up_and_go_at_once(bench):
    """All ports together, several streams on the session of a pair of them."""
    wanted = [(function, tc) for function in (FIRST, *DUO, WIDE[0], BELOW, FLIT, FAR) for tc in (0, 1)]
    results = {}

    def work(function, tc):
        results[function, tc] = bench.controller.ctl("--json", "establish", function, "--tc", str(tc), timeout=120)

    threads = [threading.Thread(target=work, args=which) for which in wanted]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = {which: json.loads(result.stdout) for which, result in results.items()}
    assert {which: stream.get("state", stream) for which, stream in done.items()} == dict.fromkeys(wanted, "secure")
    for segment in ("0000", "0001", "0002"):
        numbers = sorted(stream["stream"] for stream in done.values() if stream["root_port"].startswith(segment))
        assert numbers == list(range(len(numbers)))
    assert len({s["rekeys"] for s in bench.controller.json("rekey")["streams"]}) == 1
    bench.controller.stop()   # turns them all off
    assert bench.in_use() == set()
    bench.start()


# ---- more memory than a stream has room for -------------------------------------------------------------------------

def test_a_window_too_many_is_refused_before_any_device_is_talked_to(bench):
    def objects():
        return {f["bdf"]: f["data_objects"] for f in bench.platform.state()["functions"]}
    before = objects()
    for bdf in (NARROW[0], NARROW_PORT):
        error = bench.controller.error("establish", bdf)
        assert (error["code"], error["step"], error["device"], error["field"], error["got"], error["want"]) == (
            "capability", "survey", NARROW_PORT, "Number of Address Association Register Blocks", 1, 2)
        assert "2 windows" in error["message"] and "room for 1" in error["message"]
        assert "hardware" in error["hint"] and error["outcome"] is None
    assert objects() == before
    # a link stream has no addresses, and a root port with two associations takes both windows
    up = bench.controller.json("establish", ROOMY[0])
    assert up["state"] == "secure"
