/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SUBSCRIBE_EVENT_TYPES and SUBSCRIBE_EVENT_TYPES_ACK (DSP0274 1.3 §10.30). */
#include "spdm/internal.h"

/* No group at all: the message is its header. */
static void groups_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_event_groups *m = message;
    m->len = m->header.param1 != 0 ? read_u32(r, "SubscribeListLen") : 0;
    if (r->err == IDE_OK && m->header.param1 != 0 && m->len == 0)
        read_fail_value(r, IDE_E_FIELD, "SubscribeListLen", 0, 1);
    m->list = read_bytes(r, m->len, "SubscribeList");
}

static void groups_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_event_groups *m = message;
    if (m->header.param1 == 0)
        return;
    write_u32(w, m->len);
    write_bytes(w, m->list, m->len);
}

const struct spdm_message spdm_msg_subscribe_event_types = {SPDM_SUBSCRIBE_EVENT_TYPES, SPDM_VERSION_13,
                                                            "SUBSCRIBE_EVENT_TYPES", groups_decode, groups_encode};
const struct spdm_message spdm_msg_subscribe_event_types_ack = {SPDM_SUBSCRIBE_EVENT_TYPES_ACK, SPDM_VERSION_13,
                                                                "SUBSCRIBE_EVENT_TYPES_ACK", NULL, NULL};

enum ide_err spdm_subscribe_event_types(struct spdm_connection *c, const struct spdm_channel *channel,
                                        const struct spdm_event_groups *groups)
{
    struct spdm_plain response = {0};
    const struct spdm_exchange exchange = {.request = &spdm_msg_subscribe_event_types, .in = groups,
                                           .response = &spdm_msg_subscribe_event_types_ack, .out = &response};
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_EVENT, "SUBSCRIBE_EVENT_TYPES", "EVENT_CAP");
    return err == IDE_OK ? spdm_transact(c, channel, &exchange, NULL, NULL) : err;
}

enum ide_err spdm_handle_subscribe_event_types(struct spdm_responder *r, struct spdm_request *request,
                                               struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    struct spdm_event_groups in;
    const struct spdm_plain out = {0};
    if (!s->subscribe)
        return spdm_no_service(r, &spdm_msg_subscribe_event_types);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_subscribe_event_types, request, &in);
    if (err == IDE_OK)
        err = spdm_reply(&spdm_msg_subscribe_event_types_ack, &r->connection.params, &out, w);
    return err == IDE_OK ? s->subscribe(s->context, request->session, &in) : err;
}
