# SPDX-License-Identifier: GPL-2.0-or-later
"""Root ports whose keys come from a platform root of trust, which serves them by port index in one session."""

import json
import subprocess
import threading
import time

import pytest

from conftest import ENDPOINT, ROOT_PORT, program

ROT = "0000:00:1f.0"
MAILBOX_PORT = "0000:00:06.0"
TWIN_PORT = "0001:" + ROOT_PORT[5:]
OTHER_PORT, OTHER_ENDPOINT = "0000:00:05.0", "0000:06:00.0"


def platform_file(directory, rot=ROT, root_ports=(OTHER_PORT, ROOT_PORT), **spdm):
    path = directory / "platform.json"
    plain = {"doe": False, "ide": {"ide_km": False}}
    path.write_text(json.dumps({
        "functions": [
            {"bdf": ROOT_PORT, "below": [{"bdf": ENDPOINT, "spdm": spdm}], **plain},
            {"bdf": OTHER_PORT, "below": [{"bdf": OTHER_ENDPOINT, "spdm": spdm}], **plain},
            {"bdf": MAILBOX_PORT, "below": [{"bdf": "0000:07:00.0"}]},
            {"bdf": TWIN_PORT, "below": [{"bdf": "0001:01:00.0"}], **plain},
            {"bdf": ROT, "type": "rc-endpoint", "spdm": spdm},
        ],
        "rot": {"bdf": rot, "root_ports": list(root_ports)},
    }))
    return str(path)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """Made by the first platform that is started, for the others too."""
    return tmp_path_factory.mktemp("identity")


@pytest.fixture
def start_rot(start_platform, directory):
    def start(**options):
        return start_platform("--platform", platform_file(directory, **options))

    return start


def secure(platform):
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["state"] == "secure"}


def not_idle(platform):
    return {(f["bdf"], s["index"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["enabled"] or s["stream_id"] != 255
            or any(key != "none" for key_set in s["key_sets"] for keys in key_set.values() for key in keys)}


def test_a_stream_comes_up_gets_new_keys_and_goes(start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT)
    up = controller.json("establish", ENDPOINT, "--stream", "9")
    assert (up["state"], up["provider"], up["notes"]) == ("secure", "rot", [])
    assert secure(platform) == {(ROOT_PORT, 9), (ENDPOINT, 9)}
    for n in range(1, 4):
        done = controller.json("rekey", ENDPOINT)["streams"][0]
        assert (done["key_set"], done["rekeys"], done["state"], done["notes"]) == (n % 2, n, "secure", [])
    off = controller.json("stop", ENDPOINT, "--stream", "9")
    assert (off["state"], off["notes"]) == ("off", [])
    assert not_idle(platform) == set()


def test_root_ports_share_its_session_and_others_have_mailboxes(start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT)
    providers = {p["bdf"]: p["provider"] for p in controller.json("list")["ports"] if p["provider"]}
    assert providers == {ROOT_PORT: "rot", OTHER_PORT: "rot", TWIN_PORT: "rot", MAILBOX_PORT: "doe"}
    ups = []
    threads = [threading.Thread(target=lambda e=e: ups.append(controller.json("establish", e)))
               for e in (ENDPOINT, OTHER_ENDPOINT, "0000:07:00.0")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted((u["root_port"], u["provider"], u["state"]) for u in ups) == [
        (ROOT_PORT, "rot", "secure"), (OTHER_PORT, "rot", "secure"), ("0000:00:06.0", "doe", "secure")]
    stream = next(u["stream"] for u in ups if u["root_port"] == ROOT_PORT)
    # the session outlives the first of them
    assert controller.ctl("stop", ENDPOINT, "--stream", str(stream)).returncode == 0
    assert len(secure(platform)) == 4
    assert controller.json("rekey", OTHER_ENDPOINT)["streams"][0]["state"] == "secure"
    controller.stop()
    assert not_idle(platform) == set()


# fault of the root of trust, then what establish says: code, step, exchange, field
FAULTS = [
    ("silent", "timeout", "authenticate", "DOE receive", "Data Object Ready"),
    ("foreign-chain", "untrusted", "authenticate", "CERTIFICATE", "RootHash"),
    ("bad-hmac", "hmac", "session", "KEY_EXCHANGE_RSP", "ResponderVerifyData"),
    ("wrong-bdf", "provider", "query", "QUERY_RESP", "PortIndex"),
    ("km-refuse", "km_refused", "program_keys", "KP_ACK", "Status"),
    ("go-refuse", "peer_error", "go_receive", "K_SET_GO", None),
]


@pytest.mark.parametrize("fault, code, step, exchange, field", FAULTS, ids=[row[0] for row in FAULTS])
def test_establish_names_what_it_did(fault, code, step, exchange, field, start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT)
    platform.misbehave(ROT, fault)
    error = controller.error("establish", ENDPOINT, "--stream", "4")
    assert (error["code"], error["step"], error["device"]) == (code, step, ROOT_PORT)
    assert (error["exchange"], error["field"]) == (exchange, field)
    assert (error["outcome"], bool(error["hint"])) == ("the stream is off at both ports", True)
    assert not_idle(platform) == set()
    platform.behave(ROT)
    assert controller.json("establish", ENDPOINT, "--stream", "4")["state"] == "secure"


def test_a_failure_of_one_root_port_leaves_the_others_session(start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT)
    controller.json("establish", OTHER_ENDPOINT, "--stream", "1")
    platform.misbehave(ROT, "km-refuse", 1)
    assert controller.error("establish", ENDPOINT, "--stream", "2")["code"] == "km_refused"
    assert secure(platform) == {(OTHER_PORT, 1), (OTHER_ENDPOINT, 1)}
    assert controller.json("rekey", OTHER_ENDPOINT)["streams"][0]["state"] == "secure"
    assert controller.json("establish", ENDPOINT, "--stream", "2")["state"] == "secure"


def test_a_root_port_that_it_does_not_serve(start_rot, start_controller):
    platform = start_rot(root_ports=[OTHER_PORT])
    controller = start_controller(platform, "--rot", ROT)
    error = controller.error("establish", ENDPOINT)
    assert (error["code"], error["step"], error["device"], error["field"]) == (
        "provider", "query", ROOT_PORT, "PortIndex")
    assert not_idle(platform) == set()
    assert controller.json("establish", OTHER_ENDPOINT)["provider"] == "rot"


def test_two_root_ports_that_look_alike_get_no_keys(start_rot, start_controller):
    """Segments are not told apart below Flit Mode: bus, device and function are the same."""
    platform = start_rot(root_ports=[ROOT_PORT, TWIN_PORT])
    controller = start_controller(platform, "--rot", ROT)
    error = controller.error("establish", ENDPOINT)
    assert (error["code"], error["step"], error["device"], error["field"], error["got"], error["want"]) == (
        "km_mismatch", "query", ROOT_PORT, "Segment", 2, 1)
    assert not_idle(platform) == set()


def test_a_reset_takes_the_keys_of_all_its_root_ports(start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT, "--watch-interval", "0")
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        controller.json("establish", endpoint, "--stream", str(number))
    platform.tell(f"reset {ROT}")
    deadline = time.monotonic() + 10
    while secure(platform) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert secure(platform) == set()
    assert [s["state"] for s in controller.json("show")["streams"]] == ["insecure"] * 2
    for endpoint, root_port in ((ENDPOINT, ROOT_PORT), (OTHER_ENDPOINT, OTHER_PORT)):
        error = controller.error("rekey", endpoint)
        assert (error["step"], error["device"]) == ("program_keys", root_port)
        assert error["outcome"] == "the stream is no longer Secure: stop it and establish it again"
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        assert controller.json("stop", endpoint, "--stream", str(number))["state"] == "off"
    assert not_idle(platform) == set()
    assert controller.json("establish", ENDPOINT)["state"] == "secure"


def test_its_session_is_kept_alive(start_rot, start_controller):
    platform = start_rot(heartbeat=2)
    controller = start_controller(platform, "--rot", ROT)
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        controller.json("establish", endpoint, "--stream", str(number))
    time.sleep(5)  # without a heartbeat it ends after two periods
    assert len(secure(platform)) == 4


def test_a_lost_session_is_lost_for_all_its_root_ports(start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT, "--watch-interval", "0")
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        controller.json("establish", endpoint, "--stream", str(number))
    platform.misbehave(ROT, "altered-record", 1)
    codes = [controller.error("rekey", endpoint) for endpoint in (ENDPOINT, OTHER_ENDPOINT)]
    assert [(e["code"], e["device"], e["step"]) for e in codes] == [
        ("record", ROOT_PORT, "program_keys"), ("session", OTHER_PORT, "program_keys")]
    # a session that is lost cannot refresh anything, and takes no keys along that are good
    assert {e["outcome"].split(":")[0] for e in codes} == {
        "the stream goes on with its old keys, but the session that they came from is lost, and no rekey can succeed"}
    assert len(secure(platform)) == 4
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        assert controller.json("stop", endpoint, "--stream", str(number))["state"] == "off"
    assert not_idle(platform) == set()
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        assert controller.json("establish", endpoint, "--stream", str(number))["state"] == "secure"
    for number, endpoint in enumerate((ENDPOINT, OTHER_ENDPOINT)):
        assert controller.json("rekey", endpoint)["streams"][0]["rekeys"] == 1
        assert controller.json("stop", endpoint, "--stream", str(number))["state"] == "off"
    assert not_idle(platform) == set()


def test_the_choice_can_be_insisted_on(start_rot, start_controller):
    platform = start_rot()
    with pytest.raises(AssertionError, match="--provider rot needs --rot"):
        start_controller(platform, "--provider", "rot")
    controller = start_controller(platform, "--provider", "rot", "--rot", ROT)
    error = controller.error("establish", "0000:07:00.0")
    assert (error["code"], error["device"]) == ("provider", "0000:00:06.0")
    assert controller.json("establish", ENDPOINT)["provider"] == "rot"
    controller.stop()
    with pytest.raises(AssertionError, match="--provider rot needs --rot"):
        start_controller(platform, "--provider", f"{ROOT_PORT}=rot")
    controller = start_controller(platform, "--rot", ROT, "--provider", "0000:00:06.0=rot")
    assert controller.json("show", "0000:00:06.0")["provider"] == "rot"
    assert controller.error("establish", "0000:07:00.0")["code"] == "provider"


@pytest.mark.parametrize("option, value, text", [
    ("--provider", "kcx", "--provider is none of auto, doe, kcu, rot, nor one root port's BDF=WHO: kcx"),
    ("--provider", "0000:00:03.0=", "--provider is none of auto, doe, kcu, rot, nor one root port's BDF=WHO: 0000:00:03.0="),
    ("--provider", "00:03.0=kcu", "--provider is none of auto, doe, kcu, rot, nor one root port's BDF=WHO: 00:03.0=kcu"),
    ("--provider", "0" * 40 + "=kcu", "--provider is none of"),
    ("--rot", "1f.0", "--rot is no function like 0000:00:1f.0: 1f.0"),
])
def test_options_that_are_none(option, value, text):
    done = subprocess.run([program("ide-kmd"), option, value], capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith(f"ide-kmd: {text}"), done.stderr


def test_it_is_no_end_of_a_stream(start_rot, start_controller):
    controller = start_controller(start_rot(), "--rot", ROT)
    assert controller.error("establish", ROT)["code"] == "not_port"


def test_its_identity_can_be_looked_at_while_streams_live_on_its_session(start_rot, start_controller):
    platform = start_rot()
    controller = start_controller(platform, "--rot", ROT)
    for _ in range(2):
        shown = controller.json("attest", ROT)
        assert (shown["device"], shown["state"], shown["cma_name"][:11]) == (ROT, "attested", "Vendor=8086")
        platform.misbehave(ROT, "bad-signature", 1)
        assert controller.error("attest", ROT)["code"] == "signature"
        if not secure(platform):
            controller.json("establish", ENDPOINT)
    assert secure(platform) == {(ROOT_PORT, 0), (ENDPOINT, 0)}
    assert controller.json("rekey", ENDPOINT)["streams"][0]["state"] == "secure"


def test_a_root_port_may_be_it(start_rot, start_controller):
    platform = start_rot(rot=MAILBOX_PORT, root_ports=[ROOT_PORT, MAILBOX_PORT])
    controller = start_controller(platform, "--rot", MAILBOX_PORT, "--provider", f"{MAILBOX_PORT}=doe")
    assert [controller.json("establish", endpoint)["provider"] for endpoint in (ENDPOINT, "0000:07:00.0")] == ["rot"] * 2
    assert len(secure(platform)) == 4
    assert [s["state"] for s in controller.json("rekey")["streams"]] == ["secure"] * 2
    controller.stop()
    assert not_idle(platform) == set()


def test_an_endpoint_is_none(start_rot, start_controller):
    controller = start_controller(start_rot(), "--rot", OTHER_ENDPOINT)
    error = controller.error("establish", ENDPOINT)
    assert (error["code"], error["device"], error["exchange"]) == ("not_port", ROOT_PORT, "root of trust")


def test_its_session_has_new_keys_after_so_many_records(start_rot, start_controller, directory):
    """KEY_UPDATE by policy, of a session that serves several root ports: whoever is refreshed first renews it for all."""
    platform = start_rot()
    config = directory / "ide-kmd.conf"
    config.write_text("[device all]\nheartbeat = 50ms\nrefresh-records = 60\n"
                      f"[device {ENDPOINT}]\nstreams = default\n[device {OTHER_ENDPOINT}]\nstreams = default\n")
    controller = start_controller(platform, "--rot", ROT, "--config", str(config))

    def shown():
        return {s["root_port"]: s for s in controller.json("show")["streams"] if s["state"] == "secure"}

    end = time.monotonic() + 60
    while not all(shown().get(port, {}).get("rekeys", 0) >= 3 for port in (ROOT_PORT, OTHER_PORT)):
        assert time.monotonic() < end, shown()
        time.sleep(0.2)
    for stream in shown().values():
        assert stream["refresh"]["records"] < 120, "the session's keys are not renewed"
    text = controller.log.read_text()
    # a session that could not be renewed would be replaced: its streams stopped, and established again
    assert text.count("rekey of") >= 6 and "failed" not in text and "stop of" not in text
