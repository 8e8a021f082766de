/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of the gates (port_gate.h) outlives the controller: for each function which bits of its Command
 * register are to be set once it is open. As store_hold.h: a store that is NULL holds nothing. */
#ifndef IDE_KMD_STORE_GATE_H
#define IDE_KMD_STORE_GATE_H

#include "root_port/pcie_bdf.h"
#include "tools/ide-kmd/store.h"

struct held_gate {
    struct pcie_bdf function, root_port; /* the same, of the root port itself */
    uint16_t bits;                       /* 0 of those of before the last boot, which has set them anew */
};

/* On the disk once it returns. */
enum ide_err store_hold_gate(struct store *store, const struct held_gate *held,
                             struct ide_fault *fault) MUST_USE;
/* Does not wait. */
void store_let_gate_go(struct store *store, const struct pcie_bdf *function);

/* The list is the caller's to free(). */
enum ide_err store_load_gates(struct store *store, struct held_gate **list, size_t *count,
                              struct ide_fault *fault) MUST_USE;

#endif
