/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of a CXL.cachemem link: who makes them. */
#include <string.h>

#include "root_port/cxl_unit.h"
#include "spdm/cursor.h"
#include "tools/ide-kmd/cxl_end.h"
#include "tools/ide-kmd/key_memory.h"

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

void cxl_link_drop_keys(struct cxl_link *link)
{
    if (link->keys)
        locked_memory_free(link->keys, sizeof *link->keys);
    link->keys = NULL;
    memset(link->progress, 0, sizeof link->progress);
}

const struct cxl_ide_key *cxl_key_of(const struct cxl_link *link, enum stream_end end,
                                     enum ide_direction direction)
{
    enum ide_direction opposite = direction == IDE_TX ? IDE_RX : IDE_TX;
    return &link->keys->key[end == END_ENDPOINT ? direction : opposite];
}

static enum ide_err random_key(struct agent *agent, struct job *job, struct cxl_ide_key *key)
{
    struct rng rng = drbg_rng(&agent->spdm.drbg);
    cxl_ide_default_iv(key->iv);
    enum ide_err err = rng.random(rng.context, key->key, sizeof key->key);
    return err == IDE_OK ? IDE_OK : ide_fail(&job->fault, err, "key generation", NULL);
}

static enum ide_err get_key(struct agent *agent, struct job *job, struct cxl_ide_key *key)
{
    enum ide_err err = cxl_ide_km_get_key(&agent->spdm.session, 0, key);
    return spdm_port_settle(&agent->spdm, err, &job->fault);
}

/* A port that makes IVs takes them, too (CXL 3.1 §11.4.5). */
static bool root_takes_iv(const struct cxl_link *link, const uint8_t iv[static CXL_IDE_IV_SIZE])
{
    if (link->by_unit)
        return cxl_unit_takes_iv(iv);
    return cxl_ide_iv_is_default(iv) || (link->caps[END_ROOT_PORT] & CXL_IDE_CAPS_IV_GEN);
}

/* What the endpoint does not make, and an IV that the root port cannot take, is the controller's. */
static enum ide_err generated_key(struct agent *agent, struct job *job, struct cxl_ide_key *tx)
{
    const struct cxl_link *link = &job->cxl->link;
    if (link->caps[END_ENDPOINT] & CXL_IDE_CAPS_KEY_GEN)
        TRY(get_key(agent, job, tx));
    else
        TRY(random_key(agent, job, tx));
    if (!(link->caps[END_ENDPOINT] & CXL_IDE_CAPS_IV_GEN) || !root_takes_iv(link, tx->iv))
        cxl_ide_default_iv(tx->iv);
    return IDE_OK;
}

/* One that generates IVs only: its IV with the controller's key. */
static enum ide_err generated_iv(struct agent *agent, struct job *job, struct cxl_keys *keys)
{
    struct cxl_ide_key *tx = &keys->key[IDE_TX], *from = &keys->key[IDE_RX]; /* not made yet */
    TRY(random_key(agent, job, tx));
    TRY(get_key(agent, job, from));
    if (root_takes_iv(&job->cxl->link, from->iv))
        memcpy(tx->iv, from->iv, sizeof tx->iv);
    return IDE_OK;
}

/* The same key for both directions would mean one nonce twice under one key. */
static enum ide_err check_keys(const struct cxl_keys *keys, struct ide_fault *fault)
{
    static const uint8_t nothing[IDE_KEY_SIZE];
    const struct cxl_ide_key *rx = &keys->key[IDE_RX], *tx = &keys->key[IDE_TX];
    if (!equal_secret(rx->key, tx->key, IDE_KEY_SIZE) && !equal_secret(tx->key, nothing, IDE_KEY_SIZE))
        return IDE_OK;
    return ide_fail(fault, IDE_E_FIELD, "GET_KEY_ACK", "Key");
}

static enum ide_err fill(struct agent *agent, struct job *job, struct cxl_keys *keys)
{
    const struct cxl_link *link = &job->cxl->link;
    uint8_t makes = link->caps[END_ENDPOINT] & (CXL_IDE_CAPS_KEY_GEN | CXL_IDE_CAPS_IV_GEN);
    if (!link->generated)
        TRY(random_key(agent, job, &keys->key[IDE_TX]));
    else if (makes == CXL_IDE_CAPS_IV_GEN)
        TRY(generated_iv(agent, job, keys));
    else
        TRY(generated_key(agent, job, &keys->key[IDE_TX]));
    TRY(random_key(agent, job, &keys->key[IDE_RX]));
    return check_keys(keys, &job->fault);
}

enum ide_err cxl_keys_make(struct agent *agent, struct job *job)
{
    struct cxl_link *link = &job->cxl->link;
    if (link->keys)
        return IDE_OK;
    link->keys = locked_memory(sizeof *link->keys);
    if (!link->keys)
        return ide_fail(&job->fault, IDE_E_MEMORY, "key generation", NULL);
    enum ide_err err = fill(agent, job, link->keys);
    if (err != IDE_OK)
        cxl_link_drop_keys(link);
    return err;
}
