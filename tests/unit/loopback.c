/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loopback.h"

#include <string.h>
#include <time.h>

#include "session/messages.h"
#include "spdm/cursor.h"
#include "spdm/signature.h"

static uint64_t monotonic_ms(void *context)
{
    const struct loopback *l = context;
    return l->now_ms;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void sleep_ms(void *context, uint32_t ms)
{
    struct loopback *l = context;
    l->now_ms += ms;
}

static enum ide_err draw(void *context, uint8_t *out, size_t n)
{
    struct loopback *l = context;
    struct rng rng = drbg_rng(&l->drbg);
    return l->no_random ? IDE_E_RANDOM : rng.random(rng.context, out, n);
}

static void on_session_end(void *context, struct session *s)
{
    struct loopback *l = context;
    l->ended++;
    l->ended_id = s->id;
}

void loopback_object(struct loopback *l, const uint8_t *object, size_t len)
{
    memmove(l->request, object, len);
    l->request_len = len;
    l->device_err = session_respond_object(&l->responder, l->request, l->request_len, l->response,
                                           sizeof l->response, &l->response_len);
    l->device_fault = l->responder.spdm.connection.fault;
}

static enum ide_err exchange(void *context, const uint8_t *request, size_t request_len, uint8_t *response,
                             size_t response_cap, size_t *response_len, uint32_t timeout_ms, struct ide_fault *fault)
{
    struct loopback *l = context;
    (void)timeout_ms;
    l->exchanges++;
    if (l->fail != IDE_OK)
        return ide_fail(fault, l->fail, "loopback", NULL);
    uint8_t object[SPDM_BUFFER_SIZE];
    memcpy(object, request, request_len);
    if (l->on_request)
        l->on_request(l, object, &request_len);
    l->response_len = 0;
    if (request_len > 0)
        loopback_object(l, object, request_len);
    if (l->on_response && l->response_len > 0)
        l->on_response(l, l->response, &l->response_len);
    if (l->response_len == 0)
        return ide_fail(fault, IDE_E_TIMEOUT, "loopback", NULL);
    if (l->response_len > response_cap)
        return ide_fail(fault, IDE_E_SPACE, "loopback", NULL);
    memcpy(response, l->response, l->response_len);
    *response_len = l->response_len;
    return IDE_OK;
}

/* An ECPrivateKey (RFC 5915) of a scalar and its public point. */
static size_t write_ec_key(uint8_t *der, size_t cap, const struct dhe_key *key, const uint8_t *point)
{
    static const uint8_t p256[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
    static const uint8_t p384[] = {0x2b, 0x81, 0x04, 0x00, 0x22};
    bool small = key->info->id == DHE_SECP256R1;
    uint8_t oid_len = small ? sizeof p256 : sizeof p384;
    uint8_t n = (uint8_t)key->private_len;
    struct writer w = writer_of(der, cap);
    uint8_t len = (uint8_t)(3 + 2 + n + 4 + oid_len + 6 + 2 * n);
    write_u8(&w, 0x30);
    if (len >= 0x80)
        write_u8(&w, 0x81);
    write_u8(&w, len);
    write_bytes(&w, "\x02\x01\x01\x04", 4);
    write_u8(&w, n);
    write_bytes(&w, key->private_key, n);
    write_u8(&w, 0xa0);
    write_u8(&w, (uint8_t)(2 + oid_len));
    write_u8(&w, 0x06);
    write_u8(&w, oid_len);
    write_bytes(&w, small ? p256 : p384, oid_len);
    write_u8(&w, 0xa1);
    write_u8(&w, (uint8_t)(4 + 2 * n));
    write_u8(&w, 0x03);
    write_u8(&w, (uint8_t)(2 + 2 * n));
    write_u8(&w, 0);
    write_u8(&w, 0x04);
    write_bytes(&w, point, (size_t)2 * n);
    return write_done(&w) == IDE_OK ? w.pos : 0;
}

static bool make_key(struct loopback *l, enum key_type curve, const struct rng *rng)
{
    bool small = curve == KEY_EC_P256;
    struct dhe_key key;
    uint8_t point[DHE_PUBLIC_MAX], der[256];
    const struct dhe_info *info = dhe_by_bit(small ? SPDM_DHE_SECP256R1 : SPDM_DHE_SECP384R1);
    if (dhe_generate(&key, info, rng, point) != IDE_OK)
        return false;
    size_t n = write_ec_key(der, sizeof der, &key, point);
    l->public_key = (struct public_key){.type = curve, .bits = small ? 256 : 384, .len = info->public_size};
    memcpy(l->public_key.data, point, info->public_size);
    return private_key_load(&l->key, der, n) == IDE_OK;
}

bool loopback_open(struct loopback *l, enum key_type curve)
{
    memset(l, 0, sizeof *l);
    if (drbg_open(&l->drbg) != IDE_OK)
        return false;
    struct rng rng = {draw, l};
    struct clock clock = {monotonic_ms, unix_seconds, sleep_ms, l};
    bool small = curve == KEY_EC_P256;
    if (!make_key(l, curve, &rng))
        return false;
    l->requester_config = spdm_config_requester;
    l->responder_config = spdm_config_responder;
    /* what a test means that does not say otherwise */
    l->requester_config.version_min = l->requester_config.version_max = SPDM_VERSION_12;
    l->responder_config.version_min = l->responder_config.version_max = SPDM_VERSION_12;
    l->responder_config.base_asym = small ? SPDM_ASYM_ECDSA_P256 : SPDM_ASYM_ECDSA_P384;
    l->responder_config.base_hash = small ? SPDM_HASH_SHA256 : SPDM_HASH_SHA384;
    l->responder_config.dhe = small ? SPDM_DHE_SECP256R1 : SPDM_DHE_SECP384R1;
    l->transport = (struct doe_transport){exchange, l};
    spdm_connection_init(&l->requester, SPDM_REQUESTER, &l->requester_config, &rng, &clock);
    l->requester.clear = doe_clear_channel(&l->transport);
    l->requester.chain = l->chain;
    l->requester.chain_cap = sizeof l->chain;
    session_responder_init(&l->responder, &l->responder_config, &rng, &clock, l->device_sessions,
                           LOOPBACK_SESSIONS);
    l->responder.on_session_end = on_session_end;
    l->responder.context = l;
    memset(l->bare_chain, 0xc5, sizeof l->bare_chain);
    l->responder.spdm.slots[0] =
        (struct spdm_slot){.chain = l->bare_chain, .chain_len = sizeof l->bare_chain, .key = &l->key};
    return true;
}

void loopback_close(struct loopback *l)
{
    session_close(&l->session);
    session_responder_reset(&l->responder);
    private_key_clear(&l->key);
    drbg_close(&l->drbg);
}

enum ide_err loopback_connect(struct loopback *l)
{
    struct spdm_connection *c = &l->requester;
    const struct spdm_slot *slot = &l->responder.spdm.slots[0];
    enum ide_err err = spdm_negotiate(c);
    if (err == IDE_OK)
        err = hash_once(c->params.hash->id, slot->chain, slot->chain_len, c->chain_hash);
    c->peer = (struct identity){.key = l->public_key};
    c->peer_verified = err == IDE_OK;
    return err;
}

enum ide_err loopback_session(struct loopback *l)
{
    enum ide_err err = loopback_connect(l);
    return err == IDE_OK ? session_open(&l->session, &l->requester, &l->transport) : err;
}

enum ide_err loopback_send(struct loopback *l, struct session *s, const void *message, size_t len,
                           const uint8_t **response, size_t *response_len)
{
    struct spdm_connection *c = &l->requester;
    struct spdm_channel channel = s ? session_channel(s) : c->clear;
    memcpy(c->tx + SPDM_HEADROOM, message, len);
    return channel.exchange(channel.context, c, len, response, response_len, 1000);
}

bool loopback_is_usable(struct loopback *l, struct session *s)
{
    const uint8_t request[] = {l->requester.params.version, SPDM_GET_DIGESTS, 0, 0};
    const uint8_t *response;
    size_t len = 0;
    return loopback_send(l, s, request, sizeof request, &response, &len) == IDE_OK && len > 4 &&
           response[1] == SPDM_DIGESTS;
}

bool loopback_is_wiped(const struct session *s)
{
    static const struct session closed;
    struct session copy = *s;
    copy.connection = NULL;
    copy.transport = NULL;
    return memcmp(&copy, &closed, sizeof closed) == 0;
}

unsigned loopback_device_sessions(const struct loopback *l)
{
    unsigned open = 0;
    for (size_t i = 0; i < LOOPBACK_SESSIONS; i++)
        open += l->device_sessions[i].state != SESSION_NONE;
    return open;
}

bool loopback_sign_again(struct loopback *l, uint8_t *object)
{
    const struct spdm_params *p = &l->requester.params;
    struct spdm_key_exchange request;
    struct spdm_key_exchange_rsp rsp = {0};
    struct ide_fault fault;
    size_t request_len, response_len;
    const struct spdm_signing how = {
        .params = p, .asym = p->asym, .context = "responder-key_exchange_rsp signing"};
    uint8_t th[HASH_SIZE_MAX];
    struct hash h;
    const uint8_t *question = l->request + DOE_HEADER_SIZE, *answer = object + DOE_HEADER_SIZE;
    if (spdm_decode(&spdm_msg_key_exchange, p, question, l->request_len - DOE_HEADER_SIZE, &request, &request_len,
                    &fault) != IDE_OK ||
        spdm_decode(&spdm_msg_key_exchange_rsp, p, answer, l->response_len - DOE_HEADER_SIZE, &rsp, &response_len,
                    &fault) != IDE_OK)
        return false;
    return hash_init(&h, p->hash->id) == IDE_OK &&
           hash_update(&h, l->requester.vca, l->requester.vca_len) == IDE_OK &&
           hash_update(&h, l->requester.chain_hash, p->hash->size) == IDE_OK &&
           hash_update(&h, question, request_len) == IDE_OK && hash_update(&h, answer, rsp.signed_len) == IDE_OK &&
           hash_final(&h, th) == IDE_OK &&
           spdm_sign_transcript(&how, th, &l->key, &l->requester.rng, object + DOE_HEADER_SIZE + rsp.signed_len) ==
               IDE_OK;
}
