/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DOE mailbox when something is wrong: timeouts, cancelling, errors, BUSY, aborts, a device that is gone.
 */
#include "suite.h"
#include "test_root_port_mailbox.h"

static void timeout_aborts_and_the_stale_answer_is_not_seen(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.latency_us = 1200000; /* after the timeout, before the next exchange */
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_TIMEOUT);
    CU_ASSERT_TRUE(d.clock.now_us - start >= 1000000 && d.clock.now_us - start < 1001000);
    d.clock.now_us += 500000;
    d.latency_us = 0;
    expect_recovery(&d);
}

static void timeout_is_the_callers(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.latency_us = 60000;
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange_room(&d, 5, 16, 50, &fault), IDE_E_TIMEOUT);
    CU_ASSERT_TRUE(d.clock.now_us - start < 51000);
    d.latency_us = 3000000;
    CU_ASSERT_EQUAL(exchange_room(&d, 5, 16, 4000, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d.aborts, 1);
}

static void cancel_while_waiting_aborts(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.never_ready = true;
    d.clock.cancel_at_us = d.clock.now_us + 5000;
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_CANCELLED);
    CU_ASSERT_TRUE(d.clock.now_us - start < 6500);
    d.never_ready = false;
    d.clock.cancel_at_us = 0;
    atomic_store(&d.clock.cancel, false);
    expect_recovery(&d);
}

static void cancel_in_a_long_transfer_aborts(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.clock.cancel_at_us = d.clock.now_us + 1000; /* while sending */
    CU_ASSERT_EQUAL(exchange_room(&d, 5000, 5000, 60000, &fault), IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(d.gos, 0);
    CU_ASSERT_TRUE(d.function.writes < 1100);
    CU_ASSERT_EQUAL(d.aborts, 1);
    atomic_store(&d.clock.cancel, false);
    d.clock.cancel_at_us = d.clock.now_us + 6000; /* while receiving */
    CU_ASSERT_EQUAL(exchange_room(&d, 5000, 5000, 60000, &fault), IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(d.gos, 1);
    CU_ASSERT_EQUAL(d.aborts, 2);
    atomic_store(&d.clock.cancel, false);
    d.clock.cancel_at_us = 0;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
}

static void timeout_ends_a_transfer_that_trickles(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    CU_ASSERT_EQUAL(exchange_room(&d, 100000, 100000, 50, &fault), IDE_E_TIMEOUT);
    CU_ASSERT_EQUAL(d.gos, 0);
    expect_recovery(&d);
}

static void error_aborts_and_the_next_works(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.error_on_go = true;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_ERROR);
    CU_ASSERT_STRING_EQUAL(fault.field, "DOE Error");
    d.error_on_go = false;
    expect_recovery(&d);

    device_open(&d);
    d.error_in_write = true;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_ERROR);
    d.error_in_write = false;
    expect_recovery(&d);
}

static void error_while_receiving_is_noticed(void)
{
    for (size_t at = 1; at <= 5; at++) {
        struct device d;
        struct ide_fault fault;
        device_open(&d);
        d.error_at = at;
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_ERROR);
        d.error_at = 0;
        expect_recovery(&d);
    }
}

static void error_left_by_others_is_cleared_first(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.error = d.busy = true;
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d.aborts, 1);
    CU_ASSERT_TRUE(d.clock.now_us - start < 1000);
}

static void answer_left_by_others_is_dropped_first(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.ready = true;
    d.out_count = 4;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d.aborts, 1);
}

static void busy_of_others_is_waited_for(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.busy_until_us = d.clock.now_us + 700000;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d.aborts, 0);
    d.busy_until_us = d.clock.now_us + 700000; /* it counts as part of the exchange */
    d.latency_us = 250000;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    d.busy_until_us = d.clock.now_us + 800000;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_TIMEOUT);
}

static void busy_that_stays_is_told_and_nothing_is_sent(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.busy_until_us = UINT64_MAX;
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange_room(&d, 5, 16, 30000, &fault), IDE_E_DOE_BUSY);
    CU_ASSERT_TRUE(d.clock.now_us - start < 1001000); /* a second, however long the answer may take */
    CU_ASSERT_EQUAL(d.function.writes, 0);
    d.busy_until_us = 0;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    d.busy_until_us = UINT64_MAX;
    CU_ASSERT_EQUAL(exchange_room(&d, 5, 16, 10, &fault), IDE_E_DOE_BUSY);
    atomic_store(&d.clock.cancel, true);
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(d.aborts, 0);
}

static void failed_abort_kills_the_mailbox_until_it_is_opened(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.error_on_go = d.abort_hangs = true;
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_ERROR);
    CU_ASSERT_TRUE(d.clock.now_us - start < 1002000);
    CU_ASSERT_TRUE(d.mailbox.dead);
    d.error_on_go = d.abort_hangs = d.error = false;
    d.function.reads = d.function.writes = 0;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_ABORT);
    CU_ASSERT_EQUAL(d.function.reads + d.function.writes, 0);
    CU_ASSERT_EQUAL(doe_mailbox_open(&d.mailbox, &d.function.config, OFFSET, &d.clock.ops, &fault), IDE_OK);
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
}

static void abort_is_waited_for_to_the_end(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct device d;
        struct ide_fault fault;
        device_open(&d);
        d.never_ready = true;
        d.abort_us = 40000;
        d.abort_shows_ready = i == 1;
        d.clock.cancel_at_us = d.clock.now_us + 5000; /* cancelling does not leave it half done */
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_CANCELLED);
        CU_ASSERT_FALSE(d.mailbox.dead);
        CU_ASSERT_TRUE(d.clock.now_us >= d.abort_until_us);
        d.never_ready = false;
        d.abort_us = 0;
        d.clock.cancel_at_us = 0;
        atomic_store(&d.clock.cancel, false);
        expect_recovery(&d);
    }
}

static void error_that_no_abort_clears_sends_nothing(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.error = d.abort_hangs = true;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_ABORT);
    CU_ASSERT_EQUAL(d.in_count + d.gos, 0);
    CU_ASSERT_TRUE(d.mailbox.dead);
}

static void device_that_vanishes(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.function.gone = true;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(d.function.writes, 0);
    for (size_t at = 1; at <= 5; at++) {
        device_open(&d);
        d.gone_at = at;
        uint64_t start = d.clock.now_us;
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_IO);
        CU_ASSERT_TRUE(d.mailbox.dead);
        CU_ASSERT_TRUE(d.clock.now_us - start < 1000); /* no second is waited for what is not there */
    }
}

static void write_that_fails(void)
{
    static const unsigned registers[] = {PCIE_DOE_WRITE, PCIE_DOE_READ};
    for (size_t i = 0; i < 2; i++) {
        struct device d;
        struct ide_fault fault;
        device_open(&d);
        d.function.fail_write_at = OFFSET + registers[i];
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_IO);
        d.function.fail_write_at = 0;
        expect_recovery(&d);
    }
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.function.fail_write_at = OFFSET + PCIE_DOE_CTRL; /* GO, and the abort as well */
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_IO);
    CU_ASSERT_STRING_EQUAL(fault.field, "DOE Go");
    CU_ASSERT_TRUE(d.mailbox.dead);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(timeout_aborts_and_the_stale_answer_is_not_seen),
        TEST(timeout_is_the_callers),
        TEST(cancel_while_waiting_aborts),
        TEST(cancel_in_a_long_transfer_aborts),
        TEST(timeout_ends_a_transfer_that_trickles),
        TEST(error_aborts_and_the_next_works),
        TEST(error_while_receiving_is_noticed),
        TEST(error_left_by_others_is_cleared_first),
        TEST(answer_left_by_others_is_dropped_first),
        TEST(busy_of_others_is_waited_for),
        TEST(busy_that_stays_is_told_and_nothing_is_sent),
        TEST(failed_abort_kills_the_mailbox_until_it_is_opened),
        TEST(abort_is_waited_for_to_the_end),
        TEST(error_that_no_abort_clears_sends_nothing),
        TEST(device_that_vanishes),
        TEST(write_that_fails),
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: DOE mailbox in trouble", tests);
}
