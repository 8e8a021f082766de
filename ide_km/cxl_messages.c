/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ide_km/cxl_messages.h"

#define SELECTOR_TX            0x02u
#define SELECTOR_FLAG          0x08u
#define SELECTOR_SUBSTREAM     0xf0u
#define SELECTOR_SUBSTREAM_CXL 0x80u
#define SELECTOR_RESERVED      0x05u

void cxl_ide_write_query_resp(struct writer *w, const struct cxl_ide_query_resp *m)
{
    ide_km_write_ids(w, CXL_IDE_KM_QUERY_RESP);
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
    ide_km_read_ids(r, CXL_IDE_KM_QUERY_RESP);
    read_u8(r, "Reserved");
    m->port_index = read_u8(r, "PortIndex");
    m->devfn = read_u8(r, "DevFuncNum");
    m->bus = read_u8(r, "BusNum");
    m->segment = read_u8(r, "Segment");
    m->max_port_index = read_u8(r, "MaxPortIndex");
    m->caps = read_u8(r, "Capabilities");
    m->block_len = ide_km_read_registers(r, m->blocks, sizeof m->blocks, "CXL IDE registers");
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
    ide_km_write_ids(w, (uint8_t)object);
    write_u16(w, 0);
    write_u8(w, head->stream_id);
    write_u8(w, head->status);
    write_u8(w, head->selector);
    write_u8(w, head->port_index);
}

void cxl_ide_read_head(struct reader *r, enum cxl_ide_km_object object, struct cxl_ide_head *head)
{
    ide_km_read_ids(r, (uint8_t)object);
    read_u16(r, "Reserved");
    head->stream_id = read_u8(r, "StreamID");
    head->status = read_u8(r, "Status");
    head->selector = read_u8(r, "Key_Sub_Stream");
    head->port_index = read_u8(r, "PortIndex");
}

void cxl_ide_write_key(struct writer *w, const struct cxl_ide_key *key)
{
    ide_km_write_dwords(w, key->key, sizeof key->key);
    ide_km_write_dwords(w, key->iv, sizeof key->iv);
}

void cxl_ide_read_key(struct reader *r, struct cxl_ide_key *key)
{
    ide_km_read_dwords(r, key->key, sizeof key->key, "Key");
    ide_km_read_dwords(r, key->iv, sizeof key->iv, "IV");
    read_end(r);
    if (r->err != IDE_OK)
        wipe(key, sizeof *key);
}
