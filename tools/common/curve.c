/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/common/curve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX 4096 /* bytes */

static const char digits[] =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/* Five characters are four bytes: some would be more than fits. */
static bool is_group(const char *text)
{
    uint64_t value = 0;
    for (size_t i = 0; i < 5; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        value = value * 85 + (uint64_t)(digit - digits);
    }
    return value <= UINT32_MAX;
}

bool curve_key_is_one(const char *text, size_t len)
{
    if (len != CURVE_KEY_SIZE - 1)
        return false;
    for (size_t i = 0; i < len; i += 5)
        if (!is_group(text + i))
            return false;
    return true;
}

/* ---- a key file ---------------------------------------------------------- */

/* `NAME KEY`, one space between them. NULL, or what is wrong. */
static const char *parse_line(const char *line, size_t len, struct curve_keys *keys)
{
    static const size_t word = sizeof "public " - 1;
    if (len < word || (memcmp(line, "public ", word) != 0 && memcmp(line, "secret ", word) != 0))
        return "it is neither `public KEY` nor `secret KEY`";
    if (!curve_key_is_one(line + word, len - word))
        return "that is no CURVE key, which has 40 characters of Z85";
    char *key = line[0] == 'p' ? keys->public_key : keys->secret_key;
    if (*key)
        return "there are two keys of this kind";
    memcpy(key, line + word, len - word);
    key[len - word] = '\0';
    return NULL;
}

bool curve_keys_parse(const char *text, size_t len, struct curve_keys *keys, unsigned *line,
                      const char **wrong)
{
    const char *at = text, *end = text + len;
    *keys = (struct curve_keys){0};
    *wrong = NULL;
    *line = 0;
    while (at < end && !*wrong) {
        const char *next = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((next ? next : end) - at);
        ++*line;
        if (length > 0 && *at != '#')
            *wrong = parse_line(at, length, keys);
        at = next ? next + 1 : end;
    }
    if (*wrong)
        return false;
    *line = 0;
    if (!*keys->public_key || !*keys->secret_key)
        *wrong = *keys->public_key ? "the line `secret KEY` is missing" : "the line `public KEY` is missing";
    return !*wrong;
}

static bool fail(char *error, const char *path, const char *what)
{
    snprintf(error, CURVE_ERROR_MAX, "%.150s: %s", path, what);
    return false;
}

/* A secret that others can read is none. */
static bool is_private(int fd, const char *path, char *error)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fail(error, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(error, path, "it is no regular file");
    if (st.st_mode & 077)
        return fail(error, path, "others may read or write it; it has to be its owner's alone (chmod 600)");
    return true;
}

static bool parse_file(int fd, struct curve_keys *keys, const char *path, char *error)
{
    char text[FILE_MAX + 1];
    const char *wrong;
    unsigned line;
    ssize_t len = read(fd, text, sizeof text);
    bool good = false;
    if (len < 0)
        fail(error, path, strerror(errno));
    else if (len > FILE_MAX)
        fail(error, path, "it is too long for a key file");
    else if (!(good = curve_keys_parse(text, (size_t)len, keys, &line, &wrong)) && line > 0)
        snprintf(error, CURVE_ERROR_MAX, "%.150s:%u: %s", path, line, wrong);
    else if (!good)
        fail(error, path, wrong);
    explicit_bzero(text, sizeof text);
    return good;
}

bool curve_keys_read(struct curve_keys *keys, const char *path, char error[static CURVE_ERROR_MAX])
{
    *keys = (struct curve_keys){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return fail(error, path, strerror(errno));
    bool good = is_private(fd, path, error) && parse_file(fd, keys, path, error);
    close(fd);
    return good;
}

bool curve_keys_write(const struct curve_keys *keys, const char *path, char error[static CURVE_ERROR_MAX])
{
    char text[256];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(error, path, strerror(errno));
    int len =
        snprintf(text, sizeof text,
                 "# A CURVE key pair of ide-km. The secret key is to stay here.\npublic %s\nsecret %s\n",
                 keys->public_key, keys->secret_key);
    bool good = write(fd, text, (size_t)len) == len && fsync(fd) == 0;
    explicit_bzero(text, sizeof text);
    if (!good)
        fail(error, path, strerror(errno));
    close(fd);
    if (!good)
        unlink(path);
    return good;
}
