/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to outlive the controller, in one SQLite file: which streams are wanted and what of the platform
 * is held for them (store_hold.h), and what happened (store_log.h). Never a key. docs/state.md
 *
 * One thread of the store's own has the connection. Others hand work to it: what decides recovery they wait
 * for until it is on the disk, the log they do not wait for. All that is there at once is one transaction.
 */
#ifndef IDE_KMD_STORE_H
#define IDE_KMD_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/ide-kmd/failure.h"

#define STORE_DEFAULT        "/var/lib/ide-kmd/state.db"
#define STORE_LOG_ROWS       100000u /* unless told */
#define STORE_LOG_DAYS       90u
#define STORE_SCHEMA_VERSION 4

struct store_settings {
    const char *path; /* NULL: memory only, and nothing outlives the controller */
    bool set_aside;   /* a file that is damaged is renamed and a new one begun; otherwise it is an error */
    uint32_t log_rows, log_days; /* how much of the log is kept; 0: without this bound */
};

struct store;

/*
 * Opens the file, or makes it, and brings an older schema up to date. Makes its folder, for root alone.
 * Errors, with what to do in the message: IDE_E_STORE for a file that cannot be written, is damaged, or is of
 * a newer version; IDE_E_BUSY if another controller has it. *store is NULL then. settings->path must outlive
 * the store.
 */
enum ide_err store_open(struct store **store, const struct store_settings *settings,
                        struct failure *failure) MUST_USE;
/*
 * What it would say of the file, without writing to it, and whether or not a controller has it: whether it,
 * its lock and its folder could be written, and with content what is in it.
 */
enum ide_err store_check(const struct store_settings *settings, bool content,
                         struct failure *failure) MUST_USE;
/* All that was handed over is done first. store may be NULL. */
void store_close(struct store *store);

/* ---- for the other files of the store ------------------------------------ */

struct sqlite3;
struct sqlite3_stmt;

/* Runs in the store's thread, in a transaction that others' work may share; SQLITE_DONE or SQLITE_OK if it
 * did as it was told. It runs again, alone, if others' work in the same transaction failed. */
typedef int store_work(struct store *store, struct sqlite3 *db, void *argument);

/* Waits until it is done; durable: and on the disk. IDE_E_STORE with fault->field the reason. */
enum ide_err store_do(struct store *store, store_work *work, void *argument, bool durable,
                      struct ide_fault *fault) MUST_USE;
/* Does not wait. argument is given to release() afterwards, in the store's thread. What cannot be done is
 * counted. */
void store_later(struct store *store, store_work *work, void *argument, void (*release)(void *argument));
/* The same, and with the disk: a loss of power takes it only within the moments until the store's thread is
 * through. */
void store_soon(struct store *store, store_work *work, void *argument, void (*release)(void *argument));

/* A statement that is kept prepared, reset and without parameters; NULL if it cannot be. For work only. */
struct sqlite3_stmt *store_statement(struct store *store, const char *sql);

const struct store_settings *store_settings_of(const struct store *store);

/* How much of store_later() was lost, to a full disk. For work that writes that down in the same transaction.
 */
uint64_t store_lost(struct store *store);

uint64_t store_now_ms(void); /* since 1970 */

#endif
