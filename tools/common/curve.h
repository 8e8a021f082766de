/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CURVE keys as they stand in files: 40 characters of Z85 (ZeroMQ RFC 32), and the file of a key pair. */
#ifndef TOOLS_COMMON_CURVE_H
#define TOOLS_COMMON_CURVE_H

#include <stdbool.h>
#include <stddef.h>

#define CURVE_KEY_SIZE  41  /* with its NUL */
#define CURVE_ERROR_MAX 256 /* bytes of an error's text */

struct curve_keys {
    char public_key[CURVE_KEY_SIZE], secret_key[CURVE_KEY_SIZE];
};

/* Whether the len bytes are one key: 32 bytes in Z85. */
bool curve_key_is_one(const char *text, size_t len);

/*
 * The text of a key file: lines `public KEY` and `secret KEY`, each once; empty lines and lines that begin
 * with # mean nothing. All else is an error: false, *line is its number (0: the file as a whole), and *wrong
 * says what it is about.
 */
bool curve_keys_parse(const char *text, size_t len, struct curve_keys *keys, unsigned *line,
                      const char **wrong);

/*
 * Reads and parses such a file, which must be a regular one that nobody but its owner can read. On failure
 * error is one line that names the file. Whoever calls it wipes keys.
 */
bool curve_keys_read(struct curve_keys *keys, const char *path, char error[static CURVE_ERROR_MAX]);

/* Writes a new one, mode 0600. A file that is there is left as it is: that is an error. */
bool curve_keys_write(const struct curve_keys *keys, const char *path, char error[static CURVE_ERROR_MAX]);

#endif
