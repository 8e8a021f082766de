/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets: requests and replies (ROUTER), events (XPUB). */
#ifndef IDE_KMD_FRONT_H
#define IDE_KMD_FRONT_H

#include <czmq.h>
#include <jansson.h>

#include "tools/common/api.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/history.h"

struct front {
    zsock_t *requests, *events;
    char events_endpoint[API_ENDPOINT_MAX];
    char path[API_ENDPOINT_MAX]; /* of the ipc socket, once the lock is held */
    int lock;                    /* keeps a second controller away from the socket; -1 if none */
    unsigned long long replies, errors; /* sent; how many of them say what is wrong */
    struct history history;      /* the last events */
};

/* Where a reply goes. */
struct client {
    zframe_t *identity; /* owned */
    bool has_delimiter; /* a REQ socket, which puts an empty frame before its message */
};

/*
 * Binds both sockets. An ipc socket gets its directory made if it lacks, for root alone, and is for root
 * alone itself. tcp is allowed to this machine's own addresses only, because nobody asks who is there. On
 * failure all is closed again. Errors: IDE_E_ARGUMENT for the endpoint, IDE_E_BUSY if another controller has
 * it, IDE_E_IO.
 */
enum ide_err front_open(struct front *front, const char *endpoint, struct failure *failure) MUST_USE;
void front_close(struct front *front);

/* Takes one message. False if it has no payload that a reply could be made to. *payload is the caller's. */
bool front_receive(struct front *front, struct client *client, zframe_t **payload);

/* Sends and takes away message; one that cannot be sent at once is dropped, as its client is gone or does not
 * read. */
void front_reply(struct front *front, const struct client *client, json_t *message);
void front_publish(struct front *front, json_t *event);

/* Subscriptions are counted by libzmq itself; this takes them from the socket's queue. */
void front_drain_subscriptions(struct front *front);

void client_release(struct client *client);

#endif
