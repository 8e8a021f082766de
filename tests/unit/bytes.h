/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Byte strings in tests: from hexadecimal text, compared, looked at for being wiped. */
#ifndef TESTS_BYTES_H
#define TESTS_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BYTES_MAX 200

struct bytes {
    uint8_t data[BYTES_MAX];
    size_t len;
};

struct bytes unhex(const char *text);
/* Asserts that got begins with the bytes of want. */
void check_bytes(const uint8_t *got, const char *want);
bool is_zero(const void *data, size_t n);

#endif
