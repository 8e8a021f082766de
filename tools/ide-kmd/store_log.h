/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happened, in the state file: every event but those that only say that something begins, and the
 * sessions. */
#ifndef IDE_KMD_STORE_LOG_H
#define IDE_KMD_STORE_LOG_H

#include "tools/ide-kmd/request_log.h"
#include "tools/ide-kmd/store.h"

struct job;

/* An entry for the event, as it is published. Does not wait. */
void store_take_event(struct store *store, const json_t *event);

/* A session was opened, or ended. Does not wait. */
void store_take_session(struct store *store, const struct job *job);
/* The session of a mailbox is lost; code: of the error that showed it. Does not wait. */
void store_take_lost_session(struct store *store, const struct pcie_bdf *device, const char *code);

/* The sessions of an earlier run are over: nobody has their secrets any more. */
void store_close_sessions(struct store *store);

/*
 * The result of the verb `log`, docs/api.md: waits until what was handed over is in it. IDE_E_STORE.
 */
enum ide_err store_log_read(struct store *store, const struct request_log *wish, json_t **result,
                            struct ide_fault *fault) MUST_USE;

#endif
