/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attacks on a whole connection: somebody on the way who alters, mixes up and turns back what passes, and peers that do
 * not play their part. docs/security.md lists the attacks that others suffered and which test holds against each; those
 * that concern one message or one layer are in that layer's tests.
 */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "suite.h"

static struct loopback l;

static void begin(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
}

static void begin_session(void)
{
    begin();
    CHECK_OK(loopback_session(&l));
}

static enum ide_err use(struct session *s)
{
    const uint8_t request[] = {SPDM_VERSION_12, SPDM_GET_DIGESTS, 0, 0};
    const uint8_t *response;
    size_t len;
    return loopback_send(&l, s, request, sizeof request, &response, &len);
}

/* --- alterations: everything that both sides say until the session is there is in a transcript or a record --- */

static struct {
    unsigned exchange;
    size_t at;
    uint8_t bytes[2];      /* what goes there, or with flip what is turned over */
    size_t count;
    bool flip;
    size_t len;            /* of the object in that exchange, as it was seen */
    bool changed;
} alteration;

static void alter(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (loop->exchanges != alteration.exchange)
        return;
    alteration.len = *len;
    for (size_t i = 0; i < alteration.count && alteration.at + i < *len; i++) {
        uint8_t before = object[alteration.at + i];
        uint8_t after = alteration.flip ? before ^ alteration.bytes[i] : alteration.bytes[i];
        object[alteration.at + i] = after;
        alteration.changed |= before != after;
    }
}

/* DOE's padding to a dword is nobody's: how much the objects of the five exchanges have. */
static size_t padding_of(const uint8_t *object, size_t len, unsigned exchange)
{
    struct spdm_key_exchange request;
    struct spdm_key_exchange_rsp response = {0};
    struct ide_fault fault;
    size_t consumed = len - DOE_HEADER_SIZE;
    const uint8_t *message = object + DOE_HEADER_SIZE;
    const struct spdm_params *p = &l.requester.params;
    if (exchange == 4 && message[1] == SPDM_KEY_EXCHANGE)
        CHECK_OK(spdm_decode(&spdm_msg_key_exchange, p, message, len - DOE_HEADER_SIZE, &request, &consumed, &fault));
    if (exchange == 4 && message[1] == SPDM_KEY_EXCHANGE_RSP)
        CHECK_OK(spdm_decode(&spdm_msg_key_exchange_rsp, p, message, len - DOE_HEADER_SIZE, &response, &consumed,
                             &fault));
    if (exchange == 5)
        consumed = 6u + (size_t)(message[4] | message[5] << 8);   /* a record: session id, Length, the rest */
    if (exchange == 1 && message[1] == SPDM_VERSION)
        consumed = 6u + 2u * message[5];
    return len - DOE_HEADER_SIZE - consumed;
}

static size_t lengths[6][2];   /* [exchange][response], without padding */

static void measure(struct loopback *loop, uint8_t *object, size_t *len, bool response)
{
    lengths[loop->exchanges][response] = *len - padding_of(object, *len, loop->exchanges);
}

static void measure_request(struct loopback *loop, uint8_t *object, size_t *len)
{
    measure(loop, object, len, false);
}

static void measure_response(struct loopback *loop, uint8_t *object, size_t *len)
{
    measure(loop, object, len, true);
}

static void measure_all(void)
{
    begin();
    l.on_request = measure_request;
    l.on_response = measure_response;
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_EQUAL(l.exchanges, 5);
    loopback_close(&l);
}

/* One establishment with the alteration; the requester may not believe that it has a session, nor may the device. */
static void check_altered(bool response)
{
    begin();
    alteration.changed = false;
    if (response)
        l.on_response = alter;
    else
        l.on_request = alter;
    enum ide_err err = loopback_session(&l);
    bool held = !alteration.changed || (err != IDE_OK && l.session.state == SESSION_NONE);
    /* the device has answered FINISH before the last response is altered */
    for (size_t i = 0; i < LOOPBACK_SESSIONS && alteration.changed && !(response && alteration.exchange == 5); i++)
        held &= l.device_sessions[i].state != SESSION_ESTABLISHED;
    if (!held)
        fprintf(stderr, "exchange %u, %s, byte %zu: %s\n", alteration.exchange, response ? "response" : "request",
                alteration.at, ide_err_name(err));
    CU_ASSERT_TRUE(held);
    loopback_close(&l);
}

static void alter_everywhere(const uint8_t bytes[2], size_t count, bool flip)
{
    measure_all();
    for (unsigned response = 0; response < 2; response++) {
        for (unsigned exchange = 1; exchange <= 5; exchange++) {
            for (size_t at = 0; at + count <= lengths[exchange][response]; at++) {
                alteration.exchange = exchange;
                alteration.at = at;
                memcpy(alteration.bytes, bytes, 2);
                alteration.count = count;
                alteration.flip = flip;
                check_altered(response);
            }
        }
    }
}

static void no_flipped_bit_of_an_establishment_is_accepted(void)
{
    static const uint8_t flips[][2] = {{0x01}, {0x80}};
    for (size_t i = 0; i < sizeof flips / sizeof flips[0]; i++)
        alter_everywhere(flips[i], 1, true);
}

/* Every length and count there is, and all else, at 0, 1, the largest and the one before the wrap. */
static void no_length_of_an_establishment_is_believed(void)
{
    static const uint8_t values[][2] = {{0x00, 0x00}, {0x01, 0x00}, {0xff, 0xff}, {0xfe, 0xff}, {0xff, 0x7f}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        alter_everywhere(values[i], 2, false);
}

/* --- answers that belong to another request (CVE-2023-31127, the requester's side) --- */

static struct {
    uint8_t code;            /* answers to this request become */
    uint8_t message[4];
    unsigned from;           /* from this exchange on */
} replacement;

static void replace(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (loop->exchanges < replacement.from || object[2] != DOE_TYPE_CMA ||
        (replacement.code && loop->request[DOE_HEADER_SIZE + 1] != replacement.code))
        return;
    memcpy(object + DOE_HEADER_SIZE, replacement.message, sizeof replacement.message);
    if (loop->request[DOE_HEADER_SIZE + 1] == SPDM_GET_VERSION)
        object[DOE_HEADER_SIZE] = SPDM_VERSION_10;
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, sizeof replacement.message);
}

/* FINISH_RSP, or any other answer, to KEY_EXCHANGE is no session. */
static void each_other_answer_to_key_exchange_is_refused(void)
{
    for (unsigned code = 0; code < 256; code++) {
        if (code == SPDM_KEY_EXCHANGE_RSP || code == SPDM_ERROR)
            continue;
        begin();
        replacement.code = SPDM_KEY_EXCHANGE;
        replacement.from = 0;
        memcpy(replacement.message, (uint8_t[]){SPDM_VERSION_12, (uint8_t)code, 0, 0}, 4);
        l.on_response = replace;
        CHECK_ERR(loopback_session(&l), IDE_E_UNEXPECTED);
        CHECK_FAULT(&l.requester.fault, IDE_E_UNEXPECTED, "KEY_EXCHANGE_RSP", "RequestResponseCode");
        CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
        loopback_close(&l);
    }
}

/* FINISH_RSP in the clear, where a record must come. */
static void finish_in_the_clear(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (loop->exchanges != 5)
        return;
    memcpy(object + DOE_HEADER_SIZE, (uint8_t[]){SPDM_VERSION_12, SPDM_FINISH_RSP, 0, 0}, 4);
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, 4);
}

static void finish_rsp_in_the_clear_is_refused(void)
{
    begin();
    l.on_response = finish_in_the_clear;
    CHECK_ERR(loopback_session(&l), IDE_E_DOE_TYPE);
    CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
    loopback_close(&l);
}

/* --- a peer that never stops saying BUSY, wherever it begins --- */

static void busy_for_ever_is_given_up_at_each_step(void)
{
    static const uint8_t errors[] = {SPDM_ERROR_BUSY, SPDM_ERROR_REQUEST_IN_FLIGHT};
    for (size_t e = 0; e < sizeof errors; e++) {
        for (unsigned from = 1; from <= 4; from++) {
            begin();
            replacement.code = 0;
            replacement.from = from;
            memcpy(replacement.message, (uint8_t[]){SPDM_VERSION_12, SPDM_ERROR, errors[e], 0}, 4);
            l.on_response = replace;
            CHECK_ERR(loopback_session(&l), IDE_E_BUSY);
            CU_ASSERT_EQUAL(l.requester.fault.peer_code, errors[e]);
            CU_ASSERT_EQUAL(l.exchanges, from + l.requester_config.busy_retries);
            CU_ASSERT_TRUE(l.now_ms <= (uint64_t)l.requester_config.busy_retries * l.requester_config.timeout_ms);
            loopback_close(&l);
        }
    }
}

/* --- records out of their place --- */

struct kept {
    uint8_t object[256];
    size_t len;
};

static struct kept kept[2];
static unsigned keeping;

static void keep(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    struct kept *k = &kept[keeping++];
    CU_ASSERT_TRUE_FATAL(*len <= sizeof k->object);
    memcpy(k->object, object, *len);
    k->len = *len;
    *len = 0;
}

/* A record that the requester seals now, not sent. */
static void seal_two(void)
{
    struct session as_it_was = l.session;
    keeping = 0;
    l.on_request = keep;
    CHECK_ERR(use(&l.session), IDE_E_TIMEOUT);
    as_it_was.request.sequence++;   /* the requester closed: it goes on from a copy, as another one would */
    CHECK_ERR(use(&as_it_was), IDE_E_TIMEOUT);
    l.on_request = NULL;
}

static void records_in_order_are_answered(void)
{
    begin_session();
    seal_two();
    loopback_object(&l, kept[0].object, kept[0].len);
    CHECK_OK(l.device_err);
    loopback_object(&l, kept[1].object, kept[1].len);
    CHECK_OK(l.device_err);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    loopback_close(&l);
}

static void records_in_another_order_end_the_session(void)
{
    begin_session();
    seal_two();
    loopback_object(&l, kept[1].object, kept[1].len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CHECK_FAULT(&l.device_fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_object(&l, kept[0].object, kept[0].len);
    CHECK_ERR(l.device_err, IDE_E_SESSION);
    CU_ASSERT_EQUAL(l.response_len, 0);
    loopback_close(&l);
}

static void a_dropped_record_ends_the_session(void)
{
    begin_session();
    seal_two();
    loopback_object(&l, kept[1].object, kept[1].len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

/* What one side sealed is sent back to it: the directions' keys differ. */
static void reflect(struct loopback *loop, uint8_t *object, size_t *len)
{
    memcpy(object, kept[0].object, kept[0].len);
    *len = kept[0].len;
    loop->on_request = NULL;
}

static void copy_request(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)loop;
    memcpy(kept[0].object, object, *len);
    kept[0].len = *len;
}

static void a_request_sent_back_is_no_answer(void)
{
    begin_session();
    l.on_request = copy_request;
    l.on_response = reflect;
    CHECK_ERR(use(&l.session), IDE_E_RECORD);
    CHECK_FAULT(&l.requester.fault, IDE_E_RECORD, "secured message", "tag");
    CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
    loopback_close(&l);
}

static void an_answer_sent_back_is_no_request(void)
{
    begin_session();
    CHECK_OK(use(&l.session));
    uint8_t answer[SPDM_BUFFER_SIZE];
    size_t len = l.response_len;
    memcpy(answer, l.response, len);
    loopback_object(&l, answer, len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

/* The ids are the same; the keys are not. */
static void a_record_of_an_earlier_session_is_refused(void)
{
    begin_session();
    l.on_request = copy_request;
    CHECK_OK(use(&l.session));
    l.on_request = NULL;
    struct kept old = kept[0];
    CHECK_OK(session_end(&l.session));
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    uint32_t id = l.session.id;
    for (unsigned i = 0; i < 4; i++)
        old.object[DOE_HEADER_SIZE + i] = (uint8_t)(id >> 8 * i);
    loopback_object(&l, old.object, old.len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

/* --- half sessions --- */

static struct session waiting;

static void lose_finish(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (object[2] != DOE_TYPE_SECURED_CMA)
        return;
    waiting = loop->session;
    waiting.request.sequence = 0;
    memcpy(kept[0].object, object, *len);
    kept[0].len = *len;
    *len = 0;
}

/* A handshake under way is neither disturbed by another one nor finished by its FINISH. */
static void handshakes_are_not_mixed_up(void)
{
    begin();
    l.on_request = lose_finish;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    struct kept first = kept[0];
    struct session first_waiting = waiting;
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 2);
    /* the first FINISH under the id of the second */
    struct kept forged = first;
    memcpy(forged.object + DOE_HEADER_SIZE, kept[0].object + DOE_HEADER_SIZE, 4);
    loopback_object(&l, forged.object, forged.len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    /* and under its own */
    loopback_object(&l, first.object, first.len);
    CHECK_OK(l.device_err);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    CU_ASSERT_EQUAL(l.device_sessions[0].id, first_waiting.id);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_ESTABLISHED);
    loopback_close(&l);
}

/* FINISH a second time, as it was recorded. */
static void a_replayed_finish_ends_the_session(void)
{
    begin();
    l.on_request = lose_finish;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    loopback_object(&l, kept[0].object, kept[0].len);
    CHECK_OK(l.device_err);
    loopback_object(&l, kept[0].object, kept[0].len);
    CHECK_ERR(l.device_err, IDE_E_RECORD);
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 0);
    loopback_close(&l);
}

/* A handshake that nobody finishes takes a place until the connection starts anew, and no more than its place. */
static void unfinished_handshakes_are_bounded(void)
{
    begin();
    l.on_request = lose_finish;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    for (unsigned i = 1; i < LOOPBACK_SESSIONS; i++)
        CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_TIMEOUT);
    CHECK_ERR(session_open(&l.session, &l.requester, &l.transport), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_SESSION_LIMIT_EXCEEDED);
    l.on_request = NULL;
    CHECK_OK(loopback_session(&l));
    CU_ASSERT_EQUAL(loopback_device_sessions(&l), 1);
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(no_flipped_bit_of_an_establishment_is_accepted),
        TEST(no_length_of_an_establishment_is_believed),
        TEST(each_other_answer_to_key_exchange_is_refused),
        TEST(finish_rsp_in_the_clear_is_refused),
        TEST(busy_for_ever_is_given_up_at_each_step),
        TEST(records_in_order_are_answered),
        TEST(records_in_another_order_end_the_session),
        TEST(a_dropped_record_ends_the_session),
        TEST(a_request_sent_back_is_no_answer),
        TEST(an_answer_sent_back_is_no_request),
        TEST(a_record_of_an_earlier_session_is_refused),
        TEST(handshakes_are_not_mixed_up),
        TEST(a_replayed_finish_ends_the_session),
        TEST(unfinished_handshakes_are_bounded),
        CU_TEST_INFO_NULL,
    };
    return suite_run("attacks", tests);
}
