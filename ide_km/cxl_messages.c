/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ide_km/cxl_messages.h"

#include "ide_km/messages.h"

#define DWORD 4u

#define SELECTOR_TX            0x02u
#define SELECTOR_FLAG          0x08u
#define SELECTOR_SUBSTREAM     0xf0u
#define SELECTOR_SUBSTREAM_CXL 0x80u
#define SELECTOR_RESERVED      0x05u

static void read_ids(struct reader *r, enum cxl_ide_km_object object)
{
    uint8_t got = ide_km_peek(r);
    if (got != object)
        read_fail_value(r, IDE_E_UNEXPECTED, "ObjectID", got, object);
}

static void write_ids(struct writer *w, enum cxl_ide_km_object object)
{
    write_u8(w, IDE_KM_PROTOCOL_ID);
    write_u8(w, (uint8_t)object);
}

void cxl_ide_write_query(struct writer *w, uint8_t port_index)
{
    write_ids(w, CXL_IDE_KM_QUERY);
    write_u8(w, 0);
    write_u8(w, port_index);
}

void cxl_ide_read_query(struct reader *r, uint8_t *port_index)
{
    read_ids(r, CXL_IDE_KM_QUERY);
    read_u8(r, "Reserved");
    *port_index = read_u8(r, "PortIndex");
    read_end(r);
}

void cxl_ide_write_query_resp(struct writer *w, const struct cxl_ide_query_resp *m)
{
    write_ids(w, CXL_IDE_KM_QUERY_RESP);
    write_u8(w, 0);
    write_u8(w, m->port_index);
    write_u8(w, m->devfn);
    write_u8(w, m->bus);
    write_u8(w, m->segment);
    write_u8(w, m->max_port_index);
    write_u8(w, m->caps);
    write_bytes(w, m->blocks, m->block_len <= sizeof m->blocks ? m->block_len : sizeof m->blocks);
}

void cxl_ide_read_query_resp(struct reader *r, struct cxl_ide_query_resp *m)
{
    read_ids(r, CXL_IDE_KM_QUERY_RESP);
    read_u8(r, "Reserved");
    m->port_index = read_u8(r, "PortIndex");
    m->devfn = read_u8(r, "DevFuncNum");
    m->bus = read_u8(r, "BusNum");
    m->segment = read_u8(r, "Segment");
    m->max_port_index = read_u8(r, "MaxPortIndex");
    m->caps = read_u8(r, "Capabilities");
    size_t left = read_left(r);
    if (left % DWORD != 0)
        read_fail_value(r, IDE_E_FIELD, "CXL IDE registers", left, left - left % DWORD);
    if (left > sizeof m->blocks)
        read_fail_value(r, IDE_E_LONG, "CXL IDE registers", left, sizeof m->blocks);
    m->block_len = r->err == IDE_OK ? (uint16_t)left : 0;
    read_copy(r, m->blocks, m->block_len, "CXL IDE registers");
}

uint8_t cxl_ide_selector(const struct cxl_ide_selector *s)
{
    return (uint8_t)(SELECTOR_SUBSTREAM_CXL | (s->direction == IDE_TX ? SELECTOR_TX : 0) |
                     (s->flag ? SELECTOR_FLAG : 0));
}

bool cxl_ide_read_selector(uint8_t selector, struct cxl_ide_selector *s)
{
    s->direction = selector & SELECTOR_TX ? IDE_TX : IDE_RX;
    s->flag = selector & SELECTOR_FLAG;
    return (selector & SELECTOR_SUBSTREAM) == SELECTOR_SUBSTREAM_CXL && !(selector & SELECTOR_RESERVED);
}

void cxl_ide_write_head(struct writer *w, enum cxl_ide_km_object object, const struct cxl_ide_head *head)
{
    write_ids(w, object);
    write_u16(w, 0);
    write_u8(w, head->stream_id);
    write_u8(w, head->status);
    write_u8(w, head->selector);
    write_u8(w, head->port_index);
}

void cxl_ide_read_head(struct reader *r, enum cxl_ide_km_object object, struct cxl_ide_head *head)
{
    read_ids(r, object);
    read_u16(r, "Reserved");
    head->stream_id = read_u8(r, "StreamID");
    head->status = read_u8(r, "Status");
    head->selector = read_u8(r, "Key_Sub_Stream");
    head->port_index = read_u8(r, "PortIndex");
}

/* Dwords, the one with the first four bytes first, and in each the first byte is the most significant: as
 * IDE_KM has it (tee-io-validator doc/key_byte_order.md: Key_DW7 to Key_DW0, IV_DW2 to IV_DW0). */
static void write_turned(struct writer *w, const uint8_t *bytes, size_t n)
{
    struct reader r = reader_of(bytes, n);
    for (size_t i = 0; i < n / DWORD; i++) {
        const uint8_t *dword = read_bytes(&r, DWORD, "Key");
        for (size_t byte = DWORD; dword && byte > 0; byte--)
            write_u8(w, dword[byte - 1]);
    }
}

static void read_turned(struct reader *r, uint8_t *bytes, size_t n, const char *field)
{
    struct writer w = writer_of(bytes, n);
    for (size_t i = 0; i < n / DWORD; i++) {
        const uint8_t *dword = read_bytes(r, DWORD, field);
        for (size_t byte = DWORD; dword && byte > 0; byte--)
            write_u8(&w, dword[byte - 1]);
    }
}

void cxl_ide_write_key(struct writer *w, const struct cxl_ide_key *key)
{
    write_turned(w, key->key, sizeof key->key);
    write_turned(w, key->iv, sizeof key->iv);
}

void cxl_ide_read_key(struct reader *r, struct cxl_ide_key *key)
{
    read_turned(r, key->key, sizeof key->key, "Key");
    read_turned(r, key->iv, sizeof key->iv, "IV");
    read_end(r);
    if (r->err != IDE_OK)
        wipe(key, sizeof *key);
}
