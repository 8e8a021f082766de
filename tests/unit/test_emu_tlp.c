/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLPs as bytes, the IDE transform, and what an adversary makes of frames. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "suite.h"
#include "tools/ide-emu/adversary.h"
#include "tools/ide-emu/ide_tlp.h"

static struct frame frame_of(const struct tlp *t)
{
    struct frame frame;
    tlp_encode(t, &frame);
    return frame;
}

static struct tlp write_tlp(void)
{
    return (struct tlp){.code = TLP_MWR32,
                        .length = 2,
                        .requester = 0x0018,
                        .tag = 5,
                        .first_be = 15,
                        .last_be = 7,
                        .address = 0xe0000104,
                        .data = {1, 2, 3, 4, 5, 6, 7, 8}};
}

static void a_write_has_the_bytes_that_pcie_says(void)
{
    static const uint8_t bytes[] = {0x40, 0, 0, 2, 0, 0x18, 5, 0x7f, 0xe0, 0, 1, 4, 1, 2, 3, 4, 5, 6, 7, 8};
    struct tlp t = write_tlp();
    struct frame frame = frame_of(&t);
    CU_ASSERT_EQUAL(frame.len, sizeof bytes);
    CU_ASSERT_EQUAL(memcmp(frame.data, bytes, sizeof bytes), 0);
}

static void a_completion_has_the_bytes_that_pcie_says(void)
{
    static const uint8_t bytes[] = {0x4a, 0x30, 0, 1, 1, 0, 0x20, 4, 0, 0x18, 9, 0x44, 9, 8, 7, 6};
    struct tlp t = {.code = TLP_CPLD,
                    .tc = 3,
                    .length = 1,
                    .completer = 0x100,
                    .status = 1,
                    .byte_count = 4,
                    .requester = 0x18,
                    .tag = 9,
                    .lower_address = 0x44,
                    .data = {9, 8, 7, 6}};
    struct frame frame = frame_of(&t);
    CU_ASSERT_EQUAL(frame.len, sizeof bytes);
    CU_ASSERT_EQUAL(memcmp(frame.data, bytes, sizeof bytes), 0);
}

static void what_is_encoded_is_decoded(void)
{
    static const uint8_t codes[] = {TLP_MRD32,  TLP_MRD64,  TLP_MWR32,     TLP_MWR64,
                                    TLP_CFGRD0, TLP_CFGRD1, TLP_CFGWR0,    TLP_CFGWR1,
                                    TLP_CPL,    TLP_CPLD,   TLP_MSG_BY_ID, TLP_MSG_LOCAL};
    for (size_t i = 0; i < sizeof codes; i++) {
        struct tlp in = {.code = codes[i],
                         .tc = 5,
                         .length = 1,
                         .requester = 0x1234,
                         .tag = 77,
                         .first_be = 3,
                         .address = 0x80000010,
                         .target = 0x0501,
                         .reg = 0xffc,
                         .completer = 0x0400,
                         .status = 1,
                         .byte_count = 4,
                         .message = TLP_MESSAGE_IDE_FAIL,
                         .info = {1, 2, 3, 4},
                         .data = {1, 2, 3, 4}};
        struct tlp out;
        struct frame a = frame_of(&in);
        CU_ASSERT_TRUE(tlp_decode(&a, &out));
        struct frame b = frame_of(&out);
        CU_ASSERT_EQUAL(a.len, b.len);
        CU_ASSERT_EQUAL(memcmp(a.data, b.data, a.len), 0);
        CU_ASSERT_EQUAL(out.requester, 0x1234);
        CU_ASSERT_EQUAL(out.tc, 5);
    }
}

static void what_has_another_length_is_malformed(void)
{
    struct frame_parts p;
    struct tlp t = write_tlp();
    struct frame frame = frame_of(&t);
    CU_ASSERT_TRUE(frame_split(frame.data, frame.len, &p));
    for (size_t len = 0; len < frame.len + 8u; len++)
        CU_ASSERT_EQUAL(frame_split(frame.data, len, &p), len == frame.len);
    frame.data[3] = 0; /* 1024 dwords */
    CU_ASSERT_FALSE(frame_split(frame.data, frame.len, &p));
    frame = frame_of(&t);
    frame.data[2] |= 0x80; /* a digest that is not there */
    CU_ASSERT_FALSE(frame_split(frame.data, frame.len, &p));
    frame = frame_of(&t);
    frame.data[0] = 0x42; /* I/O */
    CU_ASSERT_FALSE(frame_split(frame.data, frame.len, &p));
}

static void the_prefix_says_what_is_behind_the_payload(void)
{
    struct tlp t = write_tlp();
    struct frame_parts p;
    for (unsigned bits = 0; bits < 4; bits++) {
        struct frame frame = frame_of(&t);
        struct ide_prefix prefix = {
            .mac = bits & 1, .pcrc = bits & 2, .stream_id = 200, .substream = TLP_POSTED};
        ide_add_prefix(&frame, &prefix);
        frame.len = (uint16_t)(frame.len + (bits & 1 ? TLP_MAC_SIZE : 0) + (bits & 2 ? TLP_PCRC_SIZE : 0));
        CU_ASSERT_TRUE(frame_split(frame.data, frame.len, &p));
        CU_ASSERT_EQUAL(p.prefix.stream_id, 200);
        CU_ASSERT_EQUAL(p.payload, 16);
        CU_ASSERT_EQUAL(p.pcrc, bits & 2 ? 24 : 0);
        CU_ASSERT_EQUAL(p.mac, bits & 1 ? 24 + (bits & 2 ? 4 : 0) : 0);
    }
}

static void the_iv_is_sub_stream_and_counter(void)
{
    uint8_t iv[IDE_IV_SIZE];
    static const uint8_t first[IDE_IV_SIZE] = {[11] = 1},
                         other[IDE_IV_SIZE] = {0x20, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    ide_iv(TLP_POSTED, 1, iv);
    CU_ASSERT_EQUAL(memcmp(iv, first, sizeof iv), 0);
    ide_iv(TLP_COMPLETION, UINT64_C(0x0102030405060708), iv);
    CU_ASSERT_EQUAL(memcmp(iv, other, sizeof iv), 0);
}

static void the_pcrc_is_the_well_known_crc(void)
{
    CU_ASSERT_EQUAL(ide_pcrc((const uint8_t *)"123456789", 9), 0xcbf43926); /* CRC-32's check value */
}

/* --- Sealing -------------------------------------------------------------------------------------------- */

static struct aead_key key;

static struct ide_crypt crypt_of(uint8_t mode)
{
    return (struct ide_crypt){&key, TLP_POSTED, 1, mode, 0};
}

static void seal(struct frame *frames, size_t n, uint8_t mode, bool pcrc)
{
    struct ide_crypt c = crypt_of(mode);
    for (size_t i = 0; i < n; i++) {
        struct tlp t = write_tlp();
        t.data[0] = (uint8_t)i;
        frames[i] = frame_of(&t);
        ide_add_prefix(&frames[i], &(struct ide_prefix){.mac = i == n - 1, .pcrc = pcrc, .stream_id = 1});
    }
    CU_ASSERT_TRUE(ide_seal(&c, frames, n));
}

static void what_is_sealed_opens_and_nothing_of_it_is_legible(void)
{
    struct tlp want = write_tlp();
    struct frame clear = frame_of(&want);
    for (unsigned mode = 0; mode < 5; mode++)
        for (size_t n = 1; n <= IDE_UNIT_MAX; n++) {
            struct frame frames[IDE_UNIT_MAX];
            struct ide_crypt c = crypt_of((uint8_t)mode);
            uint8_t bad;
            seal(frames, n, (uint8_t)mode, true);
            CU_ASSERT_NOT_EQUAL(memcmp(frames[0].data + 16, clear.data + 12, 8), 0);
            CU_ASSERT_EQUAL(memcmp(frames[0].data + 12, clear.data + 8, 4) != 0, mode > 0);
            CU_ASSERT_EQUAL(ide_open(&c, frames, n, &bad), IDE_OPENED);
            for (size_t i = 0; i < n; i++) {
                clear.data[12] = (uint8_t)i;
                ide_remove_prefix(&frames[i]);
                CU_ASSERT_EQUAL(frames[i].len, clear.len);
                CU_ASSERT_EQUAL(memcmp(frames[i].data, clear.data, clear.len), 0);
            }
        }
}

static void every_bit_of_a_unit_counts(void)
{
    struct frame sealed[2], frames[2];
    uint8_t bad;
    struct ide_crypt c = crypt_of(2);
    seal(sealed, 2, 2, true);
    for (size_t i = 0; i < 2; i++)
        for (size_t bit = 0; bit < sealed[i].len * 8u; bit++) {
            memcpy(frames, sealed, sizeof frames);
            frames[i].data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            CU_ASSERT_EQUAL(ide_open(&c, frames, 2, &bad), IDE_OPEN_FAILED);
        }
    memcpy(frames, sealed, sizeof frames);
    c.counter = 2;
    CU_ASSERT_EQUAL(ide_open(&c, frames, 2, &bad), IDE_OPEN_FAILED);
    c = crypt_of(1);
    CU_ASSERT_EQUAL(ide_open(&c, frames, 2, &bad), IDE_OPEN_FAILED);
}

static void a_wrong_pcrc_is_told_from_a_wrong_mac(void)
{
    struct frame frame;
    struct frame_parts p;
    struct tlp t = write_tlp();
    uint8_t bad;
    struct ide_crypt c = crypt_of(0);
    /* the sender's payload went wrong before it was sealed: put a PCRC of something else in */
    seal(&frame, 1, 0, true);
    CU_ASSERT_EQUAL(ide_open(&c, &frame, 1, &bad), IDE_OPENED);
    CU_ASSERT_TRUE(frame_split(frame.data, frame.len, &p));
    uint8_t iv[IDE_IV_SIZE], mac[AEAD_TAG_SIZE];
    frame.data[p.payload] ^= 1;
    ide_iv(TLP_POSTED, 1, iv);
    CHECK_OK(aead_seal(&key, iv, frame.data, p.payload, frame.data + p.payload, p.payload_len + TLP_PCRC_SIZE,
                       mac));
    memcpy(frame.data + p.mac, mac, TLP_MAC_SIZE);
    CU_ASSERT_EQUAL(ide_open(&c, &frame, 1, &bad), IDE_OPEN_PCRC_FAILED);
    CU_ASSERT_EQUAL(bad, 1);
    (void)t;
}

/* --- The adversary -------------------------------------------------------------------------------------- */

static struct frame numbered(uint8_t number)
{
    struct tlp t = write_tlp();
    t.tag = number;
    return frame_of(&t);
}

/* Which of the frames numbered 0, 1, 2, ... go on, in which order: "0213". */
static const char *order_of(struct adversary *a, unsigned n)
{
    static char text[32];
    static struct adversary_output out;
    size_t at = 0;
    for (unsigned i = 0; i < n; i++) {
        struct frame frame = numbered((uint8_t)i);
        adversary_meet(a, &frame, &out);
        for (size_t k = 0; k < out.count && at < sizeof text - 1; k++)
            text[at++] = (char)('0' + out.frames[k].data[6]);
    }
    text[at] = '\0';
    adversary_clear(a);
    return text;
}

static void attacks_do_what_they_say(void)
{
    static const struct {
        const char *attack;
        uint32_t left, skip;
        const char *order;
    } cases[] = {
        {"drop", 1, 1, "0234"},     {"drop", 9, 0, ""},         {"hold", 2, 1, "034"},
        {"delay=1", 1, 0, "10234"}, {"delay=3", 1, 0, "12304"}, {"reorder", 1, 2, "01324"},
        {"replay", 1, 3, "012334"}, {"record", 9, 0, "01234"},  {"delay=2", 2, 0, "23014"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adversary a = {.left = cases[i].left, .skip = cases[i].skip};
        CU_ASSERT_TRUE(adversary_parse_attack(cases[i].attack, &a));
        CU_ASSERT_STRING_EQUAL(order_of(&a, 5), cases[i].order);
    }
}

static void it_tells_its_victims_apart(void)
{
    struct frame clear = numbered(0), ide = numbered(0);
    static struct adversary_output out;
    ide_add_prefix(&ide, &(struct ide_prefix){.substream = TLP_POSTED});
    static const struct {
        const char *name;
        bool clear, ide;
    } cases[] = {{"all", true, true},   {"ide", false, true},  {"pr", false, true},
                 {"npr", false, false}, {"cpl", false, false}, {"clear", true, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct adversary a = {.attack = ATTACK_DROP, .left = ADVERSARY_FOREVER};
        CU_ASSERT_TRUE(adversary_parse_victim(cases[i].name, &a.victim));
        adversary_meet(&a, &clear, &out);
        CU_ASSERT_EQUAL(out.count == 0, cases[i].clear);
        adversary_meet(&a, &ide, &out);
        CU_ASSERT_EQUAL(out.count == 0, cases[i].ide);
    }
}

static void what_is_no_attack_is_not_taken_for_one(void)
{
    static const char *const wrong[] = {
        "", "dro", "dropp", "flip", "flip=", "flip=x", "delay=99999999999", "hold=1"};
    struct adversary a = {0};
    enum victim victim;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        CU_ASSERT_FALSE(adversary_parse_attack(wrong[i], &a));
    CU_ASSERT_FALSE(adversary_parse_victim("cfg", &victim));
}

static void it_holds_only_so_many(void)
{
    static struct adversary_output out;
    struct adversary a = {.attack = ATTACK_HOLD, .left = ADVERSARY_FOREVER};
    for (unsigned i = 0; i < 3 * ADVERSARY_FRAMES; i++) {
        struct frame frame = numbered((uint8_t)i);
        adversary_meet(&a, &frame, &out);
    }
    adversary_release(&a, &out);
    CU_ASSERT_EQUAL(out.count, ADVERSARY_FRAMES);
    adversary_release(&a, &out);
    CU_ASSERT_EQUAL(out.count, 0);
    adversary_clear(&a);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_write_has_the_bytes_that_pcie_says),
        TEST(a_completion_has_the_bytes_that_pcie_says),
        TEST(what_is_encoded_is_decoded),
        TEST(what_has_another_length_is_malformed),
        TEST(the_prefix_says_what_is_behind_the_payload),
        TEST(the_iv_is_sub_stream_and_counter),
        TEST(the_pcrc_is_the_well_known_crc),
        TEST(what_is_sealed_opens_and_nothing_of_it_is_legible),
        TEST(every_bit_of_a_unit_counts),
        TEST(a_wrong_pcrc_is_told_from_a_wrong_mac),
        TEST(attacks_do_what_they_say),
        TEST(it_tells_its_victims_apart),
        TEST(what_is_no_attack_is_not_taken_for_one),
        TEST(it_holds_only_so_many),
        CU_TEST_INFO_NULL,
    };
    static const uint8_t raw[32] = {1, 2, 3};
    if (aead_set_key(&key, AEAD_AES_256_GCM, raw) != IDE_OK)
        return EXIT_FAILURE;
    int failed = suite_run("tlp", tests);
    aead_clear(&key);
    return failed;
}
