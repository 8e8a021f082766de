/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded reading and writing of messages. Every bounds check of the codec is
 * here; message code never adds to a pointer.
 *
 * Both cursors fail sticky: after the first failure reads give 0 and NULL,
 * writes do nothing, and the failure is looked at once, at the end. Each read
 * names its field as the specification does, so that the error can.
 * SPDM, DOE and IDE_KM are little-endian; big-endian is there for DER and keys.
 */
#ifndef SPDM_CURSOR_H
#define SPDM_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/error.h"

struct reader {
    const uint8_t *data;   /* borrowed, must outlive the reader */
    size_t len, pos;       /* pos <= len always */
    enum ide_err err;      /* the first failure, else IDE_OK */
    const char *field;     /* its field */
    bool has_values;       /* got and want say what was wrong with it */
    uint64_t got, want;
};

struct reader reader_of(const void *data, size_t len);

uint8_t read_u8(struct reader *r, const char *field);
uint16_t read_u16(struct reader *r, const char *field);
uint32_t read_u24(struct reader *r, const char *field);
uint32_t read_u32(struct reader *r, const char *field);
uint64_t read_u64(struct reader *r, const char *field);
uint16_t read_u16be(struct reader *r, const char *field);

/* The next n bytes, borrowed from the reader's data, or NULL. n may be hostile. n 0 gives a valid pointer. */
const uint8_t *read_bytes(struct reader *r, size_t n, const char *field);

/* Copies the next n bytes to out; on failure out is cleared. */
void read_copy(struct reader *r, void *out, size_t n, const char *field);

/* A reader over the next n bytes, which it takes from r. On failure r fails and the result is failed too. */
struct reader read_sub(struct reader *r, size_t n, const char *field);

size_t read_left(const struct reader *r);

/* Fails the reader at a field with a code of the caller's choice; the first failure stays. */
void read_fail(struct reader *r, enum ide_err err, const char *field);
void read_fail_value(struct reader *r, enum ide_err err, const char *field, uint64_t got, uint64_t want);

/* Fails with IDE_E_FIELD unless got equals want. */
void read_expect(struct reader *r, uint64_t got, uint64_t want, const char *field);

/* Fails with IDE_E_LONG if anything is left. */
void read_end(struct reader *r);

/* Moves the reader's failure, if any, into fault under the step's name; returns its code. */
enum ide_err read_done(const struct reader *r, struct ide_fault *fault, const char *step);

struct writer {
    uint8_t *data;
    size_t cap, pos;       /* pos <= cap always */
    size_t wanted;         /* how much was written or would have been */
    bool overflow;
};

struct writer writer_of(void *data, size_t cap);

void write_u8(struct writer *w, uint8_t value);
void write_u16(struct writer *w, uint16_t value);
void write_u24(struct writer *w, uint32_t value);
void write_u32(struct writer *w, uint32_t value);
void write_u64(struct writer *w, uint64_t value);
void write_bytes(struct writer *w, const void *data, size_t n);
void write_zero(struct writer *w, size_t n);

/* Takes n bytes to be filled by the caller; NULL if they do not fit. */
uint8_t *write_space(struct writer *w, size_t n);

/* Reserves a 16-bit length; fill it once what it counts has been written. */
size_t write_reserve_u16(struct writer *w);
void write_fill_u16(struct writer *w, size_t at, uint16_t value);

/* IDE_OK, or IDE_E_SPACE if anything did not fit. */
enum ide_err write_done(const struct writer *w) MUST_USE;

/* memory: wiping that the compiler keeps, and comparison in constant time */
void wipe(void *data, size_t n);
bool equal_secret(const void *a, const void *b, size_t n);

#endif
