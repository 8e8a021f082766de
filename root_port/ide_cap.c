/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/ide_cap.h"

#define STEP "IDE capability"

unsigned ide_block_offset(const struct ide_cap *cap, enum ide_kind kind, unsigned index)
{
    unsigned offset = cap->offset + PCIE_IDE_LINK_STREAM_0;
    if (kind == IDE_LINK)
        return offset + index * PCIE_IDE_LINK_BLOCK_SIZE;
    offset += cap->link_count * PCIE_IDE_LINK_BLOCK_SIZE;
    for (unsigned i = 0; i < index && i < IDE_SELECTIVE_MAX; i++)
        offset += PCIE_IDE_SEL_BLOCK_SIZE(cap->address_blocks[i]);
    return offset;
}

unsigned ide_block_count(const struct ide_cap *cap, enum ide_kind kind)
{
    return kind == IDE_LINK ? cap->link_count : cap->selective_count;
}

unsigned ide_control_offset(const struct ide_cap *cap, struct ide_block block)
{
    unsigned reg = block.kind == IDE_LINK ? PCIE_IDE_LINK_CTL : PCIE_IDE_SEL_CTL;
    return ide_block_offset(cap, block.kind, block.index) + reg;
}

unsigned ide_status_offset(const struct ide_cap *cap, struct ide_block block)
{
    unsigned reg = block.kind == IDE_LINK ? PCIE_IDE_LINK_STS : PCIE_IDE_SEL_STS;
    return ide_block_offset(cap, block.kind, block.index) + reg;
}

static void parse_capability(struct ide_cap *cap, uint32_t reg)
{
    cap->flow_through = reg & PCIE_IDE_CAP_FLOWTHROUGH;
    cap->partial_header = reg & PCIE_IDE_CAP_PARTIAL_HEADER;
    cap->aggregation = reg & PCIE_IDE_CAP_AGGREGATION;
    cap->pcrc = reg & PCIE_IDE_CAP_PCRC;
    cap->ide_km = reg & PCIE_IDE_CAP_IDE_KM;
    cap->config_requests = reg & PCIE_IDE_CAP_SEL_CFG;
    cap->tee_limited = reg & PCIE_IDE_CAP_TEE_LIMITED;
    cap->algorithm = (uint8_t)field_get(PCIE_IDE_CAP_ALG, reg);
    if (reg & PCIE_IDE_CAP_LINK)
        cap->link_count = (uint8_t)(field_get(PCIE_IDE_CAP_LINK_TC_NUM, reg) + 1);
    if (reg & PCIE_IDE_CAP_SELECTIVE)
        cap->selective_count = (uint16_t)(field_get(PCIE_IDE_CAP_SEL_NUM, reg) + 1);
}

/* Each block's capability says where the next block begins: they are read, and bounded, one by one. */
static enum ide_err read_blocks(struct ide_cap *cap, const struct pcie_config *config,
                                struct ide_fault *fault)
{
    unsigned offset = ide_block_offset(cap, IDE_SELECTIVE, 0);
    for (unsigned i = 0; i < cap->selective_count && offset < PCIE_CONFIG_SIZE; i++) {
        uint32_t reg = pcie_read32(config, offset + PCIE_IDE_SEL_CAP);
        if (reg == PCIE_ALL_ONES)
            return ide_fail(fault, IDE_E_IO, STEP, "Selective IDE Stream Capability");
        cap->address_blocks[i] = (uint8_t)field_get(PCIE_IDE_SEL_CAP_ASSOC_NUM, reg);
        offset += PCIE_IDE_SEL_BLOCK_SIZE(cap->address_blocks[i]);
    }
    unsigned end = ide_block_offset(cap, IDE_SELECTIVE, cap->selective_count);
    if (end > PCIE_CONFIG_SIZE)
        return ide_fail_value(fault, IDE_E_FIELD, STEP, "Number of Selective IDE Streams Supported", end,
                              PCIE_CONFIG_SIZE);
    return IDE_OK;
}

enum ide_err ide_port_open(struct ide_port *port, const struct pcie_bdf *bdf,
                           const struct pcie_config *config, struct ide_fault *fault)
{
    *port = (struct ide_port){.bdf = *bdf, .config = *config};
    port->cap.offset = pcie_find_ext_cap(config, PCIE_EXT_CAP_ID_IDE, 0);
    if (port->cap.offset == 0)
        return ide_fail(fault, IDE_E_NO_IDE, STEP, NULL);
    uint32_t reg = pcie_read32(config, port->cap.offset + PCIE_IDE_CAP);
    if (reg == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP, "IDE Capability");
    parse_capability(&port->cap, reg);
    return read_blocks(&port->cap, config, fault);
}

static uint32_t read_control(const struct ide_port *port, struct ide_block block)
{
    return pcie_read32(&port->config, ide_control_offset(&port->cap, block));
}

/* A selective block with a valid RID association is meant for a stream, enabled or not. */
static enum ide_use block_use(const struct ide_port *port, struct ide_block block, uint32_t control)
{
    if (control & PCIE_IDE_STREAM_CTL_EN)
        return IDE_USE_ENABLED;
    if (block.kind == IDE_LINK)
        return IDE_USE_IDLE;
    unsigned offset = ide_block_offset(&port->cap, block.kind, block.index) + PCIE_IDE_SEL_RID_2;
    return pcie_read32(&port->config, offset) & PCIE_IDE_SEL_RID_2_VALID ? IDE_USE_PREPARED : IDE_USE_IDLE;
}

struct ide_block_state ide_block_state_of(uint32_t control, uint32_t status)
{
    return (struct ide_block_state){
        .use = control & PCIE_IDE_STREAM_CTL_EN ? IDE_USE_ENABLED : IDE_USE_IDLE,
        .control = control,
        .stream_id = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_ID, control),
        .state = (uint8_t)field_get(PCIE_IDE_STREAM_STS_STATE, status),
        .fail_received = status & PCIE_IDE_STREAM_STS_FAIL};
}

enum ide_err ide_block_read(const struct ide_port *port, struct ide_block block,
                            struct ide_block_state *state, struct ide_fault *fault)
{
    if (block.index >= ide_block_count(&port->cap, block.kind))
        return ide_fail(fault, IDE_E_ARGUMENT, STEP, "block");
    uint32_t control = read_control(port, block);
    uint32_t status = pcie_read32(&port->config, ide_status_offset(&port->cap, block));
    if (control == PCIE_ALL_ONES || status == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP, "IDE Stream Status");
    *state = ide_block_state_of(control, status);
    state->use = block_use(port, block, control);
    return IDE_OK;
}

/* Goes through all blocks of both kinds, selective first; false at the end. */
static bool next_block(const struct ide_cap *cap, struct ide_block *block, unsigned *place)
{
    unsigned at = (*place)++;
    if (at < cap->selective_count)
        *block = (struct ide_block){.kind = IDE_SELECTIVE, .index = (uint8_t)at};
    else
        *block = (struct ide_block){.kind = IDE_LINK, .index = (uint8_t)(at - cap->selective_count)};
    return at < (unsigned)cap->selective_count + cap->link_count;
}

enum ide_err ide_block_find(const struct ide_port *port, uint8_t stream_id, struct ide_block *block,
                            struct ide_fault *fault)
{
    struct ide_block at;
    for (unsigned place = 0; next_block(&port->cap, &at, &place);) {
        uint32_t control = read_control(port, at);
        if (control == PCIE_ALL_ONES)
            return ide_fail(fault, IDE_E_IO, STEP, "IDE Stream Control");
        if (field_get(PCIE_IDE_STREAM_CTL_ID, control) != stream_id ||
            block_use(port, at, control) == IDE_USE_IDLE)
            continue;
        *block = at;
        return IDE_OK;
    }
    return ide_fail(fault, IDE_E_NO_STREAM, STEP, "Stream ID");
}

static bool is_kept(const struct ide_port *port, struct ide_block block)
{
    return block.kind == IDE_SELECTIVE && (port->kept[block.index / 8] >> block.index % 8 & 1);
}

static bool has_room(const struct ide_port *port, struct ide_block block)
{
    return block.kind == IDE_LINK || port->cap.address_blocks[block.index] >= port->windows;
}

static enum ide_err find_idle(const struct ide_port *port, enum ide_kind kind, struct ide_block *block,
                              struct ide_fault *fault)
{
    bool found = false;
    for (unsigned i = 0; i < ide_block_count(&port->cap, kind); i++) {
        struct ide_block at = {.kind = kind, .index = (uint8_t)i};
        uint32_t control = read_control(port, at);
        if (control == PCIE_ALL_ONES)
            return ide_fail(fault, IDE_E_IO, STEP, "IDE Stream Control");
        if (block_use(port, at, control) != IDE_USE_IDLE || is_kept(port, at) ||
            (found && !has_room(port, at)))
            continue;
        *block = at;
        found = true;
        if (has_room(port, at))
            return IDE_OK;
    }
    if (found)
        return IDE_OK;
    return ide_fail(fault, IDE_E_RESOURCES, STEP, kind == IDE_LINK ? "link blocks" : "selective blocks");
}

enum ide_err ide_block_claim(const struct ide_port *port, uint8_t stream_id, enum ide_kind kind,
                             struct ide_block *block, struct ide_fault *fault)
{
    struct ide_block other;
    if (stream_id == IDE_STREAM_ID_IDLE)
        return ide_fail_value(fault, IDE_E_STREAM_RANGE, STEP, "Stream ID", stream_id,
                              IDE_STREAM_ID_IDLE - 1);
    if (ide_block_count(&port->cap, kind) == 0)
        return ide_fail(fault, IDE_E_CAPABILITY, STEP,
                        kind == IDE_LINK ? "Link IDE Stream Supported" : "Selective IDE Streams Supported");
    enum ide_err err = ide_block_find(port, stream_id, &other, fault);
    if (err == IDE_OK)
        return ide_fail_value(fault, IDE_E_STREAM_USED, STEP, "Stream ID", stream_id, IDE_STREAM_ID_IDLE);
    if (err != IDE_E_NO_STREAM)
        return err;
    return find_idle(port, kind, block, fault);
}

enum ide_err ide_flow_through(const struct ide_port *port, bool on, struct ide_fault *fault)
{
    unsigned offset = port->cap.offset + PCIE_IDE_CTL;
    if (on && !port->cap.flow_through)
        return ide_fail(fault, IDE_E_CAPABILITY, STEP, "Flow-Through IDE Stream Supported");
    uint32_t old = pcie_read32(&port->config, offset);
    if (old == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP, "IDE Control");
    uint32_t want = on ? old | PCIE_IDE_CTL_FLOWTHROUGH : old & ~PCIE_IDE_CTL_FLOWTHROUGH;
    if (want == old)
        return IDE_OK;
    if (!pcie_write32(&port->config, offset, want))
        return ide_fail(fault, IDE_E_IO, STEP, "IDE Control");
    uint32_t got = pcie_read32(&port->config, offset);
    if (got != want)
        return ide_fail_value(fault, IDE_E_REGISTER, STEP, "IDE Control", got, want);
    return IDE_OK;
}
