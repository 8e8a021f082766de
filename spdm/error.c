/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/error.h"

#include "spdm/message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *ide_err_name(enum ide_err err)
{
    switch (err) {
#define IDE_ERROR_NAME(constant, name, text)                                                                 \
    case constant:                                                                                           \
        return name;
        IDE_ERRORS(IDE_ERROR_NAME)
#undef IDE_ERROR_NAME
    }
    return "unknown";
}

const char *ide_err_text(enum ide_err err)
{
    switch (err) {
#define IDE_ERROR_TEXT(constant, name, text)                                                                 \
    case constant:                                                                                           \
        return text;
        IDE_ERRORS(IDE_ERROR_TEXT)
#undef IDE_ERROR_TEXT
    }
    return "unknown error";
}

enum ide_err ide_fail(struct ide_fault *fault, enum ide_err err, const char *step, const char *field)
{
    *fault = (struct ide_fault){.err = err, .step = step, .field = field};
    return err;
}

enum ide_err ide_fail_value(struct ide_fault *fault, enum ide_err err, const char *step, const char *field,
                            uint64_t got, uint64_t want)
{
    *fault = (struct ide_fault){
        .err = err, .step = step, .field = field, .has_values = true, .got = got, .want = want};
    return err;
}

/* Appends to text, of which *used bytes are in use; a full buffer keeps its end. */
__attribute__((format(printf, 4, 5))) static void append(char *text, size_t size, size_t *used,
                                                         const char *format, ...)
{
    if (*used >= size)
        return;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text + *used, size - *used, format, args);
    va_end(args);
    if (n > 0)
        *used += (size_t)n;
}

char *ide_fault_text(const struct ide_fault *fault, char *text, size_t size)
{
    size_t used = 0;
    if (size > 0)
        text[0] = '\0';
    if (fault->step)
        append(text, size, &used, "%s: ", fault->step);
    if (fault->measurement)
        append(text, size, &used, "measurement %u: ", fault->measurement);
    if (fault->field)
        append(text, size, &used, "%s: ", fault->field);
    append(text, size, &used, "%s", ide_err_text(fault->err));
    if (fault->has_values)
        append(text, size, &used, " (0x%" PRIx64 ", expected 0x%" PRIx64 ")", fault->got, fault->want);
    if (fault->peer_code)
        append(text, size, &used, " (code 0x%02x, %s, data 0x%02x)", fault->peer_code,
               spdm_error_name(fault->peer_code), fault->peer_data);
    return text;
}
