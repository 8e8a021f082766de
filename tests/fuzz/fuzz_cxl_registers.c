/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a CXL device may say of itself: DVSECs in configuration space, and the component registers that they
 * name. The input is the extended configuration space, up to 256 bytes, and then the registers. */
#include <string.h>

#include "root_port/cxl_ide.h"
#include "root_port/pcie_regs.h"

#define CONFIG_PART 256u

static uint8_t space[PCIE_CONFIG_SIZE], registers[CXL_CACHEMEM_SIZE];

static void require(bool ok)
{
    if (!ok)
        __builtin_trap();
}

static bool read_config(void *context, unsigned offset, unsigned width, uint32_t *value)
{
    (void)context;
    require(offset + width <= sizeof space);
    *value = 0;
    memcpy(value, space + offset, width);
    return true;
}

static bool read32(void *context, uint32_t offset, uint32_t *value)
{
    (void)context;
    require(offset % 4 == 0 && offset + 4 <= sizeof registers);
    memcpy(value, registers + offset, 4);
    return true;
}

static bool write32(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    require(offset % 4 == 0 && offset + 4 <= sizeof registers);
    memcpy(registers + offset, &value, 4);
    return true;
}

static void fill(uint8_t *to, size_t cap, const uint8_t *data, size_t len)
{
    memset(to, 0, cap);
    if (len > 0)
        memcpy(to, data, len < cap ? len : cap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pcie_config config = {.read = read_config};
    struct cxl_ide_port port = {.access = {read32, write32, NULL}};
    struct cxl_ide_state state;
    struct ide_fault fault;
    unsigned bar;
    uint64_t offset;
    size_t first = size < CONFIG_PART ? size : CONFIG_PART;
    memset(space, 0, sizeof space);
    fill(space + 0x100, sizeof space - 0x100, data, first);
    fill(registers, sizeof registers, data + first, size - first);
    if (cxl_ide_locate(&config, &bar, &offset, &fault) == IDE_OK)
        require(bar < 6 && offset % 0x10000 == 0 && offset < INT64_MAX);
    if (cxl_ide_look(&port, &fault) != IDE_OK)
        return 0;
    require(port.at % 4 == 0 && port.at + CXL_IDE_SIZE <= CXL_CACHEMEM_SIZE);
    (void)!cxl_ide_prepare(&port, &port, size & 1, &fault);
    if (cxl_ide_read_state(&port, &state, &fault) == IDE_OK && cxl_ide_is_active(&state, CXL_IDE_SKID))
        require(!cxl_ide_is_active(&state, CXL_IDE_CONTAINMENT));
    return 0;
}
