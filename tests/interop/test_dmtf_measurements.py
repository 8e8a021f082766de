# SPDX-License-Identifier: GPL-2.0-or-later
"""The measurements of ide-emu's devices as DMTF's requester takes them: in the clear and in a session, all at once and
one by one, hashed and raw, with summary hashes. SPDM_EMU_DIR as in test_dmtf.py."""

import shutil
import subprocess

import pytest

from conftest import ENDPOINT
from test_dmtf import DMTF, PORT, SUITES, platform_file, suite_options

pytestmark = pytest.mark.skipif(not (DMTF / "spdm_requester_emu").exists(),
                                reason="SPDM_EMU_DIR does not hold DMTF's spdm-emu")


@pytest.mark.parametrize("summary", ["TCB", "ALL"])
@pytest.mark.parametrize("form", ["HASH", "RAW"])
@pytest.mark.parametrize("operation", ["ALL", "ONE_BY_ONE"])
@pytest.mark.parametrize("suite", ["p384-sha384-aes256", "p256-sha256-aes128"])
def test_their_requester_measures_ide_emu(suite, operation, form, summary, start_platform, tmp_path):
    platform = start_platform("--platform", platform_file(tmp_path, SUITES[suite][1].replace("ECDSA_P", "P-")), "--spdm",
                              f"{ENDPOINT}={PORT}", identity=tmp_path / "identity")
    theirs = tmp_path / "dmtf"
    shutil.copytree(DMTF, theirs)
    subprocess.run(["openssl", "x509", "-in", platform.trust / "root.pem", "-outform", "DER", "-out",
                    theirs / SUITES[suite][4] / "ca.cert.der"], check=True)
    done = subprocess.run(
        ["stdbuf", "-oL", str(theirs / "spdm_requester_emu"), *suite_options(suite), "--cap",
         "CERT,CHAL,ENCRYPT,MAC,KEY_EX,HBEAT,KEY_UPD", "--slot_id", "0", "--slot_count", "1",
         "--meas_op", operation, "--meas_att", form, "--meas_sum", summary,
         "--exe_conn", "DIGEST,CERT,CHAL,MEAS", "--exe_session", "KEY_EX,MEAS"],
        cwd=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    log = done.stdout.decode(errors="replace")
    assert done.returncode == 0, log
    # once in the clear, once in the session
    assert log.count("verify_measurement_signature - PASS") >= 2, log
    for bad in ("FAIL", "LIBSPDM_ASSERT", "do_measurement_via_spdm - "):
        assert bad not in log, log
