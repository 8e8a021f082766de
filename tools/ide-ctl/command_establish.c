/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ide-ctl establish: brings a stream up, or a stream on each link. */
#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/print.h"

static void print(const json_t *result)
{
    size_t i;
    json_t *stream;
    const json_t *streams = json_object_get(result, "streams");
    if (!streams)
        print_stream_up(result);
    json_array_foreach(streams, i, stream)
    {
        print_stream_up(stream);
    }
}

enum ctl_status command_establish(const struct ctl *ctl)
{
    return ctl_call(ctl, API_ESTABLISH, true, print);
}
