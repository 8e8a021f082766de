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

from kills import (END, HOPS, PORT, SWITCH, Killed, comes_back, cxl_comes_back, cxl_is_off, cxl_states, eventually,
                   hop_states, is_off, is_wanted, make_field)

STREAM = 5
SLOW = ["--timeout", "20"]   # the machine may be busy; nothing is meant to time out
# Of how many points one is taken. tools/check runs the tests twice, the second time backwards: then the other half.
STRIDES = {"doe": 2, "kcu": 11, "rot": 13, "switch": 9, "hops": 13, "cxl-kcu": 9, "cxl-doe": 9}
FIRST = 2 if os.environ.get("IDE_KM_TEST_ORDER") == "reverse" else 1


def stride_of(field):
    return int(os.environ.get("IDE_KM_KILL_STRIDE", STRIDES[field.provider]))


@pytest.fixture(params=["doe", "kcu", "rot", "switch"])
def field(request):
    field = make_field(request.param, SLOW)
    # a stream of others below a switch would need its ports to pass it on
    field.add_foreign(PORT, field.end, PORT if request.param == "switch" else None)
    yield field
    field.close()


def is_off_or_back(field, daemon):
    """An establish that was not answered is off, unless it was written down that the stream is up: then it is that again."""
    if is_wanted(field):
        comes_back(field, daemon)
        assert "result" in daemon.ask("stop", bdf=field.end, stream=STREAM)
    is_off(field, daemon)
    field.check_others()


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
            daemon.buried()
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
    field = make_field("switch", SLOW)
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
    field = make_field("doe", SLOW)
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


# ---- a stream on each link -----------------------------------------------------------------------------------------

@pytest.fixture
def path():
    """A link stream from the root port to the switch, and one from the switch to the device."""
    field = make_field("hops", SLOW)
    field.add_foreign(PORT, field.end, PORT)
    yield field
    field.close()


NAMED = {"upper": (SWITCH[0], 5), "lower": (SWITCH[1], 6)}   # who is asked to have which stream


def hop(daemon, which, verb):
    bdf, stream = NAMED[which]
    answer = daemon.ask(verb, bdf=bdf, stream=stream, **({"link": True} if verb == "establish" else {}))
    assert "result" in answer, answer


def hops_are_as_wanted(field, daemon):
    """Those that are, without a word from anybody."""
    with sqlite3.connect(f"file:{field.directory}/state.db?mode=ro", uri=True) as db:
        ports = {row[0] for row in db.execute("SELECT root_port FROM held_stream WHERE wanted")}
    wanted = {which for which, ends in HOPS.items() if ends[0] in ports}
    eventually(lambda: hop_states(field) == {which: "up" if which in wanted else "off" for which in HOPS},
               lambda: f"{wanted} {hop_states(field)}\n{daemon.log.read_text()}")
    eventually(lambda: [s["state"] for s in daemon.streams() if s["owner"] == "controller"] == ["secure"] * len(wanted),
               daemon.log.read_text)
    assert field.flowing() == []
    field.check_others()
    return wanted


@pytest.mark.parametrize("walked", HOPS)
@pytest.mark.parametrize("operation, least", [("establish", 50), ("rekey", 30), ("stop", 20)])
def test_points_of_one_on_each_link(path, operation, least, walked):
    """An operation of one of the two, while the other is up. The endpoint is reached by both."""
    [other] = HOPS.keys() - {walked}
    daemon = path.start()
    hop(daemon, other, "establish")
    daemon.die()
    point = FIRST
    while True:
        daemon = path.start(f"{operation}:{point}")
        wanted = hops_are_as_wanted(path, daemon)
        assert other in wanted
        if (walked in wanted) != (operation != "establish"):
            hop(daemon, walked, "stop" if operation == "establish" else "establish")
        try:
            hop(daemon, walked, operation)
            break
        except Killed:
            daemon.buried()
        point += stride_of(path)
    assert point > least
    daemon.close()
    assert path.ours() == []


# ---- CXL.cachemem ---------------------------------------------------------------------------------------------------

@pytest.fixture(params=["cxl-kcu", "cxl-doe"])
def cxl(request):
    """A link whose root port has its keys from a key unit, or by its own mailbox."""
    field = make_field(request.param, SLOW)
    yield field
    field.close()


def cxl_is_off_or_back(field, daemon):
    if is_wanted(field):
        cxl_comes_back(field, daemon)
        assert "result" in daemon.ask("cxl_stop", bdf=END)
    cxl_is_off(field, daemon)


def cxl_is_up(field, daemon):
    if not is_wanted(field):
        cxl_is_off(field, daemon)
        assert "result" in daemon.ask("cxl_establish", bdf=END)
    cxl_comes_back(field, daemon)


@pytest.mark.parametrize("operation, check", [("cxl_establish", cxl_is_off_or_back), ("cxl_rekey", cxl_is_up),
                                              ("cxl_stop", cxl_is_up)])
def test_points_of_a_cxl_link(cxl, operation, check):
    point = FIRST
    while True:
        daemon = cxl.start(f"{operation}:{point}")
        check(cxl, daemon)
        try:
            answer = daemon.ask(operation, bdf=END)
            assert "result" in answer, answer
            daemon.close()
            break
        except Killed:
            daemon.buried()
        point += stride_of(cxl)
        assert point < 1000
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
    field = make_field("doe", SLOW)
    try:
        for point in points:
            daemon = field.start(f"{operation}:{point}")
            if operation != "establish" and not is_wanted(field):
                assert "result" in daemon.ask("establish", bdf=END, stream=STREAM)
            if is_wanted(field):
                comes_back(field, daemon)
            with pytest.raises(Killed):
                daemon.ask(operation, bdf=END, stream=STREAM)
            daemon.buried()
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
    field = make_field("doe", SLOW)
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
