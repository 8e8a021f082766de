# SPDX-License-Identifier: GPL-2.0-or-later
"""A QEMU guest that is driven over its second serial port, every wait with a deadline.

The first serial port has the kernel's messages. Both are kept, and are in the report of whatever fails.
"""

import base64
import contextlib
import json
import os
import select
import shlex
import socket
import subprocess
import time
from pathlib import Path

BOOT_SECONDS = 120     # takes 4 on a machine with nothing else to do
COMMAND_SECONDS = 60
LOG_MOST = 12000       # bytes of the end of a log that a report has
COMMAND_MOST = 3000    # bytes; what the guest's line buffer takes at once


class GuestError(AssertionError):
    pass


class Result:
    def __init__(self, status, output):
        self.status = status
        self.output = output
        self.text = output.decode(errors="replace")


class Channel:
    """Bytes to and from a UNIX socket of QEMU's."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        self.buffer = b""
        self.seen = b""

    def send(self, data):
        with contextlib.suppress(BrokenPipeError): # QEMU ended, which the answer that does not come will show
            self.socket.sendall(data)

    def _more(self, end):
        left = max(end - time.monotonic(), 0)
        if not select.select([self.socket], [], [], left)[0]:
            return False
        try:
            part = self.socket.recv(65536)
        except ConnectionResetError: # QEMU ended
            part = b""
        self.buffer += part
        self.seen += part
        return bool(part)

    def until(self, mark, seconds):
        """What comes before mark; None if it does not come."""
        end = time.monotonic() + seconds
        while mark not in self.buffer:
            if not self._more(end):
                return None
        before, self.buffer = self.buffer.split(mark, 1)
        return before

    def exactly(self, count, seconds):
        end = time.monotonic() + seconds
        while len(self.buffer) < count:
            if not self._more(end):
                return None
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def close(self):
        self.socket.close()


class Qmp:
    """QEMU's monitor."""

    def __init__(self, path):
        self.channel = Channel(path)
        self._message(20)
        self.events = []
        self.command("qmp_capabilities")

    def _message(self, seconds):
        line = self.channel.until(b"\r\n", seconds)
        if line is None:
            raise GuestError("QEMU's monitor says nothing")
        return json.loads(line)

    def command(self, name, seconds=20, **arguments):
        self.channel.send(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            message = self._message(seconds)
            if "event" in message:
                self.events.append(message)
                continue
            if "error" in message:
                raise GuestError(f"{name}: {message['error']}")
            return message["return"]

    def event(self, name, seconds=20):
        """The next event of that name, also if it has come already."""
        end = time.monotonic() + seconds
        while True:
            for i, event in enumerate(self.events):
                if event["event"] == name:
                    return self.events.pop(i)
            self.events.append(self._message(max(end - time.monotonic(), 0.1)))


class Guest:
    def __init__(self, directory, qemu, kernel, initramfs, options=(), append="", memory="768M"):
        """initramfs None: what append names as its root has all that it needs."""
        self.directory = Path(directory)
        self.console_log = self.directory / "console.log"
        self.qemu_log = self.directory / "qemu.log"
        self.counter = 0
        self.shell = self.qmp = None
        argv = [str(qemu), "-M", "q35,accel=tcg", "-cpu", "max", "-m", memory, "-display", "none", "-nodefaults",
                "-no-user-config", "-nic", "none", "-kernel", str(kernel),
                *(["-initrd", str(initramfs)] if initramfs else []), "-append", f"console=ttyS0 panic=-1 {append}".strip(), "-serial", f"file:{self.console_log}",
                "-serial", f"unix:{self.directory}/shell,server=on,wait=off",
                "-qmp", f"unix:{self.directory}/qmp,server=on,wait=off", *options]
        with open(self.qemu_log, "ab") as log:
            log.write((shlex.join(argv) + "\n").encode())
            log.flush()
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._connect()
            self.await_shell()
        except BaseException:
            self.kill()
            raise

    def _connect(self):
        end = time.monotonic() + 30
        while not ((self.directory / "shell").exists() and (self.directory / "qmp").exists()):
            if self.process.poll() is not None or time.monotonic() > end:
                raise self.error("QEMU does not start")
            time.sleep(0.02)
        try:
            self.shell = Channel(self.directory / "shell")
            self.qmp = Qmp(self.directory / "qmp")
        except (OSError, GuestError) as error:
            raise self.error(f"QEMU does not start: {error}") from None

    def await_shell(self, seconds=BOOT_SECONDS):
        """Until the guest's shell answers: after a start or a reboot."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise self.error(f"QEMU ended: {self.process.returncode}")
            self.counter += 1
            # A line that comes before the shell is there may be lost, or echoed: an echo has not done the sum.
            self.shell.send(f"\necho @ready $(({self.counter} + 1000))@\n".encode())
            if self.shell.until(f"@ready {self.counter + 1000}@\n".encode(), 0.3) is not None:
                return
        raise self.error(f"the guest did not come up in {seconds} s")

    def error(self, why):
        """An error with what is known on this side: before the shell answers nobody else has it."""
        return GuestError("\n".join([why, *(f"--- {name}\n{text}" for name, text in self.logs_here().items())]))

    def logs_here(self):
        logs = {log.name: log.read_text(errors="replace")[-LOG_MOST:] for log in (self.qemu_log, self.console_log)
                if log.exists()}
        return {**logs, "shell": self.shell.seen[-4000:].decode(errors="replace") if self.shell else ""}

    def logs(self):
        """By their names, for the report of a test that fails (tests/conftest.py): these, and what the controller says."""
        return {**self.logs_here(), "ide-kmd.log": self._controller_log()}

    def _controller_log(self):
        try:
            self.await_shell(10)
            return self.run(f"tail -c {LOG_MOST} /run/ide-kmd.log 2>/dev/null || journalctl -u ide-kmd -n 200", 20, None).text
        except (GuestError, OSError) as error:
            return f"the guest's shell does not give it: {str(error).splitlines()[0]}"

    def run(self, command, seconds=COMMAND_SECONDS, expect=0):
        """Runs a shell command in the guest. expect: the exit status that it must have; None: any."""
        assert len(command.encode()) <= COMMAND_MOST, "too long for one line; use put()"
        self.counter += 1
        n = self.counter
        self.shell.send(f"{{ {command}\n}} </dev/null >/tmp/.out 2>&1; echo \"@$? $(wc -c </tmp/.out) #{n}@\"; "
                        f"cat /tmp/.out; echo '@end {n}@'\n".encode())
        before = self.shell.until(f" #{n}@".encode(), seconds)
        if before is None:
            raise self.error(f"no answer in {seconds} s to: {command}")
        status, size = before[before.rindex(b"@") + 1:].split()
        self.shell.until(b"\n", 10)
        output = self.shell.exactly(int(size), COMMAND_SECONDS)
        if output is None or self.shell.until(f"@end {n}@".encode(), 10) is None:
            raise self.error(f"the answer was cut off: {command}")
        result = Result(int(status), output)
        if expect is not None and result.status != expect:
            raise self.error(f"exit status {result.status} of: {command}\n{result.text}")
        return result

    def put(self, path, data, mode="644"):
        """Writes a file in the guest."""
        text = base64.b64encode(data).decode()
        self.run(f": >{path}.b64")
        for at in range(0, len(text), 2400):
            self.run(f"printf %s {text[at:at + 2400]} >>{path}.b64")
        self.run(f"base64 -d {path}.b64 >{path}; rm {path}.b64; chmod {mode} {path}")

    def json(self, command, seconds=COMMAND_SECONDS, expect=0):
        result = self.run(command, seconds, expect)
        try:
            return json.loads(result.text)
        except ValueError:
            raise self.error(f"no JSON from: {command}\n{result.text}") from None

    def until(self, command, seconds=COMMAND_SECONDS):
        """Runs the command until it succeeds, and fails if it does not in time. The guest's clock counts: it stands still
        while QEMU has no processor."""
        looks = 5 * seconds
        return self.run(f"n=0; until {{ {command}\n}}; do n=$((n + 1)); [ $n -lt {looks} ] || break; sleep 0.2; done; "
                        f"[ $n -lt {looks} ]", 2 * seconds + 20)

    def kill(self):
        for channel in (self.shell, self.qmp.channel if self.qmp else None):
            if channel:
                channel.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def environment():
    """Where QEMU and the kernel are: what tests/qemu/setup prepared, or what the environment names."""
    cache = Path("/var/cache/ide-km/qemu")
    qemu = os.environ.get("IDE_KM_QEMU", "/usr/bin/qemu-system-x86_64")
    kernel = Path(os.environ.get("IDE_KM_QEMU_KERNEL", cache / "kernel" / "current" / "vmlinuz"))
    patched = Path(os.environ.get("IDE_KM_QEMU_IDE", cache / "ide" / "current" / "qemu-system-x86_64"))
    return qemu, kernel, patched
