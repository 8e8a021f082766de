/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "device_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spdm/cursor.h"

static const struct cma_ids test_ids = {
    .vendor = 0x1b36,
    .device = 0x0010,
    .class_code = 0x010802,
    .revision = 0x02,
    .subsystem_vendor = 0x1af4,
    .subsystem = 0x1100,
    .has_subsystem = true,
};

/* $1: folder, $2: what -newkey takes and more, $3: CMA name. Leaves root.der, inter.der, leaf.der and key.der in the folder. */
static const char script[] =
    "set -e; mkdir -p \"$1\"; cd \"$1\"\n"
    "ca='-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign'\n"
    "new='openssl req -x509 -nodes -days 30 -newkey '$2\n"
    "$new $ca -subj /CN=root -keyout root.key -out root.pem\n"
    "$new $ca -subj /CN=intermediate -CA root.pem -CAkey root.key -keyout inter.key -out inter.pem\n"
    "$new -subj /CN=leaf -CA inter.pem -CAkey inter.key -keyout leaf.key -out leaf.pem"
    " -addext basicConstraints=critical,CA:FALSE -addext keyUsage=critical,digitalSignature"
    " -addext extendedKeyUsage=1.3.6.1.4.1.412.274.3 -addext \"subjectAltName=otherName:2.23.147;UTF8:$3\"\n"
    "for c in root inter leaf; do openssl x509 -in $c.pem -outform DER -out $c.der; done\n"
    "openssl pkey -in leaf.key -outform DER -out key.der\n";

/* What openssl calls the kinds of keys. */
static const char *newkey_of(const char *key)
{
    static const struct {
        const char *key, *newkey;
    } rows[] = {
        {"P-256", "ec -pkeyopt ec_paramgen_curve:P-256"},
        {"P-384", "ec -pkeyopt ec_paramgen_curve:P-384"},
        {"P-521", "ec -pkeyopt ec_paramgen_curve:P-521"},
        {"RSA-2048", "rsa:2048"},
        {"RSA-3072", "rsa:3072"},
        {"RSA-4096", "rsa:4096"},
        {"RSA-2048, PSS", "rsa:2048 -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest"},
        {"Ed25519", "ed25519"},
        {"Ed448", "ed448"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].key, key) == 0)
            return rows[i].newkey;
    return "an unknown kind of key";
}

static bool run_openssl(const char *folder, const char *key)
{
    char name[64], command[4096];
    snprintf(command, sizeof command, "exec 2>\"%s.log\"; set -- '%s' '%s' '%s'; %s", folder, folder, newkey_of(key),
             cma_name_text(&test_ids, name, sizeof name), script);
    if (system(command) == 0)
        return true;
    fprintf(stderr, "openssl could not make an identity, see %s.log\n", folder);
    return false;
}

static size_t read_file(const char *folder, const char *name, uint8_t *out, size_t cap)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return 0;
    size_t n = fread(out, 1, cap, f);
    fclose(f);
    return n;
}

bool device_identity_rehash(struct device_identity *d, enum hash_id hash)
{
    static uint8_t certificates[sizeof d->chain];
    size_t start = 4u + hash_by_id(d->hash)->size, n = d->chain_len - start;
    uint8_t root_hash[HASH_SIZE_MAX];
    memcpy(certificates, d->chain + start, n);
    if (hash_once(hash, d->root, d->root_len, root_hash) != IDE_OK)
        return false;
    struct writer w = writer_of(d->chain, sizeof d->chain);
    size_t length = write_reserve_u16(&w);
    write_u16(&w, 0);
    write_bytes(&w, root_hash, hash_by_id(hash)->size);
    write_bytes(&w, certificates, n);
    write_fill_u16(&w, length, (uint16_t)w.pos);
    d->chain_len = w.pos;
    d->hash = hash;
    return write_done(&w) == IDE_OK;
}

static bool build_chain(struct device_identity *d, const char *folder, enum hash_id hash)
{
    static const char *const names[] = {"root.der", "inter.der", "leaf.der"};
    d->hash = hash;
    d->chain_len = 4u + hash_by_id(hash)->size;
    d->root_len = read_file(folder, names[0], d->root, sizeof d->root);
    for (size_t i = 0; i < 3; i++)
        d->chain_len += read_file(folder, names[i], d->chain + d->chain_len, sizeof d->chain - d->chain_len);
    return device_identity_rehash(d, hash);
}

bool device_identity_make(struct device_identity *d, const char *name, const char *key, enum hash_id hash)
{
    char folder[256];
    uint8_t der[sizeof d->key.der];
    memset(d, 0, sizeof *d);
    snprintf(folder, sizeof folder, "%s/%s", TEST_BINARY_DIR, name);
    if (!run_openssl(folder, key) || !build_chain(d, folder, hash))
        return false;
    if (private_key_load(&d->key, der, read_file(folder, "key.der", der, sizeof der)) != IDE_OK)
        return false;
    d->ids = test_ids;
    d->anchor = (struct trust_anchor){.der = d->root, .len = d->root_len};
    d->trust = (struct trust){
        .anchors = &d->anchor, .anchor_count = 1, .ids = &d->ids, .name_rule = CMA_NAME_REQUIRED};
    return true;
}
