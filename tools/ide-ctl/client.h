/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way to the controller: one socket for a request and its reply, one for events. */
#ifndef IDE_CTL_CLIENT_H
#define IDE_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum client_result {
    CLIENT_OK,
    CLIENT_ABSENT,  /* nobody answers at the endpoint */
    CLIENT_DENIED,  /* there is a socket, and it is not for us */
    CLIENT_TIMEOUT, /* connected, and no reply in time */
    CLIENT_BROKEN,  /* a reply that is none; no memory */
};

struct client {
    void *context, *requests, *events;
};

/* Connects and waits a second for the other side. events: subscribes too, so that no event after this is
 * missed. */
enum client_result client_open(struct client *client, const char *endpoint, bool events);

/* Only events, for as long as it takes; a controller that comes back is found again. */
enum client_result client_open_events(struct client *client, const char *endpoint);

void client_close(struct client *client);

/*
 * Sends the request, which gets "v" and "id" and is taken away, and waits for its reply. on_event is called
 * with each event about this request that comes meanwhile; it may be NULL. *reply is the caller's.
 */
enum client_result client_call(struct client *client, json_t *request, uint32_t timeout_ms,
                               void (*on_event)(const json_t *event), json_t **reply);

/* The next event, or NULL if a signal came. */
json_t *client_next_event(struct client *client);

#endif
