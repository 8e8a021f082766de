/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/ide-emu/spdm_socket.h"

/* Whoever waits at the mailbox gives up after 1 s (PCIe 6.x §6.30.2); a little more lets him see his own timeout. */
#define EXCHANGE_MS 1500u
#define NOT_CONNECTED (-1)

struct bridge {
    char *host, *port;
    int fd;
};

struct bridge *bridge_new(const char *host, const char *port)
{
    struct bridge *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->fd = NOT_CONNECTED;
    b->host = strdup(host);
    b->port = strdup(port);
    if (b->host && b->port)
        return b;
    bridge_free(b);
    return NULL;
}

static void disconnect(struct bridge *b)
{
    if (b->fd != NOT_CONNECTED)
        close(b->fd);
    b->fd = NOT_CONNECTED;
}

void bridge_free(struct bridge *b)
{
    if (!b)
        return;
    /* Leaving without a word ends spdm-emu's responder; this lets it wait for the next requester. */
    if (b->fd != NOT_CONNECTED && spdm_socket_send(b->fd, SPDM_SOCKET_CONTINUE, NULL, 0)) {
        struct spdm_socket_message m;
        uint8_t none[1];
        const char *why;
        spdm_socket_receive(b->fd, &m, none, 0, monotonic_ms() + EXCHANGE_MS, &why);
    }
    disconnect(b);
    free(b->host);
    free(b->port);
    free(b);
}

static bool finish_connect(int fd, uint64_t deadline_ms)
{
    uint64_t now = monotonic_ms();
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    int failure = 0;
    socklen_t len = sizeof failure;
    return now < deadline_ms && poll(&p, 1, (int)(deadline_ms - now)) == 1 &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) == 0 && failure == 0;
}

static int connect_to(const struct addrinfo *address, uint64_t deadline_ms)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (fd < 0)
        return NOT_CONNECTED;
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 &&
        (errno != EINPROGRESS || !finish_connect(fd, deadline_ms))) {
        close(fd);
        return NOT_CONNECTED;
    }
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    spdm_socket_prepare(fd);
    return fd;
}

static bool ensure_connected(struct bridge *b, uint64_t deadline_ms)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    if (b->fd != NOT_CONNECTED)
        return true;
    if (getaddrinfo(b->host, b->port, &hints, &list) != 0)
        return false;
    for (struct addrinfo *a = list; a && b->fd == NOT_CONNECTED; a = a->ai_next)
        b->fd = connect_to(a, deadline_ms);
    freeaddrinfo(list);
    return b->fd != NOT_CONNECTED;
}

static bool transfer(struct bridge *b, const uint8_t *request, size_t len, uint8_t *response, size_t cap,
                     size_t *response_len, const char **why)
{
    uint64_t deadline_ms = monotonic_ms() + EXCHANGE_MS;
    struct spdm_socket_message m;
    *why = "cannot connect to the external responder";
    if (!ensure_connected(b, deadline_ms))
        return false;
    *why = "the external responder closed the connection";
    if (!spdm_socket_send(b->fd, SPDM_SOCKET_NORMAL, request, len) ||
        !spdm_socket_receive(b->fd, &m, response, cap, deadline_ms, why))
        return false;
    *why = "the external responder's answer is no PCI DOE object";
    *response_len = m.len;
    return m.command == SPDM_SOCKET_NORMAL && m.transport == SPDM_SOCKET_PCI_DOE && m.len > 0 && m.len % 4 == 0;
}

bool bridge_exchange(struct bridge *b, const uint8_t *request, size_t len, uint8_t *response, size_t cap,
                     size_t *response_len, const char **why)
{
    bool ok = transfer(b, request, len, response, cap, response_len, why);
    if (!ok)
        disconnect(b);
    return ok;
}
