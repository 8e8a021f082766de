/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/problems.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_MAX ((size_t)2 * PROBLEM_MAX)

static void make_text(const struct problems *problems, unsigned line, const char *format, va_list arguments,
                      char text[TEXT_MAX])
{
    char what[PROBLEM_MAX];
    (void)vsnprintf(what, sizeof what, format, arguments);
    if (line && problems->file)
        (void)snprintf(text, TEXT_MAX, "%.900s:%u: %s", problems->file, line, what);
    else
        (void)snprintf(text, TEXT_MAX, "%s", what);
}

void problem_add(struct problems *problems, unsigned line, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    make_text(problems, line, format, arguments, text);
    va_end(arguments);
    problems->count++;
    problems->say(problems->context, text);
}

void problem_warn(struct problems *problems, unsigned line, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list arguments;
    va_start(arguments, format);
    make_text(problems, line, format, arguments, text);
    va_end(arguments);
    problems->warn(problems->context, text);
}
