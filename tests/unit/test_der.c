/* SPDX-License-Identifier: GPL-2.0-or-later */
/* spdm/der.h: what DER does not allow is refused, at the field that the caller named. */
#include <stdio.h>
#include <string.h>

#include "bytes.h"
#include "spdm/der.h"
#include "spdm/x509.h"
#include "suite.h"

/* Ends a reading: the error at its field, or IDE_OK. */
static void expect(const char *hex, const struct reader *r, enum ide_err err)
{
    if (r->err != err)
        fprintf(stderr, "%s: %s\n", hex, ide_err_name(r->err));
    CU_ASSERT_EQUAL(r->err, err);
    if (err != IDE_OK && r->field)
        CU_ASSERT_STRING_EQUAL(r->field, "f");
}

static void lengths_are_definite_and_short(void)
{
    static const struct {
        const char *hex;
        enum ide_err err;
    } cases[] = {
        {"0400", IDE_OK},
        {"0401aa", IDE_OK},
        {"0480", IDE_E_CHAIN},           /* indefinite */
        {"04800000", IDE_E_CHAIN},
        {"048101aa", IDE_E_CHAIN},       /* one byte would have done */
        {"04820001aa", IDE_E_CHAIN},
        {"0482", IDE_E_SHORT},
        {"048401000000", IDE_E_CHAIN},   /* 16 MiB */
        {"0484ffffffff", IDE_E_CHAIN},
        {"04ff", IDE_E_CHAIN},
        {"0402aa", IDE_E_SHORT},
        {"04", IDE_E_SHORT},
        {"", IDE_E_SHORT},
        {"0500", IDE_E_CHAIN},           /* another tag */
        {"1f8100", IDE_E_CHAIN},         /* a tag of several bytes */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes b = unhex(cases[i].hex);
        struct reader r = reader_of(b.data, b.len);
        (void)der_content(&r, DER_OCTET_STRING, "f");
        expect(cases[i].hex, &r, cases[i].err);
    }
}

static void a_length_of_128_takes_two_bytes(void)
{
    uint8_t data[3 + 128] = {0x04, 0x81, 0x80};
    struct reader r = reader_of(data, sizeof(data));
    struct span whole = der_whole(&r, DER_OCTET_STRING, "f");
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    CU_ASSERT_EQUAL(whole.len, sizeof(data));
    CU_ASSERT_PTR_EQUAL(whole.data, data);
    CU_ASSERT_EQUAL(read_left(&r), 0);
}

static void a_tag_of_several_bytes_is_refused_wherever_any_may_stand(void)
{
    static const uint8_t data[] = {0xbf, 0x81, 0x01, 0x00};
    struct reader r = reader_of(data, sizeof(data));
    uint8_t tag;
    (void)der_any(&r, &tag, "f");
    expect("bf810100", &r, IDE_E_CHAIN);
}

static void what_is_left_inside_fails_the_outside(void)
{
    struct bytes b = unhex("30050500050000");
    struct reader r = reader_of(b.data, b.len), inner = der_enter(&r, DER_SEQUENCE, "f");
    (void)der_content(&inner, DER_NULL, "f");
    der_leave(&r, &inner, "f");
    expect("one NULL of two", &r, IDE_E_CHAIN);
    CU_ASSERT_EQUAL(read_left(&r), 0);
}

static void booleans_are_all_or_nothing(void)
{
    static const struct {
        const char *hex;
        enum ide_err err;
        bool value;
    } cases[] = {
        {"", IDE_OK, false},           {"0500", IDE_OK, false},          {"0101ff", IDE_OK, true},
        {"010100", IDE_OK, false},     {"010101", IDE_E_CHAIN, false},   {"0100", IDE_E_SHORT, false},
        {"0102ffff", IDE_E_CHAIN, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes b = unhex(cases[i].hex);
        struct reader r = reader_of(b.data, b.len);
        CU_ASSERT_EQUAL(der_optional_true(&r, "f"), cases[i].value);
        expect(cases[i].hex, &r, cases[i].err);
    }
}

static void small_integers_are_positive_and_short(void)
{
    static const struct {
        const char *hex;
        enum ide_err err;
        uint32_t value;
    } cases[] = {
        {"020100", IDE_OK, 0},
        {"02017f", IDE_OK, 127},
        {"02020080", IDE_OK, 128},
        {"02047fffffff", IDE_OK, 0x7fffffff},
        {"0200", IDE_E_CHAIN, 0},
        {"0201ff", IDE_E_CHAIN, 0},           /* -1 */
        {"0202007f", IDE_E_CHAIN, 127},       /* one byte would have done */
        {"02050080000000", IDE_E_CHAIN, 0},   /* 2^31 */
        {"0202", IDE_E_SHORT, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes b = unhex(cases[i].hex);
        struct reader r = reader_of(b.data, b.len);
        CU_ASSERT_EQUAL(der_small(&r, "f"), cases[i].value);
        expect(cases[i].hex, &r, cases[i].err);
    }
}

static void bit_strings_are_whole_bytes(void)
{
    struct bytes good = unhex("030300aabb"), odd = unhex("030301aabb"), empty = unhex("0300");
    struct reader r = reader_of(good.data, good.len);
    struct span bits = der_bits(&r, "f");
    expect("good", &r, IDE_OK);
    CU_ASSERT_EQUAL(bits.len, 2);
    CU_ASSERT_EQUAL(bits.data[1], 0xbb);
    r = reader_of(odd.data, odd.len);
    (void)der_bits(&r, "f");
    expect("odd", &r, IDE_E_CHAIN);
    r = reader_of(empty.data, empty.len);
    (void)der_bits(&r, "f");
    expect("empty", &r, IDE_E_SHORT);
}

static void times_are_read_as_date_prints_them(void)
{
    static const struct {
        const char *text;
        int64_t seconds;   /* date -u -d ... +%s */
    } cases[] = {
        {"700101000000Z", 0},
        {"691231235959Z", -1},
        {"500101000000Z", -631152000},
        {"491231235959Z", 2524607999},
        {"000229000000Z", 951782400},
        {"20000301000000Z", 951868800},
        {"20240229120000Z", 1709208000},
        {"21000301000000Z", 4107542400},
        {"20991231235959Z", 4102444799},
        {"99991231235959Z", 253402300799},
        {"00010101000000Z", -62135596800},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i].text);
        uint8_t der[20] = {n == 13 ? DER_UTC_TIME : DER_GENERALIZED_TIME, (uint8_t)n};
        memcpy(der + 2, cases[i].text, n);
        struct reader r = reader_of(der, n + 2);
        CU_ASSERT_EQUAL(der_time(&r, "f"), cases[i].seconds);
        expect(cases[i].text, &r, IDE_OK);
    }
}

static void what_is_no_time_is_refused(void)
{
    static const char *const cases[] = {
        "700001000000Z", "701301000000Z", "700100000000Z", "700132000000Z", "700431000000Z", "700229000000Z",
        "700101240000Z", "700101006000Z", "700101000060Z", "7001010000000", "70010100000aZ", "7a0101000000Z",
        "/00101000000Z", "21000229000000Z", "00000101000000Z", "20000101000000.0Z", "2000010100000Z",
        "200001010000000Z",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t n = strlen(cases[i]);
        uint8_t der[24] = {n == 13 ? DER_UTC_TIME : DER_GENERALIZED_TIME, (uint8_t)n};
        memcpy(der + 2, cases[i], n);
        struct reader r = reader_of(der, n + 2);
        CU_ASSERT_EQUAL(der_time(&r, "f"), 0);
        expect(cases[i], &r, IDE_E_CHAIN);
    }
}

static void a_name_is_read_and_means_nothing_to_a_terminal(void)
{
    static const uint8_t name[] = {
        0x30, 0x25, 0x31, 0x0d, 0x30, 0x0b, 6, 3, 0x55, 4, 3, 0x0c, 4, 'r', 0x1b, '[', 0xc3,   /* CN */
        0x31, 0x14, 0x30, 8, 6, 3, 0x55, 4, 10, 0x13, 1, 'm',                                  /* O, and in the same set */
        0x30, 8, 6, 3, 0x55, 4, 99, 0x13, 1, 'x',                                              /* one without a name */
    };
    char text[32], small[8];
    CU_ASSERT_STRING_EQUAL(x509_name_text((struct span){name, sizeof name}, text, sizeof text), "CN=r?[?, O=m, ?=x");
    CU_ASSERT_STRING_EQUAL(x509_name_text((struct span){name, sizeof name}, small, sizeof small), "CN=r?[?");
    for (size_t n = 0; n < sizeof name; n++)
        CU_ASSERT_STRING_EQUAL(x509_name_text((struct span){name, n}, text, sizeof text), "");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(lengths_are_definite_and_short),
        TEST(a_length_of_128_takes_two_bytes),
        TEST(a_tag_of_several_bytes_is_refused_wherever_any_may_stand),
        TEST(what_is_left_inside_fails_the_outside),
        TEST(booleans_are_all_or_nothing),
        TEST(small_integers_are_positive_and_short),
        TEST(bit_strings_are_whole_bytes),
        TEST(times_are_read_as_date_prints_them),
        TEST(what_is_no_time_is_refused),
        TEST(a_name_is_read_and_means_nothing_to_a_terminal),
        CU_TEST_INFO_NULL,
    };
    return suite_run("der", tests);
}
