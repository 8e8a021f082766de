# SPDX-License-Identifier: GPL-2.0-or-later
"""The controller notices what happens to its streams and ports without being asked, says why, and soon enough."""

import json
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing

import pytest

from api_client import Client, Subscriber
from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, Controller
from streams import Bench
from test_session_forms import make_host, openssl
from test_stream_owners import Tree, set_block

OTHER_PORT, OTHER = "0000:00:04.0", "0000:02:00.0"
SOON = 0.1      # seconds: from the fall of a stream to its event (docs/testing.md has the figures of tests/bench)
BUSY = 10       # times that, on a machine that has other things to do


def pair(port, end, spdm=None):
    more = {"spdm": spdm} if spdm else {}
    return {"bdf": port, "type": "root-port", "secondary": int(end[5:7], 16), **more,
            "below": [{"bdf": end, "type": "endpoint", **more}]}


class Listener(Subscriber):
    def fall(self, **members):
        return self.next("stream", state="insecure", **members)

    def nothing(self, seconds):
        end = time.monotonic() + seconds
        while self.socket.poll(max(0, (end - time.monotonic()) * 1000)):
            event = json.loads(self.socket.recv())
            assert event.get("operation") != "watch", event  # a tick has none


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    config = tmp_path_factory.mktemp("config") / "ide-kmd.conf"
    config.write_text("[policy]\non-failure = leave-off\n")   # what fell is turned off, and not made again
    bench = Bench([pair(ROOT_PORT, ENDPOINT), pair(OTHER_PORT, OTHER)],
                  ["--watch-interval", "70ms", "--timeout", "10", "--config", str(config)])
    yield bench
    bench.close()


@pytest.fixture
def controller(bench):
    return bench.controller


@pytest.fixture
def platform(bench):
    return bench.platform


@pytest.fixture
def listener(controller):
    listener = Listener(controller)
    yield listener
    listener.close()


@pytest.fixture
def stream(controller, platform):
    """A stream that is up, with another one that nothing must happen to."""
    controller.json("establish", OTHER, "--stream", "1")
    try:
        up = controller.json("establish", ENDPOINT, "--stream", "0")
        controller.json("show", ENDPOINT)   # answered after all of the establish is over, and so are its gates
        yield up
        shown = controller.json("show", OTHER)["streams"][0]
        assert (shown["state"], shown["watch"]) == (
            "secure", {"state": "secure", "changed": None, "cause": None, "device": None})
    finally:
        platform.tell(f"adversary {ENDPOINT} up off")
        platform.tell(f"adversary {ENDPOINT} down off")
        platform.behave(ENDPOINT)
        controller.ctl("stop", ROOT_PORT, "--stream", "0")
        assert controller.ctl("stop", OTHER, "--stream", "1").returncode == 0


def fell_at(platform, stream=0):
    """When the emulator's own record says that the first end fell, in seconds of the monotonic clock."""
    times = [s["fell_us"] for f in platform.state()["functions"] for s in f["streams"]
             if s["fell_us"] and f["bdf"] in (ROOT_PORT, ENDPOINT)]
    return max(times) / 1e6


def held_to_time(platform, came, fell=None):
    """fell: if the emulator has no record of it."""
    took = came - (fell or fell_at(platform))
    print(f"event after {1000 * took:.1f} ms")
    assert took < SOON * BUSY


def seen(event, bdf):
    return next(end for end in event["ends"] if end["bdf"] == bdf)


# --- A stream falls ----------------------------------------------------------------------------------------------------


def test_bits_that_flip_on_the_way_down(bench, platform, controller, stream, listener):
    platform.tell(f"adversary {ENDPOINT} down flip=200 pr 1")
    bench.write(ENDPOINT, b"x" * 64)
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert (event["cause"], event["device"], event["request"]) == ("ide_fail", ENDPOINT, None)
    assert (event["root_port"], event["endpoint"], event["key_set"]) == (ROOT_PORT, ENDPOINT, 0)
    assert seen(event, ENDPOINT) == {"role": "endpoint", "bdf": ENDPOINT, "enabled": True, "state": "insecure",
                                     "ide_fail": False, "aer": ["ide_check_failed"]}
    assert seen(event, ROOT_PORT) == {"role": "root_port", "bdf": ROOT_PORT, "enabled": True, "state": "insecure",
                                      "ide_fail": True, "aer": []}
    log = controller.log.read_text()
    assert (f"stream 0 between {ROOT_PORT} and {ENDPOINT}: insecure: ide_fail: {ENDPOINT}: it received a TLP that it "
            "could not authenticate, and told the other end (AER: ide_check_failed)") in log


def test_bits_that_flip_on_the_way_up(bench, platform, stream, listener):
    platform.tell(f"adversary {ENDPOINT} up flip=200 cpl 1")
    with pytest.raises(OSError, match="Input/output error"):
        bench.read(ENDPOINT, 64)
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert (event["cause"], event["device"]) == ("ide_fail", ROOT_PORT)
    assert "ide_check_failed" in seen(event, ROOT_PORT)["aer"] and seen(event, ENDPOINT)["ide_fail"]


def test_an_error_that_was_told_is_cleared_so_that_the_next_one_shows(bench, platform, controller, stream, listener):
    """Here nobody else does: no driver of the kernel's is there."""
    for _ in range(2):
        platform.tell(f"adversary {ENDPOINT} down flip=200 pr 1")
        bench.write(ENDPOINT, b"x" * 64)
        event, _ = listener.fall(stream=0)
        assert seen(event, ENDPOINT)["aer"] == ["ide_check_failed"]
        assert not int(platform.setpci(ENDPOINT, "ECAP0001+4.L"), 16) & 1 << 28
        listener.next("stream", state="off")
        controller.json("establish", ENDPOINT, "--stream", "0")
        controller.json("show", ENDPOINT)   # answered after all of the establish is over, and so are its gates


def test_a_fall_without_a_reason_in_aer(platform, stream, listener):
    platform.tell(f"fail {ENDPOINT} 0")
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert (event["cause"], event["device"]) == ("ide_fail", ENDPOINT)
    assert seen(event, ROOT_PORT)["ide_fail"]


@pytest.mark.parametrize("bdf", [ENDPOINT, ROOT_PORT])
def test_a_reset(platform, controller, stream, listener, bdf):
    platform.tell(f"reset {bdf}")
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert (event["cause"], event["device"]) == ("reset", bdf)
    assert not seen(event, bdf)["enabled"]
    # it can be made again, and is watched again
    listener.next("stream", state="off")
    assert controller.json("establish", ENDPOINT, "--stream", "0")["watch"]["state"] == "secure"


def test_a_link_that_goes_down(platform, stream, listener):
    platform.tell(f"link-down {ENDPOINT}")
    event, _ = listener.next("port", state="link_down")
    assert event["device"] == ROOT_PORT
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert (event["cause"], event["device"]) == ("link_down", ROOT_PORT)
    assert seen(event, ENDPOINT)["state"] == "unreadable"
    platform.tell(f"link-up {ENDPOINT}")


def test_a_link_below_a_switch_that_goes_down(start_platform, start_controller):
    """It was active when the stream was set up; the root port's own link stays up."""
    platform = start_platform()
    controller = start_controller(platform, "--timeout", "10")
    listener = Listener(controller)
    end = SWITCH_ENDPOINTS[0]
    [above] = [p["parent"] for p in controller.json("list")["ports"] if p["bdf"] == end]
    controller.json("establish", end, "--stream", "0")
    platform.tell(f"link-down {end}")
    event, _ = listener.fall(stream=0)
    assert (event["cause"], event["device"]) == ("link_down", above)
    listener.close()


def test_a_device_that_is_pulled_out_and_put_back(platform, stream, listener):
    platform.tell(f"remove {ENDPOINT}")
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert event["cause"] in ("link_down", "gone")   # its slot is empty, and so the link is down
    event, _ = listener.next("port", state="removed")
    assert (event["device"], event["root_port"], event["stream"]) == (ENDPOINT, None, None)
    platform.tell(f"insert {ENDPOINT}")
    assert listener.next("port", state="added")[0]["device"] == ENDPOINT


def test_a_device_that_is_swapped_within_a_second(platform, controller, listener):
    """It is there whenever the watch looks, and is another one. Who asks for no new answer gets none of the one before."""
    def show(max_age_ms):
        return client.ask("show", bdf=OTHER, max_age_ms=max_age_ms)["result"]
    client = Client(controller)
    assert show(60000)["age_ms"] < 60000
    time.sleep(0.2)
    kept = show(60000)["age_ms"]
    assert kept >= 200
    platform.tell(f"remove {OTHER}")
    platform.tell(f"insert {OTHER}")
    assert listener.next("port", state="removed")[0]["device"] == OTHER
    assert listener.next("port", state="added")[0]["device"] == OTHER
    assert show(60000)["age_ms"] < kept
    client.close()
    listener.nothing(2)   # once


def test_an_end_that_alone_says_insecure(platform, stream, listener):
    before = time.monotonic()
    platform.misbehave(ENDPOINT, "stays-insecure")
    event, came = listener.fall(stream=0)
    held_to_time(platform, came, before)
    assert (event["cause"], event["device"]) == ("unknown", ENDPOINT)
    assert seen(event, ROOT_PORT)["state"] == "secure"
    # by this policy it is turned off
    assert listener.next("stream", state="off")[0]["asked_by"] == "policy"


def test_a_stream_that_fell_comes_back_by_policy(platform, directory):
    controller = Controller(directory, platform, ["--timeout", "10"])
    listener = Listener(controller)
    controller.json("establish", ENDPOINT, "--stream", "0")
    listener.next("stream", state="secure")
    platform.tell(f"reset {ENDPOINT}")
    listener.fall(stream=0)
    assert listener.next("stream", state="secure", operation="establish")[0]["asked_by"] == "policy"
    shown = controller.json("show", ENDPOINT)["streams"][0]
    assert (shown["state"], shown["watch"]) == (
        "secure", {"state": "secure", "changed": None, "cause": None, "device": None})
    listener.close()
    controller.stop()


def control(block=0):
    """Its offset in the IDE capability, behind the one link stream."""
    return 0x14 + block * 0x20 + 4


@pytest.mark.parametrize("bdf", [ROOT_PORT, ENDPOINT])
def test_somebody_who_turns_it_off(platform, stream, listener, bdf):
    platform.setpci(bdf, f"ECAP0030+{control():x}.L=00000000")
    event, came = listener.fall(stream=0)
    held_to_time(platform, came)
    assert (event["cause"], event["device"]) == ("disabled", bdf)


def test_somebody_who_takes_its_registers(platform, stream, listener):
    at = f"ECAP0030+{control():x}.L"
    platform.setpci(ROOT_PORT, f"{at}=00000000", f"{at}=07000001")
    event, _ = listener.fall(stream=0)
    assert (event["cause"], event["device"]) in (("taken", ROOT_PORT), ("disabled", ROOT_PORT))
    platform.setpci(ROOT_PORT, f"{at}=00000000")


# --- What is not a fall --------------------------------------------------------------------------------------------------


def test_what_the_controller_does_itself_is_no_news(controller, stream, listener):
    controller.json("rekey", ENDPOINT)
    controller.json("establish", ENDPOINT, "--stream", "5", "--tc", "1")
    controller.json("stop", ENDPOINT, "--stream", "5")
    controller.json("stop", ENDPOINT, "--stream", "0")
    controller.json("establish", ENDPOINT, "--stream", "0")
    listener.nothing(2)


def test_streams_of_others_are_left_alone(bench, platform, stream, listener):
    set_block(bench, OTHER_PORT, 2, 0x09000001, 0x00020001)
    before = {f["bdf"]: f["config_writes"] for f in platform.state()["functions"]}
    set_block(bench, OTHER_PORT, 2, 0xff000000, 0)
    listener.nothing(2)
    after = {f["bdf"]: f["config_writes"] for f in platform.state()["functions"]}
    assert {bdf: after[bdf] - before[bdf] for bdf in after} == {
        ROOT_PORT: 0, ENDPOINT: 0, OTHER: 0, OTHER_PORT: 2}


# --- Ports, sessions, certificates -----------------------------------------------------------------------------------------


def test_errors_that_harm_no_stream(bench, platform, stream, listener):
    platform.setpci(ENDPOINT, "ECAP0001+4.L=ffffffff")
    listener.nothing(2)   # it has looked: what was there before is no news
    platform.setpci(ENDPOINT, "COMMAND.w=4")
    with pytest.raises(OSError, match="Input/output error"):
        bench.read(ENDPOINT, 4)
    platform.setpci(ENDPOINT, "COMMAND.w=6")
    event, _ = listener.next("port", state="error")
    assert (event["device"], event["aer"]) == (ENDPOINT, ["unsupported_request"])
    assert int(platform.setpci(ENDPOINT, "ECAP0001+4.L"), 16) == 1 << 20   # it is not ours to clear
    platform.setpci(ENDPOINT, "ECAP0001+4.L=ffffffff")


def test_a_mailbox_that_is_lost(platform, stream, listener):
    # what is written to it in pieces is an error (PCIe 6.x §7.9.24.5)
    platform.setpci(ENDPOINT, "ECAP002e+10.w=0")
    event, _ = listener.next("port", state="doe_lost")
    assert event["device"] == ENDPOINT
    platform.setpci(ENDPOINT, "ECAP002e+8.L=1")
    assert listener.next("port", state="doe_back")[0]["device"] == ENDPOINT


def test_a_session_that_is_lost(directory, start_platform, start_controller):
    spdm = {"heartbeat": 4}
    file = directory / "platform.json"
    file.write_text(json.dumps({"functions": [pair(ROOT_PORT, ENDPOINT, spdm)]}))
    platform = start_platform("--platform", str(file), identity=directory / "identity")
    controller = start_controller(platform, "--timeout", "4", "--state", f"{directory}/state.db")
    listener = Listener(controller)
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.misbehave(ENDPOINT, "late=20000")
    event, _ = listener.next("session", state="lost")
    assert (event["device"], event["cause"]) == (ENDPOINT, "timeout")
    controller.json("log", "--limit", "1")   # what was handed over to the state file is in it
    with closing(sqlite3.connect(f"file:{directory}/state.db?mode=ro", uri=True)) as db:
        [(closed, cause)] = db.execute("SELECT closed_utc, cause FROM sessions WHERE device = ?", (ENDPOINT,)).fetchall()
    assert closed and cause == "lost: timeout"
    event, came = listener.fall()   # the device gives up what it has not heard of, and its keys with it
    assert (event["cause"], event["device"]) == ("session_lost", ENDPOINT)
    held_to_time(platform, came)
    listener.close()


def test_a_certificate_that_ends_soon(platform, directory):
    controller = Controller(directory, platform, ["--certificate-warning", "3650"])
    listener = Listener(controller)
    controller.json("establish", OTHER, "--stream", "1")
    ends = {}
    while len(ends) < 2:
        event, _ = listener.next("certificate", state="expires_soon")
        if event["device"]:   # none: a trusted one, which ends too
            ends[event["device"]] = event["not_after"]
    assert ends == {bdf: controller.json("attest", bdf)["not_after"] for bdf in (OTHER, OTHER_PORT)}
    controller.json("rekey", OTHER)
    listener.nothing(6)   # once
    listener.close()
    controller.stop()


def sign_again(identity, bdf, seconds):
    """The device's own certificate, for its key, ends so soon."""
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
    domain, bus, rest = bdf.split(":")
    device, function = rest.split(".")
    section = f"own-{int(domain, 16):08x}-{int(bus, 16) << 8 | int(device, 16) << 3 | int(function):04x}"
    (identity / "index.txt").write_text("")
    for command in (f"req -new -key {bdf}/leaf.key -subj /CN={bdf} -out again.csr",
                    f"ca -batch -notext -name ca -extensions {section} -enddate {end} -in again.csr -out {bdf}/leaf.pem "
                    "-cert authority/intermediate.pem -keyfile authority/intermediate.key"):
        verb, *options = command.split()
        subprocess.run(["openssl", verb, "-config", "openssl.cnf", *options], cwd=identity, check=True, capture_output=True)


def test_a_certificate_that_ends_while_a_stream_is_up(start_platform, start_controller, identity, directory):
    own = directory / "identity"
    shutil.copytree(identity, own)
    sign_again(own, ENDPOINT, 15)
    controller = start_controller(start_platform(identity=own), "--timeout", "10", trust=own / "trust")
    listener = Listener(controller)
    controller.json("establish", ENDPOINT, "--stream", "0")
    soon, _ = listener.next("certificate", state="expires_soon", device=ENDPOINT)
    expired, _ = listener.next("certificate", state="expired", device=ENDPOINT)
    assert expired["not_after"] == soon["not_after"] <= time.time()
    # what is up goes on, with new keys too; but who comes anew is not let in
    controller.json("rekey", ENDPOINT)
    assert controller.json("show", ENDPOINT)["streams"][0]["state"] == "secure"
    controller.json("stop", ENDPOINT, "--stream", "0")
    error = controller.error("establish", ENDPOINT, "--stream", "0")
    assert (error["code"], error["device"]) == ("expired", ENDPOINT)
    listener.close()


AUTHORITY = """[ca]
default_ca = own
[own]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha384
policy = any
x509_extensions = root
[any]
commonName = supplied
[root]
basicConstraints = critical,CA:TRUE
"""


def make_root(directory, path, seconds):
    """A certificate that signs itself and ends so soon."""
    (directory / "ca.cnf").write_text(AUTHORITY)
    (directory / "index.txt").write_text("")
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + seconds))
    openssl(directory, "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-keyout", "root.key",
            "-out", "root.csr", "-subj", "/CN=a root")
    openssl(directory, "ca", "-batch", "-notext", "-selfsign", "-config", "ca.cnf", "-keyfile", "root.key", "-in", "root.csr",
            "-out", str(path), "-enddate", end)


def test_certificates_of_the_operator_that_end(platform, directory, tmp_path):
    trust = directory / "trust"
    shutil.copytree(platform.trust, trust)
    _, chain, key, _ = make_host(tmp_path, "host")   # it ends in two days
    root = trust / "a root.pem"
    make_root(tmp_path, root, 15)
    controller = Controller(directory, platform, ["--timeout", "10", "--identity", f"{chain},{key}"], trust=trust)
    listener = Listener(controller)
    event, _ = listener.next("certificate", state="expired", file=str(root))
    assert (event["device"], event["message"]) == (
        None, "a trusted certificate has expired: devices whose chain leads to it are refused")
    assert time.time() - 30 < event["not_after"] < time.time()
    entries = controller.json("log", "--what", "certificate")["entries"]
    assert sorted((e["answer"]["file"], e["state"]) for e in entries) == sorted(
        [(chain, "expires_soon"), (str(root), "expires_soon"), (str(root), "expired")])
    assert {e["device"] for e in entries} == {None}
    assert f"certificate {chain}: expires_soon: a certificate of the controller's own chain expires soon" in (
        controller.log.read_text())
    # a root that no device needs keeps none out
    assert controller.json("establish", ENDPOINT)["state"] == "secure"
    listener.close()
    controller.stop()


def test_a_device_that_the_kernel_takes(bench, directory):
    tree = Tree(bench, [(ROOT_PORT, ENDPOINT)])
    controller = Controller(directory, tree)
    listener = Listener(controller)
    controller.json("establish", ENDPOINT, "--stream", "0")
    tree.connect(ENDPOINT, "tsm0")
    event, _ = listener.next("port", state="kernel")
    assert event["device"] == ENDPOINT and event["message"].endswith("tsm0")
    tree.connect(ENDPOINT, "")
    listener.next("port", state="released")
    tree.connect(ENDPOINT, "tsm0")
    bench.platform.tell(f"reset {ENDPOINT}")
    event, _ = listener.fall()
    assert (event["cause"], event["device"]) == ("kernel", ENDPOINT)
    listener.close()
    controller.stop()


# --- Off ---------------------------------------------------------------------------------------------------------------------


def test_a_watch_that_is_off_reads_nothing(platform, directory):
    controller = Controller(directory, platform, ["--watch-interval", "0"])
    listener = Listener(controller)
    controller.json("establish", ENDPOINT, "--stream", "0")
    before = [f["config_reads"] for f in platform.state()["functions"]]
    time.sleep(2)   # what is looked at in it is what must not happen
    assert [f["config_reads"] for f in platform.state()["functions"]] == before
    platform.tell(f"fail {ENDPOINT} 0")
    listener.nothing(1)
    listener.close()
    controller.stop()


@pytest.mark.parametrize("value", ["5ms", "2m", "often", "-1"])
def test_intervals_that_are_none(platform, directory, value):
    with pytest.raises(AssertionError, match="neither 0 nor a time between 10 ms and a minute"):
        Controller(directory, platform, ["--watch-interval", value])
