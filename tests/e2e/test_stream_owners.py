# SPDX-License-Identifier: GPL-2.0-or-later
"""Stream numbers and blocks: unique under a host bridge, and what the kernel or somebody else has is left alone."""

import shutil

import pytest

from conftest import Controller
from streams import Bench, ide

PORT, END = "0000:00:01.0", "0000:01:00.0"
OTHER_PORT, OTHER_END = "0000:00:02.0", "0000:02:00.0"
FAR_PORT, FAR_END = "0000:40:01.0", "0000:41:00.0"   # another host bridge
BLOCK = 0x14 + 12   # bytes of a selective block with one address association


def pair(port, end):
    return {"bdf": port, "type": "root-port", "doe": True, "ide": ide(3, 1),
            "below": [{"bdf": end, "type": "endpoint", "doe": True, "ide": ide(3, 1), "bar_size": 4096}]}


class Tree:
    """The emulated functions in a tree as Linux has it: links from devices/ to below the host bridges."""

    def __init__(self, bench, pairs=((PORT, END), (OTHER_PORT, OTHER_END), (FAR_PORT, FAR_END))):
        self.path, self.trust = bench.directory / "sys", bench.platform.trust
        self.mount = self.path / "bus" / "pci"
        devices = self.mount / "devices"
        devices.mkdir(parents=True)
        for port, end in pairs:
            bridge = self.path / "devices" / f"pci{port[:7]}"
            for bdf, place in ((port, bridge / port), (end, bridge / port / end)):
                place.mkdir(parents=True)
                (devices / bdf).symlink_to(f"../../../devices/{place.relative_to(self.path / 'devices')}")
                for file in (bench.platform.mount / "devices" / bdf).iterdir():
                    (place / file.name).symlink_to(file)

    def connect(self, bdf, tsm):
        place = (self.mount / "devices" / bdf).resolve() / "tsm"
        place.mkdir(exist_ok=True)
        (place / "connect").write_text(tsm + "\n")

    def kernel_stream(self, name, port, end):
        (self.path / "devices" / f"pci{port[:7]}" / name).symlink_to(f"./{port}/{end}")


@pytest.fixture(scope="module")
def bench():
    bench = Bench([pair(PORT, END), pair(OTHER_PORT, OTHER_END), pair(FAR_PORT, FAR_END)])
    bench.controller.stop()
    yield bench
    bench.start()
    bench.close()


@pytest.fixture
def tree(bench):
    tree = Tree(bench)
    yield tree
    shutil.rmtree(tree.path)


@pytest.fixture
def controller(bench, tree):
    controller = Controller(bench.directory, tree)
    yield controller
    controller.stop()
    for bdf in (PORT, END, OTHER_PORT, OTHER_END):
        for block in range(3):
            set_block(bench, bdf, block, 0xff000000, 0)
    assert bench.in_use() == set()


def set_block(bench, bdf, block, control, rid):
    """Writes the control register and the RID association of a selective block, as somebody else would."""
    at = 0x14 + block * BLOCK
    bench.platform.setpci(bdf, f"ECAP0030+{at + 0x10:x}.L={rid:08x}")
    bench.platform.setpci(bdf, f"ECAP0030+{at + 4:x}.L={control:08x}")


def ends(stream):
    return {end["bdf"]: end["block"] for end in stream["ends"]}


def test_a_device_that_the_kernels_tsm_has_connected_is_left_alone(bench, tree, controller):
    tree.connect(END, "tsm0")
    error = controller.error("establish", END)
    assert (error["code"], error["device"]) == ("foreign", END)
    assert error["message"] == "the device belongs to the kernel: its TSM tsm0 is connected"
    assert "tsm/disconnect" in error["hint"]
    assert bench.in_use() == set()
    tree.connect(END, "")
    assert controller.json("establish", END)["state"] == "secure"


def test_blocks_of_the_kernels_streams_are_not_taken(bench, tree, controller):
    tree.kernel_stream("stream0.0.1", PORT, END)   # whatever their registers say yet
    tree.kernel_stream("stream1.2.0", OTHER_PORT, OTHER_END)
    assert ends(controller.json("establish", END)) == {PORT: 1, END: 0}
    assert ends(controller.json("establish", END, "--tc", "1")) == {PORT: 2, END: 2}
    assert ends(controller.json("establish", OTHER_END)) == {OTHER_PORT: 0, OTHER_END: 1}
    error = controller.error("establish", END, "--tc", "2")
    assert (error["code"], error["device"], error["field"]) == ("resources", PORT, "selective blocks")


def test_a_stream_of_the_kernel_is_shown_as_its_own(bench, tree, controller):
    tree.kernel_stream("stream0.1.0", PORT, END)
    set_block(bench, PORT, 1, 0x05000000, 0x00010001)
    set_block(bench, END, 0, 0x05000001, 0)
    shown = controller.json("show")["streams"]
    assert [(s["stream"], s["owner"], s["root_port"], s["endpoint"]) for s in shown] == [
        (5, "kernel", PORT, None), (5, "kernel", None, END)]
    error = controller.error("stop", PORT, "--stream", "5")
    assert (error["code"], error["message"]) == ("foreign", "stream 5 belongs to the kernel")
    error = controller.error("establish", END, "--stream", "5")
    assert (error["code"], error["message"]) == ("stream_used", "stream 5 of this port belongs to the kernel")
    assert ends(controller.json("establish", END, "--stream", "6")) == {PORT: 0, END: 1}
    assert bench.function(END)["streams"][1]["stream_id"] == 5   # block 0, behind the link stream's


def test_numbers_are_unique_under_the_host_bridge_whoever_has_them(bench, tree, controller):
    set_block(bench, OTHER_PORT, 2, 0x00000001, 0)   # somebody's stream 0, at another root port
    error = controller.error("establish", END, "--stream", "0")
    assert (error["code"], error["device"]) == ("stream_used", OTHER_PORT)
    assert error["message"] == "stream 0 of this port was set up by someone else"
    assert controller.json("establish", END)["stream"] == 1
    assert [s["stream"] for s in controller.json("establish", OTHER_PORT, "--link")["streams"]] == [2]
    # under another host bridge numbers begin anew
    assert controller.json("establish", FAR_END)["stream"] == 0
    assert controller.json("establish", FAR_END, "--tc", "1", "--stream", "1")["state"] == "secure"
    error = controller.error("establish", OTHER_END, "--stream", "1")
    assert error["message"] == "stream 1 is in use under the same host bridge"


def test_idle_blocks_do_not_keep_the_number_of_a_stream(bench, tree, controller):
    """Some devices take an idle block with the same number for the stream's: it gets 255 first."""
    for bdf in (PORT, END):
        for block in (0, 1, 2):
            set_block(bench, bdf, block, 0, 0)
    assert controller.json("establish", END, "--stream", "0")["state"] == "secure"
    for bdf in (PORT, END):
        assert [s["stream_id"] for s in bench.function(bdf)["streams"]] == [255, 0, 255, 255]
    controller.json("stop", END, "--stream", "0")
    assert bench.in_use() == set()
