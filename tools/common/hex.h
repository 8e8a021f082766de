/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as people write them. */
#ifndef TOOLS_COMMON_HEX_H
#define TOOLS_COMMON_HEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Hexadecimal digits in either case, two for each of 1 to cap bytes; false for any other text. */
bool hex_parse(const char *text, uint8_t *out, size_t cap, size_t *len);

#endif
