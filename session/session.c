/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "session/session.h"

#include "session/internal.h"
#include "session/opaque.h"
#include "spdm/chain.h"
#include "spdm/cursor.h"

#define STEP "session"
#define RECORD_OFFSET (SPDM_HEADROOM - SECURED_HEADROOM)
#define MS_PER_SECOND 1000u

_Static_assert(SPDM_HEADROOM >= DOE_HEADER_SIZE + SECURED_HEADROOM, "room for both headers before a message");
_Static_assert(SPDM_TAILROOM >= AEAD_TAG_SIZE + 3, "room for the tag and DOE's padding behind a message");

/* The first capability that one side lacks, by its name in the specification. */
static const char *missing_capability(const struct spdm_params *p, bool psk)
{
    uint32_t both = p->flags_requester & p->flags_responder;
    if (psk && !(p->flags_requester & SPDM_CAP_PSK_MASK && p->flags_responder & SPDM_CAP_PSK_MASK))
        return "PSK_CAP";
    if (!psk && !(both & SPDM_CAP_KEY_EX))
        return "KEY_EX_CAP";
    if (!(both & SPDM_CAP_ENCRYPT))
        return "ENCRYPT_CAP";
    return both & SPDM_CAP_MAC ? NULL : "MAC_CAP";
}

enum ide_err session_agreed(struct spdm_connection *c, bool psk, const char *step)
{
    const struct spdm_params *p = &c->params;
    if (c->state != SPDM_NEGOTIATED)
        return ide_fail(&c->fault, IDE_E_STATE, step, NULL);
    if (p->version < SPDM_VERSION_11) /* sessions came with 1.1 */
        return ide_fail_value(&c->fault, IDE_E_VERSION, step, "SPDMVersion", p->version, SPDM_VERSION_11);
    const char *missing = missing_capability(p, psk);
    if (missing)
        return ide_fail(&c->fault, IDE_E_CAPABILITY, step, missing);
    if (!p->hash || !p->aead || (!psk && (!p->asym || !p->dhe)))
        return ide_fail(&c->fault, IDE_E_STATE, step, "algorithms");
    return opaque_usable(p, &c->fault, step);
}

enum ide_err session_start_th(struct session *s, const uint8_t *chain_hash)
{
    const struct spdm_connection *c = s->connection;
    enum ide_err err = hash_init(&s->th, c->params.hash->id);
    if (err == IDE_OK)
        err = hash_update(&s->th, c->vca, c->vca_len);
    if (err == IDE_OK && chain_hash && c->params.multi_key)
        err = spdm_digests_hash(c, &s->th);
    if (err == IDE_OK && chain_hash)
        err = hash_update(&s->th, chain_hash, c->params.hash->size);
    return err;
}

static enum ide_err set_direction(const struct key_schedule *k, const uint8_t *secret, struct secured_direction *d)
{
    struct record_key key;
    enum ide_err err = key_schedule_record_key(k, secret, &key);
    if (err == IDE_OK)
        err = secured_set_key(d, k->aead, key.key, key.iv);
    wipe(&key, sizeof(key));
    return err;
}

enum ide_err session_set_keys(struct session *s)
{
    enum ide_err err = set_direction(&s->keys, s->keys.request_secret, &s->request);
    if (err == IDE_OK)
        err = set_direction(&s->keys, s->keys.response_secret, &s->response);
    return err;
}

enum ide_err session_establish(struct session *s)
{
    uint8_t th2[HASH_SIZE_MAX];
    enum ide_err err = hash_final(&s->th, th2);
    if (err == IDE_OK)
        err = key_schedule_data(&s->keys, th2);
    if (err == IDE_OK)
        err = session_set_keys(s);
    if (err != IDE_OK)
        return ide_fail(&s->connection->fault, err, STEP, "TH2");
    s->state = SESSION_ESTABLISHED;
    s->last_sent_ms = s->connection->clock.monotonic_ms(s->connection->clock.context);
    return IDE_OK;
}

static void forget(void *context)
{
    session_close(context);
}

/* s may have been open before, or never have been initialised. */
static void begin(struct session *s, struct spdm_connection *c, const struct doe_transport *transport)
{
    spdm_connection_remove_hook(c, &s->hook);
    *s = (struct session){.connection = c, .transport = transport, .hook = {.forget = forget, .context = s}};
    spdm_connection_add_hook(c, &s->hook);
}

enum ide_err session_open(struct session *s, struct spdm_connection *c, const struct doe_transport *transport)
{
    begin(s, c, transport);
    enum ide_err err = c->role == SPDM_REQUESTER && c->peer_verified ? session_agreed(c, false, STEP)
                                                                     : ide_fail(&c->fault, IDE_E_STATE, STEP, "peer");
    if (err == IDE_OK)
        err = session_key_exchange(s);
    if (err == IDE_OK)
        err = session_mutual_run(s);
    if (err == IDE_OK)
        err = session_finish(s);
    if (err != IDE_OK)
        session_close(s);
    return err;
}

enum ide_err session_open_psk(struct session *s, struct spdm_connection *c, const struct doe_transport *transport,
                              const struct session_psk *psk)
{
    begin(s, c, transport);
    s->psk = true;
    enum ide_err err = session_agreed(c, true, STEP);
    if (err == IDE_OK && (c->role != SPDM_REQUESTER || psk->secret_len == 0))
        err = ide_fail(&c->fault, IDE_E_ARGUMENT, STEP, "PSK");
    if (err == IDE_OK)
        err = session_psk_exchange(s, psk);
    if (err == IDE_OK)
        err = session_psk_with_context(&c->params) ? session_psk_finish(s) : session_establish(s);
    if (err != IDE_OK)
        session_close(s);
    return err;
}

void session_close(struct session *s)
{
    struct spdm_connection *c = s->connection;
    const struct doe_transport *transport = s->transport;
    if (c)
        spdm_connection_remove_hook(c, &s->hook);
    secured_clear(&s->request);
    secured_clear(&s->response);
    key_schedule_clear(&s->keys);
    wipe(s, sizeof(*s));
    s->connection = c;
    s->transport = transport;
}

static enum ide_err seal_request(struct session *s, size_t request_len, size_t *record_len)
{
    struct spdm_connection *c = s->connection;
    enum ide_err err = secured_seal(&s->request, s->id, c->tx + RECORD_OFFSET, sizeof(c->tx) - RECORD_OFFSET,
                                    request_len, record_len);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, "secured message", NULL);
}

static enum ide_err exchange_record(struct session *s, size_t request_len, const uint8_t **response,
                                    size_t *response_len, uint32_t timeout_ms)
{
    struct spdm_connection *c = s->connection;
    size_t record_len;
    enum ide_err err = seal_request(s, request_len, &record_len);
    if (err != IDE_OK)
        return err;
    uint8_t *record;
    err = doe_exchange(s->transport, c, DOE_TYPE_SECURED_CMA, RECORD_OFFSET, record_len, &record, &record_len,
                       timeout_ms);
    if (err != IDE_OK)
        return err;
    if (s->update.new_expected)
        return key_update_open(s, record, record_len, response, response_len);
    return secured_open(&s->response, s->id, record, record_len, response, response_len, &c->fault);
}

/*
 * The channel. Whatever fails here leaves the two sides with different ideas of the next sequence number, or is an
 * attack: the session is over.
 */
static enum ide_err exchange_secured(void *context, struct spdm_connection *c, size_t request_len,
                                     const uint8_t **response, size_t *response_len, uint32_t timeout_ms)
{
    struct session *s = context;
    if (s->state == SESSION_NONE || s->connection != c)
        return ide_fail(&c->fault, IDE_E_SESSION, STEP, NULL);
    enum ide_err err = exchange_record(s, request_len, response, response_len, timeout_ms);
    if (err != IDE_OK) {
        session_close(s);
        return err;
    }
    s->last_sent_ms = c->clock.monotonic_ms(c->clock.context);
    return IDE_OK;
}

struct spdm_channel session_channel(struct session *s)
{
    return (struct spdm_channel){.exchange = exchange_secured, .context = s, .secured = true, .l1l2 = &s->l1l2};
}

enum ide_err session_transact(struct session *s, const struct spdm_exchange *e, const uint8_t **raw, size_t *raw_len)
{
    struct spdm_connection *c = s->connection;
    struct spdm_channel channel = session_channel(s);
    return spdm_transact(c, &channel, e, raw, raw_len);
}

enum ide_err session_usable(struct session *s, const char *step)
{
    if (s->state == SESSION_ESTABLISHED)
        return IDE_OK;
    return s->connection ? ide_fail(&s->connection->fault, IDE_E_SESSION, step, NULL) : IDE_E_SESSION;
}

enum ide_err session_plain_exchange(struct session *s, const struct spdm_message *request, uint8_t param1,
                                    uint8_t param2, const struct spdm_message *response, bool same_params)
{
    struct spdm_connection *c = s->connection;
    struct spdm_plain in = {.header = {.param1 = param1, .param2 = param2}}, out = {0};
    struct spdm_exchange e = {.request = request, .in = &in, .response = response, .out = &out};
    enum ide_err err = session_transact(s, &e, NULL, NULL);
    if (err != IDE_OK || !same_params)
        return err;
    if (out.header.param1 != param1)
        return ide_fail_value(&c->fault, IDE_E_FIELD, response->name, "Param1", out.header.param1, param1);
    if (out.header.param2 != param2)
        return ide_fail_value(&c->fault, IDE_E_FIELD, response->name, "Param2", out.header.param2, param2);
    return IDE_OK;
}

uint64_t session_heartbeat_due(const struct session *s)
{
    if (s->state != SESSION_ESTABLISHED || s->heartbeat_period == 0)
        return UINT64_MAX;
    return s->last_sent_ms + (uint64_t)s->heartbeat_period * MS_PER_SECOND;
}
