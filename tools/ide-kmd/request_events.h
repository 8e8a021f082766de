/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The members of cancel and events. */
#ifndef IDE_KMD_REQUEST_EVENTS_H
#define IDE_KMD_REQUEST_EVENTS_H

#include <jansson.h>

#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/history.h"

/* How far a subscriber is. */
struct request_position {
    char instance[HISTORY_INSTANCE];
    uint64_t after;
};

bool request_is_position(const char *member);

/* "instance" and "after", both; an instance that no controller can have had is taken as one that is gone. */
enum ide_err request_take_position(const json_t *object, struct request_position *position,
                                   struct failure *failure) MUST_USE;

/* Whether a JSON value can be the id of a request. */
bool request_id_is_one(const json_t *id);

/* "request": the id of another request; *id is borrowed from object. */
enum ide_err request_take_other(const json_t *object, json_t **id, struct failure *failure) MUST_USE;

#endif
