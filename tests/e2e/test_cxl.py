# SPDX-License-Identifier: GPL-2.0-or-later
"""The IDE of a CXL.cachemem link: CXL_IDE_KM to the endpoint, CXL's key unit for the root port."""

import json

import pytest

from conftest import ENDPOINT, ROOT_PORT, ctl
from test_api import Client, Subscriber, check
from test_link import Traffic, errors

UNIT = 0xFE100000


def platform_file(directory, functions=None, kcu=None, root=None, **endpoint):
    path = directory / "platform.json"
    path.write_text(json.dumps({
        "functions": functions or [
            {"bdf": ROOT_PORT, "cxl": root or {}, "below": [{"bdf": ENDPOINT, "cxl": endpoint}]},
            {"bdf": "0000:00:05.0", "below": [{"bdf": "0000:06:00.0"}]},
        ],
        "kcu": [{"base": hex(UNIT), "protocol": "cxl", "root_ports": [ROOT_PORT]}] if kcu is None else kcu,
    }))
    return str(path)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """Made by the first platform that is started, for the others too."""
    return tmp_path_factory.mktemp("identity")


@pytest.fixture
def start_cxl(start_platform, start_controller, directory):
    def start(*options, **platform):
        emu = start_platform("--platform", platform_file(directory, **platform))
        return emu, start_controller(emu, *options)

    return start


def states(platform):
    return {f["bdf"]: (f["cxl"]["rx"], f["cxl"]["tx"]) for f in platform.state()["functions"] if f["cxl"]}


def both(state):
    return {ROOT_PORT: (state, state), ENDPOINT: (state, state)}


def secure_streams(platform):
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["state"] == "secure"}


@pytest.mark.parametrize("mode, generate", [("containment", {}), ("skid", {}),
                                            ("containment", {"key_generation": True, "iv_generation": True}),
                                            ("skid", {"key_generation": True}), ("skid", {"iv_generation": True})])
def test_a_link_comes_up_gets_new_keys_and_goes(mode, generate, start_cxl):
    platform, controller = start_cxl(**generate)
    assert states(platform) == both("insecure")
    up = controller.json("establish", ENDPOINT, "--cxl", "--mode", mode, *(["--generate"] if generate else []))
    assert (up["state"], up["mode"], up["provider"], up["rekeys"], up["notes"]) == ("secure", mode, "kcu", 0, [])
    assert up["keys_from"] == ("endpoint" if generate else "controller")
    assert [(e["role"], e["bdf"], e["rx"], e["tx"], e["error"]) for e in up["ends"]] == [
        ("root_port", ROOT_PORT, mode, mode, 0), ("endpoint", ENDPOINT, mode, mode, 0)]
    assert states(platform) == both(mode)
    for n in range(1, 4):
        done = controller.json("rekey", ROOT_PORT, "--cxl")
        assert (done["state"], done["rekeys"], done["notes"]) == ("secure", n, [])
        assert states(platform) == both(mode)
    off = controller.json("stop", ENDPOINT, "--cxl")
    assert (off["state"], off["notes"]) == ("off", [])
    assert states(platform) == both("insecure")
    assert controller.json("show")["cxl_links"] == []


def test_containment_is_the_default_and_show_says_so(start_cxl):
    platform, controller = start_cxl()
    done = controller.ctl("establish", ENDPOINT, "--cxl")
    assert done.stdout == (f"The CXL link is Secure: root port {ROOT_PORT}, endpoint {ENDPOINT}, containment mode, "
                           "keys from the controller.\n")
    shown = controller.json("show")["cxl_links"]
    assert [(s["root_port"], s["mode"], s["state"]) for s in shown] == [(ROOT_PORT, "containment", "secure")]
    assert controller.json("show", ROOT_PORT)["cxl_links"] == shown == controller.json("show", ENDPOINT)["cxl_links"]
    assert controller.json("show", "0000:00:05.0")["cxl_links"] == []
    text = controller.ctl("show").stdout
    assert "CXL link, root port 0000:00:03.0, endpoint 0000:01:00.0: Secure, containment mode" in text
    assert "endpoint  0000:01:00.0: receives containment, sends containment" in text
    error = controller.error("establish", ROOT_PORT, "--cxl")
    assert (error["code"], error["device"]) == ("stream_used", ROOT_PORT)
    controller.stop()
    assert states(platform) == both("insecure")


def test_messages_fit_the_schema(start_cxl):
    _, controller = start_cxl(key_generation=True)
    subscriber, client = Subscriber(controller), Client(controller)
    check("cxl_result", client.ask("cxl_establish", bdf=ENDPOINT, mode="skid", generate=True)["result"])
    check("cxl_result", client.ask("cxl_rekey", bdf=ROOT_PORT)["result"])
    check("show_result", client.ask("show")["result"])
    check("port", client.ask("show", bdf=ENDPOINT)["result"])
    check("cxl_result", client.ask("cxl_stop", bdf=ENDPOINT)["result"])
    for wrong in ({"mode": "both"}, {"mode": 1}, {"generate": 1}, {"stream": 0}):
        request = {"v": 1, "id": 1, "verb": "cxl_establish", "bdf": ENDPOINT, **wrong}
        assert client.raw(json.dumps(request))["error"]["code"] == "argument"
    request = {"v": 1, "id": 1, "verb": "cxl_rekey", "bdf": ENDPOINT, "mode": "skid"}
    assert client.raw(json.dumps(request))["error"]["code"] == "argument"
    done = [e for e in subscriber.take() if e["event"] == "step" and e["state"] == "done"]
    assert [(e["operation"], e["step"], e["stream"]) for e in done] == [
        ("cxl_establish", "cxl_link", None), ("cxl_rekey", "cxl_link", None), ("cxl_stop", "cxl_link", None)]
    subscriber.close()
    client.close()


def test_it_lives_beside_a_stream_on_the_same_session(start_cxl):
    """The endpoint's one session keys both; neither may take it from the other."""
    platform, controller = start_cxl()
    controller.json("establish", ENDPOINT, "--stream", "3")
    controller.json("establish", ENDPOINT, "--cxl")
    traffic = Traffic(platform, ENDPOINT)
    try:
        assert controller.json("rekey", ENDPOINT, "--cxl")["state"] == "secure"
        assert controller.json("rekey", ENDPOINT)["streams"][0]["state"] == "secure"
    finally:
        traffic.stop()
    assert errors(platform, ENDPOINT) == []
    assert controller.json("attest", ENDPOINT)["state"] == "attested"
    assert controller.ctl("stop", ENDPOINT, "--stream", "3").returncode == 0
    assert states(platform) == both("containment")
    assert controller.json("rekey", ENDPOINT, "--cxl")["state"] == "secure"
    controller.json("establish", ENDPOINT, "--stream", "3")
    assert controller.ctl("stop", ENDPOINT, "--cxl").returncode == 0
    assert secure_streams(platform) == {(ROOT_PORT, 3), (ENDPOINT, 3)}
    assert states(platform) == both("insecure")


# device, fault, then what establish says: code, device, exchange, field
FAULTS = [
    (ENDPOINT, "foreign-chain", "untrusted", ENDPOINT, "CERTIFICATE", "RootHash"),
    (ENDPOINT, "wrong-bdf", "km_mismatch", ENDPOINT, "QUERY_RESP", "BusNum"),
    (ENDPOINT, "km-refuse", "km_refused", ENDPOINT, "KP_ACK", "Status"),
    (ENDPOINT, "go-refuse", "peer_error", ENDPOINT, "K_SET_GO", None),
    (ENDPOINT, "stays-insecure", "insecure", ENDPOINT, "CXL link active", "Rx IDE Status"),
    (ROOT_PORT, "stays-insecure", "insecure", ROOT_PORT, "CXL link active", "Rx IDE Status"),
    (ROOT_PORT, "kcu-dead", "io", ROOT_PORT, "CXL key unit setup", None),
    (ROOT_PORT, "kcu-not-ready", "timeout", ROOT_PORT, "CXL key unit start", "Tx Key Valid"),
    (ROOT_PORT, "kcu-slot-error", "insecure", ENDPOINT, "CXL link active", "Rx Error Status"),
]


def test_establish_names_what_went_wrong_and_leaves_nothing(start_cxl):
    platform, controller = start_cxl("--timeout", "300ms")
    for bdf, fault, code, device, exchange, field in FAULTS:
        platform.misbehave(bdf, fault)
        error = controller.error("establish", ENDPOINT, "--cxl")
        assert (error["code"], error["step"], error["device"]) == (code, "cxl_link", device), fault
        assert (error["exchange"], error["field"]) == (exchange, field), fault
        assert error["outcome"] == "the link is not encrypted", fault
        assert states(platform) == both("insecure"), fault
        platform.behave(bdf)
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"


def test_a_rekey_that_is_refused_keeps_the_old_keys(start_cxl):
    platform, controller = start_cxl()
    controller.json("establish", ENDPOINT, "--cxl", "--mode", "skid")
    platform.misbehave(ENDPOINT, "km-refuse", 1)
    error = controller.error("rekey", ENDPOINT, "--cxl")
    assert error["code"] == "km_refused"
    assert error["outcome"].startswith("the link goes on with its old keys")
    assert states(platform) == both("skid")
    assert controller.json("rekey", ENDPOINT, "--cxl")["rekeys"] == 1
    platform.misbehave(ENDPOINT, "go-refuse", 1)
    error = controller.error("rekey", ENDPOINT, "--cxl")
    assert (error["code"], error["exchange"]) == ("peer_error", "K_SET_GO")
    assert states(platform) == both("skid")
    # a key waits in the endpoint now, and keeps others out until it is stopped
    assert controller.error("rekey", ENDPOINT, "--cxl")["code"] == "km_refused"
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"


def test_a_session_that_is_gone_cannot_rekey(start_cxl):
    platform, controller = start_cxl()
    controller.json("establish", ENDPOINT, "--cxl")
    platform.tell(f"reset {ENDPOINT}")
    assert controller.json("show")["cxl_links"][0]["state"] == "insecure"
    error = controller.error("rekey", ENDPOINT, "--cxl")
    assert error["outcome"] == "the link is no longer encrypted: stop it and establish it again"
    off = controller.json("stop", ENDPOINT, "--cxl")
    assert off["state"] == "off"
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"


def test_a_unit_that_dies_can_be_stopped_later(start_cxl):
    platform, controller = start_cxl()
    controller.json("establish", ENDPOINT, "--cxl")
    platform.misbehave(ROOT_PORT, "kcu-dead")
    error = controller.error("stop", ENDPOINT, "--cxl")
    assert (error["code"], error["device"], error["exchange"]) == ("io", ROOT_PORT, "CXL key unit stop")
    assert error["outcome"] == "the link could not be turned off: try stop again"
    platform.behave(ROOT_PORT)
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    assert states(platform) == both("insecure")


def test_an_endpoint_without_k_set_stop_forgets_with_its_session(start_cxl):
    platform, controller = start_cxl(k_set_stop=False)
    controller.json("establish", ENDPOINT, "--cxl")
    off = controller.json("stop", ENDPOINT, "--cxl")
    assert off["state"] == "off"
    assert [(n["code"], n["device"], n["field"]) for n in off["notes"]] == [
        ("capability", ENDPOINT, "K_SET_STOP Capable")]
    assert states(platform) == both("insecure")
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"


def test_what_a_port_lacks_is_said(start_cxl, start_controller):
    platform, controller = start_cxl(root={"skid": False}, containment=False)
    error = controller.error("establish", ENDPOINT, "--cxl", "--mode", "skid")
    assert (error["code"], error["device"], error["field"]) == ("capability", ROOT_PORT, "Skid Mode Capable")
    error = controller.error("establish", ENDPOINT, "--cxl")
    assert (error["code"], error["device"], error["field"]) == ("capability", ENDPOINT, "Containment Mode Capable")
    error = controller.error("establish", "0000:06:00.0", "--cxl")
    assert (error["code"], error["device"]) == ("provider", "0000:00:05.0")
    error = controller.error("stop", "0000:06:00.0", "--cxl")
    assert (error["code"], error["device"]) == ("no_stream", "0000:06:00.0")
    controller.stop()
    controller = start_controller(platform, "--memory", "/nonexistent")
    error = controller.error("establish", ENDPOINT, "--cxl")
    assert (error["code"], error["device"], error["exchange"]) == ("access", ROOT_PORT, "CXL key unit open")


def test_keys_that_nobody_generates_and_a_unit_that_is_somebodys(start_cxl):
    platform, controller = start_cxl()
    error = controller.error("establish", ENDPOINT, "--cxl", "--generate")
    assert (error["code"], error["device"], error["field"]) == ("capability", ENDPOINT, "IDE Key Generation Capable")
    with open(platform.mount / "mem", "r+b", buffering=0) as memory:
        memory.seek(UNIT)
        memory.write(b"\1\0\0\0")
    error = controller.error("establish", ENDPOINT, "--cxl")
    assert (error["code"], error["device"], error["field"]) == ("foreign", ROOT_PORT, "Link Encryption Enable")
    with open(platform.mount / "mem", "rb", buffering=0) as memory:
        memory.seek(UNIT)
        assert memory.read(4) == b"\1\0\0\0"


@pytest.mark.parametrize("arguments, text", [
    (["list", "--cxl"], "no --cxl is taken by list"),
    (["establish", "--cxl"], "which port? --cxl needs one: establish"),
    (["stop", ENDPOINT, "--cxl", "--stream", "0"], "a CXL link has no --stream: stop"),
    (["rekey", ENDPOINT, "--cxl", "--mode", "skid"], "no --mode is taken by rekey"),
    (["establish", ENDPOINT, "--generate"], "--mode and --generate are about a CXL link and need --cxl: establish"),
    (["establish", ENDPOINT, "--cxl", "--mode", "both"], "--mode is neither containment nor skid: both"),
])
def test_a_wrong_command_line(arguments, text):
    done = ctl(*arguments)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, f"ide-ctl: {text}")
