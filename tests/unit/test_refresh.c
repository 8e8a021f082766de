/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Refreshes of keys under traffic, by all that ide-kmd runs but its sockets: nothing is lost, repeated or
 * altered, and neither end leaves Secure. Then with everything in turn that can go wrong in one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "kmd_rig.h"
#include "suite.h"
#include "tools/ide-emu/fabric.h"

#define REFRESHES 1000u
#define PAUSE_NS  500000
#define CALLS     (6u + 1u + 6u + 6u) /* of a refresh at an end: program, prime, go, stop */
#define HOLD_EACH 4u                  /* in which refreshes TLPs are on their way for long */

static struct rig_stream *s;

static void open_rig(enum provider_choice choice)
{
    static const char *const names[] = {
        [PROVIDER_DOE] = "doe", [PROVIDER_KCU] = "kcu", [PROVIDER_ROT] = "rot"};
    char error[512] = "";
    if (!rig_open(1, &choice, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    s = &rig.stream[0];
    rig.emu.fabric->timeout_ms = 5000; /* nothing is meant to time out */
    CU_ASSERT_TRUE_FATAL(rig_run(s, OPERATION_ESTABLISH));
    CU_ASSERT_STRING_EQUAL(s->provider[END_ROOT_PORT].inner.ops->name, names[choice]);
}

static void expect_untouched(void)
{
    CU_ASSERT_TRUE(rig_is_secure(s));
    CU_ASSERT_EQUAL(rig_falls(s), 0);
    CU_ASSERT_EQUAL(rig.emu.fabric->lost, 0);
    CU_ASSERT_EQUAL(s->root->aer.log.count + s->device->aer.log.count, 0);
}

/* --- Traffic -------------------------------------------------------------------------------------------- */

/* What was sent, and what the links saw of it. */
static struct {
    atomic_bool ending;
    atomic_ulong writes, reads, wrong;
    /* with the model's lock */
    unsigned long posted, non_posted, completions, in_the_clear;
} traffic;

static void saw(void *context, const struct link *link, enum link_way way, enum link_event event,
                const struct frame *frame)
{
    struct frame_parts p;
    (void)context, (void)link, (void)way, (void)event;
    if (!frame_split(frame->data, frame->len, &p))
        return;
    const uint8_t *header = frame->data + p.header;
    if (!p.ide)
        traffic.in_the_clear += tlp_is_memory(header[0]);
    else if (p.prefix.substream == TLP_POSTED)
        traffic.posted += !tlp_is_message(header[0]);
    else if (p.prefix.substream == TLP_NON_POSTED)
        traffic.non_posted++;
    else
        traffic.completions++;
}

static void expect_done(enum link_result result)
{
    if (result != LINK_DONE)
        atomic_fetch_add(&traffic.wrong, 1);
}

/* Writes, and reads what was written before: one TLP each. */
static void exchange(bool by_host, uint64_t number)
{
    uint64_t out[4] = {number, ~number, number * 3, number * 5}, in[4] = {0};
    uint64_t at = number % 64 * sizeof out;
    if (by_host) {
        expect_done(link_bar_write(s->device, at, (uint8_t *)out, sizeof out));
        expect_done(link_bar_read(s->device, at, (uint8_t *)in, sizeof in));
    } else {
        expect_done(link_dma_write(s->device, 0x10000 + at, false, (uint8_t *)out, sizeof out));
        expect_done(link_dma_read(s->device, 0x10000 + at, false, (uint8_t *)in, sizeof in));
    }
    atomic_fetch_add(&traffic.writes, 1);
    atomic_fetch_add(&traffic.reads, 1);
    if (memcmp(in, out, sizeof in) != 0)
        atomic_fetch_add(&traffic.wrong, 1);
}

static void *run_traffic(void *by_host)
{
    for (uint64_t n = 1; !atomic_load(&traffic.ending); n++) {
        exchange(by_host != NULL, n);
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL); /* leaves the processor to the refreshes */
    }
    return NULL;
}

static void begin_traffic(void)
{
    memset(&traffic, 0, sizeof traffic);
    emu_lock(&rig.emu);
    rig.emu.fabric->taps[0] = (struct link_tap){saw, NULL};
    emu_unlock(&rig.emu);
}

/* One TLP for each write and read, encrypted, and one completion for each read: none lost, none twice. */
static void check_traffic(void)
{
    unsigned long writes = atomic_load(&traffic.writes), reads = atomic_load(&traffic.reads);
    CU_ASSERT_TRUE(writes > 0);
    CU_ASSERT_EQUAL(atomic_load(&traffic.wrong), 0);
    CU_ASSERT_EQUAL(traffic.posted, writes);
    CU_ASSERT_EQUAL(traffic.non_posted, reads);
    CU_ASSERT_EQUAL(traffic.completions, reads);
    CU_ASSERT_EQUAL(traffic.in_the_clear, 0);
}

/* --- TLPs that are on their way while the keys change
 * --------------------------------------------------------------- */

static unsigned long held, drained; /* over all refreshes; how often they were let go of in time */

static struct adversary *seat(enum link_way way)
{
    return &s->root->link->adversary[way];
}

static size_t on_their_way(void)
{
    emu_lock(&rig.emu);
    size_t count = seat(LINK_DOWN)->held_count + seat(LINK_UP)->held_count;
    emu_unlock(&rig.emu);
    return count;
}

/* From here on a link brings nothing more of the stream, in one direction or both, and what is sent stays in
 * its order. Both threads soon wait for something: what is held then was sent under the old keys. */
static void hold_what_is_sent(unsigned ways)
{
    emu_lock(&rig.emu);
    for (enum link_way way = LINK_DOWN; way <= LINK_UP; way++)
        if (ways & 1u << way) {
            seat(way)->attack = ATTACK_HOLD;
            seat(way)->victim = VICTIM_IDE;
            seat(way)->left = ADVERSARY_FOREVER;
        }
    emu_unlock(&rig.emu);
    while (on_their_way() < 2)
        nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
    held += on_their_way();
}

static void let_arrive(enum link_way way)
{
    struct adversary_output out;
    seat(way)->attack = ATTACK_NONE;
    adversary_release(seat(way), &out);
    for (size_t i = 0; i < out.count; i++)
        fabric_enqueue(&rig.emu, s->root->link, way, &out.frames[i]);
}

static void let_all_arrive(void)
{
    emu_lock(&rig.emu);
    let_arrive(LINK_DOWN);
    let_arrive(LINK_UP);
    fabric_run(&rig.emu);
    emu_unlock(&rig.emu);
}

/* The refresh waits for what is on its way: all of it arrives at the last moment. */
static void arrive_while_it_waits(void)
{
    drained += on_their_way() > 0;
    let_all_arrive();
}

static void refresh_under_traffic(unsigned i)
{
    if (i % HOLD_EACH == 0)
        hold_what_is_sent(1 + i / HOLD_EACH % 3); /* down, up, both */
    CU_ASSERT_TRUE_FATAL(rig_run(s, OPERATION_REKEY));
    let_all_arrive(); /* now it would be too late */
}

static void a_thousand_refreshes_under_traffic(void)
{
    pthread_t host, endpoint;
    open_rig(PROVIDER_DOE);
    begin_traffic();
    CU_ASSERT_EQUAL_FATAL(pthread_create(&host, NULL, run_traffic, &traffic), 0);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&endpoint, NULL, run_traffic, NULL), 0);
    held = drained = 0;
    rig.drained = arrive_while_it_waits;
    for (unsigned i = 1; i <= REFRESHES; i++) {
        refresh_under_traffic(i);
        CU_ASSERT_EQUAL(s->op.note_count, 0);
        CU_ASSERT_EQUAL(s->stream.rekeys, i);
        CU_ASSERT_EQUAL(s->stream.key_set, i % 2);
    }
    atomic_store(&traffic.ending, true);
    pthread_join(host, NULL);
    pthread_join(endpoint, NULL);
    check_traffic();
    CU_ASSERT_TRUE(atomic_load(&traffic.writes) > REFRESHES);
    CU_ASSERT_EQUAL(drained, REFRESHES / HOLD_EACH);
    CU_ASSERT_TRUE(held >= 2 * drained);
    expect_untouched();
    rig_close();
}

/* --- The old keys --------------------------------------------------------------------------------------- */

#define EXP_DEVCTL2 0x28u

static uint64_t now_us(void)
{
    const struct wait_ops *wait = &s->agent[END_ROOT_PORT]->wait;
    return wait->now_us(wait->context);
}

/* When the last K_SET_GO and when the first K_SET_STOP was to be sent; what had been skipped by then. */
static uint64_t at_last_go, at_first_stop;
static unsigned long skipped_at_go, skipped_at_stop;

static void note_time(struct rig_stream *stream)
{
    const struct job *stop = &stream->op.job[END_ROOT_PORT];
    if (stream->calls[END_ROOT_PORT] < 6 + 1 + 6)
        at_last_go = now_us(), skipped_at_go = atomic_load(&stream->clock[END_ROOT_PORT].skipped_us);
    else if (at_first_stop == 0 && stop->action == STEP_STOP_KEYS)
        at_first_stop = now_us(), skipped_at_stop = atomic_load(&stream->clock[END_ROOT_PORT].skipped_us);
}

static void set_completion_timeout(struct emu_function *f, uint8_t value)
{
    link_config_write(f, f->exp_cap + EXP_DEVCTL2, &value, 1);
}

static void old_keys_are_stopped_when_nothing_can_be_on_its_way(void)
{
    /* The endpoint's Device Control 2 before the stream is set up, then both ends'; 16: no timeout. */
    static const struct {
        uint8_t before, endpoint, root_port;
        uint64_t us;
    } timeouts[] = {{0, 0, 0, 50000},    {6, 6, 0, 210000}, {14, 14, 0, 4000000}, {0, 6, 0, 210000},
                    {0, 0, 6, 210000},   {6, 0, 0, 50000},  {14, 2, 1, 10000},    {16, 16, 0, 4000000},
                    {0, 0, 18, 4000000}, {16, 0, 0, 50000}};
    for (size_t i = 0; i < sizeof timeouts / sizeof *timeouts; i++) {
        open_rig(PROVIDER_DOE);
        CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
        set_completion_timeout(s->device, timeouts[i].before);
        CU_ASSERT_TRUE(rig_run(s, OPERATION_ESTABLISH));
        set_completion_timeout(s->device, timeouts[i].endpoint);
        set_completion_timeout(s->root, timeouts[i].root_port);
        at_last_go = at_first_stop = 0;
        s->between = note_time;
        CU_ASSERT_TRUE(rig_run(s, OPERATION_REKEY));
        s->between = NULL;
        CU_ASSERT_TRUE(at_first_stop >= at_last_go + timeouts[i].us);
        /* and no longer; short pauses are true ones, and not among those skipped */
        CU_ASSERT_TRUE(skipped_at_stop - skipped_at_go <= timeouts[i].us);
        CU_ASSERT_TRUE(skipped_at_stop - skipped_at_go + 20000 > timeouts[i].us);
        rig_close();
    }
}

/* A port that has gone does not say how long; the keys stay. */
static bool hide_control_2(const struct emu_function *f, unsigned offset, bool write, uint32_t value)
{
    (void)value;
    return write || f != s->device || offset != f->exp_cap + EXP_DEVCTL2;
}

static void a_completion_timeout_that_cannot_be_read_stops_nothing(void)
{
    open_rig(PROVIDER_DOE);
    rig.watch = hide_control_2;
    CU_ASSERT_FALSE(rig_run(s, OPERATION_REKEY));
    CU_ASSERT_STRING_EQUAL(s->op.failure.step, "drain");
    CHECK_ERR(s->op.failure.err, IDE_E_IO);
    CU_ASSERT_STRING_EQUAL(s->op.failure.fault.field, "Device Control 2");
    CU_ASSERT_EQUAL(pcie_bdf_compare(&s->op.failure.device, &s->op.ends.bdf[END_ENDPOINT]), 0);
    CU_ASSERT_TRUE(s->stream.both_sets);
    CU_ASSERT_TRUE(rig_is_secure(s));
    rig.watch = NULL;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_REKEY));
    CU_ASSERT_EQUAL(s->stream.rekeys, 1);
    rig_close();
}

/* --- Each step fails once ------------------------------------------------------------------------------- */

static uint64_t number;

static void exchange_both_ways(struct rig_stream *stream)
{
    (void)stream;
    exchange(true, ++number);
    exchange(false, number);
}

/* Old keys or new ones: traffic goes on during and after it, and the next refresh works. */
static void check_goes_on(void)
{
    CU_ASSERT_EQUAL(s->stream.state, STREAM_UP);
    exchange_both_ways(s);
    expect_untouched();
    s->failure = (struct rig_failure){.action = STEP_COUNT};
    uint8_t set = s->stream.both_sets ? !s->stream.key_set : s->stream.key_set;
    unsigned rekeys = s->stream.rekeys;
    bool completes = s->stream.both_sets;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_REKEY));
    CU_ASSERT_EQUAL(s->stream.rekeys, rekeys + 1);
    CU_ASSERT_EQUAL(s->stream.key_set, completes ? set : !set);
    CU_ASSERT_FALSE(s->stream.both_sets);
    CU_ASSERT_TRUE(rig_run(s, OPERATION_REKEY));
    expect_untouched();
}

/* True if the failure came about. */
static bool fail_call(enum stream_end end, unsigned call, bool after)
{
    s->failure = (struct rig_failure){.end = end, .call = call, .after = after, .action = STEP_COUNT};
    bool ok = rig_run(s, OPERATION_REKEY);
    bool came = s->calls[end] >= call;
    /* what cannot be taken back at the end is noted, and no failure */
    CU_ASSERT_TRUE(!came || !ok || s->op.note_count > 0);
    CU_ASSERT_TRUE(ok || s->op.failure.err == IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(s->stream.both_sets, !ok && s->op.outcome[0] == 'b');
    check_goes_on();
    return came;
}

static unsigned fail_each_call(enum stream_end end)
{
    unsigned made = 0;
    for (unsigned call = 1;; call++) {
        bool came = fail_call(end, call, false);
        if (!came)
            return made;
        made++;
        CU_ASSERT_TRUE(fail_call(end, call, true));
    }
}

static void fail_each_job(void)
{
    for (size_t i = 0; i < 2 * plan_rekey.count; i++) {
        const struct plan_step *step = &plan_rekey.steps[i / 2];
        s->failure = (struct rig_failure){.action = step->action, .end = step->end, .after = i % 2};
        CU_ASSERT_FALSE(rig_run(s, OPERATION_REKEY));
        CU_ASSERT_STRING_EQUAL(s->op.failure.step, step_name(step->action));
        check_goes_on();
    }
}

/* KEY_UPDATE, which comes before the keys of a refresh whose session has carried enough. */
static void fail_each_renewal(void)
{
    s->renews = true;
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        CU_ASSERT_TRUE(fail_call(end, 1, false));
        CU_ASSERT_TRUE(fail_call(end, 1, true));
        CU_ASSERT_EQUAL(s->calls[end], CALLS + 1);
    }
    s->renews = false;
}

static void each_failure_leaves_traffic_and_the_next_refresh(enum provider_choice choice)
{
    open_rig(choice);
    begin_traffic();
    s->between = exchange_both_ways;
    CU_ASSERT_EQUAL(fail_each_call(END_ENDPOINT), CALLS);
    CU_ASSERT_EQUAL(fail_each_call(END_ROOT_PORT), CALLS);
    fail_each_renewal();
    fail_each_job();
    check_traffic();
    s->between = NULL;
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
    rig_close();
}

static void a_failure_at_any_step_with_mailboxes(void)
{
    each_failure_leaves_traffic_and_the_next_refresh(PROVIDER_DOE);
}

static void a_failure_at_any_step_with_a_key_unit(void)
{
    each_failure_leaves_traffic_and_the_next_refresh(PROVIDER_KCU);
}

static void a_failure_at_any_step_with_a_root_of_trust(void)
{
    each_failure_leaves_traffic_and_the_next_refresh(PROVIDER_ROT);
}

/* --- Devices that refuse -------------------------------------------------------------------------------- */

static void a_port_that_refuses_keeps_its_old_keys(void)
{
    static const enum fault_id faults[] = {FAULT_KM_REFUSE, FAULT_GO_REFUSE, FAULT_STOP_REFUSE};
    open_rig(PROVIDER_DOE);
    begin_traffic();
    s->between = exchange_both_ways;
    for (size_t i = 0; i < 2 * sizeof faults / sizeof *faults; i++) {
        struct emu_function *f = i % 2 ? s->root : s->device;
        emu_lock(&rig.emu);
        f->faults.left[faults[i / 2]] = 1;
        f->faults.value[faults[i / 2]] = KP_ACK_UNSPECIFIED_FAILURE;
        emu_unlock(&rig.emu);
        bool ok = rig_run(s, OPERATION_REKEY);
        CU_ASSERT_EQUAL(ok, faults[i / 2] == FAULT_STOP_REFUSE);
        CU_ASSERT_EQUAL(f->faults.left[faults[i / 2]], 0);
        check_goes_on();
    }
    check_traffic();
    rig_close();
}

/* A session that is lost takes no stream with it at once, but no key can be given either. */
static void without_its_session_a_stream_keeps_its_keys(void)
{
    open_rig(PROVIDER_DOE);
    begin_traffic();
    session_close(&s->agent[END_ENDPOINT]->spdm.session);
    CU_ASSERT_FALSE(rig_run(s, OPERATION_REKEY));
    CHECK_ERR(s->op.failure.err, IDE_E_SESSION);
    CU_ASSERT_PTR_NOT_NULL(strstr(s->op.outcome, "the stream goes on with its old keys, but the session"));
    exchange_both_ways(s);
    expect_untouched();
    check_traffic();
    rig_close();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_thousand_refreshes_under_traffic),
        TEST(old_keys_are_stopped_when_nothing_can_be_on_its_way),
        TEST(a_completion_timeout_that_cannot_be_read_stops_nothing),
        TEST(a_failure_at_any_step_with_mailboxes),
        TEST(a_failure_at_any_step_with_a_key_unit),
        TEST(a_failure_at_any_step_with_a_root_of_trust),
        TEST(a_port_that_refuses_keeps_its_old_keys),
        TEST(without_its_session_a_stream_keeps_its_keys),
        CU_TEST_INFO_NULL,
    };
    return suite_run("refresh", tests);
}
