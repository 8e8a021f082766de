/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A request that is being worked on: who waits for which reply, and what there is of it so far. */
#ifndef IDE_KMD_TICKET_H
#define IDE_KMD_TICKET_H

#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/front.h"
#include "tools/ide-kmd/request.h"

struct ticket {
    struct client client;   /* owned */
    char asked_by[PEER_TEXT_MAX];
    json_t *id;             /* owned; NULL if the request had none that could be read */
    unsigned pending;       /* operations that have to end before the reply */
    bool is_list;           /* the reply is {"streams": [...]}, however many there are */
    json_t *results;        /* an array, one entry an operation that succeeded */
    struct failure failure; /* the first; err IDE_OK: none */
    const char *outcome;
};

/* Takes client and the request's id over. NULL without memory, and then client is released. */
struct ticket *ticket_new(struct client *client, struct request *request);

/* Reply at once, and free the ticket. result is taken away. */
void ticket_answer(struct ticket *ticket, struct front *front, json_t *result);
/* With a result that show_cache_get() gave. */
void ticket_answer_known(struct ticket *ticket, struct front *front, const char *result, uint64_t age_ms);
void ticket_refuse(struct ticket *ticket, struct front *front, const struct failure *failure);

/* One of its operations has ended: with a result, which is taken away, or a failure. The last one replies and
 * frees. */
void ticket_operation_ended(struct ticket *ticket, struct front *front, json_t *result,
                            const struct failure *failure, const char *outcome);

#endif
