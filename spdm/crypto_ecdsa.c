/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ECDSA, in SPDM's form and in X.509's. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

#define EC_SIZE_MAX 66u
/* SEQUENCE of two INTEGERs of up to 67 bytes */
#define EC_DER_MAX 160u

/* r || s, each as long as a coordinate, to the SEQUENCE that wolfCrypt reads. */
static enum ide_err der_of_raw(const uint8_t *raw, size_t size, uint8_t *der, word32 *der_len)
{
    int rc = wc_ecc_rs_raw_to_sig(raw, (word32)size, raw + size, (word32)size, der, der_len);
    return rc == 0 ? IDE_OK : IDE_E_SIGNATURE;
}

static enum ide_err verify_der(ecc_key *key, const struct signed_data *what, const uint8_t *der,
                               word32 der_len)
{
    int matches = 0;
    int rc = wc_ecc_verify_hash(der, der_len, what->data, (word32)what->len, &matches, key);
    return rc == 0 && matches == 1 ? IDE_OK : IDE_E_SIGNATURE;
}

enum ide_err wolf_ecdsa_verify(const struct public_key *k, const struct signed_data *what,
                               const uint8_t *signature, size_t signature_len)
{
    size_t size = wolf_curve_size(k->type);
    uint8_t der[EC_DER_MAX];
    word32 der_len = sizeof(der);
    if (k->len != 2 * size)
        return IDE_E_KEY;
    if (what->scheme == SIGNATURE_ECDSA) {
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
        err = verify_der(&key, what, signature, (word32)signature_len);
    (void)wc_ecc_free(&key);
    return err;
}

static enum key_type type_of_curve(const ecc_key *key)
{
    static const enum key_type types[] = {KEY_EC_P256, KEY_EC_P384, KEY_EC_P521};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (wc_ecc_get_curve_id(key->idx) == wolf_curve(types[i]))
            return types[i];
    return KEY_NONE;
}

bool wolf_ecc_load(struct private_key *k, const uint8_t *der, size_t n)
{
    ecc_key key;
    word32 at = 0;
    if (wc_ecc_init(&key) != 0)
        return false;
    if (wc_EccPrivateKeyDecode(der, &at, &key, (word32)n) == 0 && at == n) {
        k->type = type_of_curve(&key);
        k->bits = wolf_curve_bits(k->type);
    }
    wolf_ecc_discard(&key);
    return k->type != KEY_NONE;
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

static enum ide_err sign_with(ecc_key *key, WC_RNG *rng, const struct signed_data *what, size_t size,
                              uint8_t *signature)
{
    uint8_t der[EC_DER_MAX];
    word32 der_len = sizeof(der);
    if (wc_ecc_sign_hash(what->data, (word32)what->len, der, &der_len, rng, key) != 0)
        return IDE_E_CRYPTO;
    return raw_of_der(der, der_len, size, signature);
}

enum ide_err wolf_ecdsa_sign(const struct private_key *k, const struct signed_data *what, WC_RNG *rng,
                             uint8_t *signature)
{
    ecc_key key;
    word32 at = 0;
    if (wc_ecc_init(&key) != 0)
        return IDE_E_CRYPTO;
    enum ide_err err = IDE_E_KEY;
    if (wc_EccPrivateKeyDecode(k->der, &at, &key, k->len) == 0)
        err = sign_with(&key, rng, what, wolf_curve_size(k->type), signature);
    wolf_ecc_discard(&key);
    return err;
}
