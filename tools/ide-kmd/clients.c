/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/clients.h"

#include <stdlib.h>

#define IDLE_MS 5000u

/* One connection. */
struct record {
    uint64_t at_ms;   /* when the bucket was filled last */
    double tokens;    /* requests that it may make at once */
    unsigned waiting; /* requests without a reply */
    zlistx_t *behind; /* replies that it has not taken, with identity; NULL: none */
    size_t bytes;     /* of those */
};

static void destroy_message(void **item)
{
    zmsg_destroy((zmsg_t **)item);
}

static void destroy_record(void **item)
{
    struct record *record = *item;
    zlistx_destroy(&record->behind);
    free(record);
    *item = NULL;
}

bool clients_open(struct clients *clients, unsigned rate)
{
    *clients = (struct clients){.table = zhashx_new(), .rate = rate};
    if (clients->table)
        zhashx_set_destructor(clients->table, destroy_record);
    return clients->table != NULL;
}

void clients_close(struct clients *clients)
{
    zhashx_destroy(&clients->table);
}

static struct record *find(struct clients *clients, zframe_t *identity, bool make)
{
    char *key = zframe_strhex(identity);
    struct record *record = key ? zhashx_lookup(clients->table, key) : NULL;
    if (key && !record && make && (record = calloc(1, sizeof *record))) {
        record->tokens = clients->rate;
        zhashx_insert(clients->table, key, record);
    }
    free(key);
    return record;
}

bool clients_admit(struct clients *clients, zframe_t *identity, uint64_t now_ms)
{
    struct record *record = find(clients, identity, true);
    if (!record)
        return false;
    double rate = clients->rate;
    if (record->at_ms > 0)
        record->tokens += rate * (double)(now_ms - record->at_ms) / 1000;
    record->tokens = record->tokens > rate ? rate : record->tokens;
    record->at_ms = now_ms;
    bool good = record->waiting < CLIENT_WAITING_MAX && (clients->rate == 0 || record->tokens >= 1);
    record->waiting++;
    if (good)
        record->tokens -= 1;
    return good;
}

/* ---- replies ------------------------------------------------------------- */

static void keep(struct clients *clients, struct record *record, zmsg_t *message)
{
    size_t size = zmsg_content_size(message);
    if (!record->behind && (record->behind = zlistx_new())) {
        zlistx_set_destructor(record->behind, destroy_message);
        clients->behind++;
    }
    if (!record->behind || (record->bytes > 0 && record->bytes + size > CLIENT_BACKLOG_BYTES)) {
        zmsg_destroy(&message); /* it does not read: that one is lost */
        return;
    }
    record->bytes += size;
    zlistx_add_end(record->behind, message);
}

/* The identity is in front. False if the connection takes nothing at the moment; one that is gone takes all.
 */
static bool send_now(zsock_t *socket, zmsg_t **message)
{
    zframe_t *identity = zmsg_first(*message);
    int sent = zmq_send(zsock_resolve(socket), zframe_data(identity), zframe_size(identity),
                        ZMQ_SNDMORE | ZMQ_DONTWAIT);
    if (sent < 0 && zmq_errno() == EAGAIN)
        return false;
    identity = zmsg_pop(*message);
    zframe_destroy(&identity);
    if (sent >= 0)
        zmsg_send(message, socket);
    zmsg_destroy(message);
    return true;
}

void clients_reply(struct clients *clients, zsock_t *socket, zframe_t *identity, zmsg_t *message)
{
    struct record *record = find(clients, identity, false);
    zframe_t *copy = zframe_dup(identity);
    zmsg_prepend(message, &copy);
    if (record && record->waiting > 0)
        record->waiting--;
    if ((record && record->behind) || !send_now(socket, &message)) {
        if (record)
            keep(clients, record, message);
        else
            zmsg_destroy(&message);
    }
}

static void flush_record(struct clients *clients, struct record *record, zsock_t *socket)
{
    zmsg_t *message;
    while ((message = zlistx_first(record->behind))) {
        size_t size = zmsg_content_size(message);
        zlistx_detach(record->behind, NULL);
        if (!send_now(socket, &message)) {
            zlistx_add_start(record->behind, message);
            return;
        }
        record->bytes -= size < record->bytes ? size : record->bytes;
    }
    zlistx_destroy(&record->behind);
    record->bytes = 0;
    clients->behind--;
}

void clients_flush(struct clients *clients, zsock_t *socket, uint64_t now_ms)
{
    zlistx_t *idle = NULL;
    for (struct record *r = zhashx_first(clients->table); r; r = zhashx_next(clients->table)) {
        if (r->behind)
            flush_record(clients, r, socket);
        if (r->behind || r->waiting > 0 || now_ms - r->at_ms < IDLE_MS)
            continue;
        idle = idle ? idle : zlistx_new();
        if (idle)
            zlistx_add_end(idle, (void *)zhashx_cursor(clients->table));
    }
    for (void *key = idle ? zlistx_first(idle) : NULL; key; key = zlistx_next(idle))
        zhashx_delete(clients->table, key);
    zlistx_destroy(&idle);
}
