/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLPs over the emulated links: what is protected, what an adversary can do, and what both ends say then. */
#include <string.h>

#include "emu_link_bench.h"

/* --- Traffic -------------------------------------------------------------------------------------------- */

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
    up_between(ROOT_PORT_B, ENDPOINT_B,
               &(struct test_stream_options){.kind = IDE_SELECTIVE, .config_requests = true});
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
    host_write(t.device, 4, 2, 0x0004); /* memory space off */
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_REFUSED);
    CU_ASSERT_EQUAL(errors(t.device, AER_UNSUPPORTED), 1);
    host_write(t.device, 4, 2, 0x0002); /* bus master off */
    CU_ASSERT_EQUAL(dma(0, 1), LINK_OFF);
    expect_secure(true);
}

/* --- Attacks -------------------------------------------------------------------------------------------- */

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
    expect_secure(true); /* misrouted is no failure of the stream; that one is missing is */
    write_bar(0, 2, 4);
    expect_device_detected("MAC check failed");
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
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
    struct tlp forged = {.code = TLP_CPLD,
                         .length = 1,
                         .byte_count = 4,
                         .tag = r->tag,
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
    write_bar(0, 0xaa, 512); /* one unit; its first TLP is altered */
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

/* --- What only a transmitter with the keys could do ----------------------------------------------------- */

/* Seals with the root port's keys what that would never send. */
static void send_sealed(struct tlp *tlp, enum tlp_class class, bool pcrc)
{
    struct frame frame;
    struct port_stream *s = stream_port_find(&t.root->ide, &t.root->config, t.id);
    struct flow_options o = flow_options_of(s, &t.root->config);
    o.pcrc = pcrc;
    tlp_encode(tlp, &frame);
    CU_ASSERT_TRUE(flow_seal(s, &o, class, &frame, 1));
    put_frame(LINK_DOWN, &frame);
}

static void a_read_among_posted_requests_is_refused(void)
{
    up(&plain);
    struct tlp tlp = {.code = TLP_MRD32,
                      .length = 1,
                      .first_be = 15,
                      .address = emu_bar_base(t.device),
                      .requester = pcie_bdf_rid(&t.root->desc.bdf)};
    send_sealed(&tlp, TLP_POSTED, false);
    expect_device_detected("a TLP of this kind does not belong to its sub-stream");
}

static void a_payload_without_its_pcrc_is_dropped(void)
{
    up(&(struct test_stream_options){.kind = IDE_SELECTIVE, .pcrc = true});
    struct tlp tlp = {.code = TLP_MWR32,
                      .length = 1,
                      .first_be = 15,
                      .address = emu_bar_base(t.device),
                      .requester = pcie_bdf_rid(&t.root->desc.bdf),
                      .data = {1, 1, 1, 1}};
    send_sealed(&tlp, TLP_POSTED, false);
    CU_ASSERT_EQUAL(errors(t.device, AER_PCRC_CHECK_FAILED), 1);
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
    expect_secure(true);
    send_sealed(&tlp, TLP_POSTED, true);
    CU_ASSERT_TRUE(bar_is(0, 1, 4));
}

static void a_requester_for_whom_the_stream_is_not_is_refused(void)
{
    up(&plain);
    struct tlp tlp = {.code = TLP_MWR32,
                      .length = 1,
                      .first_be = 15,
                      .address = 0x1000,
                      .requester = (uint16_t)(pcie_bdf_rid(&t.device->desc.bdf) + 0x100),
                      .data = {1, 1, 1, 1}};
    emu_lock(&t.emu);
    fabric_request(t.device, &tlp, 1, false, NULL);
    fabric_run(&t.emu);
    emu_unlock(&t.emu);
    CU_ASSERT_EQUAL(errors(t.root, AER_UNSUPPORTED), 1);
    CU_ASSERT_EQUAL(host_byte(0x1000), 0);
    expect_secure(true);
}

/* --- Frames that an adversary makes up ------------------------------------------------------------------ */

static struct frame part_of_a_unit(bool key_set)
{
    struct frame frame = forged_write(emu_bar_base(t.device));
    ide_add_prefix(&frame,
                   &(struct ide_prefix){.key_set = key_set, .stream_id = t.id, .substream = TLP_POSTED});
    return frame;
}

static void a_unit_without_end_is_refused(void)
{
    up(&plain);
    struct frame frame = part_of_a_unit(false);
    for (unsigned i = 0; i < 2 * IDE_UNIT_MAX; i++)
        put_frame(LINK_DOWN, &frame);
    expect_device_detected("the aggregated unit is not well-formed");
    CU_ASSERT_TRUE(bar_is(0, 0, 4));
}

static void a_unit_under_two_key_sets_is_refused(void)
{
    up(&plain);
    struct frame first = part_of_a_unit(false), second = part_of_a_unit(true);
    put_frame(LINK_DOWN, &first);
    expect_secure(true);
    put_frame(LINK_DOWN, &second);
    expect_device_detected("the aggregated unit is not well-formed");
}

static void an_ide_tlp_passes_a_switch_only_by_flow_through(void)
{
    up_between(ROOT_PORT_B, ENDPOINT_B, &plain);
    struct emu_function *upstream = host_find(&t.emu, UPSTREAM_B),
                        *downstream = host_find(&t.emu, DOWNSTREAM_B);
    struct frame frame = part_of_a_unit(false);
    host_write(upstream, upstream->ide.cap + PCIE_IDE_CTL, 4, 0);
    put_frame(LINK_UP, &frame); /* on the endpoint's link: in at the downstream port, out at the other */
    CU_ASSERT_EQUAL(errors(upstream, AER_MISROUTED_IDE), 1);
    CU_ASSERT_EQUAL(errors(downstream, AER_MISROUTED_IDE), 0);
    host_write(upstream, upstream->ide.cap + PCIE_IDE_CTL, 4, PCIE_IDE_CTL_FLOWTHROUGH);
    host_write(downstream, downstream->ide.cap + PCIE_IDE_CTL, 4, 0);
    put_frame(LINK_UP, &frame);
    CU_ASSERT_EQUAL(errors(downstream, AER_MISROUTED_IDE), 1);
    CU_ASSERT_EQUAL(errors(upstream, AER_MISROUTED_IDE), 1);
    CU_ASSERT_EQUAL(errors(t.root, AER_MISROUTED_IDE), 0);
}

/* --- Refresh -------------------------------------------------------------------------------------------- */

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

int main(void)
{
    CU_TestInfo tests[] = {
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
        TEST(a_read_among_posted_requests_is_refused),
        TEST(a_payload_without_its_pcrc_is_dropped),
        TEST(a_requester_for_whom_the_stream_is_not_is_refused),
        TEST(a_unit_without_end_is_refused),
        TEST(a_unit_under_two_key_sets_is_refused),
        TEST(an_ide_tlp_passes_a_switch_only_by_flow_through),
        TEST(refreshes_lose_nothing),
        CU_TEST_INFO_NULL,
    };
    return run_link_tests(tests);
}
