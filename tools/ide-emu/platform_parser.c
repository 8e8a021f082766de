/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/platform_parser.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool parse_wrong(struct parser *p, const char *key, const char *format, ...)
{
    char what[PARSER_PATH_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    const char *dot = *p->path && *key ? "." : "";
    const char *colon = *p->path || *key ? ": " : "";
    snprintf(p->error, p->size, "%s: %s%s%s%s%s", p->name, p->path, dot, key, colon, what);
    return false;
}

size_t parse_enter(struct parser *p, const char *key, int index)
{
    size_t was = strlen(p->path);
    const char *dot = was ? "." : "";
    if (index < 0)
        snprintf(p->path + was, sizeof p->path - was, "%s%s", dot, key);
    else
        snprintf(p->path + was, sizeof p->path - was, "%s%s[%d]", dot, key, index);
    return was;
}

void parse_leave(struct parser *p, size_t was)
{
    p->path[was] = '\0';
}

bool parse_only_keys(struct parser *p, const json_t *object, const char *const *keys)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return parse_wrong(p, "", "is no object");
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *const *k = keys;
        while (*k && strcmp(*k, key) != 0)
            k++;
        if (!*k)
            return parse_wrong(p, key, "there is no such key");
    }
    return true;
}

static bool number_of(const json_t *value, uint64_t *number)
{
    const char *text = json_string_value(value);
    char *end;
    if (json_is_integer(value)) {
        *number = (uint64_t)json_integer_value(value);
        return json_integer_value(value) >= 0;
    }
    if (!text || strncmp(text, "0x", 2) != 0)
        return false;
    errno = 0;
    *number = strtoull(text + 2, &end, 16);
    return errno == 0 && end > text + 2 && *end == '\0' && text[2] != '-' && text[2] != '+';
}

bool parse_number(struct parser *p, const json_t *object, const char *key, uint64_t max, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    uint64_t number;
    if (!value)
        return true;
    if (!number_of(value, &number))
        return parse_wrong(p, key, "is neither a number nor a string like \"0x1b36\"");
    if (number > max)
        return parse_wrong(p, key, "%" PRIu64 " is not 0 to %" PRIu64, number, max);
    *out = number;
    return true;
}

/* The same for the sizes of integer that a platform has. */
#define PARSE(suffix, type)                                                                                  \
    bool parse_##suffix(struct parser *p, const json_t *object, const char *key, uint64_t max, type *out)    \
    {                                                                                                        \
        uint64_t number = *out;                                                                              \
        bool ok = parse_number(p, object, key, max, &number);                                                \
        *out = (type)number;                                                                                 \
        return ok;                                                                                           \
    }
PARSE(u8, uint8_t)
PARSE(u16, uint16_t)
PARSE(u32, uint32_t)
PARSE(unsigned, unsigned)

bool parse_bool(struct parser *p, const json_t *object, const char *key, bool *out)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_boolean(value))
        return parse_wrong(p, key, "is neither true nor false");
    if (value)
        *out = json_is_true(value);
    return true;
}

bool parse_choice(struct parser *p, const json_t *object, const char *key, const char *const *texts,
                  size_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        return true;
    for (size_t i = 0; texts[i]; i++)
        if (json_is_string(value) && strcmp(json_string_value(value), texts[i]) == 0) {
            *out = i;
            return true;
        }
    char list[PARSER_PATH_MAX] = "";
    for (size_t i = 0, at = 0; texts[i] && at < sizeof list; i++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s\"%s\"", i ? ", " : "", texts[i]);
    return parse_wrong(p, key, "is none of %s", list);
}

bool parse_string(struct parser *p, const json_t *object, const char *key, const char **out)
{
    const json_t *value = json_object_get(object, key);
    if (value && !json_is_string(value))
        return parse_wrong(p, key, "is no string");
    if (value)
        *out = json_string_value(value);
    return true;
}
