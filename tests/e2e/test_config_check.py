# SPDX-License-Identifier: GPL-2.0-or-later
"""What --check passes, starts; what keeps a start because of a setting, --check says in the same words."""

import os
import socket
import subprocess

import pytest

from conftest import ROOT, Service, program
from test_config import check, example, write
from test_config_keys import SECTIONS, places  # noqa: F401  pylint: disable=unused-import
from test_config_keys import write as write_all
from test_curve import Keys, two_free_ports

NONE = "No such file or directory"


@pytest.fixture
def base(directory, platform, identity):
    """What every configuration here has, by section."""
    return {"controller": {"sysfs": platform.mount, "listen": f"ipc://{directory}/kmd.sock"},
            "trust": {"trust": identity / "trust"}}


def text_of(base, more):
    """One configuration of both, in which more counts; a value may be a list of them."""
    sections = {name: dict(keys) for name, keys in base.items()}
    for name, keys in more.items():
        sections.setdefault(name, {}).update(keys)
    lines = []
    for name, keys in sections.items():
        lines.append(f"[{name}]")
        for key, value in keys.items():
            lines += [f"{key} = {one}" for one in (value if isinstance(value, list) else [value])]
    return "\n".join(lines) + "\n"


def line_of(text, line):
    return text.splitlines().index(line) + 1


def start(config):
    """One that ends by itself."""
    return subprocess.run([program("ide-kmd"), "--config", str(config)], capture_output=True, text=True, timeout=60)


def start_and_stop(config, directory):
    Service([program("ide-kmd"), "--config", str(config)], directory / "kmd.log").stop()


def tcp():
    return f"tcp://127.0.0.1:{two_free_ports()}"


RIGHT = {
    "nothing else": lambda d: {},
    "tcp": lambda d: {"controller": {"listen-tcp": tcp()},
                      "access": {"server-key": Keys(d / "server.key").path, "authorized": d / "nobody-yet"}},
    "tcp alone": lambda d: {"controller": {"listen": tcp()}, "access": {"server-key": Keys(d / "server.key").path}},
    "all addresses": lambda d: {"controller": {"listen-tcp": f"tcp://*:{two_free_ports()}"},
                                "access": {"server-key": Keys(d / "server.key").path}},
    "an interface": lambda d: {"controller": {"listen-tcp": f"tcp://lo:{two_free_ports()}"},
                               "access": {"server-key": Keys(d / "server.key").path}},
    "a folder that is made": lambda d: {"controller": {"listen": f"ipc://{d}/run/control", "state": d / "lib?#%41 x" / "state.db"}},
    "figures at a port": lambda d: {"controller": {"metrics": f"127.0.0.1:{two_free_ports()}"}},
    "figures at a path": lambda d: {"controller": {"metrics": d / "metrics"}},
    "a log of messages": lambda d: {"controller": {"message-log": d / "messages"}},
    "providers": lambda d: {"keys": {"provider": ["doe", "0000:00:03.0=auto", "0000:00:04.0=doe"]}},
    "a list of nobody": lambda d: {"access": {"view-group": "root"}},
    "SPDM 1.0 without streams": lambda d: {"spdm": {"spdm-versions": "1.0"}, "device all": {"streams": "none"}},
    "nobody watches": lambda d: {"watch": {"watch-interval": "0"}},
}


@pytest.mark.parametrize("more", RIGHT.values(), ids=RIGHT.keys())
def test_what_is_right_starts(more, base, directory):
    config = write(directory, text_of(base, more(directory)))
    before = sorted(directory.rglob("*"))
    done = check(config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sorted(directory.rglob("*")) == before    # it makes nothing
    start_and_stop(config, directory)
    # and after a run that has left what it leaves, and while one runs
    before = sorted(directory.rglob("*"))
    assert check(config).returncode == 0
    assert sorted(directory.rglob("*")) == before
    running = Service([program("ide-kmd"), "--config", str(config)], directory / "kmd.log")
    done = check(config)
    running.stop()
    assert (done.returncode, done.stderr) == (0, "")


def test_each_key_at_once_starts(base, directory, places, platform):  # noqa: F811
    """But for `device`, whose streams the platform cannot all have: that is no setting."""
    config, _ = write_all(directory, lambda row: row[0], **places)
    text = config.read_text().replace(f"sysfs = {directory}/sys", f"sysfs = {platform.mount}")
    config = write(directory, text.replace("5555", str(two_free_ports())).replace("9468", str(two_free_ports())))
    assert len(SECTIONS) > 10 and "[device 0000:01:00.0]" in text
    assert check(config).returncode == 0
    start_and_stop(config, directory)


@pytest.mark.parametrize("which", ["the example", "the installed one"])
def test_what_is_shipped_starts(which, base, directory, identity):
    text = example(directory, identity) if which == "the example" else (ROOT / "tools" / "host" / "ide-kmd.conf").read_text()
    for section, keys in base.items():
        if f"[{section}]\n" not in text:
            text += f"[{section}]\n"
        for key, value in keys.items():
            if f"\n{key} = " not in text:
                text = text.replace(f"[{section}]\n", f"[{section}]\n{key} = {value}\n")
    config = write(directory, text)
    done = check(config)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    start_and_stop(config, directory)


def damaged(path):
    path.write_bytes(b"no state" * 1000)
    return path


def newer(path):
    subprocess.run(["sqlite3", str(path), "PRAGMA user_version = 99"], check=True)
    return path


def closed_folder(path):
    """A folder of somebody else: root's right to write in it all the same is given up before anything is opened."""
    path.mkdir(mode=0o755)
    os.chown(path, 12345, 12345)
    return path


# name: (what is set, the line that is wrong, what is said of it, what is tried next)
WRONG = {
    "metrics": (lambda d: {"controller": {"metrics": "nonsense"}}, "metrics = nonsense",
                '"nonsense" is neither 127.0.0.1:PORT, [::1]:PORT nor a path from /', "say 127.0.0.1:9468"),
    "metrics without a folder": (lambda d: {"controller": {"metrics": f"{d}/none/m"}}, "metrics = {d}/none/m",
                                 "{d}/none/m: " + NONE, "name a path in a folder that is there"),
    "metrics at a file": (lambda d: {"controller": {"metrics": damaged(d / "file")}}, "metrics = {d}/file",
                          "{d}/file: File exists", "name a path"),
    "listen": (lambda d: {"controller": {"listen": "udp://x"}}, "listen = udp://x",
               '"udp://x" is neither ipc://PATH nor tcp://ADDRESS:PORT', "say ipc://"),
    "listen too long": (lambda d: {"controller": {"listen": "ipc:///" + "x" * 120}}, "listen = ipc:///" + "x" * 120,
                        "the path of the socket is too long: /" + "x" * 119, "say ipc://"),
    "listen without a folder": (lambda d: {"controller": {"listen": f"ipc://{d}/a/b/c"}}, "listen = ipc://{d}/a/b/c",
                                "{d}/a/b/c: " + NONE, "name a path in a folder that is there"),
    "listen at a file": (lambda d: {"controller": {"listen": f"ipc://{damaged(d / 'file')}"}}, "listen = ipc://{d}/file",
                         "{d}/file: File exists", "name a path"),
    "listen-tcp": (lambda d: {"controller": {"listen-tcp": "rubbish"},
                              "access": {"server-key": Keys(d / "server.key").path}}, "listen-tcp = rubbish",
                   '"rubbish" is no tcp://ADDRESS:PORT', "say ipc://"),
    "a path as listen-tcp": (lambda d: {"controller": {"listen-tcp": "ipc:///x"},
                                        "access": {"server-key": Keys(d / "server.key").path}}, "listen-tcp = ipc:///x",
                             '"ipc:///x" is no tcp://ADDRESS:PORT', "say ipc://"),
    "no address of ours": (lambda d: {"controller": {"listen-tcp": "tcp://192.0.2.1:5555"},
                                      "access": {"server-key": Keys(d / "server.key").path}},
                           "listen-tcp = tcp://192.0.2.1:5555", "tcp://192.0.2.1:5555: Cannot assign requested address",
                           "name a path in a folder that is there, or one of this machine's addresses"),
    "a name": (lambda d: {"controller": {"listen-tcp": "tcp://somewhere:5555"},
                          "access": {"server-key": Keys(d / "server.key").path}},
               "listen-tcp = tcp://somewhere:5555", "tcp://somewhere:5555: No such device", "name a path"),
    "two at a port": (lambda d: {"controller": {"listen": "tcp://127.0.0.1:5555", "listen-tcp": "tcp://*:5556"},
                                 "access": {"server-key": Keys(d / "server.key").path}}, "listen-tcp = tcp://*:5556",
                      '"tcp://*:5556" is where listen is, or its events are: they need two ports each', "say ipc://"),
    "no server key": (lambda d: {"controller": {"listen-tcp": "tcp://127.0.0.1:5555"}, "access": {"server-key": f"{d}/none"}},
                      "server-key = {d}/none", "tcp is for clients with CURVE keys only, and the controller has none: "
                      "{d}/none: " + NONE, "make them with `ide-ctl keygen FILE`"),
    "a message log nowhere": (lambda d: {"controller": {"message-log": "/nonexistent/dir/x"}},
                              "message-log = /nonexistent/dir/x", "/nonexistent/dir/x: " + NONE, "name a file in a folder"),
    "a message log of others": (lambda d: {"controller": {"message-log": f"{closed_folder(d / 'other')}/log"}},
                                "message-log = {d}/other/log", "{d}/other/log: Permission denied", "name a file in a folder"),
    "a state nowhere": (lambda d: {"controller": {"state": "/nonexistent/dir/x"}}, "state = /nonexistent/dir/x",
                        "/nonexistent/dir/x: " + NONE, "ide-kmd(8), STATE: "),
    "a state that is none": (lambda d: {"controller": {"state": damaged(d / "file")}}, "state = {d}/file",
                             "{d}/file is damaged: file is not a database", "ide-kmd(8), STATE: "),
    "a state that is newer": (lambda d: {"controller": {"state": newer(d / "file")}}, "state = {d}/file",
                              "{d}/file is of schema version 99, and this ide-kmd knows up to ", "ide-kmd(8), STATE: "),
    "a tree that is none": (lambda d: {"controller": {"sysfs": d}}, "sysfs = {d}", "{d}/devices: " + NONE,
                            "name a tree like /sys/bus/pci"),
    "no trust": (lambda d: {"trust": {"trust": f"{d}/none"}}, "trust = {d}/none",
                 "the trust folder {d}/none cannot be read: " + NONE, "put the root certificates"),
    "no identity": (lambda d: {"identity": {"identity": f"{d}/a,{d}/b"}}, "identity = {d}/a,{d}/b", "{d}/b: " + NONE,
                    "ide-kmd(8) says what must be in the files"),
    "no unit": (lambda d: {"keys": {"provider": "kcu"}}, "provider = kcu", "there is no such table, and so no key unit",
                "name the ACPI table KEYP"),
    "no table": (lambda d: {"keys": {"provider": "kcu", "keyp": f"{d}/none"}}, "keyp = {d}/none",
                 "{d}/none: there is no such table, and so no key unit", "name the ACPI table KEYP"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_keeps_a_start_check_says_in_the_same_words(name, base, directory):
    more, line, said, hint = WRONG[name]
    text = text_of(base, more(directory))
    config = write(directory, text)
    line, said = line.format(d=directory), said.format(d=directory)
    done = check(config)
    assert (done.returncode, done.stdout) == (1, "")
    first, second = done.stderr.splitlines()
    assert first.startswith(f"ide-kmd: {config}:{line_of(text, line)}: {line.split(' = ', maxsplit=1)[0]}: "), first
    assert said in first
    assert second.startswith(hint)
    started = start(config)
    assert (started.returncode, started.stdout) == (1, "")
    assert started.stderr.endswith(done.stderr), started.stderr
    assert "ide-ctl list" not in done.stderr


def test_all_that_is_wrong_is_said_by_a_start_too(base, directory):
    text = text_of(base, {"controller": {"metrics": "x", "listen-tcp": "y", "message-log": f"{directory}/none/z"},
                          "access": {"server-key": f"{directory}/none"}})
    config = write(directory, text)
    done = check(config)
    assert len(done.stderr.splitlines()) == 8
    assert start(config).stderr.endswith(done.stderr)


def test_what_only_a_start_can_know_has_its_line_too(base, directory):
    """Somebody else has the place."""
    port = two_free_ports()
    text = text_of(base, {"controller": {"metrics": f"127.0.0.1:{port}"}})
    config = write(directory, text)
    with socket.create_server(("127.0.0.1", port)):
        assert check(config).returncode == 0
        done = start(config)
    where = f"{config}:{line_of(text, f'metrics = 127.0.0.1:{port}')}"
    assert done.returncode == 1
    assert done.stderr.endswith(f"ide-kmd: {where}: metrics: 127.0.0.1:{port}: Address already in use\n"
                                "name a path in a folder that is there, or a port that nobody else listens at (`ss -ltn`)\n")
    # and of the command line it is the option
    done = subprocess.run([program("ide-kmd"), "--config", str(write(directory, text_of(base, {}))), "--metrics", "x"],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and 'ide-kmd: --metrics: "x" is neither 127.0.0.1:PORT' in done.stderr


# what a start can do without until it is mended: --check refuses it, and a start says it and goes on
LATER = {
    "a list of keys": (lambda d: {"controller": {"listen-tcp": tcp()}, "access": {
        "server-key": Keys(d / "server.key").path, "authorized": damaged(d / "list")}}, "authorized", "{d}/list"),
    "a trust folder with something else": (lambda d: {"trust": {"trust": damaged_folder(d / "trust")}}, "trust",
                                           "{d}/trust/x.pem: not a certificate"),
    "reference values": (lambda d: {"measurements": {"reference": damaged(d / "r.json")}}, "reference", "{d}/r.json:1:"),
    "a table that nobody needs": (lambda d: {"keys": {"keyp": f"{d}/none"}}, "keyp", "{d}/none: there is no such table"),
    "a table that is none": (lambda d: {"keys": {"keyp": damaged(d / "KEYP")}}, "keyp", "{d}/KEYP: "),
    "memory": (lambda d: {"keys": {"memory": f"{d}/none"}}, "memory", "{d}/none: " + NONE),
}


def damaged_folder(path):
    path.mkdir()
    damaged(path / "x.pem")
    return path


@pytest.mark.parametrize("name", LATER)
def test_what_may_be_mended_later_is_said_by_both(name, base, directory):
    more, key, said = LATER[name]
    config = write(directory, text_of(base, more(directory)))
    done = check(config)
    assert done.returncode == 1 and f": {key}: " in done.stderr and said.format(d=directory) in done.stderr
    assert len(done.stderr.splitlines()) == 2    # and a hint
    start_and_stop(config, directory)
    assert said.format(d=directory) in (directory / "kmd.log").read_text()


# --- contradictions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("providers, wrong, said", [
    (["0000:00:03.0=doe", "0000:00:03.0=auto"], 1, "provider 0000:00:03.0=auto contradicts line {first}, provider "
                                                   "0000:00:03.0=doe"),
    (["doe", "0000:00:03.0=auto", "auto"], 2, "provider auto contradicts line {first}, provider doe"),
    (["0000:00:03.0=doe", "0000:00:04.0=doe", "0000:00:03.0=doe"], 2, "provider is there already, in line {first}"),
])
def test_a_root_port_has_one_provider(providers, wrong, said, base, directory):
    text = text_of(base, {"keys": {"provider": providers}})
    config = write(directory, text)
    first = line_of(text, f"provider = {providers[0]}")
    for done in (check(config), start(config)):
        assert (done.returncode, done.stderr) == (1, f"ide-kmd: {config}:{first + wrong}: {said.format(first=first)}\n")


def test_the_command_line_has_the_last_word_on_a_root_port(base, directory):
    config = write(directory, text_of(base, {"keys": {"provider": "0000:00:03.0=kcu"}}))
    assert check(config).returncode == 1
    done = check(config, "--provider", "0000:00:03.0=doe")
    assert (done.returncode, done.stderr) == (0, "")


def test_streams_and_versions_without_sessions_contradict_each_other(base, directory):
    text = text_of(base, {"spdm": {"spdm-versions": "1.0"}, "device all": {"streams": "default"}})
    config = write(directory, text)
    done = check(config)
    assert (done.returncode, done.stderr) == (1, (
        f"ide-kmd: {config}:{line_of(text, 'streams = default')}: streams need a session, which SPDM has from 1.1 on, and "
        "spdm-versions ends with 1.0\n"))
    assert start(config).stderr == done.stderr
    assert check(config, "--spdm-versions", "1.0-1.1").returncode == 0


def test_what_nobody_watches_for_is_a_warning(base, directory):
    text = text_of(base, {"controller": {"state": f"{directory}/state.db"}, "watch": {"watch-interval": "0"},
                          "policy": {"on-interference": "quarantine"}, "device all": {"while-off": "closed"}})
    config = write(directory, text)
    done = check(config)
    assert done.returncode == 0
    assert [line.split(": ")[1:4] for line in done.stderr.splitlines()] == [
        ["warning", f"{config}:{line_of(text, 'on-interference = quarantine')}", "on-interference with watch-interval = 0"],
        ["warning", f"{config}:{line_of(text, 'while-off = closed')}", "while-off = closed with watch-interval = 0"]]
    assert check(config, "--watch-interval", "70ms").stderr == ""


def test_a_group_that_is_not_there_is_a_warning(base, directory):
    text = text_of(base, {"access": {"admin-group": "no-such-group"}})
    config = write(directory, text)
    done = check(config)
    assert (done.returncode, done.stderr) == (0, (
        f"ide-kmd: warning: {config}:{line_of(text, 'admin-group = no-such-group')}: admin-group: there is no group "
        "no-such-group, and so nobody in it\n"))
