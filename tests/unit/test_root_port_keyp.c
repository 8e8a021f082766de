/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI table KEYP: what is taken from it, and every way in which it can be wrong. root_port/keyp.h */
#include "check.h"
#include "root_port/keyp.h"
#include "spdm/cursor.h"
#include "suite.h"

#define TABLE_MAX 8192

/* A table with two units; a test changes one thing and seals it again. */
struct table {
    uint8_t bytes[TABLE_MAX];
    size_t len;
};

static void seal(struct table *t)
{
    struct writer length = writer_of(t->bytes + 4, 4);
    uint8_t sum = 0;
    write_u32(&length, (uint32_t)t->len);
    t->bytes[9] = 0;
    for (size_t i = 0; i < t->len; i++)
        sum = (uint8_t)(sum + t->bytes[i]);
    t->bytes[9] = (uint8_t)-sum;
}

static void add_unit(struct table *t, uint8_t protocol, uint64_t base, const uint32_t *ports, uint8_t count)
{
    struct writer w = writer_of(t->bytes + t->len, sizeof t->bytes - t->len);
    write_u16(&w, 0);
    write_u16(&w, (uint16_t)(16 + 4 * count));
    write_u8(&w, protocol);
    write_u8(&w, 1);
    write_u8(&w, count);
    write_u8(&w, 1);
    write_u64(&w, base);
    for (unsigned i = 0; i < count; i++)
        write_u32(&w, ports[i]);
    CU_ASSERT_FALSE_FATAL(w.overflow);
    t->len += w.pos;
}

/* As it stands in the table: segment, bus, device and function. */
#define PORT(segment, bus, device, function)                                                                 \
    ((uint32_t)(segment) | (uint32_t)(bus) << 16 | (uint32_t)((device) << 3 | (function)) << 24)

#define FIRST_UNIT 40u
#define FIRST_PORT 56u

static void make(struct table *t)
{
    const uint32_t pcie[] = {PORT(0, 0x10, 3, 0), PORT(2, 0x80, 31, 7)}, cxl[] = {PORT(0, 0x10, 3, 0)};
    memset(t, 0, sizeof *t);
    memcpy(t->bytes, "KEYP", 4);
    t->len = FIRST_UNIT;
    add_unit(t, KEYP_PCIE, 0xfe000000, pcie, 2);
    add_unit(t, KEYP_CXL, UINT64_C(0x20fe001000), cxl, 1);
    seal(t);
}

static void takes_units_and_the_ports_they_serve(void)
{
    struct table t;
    struct keyp k;
    struct ide_fault fault;
    const struct pcie_bdf a = {.bus = 0x10, .device = 3};
    const struct pcie_bdf b = {.domain = 2, .bus = 0x80, .device = 31, .function = 7};
    const struct pcie_bdf other = {.bus = 0x10, .device = 4};
    make(&t);
    CHECK_OK(keyp_parse(&k, t.bytes, t.len, &fault));
    CU_ASSERT_EQUAL(k.unit_count, 2);
    CU_ASSERT_EQUAL(k.port_count, 3);
    CU_ASSERT_EQUAL(k.unit[0].base, 0xfe000000);
    CU_ASSERT_EQUAL(k.unit[1].base, UINT64_C(0x20fe001000));
    CU_ASSERT_EQUAL(keyp_unit_of(&k, KEYP_PCIE, &a), 0);
    CU_ASSERT_EQUAL(keyp_unit_of(&k, KEYP_PCIE, &b), 0);
    CU_ASSERT_EQUAL(keyp_unit_of(&k, KEYP_CXL, &a), 1);
    CU_ASSERT_EQUAL(keyp_unit_of(&k, KEYP_CXL, &b), KEYP_NO_UNIT);
    CU_ASSERT_EQUAL(keyp_unit_of(&k, KEYP_PCIE, &other), KEYP_NO_UNIT);
}

static void passes_over_structures_of_other_types(void)
{
    struct table t;
    struct keyp k;
    struct ide_fault fault;
    make(&t);
    t.bytes[FIRST_UNIT] = 9;
    seal(&t);
    CHECK_OK(keyp_parse(&k, t.bytes, t.len, &fault));
    CU_ASSERT_EQUAL(k.unit_count, 1);
    CU_ASSERT_EQUAL(k.unit[0].protocol, KEYP_CXL);
}

/* One byte of the good table, and what is said of it. Lengths and sums are made right again after it. */
static const struct {
    size_t at;
    uint8_t value;
    enum ide_err err;
    const char *field;
} changes[] = {
    {0, 'k', IDE_E_FIELD, "Signature"},
    {FIRST_UNIT + 2, 0, IDE_E_FIELD, "Length"}, /* no progress */
    {FIRST_UNIT + 2, 3, IDE_E_FIELD, "Length"},
    {FIRST_UNIT + 2, 4, IDE_E_SHORT, "Protocol Type"},
    {FIRST_UNIT + 2, 15, IDE_E_SHORT, "Register Base Address"},
    {FIRST_UNIT + 2, 16, IDE_E_FIELD, "Root Port Count"},
    {FIRST_UNIT + 2, 23, IDE_E_FIELD, "Root Port Count"},
    {FIRST_UNIT + 3, 0xff, IDE_E_SHORT, "Length"}, /* beyond the table */
    {FIRST_UNIT + 6, 3, IDE_E_FIELD, "Root Port Count"},
    {FIRST_UNIT + 6, 255, IDE_E_FIELD, "Root Port Count"},
    {FIRST_UNIT + 8, 2, IDE_E_FIELD, "Register Base Address"},
    {FIRST_UNIT + 11, 0, IDE_E_FIELD, "Register Base Address"}, /* 0 */
    {FIRST_UNIT + 15, 0x80, IDE_E_FIELD, "Register Base Address"},
    {FIRST_UNIT + 24 + 4, KEYP_PCIE, IDE_E_FIELD, "Root Port Information"}, /* served twice */
};

static void refuses_what_is_wrong(void)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct table t;
        struct keyp k = {.unit_count = 77};
        struct ide_fault fault;
        make(&t);
        t.bytes[changes[i].at] = changes[i].value;
        seal(&t);
        CHECK_ERR(keyp_parse(&k, t.bytes, t.len, &fault), changes[i].err);
        CHECK_FAULT(&fault, changes[i].err, "KEYP", changes[i].field);
        CU_ASSERT_EQUAL(k.unit_count, 77); /* untouched */
    }
}

static void refuses_a_wrong_sum_or_length(void)
{
    struct table t;
    struct keyp k;
    struct ide_fault fault;
    make(&t);
    t.bytes[9]++;
    CHECK_ERR(keyp_parse(&k, t.bytes, t.len, &fault), IDE_E_FIELD);
    CHECK_FAULT(&fault, IDE_E_FIELD, "KEYP", "Checksum");
    make(&t);
    for (size_t len = 0; len < t.len; len++) {
        enum ide_err err = keyp_parse(&k, t.bytes, len, &fault);
        CHECK_ERR(err, len < FIRST_UNIT ? IDE_E_SHORT : IDE_E_FIELD);
    }
    CHECK_ERR(keyp_parse(&k, t.bytes, t.len + 1, &fault), IDE_E_FIELD);
    CHECK_FAULT(&fault, IDE_E_FIELD, "KEYP", "Length");
}

static void refuses_more_than_there_is_room_for(void)
{
    struct table t;
    struct keyp k;
    struct ide_fault fault;
    memset(&t, 0, sizeof t);
    memcpy(t.bytes, "KEYP", 4);
    t.len = FIRST_UNIT;
    for (unsigned i = 0; i <= KEYP_UNITS_MAX; i++)
        add_unit(&t, KEYP_PCIE, 0x1000, NULL, 0);
    seal(&t);
    CHECK_ERR(keyp_parse(&k, t.bytes, t.len, &fault), IDE_E_LONG);
    CHECK_FAULT(&fault, IDE_E_LONG, "KEYP", "Key Configuration Unit");

    t.len = FIRST_UNIT;
    for (unsigned unit = 0; unit * 255 <= KEYP_PORTS_MAX; unit++) {
        uint32_t ports[255];
        for (unsigned i = 0; i < 255; i++)
            ports[i] = PORT(unit, i, 0, 0);
        add_unit(&t, KEYP_PCIE, 0x1000, ports, 255);
    }
    seal(&t);
    CHECK_ERR(keyp_parse(&k, t.bytes, t.len, &fault), IDE_E_LONG);
    CHECK_FAULT(&fault, IDE_E_LONG, "KEYP", "Root Port Information");
}

static void a_file_that_is_not_there_is_no_table(void)
{
    struct keyp k;
    struct ide_fault fault;
    CHECK_ERR(keyp_read(&k, "/nonexistent/KEYP", &fault), IDE_E_NO_DEVICE);
    CHECK_ERR(keyp_read(&k, "/", &fault), IDE_E_IO);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"takes units and the ports they serve", takes_units_and_the_ports_they_serve},
        {"passes over structures of other types", passes_over_structures_of_other_types},
        {"refuses what is wrong", refuses_what_is_wrong},
        {"refuses a wrong sum or length", refuses_a_wrong_sum_or_length},
        {"refuses more than there is room for", refuses_more_than_there_is_room_for},
        {"a file that is not there is no table", a_file_that_is_not_there_is_no_table},
        CU_TEST_INFO_NULL,
    };
    return suite_run("KEYP", tests);
}
