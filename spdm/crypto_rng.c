/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random numbers: wolfCrypt's hash DRBG, seeded by the operating system. */
#include "spdm/crypto_wolf.h"
#include "spdm/cursor.h"

#define DRBG_BLOCK_MAX 0x8000u /* wolfCrypt's RNG_MAX_BLOCK_LEN is 64 KiB */
#define NONCE_SIZE     32u

_Static_assert(sizeof(WC_RNG) <= sizeof(((struct drbg *)0)->state), "enlarge struct drbg");
_Static_assert(_Alignof(WC_RNG) <= 16, "struct drbg is aligned to 16");

static WC_RNG *generator_of(struct drbg *d)
{
    return (void *)d->state;
}

enum ide_err drbg_open(struct drbg *d)
{
    /* the one allocation of the crypto layer: wolfCrypt keeps the DRBG's state on the heap */
    if (wc_InitRng(generator_of(d)) == 0)
        return IDE_OK;
    wipe(d, sizeof(*d));
    return IDE_E_RANDOM;
}

void drbg_close(struct drbg *d)
{
    (void)wc_FreeRng(generator_of(d));
    wipe(d, sizeof(*d));
}

static enum ide_err drbg_random(void *context, uint8_t *out, size_t n)
{
    for (size_t done = 0; done < n;) {
        size_t piece = n - done < DRBG_BLOCK_MAX ? n - done : DRBG_BLOCK_MAX;
        if (wc_RNG_GenerateBlock(generator_of(context), out + done, (word32)piece) != 0) {
            wipe(out, n);
            return IDE_E_RANDOM;
        }
        done += piece;
    }
    wolf_burn_derivation();   /* the generator's last digest is what it gave, and may be a key */
    return IDE_OK;
}

struct rng drbg_rng(struct drbg *d)
{
    return (struct rng){.random = drbg_random, .context = d};
}

enum ide_err wolf_rng_borrow(struct wolf_rng *w, const struct rng *rng)
{
    if (rng->random == drbg_random) {
        w->use = generator_of(rng->context);
        return IDE_OK;
    }
    uint8_t nonce[NONCE_SIZE];
    enum ide_err err = rng->random(rng->context, nonce, sizeof(nonce));
    if (err == IDE_OK && wc_InitRngNonce(&w->own, nonce, sizeof(nonce)) != 0)
        err = IDE_E_RANDOM;
    wipe(nonce, sizeof(nonce));
    w->use = err == IDE_OK ? &w->own : NULL;
    return err;
}

void wolf_rng_return(struct wolf_rng *w)
{
    if (w->use == &w->own)
        (void)wc_FreeRng(&w->own);
    wipe(w, sizeof(*w));
}
