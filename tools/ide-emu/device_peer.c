/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/device_peer.h"

#include <string.h>

void device_peer_configure(const struct platform_peer *wanted, struct spdm_config *config)
{
    if (wanted->mutual) {
        config->flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP;
        config->req_asym = (uint16_t)spdm_policy_filter(&spdm_policy_all, SPDM_KIND_ASYM, UINT16_MAX);
    }
    if (wanted->provisioned)
        config->flags = (config->flags & ~SPDM_CAP_CERT) | SPDM_CAP_PUB_KEY_ID;
    if (wanted->in_the_clear)
        config->flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    if (wanted->secret_len)
        config->flags |= wanted->psk_context ? SPDM_CAP_PSK_CONTEXT : SPDM_CAP_PSK;
}

static bool read_files(struct device_peer *peer, const struct platform_peer *wanted, char *error, size_t size)
{
    size_t root_len = 0;
    if (*wanted->trust && !credential_read_pem(wanted->trust, peer->root, &root_len, error, size))
        return false;
    if (*wanted->key && !credential_read_pem(wanted->key, peer->key, &peer->key_len, error, size))
        return false;
    peer->anchor = (struct trust_anchor){.der = peer->root, .len = root_len};
    peer->trust = (struct trust){.anchors = &peer->anchor,
                                 .anchor_count = root_len > 0,
                                 .name_rule = CMA_NAME_IF_PRESENT,
                                 .requester = true};
    return true;
}

bool device_peer_open(struct device_peer *peer, const struct platform_peer *wanted, struct session_responder *r,
                      char *error, size_t size)
{
    if (!read_files(peer, wanted, error, size))
        return false;
    r->spdm.connection.chain = peer->chain;
    r->spdm.connection.chain_cap = sizeof peer->chain;
    r->mutual = (struct session_mutual){.ask = wanted->mutual,
                                        .required = wanted->mutual != 0,
                                        .trust = &peer->trust,
                                        .public_key = peer->key_len ? peer->key : NULL,
                                        .public_key_len = peer->key_len};
    peer->psk = (struct session_psk){.hint = (const uint8_t *)wanted->hint,
                                     .hint_len = (uint16_t)strlen(wanted->hint),
                                     .secret = wanted->secret,
                                     .secret_len = wanted->secret_len};
    r->psks = &peer->psk;
    r->psk_count = wanted->secret_len > 0;
    return true;
}

void device_peer_show(const struct platform_peer *wanted, const struct credential *c, struct spdm_slot *slots)
{
    struct spdm_slot slot = {.chain = c->chain, .chain_len = c->len, .key = &c->key};
    unsigned place = wanted->provisioned ? SPDM_PLACE_PROVISIONED : 0;
    bool ok = !wanted->provisioned || credential_public_key(c, &slot.chain, &slot.chain_len);
    memset(slots, 0, SPDM_SLOT_PLACES * sizeof *slots);
    if (ok)
        slots[place] = slot;
}
