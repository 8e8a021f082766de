/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/signature.h"

#include <string.h>

#include "spdm/internal.h"

/*
 * combined_spdm_prefix: four times "dmtf-spdm-v1.2.*" with the version's digits, zeros, and the context at
 * its end (DSP0274 1.2 §15).
 */
#define PREFIX_REPEATS 4u
#define PREFIX_SIZE    100u

/* What is signed, and the bytes of it. */
struct signed_message {
    struct signed_data what;
    uint8_t bytes[PREFIX_SIZE + HASH_SIZE_MAX];
};

/* M of DSP0274 1.2 §15: combined_spdm_prefix || transcript_hash. */
static size_t write_message(const struct spdm_signing *s, const uint8_t *transcript_hash, uint8_t *bytes,
                            size_t cap)
{
    const struct spdm_params *p = s->params;
    const uint8_t digits[] = {(uint8_t)('0' + (p->version >> 4)), '.', (uint8_t)('0' + (p->version & 0x0f))};
    struct writer w = writer_of(bytes, cap);
    for (unsigned i = 0; i < PREFIX_REPEATS; i++) {
        write_bytes(&w, "dmtf-spdm-v", 11);
        write_bytes(&w, digits, sizeof digits);
        write_bytes(&w, ".*", 2);
    }
    size_t context_len = strlen(s->context);
    write_zero(&w, PREFIX_SIZE - w.pos - context_len);
    write_bytes(&w, s->context, context_len);
    write_hash(&w, p, transcript_hash);
    return write_done(&w) == IDE_OK ? w.pos : 0;
}

/*
 * Before 1.2 the transcript's hash is the digest; since then M's is. EdDSA, which there is since 1.2, hashes
 * M in its own way, and Ed448 takes spdm_context as its context, too (§15.2).
 */
static enum ide_err prepare(const struct spdm_signing *s, const uint8_t *transcript_hash,
                            struct signed_message *m)
{
    const struct spdm_params *p = s->params;
    if (!p->hash || !s->asym)
        return IDE_E_STATE;
    m->what = (struct signed_data){
        .scheme = s->asym->scheme, .hash = p->hash->id, .data = m->bytes, .context = s->context};
    if (p->version < SPDM_VERSION_12) {
        m->what.len = p->hash->size;
        memcpy(m->bytes, transcript_hash, p->hash->size);
        return s->asym->scheme == SIGNATURE_EDDSA ? IDE_E_UNSUPPORTED : IDE_OK;
    }
    m->what.len = write_message(s, transcript_hash, m->bytes, sizeof m->bytes);
    if (m->what.len == 0)
        return IDE_E_INTERNAL;
    if (s->asym->scheme == SIGNATURE_EDDSA)
        return IDE_OK;
    enum ide_err err = hash_once(p->hash->id, m->bytes, m->what.len, m->bytes);
    m->what.len = p->hash->size;
    return err;
}

enum ide_err spdm_sign_transcript(const struct spdm_signing *s, const uint8_t *transcript_hash,
                                  const struct private_key *key, const struct rng *rng, uint8_t *signature)
{
    struct signed_message m;
    enum ide_err err = prepare(s, transcript_hash, &m);
    return err == IDE_OK ? private_key_sign(key, &m.what, rng, signature, s->asym->signature_size) : err;
}

enum ide_err spdm_verify_transcript(const struct spdm_signing *s, const uint8_t *transcript_hash,
                                    const struct public_key *key, const uint8_t *signature)
{
    struct signed_message m;
    enum ide_err err = prepare(s, transcript_hash, &m);
    return err == IDE_OK ? public_key_verify(key, &m.what, signature, s->asym->signature_size) : err;
}
