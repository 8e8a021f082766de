/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/config_file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTION_MAX  100u
#define SECTIONS_MAX 1024u

/* Where the reader is. inih takes a line apart; which line it is, and that none of it is lost, is seen to
 * here. */
struct parser {
    const char *at, *end;
    unsigned line;
    bool awaits_key; /* of this line: nothing has come of it yet */
    bool any_section,
        is_known; /* a key before the first section has no meaning; one of an unknown section neither */
    char section[SECTION_MAX];
    enum rules_section rules; /* RULES_NONE: a section of settings */
    struct controller_settings *settings;
    struct problems *problems;
    struct seen_section {
        char name[SECTION_MAX];
        unsigned line;
    } * seen;
    size_t seen_count;
};

/* ---- sections ------------------------------------------------------------ */

static void see_section(struct parser *p)
{
    for (size_t i = 0; i < p->seen_count; i++)
        if (strcmp(p->seen[i].name, p->section) == 0) {
            problem_add(p->problems, p->line, "[%s] is there already, in line %u", p->section,
                        p->seen[i].line);
            return;
        }
    if (p->seen_count == SECTIONS_MAX) {
        problem_add(p->problems, p->line, "there are more than %u sections", SECTIONS_MAX);
        return;
    }
    struct seen_section *seen = &p->seen[p->seen_count++];
    memcpy(seen->name, p->section, sizeof seen->name);
    seen->line = p->line;
}

static void begin_section(struct parser *p)
{
    bool is_wrong;
    p->rules = rules_begin_section(&p->settings->rules, p->section, p->line, p->problems, &is_wrong);
    p->is_known = p->rules != RULES_NONE || setting_is_section(p->section);
    if (p->rules == RULES_POLICY || setting_is_section(p->section))
        see_section(p);
    else if (!p->is_known && !is_wrong)
        problem_add(p->problems, p->line, "there is no section [%s]", p->section);
}

/* line begins with '['. */
static void take_section(struct parser *p, const char *line)
{
    const char *close = strchr(line, ']');
    p->any_section = true;
    p->is_known = false;
    if (!close) {
        problem_add(p->problems, p->line, "a section without its ]");
        return;
    }
    const char *rest = close + 1 + strspn(close + 1, " \t\r");
    if (*rest != '\0' && *rest != ';' && *rest != '#') {
        problem_add(p->problems, p->line, "a section and something behind it: %.40s", rest);
        return;
    }
    if ((size_t)(close - line) > sizeof p->section) {
        problem_add(p->problems, p->line, "a section's name has more than %u bytes", SECTION_MAX - 1);
        return;
    }
    (void)snprintf(p->section, sizeof p->section, "%.*s", (int)(close - line - 1), line + 1);
    begin_section(p);
}

/* ---- lines --------------------------------------------------------------- */

static bool is_text(const char *line, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < ' ' && line[i] != '\t' && line[i] != '\r')
            return false;
    return true;
}

static void end_line(struct parser *p)
{
    if (p->awaits_key)
        problem_add(p->problems, p->line, "neither a [section] nor a key = value");
    p->awaits_key = false;
}

/* A line without what inih might take for something else: white space in front, which it takes for more of
 * the value above, and sections, which it cuts off at 50 bytes. NULL: nothing for it in this one. */
static const char *take_line(struct parser *p, const char *start, size_t *len, size_t room)
{
    while (*len > 0 && (*start == ' ' || *start == '\t')) {
        start++;
        (*len)--;
    }
    if (!is_text(start, *len)) {
        problem_add(p->problems, p->line, "a byte that is no text");
        return NULL;
    }
    if (*len >= room) {
        problem_add(p->problems, p->line, "a line of more than %zu bytes", room - 1);
        return NULL;
    }
    if (*len == 0 || *start == ';' || *start == '#' || *start == '\r')
        return NULL;
    return start;
}

/* As fgets() for inih: the next line that it has to look at. */
static char *read_line(char *out, int size, void *context)
{
    struct parser *p = context;
    end_line(p);
    while (p->at < p->end) {
        const char *newline = memchr(p->at, '\n', (size_t)(p->end - p->at)), *start = p->at;
        size_t len = (size_t)((newline ? newline : p->end) - start);
        p->at = newline ? newline + 1 : p->end;
        p->line++;
        const char *line = take_line(p, start, &len, (size_t)size);
        if (!line)
            continue;
        memcpy(out, line, len);
        out[len] = '\0';
        if (*out == '[') {
            take_section(p, out);
            continue;
        }
        p->awaits_key = true;
        return out;
    }
    return NULL;
}

/* ---- keys ---------------------------------------------------------------- */

static void take_key(struct parser *p, const char *name, const char *value)
{
    char error[SETTING_ERROR];
    const struct setting *row = setting_find(p->section, name);
    if (!row) {
        problem_add(p->problems, p->line, "there is no key %.60s in [%s]", name, p->section);
        return;
    }
    const struct setting_value *before = setting_clash(p->settings, row, value);
    if (before && row->clash && strcmp(before->text, value) != 0)
        problem_add(p->problems, p->line, "%s %.60s contradicts line %u, %s %.60s", name, value, before->line,
                    name, before->text);
    else if (before)
        problem_add(p->problems, p->line, "%s is there already, in line %u", name, before->line);
    else if (!setting_set(p->settings, row, value, p->line, error))
        problem_add(p->problems, p->line, "%s%s", name, error);
}

static int on_key(void *context, const char *section, const char *name, const char *value)
{
    struct parser *p = context;
    (void)section;
    p->awaits_key = false;
    if (!p->any_section)
        problem_add(p->problems, p->line, "a key before the first [section]");
    else if (p->is_known && p->rules != RULES_NONE)
        rules_take_key(&p->settings->rules, p->rules, name, value, p->line, p->problems);
    else if (p->is_known)
        take_key(p, name, value);
    return 1;
}

/* ---- a whole file -------------------------------------------------------- */

#ifdef HAVE_INI_MAX_LINE
static void allow_long_lines(void)
{
    ini_use_stack = false;
    ini_initial_alloc = ini_max_line = CONFIG_LINE_MAX + 1;
}
#else
static void allow_long_lines(void) /* this libinih has the one length that it was built with */
{
}
#endif

bool config_parse(const char *text, size_t len, struct controller_settings *settings,
                  struct problems *problems)
{
    static const char bom[] = "\xef\xbb\xbf";
    unsigned before = problems->count;
    struct parser p = {.at = text, .end = text + len, .settings = settings, .problems = problems};
    if (len >= 3 && memcmp(text, bom, 3) == 0)
        p.at += 3;
    p.seen = calloc(SECTIONS_MAX, sizeof *p.seen);
    allow_long_lines();
    int status = p.seen ? ini_parse_stream(read_line, &p, on_key, &p) : -2;
    free(p.seen);
    if (status < 0)
        problem_add(problems, p.line, "out of memory");
    else if (status > 0 && problems->count == before)
        problem_add(problems, p.line, "no INI");
    return problems->count == before;
}

/* Reads all that is there; NULL with what is wrong. */
static char *read_all(int fd, size_t *len, const char **why)
{
    char *text = malloc(CONFIG_FILE_MAX + 1);
    ssize_t n = 0;
    *why = text ? "" : "out of memory";
    for (*len = 0; text && *len <= CONFIG_FILE_MAX; *len += (size_t)n) {
        n = read(fd, text + *len, CONFIG_FILE_MAX + 1 - *len);
        if (n < 0)
            *why = strerror(errno);
        if (n <= 0)
            break;
    }
    if (text && n == 0 && *len <= CONFIG_FILE_MAX)
        return text;
    if (**why == '\0')
        *why = "it has more than a MiB";
    free(text);
    return NULL;
}

static const char *why_not_ours(int fd)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "it is no file";
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return "it belongs to another user, who could change it";
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return "others can write it (chmod go-w)";
    return NULL;
}

bool config_load(const char *path, struct controller_settings *settings, struct problems *problems)
{
    size_t len = 0;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *why = fd < 0 ? strerror(errno) : why_not_ours(fd);
    problems->file = path;
    if (!why)
        text = read_all(fd, &len, &why);
    if (fd >= 0)
        close(fd);
    if (!text) {
        problem_add(problems, 0, "%.900s: %s", path, why);
        return false;
    }
    bool ok = config_parse(text, len, settings, problems);
    free(text);
    return ok;
}
