# SPDX-License-Identifier: GPL-2.0-or-later
"""A few of the random kills of tests/soak/kills."""

import json
import os
import subprocess

from conftest import BUILD, ROOT


def test_a_few_random_kills_lose_nothing():
    done = subprocess.run([ROOT / "tests" / "soak" / "kills", "--kills", "10", "--seed", "7"], capture_output=True,
                          text=True, timeout=300, env={**os.environ, "IDE_KM_BUILD": str(BUILD)})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["kills"] >= 10 and told["violations"] == 0
    assert told["came_back"] + told["found_off"] >= 7 * 8
