/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PSK_FINISH and PSK_FINISH_RSP (DSP0274 1.2 §10.19), in the session that PSK_EXCHANGE began. */
#include "session/internal.h"

#include "spdm/cursor.h"

static void psk_finish_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_psk_finish *m = message;
    m->opaque = session_read_finish_opaque(r, p, &m->opaque_len);
    m->verified_len = r->pos;
    m->verify_data = read_bytes(r, session_hash_size(r, p), "RequesterVerifyData");
}

static void psk_finish_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_psk_finish *m = message;
    session_write_finish_opaque(w, p, m->opaque, m->opaque_len);
    if (m->verify_data && p->hash)
        write_bytes(w, m->verify_data, p->hash->size);
}

static void psk_finish_rsp_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_psk_finish_rsp *m = message;
    m->opaque = session_read_finish_opaque(r, p, &m->opaque_len);
}

static void psk_finish_rsp_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_psk_finish_rsp *m = message;
    session_write_finish_opaque(w, p, m->opaque, m->opaque_len);
}

const struct spdm_message spdm_msg_psk_finish = {SPDM_PSK_FINISH, SPDM_VERSION_11, "PSK_FINISH", psk_finish_decode,
                                                 psk_finish_encode};
const struct spdm_message spdm_msg_psk_finish_rsp = {
    SPDM_PSK_FINISH_RSP, SPDM_VERSION_11, "PSK_FINISH_RSP", psk_finish_rsp_decode, psk_finish_rsp_encode};

enum ide_err session_psk_finish(struct session *s)
{
    struct spdm_psk_finish in = {0};
    struct spdm_psk_finish_rsp out = {0};
    uint8_t verify_data[HASH_SIZE_MAX];
    struct hash th;
    enum ide_err err = session_th_with_head(s, &spdm_msg_psk_finish, &in, &th);
    if (err == IDE_OK)
        err = session_verify_data(s, s->keys.request_finished, &th, verify_data);
    if (err != IDE_OK)
        return ide_fail(&s->connection->fault, err, "PSK_FINISH", "RequesterVerifyData");
    in.verify_data = verify_data;
    struct spdm_exchange e = {.request = &spdm_msg_psk_finish, .in = &in, .response = &spdm_msg_psk_finish_rsp,
                              .out = &out, .transcript = {.hash = &s->th}};
    err = session_transact(s, &e, NULL, NULL);
    wipe(verify_data, sizeof(verify_data));
    return err == IDE_OK ? session_establish(s) : err;
}

enum ide_err session_handle_psk_finish(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_psk_finish in = {0};
    const struct spdm_psk_finish_rsp out = {0};
    /* only after PSK_EXCHANGE, and in the session that it began (CVE-2023-31127) */
    struct session *s = session_of_request(r, request, SESSION_HANDSHAKE, "PSK_FINISH");
    if (!s)
        return r->connection.fault.err;
    if (!s->psk)
        return ide_fail(&r->connection.fault, IDE_E_UNEXPECTED, "PSK_FINISH", NULL);
    enum ide_err err = session_request_decode(r, &spdm_msg_psk_finish, request, &in);
    if (err == IDE_OK)
        err = hash_update(&s->th, request->data, in.verified_len);
    if (err == IDE_OK)
        err = session_check_verify_data(s, s->keys.request_finished, in.verify_data, "PSK_FINISH",
                                        "RequesterVerifyData");
    if (err != IDE_OK)
        return err;
    spdm_write(&spdm_msg_psk_finish_rsp, &r->connection.params, &out, w);
    err = write_done(w);
    if (err == IDE_OK)
        err = hash_update(&s->th, w->data, w->pos);
    if (err != IDE_OK)
        return ide_fail(&r->connection.fault, err, "PSK_FINISH_RSP", NULL);
    s->state = SESSION_FINISHED;
    return IDE_OK;
}
