/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An adversary with any frames on a link whose stream is Secure. Whatever it does: as long as the endpoint's
 * stream is enabled, the endpoint's memory holds what the host wrote and nothing else, and a read gives that
 * or fails.
 *
 * Input: steps: what, length, then so many bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "emu_stream.h"
#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/link_host.h"

#define WRITTEN 0x11u
#define BYTES   64u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct test_stream t;

static void require(int condition)
{
    if (!condition)
        abort();
}

static void check_memory(void)
{
    uint8_t bytes[4096];
    memory_read(&t.device->bar, 0, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        require(bytes[i] == 0 || bytes[i] == WRITTEN);
}

/* A stream protects its traffic class, here 0: a request in the clear in another one is outside this stream. */
static bool outside(const struct frame *frame)
{
    struct frame_parts parts;
    struct tlp tlp;
    return frame_split(frame->data, frame->len, &parts) && !parts.ide && tlp_decode(frame, &tlp) && tlp.tc != 0;
}

static void inject(enum link_way way, const uint8_t *bytes, size_t n)
{
    struct frame frame = {.len = (uint16_t)n};
    memcpy(frame.data, bytes, n);
    if (outside(&frame))
        return;
    fabric_enqueue(&t.emu, t.root->link, way, &frame);
    fabric_run(&t.emu);
}

static void attack(enum link_way way, const uint8_t *bytes, size_t n)
{
    struct adversary *a = &t.root->link->adversary[way];
    if (n < 4)
        return;
    a->attack = (enum attack)(bytes[0] % (ATTACK_STREAM + 1));
    a->victim = (enum victim)(bytes[1] % (VICTIM_CLEAR + 1));
    a->value = bytes[2];
    a->left = bytes[3] % 4;
}

static void release(enum link_way way)
{
    static struct adversary_output out;
    adversary_release(&t.root->link->adversary[way], &out);
    for (size_t i = 0; i < out.count; i++)
        fabric_enqueue(&t.emu, t.root->link, way, &out.frames[i]);
    fabric_run(&t.emu);
}

static void host_write_some(const uint8_t *bytes, size_t n)
{
    uint8_t data[BYTES];
    memset(data, WRITTEN, sizeof data);
    if (n)
        link_bar_write(t.device, bytes[0] * 8u, data, 1 + bytes[n - 1] % BYTES);
}

/* Only while nobody keeps completions: else each read would take its time-out. */
static void host_read_some(const uint8_t *bytes, size_t n)
{
    uint8_t data[BYTES];
    struct port_stream *s = stream_port_find(&t.device->ide, &t.device->config, t.id);
    if (n == 0 || !s || !s->secure || t.root->link->adversary[0].attack || t.root->link->adversary[1].attack)
        return;
    if (link_bar_read(t.device, bytes[0] * 8u, data, sizeof data) != LINK_DONE)
        return;
    for (size_t i = 0; i < sizeof data; i++)
        require(data[i] == 0 || data[i] == WRITTEN);
}

static void step(uint8_t what, const uint8_t *bytes, size_t n)
{
    enum link_way way = what & 0x80 ? LINK_UP : LINK_DOWN;
    switch (what % 6) {
    case 0:
    case 1:
        inject(way, bytes, n);
        break;
    case 2:
        attack(way, bytes, n);
        break;
    case 3:
        release(way);
        break;
    case 4:
        host_write_some(bytes, n);
        break;
    default:
        host_read_some(bytes, n);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct test_stream_options options = {.kind = data[0] & 1 ? IDE_LINK : IDE_SELECTIVE,
                                          .pcrc = data[0] & 2,
                                          .aggregation = (enum ide_aggregation)(data[0] >> 2 & 3),
                                          .header = (enum ide_partial_header)(data[0] >> 4 & 3)};
    test_stream_up(&t, ROOT_PORT_A, ENDPOINT_A, &options);
    unsigned steps = 0;
    for (size_t at = 1; at + 2 <= size && steps++ < 64;) {
        size_t n = data[at + 1];
        n = n < size - at - 2 ? n : size - at - 2;
        step(data[at], data + at + 2, n);
        at += 2 + n;
        struct port_stream *s = stream_port_find(&t.device->ide, &t.device->config, t.id);
        if (!s || !port_stream_enabled(s, &t.device->config))
            break; /* configuration requests in the clear may turn it off: they are outside this stream */
        check_memory();
    }
    test_stream_free(&t);
    return 0;
}
