/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/spdm_door.h"

#include <stdio.h>

#include "tools/ide-emu/device.h"
#include "tools/ide-emu/spdm_socket.h"

#define CLIENTS_MAX 64u

/* The longest request: more than any of ours, and far less than the 2^32 bytes that a client may announce. */
#define REQUEST_MAX DEVICE_OBJECT_MAX

static const char greeting[] = "Server Hello!"; /* with its NUL, as spdm-emu sends it */

/* One client's. */
struct objects {
    uint8_t request[REQUEST_MAX], response[DEVICE_OBJECT_MAX];
};

/* False if the connection is over. */
static bool serve_object(const struct socket_connection *c, size_t len)
{
    const struct emu_function *f = c->context;
    struct objects *o = c->room;
    struct answer a = device_answer(f->device, o->request, len, o->response, sizeof o->response);
    if (a.delay_ms)
        socket_server_pause(c->server, a.delay_ms);
    /* No answer is no answer here too; a mailbox's ERROR bit has no counterpart but the connection's end. */
    if (a.kind == ANSWER_NONE)
        return true;
    return a.kind == ANSWER_OBJECT && spdm_socket_send(c->fd, SPDM_SOCKET_NORMAL, o->response, a.len);
}

static bool serve_message(const struct socket_connection *c, const struct spdm_socket_message *m)
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

static void serve(const struct socket_connection *c)
{
    const struct emu_function *f = c->context;
    struct objects *o = c->room;
    struct spdm_socket_message m;
    const char *why = NULL;
    spdm_socket_prepare(c->fd);
    while (spdm_socket_receive(c->fd, &m, o->request, sizeof o->request, 0, &why) && serve_message(c, &m))
        ;
    if (why)
        fprintf(stderr, "ide-emu: %s: SPDM client: %s\n", f->name, why);
}

struct socket_server *spdm_door_open(struct emu_function *f, uint16_t port, uint16_t *chosen, char *error,
                                     size_t size)
{
    const struct socket_service service = {.name = f->name,
                                           .client = "SPDM",
                                           .clients_max = CLIENTS_MAX,
                                           .room = sizeof(struct objects),
                                           .serve = serve,
                                           .context = f};
    return socket_server_open_port(&service, port, chosen, error, size);
}
