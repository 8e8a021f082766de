/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests and their replies. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "tools/client/internal.h"
#include "tools/common/api.h"

#define REPLIES_MAX 256 /* kept for those who may still want them */

/* ---- sending ------------------------------------------------------------- */

static enum ide_client_status send_text(struct ide_client *client, const char *text)
{
    if (zmq_send(client->requests, text, strlen(text), ZMQ_DONTWAIT) >= 0)
        return IDE_CLIENT_OK;
    return errno == EAGAIN ? IDE_CLIENT_TIMEOUT : IDE_CLIENT_MEMORY;
}

enum ide_client_status ide_client_send(struct ide_client *client, json_t *request,
                                       char id[IDE_CLIENT_ID_SIZE])
{
    if (!json_is_object(request))
        return IDE_CLIENT_ARGUMENT;
    json_t *message = json_copy(request);
    snprintf(id, IDE_CLIENT_ID_SIZE, "%s-%llu", client->prefix, (unsigned long long)++client->sent);
    json_object_set_new(message, "v", json_integer(API_VERSION));
    json_object_set_new(message, "id", json_string(id));
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    enum ide_client_status status = text ? send_text(client, text) : IDE_CLIENT_MEMORY;
    free(text);
    return status;
}

/* ---- waiting ------------------------------------------------------------- */

static bool has_id(const json_t *reply, const char *id)
{
    const char *text = json_string_value(json_object_get(reply, "id"));
    return text && strcmp(text, id) == 0;
}

/* A reply that came while another was waited for. */
static json_t *kept_reply(struct ide_client *client, const char *id)
{
    size_t i;
    json_t *reply;
    json_array_foreach(client->replies, i, reply)
    {
        if (!has_id(reply, id))
            continue;
        json_incref(reply);
        json_array_remove(client->replies, i);
        return reply;
    }
    return NULL;
}

/* The reply if it is there. */
static enum ide_client_status take_reply(struct ide_client *client, const char *id, json_t **reply)
{
    json_t *message = receive_object(client->requests);
    if (!message)
        return errno == EAGAIN ? IDE_CLIENT_OK : IDE_CLIENT_PROTOCOL;
    if (*id && has_id(message, id)) {
        *reply = message;
        return IDE_CLIENT_OK;
    }
    /* One without an id of ours is about something that could not even be read. */
    bool is_reply = json_is_string(json_object_get(message, "id"));
    if (is_reply && json_array_size(client->replies) == REPLIES_MAX)
        json_array_remove(client->replies, 0);
    if (is_reply)
        json_array_append(client->replies, message);
    json_decref(message);
    return is_reply ? IDE_CLIENT_OK : IDE_CLIENT_PROTOCOL;
}

enum ide_client_status keep_reply(struct ide_client *client)
{
    json_t *none = NULL;
    return take_reply(client, "", &none); /* no id is empty */
}

struct listener {
    const char *id;
    ide_client_progress *progress;
    void *context;
    bool cancelled;
};

static void send_cancel(struct ide_client *client, const char *id)
{
    char own[IDE_CLIENT_ID_SIZE];
    json_t *request = json_pack("{s:s, s:s}", "verb", "cancel", "request", id);
    (void)ide_client_send(client, request,
                          own); /* its reply is of no interest, and the request's own comes */
    json_decref(request);
}

static void tell(struct ide_client *client, struct listener *listener)
{
    json_t *event = events_take(client);
    const char *request = json_string_value(json_object_get(event, "request"));
    if (request && strcmp(request, listener->id) == 0 && !listener->progress(listener->context, event) &&
        !listener->cancelled) {
        listener->cancelled = true;
        send_cancel(client, listener->id);
    }
    json_decref(event);
}

/* Events that were sent before the reply may still be on their way when it is here, but they are at the
 * socket by now.
 */
static void drain_events(struct ide_client *client, struct listener *listener)
{
    zmq_pollitem_t item = {.socket = client->events, .events = ZMQ_POLLIN};
    while (listener->progress && zmq_poll(&item, 1, 0) > 0)
        tell(client, listener);
}

static enum ide_client_status wait_until(struct ide_client *client, struct listener *listener,
                                         uint64_t deadline, json_t **reply)
{
    enum ide_client_status status = IDE_CLIENT_OK;
    *reply = kept_reply(client, listener->id);
    while (status == IDE_CLIENT_OK && !*reply) {
        struct readable readable;
        status = wait_readable(client, listener->progress != NULL, deadline, &readable);
        if (status == IDE_CLIENT_OK && readable.events)
            tell(client, listener);
        if (status != IDE_CLIENT_OK || !readable.requests)
            continue;
        drain_events(client, listener);
        status = take_reply(client, listener->id, reply);
    }
    return status;
}

enum ide_client_status ide_client_wait(struct ide_client *client, const char *id, uint32_t timeout_ms,
                                       ide_client_progress *progress, void *context, json_t **reply)
{
    struct listener listener = {.id = id, .progress = progress, .context = context};
    uint64_t deadline = deadline_of(timeout_ms);
    *reply = NULL;
    enum ide_client_status status = progress ? events_open(client, deadline) : IDE_CLIENT_OK;
    return status == IDE_CLIENT_OK ? wait_until(client, &listener, deadline, reply) : status;
}

enum ide_client_status ide_client_call(struct ide_client *client, json_t *request, uint32_t timeout_ms,
                                       ide_client_progress *progress, void *context, json_t **reply)
{
    char id[IDE_CLIENT_ID_SIZE];
    *reply = NULL;
    /* First, so that no event about it is missed. */
    enum ide_client_status status = progress ? events_open(client, deadline_of(timeout_ms)) : IDE_CLIENT_OK;
    if (status == IDE_CLIENT_OK)
        status = ide_client_send(client, request, id);
    return status == IDE_CLIENT_OK ? ide_client_wait(client, id, timeout_ms, progress, context, reply)
                                   : status;
}

enum ide_client_status call_until(struct ide_client *client, json_t *request, uint64_t deadline,
                                  json_t **reply)
{
    struct listener listener = {0};
    char id[IDE_CLIENT_ID_SIZE];
    *reply = NULL;
    enum ide_client_status status = ide_client_send(client, request, id);
    listener.id = id;
    return status == IDE_CLIENT_OK ? wait_until(client, &listener, deadline, reply) : status;
}

enum ide_client_status ide_client_cancel(struct ide_client *client, const char *id, uint32_t timeout_ms,
                                         json_t **reply)
{
    json_t *request = json_pack("{s:s, s:s}", "verb", "cancel", "request", id);
    enum ide_client_status status = ide_client_call(client, request, timeout_ms, NULL, NULL, reply);
    json_decref(request);
    return status;
}
