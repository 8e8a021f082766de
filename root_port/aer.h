/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Uncorrectable errors in the Advanced Error Reporting extended capability
 * (PCIe 6.x §7.8.4), as far as links and IDE are concerned. Its registers are
 * the system's: Linux's AER driver, or firmware, reads and clears them.
 */
#ifndef ROOT_PORT_AER_H
#define ROOT_PORT_AER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root_port/pcie_access.h"
#include "root_port/pcie_config.h"

/* Bits of the Uncorrectable Error Status register that a stream's TLPs can raise and nothing else can. */
#define PCIE_AER_IDE_CHECK_FAILED  0x10000000u
#define PCIE_AER_MISROUTED_IDE     0x20000000u
#define PCIE_AER_PCRC_CHECK_FAILED 0x40000000u
#define PCIE_AER_IDE               0x70000000u

/* Offset of the capability; 0 if there is none. */
uint16_t aer_find(const struct pcie_config *config);

/* The errors that the function shows; 0 if it shows none, has no capability (cap 0) or does not answer. */
uint32_t aer_read(const struct pcie_config *config, uint16_t cap);

/* Clears these errors. False if the access did not take place. */
bool aer_clear(const struct pcie_config *config, uint16_t cap, uint32_t errors) MUST_USE;

/* The name of the lowest bit in errors, which is taken out; NULL if there is none, "reserved" for one
 * without. */
const char *aer_next_name(uint32_t *errors);

/*
 * Whether Linux's AER driver serves this root port, and so reads and clears the registers of all that is
 * below: its port service shows in sysfs as BDF/BDF:pcie002 with a driver (drivers/pci/pcie/portdrv.c).
 */
bool aer_is_kernels(const struct pcie_access *access, const struct pcie_bdf *root_port);

#endif
