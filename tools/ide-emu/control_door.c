/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/control_door.h"

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

#define CLIENTS_MAX 16u
#define LINE_MAX_BYTES 2048u

/* The descriptors that are polled: what ends the thread, the listener, the clients. */
#define POLL_END 0u
#define POLL_LISTENER 1u
#define POLL_CLIENTS 2u

struct client {
    char line[LINE_MAX_BYTES];
    size_t len;
};

struct control_door {
    struct orders orders;
    struct sockaddr_un address;
    struct pollfd polls[POLL_CLIENTS + CLIENTS_MAX];
    struct client clients[CLIENTS_MAX];
    pthread_t thread;
};

static bool send_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        text += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool answer_line(struct control_door *d, int fd, char *line)
{
    char *answer = orders_obey(&d->orders, line);
    bool ok = answer && send_all(fd, answer, strlen(answer)) && send_all(fd, "\n", 1);
    free(answer);
    return ok;
}

/* Obeys the whole lines that are there; false if the client is to be dropped. */
static bool serve_client(struct control_door *d, struct client *c, int fd)
{
    ssize_t got = recv(fd, c->line + c->len, sizeof c->line - c->len, 0);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    c->len += (size_t)got;
    char *end;
    while ((end = memchr(c->line, '\n', c->len)) != NULL) {
        size_t used = (size_t)(end - c->line) + 1;
        *end = '\0';
        if (!answer_line(d, fd, c->line))
            return false;
        memmove(c->line, c->line + used, c->len - used);
        c->len -= used;
    }
    return c->len < sizeof c->line;
}

static void accept_client(struct control_door *d)
{
    int fd = accept4(d->polls[POLL_LISTENER].fd, NULL, NULL, SOCK_CLOEXEC);
    for (size_t i = 0; fd >= 0 && i < CLIENTS_MAX; i++)
        if (d->polls[POLL_CLIENTS + i].fd < 0) {
            /* One thread serves all: a client that does not read its answers must not stop it. */
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = 1}, sizeof(struct timeval));
            d->polls[POLL_CLIENTS + i].fd = fd;
            d->clients[i].len = 0;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void *serve(void *context)
{
    struct control_door *d = context;
    while (d->polls[POLL_END].revents == 0) {
        if (poll(d->polls, POLL_CLIENTS + CLIENTS_MAX, -1) < 0)
            continue;
        for (size_t i = 0; i < CLIENTS_MAX; i++) {
            struct pollfd *p = &d->polls[POLL_CLIENTS + i];
            if (p->fd >= 0 && p->revents && !serve_client(d, &d->clients[i], p->fd)) {
                close(p->fd);
                p->fd = -1;
            }
        }
        if (d->polls[POLL_LISTENER].revents)
            accept_client(d);
    }
    return NULL;
}

/* Whether somebody listens there. A path that is no socket counts as taken. */
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

static bool start_listening(struct control_door *d)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    d->polls[POLL_LISTENER].fd = fd;
    unlink(d->address.sun_path);
    mode_t mask = umask(0177);
    bool ok = bind(fd, (const struct sockaddr *)&d->address, sizeof d->address) == 0;
    umask(mask);
    return ok && listen(fd, CLIENTS_MAX) == 0;
}

static void free_door(struct control_door *d)
{
    for (size_t i = 0; i < POLL_CLIENTS + CLIENTS_MAX; i++)
        if (d->polls[i].fd >= 0)
            close(d->polls[i].fd);
    free(d);
}

struct control_door *control_door_open(const struct orders *orders, const char *path, char *error, size_t size)
{
    struct control_door *d = calloc(1, sizeof *d);
    if (!d || strlen(path) >= sizeof d->address.sun_path) {
        snprintf(error, size, "%s: %s", path, d ? "the path is too long for a socket" : "out of memory");
        free(d);
        return NULL;
    }
    d->orders = *orders;
    d->address.sun_family = AF_UNIX;
    memcpy(d->address.sun_path, path, strlen(path));
    for (size_t i = 0; i < POLL_CLIENTS + CLIENTS_MAX; i++)
        d->polls[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    d->polls[POLL_END].fd = eventfd(0, EFD_CLOEXEC);
    if (is_taken(&d->address)) {
        snprintf(error, size, "%s: is in use", path);
    } else if (!start_listening(d) || pthread_create(&d->thread, NULL, serve, d) != 0) {
        snprintf(error, size, "%s: %s", path, strerror(errno));
    } else {
        return d;
    }
    free_door(d);
    return NULL;
}

void control_door_close(struct control_door *door)
{
    if (!door)
        return;
    eventfd_write(door->polls[POLL_END].fd, 1);
    pthread_join(door->thread, NULL);
    unlink(door->address.sun_path);
    free_door(door);
}
