/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KEY_EXCHANGE and KEY_EXCHANGE_RSP (DSP0274 1.2 §10.16). */
#include "session/internal.h"

#include "session/opaque.h"
#include "spdm/chain.h"
#include "spdm/cursor.h"
#include "spdm/measurements.h"
#include "spdm/signature.h"

#define REQUEST_NAME  "KEY_EXCHANGE"
#define RESPONSE_NAME "KEY_EXCHANGE_RSP"

static const uint8_t *read_exchange_data(struct reader *r, const struct spdm_params *p)
{
    if (!p->dhe)
        read_fail(r, IDE_E_STATE, "DHE");
    return read_bytes(r, p->dhe ? p->dhe->public_size : 0, "ExchangeData");
}

static void write_exchange_data(struct writer *w, const struct spdm_params *p, const uint8_t *data)
{
    write_bytes(w, data, p->dhe ? p->dhe->public_size : 0);
}

static void key_exchange_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_key_exchange *m = message;
    m->req_session_id = read_u16(r, "ReqSessionID");
    m->session_policy = read_u8(r, "SessionPolicy");
    read_u8(r, "Reserved");
    m->random = read_bytes(r, SPDM_RANDOM_SIZE, "RandomData");
    m->exchange_data = read_exchange_data(r, p);
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    m->opaque = session_read_opaque(r, m->opaque_len);
}

static void key_exchange_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_key_exchange *m = message;
    write_u16(w, m->req_session_id);
    write_u8(w, m->session_policy);
    write_u8(w, 0);
    write_bytes(w, m->random, SPDM_RANDOM_SIZE);
    write_exchange_data(w, p, m->exchange_data);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->opaque, m->opaque_len);
}

static void key_exchange_rsp_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_key_exchange_rsp *m = message;
    if (!p->asym || !p->hash) {
        read_fail(r, IDE_E_STATE, "BaseAsymSel");
        return;
    }
    m->rsp_session_id = read_u16(r, "RspSessionID");
    m->mut_auth_requested = read_u8(r, "MutAuthRequested");
    m->slot_id_param = read_u8(r, "SlotIDParam");
    m->random = read_bytes(r, SPDM_RANDOM_SIZE, "RandomData");
    m->exchange_data = read_exchange_data(r, p);
    m->summary = m->summary_len > 0 ? read_bytes(r, m->summary_len, "MeasurementSummaryHash") : NULL;
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    m->opaque = session_read_opaque(r, m->opaque_len);
    m->signed_len = r->pos;
    m->signature = read_bytes(r, p->asym->signature_size, "Signature");
    m->verify_data = session_in_the_clear(p) ? NULL : read_bytes(r, p->hash->size, "ResponderVerifyData");
}

static void key_exchange_rsp_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_key_exchange_rsp *m = message;
    write_u16(w, m->rsp_session_id);
    write_u8(w, m->mut_auth_requested);
    write_u8(w, m->slot_id_param);
    write_bytes(w, m->random, SPDM_RANDOM_SIZE);
    write_exchange_data(w, p, m->exchange_data);
    write_bytes(w, m->summary, m->summary_len);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->opaque, m->opaque_len);
    if (m->signature)
        write_bytes(w, m->signature, p->asym ? p->asym->signature_size : 0);
    if (m->signature && m->verify_data)
        write_bytes(w, m->verify_data, p->hash ? p->hash->size : 0);
}

const struct spdm_message spdm_msg_key_exchange = {SPDM_KEY_EXCHANGE, SPDM_VERSION_11, REQUEST_NAME,
                                                   key_exchange_decode, key_exchange_encode};
const struct spdm_message spdm_msg_key_exchange_rsp = {SPDM_KEY_EXCHANGE_RSP, SPDM_VERSION_11, RESPONSE_NAME,
                                                       key_exchange_rsp_decode, key_exchange_rsp_encode};

/* What both sides do. */

/* One side's part of the exchange; holds the private key. */
struct share {
    struct dhe_key dhe;
    uint8_t public_key[DHE_PUBLIC_MAX];
    uint8_t random[SPDM_RANDOM_SIZE];
    uint8_t opaque[OPAQUE_VERSIONS_MAX];
};

static enum ide_err make_share(const struct spdm_connection *c, struct share *share)
{
    enum ide_err err = c->rng.random(c->rng.context, share->random, sizeof(share->random));
    if (err != IDE_OK)
        return err;
    return dhe_generate(&share->dhe, c->params.dhe, &c->rng, share->public_key);
}

static void clear_share(struct share *share)
{
    dhe_clear(&share->dhe);
    wipe(share, sizeof(*share));
}

/* TH1, the handshake stage from the DHE secret, and the handshake's record keys. */
static enum ide_err agree(struct session *s, const struct dhe_key *dhe, const uint8_t *peer_public)
{
    uint8_t secret[DHE_SECRET_MAX], th1[HASH_SIZE_MAX];
    enum ide_err err = hash_snapshot(&s->th, th1);
    if (err == IDE_OK)
        err = dhe_compute(dhe, peer_public, secret);
    if (err == IDE_OK)
        err = key_schedule_handshake(&s->keys, &s->connection->params, secret, dhe->info->secret_size, th1);
    if (err == IDE_OK)
        err = session_set_keys(s);
    wipe(secret, sizeof(secret));
    return err;
}

/* KEY_EXCHANGE_RSP's signature, which is over TH as it is before it. */
static struct spdm_signing signing(const struct session *s)
{
    const struct spdm_params *p = &s->connection->params;
    return (struct spdm_signing){.params = p, .asym = p->asym, .context = SESSION_SIGNING_CONTEXT};
}

/* The requester. */

/* Is what the responder chose among what we offered? */
static enum ide_err check_selection(struct session *s, const struct spdm_key_exchange_rsp *rsp)
{
    struct spdm_connection *c = s->connection;
    enum ide_err err = session_mutual_accept(s, rsp);
    if (err == IDE_OK)
        err = session_check_heartbeat(s, rsp->header.param1, RESPONSE_NAME);
    if (err != IDE_OK)
        return err;
    struct reader opaque = reader_of(rsp->opaque, rsp->opaque_len);
    s->secured_version = opaque_read_selected(&opaque, c);
    return read_done(&opaque, &c->fault, RESPONSE_NAME);
}

static enum ide_err check_signature(struct session *s, const struct spdm_key_exchange_rsp *rsp)
{
    struct spdm_connection *c = s->connection;
    const struct spdm_signing how = signing(s);
    uint8_t th[HASH_SIZE_MAX];
    enum ide_err err = hash_snapshot(&s->th, th);
    if (err == IDE_OK)
        err = spdm_verify_transcript(&how, th, &c->peer.key, rsp->signature);
    if (err == IDE_OK)
        err = hash_update(&s->th, rsp->signature, how.asym->signature_size);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, RESPONSE_NAME, "Signature");
}

static enum ide_err accept_response(struct session *s, const struct share *share,
                                    const struct spdm_key_exchange_rsp *rsp)
{
    struct spdm_connection *c = s->connection;
    enum ide_err err = check_signature(s, rsp);
    if (err == IDE_OK)
        err = check_selection(s, rsp);
    if (err != IDE_OK)
        return err;
    err = agree(s, &share->dhe, rsp->exchange_data);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, RESPONSE_NAME, "ExchangeData");
    if (rsp->verify_data)   /* with the handshake in the clear it is in FINISH_RSP instead */
        err = session_check_verify_data(s, s->keys.response_finished, rsp->verify_data, RESPONSE_NAME,
                                        "ResponderVerifyData");
    if (err != IDE_OK)
        return err;
    spdm_summary_keep(c, rsp->summary, rsp->summary_len);
    s->id |= (uint32_t)rsp->rsp_session_id << 16;
    s->state = SESSION_HANDSHAKE;
    return IDE_OK;
}

static enum ide_err exchange(struct session *s, struct share *share)
{
    struct spdm_connection *c = s->connection;
    uint16_t half_id = 0;
    enum ide_err err = spdm_summary_wanted(c, REQUEST_NAME);
    if (err != IDE_OK)
        return err;
    err = session_draw_id(c, &half_id);
    if (err == IDE_OK)
        err = make_share(c, share);
    if (err == IDE_OK)
        err = session_start_th(s, c->chain_hash);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, REQUEST_NAME, NULL);
    s->id = half_id;
    struct writer opaque = writer_of(share->opaque, sizeof(share->opaque));
    opaque_write_supported(&opaque, c);
    struct spdm_key_exchange request = {
        .header = {.param1 = c->config->summary_type, .param2 = c->chain_slot},
        .req_session_id = half_id,
        .random = share->random,
        .exchange_data = share->public_key,
        .opaque_len = (uint16_t)opaque.pos,
        .opaque = share->opaque,
    };
    struct spdm_key_exchange_rsp rsp = {.summary_len = spdm_summary_len(&c->params, c->config->summary_type)};
    struct spdm_exchange e = {.request = &spdm_msg_key_exchange, .in = &request,
                              .response = &spdm_msg_key_exchange_rsp, .out = &rsp,
                              .transcript = {.hash = &s->th, .signed_part_only = true},
                              .signed_len = &rsp.signed_len};
    err = spdm_transact(c, &c->clear, &e, NULL, NULL);
    return err == IDE_OK ? accept_response(s, share, &rsp) : err;
}

enum ide_err session_key_exchange(struct session *s)
{
    struct share share = {0};
    enum ide_err err = exchange(s, &share);
    clear_share(&share);
    return err;
}

/* The responder. */

/* What the request asks for, checked. */
struct wish {
    struct session_responder *responder;
    struct spdm_key_exchange in;
    const struct spdm_slot *slot;
    uint16_t secured_version;
    uint8_t summary_len;
    uint8_t summary[HASH_SIZE_MAX];
};

static enum ide_err read_wish(struct spdm_responder *r, struct spdm_request *request, struct wish *wish)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_key_exchange *in = &wish->in;
    enum ide_err err = session_request_decode(r, &spdm_msg_key_exchange, request, in);
    if (err != IDE_OK)
        return err;
    wish->responder = r->layer;
    wish->slot = spdm_slot_of(r->slots, in->header.param2);
    if (!wish->slot)
        return ide_fail(&c->fault, IDE_E_FIELD, REQUEST_NAME, "SlotID");
    struct reader opaque = reader_of(in->opaque, in->opaque_len);
    wish->secured_version = opaque_read_supported(&opaque, c);
    err = read_done(&opaque, &c->fault, REQUEST_NAME);
    if (err != IDE_OK)
        return err;
    return spdm_responder_summary(r, in->header.param1, REQUEST_NAME, wish->summary, &wish->summary_len);
}

/* Writes the response up to its signature, and notes both messages. */
static enum ide_err write_signed_part(struct session *s, const struct spdm_request *request, const struct wish *wish,
                                      struct share *share, struct writer *w)
{
    const struct spdm_params *p = &s->connection->params;
    struct writer opaque = writer_of(share->opaque, sizeof(share->opaque));
    opaque_write_selected(&opaque, p, wish->secured_version);
    struct spdm_key_exchange_rsp rsp = {
        .header = {.param1 = s->heartbeat_period},
        .rsp_session_id = (uint16_t)(s->id >> 16),
        .random = share->random,
        .exchange_data = share->public_key,
        .summary_len = wish->summary_len,
        .summary = wish->summary,
        .opaque_len = (uint16_t)opaque.pos,
        .opaque = share->opaque,
    };
    enum ide_err err = session_mutual_ask(wish->responder, s, &rsp);
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_key_exchange_rsp, p, &rsp, w);
    err = write_done(w);
    return err == IDE_OK ? spdm_responder_note(&s->th, request, w) : err;
}

static enum ide_err write_signature(struct session *s, const struct spdm_slot *slot, struct writer *w)
{
    const struct spdm_signing how = signing(s);
    uint8_t th[HASH_SIZE_MAX];
    uint8_t *signature = write_space(w, how.asym->signature_size);
    if (!signature)
        return IDE_E_SPACE;
    enum ide_err err = hash_snapshot(&s->th, th);
    if (err == IDE_OK)
        err = spdm_sign_transcript(&how, th, slot->key, &s->connection->rng, signature);
    return err == IDE_OK ? hash_update(&s->th, signature, how.asym->signature_size) : err;
}

static enum ide_err answer(struct session *s, const struct spdm_request *request, const struct wish *wish,
                           struct share *share, struct writer *w)
{
    uint8_t chain_hash[HASH_SIZE_MAX];
    enum ide_err err = hash_once(s->connection->params.hash->id, wish->slot->chain, wish->slot->chain_len, chain_hash);
    if (err == IDE_OK)
        err = session_start_th(s, chain_hash);
    if (err == IDE_OK)
        err = write_signed_part(s, request, wish, share, w);
    if (err == IDE_OK)
        err = write_signature(s, wish->slot, w);
    if (err == IDE_OK)
        err = agree(s, &share->dhe, wish->in.exchange_data);
    if (err == IDE_OK && !session_in_the_clear(&s->connection->params))
        err = session_write_verify_data(s, w);
    return err;
}

static enum ide_err begin_session(struct session_responder *sr, struct session *s, const struct spdm_request *request,
                                  const struct wish *wish, struct writer *w)
{
    struct share share = {0};
    enum ide_err err =
        session_prepare(sr, s, wish->in.req_session_id, wish->secured_version, wish->in.session_policy);
    if (err == IDE_OK)
        err = make_share(s->connection, &share);
    if (err == IDE_OK)
        err = answer(s, request, wish, &share, w);
    clear_share(&share);
    return err;
}

enum ide_err session_handle_key_exchange(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct session_responder *sr = r->layer;
    struct wish wish = {0};
    enum ide_err err = session_agreed(&r->connection, false, REQUEST_NAME);
    if (err == IDE_OK)
        err = read_wish(r, request, &wish);
    if (err != IDE_OK)
        return err;
    struct session *s = session_free_place(sr, REQUEST_NAME);
    if (!s)
        return r->connection.fault.err;
    err = begin_session(sr, s, request, &wish, w);
    if (err != IDE_OK) {
        session_responder_end(sr, s);
        return r->connection.fault.err == err ? err : ide_fail(&r->connection.fault, err, RESPONSE_NAME, NULL);
    }
    s->state = SESSION_HANDSHAKE;
    sr->latest = s;
    return IDE_OK;
}
