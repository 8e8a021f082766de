/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures: ECDSA in SPDM's and in X.509's form, RSA PKCS#1 v1.5 as certificates have it. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

#define EC_SIZE_MAX 66u
/* SEQUENCE of two INTEGERs of up to 67 bytes */
#define EC_DER_MAX 160u
/* DigestInfo of SHA-512: 19 bytes of prefix and the digest */
#define DIGEST_INFO_MAX (HASH_SIZE_MAX + 32u)

/* r || s, each as long as a coordinate, to the SEQUENCE that wolfCrypt reads. */
static enum ide_err der_of_raw(const uint8_t *raw, size_t size, uint8_t *der, word32 *der_len)
{
    int rc = wc_ecc_rs_raw_to_sig(raw, (word32)size, raw + size, (word32)size, der, der_len);
    return rc == 0 ? IDE_OK : IDE_E_SIGNATURE;
}

static enum ide_err verify_der(ecc_key *key, const uint8_t *der, word32 der_len, const uint8_t *digest,
                               word32 n)
{
    int matches = 0;
    int rc = wc_ecc_verify_hash(der, der_len, digest, n, &matches, key);
    return rc == 0 && matches == 1 ? IDE_OK : IDE_E_SIGNATURE;
}

static enum ide_err verify_ec(const struct public_key *k, enum signature_form form,
                              const struct hash_info *hash, const uint8_t *digest, const uint8_t *signature,
                              size_t signature_len)
{
    size_t size = wolf_curve_size(k->type);
    uint8_t der[EC_DER_MAX];
    word32 der_len = sizeof(der);
    if (k->len != 2 * size)
        return IDE_E_KEY;
    if (form == SIGNATURE_SPDM) {
        if (signature_len != 2 * size)
            return IDE_E_SIGNATURE;
        enum ide_err err = der_of_raw(signature, size, der, &der_len);
        if (err != IDE_OK)
            return err;
        signature = der;
        signature_len = der_len;
    } else if (signature_len > sizeof(der)) {
        return IDE_E_SIGNATURE;
    }
    ecc_key key;
    if (wc_ecc_init(&key) != 0)
        return IDE_E_CRYPTO;
    enum ide_err err = wolf_ecc_import(&key, k->type, k->data);
    if (err == IDE_OK)
        err = verify_der(&key, signature, (word32)signature_len, digest, hash->size);
    (void)wc_ecc_free(&key);
    return err;
}

/* The signature's content must be this DigestInfo and nothing else (RFC 8017 §8.2.2: encode and compare). */
static enum ide_err compare_digest_info(const uint8_t *content, int content_len, const struct hash_info *hash,
                                        const uint8_t *digest)
{
    uint8_t expected[DIGEST_INFO_MAX];
    int oid = wc_HashGetOID(wolf_hash_type(hash->id));
    if (oid <= 0)
        return IDE_E_UNSUPPORTED;
    word32 n = wc_EncodeSignature(expected, digest, hash->size, oid);
    if (content_len < 0 || (word32)content_len != n || memcmp(content, expected, n) != 0)
        return IDE_E_SIGNATURE;
    return IDE_OK;
}

static enum ide_err verify_rsa_key(RsaKey *key, const struct hash_info *hash, const uint8_t *digest,
                                   const uint8_t *signature, size_t signature_len)
{
    uint8_t work[SIGNATURE_SIZE_MAX];
    if (signature_len > sizeof(work) || wc_RsaEncryptSize(key) != (int)signature_len)
        return IDE_E_SIGNATURE;
    memcpy(work, signature, signature_len);
    byte *content = NULL;
    int n = wc_RsaSSL_VerifyInline(work, (word32)signature_len, &content, key);
    if (n < 0 || !content)
        return IDE_E_SIGNATURE;
    return compare_digest_info(content, n, hash, digest);
}

static enum ide_err verify_rsa(const struct public_key *k, const struct hash_info *hash,
                               const uint8_t *digest, const uint8_t *signature, size_t signature_len)
{
    RsaKey key;
    word32 at = 0;
    if (wc_InitRsaKey(&key, NULL) != 0)
        return IDE_E_CRYPTO;
    enum ide_err err = IDE_E_KEY;
    if (wc_RsaPublicKeyDecode(k->data, &at, &key, k->len) == 0 && at == k->len)
        err = verify_rsa_key(&key, hash, digest, signature, signature_len);
    (void)wc_FreeRsaKey(&key);
    return err;
}

enum ide_err public_key_verify(const struct public_key *k, enum signature_form form, enum hash_id hash,
                               const uint8_t *digest, const uint8_t *signature, size_t signature_len)
{
    const struct hash_info *info = hash_by_id(hash);
    if (!info)
        return IDE_E_UNSUPPORTED;
    if (k->len > sizeof(k->data))
        return IDE_E_ARGUMENT;
    if (wolf_curve_size(k->type) > 0)
        return verify_ec(k, form, info, digest, signature, signature_len);
    if (k->type == KEY_RSA && form == SIGNATURE_X509)
        return verify_rsa(k, info, digest, signature, signature_len);
    return IDE_E_UNSUPPORTED;
}

static enum key_type type_of_curve(const ecc_key *key)
{
    static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P384, KEY_EC_P521};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (wc_ecc_get_curve_id(key->idx) == wolf_curve(types[i]))
            return types[i];
    return KEY_NONE;
}

enum ide_err private_key_load(struct private_key *k, const uint8_t *der, size_t n)
{
    private_key_clear(k);
    if (n > sizeof(k->der))
        return IDE_E_KEY;
    ecc_key key;
    word32 at = 0;
    if (wc_ecc_init(&key) != 0)
        return IDE_E_CRYPTO;
    if (wc_EccPrivateKeyDecode(der, &at, &key, (word32)n) == 0 && at == n)
        k->type = type_of_curve(&key);
    wolf_ecc_discard(&key);
    wolf_burn_public_key();
    if (k->type == KEY_NONE)
        return IDE_E_KEY;
    memcpy(k->der, der, n);
    k->len = (uint16_t)n;
    return IDE_OK;
}

/* The SEQUENCE that wolfCrypt makes, to r || s. */
static enum ide_err raw_of_der(const uint8_t *der, word32 der_len, size_t size, uint8_t *raw)
{
    uint8_t r[EC_SIZE_MAX], s[EC_SIZE_MAX];
    word32 r_len = (word32)size, s_len = (word32)size;
    if (wc_ecc_sig_to_rs(der, der_len, r, &r_len, s, &s_len) != 0 || r_len > size || s_len > size)
        return IDE_E_CRYPTO;
    memset(raw, 0, 2 * size);
    memcpy(raw + size - r_len, r, r_len);
    memcpy(raw + 2 * size - s_len, s, s_len);
    return IDE_OK;
}

static enum ide_err sign_with(ecc_key *key, WC_RNG *rng, const uint8_t *digest, size_t digest_len,
                              size_t size, uint8_t *signature)
{
    uint8_t der[EC_DER_MAX];
    word32 der_len = sizeof(der);
    if (wc_ecc_sign_hash(digest, (word32)digest_len, der, &der_len, rng, key) != 0)
        return IDE_E_CRYPTO;
    return raw_of_der(der, der_len, size, signature);
}

static enum ide_err sign_ec(const struct private_key *k, WC_RNG *rng, const struct hash_info *hash,
                            const uint8_t *digest, uint8_t *signature)
{
    ecc_key key;
    word32 at = 0;
    if (wc_ecc_init(&key) != 0)
        return IDE_E_CRYPTO;
    enum ide_err err = IDE_E_KEY;
    if (wc_EccPrivateKeyDecode(k->der, &at, &key, k->len) == 0)
        err = sign_with(&key, rng, digest, hash->size, wolf_curve_size(k->type), signature);
    wolf_ecc_discard(&key);
    return err;
}

enum ide_err private_key_sign(const struct private_key *k, enum hash_id hash, const uint8_t *digest,
                              const struct rng *rng, uint8_t *signature, size_t signature_len)
{
    const struct hash_info *info = hash_by_id(hash);
    size_t size = wolf_curve_size(k->type);
    if (!info || size == 0)
        return IDE_E_UNSUPPORTED;
    if (signature_len != 2 * size)
        return IDE_E_ARGUMENT;
    struct wolf_rng generator;
    enum ide_err err = wolf_rng_borrow(&generator, rng);
    if (err == IDE_OK)
        err = sign_ec(k, generator.use, info, digest, signature);
    wolf_rng_return(&generator);
    wolf_burn_public_key();
    if (err != IDE_OK)
        memset(signature, 0, signature_len);
    return err;
}

void private_key_clear(struct private_key *k)
{
    wipe(k, sizeof(*k));
}
