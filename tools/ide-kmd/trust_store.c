/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/trust_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP         "trust"
#define PEM_BEGIN    "-----BEGIN CERTIFICATE-----"
#define PEM_END      "-----END CERTIFICATE-----"
#define DER_SEQUENCE 0x30

/* What base64's characters stand for; -1 for all others. */
static int sextet(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes text up to end into out, which holds 3 bytes for each 4 characters. 0 if it is not base64. */
static size_t base64_decode(const char *text, const char *end, uint8_t *out)
{
    uint32_t bits = 0;
    unsigned count = 0, padding = 0;
    size_t n = 0;
    for (; text < end; text++) {
        if (strchr(" \t\r\n", *text))
            continue;
        int value = *text == '=' ? 0 : sextet((unsigned char)*text);
        padding += *text == '=';
        if (value < 0 || (padding > 0 && *text != '=') || padding > 2)
            return 0;
        bits = bits << 6 | (uint32_t)value;
        if (++count % 4 == 0)
            for (int shift = 16; shift >= 0; shift -= 8)
                out[n++] = (uint8_t)(bits >> shift);
    }
    return count % 4 == 0 && n >= padding ? n - padding : 0;
}

/* A whole DER SEQUENCE and nothing behind it: enough to tell a certificate from another file; the chain's
 * check reads it. */
static bool is_der(const uint8_t *der, size_t len)
{
    if (len < 4 || der[0] != DER_SEQUENCE)
        return false;
    if (der[1] < 0x80)
        return len == 2u + der[1];
    if (der[1] == 0x81)
        return len == 3u + der[2];
    return der[1] == 0x82 && len == 4u + ((size_t)der[2] << 8 | der[3]);
}

static bool add_anchor(struct trust_store *store, const uint8_t *der, size_t len)
{
    uint8_t *copy;
    if (len == 0 || !is_der(der, len) || store->trust.anchor_count == TRUST_ANCHORS_MAX ||
        !(copy = malloc(len)))
        return false;
    memcpy(copy, der, len);
    store->anchors[store->trust.anchor_count++] = (struct trust_anchor){.der = copy, .len = len};
    return true;
}

size_t pem_decode_block(const char *text, const char *ending, uint8_t *der)
{
    for (const char *begin = strstr(text, "-----BEGIN "); begin; begin = strstr(begin + 1, "-----BEGIN ")) {
        const char *body = strchr(begin, '\n'), *end = body ? strstr(body, "-----END ") : NULL;
        const char *found = strstr(begin, ending);
        if (!end)
            return 0;
        if (found && found < body)
            return base64_decode(body, end, der);
    }
    return 0;
}

static bool add_pem(struct trust_store *store, const char *text)
{
    const char *begin = strstr(text, PEM_BEGIN), *end;
    if (!begin)
        return false;
    for (; begin; begin = strstr(end, PEM_BEGIN)) {
        begin += strlen(PEM_BEGIN);
        end = strstr(begin, PEM_END);
        if (!end)
            return false;
        uint8_t *der = malloc((size_t)(end - begin) + 3);
        if (!der)
            return false;
        bool good = add_anchor(store, der, base64_decode(begin, end, der));
        free(der);
        if (!good)
            return false;
    }
    return true;
}

/* The file's content with a NUL behind it; NULL if it cannot be read or is too long. */
static uint8_t *read_file(const char *path, size_t *len)
{
    FILE *file = fopen(path, "rbe");
    if (!file)
        return NULL;
    uint8_t *data = malloc(TRUST_FILE_MAX + 1);
    *len = data ? fread(data, 1, TRUST_FILE_MAX + 1, file) : 0;
    bool good = data && !ferror(file) && *len <= TRUST_FILE_MAX;
    fclose(file);
    if (!good) {
        free(data);
        return NULL;
    }
    data[*len] = '\0';
    return data;
}

bool trust_store_add_file(struct trust_store *store, const char *path)
{
    if (!store->trust.anchors)
        store->trust.anchors = store->anchors;
    size_t len = 0;
    uint8_t *data = read_file(path, &len);
    bool good = data && len > 0 &&
                (data[0] == DER_SEQUENCE ? add_anchor(store, data, len) : add_pem(store, (const char *)data));
    free(data);
    return good;
}

static bool is_certificate_name(const char *name)
{
    static const char *const endings[] = {".pem", ".crt", ".cer", ".der"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (name[0] != '.' && strcmp(dot, endings[i]) == 0)
            return true;
    return false;
}

bool trust_store_each_file(const char *folder, bool (*take)(void *context, const char *path), void *context)
{
    const struct dirent *entry;
    char path[4096];
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    for (bool goes_on = true; goes_on && (entry = readdir(dir));) {
        if (!is_certificate_name(entry->d_name))
            continue;
        (void)snprintf(path, sizeof path, "%s/%s", folder,
                       entry->d_name); /* one that is cut off is not there */
        goes_on = take(context, path);
    }
    closedir(dir);
    return true;
}

struct folder {
    struct trust_store *store;
    struct failure *failure;
    enum ide_err err;
};

static bool take_file(void *context, const char *path)
{
    struct folder *f = context;
    if (!trust_store_add_file(f->store, path))
        f->err = failure_set(f->failure, IDE_E_NO_TRUST, STEP, NULL,
                             "%.200s: not a certificate in PEM or DER form", path);
    return f->err == IDE_OK;
}

enum ide_err trust_store_read(struct trust_store *store, const char *folder, enum cma_name_rule rule,
                              struct failure *failure)
{
    struct folder f = {store, failure, IDE_OK};
    store->trust = (struct trust){.anchors = store->anchors, .name_rule = rule};
    if (!trust_store_each_file(folder, take_file, &f))
        return failure_set(failure, IDE_E_NO_TRUST, STEP, NULL, "the trust folder %.200s cannot be read: %s",
                           folder, strerror(errno));
    return f.err;
}

enum ide_err trust_store_load(struct trust_store *store, const char *folder, enum cma_name_rule rule,
                              struct failure *failure)
{
    enum ide_err err = trust_store_read(store, folder, rule, failure);
    if (err == IDE_OK && store->trust.anchor_count == 0)
        err = failure_set(failure, IDE_E_NO_TRUST, STEP, NULL, "the trust folder %.200s holds no certificate",
                          folder);
    return err;
}

void trust_store_close(struct trust_store *store)
{
    for (size_t i = 0; i < store->trust.anchor_count; i++)
        free((void *)store->anchors[i].der);
    store->trust.anchor_count = 0;
}
