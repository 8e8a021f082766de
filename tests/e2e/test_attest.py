# SPDX-License-Identifier: GPL-2.0-or-later
"""What attest tells of a device, and measurements against what the operator expects of them."""

import hashlib
import json

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS

ROM, FIRMWARE = b"ide-emu boot ROM", b"ide-emu firmware"
TYPES = ["rom", "firmware", "hardware_config", "firmware_config", "hash_extend", "svn", "manifest", "device_mode"]
INDICES = [1, 2, 3, 4, 5, 6, 0xfd, 0xfe]


def digest(value):
    return hashlib.sha384(value).hexdigest()


def reference(directory, *sets, name="reference.json"):
    path = directory / name
    path.write_text(json.dumps({"references": list(sets)}))
    return str(path)


def values(*pairs):
    return [{"index": index, "value": value} for index, value in pairs]


RIGHT = values((1, digest(ROM)), (2, digest(FIRMWARE)), (6, "0100000000000000"))


def test_identity_measurements_and_log(platform, start_controller, directory):
    """All that attest tells, in each form in which measurements are asked for."""
    controller = start_controller(platform)
    shown = controller.json("attest", ENDPOINT)
    assert [(c["subject"], c["issuer"]) for c in shown["chain"]] == [
        ("CN=ide-emu-authority-root", "CN=ide-emu-authority-root"),
        ("CN=ide-emu-authority-intermediate", "CN=ide-emu-authority-root"),
        (f"CN={ENDPOINT}", "CN=ide-emu-authority-intermediate")]
    assert min(c["not_after"] for c in shown["chain"]) == shown["not_after"]
    assert all(c["not_before"] < c["not_after"] for c in shown["chain"])
    m = shown["measurements"]
    assert (m["signed"], m["in_session"], m["hash"], m["references"]) == (True, False, "SHA-384", 0)
    assert [b["index"] for b in m["list"]] == INDICES
    assert [b["type"] for b in m["list"]] == TYPES
    assert m["list"][0] == {"index": 1, "type": "rom", "raw": False, "value": digest(ROM), "as_expected": False}
    assert m["list"][5] == {"index": 6, "type": "svn", "raw": True, "value": "0100000000000000", "as_expected": False}
    assert shown["mel"] is None and shown["ide_km"] is None

    m = controller.json("attest", ENDPOINT, "--raw", "--measurement", "2", "--unsigned")["measurements"]
    assert m == {"signed": False, "in_session": False, "hash": "SHA-384", "content_changed": "unknown", "references": 0,
                 "list": [{"index": 2, "type": "firmware", "raw": True, "value": FIRMWARE.hex(), "as_expected": False}]}
    shown = controller.json("attest", ENDPOINT, "--in-session", "--mel")
    assert (shown["measurements"]["signed"], shown["measurements"]["in_session"]) == (True, True)
    assert [(e["number"], e["index"], e["type"], bytes.fromhex(e["value"])) for e in shown["mel"]] == [
        (1, 5, "informational", b"boot ROM"), (2, 5, "informational", b"loader"), (3, 5, "version", b"1.0")]

    error = controller.error("attest", ENDPOINT, "--measurement", "7")   # it has no such one
    assert (error["code"], error["step"], error["exchange"]) == ("peer_error", "attest", "GET_MEASUREMENTS")
    error = controller.error("attest", ENDPOINT, "--measurement", "255")
    assert (error["code"], error["step"], error["field"]) == ("argument", "request", "index")
    assert controller.json("attest", ROOT_PORT)["measurements"]["signed"]

    text = controller.ctl("attest", ENDPOINT, "--mel").stdout
    assert f"    CN={ENDPOINT}, issued by CN=ide-emu-authority-intermediate, valid from " in text
    assert "  Measurements: 8, signed, SHA-384; 0 reference values\n" in text
    assert digest(ROM) in text
    assert "Measurement extension log: 3 entries, which add up to the measurements\n" in text

    # a stream is not disturbed by it, and neither is it by the stream
    controller.json("establish", ENDPOINT, "--stream", "0")
    assert controller.json("attest", ENDPOINT, "--in-session")["measurements"]["in_session"]
    assert controller.json("rekey", ENDPOINT)["streams"][0]["state"] == "secure"


def test_reference_values(platform, start_controller, directory):
    """They are read anew for each attest, and for each establish if it needs them."""
    path = reference(directory, {"bdf": ENDPOINT, "measurements": RIGHT})
    controller = start_controller(platform, "--reference", path, "--require-reference")
    m = controller.json("attest", ENDPOINT)["measurements"]
    assert (m["references"], [b["index"] for b in m["list"] if b["as_expected"]]) == (3, [1, 2, 6])
    # what is compared is compared whatever is shown
    m = controller.json("attest", ENDPOINT, "--raw", "--unsigned", "--measurement", "1")["measurements"]
    assert (m["references"], m["signed"], m["list"][0]["value"]) == (3, False, ROM.hex())
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"
    error = controller.error("establish", SWITCH_ENDPOINTS[0])   # another device, of which nothing is known
    assert (error["code"], error["step"], error["device"]) == ("no_reference", "session", SWITCH_ENDPOINTS[0])
    assert error["outcome"] == "the stream is off at both ports"

    # one of several is enough, and a name fits as far as it goes
    reference(directory, {"name": "Vendor=1B36:Device=0010",
                          "measurements": RIGHT + values((2, digest(b"older firmware")))})
    assert controller.json("attest", SWITCH_ENDPOINTS[0])["measurements"]["references"] == 4
    assert controller.json("establish", SWITCH_ENDPOINTS[0])["state"] == "secure"
    assert controller.json("attest", SWITCH_ENDPOINTS[1])["measurements"]["references"] == 0

    reference(directory, {"bdf": ENDPOINT, "measurements": RIGHT + values((4, "00" * 48))})
    for command in (["attest", ENDPOINT], ["attest", ENDPOINT, "--unsigned"],
                    ["establish", ENDPOINT, "--tc", "1"]):
        error = controller.error(*command)
        assert (error["code"], error["device"], error["exchange"], error["field"]) == (
            "measurement", ENDPOINT, "MEASUREMENTS", "DMTFSpecMeasurementValue")
        assert error["measurement"] == {"index": 4, "got": digest(b"ide-emu settings"), "expected": ["00" * 48]}
    done = controller.ctl("attest", ENDPOINT)
    assert done.returncode == 1
    assert f"  Measurement 4: {digest(b'ide-emu settings')}\n  Expected: {'00' * 48}\n" in done.stderr
    assert controller.json("show", ENDPOINT)["streams"][0]["state"] == "secure"   # the one that was up before

    reference(directory, {"measurements": RIGHT + values((9, "00"))})   # the device has no such one
    error = controller.error("attest", ENDPOINT)
    assert (error["field"], error["measurement"]) == ("MeasurementBlock", {"index": 9, "got": None, "expected": ["00"]})
    reference(directory, {"complete": True, "measurements": RIGHT})     # and others besides
    error = controller.error("attest", ENDPOINT)
    assert (error["field"], error["measurement"]["index"], error["measurement"]["expected"]) == ("Index", 3, [])

    reference(directory, {"bdf": "here", "measurements": RIGHT})
    error = controller.error("attest", ENDPOINT)
    assert (error["code"], error["step"], error["field"]) == ("no_reference", "reference", "bdf")
    assert error["message"].endswith('reference.json: references[0].bdf: is no string such as "0000:01:00.0"')


def test_what_ide_km_says_without_a_key(controller, platform):
    shown = controller.json("attest", ENDPOINT, "--ide-km")
    assert [(p["index"], p["bdf"]) for p in shown["ide_km"]] == [(0, ENDPOINT)]
    assert shown["ide_km"][0]["register_bytes"] > 0
    text = controller.ctl("attest", ENDPOINT, "--ide-km").stdout
    assert f"IDE_KM: port index 0 is {ENDPOINT}, with {shown['ide_km'][0]['register_bytes']} bytes of IDE registers" in text
    state = next(f for f in platform.state()["functions"] if f["bdf"] == ENDPOINT)
    assert not any(key != "none" for s in state["streams"] for key_set in s["key_sets"] for keys in key_set.values()
                   for key in keys)
