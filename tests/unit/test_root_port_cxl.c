/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL's registers: where they are, what they say, and CXL's key unit. */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "root_port/cxl_ide.h"
#include "root_port/cxl_unit.h"
#include "suite.h"
#include "test_root_port_fake.h"

#define IDE_AT  0x200u
#define DVSEC   0x100u
#define LOCATOR 0x180u

static struct fake_function function, registers[2];
static struct fake_clock fake_time;
static struct fake_log writes;
static struct ide_fault fault;

/* --- registers in memory --- */

static bool read32(void *context, uint32_t offset, uint32_t *value)
{
    struct fake_function *f = context;
    *value = pcie_read32(&f->config, offset);
    return true;
}

static bool write32(void *context, uint32_t offset, uint32_t value)
{
    struct fake_function *f = context;
    return pcie_write32(&f->config, offset, value);
}

static void put_ide(struct fake_function *f, struct cxl_ide_port *port)
{
    fake_init(f);
    memset(f->space, 0, sizeof f->space);
    fake_put32(f, 0, CXL_CAP_ID_CXL | 0x02110000u);
    fake_put32(f, 4, CXL_CAP_ID_RAS | 2u << 16 | 0x100u << 20);
    fake_put32(f, 8, CXL_CAP_ID_IDE | 2u << 16 | IDE_AT << 20);
    fake_put32(f, IDE_AT + CXL_IDE_CAP, CXL_IDE_CAP_CAPABLE | CXL_IDE_CAP_CONTAINMENT);
    *port = (struct cxl_ide_port){.access = {read32, write32, f}};
}

/* --- where they are --- */

static void put_dvsecs(void)
{
    fake_init(&function);
    fake_put_ext_cap(&function, DVSEC, CXL_EXT_CAP_ID_DVSEC, LOCATOR);
    fake_put32(&function, DVSEC + CXL_DVSEC_HEADER_1, CXL_IDE_KM_VENDOR | 0x3cu << 20);
    fake_put32(&function, DVSEC + CXL_DVSEC_ID, CXL_DVSEC_DEVICE);
    fake_put_ext_cap(&function, LOCATOR, CXL_EXT_CAP_ID_DVSEC, 0);
    fake_put32(&function, LOCATOR + CXL_DVSEC_HEADER_1, CXL_IDE_KM_VENDOR | 0x1cu << 20);
    fake_put32(&function, LOCATOR + CXL_DVSEC_ID, CXL_DVSEC_LOCATOR);
    fake_put32(&function, LOCATOR + CXL_LOCATOR_BLOCKS, 3u << 8); /* another block */
    fake_put32(&function, LOCATOR + CXL_LOCATOR_BLOCKS + 8, 0x00050000u | CXL_LOCATOR_COMPONENT << 8 | 2);
    fake_put32(&function, LOCATOR + CXL_LOCATOR_BLOCKS + 12, 1);
}

static void the_locator_is_found(void)
{
    unsigned bar = 9;
    uint64_t offset = 0;
    put_dvsecs();
    CHECK_OK(cxl_ide_locate(&function.config, &bar, &offset, &fault));
    CU_ASSERT_TRUE(bar == 2 && offset == 0x100050000u);
}

static void a_locator_that_is_none_is_refused(void)
{
    static const struct {
        unsigned at;
        uint32_t value;
        const char *field;
    } rows[] = {
        {LOCATOR + CXL_DVSEC_HEADER_1, 0x8086 | 0x1cu << 20, "Register Locator DVSEC"},
        {LOCATOR + CXL_DVSEC_ID, CXL_DVSEC_FLEXBUS, "Register Locator DVSEC"},
        {LOCATOR + CXL_DVSEC_HEADER_1, CXL_IDE_KM_VENDOR | 0x14u << 20, "Component Registers"},
        {LOCATOR + CXL_LOCATOR_BLOCKS + 8, CXL_LOCATOR_COMPONENT << 8 | 6, "Component Registers"},
        {LOCATOR + CXL_LOCATOR_BLOCKS + 8, 2u << 8, "Component Registers"},
        {LOCATOR + CXL_LOCATOR_BLOCKS + 12, 0x7fffffff, NULL},
        {LOCATOR + CXL_LOCATOR_BLOCKS + 12, 0xffffffff, "Component Registers"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned bar;
        uint64_t offset;
        put_dvsecs();
        fake_put32(&function, rows[i].at, rows[i].value);
        enum ide_err err = cxl_ide_locate(&function.config, &bar, &offset, &fault);
        CHECK_ERR(err, rows[i].field ? IDE_E_CAPABILITY : IDE_OK);
        if (rows[i].field)
            CHECK_FAULT(&fault, IDE_E_CAPABILITY, "CXL registers", rows[i].field);
    }
}

/* A DVSEC at the end of configuration space may say that it is longer. */
static void a_locator_does_not_leave_configuration_space(void)
{
    unsigned bar;
    uint64_t offset;
    fake_init(&function);
    fake_put_ext_cap(&function, 0x100, 0x0001, 0xff0);
    fake_put_ext_cap(&function, 0xff0, CXL_EXT_CAP_ID_DVSEC, 0);
    fake_put32(&function, 0xff0 + CXL_DVSEC_HEADER_1, CXL_IDE_KM_VENDOR | 0xff0u << 20);
    fake_put32(&function, 0xff0 + CXL_DVSEC_ID, CXL_DVSEC_LOCATOR);
    CHECK_ERR(cxl_ide_locate(&function.config, &bar, &offset, &fault), IDE_E_CAPABILITY);
}

/* --- what they say --- */

static void the_capability_is_found(void)
{
    struct cxl_ide_port port;
    put_ide(&registers[0], &port);
    CHECK_OK(cxl_ide_look(&port, &fault));
    CU_ASSERT_TRUE(port.at == IDE_AT && port.cap == (CXL_IDE_CAP_CAPABLE | CXL_IDE_CAP_CONTAINMENT));
    CHECK_OK(cxl_ide_check_mode(&port, CXL_IDE_CONTAINMENT, &fault));
    CHECK_ERR(cxl_ide_check_mode(&port, CXL_IDE_SKID, &fault), IDE_E_CAPABILITY);
    CHECK_FAULT(&fault, IDE_E_CAPABILITY, "CXL registers", "Skid Mode Capable");
}

static void registers_that_are_none_are_refused(void)
{
    static const struct {
        unsigned at;
        uint32_t value;
        enum ide_err err;
        const char *field;
    } rows[] = {
        {0, 0xffffffff, IDE_E_IO, "CXL Capability Header"},
        {0, 0, IDE_E_CAPABILITY, "CXL Capability Header"},
        {0, CXL_CAP_ID_CXL | 0x01110000u, IDE_E_CAPABILITY, "CXL IDE Capability"},
        {8, CXL_CAP_ID_IDE | 0xff0u << 20, IDE_E_CAPABILITY, "CXL IDE Capability"},
        {8, CXL_CAP_ID_IDE | 0x202u << 20, IDE_E_CAPABILITY, "CXL IDE Capability"},
        {IDE_AT, 0xffffffff, IDE_E_IO, "CXL IDE Capability"},
        {IDE_AT, CXL_IDE_CAP_CONTAINMENT, IDE_E_CAPABILITY, "CXL IDE Capable"},
        {IDE_AT, CXL_IDE_CAP_CAPABLE | 1u << 17, IDE_E_CAPABILITY, "Supported Algorithms"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cxl_ide_port port;
        put_ide(&registers[0], &port);
        fake_put32(&registers[0], rows[i].at, rows[i].value);
        CHECK_ERR(cxl_ide_look(&port, &fault), rows[i].err);
        CHECK_FAULT(&fault, rows[i].err, "CXL registers", rows[i].field);
    }
    struct cxl_ide_port port;
    put_ide(&registers[0], &port);
    fake_put32(&registers[0], 0, CXL_CAP_ID_CXL | 0xff110000u); /* as long as can be, and ends all the same */
    fake_put32(&registers[0], 8, 0);
    CHECK_ERR(cxl_ide_look(&port, &fault), IDE_E_CAPABILITY);
}

static void the_state_is_both_directions(void)
{
    struct cxl_ide_port port;
    struct cxl_ide_state state;
    put_ide(&registers[0], &port);
    CHECK_OK(cxl_ide_look(&port, &fault));
    fake_put32(&registers[0], IDE_AT + CXL_IDE_STS, 0x11);
    fake_put32(&registers[0], IDE_AT + CXL_IDE_ERROR, 8);
    CHECK_OK(cxl_ide_read_state(&port, &state, &fault));
    CU_ASSERT_TRUE(cxl_ide_is_active(&state, CXL_IDE_CONTAINMENT) &&
                   !cxl_ide_is_active(&state, CXL_IDE_SKID));
    CU_ASSERT_EQUAL(state.error, 8);
    fake_put32(&registers[0], IDE_AT + CXL_IDE_STS, 0x41);
    CHECK_OK(cxl_ide_read_state(&port, &state, &fault));
    CU_ASSERT_FALSE(cxl_ide_is_active(&state, CXL_IDE_CONTAINMENT));
    CU_ASSERT_STRING_EQUAL(cxl_ide_state_name(state.direction[IDE_TX]), "insecure");
    CU_ASSERT_STRING_EQUAL(cxl_ide_state_name(3), "reserved");
    registers[0].gone = true;
    CHECK_ERR(cxl_ide_read_state(&port, &state, &fault), IDE_E_IO);
}

static void a_transmitter_waits_as_long_as_the_other_end_needs(void)
{
    struct cxl_ide_port port, other;
    put_ide(&registers[0], &port);
    put_ide(&registers[1], &other);
    CHECK_OK(cxl_ide_look(&port, &fault));
    CHECK_OK(cxl_ide_look(&other, &fault));
    fake_put32(&registers[1], IDE_AT + CXL_IDE_KEY_REFRESH_CAP, 16);
    fake_put32(&registers[1], IDE_AT + CXL_IDE_KEY_REFRESH_CAP_2, 32);
    fake_put32(&registers[1], IDE_AT + CXL_IDE_TRUNCATION_CAP, 0x0905);
    fake_put32(&registers[0], IDE_AT + CXL_IDE_CTL, CXL_IDE_CTL_PCRC_DISABLE);
    CHECK_OK(cxl_ide_prepare(&port, &other, false, &fault));
    CU_ASSERT_EQUAL(fake_get32(&registers[0], IDE_AT + CXL_IDE_KEY_REFRESH_CTL), 16);
    CU_ASSERT_EQUAL(fake_get32(&registers[0], IDE_AT + CXL_IDE_TRUNCATION_CTL), 5);
    CU_ASSERT_EQUAL(fake_get32(&registers[0], IDE_AT + CXL_IDE_CTL), 0);
    CHECK_OK(cxl_ide_prepare(&port, &other, true, &fault));
    CU_ASSERT_EQUAL(fake_get32(&registers[0], IDE_AT + CXL_IDE_KEY_REFRESH_CTL), 32);
    CU_ASSERT_EQUAL(fake_get32(&registers[0], IDE_AT + CXL_IDE_TRUNCATION_CTL), 9);
    CHECK_OK(cxl_ide_prepare(&port, &other, false, &fault)); /* longer than needed does no harm */
    CU_ASSERT_EQUAL(fake_get32(&registers[0], IDE_AT + CXL_IDE_KEY_REFRESH_CTL), 32);
    fake_put32(&registers[1], IDE_AT + CXL_IDE_KEY_REFRESH_CAP, 64);
    registers[0].stuck_at = IDE_AT + CXL_IDE_KEY_REFRESH_CTL;
    CHECK_ERR(cxl_ide_prepare(&port, &other, false, &fault), IDE_E_REGISTER);
    CHECK_FAULT(&fault, IDE_E_REGISTER, "CXL registers", "Tx Key Refresh Time");
}

static void a_bar_is_opened_through_its_file(void)
{
    char resource[] = "/tmp/ide-km-cxl.XXXXXX";
    struct cxl_ide_port port;
    int fd = mkstemp(resource);
    CU_ASSERT_TRUE_FATAL(fd >= 0);
    put_dvsecs();
    fake_put32(&function, LOCATOR + CXL_LOCATOR_BLOCKS + 8, CXL_LOCATOR_COMPONENT << 8 | 0);
    fake_put32(&function, LOCATOR + CXL_LOCATOR_BLOCKS + 12, 0);
    put_ide(&registers[0], &port);
    CHECK_ERR(cxl_ide_open(&port, &function.config, resource, &fault), IDE_E_ACCESS); /* there is no ...0 */
    CHECK_FAULT(&fault, IDE_E_ACCESS, "CXL registers", "memory");
    cxl_ide_close(&port);
    char name[64];
    snprintf(name, sizeof name, "%s0", resource);
    CU_ASSERT_EQUAL(rename(resource, name), 0);
    CU_ASSERT_EQUAL(pwrite(fd, registers[0].space, sizeof registers[0].space, CXL_CACHEMEM),
                    sizeof registers[0].space);
    CHECK_OK(cxl_ide_open(&port, &function.config, resource, &fault));
    CU_ASSERT_EQUAL(port.at, IDE_AT);
    cxl_ide_close(&port);
    close(fd);
    unlink(name);
}

/* --- the unit --- */

static struct cxl_unit unit;
static unsigned starts_ignored; /* how many looks until the start has taken effect; UINT_MAX: never */

/* A start trigger takes effect after some looks, and the transmitter's key is then taken. */
static bool on_read(struct fake_function *f, unsigned offset, uint32_t *value)
{
    (void)value;
    if (offset == CXL_KCU_CONTROL && fake_get32(f, CXL_KCU_CONTROL) & CXL_KCU_START && starts_ignored-- == 0)
        fake_put32(f, CXL_KCU_CONTROL, CXL_KCU_RX_VALID);
    return false;
}

static void begin_unit(void)
{
    fake_clock_init(&fake_time);
    fake_init(&registers[0]);
    memset(registers[0].space, 0, sizeof registers[0].space);
    memset(&writes, 0, sizeof writes);
    memset(&fault, 0, sizeof fault);
    registers[0].clock = &fake_time;
    registers[0].on_read = on_read;
    starts_ignored = 0;
    unit = (struct cxl_unit){
        .access = {read32, write32, &registers[0]}, .wait = &fake_time.ops, .timeout_ms = 50};
}

static struct cxl_ide_key key_of(uint8_t seed)
{
    struct cxl_ide_key key;
    for (unsigned i = 0; i < IDE_KEY_SIZE; i++)
        key.key[i] = (uint8_t)(seed + i);
    cxl_ide_default_iv(key.iv);
    return key;
}

/* tee-io-validator doc/key_byte_order.md: the key in its own order, of the IV byte 11 first. */
static void a_key_stands_as_aes_gcm_has_it(void)
{
    struct cxl_ide_key tx = key_of(0x10), rx = key_of(0x60);
    begin_unit();
    rx.iv[4] = 0xa4;
    rx.iv[11] = 0xab;
    CHECK_OK(cxl_unit_write_keys(&unit, &tx, &rx, &fault));
    const uint8_t *r = registers[0].space;
    CU_ASSERT_TRUE(memcmp(r + 0x10, tx.key, 32) == 0 && memcmp(r + 0x38, rx.key, 32) == 0);
    CU_ASSERT_TRUE(r[0x30] == 1 && r[0x37] == 0 && r[0x58] == 0xab && r[0x5f] == 0xa4);
    CU_ASSERT_EQUAL(fake_get32(&registers[0], CXL_KCU_CONTROL), CXL_KCU_TX_VALID | CXL_KCU_RX_VALID);
    CU_ASSERT_TRUE(cxl_unit_takes_iv(rx.iv));
    rx.iv[0] = 0x81;
    CU_ASSERT_FALSE(cxl_unit_takes_iv(rx.iv));
    CHECK_ERR(cxl_unit_write_keys(&unit, &tx, &rx, &fault), IDE_E_ARGUMENT);
    CHECK_FAULT(&fault, IDE_E_ARGUMENT, "CXL key unit key", "IV");
}

static void start_enables_and_waits(void)
{
    struct cxl_ide_key key = key_of(1);
    bool enabled;
    begin_unit();
    CHECK_OK(cxl_unit_set_mode(&unit, CXL_IDE_SKID, &fault));
    CU_ASSERT_EQUAL(fake_get32(&registers[0], CXL_KCU_CONFIG), CXL_KCU_MODE_SKID << 1);
    CHECK_OK(cxl_unit_write_keys(&unit, &key, &key, &fault));
    starts_ignored = 5;
    CHECK_OK(cxl_unit_start(&unit, &fault));
    CU_ASSERT_EQUAL(fake_get32(&registers[0], CXL_KCU_CONFIG),
                    CXL_KCU_MODE_SKID << 1 | CXL_KCU_CONFIG_ENABLE);
    CHECK_OK(cxl_unit_is_enabled(&unit, &enabled, &fault));
    CU_ASSERT_TRUE(enabled);
    CHECK_OK(cxl_unit_write_keys(&unit, &key, &key, &fault));
    starts_ignored = UINT32_MAX;
    CHECK_ERR(cxl_unit_start(&unit, &fault), IDE_E_TIMEOUT);
    CHECK_FAULT(&fault, IDE_E_TIMEOUT, "CXL key unit start", "Tx Key Valid");
}

static void stop_leaves_nothing(void)
{
    struct cxl_ide_key key = key_of(1);
    static const uint8_t nothing[CXL_KCU_SIZE];
    begin_unit();
    CHECK_OK(cxl_unit_set_mode(&unit, CXL_IDE_CONTAINMENT, &fault));
    CHECK_OK(cxl_unit_write_keys(&unit, &key, &key, &fault));
    CHECK_OK(cxl_unit_start(&unit, &fault));
    CHECK_OK(cxl_unit_stop(&unit, &fault));
    CU_ASSERT_EQUAL(fake_get32(&registers[0], CXL_KCU_CONTROL), CXL_KCU_TX_INSECURE | CXL_KCU_RX_INSECURE);
    CU_ASSERT_EQUAL(fake_get32(&registers[0], CXL_KCU_CONFIG), 0);
    CU_ASSERT_EQUAL(memcmp(registers[0].space + CXL_KCU_TX_KEY, nothing, CXL_KCU_SIZE - CXL_KCU_TX_KEY), 0);
}

static void a_unit_that_does_not_obey_is_named(void)
{
    struct cxl_ide_key key = key_of(1);
    bool enabled;
    begin_unit();
    registers[0].on_read = NULL;
    registers[0].stuck_at = CXL_KCU_CONTROL;
    CHECK_ERR(cxl_unit_write_keys(&unit, &key, &key, &fault), IDE_E_REGISTER);
    CHECK_FAULT(&fault, IDE_E_REGISTER, "CXL key unit key", "Key Valid");
    registers[0].gone = true;
    CHECK_ERR(cxl_unit_is_enabled(&unit, &enabled, &fault), IDE_E_IO);
    CHECK_ERR(cxl_unit_set_mode(&unit, CXL_IDE_SKID, &fault), IDE_E_IO);
    CHECK_ERR(cxl_unit_write_keys(&unit, &key, &key, &fault), IDE_E_IO);
    CHECK_ERR(cxl_unit_start(&unit, &fault), IDE_E_IO);
    CHECK_ERR(cxl_unit_stop(&unit, &fault), IDE_E_IO);
    CHECK_FAULT(&fault, IDE_E_IO, "CXL key unit stop", NULL);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_locator_is_found),
        TEST(a_locator_that_is_none_is_refused),
        TEST(a_locator_does_not_leave_configuration_space),
        TEST(the_capability_is_found),
        TEST(registers_that_are_none_are_refused),
        TEST(the_state_is_both_directions),
        TEST(a_transmitter_waits_as_long_as_the_other_end_needs),
        TEST(a_bar_is_opened_through_its_file),
        TEST(a_key_stands_as_aes_gcm_has_it),
        TEST(start_enables_and_waits),
        TEST(stop_leaves_nothing),
        TEST(a_unit_that_does_not_obey_is_named),
        CU_TEST_INFO_NULL,
    };
    return suite_run("CXL registers", tests);
}
