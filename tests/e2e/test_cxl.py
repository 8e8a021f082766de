# SPDX-License-Identifier: GPL-2.0-or-later
"""The IDE of a CXL.cachemem link: CXL_IDE_KM to the endpoint; for the root port CXL's key unit or its own mailbox."""

import json
import signal
import subprocess
import time

import pytest

from conftest import ENDPOINT, ROOT_PORT, ctl, program
from test_api import Client, Subscriber, check
from test_keeper import wait_for
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


def links(controller, *bdf):
    return controller.json("show", *bdf)["cxl_links"]


def both(state):
    return {ROOT_PORT: (state, state), ENDPOINT: (state, state)}


def secure_streams(platform):
    return {(f["bdf"], s["stream_id"]) for f in platform.state()["functions"] for s in f["streams"]
            if s["state"] == "secure"}


PROVIDERS = pytest.mark.parametrize("provider", ["kcu", "doe"])


def units(provider):
    """A platform's key units: with none the root port's own mailbox is what is left."""
    return None if provider == "kcu" else []


@PROVIDERS
@pytest.mark.parametrize("mode, generate", [("containment", {}), ("skid", {}),
                                            ("containment", {"key_generation": True, "iv_generation": True}),
                                            ("skid", {"key_generation": True}), ("skid", {"iv_generation": True})])
def test_a_link_comes_up_gets_new_keys_and_goes(provider, mode, generate, start_cxl):
    platform, controller = start_cxl(kcu=units(provider), root=generate, **generate)
    assert states(platform) == both("insecure")
    up = controller.json("establish", ENDPOINT, "--cxl", "--mode", mode, *(["--generate"] if generate else []))
    assert (up["state"], up["mode"], up["provider"], up["rekeys"], up["notes"]) == ("secure", mode, provider, 0, [])
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
    for same in (shown, of_root_port := links(controller, ROOT_PORT), of_endpoint := links(controller, ENDPOINT)):
        assert same[0].pop("refresh")["reason"] == "bytes"   # what is left changes with time
    assert of_root_port == shown == of_endpoint
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
    assert {e["stream"] for e in done} == {None}
    roles = {ROOT_PORT: "root_port", ENDPOINT: "endpoint"}
    steps = {operation: [(e["step"], roles.get(e["device"], "root_port")) for e in done if e["operation"] == operation]
             for operation in ("cxl_establish", "cxl_rekey", "cxl_stop")}
    begin = [("cxl_look", "root_port"), ("authenticate", "endpoint"), ("session", "endpoint"), ("query", "endpoint"),
             ("setup", "root_port")]
    keys = [("program_keys", "endpoint"), ("go_receive", "endpoint"), ("program_keys", "root_port"),
            ("go_transmit", "root_port"), ("go_transmit", "endpoint"), ("await_secure", "root_port")]
    for operation, wanted in (("cxl_establish", begin + keys), ("cxl_rekey", keys)):
        assert sorted(s[0] for s in steps[operation]) == sorted(s[0] for s in wanted)
        assert [s[0] for s in steps[operation][-3:]] == ["go_transmit", "go_transmit", "await_secure"]
    assert steps["cxl_stop"] == [("stop_keys", "endpoint"), ("stop_keys", "root_port"), ("end_session", "endpoint")]
    subscriber.close()
    client.close()


@PROVIDERS
def test_it_lives_beside_a_stream_on_the_same_session(provider, start_cxl):
    """A port's one session keys both; neither may take it from the other."""
    platform, controller = start_cxl(kcu=units(provider))
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


# device, fault, then what establish says: code, step, device, exchange, field
FAULTS = [
    (ENDPOINT, "foreign-chain", "untrusted", "authenticate", ENDPOINT, "CERTIFICATE", "RootHash"),
    (ENDPOINT, "wrong-bdf", "km_mismatch", "query", ENDPOINT, "QUERY_RESP", "BusNum"),
    (ENDPOINT, "km-refuse", "km_refused", "program_keys", ENDPOINT, "KP_ACK", "Status"),
    (ENDPOINT, "go-refuse", "peer_error", "go_receive", ENDPOINT, "K_SET_GO", None),
    (ENDPOINT, "stays-insecure", "insecure", "await_secure", ENDPOINT, "CXL link active", "Rx IDE Status"),
    (ROOT_PORT, "stays-insecure", "insecure", "await_secure", ROOT_PORT, "CXL link active", "Rx IDE Status"),
]
FAULTS_OF_A_ROOT_PORT = {
    "kcu": [
        (ROOT_PORT, "kcu-dead", "io", "cxl_look", ROOT_PORT, "CXL key unit setup", None),
        (ROOT_PORT, "kcu-not-ready", "timeout", "go_transmit", ROOT_PORT, "CXL key unit start", "Tx Key Valid"),
        (ROOT_PORT, "kcu-slot-error", "insecure", "go_transmit", ENDPOINT, "CXL link active", "Rx Error Status"),
    ],
    "doe": [
        (ROOT_PORT, "foreign-chain", "untrusted", "authenticate", ROOT_PORT, "CERTIFICATE", "RootHash"),
        (ROOT_PORT, "bad-hmac", "hmac", "session", ROOT_PORT, "KEY_EXCHANGE_RSP", "ResponderVerifyData"),
        (ROOT_PORT, "wrong-bdf", "km_mismatch", "query", ROOT_PORT, "QUERY_RESP", "BusNum"),
        (ROOT_PORT, "km-refuse", "km_refused", "program_keys", ROOT_PORT, "KP_ACK", "Status"),
        (ROOT_PORT, "go-refuse", "peer_error", "go_receive", ROOT_PORT, "K_SET_GO", None),
        (ROOT_PORT, "silent", "timeout", "authenticate", ROOT_PORT, "DOE receive", "Data Object Ready"),
    ],
}


# What shows only in that a wait ends. The rest is answered at once, however long the machine takes for it.
WAITED_FOR = ("stays-insecure", "kcu-not-ready", "silent")


@PROVIDERS
@pytest.mark.parametrize("waits, timeout", [(False, "20"), (True, "3")])
def test_establish_names_what_went_wrong_and_leaves_nothing(waits, timeout, provider, start_cxl):
    platform, controller = start_cxl("--timeout", timeout, kcu=units(provider))
    for bdf, fault, code, step, device, exchange, field in FAULTS + FAULTS_OF_A_ROOT_PORT[provider]:
        if (fault in WAITED_FOR) != waits:
            continue
        platform.misbehave(bdf, fault)
        error = controller.error("establish", ENDPOINT, "--cxl")
        assert (error["code"], error["step"], error["device"]) == (code, step, device), (fault, error)
        assert (error["exchange"], error["field"]) == (exchange, field), (fault, error)
        assert error["outcome"] == "the link is not encrypted", fault
        assert states(platform) == both("insecure"), fault
        platform.behave(bdf)
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"


@PROVIDERS
def test_a_rekey_that_is_refused_keeps_the_old_keys_and_the_next_one_works(provider, start_cxl):
    platform, controller = start_cxl(kcu=units(provider))
    controller.json("establish", ENDPOINT, "--cxl", "--mode", "skid")
    ends = (ENDPOINT,) if provider == "kcu" else (ENDPOINT, ROOT_PORT)
    rekeys = 0
    for bdf in ends:
        for fault, code, exchange in (("km-refuse", "km_refused", "KP_ACK"), ("go-refuse", "peer_error", "K_SET_GO")):
            platform.misbehave(bdf, fault, 1)
            error = controller.error("rekey", ENDPOINT, "--cxl")
            assert (error["code"], error["device"], error["exchange"]) == (code, bdf, exchange)
            assert error["outcome"].startswith("the link goes on")
            assert states(platform) == both("skid")
            rekeys += 1
            done = controller.json("rekey", ENDPOINT, "--cxl")
            assert (done["state"], done["rekeys"], done["notes"]) == ("secure", rekeys, [])
            assert states(platform) == both("skid")
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"


def test_who_gives_the_root_port_its_keys_is_chosen_as_for_its_streams(start_platform, start_controller, directory):
    platform = start_platform("--platform", platform_file(directory))
    for choice, got in (("auto", "kcu"), ("kcu", "kcu"), ("doe", "doe"), (f"{ROOT_PORT}=doe", "doe")):
        controller = start_controller(platform, "--provider", choice)
        assert controller.json("establish", ENDPOINT, "--cxl")["provider"] == got
        assert states(platform) == both("containment")
        controller.stop()
        assert states(platform) == both("insecure")


def test_who_may_not_give_keys_does_not(start_platform, start_controller, directory):
    """No unit for it alone, and: a mailbox is not there, is not to be used, or belongs to a root of trust."""
    functions = [{"bdf": ROOT_PORT, "cxl": {}, "doe": False, "below": [{"bdf": ENDPOINT, "cxl": {}}]}]
    platform = start_platform("--platform", platform_file(directory, functions, kcu=[]))
    error = start_controller(platform).error("establish", ENDPOINT, "--cxl")
    assert (error["code"], error["step"], error["device"]) == ("provider", "survey", ROOT_PORT)


def test_a_root_of_trust_has_its_mailbox_for_itself(start_platform, start_controller, directory):
    platform = start_platform("--platform", platform_file(directory, kcu=[]))
    controller = start_controller(platform, "--rot", ROOT_PORT)
    error = controller.error("establish", ENDPOINT, "--cxl")
    assert (error["code"], error["step"], error["device"]) == ("provider", "survey", ROOT_PORT)
    controller.stop()
    controller = start_controller(platform, "--rot", "0000:00:05.0", "--provider", "rot")
    error = controller.error("establish", ENDPOINT, "--cxl")
    assert (error["code"], error["step"], error["device"]) == ("provider", "survey", ROOT_PORT)


def test_a_root_port_that_cannot_stop_forgets_with_its_session(start_cxl):
    platform, controller = start_cxl(kcu=[], root={"k_set_stop": False})
    controller.json("establish", ENDPOINT, "--cxl")
    off = controller.json("stop", ENDPOINT, "--cxl")
    assert (off["state"], [(n["code"], n["device"]) for n in off["notes"]]) == ("off", [("capability", ROOT_PORT)])
    assert states(platform) == both("insecure")
    # with a stream on the same session it cannot be turned off, and says so
    controller.json("establish", ENDPOINT, "--stream", "3")
    controller.json("establish", ENDPOINT, "--cxl")
    error = controller.error("stop", ENDPOINT, "--cxl")
    assert (error["code"], error["device"]) == ("capability", ROOT_PORT)
    assert error["outcome"] == "the link could not be turned off: try stop again"
    assert controller.ctl("stop", ENDPOINT, "--stream", "3").returncode == 0
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    assert states(platform) == both("insecure")


def test_a_mailbox_session_is_kept_alive_beside_a_key_unit(start_platform, start_controller, directory):
    """The root port's stream is keyed by a unit, its CXL link through its mailbox, whose session wants heartbeats."""
    functions = [{"bdf": ROOT_PORT, "cxl": {}, "spdm": {"heartbeat": 2}, "below": [{"bdf": ENDPOINT, "cxl": {}}]}]
    pcie = [{"base": hex(UNIT), "streams": 4, "tx_slots": 12, "rx_slots": 12, "root_ports": [ROOT_PORT]}]
    platform = start_platform("--platform", platform_file(directory, functions, kcu=pcie))
    controller = start_controller(platform)
    assert controller.json("establish", ENDPOINT, "--stream", "3")["provider"] == "kcu"
    assert controller.json("establish", ENDPOINT, "--cxl")["provider"] == "doe"
    time.sleep(5)   # without a heartbeat it ends after two periods
    assert states(platform) == both("containment")
    assert controller.json("rekey", ENDPOINT, "--cxl")["state"] == "secure"


@pytest.mark.parametrize("provider, bdf", [("kcu", ENDPOINT), ("doe", ENDPOINT), ("doe", ROOT_PORT)])
def test_a_rekey_whose_session_is_lost_takes_no_good_keys_down(provider, bdf, start_cxl):
    platform, controller = start_cxl(kcu=units(provider))
    controller.json("establish", ENDPOINT, "--cxl")
    platform.misbehave(bdf, "replayed-record", 1)
    for code in ("record", "session", "session", "session", "session"):
        error = controller.error("rekey", ENDPOINT, "--cxl")
        assert (error["code"], error["device"]) == (code, bdf)
        assert error["outcome"].startswith("the link goes on with the keys that it has, but the session that they came from "
                                           "is lost, and no rekey can succeed")
        assert states(platform) == both("containment")
    assert "stop of" not in controller.log.read_text()
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    assert controller.json("establish", ENDPOINT, "--cxl")["state"] == "secure"
    assert controller.json("rekey", ENDPOINT, "--cxl")["notes"] == []


@pytest.mark.parametrize("provider, bdf", [("kcu", ENDPOINT), ("doe", ENDPOINT), ("doe", ROOT_PORT)])
def test_a_session_that_is_gone_cannot_rekey(provider, bdf, start_cxl):
    platform, controller = start_cxl("--watch-interval", "0", kcu=units(provider))   # or it would come back by itself
    controller.json("establish", ENDPOINT, "--cxl")
    platform.tell(f"reset {bdf}")
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
    assert (error["code"], error["device"], error["field"]) == ("capability", "0000:00:05.0", "Register Locator DVSEC")
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


@PROVIDERS
def test_what_a_kill_leaves_is_taken_back_and_comes_back(provider, start_cxl, start_controller, directory):
    options = ("--state", str(directory / "state.db"))
    platform, controller = start_cxl(*options, kcu=units(provider))
    controller.json("establish", ENDPOINT, "--cxl")
    controller.kill()
    assert states(platform) == both("containment")
    controller = start_controller(platform, *options)
    end = time.monotonic() + 30
    while not (links := controller.json("show")["cxl_links"]) or links[0]["state"] != "secure":
        assert time.monotonic() < end, links
        time.sleep(0.05)
    assert links[0]["provider"] == provider
    # the sessions are the new controller's: what was keyed in others could not be keyed again
    assert controller.json("rekey", ENDPOINT, "--cxl")["state"] == "secure"
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    assert states(platform) == both("insecure")


@PROVIDERS
@pytest.mark.parametrize("step", ["authenticate", "session", "program_keys", "go_receive"])
def test_a_cancelled_establish_is_undone(provider, step, start_cxl):
    platform, controller = start_cxl(kcu=units(provider))
    subscriber, client, other = Subscriber(controller), Client(controller), Client(controller)
    platform.misbehave(ENDPOINT, "late=300")
    client.begin("cxl_establish", "mine", bdf=ENDPOINT)
    subscriber.next("step", step=step)
    assert other.ask("cancel", "c", request="mine")["result"] == {"request": "mine"}
    platform.behave(ENDPOINT)
    error = client.receive()["error"]
    assert (error["code"], error["message"]) == ("cancelled", "cancelled on request")
    assert error["outcome"] == "the link is not encrypted"
    assert states(platform) == both("insecure")
    assert other.ask("show")["result"]["cxl_links"] == []
    assert client.ask("cxl_establish", bdf=ENDPOINT)["result"]["state"] == "secure"
    assert states(platform) == both("containment")
    for each in (subscriber, client, other):
        each.close()


def test_a_cancelled_rekey_leaves_the_link_on_and_a_stop_is_not_cancelled(start_cxl):
    platform, controller = start_cxl(kcu=[])
    subscriber, client = Subscriber(controller), Client(controller)
    client.ask("cxl_establish", bdf=ENDPOINT)
    subscriber.take()
    platform.misbehave(ENDPOINT, "late=300")
    client.begin("cxl_rekey", "mine", bdf=ENDPOINT)
    subscriber.next("step", step="program_keys")
    client.begin("cxl_rekey", "waits", bdf=ENDPOINT)
    client.begin("cancel", "b", request="waits")
    client.begin("cancel", "c", request="mine")
    replies = {reply["id"]: reply for reply in (client.receive() for _ in range(4))}
    assert (replies["b"]["result"], replies["c"]["result"]) == ({"request": "waits"}, {"request": "mine"})
    assert (replies["waits"]["error"]["code"], replies["waits"]["error"]["outcome"]) == ("cancelled", None)
    assert replies["mine"]["error"]["code"] == "cancelled"
    assert replies["mine"]["error"]["outcome"].startswith("the link goes on")
    assert states(platform) == both("containment")
    client.begin("cxl_stop", "stop", bdf=ENDPOINT)
    subscriber.next("step", step="stop_keys")
    client.begin("cancel", "d", request="stop")
    replies = {reply["id"]: reply for reply in (client.receive(), client.receive())}
    assert (replies["d"]["error"]["code"], replies["d"]["error"]["field"]) == ("state", "request")
    assert replies["stop"]["result"]["state"] == "off"
    assert states(platform) == both("insecure")
    for each in (subscriber, client):
        each.close()


MEM = "[stream mem]\ncxl = yes\n"


def configured(directory, text):
    path = directory / "ide-kmd.conf"
    path.write_text(text)
    return "--config", str(path)


def is_secure(controller, **wanted):
    shown = links(controller)
    return len(shown) == 1 and shown[0]["state"] == "secure" and {k: shown[0][k] for k in wanted} == wanted and shown[0]


@PROVIDERS
def test_what_the_configuration_wants_comes_up_and_is_renewed_by_time(provider, start_cxl, directory):
    text = MEM + f"mode = skid\n[device {ENDPOINT}]\nstreams = default, mem\nrefresh-every = 2s\n"
    platform, controller = start_cxl(*configured(directory, text), kcu=units(provider))
    link = wait_for(lambda: is_secure(controller, mode="skid", provider=provider, keys_from="controller"))
    assert link["refresh"]["due_in_s"] > 0 and link["watch"]["state"] == "secure"
    assert wait_for(lambda: is_secure(controller) and links(controller)[0]["rekeys"] >= 2)
    assert states(platform) == both("skid")
    wait_for(lambda: (ENDPOINT, 0) in secure_streams(platform))
    error = controller.error("establish", ENDPOINT, "--cxl")
    assert error["code"] == "stream_used"


@PROVIDERS
def test_its_sessions_have_new_keys_after_so_many_records(provider, start_cxl, directory):
    """KEY_UPDATE, beside new keys for the link: a session that could not be renewed would be replaced."""
    text = MEM + f"[device {ENDPOINT}]\nstreams = mem\nheartbeat = 50ms\nrefresh-records = 40\n"
    platform, controller = start_cxl(*configured(directory, text), kcu=units(provider))
    wait_for(lambda: (link := is_secure(controller)) and link["rekeys"] >= 3)
    assert links(controller)[0]["refresh"]["records"] < 100
    log = controller.log.read_text()
    assert "cxl_stop of" not in log and "failed" not in log
    assert states(platform) == both("containment")


def test_devices_without_cxl_are_left_out_of_a_rule_for_all(start_cxl, directory):
    platform, controller = start_cxl(*configured(directory, MEM + "[device all]\nstreams = mem\n"))
    wait_for(lambda: is_secure(controller))
    time.sleep(1)
    shown = controller.json("show")
    assert (shown["kept"], len(shown["cxl_links"]), shown["streams"]) == ([], 1, [])
    assert "0000:06:00.0: it cannot have [stream mem]" in controller.log.read_text()
    assert states(platform) == both("containment")


@PROVIDERS
def test_a_link_that_falls_is_told_and_comes_back(provider, start_cxl, directory):
    text = MEM + f"[policy]\nretry-first = 100ms\n[device {ENDPOINT}]\nstreams = mem\n"
    platform, controller = start_cxl(*configured(directory, text), kcu=units(provider))
    wait_for(lambda: is_secure(controller))
    subscriber = Subscriber(controller)
    platform.tell(f"reset {ENDPOINT}")
    wait_for(lambda: "cxl_stop of" in controller.log.read_text())
    link = wait_for(lambda: is_secure(controller))
    assert link["rekeys"] == 0 and states(platform) == both("containment")
    fall, _ = subscriber.next("cxl_link")
    assert (fall["state"], fall["stream"], fall["root_port"], fall["endpoint"]) == ("insecure", None, ROOT_PORT, ENDPOINT)
    assert "insecure" in {e["rx"] for e in fall["ends"]}
    subscriber.close()


def test_an_integrity_failure_is_interference(start_cxl, directory):
    """One end has another key than the other: its first flit is an integrity failure at the receiver."""
    text = MEM + f"[device {ENDPOINT}]\nstreams = mem\non-interference = leave-off\nrefresh-every = 1s\n"
    platform, controller = start_cxl(*configured(directory, text))
    wait_for(lambda: is_secure(controller))
    platform.misbehave(ROOT_PORT, "kcu-slot-error")
    [kept] = wait_for(lambda: [k for k in controller.json("show")["kept"] if k["state"] == "left_off"])
    assert (kept["kind"], kept["stream"], kept["cause_kind"], kept["rule"], kept["action"]) == \
        ("cxl", None, "interference", "on-interference", "leave-off"), kept
    assert states(platform) == both("insecure")
    assert "on-interference = leave-off" in controller.ctl("show").stdout


def test_a_stop_counts_until_the_configuration_wants_it_otherwise(start_cxl, directory):
    text = MEM + f"[device {ENDPOINT}]\nstreams = mem\n"
    platform, controller = start_cxl(*configured(directory, text))
    wait_for(lambda: is_secure(controller))
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"
    time.sleep(1)
    assert (links(controller), controller.json("show")["kept"][0]["state"]) == ([], "stopped")
    assert states(platform) == both("insecure")
    controller.process.send_signal(signal.SIGHUP)   # it is the same
    wait_for(lambda: "the configuration was read again" in controller.log.read_text())
    time.sleep(1)
    assert (links(controller), controller.json("show")["kept"][0]["state"]) == ([], "stopped")
    text += "heartbeat = 1h\n"
    configured(directory, text)
    controller.process.send_signal(signal.SIGHUP)
    wait_for(lambda: is_secure(controller))
    # another mode is another link
    configured(directory, text.replace("cxl = yes", "cxl = yes\nmode = skid"))
    controller.process.send_signal(signal.SIGHUP)
    wait_for(lambda: is_secure(controller, mode="skid"))
    # and one that is wanted no longer goes
    configured(directory, "")
    controller.process.send_signal(signal.SIGHUP)
    wait_for(lambda: links(controller) == [])
    assert controller.json("show")["kept"] == [] and states(platform) == both("insecure")


def test_one_that_cannot_come_up_is_shown_and_can_be_given_up(start_cxl, directory):
    text = MEM + f"[policy]\nretry-first = 1h\nretry-most = 1h\n[device {ENDPOINT}]\nstreams = mem\n"
    path = configured(directory, "")
    platform, controller = start_cxl(*path)
    platform.misbehave(ENDPOINT, "foreign-chain")
    configured(directory, text)
    controller.process.send_signal(signal.SIGHUP)
    [kept] = wait_for(lambda: controller.json("show")["kept"])
    assert (kept["kind"], kept["state"], kept["cause_kind"], kept["rule"]) == ("cxl", "wanted", "wrong_identity", "on-failure")
    off = controller.json("stop", ENDPOINT, "--cxl")
    assert (off["state"], off["root_port"], off["endpoint"]) == ("off", ROOT_PORT, ENDPOINT)
    assert controller.json("show")["kept"][0]["state"] == "stopped"
    assert states(platform) == both("insecure")


def test_a_kill_leaves_what_the_configuration_wants_to_the_configuration(start_cxl, start_controller, directory):
    options = ("--state", str(directory / "state.db"), *configured(directory, MEM + f"[device {ENDPOINT}]\nstreams = mem\n"))
    platform, controller = start_cxl(*options)
    wait_for(lambda: is_secure(controller))
    controller.kill()
    controller = start_controller(platform, *options)
    wait_for(lambda: is_secure(controller))
    controller.kill()
    configured(directory, "")
    controller = start_controller(platform, *options)
    wait_for(lambda: states(platform) == both("insecure"))
    time.sleep(1)
    assert links(controller) == [] and controller.json("show")["kept"] == []


def test_an_interrupt_undoes_what_was_begun(start_cxl):
    platform, controller = start_cxl()
    platform.misbehave(ENDPOINT, "late=2000")
    process = subprocess.Popen([program("ide-ctl"), "--connect", controller.endpoint, "establish", ENDPOINT, "--cxl",
                                "--progress"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not process.stderr.readline().endswith("check its identity\n"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert "cancelled on request" in error and "the link is not encrypted" in error
    platform.behave(ENDPOINT)
    assert (links(controller), states(platform)) == ([], both("insecure"))
