/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/platform.h"
#include <stdio.h>
bool platform_load(struct platform *p, const char *path, char *error, size_t size)
{
    (void)p;
    snprintf(error, size, "%s: not yet", path);
    return false;
}
