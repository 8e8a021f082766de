/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The responder updates its own key: KEY_UPDATE as an encapsulated request (DSP0274 1.2 §10.21). UpdateKey goes out and is
 * acknowledged under the old response key; the ACK that carries VerifyNewKey is the first record under the new one.
 */
#include "session/internal.h"

#include "spdm/cursor.h"

#define DELIVER_NAME "DELIVER_ENCAPSULATED_RESPONSE"

enum ide_err session_responder_update_key(struct session_responder *r, struct session *s)
{
    struct spdm_connection *c = &r->spdm.connection;
    enum ide_err err = key_update_possible(s);
    if (err == IDE_OK && !session_can_encapsulate(&c->params))
        err = ide_fail(&c->fault, IDE_E_CAPABILITY, "KEY_UPDATE", "ENCAP_CAP");
    if (err == IDE_OK && (key_update_pending(s) || s->update.stage != UPDATE_IDLE))
        err = ide_fail(&c->fault, IDE_E_STATE, "KEY_UPDATE", NULL);
    if (err == IDE_OK)
        s->update.stage = UPDATE_WANTED;
    return err;
}

/* The next operation's request, with an id and a tag of its own. */
static enum ide_err next_request(struct spdm_responder *r, struct session *s, uint8_t operation, struct spdm_plain *plain)
{
    const struct rng *rng = &r->connection.rng;
    enum ide_err err = rng->random(rng->context, &s->update.tag, sizeof(s->update.tag));
    if (err != IDE_OK)
        return ide_fail(&r->connection.fault, err, "KEY_UPDATE", "Tag");
    s->update.id++;
    *plain = (struct spdm_plain){.header = {.param1 = operation, .param2 = s->update.tag}};
    return IDE_OK;
}

enum ide_err session_ask_update(struct spdm_responder *r, struct session *s, struct writer *w)
{
    struct spdm_plain update;
    if (s->update.stage != UPDATE_WANTED && s->update.stage != UPDATE_ASKED) {
        if (r->connection.params.version >= SPDM_VERSION_13)
            r->error_code = SPDM_ERROR_NO_PENDING_REQUESTS;
        return ide_fail(&r->connection.fault, IDE_E_UNEXPECTED, "GET_ENCAPSULATED_REQUEST", NULL);
    }
    enum ide_err err = next_request(r, s, SPDM_KEY_UPDATE_KEY, &update);
    if (err != IDE_OK)
        return err;
    const struct spdm_encapsulated out = {
        .header = {.param1 = s->update.id}, .inner = &spdm_msg_key_update, .in = &update};
    spdm_write(&spdm_msg_encapsulated_request, &r->connection.params, &out, w);
    err = write_done(w);
    if (err == IDE_OK)
        s->update.stage = UPDATE_ASKED;
    return err;
}

/* Is it the KEY_UPDATE_ACK of what was asked? */
static enum ide_err check_ack(struct spdm_responder *r, const struct session *s, const struct spdm_encapsulated *in)
{
    struct ide_fault *fault = &r->connection.fault;
    const uint8_t operation = s->update.stage == UPDATE_ASKED ? SPDM_KEY_UPDATE_KEY : SPDM_KEY_UPDATE_VERIFY;
    struct spdm_plain ack;
    size_t consumed;
    r->error_code = SPDM_ERROR_INVALID_RESPONSE_CODE;
    enum ide_err err = spdm_decode(&spdm_msg_key_update_ack, &r->connection.params, in->message, in->message_len, &ack,
                                   &consumed, fault);
    if (err != IDE_OK)
        return err;
    if (consumed != in->message_len)
        return ide_fail_value(fault, IDE_E_LONG, "KEY_UPDATE_ACK", "length", in->message_len, consumed);
    if (ack.header.param1 != operation)
        return ide_fail_value(fault, IDE_E_FIELD, "KEY_UPDATE_ACK", "Param1", ack.header.param1, operation);
    if (ack.header.param2 != s->update.tag)
        return ide_fail_value(fault, IDE_E_FIELD, "KEY_UPDATE_ACK", "Param2", ack.header.param2, s->update.tag);
    r->error_code = 0;
    return IDE_OK;
}

/* Over, however it went: whoever answered VerifyNewKey at all has opened a record under the new key. */
static void end_update(struct session *s)
{
    if (s->update.stage == UPDATE_VERIFYING)
        key_update_done(s);
    s->update.stage = UPDATE_IDLE;
}

static enum ide_err acknowledge(struct spdm_responder *r, struct session *s, uint8_t id, struct writer *w)
{
    struct spdm_plain verify;
    struct spdm_encapsulated out = {.header = {.param2 = SPDM_ENCAP_ABSENT}, .ack_id = id};
    const bool asked = s->update.stage == UPDATE_ASKED;
    if (asked) {
        enum ide_err err = next_request(r, s, SPDM_KEY_UPDATE_VERIFY, &verify);
        if (err != IDE_OK)
            return err;
        out.header = (struct spdm_header){.param1 = s->update.id, .param2 = SPDM_ENCAP_PRESENT};
        out.inner = &spdm_msg_key_update;
        out.in = &verify;
    }
    spdm_write(&spdm_msg_encapsulated_response_ack, &r->connection.params, &out, w);
    enum ide_err err = write_done(w);
    if (err == IDE_OK && asked)
        err = key_update_response(s);
    if (err == IDE_OK && asked)
        s->update.stage = UPDATE_VERIFYING;
    else
        end_update(s);
    return err == IDE_OK ? IDE_OK : ide_fail(&r->connection.fault, err, DELIVER_NAME, NULL);
}

enum ide_err session_take_update(struct spdm_responder *r, struct session *s, const struct spdm_encapsulated *in,
                                 struct writer *w)
{
    const bool verifying = s->update.stage == UPDATE_VERIFYING;
    if (s->update.stage != UPDATE_ASKED && !verifying)
        return session_ask_update(r, s, w);   /* which says that there is nothing */
    if (in->header.param1 != s->update.id)
        return ide_fail_value(&r->connection.fault, IDE_E_FIELD, DELIVER_NAME, "RequestID", in->header.param1, s->update.id);
    enum ide_err err = check_ack(r, s, in);
    if (err == IDE_OK)
        return acknowledge(r, s, in->header.param1, w);
    end_update(s);
    return err;
}
