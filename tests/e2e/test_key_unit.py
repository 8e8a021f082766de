# SPDX-License-Identifier: GPL-2.0-or-later
"""Root ports whose keys come from an Intel Key Configuration Unit: several of them on one unit, and what goes wrong."""

import json
import struct

import pytest

from conftest import ENDPOINT, ROOT_PORT
from test_link import Traffic, errors

UNIT = 0xFE000000


def root_port(bdf, endpoints, **more):
    return {"bdf": bdf, "doe": False, "ide": {"ide_km": False}, "below": endpoints, **more}


def platform_file(directory, **kcu):
    """Two root ports without mailboxes on one unit, and one with a mailbox beside them."""
    path = directory / "platform.json"
    path.write_text(json.dumps({
        "functions": [
            root_port(ROOT_PORT, [{"bdf": ENDPOINT}]),
            root_port("0000:00:05.0", [{"bdf": "0000:06:00.0"}]),
            {"bdf": "0000:00:06.0", "below": [{"bdf": "0000:07:00.0"}]},
        ],
        "kcu": [{"base": hex(UNIT), "streams": 4, "tx_slots": 12, "rx_slots": 15,
                 "root_ports": [ROOT_PORT, "0000:00:05.0"], **kcu}],
    }))
    return str(path)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """Made by the first platform that is started, for the others too."""
    return tmp_path_factory.mktemp("identity")


@pytest.fixture
def unit_platform(start_platform, directory):
    return start_platform("--platform", platform_file(directory))


@pytest.fixture
def unit_controller(unit_platform, start_controller):
    return start_controller(unit_platform)


def secure(platform):
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["state"] == "secure"}


def not_idle(platform):
    return {(f["bdf"], s["index"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["enabled"] or s["stream_id"] != 255
            or any(key != "none" for key_set in s["key_sets"] for keys in key_set.values() for key in keys)}


def unit(platform):
    return platform.state()["kcu"][0]


def is_empty(platform):
    state = unit(platform)
    return (state["tx_slots_in_use"], state["rx_slots_in_use"]) == (0, 0) and not any(
        s["enabled"] or s["stream_id"] for s in state["streams"])


def register(platform, offset, value=None):
    with open(platform.mount / "mem", "r+b", buffering=0) as memory:
        memory.seek(UNIT + offset)
        if value is None:
            return struct.unpack("<I", memory.read(4))[0]
        memory.write(struct.pack("<I", value))


def test_the_tree_has_the_table_and_the_registers(unit_platform):
    table = (unit_platform.mount / "firmware/acpi/tables/KEYP").read_bytes()
    assert (table[:4], struct.unpack_from("<I", table, 4)[0], sum(table) % 256) == (b"KEYP", len(table), 0)
    assert struct.unpack_from("<BxHBBBBQ", table, 40) == (0, 24, 1, 1, 2, 0, UNIT)
    assert struct.unpack_from("<HBBHBB", table, 56) == (0, 0, 3 << 3, 0, 0, 5 << 3)
    assert register(unit_platform, 0) == 3 | 11 << 10 | 14 << 20


def test_a_stream_comes_up_gets_new_keys_and_goes(unit_platform, unit_controller):
    up = unit_controller.json("establish", ENDPOINT, "--stream", "9")
    assert (up["state"], up["provider"], up["notes"]) == ("secure", "kcu", [])
    assert secure(unit_platform) == {(ROOT_PORT, 9), (ENDPOINT, 9)}
    assert unit(unit_platform)["streams"][0] == {"stream_id": 9, "enabled": True}
    for n in range(1, 4):
        done = unit_controller.json("rekey", ENDPOINT)["streams"][0]
        assert (done["key_set"], done["rekeys"], done["state"], done["notes"]) == (n % 2, n, "secure", [])
        assert (unit(unit_platform)["tx_slots_in_use"], unit(unit_platform)["rx_slots_in_use"]) == (3, 3)
    off = unit_controller.json("stop", ENDPOINT, "--stream", "9")
    assert (off["state"], off["notes"]) == ("off", [])
    assert not_idle(unit_platform) == set()
    assert is_empty(unit_platform)


def test_refreshes_under_traffic_lose_nothing(unit_platform, unit_controller):
    """Both root ports of the unit carry traffic while each changes its keys in turn, to key set 1 and back to 0."""
    pairs = [(ROOT_PORT, ENDPOINT), ("0000:00:05.0", "0000:06:00.0")]
    for _, endpoint in pairs:
        unit_controller.json("establish", endpoint)
    traffic = [Traffic(unit_platform, endpoint, 0x10000 << n) for n, (_, endpoint) in enumerate(pairs)]
    try:
        for number in range(1, 5):
            done = unit_controller.json("rekey")["streams"]
            assert [(s["state"], s["rekeys"], s["notes"]) for s in done] == [("secure", number, [])] * 2
    finally:
        for each in traffic:
            each.stop()
    assert min(each.count for each in traffic) > 4
    assert [errors(unit_platform, bdf) for pair in pairs for bdf in pair] == [[]] * 4
    assert len(secure(unit_platform)) == 4


def test_root_ports_share_a_unit_and_others_have_mailboxes(unit_platform, unit_controller):
    providers = {p["bdf"]: p["provider"] for p in unit_controller.json("list")["ports"]}
    assert {b: p for b, p in providers.items() if p} == {ROOT_PORT: "kcu", "0000:00:05.0": "kcu", "0000:00:06.0": "doe"}
    ups = [unit_controller.json("establish", e) for e in (ENDPOINT, "0000:06:00.0", "0000:07:00.0")]
    assert [(u["stream"], u["provider"]) for u in ups] == [(0, "kcu"), (1, "kcu"), (2, "doe")]
    assert len(secure(unit_platform)) == 6
    assert len(unit_controller.json("rekey")["streams"]) == 3
    assert unit_controller.ctl("stop", ENDPOINT, "--stream", "0").returncode == 0
    assert secure(unit_platform) == {("0000:00:05.0", 1), ("0000:06:00.0", 1), ("0000:00:06.0", 2), ("0000:07:00.0", 2)}
    assert unit(unit_platform)["tx_slots_in_use"] == 3
    unit_controller.stop()
    assert not_idle(unit_platform) == set()
    assert is_empty(unit_platform)


# fault, then what establish says: code, step, exchange, field
FAULTS = [
    ("kcu-dead", "io", "authenticate", "KCU open", "Stream Capability"),
    ("kcu-not-ready", "timeout", "program_keys", "KCU prime", "Tx Key Set 0 Ready"),
    ("kcu-no-change", "insecure", "await_secure", "IDE stream secure", "IDE Stream State"),
    ("kcu-slot-error", "insecure", "await_secure", "IDE stream secure", "IDE Stream State"),
]


@pytest.mark.parametrize("fault, code, step, exchange, field", FAULTS, ids=[row[0] for row in FAULTS])
def test_establish_names_what_the_unit_did(fault, code, step, exchange, field, unit_platform, unit_controller):
    unit_platform.misbehave(ROOT_PORT, fault)
    error = unit_controller.error("establish", ENDPOINT, "--stream", "4")
    assert (error["code"], error["step"], error["device"]) == (code, step, ROOT_PORT)
    assert (error["exchange"], error["field"]) == (exchange, field)
    assert (error["outcome"], bool(error["hint"])) == ("the stream is off at both ports", True)
    assert not_idle(unit_platform) == set()
    unit_platform.behave(ROOT_PORT)
    assert is_empty(unit_platform)
    assert unit_controller.json("establish", ENDPOINT, "--stream", "4")["state"] == "secure"


def test_a_unit_that_dies_while_a_stream_is_up(unit_platform, unit_controller):
    unit_controller.json("establish", ENDPOINT, "--stream", "4")
    unit_platform.misbehave(ROOT_PORT, "kcu-dead")
    error = unit_controller.error("rekey", ENDPOINT)
    assert (error["code"], error["step"], error["device"]) == ("io", "program_keys", ROOT_PORT)
    off = unit_controller.json("stop", ENDPOINT, "--stream", "4")
    assert off["state"] == "off"
    assert {n["step"] for n in off["notes"]} == {"disable", "stop_keys", "release"}
    assert secure(unit_platform) == set()
    unit_platform.behave(ROOT_PORT)
    # what it would not let go of is taken back before anything new
    assert unit_controller.json("establish", ENDPOINT, "--stream", "4")["state"] == "secure"
    assert unit(unit_platform)["tx_slots_in_use"] == 3
    assert unit_controller.ctl("stop", ENDPOINT, "--stream", "4").returncode == 0
    assert is_empty(unit_platform)


NOT_CHANGED = "both ports keep the old keys and the new ones, and the next rekey completes this one"


@pytest.mark.parametrize("failures", [1, 2])
def test_a_transmitter_that_does_not_change_keeps_both_key_sets(failures, unit_platform, unit_controller):
    unit_controller.json("establish", ENDPOINT, "--stream", "4")
    unit_platform.misbehave(ROOT_PORT, "kcu-no-change")
    for _ in range(failures):
        error = unit_controller.error("rekey", ENDPOINT)
        assert (error["code"], error["step"], error["exchange"], error["field"], error["outcome"]) == (
            "timeout", "go_transmit", "KCU key set select", "Key Set Status", NOT_CHANGED)
        assert (error["got"], error["want"]) == (3, 2)
        assert secure(unit_platform) == {(ROOT_PORT, 4), (ENDPOINT, 4)}
        assert (unit(unit_platform)["tx_slots_in_use"], unit(unit_platform)["rx_slots_in_use"]) == (6, 6)
    unit_platform.behave(ROOT_PORT)
    traffic = Traffic(unit_platform, ENDPOINT, 0x10000)
    try:
        for rekeys in (1, 2):  # the first completes the one that failed, the next is one as any other
            done = unit_controller.json("rekey", ENDPOINT)["streams"][0]
            assert (done["key_set"], done["rekeys"], done["state"], done["notes"]) == (rekeys % 2, rekeys, "secure", [])
            assert (unit(unit_platform)["tx_slots_in_use"], unit(unit_platform)["rx_slots_in_use"]) == (3, 3)
    finally:
        traffic.stop()
    assert [errors(unit_platform, bdf) for bdf in (ROOT_PORT, ENDPOINT)] == [[], []]
    assert unit_controller.json("stop", ENDPOINT, "--stream", "4")["notes"] == []
    assert is_empty(unit_platform)


def test_slots_and_blocks_run_out(start_platform, start_controller, directory):
    platform = start_platform("--platform", platform_file(directory, tx_slots=5))
    controller = start_controller(platform)
    controller.json("establish", ENDPOINT, "--stream", "1")
    error = controller.error("establish", "0000:06:00.0", "--stream", "2")
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "resources", "program_keys", "0000:00:05.0", "Tx key slot")
    assert secure(platform) == {(ROOT_PORT, 1), (ENDPOINT, 1)}
    error = controller.error("rekey", ENDPOINT)
    assert (error["code"], error["outcome"]) == ("resources", "the stream goes on with its old keys")
    assert secure(platform) == {(ROOT_PORT, 1), (ENDPOINT, 1)}
    assert (unit(platform)["tx_slots_in_use"], unit(platform)["rx_slots_in_use"]) == (3, 3)


def test_what_others_enabled_in_the_unit_is_left_alone(unit_platform, unit_controller):
    block, other_id = 4, 77
    register(unit_platform, block + 0x14, 1 << 20 | 2 << 10 | 0)  # its Tx slots: 0, 2 and 1
    register(unit_platform, block, other_id << 24 | 1)
    register(unit_platform, 4 + 4 * 36 + 0 * 32, 0x11111111)
    error = unit_controller.error("establish", ENDPOINT, "--stream", str(other_id))
    assert (error["code"], error["step"], error["field"]) == ("stream_used", "program_keys", "Stream ID")
    assert unit_controller.json("establish", ENDPOINT, "--stream", "1")["state"] == "secure"
    assert [s["stream_id"] for s in unit(unit_platform)["streams"]] == [other_id, 1, 0, 0]
    assert register(unit_platform, block + 36 + 0x14) == 5 << 20 | 4 << 10 | 3
    assert unit_controller.ctl("stop", ENDPOINT, "--stream", "1").returncode == 0
    assert unit(unit_platform)["tx_slots_in_use"] == 1


def test_a_key_that_was_written_cannot_be_read(unit_platform, unit_controller):
    unit_controller.json("establish", ENDPOINT)
    assert unit(unit_platform)["tx_slots_in_use"] == 3
    size = 4 + 4 * 36 + (12 + 15) * 40
    assert {register(unit_platform, at) for at in range(4 + 4 * 36, size, 4)} == {0}
    with pytest.raises(OSError):
        register(unit_platform, size)


@pytest.mark.parametrize("table, text", [
    (None, "there is no such table"),
    (b"KEYP", "the message ends before the field"),
])
def test_without_a_table_there_is_no_unit_to_insist_on(table, text, platform, directory, start_controller):
    path = directory / "KEYP"
    if table:
        path.write_bytes(table)
    with pytest.raises(AssertionError, match=text):
        start_controller(platform, "--provider", "kcu", "--keyp", str(path))
    # the others do not need it
    controller = start_controller(platform, "--keyp", str(path))
    assert controller.json("establish", ENDPOINT)["provider"] == "doe"
    controller.stop()


def test_a_root_port_that_no_unit_serves(unit_platform, start_controller):
    controller = start_controller(unit_platform, "--provider", "kcu")
    error = controller.error("establish", "0000:07:00.0")
    assert (error["code"], error["step"], error["device"]) == ("provider", "survey", "0000:00:06.0")
    assert controller.json("establish", ENDPOINT)["provider"] == "kcu"


def test_the_mailbox_can_be_insisted_on(unit_platform, start_controller):
    controller = start_controller(unit_platform, "--provider", "doe")
    error = controller.error("establish", ENDPOINT)
    assert (error["code"], error["device"]) == ("no_doe", ROOT_PORT)
    assert controller.json("establish", "0000:07:00.0")["provider"] == "doe"


def test_one_root_port_may_differ_from_the_others(unit_platform, start_controller):
    controller = start_controller(unit_platform, "--provider", "kcu", "--provider", "0000:00:06.0=doe",
                                  "--provider", f"{ROOT_PORT}=kcu", "--provider", f"{ROOT_PORT}=doe")
    assert [controller.json("show", bdf)["provider"] for bdf in (ROOT_PORT, "0000:00:05.0", "0000:00:06.0")] == [
        None, "kcu", "doe"]
    assert "Keys from: kcu" in controller.ctl("show", "0000:00:05.0").stdout
    assert controller.error("establish", ENDPOINT)["code"] == "no_doe"
    assert controller.json("establish", "0000:06:00.0")["provider"] == "kcu"
    assert controller.json("establish", "0000:07:00.0")["provider"] == "doe"


def test_memory_that_cannot_be_reached(unit_platform, start_controller):
    controller = start_controller(unit_platform, "--memory", "/nonexistent")
    error = controller.error("establish", ENDPOINT)
    assert (error["code"], error["step"], error["exchange"], error["device"]) == (
        "access", "authenticate", "KCU open", ROOT_PORT)
    assert not_idle(unit_platform) == set()
