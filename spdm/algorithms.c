/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/algorithms.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Only what crypto_*.c implements stands in a table. Each is ordered: strongest first. */
static const struct hash_info hashes[] = {
    {HASH_SHA512, SPDM_HASH_SHA512, 64, "SHA-512"},
    {HASH_SHA384, SPDM_HASH_SHA384, 48, "SHA-384"},
    {HASH_SHA256, SPDM_HASH_SHA256, 32, "SHA-256"},
};

static const struct asym_info asyms[] = {
    {SPDM_ASYM_ECDSA_P521, KEY_EC_P521, 132, "ECDSA P-521"},
    {SPDM_ASYM_ECDSA_P384, KEY_EC_P384, 96, "ECDSA P-384"},
    {SPDM_ASYM_ECDSA_P256, KEY_EC_P256, 64, "ECDSA P-256"},
};

static const struct dhe_info dhes[] = {
    {DHE_SECP521R1, SPDM_DHE_SECP521R1, 132, 66, "secp521r1"},
    {DHE_SECP384R1, SPDM_DHE_SECP384R1, 96, 48, "secp384r1"},
    {DHE_SECP256R1, SPDM_DHE_SECP256R1, 64, 32, "secp256r1"},
};

static const struct aead_info aeads[] = {
    {AEAD_AES_256_GCM, SPDM_AEAD_AES_256_GCM, 32, "AES-256-GCM"},
    {AEAD_CHACHA20_POLY1305, SPDM_AEAD_CHACHA20_POLY1305, 32, "ChaCha20-Poly1305"},
    {AEAD_AES_128_GCM, SPDM_AEAD_AES_128_GCM, 16, "AES-128-GCM"},
};

const struct hash_info *hash_choose(uint32_t bits)
{
    for (size_t i = 0; i < ROWS(hashes); i++)
        if (hashes[i].bit & bits)
            return &hashes[i];
    return NULL;
}

const struct asym_info *asym_choose(uint32_t bits)
{
    for (size_t i = 0; i < ROWS(asyms); i++)
        if (asyms[i].bit & bits)
            return &asyms[i];
    return NULL;
}

const struct dhe_info *dhe_choose(uint32_t bits)
{
    for (size_t i = 0; i < ROWS(dhes); i++)
        if (dhes[i].bit & bits)
            return &dhes[i];
    return NULL;
}

const struct aead_info *aead_choose(uint32_t bits)
{
    for (size_t i = 0; i < ROWS(aeads); i++)
        if (aeads[i].bit & bits)
            return &aeads[i];
    return NULL;
}

const struct hash_info *hash_by_bit(uint32_t bits)
{
    const struct hash_info *row = hash_choose(bits);
    return row && row->bit == bits ? row : NULL;
}

const struct asym_info *asym_by_bit(uint32_t bits)
{
    const struct asym_info *row = asym_choose(bits);
    return row && row->bit == bits ? row : NULL;
}

const struct dhe_info *dhe_by_bit(uint32_t bits)
{
    const struct dhe_info *row = dhe_choose(bits);
    return row && row->bit == bits ? row : NULL;
}

const struct aead_info *aead_by_bit(uint32_t bits)
{
    const struct aead_info *row = aead_choose(bits);
    return row && row->bit == bits ? row : NULL;
}

const struct hash_info *hash_by_id(enum hash_id id)
{
    for (size_t i = 0; i < ROWS(hashes); i++)
        if (hashes[i].id == id)
            return &hashes[i];
    return NULL;
}
