/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/show_cache.h"

#include <stdlib.h>
#include <string.h>

static bool is_of(const struct show_slot *slot, const struct pcie_bdf *bdf)
{
    return slot->result && slot->of_port == (bdf != NULL) && (!bdf || pcie_bdf_compare(&slot->bdf, bdf) == 0);
}

/* Where it is, or else is to be put. Ports with the same place go to the next ones that are free; if none of
 * these is, they take turns in the first: it is a cache. */
static struct show_slot *slot_of(struct show_cache *cache, const struct pcie_bdf *bdf)
{
    uint32_t hash = bdf ? (bdf->domain * 65599u + pcie_bdf_rid(bdf) + 1u) * 2654435761u : 0;
    for (uint32_t i = 0; i < SHOW_CACHE_TRIES; i++) {
        struct show_slot *slot = &cache->slot[((hash >> 16) + i) % SHOW_CACHE_SLOTS];
        if (!slot->result || is_of(slot, bdf))
            return slot;
    }
    return &cache->slot[(hash >> 16) % SHOW_CACHE_SLOTS];
}

static char *text_of(const json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (text)
        text[strlen(text) - 1] = '\0';
    return text;
}

void show_cache_clear(struct show_cache *cache)
{
    for (size_t i = 0; i < SHOW_CACHE_SLOTS; i++) {
        free(cache->slot[i].result);
        cache->slot[i].result = NULL;
    }
}

const char *show_cache_get(struct show_cache *cache, const struct pcie_bdf *bdf, uint64_t changes,
                           uint64_t now_ms, uint32_t max_age_ms, uint64_t *age_ms)
{
    if (cache->changes != changes) {
        show_cache_clear(cache);
        cache->changes = changes;
    }
    const struct show_slot *slot = slot_of(cache, bdf);
    if (!is_of(slot, bdf) || now_ms - slot->at_ms > max_age_ms)
        return NULL;
    *age_ms = now_ms - slot->at_ms;
    return slot->result;
}

void show_cache_put(struct show_cache *cache, const struct pcie_bdf *bdf, json_t *result, uint64_t changes,
                    uint64_t at_ms, uint64_t now_ms)
{
    if (cache->changes != changes)
        show_cache_clear(cache);
    cache->changes = changes;
    struct show_slot *slot = slot_of(cache, bdf);
    free(slot->result);
    *slot = (struct show_slot){.of_port = bdf != NULL, .result = text_of(result), .at_ms = at_ms};
    if (bdf)
        slot->bdf = *bdf;
    json_object_set_new(result, "age_ms", json_integer((json_int_t)(now_ms - at_ms)));
}
