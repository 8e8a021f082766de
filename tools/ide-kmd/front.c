/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/front.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

#define STEP      "listen"
#define LINGER_MS 1000 /* the last replies still go out */
#define WELCOME   "{\"v\": 1, \"event\": \"hello\", \"instance\": \"%s\"}"

static bool is_ipc(const char *endpoint)
{
    return strncmp(endpoint, "ipc://", 6) == 0;
}

static bool is_local_tcp(const char *endpoint)
{
    static const char *const local[] = {"tcp://127.", "tcp://localhost:", "tcp://[::1]:"};
    for (size_t i = 0; i < sizeof local / sizeof *local; i++)
        if (strncmp(endpoint, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

static enum ide_err check_endpoint(struct front *front, const char *endpoint, struct failure *failure)
{
    if (!api_events_endpoint(endpoint, front->events_endpoint))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "listen",
                           "\"%.120s\" is neither ipc://PATH nor tcp://ADDRESS:PORT", endpoint);
    if (is_ipc(endpoint) && strlen(front->events_endpoint) - 6 >= sizeof((struct sockaddr_un *)0)->sun_path)
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "listen",
                           "the path of the socket is too long: %.120s", endpoint + 6);
    if (!is_ipc(endpoint) && !is_local_tcp(endpoint))
        return failure_set(failure, IDE_E_ARGUMENT, STEP, "listen",
                           "tcp is for this machine's own addresses only (127.0.0.1): %.120s", endpoint);
    return IDE_OK;
}

/* The last directory of the path; those above it are the operator's. */
static enum ide_err make_directory(const char *path, struct failure *failure)
{
    char directory[API_ENDPOINT_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (!slash || slash == directory)
        return IDE_OK;
    *slash = '\0';
    if (mkdir(directory, 0700) == 0 || errno == EEXIST)
        return IDE_OK;
    return failure_set(failure, IDE_E_IO, STEP, "listen", "%s: %s", directory, strerror(errno));
}

/* libzmq takes a socket's path from whoever had it without a word; so who holds the lock beside it is the
 * controller. */
static enum ide_err take_lock(struct front *front, const char *path, struct failure *failure)
{
    char name[API_ENDPOINT_MAX + 8];
    snprintf(name, sizeof name, "%s.lock", path);
    front->lock = open(name, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (front->lock < 0)
        return failure_set(failure, IDE_E_IO, STEP, "listen", "%s: %s", name, strerror(errno));
    if (flock(front->lock, LOCK_EX | LOCK_NB) != 0) {
        close(front->lock);
        front->lock = -1;
        return failure_set(failure, IDE_E_BUSY, STEP, "listen", "another ide-kmd listens at %.120s", path);
    }
    snprintf(front->path, sizeof front->path, "%s", path);
    return IDE_OK;
}

static enum ide_err bind_socket(zsock_t *socket, const char *endpoint, struct failure *failure)
{
    zsock_set_linger(socket, LINGER_MS);
    zsock_set_maxmsgsize(socket, (int)API_FRAME_MAX);
    if (zsock_bind(socket, "%s", endpoint) >= 0)
        return IDE_OK;
    return failure_set(failure, IDE_E_IO, STEP, "listen", "%.120s: %s", endpoint, zmq_strerror(zmq_errno()));
}

static enum ide_err open_all(struct front *front, const char *endpoint, struct failure *failure)
{
    enum ide_err err = check_endpoint(front, endpoint, failure);
    if (err == IDE_OK && history_open(&front->history) != IDE_OK)
        err = failure_set(failure, IDE_E_MEMORY, STEP, NULL, "no memory or random number for events");
    if (err == IDE_OK && is_ipc(endpoint))
        err = make_directory(endpoint + 6, failure);
    if (err == IDE_OK && is_ipc(endpoint))
        err = take_lock(front, endpoint + 6, failure);
    if (err != IDE_OK)
        return err;
    front->requests = zsock_new(ZMQ_ROUTER);
    front->events = zsock_new(ZMQ_XPUB);
    if (!front->requests || !front->events)
        return failure_set(failure, IDE_E_MEMORY, STEP, NULL, "no socket could be made");
    /* A subscriber that has this knows that it misses nothing from now on. */
    char welcome[sizeof WELCOME + HISTORY_INSTANCE];
    snprintf(welcome, sizeof welcome, WELCOME, front->history.instance);
    zsock_set_xpub_welcome_msg(front->events, welcome);
    err = bind_socket(front->events, front->events_endpoint, failure);
    return err == IDE_OK ? bind_socket(front->requests, endpoint, failure) : err;
}

enum ide_err front_open(struct front *front, const char *endpoint, struct failure *failure)
{
    *front = (struct front){.lock = -1};
    enum ide_err err = open_all(front, endpoint, failure);
    if (err != IDE_OK)
        front_close(front);
    return err;
}

void front_close(struct front *front)
{
    zsock_destroy(&front->requests);
    zsock_destroy(&front->events);
    history_close(&front->history);
    if (front->lock < 0)
        return;
    /* Nobody connects to a controller that is gone. While the lock is held these are ours. */
    unlink(front->path);
    unlink(front->events_endpoint + 6);
    close(front->lock);
    front->lock = -1;
}

bool front_receive(struct front *front, struct client *client, zframe_t **payload)
{
    zmsg_t *message = zmsg_recv(front->requests);
    *client = (struct client){.identity = message ? zmsg_pop(message) : NULL};
    *payload = message ? zmsg_pop(message) : NULL;
    if (*payload && zframe_size(*payload) == 0 && zmsg_size(message) > 0) {
        client->has_delimiter = true;
        zframe_destroy(payload);
        *payload = zmsg_pop(message);
    }
    zmsg_destroy(&message);
    if (client->identity && *payload)
        return true;
    client_release(client);
    return false;
}

/* The text of a message; what is in it is never secret, so that it may be copied. */
static zframe_t *frame_of(json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (!text)
        return NULL;
    zframe_t *frame = zframe_new(text, strlen(text));
    free(text);
    return frame;
}

void front_reply(struct front *front, const struct client *client, json_t *message)
{
    front->replies++;
    front->errors += json_object_get(message, "error") != NULL;
    zframe_t *identity = zframe_dup(client->identity), *frame = frame_of(message);
    if (frame && zframe_send(&identity, front->requests, ZFRAME_MORE | ZFRAME_DONTWAIT) == 0) {
        if (client->has_delimiter) {
            zframe_t *delimiter = zframe_new_empty();
            zframe_send(&delimiter, front->requests, ZFRAME_MORE | ZFRAME_DONTWAIT);
        }
        zframe_send(&frame, front->requests, ZFRAME_DONTWAIT);
    }
    zframe_destroy(&identity);
    zframe_destroy(&frame);
}

void front_publish(struct front *front, json_t *event)
{
    json_object_set_new(event, "v", json_integer(API_VERSION));
    json_object_set_new(event, "seq", json_integer((json_int_t)history_next(&front->history)));
    char *text = json_dumps(event, JSON_COMPACT);
    json_decref(event);
    zframe_t *frame = text ? zframe_new(text, strlen(text)) : NULL;
    if (frame)
        zframe_send(&frame, front->events, ZFRAME_DONTWAIT);
    zframe_destroy(&frame);
    history_add(&front->history, text);
}

void front_drain_subscriptions(struct front *front)
{
    zframe_t *frame = zframe_recv(front->events);
    zframe_destroy(&frame);
}

void client_release(struct client *client)
{
    zframe_destroy(&client->identity);
}
