/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keeper makes of operations that fail and of streams that fall, by each policy. */
#include "keeper_rig.h"
#include "suite.h"

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
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->reason.cause, "");
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
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->reason.cause, "no answer");
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
    start_up_failing(POLICY_QUARANTINE);
    struct keeper_want want = want_of(1);
    fall_and_stop(1, "IDE fail");
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
    fall(1, "IDE fail");
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    keeper_fell(&keeper, &want.key, POLICY_CAUSE_FAILURE, "IDE fail", now); /* said twice, done once */
    stop_ok(1);
    pass(749);
    CHECK_ASKED("waiting 1; ");
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->reason.cause, "IDE fail");
    pass(1);
    CHECK_ASKED("establish 1; starting 1; ");
}

static void falls_one_after_another_count_as_failures_and_old_ones_do_not(void)
{
    struct policy policy = policy_default;
    policy.retry_attempts = 2;
    policy.retry_most_ms = 60000;
    start_up(&policy);
    fall_and_stop(1, "IDE fail");
    pass(1000);
    establish_ok(1);
    pass(60000); /* a long time up */
    fall_and_stop(1, "IDE fail");
    pass(1000);
    CHECK_STATE(1, KEEPER_STARTING);
    establish_ok(1);
    pass(59999);
    fall_and_stop(1, "IDE fail"); /* the second soon after another */
    pass(0);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
}

static void leave_off_is_for_good(void)
{
    start_up_failing(POLICY_LEAVE_OFF);
    fall_and_stop(1, "reset");
    pass(86400000);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; left_off 1; ");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(pauses_double_up_to_the_longest),
        TEST(after_its_attempts_it_is_left_off_until_the_configuration_is_read_again),
        TEST(quarantine_takes_all_streams_of_the_device_and_no_other),
        TEST(somebodys_establish_ends_a_quarantine_only_if_it_works),
        TEST(one_that_cannot_be_turned_off_after_a_failure_is_stopped_first),
        TEST(one_that_fell_is_stopped_and_comes_back),
        TEST(falls_one_after_another_count_as_failures_and_old_ones_do_not),
        TEST(leave_off_is_for_good),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("the keeper when something fails", tests);
    keeper_close(&keeper);
    return status;
}
