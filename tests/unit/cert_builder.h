/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Certificates and SPDM chains for tests, good by default: change one field
 * and build. Keys are fresh, everything else is fixed.
 */
#ifndef TESTS_CERT_BUILDER_H
#define TESTS_CERT_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/crypto.h"
#include "spdm/identity.h"

#define CERT_MAX 1500u
#define CHAIN_LINKS_MAX 12u
#define CHAIN_MAX 12000u
#define ABSENT (-1)

struct test_key {
    enum key_type type;
    uint8_t public_key[DHE_PUBLIC_MAX];
    uint16_t public_len;
    struct private_key private_key;
};

enum known_extension { NO_EXTENSION, BASIC_CONSTRAINTS, KEY_USAGE, EXT_KEY_USAGE, SUBJECT_ALT_NAME };

struct cert_spec {
    const char *subject, *issuer;             /* common names */
    const char *not_before, *not_after;       /* UTCTime of 13 characters or GeneralizedTime of 15 */
    int version;                              /* 2 is v3 */
    int ca, path_length;                      /* ABSENT, or the value; ca ABSENT: no basicConstraints */
    int key_usage;                            /* ABSENT, or the BIT STRING's bytes, the first lowest */
    const char *purposes[3];                  /* contents of OIDs in hexadecimal; none: no extKeyUsage; "": no OID */
    const char *cma_names[2];                 /* none: no such names */
    uint8_t name_tag;                         /* of the names' strings */
    const char *other_name;                   /* DMTF's otherName, in the same extension */
    const char *raw_name;                     /* another GeneralName there, in hexadecimal */
    const char *extension;                    /* another one: its value; NULL: none */
    const char *extension_oid;                /* NULL: one that nobody knows */
    bool extension_is_critical;
    enum known_extension twice;               /* this one stands there twice */
    enum hash_id hash;                        /* of the signature */
    const struct test_key *key, *signer;
};

struct cert {
    uint8_t der[CERT_MAX];
    size_t len;
};

/* A chain of specs, root first; the header's fields are right unless they are changed after building. */
struct chain_spec {
    struct cert_spec certs[CHAIN_LINKS_MAX];
    unsigned count;
    bool without_root;   /* the root is built, hashed and left out */
};

struct chain {
    struct cert certs[CHAIN_LINKS_MAX];
    unsigned count;
    uint8_t data[CHAIN_MAX];
    size_t len;
};

/* Fresh keys for everybody who is called: one a position, made once a process. */
bool test_keys_open(enum key_type type);
void test_keys_close(void);
const struct test_key *test_key(unsigned position);

/* Root, intermediates and a leaf with the given CMA name; all that identity_verify() asks for. */
struct chain_spec chain_spec_good(unsigned count, const char *cma_name);
void chain_build(struct chain *c, const struct chain_spec *spec, enum hash_id root_hash);
/* Writes Length, RootHash and the certificates anew, from certs. */
void chain_assemble(struct chain *c, enum hash_id root_hash, bool without_root);

#endif
