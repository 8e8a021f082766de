# SPDX-License-Identifier: GPL-2.0-or-later
"""while-off = closed: while a stream that is wanted is off, no memory request crosses its link, though both sides try all the
while. Read from the link's log, TLP by TLP; with while-off = open the same log has them."""

import os
import re
import signal
import sqlite3
import subprocess
import threading

import pytest

from conftest import program
from kills import END, PORT, Field, Killed
from streams import Frame, ide
from test_faults import is_stopped
from test_kills import eventually

PROFILE = "[stream all]\ndefault = yes\n"   # what the device itself sends is on the stream, too
MEMORY, MASTER = 2, 4
WANTED_ANEW = "refresh-attempts = 5\n"   # another policy than before: what somebody has stopped is wanted again


def rule(while_off, more=""):
    return (f"{PROFILE}[policy]\nwhile-off = {while_off}\nretry-first = 300ms\nretry-most = 300ms\n{more}"
            f"[device {END}]\nstreams = all\n")


class Traffic(threading.Thread):
    """The host writes and reads the device's memory, and the device the host's, until told to end."""

    def __init__(self, platform, endpoints=(END,)):
        super().__init__(daemon=True)
        self.platform, self.endpoints, self.over = platform, endpoints, threading.Event()
        self.rounds = 0

    def host(self, end):
        try:
            fd = os.open(self.platform.mount / "devices" / end / "resource0", os.O_RDWR)
        except OSError:
            return   # it is pulled out
        for access in (lambda: os.pwrite(fd, b"host", 64), lambda: os.pread(fd, 4, 64)):
            try:
                access()
            except OSError:
                pass   # nobody takes it
        os.close(fd)

    def device(self, end):
        for order in ("write 0x1000 6465766963650000", "read 0x1000 8"):
            try:
                self.platform.tell(f"dma {end} {order}")
            except AssertionError:
                pass   # it may not, or nobody takes it

    def run(self):
        while not self.over.is_set():
            for end in self.endpoints:
                self.host(end)
                self.device(end)
            self.rounds += 1

    def goes_on(self, rounds=5):
        """So many more tries of each kind."""
        wanted = self.rounds + rounds
        eventually(lambda: self.rounds >= wanted, lambda: "nobody tries any more")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


class Links(Field):
    """A field whose links are listened to, and whose controller has a configuration."""

    def __init__(self, text, functions=None, options=(), **more):
        super().__init__(functions, ["--timeout", "20", *options], emu=["--link-log", "{dir}/link.txt"], **more)
        self.config = self.directory / "ide-kmd.conf"
        self.options += ["--config", str(self.config)]
        self.config.write_text(text)
        self.seen = 0

    def reload(self, text):
        says = "the configuration was read again"
        before = self.daemon.log.read_text().count(says)
        self.config.write_text(text)
        self.daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: self.daemon.log.read_text().count(says) > before, self.daemon.log.read_text)

    def frames(self):
        """Memory requests since the last call: those in the clear, down and up, and those on a stream, down and up."""
        text = (self.directory / "link.txt").read_text()
        end = text.rfind("\n") + 1
        new, self.seen = text[self.seen:end], end
        lines = new.replace(" touched: ", ": ").splitlines()   # by an adversary
        memory = [frame for frame in map(Frame, lines) if frame.memory]
        return {(clear, down): sum(1 for f in memory if (f.stream is None) == clear and f.down == down)
                for clear in (True, False) for down in (True, False)}

    def command(self, bdf):
        """Memory Space and Bus Master Enable of its Command register."""
        config = (self.platform.mount / "devices" / bdf / "config").read_bytes()
        return int.from_bytes(config[4:6], "little") & (MEMORY | MASTER)

    def forwarding(self, port=PORT):
        return self.daemon.ask("show", bdf=port)["result"]["forwarding"]

    def says(self, text):
        return text in self.daemon.log.read_text()

    def is_up(self, ends=(END,)):
        def up():
            return {s["endpoint"] for s in self.daemon.streams() if s["owner"] == "controller" and s["state"] == "secure"}
        eventually(lambda: up() == set(ends), lambda: self.daemon.log.read_text())

    def pull_out(self):
        """And waits until that is seen: by the watch, or, if it came and went between two of its looks, by the keeper."""
        self.platform.tell(f"remove {END}")
        eventually(lambda: self.forwarding() == "host_closed", self.daemon.log.read_text)

    def established(self):
        """How often, by this controller."""
        return len(re.findall("^.*establish of .*: done$", self.daemon.log.read_text(), re.MULTILINE))

    def told(self):
        """What was told of ports, in order."""
        return re.findall(r"port [0-9a-f:.]+: ((?:host_)?closed|opened|reopened|gate_failed)", self.daemon.log.read_text())

    def rows(self):
        with sqlite3.connect(f"file:{self.directory}/state.db?mode=ro", uri=True) as db:
            return {row[0]: row[1] for row in db.execute("SELECT function, bits FROM held_gate")}


def clear(frames):
    return {("down" if down else "up"): n for (is_clear, down), n in frames.items() if is_clear and n}


@pytest.fixture
def make():
    made = []

    def make_links(*args, **more):
        made.append(Links(*args, **more))
        return made[-1]
    yield make_links
    for links in made:
        links.close()


def life(links, traffic, while_off):
    """What is in the clear on the link in each part of a stream's life, from a start that takes a while to a stop and on."""
    found = {}

    def part(name):
        traffic.goes_on()
        found[name] = links.frames()

    daemon = links.start()
    closed = while_off == "closed"
    eventually(lambda: links.says("it passes no memory requests on until") == closed and links.says("failed at"), daemon.log.read_text)
    links.frames()   # until then nobody had said anything
    part("before it is up for the first time")
    links.platform.tell(f"behave {END}")
    links.is_up()
    part("when it has come up")
    links.platform.tell(f"adversary {END} down flip=200 pr 1")
    eventually(lambda: links.established() == 2, daemon.log.read_text)
    links.is_up()
    part("an attack made it fall")
    links.platform.misbehave(END, "forget-sessions", 1)
    before = links.established()
    assert "error" in daemon.ask("rekey", bdf=END)
    links.platform.tell(f"behave {END}")
    eventually(lambda: links.established() > before, daemon.log.read_text)
    links.is_up()
    part("a refresh could only turn it off and establish it anew")
    daemon.die()
    part("the controller was killed")
    daemon = links.start()
    links.is_up()
    part("it came back")
    [stream] = [s for s in daemon.streams() if s["owner"] == "controller"]
    answer = daemon.ask("stop", bdf=END, stream=stream["stream"])["result"]
    assert (answer["state"], answer["forwarding"]) == ("off", "closed" if closed else None)
    part("somebody stopped it")
    links.reload(rule(while_off, WANTED_ANEW))
    links.is_up()
    part("the configuration wanted it anew")
    daemon.close()
    part("the controller was told to end")
    links.start()
    links.is_up()
    part("it was started again")
    return found


def test_nothing_crosses_a_link_in_the_clear_while_its_stream_is_off(make):
    links = make(rule("closed"))
    links.platform.misbehave(END, "spdm-error", 1000)
    with Traffic(links.platform) as traffic:
        found = life(links, traffic, "closed")
    assert {name: clear(frames) for name, frames in found.items() if clear(frames)} == {}
    up = {name for name, frames in found.items() if frames[False, True] > 2 and frames[False, False] > 2}
    assert up >= {"when it has come up", "an attack made it fall", "a refresh could only turn it off and establish it anew",
                  "the controller was killed", "it came back", "the configuration wanted it anew", "it was started again"}


def test_with_while_off_open_the_log_shows_it(make):
    """The same life: so the test above can fail."""
    links = make(rule("open"))
    links.platform.misbehave(END, "spdm-error", 1000)
    with Traffic(links.platform) as traffic:
        found = life(links, traffic, "open")
    in_the_clear = {name for name, frames in found.items() if clear(frames).keys() == {"down", "up"}}
    assert in_the_clear >= {"before it is up for the first time", "it came back", "somebody stopped it",
                            "the controller was told to end"}, found


def test_the_bits_are_those_that_were_there(make):
    links = make(rule("closed"))
    links.platform.setpci(END, "COMMAND.w=2")   # no driver has it yet
    links.platform.misbehave(END, "spdm-error", 1000)
    daemon = links.start()
    eventually(lambda: links.command(PORT) == 0, daemon.log.read_text)
    links.platform.tell(f"behave {END}")
    links.is_up()
    assert (links.command(PORT), links.command(END)) == (MEMORY | MASTER, MEMORY)
    assert links.rows() == {PORT: MEMORY | MASTER, END: 0}
    links.platform.setpci(END, "COMMAND.w=6")   # now one has
    daemon.ask("stop", bdf=END, stream=0)
    assert (links.command(PORT), links.command(END), links.forwarding()) == (0, MEMORY, "closed")
    assert links.rows() == {PORT: MEMORY | MASTER, END: MASTER}
    links.reload(rule("closed"))   # as it was
    assert (links.command(PORT), links.command(END), links.forwarding()) == (0, MEMORY, "closed")
    links.reload(rule("closed", WANTED_ANEW))
    links.is_up()
    assert (links.command(PORT), links.command(END), links.forwarding()) == (MEMORY | MASTER, MEMORY | MASTER, "open")
    daemon.close()
    assert (links.command(PORT), links.command(END)) == (0, MEMORY)   # told to end, it does not open


def test_people_are_told(make):
    """What `ide-ctl` says of it, and what the configuration is warned of."""
    def ctl(*words):
        return subprocess.run([program("ide-ctl"), "--connect", links.daemon.endpoint, *words], capture_output=True, text=True,
                              timeout=30, check=True).stdout
    links = make(rule("closed"))
    links.start()
    links.is_up()
    assert "  Forwarding: open; closed whenever a stream below it is off (while-off)\n" in ctl("show", PORT)
    assert "Forwarding" not in ctl("show", END)
    closed = "  Forwarding: no memory requests until what is wanted below it is Secure (while-off = closed)\n"
    assert ctl("stop", END, "--stream", "0") == f"Stream 0 is off: root port {PORT}, endpoint {END}.\n{closed}"
    assert closed in ctl("show", PORT)
    links.platform.tell(f"remove {END}")
    links.reload(rule("closed"))   # a stop is forgotten with a device that is not there
    eventually(lambda: "until the device is there (while-off = closed)" in ctl("show", PORT), links.daemon.log.read_text)
    links.config.write_text(rule("closed").replace("default = yes", "default = no"))
    said = subprocess.run([program("ide-kmd"), "--check", "--trust", str(links.platform.trust), "--config", str(links.config)],
                          capture_output=True, text=True, timeout=30)
    assert "what the device itself sends is in the clear even while they are up" in said.stderr and said.returncode == 0
    said = subprocess.run([program("ide-kmd"), "--check", "--trust", str(links.platform.trust), "--config", str(links.config),
                           "--state", "none"], capture_output=True, text=True, timeout=30)
    assert f"{links.config}:4: while-off = closed needs a state file (--state): " in said.stderr and said.returncode != 0


def test_what_somebody_else_opens_is_closed_again_and_told(make):
    links = make(rule("closed"))
    links.platform.setpci(END, "COMMAND.w=2")
    links.platform.misbehave(END, "spdm-error", 1000)
    daemon = links.start()
    eventually(lambda: links.command(PORT) == 0, daemon.log.read_text)
    links.platform.setpci(PORT, "COMMAND.w=0106")   # as the kernel does when a driver comes
    eventually(lambda: links.command(PORT) == 0, daemon.log.read_text)
    text = "somebody has set Memory Space Enable, Bus Master Enable in its Command register: it is closed again"
    eventually(lambda: links.says(text), daemon.log.read_text)
    links.platform.setpci(END, "COMMAND.w=6")
    eventually(lambda: links.command(END) == MEMORY, daemon.log.read_text)
    assert links.rows() == {PORT: MEMORY | MASTER, END: MASTER}
    links.platform.tell(f"behave {END}")
    links.is_up()
    assert (links.command(PORT), links.command(END)) == (MEMORY | MASTER, MEMORY | MASTER)
    eventually(lambda: links.told() == ["closed", "reopened", "reopened", "opened"], daemon.log.read_text)


def test_a_root_port_that_does_not_obey_is_told(make):
    links = make(rule("closed"))
    links.platform.misbehave(PORT, "stuck-registers")
    links.platform.misbehave(END, "spdm-error", 1000)
    daemon = links.start()
    eventually(lambda: links.told() == ["gate_failed"], daemon.log.read_text)
    assert links.says(f"port {PORT}: gate_failed: ")
    assert (links.command(PORT), links.forwarding()) == (MEMORY | MASTER, "open")
    [entry] = [e for e in daemon.ask("log", what="port")["result"]["entries"] if e["state"] == "gate_failed"]
    assert entry["device"] == PORT and "the register did not take the value" in entry["answer"]["message"]
    links.platform.tell(f"behave {PORT}")
    eventually(lambda: links.told() == ["gate_failed", "closed"], daemon.log.read_text)
    assert links.command(PORT) == 0
    links.platform.tell(f"behave {END}")
    links.is_up()
    eventually(lambda: links.told() == ["gate_failed", "closed", "opened"], daemon.log.read_text)
    assert links.command(PORT) == MEMORY | MASTER


def test_the_way_to_open_it_is_the_configuration(make):
    links = make(rule("closed"))
    links.platform.misbehave(END, "spdm-error", 1000)
    daemon = links.start()
    eventually(lambda: links.forwarding() == "closed", daemon.log.read_text)
    links.reload(rule("open"))
    eventually(lambda: links.forwarding() is None, daemon.log.read_text)
    assert (links.command(PORT), links.command(END), links.rows()) == (MEMORY | MASTER, MEMORY | MASTER, {})
    links.reload(rule("closed"))
    eventually(lambda: links.forwarding() == "closed", daemon.log.read_text)
    links.reload("")   # the device is nobody's any more
    eventually(lambda: links.forwarding() is None, daemon.log.read_text)
    assert (links.command(PORT), links.command(END), links.rows()) == (MEMORY | MASTER, MEMORY | MASTER, {})
    links.reload(rule("closed"))
    eventually(lambda: links.forwarding() == "closed", daemon.log.read_text)
    daemon.close()
    assert links.command(PORT) == 0
    links.config.write_text(rule("open"))   # the same before a start
    daemon = links.start()
    eventually(lambda: links.command(PORT) == MEMORY | MASTER and links.command(END) == MEMORY | MASTER, daemon.log.read_text)
    assert links.forwarding() is None


STATUS = "ECAP0001+4.L"   # of AER: uncorrectable errors
MISROUTED = 1 << 29


def test_ide_errors_while_it_is_closed_are_told_once_and_cleared(make):
    """Somebody sends an IDE TLP while there is no stream. It has nothing to do with how the next stream falls."""
    links = make(rule("closed", "on-interference = quarantine\n"))
    links.platform.misbehave(END, "spdm-error", 1000)
    daemon = links.start()
    eventually(lambda: links.forwarding() == "closed", daemon.log.read_text)

    def attack():
        links.platform.tell(f"adversary {END} up inject 92800000" + "400000010100000f00001000" + "00" * 16)
        return int(links.platform.setpci(PORT, STATUS), 16) & MISROUTED

    def told():
        return re.findall(rf"port {PORT}: error: it has logged IDE errors while its root port was closed .*$",
                          daemon.log.read_text(), re.MULTILINE)
    assert attack()
    eventually(told, daemon.log.read_text)
    assert told()[0].endswith("closed (while-off) (AER: misrouted_ide_tlp)")
    assert not int(links.platform.setpci(PORT, STATUS), 16) & MISROUTED
    assert attack()   # the next one shows, and is looked for at the latest when a stream is up
    links.platform.tell(f"behave {END}")
    links.is_up()
    eventually(lambda: len(told()) == 2, daemon.log.read_text)
    assert not int(links.platform.setpci(PORT, STATUS), 16) & MISROUTED
    before = links.established()
    links.platform.tell(f"reset {END}")
    eventually(lambda: links.established() > before, daemon.log.read_text)   # nobody has interfered
    links.is_up()
    assert len(told()) == 2


def test_quarantine_and_left_off_are_closed(make):
    for action in ("quarantine", "leave-off"):
        links = make(rule("closed").replace("retry-first = 300ms\nretry-most = 300ms\n", f"on-failure = {action}\n"))
        links.platform.misbehave(END, "bad-signature-key-exchange")
        daemon = links.start()
        eventually(lambda: [k["state"] for k in daemon.ask("show")["result"]["kept"]]
                   == ["quarantined" if action == "quarantine" else "left_off"], daemon.log.read_text)
        assert (links.forwarding(), links.command(PORT), links.command(END)) == ("closed", 0, MEMORY)


def test_a_stream_by_request_is_closed_until_it_is_stopped(make):
    """[policy] counts for what somebody establishes, too: as long as he wants it."""
    links = make(f"{PROFILE}[policy]\nwhile-off = closed\nretry-first = 300ms\n")
    daemon = links.start()
    assert links.forwarding() is None
    with Traffic(links.platform) as traffic:
        answer = daemon.ask("establish", bdf=END, stream=4, default=True)["result"]
        assert answer["forwarding"] == "open"
        links.frames()
        daemon.die()
        traffic.goes_on()
        daemon = links.start()
        links.is_up()
        traffic.goes_on()
        assert clear(links.frames()) == {}
        daemon.process.send_signal(signal.SIGUSR1)   # to be started again: it stays wanted
        daemon.close()
        traffic.goes_on()
        daemon = links.start()
        links.is_up()
        traffic.goes_on()
        assert clear(links.frames()) == {}
        assert daemon.ask("stop", bdf=END, stream=4)["result"]["forwarding"] is None
        traffic.goes_on()
        assert clear(links.frames()).keys() == {"down", "up"}
    assert links.rows() == {}


def put_in(links, traffic):
    """The device comes while its slot is closed to the host, and is up some time later."""
    daemon = links.daemon
    eventually(lambda: links.forwarding() == "host_closed" and links.command(PORT) == MASTER, daemon.log.read_text)
    links.platform.misbehave(END, "spdm-error", 1000)
    links.frames()
    links.platform.tell(f"insert {END}")
    eventually(lambda: links.forwarding() == "closed", daemon.log.read_text)
    assert "down" not in clear(links.frames())
    eventually(lambda: links.command(END) == MEMORY, daemon.log.read_text)
    links.frames()
    traffic.goes_on()
    links.platform.tell(f"behave {END}")
    links.is_up()
    traffic.goes_on()
    assert clear(links.frames()) == {}
    assert (links.command(PORT), links.command(END)) == (MEMORY | MASTER, MEMORY | MASTER)


def test_a_device_that_is_pulled_out_lets_the_ports_interrupts_through(make):
    """Bus Master Enable of the root port stays: its own interrupts are memory requests, and tell the kernel who comes."""
    links = make(rule("closed"))
    links.start()
    links.is_up()
    links.platform.tell(f"remove {END}")
    with Traffic(links.platform) as traffic:
        put_in(links, traffic)


@pytest.mark.parametrize("named", [END, PORT])
def test_an_empty_slot_that_is_named_is_closed_to_the_host(make, named):
    """Nobody has seen the device yet: the rule names where it will be, by its own address or that of the root port."""
    links = make(rule("closed").replace(END, named))
    links.platform.tell(f"remove {END}")
    daemon = links.start()
    with Traffic(links.platform) as traffic:
        put_in(links, traffic)
        links.pull_out()
        links.reload(rule("closed", "# again\n").replace(END, named))   # what was wanted with the device is forgotten
        put_in(links, traffic)
        links.pull_out()
        links.reload(rule("open"))
        eventually(lambda: links.forwarding() is None and links.command(PORT) == MEMORY | MASTER, daemon.log.read_text)


SWITCH = {"bdf": PORT, "type": "root-port", "doe": True, "ide": ide(4, 1, blocks=1), "below": [
    {"bdf": "0000:01:00.0", "type": "upstream", "ide": {"flow_through": True}, "below": [
        {"bdf": f"0000:02:0{n}.0", "type": "downstream", "ide": {"flow_through": True}, "below": [
            {"bdf": f"0000:0{n + 3}:00.0", "type": "endpoint", "doe": True, "ide": ide(4, 1), "bar_size": 4096}]}
        for n in (0, 1)]}]}
STRICT, LOOSE = "0000:03:00.0", "0000:04:00.0"


def test_below_a_switch_the_strictest_rule_counts_for_all(make):
    """A root port is closed for all that is below it, as long as one of its streams that is wanted closed is off."""
    text = (f"{PROFILE}[policy]\nretry-first = 300ms\nretry-most = 300ms\n"
            f"[device {STRICT}]\nstreams = all\nwhile-off = closed\n[device {LOOSE}]\nstreams = all\n")
    links = make(text, [SWITCH])
    links.platform.misbehave(STRICT, "spdm-error", 1000)
    daemon = links.start()
    links.is_up([LOOSE])
    assert links.forwarding() == "closed"
    with Traffic(links.platform, [STRICT, LOOSE]) as traffic:
        links.frames()
        traffic.goes_on()
        assert links.frames() == dict.fromkeys(((c, d) for c in (True, False) for d in (True, False)), 0)
        links.platform.tell(f"behave {STRICT}")
        links.is_up([STRICT, LOOSE])
        assert links.forwarding() == "open"
        traffic.goes_on()
        frames = links.frames()
        assert clear(frames) == {} and frames[False, True] > 2 and frames[False, False] > 2
        # the other one's stream is stopped: its device is open, as its rule says
        [loose] = [s for s in daemon.streams() if s["endpoint"] == LOOSE and s["owner"] == "controller"]
        assert daemon.ask("stop", bdf=LOOSE, stream=loose["stream"])["result"]["forwarding"] == "open"
        traffic.goes_on()
        assert clear(links.frames()).keys() == {"down", "up"}


def test_each_link_of_a_path(make):
    """Link streams: the root port is closed until all of them are up, and no memory request is on any of the links."""
    bridge = {"doe": True, "ide": ide(1, 1)}
    functions = [{"bdf": PORT, "type": "root-port", "doe": True, "ide": ide(4, 1), "below": [
        {"bdf": "0000:01:00.0", "type": "upstream", **bridge, "below": [
            {"bdf": "0000:02:00.0", "type": "downstream", **bridge, "below": [
                {"bdf": STRICT, "type": "endpoint", "doe": True, "ide": ide(4, 1), "bar_size": 4096}]}]}]}]
    links = make(f"[stream hops]\nlink = yes\n[policy]\nwhile-off = closed\n[device {STRICT}]\nstreams = hops\n", functions)
    links.platform.misbehave(STRICT, "spdm-error", 1000)
    daemon = links.start()
    eventually(lambda: links.command(PORT) == 0 and links.command(STRICT) == MEMORY, daemon.log.read_text)
    with Traffic(links.platform, [STRICT]) as traffic:
        links.frames()
        links.platform.tell(f"behave {STRICT}")
        links.is_up([STRICT, "0000:01:00.0"])
        traffic.goes_on()
        frames = links.frames()
        assert clear(frames) == {} and frames[False, True] > 2 and frames[False, False] > 2


def is_there(daemon):
    return any(s["owner"] == "controller" and s["state"] == "secure" for s in daemon.streams())


def prepare(links, daemon, operation):
    """So that the operation can be asked for. Its stream's number."""
    def is_stopped():
        return [k["state"] for k in daemon.ask("show")["result"]["kept"]] == ["stopped"]
    eventually(lambda: is_there(daemon) or is_stopped(), daemon.log.read_text)
    if is_stopped():
        assert "result" in daemon.ask("establish", bdf=END, stream=5, default=True)
    links.is_up()
    [stream] = [s["stream"] for s in daemon.streams() if s["owner"] == "controller"]
    if operation == "establish":
        assert "result" in daemon.ask("stop", bdf=END, stream=stream)
    return stream


@pytest.mark.parametrize("operation", ["establish", "rekey", "stop"])
def test_a_kill_at_any_point_opens_nothing(make, operation):
    """The points are those of test_kills.py, and those of the gate: each register and each row of the state file."""
    links = make(rule("closed"))
    stride = int(os.environ.get("IDE_KM_KILL_STRIDE", 13))
    point = min(stride, 3)
    daemon = links.start()
    links.is_up()
    daemon.die()
    with Traffic(links.platform) as traffic:
        links.frames()
        while True:
            daemon = links.start(f"{operation}:{point}")
            try:
                stream = prepare(links, daemon, operation)
                more = {"default": True} if operation == "establish" else {}
                answer = daemon.ask(operation, bdf=END, stream=stream, **more)
                assert "result" in answer, answer
                daemon.close()
                break
            except Killed:
                daemon.socket.close()
                daemon.process.stdout.close()
            traffic.goes_on(2)
            assert clear(links.frames()) == {}, point
            point += stride
        traffic.goes_on(2)
        assert clear(links.frames()) == {}
    assert point > 20


def is_wanted(links):
    with sqlite3.connect(f"file:{links.directory}/state.db?mode=ro", uri=True) as db:
        return db.execute("SELECT count(*) FROM held_stream WHERE wanted").fetchone() == (1,)


def recover(links, traffic):
    """The next start, which is stopped on its way: nothing is in the clear until the stream is off at both ends."""
    daemon = links.start(waits=False, IDE_KMD_STOP="recovery:3")
    eventually(lambda: is_stopped(daemon) or daemon.speaks(), daemon.log.read_text)
    traffic.goes_on(2)
    assert is_stopped(daemon) == bool(links.ours())
    assert not is_stopped(daemon) or clear(links.frames()) == {}
    daemon.process.send_signal(signal.SIGCONT)
    assert daemon.gets_ready(), daemon.log.read_text()
    return daemon


def test_a_kill_in_somebodys_stop_opens_nothing_until_the_stream_is_off(make):
    """What he had established and stops is wanted by nobody: its port is opened, once recovery has turned the stream off."""
    links = make(f"{PROFILE}[policy]\nwhile-off = closed\n")
    stride = int(os.environ.get("IDE_KM_KILL_STRIDE", 13))
    point = min(stride, 3)
    with Traffic(links.platform) as traffic:
        while True:
            daemon = links.start(f"stop:{point}")
            assert "result" in daemon.ask("establish", bdf=END, stream=5, default=True)
            links.frames()
            try:
                assert daemon.ask("stop", bdf=END, stream=5)["result"]["forwarding"] is None
                daemon.close()
                break
            except Killed:
                daemon.buried()
            traffic.goes_on(2)
            # behind the last points its port is being opened
            assert links.ours() == [] or clear(links.frames()) == {}, point
            wanted = is_wanted(links)
            daemon = recover(links, traffic)
            if wanted:
                links.is_up()
                traffic.goes_on(2)
                assert clear(links.frames()) == {}, point
                assert "result" in daemon.ask("stop", bdf=END, stream=5)
            eventually(lambda: links.forwarding() is None and links.rows() == {}, daemon.log.read_text)
            assert links.ours() == []
            assert (links.command(PORT), links.command(END)) == (MEMORY | MASTER, MEMORY | MASTER)
            links.frames()
            traffic.goes_on()
            assert clear(links.frames()).keys() == {"down", "up"}
            daemon.close()
            point += stride
    assert point > 20
