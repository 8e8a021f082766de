/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What main() of a test program is made of: a table of its tests, run as one suite.
 *
 *     CU_TestInfo tests[] = {TEST(first), TEST(second), CU_TEST_INFO_NULL};
 *     return suite_run("what is tested", tests);
 */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <CUnit/Basic.h>

/* A row of the table: the test's name is the function's. */
#define TEST(function)                                                                                       \
    {                                                                                                        \
        .pName = #function, .pTestFunc = (function)                                                          \
    }

/* Runs set_up (0 is success; NULL for none), the tests, tear_down. 0 only if something was run and nothing failed. */
static inline int suite_run_with(const char *name, CU_InitializeFunc set_up, CU_CleanupFunc tear_down, CU_TestInfo *tests)
{
    CU_SuiteInfo suites[] = {
        {.pName = name, .pInitFunc = set_up, .pCleanupFunc = tear_down, .pTests = tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_ErrorCode ran = CU_basic_run_tests();
    int failed = ran != CUE_SUCCESS || CU_get_number_of_failures() != 0 || CU_get_number_of_suites_failed() != 0 ||
                 CU_get_number_of_tests_run() == 0;
    CU_cleanup_registry();
    return failed;
}

static inline int suite_run(const char *name, CU_TestInfo *tests)
{
    return suite_run_with(name, NULL, NULL, tests);
}

#endif
