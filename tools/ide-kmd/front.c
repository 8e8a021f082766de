/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/front.h"

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

/* The text of a message; what is in it is never secret, so that it may be copied. */
static zframe_t *frame_of(json_t *message)
{
    char *text = message ? json_dumps(message, JSON_COMPACT) : NULL;
    json_decref(message);
    if (!text)
        return NULL;
    zframe_t *frame = zframe_new(text, strlen(text));
    free(text);
    return frame;
}

void front_reply(struct front *front, const struct client *client, json_t *message)
{
    front->replies++;
    front->errors += json_object_get(message, "error") != NULL;
    zframe_t *identity = zframe_dup(client->identity), *frame = frame_of(message);
    if (frame && zframe_send(&identity, front->requests, ZFRAME_MORE | ZFRAME_DONTWAIT) == 0) {
        if (client->has_delimiter) {
            zframe_t *delimiter = zframe_new_empty();
            zframe_send(&delimiter, front->requests, ZFRAME_MORE | ZFRAME_DONTWAIT);
        }
        zframe_send(&frame, front->requests, ZFRAME_DONTWAIT);
    }
    zframe_destroy(&identity);
    zframe_destroy(&frame);
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
    history_add(&front->history, text);
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
