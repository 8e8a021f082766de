# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-emu as a program: what lspci and setpci see, its start and its end, identities, orders."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from conftest import ENDPOINT, ROOT, ROOT_PORT, SWITCH_ROOT_PORT, Platform, program
from emu_doe import Mailbox


def run(*arguments, timeout=30):
    return subprocess.run([program("ide-emu"), *arguments], capture_output=True, text=True, timeout=timeout)


def mounted(path):
    return f" {path} fuse" in Path("/proc/mounts").read_text()


def block(text, bdf):
    """What lspci -v prints of one function."""
    return next(part for part in text.split("\n\n") if part.startswith(bdf))


# --- lspci and setpci ------------------------------------------------------------------------------------------------


def test_lspci_decodes_each_function(platform):
    text = platform.lspci("-vvv", "-D")
    root = block(text, ROOT_PORT)
    assert "PCI bridge: Red Hat, Inc. QEMU PCIe Root port" in root
    assert "Bus: primary=00, secondary=01, subordinate=01" in root
    assert "Memory behind bridge: e0000000-e00fffff [size=1M]" in root
    assert "Prefetchable memory behind bridge" in root and "[disabled] [64-bit]" in root
    assert "Express (v2) Root Port (Slot+)" in root
    assert "Speed 32GT/s, Width x4" in root and "DLActive+" in root
    drive = block(text, ENDPOINT)
    assert "Non-Volatile memory controller: Red Hat, Inc. QEMU NVM Express Controller (rev 02)" in drive
    assert "Region 0: Memory at e0000000 (64-bit, non-prefetchable) [size=16K]" in drive
    assert "Express (v2) Endpoint" in drive and "FLReset+" in drive
    assert re.search(r" v1\] Data Object Exchange\n.*IntSup-\n.*IntEn-\n.*Busy- IntSta- Error- ObjectReady-", drive)
    assert re.search(r"Capabilities: \[\w+ v1\] (Extended Capability ID 0x30|Integrity & Data Encryption)", drive)
    assert "Express (v2) Upstream Port" in block(text, "0000:02:00.0")
    assert "Express (v2) Downstream Port (Slot+)" in block(text, "0000:03:01.0")
    for bad in ("<chain broken>", "<chain looped>", "unknown header type", "[virtual]", "<ignored>", "<unassigned>",
                "Unknown Header", "!!!"):
        assert bad not in text


def test_lspci_is_silent_and_draws_the_tree(platform):
    done = subprocess.run(["lspci", "-A", "linux-sysfs", "-O", f"sysfs.path={platform.mount}", "-tv"],
                          capture_output=True, text=True, check=True)
    tree = re.sub(r"  +[A-Z].*", "", done.stdout)
    assert tree == ("-[0000:00]-+-03.0-[01]----00.0\n"
                    "           \\-04.0-[02-05]----00.0-[03-05]--+-00.0-[04]----00.0\n"
                    "                                           \\-01.0-[05]----00.0\n")
    plain = subprocess.run(["lspci", "-n", "-A", "linux-sysfs", "-O", f"sysfs.path={platform.mount}"],
                           capture_output=True, text=True, check=True)
    assert plain.stderr == ""
    assert "01:00.0 0108: 1b36:0010 (rev 02)" in plain.stdout


def test_setpci_writes_what_hardware_would_take(platform):
    assert platform.setpci(ENDPOINT, "VENDOR_ID.w") == "1b36"
    platform.setpci(ENDPOINT, "VENDOR_ID.w=dead", "REVISION.b=ff")
    assert platform.setpci(ENDPOINT, "VENDOR_ID.w", "REVISION.b") == "1b36\n02"
    platform.setpci(ENDPOINT, "COMMAND.w=0000")
    assert platform.setpci(ENDPOINT, "COMMAND.w") == "0000"
    assert "Mem- BusMaster-" in platform.lspci("-vv", "-s", ENDPOINT)
    platform.setpci(ENDPOINT, "BASE_ADDRESS_0.l=ffffffff")
    assert platform.setpci(ENDPOINT, "BASE_ADDRESS_0.l") == "ffffc004"
    platform.setpci(ROOT_PORT, "SECONDARY_BUS.b=42")
    assert platform.setpci(ROOT_PORT, "PRIMARY_BUS.l") == "00014200"


def test_setpci_reaches_extended_capabilities(platform):
    assert platform.setpci(ROOT_PORT, "ECAP002e.w", "ECAP0030.w") == "002e\n0030"
    # stream 0 of the link: control is the first register after capability and control
    assert platform.setpci(ROOT_PORT, "ECAP0030+c.l") == "ff000000"
    platform.setpci(ROOT_PORT, "ECAP0030+c.l=07000001")
    assert platform.setpci(ROOT_PORT, "ECAP0030+c.l", "ECAP0030+10.l") == "07000001\n00000000"


def test_an_enable_bit_makes_nothing_secure(platform):
    for bdf, offset in ((ROOT_PORT, "18"), (ENDPOINT, "18")):
        platform.setpci(bdf, f"ECAP0030+{offset}.l=05000001")
    streams = [s for f in platform.state()["functions"] for s in f["streams"] if s["enabled"]]
    assert len(streams) == 2
    assert {s["state"] for s in streams} == {"insecure"}


def test_sysfs_files(platform):
    device = platform.mount / "devices" / ENDPOINT
    assert (device / "vendor").read_text() == "0x1b36\n"
    assert (device / "class").read_text() == "0x010802\n"
    assert (device / "subsystem_device").read_text() == "0x1100\n"
    assert (device / "irq").read_text() == "0\n"
    lines = (device / "resource").read_text().splitlines()
    assert lines[0] == "0x00000000e0000000 0x00000000e0003fff 0x0000000000140204"
    assert len(lines) == 7
    assert len((platform.mount / "devices" / ROOT_PORT / "resource").read_text().splitlines()) == 11
    assert len((device / "config").read_bytes()) == 4096
    assert (device / "config").stat().st_size == 4096
    with pytest.raises(OSError):
        os.open(device / "new", os.O_CREAT | os.O_WRONLY)
    with pytest.raises(OSError):
        (device / "vendor").write_text("0x1234\n")


# --- The mailbox -----------------------------------------------------------------------------------------------------


def test_doe_discovery_through_config_space(platform):
    with Mailbox(platform, ENDPOINT) as m:
        assert m.protocols() == [(1, 0), (1, 1), (1, 2)]
        assert m.status() == 0


def test_a_device_that_is_late_holds_up_nobody_else(platform):
    platform.misbehave(ENDPOINT, "late=60000")
    with Mailbox(platform, ENDPOINT) as late, Mailbox(platform, ROOT_PORT) as other:
        late.send(Mailbox.discovery(0))
        start = time.monotonic()
        assert other.protocols() == [(1, 0), (1, 1), (1, 2)]
        assert late.status() == 1  # BUSY, and readable
        late.abort()
        assert late.status() == 0
        platform.behave(ENDPOINT)
        assert late.protocols() == [(1, 0), (1, 1), (1, 2)]
        assert time.monotonic() - start < 30


def test_many_readers_and_writers_at_once(platform):
    failures = []

    def work(bdf):
        try:
            with Mailbox(platform, bdf) as m:
                for _ in range(50):
                    assert m.protocols() == [(1, 0), (1, 1), (1, 2)]
        except Exception as e:  # pylint: disable=broad-except
            failures.append((bdf, e))

    # one user a mailbox, as the BUSY rule has it
    threads = [threading.Thread(target=work, args=(bdf,))
               for bdf in (ROOT_PORT, ENDPOINT, SWITCH_ROOT_PORT, "0000:04:00.0", "0000:05:00.0")]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures


def test_who_waits_for_a_completion_keeps_nobody_waiting(start_platform):
    """Reads of an endpoint whose completions are dropped time out after 50 ms each; other functions answer meanwhile."""
    platform = start_platform()
    platform.tell(f"adversary {ENDPOINT} up drop all")
    path = platform.mount / "devices"

    def config(bdf):
        with open(path / bdf / "config", "rb", buffering=0) as file:
            return os.pread(file.fileno(), 4, 0)

    threads = [threading.Thread(target=lambda: [config(ENDPOINT) for _ in range(20)]) for _ in range(3)]
    for t in threads:
        t.start()
    took = []
    while any(t.is_alive() for t in threads):
        began = time.monotonic()
        assert config(ROOT_PORT) not in (bytes(4), b"\xff" * 4)
        took.append(time.monotonic() - began)
    # on a busy machine some are slow all the same
    assert sorted(took)[len(took) // 4] < 0.025, "as long as if each had waited for one that times out, or not much less"
    assert config(ENDPOINT) == b"\xff" * 4
    platform.tell(f"adversary {ENDPOINT} up off")
    assert config(ENDPOINT) != b"\xff" * 4


# --- Start and end ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_unmounts_and_exits_0(start_platform, sig):
    platform = start_platform()
    assert mounted(platform.mount)
    platform.process.send_signal(sig)
    platform.stop()
    assert not mounted(platform.mount)
    assert not platform.control.exists()
    assert list(platform.mount.iterdir()) == []


def test_it_ends_even_while_somebody_is_inside(start_platform):
    platform = start_platform()
    held = os.open(platform.mount / "devices" / ENDPOINT / "config", os.O_RDONLY)
    platform.stop()
    assert not mounted(platform.mount)
    with pytest.raises(OSError, match="not connected"):
        os.close(held)


def test_a_killed_one_blocks_nothing(directory, identity, start_platform):
    first = Platform(directory, identity)
    first.kill()
    with pytest.raises(OSError):
        list(first.mount.iterdir())
    second = start_platform()
    assert ENDPOINT in os.listdir(second.mount / "devices")


def test_a_killed_one_that_the_kernel_remembers_blocks_nothing(directory, identity, start_platform):
    """stat() of the directory goes on to succeed for a while after it was asked for."""
    first = Platform(directory, identity)
    os.stat(first.mount)
    first.kill()
    second = start_platform()
    assert ENDPOINT in os.listdir(second.mount / "devices")
    second.stop()
    assert not mounted(second.mount)


def test_unmounted_by_somebody_else_it_ends(start_platform):
    platform = start_platform()
    subprocess.run(["umount", str(platform.mount)], check=True)
    assert platform.process.wait(10) == 0
    platform.stop()


def test_two_at_one_place(platform, directory, identity):
    done = run("--mount", str(platform.mount), "--identity", str(identity))
    assert done.returncode == 1
    assert done.stderr == f"ide-emu: {platform.mount}: something is mounted there already\n"
    assert done.stdout == ""
    done = run("--mount", str(directory / "other"), "--identity", str(identity), "--control", str(platform.control))
    assert done.returncode == 1
    assert done.stderr == f"ide-emu: {platform.control}: is in use\n"
    assert not mounted(directory / "other")
    assert platform.state()


def test_who_does_not_read_his_answers_keeps_nobody_waiting(platform):
    with socket.socket(socket.AF_UNIX) as lazy:
        lazy.connect(str(platform.control))
        lazy.settimeout(1)
        with pytest.raises(TimeoutError):   # until nothing more is taken of him, because nothing of it is taken by him
            while True:
                lazy.sendall(b"state\n" * 100)
        assert platform.state()["functions"]
    platform.stop()   # and the end does not wait for him either


def test_one_client_after_the_other_is_never_one_too_many(platform):
    """However fast they come and go: who has closed his connection may not have been heard yet. Each leaves with an order
    under way, and the answer to come."""
    for _ in range(40):
        clients = [socket.socket(socket.AF_UNIX) for _ in range(16)]
        for client in clients:
            client.connect(str(platform.control))
            client.sendall(b"state\n" * 20)
        for client in clients:
            client.close()
        assert platform.tell("state")
    assert "more than 16 control clients" not in platform.log.read_text()


def test_more_clients_than_there_is_room_for_are_turned_away(platform):
    clients = []
    for _ in range(17):
        clients.append(socket.socket(socket.AF_UNIX))
        clients[-1].settimeout(20)
        clients[-1].connect(str(platform.control))
    assert clients[16].recv(1) == b""
    clients.pop().close()
    clients.pop(0).close()
    while True:   # his place is free once he has been seen to be gone
        with socket.socket(socket.AF_UNIX) as last:
            last.settimeout(20)
            last.connect(str(platform.control))
            try:
                last.sendall(b"behave 0000:01:00.0\n")
                if last.recv(3) == b"ok\n":
                    break
            except (BrokenPipeError, ConnectionResetError):
                pass
    for client in clients:
        client.close()
    assert "the control socket: more than 16 control clients" in platform.log.read_text()


def test_stdout_has_the_line_ready_and_nothing_else(start_platform):
    platform = start_platform("--spdm", f"{ENDPOINT}=0", "--verbose")
    platform.process.send_signal(signal.SIGTERM)
    assert platform.process.stdout.read() == b""


@pytest.mark.parametrize("arguments, message", [
    ([], "neither --mount nor --spdm nor --config-socket is given"),
    (["--mount"], "requires an argument"),
    (["--no-such"], "unrecognized option"),
    (["--mount", "/x", "left-over"], "'left-over' is not expected"),
    (["--spdm", "0000:01:00.0"], "is not BDF=..."),
    (["--spdm", "1:0.0=2323"], "is no function like 0000:01:00.0"),
])
def test_a_wrong_command_line_exits_2(arguments, message):
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments, message", [
    (["--spdm", "0000:09:00.0=0"], "0000:09:00.0: there is no such function"),
    (["--spdm", "0000:02:00.0=0"], "0000:02:00.0: the function has no DOE mailbox"),
    (["--spdm", f"{ENDPOINT}=70000"], f"{ENDPOINT}: --spdm takes a port from 0 to 65535"),
    (["--spdm", f"{ENDPOINT}=0", "--bridge", f"{ENDPOINT}=nowhere"], f"{ENDPOINT}: --bridge takes HOST:PORT"),
    (["--spdm", f"{ENDPOINT}=0", "--misbehave", f"{ENDPOINT}=tired"], "tired: there is no such fault"),
    (["--spdm", f"{ENDPOINT}=0", "--platform", "/no/such"], "/no/such: No such file or directory"),
    (["--spdm", f"{ENDPOINT}=0", "--control", "/no/such/dir/s"], "/no/such/dir/s: No such file or directory"),
    (["--mount", "/no/such/dir"], "/no/such/dir: No such file or directory"),
])
def test_what_cannot_be_done_exits_1(identity, arguments, message):
    done = run("--identity", str(identity), *arguments)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"ide-emu: {message}"
    assert done.stdout == ""


def test_help_and_version():
    done = run("--help")
    assert done.returncode == 0 and "usage: ide-emu" in done.stdout and "bad-hmac" in done.stdout
    assert re.fullmatch(r"ide-emu \d+\.\d+\.\d+\n", run("--version").stdout)


def test_help_and_manual_page_tell_the_same():
    text = run("--help").stdout
    page = (ROOT / "tools" / "ide-emu" / "ide-emu.1").read_text()
    faults = re.findall(r"^  ([a-z-]+) +\S", text[text.index("Faults,"):], re.MULTILINE)
    assert re.findall(r"^\.It Cm ([a-z-]+)$", page[page.index(".Sh FAULTS"):], re.MULTILINE) == faults
    for option in re.findall(r"--([a-z-]+)", text[:text.index("Faults,")]):
        assert f"Fl -{option}" in page, option


# --- Platform files --------------------------------------------------------------------------------------------------


def test_a_platform_of_ones_own(start_platform, tmp_path):
    file = tmp_path / "platform.json"
    file.write_text(json.dumps({"functions": [
        {"bdf": "0001:40:01.0", "below": [
            {"bdf": "0001:41:00.0", "device": "0x0011", "ide": {"selective_streams": 8, "address_blocks": 2},
             "spdm": {"algorithm": "P-256"}},
            {"bdf": "0001:41:00.1", "doe": False, "ide": False, "bar_size": 0},
        ]},
    ]}))
    platform = start_platform("--platform", str(file), identity=tmp_path / "identity")
    assert platform.setpci("0001:41:00.0", "DEVICE_ID.w") == "0011"
    functions = {f["bdf"]: f for f in platform.state()["functions"]}
    assert set(functions) == {"0001:40:01.0", "0001:41:00.0", "0001:41:00.1"}
    assert len(functions["0001:41:00.0"]["streams"]) == 1 + 8
    assert functions["0001:41:00.1"]["doe"] is False
    assert "Data Object Exchange" not in platform.lspci("-vv", "-s", "0001:41:00.1")


def test_an_invalid_platform_file_says_where(tmp_path, identity):
    file = tmp_path / "bad.json"
    file.write_text('{"functions": [\n  {"bdf": "0000:00:03.0",}\n]}')
    done = run("--spdm", f"{ENDPOINT}=0", "--identity", str(identity), "--platform", str(file))
    assert done.returncode == 1
    assert re.match(rf"ide-emu: {file}:2:\d+: ", done.stderr)


# --- Identities ------------------------------------------------------------------------------------------------------


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def test_identities_verify_and_name_their_function(identity):
    leaf = identity / ENDPOINT / "leaf.pem"
    authority = identity / "authority"
    openssl("verify", "-CAfile", identity / "trust" / "root.pem", "-untrusted", authority / "intermediate.pem", leaf)
    text = openssl("x509", "-in", leaf, "-noout", "-text")
    assert "2.23.147::Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100" in text
    assert "1.3.6.1.4.1.412.274.3" in text
    assert (identity / ENDPOINT / "leaf.key").stat().st_mode & 0o077 == 0
    assert (authority / "root.key").stat().st_mode & 0o077 == 0


def test_identities_are_kept_until_the_platform_changes(tmp_path):
    directory = tmp_path / "identity"
    root = directory / "trust" / "root.pem"
    assert run("--make-identities", str(directory)).returncode == 0
    first = root.read_text()
    assert run("--make-identities", str(directory)).returncode == 0
    assert root.read_text() == first
    file = tmp_path / "platform.json"
    file.write_text('{"functions": [{"bdf": "0000:00:01.0", "secondary": 1}]}')
    assert run("--make-identities", str(directory), "--platform", str(file)).returncode == 0
    assert root.read_text() != first
    assert not (directory / ENDPOINT).exists()


def test_without_a_directory_identities_are_temporary(directory):
    environment = {**os.environ, "TMPDIR": str(directory)}
    process = subprocess.Popen([program("ide-emu"), "--spdm", f"{ENDPOINT}=0"], env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    made = list(directory.glob("ide-emu.*"))
    assert len(made) == 1 and (made[0] / "trust" / "root.pem").exists()
    assert made[0].stat().st_mode & 0o077 == 0
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0 and b"Sanitizer" not in log, log
    assert not made[0].exists()


def test_a_missing_openssl_is_said(tmp_path):
    done = subprocess.run([program("ide-emu"), "--make-identities", str(tmp_path / "identity")], capture_output=True,
                          text=True, timeout=30, env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 1
    assert "openssl failed (is it installed?)" in done.stderr


# --- Orders ----------------------------------------------------------------------------------------------------------


def test_orders(platform):
    assert platform.tell(f"misbehave {ENDPOINT} silent") == "ok"
    faults = {f["bdf"]: f["faults"] for f in platform.state()["functions"]}
    assert faults[ENDPOINT] == ["silent"] and faults[ROOT_PORT] == []
    assert platform.tell(f"behave {ENDPOINT}") == "ok"
    assert platform.tell(f"reset {ENDPOINT}") == "ok"
    for line in ("", "no", "behave", f"misbehave {ENDPOINT} tired", "x" * 400):
        with pytest.raises(AssertionError, match="error"):
            platform.tell(line)
    assert platform.control.stat().st_mode & 0o777 == 0o600


def test_a_control_client_that_floods_or_leaves_disturbs_nobody(platform):
    with socket.socket(socket.AF_UNIX) as flood, socket.socket(socket.AF_UNIX) as leaver:
        flood.connect(str(platform.control))
        flood.sendall(b"y" * 4000)
        leaver.connect(str(platform.control))
        leaver.sendall(b"sta")
        leaver.close()
        assert platform.state()
        with pytest.raises((ConnectionResetError, AssertionError)):
            assert flood.recv(100)
