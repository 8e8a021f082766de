/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What software does to a platform's streams, written down in the order in which it came: writes to registers
 * of IDE capabilities, and IDE_KM messages. One line each, behind the function that it came to:
 *
 *   0000:00:03.0 write selective 0 control 01000001
 *   0000:01:00.0 K_SET_GO stream 1 set 0 Rx PR
 *   kcu0 write stream 0 Tx Control 00000101
 *   kcu0 write Tx key slot 2
 *
 * Of a message that is refused, too; keys are not told.
 */
#ifndef IDE_EMU_TRACE_H
#define IDE_EMU_TRACE_H

#include "ide_km/ide_km.h"
#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/key_unit.h"

/* path NULL: nothing is written down. On failure says why in error[size]. */
bool trace_open(struct emu *emu, const char *path, char *error, size_t size);
void trace_close(struct emu *emu);

/* Lock held. A dword of the capability is written; offset in configuration space. */
void trace_register(const struct emu_function *f, unsigned offset, uint32_t value);
/* The same of a key unit of PCIe; offset in its registers. */
void trace_unit(const struct key_unit *u, uint32_t offset, uint32_t value);
/* target NULL: a message that has none. */
void trace_message(const struct emu_function *f, const char *name, const struct ide_km_target *target);

#endif
