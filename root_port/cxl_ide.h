/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CXL IDE capability of a function (CXL 3.1 §8.2.4.22): found through the
 * Register Locator DVSEC in configuration space, reached in a BAR. It says what the
 * port can do and what state its link is in; keys go other ways.
 */
#ifndef ROOT_PORT_CXL_IDE_H
#define ROOT_PORT_CXL_IDE_H

#include "ide_km/cxl_ide_km.h"
#include "root_port/cxl_regs.h"
#include "root_port/kcu_memory.h"
#include "root_port/pcie_config.h"

/* Where the component registers are. IDE_E_CAPABILITY if the function has no such DVSEC, or none that is
 * whole. */
enum ide_err cxl_ide_locate(const struct pcie_config *config, unsigned *bar, uint64_t *offset,
                            struct ide_fault *fault) MUST_USE;

struct cxl_ide_port {
    struct kcu_memory memory; /* the cachemem registers, of a port opened with cxl_ide_open() */
    struct kcu_access access;
    uint32_t at;  /* of the CXL IDE capability in them */
    uint32_t cap; /* its capability register */
};

/*
 * Opens the registers in the BAR's file, "/sys/bus/pci/devices/0000:00:03.0/resource" and the BAR's number
 * behind it. Close also after a failure. Errors: those of cxl_ide_locate() and cxl_ide_look(), IDE_E_ACCESS.
 */
enum ide_err cxl_ide_open(struct cxl_ide_port *port, const struct pcie_config *config, const char *resource,
                          struct ide_fault *fault) MUST_USE;
void cxl_ide_close(struct cxl_ide_port *port);

/* What follows the opening: walks the capabilities in port->access. IDE_E_IO for registers that read as ones,
 * IDE_E_CAPABILITY with what there is not: CXL.cachemem registers, CXL IDE, AES-GCM-256. */
enum ide_err cxl_ide_look(struct cxl_ide_port *port, struct ide_fault *fault) MUST_USE;

/* IDE_E_CAPABILITY unless the port can do the mode. */
enum ide_err cxl_ide_check_mode(const struct cxl_ide_port *port, enum cxl_ide_mode mode,
                                struct ide_fault *fault) MUST_USE;

struct cxl_ide_state {
    uint8_t direction[IDE_DIRECTIONS]; /* CXL_IDE_STS_* */
    uint8_t error;                     /* Rx Error Status; 0: none */
};
enum ide_err cxl_ide_read_state(const struct cxl_ide_port *port, struct cxl_ide_state *state,
                                struct ide_fault *fault) MUST_USE;
bool cxl_ide_is_active(const struct cxl_ide_state *state, enum cxl_ide_mode mode);

/* "containment", "skid", "insecure" or "reserved" */
const char *cxl_ide_state_name(uint8_t value);

/*
 * Before any key: clears what the port says of earlier errors, has PCRC on at it, and lets its transmitter
 * wait as long after a change of keys and a truncated MAC as the other end's receiver needs. flit_256: how
 * the link runs. IDE_E_REGISTER if a register does not take its value.
 */
enum ide_err cxl_ide_prepare(const struct cxl_ide_port *port, const struct cxl_ide_port *other, bool flit_256,
                             struct ide_fault *fault) MUST_USE;

#endif
