/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/policy_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_TEXT 32u

static const char *const kind_names[SPDM_KINDS] = {"signature", "hash", "key exchange", "cipher"};

static bool wrong(char *error, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool wrong(char *error, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error, size, format, args);
    va_end(args);
    return false;
}

/* "1.2" at *at, which goes on behind it; 0 if it is no version. */
static uint8_t take_version(const char **at)
{
    const char *t = *at;
    if (t[0] != '1' || t[1] != '.' || t[2] < '0' || t[2] > '9')
        return 0;
    *at += 3;
    return (uint8_t)(0x10 | (t[2] - '0'));
}

bool spdm_versions_parse(const char *text, uint8_t highest, uint8_t *min, uint8_t *max, char *error,
                         size_t size)
{
    const char *at = text;
    uint8_t first = take_version(&at), last = first;
    if (first && *at == '-') {
        at++;
        last = take_version(&at);
    }
    if (!first || !last || *at || first > last || last > highest)
        return wrong(error, size,
                     "\"%.40s\" is no version, or range of them, of 1.0 to 1.%u, such as 1.1-1.2", text,
                     highest & 0x0fu);
    *min = first;
    *max = last;
    return true;
}

const char *spdm_algorithm_name(enum spdm_kind kind, uint32_t bit)
{
    const struct asym_info *asym = kind == SPDM_KIND_ASYM ? asym_by_bit(bit) : NULL;
    const struct hash_info *hash = kind == SPDM_KIND_HASH ? hash_by_bit(bit) : NULL;
    const struct dhe_info *dhe = kind == SPDM_KIND_DHE ? dhe_by_bit(bit) : NULL;
    const struct aead_info *aead = kind == SPDM_KIND_AEAD ? aead_by_bit(bit) : NULL;
    if (asym)
        return asym->name;
    if (hash)
        return hash->name;
    if (dhe)
        return dhe->name;
    return aead ? aead->name : NULL;
}

/* Letters, as small ones, and digits. False if there are too many. */
static bool simplify(const char *text, size_t len, char out[static NAME_MAX_TEXT])
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (c == ' ' || c == '\t' || c == '-')
            continue;
        if (n == NAME_MAX_TEXT - 1)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return true;
}

/* The algorithm of that simplified name. */
static bool find(const char *name, enum spdm_kind *kind, uint32_t *bit)
{
    char candidate[NAME_MAX_TEXT];
    for (*kind = 0; *kind < SPDM_KINDS; (*kind)++)
        for (*bit = 1; *bit; *bit <<= 1) {
            const char *text = spdm_algorithm_name(*kind, *bit);
            if (text && simplify(text, strlen(text), candidate) && strcmp(candidate, name) == 0)
                return true;
        }
    return false;
}

/* Behind the others of its kind. */
static bool append(uint32_t *order, uint32_t bit)
{
    unsigned i = 0;
    while (i < SPDM_ORDER_MAX && order[i] && order[i] != bit)
        i++;
    if (i == SPDM_ORDER_MAX || order[i])
        return false;
    order[i] = bit;
    return true;
}

static bool take_name(const char *text, size_t len, struct spdm_policy *named, char *error, size_t size)
{
    char name[NAME_MAX_TEXT];
    enum spdm_kind kind;
    uint32_t bit;
    int shown = len < NAME_MAX_TEXT ? (int)len : (int)NAME_MAX_TEXT;
    while (shown > 0 && *text == ' ') {
        text++;
        len--;
        shown--;
    }
    if (!simplify(text, len, name) || !find(name, &kind, &bit))
        return wrong(error, size, "\"%.*s\" is no algorithm that is built in", shown, text);
    if (!append(named->order[kind], bit))
        return wrong(error, size, "\"%.*s\" stands there twice", shown, text);
    return true;
}

bool spdm_policy_parse(const char *text, struct spdm_policy *policy, char *error, size_t size)
{
    struct spdm_policy named = {0};
    char whole[NAME_MAX_TEXT];
    bool all = simplify(text, strlen(text), whole) && strcmp(whole, "all") == 0;
    for (const char *at = text; !all && at;) {
        const char *comma = strchr(at, ',');
        if (!take_name(at, comma ? (size_t)(comma - at) : strlen(at), &named, error, size))
            return false;
        at = comma ? comma + 1 : NULL;
    }
    for (enum spdm_kind kind = 0; kind < SPDM_KINDS; kind++)
        if (all || named.order[kind][0])
            memcpy(policy->order[kind], named.order[kind], sizeof named.order[kind]);
    return true;
}

bool spdm_policy_parse_strength(const char *text, struct spdm_policy *policy, char *error, size_t size)
{
    unsigned bits = 0;
    size_t i = 0;
    for (; i < 3 && text[i] >= '0' && text[i] <= '9'; i++)
        bits = bits * 10 + (unsigned)(text[i] - '0');
    if (i == 0 || text[i] || bits > 256)
        return wrong(error, size, "\"%.40s\" is no number of bits from 0 to 256", text);
    policy->strength_min = (uint16_t)bits;
    return true;
}

bool spdm_policy_check(const struct spdm_policy *policy, char *error, size_t size)
{
    for (enum spdm_kind kind = 0; kind < SPDM_KINDS; kind++) {
        const uint32_t *order = policy->order[kind];
        bool is_default = memcmp(order, spdm_policy_cma.order[kind], sizeof spdm_policy_cma.order[kind]) == 0;
        for (unsigned i = 0; !is_default && i < SPDM_ORDER_MAX && order[i]; i++)
            if (!spdm_policy_filter(policy, kind, order[i]))
                return wrong(error, size, "%s has less than %u bits of security",
                             spdm_algorithm_name(kind, order[i]), policy->strength_min);
        if (!spdm_policy_filter(policy, kind, UINT32_MAX))
            return wrong(error, size, "no %s has %u bits of security", kind_names[kind],
                         policy->strength_min);
    }
    return true;
}
