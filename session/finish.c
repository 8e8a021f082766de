/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FINISH and FINISH_RSP (DSP0274 1.2 §10.17). */
#include "session/internal.h"

#include "spdm/cursor.h"

/* FINISH before its verify data, as we send it: header, and from 1.4 on an empty opaque length. */
#define HEAD_MAX 8u

/* A signature is there if the requester says so; its size then depends on what was agreed on. */
static size_t signature_size(const struct spdm_params *p, const struct spdm_header *h)
{
    return h->param1 & SPDM_FINISH_SIGNED && p->req_asym ? p->req_asym->signature_size : 0;
}

/* OpaqueDataLength and OpaqueData, which 1.4 added to both messages. */
static const uint8_t *read_opaque(struct reader *r, const struct spdm_params *p, uint16_t *len)
{
    *len = p->version >= SPDM_VERSION_14 ? read_u16(r, "OpaqueDataLength") : 0;
    if (*len > SPDM_OPAQUE_MAX)
        read_fail_value(r, IDE_E_FIELD, "OpaqueDataLength", *len, SPDM_OPAQUE_MAX);
    return read_bytes(r, *len, "OpaqueData");
}

static void write_opaque(struct writer *w, const struct spdm_params *p, const uint8_t *opaque, uint16_t len)
{
    if (p->version < SPDM_VERSION_14)
        return;
    write_u16(w, len);
    write_bytes(w, opaque, len);
}

static size_t hash_size(struct reader *r, const struct spdm_params *p)
{
    if (!p->hash)
        read_fail(r, IDE_E_STATE, "BaseHashSel");
    return p->hash ? p->hash->size : 0;
}

static void finish_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_finish *m = message;
    size_t signature_len = signature_size(p, &m->header);
    if (m->header.param1 & SPDM_FINISH_SIGNED && signature_len == 0)
        read_fail(r, IDE_E_NOT_OFFERED, "Signature");
    m->opaque = read_opaque(r, p, &m->opaque_len);
    m->signed_len = r->pos;
    m->signature = signature_len > 0 ? read_bytes(r, signature_len, "Signature") : NULL;
    m->verified_len = r->pos;
    m->verify_data = read_bytes(r, hash_size(r, p), "RequesterVerifyData");
}

static void finish_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_finish *m = message;
    write_opaque(w, p, m->opaque, m->opaque_len);
    if (m->signature)
        write_bytes(w, m->signature, signature_size(p, &m->header));
    if (m->verify_data && p->hash)
        write_bytes(w, m->verify_data, p->hash->size);
}

static bool in_the_clear(const struct spdm_params *p)
{
    return p->flags_requester & p->flags_responder & SPDM_CAP_HANDSHAKE_CLEAR;
}

static void finish_rsp_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_finish_rsp *m = message;
    m->opaque = read_opaque(r, p, &m->opaque_len);
    m->verify_data = in_the_clear(p) ? read_bytes(r, hash_size(r, p), "ResponderVerifyData") : NULL;
}

static void finish_rsp_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_finish_rsp *m = message;
    write_opaque(w, p, m->opaque, m->opaque_len);
    if (m->verify_data && p->hash)
        write_bytes(w, m->verify_data, p->hash->size);
}

const struct spdm_message spdm_msg_finish = {SPDM_FINISH, SPDM_VERSION_11, "FINISH", finish_decode, finish_encode};
const struct spdm_message spdm_msg_finish_rsp = {
    SPDM_FINISH_RSP, SPDM_VERSION_11, "FINISH_RSP", finish_rsp_decode, finish_rsp_encode};

/* RequesterVerifyData: HMAC over TH with FINISH up to it. TH itself stays as it is. */
static enum ide_err requester_verify_data(const struct session *s, const uint8_t *head, size_t head_len, uint8_t *out)
{
    struct hash th;
    uint8_t digest[HASH_SIZE_MAX];
    enum ide_err err = hash_copy(&th, &s->th);
    if (err == IDE_OK)
        err = hash_update(&th, head, head_len);
    if (err == IDE_OK)
        err = hash_final(&th, digest);
    if (err == IDE_OK)
        err = key_schedule_verify_data(&s->keys, s->keys.request_finished, digest, out);
    return err;
}

enum ide_err session_finish(struct session *s)
{
    struct spdm_connection *c = s->connection;
    struct spdm_finish in = {0};
    struct spdm_finish_rsp out = {0};
    uint8_t head[HEAD_MAX], verify_data[HASH_SIZE_MAX];
    size_t head_len;
    enum ide_err err = spdm_encode(&spdm_msg_finish, &c->params, &in, head, sizeof(head), &head_len);
    if (err == IDE_OK)
        err = requester_verify_data(s, head, head_len, verify_data);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "FINISH", "RequesterVerifyData");
    in.verify_data = verify_data;
    struct spdm_exchange e = {.request = &spdm_msg_finish, .in = &in, .response = &spdm_msg_finish_rsp, .out = &out,
                              .transcript = {.hash = &s->th}};
    err = session_transact(s, &e, NULL, NULL);
    wipe(verify_data, sizeof(verify_data));
    return err == IDE_OK ? session_establish(s) : err;
}

static enum ide_err check_finish(struct spdm_responder *r, const struct session *s, const struct spdm_request *request,
                                 const struct spdm_finish *in)
{
    struct spdm_connection *c = &r->connection;
    uint8_t expected[HASH_SIZE_MAX];
    if (in->header.param1 & SPDM_FINISH_SIGNED)   /* KEY_EXCHANGE_RSP has not asked for mutual authentication */
        return ide_fail_value(&c->fault, IDE_E_FIELD, "FINISH", "Param1", in->header.param1, 0);
    enum ide_err err = requester_verify_data(s, request->data, in->verified_len, expected);
    if (err == IDE_OK && !equal_secret(expected, in->verify_data, c->params.hash->size))
        err = IDE_E_HMAC;
    wipe(expected, sizeof(expected));
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, "FINISH", "RequesterVerifyData");
}

enum ide_err session_handle_finish(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_finish in = {0};
    struct spdm_finish_rsp out = {0};
    /* only after KEY_EXCHANGE, and in the session that it began (CVE-2023-31127) */
    struct session *s = session_of_request(r, request, SESSION_HANDSHAKE, "FINISH");
    if (!s)
        return r->connection.fault.err;
    enum ide_err err = session_request_decode(r, &spdm_msg_finish, request, &in);
    if (err == IDE_OK)
        err = check_finish(r, s, request, &in);
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_finish_rsp, &r->connection.params, &out, w);
    err = write_done(w);
    if (err == IDE_OK)
        err = spdm_responder_note(&s->th, request, w);
    if (err != IDE_OK)
        return ide_fail(&r->connection.fault, err, "FINISH_RSP", NULL);
    s->state = SESSION_FINISHED;
    return IDE_OK;
}
