/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A platform root of trust: a function with a DOE mailbox whose IDE_KM answers
 * for several root ports, each by a port index. They share one session: it is
 * opened for the first that needs it and ended with the last.
 *
 * One struct root_of_trust serves several threads, one for each root port. Its
 * lock is held for the length of an exchange, because a mailbox carries one at a
 * time and libpci serves one thread.
 */
#ifndef ROOT_PORT_ROOT_OF_TRUST_H
#define ROOT_PORT_ROOT_OF_TRUST_H

#include <pthread.h>

#include "root_port/pcie_access.h"
#include "root_port/spdm_port.h"

struct root_of_trust {
    struct pcie_bdf bdf;
    const char *sysfs; /* borrowed; NULL: the machine's */
    struct spdm_port_settings settings;
    pthread_mutex_t lock; /* guards the rest */
    bool is_open;
    unsigned users;       /* root ports that have joined the session */
    struct wait_ops wait; /* of whoever has the lock */
    uint32_t generation;  /* counts the sessions, also across closing */
    struct pcie_access access;
    struct pcie_function function;
    struct spdm_port spdm;
};

/* One root port's part in it. Belongs to one thread. */
struct rot_port {
    struct root_of_trust *rot; /* borrowed */
    struct pcie_bdf bdf;
    const struct wait_ops *wait; /* borrowed */
    bool joined;
    bool is_known; /* index is this root port's */
    uint8_t index;
};

/* Touches nothing yet. settings as for spdm_port_open(). */
void rot_init(struct root_of_trust *rot, const struct pcie_bdf *bdf, const char *sysfs,
              const struct spdm_port_settings *settings);

/* Has it prove who it is, as spdm_port_attest() does, and then looks closer; wait: the caller's. Does its
 * session no harm if it has one. in_use: root ports have their keys through it. */
struct rot_look {
    enum ide_err (*look)(void *context, struct spdm_port *port, bool in_use, struct ide_fault *fault);
    void *context;
};
enum ide_err rot_attest(struct root_of_trust *rot, const struct wait_ops *wait, const struct trust *trust,
                        const struct rot_look *then, struct ide_fault *fault) MUST_USE;

/* When no thread uses it any more. */
void rot_close(struct root_of_trust *rot);

#endif
