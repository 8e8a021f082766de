/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mutual authentication in KEY_EXCHANGE and FINISH (DSP0274 1.2 §10.16, §10.17): what is asked for, and the requester's
 * signature. TH goes on with the hash of the requester's chain, or of its provisioned public key, before FINISH.
 */
#include "session/internal.h"

#include "spdm/chain.h"
#include "spdm/cursor.h"
#include "spdm/signature.h"

#define FINISH_CONTEXT "requester-finish signing"
#define ASKED          "KEY_EXCHANGE_RSP"

static struct spdm_signing signing(const struct session *s)
{
    const struct spdm_params *p = &s->connection->params;
    return (struct spdm_signing){.params = p, .asym = p->req_asym, .context = FINISH_CONTEXT};
}

/* ENCAP_CAP was deprecated for a while, so that MUT_AUTH_CAP stands for it (DSP0274 1.2.0 §10.4). */
bool session_can_encapsulate(const struct spdm_params *p)
{
    const uint32_t flags = SPDM_CAP_ENCAP | SPDM_CAP_MUT_AUTH;
    return p->flags_requester & flags && p->flags_responder & flags;
}

static bool can_authenticate(const struct spdm_params *p)
{
    return p->flags_requester & p->flags_responder & SPDM_CAP_MUT_AUTH && p->req_asym;
}

/* The requester. */

static uint8_t slot_of_param(uint8_t param)
{
    uint8_t slot = param & SPDM_SLOT_PARAM_MASK;
    return slot == SPDM_SLOT_PARAM_MASK ? SPDM_SLOT_PROVISIONED : slot;
}

static enum ide_err check_own(const struct session *s, const char *step, const char *field)
{
    struct spdm_connection *c = s->connection;
    const struct spdm_slot *own = spdm_slot_of(c->own, s->own_slot);
    if (!own || !own->key)
        return ide_fail_value(&c->fault, IDE_E_NO_CERT, step, field, s->own_slot, 0);
    return IDE_OK;
}

enum ide_err session_mutual_accept(struct session *s, const struct spdm_key_exchange_rsp *rsp)
{
    struct spdm_connection *c = s->connection;
    uint8_t asked = rsp->mut_auth_requested;
    bool encap = asked == SPDM_MUT_AUTH_ENCAP || asked == SPDM_MUT_AUTH_DIGESTS;
    if (asked == 0)
        return IDE_OK;
    if (!(encap || asked == SPDM_MUT_AUTH) || !can_authenticate(&c->params) || !c->own ||
        (encap && !session_can_encapsulate(&c->params)))
        return ide_fail_value(&c->fault, IDE_E_NOT_OFFERED, ASKED, "MutAuthRequested", asked, 0);
    s->mut_auth = asked;
    s->own_slot = slot_of_param(rsp->slot_id_param);
    return encap ? IDE_OK : check_own(s, ASKED, "SlotIDParam");
}

static enum ide_err add_own_chain(struct session *s)
{
    const struct spdm_connection *c = s->connection;
    const struct spdm_slot *own = spdm_slot_of(c->own, s->own_slot);
    uint8_t digest[HASH_SIZE_MAX];
    enum ide_err err = hash_once(c->params.hash->id, own->chain, own->chain_len, digest);
    return err == IDE_OK ? hash_update(&s->th, digest, c->params.hash->size) : err;
}

enum ide_err session_mutual_run(struct session *s)
{
    if (s->mut_auth == 0)
        return IDE_OK;
    enum ide_err err = IDE_OK;
    if (s->mut_auth != SPDM_MUT_AUTH) {
        err = session_answer_encapsulated(s, s->mut_auth == SPDM_MUT_AUTH_DIGESTS, &s->own_slot);
        if (err == IDE_OK)
            err = check_own(s, "ENCAPSULATED_RESPONSE_ACK", "ReqSlotNumber");
    }
    if (err != IDE_OK)
        return err;
    err = add_own_chain(s);
    return err == IDE_OK ? IDE_OK : ide_fail(&s->connection->fault, err, "FINISH", "CertChain");
}

enum ide_err session_mutual_sign(struct session *s, struct hash *th, uint8_t *signature)
{
    const struct spdm_signing how = signing(s);
    const struct spdm_slot *own = spdm_slot_of(s->connection->own, s->own_slot);
    uint8_t digest[HASH_SIZE_MAX];
    enum ide_err err = hash_snapshot(th, digest);
    if (err == IDE_OK)
        err = spdm_sign_transcript(&how, digest, own->key, &s->connection->rng, signature);
    return err == IDE_OK ? hash_update(th, signature, how.asym->signature_size) : err;
}

/* The responder. */

/* Does the device know the requester already, by a key that it was given, or from a handshake before? */
static enum ide_err find_known(struct session_responder *sr, bool *known)
{
    struct spdm_connection *c = &sr->spdm.connection;
    const struct session_mutual *mutual = &sr->mutual;
    if (c->params.flags_requester & SPDM_CAP_PUB_KEY_ID) {
        *known = true;
        if (!mutual->public_key)   /* and there is no chain to ask for */
            return IDE_E_CAPABILITY;
        return spdm_use_public_key(c, mutual->public_key, mutual->public_key_len);
    }
    *known = mutual->ask == SPDM_MUT_AUTH && c->peer_verified && c->chain_slot == mutual->slot;
    return IDE_OK;
}

enum ide_err session_mutual_ask(struct session_responder *sr, struct session *s, struct spdm_key_exchange_rsp *rsp)
{
    struct spdm_connection *c = &sr->spdm.connection;
    const struct session_mutual *mutual = &sr->mutual;
    bool known = false;
    if (mutual->ask == 0)
        return IDE_OK;
    enum ide_err err = can_authenticate(&c->params) ? find_known(sr, &known) : IDE_E_CAPABILITY;
    if (err == IDE_OK && !known && !session_can_encapsulate(&c->params))
        err = IDE_E_CAPABILITY;
    if (err == IDE_E_CAPABILITY)
        return mutual->required ? ide_fail(&c->fault, err, "KEY_EXCHANGE", "MUT_AUTH_CAP") : IDE_OK;
    if (err != IDE_OK)
        return err;
    if (known)
        s->mut_auth = SPDM_MUT_AUTH;
    else
        s->mut_auth = mutual->ask == SPDM_MUT_AUTH_DIGESTS ? SPDM_MUT_AUTH_DIGESTS : SPDM_MUT_AUTH_ENCAP;
    rsp->mut_auth_requested = s->mut_auth;
    rsp->slot_id_param = known ? c->chain_slot & SPDM_SLOT_PARAM_MASK : 0;
    sr->encap = (struct session_encap){.session = s, .stage = known ? ENCAP_DONE : ENCAP_BEGIN};
    if (s->mut_auth == SPDM_MUT_AUTH_DIGESTS)
        sr->encap.stage = ENCAP_DIGESTS;   /* with the request id 0 */
    return IDE_OK;
}

/* Whose signature it must be: of the requester that the session's own handshake has shown. */
static enum ide_err check_signer(const struct session_responder *sr, const struct session *s,
                                 const struct spdm_header *header)
{
    struct spdm_connection *c = s->connection;
    uint8_t flags = s->mut_auth ? SPDM_FINISH_SIGNED : 0;
    if ((header->param1 & SPDM_FINISH_SIGNED) != flags)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "FINISH", "Param1", header->param1, flags);
    if (!s->mut_auth)
        return IDE_OK;
    if (sr->encap.session != s || sr->encap.stage != ENCAP_DONE || !c->peer_verified)
        return ide_fail(&c->fault, IDE_E_UNEXPECTED, "FINISH", "CertChain");
    if (header->param2 != c->chain_slot)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "FINISH", "SlotID", header->param2, c->chain_slot);
    return IDE_OK;
}

static enum ide_err check_signature(struct session *s, const uint8_t *signature)
{
    struct spdm_connection *c = s->connection;
    const struct spdm_signing how = signing(s);
    uint8_t digest[HASH_SIZE_MAX];
    enum ide_err err = hash_snapshot(&s->th, digest);
    if (err == IDE_OK)
        err = spdm_verify_transcript(&how, digest, &c->peer.key, signature);
    if (err == IDE_OK)
        err = hash_update(&s->th, signature, how.asym->signature_size);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, "FINISH", "Signature");
}

enum ide_err session_mutual_check(struct session_responder *sr, struct session *s, const uint8_t *finish,
                                  const struct spdm_finish *in)
{
    const struct spdm_connection *c = s->connection;
    enum ide_err err = check_signer(sr, s, &in->header);
    if (err == IDE_OK && s->mut_auth)
        err = hash_update(&s->th, c->chain_hash, c->params.hash->size);
    if (err == IDE_OK)
        err = hash_update(&s->th, finish, in->signed_len);
    return err == IDE_OK && s->mut_auth ? check_signature(s, in->signature) : err;
}
