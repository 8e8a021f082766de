/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sessions of both roles against each other: the handshake and what is refused in it, life and end. */
#include "check.h"
#include "device_identity.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

#include <stdlib.h>

static struct loopback l;

static void begin(enum key_type curve)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, curve));
}

static void begin_session(void)
{
    begin(KEY_EC_P256);
    CHECK_OK(loopback_session(&l));
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

/* Both sides have what they had before, and a new attempt works. */
static void check_next_attempt(void)
{
    l.on_request = l.on_response = NULL;
    l.fail = IDE_OK;
    l.no_random = false;
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    loopback_close(&l);
}

/* --- the handshake --- */

static void opens_with(enum key_type curve, uint16_t aead, uint8_t hash_size)
{
    begin(curve);
    l.responder_config.aead = aead;
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_EQUAL(l.session.state, SESSION_ESTABLISHED);
    CU_ASSERT_EQUAL(l.requester.params.hash->size, hash_size);
    CU_ASSERT_EQUAL(l.session.secured_version, 0x1200);
    const struct session *device = &l.device_sessions[0];
    CU_ASSERT_EQUAL(device->state, SESSION_ESTABLISHED);
    CU_ASSERT_EQUAL(device->id, l.session.id);
    CU_ASSERT_NOT_EQUAL(l.session.id & 0xffff, 0);
    CU_ASSERT_NOT_EQUAL(l.session.id >> 16, 0);
    CU_ASSERT_EQUAL(memcmp(device->keys.export_secret, l.session.keys.export_secret, hash_size), 0);
    CU_ASSERT_FALSE(all_zero(l.session.keys.export_secret, hash_size));
    CU_ASSERT_EQUAL(l.session.request.sequence, 0);
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CU_ASSERT_EQUAL(l.session.request.sequence, 1);
    CU_ASSERT_EQUAL(device->response.sequence, 1);
    loopback_close(&l);
}

static void opens_with_each_algorithm(void)
{
    opens_with(KEY_EC_P256, SPDM_AEAD_AES_128_GCM, 32);
    opens_with(KEY_EC_P384, SPDM_AEAD_AES_256_GCM, 48);
    opens_with(KEY_EC_P384, SPDM_AEAD_CHACHA20_POLY1305, 48);
}

/* The whole way: certificates, CHALLENGE, session. */
static void opens_after_authentication(void)
{
    static struct device_identity identity;
    CU_ASSERT_TRUE_FATAL(device_identity_make(&identity, "session", "P-384", HASH_SHA384));
    begin(KEY_EC_P384);
    l.responder.spdm.slots[0] =
        (struct spdm_slot){.chain = identity.chain, .chain_len = identity.chain_len, .key = &identity.key};
    CHECK_OK(spdm_authenticate(&l.requester, 0, &identity.trust));
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CHECK_OK(session_end(&l.session));
    loopback_close(&l);
}

static void ends_when_asked(void)
{
    begin_session();
    uint32_t id = l.session.id;
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    CU_ASSERT_EQUAL(l.ended, 1);
    CU_ASSERT_EQUAL(l.ended_id, id);
    CHECK_ERR(session_end(&l.session), IDE_E_SESSION);
    CHECK_ERR(session_heartbeat(&l.session), IDE_E_SESSION);
    check_next_attempt();
}

static void a_zeroed_session_is_safe(void)
{
    struct session s = {0};
    session_close(&s);
    CHECK_ERR(session_end(&s), IDE_E_SESSION);
    CHECK_ERR(session_heartbeat(&s), IDE_E_SESSION);
    CHECK_ERR(session_key_update(&s, KEY_UPDATE_ALL), IDE_E_SESSION);
    CU_ASSERT_EQUAL(session_heartbeat_due(&s), UINT64_MAX);
}

static void two_sessions_live_side_by_side(void)
{
    struct session other;
    begin_session();
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    CU_ASSERT_NOT_EQUAL(other.id, l.session.id);
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &other));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &other));
    CHECK_OK(session_end(&other));
    CU_ASSERT_EQUAL(l.ended, 2);
    check_next_attempt();
}

static void more_than_the_device_has_are_refused(void)
{
    struct session second, third;
    begin_session();
    CHECK_OK(session_open(&second, &l.requester, &l.transport));
    CHECK_ERR(session_open(&third, &l.requester, &l.transport), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_SESSION_LIMIT_EXCEEDED);
    CHECK_FAULT(&l.device_fault, IDE_E_RESOURCES, "KEY_EXCHANGE", "session");
    CU_ASSERT_TRUE(loopback_is_wiped(&third));
    CU_ASSERT_TRUE(loopback_is_usable(&l, &second));
    CHECK_OK(session_end(&second));
    CHECK_OK(session_open(&third, &l.requester, &l.transport));
    session_close(&third);
    loopback_close(&l);
}

static void an_unverified_peer_is_refused(void)
{
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    unsigned before = l.exchanges;
    l.requester.peer_verified = false;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_STATE);
    CHECK_FAULT(&l.requester.fault, IDE_E_STATE, "session", "peer");
    CU_ASSERT_EQUAL(l.exchanges, before);
    check_next_attempt();
}

static void before_1_1_there_are_no_sessions(void)
{
    begin(KEY_EC_P256);
    l.requester_config.version_min = l.responder_config.version_min = SPDM_VERSION_10;
    l.responder_config.version_max = SPDM_VERSION_10;
    CHECK_OK(spdm_negotiate(&l.requester));
    CU_ASSERT_EQUAL(l.requester.params.version, SPDM_VERSION_10);
    l.requester.peer_verified = true;
    unsigned before = l.exchanges;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_VERSION);
    CHECK_FAULT(&l.requester.fault, IDE_E_VERSION, "session", "SPDMVersion");
    CU_ASSERT_TRUE(l.requester.fault.got == SPDM_VERSION_10 && l.requester.fault.want == SPDM_VERSION_11);
    CU_ASSERT_EQUAL(l.exchanges, before);
    loopback_close(&l);
}

static void before_negotiation_is_refused(void)
{
    begin(KEY_EC_P256);
    l.requester.peer_verified = true;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_STATE);
    CHECK_FAULT(&l.requester.fault, IDE_E_STATE, "session", NULL);
    CU_ASSERT_EQUAL(l.exchanges, 0);
    check_next_attempt();
}

static void a_device_without_the_capability_is_refused(void)
{
    static const struct {
        uint32_t flag;
        const char *name;
    } rows[] = {
        {SPDM_CAP_KEY_EX, "KEY_EX_CAP"}, {SPDM_CAP_ENCRYPT, "ENCRYPT_CAP"}, {SPDM_CAP_MAC, "MAC_CAP"}};
    for (size_t i = 0; i < 3; i++) {
        begin(KEY_EC_P256);
        CHECK_OK(loopback_connect(&l));
        l.requester.params.flags_responder &= ~rows[i].flag;
        CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_CAPABILITY);
        CHECK_FAULT(&l.requester.fault, IDE_E_CAPABILITY, "session", rows[i].name);
        check_next_attempt();
    }
}

static void without_a_generator_nothing_is_sent(void)
{
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    unsigned before = l.exchanges;
    l.no_random = true;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_RANDOM);
    CU_ASSERT_EQUAL(l.exchanges, before);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    check_next_attempt();
}

/* --- KEY_EXCHANGE_RSP altered --- */

/* Where its fields are in the object, for P-256 without a summary. */
enum {
    RSP_HEARTBEAT = DOE_HEADER_SIZE + 2,
    RSP_MUT_AUTH = DOE_HEADER_SIZE + 6,
    RSP_RANDOM = DOE_HEADER_SIZE + 8,
    RSP_EXCHANGE_DATA = RSP_RANDOM + 32,
    RSP_OPAQUE = RSP_EXCHANGE_DATA + 64 + 2,
    RSP_ELEMENTS = RSP_OPAQUE,
    RSP_DATA_ID = RSP_OPAQUE + 9,
    RSP_SELECTED = RSP_OPAQUE + 10,
    RSP_SIGNATURE = RSP_OPAQUE + 12,
    RSP_VERIFY_DATA = RSP_SIGNATURE + 64,
    RSP_END = RSP_VERIFY_DATA + 32,
};

struct change {
    size_t at;
    uint8_t mask;    /* what is flipped */
    bool sign;       /* the device signs it so */
};

static void change_key_exchange_rsp(struct loopback *loop, uint8_t *object, size_t *len)
{
    const struct change *change = loop->hook_context;
    if (object[2] != DOE_TYPE_CMA || object[DOE_HEADER_SIZE + 1] != SPDM_KEY_EXCHANGE_RSP)
        return;
    CU_ASSERT_TRUE_FATAL(change->at < *len);
    object[change->at] ^= change->mask;
    if (change->sign)
        CU_ASSERT_TRUE(loopback_sign_again(loop, object));
}

static void refuses(struct change change, enum ide_err err, const char *field)
{
    begin(KEY_EC_P256);
    l.on_response = change_key_exchange_rsp;
    l.hook_context = &change;
    CHECK_ERR(loopback_session(&l), err);
    CHECK_FAULT(&l.requester.fault, err, "KEY_EXCHANGE_RSP", field);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    check_next_attempt();
}

static void the_layout_is_as_thought(void)
{
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    struct change none = {.at = RSP_END - 1};
    l.on_response = change_key_exchange_rsp;
    l.hook_context = &none;
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    loopback_close(&l);
}

static void an_altered_response_does_not_match_its_signature(void)
{
    static const size_t places[] = {RSP_HEARTBEAT, DOE_HEADER_SIZE + 3, DOE_HEADER_SIZE + 4, RSP_MUT_AUTH,
                                    RSP_RANDOM,    RSP_EXCHANGE_DATA,   RSP_SELECTED,        RSP_SIGNATURE,
                                    RSP_VERIFY_DATA - 1};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        refuses((struct change){places[i], 0x01, false}, IDE_E_SIGNATURE, "Signature");
}

static void a_foreign_key_signs_in_vain(void)
{
    struct loopback *other = malloc(sizeof *other);
    CU_ASSERT_PTR_NOT_NULL_FATAL(other);
    CU_ASSERT_TRUE(loopback_open(other, KEY_EC_P256));
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    l.requester.peer.key = other->public_key;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_SIGNATURE);
    CHECK_FAULT(&l.requester.fault, IDE_E_SIGNATURE, "KEY_EXCHANGE_RSP", "Signature");
    loopback_close(other);
    free(other);
    check_next_attempt();
}

static void another_chain_does_not_match_the_signature(void)
{
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    l.requester.chain_hash[0] ^= 1;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_SIGNATURE);
    check_next_attempt();
}

static void altered_negotiation_does_not_match_the_signature(void)
{
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    l.requester.vca[9] ^= 1;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_SIGNATURE);
    check_next_attempt();
}

static void wrong_verify_data_is_refused(void)
{
    refuses((struct change){RSP_VERIFY_DATA, 0x80, false}, IDE_E_HMAC, "ResponderVerifyData");
    refuses((struct change){RSP_END - 1, 0x01, false}, IDE_E_HMAC, "ResponderVerifyData");
    /* the device signs another transcript than it keyed with */
    refuses((struct change){RSP_RANDOM, 0x01, true}, IDE_E_HMAC, "ResponderVerifyData");
}

static void mutual_authentication_was_not_offered(void)
{
    refuses((struct change){RSP_MUT_AUTH, 0x01, true}, IDE_E_NOT_OFFERED, "MutAuthRequested");
    refuses((struct change){RSP_MUT_AUTH, 0x02, true}, IDE_E_NOT_OFFERED, "MutAuthRequested");
    refuses((struct change){RSP_MUT_AUTH, 0x80, true}, IDE_E_NOT_OFFERED, "MutAuthRequested");
}

static void an_unoffered_record_version_is_refused(void)
{
    refuses((struct change){RSP_SELECTED + 1, 0x01, true}, IDE_E_NOT_OFFERED, "SelectedVersion");   /* 1.3 */
    refuses((struct change){RSP_SELECTED + 1, 0x30, true}, IDE_E_NOT_OFFERED, "SelectedVersion");   /* 2.2 */
}

static void no_record_version_is_refused(void)
{
    refuses((struct change){RSP_ELEMENTS, 0x01, true}, IDE_E_FIELD, "SelectedVersion");
    refuses((struct change){RSP_DATA_ID, 0x02, true}, IDE_E_FIELD, "SelectedVersion");
}

static void a_point_off_the_curve_is_refused(void)
{
    refuses((struct change){RSP_EXCHANGE_DATA, 0x01, true}, IDE_E_KEY, "ExchangeData");
}

static void a_heartbeat_that_was_not_offered_is_refused(void)
{
    struct change change = {RSP_HEARTBEAT, 0x05, true};
    begin(KEY_EC_P256);
    l.requester_config.flags &= ~SPDM_CAP_HBEAT;
    l.on_response = change_key_exchange_rsp;
    l.hook_context = &change;
    CHECK_ERR(loopback_session(&l), IDE_E_NOT_OFFERED);
    CHECK_FAULT(&l.requester.fault, IDE_E_NOT_OFFERED, "KEY_EXCHANGE_RSP", "HeartbeatPeriod");
    check_next_attempt();
}

static size_t cut_to;

static void cut_key_exchange_rsp(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    if (object[2] == DOE_TYPE_CMA && object[DOE_HEADER_SIZE + 1] == SPDM_KEY_EXCHANGE_RSP)
        *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, cut_to);
}

static void each_truncation_is_short(void)
{
    for (cut_to = 4; cut_to + DOE_HEADER_SIZE < RSP_END; cut_to += 4) {
        begin(KEY_EC_P256);
        l.on_response = cut_key_exchange_rsp;
        CHECK_ERR(loopback_session(&l), IDE_E_SHORT);
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

/* --- FINISH --- */

static void flip_in_record(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (object[2] == DOE_TYPE_SECURED_CMA)
        object[*len - 8] ^= 1;
    (void)loop;
}

static void an_altered_finish_ends_the_handshake(void)
{
    begin(KEY_EC_P256);
    l.on_request = flip_in_record;
    CHECK_ERR(loopback_session(&l), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_DECRYPT_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_EQUAL(l.ended, 1);
    check_next_attempt();
}

static void an_altered_finish_rsp_is_refused(void)
{
    begin(KEY_EC_P256);
    l.on_response = flip_in_record;
    CHECK_ERR(loopback_session(&l), IDE_E_RECORD);
    CHECK_FAULT(&l.requester.fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    check_next_attempt();
}

/* A session whose KEY_EXCHANGE is done and whose FINISH has been lost: the requester's keys are copied by the hook. */
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
    begin(KEY_EC_P256);
    l.on_request = copy_session;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    CU_ASSERT_EQUAL(half_open.state, SESSION_HANDSHAKE);
}

/* The device answers with an ERROR of that code within the session. */
static void check_refusal(const void *message, size_t len, uint8_t code)
{
    const uint8_t *response;
    size_t response_len = 0;
    CHECK_OK(loopback_send(&l, &half_open, message, len, &response, &response_len));
    CU_ASSERT_TRUE(response_len >= 4 && response[1] == SPDM_ERROR && response[2] == code);
}

static void wrong_requester_verify_data_ends_the_handshake(void)
{
    begin_half_open();
    uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_FINISH};
    check_refusal(finish, sizeof finish, SPDM_ERROR_DECRYPT_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_HMAC, "FINISH", "RequesterVerifyData");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    CU_ASSERT_EQUAL(l.ended, 1);
    check_next_attempt();
}

static void a_signature_that_was_not_asked_for_ends_the_handshake(void)
{
    begin_half_open();
    uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_FINISH, SPDM_FINISH_SIGNED};
    check_refusal(finish, sizeof finish, SPDM_ERROR_INVALID_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_NOT_OFFERED, "FINISH", "Signature");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    check_next_attempt();
}

static void each_truncated_finish_ends_the_handshake(void)
{
    for (size_t len = 4; len < 4 + 32; len++) {
        begin_half_open();
        uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_FINISH};
        check_refusal(finish, len, SPDM_ERROR_INVALID_REQUEST);
        CHECK_FAULT(&l.device_fault, IDE_E_SHORT, "FINISH", "RequesterVerifyData");
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
        loopback_close(&l);
    }
}

static void nothing_but_finish_is_answered_in_the_handshake(void)
{
    static const uint8_t codes[] = {SPDM_GET_DIGESTS,  SPDM_HEARTBEAT,   SPDM_KEY_UPDATE,
                                    SPDM_END_SESSION,  SPDM_GET_VERSION, SPDM_VENDOR_DEFINED_REQUEST,
                                    SPDM_KEY_EXCHANGE, SPDM_PSK_FINISH,  0x00};
    begin_half_open();
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint8_t request[4] = {SPDM_VERSION_12, codes[i], 1, 0};
        check_refusal(request, sizeof request, SPDM_ERROR_UNEXPECTED_REQUEST);
        CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    }
    check_refusal("\x12", 1, SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_EQUAL(l.ended, 0);
    check_next_attempt();
}

/* In the clear and without KEY_EXCHANGE (CVE-2023-31127), and once more in an established session. */
static void finish_only_after_key_exchange(void)
{
    uint8_t finish[4 + 32] = {SPDM_VERSION_12, SPDM_FINISH};
    const uint8_t *response;
    size_t len;
    begin(KEY_EC_P256);
    CHECK_OK(loopback_connect(&l));
    CHECK_OK(loopback_send(&l, NULL, finish, sizeof finish, &response, &len));
    CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_SESSION_REQUIRED);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);

    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    CHECK_OK(loopback_send(&l, &l.session, finish, sizeof finish, &response, &len));
    CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_UNEXPECTED_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "FINISH", NULL);
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    loopback_close(&l);
}

static void session_requests_want_a_session(void)
{
    static const uint8_t codes[] = {SPDM_HEARTBEAT, SPDM_KEY_UPDATE, SPDM_END_SESSION};
    begin_session();
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint8_t request[4] = {SPDM_VERSION_12, codes[i], 1, 0};
        const uint8_t *response;
        size_t len;
        CHECK_OK(loopback_send(&l, NULL, request, sizeof request, &response, &len));
        CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_SESSION_REQUIRED);
    }
    CU_ASSERT_TRUE(loopback_is_usable(&l, &l.session));
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(opens_with_each_algorithm),
        TEST(opens_after_authentication),
        TEST(ends_when_asked),
        TEST(a_zeroed_session_is_safe),
        TEST(two_sessions_live_side_by_side),
        TEST(more_than_the_device_has_are_refused),
        TEST(an_unverified_peer_is_refused),
        TEST(before_1_1_there_are_no_sessions),
        TEST(before_negotiation_is_refused),
        TEST(a_device_without_the_capability_is_refused),
        TEST(without_a_generator_nothing_is_sent),
        TEST(the_layout_is_as_thought),
        TEST(an_altered_response_does_not_match_its_signature),
        TEST(a_foreign_key_signs_in_vain),
        TEST(another_chain_does_not_match_the_signature),
        TEST(altered_negotiation_does_not_match_the_signature),
        TEST(wrong_verify_data_is_refused),
        TEST(mutual_authentication_was_not_offered),
        TEST(an_unoffered_record_version_is_refused),
        TEST(no_record_version_is_refused),
        TEST(a_point_off_the_curve_is_refused),
        TEST(a_heartbeat_that_was_not_offered_is_refused),
        TEST(each_truncation_is_short),
        TEST(an_altered_finish_ends_the_handshake),
        TEST(an_altered_finish_rsp_is_refused),
        TEST(wrong_requester_verify_data_ends_the_handshake),
        TEST(a_signature_that_was_not_asked_for_ends_the_handshake),
        TEST(each_truncated_finish_ends_the_handshake),
        TEST(nothing_but_finish_is_answered_in_the_handshake),
        TEST(finish_only_after_key_exchange),
        TEST(session_requests_want_a_session),
        CU_TEST_INFO_NULL,
    };
    return suite_run("sessions", tests);
}
