/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/spdm_door.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/ide-emu/device.h"
#include "tools/ide-emu/spdm_socket.h"

#define CLIENTS_MAX 64u

/* The longest request: more than any of ours, and far less than the 2^32 bytes that a client may announce. */
#define REQUEST_MAX DEVICE_OBJECT_MAX

static const char greeting[] = "Server Hello!";   /* with its NUL, as spdm-emu sends it */

struct client {
    struct spdm_door *door;
    pthread_t thread;
    int fd;
    bool started, ended;   /* ended: the thread can be joined; with the door's lock */
    uint8_t request[REQUEST_MAX], response[DEVICE_OBJECT_MAX];
};

struct spdm_door {
    struct emu_function *function;
    int listener, end;
    pthread_t thread;
    pthread_mutex_t lock;
    struct client *clients[CLIENTS_MAX];
};

/* False if the connection is over. */
static bool serve_object(struct client *c, size_t len)
{
    struct device *d = c->door->function->device;
    struct answer a = device_answer(d, c->request, len, c->response, sizeof c->response);
    if (a.delay_ms) {
        struct pollfd end = {.fd = c->door->end, .events = POLLIN};
        poll(&end, 1, (int)a.delay_ms);
    }
    /* No answer is no answer here too; a mailbox's ERROR bit has no counterpart but the connection's end. */
    if (a.kind == ANSWER_NONE)
        return true;
    return a.kind == ANSWER_OBJECT && spdm_socket_send(c->fd, SPDM_SOCKET_NORMAL, c->response, a.len);
}

static bool serve_message(struct client *c, const struct spdm_socket_message *m)
{
    if (m->transport != SPDM_SOCKET_PCI_DOE)
        return false;
    switch (m->command) {
    case SPDM_SOCKET_NORMAL:
        return serve_object(c, m->len);
    case SPDM_SOCKET_TEST:
        return spdm_socket_send(c->fd, SPDM_SOCKET_TEST, (const uint8_t *)greeting, sizeof greeting);
    case SPDM_SOCKET_CONTINUE:
    case SPDM_SOCKET_SHUTDOWN: /* ends this connection only: others may be at work */
        spdm_socket_send(c->fd, m->command, NULL, 0);
        return false;
    default:
        spdm_socket_send(c->fd, SPDM_SOCKET_UNKNOWN, NULL, 0);
        return false;
    }
}

static void *serve_client(void *context)
{
    struct client *c = context;
    struct spdm_socket_message m;
    const char *why = NULL;
    while (spdm_socket_receive(c->fd, &m, c->request, sizeof c->request, 0, &why) && serve_message(c, &m))
        ;
    if (why)
        fprintf(stderr, "ide-emu: %s: SPDM client: %s\n", c->door->function->name, why);
    pthread_mutex_lock(&c->door->lock);
    shutdown(c->fd, SHUT_RDWR);
    c->ended = true;
    pthread_mutex_unlock(&c->door->lock);
    return NULL;
}

static void free_client(struct spdm_door *d, size_t i)
{
    pthread_join(d->clients[i]->thread, NULL);
    close(d->clients[i]->fd);
    free(d->clients[i]);
    d->clients[i] = NULL;
}

static bool has_ended(struct spdm_door *d, size_t i)
{
    pthread_mutex_lock(&d->lock);
    bool ended = d->clients[i] && d->clients[i]->ended;
    pthread_mutex_unlock(&d->lock);
    return ended;
}

static bool start_client(struct spdm_door *d, size_t i, int fd)
{
    struct client *c = calloc(1, sizeof *c);
    if (!c)
        return false;
    c->door = d;
    c->fd = fd;
    spdm_socket_prepare(fd);
    if (pthread_create(&c->thread, NULL, serve_client, c) != 0) {
        free(c);
        return false;
    }
    d->clients[i] = c;
    return true;
}

static void accept_client(struct spdm_door *d)
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
    fprintf(stderr, "ide-emu: %s: more than %u SPDM clients\n", d->function->name, CLIENTS_MAX);
    close(fd);
}

static void *serve(void *context)
{
    struct spdm_door *d = context;
    struct pollfd polls[] = {{.fd = d->end, .events = POLLIN}, {.fd = d->listener, .events = POLLIN}};
    while (polls[0].revents == 0) {
        if (poll(polls, 2, -1) > 0 && polls[1].revents)
            accept_client(d);
    }
    return NULL;
}

static bool start_listening(struct spdm_door *d, uint16_t port, uint16_t *chosen)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int on = 1;
    d->end = eventfd(0, EFD_CLOEXEC);
    d->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (d->listener < 0 || d->end < 0)
        return false;
    setsockopt(d->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(d->listener, (const struct sockaddr *)&address, len) != 0 || listen(d->listener, SOMAXCONN) != 0 ||
        getsockname(d->listener, (struct sockaddr *)&address, &len) != 0)
        return false;
    *chosen = ntohs(address.sin_port);
    return true;
}

static void free_door(struct spdm_door *d)
{
    if (d->listener >= 0)
        close(d->listener);
    if (d->end >= 0)
        close(d->end);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

struct spdm_door *spdm_door_open(struct emu_function *f, uint16_t port, uint16_t *chosen, char *error, size_t size)
{
    struct spdm_door *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(error, size, "%s: out of memory", f->name);
        return NULL;
    }
    d->function = f;
    d->listener = d->end = -1;
    pthread_mutex_init(&d->lock, NULL);
    if (start_listening(d, port, chosen) && pthread_create(&d->thread, NULL, serve, d) == 0)
        return d;
    snprintf(error, size, "%s: port %u of 127.0.0.1: %s", f->name, port, strerror(errno));
    free_door(d);
    return NULL;
}

void spdm_door_close(struct spdm_door *door)
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
    free_door(door);
}
