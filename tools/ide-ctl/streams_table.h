/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A table of streams. */
#ifndef IDE_CTL_STREAMS_TABLE_H
#define IDE_CTL_STREAMS_TABLE_H

#include "tools/ide-ctl/table.h"

extern const struct table_kind streams_table;

void streams_table_help(void);
void streams_table_print(const struct table_view *view, const json_t *streams);

#endif
