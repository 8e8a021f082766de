/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/request_events.h"

#include <stdio.h>
#include <string.h>

#include "tools/common/api.h"

#define STEP "request"

bool request_is_position(const char *member)
{
    return strcmp(member, "instance") == 0 || strcmp(member, "after") == 0;
}

static enum ide_err wrong(struct failure *failure, const char *member, const char *wanted)
{
    return failure_set(failure, IDE_E_ARGUMENT, STEP, member, "the member \"%s\" must be %s", member, wanted);
}

enum ide_err request_take_position(const json_t *object, struct request_position *position,
                                   struct failure *failure)
{
    const json_t *instance = json_object_get(object, "instance"), *after = json_object_get(object, "after");
    if (!json_is_string(instance))
        return wrong(failure, "instance", "the string that hello and snapshot have there");
    if (!json_is_integer(after) || json_integer_value(after) < 0)
        return wrong(failure, "after", "the number of an event, or 0");
    snprintf(position->instance, sizeof position->instance, "%s", json_string_value(instance));
    if (json_string_length(instance) >= sizeof position->instance)
        *position->instance = '\0';
    position->after = (uint64_t)json_integer_value(after);
    return IDE_OK;
}

bool request_id_is_one(const json_t *id)
{
    return json_is_integer(id) || (json_is_string(id) && json_string_length(id) <= API_ID_MAX);
}

enum ide_err request_take_other(const json_t *object, json_t **id, struct failure *failure)
{
    *id = json_object_get(object, "request");
    return request_id_is_one(*id) ? IDE_OK
                                  : wrong(failure, "request", "the id of a request, an integer or a string");
}
