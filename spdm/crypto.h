/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Cryptography on wolfCrypt behind one narrow face; nothing above includes a
 * wolfSSL header. No function here allocates on the caller's behalf, keeps
 * state outside its arguments, or leaves a secret behind on its stack.
 */
#ifndef SPDM_CRYPTO_H
#define SPDM_CRYPTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/algorithms.h"
#include "spdm/error.h"
#include "spdm/transport.h"

/* A running hash. May be copied with hash_copy() only. Opaque: holds wolfCrypt's state (checked in
 * crypto_hash.c). */
struct hash {
    enum hash_id id;
    _Alignas(16) uint8_t state[448];
};

enum ide_err hash_init(struct hash *h, enum hash_id id) MUST_USE;
enum ide_err hash_update(struct hash *h, const void *data, size_t n) MUST_USE;
enum ide_err hash_copy(struct hash *to, const struct hash *from) MUST_USE;
/* Writes the hash's size in bytes to out (at most HASH_SIZE_MAX) and clears h. */
enum ide_err hash_final(struct hash *h, uint8_t *out) MUST_USE;
/* The digest of what h has seen so far; h goes on. */
enum ide_err hash_snapshot(const struct hash *h, uint8_t *out) MUST_USE;
enum ide_err hash_once(enum hash_id id, const void *data, size_t n, uint8_t *out) MUST_USE;

/* HMAC and the two halves of HKDF (RFC 5869); out has the hash's size, for expand out_len bytes. */
enum ide_err hmac_once(enum hash_id id, const void *key, size_t key_len, const void *data, size_t n,
                       uint8_t *out) MUST_USE;
enum ide_err hkdf_extract(enum hash_id id, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
                          uint8_t *out) MUST_USE;
enum ide_err hkdf_expand(enum hash_id id, const void *prk, const void *info, size_t info_len, uint8_t *out,
                         size_t out_len) MUST_USE;

/* An AEAD key with its schedule. wipe with aead_clear(). */
struct aead_key {
    enum aead_id id;
    _Alignas(16) uint8_t state[1152];
};

/*
 * key has the algorithm's key_size bytes (algorithms.h): 16 or 32; k keeps what it needs of it.
 * IDE_E_UNSUPPORTED if there is no such algorithm; on failure k has none.
 */
enum ide_err aead_set_key(struct aead_key *k, enum aead_id id, const uint8_t *key) MUST_USE;
/* In place over data[0..n); tag has AEAD_TAG_SIZE bytes, iv AEAD_IV_SIZE. IDE_E_STATE if k has no key. */
enum ide_err aead_seal(const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len, uint8_t *data,
                       size_t n, uint8_t *tag) MUST_USE;
/* IDE_E_RECORD if the tag is not right; data is then cleared. IDE_E_STATE if k has no key. */
enum ide_err aead_open(const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len, uint8_t *data,
                       size_t n, const uint8_t *tag) MUST_USE;
/* The same with a tag of which only the first tag_len bytes came: PCIe's MAC has 12 (NIST SP 800-38D §5.2.1.2). */
#define AEAD_TAG_SHORT 12u
enum ide_err aead_open_short(const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len,
                             uint8_t *data, size_t n, const uint8_t *tag, size_t tag_len) MUST_USE;
void aead_clear(struct aead_key *k);

/* Ephemeral Diffie-Hellman. The public part is in SPDM's form: X || Y without a leading 04, or the group element. */
struct dhe_key {
    const struct dhe_info *info;
    uint8_t private_key[DHE_PRIVATE_MAX];
    uint16_t private_len;
};

enum ide_err dhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                          uint8_t *public_out) MUST_USE;
/*
 * secret has info->secret_size bytes; that of a finite field keeps its leading zeros (DSP0274 1.2 §10.16). IDE_E_KEY if
 * the peer's public value is not on the curve, or in a finite field not in [2, p - 2].
 */
enum ide_err dhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret) MUST_USE;
void dhe_clear(struct dhe_key *k);
/* Whether this wolfSSL has the group: ffdhe4096 is not in every build. */
bool dhe_is_built_in(enum dhe_id id);

/* EC: X || Y. RSA: PKCS#1 RSAPublicKey DER. Ed*: the raw key. */
struct public_key {
    enum key_type type;
    uint16_t bits;
    uint16_t len;
    uint8_t data[540];
};

/* What a signature is over. */
struct signed_data {
    enum signature_scheme scheme;
    enum hash_id hash;     /* that made the digest; EdDSA has its own */
    const uint8_t *data;   /* the digest; for EdDSA the message itself */
    size_t len;
    const char *context;   /* of Ed448 (RFC 8032 §5.2), at most 255 bytes; NULL: none. Of no matter to the others */
};

/* Whether a key of the type makes such signatures. */
bool signature_fits(enum signature_scheme scheme, enum key_type type);

/*
 * IDE_E_SIGNATURE if the signature does not match, IDE_E_KEY if the key is bad, IDE_E_UNSUPPORTED if it makes no such
 * signatures.
 */
enum ide_err public_key_verify(const struct public_key *k, const struct signed_data *what, const uint8_t *signature,
                               size_t signature_len) MUST_USE;

/* A signing key held by the caller: an emulated device, or a requester with mutual authentication. */
struct private_key {
    enum key_type type;
    uint16_t bits;       /* of the modulus or the curve */
    uint16_t len;
    uint8_t der[2400];   /* PKCS#8, SEC1 or PKCS#1, as read */
};

/* Takes a DER private key: EC in SEC1 or PKCS#8, RSA in PKCS#1 or PKCS#8, Ed* in PKCS#8. IDE_E_KEY if it is none. */
enum ide_err private_key_load(struct private_key *k, const uint8_t *der, size_t n) MUST_USE;
/*
 * Signs; signature_len must be what the key gives in that scheme, which is not SIGNATURE_ECDSA_DER. Nonce, salt and
 * blinding come from rng itself if that is a drbg_rng(); from any other, what it gives seeds, with the operating
 * system, a generator made for the call.
 */
enum ide_err private_key_sign(const struct private_key *k, const struct signed_data *what, const struct rng *rng,
                              uint8_t *signature, size_t signature_len) MUST_USE;
/* The SPDM_ASYM_* bits of what the key signs with: for a responder's configuration. */
uint32_t private_key_algorithms(const struct private_key *k);
void private_key_clear(struct private_key *k);

/* A generator on wolfCrypt's DRBG, seeded by the operating system. One a thread. */
struct drbg {
    _Alignas(16) uint8_t state[64];
};

enum ide_err drbg_open(struct drbg *d) MUST_USE;
void drbg_close(struct drbg *d);
/* An rng over d; d must outlive it. */
struct rng drbg_rng(struct drbg *d);

#endif
