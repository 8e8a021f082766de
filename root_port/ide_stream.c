/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/ide_stream.h"

#define STEP_SETUP   "IDE stream setup"
#define STEP_ENABLE  "IDE stream enable"
#define STEP_DISABLE "IDE stream disable"
#define STEP_RELEASE "IDE stream release"
#define STEP_STATUS  "IDE stream status"

/* control, two of RID association, three for each address association */
#define REGISTERS_MAX (3 + 3 * IDE_ADDRESS_MAX)

/* A block's registers in the order of setup, so that valid bits follow what they make valid. */
struct register_list {
    unsigned count;
    struct {
        unsigned offset;
        uint32_t value;
        const char *name;
    } entry[REGISTERS_MAX];
};

static void append(struct register_list *list, unsigned offset, uint32_t value, const char *name)
{
    list->entry[list->count].offset = offset;
    list->entry[list->count].value = value;
    list->entry[list->count++].name = name;
}

static void append_address(struct register_list *list, unsigned offset, const uint32_t reg[3])
{
    append(list, offset + PCIE_IDE_SEL_ADDR_2, reg[1], "IDE Address Association 2");
    append(list, offset + PCIE_IDE_SEL_ADDR_3, reg[2], "IDE Address Association 3");
    append(list, offset + PCIE_IDE_SEL_ADDR_1, reg[0], "IDE Address Association 1");
}

static struct register_list list_registers(const struct ide_stream *stream)
{
    struct register_list list = {0};
    const struct ide_stream_regs *regs = &stream->regs;
    const struct ide_cap *cap = &stream->port->cap;
    unsigned block = ide_block_offset(cap, stream->block.kind, stream->block.index);
    for (unsigned i = 0; i < regs->address_count; i++)
        append_address(&list, block + PCIE_IDE_SEL_BLOCK_SIZE(i), regs->address[i].reg);
    if (stream->block.kind == IDE_SELECTIVE) {
        append(&list, block + PCIE_IDE_SEL_RID_1, regs->rid_1, "IDE RID Association 1");
        append(&list, block + PCIE_IDE_SEL_RID_2, regs->rid_2, "IDE RID Association 2");
    }
    append(&list, ide_control_offset(cap, stream->block), regs->control, "IDE Stream Control");
    return list;
}

static enum ide_err write_registers(const struct ide_stream *stream, struct ide_fault *fault)
{
    const struct register_list list = list_registers(stream);
    for (unsigned i = 0; i < list.count; i++)
        if (!pcie_write32(&stream->port->config, list.entry[i].offset, list.entry[i].value))
            return ide_fail(fault, IDE_E_IO, STEP_SETUP, list.entry[i].name);
    return IDE_OK;
}

static enum ide_err verify_registers(const struct ide_stream *stream, struct ide_fault *fault)
{
    const struct register_list list = list_registers(stream);
    for (unsigned i = 0; i < list.count; i++) {
        uint32_t got = pcie_read32(&stream->port->config, list.entry[i].offset);
        if (got != list.entry[i].value)
            return ide_fail_value(fault, got == PCIE_ALL_ONES ? IDE_E_IO : IDE_E_REGISTER, STEP_SETUP,
                                  list.entry[i].name, got, list.entry[i].value);
    }
    return IDE_OK;
}

/*
 * Some devices take an idle block for the stream if its Stream ID is the same, and
 * the ID that idle blocks start with is 0: these get the one that nobody uses.
 */
static enum ide_err park_block(const struct ide_port *port, struct ide_block block, uint8_t stream_id,
                               struct ide_fault *fault)
{
    struct ide_block_state state;
    unsigned offset = ide_control_offset(&port->cap, block);
    uint32_t control = pcie_read32(&port->config, offset);
    if ((control & PCIE_IDE_STREAM_CTL_EN) || field_get(PCIE_IDE_STREAM_CTL_ID, control) != stream_id)
        return IDE_OK;
    enum ide_err err = ide_block_read(port, block, &state, fault);
    if (err != IDE_OK || state.use != IDE_USE_IDLE)
        return err;
    if (!pcie_write32(&port->config, offset, control | PCIE_IDE_STREAM_CTL_ID))
        return ide_fail(fault, IDE_E_IO, STEP_SETUP, "IDE Stream Control");
    return IDE_OK;
}

static enum ide_err park_others(const struct ide_stream *stream, enum ide_kind kind, uint8_t stream_id,
                                struct ide_fault *fault)
{
    enum ide_err err = IDE_OK;
    for (unsigned i = 0; i < ide_block_count(&stream->port->cap, kind) && err == IDE_OK; i++)
        if (kind != stream->block.kind || i != stream->block.index)
            err = park_block(stream->port, (struct ide_block){kind, (uint8_t)i}, stream_id, fault);
    return err;
}

static enum ide_err check_free(const struct ide_stream *stream, struct ide_fault *fault)
{
    uint32_t control =
        pcie_read32(&stream->port->config, ide_control_offset(&stream->port->cap, stream->block));
    if (control == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP_SETUP, "IDE Stream Control");
    if (control & PCIE_IDE_STREAM_CTL_EN)
        return ide_fail_value(fault, IDE_E_STREAM_USED, STEP_SETUP, "Stream ID",
                              field_get(PCIE_IDE_STREAM_CTL_ID, control), IDE_STREAM_ID_IDLE);
    return IDE_OK;
}

static enum ide_err program(struct ide_stream *stream, uint8_t stream_id, struct ide_fault *fault)
{
    enum ide_err err = park_others(stream, IDE_SELECTIVE, stream_id, fault);
    if (err == IDE_OK)
        err = park_others(stream, IDE_LINK, stream_id, fault);
    if (err == IDE_OK)
        err = ide_stream_clear_fail(stream, fault);
    if (err == IDE_OK)
        err = write_registers(stream, fault);
    if (err == IDE_OK)
        err = verify_registers(stream, fault);
    return err;
}

enum ide_err ide_stream_setup(struct ide_stream *stream, const struct ide_port *port,
                              const struct ide_stream_settings *settings, struct ide_fault *fault)
{
    *stream = (struct ide_stream){.port = port, .block = settings->block};
    enum ide_err err = ide_stream_image(settings, &port->cap, &stream->regs, fault);
    if (err == IDE_OK)
        err = check_free(stream, fault);
    if (err != IDE_OK)
        return err;
    stream->set_up = true;
    err = program(stream, settings->stream_id, fault);
    if (err != IDE_OK) {
        struct ide_fault later;
        enum ide_err undone = ide_stream_release(stream, &later);
        (void)undone; /* the first failure is the one to tell */
    }
    return err;
}

static enum ide_err attach_registers(struct ide_stream *stream, struct ide_fault *fault)
{
    const struct pcie_config *config = &stream->port->config;
    const struct ide_cap *cap = &stream->port->cap;
    unsigned block = ide_block_offset(cap, stream->block.kind, stream->block.index);
    uint32_t control = pcie_read32(config, ide_control_offset(cap, stream->block));
    if (control == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP_SETUP, "IDE Stream Control");
    stream->regs.control = control & ~PCIE_IDE_STREAM_CTL_EN;
    stream->set_up = true;
    stream->enabled = control & PCIE_IDE_STREAM_CTL_EN;
    if (stream->block.kind == IDE_LINK)
        return IDE_OK;
    stream->regs.rid_1 = pcie_read32(config, block + PCIE_IDE_SEL_RID_1);
    stream->regs.rid_2 = pcie_read32(config, block + PCIE_IDE_SEL_RID_2);
    stream->regs.address_count = cap->address_blocks[stream->block.index];
    for (unsigned i = 0; i < stream->regs.address_count; i++)
        for (unsigned j = 0; j < 3; j++)
            stream->regs.address[i].reg[j] = pcie_read32(config, block + PCIE_IDE_SEL_BLOCK_SIZE(i) + 4 * j);
    return IDE_OK;
}

enum ide_err ide_stream_attach(struct ide_stream *stream, const struct ide_port *port, struct ide_block block,
                               struct ide_fault *fault)
{
    *stream = (struct ide_stream){.port = port, .block = block};
    if (block.index >= ide_block_count(&port->cap, block.kind))
        return ide_fail(fault, IDE_E_ARGUMENT, STEP_SETUP, "block");
    return attach_registers(stream, fault);
}

static bool write_control(const struct ide_stream *stream, uint32_t value)
{
    return pcie_write32(&stream->port->config, ide_control_offset(&stream->port->cap, stream->block), value);
}

enum ide_err ide_stream_enable(struct ide_stream *stream, struct ide_fault *fault)
{
    if (!stream->set_up)
        return ide_fail(fault, IDE_E_STATE, STEP_ENABLE, NULL);
    stream->enabled = true; /* also if the write fails: it is to be undone */
    if (!write_control(stream, stream->regs.control | PCIE_IDE_STREAM_CTL_EN))
        return ide_fail(fault, IDE_E_IO, STEP_ENABLE, "IDE Stream Control");
    return IDE_OK;
}

enum ide_err ide_stream_disable(struct ide_stream *stream, struct ide_fault *fault)
{
    if (!stream->enabled)
        return IDE_OK;
    if (!write_control(stream, stream->regs.control))
        return ide_fail(fault, IDE_E_IO, STEP_DISABLE, "IDE Stream Control");
    stream->enabled = false;
    return IDE_OK;
}

enum ide_err ide_stream_release(struct ide_stream *stream, struct ide_fault *fault)
{
    if (!stream->set_up)
        return IDE_OK;
    enum ide_err err = ide_stream_disable(stream, fault);
    const struct register_list list = list_registers(stream);
    unsigned control = ide_control_offset(&stream->port->cap, stream->block);
    for (unsigned i = list.count; i-- > 0;) {
        uint32_t value = list.entry[i].offset == control ? PCIE_IDE_STREAM_CTL_ID : 0;
        if (!pcie_write32(&stream->port->config, list.entry[i].offset, value) && err == IDE_OK)
            err = ide_fail(fault, IDE_E_IO, STEP_RELEASE, list.entry[i].name);
    }
    stream->set_up = err != IDE_OK;
    return err;
}

enum ide_err ide_stream_status(const struct ide_stream *stream, struct ide_block_state *state,
                               struct ide_fault *fault)
{
    return ide_block_read(stream->port, stream->block, state, fault);
}

enum ide_err ide_stream_clear_fail(const struct ide_stream *stream, struct ide_fault *fault)
{
    /* the bit is cleared by writing 1, the state is read-only (PCIe 6.x §7.9.26.5.3) */
    if (!pcie_write32(&stream->port->config, ide_status_offset(&stream->port->cap, stream->block),
                      PCIE_IDE_STREAM_STS_FAIL))
        return ide_fail(fault, IDE_E_IO, STEP_STATUS, "IDE Stream Status");
    return IDE_OK;
}
