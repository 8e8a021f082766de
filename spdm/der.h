/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * DER (X.690 §10) on the bounded cursor: as much of it as certificates need.
 * Lengths are definite and as short as they can be; anything else fails the
 * reader with IDE_E_CHAIN at the field that the caller names.
 */
#ifndef SPDM_DER_H
#define SPDM_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/cursor.h"

#define DER_BOOLEAN                0x01
#define DER_INTEGER                0x02
#define DER_BIT_STRING             0x03
#define DER_OCTET_STRING           0x04
#define DER_NULL                   0x05
#define DER_OID                    0x06
#define DER_UTF8_STRING            0x0c
#define DER_UTC_TIME               0x17
#define DER_GENERALIZED_TIME       0x18
#define DER_SEQUENCE               0x30
#define DER_CONTEXT(n)             (0x80 | (n))
#define DER_CONTEXT_CONSTRUCTED(n) (0xa0 | (n))

/* A part of somebody else's bytes. */
struct span {
    const uint8_t *data;
    size_t len;
};

bool span_equal(struct span a, struct span b);

/* Whether the next element has the tag. Takes nothing. */
bool der_is_next(const struct reader *r, uint8_t tag);

/* The next element's tag and content, whatever it is. */
struct reader der_any(struct reader *r, uint8_t *tag, const char *field);

/* The content of the next element, which must have the tag. */
struct reader der_enter(struct reader *r, uint8_t tag, const char *field);

/* Ends what der_enter() began: nothing may be left in inner, and what failed in it fails outer. */
void der_leave(struct reader *outer, struct reader *inner, const char *field);

/* The next element as a whole, tag and length included; its tag must be the given one. */
struct span der_whole(struct reader *r, uint8_t tag, const char *field);
/* Its content alone. */
struct span der_content(struct reader *r, uint8_t tag, const char *field);

/* A BIT STRING of whole bytes. */
struct span der_bits(struct reader *r, const char *field);
/* A BOOLEAN, if one is next; otherwise the default, false. */
bool der_optional_true(struct reader *r, const char *field);
/* An INTEGER from 0 to 2^31 - 1. */
uint32_t der_small(struct reader *r, const char *field);
/* A UTCTime or GeneralizedTime as RFC 5280 §4.1.2.5 has it, in unix seconds. */
int64_t der_time(struct reader *r, const char *field);

#endif
