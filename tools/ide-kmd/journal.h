/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is published goes to the log too: docs/api.md's events as messages with fields. */
#ifndef IDE_KMD_JOURNAL_H
#define IDE_KMD_JOURNAL_H

#include <jansson.h>

/* Listens to announce(); borrows the event. */
void journal_take_event(const json_t *event);

#endif
