/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/trace.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

bool trace_open(struct emu *emu, const char *path, char *error, size_t size)
{
    emu->trace = path ? fopen(path, "we") : NULL;
    if (path && !emu->trace)
        snprintf(error, size, "%s: %s", path, strerror(errno));
    return !path || emu->trace;
}

void trace_close(struct emu *emu)
{
    if (emu->trace)
        fclose(emu->trace);
    emu->trace = NULL;
}

/* "control", "address 0.2": a register of a stream's block, by its offset there. */
static void name_register(char *text, size_t size, const struct port_stream *s, unsigned block, unsigned offset)
{
    unsigned at = offset - block, address = at - PCIE_IDE_SEL_ADDR_FIRST;
    if (offset == s->control)
        snprintf(text, size, "control");
    else if (offset == s->status)
        snprintf(text, size, "status");
    else if (at == PCIE_IDE_SEL_RID_1)
        snprintf(text, size, "RID 1");
    else if (at == PCIE_IDE_SEL_RID_2)
        snprintf(text, size, "RID 2");
    else
        snprintf(text, size, "address %u.%u", address / PCIE_IDE_SEL_ADDR_SIZE,
                 address % PCIE_IDE_SEL_ADDR_SIZE / 4 + 1);
}

static unsigned block_start(const struct port_stream *s)
{
    return s->selective ? s->rid - PCIE_IDE_SEL_RID_1 : s->control;
}

/* The block whose registers begin last before the offset. */
static const struct port_stream *block_of(const struct emu_function *f, unsigned offset)
{
    const struct port_stream *found = NULL;
    for (size_t i = 0; i < f->ide.count; i++)
        if (block_start(&f->ide.streams[i]) <= offset)
            found = &f->ide.streams[i];
    return found;
}

void trace_register(const struct emu_function *f, unsigned offset, uint32_t value)
{
    char name[32];
    FILE *out = f->emu->trace;
    const struct port_stream *s = block_of(f, offset);
    if (!out)
        return;
    if (s) {
        name_register(name, sizeof name, s, block_start(s), offset);
        fprintf(out, "%s write %s %u %s %08x\n", f->name, s->selective ? "selective" : "link", s->index, name, value);
    } else {
        fprintf(out, "%s write IDE control %08x\n", f->name, value);
    }
    fflush(out);
}

static void trace_slot(FILE *out, const struct key_unit *u, uint32_t at)
{
    uint32_t tx = u->desc.tx_slots * (KCU_KEY_SIZE + KCU_IV_SIZE);
    bool is_tx = at < tx;
    uint32_t keys = (is_tx ? u->desc.tx_slots : u->desc.rx_slots) * KCU_KEY_SIZE;
    at -= is_tx ? 0 : tx;
    bool is_key = at < keys;
    fprintf(out, "kcu%u write %s %s slot %u\n", u->number, is_tx ? "Tx" : "Rx", is_key ? "key" : "IV",
            is_key ? at / KCU_KEY_SIZE : (at - keys) / KCU_IV_SIZE);
}

void trace_unit(const struct key_unit *u, uint32_t offset, uint32_t value)
{
    static const char *const names[KCU_STREAM_SIZE / 4] = {
        "Stream Control", "Tx Control",   "Tx Status",    "Rx Control",  "Rx Status",
        "Tx indices 0",   "Tx indices 1", "Rx indices 0", "Rx indices 1"};
    FILE *out = u->emu->trace;
    uint32_t slots = KCU_STREAM_0 + KCU_STREAM_SIZE * u->desc.streams;
    if (!out)
        return;
    if (offset >= slots)
        trace_slot(out, u, offset - slots);
    else if (offset >= KCU_STREAM_0)
        fprintf(out, "kcu%u write stream %u %s %08x\n", u->number, (offset - KCU_STREAM_0) / KCU_STREAM_SIZE,
                names[(offset - KCU_STREAM_0) % KCU_STREAM_SIZE / 4], value);
    fflush(out);
}

void trace_message(const struct emu_function *f, const char *name, const struct ide_km_target *target)
{
    static const char *const substreams[] = {"PR", "NPR", "CPL"};
    FILE *out = f->emu->trace;
    if (!out)
        return;
    fprintf(out, "%s %s", f->name, name);
    if (target)
        fprintf(out, " stream %u set %u %s %s", target->stream_id, target->key_set,
                target->direction == IDE_TX ? "Tx" : "Rx",
                (unsigned)target->substream < IDE_SUBSTREAMS ? substreams[target->substream] : "?");
    fputc('\n', out);
    fflush(out);
}
