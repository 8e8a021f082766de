/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * No secret outlives what it was for. After each way in which a session, a handshake, a KEY_UPDATE or a stream's keys
 * end, the memory of both roles and the stack are searched for every secret that was made on the way.
 */
#include "check.h"
#include "ide_km/responder.h"
#include "loopback.h"
#include "secrets.h"
#include "session/messages.h"
#include "suite.h"

#define ROWS_MAX 64u

static struct loopback l;
static enum ide_err result;   /* of a scenario, which runs in another thread */

/* --- what is searched --- */

static size_t find_at_requester(const char *title)
{
    return secrets_find(title, &l.requester, sizeof l.requester) + secrets_find(title, &l.session, sizeof l.session);
}

static size_t find_at_device(const char *title)
{
    return secrets_find(title, &l.responder, sizeof l.responder) +
           secrets_find(title, l.device_sessions, sizeof l.device_sessions) +
           secrets_find(title, l.request, sizeof l.request) + secrets_find(title, l.response, sizeof l.response);
}

static void check_gone_from_requester(const char *title)
{
    CU_ASSERT_EQUAL(secrets_find_on_stack(title), 0);
    CU_ASSERT_EQUAL(find_at_requester(title), 0);
}

static void check_gone(const char *title)
{
    check_gone_from_requester(title);
    CU_ASSERT_EQUAL(find_at_device(title), 0);
}

/* What a live session needs, it may have; nothing else. */
static void check_only_in_use(const char *title)
{
    const struct key_schedule *keys = &l.session.keys;
    CU_ASSERT_EQUAL(keys->stage, KEY_STAGE_DATA);
    secrets_allow(keys->request_secret, sizeof keys->request_secret);
    secrets_allow(keys->response_secret, sizeof keys->response_secret);
    secrets_allow(keys->export_secret, sizeof keys->export_secret);
    check_gone(title);
}

/* --- scenarios --- */

static void begin(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P384));
    secrets_forget();
}

static void run(void (*scenario)(void), enum ide_err expected)
{
    result = IDE_E_INTERNAL;
    secrets_run(scenario);
    CHECK_ERR(result, expected);
}

/* A scenario from a fresh connection on, after which nothing may be left anywhere. */
static void check_scenario(const char *title, void (*scenario)(void), enum ide_err expected)
{
    begin();
    run(scenario, expected);
    CU_ASSERT_TRUE(secrets_count() > 20);
    check_gone(title);
    loopback_close(&l);
}

static enum ide_err use(void)
{
    const uint8_t request[] = {SPDM_VERSION_12, SPDM_GET_DIGESTS, 0, 0};
    const uint8_t *response;
    size_t len;
    return loopback_send(&l, &l.session, request, sizeof request, &response, &len);
}

static void open_session(void)
{
    result = loopback_session(&l);
    if (result == IDE_OK)
        result = use();
}

/* --- the ways in which a session ends --- */

static void end_session(void)
{
    open_session();
    if (result == IDE_OK)
        result = session_end(&l.session);
}

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

static void open_psk_session(void)
{
    static const uint8_t secret[] = "a secret of twenty-eight bytes";
    static const struct session_psk psk = {.secret = secret, .secret_len = sizeof secret};
    l.requester_config.flags |= SPDM_CAP_PSK;
    l.responder_config.flags |= SPDM_CAP_PSK_CONTEXT;
    l.responder.psks = &psk;
    l.responder.psk_count = 1;
    secrets_learn("psk", secret, sizeof secret);
    result = spdm_negotiate(&l.requester);
    if (result == IDE_OK)
        result = session_open_psk(&l.session, &l.requester, &l.transport, &psk);
    if (result == IDE_OK)
        result = use();
    if (result == IDE_OK)
        result = session_end(&l.session);
}

static void after_a_session_from_a_psk(void)
{
    check_scenario("PSK", open_psk_session, IDE_OK);
}

static void open_in_the_clear(void)
{
    l.requester_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    l.responder_config.flags |= SPDM_CAP_HANDSHAKE_CLEAR;
    end_session();
}

static void after_a_handshake_in_the_clear(void)
{
    check_scenario("handshake in the clear", open_in_the_clear, IDE_OK);
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

/* --- handshakes that fail, at each step --- */

static unsigned fail_at;   /* this exchange, or this draw of random numbers */

static void lose(struct loopback *loop, uint8_t *object, size_t *len)
{
    (void)object;
    if (loop->exchanges == fail_at)
        *len = 0;
}

/* In verify data or tag, before the padding. */
static void alter(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (loop->exchanges == fail_at)
        object[*len - 5] ^= 1;
}

static void try_session(void)
{
    result = loopback_session(&l);
}

static void reset_device(void)
{
    session_responder_reset(&l.responder);
    result = IDE_OK;
}

/* Fails at the steps of a handshake one by one, until one does not. */
static unsigned check_failing(const char *name, void (*arm)(void))
{
    bool failed = true;
    for (fail_at = 1; failed && fail_at < 20; fail_at++) {
        char title[64];
        snprintf(title, sizeof title, "%s %u", name, fail_at);
        begin();
        arm();
        result = IDE_E_INTERNAL;
        secrets_run(try_session);
        failed = result != IDE_OK;
        if (failed) {
            CU_ASSERT_EQUAL(l.session.state, SESSION_NONE);
            check_gone_from_requester(title);
            run(reset_device, IDE_OK);   /* it may wait for a FINISH still */
            CU_ASSERT_EQUAL(find_at_device(title), 0);
        }
        loopback_close(&l);
    }
    return fail_at - 2;
}

static void arm_lost_request(void)
{
    l.on_request = lose;
}

static void arm_lost_response(void)
{
    l.on_response = lose;
}

static void arm_altered_request(void)
{
    l.on_request = alter;
}

static void arm_altered_response(void)
{
    l.on_response = alter;
}

static enum ide_err draw(void *context, uint8_t *out, size_t n)
{
    unsigned *draws = context;
    struct rng rng = drbg_rng(&l.drbg);
    return ++*draws == fail_at ? IDE_E_RANDOM : rng.random(rng.context, out, n);
}

static unsigned draws;

static void arm_requesters_generator(void)
{
    draws = 0;
    l.requester.rng = (struct rng){draw, &draws};
}

static void arm_devices_generator(void)
{
    draws = 0;
    l.responder.spdm.connection.rng = (struct rng){draw, &draws};
}

static void after_a_failed_handshake(void)
{
    CU_ASSERT_EQUAL(check_failing("lost request", arm_lost_request), 5);
    CU_ASSERT_EQUAL(check_failing("lost response", arm_lost_response), 5);
    CU_ASSERT_EQUAL(check_failing("altered response", arm_altered_response), 5);
    CU_ASSERT_TRUE(check_failing("altered request", arm_altered_request) >= 1);
    CU_ASSERT_EQUAL(check_failing("requester's random", arm_requesters_generator), 3);
    CU_ASSERT_TRUE(check_failing("device's random", arm_devices_generator) >= 4);
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
        TEST(after_a_session_from_a_psk),
        TEST(after_a_handshake_in_the_clear),
        TEST(after_a_missing_heartbeat),
        TEST(after_request_resynch),
        TEST(after_request_resynch_in_the_handshake),
        TEST(after_a_failed_handshake),
        TEST(handshake_secrets_end_with_the_handshake),
        TEST(old_keys_end_with_key_update),
        TEST(new_keys_end_with_a_failed_key_update),
        TEST(all_keys_end_with_a_lost_key_update),
        TEST(stream_keys_end_with_their_programming),
        CU_TEST_INFO_NULL,
    };
    return suite_run("wipe", tests);
}
