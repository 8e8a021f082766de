/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signatures: which kind of key does it, and what all kinds share. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

static bool is_ec(enum key_type type)
{
    return wolf_curve_size(type) > 0;
}

static bool is_ed(enum key_type type)
{
    return type == KEY_ED25519 || type == KEY_ED448;
}

bool signature_fits(enum signature_scheme scheme, enum key_type type)
{
    switch (scheme) {
    case SIGNATURE_ECDSA:
    case SIGNATURE_ECDSA_DER:
        return is_ec(type);
    case SIGNATURE_RSASSA:
    case SIGNATURE_RSAPSS:
        return type == KEY_RSA;
    case SIGNATURE_EDDSA:
        return is_ed(type);
    case SIGNATURE_NONE:
        break;
    }
    return false;
}

static enum ide_err check(enum key_type type, const struct signed_data *what)
{
    if (!signature_fits(what->scheme, type))
        return IDE_E_UNSUPPORTED;
    if (what->scheme == SIGNATURE_EDDSA)
        return what->len <= UINT32_MAX ? IDE_OK : IDE_E_ARGUMENT;
    const struct hash_info *hash = hash_by_id(what->hash);
    if (!hash)
        return IDE_E_UNSUPPORTED;
    return what->len == hash->size ? IDE_OK : IDE_E_ARGUMENT;
}

enum ide_err public_key_verify(const struct public_key *k, const struct signed_data *what,
                               const uint8_t *signature, size_t signature_len)
{
    enum ide_err err = check(k->type, what);
    if (err != IDE_OK)
        return err;
    if (k->len > sizeof(k->data))
        return IDE_E_ARGUMENT;
    if (is_ec(k->type))
        return wolf_ecdsa_verify(k, what, signature, signature_len);
    if (is_ed(k->type))
        return wolf_eddsa_verify(k, what, signature, signature_len);
    return wolf_rsa_verify(k, what, signature, signature_len);
}

enum ide_err private_key_load(struct private_key *k, const uint8_t *der, size_t n)
{
    private_key_clear(k);
    if (n > sizeof(k->der))
        return IDE_E_KEY;
    bool known = wolf_ecc_load(k, der, n) || wolf_rsa_load(k, der, n) || wolf_eddsa_load(k, der, n);
    wolf_burn_public_key();
    if (!known)
        return IDE_E_KEY;
    memcpy(k->der, der, n);
    k->len = (uint16_t)n;
    return IDE_OK;
}

/* What a key's signatures have on the SPDM wire. */
static size_t signature_size(const struct private_key *k)
{
    if (is_ec(k->type))
        return 2 * wolf_curve_size(k->type);
    if (k->type == KEY_ED25519)
        return ED25519_SIG_SIZE;
    return k->type == KEY_ED448 ? ED448_SIG_SIZE : k->bits / 8u;
}

static enum ide_err sign_with_random(const struct private_key *k, const struct signed_data *what,
                                     const struct rng *rng, uint8_t *signature)
{
    struct wolf_rng generator;
    enum ide_err err = wolf_rng_borrow(&generator, rng);
    if (err == IDE_OK && k->type == KEY_RSA)
        err = wolf_rsa_sign(k, what, generator.use, signature);
    else if (err == IDE_OK)
        err = wolf_ecdsa_sign(k, what, generator.use, signature);
    wolf_rng_return(&generator);
    return err;
}

enum ide_err private_key_sign(const struct private_key *k, const struct signed_data *what,
                              const struct rng *rng, uint8_t *signature, size_t signature_len)
{
    enum ide_err err = check(k->type, what);
    if (err != IDE_OK)
        return err;
    if (what->scheme == SIGNATURE_ECDSA_DER || signature_len != signature_size(k))
        return IDE_E_ARGUMENT;
    err = is_ed(k->type) ? wolf_eddsa_sign(k, what, signature) : sign_with_random(k, what, rng, signature);
    wolf_burn_public_key();
    if (err != IDE_OK)
        memset(signature, 0, signature_len);
    return err;
}

uint32_t private_key_algorithms(const struct private_key *k)
{
    return asym_of_key(k->type, k->bits);
}

void private_key_clear(struct private_key *k)
{
    wipe(k, sizeof(*k));
}
