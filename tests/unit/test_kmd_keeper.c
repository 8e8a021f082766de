/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keeper wants, when it asks for it, and who else may say: with a clock that the test turns. */
#include "keeper_rig.h"
#include "suite.h"

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

/* ---- ports ----------------------------------------------------------------- */

static void a_port_that_goes_takes_the_stream_off_and_one_that_comes_brings_it_back(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    keeper_port(&keeper, &want.key.endpoint, 0, now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(1000);
    CHECK_ASKED("absent 1; ");
    plan(NULL, 0, false); /* a look at the platform does not find it, and it is waited for */
    pass(3600000);
    CHECK_STATE(1, KEEPER_ABSENT);
    keeper_port(&keeper, &want.key.endpoint, 1, now);
    pass(0);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
}

static void one_that_was_left_off_gets_another_chance_with_the_device_put_in_again(void)
{
    struct keeper_want want = want_of(1);
    start_up_failing(POLICY_LEAVE_OFF);
    fall_and_stop(1, "reset");
    pass(0);
    keeper_port(&keeper, &want.key.endpoint, 0, now);
    pass(0);
    CHECK_STATE(1, KEEPER_ABSENT);
    keeper_port(&keeper, &want.key.endpoint, 1, now);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
}

/* Between two looks: it was there at both. */
static void another_device_at_the_same_address_has_gone_and_come(void)
{
    struct keeper_want want = want_of(1);
    start_up_failing(POLICY_LEAVE_OFF);
    keeper_port(&keeper, &want.key.root_port, 7, now);
    keeper_port(&keeper, &want.key.endpoint, 8, now);
    keeper_port(&keeper, &want.key.endpoint, 8, now);
    pass(0);
    CHECK_STATE(1, KEEPER_UP);
    asked[0] = '\0';
    keeper_port(&keeper, &want.key.endpoint, 9, now); /* its stream was with the one before */
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    stop_ok(1);
    pass(0);
    CHECK_ASKED("waiting 1; establish 1; starting 1; ");
    keeper_port(&keeper, &want.key.endpoint, 9, now);
    establish_failed(1);
    pass(0);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
    keeper_port(&keeper, &want.key.endpoint, 9, now);
    pass(3600000);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
    keeper_port(&keeper, &want.key.endpoint, 10, now); /* that was not this one's fault */
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
    keeper_port(&keeper, &want.key.root_port, 11, now); /* nor is what comes of an establish meanwhile */
    establish_failed(1);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
    establish_ok(1);
    CHECK_STATE(1, KEEPER_UP);
}

static void what_somebody_established_is_with_the_device_that_is_there(void)
{
    struct keeper_want want = want_of(1);
    start_up(NULL);
    keeper_port(&keeper, &want.key.endpoint, 8, now);
    client(1, KEEPER_STOP, true, false);
    client(1, KEEPER_ESTABLISH, true, true);
    keeper_port(&keeper, &want.key.endpoint, 9, now); /* seen only now, and swapped before */
    pass(0);
    CHECK_STATE(1, KEEPER_UP);
}

static void quarantine_outlasts_the_device_being_put_in_again(void)
{
    struct keeper_want want = want_of(1);
    start_up_failing(POLICY_QUARANTINE);
    fall_and_stop(1, "reset");
    keeper_port(&keeper, &want.key.endpoint, 0, now);
    keeper_port(&keeper, &want.key.endpoint, 1, now);
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
    keeper_port(&keeper, &want.key.endpoint, 0, now);
    establish_failed(1);
    pass(0);
    CHECK_STATE(1, KEEPER_ABSENT);
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
    plan(NULL, 0, false); /* the device that it is wanted for, below another link, was pulled out */
    pass(0);
    CHECK_STATE(1, KEEPER_STOPPED);
    plan(&want, 1, false);
    plan(&want, 1, true); /* nor has anybody said anything about it in a configuration that is the same */
    pass(3600000);
    CHECK_STATE(1, KEEPER_STOPPED);
    client(1, KEEPER_ESTABLISH, true, true);
    plan(&want, 1, true);
    pass(0);
    CHECK_STATE(1, KEEPER_UP);
    CU_ASSERT_EQUAL(keeper_find(&keeper, &want.key)->source, KEEPER_BY_CONFIG);
}

static void what_somebody_stopped_is_wanted_anew_once_the_configuration_wants_it_otherwise(void)
{
    struct keeper_want want = want_of(1), other[4] = {want, want, want, want};
    other[0].policy.refresh_every_ms = 3600000;
    other[1].policy.on_failure = POLICY_LEAVE_OFF;
    other[2].features.pcrc = true;
    other[3].has_stream = true;
    other[3].stream = 9;
    for (size_t i = 0; i < 4; i++) {
        start_up(NULL);
        client(1, KEEPER_STOP, true, false);
        pass(0);
        asked[0] = '\0';
        plan(&other[i], 1, true);
        pass(0);
        CHECK_ASKED("waiting 1; establish 1; starting 1; ");
        establish_ok(1);
        client(1, KEEPER_STOP, true, false); /* which counts again */
        plan(&other[i], 1, true);
        pass(3600000);
        CHECK_STATE(1, KEEPER_STOPPED);
    }
}

/* That a key is given says nothing, if it gives what counted already. */
static void a_policy_that_comes_to_the_same_is_no_change(void)
{
    struct keeper_want want = want_of(1);
    char error[POLICY_ERROR];
    start_up(NULL);
    client(1, KEEPER_STOP, true, false);
    want.policy = policy_default;
    plan(&want, 1, false);
    CU_ASSERT_TRUE(policy_set(&want.policy, policy_key("on-interference"), "retry", error));
    CU_ASSERT_TRUE(policy_set(&want.policy, policy_key("retry-first"), "1s", error));
    plan(&want, 1, true);
    pass(3600000);
    CHECK_STATE(1, KEEPER_STOPPED);
    CU_ASSERT_TRUE(policy_set(&want.policy, policy_key("on-interference"), "quarantine", error));
    plan(&want, 1, true);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
}

/* His stop is on its way when the configuration is read again, or could not turn it off. */
static void a_stop_on_its_way_counts_unless_the_configuration_wants_it_otherwise(void)
{
    for (int fails = 0; fails <= 1; fails++)
        for (int otherwise = 0; otherwise <= 1; otherwise++) {
            struct keeper_want want = want_of(1);
            start_up(NULL);
            if (fails)
                client(1, KEEPER_STOP, false, true);
            else
                keeper_started(&keeper, &want.key, KEEPER_STOP, false, now);
            if (otherwise)
                want.policy.refresh_every_ms = 3600000;
            plan(&want, 1, true);
            plan(&want, 1, true); /* the same as the last time, and not as when he asked */
            if (fails) {
                pass(60000);
                stop_ok(1);
            } else {
                struct keeper_result off = {.operation = KEEPER_STOP, .ok = true};
                keeper_ended(&keeper, &want.key, &off, now);
            }
            pass(0);
            CHECK_STATE(1, otherwise ? KEEPER_STARTING : KEEPER_STOPPED);
            establish_ok(1);
            client(1, KEEPER_STOP, true, false); /* the next one counts */
            pass(0);
            CHECK_STATE(1, KEEPER_STOPPED);
        }
}

static void one_that_is_gone_from_the_configuration_and_there_again_is_another_wish(void)
{
    struct keeper_want want = want_of(1);
    const struct keeper_result off = {.operation = KEEPER_STOP, .ok = true};
    start_up(NULL);
    keeper_started(&keeper, &want.key, KEEPER_STOP, false, now);
    plan(NULL, 0, true);
    plan(&want, 1, true);
    keeper_ended(&keeper, &want.key, &off, now);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
}

/* His stop runs, or could not turn it off, when the device goes that the stream is wanted for. */
static void a_stop_counts_though_the_device_goes_meanwhile(void)
{
    struct keeper_want want = want_of(1);
    for (int fails = 0; fails <= 1; fails++) {
        start_up(NULL);
        if (fails)
            client(1, KEEPER_STOP, false, true);
        else
            keeper_started(&keeper, &want.key, KEEPER_STOP, false, now);
        plan(NULL, 0, false);
        if (fails) {
            pass(60000);
            stop_ok(1);
        } else {
            client(1, KEEPER_STOP, true, false);
        }
        plan(&want, 1, false);
        pass(3600000);
        CHECK_STATE(1, KEEPER_STOPPED);
    }
}

static void what_somebody_stopped_is_forgotten_with_the_configuration_that_wanted_it(void)
{
    start_up(NULL);
    client(1, KEEPER_STOP, true, false);
    pass(0);
    plan(NULL, 0, true);
    CHECK_STATE(1, GONE);
    pass(0);
    CHECK_ASKED("stopped 1; gone 1; ");
    start_up(NULL); /* what was up has been told to be off */
    plan(NULL, 0, true);
    pass(0);
    stop_ok(1);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

static void what_somebody_establishes_is_kept_until_he_stops_it(void)
{
    start();
    client(3, KEEPER_ESTABLISH, true, true);
    plan(NULL, 0, true); /* the configuration does not know it */
    pass(0);
    CHECK_STATE(3, KEEPER_UP);
    fall_and_stop(3, "reset");
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
    fall_and_stop(1, "reset");
    pass(0);
    CHECK_STATE(1, KEEPER_WAITING);
    const struct keeper_item *item = keeper_give_up(&keeper, &want.key.root_port, 1, now);
    CU_ASSERT_PTR_NOT_NULL(item);
    pass(3600000);
    CHECK_STATE(1, KEEPER_STOPPED);
    CU_ASSERT_PTR_NULL(keeper_give_up(&keeper, &want.key.root_port, 2, now));
}

/* Of an attempt that failed before it had a number the stream is still known by the one that it had. */
static void a_stop_names_the_number_that_it_had(void)
{
    struct keeper_want want = want_of(1);
    const struct keeper_result no_device = {
        .operation = KEEPER_ESTABLISH, .own = true, .want = &want, .cause = "there is no such function"};
    start_up(NULL);
    fall_and_stop(1, "reset");
    pass(60000);
    CHECK_STATE(1, KEEPER_STARTING);
    keeper_ended(&keeper, &want.key, &no_device, now);
    CHECK_STATE(1, KEEPER_WAITING);
    CU_ASSERT_PTR_NULL(keeper_give_up(&keeper, &want.key.root_port, 0, now));
    CU_ASSERT_PTR_NOT_NULL(keeper_give_up(&keeper, &want.key.root_port, 1, now));
    CHECK_STATE(1, KEEPER_STOPPED);
}

static void somebodys_stop_overtakes_a_refresh_that_waits(void)
{
    start_up_refreshing(60000);
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
    keeper_restore(&keeper, &held, KEEPER_BY_CLIENT, KEEPER_WAITING, NULL, now);
    keeper_restore(&keeper, &stopped, KEEPER_BY_CONFIG, KEEPER_STOPPED, NULL, now);
    keeper_restore(&keeper, &bad, KEEPER_BY_CONFIG, KEEPER_QUARANTINED, NULL, now);
    keeper_restore(&keeper, &off, KEEPER_BY_CONFIG, KEEPER_LEFT_OFF, NULL, now);
    plan(config, 3, false);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
    CHECK_STATE(2, KEEPER_STOPPED);
    CHECK_STATE(3, KEEPER_QUARANTINED);
    CHECK_STATE(4, KEEPER_LEFT_OFF);
    CU_ASSERT_TRUE(keeper_find(&keeper, &held.key)->restored);
    establish_ok(1);
    CU_ASSERT_FALSE(keeper_find(&keeper, &held.key)->restored);
    plan(config, 3, true); /* what failed is tried again */
    pass(0);
    CHECK_STATE(2, KEEPER_STOPPED);
    CHECK_STATE(3, KEEPER_QUARANTINED);
    CHECK_STATE(4, KEEPER_STARTING);
}

/* The file was changed while nobody was there to read it. */
static void what_was_stopped_and_is_wanted_otherwise_after_a_restart_is_wanted_anew(void)
{
    struct keeper_want want = want_of(1);
    start();
    keeper_restore(&keeper, &want, KEEPER_BY_CONFIG, KEEPER_STOPPED, NULL, now);
    want.features.pcrc = true;
    plan(&want, 1, false);
    pass(0);
    CHECK_STATE(1, KEEPER_STARTING);
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
        TEST(a_port_that_goes_takes_the_stream_off_and_one_that_comes_brings_it_back),
        TEST(one_that_was_left_off_gets_another_chance_with_the_device_put_in_again),
        TEST(another_device_at_the_same_address_has_gone_and_come),
        TEST(what_somebody_established_is_with_the_device_that_is_there),
        TEST(quarantine_outlasts_the_device_being_put_in_again),
        TEST(a_port_that_goes_during_an_establish_is_no_failure),
        TEST(what_somebody_stops_stays_off_until_he_or_the_configuration_says_otherwise),
        TEST(what_somebody_stopped_is_wanted_anew_once_the_configuration_wants_it_otherwise),
        TEST(a_policy_that_comes_to_the_same_is_no_change),
        TEST(a_stop_on_its_way_counts_unless_the_configuration_wants_it_otherwise),
        TEST(one_that_is_gone_from_the_configuration_and_there_again_is_another_wish),
        TEST(a_stop_counts_though_the_device_goes_meanwhile),
        TEST(what_somebody_stopped_is_forgotten_with_the_configuration_that_wanted_it),
        TEST(what_somebody_establishes_is_kept_until_he_stops_it),
        TEST(an_establish_of_somebody_that_fails_leaves_nothing),
        TEST(a_stop_that_comes_just_after_a_fall_is_meant),
        TEST(a_stop_names_the_number_that_it_had),
        TEST(somebodys_stop_overtakes_a_refresh_that_waits),
        TEST(what_was_held_comes_back_as_it_was),
        TEST(what_was_stopped_and_is_wanted_otherwise_after_a_restart_is_wanted_anew),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("the keeper", tests);
    keeper_close(&keeper);
    return status;
}
