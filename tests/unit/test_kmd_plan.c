/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The order of the plans, and the coordinator that walks them: tools/ide-kmd/plan.h. */
#include <stdlib.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/plan.h"

/* What happened, in order: a step's start or end. */
struct moment {
    enum step_action action;
    enum stream_end end;
    bool ended;
};

struct history {
    struct moment moment[2 * PLAN_STEPS_MAX];
    size_t count;
};

static void note(struct history *h, const struct plan_step *step, bool ended)
{
    h->moment[h->count++] = (struct moment){step->action, step->end, ended};
}

static size_t when(const struct history *h, enum step_action action, enum stream_end end, bool ended)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->moment[i].action == action && h->moment[i].end == end && h->moment[i].ended == ended)
            return i;
    return SIZE_MAX;
}

/* Walks the plan; which of the running steps ends next is chosen by the seed. */
static void walk(const struct plan *plan, unsigned seed, struct history *h)
{
    struct coordinator c;
    const struct plan_step *running[END_COUNT] = {NULL}, *step;
    *h = (struct history){0};
    coordinator_start(&c, plan, NULL, NULL);
    while (!coordinator_finished(&c)) {
        while ((step = coordinator_next(&c))) {
            CU_ASSERT_PTR_NULL(running[step->end]); /* one step at a time at each end */
            running[step->end] = step;
            note(h, step, false);
        }
        enum stream_end end = (rand_r(&seed) & 1) ? END_ENDPOINT : END_ROOT_PORT;
        if (!running[end])
            end = !end;
        CU_ASSERT_PTR_NOT_NULL_FATAL(running[end]);
        note(h, running[end], true);
        coordinator_ended(&c, running[end], true);
        running[end] = NULL;
    }
    CU_ASSERT_FALSE(c.failed);
    CU_ASSERT_EQUAL(h->count, 2 * plan->count);
}

/* Whichever end is faster: the first has ended at both ends before the second starts at any. */
static void check_before(const struct plan *plan, enum step_action first, enum step_action second)
{
    for (unsigned seed = 0; seed < 64; seed++) {
        struct history h;
        walk(plan, seed, &h);
        for (enum stream_end a = 0; a < END_COUNT; a++)
            for (enum stream_end b = 0; b < END_COUNT; b++)
                if (when(&h, first, a, true) != SIZE_MAX && when(&h, second, b, false) != SIZE_MAX)
                    CU_ASSERT(when(&h, first, a, true) < when(&h, second, b, false));
    }
}

static void establish_keeps_the_order(void)
{
    check_before(&plan_establish, STEP_AUTHENTICATE, STEP_SETUP);
    check_before(&plan_establish, STEP_QUERY, STEP_SETUP);
    check_before(&plan_establish, STEP_SETUP, STEP_PROGRAM_KEYS);
    check_before(&plan_establish, STEP_GO_RECEIVE, STEP_GO_TRANSMIT);
    check_before(&plan_establish, STEP_PROGRAM_KEYS, STEP_GO_TRANSMIT);
    check_before(&plan_establish, STEP_GO_TRANSMIT, STEP_ENABLE);
    check_before(&plan_establish, STEP_ENABLE, STEP_AWAIT_SECURE);
}

static void rekey_keeps_the_order(void)
{
    check_before(&plan_rekey, STEP_PROGRAM_KEYS, STEP_GO_TRANSMIT);
    check_before(&plan_rekey, STEP_GO_RECEIVE, STEP_GO_TRANSMIT);
    check_before(&plan_rekey, STEP_GO_TRANSMIT, STEP_AWAIT_SECURE);
    check_before(&plan_rekey, STEP_AWAIT_SECURE, STEP_DRAIN);
    check_before(&plan_rekey, STEP_DRAIN, STEP_STOP_KEYS);
    check_before(&plan_rekey_complete, STEP_GO_TRANSMIT, STEP_AWAIT_SECURE);
    check_before(&plan_rekey_complete, STEP_AWAIT_SECURE, STEP_DRAIN);
    check_before(&plan_rekey_complete, STEP_DRAIN, STEP_STOP_KEYS);
}

static void stop_keeps_the_order(void)
{
    check_before(&plan_stop, STEP_DISABLE, STEP_STOP_KEYS);
    check_before(&plan_stop, STEP_STOP_KEYS, STEP_RELEASE);
    check_before(&plan_stop, STEP_STOP_KEYS, STEP_END_SESSION);
}

static void rekey_never_touches_enable_or_registers(void)
{
    const struct plan *const plans[] = {&plan_rekey, &plan_rekey_complete, &plan_rekey_undo};
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++)
        for (size_t i = 0; i < plans[p]->count; i++)
            CU_ASSERT(plans[p]->steps[i].action == STEP_AWAIT_SECURE ||
                      plans[p]->steps[i].action == STEP_DRAIN ||
                      !step_is_for_both(plans[p]->steps[i].action));
}

static void both_ends_work_side_by_side(void)
{
    struct coordinator c;
    coordinator_start(&c, &plan_establish, NULL, NULL);
    const struct plan_step *endpoint = coordinator_next(&c), *root = coordinator_next(&c);
    CU_ASSERT(endpoint->action == STEP_AUTHENTICATE && endpoint->end == END_ENDPOINT);
    CU_ASSERT(root->action == STEP_AUTHENTICATE && root->end == END_ROOT_PORT);
    CU_ASSERT_PTR_NULL(coordinator_next(&c));
    /* the faster one goes on within the stage */
    coordinator_ended(&c, root, true);
    root = coordinator_next(&c);
    CU_ASSERT(root->action == STEP_SESSION && root->end == END_ROOT_PORT);
    CU_ASSERT_PTR_NULL(coordinator_next(&c));
}

static void a_failure_starts_nothing_more_and_waits_for_what_runs(void)
{
    struct coordinator c;
    coordinator_start(&c, &plan_establish, NULL, NULL);
    const struct plan_step *endpoint = coordinator_next(&c), *root = coordinator_next(&c);
    coordinator_ended(&c, endpoint, false);
    CU_ASSERT_PTR_NULL(coordinator_next(&c));
    CU_ASSERT_FALSE(coordinator_finished(&c));
    coordinator_ended(&c, root, true);
    CU_ASSERT_PTR_NULL(coordinator_next(&c));
    CU_ASSERT_TRUE(coordinator_finished(&c));
    CU_ASSERT_TRUE(c.failed);
    CU_ASSERT_TRUE(coordinator_has_started(&c, STEP_AUTHENTICATE, END_ENDPOINT));
    CU_ASSERT_FALSE(coordinator_has_started(&c, STEP_SESSION, END_ROOT_PORT));
}

static void stop_goes_on_after_a_failure(void)
{
    struct coordinator c;
    const struct plan_step *step;
    size_t count = 0;
    coordinator_start(&c, &plan_stop, NULL, NULL);
    while ((step = coordinator_next(&c))) {
        coordinator_ended(&c, step, false);
        count++;
    }
    CU_ASSERT_EQUAL(count, plan_stop.count);
    CU_ASSERT_TRUE(coordinator_finished(&c));
    CU_ASSERT_TRUE(c.failed);
}

static bool skips_end_session(const void *context, const struct plan_step *step)
{
    (void)context;
    return step->action == STEP_END_SESSION;
}

static void what_is_skipped_is_not_waited_for(void)
{
    struct coordinator c;
    const struct plan_step *step;
    coordinator_start(&c, &plan_stop, skips_end_session, NULL);
    while ((step = coordinator_next(&c))) {
        CU_ASSERT_NOT_EQUAL(step->action, STEP_END_SESSION);
        coordinator_ended(&c, step, true);
    }
    CU_ASSERT_TRUE(coordinator_finished(&c));
    CU_ASSERT_FALSE(coordinator_has_started(&c, STEP_END_SESSION, END_ENDPOINT));
}

static void register_steps_count_for_both_ends(void)
{
    struct coordinator c;
    const struct plan_step *step;
    coordinator_start(&c, &plan_stop, NULL, NULL);
    step = coordinator_next(&c);
    CU_ASSERT_EQUAL(step->action, STEP_DISABLE);
    CU_ASSERT_TRUE(coordinator_has_started(&c, STEP_DISABLE, END_ENDPOINT));
    CU_ASSERT_TRUE(coordinator_has_started(&c, STEP_DISABLE, END_ROOT_PORT));
    CU_ASSERT_TRUE(coordinator_is_running(&c, STEP_DISABLE));
}

static void every_step_has_a_name_and_a_text(void)
{
    for (enum step_action action = 0; action < STEP_COUNT; action++) {
        CU_ASSERT_PTR_NOT_NULL(step_name(action));
        CU_ASSERT_PTR_NOT_NULL(step_text(action));
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(establish_keeps_the_order),
        TEST(rekey_keeps_the_order),
        TEST(stop_keeps_the_order),
        TEST(rekey_never_touches_enable_or_registers),
        TEST(both_ends_work_side_by_side),
        TEST(a_failure_starts_nothing_more_and_waits_for_what_runs),
        TEST(stop_goes_on_after_a_failure),
        TEST(what_is_skipped_is_not_waited_for),
        TEST(register_steps_count_for_both_ends),
        TEST(every_step_has_a_name_and_a_text),
        CU_TEST_INFO_NULL,
    };
    return suite_run("ide-kmd plans", tests);
}
