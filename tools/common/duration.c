/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/common/duration.h"

#include <stdlib.h>
#include <string.h>

#define LONGEST_MS 3600000.0

bool duration_parse(const char *text, uint32_t *ms)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text + strspn(text, "0123456789.")) /* strtod takes "0x10" and "1e3" too */
        return false;
    if (strcmp(end, "ms") != 0) {
        value *= 1000;
        if (*end != '\0' && strcmp(end, "s") != 0)
            return false;
    }
    if (!(value >= 1) || value > LONGEST_MS)
        return false;
    *ms = (uint32_t)value;
    return true;
}
