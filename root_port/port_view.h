/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One function as somebody sees it who looks often: opened once, with an access
 * of its own, because libpci keeps the file of the last function open only, and
 * the places of its registers known, so that a look is one read.
 */
#ifndef ROOT_PORT_PORT_VIEW_H
#define ROOT_PORT_PORT_VIEW_H

#include "root_port/aer.h"
#include "root_port/ide_cap.h"
#include "root_port/pcie_access.h"

#define PORT_VIEW_NEAR 512u /* bytes in one access: on hardware a read takes time for each dword */

struct port_view {
    bool is_open;
    struct pcie_access access;
    struct pcie_function function;
    struct ide_port ide;
    uint16_t exp, aer, doe; /* offsets of capabilities; 0: it has none. doe: the first mailbox */
};

/* Errors as pcie_access_open(), pcie_function_open() and ide_port_open(). A switch port without IDE is fine.
 */
enum ide_err port_view_open(struct port_view *view, const char *sysfs, const struct pcie_bdf *bdf,
                            struct ide_fault *fault) MUST_USE;
void port_view_close(struct port_view *view);

/* Registers of a stream's block as two adjacent dwords: control, status. */
struct port_block {
    uint32_t control, status;
};

/* Where the registers of blocks are that are read in one access; false if they are too far from each other.
 */
bool port_view_range(const struct port_view *view, const struct ide_block *blocks, size_t count,
                     unsigned *offset, unsigned *size);
/* What the bytes of such a range, which begins at offset, say of the blocks. */
void port_view_take(const struct port_view *view, const struct ide_block *blocks, size_t count,
                    unsigned offset, const uint8_t *bytes, struct port_block *out);

/*
 * Reads the blocks' registers, in one access if they are near each other. False if the function does not
 * answer; a block of which only one did reads as all ones.
 */
bool port_view_blocks(const struct port_view *view, const struct ide_block *blocks, size_t count,
                      struct port_block *out);

/*
 * Data Link Layer Link Active of the port above a link (PCIe 6.x §7.5.3.8). Inactive is no proof that the
 * link is down: a port that cannot tell says so always, and there are some that can by their Link
 * Capabilities and never say anything else. Unknown: it does not answer, or is not PCI Express.
 */
enum port_link { PORT_LINK_UNKNOWN, PORT_LINK_ACTIVE, PORT_LINK_INACTIVE };
/* As Link Status has it. */
enum port_link port_link_of(uint16_t status);
enum port_link port_view_link(const struct port_view *view);
/* The same of a port that is looked at this once. */
enum port_link port_link(struct pcie_access *access, const struct pcie_bdf *bdf);

#endif
