/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET_ENCAPSULATED_REQUEST and ENCAPSULATED_REQUEST, DELIVER_ENCAPSULATED_RESPONSE and ENCAPSULATED_RESPONSE_ACK
 * (DSP0274 1.2 §10.22, §10.23): the codec, and the requester, who answers. Who asks is in mutual_requests.c.
 */
#include "session/internal.h"

#include "spdm/chain.h"
#include "spdm/cursor.h"

#define DELIVER_NAME "DELIVER_ENCAPSULATED_RESPONSE"
#define ACK_NAME     "ENCAPSULATED_RESPONSE_ACK"
#define HEADER_SIZE  4u
#define ROUNDS_MAX   2048u   /* a chain of 64 KiB in portions of 32 bytes */

static void read_message(struct reader *r, struct spdm_encapsulated *m)
{
    m->message_len = read_left(r);
    m->message = read_bytes(r, m->message_len, "EncapsulatedMessage");
    if (m->message_len < HEADER_SIZE)
        read_fail_value(r, IDE_E_SHORT, "EncapsulatedMessage", m->message_len, HEADER_SIZE);
}

static void write_message(struct writer *w, const struct spdm_params *p, const struct spdm_encapsulated *m)
{
    if (m->inner)
        spdm_write(m->inner, p, m->in, w);
    else
        write_bytes(w, m->message, m->message_len);
}

static void carrier_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    (void)p;
    read_message(r, message);
}

static void carrier_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    write_message(w, p, message);
}

static void ack_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_encapsulated *m = message;
    m->ack_id = p->version >= SPDM_VERSION_12 ? read_u8(r, "AckRequestID") : 0;
    read_bytes(r, p->version >= SPDM_VERSION_12 ? 3 : 0, "Reserved");
    switch (m->header.param2) {
    case SPDM_ENCAP_ABSENT:
        break;
    case SPDM_ENCAP_PRESENT:
        read_message(r, m);
        break;
    case SPDM_ENCAP_SLOT:
        m->slot = read_u8(r, "ReqSlotNumber");
        break;
    default:
        read_fail_value(r, IDE_E_FIELD, "PayloadType", m->header.param2, SPDM_ENCAP_SLOT);
    }
}

static void ack_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_encapsulated *m = message;
    if (p->version >= SPDM_VERSION_12) {
        write_u8(w, m->ack_id);
        write_u24(w, 0);
    }
    if (m->header.param2 == SPDM_ENCAP_PRESENT)
        write_message(w, p, m);
    if (m->header.param2 == SPDM_ENCAP_SLOT)
        write_u8(w, m->slot);
}

const struct spdm_message spdm_msg_get_encapsulated_request = {
    SPDM_GET_ENCAPSULATED_REQUEST, SPDM_VERSION_11, "GET_ENCAPSULATED_REQUEST", NULL, NULL};
const struct spdm_message spdm_msg_encapsulated_request = {
    SPDM_ENCAPSULATED_REQUEST, SPDM_VERSION_11, "ENCAPSULATED_REQUEST", carrier_decode, carrier_encode};
const struct spdm_message spdm_msg_deliver_encapsulated_response = {
    SPDM_DELIVER_ENCAPSULATED_RESPONSE, SPDM_VERSION_11, DELIVER_NAME, carrier_decode, carrier_encode};
const struct spdm_message spdm_msg_encapsulated_response_ack = {
    SPDM_ENCAPSULATED_RESPONSE_ACK, SPDM_VERSION_11, ACK_NAME, ack_decode, ack_encode};

/* The answer to one encapsulated request. */
struct answer {
    const struct spdm_message *message;
    union {
        struct spdm_digests digests;
        struct spdm_certificate certificate;
        struct spdm_plain plain;
        struct spdm_error error;
    } of;
    uint8_t digests[SPDM_SLOTS * HASH_SIZE_MAX];
};

static void answer_error(struct answer *a, uint8_t code, uint8_t data)
{
    a->message = &spdm_msg_error;
    a->of.error = (struct spdm_error){.header = {.param1 = code, .param2 = data}};
}

static void answer_digests(const struct spdm_connection *c, struct answer *a)
{
    a->message = &spdm_msg_digests;
    if (spdm_digests_make(&c->params, c->own, a->digests, &a->of.digests) != IDE_OK)
        answer_error(a, SPDM_ERROR_UNSPECIFIED, 0);
}

/* The longest CERTIFICATE that still fits in its carrier. */
static size_t certificate_room(const struct spdm_params *p)
{
    size_t transfer = SPDM_TRANSFER_SIZE;
    if (p->peer_transfer_size != 0 && p->peer_transfer_size < transfer)
        transfer = p->peer_transfer_size;
    return transfer - HEADER_SIZE;
}

static void answer_certificate(const struct spdm_connection *c, const struct spdm_get_certificate *in,
                               struct answer *a)
{
    struct ide_fault fault;
    uint8_t slot = in->header.param1 & SPDM_SLOT_MASK;
    const struct spdm_slot *own = c->own ? spdm_slot_of(c->own, slot) : NULL;
    a->message = &spdm_msg_certificate;
    if (!own || spdm_certificate_make(own, in, certificate_room(&c->params), &a->of.certificate, &fault) != IDE_OK)
        answer_error(a, SPDM_ERROR_INVALID_REQUEST, 0);
}

/* A responder may update its own key in a session that is up, whose last bytes these are. */
static void answer_key_update(struct session *s, const struct spdm_encapsulated *m, struct answer *a)
{
    struct spdm_plain in;
    struct ide_fault fault;
    size_t consumed;
    const struct spdm_params *p = &s->connection->params;
    if (s->state != SESSION_ESTABLISHED || !(p->flags_requester & p->flags_responder & SPDM_CAP_KEY_UPD)) {
        answer_error(a, SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_KEY_UPDATE);
        return;
    }
    if (spdm_decode(&spdm_msg_key_update, p, m->message, m->message_len, &in, &consumed, &fault) != IDE_OK ||
        consumed != m->message_len || key_update_answer(s, in.header.param1) != IDE_OK)
        return;
    a->message = &spdm_msg_key_update_ack;
    a->of.plain = (struct spdm_plain){.header = {.param1 = in.header.param1, .param2 = in.header.param2}};
}

/* Whatever the request is, there is an answer. */
static void answer_request(struct session *s, const struct spdm_encapsulated *m, struct answer *a)
{
    const struct spdm_connection *c = s->connection;
    struct reader r = reader_of(m->message, m->message_len);
    struct spdm_plain get_digests;
    struct spdm_get_certificate get_certificate;
    struct ide_fault fault;
    size_t consumed;
    read_u8(&r, "SPDMVersion");
    uint8_t code = read_u8(&r, "RequestResponseCode");
    answer_error(a, SPDM_ERROR_INVALID_REQUEST, 0);
    if (code == SPDM_KEY_UPDATE) {
        answer_key_update(s, m, a);
    } else if (code == SPDM_GET_DIGESTS && c->own) {
        if (spdm_decode(&spdm_msg_get_digests, &c->params, m->message, m->message_len, &get_digests, &consumed,
                        &fault) == IDE_OK)
            answer_digests(c, a);
    } else if (code == SPDM_GET_CERTIFICATE && c->own) {
        if (spdm_decode(&spdm_msg_get_certificate, &c->params, m->message, m->message_len, &get_certificate, &consumed,
                        &fault) == IDE_OK)
            answer_certificate(c, &get_certificate, a);
    } else {
        answer_error(a, SPDM_ERROR_UNSUPPORTED_REQUEST, code);
    }
}

static enum ide_err carry(struct session *s, const struct spdm_exchange *e)
{
    return s->state == SESSION_ESTABLISHED ? session_transact(s, e, NULL, NULL) : session_handshake_transact(s, e);
}

/* Fetches the first request. */
static enum ide_err begin(struct session *s, uint8_t *id, struct answer *a)
{
    struct spdm_plain in = {0};
    struct spdm_encapsulated out = {0};
    struct spdm_exchange e = {.request = &spdm_msg_get_encapsulated_request, .in = &in,
                              .response = &spdm_msg_encapsulated_request, .out = &out};
    enum ide_err err = carry(s, &e);
    if (err != IDE_OK)
        return err;
    *id = out.header.param1;
    answer_request(s, &out, a);
    return IDE_OK;
}

/* Delivers one answer; the ACK says how it goes on. */
static enum ide_err deliver(struct session *s, uint8_t id, const struct answer *a, struct spdm_encapsulated *ack)
{
    struct spdm_connection *c = s->connection;
    struct spdm_encapsulated in = {.header = {.param1 = id}, .inner = a->message, .in = &a->of};
    struct spdm_exchange e = {.request = &spdm_msg_deliver_encapsulated_response, .in = &in,
                              .response = &spdm_msg_encapsulated_response_ack, .out = ack};
    *ack = (struct spdm_encapsulated){0};
    enum ide_err err = carry(s, &e);
    s->update.new_expected = false;
    if (err == IDE_OK && c->params.version >= SPDM_VERSION_12 && ack->ack_id != id)
        err = ide_fail_value(&c->fault, IDE_E_FIELD, ACK_NAME, "AckRequestID", ack->ack_id, id);
    return err;
}

/* Delivers the answer that there is, and those to what is asked then. */
static enum ide_err go_on(struct session *s, uint8_t id, struct answer *a, uint8_t *slot)
{
    struct spdm_encapsulated ack;
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        enum ide_err err = deliver(s, id, a, &ack);
        if (err == IDE_OK && ack.header.param2 == SPDM_ENCAP_SLOT)
            *slot = ack.slot;
        if (err != IDE_OK || ack.header.param2 != SPDM_ENCAP_PRESENT)
            return err;
        id = ack.header.param1;
        answer_request(s, &ack, a);
    }
    return ide_fail(&s->connection->fault, IDE_E_LIMIT, ACK_NAME, "PayloadType");
}

enum ide_err session_answer_encapsulated(struct session *s, bool implicit, uint8_t *slot)
{
    struct answer a;
    uint8_t id = 0;
    if (implicit) {
        answer_digests(s->connection, &a);
    } else {
        enum ide_err err = begin(s, &id, &a);
        if (err != IDE_OK)
            return err;
    }
    return go_on(s, id, &a, slot);
}

/* How a responder says that it wants nothing (DSP0274 1.3 adds NoPendingRequests). */
static bool none_pending(const struct spdm_connection *c, enum ide_err err)
{
    bool since_13 = c->params.version >= SPDM_VERSION_13;
    return err == IDE_E_PEER_ERROR &&
           c->fault.peer_code == (since_13 ? SPDM_ERROR_NO_PENDING_REQUESTS : SPDM_ERROR_UNEXPECTED_REQUEST);
}

enum ide_err session_answer_requests(struct session *s)
{
    struct answer a;
    uint8_t id, slot;
    enum ide_err err = session_usable(s, "GET_ENCAPSULATED_REQUEST");
    if (err != IDE_OK)
        return err;
    struct spdm_connection *c = s->connection;
    if (!session_can_encapsulate(&c->params))
        return ide_fail(&c->fault, IDE_E_CAPABILITY, "GET_ENCAPSULATED_REQUEST", "ENCAP_CAP");
    err = begin(s, &id, &a);
    if (none_pending(c, err))
        return IDE_OK;
    if (err == IDE_OK)
        err = go_on(s, id, &a, &slot);
    if (!s->update.response_switched)
        return err;
    /* it goes on under a key that it has not verified */
    session_close(s);
    return err == IDE_OK ? ide_fail(&c->fault, IDE_E_UNEXPECTED, "KEY_UPDATE", "VerifyNewKey") : err;
}
