# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams in a guest: a real kernel and its drivers, and the IDE capabilities, keys and links of ide-emu.

All tests have one guest, and each leaves it without streams. tests/qemu/build makes the QEMU that this needs.
"""

import os
import random

import pytest

from guests import QEMU_IDE, ctl, cut, disk_of, moving, needs_qemu, serving, start_controller, stop_controller
from ide_guest import (BAR_SIZE, ENDPOINT, ROOT_PORT, SWITCH_DRIVES, SWITCH_PORT, TESTDEV, UNIT_PORT, Bench)

pytestmark = [needs_qemu, pytest.mark.skipif(not QEMU_IDE.exists(),
                                             reason="there is no QEMU with patches: run tests/qemu/build")]

REKEYS = int(os.environ.get("IDE_KM_REFRESHES", "100"))


@pytest.fixture(scope="module")
def bench():
    with serving(Bench) as bench:
        yield bench


@pytest.fixture
def guest(bench):
    yield bench.guest
    bench.guest.until("ide-ctl show >/dev/null 2>&1") # a busy machine's controller may be late with its answer
    for stream in ctl(bench.guest, "show")["streams"]:
        ctl(bench.guest, f"stop {stream['root_port']} --stream {stream['stream']}")


def restart(guest):
    stop_controller(guest)
    start_controller(guest)


def streams(guest):
    return {s["stream"]: s for s in ctl(guest, "show")["streams"]}


def establish(guest, bdf, stream, options=""):
    result = ctl(guest, f"establish {bdf} --stream {stream} {options}")
    assert result["state"] == "secure" and [e["state"] for e in result["ends"]] == ["secure", "secure"]
    return result


def secure_again(guest, bdf, stream):
    """The controller brings back what fell, or it is told to."""
    guest.until(f"ide-ctl --json show {bdf} | grep -q '\"state\": \"secure\"' || {{ ide-ctl stop {bdf} --stream {stream}; "
                f"ide-ctl establish {bdf} --stream {stream}; }} >/dev/null 2>&1", 60)


def model_of(bench, bdf):
    return next(f for f in bench.emulator.state()["functions"] if f["bdf"] == bdf)


def is_secure(bench, bdf, stream):
    """By the model's own account, which is by its keys."""
    return any(s["state"] == "secure" and s["stream_id"] == stream for s in model_of(bench, bdf)["streams"])


def falls_of(bench, bdf, stream):
    """How often it has ceased to be Secure."""
    return [s["falls"] for s in model_of(bench, bdf)["streams"] if s["stream_id"] == stream]


# --- A stream's life -------------------------------------------------------------------------------------------------

def test_the_guest_sees_ide_where_the_model_has_it(guest):
    ports = {p["bdf"]: p for p in ctl(guest, "list")["ports"]}
    for bdf in (ROOT_PORT, ENDPOINT, SWITCH_PORT, *SWITCH_DRIVES, UNIT_PORT, TESTDEV):
        assert ports[bdf]["ide"] and ports[bdf]["doe"] == 1, bdf
    assert "Data Object Exchange" in guest.run(f"lspci -vvv -s {ENDPOINT}").text


def test_establish_rekey_stop(bench, guest):
    stream = establish(guest, ROOT_PORT, 0)
    assert (stream["root_port"], stream["endpoint"], stream["provider"]) == (ROOT_PORT, ENDPOINT, "doe")
    assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
    assert ctl(guest, f"rekey {ROOT_PORT} --stream 0")["streams"][0]["key_set"] == 1
    assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
    assert ctl(guest, f"stop {ROOT_PORT} --stream 0")["state"] == "off"
    assert not is_secure(bench, ROOT_PORT, 0) and not is_secure(bench, ENDPOINT, 0)


def test_data_moves_while_keys_are_refreshed(bench, guest):
    """The drive is written and read back all the while, and neither end leaves Secure."""
    establish(guest, ROOT_PORT, 0)
    falls = falls_of(bench, ENDPOINT, 0)
    with moving(guest, disk_of(guest, ENDPOINT)) as rounds:
        first = rounds()
        guest.run(f"n=0; while [ $n -lt {REKEYS} ] && ide-ctl rekey {ROOT_PORT} --stream 0 >/tmp/rekey 2>&1; do n=$((n + 1)); "
                  f"done; [ $n = {REKEYS} ] || {{ cat /tmp/rekey; false; }}", 300)
        assert rounds() > first + 2
    assert streams(guest)[0]["rekeys"] == REKEYS
    assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
    assert falls_of(bench, ENDPOINT, 0) == falls


def test_a_switch_with_two_drives(bench, guest):
    for number, bdf in enumerate(SWITCH_DRIVES, 1):
        assert establish(guest, bdf, number)["root_port"] == SWITCH_PORT
    for number, bdf in enumerate(SWITCH_DRIVES, 1):
        assert is_secure(bench, SWITCH_PORT, number) and is_secure(bench, bdf, number)
        guest.run(f"dd if={disk_of(guest, bdf)} of=/dev/null bs=1M count=2 iflag=direct 2>/dev/null")
    assert len(ctl(guest, f"rekey {SWITCH_PORT}")["streams"]) == 2
    ctl(guest, f"stop {SWITCH_DRIVES[0]} --stream 1")
    assert is_secure(bench, SWITCH_DRIVES[1], 2) and not is_secure(bench, SWITCH_DRIVES[0], 1)


# --- Memory behind the link, whose root port has its keys from a unit -------------------------------------------------

def bar_of(guest):
    return int(guest.run(f"cat /sys/bus/pci/devices/{TESTDEV}/resource").text.split()[0], 16)


def poke(guest, address, value):
    guest.run(f"devmem {address:#x} 32 {value:#x}")


def peek(guest, address):
    return int(guest.run(f"devmem {address:#x} 32").text, 16)


@pytest.fixture
def bar(guest):
    guest.run(f"setpci -s {TESTDEV} COMMAND=0006")
    return bar_of(guest)


def frames_of(bench, bdf, after=0):
    """Those on the link above it, as text: what they are, and all their bytes."""
    lines = [line.partition(": ") for line in bench.link_log.read_text().splitlines()[after:] if f" {bdf}" in line[:30]]
    return [(what, data.replace(" ", "")) for what, _, data in (line[2].rpartition("|") for line in lines)]


def frames_with(frames, value):
    """The bytes of a payload are in the order of their addresses."""
    return [what for what, data in frames if value.to_bytes(4, "little").hex() in data]


def test_a_key_unit_keys_a_stream_and_memory_goes_over_it(bench, guest, bar):
    """What is written and read over the stream is nowhere in the clear on the link; without the stream it is."""
    at = bar + BAR_SIZE - 4
    values = [random.randrange(1 << 31, 1 << 32) for _ in range(4)]

    def write_and_read():
        before = len(bench.link_log.read_text().splitlines())
        for value in values:
            poke(guest, at, value)
            assert peek(guest, at) == value
        return frames_of(bench, TESTDEV, before)

    clear = write_and_read()
    for value in values:
        assert [what.split()[0] for what in frames_with(clear, value)] == ["MWr32", "CplD"], clear
    stream = establish(guest, UNIT_PORT, 3)
    assert stream["provider"] == "kcu" and is_secure(bench, TESTDEV, 3)
    secure = write_and_read()
    # The watch's accesses to configuration space are none of the stream's, and may come between.
    assert sum(what.startswith("IDE stream 3 ") for what, _ in secure) == 3 * len(values), secure
    assert not any(what.startswith(("MWr", "MRd")) for what, _ in secure), secure
    assert not any(frames_with(secure, value) for value in values)
    ctl(guest, f"rekey {UNIT_PORT} --stream 3")
    assert not any(frames_with(write_and_read(), value) for value in values)
    ctl(guest, f"stop {UNIT_PORT} --stream 3")
    assert all(frames_with(write_and_read(), value) for value in values)


def flip(bench, guest, bar):
    """A bit of what the guest writes to the device's memory changes on the way."""
    bench.emulator.tell(f"adversary {TESTDEV} down flip=200 pr 1")
    poke(guest, bar, 0x22222222)
    assert "ide-check-failed" in bench.emulator.tell(f"errors {TESTDEV}") # the write has been answered for by then
    bench.emulator.tell(f"adversary {TESTDEV} down off")


def log_of(guest, what, **members):
    """The entries of the controller's log of this kind that have these members."""
    entries = ctl(guest, f"log --what {what} --limit 1000")["entries"]
    return [e for e in entries if all(e[k] == v for k, v in members.items())]


def fall_of(guest, bdf):
    """What the watch has said last of the fall of the endpoint's stream. It is no news of any link: QEMU's root ports never
    say that theirs is active, though they could by their Link Capabilities."""
    falls = log_of(guest, "stream", operation="watch", endpoint=bdf, state="insecure")
    assert log_of(guest, "port", state="link_down") == []
    return falls[-1]


def test_interference_shows_and_a_new_stream_is_clean(bench, guest, bar):
    establish(guest, UNIT_PORT, 3)
    falls = falls_of(bench, TESTDEV, 3)
    poke(guest, bar, 0x11111111)
    flip(bench, guest, bar)
    assert falls_of(bench, TESTDEV, 3) != falls
    secure_again(guest, UNIT_PORT, 3)
    assert fall_of(guest, TESTDEV)["cause"] == "ide_fail"
    assert peek(guest, bar) == 0x11111111 # the altered write was not taken
    poke(guest, bar, 0x33333333)
    assert peek(guest, bar) == 0x33333333


def test_interference_is_quarantined_if_its_policy_says_so(bench, guest, bar):
    guest.put("/etc/ide-kmd/ide-kmd.conf", f"[device {TESTDEV}]\nstreams = default\non-interference = quarantine\n".encode())
    restart(guest)
    try:
        guest.until(f"ide-ctl --json show {TESTDEV} 2>&1 | grep -q '\"state\": \"secure\"'", 90)
        flip(bench, guest, bar)
        guest.until(f"ide-ctl --json show {TESTDEV} 2>&1 | grep -q '\"state\": \"quarantined\"'", 90)
        assert fall_of(guest, TESTDEV)["cause"] == "ide_fail"
        [entry] = log_of(guest, "stream", state="quarantined")
        assert [entry["answer"][k] for k in ("cause_kind", "rule", "action")] == \
            ["interference", "on-interference", "quarantine"], entry
        assert not any(s["state"] == "secure" for bdf in (UNIT_PORT, TESTDEV) for s in model_of(bench, bdf)["streams"])
    finally:
        guest.run("rm /etc/ide-kmd/ide-kmd.conf")
        restart(guest)


# --- What happens to machines ----------------------------------------------------------------------------------------

def test_the_model_is_killed_and_started_again(bench, guest):
    establish(guest, ROOT_PORT, 0)
    bench.emulator.kill()
    result = guest.run(f"ide-ctl --json attest {ENDPOINT}", expect=None)
    bench.start_emulator()
    assert result.status == 1, result.text
    guest.until(f"ide-ctl attest {ENDPOINT} >/dev/null 2>&1", 60)
    guest.run(f"ide-ctl stop {ROOT_PORT} --stream 0", expect=None)
    assert not is_secure(bench, ROOT_PORT, 0)
    guest.until(f"ide-ctl establish {ROOT_PORT} --stream 1 >/tmp/establish 2>&1", 60)
    assert is_secure(bench, ROOT_PORT, 1) and is_secure(bench, ENDPOINT, 1)


def unplug(bench, guest):
    guest.qmp.command("device_del", id="one")
    guest.qmp.event("DEVICE_DELETED", 60)
    assert not is_secure(bench, ROOT_PORT, 0)


def plug(bench, guest):
    guest.qmp.command("device_add", driver="nvme", id="one", serial="one", drive="disk-one", bus="rp3",
                      **{"ide-socket": str(bench.socket), "ide-function": ENDPOINT})
    guest.until(f"[ -d /sys/bus/pci/devices/{ENDPOINT}/driver ]", 60)


@pytest.fixture
def configured(guest):
    """The controller with a configuration that wants a stream with the first drive, and nothing else."""
    guest.put("/etc/ide-kmd/ide-kmd.conf", f"[policy]\nretry-first = 200ms\nretry-most = 1s\n"
              f"[device {ENDPOINT}]\nstreams = default\n".encode())
    restart(guest)
    yield guest
    guest.run("rm /etc/ide-kmd/ide-kmd.conf")
    restart(guest)


def show_until(guest, word):
    """Looks, and does nothing else, until `show` has the word."""
    guest.until(f"ide-ctl --json show {ENDPOINT} 2>&1 | grep -q '{word}'", 90)


def test_policy_brings_a_stream_back_after_unplug_and_plug(bench, configured):
    """Nobody asks for it: neither when the controller starts, nor when the drive is back."""
    guest = configured
    show_until(guest, '"state": "secure"')
    assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
    for _ in range(2):
        unplug(bench, guest)
        guest.until("ide-ctl --json show 2>&1 | grep -q '\"state\": \"absent\"'", 90)
        plug(bench, guest)
        show_until(guest, '"state": "secure"')
        assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
    log = [e for e in ctl(guest, "log")["entries"] if e["operation"] == "establish" and e["what"] == "operation"]
    assert len(log) >= 3 and {e["asked_by"] for e in log[-3:]} == {"policy"}, log
    guest.run(f"dd if={disk_of(guest, ENDPOINT)} of=/dev/null bs=1M count=2 iflag=direct 2>/dev/null")


# --- A root port that is closed while its stream is off ---------------------------------------------------------------

def command(guest, bdf):
    """Memory Space and Bus Master Enable."""
    return int(guest.run(f"setpci -s {bdf} COMMAND").text, 16) & 6


@pytest.fixture
def closed(guest):
    """Both the drive's stream and that of the device with memory are wanted, and while one is off its root port is closed."""
    guest.put("/etc/ide-kmd/ide-kmd.conf", f"[stream all]\ndefault = yes\n"
              f"[policy]\nretry-first = 200ms\nretry-most = 1s\nwhile-off = closed\n"
              f"[device {ENDPOINT}]\nstreams = all\n[device {TESTDEV}]\nstreams = all\n".encode())
    restart(guest)
    yield guest
    guest.put("/etc/ide-kmd/ide-kmd.conf", b"")
    restart(guest)   # nothing is wanted any more, and all is open
    assert [command(guest, bdf) for bdf in (ROOT_PORT, UNIT_PORT)] == [6, 6]
    guest.run("rm /etc/ide-kmd/ide-kmd.conf")
    restart(guest)


NOBODY = (0, 0xFFFFFFFF)   # what a host reads where nobody answers: QEMU's zeros, hardware's ones


def open_again(guest, bdf):
    guest.until(f"ide-ctl --json show {bdf} 2>&1 | grep -q '\"forwarding\": \"open\"'", 90)


def test_a_closed_root_port_takes_nothing_from_a_real_host(bench, bar, closed):
    guest = closed
    at = bar + BAR_SIZE - 8
    open_again(guest, UNIT_PORT)
    poke(guest, at, 0x600DDA7A)
    assert peek(guest, at) == 0x600DDA7A
    stream = number_of(guest, TESTDEV)
    assert ctl(guest, f"stop {TESTDEV} --stream {stream}")["forwarding"] == "closed"
    before = len(bench.link_log.read_text().splitlines())
    assert (command(guest, UNIT_PORT), command(guest, TESTDEV)) == (0, 2)
    poke(guest, at, 0xBADBADBA)
    assert peek(guest, at) in NOBODY
    guest.run(f"echo 1 >/sys/bus/pci/devices/{TESTDEV}/enable")   # a driver would do this: its port is on already
    assert peek(guest, at) in NOBODY
    assert not any(what.split()[0].startswith(("MWr", "MRd")) for what, _ in frames_of(bench, TESTDEV, before))
    guest.run(f"setpci -s {UNIT_PORT} COMMAND=6:6")
    guest.until(f"[ $(( 0x$(setpci -s {UNIT_PORT} COMMAND) & 6 )) = 0 ]", 30)
    ctl(guest, f"establish {TESTDEV} --stream {stream} --default")
    open_again(guest, UNIT_PORT)
    assert peek(guest, at) == 0x600DDA7A


def test_a_drive_lives_through_a_kill_with_its_root_port_closed(bench, closed):
    """Its driver is not told: the root port is closed for as long as the next controller takes to bring the stream back."""
    guest = closed
    open_again(guest, ROOT_PORT)
    disk = disk_of(guest, ENDPOINT)
    guest.run(f"dd if=/dev/urandom of=/tmp/before bs=64k count=4 2>/dev/null; dd if=/tmp/before of={disk} bs=64k "
              "oflag=direct conv=fsync 2>/dev/null")
    guest.run("kill -9 $(pidof ide-kmd)")
    start_controller(guest)
    assert "it passes no memory requests on until" in guest.run("cat /run/ide-kmd.log").text
    open_again(guest, ROOT_PORT)
    assert (command(guest, ROOT_PORT), command(guest, ENDPOINT)) == (6, 6)
    stream = number_of(guest, ENDPOINT)
    assert is_secure(bench, ROOT_PORT, stream) and is_secure(bench, ENDPOINT, stream)
    guest.run(f"dd if={disk} of=/tmp/after bs=64k count=4 iflag=direct 2>/dev/null && cmp /tmp/before /tmp/after", 60)


def number_of(guest, bdf):
    """The number of its stream."""
    return next(s["stream"] for s in streams(guest).values() if s["endpoint"] == bdf)


# Who has forgotten its sessions does not answer in them; or sees the rest of a data object only, if it was in the middle of one.
LOST = {"function-level reset": ("timeout", "doe_error"), "hot unplug": ("io",)}


@pytest.mark.parametrize("point, steps", [("a key is programmed", ("program_keys",)),
                                          ("a key is in use", ("program_keys", "go_receive"))]) # perhaps the root port's alone
@pytest.mark.parametrize("event", LOST)
def test_the_drive_is_lost_in_the_middle_of_establish(bench, guest, event, point, steps):
    """One error, nothing left on at either end, and a clean next start, of the controller too."""
    def happens():
        if event == "hot unplug":
            unplug(bench, guest)
        else:
            guest.run(f"echo 1 >/sys/bus/pci/devices/{ENDPOINT}/reset")
    try:
        status, answer = cut(guest, f"establish:{point}", f"establish {ROOT_PORT} --stream 0", happens)
        shown = ctl(guest, "show")["streams"]
        secure = [bdf for bdf in (ROOT_PORT, ENDPOINT) if is_secure(bench, bdf, 0)]
    finally:
        if event == "hot unplug":
            plug(bench, guest)
    error = answer["error"]
    assert status == 1 and error["device"] == ENDPOINT, error
    assert error["code"] in LOST[event] and error["step"] in steps, error
    assert error["message"] and error["hint"] and error["outcome"] == "the stream is off at both ports", error
    assert (shown, secure) == ([], [])
    guest.until(f"[ -d /sys/bus/pci/devices/{ENDPOINT}/driver ]", 60)
    for _ in range(2):
        establish(guest, ROOT_PORT, 0)
        assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
        ctl(guest, f"stop {ROOT_PORT} --stream 0")
        restart(guest)
    disk_of(guest, ENDPOINT)


def test_hot_unplug_and_plug(bench, guest):
    establish(guest, ROOT_PORT, 0)
    unplug(bench, guest)
    plug(bench, guest)
    secure_again(guest, ROOT_PORT, 0)
    assert is_secure(bench, ROOT_PORT, 0) and is_secure(bench, ENDPOINT, 0)
    disk_of(guest, ENDPOINT)


def test_a_reboot_takes_the_keys(bench, guest):
    establish(guest, ROOT_PORT, 0)
    guest.qmp.command("system_reset")
    guest.await_shell()
    guest.until("grep -q ready /run/ide-kmd.out", 60)
    assert not is_secure(bench, ROOT_PORT, 0) and not is_secure(bench, ENDPOINT, 0)
    establish(guest, ROOT_PORT, 0)
