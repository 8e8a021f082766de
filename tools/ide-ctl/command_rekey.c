/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl rekey: new keys for streams that are on. */
#include <stdio.h>

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static void print(const json_t *result)
{
    size_t i;
    json_t *stream;
    const json_t *streams = json_object_get(result, "streams");
    if (json_array_size(streams) == 0)
        printf("No stream has new keys.\n");
    json_array_foreach(streams, i, stream)
    {
        printf("Stream %lld has new keys: root port %s, endpoint %s, key set %lld, %s.\n",
               number_of(stream, "stream"), text_of(stream, "root_port"), text_of(stream, "endpoint"),
               number_of(stream, "key_set"), state_text(text_of(stream, "state")));
        print_notes(stdout, stream);
    }
}

enum ctl_status command_rekey(const struct ctl *ctl)
{
    return ctl_call(ctl, API_REKEY, true, print);
}
