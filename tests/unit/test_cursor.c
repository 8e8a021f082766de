/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The bounded cursor, the fault text and the memory helpers: spdm/cursor.h, spdm/error.h. */
#include <string.h>

#include "spdm/cursor.h"
#include "suite.h"

static void reads_little_endian_in_order(void)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 0x12, 0x34};
    struct reader r = reader_of(data, sizeof data);
    CU_ASSERT_EQUAL(read_u8(&r, "a"), 1);
    CU_ASSERT_EQUAL(read_u16(&r, "b"), 0x0302);
    CU_ASSERT_EQUAL(read_u24(&r, "c"), 0x060504);
    CU_ASSERT_EQUAL(read_u32(&r, "d"), 0x0a090807);
    CU_ASSERT_EQUAL(read_u64(&r, "e"), 0x1211100f0e0d0c0bull);
    CU_ASSERT_EQUAL(read_u16be(&r, "f"), 0x1234);
    read_end(&r);
    CU_ASSERT_EQUAL(r.err, IDE_OK);
}

static void a_failed_read_gives_nothing_and_sticks(void)
{
    static const uint8_t data[] = {1, 2, 3};
    struct reader r = reader_of(data, sizeof data);
    struct ide_fault fault;
    CU_ASSERT_EQUAL(read_u32(&r, "Length"), 0);
    CU_ASSERT_EQUAL(read_u8(&r, "Later"), 0);
    CU_ASSERT_PTR_NULL(read_bytes(&r, 0, "Later"));
    CU_ASSERT_EQUAL(read_left(&r), 0);
    CU_ASSERT_EQUAL(read_done(&r, &fault, "DIGESTS"), IDE_E_SHORT);
    CU_ASSERT_STRING_EQUAL(fault.field, "Length");
    CU_ASSERT_STRING_EQUAL(fault.step, "DIGESTS");
}

static void a_huge_length_does_not_wrap(void)
{
    static const uint8_t data[8];
    struct reader r = reader_of(data, sizeof data);
    read_u32(&r, "x");
    CU_ASSERT_PTR_NULL(read_bytes(&r, SIZE_MAX, "OpaqueDataLength"));
    CU_ASSERT_EQUAL(r.err, IDE_E_SHORT);
    CU_ASSERT_EQUAL(r.pos, 4);
}

static void an_empty_reader_reads_nothing_validly(void)
{
    struct reader r = reader_of(NULL, 0);
    CU_ASSERT_PTR_NOT_NULL(read_bytes(&r, 0, "x"));
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    read_u8(&r, "x");
    CU_ASSERT_EQUAL(r.err, IDE_E_SHORT);
}

static void a_copy_that_fails_is_cleared(void)
{
    static const uint8_t data[2] = {1, 2};
    uint8_t out[4] = {9, 9, 9, 9};
    struct reader r = reader_of(data, sizeof data);
    read_copy(&r, out, sizeof out, "Nonce");
    CU_ASSERT(memcmp(out, "\0\0\0\0", 4) == 0);
}

static void a_sub_reader_is_bounded_by_its_length(void)
{
    static const uint8_t data[4] = {1, 2, 3, 4};
    struct reader r = reader_of(data, sizeof data);
    struct reader sub = read_sub(&r, 2, "OpaqueData");
    read_u16(&sub, "inner");
    CU_ASSERT_EQUAL(read_u8(&sub, "inner"), 0);
    CU_ASSERT_EQUAL(sub.err, IDE_E_SHORT);
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    CU_ASSERT_EQUAL(read_u8(&r, "next"), 3);
    struct reader failed = read_sub(&r, 2, "OpaqueData");
    CU_ASSERT_EQUAL(failed.err, IDE_E_SHORT);
    CU_ASSERT_EQUAL(r.err, IDE_E_SHORT);
}

static void trailing_bytes_are_an_error_only_when_asked(void)
{
    static const uint8_t data[4];
    struct reader r = reader_of(data, sizeof data);
    read_u8(&r, "x");
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    read_end(&r);
    CU_ASSERT_EQUAL(r.err, IDE_E_LONG);
}

static void writes_are_bounded_and_stick(void)
{
    uint8_t out[8];
    struct writer w = writer_of(out, sizeof out);
    write_u8(&w, 1);
    write_u16(&w, 0x0302);
    size_t at = write_reserve_u16(&w);
    write_u24(&w, 0x080706);
    write_fill_u16(&w, at, 0x0504);
    CU_ASSERT_EQUAL(write_done(&w), IDE_OK);
    CU_ASSERT(memcmp(out, "\1\2\3\4\5\6\7\10", 8) == 0);
    write_u8(&w, 9);
    CU_ASSERT_EQUAL(write_done(&w), IDE_E_SPACE);
    CU_ASSERT_PTR_NULL(write_space(&w, 0));
    CU_ASSERT_EQUAL(w.pos, 8);
}

static void a_fault_reads_as_one_line(void)
{
    char text[160];
    struct ide_fault fault;
    ide_fail_value(&fault, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseHashSel", 4, 3);
    CU_ASSERT_STRING_EQUAL(ide_fault_text(&fault, text, sizeof text),
                           "ALGORITHMS: BaseHashSel: the peer selected what was not offered (0x4, expected 0x3)");
    ide_fail(&fault, IDE_E_PEER_ERROR, "KEY_EXCHANGE", NULL);
    fault.peer_code = 4;
    CU_ASSERT_STRING_EQUAL(ide_fault_text(&fault, text, sizeof text),
                           "KEY_EXCHANGE: the peer answered with an SPDM ERROR (code 0x04, UnexpectedRequest, data 0x00)");
    CU_ASSERT_STRING_EQUAL(ide_fault_text(&fault, text, 8), "KEY_EXC");
}

static void every_error_has_its_own_name(void)
{
    for (int a = IDE_OK; a <= IDE_E_ACCESS; a++) {
        CU_ASSERT_STRING_NOT_EQUAL(ide_err_name((enum ide_err)a), "unknown");
        CU_ASSERT_STRING_NOT_EQUAL(ide_err_text((enum ide_err)a), "unknown error");
        for (int b = IDE_OK; b < a; b++)
            CU_ASSERT_STRING_NOT_EQUAL(ide_err_name((enum ide_err)a), ide_err_name((enum ide_err)b));
    }
}

static void comparison_sees_every_byte(void)
{
    uint8_t a[48] = {0}, b[48] = {0};
    CU_ASSERT_TRUE(equal_secret(a, b, sizeof a));
    for (size_t i = 0; i < sizeof a; i++) {
        b[i] = 0x80;
        CU_ASSERT_FALSE(equal_secret(a, b, sizeof a));
        b[i] = 0;
    }
    memset(a, 7, sizeof a);
    wipe(a, sizeof a);
    CU_ASSERT_TRUE(equal_secret(a, b, sizeof a));
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(reads_little_endian_in_order),
        TEST(a_failed_read_gives_nothing_and_sticks),
        TEST(a_huge_length_does_not_wrap),
        TEST(an_empty_reader_reads_nothing_validly),
        TEST(a_copy_that_fails_is_cleared),
        TEST(a_sub_reader_is_bounded_by_its_length),
        TEST(trailing_bytes_are_an_error_only_when_asked),
        TEST(writes_are_bounded_and_stick),
        TEST(a_fault_reads_as_one_line),
        TEST(every_error_has_its_own_name),
        TEST(comparison_sees_every_byte),
        CU_TEST_INFO_NULL,
    };
    return suite_run("cursor", tests);
}
