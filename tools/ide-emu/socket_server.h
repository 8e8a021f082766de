/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all doors that are sockets have in common: somebody who listens, a thread for each connection, and an
 * end that waits for all of them.
 */
#ifndef IDE_EMU_SOCKET_SERVER_H
#define IDE_EMU_SOCKET_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct socket_server;

struct socket_connection {
    const struct socket_server *server;
    void *context; /* the service's */
    int fd;        /* the server closes it; at its end it is shut down under whoever reads or writes */
    void *room;
};

struct socket_service {
    const char *name;                                 /* whose it is, in complaints; borrowed */
    const char *client;                               /* what a client is called there: "SPDM" */
    size_t clients_max;                               /* at a time; who comes then is turned away */
    size_t room;                                      /* bytes that each connection has for its own, zeroed */
    void (*serve)(const struct socket_connection *c); /* until it is over, in a thread of its own */
    void *context;
};

/*
 * Listens at a UNIX socket, for the user that started it only. A socket there that nobody listens at is what
 * a killed program has left, and is replaced; anything else there is in use. NULL on failure: error[size]
 * says why.
 */
struct socket_server *socket_server_open_path(const struct socket_service *service, const char *path,
                                              char *error, size_t size);

/* Listens at a TCP port of 127.0.0.1; 0: any. *chosen is the port. NULL on failure: error[size] says why. */
struct socket_server *socket_server_open_port(const struct socket_service *service, uint16_t port,
                                              uint16_t *chosen, char *error, size_t size);

/* Ends all connections, waits for their threads, and takes the path away. NULL is fine. */
void socket_server_close(struct socket_server *server);

/* Waits as long, or until the server ends. */
void socket_server_pause(const struct socket_server *server, uint32_t ms);

/* Exactly n bytes. False if the connection is over before. */
bool socket_receive(int fd, uint8_t *bytes, size_t n);
bool socket_send(int fd, const void *bytes, size_t n);

#endif
