# SPDX-License-Identifier: GPL-2.0-or-later
"""What software did to the ports, in which order, against the tables of docs/ide.md."""

import json
import re

import pytest

from conftest import ENDPOINT, ROOT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT

SUBSTREAMS = ["PR", "NPR", "CPL"]
ROT = "0000:00:1f.0"


def tables():
    """{operation: [(stage, where, [what, ...]), ...]} of the section on the order; what is each `piece of code`."""
    section = (ROOT / "docs" / "ide.md").read_text().split("\n## The order of operations\n")[1].split("\n## ")[0]
    found, name = {}, None
    for line in section.splitlines():
        heading = re.match(r"### `(\w+)`", line)
        if heading:
            name = heading.group(1)
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if name and len(cells) == 4 and re.match(r"\d", cells[0]):
            found.setdefault(name, []).append((cells[0], cells[1], re.findall(r"`([^`]+)`", cells[2])))
    return found


def name_of_write(register, value):
    if register == "IDE control":
        return "flow-through on" if value & 4 else "flow-through off"
    if register == "status":
        return "clear fail bit" if value == 1 << 31 else "status?"
    if register.startswith("address"):
        return "address"
    if register != "control":
        return register
    if value >> 24 == 255:
        return "control: Stream ID 255"
    return "control: enabled" if value & 1 else "control: Stream ID, not enabled"


def name_of_unit_write(line, sets):
    """Of the line's register of a key unit, with what it is set to."""
    slot = re.search(r"write (Tx|Rx) (?:key|IV) slot \d+$", line)
    if slot:
        return f"{slot.group(1)} slots"
    register, value = re.search(r"write stream \d+ (.+) ([0-9a-f]{8})$", line).groups()
    value = int(value, 16)
    if "indices" in register:
        return register[:-2]
    if register == "Stream Control":
        return "Stream Control: " + ("enabled" if value & 1 else "Stream ID, not enabled" if value else "nothing")
    primed = " and ".join(name for number, name in sets.items() if value >> 8 * (int(number) + 1) & 1)
    selected = [f"{sets[str((value & 3) - 1)]} selected"] if value & 3 else []
    return f"{register}: " + (", ".join([f"{primed} primed", *selected]) if primed else "nothing")


def events(lines, places, sets):
    """[(where, what), ...] of a trace: lines that belong together, such as the addresses of a block, are one."""
    found, part, last = [], {}, None
    for line in lines:
        bdf, rest = line.split(" ", 1)
        where = places.get(bdf, "switch ports")
        if where == "key unit":
            what = name_of_unit_write(line, sets)
            if what != last:
                found.append((where, what))
            last = what
            continue
        write = re.match(r"write (?:selective \d+ )?(.+) ([0-9a-f]{8})$", rest)
        message = re.match(r"(\S+) stream \d+ set (\d) (Rx|Tx) (\S+)$", rest)
        if message:
            name, key_set, direction, substream = message.groups()
            group = part.setdefault(where, [])
            assert substream == SUBSTREAMS[len(group)], line
            group.append(substream)
            if len(group) == 3:
                del part[where]
                found.append((where, f"{name} {sets[key_set]} set, {direction}"))
        else:
            what = name_of_write(write.group(1), int(write.group(2), 16)) if write else rest
            if what != "address" or (where, what) not in found[-1:]:
                found.append((where, what))
    assert not part, part
    return found


def check_addresses(lines, order):
    """An address block is valid only while its limit and base are right: the registers of each, in their order."""
    blocks = {}
    for line in lines:
        register = re.match(r"(\S+) write selective \d+ address (\d+)\.(\d) ", line)
        if register:
            blocks.setdefault(register.group(1, 2), []).append(register.group(3))
    assert blocks and all(registers == order for registers in blocks.values()), blocks


def expected(rows, without, by_unit):
    """[(stage, where, what), ...]; a row for both is one for each. A key unit's root port gets no messages."""
    found = []
    for stage, where, whats in rows:
        for place in ["root port", "endpoint"] if where == "both" else [where]:
            if place not in without:
                found += [(stage, place, what) for what in whats if place != "root port" or not by_unit
                          or not re.match(r"QUERY|KEY_PROG|K_SET|session", what)]
    return found


def compare(done, rows, switch_ports, by_unit):
    without = [place for place, there in (("switch ports", switch_ports), ("key unit", by_unit)) if not there]
    want = expected(rows, without, by_unit)
    for place in ["root port", "endpoint", "key unit"]:
        assert [what for where, what in done if where == place] == [w for _, where, w in want if where == place], place
    # no stage begins before the last of the one before it, wherever that is
    stages = list(dict.fromkeys(stage for stage, _, _ in want))
    rest = list(done)
    for stage in stages:
        members = []
        for s, where, what in want:
            if s == stage:
                members += [(where, what)] * (switch_ports if where == "switch ports" else 1)
        head, rest = rest[:len(members)], rest[len(members):]
        assert sorted(head) == sorted(members), stage
    assert not rest


def platform_of(provider, directory):
    """Options of an ide-emu whose root port gets its keys from it, and of the controller."""
    if provider == "doe":
        return [], []
    port = {"bdf": ROOT_PORT, "doe": False, "ide": {"ide_km": False}, "below": [{"bdf": ENDPOINT}]}
    functions = [port] + ([{"bdf": ROT, "type": "rc-endpoint"}] if provider == "rot" else [])
    more = {"rot": {"bdf": ROT, "root_ports": [ROOT_PORT]},
            "kcu": [{"base": "0xfe000000", "streams": 4, "tx_slots": 12, "rx_slots": 12, "root_ports": [ROOT_PORT]}]}
    file = directory / "platform.json"
    file.write_text(json.dumps({"functions": functions, provider: more[provider]}))
    return ["--platform", str(file)], ["--rot", ROT] if provider == "rot" else []


@pytest.mark.parametrize("provider, endpoint, root_port, switch_ports", [
    ("doe", ENDPOINT, ROOT_PORT, 0), ("doe", SWITCH_ENDPOINTS[0], SWITCH_ROOT_PORT, 2),
    ("rot", ENDPOINT, ROOT_PORT, 0), ("kcu", ENDPOINT, ROOT_PORT, 0),
])
def test_what_is_done_is_what_the_tables_say(start_platform, start_controller, tmp_path, provider, endpoint, root_port,
                                             switch_ports):
    trace = tmp_path / "trace"
    emu_options, options = platform_of(provider, tmp_path)
    platform = start_platform("--trace", str(trace), *emu_options, identity=tmp_path / "identity")
    controller = start_controller(platform, *options)
    places = {root_port: "root port", endpoint: "endpoint", ROT: "root port", "kcu0": "key unit"}
    rows, seen = tables(), len(trace.read_text().splitlines())
    assert set(rows) == {"establish", "rekey", "stop"}
    for operation, sets in [("establish", {"0": "new"}), ("rekey", {"0": "old", "1": "new"}), ("stop", {"1": "old"})]:
        done = controller.ctl(operation, endpoint, "--stream", "5")
        assert done.returncode == 0, done.stderr
        if operation == "establish":
            assert controller.json("show", endpoint)["streams"][0]["provider"] == provider
        lines = trace.read_text().splitlines()[seen:]
        seen += len(lines)
        compare(events(lines, places, sets), rows[operation], switch_ports, provider == "kcu")
        if operation != "rekey":
            check_addresses(lines, ["2", "3", "1"] if operation == "establish" else ["1", "3", "2"])
