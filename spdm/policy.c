/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/policy.h"

const struct spdm_policy spdm_policy_cma = SPDM_POLICY_CMA;

const struct spdm_policy spdm_policy_all = {.strength_min = 112};

static unsigned asym_strength(uint32_t bit)
{
    const struct asym_info *row = asym_by_bit(bit);
    return row ? row->strength : 0;
}

static unsigned hash_strength(uint32_t bit)
{
    const struct hash_info *row = hash_by_bit(bit);
    return row ? row->strength : 0;
}

static unsigned dhe_strength(uint32_t bit)
{
    const struct dhe_info *row = dhe_by_bit(bit);
    return row ? row->strength : 0;
}

static unsigned aead_strength(uint32_t bit)
{
    const struct aead_info *row = aead_by_bit(bit);
    return row ? row->strength : 0;
}

/* The strength of an algorithm; 0 if it is not built in. */
static unsigned strength(enum spdm_kind kind, uint32_t bit)
{
    static unsigned (*const strengths[SPDM_KINDS])(uint32_t bit) = {asym_strength, hash_strength,
                                                                    dhe_strength, aead_strength};
    return strengths[kind](bit);
}

/* The tables have the strongest first. */
static uint32_t strongest(enum spdm_kind kind, uint32_t bits)
{
    const struct asym_info *asym = kind == SPDM_KIND_ASYM ? asym_choose(bits) : NULL;
    const struct hash_info *hash = kind == SPDM_KIND_HASH ? hash_choose(bits) : NULL;
    const struct dhe_info *dhe = kind == SPDM_KIND_DHE ? dhe_choose(bits) : NULL;
    const struct aead_info *aead = kind == SPDM_KIND_AEAD ? aead_choose(bits) : NULL;
    return (asym ? asym->bit : 0) | (hash ? hash->bit : 0) | (dhe ? dhe->bit : 0u) | (aead ? aead->bit : 0u);
}

static bool is_listed(const uint32_t *order, uint32_t bit)
{
    for (unsigned i = 0; i < SPDM_ORDER_MAX && order[i]; i++)
        if (order[i] == bit)
            return true;
    return order[0] == 0;
}

uint32_t spdm_policy_filter(const struct spdm_policy *policy, enum spdm_kind kind, uint32_t bits)
{
    const struct spdm_policy *p = policy ? policy : &spdm_policy_all;
    uint32_t allowed = 0;
    for (uint32_t rest = bits; rest; rest &= rest - 1) {
        uint32_t bit = rest & -rest;
        unsigned has = strength(kind, bit);
        if (has > 0 && has >= p->strength_min && is_listed(p->order[kind], bit))
            allowed |= bit;
    }
    return allowed;
}

uint32_t spdm_policy_choose(const struct spdm_policy *policy, enum spdm_kind kind, uint32_t bits)
{
    const uint32_t *order = policy ? policy->order[kind] : spdm_policy_all.order[kind];
    uint32_t allowed = spdm_policy_filter(policy, kind, bits);
    for (unsigned i = 0; i < SPDM_ORDER_MAX && order[i]; i++)
        if (order[i] & allowed)
            return order[i];
    return strongest(kind, allowed);
}

void spdm_policy_apply(const struct spdm_policy *policy, struct spdm_config *config)
{
    config->policy = policy;
    config->base_asym = spdm_policy_filter(policy, SPDM_KIND_ASYM, UINT32_MAX);
    config->base_hash = spdm_policy_filter(policy, SPDM_KIND_HASH, UINT32_MAX);
    config->dhe = (uint16_t)spdm_policy_filter(policy, SPDM_KIND_DHE, UINT16_MAX);
    config->aead = (uint16_t)spdm_policy_filter(policy, SPDM_KIND_AEAD, UINT16_MAX);
}
