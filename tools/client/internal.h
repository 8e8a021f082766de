/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of libide-client share. */
#ifndef IDE_CLIENT_INTERNAL_H
#define IDE_CLIENT_INTERNAL_H

#include "tools/client/ide_client.h"

#define INSTANCE_SIZE 65

struct ide_client {
    void *context, *requests, *events; /* of libzmq; events NULL until somebody wants some */
    char *endpoint, *events_endpoint;
    struct ide_client_keys keys;
    bool has_keys;
    uint32_t connect_ms;
    bool is_patient; /* nobody has said how long to wait */
    int fd; /* to watch besides; -1: none */
    unsigned monitors; /* so far, for their names */
    char prefix[24];
    uint64_t sent;                /* requests, for their ids */
    json_t *replies;              /* array: to requests that nobody has waited for yet */
    json_t *backlog;              /* array: events that next_event() is to give, in order */
    bool following;               /* next_event() is in use, so that a call must not swallow events */
    bool lost;                    /* it has to begin anew */
    char instance[INSTANCE_SIZE]; /* the controller's run that seq counts in; empty: not known */
    uint64_t seq;                 /* of the last event that is known */
};

/* ---- clock and socket ---------------------------------------------------- */

uint64_t deadline_of(uint32_t timeout_ms);

/* A socket of this kind with the connection's keys, not connected. NULL: no memory. */
void *new_socket(struct ide_client *client, int type);

/* Connects it, and waits until the other side has shaken hands; on failure says why. */
enum ide_client_status connect_socket(struct ide_client *client, void *socket, const char *endpoint);

/* Waits until a reply (requests) or an event (events) can be read, and says which. */
struct readable {
    bool requests, events;
};
enum ide_client_status wait_readable(struct ide_client *client, bool events, uint64_t deadline,
                                     struct readable *readable);

/* The JSON that has come. Does not wait. NULL: nothing has (errno is EAGAIN), or no JSON (EPROTO). */
json_t *receive_object(void *socket);

/* ---- events -------------------------------------------------------------- */

/* Has the event socket connected, and greeted by the controller. */
enum ide_client_status events_open(struct ide_client *client, uint64_t deadline);

/* Takes one message from the event socket; NULL: none that is for the caller. What next_event() will want is
 * kept too.
 */
json_t *events_take(struct ide_client *client);

/* Like ide_client_call(), with what is left until the deadline. */
enum ide_client_status call_until(struct ide_client *client, json_t *request, uint64_t deadline,
                                  json_t **reply);

/* Takes a reply that nobody waits for at the moment, for whoever may. */
enum ide_client_status keep_reply(struct ide_client *client);

#endif
