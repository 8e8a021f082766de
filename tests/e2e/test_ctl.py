# SPDX-License-Identifier: GPL-2.0-or-later
"""What a person sees, and a script: output, exit status, errors of the command line itself."""

import json
import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from conftest import BUILD, ENDPOINT, PREFIX, ROOT_PORT, SWITCH_ENDPOINTS, ctl, program

COMMANDS = ["list", "show", "attest", "doctor", "establish", "rekey", "stop", "wait", "monitor"]


def test_the_programs_are_those_that_are_meant(controller, platform):
    """The build's, or with IDE_KM_PREFIX those that are installed below it."""
    folder = PREFIX or BUILD / "tools"
    for service in (controller, platform):
        assert Path(f"/proc/{service.process.pid}/exe").resolve().is_relative_to(folder)
    assert Path(program("ide-ctl")).is_relative_to(folder)


def test_help_names_every_command_and_version_is_one_line():
    text = ctl("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command}\b", text, re.MULTILINE), command
    for name in ("ide-ctl", "ide-kmd"):
        done = subprocess.run([program(name), "--version"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        assert re.fullmatch(rf"{name} \d+\.\d+\.\d+\n", done.stdout)
    for command in COMMANDS:
        done = ctl(command, "--help")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"usage: ide-ctl {command} ")
        assert "  --connect ENDPOINT " in done.stdout
    assert "  --pcrc " in ctl("--help", "establish").stdout
    assert "  --pcrc " not in ctl("stop", "--help").stdout


def test_a_slip_of_the_finger_is_understood():
    assert "no such command: establsh; is it `establish`?" in ctl("establsh").stderr
    assert "no such command: stpo; is it `stop`?" in ctl("stpo").stderr
    for word in ("frobnicate", "", "x" * 100):
        assert "is it" not in ctl(word).stderr


@pytest.mark.parametrize("arguments, message", [
    ([], "no command is given"),
    (["frobnicate"], "no such command: frobnicate"),
    (["establish"], "which port? usage: ide-ctl establish"),
    (["attest"], "which port? usage: ide-ctl attest"),
    (["stop", ROOT_PORT], "which stream? --stream N is needed by stop"),
    (["stop", "--stream", "0"], "which port? usage: ide-ctl stop"),
    (["rekey", "--stream", "0"], "--stream needs a port: rekey"),
    (["list", ROOT_PORT], "no port is taken by list"),
    (["show", ROOT_PORT, "--stream", "0"], "no --stream is taken by show"),
    (["show", ROOT_PORT, ENDPOINT], f"an argument too many: {ENDPOINT}"),
    (["establish", "here"], "no address of a PCI function, such as 0000:00:03.0: here"),
    (["establish", "00:03.8"], "no address of a PCI function, such as 0000:00:03.0: 00:03.8"),
    (["establish", ROOT_PORT, "--stream", "one"], "--stream is no number: one"),
    (["establish", ROOT_PORT, "--stream", ""], "--stream is no number: "),
    (["list", "--timeout", "soon"], "--timeout is no time between 1 ms and an hour: soon"),
    (["list", "--colour", "never"], "unrecognized option '--colour'"),
    (["list", "--color", "sometimes"], "--color is none of auto, always and never: sometimes"),
    (["wait", ROOT_PORT], "which stream? --stream N is needed by wait"),
    (["wait", ROOT_PORT, "--stream", "255"], "stream numbers are 0 to 254: 255"),
    (["wait", ROOT_PORT, "--stream", "-1"], "stream numbers are 0 to 254: -1"),
    (["wait", ROOT_PORT, "--stream", "0", "--state", "safe"],
     "--state is none of secure, insecure, off, starting, wanted and quarantined: safe"),
    (["stop", ROOT_PORT, "--stream", "0", "--state", "off"], "no --state is taken by stop"),
    (["rekey", "--raw"], "no --raw is taken by rekey"),
])
def test_a_wrong_command_line_is_2(arguments, message):
    done = ctl(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert re.search(r"^Try `ide-ctl (\w+ )?--help`\.$", done.stderr, re.MULTILINE)


@pytest.mark.parametrize("arguments, message", [
    (["--frobnicate"], "unrecognized option '--frobnicate'"),
    (["now"], "an argument that means nothing: now"),
    (["--timeout", "0"], "--timeout is no time between 1 ms and an hour: 0"),
])
def test_a_wrong_command_line_of_the_controller_is_2(arguments, message):
    done = subprocess.run([program("ide-kmd"), *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize("command", [["list"], ["show"], ["monitor"], ["establish", ROOT_PORT],
                                     ["stop", ROOT_PORT, "--stream", "0"], ["wait", ROOT_PORT, "--stream", "0"]])
@pytest.mark.parametrize("endpoint", ["ipc:///tmp/ide-km-no-such-directory/control", "tcp://127.0.0.1:9"])
def test_no_controller_is_3_and_soon(command, endpoint):
    begun = time.monotonic()
    done = ctl("--connect", endpoint, *command)
    assert done.returncode == 3
    assert time.monotonic() - begun < 20
    assert f"no controller answers at {endpoint}" in done.stderr
    assert "start it, `sudo ide-kmd`, or say where it is with --connect" in done.stderr
    assert done.stdout == ""


def test_no_controller_as_json():
    done = ctl("--connect", "ipc:///tmp/ide-km-no-such-directory/control", "--json", "list")
    assert done.returncode == 3
    assert json.loads(done.stdout)["error"]["code"] == "no_controller"
    assert done.stderr == ""


def test_no_controller_after_it_has_ended(platform, controller):
    endpoint = controller.endpoint
    assert controller.ctl("list").returncode == 0
    controller.stop()
    assert ctl("--connect", endpoint, "list").returncode == 3


def test_a_controller_that_dies_before_its_reply_is_3(platform, start_controller, monkeypatch):
    monkeypatch.setenv("IDE_KMD_KILL", "attest:1")
    controller = start_controller(platform)
    done = controller.ctl("--timeout", "2s", "attest", ENDPOINT)
    assert (done.returncode, done.stdout) == (3, "")
    assert "no controller answers at" in done.stderr
    assert controller.process.wait(10) in (-signal.SIGKILL, 128 + signal.SIGKILL)   # under the seal it has no kill()


def test_a_reply_that_does_not_come_in_time_is_1(platform, controller):
    platform.misbehave(ENDPOINT, "late=900")
    done = controller.ctl("--timeout", "300ms", "--json", "attest", ENDPOINT)
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "timeout"
    platform.behave(ENDPOINT)


def test_the_list_is_a_tree(controller):
    controller.json("establish", ENDPOINT)
    lines = controller.ctl("list").stdout.splitlines()
    assert lines[0].split() == ["PORT", "TYPE", "ID", "DOE", "IDE", "STREAMS"]
    text = "\n".join(line.rstrip() for line in lines[1:])
    # C locale or UTF-8: only the shape counts
    shape = [re.sub(r"[^0-9a-f:. ]", "#", line.split(".")[0])[:16].rstrip("#") for line in text.splitlines()]
    assert [re.search(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}", line).start() for line in text.splitlines()] == [
        0, 2, 0, 2, 4, 6, 4, 6], shape
    assert re.search(r"0000:00:03.0 +root port +1b36:000c +yes +4 selective, 1 link +0 Secure", text)
    assert re.search(r"0000:03:01.0 +downstream port +104c:8233 +- +flow-through", text)


def test_what_a_person_reads(platform, controller):
    done = controller.ctl("establish", ROOT_PORT, "--stream", "0")
    assert done.stdout == (
        "Stream 0 is Secure: root port 0000:00:03.0, endpoint 0000:01:00.0, key set 0.\n"
        "  SPDM 1.4, ECDSA P-384, SHA-384, secp384r1, AES-256-GCM\n")
    assert done.stderr == ""   # no terminal, no steps
    shown = controller.ctl("show").stdout.splitlines()
    assert shown[0].split() == ("STREAM STATE ROOT-PORT ROOT-STATE ENDPOINT END-STATE KEY-SET REKEYS REKEY-IN OWNER KIND "
                                "DOES").split()
    assert shown[1].split() == ["0", "Secure", ROOT_PORT, "Secure", ENDPOINT, "Secure", "0", "0", "39", "h", "controller",
                                "selective", "TC", "0"]
    port = controller.ctl("show", ENDPOINT).stdout
    assert port.startswith("0000:01:00.0  endpoint, 1b36:0010, class 010802\n  Below: 0000:00:03.0\n")
    assert shown[1] in port
    assert controller.ctl("rekey").stdout == (
        "Stream 0 has new keys: root port 0000:00:03.0, endpoint 0000:01:00.0, key set 1, Secure.\n")
    attested = controller.ctl("attest", ENDPOINT).stdout
    assert attested.startswith("0000:01:00.0 has proved its identity.\n  Name: Vendor=1B36:Device=0010:CC=010802:")
    platform.misbehave(ENDPOINT, "stop-refuse")
    assert controller.ctl("stop", ENDPOINT, "--stream", "0").stdout.startswith(
        "Stream 0 is off: root port 0000:00:03.0, endpoint 0000:01:00.0.\nNote: 0000:01:00.0: stop_keys: ")
    assert controller.ctl("show").stdout == "No stream is set up.\n"
    assert controller.ctl("rekey").stdout == "No stream has new keys.\n"


def test_an_error_says_what_failed_where_with_what_answer_and_what_to_do(platform, controller):
    platform.misbehave(ENDPOINT, "foreign-chain")
    done = controller.ctl("establish", ROOT_PORT)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "ide-ctl: 0000:01:00.0: authenticate: CERTIFICATE: RootHash: the certificate chain does not lead to a trust anchor\n"
        "  Now: the stream is off at both ports.\n"
        "  Try: if this device is to be trusted, put its root certificate into the folder that ide-kmd was given with "
        "--trust.\n")


def test_a_port_may_be_named_without_its_domain(controller):
    assert controller.json("establish", "01:00.0")["endpoint"] == ENDPOINT
    assert controller.json("show", "00:03.0")["bdf"] == ROOT_PORT


def test_options_may_stand_anywhere(controller):
    done = ctl("stop", "--json", ENDPOINT, "--stream", "4", "--connect", controller.endpoint)
    assert (done.returncode, json.loads(done.stdout)["error"]["code"]) == (1, "no_stream")


def test_columns_are_chosen_as_lsblk_has_it(controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    assert controller.ctl("show", "--output", "state,STREAM,endpoint", "--noheadings").stdout.split() == [
        "Secure", "0", ENDPOINT]
    lines = controller.ctl("list", "--output", "+KEYS,CLASS").stdout.splitlines()
    assert lines[0].split() == ["PORT", "TYPE", "ID", "DOE", "IDE", "STREAMS", "KEYS", "CLASS"]
    assert lines[1].split()[-2:] == ["doe", "060400"]
    for command, names in (("list", "PORT, TYPE, ID"), ("show", "STREAM, STATE, ROOT-PORT")):
        done = controller.ctl(command, "--output", "state,COLOUR")
        assert (done.returncode, done.stdout) == (2, "")
        assert "no such column: " in done.stderr and names in done.stderr
        for line in controller.ctl(command, "--help").stdout.split("Columns, for --output")[1].splitlines()[2:]:
            name = line[2:].split()[0]
            assert controller.ctl(command, "--output", name).stdout.splitlines()[0].split() == [name]
    done = controller.ctl("--json", "list", "--output", "PORT")
    assert (done.returncode, done.stdout) == (2, "")


def test_colour_is_for_terminals_unless_it_is_asked_for(controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    plain = controller.ctl("show").stdout
    assert "\033" not in plain
    colored = controller.ctl("show", "--color=always").stdout
    assert "\033[32mSecure" in colored
    assert re.sub(r"\033\[[0-9;]*m", "", colored) == plain
    assert controller.ctl("show", "--color", "never").stdout == plain
    for command in (["list"], ["doctor", ENDPOINT]):
        assert "\033[32m" in controller.ctl(*command, "--color", "always").stdout
        assert "\033" not in controller.ctl(*command).stdout


def test_steps_are_shown_where_they_are_asked_for(controller):
    done = controller.ctl("establish", ROOT_PORT, "--progress")
    assert done.returncode == 0
    for line in (f"  {ENDPOINT}  check its identity", f"  {ROOT_PORT}  check its identity",
                 f"  {ENDPOINT}  open a secure session", "  both ports    set the registers up",
                 f"  {ENDPOINT}  give it the keys", "  both ports    enable the stream",
                 "  both ports    wait until both ends are Secure"):
        assert line in done.stderr.splitlines()
    assert done.stdout.startswith("Stream 0 is Secure")


def test_a_step_that_fails_is_shown(platform, controller):
    platform.misbehave(ENDPOINT, "km-refuse")
    done = controller.ctl("establish", ROOT_PORT, "--progress")
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    failed = lines.index(f"  {ENDPOINT}  failed: KP_ACK: Status: the device refused the key (0x4, expected 0x0)")
    assert "  both ports    undo: free the registers" in lines[failed:]


def test_an_interrupt_undoes_what_was_begun(platform, controller):
    """The device answers late, so that there is time to change one's mind."""
    platform.misbehave(ENDPOINT, "late=2000")
    process = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, "establish", ROOT_PORT, "--progress"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().endswith("check its identity\n")
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "Cancelling: what was begun is undone." in error
    assert "cancelled on request" in error
    platform.behave(ENDPOINT)
    assert controller.json("show")["streams"] == []
    assert controller.json("establish", ROOT_PORT)["state"] == "secure"


def test_a_second_interrupt_leaves(platform, start_controller):
    controller = start_controller(platform, "--timeout", "30")
    platform.misbehave(ENDPOINT, "late=900")
    process = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, "establish", ROOT_PORT, "--progress"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr.readline().endswith("check its identity\n")
    process.send_signal(signal.SIGINT)
    line = ""
    while "Cancelling" not in line:
        line = process.stderr.readline()
        assert line
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "left while the controller undoes what was begun" in error or "cancelled on request" in error
    platform.behave(ENDPOINT)


class Monitor:
    def __init__(self, controller, *options):
        self.process = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, *options, "monitor"],
                                        stdout=subprocess.PIPE)
        self.text = b""
        self.hello = self.line()

    def line(self):
        while b"\n" not in self.text:
            ready, _, _ = select.select([self.process.stdout], [], [], 20)
            assert ready
            self.text += os.read(self.process.stdout.fileno(), 65536)
        line, _, self.text = self.text.partition(b"\n")
        return line.decode() + "\n"

    def until(self, wanted):
        lines = []
        while not lines or not wanted(lines[-1]):
            lines.append(self.line())
        return lines

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(20) == 0


@pytest.fixture
def start_monitor(controller):
    running = []

    def start(*options):
        running.append(Monitor(controller, *options))
        return running[-1]

    yield start
    for monitor in running:
        monitor.process.kill()
        monitor.process.wait()
        monitor.process.stdout.close()


def test_monitor_tells_a_person(platform, controller, start_monitor):
    monitor = start_monitor()
    assert re.fullmatch(r"\d\d:\d\d:\d\d  connected\n", monitor.hello)
    pair = f"stream 0  {ROOT_PORT} - {ENDPOINT}  "
    controller.json("establish", ENDPOINT, "--stream", "0")
    begun, done = monitor.line(), monitor.line()   # however many steps
    assert begun[10:].startswith(f"{pair}establish begins")
    assert re.fullmatch(rf"{pair}is Secure, key set 0: establish, \d+ steps in [0-9.e+]+ s\n", done[10:])
    platform.misbehave(ENDPOINT, "km-refuse")
    controller.error("rekey")
    lines = monitor.until(lambda line: "rekey failed" in line)
    assert f"{pair}rekey at {ENDPOINT}: failed to give it the keys: KP_ACK: Status: " in lines[1]
    assert f"{pair}rekey failed: {ENDPOINT}: KP_ACK: Status: " in lines[-1]
    platform.behave(ENDPOINT)
    controller.json("stop", ENDPOINT, "--stream", "0")
    assert any("is off: stop, " in line for line in monitor.until(lambda line: "is off" in line))
    controller.json("attest", ENDPOINT)
    assert monitor.until(lambda line: "attest done" in line)
    monitor.stop()


def test_monitor_tells_what_falls_and_that_it_comes_back(platform, controller, start_monitor):
    controller.json("establish", ENDPOINT, "--stream", "0")
    monitor = start_monitor()
    platform.tell(f"reset {ENDPOINT}")
    pair = f"stream 0  {ROOT_PORT} - {ENDPOINT}  "
    fell = monitor.until(lambda line: "is Insecure" in line)[-1][10:]
    assert fell.startswith(f"{pair}is Insecure: ") and "_" not in fell, "in words"
    lines = monitor.until(lambda line: "is Secure" in line)
    assert any("establish begins, asked for by policy" in line for line in lines)
    monitor.stop()


def test_monitor_tells_a_script(platform, controller, start_monitor):
    monitor = start_monitor("--json")
    assert json.loads(monitor.hello)["event"] == "hello"
    controller.json("establish", SWITCH_ENDPOINTS[0], "--stream", "2")
    platform.misbehave(SWITCH_ENDPOINTS[0], "km-refuse")
    controller.error("rekey")
    controller.json("stop", SWITCH_ENDPOINTS[0], "--stream", "2")
    events = [json.loads(line) for line in monitor.until(
        lambda line: json.loads(line).get("operation") == "stop" and json.loads(line)["state"] == "done"
        and json.loads(line)["event"] == "operation")]
    assert [e["seq"] for e in events] == list(range(events[0]["seq"], events[0]["seq"] + len(events)))
    assert [(e["operation"], e["state"]) for e in events if e["event"] == "operation"] == [
        ("establish", "started"), ("establish", "done"), ("rekey", "started"), ("rekey", "failed"),
        ("stop", "started"), ("stop", "done")]
    assert [(e["state"], e["key_set"]) for e in events if e["event"] == "stream"] == [("secure", 0), ("off", 0)]
    failed = [e for e in events if e["event"] == "step" and e["state"] == "failed"]
    assert [(e["step"], e["device"]) for e in failed] == [("program_keys", SWITCH_ENDPOINTS[0])]
    monitor.stop()
