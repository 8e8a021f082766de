# SPDX-License-Identifier: GPL-2.0-or-later
"""An ide-kmd as systemd starts it, without systemd: its notifications and its journal go to sockets of the test."""

import os
import socket
import struct
import threading
import uuid

import conftest
from conftest import Kmd, ctl


class Datagrams:
    """A datagram socket that somebody sends to. It is read all the time, as by systemd: who sends to a full one waits. One
    that hangs is not read until it is told to resume."""

    def __init__(self, path, hangs=False):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.got = []
        self.more = threading.Condition()
        if not hangs:
            self.resume()

    def resume(self):
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            data, files, _, _ = socket.recv_fds(self.socket, 1 << 20, 1)
            for fd in files:  # a message that was too long for a datagram
                data = os.pread(fd, os.fstat(fd).st_size, 0)
                os.close(fd)
            with self.more:
                self.got.append(data)
                self.more.notify()

    def forget(self):
        """All that has been sent until now, read or not."""
        mark = uuid.uuid4().bytes
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(mark, str(self.path))
        with self.more:
            assert self.more.wait_for(lambda: mark in self.got, 20)
            del self.got[:self.got.index(mark) + 1]

    def wait(self, test, seconds=20):
        """The first message, of all that came, of which the test is true."""
        with self.more:
            assert self.more.wait_for(lambda: any(map(test, self.got)), seconds), f"nothing like it among {self.got}"
            return next(m for m in self.got if test(m))


def journal_fields(data):
    """A message of the native protocol of the journal: NAME=value lines, or NAME, a length, and the value."""
    fields = {}
    while data:
        head, _, rest = data.partition(b"\n")
        if b"=" in head:
            name, _, value = head.partition(b"=")
            data = rest
        else:
            (length,) = struct.unpack_from("<Q", rest)
            name, value, data = head, rest[8:8 + length], rest[8 + length + 1:]
        fields.setdefault(name.decode(), value.decode())
    return fields


class HostedController(Kmd):
    """ide-kmd with $NOTIFY_SOCKET, and with a journal if it is to have one ("hangs": one that nobody reads): then in a mount
    namespace whose /run is the test's, because the journal's socket has one place."""

    def __init__(self, directory, platform, options=(), watchdog_us=None, journal=False):
        self.endpoint = f"ipc://{directory}/kmd.sock"
        self.notified = Datagrams(directory / "notify")
        argv = [conftest.program("ide-kmd"), "--sysfs", str(platform.mount), "--listen", self.endpoint, "--trust",
                str(platform.trust), *options]
        env = {**os.environ, "NOTIFY_SOCKET": str(self.notified.path)}
        env.pop("JOURNAL_STREAM", None)
        if watchdog_us:
            env["WATCHDOG_USEC"] = str(watchdog_us)
        if journal:
            run = directory / "run" / "systemd" / "journal"
            run.mkdir(parents=True)
            self.journal = Datagrams(run / "socket", journal == "hangs")
            log = directory / "ide-kmd.log"
            log.touch()
            env["JOURNAL_STREAM"] = f"{log.stat().st_dev}:{log.stat().st_ino}"
            argv = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /run && exec "$@"',
                    str(directory / "run"), *argv]
        super().__init__(argv, directory, env)

    def ctl(self, *arguments):
        return ctl("--connect", self.endpoint, *arguments)
