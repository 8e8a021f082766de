/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm_pair.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t monotonic_ms(void *context)
{
    const struct spdm_pair *p = context;
    return p->slept_ms;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void sleep_ms(void *context, uint32_t ms)
{
    struct spdm_pair *p = context;
    p->slept_ms += ms;
}

static void on_reset(struct spdm_responder *r)
{
    struct spdm_pair *p = r->layer;
    p->resets++;
}

static void alter(struct spdm_pair *p, uint8_t *response, size_t *len)
{
    struct alteration *a = &p->alteration;
    if (a->code == 0 || (response[1] != a->code && !a->any) || a->skip-- > 0)
        return;
    if (a->replace)
        *len = a->count;
    memcpy(response + a->offset, a->bytes, a->count);
    for (int i = 0; i < a->grow; i++)
        response[*len + (size_t)i] = 0;
    *len += (size_t)a->grow;
    a->skip = 0;
    if (!a->repeat)
        a->code = 0;
}

enum ide_err spdm_pair_send(struct spdm_pair *p, const uint8_t *request, size_t len, uint8_t *response,
                            size_t *response_len)
{
    p->exchanges++;
    memcpy(p->last_request, request, len);
    p->last_request_len = len;
    return spdm_respond(&p->responder, NULL, p->last_request, len, response, SPDM_TRANSFER_SIZE,
                        response_len);
}

static enum ide_err exchange(void *context, struct spdm_connection *c, size_t request_len,
                             const uint8_t **response, size_t *response_len, uint32_t timeout_ms)
{
    struct spdm_pair *p = context;
    (void)timeout_ms;
    if (p->alteration.fail != IDE_OK)
        return p->alteration.fail;
    (void)!spdm_pair_send(p, c->tx + SPDM_HEADROOM, request_len, c->rx + SPDM_HEADROOM, response_len);
    alter(p, c->rx + SPDM_HEADROOM, response_len);
    *response = c->rx + SPDM_HEADROOM;
    /* a channel may encrypt the request where it stands */
    memset(c->tx, 0xee, sizeof c->tx);
    return IDE_OK;
}

bool spdm_pair_open(struct spdm_pair *p, struct device_identity *identity)
{
    memset(p, 0, sizeof *p);
    if (drbg_open(&p->drbg) != IDE_OK)
        return false;
    struct rng rng = drbg_rng(&p->drbg);
    struct clock clock = {monotonic_ms, unix_seconds, sleep_ms, p};
    p->identity = identity;
    p->requester_config = spdm_config_requester;
    p->responder_config = spdm_config_responder;
    /* what a test means that does not say otherwise */
    p->requester_config.version_min = p->requester_config.version_max = SPDM_VERSION_12;
    p->responder_config.version_min = p->responder_config.version_max = SPDM_VERSION_12;
    /* a device selects what its key and its chain are made for */
    p->responder_config.base_asym = private_key_algorithms(&identity->key);
    p->responder_config.base_hash = hash_by_id(identity->hash)->bit;
    spdm_connection_init(&p->requester, SPDM_REQUESTER, &p->requester_config, &rng, &clock);
    p->requester.clear = (struct spdm_channel){.exchange = exchange, .context = p};
    p->requester.chain = p->chain;
    p->requester.chain_cap = sizeof p->chain;
    spdm_responder_init(&p->responder, &p->responder_config, &rng, &clock, &spdm_handlers, 1);
    p->responder.layer = p;
    p->responder.on_reset = on_reset;
    const struct spdm_slot slot = {
        .chain = identity->chain, .chain_len = identity->chain_len, .key = &identity->key};
    p->responder.slots[0] = p->responder.slots[2] = slot;
    return true;
}

bool spdm_pair_fault_is(const struct spdm_pair *p, enum ide_err err, const char *step, const char *field)
{
    const struct ide_fault *f = &p->requester.fault;
    bool same_field = field ? f->field && strcmp(f->field, field) == 0 : !f->field;
    bool same = f->err == err && f->step && strcmp(f->step, step) == 0 && same_field;
    char text[256];
    if (!same)
        fprintf(stderr, "\n  %s\n", ide_fault_text(f, text, sizeof text));
    return same;
}

void spdm_pair_close(struct spdm_pair *p)
{
    drbg_close(&p->drbg);
}
