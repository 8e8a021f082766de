/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key unit's registers: what is written in which order, whose slots are whose, what is erased.
 * root_port/kcu.h */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "root_port/kcu_memory.h"
#include "root_port/key_provider.h"
#include "suite.h"
#include "test_root_port_fake.h"

#define STREAMS  3u
#define TX_SLOTS 7u
#define RX_SLOTS 8u
#define SIZE     (4 + 36 * STREAMS + 40 * (TX_SLOTS + RX_SLOTS))
#define LOG_MAX  256

#define TX_KEY(slot) (4 + 36 * STREAMS + 32 * (slot))
#define TX_IV(slot)  (TX_KEY(TX_SLOTS) + 8 * (slot))
#define RX_KEY(slot) (TX_IV(TX_SLOTS) + 32 * (slot))
#define RX_IV(slot)  (RX_KEY(RX_SLOTS) + 8 * (slot))
#define BLOCK(n)     (4 + 36 * (n))

/* A unit made of memory: what is primed is ready at once, and what is selected is used. */
static struct bench {
    struct fake_clock clock;
    uint32_t regs[SIZE / 4];
    struct {
        uint32_t offset, value;
    } write[LOG_MAX];
    size_t writes;
    uint32_t stuck_at; /* writes there are ignored; 0: none */
    bool gone, never_ready, never_changes;
    struct kcu unit;
    struct kcu_port a, b;
} bench;

static bool read32(void *context, uint32_t offset, uint32_t *value)
{
    struct bench *t = context;
    CU_ASSERT_FATAL(offset < SIZE && offset % 4 == 0);
    t->clock.now_us++;
    *value = t->gone ? UINT32_MAX : t->regs[offset / 4];
    uint32_t at = (offset - 4) % 36;
    if (t->gone || offset < 4 || offset >= TX_KEY(0) || (at != KCU_TX_STS && at != KCU_RX_STS))
        return true;
    uint32_t control = t->regs[offset / 4 - 1];
    for (unsigned set = 0; set < 2; set++)
        if ((control & KCU_CTL_PRIME(set)) && !t->never_ready)
            *value |= KCU_STS_READY(set);
    if (at == KCU_TX_STS)
        *value |= t->never_changes ? KCU_CHANGING : control & KCU_TX_CTL_SELECT;
    return true;
}

static bool write32(void *context, uint32_t offset, uint32_t value)
{
    struct bench *t = context;
    CU_ASSERT_FATAL(offset < SIZE && offset % 4 == 0 && t->writes < LOG_MAX);
    t->write[t->writes].offset = offset;
    t->write[t->writes++].value = value;
    if (!t->gone && offset != t->stuck_at)
        t->regs[offset / 4] = value;
    return true;
}

static struct kcu_port seat(uint8_t device)
{
    return (struct kcu_port){
        .unit = &bench.unit, .bdf = {.device = device}, .wait = &bench.clock.ops, .timeout_ms = 50};
}

static void set_up(void)
{
    struct ide_fault fault;
    const struct kcu_access access = {read32, write32, &bench};
    memset(&bench, 0, sizeof bench);
    fake_clock_init(&bench.clock);
    bench.regs[0] = (STREAMS - 1) | (TX_SLOTS - 1) << 10 | (RX_SLOTS - 1) << 20;
    CU_ASSERT_EQUAL(kcu_size(bench.regs[0]), SIZE);
    CHECK_OK(kcu_open(&bench.unit, &access, &fault));
    bench.a = seat(3);
    bench.b = seat(4);
}

static struct ide_km_target target_of(uint8_t id, unsigned set, unsigned direction, unsigned substream)
{
    return (struct ide_km_target){.stream_id = id,
                                  .key_set = (uint8_t)set,
                                  .direction = (enum ide_direction)direction,
                                  .substream = (enum ide_substream)substream};
}

static enum ide_err give(struct kcu_port *port, uint8_t id, unsigned set, unsigned n, struct ide_fault *fault)
{
    struct ide_key key = {.ifv = 1};
    struct ide_km_target t = target_of(id, set, n / IDE_SUBSTREAMS, n % IDE_SUBSTREAMS);
    memset(key.key, (int)(1 + n + 16 * set), sizeof key.key);
    return kcu_write_key(port, &t, &key, fault);
}

static void give_all(struct kcu_port *port, uint8_t id, unsigned set)
{
    struct ide_fault fault;
    for (unsigned n = 0; n < 6; n++)
        CHECK_OK(give(port, id, set, n, &fault));
}

static void take_all(struct kcu_port *port, uint8_t id, unsigned set)
{
    struct ide_fault fault;
    for (unsigned n = 0; n < 6; n++) {
        struct ide_km_target t = target_of(id, set, n / IDE_SUBSTREAMS, n % IDE_SUBSTREAMS);
        CHECK_OK(kcu_erase(port, &t, &fault));
    }
}

static void bring_up(struct kcu_port *port, uint8_t id)
{
    struct ide_fault fault;
    give_all(port, id, 0);
    CHECK_OK(kcu_prime(port, id, 0, &fault));
    CHECK_OK(kcu_select(port, id, 0, &fault));
    CHECK_OK(kcu_enable(port, id, true, &fault));
    bench.writes = 0;
}

static void expect_write(size_t at, uint32_t offset, uint32_t value)
{
    CU_ASSERT_FATAL(at < bench.writes);
    CU_ASSERT_EQUAL(bench.write[at].offset, offset);
    CU_ASSERT_EQUAL(bench.write[at].value, value);
}

static bool is_blank(void)
{
    for (size_t i = 1; i < SIZE / 4; i++)
        if (bench.regs[i])
            return false;
    return true;
}

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
    set_up();
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
    set_up();
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
    set_up();
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
    set_up();
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
    set_up();
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
    set_up();
    for (uint8_t id = 0; id < STREAMS; id++)
        CHECK_OK(give(&bench.a, id, 0, 0, &fault));
    CHECK_ERR(give(&bench.a, STREAMS, 0, 0, &fault), IDE_E_RESOURCES);
    CHECK_FAULT(&fault, IDE_E_RESOURCES, "KCU key slot", "stream block");
}

static void a_block_without_a_slot_is_given_back(void)
{
    struct ide_fault fault;
    set_up();
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
    set_up();
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
    set_up();
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
    set_up();
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
    set_up();
    give_all(&bench.a, 5, 0);
    bench.never_ready = true;
    uint64_t before = bench.clock.now_us;
    CHECK_ERR(kcu_prime(&bench.a, 5, 0, &fault), IDE_E_TIMEOUT);
    CHECK_FAULT(&fault, IDE_E_TIMEOUT, "KCU prime", "Tx Key Set 0 Ready");
    CU_ASSERT_TRUE(bench.clock.now_us - before < 60000);
    take_all(&bench.a, 5, 0);
    CU_ASSERT_TRUE(is_blank());

    set_up();
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
        set_up();
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
    set_up();
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
    const struct kcu_access access = {read32, write32, &bench};
    set_up();
    bench.gone = true;
    CHECK_ERR(kcu_open(&unit, &access, &fault), IDE_E_IO);
    CHECK_FAULT(&fault, IDE_E_IO, "KCU open", "Stream Capability");
    kcu_close(&unit);
}

static void the_provider_needs_to_be_open_and_forgets_all_when_closed(void)
{
    struct ide_fault fault;
    struct ide_km_query_resp who;
    struct key_provider_status status;
    struct ide_key key = {.ifv = 1};
    struct ide_km_target t = target_of(5, 0, IDE_TX, IDE_PR);
    set_up();
    struct key_provider p = key_provider_kcu(&bench.a);
    CHECK_ERR(p.ops->program_key(p.context, &t, &key, &fault), IDE_E_SESSION);
    CHECK_ERR(p.ops->query(p.context, &who, &fault), IDE_E_SESSION);
    CHECK_OK(p.ops->authenticate(p.context, NULL, false, &fault));
    CHECK_OK(p.ops->open(p.context, &fault));
    CHECK_OK(p.ops->open(p.context, &fault)); /* it is open already */
    p.ops->status(p.context, &status);
    CU_ASSERT_TRUE(status.ready && status.session == 1 && status.params.version == 0);
    CHECK_OK(p.ops->query(p.context, &who, &fault));
    CU_ASSERT_TRUE(who.bus == 0 && who.devfn == 3 << 3);
    CHECK_ERR(p.ops->go(p.context, &(struct ide_km_target){.stream_id = 5, .direction = IDE_RX}, &fault),
              IDE_E_STATE);
    bring_up(&bench.a, 5);
    CHECK_OK(p.ops->go(p.context, &(struct ide_km_target){.stream_id = 5, .direction = IDE_RX}, &fault));
    p.ops->close(p.context);
    CU_ASSERT_TRUE(is_blank());
    p.ops->status(p.context, &status);
    CU_ASSERT_FALSE(status.ready);
    CHECK_OK(p.ops->open(p.context, &fault));
    p.ops->status(p.context, &status);
    CU_ASSERT_EQUAL(status.session, 2); /* keys of the first time are not these */
}

/* A file can be mapped, as /dev/mem can. The unit need not begin at a page. */
static void memory_is_mapped_where_it_can_be(void)
{
    char path[] = "/tmp/test_kcu.XXXXXX";
    int fd = mkstemp(path);
    uint32_t capability = (STREAMS - 1) | (TX_SLOTS - 1) << 10 | (RX_SLOTS - 1) << 20, value;
    struct ide_fault fault;
    struct kcu_memory m;
    const uint64_t base = 0x2f10;
    CU_ASSERT_FATAL(fd >= 0 && ftruncate(fd, 0x4000) == 0);
    CU_ASSERT_EQUAL(pwrite(fd, &capability, 4, (off_t)base), 4);
    CHECK_OK(kcu_memory_open(&m, path, base, &fault));
    struct kcu_access a = kcu_memory_access(&m);
    CU_ASSERT_TRUE(m.regs != NULL && a.read32(a.context, 0, &value) && value == capability);
    CU_ASSERT_TRUE(a.write32(a.context, SIZE - 4, 0x12345678));
    CU_ASSERT_FALSE(a.write32(a.context, SIZE, 1)); /* beyond its registers */
    CU_ASSERT_FALSE(a.read32(a.context, 2, &value));
    CU_ASSERT_TRUE(pread(fd, &value, 4, (off_t)base + SIZE - 4) == 4 && value == 0x12345678);
    kcu_memory_close(&m);
    CHECK_ERR(kcu_memory_open(&m, "/nonexistent", base, &fault), IDE_E_ACCESS);
    kcu_memory_close(&m);
    close(fd);
    unlink(path);
}

/* ---- what is written down, and what a dead owner left ------------------------ */

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
    set_up();
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
    set_up();
    bench.unit.journal = (struct kcu_journal){tell_hold, tell_let_go, &told};
    for (unsigned i = 0; i < 20; i++) /* more often than there are slots and blocks */
        CHECK_ERR(kcu_reserve(&bench.a, (uint8_t)i, 0, &fault), IDE_E_STORE);
    CU_ASSERT_EQUAL(bench.writes, 0);
    told.answer = IDE_OK;
    CHECK_OK(kcu_reserve(&bench.a, 5, 0, &fault));
}

/* The next owner knows the unit only by what was told. */
static void start_anew(void)
{
    struct ide_fault fault;
    const struct kcu_access access = {read32, write32, &bench};
    kcu_close(&bench.unit);
    CHECK_OK(kcu_open(&bench.unit, &access, &fault));
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
    bench.regs[BLOCK(0) / 4] = 6u << 24 | KCU_CTL_EN; /* another stream in the same block, with slot 0 of each direction */
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
        {"a key stands in its slot as IDE_KM sends it", a_key_stands_in_its_slot_as_ide_km_sends_it},
        {"bring-up writes in order", bring_up_writes_in_order},
        {"new keys go to the other set and old ones are erased later",
         new_keys_go_to_the_other_set_and_old_ones_are_erased_later},
        {"what is taken back leaves nothing", what_is_taken_back_leaves_nothing},
        {"ports share the unit", ports_share_the_unit},
        {"blocks run out", blocks_run_out},
        {"a block without a slot is given back", a_block_without_a_slot_is_given_back},
        {"what others enabled is left alone", what_others_enabled_is_left_alone},
        {"a set is primed only when it is whole", a_set_is_primed_only_when_it_is_whole},
        {"a set that was left may be written over", a_set_that_was_left_may_be_written_over},
        {"waits are bounded", waits_are_bounded},
        {"a register that does not take its value is named",
         a_register_that_does_not_take_its_value_is_named},
        {"a unit that is gone keeps what it has until it is back",
         a_unit_that_is_gone_keeps_what_it_has_until_it_is_back},
        {"a unit that is not there is not opened", a_unit_that_is_not_there_is_not_opened},
        {"the provider needs to be open and forgets all when closed",
         the_provider_needs_to_be_open_and_forgets_all_when_closed},
        {"memory is mapped where it can be", memory_is_mapped_where_it_can_be},
        TEST(slots_are_told_before_any_is_touched),
        TEST(what_cannot_be_told_is_not_taken),
        TEST(what_a_dead_owner_left_is_taken_back),
        TEST(what_others_have_by_now_is_left_alone),
        TEST(a_unit_that_is_gone_or_smaller_is_an_error),
        CU_TEST_INFO_NULL,
    };
    return suite_run("key unit", tests);
}
