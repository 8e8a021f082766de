# SPDX-License-Identifier: GPL-2.0-or-later
"""What establish can ask of a stream: the TLPs have it, the registers show it, and who cannot do it is named."""

import pytest

from conftest import ctl
from streams import NONE, Bench, ide

PORT, END = "0000:00:01.0", "0000:01:00.0"
POOR_PORT, POOR = "0000:00:02.0", "0000:02:00.0"
RICH_END_PORT, RICH_END = "0000:00:03.0", "0000:03:00.0"
ODD_PORT, EVEN_END = "0000:00:04.0", "0000:04:00.0"   # the one named "odd" has another algorithm
EVEN_PORT, ODD_END = "0000:00:05.0", "0000:05:00.0"
DULL_UP, BELOW_UP = "0000:06:00.0", "0000:08:00.0"       # the port of a switch without Flow-Through, and who is below it
DULL_DOWN, BELOW_DOWN = "0000:0a:00.0", "0000:0b:00.0"
LOW_PORT, BELOW_LOW_PORT = "0000:00:08.0", "0000:0c:00.0"      # "low" ones carry traffic classes 0 to 2
HIGH_PORT, LOW_END = "0000:00:09.0", "0000:0d:00.0"
LOW_UP, BELOW_LOW_UP = "0000:0e:00.0", "0000:10:00.0"
SECRET = bytes(range(64)) * 16   # eight TLPs of 128 bytes


def pair(port, end, port_ide, end_ide, port_more={}, end_more={}):
    return {"bdf": port, "type": "root-port", "doe": True, "ide": port_ide, **port_more,
            "below": [{"bdf": end, "type": "endpoint", "doe": True, "ide": end_ide, "bar_size": 4096, **end_more}]}


def switch(port, up, down, end, up_passes, down_passes, **up_more):
    return {"bdf": port, "type": "root-port", "doe": True, "ide": ide(2, 1), "below": [
        {"bdf": up, "type": "upstream", "doe": False, "ide": ide(0, 1, flow_through=up_passes), **up_more, "below": [
            {"bdf": down, "type": "downstream", "doe": False, "ide": ide(0, 1, flow_through=down_passes), "below": [
                {"bdf": end, "type": "endpoint", "doe": True, "ide": ide(1, 1), "bar_size": 4096}]}]}]}


@pytest.fixture(scope="module")
def bench():
    bench = Bench([pair(PORT, END, ide(4, 2, 2), ide(3, 2)),
                   pair(POOR_PORT, POOR, ide(1, 1), ide(1, 0, **NONE)),
                   pair(RICH_END_PORT, RICH_END, ide(1, 0, **NONE), ide(1, 1)),
                   pair(ODD_PORT, EVEN_END, ide(1, 1, algorithm=1), ide(1, 1)),
                   pair(EVEN_PORT, ODD_END, ide(1, 1), ide(1, 1, algorithm=31)),
                   switch("0000:00:06.0", DULL_UP, "0000:07:00.0", BELOW_UP, False, True),
                   switch("0000:00:07.0", "0000:09:00.0", DULL_DOWN, BELOW_DOWN, True, False),
                   pair(LOW_PORT, BELOW_LOW_PORT, ide(1, 1), ide(1, 1), {"traffic_classes": 0x07}, {"traffic_classes": 0x5f}),
                   pair(HIGH_PORT, LOW_END, ide(1, 1), ide(1, 1), {}, {"traffic_classes": 0x07}),
                   switch("0000:00:0a.0", LOW_UP, "0000:0f:00.0", BELOW_LOW_UP, True, True, traffic_classes=0x07)])
    yield bench
    bench.close()


@pytest.fixture
def up(bench):
    """Establishes between PORT and END; what came up is stopped, and leaves nothing."""
    began = []

    def establish(*options):
        done = bench.controller.json("establish", END, *options)
        for stream in done.get("streams", [done]):
            began.append(stream)
        bench.frames()
        return done

    yield establish
    for stream in began:
        bench.controller.json("stop", stream["root_port"], "--stream", str(stream["stream"]))
    assert bench.in_use() == set()
    bench.platform.tell(f"class {PORT} 0")
    bench.platform.tell(f"class {END} 0")
    bench.frames()


PLAIN = {"tc": 0, "algorithm": "AES-GCM-256", "partial_header": None, "aggregation": {"pr": 1, "npr": 1, "cpl": 1},
         "pcrc": False, "config_requests": False, "default": False, "tee_limited": False}


def features(stream):
    return [end["features"] for end in stream["ends"]]


def write_and_read(bench):
    """The TLPs of a write and a read of the same bytes: (writes, requests and completions)."""
    bench.frames()
    bench.write(END, SECRET)
    writes = bench.frames()
    assert bench.read(END, len(SECRET)) == SECRET
    return writes, bench.frames()


def test_a_plain_stream_does_nothing_more(bench, up):
    stream = up("--algorithm", "aes-gcm-256")
    assert (stream["kind"], features(stream)) == ("selective", [PLAIN, PLAIN])
    writes, reads = write_and_read(bench)
    assert [(f.code, f.stream, f.mac, f.pcrc) for f in writes] == [("MWr32", 0, True, False)] * 8
    assert {(f.stream, f.sub) for f in reads} == {(0, "NPR"), (0, "CPL")}
    assert writes[0].address == reads[0].address   # nothing of it is hidden


def test_pcrc(bench, up):
    stream = up("--pcrc")
    assert features(stream) == [PLAIN | {"pcrc": True}] * 2
    writes, reads = write_and_read(bench)
    assert all(f.pcrc for f in writes)
    assert [f.pcrc for f in reads] == [f.code == "CplD" for f in reads]   # a checksum of the payload


@pytest.mark.parametrize("mode, bits", [("17:2", 18), ("25:2", 26), ("33:2", 26), ("41:2", 26)])
def test_partial_header_encryption(bench, up, mode, bits):
    stream = up("--partial-header", mode)
    assert features(stream) == [PLAIN | {"partial_header": mode}] * 2
    writes, reads = write_and_read(bench)
    base = int(bench.platform.setpci(END, "BASE_ADDRESS_0.l"), 16) & ~15
    true = [base + 128 * i for i in range(8)]
    for requests in (writes, [f for f in reads if f.memory]):
        # of a 32-bit address 25:2 is the most; what is left of it can be read
        assert {f.address >> bits for f in requests} == {base >> bits}
        assert [f.address for f in requests] != true and len(requests) == len(true)
    assert {f.stream for f in writes + reads} == {0}


@pytest.mark.parametrize("asked, set_to, units", [
    ("4", {"pr": 4, "npr": 4, "cpl": 4}, [False, False, False, True] * 2),
    ("pr=8,npr=none", {"pr": 8, "npr": 1, "cpl": 1}, [False] * 7 + [True]),
    ("pr=2,cpl=8", {"pr": 2, "npr": 1, "cpl": 8}, [False, True] * 4),
    ("none", {"pr": 1, "npr": 1, "cpl": 1}, [True] * 8),
])
def test_aggregation(bench, up, asked, set_to, units):
    stream = up("--aggregation", asked)
    assert features(stream) == [PLAIN | {"aggregation": set_to}] * 2
    writes, _ = write_and_read(bench)
    assert [f.mac for f in writes] == units


def test_a_traffic_class_is_the_only_one_that_is_protected(bench, up):
    stream = up("--tc", "5")
    assert features(stream) == [PLAIN | {"tc": 5}] * 2
    writes, reads = write_and_read(bench)
    assert {f.stream for f in writes + reads} == {None}
    bench.platform.tell(f"class {PORT} 5")
    writes, reads = write_and_read(bench)
    assert {f.stream for f in writes + reads} == {0}


def test_each_traffic_class_can_have_its_stream(bench, up):
    assert up("--stream", "7")["stream"] == 7
    assert up("--tc", "3", "--stream", "8")["stream"] == 8
    error = bench.controller.error("establish", END, "--tc", "3", "--stream", "9")
    assert (error["code"], error["device"]) == ("stream_used", PORT)
    assert error["message"] == "stream 8 has traffic class 3 between these ports already"
    for traffic_class, stream in ((0, 7), (3, 8)):
        bench.platform.tell(f"class {PORT} {traffic_class}")
        bench.frames()
        bench.write(END, SECRET)
        assert {f.stream for f in bench.frames()} == {stream}


def test_a_default_stream_takes_what_the_endpoint_sends(bench, up):
    up("--tc", "1")
    bench.platform.tell(f"class {END} 1")
    bench.platform.tell(f"dma {END} write 0x1000 00112233")
    assert [(f.down, f.stream) for f in bench.frames()] == [(False, None)]
    stream = up("--default")
    # the root port has many to send to: it has no default
    assert features(stream) == [PLAIN, PLAIN | {"default": True}]
    bench.platform.tell(f"class {END} 0")
    bench.platform.tell(f"dma {END} write 0x1000 44556677")
    assert bench.platform.tell(f"dma {END} read 0x1000 4") == "44556677"
    assert {f.stream for f in bench.frames()} == {stream["stream"]}


def test_configuration_requests(bench, up):
    up("--config-requests")
    assert bench.platform.setpci(END, "VENDOR_ID.w") == "1b36"
    frames = bench.frames()
    assert frames and {f.stream for f in frames} == {0}
    assert bench.controller.json("show", END)["streams"][0]["ends"][1]["features"] == PLAIN | {"config_requests": True}


def test_configuration_requests_are_in_the_clear_without(bench, up):
    up()
    assert bench.platform.setpci(END, "VENDOR_ID.w") == "1b36"
    assert {f.stream for f in bench.frames() if f.config} == {None}


def test_a_tee_limited_stream_takes_only_what_a_tee_sends(bench, up):
    stream = up("--tee-limited", "--default")
    assert features(stream) == [PLAIN | {"tee_limited": True}, PLAIN | {"tee_limited": True, "default": True}]
    bench.platform.tell(f"dma {END} write 0x1000 00112233")
    bench.platform.tell(f"dma {END} write 0x1000 44556677 trusted")
    assert [(f.stream, f.trusted) for f in bench.frames()] == [(None, False), (0, True)]


def test_a_link_stream_takes_everything(bench, up):
    done = up("--link", "--pcrc", "--aggregation", "pr=2")
    assert [(s["kind"], s["root_port"], s["endpoint"], s["state"]) for s in done["streams"]] == [
        ("link", PORT, END, "secure")]
    assert features(done["streams"][0]) == [PLAIN | {"pcrc": True, "aggregation": {"pr": 2, "npr": 1, "cpl": 1}}] * 2
    writes, reads = write_and_read(bench)
    assert [(f.stream, f.mac, f.pcrc) for f in writes] == [(0, False, True), (0, True, True)] * 4
    bench.platform.setpci(END, "VENDOR_ID.w")
    bench.platform.tell(f"dma {END} write 0x1000 00112233")
    assert {f.stream for f in reads + bench.frames()} == {0}
    shown = bench.controller.json("show", PORT)["streams"]
    assert [(s["kind"], s["stream"], s["owner"]) for s in shown] == [("link", 0, "controller")]


def test_both_kinds_together(bench, up):
    done = up("--link", "--selective", "--stream", "4", "--default")
    assert sorted((s["kind"], s["stream"]) for s in done["streams"]) == [("link", 0), ("selective", 4)]
    writes, reads = write_and_read(bench)
    assert {f.stream for f in writes + reads} == {4}   # what is on a selective stream stays on it
    bench.platform.setpci(END, "VENDOR_ID.w")
    assert {f.stream for f in bench.frames()} == {0}
    assert {(end["bdf"], end["state"]) for s in done["streams"] for end in s["ends"]} == {
        (PORT, "secure"), (END, "secure")}


def test_the_second_link_stream_has_another_traffic_class(bench, up):
    up("--link")
    error = bench.controller.error("establish", END, "--link")
    assert (error["code"], error["message"]) == (
        "stream_used", "stream 0 has traffic class 0 between these ports already")
    assert up("--link", "--tc", "2")["streams"][0]["stream"] == 1
    bench.platform.tell(f"class {PORT} 2")
    writes, reads = write_and_read(bench)
    assert {f.stream for f in writes + reads} == {1}
    error = bench.controller.error("establish", END, "--link", "--tc", "3")
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "resources", "setup", PORT, "link blocks")


def test_a_key_refresh_keeps_what_a_stream_does(bench, up):
    up("--pcrc", "--aggregation", "2", "--partial-header", "17:2")
    before = bench.controller.json("show", END)["streams"][0]
    after = bench.controller.json("rekey", END)["streams"][0]
    assert features(after) == features(before)
    writes, _ = write_and_read(bench)
    assert {(f.stream, f.pcrc) for f in writes} == {(0, True)}


LACKS = [
    (["--pcrc"], "PCRC Supported"),
    (["--partial-header", "17:2"], "Partial Header Encryption Supported"),
    (["--aggregation", "2"], "Aggregation Supported"),
    (["--aggregation", "cpl=8"], "Aggregation Supported"),
    (["--config-requests"], "Selective IDE for Configuration Requests Supported"),
    (["--tee-limited"], "TEE-Limited Stream Supported"),
    (["--link"], "Link IDE Stream Supported"),
]


@pytest.mark.parametrize("asked, field", LACKS)
@pytest.mark.parametrize("end, lacking", [(POOR, POOR), (RICH_END, RICH_END_PORT)])
def test_what_an_end_lacks_is_named(bench, end, lacking, asked, field):
    error = bench.controller.error("establish", end, *asked)
    assert (error["code"], error["step"], error["device"], error["field"]) == ("capability", "survey", lacking, field)
    assert error["hint"] and error["outcome"] is None
    assert bench.in_use() == set()


@pytest.mark.parametrize("asked", [[], ["--algorithm", "AES-GCM-256"], ["--link"]])
@pytest.mark.parametrize("end, lacking", [(EVEN_END, ODD_PORT), (ODD_END, ODD_END)])
def test_an_end_with_another_algorithm_is_named(bench, end, lacking, asked):
    error = bench.controller.error("establish", end, *asked)
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "capability", "survey", lacking, "Supported Algorithms")
    assert error["hint"] and error["outcome"] is None
    assert bench.in_use() == set()


@pytest.mark.parametrize("end, lacking, kind", [
    (BELOW_LOW_PORT, LOW_PORT, "--selective"), (BELOW_LOW_PORT, LOW_PORT, "--link"),
    (LOW_END, LOW_END, "--selective"), (LOW_END, LOW_END, "--link"), (BELOW_LOW_UP, LOW_UP, "--selective"),
])
def test_a_port_whose_virtual_channels_do_not_carry_the_traffic_class_is_named(bench, end, lacking, kind):
    for tc in ("3", "7"):
        error = bench.controller.error("establish", end, kind, "--tc", tc)
        assert (error["code"], error["step"], error["device"], error["field"]) == (
            "capability", "survey", lacking, "TC/VC Map")
        assert error["hint"] and error["outcome"] is None
    assert bench.in_use() == set()
    done = bench.controller.json("establish", end, kind, "--tc", "2")
    [stream] = done.get("streams", [done])
    assert stream["state"] == "secure"
    bench.controller.json("stop", stream["root_port"], "--stream", str(stream["stream"]))


@pytest.mark.parametrize("end, lacking", [(BELOW_UP, DULL_UP), (BELOW_DOWN, DULL_DOWN)])
def test_a_switch_port_that_cannot_pass_ide_tlps_on_is_named(bench, end, lacking):
    error = bench.controller.error("establish", end)
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "capability", "survey", lacking, "Flow-Through IDE Stream Supported")
    assert error["hint"] and error["outcome"] is None
    assert bench.in_use() == set()
    assert not bench.controller.json("show")["streams"]


@pytest.mark.parametrize("asked, message", [
    (["--tc", "8"], "the member \"tc\" must be a traffic class, 0 to 7"),
    (["--link", "--default"], "a link stream has no \"default\""),
    (["--link", "--tee-limited"], "a link stream has no \"tee_limited\""),
    (["--link", "--config-requests"], "a link stream has no \"config_requests\""),
])
def test_what_no_stream_can_do_is_refused(bench, asked, message):
    error = bench.controller.error("establish", END, *asked)
    assert (error["code"], error["step"], error["message"]) == ("argument", "request", message)


@pytest.mark.parametrize("arguments, message", [
    (["establish", END, "--partial-header", "18:2"], "--partial-header takes 17:2, 25:2, 33:2 or 41:2: 18:2"),
    (["establish", END, "--aggregation", "3"], "--aggregation takes none, 2, 4 or 8, or pr="),
    (["establish", END, "--aggregation", "pr=2,x=4"], "--aggregation takes none, 2, 4 or 8, or pr="),
    (["establish", END, "--aggregation", "pr"], "--aggregation takes none, 2, 4 or 8, or pr="),
    (["establish", END, "--algorithm", "DES"], "--algorithm takes AES-GCM-256: DES"),
    (["establish", END, "--tc", "x"], "--tc takes a number: x"),
    (["stop", END, "--stream", "0", "--pcrc"], "no --pcrc is taken by stop"),
])
def test_a_command_line_that_is_wrong(arguments, message):
    done = ctl(*arguments)
    assert done.returncode == 2 and message in done.stderr, done.stderr


def test_people_are_told_what_a_stream_does(bench, up):
    done = bench.controller.ctl("establish", END, "--pcrc", "--aggregation", "pr=4,cpl=2", "--partial-header", "25:2")
    assert done.stdout.splitlines()[-1] == "  TC 0, pcrc, partial_header 25:2, aggregation pr=4,cpl=2"
    shown = bench.controller.ctl("show", END).stdout.splitlines()[-1]
    assert shown.endswith("selective TC 0, pcrc, partial_header 25:2, aggregation pr=4,cpl=2")
    bench.controller.json("stop", END, "--stream", "0")
    up("--link")
    assert " 0 link Secure" in bench.controller.ctl("list").stdout


@pytest.mark.parametrize("provider", ["kcu", "rot"])
def test_other_key_providers_key_link_streams_too(provider):
    port = pair(PORT, END, ide(4, 1), ide(4, 1)) | {"doe": False}
    more, functions, options = {"kcu": [{"base": "0xfed00000", "root_ports": [PORT]}]}, [port], []
    if provider == "rot":
        more = {"rot": {"bdf": "0000:00:1f.0", "root_ports": [PORT]}}
        functions, options = [port, {"bdf": "0000:00:1f.0", "type": "rc-endpoint", "doe": True}], ["--rot", "0000:00:1f.0"]
    bench = Bench(functions, options, **more)
    try:
        done = bench.controller.json("establish", END, "--link", "--selective")
        assert {(s["kind"], s["provider"], s["state"]) for s in done["streams"]} == {
            ("link", provider, "secure"), ("selective", provider, "secure")}
        assert {s["key_set"] for s in bench.controller.json("rekey")["streams"]} == {1}
        bench.write(END, b"on the selective one")
        bench.frames()
        bench.platform.setpci(END, "VENDOR_ID.w")
        assert {f.stream for f in bench.frames()} == {s["stream"] for s in done["streams"] if s["kind"] == "link"}
    finally:
        bench.close()
