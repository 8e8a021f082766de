/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree of ports. */
#ifndef IDE_CTL_PORTS_TABLE_H
#define IDE_CTL_PORTS_TABLE_H

#include "tools/ide-ctl/table.h"

extern const struct table_kind ports_table;

void ports_table_help(void);
/* NULL without memory. */
struct libscols_table *ports_table_new(const struct table_view *view, const json_t *ports);

#endif
