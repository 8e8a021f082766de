/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Establish and stop with everything in turn that can go wrong in them: each job, each call of a key
 * provider, each write of a register. Afterwards both ends are off with idle blocks and no keys, another
 * stream has not noticed, and the next establish works. And the order of what has an order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "kmd_rig.h"
#include "suite.h"
#include "tools/ide-emu/key_unit.h"

#define ESTABLISH_CALLS (6u + 1u + 6u) /* at an end: program, prime, go */
#define STOP_CALLS      6u

static struct rig_stream *s, *other;

static void open_rig(enum provider_choice choice)
{
    char error[512] = "";
    const enum provider_choice choices[] = {choice, choice};
    if (!rig_open(2, choices, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    s = &rig.stream[0];
    other = &rig.stream[1];
    rig.emu.fabric->timeout_ms = 5000; /* nothing is meant to time out */
    CU_ASSERT_TRUE_FATAL(rig_run(other, OPERATION_ESTABLISH));
}

static void close_rig(void)
{
    rig.watch = NULL;
    CU_ASSERT_TRUE(rig_run(other, OPERATION_STOP));
    rig_close();
}

/* --- What must be so afterwards ------------------------------------------------------------------------- */

static void expect_idle(struct emu_function *f)
{
    emu_lock(&rig.emu);
    for (size_t i = 0; i < f->ide.count; i++) {
        const struct port_stream *block = &f->ide.streams[i];
        CU_ASSERT_FALSE(port_stream_enabled(block, &f->config));
        CU_ASSERT_EQUAL(port_stream_id(block, &f->config), IDE_STREAM_ID_IDLE);
        CU_ASSERT_FALSE(port_stream_has_keys(block));
        CU_ASSERT_TRUE(!block->selective ||
                       (config_get32(&f->config, block->rid) == 0 &&
                        config_get32(&f->config, block->rid + PCIE_IDE_SEL_RID_2 - PCIE_IDE_SEL_RID_1) == 0));
    }
    emu_unlock(&rig.emu);
}

static void expect_other_untouched(void)
{
    CU_ASSERT_TRUE(rig_is_secure(other));
    CU_ASSERT_EQUAL(rig_falls(other), 0);
}

static void expect_off(void)
{
    CU_ASSERT_EQUAL(s->stream.state, STREAM_OFF);
    CU_ASSERT_PTR_NULL(s->stream.registers);
    expect_idle(s->root);
    expect_idle(s->device);
    expect_other_untouched();
    if (rig.emu.key_unit_count > 0) { /* what is left there is the other stream's */
        CU_ASSERT_EQUAL(key_unit_slots_in_use(&rig.emu.key_units[0], IDE_TX), 3);
        CU_ASSERT_EQUAL(key_unit_slots_in_use(&rig.emu.key_units[0], IDE_RX), 3);
    }
}

static void expect_it_works(void)
{
    s->failure = (struct rig_failure){.action = STEP_COUNT};
    rig.watch = NULL;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_ESTABLISH));
    CU_ASSERT_TRUE(rig_is_secure(s));
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    expect_off();
}

/* --- Each job and each call of a provider fails once ---------------------------------------------------- */

static void fail_jobs_of_establish(void)
{
    for (size_t i = 0; i < 2 * plan_establish.count; i++) {
        const struct plan_step *step = &plan_establish.steps[i / 2];
        s->failure = (struct rig_failure){.action = step->action, .end = step->end, .after = i % 2};
        CU_ASSERT_FALSE(rig_run(s, OPERATION_ESTABLISH));
        CU_ASSERT_STRING_EQUAL(s->op.failure.step, step_name(step->action));
        CU_ASSERT_STRING_EQUAL(s->op.outcome, "the stream is off at both ports");
        expect_off();
        expect_it_works();
    }
}

static void fail_calls_of_establish(enum stream_end end)
{
    for (unsigned i = 2; i < 2 * (ESTABLISH_CALLS + 1); i++) {
        s->failure = (struct rig_failure){.end = end, .call = i / 2, .after = i % 2, .action = STEP_COUNT};
        CU_ASSERT_FALSE(rig_run(s, OPERATION_ESTABLISH));
        CHECK_ERR(s->op.failure.err, IDE_E_PEER_ERROR);
        CU_ASSERT_STRING_EQUAL(s->op.outcome, "the stream is off at both ports");
        expect_off();
    }
    expect_it_works();
}

/* A stop goes on whatever fails, and may be tried again. */
static void fail_jobs_of_stop(void)
{
    for (size_t i = 0; i < 2 * plan_stop.count; i++) {
        const struct plan_step *step = &plan_stop.steps[i / 2];
        s->failure = (struct rig_failure){.action = STEP_COUNT};
        CU_ASSERT_TRUE(rig_run(s, OPERATION_ESTABLISH));
        s->failure = (struct rig_failure){.action = step->action, .end = step->end, .after = i % 2};
        CU_ASSERT_FALSE(rig_run(s, OPERATION_STOP));
        CU_ASSERT_STRING_EQUAL(s->op.failure.step, step_name(step->action));
        CU_ASSERT_EQUAL(s->stream.state, STREAM_HALF_OFF);
        CU_ASSERT_FALSE(rig_is_secure(s));
        expect_other_untouched();
        s->failure = (struct rig_failure){.action = STEP_COUNT};
        CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
        expect_off();
    }
    expect_it_works();
}

/* That a port cannot take its keys back is noted, and no failure. */
static void fail_calls_of_stop(enum stream_end end)
{
    for (unsigned i = 2; i < 2 * (STOP_CALLS + 1); i++) {
        s->failure = (struct rig_failure){.action = STEP_COUNT};
        CU_ASSERT_TRUE(rig_run(s, OPERATION_ESTABLISH));
        s->failure = (struct rig_failure){.end = end, .call = i / 2, .after = i % 2, .action = STEP_COUNT};
        CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
        CU_ASSERT_EQUAL(s->op.note_count, 1);
        CU_ASSERT_EQUAL(s->stream.state, STREAM_OFF);
        expect_other_untouched();
    }
    expect_it_works();
}

static void each_failure_leaves_nothing(enum provider_choice choice)
{
    open_rig(choice);
    fail_jobs_of_establish();
    fail_calls_of_establish(END_ENDPOINT);
    fail_calls_of_establish(END_ROOT_PORT);
    fail_jobs_of_stop();
    fail_calls_of_stop(END_ENDPOINT);
    fail_calls_of_stop(END_ROOT_PORT);
    close_rig();
}

static void a_failure_at_any_step_with_mailboxes(void)
{
    each_failure_leaves_nothing(PROVIDER_DOE);
}

static void a_failure_at_any_step_with_a_key_unit(void)
{
    each_failure_leaves_nothing(PROVIDER_KCU);
}

static void a_failure_at_any_step_with_a_root_of_trust(void)
{
    each_failure_leaves_nothing(PROVIDER_ROT);
}

/* --- Each write of a register fails once ---------------------------------------------------------------- */

static struct {
    unsigned fails; /* which of the writes, from 1 */
    unsigned made;
    bool ignored; /* no error, and no effect */
} writes;

static bool in_ide(const struct emu_function *f, unsigned offset)
{
    return (f == s->root || f == s->device) && offset >= f->ide.cap && offset < f->ide.end;
}

static bool fail_one_write(const struct emu_function *f, unsigned offset, bool write, uint32_t value)
{
    (void)value;
    return !write || !in_ide(f, offset) || ++writes.made != writes.fails;
}

static void each_register_that_cannot_be_written(void)
{
    open_rig(PROVIDER_DOE);
    unsigned of_establish = 0;
    for (writes.fails = 1;; writes.fails++) {
        writes.made = 0;
        rig.watch = fail_one_write;
        bool ok = rig_run(s, OPERATION_ESTABLISH);
        rig.watch = NULL;
        if (ok)
            break;
        of_establish++;
        CHECK_ERR(s->op.failure.err, IDE_E_IO);
        CU_ASSERT_TRUE(strcmp(s->op.failure.step, "setup") == 0 || strcmp(s->op.failure.step, "enable") == 0);
        expect_off();
    }
    CU_ASSERT_TRUE(of_establish > 10);
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    for (writes.fails = 1;; writes.fails++) {
        CU_ASSERT_TRUE(rig_run(s, OPERATION_ESTABLISH));
        writes.made = 0;
        rig.watch = fail_one_write;
        bool ok = rig_run(s, OPERATION_STOP);
        rig.watch = NULL;
        if (ok)
            break;
        CHECK_ERR(s->op.failure.err, IDE_E_IO);
        CU_ASSERT_FALSE(rig_is_secure(s));
        CU_ASSERT_TRUE(s->stream.state == STREAM_HALF_OFF && rig_run(s, OPERATION_STOP));
        expect_off();
    }
    CU_ASSERT_TRUE(writes.fails > 10);
    expect_off();
    expect_it_works();
    close_rig();
}

/* --- Order ---------------------------------------------------------------------------------------------- */

static struct {
    unsigned events;
    unsigned associated[END_COUNT]; /* the last write of the association, and of the Stream ID with it */
    unsigned first_key, last_key, enabled[END_COUNT], disabled[END_COUNT];
    unsigned endpoint_between; /* accesses to the endpoint while one end is on and the other is not */
    bool on[END_COUNT];
} seen;

static bool watch_order(const struct emu_function *f, unsigned offset, bool write, uint32_t value)
{
    enum stream_end end = f == s->root ? END_ROOT_PORT : END_ENDPOINT;
    if (f != s->root && f != s->device)
        return true;
    seen.events++;
    bool control = write && in_ide(f, offset) && rig_is_control(f, offset);
    bool half = seen.on[END_ENDPOINT] != seen.on[END_ROOT_PORT];
    if (f == s->device && half && !control)
        seen.endpoint_between++;
    if (!control) {
        seen.associated[end] = write && in_ide(f, offset) && value ? seen.events : seen.associated[end];
        return true;
    }
    bool on = value & PCIE_IDE_STREAM_CTL_EN;
    if (on && !seen.on[end])
        seen.enabled[end] = seen.events;
    if (!on && seen.on[end])
        seen.disabled[end] = seen.events;
    if (!on && field_get(PCIE_IDE_STREAM_CTL_ID, value) == s->stream.id)
        seen.associated[end] = seen.events;
    seen.on[end] = on;
    return true;
}

/* Before each call of a provider. */
static void note_key(struct rig_stream *stream)
{
    (void)stream;
    if (stream->calls[END_ENDPOINT] + stream->calls[END_ROOT_PORT] == 0)
        return;
    if (!seen.first_key)
        seen.first_key = seen.events;
    if (!seen.enabled[END_ENDPOINT])
        seen.last_key = seen.events;
}

static void what_has_an_order_is_done_in_it(void)
{
    open_rig(PROVIDER_DOE);
    memset(&seen, 0, sizeof seen);
    s->between = note_key;
    rig.watch = watch_order;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_ESTABLISH));
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        CU_ASSERT_TRUE(seen.associated[end] > 0 && seen.associated[end] < seen.first_key);
        CU_ASSERT_TRUE(seen.enabled[end] > seen.last_key);
    }
    CU_ASSERT_TRUE(seen.enabled[END_ENDPOINT] < seen.enabled[END_ROOT_PORT]);
    CU_ASSERT_EQUAL(seen.endpoint_between, 0);
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    CU_ASSERT_TRUE(seen.disabled[END_ROOT_PORT] > 0 &&
                   seen.disabled[END_ROOT_PORT] < seen.disabled[END_ENDPOINT]);
    CU_ASSERT_EQUAL(seen.endpoint_between, 0);
    s->between = NULL;
    close_rig();
}

/* The same when an establish fails that far: nobody talks to the endpoint while the root port alone is on. */
static void undoing_has_the_same_order(void)
{
    open_rig(PROVIDER_DOE);
    memset(&seen, 0, sizeof seen);
    rig.watch = watch_order;
    s->failure = (struct rig_failure){.action = STEP_AWAIT_SECURE, .end = END_ROOT_PORT};
    CU_ASSERT_FALSE(rig_run(s, OPERATION_ESTABLISH));
    CU_ASSERT_TRUE(seen.disabled[END_ROOT_PORT] > 0 &&
                   seen.disabled[END_ROOT_PORT] < seen.disabled[END_ENDPOINT]);
    CU_ASSERT_EQUAL(seen.endpoint_between, 0);
    expect_off();
    close_rig();
}

/* --- Keys that are not used any more -------------------------------------------------------------------- */

/* Of an end and a key set: the keys that the operation gave, taken when all six are there. */
static struct {
    enum stream_end end;
    uint8_t set;
    bool taken;
    struct ide_key_slot key[IDE_DIRECTIONS][IDE_SUBSTREAMS];
} given;

static void take_given(struct rig_stream *stream)
{
    emu_lock(&rig.emu);
    const struct port_stream *block = rig_block(stream, given.end);
    bool all = block != NULL;
    for (unsigned i = 0; all && i < IDE_DIRECTIONS * IDE_SUBSTREAMS; i++)
        all = block->key[given.set][i % IDE_DIRECTIONS][i / IDE_DIRECTIONS].programmed;
    if (all && !given.taken)
        memcpy(given.key, block->key[given.set], sizeof given.key);
    given.taken |= all;
    emu_unlock(&rig.emu);
}

static void expect_overwritten(void)
{
    CU_ASSERT_TRUE_FATAL(given.taken);
    emu_lock(&rig.emu);
    const struct port_stream *block = rig_block(s, given.end);
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
            const struct ide_key_slot *now = &block->key[given.set][d][sub];
            CU_ASSERT_TRUE(now->programmed && !now->started);
            CU_ASSERT_TRUE(memcmp(now->key.key, given.key[d][sub].key.key, sizeof now->key.key) != 0);
        }
    emu_unlock(&rig.emu);
    memset(&given, 0, sizeof given);
}

/* Who takes the keys of an end. */
static struct emu_function *keeper_of(enum stream_end end)
{
    if (end == END_ENDPOINT)
        return s->device;
    return rig.platform.rot.present ? &rig.emu.functions[rig.platform.rot.function] : s->root;
}

static void refuse_to_stop(enum stream_end end, uint32_t times)
{
    emu_lock(&rig.emu);
    keeper_of(end)->faults.left[FAULT_STOP_REFUSE] = times;
    emu_unlock(&rig.emu);
}

/* The old set in a refresh, or the new one of a refresh that fails. */
static void overwrite_once(enum stream_end end, bool undo)
{
    given.end = end;
    given.set = undo ? !s->stream.key_set : s->stream.key_set;
    s->between = take_given;
    refuse_to_stop(end, FAULT_FOREVER);
    if (undo)
        s->failure = (struct rig_failure){.action = STEP_GO_RECEIVE, .end = end, .after = true};
    CU_ASSERT_EQUAL(rig_run(s, OPERATION_REKEY), !undo);
    CU_ASSERT_EQUAL(s->op.note_count, 1);
    CU_ASSERT_TRUE(rig_is_secure(s));
    CU_ASSERT_EQUAL(rig_falls(s), 0);
    expect_overwritten();
    s->between = NULL;
    s->failure = (struct rig_failure){.action = STEP_COUNT};
    refuse_to_stop(end, 0);
    /* and it does not keep the next keys from working */
    CU_ASSERT_TRUE(rig_run(s, OPERATION_REKEY));
    CU_ASSERT_TRUE(rig_is_secure(s));
}

static void a_port_that_cannot_stop_keys_has_them_overwritten(void)
{
    static const enum provider_choice choices[] = {PROVIDER_DOE, PROVIDER_ROT};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        open_rig(choices[i]);
        CU_ASSERT_TRUE_FATAL(rig_run(s, OPERATION_ESTABLISH));
        for (enum stream_end end = 0; end < END_COUNT; end++) {
            overwrite_once(end, false);
            overwrite_once(end, true);
        }
        CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
        expect_off();
        close_rig();
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_failure_at_any_step_with_mailboxes),
        TEST(a_failure_at_any_step_with_a_key_unit),
        TEST(a_failure_at_any_step_with_a_root_of_trust),
        TEST(each_register_that_cannot_be_written),
        TEST(what_has_an_order_is_done_in_it),
        TEST(undoing_has_the_same_order),
        TEST(a_port_that_cannot_stop_keys_has_them_overwritten),
        CU_TEST_INFO_NULL,
    };
    return suite_run("steps of establish and stop", tests);
}
