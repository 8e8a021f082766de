# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams come up, get new keys and go off; what cannot come up says why; nobody else's stream is touched."""

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT, program


def blocks(platform, bdf):
    """The selective blocks of a port as the model has them."""
    function = next(f for f in platform.state()["functions"] if f["bdf"] == bdf)
    return [s for s in function["streams"] if s["kind"] == "selective"]


def secure(platform):
    """(port, Stream ID) of what is Secure in the model."""
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["state"] == "secure"}


def not_idle(platform):
    """(port, block) of all that is not as after a reset: enabled, or with a Stream ID, or with a key."""
    return {(f["bdf"], s["kind"], s["index"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["enabled"] or s["stream_id"] != 255
            or any(key != "none" for key_set in s["key_sets"] for keys in key_set.values() for key in keys)}


def in_background(function, *arguments):
    result = []
    thread = threading.Thread(target=lambda: result.append(function(*arguments)))
    thread.start()

    def wait():
        thread.join(60)
        return result[0]

    return wait


def await_streams(controller, count):
    """Until one that comes up is there, too."""
    end = time.monotonic() + 30
    while len(controller.json("show")["streams"]) < count:
        assert time.monotonic() < end


# --- up --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [ROOT_PORT, ENDPOINT])
def test_establish_makes_both_ends_secure_whichever_is_named(named, platform, controller):
    up = controller.json("establish", named, "--stream", "0")
    assert (up["root_port"], up["endpoint"], up["stream"]) == (ROOT_PORT, ENDPOINT, 0)
    assert (up["state"], up["key_set"], up["spdm_version"], up["provider"]) == ("secure", 0, "1.4", "doe")
    assert up["algorithms"] == {"hash": "SHA-384", "asym": "ECDSA P-384", "dhe": "secp384r1", "aead": "AES-256-GCM"}
    assert up["notes"] == []
    assert secure(platform) == {(ROOT_PORT, 0), (ENDPOINT, 0)}
    for end in (ROOT_PORT, ENDPOINT):
        assert blocks(platform, end)[0]["key_sets"][0] == {"rx": ["started"] * 3, "tx": ["started"] * 3}
        assert blocks(platform, end)[0]["key_sets"][1] == {"rx": ["none"] * 3, "tx": ["none"] * 3}


def test_show_tells_the_state_of_both_ends(platform, controller):
    controller.json("establish", ROOT_PORT, "--stream", "7")
    for port in (ROOT_PORT, ENDPOINT):
        streams = controller.json("show", port)["streams"]
        assert len(streams) == 1
        assert streams[0]["state"] == "secure"
        assert [(e["role"], e["bdf"], e["enabled"], e["state"]) for e in streams[0]["ends"]] == [
            ("root_port", ROOT_PORT, True, "secure"), ("endpoint", ENDPOINT, True, "secure")]
    assert [s["stream"] for s in controller.json("show")["streams"]] == [7]
    assert controller.json("show", SWITCH_ROOT_PORT)["streams"] == []


def test_show_reads_the_registers(platform, start_controller):
    controller = start_controller(platform, "--watch-interval", "0")   # or the stream is turned off as soon as it falls
    controller.json("establish", ROOT_PORT, "--stream", "0")
    platform.misbehave(ENDPOINT, "stays-insecure")
    stream = controller.json("show", ROOT_PORT)["streams"][0]
    assert stream["state"] == "insecure"
    assert [e["state"] for e in stream["ends"]] == ["secure", "insecure"]


def test_it_is_shown_when_keys_have_to_be_new(platform, controller):
    new = controller.json("establish", ENDPOINT)["refresh"]
    # a link of 16 GB/s: docs/ide.md, "When a refresh is due"; QUERY, 6 KEY_PROG and 6 K_SET_GO went to each port
    assert (new["reason"], new["bytes_per_second"], new["records"]) == ("bytes", 16_000_000_000, 13)
    assert 140_737 - 30 < new["due_in_s"] <= 140_737 and new["keyed_s"] < 30
    time.sleep(1)   # time is what is shown
    later = controller.json("show")["streams"][0]["refresh"]
    assert later["due_in_s"] < new["due_in_s"] and later["keyed_s"] > new["keyed_s"]
    assert later["bytes_at_most"] >= new["bytes_at_most"] + 16_000_000_000
    assert later["ivs_at_most"] > later["bytes_at_most"] // 28
    rekeyed = controller.json("rekey", ENDPOINT)["streams"][0]["refresh"]
    assert rekeyed["records"] == 13 + 18
    assert rekeyed["bytes_at_most"] < later["bytes_at_most"]


def test_the_first_free_number_is_taken_when_none_is_given(platform, controller):
    assert controller.json("establish", SWITCH_ENDPOINTS[0])["stream"] == 0
    # numbers are unique under a host bridge, so this one cannot have 0, though its ports do not use it
    assert controller.json("establish", ENDPOINT)["stream"] == 1
    assert controller.json("establish", SWITCH_ENDPOINTS[1], "--stream", "254")["stream"] == 254


def test_two_streams_share_a_root_port_and_its_session(platform, controller):
    for number, endpoint in enumerate(SWITCH_ENDPOINTS):
        up = controller.json("establish", endpoint, "--stream", str(number))
        assert (up["root_port"], up["state"]) == (SWITCH_ROOT_PORT, "secure")
    assert len(secure(platform)) == 4
    # the session outlives the first of them
    assert controller.ctl("stop", SWITCH_ENDPOINTS[0], "--stream", "0").returncode == 0
    assert secure(platform) == {(SWITCH_ROOT_PORT, 1), (SWITCH_ENDPOINTS[1], 1)}
    assert controller.json("rekey", SWITCH_ENDPOINTS[1])["streams"][0]["key_set"] == 1
    assert controller.ctl("stop", SWITCH_ENDPOINTS[1], "--stream", "1").returncode == 0
    assert not_idle(platform) == set()


def test_streams_of_different_ports_come_up_side_by_side(platform, controller):
    waits = [in_background(controller.json, "establish", endpoint) for endpoint in (ENDPOINT, *SWITCH_ENDPOINTS)]
    ups = [wait() for wait in waits]
    assert [up["state"] for up in ups] == ["secure"] * 3
    assert sorted(up["stream"] for up in ups) == [0, 1, 2]
    assert len(secure(platform)) == 6


def test_one_of_many_requests_for_the_same_stream_wins(platform, controller):
    waits = [in_background(controller.ctl, "--json", "establish", ENDPOINT, "--stream", "3") for _ in range(6)]
    done = [wait() for wait in waits]
    assert sorted(d.returncode for d in done) == [0, 1, 1, 1, 1, 1]
    assert {json.loads(d.stdout)["error"]["code"] for d in done if d.returncode} == {"stream_used"}
    assert secure(platform) == {(ROOT_PORT, 3), (ENDPOINT, 3)}


# --- new keys --------------------------------------------------------------------------------------------------------


def test_rekey_alternates_between_the_key_sets(platform, controller):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    for number in range(1, 6):
        new = controller.json("rekey", ROOT_PORT, "--stream", "0")["streams"][0]
        assert (new["state"], new["key_set"], new["rekeys"]) == ("secure", number % 2, number)
        for end in (ROOT_PORT, ENDPOINT):
            block = blocks(platform, end)[0]
            assert block["transmit_key_set"] == [number % 2] * 3
            assert block["key_sets"][1 - number % 2] == {"rx": ["none"] * 3, "tx": ["none"] * 3}


def test_rekey_of_a_port_and_of_all(platform, controller):
    for endpoint in (ENDPOINT, *SWITCH_ENDPOINTS):
        controller.json("establish", endpoint)
    assert len(controller.json("rekey", SWITCH_ROOT_PORT)["streams"]) == 2
    streams = controller.json("rekey")["streams"]
    assert sorted((s["stream"], s["rekeys"]) for s in streams) == [(0, 1), (1, 2), (2, 2)]


def test_rekey_of_nothing(platform, controller):
    assert controller.json("rekey") == {"streams": []}
    error = controller.error("rekey", ROOT_PORT)
    assert (error["code"], error["device"]) == ("no_stream", ROOT_PORT)


def test_rekey_of_all_tells_what_failed_and_what_did_not(platform, controller):
    for endpoint in (ENDPOINT, *SWITCH_ENDPOINTS):
        controller.json("establish", endpoint)
    platform.misbehave(SWITCH_ENDPOINTS[1], "km-refuse")
    done = controller.ctl("--json", "rekey")
    assert done.returncode == 1
    reply = json.loads(done.stdout)
    assert (reply["error"]["code"], reply["error"]["device"]) == ("km_refused", SWITCH_ENDPOINTS[1])
    assert reply["error"]["outcome"] == "the stream goes on with its old keys"
    assert sorted(s["stream"] for s in reply["result"]["streams"]) == [0, 1]
    assert len(secure(platform)) == 6


def test_a_rekey_whose_device_lost_the_session_says_so(platform, start_controller):
    controller = start_controller(platform, "--watch-interval", "0")   # or it would come back by itself
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.misbehave(ENDPOINT, "forget-sessions")
    assert controller.error("rekey", ENDPOINT)["outcome"] == (
        "the stream is no longer Secure: stop it and establish it again")
    platform.behave(ENDPOINT)
    error = controller.error("rekey", ENDPOINT)
    assert (error["code"], error["step"]) == ("session", "program_keys")
    assert "stop the stream and establish it again" in error["hint"]
    assert controller.ctl("stop", ENDPOINT, "--stream", "0").returncode == 0
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"


# --- off -------------------------------------------------------------------------------------------------------------


def test_stop_leaves_nothing(platform, controller):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    off = controller.json("stop", ENDPOINT, "--stream", "0")
    assert (off["state"], off["notes"]) == ("off", [])
    assert [(e["enabled"], e["state"]) for e in off["ends"]] == [(False, "insecure")] * 2
    assert not_idle(platform) == set()
    assert controller.json("show")["streams"] == []
    assert controller.json("establish", ROOT_PORT, "--stream", "0")["state"] == "secure"


def test_stop_waits_for_the_establish_before_it(platform, controller):
    platform.misbehave(ROOT_PORT, "late=300")
    up = in_background(controller.json, "establish", ENDPOINT, "--stream", "0")
    await_streams(controller, 1)
    off = controller.json("stop", ENDPOINT, "--stream", "0")
    assert up()["state"] == "secure"
    assert off["state"] == "off"
    assert not_idle(platform) == set()


def test_a_stop_whose_establish_fails_finds_no_stream(platform, controller):
    platform.misbehave(ENDPOINT, "silent")
    up = in_background(controller.error, "establish", ENDPOINT, "--stream", "0")
    await_streams(controller, 1)
    assert controller.error("stop", ENDPOINT, "--stream", "0")["code"] == "no_stream"
    assert up()["code"] == "timeout"
    assert not_idle(platform) == set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_controllers_end_turns_all_streams_off(number, platform, controller):
    for endpoint in (ENDPOINT, *SWITCH_ENDPOINTS):
        controller.json("establish", endpoint)
    assert len(secure(platform)) == 6
    controller.process.send_signal(number)
    controller.stop()
    assert not_idle(platform) == set()


def test_the_controllers_end_takes_back_what_was_begun(platform, start_controller):
    controller = start_controller(platform, "--timeout", "30")
    controller.json("establish", SWITCH_ENDPOINTS[0])
    platform.misbehave(ENDPOINT, "silent")
    up = in_background(controller.error, "establish", ENDPOINT, "--stream", "9")
    await_streams(controller, 2)
    controller.stop()   # long before the device's time is over
    assert up()["code"] == "cancelled"
    assert not_idle(platform) == set()


# --- cannot come up --------------------------------------------------------------------------------------------------


def test_a_second_establish_changes_nothing(platform, controller):
    first = controller.json("establish", ROOT_PORT, "--stream", "0")
    error = controller.error("establish", ENDPOINT, "--stream", "0")
    assert (error["code"], error["device"]) == ("stream_used", ROOT_PORT)
    assert error["message"] == "stream 0 is already established"
    again = controller.json("show", ROOT_PORT)["streams"][0]
    again["refresh"] = first["refresh"]   # goes on with time
    assert again == {k: v for k, v in first.items() if k not in ("notes", "forwarding")}


def test_a_number_in_use_under_the_host_bridge_is_refused(platform, controller):
    controller.json("establish", SWITCH_ENDPOINTS[0], "--stream", "5")
    error = controller.error("establish", ENDPOINT, "--stream", "5")
    assert (error["code"], error["message"]) == ("stream_used", "stream 5 is in use under the same host bridge")
    assert len(secure(platform)) == 2


def test_a_number_that_someone_else_uses_is_refused_and_left_alone(platform, controller):
    # someone writes the first selective block of the endpoint: Stream ID 6, enabled
    link = sum(1 for s in next(f for f in platform.state()["functions"] if f["bdf"] == ENDPOINT)["streams"]
               if s["kind"] == "link")
    control = 0x0c + 8 * link + 4
    platform.setpci(ENDPOINT, f"ECAP0030+{control:x}.L=06000001")
    assert blocks(platform, ENDPOINT)[0]["stream_id"] == 6
    error = controller.error("establish", ENDPOINT, "--stream", "6")
    assert (error["code"], error["device"]) == ("stream_used", ENDPOINT)
    assert error["message"] == "stream 6 of this port was set up by someone else"
    error = controller.error("stop", ENDPOINT, "--stream", "6")
    assert (error["code"], error["device"]) == ("foreign", ENDPOINT)
    shown = controller.json("show", ENDPOINT)["streams"]
    assert [(s["stream"], s["owner"], s["root_port"], s["endpoint"]) for s in shown] == [(6, "other", None, ENDPOINT)]
    # another number takes another block
    assert controller.json("establish", ENDPOINT, "--stream", "1")["state"] == "secure"
    assert blocks(platform, ENDPOINT)[0]["stream_id"] == 6
    assert blocks(platform, ENDPOINT)[1]["stream_id"] == 1


def test_no_block_is_left(platform, controller):
    for number in (0, 1):
        up = controller.json("establish", ENDPOINT, "--stream", str(number), "--tc", str(number))
        assert up["state"] == "secure"
    error = controller.error("establish", ENDPOINT, "--stream", "2", "--tc", "2")
    assert (error["code"], error["step"], error["device"]) == ("resources", "setup", ENDPOINT)
    assert error["outcome"] == "the stream is off at both ports"
    assert secure(platform) == {(end, number) for end in (ROOT_PORT, ENDPOINT) for number in (0, 1)}


@pytest.mark.parametrize("number", ["255", "256", "-1", "99999999999"])
def test_a_number_out_of_range_is_refused(number, platform, controller):
    error = controller.error("establish", ROOT_PORT, "--stream", number)
    assert (error["code"], error["field"]) == ("stream_range", "stream")
    assert error["message"] == f"stream {number} is out of range: 0 to 254"
    assert not_idle(platform) == set()


def test_a_function_that_is_not_there(platform, controller):
    for command in (["establish"], ["attest"], ["show"], ["rekey"], ["stop", "--stream", "0"]):
        error = controller.error(command[0], "0000:09:00.0", *command[1:])
        assert (error["code"], error["device"]) == ("no_device", "0000:09:00.0")
        assert error["message"] == "there is no such function"


def test_a_switch_port_is_no_end_of_a_stream(platform, controller):
    error = controller.error("establish", "0000:03:00.0")
    assert (error["code"], error["device"]) == ("not_port", "0000:03:00.0")
    assert error["message"] == "the function is neither a PCIe root port nor an endpoint, but: downstream port"


def test_several_endpoints_have_to_be_told_apart(platform, controller):
    error = controller.error("establish", SWITCH_ROOT_PORT)
    assert (error["code"], error["device"]) == ("ambiguous", SWITCH_ROOT_PORT)
    assert error["message"] == "several endpoints are below the root port: 0000:04:00.0, 0000:05:00.0"
    assert error["hint"] == "name the endpoint instead of the root port"


POOR = {"functions": [
    {"bdf": "0000:00:01.0", "type": "root-port", "doe": True, "ide": {"selective_streams": 1},
     "below": [{"bdf": "0000:01:00.0", "type": "endpoint", "doe": False, "ide": {"selective_streams": 1}}]},
    {"bdf": "0000:00:02.0", "type": "root-port", "doe": True, "ide": {"selective_streams": 1},
     "below": [{"bdf": "0000:02:00.0", "type": "endpoint", "doe": True, "ide": False}]},
    {"bdf": "0000:00:03.0", "type": "root-port", "doe": False, "ide": {"selective_streams": 1},
     "below": [{"bdf": "0000:03:00.0", "type": "endpoint", "doe": True, "ide": {"selective_streams": 1}}]},
    {"bdf": "0000:00:04.0", "type": "root-port", "doe": True, "ide": False,
     "below": [{"bdf": "0000:04:00.0", "type": "endpoint", "doe": True, "ide": {"selective_streams": 1}}]},
    {"bdf": "0000:00:05.0", "type": "root-port", "doe": True, "secondary": 5, "ide": {"selective_streams": 1}},
    {"bdf": "0000:00:06.0", "type": "root-port", "doe": True, "ide": {"selective_streams": 1},
     "below": [{"bdf": "0000:06:00.0", "type": "upstream", "ide": False,
                "below": [{"bdf": "0000:07:00.0", "type": "downstream",
                           "below": [{"bdf": "0000:08:00.0", "type": "endpoint", "doe": True,
                                      "ide": {"selective_streams": 1}}]}]}]},
]}


def test_what_a_port_lacks_is_named(directory, start_platform, start_controller):
    file = directory / "poor.json"
    file.write_text(json.dumps(POOR))
    platform = start_platform("--platform", str(file), identity=directory / "identity")
    controller = start_controller(platform)
    for named, code, device in [
            ("0000:01:00.0", "no_doe", "0000:01:00.0"),
            ("0000:02:00.0", "no_ide", "0000:02:00.0"),
            ("0000:03:00.0", "no_doe", "0000:00:03.0"),
            ("0000:04:00.0", "no_ide", "0000:00:04.0"),
            ("0000:00:05.0", "no_partner", "0000:00:05.0"),
            ("0000:08:00.0", "no_ide", "0000:06:00.0")]:   # a switch that cannot pass IDE TLPs on
        error = controller.error("establish", named)
        assert (error["code"], error["device"]) == (code, device), named
        assert error["hint"]
    assert controller.error("attest", "0000:01:00.0")["code"] == "no_doe"


# --- trust -----------------------------------------------------------------------------------------------------------


def test_a_trust_folder_that_is_not_there_is_no_start(directory, platform):
    missing = directory / "nowhere"
    done = subprocess.run([program("ide-kmd"), "--sysfs", str(platform.mount), "--trust", str(missing), "--listen",
                           f"ipc://{directory}/x.sock"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"the trust folder {missing} cannot be read: No such file or directory" in done.stderr
    assert done.stdout == ""


def test_an_empty_trust_folder_trusts_nobody(directory, platform, start_controller):
    trust = directory / "trust"
    trust.mkdir()
    controller = start_controller(platform, trust=trust)
    for command in ("establish", "attest"):
        error = controller.error(command, ENDPOINT)
        assert (error["code"], error["step"]) == ("no_trust", "trust")
        assert error["message"] == f"the trust folder {trust} holds no certificate"
    assert not_idle(platform) == set()
    # what is put there counts at once
    (trust / "root.pem").write_bytes((platform.trust / "root.pem").read_bytes())
    assert controller.json("establish", ENDPOINT)["state"] == "secure"
    # and so does what is taken away, also for a port that is known already
    (trust / "root.pem").unlink()
    assert controller.error("establish", ENDPOINT, "--tc", "1")["code"] == "no_trust"
    trust.rmdir()
    error = controller.error("establish", ENDPOINT, "--tc", "1")
    assert error["message"] == f"the trust folder {trust} cannot be read: No such file or directory"


def test_a_device_that_is_known_is_held_against_the_folder_again(directory, platform, start_controller):
    trust = directory / "trust"
    trust.mkdir()
    (trust / "root.pem").write_bytes((platform.trust / "root.pem").read_bytes())
    controller = start_controller(platform, trust=trust)
    controller.json("establish", ENDPOINT, "--stream", "0")
    (trust / "root.pem").unlink()
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes",
                    "-keyout", "/dev/null", "-out", str(trust / "other.pem"), "-subj", "/CN=other"],
                   check=True, capture_output=True)
    error = controller.error("establish", ENDPOINT, "--stream", "1", "--tc", "1")
    assert (error["code"], error["step"]) == ("untrusted", "authenticate")
    assert secure(platform) == {(ROOT_PORT, 0), (ENDPOINT, 0)}


def test_a_file_that_is_no_certificate_is_named(directory, platform, start_controller):
    trust = directory / "trust"
    trust.mkdir()
    (trust / "root.pem").write_text("hello")
    error = start_controller(platform, trust=trust).error("attest", ENDPOINT)
    assert (error["code"], error["message"]) == ("no_trust", f"{trust}/root.pem: not a certificate in PEM or DER form")


def test_der_is_trusted_as_pem_is(directory, platform, start_controller):
    trust = directory / "trust"
    trust.mkdir()
    subprocess.run(["openssl", "x509", "-in", str(platform.trust / "root.pem"), "-outform", "DER", "-out",
                    str(trust / "root.der")], check=True)
    assert start_controller(platform, trust=trust).json("attest", ENDPOINT)["state"] == "attested"


def test_unnamed_devices_only_when_allowed(platform, start_controller):
    platform.misbehave(ENDPOINT, "no-name")
    controller = start_controller(platform, "--allow-unnamed")
    up = controller.json("establish", ENDPOINT)
    assert up["state"] == "secure"
    controller.json("stop", ENDPOINT, "--stream", "0")
    platform.behave(ENDPOINT)
    platform.misbehave(ENDPOINT, "wrong-name")
    assert controller.error("establish", ENDPOINT)["code"] == "name"


@pytest.mark.parametrize("port", [ENDPOINT, ROOT_PORT])
def test_attest_with_and_without_a_stream(port, platform, controller):
    attested = controller.json("attest", port)
    assert (attested["device"], attested["state"], attested["has_cma_name"]) == (port, "attested", True)
    assert attested["certificates"] == 3
    assert attested["cma_name"].startswith("Vendor=1B36:Device=")
    assert attested["not_after"] > time.time()
    controller.json("establish", ENDPOINT, "--stream", "0")
    assert controller.json("attest", port)["state"] == "attested"
    assert controller.json("rekey", ENDPOINT)["streams"][0]["state"] == "secure"   # the session lives
    assert secure(platform) == {(ROOT_PORT, 0), (ENDPOINT, 0)}


# --- the process -----------------------------------------------------------------------------------------------------


def test_there_is_one_controller(platform, controller):
    done = subprocess.run(controller.argv, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "another ide-kmd listens at" in done.stderr
    assert controller.json("establish", ENDPOINT)["state"] == "secure"


def test_a_controller_that_died_is_in_nobodys_way(platform, start_controller):
    controller = start_controller(platform)
    controller.kill()
    assert start_controller(platform).json("list")["ports"]


def test_sockets_are_for_root_alone_and_dumps_forbidden(platform, controller):
    path = Path(controller.endpoint.removeprefix("ipc://"))
    for socket in (path, Path(f"{path}.events")):
        assert socket.stat().st_mode & 0o777 == 0o700
    limits = Path(f"/proc/{controller.process.pid}/limits").read_text()
    assert ["Max", "core", "file", "size", "0", "0", "bytes"] in [line.split() for line in limits.splitlines()]


def test_the_directory_of_the_socket_is_made_and_only_passed_through_by_others(directory, platform):
    path = directory / "run" / "control"
    process = subprocess.Popen([program("ide-kmd"), "--sysfs", str(platform.mount), "--trust", str(platform.trust),
                                "--listen", f"ipc://{path}"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    assert path.parent.stat().st_mode & 0o777 == 0o711
    process.terminate()
    assert process.wait(20) == 0
    assert not path.exists()
    process.stdout.close()


def test_no_memory_of_the_controller_holds_a_core_file(platform, controller):
    controller.json("establish", ENDPOINT)
    os.kill(controller.process.pid, signal.SIGSEGV)
    assert controller.process.wait(20) != 0
    assert not list(Path.cwd().glob("core*"))
    controller.process.stdout.close()
