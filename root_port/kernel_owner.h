/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Linux says, in sysfs, that is its own (6.19 and later: drivers/pci/ide.c, drivers/pci/tsm.c): devices
 * that a TEE Security Manager has connected, and IDE streams that the kernel has allocated. They are left
 * alone.
 */
#ifndef ROOT_PORT_KERNEL_OWNER_H
#define ROOT_PORT_KERNEL_OWNER_H

#include <stdbool.h>

#include "root_port/ide_cap.h"
#include "root_port/pcie_access.h"

#define KERNEL_TSM_MAX 64u /* bytes of a TSM's name, with its NUL */

/* The TSM that has connected the device: what tsm/connect names. False if there is none. */
bool kernel_tsm(const struct pcie_access *access, const struct pcie_bdf *device,
                char name[static KERNEL_TSM_MAX]);

/* A selective stream as "streamH.R.E" under the host bridge shows it: R and E are the blocks at both ends. */
struct kernel_stream {
    struct pcie_bdf root_port, endpoint;
    unsigned root_port_block, endpoint_block;
};

/*
 * The kernel's streams under the host bridge of a root port, room of them at the most; how many. The host
 * bridge is the directory pciDDDD:BB that the root port's own is in, or, in a tree without symbolic links,
 * the one of that name next to devices/.
 */
size_t kernel_streams(const struct pcie_access *access, const struct pcie_bdf *root_port,
                      struct kernel_stream *list, size_t room);

/* Whether one of the streams has this selective block of the port. */
bool kernel_has_block(const struct kernel_stream *list, size_t count, const struct pcie_bdf *port,
                      unsigned block);

/* Keeps those blocks of the port from being claimed, whatever their registers say yet. */
void kernel_keep_blocks(const struct pcie_access *access, const struct pcie_bdf *root_port,
                        struct ide_port *port);

#endif
