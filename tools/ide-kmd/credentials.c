/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/credentials.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spdm/cursor.h"
#include "spdm/x509.h"
#include "tools/common/hex.h"
#include "tools/ide-kmd/trust_store.h"

#define STEP       "credentials"
#define SECRET_MAX 16384u /* bytes of a file with a secret */

static enum ide_err wrong(struct failure *failure, const char *path, const char *what)
{
    return failure_set(failure, IDE_E_NO_CERT, STEP, NULL, "%.200s: %s", path, what);
}

/* ---- files with secrets ------------------------------------------------------ */

/* Ours alone, or nobody can be sure who else has it. */
static enum ide_err check_owner(int fd, const char *path, struct failure *failure)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
        return wrong(failure, path, "is no file");
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)))
        return failure_set(failure, IDE_E_ACCESS, STEP, NULL,
                           "%.200s: others than its owner may read or write it (chmod 600)", path);
    return IDE_OK;
}

static bool read_all(int fd, char *text, size_t cap, size_t *len)
{
    ssize_t n = 1;
    *len = 0;
    while (*len < cap && n > 0) {
        n = read(fd, text + *len, cap - *len);
        if (n > 0)
            *len += (size_t)n;
    }
    return n == 0;
}

/* text has SECRET_MAX bytes, and ends with a NUL. It is to be wiped, also after a failure. */
static enum ide_err read_secret(const char *path, char *text, struct failure *failure)
{
    size_t len = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return wrong(failure, path, strerror(errno));
    enum ide_err err = check_owner(fd, path, failure);
    if (err == IDE_OK && !read_all(fd, text, SECRET_MAX - 1, &len))
        err = wrong(failure, path, "cannot be read, or is too long");
    close(fd);
    if (err == IDE_OK && memchr(text, '\0', len))
        err = wrong(failure, path, "has a NUL in it, and what is behind that would be passed over");
    text[len] = '\0';
    return err;
}

/* ---- who we are -------------------------------------------------------------- */

static enum ide_err load_key(struct credentials *c, const char *path, struct failure *failure)
{
    static char text[SECRET_MAX];
    static uint8_t der[SECRET_MAX];
    size_t len = 0;
    enum ide_err err = read_secret(path, text, failure);
    if (err == IDE_OK)
        len = pem_decode_block(text, "PRIVATE KEY-----", der);
    if (err == IDE_OK && (len == 0 || private_key_load(&c->key, der, len) != IDE_OK))
        err = wrong(failure, path, "is no private key in PEM form, unencrypted");
    wipe(text, sizeof text);
    wipe(der, sizeof der);
    return err;
}

/* Length, Reserved, RootHash, certificates (DSP0274 1.2 §10.6.1), for one hash. */
static bool make_chain(struct credentials *c, const struct trust *certificates, const struct hash_info *hash)
{
    struct writer w = writer_of(c->chain[hash->id], CREDENTIALS_CHAIN_MAX);
    size_t length_at = write_reserve_u16(&w);
    write_u16(&w, 0);
    uint8_t *root_hash = write_space(&w, hash->size);
    for (size_t i = 0; i < certificates->anchor_count; i++)
        write_bytes(&w, certificates->anchors[i].der, certificates->anchors[i].len);
    write_fill_u16(&w, length_at, (uint16_t)w.pos);
    const struct trust_anchor *root = &certificates->anchors[0];
    if (write_done(&w) != IDE_OK || hash_once(hash->id, root->der, root->len, root_hash) != IDE_OK)
        return false;
    c->slots[hash->id][0] = (struct spdm_slot){.chain = c->chain[hash->id], .chain_len = w.pos, .key = &c->key};
    return true;
}

/* Whether what the private key signs is the certificate's. */
static bool key_fits(const struct private_key *key, const struct public_key *public_key)
{
    static const uint8_t zeros[HASH_SIZE_MAX];
    uint8_t signature[SIGNATURE_SIZE_MAX];
    const struct asym_info *asym = asym_choose(private_key_algorithms(key));
    struct drbg drbg;
    if (!asym || drbg_open(&drbg) != IDE_OK)
        return false;
    const struct signed_data what = {
        .scheme = asym->scheme, .hash = HASH_SHA256, .data = zeros, .len = hash_by_id(HASH_SHA256)->size};
    struct rng rng = drbg_rng(&drbg);
    enum ide_err err = private_key_sign(key, &what, &rng, signature, asym->signature_size);
    drbg_close(&drbg);
    return err == IDE_OK && public_key_verify(public_key, &what, signature, asym->signature_size) == IDE_OK;
}

/* The leaf's public key, as devices have it that need no chain. It stays where the chain is. */
static bool place_public_key(struct credentials *c, enum hash_id hash)
{
    struct spdm_slot *slots = c->slots[hash];
    const struct hash_info *info = hash_by_id(hash);
    struct reader r = reader_of(slots[0].chain, slots[0].chain_len);
    struct x509 certificate = {0};
    struct ide_fault fault;
    read_bytes(&r, 4 + (size_t)info->size, NULL);
    while (read_left(&r) > 0)
        if (x509_parse(&r, &certificate, STEP, &fault) != IDE_OK)
            return false;
    slots[SPDM_PLACE_PROVISIONED] = (struct spdm_slot){.chain = certificate.public_key_info.data,
                                                       .chain_len = certificate.public_key_info.len,
                                                       .key = &c->key};
    if (c->is_provisioned)
        slots[0] = (struct spdm_slot){0};
    return key_fits(&c->key, &certificate.key);
}

static enum ide_err load_chain(struct credentials *c, const char *path, struct failure *failure)
{
    static struct trust_store store;
    enum ide_err err = trust_store_add_file(&store, path) ? IDE_OK : IDE_E_NO_CERT;
    for (enum hash_id hash = HASH_SHA256; err == IDE_OK && hash <= HASH_SHA3_512; hash++)
        if (!make_chain(c, &store.trust, hash_by_id(hash)) || !place_public_key(c, hash))
            err = IDE_E_NO_CERT;
    trust_store_close(&store);
    return err == IDE_OK ? IDE_OK : wrong(failure, path, "is no chain of certificates for that key, the root's first");
}

static enum ide_err load_identity(struct credentials *c, const struct spdm_options *o, struct failure *failure)
{
    char path[4096];
    const char *comma = strchr(o->identity, ',');
    size_t n = (size_t)(comma - o->identity);
    if (n >= sizeof path)
        return wrong(failure, o->identity, "the name is too long");
    memcpy(path, o->identity, n);
    path[n] = '\0';
    c->is_provisioned = o->is_provisioned;
    enum ide_err err = load_key(c, comma + 1, failure);
    if (err == IDE_OK)
        err = load_chain(c, path, failure);
    c->has_identity = err == IDE_OK;
    return err;
}

/* ---- what devices and we share ----------------------------------------------- */

/* "0000:01:00.0 hint 00112233": the line is cut up. NULL if it is good, else what is wrong. */
static const char *take_psk(struct credentials *c, char *line)
{
    char *rest;
    const char *bdf = strtok_r(line, " \t\r", &rest), *hint = strtok_r(NULL, " \t\r", &rest),
               *secret = strtok_r(NULL, " \t\r", &rest);
    if (!bdf || *bdf == '#')
        return NULL;
    if (c->psk_count == CREDENTIALS_PSKS_MAX)
        return "there are more than 64 keys";
    struct credential_psk *psk = &c->psks[c->psk_count];
    if (pcie_bdf_parse(bdf, &psk->bdf) != IDE_OK)
        return "the first word is no address such as 0000:01:00.0";
    if (!hint || strlen(hint) > CREDENTIALS_HINT_MAX)
        return "the second word, the hint, has not 1 to 64 characters";
    if (!secret || strtok_r(NULL, " \t\r", &rest) || 
        !hex_parse(secret, psk->secret, sizeof psk->secret, &psk->psk.secret_len))
        return "the third word, the key, is not 1 to 64 bytes in hexadecimal digits";
    snprintf(psk->hint, sizeof psk->hint, "%s", hint);
    psk->psk.hint = (const uint8_t *)psk->hint;
    psk->psk.hint_len = (uint16_t)strlen(hint);
    psk->psk.secret = psk->secret;
    c->psk_count++;
    return NULL;
}

static enum ide_err take_psks(struct credentials *c, char *text, const char *path, struct failure *failure)
{
    unsigned number = 0;
    for (char *line = text, *end; line; line = end) {
        end = strchr(line, '\n');
        if (end)
            *end++ = '\0';
        number++;
        const char *what = take_psk(c, line);
        if (what)
            return failure_set(failure, IDE_E_NO_CERT, STEP, NULL, "%.200s:%u: %s", path, number, what);
    }
    return IDE_OK;
}

static enum ide_err load_psks(struct credentials *c, const char *path, struct failure *failure)
{
    static char text[SECRET_MAX];
    enum ide_err err = read_secret(path, text, failure);
    if (err == IDE_OK)
        err = take_psks(c, text, path, failure);
    wipe(text, sizeof text);
    return err;
}

/* ---- public keys ------------------------------------------------------------- */

static enum ide_err load_public(struct credentials *c, const char *folder, const char *name, struct failure *failure)
{
    char path[4096], bdf[PCIE_BDF_TEXT], text[4 * CREDENTIALS_PUBLIC_MAX];
    uint8_t der[sizeof text];
    struct public_key key;
    struct ide_fault fault;
    size_t bdf_len = strlen(name) - strlen(".pem");
    if (c->public_count == CREDENTIALS_KEYS_MAX)
        return wrong(failure, folder, "there are more than 64 keys");
    struct credential_public *to = &c->publics[c->public_count];
    snprintf(bdf, sizeof bdf, "%.*s", (int)bdf_len, name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (pcie_bdf_parse(bdf, &to->bdf) != IDE_OK)
        return wrong(failure, path, "is not named as a device, 0000:01:00.0.pem");
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    text[len] = '\0';
    to->len = pem_decode_block(text, "PUBLIC KEY-----", der);
    if (to->len == 0 || to->len > sizeof to->der ||
        x509_parse_public_key(der, to->len, &key, STEP, &fault) != IDE_OK)
        return wrong(failure, path, "is no public key in PEM form");
    memcpy(to->der, der, to->len);
    c->public_count++;
    return IDE_OK;
}

static enum ide_err load_publics(struct credentials *c, const char *folder, struct failure *failure)
{
    const struct dirent *entry;
    enum ide_err err = IDE_OK;
    DIR *dir = opendir(folder);
    if (!dir)
        return wrong(failure, folder, strerror(errno));
    while (err == IDE_OK && (entry = readdir(dir))) {
        size_t n = strlen(entry->d_name);
        if (n > 4 && entry->d_name[0] != '.' && strcmp(entry->d_name + n - 4, ".pem") == 0)
            err = load_public(c, folder, entry->d_name, failure);
    }
    closedir(dir);
    return err;
}

/* ---- all --------------------------------------------------------------------- */

enum ide_err credentials_load(struct credentials *c, const struct spdm_options *options, struct failure *failure)
{
    enum ide_err err = IDE_OK;
    memset(c, 0, sizeof *c);
    /* Out of swap space where the system lets us. */
    (void)mlock(&c->key, sizeof c->key);
    (void)mlock(c->psks, sizeof c->psks);
    if (options->identity)
        err = load_identity(c, options, failure);
    if (err == IDE_OK && options->psk)
        err = load_psks(c, options->psk, failure);
    if (err == IDE_OK && options->public_keys)
        err = load_publics(c, options->public_keys, failure);
    return err;
}

void credentials_close(struct credentials *c)
{
    private_key_clear(&c->key);
    wipe(c, sizeof *c);
}

void credentials_apply(const struct credentials *c, const struct pcie_bdf *bdf, struct spdm_port_settings *settings)
{
    struct spdm_config *config = &settings->spdm;
    if (c->has_identity) {
        settings->own = c->slots;
        config->flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | (c->is_provisioned ? SPDM_CAP_PUB_KEY_ID : SPDM_CAP_CERT);
        config->req_asym = (uint16_t)private_key_algorithms(&c->key);
    }
    for (size_t i = 0; i < c->psk_count; i++)
        if (pcie_bdf_compare(&c->psks[i].bdf, bdf) == 0) {
            settings->psk = &c->psks[i].psk;
            config->flags |= SPDM_CAP_PSK;
        }
    for (size_t i = 0; i < c->public_count; i++)
        if (pcie_bdf_compare(&c->publics[i].bdf, bdf) == 0) {
            settings->public_key = c->publics[i].der;
            settings->public_key_len = c->publics[i].len;
        }
}
