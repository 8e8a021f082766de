/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way to configuration space: libpci's linux-sysfs method, and nothing else.
 * Hardware, the emulated platform and a guest differ in the directory only.
 *
 * libpci is not thread-safe: one struct pcie_access for each thread.
 */
#ifndef ROOT_PORT_PCIE_ACCESS_H
#define ROOT_PORT_PCIE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "root_port/pcie_bdf.h"
#include "root_port/pcie_config.h"

struct pci_access; /* libpci's */
struct pci_dev;

#define PCIE_SYSFS_PATH_MAX 512 /* libpci ends the program when a whole path passes 1023 */

struct pcie_access {
    struct pci_access *pci;                 /* owned */
    bool reads_all;                         /* beyond the header, too, as was tried with some function */
    char devices[PCIE_SYSFS_PATH_MAX + 16]; /* the directory that holds one directory for each function */
};

/*
 * Opens the tree at sysfs_path ("/tmp/platform": has devices/0000:00:03.0/config), or /sys/bus/pci if it is
 * NULL. Errors: IDE_E_ARGUMENT for a path that is too long, IDE_E_ACCESS if it has no devices directory that
 * can be read, or libpci has no linux-sysfs. Close with pcie_access_close(), also after a failure.
 */
enum ide_err pcie_access_open(struct pcie_access *access, const char *sysfs_path,
                              struct ide_fault *fault) MUST_USE;
void pcie_access_close(struct pcie_access *access);

/* A function that is in the tree. */
struct pcie_presence {
    struct pcie_bdf bdf;
    uint64_t
        serial;  /* never 0, and another one each time it is added: its inode number, as sysfs gives them */
    bool silent; /* it could not be read; topology_read() says so, pcie_access_list() asks nobody */
};

/*
 * The functions there are, in order. Names in the directory that are no BDF are passed over.
 * *list is the caller's to free(); NULL if there are none. Errors: IDE_E_ACCESS, IDE_E_MEMORY.
 */
enum ide_err pcie_access_list(const struct pcie_access *access, struct pcie_presence **list, size_t *count,
                              struct ide_fault *fault) MUST_USE;

/* A number that says which list it is: of another list it is another one, but for one chance in 2^64. Never
 * 0. */
uint64_t pcie_presence_digest(const struct pcie_presence *list, size_t count);

struct pcie_function {
    struct pcie_bdf bdf;
    struct pcie_config config; /* valid until the function is closed; refers to dev, not to this struct */
    struct pci_dev *dev;       /* owned */
};

/*
 * Opens one function. Close it before its access; also after a failure.
 * Errors: IDE_E_NO_DEVICE if it is not in the tree or reads as all ones, IDE_E_ACCESS if it is there and its
 * configuration space cannot be read (beyond the header, Linux lets only root).
 */
enum ide_err pcie_function_open(struct pcie_function *function, struct pcie_access *access,
                                const struct pcie_bdf *bdf, struct ide_fault *fault) MUST_USE;
/* The same without any access to the function, for one that must not be talked to before it was written to: that it is in
 * the tree is all that is known. IDE_E_NO_DEVICE. */
enum ide_err pcie_function_bind(struct pcie_function *function, struct pcie_access *access,
                                const struct pcie_bdf *bdf, struct ide_fault *fault) MUST_USE;
void pcie_function_close(struct pcie_function *function);

/* Several registers at once. False if the access did not take place. */
bool pcie_function_read(const struct pcie_function *function, unsigned offset, uint8_t *bytes, unsigned size);

#endif
