/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CVE-2025-9612, -9613 and -9614 on the emulated link: each way in which they let altered order or data
 * through. */
#include "emu_link_bench.h"

/* --- CVE-2025-9612: a TLP passes a posted request ------------------------------------------------------- */

static void a_read_that_passes_a_write_is_detected(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_device_detected("it passed a posted request");
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
}

static void a_completion_that_passes_dma_is_detected(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_PR, 0, 1);
    dma(0x1000, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_secure(false);
    CU_ASSERT_STRING_EQUAL(last_why(t.root), "no completion came in time");
    CU_ASSERT_EQUAL(errors(t.root, AER_IDE_CHECK_FAILED), 1);
    release(LINK_UP);
    CU_ASSERT_EQUAL(host_byte(0x1000), 0);
}

/* With more posted requests than the counter holds, IDE Sync takes the count; that must not be a way round
 * it. */
static void no_number_of_writes_lets_a_read_pass(void)
{
    for (unsigned held = 1; held < 64; held += 31)
        for (unsigned writes = 250; writes < 800; writes += 137) {
            uint8_t byte;
            up(&plain);
            /* the last ones of the posted sub-stream, Sync messages among them, are held back */
            for (unsigned i = 0; i < writes; i++) {
                if (i == writes - held)
                    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, ADVERSARY_FOREVER);
                write_bar(4 * (i % 1000), 1, 4);
            }
            CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
            expect_secure(false);
            CU_ASSERT_EQUAL(errors(t.device, AER_IDE_CHECK_FAILED), 1);
        }
}

static void a_read_may_not_pass_a_sync_either(void)
{
    uint8_t byte;
    up(&plain);
    for (unsigned i = 0; i < 255; i++)
        write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(seen.sync, 0);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, ADVERSARY_FOREVER);
    write_bar(0, 2, 4); /* a Sync goes before it */
    CU_ASSERT_EQUAL(adversary(LINK_DOWN)->held_count, 2);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_secure(false);
    CU_ASSERT_TRUE(bar_is(0, 1, 4));
}

static void many_writes_without_reads_are_no_error(void)
{
    uint8_t byte;
    up(&plain);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 70000; i++)
            dma(0x1000 + i % 4096, (uint8_t)i);
        CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_DONE);
        CU_ASSERT_EQUAL(link_dma_read(t.device, 0x1000, false, &byte, 1), LINK_DONE);
        CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_DONE);
    }
    expect_secure(true);
    /* one for each 255, and one before each first TLP of the two kinds behind those */
    CU_ASSERT_TRUE(seen.sync >= 3 * 70000 / 255 && seen.sync < 3 * 70000 / 255 + 9);
}

/* --- CVE-2025-9613: a completion comes after its timeout ------------------------------------------------ */

static void a_completion_after_its_timeout_reaches_nobody(void)
{
    uint8_t byte = 0;
    up(&plain);
    write_bar(0, 1, 4);
    write_bar(4, 2, 4);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_CPL, 0, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    uint8_t tag = t.emu.fabric->requests[0].tag;
    release(LINK_UP);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNEXPECTED_COMPLETION), 1);
    CU_ASSERT_EQUAL(read_bar(4, &byte), LINK_DONE);
    CU_ASSERT_EQUAL(byte, 2);
    CU_ASSERT_NOT_EQUAL(t.emu.fabric->requests[0].tag, tag);
    expect_secure(true);
}

static void a_tag_is_not_used_again_while_its_completion_may_come(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_CPL, 0, ADVERSARY_FOREVER);
    t.emu.fabric->next_tag = 200;
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    t.emu.fabric->next_tag = 200;
    CU_ASSERT_EQUAL(read_bar(4, &byte), LINK_TIMED_OUT);
    CU_ASSERT_EQUAL(t.emu.fabric->requests[0].tag, 200);
    CU_ASSERT_EQUAL(t.emu.fabric->requests[1].tag, 201);
    attack(LINK_UP, ATTACK_NONE, VICTIM_CPL, 0, 0);
    release(LINK_UP);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNEXPECTED_COMPLETION), 2);
    CU_ASSERT_EQUAL(read_bar(4, &byte), LINK_DONE);
    expect_secure(true);
}

/* --- CVE-2025-9614: TLPs under old keys ----------------------------------------------------------------- */

static void a_write_held_over_a_refresh_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    expect_secure(true);
    write_bar(0, 2, 4);
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
    expect_device_detected("it came under a key set that was left");
}

static void a_write_held_over_a_stop_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    test_stream_stop(&t, 0);
    expect_secure(true);
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_device_detected("no key is started for it");
}

static void a_write_held_over_two_refreshes_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    test_stream_stop(&t, 0);
    test_stream_key(&t, 0, 2);
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_device_detected("MAC check failed");
}

static void a_write_lost_before_a_refresh_is_missed_after_it(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_DOWN, ATTACK_DROP, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    test_stream_stop(&t, 0);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_device_detected("it passed a posted request");
}

static void a_write_held_over_stop_and_start_is_refused(void)
{
    struct ide_fault fault;
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    CHECK_OK(ide_pair_disable(&t.pair, &fault));
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    CU_ASSERT_EQUAL(errors(t.device, AER_MISROUTED_IDE), 1);
    test_stream_key(&t, 0, 1);
    CHECK_OK(ide_pair_enable(&t.pair, &fault));
    expect_secure(true);
    write_bar(0, 2, 4);
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_read_that_passes_a_write_is_detected),
        TEST(a_completion_that_passes_dma_is_detected),
        TEST(no_number_of_writes_lets_a_read_pass),
        TEST(a_read_may_not_pass_a_sync_either),
        TEST(many_writes_without_reads_are_no_error),
        TEST(a_completion_after_its_timeout_reaches_nobody),
        TEST(a_tag_is_not_used_again_while_its_completion_may_come),
        TEST(a_write_held_over_a_refresh_is_refused),
        TEST(a_write_held_over_a_stop_is_refused),
        TEST(a_write_held_over_two_refreshes_is_refused),
        TEST(a_write_lost_before_a_refresh_is_missed_after_it),
        TEST(a_write_held_over_stop_and_start_is_refused),
        CU_TEST_INFO_NULL,
    };
    return run_link_tests(tests);
}
