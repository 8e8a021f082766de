# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests with the programs of a build in them, and ide-emu on the host that answers for their devices.

IDE_KM_BUILD names the build. tests/qemu/setup gets QEMU and a kernel; where they cannot be had, these tests are skipped.
"""

import contextlib
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import initramfs
from conftest import BUILD, Platform, Service, program
from guest import Guest, environment

QEMU, KERNEL, QEMU_IDE = environment()

# What QEMU's NVMe drive says of itself, and so what its certificate has to name.
NVME = {"vendor": "0x1b36", "device": "0x0010", "class": "0x010802", "revision": 2,
        "subsystem_vendor": "0x1af4", "subsystem": "0x1100"}


def have_qemu(path):
    """QEMU 10.0 or later: the first whose drive has spdm_port."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return False
    version = re.search(r"version (\d+)\.", said)
    return version is not None and int(version[1]) >= 10


needs_qemu = pytest.mark.skipif(not (have_qemu(QEMU) and KERNEL.exists()),
                                reason="there is no QEMU 10.0 or no kernel: run tests/qemu/setup")


class Emulator(Service):
    """An ide-emu whose functions a QEMU on this machine reaches through its sockets."""

    def __init__(self, directory, platform, options):
        self.directory = Path(directory)
        self.identity = self.directory / "identity"
        self.control = self.directory / "control"
        file = self.directory / "platform.json"
        file.write_text(json.dumps(platform))
        super().__init__([program("ide-emu"), "--platform", str(file), "--identity", str(self.identity), "--control",
                          str(self.control), *options], self.directory / "ide-emu.log")

    @property
    def root(self):
        return self.identity / "trust" / "root.pem"

    def port(self, bdf):
        """The TCP port that it chose for the function."""
        return int(re.findall(rf"{bdf}: SPDM on 127\.0\.0\.1:(\d+)", self.log.read_text())[-1])

    def tell(self, line):
        return Platform.tell(self, line)

    def state(self):
        return json.loads(self.tell("state"))

    def misbehave(self, bdf, fault, count=None):
        self.tell(f"misbehave {bdf} {fault}" + (f" {count}" if count is not None else ""))

    def behave(self, bdf):
        self.tell(f"behave {bdf}")


def guest_start(options=""):
    """What the guest does before its shell serves: the controller runs, as on a machine of its own."""
    # The clock of the guest was set in whole seconds, and would be behind that of a certificate which is made just now.
    return ("#!/bin/sh\ndate -s @$(($(date +%s) + 2)) >/dev/null\n"
            f"ide-kmd --trust /etc/ide-kmd/trust {options} >/run/ide-kmd.out 2>/run/ide-kmd.log &\n").encode()


def make_initramfs(directory, root=None, start=None):
    files = []
    if root:
        files.append((f"/etc/ide-kmd/trust/root{Path(root).suffix}", root))
    if start:
        script = Path(directory) / "guest-start"
        script.write_bytes(start)
        script.chmod(0o755)
        files.append(("/etc/guest-start", script))
    image = Path(directory) / "initramfs"
    initramfs.make(BUILD, image, files)
    return image


def make_disk(directory, name, mib=16):
    disk = Path(directory) / name
    with open(disk, "wb") as f:
        f.truncate(mib << 20)
    return disk


def drive(name, disk, **properties):
    text = "".join(f",{key}={value}" for key, value in properties.items() if value is not None)
    return ["-drive", f"file={disk},format=raw,if=none,id=disk-{name}",
            "-device", f"nvme,id={name},serial={name},drive=disk-{name}{text}"]


@contextlib.contextmanager
def workspace():
    """A folder with a short path: the name of a UNIX socket has 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="ide-km.", dir="/tmp"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def serving(make):
    """What make(directory) gives, with a .guest and a close(), once the controller in the guest serves."""
    with workspace() as directory:
        bench = make(directory)
        try:
            bench.guest.until("grep -q ready /run/ide-kmd.out", 30)
            yield bench
        finally:
            bench.close()


ROOT_PORT = "0000:00:04.0"
BEHIND = "0000:01:00.0"     # below it
BARE = "0000:00:03.0"       # on the root bus
DOE_LOG = 'nvme_core.multipath=N dyndbg="file drivers/pci/doe.c +p"'


class DriveBench:
    """A guest with two of QEMU's drives, and on the host who answers for them: emulator, with a port() for each, whose
    chains lead to root."""

    def __init__(self, directory, emulator, root, options):
        self.directory, self.emulator = directory, emulator
        try:
            image = make_initramfs(directory, root, guest_start(options))
            self.guest = Guest(directory, QEMU, KERNEL, image, [
                "-device", "pcie-root-port,id=rp,bus=pcie.0,addr=4,chassis=1,slot=1",
                *drive("behind", make_disk(directory, "behind.img"), bus="rp", spdm_port=emulator.port(BEHIND)),
                *drive("bare", make_disk(directory, "bare.img"), bus="pcie.0", addr=3, spdm_port=emulator.port(BARE)),
            ], append=DOE_LOG)
        except BaseException:
            emulator.stop()
            raise

    def close(self):
        self.guest.kill()
        self.emulator.stop()

    def logs(self):
        return self.guest.logs()

    def drivers_are_back(self):
        for bdf in (BEHIND, BARE):
            self.guest.until(f"[ -d /sys/bus/pci/devices/{bdf}/driver ]", 30)


def ctl(guest, arguments, seconds=60, expect=0):
    """ide-ctl in the guest, its JSON."""
    return guest.json(f"ide-ctl --json {arguments}", seconds, expect)


def disk_of(guest, bdf):
    """The block device of a drive, once its driver has it."""
    found = guest.until(f"ls -d /sys/bus/pci/devices/{bdf}/nvme/nvme*/nvme*n1 2>/dev/null").text
    return "/dev/" + found.split("/")[-1].strip()


# --- A drive that works all the while --------------------------------------------------------------------------------

# Past the page cache; no two rounds write the same, and one in seven goes to the same place.
MOVE = b"""#!/bin/sh
dd if=/dev/urandom of=/tmp/pattern bs=1M count=1 2>/dev/null
n=0
while [ ! -e /tmp/enough ]; do
    at=$((n % 7 * 16))
    echo "round $n" | dd of=/tmp/pattern conv=notrunc 2>/dev/null
    if ! dd if=/tmp/pattern of="$1" bs=64k seek=$at conv=fsync oflag=direct 2>/dev/null; then
        echo "broken: round $n was not written"
        break
    fi
    if ! dd if="$1" bs=64k skip=$at count=16 iflag=direct 2>/dev/null | cmp - /tmp/pattern; then
        echo "broken: round $n is not read as it was written"
        break
    fi
    n=$((n + 1))
    echo $n >/tmp/rounds.new
    mv /tmp/rounds.new /tmp/rounds
done
echo "moved $n"
"""


@contextlib.contextmanager
def moving(guest, disk):
    """Meanwhile the disk is written and read back, and each round compared. Gives how many rounds there were; at the end all
    of them have to be good."""
    def rounds():
        return int(guest.run("cat /tmp/rounds").text)

    guest.put("/tmp/move", MOVE, "755")
    guest.run(f"rm -f /tmp/moved /tmp/enough; echo 0 >/tmp/rounds; /tmp/move {disk} >/tmp/moved 2>&1 &")
    try:
        yield rounds
    finally:
        guest.run("touch /tmp/enough")
        guest.until("grep -q moved /tmp/moved", 60)
    moved = guest.run("cat /tmp/moved").text
    assert moved == f"moved {rounds()}\n", moved


# --- The controller ----------------------------------------------------------------------------------------------------

def stop_controller(guest):
    guest.run("kill $(pidof ide-kmd); while pidof ide-kmd; do sleep 0.1; done")
    assert "Sanitizer" not in guest.run("cat /run/ide-kmd.log").text


def start_controller(guest, how="/etc/guest-start"):
    guest.run(f"rm -f /run/ide-kmd.out; {how}")
    guest.until("grep -q ready /run/ide-kmd.out", 30)


def cut(guest, point, command, meanwhile):
    """What `ide-ctl --json COMMAND` says if meanwhile() happens while the whole controller stands at the named point, which
    is OPERATION:POINT (docs/testing.md): its exit status and its one answer."""
    stop_controller(guest)
    start_controller(guest, f"IDE_KMD_STOP='{point}' /etc/guest-start")
    guest.run(f"rm -f /tmp/cut.status; (ide-ctl --json {command} >/tmp/cut 2>/tmp/cut.err; echo $? >/tmp/cut.status) &")
    guest.until("grep -q '^State:.T' /proc/$(pidof ide-kmd)/status", 60)
    assert "stopped by IDE_KMD_STOP: " + point.partition(":")[2] in guest.run("cat /run/ide-kmd.log").text
    try:
        meanwhile()
        assert guest.run("[ -e /tmp/cut.status ]", expect=None).status == 1   # nobody has answered before
    finally:
        guest.run("kill -CONT $(pidof ide-kmd)")
    guest.until("grep -q . /tmp/cut.status", 90)
    return int(guest.run("cat /tmp/cut.status").text), json.loads(guest.run("cat /tmp/cut").text)
