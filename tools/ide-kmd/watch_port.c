/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/watch_port.h"

#include <czmq.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/ide-kmd/watch_look.h"

#define RETRY_MS   1000u
#define BLOCKS_MAX (IDE_LINK_MAX + IDE_SELECTIVE_MAX)

/* A function that was pulled out and put back is another file. */
static bool need_view(struct watch_port *port, const struct watch *watch, uint64_t now_ms)
{
    struct ide_fault fault;
    if (port->view.is_open)
        return true;
    if (now_ms < port->retry_ms || (uint64_t)zclock_mono() > watch->open_until_ms)
        return false;
    port->failed = port_view_open(&port->view, watch->settings.sysfs, &port->bdf, &fault) != IDE_OK;
    if (port->failed)
        port->retry_ms = now_ms + RETRY_MS;
    return !port->failed;
}

bool watch_port_enter(struct watch_port *port, const struct watch *watch, uint64_t now_ms)
{
    if (atomic_load(&port->held) > 0)
        return false;
    if (port->gate && pthread_mutex_trylock(port->gate) != 0)
        return false;
    if (need_view(port, watch, now_ms))
        return true;
    if (port->gate)
        pthread_mutex_unlock(port->gate);
    return false;
}

void watch_port_leave(struct watch_port *port)
{
    if (port->gate)
        pthread_mutex_unlock(port->gate);
}

void watch_port_close(struct watch_port *port)
{
    if (port->read.fd >= 0)
        close(port->read.fd);
    port->read.fd = -1;
    watch_port_changed(port);
    port_view_close(&port->view);
}

/* libpci keeps its own to itself. */
static int open_config(const struct watch_port *port)
{
    char name[PCIE_BDF_TEXT], path[PCIE_SYSFS_PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s/config", port->view.access.devices, pcie_bdf_format(&port->bdf, name));
    return open(path, O_RDONLY | O_CLOEXEC);
}

static size_t blocks_of(const struct watch_port *port, struct ide_block blocks[static BLOCKS_MAX])
{
    size_t count = 0;
    for (const struct watched_end *e = port->ends; e && count < BLOCKS_MAX; e = e->next)
        blocks[count++] = e->stream->block[e->end];
    return count;
}

void watch_port_changed(struct watch_port *port)
{
    port->is_set = port->is_read = port->is_calm = false;
}

bool watch_port_need_config(struct watch_port *port)
{
    if (port->read.fd < 0)
        port->read.fd = open_config(port);
    return port->read.fd >= 0;
}

static bool set_read(struct watch_port *port)
{
    struct ide_block blocks[BLOCKS_MAX];
    size_t count = blocks_of(port, blocks);
    if (count == 0 || !port_view_range(&port->view, blocks, count, &port->read.offset, &port->read.size))
        return false;
    if (!watch_port_need_config(port))
        return false;
    port->read.bytes = port->bytes;
    batch_read_prepare(&port->read);
    return true;
}

void watch_port_add(struct watch_port *port, struct watch_batch *batch)
{
    port->is_set = port->is_set || set_read(port);
    port->is_read = port->is_set;
    if (port->is_read)
        watch_batch_add(batch, &port->read);
}

/* All ones if the port does not answer. */
static void read_blocks(const struct watch_port *port, const struct ide_block *blocks, size_t count,
                        struct port_block *out)
{
    bool answers = port->is_read ? port->read.answered : port_view_blocks(&port->view, blocks, count, out);
    if (port->is_read && answers)
        port_view_take(&port->view, blocks, count, port->read.offset, port->bytes, out);
    for (size_t i = 0; !answers && i < count; i++)
        out[i] = (struct port_block){PCIE_ALL_ONES, PCIE_ALL_ONES};
}

/* Whether all is well. */
static bool see_all(struct watch_port *port)
{
    struct ide_block blocks[BLOCKS_MAX];
    struct port_block registers[BLOCKS_MAX];
    size_t count = blocks_of(port, blocks), i = 0;
    bool well = true;
    if (count > 0)
        read_blocks(port, blocks, count, registers);
    for (struct watched_end *e = port->ends; e && i < count; e = e->next) {
        e->seen = watch_end_of(&registers[i++]);
        well = well && watch_end_is_secure(&e->seen, e->stream->id);
    }
    return well;
}

bool watch_port_see(struct watch_port *port)
{
    bool answered = port->is_read && port->read.answered;
    bool well = answered && port->is_calm && memcmp(port->calm, port->bytes, port->read.size) == 0;
    if (!well) {
        well = see_all(port);
        port->is_calm = well && answered;
        if (port->is_calm)
            memcpy(port->calm, port->bytes, port->read.size);
    }
    port->is_read = false;
    return !well;
}

struct watch_end watch_port_end(const struct watch_port *port, struct ide_block block)
{
    struct port_block registers;
    if (!port_view_blocks(&port->view, &block, 1, &registers))
        registers = (struct port_block){PCIE_ALL_ONES, PCIE_ALL_ONES};
    return watch_end_of(&registers);
}

bool watch_port_is_blank(const struct watch_port *port, struct ide_block block)
{
    if (block.kind != IDE_SELECTIVE)
        return false;
    unsigned offset = ide_block_offset(&port->view.ide.cap, block.kind, block.index) + PCIE_IDE_SEL_RID_2;
    return !(pcie_read32(&port->view.function.config, offset) & PCIE_IDE_SEL_RID_2_VALID);
}

uint32_t watch_port_errors(struct watch_port *port, uint32_t now, bool fallen, uint64_t now_ms)
{
    now = now == PCIE_ALL_ONES ? 0 : now;
    bool first = !port->has_errors;
    uint32_t fresh = first ? now & PCIE_AER_IDE : now & ~port->known;
    port->known = now;
    port->has_errors = true;
    if (fresh) {
        port->recent = watch_port_recent(port, now_ms) | fresh;
        port->recent_ms = now_ms;
    }
    return first && !fallen ? 0 : fresh;
}

uint32_t watch_port_recent(const struct watch_port *port, uint64_t now_ms)
{
    return now_ms - port->recent_ms < WATCH_RECENT_MS ? port->recent : 0;
}

void watch_port_clear(struct watch_port *port)
{
    uint32_t ours = port->known & PCIE_AER_IDE;
    if (ours && !aer_is_kernels(&port->view.access, &port->root_port) &&
        aer_clear(&port->view.function.config, port->view.aer, ours))
        port->known &= ~ours;
}
