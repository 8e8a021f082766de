# SPDX-License-Identifier: GPL-2.0-or-later
"""ide-ctl doctor: each reason why IDE cannot come up is found and named, and looking for it harms nothing."""

import json
import os
import shutil
import time
from types import SimpleNamespace

import jsonschema
import pytest

import test_establish
from conftest import BUILD, ENDPOINT, ROOT, ROOT_PORT, SWITCH_ENDPOINTS, SWITCH_ROOT_PORT, Controller, ctl
from test_stream_owners import Tree

SCHEMA = json.loads((ROOT / "docs" / "api.schema.json").read_text())
ORDER = ["function", "type", "path", "flow_through", "ide", "streams", "wanted", "blocks", "mailbox", "protocols", "provider", "kernel",
         "trust", "clock", "identity", "versions", "references", "cxl", "plan", "synchronized", "controller"]


def doctor(controller, bdf, *options):
    done = controller.ctl("--json", "doctor", bdf, *options)
    report = json.loads(done.stdout)
    assert done.stderr == ""
    jsonschema.Draft202012Validator({"$ref": "#/$defs/doctor_result", "$defs": SCHEMA["$defs"]}).validate(report)
    assert report["problems"] == sum(line["state"] == "problem" for line in report["checks"])
    assert report["can_come_up"] == (report["problems"] == 0)
    assert done.returncode == (0 if report["can_come_up"] else 1)
    seen = list(dict.fromkeys(line["check"] for line in report["checks"]))
    assert seen == [name for name in ORDER if name in seen], "in order, each once"
    assert all(line["hint"] for line in report["checks"] if line["state"] == "problem")
    return report


def problems(report):
    return [(line["check"], line["device"]) for line in report["checks"] if line["state"] == "problem"]


def found(report, check):
    return [line["found"] for line in report["checks"] if line["check"] == check]


def test_all_is_well(controller):
    report = doctor(controller, ROOT_PORT)
    assert (problems(report), report["root_port"], report["endpoint"]) == ([], ROOT_PORT, ENDPOINT)
    assert {line["check"] for line in report["checks"]} >= set(ORDER) - {"synchronized"}
    assert "root port 0000:00:03.0, endpoint 0000:01:00.0" in found(report, "path")
    assert found(report, "protocols") == ["the mailbox at 0x110: discovery, CMA/SPDM, secured CMA/SPDM"] * 2
    assert all(text.startswith("3 certificates lead to CN=ide-emu-authority-root, valid until 20")
               for text in found(report, "identity"))
    assert found(report, "versions") == ["SPDM 1.4, ECDSA P-384, SHA-384, secp384r1, AES-256-GCM"] * 2
    assert found(report, "controller")[0].endswith(f" answers at {controller.endpoint}")
    assert controller.json("establish", ROOT_PORT)["state"] == "secure"


def test_what_a_person_reads(controller):
    done = controller.ctl("doctor", "04:00.0")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "ok       the function is there, 0000:04:00.0: vendor 1b36, device 0010, class 010802"
    assert "ok       switches on the path, 0000:03:00.0: the downstream port passes IDE TLPs on" in lines
    assert lines[-1] == "IDE can come up here: `ide-ctl establish 0000:04:00.0`."
    done = controller.ctl("doctor", SWITCH_ROOT_PORT)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    at = lines.index("problem  the path, 0000:00:04.0: several endpoints are below it: 0000:04:00.0, 0000:05:00.0")
    assert lines[at + 1] == "         Try: name the endpoint instead of the root port."
    assert lines[at + 2] == (
        "skipped  switches on the path, IDE capability, streams between them, what is wanted here, free streams, DOE mailboxes, what the mailboxes "
        "carry, who gives them keys, the kernel, identity, versions and algorithms, reference values: it is not known where "
        "a stream would end")
    assert lines[-1] == "IDE cannot come up here: 1 problem."


def test_a_function_that_is_not_there(controller):
    assert problems(doctor(controller, "0000:7f:00.0")) == [("function", "0000:7f:00.0")]


@pytest.mark.parametrize("fault, check", [
    ("foreign-chain", "identity"), ("expired-chain", "identity"), ("wrong-name", "identity"), ("bad-chain", "identity"),
    ("no-common-version", "identity"), ("silent", "protocols"), ("wrong-type-doe", "protocols"),
])
def test_a_device_that_cannot_be_trusted_or_understood(platform, controller, fault, check):
    platform.misbehave(ENDPOINT, fault)
    report = doctor(controller, ENDPOINT)
    assert (check, ENDPOINT) in problems(report)
    assert all(device == ENDPOINT for _, device in problems(report))
    platform.behave(ENDPOINT)
    assert problems(doctor(controller, ENDPOINT)) == []


POOR = {"functions": [
    *test_establish.POOR["functions"],
    {"bdf": "0000:00:07.0", "type": "root-port", "doe": True, "secondary": 9, "ide": {"selective_streams": 1, "ide_km": False},
     "below": [{"bdf": "0000:09:00.0", "type": "endpoint", "doe": True, "ide": {"selective_streams": 1}}]},
]}


@pytest.fixture
def poor(directory, start_platform):
    file = directory / "poor.json"
    file.write_text(json.dumps(POOR))
    return start_platform("--platform", str(file), identity=directory / "identity")


def test_what_a_port_lacks_is_found_as_establish_finds_it(poor, start_controller):
    controller = start_controller(poor)
    for bdf, wanted in (("0000:01:00.0", {("mailbox", "0000:01:00.0"), ("protocols", "0000:01:00.0"), ("identity", "0000:01:00.0")}),
                        ("0000:00:02.0", {("ide", "0000:02:00.0"), ("provider", "0000:02:00.0")}),
                        ("0000:03:00.0", {("provider", "0000:00:03.0")}),
                        ("0000:04:00.0", {("ide", "0000:00:04.0"), ("provider", "0000:00:04.0")}),
                        ("0000:00:05.0", {("path", "0000:00:05.0")}),
                        ("0000:08:00.0", {("flow_through", "0000:06:00.0")}),
                        ("0000:09:00.0", {("provider", "0000:00:07.0")})):
        assert wanted <= set(problems(doctor(controller, bdf))), bdf
        controller.error("establish", bdf)


def test_streams_that_run_are_not_disturbed(platform, controller):
    controller.json("establish", ROOT_PORT, "--stream", "0")
    before = controller.json("show", ROOT_PORT)["streams"][0]
    for _ in range(3):
        report = doctor(controller, ENDPOINT)
        assert (problems(report), found(report, "streams")) == ([], ["stream 0 is Secure"])
    after = controller.json("show", ROOT_PORT)["streams"][0]
    assert (after["state"], after["refresh"]["records"]) == ("secure", before["refresh"]["records"])
    assert controller.json("rekey", ROOT_PORT)["streams"][0]["state"] == "secure"   # with the session there was
    assert all(s["state"] == "secure" for f in platform.state()["functions"] for s in f["streams"] if s["enabled"])


def test_a_stream_that_has_fallen_is_a_warning(platform, start_controller):
    controller = start_controller(platform, "--watch-interval", "0")   # or it is made again before doctor looks
    controller.json("establish", ROOT_PORT, "--stream", "0")
    platform.tell(f"reset {ENDPOINT}")
    report = doctor(controller, ROOT_PORT)
    assert [line["state"] for line in report["checks"] if line["check"] == "streams"] == ["warning"]


def test_all_streams_in_use_is_no_problem_of_the_stream_that_is_up(controller):
    end = SWITCH_ENDPOINTS[0]
    for number in range(2):
        controller.json("establish", end, "--stream", str(number), "--tc", str(number))
    report = doctor(controller, end)
    assert problems(report) == []
    assert "none: all 2 selective streams are in use" in found(report, "blocks")


def test_trust_that_is_missing(platform, directory, start_controller):
    empty = directory / "empty"
    empty.mkdir()
    controller = start_controller(platform, trust=empty)
    report = doctor(controller, ROOT_PORT)
    assert problems(report) == [("trust", None), ("identity", ROOT_PORT), ("identity", ENDPOINT)]
    shutil.rmtree(empty)
    assert ("trust", None) in problems(doctor(controller, ROOT_PORT))
    assert ("trust", None) in problems(doctor(controller, "0000:7f:00.0"))


def test_what_the_kernel_has(platform, directory):
    tree = Tree(SimpleNamespace(directory=directory, platform=platform), [(ROOT_PORT, ENDPOINT)])
    controller = Controller(directory, tree)
    assert problems(doctor(controller, ENDPOINT)) == []
    tree.connect(ENDPOINT, "tsm0")
    report = doctor(controller, ENDPOINT)
    assert ("kernel", ENDPOINT) in problems(report)
    assert found(report, "kernel") == ["the device belongs to the kernel: its TSM tsm0 is connected"]
    assert {check for check, _ in problems(report)} <= {"kernel", "plan"}
    tree.connect(ENDPOINT, "")
    tree.kernel_stream("stream0.0.0", ROOT_PORT, ENDPOINT)
    report = doctor(controller, ENDPOINT)
    assert "1 stream here belongs to the kernel" in found(report, "kernel")
    controller.stop()


def test_a_clock_that_is_wrong(platform, directory, monkeypatch):
    sanitizer = ":".join(filter(None, (os.environ.get("ASAN_OPTIONS"), "verify_asan_link_order=0")))
    behind = int(time.time()) - 3600   # an hour after 1970 began, as where a battery is empty
    with monkeypatch.context() as patch:
        patch.setenv("LD_PRELOAD", str(BUILD / "tests" / "clock" / "clock.so"))
        patch.setenv("CLOCK_BEHIND", str(behind))
        patch.setenv("ASAN_OPTIONS", sanitizer)
        controller = Controller(directory, platform)
    report = doctor(controller, ENDPOINT)
    assert found(report, "clock")[0].startswith("it says 1970-01-01 01:")
    assert problems(report) == [("clock", None), ("identity", ROOT_PORT), ("identity", ENDPOINT)]
    assert all("notBefore" in text for text in found(report, "identity"))
    error = controller.error("establish", ENDPOINT)
    assert (error["code"], error["field"]) == ("expired", "notBefore")
    controller.stop()


def test_versions_that_have_no_sessions(platform, start_controller):
    controller = start_controller(platform, "--spdm-versions", "1.0")
    assert problems(doctor(controller, ROOT_PORT)) == [("versions", ROOT_PORT), ("versions", ENDPOINT)]


def test_reference_values_that_are_required(platform, directory, start_controller):
    file = directory / "reference.json"
    file.write_text(json.dumps({"devices": []}))
    controller = start_controller(platform, "--reference", str(file), "--require-reference")
    assert ("references", ENDPOINT) in problems(doctor(controller, ROOT_PORT)) or ("references", None) in problems(
        doctor(controller, ROOT_PORT))


def test_without_a_controller_it_says_what_it_sees_itself(poor):
    def alone(bdf):
        done = ctl("--connect", f"ipc://{poor.directory}/nobody", "--json", "doctor", bdf, "--sysfs", str(poor.mount))
        assert (done.returncode, done.stderr) == (3, "")
        report = json.loads(done.stdout)
        jsonschema.Draft202012Validator({"$ref": "#/$defs/doctor_result", "$defs": SCHEMA["$defs"]}).validate(report)
        assert report["problems"] == len(problems(report))
        assert report["checks"][-1]["check"] == "controller"
        return [p for p in problems(report) if p[0] != "controller"]

    assert alone("0000:03:00.0") == []
    assert alone("0000:01:00.0") == [("mailbox", "0000:01:00.0")]
    assert alone("0000:02:00.0") == [("ide", "0000:02:00.0")]
    assert alone("0000:08:00.0") == [("flow_through", "0000:06:00.0")]
    assert alone("0000:7f:00.0") == [("function", "0000:7f:00.0")]
    done = ctl("--connect", f"ipc://{poor.directory}/nobody", "doctor", "02:00.0", "--sysfs", str(poor.directory / "no"))
    assert done.returncode == 3
    assert "problem  the controller: no controller answers at ipc://" in done.stdout
