/* SPDX-License-Identifier: GPL-2.0-or-later */
/* list --watch: the tree of ports on the whole terminal, drawn anew whenever something happens. */
#ifndef IDE_CTL_WATCH_H
#define IDE_CTL_WATCH_H

#include "tools/ide-ctl/table.h"

/* Until q, an interrupt, or the end of input; the terminal is as before then. */
enum ctl_status watch_ports(const struct ctl *ctl, const struct table_view *view);

#endif
