/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kcu_rig.h"

struct kcu_bench bench;

static bool read32(void *context, uint32_t offset, uint32_t *value)
{
    struct kcu_bench *t = context;
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
    struct kcu_bench *t = context;
    CU_ASSERT_FATAL(offset < SIZE && offset % 4 == 0 && t->writes < LOG_MAX);
    t->write[t->writes].offset = offset;
    t->write[t->writes++].value = value;
    if (!t->gone && offset != t->stuck_at)
        t->regs[offset / 4] = value;
    return true;
}

const struct kcu_access bench_access = {read32, write32, &bench};

static struct kcu_port seat(uint8_t device)
{
    return (struct kcu_port){
        .unit = &bench.unit, .bdf = {.device = device}, .wait = &bench.clock.ops, .timeout_ms = 50};
}

void kcu_set_up(void)
{
    struct ide_fault fault;
    memset(&bench, 0, sizeof bench);
    fake_clock_init(&bench.clock);
    bench.regs[0] = (STREAMS - 1) | (TX_SLOTS - 1) << 10 | (RX_SLOTS - 1) << 20;
    CU_ASSERT_EQUAL(kcu_size(bench.regs[0]), SIZE);
    CHECK_OK(kcu_open(&bench.unit, &bench_access, &fault));
    bench.a = seat(3);
    bench.b = seat(4);
}

struct ide_km_target target_of(uint8_t id, unsigned set, unsigned direction, unsigned substream)
{
    return (struct ide_km_target){.stream_id = id,
                                  .key_set = (uint8_t)set,
                                  .direction = (enum ide_direction)direction,
                                  .substream = (enum ide_substream)substream};
}

enum ide_err give(struct kcu_port *port, uint8_t id, unsigned set, unsigned n, struct ide_fault *fault)
{
    struct ide_key key = {.ifv = 1};
    struct ide_km_target t = target_of(id, set, n / IDE_SUBSTREAMS, n % IDE_SUBSTREAMS);
    memset(key.key, (int)(1 + n + 16 * set), sizeof key.key);
    return kcu_write_key(port, &t, &key, fault);
}

void give_all(struct kcu_port *port, uint8_t id, unsigned set)
{
    struct ide_fault fault;
    for (unsigned n = 0; n < 6; n++)
        CHECK_OK(give(port, id, set, n, &fault));
}

void take_all(struct kcu_port *port, uint8_t id, unsigned set)
{
    struct ide_fault fault;
    for (unsigned n = 0; n < 6; n++) {
        struct ide_km_target t = target_of(id, set, n / IDE_SUBSTREAMS, n % IDE_SUBSTREAMS);
        CHECK_OK(kcu_erase(port, &t, &fault));
    }
}

void bring_up(struct kcu_port *port, uint8_t id)
{
    struct ide_fault fault;
    give_all(port, id, 0);
    CHECK_OK(kcu_prime(port, id, 0, &fault));
    CHECK_OK(kcu_select(port, id, 0, &fault));
    CHECK_OK(kcu_enable(port, id, true, &fault));
    bench.writes = 0;
}

void expect_write(size_t at, uint32_t offset, uint32_t value)
{
    CU_ASSERT_FATAL(at < bench.writes);
    CU_ASSERT_EQUAL(bench.write[at].offset, offset);
    CU_ASSERT_EQUAL(bench.write[at].value, value);
}

bool is_blank(void)
{
    for (size_t i = 1; i < SIZE / 4; i++)
        if (bench.regs[i])
            return false;
    return true;
}

void start_anew(void)
{
    struct ide_fault fault;
    kcu_close(&bench.unit);
    CHECK_OK(kcu_open(&bench.unit, &bench_access, &fault));
}
