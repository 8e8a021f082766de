/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * RSA signatures (RFC 8017 §8): PKCS#1 v1.5 and PSS.
 *
 * wolfCrypt does the arithmetic; the encodings are made here, because wolfCrypt allocates for PSS, takes
 * salts of other lengths, and has no SHA-3 in its DigestInfo.
 */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

#define RSA_SIZE_MAX SIGNATURE_SIZE_MAX
#define RSA_BITS_MIN 2048u
#define RSA_BITS_MAX 4096u

/* The key's modulus as bytes; 0 if it is not a multiple of 8 bits long or does not fit. */
static size_t modulus_of(RsaKey *key, uint8_t *modulus)
{
    uint8_t exponent[RSA_SIZE_MAX];
    word32 exponent_len = sizeof(exponent), n = RSA_SIZE_MAX;
    if (wc_RsaEncryptSize(key) > (int)RSA_SIZE_MAX ||
        wc_RsaFlattenPublicKey(key, exponent, &exponent_len, modulus, &n) != 0)
        return 0;
    return n > 0 && modulus[0] & 0x80 ? n : 0;
}

/* RFC 8017 §9.2: 00 01 ff .. ff 00 DigestInfo. The DigestInfos differ in their lengths and in the OID's last
 * arc. */
static enum ide_err encode_pkcs1(const struct signed_data *what, uint8_t *encoded, size_t n)
{
    static const uint8_t last_arc[] = {
        [HASH_SHA256] = 1,   [HASH_SHA384] = 2,   [HASH_SHA512] = 3,
        [HASH_SHA3_256] = 8, [HASH_SHA3_384] = 9, [HASH_SHA3_512] = 10,
    };
    uint8_t head[] = {0x30, 17,   0x30, 13,   0x06, 9,    0x60, 0x86, 0x48, 0x01,
                      0x65, 0x03, 0x04, 0x02, 0,    0x05, 0x00, 0x04, 0};
    size_t info_len = sizeof(head) + what->len;
    if (what->hash >= sizeof(last_arc) || n < info_len + 11)
        return IDE_E_UNSUPPORTED;
    head[1] = (uint8_t)(head[1] + what->len);
    head[14] = last_arc[what->hash];
    head[18] = (uint8_t)what->len;
    memset(encoded, 0xff, n);
    encoded[0] = 0;
    encoded[1] = 1;
    encoded[n - info_len - 1] = 0;
    memcpy(encoded + n - info_len, head, sizeof(head));
    memcpy(encoded + n - what->len, what->data, what->len);
    return IDE_OK;
}

/* MGF1 (RFC 8017 §B.2.1) over a seed of the hash's size, laid over data. */
static enum ide_err mask(enum hash_id id, const uint8_t *seed, size_t seed_len, uint8_t *data, size_t n)
{
    uint8_t block[HASH_SIZE_MAX];
    enum ide_err err = IDE_OK;
    for (size_t done = 0, counter = 0; err == IDE_OK && done < n; counter++) {
        const uint8_t number[4] = {0, 0, 0, (uint8_t)counter}; /* 512 / 32 blocks at the most */
        struct hash h;
        err = hash_init(&h, id);
        if (err == IDE_OK)
            err = hash_update(&h, seed, seed_len);
        if (err == IDE_OK)
            err = hash_update(&h, number, sizeof(number));
        if (err == IDE_OK)
            err = hash_final(&h, block);
        for (size_t i = 0; err == IDE_OK && i < seed_len && done < n; i++, done++)
            data[done] ^= block[i];
    }
    return err;
}

/* H = Hash(eight zeros || digest || salt). */
static enum ide_err hash_salted(const struct signed_data *what, const uint8_t *salt, uint8_t *out)
{
    static const uint8_t zeros[8];
    struct hash h;
    enum ide_err err = hash_init(&h, what->hash);
    if (err == IDE_OK)
        err = hash_update(&h, zeros, sizeof(zeros));
    if (err == IDE_OK)
        err = hash_update(&h, what->data, what->len);
    if (err == IDE_OK)
        err = hash_update(&h, salt, what->len);
    return err == IDE_OK ? hash_final(&h, out) : err;
}

/* RFC 8017 §9.1.1: maskedDB || H || bc, where DB is 00 .. 00 01 salt. The modulus has 8 * n bits, so one is
 * cleared. */
static enum ide_err encode_pss(const struct signed_data *what, WC_RNG *rng, uint8_t *encoded, size_t n)
{
    size_t size = what->len, db_len = n - size - 1;
    uint8_t *salt = encoded + db_len - size, *h = encoded + db_len;
    memset(encoded, 0, n);
    if (wc_RNG_GenerateBlock(rng, salt, (word32)size) != 0)
        return IDE_E_RANDOM;
    salt[-1] = 0x01;
    enum ide_err err = hash_salted(what, salt, h);
    if (err == IDE_OK)
        err = mask(what->hash, h, size, encoded, db_len);
    encoded[0] &= 0x7f;
    encoded[n - 1] = 0xbc;
    return err;
}

/* RFC 8017 §9.1.2. encoded is public, and is unmasked where it stands. */
static enum ide_err check_pss(const struct signed_data *what, uint8_t *encoded, size_t n)
{
    size_t size = what->len, db_len = n - size - 1, zeros = db_len - size - 1;
    const uint8_t *h = encoded + db_len;
    uint8_t expected[HASH_SIZE_MAX];
    if (encoded[n - 1] != 0xbc || encoded[0] & 0x80)
        return IDE_E_SIGNATURE;
    enum ide_err err = mask(what->hash, h, size, encoded, db_len);
    if (err != IDE_OK)
        return err;
    encoded[0] &= 0x7f;
    uint8_t any = 0;
    for (size_t i = 0; i < zeros; i++)
        any |= encoded[i];
    if (any != 0 || encoded[zeros] != 0x01)
        return IDE_E_SIGNATURE;
    err = hash_salted(what, encoded + zeros + 1, expected);
    if (err == IDE_OK && memcmp(expected, h, size) != 0)
        err = IDE_E_SIGNATURE;
    return err;
}

static enum ide_err check_encoded(const struct signed_data *what, uint8_t *encoded, size_t n)
{
    uint8_t expected[RSA_SIZE_MAX];
    if (what->scheme == SIGNATURE_RSAPSS)
        return check_pss(what, encoded, n);
    /* RFC 8017 §8.2.2: encode and compare, so that nothing is parsed */
    enum ide_err err = encode_pkcs1(what, expected, n);
    if (err == IDE_OK && memcmp(expected, encoded, n) != 0)
        err = IDE_E_SIGNATURE;
    return err;
}

/* What the signature was made of (RSAVP1). A signature is below the modulus, or there would be two of each.
 */
static enum ide_err open_signature(RsaKey *key, const uint8_t *signature, size_t n, uint8_t *encoded)
{
    uint8_t modulus[RSA_SIZE_MAX], in[RSA_SIZE_MAX];
    word32 out_len = (word32)n;
    size_t size = modulus_of(key, modulus);
    if (size == 0)
        return IDE_E_UNSUPPORTED;
    if (n != size || memcmp(signature, modulus, n) >= 0)
        return IDE_E_SIGNATURE;
    memcpy(in, signature, n);
    int rc = wc_RsaDirect(in, (word32)n, encoded, &out_len, key, RSA_PUBLIC_DECRYPT, NULL);
    return rc == (int)n ? IDE_OK : IDE_E_SIGNATURE;
}

enum ide_err wolf_rsa_verify(const struct public_key *k, const struct signed_data *what,
                             const uint8_t *signature, size_t signature_len)
{
    RsaKey key;
    word32 at = 0;
    uint8_t encoded[RSA_SIZE_MAX];
    if (wc_InitRsaKey(&key, NULL) != 0)
        return IDE_E_CRYPTO;
    enum ide_err err = IDE_E_KEY;
    if (wc_RsaPublicKeyDecode(k->data, &at, &key, k->len) == 0 && at == k->len)
        err = open_signature(&key, signature, signature_len, encoded);
    if (err == IDE_OK)
        err = check_encoded(what, encoded, signature_len);
    (void)wc_FreeRsaKey(&key);
    return err;
}

static void discard(RsaKey *key)
{
    (void)wc_FreeRsaKey(key);
    wipe(key, sizeof(*key));
    wolf_burn_rsa();
}

bool wolf_rsa_load(struct private_key *k, const uint8_t *der, size_t n)
{
    RsaKey key;
    word32 at = 0;
    uint8_t modulus[RSA_SIZE_MAX];
    if (wc_InitRsaKey(&key, NULL) != 0)
        return false;
    if (wc_RsaPrivateKeyDecode(der, &at, &key, (word32)n) == 0 && at == n) {
        size_t bits = 8 * modulus_of(&key, modulus);
        if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX) {
            k->type = KEY_RSA;
            k->bits = (uint16_t)bits;
        }
    }
    discard(&key);
    return k->type == KEY_RSA;
}

static enum ide_err sign_encoded(RsaKey *key, WC_RNG *rng, uint8_t *encoded, size_t n, uint8_t *signature)
{
    uint8_t again[RSA_SIZE_MAX];
    word32 out_len = (word32)n;
    /* it blinds, where the arithmetic is not blind by itself */
    if (wc_RsaSetRNG(key, rng) != 0 ||
        wc_RsaDirect(encoded, (word32)n, signature, &out_len, key, RSA_PRIVATE_ENCRYPT, rng) != (int)n)
        return IDE_E_CRYPTO;
    /* one wrong half of the CRT gives the key away, so no such signature goes out */
    enum ide_err err = open_signature(key, signature, n, again);
    return err == IDE_OK && memcmp(again, encoded, n) == 0 ? IDE_OK : IDE_E_CRYPTO;
}

enum ide_err wolf_rsa_sign(const struct private_key *k, const struct signed_data *what, WC_RNG *rng,
                           uint8_t *signature)
{
    RsaKey key;
    word32 at = 0;
    size_t n = k->bits / 8u;
    uint8_t encoded[RSA_SIZE_MAX];
    enum ide_err err =
        what->scheme == SIGNATURE_RSAPSS ? encode_pss(what, rng, encoded, n) : encode_pkcs1(what, encoded, n);
    if (err != IDE_OK || wc_InitRsaKey(&key, NULL) != 0)
        return err != IDE_OK ? err : IDE_E_CRYPTO;
    err = IDE_E_KEY;
    if (wc_RsaPrivateKeyDecode(k->der, &at, &key, k->len) == 0)
        err = sign_encoded(&key, rng, encoded, n, signature);
    discard(&key);
    return err;
}
