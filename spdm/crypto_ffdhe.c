/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ephemeral Diffie-Hellman in the groups of RFC 7919. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

/* An exponent has at least twice the group's strength in bits, and more than RFC 7919 §5.2 wants of it. */
static const struct field {
    enum dhe_id id;
    int name;
    uint16_t private_size;
} fields[] = {
    {DHE_FFDHE2048, WC_FFDHE_2048, 32},
    {DHE_FFDHE3072, WC_FFDHE_3072, 40},
    {DHE_FFDHE4096, WC_FFDHE_4096, 48},
};

static const struct field *field_of(const struct dhe_info *info)
{
    for (size_t i = 0; info && dhe_is_built_in(info->id) && i < sizeof(fields) / sizeof(fields[0]); i++)
        if (fields[i].id == info->id)
            return &fields[i];
    return NULL;
}

/* base^exponent, with the leading zeros that wolfCrypt drops. result has n bytes, as the prime has. */
static int power(DhKey *key, const uint8_t *base, size_t base_len, const struct dhe_key *k, uint8_t *result,
                 size_t n)
{
    word32 len = (word32)n;
    int rc = wc_DhAgree(key, result, &len, k->private_key, k->private_len, base, (word32)base_len);
    if (rc != 0 || len > n)
        return rc != 0 ? rc : BUFFER_E;
    memmove(result + n - len, result, len);
    memset(result, 0, n - len);
    return 0;
}

/* A uniform exponent that is not 0. */
static enum ide_err draw_exponent(struct dhe_key *k, const struct rng *rng)
{
    uint8_t any = 0;
    enum ide_err err = rng->random(rng->context, k->private_key, k->private_len);
    for (size_t i = 0; i < k->private_len; i++)
        any |= k->private_key[i];
    return err == IDE_OK && any == 0 ? IDE_E_RANDOM : err;
}

static enum ide_err open_field(DhKey *key, const struct field *field)
{
    if (wc_InitDhKey(key) != 0)
        return IDE_E_CRYPTO;
    if (wc_DhSetNamedKey(key, field->name) == 0)
        return IDE_OK;
    (void)wc_FreeDhKey(key);
    return IDE_E_CRYPTO;
}

enum ide_err wolf_ffdhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                                 uint8_t *public_out)
{
    static const uint8_t generator[] = {2}; /* RFC 7919 appendix A */
    const struct field *field = field_of(info);
    DhKey key;
    if (!field)
        return IDE_E_UNSUPPORTED;
    k->private_len = field->private_size;
    enum ide_err err = draw_exponent(k, rng);
    if (err == IDE_OK)
        err = open_field(&key, field);
    if (err != IDE_OK)
        return err;
    if (power(&key, generator, sizeof(generator), k, public_out, info->public_size) != 0)
        err = IDE_E_CRYPTO;
    (void)wc_FreeDhKey(&key);
    return err;
}

enum ide_err wolf_ffdhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret)
{
    const struct field *field = field_of(k->info);
    size_t n = k->info->public_size;
    DhKey key;
    if (!field)
        return IDE_E_UNSUPPORTED;
    enum ide_err err = open_field(&key, field);
    if (err != IDE_OK)
        return err;
    /* 1 < peer < p - 1 (RFC 7919 §5.1): as p is a safe prime, no other value has a small order */
    if (wc_DhCheckPubKey(&key, peer_public, (word32)n) != 0)
        err = IDE_E_KEY;
    else if (power(&key, peer_public, n, k, secret, n) != 0)
        err = IDE_E_CRYPTO;
    (void)wc_FreeDhKey(&key);
    return err;
}
