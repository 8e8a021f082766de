# SPDX-License-Identifier: GPL-2.0-or-later
"""Versions and algorithms: what device and controller have in common is used, and what they have not is refused."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from conftest import Controller, Platform, program

# key, what the device has of algorithms, and what is agreed on with a controller that takes all: each of them once
ALGORITHMS = [
    ("P-256", "SHA-256, secp256r1, AES-128-GCM", ["ECDSA P-256", "SHA-256", "secp256r1", "AES-128-GCM"]),
    ("P-384", "SHA-384, secp384r1, AES-256-GCM", ["ECDSA P-384", "SHA-384", "secp384r1", "AES-256-GCM"]),
    ("P-521", "SHA-512, secp521r1, ChaCha20-Poly1305", ["ECDSA P-521", "SHA-512", "secp521r1", "ChaCha20-Poly1305"]),
    ("RSA-2048", "RSASSA 2048, RSAPSS 2048, SHA3-256, ffdhe2048",
     ["RSASSA 2048", "SHA3-256", "ffdhe2048", "AES-256-GCM"]),
    ("RSA-3072", "RSASSA 3072, RSAPSS 3072, SHA3-512, ffdhe3072",
     ["RSASSA 3072", "SHA3-512", "ffdhe3072", "AES-256-GCM"]),
    ("RSA-4096", "RSASSA 4096, RSAPSS 4096, SHA3-384, ffdhe4096",
     ["RSASSA 4096", "SHA3-384", "ffdhe4096", "AES-256-GCM"]),
    ("Ed25519", "Ed25519", ["Ed25519", "SHA-384", "secp384r1", "AES-256-GCM"]),
    ("Ed448", "Ed448", ["Ed448", "SHA-384", "secp384r1", "AES-256-GCM"]),
]


class Bench:
    """A platform with one root port and endpoint for each device that is wanted, and controllers on it."""

    def __init__(self, tmp, devices):
        self.directory = Path(subprocess.run(["mktemp", "-d", "/tmp/ide-km.XXXXXX"], capture_output=True, text=True,
                                             check=True).stdout.strip())
        self.bdf = {}
        functions = []
        for number, (name, spdm) in enumerate(devices.items(), 1):
            self.bdf[name] = f"0000:{number:02x}:00.0"
            functions.append({"bdf": f"0000:00:{number:02x}.0",
                              "below": [{"bdf": self.bdf[name], "spdm": {"heartbeat": 0, **spdm}}]})
        (self.directory / "platform.json").write_text(json.dumps({"functions": functions}))
        self.platform = Platform(self.directory, tmp, ["--platform", str(self.directory / "platform.json")])
        self.controllers = {}

    def controller(self, *options):
        """One for each set of options; they share the platform one after another."""
        for other in list(self.controllers):
            if other != options:
                self.controllers.pop(other).stop()
        if options not in self.controllers:
            self.controllers[options] = Controller(self.directory, self.platform, options)
        return self.controllers[options]

    def close(self):
        for controller in self.controllers.values():
            controller.stop()
        self.platform.stop()
        shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture
def start_bench(tmp_path_factory):
    made = []

    def start(devices):
        made.append(Bench(tmp_path_factory.mktemp("identity"), devices))
        return made[-1]

    yield start
    for bench in made:
        bench.close()


def up_rekey_stop(controller, bdf):
    up = controller.json("establish", bdf, "--stream", "1")
    assert up["state"] == "secure"
    assert controller.json("rekey", bdf)["streams"][0]["key_set"] == 1
    assert controller.json("stop", bdf, "--stream", "1")["state"] == "off"
    return up


def test_a_stream_lives_with_each_version(start_bench):
    """All of SPDM and of secured messages; 1.0 proves an identity and has no sessions; options restrict them."""
    bench = start_bench({f"SPDM {v}": {"versions": v} for v in ("1.0", "1.1", "1.2", "1.3", "1.4")}
                        | {f"secured {v}": {"secured_versions": v} for v in ("1.0", "1.1", "1.2")})
    controller = bench.controller()
    for version in ("1.1", "1.2", "1.3", "1.4"):
        up = up_rekey_stop(controller, bench.bdf[f"SPDM {version}"])
        assert (up["spdm_version"], up["secured_version"]) == (version, "1.2")
    for version in ("1.0", "1.1", "1.2"):
        up = up_rekey_stop(controller, bench.bdf[f"secured {version}"])
        assert (up["spdm_version"], up["secured_version"]) == ("1.4", version)

    old = bench.bdf["SPDM 1.0"]
    assert controller.json("attest", old)["spdm_version"] == "1.0"
    error = controller.error("establish", old)
    assert (error["code"], error["step"], error["device"], error["exchange"], error["field"]) == (
        "version", "session", old, "session", "SPDMVersion")
    assert (error["got"], error["want"]) == (0x10, 0x11)
    assert error["hint"].startswith("a stream needs a session, and sessions came with SPDM 1.1")

    controller = bench.controller("--spdm-versions", "1.1-1.3", "--secured-versions", "1.1")
    up = controller.json("establish", bench.bdf["secured 1.1"])
    assert (up["spdm_version"], up["secured_version"]) == ("1.3", "1.1")
    error = controller.error("establish", bench.bdf["SPDM 1.4"])
    assert (error["code"], error["exchange"], error["field"]) == ("version", "VERSION", "VersionNumberEntry")
    error = controller.error("establish", bench.bdf["secured 1.2"])
    assert (error["code"], error["step"], error["exchange"]) == ("peer_error", "session", "KEY_EXCHANGE")
    assert "--secured-versions" in error["hint"]


def test_a_stream_comes_up_with_each_algorithm_and_none_outside_the_policy(start_bench):
    bench = start_bench({key: {"algorithm": key, "algorithms": text} for key, text, _ in ALGORITHMS})

    def agreed(controller, key):
        up = controller.json("establish", bench.bdf[key], "--stream", "2")
        assert up["state"] == "secure"
        controller.json("stop", bench.bdf[key], "--stream", "2")
        return [up["algorithms"][kind] for kind in ("asym", "hash", "dhe", "aead")]

    controller = bench.controller("--algorithms", "all", "--strength", "112")
    for key, _, wanted in ALGORITHMS:
        assert agreed(controller, key) == wanted

    controller = bench.controller("--strength", "0", "--algorithms", "ECDSA P-384, RSAPSS 2048, RSAPSS 3072, "
                                  "rsapss4096, sha-384, SHA3-256, SHA3-384, SHA3-512, secp384r1, ffdhe2048, "
                                  "ffdhe3072, ffdhe4096, AES-256-GCM")
    for bits in ("2048", "3072", "4096"):
        assert agreed(controller, f"RSA-{bits}")[0] == f"RSAPSS {bits}"

    controller = bench.controller("--strength", "192")
    assert agreed(controller, "P-384") == ["ECDSA P-384", "SHA-384", "secp384r1", "AES-256-GCM"]
    for key in ("P-256", "P-521", "RSA-4096", "Ed448"):
        error = controller.error("establish", bench.bdf[key])
        assert (error["device"], error["step"], error["exchange"], error["code"]) == (
            bench.bdf[key], "authenticate", "NEGOTIATE_ALGORITHMS", "peer_error")
        assert "--algorithms and --strength" in error["hint"]
    # one that selects all the same what it was not offered
    bench.platform.misbehave(bench.bdf["P-384"], "unoffered-algorithm")
    error = controller.error("establish", bench.bdf["P-384"])
    assert (error["device"], error["step"], error["exchange"], error["field"], error["code"]) == (
        bench.bdf["P-384"], "authenticate", "ALGORITHMS", "BaseAsymSel", "not_offered")
    assert (error["got"], error["want"]) == (1, 0x80)   # RSASSA 2048, ECDSA P-384


@pytest.mark.parametrize("options, message", [
    (["--spdm-versions", "1.5"], '--spdm-versions: "1.5" is no version, or range of them, of 1.0 to 1.4'),
    (["--spdm-versions", "1.3-1.1"], '--spdm-versions: "1.3-1.1" is no version'),
    (["--secured-versions", "1.3"], '--secured-versions: "1.3" is no version, or range of them, of 1.0 to 1.2'),
    (["--algorithms", "SHA-384, MD5"], '--algorithms: "MD5" is no algorithm that is built in'),
    (["--algorithms", "SHA-384, sha384"], '--algorithms: "sha384" stands there twice'),
    (["--algorithms", "RSASSA 2048"], "RSASSA 2048 has less than 128 bits of security"),
    (["--strength", "much"], '--strength: "much" is no number of bits from 0 to 256'),
    (["--strength", "256"], "no signature has 256 bits of security"),
])
def test_options_that_make_no_sense_are_refused(options, message):
    done = subprocess.run([program("ide-kmd"), *options], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


@pytest.mark.parametrize("spdm, message", [
    ({"algorithm": "P-224"}, 'spdm.algorithm: is none of "P-256", "P-384"'),
    ({"algorithms": "SHA-256, SHA-384"}, "spdm.algorithms: names two hashes, and a device has one"),
    ({"algorithm": "RSA-2048", "algorithms": "RSASSA 3072"}, "names no signature of its key, RSA-2048"),
    ({"algorithms": "rot13"}, '"rot13" is no algorithm that is built in'),
    ({"versions": "2.0"}, 'spdm.versions: "2.0" is no version'),
    ({"secured_versions": 1}, "spdm.secured_versions: is no string"),
])
def test_a_platform_that_makes_no_sense_is_refused(spdm, message, tmp_path):
    path = tmp_path / "platform.json"
    path.write_text(json.dumps({"functions": [{"bdf": "0000:00:01.0", "secondary": 1, "spdm": spdm}]}))
    done = subprocess.run([program("ide-emu"), "--platform", str(path), "--make-identities", str(tmp_path / "i")],
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert message in done.stderr
