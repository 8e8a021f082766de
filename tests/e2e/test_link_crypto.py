# SPDX-License-Identifier: GPL-2.0-or-later
"""The IDE transform against another reading of docs/ide.md, with an AES-GCM that is not wolfSSL's."""

import itertools
import subprocess
import zlib

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from conftest import BUILD

MEMORY = {0x00, 0x20, 0x40, 0x60}


def gcm(key, iv, aad, text):
    """The tag is cut to 96 bits."""
    encryptor = Cipher(algorithms.AES(key), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(aad)
    sealed = encryptor.update(text) + encryptor.finalize()
    return sealed, encryptor.tag[:12]


def hidden(header, mode):
    """How many bytes of address bits, from bit 2 on, are encrypted."""
    if header[0] not in MEMORY or mode == 0:
        return 0
    return min(mode + 1, 5 if header[0] & 0x20 else 3)


def seal(key, substream, counter, mode, escort, prefixes, tlps):
    """The sealed frames, from prefixes and TLPs in the clear."""
    aad, text, parts = b"", b"", []
    for prefix, tlp in zip(prefixes, tlps):
        size = 16 if tlp[0] & 0x20 else 12
        header, payload = tlp[:size], tlp[size:]
        address = int.from_bytes(header[8:], "big")
        n = hidden(header, mode)
        bits = (address >> 2) & ((1 << 8 * n) - 1)
        rest = address & ~(((1 << 8 * n) - 1) << 2) if n else address
        shown = header[:8] + rest.to_bytes(size - 8, "big")
        aad += prefix + shown + (escort.to_bytes(8, "big") if prefix[1] & 0x08 else b"")
        if prefix[1] & 0x10:
            payload += zlib.crc32(payload).to_bytes(4, "little")
        text += bits.to_bytes(n, "big") + payload
        parts.append((prefix, shown, n, len(payload)))
    iv = bytes([substream << 4, 0, 0, 0]) + counter.to_bytes(8, "big")
    sealed, tag = gcm(key, iv, aad, text)
    frames = []
    for prefix, shown, n, size in parts:
        bits, payload, sealed = sealed[:n], sealed[n:n + size], sealed[n + size:]
        if n:
            address = int.from_bytes(shown[8:], "big") | int.from_bytes(bits, "big") << 2
            shown = shown[:8] + address.to_bytes(len(shown) - 8, "big")
        frames.append(prefix + shown + payload)
    frames[-1] += tag
    return frames


def vectors():
    out = subprocess.run([str(BUILD / "tests" / "unit" / "ide_vectors")], capture_output=True, text=True, check=True)
    return [line.split() for line in out.stdout.splitlines()]


def test_sealed_tlps_are_what_another_implementation_makes():
    lines = vectors()
    checked = 0
    for _, group in itertools.groupby(lines, key=lambda line: line[0]):
        unit = list(group)
        _, key, substream, counter, mode, escort, _, _ = unit[0]
        tlps = [bytes.fromhex(line[6]) for line in unit]
        frames = [bytes.fromhex(line[7]) for line in unit]
        assert [bool(f[1] & 0x80) for f in frames] == [False] * (len(frames) - 1) + [True]
        made = seal(bytes.fromhex(key), int(substream), int(counter), int(mode), int(escort),
                    [f[:4] for f in frames], tlps)
        assert made == frames
        checked += len(frames)
    assert checked > 1000


def test_the_published_key_and_iv():
    """intel/tee-io-validator, doc/key_byte_order.md: the key of PCIe's appendix L with PCIe's first IV."""
    _, key, _, _, _, _, tlp, frame = vectors()[0]
    assert key == "df254152056e02e0ef8b7feb9739d4d96a4eb80103241df7cd5e24b49ccd2720"
    tlp, frame = bytes.fromhex(tlp), bytes.fromhex(frame)
    size = 16 if tlp[0] & 0x20 else 12
    iv = bytes.fromhex("000000000000000000000001")
    sealed, tag = gcm(bytes.fromhex(key), iv, frame[:4] + tlp[:size], tlp[size:])
    assert frame == frame[:4] + tlp[:size] + sealed + tag
