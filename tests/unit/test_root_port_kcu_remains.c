/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a key unit is written down before it is touched, and what is made of what a dead owner left. */
#include "kcu_rig.h"
#include "suite.h"

struct told {
    unsigned holds, lets_go, writes; /* the registers that were written before the last hold */
    enum ide_err answer;
    struct kcu_remains remains;
};

static enum ide_err tell_hold(void *context, const struct kcu_port *port, unsigned block,
                              const struct kcu_stream *stream, uint8_t key_set, struct ide_fault *fault)
{
    struct told *told = context;
    (void)port;
    told->holds++;
    told->writes = (unsigned)bench.writes;
    told->remains.block = block;
    told->remains.stream_id = stream->id;
    for (unsigned n = 0; n < 6; n++)
        told->remains.slot[n / 3][n % 3] = stream->slot[key_set][n / 3][n % 3];
    return told->answer == IDE_OK ? IDE_OK : ide_fail(fault, told->answer, "state file", NULL);
}

static void tell_let_go(void *context, const struct kcu_port *port, uint8_t stream_id, uint8_t key_set)
{
    struct told *told = context;
    (void)port;
    (void)stream_id;
    (void)key_set;
    told->lets_go++;
}

static void reserve_and_give(uint8_t id, struct told *told)
{
    struct ide_fault fault;
    kcu_set_up();
    bench.unit.journal = (struct kcu_journal){tell_hold, tell_let_go, told};
    CHECK_OK(kcu_reserve(&bench.a, id, 0, &fault));
    CU_ASSERT_EQUAL(bench.writes, 0);
    give_all(&bench.a, id, 0);
}

static void slots_are_told_before_any_is_touched(void)
{
    struct ide_fault fault;
    struct told told = {0};
    reserve_and_give(5, &told);
    CU_ASSERT_EQUAL(told.holds, 1);
    CU_ASSERT_EQUAL(told.writes, 0);
    CHECK_OK(kcu_reserve(&bench.a, 5, 0, &fault)); /* it has them */
    CU_ASSERT_EQUAL(told.holds, 1);
    take_all(&bench.a, 5, 0);
    CU_ASSERT_EQUAL(told.lets_go, 1);
}

static void what_cannot_be_told_is_not_taken(void)
{
    struct ide_fault fault;
    struct told told = {.answer = IDE_E_STORE};
    kcu_set_up();
    bench.unit.journal = (struct kcu_journal){tell_hold, tell_let_go, &told};
    for (unsigned i = 0; i < 20; i++) /* more often than there are slots and blocks */
        CHECK_ERR(kcu_reserve(&bench.a, (uint8_t)i, 0, &fault), IDE_E_STORE);
    CU_ASSERT_EQUAL(bench.writes, 0);
    told.answer = IDE_OK;
    CHECK_OK(kcu_reserve(&bench.a, 5, 0, &fault));
}

static void what_a_dead_owner_left_is_taken_back(void)
{
    struct ide_fault fault;
    struct told told = {0};
    reserve_and_give(5, &told);
    CHECK_OK(kcu_prime(&bench.a, 5, 0, &fault));
    CHECK_OK(kcu_enable(&bench.a, 5, true, &fault));
    start_anew();
    CHECK_OK(kcu_clear_remains(&bench.unit, &told.remains, &fault));
    for (size_t i = 1; i < SIZE / 4; i++)
        CU_ASSERT_EQUAL(bench.regs[i], 0);
}

/* Somebody else has the block, or one of the slots, by now. */
static void what_others_have_by_now_is_left_alone(void)
{
    struct ide_fault fault;
    struct told told = {0};
    reserve_and_give(5, &told);
    start_anew();
    bench.regs[BLOCK(0) / 4] =
        6u << 24 | KCU_CTL_EN; /* another stream in the same block, with slot 0 of each direction */
    memset(&bench.regs[TX_KEY(0) / 4], 0x77, 32);
    CHECK_OK(kcu_clear_remains(&bench.unit, &told.remains, &fault));
    CU_ASSERT_EQUAL(bench.regs[BLOCK(0) / 4], 6u << 24 | KCU_CTL_EN);
    CU_ASSERT_EQUAL(bench.regs[TX_KEY(0) / 4], 0x77777777);
    CU_ASSERT_EQUAL(bench.regs[TX_KEY(1) / 4], 0);
    CU_ASSERT_EQUAL(bench.regs[RX_KEY(2) / 4], 0);
}

static void a_unit_that_is_gone_or_smaller_is_an_error(void)
{
    struct ide_fault fault;
    struct told told = {0};
    reserve_and_give(5, &told);
    start_anew();
    bench.gone = true;
    CHECK_ERR(kcu_clear_remains(&bench.unit, &told.remains, &fault), IDE_E_IO);
    bench.gone = false;
    told.remains.block = STREAMS;
    CHECK_ERR(kcu_clear_remains(&bench.unit, &told.remains, &fault), IDE_E_ARGUMENT);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(slots_are_told_before_any_is_touched),       TEST(what_cannot_be_told_is_not_taken),
        TEST(what_a_dead_owner_left_is_taken_back),       TEST(what_others_have_by_now_is_left_alone),
        TEST(a_unit_that_is_gone_or_smaller_is_an_error), CU_TEST_INFO_NULL,
    };
    return suite_run("key unit: what a dead owner left", tests);
}
