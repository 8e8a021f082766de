/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Parameters and columns of SQLite statements, as the state file has them. For the store's own files. */
#ifndef IDE_KMD_STORE_BIND_H
#define IDE_KMD_STORE_BIND_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "root_port/pcie_bdf.h"

/* A parameter that the statement does not have is passed over. Texts must live until the statement has run.
 */
void bind_text(sqlite3_stmt *statement, const char *name, const char *text); /* NULL: null */
void bind_bdf(sqlite3_stmt *statement, const char *name, const struct pcie_bdf *bdf);
void bind_number(sqlite3_stmt *statement, const char *name, long long number);

/* A column by its place. The file may have been written by anybody who is root: what is none is refused. */
bool column_bdf(sqlite3_stmt *statement, int column, struct pcie_bdf *bdf);
bool column_number(sqlite3_stmt *statement, int column, long long least, long long most, long long *number);
const char *column_text(sqlite3_stmt *statement, int column); /* "" for null */

#endif
