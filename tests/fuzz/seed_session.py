#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the first corpus of the session, secured message, DOE and IDE_KM fuzzers from the recorded sessions.

seed_session.py: into corpus/<fuzzer>/ next to this file, from ../vectors. Each fuzzer's own file says what the bytes mean.
"""
import hashlib
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
VECTORS = HERE.parent / "vectors"

# fuzz_session_messages.c: the messages' order, and what is agreed on
MESSAGES = [0xE4, 0x64, 0xE5, 0x65, 0xE8, 0x68, 0xE9, 0x69, 0xEC, 0x6C]
AGREED = {"v12-p384-sha384-aes256": 0x94, "v12-p256-chacha20": 0x80, "v11-p256-sha256-aes128": 0x81,
          "v14-p384-sha384-aes256": 0x97}


def put(fuzzer, data):
    folder = HERE / "corpus" / fuzzer
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def lines(name):
    for line in (VECTORS / f"{name}.vec").read_text().splitlines():
        word = line.split("#")[0].split()
        if len(word) == 2 and word[0] in ("wire>", "wire<", "spdm>", "spdm<", "sec>", "sec<"):
            yield word[0], bytes.fromhex(word[1])


def part(choice, data):
    """A part of a conversation as fuzz_next() takes it."""
    return bytes([choice]) + len(data).to_bytes(2, "little") + data


def seed_messages():
    for name, agreed in AGREED.items():
        seen = set()
        for kind, data in lines(name):
            code = data[1]
            if kind[:4] == "wire" or code not in MESSAGES or code in seen:
                continue
            seen.add(code)
            put("fuzz_session_messages", bytes([MESSAGES.index(code), agreed]) + data)
            if code == 0xE4:
                put("fuzz_session_messages", bytes([len(MESSAGES), agreed]) + data[-20:])
            if code == 0x64:
                size = 12 if agreed & 3 != 1 else 16
                start = data.find(bytes.fromhex("0000040001000012" if agreed & 3 != 1 else "0000040001000010")) + 8 - size
                put("fuzz_session_messages", bytes([len(MESSAGES), agreed]) + data[start:start + size])


def seed_objects():
    seen = set()
    for name in AGREED:
        for kind, data in lines(name):
            if kind[:4] != "wire" or (data[2], len(data)) in seen or len(data) > 200:
                continue
            seen.add((data[2], len(data)))
            if data[2] != 2 or len(seen) % 4 == 0:
                put("fuzz_doe", data)
            if data[2] == 2 and len(seen) % 4 == 0:
                put("fuzz_secured_message", b"\1" + data[8:])
    put("fuzz_doe", bytes.fromhex("010000000300000001000001" "010000000300000001000102" "010000000300000001000200"))
    for cipher in range(3):
        put("fuzz_secured_message", bytes([cipher, 4, 0]) + b"\x12\x68\0\0" + b"padding")


def seed_conversations():
    heartbeat, ack = bytes.fromhex("12e80000"), bytes.fromhex("12680000")
    end, verify = bytes.fromhex("12ec0000"), bytes.fromhex("12e90301")
    digests, version = bytes.fromhex("12810000"), bytes.fromhex("10840000")
    for operation in (1, 2):
        put("fuzz_session_responder", part(2, bytes([0x12, 0xE9, operation, 1])) + part(2, verify) + part(2, end))
    put("fuzz_session_responder", part(2, heartbeat) + part(2, digests) + part(4, b"") + part(2, end))
    put("fuzz_session_responder", part(3, heartbeat) + part(3, bytes.fromhex("12e50000") + bytes(32)))
    put("fuzz_session_responder", part(1, version) + part(2, heartbeat))
    put("fuzz_session_responder", part(0, bytes.fromhex("010000000300000000000000")) + part(1, digests))
    kind, exchange = next(x for x in lines("v12-p256-chacha20") if x[0] == "spdm>" and x[1][1] == 0xE4)
    put("fuzz_session_responder", part(1, exchange[:3] + b"\0" + exchange[4:]) + part(2, end))
    kind, response = next(x for x in lines("v12-p256-chacha20") if x[0] == "spdm<" and x[1][1] == 0x64)
    for choice in (5, 6):
        put("fuzz_session_requester", bytes([choice]) + response)
    busy = bytes.fromhex("127f0300")
    put("fuzz_session_requester", b"\0" + part(0, busy) + part(0, ack))
    put("fuzz_session_requester", b"\1" + part(0, busy) + part(1, b"") + part(0, bytes.fromhex("127f0100")))
    put("fuzz_session_requester", b"\2" + part(1, b"") + part(0, bytes.fromhex("127f0100")))
    put("fuzz_session_requester", b"\2" + part(0, bytes.fromhex("12690200")))
    put("fuzz_session_requester", b"\3" + part(0, bytes.fromhex("127e000003000201000400") + b"answ"))
    put("fuzz_session_requester", b"\4" + part(0, bytes.fromhex("126c0000")))


def seed_ide_km():
    seen = set()
    for kind, data in lines("v12-p256-chacha20"):
        if kind[:3] != "sec" or data[1] not in (0xFE, 0x7E) or data[4:9] != bytes.fromhex("0300020100"):
            continue
        payload = data[11:]
        if payload[0] != 0 or payload[1] in seen:
            continue
        seen.add(payload[1])
        for choice in range(5):
            put("fuzz_ide_km", bytes([choice]) + payload[:64])


# fuzz_conversation.c: forms of it, and what happens to an object
PSK, PSK_CONTEXT, CLEAR, MUTUAL, DIGESTS, PUBLIC_KEYS, LARGE = (1 << i for i in range(7))
PASS, REPLACE = 0, 2
FORMS = {0, PSK, PSK | PSK_CONTEXT, CLEAR, MUTUAL, MUTUAL | DIGESTS, PUBLIC_KEYS, PUBLIC_KEYS | MUTUAL,
         PUBLIC_KEYS | MUTUAL | CLEAR, LARGE, LARGE | CLEAR}
RECORDED = {"v11-p256-sha256-aes128": 0, "v12-p256-chacha20": LARGE, "v12-p384-handshake-in-clear": CLEAR,
            "v12-p384-mutual-encap": MUTUAL, "v12-psk-sha384-aes256": PSK | PSK_CONTEXT, "v14-p384-sha384-aes256": LARGE}


def seed_whole_conversations():
    """The honest ones, and those in which one side says what was recorded."""
    for version in (1, 2, 3, 4):
        for form in FORMS:
            put("fuzz_conversation", bytes([version, form]))
    for name, form in RECORDED.items():
        said = [(kind, data) for kind, data in lines(name) if kind[:4] in ("spdm", "sec>", "sec<") and len(data) < 200]
        for side in "><":
            parts = [part(REPLACE, data) if kind[-1] == side else part(PASS, b"") for kind, data in said[:20]]
            put("fuzz_conversation", bytes([int(name[2]), form]) + b"".join(parts))


if __name__ == "__main__":
    seed_whole_conversations()
    seed_messages()
    seed_objects()
    seed_conversations()
    seed_ide_km()
