/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "emu_link_bench.h"

#include <stdlib.h>
#include <string.h>

struct test_stream t;
const struct test_stream_options plain = {.kind = IDE_SELECTIVE};

/* --- What the tests look at ----------------------------------------------------------------------------- */

struct link_seen seen;

static void saw(void *context, const struct link *link, enum link_way way, enum link_event event,
                const struct frame *frame)
{
    struct frame_parts p;
    (void)context, (void)link, (void)way, (void)event;
    if (!frame_split(frame->data, frame->len, &p))
        return;
    if (!p.ide) {
        seen.clear_memory += tlp_is_memory(frame->data[0]);
        seen.clear_config += tlp_is_config(frame->data[0]);
        return;
    }
    seen.ide++;
    seen.with_mac += p.mac != 0;
    seen.unit++;
    if (seen.unit > seen.longest_unit)
        seen.longest_unit = seen.unit;
    if (p.mac)
        seen.unit = 0;
    const uint8_t *h = frame->data + p.header;
    seen.sync += tlp_is_message(h[0]) && h[7] == TLP_MESSAGE_IDE_SYNC;
    seen.last = *frame;
}

void up_between(const char *root, const char *device, const struct test_stream_options *options)
{
    test_stream_free(&t);
    test_stream_up(&t, root, device, options);
    memset(&seen, 0, sizeof seen);
    t.emu.fabric->taps[0] = (struct link_tap){saw, NULL};
}

void up(const struct test_stream_options *options)
{
    up_between(ROOT_PORT_A, ENDPOINT_A, options);
}

void expect_secure(bool secure)
{
    CU_ASSERT_EQUAL(test_stream_is_secure(&t, t.root), secure);
    CU_ASSERT_EQUAL(test_stream_is_secure(&t, t.device), secure);
}

uint64_t errors(const struct emu_function *f, enum aer_error error)
{
    uint64_t n = 0, first = f->aer.log.count > AER_TOLD ? f->aer.log.count - AER_TOLD : 0;
    for (uint64_t i = first; i < f->aer.log.count; i++)
        n += f->aer.log.last[i % AER_TOLD].error == error;
    return n;
}

const char *last_why(const struct emu_function *f)
{
    return f->aer.log.count ? f->aer.log.last[(f->aer.log.count - 1) % AER_TOLD].why : "";
}

struct adversary *adversary(enum link_way way)
{
    return &t.device->parent->link->adversary[way];
}

void attack(enum link_way way, enum attack attack, enum victim victim, uint32_t value, uint32_t left)
{
    struct adversary *a = adversary(way);
    a->attack = attack;
    a->victim = victim;
    a->value = value;
    a->left = left;
}

void release(enum link_way way)
{
    struct adversary_output out;
    emu_lock(&t.emu);
    adversary_release(adversary(way), &out);
    for (size_t i = 0; i < out.count; i++)
        fabric_enqueue(&t.emu, t.device->parent->link, way, &out.frames[i]);
    fabric_run(&t.emu);
    emu_unlock(&t.emu);
}

void put_frame(enum link_way way, const struct frame *frame)
{
    emu_lock(&t.emu);
    fabric_enqueue(&t.emu, t.device->parent->link, way, frame);
    fabric_run(&t.emu);
    emu_unlock(&t.emu);
}

void write_bar(uint64_t at, uint8_t value, size_t n)
{
    uint8_t data[8192];
    memset(data, value, n);
    CU_ASSERT_EQUAL(link_bar_write(t.device, at, data, n), LINK_DONE);
}

bool bar_is(uint64_t at, uint8_t value, size_t n)
{
    uint8_t data[8192];
    memory_read(&t.device->bar, at, data, n);
    for (size_t i = 0; i < n; i++)
        if (data[i] != value)
            return false;
    return true;
}

enum link_result read_bar(uint64_t at, uint8_t *value)
{
    return link_bar_read(t.device, at, value, 1);
}

enum link_result dma(uint64_t at, uint8_t value)
{
    return link_dma_write(t.device, at, false, &value, 1);
}

uint8_t host_byte(uint64_t at)
{
    uint8_t value;
    memory_read(&t.emu.fabric->host, at, &value, 1);
    return value;
}

/* Detected by the device, nothing altered got through, both ends Insecure, and the root port was told. */
void expect_device_detected(const char *why)
{
    expect_secure(false);
    CU_ASSERT_EQUAL(errors(t.device, AER_IDE_CHECK_FAILED), 1);
    CU_ASSERT_STRING_EQUAL(last_why(t.device), why);
    CU_ASSERT_TRUE(test_stream_fail_message(&t, t.root));
    CU_ASSERT_FALSE(test_stream_fail_message(&t, t.device));
}

struct frame forged_write(uint64_t address)
{
    struct frame frame;
    struct tlp forged = {.code = TLP_MWR32,
                         .length = 1,
                         .first_be = 15,
                         .address = address,
                         .requester = pcie_bdf_rid(&t.root->desc.bdf),
                         .data = {0x66, 0x66, 0x66, 0x66}};
    tlp_encode(&forged, &frame);
    return frame;
}

int run_link_tests(CU_TestInfo *tests)
{
    test_stream_up(&t, ROOT_PORT_A, ENDPOINT_A, &plain);
    int failed = suite_run("link", tests);
    test_stream_free(&t);
    return failed;
}
