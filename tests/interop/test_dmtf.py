# SPDX-License-Identifier: GPL-2.0-or-later
"""Against DMTF's spdm-emu, both directions, over PCI_DOE.

SPDM_EMU_DIR names the directory that holds spdm_responder_emu, spdm_requester_emu and their sample keys; without it
these tests are skipped. The programs listen on and connect to 127.0.0.1:2323.
"""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from conftest import ENDPOINT, ROOT_PORT

DMTF = Path(os.environ.get("SPDM_EMU_DIR", ""))
PORT = 2323

pytestmark = pytest.mark.skipif(not (DMTF / "spdm_responder_emu").exists(),
                                reason="SPDM_EMU_DIR does not hold DMTF's spdm-emu")

# what the algorithms are called there, and the folder of the sample keys
SUITES = {
    "p384-sha384-aes256": ("SHA_384", "ECDSA_P384", "SECP_384_R1", "AES_256_GCM", "ecp384"),
    "p256-sha256-aes128": ("SHA_256", "ECDSA_P256", "SECP_256_R1", "AES_128_GCM", "ecp256"),
    "p256-sha256-chacha20": ("SHA_256", "ECDSA_P256", "SECP_256_R1", "CHACHA20_POLY1305", "ecp256"),
}


def suite_options(suite):
    hash_, asym, dhe, aead, _ = SUITES[suite]
    return ["--trans", "PCI_DOE", "--ver", "1.2", "--hash", hash_, "--asym", asym, "--dhe", dhe, "--aead", aead]


def await_listening(process, port):
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert process.poll() is None, "the responder ended"
        # looking at the kernel's table, since a connection would be taken as the requester's
        table = Path("/proc/net/tcp").read_text()
        if f":{port:04X} 00000000:0000 0A" in table:
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on {port}")


def platform_file(directory, algorithm):
    """A root port and an endpoint whose key is of the given curve."""
    path = directory / "platform.json"
    path.write_text(json.dumps({"functions": [
        {"bdf": "0000:00:03.0", "type": "root-port", "secondary": 1, "below": [
            {"bdf": ENDPOINT, "type": "endpoint", "spdm": {"algorithm": algorithm}}]}]}))
    return str(path)


@pytest.fixture
def responder(tmp_path):
    running = []

    def start(suite, *options):
        log = open(tmp_path / "responder.log", "wb")
        process = subprocess.Popen(
            ["stdbuf", "-oL", str(DMTF / "spdm_responder_emu"), *suite_options(suite), "--meas_spec", ",",
             "--meas_hash", ",", "--slot_count", "1", *options],
            cwd=DMTF, stdout=log, stderr=subprocess.STDOUT)
        running.append(process)
        await_listening(process, PORT)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.mark.parametrize("suite", SUITES)
def test_establish_with_the_endpoint_bridged_to_their_responder(suite, responder, start_platform, start_controller,
                                                                tmp_path):
    responder(suite, "--cap", "CERT,CHAL,ENCRYPT,MAC,KEY_EX,HBEAT,KEY_UPD")
    platform = start_platform("--bridge", f"{ENDPOINT}=127.0.0.1:{PORT}")
    trust = tmp_path / "trust"
    shutil.copytree(platform.trust, trust)
    shutil.copy(DMTF / SUITES[suite][4] / "ca.cert.der", trust / "dmtf.der")
    # their sample certificates carry no CMA name, and their IDE_KM says 00:00.0
    controller = start_controller(platform, "--allow-unnamed", "--allow-wrong-bdf", trust=trust)
    up = controller.json("establish", ENDPOINT, "--stream", "0")
    assert up["state"] == "secure"
    assert up["spdm_version"] == "1.2"
    assert controller.json("rekey", ENDPOINT, "--stream", "0")
    assert controller.ctl("stop", ENDPOINT, "--stream", "0").returncode == 0


@pytest.mark.parametrize("generate", [[], ["--generate"]], ids=["ours", "theirs"])
def test_a_cxl_link_with_the_endpoint_bridged_to_their_responder(generate, responder, start_platform, start_controller,
                                                                 tmp_path):
    """CXL_IDE_KM as they answer it; the endpoint's keys are theirs, so the root port's end alone says what the link is."""
    suite = "p384-sha384-aes256"
    responder(suite, "--cap", "CERT,CHAL,ENCRYPT,MAC,KEY_EX,HBEAT,KEY_UPD")
    path = tmp_path / "platform.json"
    path.write_text(json.dumps({
        "functions": [{"bdf": ROOT_PORT, "cxl": {}, "below": [{"bdf": ENDPOINT, "cxl": {}}]}],
        "kcu": [{"base": "0xfe100000", "protocol": "cxl", "root_ports": [ROOT_PORT]}]}))
    platform = start_platform("--platform", str(path), "--bridge", f"{ENDPOINT}=127.0.0.1:{PORT}",
                              identity=tmp_path / "identity")
    trust = tmp_path / "trust"
    shutil.copytree(platform.trust, trust)
    shutil.copy(DMTF / SUITES[suite][4] / "ca.cert.der", trust / "dmtf.der")
    controller = start_controller(platform, "--allow-unnamed", "--allow-wrong-bdf", trust=trust)
    up = controller.json("establish", ENDPOINT, "--cxl", "--mode", "skid", *generate)
    assert (up["state"], up["keys_from"]) == ("secure", "endpoint" if generate else "controller")
    assert controller.json("rekey", ENDPOINT, "--cxl")["rekeys"] == 1
    assert controller.json("stop", ENDPOINT, "--cxl")["state"] == "off"


@pytest.mark.parametrize("update", ["REQ", "ALL"])
@pytest.mark.parametrize("suite", SUITES)
def test_their_requester_against_ide_emu(suite, update, start_platform, tmp_path):
    platform = start_platform("--platform", platform_file(tmp_path, SUITES[suite][1].replace("ECDSA_P", "P-")), "--spdm",
                              f"{ENDPOINT}={PORT}", identity=tmp_path / "identity")
    # a copy of their directory in which our root stands in the place of their trust anchor
    theirs = tmp_path / "dmtf"
    shutil.copytree(DMTF, theirs)
    subprocess.run(["openssl", "x509", "-in", platform.trust / "root.pem", "-outform", "DER", "-out",
                    theirs / SUITES[suite][4] / "ca.cert.der"], check=True)
    done = subprocess.run(
        ["stdbuf", "-oL", str(theirs / "spdm_requester_emu"), *suite_options(suite), "--cap",
         "CERT,CHAL,ENCRYPT,MAC,KEY_EX,HBEAT,KEY_UPD", "--meas_sum", "NO", "--slot_id", "0", "--slot_count", "1",
         "--exe_conn", "DIGEST,CERT,CHAL", "--exe_session", "KEY_EX,KEY_UPDATE,HEARTBEAT", "--key_upd", update],
        cwd=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log
    # its exit status alone says little: an untrusted root is a warning to it
    assert "verify_peer_cert_chain_buffer - PASS" in log, log
    for bad in ("FAIL", "LIBSPDM_ASSERT", "libspdm_heartbeat - ", "libspdm_key_update - "):
        assert bad not in log, log
