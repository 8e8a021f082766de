/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device against KEY_EXCHANGE requests that are wrong in one field, and against a host that never finishes. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;

/* KEY_EXCHANGE as the requester sends it, P-256. */
enum {
    REQ_SLOT = 3,
    REQ_POLICY = 6,
    REQ_RESERVED = 7,
    REQ_EXCHANGE_DATA = 8 + 32,
    REQ_OPAQUE_LEN = REQ_EXCHANGE_DATA + 64,
    REQ_VERSION_COUNT = REQ_OPAQUE_LEN + 2 + 10,
    REQ_LEN = REQ_OPAQUE_LEN + 2 + 20,
};

static uint8_t request[256];
static size_t request_len;

static void keep(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    if (object[2] != DOE_TYPE_CMA || object[DOE_HEADER_SIZE + 1] != SPDM_KEY_EXCHANGE)
        return;
    request_len = *len - DOE_HEADER_SIZE;
    memcpy(request, object + DOE_HEADER_SIZE, request_len);
    *len = 0;
}

/* Negotiated, and a good KEY_EXCHANGE in request, which the device has not seen. */
static void begin(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.on_request = keep;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL_FATAL(request_len, (REQ_LEN + 3) / 4 * 4);
}

static uint8_t send_request(size_t len)
{
    const uint8_t *response;
    size_t response_len = 0;
    CHECK_OK(loopback_send(&l, NULL, request, len, &response, &response_len));
    return response[1] == SPDM_ERROR ? response[2] : 0;
}

static void refuses(uint8_t code, enum ide_err err, const char *field)
{
    CU_ASSERT_EQUAL(send_request(REQ_LEN), code);
    CHECK_FAULT(&l.device_fault, err, "KEY_EXCHANGE", field);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_EQUAL(l.device_sessions[0].keys.stage, KEY_STAGE_NONE);
    CHECK_OK(loopback_session(&l));
    loopback_close(&l);
}

static void a_good_request_begins_a_session(void)
{
    begin();
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
    CU_ASSERT_EQUAL(l.device_sessions[0].id & 0xffff, (uint32_t)(request[4] | request[5] << 8));
    loopback_close(&l);
    CU_ASSERT_EQUAL(l.ended, 1);
}

static void the_same_request_twice_has_two_ids(void)
{
    begin();
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    CU_ASSERT_NOT_EQUAL(l.device_sessions[0].id, l.device_sessions[1].id);
    CU_ASSERT_EQUAL(send_request(REQ_LEN), SPDM_ERROR_SESSION_LIMIT_EXCEEDED);
    loopback_close(&l);
}

/* A generator whose two bytes, which make ids, are always the same. */
static enum ide_err draw_the_same_id(void *context, uint8_t *out, size_t n)
{
    struct drbg *drbg = context;
    struct rng rng = drbg_rng(drbg);
    if (n != 2)
        return rng.random(rng.context, out, n);
    memset(out, 0xff, n);
    return IDE_OK;
}

static void ids_differ_even_if_the_generator_repeats_itself(void)
{
    begin();
    l.responder.spdm.connection.rng = (struct rng){draw_the_same_id, &l.drbg};
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    CU_ASSERT_EQUAL(l.device_sessions[0].id >> 16, 0xffff);
    CU_ASSERT_EQUAL(l.device_sessions[1].id >> 16, 1);   /* 0 is left out */
    loopback_close(&l);
}

static void the_policy_is_kept(void)
{
    begin();
    request[REQ_POLICY] = 1;
    request[REQ_RESERVED] = 0xff;
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    CU_ASSERT_EQUAL(l.device_sessions[0].session_policy, 1);
    loopback_close(&l);
}

static void an_empty_slot_is_refused(void)
{
    static const uint8_t slots[] = {1, 7, 8, 0xff};
    for (size_t i = 0; i < sizeof slots; i++) {
        begin();
        request[REQ_SLOT] = slots[i];
        refuses(SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD, "SlotID");
    }
}

static void an_opaque_length_beyond_the_limit_is_refused(void)
{
    begin();
    request[REQ_OPAQUE_LEN] = 0x01;
    request[REQ_OPAQUE_LEN + 1] = 0x04;   /* 1025 */
    refuses(SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD, "OpaqueDataLength");
    begin();
    request[REQ_OPAQUE_LEN] = 21 + 3;
    refuses(SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT, "OpaqueData");
}

static void no_common_record_version_is_refused(void)
{
    begin();
    request[REQ_VERSION_COUNT] = 0;
    refuses(SPDM_ERROR_INVALID_REQUEST, IDE_E_NO_COMMON, "VersionsList");
}

static void no_opaque_data_is_refused(void)
{
    begin();
    request[REQ_OPAQUE_LEN] = 0;
    CU_ASSERT_EQUAL(send_request(REQ_OPAQUE_LEN + 2), SPDM_ERROR_INVALID_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_SHORT, "KEY_EXCHANGE", "TotalElements");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

static void a_point_off_the_curve_is_refused(void)
{
    begin();
    request[REQ_EXCHANGE_DATA] ^= 1;
    CU_ASSERT_EQUAL(send_request(REQ_LEN), SPDM_ERROR_INVALID_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_KEY, "KEY_EXCHANGE_RSP", NULL);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_EQUAL(l.ended, 0);
    loopback_close(&l);
    begin();
    memset(request + REQ_EXCHANGE_DATA, 0, 64);
    CU_ASSERT_EQUAL(send_request(REQ_LEN), SPDM_ERROR_INVALID_REQUEST);
    loopback_close(&l);
}

static void each_truncation_is_refused(void)
{
    begin();
    for (size_t len = 4; len + 3 < REQ_LEN; len++) {
        CU_ASSERT_EQUAL(send_request(len), SPDM_ERROR_INVALID_REQUEST);
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    }
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    loopback_close(&l);
}

static void without_a_generator_it_fails_and_nothing_is_left(void)
{
    begin();
    l.no_random = true;
    CU_ASSERT_EQUAL(send_request(REQ_LEN), SPDM_ERROR_UNSPECIFIED);
    CHECK_FAULT(&l.device_fault, IDE_E_RANDOM, "KEY_EXCHANGE_RSP", NULL);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    l.no_random = false;
    CU_ASSERT_EQUAL(send_request(REQ_LEN), 0);
    loopback_close(&l);
}

static void without_the_capability_it_is_refused(void)
{
    begin();
    l.responder_config.flags &= ~SPDM_CAP_KEY_EX;
    CU_ASSERT_EQUAL(send_request(REQ_LEN), SPDM_ERROR_UNSUPPORTED_REQUEST);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

static void a_requester_without_encryption_is_refused(void)
{
    begin();
    l.responder.spdm.connection.params.flags_requester &= ~SPDM_CAP_ENCRYPT;
    refuses(SPDM_ERROR_UNSUPPORTED_REQUEST, IDE_E_CAPABILITY, "ENCRYPT_CAP");
}

static void before_negotiation_it_is_refused(void)
{
    begin();
    session_responder_reset(&l.responder);
    const uint8_t *response;
    size_t len;
    CHECK_OK(loopback_send(&l, NULL, request, REQ_LEN, &response, &len));
    CU_ASSERT_EQUAL(response[1], SPDM_ERROR);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

static void a_small_buffer_gets_no_session(void)
{
    begin();
    uint8_t object[256], response[128];
    size_t len, response_len = 99;
    memcpy(object + DOE_HEADER_SIZE, request, REQ_LEN);
    len = doe_wrap(object, sizeof object, DOE_TYPE_CMA, REQ_LEN);
    for (size_t cap = 0; cap <= sizeof response; cap++) {
        CU_ASSERT_NOT_EQUAL(session_respond_object(&l.responder, object, len, response, cap, &response_len), IDE_OK);
        CU_ASSERT_TRUE(response_len <= cap);
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    }
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_good_request_begins_a_session),
        TEST(the_same_request_twice_has_two_ids),
        TEST(ids_differ_even_if_the_generator_repeats_itself),
        TEST(the_policy_is_kept),
        TEST(an_empty_slot_is_refused),
        TEST(an_opaque_length_beyond_the_limit_is_refused),
        TEST(no_common_record_version_is_refused),
        TEST(no_opaque_data_is_refused),
        TEST(a_point_off_the_curve_is_refused),
        TEST(each_truncation_is_refused),
        TEST(without_a_generator_it_fails_and_nothing_is_left),
        TEST(without_the_capability_it_is_refused),
        TEST(a_requester_without_encryption_is_refused),
        TEST(before_negotiation_it_is_refused),
        TEST(a_small_buffer_gets_no_session),
        CU_TEST_INFO_NULL,
    };
    return suite_run("a device's sessions", tests);
}
