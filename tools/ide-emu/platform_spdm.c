/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a platform file says of a function's SPDM responder. */
#include <string.h>

#include "spdm/policy_text.h"
#include "tools/ide-emu/platform_parser.h"

#define SECURED_HIGHEST 0x12
#define ERROR_MAX       200u

static bool take_key(struct parser *p, const json_t *object, struct platform_spdm *spdm)
{
    const char *texts[PLATFORM_KEYS + 1] = {NULL};
    size_t choice = PLATFORM_KEYS;
    for (size_t i = 0; i < PLATFORM_KEYS; i++)
        texts[i] = platform_keys[i].name;
    if (!parse_choice(p, object, "algorithm", texts, &choice))
        return false;
    if (choice < PLATFORM_KEYS)
        platform_spdm_set_key(spdm, &platform_keys[choice]);
    return true;
}

static bool take_versions(struct parser *p, const json_t *object, const char *key, uint8_t highest,
                          uint8_t *min, uint8_t *max)
{
    const char *text = NULL;
    char error[ERROR_MAX];
    if (!parse_string(p, object, key, &text))
        return false;
    return !text || spdm_versions_parse(text, highest, min, max, error, sizeof error) ||
           parse_wrong(p, key, "%s", error);
}

/* One hash: the chain says which, by the length of its RootHash. */
static bool take_hash(struct parser *p, struct platform_spdm *spdm)
{
    const uint32_t *named = spdm->policy.order[SPDM_KIND_HASH];
    if (named[0] && named[1])
        return parse_wrong(p, "algorithms", "names two hashes, and a device has one");
    if (named[0])
        spdm->base_hash = named[0];
    return true;
}

static bool take_algorithms(struct parser *p, const json_t *object, struct platform_spdm *spdm)
{
    const char *text = NULL;
    char error[ERROR_MAX];
    if (!parse_string(p, object, "algorithms", &text))
        return false;
    if (!text)
        return true;
    if (!spdm_policy_parse(text, &spdm->policy, error, sizeof error))
        return parse_wrong(p, "algorithms", "%s", error);
    spdm->base_asym &= spdm_policy_filter(&spdm->policy, SPDM_KIND_ASYM, UINT32_MAX);
    if (spdm->base_asym == 0)
        return parse_wrong(p, "algorithms", "names no signature of its key, %s", spdm->key->name);
    return take_hash(p, spdm);
}

bool parse_spdm(struct parser *p, const json_t *function, struct platform_spdm *spdm)
{
    static const char *const keys[] = {"algorithm", "algorithms",       "heartbeat",
                                       "versions",  "secured_versions", NULL};
    const json_t *object = json_object_get(function, "spdm");
    if (!object)
        return true;
    size_t was = parse_enter(p, "spdm", -1);
    bool ok = parse_only_keys(p, object, keys) && take_key(p, object, spdm) &&
              take_algorithms(p, object, spdm) &&
              take_versions(p, object, "versions", SPDM_VERSION_14, &spdm->version_min, &spdm->version_max) &&
              take_versions(p, object, "secured_versions", SECURED_HIGHEST, &spdm->secured_min,
                            &spdm->secured_max) &&
              parse_u8(p, object, "heartbeat", UINT8_MAX, &spdm->heartbeat);
    parse_leave(p, was);
    return ok;
}
