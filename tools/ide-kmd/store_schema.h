/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tables of the state file, and how an older file gets them. docs/state.md tells the views to people. */
#ifndef IDE_KMD_STORE_SCHEMA_H
#define IDE_KMD_STORE_SCHEMA_H

struct sqlite3;

/*
 * Brings the file from the version that it says it has to STORE_SCHEMA_VERSION, in one transaction. An SQLite
 * result; SQLITE_MISMATCH if it is of a newer version, which *version says.
 */
int store_schema_migrate(struct sqlite3 *db, int *version);

#endif
