/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/pcie_access.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pci/pci.h>

#define STEP          "configuration space"
#define SYSFS_DEFAULT "/sys/bus/pci"

/*
 * libpci's error hook must not return and is given no context. What would call it is
 * kept away: the method is there, paths are short, accesses are aligned (pcie_config.c),
 * and the directory is read here and not by pci_scan_bus(), which ends the program at a
 * name that it does not know. Running out of memory is what is left.
 */
static void __attribute__((noreturn)) libpci_error(char *message, ...)
{
    (void)message;
    abort();
}

/* An access that fails is answered to the caller; libpci would print it. */
static void libpci_warning(char *message, ...)
{
    (void)message;
}

enum ide_err pcie_access_open(struct pcie_access *access, const char *sysfs_path, struct ide_fault *fault)
{
    const char *path = sysfs_path ? sysfs_path : SYSFS_DEFAULT;
    *access = (struct pcie_access){0};
    if (strlen(path) >= PCIE_SYSFS_PATH_MAX)
        return ide_fail(fault, IDE_E_ARGUMENT, STEP, "sysfs path");
    snprintf(access->devices, sizeof access->devices, "%s/devices", path);
    if (faccessat(AT_FDCWD, access->devices, R_OK | X_OK, AT_EACCESS) != 0)
        return ide_fail(fault, IDE_E_ACCESS, STEP, "devices directory");
    if (pci_lookup_method("linux-sysfs") != PCI_ACCESS_SYS_BUS_PCI)
        return ide_fail(fault, IDE_E_ACCESS, STEP, "libpci method linux-sysfs");

    access->pci = pci_alloc();
    access->pci->method = PCI_ACCESS_SYS_BUS_PCI;
    access->pci->error = libpci_error;
    access->pci->warning = libpci_warning;
    if (sysfs_path && pci_set_param(access->pci, "sysfs.path", (char *)sysfs_path) != 0)
        return ide_fail(fault, IDE_E_ACCESS, STEP, "libpci parameter sysfs.path");
    pci_init(access->pci);
    return IDE_OK;
}

void pcie_access_close(struct pcie_access *access)
{
    if (access->pci)
        pci_cleanup(access->pci);
    *access = (struct pcie_access){0};
}

struct function_list {
    struct pcie_presence *functions;
    size_t count, room;
};

static bool list_add(struct function_list *list, const struct pcie_presence *function)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct pcie_presence *functions = reallocarray(list->functions, room, sizeof *functions);
        if (!functions)
            return false;
        list->functions = functions;
        list->room = room;
    }
    list->functions[list->count++] = *function;
    return true;
}

static int compare_functions(const void *a, const void *b)
{
    const struct pcie_presence *x = a, *y = b;
    return pcie_bdf_compare(&x->bdf, &y->bdf);
}

/* Of a symbolic link, which sysfs has there, it is the link's own inode: that is made with the device, too.
 */
static enum ide_err read_names(DIR *directory, struct function_list *list, struct ide_fault *fault)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        struct pcie_presence function = {.serial = entry->d_ino ? entry->d_ino : 1};
        if (pcie_bdf_parse(entry->d_name, &function.bdf) == IDE_OK && !list_add(list, &function))
            return ide_fail(fault, IDE_E_MEMORY, STEP, "list of functions");
    }
    return errno == 0 ? IDE_OK : ide_fail(fault, IDE_E_ACCESS, STEP, "devices directory");
}

enum ide_err pcie_access_list(const struct pcie_access *access, struct pcie_presence **list, size_t *count,
                              struct ide_fault *fault)
{
    struct function_list found = {0};
    *list = NULL;
    *count = 0;
    DIR *directory = opendir(access->devices);
    if (!directory)
        return ide_fail(fault, IDE_E_ACCESS, STEP, "devices directory");
    enum ide_err err = read_names(directory, &found, fault);
    closedir(directory);
    if (err != IDE_OK) {
        free(found.functions);
        return err;
    }
    if (found.count > 0)
        qsort(found.functions, found.count, sizeof *found.functions, compare_functions);
    *list = found.functions;
    *count = found.count;
    return IDE_OK;
}

/* FNV-1a with words for bytes, and what is above brought down: of two lists that differ in one word it always
 * differs. */
static uint64_t digest_add(uint64_t digest, uint64_t word)
{
    digest = (digest ^ word) * UINT64_C(0x100000001b3);
    return digest ^ digest >> 32;
}

uint64_t pcie_presence_digest(const struct pcie_presence *list, size_t count)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < count; i++) {
        digest = digest_add(digest, (uint64_t)list[i].bdf.domain << 32 | pcie_bdf_rid(&list[i].bdf) << 1 |
                                        list[i].silent);
        digest = digest_add(digest, list[i].serial);
    }
    return digest ? digest : 1;
}

/* Blocks, not pci_read_long(): that one cannot say that the access failed. */
static bool libpci_read(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    if (!pci_read_block(context, (int)offset, bytes, (int)size))
        return false;
    *value =
        (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return true;
}

static bool libpci_write(void *context, unsigned offset, unsigned size, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    return pci_write_block(context, (int)offset, bytes, (int)size) != 0;
}

static bool in_tree(const struct pcie_access *access, const struct pcie_bdf *bdf)
{
    char name[PCIE_BDF_TEXT], path[sizeof access->devices + PCIE_BDF_TEXT + sizeof "/config"];
    snprintf(path, sizeof path, "%s/%s/config", access->devices, pcie_bdf_format(bdf, name));
    return faccessat(AT_FDCWD, path, F_OK, 0) == 0 || errno != ENOENT;
}

enum ide_err pcie_function_bind(struct pcie_function *function, struct pcie_access *access,
                                const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    *function = (struct pcie_function){.bdf = *bdf};
    if (!in_tree(access, bdf))
        return ide_fail(fault, IDE_E_NO_DEVICE, STEP, NULL);
    function->dev = pci_get_dev(access->pci, (int)bdf->domain, bdf->bus, bdf->device, bdf->function);
    function->config =
        (struct pcie_config){.read = libpci_read, .write = libpci_write, .context = function->dev};
    return IDE_OK;
}

enum ide_err pcie_function_open(struct pcie_function *function, struct pcie_access *access,
                                const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    uint32_t id, beyond_header;
    enum ide_err err = pcie_function_bind(function, access, bdf, fault);
    if (err != IDE_OK)
        return err;
    if (!libpci_read(function->dev, PCIE_VENDOR_ID, 4, &id))
        return ide_fail(fault, IDE_E_ACCESS, STEP, "Vendor ID");
    if (id == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_NO_DEVICE, STEP, "Vendor ID");
    if (!access->reads_all && !libpci_read(function->dev, PCIE_STD_HEADER_SIZE, 4, &beyond_header))
        return ide_fail(fault, IDE_E_ACCESS, STEP, "capabilities");
    access->reads_all = true; /* who may read one function's may read all */
    return IDE_OK;
}

bool pcie_function_read(const struct pcie_function *function, unsigned offset, uint8_t *bytes, unsigned size)
{
    return function->dev && offset + size <= PCIE_CONFIG_SIZE &&
           pci_read_block(function->dev, (int)offset, bytes, (int)size) != 0;
}

void pcie_function_close(struct pcie_function *function)
{
    if (function->dev)
        pci_free_dev(function->dev);
    *function = (struct pcie_function){0};
}
