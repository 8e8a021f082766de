/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/connection.h"

#include <string.h>

#include "spdm/cursor.h"
#include "spdm/internal.h"

#define SESSION_CAPS (SPDM_CAP_ENCRYPT | SPDM_CAP_MAC | SPDM_CAP_KEY_EX | SPDM_CAP_HBEAT | SPDM_CAP_KEY_UPD)
/* offered by whoever gives a connection a buffer for it */
#define COMMON_CAPS SPDM_CAP_CHUNK

/*
 * PCIe CMA asks requesters for ECDSA P-256 and P-384 and RSASSA 3072 with SHA-256 and SHA-384, responders for one of them;
 * IDE_KM for AES-256-GCM (PCIe 6.x §6.31.3, §6.33). As in policy.c.
 */
#define EC_SIGNATURES (SPDM_ASYM_ECDSA_P256 | SPDM_ASYM_ECDSA_P384)
#define COMMON_CONFIG                                                                                        \
    .version_min = SPDM_VERSION_10, .version_max = SPDM_VERSION_14,                                          \
    .base_hash = SPDM_HASH_SHA256 | SPDM_HASH_SHA384, .dhe = SPDM_DHE_SECP256R1 | SPDM_DHE_SECP384R1,        \
    .aead = SPDM_AEAD_AES_128_GCM | SPDM_AEAD_AES_256_GCM | SPDM_AEAD_CHACHA20_POLY1305,                     \
    .key_schedule = SPDM_KEY_SCHEDULE_SPDM, .measurement_spec = 1

const struct spdm_config spdm_config_requester = {
    COMMON_CONFIG,
    .base_asym = EC_SIGNATURES | SPDM_ASYM_RSASSA_3072,
    .flags = SESSION_CAPS | COMMON_CAPS,
    .timeout_ms = 1000,
    .busy_retries = 8,
};

/* 2^17 us, 131 ms, is far more than two signatures take. */
const struct spdm_config spdm_config_responder = {
    COMMON_CONFIG,
    .base_asym = EC_SIGNATURES,
    .ct_exponent = 17,
    .flags = SESSION_CAPS | COMMON_CAPS | SPDM_CAP_CERT | SPDM_CAP_CHAL,
};

void spdm_connection_init(struct spdm_connection *c, enum spdm_role role, const struct spdm_config *config,
                          const struct rng *rng, const struct clock *clock)
{
    memset(c, 0, sizeof *c);
    c->role = role;
    c->config = config;
    c->rng = *rng;
    c->clock = *clock;
}

size_t spdm_own_transfer_size(const struct spdm_connection *c)
{
    size_t size = c->config->transfer_size;
    return size >= SPDM_TRANSFER_SIZE_MIN && size < SPDM_TRANSFER_SIZE ? size : SPDM_TRANSFER_SIZE;
}

void spdm_connection_add_hook(struct spdm_connection *c, struct spdm_reset_hook *hook)
{
    hook->next = c->hooks;
    c->hooks = hook;
}

void spdm_connection_remove_hook(struct spdm_connection *c, const struct spdm_reset_hook *hook)
{
    struct spdm_reset_hook **at = &c->hooks;
    while (*at && *at != hook)
        at = &(*at)->next;
    if (*at)
        *at = hook->next;
}

void spdm_connection_reset(struct spdm_connection *c)
{
    struct spdm_reset_hook *next;
    for (struct spdm_reset_hook *hook = c->hooks; hook; hook = next) {
        next = hook->next;
        hook->forget(hook->context);
    }
    c->state = SPDM_NOT_STARTED;
    wipe(&c->params, sizeof c->params);
    wipe(c->vca, sizeof c->vca);
    c->vca_len = 0;
    wipe(&c->m1m2, sizeof c->m1m2);
    wipe(&c->l1l2, sizeof c->l1l2);
    c->summary_type = 0;
    wipe(c->summary, sizeof c->summary);
    spdm_large_forget(&c->large);
    c->challenged = false;
    c->digest_mask = c->digest_param1 = 0;
    wipe(c->digest_keys, sizeof c->digest_keys);
    wipe(c->digests, sizeof c->digests);
    c->chain_len = 0;
    c->chain_slot = 0;
    wipe(c->chain_hash, sizeof c->chain_hash);
    wipe(&c->peer, sizeof c->peer);
    c->peer_verified = false;
}

enum ide_err spdm_m1m2_restart(struct spdm_connection *c)
{
    if (!c->params.hash)
        return IDE_OK;
    enum ide_err err = hash_init(&c->m1m2, c->params.hash->id);
    if (err == IDE_OK)
        err = hash_update(&c->m1m2, c->vca, c->vca_len);
    return err;
}

enum ide_err spdm_m1m2_request(struct spdm_connection *c, uint8_t code, bool in_session)
{
    if (c->state != SPDM_NEGOTIATED)
        return IDE_OK;
    switch (code) {
    case SPDM_GET_DIGESTS:
        return in_session ? IDE_OK : spdm_m1m2_restart(c);
    case SPDM_GET_MEASUREMENTS:
    case SPDM_GET_MEASUREMENT_EXTENSION_LOG:
    case SPDM_KEY_EXCHANGE:
    case SPDM_FINISH:
    case SPDM_PSK_EXCHANGE:
    case SPDM_PSK_FINISH:
    case SPDM_HEARTBEAT:
    case SPDM_KEY_UPDATE:
    case SPDM_END_SESSION:
        /* they say that CHALLENGE is skipped */
        return c->challenged ? IDE_OK : spdm_m1m2_restart(c);
    default:
        return IDE_OK;
    }
}

struct hash *spdm_l1l2_of(struct spdm_connection *c, const struct spdm_channel *channel)
{
    return channel->l1l2 || channel->secured ? channel->l1l2 : &c->l1l2;
}

enum ide_err spdm_l1l2_start(struct spdm_connection *c, struct hash *l1l2)
{
    if (!l1l2 || !c->params.hash)
        return IDE_E_STATE;
    if (l1l2->id != HASH_NONE)
        return IDE_OK;
    enum ide_err err = hash_init(l1l2, c->params.hash->id);
    if (err == IDE_OK && c->params.version >= SPDM_VERSION_12)
        err = hash_update(l1l2, c->vca, c->vca_len);
    return err;
}

void spdm_l1l2_forget(struct hash *l1l2)
{
    if (l1l2 && l1l2->id != HASH_NONE)
        wipe(l1l2, sizeof *l1l2);
}

void spdm_l1l2_request(struct hash *l1l2, uint8_t code)
{
    switch (code) {
    case SPDM_GET_MEASUREMENTS:
    case SPDM_RESPOND_IF_READY:
    case SPDM_CHUNK_SEND:
    case SPDM_CHUNK_GET:
        return; /* it, or parts of it */
    default:
        spdm_l1l2_forget(l1l2);
    }
}
