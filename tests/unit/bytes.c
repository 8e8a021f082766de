/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bytes.h"

#include <stdio.h>
#include <string.h>

#include <CUnit/CUnit.h>

struct bytes unhex(const char *text)
{
    struct bytes b = {.len = 0};
    for (unsigned byte; b.len < sizeof(b.data) && sscanf(text, "%2x", &byte) == 1; text += 2)
        b.data[b.len++] = (uint8_t)byte;
    return b;
}

void check_bytes(const uint8_t *got, const char *want)
{
    struct bytes b = unhex(want);
    CU_ASSERT_EQUAL(memcmp(got, b.data, b.len), 0);
}

bool is_zero(const void *data, size_t n)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}
