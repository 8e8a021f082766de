# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-kmd among the services of a host: systemd's notifications and watchdog, the journal, its files."""

import configparser
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import conftest
import pytest
from conftest import ENDPOINT, ROOT_PORT
from host import HostedController, journal_fields
from test_metrics import UnixConnection, read, value

ROOT = Path(__file__).resolve().parents[2]
HOST = ROOT / "tools" / "host"


@pytest.fixture
def host(directory, platform):
    running = []

    def start(*options, **how):
        running.append(HostedController(directory, platform, options, **how))
        return running[-1]

    yield start
    for controller in running:
        if controller.process.returncode is None:
            controller.stop()


def done(controller, *arguments):
    result = controller.ctl(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr


# ---- notifications ---------------------------------------------------------------------------------------------------


def test_systemd_hears_what_ide_kmd_is_at(host):
    controller = host()
    controller.notified.wait(lambda m: m == b"READY=1")
    assert controller.notified.got.index(b"STATUS=0 streams up, 0 starting or half off") < controller.notified.got.index(
        b"READY=1")
    done(controller, "establish", ROOT_PORT, "--stream", "0")
    controller.notified.wait(lambda m: m == b"STATUS=0 streams up, 1 starting or half off")
    controller.notified.wait(lambda m: m == b"STATUS=1 streams up, 0 starting or half off")
    controller.stop()
    controller.notified.wait(lambda m: m == b"STOPPING=1")
    controller.notified.wait(lambda m: m.startswith(b"EXTEND_TIMEOUT_USEC="))


def test_systemd_hears_of_a_reload(host, directory):
    """And it counts: a message that was too unimportant before is not any more."""
    configuration = directory / "ide-kmd.conf"
    configuration.write_text("[controller]\nlog-level = error\n")
    controller = host("--config", str(configuration))
    controller.notified.wait(lambda m: m == b"READY=1")
    controller.notified.forget()
    done(controller, "attest", ENDPOINT)
    assert "attest" not in controller.log.read_text()
    configuration.write_text("[controller]\nlog-level = info\n")
    controller.process.send_signal(signal.SIGHUP)
    reloading = controller.notified.wait(lambda m: m.startswith(b"RELOADING=1\nMONOTONIC_USEC="))
    controller.notified.wait(lambda m: m == b"READY=1")
    assert controller.notified.got.index(reloading) < controller.notified.got.index(b"READY=1")
    done(controller, "attest", ENDPOINT)
    wait_for(controller, f"attest of {ENDPOINT}: done")


def test_the_watchdog_gets_signs_of_life(host):
    controller = host(watchdog_us=200_000)
    for _ in range(3):
        controller.notified.forget()
        controller.notified.wait(lambda m: m == b"WATCHDOG=1")


def test_without_a_watchdog_nothing_is_sent(host):
    controller = host()
    done(controller, "establish", ROOT_PORT, "--stream", "0")
    controller.stop()
    controller.notified.wait(lambda m: m == b"STOPPING=1")
    assert b"WATCHDOG=1" not in controller.notified.got


def test_a_thread_that_hangs_gives_no_sign_of_life(host, platform):
    """The platform stops answering in the middle of a step: the loop goes on, the worker does not. Without the watch, whose
    first look has the loop look at the platform, too."""
    controller = host("--timeout", "3", "--watch-interval", "0", "--log-level", "debug", watchdog_us=400_000)
    platform.misbehave(ENDPOINT, "silent")
    attest = subprocess.Popen([conftest.program("ide-ctl"), "--connect", controller.endpoint, "attest", ENDPOINT],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(controller, "attest at 0000:01:00.0: started")
        platform.process.send_signal(signal.SIGSTOP)
        wait_for(controller, f"the thread of {ENDPOINT} hangs")
        controller.notified.forget()
        time.sleep(1.2)  # three times as long as systemd would wait
        assert b"WATCHDOG=1" not in controller.notified.got
    finally:
        platform.process.send_signal(signal.SIGCONT)
        attest.wait(30)
    controller.notified.forget()
    controller.notified.wait(lambda m: m == b"WATCHDOG=1")
    platform.behave(ENDPOINT)


def wait_for(controller, text):
    end = time.monotonic() + 30
    while text not in controller.log.read_text():
        assert time.monotonic() < end, controller.log.read_text()
        time.sleep(0.02)


# ---- the journal -----------------------------------------------------------------------------------------------------


def catalogue():
    return set(re.findall(r"^-- ([0-9a-f]{32})$", (HOST / "ide-kmd.catalog").read_text(), re.M))


def test_the_journal_gets_fields(host):
    controller = host("--log-level", "debug", journal=True)
    done(controller, "establish", ROOT_PORT, "--stream", "0")
    controller.stop()
    controller.journal.wait(lambda m: b"IDE_OPERATION=stop" in m and b"IDE_STATE=done" in m and b"IDE_EVENT=op" in m)
    messages = [journal_fields(m) for m in controller.journal.got]
    for message in messages:
        assert message["SYSLOG_IDENTIFIER"] == "ide-kmd" and message["PRIORITY"] in "34567" and message["MESSAGE"]
        assert message.get("MESSAGE_ID", None) is None or message["MESSAGE_ID"] in catalogue()
    (secure,) = [m for m in messages if m.get("IDE_EVENT") == "stream" and m["IDE_STATE"] == "secure"]
    assert secure["IDE_STREAM"] == "0" and secure["IDE_ROOT_PORT"] == ROOT_PORT and secure["IDE_ENDPOINT"] == ENDPOINT
    assert secure["IDE_KEY_SET"] == "0" and secure["PRIORITY"] == "5"
    steps = [m["IDE_STEP"] for m in messages if m.get("IDE_EVENT") == "step" and m["IDE_STATE"] == "done"]
    assert {"authenticate", "session", "program_keys", "enable", "await_secure", "disable"} <= set(steps)
    assert controller.log.read_text() == ""


def test_a_failure_names_its_cause_in_the_journal(host, platform):
    controller = host(journal=True)
    platform.misbehave(ENDPOINT, "silent")
    assert controller.ctl("attest", ENDPOINT).returncode == 1
    platform.behave(ENDPOINT)
    message = journal_fields(controller.journal.wait(lambda m: b"IDE_CODE=" in m))
    assert message["IDE_OPERATION"] == "attest" and message["IDE_STEP"] == "attest"
    assert message["IDE_DEVICE"] == ENDPOINT and message["IDE_CODE"] == "timeout" and message["IDE_HINT"]
    assert message["PRIORITY"] == "3" and message["MESSAGE"].startswith(f"attest of {ENDPOINT}: failed at attest")
    # what is not asked for is not sent
    assert not [m for m in controller.journal.got if b"IDE_EVENT=step" in m]


def lost(door):
    return value(read(UnixConnection(door)), "ide_km_log_dropped_total")


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.05)
    return found


def test_a_journal_that_hangs_keeps_nobody_waiting(host, directory):
    """Requests are answered all the same; what was lost is told at its place once the journal is read again."""
    door = directory / "metrics"
    controller = host("--log-level", "debug", "--metrics", str(door), journal="hangs")
    done(controller, "establish", ROOT_PORT, "--stream", "0")
    for _ in range(200):
        done(controller, "rekey", ROOT_PORT)
        if lost(door) > 0:
            break
    else:
        raise AssertionError("the journal took all of it")
    done(controller, "stop", ROOT_PORT, "--stream", "0")
    assert controller.journal.got == []
    controller.journal.resume()
    gap = journal_fields(controller.journal.wait(lambda m: b"IDE_DROPPED=" in m))
    dropped = int(gap["IDE_DROPPED"])
    assert gap["PRIORITY"] == "4" and gap["MESSAGE_ID"] in catalogue()
    assert gap["MESSAGE"] == f"{dropped} messages are missing here, because nobody took them"
    wait_until(lambda: lost(door) == dropped)
    done(controller, "attest", ENDPOINT)
    controller.journal.wait(lambda m: b"IDE_OPERATION=attest" in m and b"IDE_STATE=done" in m)
    got = [journal_fields(m) for m in controller.journal.got]
    events = [e for e in map(json.loads, controller.messages.read_text().splitlines()) if "event" in e]
    told = [m for m in got if "IDE_EVENT" in m]
    published = [e for e in events if e["event"]["event"] not in ("tick", "hello")]
    assert len(told) < len(published) <= len(told) + dropped
    assert controller.log.read_text() == ""


def test_lines_that_nobody_reads_keep_nobody_waiting(directory, platform):
    """As in a container whose log nobody takes: the standard error output is a pipe, and it is full."""
    read_end, write_end = os.pipe()
    controller = f"ipc://{directory}/kmd.sock"
    process = subprocess.Popen([conftest.program("ide-kmd"), "--sysfs", str(platform.mount), "--listen", controller, "--trust",
                                str(platform.trust), "--log-level", "debug"], stdout=subprocess.PIPE, stderr=write_end)
    os.close(write_end)
    try:
        assert process.stdout.readline() == b"ready\n"
        for arguments in (["establish", ROOT_PORT, "--stream", "0"], *[["rekey", ROOT_PORT]] * 60):
            asked = conftest.ctl("--connect", controller, *arguments)
            assert asked.returncode == 0, asked.stderr
        text = b""
        while b" messages are missing here, because nobody took them\n" not in text:
            part = os.read(read_end, 65536)
            assert part, text
            text += part
        process.send_signal(signal.SIGTERM)
        while part := os.read(read_end, 65536):
            text += part
        assert process.wait(30) == 0
        assert all(line.startswith(b"ide-kmd: ") for line in text.splitlines()), text
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        os.close(read_end)


def test_each_message_has_its_entry_in_the_catalogue():
    log = (HOST.parent / "ide-kmd" / "log.h").read_text()
    assert catalogue() == set(re.findall(r'"([0-9a-f]{32})"', log))


# ---- files -----------------------------------------------------------------------------------------------------------


def test_the_probe_says_what_a_function_has(platform):
    def probe(bdf):
        program = conftest.installed("lib/ide-km/ide-km-probe", conftest.BUILD / "tools/host/ide-km-probe")
        ran = subprocess.run([program, "--sysfs", str(platform.mount), f"/sys/devices/pci0000:00/{bdf}"],
                             capture_output=True, text=True, check=False)
        return ran.returncode, ran.stdout

    assert probe(ROOT_PORT) == (0, "ID_PCI_DOE=1\nID_PCI_IDE=selective_link\n")
    assert probe(ENDPOINT) == (0, "ID_PCI_DOE=1\nID_PCI_IDE=selective_link\n")
    assert probe("0000:05:00.0") == (0, "ID_PCI_DOE=1\nID_PCI_IDE=selective\n")
    assert probe("0000:02:00.0") == (0, "ID_PCI_IDE=flow-through\n")
    assert probe("0000:77:00.0") == (1, "")


def test_the_configuration_that_is_installed_is_right(platform, directory):
    """As it is, and with what it says behind #."""
    text = (HOST / "ide-kmd.conf").read_text().replace("/etc/ide-kmd/trust", str(platform.trust))
    told = re.sub(r"^#(\[|[a-z-]+ = )", r"\1", text, flags=re.M)
    assert told != text
    for contents in (text, told):
        (directory / "ide-kmd.conf").write_text(contents)
        checked = subprocess.run([conftest.program("ide-kmd"), "--check", "--config", str(directory / "ide-kmd.conf"),
                                  "--trust", str(platform.trust)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_units_score_is_what_the_documentation_says():
    ran = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", str(HOST / "ide-kmd.service")],
                         capture_output=True, text=True, check=False)
    (score,) = re.findall(r"Overall exposure level for ide-kmd.service: ([0-9.]+) ", ran.stdout)
    documented = (ROOT / "docs" / "operations.md").read_text()
    assert f"Overall exposure level for ide-kmd.service: {score} OK" in documented
    assert float(score) <= 3.0


def test_the_units_are_right(tmp_path):
    for unit in ("ide-kmd.service", "pci-ide.target"):
        text = (HOST / unit).read_text().replace("/usr/sbin/ide-kmd", conftest.program("ide-kmd"))
        (tmp_path / unit).write_text(text)
    ran = subprocess.run(["systemd-analyze", "verify", "--man=no", *(str(p) for p in tmp_path.iterdir())],
                         capture_output=True, text=True, check=False)
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(HOST / "ide-kmd.service")
    assert unit["Service"]["Type"] == "notify" and unit["Install"]["WantedBy"] == "pci-ide.target"
