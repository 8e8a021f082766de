# SPDX-License-Identifier: GPL-2.0-or-later
"""The guest of test_stock.py with DMTF's responder in the place of ide-emu: what has no need of its orders.

SPDM_EMU_DIR names the directory of spdm_responder_emu and its sample keys, as for tests/interop; without it these tests are
skipped. One of June 2026 or later: it has to take --port.
"""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest

from guests import BARE, BEHIND, DriveBench, ctl, disk_of, needs_qemu, serving
from test_stock import (  # noqa: F401 (tests that are the same for any responder)
    test_driver_unbound_and_bound_during_exchanges, test_establish_says_what_is_missing,
    test_function_level_reset_during_exchanges, test_hot_unplug_during_exchanges, test_list_shows_the_hierarchy,
    test_the_drives_work_while_sessions_run, test_the_kernel_has_looked_at_the_mailbox)

DMTF = Path(os.environ.get("SPDM_EMU_DIR", "")).resolve()

pytestmark = [needs_qemu, pytest.mark.skipif(not (DMTF / "spdm_responder_emu").exists(),
                                             reason="SPDM_EMU_DIR does not hold DMTF's spdm-emu")]

OPTIONS = ["--trans", "PCI_DOE", "--ver", "1.2", "--hash", "SHA_384", "--asym", "ECDSA_P384", "--dhe", "SECP_384_R1",
           "--aead", "AES_256_GCM", "--cap", "CERT,CHAL,MEAS_SIG,ENCRYPT,MAC,KEY_EX,HBEAT,KEY_UPD", "--slot_count", "1",
           "--ip", "127.0.0.1"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Responders:
    """One for each drive, since it has one connection at a time, with which it ends."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = {}

    def port(self, bdf):
        """That of a new one; the former has ended with its drive."""
        if bdf in self.processes:
            self.processes[bdf].wait(20)
        port = free_port()
        with open(self.directory / f"responder-{bdf}.log", "ab") as log:
            process = self.processes[bdf] = subprocess.Popen([str(DMTF / "spdm_responder_emu"), *OPTIONS, "--port", str(port)],
                                                             cwd=DMTF, stdout=log, stderr=log)
        end = time.monotonic() + 20
        # By the kernel's table: a connection would be taken for QEMU's.
        while f":{port:04X} 00000000:0000 0A" not in Path("/proc/net/tcp").read_text():
            assert process.poll() is None and time.monotonic() < end, "DMTF's responder does not listen"
            time.sleep(0.02)
        return port

    def stop(self):
        for process in self.processes.values():
            process.kill()
            process.wait()


def make_bench(directory):
    # Their sample certificates name no device, and their IDE_KM says 00:00.0.
    return DriveBench(directory, Responders(directory), DMTF / "ecp384" / "ca.cert.der",
                      "--timeout 5s --allow-unnamed --allow-wrong-bdf")


@pytest.fixture(scope="module")
def bench():
    with serving(make_bench) as bench:
        yield bench


@pytest.fixture
def guest(bench):
    yield bench.guest
    bench.drivers_are_back()


@pytest.mark.parametrize("bdf", [BEHIND, BARE])
def test_attest(guest, bdf):
    """Who it is by its chain, for it has no CMA name; and its measurements in a session."""
    result = ctl(guest, f"attest {bdf} --in-session")
    assert (result["state"], result["spdm_version"], result["has_cma_name"]) == ("attested", "1.2", False)
    assert result["measurements"]["in_session"] and result["measurements"]["signed"]
    assert {m["index"] for m in result["measurements"]["list"]} >= {1, 2, 3, 4}


def test_ide_km_is_spoken_in_the_session(guest):
    """QUERY of each port: their sample has eight, of a function that is not this one."""
    ports = ctl(guest, f"attest {BEHIND} --ide-km")["ide_km"]
    assert [(p["index"], p["bdf"]) for p in ports] == [(i, "0000:00:00.0") for i in range(8)]


def test_data_moves_while_measurements_are_taken(guest):
    """What is written between two of their sessions is what is read back in the next one."""
    disk = disk_of(guest, BEHIND)
    for block in range(3):
        guest.run(f"dd if=/dev/urandom of=/tmp/pattern bs=1M count=1 2>/dev/null; ide-ctl --json attest {BEHIND} --in-session "
                  f">/tmp/attest.out & dd if=/tmp/pattern of={disk} bs=64k seek={16 * block} conv=fsync oflag=direct "
                  "2>/dev/null && wait $!")
        assert guest.run(f"dd if={disk} bs=1M skip={block} count=1 iflag=direct 2>/dev/null | sha256sum").text == \
            guest.run("sha256sum </tmp/pattern").text
