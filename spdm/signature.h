/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures over transcripts (DSP0274 1.2 §15): the one place that knows what of a transcript is signed, and how. */
#ifndef SPDM_SIGNATURE_H
#define SPDM_SIGNATURE_H

#include "spdm/connection.h"

/* Whose signature over what. */
struct spdm_signing {
    const struct spdm_params *params;
    const struct asym_info *asym;   /* params->asym for a responder's, params->req_asym for a requester's */
    const char *context;            /* spdm_context, "responder-challenge_auth signing"; of no matter before 1.2 */
};

/*
 * Signs a transcript whose hash is given; signature has asym->signature_size bytes. IDE_E_STATE if no algorithm was
 * negotiated, IDE_E_UNSUPPORTED if the key makes no such signatures, and private_key_sign()'s.
 */
enum ide_err spdm_sign_transcript(const struct spdm_signing *s, const uint8_t *transcript_hash,
                                  const struct private_key *key, const struct rng *rng, uint8_t *signature) MUST_USE;

/* Verifies one. IDE_E_SIGNATURE if it does not match; otherwise as above. */
enum ide_err spdm_verify_transcript(const struct spdm_signing *s, const uint8_t *transcript_hash,
                                    const struct public_key *key, const uint8_t *signature) MUST_USE;

#endif
