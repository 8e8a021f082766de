/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A device's identity for tests, made by openssl when the test starts: root,
 * intermediate and leaf with the name that CMA asks for.
 */
#ifndef TESTS_DEVICE_IDENTITY_H
#define TESTS_DEVICE_IDENTITY_H

#include <stdbool.h>

#include "spdm/identity.h"

struct device_identity {
    uint8_t root[2048];
    size_t root_len;
    uint8_t chain[8192];   /* as GET_CERTIFICATE gives it */
    size_t chain_len;
    enum hash_id hash;     /* that made its RootHash */
    struct private_key key;
    struct trust_anchor anchor;
    struct cma_ids ids;
    struct trust trust;    /* trusts the root, expects ids */
};

/*
 * key, of all three certificates: "P-256", "P-384", "P-521", "RSA-2048", "RSA-3072", "RSA-4096", "RSA-2048, PSS" (the
 * certificates are signed so), "Ed25519" or "Ed448". name makes its files in the test's folder. False, with a reason on
 * stderr, if it cannot.
 */
bool device_identity_make(struct device_identity *d, const char *name, const char *key, enum hash_id hash);

/* The same certificates for another base hash. */
bool device_identity_rehash(struct device_identity *d, enum hash_id hash);

#endif
