/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 4096 bytes of one function's configuration space, with what a write does
 * to each bit: nothing (the default), take it, or clear it by a 1. What a
 * register does beyond that is its owner's (mailbox.h, stream_port.h).
 */
#ifndef IDE_EMU_CONFIG_SPACE_H
#define IDE_EMU_CONFIG_SPACE_H

#include <stdint.h>

#include "root_port/pcie_regs.h"

struct config_space {
    uint8_t value[PCIE_CONFIG_SIZE];
    uint8_t writable[PCIE_CONFIG_SIZE];
    uint8_t clearable[PCIE_CONFIG_SIZE];   /* RW1C */
    uint16_t last_cap, last_ext_cap;       /* where the lists end, for config_add_*() */
    uint16_t ext_end;
};

/* An empty space without any capability. */
void config_init(struct config_space *c);

/* What the device itself does: masks do not matter. offset + size must be inside the space. */
void config_put8(struct config_space *c, unsigned offset, uint8_t value);
void config_put16(struct config_space *c, unsigned offset, uint16_t value);
void config_put32(struct config_space *c, unsigned offset, uint32_t value);
uint16_t config_get16(const struct config_space *c, unsigned offset);
uint32_t config_get32(const struct config_space *c, unsigned offset);

/* Gives bits of a dword to software: to write, or to clear by writing 1. */
void config_writable(struct config_space *c, unsigned offset, uint32_t bits);
void config_clearable(struct config_space *c, unsigned offset, uint32_t bits);

/* What software does: a write of the enabled bytes (a mask of whole bytes) of the dword at offset. */
void config_write(struct config_space *c, unsigned offset, uint32_t value, uint32_t enabled);

/* Appends a capability at an offset of the caller's choice; returns it. */
unsigned config_add_cap(struct config_space *c, unsigned at, uint8_t id);
/* Appends an extended capability of size bytes where there is room; 0 if there is none. */
unsigned config_add_ext_cap(struct config_space *c, uint16_t id, uint8_t version, unsigned size);

#endif
