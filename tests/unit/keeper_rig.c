/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "keeper_rig.h"

/* ---- its controller ------------------------------------------------------- */

struct keeper keeper;
uint64_t now;
char asked[4096];
bool begins;
struct refresh_use use[8];

static enum ide_err no_chance(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0, n);
    return IDE_OK;
}

static void note(const char *what, const struct keeper_key *key)
{
    size_t len = strlen(asked);
    (void)snprintf(asked + len, sizeof asked - len, "%s %u; ", what, key->endpoint.bus);
}

static bool ask_establish(void *context, const struct keeper_want *want)
{
    (void)context;
    note("establish", &want->key);
    return begins;
}

static bool ask_refresh(void *context, const struct keeper_item *item)
{
    (void)context;
    note("refresh", &item->want.key);
    return begins;
}

static bool ask_stop(void *context, const struct keeper_item *item)
{
    (void)context;
    note("stop", &item->want.key);
    return begins;
}

static const struct refresh_use *use_of(void *context, const struct keeper_key *key)
{
    (void)context;
    return &use[key->endpoint.bus];
}

static void on_changed(void *context, const struct keeper_item *item)
{
    (void)context;
    note(item->gone ? "gone" : keeper_state_name(item->state), &item->want.key);
}

static const struct keeper_ops ops = {.establish = ask_establish,
                                      .refresh = ask_refresh,
                                      .stop = ask_stop,
                                      .use = use_of,
                                      .changed = on_changed};
static const struct rng rng = {.random = no_chance};

/* ---- the streams of the tests ---------------------------------------------- */

struct keeper_want want_of(uint8_t bus)
{
    return (struct keeper_want){
        .key = {.kind = IDE_SELECTIVE, .root_port = {0, 0, bus, 0}, .endpoint = {0, bus, 0, 0}},
        .policy = policy_default};
}

enum keeper_state state_of(uint8_t bus)
{
    struct keeper_want want = want_of(bus);
    const struct keeper_item *item = keeper_find(&keeper, &want.key);
    return item ? item->state : GONE;
}

void pass(uint64_t ms)
{
    uint64_t end = now + ms;
    for (uint64_t due = keeper_due(&keeper); due <= end; due = keeper_due(&keeper)) {
        now = due > now ? due : now;
        keeper_run(&keeper, now);
    }
    now = end;
}

void start(void)
{
    keeper_close(&keeper);
    keeper_init(&keeper, &ops, &rng);
    begins = true;
    now = 1000000;
    memset(use, 0, sizeof use);
    asked[0] = '\0';
}

void plan(const struct keeper_want *wants, size_t count, bool renew)
{
    keeper_plan_begin(&keeper);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_TRUE(keeper_plan_want(&keeper, &wants[i]));
    keeper_plan_end(&keeper, renew, now);
}

void ended(uint8_t bus, enum keeper_operation operation, bool ok, bool is_up, const char *cause)
{
    struct keeper_want want = want_of(bus);
    struct keeper_result result = {.operation = operation,
                                   .own = true,
                                   .ok = ok,
                                   .is_up = is_up,
                                   .want = &want,
                                   .stream = bus,
                                   .cause = cause};
    if (ok && operation != KEEPER_STOP)
        use[bus] = (struct refresh_use){.keyed_ms = now, .bytes_per_second = 1};
    keeper_ended(&keeper, &want.key, &result, now);
}

void client(uint8_t bus, enum keeper_operation operation, bool ok, bool is_up)
{
    struct keeper_want want = want_of(bus);
    struct keeper_result result = {
        .operation = operation, .ok = ok, .is_up = is_up, .want = &want, .stream = bus, .cause = "client"};
    keeper_started(&keeper, &want.key, operation, false, now);
    if (ok && operation != KEEPER_STOP)
        use[bus] = (struct refresh_use){.keyed_ms = now, .bytes_per_second = 1};
    keeper_ended(&keeper, &want.key, &result, now);
}

void establish_ok(uint8_t bus)
{
    ended(bus, KEEPER_ESTABLISH, true, true, NULL);
}

void establish_failed(uint8_t bus)
{
    ended(bus, KEEPER_ESTABLISH, false, false, "no answer");
}

void stop_ok(uint8_t bus)
{
    ended(bus, KEEPER_STOP, true, false, NULL);
}

void start_up(const struct policy *policy)
{
    struct keeper_want want = want_of(1);
    start();
    if (policy)
        want.policy = *policy;
    plan(&want, 1, false);
    pass(0);
    establish_ok(1);
    pass(0);
    CHECK_STATE(1, KEEPER_UP);
    asked[0] = '\0';
}

void start_up_refreshing(uint64_t every_ms)
{
    struct policy policy = policy_default;
    policy.refresh_every_ms = every_ms;
    start_up(&policy);
}

void start_up_failing(enum policy_action on_failure)
{
    struct policy policy = policy_default;
    policy.on_failure = on_failure;
    start_up(&policy);
}

void fall(uint8_t bus, const char *cause)
{
    struct keeper_want want = want_of(bus);
    keeper_fell(&keeper, &want.key, POLICY_CAUSE_FAILURE, cause, now);
    pass(0);
}

void fall_and_stop(uint8_t bus, const char *cause)
{
    fall(bus, cause);
    stop_ok(bus);
}
