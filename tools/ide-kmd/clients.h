/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each connection has used of the controller, so that one that asks too much is refused and the others
 * are served; and the replies that it does not take, which are kept for it up to a bound.
 */
#ifndef IDE_KMD_CLIENTS_H
#define IDE_KMD_CLIENTS_H

#include <czmq.h>

#define CLIENT_RATE_DEFAULT  2000u /* requests a second; as many at once */
#define CLIENT_RATE_MAX      1000000u
#define CLIENT_WAITING_MAX   512u     /* requests of one connection without a reply yet */
#define CLIENT_BACKLOG_BYTES 1048576u /* of replies that it does not take; one may be longer */

struct clients {
    zhashx_t *table;
    unsigned rate; /* 0: no limit */
    size_t behind; /* connections with replies to take */
};

/* False without memory. */
bool clients_open(struct clients *clients, unsigned rate);
void clients_close(struct clients *clients);

/* A request has come from this connection. False if it is one too many; it has to be replied to all the same.
 */
bool clients_admit(struct clients *clients, zframe_t *identity, uint64_t now_ms);

/* Sends the frames behind the connection's identity, or keeps them until clients_flush(); takes message away.
 */
void clients_reply(struct clients *clients, zsock_t *socket, zframe_t *identity, zmsg_t *message);

/* Sends what was kept and can be sent by now, and forgets connections that have not asked for a while. */
void clients_flush(struct clients *clients, zsock_t *socket, uint64_t now_ms);

#endif
