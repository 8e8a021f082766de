/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/keeper_internal.h"

/* ---- marks ---------------------------------------------------------------- */

bool keeper_is_marked(const struct keeper_mark *first, const struct pcie_bdf *bdf)
{
    for (const struct keeper_mark *m = first; m; m = m->next)
        if (pcie_bdf_compare(&m->bdf, bdf) == 0)
            return true;
    return false;
}

void keeper_mark(struct keeper_mark **first, const struct pcie_bdf *bdf)
{
    struct keeper_mark *m = keeper_is_marked(*first, bdf) ? NULL : calloc(1, sizeof *m);
    if (!m)
        return;
    m->bdf = *bdf;
    m->next = *first;
    *first = m;
}

void keeper_unmark(struct keeper_mark **first, const struct pcie_bdf *bdf)
{
    while (*first) {
        struct keeper_mark *m = *first;
        if (pcie_bdf_compare(&m->bdf, bdf) == 0) {
            *first = m->next;
            free(m);
        } else {
            first = &m->next;
        }
    }
}

/* ---- items ---------------------------------------------------------------- */

static bool same_key(const struct keeper_key *a, const struct keeper_key *b)
{
    return a->cxl == b->cxl && a->kind == b->kind && a->traffic_class == b->traffic_class &&
           pcie_bdf_compare(&a->root_port, &b->root_port) == 0 &&
           pcie_bdf_compare(&a->endpoint, &b->endpoint) == 0;
}

struct keeper_item *keeper_get(struct keeper *keeper, const struct keeper_key *key)
{
    for (struct keeper_item *item = keeper->first; item; item = item->next)
        if (!item->gone && same_key(&item->want.key, key))
            return item;
    return NULL;
}

const struct keeper_item *keeper_find(const struct keeper *keeper, const struct keeper_key *key)
{
    for (const struct keeper_item *item = keeper->first; item; item = item->next)
        if (!item->gone && same_key(&item->want.key, key))
            return item;
    return NULL;
}

struct keeper_item *keeper_add(struct keeper *keeper, const struct keeper_want *want,
                               enum keeper_source source)
{
    struct keeper_item **last = &keeper->first, *item = calloc(1, sizeof *item);
    if (!item)
        return NULL;
    item->want = item->config = *want;
    item->source = source;
    item->state = item->told = item->then = KEEPER_WAITING;
    item->due_ms = KEEPER_NEVER;
    while (*last)
        last = &(*last)->next;
    *last = item;
    return item;
}

void keeper_sweep(struct keeper *keeper)
{
    struct keeper_item **at = &keeper->first;
    while (*at) {
        struct keeper_item *item = *at;
        if (item->gone) {
            *at = item->next;
            free(item);
        } else {
            at = &item->next;
        }
    }
}

static bool same_features(const struct ide_features *a, const struct ide_features *b)
{
    return a->traffic_class == b->traffic_class && a->algorithm == b->algorithm && a->npr == b->npr &&
           a->pr == b->pr && a->cpl == b->cpl && a->partial_header == b->partial_header &&
           a->pcrc == b->pcrc && a->config_requests == b->config_requests &&
           a->default_stream == b->default_stream && a->tee_limited == b->tee_limited;
}

bool keeper_same_wish(const struct keeper_want *a, const struct keeper_want *b)
{
    if (a->key.cxl)
        return a->cxl_mode == b->cxl_mode && a->cxl_generate == b->cxl_generate;
    return a->has_stream == b->has_stream && (!a->has_stream || a->stream == b->stream) &&
           same_features(&a->features, &b->features);
}

bool keeper_is_absent(const struct keeper *keeper, const struct keeper_item *item)
{
    return keeper_is_marked(keeper->absent, &item->want.key.root_port) ||
           keeper_is_marked(keeper->absent, &item->want.key.endpoint);
}

bool keeper_is_quarantined(const struct keeper *keeper, const struct pcie_bdf *endpoint)
{
    return keeper_is_marked(keeper->quarantine, endpoint);
}

bool keeper_is_busy(const struct keeper_item *item)
{
    return item->state == KEEPER_STARTING || item->state == KEEPER_REFRESHING ||
           item->state == KEEPER_STOPPING;
}

const char *keeper_state_name(enum keeper_state state)
{
    switch (state) {
    case KEEPER_ABSENT:
        return "absent";
    case KEEPER_WAITING:
        return "waiting";
    case KEEPER_STARTING:
        return "starting";
    case KEEPER_UP:
        return "up";
    case KEEPER_REFRESHING:
        return "refreshing";
    case KEEPER_FALLEN:
        return "fallen";
    case KEEPER_STOPPING:
        return "stopping";
    case KEEPER_LEFT_OFF:
        return "left_off";
    case KEEPER_QUARANTINED:
        return "quarantined";
    case KEEPER_STOPPED:
        return "stopped";
    }
    return "";
}

/* ---- time ----------------------------------------------------------------- */

uint64_t keeper_random(struct keeper *keeper, uint64_t ms)
{
    uint64_t value = 0;
    if (ms == 0 || keeper->rng->random(keeper->rng->context, (uint8_t *)&value, sizeof value) != IDE_OK)
        return 0;
    return value % (ms + 1);
}

/* Between three and five quarters of it: devices that failed together do not come back together. */
uint64_t keeper_pause(struct keeper *keeper, const struct policy *policy, unsigned n)
{
    uint64_t pause = policy->retry_first_ms;
    for (unsigned i = 1; i < n && pause < policy->retry_most_ms; i++)
        pause *= 2;
    if (pause > policy->retry_most_ms)
        pause = policy->retry_most_ms;
    return pause - pause / 4 + keeper_random(keeper, pause / 2);
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* Before it must be: a minute for what may come in between. */
#define MARGIN_S 60u
/* Records are counted by others and do not announce themselves. */
#define LOOK_AGAIN_MS 60000u
/* Between two refreshes, whatever the policy says. */
#define LEAST_MS 1000u

static uint64_t sooner(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When so many TLPs can have gone under the keys: as refresh_due.h bounds them. */
static uint64_t tlps_at(const struct refresh_use *use, uint64_t tlps)
{
    uint64_t rate = use->bytes_per_second ? use->bytes_per_second : REFRESH_RATE_MOST;
    uint64_t per_second = rate / REFRESH_LEAST_TLP + 1;
    return sum(use->keyed_ms, tlps / per_second * 1000 + tlps % per_second * 1000 / per_second);
}

bool keeper_session_is_spent(const struct keeper *keeper, const struct keeper_item *item)
{
    const struct refresh_use *use = keeper->ops->use(keeper->ops->context, &item->want.key);
    return use && use->records >= policy_records(&item->want.policy);
}

uint64_t keeper_refresh_at(const struct keeper *keeper, const struct keeper_item *item)
{
    const struct policy *policy = &item->want.policy;
    const struct refresh_use *use = keeper->ops->use(keeper->ops->context, &item->want.key);
    if (!use || use->keyed_ms == 0)
        return sum(keeper->now_ms, LOOK_AGAIN_MS);
    struct refresh_due due = refresh_due(use, keeper->now_ms);
    uint64_t must_s = due.in_s > MARGIN_S ? due.in_s - MARGIN_S : 0;
    uint64_t at = sum(keeper->now_ms, must_s > UINT64_MAX / 1000 ? UINT64_MAX : must_s * 1000);
    if (policy->refresh_every_ms)
        at = sooner(at, sum(use->keyed_ms,
                            policy->refresh_every_ms - sooner(item->early_ms, policy->refresh_every_ms)));
    if (policy->refresh_tlps)
        at = sooner(at, tlps_at(use, policy->refresh_tlps));
    if (use->records >= policy_records(policy))
        at = keeper->now_ms;
    return at > use->keyed_ms + LEAST_MS ? at : use->keyed_ms + LEAST_MS;
}
