/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which switch ports pass IDE TLPs on as they are, and for how many streams: the first that needs it turns it
 * on, the last turns it off again. A port where somebody else had it on already keeps it.
 *
 * What an earlier run of this program has left on, and could not be turned off yet, is inherited: the last
 * stream turns it off, or recovery does.
 *
 * Used by the workers of all root ports.
 */
#ifndef IDE_KMD_FLOW_THROUGH_H
#define IDE_KMD_FLOW_THROUGH_H

#include <pthread.h>

#include "root_port/pcie_access.h"

struct flow_port; /* one that is used */

struct flow_through {
    pthread_mutex_t lock; /* guards the list and the ports' registers */
    struct flow_port *first;
    struct store *store; /* where what is turned on is written down first; borrowed; NULL: nowhere */
};

void flow_through_open(struct flow_through *flow);
void flow_through_close(struct flow_through *flow);

/* One stream more. access: the calling thread's. IDE_E_CAPABILITY, IDE_E_REGISTER, IDE_E_IO, IDE_E_NO_IDE. */
enum ide_err flow_through_take(struct flow_through *flow, struct pcie_access *access,
                               const struct pcie_bdf *port, struct ide_fault *fault) MUST_USE;

/* One less, also if the register could not be written. */
enum ide_err flow_through_give(struct flow_through *flow, struct pcie_access *access,
                               const struct pcie_bdf *port, struct ide_fault *fault) MUST_USE;

/* An earlier run has turned it on. Without memory it stays on. */
void flow_through_inherit(struct flow_through *flow, const struct pcie_bdf *port);
/* It is to be turned off by the caller, and nobody's then. False if a stream needs it: then that one turns it
 * off. */
bool flow_through_disown(struct flow_through *flow, const struct pcie_bdf *port);

#endif
