/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space of the emulated functions: what is in it, and what a host's writes do to it. */
#include <string.h>

#include "emu_host.h"
#include "check.h"
#include "root_port/ide_cap.h"
#include "root_port/topology.h"
#include "suite.h"
#include "tools/ide-emu/function_config.h"

static struct emu emu;

static int set_up(void)
{
    static struct platform platform;
    char error[256];
    platform_default(&platform);
    return emu_init(&emu, &platform, error, sizeof error) ? 0 : -1;
}

static int tear_down(void)
{
    emu_free(&emu);
    return 0;
}

static void ids_and_read_only_registers_do_not_change(void)
{
    static const struct {
        unsigned offset, size;
    } fixed[] = {{PCIE_VENDOR_ID, 4}, {PCIE_CLASS_REVISION, 4}, {PCIE_HEADER_TYPE, 1}, {PCIE_SUBSYSTEM_IDS, 4},
                 {PCIE_CAPABILITY_LIST, 1}, {PCIE_EXT_CAP_FIRST, 4}};
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        uint32_t before = host_read(f, fixed[i].offset, fixed[i].size);
        host_write(f, fixed[i].offset, fixed[i].size, ~before);
        CU_ASSERT_EQUAL(host_read(f, fixed[i].offset, fixed[i].size), before);
    }
}

static void a_bar_tells_its_size_and_takes_its_address(void)
{
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    uint32_t before = host_read(f, 0x10, 4);
    host_write(f, 0x10, 4, UINT32_MAX);
    host_write(f, 0x14, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(host_read(f, 0x10, 4), 0xffffc004); /* 16 KiB, 64-bit */
    CU_ASSERT_EQUAL(host_read(f, 0x14, 4), UINT32_MAX);
    host_write(f, 0x10, 4, before);
    host_write(f, 0x14, 4, 0);
    CU_ASSERT_EQUAL(host_read(f, 0x10, 4), before);
    CU_ASSERT_EQUAL(host_read(f, 0x18, 4), 0);
    host_write(f, 0x18, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(host_read(f, 0x18, 4), 0);
}

static void the_command_register_takes_its_bits_only(void)
{
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    host_write(f, 0x04, 2, 0xffff);
    CU_ASSERT_EQUAL(host_read(f, 0x04, 2), 0x0546);
    host_write(f, 0x04, 2, 0x0006);
    CU_ASSERT_EQUAL(host_read(f, 0x04, 2), 0x0006);
}

static void a_write_of_one_clears_what_is_set_and_sets_nothing(void)
{
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    config_put16(&f->config, PCIE_STATUS, 0x9010);
    host_write(f, PCIE_STATUS, 2, 0x8000);
    CU_ASSERT_EQUAL(host_read(f, PCIE_STATUS, 2), 0x1010);
    host_write(f, PCIE_STATUS, 2, 0x4000);
    CU_ASSERT_EQUAL(host_read(f, PCIE_STATUS, 2), 0x1010);
    host_write(f, PCIE_STATUS, 2, 0xffff);
    CU_ASSERT_EQUAL(host_read(f, PCIE_STATUS, 2), 0x0010);
}

static void a_write_of_bytes_touches_these_only(void)
{
    struct emu_function *f = host_find(&emu, ROOT_PORT_A);
    host_write(f, PCIE_PRIMARY_BUS + 1, 1, 0x77);
    CU_ASSERT_EQUAL(host_read(f, PCIE_PRIMARY_BUS, 4), 0x00017700);
    host_write(f, PCIE_PRIMARY_BUS + 1, 2, 0x0101);
    CU_ASSERT_EQUAL(host_read(f, PCIE_PRIMARY_BUS, 4), 0x00010100);
}

/* lspci reads large parts at once, and nothing may happen by reading. */
static void an_access_may_have_any_size_and_place(void)
{
    struct emu_function *f = host_find(&emu, ROOT_PORT_A);
    uint8_t all[PCIE_CONFIG_SIZE], odd[7];
    emu_config_read(f, 0, all, sizeof all);
    emu_config_read(f, 0x61, odd, sizeof odd);
    CU_ASSERT_EQUAL(memcmp(all + 0x61, odd, sizeof odd), 0);
    emu_config_write(f, 0, all, sizeof f->config.value); /* RW1C bits are clear, so writing back changes nothing */
    uint8_t again[PCIE_CONFIG_SIZE];
    emu_config_read(f, 0, again, sizeof again);
    CU_ASSERT_EQUAL(memcmp(all, again, f->doe_cap), 0);
}

static void capabilities_are_found_by_whoever_looks(void)
{
    for (size_t i = 0; i < emu.count; i++) {
        struct emu_function *f = &emu.functions[i];
        struct pcie_config c = host_config(f);
        struct pcie_ids ids;
        struct ide_fault fault;
        CHECK_OK(pcie_read_ids(&c, &ids, &fault));
        CU_ASSERT_EQUAL(ids.vendor, f->desc.ids.vendor);
        CU_ASSERT_EQUAL(ids.class_code, f->desc.ids.class_code);
        CU_ASSERT_EQUAL(ids.subsystem, f->desc.ids.subsystem);
        CU_ASSERT_EQUAL(pcie_read_port_type(&c), f->desc.type);
        CU_ASSERT_EQUAL(pcie_find_ext_cap(&c, PCIE_EXT_CAP_ID_DOE, 0), f->doe_cap);
        CU_ASSERT_EQUAL(pcie_find_ext_cap(&c, PCIE_EXT_CAP_ID_IDE, 0), f->ide.cap);
    }
}

static void bridge_windows_hold_the_bars_below(void)
{
    static const char *const pairs[][2] = {
        {ROOT_PORT_A, ENDPOINT_A}, {ROOT_PORT_B, ENDPOINT_B}, {DOWNSTREAM_B, ENDPOINT_B}, {ROOT_PORT_B, ENDPOINT_C}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct pcie_config port = host_config(host_find(&emu, pairs[i][0]));
        struct emu_function *f = host_find(&emu, pairs[i][1]);
        uint64_t bar = host_read(f, 0x10, 4) & ~15u;
        struct pcie_window memory, prefetchable;
        pcie_bridge_windows(&port, &memory, &prefetchable);
        CU_ASSERT(memory.base <= bar && bar + f->desc.bar_size - 1 <= memory.limit);
        CU_ASSERT(prefetchable.base > prefetchable.limit);
    }
}

static void the_tree_is_what_the_bus_numbers_say(void)
{
    struct topology t = {0};
    struct ide_fault fault;
    size_t path[TOPOLOGY_DEPTH_MAX], count;
    struct pcie_bdf bdf;
    for (size_t i = 0; i < emu.count; i++) {
        struct pcie_config c = host_config(&emu.functions[i]);
        CHECK_OK(topology_add(&t, &emu.functions[i].desc.bdf, &c, &fault));
    }
    topology_link(&t);
    CHECK_OK(pcie_bdf_parse(ENDPOINT_C, &bdf));
    CHECK_OK(topology_path(&t, topology_find(&t, &bdf), path, &count, &fault));
    CU_ASSERT_EQUAL(count, 4); /* root port, upstream, downstream, endpoint */
    topology_free(&t);
}

static void ide_registers_take_what_the_capability_says(void)
{
    struct emu_function *f = host_find(&emu, ROOT_PORT_A);
    struct pcie_config c = host_config(f);
    struct ide_port port;
    struct ide_fault fault;
    CHECK_OK(ide_port_open(&port, &f->desc.bdf, &c, &fault));
    CU_ASSERT_EQUAL(port.cap.link_count, 1);
    CU_ASSERT_EQUAL(port.cap.selective_count, 4);
    CU_ASSERT_EQUAL(port.cap.address_blocks[3], 3);
    CU_ASSERT_TRUE(port.cap.ide_km);
    CU_ASSERT_FALSE(port.cap.partial_header);

    unsigned control = ide_control_offset(&port.cap, (struct ide_block){IDE_SELECTIVE, 1});
    CU_ASSERT_EQUAL(host_read(f, control, 4), 0xff000000); /* idle blocks have Stream ID 255 */
    host_write(f, control, 4, 0x12fffffe);                 /* all but Enable */
    uint32_t got = host_read(f, control, 4);
    CU_ASSERT_EQUAL(got & PCIE_IDE_STREAM_CTL_ID, 0x12000000);
    CU_ASSERT_EQUAL(got & PCIE_IDE_STREAM_CTL_PART_ENC, 0); /* not supported */
    CU_ASSERT_EQUAL(got & PCIE_IDE_SEL_CTL_DEFAULT, PCIE_IDE_SEL_CTL_DEFAULT);
    unsigned status = ide_status_offset(&port.cap, (struct ide_block){IDE_SELECTIVE, 1});
    host_write(f, status, 4, UINT32_MAX);
    CU_ASSERT_EQUAL(host_read(f, status, 4), 0);
    host_write(f, control, 4, 0xff000000);
}

static void an_enabled_stream_keeps_its_settings(void)
{
    struct emu_function *f = host_find(&emu, ROOT_PORT_A);
    unsigned control = f->ide.streams[1].control;
    host_write(f, control, 4, 0x05000001);
    host_write(f, control, 4, 0x06000001);
    CU_ASSERT_EQUAL(host_read(f, control, 4), 0x05000001);
    host_write(f, control, 4, 0xff000000);
    CU_ASSERT_EQUAL(host_read(f, control, 4), 0xff000000);
}

static void a_function_level_reset_puts_ide_back_and_leaves_the_header(void)
{
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    uint32_t bar = host_read(f, 0x10, 4);
    unsigned control = f->ide.streams[1].control, devctl = f->exp_cap + EXP_DEVCTL;
    host_write(f, control, 4, 0x05000001);
    host_write(f, f->doe_cap + PCIE_DOE_WRITE, 4, 0x00010001);
    host_write(f, devctl, 2, host_read(f, devctl, 2) | EXP_DEVCTL_FLR);
    CU_ASSERT_EQUAL(host_read(f, control, 4), 0xff000000);
    CU_ASSERT_EQUAL(f->mailbox.request_len, 0);
    CU_ASSERT_EQUAL(host_read(f, devctl, 2) & EXP_DEVCTL_FLR, 0);
    CU_ASSERT_EQUAL(host_read(f, 0x10, 4), bar);
    CU_ASSERT_TRUE(f->reset_wanted);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(ids_and_read_only_registers_do_not_change),
        TEST(a_bar_tells_its_size_and_takes_its_address),
        TEST(the_command_register_takes_its_bits_only),
        TEST(a_write_of_one_clears_what_is_set_and_sets_nothing),
        TEST(a_write_of_bytes_touches_these_only),
        TEST(an_access_may_have_any_size_and_place),
        TEST(capabilities_are_found_by_whoever_looks),
        TEST(bridge_windows_hold_the_bars_below),
        TEST(the_tree_is_what_the_bus_numbers_say),
        TEST(ide_registers_take_what_the_capability_says),
        TEST(an_enabled_stream_keeps_its_settings),
        TEST(a_function_level_reset_puts_ide_back_and_leaves_the_header),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("emulated configuration space", set_up, tear_down, tests);
}
