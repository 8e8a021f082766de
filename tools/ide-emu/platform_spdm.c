/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a platform file says of a function's SPDM responder. */
#include <string.h>

#include "session/messages.h"
#include "spdm/policy_text.h"
#include "tools/common/hex.h"
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

static bool take_path(struct parser *p, const json_t *object, const char *key, char path[static PLATFORM_PATH_MAX])
{
    const char *text = NULL;
    if (!parse_string(p, object, key, &text))
        return false;
    if (text && strlen(text) >= PLATFORM_PATH_MAX)
        return parse_wrong(p, key, "is too long");
    if (text)
        memcpy(path, text, strlen(text) + 1);
    return true;
}

static bool take_secret(struct parser *p, const char *text, struct platform_peer *peer)
{
    size_t len = 0;
    if (!text || !hex_parse(text, peer->secret, sizeof peer->secret, &len))
        return parse_wrong(p, "secret", "is no string of hexadecimal digits, two for each of 1 to 64 bytes");
    peer->secret_len = (uint8_t)len;
    return true;
}

static bool take_psk(struct parser *p, const json_t *spdm, struct platform_peer *peer)
{
    static const char *const keys[] = {"hint", "secret", "context", NULL};
    const json_t *object = json_object_get(spdm, "psk");
    const char *hint = NULL, *secret = NULL;
    if (!object)
        return true;
    size_t was = parse_enter(p, "psk", -1);
    if (!parse_only_keys(p, object, keys) || !parse_string(p, object, "hint", &hint) ||
        !parse_string(p, object, "secret", &secret) || !parse_bool(p, object, "context", &peer->psk_context) ||
        !take_secret(p, secret, peer))
        return false;
    if (!hint || strlen(hint) >= sizeof peer->hint)
        return parse_wrong(p, "hint", "is no string of less than 64 characters");
    memcpy(peer->hint, hint, strlen(hint) + 1);
    parse_leave(p, was);
    return true;
}

/* How it asks who the host is: by whatever is known already, or by its chain. */
static bool take_mutual(struct parser *p, const json_t *object, struct platform_peer *peer)
{
    static const char *const texts[] = {"known", "encapsulated", "optimized", NULL};
    static const uint8_t forms[] = {SPDM_MUT_AUTH, SPDM_MUT_AUTH_ENCAP, SPDM_MUT_AUTH_DIGESTS};
    size_t choice = sizeof forms;
    if (!parse_choice(p, object, "mutual", texts, &choice) || !take_path(p, object, "host_trust", peer->trust) ||
        !take_path(p, object, "host_key", peer->key))
        return false;
    if (choice < sizeof forms)
        peer->mutual = forms[choice];
    if (peer->mutual && !*peer->trust && !*peer->key)
        return parse_wrong(p, "mutual", "needs host_trust or host_key");
    return true;
}

static bool take_peer(struct parser *p, const json_t *object, struct platform_peer *peer)
{
    return take_mutual(p, object, peer) && take_psk(p, object, peer) &&
           parse_bool(p, object, "provisioned", &peer->provisioned) &&
           parse_bool(p, object, "handshake_in_the_clear", &peer->in_the_clear);
}

bool parse_spdm(struct parser *p, const json_t *function, struct platform_spdm *spdm)
{
    static const char *const keys[] = {
        "algorithm",  "algorithms", "heartbeat", "versions",    "secured_versions",       "mutual",
        "host_trust", "host_key",   "psk",       "provisioned", "handshake_in_the_clear", NULL};
    const json_t *object = json_object_get(function, "spdm");
    if (!object)
        return true;
    size_t was = parse_enter(p, "spdm", -1);
    bool ok = parse_only_keys(p, object, keys) && take_key(p, object, spdm) &&
              take_algorithms(p, object, spdm) &&
              take_versions(p, object, "versions", SPDM_VERSION_14, &spdm->version_min, &spdm->version_max) &&
              take_versions(p, object, "secured_versions", SECURED_HIGHEST, &spdm->secured_min,
                            &spdm->secured_max) &&
              take_peer(p, object, &spdm->peer) && parse_u8(p, object, "heartbeat", UINT8_MAX, &spdm->heartbeat);
    parse_leave(p, was);
    return ok;
}
