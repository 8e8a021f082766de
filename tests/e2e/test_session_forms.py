# SPDX-License-Identifier: GPL-2.0-or-later
"""Each way in which a session begins, end to end, and each with the wrong keys."""

import os
import subprocess

from conftest import program
from test_spdm_options import start_bench, up_rekey_stop  # noqa: F401 (one is a fixture)

SECRET, OTHER = "00112233445566778899aabbccddeeff", "ff112233445566778899aabbccddeeff"


def openssl(directory, *arguments):
    subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)


def make_host(directory, name):
    """A root, and the controller's certificate and key below it; (root, chain, key, public key)."""
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384", "-nodes", "-sha384", "-days", "2"]
    openssl(directory, "req", "-x509", *curve, "-keyout", f"{name}-root.key", "-out", f"{name}-root.pem", "-subj",
            f"/CN={name} root", "-addext", "keyUsage=critical,keyCertSign")
    openssl(directory, "req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}-leaf.pem", "-subj",
            f"/CN={name}", "-CA", f"{name}-root.pem", "-CAkey", f"{name}-root.key", "-addext",
            "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature",
            "-addext", "extendedKeyUsage=1.3.6.1.4.1.412.274.4")
    openssl(directory, "x509", "-in", f"{name}-leaf.pem", "-pubkey", "-noout", "-out", f"{name}-pub.pem")
    chain = directory / f"{name}.pem"
    chain.write_text((directory / f"{name}-root.pem").read_text() + (directory / f"{name}-leaf.pem").read_text())
    os.chmod(directory / f"{name}.key", 0o600)
    return (str(directory / f"{name}-root.pem"), str(chain), str(directory / f"{name}.key"),
            str(directory / f"{name}-pub.pem"))


def secret_file(directory, text, mode=0o600):
    path = directory / "psk"
    path.write_text(text)
    os.chmod(path, mode)
    return str(path)


def authentication(controller, bdf):
    """Brings a stream up, gives it new keys, takes it down; how its session began."""
    return up_rekey_stop(controller, bdf)["authentication"]


def test_the_host_proves_who_it_is(start_bench, tmp_path):
    """In each form in which a device asks; a host without an identity, or with another one, gets no session."""
    root, chain, key, public = make_host(tmp_path, "host")
    _, other_chain, other_key, _ = make_host(tmp_path, "other")
    devices = {form: {"mutual": form, "host_trust": root, "host_key": public}
               for form in ("known", "encapsulated", "optimized")}
    bench = start_bench(devices | {"clear": devices["encapsulated"] | {"handshake_in_the_clear": True},
                                   "1.1": devices["encapsulated"] | {"versions": "1.1"}})
    mutual = {"by": "certificate", "mutual": True, "in_the_clear": False}
    controller = bench.controller("--identity", f"{chain},{key}", "--handshake-in-the-clear")
    for form in ("encapsulated", "optimized", "known", "1.1"):
        assert authentication(controller, bench.bdf[form]) == mutual
    assert authentication(controller, bench.bdf["clear"]) == mutual | {"in_the_clear": True}

    # who has the host's public key already asks for nothing
    controller = bench.controller("--identity", f"{chain},{key}", "--identity-is-provisioned")
    assert authentication(controller, bench.bdf["known"]) == mutual

    controller = bench.controller("--identity", f"{other_chain},{other_key}")
    error = controller.error("establish", bench.bdf["encapsulated"])
    assert (error["code"], error["step"], error["exchange"]) == (
        "peer_error", "session", "DELIVER_ENCAPSULATED_RESPONSE")
    controller = bench.controller("--identity", f"{other_chain},{other_key}", "--identity-is-provisioned")
    error = controller.error("establish", bench.bdf["known"])
    assert (error["code"], error["step"], error["exchange"]) == ("peer_error", "session", "FINISH")
    error = bench.controller().error("establish", bench.bdf["encapsulated"])
    assert (error["code"], error["step"], error["exchange"]) == ("peer_error", "session", "KEY_EXCHANGE")


def test_pre_shared_keys(start_bench, tmp_path):
    bench = start_bench({"psk": {"psk": {"hint": "here", "secret": SECRET}},
                         "context": {"psk": {"hint": "there", "secret": SECRET, "context": True}}})
    lines = "# keys\n" + "".join(f"{bench.bdf[name]} {hint} {SECRET}\n" for name, hint in
                                 (("psk", "here"), ("context", "there")))
    expected = tmp_path / "expected.json"
    expected.write_text('{"references": [{"measurements": [{"index": 6, "value": "0100000000000000"}]}]}')
    controller = bench.controller("--psk", secret_file(tmp_path, lines), "--reference", str(expected),
                                  "--require-reference")
    by_psk = {"by": "psk", "mutual": False, "in_the_clear": False}
    assert authentication(controller, bench.bdf["psk"]) == by_psk
    assert authentication(controller, bench.bdf["context"]) == by_psk
    # what it is by its certificate it shows all the same
    assert controller.json("attest", bench.bdf["psk"])["certificates"] == 3
    assert authentication(bench.controller(), bench.bdf["psk"])["by"] == "certificate"

    expected.write_text('{"references": [{"measurements": [{"index": 6, "value": "0200000000000000"}]}]}')
    controller = bench.controller("--psk", secret_file(tmp_path, lines), "--reference", str(expected),
                                  "--require-reference")
    error = controller.error("establish", bench.bdf["psk"])
    assert (error["code"], error["step"], error["measurement"]["got"]) == ("measurement", "session", "0100000000000000")

    wrong = "".join(f"{bdf} {hint} {OTHER}\n" for bdf, hint in
                    ((bench.bdf["psk"], "here"), (bench.bdf["context"], "nobody")))
    controller = bench.controller("--timeout", "2", "--psk", secret_file(tmp_path, wrong))
    error = controller.error("establish", bench.bdf["psk"])
    assert (error["code"], error["step"], error["exchange"], error["field"]) == (
        "hmac", "session", "PSK_EXCHANGE_RSP", "ResponderVerifyData")
    error = controller.error("establish", bench.bdf["context"])   # it knows no such hint
    assert (error["code"], error["step"], error["exchange"]) == ("peer_error", "session", "PSK_EXCHANGE")


def test_devices_with_provisioned_public_keys_and_handshakes_in_the_clear(start_bench, tmp_path):
    bench = start_bench({"key": {"provisioned": True}, "clear": {"handshake_in_the_clear": True}})
    bdf, keys = bench.bdf["key"], tmp_path / "keys"
    keys.mkdir()
    openssl(tmp_path, "x509", "-in", str(bench.platform.identity / bdf / "leaf.pem"), "-pubkey", "-noout", "-out",
            str(keys / f"{bdf}.pem"))
    controller = bench.controller("--public-keys", str(keys), "--handshake-in-the-clear")
    assert authentication(controller, bdf) == {"by": "public_key", "mutual": False, "in_the_clear": False}
    shown = controller.json("attest", bdf)
    assert (shown["certificates"], shown["chain"], shown["measurements"]["signed"]) == (0, [], True)
    assert authentication(controller, bench.bdf["clear"])["in_the_clear"]

    controller = bench.controller()   # that has no such key, and wants none of it in the clear
    assert not authentication(controller, bench.bdf["clear"])["in_the_clear"]
    error = controller.error("establish", bdf)
    assert (error["code"], error["step"]) == ("capability", "authenticate")
    openssl(tmp_path, "ec", "-in", str(bench.platform.identity / bench.bdf["clear"] / "leaf.key"), "-pubout", "-out",
            str(keys / f"{bdf}.pem"))
    error = bench.controller("--public-keys", str(keys)).error("establish", bdf)
    assert (error["code"], error["step"], error["exchange"], error["field"]) == (
        "signature", "session", "KEY_EXCHANGE_RSP", "Signature")


def test_secrets_that_others_may_read_are_refused(tmp_path):
    _, chain, key, public = make_host(tmp_path, "host")
    good = f"0000:01:00.0 hint {SECRET}\n"

    def refused(*options):
        done = subprocess.run([program("ide-kmd"), "--sysfs", str(tmp_path), "--listen", f"ipc://{tmp_path}/s",
                               "--trust", str(tmp_path), *options], capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout) == (1, "")
        assert SECRET not in done.stderr
        return done.stderr

    os.chmod(key, 0o640)
    assert "host.key: others than its owner may read or write it (chmod 600)" in refused("--identity", f"{chain},{key}")
    os.chmod(key, 0o600)
    assert "host-pub.pem: is no chain of certificates" in refused("--identity", f"{public},{key}")
    other = make_host(tmp_path, "other")
    assert "other.pem: is no chain of certificates for that key" in refused("--identity", f"{other[1]},{key}")
    assert "psk: others than its owner may" in refused("--psk", secret_file(tmp_path, good, 0o644))
    for text, what in (("here hint 00\n", "1: the first word is no address"),
                       (good + "0000:01:00.0\n", "2: the second word, the hint"),
                       ("0000:01:00.0 hint 0g\n", "1: the third word, the key"),
                       (f"0000:01:00.0 hint {SECRET} {SECRET}\n", "1: the third word, the key"),
                       (good + "\0" + good, " has a NUL in it")):
        assert f"psk:{what}" in refused("--psk", secret_file(tmp_path, text))
    assert "no such file" in refused("--psk", str(tmp_path / "no such file")).lower()
