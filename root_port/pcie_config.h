/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space of one function, and what is read from it in the same way
 * for every function. All register-level code of root_port/ goes through struct
 * pcie_config, so a test puts a device of its own making there.
 */
#ifndef ROOT_PORT_PCIE_CONFIG_H
#define ROOT_PORT_PCIE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root_port/pcie_bdf.h"
#include "root_port/pcie_regs.h"

/*
 * size is 1, 2 or 4 bytes, offset is a multiple of it and below PCIE_CONFIG_SIZE.
 * False says that the access did not take place (the file is gone, no privilege);
 * *value then does not matter.
 */
struct pcie_config {
    bool (*read)(void *context, unsigned offset, unsigned size, uint32_t *value);
    bool (*write)(void *context, unsigned offset, unsigned size, uint32_t value);
    void *context;
};

/* Reads. An access that fails, or lies outside, gives all ones, as a function that is not there does. */
uint8_t pcie_read8(const struct pcie_config *config, unsigned offset);
uint16_t pcie_read16(const struct pcie_config *config, unsigned offset);
uint32_t pcie_read32(const struct pcie_config *config, unsigned offset);

/* Writes. False if the access did not take place; true does not say that the register took the value. */
bool pcie_write8(const struct pcie_config *config, unsigned offset, uint8_t value) MUST_USE;
bool pcie_write16(const struct pcie_config *config, unsigned offset, uint16_t value) MUST_USE;
bool pcie_write32(const struct pcie_config *config, unsigned offset, uint32_t value) MUST_USE;

/* A register field, given by its mask (not 0). */
uint32_t field_get(uint32_t mask, uint32_t value);
uint32_t field_put(uint32_t mask, uint32_t value);

/*
 * The offset of the capability with this id (PCIe 6.x §7.5.3), 0 if there is none.
 * The list comes from the device: the walk ends at 0, at all ones, at an offset
 * inside the header, and at one that it has seen.
 */
uint16_t pcie_find_cap(const struct pcie_config *config, uint8_t id);

/* The same for an extended capability (PCIe 6.x §7.6.3); nth counts from 0 those with the same id. */
uint16_t pcie_find_ext_cap(const struct pcie_config *config, uint16_t id, unsigned nth);

/* What identifies a function; the names of CMA's subject alternative name (PCIe 6.x §6.31.3). */
struct pcie_ids {
    uint16_t vendor, device;
    uint32_t class_code; /* 24 bits: base class, sub-class, programming interface */
    uint8_t revision;
    uint16_t subsystem_vendor, subsystem; /* 0 where a bridge does not tell them */
};

/* All extended capabilities of a function in one walk, in their order. */
struct pcie_ext_cap {
    uint16_t id, offset;
};
#define PCIE_EXT_CAPS_MAX 64u
/* How many there are; what has no room in list is left out. */
unsigned pcie_list_ext_caps(const struct pcie_config *config, struct pcie_ext_cap list[static PCIE_EXT_CAPS_MAX]);

/* IDE_E_NO_DEVICE if the function reads as all ones. */
enum ide_err pcie_read_ids(const struct pcie_config *config, struct pcie_ids *ids,
                           struct ide_fault *fault) MUST_USE;

/* Device/Port Type of the PCI Express Capabilities register (PCIe 6.x §7.5.3.2). */
enum pcie_port_type {
    PCIE_TYPE_ENDPOINT = 0,
    PCIE_TYPE_LEGACY_ENDPOINT = 1,
    PCIE_TYPE_ROOT_PORT = 4,
    PCIE_TYPE_UPSTREAM = 5,
    PCIE_TYPE_DOWNSTREAM = 6,
    PCIE_TYPE_PCI_BRIDGE = 7,  /* PCI Express to PCI */
    PCIE_TYPE_PCIE_BRIDGE = 8, /* PCI to PCI Express */
    PCIE_TYPE_RC_ENDPOINT = 9,
    PCIE_TYPE_RC_EVENT = 10,
    PCIE_TYPE_NONE = 0xff /* no PCI Express capability */
};

/* A value that the specification does not define comes out as PCIE_TYPE_NONE. */
enum pcie_port_type pcie_read_port_type(const struct pcie_config *config);

/* A short name for people and JSON: "root port", "endpoint". Never NULL. */
const char *pcie_port_type_name(enum pcie_port_type type);

/* Whether the function's link is in Flit Mode (PCIe 6.x §7.5.3.20): only then do TLPs carry a segment. */
bool pcie_flit_mode(const struct pcie_config *config);

/*
 * Which traffic classes the function's enabled virtual channels carry, a bit for each: what has another one
 * it neither sends nor takes (PCIe 6.x §2.5). All of them without the capability, and where it cannot be
 * read; bit 0 always.
 */
uint8_t pcie_traffic_classes(const struct pcie_config *config);

/* Link Status (PCIe 6.x §7.5.3.8): speed and width; 0 if there is none. */
uint16_t pcie_link_status(const struct pcie_config *config);

/*
 * How long a function waits for a completion at most, in milliseconds, by its Device Control 2 (PCIe 6.x
 * §7.5.3.16): 50 after a reset, and for values without a meaning; UINT32_MAX with Completion Timeout Disable.
 */
uint32_t pcie_completion_timeout_ms(uint16_t device_control_2);

/*
 * The requester IDs of a function: its own, through its last virtual function if
 * SR-IOV is enabled (PCIe 6.x §9.3.3). A count or stride that leaves the 16 bits
 * ends at 0xffff.
 */
void pcie_rid_range(const struct pcie_config *config, const struct pcie_bdf *bdf, uint16_t *first,
                    uint16_t *last);

/* Addresses base to limit, both included; none if base is above limit. */
struct pcie_window {
    uint64_t base, limit;
};

/* The two memory windows that a bridge forwards downstream (PCIe 6.x §7.5.1.3), whole multiples of 1 MiB. */
void pcie_bridge_windows(const struct pcie_config *config, struct pcie_window *memory,
                         struct pcie_window *prefetchable);
/* How many of the two are open: 0 to 2. */
unsigned pcie_bridge_window_count(const struct pcie_config *config);

#endif
