# SPDX-License-Identifier: GPL-2.0-or-later
"""A client and a subscriber as pyzmq makes them, which hold every message against docs/api.schema.json."""

import json
import time

import jsonschema
import zmq

from conftest import ROOT

# One for all: that of a test that fails with its sockets open would wait for them for ever.
CONTEXT = zmq.Context()
SCHEMA = json.loads((ROOT / "docs" / "api.schema.json").read_text())


def check(kind, message):
    jsonschema.Draft202012Validator({"$ref": f"#/$defs/{kind}", "$defs": SCHEMA["$defs"]}).validate(message)
    return message


class Client:
    def __init__(self, controller, kind=zmq.DEALER, endpoint=None, keys=None):
        self.socket = CONTEXT.socket(kind)
        self.socket.linger = 0
        self.socket.rcvtimeo = 30000
        if keys:
            keys.give(self.socket)
        self.socket.connect(endpoint or controller.endpoint)

    def send(self, *frames):
        self.socket.send_multipart(frames)

    def receive(self):
        return check("reply", json.loads(self.socket.recv_multipart()[-1]))

    def raw(self, text):
        self.send(text if isinstance(text, bytes) else text.encode())
        return self.receive()

    def ask(self, verb, identifier=1, **members):
        request = check("request", {"v": 1, "id": identifier, "verb": verb, **members})
        reply = self.raw(json.dumps(request))
        assert reply["id"] == identifier
        return reply

    def begin(self, verb, identifier, **members):
        """Sends a request whose reply is to be received later."""
        self.raw_send({"v": 1, "id": identifier, "verb": verb, **members})

    def raw_send(self, request):
        self.send(json.dumps(check("request", request)).encode())

    def close(self):
        self.socket.close()


class Subscriber:
    """Gets all events, each held against the schema."""

    def __init__(self, controller, endpoint=None, keys=None):
        self.controller, self.seq = controller, 0
        self.socket = CONTEXT.socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.subscribe("")
        if keys:
            keys.give(self.socket)
        self.socket.connect(endpoint or controller.endpoint + ".events")
        assert self.socket.poll(10000)
        hello = self.receive()
        assert hello["event"] == "hello"
        self.instance = hello["instance"]

    def receive(self):
        event = check("event", json.loads(self.socket.recv()))
        self.seq = event.get("seq", self.seq)
        return event

    def take(self):
        """All events until now, however late they come: the controller says how many there are."""
        client = Client(self.controller)
        until, events = client.ask("snapshot")["result"]["seq"], []
        client.close()
        while self.seq < until:
            assert self.socket.poll(30000), f"no event {self.seq + 1} of {until}"
            events.append(self.receive())
        return [event for event in events if event["event"] not in ("tick", "hello")]

    def next(self, kind, seconds=60, **members):
        """The next event of the kind with these members, and when it came by the monotonic clock; those before it are
        passed over."""
        end, passed = time.monotonic() + seconds, []
        while self.socket.poll(max(0, (end - time.monotonic()) * 1000)):
            came = time.monotonic()
            event = self.receive()
            if event["event"] == kind and all(event.get(name) == value for name, value in members.items()):
                return event, came
            passed.append(event)
        raise AssertionError(f"no event {kind} {members}; but {passed[-3:]}")

    def close(self):
        self.socket.close()
