/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a controller that was killed has left of its streams: the state file says what it held, and it is all
 * turned off, because the secrets that it was held by have died with it. Blocks and slots that somebody else
 * has by now are left alone. Before anything else looks at the platform: an endpoint may have to be left
 * alone. docs/state.md
 */
#ifndef IDE_KMD_RECOVERY_H
#define IDE_KMD_RECOVERY_H

#include "tools/ide-kmd/flow_through.h"
#include "tools/ide-kmd/port_gate_host.h"
#include "tools/ide-kmd/providers.h"
#include "tools/ide-kmd/store_hold.h"

struct recovery {
    struct store *store;
    const char *sysfs; /* NULL: the machine's */
    struct providers *providers;
    struct port_gates *gates; /* NULL: none */
    struct flow_through *flow;
    struct held held; /* of what is put in order the state is HELD_NOTHING */
    bool is_done;     /* nothing is left that could not be put in order */
};

/* Reads what is held and puts it in order; each thing that was done, or cannot be yet, is in the log and on
 * standard error. Errors: IDE_E_STORE, and those of pcie_access_open(). Close also after a failure. */
enum ide_err recovery_open(struct recovery *recovery, struct failure *failure) MUST_USE;

/* Tries what could not be done: a key unit may answer again. Updates is_done. While no operation runs: a
 * stream that is up by now and has the number and ports of one in held would be taken for it, so that its
 * state there is to be HELD_NOTHING. */
void recovery_again(struct recovery *recovery);

void recovery_close(struct recovery *recovery);

#endif
