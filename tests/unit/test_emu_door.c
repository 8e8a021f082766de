/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Register accesses as they come over the config socket: which are none, and what the others do. */
#include <string.h>

#include "check.h"
#include "emu_host.h"
#include "root_port/pcie_regs.h"
#include "suite.h"
#include "tools/ide-emu/config_message.h"

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

/* 0000:01:00.0 */
#define ENDPOINT 0x0100u

static void build(uint8_t bytes[CONFIG_REQUEST_SIZE], uint8_t operation, uint8_t size, uint32_t function,
                  uint64_t address, uint64_t value)
{
    memset(bytes, 0, CONFIG_REQUEST_SIZE);
    bytes[0] = operation;
    bytes[1] = size;
    for (unsigned i = 0; i < 4; i++)
        bytes[7 - i] = (uint8_t)(function >> 8 * i);
    for (unsigned i = 0; i < 8; i++) {
        bytes[15 - i] = (uint8_t)(address >> 8 * i);
        bytes[23 - i] = (uint8_t)(value >> 8 * i);
    }
}

static struct config_reply ask(uint8_t operation, uint8_t size, uint32_t function, uint64_t address,
                               uint64_t value)
{
    uint8_t bytes[CONFIG_REQUEST_SIZE];
    struct config_request request;
    build(bytes, operation, size, function, address, value);
    if (!config_request_decode(bytes, &request))
        return (struct config_reply){CONFIG_REFUSED, UINT64_MAX};
    return config_request_serve(&emu, &request);
}

static void expect(struct config_reply reply, enum config_status status, uint64_t value)
{
    CU_ASSERT_EQUAL(reply.status, status);
    CU_ASSERT_EQUAL(reply.value, value);
}

static void what_is_no_request_is_refused(void)
{
    static const struct {
        uint8_t operation, size;
        uint32_t function;
        uint64_t address, value;
    } wrong[] = {
        {0, 0, ENDPOINT, 0, 0}, /* operations */
        {CONFIG_MEMORY_WRITE + 1, 0, ENDPOINT, 0, 0},
        {255, 0, ENDPOINT, 0, 0},
        {CONFIG_HELLO, 4, ENDPOINT, 1, 0}, /* sizes */
        {CONFIG_CAPABILITY, 1, ENDPOINT, 0, 0},
        {CONFIG_READ, 0, ENDPOINT, 0, 0},
        {CONFIG_READ, 3, ENDPOINT, 0, 0},
        {CONFIG_READ, 8, ENDPOINT, 0, 0},
        {CONFIG_BAR_READ, 16, ENDPOINT, 0, 0},
        {CONFIG_MEMORY_READ, 2, 0, 0, 0},
        {CONFIG_READ, 2, ENDPOINT, 1, 0}, /* alignment */
        {CONFIG_READ, 4, ENDPOINT, 6, 0},
        {CONFIG_BAR_READ, 8, ENDPOINT, 4, 0},
        {CONFIG_READ, 4, ENDPOINT, PCIE_CONFIG_SIZE, 0}, /* addresses */
        {CONFIG_READ, 4, ENDPOINT, UINT64_C(1) << 32, 0},
        {CONFIG_RESET, 0, ENDPOINT, 4, 0},
        {CONFIG_READ, 4, ENDPOINT, 0, 1}, /* values */
        {CONFIG_WRITE, 1, ENDPOINT, 4, 0x100},
        {CONFIG_BAR_WRITE, 4, ENDPOINT, 0, UINT64_C(1) << 32},
        {CONFIG_MEMORY_READ, 4, ENDPOINT, 0, 0},             /* a function's */
        {CONFIG_HELLO, 0, ENDPOINT, CONFIG_PROTOCOL + 1, 0}, /* another version of this */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect(ask(wrong[i].operation, wrong[i].size, wrong[i].function, wrong[i].address, wrong[i].value),
               CONFIG_REFUSED, UINT64_MAX);
}

static void bytes_that_are_reserved_are_zero(void)
{
    for (unsigned at = 2; at < 4; at++) {
        uint8_t bytes[CONFIG_REQUEST_SIZE];
        struct config_request request;
        build(bytes, CONFIG_HELLO, 0, ENDPOINT, CONFIG_PROTOCOL, 0);
        CU_ASSERT_TRUE(config_request_decode(bytes, &request));
        bytes[at] = 1;
        CU_ASSERT_FALSE(config_request_decode(bytes, &request));
    }
}

static void a_reply_has_its_bytes_in_order(void)
{
    static const uint8_t want[CONFIG_REPLY_SIZE] = {4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t bytes[CONFIG_REPLY_SIZE];
    config_reply_encode(&(struct config_reply){CONFIG_NO_COMPLETION, UINT64_C(0x0102030405060708)}, bytes);
    CU_ASSERT_EQUAL(memcmp(bytes, want, sizeof want), 0);
}

static void functions_and_their_capabilities(void)
{
    const struct emu_function *f = host_find(&emu, ENDPOINT_A);
    expect(ask(CONFIG_HELLO, 0, ENDPOINT, CONFIG_PROTOCOL, 0), CONFIG_DONE, CONFIG_PROTOCOL);
    expect(ask(CONFIG_HELLO, 0, 0x10000 | ENDPOINT, CONFIG_PROTOCOL, 0), CONFIG_NO_FUNCTION, UINT64_MAX);
    expect(ask(CONFIG_CAPABILITY, 0, ENDPOINT, 0, 0), CONFIG_DONE,
           PCIE_EXT_CAP_ID_DOE | 1u << 16 | (uint64_t)f->doe_cap << 32 | (uint64_t)PCIE_DOE_SIZE << 48);
    expect(ask(CONFIG_CAPABILITY, 0, ENDPOINT, 1, 0), CONFIG_DONE,
           PCIE_EXT_CAP_ID_IDE | 1u << 16 | (uint64_t)f->ide.cap << 32 |
               (uint64_t)(f->ide.end - f->ide.cap) << 48);
    expect(ask(CONFIG_CAPABILITY, 0, ENDPOINT, 2, 0), CONFIG_NO_CAPABILITY, UINT64_MAX);
    expect(ask(CONFIG_CAPABILITY, 0, ENDPOINT, UINT64_MAX, 0), CONFIG_NO_CAPABILITY, UINT64_MAX);
}

static void registers_are_read_and_written_as_by_the_host(void)
{
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    expect(ask(CONFIG_READ, 4, ENDPOINT, PCIE_VENDOR_ID, 0), CONFIG_DONE, 0x00101b36);
    expect(ask(CONFIG_READ, 1, ENDPOINT, PCIE_VENDOR_ID + 1, 0), CONFIG_DONE, 0x1b);
    unsigned line = 0x3c; /* Interrupt Line: any value */
    expect(ask(CONFIG_WRITE, 1, ENDPOINT, line, 0x5a), CONFIG_DONE, 0);
    CU_ASSERT_EQUAL(host_read(f, line, 1), 0x5a);
    expect(ask(CONFIG_WRITE, 4, ENDPOINT, PCIE_VENDOR_ID, 0x12345678), CONFIG_DONE, 0);
    CU_ASSERT_EQUAL(host_read(f, PCIE_VENDOR_ID, 4), 0x00101b36);
}

static void memory_is_read_and_written_over_the_link(void)
{
    uint64_t size = host_find(&emu, ENDPOINT_A)->desc.bar_size;
    expect(ask(CONFIG_BAR_WRITE, 8, ENDPOINT, 16, UINT64_C(0x1122334455667788)), CONFIG_DONE, 0);
    expect(ask(CONFIG_BAR_READ, 4, ENDPOINT, 16, 0), CONFIG_DONE, 0x55667788);
    expect(ask(CONFIG_BAR_READ, 1, ENDPOINT, 23, 0), CONFIG_DONE, 0x11);
    expect(ask(CONFIG_BAR_READ, 8, ENDPOINT, size - 8, 0), CONFIG_DONE, 0);
    expect(ask(CONFIG_BAR_READ, 8, ENDPOINT, size, 0), CONFIG_NO_COMPLETION, UINT64_MAX);
    expect(ask(CONFIG_BAR_READ, 8, ENDPOINT, UINT64_MAX - 7, 0), CONFIG_NO_COMPLETION, UINT64_MAX);
}

static void without_key_units_there_is_no_memory(void)
{
    expect(ask(CONFIG_MEMORY_READ, 4, 0, 0xfe000000, 0), CONFIG_NO_COMPLETION, UINT64_MAX);
    expect(ask(CONFIG_MEMORY_WRITE, 4, 0, 0xfe000000, 1), CONFIG_NO_COMPLETION, UINT64_MAX);
}

static void a_reset_takes_the_streams(void)
{
    struct emu_function *f = host_find(&emu, ENDPOINT_A);
    unsigned control = f->ide.streams[f->ide.count - 1].control;
    host_write(f, control, 4, 7u << 24);
    CU_ASSERT_NOT_EQUAL(host_read(f, control, 4) >> 24, 255);
    expect(ask(CONFIG_RESET, 0, ENDPOINT, 0, 0), CONFIG_DONE, 0);
    CU_ASSERT_NOT_EQUAL(host_read(f, control, 4) >> 24, 7);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(what_is_no_request_is_refused),
        TEST(bytes_that_are_reserved_are_zero),
        TEST(a_reply_has_its_bytes_in_order),
        TEST(functions_and_their_capabilities),
        TEST(registers_are_read_and_written_as_by_the_host),
        TEST(memory_is_read_and_written_over_the_link),
        TEST(without_key_units_there_is_no_memory),
        TEST(a_reset_takes_the_streams),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("register accesses over a socket", set_up, tear_down, tests);
}
