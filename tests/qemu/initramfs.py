#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes the guest's initramfs: busybox, the programs of a build, pciutils, and all libraries that these load.

usage: initramfs.py BUILD OUT [FILE=PATH...]

FILE=PATH puts one more file into it. The archive is in cpio's "newc" format, and not
compressed: an emulated processor takes longer to unpack it than to load it.
"""

import io
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAMS = {"ide-ctl": "/usr/bin/ide-ctl", "ide-emu": "/usr/bin/ide-emu", "ide-kmd": "/usr/sbin/ide-kmd"}
TOOLS = ("lspci", "setpci")


class Cpio:
    """Files in the order in which they are added; directories come by themselves."""

    def __init__(self):
        self.out = io.BytesIO()
        self.names = set()
        self.inode = 0

    def _entry(self, name, mode, data=b""):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(encoded), 0)
        self.out.write(b"070701" + b"".join(b"%08x" % f for f in fields) + encoded)
        self._pad()
        self.out.write(data)
        self._pad()

    def _pad(self):
        self.out.write(bytes(-self.out.tell() % 4))

    def directory(self, path):
        name = str(path).strip("/")
        if name and name not in self.names:
            self.directory(Path("/" + name).parent)
            self.names.add(name)
            self._entry(name, stat.S_IFDIR | 0o755)

    def data(self, path, data, mode=0o644):
        name = str(path).strip("/")
        if name in self.names:
            return
        self.directory(Path("/" + name).parent)
        self.names.add(name)
        self._entry(name, stat.S_IFREG | mode, data)

    def file(self, path, source):
        self.data(path, Path(source).read_bytes(), os.stat(source).st_mode & 0o777)

    def write(self, path):
        self._entry("TRAILER!!!", 0)
        # Whole or not at all: another run may be about to boot from it.
        new = Path(f"{path}.{os.getpid()}")
        new.write_bytes(self.out.getvalue())
        new.rename(path)


def libraries(binary):
    """What the dynamic loader loads for it, and the loader, by the names under which they are looked for."""
    said = subprocess.run(["ldd", binary], capture_output=True, text=True).stdout
    missing = re.findall(r"^\s*(\S+) => not found", said, re.M)
    if missing:
        raise SystemExit(f"initramfs.py: {binary}: not found: {', '.join(missing)}")
    return re.findall(r"(?:=>\s*)?(/\S+) \(0x", said)


def add_binary(archive, path, source):
    archive.file(path, source)
    for library in libraries(source):
        own = not library.startswith(("/lib", "/usr/lib")) # of the build, whose folder is not there in the guest
        archive.file(f"/usr/lib/{Path(library).name}" if own else library, library)


def make(build, out, files=()):
    archive = Cpio()
    archive.file("/init", HERE / "init")
    archive.file("/bin/busybox", "/bin/busybox")
    for name, path in PROGRAMS.items():
        add_binary(archive, path, str(Path(build) / "tools" / name / name))
    for tool in TOOLS:
        add_binary(archive, f"/usr/bin/{tool}", shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    for path, source in files:
        archive.file(path, source)
    archive.write(out)


def main():
    if len(sys.argv) < 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    make(sys.argv[1], sys.argv[2], [f.split("=", 1) for f in sys.argv[3:]])


if __name__ == "__main__":
    main()
