/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashes, HMAC and HKDF. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

union hash_state {
    wc_HashAlg any;
    wc_Sha256 sha256;
    wc_Sha384 sha384;
    wc_Sha512 sha512;
    wc_Sha3 sha3;
};

_Static_assert(sizeof(union hash_state) <= sizeof(((struct hash *)0)->state), "enlarge struct hash");
_Static_assert(_Alignof(union hash_state) <= 16, "struct hash is aligned to 16");

enum wc_HashType wolf_hash_type(enum hash_id id)
{
    switch (id) {
    case HASH_SHA256:
        return WC_HASH_TYPE_SHA256;
    case HASH_SHA384:
        return WC_HASH_TYPE_SHA384;
    case HASH_SHA512:
        return WC_HASH_TYPE_SHA512;
    case HASH_SHA3_256:
        return WC_HASH_TYPE_SHA3_256;
    case HASH_SHA3_384:
        return WC_HASH_TYPE_SHA3_384;
    case HASH_SHA3_512:
        return WC_HASH_TYPE_SHA3_512;
    case HASH_NONE:
        break;
    }
    return WC_HASH_TYPE_NONE;
}

static union hash_state *state_of(struct hash *h)
{
    return (void *)h->state;
}

static const union hash_state *const_state_of(const struct hash *h)
{
    return (const void *)h->state;
}

enum ide_err hash_init(struct hash *h, enum hash_id id)
{
    h->id = HASH_NONE;
    enum wc_HashType type = wolf_hash_type(id);
    if (type == WC_HASH_TYPE_NONE)
        return IDE_E_UNSUPPORTED;
    if (wc_HashInit(&state_of(h)->any, type) != 0)
        return IDE_E_CRYPTO;
    h->id = id;
    return IDE_OK;
}

enum ide_err hash_update(struct hash *h, const void *data, size_t n)
{
    if (h->id == HASH_NONE)
        return IDE_E_STATE;
    if (n > UINT32_MAX)
        return IDE_E_ARGUMENT;
    if (n == 0)
        return IDE_OK;
    int rc = wc_HashUpdate(&state_of(h)->any, wolf_hash_type(h->id), data, (word32)n);
    return rc == 0 ? IDE_OK : IDE_E_CRYPTO;
}

/* wolfCrypt's copies take the source as non-const and do not alter it. */
static int copy_state(enum hash_id id, const union hash_state *from, union hash_state *to)
{
    union hash_state *source = (union hash_state *)(uintptr_t)from;
    switch (wolf_hash_type(id)) {
    case WC_HASH_TYPE_SHA256:
        return wc_Sha256Copy(&source->sha256, &to->sha256);
    case WC_HASH_TYPE_SHA384:
        return wc_Sha384Copy(&source->sha384, &to->sha384);
    case WC_HASH_TYPE_SHA512:
        return wc_Sha512Copy(&source->sha512, &to->sha512);
    case WC_HASH_TYPE_SHA3_256:
        return wc_Sha3_256_Copy(&source->sha3, &to->sha3);
    case WC_HASH_TYPE_SHA3_384:
        return wc_Sha3_384_Copy(&source->sha3, &to->sha3);
    case WC_HASH_TYPE_SHA3_512:
        return wc_Sha3_512_Copy(&source->sha3, &to->sha3);
    default:
        return BAD_FUNC_ARG;
    }
}

enum ide_err hash_copy(struct hash *to, const struct hash *from)
{
    if (from->id == HASH_NONE)
        return IDE_E_STATE;
    to->id = HASH_NONE;
    if (copy_state(from->id, const_state_of(from), state_of(to)) != 0)
        return IDE_E_CRYPTO;
    to->id = from->id;
    return IDE_OK;
}

enum ide_err hash_final(struct hash *h, uint8_t *out)
{
    if (h->id == HASH_NONE)
        return IDE_E_STATE;
    enum wc_HashType type = wolf_hash_type(h->id);
    int rc = wc_HashFinal(&state_of(h)->any, type, out);
    (void)wc_HashFree(&state_of(h)->any, type);
    wipe(h, sizeof(*h));
    return rc == 0 ? IDE_OK : IDE_E_CRYPTO;
}

enum ide_err hash_snapshot(const struct hash *h, uint8_t *out)
{
    struct hash copy;
    enum ide_err err = hash_copy(&copy, h);
    if (err != IDE_OK)
        return err;
    return hash_final(&copy, out);
}

enum ide_err hash_once(enum hash_id id, const void *data, size_t n, uint8_t *out)
{
    struct hash h;
    enum ide_err err = hash_init(&h, id);
    if (err == IDE_OK)
        err = hash_update(&h, data, n);
    if (err == IDE_OK)
        return hash_final(&h, out);
    wipe(&h, sizeof(h));
    return err;
}

/* The lengths that wolfCrypt can take, and a hash that is there. */
static enum ide_err check(enum hash_id id, size_t a, size_t b)
{
    if (wolf_hash_type(id) == WC_HASH_TYPE_NONE)
        return IDE_E_UNSUPPORTED;
    return a <= UINT32_MAX && b <= UINT32_MAX ? IDE_OK : IDE_E_ARGUMENT;
}

enum ide_err hmac_once(enum hash_id id, const void *key, size_t key_len, const void *data, size_t n,
                       uint8_t *out)
{
    enum ide_err err = check(id, key_len, n);
    if (err != IDE_OK)
        return err;
    Hmac hmac;
    int rc = wc_HmacInit(&hmac, NULL, INVALID_DEVID);
    if (rc == 0)
        rc = wc_HmacSetKey(&hmac, (int)wolf_hash_type(id), key, (word32)key_len);
    if (rc == 0 && n > 0)
        rc = wc_HmacUpdate(&hmac, data, (word32)n);
    if (rc == 0)
        rc = wc_HmacFinal(&hmac, out);
    wc_HmacFree(&hmac);
    wipe(&hmac, sizeof(hmac));
    wolf_burn_derivation();
    return rc == 0 ? IDE_OK : IDE_E_CRYPTO;
}

enum ide_err hkdf_extract(enum hash_id id, const void *salt, size_t salt_len, const void *ikm, size_t ikm_len,
                          uint8_t *out)
{
    /* RFC 5869 §2.2: PRK = HMAC-Hash(salt, IKM); an absent salt and one of zeros give the same HMAC */
    return hmac_once(id, salt, salt_len, ikm, ikm_len, out);
}

enum ide_err hkdf_expand(enum hash_id id, const void *prk, const void *info, size_t info_len, uint8_t *out,
                         size_t out_len)
{
    enum ide_err err = check(id, info_len, out_len);
    if (err != IDE_OK)
        return err;
    const struct hash_info *hash = hash_by_id(id);
    if (!hash || out_len > (size_t)255 * hash->size) /* RFC 5869 §2.3 */
        return IDE_E_ARGUMENT;
    int rc = wc_HKDF_Expand((int)wolf_hash_type(id), prk, hash->size, info, (word32)info_len, out,
                            (word32)out_len);
    wolf_burn_derivation();
    if (rc != 0)
        wipe(out, out_len);
    return rc == 0 ? IDE_OK : IDE_E_CRYPTO;
}
