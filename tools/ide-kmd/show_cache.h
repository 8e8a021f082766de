/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `show` has answered, for requests that say how old an answer may be: a look at a port takes dozens of
 * reads across links. An answer is worth nothing any more as soon as anything happened that was published, or
 * functions came or went; each carries its age.
 */
#ifndef IDE_KMD_SHOW_CACHE_H
#define IDE_KMD_SHOW_CACHE_H

#include <jansson.h>

#include "root_port/pcie_bdf.h"

#define SHOW_CACHE_SLOTS 1024u
#define SHOW_CACHE_TRIES 16u

struct show_cache {
    struct show_slot {
        struct pcie_bdf bdf; /* all zero: of all streams */
        bool of_port;
        char *result; /* owned; NULL: empty */
        uint64_t at_ms;
    } slot[SHOW_CACHE_SLOTS];
    uint64_t changes; /* as of all that is in it */
};

/* The answer of the last max_age_ms as JSON, without its last brace, so that its age can be put behind it; NULL: look.
 * changes is a number that differs if anything has happened. bdf NULL: of all streams. It is text because making that of
 * it again takes longer than all else of a request. */
const char *show_cache_get(struct show_cache *cache, const struct pcie_bdf *bdf, uint64_t changes,
                           uint64_t now_ms, uint32_t max_age_ms, uint64_t *age_ms);

/* Keeps a new answer, whose oldest part is of at_ms, and puts its age in. */
void show_cache_put(struct show_cache *cache, const struct pcie_bdf *bdf, json_t *result, uint64_t changes,
                    uint64_t at_ms, uint64_t now_ms);

void show_cache_clear(struct show_cache *cache);

#endif
