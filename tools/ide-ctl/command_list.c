/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl list: a tree of ports, what they can do, and their streams; once, or whenever something happens. */
#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/ports_table.h"
#include "tools/ide-ctl/terminal.h"
#include "tools/ide-ctl/watch.h"

static struct table_view view;

static void print(const json_t *result)
{
    struct libscols_table *table = ports_table_new(&view, json_object_get(result, "ports"));
    if (table)
        table_print(table);
}

enum ctl_status command_list(const struct ctl *ctl)
{
    enum ctl_status status = table_choose(ctl, &ports_table, &view);
    if (status != CTL_DONE)
        return status;
    terminal_use_color(ctl);
    return ctl->watch ? watch_ports(ctl, &view) : ctl_call(ctl, API_LIST, false, print);
}
