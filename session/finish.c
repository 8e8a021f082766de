/* SPDX-License-Identifier: GPL-2.0-or-later */
/* FINISH and FINISH_RSP (DSP0274 1.2 §10.17). */
#include "session/internal.h"

#include "spdm/cursor.h"

/* A signature is there if the requester says so; its size then depends on what was agreed on. */
static size_t signature_size(const struct spdm_params *p, const struct spdm_header *h)
{
    return h->param1 & SPDM_FINISH_SIGNED && p->req_asym ? p->req_asym->signature_size : 0;
}

static void finish_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_finish *m = message;
    size_t signature_len = signature_size(p, &m->header);
    if (m->header.param1 & SPDM_FINISH_SIGNED && signature_len == 0)
        read_fail(r, IDE_E_NOT_OFFERED, "Signature");
    m->opaque = session_read_finish_opaque(r, p, &m->opaque_len);
    m->signed_len = r->pos;
    m->signature = signature_len > 0 ? read_bytes(r, signature_len, "Signature") : NULL;
    m->verified_len = r->pos;
    m->verify_data = read_bytes(r, session_hash_size(r, p), "RequesterVerifyData");
}

static void finish_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_finish *m = message;
    session_write_finish_opaque(w, p, m->opaque, m->opaque_len);
    if (m->signature)
        write_bytes(w, m->signature, signature_size(p, &m->header));
    if (m->verify_data && p->hash)
        write_bytes(w, m->verify_data, p->hash->size);
}

static void finish_rsp_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_finish_rsp *m = message;
    m->opaque = session_read_finish_opaque(r, p, &m->opaque_len);
    m->signed_len = r->pos;
    m->verify_data = session_in_the_clear(p) ? read_bytes(r, session_hash_size(r, p), "ResponderVerifyData") : NULL;
}

static void finish_rsp_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_finish_rsp *m = message;
    session_write_finish_opaque(w, p, m->opaque, m->opaque_len);
    if (m->verify_data && p->hash)
        write_bytes(w, m->verify_data, p->hash->size);
}

const struct spdm_message spdm_msg_finish = {SPDM_FINISH, SPDM_VERSION_11, "FINISH", finish_decode, finish_encode};
const struct spdm_message spdm_msg_finish_rsp = {
    SPDM_FINISH_RSP, SPDM_VERSION_11, "FINISH_RSP", finish_rsp_decode, finish_rsp_encode};

/* The requester's signature if it was asked for, and verify data, over TH with FINISH up to it. TH stays as it is. */
static enum ide_err prove(struct session *s, struct spdm_finish *in, uint8_t *signature, uint8_t *verify_data)
{
    struct hash th;
    if (s->mut_auth)
        in->header = (struct spdm_header){.param1 = SPDM_FINISH_SIGNED, .param2 = s->own_slot};
    enum ide_err err = session_th_with_head(s, &spdm_msg_finish, in, &th);
    if (err == IDE_OK && s->mut_auth) {
        err = session_mutual_sign(s, &th, signature);
        if (err != IDE_OK)
            return ide_fail(&s->connection->fault, err, "FINISH", "Signature");
        in->signature = signature;
    }
    if (err == IDE_OK)
        err = session_verify_data(s, s->keys.request_finished, &th, verify_data);
    return err == IDE_OK ? IDE_OK : ide_fail(&s->connection->fault, err, "FINISH", "RequesterVerifyData");
}

enum ide_err session_finish(struct session *s)
{
    struct spdm_finish in = {0};
    struct spdm_finish_rsp out = {0};
    uint8_t signature[SIGNATURE_SIZE_MAX], verify_data[HASH_SIZE_MAX];
    enum ide_err err = prove(s, &in, signature, verify_data);
    if (err != IDE_OK)
        return err;
    in.verify_data = verify_data;
    struct spdm_exchange e = {.request = &spdm_msg_finish, .in = &in, .response = &spdm_msg_finish_rsp, .out = &out,
                              .transcript = {.hash = &s->th, .signed_part_only = true},
                              .signed_len = &out.signed_len};
    err = session_handshake_transact(s, &e);
    wipe(verify_data, sizeof(verify_data));
    if (err == IDE_OK && out.verify_data)
        err = session_check_verify_data(s, s->keys.response_finished, out.verify_data, "FINISH_RSP",
                                        "ResponderVerifyData");
    return err == IDE_OK ? session_establish(s) : err;
}

/* The session that FINISH belongs to: only after KEY_EXCHANGE, and the one that it began (CVE-2023-31127). */
static struct session *session_to_finish(struct spdm_responder *r, const struct spdm_request *request)
{
    const struct session_responder *sr = r->layer;
    bool clear = session_in_the_clear(&r->connection.params);
    struct session *s = clear && !request->session ? sr->latest : request->session;
    if (s && s->state == SESSION_HANDSHAKE && !s->psk && clear == !request->session)
        return s;
    ide_fail(&r->connection.fault, s ? IDE_E_UNEXPECTED : IDE_E_SESSION, "FINISH", NULL);
    return NULL;
}

static enum ide_err check_finish(struct session_responder *sr, struct session *s, const struct spdm_request *request,
                                 const struct spdm_finish *in)
{
    enum ide_err err = session_mutual_check(sr, s, request->data, in);
    if (err != IDE_OK)
        return err;
    return session_check_verify_data(s, s->keys.request_finished, in->verify_data, "FINISH", "RequesterVerifyData");
}

/* FINISH_RSP; with the handshake in the clear the session is established at once, else once it is sealed. */
static enum ide_err answer_finish(struct session *s, struct writer *w)
{
    const struct spdm_finish_rsp out = {0};
    spdm_write(&spdm_msg_finish_rsp, &s->connection->params, &out, w);
    enum ide_err err = write_done(w);
    if (err == IDE_OK)
        err = hash_update(&s->th, w->data, w->pos);
    if (err == IDE_OK && session_in_the_clear(&s->connection->params)) {
        err = session_write_verify_data(s, w);
        return err == IDE_OK ? session_establish(s) : err;
    }
    if (err == IDE_OK)
        s->state = SESSION_FINISHED;
    return err;
}

enum ide_err session_handle_finish(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_finish in = {0};
    struct session *s = session_to_finish(r, request);
    if (!s)
        return r->connection.fault.err;
    enum ide_err err = session_request_decode(r, &spdm_msg_finish, request, &in);
    if (err == IDE_OK)
        err = check_finish(r->layer, s, request, &in);
    if (err == IDE_OK) {
        err = answer_finish(s, w);
        if (err != IDE_OK)
            ide_fail(&r->connection.fault, err, "FINISH_RSP", NULL);
    }
    if (err != IDE_OK && !request->session)   /* the handshake in the clear is over, as a record's would be */
        session_responder_end(r->layer, s);
    return err;
}
