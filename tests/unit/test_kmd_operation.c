/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations without threads or devices: what is handed out, what is undone, what is said.
 * tools/ide-kmd/operation.h */
#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/operation.h"

#define JOBS_MAX 64

/* Stands for the workers: takes jobs, and answers each as the test wants. */
static struct bench {
    struct job *waiting[JOBS_MAX]; /* handed out, not answered */
    size_t waiting_count;
    struct {
        enum step_action action;
        enum stream_end end;
        uint8_t key_set, stop_sets;
    } done[JOBS_MAX]; /* answered, in order */
    size_t done_count;
    enum step_action fail_action; /* answered with IDE_E_TIMEOUT; STEP_COUNT: none */
    enum stream_end fail_end;
    bool fail_disable; /* STEP_DISABLE fails too */
    bool lose_session; /* the step that fails loses its end's */
    bool shared[END_COUNT];
    struct ide_key_set keys[END_COUNT]; /* what each end was given */
    bool finished;
} bench;

static void on_dispatch(void *context, struct operation *op, struct job *job)
{
    (void)context;
    (void)op;
    CU_ASSERT_FATAL(bench.waiting_count < JOBS_MAX);
    bench.waiting[bench.waiting_count++] = job;
}

static void on_progress(void *context, const struct operation *op, const struct job *job,
                        enum step_progress progress)
{
    (void)context;
    (void)op;
    (void)job;
    (void)progress;
}

static void on_finished(void *context, struct operation *op)
{
    (void)context;
    (void)op;
    CU_ASSERT_FALSE(bench.finished);
    bench.finished = true;
}

static bool on_is_shared(void *context, const struct operation *op, enum stream_end end)
{
    (void)context;
    (void)op;
    return bench.shared[end];
}

static const struct operation_hooks hooks = {
    .dispatch = on_dispatch, .progress = on_progress, .finished = on_finished, .is_shared = on_is_shared};

static enum ide_err counting(void *context, uint8_t *out, size_t n)
{
    uint8_t *next = context;
    for (size_t i = 0; i < n; i++)
        out[i] = (*next)++;
    return IDE_OK;
}

static enum ide_err no_numbers(void *context, uint8_t *out, size_t n)
{
    (void)context;
    (void)out;
    (void)n;
    return IDE_E_RANDOM;
}

static uint8_t counter;
static const struct rng rng = {counting, &counter}, broken_rng = {no_numbers, NULL};
static const struct stream_ends ends = {
    .bdf = {[END_ENDPOINT] = {.bus = 1}, [END_ROOT_PORT] = {.device = 3}}};

static void set_up(struct operation *op, enum operation_kind kind, struct stream *stream)
{
    bench = (struct bench){.fail_action = STEP_COUNT};
    *op = (struct operation){.kind = kind, .hooks = &hooks, .rng = &rng, .stream = stream, .ends = ends};
}

static struct stream new_stream(enum stream_state state)
{
    return (struct stream){.ends = ends, .id = 5, .state = state};
}

static void answer(struct operation *op, struct job *job)
{
    bool fails = job->action == bench.fail_action && job->end == bench.fail_end;
    bench.done[bench.done_count].action = job->action;
    bench.done[bench.done_count].end = job->end;
    bench.done[bench.done_count].key_set = job->key_set;
    bench.done[bench.done_count++].stop_sets = job->stop_sets;
    if (job->action == STEP_PROGRAM_KEYS)
        bench.keys[job->end] = *job->keys;
    if (job->action == STEP_SESSION)
        job->provider.session = job->end == END_ENDPOINT ? 7 : 9;
    if (fails || (bench.fail_disable && job->action == STEP_DISABLE))
        job->err = ide_fail(&job->fault, IDE_E_TIMEOUT, "DOE receive", NULL);
    job->session_lost = fails && bench.lose_session;
    operation_reply(op, job);
}

/* Answers until there is nothing left, the newest first, so that the two ends come in either order. */
static void run(struct operation *op)
{
    operation_start(op);
    while (bench.waiting_count > 0)
        answer(op, bench.waiting[--bench.waiting_count]);
    CU_ASSERT_TRUE(bench.finished);
    CU_ASSERT_PTR_NULL(op->keys); /* wiped, whatever happened */
}

static bool was_done(enum step_action action, enum stream_end end)
{
    for (size_t i = 0; i < bench.done_count; i++)
        if (bench.done[i].action == action && bench.done[i].end == end)
            return true;
    return false;
}

static size_t when(enum step_action action)
{
    for (size_t i = 0; i < bench.done_count; i++)
        if (bench.done[i].action == action)
            return i;
    return SIZE_MAX;
}

static uint8_t stopped_sets(enum stream_end end)
{
    for (size_t i = 0; i < bench.done_count; i++)
        if (bench.done[i].action == STEP_STOP_KEYS && bench.done[i].end == end)
            return bench.done[i].stop_sets;
    return 0;
}

static void establish_brings_the_stream_up(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    run(&op);
    CHECK_OK(op.failure.err);
    CU_ASSERT_EQUAL(stream.state, STREAM_UP);
    CU_ASSERT_EQUAL(stream.key_set, 0);
    CU_ASSERT_EQUAL(stream.provider[END_ENDPOINT].session, 7);
    CU_ASSERT_EQUAL(stream.provider[END_ROOT_PORT].session, 9);
    CU_ASSERT_EQUAL(bench.done_count, plan_establish.count);
    CU_ASSERT_FALSE(was_done(STEP_DISABLE, END_ROOT_PORT));
}

static void one_ends_receive_keys_are_the_others_transmit_keys(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    run(&op);
    const struct ide_key_set *endpoint = &bench.keys[END_ENDPOINT], *root = &bench.keys[END_ROOT_PORT];
    for (enum ide_substream s = IDE_PR; s <= IDE_CPL; s++) {
        CU_ASSERT(memcmp(&endpoint->key[IDE_RX][s], &root->key[IDE_TX][s], sizeof(struct ide_key)) == 0);
        CU_ASSERT(memcmp(&endpoint->key[IDE_TX][s], &root->key[IDE_RX][s], sizeof(struct ide_key)) == 0);
        CU_ASSERT(memcmp(&endpoint->key[IDE_RX][s], &endpoint->key[IDE_TX][s], sizeof(struct ide_key)) != 0);
    }
}

/* What must be undone of a step once it has started. */
static const struct {
    enum step_action made, undone;
} undo[] = {
    {STEP_ENABLE, STEP_DISABLE},
    {STEP_PROGRAM_KEYS, STEP_STOP_KEYS},
    {STEP_SETUP, STEP_RELEASE},
    {STEP_AUTHENTICATE, STEP_END_SESSION},
};

static void check_undone(enum step_action made, enum step_action undone)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (!step_is_for_both(made))
            CU_ASSERT_EQUAL(was_done(made, end), was_done(undone, end));
    if (step_is_for_both(made))
        CU_ASSERT_EQUAL(was_done(made, END_ROOT_PORT), was_done(undone, END_ROOT_PORT));
}

static void establish_undoes_what_it_had_started(void)
{
    for (size_t i = 0; i < plan_establish.count; i++) {
        struct operation op;
        struct stream stream = new_stream(STREAM_STARTING);
        const struct plan_step *step = &plan_establish.steps[i];
        set_up(&op, OPERATION_ESTABLISH, &stream);
        bench.fail_action = step->action;
        bench.fail_end = step->end;
        run(&op);
        CHECK_ERR(op.failure.err, IDE_E_TIMEOUT);
        CU_ASSERT_STRING_EQUAL(op.failure.step, step_name(step->action));
        CU_ASSERT_EQUAL(pcie_bdf_compare(&op.failure.device, &ends.bdf[step->end]), 0);
        CU_ASSERT_STRING_EQUAL(op.outcome, "the stream is off at both ports");
        CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
        for (size_t u = 0; u < sizeof undo / sizeof *undo; u++)
            check_undone(undo[u].made, undo[u].undone);
    }
}

static void undoing_goes_backwards(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    bench.fail_action = STEP_AWAIT_SECURE;
    bench.fail_end = END_ROOT_PORT;
    run(&op);
    CU_ASSERT(when(STEP_AWAIT_SECURE) < when(STEP_DISABLE));
    CU_ASSERT(when(STEP_DISABLE) < when(STEP_STOP_KEYS));
    CU_ASSERT(when(STEP_STOP_KEYS) < when(STEP_RELEASE));
    CU_ASSERT(when(STEP_RELEASE) < when(STEP_END_SESSION));
    CU_ASSERT_EQUAL(stopped_sets(END_ENDPOINT), 1);
    CU_ASSERT_EQUAL(stopped_sets(END_ROOT_PORT), 1);
}

static void a_session_that_others_use_is_not_ended(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    bench.fail_action = STEP_GO_TRANSMIT;
    bench.fail_end = END_ENDPOINT;
    bench.shared[END_ROOT_PORT] = true;
    run(&op);
    CU_ASSERT_TRUE(was_done(STEP_END_SESSION, END_ENDPOINT));
    CU_ASSERT_FALSE(was_done(STEP_END_SESSION, END_ROOT_PORT));
}

static void what_cannot_be_turned_off_is_not_forgotten(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    bench.fail_action = STEP_AWAIT_SECURE;
    bench.fail_end = END_ROOT_PORT;
    bench.fail_disable = true;
    run(&op);
    CU_ASSERT_STRING_EQUAL(op.failure.step, "await_secure"); /* the first failure is the one to tell */
    CU_ASSERT_EQUAL(op.note_count, 1);
    CU_ASSERT_STRING_EQUAL(op.note[0].step, "disable");
    CU_ASSERT_EQUAL(stream.state, STREAM_HALF_OFF);
    CU_ASSERT_TRUE(was_done(STEP_RELEASE, END_ROOT_PORT)); /* and the rest is tried all the same */
}

static void without_random_numbers_no_key_is_given(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    op.rng = &broken_rng;
    run(&op);
    CHECK_ERR(op.failure.err, IDE_E_RANDOM);
    CU_ASSERT_STRING_EQUAL(op.failure.step, "program_keys");
    CU_ASSERT_FALSE(was_done(STEP_PROGRAM_KEYS, END_ENDPOINT));
    CU_ASSERT_FALSE(was_done(STEP_PROGRAM_KEYS, END_ROOT_PORT));
    CU_ASSERT_FALSE(was_done(STEP_ENABLE, END_ROOT_PORT));
    CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
}

static void rekey_changes_the_key_set_and_stops_the_old_one(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_UP);
    for (uint8_t old = 0; old < 2; old++) {
        set_up(&op, OPERATION_REKEY, &stream);
        run(&op);
        CHECK_OK(op.failure.err);
        CU_ASSERT_EQUAL(bench.done[when(STEP_PROGRAM_KEYS)].key_set, !old);
        CU_ASSERT_EQUAL(bench.done[when(STEP_GO_TRANSMIT)].key_set, !old);
        CU_ASSERT_EQUAL(stopped_sets(END_ENDPOINT), 1u << old);
        CU_ASSERT_EQUAL(stopped_sets(END_ROOT_PORT), 1u << old);
        CU_ASSERT_EQUAL(stream.key_set, !old);
        CU_ASSERT_EQUAL(stream.rekeys, old + 1u);
    }
}

static void a_rekey_that_fails_early_takes_the_new_keys_back(void)
{
    static const enum step_action early[] = {STEP_PROGRAM_KEYS, STEP_GO_RECEIVE};
    for (size_t i = 0; i < 4; i++) {
        struct operation op;
        struct stream stream = new_stream(STREAM_UP);
        set_up(&op, OPERATION_REKEY, &stream);
        bench.fail_action = early[i / 2];
        bench.fail_end = i % 2 ? END_ROOT_PORT : END_ENDPOINT;
        run(&op);
        CHECK_ERR(op.failure.err, IDE_E_TIMEOUT);
        CU_ASSERT_EQUAL(stream.state, STREAM_UP);
        CU_ASSERT_EQUAL(stream.key_set, 0);
        CU_ASSERT_FALSE(stream.both_sets);
        CU_ASSERT_EQUAL(stopped_sets(bench.fail_end), 2); /* the new set only */
        CU_ASSERT_FALSE(was_done(STEP_GO_TRANSMIT, END_ENDPOINT));
        CU_ASSERT_STRING_EQUAL(op.outcome, "the stream goes on with its old keys");
    }
}

#define NO_REKEY                                                                                             \
    ", but the session that they came from is lost, and no rekey can succeed: for new keys stop all that "   \
    "it keyed and establish it again, or leave that to the controller, which does so when they are due"

/* What is promised is what can be: no key is given in a session that is lost. */
static void a_rekey_that_loses_a_session_promises_no_other(void)
{
    static const struct {
        enum step_action fails;
        const char *outcome;
    } rows[] = {{STEP_PROGRAM_KEYS, "the stream goes on with its old keys" NO_REKEY},
                {STEP_GO_RECEIVE, "the stream goes on with its old keys" NO_REKEY},
                {STEP_GO_TRANSMIT, "both ports keep the old keys and the new ones" NO_REKEY},
                {STEP_STOP_KEYS, "both ports keep the old keys and the new ones" NO_REKEY}};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        struct operation op;
        struct stream stream = new_stream(STREAM_UP);
        set_up(&op, OPERATION_REKEY, &stream);
        bench.fail_action = rows[i / 2].fails;
        bench.fail_end = i % 2 ? END_ROOT_PORT : END_ENDPOINT;
        bench.lose_session = true;
        run(&op);
        CHECK_ERR(op.failure.err, IDE_E_TIMEOUT);
        CU_ASSERT_STRING_EQUAL(op.outcome, rows[i / 2].outcome);
        CU_ASSERT_EQUAL(stream.both_sets, rows[i / 2].outcome[0] == 'b');
    }
}

static void a_rekey_that_fails_late_keeps_both_sets_and_the_next_completes_it(void)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        struct operation op;
        struct stream stream = new_stream(STREAM_UP);
        set_up(&op, OPERATION_REKEY, &stream);
        bench.fail_action = STEP_GO_TRANSMIT;
        bench.fail_end = end;
        run(&op);
        CHECK_ERR(op.failure.err, IDE_E_TIMEOUT);
        CU_ASSERT_TRUE(stream.both_sets);
        CU_ASSERT_EQUAL(stream.key_set, 0);
        CU_ASSERT_FALSE(was_done(STEP_STOP_KEYS, END_ENDPOINT));
        CU_ASSERT_FALSE(was_done(STEP_STOP_KEYS, END_ROOT_PORT));

        set_up(&op, OPERATION_REKEY, &stream);
        run(&op);
        CHECK_OK(op.failure.err);
        CU_ASSERT_FALSE(was_done(STEP_PROGRAM_KEYS, END_ENDPOINT)); /* it has them */
        CU_ASSERT_EQUAL(bench.done[when(STEP_GO_TRANSMIT)].key_set, 1);
        CU_ASSERT_EQUAL(stopped_sets(END_ENDPOINT), 1);
        CU_ASSERT_EQUAL(stream.key_set, 1);
        CU_ASSERT_FALSE(stream.both_sets);
    }
}

static void stop_turns_off_all_that_may_be_on(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_UP);
    stream.both_sets = true;
    set_up(&op, OPERATION_STOP, &stream);
    run(&op);
    CHECK_OK(op.failure.err);
    CU_ASSERT_EQUAL(stopped_sets(END_ENDPOINT), 3);
    CU_ASSERT_EQUAL(bench.done_count, plan_stop.count);
    CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
}

static void a_stop_that_fails_may_be_tried_again(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_UP);
    set_up(&op, OPERATION_STOP, &stream);
    bench.fail_disable = true;
    run(&op);
    CU_ASSERT_STRING_EQUAL(op.failure.step, "disable");
    CU_ASSERT_EQUAL(stream.state, STREAM_HALF_OFF);
    set_up(&op, OPERATION_STOP, &stream);
    run(&op);
    CHECK_OK(op.failure.err);
    CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
}

static void what_is_cancelled_is_undone(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    set_up(&op, OPERATION_ESTABLISH, &stream);
    operation_start(&op);
    CU_ASSERT_EQUAL(bench.waiting_count, 2);
    CU_ASSERT_TRUE(operation_cancel(&op, "for a test"));
    CU_ASSERT_TRUE(operation_cancel(&op, "for a test")); /* for the other end's worker */
    while (bench.waiting_count > 0)
        answer(&op, bench.waiting[--bench.waiting_count]);
    CU_ASSERT_TRUE(bench.finished);
    CHECK_ERR(op.failure.err, IDE_E_CANCELLED);
    CU_ASSERT_FALSE(was_done(STEP_SESSION, END_ENDPOINT));
    CU_ASSERT_TRUE(was_done(STEP_END_SESSION, END_ENDPOINT));
    CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
}

static bool all_forget(enum step_action cancelled_at)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_STARTING);
    bool forget = true, cancelled = false;
    set_up(&op, OPERATION_ESTABLISH, &stream);
    operation_start(&op);
    while (bench.waiting_count > 0) {
        struct job *job = bench.waiting[--bench.waiting_count];
        forget = forget && (!op.undoing || job->forgets);
        if (job->action == cancelled_at && !cancelled)
            cancelled = operation_cancel(&op, "for a test");
        answer(&op, job);
    }
    CU_ASSERT_TRUE(cancelled && bench.finished);
    CHECK_ERR(op.failure.err, IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
    return forget;
}

/* Its last step has written down that the stream is wanted after a kill, too. */
static void what_is_cancelled_at_the_last_moment_is_not_wanted_after_a_kill(void)
{
    CU_ASSERT_TRUE(all_forget(STEP_AWAIT_SECURE));
    CU_ASSERT_FALSE(all_forget(STEP_ENABLE)); /* what was wanted before stays so */
}

static void a_stop_is_not_cancelled(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_UP);
    set_up(&op, OPERATION_STOP, &stream);
    operation_start(&op);
    CU_ASSERT_FALSE(operation_cancel(&op, "for a test"));
    while (bench.waiting_count > 0)
        answer(&op, bench.waiting[--bench.waiting_count]);
    CU_ASSERT_EQUAL(stream.state, STREAM_OFF);
}

static void nobody_looks_while_the_ends_differ(void)
{
    struct operation op;
    struct stream stream = new_stream(STREAM_UP);
    set_up(&op, OPERATION_STOP, &stream);
    operation_start(&op);
    CU_ASSERT_EQUAL(bench.waiting[0]->action, STEP_DISABLE);
    CU_ASSERT_TRUE(operation_is_delicate(&op));
    answer(&op, bench.waiting[--bench.waiting_count]);
    CU_ASSERT_FALSE(operation_is_delicate(&op));
    while (bench.waiting_count > 0)
        answer(&op, bench.waiting[--bench.waiting_count]);
}

static void attest_is_one_step_at_one_end(void)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        struct operation op;
        set_up(&op, OPERATION_ATTEST, NULL);
        op.attested = end;
        run(&op);
        CHECK_OK(op.failure.err);
        CU_ASSERT_EQUAL(bench.done_count, 1);
        CU_ASSERT_TRUE(was_done(STEP_ATTEST, end));
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(establish_brings_the_stream_up),
        TEST(one_ends_receive_keys_are_the_others_transmit_keys),
        TEST(establish_undoes_what_it_had_started),
        TEST(undoing_goes_backwards),
        TEST(a_session_that_others_use_is_not_ended),
        TEST(what_cannot_be_turned_off_is_not_forgotten),
        TEST(without_random_numbers_no_key_is_given),
        TEST(rekey_changes_the_key_set_and_stops_the_old_one),
        TEST(a_rekey_that_fails_early_takes_the_new_keys_back),
        TEST(a_rekey_that_loses_a_session_promises_no_other),
        TEST(a_rekey_that_fails_late_keeps_both_sets_and_the_next_completes_it),
        TEST(stop_turns_off_all_that_may_be_on),
        TEST(a_stop_that_fails_may_be_tried_again),
        TEST(what_is_cancelled_is_undone),
        TEST(what_is_cancelled_at_the_last_moment_is_not_wanted_after_a_kill),
        TEST(a_stop_is_not_cancelled),
        TEST(nobody_looks_while_the_ends_differ),
        TEST(attest_is_one_step_at_one_end),
        CU_TEST_INFO_NULL,
    };
    return suite_run("ide-kmd operations", tests);
}
