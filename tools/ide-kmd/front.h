/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The sockets: requests and replies (ROUTER), events (XPUB). */
#ifndef IDE_KMD_FRONT_H
#define IDE_KMD_FRONT_H

#include <czmq.h>
#include <jansson.h>

#include "tools/common/api.h"
#include "tools/ide-kmd/access.h"
#include "tools/ide-kmd/clients.h"
#include "tools/ide-kmd/curve_guard.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/history.h"

/* Where it listens, and whom it lets in. */
struct front_settings {
    const char *listen, *listen_tcp; /* the second NULL: none */
    const char *server_key, *authorized;
    const char *admin_group, *view_group;
    const char *message_log; /* NULL: none */
    unsigned rate;           /* of requests from one connection: clients.h */
};

struct front {
    zsock_t *requests, *events;
    struct access access;
    struct curve_guard guard;
    struct clients clients;
    FILE *record; /* every message, for debugging; NULL: none */
    uint16_t tcp_events_port[2];
    size_t tcp_count;
    char events_endpoint[API_ENDPOINT_MAX]; /* of the first endpoint */
    char path[API_ENDPOINT_MAX];            /* of the ipc socket, once the lock is held */
    int lock;                               /* keeps a second controller away from the socket; -1 if none */
    unsigned long long replies, errors;     /* sent; how many of them say what is wrong */
    struct history history;                 /* the last events */
};

/* Where a reply goes. */
struct client {
    zframe_t *identity; /* owned */
    struct peer peer;   /* who it is */
    bool has_delimiter; /* a REQ socket, which puts an empty frame before its message */
};

/*
 * Binds the sockets. An ipc socket gets its directory made if it lacks, and is for root and the two groups.
 * For tcp, keys are needed: curve_guard.h. On failure all is closed again. Errors: IDE_E_ARGUMENT for an
 * endpoint, IDE_E_KEY without keys, IDE_E_BUSY if another controller has it, IDE_E_IO.
 */
enum ide_err front_open(struct front *front, const struct front_settings *settings,
                        struct failure *failure) MUST_USE;
void front_close(struct front *front);

/*
 * What front_open() would say of where it is to listen, without doing it: whether the endpoints are such, and
 * with places whether this process could make the socket at the path, and the address is this machine's. That
 * somebody listens there already is not looked at.
 */
enum ide_err front_check_listen(const struct front_settings *settings, bool places,
                                struct failure *failure) MUST_USE;
enum ide_err front_check_listen_tcp(const struct front_settings *settings, bool places,
                                    struct failure *failure) MUST_USE;
/* The same of the log of messages. */
enum ide_err front_check_message_log(const struct front_settings *settings, struct failure *failure) MUST_USE;
/* Whether there is tcp, and so keys are needed: curve_guard.h */
bool front_needs_keys(const struct front_settings *settings);

/* Takes one message. False if it has no payload that a reply could be made to. *payload is the caller's. */
bool front_receive(struct front *front, struct client *client, zframe_t **payload);

/* A request that was understood: for the log of messages. */
void front_record_request(struct front *front, const struct client *client, const zframe_t *payload);

/* Sends and takes away message; what a client does not take is kept for it up to a bound: clients.h. */
void front_reply(struct front *front, const struct client *client, json_t *message);
/* The same with a result as JSON. */
void front_reply_text(struct front *front, const struct client *client, const char *text);
void front_publish(struct front *front, json_t *event);

/* Says the number of the last event, so that who missed the last ones does not only see it when there is another. */
void front_tick(struct front *front);

/* Subscriptions are counted by libzmq itself; this takes them from the socket's queue. */
void front_drain_subscriptions(struct front *front);

/* Looks at the list of keys; if one may do less than before, its connections for events are closed at once,
 * as are all others over tcp, which come back and miss nothing. Each request is held against the list anyway.
 */
void front_refresh_keys(struct front *front);

void client_release(struct client *client);

#endif
