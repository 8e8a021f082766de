/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wanted and not up: below the streams that are. */
#ifndef IDE_CTL_KEPT_TABLE_H
#define IDE_CTL_KEPT_TABLE_H

#include "tools/ide-ctl/table.h"

/* Prints nothing if there is none. */
void kept_table_print(const json_t *kept);

#endif
