/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/emu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/function_config.h"
#include "tools/ide-emu/ide_link.h"
#include "tools/ide-emu/key_unit.h"
#include "tools/ide-emu/trace.h"

void emu_lock(struct emu *emu)
{
    pthread_mutex_lock(&emu->lock);
}

void emu_unlock(struct emu *emu)
{
    pthread_mutex_unlock(&emu->lock);
}

static bool build_function(struct emu_function *f, const struct function_resources *resources)
{
    f->exp_cap = function_config_build(&f->config, &f->desc, resources);
    if (f->desc.doe && (f->doe_cap = function_config_add_doe(&f->config)) == 0)
        return false;
    if (f->desc.ide.present && !stream_port_build(&f->ide, &f->desc.ide, &f->config))
        return false;
    aer_build(&f->aer, &f->config, f->exp_cap, f->desc.type == PCIE_TYPE_ROOT_PORT);
    if (!cxl_port_build(f))
        return false;
    mailbox_init(&f->mailbox);
    return true;
}

/* Below a root port and a downstream port there is a link. */
static bool build_link(struct emu_function *f)
{
    if (f->desc.type != PCIE_TYPE_ROOT_PORT && f->desc.type != PCIE_TYPE_DOWNSTREAM)
        return true;
    f->link = calloc(1, sizeof *f->link);
    if (f->link)
        f->link->port = f;
    return f->link != NULL;
}

/* Waits on it are until a monotonic time. */
static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static bool build_all(struct emu *emu, const struct platform *platform, struct function_resources *resources,
                      char *error, size_t size)
{
    function_assign_resources(platform, resources);
    for (size_t i = 0; i < platform->count; i++) {
        struct emu_function *f = &emu->functions[i];
        f->emu = emu;
        f->desc = platform->functions[i];
        f->parent = f->desc.parent == PLATFORM_NO_PARENT ? NULL : &emu->functions[f->desc.parent];
        pcie_bdf_format(&f->desc.bdf, f->name);
        init_condition(&f->mailbox_changed);
        emu->count = i + 1;
        if (!build_link(f) || !build_function(f, &resources[i])) {
            snprintf(error, size, "%s: its capabilities do not fit into configuration space", f->name);
            return false;
        }
    }
    return true;
}

static bool build_key_providers(struct emu *emu, const struct platform *platform, char *error, size_t size)
{
    emu->rot = platform->rot;
    emu->key_units = calloc(platform->kcu_count + 1, sizeof *emu->key_units);
    for (size_t i = 0; emu->key_units && i < platform->kcu_count; i++) {
        if (!key_unit_init(&emu->key_units[i], emu, &platform->kcus[i], (unsigned)i))
            break;
        emu->key_unit_count = i + 1;
    }
    if (emu->key_unit_count < platform->kcu_count)
        snprintf(error, size, "out of memory");
    return emu->key_unit_count == platform->kcu_count;
}

bool emu_init(struct emu *emu, const struct platform *platform, char *error, size_t size)
{
    memset(emu, 0, sizeof *emu);
    pthread_mutex_init(&emu->lock, NULL);
    emu->functions = calloc(platform->count + 1, sizeof *emu->functions);
    struct function_resources *resources = calloc(platform->count + 1, sizeof *resources);
    emu->fabric = fabric_new();
    bool ok = emu->functions && resources && emu->fabric;
    if (!ok)
        snprintf(error, size, "out of memory");
    else
        ok = build_all(emu, platform, resources, error, size) &&
             build_key_providers(emu, platform, error, size);
    free(resources);
    if (!ok)
        emu_free(emu);
    return ok;
}

void emu_free(struct emu *emu)
{
    for (size_t i = 0; emu->functions && i < emu->count; i++) {
        struct emu_function *f = &emu->functions[i];
        mailbox_free(&f->mailbox);
        stream_port_free(&f->ide);
        memory_free(&f->bar);
        cxl_port_wipe(f);
        for (unsigned way = 0; f->link && way < LINK_WAYS; way++)
            adversary_clear(&f->link->adversary[way]);
        free(f->link);
        pthread_cond_destroy(&f->mailbox_changed);
    }
    free(emu->functions);
    fabric_free(emu->fabric);
    for (size_t i = 0; i < emu->key_unit_count; i++)
        key_unit_free(&emu->key_units[i]);
    free(emu->key_units);
    pthread_mutex_destroy(&emu->lock);
    memset(emu, 0, sizeof *emu);
}

struct emu_function *emu_find(struct emu *emu, const struct pcie_bdf *bdf)
{
    for (size_t i = 0; i < emu->count; i++)
        if (pcie_bdf_compare(&emu->functions[i].desc.bdf, bdf) == 0)
            return &emu->functions[i];
    return NULL;
}

void emu_mailbox_show(struct emu_function *f)
{
    config_put32(&f->config, f->doe_cap + PCIE_DOE_STATUS, mailbox_status(&f->mailbox));
    config_put32(&f->config, f->doe_cap + PCIE_DOE_READ, mailbox_read(&f->mailbox));
}

/* The mailbox registers are written as whole dwords; another access is an error of the requester's (§7.9.24.5). */
static void write_mailbox(struct emu_function *f, unsigned at, uint32_t value, uint32_t enabled)
{
    struct mailbox *m = &f->mailbox;
    bool whole = enabled == UINT32_MAX;
    if (at == PCIE_DOE_CTRL) {
        if (value & enabled & PCIE_DOE_CTRL_ABORT) {
            mailbox_abort(m);
        } else if (value & enabled & PCIE_DOE_CTRL_GO) {
            f->data_objects++;
            mailbox_go(m);
        }
    } else if ((at == PCIE_DOE_WRITE || at == PCIE_DOE_READ) && !whole) {
        mailbox_error(m);
    } else if (at == PCIE_DOE_WRITE) {
        f->dwords_sent++;
        mailbox_write(m, value);
    } else if (at == PCIE_DOE_READ) {
        f->dwords_taken++;
        mailbox_ack(m);
    }
    emu_mailbox_show(f);
    if (at == PCIE_DOE_CTRL)
        pthread_cond_broadcast(&f->mailbox_changed);
}

static void write_device_control(struct emu_function *f, unsigned offset, uint32_t value, uint32_t enabled)
{
    config_write(&f->config, offset, value, enabled);
    if ((value & enabled & EXP_DEVCTL_FLR) && !platform_is_port(&f->desc))
        emu_function_reset(f);
}

/* One naturally aligned access: the dword at offset, and which of its bytes. */
static void write_register(struct emu_function *f, unsigned offset, uint32_t value, uint32_t enabled)
{
    if (f->ide.cap && offset >= f->ide.cap && offset < f->ide.end) {
        trace_register(f, offset, value);
        stream_port_write(&f->ide, &f->config, offset, value, enabled);
        ide_link_settle(f->emu);
    } else if (offset == f->exp_cap + EXP_DEVCTL) {
        write_device_control(f, offset, value, enabled);
    } else {
        config_write(&f->config, offset, value, enabled);
    }
}

void emu_config_write_dword(struct emu_function *f, unsigned offset, uint32_t value, uint32_t enabled)
{
    if (f->doe_cap && offset >= f->doe_cap + PCIE_DOE_CAP && offset < f->doe_cap + PCIE_DOE_SIZE)
        write_mailbox(f, offset - f->doe_cap, value, enabled);
    else if (!fault_is_on(&f->faults, FAULT_STUCK_REGISTERS))
        write_register(f, offset, value, enabled);
}

uint64_t emu_bar_base(const struct emu_function *f)
{
    uint64_t base = config_get32(&f->config, FUNCTION_BAR0) | (uint64_t)config_get32(&f->config, FUNCTION_BAR0 + 4) << 32;
    return base & ~(f->desc.bar_size - 1);
}

bool emu_bar_has(const struct emu_function *f, uint64_t address)
{
    return !f->absent && f->desc.bar_size && config_get16(&f->config, FUNCTION_COMMAND) & FUNCTION_COMMAND_MEMORY &&
           address - emu_bar_base(f) < f->desc.bar_size;
}

/* How many bytes the host's next access takes: it is naturally aligned and at most a dword. */
static unsigned access_size(unsigned offset, size_t n)
{
    if (offset % 4 == 0 && n >= 4)
        return 4;
    return offset % 2 == 0 && n >= 2 ? 2 : 1;
}

void emu_config_write(struct emu_function *f, unsigned offset, const uint8_t *data, size_t n)
{
    emu_lock(f->emu);
    while (n > 0) {
        f->config_writes++;
        unsigned size = access_size(offset, n), shift = 8 * (offset % 4);
        uint32_t value = 0, enabled = 0;
        for (unsigned i = 0; i < size; i++) {
            value |= (uint32_t)data[i] << (8 * i);
            enabled |= UINT32_C(0xff) << (8 * i);
        }
        emu_config_write_dword(f, offset & ~3u, value << shift, enabled << shift);
        offset += size;
        data += size;
        n -= size;
    }
    emu_unlock(f->emu);
}

void emu_count_read(struct emu_function *f, unsigned offset)
{
    bool of_status = f->doe_cap && (offset & ~3u) == f->doe_cap + PCIE_DOE_STATUS;
    f->config_reads++;
    f->looks_while_busy += of_status && f->mailbox.busy;
}

void emu_config_read(struct emu_function *f, unsigned offset, uint8_t *data, size_t n)
{
    emu_lock(f->emu);
    for (size_t at = 0; at < n; at += access_size(offset + (unsigned)at, n - at))
        emu_count_read(f, offset + (unsigned)at);
    memcpy(data, f->config.value + offset, n);
    emu_unlock(f->emu);
}

void emu_function_reset(struct emu_function *f)
{
    if (f->ide.cap) {
        stream_port_reset(&f->ide, &f->config);
        ide_link_settle(f->emu);
    }
    cxl_port_reset(f);
    if (f->doe_cap) {
        mailbox_abort(&f->mailbox);
        emu_mailbox_show(f);
        f->reset_wanted = true;
        pthread_cond_broadcast(&f->mailbox_changed);
    }
}
