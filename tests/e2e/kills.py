# SPDX-License-Identifier: GPL-2.0-or-later
"""A controller that is killed at a point of an operation, again and again, on one emulated platform."""

import json
import os
import select
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import zmq

from conftest import Kmd, Platform, program
from messages import check_messages
from streams import ide

PORT, END = "0000:00:01.0", "0000:01:00.0"
UNIT, CXL_UNIT = 0xFE000000, 0xFE100000
ROT = "0000:00:1f.0"
SWITCH = ("0000:01:00.0", "0000:02:00.0")   # its two ports on the way to
SWITCH_END = "0000:03:00.0"
HOPS = {"upper": (PORT, SWITCH[0]), "lower": (SWITCH[1], SWITCH_END)}   # where there is a stream on each link
FOREIGN_ID, KERNEL_ID = 77, 78
FOREIGN_BLOCK, KERNEL_BLOCK = 2, 3
BLOCK = 0x14 + 12   # bytes of a selective block with one address association


class Killed(Exception):
    """The controller is gone, and has not answered."""


class Daemon(Kmd):
    """A running ide-kmd with a state file, and a connection to it."""

    def __init__(self, directory, mount, trust, options=(), kill=None, waits=True, **more):
        self.endpoint = f"ipc://{directory}/kmd.sock"
        self.waits = waits   # for "ready"; or this is done later
        env = dict(os.environ) | ({"IDE_KMD_KILL": kill} if kill else {}) | more
        super().__init__([program("ide-kmd"), "--sysfs", str(mount), "--listen", self.endpoint, "--trust", str(trust),
                          "--state", f"{directory}/state.db", *options], directory, env)
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.linger = 0
        self.socket.connect(self.endpoint)

    def _await_ready(self, seconds):
        if self.waits:
            super()._await_ready(seconds)

    def speaks(self):
        """Of one that was not waited for: it has said that it is ready, or has died."""
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def gets_ready(self):
        """Of one that was not waited for: False if it has died instead."""
        line = self.process.stdout.readline()
        assert line in (b"ready\n", b""), line
        return line != b""

    def buried(self):
        """It has died: nothing of it is left open, nor half a message to which the next one would add."""
        self.process.wait()
        self.socket.close()
        self.process.stdout.close()
        check_messages(self.messages)

    def ask(self, verb, **members):
        """The reply. Killed if the controller dies instead."""
        self.send(verb, **members)
        return self.receive(verb)

    def send(self, verb, id=1, **members):
        self.socket.send_json({"v": 1, "id": id, "verb": verb, **members})

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

    def __init__(self, functions=None, options=(), end=END, emu=(), **more):
        self.end = end
        self.foreign, self.registers = [], []
        self.directory = Path(subprocess.run(["mktemp", "-d", "/tmp/ide-km.XXXXXX"], capture_output=True, text=True,
                                             check=True).stdout.strip())
        file = self.directory / "platform.json"
        file.write_text(json.dumps({"functions": functions or [pair(PORT, END)], **more}))
        self.options, self.emu = options, [option.format(dir=self.directory) for option in emu]
        self.daemon = None
        self.turn_on(file)

    def turn_on(self, file):
        self.platform = Platform(self.directory, self.directory / "identity", ["--platform", str(file), *self.emu])
        self.mount = self.platform.mount

    def power_cycle(self):
        """The platform as after power-on."""
        self.platform.stop()
        self.foreign, self.registers = [], []
        self.turn_on(self.directory / "platform.json")

    def start(self, kill=None, waits=True, **environment):
        self.daemon = Daemon(self.directory, self.mount, self.platform.trust, self.options, kill, waits, **environment)
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

    def add_foreign_at(self, port):
        """A stream of somebody else's at one port, and nothing in the tree; port None: none."""
        self.foreign = [port] if port else []
        for bdf in self.foreign:
            self.set_block(bdf, FOREIGN_BLOCK, FOREIGN_ID << 24 | 1, 0x00ff0001)
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
            if f["type"] in ("upstream port", "downstream port") and f["reachable"]:
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


def bare(port, end, **more):
    """A root port whose keys somebody else gives it."""
    return {**pair(port, end, **more), "doe": False, "ide": ide(4, 1, ide_km=False)}


def switch(port=PORT):
    """A root port, a switch, and the endpoint below it: all with the same blocks, so that others' streams fit."""
    return {"bdf": port, "type": "root-port", "doe": True, "ide": ide(4, 1, blocks=1), "below": [
        {"bdf": SWITCH[0], "type": "upstream", "ide": {"flow_through": True}, "below": [
            {"bdf": SWITCH[1], "type": "downstream", "ide": {"flow_through": True}, "below": [
                {"bdf": SWITCH_END, "type": "endpoint", "doe": True, "ide": ide(4, 1), "bar_size": 4096}]}]}]}


def hops(port=PORT):
    """The same, with a mailbox and a link stream at each port of the switch."""
    bridge = {"doe": True, "ide": ide(0, 1, flow_through=True)}
    return {"bdf": port, "type": "root-port", "doe": True, "ide": ide(4, 1), "below": [
        {"bdf": SWITCH[0], "type": "upstream", **bridge, "below": [
            {"bdf": SWITCH[1], "type": "downstream", **bridge, "below": [
                {"bdf": SWITCH_END, "type": "endpoint", "doe": True, "ide": ide(4, 1), "bar_size": 4096}]}]}]}


def cxl_pair(port, end):
    return {"bdf": port, "ide": ide(4, 1), "cxl": {}, "below": [{"bdf": end, "ide": ide(4, 1), "cxl": {}}]}


def key_unit(*ports):
    return {"base": hex(UNIT), "streams": 4, "tx_slots": 12, "rx_slots": 12, "root_ports": list(ports)}


def cxl_unit(port):
    return {"base": hex(CXL_UNIT), "protocol": "cxl", "root_ports": [port]}


# A platform with one way to give keys to its root port each; the options are ide-kmd's.
FIELDS = {
    "doe": lambda options: Field(options=options),
    "kcu": lambda options: Field([bare(PORT, END)], options, kcu=[key_unit(PORT)]),
    "rot": lambda options: Field([bare(PORT, END), {"bdf": ROT, "type": "rc-endpoint", "doe": True}],
                                 [*options, "--rot", ROT], rot={"bdf": ROT, "root_ports": [PORT]}),
    "switch": lambda options: Field([switch()], options, SWITCH_END),
    "hops": lambda options: Field([hops()], options, SWITCH_END),
    "cxl-kcu": lambda options: Field([cxl_pair(PORT, END)], options, kcu=[cxl_unit(PORT)]),
    "cxl-doe": lambda options: Field([cxl_pair(PORT, END)], options),
}


def make_field(provider, options=()):
    field = FIELDS[provider](options)
    field.provider = provider
    return field


def hop_states(field):
    """Of each link of a path: "up" if its stream is Secure at both ends, "off" if both are off, else None."""
    found = {bdf: (enabled, state) for bdf, _, _, enabled, state in field.ours()}
    ends = {hop: [found.get(bdf) for bdf in bdfs] for hop, bdfs in HOPS.items()}
    return {hop: "up" if at == [(True, "secure")] * 2 else "off" if at == [None] * 2 else None for hop, at in ends.items()}


def eventually(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.01)


def is_wanted(field):
    """Whether the state file says so, of the one stream or CXL link that there is."""
    table = "held_cxl_link" if field.provider.startswith("cxl") else "held_stream"
    with sqlite3.connect(f"file:{field.directory}/state.db?mode=ro", uri=True) as db:
        return db.execute(f"SELECT count(*) FROM {table} WHERE wanted").fetchone() == (1,)


def is_off(field, daemon):
    """Both ends are, with no key left anywhere, and nothing on the way."""
    eventually(lambda: field.ours() == [] and field.flowing() == [],
               lambda: f"{field.ours()} {field.flowing()}\n{daemon.log.read_text()}")
    if field.provider == "kcu":
        unit = field.platform.state()["kcu"][0]
        assert (unit["tx_slots_in_use"], unit["rx_slots_in_use"]) == (0, 0), daemon.log.read_text()
        assert not any(s["enabled"] for s in unit["streams"])


def comes_back(field, daemon):
    """The stream is wanted, or that on each link: it is Secure again at both ends without a word from anybody."""
    ends = [end for hop in HOPS.values() for end in hop] if field.provider == "hops" else [PORT, field.end]
    eventually(lambda: [s["state"] for s in daemon.streams() if s["owner"] == "controller"] == ["secure"] * (len(ends) // 2),
               lambda: daemon.log.read_text())
    assert {(e[0], e[3], e[4]) for e in field.ours()} == {(end, True, "secure") for end in ends}


def cxl_states(field):
    """Of both directions of both ends; one state says that they agree."""
    return {d for f in field.platform.state()["functions"] if f["cxl"] for d in (f["cxl"]["rx"], f["cxl"]["tx"])}


def cxl_is_off(field, daemon):
    eventually(lambda: cxl_states(field) == {"insecure"}, lambda: f"{cxl_states(field)}\n{daemon.log.read_text()}")


def cxl_comes_back(field, daemon):
    eventually(lambda: [link["state"] for link in daemon.ask("show")["result"]["cxl_links"]] == ["secure"],
               lambda: daemon.log.read_text())
    assert cxl_states(field) == {"containment"}, daemon.log.read_text()
