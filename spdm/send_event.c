/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SEND_EVENT and EVENT_ACK (DSP0274 1.3 §10.31). */
#include "spdm/internal.h"

void spdm_event_read(struct reader *r, struct spdm_event *event)
{
    event->instance = read_u32(r, "EventInstanceID");
    read_u32(r, "Reserved");
    event->registry = read_u8(r, "ID");
    event->vendor_id_len = read_u8(r, "VendorIDLen");
    event->vendor_id = read_bytes(r, event->vendor_id_len, "VendorID");
    event->type = read_u16(r, "EventTypeId");
    event->detail_len = read_u16(r, "EventDetailLen");
    event->detail = read_bytes(r, event->detail_len, "EventDetail");
}

void spdm_event_write(struct writer *w, const struct spdm_event *event)
{
    write_u32(w, event->instance);
    write_u32(w, 0);
    write_u8(w, event->registry);
    write_u8(w, event->vendor_id_len);
    write_bytes(w, event->vendor_id, event->vendor_id_len);
    write_u16(w, event->type);
    write_u16(w, event->detail_len);
    write_bytes(w, event->detail, event->detail_len);
}

/* Each event is read here already: a list that is not whole is refused before its first event is given to anybody. */
static void events_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_send_event *m = message;
    struct spdm_event event = {0};
    m->count = read_u32(r, "EventCount");
    if (m->count == 0)
        read_fail_value(r, IDE_E_FIELD, "EventCount", 0, 1);
    size_t begin = r->pos;
    struct reader list = *r;
    uint32_t expected = 0;
    for (uint32_t i = 0; i < m->count && r->err == IDE_OK; i++) {
        spdm_event_read(r, &event);
        if (i > 0 && event.instance != expected)
            read_fail_value(r, IDE_E_FIELD, "EventInstanceID", event.instance, expected);
        expected = event.instance + 1;
    }
    m->len = r->pos - begin;
    m->events = read_bytes(&list, m->len, "EventsList");
}

static void events_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_send_event *m = message;
    write_u32(w, m->count);
    write_bytes(w, m->events, m->len);
}

const struct spdm_message spdm_msg_send_event = {SPDM_SEND_EVENT, SPDM_VERSION_13, "SEND_EVENT", events_decode,
                                                 events_encode};
const struct spdm_message spdm_msg_event_ack = {SPDM_EVENT_ACK, SPDM_VERSION_13, "EVENT_ACK", NULL, NULL};

/* It is the sender that has events (EVENT_CAP), here the requester. */
enum ide_err spdm_send_event(struct spdm_connection *c, const struct spdm_channel *channel,
                             const struct spdm_send_event *events)
{
    struct spdm_plain response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_send_event, .in = events, .response = &spdm_msg_event_ack, .out = &response};
    if (c->state != SPDM_NEGOTIATED)
        return ide_fail(&c->fault, IDE_E_STATE, "SEND_EVENT", NULL);
    if (!(c->params.flags_requester & SPDM_CAP_EVENT))
        return ide_fail(&c->fault, IDE_E_CAPABILITY, "SEND_EVENT", "EVENT_CAP");
    return spdm_transact(c, channel, &exchange, NULL, NULL);
}

enum ide_err spdm_handle_send_event(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    bool sends = r->connection.params.flags_requester & SPDM_CAP_EVENT;
    struct spdm_send_event in;
    const struct spdm_plain out = {0};
    if (!s->event || !sends)
        return spdm_no_service(r, &spdm_msg_send_event);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_send_event, request, &in);
    if (err == IDE_OK)
        err = spdm_reply(&spdm_msg_event_ack, &r->connection.params, &out, w);
    if (err != IDE_OK)
        return err;
    struct reader list = reader_of(in.events, in.len);
    for (uint32_t i = 0; i < in.count; i++) {
        struct spdm_event event;
        spdm_event_read(&list, &event);
        s->event(s->context, request->session, &event);
    }
    return IDE_OK;
}
