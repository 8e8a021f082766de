/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Assertions on errors that say what came instead. */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H

#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "spdm/error.h"

#define CHECK_ERR(got, want)                                                                                 \
    do {                                                                                                     \
        enum ide_err check_got = (got), check_want = (want);                                                 \
        if (check_got != check_want)                                                                         \
            fprintf(stderr, "%s:%d: %s, expected %s\n", __FILE__, __LINE__, ide_err_name(check_got),         \
                    ide_err_name(check_want));                                                               \
        CU_ASSERT_EQUAL(check_got, check_want);                                                              \
    } while (0)

#define CHECK_OK(got) CHECK_ERR(got, IDE_OK)

static inline bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* The whole of a fault: code, step and field. */
#define CHECK_FAULT(fault, code, wanted_step, wanted_field)                                                  \
    do {                                                                                                     \
        const struct ide_fault *check_fault = (fault);                                                       \
        char check_text[200];                                                                                \
        bool check_same = check_fault->err == (code) && same_text(check_fault->step, wanted_step) &&         \
                          same_text(check_fault->field, wanted_field);                                       \
        if (!check_same)                                                                                     \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,                                               \
                    ide_fault_text(check_fault, check_text, sizeof check_text));                             \
        CU_ASSERT_TRUE(check_same);                                                                          \
    } while (0)

#endif
