/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions from a key that both sides have: PSK_EXCHANGE and PSK_FINISH, and what is refused in them. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;

static const uint8_t hint[] = "the hint", secret[] = "the secret", other_secret[] = "another secret";
static const struct session_psk the_psk = {hint, sizeof hint, secret, sizeof secret};
static const struct session_psk device_psks[] = {
    {NULL, 0, other_secret, sizeof other_secret},
    {hint, sizeof hint, secret, sizeof secret},
};

static void begin_version(uint32_t device_psk_cap, uint8_t version)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.requester_config.flags |= SPDM_CAP_PSK;
    l.responder_config.flags |= device_psk_cap;
    l.requester_config.version_min = l.requester_config.version_max = version;
    l.responder_config.version_min = l.responder_config.version_max = version;
    l.responder.psks = device_psks;
    l.responder.psk_count = 2;
    CHECK_OK(spdm_negotiate(&l.requester));
}

static void begin(uint32_t device_psk_cap)
{
    begin_version(device_psk_cap, SPDM_VERSION_12);
}

static enum ide_err open_psk(const struct session_psk *psk)
{
    return session_open_psk(&l.session, &l.requester, &l.transport, psk);
}

static void opens(uint32_t device_psk_cap, uint8_t version, unsigned exchanges)
{
    begin_version(device_psk_cap, version);
    unsigned before = l.exchanges;
    CHECK_OK(open_psk(&the_psk));
    CU_ASSERT_EQUAL(l.exchanges - before, exchanges);
    CU_ASSERT_EQUAL(l.session.state, SESSION_ESTABLISHED);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_ESTABLISHED);
    CU_ASSERT_EQUAL(l.session.id, l.device_sessions[0].id);
    CU_ASSERT_EQUAL(memcmp(l.session.keys.export_secret, l.device_sessions[0].keys.export_secret, 32), 0);
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_REQUESTER));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    loopback_close(&l);
}

static void opens_with_a_context_of_the_device(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++)
        opens(SPDM_CAP_PSK_CONTEXT, version, 2);
}

static void opens_without_a_context_in_one_exchange(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++)
        opens(SPDM_CAP_PSK, version, 1);
}

static void an_empty_hint_finds_the_key_without_one(void)
{
    const struct session_psk nameless = {NULL, 0, other_secret, sizeof other_secret};
    begin(SPDM_CAP_PSK_CONTEXT);
    CHECK_OK(open_psk(&nameless));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    loopback_close(&l);
}

static void both_kinds_of_session_live_side_by_side(void)
{
    struct session other;
    begin(SPDM_CAP_PSK_CONTEXT);
    CHECK_OK(loopback_connect(&l));
    CHECK_OK(open_psk(&the_psk));
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &other));
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &other));
    CHECK_OK(session_end(&other));
    loopback_close(&l);
}

static void heartbeats_keep_it_alive(void)
{
    begin(SPDM_CAP_PSK);
    l.responder.heartbeat_period = 5;
    l.now_ms = 100000;
    CHECK_OK(open_psk(&the_psk));
    CU_ASSERT_EQUAL(session_heartbeat_due(&l.session), l.now_ms + 5000);
    for (unsigned i = 0; i < 4; i++) {
        l.now_ms += 5000;
        CHECK_OK(session_heartbeat(&l.session));
        session_responder_tick(&l.responder);
    }
    l.now_ms += 10001;
    session_responder_tick(&l.responder);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_EQUAL(l.ended, 1);
    loopback_close(&l);
}

/* --- refusals --- */

static void an_unknown_hint_is_refused(void)
{
    static const uint8_t unknown[] = "the hint!";
    const struct session_psk psks[] = {{unknown, sizeof unknown, secret, sizeof secret},
                                       {hint, sizeof hint - 1, secret, sizeof secret}};
    for (size_t i = 0; i < 2; i++) {
        begin(SPDM_CAP_PSK_CONTEXT);
        CHECK_ERR(open_psk(&psks[i]), IDE_E_PEER_ERROR);
        CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
        CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "PSK_EXCHANGE", "PSKHint");
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

static void another_key_does_not_match(void)
{
    const struct session_psk wrong = {hint, sizeof hint, other_secret, sizeof other_secret};
    begin(SPDM_CAP_PSK_CONTEXT);
    CHECK_ERR(open_psk(&wrong), IDE_E_HMAC);
    CHECK_FAULT(&l.requester.fault, IDE_E_HMAC, "PSK_EXCHANGE_RSP", "ResponderVerifyData");
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void an_empty_key_is_refused(void)
{
    const struct session_psk empty = {hint, sizeof hint, secret, 0};
    begin(SPDM_CAP_PSK_CONTEXT);
    unsigned before = l.exchanges;
    CHECK_ERR(open_psk(&empty), IDE_E_ARGUMENT);
    CU_ASSERT_EQUAL(l.exchanges, before);
    loopback_close(&l);
}

static void without_the_capability_nothing_is_sent(void)
{
    begin(0);
    unsigned before = l.exchanges;
    CHECK_ERR(open_psk(&the_psk), IDE_E_CAPABILITY);
    CHECK_FAULT(&l.requester.fault, IDE_E_CAPABILITY, "session", "PSK_CAP");
    CU_ASSERT_EQUAL(l.exchanges, before);
    loopback_close(&l);
}

static void more_than_the_device_has_are_refused(void)
{
    struct session second, third;
    begin(SPDM_CAP_PSK);
    CHECK_OK(open_psk(&the_psk));
    CHECK_OK(session_open_psk(&second, &l.requester, &l.transport, &the_psk));
    CHECK_ERR(session_open_psk(&third, &l.requester, &l.transport, &the_psk), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_SESSION_LIMIT_EXCEEDED);
    CHECK_FAULT(&l.device_fault, IDE_E_RESOURCES, "PSK_EXCHANGE", "session");
    session_close(&second);
    loopback_close(&l);
}

/* PSK_EXCHANGE_RSP with a context of the device: header, id, reserved, lengths, context, opaque, verify data. */
enum {
    RSP_HEARTBEAT = DOE_HEADER_SIZE + 2,
    RSP_CONTEXT_LEN = DOE_HEADER_SIZE + 8,
    RSP_OPAQUE_LEN = DOE_HEADER_SIZE + 10,
    RSP_CONTEXT = DOE_HEADER_SIZE + 12,
    RSP_SELECTED = RSP_CONTEXT + 32 + 10,
    RSP_VERIFY_DATA = RSP_CONTEXT + 32 + 12,
    RSP_END = RSP_VERIFY_DATA + 32,
};

struct change {
    size_t at;
    uint8_t mask;
    size_t cut;   /* to so many bytes of payload; 0: not */
};

static void change_rsp(struct loopback *loop, uint8_t *object, size_t *len)
{
    const struct change *change = loop->hook_context;
    if (object[2] != DOE_TYPE_CMA || object[DOE_HEADER_SIZE + 1] != SPDM_PSK_EXCHANGE_RSP)
        return;
    CU_ASSERT_EQUAL(*len, RSP_END);
    object[change->at] ^= change->mask;
    if (change->cut)
        *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, change->cut);
}

static void refuses(struct change change, enum ide_err err, const char *field)
{
    begin(SPDM_CAP_PSK_CONTEXT);
    l.on_response = change_rsp;
    l.hook_context = &change;
    CHECK_ERR(open_psk(&the_psk), err);
    CHECK_FAULT(&l.requester.fault, err, "PSK_EXCHANGE_RSP", field);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void an_altered_response_does_not_match_its_hmac(void)
{
    static const size_t places[] = {RSP_HEARTBEAT, DOE_HEADER_SIZE + 3, DOE_HEADER_SIZE + 4, DOE_HEADER_SIZE + 6,
                                    RSP_CONTEXT, RSP_SELECTED - 1 + 1, RSP_VERIFY_DATA, RSP_END - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        refuses((struct change){.at = places[i], .mask = 0x01}, IDE_E_HMAC, "ResponderVerifyData");
}

static void an_unoffered_record_version_is_refused(void)
{
    refuses((struct change){.at = RSP_SELECTED + 1, .mask = 0x30}, IDE_E_NOT_OFFERED, "SelectedVersion");
}

static void each_truncation_is_short(void)
{
    for (size_t cut = 4; cut + DOE_HEADER_SIZE < RSP_END; cut += 4) {
        struct change change = {.at = DOE_HEADER_SIZE + 6, .cut = cut};
        begin(SPDM_CAP_PSK_CONTEXT);
        l.on_response = change_rsp;
        l.hook_context = &change;
        CHECK_ERR(open_psk(&the_psk), IDE_E_SHORT);
        loopback_close(&l);
    }
}

static void lengths_that_wrap_are_refused(void)
{
    refuses((struct change){.at = RSP_CONTEXT_LEN + 1, .mask = 0xff}, IDE_E_SHORT, "ResponderContext");
    refuses((struct change){.at = RSP_OPAQUE_LEN + 1, .mask = 0x08}, IDE_E_FIELD, "OpaqueDataLength");
}

/* What the device said of a context in CAPABILITIES it must keep to. */
static void a_context_that_was_not_announced_is_refused(void)
{
    begin(SPDM_CAP_PSK_CONTEXT);
    l.requester.params.flags_responder ^= SPDM_CAP_PSK_MASK;
    CHECK_ERR(open_psk(&the_psk), IDE_E_FIELD);
    CHECK_FAULT(&l.requester.fault, IDE_E_FIELD, "PSK_EXCHANGE_RSP", "ResponderContextLength");
    loopback_close(&l);
    begin(SPDM_CAP_PSK);
    l.requester.params.flags_responder ^= SPDM_CAP_PSK_MASK;
    CHECK_ERR(open_psk(&the_psk), IDE_E_FIELD);
    loopback_close(&l);
}

/* A session whose PSK_EXCHANGE is done and whose PSK_FINISH has been lost. */
static struct session half_open;

static void copy_session(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (object[2] != DOE_TYPE_SECURED_CMA)
        return;
    half_open = loop->session;
    half_open.request.sequence = 0;
    *len = 0;
}

static void begin_half_open(void)
{
    begin(SPDM_CAP_PSK_CONTEXT);
    l.on_request = copy_session;
    CHECK_ERR(open_psk(&the_psk), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    CU_ASSERT_EQUAL(half_open.state, SESSION_HANDSHAKE);
}

static void check_refusal(struct session *s, const void *message, size_t len, uint8_t code)
{
    const uint8_t *response;
    size_t response_len = 0;
    CHECK_OK(loopback_send(&l, s, message, len, &response, &response_len));
    CU_ASSERT_TRUE(response_len >= 4 && response[1] == SPDM_ERROR && response[2] == code);
}

static void wrong_requester_verify_data_ends_the_handshake(void)
{
    const uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_PSK_FINISH};
    begin_half_open();
    check_refusal(&half_open, finish, sizeof finish, SPDM_ERROR_DECRYPT_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_HMAC, "PSK_FINISH", "RequesterVerifyData");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_EQUAL(l.ended, 1);
    loopback_close(&l);
}

/* CVE-2023-31127: a handshake is finished by its own message only. */
static void finish_does_not_finish_a_psk_handshake(void)
{
    static const uint8_t codes[] = {SPDM_FINISH, SPDM_HEARTBEAT, SPDM_KEY_UPDATE, SPDM_END_SESSION, SPDM_GET_DIGESTS,
                                    SPDM_VENDOR_DEFINED_REQUEST, SPDM_PSK_EXCHANGE, 0};
    begin_half_open();
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint8_t request[4 + 32] = {SPDM_VERSION_12, codes[i], 1};
        check_refusal(&half_open, request, sizeof request, SPDM_ERROR_UNEXPECTED_REQUEST);
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
        CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
    }
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "session", "PSK_FINISH");
    loopback_close(&l);
}

static void psk_finish_only_after_psk_exchange(void)
{
    const uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_PSK_FINISH};
    begin(SPDM_CAP_PSK_CONTEXT);
    check_refusal(NULL, finish, sizeof finish, SPDM_ERROR_SESSION_REQUIRED);
    CHECK_OK(open_psk(&the_psk));
    check_refusal(&l.session, finish, sizeof finish, SPDM_ERROR_UNEXPECTED_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "PSK_FINISH", NULL);
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    loopback_close(&l);
}

static void a_device_without_context_knows_no_psk_finish(void)
{
    const uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_PSK_FINISH};
    begin(SPDM_CAP_PSK);
    CHECK_OK(open_psk(&the_psk));
    check_refusal(&l.session, finish, sizeof finish, SPDM_ERROR_UNSUPPORTED_REQUEST);
    loopback_close(&l);
}

static void psk_finish_does_not_finish_a_key_exchange(void)
{
    const uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_PSK_FINISH};
    begin(SPDM_CAP_PSK_CONTEXT);
    l.on_request = copy_session;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    l.on_request = NULL;
    check_refusal(&half_open, finish, sizeof finish, SPDM_ERROR_UNEXPECTED_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "session", "FINISH");
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
    loopback_close(&l);
}

/* --- the device against wrong requests --- */

static uint8_t request[256];
static size_t request_len;

static void keep(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    request_len = *len - DOE_HEADER_SIZE;
    memcpy(request, object + DOE_HEADER_SIZE, request_len);
    *len = 0;
}

static uint8_t send_request(size_t len)
{
    const uint8_t *response;
    size_t response_len = 0;
    CHECK_OK(loopback_send(&l, NULL, request, len, &response, &response_len));
    return response[1] == SPDM_ERROR ? response[2] : 0;
}

static void begin_request(void)
{
    begin(SPDM_CAP_PSK_CONTEXT);
    l.on_request = keep;
    CHECK_ERR(open_psk(&the_psk), IDE_E_TIMEOUT);
    l.on_request = NULL;
}

static void each_truncated_request_is_refused(void)
{
    begin_request();
    const size_t whole = 12 + sizeof hint + 32 + 20;
    for (size_t len = 4; len < whole; len++) {
        CU_ASSERT_EQUAL(send_request(len), SPDM_ERROR_INVALID_REQUEST);
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    }
    CU_ASSERT_EQUAL(send_request(whole), 0);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    loopback_close(&l);
}

static void each_length_of_a_request_is_bounded(void)
{
    static const uint16_t lengths[] = {0, 1, 0x7fff, 0xfff0, 0xffff};
    for (size_t field = 6; field <= 10; field += 2) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            begin_request();
            request[field] = (uint8_t)lengths[i];
            request[field + 1] = (uint8_t)(lengths[i] >> 8);
            CU_ASSERT_EQUAL(send_request(request_len), SPDM_ERROR_INVALID_REQUEST);
            CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
            CU_ASSERT_EQUAL(l.device_sessions[0].keys.stage, KEY_STAGE_NONE);
            loopback_close(&l);
        }
    }
}

static void the_policy_is_kept(void)
{
    begin_request();
    request[3] = 1;
    CU_ASSERT_EQUAL(send_request(request_len), 0);
    CU_ASSERT_EQUAL(l.device_sessions[0].session_policy, 1);
    loopback_close(&l);
}

static void without_a_generator_nothing_is_left(void)
{
    begin_request();
    l.no_random = true;
    CU_ASSERT_EQUAL(send_request(request_len), SPDM_ERROR_UNSPECIFIED);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CHECK_ERR(open_psk(&the_psk), IDE_E_RANDOM);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(opens_with_a_context_of_the_device),
        TEST(opens_without_a_context_in_one_exchange),
        TEST(an_empty_hint_finds_the_key_without_one),
        TEST(both_kinds_of_session_live_side_by_side),
        TEST(heartbeats_keep_it_alive),
        TEST(an_unknown_hint_is_refused),
        TEST(another_key_does_not_match),
        TEST(an_empty_key_is_refused),
        TEST(without_the_capability_nothing_is_sent),
        TEST(more_than_the_device_has_are_refused),
        TEST(an_altered_response_does_not_match_its_hmac),
        TEST(an_unoffered_record_version_is_refused),
        TEST(each_truncation_is_short),
        TEST(lengths_that_wrap_are_refused),
        TEST(a_context_that_was_not_announced_is_refused),
        TEST(wrong_requester_verify_data_ends_the_handshake),
        TEST(finish_does_not_finish_a_psk_handshake),
        TEST(psk_finish_only_after_psk_exchange),
        TEST(a_device_without_context_knows_no_psk_finish),
        TEST(psk_finish_does_not_finish_a_key_exchange),
        TEST(each_truncated_request_is_refused),
        TEST(each_length_of_a_request_is_bounded),
        TEST(the_policy_is_kept),
        TEST(without_a_generator_nothing_is_left),
        CU_TEST_INFO_NULL,
    };
    return suite_run("sessions from a PSK", tests);
}
