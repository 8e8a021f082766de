# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures for Prometheus, read as Prometheus reads them, and against clients that are up to no good."""

import http.client
import json
import os
import re
import socket
import stat
import subprocess
import time
from pathlib import Path

import conftest
import pytest
import yaml
from conftest import ENDPOINT, ROOT_PORT
from prometheus_client.parser import text_string_to_metric_families
from test_curve import two_free_ports

HOST = Path(__file__).resolve().parents[2] / "tools" / "host"
TIMES = {"operation": "ide_km_operation_duration_seconds", "step": "ide_km_step_duration_seconds"}


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=20):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def ask(connection, method="GET", url="/metrics"):
    connection.request(method, url)
    reply = connection.getresponse()
    return reply, reply.read().decode()


def read(connection):
    """{name: {labels as a frozenset: value}} of all samples; what is not exactly the format is an error."""
    reply, text = ask(connection)
    assert reply.status == 200 and reply.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    assert text.endswith("\n")
    samples = {}
    for family in text_string_to_metric_families(text):
        assert family.type in ("counter", "gauge", "histogram") and family.documentation, family
        for sample in family.samples:
            series = samples.setdefault(sample.name, {})
            labels = frozenset(sample.labels.items())
            assert labels not in series, f"{sample.name} {sample.labels} twice"
            series[labels] = sample.value
    check_histograms(samples)
    return samples


def check_histograms(samples):
    """Each bucket has at least what the one before it has, and the last all."""
    for name, series in samples.items():
        if not name.endswith("_bucket"):
            continue
        groups = {}
        for labels, value in series.items():
            le = float(dict(labels)["le"])
            groups.setdefault(frozenset(pair for pair in labels if pair[0] != "le"), []).append((le, value))
        for labels, buckets in groups.items():
            values = [value for _, value in sorted(buckets)]
            assert values == sorted(values) and sorted(buckets)[-1][0] == float("inf")
            assert samples[name[:-len("_bucket")] + "_count"][labels] == values[-1]


def value(samples, name, **labels):
    return samples.get(name, {}).get(frozenset(labels.items()), 0)


@pytest.fixture
def door(directory):
    return directory / "metrics"


@pytest.fixture
def measured(platform, start_controller, door):
    return start_controller(platform, "--metrics", str(door))


def test_what_is_counted(measured, platform, door):
    before = read(UnixConnection(door))
    assert value(before, "ide_km_handshakes_total", result="done") == 0
    assert value(before, "ide_km_streams", state="secure") == 0
    measured.json("establish", ROOT_PORT, "--stream", "0")
    measured.json("rekey", ROOT_PORT)
    ports = {"root_port": ROOT_PORT, "endpoint": ENDPOINT, "stream": "0"}
    samples = read(UnixConnection(door))
    assert value(samples, "ide_km_handshakes_total", result="done") == 2  # one with each end
    assert value(samples, "ide_km_refreshes_total", result="done") == 1
    assert value(samples, "ide_km_operations_total", operation="establish", result="done") == 1
    assert value(samples, "ide_km_streams", state="secure") == 1
    assert value(samples, "ide_km_stream_secure", **ports) == 1
    assert abs(value(samples, "ide_km_stream_keyed_timestamp_seconds", **ports) - time.time()) < 60
    for kind, name in TIMES.items():
        for what in {"operation": ("establish", "rekey"), "step": ("program_keys", "drain")}[kind]:
            assert value(samples, name + "_count", **{kind: what}) >= 1, what
            assert 0 < value(samples, name + "_sum", **{kind: what}) < 60, what
    assert value(samples, "ide_km_api_requests_total", verb="establish") == 1
    measured.json("stop", ROOT_PORT, "--stream", "0")
    samples = read(UnixConnection(door))
    assert value(samples, "ide_km_streams", state="secure") == 0
    assert frozenset(ports.items()) not in samples.get("ide_km_stream_secure", {})
    platform.misbehave(ENDPOINT, "bad-signature-key-exchange")
    assert measured.error("establish", ROOT_PORT, "--stream", "0")["code"] == "signature"
    platform.behave(ENDPOINT)
    samples = read(UnixConnection(door))
    assert value(samples, "ide_km_failures_total", operation="establish", step="session", code="signature") == 1
    assert value(samples, "ide_km_handshakes_total", result="failed") == 1
    assert value(samples, "ide_km_metrics_dropped_total") == 0


def test_the_process_is_measured(measured, door):
    samples = read(UnixConnection(door))
    process = Path(f"/proc/{measured.process.pid}")
    assert value(samples, "process_threads") == len(list((process / "task").iterdir()))
    assert 0 < value(samples, "process_open_fds") < value(samples, "process_max_fds")
    assert 0 < value(samples, "process_resident_memory_bytes") < value(samples, "process_virtual_memory_bytes")
    assert abs(value(samples, "process_start_time_seconds") - time.time()) < 120
    assert value(samples, "process_cpu_seconds_total") > 0


def test_only_the_page_is_served(measured, door):
    assert ask(UnixConnection(door), url="/")[0].status == 404
    assert ask(UnixConnection(door), url="/metrics/../../etc/passwd")[0].status == 404
    assert ask(UnixConnection(door), method="POST")[0].status == 405
    reply, text = ask(UnixConnection(door), method="HEAD")
    assert reply.status == 200 and text == ""
    mode = os.stat(door).st_mode
    assert stat.S_ISSOCK(mode) and not mode & 0o007


def test_tcp_of_this_machine(platform, start_controller):
    port = two_free_ports()
    start_controller(platform, "--metrics", f"127.0.0.1:{port}")
    assert value(read(http.client.HTTPConnection("127.0.0.1", port, timeout=20)), "ide_km_operations_running") == 0


@pytest.mark.parametrize("where", ["0.0.0.0:9468", "192.0.2.1:9468", "127.0.0.1", "127.0.0.1:0", "[::]:9468", "9468",
                                   "/" + "x" * 108])
def test_other_places_are_refused(platform, directory, where):
    ran = subprocess.run([conftest.program("ide-kmd"), "--sysfs", str(platform.mount), "--listen",
                          f"ipc://{directory}/x.sock", "--trust", str(platform.trust), "--metrics", where],
                         capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1 and "is neither 127.0.0.1:PORT, [::1]:PORT nor a path" in ran.stderr


def test_who_says_nothing_or_little_keeps_nobody_out(measured, door):
    """More connections than there is room for, some silent, some with a byte now and then; the page is read in the
    end, the controller goes on, and nothing of them is left."""
    few = 6  # what else may be open for a moment: a client's connection, a file that is looked at
    assert measured.json("list")["ports"] and read(UnixConnection(door))
    files = len(os.listdir(f"/proc/{measured.process.pid}/fd"))
    crowd = []
    for i in range(40):
        guest = socket.socket(socket.AF_UNIX)
        guest.setblocking(False)
        try:
            guest.connect(str(door))
        except BlockingIOError:  # the queue is full, too
            guest.close()
            continue
        crowd.append(guest)
    assert len(crowd) >= 16
    assert len(os.listdir(f"/proc/{measured.process.pid}/fd")) <= files + 16 + few
    assert measured.json("list")["ports"]
    end = time.monotonic() + 90
    while True:
        for guest in crowd[::2]:
            try:
                guest.send(b"G")
            except OSError:
                pass
        try:
            samples = read(UnixConnection(door, timeout=2))
            break
        except OSError:
            assert time.monotonic() < end
    assert samples
    for guest in crowd:
        guest.close()
    while len(os.listdir(f"/proc/{measured.process.pid}/fd")) > files + few:
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.parametrize("request_text", [b"\r\n" * 5000, b"GET " + b"/" * 100000, b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000,
                                          b"\x00\xff" * 4096, b"GET /metrics HTTP/9.9\r\n\r\n"],
                         ids=["empty lines", "long path", "many headers", "no text", "another version"])
def test_what_is_no_request_is_refused(measured, door, request_text):
    guest = socket.socket(socket.AF_UNIX)
    guest.settimeout(20)
    guest.connect(str(door))
    try:
        guest.sendall(request_text)
        guest.shutdown(socket.SHUT_WR)
        while guest.recv(65536):
            pass
    except OSError:
        pass  # it was cut off
    guest.close()
    assert read(UnixConnection(door))


# ---- what is made for these figures ----------------------------------------------------------------------------------


def names_in(expression):
    return set(re.findall(r"\b((?:ide_km|process)_[a-z_]+)", expression))


def known_names(text):
    names = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M):
        names |= {name + end for end in ("_bucket", "_sum", "_count")} if kind == "histogram" else {name}
    return names


def test_dashboard_and_alerts_ask_for_what_there_is(measured, door):
    known = known_names(ask(UnixConnection(door))[1])
    dashboard = json.loads((HOST / "grafana-ide-km.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    expressions += [v["query"] for v in dashboard["templating"]["list"]]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in dashboard["panels"]]
    assert len(set(places)) == len(places) and len({p["id"] for p in dashboard["panels"]}) == len(places)
    rules = yaml.safe_load((HOST / "prometheus-ide-km.yml").read_text())["groups"][0]["rules"]
    assert all(rule["alert"] and rule["annotations"]["summary"] for rule in rules)
    used = set().union(*(names_in(e) for e in expressions + [rule["expr"] for rule in rules]))
    assert used and used <= known, used - known


def test_the_documentation_lists_them_all(measured, door):
    documented = (HOST.parents[1] / "docs" / "operations.md").read_text()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", ask(UnixConnection(door))[1], re.M):
        assert f"| `{name}` | {kind} |" in documented, name
