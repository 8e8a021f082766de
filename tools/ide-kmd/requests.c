/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/requests.h"

#include <stdlib.h>

#include "tools/ide-kmd/schedule.h"

#define REQUESTS_AT_ONCE 64u /* before the workers get their turn */

static enum ide_err may_ask(struct controller *c, const struct client *client, const struct request *request,
                            struct failure *failure)
{
    if (client->peer.kind == PEER_KEY)
        front_refresh_keys(&c->front);
    return access_check(&c->front.access, &client->peer, request->verb, failure);
}

static void handle(struct controller *c, struct client *client, zframe_t *payload)
{
    struct request request;
    struct failure failure;
    double began = metrics_clock();
    enum ide_err err = request_decode(zframe_data(payload), zframe_size(payload), &request, &failure);
    if (err == IDE_OK && c->closing)
        err = failure_set(&failure, IDE_E_CANCELLED, "request", NULL, "the controller is ending");
    if (err == IDE_OK)
        err = may_ask(c, client, &request, &failure);
    if (err == IDE_OK)
        front_record_request(&c->front, client, payload);
    struct ticket *ticket = ticket_new(client, &request);
    if (ticket)
        access_text(&c->front.access, &ticket->client.peer, ticket->asked_by);
    if (ticket && err == IDE_OK)
        verb_run(c, &request, ticket);
    else if (ticket)
        ticket_refuse(ticket, &c->front, &failure);
    metrics_take_request(c->metrics, err == IDE_OK ? request.verb->name : NULL, metrics_clock() - began);
    request_release(&request);
    zframe_destroy(&payload);
}

/* One request too many, as clients.h counts. Who it is from does not matter, nor whether it could be done. */
static void refuse_busy(struct controller *c, struct client *client, zframe_t *payload)
{
    struct request request;
    struct failure failure;
    if (request_decode(zframe_data(payload), zframe_size(payload), &request, &failure) == IDE_OK)
        failure_set(&failure, IDE_E_BUSY, "request", NULL,
                    "too much from one client: more than %u requests a second, or %u that wait",
                    c->start->request_rate, CLIENT_WAITING_MAX);
    struct ticket *ticket = ticket_new(client, &request);
    if (ticket)
        ticket_refuse(ticket, &c->front, &failure);
    request_release(&request);
    zframe_destroy(&payload);
}

static void defer(struct controller *c, struct client *client, zframe_t *payload)
{
    struct deferred **last = &c->deferred, *entry = calloc(1, sizeof *entry);
    if (!entry) {
        client_release(client);
        zframe_destroy(&payload);
        return;
    }
    *entry = (struct deferred){.client = *client, .payload = payload};
    while (*last)
        last = &(*last)->next;
    *last = entry;
}

void requests_handle_deferred(struct controller *c)
{
    while (c->deferred && !controller_is_delicate(c)) {
        struct deferred *entry = c->deferred;
        c->deferred = entry->next;
        handle(c, &entry->client, entry->payload);
        free(entry);
        schedule(c);
    }
    survey_done(&c->survey);
}

static void take_request(struct controller *c)
{
    struct client client;
    zframe_t *payload;
    if (!front_receive(&c->front, &client, &payload))
        return;
    if (!clients_admit(&c->front.clients, client.identity, (uint64_t)zclock_mono()))
        refuse_busy(c, &client, payload);
    else if (c->deferred || controller_is_delicate(c))
        defer(c, &client, payload);
    else
        handle(c, &client, payload);
}

/* Requests that are there at once share one look at the topology: it takes longer than all else that this
 * thread does for them. */
int requests_on_socket(zloop_t *loop, zsock_t *socket, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    unsigned taken = 0;
    do
        take_request(c);
    while (++taken < REQUESTS_AT_ONCE && (zsock_events(socket) & ZMQ_POLLIN));
    survey_done(&c->survey);
    return controller_settle(c);
}
