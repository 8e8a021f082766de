/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recorded session of tests/vectors: text lines in the order they happened.
 *   root HEX               root certificate, DER
 *   wire> HEX, wire< HEX   each DOE data object, request and response
 *   spdm> spdm<            plaintext messages outside a session
 *   sec> sec<              messages inside one
 *   secret NAME HEX        what the requester derived at that point
 */
#ifndef TESTS_VECTOR_FILE_H
#define TESTS_VECTOR_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum vector_kind { VECTOR_ROOT, VECTOR_WIRE, VECTOR_MESSAGE, VECTOR_SECRET };

struct vector_line {
    enum vector_kind kind;
    bool response;        /* wire and message: '<' */
    bool in_session;      /* message: sec */
    char name[48];        /* secret */
    size_t number;        /* in the file, from 1 */
    uint8_t *data;
    size_t len;
};

struct vector_file {
    struct vector_line *lines;
    size_t count;
};

/* Reads the file, or prints why not and gives false. */
bool vector_file_read(struct vector_file *f, const char *path);
void vector_file_free(struct vector_file *f);

#endif
