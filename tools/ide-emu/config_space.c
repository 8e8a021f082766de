/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/config_space.h"

#include <assert.h>
#include <string.h>

/* Where the next extended capability may start: lspci output reads better when they stand on round offsets. */
#define EXT_CAP_ALIGN 0x10u

void config_init(struct config_space *c)
{
    memset(c, 0, sizeof *c);
    c->ext_end = PCIE_EXT_CAP_FIRST;
}

void config_put8(struct config_space *c, unsigned offset, uint8_t value)
{
    assert(offset < PCIE_CONFIG_SIZE);
    c->value[offset] = value;
}

void config_put16(struct config_space *c, unsigned offset, uint16_t value)
{
    config_put8(c, offset, (uint8_t)value);
    config_put8(c, offset + 1, (uint8_t)(value >> 8));
}

void config_put32(struct config_space *c, unsigned offset, uint32_t value)
{
    config_put16(c, offset, (uint16_t)value);
    config_put16(c, offset + 2, (uint16_t)(value >> 16));
}

uint16_t config_get16(const struct config_space *c, unsigned offset)
{
    assert(offset + 1 < PCIE_CONFIG_SIZE);
    return (uint16_t)(c->value[offset] | c->value[offset + 1] << 8);
}

uint32_t config_get32(const struct config_space *c, unsigned offset)
{
    return config_get16(c, offset) | (uint32_t)config_get16(c, offset + 2) << 16;
}

static void or_bits(uint8_t *mask, unsigned offset, uint32_t bits)
{
    assert(offset + 3 < PCIE_CONFIG_SIZE);
    for (unsigned i = 0; i < 4; i++)
        mask[offset + i] |= (uint8_t)(bits >> (8 * i));
}

void config_writable(struct config_space *c, unsigned offset, uint32_t bits)
{
    or_bits(c->writable, offset, bits);
}

void config_clearable(struct config_space *c, unsigned offset, uint32_t bits)
{
    or_bits(c->clearable, offset, bits);
}

void config_write(struct config_space *c, unsigned offset, uint32_t value, uint32_t enabled)
{
    assert(offset + 3 < PCIE_CONFIG_SIZE);
    for (unsigned i = 0; i < 4; i++) {
        unsigned at = offset + i;
        uint8_t byte = (uint8_t)(value >> (8 * i));
        uint8_t on = (uint8_t)(enabled >> (8 * i));
        uint8_t take = c->writable[at] & on;
        c->value[at] = (uint8_t)((c->value[at] & ~take) | (byte & take));
        c->value[at] &= (uint8_t)~(byte & c->clearable[at] & on);
    }
}

unsigned config_add_cap(struct config_space *c, unsigned at, uint8_t id)
{
    config_put8(c, c->last_cap ? c->last_cap + 1u : PCIE_CAPABILITY_LIST, (uint8_t)at);
    config_put16(c, PCIE_STATUS, config_get16(c, PCIE_STATUS) | PCIE_STATUS_CAP_LIST);
    config_put8(c, at, id);
    c->last_cap = (uint16_t)at;
    return at;
}

unsigned config_add_ext_cap(struct config_space *c, uint16_t id, uint8_t version, unsigned size)
{
    unsigned at = (c->ext_end + EXT_CAP_ALIGN - 1) & ~(EXT_CAP_ALIGN - 1);
    if (at + size > PCIE_CONFIG_SIZE)
        return 0;
    if (c->last_ext_cap)
        config_put32(c, c->last_ext_cap, config_get32(c, c->last_ext_cap) | (uint32_t)at << 20);
    config_put32(c, at, id | (uint32_t)version << 16);
    c->last_ext_cap = (uint16_t)at;
    c->ext_end = (uint16_t)(at + size);
    return at;
}
