#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeds of the fuzz_spdm_* corpora from tests/vectors: seed_spdm.py OUTPUT_FOLDER"""
import hashlib
import pathlib
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
# The order of fuzz_spdm_decode.c's descriptors, by request response code.
CODES = [0x84, 0x04, 0xE1, 0x61, 0xE3, 0x63, 0x81, 0x01, 0x82, 0x02, 0x83, 0x03, 0x7F, 0xFF, 0xFE, 0x7E,
         0xE0, 0x60, 0xEF, 0x6F]
FILES = {  # algorithms byte of fuzz_spdm_decode.c
    "v11-p256-sha256-aes128.vec": 0,
    "v12-p384-sha384-aes256.vec": 3,
    "v13-p384-sha384-aes256.vec": 7,
    "v14-p384-sha384-aes256.vec": 7,
}


def messages(name):
    """(is a response, in a session, bytes) of each recorded message"""
    for line in (HERE.parent / "vectors" / name).read_text().splitlines():
        words = line.split()
        if words and words[0] in ("spdm>", "spdm<", "sec>", "sec<"):
            yield words[0].endswith("<"), words[0].startswith("sec"), bytes.fromhex(words[1])


def write(folder, data):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)


def seed_decode(folder):
    for name, algorithms in FILES.items():
        for _, _, message in messages(name):
            if message[1] in CODES:
                head = bytes([CODES.index(message[1]), message[0] & 0x0F, algorithms, 1])
                write(folder, head + message)


def script(parts):
    return b"".join(struct.pack("<H", len(data) | flag) + data for flag, data in parts)


def seed_conversations(requests, responses):
    for name in FILES:
        recorded = list(messages(name))
        version = recorded[2][2][0] & 0x0F
        sent = [(0x8000 if session else 0, m) for response, session, m in recorded if not response][:16]
        answers = [(0, m) for response, session, m in recorded if response and not session][:16]
        for steps in range(4):
            write(requests, bytes([(version - 1) | steps << 4]) + script(sent[steps:]))
        for honest in range(8):
            write(responses, bytes([version | honest << 3]) + script(answers[honest:]))
            # honest responses with a byte of the header, and one further on, altered
            write(responses, bytes([version | honest << 3]) + script([(0x8000, b"\0\0\1")] * 8))
            write(responses, bytes([version | honest << 3]) + script([(0x8000, b"\0" * 40 + b"\1")] * 8))


def main():
    out = pathlib.Path(sys.argv[1])
    seed_decode(out / "fuzz_spdm_decode")
    seed_conversations(out / "fuzz_spdm_responder", out / "fuzz_spdm_requester")


if __name__ == "__main__":
    main()
