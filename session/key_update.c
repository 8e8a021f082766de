/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * KEY_UPDATE and KEY_UPDATE_ACK (DSP0274 1.2 §10.21).
 *
 * A direction that changes to its next key keeps the old secret and the number where the old key stopped, until
 * VerifyNewKey is answered: each failure goes back to them, in both roles and both directions (libspdm#3725, #3816).
 */
#include "session/internal.h"

#include <string.h>

#include "spdm/cursor.h"

const struct spdm_message spdm_msg_key_update = {SPDM_KEY_UPDATE, SPDM_VERSION_11, "KEY_UPDATE", NULL, NULL};
const struct spdm_message spdm_msg_key_update_ack = {
    SPDM_KEY_UPDATE_ACK, SPDM_VERSION_11, "KEY_UPDATE_ACK", NULL, NULL};

enum direction { REQUEST, RESPONSE };

/* One direction of a session: what it uses, and what it can go back to. */
struct lane {
    struct secured_direction *direction;
    uint8_t *secret;
    uint8_t *old_secret;
    uint64_t *old_sequence;
    bool *switched;
};

static struct lane lane_of(struct session *s, enum direction which)
{
    struct session_key_update *u = &s->update;
    if (which == REQUEST)
        return (struct lane){&s->request, s->keys.request_secret, u->request_secret, &u->request_sequence,
                             &u->request_switched};
    return (struct lane){&s->response, s->keys.response_secret, u->response_secret, &u->response_sequence,
                         &u->response_switched};
}

static enum ide_err use_secret(const struct session *s, const struct lane *lane, const uint8_t *secret,
                               uint64_t sequence)
{
    struct record_key key;
    enum ide_err err = key_schedule_record_key(&s->keys, secret, &key);
    if (err == IDE_OK)
        err = secured_restore_key(lane->direction, s->keys.aead, key.key, key.iv, sequence);
    if (err == IDE_OK)
        memcpy(lane->secret, secret, HASH_SIZE_MAX);
    wipe(&key, sizeof(key));
    return err;
}

static void forget_old(const struct lane *lane)
{
    wipe(lane->old_secret, HASH_SIZE_MAX);
    *lane->old_sequence = 0;
    *lane->switched = false;
}

static enum ide_err go_back(struct session *s, enum direction which)
{
    struct lane lane = lane_of(s, which);
    if (!*lane.switched)
        return IDE_OK;
    if (lane.direction->sequence > 0)
        s->update.spent = true;
    enum ide_err err = use_secret(s, &lane, lane.old_secret, *lane.old_sequence);
    forget_old(&lane);
    return err;
}

/* To the next key. On failure the direction is where it was. */
static enum ide_err advance(struct session *s, enum direction which)
{
    struct lane lane = lane_of(s, which);
    uint8_t next[HASH_SIZE_MAX] = {0};
    if (*lane.switched)
        return IDE_E_STATE;
    enum ide_err err = key_schedule_next(&s->keys, lane.secret, next);
    if (err == IDE_OK) {
        memcpy(lane.old_secret, lane.secret, HASH_SIZE_MAX);
        *lane.old_sequence = lane.direction->sequence;
        *lane.switched = true;
        err = use_secret(s, &lane, next, 0);
        if (err != IDE_OK && go_back(s, which) != IDE_OK)
            secured_clear(lane.direction);   /* unusable, never wrong */
    }
    wipe(next, sizeof(next));
    return err;
}

bool key_update_pending(const struct session *s)
{
    return s->update.request_switched || s->update.response_switched;
}

enum ide_err key_update_roll_back(struct session *s)
{
    enum ide_err request = go_back(s, REQUEST);
    enum ide_err response = go_back(s, RESPONSE);
    return request != IDE_OK ? request : response;
}

void key_update_done(struct session *s)
{
    struct lane request = lane_of(s, REQUEST), response = lane_of(s, RESPONSE);
    forget_old(&request);
    forget_old(&response);
}

enum ide_err key_update_response(struct session *s)
{
    return advance(s, RESPONSE);
}

/*
 * After UpdateKey the responder goes on under its new key, which VerifyNewKey then comes under; the requester is asked for
 * no more than that it can follow (DSP0274 1.2 §10.21.2).
 */
enum ide_err key_update_answer(struct session *s, uint8_t operation)
{
    if (operation == SPDM_KEY_UPDATE_VERIFY && s->update.response_switched) {
        key_update_done(s);
        return IDE_OK;
    }
    if (operation != SPDM_KEY_UPDATE_KEY || key_update_pending(s) || s->update.spent)
        return IDE_E_FIELD;
    s->update.new_expected = true;
    return IDE_OK;
}

enum ide_err key_update_open(struct session *s, uint8_t *record, size_t len, const uint8_t **message,
                             size_t *message_len)
{
    struct spdm_connection *c = s->connection;
    /* A record is opened in place, and a wrong key destroys it. The request in tx has been sent: its room is free. */
    struct writer copy = writer_of(c->tx, sizeof(c->tx));
    write_bytes(&copy, record, len);
    enum ide_err err = write_done(&copy);
    if (err == IDE_OK)
        err = advance(s, RESPONSE);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "KEY_UPDATE_ACK", NULL);
    err = secured_open(&s->response, s->id, record, len, message, message_len, &c->fault);
    if (err != IDE_E_RECORD)
        return err;
    err = go_back(s, RESPONSE);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "KEY_UPDATE_ACK", NULL);
    memcpy(record, c->tx, len);
    return secured_open(&s->response, s->id, record, len, message, message_len, &c->fault);
}

static enum ide_err exchange(struct session *s, uint8_t operation)
{
    struct spdm_connection *c = s->connection;
    uint8_t tag;
    enum ide_err err = c->rng.random(c->rng.context, &tag, sizeof(tag));
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "KEY_UPDATE", "Tag");
    return session_plain_exchange(s, &spdm_msg_key_update, operation, tag, &spdm_msg_key_update_ack, true);
}

/* UpdateKey or UpdateAllKeys: afterwards the requester's direction is on its new key, and the responder's if asked. */
static enum ide_err announce(struct session *s, enum key_update operation)
{
    struct spdm_connection *c = s->connection;
    bool all = operation == KEY_UPDATE_ALL;
    s->update.new_expected = all;
    enum ide_err err = exchange(s, all ? SPDM_KEY_UPDATE_ALL_KEYS : SPDM_KEY_UPDATE_KEY);
    s->update.new_expected = false;
    if (err != IDE_OK)
        return err;
    if (all && !s->update.response_switched)   /* acknowledged, but under the old key */
        return ide_fail(&c->fault, IDE_E_UNEXPECTED, "KEY_UPDATE_ACK", "response key");
    err = advance(s, REQUEST);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, "KEY_UPDATE", NULL);
}

enum ide_err key_update_possible(struct session *s)
{
    struct spdm_connection *c = s->connection;
    enum ide_err err = session_usable(s, "KEY_UPDATE");
    if (err != IDE_OK)
        return err;
    if (!(c->params.flags_requester & c->params.flags_responder & SPDM_CAP_KEY_UPD))
        return ide_fail(&c->fault, IDE_E_CAPABILITY, "KEY_UPDATE", "KEY_UPD_CAP");
    if (s->update.spent)
        return ide_fail(&c->fault, IDE_E_STATE, "KEY_UPDATE", "KeyUpdate");
    return IDE_OK;
}

enum ide_err session_key_update(struct session *s, enum key_update operation)
{
    enum ide_err err = key_update_possible(s);
    if (err != IDE_OK)
        return err;
    err = announce(s, operation);
    if (err == IDE_OK)
        err = exchange(s, SPDM_KEY_UPDATE_VERIFY);
    if (err == IDE_OK) {
        key_update_done(s);
        return IDE_OK;
    }
    /* a closed session has nothing pending */
    if (key_update_roll_back(s) != IDE_OK)
        session_close(s);
    return err;
}

/* The responder's part of an operation. On failure nothing has changed. */
static enum ide_err act(struct session *s, uint8_t operation)
{
    bool pending = key_update_pending(s);
    if (operation == SPDM_KEY_UPDATE_VERIFY) {
        /* it came under the new key: under the old one, nothing would be pending any more */
        if (!pending)
            return IDE_E_FIELD;
        key_update_done(s);
        return IDE_OK;
    }
    if (pending || s->update.spent || (operation != SPDM_KEY_UPDATE_KEY && operation != SPDM_KEY_UPDATE_ALL_KEYS))
        return IDE_E_FIELD;
    enum ide_err err = advance(s, REQUEST);
    if (err != IDE_OK || operation == SPDM_KEY_UPDATE_KEY)
        return err;
    /* the answer to UpdateAllKeys is the first under the new response key (§10.21.1) */
    err = advance(s, RESPONSE);
    if (err != IDE_OK && go_back(s, REQUEST) != IDE_OK)
        secured_clear(&s->request);
    return err;
}

enum ide_err session_handle_key_update(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_plain in, out = {0};
    struct session *s = session_of_request(r, request, SESSION_ESTABLISHED, "KEY_UPDATE");
    if (!s)
        return r->connection.fault.err;
    enum ide_err err = session_request_decode(r, &spdm_msg_key_update, request, &in);
    if (err != IDE_OK)
        return err;
    out.header.param1 = in.header.param1;
    out.header.param2 = in.header.param2;
    spdm_write(&spdm_msg_key_update_ack, &r->connection.params, &out, w);
    err = write_done(w);
    if (err == IDE_OK)
        err = act(s, in.header.param1);
    return err == IDE_OK ? IDE_OK : ide_fail(&r->connection.fault, err, "KEY_UPDATE", "KeyOperation");
}
