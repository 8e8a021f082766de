# SPDX-License-Identifier: GPL-2.0-or-later
"""libide-client, through programs that use it as others would (docs/examples)."""

import subprocess

from conftest import BUILD, ENDPOINT, ROOT_PORT

STREAMS = BUILD / "docs" / "examples" / "example-streams"


def run(*arguments):
    return subprocess.run([STREAMS, *arguments], capture_output=True, text=True, timeout=60)


def test_a_program_sees_and_rekeys_streams(controller):
    controller.json("establish", ENDPOINT, "--stream", "0")
    done = run(controller.endpoint)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{ROOT_PORT} {ENDPOINT} 0 secure\n", "")
    lines = run("--rekey", controller.endpoint).stdout.splitlines()
    assert lines[-1] == f"{ROOT_PORT} {ENDPOINT} 0 secure"
    assert f"  {ENDPOINT}: program_keys done" in lines
    assert lines[-2] in {f"  {bdf}: stop_keys done" for bdf in (ENDPOINT, ROOT_PORT)}


def test_a_program_is_told_what_keeps_it_from_the_controller(directory):
    for endpoint, said in ((f"ipc://{directory}/nowhere", "nobody answers at the endpoint"),
                           ("udp://127.0.0.1:1", "an argument is not allowed")):
        done = run(endpoint)
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"streams: {said}\n")
