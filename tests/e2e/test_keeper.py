# SPDX-License-Identifier: GPL-2.0-or-later
"""What the configuration wants comes up by itself and stays up: retries, quarantine, refreshes, reload."""

import json
import signal
import sqlite3
import time

import pytest

from api_client import Client
from conftest import ENDPOINT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT
from test_link import read, write
from streams import ide
from test_session_forms import make_host, start_bench  # noqa: F401 (a fixture)
from test_stream_paths import DOWN, ENDS, TOP, UP, switch


def wait_for(what, seconds=60):
    """The first true value of what(); fails if there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.1)


def streams(controller):
    """{endpoint or lower port: stream} of this controller's that are Secure."""
    return {s["endpoint"]: s for s in controller.json("show")["streams"]
            if s["owner"] == "controller" and s["state"] == "secure"}


def kept_of(controller, *bdf):
    return controller.json("show", *bdf)["kept"]


class Kept:
    """A controller with a configuration file."""

    def __init__(self, directory, platform, start_controller):
        self.path = directory / "ide-kmd.conf"
        self.platform = platform
        self.start_controller = start_controller

    def write(self, text):
        self.path.write_text(text)

    def start(self, text):
        self.write(text)
        self.controller = self.start_controller(self.platform, "--config", str(self.path))
        return self.controller

    def reload(self, text, says="the configuration was read again"):
        before = self.controller.log.read_text().count(says)
        self.write(text)
        self.controller.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.controller.log.read_text().count(says) > before)

    def says(self, text):
        return text in self.controller.log.read_text()


@pytest.fixture
def kept(directory, platform, start_controller):
    return Kept(directory, platform, start_controller)


def test_all_devices_get_their_streams_by_themselves(kept):
    controller = kept.start("[device all]\nstreams = default\n")
    up = wait_for(lambda: (s := streams(controller)).keys() == {ENDPOINT, *SWITCH_ENDPOINTS} and s)
    assert {s["kind"] for s in up.values()} == {"selective"}


def test_a_device_gets_what_its_rule_says_with_all_options(kept):
    controller = kept.start(f"""[stream special]
stream = 9
tc = 3
pcrc = yes
aggregation = pr=4
[device all]
streams = default
[device {ENDPOINT}]
streams = special
[device {SWITCH_ROOT_PORT}]
streams = none
""")
    up = wait_for(lambda: streams(controller))
    assert up.keys() == {ENDPOINT} and up[ENDPOINT]["stream"] == 9
    features = up[ENDPOINT]["ends"][0]["features"]
    assert (features["tc"], features["pcrc"], features["aggregation"]["pr"]) == (3, True, 4)


def test_a_device_that_fails_some_times_is_tried_again(kept):
    kept.platform.misbehave(ENDPOINT, "spdm-error", 3)
    controller = kept.start(f"[policy]\nretry-first = 200ms\n[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: ENDPOINT in streams(controller))
    assert controller.log.read_text().count("establish") >= 3


def test_reload_adds_and_removes_one_stream_and_touches_no_other(kept):
    one = f"[device {ENDPOINT}]\nstreams = default\n"
    two = one + f"[device {SWITCH_ENDPOINTS[0]}]\nstreams = default\n"
    controller = kept.start(one)
    before = wait_for(lambda: streams(controller))[ENDPOINT]
    keyed = controller.json("show", ENDPOINT)["streams"][0]["refresh"]["records"]
    kept.reload(two)
    assert wait_for(lambda: len(s := streams(controller)) == 2 and s).keys() == {ENDPOINT, SWITCH_ENDPOINTS[0]}
    kept.reload(one)
    after = wait_for(lambda: len(s := streams(controller)) == 1 and s)[ENDPOINT]
    assert (after["key_set"], after["rekeys"], after["stream"]) == (before["key_set"], before["rekeys"], before["stream"])
    assert after["refresh"]["records"] == keyed, "something was said to the device in the stream's session"
    falls = [s.get("falls", 0) for f in kept.platform.state()["functions"] for s in f["streams"]
             if f["bdf"] in (ENDPOINT, ROOT_PORT) and s["stream_id"] == before["stream"]]
    assert falls == [0, 0]


def test_a_wrong_configuration_changes_nothing_and_says_what_is_wrong(kept):
    controller = kept.start(f"[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: streams(controller))
    kept.reload(f"[device {ENDPOINT}]\nstreams = none\nrefesh-every = 1h\n",
                says="the configuration is wrong; the one before goes on")
    assert kept.says(f"{kept.path}:3: there is no key refesh-every in [device]")
    assert streams(controller).keys() == {ENDPOINT}
    assert controller.json("rekey", ENDPOINT)["streams"][0]["rekeys"] == 1


def test_reload_takes_new_settings_for_what_begins_and_says_what_waits(kept):
    controller = kept.start("[spdm]\nspdm-versions = 1.2\n")
    assert controller.json("establish", ENDPOINT)["spdm_version"] == "1.2"
    kept.reload("[spdm]\nspdm-versions = 1.3\n[keys]\nprovider = doe\n")
    assert kept.says("provider is another one in the configuration now, and counts from the next start")
    assert controller.json("rekey", ENDPOINT)["streams"][0]["spdm_version"] == "1.2"
    assert controller.json("establish", SWITCH_ENDPOINTS[0])["spdm_version"] == "1.3"
    controller.json("stop", ENDPOINT, "--stream", "0")
    assert controller.json("establish", ENDPOINT)["spdm_version"] == "1.3"


def test_trust_anchors_are_read_anew(kept, directory):
    (directory / "trust").mkdir()
    text = f"[policy]\nretry-first = 1h\nretry-most = 1h\n[device {ENDPOINT}]\nstreams = default\n"
    kept.write(text)
    controller = kept.controller = kept.start_controller(kept.platform, "--config", str(kept.path),
                                                         trust=directory / "trust")
    wait_for(lambda: kept.says("its stream cannot be established"))
    for certificate in kept.platform.trust.iterdir():
        (directory / "trust" / certificate.name).write_bytes(certificate.read_bytes())
    kept.reload(text)
    assert wait_for(lambda: streams(controller)).keys() == {ENDPOINT}


def test_a_device_that_cannot_be_trusted_is_quarantined_until_somebody_establishes(kept):
    kept.platform.misbehave(ENDPOINT, "bad-signature-key-exchange")
    controller = kept.start(f"[device {ENDPOINT}]\nstreams = default\non-failure = quarantine\n")
    wait_for(lambda: [(k["state"], k["retry_in_s"]) for k in kept_of(controller)] == [("quarantined", None)])
    assert streams(controller) == {}
    failed = controller.error("establish", ENDPOINT)
    assert failed["code"] != "stream_used"
    kept.platform.behave(ENDPOINT)
    controller.json("establish", ENDPOINT)
    assert streams(controller).keys() == {ENDPOINT}


def test_what_gives_up_after_its_attempts_stays_off(kept):
    kept.platform.misbehave(ENDPOINT, "spdm-error")
    controller = kept.start(f"""[policy]
retry-first = 100ms
retry-attempts = 2
[device {ENDPOINT}]
streams = default
""")
    wait_for(lambda: [(k["state"], k["retry_in_s"]) for k in kept_of(controller)] == [("left_off", None)])
    assert streams(controller) == {}


def test_keys_are_refreshed_by_time(kept):
    controller = kept.start(f"[policy]\nrefresh-every = 2s\n[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: streams(controller))
    assert wait_for(lambda: streams(controller)[ENDPOINT]["rekeys"] >= 2)


def test_keys_are_refreshed_by_the_tlps_that_the_link_can_have_carried(kept):
    often, seldom = ENDPOINT, SWITCH_ENDPOINTS[0]
    controller = kept.start(f"[device {often}]\nstreams = default\nrefresh-tlps = 2^32\n"
                            f"[device {seldom}]\nstreams = default\nrefresh-tlps = 2^50\n")
    up = wait_for(lambda: len(s := streams(controller)) == 2 and s)
    per_second = up[often]["refresh"]["bytes_per_second"] // 28 + 1   # docs: the smallest TLP of a stream
    due = 2**32 / per_second
    assert 5 < due < 20, "well above the second that is between any two refreshes"
    wait_for(lambda: streams(controller)[often]["rekeys"] >= 1)
    first, second = controller.json("log", often, "--what", "stream")["entries"][:2]
    assert [(e["state"], e["asked_by"]) for e in (first, second)] == [("secure", "policy"), ("rekeyed", "policy")]
    assert second["time_ms"] - first["time_ms"] > 500 * due   # the keys are older than the event, on a busy machine
    assert streams(controller)[seldom]["rekeys"] == 0


def test_a_refresh_whose_session_is_lost_ends_in_a_new_session(kept):
    controller = kept.start(f"""[policy]
refresh-every = 2s
retry-first = 200ms
[device {ENDPOINT}]
streams = default
""")
    wait_for(lambda: streams(controller).get(ENDPOINT, {}).get("rekeys", 0) >= 1)
    kept.platform.misbehave(ENDPOINT, "forget-sessions", 1)
    wait_for(lambda: kept.says("stop of stream 0 between"))
    kept.platform.behave(ENDPOINT)
    wait_for(lambda: ENDPOINT in streams(controller))


def test_a_stop_counts_more_than_the_configuration_until_that_says_something_else_of_the_stream(kept):
    text = f"[device {ENDPOINT}]\nstreams = default\n"
    other = SWITCH_ENDPOINTS[0]
    controller = kept.start(text)
    wait_for(lambda: streams(controller))
    controller.json("stop", ENDPOINT, "--stream", "0")
    [item] = kept_of(controller)
    assert (item["state"], item["retry_in_s"], streams(controller)) == ("stopped", None, {})
    kept.reload(text)
    kept.reload(f"# of another device\n{text}[device {other}]\nstreams = default\nheartbeat = 1h\n")
    assert wait_for(lambda: streams(controller)).keys() == {other}
    [item] = kept_of(controller, ENDPOINT)
    assert (item["state"], item["attempts"]) == ("stopped", 0)
    kept.reload(f"{text}on-failure = leave-off\n")
    up = wait_for(lambda: (s := streams(controller)).keys() == {ENDPOINT} and s)
    # and whoever establishes it gives it back to the configuration
    controller.json("stop", ENDPOINT, "--stream", str(up[ENDPOINT]["stream"]))
    controller.json("establish", ENDPOINT)
    assert kept_of(controller) == []
    kept.reload("")
    wait_for(lambda: streams(controller) == {})
    assert kept_of(controller) == []


def test_a_stop_outlasts_a_restart_and_a_reload_and_not_another_stream(kept, directory):
    text = f"[device {ENDPOINT}]\nstreams = default\n"
    state = ["--state", str(directory / "state.db")]
    kept.write(text)
    controller = kept.start_controller(kept.platform, *state, "--config", str(kept.path))
    wait_for(lambda: streams(controller))
    controller.json("stop", ENDPOINT, "--stream", "0")
    controller.kill()
    kept.controller = controller = kept.start_controller(kept.platform, *state, "--config", str(kept.path))
    wait_for(lambda: [k["state"] for k in kept_of(controller)] == ["stopped"])
    kept.reload(f"# again\n{text}")
    kept.reload(f"# and again\n{text}[device {SWITCH_ENDPOINTS[0]}]\nstreams = default\n")
    assert wait_for(lambda: streams(controller)).keys() == {SWITCH_ENDPOINTS[0]}
    assert [k["state"] for k in kept_of(controller)] == ["stopped"]
    controller.kill()
    kept.write(f"[stream seven]\nstream = 7\n[device {ENDPOINT}]\nstreams = seven\n")
    kept.controller = controller = kept.start_controller(kept.platform, *state, "--config", str(kept.path))
    assert wait_for(lambda: streams(controller).get(ENDPOINT))["stream"] == 7


def test_a_stop_is_forgotten_for_good_with_the_rule(kept, directory):
    """Whether the file is read again or at a start: whoever writes the rule anew, later, gets the stream."""
    text = f"[device {ENDPOINT}]\nstreams = default\n"
    state = ["--state", str(directory / "state.db")]

    def start():
        kept.controller = kept.start_controller(kept.platform, *state, "--config", str(kept.path))
        return kept.controller

    def rows(controller):
        controller.json("log")   # what was handed over to the state file is in it
        with sqlite3.connect(f"file:{directory}/state.db?mode=ro", uri=True) as db:
            return db.execute("SELECT endpoint, state FROM kept_off").fetchall()

    for at_start in (False, True):
        kept.write(text)
        controller = start()
        up = wait_for(lambda: streams(controller).get(ENDPOINT))
        controller.json("stop", ENDPOINT, "--stream", str(up["stream"]))
        assert rows(controller) == [(ENDPOINT, "stopped")]
        if at_start:
            controller.kill()
            kept.write("")
            controller = start()
        else:
            kept.reload("")
        wait_for(lambda: rows(controller) == [])
        assert kept_of(controller) == []
        controller.kill()
    kept.write(text)
    controller = start()
    wait_for(lambda: streams(controller).get(ENDPOINT))


LOST = (", but the session that they came from is lost, and no rekey can succeed: for new keys stop all that it keyed and "
        "establish it again, or leave that to the controller, which does so when they are due")


def test_a_rekey_that_somebody_asks_for_takes_no_good_keys_down(platform, start_controller):
    """The first loses the session by a bad record, the others have none: more of them than refresh-attempts."""
    controller = start_controller(platform)
    controller.json("establish", ENDPOINT, "--stream", "3")
    platform.misbehave(ENDPOINT, "replayed-record", 1)
    for code in ("record", "session", "session", "session", "session"):
        error = controller.error("rekey", ENDPOINT)
        assert (error["code"], error["outcome"]) == (code, "the stream goes on with its old keys" + LOST)
        assert streams(controller)[ENDPOINT]["rekeys"] == 0
    time.sleep(1.5)   # longer than it took when the controller did not wait until they are due
    assert streams(controller)[ENDPOINT]["stream"] == 3
    assert "stop of stream 3" not in controller.log.read_text()
    assert controller.json("stop", ENDPOINT, "--stream", "3")["state"] == "off"
    controller.json("establish", ENDPOINT, "--stream", "3")
    assert controller.json("rekey", ENDPOINT)["streams"][0]["rekeys"] == 1


def test_streams_of_a_session_that_is_lost_go_on_together_and_are_established_anew_together(platform, start_controller):
    """The device takes no keys from another session as long as one of them lives on that the lost one keyed."""
    controller = start_controller(platform)
    for number in ("1", "2"):
        controller.json("establish", ENDPOINT, "--stream", number, "--tc", number)
    platform.misbehave(ENDPOINT, "replayed-record", 1)
    assert controller.error("rekey", ENDPOINT, "--stream", "1")["outcome"].endswith(LOST)
    assert controller.json("stop", ENDPOINT, "--stream", "1")["state"] == "off"
    error = controller.error("establish", ENDPOINT, "--stream", "1", "--tc", "1")
    assert (error["code"], error["step"], error["device"]) == ("peer_error", "query", ENDPOINT)
    assert "stop all streams" in error["hint"]
    assert streams(controller)[ENDPOINT]["stream"] == 2
    assert controller.json("stop", ENDPOINT, "--stream", "2")["state"] == "off"
    for number in ("1", "2"):
        controller.json("establish", ENDPOINT, "--stream", number, "--tc", number)
    assert [s["rekeys"] for s in controller.json("rekey", ENDPOINT)["streams"]] == [1, 1]


def test_keys_without_a_session_are_replaced_when_they_are_due(kept):
    controller = kept.start(f"[policy]\nrefresh-every = 4s\nretry-first = 200ms\n[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: ENDPOINT in streams(controller))
    kept.platform.misbehave(ENDPOINT, "replayed-record", 1)
    assert controller.error("rekey", ENDPOINT)["outcome"].startswith("the stream goes on with its old keys")
    wait_for(lambda: kept.says("stop of stream 0 between"))
    wait_for(lambda: ENDPOINT in streams(controller))
    assert controller.json("rekey", ENDPOINT)["streams"][0]["notes"] == []


def with_host(bench, section, root_chain_key):
    path = bench.directory / "ide-kmd.conf"
    _, chain, key, _ = root_chain_key
    path.write_text(f"[identity]\nidentity = {chain},{key}\n{section}")
    return bench.controller("--config", str(path))


def test_mutual_authentication_as_the_policy_says(start_bench, tmp_path):
    host = make_host(tmp_path, "host")
    bench = start_bench({"asks": {"mutual": "encapsulated", "host_trust": host[0], "host_key": host[3]}, "does not": {}})
    asks, other = bench.bdf["asks"], bench.bdf["does not"]
    required = with_host(bench, "[policy]\nmutual = required\n", host)
    assert required.json("establish", asks)["authentication"]["mutual"]
    failed = required.error("establish", other)
    assert (failed["code"], failed["step"], failed["field"]) == ("capability", "session", "MutAuthRequested")
    assert failed["outcome"] == "the stream is off at both ports"
    bench.controllers.clear()
    required.stop()
    # the device's rule counts more than the policy of all
    no = with_host(bench, f"[policy]\nmutual = required\n[device {asks}]\nmutual = no\n[device {other}]\nmutual = wanted\n",
                   host)
    assert not no.json("establish", other)["authentication"]["mutual"]
    assert no.error("establish", asks)["step"] == "session"  # it insists


def test_sessions_are_asked_for_signs_of_life_and_their_keys_renewed(start_bench):
    bench = start_bench({"quiet": {}, "other": {}})
    quiet, other = bench.bdf["quiet"], bench.bdf["other"]
    path = bench.directory / "ide-kmd.conf"
    path.write_text(f"[device {quiet}]\nheartbeat = 100ms\nrefresh-records = 40\nstreams = default\n"
                    f"[device {other}]\nstreams = default\n")
    controller = bench.controller("--config", str(path))
    wait_for(lambda: len(streams(controller)) == 2)
    calm = streams(controller)[other]["refresh"]["records"]
    wait_for(lambda: streams(controller)[quiet]["rekeys"] >= 2)
    assert streams(controller)[other]["refresh"]["records"] == calm
    assert streams(controller)[quiet]["refresh"]["records"] < 100, "the session's keys are not renewed"


def test_a_device_must_measure_what_its_rule_wants(kept, directory):
    (directory / "reference.json").write_text(json.dumps(
        {"references": [{"bdf": "0000:77:00.0", "measurements": [{"index": 1, "value": "00"}]}]}))
    controller = kept.start(f"""[measurements]
reference = {directory}/reference.json
[device {ENDPOINT}]
require-reference = yes
""")
    failed = controller.error("establish", ENDPOINT)
    assert (failed["code"], failed["step"]) == ("no_reference", "session")
    assert controller.json("establish", SWITCH_ENDPOINTS[0])["state"] == "secure"


def timeless(items):
    """Without what the clock alone changes from one question to the next."""
    return [{name: value for name, value in item.items() if name != "retry_in_s"} for item in items]


def test_what_is_wanted_and_off_is_shown_and_can_be_given_up(kept):
    controller = kept.start(f"[policy]\nretry-first = 1h\nretry-most = 1h\nrefresh-every = 1s\nrefresh-attempts = 1\n"
                            f"[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: streams(controller))
    assert kept_of(controller) == []
    kept.platform.misbehave(ENDPOINT, "km-refuse")
    [item] = wait_for(lambda: kept_of(controller))
    assert (item["stream"], item["endpoint"], item["source"], item["state"], item["attempts"]) == \
        (0, ENDPOINT, "configuration", "wanted", 1)
    assert "refused" in item["cause"] and 2000 < item["retry_in_s"] <= 4600
    for port in (ENDPOINT, ROOT_PORT):
        assert timeless(kept_of(controller, port)) == timeless([item])
    assert kept_of(controller, SWITCH_ROOT_PORT) == []
    done = controller.json("stop", ENDPOINT, "--stream", "0")
    assert (done["state"], done["ends"]) == ("off", [])
    assert kept_of(controller)[0]["state"] == "stopped"


def test_what_somebody_established_is_kept(kept):
    controller = kept.start("[policy]\nrefresh-every = 1s\nrefresh-attempts = 1\nretry-first = 100ms\n")
    controller.json("establish", ENDPOINT, "--stream", "7", "--tc", "2")
    kept.platform.misbehave(ENDPOINT, "km-refuse", 1)
    wait_for(lambda: kept.says("stop of stream 7"))
    up = wait_for(lambda: streams(controller).get(ENDPOINT))
    assert (up["stream"], up["ends"][0]["features"]["tc"]) == (7, 2)
    controller.json("stop", ENDPOINT, "--stream", "7")
    assert streams(controller) == {} and kept_of(controller) == []


def fell(kept, controller):
    """The stream of ENDPOINT falls to Insecure at its endpoint."""
    kept.platform.tell(f"fail {ENDPOINT} {streams(controller)[ENDPOINT]['stream']}")


def test_a_stream_that_falls_comes_back(kept):
    controller = kept.start(f"[policy]\nretry-first = 100ms\n[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: streams(controller))
    fell(kept, controller)
    wait_for(lambda: kept.says("stop of stream 0"))
    up = wait_for(lambda: streams(controller).get(ENDPOINT))
    assert (up["key_set"], up["rekeys"]) == (0, 0)


@pytest.mark.parametrize("action, state", [("quarantine", "quarantined"), ("leave-off", "left_off")])
def test_a_stream_that_falls_stays_off_if_its_policy_says_so(kept, action, state):
    controller = kept.start(f"""[device all]
streams = default
[device {ENDPOINT}]
on-failure = {action}
""")
    wait_for(lambda: len(streams(controller)) == 3)
    fell(kept, controller)
    [item] = wait_for(lambda: kept_of(controller))
    wait_for(lambda: kept_of(controller)[0]["state"] == state)
    assert item["cause"]
    assert streams(controller).keys() == set(SWITCH_ENDPOINTS)


LINK = "[stream hop]\nlink = yes\npcrc = yes\n"


@pytest.fixture
def chain(start_platform, start_controller, directory):
    """A switch whose ports have link streams: TOP - UP, DOWN - ENDS."""
    path = directory / "platform.json"
    path.write_text(json.dumps({"functions": [switch(TOP, UP, zip(DOWN, ENDS), doe=True,
                                                     ide=ide(0, 1, flow_through=True))]}))
    platform = start_platform("--platform", str(path), identity=directory / "identity")
    return Kept(directory, platform, start_controller)


def test_one_link_of_a_chain_has_a_stream_of_its_own(chain):
    controller = chain.start(LINK + f"[link {TOP}]\nstreams = hop\n")
    up = wait_for(lambda: streams(controller))
    assert {(s["kind"], s["root_port"], s["endpoint"]) for s in up.values()} == {("link", TOP, UP)}
    assert up[UP]["ends"][0]["features"]["pcrc"]
    # the same link by its other port: nothing is touched
    before = up[UP]["stream"]
    chain.reload(LINK + f"[link {UP}]\nstreams = hop\n")
    time.sleep(1)
    assert {e: s["stream"] for e, s in streams(controller).items()} == {UP: before}
    assert "stop of stream" not in controller.log.read_text()
    # and it is what `establish PORT --link` takes for it
    assert controller.error("establish", TOP, "--link")["code"] == "stream_used"
    assert controller.error("establish", UP, "--link")["code"] == "stream_used"
    # below a downstream port it is the other one
    chain.reload(LINK + f"[link {DOWN[1]}]\nstreams = hop\n")
    wait_for(lambda: streams(controller).keys() == {ENDS[1]})
    assert streams(controller)[ENDS[1]]["root_port"] == DOWN[1]


def test_what_a_link_gets_counts_instead_of_what_devices_below_it_want(chain):
    all_links = f"[stream hops]\nlink = yes\n[device {ENDS[0]}]\nstreams = hops\n"
    controller = chain.start(all_links)
    links = wait_for(lambda: len(s := streams(controller)) == 2 and s)
    assert links.keys() == {UP, ENDS[0]} and not links[UP]["ends"][0]["features"]["pcrc"]
    chain.reload(LINK + all_links + f"[link {UP}]\nstreams = hop\nrefresh-every = 2s\n")
    wait_for(lambda: (s := streams(controller).get(UP)) and s["ends"][0]["features"]["pcrc"])
    assert wait_for(lambda: streams(controller)[UP]["rekeys"] >= 1)  # by the policy of its section
    wait_for(lambda: streams(controller).get(ENDS[0], {}).get("rekeys") == 0)
    chain.reload(LINK + all_links + f"[link {UP}]\nstreams = none\n")
    wait_for(lambda: streams(controller).keys() == {ENDS[0]})
    chain.reload(LINK + all_links + f"[link {UP}]\non-failure = leave-off\n")  # no list: theirs counts
    wait_for(lambda: streams(controller).keys() == {UP, ENDS[0]})
    chain.platform.tell(f"fail {UP} {streams(controller)[UP]['stream']}")
    [item] = wait_for(lambda: [k for k in kept_of(controller) if k["state"] == "left_off"])
    assert (item["kind"], item["endpoint"], item["rule"]) == ("link", UP, "on-failure")


def test_a_link_that_is_none_is_said_and_looked_for_again(kept):
    controller = kept.start(LINK + f"[link {ENDPOINT}]\nstreams = hop\n[link 0000:77:00.0]\nstreams = hop\n")
    wait_for(lambda: kept.says(f"{ENDPOINT}: it cannot have [stream hop]: [link] names a root port or a switch port, and "
                               "this is an endpoint"))
    wait_for(lambda: kept.says("0000:77:00.0: it cannot have [stream hop]: there is no such function"))
    assert streams(controller) == {}


BY_KIND = f"""[policy]
retry-first = 100ms
[device {ENDPOINT}]
streams = default
on-wrong-identity = quarantine
on-interference = leave-off
"""


def rule_of(item):
    return item["cause_kind"], item["rule"], item["action"]


@pytest.mark.parametrize("fault", ["foreign-chain", "bad-signature-key-exchange", "wrong-bdf"])
def test_a_device_that_is_another_one_is_treated_by_its_own_rule(kept, fault):
    kept.platform.misbehave(ENDPOINT, fault)
    controller = kept.start(BY_KIND)
    [item] = wait_for(lambda: kept_of(controller))
    assert (item["state"], item["attempts"]) == ("quarantined", 1)
    assert rule_of(item) == ("wrong_identity", "on-wrong-identity", "quarantine")
    wait_for(lambda: kept.says("(wrong_identity: on-wrong-identity = quarantine)"))
    text = controller.ctl("show", ENDPOINT).stdout
    assert "on-wrong-identity = quarantine" in text
    entries = [e for e in controller.json("log")["entries"] if e["state"] == "quarantined"]
    assert [rule_of(e["answer"]) for e in entries] == [rule_of(item)]


def test_interference_is_treated_by_its_own_rule(kept):
    controller = kept.start(BY_KIND)
    wait_for(lambda: streams(controller))
    kept.platform.tell(f"adversary {ENDPOINT} down flip=200 pr 1")
    write(kept.platform, b"x" * 64)
    [item] = wait_for(lambda: [k for k in kept_of(controller) if k["state"] == "left_off"])
    assert rule_of(item) == ("interference", "on-interference", "leave-off"), item


def test_a_mere_failure_is_treated_by_the_rule_for_all(kept):
    kept.platform.misbehave(ENDPOINT, "spdm-error", 2)
    controller = kept.start(BY_KIND)
    wait_for(lambda: streams(controller))
    kept.platform.tell(f"reset {ENDPOINT}")
    wait_for(lambda: kept.says("(failure: on-failure = retry)"))
    wait_for(lambda: streams(controller))
    assert kept_of(controller) == []


def test_settings_that_a_step_on_its_way_has_outlive_a_reload(kept):
    """A port that waits for its device is in the middle of what it was given; three more generations come meanwhile."""
    controller = kept.start("[controller]\ntimeout = 5\n")
    kept.platform.misbehave(ENDPOINT, "late=300")
    kept.reload("[controller]\ntimeout = 6\n")
    client = Client(controller)
    client.begin("attest", 1, bdf=ENDPOINT)
    wait_for(lambda: Client(controller).ask("snapshot")["result"]["operations"])
    for seconds in range(7, 10):
        kept.reload(f"[controller]\ntimeout = {seconds}\n")
    assert client.receive()["result"]["state"] == "attested"
    kept.platform.behave(ENDPOINT)
    assert controller.json("establish", ENDPOINT)["state"] == "secure"
    client.close()


def is_secure(platform, bdf):
    """By the device itself, which knows of none once it was pulled out."""
    return any(s["state"] == "secure" for f in platform.state()["functions"] if f["bdf"] == bdf for s in f["streams"])


def test_another_device_in_the_slot_is_not_blamed_for_the_one_before(kept):
    """Swapped within a second, so that one is there whenever the watch looks."""
    kept.platform.misbehave(ENDPOINT, "spdm-error", 1)
    controller = kept.start(f"[policy]\non-failure = leave-off\n[device {ENDPOINT}]\nstreams = default\n")
    wait_for(lambda: [k["state"] for k in kept_of(controller)] == ["left_off"])
    for _ in range(3):   # left off, and up
        kept.platform.tell(f"remove {ENDPOINT}")
        kept.platform.tell(f"insert {ENDPOINT}")
        assert not is_secure(kept.platform, ENDPOINT)
        wait_for(lambda: is_secure(kept.platform, ENDPOINT) and ENDPOINT in streams(controller))


def test_a_device_that_comes_right_after_a_reload_is_seen(kept):
    """It is not there when the configuration is read again, so nothing is kept for it, but whenever the watch looks."""
    text = f"[device {ENDPOINT}]\nstreams = default\n"
    controller = kept.start(text)
    for n in range(3):
        wait_for(lambda: is_secure(kept.platform, ENDPOINT) and ENDPOINT in streams(controller))
        kept.platform.tell(f"remove {ENDPOINT}")
        kept.reload(f"# {n}\n{text}")
        kept.platform.tell(f"insert {ENDPOINT}")
    wait_for(lambda: is_secure(kept.platform, ENDPOINT) and ENDPOINT in streams(controller))


@pytest.mark.parametrize("rule, pulled", [(ENDPOINT, ENDPOINT), (ROOT_PORT, ENDPOINT), ("all", ENDPOINT),
                                          (SWITCH_ENDPOINTS[0], "0000:02:00.0")])
def test_a_device_that_is_pulled_and_put_in_again_has_its_stream_back(kept, rule, pulled):
    controller = kept.start(f"[policy]\nretry-first = 100ms\n[device {rule}]\nstreams = default\n")
    endpoint = rule if rule in SWITCH_ENDPOINTS else ENDPOINT
    others = set(SWITCH_ENDPOINTS) if rule == "all" else set()
    before = wait_for(lambda: (s := streams(controller)).keys() == {endpoint, *others} and s)
    for _ in range(2):
        kept.platform.tell(f"remove {pulled}")
        [item] = wait_for(lambda: [k for k in kept_of(controller) if k["state"] == "absent"])
        assert (item["endpoint"], item["source"], item["rule"]) == (endpoint, "configuration", None)
        top = before[endpoint]["root_port"]
        assert not any(s["enabled"] for f in kept.platform.state()["functions"] if f["bdf"] == top for s in f["streams"])
        assert streams(controller).keys() == others   # nobody else has noticed
        kept.platform.tell(f"insert {pulled}")
        after = wait_for(lambda: streams(controller).get(endpoint))
        assert (after["rekeys"], after["key_set"]) == (0, 0)
        write(kept.platform, b"it is the same drive", bdf=endpoint)
        assert read(kept.platform, 20, bdf=endpoint) == b"it is the same drive"
    after = streams(controller)
    assert {e: after[e]["stream"] for e in others} == {e: before[e]["stream"] for e in others}
