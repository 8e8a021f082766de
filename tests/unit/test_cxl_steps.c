/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Establish, rekey and stop of a CXL.cachemem link with everything in turn that can go wrong in them: each
 * message to either end, each access to the key unit and the component registers, refused or done without
 * saying so. For a root port with a key unit, for one with its own mailbox, and with an endpoint that makes
 * keys and IVs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cxl_rig.h"
#include "root_port/cxl_regs.h"
#include "suite.h"
#include "tools/ide-emu/key_unit.h"

static void open_rig(bool by_unit, bool generated)
{
    char error[512] = "";
    if (cxl_rig_open(by_unit, generated, error, sizeof error))
        return;
    fprintf(stderr, "%s\n", error);
    exit(EXIT_FAILURE);
}

/* --- What must be so afterwards ------------------------------------------------------------------------- */

static bool is_state(const char *state)
{
    bool is = true;
    emu_lock(&rig.emu);
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        is = is && strcmp(cxl_port_state(cxl_rig.root, d), state) == 0 &&
             strcmp(cxl_port_state(cxl_rig.device, d), state) == 0;
    emu_unlock(&rig.emu);
    return is;
}

static void expect_no_keys(const struct emu_function *f)
{
    static const struct cxl_way nothing[IDE_DIRECTIONS];
    emu_lock(&rig.emu);
    CU_ASSERT_EQUAL(memcmp(f->cxl.way, nothing, sizeof nothing), 0);
    emu_unlock(&rig.emu);
}

static void expect_off(void)
{
    uint32_t config = 0;
    CU_ASSERT_TRUE(is_state("insecure"));
    expect_no_keys(cxl_rig.root);
    expect_no_keys(cxl_rig.device);
    CU_ASSERT_FALSE(cxl_rig.link.is_up);
    CU_ASSERT_FALSE(cxl_rig.link.half_off);
    CU_ASSERT_PTR_NULL(cxl_rig.link.keys);
    if (cxl_rig.by_unit)
        CU_ASSERT_TRUE(key_units_read(&rig.emu, rig.platform.kcus[0].base + CXL_KCU_CONFIG, &config));
    CU_ASSERT_FALSE(config & CXL_KCU_CONFIG_ENABLE);
}

static void say(const char *what)
{
    if (cxl_rig.op.failure.err != IDE_OK)
        fprintf(stderr, "%s: call %u (%s) %s: %s\n", what, cxl_rig.fails, cxl_rig.failed,
                cxl_rig.after ? "after" : "before", cxl_rig.op.failure.message);
}

/* As it is when nothing fails. */
static void expect_it_does(enum cxl_action action, const char *name)
{
    unsigned fails = cxl_rig.fails;
    cxl_rig.fails = 0;
    bool ok = cxl_rig_run(action);
    cxl_rig.fails = fails;
    if (!ok)
        say(name);
    CU_ASSERT_TRUE(ok);
    CU_ASSERT_TRUE(action == CXL_STOP || is_state("containment"));
}

/* --- Establish ------------------------------------------------------------------------------------------ */

static unsigned fail_each_of_establish(bool after)
{
    cxl_rig.after = after;
    for (cxl_rig.fails = 1;; cxl_rig.fails++) {
        bool ok = cxl_rig_run(CXL_ESTABLISH);
        if (!cxl_rig.failed) {
            CU_ASSERT_TRUE(ok);
            break;
        }
        CU_ASSERT_FALSE(ok);
        CU_ASSERT_STRING_EQUAL(cxl_rig.op.failure.fault.field, "refused");
        CU_ASSERT_STRING_EQUAL(cxl_rig.op.outcome, "the link is not encrypted");
        expect_off();
    }
    CU_ASSERT_TRUE(is_state("containment"));
    unsigned calls = cxl_rig.fails - 1;
    expect_it_does(CXL_STOP, "stop");
    expect_off();
    return calls;
}

/* --- Rekey ---------------------------------------------------------------------------------------------- */

struct keys_in_use {
    struct cxl_ide_key key[END_COUNT][IDE_DIRECTIONS];
};

static void read_keys(struct keys_in_use *keys)
{
    emu_lock(&rig.emu);
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++) {
        keys->key[END_ROOT_PORT][d] = cxl_rig.root->cxl.way[d].key;
        keys->key[END_ENDPOINT][d] = cxl_rig.device->cxl.way[d].key;
    }
    emu_unlock(&rig.emu);
}

static bool keys_wait(void)
{
    emu_lock(&rig.emu);
    bool wait = false;
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        wait = wait || cxl_rig.root->cxl.way[d].waits || cxl_rig.device->cxl.way[d].waits;
    emu_unlock(&rig.emu);
    return wait;
}

static void expect_all_new(const struct keys_in_use *old)
{
    struct keys_in_use now;
    read_keys(&now);
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++) {
        enum ide_direction opposite = d == IDE_TX ? IDE_RX : IDE_TX;
        CU_ASSERT_NOT_EQUAL(
            memcmp(&now.key[END_ENDPOINT][d], &old->key[END_ENDPOINT][d], sizeof now.key[0][0]), 0);
        CU_ASSERT_EQUAL(
            memcmp(&now.key[END_ENDPOINT][d], &now.key[END_ROOT_PORT][opposite], sizeof now.key[0][0]), 0);
    }
    CU_ASSERT_FALSE(keys_wait());
    CU_ASSERT_PTR_NULL(cxl_rig.link.keys);
}

/* Until IDE.Start went, nothing has changed; after it, that direction only. Either way both ends say Secure,
 * and the next rekey needs neither stop nor establish. */
static void expect_unharmed(const struct keys_in_use *old)
{
    struct keys_in_use now;
    read_keys(&now);
    const char *failed = cxl_rig.failed;
    bool started = strcmp(failed, "cxl_ide_km_set_go") == 0 || strcmp(failed, "cxl_unit_start") == 0 ||
                   strcmp(failed, "cxl_ide_read_state") == 0;
    CU_ASSERT_TRUE(is_state("containment"));
    CU_ASSERT_TRUE(cxl_rig.link.is_up);
    CU_ASSERT_TRUE(started || memcmp(&now, old, sizeof now) == 0);
}

static unsigned fail_each_of_rekey(bool after)
{
    unsigned rekeys = 0;
    cxl_rig.after = after;
    expect_it_does(CXL_ESTABLISH, "establish");
    for (cxl_rig.fails = 1;; cxl_rig.fails++) {
        struct keys_in_use old;
        read_keys(&old);
        bool ok = cxl_rig_run(CXL_REKEY);
        if (!cxl_rig.failed) {
            CU_ASSERT_TRUE(ok);
            expect_all_new(&old);
            break;
        }
        CU_ASSERT_FALSE(ok);
        CU_ASSERT_EQUAL(strncmp(cxl_rig.op.outcome, "the link goes on", 16), 0);
        expect_unharmed(&old);
        expect_it_does(CXL_REKEY, "rekey");
        expect_all_new(&old);
        CU_ASSERT_EQUAL(cxl_rig.link.rekeys, ++rekeys);
    }
    unsigned calls = cxl_rig.fails - 1;
    expect_it_does(CXL_STOP, "stop");
    expect_off();
    return calls;
}

/* A stop of a link whose rekey stopped midway takes back what waits, too. */
static void stop_midway(void)
{
    cxl_rig.after = false;
    for (cxl_rig.fails = 1;; cxl_rig.fails++) {
        expect_it_does(CXL_ESTABLISH, "establish");
        cxl_rig_run(CXL_REKEY);
        bool failed = cxl_rig.failed;
        expect_it_does(CXL_STOP, "stop");
        expect_off();
        if (!failed)
            break;
    }
}

/* --- Stop ----------------------------------------------------------------------------------------------- */

/* That a port cannot take its keys back is noted: it forgets them with its session. A unit that cannot is
 * tried again. */
static unsigned fail_each_of_stop(bool after)
{
    cxl_rig.after = after;
    for (cxl_rig.fails = 1;; cxl_rig.fails++) {
        expect_it_does(CXL_ESTABLISH, "establish");
        bool ok = cxl_rig_run(CXL_STOP);
        if (!cxl_rig.failed) {
            CU_ASSERT_TRUE(ok);
            break;
        }
        bool unit = strcmp(cxl_rig.failed, "cxl_unit_stop") == 0;
        CU_ASSERT_EQUAL(ok, !unit);
        CU_ASSERT_EQUAL(cxl_rig.op.note_count, unit ? 0 : 1);
        CU_ASSERT_EQUAL(cxl_rig.link.half_off, unit);
        CU_ASSERT_TRUE(is_state("insecure"));
        if (unit)
            expect_it_does(CXL_STOP, "stop");
        expect_off();
    }
    expect_off();
    return cxl_rig.fails - 1;
}

/* --- Cancelled ------------------------------------------------------------------------------------------ */

static void check_cancelled(bool ok, const char *outcome)
{
    CU_ASSERT_FALSE(ok);
    CU_ASSERT_EQUAL(cxl_rig.op.failure.err, IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(strncmp(cxl_rig.op.outcome, outcome, strlen(outcome)), 0);
}

static void cancel_each_of_establish(void)
{
    for (cxl_rig.cancels = 1;; cxl_rig.cancels++) {
        bool ok = cxl_rig_run(CXL_ESTABLISH);
        if (!cxl_rig.cancelled) {
            CU_ASSERT_TRUE(ok);
            break;
        }
        check_cancelled(ok, "the link is not encrypted");
        expect_off();
    }
    CU_ASSERT_TRUE(cxl_rig.cancels > 9);
    cxl_rig.cancels = 0;
    expect_it_does(CXL_STOP, "stop");
}

static void cancel_each_of_rekey(void)
{
    expect_it_does(CXL_ESTABLISH, "establish");
    for (unsigned at = 1;; at++) {
        cxl_rig.cancels = at;
        bool ok = cxl_rig_run(CXL_REKEY);
        bool cancelled = cxl_rig.cancelled;
        cxl_rig.cancels = 0;
        CU_ASSERT_TRUE(is_state("containment"));
        if (!cancelled) {
            CU_ASSERT_TRUE(ok);
            break;
        }
        check_cancelled(ok, "the link goes on");
        CU_ASSERT_TRUE(cxl_rig.link.is_up);
        expect_it_does(CXL_REKEY, "rekey");
    }
    expect_it_does(CXL_STOP, "stop");
    expect_off();
}

static void what_is_cancelled_at_any_point_leaves_nothing(void)
{
    for (int by_unit = 0; by_unit <= 1; by_unit++) {
        open_rig(by_unit, false);
        cxl_rig.fails = 0;
        cancel_each_of_establish();
        cancel_each_of_rekey();
        expect_it_does(CXL_ESTABLISH, "establish");
        cxl_rig.cancels = 1;
        CU_ASSERT_TRUE(cxl_rig_run(CXL_STOP));
        CU_ASSERT_FALSE(cxl_rig.cancelled);
        cxl_rig.cancels = 0;
        expect_off();
        cxl_rig_close();
    }
}

/* --- Whom it is for ------------------------------------------------------------------------------------- */

/*
 * What there is to fail: at a mailbox 2 KEY_PROG and 2 K_SET_GO of each end, at a unit keys and start;
 * reading the endpoint's state after IDE.Start, and both at the end. For establish besides QUERY, mode, and
 * both ends' registers.
 */
static void each_failure_leaves_no_harm(bool by_unit, bool generated)
{
    open_rig(by_unit, generated);
    unsigned rekey = by_unit ? 4 + 2 + 3 : 8 + 3, stop = by_unit ? 2 + 1 : 4;
    for (int after = 0; after <= 1; after++) {
        CU_ASSERT_EQUAL(fail_each_of_establish(after), rekey + generated + 4);
        CU_ASSERT_EQUAL(fail_each_of_rekey(after), rekey + generated);
        CU_ASSERT_EQUAL(fail_each_of_stop(after), stop);
    }
    stop_midway();
    cxl_rig_close();
}

static void a_failure_anywhere_with_a_key_unit(void)
{
    each_failure_leaves_no_harm(true, false);
}

static void a_failure_anywhere_with_mailboxes(void)
{
    each_failure_leaves_no_harm(false, false);
}

static void a_failure_anywhere_with_keys_that_the_endpoint_makes(void)
{
    each_failure_leaves_no_harm(true, true);
    each_failure_leaves_no_harm(false, true);
}

/* A session that is lost keys nothing any more; the link it keyed is off at that end, and can be made again.
 */
static void a_session_that_is_lost(void)
{
    uint32_t usual = rig_timeout_ms;
    rig_timeout_ms = 1000; /* it does not answer in a session that it does not know */
    for (int by_unit = 0; by_unit <= 1; by_unit++) {
        open_rig(by_unit, false);
        expect_it_does(CXL_ESTABLISH, "establish");
        emu_lock(&rig.emu);
        emu_function_reset(cxl_rig.device);
        emu_unlock(&rig.emu);
        CU_ASSERT_FALSE(cxl_rig_run(CXL_REKEY));
        CU_ASSERT_FALSE(is_state("containment"));
        expect_it_does(CXL_STOP, "stop");
        expect_off();
        expect_it_does(CXL_ESTABLISH, "establish");
        expect_it_does(CXL_STOP, "stop");
        cxl_rig_close();
    }
    rig_timeout_ms = usual;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_failure_anywhere_with_a_key_unit),
        TEST(a_failure_anywhere_with_mailboxes),
        TEST(a_failure_anywhere_with_keys_that_the_endpoint_makes),
        TEST(a_session_that_is_lost),
        TEST(what_is_cancelled_at_any_point_leaves_nothing),
        CU_TEST_INFO_NULL,
    };
    return suite_run("steps of a CXL link", tests);
}
