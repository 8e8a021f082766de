/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/ide_tlp.h"

#include <string.h>

#include "spdm/cursor.h"

#define HEADER_BITS_MAX         5u          /* bytes of a header that can be encrypted */
#define AAD_MAX                 (TLP_PREFIX_SIZE + TLP_HEADER_MAX + 8u)
#define TEXT_MAX                (HEADER_BITS_MAX + TLP_PAYLOAD_MAX + TLP_PCRC_SIZE)

/* A unit's additional data and text, put together for one call of the cipher. */
struct unit {
    uint8_t aad[IDE_UNIT_MAX * AAD_MAX], text[IDE_UNIT_MAX * TEXT_MAX], mac[AEAD_TAG_SIZE];
    size_t aad_len, text_len;
};

void ide_iv(uint8_t substream, uint64_t counter, uint8_t iv[static IDE_IV_SIZE])
{
    memset(iv, 0, IDE_IV_SIZE);
    iv[0] = (uint8_t)(substream << 4);
    for (unsigned i = 0; i < 8; i++)
        iv[4 + i] = (uint8_t)(counter >> (56 - 8 * i));
}

uint32_t ide_pcrc(const uint8_t *payload, size_t len)
{
    /* what 4 bits do to the CRC of polynomial 04C11DB7h, least significant bit first (§2.7.1) */
    static const uint32_t nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc = crc >> 4 ^ nibble[(crc ^ payload[i]) & 15];
        crc = crc >> 4 ^ nibble[(crc ^ payload[i] >> 4) & 15];
    }
    return ~crc;
}

static void put_pcrc(uint8_t *at, uint32_t crc)
{
    for (unsigned i = 0; i < TLP_PCRC_SIZE; i++)
        at[i] = (uint8_t)(crc >> (8 * i));
}

void ide_add_prefix(struct frame *frame, const struct ide_prefix *prefix)
{
    memmove(frame->data + TLP_PREFIX_SIZE, frame->data, frame->len);
    ide_prefix_encode(prefix, frame->data);
    frame->len = (uint16_t)(frame->len + TLP_PREFIX_SIZE);
}

void ide_remove_prefix(struct frame *frame)
{
    struct frame_parts p;
    if (!frame_split(frame->data, frame->len, &p) || !p.ide)
        return;
    frame->len = (uint16_t)(p.header_len + p.payload_len);
    memmove(frame->data, frame->data + TLP_PREFIX_SIZE, frame->len);
}

/*
 * How many bytes of address bits are encrypted: bits 17:2, 25:2, 33:2 and 41:2 are 2 to 5 whole bytes. A
 * header with a 32-bit address has no bits above 31, so that 25:2 is the most there.
 */
static unsigned hidden_bytes(const struct ide_crypt *c, const uint8_t *header)
{
    if (!tlp_is_memory(header[0]) || c->header_mode == 0)
        return 0;
    unsigned bytes = c->header_mode + 1u;
    unsigned most = header[0] == TLP_MRD32 || header[0] == TLP_MWR32 ? 3 : HEADER_BITS_MAX;
    return bytes < most ? bytes : most;
}

/* The address field as a number, and back. */
static uint64_t get_address(const uint8_t *header, unsigned header_len)
{
    uint64_t address = 0;
    for (unsigned i = 8; i < header_len; i++)
        address = address << 8 | header[i];
    return address;
}

static void put_address(uint8_t *header, unsigned header_len, uint64_t address)
{
    for (unsigned i = header_len; i > 8; i--) {
        header[i - 1] = (uint8_t)address;
        address >>= 8;
    }
}

static uint64_t hidden_mask(unsigned bytes)
{
    return ((UINT64_C(1) << (8 * bytes)) - 1) << 2;
}

static void gather_aad(struct unit *u, const struct ide_crypt *c, const uint8_t *frame,
                       const struct frame_parts *p)
{
    uint8_t *aad = u->aad + u->aad_len;
    memcpy(aad, frame, TLP_PREFIX_SIZE);
    uint8_t *header = aad + TLP_PREFIX_SIZE;
    memcpy(header, frame + p->header, p->header_len);
    unsigned hidden = hidden_bytes(c, header);
    if (hidden)
        put_address(header, p->header_len, get_address(header, p->header_len) & ~hidden_mask(hidden));
    u->aad_len += TLP_PREFIX_SIZE + p->header_len;
    for (unsigned i = 0; p->prefix.escort && i < 8; i++)
        u->aad[u->aad_len++] = (uint8_t)(c->escort >> (56 - 8 * i));
}

static void gather_text(struct unit *u, const struct ide_crypt *c, const uint8_t *frame,
                        const struct frame_parts *p)
{
    unsigned hidden = hidden_bytes(c, frame + p->header);
    uint64_t bits = hidden ? get_address(frame + p->header, p->header_len) >> 2 : 0;
    for (unsigned i = 0; i < hidden; i++)
        u->text[u->text_len++] = (uint8_t)(bits >> (8 * (hidden - 1 - i)));
    size_t len = p->payload_len + (p->pcrc ? TLP_PCRC_SIZE : 0);
    memcpy(u->text + u->text_len, frame + p->payload, len);
    u->text_len += len;
}

/* Puts the other text in place of what gather_text() took. */
static size_t scatter(const struct unit *u, size_t at, const struct ide_crypt *c, struct frame *frame)
{
    struct frame_parts p;
    frame_split(frame->data, frame->len, &p);
    uint8_t *header = frame->data + p.header;
    unsigned hidden = hidden_bytes(c, header);
    uint64_t bits = 0;
    for (unsigned i = 0; i < hidden; i++)
        bits = bits << 8 | u->text[at++];
    if (hidden)
        put_address(header, p.header_len,
                    (get_address(header, p.header_len) & ~hidden_mask(hidden)) | bits << 2);
    size_t len = p.payload_len + (p.pcrc ? TLP_PCRC_SIZE : 0);
    memcpy(frame->data + p.payload, u->text + at, len);
    return at + len;
}

static void scatter_all(const struct unit *u, const struct ide_crypt *c, struct frame *frames, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++)
        at = scatter(u, at, c, &frames[i]);
}

static bool gather_all(struct unit *u, const struct ide_crypt *c, const struct frame *frames, size_t n)
{
    struct frame_parts p;
    u->aad_len = u->text_len = 0;
    for (size_t i = 0; i < n; i++) {
        if (!frame_split(frames[i].data, frames[i].len, &p) || !p.ide)
            return false;
        gather_aad(u, c, frames[i].data, &p);
        gather_text(u, c, frames[i].data, &p);
    }
    return true;
}

/* Makes room for what the prefix announces and puts the PCRC there. */
static void add_trailer(struct frame *frame)
{
    const uint8_t *header = frame->data + TLP_PREFIX_SIZE;
    unsigned header_len = tlp_header_len(header[0]);
    const uint8_t *payload = header + header_len;
    size_t payload_len = frame->len - TLP_PREFIX_SIZE - header_len;
    struct ide_prefix want = ide_prefix_decode(frame->data);
    if (want.pcrc) {
        put_pcrc(frame->data + frame->len, ide_pcrc(payload, payload_len));
        frame->len = (uint16_t)(frame->len + TLP_PCRC_SIZE);
    }
    if (want.mac) {
        memset(frame->data + frame->len, 0, TLP_MAC_SIZE);
        frame->len = (uint16_t)(frame->len + TLP_MAC_SIZE);
    }
}

bool ide_seal(const struct ide_crypt *c, struct frame *frames, size_t n)
{
    struct unit u;
    uint8_t iv[IDE_IV_SIZE];
    for (size_t i = 0; i < n; i++)
        add_trailer(&frames[i]);
    ide_iv(c->substream, c->counter, iv);
    bool ok = gather_all(&u, c, frames, n) &&
              aead_seal(c->key, iv, u.aad, u.aad_len, u.text, u.text_len, u.mac) == IDE_OK;
    if (ok) {
        scatter_all(&u, c, frames, n);
        /* t is 96: the first bytes of GCM's tag (NIST SP 800-38D §5.2.1.2) */
        memcpy(frames[n - 1].data + frames[n - 1].len - TLP_MAC_SIZE, u.mac, TLP_MAC_SIZE);
    }
    wipe(&u, sizeof u);
    return ok;
}

static uint8_t check_pcrcs(const struct frame *frames, size_t n)
{
    uint8_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        struct frame_parts p;
        uint8_t crc[TLP_PCRC_SIZE];
        if (!frame_split(frames[i].data, frames[i].len, &p) || !p.pcrc)
            continue;
        put_pcrc(crc, ide_pcrc(frames[i].data + p.payload, p.payload_len));
        if (memcmp(crc, frames[i].data + p.pcrc, sizeof crc) != 0)
            bad |= (uint8_t)(1u << i);
    }
    return bad;
}

enum ide_opened ide_open(const struct ide_crypt *c, struct frame *frames, size_t n, uint8_t *bad_pcrc)
{
    struct unit u;
    struct frame_parts last;
    uint8_t iv[IDE_IV_SIZE];
    *bad_pcrc = 0;
    if (n == 0 || n > IDE_UNIT_MAX || !gather_all(&u, c, frames, n) ||
        !frame_split(frames[n - 1].data, frames[n - 1].len, &last) || !last.mac)
        return IDE_OPEN_FAILED;
    ide_iv(c->substream, c->counter, iv);
    const uint8_t *mac = frames[n - 1].data + last.mac;
    bool ok = aead_open_short(c->key, iv, u.aad, u.aad_len, u.text, u.text_len, mac, TLP_MAC_SIZE) == IDE_OK;
    if (ok)
        scatter_all(&u, c, frames, n);
    wipe(&u, sizeof u);
    if (!ok)
        return IDE_OPEN_FAILED;
    *bad_pcrc = check_pcrcs(frames, n);
    return *bad_pcrc ? IDE_OPEN_PCRC_FAILED : IDE_OPENED;
}
