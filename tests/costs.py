# SPDX-License-Identifier: GPL-2.0-or-later
"""What one operation on a stream costs, in data objects and configuration accesses, next to the least that the protocols
allow (docs/ide.md, "What it costs")."""

from conftest import ENDPOINT, ROOT_PORT

COUNTS = ("config_reads", "config_writes", "looks_while_busy", "data_objects", "dwords_sent", "dwords_taken")

# --- The least ---------------------------------------------------------------------------------------------------------
# Data objects that one port must be sent, and why (docs/ide.md, "What it costs").
LEAST_OBJECTS = {
    "establish": {"DOE discovery": 3, "GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS": 3, "GET_CERTIFICATE": 1,
                  "KEY_EXCHANGE, FINISH": 2, "QUERY": 1, "KEY_PROG": 6, "K_SET_GO": 6},
    "rekey": {"KEY_PROG": 6, "K_SET_GO": 6, "K_SET_STOP": 6},
    "stop": {"K_SET_STOP": 6, "END_SESSION": 1},
}
# Register accesses of a port besides its mailbox: each register that must be looked at, once.
#   establish  of an endpoint 27: Vendor ID, command and status, class, header type, subsystem, 2 capabilities with PCI
#              Express's flags, Link Status, 3 extended capabilities, DOE's status, IDE's capability and control, the
#              block's capability, control, status, 2 RIDs and 3 addresses after they were written, SR-IOV.
#              Of a root port besides these: bus numbers, 3 windows, another 3 blocks' controls, 2 address blocks. Written:
#              status, 3 for each address block, RID 1 and 2, control twice.
#   rekey      the block's status, and Device Control 2: how long what is under the old keys may be on its way.
LEAST_REGISTERS = {"establish": {"root port": (43, 4 + 9 + 1), "endpoint": (27, 4 + 3 + 1)},
                   "rekey": {"root port": (2, 0), "endpoint": (2, 0)},
                   "stop": {"root port": (0, 13), "endpoint": (0, 7)}}
# Of every other function of the platform, to know that it is not meant: as above, to the end of the lists. Of a root port
# with IDE besides these which Stream IDs it has, for no two under a host bridge may be the same: its capability, and of
# four selective blocks and a link's the control, and where the next begins.
LEAST_OTHERS = {"establish": 14, "rekey": 0, "stop": 0}
LEAST_NUMBERS = {"establish": 1 + 4 * 2 + 1, "rekey": 0, "stop": 0}
# GET_DIGESTS may be left out: 2 dwords of DOE header and 1 of message, 12 more of the answer's digest.
SPARE_OBJECT = {"sent": 3, "taken": 15}


def doe_accesses(objects, sent, taken):
    """A look for BUSY, the dwords and GO, a look for READY, and each dword of the answer read and acknowledged."""
    return objects + sent + objects + objects + 2 * taken


def least_accesses(operation, role, spent):
    reads, writes = LEAST_REGISTERS[operation][role]
    least = doe_accesses(spent["data_objects"], spent["dwords_sent"], spent["dwords_taken"])
    spare = spent["data_objects"] - sum(LEAST_OBJECTS[operation].values())
    return reads + writes + least - spare * doe_accesses(1, **SPARE_OBJECT)


def counts(platform):
    return {f["bdf"]: {name: f[name] for name in COUNTS} for f in platform.state()["functions"]}


def cost(platform, controller, operation):
    """What a controller did at its start is over once it has answered to something."""
    assert controller.ctl("list").returncode == 0
    before = counts(platform)
    done = controller.ctl(operation, ENDPOINT, "--stream", "1")
    assert done.returncode == 0, done.stderr
    after = counts(platform)
    spent = {bdf: {name: after[bdf][name] - before[bdf][name] for name in COUNTS} for bdf in after}
    ends = {"root port": spent.pop(ROOT_PORT), "endpoint": spent.pop(ENDPOINT)}
    objects = {role: end["data_objects"] for role, end in ends.items()}
    least_objects = sum(LEAST_OBJECTS[operation].values())
    accesses = sum(end["config_reads"] + end["config_writes"] for end in [*ends.values(), *spent.values()])
    least = sum(least_accesses(operation, role, end) for role, end in ends.items()) + len(spent) * LEAST_OTHERS[operation]
    least += LEAST_NUMBERS[operation] * sum(bdf.startswith("0000:00:") for bdf in spent)
    looks = sum(end["looks_while_busy"] for end in ends.values())
    return {"data_objects": objects, "data_objects_at_least": least_objects,
            "data_objects_ratio": round(max(objects.values()) / least_objects, 3),
            "config_accesses": accesses, "config_accesses_at_least": least,
            "config_accesses_ratio": round(accesses / least, 3),
            "looks_while_busy": looks, "config_accesses_ratio_without_those": round((accesses - looks) / least, 3)}
