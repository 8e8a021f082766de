/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "spdm/cursor.h"

#include <string.h>

struct reader reader_of(const void *data, size_t len)
{
    /* an empty reader still has a valid pointer, so that read_bytes(r, 0) never gives NULL */
    static const uint8_t nothing;
    return (struct reader){.data = len > 0 ? data : &nothing, .len = len};
}

void read_fail(struct reader *r, enum ide_err err, const char *field)
{
    if (r->err != IDE_OK)
        return;
    r->err = err;
    r->field = field;
}

void read_fail_value(struct reader *r, enum ide_err err, const char *field, uint64_t got, uint64_t want)
{
    if (r->err != IDE_OK)
        return;
    read_fail(r, err, field);
    r->has_values = true;
    r->got = got;
    r->want = want;
}

size_t read_left(const struct reader *r)
{
    return r->err == IDE_OK ? r->len - r->pos : 0;
}

const uint8_t *read_bytes(struct reader *r, size_t n, const char *field)
{
    if (r->err != IDE_OK)
        return NULL;
    if (n > r->len - r->pos) {
        read_fail(r, IDE_E_SHORT, field);
        return NULL;
    }
    const uint8_t *bytes = r->data + r->pos;
    r->pos += n;
    return bytes;
}

static uint64_t read_le(struct reader *r, size_t n, const char *field)
{
    const uint8_t *bytes = read_bytes(r, n, field);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < n; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t read_u8(struct reader *r, const char *field)
{
    return (uint8_t)read_le(r, 1, field);
}

uint16_t read_u16(struct reader *r, const char *field)
{
    return (uint16_t)read_le(r, 2, field);
}

uint32_t read_u24(struct reader *r, const char *field)
{
    return (uint32_t)read_le(r, 3, field);
}

uint32_t read_u32(struct reader *r, const char *field)
{
    return (uint32_t)read_le(r, 4, field);
}

uint64_t read_u64(struct reader *r, const char *field)
{
    return read_le(r, 8, field);
}

uint16_t read_u16be(struct reader *r, const char *field)
{
    uint16_t little = read_u16(r, field);
    return (uint16_t)(little << 8 | little >> 8);
}

void read_copy(struct reader *r, void *out, size_t n, const char *field)
{
    const uint8_t *bytes = read_bytes(r, n, field);
    if (bytes)
        memcpy(out, bytes, n);
    else
        memset(out, 0, n);
}

struct reader read_sub(struct reader *r, size_t n, const char *field)
{
    const uint8_t *bytes = read_bytes(r, n, field);
    struct reader sub = reader_of(bytes, bytes ? n : 0);
    if (!bytes) {
        sub.err = r->err;
        sub.field = r->field;
    }
    return sub;
}

void read_expect(struct reader *r, uint64_t got, uint64_t want, const char *field)
{
    if (got != want)
        read_fail_value(r, IDE_E_FIELD, field, got, want);
}

void read_end(struct reader *r)
{
    if (read_left(r) > 0)
        read_fail(r, IDE_E_LONG, "length");
}

enum ide_err read_done(const struct reader *r, struct ide_fault *fault, const char *step)
{
    if (r->err == IDE_OK)
        return IDE_OK;
    if (r->has_values)
        return ide_fail_value(fault, r->err, step, r->field, r->got, r->want);
    return ide_fail(fault, r->err, step, r->field);
}

struct writer writer_of(void *data, size_t cap)
{
    return (struct writer){.data = data, .cap = cap};
}

uint8_t *write_space(struct writer *w, size_t n)
{
    w->wanted = n > SIZE_MAX - w->wanted ? SIZE_MAX : w->wanted + n;
    if (w->overflow || n > w->cap - w->pos) {
        w->overflow = true;
        return NULL;
    }
    uint8_t *space = w->data + w->pos;
    w->pos += n;
    return space;
}

static void write_le(struct writer *w, uint64_t value, size_t n)
{
    uint8_t *space = write_space(w, n);
    for (size_t i = 0; space && i < n; i++)
        space[i] = (uint8_t)(value >> (8 * i));
}

void write_u8(struct writer *w, uint8_t value)
{
    write_le(w, value, 1);
}

void write_u16(struct writer *w, uint16_t value)
{
    write_le(w, value, 2);
}

void write_u24(struct writer *w, uint32_t value)
{
    write_le(w, value, 3);
}

void write_u32(struct writer *w, uint32_t value)
{
    write_le(w, value, 4);
}

void write_u64(struct writer *w, uint64_t value)
{
    write_le(w, value, 8);
}

void write_bytes(struct writer *w, const void *data, size_t n)
{
    uint8_t *space = write_space(w, n);
    if (space && n > 0)
        memcpy(space, data, n);
}

void write_zero(struct writer *w, size_t n)
{
    uint8_t *space = write_space(w, n);
    if (space)
        memset(space, 0, n);
}

size_t write_reserve_u16(struct writer *w)
{
    size_t at = w->pos;
    write_u16(w, 0);
    return at;
}

void write_fill_u16(struct writer *w, size_t at, uint16_t value)
{
    if (w->overflow || at + 2 > w->pos)
        return;
    w->data[at] = (uint8_t)value;
    w->data[at + 1] = (uint8_t)(value >> 8);
}

enum ide_err write_done(const struct writer *w)
{
    return w->overflow ? IDE_E_SPACE : IDE_OK;
}

void wipe(void *data, size_t n)
{
    if (n == 0)
        return;
    memset(data, 0, n);
    /* the compiler must assume that data is read here, so it keeps the memset */
    __asm__ volatile("" : : "r"(data) : "memory");
}

bool equal_secret(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t difference = 0;
    for (size_t i = 0; i < n; i++)
        difference |= x[i] ^ y[i];
    return difference == 0;
}
