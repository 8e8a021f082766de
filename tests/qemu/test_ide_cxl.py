# SPDX-License-Identifier: GPL-2.0-or-later
"""A CXL memory device of QEMU's below a CXL host bridge, and a selective stream for its CXL.io.

    0000:0c:00.0 root port of the host bridge, 0000:0d:00.0 the device
"""

import pytest

from guests import QEMU_IDE, ctl, needs_qemu, serving
from ide_guest import PLATFORM, PORT, Bench

pytestmark = [needs_qemu, pytest.mark.skipif(not QEMU_IDE.exists(),
                                             reason="there is no QEMU with patches: run tests/qemu/build")]

CXL_PORT, CXL_DEVICE = "0000:0c:00.0", "0000:0d:00.0"
CXL_ROOT_PORT = {**PORT, "vendor": "0x8086", "device": "0x7075", "subsystem_vendor": "0x8086"}
CXL_MEMORY = {"vendor": "0x8086", "device": "0x0d93", "class": "0x050210", "revision": 1, "subsystem_vendor": "0x1af4",
              "subsystem": "0x1100"}


class CxlBench(Bench):
    platform = {**PLATFORM, "functions": [*PLATFORM["functions"], {"bdf": CXL_PORT, **CXL_ROOT_PORT, "secondary": 13,
                                                                   "below": [{"bdf": CXL_DEVICE, **CXL_MEMORY}]}]}

    def devices(self):
        return [*super().devices(), "-M", "cxl=on", "-device", "pxb-cxl,id=cxl,bus=pcie.0,bus_nr=12,addr=9",
                "-object", "memory-backend-ram,id=cxl-memory,size=256M",
                "-device", f"cxl-rp,id=rpc,bus=cxl,chassis=9,slot=9{self.ide(CXL_PORT)}",
                "-device", f"cxl-type3,id=memory,bus=rpc,volatile-memdev=cxl-memory{self.ide(CXL_DEVICE)}"]


@pytest.fixture(scope="module")
def bench():
    with serving(CxlBench) as bench:
        yield bench


def secure_ends(bench, number):
    """Which functions have the stream Secure, by the model's own account."""
    return {f["bdf"] for f in bench.emulator.state()["functions"] for s in f["streams"]
            if s["state"] == "secure" and s["stream_id"] == number}


def test_attest_finds_the_mailbox_among_two(bench):
    """The device has one of its own, for its tables: ours is the one that speaks SPDM."""
    guest = bench.guest
    assert guest.run(f"lspci -n -s {CXL_DEVICE}").text.split()[1:3] == ["0502:", "8086:0d93"]
    assert guest.run(f"lspci -vvv -s {CXL_DEVICE}").text.count("Data Object Exchange") == 2
    assert ctl(guest, f"attest {CXL_DEVICE} --in-session")["state"] == "attested"


def test_a_stream_for_cxl_io(bench):
    guest = bench.guest
    stream = ctl(guest, f"establish {CXL_PORT} --stream 5")
    assert (stream["root_port"], stream["endpoint"], stream["state"]) == (CXL_PORT, CXL_DEVICE, "secure")
    assert secure_ends(bench, 5) == {CXL_PORT, CXL_DEVICE}
    assert ctl(guest, f"rekey {CXL_PORT} --stream 5")["streams"][0]["key_set"] == 1
    assert secure_ends(bench, 5) == {CXL_PORT, CXL_DEVICE}
    assert ctl(guest, f"stop {CXL_PORT} --stream 5")["state"] == "off"
    assert not secure_ends(bench, 5)
