/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "emu_stream.h"

#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/ide_link.h"

#define STREAM_ID 7u

static void require(bool ok)
{
    if (!ok)
        abort();
}

static void open_port(struct ide_port *port, struct emu_function *f)
{
    struct ide_fault fault;
    struct pcie_config config = host_config(f);
    require(ide_port_open(port, &f->desc.bdf, &config, &fault) == IDE_OK);
}

static uint32_t session_of(const struct emu_function *f)
{
    return f->parent ? 0x20002 : 0x10001;
}

static struct ide_km_target target(uint8_t id, unsigned set, unsigned direction, unsigned substream)
{
    return (struct ide_km_target){.stream_id = id,
                                  .key_set = (uint8_t)set,
                                  .direction = (enum ide_direction)direction,
                                  .substream = (enum ide_substream)substream};
}

static void program_end(struct test_stream *t, struct emu_function *f, unsigned set, unsigned round)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
            bool from_root = (f == t->root) == (d == IDE_TX);
            struct ide_km_target to = target(t->id, set, d, sub);
            struct ide_key key = {.ifv = 1};
            memset(key.key, (int)(1 + set + 2 * from_root + 4 * sub), sizeof key.key);
            memcpy(key.key, &round, sizeof round);
            require(ide_link_key_prog(f, session_of(f), &to, &key) == KP_ACK_SUCCESS);
        }
}

void test_stream_go(struct emu_function *f, uint8_t id, unsigned set, unsigned direction, unsigned substream)
{
    struct ide_km_target to = target(id, set, direction, substream);
    require(ide_link_set_go(f, session_of(f), &to));
}

static void go_both(struct test_stream *t, unsigned set, unsigned direction)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
        test_stream_go(t->root, t->id, set, direction, sub);
        test_stream_go(t->device, t->id, set, direction, sub);
    }
}

void test_stream_key(struct test_stream *t, unsigned set, unsigned round)
{
    program_end(t, t->root, set, round);
    program_end(t, t->device, set, round);
    go_both(t, set, IDE_RX);
    go_both(t, set, IDE_TX);
}

void test_stream_stop(struct test_stream *t, unsigned set)
{
    for (unsigned i = 0; i < IDE_DIRECTIONS * IDE_SUBSTREAMS; i++) {
        struct ide_km_target to = target(t->id, set, i % IDE_DIRECTIONS, i / IDE_DIRECTIONS);
        require(ide_link_set_stop(t->root, session_of(t->root), &to));
        require(ide_link_set_stop(t->device, session_of(t->device), &to));
    }
}

static struct ide_stream_settings settings_of(const struct test_stream *t,
                                              const struct test_stream_options *o)
{
    return (struct ide_stream_settings){.block = {o->kind, 0},
                                        .stream_id = t->id,
                                        .features.npr = o->aggregation,
                                        .features.pr = o->aggregation,
                                        .features.cpl = o->aggregation,
                                        .features.partial_header = o->header,
                                        .features.pcrc = o->pcrc,
                                        .features.config_requests = o->config_requests,
                                        .features.tee_limited = o->tee_limited};
}

static void set_flow_through(struct test_stream *t)
{
    for (struct emu_function *f = t->device->parent; f != t->root; f = f->parent)
        host_write(f, f->ide.cap + PCIE_IDE_CTL, 4, PCIE_IDE_CTL_FLOWTHROUGH);
}

void test_stream_up(struct test_stream *t, const char *root, const char *device,
                    const struct test_stream_options *options)
{
    static struct platform platform;
    char error[256];
    struct ide_fault fault;
    memset(t, 0, sizeof *t);
    platform_default(&platform);
    for (size_t i = 0; i < platform.count; i++)
        if (platform.functions[i].doe)
            platform.functions[i].ide.abilities |= PCIE_IDE_CAP_PARTIAL_HEADER;
    require(emu_init(&t->emu, &platform, error, sizeof error));
    t->emu.fabric->timeout_ms = 1; /* one thread: what has not come when all frames are delivered never will */
    t->id = STREAM_ID;
    t->root = host_find(&t->emu, root);
    t->device = host_find(&t->emu, device);
    open_port(&t->root_port, t->root);
    open_port(&t->device_port, t->device);
    struct ide_stream_settings a = settings_of(t, options), b = a;
    if (options->kind == IDE_SELECTIVE) {
        struct pcie_config above = host_config(t->device->parent);
        ide_stream_associate(&t->root_port, &t->device_port, &above, &a, &b);
        b.features.default_stream = !options->clear_dma;
    }
    set_flow_through(t);
    require(ide_stream_setup(&t->pair.root_port, &t->root_port, &a, &fault) == IDE_OK);
    require(ide_stream_setup(&t->pair.endpoint, &t->device_port, &b, &fault) == IDE_OK);
    test_stream_key(t, 0, 0);
    require(ide_pair_enable(&t->pair, &fault) == IDE_OK);
}

void test_stream_join(struct test_stream *second, struct test_stream *first, enum ide_kind kind, uint8_t id)
{
    struct ide_fault fault;
    *second = (struct test_stream){.root = first->root, .device = first->device, .id = id};
    struct ide_stream_settings a = {.stream_id = id, .features.traffic_class = 1}, b;
    a.block = (struct ide_block){kind, (uint8_t)(ide_block_count(&first->root_port.cap, kind) - 1)};
    b = a;
    b.block.index = (uint8_t)(ide_block_count(&first->device_port.cap, kind) - 1);
    if (kind == IDE_SELECTIVE) {
        struct pcie_config above = host_config(first->device->parent);
        ide_stream_associate(&first->root_port, &first->device_port, &above, &a, &b);
    }
    require(ide_stream_setup(&second->pair.root_port, &first->root_port, &a, &fault) == IDE_OK);
    require(ide_stream_setup(&second->pair.endpoint, &first->device_port, &b, &fault) == IDE_OK);
    test_stream_key(second, 0, id);
    require(ide_pair_enable(&second->pair, &fault) == IDE_OK);
}

void test_stream_free(struct test_stream *t)
{
    emu_free(&t->emu);
}

static struct port_stream *stream_of(const struct test_stream *t, const struct emu_function *f)
{
    return stream_port_find((struct stream_port *)(uintptr_t)&f->ide, &f->config, t->id);
}

bool test_stream_is_secure(const struct test_stream *t, const struct emu_function *f)
{
    return stream_of(t, f)->secure && (config_get32(&f->config, stream_of(t, f)->status) &
                                       PCIE_IDE_STREAM_STS_STATE) == PCIE_IDE_STATE_SECURE;
}

bool test_stream_fail_message(struct test_stream *t, struct emu_function *f)
{
    return config_get32(&f->config, stream_of(t, f)->status) & PCIE_IDE_STREAM_STS_FAIL;
}
