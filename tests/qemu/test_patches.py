# SPDX-License-Identifier: GPL-2.0-or-later
"""The patches of tests/qemu/patches without a guest: configuration space and memory by QEMU's qtest protocol, what its
monitor says of migration, and a model that is not there.
"""

import contextlib
import subprocess
import time

import pytest

from guest import Channel, GuestError, Qmp
from guests import QEMU_IDE, Emulator, workspace
from ide_guest import ENDPOINT, FIRMWARE, PLATFORM, ROOT_PORT, TESTDEV, UNIT, UNIT_PORT, UNIT_SIZE, drive, make_disk

pytestmark = pytest.mark.skipif(not QEMU_IDE.exists(), reason="there is no QEMU with patches: run tests/qemu/build")

ECAM = 0xB0000000
BUSES = ((3, 1), (5, 6))    # each root port's device number, and the bus below it
AER, DOE, IDE = 0x0001, 0x002E, 0x0030
ONES = 0xFFFFFFFF


class Machine:
    """QEMU that runs nothing."""

    def __init__(self, directory, options):
        self.directory = directory
        self.log = directory / "qemu.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(QEMU_IDE), *FIRMWARE, "-M", "q35", "-accel", "qtest", "-display", "none", "-nodefaults",
                 "-qtest", f"unix:{directory}/qtest,server=on,wait=off", "-qmp", f"unix:{directory}/qmp,server=on,wait=off",
                 *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def connect(self):
        end = time.monotonic() + 30
        while not ((self.directory / "qtest").exists() and (self.directory / "qmp").exists()):
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        self.qtest = Channel(self.directory / "qtest")
        self.qmp = Qmp(self.directory / "qmp")
        self.open()

    def open(self):
        """What firmware does: configuration space in memory, and buses."""
        self.out(0x60, ECAM | 1)    # the host bridge's PCIEXBAR
        for device, bus in BUSES:
            self.write(f"0000:00:{device:02x}.0", 0x18, bus << 16 | bus << 8)

    def ask(self, line):
        self.qtest.send(line.encode() + b"\n")
        answer = self.qtest.until(b"\n", 20)
        assert answer and answer.startswith(b"OK"), (line, answer, self.log.read_text())
        return int(answer.split()[1], 16) if b" " in answer else None

    def out(self, register, value):
        """Configuration space of 0000:00:00.0 by I/O ports."""
        self.ask(f"outl 0xcf8 {0x80000000 | register:#x}")
        self.ask(f"outl 0xcfc {value:#x}")

    @staticmethod
    def address(bdf, offset):
        return ECAM + (int(bdf[5:7], 16) << 20) + (int(bdf[8:10], 16) << 15) + (int(bdf[11:], 16) << 12) + offset

    def read(self, bdf, offset):
        return self.ask(f"readl {self.address(bdf, offset):#x}")

    def write(self, bdf, offset, value):
        self.ask(f"writel {self.address(bdf, offset):#x} {value:#x}")

    def capabilities(self, bdf):
        """[(id, offset), ...] of the extended capabilities, in the list's order."""
        found, at = [], 0x100
        while at:
            header = self.read(bdf, at)
            found.append((header & 0xFFFF, at))
            at = header >> 20
            assert len(found) < 20
        return found

    def close(self):
        for channel in (self.qtest, self.qmp.channel):
            channel.close()
        self.process.kill()
        self.process.wait()


def port(bdf, socket):
    return f"pcie-root-port,id=rp{int(bdf[8:10], 16)},bus=pcie.0,addr={int(bdf[8:10], 16)},chassis=1," \
           f"slot={int(bdf[8:10], 16)},ide-socket={socket},ide-function={bdf}"


@pytest.fixture
def folder():
    with workspace() as directory:
        yield directory


@pytest.fixture
def emulator(folder):
    emulator = Emulator(folder, PLATFORM, ["--config-socket", str(folder / "config")])
    yield emulator
    if emulator.process.returncode is None:
        emulator.stop()


@pytest.fixture
def start(folder):
    running = []

    def start(*options):
        running.append(Machine(folder, options))
        running[-1].connect()
        return running[-1]

    yield start
    for machine in running:
        machine.close()


def with_all(folder):
    socket = folder / "config"
    return ["-device", port(ROOT_PORT, socket), "-device", port(UNIT_PORT, socket),
            *drive("one", make_disk(folder, "one.img"), bus="rp3", **{"ide-socket": socket, "ide-function": ENDPOINT}),
            "-device", f"pcie-ide-testdev,id=test,bus=rp5,ide-socket={socket},ide-function={TESTDEV}",
            "-device", f"ide-key-unit,ide-socket={socket},addr={UNIT['base']},size={UNIT_SIZE}"]


def test_where_the_capabilities_are(folder, emulator, start):
    """Behind those of a device, which it keeps; at the beginning in one without any."""
    machine = start(*with_all(folder))
    for bdf in (ENDPOINT, TESTDEV):
        found = machine.capabilities(bdf)
        assert found[0][1] == 0x100 and sorted(i for i, at in found) == [DOE, IDE], found
    found = machine.capabilities(ROOT_PORT)
    assert found[0] == (AER, 0x100) and [i for i, at in found if at >= 0xA00] and \
        sorted(i for i, at in found if at >= 0xA00) == [DOE, IDE], found
    assert min(at for i, at in found if i in (DOE, IDE)) == 0xA00


def test_registers_are_the_models(folder, emulator, start):
    """What is written is there until a reset. A model that is away reads as all ones, QEMU's own registers as ever; one that is
    back is asked again."""
    machine = start(*with_all(folder))
    ide = dict(machine.capabilities(ROOT_PORT))[IDE]
    control = ide + 0x0C    # of the link stream
    header, before = machine.read(ROOT_PORT, ide), machine.read(ROOT_PORT, control)
    set_number = before & 0x00FFFFFF | 0x2A000000
    assert before not in (set_number, ONES)
    machine.write(ROOT_PORT, control, set_number)
    assert machine.read(ROOT_PORT, control) == set_number
    machine.qmp.command("system_reset")
    machine.qmp.event("RESET")
    machine.open()
    assert machine.read(ROOT_PORT, control) == before
    emulator.kill()
    assert machine.read(ROOT_PORT, control) == ONES and machine.ask(f"readl {UNIT['base']}") == ONES
    assert machine.read(ROOT_PORT, ide) == header and machine.read(ROOT_PORT, 0) == 0x000C1B36
    again = Emulator(folder, PLATFORM, ["--config-socket", str(folder / "config")])
    end = time.monotonic() + 20
    while machine.read(ROOT_PORT, control) != before:
        assert time.monotonic() < end
        time.sleep(0.1)    # QEMU looks for it ten times a second
    again.stop()


def test_a_machine_with_such_a_device_stays_where_it_is(folder, emulator, start):
    """Which the same device without the properties does not ask for."""
    machine = start("-device", port(ROOT_PORT, folder / "config"))
    with pytest.raises(GuestError, match="the state of PCIe IDE is in a model outside of QEMU"):
        machine.qmp.command("migrate", uri="exec:cat >/dev/null")


def test_others_do_not_ask_for_that(folder, start):
    start("-device", port(ROOT_PORT, "").partition(",ide-socket")[0]).qmp.command("migrate", uri="exec:cat >/dev/null")


def test_a_machine_with_a_key_unit_alone_does_too(folder, emulator, start):
    machine = start("-device", f"ide-key-unit,ide-socket={folder}/config,addr={UNIT['base']},size={UNIT_SIZE}")
    with pytest.raises(GuestError, match="ide-key-unit"):
        machine.qmp.command("migrate", uri="exec:cat >/dev/null")


def refused(folder, *options):
    """What QEMU says when it does not start."""
    machine = Machine(folder, options)
    try:
        assert machine.process.wait(30) == 1
    finally:
        with contextlib.suppress(ProcessLookupError):
            machine.process.kill()
    return machine.log.read_text()


def test_who_wants_to_migrate_cannot_have_them(folder, emulator):
    assert "outside of QEMU" in refused(folder, "-only-migratable", "-device", port(ROOT_PORT, folder / "config"))


@pytest.mark.parametrize("function, why", [("0000:00:03.0", "Failed to connect"), ("0000:00:1e.0", "has no function 0000:00:1e.0")])
def test_a_device_without_its_model_is_not_made(folder, request, function, why):
    if "connect" not in why:
        request.getfixturevalue("emulator")
    options = port(ROOT_PORT, folder / "config").replace(f"ide-function={ROOT_PORT}", f"ide-function={function}")
    assert why in refused(folder, "-device", options)
