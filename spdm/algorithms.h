/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The algorithms of DSP0274 as tables: wire bit, name, sizes. One row an
 * algorithm, strongest first where a responder has to choose.
 */
#ifndef SPDM_ALGORITHMS_H
#define SPDM_ALGORITHMS_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SIZE_MAX      64u
#define SIGNATURE_SIZE_MAX 512u   /* RSA 4096 */
#define DHE_PUBLIC_MAX     512u   /* ffdhe4096 */
#define DHE_SECRET_MAX     512u
#define DHE_PRIVATE_MAX    66u    /* secp521r1; the exponents of finite fields are short */
#define AEAD_KEY_MAX       32u
#define AEAD_IV_SIZE       12u
#define AEAD_TAG_SIZE      16u

enum hash_id { HASH_NONE, HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_SHA3_256, HASH_SHA3_384, HASH_SHA3_512 };
enum key_type { KEY_NONE, KEY_EC_P256, KEY_EC_P384, KEY_EC_P521, KEY_RSA, KEY_ED25519, KEY_ED448 };
enum dhe_id { DHE_NONE, DHE_SECP256R1, DHE_SECP384R1, DHE_SECP521R1, DHE_FFDHE2048, DHE_FFDHE3072, DHE_FFDHE4096 };
enum aead_id { AEAD_NONE, AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305 };

/* BaseHashAlgo bits (DSP0274 1.2 table "NEGOTIATE_ALGORITHMS request message format") */
#define SPDM_HASH_SHA256 (1u << 0)
#define SPDM_HASH_SHA384 (1u << 1)
#define SPDM_HASH_SHA512 (1u << 2)
#define SPDM_HASH_SHA3_256 (1u << 3)
#define SPDM_HASH_SHA3_384 (1u << 4)
#define SPDM_HASH_SHA3_512 (1u << 5)

/* BaseAsymAlgo and ReqBaseAsymAlg bits */
#define SPDM_ASYM_RSASSA_2048 (1u << 0)
#define SPDM_ASYM_RSAPSS_2048 (1u << 1)
#define SPDM_ASYM_RSASSA_3072 (1u << 2)
#define SPDM_ASYM_RSAPSS_3072 (1u << 3)
#define SPDM_ASYM_ECDSA_P256 (1u << 4)
#define SPDM_ASYM_RSASSA_4096 (1u << 5)
#define SPDM_ASYM_RSAPSS_4096 (1u << 6)
#define SPDM_ASYM_ECDSA_P384 (1u << 7)
#define SPDM_ASYM_ECDSA_P521 (1u << 8)
#define SPDM_ASYM_ED25519 (1u << 10)
#define SPDM_ASYM_ED448 (1u << 11)

/* MeasurementHashAlgo bits: a raw bit stream, then those of BaseHashAlgo, one further up */
#define SPDM_MEASUREMENT_HASH_RAW_ONLY (1u << 0)
#define SPDM_MEASUREMENT_HASH_SHA256 (1u << 1)
#define SPDM_MEASUREMENT_HASH_SHA384 (1u << 2)
#define SPDM_MEASUREMENT_HASH_SHA512 (1u << 3)

/* DHE structure bits */
#define SPDM_DHE_FFDHE2048 (1u << 0)
#define SPDM_DHE_FFDHE3072 (1u << 1)
#define SPDM_DHE_FFDHE4096 (1u << 2)
#define SPDM_DHE_SECP256R1 (1u << 3)
#define SPDM_DHE_SECP384R1 (1u << 4)
#define SPDM_DHE_SECP521R1 (1u << 5)

/* AEAD structure bits */
#define SPDM_AEAD_AES_128_GCM (1u << 0)
#define SPDM_AEAD_AES_256_GCM (1u << 1)
#define SPDM_AEAD_CHACHA20_POLY1305 (1u << 2)

#define SPDM_KEY_SCHEDULE_SPDM (1u << 0)

/* strength: bits of security (NIST SP 800-57 part 1 §5.6.1, SP 800-56A appendix D); a hash's is that against collisions. */

struct hash_info {
    enum hash_id id;
    uint32_t bit;
    uint8_t size;
    uint16_t strength;
    const char *name;     /* "SHA-384" */
};

/* How a signature is made, and what it looks like. */
enum signature_scheme {
    SIGNATURE_NONE,
    SIGNATURE_ECDSA,       /* r || s, each of the curve's size: as SPDM has it */
    SIGNATURE_ECDSA_DER,   /* the SEQUENCE of both: as X.509 has it */
    SIGNATURE_RSASSA,      /* PKCS#1 v1.5 */
    SIGNATURE_RSAPSS,      /* salt as long as the hash, MGF1 with the same hash */
    SIGNATURE_EDDSA,
};

struct asym_info {
    uint32_t bit;
    enum key_type key;
    enum signature_scheme scheme;
    uint16_t key_bits;         /* of the modulus or the curve */
    uint16_t signature_size;   /* on the SPDM wire, in bytes */
    uint16_t strength;
    const char *name;          /* "ECDSA P-384" */
};

struct dhe_info {
    enum dhe_id id;
    uint16_t bit;
    uint16_t public_size, secret_size;   /* ExchangeData and shared secret, in bytes */
    uint16_t strength;
    const char *name;                    /* "secp384r1" */
};

struct aead_info {
    enum aead_id id;
    uint16_t bit;
    uint8_t key_size;
    uint16_t strength;
    const char *name;   /* "AES-256-GCM" */
};

/* The row whose bit is exactly bits (one bit), or NULL if the stack does not implement it. */
const struct hash_info *hash_by_bit(uint32_t bits);
const struct asym_info *asym_by_bit(uint32_t bits);
const struct dhe_info *dhe_by_bit(uint32_t bits);
const struct aead_info *aead_by_bit(uint32_t bits);
const struct hash_info *hash_by_id(enum hash_id id);

/* SPDM_ASYM_* bits of what a key of this type and size signs with. */
uint32_t asym_of_key(enum key_type type, uint16_t bits);

/* The strongest row among the bits, or NULL: what a responder selects. */
const struct hash_info *hash_choose(uint32_t bits);
const struct asym_info *asym_choose(uint32_t bits);
const struct dhe_info *dhe_choose(uint32_t bits);
const struct aead_info *aead_choose(uint32_t bits);

#endif
