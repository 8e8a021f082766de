/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/credential.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spdm/cursor.h"
#include "spdm/x509.h"

#define FILE_MAX ((size_t)CREDENTIAL_FILE_MAX)
#define CHAIN_MAX (CREDENTIAL_CERTIFICATES * FILE_MAX)

/* -1 for what is no base64 digit. */
static int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+')
        return 62;
    return c == '/' ? 63 : -1;
}

/* Line ends and padding are passed over; leftover bits are dropped. */
static bool base64_decode(const char *text, const char *end, struct writer *w)
{
    uint32_t bits = 0;
    unsigned count = 0;
    for (; text < end; text++) {
        int digit = base64_digit(*text);
        if (digit < 0 && !strchr("=\r\n", *text))
            return false;
        if (digit < 0)
            continue;
        bits = bits << 6 | (uint32_t)digit;
        count += 6;
        if (count >= 8) {
            count -= 8;
            write_u8(w, (uint8_t)(bits >> count));
        }
    }
    return write_done(w) == IDE_OK;
}

bool pem_decode(const char *text, size_t len, uint8_t *der, size_t cap, size_t *der_len)
{
    const char *begin = memmem(text, len, "-----BEGIN ", 11);
    const char *body = begin ? memchr(begin, '\n', len - (size_t)(begin - text)) : NULL;
    const char *end = body ? memmem(body, len - (size_t)(body - text), "-----END ", 9) : NULL;
    struct writer w = writer_of(der, cap);
    if (!end || !base64_decode(body, end, &w))
        return false;
    *der_len = w.pos;
    return true;
}

static bool read_file(const char *path, void *data, size_t cap, size_t *len, char *error, size_t size)
{
    FILE *file = fopen(path, "rbe");
    if (!file) {
        snprintf(error, size, "%s: %s", path, strerror(errno));
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of a key stays in stdio's buffer */
    *len = fread(data, 1, cap, file);
    bool ok = !ferror(file) && *len < cap;
    fclose(file);
    if (!ok)
        snprintf(error, size, "%s: cannot be read, or is too long", path);
    return ok;
}

bool credential_read_pem(const char *path, uint8_t *der, size_t *len, char *error, size_t size)
{
    char text[FILE_MAX];
    size_t text_len;
    bool ok = read_file(path, text, sizeof text, &text_len, error, size);
    if (ok && !pem_decode(text, text_len, der, FILE_MAX, len)) {
        snprintf(error, size, "%s: is no PEM file", path);
        ok = false;
    }
    wipe(text, sizeof text);
    return ok;
}

static bool load_key(struct credential *c, const char *path, char *error, size_t size)
{
    uint8_t der[FILE_MAX];
    size_t len;
    bool ok = credential_read_pem(path, der, &len, error, size);
    if (ok && private_key_load(&c->key, der, len) != IDE_OK) {
        snprintf(error, size, "%s: is no private key that can be used", path);
        ok = false;
    }
    wipe(der, sizeof der);
    return ok;
}

static bool load_certificates(struct credential *c, const struct credential_files *files, enum hash_id hash,
                              char *error, size_t size)
{
    const struct hash_info *info = hash_by_id(hash);
    struct writer w = writer_of(c->chain, CHAIN_MAX);
    size_t length_at = write_reserve_u16(&w);
    write_u16(&w, 0);
    uint8_t *root_hash = write_space(&w, info->size);
    for (size_t i = 0; i < CREDENTIAL_CERTIFICATES; i++) {
        uint8_t der[FILE_MAX];
        size_t len;
        if (!credential_read_pem(files->certificates[i], der, &len, error, size))
            return false;
        write_bytes(&w, der, len);
        if (i == 0 && hash_once(hash, der, len, root_hash) != IDE_OK)
            return false;
        c->leaf_len = len;
    }
    write_fill_u16(&w, length_at, (uint16_t)w.pos);
    c->len = w.pos;
    return write_done(&w) == IDE_OK;
}

bool credential_load(struct credential *c, const struct credential_files *files, enum hash_id hash, char *error,
                     size_t size)
{
    memset(c, 0, sizeof *c);
    snprintf(error, size, "out of memory");
    c->chain = malloc(CHAIN_MAX);
    if (c->chain && load_certificates(c, files, hash, error, size) && load_key(c, files->key, error, size))
        return true;
    credential_clear(c);
    return false;
}

void credential_clear(struct credential *c)
{
    free(c->chain);
    private_key_clear(&c->key);
    memset(c, 0, sizeof *c);
}

bool credential_public_key(const struct credential *c, const uint8_t **der, size_t *len)
{
    struct reader r = reader_of(c->chain + c->len - c->leaf_len, c->leaf_len);
    struct x509 leaf;
    struct ide_fault fault;
    if (x509_parse(&r, &leaf, "leaf", &fault) != IDE_OK)
        return false;
    *der = leaf.public_key_info.data;
    *len = leaf.public_key_info.len;
    return true;
}

/* A SEQUENCE with a two-byte length: 30 82 hh ll. A length beyond the chain's end is no certificate. */
void credential_deform(struct credential *c)
{
    if (c->leaf_len >= 4)
        c->chain[c->len - c->leaf_len + 2] ^= 0x40;
}
