/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/history.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

enum ide_err history_open(struct history *history)
{
    uint64_t random;
    *history = (struct history){.text = calloc(HISTORY_MAX, sizeof(char *))};
    if (!history->text)
        return IDE_E_MEMORY;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return IDE_E_RANDOM;
    snprintf(history->instance, sizeof history->instance, "%016llx", (unsigned long long)random);
    return IDE_OK;
}

void history_close(struct history *history)
{
    for (size_t i = 0; history->text && i < HISTORY_MAX; i++)
        free(history->text[i]);
    free(history->text);
    history->text = NULL;
}

uint64_t history_next(const struct history *history)
{
    return history->last + 1;
}

void history_add(struct history *history, char *text)
{
    char **place = &history->text[++history->last % HISTORY_MAX];
    free(*place);
    *place = text;
}

json_t *history_after(const struct history *history, uint64_t after)
{
    if (after > history->last || history->last - after > HISTORY_MAX)
        return NULL;
    json_t *events = json_array();
    for (uint64_t seq = after + 1; seq <= history->last && json_array_size(events) < HISTORY_REPLY_MAX;
         seq++) {
        const char *text = history->text[seq % HISTORY_MAX];
        if (!text || json_array_append_new(events, json_loads(text, 0, NULL)) != 0) {
            json_decref(events);
            return NULL;
        }
    }
    return events;
}
