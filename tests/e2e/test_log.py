# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-ctl log and the state file as people and programs read them, and what a file that cannot be written does."""

import json
import os
import signal
import subprocess
import time
from contextlib import closing, contextmanager

import pytest

from api_client import Subscriber
from conftest import ENDPOINT, ROOT_PORT, program
from test_api import Client, check
from test_link import write


@pytest.fixture
def state(directory):
    return directory / "state" / "state.db"


@pytest.fixture
def kept(platform, start_controller, state):
    return start_controller(platform, "--state", str(state))


def sql(state, text):
    done = subprocess.run(["sqlite3", "-json", str(state), text], capture_output=True, text=True, check=True)
    return json.loads(done.stdout or "[]")


def entries(controller, *options):
    return controller.json("log", *options)["entries"]


def test_what_happened_and_who_asked(platform, kept):
    kept.json("establish", ENDPOINT, "--stream", "4")
    assert kept.ctl("establish", ENDPOINT, "--stream", "4").returncode == 1
    platform.misbehave(ENDPOINT, "km-refuse")
    error = kept.error("rekey", ENDPOINT)
    found = entries(kept)
    assert [e["id"] for e in found] == list(range(1, len(found) + 1))
    assert [e["time_ms"] for e in found] == sorted(e["time_ms"] for e in found)
    assert [(e["what"], e["state"]) for e in found if e["operation"] == "establish" and e["what"] != "step"] == [
        ("operation", "started"), ("stream", "secure"), ("operation", "done")]
    assert {e["step"] for e in found if e["operation"] == "establish" and e["what"] == "step"} == {
        "authenticate", "session", "query", "setup", "program_keys", "go_receive", "go_transmit", "enable",
        "await_secure"}
    assert all(e["asked_by"] for e in found)
    [failed] = [e for e in found if e["what"] == "operation" and e["state"] == "failed"]
    assert (failed["operation"], failed["cause"], failed["stream"]) == ("rekey", error["code"], 4)
    assert failed["answer"]["message"] == error["message"]
    assert (failed["root_port"], failed["endpoint"]) == (ROOT_PORT, ENDPOINT)


def test_a_fall_is_kept_as_both_ends_told_it_and_who_brought_it_back(platform, kept, state):
    subscriber = Subscriber(kept)
    kept.json("establish", ENDPOINT, "--stream", "4")
    platform.tell(f"adversary {ENDPOINT} down flip=200 pr 1")
    write(platform, b"x" * 64)
    fall, _ = subscriber.next("stream", state="insecure")
    subscriber.next("operation", operation="establish", state="done", asked_by="policy")
    subscriber.close()
    found = entries(kept)
    [fell] = [e for e in found if e["state"] == "insecure"]
    assert (fell["what"], fell["operation"], fell["cause"], fell["device"], fell["asked_by"]) == (
        "stream", "watch", "ide_fail", ENDPOINT, None)
    assert fell["answer"] == {name: fall[name] for name in ("message", "key_set", "ends")}
    assert {end["bdf"]: (end["state"], end["ide_fail"], end["aer"]) for end in fell["answer"]["ends"]} == {
        ROOT_PORT: ("insecure", True, []), ENDPOINT: ("insecure", False, ["ide_check_failed"])}
    policy = [e for e in found if e["asked_by"] == "policy"]
    assert all(e["id"] > fell["id"] for e in policy)
    assert [(e["operation"], e["state"]) for e in policy if e["what"] == "operation"] == [
        ("stop", "started"), ("stop", "done"), ("establish", "started"), ("establish", "done")]
    shown = kept.ctl("log", "--what", "stream", "--noheadings", "--output", "STATE,ENDS").stdout.splitlines()
    assert "insecure root_port: insecure, ide_fail; endpoint: insecure, ide_check_failed" in [
        " ".join(line.split()) for line in shown]
    [row] = sql(state, "SELECT answer ->> '$.ends[1].aer[0]' AS aer FROM log WHERE state = 'insecure'")
    assert row["aer"] == "ide_check_failed"


def test_what_else_an_event_says_is_kept(platform, kept):
    subscriber = Subscriber(kept)
    kept.json("establish", ENDPOINT, "--stream", "4")
    platform.misbehave(ENDPOINT, "spdm-error")
    platform.tell(f"reset {ENDPOINT}")
    told, _ = subscriber.next("stream", state="wanted")
    subscriber.close()
    platform.behave(ENDPOINT)
    [entry, *_] = [e for e in entries(kept) if e["state"] == "wanted"]
    assert entry["answer"] == {name: told[name] for name in ("kind", "attempts", "cause_kind", "rule", "action")}
    assert entry["answer"]["attempts"] >= 1 and entry["cause"] == told["cause"]


def test_filters(kept):
    kept.json("establish", ENDPOINT, "--stream", "4")
    before = int(time.time() * 1000)
    time.sleep(0.01)   # the next entries are of another millisecond
    kept.json("rekey", ENDPOINT)
    everything = entries(kept)
    assert entries(kept, "--what", "stream") == [e for e in everything if e["what"] == "stream"]
    assert entries(kept, ENDPOINT, "--stream", "4") == [e for e in everything if e["stream"] == 4] != []
    assert entries(kept, ENDPOINT, "--stream", "5") == []
    assert entries(kept, "0000:00:04.0") == []
    assert entries(kept, "--limit", "3") == everything[-3:]
    assert entries(kept, "--cursor", "2", "--limit", "3") == everything[2:5]
    assert entries(kept, "--failed") == []
    assert entries(kept, "--until", "1h") == []
    assert entries(kept, "--since", "1h") == everything
    with closing(Client(kept)) as client:
        late = client.ask("log", since_ms=before + 1)["result"]
        check("log_result", late)
        assert {e["operation"] for e in late["entries"]} == {"rekey"}
        early = client.ask("log", until_ms=before)["result"]["entries"]
        assert early + late["entries"] == everything


def test_filters_by_operation_state_cause_and_who_asked(platform, kept):
    kept.json("establish", ENDPOINT, "--stream", "4")
    platform.misbehave(ENDPOINT, "km-refuse", 1)
    kept.error("rekey", ENDPOINT)
    subscriber = Subscriber(kept)
    platform.tell(f"reset {ENDPOINT}")
    subscriber.next("operation", operation="establish", state="done", asked_by="policy")
    subscriber.close()
    everything = entries(kept)

    def those(**members):
        return [e for e in everything if all(e[name] == value for name, value in members.items())]

    assert entries(kept, "--operation", "rekey") == those(operation="rekey") != []
    assert entries(kept, "--operation", "watch") == those(operation="watch") != []
    assert entries(kept, "--state", "insecure") == those(state="insecure") != []
    assert entries(kept, "--failed") == entries(kept, "--state", "failed") == those(state="failed") != []
    assert entries(kept, "--cause", "km_refused") == those(cause="km_refused") != []
    assert entries(kept, "--cause", "reset") == those(cause="reset") != []
    assert entries(kept, "--asked-by", "policy") == those(asked_by="policy") != []
    whoever = those(operation="rekey")[0]["asked_by"]
    assert entries(kept, "--asked-by", whoever) == those(asked_by=whoever) != []
    user = " ".join(whoever.split()[:2])
    assert entries(kept, "--asked-by", user) == [e for e in everything if (e["asked_by"] or "").startswith(user + " ")] != []
    assert entries(kept, "--asked-by", user[:-1]) == entries(kept, "--asked-by", "%") == []   # words, and no pattern
    assert entries(kept, "--operation", "establish", "--asked-by", "policy", "--what", "operation") == [
        e for e in those(operation="establish", asked_by="policy") if e["what"] == "operation"] != []


def test_a_filter_that_is_none_is_refused(kept):
    with closing(Client(kept)) as client:
        for member, value in (("limit", 0), ("limit", 1001), ("since_ms", -1), ("cursor", "1"), ("what", ""), ("state", 1),
                              ("operation", "x" * 32), ("cause", ""), ("asked_by", "x" * 64)):
            error = client.raw(json.dumps({"v": 1, "id": 1, "verb": "log", member: value}))["error"]
            assert (error["code"], error["field"]) == ("argument", member)
        assert client.raw('{"v": 1, "id": 1, "verb": "show", "limit": 1}')["error"]["message"] == '"show" takes no member "limit"'
    done = kept.ctl("log", "--since", "yesterday")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "ide-ctl: --since is no time: yesterday")


def test_the_table(kept):
    kept.json("establish", ENDPOINT, "--stream", "4")
    lines = kept.ctl("log", "--limit", "2").stdout.splitlines()
    assert lines[0].split() == ["TIME", "WHAT", "STREAM", "PORTS", "STATE", "ASKED-BY", "DETAIL"]
    assert lines[1].split()[2:8] == ["stream", "4", ROOT_PORT, "-", ENDPOINT, "secure"]
    assert lines[1].endswith("key set 0")
    assert lines[2].split()[2] == "establish"
    assert len(kept.ctl("log", "--noheadings", "--output", "NUMBER,CAUSE").stdout.splitlines()[0].split()) == 2


def test_following_misses_nothing(kept):
    kept.json("establish", ENDPOINT, "--stream", "4")
    follower = subprocess.Popen([program("ide-ctl"), "--connect", kept.endpoint, "--json", "log", "--follow", "--what",
                                 "stream"], stdout=subprocess.PIPE, text=True)
    try:
        first = json.loads(follower.stdout.readline())
        assert (first["state"], first["stream"]) == ("secure", 4)
        for _ in range(3):
            kept.json("rekey", ENDPOINT)
        kept.json("stop", ENDPOINT, "--stream", "4")
        seen = [json.loads(follower.stdout.readline()) for _ in range(4)]
        assert [e["state"] for e in seen] == ["rekeyed"] * 3 + ["off"]
    finally:
        follower.send_signal(signal.SIGINT)
        assert follower.wait(20) == 0
        follower.stdout.close()


def test_an_event_has_the_time_that_its_entry_has(kept):
    subscriber, before = Subscriber(kept), time.time_ns() // 1000000
    kept.json("establish", ENDPOINT, "--stream", "4")
    told = [e for e in subscriber.take() if (e["event"], e["state"]) != ("step", "started")]
    subscriber.close()
    assert [e["time_ms"] for e in told] == [e["time_ms"] for e in entries(kept)]
    assert before <= told[0]["time_ms"] <= told[-1]["time_ms"] <= time.time_ns() // 1000000


def test_the_sqlite_shell_reads_while_it_runs(kept, state):
    kept.json("establish", ENDPOINT, "--stream", "4", "--pcrc")
    kept.json("log")   # what was handed over is in the file then
    [stream] = sql(state, "SELECT * FROM streams")
    assert (stream["root_port"], stream["endpoint"], stream["stream"]) == (ROOT_PORT, ENDPOINT, 4)
    assert (stream["state"], stream["wanted"], stream["wanted_by"]) == ("up", "yes", "client")
    assert json.loads(stream["features"])["pcrc"] is True
    sessions = sql(state, "SELECT * FROM sessions WHERE closed_utc IS NULL ORDER BY device")
    assert [s["device"] for s in sessions] == [ROOT_PORT, ENDPOINT]
    assert {(s["provider"], s["begun_by"], s["mutual"], s["spdm_version"]) for s in sessions} == {
        ("doe", "certificate", "no", "1.4")}
    assert sql(state, "SELECT state FROM log WHERE what = 'stream'") == [{"state": "secure"}]
    kept.json("stop", ENDPOINT, "--stream", "4")
    kept.json("log")
    assert sql(state, "SELECT * FROM streams") == []
    assert {s["cause"] for s in sql(state, "SELECT cause FROM sessions")} == {"ended"}


@contextmanager
def small_disk(directory):
    place = directory / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(place)], capture_output=True)
    if done.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place):
    with open(place / "ballast", "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def not_idle(platform):
    return [s for f in platform.state()["functions"] for s in f["streams"] if s["enabled"] or s["stream_id"] != 255]


def test_a_full_disk_keeps_streams_from_beginning_and_not_from_ending(platform, start_controller, directory):
    with small_disk(directory) as place:
        controller = start_controller(platform, "--state", str(place / "state.db"))
        controller.json("establish", ENDPOINT, "--stream", "4")
        fill(place)
        error = controller.error("establish", ENDPOINT, "--stream", "5", "--tc", "1")
        assert (error["code"], error["step"], error["outcome"]) == ("store", "setup", "the stream is off at both ports")
        assert error["message"].startswith("state file: ") and error["hint"]
        assert {s["stream_id"] for s in not_idle(platform)} == {4}
        off = controller.json("stop", ENDPOINT, "--stream", "4")
        assert off["state"] == "off"
        assert {n["code"] for n in off["notes"]} == {"store"}
        assert not_idle(platform) == []
        (place / "ballast").unlink()
        assert controller.json("establish", ENDPOINT, "--stream", "5")["state"] == "secure"
        assert entries(controller, "--what", "gap")
        controller.stop()


def refused(platform, state, *options):
    done = subprocess.run([program("ide-kmd"), "--sysfs", str(platform.mount), "--listen", f"ipc://{state.parent}/s",
                           "--trust", str(platform.trust), "--state", str(state), *options], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    return done.stderr


def test_a_disk_that_is_read_only_is_an_error_at_the_start(platform, directory):
    with small_disk(directory) as place:
        subprocess.run(["sqlite3", str(place / "state.db"), "PRAGMA journal_mode = WAL"], check=True, capture_output=True)
        subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
        assert "Read-only file system" in refused(platform, place / "state.db")


def test_a_damaged_file_is_kept_aside_when_told(platform, directory, start_controller):
    state = directory / "state.db"
    state.write_bytes(os.urandom(65536))
    before = state.read_bytes()
    said = refused(platform, state)
    assert "state.db is damaged" in said and "--new-state" in said
    assert state.read_bytes() == before
    controller = start_controller(platform, "--state", str(state), "--new-state")
    assert controller.json("log")["entries"] == []
    [aside] = directory.glob("state.db.damaged-*")
    assert aside.read_bytes() == before


def test_two_controllers_do_not_share_a_state_file(platform, kept, state):
    assert "another ide-kmd has the state file" in refused(platform, state)
    assert kept.json("log")["entries"] == []
