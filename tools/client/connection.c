/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening and closing, and waiting on sockets. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "tools/client/internal.h"
#include "tools/common/api.h"

#define CONNECT_MS    1000 /* nobody listens */
#define HANDSHAKE_MS  5000 /* somebody does, on a machine that is busy */
#define HEARTBEAT_MS  10000
#define RECONNECT_MS  50
#define RECONNECT_MAX 2000

const char *ide_client_text(enum ide_client_status status)
{
    switch (status) {
    case IDE_CLIENT_OK:
        return "done";
    case IDE_CLIENT_UNREACHABLE:
        return "nobody answers at the endpoint";
    case IDE_CLIENT_DENIED:
        return "the controller does not let this user or key in";
    case IDE_CLIENT_TIMEOUT:
        return "no answer in time";
    case IDE_CLIENT_INTERRUPTED:
        return "interrupted by a signal";
    case IDE_CLIENT_INPUT:
        return "there is input";
    case IDE_CLIENT_LOST:
        return "events are missing, and the controller does not have them any more";
    case IDE_CLIENT_PROTOCOL:
        return "what answers is no ide-kmd of this version";
    case IDE_CLIENT_ARGUMENT:
        return "an argument is not allowed";
    case IDE_CLIENT_MEMORY:
        return "out of memory";
    }
    return "unknown";
}

/* ---- time ---------------------------------------------------------------- */

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t deadline_of(uint32_t timeout_ms)
{
    return timeout_ms == IDE_CLIENT_FOREVER ? UINT64_MAX : now_ms() + timeout_ms;
}

/* For zmq_poll(): -1 is for ever. */
static long left_ms(uint64_t deadline)
{
    uint64_t now = now_ms();
    if (deadline == UINT64_MAX)
        return -1;
    return deadline > now ? (long)(deadline - now) : 0;
}

/* ---- connecting ---------------------------------------------------------- */

static bool set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}

static bool set_keys(void *socket, const struct ide_client_keys *keys)
{
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server, IDE_CLIENT_KEY_SIZE) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, IDE_CLIENT_KEY_SIZE) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, IDE_CLIENT_KEY_SIZE) == 0;
}

void *new_socket(struct ide_client *client, int type)
{
    void *socket = zmq_socket(client->context, type);
    if (!socket)
        return NULL;
    /* A peer that is gone without a word, as over tcp it may be, is noticed. */
    if (set_int(socket, ZMQ_LINGER, 0) && set_int(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) &&
        set_int(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS) &&
        set_int(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX) &&
        (!client->has_keys || set_keys(socket, &client->keys)))
        return socket;
    zmq_close(socket);
    return NULL;
}

/* One event of libzmq's monitor; 0 if none can be read. */
static int monitor_event(void *monitor)
{
    uint8_t event[6], address[256];
    if (zmq_recv(monitor, event, sizeof event, ZMQ_DONTWAIT) != sizeof event)
        return 0;
    zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
    return event[0] | event[1] << 8;
}

/* A socket that is there and closed to us looks to libzmq like one that will come: so it is looked at here.
 */
static enum ide_client_status why_absent(const char *endpoint)
{
    if (strncmp(endpoint, "ipc://", 6) != 0 || access(endpoint + 6, R_OK | W_OK) == 0)
        return IDE_CLIENT_UNREACHABLE;
    return errno == EACCES ? IDE_CLIENT_DENIED : IDE_CLIENT_UNREACHABLE;
}

/* Until the handshake has succeeded. One that fails is tried again by libzmq; only a refusal is final.
 * patient: whoever took the connection gets more time to speak, once. */
static enum ide_client_status await_handshake(void *monitor, const char *endpoint, uint64_t deadline,
                                              bool patient)
{
    bool refused = false;
    zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
    for (;;) {
        int n = zmq_poll(&item, 1, left_ms(deadline));
        if (n < 0 && errno != EINTR)
            return IDE_CLIENT_MEMORY;
        if (n == 0)
            return refused ? IDE_CLIENT_DENIED : why_absent(endpoint);
        switch (n > 0 ? monitor_event(monitor) : 0) {
        case ZMQ_EVENT_CONNECTED:
            if (patient)
                deadline = deadline_of(HANDSHAKE_MS);
            patient = false;
            break;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            return IDE_CLIENT_OK;
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return IDE_CLIENT_DENIED;
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            refused = true; /* as a server does that has another key, or wants one */
            break;
        default:
            break;
        }
    }
}

enum ide_client_status connect_socket(struct ide_client *client, void *socket, const char *endpoint)
{
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |
                       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;
    enum ide_client_status status = IDE_CLIENT_MEMORY;
    void *monitor = zmq_socket(client->context, ZMQ_PAIR);
    char name[40]; /* one of its own: an earlier one's is free only some time after it was closed */
    snprintf(name, sizeof name, "inproc://monitor-%u", ++client->monitors);
    if (monitor && zmq_socket_monitor(socket, name, events) == 0 && zmq_connect(monitor, name) == 0)
        status = zmq_connect(socket, endpoint) == 0
                     ? await_handshake(monitor, endpoint, deadline_of(client->connect_ms), client->is_patient)
                     : IDE_CLIENT_ARGUMENT;
    zmq_socket_monitor(socket, NULL, 0);
    if (monitor)
        zmq_close(monitor);
    return status;
}

/* ---- waiting and reading ------------------------------------------------- */

enum ide_client_status wait_readable(struct ide_client *client, bool events, uint64_t deadline,
                                     struct readable *readable)
{
    zmq_pollitem_t items[3] = {{.socket = client->requests, .events = ZMQ_POLLIN}};
    int count = 1, fd = 0, subscription = 0;
    if (events && client->events) {
        subscription = count;
        items[count++] = (zmq_pollitem_t){.socket = client->events, .events = ZMQ_POLLIN};
    }
    if (client->fd >= 0) {
        fd = count;
        items[count++] = (zmq_pollitem_t){.fd = client->fd, .events = ZMQ_POLLIN};
    }
    int n = zmq_poll(items, count, left_ms(deadline));
    if (n < 0)
        return errno == EINTR ? IDE_CLIENT_INTERRUPTED : IDE_CLIENT_MEMORY;
    if (n == 0)
        return IDE_CLIENT_TIMEOUT;
    *readable = (struct readable){.requests = items[0].revents != 0,
                                  .events = subscription && items[subscription].revents};
    /* What has come is taken before the watched descriptor is told of, so that neither starves. */
    return fd && items[fd].revents && !readable->requests && !readable->events ? IDE_CLIENT_INPUT
                                                                               : IDE_CLIENT_OK;
}

json_t *receive_object(void *socket)
{
    zmq_msg_t message;
    json_t *object = NULL;
    zmq_msg_init(&message);
    bool came = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0;
    if (came)
        object = json_loadb(zmq_msg_data(&message), zmq_msg_size(&message), 0, NULL);
    zmq_msg_close(&message);
    errno = came ? EPROTO : EAGAIN;
    return object;
}

/* ---- open and close ------------------------------------------------------ */

static bool prepare(struct ide_client *client, const struct ide_client_options *options)
{
    char events[API_ENDPOINT_MAX];
    const char *endpoint = options->endpoint ? options->endpoint : IDE_CLIENT_ENDPOINT;
    uint64_t random;
    client->fd = -1;
    client->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
    client->is_patient = options->connect_ms == 0;
    if (options->keys)
        client->keys = *options->keys;
    client->has_keys = options->keys != NULL;
    client->endpoint = strdup(endpoint);
    client->events_endpoint = strdup(api_events_endpoint(endpoint, events) ? events : "");
    client->replies = json_array();
    client->backlog = json_array();
    client->context = zmq_ctx_new();
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return false;
    snprintf(client->prefix, sizeof client->prefix, "c%016llx", (unsigned long long)random);
    return client->endpoint && client->events_endpoint && client->replies && client->backlog &&
           client->context;
}

static enum ide_client_status open_requests(struct ide_client *client)
{
    if (*client->events_endpoint == '\0')
        return IDE_CLIENT_ARGUMENT;
    client->requests = new_socket(client, ZMQ_DEALER);
    if (!client->requests) /* libzmq takes no key that is none, and none at all if it has no CURVE */
        return client->has_keys && errno == EINVAL ? IDE_CLIENT_ARGUMENT : IDE_CLIENT_MEMORY;
    return connect_socket(client, client->requests, client->endpoint);
}

enum ide_client_status ide_client_open(struct ide_client **client, const struct ide_client_options *options)
{
    static const struct ide_client_options none;
    *client = calloc(1, sizeof **client);
    if (!*client)
        return IDE_CLIENT_MEMORY;
    enum ide_client_status status =
        prepare(*client, options ? options : &none) ? open_requests(*client) : IDE_CLIENT_MEMORY;
    if (status != IDE_CLIENT_OK) {
        ide_client_close(*client);
        *client = NULL;
    }
    return status;
}

void ide_client_close(struct ide_client *client)
{
    if (!client)
        return;
    if (client->requests)
        zmq_close(client->requests);
    if (client->events)
        zmq_close(client->events);
    if (client->context)
        zmq_ctx_term(client->context);
    json_decref(client->replies);
    json_decref(client->backlog);
    ide_client_keys_wipe(&client->keys);
    free(client->endpoint);
    free(client->events_endpoint);
    free(client);
}

void ide_client_watch_fd(struct ide_client *client, int fd)
{
    client->fd = fd;
}
