# SPDX-License-Identifier: GPL-2.0-or-later
"""A short form of tests/bench/bench_load: many endpoints at once without an error, and answers of a known age."""

import importlib.machinery
import importlib.util
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import zmq

from conftest import ROOT, Controller

ENDPOINTS = 16


def load_bench():
    loader = importlib.machinery.SourceFileLoader("bench_load", str(ROOT / "tests" / "bench" / "bench_load"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench_load", loader))
    loader.exec_module(module)
    return module


bench_load = load_bench()


@pytest.fixture(scope="module")
def crowd():
    directory = Path(subprocess.run(["mktemp", "-d", "/tmp/ide-km.XXXXXX"], capture_output=True, text=True,
                                    check=True).stdout.strip())
    pairs = bench_load.names(ENDPOINTS)
    platform = bench_load.make_platform(directory, pairs)
    controller = Controller(directory, platform, ["--timeout", "30"])
    context = zmq.Context()
    client = bench_load.Client(context, controller)
    yield platform, controller, client, pairs
    client.socket.close()
    context.destroy(0)
    controller.stop()
    platform.stop()
    shutil.rmtree(directory, ignore_errors=True)


def ask(client, **members):
    client.send("a", "show", **members)
    return client.receive(60)["result"]


def test_all_at_once_without_an_error(crowd):
    _, controller, client, pairs = crowd
    for verb in ("establish", "rekey", "rekey", "stop"):
        assert bench_load.all_at_once(client, verb, pairs)["errors"] == {}
    assert controller.json("show")["streams"] == []


def test_many_requests_are_all_answered(crowd):
    _, controller, _, pairs = crowd
    result = bench_load.requests(controller, pairs, 10, 500)
    assert result["requests"] == 500 and result["per_second"] > 0


def test_an_answer_is_as_old_as_it_says_and_no_older_than_what_happened(crowd):
    platform, _, client, pairs = crowd
    _, end = pairs[0]
    assert "age_ms" not in ask(client, bdf=end)
    time.sleep(0.05)
    first = ask(client, bdf=end, max_age_ms=1)
    assert first["streams"] == []
    time.sleep(0.05)
    again = ask(client, bdf=end, max_age_ms=60000)
    assert again["age_ms"] >= first["age_ms"] + 50 and {**again, "age_ms": first["age_ms"]} == first
    time.sleep(1)
    assert ask(client, bdf=end, max_age_ms=1)["age_ms"] < 1000   # what it took to look
    # what the controller does is known at once
    client.send("b", "establish", bdf=end, stream=3)
    assert client.receive(60)["result"]["state"] == "secure"
    assert [s["state"] for s in ask(client, bdf=end, max_age_ms=60000)["streams"]] == ["secure"]
    # and what the watch has seen
    platform.tell(f"fail {end} 3")
    deadline = time.monotonic() + 30
    while [s["state"] for s in ask(client, bdf=end, max_age_ms=60000)["streams"]] == ["secure"]:
        assert time.monotonic() < deadline
    client.send("c", "stop", bdf=end, stream=3)
    client.receive(60)


@pytest.mark.parametrize("age", [-1, 60001, "1", 1.5, True])
def test_ages_that_are_none(crowd, age):
    _, _, client, pairs = crowd
    client.send("a", "show", bdf=pairs[0][1], max_age_ms=age)
    error = client.receive(60)["error"]
    assert (error["code"], error["field"]) == ("argument", "max_age_ms")
    client.send("a", "list", max_age_ms=5)
    assert client.receive(60)["error"]["field"] == "max_age_ms"
