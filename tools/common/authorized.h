/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of CURVE keys that ide-kmd lets in over tcp. One key a line:
 *
 *     admin KEY [NAME]
 *     view KEY [NAME]
 *
 * with one space between. Empty lines and lines that begin with # mean nothing. A name has 1 to 32 letters,
 * digits, and the characters . _ - @
 */
#ifndef TOOLS_COMMON_AUTHORIZED_H
#define TOOLS_COMMON_AUTHORIZED_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/common/curve.h"

#define AUTHORIZED_DEFAULT  "/etc/ide-kmd/authorized"
#define AUTHORIZED_NAME_MAX 33    /* bytes, with the NUL */
#define AUTHORIZED_KEYS_MAX 1024u /* on one list */
#define AUTHORIZED_FILE_MAX 262144u

struct authorized_key {
    char key[CURVE_KEY_SIZE];
    char name[AUTHORIZED_NAME_MAX]; /* may be empty */
    bool admin;                     /* else it may only look */
};

struct authorized_list {
    struct authorized_key *key; /* owned */
    size_t count;
};

bool authorized_name_is_one(const char *text, size_t len);

/* One line without its newline. NULL, with entry->key empty if the line means nothing; or what is wrong with
 * it. */
const char *authorized_parse_line(const char *line, size_t len, struct authorized_key *entry);

/*
 * All of it. A line that is none of those above, and a key that is there twice, is an error: false, *line is
 * its number (0: the file as a whole), *wrong says what it is about, and the list is empty. Release in any
 * case.
 */
bool authorized_parse(const char *text, size_t len, struct authorized_list *list, unsigned *line,
                      const char **wrong);

/* Reads and parses the file, which nobody but its owner may be able to write. One that is not there is an
 * empty list. On failure error is one line that names the file, and the list is empty. */
bool authorized_read(const char *path, struct authorized_list *list, char error[static CURVE_ERROR_MAX]);

void authorized_release(struct authorized_list *list);

/* NULL: it is not there. */
const struct authorized_key *authorized_find(const struct authorized_list *list, const char *key);

#endif
