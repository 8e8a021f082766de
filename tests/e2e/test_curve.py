# SPDX-License-Identifier: GPL-2.0-or-later
"""tcp is for CURVE keys that are on the list."""

import json
import os
import random
import socket
import stat
import subprocess

import pytest
import zmq

from api_client import CONTEXT, Client, Subscriber
from conftest import ENDPOINT, Kmd, ctl, program


def two_free_ports():
    """The first of two ports in a row that nobody listens on; somewhere, because others look for some, too."""
    while True:
        port = random.randrange(20000, 30000, 2)
        with socket.socket() as a, socket.socket() as b:
            try:
                a.bind(("0.0.0.0", port))
                b.bind(("0.0.0.0", port + 1))
            except OSError:
                continue
            return port


class Keys:
    """A key pair in a file, as ide-ctl keygen makes it."""

    def __init__(self, path, server=None):
        self.path, self.public_path = path, path.with_name(path.name + ".pub")
        done = ctl("--json", "keygen", str(path))
        assert done.returncode == 0, done.stdout + done.stderr
        self.public = json.loads(done.stdout)["public"]
        self.secret = next(line.split(" ")[1] for line in path.read_text().splitlines() if line.startswith("secret"))
        self.server = server

    def give(self, socket_):
        socket_.curve_serverkey = self.server.public.encode()
        socket_.curve_publickey = self.public.encode()
        socket_.curve_secretkey = self.secret.encode()

    @property
    def options(self):
        return ["--key", str(self.path), "--server-key", str(self.server.public_path)]


class Remote(Kmd):
    """An ide-kmd at ipc and tcp."""

    def __init__(self, directory, platform, host="127.0.0.1"):
        port = two_free_ports()
        self.directory = directory
        self.server = Keys(directory / "server.key")
        self.list = directory / "authorized"
        self.tcp, self.tcp_events = f"tcp://{host}:{port}", f"tcp://{host}:{port + 1}"
        self.endpoint = f"ipc://{directory}/kmd.sock"
        super().__init__([program("ide-kmd"), "--sysfs", str(platform.mount), "--trust", str(platform.trust), "--listen",
                          self.endpoint, "--listen-tcp", f"tcp://0.0.0.0:{port}", "--server-key", str(self.server.path),
                          "--authorized", str(self.list)], directory)

    def keys(self, name):
        return Keys(self.directory / f"{name}.key", self.server)

    def authorize(self, keys, *options):
        done = ctl("authorize", str(keys.public_path), "--list", str(self.list), *options)
        assert done.returncode == 0, done.stderr

    def revoke(self, who):
        done = ctl("revoke", who, "--list", str(self.list))
        assert done.returncode == 0, done.stderr

    def ctl(self, keys, *arguments):
        return ctl("--connect", self.tcp, *(keys.options if keys else []), *arguments)


@pytest.fixture
def remote(directory, platform):
    controller = Remote(directory, platform)
    yield controller
    controller.stop()


def refused(done):
    return done.returncode == 3 and done.stderr.startswith("ide-ctl: the controller at tcp://")


def test_without_keys_there_is_no_tcp(directory, platform):
    arguments = [program("ide-kmd"), "--sysfs", str(platform.mount), "--trust", str(platform.trust), "--server-key",
                 str(directory / "key")]
    for listen in (["--listen", "tcp://127.0.0.1:1"], ["--listen-tcp", "tcp://127.0.0.1:1", "--listen",
                                                      f"ipc://{directory}/sock"]):
        done = subprocess.run([*arguments, *listen], capture_output=True, text=True, timeout=20)
        assert (done.returncode, done.stdout) == (1, "")
        assert "tcp is for clients with CURVE keys only, and the controller has none: " \
               f"{directory}/key: No such file or directory\nmake them with `ide-ctl keygen FILE`" in done.stderr
    Keys(directory / "key")
    os.chmod(directory / "key", 0o640)
    done = subprocess.run([*arguments, "--listen", "tcp://127.0.0.1:1"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "others may read or write it; it has to be its owner's alone (chmod 600)" in done.stderr


def test_key_files(directory):
    keys = Keys(directory / "k")
    assert stat.S_IMODE(os.stat(keys.path).st_mode) == 0o600
    assert keys.public_path.read_text() == keys.public + "\n"
    done = ctl("keygen", str(keys.path))
    assert done.returncode == 1 and f"{keys.path}: File exists" in done.stderr
    assert keys.secret not in ctl("keygen", str(directory / "other")).stdout
    os.chmod(keys.path, 0o644)
    done = ctl("--connect", "tcp://127.0.0.1:1", "--key", str(keys.path), "--server-key", keys.public, "list")
    assert done.returncode == 2 and "chmod 600" in done.stderr
    done = ctl("--key", str(keys.path), "list")
    assert done.returncode == 2 and "--key and --server-key go together" in done.stderr


def test_a_key_may_what_the_list_says(remote):
    keys = remote.keys("laptop")
    assert refused(remote.ctl(None, "show"))
    assert refused(remote.ctl(keys, "show"))
    remote.authorize(keys, "--read-only", "--name", "laptop")
    assert remote.ctl(keys, "show").stdout == "No stream is set up.\n"
    done = remote.ctl(keys, "--json", "establish", ENDPOINT)
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["message"]) == (
        "permission", 'key laptop may only look: "establish" is for keys that are listed as admin')
    remote.authorize(keys, "--name", "laptop")
    subscriber = Subscriber(remote)
    assert json.loads(remote.ctl(keys, "--json", "establish", ENDPOINT, "--stream", "0").stdout)["state"] == "secure"
    assert {e["asked_by"] for e in subscriber.take()} == {"key laptop"}
    subscriber.close()
    # ipc is served beside it
    client = Client(remote)
    assert [s["state"] for s in client.ask("show")["result"]["streams"]] == ["secure"]
    client.close()


def test_another_server_is_not_believed(remote, directory):
    keys = remote.keys("laptop")
    remote.authorize(keys)
    keys.server = Keys(directory / "another.key")
    assert refused(remote.ctl(keys, "show"))


def test_other_mechanisms_are_refused(remote):
    for kind, endpoint, prepare in ((zmq.DEALER, remote.tcp, lambda s: None), (zmq.SUB, remote.tcp_events, lambda s: None),
                                    (zmq.DEALER, remote.tcp, lambda s: s.set_string(zmq.PLAIN_USERNAME, "root"))):
        client = CONTEXT.socket(kind)
        client.linger = 0
        prepare(client)
        if kind == zmq.SUB:
            client.subscribe("")
        client.connect(endpoint)
        if kind == zmq.DEALER:
            client.send(b'{"v": 1, "id": 1, "verb": "ping"}')
        assert not client.poll(500)
        client.close()


def test_a_revoked_key_is_refused_at_once(remote):
    stays, goes = remote.keys("stays"), remote.keys("goes")
    remote.authorize(stays, "--name", "stays")
    remote.authorize(goes, "--name", "goes")
    client = Client(remote, endpoint=remote.tcp, keys=goes)
    watcher, other = (Subscriber(remote, endpoint=remote.tcp_events, keys=k) for k in (goes, stays))
    assert client.ask("ping")["result"]["api"] == 1
    remote.revoke("goes")
    error = client.ask("ping")["error"]   # on the connection that it has
    assert (error["code"], error["message"]) == ("permission", f"key {goes.public} is not on the list {remote.list}")
    assert refused(remote.ctl(goes, "show"))
    # everybody's connection was closed; whoever may comes back, and is greeted again
    other.next("hello")
    assert json.loads(remote.ctl(stays, "--json", "establish", ENDPOINT, "--stream", "0").stdout)["state"] == "secure"
    other.next("stream")
    while watcher.socket.poll(0):
        assert watcher.receive()["event"] == "tick"   # from before
    for each in (client, watcher, other):
        each.close()


def test_a_list_with_an_error_lets_nobody_in(remote):
    keys = remote.keys("laptop")
    remote.authorize(keys)
    assert remote.ctl(keys, "show").returncode == 0
    with open(remote.list, "a") as file:
        file.write("admin everybody\n")
    assert refused(remote.ctl(keys, "show"))
    assert f"{remote.list}:2: there is no CURVE key" in remote.log.read_text()
    done = ctl("revoke", keys.public, "--list", str(remote.list))
    assert done.returncode == 1 and f"{remote.list}:2: there is no CURVE key" in done.stderr
    remote.list.write_text(f"# mended\nview {keys.public}\n")
    assert remote.ctl(keys, "show").returncode == 0
    os.chmod(remote.list, 0o666)
    assert refused(remote.ctl(keys, "show"))


def test_the_list_is_edited_with_care(directory):
    path = directory / "authorized"
    a, b = Keys(directory / "a"), Keys(directory / "b")

    def edit(*arguments):
        return ctl(arguments[0], "--list", str(path), *arguments[1:])

    assert edit("authorize", a.public, "--name", "a").returncode == 0
    path.write_text("# who\n\n" + path.read_text())
    os.chmod(path, 0o600)
    assert edit("authorize", str(b.path), "--read-only").returncode == 0    # a key file has the public key, too
    assert path.read_text() == f"# who\n\nadmin {a.public} a\nview {b.public}\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert edit("authorize", a.public, "--read-only", "--name", "x").returncode == 0
    assert path.read_text() == f"# who\n\nview {b.public}\nview {a.public} x\n"
    for wrong in (["authorize", "no-key"], ["revoke", "nobody"], ["revoke", "0" * 40]):
        assert edit(*wrong).returncode == 1
    assert edit("authorize", a.public, "--name", "a b").returncode == 2
    assert edit("authorize").returncode == 2
    lock = directory / "authorized.new"
    lock.write_text("")
    done = edit("revoke", "x")
    assert done.returncode == 1 and "another ide-ctl is changing the list" in done.stderr
    lock.unlink()
    assert edit("revoke", "x").returncode == 0 and edit("revoke", b.public).returncode == 0
    assert path.read_text() == "# who\n\n"
    assert not lock.exists()
