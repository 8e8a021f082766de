/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/problems.h"

#include <stdarg.h>
#include <stdio.h>

void problem_add(struct problems *problems, unsigned line, const char *format, ...)
{
    char what[PROBLEM_MAX], text[2 * PROBLEM_MAX];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (line && problems->file)
        (void)snprintf(text, sizeof text, "%.900s:%u: %s", problems->file, line, what);
    else
        (void)snprintf(text, sizeof text, "%s", what);
    problems->count++;
    problems->say(problems->context, text);
}
