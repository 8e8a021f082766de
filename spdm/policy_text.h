/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What users write of versions and algorithms, on command lines and in files. Each function says in
 * error[size] what is wrong with the text, gives false then, and writes its result on success only.
 */
#ifndef SPDM_POLICY_TEXT_H
#define SPDM_POLICY_TEXT_H

#include "spdm/policy.h"

/* "1.2", or "1.1-1.3": from *min to *max, 0x11 to 0x13. 1.0 is the lowest there is, highest the highest. */
bool spdm_versions_parse(const char *text, uint8_t highest, uint8_t *min, uint8_t *max, char *error,
                         size_t size);

/*
 * Algorithms by their names in the tables of algorithms.h, the most wanted first, with commas in between:
 * "ECDSA P-384, SHA-384, secp384r1, AES-256-GCM". Case, spaces and hyphens are of no matter. What is not
 * named of a kind is not used then; a kind of which nothing is named stays as it is. "all": all that are
 * built in, the strongest first.
 */
bool spdm_policy_parse(const char *text, struct spdm_policy *policy, char *error, size_t size);

/* The least security in bits, 0 to 256. */
bool spdm_policy_parse_strength(const char *text, struct spdm_policy *policy, char *error, size_t size);

/*
 * Whether everything that the policy names may be used, and something of each kind is left. Of a kind that is
 * as in spdm_policy_cma the weaker ones may fall away.
 */
bool spdm_policy_check(const struct spdm_policy *policy, char *error, size_t size);

/* "ECDSA P-384"; NULL if bit is not one that is built in. */
const char *spdm_algorithm_name(enum spdm_kind kind, uint32_t bit);

#endif
