/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No secret outlives what it was for. After each way in which a session, a handshake, a KEY_UPDATE or a stream's keys
 * end, the memory of both roles and the stack are searched for every secret that was made on the way.
 */
#include "check.h"
#include "ide_km/responder.h"
#include "secrets.h"
#include "session/messages.h"
#include "suite.h"
#include "wipe_rig.h"

#define ROWS_MAX 64u

/* --- the ways in which a session ends --- */

static void after_end_session(void)
{
    check_scenario("END_SESSION", end_session, IDE_OK);
}

static void after_it_with_each_algorithm(void)
{
    for (unsigned bit = 0; bit < 16; bit++) {
        const struct dhe_info *dhe = dhe_by_bit(1u << bit);
        const struct aead_info *aead = aead_by_bit(1u << bit);
        begin();
        if (dhe)
            l.requester_config.dhe = l.responder_config.dhe = (uint16_t)(1u << bit);
        if (aead)
            l.responder_config.aead = (uint16_t)(1u << bit);
        if (dhe || aead) {
            run(end_session, IDE_OK);
            check_gone(dhe ? dhe->name : aead->name);
        }
        loopback_close(&l);
    }
}

static void close_session(void)
{
    open_session();
    session_close(&l.session);
    session_responder_reset(&l.responder);
}

static void after_close_and_device_reset(void)
{
    check_scenario("close and reset", close_session, IDE_OK);
}

static void get_version(void)
{
    open_session();
    if (result == IDE_OK)
        result = spdm_negotiate(&l.requester);
}

static void after_get_version(void)
{
    check_scenario("GET_VERSION", get_version, IDE_OK);
}

static void reset_connection(void)
{
    open_session();
    spdm_connection_reset(&l.requester);
    if (result == IDE_OK)
        result = use();
    session_responder_reset(&l.responder);
}

static void after_a_connection_reset(void)
{
    check_scenario("connection reset", reset_connection, IDE_E_SESSION);
}

static void forget_connection(void)
{
    open_session();
    spdm_connection_reset(&l.requester);   /* at once, not by the next use */
    session_responder_reset(&l.responder);
}

static void at_once_with_a_connection_reset(void)
{
    check_scenario("connection reset, not used again", forget_connection, IDE_OK);
}

static void fall_silent(void)
{
    l.responder.heartbeat_period = 1;
    open_session();
    l.now_ms += 2001;
    session_responder_tick(&l.responder);
    if (result == IDE_OK)
        result = session_heartbeat(&l.session);
}

static void after_a_missing_heartbeat(void)
{
    check_scenario("heartbeat", fall_silent, IDE_E_TIMEOUT);
}

/* --- answers replaced by an ERROR, from the turn-th on that a request with the code has --- */

static struct {
    enum ide_err (*handle)(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
    unsigned turn, from;
    uint8_t error;
} script;

static struct spdm_handler rows[ROWS_MAX];

static enum ide_err scripted(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    if (script.turn++ < script.from)
        return script.handle(r, request, w);
    r->error_code = script.error;
    return IDE_E_STATE;
}

static void refuse(uint8_t code, unsigned from, uint8_t error)
{
    size_t count = session_handlers.count;
    CU_ASSERT_TRUE_FATAL(count <= ROWS_MAX);
    memcpy(rows, session_handlers.rows, count * sizeof rows[0]);
    script.turn = 0;
    script.from = from;
    script.error = error;
    for (size_t i = 0; i < count; i++) {
        if (rows[i].code == code) {
            script.handle = rows[i].handle;
            rows[i].handle = scripted;
        }
    }
    for (size_t t = 0; t < l.responder.spdm.table_count; t++) {
        if (l.responder.tables[t].rows == session_handlers.rows)
            l.responder.tables[t].rows = rows;
    }
}

static void resynch(void)
{
    l.responder.heartbeat_period = 1;
    open_session();
    if (result == IDE_OK)
        result = session_heartbeat(&l.session);
    session_responder_reset(&l.responder);
}

static void after_request_resynch(void)
{
    begin();
    refuse(SPDM_HEARTBEAT, 0, SPDM_ERROR_REQUEST_RESYNCH);
    run(resynch, IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    check_gone("RequestResynch");
    loopback_close(&l);
}

static void try_and_reset(void)
{
    result = loopback_session(&l);
    session_responder_reset(&l.responder);
}

static void after_request_resynch_in_the_handshake(void)
{
    static const uint8_t codes[] = {SPDM_KEY_EXCHANGE, SPDM_FINISH};
    for (size_t i = 0; i < sizeof codes; i++) {
        begin();
        refuse(codes[i], 0, SPDM_ERROR_REQUEST_RESYNCH);
        run(try_and_reset, IDE_E_PEER_ERROR);
        CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
        CU_ASSERT_TRUE(secrets_count() > 0);
        check_gone("RequestResynch in the handshake");
        loopback_close(&l);
    }
}

/* --- what a session that goes on has forgotten --- */

static void handshake_secrets_end_with_the_handshake(void)
{
    begin();
    run(open_session, IDE_OK);
    CU_ASSERT_TRUE(secrets_count() > 20);
    check_only_in_use("handshake");
    loopback_close(&l);
}

static enum key_update operation;

static void update_keys(void)
{
    open_session();
    if (result == IDE_OK)
        result = session_key_update(&l.session, operation);
    if (l.session.state == SESSION_ESTABLISHED && use() != IDE_OK)
        result = IDE_E_INTERNAL;
}

static void old_keys_end_with_key_update(void)
{
    for (operation = KEY_UPDATE_REQUESTER; operation <= KEY_UPDATE_ALL; operation++) {
        begin();
        run(update_keys, IDE_OK);
        check_only_in_use("KEY_UPDATE");
        loopback_close(&l);
    }
}

/* Refused at once, or at VerifyNewKey: the session goes on with its old keys, and nothing of the new ones is left. */
static void new_keys_end_with_a_failed_key_update(void)
{
    for (unsigned from = 0; from < 2; from++) {
        for (operation = KEY_UPDATE_REQUESTER; operation <= KEY_UPDATE_ALL; operation++) {
            begin();
            refuse(SPDM_KEY_UPDATE, from, SPDM_ERROR_INVALID_REQUEST);
            run(update_keys, IDE_E_PEER_ERROR);
            check_only_in_use("failed KEY_UPDATE");
            loopback_close(&l);
        }
    }
}

/* A record is lost in it: that ends the session. */
static void all_keys_end_with_a_lost_key_update(void)
{
    for (fail_at = 7; fail_at < 9; fail_at++) {
        for (operation = KEY_UPDATE_REQUESTER; operation <= KEY_UPDATE_ALL; operation++) {
            begin();
            l.on_response = lose;
            run(update_keys, IDE_E_TIMEOUT);
            CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
            check_gone_from_requester("lost KEY_UPDATE");
            run(reset_device, IDE_OK);
            CU_ASSERT_EQUAL(find_at_device("lost KEY_UPDATE"), 0);
            loopback_close(&l);
        }
    }
}

/* --- keys of streams --- */

static enum kp_ack_status status;
static unsigned progs;

static enum kp_ack_status take_key(void *context, uint32_t session_id, const struct ide_km_target *target,
                                   const struct ide_key *key)
{
    (void)context, (void)session_id, (void)target;
    secrets_learn("stream key", key->key, sizeof key->key);
    progs++;
    return status;
}

static void ignore_end(void *context, uint32_t session_id)
{
    (void)context, (void)session_id;
}

static enum ide_err program_all(const struct ide_key_set *set)
{
    for (unsigned n = 0; n < IDE_DIRECTIONS * IDE_SUBSTREAMS; n++) {
        const struct ide_km_target target = {.stream_id = 1, .direction = n / IDE_SUBSTREAMS,
                                             .substream = n % IDE_SUBSTREAMS};
        enum ide_err err = ide_km_key_prog(&l.session, &target, &set->key[target.direction][target.substream]);
        if (err != IDE_OK)
            return err;
    }
    return IDE_OK;
}

static void program_keys(void)
{
    struct ide_key_set set, mirrored;
    open_session();
    if (result == IDE_OK)
        result = ide_key_set_generate(&set, &l.requester.rng);
    if (result != IDE_OK)
        return;
    ide_key_set_mirror(&set, &mirrored);
    result = program_all(&set);
    ide_key_set_wipe(&set);
    ide_key_set_wipe(&mirrored);
}

static void check_stream_keys(const char *title, enum kp_ack_status answer, unsigned lost, enum ide_err expected)
{
    static const struct ide_km_port_ops ops = {.key_prog = take_key, .session_end = ignore_end};
    struct ide_km_responder km = {.ops = &ops};
    begin();
    ide_km_responder_attach(&km, &l.responder);
    status = answer;
    progs = 0;
    fail_at = lost;
    l.on_response = lose;
    run(program_keys, expected);
    CU_ASSERT_TRUE(progs > 0);
    if (l.session.state == SESSION_ESTABLISHED)
        check_only_in_use(title);
    else
        check_gone_from_requester(title);
    loopback_close(&l);
}

static void stream_keys_end_with_their_programming(void)
{
    check_stream_keys("KEY_PROG", KP_ACK_SUCCESS, 0, IDE_OK);
    CU_ASSERT_EQUAL(progs, 6);
    check_stream_keys("KEY_PROG refused", KP_ACK_UNSPECIFIED_FAILURE, 0, IDE_E_KM_REFUSED);
    check_stream_keys("KP_ACK lost", KP_ACK_SUCCESS, 8, IDE_E_TIMEOUT);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(after_end_session),
        TEST(after_it_with_each_algorithm),
        TEST(after_close_and_device_reset),
        TEST(after_get_version),
        TEST(after_a_connection_reset),
        TEST(at_once_with_a_connection_reset),
        TEST(after_a_missing_heartbeat),
        TEST(after_request_resynch),
        TEST(after_request_resynch_in_the_handshake),
        TEST(handshake_secrets_end_with_the_handshake),
        TEST(old_keys_end_with_key_update),
        TEST(new_keys_end_with_a_failed_key_update),
        TEST(all_keys_end_with_a_lost_key_update),
        TEST(stream_keys_end_with_their_programming),
        CU_TEST_INFO_NULL,
    };
    return suite_run("wipe", tests);
}
