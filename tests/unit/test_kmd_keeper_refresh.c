/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When the keeper has keys made new, and what it does when that fails. */
#include "keeper_rig.h"
#include "suite.h"

static void keys_are_refreshed_in_time(void)
{
    start_up_refreshing(60000);
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
    start_up_refreshing(60000);
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
    struct keeper_want want = want_of(1);
    start_up_refreshing(60000);
    pass(60000);
    asked[0] = '\0';
    struct keeper_result lost = {
        .operation = KEEPER_REFRESH, .own = true, .is_up = true, .session_lost = true, .cause = "no session"};
    keeper_ended(&keeper, &want.key, &lost, now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

/* The keys are good until they are due. Then the keeper tries, and what was asked for before does not count. */
static void a_refresh_of_a_client_that_fails_takes_nothing_down(void)
{
    struct keeper_want want = want_of(1);
    struct keeper_result failed = {.operation = KEEPER_REFRESH, .is_up = true, .cause = "client"};
    start_up_refreshing(60000);
    asked[0] = '\0';
    for (unsigned i = 0; i < 8; i++) {
        failed.session_lost = i % 2;
        keeper_started(&keeper, &want.key, KEEPER_REFRESH, false, now);
        keeper_ended(&keeper, &want.key, &failed, now);
        CHECK_STATE(1, KEEPER_UP);
        pass(5000);
        CHECK_STATE(1, KEEPER_UP);
    }
    CHECK_ASKED("");
    pass(20000);
    CHECK_ASKED("refresh 1; refreshing 1; ");
    ended(1, KEEPER_REFRESH, false, true, "refused");
    pass(750);
    CHECK_ASKED("up 1; refresh 1; refreshing 1; ");
    failed.own = failed.session_lost = true;
    keeper_ended(&keeper, &want.key, &failed, now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");

    start_up_refreshing(60000); /* one that is not up any more is established, whoever asked */
    keeper_started(&keeper, &want.key, KEEPER_REFRESH, false, now);
    failed.own = failed.is_up = false;
    keeper_ended(&keeper, &want.key, &failed, now);
    CHECK_STATE(1, KEEPER_WAITING);
}

static void a_fall_during_a_refresh_is_dealt_with_after_it(void)
{
    struct keeper_want want = want_of(1);
    start_up_refreshing(60000);
    pass(60000);
    asked[0] = '\0';
    keeper_fell(&keeper, &want.key, POLICY_CAUSE_FAILURE, "IDE fail", now);
    pass(1000);
    CHECK_ASKED("");
    ended(1, KEEPER_REFRESH, true, true, NULL);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(keys_are_refreshed_in_time),
        TEST(keys_are_refreshed_by_count),
        TEST(keys_are_refreshed_before_they_must_be),
        TEST(a_session_that_cannot_be_renewed_is_replaced),
        TEST(a_refresh_that_keeps_failing_ends_in_stop_and_establish),
        TEST(a_refresh_whose_session_is_lost_is_not_tried_again),
        TEST(a_refresh_of_a_client_that_fails_takes_nothing_down),
        TEST(a_fall_during_a_refresh_is_dealt_with_after_it),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("the keeper and keys", tests);
    keeper_close(&keeper);
    return status;
}
