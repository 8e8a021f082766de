/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "tools/common/api.h"

#define CONNECT_MS 1000
#define MONITOR    "inproc://connected"

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static long left_ms(uint64_t deadline)
{
    uint64_t now = now_ms();
    return deadline > now ? (long)(deadline - now) : 0;
}

/* A socket that is there and closed to us looks to libzmq like one that will come: so it is looked at here.
 */
static enum client_result why_absent(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) != 0 || access(endpoint + 6, R_OK | W_OK) == 0)
        return CLIENT_ABSENT;
    return errno == EACCES ? CLIENT_DENIED : CLIENT_ABSENT;
}

/* Waits until the handshake with the other side has succeeded, as libzmq's monitor of the socket tells. */
static bool wait_connected(void *monitor)
{
    uint64_t deadline = now_ms() + CONNECT_MS;
    zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
    while (zmq_poll(&item, 1, left_ms(deadline)) > 0) {
        uint8_t event[6], address[256];
        if (zmq_recv(monitor, event, sizeof event, 0) == sizeof event &&
            (event[0] | event[1] << 8) == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
            return true;
        zmq_recv(monitor, address, sizeof address, 0);
    }
    return false;
}

static bool connect_requests(struct client *client, const char *endpoint)
{
    int linger = 0;
    client->requests = zmq_socket(client->context, ZMQ_DEALER);
    void *monitor = zmq_socket(client->context, ZMQ_PAIR);
    bool good = client->requests && monitor &&
                zmq_setsockopt(client->requests, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
                zmq_socket_monitor(client->requests, MONITOR, ZMQ_EVENT_HANDSHAKE_SUCCEEDED) == 0 &&
                zmq_connect(monitor, MONITOR) == 0 && zmq_connect(client->requests, endpoint) == 0 &&
                wait_connected(monitor);
    if (client->requests)
        zmq_socket_monitor(client->requests, NULL, 0);
    if (monitor)
        zmq_close(monitor);
    return good;
}

static bool connect_events(struct client *client, const char *endpoint)
{
    char events[API_ENDPOINT_MAX];
    int linger = 0;
    client->events = zmq_socket(client->context, ZMQ_SUB);
    return client->events && api_events_endpoint(endpoint, events) &&
           zmq_setsockopt(client->events, ZMQ_LINGER, &linger, sizeof linger) == 0 &&
           zmq_setsockopt(client->events, ZMQ_SUBSCRIBE, "", 0) == 0 &&
           zmq_connect(client->events, events) == 0;
}

static json_t *receive(void *socket)
{
    zmq_msg_t message;
    zmq_msg_init(&message);
    json_t *object = NULL;
    if (zmq_msg_recv(&message, socket, 0) >= 0)
        object = json_loadb(zmq_msg_data(&message), zmq_msg_size(&message), 0, NULL);
    zmq_msg_close(&message);
    return object;
}

static bool wait_readable(void *socket, long timeout_ms)
{
    zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
    return zmq_poll(&item, 1, timeout_ms) > 0;
}

/* The controller greets each subscriber: from then on nothing is missed. */
static bool wait_welcome(struct client *client)
{
    if (!wait_readable(client->events, CONNECT_MS))
        return false;
    json_decref(receive(client->events));
    return true;
}

enum client_result client_open(struct client *client, const char *endpoint, bool events)
{
    *client = (struct client){.context = zmq_ctx_new()};
    if (!client->context)
        return CLIENT_BROKEN;
    if (!connect_requests(client, endpoint))
        return why_absent(endpoint);
    if (events && !(connect_events(client, endpoint) && wait_welcome(client)))
        return CLIENT_ABSENT;
    return CLIENT_OK;
}

enum client_result client_open_events(struct client *client, const char *endpoint)
{
    *client = (struct client){.context = zmq_ctx_new()};
    if (!client->context)
        return CLIENT_BROKEN;
    if (!connect_events(client, endpoint) || !wait_readable(client->events, CONNECT_MS))
        return why_absent(endpoint);
    return CLIENT_OK;
}

void client_close(struct client *client)
{
    if (client->requests)
        zmq_close(client->requests);
    if (client->events)
        zmq_close(client->events);
    if (client->context)
        zmq_ctx_term(client->context);
}

/* Unlike any other client's, so that events about this request are known. */
static json_t *new_id(void)
{
    struct timespec t;
    char text[API_ID_MAX];
    clock_gettime(CLOCK_REALTIME, &t);
    snprintf(text, sizeof text, "ctl-%ld-%lld%09ld", (long)getpid(), (long long)t.tv_sec, t.tv_nsec);
    return json_string(text);
}

static bool send_request(struct client *client, const json_t *request)
{
    char *text = json_dumps(request, JSON_COMPACT);
    bool sent = text && zmq_send(client->requests, text, strlen(text), 0) >= 0;
    free(text);
    return sent;
}

static void take_event(struct client *client, const json_t *id, void (*on_event)(const json_t *event))
{
    json_t *event = receive(client->events);
    if (event && json_equal(json_object_get(event, "request"), id))
        on_event(event);
    json_decref(event);
}

/* Events that were sent before the reply may still be on their way when it is here, but they are at the
 * socket by now. */
static void drain_events(struct client *client, const json_t *id, void (*on_event)(const json_t *event))
{
    while (client->events && on_event && wait_readable(client->events, 0))
        take_event(client, id, on_event);
}

static enum client_result wait_reply(struct client *client, const json_t *id, uint32_t timeout_ms,
                                     void (*on_event)(const json_t *event), json_t **reply)
{
    uint64_t deadline = now_ms() + timeout_ms;
    for (;;) {
        zmq_pollitem_t items[] = {{.socket = client->requests, .events = ZMQ_POLLIN},
                                  {.socket = client->events, .events = ZMQ_POLLIN}};
        if (zmq_poll(items, client->events ? 2 : 1, left_ms(deadline)) <= 0)
            return CLIENT_TIMEOUT;
        if (items[1].revents)
            take_event(client, id, on_event);
        if (!items[0].revents)
            continue;
        drain_events(client, id, on_event);
        *reply = receive(client->requests);
        if (*reply && json_equal(json_object_get(*reply, "id"), id))
            return CLIENT_OK;
        json_decref(*reply);
        return CLIENT_BROKEN;
    }
}

enum client_result client_call(struct client *client, json_t *request, uint32_t timeout_ms,
                               void (*on_event)(const json_t *event), json_t **reply)
{
    json_t *id = new_id();
    json_object_set_new(request, "v", json_integer(API_VERSION));
    json_object_set(request, "id", id);
    enum client_result result =
        send_request(client, request) ? wait_reply(client, id, timeout_ms, on_event, reply) : CLIENT_BROKEN;
    json_decref(request);
    json_decref(id);
    return result;
}

json_t *client_next_event(struct client *client)
{
    for (;;) {
        if (!wait_readable(client->events, -1))
            return NULL;
        json_t *event = receive(client->events);
        if (event)
            return event;
    }
}
