/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which algorithms a user wants, and in which order. A policy is made once, applied to a configuration, and must live as
 * long as that:
 *
 *     static const struct spdm_policy policy = {
 *         .strength_min = 192,
 *         .order[SPDM_KIND_AEAD] = {SPDM_AEAD_CHACHA20_POLY1305, SPDM_AEAD_AES_256_GCM},
 *     };
 *     struct spdm_config config = spdm_config_requester;
 *     spdm_policy_apply(&policy, &config);
 *
 * A requester then offers nothing else, and refuses a responder that selects anything else. A responder selects what its
 * policy wants most of what it is offered; it must also leave out what its key cannot sign with (private_key_algorithms()).
 */
#ifndef SPDM_POLICY_H
#define SPDM_POLICY_H

#include "spdm/connection.h"

enum spdm_kind { SPDM_KIND_ASYM, SPDM_KIND_HASH, SPDM_KIND_DHE, SPDM_KIND_AEAD, SPDM_KINDS };

#define SPDM_ORDER_MAX 12u

struct spdm_policy {
    /* The least security in bits (struct asym_info and its like): 128, 192, 256. 0: any. */
    uint16_t strength_min;
    /* Each kind's bits, SPDM_ASYM_* and so on, the most wanted first. None at all: all there are, the strongest first. */
    uint32_t order[SPDM_KINDS][SPDM_ORDER_MAX];
};

/*
 * What PCIe CMA and IDE ask for (PCIe 6.x §6.31.3, §6.33): ECDSA P-384 and P-256 and RSASSA 3072, SHA-384 and SHA-256,
 * secp384r1 and secp256r1, AES-256-GCM first. spdm_config_requester offers it.
 */
#define SPDM_POLICY_CMA                                                                                                \
    {                                                                                                                  \
        .strength_min = 128, .order = {                                                                                \
            [SPDM_KIND_ASYM] = {SPDM_ASYM_ECDSA_P384, SPDM_ASYM_ECDSA_P256, SPDM_ASYM_RSASSA_3072},                    \
            [SPDM_KIND_HASH] = {SPDM_HASH_SHA384, SPDM_HASH_SHA256},                                                   \
            [SPDM_KIND_DHE] = {SPDM_DHE_SECP384R1, SPDM_DHE_SECP256R1},                                                \
            [SPDM_KIND_AEAD] = {SPDM_AEAD_AES_256_GCM, SPDM_AEAD_CHACHA20_POLY1305, SPDM_AEAD_AES_128_GCM},            \
        },                                                                                                             \
    }
extern const struct spdm_policy spdm_policy_cma;
/* Everything that is built in and has 112 bits of security or more, the strongest first. */
extern const struct spdm_policy spdm_policy_all;

/* Makes config offer, accept and select what the policy allows: sets its policy, base_asym, base_hash, dhe and aead. */
void spdm_policy_apply(const struct spdm_policy *policy, struct spdm_config *config);

/* Those of the bits that are built in and that the policy allows. policy NULL: spdm_policy_all. */
uint32_t spdm_policy_filter(const struct spdm_policy *policy, enum spdm_kind kind, uint32_t bits);
/* The one of the bits that the policy wants most, or 0 if it allows none of them. */
uint32_t spdm_policy_choose(const struct spdm_policy *policy, enum spdm_kind kind, uint32_t bits);

#endif
