# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of the controller, and faults, where more than one thing goes on: while it puts in order what an earlier kill left,
while it brings back what was wanted, and in the middle of several operations at once."""

import os
import signal
import sqlite3
import time

import pytest

from kills import (CXL_UNIT, END, PORT, ROT, SWITCH, SWITCH_END, Field, Killed, bare, comes_back, cxl_comes_back,
                   cxl_pair, eventually, key_unit, make_field, pair, switch)
from test_faults import TIMEOUT, done_lines, faults_of, is_stopped

STREAM = 5
SLOW = ["--timeout", "20"]   # the machine may be busy; nothing is meant to time out
REVERSED = os.environ.get("IDE_KM_TEST_ORDER") == "reverse"


def points(first, step):
    """Of tools/check's two runs each takes others; with IDE_KM_KILL_STRIDE one that many apart."""
    step = int(os.environ.get("IDE_KM_KILL_STRIDE", step))
    point = first + (step // 2 if REVERSED else 0)
    while True:
        yield point
        point += step


def establish(field, daemon):
    """The one stream or CXL link, or the one on each link, and that it is wanted."""
    if field.provider.startswith("cxl"):
        answer = daemon.ask("cxl_establish", bdf=END)
    else:
        more = {"link": True} if field.provider == "hops" else {"stream": STREAM}
        answer = daemon.ask("establish", bdf=field.end, **more)
    assert "result" in answer, answer


def is_back(field, daemon):
    (cxl_comes_back if field.provider.startswith("cxl") else comes_back)(field, daemon)
    field.check_others()


@pytest.fixture(params=["doe", "kcu", "rot", "switch", "hops", "cxl-kcu", "cxl-doe"])
def field(request):
    field = make_field(request.param, SLOW)
    field.add_foreign(PORT, field.end, PORT if request.param in ("switch", "hops") else None)
    yield field
    field.close()


def leave_a_stream(field):
    """A controller has died with it up."""
    daemon = field.start()
    establish(field, daemon)
    daemon.die()


# ---- while it recovers -----------------------------------------------------------------------------------------------

def test_each_point_of_recovery(field):
    """The next start puts in order what is left, whatever the one before it has done of that."""
    leave_a_stream(field)
    for point in points(1, {"kcu": 13, "hops": 2}.get(field.provider, 1)):   # each register of a unit is one
        daemon = field.start(f"recovery:{point}", waits=False)
        died = not daemon.gets_ready()
        if died:
            daemon.buried()
            daemon = field.start()
        is_back(field, daemon)
        if not died:
            break
        daemon.die()
    # a CXL link that has no unit is off with the sessions of its mailboxes alone
    assert point > {"cxl-kcu": 1, "cxl-doe": 0}.get(field.provider, 4), daemon.log.read_text()
    daemon.close()


def test_each_point_of_what_brings_it_back(field):
    leave_a_stream(field)
    for point in points(1, 40):
        (field.directory / "ide-kmd.log").write_text("")
        daemon = field.start(f"restore:{point}", waits=False)
        if daemon.gets_ready() and not dies(field, daemon):
            break
        daemon.buried()
        field.check_others()
    assert point > (9 if field.provider.startswith("cxl") else 50)
    is_back(field, daemon)
    daemon.close()


def dies(field, daemon):
    """False once what is wanted is back, and what brought it is through."""
    eventually(lambda: "establish of" in done_lines(daemon) or daemon.process.poll() is not None, daemon.log.read_text)
    return daemon.process.poll() is not None


RECOVERY_FAULTS = [("doe", *case) for case in faults_of(END).items()] + [
    ("switch", "link_above_down", (f"link-down {PORT}", f"link-up {PORT}", PORT)),
    ("switch", "switch_pulled_out", (f"remove {SWITCH[0]}", f"insert {SWITCH[0]}", PORT)),
    ("hops", "reset_switch", (f"reset {SWITCH[0]}", None, PORT)),
    ("hops", "pulled_out", (f"remove {SWITCH_END}", f"insert {SWITCH_END}", PORT)),
    ("hops", "link_above_down", (f"link-down {PORT}", f"link-up {PORT}", PORT)),
    ("kcu", "reset_root_port", (f"reset {PORT}", None, None)),
    ("kcu", "unit_dies", (f"misbehave {PORT} kcu-dead", f"behave {PORT}", PORT)),
]


@pytest.mark.parametrize("provider, fault, orders", RECOVERY_FAULTS, ids=[f"{row[0]}-{row[1]}" for row in RECOVERY_FAULTS])
def test_a_fault_in_the_middle_of_recovery(provider, fault, orders):
    """A reset, a link that goes down, or a device that is pulled out while what an earlier run left is put in order."""
    order, back, other = orders
    field = make_field(provider, TIMEOUT)
    try:
        field.add_foreign_at(other)
        # with a unit each register of it is one, and one that is dead is tried again only after a while
        for point in points(*{"kcu": (4, 50), "hops": (1, 4)}.get(provider, (1, 2))):
            leave_a_stream(field)
            (field.directory / "ide-kmd.log").write_text("")
            daemon = field.start(waits=False, IDE_KMD_STOP=f"recovery:{point}")
            stopped = stops_or_serves(daemon)
            if stopped:
                field.platform.tell(order)
                daemon.process.send_signal(signal.SIGCONT)
            assert daemon.gets_ready(), daemon.log.read_text()
            if stopped and back:
                field.platform.tell(back)
            is_back(field, daemon)
            daemon.close()
            assert field.ours() == []   # it was told to end
            if not stopped:
                break
        assert point > 3
    finally:
        field.close()


def stops_or_serves(daemon):
    """True if it stands at the point, False if there is no such point."""
    eventually(lambda: is_stopped(daemon) or daemon.speaks(), daemon.log.read_text)
    return is_stopped(daemon)


def test_switch_ports_that_cannot_be_turned_off_yet_are_still_ours():
    """A key unit that does not answer keeps recovery from its end, while a stream through a switch comes back. When that is
    stopped the switch passes nothing on any more."""
    port, end = "0000:00:02.0", "0000:04:00.0"
    field = Field([switch(), bare(port, end)], SLOW, SWITCH_END, kcu=[key_unit(port)])
    try:
        daemon = field.start()
        assert "result" in daemon.ask("establish", bdf=SWITCH_END, stream=STREAM)
        assert "result" in daemon.ask("establish", bdf=end, stream=STREAM + 1)
        for again in (False, True):
            daemon.die()
            field.platform.tell(f"misbehave {port} kcu-dead")
            daemon = field.start()
            eventually(lambda: [s["stream"] for s in daemon.streams() if s["state"] == "secure"] == [STREAM],
                       daemon.log.read_text)
            assert field.flowing() == list(SWITCH)
            if again:   # before recovery is through
                assert "result" in daemon.ask("stop", bdf=SWITCH_END, stream=STREAM)
                eventually(lambda: field.flowing() == [], daemon.log.read_text)
            field.platform.tell(f"behave {port}")
            eventually(lambda: [s["stream"] for s in daemon.streams() if (s["root_port"], s["state"]) == (port, "secure")] == [
                STREAM + 1], daemon.log.read_text)
            assert "somebody else's stream" not in daemon.log.read_text()
            assert field.flowing() == ([] if again else list(SWITCH))
        daemon.close()
        assert field.ours() == [] and field.flowing() == []
    finally:
        field.close()


# ---- several at once -------------------------------------------------------------------------------------------------

PORTS = [(f"0000:00:0{n}.0", f"0000:0{n}:00.0") for n in range(1, 7)]
UP, OFF = "up", "off"
# What is asked for of each, at once, and what it is before.
AT_ONCE = [("establish", OFF), ("rekey", UP), ("stop", UP), ("establish", OFF), ("rekey", UP), ("cxl_rekey", UP)]


def several():
    """Six root ports: two with mailboxes, one with a key unit, two with a root of trust, one with a CXL link."""
    functions = [pair(*PORTS[0]), pair(*PORTS[1]), bare(*PORTS[2]), bare(*PORTS[3]), bare(*PORTS[4]), cxl_pair(*PORTS[5]),
                 {"bdf": ROT, "type": "rc-endpoint", "doe": True}]
    units = [key_unit(PORTS[2][0]), {"base": hex(CXL_UNIT), "protocol": "cxl", "root_ports": [PORTS[5][0]]}]
    return Field(functions, [*SLOW, "--rot", ROT], kcu=units, rot={"bdf": ROT, "root_ports": [PORTS[3][0], PORTS[4][0]]})


def wanted(field):
    with sqlite3.connect(f"file:{field.directory}/state.db?mode=ro", uri=True) as db:
        return {row[0] for row in db.execute("SELECT root_port FROM held_stream WHERE wanted UNION "
                                             "SELECT root_port FROM held_cxl_link WHERE wanted")}


def secure(field):
    """The root ports of what is Secure at both ends; all else must be off at both."""
    found, state = set(), {f["bdf"]: f for f in field.platform.state()["functions"]}
    for n, ends in enumerate(PORTS):
        if AT_ONCE[n][0].startswith("cxl"):
            now = {state[bdf]["cxl"][way] for bdf in ends for way in ("rx", "tx")}
            up, off = now == {"containment"}, now == {"insecure"}
        else:
            blocks = [[s for s in state[bdf]["streams"] if s["stream_id"] == n] for bdf in ends]
            up = all(len(b) == 1 and b[0]["enabled"] and b[0]["state"] == "secure" for b in blocks)
            off = not any(blocks)
        if not up and not off:
            return None
        if up:
            found.add(ends[0])
    return found


def order(daemon, n, verb):
    more = {} if verb.startswith("cxl") else {"stream": n}
    daemon.send(verb, id=n, bdf=PORTS[n][1], **more)


def prepare(field, daemon):
    """Each as it is to be before, one after the other."""
    for n, (verb, before) in enumerate(AT_ONCE):
        is_up = PORTS[n][0] in wanted(field)
        if is_up != (before == UP):
            prefix = "cxl_" if verb.startswith("cxl") else ""
            order(daemon, n, prefix + ("stop" if is_up else "establish"))
            assert "result" in daemon.receive(verb)


@pytest.mark.parametrize("counted", ["establish", "rekey", "stop", "cxl_rekey"])
def test_a_kill_in_the_middle_of_several_operations(counted):
    """Points are those of all operations that run while the counted one does."""
    field = several()
    try:
        field.start().close()
        answered = {}
        for point in points(7, 120):
            daemon = field.start()
            eventually(lambda: secure(field) == wanted(field), lambda: f"{secure(field)} {wanted(field)}\n{daemon.log.read_text()}")
            for n, verb in answered.items():
                assert (PORTS[n][0] in wanted(field)) == (verb != "stop"), (n, verb)
            prepare(field, daemon)
            daemon.die()
            daemon = field.start(f"{counted}:{point}")
            eventually(lambda: secure(field) == wanted(field), lambda: f"{secure(field)} {wanted(field)}\n{daemon.log.read_text()}")
            eventually(lambda: told(daemon) == wanted(field), daemon.log.read_text)
            answered = {}
            for n, (verb, _) in enumerate(AT_ONCE):
                order(daemon, n, verb)
            try:
                while len(answered) < len(AT_ONCE):
                    answer = daemon.receive(AT_ONCE)
                    assert "result" in answer, answer
                    answered[answer["id"]] = AT_ONCE[answer["id"]][0]
                break
            except Killed:
                daemon.buried()
        assert point > 7
        daemon.close()
        assert secure(field) == set()
    finally:
        field.close()


def told(daemon):
    shown = daemon.ask("show")["result"]
    return {s["root_port"] for s in shown["streams"] + shown["cxl_links"] if s["state"] == "secure"}


def test_a_link_that_is_down_at_the_start_has_its_stream_when_it_is_up():
    """The device is in the tree all the while, so that nobody comes or goes."""
    field = make_field("doe", TIMEOUT)
    try:
        leave_a_stream(field)
        field.platform.tell(f"link-down {END}")
        daemon = field.start()
        eventually(lambda: [k["state"] for k in daemon.ask("show")["result"]["kept"]] == ["absent"], daemon.log.read_text)
        time.sleep(1.5)   # until the watch has looked, too
        field.platform.tell(f"link-up {END}")
        comes_back(field, daemon)
        daemon.close()
    finally:
        field.close()
