# SPDX-License-Identifier: GPL-2.0-or-later
"""Devices that misbehave, one way at a time.

Each has its exact error: code, step, and what the device's answer was about. After each both ports' streams are off,
a stream that was up elsewhere stays up, and once the device behaves the next establish works.
"""

import pytest

from api_client import Subscriber
from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT

# fault, then what establish says: code, step, exchange, field
ESTABLISH = [
    ("silent", "timeout", "authenticate", "DOE receive", "Data Object Ready"),
    ("late=9000", "timeout", "authenticate", "DOE receive", "Data Object Ready"),
    ("doe-busy", "doe_abort", "authenticate", "DOE open", "DOE Abort"),
    ("doe-error", "doe_error", "authenticate", "DOE receive", "DOE Error"),
    ("wrong-length-doe", "doe_length", "authenticate", "DOE receive", "Data Object Ready"),
    ("wrong-type-doe", "doe_type", "authenticate", "DOE discovery", "DataObjectType"),
    ("short", "short", "authenticate", "VERSION", "VersionNumberEntry"),
    ("long", "long", "authenticate", "DOE discovery", "length"),
    ("spdm-busy", "busy", "authenticate", "GET_VERSION", None),
    ("spdm-error", "peer_error", "authenticate", "GET_VERSION", None),
    ("no-common-version", "version", "authenticate", "VERSION", "VersionNumberEntry"),
    ("wrong-version", "version", "authenticate", "CAPABILITIES", "SPDMVersion"),
    ("unoffered-algorithm", "not_offered", "authenticate", "ALGORITHMS", "BaseAsymSel"),
    ("bad-chain", "chain", "authenticate", "CERTIFICATE", "Certificate"),
    ("expired-chain", "expired", "authenticate", "leaf certificate", "notAfter"),
    ("foreign-chain", "untrusted", "authenticate", "CERTIFICATE", "RootHash"),
    ("wrong-name", "name", "authenticate", "leaf certificate", "subjectAltName"),
    ("no-name", "name", "authenticate", "leaf certificate", "subjectAltName"),
    ("bad-signature-key-exchange", "signature", "session", "KEY_EXCHANGE_RSP", "Signature"),
    ("bad-hmac", "hmac", "session", "KEY_EXCHANGE_RSP", "ResponderVerifyData"),
    ("altered-record", "record", "session", "secured message", "tag"),
    ("replayed-record", "record", "query", "secured message", "tag"),
    ("forget-sessions", "timeout", "session", "DOE receive", "Data Object Ready"),
    ("wrong-bdf", "km_mismatch", "query", "QUERY_RESP", "BusNum"),
    ("wrong-segment", "km_mismatch", "query", "QUERY_RESP", "Segment"),
    ("km-refuse", "km_refused", "program_keys", "KP_ACK", "Status"),
    ("go-refuse", "peer_error", "go_receive", "K_SET_GO", None),
    ("stays-insecure", "insecure", "await_secure", "IDE stream secure", "IDE Stream State"),
]


def secure_streams(platform):
    """(function, Stream ID) of all ports that the model says are Secure."""
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["state"] == "secure"}


def enabled_streams(platform):
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"] if s["enabled"]}


@pytest.mark.parametrize("fault, code, step, exchange, field", ESTABLISH, ids=[row[0] for row in ESTABLISH])
def test_establish_names_what_the_endpoint_did(fault, code, step, exchange, field, platform, controller):
    elsewhere = controller.json("establish", SWITCH_ENDPOINTS[0], "--stream", "7")
    assert elsewhere["state"] == "secure"
    theirs = {(SWITCH_ROOT_PORT, 7), (SWITCH_ENDPOINTS[0], 7)}

    platform.misbehave(ENDPOINT, fault)
    error = controller.error("establish", ENDPOINT, "--stream", "0")
    assert (error["code"], error["step"], error["device"]) == (code, step, ENDPOINT)
    assert (error["exchange"], error["field"]) == (exchange, field)
    assert error["outcome"] == "the stream is off at both ports"
    assert error["hint"]
    assert enabled_streams(platform) == theirs
    assert secure_streams(platform) == theirs

    platform.behave(ENDPOINT)
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"
    assert secure_streams(platform) == theirs | {(ROOT_PORT, 0), (ENDPOINT, 0)}


@pytest.mark.parametrize("fault, code, step, exchange", [
    ("silent", "timeout", "authenticate", "DOE receive"),
    ("foreign-chain", "untrusted", "authenticate", "CERTIFICATE"),
    ("bad-hmac", "hmac", "session", "KEY_EXCHANGE_RSP"),
    ("km-refuse", "km_refused", "program_keys", "KP_ACK"),
    ("go-refuse", "peer_error", "go_receive", "K_SET_GO"),
    ("stays-insecure", "insecure", "await_secure", "IDE stream secure"),
])
def test_the_root_port_is_held_to_the_same(fault, code, step, exchange, platform, controller):
    platform.misbehave(ROOT_PORT, fault)
    error = controller.error("establish", ROOT_PORT, "--stream", "3")
    assert (error["code"], error["step"], error["device"], error["exchange"]) == (code, step, ROOT_PORT, exchange)
    assert enabled_streams(platform) == set()
    platform.behave(ROOT_PORT)
    assert controller.json("establish", ROOT_PORT, "--stream", "3")["state"] == "secure"


def test_attest_sees_a_bad_challenge_signature(platform, controller):
    platform.misbehave(ENDPOINT, "bad-signature")
    error = controller.error("attest", ENDPOINT)
    assert (error["code"], error["exchange"], error["field"]) == ("signature", "CHALLENGE_AUTH", "Signature")
    platform.behave(ENDPOINT)
    assert controller.ctl("attest", ENDPOINT).returncode == 0


@pytest.mark.parametrize("fault, code", [("silent", "timeout"), ("altered-record", "record"), ("km-refuse", "km_refused"),
                                         ("go-refuse", "peer_error")])
def test_a_rekey_that_fails_is_told_and_no_end_is_left_half(fault, code, platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.misbehave(ENDPOINT, fault)
    error = controller.error("rekey", ENDPOINT, "--stream", "0")
    assert (error["code"], error["device"]) == (code, ENDPOINT)
    assert error["outcome"].startswith("the stream goes on with its old keys")
    assert secure_streams(platform) == {(ROOT_PORT, 0), (ENDPOINT, 0)}
    platform.behave(ENDPOINT)
    if code in ("km_refused", "peer_error"):   # the session lives
        assert controller.json("rekey", ENDPOINT, "--stream", "0")
    controller.ctl("stop", ENDPOINT, "--stream", "0")
    assert enabled_streams(platform) == set()
    assert controller.json("establish", ENDPOINT, "--stream", "0")["state"] == "secure"


def test_a_stop_that_the_device_cannot_do_turns_the_stream_off_all_the_same(platform, controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    platform.misbehave(ENDPOINT, "stop-refuse")
    assert controller.ctl("stop", ENDPOINT, "--stream", "0").returncode == 0
    assert enabled_streams(platform) == set()


@pytest.mark.parametrize("fault, field", [("wrong-bdf", "BusNum"), ("wrong-segment", "Segment")])
def test_a_device_that_does_not_know_its_number_may_be_tolerated(fault, field, platform, start_controller):
    controller = start_controller(platform, "--allow-wrong-bdf")
    platform.misbehave(ENDPOINT, fault)
    up = controller.json("establish", ENDPOINT)
    assert up["state"] == "secure"
    assert [(n["code"], n["step"], n["device"], n["field"]) for n in up["notes"]] == [
        ("km_mismatch", "query", ENDPOINT, field)]


def test_a_root_port_whose_registers_do_not_obey_keeps_its_stream_and_says_so(platform, controller):
    subscriber = Subscriber(controller)
    controller.json("establish", ENDPOINT, "--stream", "4")
    platform.misbehave(ROOT_PORT, "stuck-registers")
    error = controller.error("stop", ENDPOINT, "--stream", "4")
    assert (error["code"], error["step"], error["device"]) == ("register", "disable", ROOT_PORT)
    assert error["outcome"] == "the stream could not be turned off: try stop again"
    told, _ = subscriber.next("stream", state="half_off")
    assert (told["operation"], told["root_port"], told["endpoint"], told["stream"]) == ("stop", ROOT_PORT, ENDPOINT, 4)
    assert (ROOT_PORT, 4) in enabled_streams(platform)
    platform.behave(ROOT_PORT)
    assert controller.json("stop", ENDPOINT, "--stream", "4")["state"] == "off"
    subscriber.next("stream", state="off")
    assert enabled_streams(platform) == set()
    assert controller.json("establish", ENDPOINT, "--stream", "4")["state"] == "secure"
    subscriber.close()
