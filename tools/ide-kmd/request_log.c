/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/request_log.h"

#include <stdint.h>
#include <string.h>

#define STEP "request"

static const char *const members[] = {"since_ms", "until_ms", "what",   "operation", "state",
                                      "cause",    "asked_by", "cursor", "limit"};

bool request_is_log(const char *member)
{
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (strcmp(members[i], member) == 0)
            return true;
    return false;
}

static enum ide_err take_number(const json_t *object, const char *member, long long least, long long most,
                                long long *out, struct failure *failure)
{
    const json_t *value = json_object_get(object, member);
    if (!value)
        return IDE_OK;
    if (!json_is_integer(value) || json_integer_value(value) < least || json_integer_value(value) > most)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, member,
                           "the member \"%s\" must be an integer from %lld to %lld", member, least, most);
    *out = json_integer_value(value);
    return IDE_OK;
}

static enum ide_err take_word(const json_t *object, const char *member, char *out, size_t size,
                              struct failure *failure)
{
    const json_t *value = json_object_get(object, member);
    if (!value)
        return IDE_OK;
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) >= size)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, member,
                           "the member \"%s\" must be a string of 1 to %zu bytes", member, size - 1);
    memcpy(out, json_string_value(value), json_string_length(value) + 1);
    return IDE_OK;
}

enum ide_err request_take_log(const json_t *object, struct request_log *log, struct failure *failure)
{
    long long limit = LOG_LIMIT;
    *log = (struct request_log){.until_ms = INT64_MAX, .cursor = -1};
    enum ide_err err = take_number(object, "since_ms", 0, INT64_MAX, &log->since_ms, failure);
    if (err == IDE_OK)
        err = take_number(object, "until_ms", 0, INT64_MAX, &log->until_ms, failure);
    if (err == IDE_OK)
        err = take_number(object, "cursor", 0, INT64_MAX, &log->cursor, failure);
    if (err == IDE_OK)
        err = take_number(object, "limit", 1, LOG_LIMIT_MAX, &limit, failure);
    log->limit = (int)limit;
    const struct {
        const char *member;
        char *out;
        size_t size;
    } words[] = {{"what", log->what, sizeof log->what},
                 {"operation", log->operation, sizeof log->operation},
                 {"state", log->state, sizeof log->state},
                 {"cause", log->cause, sizeof log->cause},
                 {"asked_by", log->asked_by, sizeof log->asked_by}};
    for (size_t i = 0; err == IDE_OK && i < sizeof words / sizeof *words; i++)
        err = take_word(object, words[i].member, words[i].out, words[i].size, failure);
    return err;
}
