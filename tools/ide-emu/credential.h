/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A certificate chain in SPDM's form with its leaf's key: what stands in a slot of an emulated device. */
#ifndef IDE_EMU_CREDENTIAL_H
#define IDE_EMU_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/crypto.h"

struct credential {
    uint8_t *chain;   /* Length, Reserved, RootHash, certificates (DSP0274 1.2 §10.6.1); NULL: not loaded */
    size_t len, leaf_len;
    struct private_key key;
};

/* The files that a chain is made of, root first. */
#define CREDENTIAL_CERTIFICATES 3u
struct credential_files {
    const char *certificates[CREDENTIAL_CERTIFICATES];
    const char *key;   /* not encrypted; all are PEM */
};

/* hash: of the root, in the chain's head. On failure says why in error[size]. */
bool credential_load(struct credential *c, const struct credential_files *files, enum hash_id hash, char *error,
                     size_t size);
void credential_clear(struct credential *c);

/* The leaf's SubjectPublicKeyInfo, in the chain; false if the chain is malformed. */
bool credential_public_key(const struct credential *c, const uint8_t **der, size_t *len);

/* Reads a PEM file of one block. der has CREDENTIAL_FILE_MAX bytes. On failure says why in error[size]. */
#define CREDENTIAL_FILE_MAX 8192u
bool credential_read_pem(const char *path, uint8_t *der, size_t *len, char *error, size_t size);

/* Makes the leaf's outermost DER length wrong, so that no parser can accept it. */
void credential_deform(struct credential *c);

/* Decodes what stands between a PEM file's first BEGIN and END lines. */
bool pem_decode(const char *text, size_t len, uint8_t *der, size_t cap, size_t *der_len);

#endif
