# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test with a guest that fails says: the logs are in its report, whatever it failed of."""

import os
import subprocess
import sys

from conftest import ROOT

TESTS = '''
import pytest
from guest import GuestError

class Bench:
    def logs(self):
        return {"console.log": "the kernel says this", "ide-kmd.log": "the controller says that"}

@pytest.fixture
def bench():
    return Bench()

def test_asserts(bench):
    assert 1 + 1 == 3

def test_raises(bench):
    raise GuestError("no answer")

def test_passes(bench):
    pass
'''


def run(directory, name):
    """A test of the above in a pytest of its own, with the hooks of this one."""
    file = directory / "test_inner.py"
    file.write_text(TESTS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "tests"), str(ROOT / "tests" / "qemu")])}
    return subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider", "-k", name,
                           "--rootdir", str(directory), str(file)], capture_output=True, text=True, env=environment)


def test_a_failed_test_has_the_logs_of_its_guest(tmp_path):
    for name, why in (("asserts", "assert (1 + 1) == 3"), ("raises", "no answer")):
        done = run(tmp_path, name)
        assert done.returncode == 1 and why in done.stdout, done.stdout + done.stderr
        for log, text in (("console.log", "the kernel says this"), ("ide-kmd.log", "the controller says that")):
            section = done.stdout.partition(f"log: {log}")[2]
            assert text in section, done.stdout


def test_one_that_passes_has_none(tmp_path):
    done = run(tmp_path, "passes")
    assert done.returncode == 0 and "kernel says" not in done.stdout, done.stdout
