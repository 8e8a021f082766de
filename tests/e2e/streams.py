# SPDX-License-Identifier: GPL-2.0-or-later
"""A platform whose ports differ in what they can do, and what goes over its links."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from conftest import Controller, Platform

ALL = {"partial_header": True, "aggregation": True, "pcrc": True, "config_requests": True, "tee_limited": True,
       "ide_km": True}
NONE = dict.fromkeys(ALL, False) | {"ide_km": True}


def ide(selective, link, blocks=1, **abilities):
    return {"selective_streams": selective, "link_streams": link, "address_blocks": blocks, **ALL, **abilities}


def shows_where(bdf):
    return bdf.split(":", 1)[1]


class Bench:
    """An ide-emu with its platform and link log, and a controller on it."""

    def __init__(self, functions, options=(), **more):
        self.directory = Path(subprocess.run(["mktemp", "-d", "/tmp/ide-km.XXXXXX"], capture_output=True, text=True,
                                             check=True).stdout.strip())
        file = self.directory / "platform.json"
        file.write_text(json.dumps({"functions": functions, **more}))
        self.log = self.directory / "link.txt"
        self.platform = Platform(self.directory, self.directory / "identity",
                                 ["--platform", str(file), "--link-log", str(self.log)])
        # the watch's own reads would be among the TLPs that are counted
        self.options = options if "--watch-interval" in options else ["--watch-interval", "0", *options]
        self.start()
        self.seen = 0

    def start(self):
        """A controller with the bench's options: the first one, or the next when that has been stopped."""
        self.controller = Controller(self.directory, self.platform, self.options)

    def close(self):
        self.controller.stop()
        self.platform.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def frames(self):
        """What went over the links since the last call, in order."""
        text = self.log.read_text()
        new, self.seen = text[self.seen:], len(text)
        return [Frame(line) for line in new.splitlines()]

    def bar(self, bdf):
        return self.platform.mount / "devices" / bdf / "resource0"

    def write(self, bdf, data, at=0):
        fd = os.open(self.bar(bdf), os.O_WRONLY)
        try:
            assert os.pwrite(fd, data, at) == len(data)
        finally:
            os.close(fd)

    def read(self, bdf, size, at=0):
        fd = os.open(self.bar(bdf), os.O_RDONLY)
        try:
            return os.pread(fd, size, at)
        finally:
            os.close(fd)

    def function(self, bdf):
        return next(f for f in self.platform.state()["functions"] if f["bdf"] == bdf)

    def in_use(self):
        """(port, kind, block) of all that is not as after a reset."""
        return {(f["bdf"], s["kind"], s["index"]) for f in self.platform.state()["functions"] for s in f["streams"]
                if s["enabled"] or s["stream_id"] != 255
                or any(key != "none" for key_set in s["key_sets"] for keys in key_set.values() for key in keys)}

    def errors(self, bdf):
        return json.loads(self.platform.tell(f"errors {bdf}"))


LINE = re.compile(r"(?P<upper>\S+) (?P<way>[<>]) (?P<lower>\S+?):"
                  r"( IDE stream (?P<stream>\d+) (?P<sub>PR|NPR|CPL) K(?P<k>\d)(?P<flags>[ MTP]*) (pr|sync) \d+ \|)?"
                  r" (?P<code>\S+)( (?P<address>0x[0-9a-f]+) \d+)?")


class Frame:
    def __init__(self, line):
        found = LINE.match(line)
        assert found, line
        self.line, self.code, self.sub = line, found["code"], found["sub"]
        self.link = (found["upper"], found["lower"])
        self.down = found["way"] == ">"
        self.stream = int(found["stream"]) if found["stream"] else None
        flags = found["flags"] or ""
        self.mac, self.trusted, self.pcrc = "M" in flags, "T" in flags, " P" in flags
        self.address = int(found["address"], 16) if found["address"] else None

    @property
    def memory(self):
        return self.code.startswith(("MWr", "MRd"))

    @property
    def config(self):
        return self.code.startswith("Cfg")
