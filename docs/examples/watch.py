#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the streams that ide-kmd has, and then each change of them, without missing one.

    watch.py [ENDPOINT]

It shows how to follow the interface of docs/api.md from any language that has ZeroMQ and JSON. Debian: python3-zmq.
"""

import itertools
import json
import sys

import zmq

DEFAULT = "ipc:///run/ide-kmd/control"


class Gone(Exception):
    """The controller does not have the events any more that were missed."""


class Follower:
    def __init__(self, endpoint):
        context = zmq.Context()
        self.ids = itertools.count(1)
        self.requests = context.socket(zmq.DEALER)
        self.requests.linger = 0
        self.requests.rcvtimeo = 10000
        self.requests.connect(endpoint)
        self.events = context.socket(zmq.SUB)
        self.events.linger = 0
        self.events.subscribe("")
        self.events.connect(self.ask("ping")["events"])

    def ask(self, verb, **members):
        """The result of a request; an error of the controller's is an exception."""
        identifier = f"watch-{next(self.ids)}"
        self.requests.send_json({"v": 1, "id": identifier, "verb": verb, **members})
        while True:
            reply = self.requests.recv_json()
            if reply["id"] == identifier:
                break
        if "error" in reply:
            if reply["error"]["code"] == "gone":
                raise Gone
            raise RuntimeError(reply["error"]["message"])
        return reply["result"]

    def snapshot(self):
        """What there is; next_events() goes on from there."""
        result = self.ask("snapshot")
        self.instance, self.seq = result["instance"], result["seq"]
        return result

    def missed(self):
        """What was published after the last event that we know."""
        while True:
            result = self.ask("events", instance=self.instance, after=self.seq)
            for event in result["events"]:
                self.seq = event["seq"]
                yield event
            if not result["events"] or self.seq == result["seq"]:
                return

    def next_events(self):
        """The next event, or several if some were missed; each once and in order."""
        event = json.loads(self.events.recv())
        if event["event"] == "hello":    # the connection is new: something may have been missed before
            yield from self.missed()
        elif event["event"] == "tick":   # the number of the last event there was
            if event["seq"] > self.seq:
                yield from self.missed()
        elif event["seq"] > self.seq + 1:
            yield from self.missed()     # this one is among them
        elif event["seq"] == self.seq + 1:
            self.seq = event["seq"]
            yield event


def show(name, what):
    print(f"{what['root_port']} {what['endpoint']} stream {what['stream']}: {name}", flush=True)


def main():
    follower = Follower(sys.argv[1] if len(sys.argv) > 1 else DEFAULT)
    while True:
        for stream in follower.snapshot()["streams"]:
            show(stream["state"], stream)
        print("following", flush=True)
        try:
            while True:
                for event in follower.next_events():
                    if event["event"] == "stream":
                        show(event["state"], event)
        except Gone:
            print("something was missed", flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except (zmq.Again, RuntimeError) as error:
        sys.exit(f"watch.py: {error}")
