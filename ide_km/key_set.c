/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ide_km/ide_km.h"

#include "spdm/cursor.h"

#define FIRST_IFV 1u   /* PCIe 6.x §6.33.5: the counter of a fresh key */

static const struct ide_key *key_at(const struct ide_key_set *set, unsigned n)
{
    return &set->key[n / IDE_SUBSTREAMS][n % IDE_SUBSTREAMS];
}

/* Two equal keys would mean one nonce twice under one key; a generator that gives them is broken. */
static bool all_different(const struct ide_key_set *set)
{
    const unsigned count = IDE_DIRECTIONS * IDE_SUBSTREAMS;
    for (unsigned a = 0; a < count; a++) {
        for (unsigned b = a + 1; b < count; b++) {
            if (equal_secret(key_at(set, a)->key, key_at(set, b)->key, IDE_KEY_SIZE))
                return false;
        }
    }
    return true;
}

static enum ide_err generate(struct ide_key_set *set, const struct rng *rng)
{
    for (unsigned direction = 0; direction < IDE_DIRECTIONS; direction++) {
        for (unsigned substream = 0; substream < IDE_SUBSTREAMS; substream++) {
            struct ide_key *key = &set->key[direction][substream];
            enum ide_err err = rng->random(rng->context, key->key, sizeof(key->key));
            if (err != IDE_OK)
                return err;
            key->ifv = FIRST_IFV;
        }
    }
    return all_different(set) ? IDE_OK : IDE_E_RANDOM;
}

enum ide_err ide_key_set_generate(struct ide_key_set *set, const struct rng *rng)
{
    enum ide_err err = generate(set, rng);
    if (err != IDE_OK)
        ide_key_set_wipe(set);
    return err;
}

void ide_key_set_mirror(const struct ide_key_set *set, struct ide_key_set *other)
{
    for (unsigned substream = 0; substream < IDE_SUBSTREAMS; substream++) {
        struct ide_key rx = set->key[IDE_RX][substream];   /* other may be set itself */
        other->key[IDE_RX][substream] = set->key[IDE_TX][substream];
        other->key[IDE_TX][substream] = rx;
        wipe(&rx, sizeof(rx));
    }
}

void ide_key_set_wipe(struct ide_key_set *set)
{
    wipe(set, sizeof(*set));
}
