/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The DOE mailbox against a device that behaves: how many accesses and how much time an exchange takes,
 * lengths, and finding and opening one. */
#include <string.h>

#include "suite.h"
#include "test_root_port_mailbox.h"

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
        TEST(exchange_takes_the_least_accesses),
        TEST(a_usual_time_passes_before_the_first_look),
        TEST(largest_object_has_length_zero),
        TEST(exchanges_follow_each_other),
        TEST(wait_is_no_longer_than_the_device_needs),
        TEST(time_to_send_does_not_slow_the_looks),
        TEST(bad_requests_touch_nothing),
        TEST(length_is_bounded_before_it_is_used),
        TEST(room_in_bytes_counts_whole_dwords),
        TEST(object_shorter_than_its_header_says),
        TEST(what_follows_the_object_does_not_reach_the_next),
        TEST(payload_of_all_ones_is_payload),
        TEST(open_puts_the_mailbox_in_order),
        TEST(open_refuses),
        TEST(find_lists_all_that_fit),
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: DOE mailbox", tests);
}
