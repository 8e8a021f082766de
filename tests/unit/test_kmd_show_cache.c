/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is kept of the answers to show: each as old as it says, none that something has happened since. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/show_cache.h"

static struct show_cache cache;

static struct pcie_bdf port(unsigned n)
{
    return (struct pcie_bdf){.domain = n / 32, .bus = (uint8_t)(n % 32 + 1)};
}

static void put(const struct pcie_bdf *bdf, json_int_t value, uint64_t changes, uint64_t at_ms)
{
    json_t *result = json_pack("{s:I}", "value", value);
    show_cache_put(&cache, bdf, result, changes, at_ms, at_ms + 3);
    CU_ASSERT_EQUAL(json_integer_value(json_object_get(result, "age_ms")), 3);
    json_decref(result);
}

/* The text has its last brace still to come, behind its age. */
static void expect(const struct pcie_bdf *bdf, uint64_t changes, uint64_t now_ms, const char *text,
                   uint64_t age)
{
    uint64_t age_ms = 0;
    const char *known = show_cache_get(&cache, bdf, changes, now_ms, 100, &age_ms);
    CU_ASSERT_PTR_NOT_NULL_FATAL(known);
    CU_ASSERT_STRING_EQUAL(known, text);
    CU_ASSERT_EQUAL(age_ms, age);
}

static void expect_none(const struct pcie_bdf *bdf, uint64_t changes, uint64_t now_ms)
{
    uint64_t age_ms = 0;
    CU_ASSERT_PTR_NULL(show_cache_get(&cache, bdf, changes, now_ms, 100, &age_ms));
}

static void an_answer_is_given_until_it_is_too_old(void)
{
    const struct pcie_bdf a = port(1), b = port(2);
    show_cache_clear(&cache);
    put(&a, 7, 1, 1000);
    expect(&a, 1, 1000, "{\"value\":7", 0);
    expect(&a, 1, 1100, "{\"value\":7", 100);
    expect_none(&a, 1, 1101);
    expect_none(&b, 1, 1000);
    expect_none(NULL, 1, 1000);
    put(&a, 8, 1, 1200);
    expect(&a, 1, 1250, "{\"value\":8", 50);
    show_cache_clear(&cache);
}

static void all_streams_are_no_port(void)
{
    const struct pcie_bdf zero = {0};
    put(NULL, 1, 1, 1000);
    expect_none(&zero, 1, 1000);
    put(&zero, 2, 1, 1000);
    expect(NULL, 1, 1000, "{\"value\":1", 0);
    expect(&zero, 1, 1000, "{\"value\":2", 0);
    show_cache_clear(&cache);
}

static void whatever_happens_ends_all_answers(void)
{
    const struct pcie_bdf a = port(1), b = port(2);
    put(&a, 1, 1, 1000);
    put(&b, 2, 2, 1000);
    expect(&b, 2, 1000, "{\"value\":2", 0);
    expect_none(&a, 2, 1000);
    expect_none(&b, 3, 1000);
    expect_none(&b, 2, 1000);
    show_cache_clear(&cache);
}

static void hundreds_of_ports_do_not_drive_each_other_out(void)
{
    for (unsigned n = 0; n < 512; n++) {
        const struct pcie_bdf bdf = port(n);
        put(&bdf, n, 1, 1000);
    }
    for (unsigned n = 0; n < 512; n++) {
        const struct pcie_bdf bdf = port(n);
        char text[32];
        snprintf(text, sizeof text, "{\"value\":%u", n);
        expect(&bdf, 1, 1001, text, 1);
    }
    show_cache_clear(&cache);
}

static void more_ports_than_places_are_only_forgotten(void)
{
    for (unsigned n = 0; n < 4 * SHOW_CACHE_SLOTS; n++) {
        const struct pcie_bdf bdf = port(n);
        char text[32];
        put(&bdf, n, 1, 1000);
        snprintf(text, sizeof text, "{\"value\":%u", n);
        expect(&bdf, 1, 1001, text, 1);
    }
    show_cache_clear(&cache);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(an_answer_is_given_until_it_is_too_old),    TEST(all_streams_are_no_port),
        TEST(whatever_happens_ends_all_answers),         TEST(hundreds_of_ports_do_not_drive_each_other_out),
        TEST(more_ports_than_places_are_only_forgotten), CU_TEST_INFO_NULL,
    };
    return suite_run("answers of a known age", tests);
}
