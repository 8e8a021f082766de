/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl stop: turns one stream off. */
#include <stdio.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static void print(const json_t *result)
{
    printf("Stream %lld is off: root port %s, endpoint %s.\n", number_of(result, "stream"),
           text_of(result, "root_port"), text_of(result, "endpoint"));
    if (forwarding_text(result))
        printf("  Forwarding: %s\n", forwarding_text(result));
    print_notes(stdout, result);
}

enum ctl_status command_stop(const struct ctl *ctl)
{
    return ctl_call(ctl, API_STOP, true, print);
}
