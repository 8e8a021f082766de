/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gates' place in the controller: what the keeper has decides which root ports are closed (port_gate.h),
 * and what came of it is told. The control loop closes and opens; a worker closes as well, right before it
 * turns a stream off, so that nothing comes in between.
 */
#ifndef IDE_KMD_PORT_GATE_HOST_H
#define IDE_KMD_PORT_GATE_HOST_H

#include <jansson.h>

#include "tools/ide-kmd/keeper.h"
#include "tools/ide-kmd/port_gate.h"

struct controller;
struct held;
struct stream;
struct task;

/* One root port, as the control loop has it. */
struct gate_seat {
    struct gate_seat *next;
    struct pcie_bdf root_port;
    int wanted;                  /* enum gate_level; -1: no stream below it is to be closed while it is off */
    bool is_slot;                /* as of the last plan: named, and empty */
    bool failed;                 /* and that was told */
    uint64_t retry_ms, below_ms; /* not before, after a failure: of the root port, of what is below it */
};

struct gate_host {
    struct gate_seat *first;
    int timer; /* of the loop; 0: none, as all are open */
    unsigned ticks;
};

/* Which level a stream that is wanted wants of its root port; -1: none. */
int gate_level_for(const struct keeper_item *item);

void port_gate_open(struct controller *c);
void port_gate_close(struct controller *c);

/* At the start, before anything is turned off: all that an earlier run held a gate at is closed. What is in
 * the way is said, and tried again later. */
void port_gate_recover(struct port_gates *gates, struct pcie_access *access, const struct held *held);

/* An operation of the stream's is over, and the watch does not look yet: what shows in AER now was not its.
 */
void port_gate_take_ended(struct controller *c, const struct stream *stream);

/* The configuration has been held against the platform. */
void port_gate_plan(struct controller *c);

/* Opens and closes, as the keeper's items are now. Whenever one of them may have changed. */
void port_gate_run(struct controller *c);

/* Before it begins: whether the root port is to be closed before its stream is turned off. */
bool port_gate_closes(struct controller *c, const struct task *task);

/* The two ends of the stream, if there is one, do not differ as far as the watch has seen, so that what is
 * below may be talked to. Before the watch forgets it. */
bool port_gate_may_talk(const struct stream *stream);

/* "open", "host_closed", "closed"; NULL: it has no gate. */
const char *port_gate_state(struct port_gates *gates, const struct pcie_bdf *root_port);

/* Puts it into a result as "forwarding". */
void port_gate_tell(struct controller *c, const struct pcie_bdf *root_port, json_t *result);

#endif
