/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/cxl_ide.h"

#include <stdio.h>

#include "root_port/pcie_regs.h"

#define STEP     "CXL registers"
#define BARS     6u
#define PATH_CAP 1024

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* ---- where they are ------------------------------------------------------ */

static uint16_t find_dvsec(const struct pcie_config *config, uint16_t id)
{
    uint16_t at;
    for (unsigned nth = 0; (at = pcie_find_ext_cap(config, CXL_EXT_CAP_ID_DVSEC, nth)) != 0; nth++) {
        uint32_t header = pcie_read32(config, at + CXL_DVSEC_HEADER_1);
        if (field_get(CXL_DVSEC_VENDOR, header) == CXL_IDE_KM_VENDOR &&
            pcie_read16(config, at + CXL_DVSEC_ID) == id)
            return at;
    }
    return 0;
}

enum ide_err cxl_ide_locate(const struct pcie_config *config, unsigned *bar, uint64_t *offset,
                            struct ide_fault *fault)
{
    uint16_t at = find_dvsec(config, CXL_DVSEC_LOCATOR);
    uint32_t length = at ? field_get(CXL_DVSEC_LENGTH, pcie_read32(config, at + CXL_DVSEC_HEADER_1)) : 0;
    for (uint32_t block = CXL_LOCATOR_BLOCKS; block + 8 <= length && at + block + 8 <= PCIE_CONFIG_SIZE;
         block += 8) {
        uint32_t low = pcie_read32(config, at + block), high = pcie_read32(config, at + block + 4);
        if (field_get(CXL_LOCATOR_BLOCK, low) != CXL_LOCATOR_COMPONENT)
            continue;
        *bar = field_get(CXL_LOCATOR_BIR, low);
        *offset = (uint64_t)high << 32 | (low & CXL_LOCATOR_OFFSET);
        /* more would be no file's */
        if (*bar < BARS && *offset < (uint64_t)INT64_MAX - CXL_CACHEMEM - CXL_CACHEMEM_SIZE)
            return IDE_OK;
    }
    return ide_fail(fault, IDE_E_CAPABILITY, STEP, at ? "Component Registers" : "Register Locator DVSEC");
}

/* ---- what they say ------------------------------------------------------- */

static enum ide_err read_at(const struct cxl_ide_port *port, uint32_t at, const char *field, uint32_t *value,
                            struct ide_fault *fault)
{
    bool ok = port->access.read32(port->access.context, at, value);
    return ok && *value != PCIE_ALL_ONES ? IDE_OK : ide_fail(fault, IDE_E_IO, STEP, field);
}

/* The array says how long it is; a capability behind the registers' end is none. */
static enum ide_err find_ide(struct cxl_ide_port *port, struct ide_fault *fault)
{
    uint32_t header, entry;
    TRY(read_at(port, 0, "CXL Capability Header", &header, fault));
    if (field_get(CXL_CAP_ID, header) != CXL_CAP_ID_CXL)
        return ide_fail_value(fault, IDE_E_CAPABILITY, STEP, "CXL Capability Header",
                              field_get(CXL_CAP_ID, header), CXL_CAP_ID_CXL);
    for (uint32_t i = 1; i <= field_get(CXL_CAP_ARRAY_SIZE, header); i++) {
        TRY(read_at(port, 4 * i, "CXL Capability Header", &entry, fault));
        port->at = field_get(CXL_CAP_POINTER, entry);
        if (field_get(CXL_CAP_ID, entry) == CXL_CAP_ID_IDE && port->at % 4 == 0 &&
            port->at + CXL_IDE_SIZE <= CXL_CACHEMEM_SIZE)
            return IDE_OK;
    }
    return ide_fail(fault, IDE_E_CAPABILITY, STEP, "CXL IDE Capability");
}

enum ide_err cxl_ide_look(struct cxl_ide_port *port, struct ide_fault *fault)
{
    TRY(find_ide(port, fault));
    TRY(read_at(port, port->at + CXL_IDE_CAP, "CXL IDE Capability", &port->cap, fault));
    if (!(port->cap & CXL_IDE_CAP_CAPABLE))
        return ide_fail(fault, IDE_E_CAPABILITY, STEP, "CXL IDE Capable");
    uint32_t algorithm = field_get(CXL_IDE_CAP_ALGORITHM, port->cap);
    return algorithm == 0
               ? IDE_OK
               : ide_fail_value(fault, IDE_E_CAPABILITY, STEP, "Supported Algorithms", algorithm, 0);
}

enum ide_err cxl_ide_open(struct cxl_ide_port *port, const struct pcie_config *config, const char *resource,
                          struct ide_fault *fault)
{
    char path[PATH_CAP];
    unsigned bar = 0;
    uint64_t offset = 0;
    *port = (struct cxl_ide_port){.memory.fd = -1};
    TRY(cxl_ide_locate(config, &bar, &offset, fault));
    snprintf(path, sizeof path, "%s%u", resource, bar);
    TRY(kcu_memory_open_size(&port->memory, path, offset + CXL_CACHEMEM, CXL_CACHEMEM_SIZE, STEP, fault));
    port->access = kcu_memory_access(&port->memory);
    return cxl_ide_look(port, fault);
}

void cxl_ide_close(struct cxl_ide_port *port)
{
    kcu_memory_close(&port->memory);
}

enum ide_err cxl_ide_check_mode(const struct cxl_ide_port *port, enum cxl_ide_mode mode,
                                struct ide_fault *fault)
{
    bool containment = mode == CXL_IDE_CONTAINMENT;
    if (port->cap & (containment ? CXL_IDE_CAP_CONTAINMENT : CXL_IDE_CAP_SKID))
        return IDE_OK;
    return ide_fail(fault, IDE_E_CAPABILITY, STEP,
                    containment ? "Containment Mode Capable" : "Skid Mode Capable");
}

enum ide_err cxl_ide_read_state(const struct cxl_ide_port *port, struct cxl_ide_state *state,
                                struct ide_fault *fault)
{
    uint32_t status, error;
    TRY(read_at(port, port->at + CXL_IDE_STS, "CXL IDE Status", &status, fault));
    TRY(read_at(port, port->at + CXL_IDE_ERROR, "CXL IDE Error Status", &error, fault));
    state->direction[IDE_RX] = (uint8_t)field_get(CXL_IDE_STS_RX, status);
    state->direction[IDE_TX] = (uint8_t)field_get(CXL_IDE_STS_TX, status);
    state->error = (uint8_t)field_get(CXL_IDE_ERROR_RX, error);
    return IDE_OK;
}

bool cxl_ide_is_active(const struct cxl_ide_state *state, enum cxl_ide_mode mode)
{
    uint8_t wanted = mode == CXL_IDE_CONTAINMENT ? CXL_IDE_STS_CONTAINMENT : CXL_IDE_STS_SKID;
    return state->direction[IDE_RX] == wanted && state->direction[IDE_TX] == wanted;
}

const char *cxl_ide_state_name(uint8_t value)
{
    switch (value) {
    case CXL_IDE_STS_CONTAINMENT:
        return "containment";
    case CXL_IDE_STS_SKID:
        return "skid";
    case CXL_IDE_STS_INSECURE:
        return "insecure";
    default:
        return "reserved";
    }
}

/* ---- what is set --------------------------------------------------------- */

static enum ide_err set(const struct cxl_ide_port *port, uint32_t at, const char *field, uint32_t value,
                        struct ide_fault *fault)
{
    uint32_t got;
    if (!port->access.write32(port->access.context, port->at + at, value))
        return ide_fail(fault, IDE_E_IO, STEP, field);
    TRY(read_at(port, port->at + at, field, &got, fault));
    return got == value ? IDE_OK : ide_fail_value(fault, IDE_E_REGISTER, STEP, field, got, value);
}

/* The register says at least what the other end needs. */
static enum ide_err set_at_least(const struct cxl_ide_port *port, uint32_t at, const char *field,
                                 uint32_t needed, struct ide_fault *fault)
{
    uint32_t now;
    TRY(read_at(port, port->at + at, field, &now, fault));
    return now >= needed ? IDE_OK : set(port, at, field, needed, fault);
}

enum ide_err cxl_ide_prepare(const struct cxl_ide_port *port, const struct cxl_ide_port *other, bool flit_256,
                             struct ide_fault *fault)
{
    uint32_t error, control, refresh, truncation;
    TRY(read_at(port, port->at + CXL_IDE_ERROR, "CXL IDE Error Status", &error, fault));
    if (error != 0 && !port->access.write32(port->access.context, port->at + CXL_IDE_ERROR, error))
        return ide_fail(fault, IDE_E_IO, STEP, "CXL IDE Error Status"); /* ones clear */
    TRY(read_at(port, port->at + CXL_IDE_CTL, "CXL IDE Control", &control, fault));
    if (control & CXL_IDE_CTL_PCRC_DISABLE)
        TRY(set(port, CXL_IDE_CTL, "PCRC Disable", control & ~CXL_IDE_CTL_PCRC_DISABLE, fault));
    TRY(read_at(other, other->at + (flit_256 ? CXL_IDE_KEY_REFRESH_CAP_2 : CXL_IDE_KEY_REFRESH_CAP),
                "Rx Min Key Refresh Time", &refresh, fault));
    TRY(read_at(other, other->at + CXL_IDE_TRUNCATION_CAP, "Rx Min Truncation Transmit Delay", &truncation,
                fault));
    TRY(set_at_least(port, CXL_IDE_KEY_REFRESH_CTL, "Tx Key Refresh Time", refresh, fault));
    return set_at_least(port, CXL_IDE_TRUNCATION_CTL, "Tx Truncation Transmit Delay",
                        (flit_256 ? truncation >> 8 : truncation) & 0xff, fault);
}
