/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ephemeral Diffie-Hellman over the NIST curves; over finite fields in crypto_ffdhe.c. */
#include <string.h>

#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

/* At most one draw in 2^32 is not below the order: this many in a row are no accident. */
#define DRAWS_MAX 64

struct group {
    enum dhe_id id;
    enum key_type curve;
    uint8_t top_mask;     /* of the scalar's first byte */
    const uint8_t *order; /* big-endian, as long as a coordinate */
};

/* SP 800-186 §3.2.1: the orders of the base points */
static const uint8_t order_p256[32] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                       0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
static const uint8_t order_p384[48] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
static const uint8_t order_p521[66] = {
    0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfa,
    0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b, 0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b,
    0xb5, 0xc9, 0xb8, 0x89, 0x9c, 0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09};

static const struct group groups[] = {
    {DHE_SECP256R1, KEY_EC_P256, 0xff, order_p256},
    {DHE_SECP384R1, KEY_EC_P384, 0xff, order_p384},
    {DHE_SECP521R1, KEY_EC_P521, 0x01, order_p521},
};

static const struct group *group_of(const struct dhe_info *info)
{
    for (size_t i = 0; info && i < sizeof(groups) / sizeof(groups[0]); i++)
        if (groups[i].id == info->id)
            return &groups[i];
    return NULL;
}

/* Whether 0 < scalar < order, in time that tells nothing else: the borrow of scalar - order is looked at. */
static bool scalar_in_range(const uint8_t *scalar, const uint8_t *order, size_t n)
{
    unsigned borrow = 0;
    uint8_t any = 0;
    for (size_t i = n; i-- > 0;) {
        borrow = ((unsigned)scalar[i] - order[i] - borrow) >> 31;
        any |= scalar[i];
    }
    return borrow == 1 && any != 0;
}

/* A uniform scalar in [1, order - 1] by rejection (FIPS 186-5 A.2.2). */
static enum ide_err draw_scalar(const struct group *group, const struct rng *rng, uint8_t *scalar, size_t n)
{
    for (int i = 0; i < DRAWS_MAX; i++) {
        enum ide_err err = rng->random(rng->context, scalar, n);
        if (err != IDE_OK)
            return err;
        scalar[0] &= group->top_mask;
        if (scalar_in_range(scalar, group->order, n))
            return IDE_OK;
    }
    return IDE_E_RANDOM;
}

/* The public point of the private scalar as X || Y, each of size bytes. */
static int make_public(const struct group *group, const uint8_t *scalar, word32 size, uint8_t *xy)
{
    ecc_key key;
    int rc = wc_ecc_init(&key);
    if (rc == 0)
        rc = wc_ecc_import_private_key_ex(scalar, size, NULL, 0, &key, wolf_curve(group->curve));
    if (rc == 0)
        rc = wc_ecc_make_pub(&key, NULL);
    word32 x_len = size, y_len = size;
    if (rc == 0)
        rc = wc_ecc_export_public_raw(&key, xy, &x_len, xy + size, &y_len);
    if (rc == 0 && (x_len != size || y_len != size))
        rc = BUFFER_E;
    wolf_ecc_discard(&key);
    return rc;
}

static enum ide_err generate_ec(struct dhe_key *k, const struct group *group, const struct dhe_info *info,
                                const struct rng *rng, uint8_t *public_out)
{
    k->private_len = info->secret_size;
    enum ide_err err = draw_scalar(group, rng, k->private_key, k->private_len);
    if (err == IDE_OK && make_public(group, k->private_key, k->private_len, public_out) != 0)
        err = IDE_E_CRYPTO;
    return err;
}

enum ide_err dhe_generate(struct dhe_key *k, const struct dhe_info *info, const struct rng *rng,
                          uint8_t *public_out)
{
    dhe_clear(k);
    const struct group *group = group_of(info);
    enum ide_err err =
        group ? generate_ec(k, group, info, rng, public_out) : wolf_ffdhe_generate(k, info, rng, public_out);
    wolf_burn_public_key();
    if (err != IDE_OK) {
        dhe_clear(k);
        return err;
    }
    k->info = info;
    return IDE_OK;
}

/* A wolfCrypt without sp blinds the multiplication, with random numbers from its own generator. */
static int blinded_secret(ecc_key *own, ecc_key *peer, uint8_t *secret, word32 *n)
{
    WC_RNG rng;
    int rc = wc_InitRng(&rng);
    if (rc != 0)
        return rc;
    rc = wc_ecc_set_rng(own, &rng);
    if (rc == 0)
        rc = wc_ecc_shared_secret(own, peer, secret, n);
    (void)wc_ecc_set_rng(own, NULL);
    (void)wc_FreeRng(&rng);
    return rc;
}

static enum ide_err agree(const struct dhe_key *k, enum key_type curve, ecc_key *own, ecc_key *peer,
                          uint8_t *secret)
{
    if (wc_ecc_import_private_key_ex(k->private_key, k->private_len, NULL, 0, own, wolf_curve(curve)) != 0)
        return IDE_E_CRYPTO;
    word32 n = k->info->secret_size;
    int rc = wc_ecc_shared_secret(own, peer, secret, &n);
    if (rc == MISSING_RNG_E) {
        n = k->info->secret_size;
        rc = blinded_secret(own, peer, secret, &n);
    }
    return rc == 0 && n == k->info->secret_size ? IDE_OK : IDE_E_CRYPTO;
}

static enum ide_err compute_ec(const struct dhe_key *k, const struct group *group, const uint8_t *peer_public,
                               uint8_t *secret)
{
    ecc_key own, peer;
    if (wc_ecc_init(&own) != 0)
        return IDE_E_CRYPTO;
    enum ide_err err = wc_ecc_init(&peer) == 0 ? IDE_OK : IDE_E_CRYPTO;
    if (err == IDE_OK)
        err = wolf_ecc_import(&peer, group->curve, peer_public);
    if (err == IDE_OK)
        err = agree(k, group->curve, &own, &peer, secret);
    wolf_ecc_discard(&own);
    wolf_ecc_discard(&peer);
    return err;
}

enum ide_err dhe_compute(const struct dhe_key *k, const uint8_t *peer_public, uint8_t *secret)
{
    if (!k->info)
        return IDE_E_STATE;
    const struct group *group = group_of(k->info);
    enum ide_err err =
        group ? compute_ec(k, group, peer_public, secret) : wolf_ffdhe_compute(k, peer_public, secret);
    wolf_burn_public_key();
    if (err != IDE_OK)
        wipe(secret, k->info->secret_size);
    return err;
}

bool dhe_is_built_in(enum dhe_id id)
{
    return id != DHE_FFDHE4096 || WOLF_HAS_FFDHE4096;
}

void dhe_clear(struct dhe_key *k)
{
    wipe(k, sizeof(*k));
}
