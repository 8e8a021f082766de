/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keeper with a clock that the test turns: what it asks for, when, and what becomes of each stream. */
#include <stdlib.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/keeper.h"

/* ---- its controller ------------------------------------------------------- */

static struct keeper keeper;
static uint64_t now;
static char asked[4096]; /* what it has asked for, in order: "establish 1; stop 1; " by the endpoint's bus */
static bool begins;      /* operations can be begun */
static struct refresh_use use[8];

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
    note(keeper_state_name(item->state), &item->want.key);
}

static const struct keeper_ops ops = {.establish = ask_establish,
                                      .refresh = ask_refresh,
                                      .stop = ask_stop,
                                      .use = use_of,
                                      .changed = on_changed};
static const struct rng rng = {.random = no_chance};

/* ---- the streams of the tests ---------------------------------------------- */

static struct keeper_want want_of(uint8_t bus)
{
    return (struct keeper_want){
        .key = {.kind = IDE_SELECTIVE, .root_port = {0, 0, bus, 0}, .endpoint = {0, bus, 0, 0}},
        .policy = policy_default};
}

static enum keeper_state state_of(uint8_t bus)
{
    struct keeper_want want = want_of(bus);
    const struct keeper_item *item = keeper_find(&keeper, &want.key);
    return item ? item->state : (enum keeper_state) - 1;
}

#define GONE ((enum keeper_state) - 1)

#define CHECK_STATE(bus, wanted)                                                                             \
    do {                                                                                                     \
        enum keeper_state check_got = state_of(bus);                                                         \
        if (check_got != (wanted))                                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,                                               \
                    check_got == GONE ? "gone" : keeper_state_name(check_got));                              \
        CU_ASSERT_EQUAL(check_got, wanted);                                                                  \
    } while (0)

/* Lets the time pass, and the keeper do what is due until then, each at its time. */
static void pass(uint64_t ms)
{
    uint64_t end = now + ms;
    for (uint64_t due = keeper_due(&keeper); due <= end; due = keeper_due(&keeper)) {
        now = due > now ? due : now;
        keeper_run(&keeper, now);
    }
    now = end;
}

#define CHECK_ASKED(wanted)                                                                                  \
    do {                                                                                                     \
        if (strcmp(asked, wanted) != 0)                                                                      \
            fprintf(stderr, "%s:%d: asked \"%s\"\n", __FILE__, __LINE__, asked);                             \
        CU_ASSERT_STRING_EQUAL(asked, wanted);                                                               \
        asked[0] = '\0';                                                                                     \
    } while (0)

static void start(void)
{
    keeper_close(&keeper);
    keeper_init(&keeper, &ops, &rng);
    begins = true;
    now = 1000000;
    memset(use, 0, sizeof use);
    asked[0] = '\0';
}

static void plan(const struct keeper_want *wants, size_t count, bool renew)
{
    keeper_plan_begin(&keeper);
    for (size_t i = 0; i < count; i++)
        CU_ASSERT_TRUE(keeper_plan_want(&keeper, &wants[i]));
    keeper_plan_end(&keeper, renew, now);
}

static void ended(uint8_t bus, enum keeper_operation operation, bool ok, bool is_up, const char *cause)
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

/* The same of somebody else's. */
static void client(uint8_t bus, enum keeper_operation operation, bool ok, bool is_up)
{
    struct keeper_want want = want_of(bus);
    struct keeper_result result = {
        .operation = operation, .ok = ok, .is_up = is_up, .want = &want, .stream = bus, .cause = "client"};
    keeper_started(&keeper, &want.key, operation, false, now);
    if (ok && operation != KEEPER_STOP)
        use[bus] = (struct refresh_use){.keyed_ms = now, .bytes_per_second = 1};
    keeper_ended(&keeper, &want.key, &result, now);
}

static void establish_ok(uint8_t bus)
{
    ended(bus, KEEPER_ESTABLISH, true, true, NULL);
}

static void establish_failed(uint8_t bus)
{
    ended(bus, KEEPER_ESTABLISH, false, false, "no answer");
}

static void stop_ok(uint8_t bus)
{
    ended(bus, KEEPER_STOP, true, false, NULL);
}

/* One that is wanted with the policy, and up. */
static void start_up(const struct policy *policy)
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

/* ---- wanted ---------------------------------------------------------------- */

static void what_is_wanted_is_established_once(void)
{
    struct keeper_want wants[] = {want_of(1), want_of(2)};
    start();
    plan(wants, 2, false);
    pass(0);
    CHECK_ASKED("establish 1; starting 1; establish 2; starting 2; ");
    establish_ok(1);
    pass(10000);
    CHECK_ASKED("up 1; ");
    CHECK_STATE(1, KEEPER_UP);
    CHECK_STATE(2, KEEPER_STARTING);
}

static void the_same_plan_again_touches_nothing(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    plan(&want, 1, true);
    pass(10000);
    CHECK_ASKED("");
    want.policy.refresh_every_ms = 3600000; /* a policy is taken over without touching the stream */
    plan(&want, 1, true);
    pass(10000);
    CHECK_ASKED("");
    CU_ASSERT_EQUAL(keeper_find(&keeper, &want.key)->want.policy.refresh_every_ms, 3600000);
}

static void what_is_not_in_the_plan_any_more_is_turned_off_and_forgotten(void)
{
    struct keeper_want wants[] = {want_of(1), want_of(2)};
    start();
    plan(wants, 2, false);
    pass(0);
    establish_ok(1);
    establish_ok(2);
    pass(0);
    asked[0] = '\0';
    plan(wants, 1, true);
    pass(0);
    CHECK_ASKED("fallen 2; stop 2; stopping 2; ");
    stop_ok(2);
    pass(100000);
    CHECK_STATE(2, GONE);
    CHECK_STATE(1, KEEPER_UP);
    CHECK_ASKED("");
}

static void what_is_wanted_otherwise_is_stopped_and_established_anew(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    want.features.pcrc = true;
    plan(&want, 1, true);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(0);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
    CU_ASSERT_TRUE(keeper_find(&keeper, &want.key)->want.features.pcrc);
}

static void a_change_while_it_is_being_established_counts_afterwards(void)
{
    struct keeper_want want = want_of(1);
    start();
    plan(&want, 1, false);
    pass(0);
    want.has_stream = true;
    want.stream = 9;
    plan(&want, 1, true);
    pass(0);
    asked[0] = '\0';
    establish_ok(1);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

static void one_that_is_dropped_while_it_is_being_established_goes_off(void)
{
    struct keeper_want want = want_of(1);
    start();
    plan(&want, 1, false);
    pass(0);
    plan(NULL, 0, true);
    asked[0] = '\0';
    establish_ok(1);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    CHECK_STATE(1, GONE);
}

static void what_cannot_be_begun_is_tried_again_soon(void)
{
    struct keeper_want want = want_of(1);
    start();
    begins = false;
    plan(&want, 1, false);
    pass(0);
    CHECK_ASKED("establish 1; ");
    CHECK_STATE(1, KEEPER_WAITING);
    begins = true;
    pass(100);
    CHECK_ASKED("establish 1; starting 1; ");
}

/* ---- failures -------------------------------------------------------------- */

static void pauses_double_up_to_the_longest(void)
{
    struct keeper_want want = want_of(1);
    static const uint64_t pauses[] = {750, 1500, 3000, 6000, 7500, 7500}; /* without chance three quarters */
    start();
    want.policy.retry_most_ms = 10000;
    plan(&want, 1, false);
    pass(0);
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        asked[0] = '\0';
        establish_failed(1);
        pass(pauses[i] - 1);
        CHECK_ASKED("waiting 1; ");
        pass(1);
        CHECK_ASKED("establish 1; starting 1; ");
    }
    establish_ok(1);
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->cause, "");
}

static void after_its_attempts_it_is_left_off_until_the_configuration_is_read_again(void)
{
    struct keeper_want want = want_of(1);
    start();
    want.policy.retry_attempts = 2;
    plan(&want, 1, false);
    pass(0);
    establish_failed(1);
    pass(2000);
    establish_failed(1);
    pass(3600000);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->cause, "no answer");
    plan(&want, 1, false); /* another look at the platform is none */
    pass(0);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
    plan(&want, 1, true);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
}

static void quarantine_takes_all_streams_of_the_device_and_no_other(void)
{
    struct keeper_want wants[] = {want_of(1), want_of(1), want_of(2)};
    start();
    wants[1].key.traffic_class = wants[1].features.traffic_class = 1;
    wants[0].policy.on_failure = wants[1].policy.on_failure = POLICY_QUARANTINE;
    plan(wants, 3, false);
    pass(0);
    establish_ok(1);
    establish_ok(2);
    struct keeper_result failed = {
        .operation = KEEPER_ESTABLISH, .own = true, .want = &wants[1], .cause = "a bad signature"};
    keeper_ended(&keeper, &wants[1].key, &failed, now);
    asked[0] = '\0';
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; quarantined 1; up 2; ");
    stop_ok(1);
    pass(3600000);
    CHECK_STATE(1, KEEPER_QUARANTINED);
    CU_ASSERT_TRUE(keeper_is_quarantined(&keeper, &wants[0].key.endpoint));
    plan(wants, 3, true); /* nor does reading the same configuration again help */
    pass(0);
    CHECK_STATE(1, KEEPER_QUARANTINED);
    CU_ASSERT_EQUAL(keeper_find(&keeper, &wants[1].key)->state, KEEPER_QUARANTINED);
}

static void somebodys_establish_ends_a_quarantine_only_if_it_works(void)
{
    struct policy policy = policy_default;
    policy.on_failure = POLICY_QUARANTINE;
    start_up(&policy);
    struct keeper_want want = want_of(1);
    keeper_fell(&keeper, &want.key, "IDE fail", now);
    pass(0);
    stop_ok(1);
    pass(0);
    CHECK_STATE(1, KEEPER_QUARANTINED);
    client(1, KEEPER_ESTABLISH, false, false);
    CHECK_STATE(1, KEEPER_QUARANTINED);
    client(1, KEEPER_ESTABLISH, true, true);
    CHECK_STATE(1, KEEPER_UP);
    CU_ASSERT_FALSE(keeper_is_quarantined(&keeper, &want.key.endpoint));
}

static void one_that_cannot_be_turned_off_after_a_failure_is_stopped_first(void)
{
    struct keeper_want want = want_of(1);
    start();
    plan(&want, 1, false);
    pass(0);
    ended(1, KEEPER_ESTABLISH, false, true, "half off");
    asked[0] = '\0';
    pass(1000);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    ended(1, KEEPER_STOP, false, true, "still");
    pass(1000);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(10000);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
}

/* ---- falls ----------------------------------------------------------------- */

static void one_that_fell_is_stopped_and_comes_back(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    keeper_fell(&keeper, &want.key, "IDE fail", now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    keeper_fell(&keeper, &want.key, "IDE fail", now); /* said twice, done once */
    stop_ok(1);
    pass(749);
    CHECK_ASKED("waiting 1; ");
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->cause, "IDE fail");
    pass(1);
    CHECK_ASKED("establish 1; starting 1; ");
}

static void falls_one_after_another_count_as_failures_and_old_ones_do_not(void)
{
    struct keeper_want want = want_of(1);
    struct policy policy = policy_default;
    policy.retry_attempts = 2;
    policy.retry_most_ms = 60000;
    start_up(&policy);
    keeper_fell(&keeper, &want.key, "IDE fail", now);
    pass(0);
    stop_ok(1);
    pass(1000);
    establish_ok(1);
    pass(60000); /* a long time up */
    keeper_fell(&keeper, &want.key, "IDE fail", now);
    pass(0);
    stop_ok(1);
    pass(1000);
    CHECK_STATE(1, KEEPER_STARTING);
    establish_ok(1);
    pass(59999);
    keeper_fell(&keeper, &want.key, "IDE fail", now); /* the second soon after another */
    pass(0);
    stop_ok(1);
    pass(0);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
}

static void leave_off_is_for_good(void)
{
    struct keeper_want want = want_of(1);
    struct policy policy = policy_default;
    policy.on_failure = POLICY_LEAVE_OFF;
    start_up(&policy);
    keeper_fell(&keeper, &want.key, "reset", now);
    pass(0);
    stop_ok(1);
    pass(86400000);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; left_off 1; ");
}

/* ---- ports ----------------------------------------------------------------- */

static void a_port_that_goes_takes_the_stream_off_and_one_that_comes_brings_it_back(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    keeper_port(&keeper, &want.key.endpoint, false, now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(1000);
    CHECK_ASKED("absent 1; ");
    plan(NULL, 0, false); /* a look at the platform does not find it, and it is waited for */
    pass(3600000);
    CHECK_STATE(1, KEEPER_ABSENT);
    keeper_port(&keeper, &want.key.endpoint, true, now);
    pass(0);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
}

static void one_that_was_left_off_gets_another_chance_with_the_device_put_in_again(void)
{
    struct keeper_want want = want_of(1);
    struct policy policy = policy_default;
    policy.on_failure = POLICY_LEAVE_OFF;
    start_up(&policy);
    keeper_fell(&keeper, &want.key, "reset", now);
    pass(0);
    stop_ok(1);
    pass(0);
    keeper_port(&keeper, &want.key.endpoint, false, now);
    pass(0);
    CHECK_STATE(1, KEEPER_ABSENT);
    keeper_port(&keeper, &want.key.endpoint, true, now);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
}

static void quarantine_outlasts_the_device_being_put_in_again(void)
{
    struct keeper_want want = want_of(1);
    struct policy policy = policy_default;
    policy.on_failure = POLICY_QUARANTINE;
    start_up(&policy);
    keeper_fell(&keeper, &want.key, "reset", now);
    pass(0);
    stop_ok(1);
    keeper_port(&keeper, &want.key.endpoint, false, now);
    keeper_port(&keeper, &want.key.endpoint, true, now);
    pass(3600000);
    CHECK_STATE(1, KEEPER_QUARANTINED);
}

static void a_port_that_goes_during_an_establish_is_no_failure(void)
{
    struct keeper_want want = want_of(1);
    start();
    want.policy.on_failure = POLICY_QUARANTINE;
    plan(&want, 1, false);
    pass(0);
    keeper_port(&keeper, &want.key.endpoint, false, now);
    establish_failed(1);
    pass(0);
    CHECK_STATE(1, KEEPER_ABSENT);
}

/* ---- refreshing ------------------------------------------------------------ */

static void keys_are_refreshed_in_time(void)
{
    struct policy policy = policy_default;
    policy.refresh_every_ms = 60000;
    start_up(&policy);
    pass(59999);
    CHECK_ASKED("");
    pass(1);
    CHECK_ASKED("refresh 1; refreshing 1; ");
    ended(1, KEEPER_REFRESH, true, true, NULL);
    pass(59999);
    CHECK_ASKED("up 1; ");
    pass(1);
    CHECK_ASKED("refresh 1; refreshing 1; ");
}

static void keys_are_refreshed_by_count(void)
{
    struct policy policy = policy_default;
    policy.refresh_tlps = 1000;
    start_up(&policy);
    use[1].bytes_per_second = 27; /* at most one TLP a second */
    keeper_run(&keeper, now);
    pass(60000); /* the new rate is seen with the next look */
    asked[0] = '\0';
    pass(939999);
    CHECK_ASKED("");
    pass(1);
    CHECK_ASKED("refresh 1; refreshing 1; ");

    policy = policy_default;
    policy.refresh_records = 500;
    start_up(&policy);
    use[1].records = 499;
    pass(600000);
    CHECK_ASKED("");
    use[1].records = 500;
    pass(60000);
    CHECK_ASKED("refresh 1; refreshing 1; ");
}

static void keys_are_refreshed_before_they_must_be(void)
{
    start_up(NULL);
    use[1].bytes_per_second = REFRESH_BYTES_DUE / 7200; /* in two hours */
    pass(7200000 - 61000 - 60000);
    CHECK_ASKED("");
    pass(61000);
    CHECK_ASKED("refresh 1; refreshing 1; ");
}

static void a_session_that_cannot_be_renewed_is_replaced(void)
{
    struct policy policy = policy_default;
    policy.refresh_records = 500;
    start_up(&policy);
    use[1].records = 500;
    pass(60000);
    asked[0] = '\0';
    ended(1, KEEPER_REFRESH, true, true, NULL);
    use[1].records = 10;
    pass(1000);
    CHECK_ASKED("up 1; ");
    use[1].records = 500;
    pass(60000);
    asked[0] = '\0';
    struct keeper_want want = want_of(1);
    struct keeper_result ok = {.operation = KEEPER_REFRESH, .own = true, .ok = true, .is_up = true};
    keeper_ended(&keeper, &want.key, &ok, now); /* and still as many */
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(0);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
}

static void a_refresh_that_keeps_failing_ends_in_stop_and_establish(void)
{
    struct policy policy = policy_default;
    policy.refresh_every_ms = 60000;
    start_up(&policy);
    pass(60000);
    ended(1, KEEPER_REFRESH, false, true, "refused");
    pass(750);
    CHECK_ASKED("refresh 1; refreshing 1; up 1; refresh 1; refreshing 1; ");
    ended(1, KEEPER_REFRESH, false, true, "refused");
    pass(1500);
    CHECK_ASKED("up 1; refresh 1; refreshing 1; ");
    ended(1, KEEPER_REFRESH, false, true, "refused");
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(750);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
}

static void a_refresh_whose_session_is_lost_is_not_tried_again(void)
{
    struct policy policy = policy_default;
    struct keeper_want want = want_of(1);
    policy.refresh_every_ms = 60000;
    start_up(&policy);
    pass(60000);
    asked[0] = '\0';
    struct keeper_result lost = {
        .operation = KEEPER_REFRESH, .own = true, .is_up = true, .session_lost = true, .cause = "no session"};
    keeper_ended(&keeper, &want.key, &lost, now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

static void a_fall_during_a_refresh_is_dealt_with_after_it(void)
{
    struct policy policy = policy_default;
    struct keeper_want want = want_of(1);
    policy.refresh_every_ms = 60000;
    start_up(&policy);
    pass(60000);
    asked[0] = '\0';
    keeper_fell(&keeper, &want.key, "IDE fail", now);
    pass(1000);
    CHECK_ASKED("");
    ended(1, KEEPER_REFRESH, true, true, NULL);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

/* ---- other people ----------------------------------------------------------- */

static void what_somebody_stops_stays_off_until_he_or_the_configuration_says_otherwise(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    client(1, KEEPER_STOP, true, false);
    pass(86400000);
    CHECK_ASKED("stopped 1; ");
    plan(&want, 1, false);
    pass(0);
    CHECK_STATE(1, KEEPER_STOPPED);
    client(1, KEEPER_ESTABLISH, false, false);
    CHECK_STATE(1, KEEPER_STOPPED);
    plan(&want, 1, true);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
}

static void what_somebody_establishes_is_kept_until_he_stops_it(void)
{
    struct keeper_want want = want_of(3);
    start();
    client(3, KEEPER_ESTABLISH, true, true);
    plan(NULL, 0, true); /* the configuration does not know it */
    pass(0);
    CHECK_STATE(3, KEEPER_UP);
    keeper_fell(&keeper, &want.key, "reset", now);
    pass(0);
    stop_ok(3);
    pass(1000);
    CHECK_STATE(3, KEEPER_STARTING);
    establish_ok(3);
    client(3, KEEPER_STOP, true, false);
    pass(0);
    CHECK_STATE(3, GONE);
}

static void an_establish_of_somebody_that_fails_leaves_nothing(void)
{
    start();
    client(3, KEEPER_ESTABLISH, false, false);
    pass(3600000);
    CHECK_STATE(3, GONE);
    CHECK_ASKED("");
}

static void a_stop_that_comes_just_after_a_fall_is_meant(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    keeper_fell(&keeper, &want.key, "reset", now);
    pass(0);
    stop_ok(1);
    pass(0);
    CHECK_STATE(1, KEEPER_WAITING);
    const struct keeper_item *item = keeper_give_up(&keeper, &want.key.root_port, 1, now);
    CU_ASSERT_PTR_NOT_NULL(item);
    pass(3600000);
    CHECK_STATE(1, KEEPER_STOPPED);
    CU_ASSERT_PTR_NULL(keeper_give_up(&keeper, &want.key.root_port, 2, now));
}

static void somebodys_stop_overtakes_a_refresh_that_waits(void)
{
    struct policy policy = policy_default;
    policy.refresh_every_ms = 60000;
    start_up(&policy);
    pass(60000); /* the refresh waits for its ports */
    client(1, KEEPER_STOP, true, false);
    ended(1, KEEPER_REFRESH, false, false, "it is not up");
    pass(3600000);
    CHECK_STATE(1, KEEPER_STOPPED);
}

/* ---- an earlier life --------------------------------------------------------- */

static void what_was_held_comes_back_as_it_was(void)
{
    struct keeper_want held = want_of(1), stopped = want_of(2), bad = want_of(3), off = want_of(4);
    struct keeper_want config[] = {stopped, bad, off};
    start();
    keeper_restore(&keeper, &held, KEEPER_BY_CLIENT, KEEPER_WAITING, now);
    keeper_restore(&keeper, &stopped, KEEPER_BY_CONFIG, KEEPER_STOPPED, now);
    keeper_restore(&keeper, &bad, KEEPER_BY_CONFIG, KEEPER_QUARANTINED, now);
    keeper_restore(&keeper, &off, KEEPER_BY_CONFIG, KEEPER_LEFT_OFF, now);
    plan(config, 3, false);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
    CHECK_STATE(2, KEEPER_STOPPED);
    CHECK_STATE(3, KEEPER_QUARANTINED);
    CHECK_STATE(4, KEEPER_LEFT_OFF);
    CU_ASSERT_TRUE(keeper_find(&keeper, &held.key)->restored);
    establish_ok(1);
    CU_ASSERT_FALSE(keeper_find(&keeper, &held.key)->restored);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(what_is_wanted_is_established_once),
        TEST(the_same_plan_again_touches_nothing),
        TEST(what_is_not_in_the_plan_any_more_is_turned_off_and_forgotten),
        TEST(what_is_wanted_otherwise_is_stopped_and_established_anew),
        TEST(a_change_while_it_is_being_established_counts_afterwards),
        TEST(one_that_is_dropped_while_it_is_being_established_goes_off),
        TEST(what_cannot_be_begun_is_tried_again_soon),
        TEST(pauses_double_up_to_the_longest),
        TEST(after_its_attempts_it_is_left_off_until_the_configuration_is_read_again),
        TEST(quarantine_takes_all_streams_of_the_device_and_no_other),
        TEST(somebodys_establish_ends_a_quarantine_only_if_it_works),
        TEST(one_that_cannot_be_turned_off_after_a_failure_is_stopped_first),
        TEST(one_that_fell_is_stopped_and_comes_back),
        TEST(falls_one_after_another_count_as_failures_and_old_ones_do_not),
        TEST(leave_off_is_for_good),
        TEST(a_port_that_goes_takes_the_stream_off_and_one_that_comes_brings_it_back),
        TEST(one_that_was_left_off_gets_another_chance_with_the_device_put_in_again),
        TEST(quarantine_outlasts_the_device_being_put_in_again),
        TEST(a_port_that_goes_during_an_establish_is_no_failure),
        TEST(keys_are_refreshed_in_time),
        TEST(keys_are_refreshed_by_count),
        TEST(keys_are_refreshed_before_they_must_be),
        TEST(a_session_that_cannot_be_renewed_is_replaced),
        TEST(a_refresh_that_keeps_failing_ends_in_stop_and_establish),
        TEST(a_refresh_whose_session_is_lost_is_not_tried_again),
        TEST(a_fall_during_a_refresh_is_dealt_with_after_it),
        TEST(what_somebody_stops_stays_off_until_he_or_the_configuration_says_otherwise),
        TEST(what_somebody_establishes_is_kept_until_he_stops_it),
        TEST(an_establish_of_somebody_that_fails_leaves_nothing),
        TEST(a_stop_that_comes_just_after_a_fall_is_meant),
        TEST(somebodys_stop_overtakes_a_refresh_that_waits),
        TEST(what_was_held_comes_back_as_it_was),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("the keeper", tests);
    keeper_close(&keeper);
    return status;
}
