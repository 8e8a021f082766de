/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool front_receive(struct front *front, struct client *client, zframe_t **payload)
{
    zmsg_t *message = zmsg_recv(front->requests);
    *client = (struct client){.identity = message ? zmsg_pop(message) : NULL};
    *payload = message ? zmsg_pop(message) : NULL;
    if (*payload && zframe_size(*payload) == 0 && zmsg_size(message) > 0) {
        client->has_delimiter = true;
        zframe_destroy(payload);
        *payload = zmsg_pop(message);
    }
    zmsg_destroy(&message);
    if (client->identity && *payload) {
        client->peer = peer_of(zframe_meta(*payload, "Peer-Address"), zframe_meta(*payload, "User-Id"));
        return true;
    }
    client_release(client);
    return false;
}

/* What is said is never secret. client: by what ZeroMQ tells connections apart; NULL: all subscribers. */
static void record(struct front *front, const char *kind, const char *text, const struct client *client)
{
    if (!front->record)
        return;
    char *name = client ? zframe_strhex(client->identity) : NULL;
    if (fprintf(front->record, name ? "{\"%s\": %s, \"client\": \"%s\"}\n" : "{\"%s\": %s}\n", kind, text,
                name) > 0)
        (void)fflush(front->record);
    free(name);
}

void front_record_request(struct front *front, const struct client *client, const zframe_t *payload)
{
    if (!front->record)
        return;
    zframe_t *frame = zframe_dup((zframe_t *)payload);
    char *text = frame ? zframe_strdup(frame) : NULL;
    for (char *c = text; c && *c; c++) /* white space in JSON means nothing */
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    if (text)
        record(front, "request", text, client);
    free(text);
    zframe_destroy(&frame);
}

void front_reply_text(struct front *front, const struct client *client, const char *text)
{
    front->replies++;
    zmsg_t *frames = zmsg_new();
    if (client->has_delimiter)
        zmsg_addmem(frames, "", 0);
    zmsg_addstr(frames, text);
    record(front, "reply", text, client);
    clients_reply(&front->clients, front->requests, client->identity, frames);
}

void front_reply(struct front *front, const struct client *client, json_t *message)
{
    front->errors += json_object_get(message, "error") != NULL;
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (text)
        front_reply_text(front, client, text);
    free(text);
}

void front_publish(struct front *front, json_t *event)
{
    front_refresh_keys(front);
    json_object_set_new(event, "v", json_integer(API_VERSION));
    json_object_set_new(event, "seq", json_integer((json_int_t)history_next(&front->history)));
    char *text = json_dumps(event, JSON_COMPACT);
    json_decref(event);
    zframe_t *frame = text ? zframe_new(text, strlen(text)) : NULL;
    if (frame)
        zframe_send(&frame, front->events, ZFRAME_DONTWAIT);
    zframe_destroy(&frame);
    if (text)
        record(front, "event", text, NULL);
    history_add(&front->history, text);
}

void front_tick(struct front *front)
{
    char text[96];
    front_refresh_keys(front);
    snprintf(text, sizeof text, "{\"v\":%d,\"event\":\"tick\",\"seq\":%llu}", API_VERSION,
             (unsigned long long)front->history.last);
    (void)zmq_send(zsock_resolve(front->events), text, strlen(text), ZMQ_DONTWAIT);
    record(front, "event", text, NULL);
}

void front_refresh_keys(struct front *front)
{
    if (!access_refresh_list(&front->access))
        return;
    for (size_t i = 0; i < front->tcp_count; i++)
        curve_guard_drop(front->tcp_events_port[i]);
}

void front_drain_subscriptions(struct front *front)
{
    zframe_t *frame = zframe_recv(front->events);
    zframe_destroy(&frame);
}

void client_release(struct client *client)
{
    zframe_destroy(&client->identity);
}
