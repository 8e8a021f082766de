/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bits of a Command register that decide what a port takes and passes on. */
#include "check.h"
#include "root_port/forwarding.h"
#include "suite.h"
#include "test_root_port_fake.h"

static struct fake_function port;
static struct ide_fault fault;

static uint16_t begin(uint16_t command)
{
    uint16_t read;
    fake_init(&port);
    fake_put32(&port, PCIE_COMMAND, 0x00100000u | command); /* Status, with its capability list, beside it */
    CHECK_OK(forwarding_read(&port.config, &read, &fault));
    CU_ASSERT_EQUAL(read, command);
    return read;
}

static void bits_are_cleared_and_set_and_others_stay(void)
{
    uint16_t command = begin(0x0547);
    CHECK_OK(forwarding_write(&port.config, command, FORWARDING_ALL, 0, &fault));
    CU_ASSERT_EQUAL(fake_get32(&port, PCIE_COMMAND), 0x00100540u);
    CHECK_OK(forwarding_read(&port.config, &command, &fault));
    CHECK_OK(
        forwarding_write(&port.config, command, PCIE_COMMAND_IO, FORWARDING_HOST & ~PCIE_COMMAND_IO, &fault));
    CU_ASSERT_EQUAL(fake_get32(&port, PCIE_COMMAND), 0x00100542u);
}

static void nothing_is_written_if_nothing_changes(void)
{
    uint16_t command = begin(0x0540);
    unsigned reads = port.reads;
    CHECK_OK(forwarding_write(&port.config, command, FORWARDING_ALL, 0, &fault));
    CU_ASSERT_EQUAL(port.writes, 0);
    CU_ASSERT_EQUAL(port.reads, reads);
}

static void a_bit_that_stays_is_an_error(void)
{
    uint16_t command = begin(0x0006);
    port.stuck_at = PCIE_COMMAND;
    CHECK_ERR(forwarding_write(&port.config, command, FORWARDING_ALL, 0, &fault), IDE_E_REGISTER);
    CU_ASSERT_STRING_EQUAL(fault.field, "Command");
    CU_ASSERT_EQUAL(fault.got, 6);
}

static void a_bit_that_the_port_lacks_is_none(void)
{
    uint16_t command = begin(0x0000);
    port.stuck_at = PCIE_COMMAND;
    CHECK_OK(forwarding_write(&port.config, command, 0, PCIE_COMMAND_IO, &fault));
}

static void a_port_that_does_not_answer_is_told(void)
{
    uint16_t command = begin(0x0006);
    port.fail_write_at = PCIE_COMMAND;
    CHECK_ERR(forwarding_write(&port.config, command, FORWARDING_ALL, 0, &fault), IDE_E_IO);
    port.gone = true;
    CHECK_ERR(forwarding_read(&port.config, &command, &fault), IDE_E_IO);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(bits_are_cleared_and_set_and_others_stay),
        TEST(nothing_is_written_if_nothing_changes),
        TEST(a_bit_that_stays_is_an_error),
        TEST(a_bit_that_the_port_lacks_is_none),
        TEST(a_port_that_does_not_answer_is_told),
        CU_TEST_INFO_NULL,
    };
    return suite_run("forwarding", tests);
}
