/* SPDX-License-Identifier: GPL-2.0-or-later */
/* KEY_UPDATE of both roles, and each way in which it fails: the old keys go on working. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;

/* The device's answers to KEY_UPDATE, replaced: in the turns whose bits are set. */
static struct {
    unsigned turn, replaced;
    enum { ANSWER_ERROR, ANSWER_BUSY, ANSWER_OTHER_TAG, ANSWER_OTHER_OPERATION, ANSWER_WELL } answer;
    bool act;   /* the device updates its keys although it answers so */
} script;

static enum ide_err answer_key_update(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_handler *row = &session_handlers.rows[3];   /* KEY_UPDATE */
    const unsigned turn = script.turn++;
    if (turn >= 8 || !(script.replaced & 1u << turn))
        return row->handle(r, request, w);
    if (script.act) {
        uint8_t unused[16];
        struct writer away = writer_of(unused, sizeof unused);
        CHECK_OK(row->handle(r, request, &away));
    }
    const bool error = script.answer == ANSWER_ERROR || script.answer == ANSWER_BUSY;
    write_u8(w, SPDM_VERSION_12);
    write_u8(w, error ? SPDM_ERROR : SPDM_KEY_UPDATE_ACK);
    if (error)
        write_u8(w, script.answer == ANSWER_BUSY ? SPDM_ERROR_BUSY : SPDM_ERROR_INVALID_REQUEST);
    else
        write_u8(w, (uint8_t)(request->data[2] ^ (script.answer == ANSWER_OTHER_OPERATION)));
    write_u8(w, error ? 0 : (uint8_t)(request->data[3] ^ (script.answer == ANSWER_OTHER_TAG)));
    return write_done(w);
}

static struct spdm_handler rows[5];

static void begin(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P384));
    l.responder.heartbeat_period = 5;
    CHECK_OK(loopback_session(&l));
    memset(&script, 0, sizeof script);
    memcpy(rows, session_handlers.rows, sizeof rows);
    rows[3].handle = answer_key_update;
    l.responder.tables[1] = (struct spdm_handler_table){rows, 5};
}

/* Both directions, both ends, are on the same keys. */
static void check_usable(void)
{
    for (int i = 0; i < 3; i++)
        CHECK_OK(session_heartbeat(&l.session));
    CU_ASSERT_FALSE(l.session.update.request_switched || l.session.update.response_switched);
    CU_ASSERT_FALSE(l.device_sessions[0].update.request_switched || l.device_sessions[0].update.response_switched);
    CU_ASSERT_EQUAL(l.ended, 0);
}

static struct key_schedule before;

static void remember(void)
{
    before = l.session.keys;
}

static bool same_request(void)
{
    return memcmp(before.request_secret, l.session.keys.request_secret, HASH_SIZE_MAX) == 0;
}

static bool same_response(void)
{
    return memcmp(before.response_secret, l.session.keys.response_secret, HASH_SIZE_MAX) == 0;
}

static void check_same_keys_both_ends(void)
{
    const struct key_schedule *device = &l.device_sessions[0].keys;
    CU_ASSERT_EQUAL(memcmp(device->request_secret, l.session.keys.request_secret, HASH_SIZE_MAX), 0);
    CU_ASSERT_EQUAL(memcmp(device->response_secret, l.session.keys.response_secret, HASH_SIZE_MAX), 0);
}

static bool all_zero(const void *data, size_t n)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

/* --- success --- */

static void update_key_changes_the_requesters_key(void)
{
    begin();
    check_usable();
    remember();
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_REQUESTER));
    CU_ASSERT_FALSE(same_request());
    CU_ASSERT_TRUE(same_response());
    CU_ASSERT_EQUAL(l.session.request.sequence, 1);    /* VerifyNewKey */
    CU_ASSERT_EQUAL(l.session.response.sequence, 5);   /* three heartbeats, two answers */
    check_same_keys_both_ends();
    check_usable();
    loopback_close(&l);
}

static void update_all_keys_changes_both(void)
{
    begin();
    check_usable();
    remember();
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    CU_ASSERT_FALSE(same_request());
    CU_ASSERT_FALSE(same_response());
    CU_ASSERT_EQUAL(l.session.request.sequence, 1);    /* VerifyNewKey */
    CU_ASSERT_EQUAL(l.session.response.sequence, 2);   /* both answers */
    check_same_keys_both_ends();
    check_usable();
    loopback_close(&l);
}

static void updates_follow_each_other(void)
{
    begin();
    for (int i = 0; i < 50; i++) {
        CHECK_OK(session_key_update(&l.session, i % 3 ? KEY_UPDATE_ALL : KEY_UPDATE_REQUESTER));
        check_usable();
    }
    loopback_close(&l);
}

static void nothing_of_the_old_keys_is_left(void)
{
    begin();
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    CU_ASSERT_TRUE(all_zero(&l.session.update, sizeof l.session.update));
    CU_ASSERT_TRUE(all_zero(&l.device_sessions[0].update, sizeof l.session.update));
    loopback_close(&l);
}

static void it_is_due_before_the_numbers_end(void)
{
    begin();
    l.session.request.sequence = l.device_sessions[0].request.sequence = SECURED_SEQUENCE_LIMIT - 1;
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    check_usable();
    loopback_close(&l);
}

/* --- failure: libspdm#3725, #3816 --- */

/* The whole attempt fails so, and the old keys go on. */
static void fails(enum key_update operation, enum ide_err err, const char *step, const char *field)
{
    remember();
    CHECK_ERR(session_key_update(&l.session, operation), err);
    CHECK_FAULT(&l.requester.fault, err, step, field);
    CU_ASSERT_TRUE(same_request());
    CU_ASSERT_TRUE(same_response());
    CU_ASSERT_EQUAL(l.session.state, SESSION_ESTABLISHED);
    check_usable();
    check_same_keys_both_ends();
}

static void refused_update_leaves_the_old_keys(void)
{
    static const enum key_update operations[] = {KEY_UPDATE_REQUESTER, KEY_UPDATE_ALL};
    for (int i = 0; i < 2; i++) {
        begin();
        check_usable();
        script.replaced = 1;
        fails(operations[i], IDE_E_PEER_ERROR, "KEY_UPDATE", NULL);
        CU_ASSERT_EQUAL(l.requester.fault.peer_code, 0);   /* of the heartbeats since */
        /* no new key has been used, so the next attempt may */
        CHECK_OK(session_key_update(&l.session, operations[i]));
        check_usable();
        loopback_close(&l);
    }
}

static void busy_is_waited_for(void)
{
    begin();
    script.answer = ANSWER_BUSY;
    script.replaced = 0x3;   /* twice before UpdateAllKeys is acknowledged */
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    CU_ASSERT_EQUAL(script.turn, 4);
    check_usable();
    loopback_close(&l);

    begin();
    script.answer = ANSWER_BUSY;
    script.replaced = 0x6;   /* and before VerifyNewKey is */
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    check_usable();
    loopback_close(&l);
}

static void another_tag_leaves_the_old_keys(void)
{
    static const enum key_update operations[] = {KEY_UPDATE_REQUESTER, KEY_UPDATE_ALL};
    for (int i = 0; i < 2; i++) {
        begin();
        script.replaced = 1;
        script.answer = ANSWER_OTHER_TAG;
        script.act = true;
        fails(operations[i], IDE_E_FIELD, "KEY_UPDATE_ACK", "Param2");
        loopback_close(&l);
    }
}

static void another_operation_leaves_the_old_keys(void)
{
    begin();
    script.replaced = 1;
    script.answer = ANSWER_OTHER_OPERATION;
    script.act = true;
    fails(KEY_UPDATE_ALL, IDE_E_FIELD, "KEY_UPDATE_ACK", "Param1");
    loopback_close(&l);
}

/* The device answers well, but under its old key. */
static void an_answer_under_the_old_key_is_refused(void)
{
    begin();
    script.replaced = 1;
    script.answer = ANSWER_WELL;
    fails(KEY_UPDATE_ALL, IDE_E_UNEXPECTED, "KEY_UPDATE_ACK", "response key");
    loopback_close(&l);
}

static void a_failed_verification_leaves_the_old_keys(void)
{
    static const enum key_update operations[] = {KEY_UPDATE_REQUESTER, KEY_UPDATE_ALL};
    for (int i = 0; i < 2; i++) {
        begin();
        script.replaced = 2;
        fails(operations[i], IDE_E_PEER_ERROR, "KEY_UPDATE", NULL);
        loopback_close(&l);
    }
}

/* The new keys have sealed records with their first numbers: they may not be derived again. */
static void after_it_the_keys_are_not_updated_again(void)
{
    begin();
    script.replaced = 2;
    fails(KEY_UPDATE_ALL, IDE_E_PEER_ERROR, "KEY_UPDATE", NULL);
    unsigned before_it = l.exchanges;
    CHECK_ERR(session_key_update(&l.session, KEY_UPDATE_ALL), IDE_E_STATE);
    CHECK_FAULT(&l.requester.fault, IDE_E_STATE, "KEY_UPDATE", "KeyUpdate");
    CU_ASSERT_EQUAL(l.exchanges, before_it);

    /* nor by the device, whoever asks */
    l.session.update.spent = false;
    CHECK_ERR(session_key_update(&l.session, KEY_UPDATE_ALL), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "KEY_UPDATE", "KeyOperation");
    check_usable();
    loopback_close(&l);
}

static void flip_tag(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    object[*len - 8] ^= 1;
}

static void an_altered_answer_ends_the_attempt(void)
{
    begin();
    l.on_response = flip_tag;
    CHECK_ERR(session_key_update(&l.session, KEY_UPDATE_ALL), IDE_E_RECORD);
    CHECK_FAULT(&l.requester.fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
    CU_ASSERT_TRUE(all_zero(&l.session.update, sizeof l.session.update));
    CU_ASSERT_TRUE(all_zero(&l.session.keys, sizeof l.session.keys));
    loopback_close(&l);
}

static void an_altered_request_while_pending_ends_the_session(void)
{
    begin();
    const uint8_t update[] = {SPDM_VERSION_12, SPDM_KEY_UPDATE, SPDM_KEY_UPDATE_KEY, 7};
    const uint8_t *response;
    size_t len;
    CHECK_OK(loopback_send(&l, &l.session, update, sizeof update, &response, &len));
    CU_ASSERT_TRUE(response[1] == SPDM_KEY_UPDATE_ACK && response[2] == SPDM_KEY_UPDATE_KEY && response[3] == 7);
    l.on_request = flip_tag;
    CHECK_OK(loopback_send(&l, &l.session, update, sizeof update, &response, &len));
    CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_DECRYPT_ERROR);
    CU_ASSERT_EQUAL(l.ended, 1);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_NONE);
    loopback_close(&l);
}

/* The requester gives up and goes on under the old key, without a word. */
static void the_device_goes_back_with_the_requester(void)
{
    static const uint8_t operations[] = {SPDM_KEY_UPDATE_KEY, SPDM_KEY_UPDATE_ALL_KEYS};
    for (int i = 0; i < 2; i++) {
        begin();
        check_usable();
        l.session.update.new_expected = operations[i] == SPDM_KEY_UPDATE_ALL_KEYS;
        const uint8_t update[] = {SPDM_VERSION_12, SPDM_KEY_UPDATE, operations[i], 7};
        const uint8_t *response;
        size_t len;
        struct session copy = l.session;
        CHECK_OK(loopback_send(&l, &l.session, update, sizeof update, &response, &len));
        CU_ASSERT_TRUE(response[1] == SPDM_KEY_UPDATE_ACK);
        CU_ASSERT_TRUE(l.device_sessions[0].update.request_switched);
        copy.request.sequence++;
        if (operations[i] == SPDM_KEY_UPDATE_KEY)
            copy.response.sequence++;
        copy.update.new_expected = false;
        l.session = copy;
        check_usable();
        loopback_close(&l);
    }
}

/* --- the device refuses --- */

static uint8_t error_of(uint8_t operation)
{
    const uint8_t update[] = {SPDM_VERSION_12, SPDM_KEY_UPDATE, operation, 1};
    const uint8_t *response;
    size_t len = 0;
    CHECK_OK(loopback_send(&l, &l.session, update, sizeof update, &response, &len));
    return len >= 4 && response[1] == SPDM_ERROR ? response[2] : 0;
}

static void other_operations_are_refused(void)
{
    static const uint8_t operations[] = {0, 4, 0x80, 0xff, SPDM_KEY_UPDATE_VERIFY};
    begin();
    for (size_t i = 0; i < sizeof operations; i++) {
        CU_ASSERT_EQUAL(error_of(operations[i]), SPDM_ERROR_INVALID_REQUEST);
        CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "KEY_UPDATE", "KeyOperation");
    }
    check_usable();
    loopback_close(&l);
}

static void without_the_capability_it_is_refused(void)
{
    begin();
    unsigned before_it = l.exchanges;
    l.requester.params.flags_responder &= ~SPDM_CAP_KEY_UPD;
    CHECK_ERR(session_key_update(&l.session, KEY_UPDATE_ALL), IDE_E_CAPABILITY);
    CHECK_FAULT(&l.requester.fault, IDE_E_CAPABILITY, "KEY_UPDATE", "KEY_UPD_CAP");
    CU_ASSERT_EQUAL(l.exchanges, before_it);
    l.responder_config.flags &= ~SPDM_CAP_KEY_UPD;
    CU_ASSERT_EQUAL(error_of(SPDM_KEY_UPDATE_KEY), SPDM_ERROR_UNSUPPORTED_REQUEST);
    check_usable();
    loopback_close(&l);
}

static void without_a_tag_nothing_is_sent(void)
{
    begin();
    unsigned before_it = l.exchanges;
    l.no_random = true;
    CHECK_ERR(session_key_update(&l.session, KEY_UPDATE_ALL), IDE_E_RANDOM);
    CHECK_FAULT(&l.requester.fault, IDE_E_RANDOM, "KEY_UPDATE", "Tag");
    CU_ASSERT_EQUAL(l.exchanges, before_it);
    check_usable();
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(update_key_changes_the_requesters_key),
        TEST(update_all_keys_changes_both),
        TEST(updates_follow_each_other),
        TEST(nothing_of_the_old_keys_is_left),
        TEST(it_is_due_before_the_numbers_end),
        TEST(refused_update_leaves_the_old_keys),
        TEST(busy_is_waited_for),
        TEST(another_tag_leaves_the_old_keys),
        TEST(another_operation_leaves_the_old_keys),
        TEST(an_answer_under_the_old_key_is_refused),
        TEST(a_failed_verification_leaves_the_old_keys),
        TEST(after_it_the_keys_are_not_updated_again),
        TEST(an_altered_answer_ends_the_attempt),
        TEST(an_altered_request_while_pending_ends_the_session),
        TEST(the_device_goes_back_with_the_requester),
        TEST(other_operations_are_refused),
        TEST(without_the_capability_it_is_refused),
        TEST(without_a_tag_nothing_is_sent),
        CU_TEST_INFO_NULL,
    };
    return suite_run("KEY_UPDATE", tests);
}
