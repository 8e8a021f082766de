/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/kept_json.h"

#include "tools/ide-kmd/bdf_json.h"

const char *kept_state(enum keeper_state state)
{
    switch (state) {
    case KEEPER_WAITING:
        return "wanted";
    case KEEPER_ABSENT:
    case KEEPER_LEFT_OFF:
    case KEEPER_QUARANTINED:
    case KEEPER_STOPPED:
        return keeper_state_name(state);
    case KEEPER_STARTING:
    case KEEPER_UP:
    case KEEPER_REFRESHING:
    case KEEPER_FALLEN:
    case KEEPER_STOPPING:
        break;
    }
    return NULL;
}

const char *kept_kind(const struct keeper_key *key)
{
    return key->cxl ? "cxl" : key->kind == IDE_LINK ? "link" : "selective";
}

/* The one that it had, or is to have; null: whichever is free. */
static json_t *number_json(const struct keeper_item *item)
{
    if (item->had_stream)
        return json_integer(item->stream);
    return item->want.has_stream ? json_integer(item->want.stream) : json_null();
}

static json_t *retry_json(const struct keeper_item *item, uint64_t now_ms)
{
    if (item->state != KEEPER_WAITING || item->due_ms == UINT64_MAX)
        return json_null();
    return json_integer(item->due_ms > now_ms ? (json_int_t)((item->due_ms - now_ms + 999) / 1000) : 0);
}

/* What somebody has stopped is no rule's doing, nor is a port that is not there. */
void kept_add_rule(json_t *object, const struct keeper_item *item)
{
    bool by_rule = item->reason.rule.key && item->state != KEEPER_STOPPED && item->state != KEEPER_ABSENT;
    json_object_set_new(object, "cause_kind",
                        by_rule ? json_string(policy_cause_name(item->reason.kind)) : json_null());
    json_object_set_new(object, "rule", by_rule ? json_string(item->reason.rule.key) : json_null());
    json_object_set_new(object, "action",
                        by_rule ? json_string(policy_action_name(item->reason.rule.action)) : json_null());
}

static json_t *item_json(const struct keeper_item *item, uint64_t now_ms)
{
    const struct keeper_key *key = &item->want.key;
    json_t *object =
        json_pack("{s:o, s:s, s:o, s:o, s:s, s:s, s:s?, s:i, s:o}", "stream", number_json(item), "kind",
                  kept_kind(key), "root_port", bdf_json(&key->root_port),
                  "endpoint", bdf_json(&key->endpoint), "state", kept_state(item->state), "source",
                  item->source == KEEPER_BY_CONFIG ? "configuration" : "client", "cause",
                  *item->reason.cause ? item->reason.cause : NULL, "attempts", (int)item->attempts, "retry_in_s",
                  retry_json(item, now_ms));
    kept_add_rule(object, item);
    return object;
}

json_t *kept_json(const struct keeper *keeper, const struct pcie_bdf *port, uint64_t now_ms)
{
    json_t *list = json_array();
    for (const struct keeper_item *item = keeper->first; item; item = item->next) {
        const struct keeper_key *key = &item->want.key;
        bool is_here = !port || pcie_bdf_compare(&key->root_port, port) == 0 ||
                       pcie_bdf_compare(&key->endpoint, port) == 0;
        if (is_here && kept_state(item->state) && !item->dropped && !item->gone)
            json_array_append_new(list, item_json(item, now_ms));
    }
    return list;
}

json_t *kept_off_json(const struct keeper_item *item)
{
    const struct keeper_key *key = &item->want.key;
    return json_pack("{s:o, s:s, s:o, s:o, s:s, s:s, s:n, s:b, s:i, s:n, s:n, s:n, s:n, s:n, s:n, s:[], s:[]}", "stream",
                     number_json(item), "kind", kept_kind(key), "root_port",
                     bdf_json(&key->root_port), "endpoint", bdf_json(&key->endpoint), "owner", "controller", "state", "off",
                     "key_set", "both_key_sets", 0, "rekeys", 0, "refresh", "provider", "spdm_version", "secured_version",
                     "authentication", "algorithms", "ends", "notes");
}
