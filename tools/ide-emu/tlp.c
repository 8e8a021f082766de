/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/tlp.h"

#include <string.h>

/* Bits of the first byte: Fmt (§2.2.1). */
#define FMT_DATA   0x40u
#define FMT_4DW    0x20u
#define FMT_PREFIX 0x80u

#define PREFIX_IDE 0x92u /* an end-end TLP prefix: Fmt 100b, Type 1 0010b */

/* The prefix's second byte. */
#define PREFIX_M         0x80u
#define PREFIX_K         0x40u
#define PREFIX_T         0x20u
#define PREFIX_P         0x10u
#define PREFIX_ESCORT    0x08u
#define PREFIX_SUBSTREAM 0x07u

#define DIGEST_OR_POISONED 0xc0u /* TD, EP in the header's third byte: nobody here sends them */

static const struct {
    uint8_t code;
    const char *name;
    enum tlp_class class;
} codes[] = {
    {TLP_MRD32, "MRd32", TLP_NON_POSTED},   {TLP_MRD64, "MRd64", TLP_NON_POSTED},
    {TLP_MWR32, "MWr32", TLP_POSTED},       {TLP_MWR64, "MWr64", TLP_POSTED},
    {TLP_CFGRD0, "CfgRd0", TLP_NON_POSTED}, {TLP_CFGRD1, "CfgRd1", TLP_NON_POSTED},
    {TLP_CFGWR0, "CfgWr0", TLP_NON_POSTED}, {TLP_CFGWR1, "CfgWr1", TLP_NON_POSTED},
    {TLP_CPL, "Cpl", TLP_COMPLETION},       {TLP_CPLD, "CplD", TLP_COMPLETION},
    {TLP_MSG_BY_ID, "Msg", TLP_POSTED},     {TLP_MSG_LOCAL, "MsgLocal", TLP_POSTED},
};
#define CODES (sizeof codes / sizeof codes[0])

const char *tlp_code_name(uint8_t code)
{
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == code)
            return codes[i].name;
    return NULL;
}

enum tlp_class tlp_class_of(uint8_t code)
{
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == code)
            return codes[i].class;
    return TLP_POSTED;
}

bool tlp_is_memory(uint8_t code)
{
    return (code & 0x9fu) == 0;
}

bool tlp_is_config(uint8_t code)
{
    return (code & 0xbeu) == 0x04;
}

bool tlp_is_message(uint8_t code)
{
    return code == TLP_MSG_BY_ID || code == TLP_MSG_LOCAL;
}

bool tlp_has_data(uint8_t code)
{
    return code & FMT_DATA;
}

unsigned tlp_header_len(uint8_t code)
{
    return code & FMT_4DW ? 16 : 12;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
    put16(p, value >> 16);
    put16(p + 2, value & 0xffff);
}

struct ide_prefix ide_prefix_decode(const uint8_t p[static TLP_PREFIX_SIZE])
{
    return (struct ide_prefix){
        .mac = p[1] & PREFIX_M,
        .key_set = p[1] & PREFIX_K,
        .trusted = p[1] & PREFIX_T,
        .pcrc = p[1] & PREFIX_P,
        .escort = p[1] & PREFIX_ESCORT,
        .substream = p[1] & PREFIX_SUBSTREAM,
        .stream_id = p[2],
        .pr_sent = p[3],
    };
}

void ide_prefix_encode(const struct ide_prefix *prefix, uint8_t out[static TLP_PREFIX_SIZE])
{
    out[0] = PREFIX_IDE;
    out[1] = (uint8_t)((prefix->mac ? PREFIX_M : 0) | (prefix->key_set ? PREFIX_K : 0) |
                       (prefix->trusted ? PREFIX_T : 0) | (prefix->pcrc ? PREFIX_P : 0) |
                       (prefix->escort ? PREFIX_ESCORT : 0) | (prefix->substream & PREFIX_SUBSTREAM));
    out[2] = prefix->stream_id;
    out[3] = prefix->pr_sent;
}

static uint16_t length_field(const uint8_t *header)
{
    return (uint16_t)(get16(header + 2) & 0x3ff);
}

/* What stands behind the payload: only an IDE TLP says that something does. */
static uint16_t place_trailer(struct frame_parts *p, uint16_t at)
{
    if (p->ide && p->prefix.pcrc) {
        p->pcrc = at;
        at = (uint16_t)(at + TLP_PCRC_SIZE);
    }
    if (p->ide && p->prefix.mac) {
        p->mac = at;
        at = (uint16_t)(at + TLP_MAC_SIZE);
    }
    return at;
}

bool frame_split(const uint8_t *data, size_t len, struct frame_parts *parts)
{
    *parts = (struct frame_parts){0};
    if (len > TLP_PREFIX_SIZE && data[0] & FMT_PREFIX) {
        if (data[0] != PREFIX_IDE)
            return false;
        parts->ide = true;
        parts->prefix = ide_prefix_decode(data);
        parts->header = TLP_PREFIX_SIZE;
    }
    if (len < parts->header + 12u || !tlp_code_name(data[parts->header]))
        return false;
    const uint8_t *header = data + parts->header;
    parts->header_len = (uint16_t)tlp_header_len(header[0]);
    unsigned dwords = length_field(header);
    if (tlp_has_data(header[0])) {
        if (dwords == 0 || dwords > TLP_PAYLOAD_MAX / 4)
            return false;
        parts->payload_len = (uint16_t)(dwords * 4);
    }
    parts->payload = (uint16_t)(parts->header + parts->header_len);
    return place_trailer(parts, (uint16_t)(parts->payload + parts->payload_len)) == len &&
           !(header[2] & DIGEST_OR_POISONED);
}

static void decode_request(const uint8_t *h, struct tlp *t)
{
    t->requester = get16(h + 4);
    t->tag = h[6];
    t->last_be = h[7] >> 4;
    t->first_be = h[7] & 15;
    if (tlp_is_config(t->code)) {
        t->target = get16(h + 8);
        t->reg = get16(h + 10) & 0xffc;
    } else {
        t->address = t->code & FMT_4DW ? (uint64_t)get32(h + 8) << 32 | get32(h + 12) : get32(h + 8);
        t->address &= ~UINT64_C(3);
    }
}

static void decode_completion(const uint8_t *h, struct tlp *t)
{
    t->completer = get16(h + 4);
    t->status = h[6] >> 5;
    t->byte_count = get16(h + 6) & 0xfff;
    t->requester = get16(h + 8);
    t->tag = h[10];
    t->lower_address = h[11] & 0x7f;
}

static void decode_message(const uint8_t *h, struct tlp *t)
{
    t->requester = get16(h + 4);
    t->tag = h[6];
    t->message = h[7];
    t->target = get16(h + 8);
    memcpy(t->info, h + 12, sizeof t->info);
}

bool tlp_decode(const struct frame *frame, struct tlp *tlp)
{
    struct frame_parts parts;
    *tlp = (struct tlp){0};
    if (frame->len > TLP_FRAME_MAX || !frame_split(frame->data, frame->len, &parts))
        return false;
    const uint8_t *h = frame->data + parts.header;
    tlp->code = h[0];
    tlp->tc = h[1] >> 4 & 7;
    tlp->length = length_field(h);
    if (tlp_is_message(tlp->code))
        decode_message(h, tlp);
    else if (tlp_class_of(tlp->code) == TLP_COMPLETION)
        decode_completion(h, tlp);
    else
        decode_request(h, tlp);
    memcpy(tlp->data, frame->data + parts.payload, parts.payload_len);
    /* Configuration requests are of one dword (§2.2.7); a read of 1024 dwords is more than anybody here asks
     * for. */
    return !tlp_is_config(tlp->code) ? tlp->length != 0 || !tlp_is_memory(tlp->code) : tlp->length == 1;
}

static void encode_request(const struct tlp *t, uint8_t *h)
{
    put16(h + 4, t->requester);
    h[6] = t->tag;
    h[7] = (uint8_t)(t->last_be << 4 | t->first_be);
    if (tlp_is_config(t->code)) {
        put16(h + 8, t->target);
        put16(h + 10, t->reg & 0xffc);
    } else if (t->code & FMT_4DW) {
        put32(h + 8, (uint32_t)(t->address >> 32));
        put32(h + 12, (uint32_t)t->address & ~3u);
    } else {
        put32(h + 8, (uint32_t)t->address & ~3u);
    }
}

static void encode_completion(const struct tlp *t, uint8_t *h)
{
    put16(h + 4, t->completer);
    put16(h + 6, (unsigned)t->status << 13 | (t->byte_count & 0xfff));
    put16(h + 8, t->requester);
    h[10] = t->tag;
    h[11] = t->lower_address & 0x7f;
}

static void encode_message(const struct tlp *t, uint8_t *h)
{
    put16(h + 4, t->requester);
    h[6] = t->tag;
    h[7] = t->message;
    put16(h + 8, t->target);
    memcpy(h + 12, t->info, sizeof t->info);
}

void tlp_encode(const struct tlp *tlp, struct frame *frame)
{
    uint8_t *h = frame->data;
    unsigned header_len = tlp_header_len(tlp->code);
    unsigned payload_len = tlp_has_data(tlp->code) ? tlp->length * 4u : 0;
    memset(h, 0, header_len);
    h[0] = tlp->code;
    h[1] = (uint8_t)(tlp->tc << 4);
    put16(h + 2, tlp->length & 0x3ff);
    if (tlp_is_message(tlp->code))
        encode_message(tlp, h);
    else if (tlp_class_of(tlp->code) == TLP_COMPLETION)
        encode_completion(tlp, h);
    else
        encode_request(tlp, h);
    memcpy(h + header_len, tlp->data, payload_len);
    frame->len = (uint16_t)(header_len + payload_len);
}
