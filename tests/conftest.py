# SPDX-License-Identifier: GPL-2.0-or-later
"""Fixtures for whole programs: an emulated platform, a controller on it, and the command line.

IDE_KM_BUILD names the build directory whose programs are tested. With IDE_KM_PREFIX it is the programs that are installed below
that folder, such as /usr, or usr in a DESTDIR; the build then gives only what a test needs beside them. IDE_KM_TEST_ORDER=reverse runs the tests backwards,
so that a test that leans on its neighbour shows.
"""

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from messages import check_messages

ROOT = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("IDE_KM_BUILD", ROOT / "build" / "gcc")).resolve()

ROOT_PORT = "0000:00:03.0"
ENDPOINT = "0000:01:00.0"
SWITCH_ROOT_PORT = "0000:00:04.0"
SWITCH_ENDPOINTS = ("0000:04:00.0", "0000:05:00.0")


PREFIX = Path(os.environ["IDE_KM_PREFIX"]).resolve() if os.environ.get("IDE_KM_PREFIX") else None


def installed(path, otherwise):
    """The file of that path below the prefix; without a prefix the other one, from which it is installed."""
    path = PREFIX / path if PREFIX else otherwise
    assert path.exists(), f"{path} is not there (IDE_KM_PREFIX or IDE_KM_BUILD says where it should be)"
    return path


def program(name):
    folder = "sbin" if name == "ide-kmd" else "bin"
    return str(installed(f"{folder}/{name}", BUILD / "tools" / name / name))


def pytest_collection_modifyitems(items):
    if os.environ.get("IDE_KM_TEST_ORDER") == "reverse":
        items.reverse()


def pytest_terminal_summary():
    """The line that says why a test failed is not cut off where there is no terminal: tools/check repeats it."""
    if not sys.stdout.isatty():
        os.environ.setdefault("COLUMNS", "240")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """The report of a test that fails has what its fixtures keep: the logs() of those that have some, by their names."""
    report = (yield).get_result()
    logs = {}
    for fixture in getattr(item, "funcargs", {}).values() if report.failed else ():
        logs.update(fixture.logs() if callable(getattr(fixture, "logs", None)) else {})
    report.sections += [(f"log: {name}", text) for name, text in logs.items()]


class Service:
    """A program of ours in the foreground that says `ready` on one line when it serves."""

    def __init__(self, argv, log, env=None):
        self.argv = argv
        self.log = Path(log)
        with open(self.log, "ab") as stderr:
            self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=stderr, env=env)
        self._await_ready(30)

    def _await_ready(self, seconds):
        end = time.monotonic() + seconds
        line = b""
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            ready, _, _ = select.select([self.process.stdout], [], [], max(left, 0))
            byte = os.read(self.process.stdout.fileno(), 1) if ready else b""
            if not byte:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.argv}: not ready: {line!r}\n{self.log.read_text()}")
            line += byte
        assert line == b"ready\n", line

    def stop(self, expect=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.argv} does not end on SIGTERM\n{self.log.read_text()}") from None
        finally:
            self.process.stdout.close()
        text = self.log.read_text(errors="replace")
        assert status == expect, f"{self.argv}: exit {status}\n{text}"
        assert "Sanitizer" not in text and "runtime error" not in text, text

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Platform(Service):
    """A running ide-emu."""

    def __init__(self, directory, identity, options=()):
        self.directory = Path(directory)
        self.mount = self.directory / "pci"
        self.identity = Path(identity)
        self.trust = self.identity / "trust"
        self.control = self.directory / "control"
        super().__init__([program("ide-emu"), "--mount", str(self.mount), "--identity", str(self.identity),
                          "--control", str(self.control), *options], self.directory / "ide-emu.log")

    def tell(self, line):
        """One line to the control socket; gives the answer without its newline."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20)
            s.connect(str(self.control))
            s.sendall(line.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n"):
                part = s.recv(65536)
                if not part:
                    break
                answer += part
        text = answer.decode().rstrip("\n")
        assert not text.startswith("error"), f"{line}: {text}"
        return text

    def misbehave(self, bdf, fault, count=None):
        self.tell(f"misbehave {bdf} {fault}" + (f" {count}" if count is not None else ""))

    def behave(self, bdf):
        self.tell(f"behave {bdf}")

    def state(self):
        return json.loads(self.tell("state"))

    def lspci(self, *options):
        return subprocess.run(["lspci", "-A", "linux-sysfs", "-O", f"sysfs.path={self.mount}", *options],
                              capture_output=True, text=True, check=True).stdout

    def setpci(self, bdf, *settings):
        return subprocess.run(["setpci", "-A", "linux-sysfs", "-O", f"sysfs.path={self.mount}", "-s", bdf, *settings],
                              capture_output=True, text=True, check=True).stdout.strip()


class Kmd(Service):
    """A running ide-kmd, however it was started: all of its messages fit docs/api.schema.json, which is looked at when it
    has ended or was killed. Devices may take longer than on a machine that does nothing else."""

    def __init__(self, argv, directory, env=None):
        self.messages = Path(directory) / "messages.jsonl"
        at = argv.index(program("ide-kmd")) + 1   # what comes after counts more
        super().__init__([*argv[:at], "--message-log", str(self.messages), "--timeout", "5", *argv[at:]],
                         Path(directory) / "ide-kmd.log", env)

    def stop(self, expect=0):
        super().stop(expect)
        check_messages(self.messages)

    def kill(self):
        super().kill()
        check_messages(self.messages)


class Controller(Kmd):
    """One as most tests want it."""

    def __init__(self, directory, platform, options=(), trust=None):
        self.endpoint = f"ipc://{directory}/kmd.sock"
        super().__init__([program("ide-kmd"), "--sysfs", str(platform.mount), "--listen", self.endpoint, "--trust",
                          str(trust or platform.trust), *options], directory)

    def ctl(self, *arguments, timeout=60):
        return ctl("--connect", self.endpoint, *arguments, timeout=timeout)

    def json(self, *arguments):
        """The parsed output of a command that must succeed."""
        done = self.ctl("--json", *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)

    def error(self, *arguments):
        """The parsed error of a command that must fail."""
        done = self.ctl("--json", *arguments)
        assert done.returncode == 1, f"{arguments}: exit {done.returncode}: {done.stdout}{done.stderr}"
        return json.loads(done.stdout)["error"]


def ctl(*arguments, timeout=60):
    return subprocess.run([program("ide-ctl"), *arguments], capture_output=True, text=True, timeout=timeout)


@pytest.fixture(scope="session")
def identity(tmp_path_factory):
    """Identities of the default platform, made once."""
    directory = tmp_path_factory.mktemp("identity")
    subprocess.run([program("ide-emu"), "--make-identities", str(directory)], check=True)
    return directory


@pytest.fixture
def directory(tmp_path):
    """A short path: an AF_UNIX name has 107 bytes."""
    path = Path(subprocess.run(["mktemp", "-d", "/tmp/ide-km.XXXXXX"], capture_output=True, text=True,
                               check=True).stdout.strip())
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def start_platform(directory, identity):
    """Starts an ide-emu with options; all are stopped, and must exit 0, at the end."""
    running = []

    def start(*options, identity=identity):
        platform = Platform(directory, identity, options)
        running.append(platform)
        return platform

    yield start
    for platform in running:
        if platform.process.returncode is None:
            platform.stop()


@pytest.fixture
def start_controller(directory, start_platform):
    running = []

    def start(platform, *options, trust=None):
        controller = Controller(directory, platform, options, trust)
        running.append(controller)
        return controller

    yield start
    for controller in running:
        if controller.process.returncode is None:
            controller.stop()


@pytest.fixture
def platform(start_platform):
    return start_platform()


@pytest.fixture
def controller(platform, start_controller):
    return start_controller(platform)
