# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest on the QEMU with patches: root ports, a switch, drives and a test device, all with ide-emu's IDE and DOE.

    0000:00:03.0 root port             0000:01:00.0 drive
    0000:00:04.0 root port, 02:00.0, 03:00.0 and 03:01.0 a switch with the drives 04:00.0 and 05:00.0
    0000:00:05.0 root port, its keys from a key configuration unit, 0000:06:00.0 a device with memory behind the link
"""

import shutil
import subprocess

from guest import Guest
from guests import KERNEL, NVME, QEMU_IDE, Emulator, drive, guest_start, make_disk, make_initramfs

ROOT_PORT, ENDPOINT = "0000:00:03.0", "0000:01:00.0"
SWITCH_PORT, SWITCH_DRIVES = "0000:00:04.0", ("0000:04:00.0", "0000:05:00.0")
UNIT_PORT, TESTDEV = "0000:00:05.0", "0000:06:00.0"
SWITCH = ("0000:02:00.0", "0000:03:00.0", "0000:03:01.0")
BAR_SIZE = 1 << 20
UNIT = {"base": "0xfed50000", "streams": 8, "tx_slots": 64, "rx_slots": 64, "root_ports": [UNIT_PORT]}
UNIT_SIZE = 4 + 36 * 8 + 128 * 40

# What QEMU's root port and its test device say of themselves.
PORT = {"vendor": "0x1b36", "device": "0x000c", "class": "0x060400", "revision": 0, "subsystem_vendor": "0x1b36",
        "subsystem": "0x0000"}
TEST_DEVICE = {"vendor": "0x1234", "device": "0x11ea", "class": "0x00ff00", "revision": 0, "subsystem_vendor": "0x1af4",
               "subsystem": "0x1100", "bar_size": BAR_SIZE}

PLATFORM = {
    "functions": [
        {"bdf": ROOT_PORT, **PORT, "secondary": 1, "below": [{"bdf": ENDPOINT, **NVME}]},
        {"bdf": SWITCH_PORT, **PORT, "secondary": 2, "below": [
            {"bdf": SWITCH[0], "type": "upstream", "below": [
                {"bdf": SWITCH[1], "type": "downstream", "below": [{"bdf": SWITCH_DRIVES[0], **NVME}]},
                {"bdf": SWITCH[2], "type": "downstream", "below": [{"bdf": SWITCH_DRIVES[1], **NVME}]}]}]},
        {"bdf": UNIT_PORT, **PORT, "secondary": 6, "below": [{"bdf": TESTDEV, **TEST_DEVICE}]},
    ],
    "kcu": [UNIT],
}


FIRMWARE = ["-L", "/usr/share/qemu", "-L", "/usr/share/seabios"]


class Bench:
    """The guest, and the ide-emu on the host whose functions its devices are."""

    platform = PLATFORM

    def __init__(self, directory, kmd_options="--timeout 5s", append=""):
        self.prepare(directory)
        image = make_initramfs(directory, self.emulator.root, guest_start(kmd_options))
        try:
            self.guest = Guest(directory, QEMU_IDE, KERNEL, image, [*FIRMWARE, *self.devices()],
                               append=f"nvme_core.multipath=N {append}")
        except BaseException:
            self.emulator.stop()
            raise

    @classmethod
    def for_people(cls, directory, welcome):
        """With its console here, until it is switched off. Gives QEMU's exit status."""
        bench = cls.__new__(cls)
        bench.prepare(directory)
        start = guest_start() + b"until grep -q ready /run/ide-kmd.out; do sleep 0.2; done\n" + welcome.encode()
        image = make_initramfs(directory, bench.emulator.root, start)
        try:
            return subprocess.run([str(QEMU_IDE), "-M", "q35,accel=tcg", "-cpu", "max", "-m", "768M", "-display", "none",
                                   "-nodefaults", "-no-user-config", "-nic", "none", "-serial", "mon:stdio", "-kernel",
                                   str(KERNEL), "-initrd", str(image), "-append",
                                   "console=ttyS0 quiet nvme_core.multipath=N", *FIRMWARE,
                                   *bench.devices()]).returncode
        finally:
            bench.emulator.stop()

    def prepare(self, directory):
        self.directory = directory
        self.socket = directory / "config"
        self.link_log = directory / "link.txt"
        self.options = ["--config-socket", str(self.socket), "--link-log", str(self.link_log)]
        self.keyp = directory / "KEYP"
        # The table is in the tree that is mounted, and nothing else of that is needed.
        emulator = Emulator(directory, self.platform, [*self.options, "--mount", str(directory / "pci")])
        shutil.copyfile(directory / "pci/firmware/acpi/tables/KEYP", self.keyp)
        emulator.stop()
        self.start_emulator()

    def ide(self, bdf):
        return f",ide-socket={self.socket},ide-function={bdf}"

    def drive(self, name, bus, bdf):
        return drive(name, make_disk(self.directory, f"{name}.img"), bus=bus, **{"ide-socket": self.socket,
                                                                                 "ide-function": bdf})

    def devices(self):
        port = "pcie-root-port,bus=pcie.0"
        return ["-acpitable", f"file={self.keyp}",
                "-device", f"ide-key-unit,ide-socket={self.socket},addr={UNIT['base']},size={UNIT_SIZE}",
                "-device", f"{port},id=rp3,addr=3,chassis=1,slot=3{self.ide(ROOT_PORT)}",
                "-device", f"{port},id=rp4,addr=4,chassis=1,slot=4{self.ide(SWITCH_PORT)}",
                "-device", f"{port},id=rp5,addr=5,chassis=1,slot=5{self.ide(UNIT_PORT)}",
                "-device", f"x3130-upstream,id=up,bus=rp4{self.ide(SWITCH[0])}",
                "-device", f"xio3130-downstream,id=down0,bus=up,chassis=2,slot=0{self.ide(SWITCH[1])}",
                "-device", f"xio3130-downstream,id=down1,bus=up,addr=1,chassis=2,slot=1{self.ide(SWITCH[2])}",
                *self.drive("one", "rp3", ENDPOINT),
                *self.drive("two", "down0", SWITCH_DRIVES[0]),
                *self.drive("three", "down1", SWITCH_DRIVES[1]),
                "-device", f"pcie-ide-testdev,id=test,bus=rp5{self.ide(TESTDEV)}"]

    def start_emulator(self):
        """Again, after it was killed: with the same identities, and without any key."""
        self.emulator = Emulator(self.directory, self.platform, self.options)

    def close(self):
        self.guest.kill()
        self.emulator.stop()

    def logs(self):
        return self.guest.logs()
