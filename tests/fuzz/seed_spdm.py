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
         0xE0, 0x60, 0xEF, 0x6F,
         0x85, 0x05, 0x86, 0x06,
         0xED, 0x6D, 0xEE, 0x6E, 0xFC, 0x7C, 0xFD, 0x7D, 0x87, 0x07, 0xE2, 0x62, 0xF0, 0x70, 0xF1, 0x71]
FILES = {  # algorithms byte of fuzz_spdm_decode.c; their measurements are digests of 64 bytes
    "v11-p256-sha256-aes128.vec": 8,
    "v12-p384-sha384-aes256.vec": 11,
    "v13-p384-sha384-aes256.vec": 15,
    "v14-p384-sha384-aes256.vec": 15,
}
CHUNKED = "v14-mldsa87-mlkem1024.vec"


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
    log = bytes.fromhex("0100000010000000" + "00" * 8 + "0100000011000000890500" + "00" * 5)
    write(folder, bytes([CODES.index(0x6F), 3, 15, 0, 0x13, 0x6F, 0, 0])
          + struct.pack("<II", len(log), 0) + log)
    write(folder, bytes([CODES.index(0xEF), 3, 15, 0, 0x13, 0xEF, 0, 0]) + struct.pack("<II", 16, 64))


def chunks(version, message, size, handle=1):
    """The CHUNK_SEND requests that carry a message"""
    pieces = [message[i:i + size] for i in range(0, len(message), size)]
    for number, piece in enumerate(pieces):
        total = struct.pack("<I", len(message)) if number == 0 else b""
        head = bytes([version, 0x85, number + 1 == len(pieces), handle])
        yield head + struct.pack("<II", number, len(piece)) + total + piece


SERVICES = [  # requests and responses that no recording has, from their code on
    "ed000003000000616263", "6d000003000000616263", "ee010025000000" + "00" * 33, "6e0100", "fc000001",
    "7c00000301 3f001f0001001800000008000000070000 30050603 2b6570", "fd000001000000000000000000", "fd010001", "7d0000",
    "870100000000", "8701000100000000" + "11" * 32, "070000000000000500000001020304", "e20000", "6202000600000067726f757073",
    "f0010003000000616263", "f00000", "700000", "f10000010000000100000000000000000002000200aabb", "710000"]


def seed_services(decode, requests):
    for version in (0x12, 0x13, 0x14):
        sent = [bytes([version]) + bytes.fromhex(text) for text in SERVICES]
        for message in sent:
            write(decode, bytes([CODES.index(message[1]), version & 0x0F, 7, 0]) + message)
        start = bytes([(version & 0xF) - 1 | 3 << 4 | 0x40])
        asked = [m for m in sent if m[1] & 0x80]
        write(requests, start + script([(0, m) for m in asked]))
        write(requests, start + script([(0x8000, m) for m in asked]))


def seed_chunks(decode, requests):
    for _, _, message in messages(CHUNKED):
        if message[1] in (0x86, 0x06):
            write(decode, bytes([CODES.index(message[1]), message[0] & 0x0F, 7, 1]) + message[:200])
    for version in (0x12, 0x13, 0x14):
        payload = bytes(range(256)) * 20
        vendor = bytes([version, 0xFE, 0, 0, 3, 0, 2, 1, 0]) + struct.pack("<H", 4000) + payload[:4000]
        start = bytes([(version & 0xF) - 1 | 3 << 4 | 0x40])
        get = [bytes([version, 0x86, 0, 1]) + struct.pack("<I", n) for n in range(3)]
        for message in chunks(version, vendor[:100], 60):
            write(decode, bytes([CODES.index(0x85), version & 0x0F, 7, 1]) + message)
        for size in (30, 1000):
            sent = list(chunks(version, vendor, size))
            write(requests, start + script([(0, m) for m in sent + get]))
            write(requests, start + script([(0x8000, m) for m in sent + get]))
            write(requests, start + script([(0, m) for m in sent[:2] + sent[1:] + get]))


def script(parts):
    return b"".join(struct.pack("<H", len(data) | flag) + data for flag, data in parts)


def seed_conversations(requests, responses):
    for name in FILES:
        recorded = list(messages(name))
        version = recorded[2][2][0] & 0x0F
        sent = [(0x8000 if session else 0, m) for response, session, m in recorded if not response][:24]
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
    seed_services(out / "fuzz_spdm_decode", out / "fuzz_spdm_responder")
    seed_chunks(out / "fuzz_spdm_decode", out / "fuzz_spdm_responder")
    seed_conversations(out / "fuzz_spdm_responder", out / "fuzz_spdm_requester")


if __name__ == "__main__":
    main()
