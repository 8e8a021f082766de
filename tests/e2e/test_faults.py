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

from kills import END, FOREIGN_BLOCK, FOREIGN_ID, KERNEL_BLOCK, PORT, Field

STREAM = 5
TIMEOUT = ["--timeout", "2"]   # a device that was reset does not answer in a session that it has forgotten
REVERSED = os.environ.get("IDE_KM_TEST_ORDER") == "reverse"
STRIDE = int(os.environ.get("IDE_KM_KILL_STRIDE", 24))
CONFIG = f"""[policy]
retry-first = 100ms
retry-most = 300ms
[stream five]
stream = {STREAM}
[device {END}]
streams = five
"""

# What happens, what takes it away, and at which port it does not take the blocks of others with it.
FAULTS = {
    "reset": (f"reset {END}", None, PORT),
    "reset_root_port": (f"reset {PORT}", None, END),
    "link_down": (f"link-down {END}", f"link-up {END}", PORT),
    "pulled_out": (f"remove {END}", f"insert {END}", PORT),
}


def eventually(condition, daemon, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what()}\n{daemon.log.read_text()}"
        time.sleep(0.01)


class Walk:
    """One operation after the other on one platform, each with a fault at another point."""

    def __init__(self, field, order, back, other):
        self.field, self.order, self.back = field, order, back
        config = field.directory / "ide-kmd.conf"
        config.write_text(CONFIG)
        field.options = [*TIMEOUT, "--config", str(config)]
        field.foreign = [other]
        field.set_block(other, FOREIGN_BLOCK, FOREIGN_ID << 24 | 1, 0x00ff0001)
        field.registers = field.foreign_registers()

    def tell(self, order):
        if order:
            self.field.platform.tell(order)

    def secure(self):
        return {(e[0], e[3], e[4]) for e in self.field.ours()} == {(PORT, True, "secure"), (END, True, "secure")}

    def is_up(self, daemon):
        eventually(lambda: [s["state"] for s in daemon.streams() if s["owner"] == "controller"] == ["secure"]
                   and self.secure(), daemon, self.field.ours)
        self.field.check_others()

    def is_off(self, daemon):
        eventually(lambda: self.field.ours() == [], daemon, self.field.ours)
        self.field.check_others()

    def start(self, operation, point):
        """A controller that will stop there; with the stream up, if it is not to establish it."""
        log = self.field.directory / "ide-kmd.log"
        log.write_text("")
        daemon = self.field.start(**{"IDE_KMD_STOP": f"{operation}:{point}"})
        if operation != "establish":
            eventually(self.secure, daemon, self.field.ours)
            eventually(lambda: "establish of" in done_lines(daemon), daemon, self.field.ours)
        return daemon

    def at(self, operation, point):
        """Does it once, with the fault at a point; False if the operation has not so many."""
        daemon = self.start(operation, point)
        if operation != "establish":   # that is the configuration's
            daemon.send(operation, bdf=PORT, stream=STREAM)
        is_stopped = stops(daemon, operation)
        if is_stopped:
            self.tell(self.order)
            daemon.process.send_signal(signal.SIGCONT)
        answer = daemon.receive(operation) if operation != "establish" else None
        if operation == "stop":
            self.check_stopped(daemon, answer)
        else:
            self.check_wanted(daemon)
        daemon.close()
        assert self.field.ours() == []
        forget_that_it_was_stopped(self.field)
        return is_stopped

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
        assert "error" in daemon.ask("rekey", bdf=PORT, stream=STREAM), answer
        self.is_off(daemon)


def done_lines(daemon):
    return "\n".join(line for line in daemon.log.read_text().splitlines() if line.endswith(": done"))


def stops(daemon, operation):
    """Waits until it stands at the point, or has got through."""
    end = time.monotonic() + 60
    while not os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT):
        if operation == "establish" and "establish of" in done_lines(daemon) or daemon.socket.poll(5):
            return False
        assert daemon.process.poll() is None and time.monotonic() < end, daemon.log.read_text()
    return True


def forget_that_it_was_stopped(field):
    """So that the next start of the controller has it again, as after a new installation."""
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (field.directory / name).unlink(missing_ok=True)


@pytest.fixture(params=list(FAULTS))
def walk(request):
    field = Field()
    walk = Walk(field, *FAULTS[request.param])
    walk.first = 1 + (list(FAULTS).index(request.param) * 6 + 3 * REVERSED) % STRIDE
    yield walk
    field.close()


@pytest.mark.parametrize("operation, least", [("establish", 50), ("rekey", 30), ("stop", 30)])
def test_a_fault_in_the_middle_of(walk, operation, least):
    point = walk.first
    while walk.at(operation, point):
        point += STRIDE
    assert point > least


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
    field = Field()
    walk = Walk(field, f"misbehave {at} forget-sessions 1", None, PORT)
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
        eventually(lambda: len(logged(daemon, "operation", "done")) == 3, daemon, field.ours)
        walk.is_up(daemon)
        assert [e["operation"] for e in logged(daemon, "operation", "done")] == ["establish", "stop", "establish"]
        walk.tell(f"behave {at}")
        assert "result" in daemon.ask("rekey", bdf=PORT, stream=STREAM)
        daemon.close()
    finally:
        field.close()
