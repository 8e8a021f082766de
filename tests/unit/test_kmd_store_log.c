/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log in the state file: its bounds, and how it is read. */
#include "store_rig.h"
#include "suite.h"

static void the_log_keeps_its_bound(void)
{
    make_folder();
    CHECK_OK(open_with((struct store_settings){.log_rows = 300}));
    for (unsigned i = 0; i < 1024; i++)
        log_something("up");
    struct held held = load();
    held_release(&held);
    long long rows = ask("SELECT count(*) FROM entry");
    CU_ASSERT_TRUE(rows >= 300 && rows < 300 + 256);
    store_close(store);
    CHECK_OK(open_with((struct store_settings){.log_days = 2}));
    tell("UPDATE entry SET time_ms = time_ms - 3 * 86400000 WHERE id <= 1000");
    for (unsigned i = 0; i < 256; i++)
        log_something("up");
    held = load();
    held_release(&held);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM entry WHERE id <= 1000"), 0);
    CU_ASSERT_EQUAL(ask("SELECT count(*) FROM entry"), 24 + 256);
    store_close(store);
    drop_folder();
}

static json_t *read_log(struct request_log wish)
{
    json_t *result = NULL;
    CHECK_OK(store_log_read(store, &wish, &result, &fault));
    CU_ASSERT_PTR_NOT_NULL_FATAL(result);
    return result;
}

static long long id_at(const json_t *result, size_t index)
{
    return json_integer_value(
        json_object_get(json_array_get(json_object_get(result, "entries"), index), "id"));
}

static void the_log_is_read_in_pages(void)
{
    struct request_log wish = {.until_ms = INT64_MAX, .cursor = -1, .limit = 4};
    make_folder();
    CHECK_OK(open_store());
    for (unsigned i = 0; i < 10; i++)
        log_something(i % 2 ? "secure" : "off");
    json_t *result = read_log(wish); /* the last ones, in order */
    CU_ASSERT_EQUAL(id_at(result, 0), 7);
    CU_ASSERT_EQUAL(id_at(result, 3), 10);
    CU_ASSERT_TRUE(json_is_true(json_object_get(result, "more")));
    json_decref(result);
    wish.cursor = 0;
    unsigned pages = 0;
    for (bool more = true; more; pages++) {
        result = read_log(wish);
        CU_ASSERT_EQUAL(id_at(result, 0), wish.cursor + 1);
        wish.cursor = json_integer_value(json_object_get(result, "cursor"));
        more = json_is_true(json_object_get(result, "more"));
        json_decref(result);
    }
    CU_ASSERT_EQUAL(pages, 3);
    CU_ASSERT_EQUAL(wish.cursor, 10);
    wish = (struct request_log){.until_ms = INT64_MAX, .cursor = 0, .limit = 100, .state = "secure"};
    result = read_log(wish);
    CU_ASSERT_EQUAL(json_array_size(json_object_get(result, "entries")), 5);
    json_decref(result);
    store_close(store);
    drop_folder();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_log_keeps_its_bound),
        TEST(the_log_is_read_in_pages),
        CU_TEST_INFO_NULL,
    };
    return suite_run("the log in the state file", tests);
}
