/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl establish: brings one stream up. */
#include <stdio.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static void print(const json_t *result)
{
    printf("Stream %lld is %s: root port %s, endpoint %s, key set %lld.\n  ", number_of(result, "stream"),
           state_text(text_of(result, "state")), text_of(result, "root_port"), text_of(result, "endpoint"),
           number_of(result, "key_set"));
    print_algorithms(stdout, result);
    putchar('\n');
    print_notes(stdout, result);
}

enum ctl_status command_establish(const struct ctl *ctl)
{
    return ctl_call(ctl, API_ESTABLISH, true, print);
}
