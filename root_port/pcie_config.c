/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/pcie_config.h"

#define CAP_ID_INVALID 0xff
#define WINDOW_LOW     0x000fffffu /* windows are whole multiples of 1 MiB */

static bool inside(unsigned offset, unsigned size)
{
    return offset < PCIE_CONFIG_SIZE && offset % size == 0;
}

static uint32_t read_size(const struct pcie_config *config, unsigned offset, unsigned size)
{
    uint32_t value = PCIE_ALL_ONES;
    if (!inside(offset, size) || !config->read(config->context, offset, size, &value))
        return PCIE_ALL_ONES;
    return value;
}

static bool write_size(const struct pcie_config *config, unsigned offset, unsigned size, uint32_t value)
{
    return inside(offset, size) && config->write(config->context, offset, size, value);
}

uint8_t pcie_read8(const struct pcie_config *config, unsigned offset)
{
    return (uint8_t)read_size(config, offset, 1);
}

uint16_t pcie_read16(const struct pcie_config *config, unsigned offset)
{
    return (uint16_t)read_size(config, offset, 2);
}

uint32_t pcie_read32(const struct pcie_config *config, unsigned offset)
{
    return read_size(config, offset, 4);
}

bool pcie_write8(const struct pcie_config *config, unsigned offset, uint8_t value)
{
    return write_size(config, offset, 1, value);
}

bool pcie_write16(const struct pcie_config *config, unsigned offset, uint16_t value)
{
    return write_size(config, offset, 2, value);
}

bool pcie_write32(const struct pcie_config *config, unsigned offset, uint32_t value)
{
    return write_size(config, offset, 4, value);
}

uint32_t field_get(uint32_t mask, uint32_t value)
{
    return (value & mask) >> __builtin_ctz(mask);
}

uint32_t field_put(uint32_t mask, uint32_t value)
{
    return (value << __builtin_ctz(mask)) & mask;
}

/* The offsets that a walk has been to, one bit a dword: a list that comes back to itself ends there. */
struct visited {
    uint8_t dwords[PCIE_CONFIG_SIZE / 4 / 8];
};

/* Enters the dword; false if it had been entered before. */
static bool enter(struct visited *visited, unsigned offset)
{
    uint8_t *byte = &visited->dwords[offset / 4 / 8];
    uint8_t bit = (uint8_t)(1u << offset / 4 % 8);
    if (*byte & bit)
        return false;
    *byte |= bit;
    return true;
}

uint16_t pcie_find_cap(const struct pcie_config *config, uint8_t id)
{
    struct visited visited = {{0}};
    uint16_t status = pcie_read16(config, PCIE_STATUS);
    if (status == (uint16_t)PCIE_ALL_ONES || !(status & PCIE_STATUS_CAP_LIST))
        return 0;

    /* the two low bits are reserved and to be masked (PCIe 6.x §7.5.1.1.11) */
    unsigned offset = pcie_read8(config, PCIE_CAPABILITY_LIST) & ~3u;
    while (offset >= PCIE_STD_HEADER_SIZE && enter(&visited, offset)) {
        uint16_t header = pcie_read16(config, offset);
        if ((header & 0xff) == CAP_ID_INVALID)
            return 0;
        if ((header & 0xff) == id)
            return (uint16_t)offset;
        offset = (header >> 8) & ~3u;
    }
    return 0;
}

/* The header of the next extended capability, from offset on; 0 at the end. */
static uint32_t ext_cap_header(const struct pcie_config *config, struct visited *visited, unsigned offset)
{
    if (offset < PCIE_EXT_CAP_FIRST || !enter(visited, offset))
        return 0;
    uint32_t header = pcie_read32(config, offset);
    return header == PCIE_ALL_ONES ? 0 : header;
}

static unsigned ext_cap_next(uint32_t header)
{
    return field_get(PCIE_EXT_CAP_NEXT, header) & ~3u;
}

uint16_t pcie_find_ext_cap(const struct pcie_config *config, uint16_t id, unsigned nth)
{
    struct visited visited = {{0}};
    unsigned offset = PCIE_EXT_CAP_FIRST;
    for (uint32_t header; (header = ext_cap_header(config, &visited, offset)) != 0; offset = ext_cap_next(header))
        if (field_get(PCIE_EXT_CAP_ID, header) == id && nth-- == 0)
            return (uint16_t)offset;
    return 0;
}

unsigned pcie_list_ext_caps(const struct pcie_config *config, struct pcie_ext_cap list[static PCIE_EXT_CAPS_MAX])
{
    struct visited visited = {{0}};
    unsigned offset = PCIE_EXT_CAP_FIRST, count = 0;
    for (uint32_t header; (header = ext_cap_header(config, &visited, offset)) != 0; offset = ext_cap_next(header))
        if (count < PCIE_EXT_CAPS_MAX)
            list[count++] = (struct pcie_ext_cap){(uint16_t)field_get(PCIE_EXT_CAP_ID, header), (uint16_t)offset};
    return count;
}

/* A bridge has no subsystem ids in its header: a capability carries them (PCI-to-PCI bridge 1.2 §3.2.5). */
static uint32_t subsystem_ids(const struct pcie_config *config)
{
    uint8_t type = pcie_read8(config, PCIE_HEADER_TYPE) & PCIE_HEADER_TYPE_MASK;
    if (type == PCIE_HEADER_TYPE_NORMAL)
        return pcie_read32(config, PCIE_SUBSYSTEM_IDS);
    uint16_t cap = pcie_find_cap(config, PCIE_CAP_ID_SSVID);
    return cap ? pcie_read32(config, cap + PCIE_SSVID_IDS) : 0;
}

enum ide_err pcie_read_ids(const struct pcie_config *config, struct pcie_ids *ids, struct ide_fault *fault)
{
    uint32_t id = pcie_read32(config, PCIE_VENDOR_ID);
    uint32_t class_revision = pcie_read32(config, PCIE_CLASS_REVISION);
    if (id == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_NO_DEVICE, "configuration space", "Vendor ID");

    uint32_t subsystem = subsystem_ids(config);
    *ids = (struct pcie_ids){.vendor = (uint16_t)id,
                             .device = (uint16_t)(id >> 16),
                             .class_code = class_revision >> 8,
                             .revision = (uint8_t)class_revision,
                             .subsystem_vendor = (uint16_t)subsystem,
                             .subsystem = (uint16_t)(subsystem >> 16)};
    return IDE_OK;
}

enum pcie_port_type pcie_read_port_type(const struct pcie_config *config)
{
    uint16_t cap = pcie_find_cap(config, PCIE_CAP_ID_EXP);
    if (cap == 0)
        return PCIE_TYPE_NONE;
    uint32_t type = field_get(PCIE_EXP_FLAGS_TYPE, pcie_read16(config, cap + PCIE_EXP_FLAGS));
    bool defined =
        type <= PCIE_TYPE_LEGACY_ENDPOINT || (type >= PCIE_TYPE_ROOT_PORT && type <= PCIE_TYPE_RC_EVENT);
    return defined ? (enum pcie_port_type)type : PCIE_TYPE_NONE;
}

const char *pcie_port_type_name(enum pcie_port_type type)
{
    switch (type) {
    case PCIE_TYPE_ENDPOINT:
        return "endpoint";
    case PCIE_TYPE_LEGACY_ENDPOINT:
        return "legacy endpoint";
    case PCIE_TYPE_ROOT_PORT:
        return "root port";
    case PCIE_TYPE_UPSTREAM:
        return "upstream port";
    case PCIE_TYPE_DOWNSTREAM:
        return "downstream port";
    case PCIE_TYPE_PCI_BRIDGE:
        return "PCI bridge";
    case PCIE_TYPE_PCIE_BRIDGE:
        return "PCI to PCIe bridge";
    case PCIE_TYPE_RC_ENDPOINT:
        return "root complex endpoint";
    case PCIE_TYPE_RC_EVENT:
        return "root complex event collector";
    case PCIE_TYPE_NONE:
        return "not PCI Express";
    }
    return "not PCI Express";
}

bool pcie_flit_mode(const struct pcie_config *config)
{
    uint16_t cap = pcie_find_cap(config, PCIE_CAP_ID_EXP);
    if (cap == 0)
        return false;
    uint16_t status = pcie_read16(config, cap + PCIE_EXP_LNKSTA2);
    return status != (uint16_t)PCIE_ALL_ONES && (status & PCIE_EXP_LNKSTA2_FLIT);
}

uint8_t pcie_traffic_classes(const struct pcie_config *config)
{
    uint8_t classes = 1;
    uint16_t cap = pcie_find_ext_cap(config, PCIE_EXT_CAP_ID_VC, 0);
    if (cap == 0)
        cap = pcie_find_ext_cap(config, PCIE_EXT_CAP_ID_VC9, 0);
    if (cap == 0)
        return UINT8_MAX;
    unsigned more = field_get(PCIE_VC_CAP1_COUNT, pcie_read32(config, cap + PCIE_VC_CAP1));
    for (unsigned i = 0; i <= more; i++) {
        uint32_t control = pcie_read32(config, cap + PCIE_VC_RESOURCE_CTL + i * PCIE_VC_RESOURCE_SIZE);
        if (i == 0 || (control & PCIE_VC_CTL_ENABLE))
            classes |= (uint8_t)field_get(PCIE_VC_CTL_TC_MAP, control);
    }
    return classes;
}

uint16_t pcie_link_status(const struct pcie_config *config)
{
    uint16_t cap = pcie_find_cap(config, PCIE_CAP_ID_EXP);
    return cap == 0 ? 0 : pcie_read16(config, cap + PCIE_EXP_LNKSTA);
}

uint32_t pcie_completion_timeout_ms(uint16_t device_control_2)
{
    static const uint32_t upper[] = {[0x0] = 50,  [0x1] = 1,    [0x2] = 10,    [0x5] = 55,   [0x6] = 210,
                                     [0x9] = 900, [0xa] = 3500, [0xd] = 13000, [0xe] = 64000};
    uint32_t value = field_get(PCIE_EXP_DEVCTL2_CTO, device_control_2);
    if (device_control_2 & PCIE_EXP_DEVCTL2_CTO_DISABLE)
        return UINT32_MAX;
    return value < sizeof upper / sizeof *upper && upper[value] ? upper[value] : upper[0];
}

void pcie_rid_range(const struct pcie_config *config, const struct pcie_bdf *bdf, uint16_t *first,
                    uint16_t *last)
{
    *first = *last = pcie_bdf_rid(bdf);
    uint16_t cap = pcie_find_ext_cap(config, PCIE_EXT_CAP_ID_SRIOV, 0);
    if (cap == 0 || !(pcie_read16(config, cap + PCIE_SRIOV_CTRL) & PCIE_SRIOV_CTRL_VFE))
        return;
    uint32_t count = pcie_read16(config, cap + PCIE_SRIOV_NUM_VF);
    uint32_t offset = pcie_read16(config, cap + PCIE_SRIOV_VF_OFFSET);
    uint32_t stride = pcie_read16(config, cap + PCIE_SRIOV_VF_STRIDE);
    if (count == 0)
        return;
    uint64_t end = (uint64_t)*first + offset + (uint64_t)stride * (count - 1);
    *last = end < UINT16_MAX ? (uint16_t)end : UINT16_MAX;
}

static struct pcie_window window_of(uint32_t reg, uint32_t base_upper, uint32_t limit_upper)
{
    return (struct pcie_window){
        .base = (uint64_t)base_upper << 32 | (reg & PCIE_WINDOW_BASE) << 16,
        .limit = (uint64_t)limit_upper << 32 | (reg & PCIE_WINDOW_LIMIT) | WINDOW_LOW,
    };
}

void pcie_bridge_windows(const struct pcie_config *config, struct pcie_window *memory,
                         struct pcie_window *prefetchable)
{
    uint32_t reg = pcie_read32(config, PCIE_PREFETCHABLE_WINDOW);
    uint32_t base_upper = 0, limit_upper = 0;
    if (reg & PCIE_WINDOW_64BIT) {
        base_upper = pcie_read32(config, PCIE_PREFETCHABLE_BASE_UPPER);
        limit_upper = pcie_read32(config, PCIE_PREFETCHABLE_LIMIT_UPPER);
    }
    *prefetchable = window_of(reg, base_upper, limit_upper);
    *memory = window_of(pcie_read32(config, PCIE_MEMORY_WINDOW), 0, 0);
}

unsigned pcie_bridge_window_count(const struct pcie_config *config)
{
    struct pcie_window memory, prefetchable;
    pcie_bridge_windows(config, &memory, &prefetchable);
    return (memory.base <= memory.limit) + (prefetchable.base <= prefetchable.limit);
}
