/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Provisioned public keys, which stand in the place of a chain (DSP0274 1.2 §10.4, PUB_KEY_ID_CAP). */
#include <string.h>

#include "spdm/chain.h"
#include "spdm/internal.h"
#include "spdm/x509.h"

#define STEP "provisioned public key"

enum ide_err spdm_use_public_key(struct spdm_connection *c, const uint8_t *der, size_t len)
{
    const struct spdm_params *p = &c->params;
    bool requester = c->role == SPDM_REQUESTER;
    const struct asym_info *asym = requester ? p->asym : p->req_asym;
    struct identity peer = {.not_after = INT64_MAX};
    uint8_t digest[HASH_SIZE_MAX];
    if (c->state != SPDM_NEGOTIATED || !asym)
        return ide_fail(&c->fault, IDE_E_STATE, STEP, NULL);
    if (!((requester ? p->flags_responder : p->flags_requester) & SPDM_CAP_PUB_KEY_ID))
        return ide_fail(&c->fault, IDE_E_CAPABILITY, STEP, "PUB_KEY_ID_CAP");
    enum ide_err err = x509_parse_public_key(der, len, &peer.key, STEP, &c->fault);
    if (err != IDE_OK)
        return err;
    if (!(asym_of_key(peer.key.type, peer.key.bits) & asym->bit))
        return ide_fail_value(&c->fault, IDE_E_KEY, STEP, "subjectPublicKeyInfo", peer.key.bits, asym->key_bits);
    err = hash_once(p->hash->id, der, len, digest);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, STEP, NULL);
    (void)spdm_chain_begin(c);
    memcpy(c->chain_hash, digest, p->hash->size);
    c->peer = peer;
    c->chain_slot = SPDM_SLOT_PROVISIONED;
    c->peer_verified = true;
    return IDE_OK;
}
