/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/config_door.h"

#include <stdio.h>

#include "tools/ide-emu/config_message.h"

#define CLIENTS_MAX ((size_t)2 * PLATFORM_FUNCTIONS_MAX) /* QEMU's test device has two */

/* False if the connection is over. */
static bool serve_request(struct emu *emu, int fd, const uint8_t bytes[static CONFIG_REQUEST_SIZE])
{
    struct config_request request;
    struct config_reply reply = {CONFIG_REFUSED, UINT64_MAX};
    uint8_t out[CONFIG_REPLY_SIZE];
    if (config_request_decode(bytes, &request))
        reply = config_request_serve(emu, &request);
    else
        fprintf(stderr, "ide-emu: the config socket: a request that is none: operation %u, size %u\n",
                bytes[0], bytes[1]);
    config_reply_encode(&reply, out);
    return socket_send(fd, out, sizeof out) && reply.status != CONFIG_REFUSED;
}

static void serve(const struct socket_connection *c)
{
    uint8_t bytes[CONFIG_REQUEST_SIZE];
    while (socket_receive(c->fd, bytes, sizeof bytes) && serve_request(c->context, c->fd, bytes))
        ;
}

struct socket_server *config_door_open(struct emu *emu, const char *path, char *error, size_t size)
{
    const struct socket_service service = {.name = "the config socket",
                                           .client = "config",
                                           .clients_max = CLIENTS_MAX,
                                           .serve = serve,
                                           .context = emu};
    return socket_server_open_path(&service, path, error, size);
}
