/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DOE mailbox against a device that behaves, and against the same device with one thing wrong. */
#include <string.h>

#include "suite.h"
#include "test_root_port_mailbox.h"

static void put_dword(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

static size_t make_request(uint8_t *request, size_t dwords, uint8_t seed)
{
    put_dword(request, 0x00010001);
    put_dword(request + 4, (uint32_t)dwords & PCIE_DOE_LENGTH);
    for (size_t i = 8; i < dwords * 4; i++)
        request[i] = (uint8_t)(seed + i);
    return dwords * 4;
}

/* One exchange of dwords each way with room for room dwords; checks that a success brings the right answer.
 */
static enum ide_err exchange_room(struct device *d, size_t dwords, size_t room, uint32_t timeout_ms,
                                  struct ide_fault *fault)
{
    static uint8_t request[DOE_OBJECT_MAX], response[DOE_OBJECT_MAX];
    static uint8_t seed;
    size_t response_len = 1;
    size_t request_len = make_request(request, dwords, ++seed);
    struct doe_transport transport = doe_mailbox_transport(&d->mailbox);
    enum ide_err err = transport.exchange(transport.context, request, request_len, response, room * 4,
                                          &response_len, timeout_ms, fault);
    if (err != IDE_OK) {
        CU_ASSERT_EQUAL(fault->err, err);
        CU_ASSERT_EQUAL(response_len, 0);
        return err;
    }
    CU_ASSERT_EQUAL(response_len, request_len);
    CU_ASSERT_EQUAL(memcmp(response, request, 8), 0);
    bool right = true;
    for (size_t i = 8; i < request_len; i++)
        right = right && response[i] + request[i] == 0xff;
    CU_ASSERT_TRUE(right);
    return IDE_OK;
}

static enum ide_err exchange(struct device *d, struct ide_fault *fault)
{
    return exchange_room(d, 5, 16, 0, fault);
}

/* After a failure: the mailbox was aborted once, and with the fault mended the next exchange gets its own
 * answer. */
static void expect_recovery(struct device *d)
{
    struct ide_fault fault;
    CU_ASSERT_EQUAL(d->aborts, 1);
    CU_ASSERT_FALSE(d->mailbox.dead);
    CU_ASSERT_FALSE(d->ready || d->error || d->busy);
    CU_ASSERT_EQUAL(exchange(d, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d->aborts, 1);
}

static void exchange_takes_the_least_accesses(void)
{
    static const size_t sizes[] = {2, 3, 31, 32, 33, 64, 1000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct device d;
        struct ide_fault fault;
        device_open(&d);
        CU_ASSERT_EQUAL(exchange_room(&d, sizes[i], sizes[i], 0, &fault), IDE_OK);
        /* out: dwords, GO, acknowledgements; in: idle, ready, dwords, before the last, after the last */
        CU_ASSERT_EQUAL(d.function.writes, 2 * sizes[i] + 1);
        CU_ASSERT_EQUAL(d.function.reads, sizes[i] + 4);
        CU_ASSERT_EQUAL(d.clock.sleeps, 0);
        CU_ASSERT_TRUE(d.gos == 1 && d.aborts == 0);
    }
}

/* What the last answer took passes before the next is looked for; a device that has become quicker or slower
 * is found out by the answer after it. */
static void a_usual_time_passes_before_the_first_look(void)
{
    static const unsigned latencies[] = {300, 2000, 9000, 100000};
    for (size_t i = 0; i < sizeof latencies / sizeof *latencies; i++) {
        struct device d;
        struct ide_fault fault;
        device_open(&d);
        d.latency_us = latencies[i];
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        unsigned first = d.function.reads;
        CU_ASSERT_TRUE(d.mailbox.usual_us >= latencies[i]);
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        CU_ASSERT_TRUE(d.function.reads - first < first);
        first = d.function.reads;
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        CU_ASSERT_TRUE(d.function.reads - first <= 5 + 4 + latencies[i] / 16 / 1000 + 3);
        /* one that is late is no reason to wait for the next */
        uint32_t usual_us = d.mailbox.usual_us;
        d.latency_us = 8 * latencies[i];
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        CU_ASSERT_TRUE(d.mailbox.last_us >= 8 * latencies[i] || d.mailbox.last_us == WAIT_USUAL_MOST_US);
        CU_ASSERT_TRUE(d.mailbox.usual_us <= usual_us + 1000);
        d.latency_us = 0;
        for (unsigned usual = latencies[i]; usual >= 60; usual /= 2)
            CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        CU_ASSERT_TRUE(d.mailbox.usual_us < 60);
        first = d.function.reads;
        uint64_t sleeps = d.clock.sleeps;
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        CU_ASSERT_EQUAL(d.function.reads - first, 5 + 4);
        CU_ASSERT_EQUAL(d.clock.sleeps, sleeps);
    }
}

static void largest_object_has_length_zero(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    CU_ASSERT_EQUAL(exchange_room(&d, BIG_DWORDS, BIG_DWORDS, 60000, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d.out[1], 0);
    CU_ASSERT_EQUAL(d.aborts, 0);
}

static void exchanges_follow_each_other(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    for (unsigned i = 0; i < 10; i++) {
        d.latency_us = i * 777;
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    }
    CU_ASSERT_EQUAL(d.aborts, 0);
}

static void wait_is_no_longer_than_the_device_needs(void)
{
    static const uint32_t latencies[] = {5, 20, 100, 1000, 20000, 400000, 990000};
    for (size_t i = 0; i < sizeof latencies / sizeof *latencies; i++) {
        struct device d;
        struct ide_fault fault;
        device_open(&d);
        d.latency_us = latencies[i];
        uint64_t start = d.clock.now_us;
        CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
        uint64_t took = d.clock.now_us - start;
        CU_ASSERT_TRUE(took <= latencies[i] + latencies[i] / 8 + 50);
        CU_ASSERT_TRUE(d.clock.longest_us <= 1000);
        CU_ASSERT_TRUE(d.function.reads <= 100 + latencies[i] / 900);
    }
}

static void time_to_send_does_not_slow_the_looks(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.latency_us = 50;
    uint64_t start = d.clock.now_us;
    CU_ASSERT_EQUAL(exchange_room(&d, 5000, 5000, 0, &fault), IDE_OK);
    CU_ASSERT_TRUE(d.clock.now_us - start <= 3 * 5000 + 50 + 30);
}

static void bad_requests_touch_nothing(void)
{
    static const struct {
        size_t len;
        uint32_t length_field;
    } bad[] = {{0, 0}, {4, 1}, {7, 1}, {9, 2}, {8, 3}, {8, 0}, {12, 2}, {DOE_OBJECT_MAX + 4, 1}};
    struct device d;
    struct ide_fault fault;
    static uint8_t request[DOE_OBJECT_MAX + 4];
    uint8_t response[16];
    size_t len;
    device_open(&d);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        put_dword(request + 4, bad[i].length_field);
        CU_ASSERT_EQUAL(doe_mailbox_exchange(&d.mailbox, request, bad[i].len, response, 16, &len, 0, &fault),
                        IDE_E_ARGUMENT);
    }
    CU_ASSERT_EQUAL(exchange_room(&d, 2, 1, 0, &fault), IDE_E_SPACE);
    CU_ASSERT_EQUAL(d.function.reads + d.function.writes, 0);
}

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

static void length_is_bounded_before_it_is_used(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.answer_length = true;
    d.length_field = 1;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_LENGTH);
    CU_ASSERT_TRUE(fault.got == 1 && fault.want == 2);
    d.answer_length = false;
    expect_recovery(&d);

    device_open(&d);
    d.answer_length = true;
    d.length_field = 17; /* one dword more than there is room for */
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_SPACE);
    CU_ASSERT_TRUE(fault.got == 17 && fault.want == 16);
    d.length_field = 0; /* 2^18 dwords */
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_SPACE);
    CU_ASSERT_EQUAL(fault.got, BIG_DWORDS);
    CU_ASSERT_EQUAL(d.aborts, 2);
}

static void room_in_bytes_counts_whole_dwords(void)
{
    struct device d;
    struct ide_fault fault;
    uint8_t request[20], response[19 + 8];
    size_t len;
    device_open(&d);
    memset(response, 0x5a, sizeof response);
    make_request(request, 5, 0);
    CU_ASSERT_EQUAL(doe_mailbox_exchange(&d.mailbox, request, 20, response, 19, &len, 0, &fault),
                    IDE_E_SPACE);
    for (size_t i = 19; i < sizeof response; i++)
        CU_ASSERT_EQUAL(response[i], 0x5a);
    expect_recovery(&d);
}

static void object_shorter_than_its_header_says(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.answer_length = true;
    d.length_field = 7; /* 5 come */
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_LENGTH);
    CU_ASSERT_STRING_EQUAL(fault.field, "Data Object Ready");
    d.answer_length = false;
    expect_recovery(&d);

    device_open(&d);
    d.ready_drops_at = 4; /* just before the last acknowledgement */
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_E_DOE_LENGTH);
    d.ready_drops_at = 0;
    expect_recovery(&d);
}

static void what_follows_the_object_does_not_reach_the_next(void)
{
    struct device d;
    struct ide_fault fault;
    device_open(&d);
    d.extra = 2;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK);
    CU_ASSERT_TRUE(d.ready);
    d.extra = 0;
    CU_ASSERT_EQUAL(exchange(&d, &fault), IDE_OK); /* its own answer */
    CU_ASSERT_EQUAL(d.aborts, 1);
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

static void payload_of_all_ones_is_payload(void)
{
    struct device d;
    struct ide_fault fault;
    uint8_t request[20] = {0}, response[20];
    size_t len;
    device_open(&d);
    put_dword(request + 4, 5);
    CU_ASSERT_EQUAL(doe_mailbox_exchange(&d.mailbox, request, 20, response, 20, &len, 0, &fault), IDE_OK);
    for (size_t i = 8; i < 20; i++)
        CU_ASSERT_EQUAL(response[i], 0xff);
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

static void open_puts_the_mailbox_in_order(void)
{
    struct device d;
    struct ide_fault fault;
    device_init(&d);
    d.in[0] = 0xdeadbeef; /* a request that somebody did not finish */
    d.in_count = 1;
    CU_ASSERT_EQUAL(doe_mailbox_open(&d.mailbox, &d.function.config, OFFSET, &d.clock.ops, &fault), IDE_OK);
    CU_ASSERT_TRUE(d.aborts == 1 && d.in_count == 0);
    device_init(&d);
    d.busy_until_us = d.clock.now_us + 300000; /* somebody who will */
    CU_ASSERT_EQUAL(doe_mailbox_open(&d.mailbox, &d.function.config, OFFSET, &d.clock.ops, &fault), IDE_OK);
    CU_ASSERT_TRUE(d.clock.now_us >= 1300000);
    device_init(&d);
    d.busy_until_us = UINT64_MAX; /* somebody who had his second */
    CU_ASSERT_EQUAL(doe_mailbox_open(&d.mailbox, &d.function.config, OFFSET, &d.clock.ops, &fault), IDE_OK);
    CU_ASSERT_EQUAL(d.aborts, 1);
    CU_ASSERT_TRUE(d.clock.now_us < 2010000);
}

static enum ide_err open_at(struct device *d, uint16_t offset)
{
    struct ide_fault fault;
    enum ide_err err = doe_mailbox_open(&d->mailbox, &d->function.config, offset, &d->clock.ops, &fault);
    CU_ASSERT_TRUE(err == IDE_OK || (fault.err == err && d->mailbox.dead));
    return err;
}

static void open_refuses(void)
{
    struct device d;
    device_init(&d);
    CU_ASSERT_EQUAL(open_at(&d, 0), IDE_E_NO_DOE);
    CU_ASSERT_EQUAL(open_at(&d, 0x100), IDE_E_NO_DOE);
    CU_ASSERT_EQUAL(open_at(&d, 0x1000), IDE_E_NO_DOE);
    fake_put_ext_cap(&d.function, 0xff0, PCIE_EXT_CAP_ID_DOE, 0);
    CU_ASSERT_EQUAL(open_at(&d, 0xff0), IDE_E_NO_DOE); /* its last registers would be outside */
    CU_ASSERT_EQUAL(d.function.writes, 0);
    d.busy = d.abort_hangs = true;
    CU_ASSERT_EQUAL(open_at(&d, OFFSET), IDE_E_DOE_ABORT);
    CU_ASSERT_TRUE(d.clock.now_us < 3010000);
    atomic_store(&d.clock.cancel, true);
    CU_ASSERT_EQUAL(open_at(&d, OFFSET), IDE_E_CANCELLED);
    d.function.gone = true;
    CU_ASSERT_EQUAL(open_at(&d, OFFSET), IDE_E_NO_DOE);
}

static void find_lists_all_that_fit(void)
{
    struct device d;
    device_init(&d);
    fake_put_ext_cap(&d.function, OFFSET, PCIE_EXT_CAP_ID_DOE, 0xff0);
    fake_put_ext_cap(&d.function, 0xff0, PCIE_EXT_CAP_ID_DOE, 0xfe8);
    fake_put_ext_cap(&d.function, 0xfe8, PCIE_EXT_CAP_ID_DOE, OFFSET);
    CU_ASSERT_EQUAL(doe_mailbox_find(&d.function.config, 0), OFFSET);
    CU_ASSERT_EQUAL(doe_mailbox_find(&d.function.config, 1), 0xfe8);
    CU_ASSERT_EQUAL(doe_mailbox_find(&d.function.config, 2), 0);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"exchange takes the least accesses", exchange_takes_the_least_accesses},
        {"a usual time passes before the first look", a_usual_time_passes_before_the_first_look},
        {"largest object has length zero", largest_object_has_length_zero},
        {"exchanges follow each other", exchanges_follow_each_other},
        {"wait is no longer than the device needs", wait_is_no_longer_than_the_device_needs},
        {"time to send does not slow the looks", time_to_send_does_not_slow_the_looks},
        {"bad requests touch nothing", bad_requests_touch_nothing},
        {"timeout aborts, the stale answer is not seen", timeout_aborts_and_the_stale_answer_is_not_seen},
        {"timeout is the caller's", timeout_is_the_callers},
        {"cancel while waiting aborts", cancel_while_waiting_aborts},
        {"cancel in a long transfer aborts", cancel_in_a_long_transfer_aborts},
        {"timeout ends a transfer that trickles", timeout_ends_a_transfer_that_trickles},
        {"error aborts and the next works", error_aborts_and_the_next_works},
        {"error while receiving is noticed", error_while_receiving_is_noticed},
        {"error left by others is cleared first", error_left_by_others_is_cleared_first},
        {"answer left by others is dropped first", answer_left_by_others_is_dropped_first},
        {"busy of others is waited for", busy_of_others_is_waited_for},
        {"busy that stays is told and nothing is sent", busy_that_stays_is_told_and_nothing_is_sent},
        {"failed abort kills the mailbox", failed_abort_kills_the_mailbox_until_it_is_opened},
        {"abort is waited for to the end", abort_is_waited_for_to_the_end},
        {"error that no abort clears sends nothing", error_that_no_abort_clears_sends_nothing},
        {"length is bounded before it is used", length_is_bounded_before_it_is_used},
        {"room in bytes counts whole dwords", room_in_bytes_counts_whole_dwords},
        {"object shorter than its header says", object_shorter_than_its_header_says},
        {"what follows the object does not reach the next", what_follows_the_object_does_not_reach_the_next},
        {"device that vanishes", device_that_vanishes},
        {"payload of all ones is payload", payload_of_all_ones_is_payload},
        {"write that fails", write_that_fails},
        {"open puts the mailbox in order", open_puts_the_mailbox_in_order},
        {"open refuses", open_refuses},
        {"find lists all that fit", find_lists_all_that_fit},
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: DOE mailbox", tests);
}
