/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/port_view.h"

#include <string.h>

/* In one walk through the list. */
static void find_registers(struct port_view *view)
{
    struct pcie_ext_cap list[PCIE_EXT_CAPS_MAX];
    unsigned count = pcie_list_ext_caps(&view->function.config, list);
    for (unsigned i = count; i-- > 0;) { /* the first of a kind counts */
        if (list[i].id == PCIE_EXT_CAP_ID_AER)
            view->aer = list[i].offset;
        if (list[i].id == PCIE_EXT_CAP_ID_DOE)
            view->doe = list[i].offset;
    }
    view->exp = pcie_find_cap(&view->function.config, PCIE_CAP_ID_EXP);
}

enum ide_err port_view_open(struct port_view *view, const char *sysfs, const struct pcie_bdf *bdf,
                            struct ide_fault *fault)
{
    *view = (struct port_view){0};
    enum ide_err err = pcie_access_open(&view->access, sysfs, fault);
    if (err == IDE_OK)
        err = pcie_function_open(&view->function, &view->access, bdf, fault);
    if (err == IDE_OK)
        err = ide_port_open(&view->ide, bdf, &view->function.config, fault);
    if (err == IDE_E_NO_IDE)
        err = IDE_OK;
    if (err == IDE_OK)
        find_registers(view);
    view->is_open = err == IDE_OK;
    if (err != IDE_OK)
        port_view_close(view);
    return err;
}

void port_view_close(struct port_view *view)
{
    pcie_function_close(&view->function);
    pcie_access_close(&view->access);
    *view = (struct port_view){0};
}

static uint32_t dword(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static struct port_block block_at(const uint8_t *bytes)
{
    return (struct port_block){dword(bytes), dword(bytes + 4)};
}

bool port_view_range(const struct port_view *view, const struct ide_block *blocks, size_t count,
                     unsigned *offset, unsigned *size)
{
    unsigned first = PCIE_CONFIG_SIZE, end = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned at = ide_control_offset(&view->ide.cap, blocks[i]);
        first = at < first ? at : first;
        end = at + 8 > end ? at + 8 : end;
    }
    *offset = first;
    *size = end > first ? end - first : 0;
    return end <= PCIE_CONFIG_SIZE && *size > 0 && *size <= PORT_VIEW_NEAR;
}

void port_view_take(const struct port_view *view, const struct ide_block *blocks, size_t count,
                    unsigned offset, const uint8_t *bytes, struct port_block *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = block_at(bytes + ide_control_offset(&view->ide.cap, blocks[i]) - offset);
}

static bool read_one(const struct port_view *view, struct ide_block block, struct port_block *out)
{
    uint8_t bytes[8];
    *out = (struct port_block){PCIE_ALL_ONES, PCIE_ALL_ONES};
    if (!pcie_function_read(&view->function, ide_control_offset(&view->ide.cap, block), bytes, sizeof bytes))
        return false;
    *out = block_at(bytes);
    return true;
}

bool port_view_blocks(const struct port_view *view, const struct ide_block *blocks, size_t count,
                      struct port_block *out)
{
    uint8_t bytes[PORT_VIEW_NEAR];
    unsigned offset, size;
    bool answers = true;
    if (!port_view_range(view, blocks, count, &offset, &size)) {
        for (size_t i = 0; i < count; i++)
            answers = read_one(view, blocks[i], &out[i]) && answers;
        return answers;
    }
    if (!pcie_function_read(&view->function, offset, bytes, size))
        return false;
    port_view_take(view, blocks, count, offset, bytes, out);
    return true;
}

enum port_link port_link_of(uint16_t status)
{
    if (status == (uint16_t)PCIE_ALL_ONES)
        return PORT_LINK_UNKNOWN;
    return status & PCIE_EXP_LNKSTA_DLLLA ? PORT_LINK_ACTIVE : PORT_LINK_INACTIVE;
}

enum port_link port_view_link(const struct port_view *view)
{
    if (view->exp == 0)
        return PORT_LINK_UNKNOWN;
    return port_link_of(pcie_read16(&view->function.config, view->exp + PCIE_EXP_LNKSTA));
}

enum port_link port_link(struct pcie_access *access, const struct pcie_bdf *bdf)
{
    struct ide_fault fault;
    struct port_view view = {0};
    enum port_link link = PORT_LINK_UNKNOWN;
    if (pcie_function_open(&view.function, access, bdf, &fault) == IDE_OK) {
        view.exp = pcie_find_cap(&view.function.config, PCIE_CAP_ID_EXP);
        link = port_view_link(&view);
    }
    pcie_function_close(&view.function);
    return link;
}
