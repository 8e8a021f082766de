/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/ticket.h"

#include <stdio.h>
#include <stdlib.h>

struct ticket *ticket_new(struct client *client, struct request *request)
{
    struct ticket *ticket = calloc(1, sizeof *ticket);
    if (!ticket) {
        client_release(client);
        return NULL;
    }
    ticket->client = *client;
    *client = (struct client){0};
    ticket->id = request->id;
    request->id = NULL;
    ticket->results = json_array();
    return ticket;
}

static void release(struct ticket *ticket)
{
    client_release(&ticket->client);
    json_decref(ticket->id);
    json_decref(ticket->results);
    free(ticket);
}

static void send_and_free(struct ticket *ticket, struct front *front, json_t *reply)
{
    json_object_set_new(reply, "v", json_integer(API_VERSION));
    json_object_set(reply, "id", ticket->id ? ticket->id : json_null());
    front_reply(front, &ticket->client, reply);
    release(ticket);
}

void ticket_answer(struct ticket *ticket, struct front *front, json_t *result)
{
    send_and_free(ticket, front, json_pack("{s:o}", "result", result));
}

void ticket_answer_known(struct ticket *ticket, struct front *front, const char *result, uint64_t age_ms)
{
    char *id = json_dumps(ticket->id, JSON_COMPACT | JSON_ENCODE_ANY);
    char *text = NULL;
    if (id && asprintf(&text, "{\"result\":%s,\"age_ms\":%llu},\"v\":%d,\"id\":%s}", result,
                       (unsigned long long)age_ms, API_VERSION, id) < 0)
        text = NULL;
    if (text)
        front_reply_text(front, &ticket->client, text);
    free(id);
    free(text);
    release(ticket);
}

static json_t *error_reply(const struct failure *failure, const char *outcome)
{
    json_t *error = failure_json(failure);
    json_object_set_new(error, "outcome", outcome ? json_string(outcome) : json_null());
    return json_pack("{s:o}", "error", error);
}

void ticket_refuse(struct ticket *ticket, struct front *front, const struct failure *failure)
{
    send_and_free(ticket, front, error_reply(failure, NULL));
}

static void reply(struct ticket *ticket, struct front *front)
{
    json_t *result = ticket->is_list ? json_pack("{s:O}", "streams", ticket->results)
                                     : json_incref(json_array_get(ticket->results, 0));
    if (ticket->failure.err == IDE_OK) {
        ticket_answer(ticket, front, result);
        return;
    }
    json_t *message = error_reply(&ticket->failure, ticket->outcome);
    if (ticket->is_list)
        json_object_set(message, "result", result);
    json_decref(result);
    send_and_free(ticket, front, message);
}

void ticket_operation_ended(struct ticket *ticket, struct front *front, json_t *result,
                            const struct failure *failure, const char *outcome)
{
    if (result)
        json_array_append_new(ticket->results, result);
    if (failure && ticket->failure.err == IDE_OK) {
        ticket->failure = *failure;
        ticket->outcome = outcome;
    }
    if (--ticket->pending == 0)
        reply(ticket, front);
}
