/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of an operator's besides the configuration: reference values, pre-shared keys, trusted certificates.
 * Any bytes: what is wrong is said with the file, and nothing is taken by half.
 *
 * Input: one byte that says which, and the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ide-kmd/credentials.h"
#include "tools/ide-kmd/reference_store.h"
#include "tools/ide-kmd/trust_store.h"

static char path[64];
static int fd = -1;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void write_file(const uint8_t *data, size_t size)
{
    if (fd < 0) {
        fd = memfd_create("input", MFD_CLOEXEC);
        require(fd >= 0 && fchmod(fd, 0600) == 0);
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    require(ftruncate(fd, 0) == 0 && pwrite(fd, data, size, 0) == (ssize_t)size);
}

static void check_failure(enum ide_err err, const struct failure *failure)
{
    require(failure->err == err && strncmp(failure->message, path, strlen(path)) == 0);
}

static void read_references(void)
{
    static const struct cma_ids ids = {.vendor = 0x1b36, .device = 0x0010};
    static const struct pcie_bdf bdf = {.bus = 1};
    struct reference_store store = {0};
    struct reference_values values;
    struct failure failure = {0};
    enum ide_err err = reference_store_load(&store, path, &failure);
    if (err != IDE_OK)
        check_failure(err, &failure);
    else
        require(reference_store_find(&store, &bdf, &ids, &values) == IDE_OK);
    for (size_t i = 0; err == IDE_OK && i < values.count; i++)
        require(values.list[i].index >= 1 && values.list[i].len >= 1 &&
                values.list[i].len <= REFERENCE_VALUE_MAX);
    if (err == IDE_OK)
        reference_values_release(&values);
    reference_store_close(&store);
}

static void read_keys(void)
{
    static struct credentials c;
    struct spdm_options options = spdm_options_default;
    struct failure failure = {0};
    options.psk = path;
    memset(&c, 0, sizeof c);
    enum ide_err err = credentials_load(&c, &options, &failure);
    if (err != IDE_OK)
        check_failure(err, &failure);
    for (size_t i = 0; i < c.psk_count; i++)
        require(c.psks[i].psk.secret_len >= 1 && c.psks[i].psk.secret_len <= CREDENTIALS_SECRET_MAX &&
                c.psks[i].psk.hint_len == strlen(c.psks[i].hint));
    credentials_close(&c);
}

static void read_certificates(void)
{
    static struct trust_store store;
    memset(&store, 0, sizeof store);
    if (trust_store_add_file(&store, path))
        require(store.trust.anchor_count > 0);
    for (size_t i = 0; i < store.trust.anchor_count; i++)
        require(store.trust.anchors[i].len >= 2 && store.trust.anchors[i].der[0] == 0x30);
    trust_store_close(&store);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const readers[])(void) = {read_references, read_keys, read_certificates};
    if (size == 0)
        return 0;
    write_file(data + 1, size - 1);
    readers[data[0] % (sizeof readers / sizeof *readers)]();
    return 0;
}
