# SPDX-License-Identifier: GPL-2.0-or-later
"""A controller that is killed at a point of an operation, again and again, on one emulated platform."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import zmq

from conftest import Kmd, Platform, program
from streams import ide

PORT, END = "0000:00:01.0", "0000:01:00.0"
OTHER_PORT, OTHER_END = "0000:00:02.0", "0000:02:00.0"
FOREIGN_ID, KERNEL_ID = 77, 78
FOREIGN_BLOCK, KERNEL_BLOCK = 2, 3
BLOCK = 0x14 + 12   # bytes of a selective block with one address association


class Killed(Exception):
    """The controller is gone, and has not answered."""


class Daemon(Kmd):
    """A running ide-kmd with a state file, and a connection to it."""

    def __init__(self, directory, mount, trust, options=(), kill=None, **more):
        self.endpoint = f"ipc://{directory}/kmd.sock"
        self.killed_at = None
        env = dict(os.environ) | ({"IDE_KMD_KILL": kill} if kill else {}) | more
        super().__init__([program("ide-kmd"), "--sysfs", str(mount), "--listen", self.endpoint, "--trust", str(trust),
                          "--state", f"{directory}/state.db", *options], directory, env)
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(self.endpoint)

    def ask(self, verb, **members):
        """The reply. Killed if the controller dies instead."""
        self.send(verb, **members)
        return self.receive(verb)

    def send(self, verb, **members):
        self.socket.send_json({"v": 1, "id": 1, "verb": verb, **members})

    def receive(self, verb):
        end = time.monotonic() + 60
        while not self.socket.poll(5):
            if self.process.poll() is not None:
                raise Killed
            assert time.monotonic() < end, f"{verb}: no reply\n{self.log.read_text()}"
        return self.socket.recv_json()

    def streams(self):
        return self.ask("show")["result"]["streams"]

    def close(self, expect=0):
        self.socket.close()
        self.stop(expect)

    def die(self):
        self.socket.close()
        self.kill()


class Field:
    """The platform, with streams of others on the same ports, and the tree with the kernel's in it."""

    def __init__(self, functions=None, options=(), emu=(), **more):
        self.directory = Path(subprocess.run(["mktemp", "-d", "/tmp/ide-km.XXXXXX"], capture_output=True, text=True,
                                             check=True).stdout.strip())
        file = self.directory / "platform.json"
        file.write_text(json.dumps({"functions": functions or [pair(PORT, END)], **more}))
        self.platform = Platform(self.directory, self.directory / "identity", ["--platform", str(file), *(option.format(dir=self.directory) for option in emu)])
        self.mount, self.options = self.platform.mount, options
        self.daemon = None

    def start(self, kill=None, **environment):
        self.daemon = Daemon(self.directory, self.mount, self.platform.trust, self.options, kill, **environment)
        return self.daemon

    def close(self):
        if self.daemon and self.daemon.process.returncode is None:
            self.daemon.close()
        self.platform.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- what others have ------------------------------------------------------------------------------------

    def set_block(self, bdf, block, control, rid):
        """Writes the control register and the RID association of a selective block, as somebody else would."""
        at = 0x14 + block * BLOCK
        self.platform.setpci(bdf, f"ECAP0030+{at + 0x10:x}.L={rid:08x}", f"ECAP0030+{at + 4:x}.L={control:08x}")

    def add_foreign(self, port=PORT, end=END, at=None):
        """A stream of somebody else's between the same ports, enabled, and one that the kernel has begun to set up; at one
        of them only if told so."""
        self.foreign = [at] if at else [port, end]
        for bdf in self.foreign:
            self.set_block(bdf, FOREIGN_BLOCK, FOREIGN_ID << 24 | 1, 0x00ff0001)
            self.set_block(bdf, KERNEL_BLOCK, KERNEL_ID << 24, 0x00fe0001)
        self.mount = self.tree(port, end)
        self.registers = self.foreign_registers()

    def tree(self, port, end):
        """The emulated functions as Linux has them: links from devices/ to below the host bridge, with streamH.R.E."""
        path = self.directory / "sys"
        bridge = path / "devices" / f"pci{port[:7]}"
        devices = path / "bus" / "pci" / "devices"
        devices.mkdir(parents=True)
        bridge.mkdir(parents=True)
        for place in (self.platform.mount / "devices").iterdir():
            target = bridge / port / end if place.name == end else bridge / place.name
            target.mkdir(parents=True, exist_ok=True)
            (devices / place.name).symlink_to(f"../../../devices/{target.relative_to(path / 'devices')}")
            for file in place.iterdir():
                if file.name not in (port, end):
                    (target / file.name).symlink_to(file)
        (bridge / f"stream0.{KERNEL_BLOCK}.{KERNEL_BLOCK}").symlink_to(f"./{port}/{end}")
        for name in ("firmware", "mem"):
            if (self.platform.mount / name).exists():
                (path / "bus" / "pci" / name).symlink_to(self.platform.mount / name)
        return path / "bus" / "pci"

    def foreign_registers(self):
        found = []
        for bdf in self.foreign:
            config = (self.platform.mount / "devices" / bdf / "config").read_bytes()
            at = capability(config, 0x30)
            for block in (FOREIGN_BLOCK, KERNEL_BLOCK):
                first = at + 0x0c + 8 + block * BLOCK   # behind the one link block
                found.append(config[first:first + BLOCK].hex())
        return found

    # ---- what must hold ---------------------------------------------------------------------------------------

    def ours(self):
        """(bdf, kind, index, enabled, state) of all blocks that are not as after a reset, but for others'."""
        return [(f["bdf"], s["kind"], s["index"], s["enabled"], s["state"])
                for f in self.platform.state()["functions"] for s in f["streams"]
                if s["stream_id"] not in (FOREIGN_ID, KERNEL_ID) and (
                    s["enabled"] or s["stream_id"] != 255
                    or any(key != "none" for key_set in s["key_sets"] for keys in key_set.values() for key in keys))]

    def flowing(self):
        """The switch ports that pass IDE TLPs on."""
        found = []
        for f in self.platform.state()["functions"]:
            if f["type"] in ("upstream port", "downstream port"):
                config = (self.platform.mount / "devices" / f["bdf"] / "config").read_bytes()
                if config[capability(config, 0x30) + 8] & 4:
                    found.append(f["bdf"])
        return found

    def check_others(self):
        assert self.foreign_registers() == self.registers

    def check_off(self):
        """Right after a start: nothing of ours is on, at either end."""
        on = [block for block in self.ours() if block[3]]
        assert on == [], self.daemon.log.read_text()


def capability(config, wanted):
    """The offset of an extended capability."""
    at = 0x100
    while at:
        header = int.from_bytes(config[at:at + 4], "little")
        if header & 0xffff == wanted:
            return at
        at = header >> 20
    raise AssertionError(f"no capability {wanted:#x}")


def pair(port, end, **more):
    return {"bdf": port, "type": "root-port", "doe": True, "ide": ide(4, 1),
            "below": [{"bdf": end, "type": "endpoint", "doe": True, "ide": ide(4, 1), "bar_size": 4096}], **more}
