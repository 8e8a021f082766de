# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with Debian's systemd as its first process and this project's packages installed (tests/qemu/root).

Its devices are those of ide_guest.py, and a drive without IDE on the root bus that it boots from.
"""

import os
import struct
import subprocess
from pathlib import Path

import ide_guest
from conftest import ROOT
from guest import Guest
from guests import KERNEL, QEMU_IDE, drive
from ide_guest import FIRMWARE

FILE_SYSTEM = Path(os.environ.get("IDE_KM_QEMU_ROOT", ROOT / "build" / "check" / "release" / "root.ext4"))

# Drives are named in the order in which they happen to answer; a partition has a name of its own.
DISK_ID = 0x1DE0_0001
PARTITION_AT = 1 << 20
APPEND = (f"root=PARTUUID={DISK_ID:08x}-01 rootfstype=ext4 rw systemd.show_status=no "
          "fsck.mode=skip quiet loglevel=4")


def add_file(file_system, path, source):
    """Into a file system that is not mounted."""
    commands = f"cd {path.parent}\nrm {path.name}\nwrite {source} {path.name}\nset_inode_field {path.name} uid 0\n" \
               f"set_inode_field {path.name} gid 0\nset_inode_field {path.name} mode 0100644\n"
    done = subprocess.run(["/sbin/debugfs", "-w", "-f", "/dev/stdin", str(file_system)], input=commands, text=True,
                          capture_output=True, check=True)
    shown = subprocess.run(["/sbin/debugfs", "-R", f"cat {path}", str(file_system)], capture_output=True, check=True)
    assert shown.stdout == Path(source).read_bytes(), done.stderr


def make_disk(disk, file_system):
    """A disk with one partition, which is a copy of the file system."""
    subprocess.run(["dd", f"if={file_system}", f"of={disk}", "bs=1M", f"seek={PARTITION_AT >> 20}", "conv=sparse", "status=none"],
                   check=True)
    sectors = Path(file_system).stat().st_size // 512
    row = struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x83, b"\xfe\xff\xff", PARTITION_AT // 512, sectors)
    with open(disk, "r+b") as file:
        file.seek(440)
        file.write(struct.pack("<I2x", DISK_ID) + row + bytes(48) + b"\x55\xaa")
        file.truncate(PARTITION_AT + 512 * sectors)


class Bench(ide_guest.Bench):
    """files: (path in the guest, its text)."""

    def __init__(self, directory, files):
        self.prepare(directory)
        try:
            self.guest = Guest(directory, QEMU_IDE, KERNEL, None, [*FIRMWARE, *self.devices(), *self.boot_drive(files),
                                                                   "-smp", "2"], append=APPEND, memory="1G")
        except BaseException:
            self.emulator.stop()
            raise

    def boot_drive(self, files):
        file_system, disk = self.directory / "root.ext4", self.directory / "root.img"
        subprocess.run(["cp", "--sparse=always", FILE_SYSTEM, file_system], check=True)
        add_file(file_system, Path("/etc/ide-kmd/trust/root.pem"), self.emulator.root)
        for i, (path, text) in enumerate(files):
            source = self.directory / f"file{i}"
            source.write_text(text)
            add_file(file_system, Path(path), source)
        make_disk(disk, file_system)
        file_system.unlink()
        options = drive("boot", disk, bus="pcie.0", addr=8)
        options[1] += ",cache=unsafe" # it is thrown away
        return options
