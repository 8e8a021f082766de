/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which requests a port takes and passes on, by its Command register (PCIe 6.x §7.5.1.1.3):
 *
 *   Memory Space Enable, I/O Space Enable   from the host to what is below the port, and to its own BARs
 *   Bus Master Enable                       from below to the host; and its own interrupts, if they are MSI
 *
 * What is not taken is an Unsupported Request. Configuration requests, messages and all completions pass
 * whatever the bits say. Of an endpoint, Bus Master Enable lets it send memory requests at all.
 */
#ifndef ROOT_PORT_FORWARDING_H
#define ROOT_PORT_FORWARDING_H

#include "root_port/pcie_config.h"

/* Of a port: all that is above; and what comes from the host alone. */
#define FORWARDING_ALL  (PCIE_COMMAND_IO | PCIE_COMMAND_MEMORY | PCIE_COMMAND_MASTER)
#define FORWARDING_HOST (PCIE_COMMAND_IO | PCIE_COMMAND_MEMORY)

/* The Command register as it is. IDE_E_IO if the function does not answer. */
enum ide_err forwarding_read(const struct pcie_config *config, uint16_t *command,
                             struct ide_fault *fault) MUST_USE;

/*
 * Clears some bits of a register that was read just before, and sets others; no write if nothing changes,
 * else it is read back. Errors: IDE_E_IO; IDE_E_REGISTER if a bit that was to be cleared is still set. A bit
 * that stays clear is no error: ports may lack I/O.
 */
enum ide_err forwarding_write(const struct pcie_config *config, uint16_t command, uint16_t clear,
                              uint16_t set, struct ide_fault *fault) MUST_USE;

#endif
