/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/held_stream.h"

#include <stdio.h>

static enum ide_err hold_end(struct held_stream *held, enum stream_end end, struct job *job,
                             const struct ide_port *port, const struct ide_stream_settings *settings)
{
    struct ide_stream_regs regs;
    job->device = job->ends.bdf[end];
    enum ide_err err = ide_stream_image(settings, &port->cap, &regs, &job->fault);
    if (err != IDE_OK)
        return err;
    held->end[end] =
        (struct held_end){.bdf = job->ends.bdf[end],
                          .mailbox = *stream_mailbox(&job->ends, end),
                          .block = settings->block.index,
                          .control_at = (uint16_t)ide_control_offset(&port->cap, settings->block),
                          .control = regs.control};
    return IDE_OK;
}

enum ide_err held_stream_begins(struct store *store, struct job *job, const struct ide_port port[END_COUNT],
                                const struct ide_stream_settings settings[END_COUNT])
{
    struct held_stream held = {.top = job->ends.top,
                               .id = job->stream_id,
                               .kind = job->kind,
                               .features = job->features,
                               .state = HELD_STARTING,
                               .by_config = job->by_config};
    snprintf(held.asked_by, sizeof held.asked_by, "%s", job->asked_by ? job->asked_by : "");
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        enum ide_err err = hold_end(&held, end, job, &port[end], &settings[end]);
        if (err != IDE_OK)
            return err;
    }
    return store_hold_stream(store, &held, &job->fault);
}
