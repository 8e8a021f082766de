/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the state file, and how an older file gets them. docs/state.md tells the views to people. */
#ifndef IDE_KMD_STORE_SCHEMA_H
#define IDE_KMD_STORE_SCHEMA_H

struct sqlite3;

#define STORE_WHY_MAX 128u

/*
 * Brings the file from the version that it says it has to STORE_SCHEMA_VERSION, in one transaction. An SQLite
 * result; SQLITE_MISMATCH if it is of a newer version, which *version says. why is empty unless a step could
 * not be taken: then it is what SQLite says of that.
 */
int store_schema_migrate(struct sqlite3 *db, int *version, char why[static STORE_WHY_MAX]);

#endif
