/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a running platform can be told: the lines of the control socket. Each
 * answer is one line: `ok`, `error: ...`, or what was asked for.
 *
 *   misbehave BDF FAULT[=VALUE] [COUNT]
 *   behave BDF             forget all faults of the function
 *   reset BDF              a function-level reset
 *   fail BDF STREAM_ID     the function gets a TLP on the stream that does not authenticate
 *   state                  all functions and streams as one line of JSON, without keys
 *
 * and those of link_orders.h.
 */
#ifndef IDE_EMU_ORDERS_H
#define IDE_EMU_ORDERS_H

#include "tools/ide-emu/emu.h"
#include "tools/ide-emu/identities.h"

struct orders {
    struct emu *emu;
    const struct identities *identities;
};

/* Obeys one line (which is cut into words); the answer is malloced, without a newline. NULL: out of memory. */
char *orders_obey(const struct orders *o, char *line);

/* Turns a fault on. fault is as fault_parse() takes it. On failure says why in error[size]. */
bool orders_misbehave(const struct orders *o, const struct pcie_bdf *bdf, const char *fault, char *error, size_t size);

#endif
