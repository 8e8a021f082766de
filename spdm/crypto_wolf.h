/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wolfCrypt as the crypto_*.c files see it. Private to them: nothing else
 * includes a wolfSSL header. What a build must have is asked for here, once,
 * by feature and not by version.
 */
#ifndef SPDM_CRYPTO_WOLF_H
#define SPDM_CRYPTO_WOLF_H

#include <wolfssl/options.h>

#include <wolfssl/wolfcrypt/settings.h>

#include <wolfssl/wolfcrypt/aes.h>
#include <wolfssl/wolfcrypt/asn_public.h>
#include <wolfssl/wolfcrypt/chacha20_poly1305.h>
#include <wolfssl/wolfcrypt/dh.h>
#include <wolfssl/wolfcrypt/ecc.h>
#include <wolfssl/wolfcrypt/ed25519.h>
#include <wolfssl/wolfcrypt/ed448.h>
#include <wolfssl/wolfcrypt/error-crypt.h>
#include <wolfssl/wolfcrypt/hash.h>
#include <wolfssl/wolfcrypt/hmac.h>
#include <wolfssl/wolfcrypt/random.h>
#include <wolfssl/wolfcrypt/rsa.h>

#if defined(NO_SHA256) || !defined(WOLFSSL_SHA384) || !defined(WOLFSSL_SHA512)
#error "wolfSSL lacks SHA-256, SHA-384 or SHA-512"
#endif
#if !defined(HAVE_ECC) || defined(NO_ECC256) || !(defined(HAVE_ECC384) || defined(HAVE_ALL_CURVES)) ||       \
    !(defined(HAVE_ECC521) || defined(HAVE_ALL_CURVES))
#error "wolfSSL lacks one of the curves P-256, P-384 and P-521 (--enable-eccshamir --enable-ecc)"
#endif
#if !defined(USE_ECC_B_PARAM)
#error "wolfSSL lacks wc_ecc_point_is_on_curve (--enable-compkey)"
#endif
#if !defined(HAVE_AESGCM) || !defined(HAVE_CHACHA) || !defined(HAVE_POLY1305)
#error "wolfSSL lacks AES-GCM or ChaCha20-Poly1305"
#endif
#if !defined(HAVE_HKDF) || !defined(HAVE_HASHDRBG)
#error "wolfSSL lacks HKDF or the hash DRBG (--enable-hkdf --enable-hashdrbg)"
#endif
#if !defined(WOLFSSL_SHA3)
#error "wolfSSL lacks SHA-3 (--enable-sha3)"
#endif
#if defined(NO_RSA) || !defined(WC_RSA_NO_PADDING)
#error "wolfSSL lacks RSA or wc_RsaDirect (--enable-keygen --enable-opensslall, or -DWC_RSA_NO_PADDING)"
#endif
#if !defined(HAVE_ED25519) || !defined(HAVE_ED448)
#error "wolfSSL lacks Ed25519 or Ed448 (--enable-ed25519 --enable-ed448)"
#endif
#if defined(NO_DH) || !defined(HAVE_FFDHE_2048) || !defined(HAVE_FFDHE_3072)
#error "wolfSSL lacks Diffie-Hellman or the groups ffdhe2048 and ffdhe3072"
#endif

/* Debian's build lacks it, and an algorithm that the build lacks is not in the tables. */
#if defined(HAVE_FFDHE_4096)
#define WOLF_HAS_FFDHE4096 true
#else
#define WOLF_HAS_FFDHE4096 false
#endif

#include "spdm/crypto.h"

/* crypto_hash.c: wolfCrypt's name for a hash; WC_HASH_TYPE_NONE for one that is not there. */
enum wc_HashType wolf_hash_type(enum hash_id id);

/* crypto_ecc.c: the curve of a key type, and the bytes of a coordinate: 0 if it is no EC key. */
int wolf_curve(enum key_type type);
size_t wolf_curve_size(enum key_type type);
uint16_t wolf_curve_bits(enum key_type type);

/* crypto_ecc.c: fills an initialized key from X || Y. IDE_E_KEY unless it is an affine point of the curve. */
enum ide_err wolf_ecc_import(ecc_key *key, enum key_type type, const uint8_t *xy) MUST_USE;
/* crypto_ecc.c: frees a key and leaves nothing of it. */
void wolf_ecc_discard(ecc_key *key);

/*
 * crypto_stack.c: overwrites what wolfCrypt's functions have left below the caller's frame. Each function of crypto.h that
 * has a secret calls the one of its kind before it returns.
 */
void wolf_burn_record(void);
void wolf_burn_derivation(void);
void wolf_burn_public_key(void);
void wolf_burn_rsa(void);

/*
 * One file a kind of key. The verify and sign functions are called with a scheme that fits the key, a digest that has
 * its hash's size, and room for the whole signature. The load functions set type and bits if they know the key.
 */
enum ide_err wolf_ecdsa_verify(const struct public_key *k, const struct signed_data *what, const uint8_t *signature,
                               size_t signature_len) MUST_USE;
enum ide_err wolf_rsa_verify(const struct public_key *k, const struct signed_data *what, const uint8_t *signature,
                             size_t signature_len) MUST_USE;
enum ide_err wolf_eddsa_verify(const struct public_key *k, const struct signed_data *what, const uint8_t *signature,
                               size_t signature_len) MUST_USE;
bool wolf_ecc_load(struct private_key *k, const uint8_t *der, size_t n);
bool wolf_rsa_load(struct private_key *k, const uint8_t *der, size_t n);
bool wolf_eddsa_load(struct private_key *k, const uint8_t *der, size_t n);
enum ide_err wolf_ecdsa_sign(const struct private_key *k, const struct signed_data *what, WC_RNG *rng,
                             uint8_t *signature) MUST_USE;
enum ide_err wolf_rsa_sign(const struct private_key *k, const struct signed_data *what, WC_RNG *rng,
                           uint8_t *signature) MUST_USE;
enum ide_err wolf_eddsa_sign(const struct private_key *k, const struct signed_data *what, uint8_t *signature) MUST_USE;

/* crypto_ffdhe.c: the finite fields of crypto.h's functions. IDE_E_UNSUPPORTED if info is none of theirs, or NULL. */
enum ide_err wolf_ffdhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                                 uint8_t *public_out) MUST_USE;
enum ide_err wolf_ffdhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret) MUST_USE;

/* crypto_rng.c: a wolfCrypt generator for the time of one call. */
struct wolf_rng {
    WC_RNG *use;
    WC_RNG own; /* if rng is none of ours */
};

/*
 * rng over a struct drbg is used as it is. Any other lends its randomness to a generator made for the call,
 * which allocates; wolfCrypt takes no generator but its own.
 */
enum ide_err wolf_rng_borrow(struct wolf_rng *w, const struct rng *rng) MUST_USE;
void wolf_rng_return(struct wolf_rng *w);

#endif
