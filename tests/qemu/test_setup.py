# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/qemu/setup and tests/qemu/build say when they cannot do their work: only what Debian does not have is a reason
to skip tests (exit status 3), and nothing is tested with what is older.

Each runs among mounts of its own, with an empty cache and no apt sources but those of the test.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from conftest import ROOT

QEMU = "/usr/bin/qemu-system-x86_64"
INSIDE = """set -e
mount --bind "$1/cache" /var/cache/ide-km
mount --bind "$1/log" "$2/build/log"
[ -z "$3" ] || mount --bind /dev/null "$3"
exec "$2/tests/qemu/$4" """


def in_namespace(*command):
    return subprocess.run(["unshare", "-m", *command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)


def source_version():
    done = subprocess.run(["dpkg-query", "-W", "-f", "${source:Version}", "qemu-system-x86"], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


pytestmark = pytest.mark.skipif(os.geteuid() != 0 or in_namespace("mount", "-t", "tmpfs", "tmpfs", "/mnt").returncode != 0 or
                                not source_version(), reason="needs root, mounts of its own, and Debian's QEMU")


class Machine:
    def __init__(self, directory):
        self.directory = directory
        for name in ("cache/qemu/ide/older", "log", "etc/sources.list.d", "etc/apt.conf.d", "repository"):
            (directory / name).mkdir(parents=True)
        (ROOT / "build/log").mkdir(parents=True, exist_ok=True)
        self.current = directory / "cache/qemu/ide/current"
        self.current.symlink_to("older")
        (directory / "apt.conf").write_text(f'Dir::Etc "{directory}/etc";\n')

    def serve(self, sources="", packages=""):
        """A repository with these indexes."""
        dist = self.directory / "repository/dists" / f"{suite()}-backports"
        sums = []
        for name, text in (("main/source/Sources", sources), ("main/binary-amd64/Packages", packages)):
            path = dist / name
            path.parent.mkdir(parents=True)
            path.write_text(text)
            sums.append(f" {hashlib.sha256(text.encode()).hexdigest()} {len(text)} {name}\n")
        (dist / "Release").write_text(f"Suite: {dist.name}\nCodename: {dist.name}\nComponents: main\nArchitectures: amd64\n"
                                      f"SHA256:\n{''.join(sums)}")
        (dist.parent / suite()).symlink_to(dist.name)
        (self.directory / "etc/sources.list").write_text(f"deb [trusted=yes] file:{self.directory}/repository {suite()} main\n")

    def run(self, script, hide=""):
        done = in_namespace("env", f"APT_CONFIG={self.directory}/apt.conf", "bash", "-c", INSIDE, "inside", str(self.directory),
                            str(ROOT), hide, script)
        return done.returncode, done.stdout + done.stderr


def suite():
    text = Path("/etc/os-release").read_text()
    return next(line.partition("=")[2] for line in text.splitlines() if line.startswith("VERSION_CODENAME="))


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


def source_of_qemu(archive, content):
    """The index of a repository that has the source of the QEMU which is installed."""
    return (f"Package: qemu\nBinary: qemu-system-x86\nVersion: {source_version()}\nFormat: 3.0 (quilt)\nArchitecture: any\n"
            f"Directory: pool\nChecksums-Sha256:\n {hashlib.sha256(content).hexdigest()} {len(content)} {archive}\n\n")


def archive_of(machine):
    name = f"qemu_{source_version().rpartition('-')[0].partition(':')[2]}.orig.tar.xz"
    pool = machine.directory / "repository/pool"
    pool.mkdir()
    return pool / name


def test_no_source_to_build(machine):
    status, said = machine.run("build")
    assert status == 3 and "none of this machine's apt sources has the source package qemu" in said, said
    assert not machine.current.is_symlink()


def test_a_source_that_does_not_come(machine):
    """It is in the index, and so can be had: that it is not had is a failure."""
    machine.serve(source_of_qemu(archive_of(machine).name, b"is not there"))
    status, said = machine.run("build")
    assert status == 1 and "failed" in said and "apt-get --tar-only" in said, said
    assert not machine.current.is_symlink()


def test_a_source_that_the_patches_do_not_fit(machine):
    archive = archive_of(machine)
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(ROOT / "LICENSE", "qemu/LICENSE")
    machine.serve(source_of_qemu(archive.name, archive.read_bytes()))
    status, said = machine.run("build")
    assert status == 1 and "prepare" in said, said
    assert not machine.current.is_symlink()
    assert [path.name for path in machine.current.parent.iterdir() if path.is_dir()] == ["older"]


def test_no_qemu_in_reach(machine):
    status, said = machine.run("setup", hide=QEMU)
    assert status == 3 and "none of this machine's apt sources has QEMU" in said, said


def test_no_kernel_in_reach(machine):
    status, said = machine.run("setup")
    assert status == 3 and "kernel for virtual machines is in none" in said, said


def test_a_qemu_that_does_not_come(machine):
    machine.serve(packages="Package: qemu-system-x86\nSource: qemu\nVersion: 9:10.0-1\nArchitecture: amd64\nMaintainer: none\n"
                  f"Filename: pool/none.deb\nSize: 4\nSHA256: {'0' * 64}\nDescription: none\n\n")
    status, said = machine.run("setup", hide=QEMU)
    assert status == 1 and "could not be installed" in said, said


def key_of(tree, source="10.0.2+ds"):
    """The name of what would be built there."""
    text = (tree / "tests/qemu/build").read_text()
    functions = tree / "tests/qemu/functions"
    functions.write_text(text.removesuffix('main "$@"\n'))
    assert functions.read_text() != text
    done = subprocess.run(["bash", "-c", 'source "$1"; content_key "$2"', "key", str(functions), source], capture_output=True,
                          text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_what_is_built_anew(tmp_path):
    """Another source, patch, option or step; and nothing else."""
    for name in ("tools/lib.sh", "tests/qemu/build", "tests/qemu/backports.sh"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "tests/qemu/patches", tmp_path / "tests/qemu/patches")
    keys = [key_of(tmp_path)]
    assert key_of(tmp_path) == keys[0]
    keys.append(key_of(tmp_path, "10.0.3+ds"))
    script = tmp_path / "tests/qemu/build"
    for old, new in (("--enable-tcg", "--enable-kvm"), ("touch\n", "touch -a\n")):
        assert old in script.read_text()
        script.write_text(script.read_text().replace(old, new))
        keys.append(key_of(tmp_path))
    patch = sorted((tmp_path / "tests/qemu/patches").iterdir())[0]
    patch.write_text(patch.read_text() + "\n")
    keys.append(key_of(tmp_path))
    assert len(set(keys)) == 5, keys
