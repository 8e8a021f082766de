# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may do what on the ipc socket: root, the members of two groups, and nobody else."""

import grp
import json
import os
import pwd
import stat
import subprocess

import pytest

from api_client import Client, Subscriber, check
from conftest import ENDPOINT, ROOT_PORT, Kmd, program

ADMIN, VIEW = "games", "mail"   # groups that every Debian has, and nobody is a member of
NOBODY = pwd.getpwnam("nobody")

# Whoever may not even open this project's folder can still run this.
ASK = """
import json, sys, zmq
endpoint, requests = sys.argv[1], json.loads(sys.argv[2])
socket = zmq.Context().socket(zmq.DEALER)
socket.linger = 0
socket.rcvtimeo = 20000
socket.connect(endpoint)
for request in requests:
    socket.send_json(request)
    print(socket.recv().decode())
"""

CONNECT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(sys.argv[1])
    print("connected")
except PermissionError:
    print("denied")
"""


def python(code, *arguments, gid, groups=(), uid=NOBODY.pw_uid):
    done = subprocess.run(["/usr/bin/python3", "-c", code, *arguments], capture_output=True, text=True, timeout=60, cwd="/",
                          user=uid, group=gid, extra_groups=list(groups))
    assert done.returncode == 0, done.stderr
    return done.stdout


class Guarded(Kmd):
    """An ide-kmd whose folder anyone may pass through, with the two groups."""

    def __init__(self, directory, platform, *options, prefix=()):
        os.chmod(directory, 0o711)
        self.path = directory / "run" / "control"
        self.endpoint = f"ipc://{self.path}"
        super().__init__([*prefix, program("ide-kmd"), "--sysfs", str(platform.mount), "--listen", self.endpoint, "--trust",
                          str(platform.trust), *options], directory)

    def ask_as(self, *requests, gid, groups=()):
        asked = [check("request", {"v": 1, "id": number, **request}) for number, request in enumerate(requests)]
        lines = python(ASK, self.endpoint, json.dumps(asked), gid=gid, groups=groups).splitlines()
        return [check("reply", json.loads(line)) for line in lines]


@pytest.fixture
def guarded(directory, platform):
    running = []

    def start(*options, **more):
        running.append(Guarded(directory, platform, *options, **more))
        return running[-1]

    yield start
    for controller in running:
        controller.stop()


def gid(name):
    return grp.getgrnam(name).gr_gid


LOOKS = [{"verb": "ping"}, {"verb": "list"}, {"verb": "show"}, {"verb": "show", "bdf": ROOT_PORT}, {"verb": "snapshot"},
         {"verb": "doctor", "bdf": ENDPOINT}]
CHANGES = [{"verb": "establish", "bdf": ENDPOINT, "stream": 0}, {"verb": "rekey"},
           {"verb": "stop", "bdf": ENDPOINT, "stream": 0}, {"verb": "attest", "bdf": ENDPOINT},
           {"verb": "cxl_establish", "bdf": ENDPOINT}, {"verb": "cxl_rekey", "bdf": ENDPOINT},
           {"verb": "cxl_stop", "bdf": ENDPOINT}]


def test_each_group_may_what_it_may(guarded):
    controller = guarded("--admin-group", ADMIN, "--view-group", VIEW)
    for reply in controller.ask_as(*LOOKS, gid=gid(VIEW)):
        assert "result" in reply
    for request, reply in zip(CHANGES, controller.ask_as(*CHANGES, gid=gid(VIEW))):
        error = reply["error"]
        assert (error["code"], error["field"], error["outcome"]) == ("permission", "verb", None)
        assert error["message"].startswith(f"uid {NOBODY.pw_uid} pid ")
        assert error["message"].endswith(f' may only look: "{request["verb"]}" is for root and the group {ADMIN}')
    up, *_, off = controller.ask_as(CHANGES[0], *LOOKS, CHANGES[2], gid=gid(ADMIN))
    assert (up["result"]["state"], off["result"]["state"]) == ("secure", "off")


def test_the_sockets_are_closed_to_others(guarded):
    controller = guarded("--admin-group", ADMIN, "--view-group", VIEW)
    assert stat.S_IMODE(os.stat(controller.path.parent).st_mode) == 0o711
    for path in (controller.path, f"{controller.path}.events"):
        assert stat.S_IMODE(os.stat(path).st_mode) & 0o007 == 0
        for group, result in ((ADMIN, "connected\n"), (VIEW, "connected\n"), ("nogroup", "denied\n")):
            assert python(CONNECT, str(path), gid=gid(group)) == result
    client = Client(controller)
    assert client.ask("show")["result"]["streams"] == []
    client.close()


@pytest.mark.parametrize("options, group", [(["--admin-group", ADMIN], ADMIN), (["--view-group", VIEW], VIEW)])
def test_one_group_is_enough(options, group, guarded):
    controller = guarded(*options)
    assert stat.S_IMODE(os.stat(controller.path).st_mode) & 0o007 == 0
    assert python(CONNECT, str(controller.path), gid=gid(group)) == "connected\n"
    for other in ({ADMIN, VIEW} - {group}) | {"nogroup"}:
        assert python(CONNECT, str(controller.path), gid=gid(other)) == "denied\n"


def test_without_groups_all_is_for_root(guarded):
    controller = guarded()
    assert stat.S_IMODE(os.stat(controller.path).st_mode) & 0o077 == 0
    # whoever gets through all the same, as an operator may want by changing the modes, is refused by name
    os.chmod(controller.path, 0o666)
    reply, = controller.ask_as({"verb": "ping"}, gid=gid("nogroup"))
    assert reply["error"]["code"] == "permission"
    assert reply["error"]["message"].endswith("is neither root nor in the group ide-admin or ide-view")


def test_groups_of_the_user_database_count(directory, guarded):
    """The kernel tells one group of a process; the others are looked up."""
    text = "ide-admin:x:4242:\nide-view:x:4243:nobody\n"
    group = directory / "group"
    group.write_text(open("/etc/group").read() + text)
    inside = ["unshare", "--mount", "--propagation", "private", "sh", "-c",
              f'mount --bind {group} /etc/group && exec "$@"', "sh"]
    controller = guarded(prefix=inside)
    look, change = controller.ask_as({"verb": "show"}, {"verb": "rekey"}, gid=NOBODY.pw_gid, groups=[4243])
    assert look["result"]["streams"] == []
    assert change["error"]["message"].endswith('"rekey" is for root and the group ide-admin')


def test_who_asked_is_told(guarded):
    controller = guarded("--admin-group", ADMIN)
    subscriber = Subscriber(controller)
    controller.ask_as({"verb": "establish", "bdf": ENDPOINT, "stream": 0}, gid=gid(ADMIN))
    client = Client(controller)
    client.ask("stop", bdf=ENDPOINT, stream=0)
    asked = {(e["operation"], e["asked_by"].split(" pid ")[0]) for e in subscriber.take()}
    assert asked == {("establish", f"uid {NOBODY.pw_uid}"), ("stop", "uid 0")}
    client.close()
    subscriber.close()


def test_others_requests_are_for_admins_to_cancel(platform, guarded):
    controller = guarded("--admin-group", ADMIN, "--view-group", VIEW)
    platform.misbehave(ENDPOINT, "late=900")
    client = Client(controller)
    client.begin("establish", "mine", bdf=ENDPOINT, stream=0)
    reply, = controller.ask_as({"verb": "cancel", "request": "mine"}, gid=gid(VIEW))
    assert (reply["error"]["code"], reply["error"]["field"]) == ("permission", "request")
    assert "may only look, and the request is uid 0 pid" in reply["error"]["message"]
    reply, = controller.ask_as({"verb": "cancel", "request": "mine"}, gid=gid(ADMIN))
    assert reply["result"] == {"request": "mine"}
    assert client.receive()["error"]["code"] == "cancelled"
    client.close()
