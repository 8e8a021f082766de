/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When a refresh is due: tools/ide-kmd/refresh_due.h */
#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/refresh_due.h"

#define HOUR UINT64_C(3600)

static void the_rate_of_a_link(void)
{
    static const struct {
        uint16_t status;
        uint64_t rate;
    } cases[] = {
        {0x0011, 250000000},           {0x0045, 16000000000}, {0x2045, 16000000000}, {0x0106, REFRESH_RATE_MOST},
        {0x0206, 2 * REFRESH_RATE_MOST}, {0x0000, 0},           {0x0017, 0},           {0x0005, 0},
        {0xffff, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        CU_ASSERT_EQUAL(refresh_link_rate(cases[i].status), cases[i].rate);
}

static void without_keys_nothing_is_due(void)
{
    struct refresh_due due = refresh_due(&(struct refresh_use){.records = UINT64_MAX}, UINT64_MAX);
    CU_ASSERT_EQUAL(due.in_s, UINT64_MAX);
    CU_ASSERT_FALSE(refresh_is_due(&due, UINT64_MAX - 1));
}

/* Known answers: 2^51 bytes at 16 GB/s are 140,737 s, at 128 GB/s 17,592 s. */
static void data_under_a_key_comes_first(void)
{
    struct refresh_use use = {.keyed_ms = 1000, .bytes_per_second = UINT64_C(16000000000)};
    struct refresh_due due = refresh_due(&use, 1000);
    CU_ASSERT_EQUAL(due.reason, REFRESH_BYTES);
    CU_ASSERT_EQUAL(due.in_s, 140737);
    CU_ASSERT_EQUAL(due.bytes_at_most, 0);
    use.bytes_per_second = 0; /* not known: as the fastest */
    CU_ASSERT_EQUAL(refresh_due(&use, 1000).in_s, 17592);
    due = refresh_due(&use, 1000 + 1000 * HOUR);
    CU_ASSERT_EQUAL(due.keyed_s, HOUR);
    CU_ASSERT_EQUAL(due.bytes_at_most, HOUR * REFRESH_RATE_MOST);
    CU_ASSERT_EQUAL(due.ivs_at_most, HOUR * (REFRESH_RATE_MOST / REFRESH_LEAST_TLP + 1));
    CU_ASSERT_EQUAL(due.in_s, 17592 - HOUR);
    CU_ASSERT_FALSE(refresh_is_due(&due, HOUR));
    CU_ASSERT_TRUE(refresh_is_due(&due, 4 * HOUR));
}

static void once_due_it_stays_due(void)
{
    struct refresh_use use = {.keyed_ms = 1, .bytes_per_second = UINT64_C(16000000000)};
    static const uint64_t later[] = {140738000, 200000000, UINT64_MAX / 2, UINT64_MAX};
    for (size_t i = 0; i < sizeof later / sizeof *later; i++) {
        struct refresh_due due = refresh_due(&use, later[i]);
        CU_ASSERT_EQUAL(due.in_s, 0);
        CU_ASSERT_TRUE(refresh_is_due(&due, 0));
    }
    CU_ASSERT_EQUAL(refresh_due(&use, UINT64_MAX).bytes_at_most, UINT64_MAX);
    /* a clock that stands before the keys is no reason for haste */
    CU_ASSERT_EQUAL(refresh_due(&use, 0).in_s, 140737);
}

/* Due well before 2^64 IVs, whatever the link. */
static void the_ivs_of_the_fastest_link(void)
{
    struct refresh_use use = {.keyed_ms = 1, .bytes_per_second = 2 * REFRESH_RATE_MOST};
    struct refresh_due due = refresh_due(&use, 1);
    CU_ASSERT_TRUE(due.in_s * (use.bytes_per_second / REFRESH_LEAST_TLP + 1) < REFRESH_IV_DUE);
    /* so little data that IVs would come first: none, the smallest TLP is 28 bytes. At the same rate IVs last longer */
    use.bytes_per_second = 1;
    due = refresh_due(&use, 1);
    CU_ASSERT_EQUAL(due.reason, REFRESH_BYTES);
}

static void records_are_counted(void)
{
    struct refresh_use use = {.keyed_ms = 1, .bytes_per_second = 250000000, .records = REFRESH_RECORDS_DUE};
    struct refresh_due due = refresh_due(&use, 1);
    CU_ASSERT_EQUAL(due.reason, REFRESH_RECORDS);
    CU_ASSERT_EQUAL(due.in_s, 0);
    /* half are left, and a quarter of the due number went in 1,000 s: 2,000 s more */
    use = (struct refresh_use){.keyed_ms = 1,
                               .bytes_per_second = 250000000,
                               .records = REFRESH_RECORDS_DUE / 2,
                               .records_at_first = REFRESH_RECORDS_DUE / 4};
    due = refresh_due(&use, 1 + 999000);
    CU_ASSERT_EQUAL(due.reason, REFRESH_RECORDS);
    CU_ASSERT_EQUAL(due.in_s, 2000);
    use.records_at_first = use.records;
    CU_ASSERT_EQUAL(refresh_due(&use, 1 + 999000).reason, REFRESH_BYTES);
}

static void reasons_have_names(void)
{
    CU_ASSERT_STRING_EQUAL(refresh_reason_name(REFRESH_IV), "iv");
    CU_ASSERT_STRING_EQUAL(refresh_reason_name(REFRESH_BYTES), "bytes");
    CU_ASSERT_STRING_EQUAL(refresh_reason_name(REFRESH_RECORDS), "records");
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_rate_of_a_link),
        TEST(without_keys_nothing_is_due),
        TEST(data_under_a_key_comes_first),
        TEST(once_due_it_stays_due),
        TEST(the_ivs_of_the_fastest_link),
        TEST(records_are_counted),
        TEST(reasons_have_names),
        CU_TEST_INFO_NULL,
    };
    return suite_run("when a refresh is due", tests);
}
