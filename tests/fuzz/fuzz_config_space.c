/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What functions may say of themselves in configuration space: capability lists, bus numbers, IDE registers.
 * Nothing is read or written outside of it, each look ends, nothing that a device makes up puts it below
 * another's port, and a stream that is taken back leaves its registers idle.
 *
 * Input: functions, each bus, device and function, a length in two bytes, and so many bytes of its space,
 * which are those from 0 to 0x7f and then those from 0x100 on.
 */
#include <string.h>

#include "root_port/aer.h"
#include "root_port/doe_mailbox.h"
#include "root_port/ide_stream.h"
#include "root_port/topology.h"

#define FUNCTIONS_MAX 6u
#define HEADER_PART   0x80u
#define RECORD_HEAD   4u
#define READS_MAX     100000u

static struct function {
    struct pcie_bdf bdf;
    struct pcie_config config;
    uint8_t space[PCIE_CONFIG_SIZE];
} functions[FUNCTIONS_MAX];
static unsigned reads;

static void require(bool ok)
{
    if (!ok)
        __builtin_trap();
}

static void check_access(unsigned offset, unsigned size)
{
    require((size == 1 || size == 2 || size == 4) && offset % size == 0 && offset + size <= PCIE_CONFIG_SIZE);
}

static bool read_config(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    const struct function *f = context;
    check_access(offset, size);
    require(++reads < READS_MAX);
    *value = 0;
    memcpy(value, f->space + offset, size);
    return true;
}

static bool write_config(void *context, unsigned offset, unsigned size, uint32_t value)
{
    struct function *f = context;
    check_access(offset, size);
    memcpy(f->space + offset, &value, size);
    return true;
}

static size_t take_function(struct function *f, const uint8_t *data, size_t size)
{
    size_t len = (size_t)(data[2] | data[3] << 8);
    if (len > size - RECORD_HEAD)
        len = size - RECORD_HEAD;
    if (len > HEADER_PART + PCIE_CONFIG_SIZE - 0x100)
        len = HEADER_PART + PCIE_CONFIG_SIZE - 0x100;
    size_t first = len < HEADER_PART ? len : HEADER_PART;
    *f = (struct function){.bdf = {.bus = data[0], .device = data[1] >> 3, .function = data[1] & 7},
                           .config = {read_config, write_config, f}};
    memcpy(f->space, data + RECORD_HEAD, first);
    memcpy(f->space + 0x100, data + RECORD_HEAD + first, len - first);
    return RECORD_HEAD + len;
}

/* ---- one function --------------------------------------------------------- */

static void look_around(const struct function *f)
{
    struct pcie_window memory, prefetchable;
    uint16_t first, last;
    for (unsigned nth = 0; nth < 3; nth++) {
        uint16_t doe = doe_mailbox_find(&f->config, nth);
        require(doe == 0 || doe + PCIE_DOE_SIZE <= PCIE_CONFIG_SIZE);
    }
    (void)aer_read(&f->config, aer_find(&f->config));
    (void)pcie_link_status(&f->config);
    (void)pcie_flit_mode(&f->config);
    pcie_rid_range(&f->config, &f->bdf, &first, &last);
    require(first <= last && first == pcie_bdf_rid(&f->bdf));
    pcie_bridge_windows(&f->config, &memory, &prefetchable);
}

static void look_at_blocks(const struct ide_port *port, enum ide_kind kind)
{
    struct ide_fault fault;
    struct ide_block_state state;
    unsigned count = ide_block_count(&port->cap, kind);
    require(ide_block_offset(&port->cap, kind, count) <= PCIE_CONFIG_SIZE);
    for (unsigned i = 0; i < count; i++)
        (void)ide_block_read(port, (struct ide_block){kind, (uint8_t)i}, &state, &fault);
}

/* ---- a stream between two of them ------------------------------------------- */

static void try_stream(const struct ide_port *upper, const struct ide_port *lower)
{
    struct ide_fault fault;
    struct ide_block_state state;
    struct ide_stream stream = {0};
    struct ide_stream_settings ends[2] = {{.stream_id = 5}, {.stream_id = 5}};
    ends[0].features.algorithm = ends[1].features.algorithm = PCIE_IDE_ALG_AES_GCM_256;
    if (ide_block_claim(upper, 5, IDE_SELECTIVE, &ends[0].block, &fault) != IDE_OK ||
        ide_block_claim(lower, 5, IDE_SELECTIVE, &ends[1].block, &fault) != IDE_OK)
        return;
    ide_stream_associate(upper, lower, &upper->config, &ends[0], &ends[1]);
    if (ide_stream_setup(&stream, upper, &ends[0], &fault) != IDE_OK)
        return;
    require(ide_stream_enable(&stream, &fault) == IDE_OK);
    require(ide_stream_release(&stream, &fault) == IDE_OK);
    require(ide_block_read(upper, ends[0].block, &state, &fault) == IDE_OK);
    require(state.use == IDE_USE_IDLE && state.stream_id == IDE_STREAM_ID_IDLE);
}

static void try_streams(size_t count)
{
    static struct ide_port ports[FUNCTIONS_MAX];
    struct ide_fault fault;
    bool has[FUNCTIONS_MAX] = {false};
    for (size_t i = 0; i < count; i++) {
        has[i] = ide_port_open(&ports[i], &functions[i].bdf, &functions[i].config, &fault) == IDE_OK;
        if (!has[i])
            continue;
        look_at_blocks(&ports[i], IDE_SELECTIVE);
        look_at_blocks(&ports[i], IDE_LINK);
    }
    for (size_t i = 0; i + 1 < count; i++)
        if (has[i] && has[i + 1])
            try_stream(&ports[i], &ports[i + 1]);
}

/* ---- all of them -------------------------------------------------------------- */

static void check_path(const struct topology *t, size_t index)
{
    static size_t path[TOPOLOGY_DEPTH_MAX];
    size_t count;
    struct ide_fault fault;
    struct topology_pair pair;
    if (topology_path(t, index, path, &count, &fault) == IDE_OK) {
        require(count > 0 && path[count - 1] == index && t->nodes[path[0]].parent == TOPOLOGY_NONE);
        for (size_t i = 1; i < count; i++)
            require(t->nodes[path[i]].bdf.bus > t->nodes[path[i - 1]].bdf.bus);
    }
    if (topology_pair(t, &t->nodes[index].bdf, &pair, &fault) == IDE_OK)
        require(t->nodes[pair.root_port].type == PCIE_TYPE_ROOT_PORT && pair.root_port < pair.endpoint);
}

static void check_topology(size_t count)
{
    struct topology t = {0};
    struct ide_fault fault;
    for (size_t i = 0; i < count; i++)
        if (topology_add(&t, &functions[i].bdf, &functions[i].config, &fault) != IDE_OK)
            require(fault.err == IDE_E_NO_DEVICE);
    topology_link(&t);
    for (size_t i = 0; i < t.count; i++) {
        require(t.nodes[i].parent == TOPOLOGY_NONE || t.nodes[i].parent < i);
        check_path(&t, i);
    }
    topology_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = 0;
    reads = 0;
    for (size_t at = 0; count < FUNCTIONS_MAX && at + RECORD_HEAD <= size; count++)
        at += take_function(&functions[count], data + at, size - at);
    for (size_t i = 0; i < count; i++)
        look_around(&functions[i]);
    check_topology(count);
    try_streams(count);
    return 0;
}
