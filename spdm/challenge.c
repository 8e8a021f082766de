/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHALLENGE and CHALLENGE_AUTH (DSP0274 1.2 §10.8). */
#include "spdm/internal.h"
#include "spdm/signature.h"

#define SIGNING_CONTEXT "responder-challenge_auth signing"

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_challenge *m = message;
    read_copy(r, m->nonce, sizeof m->nonce, "Nonce");
    if (p->version >= SPDM_VERSION_13)
        read_copy(r, m->context, sizeof m->context, "RequesterContext");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_challenge *m = message;
    write_bytes(w, m->nonce, sizeof m->nonce);
    if (p->version >= SPDM_VERSION_13)
        write_bytes(w, m->context, sizeof m->context);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_challenge_auth *m = message;
    m->chain_hash = read_hash(r, p, "CertChainHash");
    m->nonce = read_bytes(r, SPDM_NONCE_SIZE, "Nonce");
    m->summary = read_bytes(r, m->summary_len, "MeasurementSummaryHash");
    m->opaque_len = read_u16(r, "OpaqueDataLength");
    if (m->opaque_len > SPDM_OPAQUE_MAX)
        read_fail_value(r, IDE_E_FIELD, "OpaqueDataLength", m->opaque_len, SPDM_OPAQUE_MAX);
    m->opaque = read_bytes(r, m->opaque_len, "OpaqueData");
    m->context = p->version >= SPDM_VERSION_13 ? read_bytes(r, SPDM_CONTEXT_SIZE, "RequesterContext") : NULL;
    m->signed_len = r->pos;
    if (!p->asym)
        read_fail(r, IDE_E_STATE, "BaseAsymSel");
    m->signature = read_bytes(r, p->asym ? p->asym->signature_size : 0, "Signature");
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_challenge_auth *m = message;
    write_hash(w, p, m->chain_hash);
    write_bytes(w, m->nonce, SPDM_NONCE_SIZE);
    write_bytes(w, m->summary, m->summary_len);
    write_u16(w, m->opaque_len);
    write_bytes(w, m->opaque, m->opaque_len);
    if (p->version >= SPDM_VERSION_13)
        write_bytes(w, m->context, SPDM_CONTEXT_SIZE);
    if (m->signature)
        write_bytes(w, m->signature, p->asym->signature_size);
}

const struct spdm_message spdm_msg_challenge = {SPDM_CHALLENGE, SPDM_VERSION_10, "CHALLENGE", request_decode,
                                                request_encode};
const struct spdm_message spdm_msg_challenge_auth = {SPDM_CHALLENGE_AUTH, SPDM_VERSION_10, "CHALLENGE_AUTH",
                                                     response_decode, response_encode};

static struct spdm_signing signing(const struct spdm_params *p)
{
    return (struct spdm_signing){.params = p, .asym = p->asym, .context = SIGNING_CONTEXT};
}

/* What the response must repeat, before its signature is looked at. */
static enum ide_err check_response(struct spdm_connection *c, const struct spdm_challenge *request,
                                   const struct spdm_challenge_auth *m)
{
    const char *step = spdm_msg_challenge_auth.name;
    uint8_t slot = m->header.param1 & SPDM_SLOT_MASK;
    if (m->header.param1 & SPDM_CHALLENGE_MUT_AUTH)
        return ide_fail(&c->fault, IDE_E_UNSUPPORTED, step, "BasicMutAuthReq");
    if (slot != (c->chain_slot & SPDM_SLOT_MASK))
        return ide_fail_value(&c->fault, IDE_E_FIELD, step, "SlotID", slot, c->chain_slot & SPDM_SLOT_MASK);
    if (c->chain_slot < SPDM_SLOTS && !(m->header.param2 >> slot & 1))
        return ide_fail_value(&c->fault, IDE_E_FIELD, step, "SlotMask", m->header.param2, 1u << slot);
    if (!equal_secret(m->chain_hash, c->chain_hash, c->params.hash->size))
        return ide_fail(&c->fault, IDE_E_FIELD, step, "CertChainHash");
    if (m->context && !equal_secret(m->context, request->context, SPDM_CONTEXT_SIZE))
        return ide_fail(&c->fault, IDE_E_FIELD, step, "RequesterContext");
    return IDE_OK;
}

static enum ide_err verify_response(struct spdm_connection *c, const struct spdm_challenge_auth *m)
{
    const struct spdm_signing s = signing(&c->params);
    uint8_t m1m2[HASH_SIZE_MAX];
    enum ide_err err = hash_final(&c->m1m2, m1m2);
    if (err == IDE_OK)
        err = spdm_verify_transcript(&s, m1m2, &c->peer.key, m->signature);
    return err == IDE_OK ? IDE_OK : ide_fail(&c->fault, err, "CHALLENGE_AUTH", "Signature");
}

static enum ide_err run(struct spdm_connection *c)
{
    uint8_t type = c->config->summary_type;
    struct spdm_challenge request = {.header = {.param1 = c->chain_slot, .param2 = type}};
    struct spdm_challenge_auth response = {.summary_len = spdm_summary_len(&c->params, type)};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_challenge,
        .in = &request,
        .response = &spdm_msg_challenge_auth,
        .out = &response,
        .transcript = {.hash = &c->m1m2, .signed_part_only = true},
        .signed_len = &response.signed_len,
    };
    enum ide_err err = c->rng.random(c->rng.context, request.nonce, sizeof request.nonce);
    if (err == IDE_OK)
        err = c->rng.random(c->rng.context, request.context, sizeof request.context);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "CHALLENGE", "Nonce");
    err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    if (err == IDE_OK)
        err = check_response(c, &request, &response);
    if (err == IDE_OK)
        err = verify_response(c, &response);
    if (err == IDE_OK)
        spdm_summary_keep(c, response.summary, response.summary_len);
    return err;
}

enum ide_err spdm_challenge(struct spdm_connection *c)
{
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_CHAL, "CHALLENGE", "CHAL_CAP");
    if (err == IDE_OK && !c->peer_verified)
        err = ide_fail(&c->fault, IDE_E_STATE, "CHALLENGE", "CertChain");
    if (err == IDE_OK)
        err = spdm_summary_wanted(c, "CHALLENGE");
    if (err != IDE_OK)
        return err;
    err = run(c);
    /* whatever came of it, M1/M2 is used up (§10.8.3) */
    enum ide_err restart = spdm_m1m2_restart(c);
    if (err == IDE_OK)
        err = restart;
    c->challenged |= err == IDE_OK;
    return err;
}

static enum ide_err sign_response(struct spdm_responder *r, const struct spdm_slot *slot,
                                  const struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct hash m1m2;
    const struct spdm_signing s = signing(&c->params);
    uint8_t transcript[HASH_SIZE_MAX];
    enum ide_err err = slot->key ? hash_copy(&m1m2, &c->m1m2) : IDE_E_INTERNAL;
    if (err == IDE_OK)
        err = spdm_responder_note(&m1m2, request, w);
    if (err == IDE_OK)
        err = hash_final(&m1m2, transcript);
    uint8_t *signature = write_space(w, c->params.asym->signature_size);
    if (err == IDE_OK)
        err = write_done(w);
    if (err == IDE_OK)
        err = spdm_sign_transcript(&s, transcript, slot->key, &c->rng, signature);
    return err;
}

static uint8_t slot_mask(const struct spdm_responder *r)
{
    uint8_t mask = 0;
    for (unsigned slot = 0; slot < SPDM_SLOTS; slot++)
        mask |= (uint8_t)((r->slots[slot].chain != NULL) << slot);
    return mask;
}

enum ide_err spdm_handle_challenge(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_challenge in;
    uint8_t chain_hash[HASH_SIZE_MAX], nonce[SPDM_NONCE_SIZE];
    enum ide_err err = spdm_request_decode(r, &spdm_msg_challenge, request, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_slot *slot = spdm_responder_slot(r, in.header.param1, "CHALLENGE");
    if (!slot)
        return IDE_E_NO_CERT;
    uint8_t summary[HASH_SIZE_MAX], summary_len;
    err = spdm_responder_summary(r, in.header.param2, "CHALLENGE", summary, &summary_len);
    if (err == IDE_OK)
        err = hash_once(c->params.hash->id, slot->chain, slot->chain_len, chain_hash);
    if (err == IDE_OK)
        err = c->rng.random(c->rng.context, nonce, sizeof nonce);
    struct spdm_challenge_auth out = {
        .header = {.param1 = in.header.param1 & SPDM_SLOT_MASK, .param2 = slot_mask(r)},
        .chain_hash = chain_hash,
        .nonce = nonce,
        .summary_len = summary_len,
        .summary = summary,
        .context = in.context,
    };
    if (err == IDE_OK)
        err = spdm_reply(&spdm_msg_challenge_auth, &c->params, &out, w);
    if (err == IDE_OK)
        err = sign_response(r, slot, request, w);
    if (err == IDE_OK)
        err = spdm_m1m2_restart(c);
    c->challenged |= err == IDE_OK;
    return err;
}
