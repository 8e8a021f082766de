/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * while-off = closed: a root port takes and passes on no memory request as long as a stream below it that is
 * wanted so is not Secure, and what is below it sends none. Configuration requests pass, so that streams can
 * be established. Bits of Command registers (root_port/forwarding.h):
 *
 *   GATE_CLOSED   the root port's I/O Space, Memory Space and Bus Master Enable are clear, and so is Bus
 * Master Enable of each endpoint below it: what a device sent would be refused by the root port, and be on
 * the link all the same GATE_HOST     I/O Space and Memory Space Enable of the root port are clear: the
 * device is not there. Its driver, should it come, reaches nothing; and the port's own interrupts, which tell
 * the kernel that it came, go through GATE_OPEN     all bits are as they were
 *
 * The bits that were there are in the state file before they are cleared, and each function has a row in it
 * as long as its root port has a gate: so the next start knows what to close before it turns anything off.
 * Whatever somebody else sets meanwhile is cleared again, and is there once the port is opened.
 *
 * From any thread, each with an access of its own.
 */
#ifndef IDE_KMD_PORT_GATE_H
#define IDE_KMD_PORT_GATE_H

#include <pthread.h>

#include "root_port/pcie_access.h"
#include "root_port/topology.h"
#include "tools/ide-kmd/store_gate.h"

enum gate_level { GATE_OPEN, GATE_HOST, GATE_CLOSED };
/* "open", "host_closed", "closed": in JSON. */
const char *gate_level_name(enum gate_level level);

/* ---- one register ------------------------------------------------------------ */

/* Of one function. */
struct gate_bits {
    uint16_t closed; /* bits that we have cleared, or may have */
    uint16_t held;   /* which of all bits are to be set once it is open */
};

struct gate_turn {
    struct gate_bits bits; /* as they are then */
    uint16_t clear, set;   /* what is to be written */
    uint16_t reopened;     /* bits that somebody else has set */
};

/* What becomes of a Command register if the bits of closed are to be clear, and no others of ours. */
struct gate_turn gate_turn(struct gate_bits now, uint16_t command, uint16_t closed);

/* ---- the gates ----------------------------------------------------------------- */

struct gate_function {
    struct gate_function *next;
    struct pcie_bdf bdf;
    struct gate_bits bits;
    bool written; /* it has a row in the state file */
    uint16_t stuck; /* bits that were to be cleared, and were not: that they are set is nobody's doing */
    /* port_gate_errors.c */
    uint16_t aer;    /* offset of the capability; 0: not known, or none */
    bool has_errors; /* looked since it was closed: */
    uint32_t errors; /* what was there then, and was told */
};

struct port_gate {
    struct port_gate *next;
    struct pcie_bdf root_port;
    struct gate_function port;
    struct gate_function *below; /* endpoints */
    enum gate_level level;       /* of the root port */
    bool pending;                /* some of below are not as level says */
};

struct port_gates {
    pthread_mutex_t lock;
    struct store *store;
    struct port_gate *first;
};

void port_gates_open(struct port_gates *gates, struct store *store);
void port_gates_close(struct port_gates *gates);

/* From the state file. All of it may be closed. */
enum ide_err port_gates_load(struct port_gates *gates, struct ide_fault *fault) MUST_USE;

struct gate_view {
    int level; /* enum gate_level; -1: it has no gate */
    bool pending;
};
struct gate_view port_gates_look(struct port_gates *gates, const struct pcie_bdf *root_port);

/* What came of it. */
struct gate_result {
    enum ide_err err;
    struct pcie_bdf device; /* that err, or reopened, is about */
    struct ide_fault fault;
    bool changed;      /* the root port's level is another one */
    uint16_t reopened; /* bits that somebody else had set, and that are clear again */
};

/*
 * Brings the root port to the level, and makes it a gate if it is none. What is below is pending until
 * port_gates_below(). No link is crossed.
 */
struct gate_result port_gates_set(struct port_gates *gates, struct pcie_access *access,
                                  const struct pcie_bdf *root_port, enum gate_level level);

/* The endpoints of the topology below the root port belong to its gate from now on, and those that are not in
 * the tree any more do not. */
void port_gates_members(struct port_gates *gates, struct pcie_access *access, const struct topology *topology,
                        const struct pcie_bdf *root_port);

/*
 * What is below as the root port's level says; of all buses, or those from first to last. Crosses links: not
 * while the two ends of a stream may differ.
 */
struct gate_result port_gates_below(struct port_gates *gates, struct pcie_access *access,
                                    const struct pcie_bdf *root_port, unsigned first_bus, unsigned last_bus);

/* Of functions below a root port those on these buses; first above last: none. */
struct gate_buses {
    unsigned first, last;
};

struct gate_errors_ops {
    /* Somebody else looks at it. */
    bool (*is_watched)(void *context, const struct pcie_bdf *function);
    /* The function has logged these bits of AER, which are cleared by now if they are ours to clear. */
    void (*tell)(void *context, const struct pcie_bdf *function, uint32_t errors);
    void *context;
};

/* Of a root port that is not open, and of what is below it: IDE errors in AER that nobody was told of, each
 * once. */
void port_gates_errors(struct port_gates *gates, struct pcie_access *access, const struct pcie_bdf *root_port,
                       const struct gate_buses *buses, const struct gate_errors_ops *ops);

/* With the lock; NULL if it has none. */
struct port_gate *port_gates_find(struct port_gates *gates, const struct pcie_bdf *root_port);

/* It is none any more, nor in the state file: once it is open. */
void port_gates_forget(struct port_gates *gates, const struct pcie_bdf *root_port);

#endif
