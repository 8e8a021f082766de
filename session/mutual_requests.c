/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The responder's encapsulated requests (DSP0274 1.2 §10.22, §10.23): GET_DIGESTS, then GET_CERTIFICATE to the chain's end. */
#include "session/internal.h"

#include "spdm/chain.h"
#include "spdm/cursor.h"

#define GET_NAME     "GET_ENCAPSULATED_REQUEST"
#define DELIVER_NAME "DELIVER_ENCAPSULATED_RESPONSE"
#define HEADER_SIZE  4u

bool session_encapsulated_code(const struct session *s, uint8_t code)
{
    if (s->mut_auth != SPDM_MUT_AUTH_ENCAP && s->mut_auth != SPDM_MUT_AUTH_DIGESTS)
        return false;
    return code == SPDM_GET_ENCAPSULATED_REQUEST || code == SPDM_DELIVER_ENCAPSULATED_RESPONSE;
}

/* The handshake whose requests these are, or NULL with the ERROR set: it comes in its session, or in the clear. */
static struct session *handshake_of(struct spdm_responder *r, const struct spdm_request *request, const char *step)
{
    const struct session_responder *sr = r->layer;
    struct session *s = sr->encap.session;
    const void *expected = session_in_the_clear(&r->connection.params) ? NULL : s;
    if (s && s->state == SESSION_HANDSHAKE && request->session == expected)
        return s;
    if (r->connection.params.version >= SPDM_VERSION_13)
        r->error_code = SPDM_ERROR_NO_PENDING_REQUESTS;
    ide_fail(&r->connection.fault, IDE_E_UNEXPECTED, step, NULL);
    return NULL;
}

/* A session that is up has no handshake any more: what is asked for in it is its own affair. */
static struct session *established(const struct spdm_request *request)
{
    struct session *s = request->session;
    return s && s->state == SESSION_ESTABLISHED ? s : NULL;
}

/* A handshake in the clear is over when it fails, as one in records is. */
static enum ide_err finish_handling(struct spdm_responder *r, const struct spdm_request *request, struct session *s,
                                    enum ide_err err)
{
    if (err != IDE_OK && !request->session)
        session_responder_end(r->layer, s);
    return err;
}

enum ide_err session_handle_get_encapsulated(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct session_responder *sr = r->layer;
    struct spdm_plain in;
    const struct spdm_plain get_digests = {0};
    struct session *up = established(request), *s = up ? up : handshake_of(r, request, GET_NAME);
    if (!s)
        return r->connection.fault.err;
    enum ide_err err = session_request_decode(r, &spdm_msg_get_encapsulated_request, request, &in);
    if (up)
        return err == IDE_OK ? session_ask_update(r, up, w) : err;
    if (err == IDE_OK && sr->encap.stage != ENCAP_BEGIN)
        err = ide_fail(&r->connection.fault, IDE_E_UNEXPECTED, GET_NAME, NULL);
    if (err == IDE_OK) {
        const struct spdm_encapsulated out = {
            .header = {.param1 = ++sr->encap.id}, .inner = &spdm_msg_get_digests, .in = &get_digests};
        sr->encap.stage = ENCAP_DIGESTS;
        spdm_write(&spdm_msg_encapsulated_request, &r->connection.params, &out, w);
        err = write_done(w);
    }
    return finish_handling(r, request, s, err);
}

/* The longest CERTIFICATE that we can take: in its carrier. */
static struct spdm_get_certificate next_certificate(const struct session_responder *sr)
{
    size_t room = spdm_own_transfer_size(&sr->spdm.connection);
    return spdm_chain_request(&sr->encap.progress, sr->mutual.slot, room - HEADER_SIZE);
}

static enum ide_err take_digests(struct session_responder *sr, const struct spdm_encapsulated *in)
{
    struct spdm_connection *c = &sr->spdm.connection;
    struct spdm_digests m = {0};
    size_t consumed;
    enum ide_err err =
        spdm_decode(&spdm_msg_digests, &c->params, in->message, in->message_len, &m, &consumed, &c->fault);
    if (err != IDE_OK)
        return err;
    if (!(m.header.param2 >> sr->mutual.slot & 1))
        return ide_fail_value(&c->fault, IDE_E_NO_CERT, "DIGESTS", "SlotMask", m.header.param2,
                              1u << sr->mutual.slot);
    spdm_digests_take(c, &m);
    sr->encap.progress = spdm_chain_begin(c);
    sr->encap.stage = ENCAP_CERTIFICATE;
    return IDE_OK;
}

static enum ide_err take_certificate(struct session_responder *sr, const struct spdm_encapsulated *in)
{
    struct spdm_connection *c = &sr->spdm.connection;
    struct spdm_certificate m = {0};
    size_t consumed;
    const struct spdm_get_certificate asked = next_certificate(sr);
    enum ide_err err =
        spdm_decode(&spdm_msg_certificate, &c->params, in->message, in->message_len, &m, &consumed, &c->fault);
    if (err == IDE_OK)
        err = spdm_chain_take(&sr->encap.progress, &asked, &m, &c->fault);
    if (err != IDE_OK || !spdm_chain_whole(&sr->encap.progress))
        return err;
    err = spdm_chain_verify(c, &sr->encap.progress, sr->mutual.slot, sr->mutual.trust);
    if (err == IDE_OK)
        sr->encap.stage = ENCAP_DONE;
    return err;
}

static enum ide_err take(struct session_responder *sr, const struct spdm_encapsulated *in)
{
    struct spdm_responder *r = &sr->spdm;
    if (in->header.param1 != sr->encap.id)
        return ide_fail_value(&r->connection.fault, IDE_E_FIELD, DELIVER_NAME, "RequestID", in->header.param1,
                              sr->encap.id);
    enum ide_err err = IDE_E_UNEXPECTED;
    if (sr->encap.stage == ENCAP_DIGESTS)
        err = take_digests(sr, in);
    else if (sr->encap.stage == ENCAP_CERTIFICATE)
        err = take_certificate(sr, in);
    else
        return ide_fail(&r->connection.fault, err, DELIVER_NAME, NULL);
    if (err == IDE_E_UNEXPECTED)
        r->error_code = SPDM_ERROR_INVALID_RESPONSE_CODE;
    return err;
}

/* The next request, or that there is none and of which slot FINISH must be. */
static enum ide_err acknowledge(struct session_responder *sr, uint8_t id, struct writer *w)
{
    const struct spdm_get_certificate get_certificate = next_certificate(sr);
    struct spdm_encapsulated out = {.ack_id = id, .slot = sr->mutual.slot};
    if (sr->encap.stage == ENCAP_DONE) {
        out.header.param2 = sr->mutual.slot == 0 ? SPDM_ENCAP_ABSENT : SPDM_ENCAP_SLOT;
    } else {
        out.header.param1 = ++sr->encap.id;
        out.header.param2 = SPDM_ENCAP_PRESENT;
        out.inner = &spdm_msg_get_certificate;
        out.in = &get_certificate;
    }
    spdm_write(&spdm_msg_encapsulated_response_ack, &sr->spdm.connection.params, &out, w);
    return write_done(w);
}

enum ide_err session_handle_deliver_encapsulated(struct spdm_responder *r, struct spdm_request *request,
                                                 struct writer *w)
{
    struct session_responder *sr = r->layer;
    struct spdm_encapsulated in = {0};
    struct session *up = established(request), *s = up ? up : handshake_of(r, request, DELIVER_NAME);
    if (!s)
        return r->connection.fault.err;
    enum ide_err err = session_request_decode(r, &spdm_msg_deliver_encapsulated_response, request, &in);
    if (up)
        return err == IDE_OK ? session_take_update(r, up, &in, w) : err;
    if (err == IDE_OK)
        err = take(sr, &in);
    if (err == IDE_OK)
        err = acknowledge(sr, in.header.param1, w);
    return finish_handling(r, request, s, err);
}
