/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The last events, as they were published, so that a subscriber that missed some can have them again: a ring
 * of bounded size. A number means something only together with the controller's run that counted it, its
 * instance.
 */
#ifndef IDE_KMD_HISTORY_H
#define IDE_KMD_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "spdm/error.h"

#define HISTORY_MAX       4096u /* events kept */
#define HISTORY_REPLY_MAX 256u  /* events in one answer */
#define HISTORY_INSTANCE  17    /* bytes of an instance, with its NUL */

struct history {
    char **text; /* owned: of event seq at seq % HISTORY_MAX */
    uint64_t last;
    char instance[HISTORY_INSTANCE];
};

/* Begins to count anew, as another instance. IDE_E_MEMORY, IDE_E_RANDOM. */
enum ide_err history_open(struct history *history) MUST_USE;
void history_close(struct history *history);

/* The number of the next event. */
uint64_t history_next(const struct history *history);

/* Keeps that event, and takes text, from malloc(), over; NULL, for want of memory, is a gap that cannot be
 * filled. */
void history_add(struct history *history, char *text);

/* An array of the events after `after`, HISTORY_REPLY_MAX at the most. NULL if not all of them are there any
 * more, or yet.
 */
json_t *history_after(const struct history *history, uint64_t after);

#endif
