/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The handshake in the clear: FINISH and FINISH_RSP outside the session, which then is established at once. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;

static void begin_version(uint8_t version)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.requester_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    l.responder_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    l.requester_config.version_min = l.requester_config.version_max = version;
    l.responder_config.version_min = l.responder_config.version_max = version;
    CHECK_OK(loopback_connect(&l));
}

static void begin(void)
{
    begin_version(SPDM_VERSION_12);
}

static enum ide_err open_session(void)
{
    return session_open(&l.session, &l.requester, &l.transport);
}

static unsigned records;

static void count_records(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    (void)len;
    records += object[2] == DOE_TYPE_SECURED_CMA;
}

static void opens_without_a_record(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++) {
        records = 0;
        begin_version(version);
        l.on_request = count_records;
        CHECK_OK(open_session());
        CU_ASSERT_EQUAL(records, 0);
        CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_ESTABLISHED);
        CU_ASSERT_EQUAL(memcmp(l.session.keys.export_secret, l.device_sessions[0].keys.export_secret, 32), 0);
        CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
        CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
        CHECK_OK(session_end(&l.session));
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
        loopback_close(&l);
    }
}

static void two_sessions_live_side_by_side(void)
{
    struct session other;
    begin();
    CHECK_OK(open_session());
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &other));
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &other));
    session_close(&other);
    loopback_close(&l);
}

/* It takes both sides: one alone means a handshake in records. */
static void one_side_alone_does_not_make_it(void)
{
    records = 0;
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.responder_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    CHECK_OK(loopback_connect(&l));
    l.on_request = count_records;
    CHECK_OK(open_session());
    CU_ASSERT_EQUAL(records, 1);
    loopback_close(&l);
}

/* --- altered on its way --- */

static size_t flip_at;
static uint8_t flip_code;

static void flip(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    if (object[2] == DOE_TYPE_CMA && object[DOE_HEADER_SIZE + 1] == flip_code && flip_at + DOE_HEADER_SIZE < *len)
        object[DOE_HEADER_SIZE + flip_at] ^= 1;
}

static void an_altered_finish_ends_the_handshake(void)
{
    for (size_t at = 4; at < 4 + 32; at++) {
        flip_at = at;
        flip_code = SPDM_FINISH;
        begin();
        l.on_request = flip;
        CHECK_ERR(open_session(), IDE_E_PEER_ERROR);
        CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_DECRYPT_ERROR);
        CHECK_FAULT(&l.device_fault, IDE_E_HMAC, "FINISH", "RequesterVerifyData");
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
        CU_ASSERT_EQUAL(l.ended, 1);
        CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

static void an_altered_finish_rsp_is_refused(void)
{
    for (size_t at = 2; at < 4 + 32; at++) {
        flip_at = at;
        flip_code = SPDM_FINISH_RSP;
        begin();
        l.on_response = flip;
        CHECK_ERR(open_session(), IDE_E_HMAC);
        CHECK_FAULT(&l.requester.fault, IDE_E_HMAC, "FINISH_RSP", "ResponderVerifyData");
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

static void an_altered_key_exchange_rsp_is_refused(void)
{
    flip_at = 8;
    flip_code = SPDM_KEY_EXCHANGE_RSP;
    begin();
    l.on_response = flip;
    CHECK_ERR(open_session(), IDE_E_SIGNATURE);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void cut_finish_rsp(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    if (object[2] == DOE_TYPE_CMA && object[DOE_HEADER_SIZE + 1] == SPDM_FINISH_RSP)
        *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, flip_at);
}

static void each_truncated_finish_rsp_is_short(void)
{
    for (flip_at = 4; flip_at < 4 + 32; flip_at += 4) {
        begin();
        l.on_response = cut_finish_rsp;
        CHECK_ERR(open_session(), IDE_E_SHORT);
        CHECK_FAULT(&l.requester.fault, IDE_E_SHORT, "FINISH_RSP", "ResponderVerifyData");
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

/* --- what is out of order --- */

static struct session half_open;
static uint8_t finish[64];
static size_t finish_len;

static void keep_finish(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (object[2] != DOE_TYPE_CMA || object[DOE_HEADER_SIZE + 1] != SPDM_FINISH)
        return;
    half_open = loop->session;
    finish_len = *len - DOE_HEADER_SIZE;
    memcpy(finish, object + DOE_HEADER_SIZE, finish_len);
    *len = 0;
}

/* A session whose KEY_EXCHANGE is done and whose FINISH has been lost: it stands in finish. */
static void begin_half_open(void)
{
    begin();
    l.on_request = keep_finish;
    CHECK_ERR(open_session(), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
}

static uint8_t send(struct session *s, const void *message, size_t len)
{
    const uint8_t *response;
    size_t response_len = 0;
    if (loopback_send(&l, s, message, len, &response, &response_len) != IDE_OK)
        return 0xff;
    return response[1] == SPDM_ERROR ? response[2] : 0;
}

/* CVE-2023-31127 */
static void finish_only_after_key_exchange(void)
{
    begin_half_open();
    session_responder_reset(&l.responder);
    CHECK_OK(loopback_connect(&l));
    CU_ASSERT_EQUAL(send(NULL, finish, finish_len), SPDM_ERROR_SESSION_REQUIRED);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CHECK_OK(open_session());
    CU_ASSERT_EQUAL(send(NULL, finish, finish_len), SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_EQUAL(send(&l.session, finish, finish_len), SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    loopback_close(&l);
}

static void a_replayed_finish_changes_nothing(void)
{
    begin_half_open();
    CU_ASSERT_EQUAL(send(NULL, finish, finish_len), 0);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_ESTABLISHED);
    CU_ASSERT_EQUAL(send(NULL, finish, finish_len), SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_ESTABLISHED);
    loopback_close(&l);
}

static void finish_of_an_older_handshake_does_not_finish_the_latest(void)
{
    begin_half_open();
    uint8_t older[sizeof finish];
    memcpy(older, finish, finish_len);
    l.on_request = keep_finish;
    CHECK_ERR(open_session(), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 2);
    CU_ASSERT_EQUAL(send(NULL, older, finish_len), SPDM_ERROR_DECRYPT_ERROR);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
    loopback_close(&l);
}

static void no_record_is_taken_before_finish(void)
{
    begin_half_open();
    const uint8_t request[] = {SPDM_VERSION_12, SPDM_GET_DIGESTS, 0, 0};
    CU_ASSERT_EQUAL(send(&half_open, request, sizeof request), 0xff);
    CHECK_FAULT(&l.device_fault, IDE_E_SESSION, "session", "SessionID");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    loopback_close(&l);
}

static void a_handshake_can_be_given_up_for_another(void)
{
    begin_half_open();
    CHECK_OK(open_session());
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(opens_without_a_record),
        TEST(two_sessions_live_side_by_side),
        TEST(one_side_alone_does_not_make_it),
        TEST(an_altered_finish_ends_the_handshake),
        TEST(an_altered_finish_rsp_is_refused),
        TEST(an_altered_key_exchange_rsp_is_refused),
        TEST(each_truncated_finish_rsp_is_short),
        TEST(finish_only_after_key_exchange),
        TEST(a_replayed_finish_changes_nothing),
        TEST(finish_of_an_older_handshake_does_not_finish_the_latest),
        TEST(no_record_is_taken_before_finish),
        TEST(a_handshake_can_be_given_up_for_another),
        CU_TEST_INFO_NULL,
    };
    return suite_run("the handshake in the clear", tests);
}
