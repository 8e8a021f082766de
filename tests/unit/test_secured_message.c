/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DSP0277 records as DOE carries them. */
#include "check.h"
#include "secured_cma/secured_message.h"
#include "suite.h"

#define ID       0x12345678u
#define OVERHEAD (SECURED_HEADROOM + AEAD_TAG_SIZE)

static const char message[] = "twenty bytes of text";
#define MESSAGE_LEN 20u

/* One record from a sealing direction to an opening one with the same key. */
struct world {
    struct secured_direction seal, open;
    uint8_t record[256];
    size_t len;
    const uint8_t *out;
    size_t out_len;
    struct ide_fault fault;
};

static void begin_with(struct world *w, enum aead_id aead)
{
    uint8_t key[AEAD_KEY_MAX], iv[AEAD_IV_SIZE];
    memset(w, 0, sizeof *w);
    memset(key, 0x11, sizeof key);
    memset(iv, 0x22, sizeof iv);
    CHECK_OK(secured_set_key(&w->seal, aead, key, iv));
    CHECK_OK(secured_set_key(&w->open, aead, key, iv));
}

static void seal(struct world *w)
{
    memcpy(w->record + SECURED_HEADROOM, message, MESSAGE_LEN);
    CHECK_OK(secured_seal(&w->seal, ID, w->record, sizeof w->record, MESSAGE_LEN, &w->len));
}

static enum ide_err open_len(struct world *w, size_t len)
{
    return secured_open(&w->open, ID, w->record, len, &w->out, &w->out_len, &w->fault);
}

static enum ide_err open_it(struct world *w)
{
    return open_len(w, w->len);
}

static void check_message(const struct world *w)
{
    CU_ASSERT_EQUAL(w->out_len, MESSAGE_LEN);
    CU_ASSERT_EQUAL(memcmp(w->out, message, MESSAGE_LEN), 0);
}

static void begin(struct world *w)
{
    begin_with(w, AEAD_AES_256_GCM);
    seal(w);
}

static void goes_there_with_each_cipher(void)
{
    static const enum aead_id ciphers[] = {AEAD_AES_128_GCM, AEAD_AES_256_GCM, AEAD_CHACHA20_POLY1305};
    for (size_t i = 0; i < 3; i++) {
        struct world w;
        begin_with(&w, ciphers[i]);
        for (uint64_t n = 0; n < 300; n++) {   /* past the first byte of the sequence number */
            seal(&w);
            CU_ASSERT_EQUAL(w.len, MESSAGE_LEN + OVERHEAD);
            CHECK_OK(open_it(&w));
            check_message(&w);
            CU_ASSERT_EQUAL(w.seal.sequence, n + 1);
            CU_ASSERT_EQUAL(w.open.sequence, n + 1);
        }
    }
}

static void frame_is_as_on_the_wire(void)
{
    struct world w;
    begin(&w);
    const uint8_t wanted[] = {0x78, 0x56, 0x34, 0x12, 2 + MESSAGE_LEN + 16, 0};
    CU_ASSERT_EQUAL(memcmp(w.record, wanted, sizeof wanted), 0);
    CU_ASSERT_NOT_EQUAL(memcmp(w.record + SECURED_HEADROOM, message, MESSAGE_LEN), 0);
    uint32_t id = 0;
    CHECK_OK(secured_session_id(w.record, w.len, &id));
    CU_ASSERT_EQUAL(id, ID);
    CHECK_ERR(secured_session_id(w.record, 3, &id), IDE_E_SHORT);
}

static void random_padding_is_taken_off(void)
{
    struct world w;
    begin_with(&w, AEAD_AES_256_GCM);
    memcpy(w.record + SECURED_HEADROOM, message, MESSAGE_LEN);
    memset(w.record + SECURED_HEADROOM + MESSAGE_LEN, 0x5a, 32);
    CHECK_OK(secured_seal_padded(&w.seal, ID, w.record, sizeof w.record, MESSAGE_LEN, 32, &w.len));
    CU_ASSERT_EQUAL(w.len, MESSAGE_LEN + 32 + OVERHEAD);
    CHECK_OK(open_it(&w));
    check_message(&w);
}

static void doe_padding_is_ignored(void)
{
    for (size_t padding = 0; padding <= 3; padding++) {
        struct world w;
        begin(&w);
        CHECK_OK(open_len(&w, w.len + padding));
        check_message(&w);
    }
}

static void more_than_doe_padding_is_long(void)
{
    struct world w;
    begin(&w);
    CHECK_ERR(open_len(&w, w.len + 4), IDE_E_LONG);
    CHECK_FAULT(&w.fault, IDE_E_LONG, "secured message", "Length");
    CU_ASSERT_EQUAL(w.open.sequence, 0);
}

static void each_truncation_is_short(void)
{
    for (size_t len = 0; len < MESSAGE_LEN + OVERHEAD; len++) {
        struct world w;
        begin(&w);
        CHECK_ERR(open_len(&w, len), IDE_E_SHORT);
        CU_ASSERT_EQUAL(w.open.sequence, 0);
    }
}

static void each_flipped_bit_is_found(void)
{
    for (size_t bit = 0; bit < 8 * (MESSAGE_LEN + OVERHEAD); bit++) {
        struct world w;
        begin(&w);
        w.record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum ide_err err = open_it(&w);
        if (bit < 32)
            CHECK_ERR(err, IDE_E_SESSION);
        else if (bit >= 48)
            CHECK_ERR(err, IDE_E_RECORD);
        CU_ASSERT_NOT_EQUAL(err, IDE_OK);
        CU_ASSERT_EQUAL(w.open.sequence, 0);
        CU_ASSERT_PTR_NULL(w.out);
    }
}

static void length_below_tag_is_refused(void)
{
    struct world w;
    begin(&w);
    w.record[4] = 17;
    CHECK_ERR(open_it(&w), IDE_E_FIELD);
    CHECK_FAULT(&w.fault, IDE_E_FIELD, "secured message", "Length");
}

static void length_beyond_the_object_is_short(void)
{
    struct world w;
    begin(&w);
    w.record[4] = w.record[5] = 0xff;
    CHECK_ERR(open_it(&w), IDE_E_SHORT);
}

static void another_session_is_refused(void)
{
    struct world w;
    begin(&w);
    CHECK_ERR(secured_open(&w.open, ID + 1, w.record, w.len, &w.out, &w.out_len, &w.fault), IDE_E_SESSION);
    CHECK_FAULT(&w.fault, IDE_E_SESSION, "secured message", "SessionID");
}

static void replay_is_refused(void)
{
    struct world w;
    uint8_t copy[256];
    begin(&w);
    memcpy(copy, w.record, w.len);
    CHECK_OK(open_it(&w));
    memcpy(w.record, copy, w.len);
    CHECK_ERR(open_it(&w), IDE_E_RECORD);
    CHECK_FAULT(&w.fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_EQUAL(w.open.sequence, 1);
}

static void a_lost_record_is_noticed(void)
{
    struct world w;
    begin(&w);
    seal(&w);
    CHECK_ERR(open_it(&w), IDE_E_RECORD);
    CU_ASSERT_EQUAL(w.open.sequence, 0);
}

static void what_failed_is_not_left_readable(void)
{
    struct world w;
    begin(&w);
    w.record[w.len - 1] ^= 1;
    CHECK_ERR(open_it(&w), IDE_E_RECORD);
    for (size_t i = 0; i + MESSAGE_LEN <= sizeof w.record; i++)
        CU_ASSERT_NOT_EQUAL(memcmp(w.record + i, message, MESSAGE_LEN), 0);
}

/* An authentic record whose inner length lies: a peer that has the key and is broken. */
static void inner_length_is_checked(void)
{
    struct world w;
    begin_with(&w, AEAD_AES_256_GCM);
    uint8_t nonce[AEAD_IV_SIZE];
    memset(nonce, 0x22, sizeof nonce);
    uint8_t *record = w.record;
    const uint8_t head[] = {0x78, 0x56, 0x34, 0x12, 4 + 16, 0, 3, 0, 'a', 'b'};
    memcpy(record, head, sizeof head);
    CHECK_OK(aead_seal(&w.seal.key, nonce, record, 6, record + 6, 4, record + 10));
    CHECK_ERR(open_len(&w, 26), IDE_E_SHORT);
    CHECK_FAULT(&w.fault, IDE_E_SHORT, "secured message", "ApplicationDataLength");
    CU_ASSERT_EQUAL(w.open.sequence, 0);
}

static void an_empty_message_goes_too(void)
{
    struct world w;
    begin_with(&w, AEAD_CHACHA20_POLY1305);
    CHECK_OK(secured_seal(&w.seal, ID, w.record, sizeof w.record, 0, &w.len));
    CHECK_OK(open_it(&w));
    CU_ASSERT_EQUAL(w.out_len, 0);
}

static void numbers_end(void)
{
    struct world w;
    begin_with(&w, AEAD_AES_256_GCM);
    w.seal.sequence = w.open.sequence = SECURED_SEQUENCE_LIMIT - 1;
    seal(&w);
    CHECK_OK(open_it(&w));
    CHECK_ERR(secured_seal(&w.seal, ID, w.record, sizeof w.record, MESSAGE_LEN, &w.len), IDE_E_LIMIT);
    CHECK_ERR(open_it(&w), IDE_E_LIMIT);
    CU_ASSERT_EQUAL(w.seal.sequence, SECURED_SEQUENCE_LIMIT);
}

static void a_buffer_too_small_is_refused(void)
{
    for (size_t cap = 0; cap < MESSAGE_LEN + OVERHEAD; cap++) {
        struct world w;
        begin_with(&w, AEAD_AES_256_GCM);
        CHECK_ERR(secured_seal(&w.seal, ID, w.record, cap, MESSAGE_LEN, &w.len), IDE_E_SPACE);
        CU_ASSERT_EQUAL(w.seal.sequence, 0);
    }
}

static void lengths_do_not_wrap(void)
{
    static uint8_t big[70000];
    struct world w;
    begin_with(&w, AEAD_AES_256_GCM);
    CHECK_ERR(secured_seal(&w.seal, ID, big, sizeof big, 65536 - 2 - 16, &w.len), IDE_E_SPACE);
    CHECK_ERR(secured_seal(&w.seal, ID, big, sizeof big, SIZE_MAX, &w.len), IDE_E_SPACE);
    CHECK_ERR(secured_seal_padded(&w.seal, ID, big, sizeof big, 1, SIZE_MAX, &w.len), IDE_E_SPACE);
    CHECK_OK(secured_seal(&w.seal, ID, big, sizeof big, 65535 - 2 - 16, &w.len));
}

static void without_a_key_nothing_goes(void)
{
    struct world w;
    begin(&w);
    secured_clear(&w.open);
    secured_clear(&w.seal);
    CHECK_ERR(open_it(&w), IDE_E_STATE);
    CHECK_ERR(secured_seal(&w.seal, ID, w.record, sizeof w.record, 1, &w.len), IDE_E_STATE);
    static const struct secured_direction nothing;
    CU_ASSERT_EQUAL(memcmp(&w.open, &nothing, sizeof nothing), 0);
}

static void a_new_key_starts_at_zero_and_an_old_one_where_it_stopped(void)
{
    struct world w;
    uint8_t key[AEAD_KEY_MAX] = {1}, iv[AEAD_IV_SIZE] = {2};
    begin(&w);
    CHECK_OK(secured_set_key(&w.seal, AEAD_AES_256_GCM, key, iv));
    CU_ASSERT_EQUAL(w.seal.sequence, 0);
    CHECK_OK(secured_restore_key(&w.seal, AEAD_AES_256_GCM, key, iv, 7));
    CU_ASSERT_EQUAL(w.seal.sequence, 7);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(goes_there_with_each_cipher),
        TEST(frame_is_as_on_the_wire),
        TEST(random_padding_is_taken_off),
        TEST(doe_padding_is_ignored),
        TEST(more_than_doe_padding_is_long),
        TEST(each_truncation_is_short),
        TEST(each_flipped_bit_is_found),
        TEST(length_below_tag_is_refused),
        TEST(length_beyond_the_object_is_short),
        TEST(another_session_is_refused),
        TEST(replay_is_refused),
        TEST(a_lost_record_is_noticed),
        TEST(what_failed_is_not_left_readable),
        TEST(inner_length_is_checked),
        TEST(an_empty_message_goes_too),
        TEST(numbers_end),
        TEST(a_buffer_too_small_is_refused),
        TEST(lengths_do_not_wrap),
        TEST(without_a_key_nothing_goes),
        TEST(a_new_key_starts_at_zero_and_an_old_one_where_it_stopped),
        CU_TEST_INFO_NULL,
    };
    return suite_run("secured messages", tests);
}
