/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KEY_EXCHANGE with FINISH and PSK_EXCHANGE with PSK_FINISH have in common (DSP0274 1.2 §10.16 to §10.19). */
#include "session/internal.h"

#include "session/opaque.h"
#include "spdm/cursor.h"

/* The finish request before its signature and verify data: header, opaque length, opaque data. */
#define HEAD_MAX (4u + 2u + SPDM_OPAQUE_MAX)

bool session_in_the_clear(const struct spdm_params *p)
{
    return p->flags_requester & p->flags_responder & SPDM_CAP_HANDSHAKE_CLEAR;
}

const uint8_t *session_read_opaque(struct reader *r, uint16_t len)
{
    if (len > SPDM_OPAQUE_MAX)
        read_fail_value(r, IDE_E_FIELD, "OpaqueDataLength", len, SPDM_OPAQUE_MAX);
    return read_bytes(r, len, "OpaqueData");
}

const uint8_t *session_read_finish_opaque(struct reader *r, const struct spdm_params *p, uint16_t *len)
{
    *len = p->version >= SPDM_VERSION_14 ? read_u16(r, "OpaqueDataLength") : 0;
    return session_read_opaque(r, *len);
}

void session_write_finish_opaque(struct writer *w, const struct spdm_params *p, const uint8_t *opaque, uint16_t len)
{
    if (p->version < SPDM_VERSION_14)
        return;
    write_u16(w, len);
    write_bytes(w, opaque, len);
}

size_t session_hash_size(struct reader *r, const struct spdm_params *p)
{
    if (!p->hash)
        read_fail(r, IDE_E_STATE, "BaseHashSel");
    return p->hash ? p->hash->size : 0;
}

enum ide_err session_draw_id(const struct spdm_connection *c, uint16_t *half)
{
    uint8_t id[2];
    enum ide_err err = c->rng.random(c->rng.context, id, sizeof(id));
    if (err != IDE_OK)
        return err;
    *half = (uint16_t)(id[0] | id[1] << 8);
    if (*half == 0)
        *half = 1;
    return IDE_OK;
}

enum ide_err session_verify_data(const struct session *s, const uint8_t *finished_key, const struct hash *th,
                                 uint8_t *out)
{
    uint8_t digest[HASH_SIZE_MAX];
    enum ide_err err = hash_snapshot(th, digest);
    if (err == IDE_OK)
        err = key_schedule_verify_data(&s->keys, finished_key, digest, out);
    return err;
}

enum ide_err session_check_verify_data(struct session *s, const uint8_t *finished_key, const uint8_t *verify_data,
                                       const char *step, const char *field)
{
    struct spdm_connection *c = s->connection;
    size_t size = c->params.hash->size;
    uint8_t expected[HASH_SIZE_MAX];
    enum ide_err err = session_verify_data(s, finished_key, &s->th, expected);
    if (err == IDE_OK && !equal_secret(expected, verify_data, size))
        err = IDE_E_HMAC;
    if (err == IDE_OK)
        err = hash_update(&s->th, verify_data, size);
    wipe(expected, sizeof(expected));
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, step, field);
}

enum ide_err session_write_verify_data(struct session *s, struct writer *w)
{
    size_t size = s->connection->params.hash->size;
    uint8_t *verify_data = write_space(w, size);
    if (!verify_data)
        return IDE_E_SPACE;
    enum ide_err err = session_verify_data(s, s->keys.response_finished, &s->th, verify_data);
    return err == IDE_OK ? hash_update(&s->th, verify_data, size) : err;
}

enum ide_err session_th_with_head(const struct session *s, const struct spdm_message *m, const void *in,
                                  struct hash *th)
{
    uint8_t head[HEAD_MAX];
    size_t len;
    enum ide_err err = spdm_encode(m, &s->connection->params, in, head, sizeof(head), &len);
    if (err == IDE_OK)
        err = hash_copy(th, &s->th);
    return err == IDE_OK ? hash_update(th, head, len) : err;
}

enum ide_err session_check_heartbeat(struct session *s, uint8_t period, const char *step)
{
    struct spdm_connection *c = s->connection;
    if (period != 0 && !(c->params.flags_requester & c->params.flags_responder & SPDM_CAP_HBEAT))
        return ide_fail_value(&c->fault, IDE_E_NOT_OFFERED, step, "HeartbeatPeriod", period, 0);
    s->heartbeat_period = period;
    return IDE_OK;
}

enum ide_err session_handshake_transact(struct session *s, const struct spdm_exchange *e)
{
    struct spdm_connection *c = s->connection;
    if (session_in_the_clear(&c->params))
        return spdm_transact(c, &c->clear, e, NULL, NULL);
    return session_transact(s, e, NULL, NULL);
}

static bool id_taken(const struct session_responder *sr, uint32_t id)
{
    for (size_t i = 0; i < sr->session_count; i++) {
        if (sr->sessions[i].state != SESSION_NONE && sr->sessions[i].id == id)
            return true;
    }
    return false;
}

/* An id that no session has yet: there are far fewer sessions than halves. */
static uint32_t free_id(const struct session_responder *sr, uint16_t requester_half, uint16_t half)
{
    uint32_t id = requester_half | (uint32_t)half << 16;
    while (id_taken(sr, id)) {
        half = half == UINT16_MAX ? 1 : (uint16_t)(half + 1);
        id = requester_half | (uint32_t)half << 16;
    }
    return id;
}

struct session *session_free_place(struct session_responder *sr, const char *step)
{
    for (size_t i = 0; i < sr->session_count; i++) {
        if (sr->sessions[i].state == SESSION_NONE)
            return &sr->sessions[i];
    }
    ide_fail(&sr->spdm.connection.fault, IDE_E_RESOURCES, step, "session");
    return NULL;
}

enum ide_err session_prepare(struct session_responder *sr, struct session *s, uint16_t requester_half,
                             uint16_t secured_version, uint8_t policy)
{
    struct spdm_connection *c = &sr->spdm.connection;
    bool heartbeat = c->params.flags_requester & c->params.flags_responder & SPDM_CAP_HBEAT;
    uint16_t half;
    enum ide_err err = session_draw_id(c, &half);
    if (err != IDE_OK)
        return err;
    *s = (struct session){
        .connection = c,
        .id = free_id(sr, requester_half, half),
        .secured_version = secured_version,
        .session_policy = policy,
        .heartbeat_period = heartbeat ? sr->heartbeat_period : 0,
        .last_sent_ms = c->clock.monotonic_ms(c->clock.context),
    };
    return IDE_OK;
}
