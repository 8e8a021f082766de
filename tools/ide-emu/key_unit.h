/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An emulated Intel Key Configuration Unit (root_port/kcu_regs.h): registers in
 * physical memory that give several root ports their keys. What software writes
 * there becomes what IDE_KM would have done to the root port's streams, so that
 * Secure follows from the keys in either case:
 *
 *   a prime bit that is set     the keys of the slots that are named are programmed
 *   enable, both sets primed    its receivers are started
 *   and key set select          its transmitters use it
 *   a bit that is cleared       the keys are gone
 *
 * A stream is found by its Stream ID among the unit's root ports. A key slot that
 * was written reads as 0.
 */
#ifndef IDE_EMU_KEY_UNIT_H
#define IDE_EMU_KEY_UNIT_H

#include "root_port/kcu_regs.h"
#include "tools/ide-emu/emu.h"

struct key_unit {
    struct emu *emu;
    struct platform_kcu desc;
    uint32_t *regs;           /* all registers, slots too, as written */
    uint32_t size;            /* in bytes */
    unsigned number;
};

/* False without memory. */
bool key_unit_init(struct key_unit *u, struct emu *emu, const struct platform_kcu *desc, unsigned number);
void key_unit_free(struct key_unit *u);

/*
 * Physical memory as /dev/mem has it: the registers of all units, and nothing else. An access must be 4 bytes, aligned,
 * and inside a unit; otherwise false. The lock is taken in here.
 */
bool key_units_read(struct emu *emu, uint64_t address, uint32_t *value);
bool key_units_write(struct emu *emu, uint64_t address, uint32_t value);

/* The registers of a unit of CXL.cachemem, by offset. Lock held. */
uint32_t key_unit_cxl_read(const struct key_unit *u, uint32_t at);
void key_unit_cxl_write(struct key_unit *u, uint32_t at, uint32_t value);

/* How many slots of the direction hold anything. Lock held. */
unsigned key_unit_slots_in_use(const struct key_unit *u, enum ide_direction direction);

/* The ACPI table KEYP that names the units; its length, 0 if cap is too small. */
size_t key_units_table(const struct emu *emu, uint8_t *table, size_t cap);

#endif
