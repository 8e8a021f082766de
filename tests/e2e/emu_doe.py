# SPDX-License-Identifier: GPL-2.0-or-later
"""A DOE mailbox driven from Python: an independent reading of PCIe 6.x 6.30, for the tests of ide-emu."""

import os
import struct
import time

EXT_CAP_DOE = 0x2E
CONTROL, STATUS, WRITE, READ = 0x08, 0x0C, 0x10, 0x14
GO, ABORT = 1 << 31, 1
BUSY, ERROR, READY = 1, 4, 1 << 31


class MailboxError(Exception):
    pass


class Mailbox:
    def __init__(self, platform, bdf):
        self.fd = os.open(platform.mount / "devices" / bdf / "config", os.O_RDWR)
        self.offset = self._find()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.fd)

    def _find(self):
        at = 0x100
        while at:
            header, = struct.unpack("<I", os.pread(self.fd, 4, at))
            if header & 0xFFFF == EXT_CAP_DOE:
                return at
            at = header >> 20
        raise MailboxError("no DOE capability")

    def get(self, register):
        return struct.unpack("<I", os.pread(self.fd, 4, self.offset + register))[0]

    def put(self, register, value):
        os.pwrite(self.fd, struct.pack("<I", value), self.offset + register)

    def status(self):
        return self.get(STATUS)

    def abort(self):
        self.put(CONTROL, ABORT)

    def send(self, data):
        for dword in struct.unpack(f"<{len(data) // 4}I", data):
            self.put(WRITE, dword)
        self.put(CONTROL, GO)

    def receive(self, seconds=20.0):
        end = time.monotonic() + seconds
        while not self.status() & READY:
            if self.status() & ERROR:
                raise MailboxError("ERROR")
            if time.monotonic() > end:
                raise MailboxError("timeout")
        header = self._next() + self._next()
        length = struct.unpack("<II", header)[1] & 0x3FFFF
        return header + b"".join(self._next() for _ in range(length - 2))

    def _next(self):
        value = struct.pack("<I", self.get(READ))
        self.put(READ, 0)
        return value

    def exchange(self, data, seconds=20.0):
        self.send(data)
        return self.receive(seconds)

    @staticmethod
    def object(kind, payload):
        payload += bytes(-len(payload) % 4)
        return struct.pack("<HBxI", 1, kind, 2 + len(payload) // 4) + payload

    @staticmethod
    def discovery(index):
        return Mailbox.object(0, bytes([index, 0, 0, 0]))

    def protocols(self):
        found, index = [], 0
        while True:
            answer = self.exchange(self.discovery(index))
            vendor, kind, index = struct.unpack("<HBB", answer[8:12])
            found.append((vendor, kind))
            if index == 0:
                return found
