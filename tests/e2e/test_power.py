# SPDX-License-Identifier: GPL-2.0-or-later
"""A loss of power at points of establish, rekey and stop: the next start finds what was on the disk, and no more.

ide-kmd runs with tests/power preloaded, which keeps what fsync() and fdatasync() have put on the disk. It is killed at a point
as in test_kills.py. Then the state file and what SQLite has beside it become what the disk has: the least that it may have; or that
and a random choice of the sectors that were written since, in files as long as they were, or as they have become.
"""

import os
import random

import pytest

from conftest import BUILD
from kills import END, PORT, Killed, comes_back, cxl_comes_back, cxl_is_off, is_off, is_wanted, make_field
from test_kills import FIRST, SLOW, STREAM, cxl_is_off_or_back, cxl_is_up, is_off_or_back, is_up, is_up_again

SECTOR = 512
STRIDES = {"doe": 24, "kcu": 50, "rot": 50, "switch": 50, "cxl-kcu": 12, "cxl-doe": 12}


def torn(disk, now, chance):
    """What a file may be of which some is on its way to the disk: each sector is the old one or the new one."""
    size = chance.choice((len(disk), len(now)))
    found = b""
    for at in range(0, size, SECTOR):
        found += chance.choice((disk, now))[at:at + SECTOR].ljust(SECTOR, b"\0")
    return found[:size]


class Disk:
    """What is on it of the state file, by tests/power."""

    def __init__(self, field):
        self.files = field.directory / "state.db"
        self.kept = field.directory / "disk"
        self.kept.mkdir()

    def environment(self):
        # the sanitizer's library would be the first that is loaded; what comes before it here calls none of it
        sanitizer = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
        return {"LD_PRELOAD": str(BUILD / "tests" / "power" / "power.so"), "POWER_FILES": str(self.files),
                "POWER_DISK": str(self.kept), "ASAN_OPTIONS": sanitizer}

    def here(self):
        """The files as the program sees them. The index (-shm) is made anew, and the lock has nothing in it."""
        return {path.name: path for path in self.files.parent.glob("state.db*")
                if not path.name.endswith(("-shm", ".lock"))}

    def kept_of(self, inode):
        path = self.kept / f"inode-{inode}"
        return path.read_bytes() if path.exists() else b""

    def names(self):
        path = self.kept / "names"
        lines = path.read_text().splitlines() if path.exists() else []
        return {name: inode for inode, name in (line.split(" ", 1) for line in lines)}

    def fails(self, chance=None):
        """The power is lost, and the machine is on again. With chance, some of what was not on the disk is."""
        here = self.here()
        found = {}
        for name, inode in self.names().items():
            if name.endswith(("-shm", ".lock")):
                continue
            found[name] = self.kept_of(inode)
            if chance and name in here and here[name].stat().st_ino == int(inode):
                found[name] = torn(found[name], here[name].read_bytes(), chance)
        if chance:   # a file whose name is not on the disk may be there all the same
            for name in here.keys() - found.keys():
                if chance.random() < 0.5:
                    found[name] = torn(self.kept_of(here[name].stat().st_ino), here[name].read_bytes(), chance)
        self.replace(found)

    def replace(self, found):
        for path in self.files.parent.glob("state.db*"):
            path.unlink()
        for path in self.kept.iterdir():
            path.unlink()
        lines = []
        for name, content in found.items():
            path = self.files.with_name(name)
            path.write_bytes(content)
            inode = path.stat().st_ino
            (self.kept / f"inode-{inode}").write_bytes(content)
            lines.append(f"{inode} {name}\n")
        (self.kept / "names").write_text("".join(lines))


@pytest.fixture(params=list(STRIDES))
def field(request):
    field = make_field(request.param, SLOW)
    field.disk = Disk(field)
    field.was_up = False
    field.add_foreign(PORT, field.end, PORT if request.param == "switch" else None)
    yield field
    field.close()


def start(field, kill=None):
    return field.start(kill, **field.disk.environment())


# What is done, and what must hold after a kill of it.
CHECKS = {"establish": is_off_or_back, "rekey": is_up, "stop": is_up_again}
CXL_CHECKS = {"establish": cxl_is_off_or_back, "rekey": cxl_is_up, "stop": cxl_is_up}


def request(field, operation):
    return ((f"cxl_{operation}", {"bdf": END}) if is_cxl(field) else (operation, {"bdf": field.end, "stream": STREAM}))


def is_cxl(field):
    return field.provider.startswith("cxl")


@pytest.mark.parametrize("operation", list(CHECKS))
def test_power_is_lost_at_a_point_of(field, operation):
    step = int(os.environ.get("IDE_KM_KILL_STRIDE", STRIDES[field.provider]))
    verb, members = request(field, operation)
    chance = random.Random(operation + field.provider)
    point, losses = FIRST + step // 2, 0
    while True:
        daemon = start(field, f"{verb}:{point}")
        (CXL_CHECKS if is_cxl(field) else CHECKS)[operation](field, daemon)
        try:
            answer = daemon.ask(verb, **members)
            assert "result" in answer, answer
            daemon.close()
            break
        except Killed:
            daemon.buried()
        field.disk.fails(chance if losses % 2 else None)
        losses += 1
        point += step
    assert losses > 0


def test_what_was_answered_is_on_the_disk(field):
    """Whatever of the rest may be lost."""
    chance = random.Random(field.provider)
    for lost in (None, chance):
        daemon = start(field)
        for operation, wanted in (("establish", True), ("rekey", True), ("stop", False)):
            verb, members = request(field, operation)
            answer = daemon.ask(verb, **members)
            assert "result" in answer, answer
            daemon.die()
            field.disk.fails(lost)
            daemon = start(field)
            assert is_wanted(field) == wanted, (operation, daemon.log.read_text())
            if wanted:
                (cxl_comes_back if is_cxl(field) else comes_back)(field, daemon)
            else:
                (cxl_is_off if is_cxl(field) else is_off)(field, daemon)
            field.check_others()
        daemon.close()


def test_the_platform_loses_it_too(field):
    """It comes back as after power-on: what was up is that again, and what was on its way is not."""
    verb, members = request(field, "establish")
    for point in (FIRST + 28, None):
        daemon = start(field, f"{verb}:{point}" if point else None)
        try:
            if not is_wanted(field):
                assert "result" in daemon.ask(verb, **members)
            daemon.die()
        except Killed:
            daemon.buried()
        field.disk.fails()
        field.power_cycle()
        daemon = start(field)
        if is_wanted(field):
            (cxl_comes_back if is_cxl(field) else comes_back)(field, daemon)
        else:
            (cxl_is_off if is_cxl(field) else is_off)(field, daemon)
        assert is_wanted(field) or point
        daemon.die()
        field.disk.fails()


def test_what_somebody_stopped_stays_off_though_the_configuration_wants_it():
    field = make_field("doe", SLOW)
    field.disk = Disk(field)
    config = field.directory / "ide-kmd.conf"
    config.write_text(f"[device {END}]\nstreams = default\n")
    field.options = [*SLOW, "--config", str(config)]
    try:
        daemon = start(field)
        comes_back(field, daemon)
        [stream] = [s for s in daemon.streams() if s["owner"] == "controller"]
        assert "result" in daemon.ask("stop", bdf=END, stream=stream["stream"])
        daemon.ask("log", limit=1)   # what was handed over before is in the file
        daemon.die()
        field.disk.fails()
        daemon = start(field)
        [kept] = daemon.ask("show")["result"]["kept"]
        assert kept["state"] == "stopped"
        is_off(field, daemon)
        daemon.close()
    finally:
        field.close()


def test_a_loss_takes_what_was_not_on_the_disk():
    """That these tests take anything away: entries of the log are not waited for, and an attest writes nothing else."""
    field = make_field("doe", SLOW)
    field.disk = Disk(field)
    try:
        daemon = start(field)
        assert "result" in daemon.ask("establish", bdf=END, stream=STREAM)
        assert "result" in daemon.ask("attest", bdf=END)
        assert {"establish", "attest"} <= logged(daemon)
        daemon.die()
        daemon = start(field)   # a kill alone takes nothing
        assert {"establish", "attest"} <= logged(daemon)
        assert "result" in daemon.ask("stop", bdf=END, stream=STREAM)
        assert "result" in daemon.ask("doctor", bdf=END)
        assert {"stop", "doctor"} <= logged(daemon)
        daemon.die()
        field.disk.fails()
        daemon = start(field)
        assert {"establish", "attest"} <= logged(daemon) and "doctor" not in logged(daemon)
        daemon.close()
    finally:
        field.close()


def logged(daemon):
    return {e["operation"] for e in daemon.ask("log", limit=1000)["result"]["entries"]}
