/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What signatures and Diffie-Hellman share: curves and points on them. */
#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

struct curve {
    enum key_type type;
    int id;
    size_t size;
    uint16_t bits;
};

static const struct curve curves[] = {
    {KEY_EC_P256, ECC_SECP256R1, 32, 256},
    {KEY_EC_P384, ECC_SECP384R1, 48, 384},
    {KEY_EC_P521, ECC_SECP521R1, 66, 521},
};

static const struct curve *curve_of(enum key_type type)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (curves[i].type == type)
            return &curves[i];
    return NULL;
}

int wolf_curve(enum key_type type)
{
    const struct curve *curve = curve_of(type);
    return curve ? curve->id : ECC_CURVE_INVALID;
}

size_t wolf_curve_size(enum key_type type)
{
    const struct curve *curve = curve_of(type);
    return curve ? curve->size : 0;
}

uint16_t wolf_curve_bits(enum key_type type)
{
    const struct curve *curve = curve_of(type);
    return curve ? curve->bits : 0;
}

enum ide_err wolf_ecc_import(ecc_key *key, enum key_type type, const uint8_t *xy)
{
    size_t size = wolf_curve_size(type);
    if (size == 0)
        return IDE_E_UNSUPPORTED;
    if (wc_ecc_import_unsigned(key, xy, xy + size, NULL, wolf_curve(type)) != 0)
        return IDE_E_KEY;
    /* Looks at the coordinates, below p, and the equation. The cofactor is 1, so such a point has the right
     * order, and wc_ecc_check_key() with its multiplication would tell nothing more. */
    if (wc_ecc_point_is_on_curve(&key->pubkey, key->idx) != 0)
        return IDE_E_KEY;
    return IDE_OK;
}

void wolf_ecc_discard(ecc_key *key)
{
    (void)wc_ecc_free(key);
    wipe(key, sizeof(*key));
}
