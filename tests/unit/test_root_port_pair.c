/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which block a stream gets, whom it is for, and the order between its two ends. */
#include <string.h>

#include "root_port/ide_stream.h"
#include "suite.h"
#include "test_root_port_fake.h"

#define CAP    0x200u
#define LINK_0 (CAP + 12)
#define SEL_0  (CAP + 20) /* one link block, then two selective ones with one address block each */
#define SEL_1  (SEL_0 + 32)
#define CTL    4u
#define STS    8u
#define RID_1  12u
#define RID_2  16u

/* A root port and an endpoint that share a log and a clock. */
struct platform {
    struct fake_clock clock;
    struct fake_log log;
    struct fake_function root, device;
    struct ide_port root_port, endpoint;
    struct ide_pair pair;
    bool stays_insecure[2]; /* root port, endpoint */
    bool fail_message[2];
    uint64_t secure_after_us; /* from the enabling of this end */
    uint64_t enabled_at_us[2];
    bool answers_late; /* the endpoint reads as all ones until then */
};

/* A port whose state is Secure once it is enabled, unless told otherwise. */
static bool status_read(struct fake_function *f, unsigned offset, uint32_t *value)
{
    struct platform *p = f->context;
    unsigned end = f == &p->device;
    if (offset != SEL_0 + STS)
        return false;
    bool enabled = fake_get32(f, SEL_0 + CTL) & PCIE_IDE_STREAM_CTL_EN;
    bool due = p->clock.now_us >= p->enabled_at_us[end] + p->secure_after_us;
    bool secure = enabled && due && !p->stays_insecure[end];
    *value = (secure ? 2u : 0) | (p->fail_message[end] ? PCIE_IDE_STREAM_STS_FAIL : 0);
    if (end == 1 && p->answers_late && !secure)
        *value = PCIE_ALL_ONES;
    return true;
}

static bool control_write(struct fake_function *f, unsigned offset, uint32_t value)
{
    struct platform *p = f->context;
    if (offset == SEL_0 + CTL && (value & PCIE_IDE_STREAM_CTL_EN))
        p->enabled_at_us[f == &p->device] = p->clock.now_us;
    return offset == SEL_0 + STS;
}

static void make_port(struct platform *p, struct fake_function *f, enum pcie_port_type type)
{
    fake_init(f);
    fake_put_express(f, type);
    fake_put_ext_cap(f, 0x100, 0x0001, CAP);
    fake_put_ext_cap(f, CAP, PCIE_EXT_CAP_ID_IDE, 0);
    fake_put32(f, CAP + 4, 0x00010047);
    fake_put32(f, SEL_0, 1);
    fake_put32(f, SEL_1, 1);
    f->clock = &p->clock;
    f->log = &p->log;
    f->on_read = status_read;
    f->on_write = control_write;
    f->context = p;
}

static void make_platform(struct platform *p)
{
    struct ide_fault fault;
    struct pcie_bdf root = {.device = 3}, device = {.bus = 1};
    memset(p, 0, sizeof *p);
    fake_clock_init(&p->clock);
    make_port(p, &p->root, PCIE_TYPE_ROOT_PORT);
    make_port(p, &p->device, PCIE_TYPE_ENDPOINT);
    fake_put_bridge(&p->root, 0, 1, 1);
    fake_put32(&p->root, 0x20, 0xfe20fe00);
    fake_put32(&p->root, 0x24, 0x0011fff1);
    fake_put32(&p->root, 0x28, 8);
    fake_put32(&p->root, 0x2c, 9);
    CU_ASSERT_EQUAL_FATAL(ide_port_open(&p->root_port, &root, &p->root.config, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(ide_port_open(&p->endpoint, &device, &p->device.config, &fault), IDE_OK);
}

static void set_up(struct platform *p)
{
    struct ide_fault fault;
    struct ide_stream_settings root = {.stream_id = 5},
                               device = {.stream_id = 5, .features.default_stream = true};
    make_platform(p);
    ide_stream_associate(&p->root_port, &p->endpoint, &p->root.config, &root, &device);
    CU_ASSERT_EQUAL_FATAL(ide_stream_setup(&p->pair.root_port, &p->root_port, &root, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(ide_stream_setup(&p->pair.endpoint, &p->endpoint, &device, &fault), IDE_OK);
    p->log.count = 0;
}

static void enable(struct platform *p)
{
    struct ide_fault fault;
    set_up(p);
    CU_ASSERT_EQUAL_FATAL(ide_pair_enable(&p->pair, &fault), IDE_OK);
    p->log.count = 0;
}

static void expect_entry(const struct platform *p, unsigned at, const struct fake_function *f, bool write,
                         unsigned offset)
{
    CU_ASSERT_TRUE_FATAL(at < p->log.count);
    CU_ASSERT_PTR_EQUAL(p->log.entry[at].function, f);
    CU_ASSERT_EQUAL(p->log.entry[at].write, write);
    CU_ASSERT_EQUAL(p->log.entry[at].offset, offset);
}

static bool is_enabled(const struct fake_function *f)
{
    return fake_get32(f, SEL_0 + CTL) & PCIE_IDE_STREAM_CTL_EN;
}

static void claim_takes_the_first_idle_block(void)
{
    struct platform p;
    struct ide_block block;
    struct ide_fault fault;
    make_platform(&p);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_OK);
    CU_ASSERT_TRUE(block.kind == IDE_SELECTIVE && block.index == 0);
    fake_put32(&p.root, SEL_0 + RID_2, 1); /* prepared by somebody */
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(block.index, 1);
    fake_put32(&p.root, SEL_1 + CTL, 0x09000001);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_E_RESOURCES);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_LINK, &block, &fault), IDE_OK);
    CU_ASSERT_TRUE(block.kind == IDE_LINK && block.index == 0);
    fake_put32(&p.root, LINK_0, 0x0a000001);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_LINK, &block, &fault), IDE_E_RESOURCES);
    CU_ASSERT_EQUAL(p.root.writes, 0);
}

static void claim_leaves_blocks_that_are_kept(void)
{
    struct platform p;
    struct ide_block block;
    struct ide_fault fault;
    make_platform(&p);
    p.root_port.kept[0] = 1;
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(block.index, 1);
    p.root_port.kept[0] = 3;
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_E_RESOURCES);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_LINK, &block, &fault), IDE_OK);
}

static void claim_prefers_a_block_with_room_for_all_windows(void)
{
    struct platform p;
    struct ide_block block;
    struct ide_fault fault;
    make_platform(&p);
    p.root_port.windows = 2;
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(block.index, 0); /* none has: the first */
    p.root_port.cap.address_blocks[0] = 0;
    p.root_port.windows = 1;
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(block.index, 1);
}

static void windows_without_room_are_joined(void)
{
    struct platform p;
    struct ide_stream_settings root = {.rid_last = 0x103}, device = {0};
    make_platform(&p);
    ide_stream_associate(&p.root_port, &p.endpoint, &p.root.config, &root, &device);
    CU_ASSERT_TRUE(root.window_count == 1 && root.windows_left_out == 1);
    CU_ASSERT_EQUAL(root.rid_first, 0x100);
    CU_ASSERT_EQUAL(root.rid_last, 0x103); /* the functions that share the registers */
    ide_stream_join_windows(&root, &p.root.config);
    CU_ASSERT_TRUE(root.window_count == 1 && root.windows_left_out == 0);
    CU_ASSERT_EQUAL(root.windows[0].base, 0xfe000000);
    CU_ASSERT_EQUAL(root.windows[0].limit, UINT64_C(0x9001fffff));
}

static void claim_refuses(void)
{
    struct platform p;
    struct ide_block block;
    struct ide_fault fault;
    make_platform(&p);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 255, IDE_SELECTIVE, &block, &fault), IDE_E_STREAM_RANGE);
    fake_put32(&p.root, SEL_1 + CTL, 0x05000001);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_E_STREAM_USED);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_LINK, &block, &fault), IDE_E_STREAM_USED);
    fake_put32(&p.root, SEL_1 + CTL, 0x05000000); /* not enabled, but associated */
    fake_put32(&p.root, SEL_1 + RID_2, 1);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_E_STREAM_USED);
    fake_put32(&p.root, SEL_1 + RID_2, 0);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_OK);
    fake_put32(&p.root, LINK_0, 0x05000001);
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_E_STREAM_USED);
    p.root_port.cap.link_count = 0;
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 6, IDE_LINK, &block, &fault), IDE_E_CAPABILITY);
    p.root.gone = true;
    CU_ASSERT_EQUAL(ide_block_claim(&p.root_port, 5, IDE_SELECTIVE, &block, &fault), IDE_E_IO);
}

static void find_and_read_the_block_of_a_stream(void)
{
    struct platform p;
    struct ide_block block = {IDE_LINK, 9};
    struct ide_block_state state;
    struct ide_fault fault;
    make_platform(&p);
    CU_ASSERT_EQUAL(ide_block_find(&p.root_port, 0, &block, &fault),
                    IDE_E_NO_STREAM); /* idle blocks carry 0 */
    CU_ASSERT_EQUAL(block.index, 9);
    fake_put32(&p.root, SEL_1 + CTL, 0x05000001);
    fake_put32(&p.root, SEL_1 + STS, 0x80000002);
    CU_ASSERT_EQUAL(ide_block_find(&p.root_port, 5, &block, &fault), IDE_OK);
    CU_ASSERT_TRUE(block.kind == IDE_SELECTIVE && block.index == 1);
    CU_ASSERT_EQUAL(ide_block_read(&p.root_port, block, &state, &fault), IDE_OK);
    CU_ASSERT_TRUE(state.use == IDE_USE_ENABLED && state.stream_id == 5 && state.state == 2 &&
                   state.fail_received);
    block.index = 2;
    CU_ASSERT_EQUAL(ide_block_read(&p.root_port, block, &state, &fault), IDE_E_ARGUMENT);
    block.index = 0;
    CU_ASSERT_EQUAL(ide_block_read(&p.root_port, block, &state, &fault), IDE_OK);
    CU_ASSERT_TRUE(state.use == IDE_USE_IDLE && state.state == 0 && !state.fail_received);
    p.root.gone = true;
    CU_ASSERT_EQUAL(ide_block_read(&p.root_port, block, &state, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(ide_block_find(&p.root_port, 5, &block, &fault), IDE_E_IO);
}

static void flow_through_is_one_bit(void)
{
    struct platform p;
    struct ide_fault fault;
    make_platform(&p);
    fake_put32(&p.root, CAP + 8, 0x10); /* what else is there stays */
    CU_ASSERT_EQUAL(ide_flow_through(&p.root_port, true, &fault), IDE_OK);
    CU_ASSERT_EQUAL(fake_get32(&p.root, CAP + 8), 0x14);
    unsigned writes = p.root.writes;
    CU_ASSERT_EQUAL(ide_flow_through(&p.root_port, true, &fault), IDE_OK);
    CU_ASSERT_EQUAL(p.root.writes, writes);
    p.root.stuck_at = CAP + 8;
    CU_ASSERT_EQUAL(ide_flow_through(&p.root_port, false, &fault), IDE_E_REGISTER);
    p.root.stuck_at = 0;
    p.root_port.cap.flow_through = false;
    CU_ASSERT_EQUAL(ide_flow_through(&p.root_port, true, &fault), IDE_E_CAPABILITY);
    CU_ASSERT_EQUAL(ide_flow_through(&p.root_port, false, &fault), IDE_OK); /* off is always allowed */
    CU_ASSERT_EQUAL(fake_get32(&p.root, CAP + 8), 0x10);
    p.root.gone = true;
    CU_ASSERT_EQUAL(ide_flow_through(&p.root_port, false, &fault), IDE_E_IO);
}

static void association_names_the_other_end(void)
{
    struct platform p;
    struct ide_stream_settings root = {.stream_id = 5}, device = {.stream_id = 5};
    make_platform(&p);
    p.endpoint.bdf.domain = p.root_port.bdf.domain = 0x12;
    p.root_port.cap.address_blocks[0] = 2;
    ide_stream_associate(&p.root_port, &p.endpoint, &p.root.config, &root, &device);
    CU_ASSERT_TRUE(root.rid_first == 0x0100 && root.rid_last == 0x0100 && root.segment == 0);
    CU_ASSERT_TRUE(device.rid_first == 0x0018 && device.rid_last == 0x0018 && device.segment == 0);
    CU_ASSERT_TRUE(root.window_count == 2 && root.windows_left_out == 0);
    CU_ASSERT_TRUE(root.windows[0].base == 0xfe000000 && root.windows[0].limit == 0xfe2fffff);
    CU_ASSERT_TRUE(root.windows[1].base == 0x8fff00000 && root.windows[1].limit == 0x9001fffff);
    CU_ASSERT_TRUE(device.window_count == 0 && device.windows_left_out == 0);
    CU_ASSERT_TRUE(!root.features.default_stream && !device.features.default_stream);

    p.root_port.cap.address_blocks[0] =
        1; /* what does not fit is said, and saying it again does not add up */
    ide_stream_associate(&p.root_port, &p.endpoint, &p.root.config, &root, &device);
    ide_stream_associate(&p.root_port, &p.endpoint, &p.root.config, &root, &device);
    CU_ASSERT_TRUE(root.window_count == 1 && root.windows_left_out == 1);
    CU_ASSERT_EQUAL(root.windows[0].base, 0xfe000000);

    fake_put32(&p.root, 0x40 + 0x30, 0x0400u << 16); /* Flit Mode at the root port only */
    fake_put_ext_cap(&p.device, 0x100, PCIE_EXT_CAP_ID_SRIOV, CAP);
    fake_put32(&p.device, 0x108, 1);
    fake_put32(&p.device, 0x110, 4);
    fake_put32(&p.device, 0x114, 1 | 1u << 16);
    fake_put32(&p.root, 0x20, 0x0000fff0); /* no memory window */
    ide_stream_associate(&p.root_port, &p.endpoint, &p.root.config, &root, &device);
    CU_ASSERT_TRUE(root.segment == 0x12 && device.segment == 0);
    CU_ASSERT_TRUE(root.rid_first == 0x0100 && root.rid_last == 0x0104);
    CU_ASSERT_TRUE(root.window_count == 1 && root.windows_left_out == 0);
    CU_ASSERT_EQUAL(root.windows[0].base, 0x8fff00000);
}

/* A key unit that writes its name into the log. */
static bool unit_fails;

static enum ide_err unit_enable(void *context, uint8_t stream_id, bool on, struct ide_fault *fault)
{
    struct platform *p = context;
    CU_ASSERT_EQUAL(stream_id, 5);
    p->log.entry[p->log.count].function = &unit_fails;
    p->log.entry[p->log.count++].write = on;
    return unit_fails ? ide_fail(fault, IDE_E_TIMEOUT, "key unit", NULL) : IDE_OK;
}

static void a_key_unit_is_between_the_two_ports(void)
{
    struct platform p;
    struct ide_fault fault;
    set_up(&p);
    unit_fails = false;
    p.pair.key_unit = (struct ide_key_unit){unit_enable, &p};
    CU_ASSERT_EQUAL(ide_pair_enable(&p.pair, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(p.log.count, 3);
    expect_entry(&p, 0, &p.device, true, SEL_0 + CTL);
    CU_ASSERT_TRUE(p.log.entry[1].function == &unit_fails && p.log.entry[1].write);
    expect_entry(&p, 2, &p.root, true, SEL_0 + CTL);
    p.log.count = 0;
    CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_OK);
    expect_entry(&p, 0, &p.root, true, SEL_0 + CTL);
    CU_ASSERT_TRUE(p.log.entry[1].function == &unit_fails && !p.log.entry[1].write);
    expect_entry(&p, 2, &p.device, true, SEL_0 + CTL);
    p.log.count = 0;
    CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_OK); /* it is off: not told again */
    for (unsigned i = 0; i < p.log.count; i++)
        CU_ASSERT_PTR_NOT_EQUAL(p.log.entry[i].function, &unit_fails);
}

static void a_key_unit_that_fails_leaves_both_ports_off(void)
{
    struct platform p;
    struct ide_fault fault;
    set_up(&p);
    p.pair.key_unit = (struct ide_key_unit){unit_enable, &p};
    unit_fails = true;
    CU_ASSERT_EQUAL(ide_pair_enable(&p.pair, &fault), IDE_E_TIMEOUT);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_KEY_UNIT);
    CU_ASSERT_TRUE(!is_enabled(&p.root) && !is_enabled(&p.device));

    set_up(&p);
    p.pair.key_unit = (struct ide_key_unit){unit_enable, &p};
    unit_fails = false;
    CU_ASSERT_EQUAL(ide_pair_enable(&p.pair, &fault), IDE_OK);
    unit_fails = true;
    CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_E_TIMEOUT);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_KEY_UNIT);
    CU_ASSERT_TRUE(!is_enabled(&p.root) && !is_enabled(&p.device));
    CU_ASSERT_TRUE(!p.pair.root_port.set_up && !p.pair.endpoint.set_up);
    /* a port that fails too is the worse of the two */
    p.pair.root_port.set_up = p.pair.root_port.enabled = true;
    p.root.fail_write_at = SEL_0 + CTL;
    CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ROOT_PORT);
}

static void enable_takes_the_endpoint_first(void)
{
    struct platform p;
    struct ide_fault fault;
    set_up(&p);
    CU_ASSERT_EQUAL(ide_pair_enable(&p.pair, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(p.log.count, 2);
    expect_entry(&p, 0, &p.device, true, SEL_0 + CTL);
    expect_entry(&p, 1, &p.root, true, SEL_0 + CTL);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_NONE);
}

static void enable_that_fails_leaves_both_off(void)
{
    struct platform p;
    struct ide_fault fault;
    set_up(&p);
    CU_ASSERT_EQUAL(ide_stream_release(&p.pair.root_port, &fault), IDE_OK);
    CU_ASSERT_EQUAL(ide_pair_enable(&p.pair, &fault), IDE_E_STATE);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ROOT_PORT);
    CU_ASSERT_FALSE(is_enabled(&p.device));

    set_up(&p);
    p.device.fail_write_at = SEL_0 + CTL;
    CU_ASSERT_EQUAL(ide_pair_enable(&p.pair, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ENDPOINT);
    CU_ASSERT_STRING_EQUAL(fault.step, "IDE stream enable");
    CU_ASSERT_FALSE(is_enabled(&p.root));
}

static void disable_takes_the_root_port_first_with_nothing_between(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_OK);
    expect_entry(&p, 0, &p.root, true, SEL_0 + CTL);
    expect_entry(&p, 1, &p.device, true, SEL_0 + CTL);
    CU_ASSERT_PTR_EQUAL(p.log.entry[2].function, &p.root); /* and it is the root port that is read first */
    CU_ASSERT_FALSE(is_enabled(&p.root) || is_enabled(&p.device));
    CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + CTL) >> 24, 5); /* settings stay */
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_NONE);
}

static void root_port_that_stays_enabled_is_told_and_the_endpoint_not_read(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    p.root.stuck_at = SEL_0 + CTL;
    unsigned reads = p.device.reads;
    CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_E_REGISTER);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ROOT_PORT);
    CU_ASSERT_FALSE(is_enabled(&p.device));
    CU_ASSERT_EQUAL(p.device.reads, reads);

    enable(&p);
    p.root.fail_write_at = SEL_0 + CTL;
    reads = p.device.reads;
    CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ROOT_PORT);
    CU_ASSERT_FALSE(is_enabled(&p.device));
    CU_ASSERT_EQUAL(p.device.reads, reads);

    enable(&p);
    p.device.stuck_at = SEL_0 + CTL;
    CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_E_REGISTER);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ENDPOINT);
    CU_ASSERT_FALSE(is_enabled(&p.root));
}

static void release_goes_on_after_an_end_that_is_gone(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_OK);
    CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + CTL), 0xff000000);
    CU_ASSERT_EQUAL(fake_get32(&p.device, SEL_0 + CTL), 0xff000000);

    enable(&p);
    p.device.gone = true;
    CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ENDPOINT);
    CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + CTL), 0xff000000);
    CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + RID_2), 0);
}

/* What was written once, and is not so, is written again. */
static void an_end_that_did_not_obey_is_released_once_it_does(void)
{
    for (unsigned end = 0; end < 2; end++) {
        struct platform p;
        struct ide_fault fault;
        struct fake_function *f = end ? &p.device : &p.root;
        enable(&p);
        f->stuck_at = SEL_0 + CTL;
        for (unsigned again = 0; again < 2; again++) {
            CU_ASSERT_EQUAL(ide_pair_disable(&p.pair, &fault), IDE_E_REGISTER);
            CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_E_REGISTER);
            CU_ASSERT_EQUAL(p.pair.failed, end ? IDE_END_ENDPOINT : IDE_END_ROOT_PORT);
            CU_ASSERT_TRUE(is_enabled(f));
        }
        f->stuck_at = 0;
        CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_OK);
        CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + CTL), 0xff000000);
        CU_ASSERT_EQUAL(fake_get32(&p.device, SEL_0 + CTL), 0xff000000);
        CU_ASSERT_EQUAL(fake_get32(f, SEL_0 + RID_2), 0);
    }
}

static void secure_means_both_ends(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    p.secure_after_us = 3000;
    CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 100, &fault), IDE_OK);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_NONE);

    for (unsigned end = 0; end < 2; end++) {
        enable(&p);
        p.stays_insecure[end] = true;
        uint64_t start = p.clock.now_us;
        CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 100, &fault), IDE_E_INSECURE);
        CU_ASSERT_TRUE(fault.got == 0 && fault.want == 2);
        CU_ASSERT_EQUAL(p.pair.failed, end == 0 ? IDE_END_ROOT_PORT : IDE_END_ENDPOINT);
        CU_ASSERT_TRUE(p.clock.now_us - start >= 100000 && p.clock.now_us - start < 101000);
        CU_ASSERT_TRUE(is_enabled(&p.root) && is_enabled(&p.device)); /* turning off is the caller's */
    }
}

static void endpoint_is_not_read_before_the_root_port_is_secure(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    p.stays_insecure[0] = true;
    unsigned accesses = p.device.reads + p.device.writes;
    CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 10, &fault), IDE_E_INSECURE);
    CU_ASSERT_EQUAL(p.device.reads + p.device.writes, accesses);
}

static void fail_message_ends_the_wait_at_once(void)
{
    for (unsigned end = 0; end < 2; end++) {
        struct platform p;
        struct ide_fault fault;
        enable(&p);
        p.fail_message[end] = true;
        uint64_t start = p.clock.now_us;
        CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 1000, &fault), IDE_E_INSECURE);
        CU_ASSERT_STRING_EQUAL(fault.field, "Received IDE Fail Message");
        CU_ASSERT_EQUAL(p.pair.failed, end == 0 ? IDE_END_ROOT_PORT : IDE_END_ENDPOINT);
        CU_ASSERT_TRUE(p.clock.now_us - start < 100);
    }
}

static void endpoint_may_answer_late_but_not_never(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    p.answers_late = true;
    p.secure_after_us = 5000;
    CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 100, &fault), IDE_OK);
    enable(&p);
    p.device.gone = true;
    CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 100, &fault), IDE_E_IO);
    CU_ASSERT_EQUAL(p.pair.failed, IDE_END_ENDPOINT);
}

static void wait_for_secure_is_cancelled(void)
{
    struct platform p;
    struct ide_fault fault;
    enable(&p);
    p.stays_insecure[0] = true;
    p.clock.cancel_at_us = p.clock.now_us + 2000;
    uint64_t start = p.clock.now_us;
    CU_ASSERT_EQUAL(ide_pair_wait_secure(&p.pair, &p.clock.ops, 1000, &fault), IDE_E_CANCELLED);
    CU_ASSERT_TRUE(p.clock.now_us - start < 3000);
}

static void attached_streams_are_taken_down(void)
{
    struct platform p;
    struct ide_fault fault;
    struct ide_block block;
    enable(&p);
    memset(&p.pair, 0, sizeof p.pair); /* a new run of the program knows nothing */
    unsigned writes = p.root.writes + p.device.writes;
    CU_ASSERT_EQUAL_FATAL(ide_block_find(&p.root_port, 5, &block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(ide_stream_attach(&p.pair.root_port, &p.root_port, block, &fault), IDE_OK);
    CU_ASSERT_EQUAL_FATAL(ide_block_find(&p.endpoint, 5, &block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(ide_stream_attach(&p.pair.endpoint, &p.endpoint, block, &fault), IDE_OK);
    CU_ASSERT_EQUAL(p.root.writes + p.device.writes, writes);
    CU_ASSERT_TRUE(p.pair.root_port.set_up && p.pair.root_port.enabled);
    CU_ASSERT_EQUAL(p.pair.root_port.regs.control, 0x05000000);
    CU_ASSERT_EQUAL(p.pair.root_port.regs.address[0].reg[0], 0xfe2fe001);
    p.log.count = 0;
    CU_ASSERT_EQUAL(ide_pair_release(&p.pair, &fault), IDE_OK);
    expect_entry(&p, 0, &p.root, true, SEL_0 + CTL);
    expect_entry(&p, 1, &p.device, true, SEL_0 + CTL);
    CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + CTL), 0xff000000);
    CU_ASSERT_EQUAL(fake_get32(&p.root, SEL_0 + 20), 0);
    block.index = 2;
    CU_ASSERT_EQUAL(ide_stream_attach(&p.pair.endpoint, &p.endpoint, block, &fault), IDE_E_ARGUMENT);
    CU_ASSERT_FALSE(p.pair.endpoint.set_up);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"claim takes the first idle block", claim_takes_the_first_idle_block},
        {"claim leaves blocks that are kept", claim_leaves_blocks_that_are_kept},
        {"claim prefers a block with room for all windows", claim_prefers_a_block_with_room_for_all_windows},
        {"windows without room are joined", windows_without_room_are_joined},
        {"claim refuses", claim_refuses},
        {"find and read the block of a stream", find_and_read_the_block_of_a_stream},
        {"flow-through is one bit", flow_through_is_one_bit},
        {"association names the other end", association_names_the_other_end},
        {"a key unit is between the two ports", a_key_unit_is_between_the_two_ports},
        {"a key unit that fails leaves both ports off", a_key_unit_that_fails_leaves_both_ports_off},
        {"enable takes the endpoint first", enable_takes_the_endpoint_first},
        {"enable that fails leaves both off", enable_that_fails_leaves_both_off},
        {"disable: root port first, nothing between", disable_takes_the_root_port_first_with_nothing_between},
        {"root port that stays enabled", root_port_that_stays_enabled_is_told_and_the_endpoint_not_read},
        {"release goes on after an end that is gone", release_goes_on_after_an_end_that_is_gone},
        {"an end that did not obey is released once it does", an_end_that_did_not_obey_is_released_once_it_does},
        {"secure means both ends", secure_means_both_ends},
        {"endpoint not read before root port secure", endpoint_is_not_read_before_the_root_port_is_secure},
        {"fail message ends the wait at once", fail_message_ends_the_wait_at_once},
        {"endpoint may answer late but not never", endpoint_may_answer_late_but_not_never},
        {"wait for secure is cancelled", wait_for_secure_is_cancelled},
        {"attached streams are taken down", attached_streams_are_taken_down},
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: both ends of a stream", tests);
}
