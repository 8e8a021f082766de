/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct fault_info fault_table[FAULT_COUNT] = {
#define FAULT_ROW(constant, name, countable, value, help) [constant] = {name, countable, value, help},
    EMU_FAULTS(FAULT_ROW)
#undef FAULT_ROW
};

bool fault_is_on(const struct fault_set *set, enum fault_id id)
{
    return set->left[id] != 0;
}

bool fault_use(struct fault_set *set, enum fault_id id)
{
    if (set->left[id] == 0)
        return false;
    if (set->left[id] != FAULT_FOREVER)
        set->left[id]--;
    return true;
}

static bool parse_number(const char **text, uint32_t *value)
{
    char *end;
    errno = 0;
    unsigned long n = strtoul(*text, &end, 10);
    if (**text < '0' || **text > '9' || errno != 0 || n == 0 || n >= FAULT_FOREVER)
        return false;
    *text = end;
    *value = (uint32_t)n;
    return true;
}

static bool parse_name(const char **text, enum fault_id *id)
{
    size_t len = strcspn(*text, "=:");
    for (int i = 0; i < FAULT_COUNT; i++) {
        if (strlen(fault_table[i].name) != len || strncmp(fault_table[i].name, *text, len) != 0)
            continue;
        *id = (enum fault_id)i;
        *text += len;
        return true;
    }
    return false;
}

static bool failed(const char **error, const char *why)
{
    *error = why;
    return false;
}

bool fault_parse(const char *text, struct fault_order *order, const char **error)
{
    if (!parse_name(&text, &order->id))
        return failed(error, "there is no such fault");
    const struct fault_info *info = &fault_table[order->id];
    order->value = info->value;
    order->count = FAULT_FOREVER;
    if (*text == '=') {
        text++;
        if (info->value == 0)
            return failed(error, "this fault takes no value");
        if (!parse_number(&text, &order->value))
            return failed(error, "the value is not a number above 0");
    }
    if (*text == ':') {
        text++;
        if (!info->countable)
            return failed(error, "this fault is a state and cannot be counted");
        if (!parse_number(&text, &order->count))
            return failed(error, "the count is not a number above 0");
    }
    return *text == '\0' || failed(error, "something follows the count");
}

void fault_set_on(struct fault_set *set, const struct fault_order *order)
{
    set->left[order->id] = order->count;
    set->value[order->id] = order->value;
}

void fault_set_clear(struct fault_set *set)
{
    memset(set, 0, sizeof *set);
}
