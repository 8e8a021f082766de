/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the watch reads and writes when a stream falls, on the emulated platform, with a stream that ide-kmd's
 * operations set up. No thread looks: the test says when, and what the time is; and it is told the news.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "check.h"
#include "kmd_rig.h"
#include "suite.h"
#include "tools/ide-emu/hotplug.h"
#include "tools/ide-emu/ide_link.h"
#include "tools/ide-kmd/watch_look.h"

#define LATER_MS 3600000u /* ahead of the clock: how long a look takes is not what these tests are about */

static struct rig_stream *s;
static struct watch *watch;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER; /* the endpoint's, as an operation would lock it */
static uint64_t now_ms;
static atomic_ulong reached[END_COUNT]; /* accesses to each end's configuration space */

/* News of the stream, and how things stood when it was told. */
static struct {
    unsigned count;
    struct watch_news last, port; /* port: of the link below one */
    uint32_t shown;               /* IDE errors in the endpoint's registers */
    bool takes;                   /* who is told works with the endpoint at once, */
    bool took;                    /* and could */
} told;

static uint32_t shown(struct emu_function *f)
{
    emu_lock(&rig.emu);
    uint32_t errors = config_get32(&f->config, f->aer.cap + PCIE_AER_UNCOR_STATUS) & PCIE_AER_IDE;
    emu_unlock(&rig.emu);
    return errors;
}

void __wrap_watch_tell(struct watch *to, const struct watch_news *news);

void __wrap_watch_tell(struct watch *to, const struct watch_news *news)
{
    CU_ASSERT_PTR_EQUAL(to, watch);
    if (news->kind == WATCH_NEWS_PORT && strncmp(news->state, "link_", 5) == 0)
        told.port = *news;
    if (news->kind != WATCH_NEWS_STREAM)
        return;
    told.count++;
    told.last = *news;
    told.shown = shown(s->device);
    told.took = told.takes && pthread_mutex_trylock(&gate) == 0;
}

static bool count_access(const struct emu_function *f, unsigned offset, bool write, uint32_t value)
{
    (void)offset, (void)write, (void)value;
    atomic_fetch_add(&reached[f == s->device ? END_ENDPOINT : END_ROOT_PORT], 1);
    return true;
}

static void look_after(uint32_t ms)
{
    now_ms += ms;
    for (enum stream_end end = 0; end < END_COUNT; end++)
        atomic_store(&reached[end], 0);
    for (unsigned half = 0; half < 2; half++)
        watch_look(watch, watch->streams, watch->ports, now_ms);
}

/* At all: everything is due. */
static void look(void)
{
    look_after(WATCH_HEALTH_MS);
}

static void establish(void)
{
    const struct watch_gates gates = {{[END_ENDPOINT] = &gate}};
    CU_ASSERT_TRUE_FATAL(rig_run(s, OPERATION_ESTABLISH));
    s->stream.seen.serial = watch_add(watch, &s->stream, &gates);
    CU_ASSERT_NOT_EQUAL(s->stream.seen.serial, 0);
}

static void stop(void)
{
    watch_forget(watch, s->stream.seen.serial);
    CU_ASSERT_TRUE(rig_run(s, OPERATION_STOP));
}

/* What Link Status of the root port says from now on. */
static void say_link(bool active)
{
    unsigned at = s->root->exp_cap + PCIE_EXP_LNKSTA;
    emu_lock(&rig.emu);
    uint16_t status = config_get16(&s->root->config, at);
    status = active ? status | PCIE_EXP_LNKSTA_DLLLA : status & (uint16_t)~PCIE_EXP_LNKSTA_DLLLA;
    config_put16(&s->root->config, at, status);
    emu_unlock(&rig.emu);
}

static void cut(bool up)
{
    emu_lock(&rig.emu);
    CU_ASSERT_TRUE(hotplug_link(s->root, up));
    emu_unlock(&rig.emu);
}

static void set_up_link(bool tells)
{
    const struct watch_settings settings = {.interval_ms = WATCH_INTERVAL_MS, .warn_days = WATCH_WARN_DAYS};
    const enum provider_choice choice = PROVIDER_DOE;
    struct timespec clock;
    char error[512] = "";
    if (!rig_open(1, &choice, error, sizeof error)) {
        fprintf(stderr, "%s\n", error);
        exit(EXIT_FAILURE);
    }
    s = &rig.stream[0];
    watch = watch_open(&settings);
    CU_ASSERT_PTR_NOT_NULL_FATAL(watch);
    clock_gettime(CLOCK_MONOTONIC, &clock);
    now_ms = (uint64_t)clock.tv_sec * 1000 + LATER_MS;
    memset(&told, 0, sizeof told);
    say_link(tells);
    establish();
}

static void set_up(void)
{
    set_up_link(true);
    rig.watch = count_access;
    look();
    CU_ASSERT_EQUAL(told.count, 0);
    CU_ASSERT_TRUE(atomic_load(&reached[END_ENDPOINT]) > 0 && atomic_load(&reached[END_ROOT_PORT]) > 0);
}

static void tear_down(void)
{
    rig.watch = NULL;
    stop();
    watch_close(watch);
    rig_close();
}

/* Somebody on the link changes a bit of what the host writes: the endpoint notices, and tells the root port.
 */
static void fall(void)
{
    const uint8_t data[64] = {0};
    emu_lock(&rig.emu);
    s->root->link->adversary[LINK_DOWN] =
        (struct adversary){.attack = ATTACK_FLIP, .victim = VICTIM_PR, .value = 200, .left = 1};
    emu_unlock(&rig.emu);
    CU_ASSERT_EQUAL(link_bar_write(s->device, 0, data, sizeof data), LINK_DONE);
    CU_ASSERT_FALSE(rig_is_secure(s));
    CU_ASSERT_EQUAL(shown(s->device), PCIE_AER_IDE_CHECK_FAILED);
}

static void expect_told(unsigned count)
{
    CU_ASSERT_EQUAL(told.count, count);
    CU_ASSERT_EQUAL(told.last.serial, s->stream.seen.serial);
    CU_ASSERT_STRING_EQUAL(told.last.cause, watch_cause_name(WATCH_CAUSE_IDE_FAIL));
}

/* The endpoint falls after the root port was looked at, and its health is looked at for the first time then:
 * what AER says may be old and is not told by itself, and is why the stream falls at the next look. */
static void an_error_that_the_first_look_finds_is_why_a_stream_falls_soon_after(void)
{
    set_up();
    struct watch_port *port = watch->ports;
    while (port && pcie_bdf_compare(&port->bdf, &s->stream.ends.bdf[END_ENDPOINT]) != 0)
        port = port->next;
    CU_ASSERT_PTR_NOT_NULL_FATAL(port);
    port->has_errors = false; /* as if it had just been opened */
    fall();
    CU_ASSERT_EQUAL(watch_port_errors(port, shown(s->device), false, now_ms), 0);
    look_after(WATCH_INTERVAL_MS);
    expect_told(1);
    CU_ASSERT_EQUAL(told.last.sample.end[END_ENDPOINT].errors, PCIE_AER_IDE_CHECK_FAILED);
    CU_ASSERT_EQUAL(told.shown, 0);
    tear_down();
}

/* Whoever is told may turn the stream off at once, with the gate closed: then nobody could clear them, and
 * the next one would not show. */
static void errors_are_cleared_before_they_are_told(void)
{
    set_up();
    told.takes = true;
    for (unsigned i = 1; i <= 2; i++) {
        fall();
        look();
        expect_told(i);
        CU_ASSERT_EQUAL(told.last.sample.end[END_ENDPOINT].errors, PCIE_AER_IDE_CHECK_FAILED);
        CU_ASSERT_EQUAL(told.shown, 0);
        CU_ASSERT_TRUE_FATAL(told.took); /* the watch was not in there itself */
        stop();
        establish();
        pthread_mutex_unlock(&gate);
        look();
        CU_ASSERT_EQUAL(told.count, i);
    }
    tear_down();
}

static void a_closed_gate_is_not_waited_for(void)
{
    set_up();
    fall();
    pthread_mutex_lock(&gate);
    look();
    CU_ASSERT_EQUAL(atomic_load(&reached[END_ENDPOINT]), 0);
    expect_told(1);
    CU_ASSERT_TRUE(told.last.sample.end[END_ROOT_PORT].looked);
    CU_ASSERT_FALSE(told.last.sample.end[END_ENDPOINT].looked);
    CU_ASSERT_EQUAL(told.shown, PCIE_AER_IDE_CHECK_FAILED);
    pthread_mutex_unlock(&gate);
    look();
    CU_ASSERT_TRUE(atomic_load(&reached[END_ENDPOINT]) > 0);
    CU_ASSERT_EQUAL(told.count, 1); /* it is no other fall */
    tear_down();
}

static void stay_insecure(struct emu_function *f, int left)
{
    emu_lock(&rig.emu);
    f->faults.left[FAULT_STAYS_INSECURE] = left;
    ide_link_settle(&rig.emu);
    emu_unlock(&rig.emu);
}

/* It has sent no message: the other end says Secure. */
static void an_end_that_alone_says_insecure_is_seen_at_the_next_look(void)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        set_up();
        struct emu_function *f = end == END_ENDPOINT ? s->device : s->root;
        stay_insecure(f, FAULT_FOREVER);
        look_after(WATCH_INTERVAL_MS);
        CU_ASSERT_EQUAL(told.count, 1);
        CU_ASSERT_EQUAL(told.last.verdict.at, end);
        CU_ASSERT_EQUAL(told.last.verdict.cause, WATCH_CAUSE_UNKNOWN);
        tear_down();
    }
}

/* As of two functions with one mailbox: both are looked at, one in the other's gate. */
static void ports_with_one_gate_are_looked_at_together(void)
{
    pthread_mutexattr_t recursive;
    pthread_mutex_t both;
    set_up();
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&both, &recursive);
    for (struct watch_port *port = watch->ports; port; port = port->next)
        port->gate = &both;
    atomic_fetch_add(&watch->changes, 1);
    look_after(WATCH_INTERVAL_MS);
    CU_ASSERT_TRUE(atomic_load(&reached[END_ENDPOINT]) > 0 && atomic_load(&reached[END_ROOT_PORT]) > 0);
    CU_ASSERT_EQUAL(pthread_mutex_destroy(&both), 0); /* nobody has it */
    pthread_mutexattr_destroy(&recursive);
    tear_down();
}

/* The two ends of the link above it may differ. */
static void nothing_is_read_below_a_link_that_is_worked_on(void)
{
    const struct pcie_bdf *endpoint;
    struct stream_ends link;
    set_up();
    link = s->stream.ends;
    endpoint = &link.bdf[END_ENDPOINT];
    link.first_bus = link.last_bus = endpoint->bus;
    watch_hold(watch, &link, true);
    look();
    CU_ASSERT_EQUAL(atomic_load(&reached[END_ENDPOINT]), 0);
    CU_ASSERT_TRUE(atomic_load(&reached[END_ROOT_PORT]) > 0);
    CU_ASSERT_EQUAL(told.count, 0);
    watch_hold(watch, &link, false);
    look();
    CU_ASSERT_TRUE(atomic_load(&reached[END_ENDPOINT]) > 0);
    tear_down();
}

/* The endpoint had fallen, and an operation has it for itself: nobody has seen what it is now. */
static void secure_again_is_told_by_who_has_seen_both_ends(void)
{
    set_up();
    watch->streams->memory = (struct watch_memory){true, {WATCH_CAUSE_UNKNOWN, END_ENDPOINT}};
    pthread_mutex_lock(&gate);
    look();
    CU_ASSERT_TRUE(atomic_load(&reached[END_ROOT_PORT]) > 0);
    CU_ASSERT_EQUAL(told.count, 0);
    pthread_mutex_unlock(&gate);
    look();
    CU_ASSERT_EQUAL(told.count, 1);
    CU_ASSERT_EQUAL(told.last.verdict.cause, WATCH_CAUSE_NONE);
    tear_down();
}

static void what_is_forgotten_is_not_told(void)
{
    set_up();
    fall();
    watch_forget(watch, s->stream.seen.serial);
    look();
    CU_ASSERT_EQUAL(told.count, 0);
    tear_down();
}

static void expect_link(const char *state)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(told.port.state);
    CU_ASSERT_STRING_EQUAL(told.port.state, state);
    CU_ASSERT_EQUAL(pcie_bdf_compare(&told.port.device, &s->stream.ends.top), 0);
    told.port.state = NULL;
}

/* Nobody has looked at it since the stream was set up: it was active then. */
static void a_link_that_goes_down_before_the_first_look_is_why_a_stream_falls(void)
{
    set_up_link(true);
    CU_ASSERT_EQUAL(s->stream.active_links, 1);
    cut(false);
    look();
    expect_link("link_down");
    CU_ASSERT_EQUAL(told.count, 1);
    CU_ASSERT_EQUAL(told.last.verdict.cause, WATCH_CAUSE_LINK_DOWN);
    CU_ASSERT_EQUAL(pcie_bdf_compare(&told.last.device, &s->stream.ends.top), 0);
    look();
    CU_ASSERT_PTR_NULL(told.port.state); /* once */
    cut(true);
    look();
    expect_link("link_up");
    tear_down();
}

/* QEMU's root ports: they can report it by their Link Capabilities, and never do. */
static void a_link_that_was_never_active_is_not_down(void)
{
    set_up_link(false);
    CU_ASSERT_EQUAL(s->stream.active_links, 0);
    look();
    look();
    CU_ASSERT_EQUAL(told.count, 0);
    fall();
    look();
    expect_told(1);
    CU_ASSERT_PTR_NULL(told.port.state);
    tear_down();
}

/* As long as it never was active; from then on it can go down. */
static void a_link_may_be_seen_active_at_a_later_look(void)
{
    set_up_link(false);
    look();
    say_link(true);
    look();
    CU_ASSERT_PTR_NULL(told.port.state);
    cut(false);
    look();
    expect_link("link_down");
    CU_ASSERT_EQUAL(told.count, 1);
    CU_ASSERT_EQUAL(told.last.verdict.cause, WATCH_CAUSE_LINK_DOWN);
    tear_down();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(an_error_that_the_first_look_finds_is_why_a_stream_falls_soon_after),
        TEST(errors_are_cleared_before_they_are_told),
        TEST(a_closed_gate_is_not_waited_for),
        TEST(an_end_that_alone_says_insecure_is_seen_at_the_next_look),
        TEST(ports_with_one_gate_are_looked_at_together),
        TEST(nothing_is_read_below_a_link_that_is_worked_on),
        TEST(secure_again_is_told_by_who_has_seen_both_ends),
        TEST(what_is_forgotten_is_not_told),
        TEST(a_link_that_goes_down_before_the_first_look_is_why_a_stream_falls),
        TEST(a_link_that_was_never_active_is_not_down),
        TEST(a_link_may_be_seen_active_at_a_later_look),
        CU_TEST_INFO_NULL,
    };
    return suite_run("what the watch looks at", tests);
}
