/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The responder updates its own key by an encapsulated KEY_UPDATE: both roles, each version, and each way in which it fails. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

#define ROW_GET     5
#define ROW_DELIVER 6

static struct loopback l;
static struct session *device;   /* the device's end of l.session */

static void begin_in(uint8_t version)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P384));
    l.requester_config.version_min = l.responder_config.version_min = version;
    l.requester_config.version_max = l.responder_config.version_max = version;
    l.requester_config.flags |= SPDM_CAP_ENCAP;
    l.responder_config.flags |= SPDM_CAP_ENCAP;
    l.responder.heartbeat_period = 5;
    CHECK_OK(loopback_session(&l));
    device = &l.device_sessions[0];
}

static void begin(void)
{
    begin_in(SPDM_VERSION_12);
}

static bool same_keys(void)
{
    const struct key_schedule *d = &device->keys, *r = &l.session.keys;
    return memcmp(d->request_secret, r->request_secret, HASH_SIZE_MAX) == 0 &&
           memcmp(d->response_secret, r->response_secret, HASH_SIZE_MAX) == 0;
}

static void check_usable(void)
{
    static const uint8_t zero[HASH_SIZE_MAX];
    for (int i = 0; i < 3; i++)
        CHECK_OK(session_heartbeat(&l.session));
    CU_ASSERT_TRUE(same_keys());
    CU_ASSERT_FALSE(l.session.update.response_switched || l.session.update.new_expected);
    CU_ASSERT_FALSE(device->update.response_switched);
    CU_ASSERT_EQUAL(device->update.stage, UPDATE_IDLE);
    CU_ASSERT_EQUAL(memcmp(l.session.update.response_secret, zero, sizeof zero), 0);
    CU_ASSERT_EQUAL(memcmp(device->update.response_secret, zero, sizeof zero), 0);
    CU_ASSERT_EQUAL(l.ended, 0);
}

static struct key_schedule before;

static bool response_changed(void)
{
    return memcmp(before.response_secret, device->keys.response_secret, HASH_SIZE_MAX) != 0;
}

static bool request_changed(void)
{
    return memcmp(before.request_secret, device->keys.request_secret, HASH_SIZE_MAX) != 0;
}

/* --- success --- */

static void the_device_updates_its_key_alone(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++) {
        begin_in(version);
        check_usable();
        before = device->keys;
        CHECK_OK(session_responder_update_key(&l.responder, device));
        CHECK_OK(session_heartbeat(&l.session));   /* under the old keys, until it is asked */
        CU_ASSERT_FALSE(response_changed());
        CHECK_OK(session_answer_requests(&l.session));
        CU_ASSERT_TRUE(response_changed());
        CU_ASSERT_FALSE(request_changed());
        CU_ASSERT_EQUAL(device->response.sequence, 2);   /* the ACK with VerifyNewKey, the last ACK */
        check_usable();
        loopback_close(&l);
    }
}

static void nothing_wanted_is_no_failure(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++) {
        begin_in(version);
        unsigned exchanges = l.exchanges;
        CHECK_OK(session_answer_requests(&l.session));
        CU_ASSERT_EQUAL(l.exchanges, exchanges + 1);
        CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "GET_ENCAPSULATED_REQUEST", NULL);
        check_usable();
        loopback_close(&l);
    }
}

static void updates_of_both_sides_follow_each_other(void)
{
    begin();
    for (int i = 0; i < 30; i++) {
        if (i % 3 == 0) {
            CHECK_OK(session_responder_update_key(&l.responder, device));
            CHECK_OK(session_answer_requests(&l.session));
        } else {
            CHECK_OK(session_key_update(&l.session, i % 3 == 1 ? KEY_UPDATE_ALL : KEY_UPDATE_REQUESTER));
        }
        check_usable();
    }
    loopback_close(&l);
}

/* --- when it is not to be had --- */

static void it_is_wanted_once(void)
{
    begin();
    CHECK_OK(session_responder_update_key(&l.responder, device));
    CHECK_ERR(session_responder_update_key(&l.responder, device), IDE_E_STATE);
    CHECK_OK(session_answer_requests(&l.session));
    CHECK_OK(session_responder_update_key(&l.responder, device));
    loopback_close(&l);
}

static void a_side_that_cannot_is_not_asked(void)
{
    begin();
    struct spdm_params *p = &l.responder.spdm.connection.params;
    p->flags_requester &= ~(uint32_t)SPDM_CAP_ENCAP;
    CHECK_ERR(session_responder_update_key(&l.responder, device), IDE_E_CAPABILITY);
    CHECK_FAULT(&l.responder.spdm.connection.fault, IDE_E_CAPABILITY, "KEY_UPDATE", "ENCAP_CAP");
    p->flags_requester |= SPDM_CAP_ENCAP;
    p->flags_requester &= ~(uint32_t)SPDM_CAP_KEY_UPD;
    CHECK_ERR(session_responder_update_key(&l.responder, device), IDE_E_CAPABILITY);
    CHECK_FAULT(&l.responder.spdm.connection.fault, IDE_E_CAPABILITY, "KEY_UPDATE", "KEY_UPD_CAP");
    CHECK_ERR(session_responder_update_key(&l.responder, &l.device_sessions[1]), IDE_E_SESSION);
    unsigned exchanges = l.exchanges;
    l.requester.params.flags_responder &= ~(uint32_t)(SPDM_CAP_ENCAP | SPDM_CAP_MUT_AUTH);
    CHECK_ERR(session_answer_requests(&l.session), IDE_E_CAPABILITY);
    CU_ASSERT_EQUAL(l.exchanges, exchanges);
    loopback_close(&l);
}

static void without_a_tag_the_keys_stay(void)
{
    begin();
    before = device->keys;
    CHECK_OK(session_responder_update_key(&l.responder, device));
    l.no_random = true;
    CHECK_ERR(session_answer_requests(&l.session), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_RANDOM, "KEY_UPDATE", "Tag");
    l.no_random = false;
    CU_ASSERT_FALSE(response_changed());
    CHECK_OK(session_answer_requests(&l.session));   /* it still wants it */
    check_usable();
    loopback_close(&l);
}

/* --- a requester that misbehaves --- */

static const uint8_t *response;
static size_t response_len;

static void send(uint8_t code, uint8_t param1, const uint8_t *inner, size_t inner_len)
{
    uint8_t message[64] = {l.requester.params.version, code, param1, 0};
    if (inner)
        memcpy(message + 4, inner, inner_len);
    CHECK_OK(loopback_send(&l, &l.session, message, 4 + inner_len, &response, &response_len));
}

/* Asks for the request; gives its id and its tag. */
static void fetch(uint8_t *id, uint8_t *tag)
{
    send(SPDM_GET_ENCAPSULATED_REQUEST, 0, NULL, 0);
    CU_ASSERT_TRUE_FATAL(response_len == 8 && response[1] == SPDM_ENCAPSULATED_REQUEST);
    CU_ASSERT_TRUE(response[5] == SPDM_KEY_UPDATE && response[6] == SPDM_KEY_UPDATE_KEY);
    *id = response[2];
    *tag = response[7];
}

static void an_answer_to_something_else_leaves_the_old_keys(void)
{
    static const struct {
        uint8_t code, id_change, param1, tag_change, error;
        size_t len;
        const char *step, *field;
    } rows[] = {
        {SPDM_KEY_UPDATE_ACK, 1, SPDM_KEY_UPDATE_KEY, 0, SPDM_ERROR_INVALID_REQUEST, 4, "DELIVER_ENCAPSULATED_RESPONSE",
         "RequestID"},
        {SPDM_KEY_UPDATE_ACK, 0, SPDM_KEY_UPDATE_VERIFY, 0, SPDM_ERROR_INVALID_RESPONSE_CODE, 4, "KEY_UPDATE_ACK", "Param1"},
        {SPDM_KEY_UPDATE_ACK, 0, SPDM_KEY_UPDATE_KEY, 1, SPDM_ERROR_INVALID_RESPONSE_CODE, 4, "KEY_UPDATE_ACK", "Param2"},
        {SPDM_KEY_UPDATE_ACK, 0, SPDM_KEY_UPDATE_KEY, 0, SPDM_ERROR_INVALID_RESPONSE_CODE, 5, "KEY_UPDATE_ACK", "length"},
        {SPDM_HEARTBEAT_ACK, 0, SPDM_KEY_UPDATE_KEY, 0, SPDM_ERROR_INVALID_RESPONSE_CODE, 4, "KEY_UPDATE_ACK",
         "RequestResponseCode"},
        {SPDM_ERROR, 0, SPDM_ERROR_UNSUPPORTED_REQUEST, 0, SPDM_ERROR_INVALID_RESPONSE_CODE, 4, "KEY_UPDATE_ACK",
         "RequestResponseCode"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t id, tag;
        begin();
        before = device->keys;
        CHECK_OK(session_responder_update_key(&l.responder, device));
        fetch(&id, &tag);
        const uint8_t inner[8] = {SPDM_VERSION_12, rows[i].code, rows[i].param1, (uint8_t)(tag + rows[i].tag_change)};
        send(SPDM_DELIVER_ENCAPSULATED_RESPONSE, (uint8_t)(id + rows[i].id_change), inner, rows[i].len);
        CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == rows[i].error);
        CHECK_FAULT(&l.device_fault, l.device_err, rows[i].step, rows[i].field);
        CU_ASSERT_FALSE(response_changed());
        device->update.stage = UPDATE_IDLE;   /* an answer with another id has ended nothing */
        check_usable();
        loopback_close(&l);
    }
}

static void an_answer_to_nothing_is_refused(void)
{
    static const uint8_t ack[] = {SPDM_VERSION_12, SPDM_KEY_UPDATE_ACK, SPDM_KEY_UPDATE_KEY, 0};
    begin();
    before = device->keys;
    send(SPDM_DELIVER_ENCAPSULATED_RESPONSE, 0, ack, sizeof ack);
    CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_UNEXPECTED_REQUEST);
    CHECK_OK(session_responder_update_key(&l.responder, device));   /* wanted, but not asked */
    send(SPDM_DELIVER_ENCAPSULATED_RESPONSE, 0, ack, sizeof ack);
    CU_ASSERT_FALSE(response_changed());
    CU_ASSERT_NOT_EQUAL(device->update.stage, UPDATE_VERIFYING);
    loopback_close(&l);
}

/* --- a responder that misbehaves --- */

static struct {
    uint8_t request[8];   /* what it asks for */
    size_t len;
    bool switches, acknowledges_well;
    uint8_t said[8];      /* what the requester answered */
} script;

static enum ide_err ask(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    (void)r, (void)request;
    write_bytes(w, (const uint8_t[]){SPDM_VERSION_12, SPDM_ENCAPSULATED_REQUEST, 9, 0}, 4);
    write_bytes(w, script.request, script.len);
    return write_done(w);
}

static enum ide_err take(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    (void)r;
    memcpy(script.said, request->data + 4, request->len - 4 < 8 ? request->len - 4 : 8);
    write_bytes(w, (const uint8_t[]){SPDM_VERSION_12, SPDM_ENCAPSULATED_RESPONSE_ACK, 0, 0, 9, 0, 0, 0}, 8);
    if (script.switches) {
        struct record_key key;
        uint8_t next[HASH_SIZE_MAX];
        CHECK_OK(key_schedule_next(&device->keys, device->keys.response_secret, next));
        CHECK_OK(key_schedule_record_key(&device->keys, next, &key));
        CHECK_OK(secured_set_key(&device->response, device->keys.aead, key.key, key.iv));
    }
    return write_done(w);
}

static struct spdm_handler rows[ROW_DELIVER + 1];

static void begin_scripted(uint8_t code, uint8_t param1, size_t len)
{
    begin();
    memset(&script, 0, sizeof script);
    memcpy(script.request, (const uint8_t[]){SPDM_VERSION_12, code, param1, 0x77}, 4);
    script.len = len;
    memcpy(rows, session_handlers.rows, sizeof rows);
    CU_ASSERT_EQUAL_FATAL(rows[ROW_GET].code, SPDM_GET_ENCAPSULATED_REQUEST);
    CU_ASSERT_EQUAL_FATAL(rows[ROW_DELIVER].code, SPDM_DELIVER_ENCAPSULATED_RESPONSE);
    rows[ROW_GET].handle = ask;
    rows[ROW_DELIVER].handle = take;
    l.responder.tables[1] = (struct spdm_handler_table){rows, ROW_DELIVER + 1};
    before = device->keys;
}

static void other_requests_are_refused(void)
{
    static const struct {
        uint8_t code, param1, error, data;
        size_t len;
    } asked[] = {
        {SPDM_KEY_UPDATE, SPDM_KEY_UPDATE_ALL_KEYS, SPDM_ERROR_INVALID_REQUEST, 0, 4},
        {SPDM_KEY_UPDATE, SPDM_KEY_UPDATE_VERIFY, SPDM_ERROR_INVALID_REQUEST, 0, 4},
        {SPDM_KEY_UPDATE, 0, SPDM_ERROR_INVALID_REQUEST, 0, 4},
        {SPDM_KEY_UPDATE, SPDM_KEY_UPDATE_KEY, SPDM_ERROR_INVALID_REQUEST, 0, 5},
        {SPDM_GET_DIGESTS, 0, SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_GET_DIGESTS, 4},       /* it is nobody */
        {SPDM_GET_CERTIFICATE, 0, SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_GET_CERTIFICATE, 8},
        {SPDM_KEY_EXCHANGE, 0, SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_KEY_EXCHANGE, 4},
    };
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        begin_scripted(asked[i].code, asked[i].param1, asked[i].len);
        CHECK_OK(session_answer_requests(&l.session));
        CU_ASSERT_TRUE(script.said[1] == SPDM_ERROR && script.said[2] == asked[i].error && script.said[3] == asked[i].data);
        CU_ASSERT_FALSE(l.session.update.response_switched);
        CHECK_OK(session_heartbeat(&l.session));
        loopback_close(&l);
    }
}

/* It says UpdateKey, and then goes on under the old key: nothing has happened. */
static void a_device_that_changes_its_mind_is_followed(void)
{
    begin_scripted(SPDM_KEY_UPDATE, SPDM_KEY_UPDATE_KEY, 4);
    CHECK_OK(session_answer_requests(&l.session));
    const uint8_t ack[] = {SPDM_VERSION_12, SPDM_KEY_UPDATE_ACK, SPDM_KEY_UPDATE_KEY, 0x77};
    CU_ASSERT_EQUAL(memcmp(script.said, ack, sizeof ack), 0);
    check_usable();
    loopback_close(&l);
}

static void a_key_that_is_not_verified_ends_the_session(void)
{
    begin_scripted(SPDM_KEY_UPDATE, SPDM_KEY_UPDATE_KEY, 4);
    script.switches = true;
    CHECK_ERR(session_answer_requests(&l.session), IDE_E_UNEXPECTED);
    CHECK_FAULT(&l.requester.fault, IDE_E_UNEXPECTED, "KEY_UPDATE", "VerifyNewKey");
    CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
    loopback_close(&l);
}

static void flip_last(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    object[*len - 4] ^= 1;
}

static void an_altered_answer_ends_the_session(void)
{
    begin();
    CHECK_OK(session_responder_update_key(&l.responder, device));
    l.on_response = flip_last;
    CHECK_ERR(session_answer_requests(&l.session), IDE_E_RECORD);
    CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(the_device_updates_its_key_alone),
        TEST(nothing_wanted_is_no_failure),
        TEST(updates_of_both_sides_follow_each_other),
        TEST(it_is_wanted_once),
        TEST(a_side_that_cannot_is_not_asked),
        TEST(without_a_tag_the_keys_stay),
        TEST(an_answer_to_something_else_leaves_the_old_keys),
        TEST(an_answer_to_nothing_is_refused),
        TEST(other_requests_are_refused),
        TEST(a_device_that_changes_its_mind_is_followed),
        TEST(a_key_that_is_not_verified_ends_the_session),
        TEST(an_altered_answer_ends_the_session),
        CU_TEST_INFO_NULL,
    };
    return suite_run("KEY_UPDATE by the responder", tests);
}
