/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vector_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The hexadecimal digits at text, up to the first character that is none. */
static void read_hex(struct vector_line *line, const char *text)
{
    size_t digits = strspn(text, "0123456789abcdef");
    line->len = digits / 2;
    line->data = malloc(line->len + 1);
    for (size_t i = 0; i < line->len; i++)
        line->data[i] = (uint8_t)(hex_digit(text[2 * i]) << 4 | hex_digit(text[2 * i + 1]));
}

static bool read_line(struct vector_line *line, const char *text)
{
    static const struct {
        const char *prefix;
        enum vector_kind kind;
        bool response, in_session;
    } kinds[] = {
        {"root ", VECTOR_ROOT, false, false},     {"wire> ", VECTOR_WIRE, false, false},
        {"wire< ", VECTOR_WIRE, true, false},     {"spdm> ", VECTOR_MESSAGE, false, false},
        {"spdm< ", VECTOR_MESSAGE, true, false},  {"sec> ", VECTOR_MESSAGE, false, true},
        {"sec< ", VECTOR_MESSAGE, true, true},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t n = strlen(kinds[i].prefix);
        if (strncmp(text, kinds[i].prefix, n) != 0)
            continue;
        line->kind = kinds[i].kind;
        line->response = kinds[i].response;
        line->in_session = kinds[i].in_session;
        read_hex(line, text + n);
        return true;
    }
    int at = 0;
    if (sscanf(text, "secret %47s %n", line->name, &at) != 1 || at == 0)
        return false;
    line->kind = VECTOR_SECRET;
    read_hex(line, text + at);
    return true;
}

bool vector_file_read(struct vector_file *f, const char *path)
{
    *f = (struct vector_file){0};
    FILE *in = fopen(path, "r");
    if (!in) {
        perror(path);
        return false;
    }
    char *text = NULL;
    size_t cap = 0, number = 0;
    bool good = true;
    while (good && getline(&text, &cap, in) > 0) {
        number++;
        if (text[0] == '#' || text[0] == '\n')
            continue;
        f->lines = realloc(f->lines, (f->count + 1) * sizeof f->lines[0]);
        f->lines[f->count] = (struct vector_line){.number = number};
        good = read_line(&f->lines[f->count++], text);
    }
    if (!good)
        fprintf(stderr, "%s:%zu: not a line of a recorded session\n", path, number);
    free(text);
    fclose(in);
    return good;
}

void vector_file_free(struct vector_file *f)
{
    for (size_t i = 0; i < f->count; i++)
        free(f->lines[i].data);
    free(f->lines);
}
