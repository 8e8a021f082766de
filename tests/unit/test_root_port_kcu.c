/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key unit's registers: what is written in which order, whose slots are whose, what is erased.
 * root_port/kcu.h */
#include "kcu_rig.h"
#include "suite.h"

/* intel/tee-io-validator doc/key_byte_order.md has this key, in both orders. */
static void a_key_stands_in_its_slot_as_ide_km_sends_it(void)
{
    static const uint8_t gcm[32] = {0xdf, 0x25, 0x41, 0x52, 0x05, 0x6e, 0x02, 0xe0, 0xef, 0x8b, 0x7f,
                                    0xeb, 0x97, 0x39, 0xd4, 0xd9, 0x6a, 0x4e, 0xb8, 0x01, 0x03, 0x24,
                                    0x1d, 0xf7, 0xcd, 0x5e, 0x24, 0xb4, 0x9c, 0xcd, 0x27, 0x20};
    static const uint32_t slot[8] = {0x9ccd2720, 0xcd5e24b4, 0x03241df7, 0x6a4eb801,
                                     0x9739d4d9, 0xef8b7feb, 0x056e02e0, 0xdf254152};
    struct ide_fault fault;
    struct ide_key key = {.ifv = UINT64_C(0x100000002)};
    struct ide_km_target tx = target_of(5, 0, IDE_TX, IDE_NPR), rx = target_of(5, 0, IDE_RX, IDE_NPR);
    memcpy(key.key, gcm, sizeof gcm);
    kcu_set_up();
    CHECK_OK(kcu_write_key(&bench.a, &tx, &key, &fault));
    CHECK_OK(kcu_write_key(&bench.a, &rx, &key, &fault));
    CU_ASSERT_EQUAL(memcmp(&bench.regs[TX_KEY(0) / 4], slot, sizeof slot), 0);
    CU_ASSERT_EQUAL(memcmp(&bench.regs[RX_KEY(0) / 4], slot, sizeof slot), 0);
    CU_ASSERT_EQUAL(bench.regs[TX_IV(0) / 4], 2);
    CU_ASSERT_EQUAL(bench.regs[TX_IV(0) / 4 + 1], 1);
    CU_ASSERT_EQUAL(bench.regs[RX_IV(0) / 4], 2);
}

static void bring_up_writes_in_order(void)
{
    struct ide_fault fault;
    kcu_set_up();
    bench.regs[BLOCK(0) / 4] = 0x33000000; /* left there by somebody, and not enabled */
    bench.regs[BLOCK(0) / 4 + 1] = 0x101;
    give_all(&bench.a, 5, 0);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4], 0x05000000);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4 + 1], 0);

    bench.writes = 0;
    CHECK_OK(kcu_prime(&bench.a, 5, 0, &fault));
    CHECK_OK(kcu_select(&bench.a, 5, 0, &fault));
    CHECK_OK(kcu_select(&bench.a, 5, 0, &fault)); /* the other sub-streams: nothing more */
    CHECK_OK(kcu_enable(&bench.a, 5, true, &fault));
    CU_ASSERT_EQUAL(bench.writes, 6);
    expect_write(0, BLOCK(0) + KCU_TX_INDEX, 0 | 1 << 10 | 2 << 20);
    expect_write(1, BLOCK(0) + KCU_TX_CTL, 0x100);
    expect_write(2, BLOCK(0) + KCU_RX_INDEX, 0 | 1 << 10 | 2 << 20);
    expect_write(3, BLOCK(0) + KCU_RX_CTL, 0x100);
    expect_write(4, BLOCK(0) + KCU_TX_CTL, 0x101);
    expect_write(5, BLOCK(0) + KCU_CTL, 0x05000001);
    CU_ASSERT_TRUE(kcu_is_ready(&bench.a, 5, 0, IDE_RX));
    CU_ASSERT_FALSE(kcu_is_ready(&bench.a, 5, 1, IDE_RX));
}

static void new_keys_go_to_the_other_set_and_old_ones_are_erased_later(void)
{
    struct ide_fault fault;
    kcu_set_up();
    bring_up(&bench.a, 5);
    give_all(&bench.a, 5, 1);
    bench.writes = 0;
    CHECK_OK(kcu_prime(&bench.a, 5, 1, &fault));
    CHECK_OK(kcu_select(&bench.a, 5, 1, &fault));
    expect_write(0, BLOCK(0) + KCU_TX_INDEX + 4, 3 | 4 << 10 | 5 << 20);
    expect_write(1, BLOCK(0) + KCU_TX_CTL, 0x10101);
    expect_write(3, BLOCK(0) + KCU_RX_CTL, 0x10100);
    expect_write(4, BLOCK(0) + KCU_TX_CTL, 0x10102);

    uint64_t selected = bench.clock.now_us;
    bench.writes = 0;
    take_all(&bench.a, 5, 0);
    CU_ASSERT_TRUE(bench.clock.now_us - selected >=
                   99000); /* nothing of the old set is on its way any more */
    expect_write(0, BLOCK(0) + KCU_RX_CTL, 0x10000);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4 + 1], 0x10002);
    CU_ASSERT_EQUAL(bench.regs[TX_KEY(0) / 4], 0);
    CU_ASSERT_EQUAL(bench.regs[TX_IV(2) / 4], 0);
    CU_ASSERT_NOT_EQUAL(bench.regs[TX_KEY(3) / 4], 0);
    /* the next keys get the slots that were freed */
    give_all(&bench.a, 5, 0);
    CU_ASSERT_NOT_EQUAL(bench.regs[TX_KEY(0) / 4], 0);
}

static void what_is_taken_back_leaves_nothing(void)
{
    struct ide_fault fault;
    kcu_set_up();
    bring_up(&bench.a, 5);
    CHECK_OK(kcu_enable(&bench.a, 5, false, &fault));
    uint64_t before = bench.clock.now_us;
    take_all(&bench.a, 5, 0);
    CU_ASSERT_TRUE(bench.clock.now_us - before < 1000); /* it is off: there is nothing to wait for */
    CU_ASSERT_TRUE(is_blank());
    take_all(&bench.a, 5, 0); /* again does nothing */
    CHECK_OK(kcu_enable(&bench.a, 5, false, &fault));
    CHECK_ERR(kcu_enable(&bench.a, 5, true, &fault), IDE_E_STATE);
    CHECK_FAULT(&fault, IDE_E_STATE, "KCU enable", "stream");
}

static void ports_share_the_unit(void)
{
    struct ide_fault fault;
    kcu_set_up();
    bring_up(&bench.a, 5);
    bring_up(&bench.b, 6);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4], 0x05000001);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(1) / 4], 0x06000001);
    CU_ASSERT_EQUAL(bench.regs[(BLOCK(1) + KCU_TX_INDEX) / 4], 3 | 4 << 10 | 5 << 20);
    /* the unit knows streams by their ID alone */
    CHECK_ERR(give(&bench.b, 5, 0, 0, &fault), IDE_E_STREAM_USED);
    CHECK_FAULT(&fault, IDE_E_STREAM_USED, "KCU key slot", "Stream ID");
    /* the seventh Tx slot is the last; it is free again once its stream has gone */
    CHECK_OK(give(&bench.b, 6, 1, 3, &fault));
    CHECK_ERR(give(&bench.b, 6, 1, 4, &fault), IDE_E_RESOURCES);
    CHECK_FAULT(&fault, IDE_E_RESOURCES, "KCU key slot", "Tx key slot");
    kcu_release(&bench.a);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4], 0);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(1) / 4], 0x06000001);
    CHECK_OK(give(&bench.b, 6, 1, 4, &fault));
    kcu_release(&bench.b);
    CU_ASSERT_TRUE(is_blank());
}

static void blocks_run_out(void)
{
    struct ide_fault fault;
    kcu_set_up();
    for (uint8_t id = 0; id < STREAMS; id++)
        CHECK_OK(give(&bench.a, id, 0, 0, &fault));
    CHECK_ERR(give(&bench.a, STREAMS, 0, 0, &fault), IDE_E_RESOURCES);
    CHECK_FAULT(&fault, IDE_E_RESOURCES, "KCU key slot", "stream block");
}

static void a_block_without_a_slot_is_given_back(void)
{
    struct ide_fault fault;
    kcu_set_up();
    for (unsigned n = 0; n < 6; n++)
        CHECK_OK(give(&bench.a, 1, 0, n, &fault));
    for (unsigned n = 3; n < 6; n++)
        CHECK_OK(give(&bench.a, 2, 0, n, &fault));
    CHECK_OK(give(&bench.a, 1, 1, 3, &fault)); /* the last Tx slot */
    CHECK_ERR(give(&bench.a, 3, 0, 3, &fault), IDE_E_RESOURCES);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(2) / 4], 0);
    CHECK_OK(give(&bench.a, 4, 0, 0, &fault));
    CU_ASSERT_EQUAL(bench.regs[BLOCK(2) / 4], 0x04000000);
}

static void what_others_enabled_is_left_alone(void)
{
    struct ide_fault fault;
    kcu_set_up();
    bench.regs[BLOCK(0) / 4] = 0x4d000001;
    bench.regs[(BLOCK(0) + KCU_TX_INDEX + 4) / 4] = 1 | 2 << 10 | 3 << 20;
    give_all(&bench.a, 5, 0); /* slot 0 too: the index registers of the other's idle set say 0 */
    CHECK_OK(kcu_prime(&bench.a, 5, 0, &fault));
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4], 0x4d000001);
    CU_ASSERT_EQUAL(bench.regs[BLOCK(1) / 4], 0x05000000);
    CU_ASSERT_EQUAL(bench.regs[(BLOCK(1) + KCU_TX_INDEX) / 4], 4 | 5 << 10 | 6 << 20);
    CHECK_ERR(give(&bench.a, 0x4d, 0, 0, &fault), IDE_E_STREAM_USED);
}

static void a_set_is_primed_only_when_it_is_whole(void)
{
    struct ide_fault fault;
    kcu_set_up();
    CHECK_ERR(kcu_prime(&bench.a, 5, 0, &fault), IDE_E_STATE);
    for (unsigned n = 0; n < 5; n++)
        CHECK_OK(give(&bench.a, 5, 0, n, &fault));
    bench.writes = 0;
    CHECK_ERR(kcu_prime(&bench.a, 5, 0, &fault), IDE_E_STATE);
    CHECK_FAULT(&fault, IDE_E_STATE, "KCU prime", "Tx Key Set Indices");
    CU_ASSERT_EQUAL(bench.writes, 0);
    CHECK_ERR(kcu_select(&bench.a, 5, 0, &fault), IDE_E_STATE);
    CHECK_OK(give(&bench.a, 5, 0, 5, &fault));
    CHECK_OK(kcu_prime(&bench.a, 5, 0, &fault));
    CHECK_ERR(give(&bench.a, 5, 0, 5, &fault), IDE_E_STATE); /* not under a set that is in use */
}

/* The old set could not be erased after a refresh: the next one writes over it. */
static void a_set_that_was_left_may_be_written_over(void)
{
    struct ide_fault fault;
    kcu_set_up();
    give_all(&bench.a, 5, 0);
    CHECK_OK(kcu_prime(&bench.a, 5, 0, &fault));
    CHECK_OK(kcu_select(&bench.a, 5, 0, &fault));
    give_all(&bench.a, 5, 1);
    CHECK_OK(kcu_prime(&bench.a, 5, 1, &fault));
    CHECK_ERR(give(&bench.a, 5, 0, 0, &fault), IDE_E_STATE);
    CHECK_OK(kcu_select(&bench.a, 5, 1, &fault));
    CHECK_ERR(give(&bench.a, 5, 1, 0, &fault), IDE_E_STATE);
    give_all(&bench.a, 5, 0);
    CU_ASSERT_FALSE(kcu_is_ready(&bench.a, 5, 0, IDE_TX));
    CHECK_OK(kcu_prime(&bench.a, 5, 0, &fault));
    CU_ASSERT_TRUE(kcu_is_ready(&bench.a, 5, 1, IDE_TX));
}

static void waits_are_bounded(void)
{
    struct ide_fault fault;
    kcu_set_up();
    give_all(&bench.a, 5, 0);
    bench.never_ready = true;
    uint64_t before = bench.clock.now_us;
    CHECK_ERR(kcu_prime(&bench.a, 5, 0, &fault), IDE_E_TIMEOUT);
    CHECK_FAULT(&fault, IDE_E_TIMEOUT, "KCU prime", "Tx Key Set 0 Ready");
    CU_ASSERT_TRUE(bench.clock.now_us - before < 60000);
    take_all(&bench.a, 5, 0);
    CU_ASSERT_TRUE(is_blank());

    kcu_set_up();
    bring_up(&bench.a, 5);
    give_all(&bench.a, 5, 1);
    CHECK_OK(kcu_prime(&bench.a, 5, 1, &fault));
    bench.never_changes = true;
    CHECK_ERR(kcu_select(&bench.a, 5, 1, &fault), IDE_E_TIMEOUT);
    CHECK_FAULT(&fault, IDE_E_TIMEOUT, "KCU key set select", "Key Set Status");
    CU_ASSERT_TRUE(fault.got == 3 && fault.want == 2);
    bench.never_changes = false;
    CHECK_OK(kcu_select(&bench.a, 5, 1, &fault));
    atomic_store(&bench.clock.cancel, true);
    bench.never_changes = true;
    CHECK_ERR(kcu_select(&bench.a, 5, 0, &fault), IDE_E_CANCELLED);
}

/* A change that was not made is asked for again, each time; one that was made is not. */
static void a_key_set_that_was_not_taken_is_selected_again(void)
{
    struct ide_fault fault;
    kcu_set_up();
    bring_up(&bench.a, 5);
    give_all(&bench.a, 5, 1);
    CHECK_OK(kcu_prime(&bench.a, 5, 1, &fault));
    bench.never_changes = true;
    bench.writes = 0;
    for (size_t times = 1; times <= 3; times++) {
        CHECK_ERR(kcu_select(&bench.a, 5, 1, &fault), IDE_E_TIMEOUT);
        CU_ASSERT_EQUAL(bench.writes, times);
        expect_write(times - 1, BLOCK(0) + KCU_TX_CTL, 0x10102);
    }
    bench.gone = true;
    CHECK_ERR(kcu_select(&bench.a, 5, 1, &fault), IDE_E_IO);
    CHECK_FAULT(&fault, IDE_E_IO, "KCU key set select", NULL);
    bench.gone = bench.never_changes = false;
    CHECK_OK(kcu_select(&bench.a, 5, 1, &fault));
    CHECK_OK(kcu_select(&bench.a, 5, 1, &fault)); /* the other sub-streams */
    CU_ASSERT_EQUAL(bench.writes, 3);
    take_all(&bench.a, 5, 0);
    CU_ASSERT_EQUAL(bench.regs[(BLOCK(0) + KCU_TX_CTL) / 4], 0x10002);
}

static const struct {
    uint32_t at;
    const char *step, *field;
} registers[] = {
    {BLOCK(0) + KCU_CTL, "KCU key slot", "Stream Control"},
    {BLOCK(0) + KCU_TX_INDEX, "KCU prime", "Tx Key Set Indices"},
    {BLOCK(0) + KCU_RX_INDEX, "KCU prime", "Rx Key Set Indices"},
};

static void a_register_that_does_not_take_its_value_is_named(void)
{
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++) {
        struct ide_fault fault;
        enum ide_err err = IDE_OK;
        kcu_set_up();
        bench.stuck_at = registers[i].at;
        for (unsigned n = 0; n < 6 && err == IDE_OK; n++)
            err = give(&bench.a, 5, 0, n, &fault);
        if (err == IDE_OK) {
            bench.regs[registers[i].at / 4] = 9;
            err = kcu_prime(&bench.a, 5, 0, &fault);
        }
        CHECK_ERR(err, IDE_E_REGISTER);
        CHECK_FAULT(&fault, IDE_E_REGISTER, registers[i].step, registers[i].field);
    }
}

static void a_unit_that_is_gone_keeps_what_it_has_until_it_is_back(void)
{
    struct ide_fault fault;
    struct ide_km_target t = target_of(5, 0, IDE_TX, IDE_PR);
    kcu_set_up();
    bring_up(&bench.a, 5);
    bench.gone = true;
    CHECK_ERR(kcu_enable(&bench.a, 5, false, &fault), IDE_E_IO);
    CHECK_FAULT(&fault, IDE_E_IO, "KCU enable", NULL);
    CHECK_ERR(kcu_erase(&bench.a, &t, &fault), IDE_E_IO);
    CHECK_ERR(give(&bench.b, 6, 0, 0, &fault), IDE_E_IO);
    kcu_release(&bench.a);
    bench.gone = false;
    kcu_release(&bench.a);
    CU_ASSERT_TRUE(is_blank());
}

static void a_unit_that_is_not_there_is_not_opened(void)
{
    struct ide_fault fault;
    struct kcu unit;
    kcu_set_up();
    bench.gone = true;
    CHECK_ERR(kcu_open(&unit, &bench_access, &fault), IDE_E_IO);
    CHECK_FAULT(&fault, IDE_E_IO, "KCU open", "Stream Capability");
    kcu_close(&unit);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_key_stands_in_its_slot_as_ide_km_sends_it),
        TEST(bring_up_writes_in_order),
        TEST(new_keys_go_to_the_other_set_and_old_ones_are_erased_later),
        TEST(what_is_taken_back_leaves_nothing),
        TEST(ports_share_the_unit),
        TEST(blocks_run_out),
        TEST(a_block_without_a_slot_is_given_back),
        TEST(what_others_enabled_is_left_alone),
        TEST(a_set_is_primed_only_when_it_is_whole),
        TEST(a_set_that_was_left_may_be_written_over),
        TEST(waits_are_bounded),
        TEST(a_key_set_that_was_not_taken_is_selected_again),
        TEST(a_register_that_does_not_take_its_value_is_named),
        TEST(a_unit_that_is_gone_keeps_what_it_has_until_it_is_back),
        TEST(a_unit_that_is_not_there_is_not_opened),
        CU_TEST_INFO_NULL,
    };
    return suite_run("key unit", tests);
}
