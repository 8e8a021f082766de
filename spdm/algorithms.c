/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/algorithms.h"

#include "spdm/crypto.h"

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* Only what crypto_*.c implements stands in a table. Each is ordered: strongest first. */
static const struct hash_info hashes[] = {
    {HASH_SHA512, SPDM_HASH_SHA512, 64, 256, "SHA-512"},
    {HASH_SHA3_512, SPDM_HASH_SHA3_512, 64, 256, "SHA3-512"},
    {HASH_SHA384, SPDM_HASH_SHA384, 48, 192, "SHA-384"},
    {HASH_SHA3_384, SPDM_HASH_SHA3_384, 48, 192, "SHA3-384"},
    {HASH_SHA256, SPDM_HASH_SHA256, 32, 128, "SHA-256"},
    {HASH_SHA3_256, SPDM_HASH_SHA3_256, 32, 128, "SHA3-256"},
};

static const struct asym_info asyms[] = {
    {SPDM_ASYM_ECDSA_P521, KEY_EC_P521, SIGNATURE_ECDSA, 521, 132, 256, "ECDSA P-521"},
    {SPDM_ASYM_ED448, KEY_ED448, SIGNATURE_EDDSA, 456, 114, 224, "Ed448"},
    {SPDM_ASYM_ECDSA_P384, KEY_EC_P384, SIGNATURE_ECDSA, 384, 96, 192, "ECDSA P-384"},
    {SPDM_ASYM_RSAPSS_4096, KEY_RSA, SIGNATURE_RSAPSS, 4096, 512, 152, "RSAPSS 4096"},
    {SPDM_ASYM_RSASSA_4096, KEY_RSA, SIGNATURE_RSASSA, 4096, 512, 152, "RSASSA 4096"},
    {SPDM_ASYM_ECDSA_P256, KEY_EC_P256, SIGNATURE_ECDSA, 256, 64, 128, "ECDSA P-256"},
    {SPDM_ASYM_ED25519, KEY_ED25519, SIGNATURE_EDDSA, 256, 64, 128, "Ed25519"},
    {SPDM_ASYM_RSAPSS_3072, KEY_RSA, SIGNATURE_RSAPSS, 3072, 384, 128, "RSAPSS 3072"},
    {SPDM_ASYM_RSASSA_3072, KEY_RSA, SIGNATURE_RSASSA, 3072, 384, 128, "RSASSA 3072"},
    {SPDM_ASYM_RSAPSS_2048, KEY_RSA, SIGNATURE_RSAPSS, 2048, 256, 112, "RSAPSS 2048"},
    {SPDM_ASYM_RSASSA_2048, KEY_RSA, SIGNATURE_RSASSA, 2048, 256, 112, "RSASSA 2048"},
};

static const struct dhe_info dhes[] = {
    {DHE_SECP521R1, SPDM_DHE_SECP521R1, 132, 66, 256, "secp521r1"},
    {DHE_SECP384R1, SPDM_DHE_SECP384R1, 96, 48, 192, "secp384r1"},
    {DHE_FFDHE4096, SPDM_DHE_FFDHE4096, 512, 512, 152, "ffdhe4096"},
    {DHE_SECP256R1, SPDM_DHE_SECP256R1, 64, 32, 128, "secp256r1"},
    {DHE_FFDHE3072, SPDM_DHE_FFDHE3072, 384, 384, 128, "ffdhe3072"},
    {DHE_FFDHE2048, SPDM_DHE_FFDHE2048, 256, 256, 112, "ffdhe2048"},
};

static const struct aead_info aeads[] = {
    {AEAD_AES_256_GCM, SPDM_AEAD_AES_256_GCM, 32, 256, "AES-256-GCM"},
    {AEAD_CHACHA20_POLY1305, SPDM_AEAD_CHACHA20_POLY1305, 32, 256, "ChaCha20-Poly1305"},
    {AEAD_AES_128_GCM, SPDM_AEAD_AES_128_GCM, 16, 128, "AES-128-GCM"},
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
        if (dhes[i].bit & bits && dhe_is_built_in(dhes[i].id))
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

uint32_t asym_of_key(enum key_type type, uint16_t bits)
{
    uint32_t algorithms = 0;
    for (size_t i = 0; i < ROWS(asyms); i++)
        if (asyms[i].key == type && asyms[i].key_bits == bits)
            algorithms |= asyms[i].bit;
    return algorithms;
}
