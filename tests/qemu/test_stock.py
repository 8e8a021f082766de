# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel on QEMU as it is: a drive with a DOE mailbox behind a root port, and one on the root bus.

All tests have one guest, and leave it as they found it. QEMU has no IDE capability: a stream cannot be had here.
"""

import re

import pytest

from guests import (BARE, BEHIND, NVME, ROOT_PORT, DriveBench, Emulator, ctl, cut, disk_of, moving, needs_qemu, serving,
                    start_controller, stop_controller)

pytestmark = needs_qemu

NAME = "Vendor=1B36:Device=0010:CC=010802:REV=02:SSVID=1AF4:SSID=1100"

PLATFORM = {"functions": [
    {"bdf": BARE, "type": "rc-endpoint", **NVME},
    {"bdf": ROOT_PORT, "below": [{"bdf": BEHIND, **NVME}]},
]}


def make_bench(directory):
    emulator = Emulator(directory, PLATFORM, ["--spdm", f"{BEHIND}=0", "--spdm", f"{BARE}=0"])
    return DriveBench(directory, emulator, emulator.root, "--timeout 5s")


@pytest.fixture(scope="module")
def bench():
    with serving(make_bench) as bench:
        yield bench


@pytest.fixture
def guest(bench):
    yield bench.guest
    # whatever a test did, the next one finds both drives, their driver and a device that answers
    for bdf in (BEHIND, BARE):
        bench.emulator.behave(bdf)
    bench.drivers_are_back()


# --- What is there ---------------------------------------------------------------------------------------------------

def test_the_kernel_has_looked_at_the_mailbox(guest):
    """Linux asks each mailbox what it speaks when it finds the device; ours comes after it and shares the mailbox."""
    log = guest.run("dmesg | grep DOE:", expect=None).text
    for bdf in (BEHIND, BARE):
        for kind in (1, 2): # CMA/SPDM, secured CMA/SPDM
            assert re.search(rf"{bdf}: DOE: \[100\] Found \w+ \d+ vid: 1 prot: {kind}\b", log), log
    assert not re.search(r"DOE: .*(failed|timed out|error)", log, re.I), log


def test_list_shows_the_hierarchy(guest):
    ports = {p["bdf"]: p for p in ctl(guest, "list")["ports"]}
    assert ports[BEHIND]["parent"] == ROOT_PORT
    assert ports[BEHIND]["doe"] == 1 and ports[BARE]["doe"] == 1 and ports[ROOT_PORT]["doe"] == 0
    assert all(p["ide"] is None for p in ports.values())
    assert f"{BEHIND[5:]} 0108: 1b36:0010" in guest.run("lspci -n").text


def test_a_failed_test_would_report_what_was_said(bench):
    """By the kernel, in the guest's shell, and by the controller (test_report.py)."""
    bench.guest.run("echo something in the shell")
    logs = bench.logs()
    assert re.search(r"^\[ *\d+\.\d+\] ", logs["console.log"], re.M), logs
    assert "something in the shell" in logs["shell"] and "qemu-system" in logs["qemu.log"], logs
    assert re.search("^ide-kmd: ", logs["ide-kmd.log"], re.M), logs


# --- The drive's identity and its session ----------------------------------------------------------------------------

@pytest.mark.parametrize("bdf", [BEHIND, BARE])
def test_attest(guest, bdf):
    """The CMA name is what QEMU's configuration space shows; measurements come in a session."""
    result = ctl(guest, f"attest {bdf} --in-session")
    assert result["state"] == "attested" and result["cma_name"] == NAME and result["has_cma_name"]
    assert result["measurements"]["in_session"] and len(result["measurements"]["list"]) == 8
    assert result["measurements"]["signed"]


def test_ide_km_is_spoken_with_the_endpoint(guest):
    """QUERY in the session: the device knows which function it is. What is in the root complex has no IDE_KM."""
    assert [(p["index"], p["bdf"]) for p in ctl(guest, f"attest {BEHIND} --ide-km")["ide_km"]] == [(0, BEHIND)]
    error = ctl(guest, f"attest {BARE} --ide-km", expect=1)["error"]
    assert (error["code"], error["exchange"]) == ("peer_error", "QUERY")


@pytest.mark.parametrize("fault, code", [("wrong-name", "name"), ("foreign-chain", "untrusted"),
                                         ("bad-signature", "signature"), ("expired-chain", "expired")])
def test_who_is_not_believed(bench, guest, fault, code):
    bench.emulator.misbehave(BEHIND, fault)
    error = ctl(guest, f"attest {BEHIND}", expect=1)["error"]
    assert error["code"] == code and error["device"] == BEHIND
    bench.emulator.behave(BEHIND)
    assert ctl(guest, f"attest {BEHIND}")["state"] == "attested"


@pytest.mark.parametrize("bdf, code, device", [(ROOT_PORT, "no_ide", ROOT_PORT), (BEHIND, "no_ide", ROOT_PORT),
                                               (BARE, "not_port", BARE)])
def test_establish_says_what_is_missing(guest, bdf, code, device):
    """Before a word is said to any device, and so with nothing to take back."""
    before = guest.run(f"lspci -xxxx -s {bdf}").text
    error = ctl(guest, f"establish {bdf} --stream 0", expect=1)["error"]
    assert (error["code"], error["device"], error["step"], error["outcome"]) == (code, device, "survey", None), error
    assert ("no root port" if bdf == BARE else "no IDE extended capability") in error["message"], error
    assert error["hint"]
    assert guest.run(f"lspci -xxxx -s {bdf}").text == before
    assert ctl(guest, "show")["streams"] == []


# --- The block device meanwhile --------------------------------------------------------------------------------------

@pytest.mark.parametrize("bdf", [BEHIND, BARE])
def test_the_drives_work_while_sessions_run(guest, bdf):
    """What is written while the mailbox is in use is what is read back, and no attest fails."""
    with moving(guest, disk_of(guest, bdf)) as rounds:
        first, runs = rounds(), 0
        while runs < 3 or rounds() < first + 3:
            assert ctl(guest, f"attest {bdf} --in-session")["state"] == "attested"
            runs += 1
            assert runs < 50
        assert guest.run("cat /tmp/moved").text == ""   # it goes on still, and did all the while


# --- The kernel's doings ---------------------------------------------------------------------------------------------

# Who it is has been proved, and what it measures is to be asked yet, in a session.
IN_ATTEST = "attest:the device has proved its identity"


def test_driver_unbound_and_bound_during_exchanges(guest):
    """The mailbox is not the driver's: nothing fails."""
    def unbind_and_bind():
        for _ in range(2):
            guest.run(f"echo {BEHIND} >/sys/bus/pci/drivers/nvme/unbind")
            guest.run(f"echo {BEHIND} >/sys/bus/pci/drivers/nvme/bind")
    status, answer = cut(guest, IN_ATTEST, f"attest {BEHIND} --in-session", unbind_and_bind)
    assert (status, answer["state"]) == (0, "attested"), answer
    disk = disk_of(guest, BEHIND)
    guest.run(f"dd if={disk} of=/dev/null bs=1M count=1 iflag=direct 2>/dev/null")


def test_function_level_reset_during_exchanges(guest):
    """QEMU's mailbox does not hear of it, and what answers is on the host: the exchange goes on. test_ide.py has one that is
    cut."""
    status, answer = cut(guest, IN_ATTEST, f"attest {BEHIND} --in-session",
                         lambda: guest.run(f"echo 1 >/sys/bus/pci/devices/{BEHIND}/reset"))
    assert (status, answer["state"]) == (0, "attested"), answer
    assert ctl(guest, f"attest {BEHIND} --in-session")["state"] == "attested"
    disk_of(guest, BEHIND)


def test_hot_unplug_during_exchanges(bench, guest):
    """The drive leaves in the middle: one error that says so; and it is authenticated again when it is back."""
    def unplug():
        guest.qmp.command("device_del", id="behind")
        guest.qmp.event("DEVICE_DELETED", 60)
    status, answer = cut(guest, IN_ATTEST, f"attest {BEHIND} --in-session", unplug)
    error = answer["error"]
    assert (status, error["device"], error["step"], error["code"]) == (1, BEHIND, "attest", "io"), error
    assert error["hint"] == "the device may be gone: `ide-ctl list` shows whether it is there", error
    assert ctl(guest, f"attest {BEHIND}", expect=1)["error"]["code"] == "no_device"
    guest.qmp.command("device_add", driver="nvme", id="behind", serial="behind", drive="disk-behind", bus="rp",
                      spdm_port=bench.emulator.port(BEHIND))
    guest.until(f"[ -d /sys/bus/pci/devices/{BEHIND}/driver ]", 60)
    assert ctl(guest, f"attest {BEHIND} --in-session")["state"] == "attested"
    stop_controller(guest)
    start_controller(guest)
    assert ctl(guest, f"attest {BEHIND} --in-session")["state"] == "attested"
    disk_of(guest, BEHIND)


def test_a_device_of_the_kernels_tsm_is_left_alone(guest):
    """Linux 6.19 has tsm/connect: with nothing in it as long as no TSM has the device, and QEMU has none. With an older
    kernel the controller sees a tree that has it beside the real files."""
    real = guest.run(f"cat /sys/bus/pci/devices/{BEHIND}/tsm/connect", expect=None)
    if real.status == 0:
        assert real.text.strip() == ""
        assert ctl(guest, f"establish {BEHIND}", expect=1)["error"]["code"] == "no_ide"
        assert ctl(guest, f"attest {BEHIND} --in-session")["state"] == "attested"
        return
    guest.run(f"""mkdir -p /tmp/devices/{BEHIND}/tsm
        real=$(readlink -f /sys/bus/pci/devices/{BEHIND})
        for d in /sys/bus/pci/devices/*; do [ $d = /sys/bus/pci/devices/{BEHIND} ] || ln -s $(readlink -f $d) /tmp/devices/; done
        for f in $real/*; do ln -s $f /tmp/devices/{BEHIND}/; done
        echo tsm0 >/tmp/devices/{BEHIND}/tsm/connect""")
    stop_controller(guest)
    start_controller(guest, "unshare -m sh -c 'mount --bind /tmp/devices /sys/bus/pci/devices && /etc/guest-start'")
    error = ctl(guest, f"establish {BEHIND}", expect=1)["error"]
    assert (error["code"], error["device"]) == ("foreign", BEHIND) and "tsm0" in error["message"], error
    guest.run(f"echo >/tmp/devices/{BEHIND}/tsm/connect") # disconnected: it is ours to look at
    assert ctl(guest, f"establish {BEHIND}", expect=1)["error"]["code"] == "no_ide"
    assert ctl(guest, f"attest {BEHIND} --in-session")["state"] == "attested"
    stop_controller(guest)
    start_controller(guest)
    guest.run("rm -r /tmp/devices")


def test_the_controller_has_nothing_left_and_ends(guest):
    """Last: after all of that it says that there are no streams, ends in order, and starts again."""
    assert ctl(guest, "show")["streams"] == []
    stop_controller(guest)
    start_controller(guest)
    assert ctl(guest, f"attest {BARE} --in-session")["state"] == "attested"
