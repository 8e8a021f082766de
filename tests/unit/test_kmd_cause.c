/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of which kind each failure and each fall is, and which key of a policy decides about it. */
#include <stdlib.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/cause.h"

/* ---- failures of operations ------------------------------------------------- */

static const enum ide_err wrong_identity[] = {
    IDE_E_KEY,     IDE_E_SIGNATURE, IDE_E_HMAC,  IDE_E_NO_CERT, IDE_E_CHAIN,
    IDE_E_EXPIRED, IDE_E_UNTRUSTED, IDE_E_USAGE, IDE_E_NAME,    IDE_E_MEASUREMENT,
};
static const enum ide_err interference[] = {IDE_E_RECORD, IDE_E_SEQUENCE};

#define COUNT(list) (sizeof(list) / sizeof *(list))

static bool is_in(const enum ide_err *list, size_t count, enum ide_err err)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] == err)
            return true;
    return false;
}

static enum policy_cause wanted_of(enum ide_err err)
{
    if (is_in(wrong_identity, COUNT(wrong_identity), err))
        return POLICY_CAUSE_WRONG_IDENTITY;
    return is_in(interference, COUNT(interference), err) ? POLICY_CAUSE_INTERFERENCE : POLICY_CAUSE_FAILURE;
}

static void each_error_is_of_its_kind(void)
{
#define ERROR(constant, name, text) constant,
    static const enum ide_err all[] = {IDE_ERRORS(ERROR)};
#undef ERROR
    for (size_t i = 0; i < COUNT(all); i++) {
        const struct failure failure = {.err = all[i], .step = "session"};
        enum policy_cause got = cause_of_failure(&failure);
        if (got != wanted_of(all[i]))
            fprintf(stderr, "%s: %s\n", ide_err_name(all[i]), policy_cause_name(got));
        CU_ASSERT_EQUAL(got, wanted_of(all[i]));
    }
}

static void an_answer_about_another_port_is_another_device_only_when_it_is_asked_who_it_is(void)
{
    struct failure failure = {.err = IDE_E_KM_MISMATCH, .step = "query"};
    CU_ASSERT_EQUAL(cause_of_failure(&failure), POLICY_CAUSE_WRONG_IDENTITY);
    failure.step = "program_keys";
    CU_ASSERT_EQUAL(cause_of_failure(&failure), POLICY_CAUSE_FAILURE);
    failure.step = NULL;
    CU_ASSERT_EQUAL(cause_of_failure(&failure), POLICY_CAUSE_FAILURE);
}

/* ---- falls ------------------------------------------------------------------ */

static void each_fall_is_of_its_kind(void)
{
    const struct watch_sample nothing = {.session_lost = {IDE_E_TIMEOUT, IDE_E_TIMEOUT}};
    for (int cause = WATCH_CAUSE_NONE; cause <= WATCH_CAUSE_UNKNOWN; cause++) {
        const struct watch_verdict verdict = {(enum watch_cause)cause, END_ENDPOINT};
        bool by_somebody = cause == WATCH_CAUSE_IDE_FAIL || cause == WATCH_CAUSE_AER;
        CU_ASSERT_EQUAL(cause_of_fall(&verdict, &nothing),
                        by_somebody ? POLICY_CAUSE_INTERFERENCE : POLICY_CAUSE_FAILURE);
    }
}

static void a_session_is_lost_by_interference_if_a_record_was_not_authentic(void)
{
    const struct watch_verdict verdict = {WATCH_CAUSE_SESSION_LOST, END_ROOT_PORT};
    struct watch_sample sample = {
        .session_lost = {[END_ROOT_PORT] = IDE_E_RECORD, [END_ENDPOINT] = IDE_E_TIMEOUT}};
    CU_ASSERT_EQUAL(cause_of_fall(&verdict, &sample), POLICY_CAUSE_INTERFERENCE);
    sample.session_lost[END_ROOT_PORT] = IDE_E_PEER_ERROR;
    sample.session_lost[END_ENDPOINT] = IDE_E_RECORD; /* the other end's is not what it fell by */
    CU_ASSERT_EQUAL(cause_of_fall(&verdict, &sample), POLICY_CAUSE_FAILURE);
}

/* ---- which key decides -------------------------------------------------------- */

static void set(struct policy *policy, const char *key, const char *value)
{
    char error[POLICY_ERROR];
    CU_ASSERT_TRUE_FATAL(policy_set(policy, policy_key(key), value, error));
}

static void check(const struct policy *policy, enum policy_cause cause, unsigned failures, const char *key,
                  enum policy_action action)
{
    const struct policy_rule rule = policy_decide(policy, cause, failures);
    CU_ASSERT_STRING_EQUAL(rule.key, key);
    CU_ASSERT_EQUAL(rule.action, action);
}

static void without_a_key_of_its_own_each_kind_is_treated_as_a_failure(void)
{
    struct policy policy = policy_default;
    for (int cause = POLICY_CAUSE_FAILURE; cause <= POLICY_CAUSE_INTERFERENCE; cause++)
        check(&policy, (enum policy_cause)cause, 1000, "on-failure", POLICY_RETRY);
    set(&policy, "on-failure", "leave-off");
    for (int cause = POLICY_CAUSE_FAILURE; cause <= POLICY_CAUSE_INTERFERENCE; cause++)
        check(&policy, (enum policy_cause)cause, 1, "on-failure", POLICY_LEAVE_OFF);
}

static void a_key_about_the_kind_counts_more_than_the_one_for_all(void)
{
    struct policy policy = policy_default;
    set(&policy, "on-wrong-identity", "quarantine");
    set(&policy, "on-interference", "leave-off");
    check(&policy, POLICY_CAUSE_FAILURE, 1, "on-failure", POLICY_RETRY);
    check(&policy, POLICY_CAUSE_WRONG_IDENTITY, 1, "on-wrong-identity", POLICY_QUARANTINE);
    check(&policy, POLICY_CAUSE_INTERFERENCE, 1, "on-interference", POLICY_LEAVE_OFF);
    set(&policy, "on-failure", "quarantine");
    set(&policy, "on-interference", "retry");
    check(&policy, POLICY_CAUSE_INTERFERENCE, 1, "on-interference", POLICY_RETRY);
    check(&policy, POLICY_CAUSE_FAILURE, 1, "on-failure", POLICY_QUARANTINE);
}

static void what_is_to_be_tried_again_is_given_up_after_its_attempts_and_nothing_else_is(void)
{
    struct policy policy = policy_default;
    set(&policy, "retry-attempts", "3");
    set(&policy, "on-give-up", "quarantine");
    set(&policy, "on-wrong-identity", "leave-off");
    check(&policy, POLICY_CAUSE_FAILURE, 2, "on-failure", POLICY_RETRY);
    check(&policy, POLICY_CAUSE_FAILURE, 3, "on-give-up", POLICY_QUARANTINE);
    check(&policy, POLICY_CAUSE_INTERFERENCE, 3, "on-give-up", POLICY_QUARANTINE);
    check(&policy, POLICY_CAUSE_WRONG_IDENTITY, 3, "on-wrong-identity", POLICY_LEAVE_OFF);
}

/* Key by key, as all else: a narrower rule for all failures does not take a wider one for a kind away. */
static void what_a_narrower_section_says_of_all_leaves_what_a_wider_one_says_of_a_kind(void)
{
    struct policy policy = policy_default, narrow = {0};
    set(&policy, "on-interference", "quarantine");
    set(&narrow, "on-failure", "leave-off");
    policy_merge(&policy, &narrow);
    check(&policy, POLICY_CAUSE_INTERFERENCE, 1, "on-interference", POLICY_QUARANTINE);
    check(&policy, POLICY_CAUSE_WRONG_IDENTITY, 1, "on-failure", POLICY_LEAVE_OFF);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_error_is_of_its_kind),
        TEST(an_answer_about_another_port_is_another_device_only_when_it_is_asked_who_it_is),
        TEST(each_fall_is_of_its_kind),
        TEST(a_session_is_lost_by_interference_if_a_record_was_not_authentic),
        TEST(without_a_key_of_its_own_each_kind_is_treated_as_a_failure),
        TEST(a_key_about_the_kind_counts_more_than_the_one_for_all),
        TEST(what_is_to_be_tried_again_is_given_up_after_its_attempts_and_nothing_else_is),
        TEST(what_a_narrower_section_says_of_all_leaves_what_a_wider_one_says_of_a_kind),
        CU_TEST_INFO_NULL,
    };
    return suite_run("causes and rules", tests);
}
