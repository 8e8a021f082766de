/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Established sessions: attacks on their records, their heartbeat, and what ends them. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;
static const uint8_t digests_request[] = {SPDM_VERSION_12, SPDM_GET_DIGESTS, 0, 0};

static void begin_with_heartbeat(uint8_t period)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.responder.heartbeat_period = period;
    CHECK_OK(loopback_session(&l));
}

static void begin(void)
{
    begin_with_heartbeat(0);
}

/* One exchange in the session; the answer's code is given. */
static enum ide_err use_for(struct session *s, uint8_t code)
{
    const uint8_t *response;
    size_t len = 0;
    enum ide_err err = loopback_send(&l, s, digests_request, sizeof digests_request, &response, &len);
    if (err == IDE_OK)
        CU_ASSERT_TRUE(len >= 4 && response[1] == code);
    return err;
}

static enum ide_err use(struct session *s)
{
    return use_for(s, SPDM_DIGESTS);
}

/* --- records --- */

static size_t flip_bit;

static void flip(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    if (flip_bit / 8 < *len)
        object[flip_bit / 8] ^= (uint8_t)(1u << flip_bit % 8);
}

/* Behind the DOE header, up to the tag's end: each bit, one way and the other. */
#define REQUEST_RECORD_BITS (8 * (8 + sizeof digests_request + 16))

static void each_flipped_bit_of_a_request_ends_the_session(void)
{
    for (size_t bit = 0; bit < REQUEST_RECORD_BITS; bit += 3) {
        begin();
        flip_bit = 8 * DOE_HEADER_SIZE + bit;
        l.on_request = flip;
        enum ide_err err = use_for(&l.session, SPDM_ERROR);
        if (bit < 32) {   /* the id of no session: there is no answer, and the device's session stays */
            CHECK_ERR(err, IDE_E_TIMEOUT);
            CHECK_FAULT(&l.device_fault, IDE_E_SESSION, "session", "SessionID");
            CU_ASSERT_EQUAL(l.ended, 0);
        } else {
            /* told so within the session, which is over on the device */
            CHECK_OK(err);
            CU_ASSERT_EQUAL(l.ended, 1);
            CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
            CHECK_ERR(use(&l.session), IDE_E_TIMEOUT);
        }
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

static void each_flipped_bit_of_a_response_ends_the_attempt(void)
{
    for (size_t bit = 0; bit < 8 * (8 + 36 + 16); bit += 3) {
        begin();
        flip_bit = 8 * DOE_HEADER_SIZE + bit;
        l.on_response = flip;
        enum ide_err err = use(&l.session);
        CU_ASSERT_NOT_EQUAL(err, IDE_OK);
        if (bit < 32)
            CHECK_ERR(err, IDE_E_SESSION);
        if (bit >= 48)
            CHECK_ERR(err, IDE_E_RECORD);
        CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
        loopback_close(&l);
    }
}

static uint8_t kept[SPDM_BUFFER_SIZE];
static size_t kept_len;

static void keep(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    memcpy(kept, object, *len);
    kept_len = *len;
}

static void put_kept(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    memcpy(object, kept, kept_len);
    *len = kept_len;
}

static void a_replayed_request_ends_the_session(void)
{
    begin();
    l.on_request = keep;
    CHECK_OK(use(&l.session));
    loopback_object(&l, kept, kept_len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CHECK_FAULT(&l.device_fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_EQUAL(l.ended, 1);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    loopback_close(&l);
}

static void a_replayed_response_ends_the_attempt(void)
{
    begin();
    l.on_response = keep;
    CHECK_OK(use(&l.session));
    l.on_response = put_kept;
    CHECK_ERR(use(&l.session), IDE_E_RECORD);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void lose(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    (void)object;
    *len = 0;
}

static void a_lost_message_ends_the_attempt(void)
{
    begin();
    l.on_response = lose;
    CHECK_ERR(use(&l.session), IDE_E_TIMEOUT);
    CHECK_FAULT(&l.requester.fault, IDE_E_TIMEOUT, "loopback", NULL);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CHECK_ERR(use(&l.session), IDE_E_SESSION);
    loopback_close(&l);
}

static void records_of_two_sessions_are_not_mixed_up(void)
{
    struct session other;
    begin();
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    l.on_request = keep;
    CHECK_OK(use(&l.session));
    l.on_request = NULL;
    /* a record of the first under the other's id */
    memcpy(kept + DOE_HEADER_SIZE, &other.id, 4);
    uint32_t other_id = other.id;
    loopback_object(&l, kept, kept_len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CU_ASSERT_EQUAL(l.ended, 1);
    CU_ASSERT_EQUAL(l.ended_id, other_id);
    CHECK_OK(use(&l.session));
    session_close(&other);
    loopback_close(&l);
}

static void a_record_in_the_clear_type_is_no_session(void)
{
    begin();
    l.on_request = keep;
    CHECK_OK(use(&l.session));
    kept[2] = DOE_TYPE_CMA;
    loopback_object(&l, kept, kept_len);
    CU_ASSERT_EQUAL(l.response[2], DOE_TYPE_CMA);
    CU_ASSERT_EQUAL(l.response[DOE_HEADER_SIZE + 1], SPDM_ERROR);
    CU_ASSERT_EQUAL(l.ended, 0);
    loopback_close(&l);
}

static void objects_of_other_types_are_dropped(void)
{
    begin();
    const uint8_t object[12] = {1, 0, 9, 0, 3};
    loopback_object(&l, object, sizeof object);
    CU_ASSERT_EQUAL(l.response_len, 0);
    CHECK_FAULT(&l.device_fault, IDE_E_DOE_TYPE, "DOE", "DataObjectType");
    const uint8_t short_record[8] = {1, 0, 2, 0, 2};
    loopback_object(&l, short_record, sizeof short_record);
    CU_ASSERT_EQUAL(l.response_len, 0);
    CHECK_FAULT(&l.device_fault, IDE_E_SHORT, "session", "SessionID");
    CHECK_OK(use(&l.session));
    loopback_close(&l);
}

static void discovery_is_answered(void)
{
    struct doe_protocol found[4];
    struct ide_fault fault;
    size_t count = 0;
    begin();
    CHECK_OK(doe_discover(&l.transport, 1000, found, 4, &count, &fault));
    CU_ASSERT_EQUAL(count, 3);
    for (uint8_t i = 0; i < 3; i++)
        CU_ASSERT_TRUE(found[i].vendor == DOE_VENDOR_PCISIG && found[i].type == i);
    loopback_close(&l);
}

static void numbers_that_are_used_up_end_the_session(void)
{
    begin();
    l.session.request.sequence = SECURED_SEQUENCE_LIMIT;
    unsigned before = l.exchanges;
    CHECK_ERR(use(&l.session), IDE_E_LIMIT);
    CU_ASSERT_EQUAL(l.exchanges, before);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void what_is_too_long_for_its_message_is_refused(void)
{
    static const uint8_t codes[] = {SPDM_KEY_UPDATE, SPDM_END_SESSION};
    begin();
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint8_t request[5] = {SPDM_VERSION_12, codes[i], 1, 0, 0};
        const uint8_t *response;
        size_t len;
        CHECK_OK(loopback_send(&l, &l.session, request, sizeof request, &response, &len));
        CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_INVALID_REQUEST);
        CHECK_ERR(l.device_err, IDE_E_LONG);
    }
    CHECK_OK(use(&l.session));
    loopback_close(&l);
}

/* --- heartbeat --- */

static void heartbeats_keep_a_session_alive(void)
{
    begin_with_heartbeat(5);
    CU_ASSERT_EQUAL(l.session.heartbeat_period, 5);
    for (unsigned i = 0; i < 10; i++) {
        CU_ASSERT_EQUAL(session_heartbeat_due(&l.session), l.now_ms + 5000);
        l.now_ms += 5000;
        session_responder_tick(&l.responder);
        CHECK_OK(session_heartbeat(&l.session));
    }
    CU_ASSERT_EQUAL(l.ended, 0);
    loopback_close(&l);
}

static void any_request_counts_as_a_heartbeat(void)
{
    begin_with_heartbeat(5);
    l.now_ms += 9000;
    CHECK_OK(use(&l.session));
    CU_ASSERT_EQUAL(session_heartbeat_due(&l.session), l.now_ms + 5000);
    l.now_ms += 9000;
    session_responder_tick(&l.responder);
    CU_ASSERT_EQUAL(l.ended, 0);
    loopback_close(&l);
}

static void a_silent_session_ends_after_twice_the_period(void)
{
    begin_with_heartbeat(5);
    l.now_ms += 10000;
    session_responder_tick(&l.responder);
    CU_ASSERT_EQUAL(l.ended, 0);
    l.now_ms += 1;
    session_responder_tick(&l.responder);
    CU_ASSERT_EQUAL(l.ended, 1);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    session_responder_tick(&l.responder);
    CU_ASSERT_EQUAL(l.ended, 1);
    CHECK_ERR(session_heartbeat(&l.session), IDE_E_TIMEOUT);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

static void without_a_period_there_is_no_heartbeat(void)
{
    begin();
    CU_ASSERT_EQUAL(session_heartbeat_due(&l.session), UINT64_MAX);
    CHECK_ERR(session_heartbeat(&l.session), IDE_E_STATE);
    CHECK_FAULT(&l.requester.fault, IDE_E_STATE, "HEARTBEAT", "HeartbeatPeriod");
    const uint8_t heartbeat[] = {SPDM_VERSION_12, SPDM_HEARTBEAT, 0, 0};
    const uint8_t *response;
    size_t len;
    CHECK_OK(loopback_send(&l, &l.session, heartbeat, sizeof heartbeat, &response, &len));
    CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_UNEXPECTED_REQUEST);
    l.now_ms += 1000000;
    session_responder_tick(&l.responder);
    CHECK_OK(use(&l.session));
    loopback_close(&l);
}

static void without_the_capability_there_is_no_period(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.responder.heartbeat_period = 5;
    l.requester_config.flags &= ~SPDM_CAP_HBEAT;
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_EQUAL(l.session.heartbeat_period, 0);
    CU_ASSERT_EQUAL(l.device_sessions[0].heartbeat_period, 0);
    loopback_close(&l);
}

/* --- what ends sessions --- */

static void get_version_ends_all_sessions(void)
{
    struct session other;
    begin();
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    CHECK_OK(spdm_negotiate(&l.requester));
    CU_ASSERT_EQUAL(l.ended, 2);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[1]));
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&other));
    CHECK_ERR(use(&l.session), IDE_E_SESSION);
    loopback_close(&l);
}

static void a_device_reset_ends_all_sessions(void)
{
    begin();
    session_responder_reset(&l.responder);
    CU_ASSERT_EQUAL(l.ended, 1);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.device_sessions[0]));
    CU_ASSERT_EQUAL(l.responder.spdm.connection.state, SPDM_NOT_STARTED);
    CHECK_ERR(use(&l.session), IDE_E_TIMEOUT);
    CHECK_OK(loopback_session(&l));
    loopback_close(&l);
}

static void a_connection_that_was_reset_ends_the_session(void)
{
    begin();
    unsigned before = l.exchanges;
    spdm_connection_reset(&l.requester);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CHECK_ERR(use(&l.session), IDE_E_SESSION);
    CHECK_FAULT(&l.requester.fault, IDE_E_SESSION, "session", NULL);
    CU_ASSERT_EQUAL(l.exchanges, before);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    loopback_close(&l);
}

/* --- a device whose answers within a session are replaced --- */

struct script {
    unsigned times;          /* that many answers are replaced */
    uint8_t answer[8];
    size_t len;
    unsigned asked;
};

static struct script script;

static enum ide_err answer_by_script(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    const struct spdm_handler *row = &session_handlers.rows[2];   /* HEARTBEAT */
    script.asked++;
    if (script.asked > script.times)
        return row->handle(r, request, w);
    write_bytes(w, script.answer, script.len);
    return write_done(w);
}

static const struct spdm_handler scripted_row = {
    .code = SPDM_HEARTBEAT, .first_version = SPDM_VERSION_11, .name = "HEARTBEAT",
    .states = 1u << SPDM_NEGOTIATED, .in_session = true, .handle = answer_by_script};

/* HEARTBEAT is answered with these bytes, so often. */
static void begin_scripted(unsigned times, const void *answer, size_t len)
{
    begin_with_heartbeat(5);
    script = (struct script){.times = times, .len = len};
    memcpy(script.answer, answer, len);
    l.responder.tables[1] = (struct spdm_handler_table){&scripted_row, 1};
}

static void busy_is_waited_for_in_the_session(void)
{
    const uint8_t busy[] = {SPDM_VERSION_12, SPDM_ERROR, SPDM_ERROR_BUSY, 0};
    begin_scripted(3, busy, sizeof busy);
    CHECK_OK(session_heartbeat(&l.session));
    CU_ASSERT_EQUAL(script.asked, 4);
    CU_ASSERT_TRUE(l.now_ms > 0);
    loopback_close(&l);
}

static void busy_for_ever_is_given_up_and_the_session_stays(void)
{
    const uint8_t busy[] = {SPDM_VERSION_12, SPDM_ERROR, SPDM_ERROR_BUSY, 0};
    begin_scripted(1000, busy, sizeof busy);
    CHECK_ERR(session_heartbeat(&l.session), IDE_E_BUSY);
    CU_ASSERT_EQUAL(script.asked, 1 + l.requester_config.busy_retries);
    CHECK_OK(use(&l.session));
    loopback_close(&l);
}

static void request_resynch_ends_the_session(void)
{
    const uint8_t resynch[] = {SPDM_VERSION_12, SPDM_ERROR, SPDM_ERROR_REQUEST_RESYNCH, 0};
    begin_scripted(1, resynch, sizeof resynch);
    CHECK_ERR(session_heartbeat(&l.session), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CU_ASSERT_EQUAL(l.requester.state, SPDM_NOT_STARTED);
    l.responder.tables[1] = session_handlers;
    CHECK_OK(loopback_session(&l));
    loopback_close(&l);
}

/* Outside sessions too: the peer has forgotten them all. */
static void resynch_in_the_clear(struct loopback *loop, uint8_t *object, size_t *len)
{
    const uint8_t resynch[] = {SPDM_VERSION_12, SPDM_ERROR, SPDM_ERROR_REQUEST_RESYNCH, 0};
    (void)loop;
    memcpy(object + DOE_HEADER_SIZE, resynch, sizeof resynch);
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, sizeof resynch);
}

static void request_resynch_outside_ends_all_sessions(void)
{
    struct session other;
    begin();
    CHECK_OK(session_open(&other, &l.requester, &l.transport));
    l.on_response = resynch_in_the_clear;
    CHECK_ERR(spdm_get_digests(&l.requester, NULL, NULL), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    CU_ASSERT_TRUE(loopback_is_wiped(&l.session));
    CU_ASSERT_TRUE(loopback_is_wiped(&other));
    l.on_response = NULL;
    CHECK_OK(loopback_session(&l));
    loopback_close(&l);
}

/* A session that is closed, or opened once more, is in the connection's list once or not at all. */
static void a_session_can_be_opened_again(void)
{
    struct session other;
    begin();
    for (unsigned i = 0; i < 3; i++) {
        CHECK_OK(session_open(&other, &l.requester, &l.transport));
        CHECK_OK(session_end(&other));
        CHECK_OK(session_end(&l.session));
        CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    }
    session_responder_reset(&l.responder);
    CHECK_OK(loopback_connect(&l));
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));   /* without closing it */
    CHECK_OK(use(&l.session));
    session_close(&l.session);
    CU_ASSERT_PTR_NULL(l.requester.hooks);
    loopback_close(&l);
}

static void wrong_answers_are_named(void)
{
    static const struct {
        uint8_t answer[8];
        size_t len;
        enum ide_err err;
        const char *field;
    } rows[] = {
        {{SPDM_VERSION_12, SPDM_KEY_UPDATE_ACK, 0, 0}, 4, IDE_E_UNEXPECTED, "RequestResponseCode"},
        {{SPDM_VERSION_11, SPDM_HEARTBEAT_ACK, 0, 0}, 4, IDE_E_VERSION, "SPDMVersion"},
        {{SPDM_VERSION_12, SPDM_HEARTBEAT_ACK, 0}, 3, IDE_E_SHORT, "Param2"},
        {{SPDM_VERSION_12, SPDM_HEARTBEAT_ACK, 0, 0, 1, 1, 1, 1}, 8, IDE_E_LONG, "length"},
        {{0}, 0, IDE_E_SHORT, "SPDMVersion"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin_scripted(1, rows[i].answer, rows[i].len);
        CHECK_ERR(session_heartbeat(&l.session), rows[i].err);
        CHECK_FAULT(&l.requester.fault, rows[i].err, "HEARTBEAT_ACK", rows[i].field);
        CHECK_OK(use(&l.session));   /* it was authentic: the session goes on */
        loopback_close(&l);
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_flipped_bit_of_a_request_ends_the_session),
        TEST(each_flipped_bit_of_a_response_ends_the_attempt),
        TEST(a_replayed_request_ends_the_session),
        TEST(a_replayed_response_ends_the_attempt),
        TEST(a_lost_message_ends_the_attempt),
        TEST(records_of_two_sessions_are_not_mixed_up),
        TEST(a_record_in_the_clear_type_is_no_session),
        TEST(objects_of_other_types_are_dropped),
        TEST(discovery_is_answered),
        TEST(numbers_that_are_used_up_end_the_session),
        TEST(what_is_too_long_for_its_message_is_refused),
        TEST(heartbeats_keep_a_session_alive),
        TEST(any_request_counts_as_a_heartbeat),
        TEST(a_silent_session_ends_after_twice_the_period),
        TEST(without_a_period_there_is_no_heartbeat),
        TEST(without_the_capability_there_is_no_period),
        TEST(get_version_ends_all_sessions),
        TEST(a_device_reset_ends_all_sessions),
        TEST(a_connection_that_was_reset_ends_the_session),
        TEST(busy_is_waited_for_in_the_session),
        TEST(busy_for_ever_is_given_up_and_the_session_stays),
        TEST(request_resynch_ends_the_session),
        TEST(request_resynch_outside_ends_all_sessions),
        TEST(a_session_can_be_opened_again),
        TEST(wrong_answers_are_named),
        CU_TEST_INFO_NULL,
    };
    return suite_run("sessions' lives", tests);
}
