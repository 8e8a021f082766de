/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libide-client against a controller that says anything: a program that follows gets each event once and in
 * its order, or is told that it has lost some.
 *
 * Input: lines, each one message of the controller's; "e" and JSON is an event, "r" and JSON a reply, which
 * gets the id of the request that it comes to, unless it has one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "tools/client/internal.h"

#define MESSAGES_MAX 64u
#define STEPS_MAX    200u

/* The client's sockets, and our ends of them; made once. */
static void *context, *requests, *events, *from_client, *to_client;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void *pair_of(const char *name, void **other)
{
    const int none = 0;
    void *ours = zmq_socket(context, ZMQ_PAIR);
    *other = zmq_socket(context, ZMQ_PAIR);
    require(ours && *other && zmq_bind(ours, name) == 0 && zmq_connect(*other, name) == 0);
    zmq_setsockopt(ours, ZMQ_LINGER, &none, sizeof none);
    zmq_setsockopt(*other, ZMQ_LINGER, &none, sizeof none);
    return ours;
}

static void make_sockets(void)
{
    if (context)
        return;
    context = zmq_ctx_new();
    from_client = pair_of("inproc://requests", &requests);
    to_client = pair_of("inproc://events", &events);
}

static void drain(void *socket)
{
    char bytes[16];
    while (zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
        ;
}

/* With the id of the nth request, that it may be taken for an answer. */
static void send_reply(const char *text, size_t len, unsigned number)
{
    char id[IDE_CLIENT_ID_SIZE];
    json_t *reply = json_loadb(text, len, 0, NULL);
    char *with_id = NULL;
    snprintf(id, sizeof id, "fuzz-%u", number);
    if (json_is_object(reply) && !json_object_get(reply, "id")) {
        json_object_set_new(reply, "id", json_string(id));
        with_id = json_dumps(reply, JSON_COMPACT);
    }
    zmq_send(from_client, with_id ? with_id : text, with_id ? strlen(with_id) : len, ZMQ_DONTWAIT);
    free(with_id);
    json_decref(reply);
}

static void send_all(const char *text, size_t size)
{
    unsigned replies = 0;
    for (unsigned i = 0; i < MESSAGES_MAX && size > 0; i++) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) : size;
        if (*text == 'r' && len > 0)
            send_reply(text + 1, len - 1, ++replies);
        else if (*text == 'e' && len > 0)
            zmq_send(to_client, text + 1, len - 1, ZMQ_DONTWAIT);
        len += end != NULL;
        text += len;
        size -= len;
    }
}

static uint64_t seq_of(const json_t *object)
{
    json_int_t seq = json_integer_value(json_object_get(object, "seq"));
    return seq > 0 ? (uint64_t)seq : 0;
}

/* What a program does that follows; each new snapshot begins anew. */
static void follow(struct ide_client *client)
{
    json_t *snapshot, *event;
    uint64_t last = 0;
    bool follows = false;
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        enum ide_client_status status;
        if (!follows) {
            status = ide_client_subscribe(client, 0, &snapshot);
            require((status == IDE_CLIENT_OK) == (snapshot != NULL));
            last = seq_of(snapshot);
            json_decref(snapshot);
            follows = true;
            if (status == IDE_CLIENT_OK)
                continue;
            return;
        }
        status = ide_client_next_event(client, 0, &event);
        require((status == IDE_CLIENT_OK) == (event != NULL));
        if (event)
            require(seq_of(event) == last + 1);
        last += event != NULL;
        require(ide_client_position(client, NULL) == last);
        json_decref(event);
        follows = status != IDE_CLIENT_LOST;
        if (status == IDE_CLIENT_TIMEOUT)
            return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    make_sockets();
    struct ide_client client = {.context = context,
                                .requests = requests,
                                .events = events,
                                .fd = -1,
                                .prefix = "fuzz",
                                .replies = json_array(),
                                .backlog = json_array()};
    send_all((const char *)data, size);
    follow(&client);
    json_decref(client.replies);
    json_decref(client.backlog);
    drain(requests);
    drain(events);
    drain(from_client);
    return 0;
}
