/* SPDX-License-Identifier: GPL-2.0-or-later */
/* AES-GCM and ChaCha20-Poly1305, in place. */
#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

union aead_state {
    Aes aes;
    uint8_t chacha_key[CHACHA20_POLY1305_AEAD_KEYSIZE];
};

_Static_assert(sizeof(union aead_state) <= sizeof(((struct aead_key *)0)->state), "enlarge struct aead_key");
_Static_assert(_Alignof(union aead_state) <= 16, "struct aead_key is aligned to 16");
_Static_assert(AEAD_IV_SIZE == CHACHA20_POLY1305_AEAD_IV_SIZE, "one size of IV for all");
_Static_assert(AEAD_TAG_SIZE == CHACHA20_POLY1305_AEAD_AUTHTAG_SIZE, "one size of tag for all");

static union aead_state *state_of(struct aead_key *k)
{
    return (void *)k->state;
}

/* wolfCrypt's one-shot GCM takes the key as non-const and does not alter it. */
static Aes *aes_of(const struct aead_key *k)
{
    return (void *)(uintptr_t)k->state;
}

static enum ide_err set_aes_key(struct aead_key *k, const uint8_t *key, word32 key_size)
{
    Aes *aes = &state_of(k)->aes;
    int rc = wc_AesInit(aes, NULL, INVALID_DEVID);
    if (rc == 0)
        rc = wc_AesGcmSetKey(aes, key, key_size);
    return rc == 0 ? IDE_OK : IDE_E_CRYPTO;
}

static enum ide_err set_key(struct aead_key *k, enum aead_id id, const uint8_t *key)
{
    switch (id) {
    case AEAD_AES_128_GCM:
        return set_aes_key(k, key, 16);
    case AEAD_AES_256_GCM:
        return set_aes_key(k, key, 32);
    case AEAD_CHACHA20_POLY1305:
        for (size_t i = 0; i < sizeof(state_of(k)->chacha_key); i++)
            state_of(k)->chacha_key[i] = key[i];
        return IDE_OK;
    case AEAD_NONE:
        break;
    }
    return IDE_E_UNSUPPORTED;
}

enum ide_err aead_set_key(struct aead_key *k, enum aead_id id, const uint8_t *key)
{
    wipe(k, sizeof(*k));
    enum ide_err err = set_key(k, id, key);
    wolf_burn_derivation();
    if (err == IDE_OK)
        k->id = id;
    else
        wipe(k, sizeof(*k));
    return err;
}

/* Runs ChaCha20-Poly1305 over data in either direction and gives the tag. */
static int chacha_run(const struct aead_key *k, int encrypt, const uint8_t *iv, const void *aad,
                      word32 aad_len, uint8_t *data, word32 n, uint8_t *tag)
{
    ChaChaPoly_Aead chacha;
    int rc = wc_ChaCha20Poly1305_Init(&chacha, k->state, iv, encrypt);
    if (rc == 0 && aad_len > 0)
        rc = wc_ChaCha20Poly1305_UpdateAad(&chacha, aad, aad_len);
    if (rc == 0 && n > 0)
        rc = wc_ChaCha20Poly1305_UpdateData(&chacha, data, data, n);
    if (rc == 0)
        rc = wc_ChaCha20Poly1305_Final(&chacha, tag);
    wipe(&chacha, sizeof(chacha));
    return rc;
}

static int chacha_open(const struct aead_key *k, const uint8_t *iv, const void *aad, word32 aad_len,
                       uint8_t *data, word32 n, const uint8_t *tag, size_t tag_len)
{
    uint8_t expected[AEAD_TAG_SIZE];
    int rc = chacha_run(k, CHACHA20_POLY1305_AEAD_DECRYPT, iv, aad, aad_len, data, n, expected);
    if (rc == 0 && !equal_secret(expected, tag, tag_len))
        rc = MAC_CMP_FAILED_E;
    wipe(expected, sizeof(expected));
    return rc;
}

static enum ide_err check(const struct aead_key *k, size_t aad_len, size_t n)
{
    if (k->id == AEAD_NONE)
        return IDE_E_STATE;
    return aad_len <= UINT32_MAX && n <= UINT32_MAX ? IDE_OK : IDE_E_ARGUMENT;
}

enum ide_err aead_seal(const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len,
                       uint8_t *data, size_t n, uint8_t *tag)
{
    enum ide_err err = check(k, aad_len, n);
    if (err != IDE_OK)
        return err;
    int rc;
    if (k->id == AEAD_CHACHA20_POLY1305)
        rc = chacha_run(k, CHACHA20_POLY1305_AEAD_ENCRYPT, iv, aad, (word32)aad_len, data, (word32)n, tag);
    else
        rc = wc_AesGcmEncrypt(aes_of(k), data, data, (word32)n, iv, AEAD_IV_SIZE, tag, AEAD_TAG_SIZE, aad,
                              (word32)aad_len);
    wolf_burn_record();
    return rc == 0 ? IDE_OK : IDE_E_CRYPTO;
}

enum ide_err aead_open(const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len,
                       uint8_t *data, size_t n, const uint8_t *tag)
{
    return aead_open_short(k, iv, aad, aad_len, data, n, tag, AEAD_TAG_SIZE);
}

enum ide_err aead_open_short(const struct aead_key *k, const uint8_t *iv, const void *aad, size_t aad_len,
                             uint8_t *data, size_t n, const uint8_t *tag, size_t tag_len)
{
    enum ide_err err = check(k, aad_len, n);
    if (err == IDE_OK && (tag_len < AEAD_TAG_SHORT || tag_len > AEAD_TAG_SIZE))
        err = IDE_E_ARGUMENT;
    if (err != IDE_OK)
        return err;
    int rc;
    if (k->id == AEAD_CHACHA20_POLY1305)
        rc = chacha_open(k, iv, aad, (word32)aad_len, data, (word32)n, tag, tag_len);
    else
        rc = wc_AesGcmDecrypt(aes_of(k), data, data, (word32)n, iv, AEAD_IV_SIZE, tag, (word32)tag_len, aad,
                              (word32)aad_len);
    wolf_burn_record();
    if (rc == 0)
        return IDE_OK;
    /* what was decrypted is not authentic: nobody may look at it */
    wipe(data, n);
    return rc == AES_GCM_AUTH_E || rc == MAC_CMP_FAILED_E ? IDE_E_RECORD : IDE_E_CRYPTO;
}

void aead_clear(struct aead_key *k)
{
    if (k->id == AEAD_AES_128_GCM || k->id == AEAD_AES_256_GCM)
        wc_AesFree(&state_of(k)->aes);
    wipe(k, sizeof(*k));
}
