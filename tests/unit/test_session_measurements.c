/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measurements within sessions: each has its own L1/L2; summaries in KEY_EXCHANGE_RSP; the extension log. */
#include <string.h>

#include "check.h"
#include "loopback.h"
#include "measured_device.h"
#include "spdm/reference_values.h"
#include "suite.h"

static struct loopback pair;
static uint8_t record[1024], wanted[1024];
static struct spdm_measurement_result result;

static void open_pair(uint8_t version)
{
    CU_ASSERT_FATAL(loopback_open(&pair, KEY_EC_P256));
    measured_device_configure(&pair.responder_config);
    pair.requester_config.mel_spec = 1;
    pair.requester_config.version_min = pair.requester_config.version_max = version;
    pair.responder_config.version_min = pair.responder_config.version_max = version;
    pair.responder_config.flags |= SPDM_CAP_CERT | SPDM_CAP_HBEAT;
    pair.responder.heartbeat_period = 10;
    pair.responder.spdm.measurements = &measured_device;
}

static void open_session(uint8_t version)
{
    open_pair(version);
    CHECK_OK(loopback_session(&pair));
}

static enum ide_err get(struct session *s, uint8_t index, bool with_signature)
{
    const struct spdm_measurement_request request = {.index = index, .with_signature = with_signature};
    if (s)
        return session_get_measurements(s, &request, record, sizeof record, &result);
    return spdm_get_measurements(&pair.requester, &pair.requester.clear, &request, record, sizeof record, &result);
}

static void signed_and_not_in_each_version(void)
{
    for (uint8_t version = SPDM_VERSION_11; version <= SPDM_VERSION_14; version++) {
        open_session(version);
        size_t len = measured_record(wanted, sizeof wanted, false);
        CHECK_OK(get(&pair.session, SPDM_MEASUREMENT_ALL, false));
        CU_ASSERT(!result.verified && result.record_len == len && memcmp(record, wanted, len) == 0);
        CHECK_OK(get(&pair.session, SPDM_MEASUREMENT_ALL, true));
        CU_ASSERT(result.verified && result.record_len == len && memcmp(record, wanted, len) == 0);
        CHECK_OK(session_end(&pair.session));
        loopback_close(&pair);
    }
}

/* What is signed in one does not cover what came in another, nor outside. */
static void each_session_has_its_own_l1l2(void)
{
    struct session second = {0};
    open_session(SPDM_VERSION_12);
    CHECK_OK(session_open(&second, &pair.requester, &pair.transport));
    CHECK_OK(get(&pair.session, 1, false));
    CU_ASSERT(pair.session.l1l2.id != HASH_NONE && second.l1l2.id == HASH_NONE);
    CU_ASSERT(pair.requester.l1l2.id == HASH_NONE && pair.responder.spdm.connection.l1l2.id == HASH_NONE);
    CHECK_OK(get(&second, 2, false));
    CHECK_OK(get(NULL, 3, false));
    CHECK_OK(get(&second, 2, true));
    CU_ASSERT(pair.session.l1l2.id != HASH_NONE && second.l1l2.id == HASH_NONE && pair.requester.l1l2.id != HASH_NONE);
    CHECK_OK(get(NULL, 3, true));
    CU_ASSERT(pair.session.l1l2.id != HASH_NONE && pair.requester.l1l2.id == HASH_NONE);
    CHECK_OK(get(&pair.session, 1, true));
    CU_ASSERT(pair.session.l1l2.id == HASH_NONE);
    session_close(&second);
    loopback_close(&pair);
}

static void another_request_in_the_session_makes_it_null(void)
{
    open_session(SPDM_VERSION_12);
    CHECK_OK(get(NULL, 1, false));
    CHECK_OK(get(&pair.session, 1, false));
    CHECK_OK(session_heartbeat(&pair.session));
    CU_ASSERT(pair.session.l1l2.id == HASH_NONE && pair.requester.l1l2.id != HASH_NONE);
    CHECK_OK(get(&pair.session, 2, true));
    CHECK_OK(get(NULL, 2, true));
    CHECK_OK(get(&pair.session, 1, false));
    CHECK_ERR(get(&pair.session, 0x42, false), IDE_E_PEER_ERROR);
    CU_ASSERT(pair.session.l1l2.id == HASH_NONE);
    CHECK_OK(get(&pair.session, 2, true));
    loopback_close(&pair);
}

static void no_session_no_measurements(void)
{
    open_session(SPDM_VERSION_12);
    CHECK_OK(session_end(&pair.session));
    CHECK_ERR(get(&pair.session, 1, false), IDE_E_SESSION);
    CU_ASSERT(result.record_len == 0);
    size_t len = 1;
    CHECK_ERR(session_get_mel(&pair.session, record, sizeof record, &len), IDE_E_SESSION);
    CU_ASSERT_EQUAL(len, 0);
    loopback_close(&pair);
}

/* The device wants to start anew, and says so in the session. */
static enum ide_err want_resynch(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    (void)request;
    (void)w;
    r->error_code = SPDM_ERROR_REQUEST_RESYNCH;
    return ide_fail(&r->connection.fault, IDE_E_STATE, "test", NULL);
}

static void resynch_ends_the_session(void)
{
    static const struct spdm_handler rows[] = {
        {SPDM_GET_MEASUREMENTS, SPDM_VERSION_10, "GET_MEASUREMENTS", 0, 0xff, true, true, SPDM_NOTED_NOWHERE,
         want_resynch}};
    open_session(SPDM_VERSION_12);
    pair.responder.tables[0] = (struct spdm_handler_table){rows, 1};
    CHECK_ERR(get(&pair.session, 1, true), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    CU_ASSERT(pair.session.state == SESSION_NONE && pair.session.l1l2.id == HASH_NONE);
    loopback_close(&pair);
}

/* --- KEY_EXCHANGE --------------------------------------------------------------------------------------------- */

static void a_summary_in_key_exchange(void)
{
    struct reference_value values[] = {{.index = 1, .tcb = true}, {.index = 2, .tcb = true}};
    const struct reference_values reference = {values, 2, false};
    static const uint8_t types[] = {SPDM_SUMMARY_TCB, SPDM_SUMMARY_ALL};
    for (size_t i = 0; i < sizeof types; i++) {
        open_pair(SPDM_VERSION_12);
        pair.requester_config.summary_type = types[i];
        CHECK_OK(loopback_session(&pair));
        CU_ASSERT_EQUAL(pair.requester.summary_type, types[i]);
        CHECK_OK(get(&pair.session, SPDM_MEASUREMENT_ALL, true));
        CHECK_OK(reference_summary_check(&pair.requester, &reference, record, result.record_len));
        pair.requester.summary[0] ^= 1;
        CHECK_ERR(reference_summary_check(&pair.requester, &reference, record, result.record_len), IDE_E_MEASUREMENT);
        loopback_close(&pair);
    }
}

static void alter_summary(struct loopback *l, uint8_t *object, size_t *len)
{
    (void)l;
    if (*len > 12 + 100 && object[DOE_HEADER_SIZE + 1] == SPDM_KEY_EXCHANGE_RSP)
        object[DOE_HEADER_SIZE + 8 + 32 + 64] ^= 1;
}

static void an_altered_summary_ends_the_handshake(void)
{
    open_pair(SPDM_VERSION_12);
    pair.requester_config.summary_type = SPDM_SUMMARY_ALL;
    pair.on_response = alter_summary;
    CHECK_ERR(loopback_session(&pair), IDE_E_SIGNATURE);
    CHECK_FAULT(&pair.requester.fault, IDE_E_SIGNATURE, "KEY_EXCHANGE_RSP", "Signature");
    CU_ASSERT_EQUAL(pair.requester.summary_type, SPDM_SUMMARY_NONE);
    loopback_close(&pair);
}

static void a_summary_that_nobody_has(void)
{
    open_pair(SPDM_VERSION_12);
    pair.responder_config.flags &= ~SPDM_CAP_MEAS_MASK;
    pair.requester_config.summary_type = SPDM_SUMMARY_ALL;
    CHECK_ERR(loopback_session(&pair), IDE_E_CAPABILITY);
    CHECK_FAULT(&pair.requester.fault, IDE_E_CAPABILITY, "KEY_EXCHANGE", "MEAS_CAP");
    loopback_close(&pair);
}

static void ask_for_type_2(struct loopback *l, uint8_t *object, size_t *len)
{
    (void)l;
    if (*len > DOE_HEADER_SIZE + 4 && object[DOE_HEADER_SIZE + 1] == SPDM_KEY_EXCHANGE)
        object[DOE_HEADER_SIZE + 2] = 2;
}

static void a_type_that_there_is_not(void)
{
    open_pair(SPDM_VERSION_12);
    pair.on_request = ask_for_type_2;
    CHECK_ERR(loopback_session(&pair), IDE_E_PEER_ERROR);
    CHECK_FAULT(&pair.device_fault, IDE_E_FIELD, "KEY_EXCHANGE", "MeasurementSummaryHashType");
    loopback_close(&pair);
}

static void the_log_in_a_session(void)
{
    size_t len;
    struct ide_fault fault;
    open_session(SPDM_VERSION_13);
    CHECK_OK(session_get_mel(&pair.session, wanted, sizeof wanted, &len));
    CU_ASSERT(len == measured_device.mel_len && memcmp(wanted, measured_device.mel, len) == 0);
    CHECK_OK(get(&pair.session, SPDM_MEASUREMENT_ALL, true));
    CHECK_OK(spdm_mel_check(&pair.requester.params, wanted, len, record, result.record_len, &fault));
    loopback_close(&pair);
}

/* Of the most measurements that there can be, in chunks: these are no requests of their own for L1/L2. */
static void a_record_longer_than_a_transfer(void)
{
    static uint8_t requester_large[65536], device_large[65536], large[65536];
    static const uint8_t value[200];
    static struct device_measurement list[254];
    const struct device_measurements device = {list, 254, NULL, 0};
    const struct spdm_measurement_request one = {.index = 9}, all = {SPDM_MEASUREMENT_ALL, true, false};
    for (size_t i = 0; i < 254; i++)
        list[i] = (struct device_measurement){
            (uint8_t)(i + 1), SPDM_MEASURED_INFORMATIONAL, MEASURED_AS_RAW, false, value, sizeof value};
    open_pair(SPDM_VERSION_12);
    pair.requester.large = (struct spdm_large){.data = requester_large, .cap = sizeof requester_large};
    pair.responder.spdm.connection.large = (struct spdm_large){.data = device_large, .cap = sizeof device_large};
    pair.responder.spdm.measurements = &device;
    CHECK_OK(loopback_session(&pair));
    const struct spdm_channel channels[] = {pair.requester.clear, session_channel(&pair.session)};
    for (size_t i = 0; i < 2; i++) {
        struct spdm_connection *c = &pair.requester;
        CHECK_OK(spdm_get_measurements(c, &channels[i], &one, large, sizeof large, &result));
        CHECK_OK(spdm_get_measurements(c, &channels[i], &all, large, sizeof large, &result));
        CU_ASSERT(result.verified && result.count == 254 && result.record_len == 254 * 207);
    }
    loopback_close(&pair);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(signed_and_not_in_each_version),
        TEST(each_session_has_its_own_l1l2),
        TEST(another_request_in_the_session_makes_it_null),
        TEST(no_session_no_measurements),
        TEST(resynch_ends_the_session),
        TEST(a_summary_in_key_exchange),
        TEST(an_altered_summary_ends_the_handshake),
        TEST(a_summary_that_nobody_has),
        TEST(a_type_that_there_is_not),
        TEST(the_log_in_a_session),
        TEST(a_record_longer_than_a_transfer),
        CU_TEST_INFO_NULL,
    };
    return suite_run("measurements in sessions", tests);
}
