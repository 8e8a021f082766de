# SPDX-License-Identifier: GPL-2.0-or-later
"""TLPs between real programs' accesses and the emulated memory, on streams that ide-kmd has set up."""

import json
import os
import re
import signal
import struct
import subprocess
import threading

import pytest

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT, program


@pytest.fixture
def controller(platform, start_controller):
    """Without the watch: its reads would be among the TLPs that are attacked, and it clears the errors that it tells."""
    return start_controller(platform, "--watch-interval", "0")


def bar(platform, bdf=ENDPOINT):
    return platform.mount / "devices" / bdf / "resource0"


def write(platform, data, at=0, bdf=ENDPOINT):
    fd = os.open(bar(platform, bdf), os.O_WRONLY)
    try:
        assert os.pwrite(fd, data, at) == len(data)
    finally:
        os.close(fd)


def read(platform, size, at=0, bdf=ENDPOINT):
    fd = os.open(bar(platform, bdf), os.O_RDONLY)
    try:
        return os.pread(fd, size, at)
    finally:
        os.close(fd)


def errors(platform, bdf=ENDPOINT):
    return [(e["error"], e["why"]) for e in json.loads(platform.tell(f"errors {bdf}"))]


def enabled(platform, bdf):
    """The enabled streams of an end."""
    function = next(f for f in platform.state()["functions"] if f["bdf"] == bdf)
    return [s for s in function["streams"] if s["enabled"]]


def state(platform, bdf):
    """The stream's state and whether an IDE Fail message came, of an end."""
    stream = enabled(platform, bdf)[0]
    return stream["state"], stream["fail_message"] == 1


def packets(path):
    """(way, event, upper, lower, TLP) of each packet, by docs/link.md."""
    data = path.read_bytes()
    magic, major, minor, _, _, _, linktype = struct.unpack_from("<IHHIIII", data)
    assert (magic, major, minor, linktype) == (0xA1B2C3D4, 2, 4, 147)
    at, found = 24, []
    while at < len(data):
        _, _, kept, length = struct.unpack_from("<IIII", data, at)
        assert kept == length
        version, way, event, segment, upper, lower = struct.unpack_from(">BBBBHH", data, at + 16)
        assert (version, segment) == (1, 0)
        found.append((way, event, upper, lower, data[at + 24:at + 16 + length]))
        at += 16 + length
    return found


# --- Without IDE -----------------------------------------------------------------------------------------------------


def test_dd_reads_and_writes_a_bar(platform, tmp_path):
    data = os.urandom(9000)
    file = tmp_path / "data"
    file.write_bytes(data)
    subprocess.run(["dd", f"if={file}", f"of={bar(platform)}", "bs=777", "seek=1", "conv=notrunc"], check=True,
                   capture_output=True)
    back = subprocess.run(["dd", f"if={bar(platform)}", "bs=777", "skip=1"], check=True, capture_output=True).stdout
    assert back[:len(data)] == data
    assert bar(platform).stat().st_size == 0x4000
    assert len(bar(platform).read_bytes()) == 0x4000
    with pytest.raises(OSError, match="File too large"):
        write(platform, b"12345678", 0x4000 - 4)
    assert not bar(platform, ROOT_PORT).exists()


def test_dma_goes_both_ways(platform):
    platform.tell("host write 0x1003 00112233445566778899")
    assert platform.tell(f"dma {ENDPOINT} read 0x1003 10") == "00112233445566778899"
    platform.tell(f"dma {SWITCH_ENDPOINTS[0]} write 0x123456789 deadbeef")
    assert platform.tell("host read 0x123456788 6") == "00deadbeef00"
    platform.setpci(ENDPOINT, "COMMAND.w=2")
    with pytest.raises(AssertionError, match="bus mastering or the link is off"):
        platform.tell(f"dma {ENDPOINT} read 0 4")


@pytest.mark.parametrize("line", [
    "dma", f"dma {ENDPOINT} read 0", f"dma {ENDPOINT} read 0 0", f"dma {ENDPOINT} read 0 5000", "dma x read 0 1",
    f"dma {ENDPOINT} write 0 abc", f"dma {ENDPOINT} write 0 ab secret", f"dma {ROOT_PORT} read 0 4", "host read -1 4",
    "host erase 0 4", f"adversary {ENDPOINT} left drop all", f"adversary {ENDPOINT} up drop", "errors 0000:09:00.0",
    f"adversary {ENDPOINT} up drop all 1 1 1", f"adversary {ENDPOINT} up send 0", f"adversary {ENDPOINT} up inject",
    f"adversary {ENDPOINT} up drop some", f"adversary {ENDPOINT} up inject {'00' * 400}",
])
def test_orders_that_are_none(platform, line):
    with pytest.raises(AssertionError, match="error"):
        platform.tell(line)


def test_memory_that_is_off_is_an_unsupported_request(platform):
    platform.setpci(ENDPOINT, "COMMAND.w=4")
    with pytest.raises(OSError, match="Input/output error"):
        read(platform, 4)
    assert errors(platform) == [("unsupported-request", "nothing is there")]
    assert "UnsupReq+" in platform.lspci("-vvv", "-s", ENDPOINT)
    assert re.search(r"Advanced Error Reporting\n.*UESta:.*UnsupReq\+", platform.lspci("-vvv", "-s", ENDPOINT))


# --- With a stream ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint, root_port", [(ENDPOINT, ROOT_PORT), (SWITCH_ENDPOINTS[0], SWITCH_ROOT_PORT)])
def test_a_capture_shows_ciphertext_and_nothing_else(start_platform, start_controller, tmp_path, endpoint, root_port):
    capture, log = tmp_path / "link.pcap", tmp_path / "link.txt"
    platform = start_platform("--pcap", str(capture), "--link-log", str(log))
    write(platform, b"before the stream is on!", 0, endpoint)
    controller = start_controller(platform, "--watch-interval", "0")
    controller.json("establish", endpoint, "--stream", "5")
    begun = len(packets(capture))
    secret = b"nobody on the link may read this"
    write(platform, secret, 64, endpoint)
    assert read(platform, len(secret), 64, endpoint) == secret
    assert read(platform, 24, 0, endpoint) == b"before the stream is on!"
    data = capture.read_bytes()
    assert b"before the stream is on!" in data and secret not in data
    memory = [p for p in packets(capture)[begun:] if p[4][0] == 0x92]
    hops = 1 if endpoint == ENDPOINT else 2
    assert [(p[0], p[4][1] & 7, p[4][2], p[4][1] >> 7) for p in memory[::hops]] == [
        (0, 0, 5, 1), (0, 1, 5, 1), (1, 2, 5, 1), (0, 1, 5, 1), (1, 2, 5, 1)]
    assert len(memory) == 5 * hops
    # through a switch IDE TLPs pass unaltered
    assert [p[4] for p in memory[::hops]] == [p[4] for p in memory[hops - 1::hops]]
    assert f"{root_port} > " in log.read_text() and "IDE stream 5 PR K0 M pr 0 | MWr32" in log.read_text()
    assert secret.hex() not in log.read_text().replace(" ", "")


ATTACKS = [
    # the attack, what the victim finds out then, and when: at once, or with the next write
    ("flip=200 pr 1", "MAC check failed", 1),
    ("replay pr 1", "MAC check failed", 1),
    ("drop pr 1", "MAC check failed", 2),
    ("reorder pr 1", "MAC check failed", 2),
    ("delay=1 pr 1", "MAC check failed", 2),
    ("stream=77 pr 1", "MAC check failed", 2),
    ("hold pr 1", "MAC check failed", 2),
]


@pytest.mark.parametrize("attack, why, writes", ATTACKS)
def test_an_attack_is_detected_and_ends_the_stream(platform, controller, attack, why, writes):
    controller.json("establish", ENDPOINT, "--stream", "0")
    write(platform, b"first")
    platform.tell(f"adversary {ENDPOINT} down {attack}")
    for number in range(writes):
        write(platform, b"%05d" % number)
    platform.tell(f"adversary {ENDPOINT} down release")
    assert ("ide-check-failed", why) in errors(platform)
    assert state(platform, ENDPOINT) == ("insecure", False)
    assert state(platform, ROOT_PORT) == ("insecure", True)
    # AER says so, too: status bit 28, and the first error pointer
    assert int(platform.setpci(ENDPOINT, "ECAP0001+4.l"), 16) >> 28 & 1 == 1
    # nothing is sent in the clear instead; once the stream is stopped, the memory shows what came through
    with pytest.raises(OSError):
        read(platform, 5)
    assert controller.ctl("stop", ENDPOINT, "--stream", "0").returncode == 0
    assert read(platform, 5) == (b"00000" if attack.startswith("replay") else b"first")
    platform.tell(f"adversary {ENDPOINT} down off")
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"
    write(platform, b"again")
    assert read(platform, 5) == b"again"


def test_a_write_that_is_passed_off_as_another_streams_ends_both(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    controller.json("establish", ENDPOINT, "--stream", "1", "--tc", "1")
    write(platform, b"first")
    platform.tell(f"adversary {ENDPOINT} down stream=1 pr 1")
    write(platform, b"swap!")   # stream 1 has another key
    write(platform, b"later")   # and stream 0 has missed one
    assert [(e["error"], e["stream"]) for e in json.loads(platform.tell(f"errors {ENDPOINT}"))] == [
        ("ide-check-failed", 1), ("ide-check-failed", 0)]
    assert errors(platform, ROOT_PORT) == []
    for bdf, told in ((ENDPOINT, 0), (ROOT_PORT, 1)):
        assert [(s["stream_id"], s["state"], s["fail_message"]) for s in enabled(platform, bdf)] == [
            (0, "insecure", told), (1, "insecure", told)]
    for stream in ("0", "1"):
        assert controller.ctl("stop", ENDPOINT, "--stream", stream).returncode == 0
    assert read(platform, 5) == b"first"
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"
    write(platform, b"again")
    assert read(platform, 5) == b"again"


def test_an_altered_completion_is_not_read(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    write(platform, b"right")
    platform.tell(f"adversary {ENDPOINT} up flip=140 cpl 1")
    with pytest.raises(OSError, match="Input/output error"):
        read(platform, 5)
    assert errors(platform, ROOT_PORT) == [("ide-check-failed", "MAC check failed"),
                                           ("completion-timeout", "no completion came in time")]
    assert state(platform, ROOT_PORT) == ("insecure", False)
    assert state(platform, ENDPOINT) == ("insecure", True)


def test_a_forged_write_in_the_clear_is_refused(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    write(platform, b"true")
    platform.tell(f"adversary {ENDPOINT} down inject 400000010018000fe0000000" + b"lies".hex())
    assert errors(platform) == [("ide-check-failed", "it is not encrypted, and a stream covers it")]
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    assert read(platform, 4) == b"true"


def test_a_recorded_write_is_worth_nothing_in_the_next_session(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.tell(f"adversary {ENDPOINT} down record pr 1")
    write(platform, b"old!")
    assert len(json.loads(platform.tell(f"adversary {ENDPOINT} down recorded"))) == 1
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    controller.json("establish", ENDPOINT, "--stream", "0")
    write(platform, b"new!")
    platform.tell(f"adversary {ENDPOINT} down send 0")
    assert errors(platform) == [("ide-check-failed", "MAC check failed")]
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    assert read(platform, 4) == b"new!"


def test_a_switch_without_flow_through_misroutes(platform, controller):
    endpoint = SWITCH_ENDPOINTS[0]
    controller.json("establish", endpoint, "--stream", "0")
    write(platform, b"good", 0, endpoint)
    # a frame of a stream that the switch's port cannot know is let through; with flow-through off nothing is
    platform.setpci("0000:02:00.0", "ECAP0030+8.l=0")
    write(platform, b"lost", 0, endpoint)
    # without a way the stream is Insecure, and nothing of it goes in the clear
    assert state(platform, endpoint)[0] == "insecure"
    platform.tell(f"adversary {SWITCH_ROOT_PORT} down inject 92800000" + "400000010020000fe0100000" + "00" * 16)
    assert errors(platform, "0000:02:00.0") == [
        ("misrouted-ide", "flow-through is off at the port where it came in")]
    with pytest.raises(OSError):
        read(platform, 4, 0, endpoint)


# --- The CVEs of 2025 ------------------------------------------------------------------------------------------------


def test_cve_2025_9612_a_read_cannot_pass_a_write(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.tell(f"adversary {ENDPOINT} down hold pr")
    write(platform, b"held")
    with pytest.raises(OSError):
        read(platform, 4)
    assert errors(platform) == [("ide-check-failed", "it passed a posted request")]
    platform.tell(f"adversary {ENDPOINT} down release")
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    assert read(platform, 4) == bytes(4)


def test_cve_2025_9612_nor_an_ide_sync_message(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    for number in range(255):
        write(platform, b"%04d" % number)
    platform.tell(f"adversary {ENDPOINT} down hold pr")
    write(platform, b"held")
    with pytest.raises(OSError):
        read(platform, 4)
    assert errors(platform)[0][0] == "ide-check-failed"
    assert state(platform, ENDPOINT)[0] == "insecure"


def test_cve_2025_9613_a_completion_after_its_timeout_is_nobodys(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    write(platform, b"1111")
    write(platform, b"2222", 4)
    platform.tell(f"adversary {ENDPOINT} up hold cpl 1")
    with pytest.raises(OSError):
        read(platform, 4)
    platform.tell(f"adversary {ENDPOINT} up release")
    assert [e[0] for e in errors(platform, ROOT_PORT)] == ["completion-timeout", "unexpected-completion"]
    assert read(platform, 4, 4) == b"2222"
    assert state(platform, ROOT_PORT) == ("secure", False)


@pytest.mark.parametrize("after", ["rekey", "stop"])
def test_cve_2025_9614_a_write_under_old_keys_is_refused(platform, controller, after):
    controller.json("establish", ENDPOINT, "--stream", "0")
    write(platform, b"first")
    platform.tell(f"adversary {ENDPOINT} down hold pr 1")
    write(platform, b"stale")
    if after == "rekey":
        assert controller.json("rekey", ENDPOINT)["streams"][0]["state"] == "secure"
    else:
        controller.ctl("stop", ENDPOINT, "--stream", "0")
        controller.json("establish", ENDPOINT, "--stream", "0")
    platform.tell(f"adversary {ENDPOINT} down release")
    assert [e[0] for e in errors(platform)] == ["ide-check-failed"]
    assert state(platform, ENDPOINT)[0] == "insecure"
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    assert read(platform, 5) == b"first"


# --- Refresh ---------------------------------------------------------------------------------------------------------

REFRESHES = int(os.environ.get("IDE_KM_REFRESHES", "10"))


class Traffic:
    """Writes and reads a BAR, and lets the endpoint do the same with the host's memory, until it is stopped."""

    def __init__(self, platform, bdf, memory=0x10000):
        self.platform, self.bdf, self.memory = platform, bdf, memory
        self.count, self.wrong, self.ending = 0, [], False
        self.threads = [threading.Thread(target=self._guarded, args=(work,)) for work in (self._bar, self._dma)]
        for thread in self.threads:
            thread.start()

    def _guarded(self, work):
        number = 0
        try:
            while not self.ending:
                number += 1
                work(number)
                self.count += 1
        except Exception as e:  # pylint: disable=broad-except
            self.wrong.append((work.__name__, number, e))

    def _bar(self, number):
        at, data = number * 64 % 8192, struct.pack("<Q", number) * 37
        write(self.platform, data, at, self.bdf)
        assert read(self.platform, len(data), at, self.bdf) == data

    def _dma(self, number):
        at, data = self.memory + number * 32 % 4096, struct.pack("<Q", number) * 20
        self.platform.tell(f"dma {self.bdf} write {at} {data.hex()}")
        assert self.platform.tell(f"dma {self.bdf} read {at} {len(data)}") == data.hex()

    def stop(self):
        self.ending = True
        for thread in self.threads:
            thread.join()
        assert not self.wrong, self.wrong


def transmits(platform, bdf):
    """Under which key set an end's transmitter of each sub-stream sends."""
    return enabled(platform, bdf)[0]["transmit_key_set"]


def test_what_is_on_its_way_arrives_before_the_old_keys_are_stopped(platform, start_controller, monkeypatch):
    """Both ways, sent under the old keys, and still on the link when both transmitters have changed over."""
    monkeypatch.setenv("IDE_KMD_STOP", "rekey:drain")
    controller = start_controller(platform, "--watch-interval", "0")
    controller.json("establish", ENDPOINT, "--stream", "0", "--default")
    for way in ("down", "up"):
        platform.tell(f"adversary {ENDPOINT} {way} hold pr 1")
    write(platform, b"down")
    platform.tell(f"dma {ENDPOINT} write 0x1000 {b'up..'.hex()}")
    with subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, "--json", "rekey", ENDPOINT],
                          stdout=subprocess.PIPE) as rekey:
        os.waitid(os.P_PID, controller.process.pid, os.WSTOPPED | os.WNOWAIT)
        assert transmits(platform, ENDPOINT) == transmits(platform, ROOT_PORT) == [1, 1, 1]
        assert platform.tell("host read 0x1000 4") == "00000000"   # they are still held
        for way in ("down", "up"):
            platform.tell(f"adversary {ENDPOINT} {way} release")
        controller.process.send_signal(signal.SIGCONT)
        stream = json.loads(rekey.communicate(timeout=60)[0])["streams"][0]
    assert (stream["state"], stream["rekeys"], stream.get("notes", [])) == ("secure", 1, [])
    assert read(platform, 4) == b"down"
    assert platform.tell("host read 0x1000 4") == b"up..".hex()
    assert errors(platform, ENDPOINT) == errors(platform, ROOT_PORT) == []
    assert state(platform, ENDPOINT) == state(platform, ROOT_PORT) == ("secure", False)


def test_refreshes_under_traffic_lose_nothing(platform, controller):
    """Whole programs; test_refresh.c does 1,000 in one process, with all that is between the sockets and the link."""
    controller.json("establish", ENDPOINT, "--stream", "0", "--default")
    traffic = Traffic(platform, ENDPOINT)
    try:
        for number in range(1, REFRESHES + 1):
            stream = controller.json("rekey", ENDPOINT)["streams"][0]
            assert (stream["state"], stream["rekeys"]) == ("secure", number)
    finally:
        traffic.stop()
    assert traffic.count > REFRESHES
    assert errors(platform, ENDPOINT) == errors(platform, ROOT_PORT) == []
    assert state(platform, ENDPOINT) == state(platform, ROOT_PORT) == ("secure", False)
