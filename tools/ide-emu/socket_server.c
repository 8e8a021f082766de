/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/socket_server.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* How long a client waits for another one to end where there is no room, and how often that is looked at. */
#define PATIENCE_MS 500u
#define LOOK_MS     10u

struct client {
    struct client *next;
    struct socket_server *server;
    pthread_t thread;
    int fd;
    bool ended; /* the thread can be joined; with the server's lock */
    max_align_t room[];
};

struct socket_server {
    struct socket_service service;
    struct sockaddr_un address; /* sun_path empty: it is a port */
    int listener, end;
    pthread_t thread;
    pthread_mutex_t lock;
    struct client *clients; /* a list, of the thread that accepts */
    size_t count;
};

/* ---- bytes --------------------------------------------------------------- */

bool socket_receive(int fd, uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t got = recv(fd, bytes, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        bytes += got;
        n -= (size_t)got;
    }
    return true;
}

bool socket_send(int fd, const void *bytes, size_t n)
{
    const uint8_t *left = bytes;
    while (n > 0) {
        ssize_t sent = send(fd, left, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        left += sent;
        n -= (size_t)sent;
    }
    return true;
}

/* ---- connections --------------------------------------------------------- */

static void *serve_client(void *context)
{
    struct client *c = context;
    struct socket_server *s = c->server;
    const struct socket_connection connection = {s, s->service.context, c->fd, c->room};
    s->service.serve(&connection);
    pthread_mutex_lock(&s->lock);
    shutdown(c->fd, SHUT_RDWR);
    c->ended = true;
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static bool start_client(struct socket_server *s, int fd)
{
    struct client *c = calloc(1, sizeof *c + s->service.room);
    if (!c)
        return false;
    *c = (struct client){.next = s->clients, .server = s, .fd = fd};
    if (pthread_create(&c->thread, NULL, serve_client, c) != 0) {
        free(c);
        return false;
    }
    s->clients = c;
    s->count++;
    return true;
}

static void free_client(struct socket_server *s, struct client **at)
{
    struct client *c = *at;
    *at = c->next;
    s->count--;
    pthread_join(c->thread, NULL);
    close(c->fd);
    free(c);
}

static bool has_ended(struct client *c)
{
    pthread_mutex_lock(&c->server->lock);
    bool ended = c->ended;
    pthread_mutex_unlock(&c->server->lock);
    return ended;
}

static void free_ended(struct socket_server *s)
{
    for (struct client **at = &s->clients; *at;) {
        if (has_ended(*at))
            free_client(s, at);
        else
            at = &(*at)->next;
    }
}

static void accept_client(struct socket_server *s)
{
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return;
    free_ended(s);
    /* on a busy machine one that has closed its connection may not have been heard yet */
    for (unsigned ms = 0; s->count >= s->service.clients_max && ms < PATIENCE_MS; ms += LOOK_MS) {
        socket_server_pause(s, LOOK_MS);
        free_ended(s);
    }
    bool full = s->count >= s->service.clients_max;
    if (full)
        fprintf(stderr, "ide-emu: %s: more than %zu %s clients\n", s->service.name, s->service.clients_max,
                s->service.client);
    if (full || !start_client(s, fd))
        close(fd);
}

static void *run(void *context)
{
    struct socket_server *s = context;
    struct pollfd polls[] = {{.fd = s->end, .events = POLLIN}, {.fd = s->listener, .events = POLLIN}};
    while (polls[0].revents == 0) {
        if (poll(polls, 2, -1) > 0 && polls[1].revents)
            accept_client(s);
    }
    return NULL;
}

void socket_server_pause(const struct socket_server *server, uint32_t ms)
{
    struct pollfd end = {.fd = server->end, .events = POLLIN};
    poll(&end, 1, (int)ms);
}

/* ---- where it listens ---------------------------------------------------- */

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

static bool listen_at_path(struct socket_server *s)
{
    s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0)
        return false;
    unlink(s->address.sun_path);
    mode_t mask = umask(0177);
    bool ok = bind(s->listener, (const struct sockaddr *)&s->address, sizeof s->address) == 0;
    umask(mask);
    return ok && listen(s->listener, SOMAXCONN) == 0;
}

static bool listen_at_port(struct socket_server *s, uint16_t port, uint16_t *chosen)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int on = 1;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->listener < 0)
        return false;
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listener, (const struct sockaddr *)&address, len) != 0 ||
        listen(s->listener, SOMAXCONN) != 0 ||
        getsockname(s->listener, (struct sockaddr *)&address, &len) != 0)
        return false;
    *chosen = ntohs(address.sin_port);
    return true;
}

/* ---- its life ------------------------------------------------------------ */

static struct socket_server *new_server(const struct socket_service *service)
{
    struct socket_server *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->service = *service;
    s->listener = -1;
    s->end = eventfd(0, EFD_CLOEXEC);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void free_server(struct socket_server *s)
{
    if (s->listener >= 0)
        close(s->listener);
    if (s->end >= 0)
        close(s->end);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static bool start(struct socket_server *s)
{
    if (s->end < 0)
        return false;
    int failed = pthread_create(&s->thread, NULL, run, s);
    if (failed)
        errno = failed;
    return !failed;
}

struct socket_server *socket_server_open_path(const struct socket_service *service, const char *path,
                                              char *error, size_t size)
{
    struct socket_server *s = new_server(service);
    if (!s || strlen(path) >= sizeof s->address.sun_path) {
        snprintf(error, size, "%s: %s", path, s ? "the path is too long for a socket" : "out of memory");
    } else {
        s->address.sun_family = AF_UNIX;
        memcpy(s->address.sun_path, path, strlen(path));
        if (is_taken(&s->address))
            snprintf(error, size, "%s: is in use", path);
        else if (listen_at_path(s) && start(s))
            return s;
        else
            snprintf(error, size, "%s: %s", path, strerror(errno));
    }
    if (s)
        free_server(s);
    return NULL;
}

struct socket_server *socket_server_open_port(const struct socket_service *service, uint16_t port,
                                              uint16_t *chosen, char *error, size_t size)
{
    struct socket_server *s = new_server(service);
    if (s && listen_at_port(s, port, chosen) && start(s))
        return s;
    snprintf(error, size, "%s: port %u of 127.0.0.1: %s", service->name, port,
             s ? strerror(errno) : "out of memory");
    if (s)
        free_server(s);
    return NULL;
}

void socket_server_close(struct socket_server *s)
{
    if (!s)
        return;
    eventfd_write(s->end, 1);
    pthread_join(s->thread, NULL);
    while (s->clients) {
        pthread_mutex_lock(&s->lock);
        shutdown(s->clients->fd, SHUT_RDWR);
        pthread_mutex_unlock(&s->lock);
        free_client(s, &s->clients);
    }
    if (s->address.sun_path[0])
        unlink(s->address.sun_path);
    free_server(s);
}
