/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events: each once and in order, from a snapshot on. */
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "tools/client/internal.h"

#define BACKLOG_MAX 4096 /* kept while a call goes on; what is beyond it is a gap, and filled as one */

static const char *text_member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "";
}

static uint64_t seq_of(const json_t *object)
{
    json_int_t seq = json_integer_value(json_object_get(object, "seq"));
    return seq > 0 ? (uint64_t)seq : 0;
}

static bool is_hello(const json_t *event)
{
    return strcmp(text_member(event, "event"), "hello") == 0;
}

/* The number of the last event there was, again. */
static bool is_tick(const json_t *event)
{
    return strcmp(text_member(event, "event"), "tick") == 0;
}

static void set_instance(struct ide_client *client, const char *instance)
{
    snprintf(client->instance, sizeof client->instance, "%s", instance);
}

/* ---- the socket ---------------------------------------------------------- */

/* The controller greets each subscriber: from then on nothing is missed. */
static enum ide_client_status await_hello(struct ide_client *client, uint64_t deadline)
{
    enum ide_client_status status;
    struct readable readable = {0};
    do
        status = wait_readable(client, true, deadline, &readable);
    while (status == IDE_CLIENT_OK && !readable.events);
    if (status != IDE_CLIENT_OK)
        return status;
    json_t *hello = receive_object(client->events);
    bool good = is_hello(hello);
    json_decref(hello);
    return good ? IDE_CLIENT_OK : IDE_CLIENT_PROTOCOL;
}

enum ide_client_status events_open(struct ide_client *client, uint64_t deadline)
{
    if (client->events)
        return IDE_CLIENT_OK;
    client->events = new_socket(client, ZMQ_SUB);
    if (!client->events || zmq_setsockopt(client->events, ZMQ_SUBSCRIBE, "", 0) != 0)
        return IDE_CLIENT_MEMORY;
    enum ide_client_status status = connect_socket(client, client->events, client->events_endpoint);
    if (status == IDE_CLIENT_OK)
        status = await_hello(client, deadline);
    if (status != IDE_CLIENT_OK) {
        zmq_close(client->events);
        client->events = NULL;
    }
    return status;
}

json_t *events_take(struct ide_client *client)
{
    json_t *event = receive_object(client->events);
    if (event && client->following && json_array_size(client->backlog) < BACKLOG_MAX)
        json_array_append(client->backlog, event);
    return event;
}

/* ---- gaps ---------------------------------------------------------------- */

static enum ide_client_status lost(struct ide_client *client)
{
    client->lost = true;
    json_array_clear(client->backlog);
    return IDE_CLIENT_LOST;
}

/* Asks once for what was published after seq. *more: there is more after it than fits into one reply. */
static enum ide_client_status ask_events(struct ide_client *client, uint64_t seq, uint64_t deadline,
                                         json_t *missing, bool *more)
{
    json_t *reply, *request = json_pack("{s:s, s:s, s:I}", "verb", "events", "instance", client->instance,
                                        "after", (json_int_t)seq);
    enum ide_client_status status = call_until(client, request, deadline, &reply);
    json_decref(request);
    if (status != IDE_CLIENT_OK)
        return status;
    json_t *result = json_object_get(reply, "result"), *events = json_object_get(result, "events");
    size_t count = json_array_size(events);
    bool in_order = json_is_array(events) && (count == 0 || seq_of(json_array_get(events, 0)) == seq + 1);
    *more = count > 0 && seq_of(json_array_get(events, count - 1)) < seq_of(result);
    if (in_order)
        json_array_extend(missing, events);
    json_decref(reply);
    return in_order ? IDE_CLIENT_OK : lost(client);
}

/* What the controller published after the last event that is known goes in front of what has come since. */
static enum ide_client_status fill_gap(struct ide_client *client, uint64_t deadline)
{
    bool more = true;
    json_t *missing = json_array();
    enum ide_client_status status = *client->instance ? IDE_CLIENT_OK : lost(client);
    while (status == IDE_CLIENT_OK && more) {
        size_t count = json_array_size(missing);
        uint64_t seq = count > 0 ? seq_of(json_array_get(missing, count - 1)) : client->seq;
        status = ask_events(client, seq, deadline, missing, &more);
    }
    if (status != IDE_CLIENT_OK) {
        json_decref(missing);
        return status;
    }
    json_array_extend(missing, client->backlog);
    json_decref(client->backlog);
    client->backlog = missing;
    return IDE_CLIENT_OK;
}

/* ---- what a program asks ------------------------------------------------- */

/* What a refusal means to whoever wanted to follow: a controller that is ending is as good as gone. */
static enum ide_client_status refusal(const json_t *error)
{
    const char *code = text_member(error, "code");
    if (strcmp(code, "permission") == 0)
        return IDE_CLIENT_DENIED;
    return strcmp(code, "cancelled") == 0 ? IDE_CLIENT_UNREACHABLE : IDE_CLIENT_PROTOCOL;
}

static enum ide_client_status take_snapshot(struct ide_client *client, uint64_t deadline, json_t **snapshot)
{
    json_t *reply, *request = json_pack("{s:s}", "verb", "snapshot");
    enum ide_client_status status = call_until(client, request, deadline, &reply);
    json_decref(request);
    if (status != IDE_CLIENT_OK)
        return status;
    json_t *result = json_object_get(reply, "result");
    if (result) {
        set_instance(client, text_member(result, "instance"));
        client->seq = seq_of(result);
        *snapshot = json_incref(result);
    }
    status = result ? IDE_CLIENT_OK : refusal(json_object_get(reply, "error"));
    json_decref(reply);
    return status;
}

enum ide_client_status ide_client_subscribe(struct ide_client *client, uint32_t timeout_ms, json_t **snapshot)
{
    uint64_t deadline = deadline_of(timeout_ms);
    *snapshot = NULL;
    enum ide_client_status status = events_open(client, deadline);
    client->following = client->following || status == IDE_CLIENT_OK;
    if (status == IDE_CLIENT_OK)
        status = take_snapshot(client, deadline, snapshot);
    if (status == IDE_CLIENT_OK)
        client->lost = false;
    return status;
}

enum ide_client_status ide_client_resume(struct ide_client *client, uint32_t timeout_ms, const char *instance,
                                         uint64_t seq)
{
    json_t *snapshot = NULL;
    uint64_t deadline = deadline_of(timeout_ms);
    if (!instance) {
        enum ide_client_status status = ide_client_subscribe(client, timeout_ms, &snapshot);
        json_decref(snapshot);
        return status;
    }
    enum ide_client_status status = events_open(client, deadline);
    if (status != IDE_CLIENT_OK)
        return status;
    client->following = true;
    client->lost = false;
    json_array_clear(client->backlog);
    set_instance(client, instance);
    client->seq = seq;
    return fill_gap(client, deadline);
}

/* What to do with the event at the head of the backlog. */
static enum ide_client_status take_head(struct ide_client *client, uint64_t deadline, json_t **event)
{
    json_t *head = json_array_get(client->backlog, 0);
    uint64_t seq = seq_of(head);
    /* After a greeting the connection was away; what it missed is a gap that only the next event would show.
     */
    bool hello = is_hello(head), tick = is_tick(head);
    bool gap = hello || (tick ? seq > client->seq : seq > client->seq + 1);
    if (!gap && !tick && seq == client->seq + 1) {
        *event = json_incref(head);
        client->seq = seq;
    }
    if (hello || tick || !gap)
        json_array_remove(client->backlog, 0);
    enum ide_client_status status = gap ? fill_gap(client, deadline) : IDE_CLIENT_OK;
    if (status == IDE_CLIENT_OK && gap && !hello && !tick &&
        seq_of(json_array_get(client->backlog, 0)) != client->seq + 1)
        return lost(client); /* it has published this one, and does not know those before it */
    return status;
}

enum ide_client_status ide_client_next_event(struct ide_client *client, uint32_t timeout_ms, json_t **event)
{
    uint64_t deadline = deadline_of(timeout_ms);
    enum ide_client_status status = IDE_CLIENT_OK;
    *event = NULL;
    if (!client->following)
        return IDE_CLIENT_ARGUMENT;
    if (client->lost)
        return IDE_CLIENT_LOST;
    while (status == IDE_CLIENT_OK && !*event) {
        struct readable readable = {0};
        if (json_array_size(client->backlog) > 0) {
            status = take_head(client, deadline, event);
            continue;
        }
        status = wait_readable(client, true, deadline, &readable);
        if (status == IDE_CLIENT_OK && readable.events)
            json_decref(events_take(client));
        if (status == IDE_CLIENT_OK && readable.requests)
            status = keep_reply(client);
    }
    return status;
}

uint64_t ide_client_position(const struct ide_client *client, const char **instance)
{
    if (instance)
        *instance = client->instance;
    return client->seq;
}
