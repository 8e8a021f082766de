/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The register steps of a stream, at both ends: done together in one thread, because the order between the
 * two ends' writes matters and nothing may come in between.
 */
#ifndef IDE_KMD_REGISTERS_H
#define IDE_KMD_REGISTERS_H

#include "root_port/key_provider.h"
#include "root_port/pcie_access.h"
#include "tools/ide-kmd/flow_through.h"
#include "tools/ide-kmd/job.h"
#include "tools/ide-kmd/port_gate.h"

/* What the steps need besides the job. All borrowed. */
struct registers_context {
    const char *sysfs;                   /* NULL: the machine's */
    struct flow_through *flow;           /* of the switch ports between the ends */
    struct port_gates *gates;            /* of root ports; NULL: none */
    struct store *store;                 /* where what is held is written down; NULL: nowhere */
    const struct key_provider *provider; /* the root port's, which is enabled with it */
    const struct wait_ops *wait;
    uint32_t timeout_ms;
};

/*
 * STEP_SETUP, STEP_ENABLE, STEP_AWAIT_SECURE, STEP_DISABLE and STEP_RELEASE. *job->registers is made by
 * setup, and gone after a failed setup or a release; a release with nothing set up does nothing. Results go
 * into the job.
 */
void registers_run(const struct registers_context *context, struct job *job);

/* Closes the functions without touching a register: for the end of the program, when no worker runs any more.
 */
void registers_discard(struct registers **registers);

#endif
