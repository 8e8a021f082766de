/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the keeper makes of each kind of failure; and CXL links, which it keeps as streams. */
#include "keeper_rig.h"
#include "suite.h"

/* ---- kinds of failures ------------------------------------------------------ */

static struct policy policy_by_kind(void)
{
    char error[POLICY_ERROR];
    struct policy policy = policy_default;
    CU_ASSERT_TRUE(policy_set(&policy, policy_key("on-wrong-identity"), "quarantine", error));
    CU_ASSERT_TRUE(policy_set(&policy, policy_key("on-interference"), "leave-off", error));
    return policy;
}

static void check_rule(uint8_t bus, enum policy_cause kind, const char *key, enum policy_action action)
{
    struct keeper_want want = want_of(bus);
    const struct keeper_item *item = keeper_find(&keeper, &want.key);
    CU_ASSERT_PTR_NOT_NULL_FATAL(item);
    CU_ASSERT_EQUAL(item->reason.kind, kind);
    CU_ASSERT_PTR_NOT_NULL_FATAL(item->reason.rule.key);
    CU_ASSERT_STRING_EQUAL(item->reason.rule.key, key);
    CU_ASSERT_EQUAL(item->reason.rule.action, action);
}

static void a_fall_is_treated_as_its_kind_demands(void)
{
    static const struct {
        enum policy_cause kind;
        enum keeper_state state;
        const char *key;
        enum policy_action action;
    } cases[] = {
        {POLICY_CAUSE_FAILURE, KEEPER_STARTING, "on-failure", POLICY_RETRY},
        {POLICY_CAUSE_WRONG_IDENTITY, KEEPER_QUARANTINED, "on-wrong-identity", POLICY_QUARANTINE},
        {POLICY_CAUSE_INTERFERENCE, KEEPER_LEFT_OFF, "on-interference", POLICY_LEAVE_OFF},
    };
    const struct policy policy = policy_by_kind();
    const struct keeper_want want = want_of(1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        start_up(&policy);
        keeper_fell(&keeper, &want.key, cases[i].kind, "it fell", now);
        pass(0);
        CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
        stop_ok(1);
        pass(3600000);
        CHECK_STATE(1, cases[i].state);
        check_rule(1, cases[i].kind, cases[i].key, cases[i].action);
    }
}

static void an_establish_and_a_refresh_that_fail_are_treated_as_their_kind_demands(void)
{
    const struct policy policy = policy_by_kind();
    struct keeper_want want = want_of(1);
    struct keeper_result failed = {.operation = KEEPER_ESTABLISH,
                                   .own = true,
                                   .want = &want,
                                   .cause = "a bad signature",
                                   .cause_kind = POLICY_CAUSE_WRONG_IDENTITY};
    want.policy = policy;
    start();
    plan(&want, 1, false);
    pass(0);
    keeper_ended(&keeper, &want.key, &failed, now);
    CHECK_STATE(1, KEEPER_QUARANTINED);
    check_rule(1, POLICY_CAUSE_WRONG_IDENTITY, "on-wrong-identity", POLICY_QUARANTINE);

    want.policy.refresh_every_ms = 60000;
    start_up(&want.policy);
    pass(60000);
    failed.operation = KEEPER_REFRESH;
    failed.is_up = failed.session_lost = true;
    failed.cause_kind = POLICY_CAUSE_INTERFERENCE;
    keeper_ended(&keeper, &want.key, &failed, now);
    pass(0);
    stop_ok(1);
    pass(3600000);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
    check_rule(1, POLICY_CAUSE_INTERFERENCE, "on-interference", POLICY_LEAVE_OFF);
}

static void all_of_a_quarantined_device_say_why_and_one_that_comes_back_says_nothing(void)
{
    struct keeper_want wants[] = {want_of(1), want_of(1)};
    start();
    wants[1].key.traffic_class = wants[1].features.traffic_class = 1;
    wants[0].policy = wants[1].policy = policy_by_kind();
    plan(wants, 2, false);
    pass(0);
    establish_failed(1); /* a failure of another kind before */
    check_rule(1, POLICY_CAUSE_FAILURE, "on-failure", POLICY_RETRY);
    keeper_fell(&keeper, &wants[1].key, POLICY_CAUSE_WRONG_IDENTITY, "never up", now); /* nothing to fall */
    check_rule(1, POLICY_CAUSE_FAILURE, "on-failure", POLICY_RETRY);
    struct keeper_result failed = {.operation = KEEPER_ESTABLISH,
                                   .own = true,
                                   .want = &wants[1],
                                   .cause = "another name",
                                   .cause_kind = POLICY_CAUSE_WRONG_IDENTITY};
    keeper_ended(&keeper, &wants[1].key, &failed, now);
    CHECK_STATE(1, KEEPER_QUARANTINED);
    check_rule(1, POLICY_CAUSE_WRONG_IDENTITY, "on-wrong-identity", POLICY_QUARANTINE);
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &wants[0].key)->reason.cause, "another name");
    client(1, KEEPER_ESTABLISH, true, true);
    CHECK_STATE(1, KEEPER_UP);
    CU_ASSERT_PTR_NULL(keeper_find(&keeper, &wants[0].key)->reason.rule.key);
}

static void that_it_cannot_be_turned_off_does_not_hide_why_it_is_to_be(void)
{
    const struct policy policy = policy_by_kind();
    const struct keeper_want want = want_of(1);
    start_up(&policy);
    keeper_fell(&keeper, &want.key, POLICY_CAUSE_INTERFERENCE, "IDE fail", now);
    pass(0);
    ended(1, KEEPER_STOP, false, true, "no answer");
    CU_ASSERT_STRING_EQUAL(keeper_find(&keeper, &want.key)->reason.cause, "no answer");
    check_rule(1, POLICY_CAUSE_INTERFERENCE, "on-interference", POLICY_LEAVE_OFF);
    pass(1000);
    stop_ok(1);
    pass(3600000);
    CHECK_STATE(1, KEEPER_LEFT_OFF);
}

/* ---- CXL links ---------------------------------------------------------------- */

static void a_cxl_link_is_kept_beside_the_stream_of_the_same_ports(void)
{
    struct keeper_want wants[] = {want_of(1), want_of(1)};
    const struct keeper_item *item;
    start();
    wants[1].key.cxl = true;
    wants[1].cxl_mode = CXL_IDE_SKID;
    plan(wants, 2, false);
    pass(0);
    CHECK_ASKED("establish 1; starting 1; establish 1; starting 1; ");
    establish_ok(1);
    struct keeper_result ok = {.operation = KEEPER_ESTABLISH, .own = true, .ok = true, .is_up = true, .want = &wants[1]};
    keeper_ended(&keeper, &wants[1].key, &ok, now);
    pass(0);
    item = keeper_find(&keeper, &wants[1].key);
    CU_ASSERT_EQUAL(item->state, KEEPER_UP);
    CU_ASSERT_FALSE(item->had_stream); /* it has no number */
    asked[0] = '\0';
    keeper_fell(&keeper, &wants[1].key, POLICY_CAUSE_INTERFERENCE, "Rx error", now);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
    CHECK_STATE(1, KEEPER_UP);
    struct keeper_result off = {.operation = KEEPER_STOP, .own = true, .ok = true};
    keeper_ended(&keeper, &wants[1].key, &off, now);
    pass(0);
    CHECK_ASKED("waiting 1; ");
    /* given up as what it is, and not by the number of a stream */
    CU_ASSERT_PTR_NULL(keeper_give_up(&keeper, &wants[1].key.endpoint, 0, now));
    CU_ASSERT_PTR_EQUAL(keeper_give_up_cxl(&keeper, &wants[1].key.endpoint, now), item);
    CU_ASSERT_EQUAL(item->state, KEEPER_STOPPED);
    CU_ASSERT_PTR_NULL(keeper_give_up_cxl(&keeper, &wants[1].key.endpoint, now));
}

static void a_cxl_link_that_is_wanted_in_another_mode_is_established_anew(void)
{
    struct keeper_want want = want_of(1);
    start();
    want.key.cxl = true;
    plan(&want, 1, false);
    pass(0);
    struct keeper_result ok = {.operation = KEEPER_ESTABLISH, .own = true, .ok = true, .is_up = true, .want = &want};
    keeper_ended(&keeper, &want.key, &ok, now);
    plan(&want, 1, true);
    pass(0);
    asked[0] = '\0';
    want.cxl_generate = true;
    plan(&want, 1, true);
    pass(0);
    CHECK_ASKED("fallen 1; stop 1; stopping 1; ");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_fall_is_treated_as_its_kind_demands),
        TEST(an_establish_and_a_refresh_that_fail_are_treated_as_their_kind_demands),
        TEST(all_of_a_quarantined_device_say_why_and_one_that_comes_back_says_nothing),
        TEST(that_it_cannot_be_turned_off_does_not_hide_why_it_is_to_be),
        TEST(a_cxl_link_is_kept_beside_the_stream_of_the_same_ports),
        TEST(a_cxl_link_that_is_wanted_in_another_mode_is_established_anew),
        CU_TEST_INFO_NULL,
    };
    int status = suite_run("the keeper: kinds of failures, CXL links", tests);
    keeper_close(&keeper);
    return status;
}
