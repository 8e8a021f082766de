/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLPs over the emulated links: what is protected, what an adversary can do, and what both ends say then. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "emu_stream.h"
#include "tools/ide-emu/fabric.h"
#include "tools/ide-emu/link_host.h"

static struct test_stream t;
static const struct test_stream_options plain = {.kind = IDE_SELECTIVE};

/* --- What the tests look at ----------------------------------------------------------------------------------------- */

/* Counts what goes over the links, and keeps the last IDE TLP. */
static struct {
    size_t clear_memory, ide, clear_config, with_mac, longest_unit, unit, sync;
    struct frame last;
} seen;

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

static void up_between(const char *root, const char *device, const struct test_stream_options *options)
{
    test_stream_free(&t);
    test_stream_up(&t, root, device, options);
    memset(&seen, 0, sizeof seen);
    t.emu.fabric->taps[0] = (struct link_tap){saw, NULL};
}

static void up(const struct test_stream_options *options)
{
    up_between(ROOT_PORT_A, ENDPOINT_A, options);
}

static void expect_secure(bool secure)
{
    CU_ASSERT_EQUAL(test_stream_is_secure(&t, t.root), secure);
    CU_ASSERT_EQUAL(test_stream_is_secure(&t, t.device), secure);
}

static uint64_t errors(const struct emu_function *f, enum aer_error error)
{
    uint64_t n = 0, first = f->aer.log.count > AER_TOLD ? f->aer.log.count - AER_TOLD : 0;
    for (uint64_t i = first; i < f->aer.log.count; i++)
        n += f->aer.log.last[i % AER_TOLD].error == error;
    return n;
}

static const char *last_why(const struct emu_function *f)
{
    return f->aer.log.count ? f->aer.log.last[(f->aer.log.count - 1) % AER_TOLD].why : "";
}

static struct adversary *adversary(enum link_way way)
{
    return &t.device->parent->link->adversary[way];
}

static void attack(enum link_way way, enum attack attack, enum victim victim, uint32_t value, uint32_t left)
{
    struct adversary *a = adversary(way);
    a->attack = attack;
    a->victim = victim;
    a->value = value;
    a->left = left;
}

static void release(enum link_way way)
{
    struct adversary_output out;
    emu_lock(&t.emu);
    adversary_release(adversary(way), &out);
    for (size_t i = 0; i < out.count; i++)
        fabric_enqueue(&t.emu, t.device->parent->link, way, &out.frames[i]);
    fabric_run(&t.emu);
    emu_unlock(&t.emu);
}

static void put_frame(enum link_way way, const struct frame *frame)
{
    emu_lock(&t.emu);
    fabric_enqueue(&t.emu, t.device->parent->link, way, frame);
    fabric_run(&t.emu);
    emu_unlock(&t.emu);
}

static void write_bar(uint64_t at, uint8_t value, size_t n)
{
    uint8_t data[8192];
    memset(data, value, n);
    CU_ASSERT_EQUAL(link_bar_write(t.device, at, data, n), LINK_DONE);
}

static bool bar_is(uint64_t at, uint8_t value, size_t n)
{
    uint8_t data[8192];
    memory_read(&t.device->bar, at, data, n);
    for (size_t i = 0; i < n; i++)
        if (data[i] != value)
            return false;
    return true;
}

static enum link_result read_bar(uint64_t at, uint8_t *value)
{
    return link_bar_read(t.device, at, value, 1);
}

static enum link_result dma(uint64_t at, uint8_t value)
{
    return link_dma_write(t.device, at, false, &value, 1);
}

static uint8_t host_byte(uint64_t at)
{
    uint8_t value;
    memory_read(&t.emu.fabric->host, at, &value, 1);
    return value;
}

/* Detected by the device, nothing altered got through, both ends Insecure, and the root port was told. */
static void expect_device_detected(const char *why)
{
    expect_secure(false);
    CU_ASSERT_EQUAL(errors(t.device, AER_IDE_CHECK_FAILED), 1);
    CU_ASSERT_STRING_EQUAL(last_why(t.device), why);
    CU_ASSERT_TRUE(test_stream_fail_message(&t, t.root));
    CU_ASSERT_FALSE(test_stream_fail_message(&t, t.device));
}

/* --- Traffic -------------------------------------------------------------------------------------------------------- */

static void mixed_traffic(void)
{
    uint8_t out[3000], in[3000];
    for (size_t i = 0; i < sizeof out; i++)
        out[i] = (uint8_t)(i * 7 + 3);
    for (unsigned at = 0; at < 9; at++) {
        size_t n = sizeof out - 13 * at;
        CU_ASSERT_EQUAL(link_bar_write(t.device, at, out, n), LINK_DONE);
        CU_ASSERT_EQUAL(link_bar_read(t.device, at, in, n), LINK_DONE);
        CU_ASSERT_EQUAL(memcmp(in, out, n), 0);
        CU_ASSERT_EQUAL(link_dma_write(t.device, 0x10000 + at, false, out, n), LINK_DONE);
        CU_ASSERT_EQUAL(link_dma_read(t.device, 0x10000 + at, false, in, n), LINK_DONE);
        CU_ASSERT_EQUAL(memcmp(in, out, n), 0);
        CU_ASSERT_EQUAL(link_dma_write(t.device, UINT64_C(0x100000000) + at, false, out, 9), LINK_DONE);
        CU_ASSERT_EQUAL(link_dma_read(t.device, UINT64_C(0x100000000) + at, false, in, 9), LINK_DONE);
        CU_ASSERT_EQUAL(memcmp(in, out, 9), 0);
    }
}

static void every_form_of_stream_carries_traffic(void)
{
    for (unsigned i = 0; i < 4 * 5 * 2; i++) {
        struct test_stream_options o = {.kind = IDE_SELECTIVE,
                                        .aggregation = (enum ide_aggregation)(i % 4),
                                        .header = (enum ide_partial_header)(i / 4 % 5),
                                        .pcrc = i / 20};
        up(&o);
        mixed_traffic();
        expect_secure(true);
        CU_ASSERT_EQUAL(seen.clear_memory, 0);
        CU_ASSERT_TRUE(seen.ide > 100);
        CU_ASSERT_EQUAL(seen.longest_unit, 1u << i % 4);
        CU_ASSERT_EQUAL(t.root->aer.log.count + t.device->aer.log.count, 0);
    }
}

static void a_stream_goes_through_a_switch(void)
{
    up_between(ROOT_PORT_B, ENDPOINT_B, &plain);
    mixed_traffic();
    expect_secure(true);
    CU_ASSERT_EQUAL(seen.clear_memory, 0);
}

static void a_link_stream_protects_everything(void)
{
    up(&(struct test_stream_options){.kind = IDE_LINK});
    mixed_traffic();
    uint8_t id[4];
    link_config_read(t.device, 0, id, sizeof id);
    CU_ASSERT_EQUAL(id[0] | id[1] << 8, t.device->desc.ids.vendor);
    expect_secure(true);
    CU_ASSERT_EQUAL(seen.clear_memory + seen.clear_config, 0);
}

static void config_requests_are_protected_if_the_stream_says_so(void)
{
    uint8_t id[4];
    up(&plain);
    link_config_read(t.device, 0, id, sizeof id);
    CU_ASSERT_EQUAL(seen.clear_config, 1);
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .config_requests = true});
    link_config_read(t.device, 0, id, sizeof id);
    CU_ASSERT_EQUAL(id[0] | id[1] << 8, t.device->desc.ids.vendor);
    CU_ASSERT_EQUAL(seen.clear_config, 0);
    up_between(ROOT_PORT_B, ENDPOINT_B, &(struct test_stream_options){.kind = IDE_SELECTIVE, .config_requests = true});
    link_config_read(t.device, 0, id, sizeof id);
    CU_ASSERT_EQUAL(id[0] | id[1] << 8, t.device->desc.ids.vendor);
    CU_ASSERT_EQUAL(seen.clear_config, 0);
}

static void without_a_default_stream_dma_is_in_the_clear(void)
{
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .clear_dma = true});
    CU_ASSERT_EQUAL(dma(0x1000, 5), LINK_DONE);
    CU_ASSERT_EQUAL(host_byte(0x1000), 5);
    CU_ASSERT_EQUAL(seen.clear_memory, 1);
    write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(seen.ide, 1);
    expect_secure(true);
}

static void a_stream_limited_to_trusted_tlps_takes_no_others(void)
{
    uint8_t byte = 9;
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .tee_limited = true});
    CU_ASSERT_EQUAL(link_dma_write(t.device, 0x1000, true, &byte, 1), LINK_DONE);
    CU_ASSERT_EQUAL(seen.ide, 1);
    CU_ASSERT_TRUE(seen.last.data[1] & 0x20);
    CU_ASSERT_EQUAL(dma(0x1001, 8), LINK_DONE);
    CU_ASSERT_EQUAL(seen.clear_memory, 1);
    CU_ASSERT_EQUAL(host_byte(0x1000), 9);
    CU_ASSERT_EQUAL(host_byte(0x1001), 8);
}

static void what_is_not_there_is_refused(void)
{
    uint8_t byte;
    up(&plain);
    host_write(t.device, 4, 2, 0x0004);   /* memory space off */
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_REFUSED);
    CU_ASSERT_EQUAL(errors(t.device, AER_UNSUPPORTED), 1);
    host_write(t.device, 4, 2, 0x0002);   /* bus master off */
    CU_ASSERT_EQUAL(dma(0, 1), LINK_OFF);
    expect_secure(true);
}

/* --- Attacks -------------------------------------------------------------------------------------------------------- */

static void a_flipped_bit_anywhere_is_detected(void)
{
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .pcrc = true});
    write_bar(0, 1, 4);
    size_t bits = seen.last.len * 8u;
    for (size_t bit = 0; bit < bits; bit++) {
        up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .pcrc = true});
        attack(LINK_DOWN, ATTACK_FLIP, VICTIM_PR, (uint32_t)bit, 1);
        write_bar(0x100, 0xff, 4);
        attack(LINK_DOWN, ATTACK_NONE, VICTIM_PR, 0, 0);
        CU_ASSERT_TRUE(bar_is(0, 0, 0x1000));
        CU_ASSERT_TRUE(t.device->aer.log.count > 0);
        /* what made it no IDE TLP of this stream any more has to be missed by the next one */
        write_bar(0x100, 0xfe, 4);
        CU_ASSERT_TRUE(bar_is(0, 0, 0x1000));
        CU_ASSERT_EQUAL(errors(t.device, AER_IDE_CHECK_FAILED), 1);
        expect_secure(false);
    }
}

static void a_flipped_bit_of_a_completion_is_detected(void)
{
    uint8_t byte = 0x55;
    up(&plain);
    write_bar(0, 7, 4);
    attack(LINK_UP, ATTACK_FLIP, VICTIM_CPL, 8 * 17, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    CU_ASSERT_EQUAL(byte, 0x55);
    expect_secure(false);
    CU_ASSERT_EQUAL(errors(t.root, AER_IDE_CHECK_FAILED), 1);
    CU_ASSERT_TRUE(test_stream_fail_message(&t, t.device));
}

static void a_dropped_tlp_is_missed_by_the_next(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_DROP, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    expect_secure(true);
    write_bar(4, 2, 4);
    expect_device_detected("MAC check failed");
    CU_ASSERT_TRUE(bar_is(0, 0, 16));
}

static void a_dropped_write_is_missed_by_the_read_behind_it(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_DOWN, ATTACK_DROP, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_device_detected("it passed a posted request");
}

static void reordered_tlps_are_detected(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_REORDER, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    write_bar(0, 2, 4);
    expect_device_detected("MAC check failed");
    CU_ASSERT_TRUE(bar_is(0, 0, 16));
}

static void a_repeated_tlp_is_detected(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_REPLAY, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    expect_device_detected("MAC check failed");
    CU_ASSERT_TRUE(bar_is(0, 1, 4));
}

static void a_tlp_that_was_recorded_is_worth_nothing_later(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_RECORD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    write_bar(0, 2, 4);
    put_frame(LINK_DOWN, &adversary(LINK_DOWN)->recorded[0]);
    expect_device_detected("MAC check failed");
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
}

static void a_delayed_tlp_is_detected(void)
{
    up(&plain);
    attack(LINK_UP, ATTACK_DELAY, VICTIM_PR, 2, 1);
    dma(0x1000, 1);
    expect_secure(true);
    dma(0x1000, 2);
    expect_secure(false);
    CU_ASSERT_EQUAL(host_byte(0x1000), 0);
    CU_ASSERT_STRING_EQUAL(last_why(t.root), "MAC check failed");
}

static void a_tlp_moved_to_another_stream_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_STREAM, VICTIM_PR, 9, 1);
    write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(errors(t.device, AER_MISROUTED_IDE), 1);
    expect_secure(true);   /* misrouted is no failure of the stream; that one is missing is */
    write_bar(0, 2, 4);
    expect_device_detected("MAC check failed");
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
}

static struct frame forged_write(uint64_t address)
{
    struct frame frame;
    struct tlp forged = {.code = TLP_MWR32, .length = 1, .first_be = 15, .address = address,
                         .requester = pcie_bdf_rid(&t.root->desc.bdf), .data = {0x66, 0x66, 0x66, 0x66}};
    tlp_encode(&forged, &frame);
    return frame;
}

static void a_write_in_the_clear_is_refused_where_a_stream_covers_it(void)
{
    up(&plain);
    struct frame frame = forged_write(emu_bar_base(t.device));
    put_frame(LINK_DOWN, &frame);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_device_detected("it is not encrypted, and a stream covers it");

    up(&(struct test_stream_options){.kind = IDE_LINK});
    put_frame(LINK_DOWN, &frame);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_device_detected("it is not encrypted, and the link's stream is on");
}

static void a_completion_in_the_clear_is_refused(void)
{
    uint8_t byte = 1;
    up(&plain);
    /* the true one is kept; the forged one comes while the root port waits */
    attack(LINK_UP, ATTACK_DROP, VICTIM_CPL, 0, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    struct request *r = &t.emu.fabric->requests[0];
    CU_ASSERT_TRUE(r->used && r->late);
    r->late = false;
    struct frame frame;
    struct tlp forged = {.code = TLP_CPLD, .length = 1, .byte_count = 4, .tag = r->tag,
                         .requester = pcie_bdf_rid(&t.root->desc.bdf)};
    tlp_encode(&forged, &frame);
    put_frame(LINK_UP, &frame);
    CU_ASSERT_FALSE(r->done);
    expect_secure(false);
    CU_ASSERT_STRING_EQUAL(last_why(t.root), "a completion did not come on its request's stream");
}

static void after_a_failure_nothing_goes_in_the_clear(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_DOWN, ATTACK_FLIP, VICTIM_PR, 300, 1);
    write_bar(0, 1, 64);
    expect_secure(false);
    size_t before = seen.clear_memory;
    write_bar(0, 2, 64);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    dma(0x1000, 1);
    CU_ASSERT_EQUAL(seen.clear_memory, before);
    CU_ASSERT_TRUE(t.emu.fabric->lost >= 3);
    CU_ASSERT_TRUE(bar_is(0, 0, 64));
    struct ide_fault fault;
    CHECK_OK(ide_pair_disable(&t.pair, &fault));
    write_bar(0, 3, 64);
    CU_ASSERT_TRUE(bar_is(0, 3, 64));
}

static void a_lost_fail_message_changes_nothing_but_the_bit(void)
{
    up(&plain);
    attack(LINK_UP, ATTACK_DROP, VICTIM_ALL, 0, 1);
    attack(LINK_DOWN, ATTACK_FLIP, VICTIM_PR, 300, 1);
    write_bar(0, 1, 64);
    expect_secure(false);
    CU_ASSERT_FALSE(test_stream_fail_message(&t, t.root));
    CU_ASSERT_TRUE(bar_is(0, 0, 64));
}

static void an_aggregated_unit_is_all_or_nothing(void)
{
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .aggregation = IDE_AGGREGATION_4});
    attack(LINK_DOWN, ATTACK_FLIP, VICTIM_PR, 8 * 20, 1);
    write_bar(0, 0xaa, 512);   /* one unit; its first TLP is altered */
    CU_ASSERT_TRUE(bar_is(0, 0, 512));
    expect_device_detected("MAC check failed");
}

static void the_aer_registers_say_what_happened(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_FLIP, VICTIM_PR, 300, 1);
    write_bar(0, 1, 64);
    unsigned aer = t.device->aer.cap;
    CU_ASSERT_NOT_EQUAL_FATAL(aer, 0);
    CU_ASSERT_EQUAL(host_read(t.device, aer + 4, 4), 1u << 28);
    CU_ASSERT_EQUAL(host_read(t.device, aer + 0x18, 4) & 0x1f, 28);
    CU_ASSERT_EQUAL(host_read(t.device, aer + 0x1c, 4) >> 24, TLP_MWR32);
    CU_ASSERT_EQUAL(host_read(t.device, aer + 0x38, 4) >> 24, 0x92);
    host_write(t.device, aer + 4, 4, 1u << 28);
    CU_ASSERT_EQUAL(host_read(t.device, aer + 4, 4), 0);
}

/* --- CVE-2025-9612: a TLP passes a posted request ----------------------------------------------------------------- */

static void a_read_that_passes_a_write_is_detected(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_device_detected("it passed a posted request");
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
}

static void a_completion_that_passes_dma_is_detected(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_PR, 0, 1);
    dma(0x1000, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_secure(false);
    CU_ASSERT_STRING_EQUAL(last_why(t.root), "no completion came in time");
    CU_ASSERT_EQUAL(errors(t.root, AER_IDE_CHECK_FAILED), 1);
    release(LINK_UP);
    CU_ASSERT_EQUAL(host_byte(0x1000), 0);
}

/* With more posted requests than the counter holds, IDE Sync takes the count; that must not be a way round it. */
static void no_number_of_writes_lets_a_read_pass(void)
{
    for (unsigned held = 1; held < 64; held += 31)
        for (unsigned writes = 250; writes < 800; writes += 137) {
            uint8_t byte;
            up(&plain);
            /* the last ones of the posted sub-stream, Sync messages among them, are held back */
            for (unsigned i = 0; i < writes; i++) {
                if (i == writes - held)
                    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, ADVERSARY_FOREVER);
                write_bar(4 * (i % 1000), 1, 4);
            }
            CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
            expect_secure(false);
            CU_ASSERT_EQUAL(errors(t.device, AER_IDE_CHECK_FAILED), 1);
        }
}

static void a_read_may_not_pass_a_sync_either(void)
{
    uint8_t byte;
    up(&plain);
    for (unsigned i = 0; i < 255; i++)
        write_bar(0, 1, 4);
    CU_ASSERT_EQUAL(seen.sync, 0);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, ADVERSARY_FOREVER);
    write_bar(0, 2, 4);   /* a Sync goes before it */
    CU_ASSERT_EQUAL(adversary(LINK_DOWN)->held_count, 2);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_secure(false);
    CU_ASSERT_TRUE(bar_is(0, 1, 4));
}

static void many_writes_without_reads_are_no_error(void)
{
    uint8_t byte;
    up(&plain);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 70000; i++)
            dma(0x1000 + i % 4096, (uint8_t)i);
        CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_DONE);
        CU_ASSERT_EQUAL(link_dma_read(t.device, 0x1000, false, &byte, 1), LINK_DONE);
        CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_DONE);
    }
    expect_secure(true);
    /* one for each 255, and one before each first TLP of the two kinds behind those */
    CU_ASSERT_TRUE(seen.sync >= 3 * 70000 / 255 && seen.sync < 3 * 70000 / 255 + 9);
}

/* --- CVE-2025-9613: a completion comes after its timeout ---------------------------------------------------------- */

static void a_completion_after_its_timeout_reaches_nobody(void)
{
    uint8_t byte = 0;
    up(&plain);
    write_bar(0, 1, 4);
    write_bar(4, 2, 4);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_CPL, 0, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    uint8_t tag = t.emu.fabric->requests[0].tag;
    release(LINK_UP);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNEXPECTED_COMPLETION), 1);
    CU_ASSERT_EQUAL(read_bar(4, &byte), LINK_DONE);
    CU_ASSERT_EQUAL(byte, 2);
    CU_ASSERT_NOT_EQUAL(t.emu.fabric->requests[0].tag, tag);
    expect_secure(true);
}

static void a_tag_is_not_used_again_while_its_completion_may_come(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_CPL, 0, ADVERSARY_FOREVER);
    t.emu.fabric->next_tag = 200;
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    t.emu.fabric->next_tag = 200;
    CU_ASSERT_EQUAL(read_bar(4, &byte), LINK_TIMED_OUT);
    CU_ASSERT_EQUAL(t.emu.fabric->requests[0].tag, 200);
    CU_ASSERT_EQUAL(t.emu.fabric->requests[1].tag, 201);
    attack(LINK_UP, ATTACK_NONE, VICTIM_CPL, 0, 0);
    release(LINK_UP);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNEXPECTED_COMPLETION), 2);
    CU_ASSERT_EQUAL(read_bar(4, &byte), LINK_DONE);
    expect_secure(true);
}

/* --- CVE-2025-9614: TLPs under old keys --------------------------------------------------------------------------- */

static void a_write_held_over_a_refresh_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    expect_secure(true);
    write_bar(0, 2, 4);
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
    expect_device_detected("it came under a key set that was left");
}

static void a_write_held_over_a_stop_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    test_stream_stop(&t, 0);
    expect_secure(true);
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_device_detected("no key is started for it");
}

static void a_write_held_over_two_refreshes_is_refused(void)
{
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    test_stream_stop(&t, 0);
    test_stream_key(&t, 0, 2);
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_device_detected("MAC check failed");
}

static void a_write_lost_before_a_refresh_is_missed_after_it(void)
{
    uint8_t byte;
    up(&plain);
    attack(LINK_DOWN, ATTACK_DROP, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    test_stream_key(&t, 1, 1);
    test_stream_stop(&t, 0);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    expect_device_detected("it passed a posted request");
}

static void a_write_held_over_stop_and_start_is_refused(void)
{
    struct ide_fault fault;
    up(&plain);
    attack(LINK_DOWN, ATTACK_HOLD, VICTIM_PR, 0, 1);
    write_bar(0, 1, 4);
    CHECK_OK(ide_pair_disable(&t.pair, &fault));
    release(LINK_DOWN);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    CU_ASSERT_EQUAL(errors(t.device, AER_MISROUTED_IDE), 1);
    test_stream_key(&t, 0, 1);
    CHECK_OK(ide_pair_enable(&t.pair, &fault));
    expect_secure(true);
    write_bar(0, 2, 4);
    CU_ASSERT_TRUE(bar_is(0, 2, 4));
}

/* --- Refresh -------------------------------------------------------------------------------------------------------- */

static void refreshes_lose_nothing(void)
{
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .aggregation = IDE_AGGREGATION_4, .pcrc = true});
    for (unsigned round = 1; round <= 1000; round++) {
        uint8_t byte = 0, sent = (uint8_t)round;
        write_bar(4 * (round % 512), sent, 4);
        dma(0x1000 + round, sent);
        test_stream_key(&t, round % 2, round);
        /* writes of before and after the switch are both there, in both directions */
        CU_ASSERT_EQUAL(read_bar(4 * (round % 512), &byte), LINK_DONE);
        CU_ASSERT_EQUAL(byte, sent);
        CU_ASSERT_EQUAL(link_dma_read(t.device, 0x1000 + round, false, &byte, 1), LINK_DONE);
        CU_ASSERT_EQUAL(byte, sent);
        test_stream_stop(&t, 1 - round % 2);
        expect_secure(true);
    }
    CU_ASSERT_EQUAL(t.emu.fabric->lost, 0);
    CU_ASSERT_EQUAL(t.root->aer.log.count + t.device->aer.log.count, 0);
    CU_ASSERT_EQUAL(seen.clear_memory, 0);
}

#define TEST(name) {#name, name}
static const struct {
    const char *name;
    CU_TestFunc run;
} tests[] = {
    TEST(every_form_of_stream_carries_traffic),
    TEST(a_stream_goes_through_a_switch),
    TEST(a_link_stream_protects_everything),
    TEST(config_requests_are_protected_if_the_stream_says_so),
    TEST(without_a_default_stream_dma_is_in_the_clear),
    TEST(a_stream_limited_to_trusted_tlps_takes_no_others),
    TEST(what_is_not_there_is_refused),
    TEST(a_flipped_bit_anywhere_is_detected),
    TEST(a_flipped_bit_of_a_completion_is_detected),
    TEST(a_dropped_tlp_is_missed_by_the_next),
    TEST(a_dropped_write_is_missed_by_the_read_behind_it),
    TEST(reordered_tlps_are_detected),
    TEST(a_repeated_tlp_is_detected),
    TEST(a_tlp_that_was_recorded_is_worth_nothing_later),
    TEST(a_delayed_tlp_is_detected),
    TEST(a_tlp_moved_to_another_stream_is_refused),
    TEST(a_write_in_the_clear_is_refused_where_a_stream_covers_it),
    TEST(a_completion_in_the_clear_is_refused),
    TEST(after_a_failure_nothing_goes_in_the_clear),
    TEST(a_lost_fail_message_changes_nothing_but_the_bit),
    TEST(an_aggregated_unit_is_all_or_nothing),
    TEST(the_aer_registers_say_what_happened),
    TEST(a_read_that_passes_a_write_is_detected),
    TEST(a_completion_that_passes_dma_is_detected),
    TEST(no_number_of_writes_lets_a_read_pass),
    TEST(a_read_may_not_pass_a_sync_either),
    TEST(many_writes_without_reads_are_no_error),
    TEST(a_completion_after_its_timeout_reaches_nobody),
    TEST(a_tag_is_not_used_again_while_its_completion_may_come),
    TEST(a_write_held_over_a_refresh_is_refused),
    TEST(a_write_held_over_a_stop_is_refused),
    TEST(a_write_held_over_two_refreshes_is_refused),
    TEST(a_write_lost_before_a_refresh_is_missed_after_it),
    TEST(a_write_held_over_stop_and_start_is_refused),
    TEST(refreshes_lose_nothing),
};

int main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("link", NULL, NULL);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        CU_add_test(suite, tests[i].name, tests[i].run);
    test_stream_up(&t, ROOT_PORT_A, ENDPOINT_A, &plain);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    test_stream_free(&t);
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
