/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/keeper_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* When an operation could not be begun, or what is counted is looked at again. */
#define SOON_MS       100u
#define LOOK_AGAIN_MS 60000u
/* Records, where they are bounded; they come with operations and heartbeats, unannounced. */
#define COUNT_AGAIN_MS 2000u

void keeper_init(struct keeper *keeper, const struct keeper_ops *ops, const struct rng *rng)
{
    *keeper = (struct keeper){.ops = ops, .rng = rng};
}

void keeper_close(struct keeper *keeper)
{
    for (struct keeper_item *item = keeper->first; item; item = item->next)
        item->gone = true;
    keeper_sweep(keeper);
    while (keeper->quarantine)
        keeper_unmark(&keeper->quarantine, &keeper->quarantine->bdf);
    while (keeper->absent)
        keeper_unmark(&keeper->absent, &keeper->absent->bdf);
}

/* ---- what becomes of an item ----------------------------------------------- */

static void go(struct keeper_item *item, enum keeper_state state, uint64_t due_ms)
{
    item->state = state;
    item->due_ms = due_ms;
}

/* What keeps it from going on; the policy has decided already. */
static void say_more(struct keeper_item *item, const char *cause)
{
    (void)snprintf(item->reason.cause, sizeof item->reason.cause, "%s", cause ? cause : "");
}

static void say_cause(struct keeper_item *item, enum policy_cause kind, const char *cause)
{
    say_more(item, cause);
    item->reason.kind = kind;
    item->reason.rule = (struct policy_rule){0};
}

static void forget_cause(struct keeper_item *item)
{
    say_cause(item, POLICY_CAUSE_FAILURE, NULL);
}

/* It is off, and nothing runs: what now? */
static void settle_off(struct keeper *k, struct keeper_item *item, uint64_t due_ms)
{
    item->must_stop = false;
    if (item->dropped)
        item->gone = true;
    else if (item->then == KEEPER_STOPPED)
        go(item, KEEPER_STOPPED, KEEPER_NEVER);
    else if (keeper_is_quarantined(k, &item->want.key.endpoint))
        go(item, KEEPER_QUARANTINED, KEEPER_NEVER);
    else if (keeper_is_absent(k, item))
        go(item, KEEPER_ABSENT, KEEPER_NEVER);
    else if (item->then == KEEPER_LEFT_OFF)
        go(item, KEEPER_LEFT_OFF, KEEPER_NEVER);
    else
        go(item, KEEPER_WAITING, due_ms);
    item->then = KEEPER_WAITING;
}

/* It is on, and is to be off: at once, or as soon as what runs has ended. */
static void turn_off(struct keeper *k, struct keeper_item *item, enum keeper_state then)
{
    item->then = then;
    if (item->state == KEEPER_UP || item->state == KEEPER_FALLEN)
        go(item, KEEPER_FALLEN, k->now_ms);
    else if (keeper_is_busy(item))
        item->must_stop = item->state != KEEPER_STOPPING;
    else
        settle_off(k, item, k->now_ms);
}

/* All of the device. What somebody has stopped stays as it is. */
static void quarantine(struct keeper *k, const struct keeper_item *because)
{
    const struct pcie_bdf endpoint = because->want.key.endpoint;
    keeper_mark(&k->quarantine, &endpoint);
    for (struct keeper_item *item = k->first; item; item = item->next) {
        if (item->gone || item->state == KEEPER_STOPPED ||
            pcie_bdf_compare(&item->want.key.endpoint, &endpoint) != 0)
            continue;
        if (item != because) {
            say_cause(item, because->reason.kind, because->reason.cause);
            item->reason.rule = because->reason.rule;
        }
        turn_off(k, item, item->then == KEEPER_STOPPED ? KEEPER_STOPPED : KEEPER_WAITING);
    }
}

static void end_quarantine(struct keeper *k, const struct pcie_bdf *endpoint)
{
    keeper_unmark(&k->quarantine, endpoint);
    for (struct keeper_item *item = k->first; item; item = item->next)
        if (!item->gone && item->state == KEEPER_QUARANTINED &&
            pcie_bdf_compare(&item->want.key.endpoint, endpoint) == 0) {
            item->attempts = 0;
            settle_off(k, item, k->now_ms);
        }
}

/* The stream is not what it should be, whether on or off. */
static void fail(struct keeper *k, struct keeper_item *item, enum policy_cause kind, const char *cause)
{
    item->attempts++;
    say_cause(item, kind, cause);
    item->reason.rule = policy_decide(&item->want.policy, kind, item->attempts);
    enum policy_action action = item->reason.rule.action;
    if (action == POLICY_QUARANTINE) {
        quarantine(k, item);
        return;
    }
    enum keeper_state then = action == POLICY_LEAVE_OFF ? KEEPER_LEFT_OFF : KEEPER_WAITING;
    if (item->state == KEEPER_UP || item->state == KEEPER_FALLEN || keeper_is_busy(item)) {
        turn_off(k, item, then);
    } else {
        item->then = then;
        settle_off(k, item, k->now_ms + keeper_pause(k, &item->want.policy, item->attempts));
    }
}

/* Falls that follow one another soon count as one that lasts. */
static void forget_old_failures(const struct keeper *k, struct keeper_item *item)
{
    if (k->now_ms - item->up_ms >= item->want.policy.retry_most_ms)
        item->attempts = 0;
}

static void set_up(struct keeper *k, struct keeper_item *item)
{
    item->refresh_failures = item->stop_failures = 0;
    item->early_ms = keeper_random(k, item->want.policy.refresh_every_ms / 10);
    go(item, KEEPER_UP, k->now_ms);
    if (item->must_stop || item->dropped)
        go(item, KEEPER_FALLEN, k->now_ms);
    item->must_stop = false;
}

/* ---- what is wanted --------------------------------------------------------- */

void keeper_plan_begin(struct keeper *k)
{
    k->planning = true;
    for (struct keeper_item *item = k->first; item; item = item->next)
        item->seen = item->otherwise = false;
}

/* What is wanted is another one than the one there is. */
static void replace(struct keeper *k, struct keeper_item *item, const struct keeper_want *want)
{
    item->want = *want;
    item->attempts = 0;
    forget_cause(item);
    if (item->state == KEEPER_QUARANTINED)
        end_quarantine(k, &want->key.endpoint);
    else if (item->state == KEEPER_STARTING)
        item->must_stop = true;
    else
        turn_off(k, item, KEEPER_WAITING);
}

bool keeper_plan_want(struct keeper *k, const struct keeper_want *want)
{
    struct keeper_item *item = keeper_get(k, &want->key);
    if (item && item->seen && item->source == KEEPER_BY_CONFIG)
        return true;
    if (!item) {
        item = keeper_add(k, want, KEEPER_BY_CONFIG);
        if (!item)
            return false;
        settle_off(k, item, k->now_ms);
    } else {
        bool is_config = item->source == KEEPER_BY_CONFIG;
        bool same = keeper_same_wish(is_config ? &item->config : &item->want, want);
        item->otherwise =
            !same || !is_config || item->dropped || !policy_same(&item->config.policy, &want->policy);
        if (!same)
            replace(k, item, want);
    }
    item->source = KEEPER_BY_CONFIG;
    item->seen = true;
    item->dropped = false;
    item->config = *want;
    item->want.policy = want->policy;
    return true;
}

/* Or is about to. */
static bool somebody_stops(const struct keeper_item *item)
{
    return item->state == KEEPER_STOPPED || item->then == KEEPER_STOPPED ||
           (item->state == KEEPER_STOPPING && !item->own);
}

/* The configuration was read again: another attempt for what is off, as what kept it from coming up may have
 * been mended; but what somebody has stopped stays so, unless it is another wish by now. */
static void renew_item(struct keeper *k, struct keeper_item *item)
{
    if (somebody_stops(item) && !item->otherwise)
        return;
    if (item->state == KEEPER_STOPPED || item->state == KEEPER_LEFT_OFF || item->state == KEEPER_WAITING) {
        item->attempts = 0;
        item->then = KEEPER_WAITING;
        settle_off(k, item, k->now_ms);
    } else if (item->state == KEEPER_STOPPING || item->state == KEEPER_FALLEN) {
        item->then = KEEPER_WAITING;
        item->anew = item->state == KEEPER_STOPPING && !item->own;
    }
}

/* The platform has changed, not the configuration: what is not there at the moment may be wanted when it is. So is the
 * stream of a link above a device that was pulled out; if somebody has stopped that, it is to be so then, too. */
static bool outlasts_plan(const struct keeper *k, const struct keeper_item *item)
{
    return keeper_is_absent(k, item) || (somebody_stops(item) && !item->restored);
}

void keeper_plan_end(struct keeper *k, bool renew, uint64_t now_ms)
{
    k->planning = false;
    k->now_ms = now_ms;
    for (struct keeper_item *item = k->first; item; item = item->next) {
        if (item->gone || item->source != KEEPER_BY_CONFIG)
            continue;
        if (item->seen && renew)
            renew_item(k, item);
        if (item->seen || (!renew && outlasts_plan(k, item)))
            continue;
        item->dropped = true;
        turn_off(k, item, KEEPER_WAITING);
    }
}

bool keeper_restore(struct keeper *k, const struct keeper_want *want, enum keeper_source source,
                    enum keeper_state state, const struct keeper_reason *reason, uint64_t now_ms)
{
    struct keeper_item *item = keeper_get(k, &want->key);
    k->now_ms = now_ms;
    if (!item && !(item = keeper_add(k, want, source)))
        return false;
    item->restored = true;
    if (reason)
        item->reason = *reason;
    if (state == KEEPER_QUARANTINED)
        keeper_mark(&k->quarantine, &want->key.endpoint);
    item->then = state == KEEPER_STOPPED || state == KEEPER_LEFT_OFF ? state : KEEPER_WAITING;
    settle_off(k, item, now_ms);
    return true;
}

/* ---- what happened ---------------------------------------------------------- */

void keeper_started(struct keeper *k, const struct keeper_key *key, enum keeper_operation operation, bool own,
                    uint64_t now_ms)
{
    static const enum keeper_state running[] = {KEEPER_STARTING, KEEPER_REFRESHING, KEEPER_STOPPING};
    struct keeper_item *item = keeper_get(k, key);
    k->now_ms = now_ms;
    if (!item || own)
        return;
    item->before = keeper_is_busy(item) ? KEEPER_WAITING : item->state;
    item->own = item->anew = false;
    /* with whatever device is there now, which may be another one than was seen last */
    item->presence[0] = item->presence[1] = 0;
    go(item, running[operation], KEEPER_NEVER);
}

/* A stream is there that somebody has established: it is wanted from now on. */
static struct keeper_item *take_over(struct keeper *k, struct keeper_item *item,
                                     const struct keeper_want *want)
{
    if (!item)
        return keeper_add(k, want, KEEPER_BY_CLIENT);
    item->source = item->dropped ? KEEPER_BY_CLIENT : item->source;
    item->dropped = false;
    item->want = *want;
    item->attempts = 0;
    return item;
}

static void established(struct keeper *k, struct keeper_item *item, const struct keeper_result *result)
{
    if (!result->own) {
        item = take_over(k, item, result->want);
        if (!item)
            return;
        if (keeper_is_quarantined(k, &item->want.key.endpoint))
            end_quarantine(k, &item->want.key.endpoint);
    }
    item->stream = result->stream;
    item->had_stream = !item->want.key.cxl;
    item->restored = false;
    item->up_ms = k->now_ms;
    forget_cause(item);
    set_up(k, item);
}

static void not_established(struct keeper *k, struct keeper_item *item, const struct keeper_result *result)
{
    bool client = !result->own, was_off = item->before != KEEPER_WAITING && item->before != KEEPER_ABSENT;
    if (result->is_up) { /* it could not be turned off again */
        item->stream = result->stream;
        item->had_stream = !item->want.key.cxl;
        item->attempts++;
        say_cause(item, result->cause_kind, result->cause);
        go(item, KEEPER_FALLEN, k->now_ms + keeper_pause(k, &item->want.policy, item->attempts));
    } else if (client && was_off) {
        go(item, item->before, KEEPER_NEVER);
    } else {
        go(item, KEEPER_WAITING, k->now_ms);
        if (item->must_stop || item->dropped) /* it is another one that is wanted now, or none */
            settle_off(k, item, k->now_ms);
        else
            fail(k, item, result->cause_kind, result->cause);
    }
}

static void establish_ended(struct keeper *k, struct keeper_item *item, const struct keeper_result *result)
{
    bool ours = item && item->state == KEEPER_STARTING;
    if (result->ok && (ours || !result->own))
        established(k, item, result);
    else if (!result->ok && ours)
        not_established(k, item, result);
}

/* Keys that are due and cannot be made new are worth taking the stream down for; those that somebody asked to have
 * new are good until then. */
static void refresh_failed(struct keeper *k, struct keeper_item *item, const struct keeper_result *result)
{
    bool is_due = result->own, give_up = is_due && ++item->refresh_failures >= item->want.policy.refresh_attempts;
    if (!result->is_up) {
        go(item, KEEPER_WAITING, k->now_ms);
        fail(k, item, result->cause_kind, result->cause);
    } else if (give_up || (is_due && result->session_lost)) {
        go(item, KEEPER_UP, k->now_ms);
        forget_old_failures(k, item);
        item->refresh_failures = 0;
        fail(k, item, result->cause_kind, result->cause);
    } else {
        say_cause(item, result->cause_kind, result->cause);
        go(item, KEEPER_UP, k->now_ms + keeper_pause(k, &item->want.policy, is_due ? item->refresh_failures : 1));
    }
}

static void refresh_ended(struct keeper *k, struct keeper_item *item, const struct keeper_result *result)
{
    if (!item || item->state != KEEPER_REFRESHING)
        return;
    if (item->must_stop || item->dropped) {
        set_up(k, item);
    } else if (result->ok) {
        forget_cause(item);
        set_up(k, item);
        if (keeper_session_is_spent(k, item)) {
            say_cause(
                item, POLICY_CAUSE_FAILURE,
                "its session has carried all the records that it may, and the device cannot renew its keys");
            turn_off(k, item, KEEPER_WAITING);
        }
    } else {
        refresh_failed(k, item, result);
    }
}

/* Somebody's stop, and ours. One that found no stream, because it had fallen just before, is meant all the
 * same. */
static void stop_ended(struct keeper *k, struct keeper_item *item, const struct keeper_result *result)
{
    if (!item || ((result->own || result->is_up) && item->state != KEEPER_STOPPING))
        return;
    if (!result->own) {
        item->then = item->anew ? KEEPER_WAITING : KEEPER_STOPPED;
        item->dropped = item->dropped || item->source == KEEPER_BY_CLIENT;
    }
    if (result->is_up) {
        say_more(item, result->cause);
        go(item, KEEPER_FALLEN, k->now_ms + keeper_pause(k, &item->want.policy, ++item->stop_failures));
        return;
    }
    item->stop_failures = 0;
    settle_off(k, item,
               item->attempts ? k->now_ms + keeper_pause(k, &item->want.policy, item->attempts) : k->now_ms);
}

void keeper_ended(struct keeper *k, const struct keeper_key *key, const struct keeper_result *result,
                  uint64_t now_ms)
{
    struct keeper_item *item = keeper_get(k, key);
    k->now_ms = now_ms;
    switch (result->operation) {
    case KEEPER_ESTABLISH:
        establish_ended(k, item, result);
        break;
    case KEEPER_REFRESH:
        refresh_ended(k, item, result);
        break;
    case KEEPER_STOP:
        stop_ended(k, item, result);
        break;
    }
}

void keeper_fell(struct keeper *k, const struct keeper_key *key, enum policy_cause kind, const char *cause,
                 uint64_t now_ms)
{
    struct keeper_item *item = keeper_get(k, key);
    k->now_ms = now_ms;
    if (!item || item->must_stop || (item->state != KEEPER_UP && item->state != KEEPER_REFRESHING))
        return;
    forget_old_failures(k, item);
    fail(k, item, kind, cause);
}

static void port_went(struct keeper *k, struct keeper_item *item)
{
    if (item->state == KEEPER_STOPPED || item->state == KEEPER_QUARANTINED)
        return;
    turn_off(k, item, KEEPER_WAITING);
}

static void port_came(struct keeper *k, struct keeper_item *item)
{
    item->attempts = 0;
    if (item->state == KEEPER_ABSENT)
        settle_off(k, item, k->now_ms);
}

static void take_presence(struct keeper *k, struct keeper_item *item, uint64_t *known, uint64_t presence)
{
    bool other = *known != 0 && *known != presence;
    if (presence == 0 || other)
        port_went(k, item);
    if (presence != 0 && (other || item->state == KEEPER_ABSENT))
        port_came(k, item);
    *known = presence;
}

void keeper_port(struct keeper *k, const struct pcie_bdf *port, uint64_t presence, uint64_t now_ms)
{
    k->now_ms = now_ms;
    if (presence != 0)
        keeper_unmark(&k->absent, port);
    else
        keeper_mark(&k->absent, port);
    for (struct keeper_item *item = k->first; item; item = item->next) {
        const struct keeper_key *key = &item->want.key;
        if (!item->gone && pcie_bdf_compare(&key->root_port, port) == 0)
            take_presence(k, item, &item->presence[0], presence);
        if (!item->gone && pcie_bdf_compare(&key->endpoint, port) == 0)
            take_presence(k, item, &item->presence[1], presence);
    }
}

static bool is_off(const struct keeper_item *item)
{
    return item->state == KEEPER_WAITING || item->state == KEEPER_ABSENT || item->state == KEEPER_LEFT_OFF ||
           item->state == KEEPER_QUARANTINED;
}

/* Whether somebody means it who names a stream by its number; -1: the CXL link. */
static bool is_meant(const struct keeper_item *item, int stream)
{
    if (stream < 0 || item->want.key.cxl)
        return stream < 0 && item->want.key.cxl;
    return item->had_stream ? item->stream == stream : item->want.has_stream && item->want.stream == stream;
}

static const struct keeper_item *give_up(struct keeper *k, const struct pcie_bdf *port, int stream, uint64_t now_ms)
{
    k->now_ms = now_ms;
    for (struct keeper_item *item = k->first; item; item = item->next) {
        const struct keeper_key *key = &item->want.key;
        if (item->gone || !is_meant(item, stream) || !is_off(item) ||
            (pcie_bdf_compare(&key->root_port, port) != 0 && pcie_bdf_compare(&key->endpoint, port) != 0))
            continue;
        item->then = KEEPER_STOPPED;
        item->dropped = item->source == KEEPER_BY_CLIENT;
        settle_off(k, item, KEEPER_NEVER);
        return item;
    }
    return NULL;
}

const struct keeper_item *keeper_give_up(struct keeper *k, const struct pcie_bdf *port, uint8_t stream,
                                         uint64_t now_ms)
{
    return give_up(k, port, stream, now_ms);
}

const struct keeper_item *keeper_give_up_cxl(struct keeper *k, const struct pcie_bdf *port, uint64_t now_ms)
{
    return give_up(k, port, -1, now_ms);
}

/* ---- what is due ------------------------------------------------------------ */

/* The state is the one that runs before the op, which may end it at once. */
static void begin(struct keeper *k, struct keeper_item *item, enum keeper_state running)
{
    enum keeper_state was = item->state;
    bool begun = false;
    item->own = true;
    item->before = was;
    go(item, running, KEEPER_NEVER);
    if (running == KEEPER_STARTING)
        begun = k->ops->establish(k->ops->context, &item->want);
    else if (running == KEEPER_REFRESHING)
        begun = k->ops->refresh(k->ops->context, item);
    else
        begun = k->ops->stop(k->ops->context, item);
    if (!begun && item->state == running)
        go(item, was, k->now_ms + SOON_MS);
}

/* due_ms of one that is up is when to look, and after a refresh that failed when to try again. */
static void look_at_keys(struct keeper *k, struct keeper_item *item)
{
    bool counts = item->want.policy.refresh_records != 0;
    uint64_t at = keeper_refresh_at(k, item), latest = k->now_ms + (counts ? COUNT_AGAIN_MS : LOOK_AGAIN_MS);
    if (at <= k->now_ms)
        begin(k, item, KEEPER_REFRESHING);
    else
        item->due_ms = at < latest ? at : latest;
}

static void run_item(struct keeper *k, struct keeper_item *item)
{
    if (item->due_ms > k->now_ms)
        return;
    if (item->state == KEEPER_WAITING)
        begin(k, item, KEEPER_STARTING);
    else if (item->state == KEEPER_FALLEN)
        begin(k, item, KEEPER_STOPPING);
    else if (item->state == KEEPER_UP)
        look_at_keys(k, item);
    else
        item->due_ms = KEEPER_NEVER;
}

static void tell(struct keeper *k, struct keeper_item *item)
{
    if (item->gone || item->told == item->state)
        return;
    item->told = item->state;
    k->ops->changed(k->ops->context, item);
}

/* That one was left off outlives this program, so it is told when that has gone. */
static void bury(struct keeper *k)
{
    for (struct keeper_item *item = k->first; item; item = item->next)
        if (item->gone && (item->state == KEEPER_STOPPED || item->state == KEEPER_LEFT_OFF ||
                           item->state == KEEPER_QUARANTINED))
            k->ops->changed(k->ops->context, item);
    keeper_sweep(k);
}

void keeper_run(struct keeper *k, uint64_t now_ms)
{
    k->now_ms = now_ms;
    for (struct keeper_item *item = k->first; item; item = item->next) {
        tell(k, item);
        if (!item->gone)
            run_item(k, item);
        tell(k, item);
    }
    bury(k);
}

uint64_t keeper_due(const struct keeper *k)
{
    uint64_t due = KEEPER_NEVER;
    for (const struct keeper_item *item = k->first; item; item = item->next) {
        if (!item->gone && item->due_ms < due)
            due = item->due_ms;
        if (item->gone || item->told != item->state)
            due = k->now_ms;
    }
    return due;
}
