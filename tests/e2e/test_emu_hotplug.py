# SPDX-License-Identifier: GPL-2.0-or-later
"""Links that go down and functions that are pulled out of the emulated platform, and come back."""

import errno
import os

import pytest

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT

GONE = b"\xff" * 4


def config(platform, bdf):
    return (platform.mount / "devices" / bdf / "config").read_bytes()[:4]


def inode(platform, bdf):
    """As the directory has it, and as the function's own folder does."""
    devices = platform.mount / "devices"
    [listed] = [entry.inode() for entry in os.scandir(devices) if entry.name == bdf]
    assert listed == (devices / bdf).stat().st_ino
    return listed


def link_active(platform, bdf):
    return int(platform.setpci(bdf, "CAP_EXP+12.w"), 16) >> 13 & 1


def present(platform, bdf):
    return int(platform.setpci(bdf, "CAP_EXP+1a.w"), 16) >> 6 & 1


def test_a_link_that_is_down_reaches_nothing_and_comes_back(platform):
    before = config(platform, ENDPOINT)
    assert link_active(platform, ROOT_PORT) == 1
    platform.tell(f"link-down {ENDPOINT}")
    assert config(platform, ENDPOINT) == GONE
    assert (link_active(platform, ROOT_PORT), present(platform, ROOT_PORT)) == (0, 1)
    with pytest.raises(AssertionError, match="link is off"):
        platform.tell(f"dma {ENDPOINT} read 0 4")
    with pytest.raises(OSError, match="Input/output error"):
        (platform.mount / "devices" / ENDPOINT / "resource0").read_bytes()
    platform.tell(f"link-up {ROOT_PORT}")
    assert config(platform, ENDPOINT) == before
    assert link_active(platform, ROOT_PORT) == 1


def test_a_link_does_not_come_up_without_a_device(platform):
    platform.tell(f"remove {ENDPOINT}")
    with pytest.raises(AssertionError, match="there is no link, or nothing at its other end"):
        platform.tell(f"link-up {ROOT_PORT}")


def test_a_link_above_a_switch_takes_all_below_with_it(platform):
    platform.tell(f"link-down {SWITCH_ROOT_PORT}")
    for bdf in ("0000:02:00.0", "0000:03:00.0", *SWITCH_ENDPOINTS):
        assert config(platform, bdf) == GONE
    reachable = {f["bdf"] for f in platform.state()["functions"] if f["reachable"]}
    assert reachable == {ROOT_PORT, ENDPOINT, SWITCH_ROOT_PORT}


@pytest.mark.parametrize("pulled, gone, port", [
    (ENDPOINT, [ENDPOINT], ROOT_PORT),
    ("0000:02:00.0", ["0000:02:00.0", "0000:03:00.0", "0000:03:01.0", *SWITCH_ENDPOINTS], SWITCH_ROOT_PORT)])
def test_what_is_pulled_out_is_gone_from_the_tree_and_comes_back(platform, pulled, gone, port):
    devices = platform.mount / "devices"
    before, inodes = set(os.listdir(devices)), {bdf: inode(platform, bdf) for bdf in [*gone, port]}
    held = os.open(devices / pulled / "config", os.O_RDWR)
    platform.lspci()   # every name has been looked up
    platform.tell(f"remove {pulled}")
    assert set(os.listdir(devices)) == before - set(gone)
    for bdf in gone:
        assert not (devices / bdf).exists() and not (devices / bdf / "config").exists()
    with pytest.raises(OSError) as error:
        os.pread(held, 4, 0)
    assert error.value.errno == errno.ENODEV
    assert (link_active(platform, port), present(platform, port)) == (0, 0)
    with pytest.raises(AssertionError, match="gone already"):
        platform.tell(f"remove {pulled}")
    platform.tell(f"insert {pulled}")
    assert set(os.listdir(devices)) == before
    assert config(platform, pulled) != GONE
    assert (link_active(platform, port), present(platform, port)) == (1, 1)
    # it is another one, as in sysfs
    assert {bdf for bdf in [*gone, port] if inode(platform, bdf) != inodes[bdf]} == set(gone)
    for access in (lambda: os.pread(held, 4, 0), lambda: os.pwrite(held, b"\x06\x00", 4)):
        with pytest.raises(OSError) as error:
            access()
        assert error.value.errno == errno.ENODEV
    os.close(held)
    before = inode(platform, pulled)
    platform.tell(f"remove {pulled}")
    platform.tell(f"insert {pulled}")   # and each time
    assert inode(platform, pulled) not in (before, inodes[pulled])


def test_a_root_port_cannot_be_pulled_out(platform):
    with pytest.raises(AssertionError, match="a part of the host"):
        platform.tell(f"remove {ROOT_PORT}")


@pytest.mark.parametrize("order", ["reset", "link-down", "remove"])
def test_a_stream_does_not_live_through_it_and_can_be_made_again(platform, start_controller, order):
    controller = start_controller(platform, "--watch-interval", "0")   # or it would be made again by itself
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.tell(f"{order} {ENDPOINT}")
    streams = [s for f in platform.state()["functions"] for s in f["streams"] if s["stream_id"] == 0]
    assert [s["state"] for s in streams] == ["insecure"]   # the root port's; the endpoint knows of none
    assert streams[0]["fell_us"] > 0 and streams[0]["falls"] == 1
    if order != "reset":
        platform.tell(f"{'link-up' if order == 'link-down' else 'insert'} {ENDPOINT}")
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"
