/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ide_km/messages.h"

#define DWORD 4u

#define SELECTOR_KEY_SET         0x01u
#define SELECTOR_TX              0x02u
#define SELECTOR_RESERVED        0x0cu
#define SELECTOR_SUBSTREAM_SHIFT 4u

uint8_t ide_km_peek(struct reader *r)
{
    uint8_t protocol = read_u8(r, "ProtocolID");
    if (protocol != IDE_KM_PROTOCOL_ID)
        read_fail_value(r, IDE_E_UNSUPPORTED, "ProtocolID", protocol, IDE_KM_PROTOCOL_ID);
    return read_u8(r, "ObjectID");
}

void ide_km_read_ids(struct reader *r, uint8_t object)
{
    uint8_t got = ide_km_peek(r);
    if (got != object)
        read_fail_value(r, IDE_E_UNEXPECTED, "ObjectID", got, object);
}

void ide_km_write_ids(struct writer *w, uint8_t object)
{
    write_u8(w, IDE_KM_PROTOCOL_ID);
    write_u8(w, object);
}

void ide_km_write_query(struct writer *w, uint8_t port_index)
{
    ide_km_write_ids(w, IDE_KM_QUERY);
    write_u8(w, 0);
    write_u8(w, port_index);
}

void ide_km_read_query(struct reader *r, uint8_t *port_index)
{
    ide_km_read_ids(r, IDE_KM_QUERY);
    read_u8(r, "Reserved");
    *port_index = read_u8(r, "PortIndex");
    read_end(r);
}

uint16_t ide_km_read_registers(struct reader *r, uint8_t *out, size_t max, const char *field)
{
    size_t left = read_left(r);
    if (left % DWORD != 0)
        read_fail_value(r, IDE_E_FIELD, field, left, left - left % DWORD);
    if (left > max)
        read_fail_value(r, IDE_E_LONG, field, left, max);
    size_t count = r->err == IDE_OK ? left : 0;
    read_copy(r, out, count, field);
    return (uint16_t)count;
}

void ide_km_write_query_resp(struct writer *w, const struct ide_km_query_resp *m)
{
    ide_km_write_ids(w, IDE_KM_QUERY_RESP);
    write_u8(w, 0);
    write_u8(w, m->port_index);
    write_u8(w, m->devfn);
    write_u8(w, m->bus);
    write_u8(w, m->segment);
    write_u8(w, m->max_port_index);
    write_bytes(w, m->blocks, m->block_len <= sizeof(m->blocks) ? m->block_len : sizeof(m->blocks));
}

void ide_km_read_query_resp(struct reader *r, struct ide_km_query_resp *m)
{
    ide_km_read_ids(r, IDE_KM_QUERY_RESP);
    read_u8(r, "Reserved");
    m->port_index = read_u8(r, "PortIndex");
    m->devfn = read_u8(r, "DevFuncNum");
    m->bus = read_u8(r, "BusNum");
    m->segment = read_u8(r, "Segment");
    m->max_port_index = read_u8(r, "MaxPortIndex");
    m->block_len = ide_km_read_registers(r, m->blocks, sizeof(m->blocks), "IDE registers");
}

uint8_t ide_km_selector(const struct ide_km_target *target)
{
    return (uint8_t)((target->key_set & SELECTOR_KEY_SET) | (target->direction == IDE_TX ? SELECTOR_TX : 0) |
                     (unsigned)target->substream << SELECTOR_SUBSTREAM_SHIFT);
}

bool ide_km_read_selector(uint8_t selector, struct ide_km_target *target)
{
    unsigned substream = selector >> SELECTOR_SUBSTREAM_SHIFT;
    target->key_set = selector & SELECTOR_KEY_SET;
    target->direction = selector & SELECTOR_TX ? IDE_TX : IDE_RX;
    target->substream = substream < IDE_SUBSTREAMS ? (enum ide_substream)substream : IDE_PR;
    return substream < IDE_SUBSTREAMS && !(selector & SELECTOR_RESERVED);
}

void ide_km_write_head(struct writer *w, enum ide_km_object object, const struct ide_km_head *head)
{
    ide_km_write_ids(w, (uint8_t)object);
    write_u16(w, 0);
    write_u8(w, head->target.stream_id);
    write_u8(w, head->status);
    write_u8(w, head->selector);
    write_u8(w, head->target.port_index);
}

void ide_km_read_head(struct reader *r, enum ide_km_object object, struct ide_km_head *head)
{
    ide_km_read_ids(r, (uint8_t)object);
    read_u16(r, "Reserved");
    head->target.stream_id = read_u8(r, "StreamID");
    head->status = read_u8(r, "Status");
    head->selector = read_u8(r, "Key_Sub_Stream");
    head->target.port_index = read_u8(r, "PortIndex");
    ide_km_read_selector(head->selector, &head->target);
}

void ide_km_write_dwords(struct writer *w, const uint8_t *bytes, size_t n)
{
    struct reader r = reader_of(bytes, n);
    for (size_t i = 0; i < n / DWORD; i++) {
        const uint8_t *dword = read_bytes(&r, DWORD, "Key");
        for (size_t byte = DWORD; dword && byte > 0; byte--)
            write_u8(w, dword[byte - 1]);
    }
}

void ide_km_read_dwords(struct reader *r, uint8_t *bytes, size_t n, const char *field)
{
    struct writer w = writer_of(bytes, n);
    for (size_t i = 0; i < n / DWORD; i++) {
        const uint8_t *dword = read_bytes(r, DWORD, field);
        for (size_t byte = DWORD; dword && byte > 0; byte--)
            write_u8(&w, dword[byte - 1]);
    }
}

/* The initial IFV is two dwords, the more significant first. */
void ide_km_write_key(struct writer *w, const struct ide_key *key)
{
    ide_km_write_dwords(w, key->key, sizeof(key->key));
    write_u32(w, (uint32_t)(key->ifv >> 32));
    write_u32(w, (uint32_t)key->ifv);
}

void ide_km_read_key(struct reader *r, struct ide_key *key)
{
    ide_km_read_dwords(r, key->key, sizeof(key->key), "Key");
    uint64_t high = read_u32(r, "IFV");
    key->ifv = high << 32 | read_u32(r, "IFV");
    read_end(r);
    if (r->err != IDE_OK)
        wipe(key, sizeof(*key));
}
