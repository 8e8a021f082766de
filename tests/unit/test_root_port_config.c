/* SPDX-License-Identifier: GPL-2.0-or-later */
/* BDF, capability walks, ids, windows, requester IDs, bounded waits. */
#include <string.h>

#include "root_port/pcie_bdf.h"
#include "suite.h"
#include "test_root_port_fake.h"

static void bdf_takes_the_full_form(void)
{
    static const struct {
        const char *text;
        struct pcie_bdf bdf;
        uint16_t rid;
    } good[] = {
        {"0000:00:00.0", {0, 0, 0, 0}, 0x0000},
        {"0000:01:1f.7", {0, 1, 0x1f, 7}, 0x01ff},
        {"abcd:ff:03.1", {0xabcd, 0xff, 3, 1}, 0xff19},
        {"ABCD:FF:1F.2", {0xabcd, 0xff, 0x1f, 2}, 0xfffa},
        {"10000:e1:00.0", {0x10000, 0xe1, 0, 0}, 0xe100},
        {"7fffffff:ff:1f.7", {0x7fffffff, 0xff, 0x1f, 7}, 0xffff},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct pcie_bdf bdf, again;
        char text[PCIE_BDF_TEXT];
        CU_ASSERT_EQUAL_FATAL(pcie_bdf_parse(good[i].text, &bdf), IDE_OK);
        CU_ASSERT_EQUAL(pcie_bdf_compare(&bdf, &good[i].bdf), 0);
        CU_ASSERT_EQUAL(pcie_bdf_rid(&bdf), good[i].rid);
        CU_ASSERT_EQUAL(pcie_bdf_parse(pcie_bdf_format(&bdf, text), &again), IDE_OK);
        CU_ASSERT_EQUAL(pcie_bdf_compare(&bdf, &again), 0);
        CU_ASSERT_EQUAL(strcasecmp(text, good[i].text), 0);
    }
}

static void bdf_refuses_everything_else(void)
{
    static const char *const bad[] = {
        "",
        "0",
        "00:03.0",
        "0000:00:03",
        "0000:00:03.",
        "0000:00:03.8",
        "0000:00:20.0",
        "000:00:03.0",
        "0000:0:03.0",
        "0000:00:3.0",
        "0000:00:03.00",
        "0000:00:03.0 ",
        " 0000:00:03.0",
        "0000:000:03.0",
        "0000-00:03.0",
        "0000:00.03.0",
        "80000000:00:03.0",
        "000000000:00:03.0",
        "0x00:00:03.0",
        "+000:00:03.0",
        "0000:00:03.0\n",
        "0000:00:0g.0",
        "../0:00:03.0",
        "0000:00:03:0",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pcie_bdf bdf = {.domain = 0x1234};
        CU_ASSERT_EQUAL(pcie_bdf_parse(bad[i], &bdf), IDE_E_ARGUMENT);
        CU_ASSERT_EQUAL(bdf.domain, 0x1234);
    }
    CU_ASSERT_EQUAL(pcie_bdf_parse(NULL, &(struct pcie_bdf){0}), IDE_E_ARGUMENT);
}

static void access_outside_never_reaches_the_device(void)
{
    struct fake_function f;
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_read32(&f.config, 0x1000), PCIE_ALL_ONES);
    CU_ASSERT_EQUAL(pcie_read32(&f.config, 0x102), PCIE_ALL_ONES);
    CU_ASSERT_EQUAL(pcie_read16(&f.config, 0x101), 0xffff);
    CU_ASSERT_EQUAL(pcie_read8(&f.config, UINT32_MAX), 0xff);
    CU_ASSERT_FALSE(pcie_write32(&f.config, 0x1000, 1));
    CU_ASSERT_FALSE(pcie_write16(&f.config, 3, 1));
    CU_ASSERT_EQUAL(f.reads + f.writes, 0);
    CU_ASSERT_TRUE(pcie_write8(&f.config, 0xfff, 0xab));
    CU_ASSERT_TRUE(pcie_write16(&f.config, 0xffc, 0x1234));
    CU_ASSERT_EQUAL(pcie_read32(&f.config, 0xffc), 0xab001234);
}

static void ext_cap_finds_each_of_several(void)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_ext_cap(&f, 0x100, PCIE_EXT_CAP_ID_DOE, 0x120);
    fake_put_ext_cap(&f, 0x120, PCIE_EXT_CAP_ID_IDE, 0xffc);
    fake_put_ext_cap(&f, 0xffc, PCIE_EXT_CAP_ID_DOE, 0);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_DOE, 0), 0x100);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_DOE, 1), 0xffc);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_DOE, 2), 0);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0x120);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, 0x0001, 0), 0);
}

static void ext_cap_walk_ends_at_a_loop(void)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_ext_cap(&f, 0x100, PCIE_EXT_CAP_ID_DOE, 0x120);
    fake_put_ext_cap(&f, 0x120, 0x0001, 0x100);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0);
    CU_ASSERT_EQUAL(f.reads, 2);
    /* the same mailbox is not found twice */
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_DOE, 1), 0);
    fake_put_ext_cap(&f, 0x100, PCIE_EXT_CAP_ID_DOE, 0x100);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_DOE, 1), 0);
}

static void ext_cap_walk_refuses_offsets_in_the_header(void)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_ext_cap(&f, 0x100, 0x0001, 0x40);
    fake_put_ext_cap(&f, 0x40, PCIE_EXT_CAP_ID_IDE, 0);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0);
    CU_ASSERT_EQUAL(f.reads, 1);
}

static void ext_cap_walk_masks_the_reserved_bits(void)
{
    struct fake_function f;
    fake_init(&f);
    fake_put_ext_cap(&f, 0x100, 0x0001, 0x123);
    fake_put_ext_cap(&f, 0x120, PCIE_EXT_CAP_ID_IDE, 0);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0x120);
}

static void ext_cap_walk_ends_where_the_space_ends(void)
{
    struct fake_function f;
    fake_init(&f);
    f.size = 0x100;
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0);
    f.size = 0x200;
    fake_put_ext_cap(&f, 0x100, 0x0001, 0x200);
    fake_put_ext_cap(&f, 0x200, PCIE_EXT_CAP_ID_IDE, 0);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0);
    f.gone = true;
    f.reads = 0;
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, 0xffff, 0), 0);
    CU_ASSERT_EQUAL(f.reads, 2);
}

static void ext_cap_longest_list_is_walked_once(void)
{
    struct fake_function f;
    fake_init(&f);
    for (unsigned offset = 0x100; offset < 0x1000; offset += 4)
        fake_put_ext_cap(&f, offset, 0x0001, offset + 4 < 0x1000 ? offset + 4 : 0x100);
    CU_ASSERT_EQUAL(pcie_find_ext_cap(&f.config, PCIE_EXT_CAP_ID_IDE, 0), 0);
    CU_ASSERT_EQUAL(f.reads, (0x1000 - 0x100) / 4);
}

static void cap_walk_is_bounded(void)
{
    struct fake_function f;
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, PCIE_CAP_ID_EXP), 0); /* no list */
    fake_put_express(&f, PCIE_TYPE_ENDPOINT);
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, PCIE_CAP_ID_EXP), 0x40);
    f.space[0x41] = 0x40; /* a loop */
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, 0x05), 0);
    f.space[0x41] = 0x08; /* into the header */
    f.space[0x08] = 0x05;
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, 0x05), 0);
    f.space[0x41] = 0x53; /* reserved bits are masked */
    f.space[0x50] = 0x05;
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, 0x05), 0x50);
    f.space[0x50] = 0xff; /* ends the list */
    f.space[0x51] = 0x60;
    f.space[0x60] = 0x05;
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, 0x05), 0);
    f.gone = true;
    CU_ASSERT_EQUAL(pcie_find_cap(&f.config, PCIE_CAP_ID_EXP), 0);
}

static void ids_of_an_endpoint_and_of_a_bridge(void)
{
    struct fake_function f;
    struct pcie_ids ids;
    struct ide_fault fault;
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_read_ids(&f.config, &ids, &fault), IDE_OK);
    CU_ASSERT_TRUE(ids.vendor == 0x1b36 && ids.device == 0x0010 && ids.class_code == 0x010802 &&
                   ids.revision == 2);
    CU_ASSERT_TRUE(ids.subsystem_vendor == 0x1af4 && ids.subsystem == 0x1100);

    fake_put_express(&f, PCIE_TYPE_ROOT_PORT);
    fake_put_bridge(&f, 0, 1, 1);
    CU_ASSERT_EQUAL(pcie_read_ids(&f.config, &ids, &fault), IDE_OK);
    CU_ASSERT_TRUE(ids.subsystem_vendor == 0 && ids.subsystem == 0);
    f.space[0x41] = 0x60;
    f.space[0x60] = PCIE_CAP_ID_SSVID;
    fake_put32(&f, 0x64, 0x56781234);
    CU_ASSERT_EQUAL(pcie_read_ids(&f.config, &ids, &fault), IDE_OK);
    CU_ASSERT_TRUE(ids.subsystem_vendor == 0x1234 && ids.subsystem == 0x5678);

    f.gone = true;
    CU_ASSERT_EQUAL(pcie_read_ids(&f.config, &ids, &fault), IDE_E_NO_DEVICE);
}

static void port_type_only_of_defined_values(void)
{
    struct fake_function f;
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_read_port_type(&f.config), PCIE_TYPE_NONE);
    for (unsigned type = 0; type < 16; type++) {
        bool defined = type <= 1 || (type >= 4 && type <= 10);
        fake_put_express(&f, (enum pcie_port_type)type);
        CU_ASSERT_EQUAL(pcie_read_port_type(&f.config), defined ? type : (unsigned)PCIE_TYPE_NONE);
    }
}

static void flit_mode_from_link_status_2(void)
{
    struct fake_function f;
    fake_init(&f);
    CU_ASSERT_FALSE(pcie_flit_mode(&f.config));
    fake_put_express(&f, PCIE_TYPE_ROOT_PORT);
    CU_ASSERT_FALSE(pcie_flit_mode(&f.config));
    fake_put32(&f, 0x40 + 0x30, 0x0400u << 16);
    CU_ASSERT_TRUE(pcie_flit_mode(&f.config));
}

static void traffic_classes_of_enabled_channels(void)
{
    static const uint16_t ids[] = {2, 9};
    struct fake_function f;
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_traffic_classes(&f.config), 0xff);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        fake_init(&f);
        fake_put32(&f, 0x100, ids[i] | 1u << 16);
        CU_ASSERT_EQUAL(pcie_traffic_classes(&f.config), 0x01); /* TC 0 whatever the register says */
        fake_put32(&f, 0x114, 0x8000000f);
        fake_put32(&f, 0x120, 0x81000030);
        fake_put32(&f, 0x12c, 0x020000c0); /* not enabled */
        CU_ASSERT_EQUAL(pcie_traffic_classes(&f.config), 0x0f);
        fake_put32(&f, 0x104, 2);
        CU_ASSERT_EQUAL(pcie_traffic_classes(&f.config), 0x3f);
    }
    f.gone = true;
    CU_ASSERT_EQUAL(pcie_traffic_classes(&f.config), 0xff);
}

static void link_from_status(void)
{
    struct fake_function f;
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_link_status(&f.config), 0);
    fake_put_express(&f, PCIE_TYPE_ENDPOINT);
    fake_put32(&f, 0x40 + 0x10, 0x2045u << 16);
    CU_ASSERT_EQUAL(pcie_link_status(&f.config), 0x2045);
}

static void completion_timeout_from_device_control_2(void)
{
    static const uint32_t timeouts[16] = {50, 1,   10,   50, 50, 55,    210,   50,
                                          50, 900, 3500, 50, 50, 13000, 64000, 50};
    for (unsigned value = 0; value < 16; value++) {
        CU_ASSERT_EQUAL(pcie_completion_timeout_ms((uint16_t)(value | 0xffe0)), timeouts[value]);
        CU_ASSERT_EQUAL(pcie_completion_timeout_ms((uint16_t)(value | 0x10)), UINT32_MAX);
    }
}

static void all_extended_capabilities_in_one_walk(void)
{
    struct fake_function f;
    struct pcie_ext_cap list[PCIE_EXT_CAPS_MAX];
    fake_init(&f);
    CU_ASSERT_EQUAL(pcie_list_ext_caps(&f.config, list), 0);
    fake_put_ext_cap(&f, 0x100, PCIE_EXT_CAP_ID_DOE, 0x200);
    fake_put_ext_cap(&f, 0x200, PCIE_EXT_CAP_ID_IDE, 0x180);
    fake_put_ext_cap(&f, 0x180, PCIE_EXT_CAP_ID_DOE, 0x100); /* back to the start: walked once */
    CU_ASSERT_EQUAL(pcie_list_ext_caps(&f.config, list), 3);
    CU_ASSERT_TRUE(list[0].id == PCIE_EXT_CAP_ID_DOE && list[0].offset == 0x100);
    CU_ASSERT_TRUE(list[1].id == PCIE_EXT_CAP_ID_IDE && list[1].offset == 0x200);
    CU_ASSERT_TRUE(list[2].id == PCIE_EXT_CAP_ID_DOE && list[2].offset == 0x180);
    /* more than there is room for */
    for (unsigned i = 0; i < 2 * PCIE_EXT_CAPS_MAX; i++)
        fake_put_ext_cap(&f, 0x100 + 8 * i, 0x7777, 0x108 + 8 * i);
    CU_ASSERT_EQUAL(pcie_list_ext_caps(&f.config, list), PCIE_EXT_CAPS_MAX);
    f.gone = true;
    CU_ASSERT_EQUAL(pcie_list_ext_caps(&f.config, list), 0);
}

static void put_sriov(struct fake_function *f, bool enabled, uint16_t count, uint16_t offset, uint16_t stride)
{
    fake_put_ext_cap(f, 0x100, PCIE_EXT_CAP_ID_SRIOV, 0);
    fake_put32(f, 0x108, enabled);
    fake_put32(f, 0x110, count);
    fake_put32(f, 0x114, offset | (uint32_t)stride << 16);
}

static void rid_range_covers_the_last_vf(void)
{
    struct fake_function f;
    const struct pcie_bdf bdf = {.bus = 1, .device = 2, .function = 1};
    uint16_t first, last;
    fake_init(&f);
    pcie_rid_range(&f.config, &bdf, &first, &last);
    CU_ASSERT_TRUE(first == 0x0111 && last == 0x0111);
    put_sriov(&f, true, 8, 0x80, 2);
    pcie_rid_range(&f.config, &bdf, &first, &last);
    CU_ASSERT_TRUE(first == 0x0111 && last == 0x0111 + 0x80 + 14);
    put_sriov(&f, false, 8, 0x80, 2);
    pcie_rid_range(&f.config, &bdf, &first, &last);
    CU_ASSERT_EQUAL(last, 0x0111);
    put_sriov(&f, true, 0, 0x80, 2);
    pcie_rid_range(&f.config, &bdf, &first, &last);
    CU_ASSERT_EQUAL(last, 0x0111);
    put_sriov(&f, true, 0xffff, 0xffff, 0xffff); /* does not wrap to a small range */
    pcie_rid_range(&f.config, &bdf, &first, &last);
    CU_ASSERT_TRUE(first == 0x0111 && last == 0xffff);
}

static void windows_of_a_bridge(void)
{
    struct fake_function f;
    struct pcie_window memory, prefetchable;
    fake_init(&f);
    fake_put32(&f, 0x20, 0xfe20fe00);
    fake_put32(&f, 0x24, 0x0011fff1);
    fake_put32(&f, 0x28, 0x00000008);
    fake_put32(&f, 0x2c, 0x00000009);
    pcie_bridge_windows(&f.config, &memory, &prefetchable);
    CU_ASSERT_TRUE(memory.base == 0xfe000000 && memory.limit == 0xfe2fffff);
    CU_ASSERT_TRUE(prefetchable.base == 0x8fff00000 && prefetchable.limit == 0x9001fffff);
    fake_put32(&f, 0x20, 0x0000fff0); /* none: base above limit */
    fake_put32(&f, 0x24, 0xfe20fe00); /* 32 bits: the upper registers mean something else */
    pcie_bridge_windows(&f.config, &memory, &prefetchable);
    CU_ASSERT_TRUE(memory.base > memory.limit);
    CU_ASSERT_TRUE(prefetchable.base == 0xfe000000 && prefetchable.limit == 0xfe2fffff);
}

static void wait_looks_at_once_then_pauses_in_proportion(void)
{
    struct fake_clock clock;
    fake_clock_init(&clock);
    struct bounded_wait wait = wait_start(&clock.ops, 1000);
    CU_ASSERT_EQUAL(wait_pause(&wait), IDE_OK);
    CU_ASSERT_EQUAL(clock.sleeps, 0);
    CU_ASSERT_EQUAL(wait_pause(&wait), IDE_OK);
    CU_ASSERT_EQUAL(clock.slept_us, 10);
    unsigned looks = 2;
    enum ide_err err;
    while ((err = wait_pause(&wait)) == IDE_OK) {
        uint64_t waited = clock.now_us - 1000000;
        CU_ASSERT_TRUE(clock.longest_us <= 10 || clock.longest_us * 8 <= waited);
        looks++;
    }
    CU_ASSERT_EQUAL(err, IDE_E_TIMEOUT);
    CU_ASSERT_EQUAL(clock.now_us, 2000000); /* neither late nor early */
    CU_ASSERT_EQUAL(clock.longest_us, 1000);
    CU_ASSERT_TRUE(looks < 1100);
}

/* What is usual passes in slices; the pauses after it are as they would be. */
static void wait_expects_what_is_usual(void)
{
    struct fake_clock clock;
    fake_clock_init(&clock);
    struct bounded_wait wait = wait_start(&clock.ops, 1000);
    wait_expect(&wait, 32000);
    CU_ASSERT_EQUAL(clock.slept_us, 30000);
    CU_ASSERT_EQUAL(clock.longest_us, 10000);
    CU_ASSERT_EQUAL(wait_took(&wait), 15000); /* found by the first look */
    CU_ASSERT_EQUAL(wait_pause(&wait), IDE_OK);
    CU_ASSERT_EQUAL(clock.slept_us, 31000);
    CU_ASSERT_EQUAL(wait_took(&wait), 31000);
    wait_expect(&wait, 50); /* too short for a pause */
    CU_ASSERT_EQUAL(clock.slept_us, 31000);
    wait_expect(&wait, UINT32_MAX); /* would be too late */
    CU_ASSERT_EQUAL(clock.slept_us, 31000);
    clock.cancel_at_us = clock.now_us + 15000;
    wait_expect(&wait, 160000);
    CU_ASSERT_EQUAL(clock.slept_us, 51000);
    CU_ASSERT_EQUAL(wait_pause(&wait), IDE_E_CANCELLED);
}

static void wait_is_cancelled_unless_it_must_be_done(void)
{
    struct fake_clock clock;
    fake_clock_init(&clock);
    struct bounded_wait wait = wait_start(&clock.ops, 1000), always = wait_start_always(&clock.ops, 1000);
    CU_ASSERT_EQUAL(wait_check(&wait), IDE_OK);
    atomic_store(&clock.cancel, true);
    CU_ASSERT_EQUAL(wait_check(&wait), IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(wait_pause(&wait), IDE_E_CANCELLED);
    CU_ASSERT_EQUAL(wait_pause(&always), IDE_OK);
    clock.now_us += 1000000;
    CU_ASSERT_EQUAL(wait_pause(&always), IDE_E_TIMEOUT);
}

static void wait_on_the_system_clock_ends(void)
{
    atomic_bool cancel = false;
    struct wait_ops ops = wait_system(&cancel);
    uint64_t start = ops.now_us(ops.context);
    struct bounded_wait wait = wait_start(&ops, 20);
    enum ide_err err;
    while ((err = wait_pause(&wait)) == IDE_OK)
        ;
    CU_ASSERT_EQUAL(err, IDE_E_TIMEOUT);
    CU_ASSERT_TRUE(ops.now_us(ops.context) - start >= 20000);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"bdf takes the full form", bdf_takes_the_full_form},
        {"bdf refuses everything else", bdf_refuses_everything_else},
        {"access outside never reaches the device", access_outside_never_reaches_the_device},
        {"ext cap finds each of several", ext_cap_finds_each_of_several},
        {"ext cap walk ends at a loop", ext_cap_walk_ends_at_a_loop},
        {"ext cap walk refuses offsets in the header", ext_cap_walk_refuses_offsets_in_the_header},
        {"ext cap walk masks the reserved bits", ext_cap_walk_masks_the_reserved_bits},
        {"ext cap walk ends where the space ends", ext_cap_walk_ends_where_the_space_ends},
        {"ext cap: the longest list is walked once", ext_cap_longest_list_is_walked_once},
        {"cap walk is bounded", cap_walk_is_bounded},
        {"ids of an endpoint and of a bridge", ids_of_an_endpoint_and_of_a_bridge},
        {"port type only of defined values", port_type_only_of_defined_values},
        {"flit mode from link status 2", flit_mode_from_link_status_2},
        {"traffic classes of enabled channels", traffic_classes_of_enabled_channels},
        {"link from status", link_from_status},
        {"completion timeout from Device Control 2", completion_timeout_from_device_control_2},
        {"all extended capabilities in one walk", all_extended_capabilities_in_one_walk},
        {"rid range covers the last vf", rid_range_covers_the_last_vf},
        {"windows of a bridge", windows_of_a_bridge},
        {"wait looks at once, then pauses in proportion", wait_looks_at_once_then_pauses_in_proportion},
        {"wait expects what is usual", wait_expects_what_is_usual},
        {"wait is cancelled unless it must be done", wait_is_cancelled_unless_it_must_be_done},
        {"wait on the system clock ends", wait_on_the_system_clock_ends},
        CU_TEST_INFO_NULL,
    };
    return suite_run("root_port: configuration space", tests);
}
