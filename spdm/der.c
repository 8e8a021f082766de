/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/der.h"

#include <string.h>

#define SECONDS_PER_DAY  86400
#define DAYS_BEFORE_1970 719162 /* since 0001-01-01 */
#define LENGTH_BYTES_MAX 3      /* 16 MiB: no certificate is longer */

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

bool der_is_next(const struct reader *r, uint8_t tag)
{
    struct reader ahead = *r;
    return read_left(r) > 0 && read_u8(&ahead, NULL) == tag;
}

/* X.690 §8.1.3 and §10.1 */
static size_t read_length(struct reader *r, const char *field)
{
    uint8_t first = read_u8(r, field);
    if (first < 0x80)
        return first;
    size_t bytes = first & 0x7f, length = 0;
    if (bytes == 0 || bytes > LENGTH_BYTES_MAX) {
        read_fail(r, IDE_E_CHAIN, field);
        return 0;
    }
    for (size_t i = 0; i < bytes; i++)
        length = length << 8 | read_u8(r, field);
    if (length < 0x80 || length >> (8 * (bytes - 1)) == 0)
        read_fail(r, IDE_E_CHAIN, field);
    return length;
}

struct reader der_any(struct reader *r, uint8_t *tag, const char *field)
{
    *tag = read_u8(r, field);
    if ((*tag & 0x1f) == 0x1f) /* a tag of several bytes: certificates have none */
        read_fail(r, IDE_E_CHAIN, field);
    return read_sub(r, read_length(r, field), field);
}

struct reader der_enter(struct reader *r, uint8_t tag, const char *field)
{
    if (r->err == IDE_OK && read_left(r) > 0 && !der_is_next(r, tag))
        read_fail(r, IDE_E_CHAIN, field);
    uint8_t got;
    return der_any(r, &got, field);
}

void der_leave(struct reader *outer, struct reader *inner, const char *field)
{
    if (read_left(inner) > 0)
        read_fail(inner, IDE_E_CHAIN, field);
    if (inner->err != IDE_OK)
        read_fail(outer, inner->err, inner->field);
}

struct span der_whole(struct reader *r, uint8_t tag, const char *field)
{
    const uint8_t *start = read_bytes(r, 0, field);
    (void)der_enter(r, tag, field);
    const uint8_t *end = read_bytes(r, 0, field);
    if (!start || !end)
        return (struct span){NULL, 0};
    return (struct span){start, (size_t)(end - start)};
}

struct span der_content(struct reader *r, uint8_t tag, const char *field)
{
    struct reader content = der_enter(r, tag, field);
    size_t n = read_left(&content);
    return (struct span){read_bytes(&content, n, field), n};
}

struct span der_bits(struct reader *r, const char *field)
{
    struct reader content = der_enter(r, DER_BIT_STRING, field);
    if (read_u8(&content, field) != 0) /* unused bits */
        read_fail(&content, IDE_E_CHAIN, field);
    size_t n = read_left(&content);
    struct span bits = {read_bytes(&content, n, field), n};
    der_leave(r, &content, field);
    return bits;
}

bool der_optional_true(struct reader *r, const char *field)
{
    if (!der_is_next(r, DER_BOOLEAN))
        return false;
    struct reader content = der_enter(r, DER_BOOLEAN, field);
    uint8_t value = read_u8(&content, field);
    /* an explicit false is not DER, but common; other values are refused */
    if (value != 0x00 && value != 0xff)
        read_fail(&content, IDE_E_CHAIN, field);
    der_leave(r, &content, field);
    return value == 0xff;
}

uint32_t der_small(struct reader *r, const char *field)
{
    struct span bytes = der_content(r, DER_INTEGER, field);
    const uint8_t *b = bytes.data;
    uint32_t value = 0;
    if (r->err != IDE_OK)
        return 0;
    bool is_small = bytes.len >= 1 && bytes.len <= 4 && b[0] < 0x80;
    bool is_shortest = bytes.len < 2 || b[0] != 0 || b[1] >= 0x80;
    if (!is_small || !is_shortest)
        read_fail(r, IDE_E_CHAIN, field);
    for (size_t i = 0; is_small && i < bytes.len; i++)
        value = value << 8 | b[i];
    return value;
}

static unsigned read_two_digits(struct reader *r, const char *field)
{
    uint8_t tens = (uint8_t)(read_u8(r, field) - '0'), ones = (uint8_t)(read_u8(r, field) - '0');
    if (tens > 9 || ones > 9)
        read_fail(r, IDE_E_CHAIN, field);
    return tens * 10u + ones;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 1970-01-01 to the first day of a year, from year 1 of the Gregorian calendar on. */
static int64_t days_before_year(unsigned year)
{
    int64_t past = (int64_t)year - 1;
    return past * 365 + past / 4 - past / 100 + past / 400 - DAYS_BEFORE_1970;
}

static int64_t days_of_date(unsigned year, unsigned month, unsigned day)
{
    int64_t days = days_before_year(year);
    for (unsigned m = 1; m < month; m++)
        days += days_in_month(year, m);
    return days + day - 1;
}

int64_t der_time(struct reader *r, const char *field)
{
    bool two_digit_year = der_is_next(r, DER_UTC_TIME);
    struct reader content = der_enter(r, two_digit_year ? DER_UTC_TIME : DER_GENERALIZED_TIME, field);
    unsigned year = read_two_digits(&content, field);
    if (two_digit_year)
        year += year < 50 ? 2000 : 1900;
    else
        year = year * 100 + read_two_digits(&content, field);
    unsigned month = read_two_digits(&content, field), day = read_two_digits(&content, field);
    unsigned hour = read_two_digits(&content, field), minute = read_two_digits(&content, field);
    unsigned second = read_two_digits(&content, field);
    bool utc = read_u8(&content, field) == 'Z';
    bool is_date = year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
    if (!utc || !is_date || hour > 23 || minute > 59 || second > 59)
        read_fail(&content, IDE_E_CHAIN, field);
    der_leave(r, &content, field);
    if (r->err != IDE_OK)
        return 0;
    return days_of_date(year, month, day) * SECONDS_PER_DAY + (int64_t)hour * 3600 + (int64_t)minute * 60 +
           second;
}
