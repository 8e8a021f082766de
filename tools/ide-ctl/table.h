/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tables and trees as lsblk prints them. A kind of table is a list of columns, each a row with its name,
 * which is its heading and what --output calls it; the columns that are shown are the usual ones or those
 * that --output names.
 */
#ifndef IDE_CTL_TABLE_H
#define IDE_CTL_TABLE_H

#include <libsmartcols/libsmartcols.h>

#include "tools/ide-ctl/ctl.h"

#define TABLE_COLUMNS_MAX 32u
#define TABLE_TEXT_MAX    256u

struct table_column {
    const char *name;
    bool usual;   /* shown unless --output says otherwise */
    double width; /* of a narrow terminal: the share below 1, or the least number of characters; 0: as wide as
                     needed */
    int flags;    /* SCOLS_FL_... */
    /* What stands in it, in text or elsewhere; NULL: nothing. */
    const char *(*text)(const json_t *item, char text[static TABLE_TEXT_MAX]);
    const char *(*color)(const json_t *item); /* NULL, or gives NULL: none */
    const char *help;
};

struct table_kind {
    const struct table_column *column;
    size_t count;
};

/* Which columns of a kind are shown, in which order. */
struct table_view {
    const struct table_column *column[TABLE_COLUMNS_MAX];
    size_t count;
    bool no_headings;
};

/* As the command line says: "A,B" or "+A,B", which adds. CTL_USAGE, and says so, if there is no such column.
 */
enum ctl_status table_choose(const struct ctl *ctl, const struct table_kind *kind, struct table_view *view);
/* The usual ones. */
void table_usual(const struct table_kind *kind, struct table_view *view);

struct libscols_table *table_new(const struct table_view *view);
/* parent NULL: none */
struct libscols_line *table_add(struct libscols_table *table, const struct table_view *view,
                                struct libscols_line *parent, const json_t *item);
void table_print(struct libscols_table *table); /* and frees it */

/* For --help: the columns with what is in them. */
void table_help(const struct table_kind *kind);

/* The colour of a stream's state; NULL: none. */
const char *table_state_color(const char *state);

#endif
