# SPDX-License-Identifier: GPL-2.0-or-later
"""What a running ide-kmd has kept of root's powers: in each of its threads, while it works."""

import os
import re
from pathlib import Path

import conftest
from conftest import ENDPOINT, ROOT_PORT

WARNING = "ide-kmd: --no-sandbox: all capabilities and system calls of root are kept; for debugging only\n"

IPC_LOCK = 1 << 14


def threads(controller):
    """The status of each thread, as a dictionary."""
    for task in Path(f"/proc/{controller.process.pid}/task").iterdir():
        yield dict(re.findall(r"^(\w+):\t(.*)$", (task / "status").read_text(), re.M))


def is_sanitized():
    return b"__asan_init" in Path(conftest.program("ide-kmd")).read_bytes()


def test_no_thread_keeps_what_is_not_needed(directory, platform, start_controller):
    """With all kinds of threads that there are, and with sockets that had to get their groups."""
    metrics, state = directory / "metrics", directory / "state" / "state.db"
    controller = start_controller(platform, "--metrics", str(metrics), "--state", str(state), "--admin-group", "games",
                                  "--view-group", "mail")
    controller.json("establish", ROOT_PORT, "--stream", "0")
    seen = list(threads(controller))
    workers = [status for status in seen if status["Name"] in (ROOT_PORT, ENDPOINT)]
    # the main loop, libzmq's two, the state file's, that of the figures, the watch
    assert len(seen) >= 8 and len(workers) == 2, [status["Name"] for status in seen]
    for status in seen:
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", status["Name"]
        assert int(status["CapEff"], 16) & ~IPC_LOCK == 0, status["Name"]
        assert int(status["CapPrm"], 16) == int(status["CapEff"], 16)
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == int(status["CapBnd"], 16) == 0


def test_secrets_are_locked_in_memory(controller):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    status = next(threads(controller))
    if is_sanitized():
        return  # AddressSanitizer does not let its shadow be locked
    locked, resident = (int(status[key].split()[0]) for key in ("VmLck", "RssAnon"))
    assert locked >= resident > 0


def test_nothing_is_dumped(controller):
    assert "Max core file size        0                    0" in Path(
        f"/proc/{controller.process.pid}/limits").read_text()
    assert os.stat(f"/proc/{controller.process.pid}/environ").st_uid == 0


def test_debugging_without_it_is_said(platform, start_controller):
    controller = start_controller(platform, "--no-sandbox")
    assert WARNING in controller.log.read_text()
    status = next(threads(controller))
    assert status["Seccomp"] == "0" and int(status["CapEff"], 16) & ~IPC_LOCK
