# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-kmd as a service: Debian's packages in a Debian whose first process is systemd, on a real kernel, with its sandbox in
force, and devices that udev finds.

All tests have one guest, and each leaves it with the service up and the streams Secure that its configuration wants; the last
one removes the packages. What systemd says of a unit without running it is in tests/e2e/test_host.py.
"""

import json
import re

import pytest

from conftest import ROOT
from guests import QEMU_IDE, ctl, needs_qemu, workspace
from ide_guest import ENDPOINT, ROOT_PORT, SWITCH, SWITCH_DRIVES, SWITCH_PORT, TESTDEV, UNIT_PORT
from service_guest import FILE_SYSTEM, Bench
from test_ide import is_secure

pytestmark = [needs_qemu,
              pytest.mark.skipif(not QEMU_IDE.exists(), reason="there is no QEMU with patches: run tests/qemu/build"),
              pytest.mark.skipif(not FILE_SYSTEM.exists(), reason="there is no Debian with systemd: run tests/qemu/root")]

CONFIGURATION = f"""[controller]
timeout = 5s
metrics = /run/ide-kmd/metrics
[policy]
retry-first = 200ms
[device {ENDPOINT}]
streams = default
[device {TESTDEV}]
streams = default
"""
WANTED = {ENDPOINT: ROOT_PORT, TESTDEV: UNIT_PORT} # by it, and the second has its keys from a key unit in /dev/mem
ASKED = {SWITCH_DRIVES[1]: SWITCH_PORT}             # by somebody, in some tests
CONF = "/etc/ide-kmd/ide-kmd.conf"
STATE = "/var/lib/ide-kmd/state.db"
UNIT = "ide-kmd.service"
# capabilities(7)
SYS_RAWIO, SYS_ADMIN = 1 << 17, 1 << 21


@pytest.fixture(scope="module")
def bench():
    with workspace() as directory:
        bench = Bench(directory, [(CONF, CONFIGURATION)])
        try:
            yield bench
        finally:
            bench.close()


@pytest.fixture
def guest(bench):
    await_streams(bench)
    return bench.guest


def show(guest, *names):
    """Properties of the unit."""
    text = guest.run(f"systemctl show {UNIT} " + " ".join(f"-p {name}" for name in names)).text
    values = dict(line.split("=", 1) for line in text.splitlines())
    return values[names[0]] if len(names) == 1 else values


def await_streams(bench, more=None):
    """The service serves, and what is wanted is Secure by the account of the model's own keys."""
    wanted = {**WANTED, **(more or {})}
    bench.guest.until(f"systemctl is-active -q {UNIT} && [ \"$(ide-ctl show --noheadings --output STATE 2>/dev/null | "
                      f"grep -c Secure)\" = {len(wanted)} ]", 90)
    up = {s["endpoint"]: s for s in ctl(bench.guest, "show")["streams"] if s["state"] == "secure"}
    assert up.keys() == wanted.keys()
    for endpoint, root_port in wanted.items():
        assert is_secure(bench, root_port, up[endpoint]["stream"]) and is_secure(bench, endpoint, up[endpoint]["stream"])
    return up


def main_pid(guest):
    return int(show(guest, "MainPID"))


def journal(guest, *arguments):
    """Messages as dictionaries."""
    text = guest.run("journalctl -b --no-pager -o json " + " ".join(arguments)).text
    return [json.loads(line) for line in text.splitlines()]


# --- Starting --------------------------------------------------------------------------------------------------------

def test_udev_starts_the_service_with_the_first_device_that_has_ide(bench, guest):
    """Nobody has: the unit is enabled by the package, and wanted by the target that the rule wants."""
    unit = show(guest, "ActiveState", "SubState", "Type", "WatchdogUSec", "StatusText", "NRestarts", "WantedBy", "LoadError",
                "NeedDaemonReload")
    assert (unit["ActiveState"], unit["SubState"], unit["Type"], unit["NRestarts"]) == ("active", "running", "notify", "0")
    assert (unit["WatchdogUSec"], unit["WantedBy"]) == ("30s", "pci-ide.target")
    assert unit["StatusText"] == "2 streams up, 0 starting or half off"
    assert unit["NeedDaemonReload"] == "no"
    assert guest.run("systemctl is-active pci-ide.target").text == "active\n"
    assert guest.run("systemctl is-system-running; systemctl --failed --no-legend", expect=None).text == "running\n"
    (ready,) = journal(guest, "-u", UNIT, "MESSAGE_ID=3ea2ec534a264d0b8209fed51df00b08")
    assert ready["MESSAGE"].endswith("serves at ipc:///run/ide-kmd/control") and ready["_PID"] == str(main_pid(guest))


def test_udev_says_what_functions_have(guest):
    def properties(bdf):
        text = guest.run(f"udevadm info -q property /sys/bus/pci/devices/{bdf}").text
        return dict(line.split("=", 1) for line in text.splitlines())

    for bdf in (ROOT_PORT, ENDPOINT, UNIT_PORT, TESTDEV, *SWITCH_DRIVES):
        found = properties(bdf)
        assert (found["ID_PCI_DOE"], found["ID_PCI_IDE"]) == ("1", "selective_link"), found
        assert {"ide-km", "systemd"} <= set(found["CURRENT_TAGS"].split(":")), found
    found = properties(SWITCH[0])
    assert found["ID_PCI_IDE"] == "flow-through" and "pci-ide.target" not in found.get("SYSTEMD_WANTS", ""), found
    assert "ID_PCI_IDE" not in properties("0000:00:08.0") # the drive that it boots from
    assert guest.run("systemctl list-units --plain --no-legend 'sys-devices-pci*.device'").text.count(ENDPOINT) >= 1


def test_systemd_has_nothing_to_say_against_the_unit(guest):
    said = guest.run(f"systemd-analyze verify --man=no {UNIT} pci-ide.target 2>&1").text
    assert "ide" not in said, said
    for message in journal(guest, "-p", "warning", "_PID=1"):
        assert "ide" not in str(message["MESSAGE"]), message
    assert not [m for m in journal(guest, "-u", UNIT, "-p", "warning")]


# --- The sandbox -----------------------------------------------------------------------------------------------------

def statuses(guest):
    text = guest.run(f"cat /proc/{main_pid(guest)}/task/*/status").text
    return [dict(re.findall(r"^(\w+):\t(.*)$", part, re.M)) for part in re.split(r"^(?=Name:)", text, flags=re.M) if part]


def test_no_thread_has_more_than_it_needs(guest):
    seen = statuses(guest)
    assert len(seen) >= 10, [s["Name"] for s in seen]
    for status in seen:
        assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2"), status["Name"]
        assert int(status["Seccomp_filters"]) > 1, "systemd's and its own"
        for kind in ("CapEff", "CapPrm"):
            assert int(status[kind], 16) == SYS_ADMIN | SYS_RAWIO, f"{status['Name']}: {kind} {status[kind]}"
        assert int(status["CapInh"], 16) == int(status["CapAmb"], 16) == 0
        assert int(status["CapBnd"], 16) & ~(SYS_ADMIN | SYS_RAWIO) == 0
    assert int(seen[0]["VmLck"].split()[0]) >= int(seen[0]["RssAnon"].split()[0]) > 0
    limits = guest.run(f"cat /proc/{main_pid(guest)}/limits").text
    assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
    assert re.search(r"^Max locked memory +unlimited +unlimited ", limits, re.M)
    assert re.search(r"^Max open files +16384 +16384 ", limits, re.M)


def inside(guest, command):
    """As root with all capabilities, but in the mounts and the cgroup of the service. The exit status."""
    pid = main_pid(guest)
    return guest.run(f"sh -c 'echo $$ >/sys/fs/cgroup/system.slice/{UNIT}/cgroup.procs; exec nsenter -t {pid} -m sh -c "
                     f"\"{command}\"'", expect=None).status


def test_the_file_system_is_closed_but_where_it_has_to_write(guest):
    for path in ("/etc/x", "/usr/x", "/var/x", "/etc/ide-kmd/x", "/sys/kernel/mm/ksm/run", "/sys/fs/cgroup/x", "/boot/x"):
        assert inside(guest, f"echo 0 >{path}") != 0, path
    for path in ("/run/ide-kmd/x", "/var/lib/ide-kmd/x", "/tmp/x"):
        assert inside(guest, f"echo 0 >{path} && rm {path}") == 0, path
    guest.run("touch /tmp/of-others /root/of-root")
    for path in ("/tmp/of-others", "/root/of-root", "/proc/sys/kernel/hostname", "/proc/meminfo"):
        assert inside(guest, f"cat {path} >/dev/null") != 0, path
    device = f"/sys/bus/pci/devices/{ENDPOINT}/config"
    assert inside(guest, f"dd if={device} of={device} bs=1 count=1 skip=60 seek=60 conv=notrunc") == 0


def test_devices_are_closed_but_memory(guest):
    assert inside(guest, "head -c 1 /dev/mem >/dev/null") == 0
    for device in ("/dev/nvme0n1", "/dev/ttyS0", "/dev/kmsg"):
        guest.run(f"[ -e {device} ]")
        assert inside(guest, f": <{device}") != 0, device


def test_the_score_is_what_the_documentation_says(guest):
    said = guest.run(f"systemd-analyze security --no-pager {UNIT}").text
    (score,) = re.findall(rf"Overall exposure level for {UNIT}: ([0-9.]+) ", said)
    assert f"Overall exposure level for {UNIT}: {score} OK" in (ROOT / "docs" / "operations.md").read_text(), said


def test_groups_get_as_far_as_they_may(guest):
    def ask(group, command):
        return guest.run(f"setpriv --reuid=nobody --regid={group} --clear-groups ide-ctl {command}", expect=None)

    assert ask("ide-view", "list").status == 0
    refused = ask("ide-view", f"rekey {ROOT_PORT}")
    assert refused.status == 1 and "is for root and the group ide-admin" in refused.text
    assert ask("ide-admin", f"rekey {ROOT_PORT}").status == 0
    assert ask("nogroup", "list").status == 3 # the socket is closed
    for socket in ("control", "control.events", "metrics"):
        assert guest.run(f"ls -l /run/ide-kmd/{socket}").text.startswith("srw-rw----+"), socket


# --- The journal -----------------------------------------------------------------------------------------------------

def test_the_journal_has_one_streams_life(bench, guest):
    stream = next(s["stream"] for s in ctl(guest, "show")["streams"] if s["endpoint"] == ENDPOINT)
    ctl(guest, f"rekey {ROOT_PORT}")
    where = ("-u", UNIT, f"IDE_STREAM={stream}", f"IDE_ROOT_PORT={ROOT_PORT}")
    life = [(m["IDE_EVENT"], m["IDE_STATE"]) for m in journal(guest, *where)]
    assert life.index(("stream", "secure")) < life.index(("stream", "rekeyed"))
    (rekeyed, *_) = journal(guest, *where, "IDE_STATE=rekeyed")
    assert rekeyed["IDE_ENDPOINT"] == ENDPOINT and rekeyed["SYSLOG_IDENTIFIER"] == "ide-kmd"
    assert (rekeyed["_SYSTEMD_UNIT"], rekeyed["PRIORITY"]) == (UNIT, "6")
    assert not journal(guest, *where, "IDE_STATE=no-such-state")


def test_the_catalogue_explains_messages(guest):
    said = guest.run(f"journalctl -b --no-pager -x -u {UNIT} MESSAGE_ID=67e5b5c2597e446d9f9f58ce5daf67b1").text
    assert "The state of a stream has changed" in said and f"{ROOT_PORT} and {ENDPOINT} is secure now" in said


# --- Reload, restart, stop --------------------------------------------------------------------------------------------

def test_reload_takes_a_configuration_that_is_right_only(bench, guest):
    before = main_pid(guest)
    try:
        guest.put(CONF, (CONFIGURATION + f"[device {SWITCH_DRIVES[0]}]\nstreams = default\n").encode())
        guest.run(f"systemctl reload {UNIT}")
        await_streams(bench, {SWITCH_DRIVES[0]: SWITCH_PORT})
        guest.put(CONF, (CONFIGURATION + "refesh-every = 1h\n").encode())
        assert guest.run(f"systemctl reload {UNIT}", expect=None).status != 0
        said = guest.run(f"journalctl -b --no-pager -o cat -u {UNIT} -n 20").text
        assert f"{CONF}:10: there is no key refesh-every in [device]" in said, said
        assert len(ctl(guest, "show")["streams"]) == 3
    finally:
        guest.put(CONF, CONFIGURATION.encode())
        guest.run(f"systemctl reload {UNIT}")
    await_streams(bench)
    assert main_pid(guest) == before


def test_restart_brings_back_all_and_stop_forgets_what_was_asked_for(bench, guest):
    before = main_pid(guest)
    ctl(guest, f"establish {SWITCH_DRIVES[1]} --stream 9")
    guest.run(f"systemctl restart {UNIT}")
    assert await_streams(bench, ASKED)[SWITCH_DRIVES[1]]["stream"] == 9
    assert main_pid(guest) != before
    guest.run(f"systemctl stop {UNIT}")
    assert show(guest, "ActiveState", "Result") == {"ActiveState": "inactive", "Result": "success"}
    assert not [s for f in bench.emulator.state()["functions"] for s in f["streams"] if s["enabled"]]
    guest.run(f"[ -e {STATE} ] && [ ! -e /run/ide-kmd ]")
    guest.run(f"systemctl start {UNIT}")
    await_streams(bench)


# --- When it dies or hangs --------------------------------------------------------------------------------------------

def restarts(guest):
    return int(show(guest, "NRestarts"))


def test_a_killed_controller_is_started_again_and_streams_come_back(bench, guest):
    before, count = main_pid(guest), restarts(guest)
    ctl(guest, f"establish {SWITCH_DRIVES[1]} --stream 9")
    guest.run(f"kill -9 {before}")
    guest.until(f"[ $(systemctl show {UNIT} -p NRestarts --value) -gt {count} ]")
    assert await_streams(bench, ASKED)[SWITCH_DRIVES[1]]["stream"] == 9
    assert main_pid(guest) not in (0, before) and restarts(guest) == count + 1
    ctl(guest, f"stop {SWITCH_DRIVES[1]} --stream 9")


def test_the_watchdog_ends_a_controller_that_hangs(bench, guest):
    """With less patience than the unit has, so that nobody has to wait half a minute."""
    drop_in = f"/run/systemd/system/{UNIT}.d"
    guest.run(f"mkdir -p {drop_in} && printf '[Service]\\nWatchdogSec=6s\\n' >{drop_in}/patience.conf && systemctl daemon-reload && "
              f"systemctl restart {UNIT}")
    await_streams(bench)
    before, count = main_pid(guest), restarts(guest)
    guest.run(f"kill -STOP {before}")
    guest.until(f"[ $(systemctl show {UNIT} -p NRestarts --value) -gt {count} ]", 60)
    await_streams(bench)
    assert main_pid(guest) not in (0, before)
    said = guest.run(f"journalctl -b --no-pager -o cat -u {UNIT} -n 60").text
    assert "Watchdog timeout" in said and "status=6/ABRT" in said, said
    guest.run(f"rm -r {drop_in} && systemctl daemon-reload")


# --- The package ------------------------------------------------------------------------------------------------------

def entries(guest, *options):
    return ctl(guest, "log --limit 1000 " + " ".join(options))["entries"]


def test_an_upgrade_starts_the_new_one_and_all_streams_come_back(bench, guest):
    ctl(guest, f"establish {SWITCH_DRIVES[1]} --stream 9")
    before, log = main_pid(guest), entries(guest)
    guest.run("dpkg -i /root/package/2/libide-km0_*.deb /root/package/2/ide-km_*.deb", 120)
    assert re.fullmatch(r"[0-9.]+-2\n", guest.run("dpkg-query -W -f '${Version}\\n' ide-km").text)
    assert await_streams(bench, ASKED)[SWITCH_DRIVES[1]]["stream"] == 9
    assert main_pid(guest) not in (0, before)
    assert show(guest, "NeedDaemonReload") == "no"
    assert guest.run(f"cat {CONF}").text == CONFIGURATION
    assert entries(guest, f"--cursor {log[0]['id'] - 1}")[:len(log)] == log
    assert not [e for e in entries(guest) if e["what"] == "gap"]
    guest.run("[ -z \"$(find /etc -name '*.dpkg-*' -path '*ide*')\" ]")
    ctl(guest, f"stop {SWITCH_DRIVES[1]} --stream 9")


def test_an_upgrade_leaves_alone_what_the_operator_has_to_choose_the_time_for(bench, guest):
    """What dpkg runs once more, without all that it unpacks before."""
    upgrade = "DPKG_MAINTSCRIPT_PACKAGE=ide-km /var/lib/dpkg/info/ide-km.postinst configure 0.1.0-1"
    before = main_pid(guest)
    guest.put(CONF, CONFIGURATION.replace("[policy]\n", "[policy]\nwhile-off = closed\n").encode())
    assert "ide-kmd goes on as it was" in guest.run(upgrade).text
    guest.put(CONF, CONFIGURATION.encode())
    assert main_pid(guest) == before
    guest.run(f"systemctl stop {UNIT}")
    assert guest.run(upgrade).text == ""
    assert show(guest, "ActiveState") == "inactive"
    guest.run(f"systemctl start {UNIT}")
    await_streams(bench)


def test_removed_and_purged_nothing_is_left(bench, guest):
    """Last."""
    guest.run("dpkg --remove ide-km", 120)
    assert not [s for f in bench.emulator.state()["functions"] for s in f["streams"] if s["enabled"]]
    assert guest.run("pidof ide-kmd", expect=None).status == 1
    guest.run(f"[ -e {STATE} ] && [ -e {CONF} ] && [ ! -e /run/ide-kmd ]")
    guest.run("dpkg --purge ide-km", 120)
    assert guest.run("ls /etc/ide-kmd/trust").text == "root.pem\n" # the operator's
    guest.run(f"[ ! -e /var/lib/ide-kmd ] && [ ! -e {CONF} ]")
    assert guest.run(f"systemctl is-active {UNIT}", expect=None).text == "inactive\n"
    assert guest.run(f"systemctl list-unit-files --no-legend '*ide-kmd*'; find /etc/systemd /var/lib/systemd -name '*ide-kmd*'",
                     expect=None).text == ""
