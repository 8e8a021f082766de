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

struct bdf_list {
    struct pcie_bdf *bdfs;
    size_t count, room;
};

static bool list_add(struct bdf_list *list, const struct pcie_bdf *bdf)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 64;
        struct pcie_bdf *bdfs = reallocarray(list->bdfs, room, sizeof *bdfs);
        if (!bdfs)
            return false;
        list->bdfs = bdfs;
        list->room = room;
    }
    list->bdfs[list->count++] = *bdf;
    return true;
}

static int compare_bdfs(const void *a, const void *b)
{
    return pcie_bdf_compare(a, b);
}

static enum ide_err read_names(DIR *directory, struct bdf_list *list, struct ide_fault *fault)
{
    const struct dirent *entry;
    while (errno = 0, (entry = readdir(directory)) != NULL) {
        struct pcie_bdf bdf;
        if (pcie_bdf_parse(entry->d_name, &bdf) == IDE_OK && !list_add(list, &bdf))
            return ide_fail(fault, IDE_E_MEMORY, STEP, "list of functions");
    }
    return errno == 0 ? IDE_OK : ide_fail(fault, IDE_E_ACCESS, STEP, "devices directory");
}

enum ide_err pcie_access_list(const struct pcie_access *access, struct pcie_bdf **list, size_t *count,
                              struct ide_fault *fault)
{
    struct bdf_list found = {0};
    *list = NULL;
    *count = 0;
    DIR *directory = opendir(access->devices);
    if (!directory)
        return ide_fail(fault, IDE_E_ACCESS, STEP, "devices directory");
    enum ide_err err = read_names(directory, &found, fault);
    closedir(directory);
    if (err != IDE_OK) {
        free(found.bdfs);
        return err;
    }
    if (found.count > 0)
        qsort(found.bdfs, found.count, sizeof *found.bdfs, compare_bdfs);
    *list = found.bdfs;
    *count = found.count;
    return IDE_OK;
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
