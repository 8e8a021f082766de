/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A stream as it is written down before its registers are touched. */
#ifndef IDE_KMD_HELD_STREAM_H
#define IDE_KMD_HELD_STREAM_H

#include "root_port/ide_stream.h"
#include "tools/ide-kmd/job.h"
#include "tools/ide-kmd/store_hold.h"

/* The blocks are chosen and nothing is written yet. Errors of store_hold_stream() and ide_stream_image(). */
enum ide_err held_stream_begins(struct store *store, struct job *job, const struct ide_port port[END_COUNT],
                                const struct ide_stream_settings settings[END_COUNT]) MUST_USE;

#endif
