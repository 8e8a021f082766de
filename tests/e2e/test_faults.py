# SPDX-License-Identifier: GPL-2.0-or-later
"""A reset, a link that goes down and a device that is pulled out in the middle of establish, rekey and stop.

The controller stops at a point of the operation (IDE_KMD_STOP, docs/testing.md), the platform gets its order, and the
controller goes on. The points are those of test_kills.py.
"""

import os
import signal
import sqlite3
import time

import pytest

from kills import END, PORT, ROT, SWITCH, SWITCH_END, cxl_is_off, cxl_states, eventually, is_off, make_field

STREAM = 5
TIMEOUT = ["--timeout", "2"]   # a device that was reset does not answer in a session that it has forgotten
REVERSED = os.environ.get("IDE_KM_TEST_ORDER") == "reverse"
# Of how many points one is taken, and how many of them; with IDE_KM_KILL_STRIDE all that there are.
STRIDE = int(os.environ.get("IDE_KM_KILL_STRIDE", 24))
AT_MOST = {"doe": 2}   # and of all else 1
OPERATIONS = pytest.mark.parametrize("operation, least", [("establish", 50), ("rekey", 30), ("stop", 30)])
CONFIG = """[policy]
retry-first = 100ms
retry-most = 300ms
[stream five]
{kind}
[device {end}]
streams = five
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


def cases(providers):
    """(provider, fault, the first point): no two begin at the same one, nor do tests that run backwards."""
    every = [(provider, fault) for provider in providers for fault in FAULTS[provider]]
    return [pytest.param(provider, fault, 1 + (5 * n + 12 * REVERSED) % min(STRIDE, 24), id=f"{provider}-{fault}")
            for n, (provider, fault) in enumerate(every)]


class Walk:
    """One operation after the other on one platform, each with a fault at another point."""

    KIND, PREFIX, MEMBERS = f"stream = {STREAM}", "", {"bdf": PORT, "stream": STREAM}

    def __init__(self, provider, order, back, other):
        self.field = field = make_field("doe" if provider == "link" else provider, TIMEOUT)
        self.provider, self.order, self.back = provider, order, back
        config = field.directory / "ide-kmd.conf"
        config.write_text(CONFIG.format(kind=self.KIND + ("\nlink = yes" if provider == "link" else ""), end=field.end))
        field.options = [*field.options, "--config", str(config)]
        field.add_foreign_at(other)

    def tell(self, order):
        if order:
            self.field.platform.tell(order)

    def secure(self):
        return {(e[0], e[3], e[4]) for e in self.field.ours()} == {(PORT, True, "secure"), (self.field.end, True, "secure")}

    def wait(self, condition, daemon):
        eventually(condition, lambda: f"{self.field.ours()}\n{daemon.log.read_text()}")

    def says_secure(self, daemon):
        return [s["state"] for s in daemon.streams() if s["owner"] == "controller"] == ["secure"]

    def is_up(self, daemon):
        self.wait(lambda: self.says_secure(daemon) and self.secure(), daemon)
        self.field.check_others()

    def is_off(self, daemon):
        is_off(self.field, daemon)
        self.field.check_others()

    def start(self, operation, point):
        """A controller that will stop there; with the stream up, if it is not to establish it."""
        log = self.field.directory / "ide-kmd.log"
        log.write_text("")
        daemon = self.field.start(IDE_KMD_STOP=f"{self.PREFIX}{operation}:{point}")
        if operation != "establish":
            self.wait(self.secure, daemon)
            self.wait(lambda: "establish of" in done_lines(daemon), daemon)
        return daemon

    def at(self, operation, point):
        """Does it once, with the fault at a point; False if the operation has not so many."""
        daemon = self.start(operation, point)
        if operation != "establish":   # that is the configuration's
            daemon.send(self.PREFIX + operation, **self.MEMBERS)
        has_stopped = stops(daemon, operation)
        if has_stopped:
            self.tell(self.order)
            daemon.process.send_signal(signal.SIGCONT)
        answer = daemon.receive(operation) if operation != "establish" else None
        if operation == "stop":
            self.check_stopped(daemon, answer)
        else:
            self.check_wanted(daemon)
        daemon.close()
        self.is_off_at_the_end()
        forget_that_it_was_stopped(self.field)
        return has_stopped

    def is_off_at_the_end(self):
        assert self.field.ours() == []

    def all_points(self, operation, first):
        """How many points there are, or, if not all are wanted, 0."""
        point, left = first, None if "IDE_KM_KILL_STRIDE" in os.environ else AT_MOST.get(self.provider, 1)
        while left != 0 and self.at(operation, point):
            point += STRIDE
            left = left and left - 1
        return 0 if left == 0 else point

    def check_wanted(self, daemon):
        """Off at both ends as long as it cannot be there, and there again as soon as it can."""
        if self.back and "stopped by" in daemon.log.read_text():
            self.is_off(daemon)
            self.tell(self.back)
        self.is_up(daemon)

    def check_stopped(self, daemon, answer):
        """Off at both ends, whatever was answered, and that it stays."""
        self.is_off(daemon)
        if self.back and "stopped by" in daemon.log.read_text():
            self.tell(self.back)
        self.is_off(daemon)
        assert "error" in daemon.ask(self.PREFIX + "rekey", **self.MEMBERS), answer
        self.is_off(daemon)


def done_lines(daemon):
    return "\n".join(line for line in daemon.log.read_text().splitlines() if line.endswith(": done"))


def is_stopped(daemon):
    return os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None


def stops(daemon, operation):
    """Waits until it stands at the point, or has got through."""
    end = time.monotonic() + 60
    while not is_stopped(daemon):
        if operation == "establish" and "establish of" in done_lines(daemon) or daemon.socket.poll(5):
            return False
        assert daemon.process.poll() is None and time.monotonic() < end, daemon.log.read_text()
    return True


def forget_that_it_was_stopped(field):
    """So that the next start of the controller has it again, as after a new installation."""
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (field.directory / name).unlink(missing_ok=True)


@pytest.fixture
def make_walk():
    walks = []

    def make(provider, fault):
        walks.append((CxlWalk if provider.startswith("cxl") else Walk)(provider, *FAULTS[provider][fault]))
        return walks[0]

    yield make
    for walk in walks:
        walk.field.close()


@OPERATIONS
@pytest.mark.parametrize("provider, fault, first", cases(["doe", "kcu", "rot", "switch", "link"]))
def test_a_fault_in_the_middle_of(make_walk, provider, fault, first, operation, least):
    points = make_walk(provider, fault).all_points(operation, first)
    assert points == 0 or points > least


# ---- CXL.cachemem ----------------------------------------------------------------------------------------------------

class CxlWalk(Walk):
    """The same of a CXL link."""

    KIND, PREFIX, MEMBERS = "cxl = yes", "cxl_", {"bdf": PORT}

    def secure(self):
        return cxl_states(self.field) == {"containment"}

    def says_secure(self, daemon):
        return [link["state"] for link in daemon.ask("show")["result"]["cxl_links"]] == ["secure"]

    def is_off(self, daemon):
        cxl_is_off(self.field, daemon)
        self.field.check_others()

    def is_off_at_the_end(self):
        assert cxl_states(self.field) == {"insecure"}


@pytest.mark.parametrize("operation, least", [("establish", 30), ("rekey", 14), ("stop", 9)])
@pytest.mark.parametrize("provider, fault, first", cases(["cxl-kcu", "cxl-doe"]))
def test_a_fault_in_the_middle_of_a_cxl_link(make_walk, provider, fault, first, operation, least):
    points = make_walk(provider, fault).all_points(operation, 1 + first % 8)
    assert points == 0 or points > least


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
    walk = Walk("doe", f"misbehave {at} forget-sessions 1", None, PORT)
    field = walk.field
    try:
        daemon = walk.start("rekey", after)
        daemon.send("rekey", bdf=PORT, stream=STREAM)
        assert stops(daemon, "rekey")
        assert f"stopped by IDE_KMD_STOP: {after}" in daemon.log.read_text()
        walk.tell(walk.order)
        daemon.process.send_signal(signal.SIGCONT)
        error = daemon.receive("rekey")["error"]
        assert error["device"] == at and error["code"] in ("session", "timeout"), error
        daemon.ask("log", limit=1)   # what was handed over to the state file is in it
        [first, *_] = sessions(field, at)
        assert first[0] and first[1] in ("lost: session", "lost: timeout"), sessions(field, at)
        walk.wait(lambda: len(logged(daemon, "operation", "done")) == 3, daemon)
        walk.is_up(daemon)
        assert [e["operation"] for e in logged(daemon, "operation", "done")] == ["establish", "stop", "establish"]
        walk.tell(f"behave {at}")
        assert "result" in daemon.ask("rekey", bdf=PORT, stream=STREAM)
        daemon.close()
    finally:
        field.close()
