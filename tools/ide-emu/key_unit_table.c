/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI table KEYP of the emulated platform (root_port/keyp.h). */
#include "root_port/keyp.h"
#include "spdm/cursor.h"
#include "tools/ide-emu/key_unit.h"

#define LENGTH_AT   4u
#define CHECKSUM_AT 9u

static void write_unit(struct writer *w, const struct key_unit *u)
{
    const struct platform_kcu *desc = &u->desc;
    write_u8(w, 0); /* Key Configuration Unit */
    write_u8(w, 0);
    write_u16(w, (uint16_t)(16 + 4 * desc->port_count));
    write_u8(w, desc->cxl ? KEYP_CXL : KEYP_PCIE);
    write_u8(w, 1);
    write_u8(w, (uint8_t)desc->port_count);
    write_u8(w, 0);
    write_u64(w, desc->base);
    for (size_t i = 0; i < desc->port_count; i++) {
        const struct pcie_bdf *bdf = &u->emu->functions[desc->ports[i]].desc.bdf;
        write_u16(w, (uint16_t)bdf->domain);
        write_u8(w, bdf->bus);
        write_u8(w, (uint8_t)pcie_bdf_rid(bdf));
    }
}

size_t key_units_table(const struct emu *emu, uint8_t *table, size_t cap)
{
    struct writer w = writer_of(table, cap);
    write_bytes(&w, "KEYP", 4);
    write_u32(&w, 0); /* length: below */
    write_u8(&w, 1);
    write_u8(&w, 0); /* checksum: below */
    write_bytes(&w, "IDE-KM", 6);
    write_bytes(&w, "IDE-EMU ", 8);
    write_u32(&w, 1);
    write_bytes(&w, "IDEK", 4);
    write_u32(&w, 1);
    write_u32(&w, 0);
    for (size_t i = 0; i < emu->key_unit_count; i++)
        write_unit(&w, &emu->key_units[i]);
    if (write_done(&w) != IDE_OK)
        return 0;
    struct writer length = writer_of(table + LENGTH_AT, 4);
    write_u32(&length, (uint32_t)w.pos);
    uint8_t sum = 0;
    for (size_t i = 0; i < w.pos; i++)
        sum = (uint8_t)(sum + table[i]);
    table[CHECKSUM_AT] = (uint8_t)-sum;
    return w.pos;
}
