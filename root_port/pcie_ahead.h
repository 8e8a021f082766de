/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A function's configuration space for who goes through registers in their order: an access reads what
 * follows, too, and the next one may be answered by that. Each access is a system call, and on an emulated
 * platform wakes another program. Not for who waits for a register to change.
 */
#ifndef ROOT_PORT_PCIE_AHEAD_H
#define ROOT_PORT_PCIE_AHEAD_H

#include "root_port/pcie_access.h"

#define PCIE_AHEAD_SIZE 16u /* of a block of the IDE capability: what says whether it is used */

struct pcie_ahead {
    const struct pcie_function *function; /* borrowed */
    unsigned offset, size;                /* the part of configuration space that bytes is */
    uint8_t bytes[PCIE_AHEAD_SIZE];
};

/* Reads through ahead, which must stay where it is as long as the result is used. It refuses writes. */
struct pcie_config pcie_ahead_open(struct pcie_ahead *ahead, const struct pcie_function *function);

#endif
