/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A CXL.cachemem link between ide-kmd's agents and an emulated root port and endpoint, in one process:
 * kmd_rig.h with component registers and CXL's key unit. Every message and every access to the unit may be
 * made to fail.
 */
#ifndef TESTS_CXL_RIG_H
#define TESTS_CXL_RIG_H

#include "kmd_rig.h"
#include "tools/ide-kmd/cxl_link.h"

struct cxl_rig {
    bool by_unit, generated;
    struct cxl_link link; /* as the last operation left it */
    struct operation op;  /* the last one */
    struct emu_function *root, *device;
    /* Counted within an operation: messages to either end, calls of the unit, settings of registers. */
    unsigned calls;
    unsigned fails;     /* which of them, from 1; 0: none */
    unsigned cancels;   /* at which of them somebody cancels; 0: never */
    bool cancelled;     /* he did, and it could be */
    bool after;         /* it took effect, and is reported as failed in a way that leaves that open */
    const char *failed; /* which it was; NULL: none */
};
extern struct cxl_rig cxl_rig;

bool cxl_rig_open(bool by_unit, bool generated, char *error, size_t size);
void cxl_rig_close(void);

/* True if it succeeded. */
bool cxl_rig_run(enum cxl_action action);

#endif
