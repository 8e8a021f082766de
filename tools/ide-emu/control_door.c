/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/control_door.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/ide-emu/socket_server.h"

#define CLIENTS_MAX    16u
#define LINE_MAX_BYTES 2048u

struct control_door {
    struct orders orders;
    pthread_mutex_t lock; /* one order after the other, whoever gives them */
    struct socket_server *server;
};

/* What has come of a client's line. */
struct line {
    char text[LINE_MAX_BYTES];
    size_t len;
};

static bool answer_line(struct control_door *d, int fd, char *line)
{
    pthread_mutex_lock(&d->lock);
    char *answer = orders_obey(&d->orders, line);
    pthread_mutex_unlock(&d->lock);
    bool ok = answer && socket_send(fd, answer, strlen(answer)) && socket_send(fd, "\n", 1);
    free(answer);
    return ok;
}

/* Obeys the whole lines that are there; false if the client is to be dropped. */
static bool serve_lines(struct control_door *d, int fd, struct line *line)
{
    ssize_t got = recv(fd, line->text + line->len, sizeof line->text - line->len, 0);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    line->len += (size_t)got;
    char *end;
    while ((end = memchr(line->text, '\n', line->len)) != NULL) {
        size_t used = (size_t)(end - line->text) + 1;
        *end = '\0';
        if (!answer_line(d, fd, line->text))
            return false;
        memmove(line->text, line->text + used, line->len - used);
        line->len -= used;
    }
    return line->len < sizeof line->text;
}

static void serve(const struct socket_connection *c)
{
    while (serve_lines(c->context, c->fd, c->room))
        ;
}

struct control_door *control_door_open(const struct orders *orders, const char *path, char *error,
                                       size_t size)
{
    struct control_door *d = calloc(1, sizeof *d);
    if (!d) {
        snprintf(error, size, "%s: out of memory", path);
        return NULL;
    }
    const struct socket_service service = {.name = "the control socket",
                                           .client = "control",
                                           .clients_max = CLIENTS_MAX,
                                           .room = sizeof(struct line),
                                           .serve = serve,
                                           .context = d};
    d->orders = *orders;
    pthread_mutex_init(&d->lock, NULL);
    d->server = socket_server_open_path(&service, path, error, size);
    if (d->server)
        return d;
    pthread_mutex_destroy(&d->lock);
    free(d);
    return NULL;
}

void control_door_close(struct control_door *door)
{
    if (!door)
        return;
    socket_server_close(door->server);
    pthread_mutex_destroy(&door->lock);
    free(door);
}
