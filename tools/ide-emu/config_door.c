/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/config_door.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/ide-emu/config_message.h"

#define CLIENTS_MAX ((size_t)2 * PLATFORM_FUNCTIONS_MAX) /* QEMU's test device has two */

struct client {
    struct config_door *door;
    pthread_t thread;
    int fd;
    bool ended; /* the thread can be joined; with the door's lock */
};

struct config_door {
    struct emu *emu;
    struct sockaddr_un address;
    int listener, end;
    pthread_t thread;
    pthread_mutex_t lock;
    struct client *clients[CLIENTS_MAX];
};

static bool receive(int fd, uint8_t bytes[static CONFIG_REQUEST_SIZE])
{
    size_t have = 0;
    while (have < CONFIG_REQUEST_SIZE) {
        ssize_t got = recv(fd, bytes + have, CONFIG_REQUEST_SIZE - have, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        have += (size_t)got;
    }
    return true;
}

/* False if the connection is over. */
static bool serve_request(struct client *c, const uint8_t bytes[static CONFIG_REQUEST_SIZE])
{
    struct config_request request;
    struct config_reply reply = {CONFIG_REFUSED, UINT64_MAX};
    uint8_t out[CONFIG_REPLY_SIZE];
    if (config_request_decode(bytes, &request))
        reply = config_request_serve(c->door->emu, &request);
    else
        fprintf(stderr, "ide-emu: the config socket: a request that is none: operation %u, size %u\n",
                bytes[0], bytes[1]);
    config_reply_encode(&reply, out);
    return send(c->fd, out, sizeof out, MSG_NOSIGNAL) == (ssize_t)sizeof out &&
           reply.status != CONFIG_REFUSED;
}

static void *serve_client(void *context)
{
    struct client *c = context;
    uint8_t bytes[CONFIG_REQUEST_SIZE];
    while (receive(c->fd, bytes) && serve_request(c, bytes))
        ;
    pthread_mutex_lock(&c->door->lock);
    shutdown(c->fd, SHUT_RDWR);
    c->ended = true;
    pthread_mutex_unlock(&c->door->lock);
    return NULL;
}

static void free_client(struct config_door *d, size_t i)
{
    pthread_join(d->clients[i]->thread, NULL);
    close(d->clients[i]->fd);
    free(d->clients[i]);
    d->clients[i] = NULL;
}

static bool has_ended(struct config_door *d, size_t i)
{
    pthread_mutex_lock(&d->lock);
    bool ended = d->clients[i] && d->clients[i]->ended;
    pthread_mutex_unlock(&d->lock);
    return ended;
}

static bool start_client(struct config_door *d, size_t i, int fd)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->door = d;
    c->fd = fd;
    if (pthread_create(&c->thread, NULL, serve_client, c) != 0) {
        free(c);
        return false;
    }
    d->clients[i] = c;
    return true;
}

static void accept_client(struct config_door *d)
{
    int fd = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (has_ended(d, i))
            free_client(d, i);
        if (!d->clients[i]) {
            if (!start_client(d, i, fd))
                close(fd);
            return;
        }
    }
    fprintf(stderr, "ide-emu: the config socket has more than %zu clients\n", CLIENTS_MAX);
    close(fd);
}

static void *serve(void *context)
{
    struct config_door *d = context;
    struct pollfd polls[] = {{.fd = d->end, .events = POLLIN}, {.fd = d->listener, .events = POLLIN}};
    while (polls[0].revents == 0) {
        if (poll(polls, 2, -1) > 0 && polls[1].revents)
            accept_client(d);
    }
    return NULL;
}

/* A socket that nobody listens at is what an ide-emu that was killed left. A path that is no socket counts as
 * taken. */
static bool is_taken(const struct sockaddr_un *address)
{
    struct stat st;
    if (lstat(address->sun_path, &st) != 0)
        return false;
    if (!S_ISSOCK(st.st_mode))
        return true;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0)
        close(fd);
    return taken;
}

static bool start_listening(struct config_door *d)
{
    d->end = eventfd(0, EFD_CLOEXEC);
    d->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (d->listener < 0 || d->end < 0)
        return false;
    unlink(d->address.sun_path);
    mode_t mask = umask(0177);
    bool ok = bind(d->listener, (const struct sockaddr *)&d->address, sizeof d->address) == 0;
    umask(mask);
    return ok && listen(d->listener, SOMAXCONN) == 0;
}

static void free_door(struct config_door *d)
{
    if (d->listener >= 0)
        close(d->listener);
    if (d->end >= 0)
        close(d->end);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

struct config_door *config_door_open(struct emu *emu, const char *path, char *error, size_t size)
{
    struct config_door *d = calloc(1, sizeof *d);
    if (!d || strlen(path) >= sizeof d->address.sun_path) {
        snprintf(error, size, "%s: %s", path, d ? "the path is too long for a socket" : "out of memory");
        free(d);
        return NULL;
    }
    d->emu = emu;
    d->listener = d->end = -1;
    d->address.sun_family = AF_UNIX;
    memcpy(d->address.sun_path, path, strlen(path));
    pthread_mutex_init(&d->lock, NULL);
    if (is_taken(&d->address))
        snprintf(error, size, "%s: is in use", path);
    else if (!start_listening(d) || pthread_create(&d->thread, NULL, serve, d) != 0)
        snprintf(error, size, "%s: %s", path, strerror(errno));
    else
        return d;
    free_door(d);
    return NULL;
}

void config_door_close(struct config_door *door)
{
    if (!door)
        return;
    eventfd_write(door->end, 1);
    pthread_join(door->thread, NULL);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (!door->clients[i])
            continue;
        pthread_mutex_lock(&door->lock);
        shutdown(door->clients[i]->fd, SHUT_RDWR);
        pthread_mutex_unlock(&door->lock);
        free_client(door, i);
    }
    unlink(door->address.sun_path);
    free_door(door);
}
