/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Each list of names in docs/api.schema.json is that of the table which the names come from. */
#include <jansson.h>

#include "check.h"
#include "root_port/aer.h"
#include "suite.h"
#include "tools/common/api.h"
#include "tools/ide-kmd/operation.h"
#include "tools/ide-kmd/policy.h"
#include "tools/ide-kmd/watch_rules.h"

static json_t *definitions(void)
{
    json_error_t error;
    json_t *schema = json_load_file(API_SCHEMA, 0, &error);
    CU_ASSERT_PTR_NOT_NULL_FATAL(schema);
    json_t *defs = json_incref(json_object_get(schema, "$defs"));
    json_decref(schema);
    return defs;
}

/* Takes names, and then compares them with a list of the schema: the same, each once. */
struct names {
    json_t *list;
};

static void take(struct names *names, const char *name)
{
    CU_ASSERT_PTR_NOT_NULL_FATAL(name);
    json_array_append_new(names->list, json_string(name));
}

static bool has(const json_t *list, const json_t *name)
{
    size_t i;
    json_t *value;
    json_array_foreach(list, i, value)
    {
        if (json_equal(value, name))
            return true;
    }
    return false;
}

static void compare(struct names *names, const json_t *wanted)
{
    size_t i;
    json_t *name;
    CU_ASSERT_EQUAL(json_array_size(names->list), json_array_size(wanted));
    json_array_foreach(names->list, i, name)
    {
        if (!has(wanted, name))
            fprintf(stderr, "docs/api.schema.json lacks \"%s\"\n", json_string_value(name));
        CU_ASSERT_TRUE(has(wanted, name));
    }
    json_decref(names->list);
    names->list = json_array();
}

static const json_t *enum_of(const json_t *defs, const char *name)
{
    return json_object_get(json_object_get(defs, name), "enum");
}

static void names_of_errors(void)
{
#define NAME(constant, name, text) name,
    static const char *const all[] = {IDE_ERRORS(NAME)};
#undef NAME
    struct names names = {json_array()};
    json_t *defs = definitions();
    for (size_t i = 1; i < sizeof all / sizeof *all; i++) /* but "ok" */
        take(&names, all[i]);
    compare(&names, enum_of(defs, "error_code"));
    json_decref(names.list);
    json_decref(defs);
}

static void names_of_operations_and_steps(void)
{
    struct names names = {json_array()};
    json_t *defs = definitions();
    for (int kind = 0; kind <= OPERATION_FORGET; kind++)
        take(&names, operation_name((enum operation_kind)kind));
    take(&names, "watch");
    compare(&names, enum_of(defs, "operation"));
    for (int action = 0; action < STEP_COUNT; action++)
        take(&names, step_name((enum step_action)action));
    compare(&names, enum_of(defs, "step"));
    json_decref(names.list);
    json_decref(defs);
}

static void names_of_what_the_watch_sees(void)
{
    struct names names = {json_array()};
    json_t *defs = definitions();
    for (int cause = WATCH_CAUSE_NONE + 1; cause <= WATCH_CAUSE_UNKNOWN; cause++)
        take(&names, watch_cause_name((enum watch_cause)cause));
    compare(&names, enum_of(defs, "watch_cause"));
    json_t *aer = json_object_get(defs, "aer");
    uint32_t errors = ~UINT32_C(0);
    for (const char *name; (name = aer_next_name(&errors));)
        if (strcmp(name, "reserved") != 0)
            take(&names, name);
    take(&names, "reserved");
    compare(&names, json_object_get(json_object_get(aer, "items"), "enum"));
    json_decref(names.list);
    json_decref(defs);
}

static void names_of_verbs(void)
{
    struct names names = {json_array()}, with_result = {json_array()};
    json_t *defs = definitions(), *keys = json_array(), *result;
    const char *verb;
    for (int i = 0; i <= API_LOG; i++) {
        take(&names, api_verb_row((enum api_verb)i)->name);
        take(&with_result, api_verb_row((enum api_verb)i)->name);
    }
    json_t *request = json_object_get(json_object_get(defs, "request"), "properties");
    compare(&names, json_object_get(json_object_get(request, "verb"), "enum"));
    json_object_foreach(json_object_get(json_object_get(defs, "result_of"), "properties"), verb, result)
    {
        json_array_append_new(keys, json_string(verb));
    }
    compare(&with_result, keys);
    json_decref(keys);
    json_decref(names.list);
    json_decref(with_result.list);
    json_decref(defs);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(names_of_errors),
        TEST(names_of_operations_and_steps),
        TEST(names_of_what_the_watch_sees),
        TEST(names_of_verbs),
        CU_TEST_INFO_NULL,
    };
    return suite_run("the names in the schema of the interface", tests);
}
