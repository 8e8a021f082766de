# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration file of ide-kmd: --check says all that is wrong with it, and what is right counts."""

import json
import re
import signal
import subprocess

import pytest

from conftest import ENDPOINT, ROOT, program
from test_keeper import wait_for
from test_session_forms import make_host


def check(config, *options):
    return subprocess.run([program("ide-kmd"), "--check", "--config", str(config), *options], capture_output=True,
                          text=True, timeout=60)


@pytest.fixture
def trust(identity):
    return identity / "trust"


def write(directory, text):
    path = directory / "ide-kmd.conf"
    path.write_text(text)
    return path


def test_check_finds_nothing_in_a_file_that_is_right(directory, trust):
    config = write(directory, f"[controller]\ntimeout = 2\n[trust]\ntrust = {trust}\n")
    done = check(config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_says_all_that_is_wrong_with_its_line(directory, trust):
    config = write(directory, f"""[controller]
timeout = soon
lissen = ipc:///x
[trust]
trust = {directory}/nowhere
[measurements]
reference = {directory}/none.json
[identity]
identity = {directory}/a,{directory}/b
""")
    done = check(config)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"ide-kmd: {config}:2: timeout is no time between 1 ms and an hour: soon",
        f"ide-kmd: {config}:3: there is no key lissen in [controller]",
        f"ide-kmd: {config}:5: trust: the trust folder {directory}/nowhere cannot be read: No such file or directory",
        "put the root certificates of the devices' makers (PEM or DER: *.pem, *.crt, *.cer, *.der) into the folder that "
        "ide-kmd was given with --trust",
        f"ide-kmd: {config}:7: reference: {directory}/none.json: No such file or directory",
        "see REFERENCE VALUES in ide-kmd(8)",
        f"ide-kmd: {config}:9: identity: {directory}/b: No such file or directory",
        "ide-kmd(8) says what must be in the files of --identity, --psk and --public-keys",
    ]


def test_check_looks_into_the_files_that_are_named(directory, trust):
    (directory / "trust").mkdir()
    (directory / "trust" / "root.pem").write_text("no certificate")
    config = write(directory, f"[trust]\ntrust = {directory}/trust\n")
    done = check(config)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ide-kmd: {config}:2: trust: ") and "root.pem" in done.stderr


def test_an_empty_trust_folder_is_a_warning(directory):
    """As on a fresh installation: `systemctl reload` runs --check first."""
    (directory / "trust").mkdir()
    said = (f"the trust folder {directory}/trust holds no certificate: nothing will be trusted by its certificate until "
            "root certificates are put into it\n")
    config = write(directory, f"[trust]\ntrust = {directory}/trust\n")
    done = check(config)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"ide-kmd: warning: {config}:2: trust: {said}")
    done = check(write(directory, ""), "--trust", str(directory / "trust"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"ide-kmd: warning: --trust: {said}")


def test_a_reload_with_an_empty_trust_folder_is_one(directory, platform, start_controller):
    (directory / "trust").mkdir()
    config = write(directory, "[controller]\ntimeout = 2\n")
    controller = start_controller(platform, "--config", str(config), trust=directory / "trust")
    controller.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "the configuration was read again" in controller.log.read_text())
    assert f"the trust folder {directory}/trust holds no certificate" in controller.log.read_text()


def test_contradictions_are_said_with_the_line_of_what_demands(directory, trust):
    config = write(directory, f"[trust]\ntrust = {trust}\n\n[measurements]\nrequire-reference = yes\n")
    done = check(config)
    assert (done.returncode, done.stderr) == (1, f"ide-kmd: {config}:5: require-reference needs reference\n")
    # across file and command line too, and what the command line adds may help
    done = check(config, "--reference", str(config))
    assert done.returncode == 1 and "needs" not in done.stderr
    done = check(write(directory, f"[trust]\ntrust = {trust}\n"), "--require-reference")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "ide-kmd: --require-reference needs --reference")


def test_a_wrong_file_keeps_the_controller_from_starting(directory, platform):
    config = write(directory, "[controller]\ntimeout = 1\ntimeout = 2\n")
    done = subprocess.run([program("ide-kmd"), "--config", str(config), "--sysfs", str(platform.mount)],
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, f"ide-kmd: {config}:3: timeout is there already, in line 2\n")


def test_the_file_counts_and_the_command_line_more(directory, platform, start_controller):
    config = write(directory, f"""[controller]
sysfs = {platform.mount}
listen = ipc://{directory}/other
[trust]
trust = {directory}/nowhere
[spdm]
spdm-versions = 1.2
""")
    # Controller gives --sysfs, --listen and --trust
    controller = start_controller(platform, "--config", str(config))
    assert not (directory / "other").exists()
    assert controller.json("establish", ENDPOINT)["spdm_version"] == "1.2"


def example(directory, identity):
    """The complete example of ide-kmd.conf(5), with what it names in the directory."""
    etc = directory / "etc"
    etc.mkdir()
    (etc / "trust").symlink_to(identity / "trust")
    (etc / "reference").mkdir()
    (etc / "reference" / "drives.json").write_text(json.dumps(
        {"references": [{"bdf": "0000:01:00.0", "measurements": [{"index": 1, "value": "00"}]}]}))
    make_host(etc, "host")
    return (ROOT / "tools" / "ide-kmd" / "ide-kmd.conf.example").read_text().replace("/etc/ide-kmd", str(etc))


def test_the_example_is_right_and_the_manual_page_shows_it(directory, identity):
    done = check(write(directory, example(directory, identity)))
    assert (done.returncode, done.stderr) == (0, "")
    page = (ROOT / "tools" / "ide-kmd" / "ide-kmd.conf.5").read_text()
    shown = page.split(".Bd -literal -offset indent\n")[1].split(".Ed\n")[0]
    assert shown == (ROOT / "tools" / "ide-kmd" / "ide-kmd.conf.example").read_text()


def test_the_installed_configuration_is_right(directory, trust):
    text = (ROOT / "tools" / "host" / "ide-kmd.conf").read_text()
    done = check(write(directory, text), "--trust", str(trust))
    assert (done.returncode, done.stderr) == (0, "")


def test_the_manual_page_has_each_setting_in_its_section():
    rows = re.findall(r'^    \{"([a-z-]+)", "([a-z]+)", .*?(?=^    \{)',
                      (ROOT / "tools" / "ide-kmd" / "settings.c").read_text(), re.M | re.S)
    page = (ROOT / "tools" / "ide-kmd" / "ide-kmd.conf.5").read_text()
    assert len(rows) > 20
    for name, section in rows:
        part = page.split(f".It Cm [{section}]\n")[1].split(".It ")[0].split(".El")[0]
        assert re.search(rf"(?<![\w-]){name}(?![\w-])", part), f"{name} is not in [{section}] of ide-kmd.conf(5)"


def test_the_manual_page_has_the_options_that_there_are():
    page = (ROOT / "tools" / "ide-kmd" / "ide-kmd.8").read_text()
    said = subprocess.run([program("ide-kmd"), "--help"], capture_output=True, text=True, check=True).stdout
    options = set(re.findall(r"(?:^  |, )--([a-z-]+)", said, re.M))
    assert len(options) > 30
    listed = re.findall(r"^\.It Fl .*", page, re.M)
    assert set(re.findall(r"Fl -([a-z-]+)", " ".join(listed))) == options
    synopsis = page.split(".Sh SYNOPSIS\n")[1].split(".Sh ")[0]
    assert set(re.findall(r"Fl -([a-z-]+)", synopsis)) == options


def test_each_policy_key_is_in_the_manual_page():
    names = re.findall(r'\{"([a-z-]+)", set_\w+, FIELD', (ROOT / "tools" / "ide-kmd" / "policy.c").read_text())
    page = (ROOT / "tools" / "ide-kmd" / "ide-kmd.conf.5").read_text()
    assert len(names) > 10
    for name in names:
        assert re.search(rf"\.It Ic .*{name}|, Ic {name}", page), name
