/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Every attack on every sub-stream in both directions: each is detected, no altered byte is delivered, both
 * ends are Insecure and say how they know, and new keys mend it.
 */
#include <string.h>

#include "emu_link_bench.h"

#define ROUNDS 3u

/* --- Traffic whose only frames of one sub-stream and way are the victims -------------------------------- */

/* What a round moves: 4 bytes of its own value at its own place. */
static uint8_t value_of(unsigned round)
{
    return (uint8_t)(0x11 * (round + 1));
}

static uint64_t place_of(unsigned round)
{
    return 0x40 * (round + 1);
}

static void fill_memories(void)
{
    uint8_t data[4];
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(data, 0x80 | value_of(round), sizeof data);
        memory_write(&t.device->bar, place_of(round) + 0x1000, data, sizeof data);
        memory_write(&t.emu.fabric->host, place_of(round) + 0x1000, data, sizeof data);
    }
}

/* A posted write: what it left is either nothing or all of it. */
static bool write_round(enum link_way way, unsigned round)
{
    uint8_t data[4], now[4];
    const struct memory *m = way == LINK_DOWN ? &t.device->bar : &t.emu.fabric->host;
    memset(data, value_of(round), sizeof data);
    enum link_result result = way == LINK_DOWN
                                  ? link_bar_write(t.device, place_of(round), data, sizeof data)
                                  : link_dma_write(t.device, place_of(round), false, data, sizeof data);
    CU_ASSERT_EQUAL(result, LINK_DONE); /* nobody hears what becomes of a posted write */
    memory_read(m, place_of(round), now, sizeof now);
    return memcmp(now, data, sizeof now) == 0;
}

/* A read whose request (or completion) goes that way: it brings what is there, or an error and no byte. */
static bool read_round(bool by_host, unsigned round)
{
    uint8_t want[4], data[4] = {0x5a, 0x5a, 0x5a, 0x5a}, untouched[4];
    memcpy(untouched, data, sizeof data);
    memset(want, 0x80 | value_of(round), sizeof want);
    uint64_t at = place_of(round) + 0x1000;
    enum link_result result = by_host ? link_bar_read(t.device, at, data, sizeof data)
                                      : link_dma_read(t.device, at, false, data, sizeof data);
    bool done = result == LINK_DONE;
    CU_ASSERT_TRUE(done || result == LINK_TIMED_OUT);
    CU_ASSERT_EQUAL(memcmp(data, done ? want : untouched, sizeof data), 0);
    return done;
}

static bool round_of(enum link_way way, enum victim victim, unsigned round)
{
    if (victim == VICTIM_PR)
        return write_round(way, round);
    return read_round(victim == VICTIM_NPR ? way == LINK_DOWN : way == LINK_UP, round);
}

/* Nothing of a later round in its place before that round is done; after a loss nothing more comes. */
static void check_places(enum link_way way, unsigned delivered)
{
    const struct memory *m = way == LINK_DOWN ? &t.device->bar : &t.emu.fabric->host;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint8_t now[4], want[4] = {0};
        if (round < delivered)
            memset(want, value_of(round), sizeof want);
        memory_read(m, place_of(round), now, sizeof now);
        CU_ASSERT_EQUAL(memcmp(now, want, sizeof now), 0);
    }
}

/* --- The attacks ---------------------------------------------------------------------------------------- */

enum also { NOTHING_MORE, SEND_RECORDED, RELEASE, INJECT };

static const struct {
    enum attack attack;
    uint32_t value;
    enum also also;
} attacks[] = {
    {ATTACK_DROP, 0, NOTHING_MORE},
    {ATTACK_HOLD, 0, RELEASE},
    {ATTACK_DELAY, 1, NOTHING_MORE},
    {ATTACK_REORDER, 0, NOTHING_MORE},
    {ATTACK_REPLAY, 0, NOTHING_MORE},
    {ATTACK_FLIP, 8 * 4 + 3, NOTHING_MORE},   /* the header's first byte */
    {ATTACK_FLIP, 8 * 8 + 1, NOTHING_MORE},   /* requester or completer */
    {ATTACK_FLIP, 8 * 1 + 1, NOTHING_MORE},   /* K, in the prefix */
    {ATTACK_FLIP, 8 * 3 + 7, NOTHING_MORE},   /* PR_Sent_Counter */
    {ATTACK_FLIP, 8 * 17 + 5, NOTHING_MORE},  /* what is behind the header: payload or MAC */
    {ATTACK_STREAM, 77, NOTHING_MORE},        /* a stream that there is not */
    {ATTACK_RECORD, 0, SEND_RECORDED},
    {ATTACK_RECORD, 0, INJECT},
};

/* An IDE TLP of the adversary's own: what it has seen, with another payload or header and a guessed MAC. */
static void inject_own(enum link_way way)
{
    struct frame frame = adversary(way)->recorded[0];
    memset(frame.data + frame.len - TLP_MAC_SIZE, 0x66, TLP_MAC_SIZE);
    put_frame(way, &frame);
}

static void do_more(enum also also, enum link_way way)
{
    switch (also) {
    case NOTHING_MORE:
        break;
    case RELEASE:
        release(way);
        break;
    case SEND_RECORDED:
        put_frame(way, &adversary(way)->recorded[0]);
        break;
    case INJECT:
        inject_own(way);
        break;
    }
}

static void mend(void)
{
    struct ide_fault fault;
    uint8_t byte;
    adversary_clear(adversary(LINK_DOWN));
    adversary_clear(adversary(LINK_UP));
    CHECK_OK(ide_pair_disable(&t.pair, &fault));
    test_stream_key(&t, 0, 1);
    CHECK_OK(ide_pair_enable(&t.pair, &fault));
    expect_secure(true);
    write_bar(0x800, 0x77, 4);
    CU_ASSERT_EQUAL(read_bar(0x800, &byte), LINK_DONE);
    CU_ASSERT_EQUAL(byte, 0x77);
}

/* Both ends of a stream are Insecure, and the receiver's IDE Fail message has come to the sender. */
static void expect_failed(struct test_stream *stream, struct emu_function *receiver,
                          struct emu_function *sender)
{
    CU_ASSERT_FALSE(test_stream_is_secure(stream, receiver));
    CU_ASSERT_FALSE(test_stream_is_secure(stream, sender));
    CU_ASSERT_TRUE(test_stream_fail_message(stream, sender));
    CU_ASSERT_FALSE(test_stream_fail_message(stream, receiver));
}

static struct emu_function *sender_of(enum link_way way)
{
    return way == LINK_DOWN ? t.root : t.device;
}

static struct emu_function *receiver_of(enum link_way way)
{
    return way == LINK_DOWN ? t.device : t.root;
}

static unsigned rounds_of(enum link_way way, enum victim victim)
{
    unsigned delivered = 0;
    fill_memories();
    for (unsigned round = 0; round < ROUNDS; round++)
        delivered += round_of(way, victim, round) && delivered == round;
    CU_ASSERT_EQUAL(adversary(way)->hit, 1);
    return delivered;
}

static void attack_once(size_t which, enum link_way way, enum victim victim)
{
    attack(way, attacks[which].attack, victim, attacks[which].value, 1);
    unsigned delivered = rounds_of(way, victim);
    if (attacks[which].attack == ATTACK_RECORD) {
        CU_ASSERT_EQUAL(delivered, ROUNDS);
        expect_secure(true);
    }
    do_more(attacks[which].also, way);
    if (victim == VICTIM_PR)
        check_places(way, delivered);
    expect_failed(&t, receiver_of(way), sender_of(way));
    CU_ASSERT_EQUAL(errors(receiver_of(way), AER_IDE_CHECK_FAILED), 1);
    CU_ASSERT_EQUAL(errors(sender_of(way), AER_IDE_CHECK_FAILED), 0);
}

static void against(const char *root, const char *device, const struct test_stream_options *options)
{
    for (enum link_way way = LINK_DOWN; way <= LINK_UP; way++)
        for (enum victim victim = VICTIM_PR; victim <= VICTIM_CPL; victim++)
            for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
                up_between(root, device, options);
                attack_once(i, way, victim);
                mend();
            }
}

/* --- A TLP of one stream passed off as another's
 * -------------------------------------------------------------------- */

#define SECOND 9u

static uint64_t errors_of_stream(const struct emu_function *f, unsigned id)
{
    uint64_t n = 0;
    for (uint64_t i = 0; i < f->aer.log.count && i < AER_TOLD; i++)
        n += f->aer.log.last[i].error == AER_IDE_CHECK_FAILED && f->aer.log.last[i].stream_id == (int)id;
    return n;
}

/* The second stream is offered what it has no key for, the first misses it: both fail, at both ends. */
static void swap_once(struct test_stream *second, enum link_way way, enum victim victim)
{
    struct emu_function *receiver = receiver_of(way), *sender = sender_of(way);
    attack(way, ATTACK_STREAM, victim, SECOND, 1);
    unsigned delivered = rounds_of(way, victim);
    CU_ASSERT_EQUAL(delivered, 0);
    if (victim == VICTIM_PR)
        check_places(way, 0);
    expect_failed(&t, receiver, sender);
    expect_failed(second, receiver, sender);
    CU_ASSERT_EQUAL(errors_of_stream(receiver, t.id), 1);
    CU_ASSERT_EQUAL(errors_of_stream(receiver, SECOND), 1);
    CU_ASSERT_EQUAL(errors(receiver, AER_IDE_CHECK_FAILED), 2);
    CU_ASSERT_EQUAL(errors(sender, AER_IDE_CHECK_FAILED), 0);
}

static void swap(const char *root, const char *device, enum ide_kind kind, enum ide_kind second_kind)
{
    struct test_stream second;
    const struct test_stream_options options = {.kind = kind};
    for (enum link_way way = LINK_DOWN; way <= LINK_UP; way++)
        for (enum victim victim = VICTIM_PR; victim <= VICTIM_CPL; victim++) {
            up_between(root, device, &options);
            test_stream_join(&second, &t, second_kind, SECOND);
            CU_ASSERT_TRUE(test_stream_is_secure(&second, t.root));
            CU_ASSERT_TRUE(test_stream_is_secure(&second, t.device));
            swap_once(&second, way, victim);
            CHECK_OK(ide_pair_disable(&second.pair, &(struct ide_fault){0}));
            mend();
        }
}

static void two_streams_are_swapped(void)
{
    swap(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE, IDE_SELECTIVE);
    swap(ROOT_PORT_A, ENDPOINT_A, IDE_SELECTIVE, IDE_LINK);
    swap(ROOT_PORT_A, ENDPOINT_A, IDE_LINK, IDE_SELECTIVE);
    swap(ROOT_PORT_B, ENDPOINT_B, IDE_SELECTIVE, IDE_SELECTIVE);
}

/* --- The attacks on streams of all kinds
 * ---------------------------------------------------------------------------- */

static void a_selective_stream(void)
{
    against(ROOT_PORT_A, ENDPOINT_A, &plain);
}

static void an_aggregating_stream_with_everything(void)
{
    against(ROOT_PORT_A, ENDPOINT_A,
            &(struct test_stream_options){.kind = IDE_SELECTIVE,
                                          .aggregation = IDE_AGGREGATION_8,
                                          .pcrc = true,
                                          .header = IDE_HEADER_25_2,
                                          .config_requests = true});
}

static void a_link_stream(void)
{
    against(ROOT_PORT_A, ENDPOINT_A, &(struct test_stream_options){.kind = IDE_LINK});
}

static void a_stream_through_a_switch(void)
{
    against(ROOT_PORT_B, ENDPOINT_B, &plain);
}

/* --- What an IDE TLP says of itself --------------------------------------------------------------------- */

static struct ide_prefix prefix_of(const struct frame *frame)
{
    struct frame_parts p;
    CU_ASSERT_TRUE(frame_split(frame->data, frame->len, &p) && p.ide);
    return p.prefix;
}

static void the_prefix_names_stream_sub_stream_and_key_set(void)
{
    uint8_t byte;
    for (unsigned round = 0; round < 4; round++) {
        if (round == 0)
            up(&plain);
        else
            test_stream_key(&t, round % 2, round);
        write_bar(0, 1, 4);
        struct ide_prefix pr = prefix_of(&seen.last);
        CU_ASSERT_EQUAL(pr.stream_id, t.id);
        CU_ASSERT_EQUAL(pr.substream, TLP_POSTED);
        CU_ASSERT_EQUAL(pr.key_set, round % 2);
        CU_ASSERT_FALSE(pr.trusted);
        CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_DONE);
        CU_ASSERT_EQUAL(prefix_of(&seen.last).substream, TLP_COMPLETION);
        CU_ASSERT_EQUAL(prefix_of(&seen.last).key_set, round % 2);
    }
    expect_secure(true);
}

/* --- Encrypted where it must not be --------------------------------------------------------------------- */

/* Seals with an end's keys what that would never send, and lets it go out of it. */
static void send_sealed_from(struct emu_function *from, const struct tlp *tlp, enum tlp_class class, bool trusted)
{
    struct frame frame;
    struct port_stream *s = stream_port_find(&from->ide, &from->config, t.id);
    struct flow_options o = flow_options_of(s, &from->config);
    o.trusted = trusted;
    tlp_encode(tlp, &frame);
    CU_ASSERT_TRUE(flow_seal(s, &o, class, &frame, 1));
    put_frame(from == t.root ? LINK_DOWN : LINK_UP, &frame);
}

/* A completion that the endpoint makes up for the request which waits at the root port. */
static struct tlp made_up_completion(void)
{
    struct request *r = &t.emu.fabric->requests[0];
    CU_ASSERT_TRUE(r->used && r->late);
    r->late = false; /* it waits again */
    return (struct tlp){.code = TLP_CPLD,
                        .length = 1,
                        .byte_count = 4,
                        .tag = r->tag,
                        .requester = pcie_bdf_rid(&t.root->desc.bdf),
                        .data = {0x66, 0x66, 0x66, 0x66}};
}

static void an_encrypted_completion_of_a_request_in_the_clear_is_refused(void)
{
    uint8_t id[4];
    up(&plain);
    attack(LINK_UP, ATTACK_DROP, VICTIM_ALL, 0, 1);
    link_config_read(t.device, 0, id, sizeof id); /* not on the stream; its completion is lost */
    CU_ASSERT_EQUAL(id[0], 0xff);
    struct request *r = &t.emu.fabric->requests[0];
    *r = (struct request){.used = true, .late = true, .by = t.root, .tag = r->tag, .want = 4};
    struct tlp cpl = made_up_completion();
    send_sealed_from(t.device, &cpl, TLP_COMPLETION, false);
    CU_ASSERT_FALSE(t.emu.fabric->requests[0].done);
    expect_secure(false);
    CU_ASSERT_STRING_EQUAL(last_why(t.root), "a completion did not come on its request's stream");
}

static void a_completion_with_the_wrong_t_bit_is_refused(void)
{
    uint8_t byte = 0;
    up(&plain);
    attack(LINK_UP, ATTACK_HOLD, VICTIM_CPL, 0, 1);
    CU_ASSERT_EQUAL(read_bar(0, &byte), LINK_TIMED_OUT);
    /* the true one is released, so that the counters are right; then one with T for the same request */
    struct tlp cpl = made_up_completion();
    t.emu.fabric->requests[0].late = true;
    release(LINK_UP);
    t.emu.fabric->requests[0] = (struct request){.used = true,
                                                 .by = t.root,
                                                 .tag = cpl.tag,
                                                 .want = 4,
                                                 .stream = stream_port_find(&t.root->ide, &t.root->config, t.id)};
    expect_secure(true);
    send_sealed_from(t.device, &cpl, TLP_COMPLETION, true);
    CU_ASSERT_FALSE(t.emu.fabric->requests[0].done);
    expect_secure(false);
}

/* A stream is of one traffic class: what is in another one is not on it, in either direction. */
static void another_traffic_class_is_not_on_the_stream(void)
{
    up(&plain);
    struct tlp tlp = {.code = TLP_MWR32,
                      .tc = 3,
                      .length = 1,
                      .first_be = 15,
                      .address = emu_bar_base(t.device),
                      .requester = pcie_bdf_rid(&t.root->desc.bdf),
                      .data = {1, 1, 1, 1}};
    emu_lock(&t.emu);
    fabric_request(t.root, &tlp, 1, false, NULL);
    fabric_run(&t.emu);
    emu_unlock(&t.emu);
    CU_ASSERT_EQUAL(seen.ide, 0);
    CU_ASSERT_EQUAL(seen.clear_memory, 1);
    CU_ASSERT_TRUE(bar_is(0, 1, 4));
    expect_secure(true);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_selective_stream),
        TEST(an_aggregating_stream_with_everything),
        TEST(a_link_stream),
        TEST(a_stream_through_a_switch),
        TEST(two_streams_are_swapped),
        TEST(the_prefix_names_stream_sub_stream_and_key_set),
        TEST(an_encrypted_completion_of_a_request_in_the_clear_is_refused),
        TEST(a_completion_with_the_wrong_t_bit_is_refused),
        TEST(another_traffic_class_is_not_on_the_stream),
        CU_TEST_INFO_NULL,
    };
    return run_link_tests(tests);
}
