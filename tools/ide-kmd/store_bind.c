/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/store_bind.h"

void bind_text(sqlite3_stmt *statement, const char *name, const char *text)
{
    int at = sqlite3_bind_parameter_index(statement, name);
    if (at > 0 && text)
        sqlite3_bind_text(statement, at, text, -1, SQLITE_TRANSIENT);
}

void bind_bdf(sqlite3_stmt *statement, const char *name, const struct pcie_bdf *bdf)
{
    char text[PCIE_BDF_TEXT];
    bind_text(statement, name, pcie_bdf_format(bdf, text));
}

void bind_number(sqlite3_stmt *statement, const char *name, long long number)
{
    int at = sqlite3_bind_parameter_index(statement, name);
    if (at > 0)
        sqlite3_bind_int64(statement, at, number);
}

const char *column_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

bool column_bdf(sqlite3_stmt *statement, int column, struct pcie_bdf *bdf)
{
    return pcie_bdf_parse(column_text(statement, column), bdf) == IDE_OK;
}

bool column_number(sqlite3_stmt *statement, int column, long long least, long long most, long long *number)
{
    *number = sqlite3_column_int64(statement, column);
    return sqlite3_column_type(statement, column) == SQLITE_INTEGER && *number >= least && *number <= most;
}
