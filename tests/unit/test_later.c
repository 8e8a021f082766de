/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A responder that is busy or not ready: ResponseNotReady, RESPOND_IF_READY and Busy in and out of sessions, in chunks,
 * in a handshake; and what each error inside becomes as an ERROR.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback loop;
static uint8_t requester_large[16384], device_large[32768];
static const uint8_t id[] = {1, 0};
static uint8_t payload[8000];

/* The device's owner: says no for a while to requests with this code, or to all with 0. */
static struct {
    uint8_t code;
    enum ide_err answer;
    unsigned times, asked;
    uint8_t token, seen;
} owner;

static enum ide_err ready(void *context, const struct spdm_request *request, uint8_t code, uint8_t token)
{
    (void)context, (void)request;
    if (owner.code != 0 && code != owner.code)
        return IDE_OK;
    if (owner.asked++ == 0)
        owner.token = token;
    owner.seen = token;
    return owner.asked <= owner.times ? owner.answer : IDE_OK;
}

static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *data, size_t len, struct writer *w)
{
    (void)context, (void)r, (void)request;
    write_bytes(w, data, len);
    return write_done(w);
}

static struct spdm_vendor vendor = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = {1}, .in_session = true,
                                    .out_session = true, .handle = echo};

static void open_loop(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&loop, KEY_EC_P256));
    loop.requester.large = (struct spdm_large){.data = requester_large, .cap = sizeof requester_large};
    loop.responder.spdm.connection.large = (struct spdm_large){.data = device_large, .cap = sizeof device_large};
    spdm_responder_add_vendor(&loop.responder.spdm, &vendor);
    loop.responder.spdm.ready = ready;
    loop.responder.spdm.ready_exponent = 13;
    memset(&owner, 0, sizeof owner);
}

static void not_ready(uint8_t code, unsigned times)
{
    owner.code = code;
    owner.answer = IDE_E_NOT_READY;
    owner.times = times;
    owner.asked = 0;
    loop.exchanges = 0;
    loop.now_ms = 0;
}

static void finish(void)
{
    loopback_close(&loop);
}

static bool nothing_pending(void)
{
    const struct spdm_responder *r = &loop.responder.spdm;
    for (size_t i = 0; i < sizeof r->connection.tx; i++)
        if (r->connection.tx[i] != 0)
            return false;
    return r->pending.len == 0 && !r->pending.session;
}

static enum ide_err exchange(const struct spdm_channel *channel, size_t len)
{
    const struct spdm_vendor_defined in = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = id,
                                           .payload_len = (uint16_t)len, .payload = payload};
    struct spdm_vendor_defined out = {0};
    const struct spdm_exchange e = {.request = &spdm_msg_vendor_defined_request, .in = &in,
                                    .response = &spdm_msg_vendor_defined_response, .out = &out};
    enum ide_err err = spdm_transact(&loop.requester, channel, &e, NULL, NULL);
    if (err == IDE_OK)
        CU_ASSERT_TRUE(out.payload_len == len && memcmp(out.payload, payload, len) == 0);
    return err;
}

static void a_response_is_asked_for_until_it_is_ready(void)
{
    open_loop();
    CHECK_OK(loopback_connect(&loop));
    for (unsigned times = 1; times < 5; times++) {
        not_ready(SPDM_GET_DIGESTS, times);
        CHECK_OK(spdm_get_digests(&loop.requester, NULL, NULL));
        CU_ASSERT_EQUAL(loop.exchanges, times + 1);
        CU_ASSERT_EQUAL(owner.asked, times + 1);
        CU_ASSERT_EQUAL(owner.token, owner.seen);
        CU_ASSERT_EQUAL(loop.now_ms, 9 * times); /* 2^13 us each, rounded up */
        CU_ASSERT_TRUE(nothing_pending());
    }
    finish();
}

/* The transcript is that of the request and its response: the signature over it holds. */
static void a_challenge_later(void)
{
    open_loop();
    CHECK_OK(loopback_connect(&loop));
    CHECK_OK(spdm_get_digests(&loop.requester, NULL, NULL));
    not_ready(SPDM_CHALLENGE, 2);
    CHECK_OK(spdm_challenge(&loop.requester));
    CU_ASSERT_EQUAL(owner.asked, 3);
    CU_ASSERT_TRUE(loop.requester.challenged);
    finish();
}

static void a_handshake_later(void)
{
    open_loop();
    CHECK_OK(loopback_connect(&loop));
    not_ready(0, 1);
    CHECK_OK(session_open(&loop.session, &loop.requester, &loop.transport));
    CU_ASSERT_EQUAL(loop.exchanges, 3);
    session_close(&loop.session);
    CHECK_OK(loopback_connect(&loop));
    not_ready(SPDM_FINISH, 2);
    CHECK_OK(session_open(&loop.session, &loop.requester, &loop.transport));
    CU_ASSERT_EQUAL(owner.asked, 3);
    not_ready(SPDM_KEY_UPDATE, 1);
    CHECK_OK(session_key_update(&loop.session, KEY_UPDATE_ALL));
    not_ready(SPDM_END_SESSION, 1);
    CHECK_OK(session_end(&loop.session));
    CU_ASSERT_TRUE(nothing_pending());
    finish();
}

static void busy_is_waited_for_in_a_handshake_too(void)
{
    open_loop();
    CHECK_OK(loopback_connect(&loop));
    not_ready(SPDM_FINISH, 3);
    owner.answer = IDE_E_BUSY;
    CHECK_OK(session_open(&loop.session, &loop.requester, &loop.transport));
    CU_ASSERT_EQUAL(loop.now_ms, 1 + 2 + 4);
    struct spdm_channel channel = session_channel(&loop.session);
    not_ready(SPDM_VENDOR_DEFINED_REQUEST, UINT32_MAX);
    owner.answer = IDE_E_BUSY;
    CHECK_ERR(exchange(&channel, 10), IDE_E_BUSY);
    CU_ASSERT_EQUAL(loop.exchanges, 1 + spdm_config_requester.busy_retries);
    /* a requester that gives up keeps its session */
    owner.times = 0;
    CHECK_OK(exchange(&channel, 10));
    finish();
}

static void a_peer_that_is_never_ready(void)
{
    open_loop();
    CHECK_OK(loopback_connect(&loop));
    not_ready(SPDM_VENDOR_DEFINED_REQUEST, UINT32_MAX);
    CHECK_ERR(exchange(&loop.requester.clear, 10), IDE_E_BUSY);
    CU_ASSERT_EQUAL(loop.requester.fault.peer_code, SPDM_ERROR_RESPONSE_NOT_READY);
    CU_ASSERT_EQUAL(loop.exchanges, 1 + spdm_config_requester.busy_retries);
    /* another request makes the device forget it */
    owner.times = 0;
    CHECK_OK(spdm_get_digests(&loop.requester, NULL, NULL));
    CU_ASSERT_TRUE(nothing_pending());
    finish();
}

static void large_messages_later(void)
{
    open_loop();
    CHECK_OK(loopback_session(&loop));
    struct spdm_channel channels[] = {loop.requester.clear, session_channel(&loop.session)};
    for (size_t i = 0; i < 2; i++) {
        /* what fits the device's buffer is kept there; else it is to be sent again */
        const size_t lengths[] = {4590, 4650, 8000};
        for (size_t k = 0; k < 3; k++) {
            not_ready(SPDM_VENDOR_DEFINED_REQUEST, 2);
            CHECK_OK(exchange(&channels[i], lengths[k]));
            CU_ASSERT_EQUAL(owner.asked, 3);
            CU_ASSERT_TRUE(nothing_pending());
        }
    }
    finish();
}

/* --- raw --- */

static const uint8_t *response;
static size_t response_len;

static enum ide_err send(struct session *s, const uint8_t *message, size_t len)
{
    CHECK_OK(loopback_send(&loop, s, message, len, &response, &response_len));
    return loop.device_err;
}

static bool refused(uint8_t version, uint8_t code, uint8_t data)
{
    const uint8_t want[] = {version, SPDM_ERROR, code, data};
    bool same = response_len >= 4 && memcmp(response, want, 4) == 0;
    if (!same)
        fprintf(stderr, "%02x %02x %02x %02x\n", response[0], response[1], response[2], response[3]);
    return same;
}

static enum ide_err respond_if_ready(struct session *s, uint8_t code, uint8_t token)
{
    const uint8_t message[] = {0x12, SPDM_RESPOND_IF_READY, code, token};
    return send(s, message, sizeof message);
}

static void a_wrong_question_changes_nothing(void)
{
    static const uint8_t get_digests[] = {0x12, SPDM_GET_DIGESTS, 0, 0}, get_version[] = {0x10, SPDM_GET_VERSION, 0, 0};
    open_loop();
    CHECK_OK(loopback_session(&loop));
    not_ready(SPDM_GET_DIGESTS, 1);
    CHECK_ERR(send(NULL, get_digests, 4), IDE_E_NOT_READY);
    const uint8_t wanted[] = {0x12, SPDM_ERROR, 0x42, 0, 13, SPDM_GET_DIGESTS, owner.token, 2};
    CU_ASSERT_TRUE(response_len == 8 && memcmp(response, wanted, 8) == 0);
    CHECK_ERR(respond_if_ready(NULL, SPDM_CHALLENGE, owner.token), IDE_E_FIELD);
    CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "RESPOND_IF_READY", "RequestCode");
    CU_ASSERT_TRUE(refused(0x12, SPDM_ERROR_INVALID_REQUEST, 0));
    CHECK_ERR(respond_if_ready(NULL, SPDM_GET_DIGESTS, (uint8_t)(owner.token + 1)), IDE_E_FIELD);
    CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "RESPOND_IF_READY", "Token");
    CHECK_ERR(respond_if_ready(&loop.session, SPDM_GET_DIGESTS, owner.token), IDE_E_STATE);
    CHECK_FAULT(&loop.device_fault, IDE_E_STATE, "RESPOND_IF_READY", "session");
    CU_ASSERT_TRUE(refused(0x12, SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CHECK_OK(respond_if_ready(NULL, SPDM_GET_DIGESTS, owner.token));
    CU_ASSERT_EQUAL(response[1], SPDM_DIGESTS);
    /* once */
    CHECK_ERR(respond_if_ready(NULL, SPDM_GET_DIGESTS, owner.token), IDE_E_STATE);
    /* the next one has another token, and GET_VERSION makes all forgotten */
    uint8_t first = owner.token;
    not_ready(SPDM_GET_DIGESTS, 1);
    CHECK_ERR(send(&loop.session, get_digests, 4), IDE_E_NOT_READY);
    CU_ASSERT_NOT_EQUAL(owner.token, first);
    CHECK_ERR(respond_if_ready(NULL, SPDM_GET_DIGESTS, owner.token), IDE_E_STATE);
    CHECK_OK(send(NULL, get_version, 4));
    CU_ASSERT_TRUE(nothing_pending());
    session_close(&loop.session);
    finish();
}

static void a_session_takes_its_pending_request_with_it(void)
{
    static const uint8_t get_digests[] = {0x12, SPDM_GET_DIGESTS, 0, 0};
    open_loop();
    CHECK_OK(loopback_session(&loop));
    not_ready(SPDM_GET_DIGESTS, 1);
    CHECK_ERR(send(&loop.session, get_digests, 4), IDE_E_NOT_READY);
    CU_ASSERT_FALSE(nothing_pending());
    loop.device_sessions[0].heartbeat_period = 1;
    loop.now_ms += 3000;
    session_responder_tick(&loop.responder);
    CU_ASSERT_TRUE(nothing_pending());
    session_close(&loop.session);
    finish();
}

/* Negotiation is never put off: it has no cryptography to wait for (DSP0274 1.2 §9.5). */
static void negotiation_does_not_wait(void)
{
    open_loop();
    not_ready(0, UINT32_MAX);
    CHECK_OK(spdm_negotiate(&loop.requester));
    CU_ASSERT_EQUAL(owner.asked, 0);
    finish();
}

/* --- the timeout --- */

static uint32_t waited;

static enum ide_err watch(void *context, struct spdm_connection *c, size_t request_len, const uint8_t **answer,
                          size_t *answer_len, uint32_t timeout_ms)
{
    (void)context, (void)c, (void)request_len, (void)answer, (void)answer_len;
    waited = timeout_ms;
    return IDE_E_TIMEOUT;
}

static void cryptography_has_its_time(void)
{
    const struct {
        uint8_t exponent;
        uint32_t longer;
    } rows[] = {{0, 1}, {10, 2}, {20, 1049}, {23, 8389}, {24, 8389}, {31, 8389}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        open_loop();
        loop.responder_config.ct_exponent = rows[i].exponent;
        CHECK_OK(loopback_connect(&loop));
        struct spdm_channel clear = loop.requester.clear;
        loop.requester.clear = (struct spdm_channel){.exchange = watch};
        CHECK_ERR(spdm_challenge(&loop.requester), IDE_E_TIMEOUT);
        CU_ASSERT_EQUAL(waited, 1000 + rows[i].longer);
        CHECK_ERR(spdm_get_digests(&loop.requester, NULL, NULL), IDE_E_TIMEOUT);
        CU_ASSERT_EQUAL(waited, 1000);
        loop.requester.clear = clear;
        finish();
    }
}

/* --- what each error becomes, and each code's name --- */

static void each_error_has_its_code(void)
{
    static const struct {
        enum ide_err err;
        uint8_t code;
    } rows[] = {
        {IDE_E_SHORT, 0x01}, {IDE_E_LONG, 0x01}, {IDE_E_FIELD, 0x01}, {IDE_E_NO_COMMON, 0x01},
        {IDE_E_NOT_OFFERED, 0x01}, {IDE_E_NO_CERT, 0x01}, {IDE_E_KEY, 0x01}, {IDE_E_BUSY, 0x03},
        {IDE_E_STATE, 0x04}, {IDE_E_UNEXPECTED, 0x04}, {IDE_E_CRYPTO, 0x05}, {IDE_E_RANDOM, 0x05},
        {IDE_E_INTERNAL, 0x05}, {IDE_E_RECORD, 0x06}, {IDE_E_SEQUENCE, 0x06}, {IDE_E_HMAC, 0x06},
        {IDE_E_SIGNATURE, 0x06}, {IDE_E_UNSUPPORTED, 0x07}, {IDE_E_CAPABILITY, 0x07}, {IDE_E_RESOURCES, 0x0a},
        {IDE_E_SESSION, 0x0b}, {IDE_E_SPACE, 0x0d}, {IDE_E_VERSION, 0x41}, {IDE_E_NOT_READY, 0x42},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        CU_ASSERT_EQUAL(spdm_error_for(rows[i].err), rows[i].code);
    CU_ASSERT_STRING_EQUAL(spdm_error_name(0x01), "InvalidRequest");
    CU_ASSERT_STRING_EQUAL(spdm_error_name(0x0f), "LargeResponse");
    CU_ASSERT_STRING_EQUAL(spdm_error_name(0x43), "RequestResynch");
    CU_ASSERT_STRING_EQUAL(spdm_error_name(0xff), "VendorDefinedError");
    CU_ASSERT_STRING_EQUAL(spdm_error_name(0x00), "reserved");
    CU_ASSERT_STRING_EQUAL(spdm_error_name(0x02), "reserved");
}

/* Whatever a peer refuses with ends the attempt with its code, and leaves the connection usable but for RequestResynch. */
static uint8_t said;

static void say(struct loopback *l, uint8_t *object, size_t *len)
{
    const uint8_t error[] = {0x12, SPDM_ERROR, said, 0x5a, 1, 2, 3, 4};
    l->on_response = NULL;
    memcpy(object + DOE_HEADER_SIZE, error, sizeof error);
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, sizeof error);
}

static void each_code_is_understood(void)
{
    for (unsigned code = 0; code < 256; code++) {
        open_loop();
        CHECK_OK(loopback_connect(&loop));
        said = (uint8_t)code;
        loop.on_response = say;
        enum ide_err err = spdm_get_digests(&loop.requester, NULL, NULL);
        switch (code) {
        case SPDM_ERROR_BUSY:
        case SPDM_ERROR_REQUEST_IN_FLIGHT:
            CHECK_OK(err);
            break;
        case SPDM_ERROR_RESPONSE_NOT_READY: /* for another request */
            CHECK_ERR(err, IDE_E_FIELD);
            break;
        case SPDM_ERROR_LARGE_RESPONSE: /* and then there is none */
            CHECK_ERR(err, IDE_E_PEER_ERROR);
            CU_ASSERT_EQUAL(loop.requester.fault.peer_code, SPDM_ERROR_UNEXPECTED_REQUEST);
            break;
        default:
            CHECK_ERR(err, IDE_E_PEER_ERROR);
            CU_ASSERT_EQUAL(loop.requester.fault.peer_code, code);
            CU_ASSERT_EQUAL(loop.requester.fault.peer_data, 0x5a);
        }
        CU_ASSERT_EQUAL(loop.requester.state == SPDM_NOT_STARTED, code == SPDM_ERROR_REQUEST_RESYNCH);
        finish();
    }
}

/* A device that was reset says so in the version that the requester believes in, which then begins anew. */
static void a_device_that_lost_its_state(void)
{
    open_loop();
    CHECK_OK(loopback_session(&loop));
    session_responder_reset(&loop.responder);
    CHECK_ERR(spdm_get_digests(&loop.requester, NULL, NULL), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(loop.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    CU_ASSERT_EQUAL(loop.requester.state, SPDM_NOT_STARTED);
    session_close(&loop.session);
    CHECK_OK(loopback_session(&loop));
    /* a version that the device never had gives nothing away */
    session_responder_reset(&loop.responder);
    static const uint8_t strange[] = {0x99, SPDM_GET_DIGESTS, 0, 0}, request[] = {0x12, SPDM_GET_DIGESTS, 0, 0};
    CHECK_ERR(send(NULL, strange, 4), IDE_E_STATE);
    CU_ASSERT_TRUE(refused(0x10, SPDM_ERROR_REQUEST_RESYNCH, 0));
    CHECK_ERR(send(NULL, request, 4), IDE_E_STATE);
    CU_ASSERT_TRUE(refused(0x12, SPDM_ERROR_REQUEST_RESYNCH, 0));
    session_close(&loop.session);
    finish();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_response_is_asked_for_until_it_is_ready),
        TEST(a_challenge_later),
        TEST(a_handshake_later),
        TEST(busy_is_waited_for_in_a_handshake_too),
        TEST(a_peer_that_is_never_ready),
        TEST(large_messages_later),
        TEST(a_wrong_question_changes_nothing),
        TEST(a_session_takes_its_pending_request_with_it),
        TEST(negotiation_does_not_wait),
        TEST(cryptography_has_its_time),
        TEST(each_error_has_its_code),
        TEST(each_code_is_understood),
        TEST(a_device_that_lost_its_state),
        CU_TEST_INFO_NULL,
    };
    return suite_run("later", tests);
}
