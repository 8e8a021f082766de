/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Memory Space Enable and Bus Master Enable of ports: which requests they take and pass on (PCIe 6.x
 * §7.5.1.1.3). */
#include <string.h>

#include "emu_link_bench.h"
#include "tools/ide-emu/function_config.h"

static const uint16_t both = FUNCTION_COMMAND_MEMORY | FUNCTION_COMMAND_MASTER;

static void command(struct emu_function *f, uint16_t value)
{
    host_write(f, FUNCTION_COMMAND, 2, value);
}

/* On the links in the clear. */
static void up_clear(const char *root, const char *device)
{
    struct ide_fault fault;
    up_between(root, device, &plain);
    CU_ASSERT_EQUAL(ide_pair_disable(&t.pair, &fault), IDE_OK);
    memset(&seen, 0, sizeof seen);
}

static void expect_config_passes(void)
{
    uint8_t id[2];
    link_config_read(t.device, 0, id, sizeof id);
    CU_ASSERT_EQUAL(id[0] | id[1] << 8, t.device->desc.ids.vendor);
}

static void a_root_port_without_memory_space_takes_nothing(void)
{
    uint8_t value = 7;
    up_clear(ROOT_PORT_A, ENDPOINT_A);
    write_bar(0, 0x11, 4);
    CU_ASSERT_EQUAL(seen.clear_memory, 1);
    command(t.root, FUNCTION_COMMAND_MASTER);
    CU_ASSERT_EQUAL(read_bar(0, &value), LINK_REFUSED);
    CU_ASSERT_EQUAL(link_bar_write(t.device, 0, &value, 1), LINK_REFUSED);
    CU_ASSERT_EQUAL(seen.clear_memory, 1);
    CU_ASSERT_TRUE(bar_is(0, 0x11, 4));
    CU_ASSERT_EQUAL(dma(0x10000, 0x22), LINK_DONE);
    CU_ASSERT_EQUAL(host_byte(0x10000), 0x22);
    expect_config_passes();
    command(t.root, both);
    CU_ASSERT_EQUAL(read_bar(0, &value), LINK_DONE);
    CU_ASSERT_EQUAL(value, 0x11);
}

static void a_root_port_without_bus_master_passes_nothing_up(void)
{
    uint8_t value = 7;
    up_clear(ROOT_PORT_A, ENDPOINT_A);
    command(t.root, FUNCTION_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(dma(0x10000, 0x22), LINK_DONE); /* it is posted, and nobody says that it was dropped */
    CU_ASSERT_EQUAL(host_byte(0x10000), 0);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNSUPPORTED), 1);
    CU_ASSERT_STRING_EQUAL(last_why(t.root), "the port passes no memory requests up");
    CU_ASSERT_EQUAL(link_dma_read(t.device, 0x10000, false, &value, 1), LINK_REFUSED);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNSUPPORTED), 2);
    CU_ASSERT_EQUAL(read_bar(0, &value), LINK_DONE); /* its completion passes */
    expect_config_passes();
}

/* Each port of the switch, one bit off at a time. */
static void so_do_a_switchs_ports(void)
{
    uint8_t value;
    up_clear(ROOT_PORT_B, ENDPOINT_B);
    for (struct emu_function *port = t.device->parent; port != t.root; port = port->parent) {
        struct emu_function *below = t.device->parent, *upper = below->parent;
        uint64_t up_refused = errors(below, AER_UNSUPPORTED), down_refused = errors(upper, AER_UNSUPPORTED);
        command(port, FUNCTION_COMMAND_MASTER);
        CU_ASSERT_EQUAL(read_bar(0, &value), LINK_REFUSED);
        CU_ASSERT_EQUAL(errors(upper, AER_UNSUPPORTED), down_refused + 1);
        CU_ASSERT_EQUAL(dma(0x10000, 0x33), LINK_DONE);
        CU_ASSERT_EQUAL(host_byte(0x10000), 0x33);
        command(port, FUNCTION_COMMAND_MEMORY);
        CU_ASSERT_EQUAL(dma(0x10000, 0x44), LINK_DONE);
        CU_ASSERT_EQUAL(host_byte(0x10000), 0x33);
        CU_ASSERT_EQUAL(link_dma_read(t.device, 0x10000, false, &value, 1), LINK_REFUSED);
        CU_ASSERT_EQUAL(errors(below, AER_UNSUPPORTED), up_refused + 2);
        CU_ASSERT_EQUAL(read_bar(0, &value), LINK_DONE);
        expect_config_passes();
        command(port, both);
    }
    CU_ASSERT_EQUAL(errors(t.root, AER_UNSUPPORTED), 0);
}

/* The stream is not harmed: it is refused as a request, and authentic. */
static void what_is_encrypted_is_refused_alike(void)
{
    uint8_t value;
    up(&plain);
    command(t.root, FUNCTION_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(dma(0x10000, 0x22), LINK_DONE);
    CU_ASSERT_EQUAL(link_dma_read(t.device, 0x10000, false, &value, 1), LINK_REFUSED);
    CU_ASSERT_EQUAL(host_byte(0x10000), 0);
    CU_ASSERT_EQUAL(seen.clear_memory, 0);
    expect_secure(true);
    command(t.root, both);
    CU_ASSERT_EQUAL(dma(0x10000, 0x22), LINK_DONE);
    CU_ASSERT_EQUAL(host_byte(0x10000), 0x22);
    expect_secure(true);
}

/* A switch cannot answer what it cannot read: the requester's time runs out. */
static void a_switch_drops_what_is_encrypted(void)
{
    uint8_t value;
    up_between(ROOT_PORT_B, ENDPOINT_B, &plain);
    struct emu_function *below = t.device->parent;
    command(below, FUNCTION_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(link_dma_read(t.device, 0x10000, false, &value, 1), LINK_TIMED_OUT);
    CU_ASSERT_EQUAL(errors(below, AER_UNSUPPORTED), 1);
    CU_ASSERT_STRING_EQUAL(last_why(below), "the port passes no memory requests up");
}

static void an_endpoint_without_bus_master_sends_nothing(void)
{
    uint8_t value;
    up_clear(ROOT_PORT_A, ENDPOINT_A);
    command(t.device, FUNCTION_COMMAND_MEMORY);
    CU_ASSERT_EQUAL(dma(0x10000, 0x22), LINK_OFF);
    CU_ASSERT_EQUAL(link_dma_read(t.device, 0x10000, false, &value, 1), LINK_OFF);
    CU_ASSERT_EQUAL(seen.clear_memory, 0);
}

int main(void)
{
    return run_link_tests((CU_TestInfo[]){
        TEST(a_root_port_without_memory_space_takes_nothing),
        TEST(a_root_port_without_bus_master_passes_nothing_up),
        TEST(so_do_a_switchs_ports),
        TEST(what_is_encrypted_is_refused_alike),
        TEST(a_switch_drops_what_is_encrypted),
        TEST(an_endpoint_without_bus_master_sends_nothing),
        CU_TEST_INFO_NULL,
    });
}
