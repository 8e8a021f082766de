/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Configuration space of a function as real ones look: header, capabilities, what software may write. */
#ifndef IDE_EMU_FUNCTION_CONFIG_H
#define IDE_EMU_FUNCTION_CONFIG_H

#include "tools/ide-emu/config_space.h"
#include "tools/ide-emu/platform.h"

/* What the system's firmware decides: where a function's memory is. */
struct function_resources {
    uint64_t bar_base;                    /* of BAR 0, if it has one */
    struct pcie_window memory, prefetchable; /* of a port; base above limit: closed */
};

/* Gives every function its place in memory; resources has platform->count entries. */
void function_assign_resources(const struct platform *platform, struct function_resources *resources);

/* Writes header and capabilities except DOE and IDE. Gives the offset of the PCI Express capability. */
uint16_t function_config_build(struct config_space *c, const struct platform_function *f,
                               const struct function_resources *resources);

/* Adds a DOE extended capability; 0 if there is no room. */
uint16_t function_config_add_doe(struct config_space *c);

/* Registers of an endpoint's header that the link looks at (PCIe 6.x §7.5.1). */
#define FUNCTION_COMMAND 0x04u
#define FUNCTION_COMMAND_MEMORY 0x0002u
#define FUNCTION_COMMAND_MASTER 0x0004u
#define FUNCTION_BAR0 0x10u

#define EXP_SLTSTA 0x1au
#define EXP_SLTSTA_PRESENT 0x0040u

#define EXP_DEVCTL 0x08u
#define EXP_DEVCTL_PAYLOAD 0x00e0u   /* Max_Payload_Size: 128 << value */
#define EXP_DEVCTL_FLR 0x8000u   /* Initiate Function Level Reset */

#endif
