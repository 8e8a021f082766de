/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_SUPPORTED_EVENT_TYPES and SUPPORTED_EVENT_TYPES (DSP0274 1.3 §10.29). */
#include "spdm/internal.h"

static void groups_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_event_groups *m = message;
    m->len = read_u32(r, "SupportedEventGroupsListLen");
    if (m->header.param1 == 0 || m->len == 0)
        read_fail_value(r, IDE_E_FIELD, "EventGroupCount", m->header.param1, 1);
    m->list = read_bytes(r, m->len, "SupportedEventGroupsList");
}

static void groups_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_event_groups *m = message;
    write_u32(w, m->len);
    write_bytes(w, m->list, m->len);
}

const struct spdm_message spdm_msg_get_supported_event_types = {SPDM_GET_SUPPORTED_EVENT_TYPES, SPDM_VERSION_13,
                                                                "GET_SUPPORTED_EVENT_TYPES", NULL, NULL};
const struct spdm_message spdm_msg_supported_event_types = {SPDM_SUPPORTED_EVENT_TYPES, SPDM_VERSION_13,
                                                            "SUPPORTED_EVENT_TYPES", groups_decode, groups_encode};

enum ide_err spdm_get_supported_event_types(struct spdm_connection *c, const struct spdm_channel *channel,
                                            struct spdm_event_groups *groups)
{
    const struct spdm_plain request = {0};
    const struct spdm_exchange exchange = {.request = &spdm_msg_get_supported_event_types, .in = &request,
                                           .response = &spdm_msg_supported_event_types, .out = groups};
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_EVENT, "GET_SUPPORTED_EVENT_TYPES", "EVENT_CAP");
    return err == IDE_OK ? spdm_transact(c, channel, &exchange, NULL, NULL) : err;
}

enum ide_err spdm_handle_get_supported_event_types(struct spdm_responder *r, struct spdm_request *request,
                                                   struct writer *w)
{
    const struct spdm_services *s = spdm_services_of(r);
    struct spdm_plain in;
    if (!s->event_types)
        return spdm_no_service(r, &spdm_msg_get_supported_event_types);
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_supported_event_types, request, &in);
    if (err != IDE_OK)
        return err;
    struct spdm_event_groups out = {.len = 0};
    struct writer head = *w; /* it is written again when the list is there */
    spdm_write(&spdm_msg_supported_event_types, &r->connection.params, &out, w);
    size_t begin = w->pos;
    err = s->event_types(s->context, request->session, w, &out.header.param1);
    if (err == IDE_OK)
        err = write_done(w);
    if (err != IDE_OK)
        return err;
    out.len = (uint32_t)(w->pos - begin);
    struct spdm_event_groups none = {.header = out.header};
    head.cap = begin;
    spdm_write(&spdm_msg_supported_event_types, &r->connection.params, &none, &head);
    head.pos = begin - 4;
    write_u32(&head, out.len);
    return write_done(&head);
}
