# SPDX-License-Identifier: GPL-2.0-or-later
"""What software did to the ports, in which order, against the tables of docs/ide.md."""

import re

import pytest

from conftest import ENDPOINT, ROOT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT

SUBSTREAMS = ["PR", "NPR", "CPL"]


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


def events(lines, places, sets):
    """[(where, what), ...] of a trace: lines that belong together, such as the addresses of a block, are one."""
    found, part = [], {}
    for line in lines:
        bdf, rest = line.split(" ", 1)
        where = places.get(bdf, "switch ports")
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


def expected(rows, with_switch):
    """[(stage, where, what), ...]; a row for both is one for each."""
    found = []
    for stage, where, whats in rows:
        for place in ["root port", "endpoint"] if where == "both" else [where]:
            if place != "switch ports" or with_switch:
                found += [(stage, place, what) for what in whats]
    return found


def compare(done, rows, with_switch, switch_ports):
    want = expected(rows, with_switch)
    for place in ["root port", "endpoint"]:
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


@pytest.mark.parametrize("endpoint, root_port, switch_ports", [(ENDPOINT, ROOT_PORT, 0),
                                                               (SWITCH_ENDPOINTS[0], SWITCH_ROOT_PORT, 2)])
def test_what_is_done_is_what_the_tables_say(start_platform, start_controller, tmp_path, endpoint, root_port,
                                             switch_ports):
    trace = tmp_path / "trace"
    platform = start_platform("--trace", str(trace))
    controller = start_controller(platform)
    places = {root_port: "root port", endpoint: "endpoint"}
    rows, seen = tables(), 0
    assert set(rows) == {"establish", "rekey", "stop"}
    for operation, sets in [("establish", {"0": "new"}), ("rekey", {"0": "old", "1": "new"}), ("stop", {"1": "old"})]:
        done = controller.ctl(operation, endpoint, "--stream", "5")
        assert done.returncode == 0, done.stderr
        lines = trace.read_text().splitlines()[seen:]
        seen += len(lines)
        compare(events(lines, places, sets), rows[operation], switch_ports > 0, switch_ports)
        if operation != "rekey":
            check_addresses(lines, ["2", "3", "1"] if operation == "establish" else ["1", "3", "2"])
