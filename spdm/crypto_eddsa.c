/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ed25519 and Ed448 (RFC 8032), neither prehashed. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

#define CONTEXT_MAX 255u

/* Ed448's context, which is there even if it is empty. */
static size_t context_len(const struct signed_data *what)
{
    return what->context ? strlen(what->context) : 0;
}

static enum ide_err verify_ed25519(const struct public_key *k, const struct signed_data *what,
                                   const uint8_t *signature)
{
    ed25519_key key;
    int matches = 0;
    enum ide_err err = IDE_E_KEY;
    if (wc_ed25519_init(&key) != 0)
        return IDE_E_CRYPTO;
    if (wc_ed25519_import_public(k->data, k->len, &key) == 0) {
        int rc =
            wc_ed25519_verify_msg(signature, ED25519_SIG_SIZE, what->data, (word32)what->len, &matches, &key);
        err = rc == 0 && matches == 1 ? IDE_OK : IDE_E_SIGNATURE;
    }
    wc_ed25519_free(&key);
    return err;
}

static enum ide_err verify_ed448(const struct public_key *k, const struct signed_data *what,
                                 const uint8_t *signature)
{
    ed448_key key;
    int matches = 0;
    enum ide_err err = IDE_E_KEY;
    if (wc_ed448_init(&key) != 0)
        return IDE_E_CRYPTO;
    if (wc_ed448_import_public(k->data, k->len, &key) == 0) {
        int rc = wc_ed448_verify_msg(signature, ED448_SIG_SIZE, what->data, (word32)what->len, &matches, &key,
                                     (const byte *)what->context, (byte)context_len(what));
        err = rc == 0 && matches == 1 ? IDE_OK : IDE_E_SIGNATURE;
    }
    wc_ed448_free(&key);
    return err;
}

enum ide_err wolf_eddsa_verify(const struct public_key *k, const struct signed_data *what,
                               const uint8_t *signature, size_t signature_len)
{
    bool small = k->type == KEY_ED25519;
    if (k->len != (small ? ED25519_PUB_KEY_SIZE : ED448_PUB_KEY_SIZE))
        return IDE_E_KEY;
    if (context_len(what) > CONTEXT_MAX)
        return IDE_E_ARGUMENT;
    if (signature_len != (small ? ED25519_SIG_SIZE : ED448_SIG_SIZE))
        return IDE_E_SIGNATURE;
    return small ? verify_ed25519(k, what, signature) : verify_ed448(k, what, signature);
}

/* Reads a private key and makes its public half, which is hashed into each signature. */
static int read_ed25519(ed25519_key *key, const uint8_t *der, size_t n)
{
    uint8_t public[ED25519_PUB_KEY_SIZE];
    word32 at = 0;
    int rc = wc_Ed25519PrivateKeyDecode(der, &at, key, (word32)n);
    if (rc == 0 && at != n)
        rc = ASN_PARSE_E;
    if (rc == 0)
        rc = wc_ed25519_make_public(key, public, sizeof(public));
    if (rc == 0)
        rc = wc_ed25519_import_public(public, sizeof(public), key);
    return rc;
}

static int read_ed448(ed448_key *key, const uint8_t *der, size_t n)
{
    uint8_t public[ED448_PUB_KEY_SIZE];
    word32 at = 0;
    int rc = wc_Ed448PrivateKeyDecode(der, &at, key, (word32)n);
    if (rc == 0 && at != n)
        rc = ASN_PARSE_E;
    if (rc == 0)
        rc = wc_ed448_make_public(key, public, sizeof(public));
    if (rc == 0)
        rc = wc_ed448_import_public(public, sizeof(public), key);
    return rc;
}

static bool is_ed25519(const uint8_t *der, size_t n)
{
    ed25519_key key;
    bool good = wc_ed25519_init(&key) == 0 && read_ed25519(&key, der, n) == 0;
    wc_ed25519_free(&key);
    return good;
}

static bool is_ed448(const uint8_t *der, size_t n)
{
    ed448_key key;
    bool good = wc_ed448_init(&key) == 0 && read_ed448(&key, der, n) == 0;
    wc_ed448_free(&key);
    return good;
}

bool wolf_eddsa_load(struct private_key *k, const uint8_t *der, size_t n)
{
    if (is_ed25519(der, n)) {
        k->type = KEY_ED25519;
        k->bits = 8 * ED25519_PUB_KEY_SIZE;
    } else if (is_ed448(der, n)) {
        k->type = KEY_ED448;
        k->bits = 8 * ED448_PUB_KEY_SIZE;
    }
    return k->type != KEY_NONE;
}

static enum ide_err sign_ed25519(const struct private_key *k, const struct signed_data *what,
                                 uint8_t *signature)
{
    ed25519_key key;
    word32 n = ED25519_SIG_SIZE;
    enum ide_err err = IDE_E_KEY;
    if (wc_ed25519_init(&key) != 0)
        return IDE_E_CRYPTO;
    if (read_ed25519(&key, k->der, k->len) == 0) {
        int rc = wc_ed25519_sign_msg(what->data, (word32)what->len, signature, &n, &key);
        err = rc == 0 && n == ED25519_SIG_SIZE ? IDE_OK : IDE_E_CRYPTO;
    }
    wc_ed25519_free(&key);
    return err;
}

static enum ide_err sign_ed448(const struct private_key *k, const struct signed_data *what,
                               uint8_t *signature)
{
    ed448_key key;
    word32 n = ED448_SIG_SIZE;
    enum ide_err err = IDE_E_KEY;
    if (wc_ed448_init(&key) != 0)
        return IDE_E_CRYPTO;
    if (read_ed448(&key, k->der, k->len) == 0) {
        int rc = wc_ed448_sign_msg(what->data, (word32)what->len, signature, &n, &key,
                                   (const byte *)what->context, (byte)context_len(what));
        err = rc == 0 && n == ED448_SIG_SIZE ? IDE_OK : IDE_E_CRYPTO;
    }
    wc_ed448_free(&key);
    return err;
}

enum ide_err wolf_eddsa_sign(const struct private_key *k, const struct signed_data *what, uint8_t *signature)
{
    if (context_len(what) > CONTEXT_MAX)
        return IDE_E_ARGUMENT;
    return k->type == KEY_ED25519 ? sign_ed25519(k, what, signature) : sign_ed448(k, what, signature);
}
