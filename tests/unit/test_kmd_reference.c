/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files of reference values: what is taken of them, for whom, and what is wrong with others. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-kmd/reference_store.h"

static const struct cma_ids ids = {.vendor = 0x1b36, .device = 0x0010, .class_code = 0x010802, .revision = 2};
static const struct pcie_bdf bdf = {.bus = 1};
static char folder[64];
static struct reference_store store;
static struct failure failure;

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/ide-km-reference.XXXXXX");
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
}

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_TRUE(fputs(text, file) >= 0);
    fclose(file);
}

static void remove_folder(const char *const *names)
{
    char path[128];
    reference_store_close(&store);
    for (; *names; names++) {
        snprintf(path, sizeof path, "%s/%s", folder, *names);
        CU_ASSERT_EQUAL(remove(path), 0);
    }
    CU_ASSERT_EQUAL(rmdir(folder), 0);
}

static enum ide_err load(void)
{
    failure = (struct failure){0};
    return reference_store_load(&store, folder, &failure);
}

static void values_of_all_files_that_fit_are_joined(void)
{
    struct reference_values values;
    make_folder();
    write_file("a.json", "{\"references\": [{\"bdf\": \"0000:01:00.0\", \"measurements\": "
                         "[{\"index\": 1, \"value\": \"00fF\", \"tcb\": true}]}]}");
    write_file("b.json", "{\"references\": ["
                         "{\"name\": \"vendor=1b36:device=0010\", \"complete\": true, \"measurements\": "
                         "[{\"index\": 254, \"value\": \"01\"}]},"
                         "{\"name\": \"Vendor=1B36:Device=001\", \"measurements\": [{\"index\": 3, \"value\": \"01\"}]},"
                         "{\"bdf\": \"0000:02:00.0\", \"measurements\": [{\"index\": 4, \"value\": \"01\"}]}]}");
    write_file("c.txt", "no JSON");
    CHECK_OK(load());
    CHECK_OK(reference_store_find(&store, &bdf, &ids, &values));
    CU_ASSERT_EQUAL_FATAL(values.count, 2);
    CU_ASSERT_TRUE(values.complete);
    for (size_t i = 0; i < values.count; i++) {
        const struct reference_value *v = &values.list[i];
        bool is_first = v->index == 1 && v->tcb && v->len == 2 && v->value[0] == 0x00 && v->value[1] == 0xff;
        CU_ASSERT_TRUE(is_first || (v->index == 254 && !v->tcb && v->len == 1));
    }
    reference_values_release(&values);
    const struct pcie_bdf other = {.bus = 9};
    const struct cma_ids stranger = {.vendor = 0x8086};
    CHECK_OK(reference_store_find(&store, &other, &stranger, &values));
    CU_ASSERT_TRUE(values.count == 0 && !values.list);
    remove_folder((const char *const[]){"a.json", "b.json", "c.txt", NULL});
}

static void without_a_path_there_is_nothing(void)
{
    struct reference_values values;
    CHECK_OK(reference_store_load(&store, NULL, &failure));
    CHECK_OK(reference_store_find(&store, &bdf, &ids, &values));
    CU_ASSERT_EQUAL(values.count, 0);
    CHECK_ERR(reference_store_load(&store, "/no/such/folder", &failure), IDE_E_NO_REFERENCE);
    CU_ASSERT_STRING_EQUAL(failure.message, "/no/such/folder: No such file or directory");
    reference_store_close(&store);
}

#define SET(members) "{\"references\": [{" members "}]}"
#define VALUE(members) SET("\"measurements\": [{\"index\": 1, \"value\": \"00\"}, {" members "}]")

static void what_is_wrong_is_said_with_its_place(void)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"", "f.json:1:0: '[' or '{' expected near end of file"},
        {"[]", "f.json: is no object with the one member \"references\", an array"},
        {"{\"references\": []}", "f.json: is no object with the one member \"references\", an array"},
        {"{\"reference\": [1]}", "f.json: is no object with the one member \"references\", an array"},
        {"{\"references\": [1]}", "f.json: references[0].: is no object"},
        {SET(""), "f.json: references[0].measurements: is no array with at least one element"},
        {SET("\"measurements\": []"), "f.json: references[0].measurements: is no array with at least one element"},
        {SET("\"vendor\": 1"), "f.json: references[0].vendor: there is no such member"},
        {SET("\"bdf\": 1"), "f.json: references[0].bdf: is no string such as \"0000:01:00.0\""},
        {SET("\"name\": 1"), "f.json: references[0].name: is no string such as \"Vendor=1B36:Device=0010\""},
        {SET("\"complete\": 1"), "f.json: references[0].complete: is neither true nor false"},
        {VALUE(""), "f.json: references[0].measurements[1].index: is no number from 1 to 254"},
        {VALUE("\"index\": 0"), "f.json: references[0].measurements[1].index: is no number from 1 to 254"},
        {VALUE("\"index\": 255"), "f.json: references[0].measurements[1].index: is no number from 1 to 254"},
        {VALUE("\"index\": 1, \"tcb\": 1"), "f.json: references[0].measurements[1].tcb: is neither true nor false"},
        {VALUE("\"index\": 1, \"hash\": 1"), "f.json: references[0].measurements[1].hash: there is no such member"},
        {VALUE("\"index\": 1"), "f.json: references[0].measurements[1].value: is no string of hexadecimal digits, two "
                                "for each of 1 to 4096 bytes"},
        {VALUE("\"index\": 1, \"value\": \"0\""), "f.json: references[0].measurements[1].value: is no string of "
                                                  "hexadecimal digits, two for each of 1 to 4096 bytes"},
        {VALUE("\"index\": 1, \"value\": \"0g\""), "f.json: references[0].measurements[1].value: is no string of "
                                                   "hexadecimal digits, two for each of 1 to 4096 bytes"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make_folder();
        write_file("f.json", rows[i].text);
        CHECK_ERR(load(), IDE_E_NO_REFERENCE);
        CU_ASSERT_STRING_EQUAL(failure.step, "reference");
        CU_ASSERT_STRING_EQUAL(failure.message + strlen(folder) + 1, rows[i].message);
        remove_folder((const char *const[]){"f.json", NULL});
    }
}

/* Whatever had gone wrong before. */
static void a_file_that_is_too_long_is_refused(void)
{
    char path[128];
    make_folder();
    write_file("f.json", "{}");
    snprintf(path, sizeof path, "%s/f.json", folder);
    CU_ASSERT_EQUAL(truncate(path, REFERENCE_FILE_MAX + 1), 0);
    errno = EACCES;
    CHECK_ERR(load(), IDE_E_NO_REFERENCE);
    CU_ASSERT_STRING_EQUAL(failure.message + strlen(folder) + 1, "f.json: is longer than 1 MiB");
    remove_folder((const char *const[]){"f.json", NULL});
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(values_of_all_files_that_fit_are_joined),
        TEST(without_a_path_there_is_nothing),
        TEST(what_is_wrong_is_said_with_its_place),
        TEST(a_file_that_is_too_long_is_refused),
        CU_TEST_INFO_NULL,
    };
    return suite_run("reference values", tests);
}
