/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/common/authorized.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '@';
}

bool authorized_name_is_one(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!is_name_character(text[i]))
            return false;
    return len > 0 && len < AUTHORIZED_NAME_MAX;
}

/* ---- one line ------------------------------------------------------------ */

/* Passes over the word and the space behind it. */
static bool take_word(const char **at, size_t *len, const char *word)
{
    size_t n = strlen(word);
    if (*len <= n || memcmp(*at, word, n) != 0 || (*at)[n] != ' ')
        return false;
    *at += n + 1;
    *len -= n + 1;
    return true;
}

const char *authorized_parse_line(const char *line, size_t len, struct authorized_key *entry)
{
    static const size_t key = CURVE_KEY_SIZE - 1;
    *entry = (struct authorized_key){0};
    if (len == 0 || *line == '#')
        return NULL;
    entry->admin = take_word(&line, &len, "admin");
    if (!entry->admin && !take_word(&line, &len, "view"))
        return "it begins with neither `admin` nor `view`";
    if (len < key || !curve_key_is_one(line, key) || (len > key && line[key] != ' '))
        return "there is no CURVE key, which has 40 characters of Z85, behind the first word";
    if (len > key && !authorized_name_is_one(line + key + 1, len - key - 1))
        return "the name has other characters than letters, digits, . _ - and @, or is longer than 32";
    memcpy(entry->key, line, key);
    if (len > key)
        memcpy(entry->name, line + key + 1, len - key - 1);
    return NULL;
}

/* ---- the list ------------------------------------------------------------ */

const struct authorized_key *authorized_find(const struct authorized_list *list, const char *key)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->key[i].key, key) == 0)
            return &list->key[i];
    return NULL;
}

void authorized_release(struct authorized_list *list)
{
    free(list->key);
    *list = (struct authorized_list){0};
}

static const char *add(struct authorized_list *list, const struct authorized_key *entry)
{
    if (authorized_find(list, entry->key))
        return "this key is on the list already";
    if (list->count == AUTHORIZED_KEYS_MAX)
        return "there are more than 1024 keys";
    if (!list->key)
        list->key = calloc(AUTHORIZED_KEYS_MAX, sizeof *list->key);
    if (!list->key)
        return "out of memory";
    list->key[list->count++] = *entry;
    return NULL;
}

bool authorized_parse(const char *text, size_t len, struct authorized_list *list, unsigned *line,
                      const char **wrong)
{
    const char *at = text, *end = text + len;
    *list = (struct authorized_list){0};
    *wrong = NULL;
    *line = 0;
    while (at < end && !*wrong) {
        struct authorized_key entry;
        const char *next = memchr(at, '\n', (size_t)(end - at));
        ++*line;
        *wrong = authorized_parse_line(at, (size_t)((next ? next : end) - at), &entry);
        if (!*wrong && *entry.key)
            *wrong = add(list, &entry);
        at = next ? next + 1 : end;
    }
    if (*wrong)
        authorized_release(list);
    return !*wrong;
}

/* ---- its file ------------------------------------------------------------ */

static bool fail(char *error, const char *path, const char *what)
{
    snprintf(error, CURVE_ERROR_MAX, "%.150s: %s", path, what);
    return false;
}

/* Whoever can write it decides who is let in. */
static bool is_safe(const struct stat *st, const char *path, char *error)
{
    if (!S_ISREG(st->st_mode))
        return fail(error, path, "it is no regular file");
    if (st->st_mode & 022)
        return fail(error, path, "others may write it; it has to be its owner's alone (chmod 600)");
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return fail(error, path, "it belongs to somebody else");
    if (st->st_size > (off_t)AUTHORIZED_FILE_MAX)
        return fail(error, path, "it is longer than 256 KiB");
    return true;
}

static bool parse_file(int fd, size_t size, const char *path, struct authorized_list *list, char *error)
{
    const char *wrong = NULL;
    unsigned line = 0;
    char *text = malloc(size + 1);
    ssize_t len = text ? read(fd, text, size + 1) : -1;
    bool good = len >= 0 && (size_t)len <= size && authorized_parse(text, (size_t)len, list, &line, &wrong);
    if (!good && line > 0)
        snprintf(error, CURVE_ERROR_MAX, "%.150s:%u: %s", path, line, wrong);
    else if (!good)
        fail(error, path, len < 0 ? "it cannot be read" : "it was changed while it was read");
    free(text);
    return good;
}

bool authorized_read(const char *path, struct authorized_list *list, char error[static CURVE_ERROR_MAX])
{
    struct stat st;
    *list = (struct authorized_list){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT || fail(error, path, strerror(errno));
    bool good = fstat(fd, &st) == 0 ? is_safe(&st, path, error) : fail(error, path, strerror(errno));
    if (good)
        good = parse_file(fd, (size_t)st.st_size, path, list, error);
    close(fd);
    return good;
}
