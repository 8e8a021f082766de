# SPDX-License-Identifier: GPL-2.0-or-later
"""Each key of ide-kmd.conf(5) with a value that is right and one that is wrong, as --check sees them, line by line."""

import re

import pytest

from conftest import ROOT
from test_config import check
from test_curve import Keys
from test_session_forms import make_host, secret_file

EMPTY = ("", " is empty")
NONE = "No such file or directory"
NO_FILE = ("{dir}/none", ": {dir}/none: " + NONE)
SWITCH = ("on", " is neither yes nor no: on")
SPDM_SWITCH = ("on", ": \"on\" is neither yes nor no")
BOUND = ("0", " is neither none nor a number from 1 to 1000000000: 0")
TIME = ("soon", " is no time such as 30s, 15min, 12h or 7d: soon")
COUNT = ("2^64", " is neither a number, such as 1000000 or 2^40, nor never: 2^64")
ACTION = ("ignore", " is none of retry, quarantine, leave-off: ignore")
YES_NO = ("on", " is not yes or no: on")

# section: {key: (a value that is right, (one that is wrong, what is said of it))}
SETTINGS = {
    "controller": {
        "sysfs": ("{dir}/sys", ("{dir}/none", ": {dir}/none/devices: " + NONE)),
        "listen": ("ipc://{dir}/run/other", ("{dir}/run/other", ": \"{dir}/run/other\" is neither ipc://PATH nor "
                                                                "tcp://ADDRESS:PORT")),
        "listen-tcp": ("tcp://127.0.0.1:5555", ("127.0.0.1:5555", ": \"127.0.0.1:5555\" is no tcp://ADDRESS:PORT")),
        "request-rate": ("100", ("many", " is no number between 0 and 1000000: many")),
        "message-log": ("{dir}/messages", ("{dir}/none/messages", ": {dir}/none/messages: " + NONE)), "timeout": ("2", ("0", " is no time between 1 ms and an hour: 0")),
        "state": ("{dir}/state.db", ("{dir}", ": {dir}: Is a directory")), "new-state": ("yes", SWITCH), "log-rows": ("1000", BOUND), "log-days": ("none", BOUND),
        "log-level": ("debug", ("loud", " is none of error, warning, notice, info, debug: loud")),
        "metrics": ("127.0.0.1:9468", ("0.0.0.0:9468", ": \"0.0.0.0:9468\" is neither 127.0.0.1:PORT, [::1]:PORT nor a path "
                                                       "from /")), "no-sandbox": ("no", SWITCH)},
    "access": {"server-key": ("{dir}/server.key", ("{dir}/none", ": tcp is for clients with CURVE keys only, and the "
                                                                 "controller has none: {dir}/none: " + NONE)),
               "authorized": ("{dir}/authorized", ("{dir}/wrong-list", ": {dir}/wrong-list:1: ")),
               "admin-group": ("root", EMPTY), "view-group": ("root", EMPTY)},
    "trust": {"trust": ("{trust}", ("{dir}/none", ": the trust folder {dir}/none cannot be read: " + NONE)),
              "allow-unnamed": ("yes", SWITCH), "allow-wrong-bdf": ("yes", SWITCH),
              "public-keys": ("{dir}/keys", NO_FILE)},
    "spdm": {"spdm-versions": ("1.1-1.3", ("0.9", None)), "secured-versions": ("1.1", ("7", None)),
             "algorithms": ("ECDSA P-384, SHA-384", ("ROT13", None)), "strength": ("192", ("weak", None)),
             "handshake-in-the-clear": ("yes", SPDM_SWITCH)},
    "measurements": {"reference": ("{dir}/reference", NO_FILE), "require-reference": ("yes", SWITCH)},
    "identity": {"identity": ("{identity}", ("one", ": \"one\" is not two files, CERTIFICATES,KEY")),
                 "identity-is-provisioned": ("yes", SPDM_SWITCH), "psk": ("{psk}", NO_FILE)},
    "watch": {"watch-interval": ("100ms", ("5ms", " is neither 0 nor a time between 10 ms and a minute: 5ms")),
              "certificate-warning": ("14", ("soon", " is no number of days up to 3650: soon"))},
    "keys": {"provider": ("0000:00:03.0=doe",
                          ("me", " is none of auto, doe, kcu, rot, nor one root port's BDF=WHO: me")),
             "rot": ("0000:00:1f.0", ("1f.0", " is no function like 0000:00:1f.0: 1f.0")),
             "keyp": ("{dir}/KEYP", ("{dir}/none", ": {dir}/none: there is no such table, and so no key unit")),
             "memory": ("{dir}/mem", NO_FILE)},
}

POLICY = {
    "mutual": ("wanted", ("yes", " is none of no, wanted, required: yes")),
    "refresh-every": ("12h", TIME), "refresh-tlps": ("2^40", COUNT), "refresh-records": ("1000000", COUNT),
    "refresh-attempts": ("5", ("never", " is no number from 1 to 1000000: never")), "heartbeat": ("device", TIME),
    "on-failure": ("retry", ACTION), "on-wrong-identity": ("quarantine", ACTION), "on-interference": ("leave-off", ACTION),
    "retry-first": ("500ms", TIME), "retry-most": ("15min", TIME),
    "retry-attempts": ("8", ("0", " is no number from 1 to 1000000: 0")),
    "on-give-up": ("quarantine", ("retry", " is neither quarantine nor leave-off: retry")),
    "while-off": ("open", ("ajar", " is neither open nor closed: ajar")),
}

STREAM = {
    "stream": ("7", ("255", " is not a number from 0 to 254: 255")), "link": ("yes", YES_NO), "selective": ("yes", YES_NO),
    "tc": ("3", ("8", " is not a traffic class, 0 to 7: 8")),
    "partial-header": ("25:2", ("16:2", " is not 17:2, 25:2, 33:2, 41:2 or none: 16:2")),
    "aggregation": ("pr=4,npr=none", ("3", " is not 2, 4, 8 or none, or a list such as pr=4,npr=none: 3")),
    "algorithm": ("AES-GCM-256", ("AES", " is not AES-GCM-256: AES")),
    **dict.fromkeys(("pcrc", "config-requests", "default", "tee-limited"), ("yes", YES_NO)),
}
CXL = {"cxl": ("yes", YES_NO)}
CXL_ONLY = {"mode": ("skid", ("both", " is not containment or skid: both")), "generate": ("yes", YES_NO)}

STREAMS = ("", " is a list of [stream] names with commas, or none: \"\" is no name")
DEVICE = {"streams": ("one, mem", STREAMS), "require-reference": ("yes", SWITCH), **POLICY}
LINK = {"streams": ("none", STREAMS), **POLICY}

SECTIONS = {**SETTINGS, "policy": POLICY, "stream one": STREAM, "stream mem": CXL, "stream slow": CXL_ONLY,
            "device 0000:01:00.0": DEVICE, "link 0000:00:03.0": LINK}
NEEDS = {"stream slow": "cxl = yes"}


def write(directory, which, **places):
    """A file with all sections, and {line: (section, key)}."""
    lines, where = [], {}
    for section, keys in SECTIONS.items():
        lines.append(f"[{section}]")
        lines += [NEEDS[section]] if section in NEEDS else []
        for key, row in keys.items():
            lines.append(f"{key} = {which(row).format(**places)}")
            where[len(lines)] = (section, key)
    path = directory / "ide-kmd.conf"
    path.write_text("\n".join(lines) + "\n")
    return path, where


@pytest.fixture
def places(directory, identity):
    (directory / "keys").mkdir()
    (directory / "sys" / "devices").mkdir(parents=True)
    (directory / "KEYP").write_bytes((ROOT / "tests" / "fuzz" / "corpus" / "fuzz_keyp" / "one").read_bytes())
    (directory / "mem").write_bytes(b"")
    server, client = Keys(directory / "server.key"), Keys(directory / "client.key")
    assert server.public != client.public
    (directory / "authorized").write_text(f"admin {client.public}\n")
    (directory / "wrong-list").write_text("everybody\n")
    (directory / "reference").mkdir()
    (directory / "reference" / "r.json").write_text(
        '{"references": [{"bdf": "0000:01:00.0", "measurements": [{"index": 1, "value": "00"}]}]}')
    _, chain, key, _ = make_host(directory, "host")
    return {"dir": directory, "trust": identity / "trust", "identity": f"{chain},{key}",
            "psk": secret_file(directory, f"0000:01:00.0 {b'hint'.hex()} {'5a' * 32}\n")}


def test_each_key_takes_a_value_that_is_right(directory, places):
    config, _ = write(directory, lambda row: row[0], **places)
    done = check(config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def said_by_line(config, text):
    """{line: what is wrong in it}, and the lines that have one more, with what to try."""
    said, hints = {}, set()
    for line in text.splitlines():
        if not line.startswith("ide-kmd: "):
            assert line and last not in hints, line
            hints.add(last)
            continue
        found = re.fullmatch(rf"ide-kmd: {re.escape(str(config))}:(\d+): (.*)", line)
        assert found, line
        last = int(found[1])
        assert last not in said, line
        said[last] = found[2]
    return said, hints


def test_each_key_refuses_a_value_that_is_wrong_with_file_and_line(directory, places):
    config, where = write(directory, lambda row: row[1][0], **places)
    done = check(config)
    assert done.returncode == 1
    said, hints = said_by_line(config, done.stderr)
    assert said.keys() == where.keys(), said
    for number, (section, key) in where.items():
        wrong = SECTIONS[section][key][1][1]
        if wrong is None:    # the words are those of the layer below
            assert re.match(rf"{key}: ", said[number]), said[number]
        elif key == "authorized":
            assert said[number].startswith(key + wrong.format(**places)), said[number]
        else:
            assert said[number] == key + wrong.format(**places)
    # what a value leads to has a hint; what it may be is in the text itself
    assert {where[number][1] for number in hints} == {
        "sysfs", "listen", "listen-tcp", "message-log", "state", "metrics", "server-key", "authorized", "trust",
        "public-keys", "reference", "psk", "keyp", "memory"}


def test_no_key_takes_nothing(directory, identity):
    config, where = write(directory, lambda row: "")
    done = check(config, "--trust", str(identity / "trust"))
    assert done.returncode == 1
    said, _ = said_by_line(config, done.stderr)
    assert said.keys() == where.keys()
    for number, (section, key) in where.items():
        if section in SETTINGS or key in POLICY or key == "require-reference":
            assert said[number] == f"{key} is empty"
        else:
            assert said[number].startswith(f"{key} is "), said[number]


def names(part, pattern):
    return {name for found in re.findall(pattern, part, re.M) for name in re.split(r"[ ,]+", found) if name}


def test_they_are_all_that_the_manual_page_has():
    page = (ROOT / "tools" / "ide-kmd" / "ide-kmd.conf.5").read_text()
    chapters = dict(zip(re.findall(r"^\.Sh (.*)$", page, re.M), re.split(r"^\.Sh .*$", page, flags=re.M)[1:]))
    for section, keys in SETTINGS.items():
        part = chapters["SETTINGS"].split(f".It Cm [{section}]\n")[1].split(".It ")[0].split(".El")[0]
        assert names(part.replace("Ns *", ""), r"^\.Ic ([a-z ,-]*)$") == keys.keys(), section
    key = r"(?:^\.It|,) Ic ([a-z ,-]+?) No ="
    assert names(chapters["STREAMS"], key) == STREAM.keys() | CXL.keys() | CXL_ONLY.keys()
    assert names(chapters["DEVICES"], key) == (DEVICE.keys() | LINK.keys()) - POLICY.keys()
    assert names(chapters["POLICY"], key) == POLICY.keys()
