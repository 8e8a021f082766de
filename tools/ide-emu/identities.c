/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/identities.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ide-emu/openssl_command.h"

#define PATH_TEXT (IDENTITIES_PATH_MAX + 512u)
#define COMMAND_MAX 1024u
#define NAME_MAX_TEXT 64u
#define PARALLEL 8u
#define FORM "ide-emu identities 1"   /* changes when what is made changes */

/* The two certificate authorities. Both have root.pem, root.key, intermediate.pem, intermediate.key. */
#define AUTHORITY "authority"
#define FOREIGN "foreign"

/* How a leaf is made: file name, issuer, and the kind of its extensions' section. */
static const struct {
    const char *file, *authority, *section;
} variants[IDENTITY_KINDS] = {
    [IDENTITY_OWN] = {"leaf", AUTHORITY, "own"},
    [IDENTITY_EXPIRED] = {"expired", AUTHORITY, "own"},
    [IDENTITY_FOREIGN] = {"foreign", FOREIGN, "own"},
    [IDENTITY_WRONG_NAME] = {"wrong-name", AUTHORITY, "wrong"},
    [IDENTITY_NO_NAME] = {"no-name", AUTHORITY, "none"},
    [IDENTITY_DEFORMED] = {"leaf", AUTHORITY, "own"},
};

static bool failed(char *error, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool failed(char *error, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(error, size, format, args);
    va_end(args);
    return false;
}

static void path_in(const struct identities *ids, char path[static PATH_TEXT], const char *folder, const char *file)
{
    snprintf(path, PATH_TEXT, "%s%s%s%s%s", ids->directory, *folder ? "/" : "", folder, *file ? "/" : "", file);
}

static bool make_folder(const struct identities *ids, const char *folder, char *error, size_t size)
{
    char path[PATH_TEXT];
    path_in(ids, path, folder, "");
    if (mkdir(path, 0755) == 0 || errno == EEXIST)
        return true;
    return failed(error, size, "%s: %s", path, strerror(errno));
}

/* --- What is to be made ------------------------------------------------------------------------------------------- */

static bool has_identity(const struct platform_function *f)
{
    return f->doe;
}

/* The hash in the chain's head is made when it is loaded. */
static const char *key_name(const struct platform_function *f)
{
    return f->spdm.key->name;
}

/* One line a function. The file made-for holds these, so that another platform makes other identities. */
static void print_made_for(const struct identities *ids, FILE *out)
{
    fprintf(out, "%s\n", FORM);
    for (size_t i = 0; i < ids->platform->count; i++) {
        const struct platform_function *f = &ids->platform->functions[i];
        char bdf[PCIE_BDF_TEXT], name[NAME_MAX_TEXT];
        struct cma_ids cma = platform_cma_ids(f);
        if (has_identity(f))
            fprintf(out, "%s %s %s\n", pcie_bdf_format(&f->bdf, bdf), key_name(f),
                    cma_name_text(&cma, name, sizeof name));
    }
}

static bool is_made(const struct identities *ids)
{
    char path[PATH_TEXT], *want = NULL, *have = NULL;
    size_t want_len = 0, have_len = 0;
    path_in(ids, path, "", "made-for");
    FILE *file = fopen(path, "re"), *text = open_memstream(&want, &want_len);
    bool same = false;
    if (text) {
        print_made_for(ids, text);
        fclose(text);
        same = file && getdelim(&have, &have_len, '\0', file) == (ssize_t)want_len && strcmp(have, want) == 0;
    }
    if (file)
        fclose(file);
    free(want);
    free(have);
    return same;
}

/* The section of a function's extensions; a colon cannot stand in a section's name. */
static const char *section_name(char text[static NAME_MAX_TEXT], const char *kind, const struct platform_function *f)
{
    snprintf(text, NAME_MAX_TEXT, "%s-%08x-%04x", kind, (unsigned)f->bdf.domain, (unsigned)pcie_bdf_rid(&f->bdf));
    return text;
}

static void print_names(FILE *out, const struct platform_function *f)
{
    char section[NAME_MAX_TEXT], name[NAME_MAX_TEXT];
    struct cma_ids cma = platform_cma_ids(f);
    static const char leaf[] = "basicConstraints = critical, CA:FALSE\n"
                               "keyUsage = critical, digitalSignature\n"
                               "extendedKeyUsage = 1.3.6.1.4.1.412.274.3\n"
                               "subjectKeyIdentifier = hash\n"
                               "authorityKeyIdentifier = keyid\n";
    fprintf(out, "[%s]\n%s", section_name(section, "none", f), leaf);
    fprintf(out, "[%s]\n%ssubjectAltName = otherName:2.23.147;UTF8:%s\n", section_name(section, "own", f), leaf,
            cma_name_text(&cma, name, sizeof name));
    cma.device ^= 0x0001;
    fprintf(out, "[%s]\n%ssubjectAltName = otherName:2.23.147;UTF8:%s\n", section_name(section, "wrong", f), leaf,
            cma_name_text(&cma, name, sizeof name));
}

static void print_config(const struct identities *ids, FILE *out)
{
    fputs("[req]\ndistinguished_name = dn\nprompt = no\n"
          "[dn]\nCN = ide-emu\n"
          "[root]\nbasicConstraints = critical, CA:TRUE\nkeyUsage = critical, keyCertSign, cRLSign\n"
          "subjectKeyIdentifier = hash\n"
          "[intermediate]\nbasicConstraints = critical, CA:TRUE, pathlen:0\n"
          "keyUsage = critical, keyCertSign, cRLSign\nsubjectKeyIdentifier = hash\nauthorityKeyIdentifier = keyid\n"
          "[any]\ncommonName = supplied\n"
          "[ca]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\ndefault_md = sha384\npolicy = any\n"
          "unique_subject = no\n",
          out);
    for (size_t i = 0; i < ids->platform->count; i++)
        if (has_identity(&ids->platform->functions[i]))
            print_names(out, &ids->platform->functions[i]);
}

static bool write_file(const struct identities *ids, const char *name,
                       void (*print)(const struct identities *ids, FILE *out), char *error, size_t size)
{
    char path[PATH_TEXT];
    path_in(ids, path, "", name);
    FILE *out = fopen(path, "we");
    if (out && print)
        print(ids, out);
    if (out && fclose(out) == 0)
        return true;
    return failed(error, size, "%s: %s", path, strerror(errno));
}

/* --- openssl ------------------------------------------------------------------------------------------------------ */

#define NEW_KEY    "-newkey %s -nodes -config openssl.cnf -keyout %s.key -subj /CN=%s"
#define SIGNED     " -sha384 -days 3650"
#define AUTHORITY_KEY "ec -pkeyopt ec_paramgen_curve:P-384"

static bool openssl_failed(const struct identities *ids, char *error, size_t size)
{
    return failed(error, size, "%s/openssl.log: openssl failed (is it installed?)", ids->directory);
}

static bool run(const struct identities *ids, const char *command, char *error, size_t size)
{
    return openssl_wait(openssl_start(ids->directory, command)) || openssl_failed(ids, error, size);
}

static bool make_authority(const struct identities *ids, const char *name, char *error, size_t size)
{
    char command[COMMAND_MAX], key[64], subject[64];
    if (!make_folder(ids, name, error, size))
        return false;
    snprintf(key, sizeof key, "%s/root", name);
    snprintf(subject, sizeof subject, "ide-emu-%s-root", name);
    snprintf(command, sizeof command, "req -x509 " NEW_KEY SIGNED " -extensions root -out %s/root.pem", AUTHORITY_KEY,
             key, subject, name);
    if (!run(ids, command, error, size))
        return false;
    snprintf(key, sizeof key, "%s/intermediate", name);
    snprintf(subject, sizeof subject, "ide-emu-%s-intermediate", name);
    snprintf(command, sizeof command,
             "req -x509 " NEW_KEY SIGNED
             " -extensions intermediate -out %s/intermediate.pem -CA %s/root.pem -CAkey %s/root.key",
             AUTHORITY_KEY, key, subject, name, name, name);
    return run(ids, command, error, size);
}

static void leaf_command(char command[static COMMAND_MAX], const struct platform_function *f, enum identity_kind kind)
{
    char bdf[PCIE_BDF_TEXT], leaf[64], section[NAME_MAX_TEXT];
    pcie_bdf_format(&f->bdf, bdf);
    snprintf(leaf, sizeof leaf, "%s/%s", bdf, variants[kind].file);
    section_name(section, variants[kind].section, f);
    const char *authority = variants[kind].authority;
    snprintf(command, COMMAND_MAX,
             "req -x509 " NEW_KEY SIGNED " -extensions %s -out %s.pem -CA %s/intermediate.pem -CAkey "
             "%s/intermediate.key",
             f->spdm.key->openssl, leaf, bdf, section, leaf, authority, authority);
}

/* `req` cannot date a certificate back; `ca` can. */
static bool make_expired(const struct identities *ids, const struct platform_function *f, char *error, size_t size)
{
    char command[COMMAND_MAX], bdf[PCIE_BDF_TEXT], leaf[64], section[NAME_MAX_TEXT];
    pcie_bdf_format(&f->bdf, bdf);
    snprintf(leaf, sizeof leaf, "%s/%s", bdf, variants[IDENTITY_EXPIRED].file);
    snprintf(command, sizeof command, "req -new " NEW_KEY " -out %s.csr", f->spdm.key->openssl, leaf, bdf, leaf);
    if (!write_file(ids, "index.txt", NULL, error, size) || !run(ids, command, error, size))
        return false;
    snprintf(command, sizeof command,
             "ca -batch -notext -config openssl.cnf -name ca -extensions %s -startdate 20200101000000Z -enddate "
             "20200201000000Z -cert authority/intermediate.pem -keyfile authority/intermediate.key -in %s.csr -out "
             "%s.pem",
             section_name(section, variants[IDENTITY_EXPIRED].section, f), leaf, leaf);
    return run(ids, command, error, size);
}

static bool make_leaves(const struct identities *ids, char *error, size_t size)
{
    const struct platform *p = ids->platform;
    pid_t running[PLATFORM_FUNCTIONS_MAX];
    size_t started = 0, ended = 0;
    bool ok = true;
    for (size_t i = 0; i < p->count && ok; i++) {
        char command[COMMAND_MAX], bdf[PCIE_BDF_TEXT];
        const struct platform_function *f = &p->functions[i];
        if (!has_identity(f))
            continue;
        if (!make_folder(ids, pcie_bdf_format(&f->bdf, bdf), error, size)) {
            ok = false;
            break;
        }
        leaf_command(command, f, IDENTITY_OWN);
        running[started++] = openssl_start(ids->directory, command);
        if (started - ended == PARALLEL && !openssl_wait(running[ended++]))
            ok = openssl_failed(ids, error, size);
    }
    while (ended < started)
        if (!openssl_wait(running[ended++]))
            ok = openssl_failed(ids, error, size);
    return ok;
}

static bool publish_root(const struct identities *ids, char *error, size_t size)
{
    return make_folder(ids, "trust", error, size) &&
           run(ids, "x509 -in authority/root.pem -out trust/root.pem", error, size);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void remove_folder(const struct identities *ids, const char *name)
{
    char path[PATH_TEXT];
    path_in(ids, path, name, "");
    nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* What was made for another platform would be taken for this one's if it stayed. The user's own files do. */
static void forget(const struct identities *ids)
{
    char path[PATH_TEXT];
    path_in(ids, path, "", "made-for");
    unlink(path);
    remove_folder(ids, AUTHORITY);
    remove_folder(ids, FOREIGN);
    DIR *directory = opendir(ids->directory);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        struct pcie_bdf bdf;
        if (pcie_bdf_parse(entry->d_name, &bdf) == IDE_OK)
            remove_folder(ids, entry->d_name);
    }
    if (directory)
        closedir(directory);
}

static bool make_all(const struct identities *ids, char *error, size_t size)
{
    if (is_made(ids))
        return true;
    forget(ids);
    return write_file(ids, "openssl.cnf", print_config, error, size) &&
           make_authority(ids, AUTHORITY, error, size) && make_leaves(ids, error, size) &&
           publish_root(ids, error, size) && write_file(ids, "made-for", print_made_for, error, size);
}

/* Two programs that are given the same directory must not both make what is in it. */
static int lock_directory(const struct identities *ids)
{
    char path[PATH_TEXT];
    path_in(ids, path, "", ".lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0)
        flock(fd, LOCK_EX);
    return fd;
}

bool identities_open(struct identities *ids, const struct platform *platform, const char *directory, char *error,
                     size_t size)
{
    *ids = (struct identities){.platform = platform, .temporary = !directory};
    const char *tmp = getenv("TMPDIR");
    if (directory)
        snprintf(ids->directory, sizeof ids->directory, "%s", directory);
    else
        snprintf(ids->directory, sizeof ids->directory, "%s/ide-emu.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (ids->temporary && !mkdtemp(ids->directory))
        return failed(error, size, "%s: %s", ids->directory, strerror(errno));
    if (!make_folder(ids, "", error, size))
        return false;
    int lock = lock_directory(ids);
    if (lock < 0)
        return failed(error, size, "%s: %s", ids->directory, strerror(errno));
    bool ok = make_all(ids, error, size);
    close(lock);
    if (!ok)
        identities_close(ids);
    return ok;
}

void identities_close(struct identities *ids)
{
    if (ids->temporary)
        nftw(ids->directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    *ids = (struct identities){0};
}

static bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool make_variant(const struct identities *ids, const struct platform_function *f, enum identity_kind kind,
                         char *error, size_t size)
{
    char command[COMMAND_MAX], root[PATH_TEXT];
    path_in(ids, root, FOREIGN, "intermediate.pem");
    if (kind == IDENTITY_EXPIRED)
        return make_expired(ids, f, error, size);
    if (kind == IDENTITY_FOREIGN && !file_exists(root) && !make_authority(ids, FOREIGN, error, size))
        return false;
    leaf_command(command, f, kind);
    return run(ids, command, error, size);
}

bool identities_load(const struct identities *ids, const struct platform_function *f, enum identity_kind kind,
                     struct credential *credential, char *error, size_t size)
{
    char root[PATH_TEXT], intermediate[PATH_TEXT], leaf[PATH_TEXT], key[PATH_TEXT], file[64], bdf[PCIE_BDF_TEXT];
    pcie_bdf_format(&f->bdf, bdf);
    path_in(ids, root, variants[kind].authority, "root.pem");
    path_in(ids, intermediate, variants[kind].authority, "intermediate.pem");
    snprintf(file, sizeof file, "%s.pem", variants[kind].file);
    path_in(ids, leaf, bdf, file);
    snprintf(file, sizeof file, "%s.key", variants[kind].file);
    path_in(ids, key, bdf, file);

    int lock = lock_directory(ids);
    bool ok = file_exists(leaf) || make_variant(ids, f, kind, error, size);
    if (lock >= 0)
        close(lock);
    const struct credential_files files = {{root, intermediate, leaf}, key};
    ok = ok && credential_load(credential, &files, hash_choose(f->spdm.base_hash)->id, error, size);
    if (ok && kind == IDENTITY_DEFORMED)
        credential_deform(credential);
    return ok;
}
