/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Durations as people write them on a command line. */
#ifndef TOOLS_COMMON_DURATION_H
#define TOOLS_COMMON_DURATION_H

#include <stdbool.h>
#include <stdint.h>

/* "5", "0.25", "5s", "250ms" into milliseconds, 1 ms to an hour. False for anything else. */
bool duration_parse(const char *text, uint32_t *ms);

/* The same up to 10 years, and with "min", "h" and "d" too: "90", "15min", "0.5h", "7d". */
bool duration_parse_long(const char *text, uint64_t *ms);

#endif
