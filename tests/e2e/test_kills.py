# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of the controller at each point of establish, rekey and stop: what the next start makes of it.

A point is before and after each step, after each register that was written and each key that was given, and before and after
each commit of the state file (IDE_KMD_KILL, docs/testing.md). One platform serves a whole walk: each start puts in order what
the last kill left, with a stream of somebody else's and one of the kernel's on the same ports.
"""

import os
import sqlite3
import time

import pytest

from kills import END, PORT, Field, Killed, pair
from streams import ide

STREAM = 5
SLOW = ["--timeout", "20"]   # the machine may be busy; nothing is meant to time out
UNIT = 0xFE000000
ROT = "0000:00:1f.0"


def bare(port, end, **more):
    """A root port whose keys somebody else gives it."""
    return {**pair(port, end, **more), "doe": False, "ide": ide(4, 1, ide_km=False)}


def switch():
    """A root port, a switch, and the endpoint below it: all with the same blocks, so that others' streams fit."""
    return {"bdf": PORT, "type": "root-port", "doe": True, "ide": ide(4, 1, blocks=1), "below": [
        {"bdf": "0000:01:00.0", "type": "upstream", "ide": {"flow_through": True}, "below": [
            {"bdf": "0000:02:00.0", "type": "downstream", "ide": {"flow_through": True}, "below": [
                {"bdf": "0000:03:00.0", "type": "endpoint", "doe": True, "ide": ide(4, 1), "bar_size": 4096}]}]}]}


FIELDS = {
    "doe": lambda: Field(options=SLOW),
    "kcu": lambda: Field([bare(PORT, END)], SLOW, kcu=[{"base": hex(UNIT), "streams": 4, "tx_slots": 12, "rx_slots": 12,
                                                        "root_ports": [PORT]}]),
    "rot": lambda: Field([bare(PORT, END), {"bdf": ROT, "type": "rc-endpoint", "doe": True}], [*SLOW, "--rot", ROT],
                         rot={"bdf": ROT, "root_ports": [PORT]}),
    "switch": lambda: Field([switch()], SLOW),
}
# Of how many points one is taken. tools/check runs the tests twice, the second time backwards: then the other half.
STRIDES = {"doe": 2, "kcu": 11, "rot": 13, "switch": 9, "cxl": 9}
FIRST = 2 if os.environ.get("IDE_KM_TEST_ORDER") == "reverse" else 1


def stride_of(field):
    return int(os.environ.get("IDE_KM_KILL_STRIDE", STRIDES[field.provider]))


@pytest.fixture(params=list(FIELDS))
def field(request):
    field = FIELDS[request.param]()
    field.provider, field.end = request.param, "0000:03:00.0" if request.param == "switch" else END
    # a stream of others below a switch would need its ports to pass it on
    field.add_foreign(PORT, field.end, PORT if request.param == "switch" else None)
    yield field
    field.close()


def eventually(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.01)


def is_off(field, daemon):
    """Both ends are, with no key left anywhere, and nothing on the way."""
    eventually(lambda: field.ours() == [], lambda: f"{field.ours()}\n{daemon.log.read_text()}")
    assert field.flowing() == []
    if field.provider == "kcu":
        unit = field.platform.state()["kcu"][0]
        assert (unit["tx_slots_in_use"], unit["rx_slots_in_use"]) == (0, 0), daemon.log.read_text()
        assert not any(s["enabled"] for s in unit["streams"])


def is_wanted(field):
    """Whether the state file says so."""
    with sqlite3.connect(f"file:{field.directory}/state.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM held_stream WHERE wanted").fetchone() == (1,)


def is_off_or_back(field, daemon):
    """An establish that was not answered is off, unless it was written down that the stream is up: then it is that again."""
    if is_wanted(field):
        comes_back(field, daemon)
        assert "result" in daemon.ask("stop", bdf=field.end, stream=STREAM)
    is_off(field, daemon)
    field.check_others()


def comes_back(field, daemon):
    """The stream is wanted: it is Secure again at both ends without a word from anybody."""
    eventually(lambda: [s["state"] for s in daemon.streams() if s["owner"] == "controller"] == ["secure"],
               lambda: daemon.log.read_text())
    assert {(e[0], e[3], e[4]) for e in field.ours()} == {(PORT, True, "secure"), (field.end, True, "secure")}


def walk(field, operation, check):
    """Kills at one point after the other, until the operation gets through; how many there were."""
    point = FIRST
    while True:
        daemon = field.start(f"{operation}:{point}")
        check(field, daemon)
        try:
            answer = daemon.ask(operation, bdf=field.end, stream=STREAM)
            assert "result" in answer, answer
            daemon.close()
            return point
        except Killed:
            daemon.socket.close()
            daemon.process.stdout.close()
        point += stride_of(field)


def test_each_point_of_establish(field):
    points = walk(field, "establish", is_off_or_back)
    assert points > 50
    assert field.ours() == []   # the last one was told to end


def is_up(field, daemon):
    """The stream of the last kill, or, where there was none yet, a new one."""
    if not field.was_up:
        assert "result" in daemon.ask("establish", bdf=field.end, stream=STREAM)
        field.was_up = True
    comes_back(field, daemon)
    field.check_others()


def test_each_point_of_rekey(field):
    field.was_up = False
    assert walk(field, "rekey", is_up) > 30
    assert field.ours() == []


def is_up_again(field, daemon):
    """A stop that was not answered may have been written down or not: then the stream is off, or back."""
    field.check_others()
    if not is_wanted(field):
        is_off(field, daemon)
        assert "result" in daemon.ask("establish", bdf=field.end, stream=STREAM)
    comes_back(field, daemon)


def test_each_point_of_stop(field):
    assert walk(field, "stop", is_up_again) > 30
    assert field.ours() == []


def test_switch_ports_go_on_for_a_stream_of_others_below_them():
    field = FIELDS["switch"]()
    field.provider, field.end = "switch", "0000:03:00.0"
    try:
        field.add_foreign(PORT, field.end)
        daemon = field.start()
        assert "result" in daemon.ask("establish", bdf=field.end, stream=STREAM)
        daemon.die()
        daemon = field.start()
        assert daemon.log.read_text().count("it goes on passing IDE TLPs, because somebody else's stream needs it") == 2
        comes_back(field, daemon)
        field.check_others()
        assert field.flowing() == ["0000:01:00.0", "0000:02:00.0"]
        daemon.close()
        assert field.flowing() == ["0000:01:00.0", "0000:02:00.0"]   # they are the other stream's now
        field.check_others()
    finally:
        field.close()


def test_what_the_configuration_wants_comes_back_unless_somebody_stopped_it():
    field = Field(options=SLOW)
    field.provider, field.end = "doe", END
    config = field.directory / "ide-kmd.conf"
    config.write_text(f"[device {END}]\nstreams = default\n")
    field.options = [*SLOW, "--config", str(config)]
    try:
        daemon = field.start()
        comes_back(field, daemon)
        daemon.die()
        daemon = field.start()
        comes_back(field, daemon)
        [stream] = [s for s in daemon.streams() if s["owner"] == "controller"]
        assert "result" in daemon.ask("stop", bdf=END, stream=stream["stream"])
        daemon.ask("log")   # what was handed over to the state file is in it
        daemon.die()
        daemon = field.start()
        is_off(field, daemon)
        time.sleep(0.5)   # nothing tells that it will not come
        is_off(field, daemon)
        daemon.close()
    finally:
        field.close()


# ---- CXL.cachemem ---------------------------------------------------------------------------------------------------

CXL_UNIT = 0xFE100000


@pytest.fixture(params=["kcu", "doe"])
def cxl(request):
    """A link whose root port has its keys from a key unit, or by its own mailbox."""
    units = [{"base": hex(CXL_UNIT), "protocol": "cxl", "root_ports": [PORT]}] if request.param == "kcu" else []
    functions = [{"bdf": PORT, "ide": ide(4, 1), "cxl": {}, "below": [{"bdf": END, "ide": ide(4, 1), "cxl": {}}]}]
    field = Field(functions, SLOW, kcu=units)
    field.provider = "cxl"
    yield field
    field.close()


def cxl_states(field):
    return {d for f in field.platform.state()["functions"] if f["cxl"] for d in (f["cxl"]["rx"], f["cxl"]["tx"])}


def cxl_is_wanted(field):
    with sqlite3.connect(f"file:{field.directory}/state.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM held_cxl_link WHERE wanted").fetchone() == (1,)


def cxl_comes_back(field, daemon):
    eventually(lambda: [link["state"] for link in daemon.ask("show")["result"]["cxl_links"]] == ["secure"],
               lambda: daemon.log.read_text())
    assert cxl_states(field) == {"containment"}


def cxl_is_off_or_back(field, daemon):
    if cxl_is_wanted(field):
        cxl_comes_back(field, daemon)
        assert "result" in daemon.ask("cxl_stop", bdf=END)
    eventually(lambda: cxl_states(field) == {"insecure"}, lambda: daemon.log.read_text())


def cxl_is_up(field, daemon):
    if not cxl_is_wanted(field):
        eventually(lambda: cxl_states(field) == {"insecure"}, lambda: daemon.log.read_text())
        assert "result" in daemon.ask("cxl_establish", bdf=END)
    cxl_comes_back(field, daemon)


@pytest.mark.parametrize("operation, check", [("cxl_establish", cxl_is_off_or_back), ("cxl_rekey", cxl_is_up),
                                              ("cxl_stop", cxl_is_up)])
def test_points_of_a_cxl_link(cxl, operation, check):
    end, point = time.monotonic() + 120, FIRST
    while True:
        daemon = cxl.start(f"{operation}:{point}")
        check(cxl, daemon)
        try:
            answer = daemon.ask(operation, bdf=END)
            assert "result" in answer, answer
            daemon.close()
            break
        except Killed:
            daemon.socket.close()
            daemon.process.stdout.close()
        point += stride_of(cxl)
        assert time.monotonic() < end
    assert point > 9
    assert cxl_states(cxl) == {"insecure"}


# ---- the platform meanwhile ------------------------------------------------------------------------------------------

def reset(field):
    field.platform.tell(f"reset {END}")


def reset_root_port(field):
    field.platform.tell(f"reset {PORT}")


def cut_the_link(field):
    field.platform.tell(f"link-down {END}")
    field.platform.tell(f"link-up {END}")


def plug(field):
    field.platform.tell(f"remove {END}")
    field.platform.tell(f"insert {END}")


@pytest.mark.parametrize("happens", [reset, reset_root_port, cut_the_link, plug])
@pytest.mark.parametrize("operation, points", [("establish", (25, 60)), ("rekey", (5, 40)), ("stop", (2, 20))])
def test_the_platform_changes_while_nobody_is_there(operation, points, happens):
    """Between the kill and the next start a port is reset, the link goes down, or the device is pulled out and put back."""
    field = Field(options=SLOW)
    field.provider, field.end = "doe", END
    try:
        for point in points:
            daemon = field.start(f"{operation}:{point}")
            if operation != "establish" and not is_wanted(field):
                assert "result" in daemon.ask("establish", bdf=END, stream=STREAM)
            if is_wanted(field):
                comes_back(field, daemon)
            with pytest.raises(Killed):
                daemon.ask(operation, bdf=END, stream=STREAM)
            daemon.socket.close()
            daemon.process.stdout.close()
            happens(field)
            daemon = field.start()
            if is_wanted(field):
                comes_back(field, daemon)
            else:
                is_off(field, daemon)
            daemon.die()
    finally:
        field.close()


def test_a_device_that_is_pulled_out_while_nobody_is_there_has_its_stream_when_it_is_back():
    field = Field(options=SLOW)
    field.provider, field.end = "doe", END
    try:
        daemon = field.start()
        assert "result" in daemon.ask("establish", bdf=END, stream=STREAM)
        daemon.die()
        field.platform.tell(f"remove {END}")
        daemon = field.start()
        eventually(lambda: field.ours() == [], lambda: daemon.log.read_text())
        assert daemon.streams() == [] or all(s["state"] != "secure" for s in daemon.streams())
        field.platform.tell(f"insert {END}")
        comes_back(field, daemon)   # the watch has seen it come
    finally:
        field.close()
