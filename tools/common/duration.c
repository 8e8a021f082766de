/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/common/duration.h"

#include <stdlib.h>
#include <string.h>

#define HOUR_MS  3600000.0
#define YEARS_MS (3653 * 24 * HOUR_MS)

struct unit {
    const char *name;
    double ms;
};

static const struct unit short_units[] = {{"", 1000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit long_units[] = {{"", 1000},     {"s", 1000},         {"ms", 1}, {"min", 60000},
                                         {"h", HOUR_MS}, {"d", 24 * HOUR_MS}, {NULL, 0}};

/* In ms, 1 to most; 0 for anything else. */
static double parse(const char *text, const struct unit *units, double most)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || end != text + strspn(text, "0123456789.")) /* strtod takes "0x10" and "1e3" too */
        return 0;
    while (units->name && strcmp(units->name, end) != 0)
        units++;
    value *= units->ms;
    return value >= 1 && value <= most ? value : 0;
}

bool duration_parse(const char *text, uint32_t *ms)
{
    double value = parse(text, short_units, HOUR_MS);
    if (value > 0)
        *ms = (uint32_t)value;
    return value > 0;
}

bool duration_parse_long(const char *text, uint64_t *ms)
{
    double value = parse(text, long_units, YEARS_MS);
    if (value > 0)
        *ms = (uint64_t)value;
    return value > 0;
}
