/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of certificates for people (RFC 5280 §4.1.2.4). */
#include <stdio.h>
#include <string.h>

#include "spdm/x509.h"

#define DER_SET 0x31
#define FIELD   "Name"

/* The last byte of id-at (2.5.4) and what it is called (RFC 4514 §3). */
static const struct {
    uint8_t last;
    const char *name;
} attributes[] = {{3, "CN"}, {5, "serialNumber"}, {6, "C"}, {7, "L"}, {8, "ST"}, {10, "O"}, {11, "OU"}};

/* The attribute's short name; NULL for one that has none here. */
static const char *attribute_name(struct span oid)
{
    if (oid.len != 3 || oid.data[0] != 0x55 || oid.data[1] != 0x04)
        return NULL;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (attributes[i].last == oid.data[2])
            return attributes[i].name;
    return NULL;
}

/* A text that is being written; when it is full the rest is dropped. */
struct text {
    char *at;
    size_t left; /* with the NUL */
};

static void put(struct text *t, char c)
{
    if (t->left < 2)
        return;
    *t->at++ = c;
    *t->at = '\0';
    t->left--;
}

static void put_all(struct text *t, const char *s)
{
    while (*s)
        put(t, *s++);
}

/* Whoever made the certificate chose these bytes: none of them may mean anything to a terminal. */
static void put_value(struct text *t, const struct reader *value)
{
    struct reader r = *value;
    while (read_left(&r) > 0) {
        uint8_t c = read_u8(&r, FIELD);
        put(t, (char)(c >= 0x20 && c < 0x7f ? c : '?'));
    }
}

static void put_attribute(struct text *t, struct reader *set, bool first)
{
    struct reader pair = der_enter(set, DER_SEQUENCE, FIELD);
    struct span oid = der_content(&pair, DER_OID, FIELD);
    uint8_t tag;
    struct reader value = der_any(&pair, &tag, FIELD);
    der_leave(set, &pair, FIELD);
    if (set->err != IDE_OK)
        return;
    const char *name = attribute_name(oid);
    put_all(t, first ? "" : ", ");
    put_all(t, name ? name : "?");
    put(t, '=');
    put_value(t, &value);
}

char *x509_name_text(struct span name, char *text, size_t size)
{
    struct text t = {text, size};
    struct reader r = reader_of(name.data, name.len);
    struct reader sets = der_enter(&r, DER_SEQUENCE, FIELD);
    bool first = true;
    *text = '\0';
    while (sets.err == IDE_OK && read_left(&sets) > 0) {
        struct reader set = der_enter(&sets, DER_SET, FIELD);
        while (set.err == IDE_OK && read_left(&set) > 0) {
            put_attribute(&t, &set, first);
            first = false;
        }
        der_leave(&sets, &set, FIELD);
    }
    return text;
}
