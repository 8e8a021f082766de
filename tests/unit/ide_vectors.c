/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Seals TLPs with known keys and prints what goes in and what comes out, for an AES-GCM that nobody here
 * wrote to check (tests/e2e/test_link_crypto.py). One line a TLP: unit, key, sub-stream, counter, header
 * mode, escort, TLP, frame.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/ide_tlp.h"

static void print_hex(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        printf("%02x", bytes[i]);
}

/* A TLP of some kind with some payload, all from one number. */
static struct tlp make(unsigned seed)
{
    static const uint8_t codes[] = {TLP_MWR32,  TLP_MWR64, TLP_MRD32, TLP_MRD64,
                                    TLP_CFGWR0, TLP_CPLD,  TLP_CPL};
    struct tlp t = {.code = codes[seed % sizeof codes],
                    .length = (uint16_t)(seed % 5 * 13 + 1),
                    .requester = (uint16_t)(seed * 257),
                    .tag = (uint8_t)seed,
                    .first_be = 15,
                    .last_be = (uint8_t)(seed % 5 ? 15 : 0),
                    .address = UINT64_C(0x123456789abcdef0) * (seed + 1),
                    .target = 0x0100,
                    .byte_count = 4};
    if (tlp_is_config(t.code))
        t.length = 1;
    for (unsigned i = 0; i < sizeof t.data; i++)
        t.data[i] = (uint8_t)(i * 31 + seed);
    return t;
}

static void print_line(unsigned unit, const uint8_t *key, const struct ide_crypt *c, const struct frame *tlp,
                       const struct frame *sealed)
{
    printf("%u ", unit);
    print_hex(key, 32);
    printf(" %u %" PRIu64 " %u %" PRIu64 " ", c->substream, c->counter, c->header_mode, c->escort);
    print_hex(tlp->data, tlp->len);
    putchar(' ');
    print_hex(sealed->data, sealed->len);
    putchar('\n');
}

/* The key of PCIe's appendix L, as intel/tee-io-validator's doc/key_byte_order.md has it; the rest of that
 * example is not public. */
static const uint8_t published_key[32] = {0xdf, 0x25, 0x41, 0x52, 0x05, 0x6e, 0x02, 0xe0, 0xef, 0x8b, 0x7f,
                                          0xeb, 0x97, 0x39, 0xd4, 0xd9, 0x6a, 0x4e, 0xb8, 0x01, 0x03, 0x24,
                                          0x1d, 0xf7, 0xcd, 0x5e, 0x24, 0xb4, 0x9c, 0xcd, 0x27, 0x20};

static void choose_key(unsigned unit, uint8_t raw[static 32])
{
    for (unsigned i = 0; i < 32; i++)
        raw[i] = unit == 0 ? published_key[i] : (uint8_t)(unit * 5 + i);
}

static bool vector(unsigned unit)
{
    uint8_t raw[32];
    struct aead_key key;
    struct frame tlps[IDE_UNIT_MAX], frames[IDE_UNIT_MAX];
    size_t n = 1u << unit % 4;
    choose_key(unit, raw);
    if (aead_set_key(&key, AEAD_AES_256_GCM, raw) != IDE_OK)
        return false;
    struct ide_crypt c = {&key, (uint8_t)(unit % 3), UINT64_C(1) << unit % 64, (uint8_t)(unit / 3 % 5), unit};
    for (size_t i = 0; i < n; i++) {
        struct tlp t = make(unit + (unsigned)i);
        struct ide_prefix p = {.mac = i == n - 1,
                               .key_set = unit & 1,
                               .trusted = unit & 2,
                               .pcrc = (unit & 4) && tlp_has_data(t.code),
                               .escort = unit % 7 == 3 && i == 0,
                               .substream = c.substream,
                               .stream_id = (uint8_t)unit,
                               .pr_sent = (uint8_t)(unit * 3)};
        tlp_encode(&t, &tlps[i]);
        frames[i] = tlps[i];
        ide_add_prefix(&frames[i], &p);
    }
    bool ok = ide_seal(&c, frames, n);
    for (size_t i = 0; ok && i < n; i++)
        print_line(unit, raw, &c, &tlps[i], &frames[i]);
    aead_clear(&key);
    return ok;
}

int main(void)
{
    for (unsigned unit = 0; unit < 420; unit++)
        if (!vector(unit))
            return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
