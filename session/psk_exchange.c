/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PSK_EXCHANGE and PSK_EXCHANGE_RSP (DSP0274 1.2 §10.18). */
#include "session/internal.h"

#include <string.h>

#include "session/opaque.h"
#include "spdm/cursor.h"
#include "spdm/measurements.h"

#define REQUEST_NAME  "PSK_EXCHANGE"
#define RESPONSE_NAME "PSK_EXCHANGE_RSP"

static void psk_exchange_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    struct spdm_psk_exchange *m = message;
    m->req_session_id = read_u16(r, "ReqSessionID");
    m->hint_len = read_u16(r, "PSKHintLength");
    m->context_len = read_u16(r, "RequesterContextLength");
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    m->hint = read_bytes(r, m->hint_len, "PSKHint");
    m->context = read_bytes(r, m->context_len, "RequesterContext");
    m->opaque = session_read_opaque(r, m->opaque_len);
}

static void psk_exchange_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    (void)p;
    const struct spdm_psk_exchange *m = message;
    write_u16(w, m->req_session_id);
    write_u16(w, m->hint_len);
    write_u16(w, m->context_len);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->hint, m->hint_len);
    write_bytes(w, m->context, m->context_len);
    write_bytes(w, m->opaque, m->opaque_len);
}

static void psk_exchange_rsp_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_psk_exchange_rsp *m = message;
    m->rsp_session_id = read_u16(r, "RspSessionID");
    read_u16(r, "Reserved");
    m->context_len = read_u16(r, "ResponderContextLength");
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    m->summary = m->summary_len > 0 ? read_bytes(r, m->summary_len, "MeasurementSummaryHash") : NULL;
    m->context = read_bytes(r, m->context_len, "ResponderContext");
    m->opaque = session_read_opaque(r, m->opaque_len);
    m->signed_len = r->pos;
    m->verify_data = read_bytes(r, session_hash_size(r, p), "ResponderVerifyData");
}

static void psk_exchange_rsp_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_psk_exchange_rsp *m = message;
    write_u16(w, m->rsp_session_id);
    write_u16(w, 0);
    write_u16(w, m->context_len);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->summary, m->summary_len);
    write_bytes(w, m->context, m->context_len);
    write_bytes(w, m->opaque, m->opaque_len);
    if (m->verify_data)
        write_bytes(w, m->verify_data, p->hash ? p->hash->size : 0);
}

const struct spdm_message spdm_msg_psk_exchange = {SPDM_PSK_EXCHANGE, SPDM_VERSION_11, REQUEST_NAME,
                                                   psk_exchange_decode, psk_exchange_encode};
const struct spdm_message spdm_msg_psk_exchange_rsp = {SPDM_PSK_EXCHANGE_RSP, SPDM_VERSION_11, RESPONSE_NAME,
                                                       psk_exchange_rsp_decode, psk_exchange_rsp_encode};

bool session_psk_with_context(const struct spdm_params *p)
{
    return (p->flags_responder & SPDM_CAP_PSK_MASK) == SPDM_CAP_PSK_CONTEXT;
}

/* TH1, the handshake stage from the PSK, and the handshake's record keys. */
static enum ide_err agree(struct session *s, const struct session_psk *psk)
{
    uint8_t th1[HASH_SIZE_MAX];
    enum ide_err err = hash_snapshot(&s->th, th1);
    if (err == IDE_OK)
        err = key_schedule_psk(&s->keys, &s->connection->params, psk->secret, psk->secret_len, th1);
    return err == IDE_OK ? session_set_keys(s) : err;
}

/* The requester. */

static enum ide_err check_response(struct session *s, const struct spdm_psk_exchange_rsp *rsp)
{
    struct spdm_connection *c = s->connection;
    enum ide_err err = session_check_heartbeat(s, rsp->header.param1, RESPONSE_NAME);
    if (err != IDE_OK)
        return err;
    if (session_psk_with_context(&c->params) != (rsp->context_len > 0))
        return ide_fail_value(&c->fault, IDE_E_FIELD, RESPONSE_NAME, "ResponderContextLength", rsp->context_len,
                              session_psk_with_context(&c->params) ? c->params.hash->size : 0);
    struct reader opaque = reader_of(rsp->opaque, rsp->opaque_len);
    s->secured_version = opaque_read_selected(&opaque, c);
    return read_done(&opaque, &c->fault, RESPONSE_NAME);
}

static enum ide_err accept_response(struct session *s, const struct session_psk *psk,
                                    const struct spdm_psk_exchange_rsp *rsp)
{
    struct spdm_connection *c = s->connection;
    enum ide_err err = check_response(s, rsp);
    if (err != IDE_OK)
        return err;
    err = agree(s, psk);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, RESPONSE_NAME, NULL);
    s->id |= (uint32_t)rsp->rsp_session_id << 16;
    s->state = SESSION_HANDSHAKE;
    err = session_check_verify_data(s, s->keys.response_finished, rsp->verify_data, RESPONSE_NAME,
                                    "ResponderVerifyData");
    if (err == IDE_OK)
        spdm_summary_keep(c, rsp->summary, rsp->summary_len);
    return err;
}

enum ide_err session_psk_exchange(struct session *s, const struct session_psk *psk)
{
    struct spdm_connection *c = s->connection;
    uint8_t context[HASH_SIZE_MAX], opaque_data[OPAQUE_VERSIONS_MAX];
    struct writer opaque = writer_of(opaque_data, sizeof(opaque_data));
    uint16_t half_id;
    enum ide_err err = spdm_summary_wanted(c, REQUEST_NAME);
    if (err != IDE_OK)
        return err;
    err = session_draw_id(c, &half_id);
    if (err == IDE_OK)
        err = c->rng.random(c->rng.context, context, c->params.hash->size);
    if (err == IDE_OK)
        err = session_start_th(s, NULL);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, REQUEST_NAME, NULL);
    s->id = half_id;
    opaque_write_supported(&opaque, c);
    struct spdm_psk_exchange request = {
        .header = {.param1 = c->config->summary_type},
        .req_session_id = half_id,
        .hint_len = psk->hint_len,
        .hint = psk->hint,
        .context_len = c->params.hash->size,
        .context = context,
        .opaque_len = (uint16_t)opaque.pos,
        .opaque = opaque_data,
    };
    struct spdm_psk_exchange_rsp rsp = {.summary_len = spdm_summary_len(&c->params, c->config->summary_type)};
    struct spdm_exchange e = {.request = &spdm_msg_psk_exchange, .in = &request,
                              .response = &spdm_msg_psk_exchange_rsp, .out = &rsp,
                              .transcript = {.hash = &s->th, .signed_part_only = true},
                              .signed_len = &rsp.signed_len};
    err = spdm_transact(c, &c->clear, &e, NULL, NULL);
    return err == IDE_OK ? accept_response(s, psk, &rsp) : err;
}

/* The responder. */

/* What the request asks for, checked. */
struct wish {
    struct spdm_psk_exchange in;
    const struct session_psk *psk;
    uint16_t secured_version;
    uint8_t summary_len;
    uint8_t summary[HASH_SIZE_MAX];
};

static const struct session_psk *find_psk(const struct session_responder *sr, const struct spdm_psk_exchange *in)
{
    for (size_t i = 0; i < sr->psk_count; i++) {
        const struct session_psk *psk = &sr->psks[i];
        if (psk->hint_len == in->hint_len && (in->hint_len == 0 || memcmp(psk->hint, in->hint, in->hint_len) == 0))
            return psk;
    }
    return NULL;
}

static enum ide_err read_wish(struct spdm_responder *r, struct spdm_request *request, struct wish *wish)
{
    struct spdm_connection *c = &r->connection;
    enum ide_err err = session_request_decode(r, &spdm_msg_psk_exchange, request, &wish->in);
    if (err != IDE_OK)
        return err;
    wish->psk = find_psk(r->layer, &wish->in);
    if (!wish->psk)
        return ide_fail(&c->fault, IDE_E_FIELD, REQUEST_NAME, "PSKHint");
    struct reader opaque = reader_of(wish->in.opaque, wish->in.opaque_len);
    wish->secured_version = opaque_read_supported(&opaque, c);
    err = read_done(&opaque, &c->fault, REQUEST_NAME);
    if (err != IDE_OK)
        return err;
    return spdm_responder_summary(r, wish->in.header.param1, REQUEST_NAME, wish->summary, &wish->summary_len);
}

/* Writes the response up to its verify data, and notes both messages. */
static enum ide_err write_head(struct session *s, const struct spdm_request *request, const struct wish *wish,
                               struct writer *w)
{
    const struct spdm_connection *c = s->connection;
    uint8_t context[HASH_SIZE_MAX], opaque_data[OPAQUE_VERSIONS_MAX];
    struct writer opaque = writer_of(opaque_data, sizeof(opaque_data));
    opaque_write_selected(&opaque, &c->params, s->secured_version);
    struct spdm_psk_exchange_rsp rsp = {
        .header = {.param1 = s->heartbeat_period},
        .rsp_session_id = (uint16_t)(s->id >> 16),
        .summary_len = wish->summary_len,
        .summary = wish->summary,
        .context_len = session_psk_with_context(&c->params) ? c->params.hash->size : 0,
        .context = context,
        .opaque_len = (uint16_t)opaque.pos,
        .opaque = opaque_data,
    };
    enum ide_err err = c->rng.random(c->rng.context, context, rsp.context_len);
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_psk_exchange_rsp, &c->params, &rsp, w);
    return spdm_responder_note(&s->th, request, w);
}

static enum ide_err begin_session(struct session_responder *sr, struct session *s, const struct spdm_request *request,
                                  const struct wish *wish, struct writer *w)
{
    const struct spdm_psk_exchange *in = &wish->in;
    enum ide_err err = session_prepare(sr, s, in->req_session_id, wish->secured_version, in->header.param2);
    if (err != IDE_OK)
        return err;
    s->psk = true;
    err = session_start_th(s, NULL);
    if (err == IDE_OK)
        err = write_head(s, request, wish, w);
    if (err == IDE_OK)
        err = agree(s, wish->psk);
    if (err == IDE_OK)
        err = session_write_verify_data(s, w);
    if (err != IDE_OK)
        return err;
    s->state = SESSION_HANDSHAKE;
    /* without a context of the responder's there is no PSK_FINISH (§10.18) */
    return session_psk_with_context(&s->connection->params) ? IDE_OK : session_establish(s);
}

enum ide_err session_handle_psk_exchange(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct wish wish = {0};
    enum ide_err err = session_agreed(&r->connection, true, REQUEST_NAME);
    if (err == IDE_OK)
        err = read_wish(r, request, &wish);
    if (err != IDE_OK)
        return err;
    struct session *s = session_free_place(r->layer, REQUEST_NAME);
    if (!s)
        return r->connection.fault.err;
    err = begin_session(r->layer, s, request, &wish, w);
    if (err == IDE_OK)
        return IDE_OK;
    session_close(s);
    return ide_fail(&r->connection.fault, err, RESPONSE_NAME, NULL);
}
