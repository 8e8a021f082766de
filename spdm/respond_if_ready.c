/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ResponseNotReady and RESPOND_IF_READY (DSP0274 1.2 §10.12), the responder's side. The request is kept and served again
 * when it is asked for, in the session it came in; of both only it and its response enter the transcripts.
 */
#include <string.h>

#include "spdm/internal.h"

const struct spdm_message spdm_msg_respond_if_ready = {SPDM_RESPOND_IF_READY, SPDM_VERSION_10,
                                                       "RESPOND_IF_READY", NULL, NULL};

void spdm_pending_forget(struct spdm_responder *r)
{
    struct spdm_pending *p = &r->pending;
    if (p->len > 0) {
        wipe(r->connection.tx, p->len);
        p->token++;
    }
    p->len = 0;
    p->code = 0;
    p->session = NULL;
}

enum ide_err spdm_put_off(struct spdm_responder *r, uint8_t code, const struct spdm_request *q)
{
    struct spdm_connection *c = &r->connection;
    if (r->pending.len > 0) /* asked for too early: it is still the same one */
        return IDE_E_NOT_READY;
    if (q->len > sizeof c->tx) {
        /* there is no room to keep it, but the requester can send it again */
        c->fault.err = IDE_E_BUSY;
        return IDE_E_BUSY;
    }
    memcpy(c->tx, q->data, q->len);
    r->pending.len = (uint16_t)q->len;
    r->pending.code = code;
    r->pending.session = q->session;
    return IDE_E_NOT_READY;
}

enum ide_err spdm_handle_respond_if_ready(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    const struct spdm_pending *p = &r->pending;
    struct spdm_plain in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_respond_if_ready, request, &in);
    if (err != IDE_OK)
        return err;
    if (p->len == 0 || p->session != request->session)
        return ide_fail(&c->fault, IDE_E_STATE, spdm_msg_respond_if_ready.name, p->len == 0 ? NULL : "session");
    if (in.header.param1 != p->code)
        return ide_fail_value(&c->fault, IDE_E_FIELD, spdm_msg_respond_if_ready.name, "RequestCode", in.header.param1,
                              p->code);
    if (in.header.param2 != p->token)
        return ide_fail_value(&c->fault, IDE_E_FIELD, spdm_msg_respond_if_ready.name, "Token", in.header.param2,
                              p->token);
    struct spdm_request kept = {.data = c->tx, .len = p->len, .session = request->session, .l1l2 = request->l1l2};
    err = spdm_serve(r, p->code, &kept, w);
    if (err != IDE_E_NOT_READY)
        spdm_pending_forget(r);
    return err;
}
