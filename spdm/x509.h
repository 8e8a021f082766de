/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One X.509 v3 certificate (RFC 5280), taken apart once and without
 * allocation; everything in it points into its DER. Why not wolfSSL's
 * wc_ParseCert(): it allocates 22 times a certificate, refuses an explicit
 * `CA:FALSE`, and knows no otherName.
 *
 * Nothing is believed here: who signed it, when it is valid and what it may be
 * used for is for identity.c to judge.
 */
#ifndef SPDM_X509_H
#define SPDM_X509_H

#include <stdbool.h>
#include <stdint.h>

#include "spdm/crypto.h"
#include "spdm/der.h"
#include "spdm/error.h"

/* Bits of keyUsage as they stand in the BIT STRING's first byte (RFC 5280 §4.2.1.3). */
#define X509_DIGITAL_SIGNATURE 0x80
#define X509_KEY_CERT_SIGN     0x04

struct x509 {
    struct span whole;           /* the certificate */
    struct span tbs;             /* what is signed */
    struct span issuer, subject; /* Name, as it stands */
    struct span public_key_info; /* SubjectPublicKeyInfo, likewise */
    struct span signature;
    enum signature_scheme signature_scheme;
    enum hash_id signature_hash;   /* HASH_NONE for EdDSA */
    int64_t not_before, not_after; /* unix seconds, both inclusive */
    struct public_key key;

    bool has_basic_constraints, is_ca, has_path_length;
    uint32_t path_length;
    bool has_key_usage;
    uint8_t key_usage;
    struct span ext_key_usage;    /* the OIDs; data NULL if there is no such extension */
    struct span subject_alt_name; /* the GeneralNames; data NULL if there is none */
    bool unknown_critical;
};

/*
 * Takes the next certificate from r. IDE_E_CHAIN or IDE_E_UNSUPPORTED at the field of RFC 5280 that is at
 * fault, under the given step.
 */
enum ide_err x509_parse(struct reader *r, struct x509 *c, const char *step, struct ide_fault *fault) MUST_USE;

/* The same for a SubjectPublicKeyInfo alone: IDE_E_CHAIN or IDE_E_UNSUPPORTED at "subjectPublicKeyInfo". */
enum ide_err x509_parse_public_key(const uint8_t *der, size_t len, struct public_key *key, const char *step,
                                   struct ide_fault *fault) MUST_USE;

/*
 * A Name as people read it, "CN=root, O=maker", in the order in which it stands; what is malformed ends it. Bytes that
 * are not printable ASCII are question marks. size at least 1; returns text.
 */
char *x509_name_text(struct span name, char *text, size_t size);

/* Whether an OID (its content) is among those of ext_key_usage. */
bool x509_has_purpose(struct span ext_key_usage, struct span oid);

/*
 * Finds the next otherName of a type in a reader over GeneralNames: true with its string and the string's
 * tag, or false at the end. A malformed name fails the reader, so look at it after false.
 */
bool x509_next_other_name(struct reader *names, struct span type, struct span *text, uint8_t *text_tag);

#endif
