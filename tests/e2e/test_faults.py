# SPDX-License-Identifier: GPL-2.0-or-later
"""A reset, a link that goes down and a device that is pulled out in the middle of establish, rekey and stop.

The controller stops at a point of the operation (IDE_KMD_STOP, docs/testing.md), the platform gets its order, and the
controller goes on. The points are those of test_kills.py. One platform and one controller serve a whole walk: whatever
became of the last point, the next one begins with the stream Secure at both ends. tools/check takes a few points of each
fault, one fault after the other; with IDE_KM_KILL_STRIDE each fault has a walk of its own.
"""

import os
import re
import signal
import sqlite3
import time

import pytest

from kills import (END, HOPS, PORT, ROT, SWITCH, SWITCH_END, cxl_is_off, cxl_states, eventually, hop_states, is_off,
                   make_field)

STREAM = 5
TIMEOUT = ["--timeout", "2"]   # a device that was reset does not answer in a session that it has forgotten
# Short waits, so that a walk is about what happens at its points: for answers, between looks, before another attempt.
QUICK = ["--timeout", "1500ms", "--watch-interval", "20ms"]
REVERSED = os.environ.get("IDE_KM_TEST_ORDER") == "reverse"
ALONE = "IDE_KM_KILL_STRIDE" in os.environ
STRIDE = int(os.environ.get("IDE_KM_KILL_STRIDE", 24))   # of how many points one is taken
WISH = 64   # bytes of the file that says where to stop
OPERATIONS = pytest.mark.parametrize("operation, least", [("establish", 50), ("rekey", 30), ("stop", 20)])
CONFIG = """[policy]
retry-first = 20ms
retry-most = 100ms
[stream five]
{kind}
[device {end}]
streams = five
refresh-attempts = {attempts}
"""


def faults_of(end):
    """What happens, what takes it away, and at which port it does not take the blocks of others with it."""
    return {
        "reset": (f"reset {end}", None, PORT),
        "reset_root_port": (f"reset {PORT}", None, end),
        "link_down": (f"link-down {end}", f"link-up {end}", PORT),
        "pulled_out": (f"remove {end}", f"insert {end}", PORT),
    }


FAULTS = {provider: faults_of(END) for provider in ("doe", "kcu", "rot", "link", "cxl-kcu", "cxl-doe")}
FAULTS["rot"]["reset_root_of_trust"] = (f"reset {ROT}", None, PORT)
FAULTS["switch"] = {
    **faults_of(SWITCH_END),
    "reset_root_port": (f"reset {PORT}", None, None),   # others below the switch would want its ports to pass IDE TLPs on
    "link_above_down": (f"link-down {PORT}", f"link-up {PORT}", PORT),
    "switch_pulled_out": (f"remove {SWITCH[0]}", f"insert {SWITCH[0]}", PORT),
}
FAULTS["upper"] = FAULTS["lower"] = {   # of a stream on each link: the one of which an operation is walked
    **FAULTS["switch"],
    "reset_root_port": (f"reset {PORT}", None, SWITCH_END),
    "reset_switch": (f"reset {SWITCH[0]}", None, PORT),
    "reset_switch_below": (f"reset {SWITCH[1]}", None, PORT),
}


def cases(providers):
    """(provider, its faults)"""
    return [pytest.param(provider, faults, id="-".join([provider, *faults[:ALONE]])) for provider in providers
            for faults in ([[fault] for fault in FAULTS[provider]] if ALONE else [list(FAULTS[provider])])]


class Walk:
    """One operation after the other on one platform, each with a fault at another point."""

    KIND, PREFIX, MEMBERS = f"stream = {STREAM}", "", {"bdf": PORT, "stream": STREAM}

    def __init__(self, provider, options=QUICK):
        self.field = field = make_field({"link": "doe", "upper": "hops", "lower": "hops"}.get(provider, provider), options)
        self.provider = provider
        self.config = field.directory / "ide-kmd.conf"
        self.attempts = 3
        self.write_config()
        field.options = [*field.options, "--config", str(self.config)]
        self.meet(None, None, None)
        self.wish = field.directory / "stop-at"
        self.wish.write_bytes(bytes(WISH))
        self.seen = 0   # of the log

    def kind(self, provider):
        return self.KIND + ("\nlink = yes" if provider == "link" else "")

    def write_config(self):
        self.config.write_text(CONFIG.format(kind=self.kind(self.provider), end=self.field.end, attempts=self.attempts))

    def meet(self, order, back, other):
        """The fault from now on."""
        self.order, self.back = order, back
        self.field.add_foreign_at(other)

    # ---- what must hold ----------------------------------------------------------------------------------------

    def tell(self, order):
        if order:
            self.field.platform.tell(order)

    def log(self):
        """What the controller has said since this point began."""
        with open(self.daemon.log, encoding="utf-8") as log:
            log.seek(self.seen)
            return log.read()

    def wait(self, condition):
        eventually(condition, lambda: f"{self.order}\n{self.field.ours()}\n{self.log()}")

    def secure(self):
        return {(e[0], e[3], e[4]) for e in self.field.ours()} == {(PORT, True, "secure"), (self.field.end, True, "secure")}

    def says_secure(self):
        return [s["state"] for s in self.daemon.streams() if s["owner"] == "controller"] == ["secure"]

    def is_up(self):
        self.wait(lambda: self.secure() and self.says_secure())
        self.field.check_others()

    def is_off(self):
        is_off(self.field, self.daemon)
        self.field.check_others()

    def is_off_at_the_end(self):
        assert self.field.ours() == []

    # ---- a walk ------------------------------------------------------------------------------------------------

    def start(self):
        self.daemon = self.field.start(IDE_KMD_STOP=str(self.wish))
        self.is_up()
        self.wait(lambda: "establish of" in done_lines(self.daemon))

    def stop_at(self, operation, point):
        """The next such operation will."""
        self.seen = self.daemon.log.stat().st_size
        with open(self.wish, "r+b") as file:
            file.write(f"{self.PREFIX}{operation}:{point}\n".encode().ljust(WISH, b"\0"))

    def want_anew(self):
        """What somebody has stopped is the configuration's again, as that wants it otherwise: by a number that plays no role."""
        self.attempts = 7 - self.attempts
        self.write_config()
        self.daemon.process.send_signal(signal.SIGHUP)

    def begin(self, operation, point):
        if operation == "establish":   # that is the configuration's
            assert "result" in self.daemon.ask(self.PREFIX + "stop", **self.MEMBERS), self.log()
            self.is_off()
        self.stop_at(operation, point)
        if operation == "establish":
            self.want_anew()
        else:
            self.daemon.send(self.PREFIX + operation, **self.MEMBERS)

    def at(self, operation, point):
        """Does it once, with the fault at a point. 0 if it has so many, else how many it has."""
        for _ in range(4):   # on a busy machine it may fail by itself
            count = self.once_at(operation, point)
            if count == 0 or "failed at" not in self.log():
                break
        return count

    def once_at(self, operation, point):
        self.begin(operation, point)
        count = self.stops()
        if count == 0:
            self.tell(self.order)
            self.daemon.process.send_signal(signal.SIGCONT)
        answer = self.daemon.receive(operation) if operation != "establish" else None
        if operation == "stop":
            self.check_stopped(count == 0, answer)
        else:
            self.check_wanted(count == 0)
        return count

    def stops(self):
        """Waits until it stands at the point, or has got through."""
        end = time.monotonic() + 60
        while not is_stopped(self.daemon):
            passed = re.search(r"IDE_KMD_STOP: the \S+ had (\d+) points", self.log())
            if passed:
                return int(passed[1])
            assert self.daemon.process.poll() is None and time.monotonic() < end, self.log()
            time.sleep(0.003)
        return 0

    def check_wanted(self, stopped):
        """Off at both ends as long as it cannot be there, and there again as soon as it can."""
        if self.back and stopped:
            self.is_off()
            self.tell(self.back)
        self.is_up()

    def check_stopped(self, stopped, answer):
        """Off at both ends, whatever was answered, and that it stays; until the configuration wants it otherwise."""
        self.is_off()
        if self.back and stopped:
            self.tell(self.back)
        self.is_off()
        assert "error" in self.daemon.ask(self.PREFIX + "rekey", **self.MEMBERS), answer
        self.is_off()
        self.want_anew()
        self.is_up()

    def all_points(self, operation, faults):
        """Each, or one of so many: others for each fault, for each provider, and backwards. How many points there are."""
        self.start()
        count = self.at(operation, 1000000)
        shift = 7 * list(FAULTS).index(self.provider) + 12 * REVERSED
        for n, fault in sorted(enumerate(faults), reverse=REVERSED):
            self.meet(*FAULTS[self.provider][fault])
            for point in sorted(range(1 + (shift + 5 * n) % STRIDE, count + 1, STRIDE), reverse=REVERSED):
                passed = self.at(operation, point)
                assert passed == 0 or point > count - 3, self.log()
        self.daemon.close()
        self.is_off_at_the_end()
        return count


def done_lines(daemon):
    return "\n".join(line for line in daemon.log.read_text().splitlines() if line.endswith(": done"))


def is_stopped(daemon):
    return os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None


@pytest.fixture
def make_walk():
    walks = []

    def make(provider):
        kind = CxlWalk if provider.startswith("cxl") else HopWalk if provider in HOPS else Walk
        walks.append(kind(provider))
        return walks[0]

    yield make
    for walk in walks:
        walk.field.close()


@OPERATIONS
@pytest.mark.parametrize("provider, faults", cases(["doe", "kcu", "rot", "switch", "link"]))
def test_a_fault_in_the_middle_of(make_walk, provider, faults, operation, least):
    assert make_walk(provider).all_points(operation, faults) > least


# ---- a stream on each link -----------------------------------------------------------------------------------------

class HopWalk(Walk):
    """A link stream from the root port to the switch, and one from the switch to the device: operations of one of them."""

    KIND = "link = yes"

    def __init__(self, provider):
        self.down, self.stopped = set(), set()   # links that are, and whose streams are
        super().__init__(provider)

    def meet(self, order, back, other):
        super().meet(order, back, other)
        # the stream of the upper link is wanted for the device below the lower one
        self.cut = set() if not back else {"lower"} if order == f"link-down {SWITCH_END}" else set(HOPS)

    @property
    def MEMBERS(self):
        return {"bdf": HOPS[self.provider][1 if self.provider == "upper" else 0], "stream": self.number}

    def tell(self, order):
        super().tell(order)
        self.down = self.cut if order == self.order else set()

    def secure(self):
        return set(hop_states(self.field).values()) == {"up"}

    def says_secure(self):
        return [s["state"] for s in self.daemon.streams() if s["owner"] == "controller"] == ["secure"] * 2

    def is_off(self):
        """What cannot be there, or has been stopped; what can be there is Secure."""
        off = self.down | self.stopped
        self.wait(lambda: hop_states(self.field) == {hop: "off" if hop in off else "up" for hop in HOPS})
        assert self.field.flowing() == []
        self.field.check_others()

    def begin(self, operation, point):
        [self.number] = [s["stream"] for s in self.daemon.streams() if s["root_port"] == HOPS[self.provider][0]
                         and s["owner"] == "controller"]
        self.stopped = {self.provider} if operation != "rekey" else set()
        super().begin(operation, point)
        if operation == "establish":
            self.stopped = set()


@OPERATIONS
@pytest.mark.parametrize("provider, faults", cases(HOPS))
def test_a_fault_in_the_middle_of_one_on_each_link(make_walk, provider, faults, operation, least):
    assert make_walk(provider).all_points(operation, faults) > least


# ---- CXL.cachemem ----------------------------------------------------------------------------------------------------

class CxlWalk(Walk):
    """The same of a CXL link."""

    KIND, PREFIX, MEMBERS = "cxl = yes", "cxl_", {"bdf": PORT}

    def secure(self):
        return cxl_states(self.field) == {"containment"}

    def says_secure(self):
        return [link["state"] for link in self.daemon.ask("show")["result"]["cxl_links"]] == ["secure"]

    def is_off(self):
        cxl_is_off(self.field, self.daemon)
        self.field.check_others()

    def is_off_at_the_end(self):
        assert cxl_states(self.field) == {"insecure"}


@pytest.mark.parametrize("operation, least", [("establish", 30), ("rekey", 13), ("stop", 9)])
@pytest.mark.parametrize("provider, faults", cases(["cxl-kcu", "cxl-doe"]))
def test_a_fault_in_the_middle_of_a_cxl_link(make_walk, provider, faults, operation, least):
    assert make_walk(provider).all_points(operation, faults) > least


# ---- a session that is lost ------------------------------------------------------------------------------------------

def sessions(field, bdf):
    """(since when it is closed, why) of all, the oldest first."""
    with sqlite3.connect(f"file:{field.directory}/state.db?mode=ro", uri=True) as db:
        return db.execute("SELECT closed_utc, cause FROM sessions WHERE device = ? ORDER BY id", (bdf,)).fetchall()


def logged(daemon, what, state):
    return [e for e in daemon.ask("log", limit=1000)["result"]["entries"] if (e["what"], e["state"]) == (what, state)]


@pytest.mark.parametrize("at", [PORT, END])
@pytest.mark.parametrize("after", ["a key is programmed", "a key is in use"])
def test_a_refresh_whose_session_is_lost_ends_in_new_keys_from_a_new_session(at, after):
    """Between KEY_PROG and K_SET_GO a device forgets its sessions: the refresh cannot be finished, so the stream is turned
    off and established again, without a word from anybody."""
    walk = Walk("doe", TIMEOUT)
    walk.meet(f"misbehave {at} forget-sessions 1", None, PORT)
    field = walk.field
    try:
        walk.start()
        daemon = walk.daemon
        walk.begin("rekey", after)
        assert walk.stops() == 0
        assert f"stopped by IDE_KMD_STOP: {after}" in daemon.log.read_text()
        walk.tell(walk.order)
        daemon.process.send_signal(signal.SIGCONT)
        error = daemon.receive("rekey")["error"]
        assert error["device"] == at and error["code"] in ("session", "timeout"), error
        daemon.ask("log", limit=1)   # what was handed over to the state file is in it
        [first, *_] = sessions(field, at)
        assert first[0] and first[1] in ("lost: session", "lost: timeout"), sessions(field, at)
        walk.wait(lambda: len(logged(daemon, "operation", "done")) == 3)
        walk.is_up()
        assert [e["operation"] for e in logged(daemon, "operation", "done")] == ["establish", "stop", "establish"]
        walk.tell(f"behave {at}")
        assert "result" in daemon.ask("rekey", bdf=PORT, stream=STREAM)
        daemon.close()
    finally:
        field.close()
