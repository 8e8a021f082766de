/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_MEASUREMENTS outside sessions: what a requester gets, what L1/L2 covers, what the device refuses. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "measured_device.h"
#include "spdm_pair.h"
#include "suite.h"

static struct device_identity identity;
static struct spdm_pair pair;
static uint8_t record[4096], wanted[4096];
static struct spdm_measurement_result result;

static void open_version(uint8_t version)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
    measured_device_configure(&pair.responder_config);
    pair.requester_config.mel_spec = 1;
    pair.requester_config.version_min = pair.requester_config.version_max = version;
    pair.responder_config.version_min = pair.responder_config.version_max = version;
    if (version == SPDM_VERSION_10) /* whose requester has no flags, and no structures */
        pair.requester_config.flags = 0;
    pair.responder.measurements = &measured_device;
    memset(record, 0xaa, sizeof record);
}

static void connect_version(uint8_t version)
{
    open_version(version);
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
}

static enum ide_err get(uint8_t index, bool with_signature, bool raw)
{
    const struct spdm_measurement_request request = {index, with_signature, raw};
    return spdm_get_measurements(&pair.requester, &pair.requester.clear, &request, record, sizeof record, &result);
}

static bool nothing_published(void)
{
    static const struct spdm_measurement_result none;
    for (size_t i = 0; i < sizeof record; i++)
        if (record[i] != 0xaa && record[i] != 0)
            return false;
    return memcmp(&result, &none, sizeof none) == 0 && pair.requester.l1l2.id == HASH_NONE;
}

static bool got_all(bool raw)
{
    size_t len = measured_record(wanted, sizeof wanted, raw);
    return result.count == MEASURED_COUNT && result.record_len == len && memcmp(record, wanted, len) == 0;
}

static void check_all_in(uint8_t version)
{
    connect_version(version);
    CHECK_OK(get(SPDM_MEASUREMENT_ALL, true, false));
    CU_ASSERT(got_all(false) && result.verified && result.total == 0);
    CHECK_OK(get(SPDM_MEASUREMENT_ALL, false, false));
    CU_ASSERT(got_all(false) && !result.verified);
    CHECK_OK(get(SPDM_MEASUREMENT_COUNT, true, false));
    CU_ASSERT(result.total == MEASURED_COUNT && result.count == 0 && result.record_len == 0 && result.verified);
    spdm_pair_close(&pair);
}

static void all_of_them_in_each_version(void)
{
    for (uint8_t version = SPDM_VERSION_10; version <= SPDM_VERSION_14; version++)
        check_all_in(version);
}

static void one_by_one(void)
{
    connect_version(SPDM_VERSION_12);
    for (size_t i = 0; i < 2 * MEASURED_COUNT; i++) {
        struct writer w = writer_of(wanted, sizeof wanted);
        measured_block(&w, i / 2, false);
        CHECK_OK(get(measured_device.list[i / 2].index, i & 1, false));
        CU_ASSERT(result.count == 1 && result.record_len == w.pos && memcmp(record, wanted, w.pos) == 0);
        CU_ASSERT_EQUAL(result.verified, i & 1);
    }
    spdm_pair_close(&pair);
}

static void raw_bit_streams(void)
{
    connect_version(SPDM_VERSION_12);
    CHECK_OK(get(SPDM_MEASUREMENT_ALL, true, true));
    CU_ASSERT(got_all(true));
    spdm_pair_close(&pair);
    connect_version(SPDM_VERSION_11);
    CHECK_ERR(get(SPDM_MEASUREMENT_ALL, true, true), IDE_E_UNSUPPORTED);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_UNSUPPORTED, "GET_MEASUREMENTS", "RawBitStreamRequested"));
    CU_ASSERT(nothing_published());
    spdm_pair_close(&pair);
}

/* Without a hash every block is raw, and what is kept as a digest only is the device's mistake. */
static void a_device_without_a_measurement_hash(void)
{
    const struct device_measurements raw_only = {measured_device.list, 2, NULL, 0};
    open_version(SPDM_VERSION_12);
    pair.responder_config.measurement_hash = SPDM_MEASUREMENT_HASH_RAW_ONLY;
    pair.responder.measurements = &raw_only;
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
    CHECK_OK(get(SPDM_MEASUREMENT_ALL, true, false));
    struct writer w = writer_of(wanted, sizeof wanted);
    measured_block(&w, 0, true);
    measured_block(&w, 1, true);
    CU_ASSERT(result.count == 2 && result.record_len == w.pos && memcmp(record, wanted, w.pos) == 0);
    pair.responder.measurements = &measured_device;
    CHECK_ERR(get(SPDM_MEASUREMENT_ALL, true, false), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSPECIFIED);
    spdm_pair_close(&pair);
}

/* --- L1/L2 ---------------------------------------------------------------------------------------------------- */

static const uint8_t some[] = {1, 3, 0xfd};

static enum ide_err get_some(bool with_signature)
{
    const struct spdm_measurement_request how = {.with_signature = with_signature};
    return spdm_get_measurements_of(&pair.requester, &pair.requester.clear, some, sizeof some, &how, record,
                                    sizeof record, &result);
}

static void one_signature_covers_several_requests(void)
{
    connect_version(SPDM_VERSION_12);
    struct writer w = writer_of(wanted, sizeof wanted);
    measured_block(&w, 0, false);
    measured_block(&w, 2, false);
    measured_block(&w, 5, false);
    CHECK_OK(get_some(true));
    CU_ASSERT(result.verified && result.count == 3 && result.record_len == w.pos);
    CU_ASSERT(memcmp(record, wanted, w.pos) == 0);
    CHECK_OK(get_some(false));
    CU_ASSERT(!result.verified && result.count == 3);
    spdm_pair_close(&pair);
}

static void the_signature_covers_what_came_before_it(void)
{
    connect_version(SPDM_VERSION_12);
    /* the last byte of measurement 1's digest, in the first response, which is not signed itself */
    pair.alteration = (struct alteration){.code = SPDM_MEASUREMENTS, .offset = 8 + 7 + 31, .bytes = {0x66}, .count = 1};
    CHECK_ERR(get_some(true), IDE_E_SIGNATURE);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_SIGNATURE, "MEASUREMENTS", "Signature"));
    CU_ASSERT(nothing_published());
    CHECK_OK(get_some(true));
    spdm_pair_close(&pair);
}

static void indices_of_a_list_are_indices(void)
{
    static const uint8_t all[] = {1, SPDM_MEASUREMENT_ALL}, count[] = {SPDM_MEASUREMENT_COUNT};
    const struct spdm_measurement_request how = {.with_signature = true};
    struct spdm_connection *c = &pair.requester;
    connect_version(SPDM_VERSION_12);
    CHECK_ERR(spdm_get_measurements_of(c, &c->clear, all, 2, &how, record, sizeof record, &result), IDE_E_ARGUMENT);
    CHECK_ERR(spdm_get_measurements_of(c, &c->clear, count, 1, &how, record, sizeof record, &result), IDE_E_ARGUMENT);
    CHECK_ERR(spdm_get_measurements_of(c, &c->clear, all, 0, &how, record, sizeof record, &result), IDE_E_ARGUMENT);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_ARGUMENT, "GET_MEASUREMENTS", "Index"));
    spdm_pair_close(&pair);
}

static void another_request_makes_l1l2_null(void)
{
    uint8_t mask;
    connect_version(SPDM_VERSION_12);
    CHECK_OK(get(1, false, false));
    CU_ASSERT(pair.requester.l1l2.id != HASH_NONE && pair.responder.connection.l1l2.id != HASH_NONE);
    CHECK_OK(spdm_get_digests(&pair.requester, &mask, NULL));
    CU_ASSERT(pair.requester.l1l2.id == HASH_NONE && pair.responder.connection.l1l2.id == HASH_NONE);
    CHECK_OK(get(2, true, false));
    CU_ASSERT(pair.requester.l1l2.id == HASH_NONE && pair.responder.connection.l1l2.id == HASH_NONE);
    spdm_pair_close(&pair);
}

static void an_error_makes_l1l2_null(void)
{
    connect_version(SPDM_VERSION_12);
    CHECK_OK(get(1, false, false));
    CHECK_ERR(get(0x42, false, false), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT(pair.requester.l1l2.id == HASH_NONE && pair.responder.connection.l1l2.id == HASH_NONE);
    CHECK_OK(get(2, true, false));
    spdm_pair_close(&pair);
}

static void a_wrong_signature_publishes_nothing(void)
{
    connect_version(SPDM_VERSION_12);
    size_t len = measured_record(wanted, sizeof wanted, false);
    pair.alteration = (struct alteration){
        .code = SPDM_MEASUREMENTS, .offset = 8 + len + 32 + 2 + 5, .bytes = {1, 2, 3, 4}, .count = 4};
    CHECK_ERR(get(SPDM_MEASUREMENT_ALL, true, false), IDE_E_SIGNATURE);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_SIGNATURE, "MEASUREMENTS", "Signature"));
    CU_ASSERT(nothing_published());
    pair.requester.peer.key.data[3] ^= 1;
    CU_ASSERT(get(SPDM_MEASUREMENT_ALL, true, false) != IDE_OK);
    CU_ASSERT(nothing_published());
    spdm_pair_close(&pair);
}

static void a_replayed_response_is_refused(void)
{
    uint8_t old[SPDM_TRANSFER_SIZE];
    connect_version(SPDM_VERSION_12);
    CHECK_OK(get(0x10, true, false));
    size_t len = 8 + 7 + 8 + 32 + 2 + 64;
    memcpy(old, pair.requester.rx + SPDM_HEADROOM, len);
    /* piecewise, because an alteration has 64 bytes: nonce and signature of the old response */
    pair.alteration = (struct alteration){.code = SPDM_MEASUREMENTS, .offset = len - 64, .count = 64};
    memcpy(pair.alteration.bytes, old + len - 64, 64);
    memset(record, 0xaa, sizeof record);
    CHECK_ERR(get(0x10, true, false), IDE_E_SIGNATURE);
    CU_ASSERT(nothing_published());
    spdm_pair_close(&pair);
}

static void a_record_that_does_not_fit_is_not_cut(void)
{
    const struct spdm_measurement_request request = {SPDM_MEASUREMENT_ALL, true, false};
    connect_version(SPDM_VERSION_12);
    size_t len = measured_record(wanted, sizeof wanted, false);
    CHECK_ERR(spdm_get_measurements(&pair.requester, &pair.requester.clear, &request, record, len - 1, &result),
              IDE_E_SPACE);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_SPACE, "MEASUREMENTS", "MeasurementRecordLength"));
    CU_ASSERT(nothing_published());
    CHECK_OK(spdm_get_measurements(&pair.requester, &pair.requester.clear, &request, record, len, &result));
    spdm_pair_close(&pair);
}

/* --- how many ------------------------------------------------------------------------------------------------- */

static struct device_measurement many[255];

static struct device_measurements many_of(size_t count, uint16_t len)
{
    static uint8_t value[300];
    for (size_t i = 0; i < count; i++)
        many[i] = (struct device_measurement){
            (uint8_t)(i + 1), SPDM_MEASURED_INFORMATIONAL, MEASURED_AS_RAW, false, value, len};
    return (struct device_measurements){many, count, NULL, 0};
}

static void as_many_as_there_are_indices(void)
{
    connect_version(SPDM_VERSION_12);
    struct device_measurements device = many_of(254, 1);
    pair.responder.measurements = &device;
    CHECK_OK(get(SPDM_MEASUREMENT_ALL, true, false));
    CU_ASSERT(result.count == 254 && result.record_len == 254 * 8);
    device = many_of(255, 1);
    CHECK_ERR(get(SPDM_MEASUREMENT_ALL, true, false), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSPECIFIED);
    spdm_pair_close(&pair);
}

static void a_record_longer_than_a_transfer(void)
{
    connect_version(SPDM_VERSION_12);
    struct device_measurements device = many_of(20, 300);
    pair.responder.measurements = &device;
    CHECK_ERR(get(SPDM_MEASUREMENT_ALL, true, false), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_RESPONSE_TOO_LARGE);
    CHECK_OK(get(20, true, false));
    spdm_pair_close(&pair);
}

/* --- what is not agreed on ------------------------------------------------------------------------------------ */

static void a_requester_asks_only_for_what_there_is(void)
{
    open_version(SPDM_VERSION_12);
    CHECK_ERR(get(1, false, false), IDE_E_STATE);
    pair.responder_config.flags ^= SPDM_CAP_MEAS_SIG | SPDM_CAP_MEAS_NO_SIG;
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
    CHECK_OK(get(1, false, false));
    CHECK_ERR(get(1, true, false), IDE_E_CAPABILITY);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_CAPABILITY, "GET_MEASUREMENTS", "MEAS_CAP"));
    pair.responder_config.flags &= ~SPDM_CAP_MEAS_MASK;
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
    CHECK_ERR(get(1, false, false), IDE_E_CAPABILITY);
    spdm_pair_close(&pair);

    open_version(SPDM_VERSION_12);
    CHECK_OK(spdm_negotiate(&pair.requester));
    CHECK_ERR(get(1, true, false), IDE_E_STATE);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_STATE, "GET_MEASUREMENTS", "CertChain"));
    CHECK_OK(get(1, false, false));
    pair.requester_config.measurement_spec = 0;
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
    CHECK_ERR(get(1, false, false), IDE_E_STATE);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_STATE, "GET_MEASUREMENTS", "MeasurementSpecificationSel"));
    spdm_pair_close(&pair);
}

/* --- the responder -------------------------------------------------------------------------------------------- */

/* The ERROR code that a request gets, 0 if it is answered. */
static uint8_t answer(const uint8_t *request, size_t len)
{
    uint8_t response[SPDM_TRANSFER_SIZE];
    size_t response_len = 0;
    (void)!spdm_pair_send(&pair, request, len, response, &response_len);
    return response_len >= 4 && response[1] == SPDM_ERROR ? response[2] : 0;
}

static void a_request_cut_off_anywhere_is_invalid(void)
{
    const uint8_t request[4 + 32 + 1 + 8] = {SPDM_VERSION_13, SPDM_GET_MEASUREMENTS, SPDM_MEASUREMENTS_SIGNED, 0xff};
    connect_version(SPDM_VERSION_13);
    for (size_t n = 4; n < sizeof request; n++)
        CU_ASSERT_EQUAL(answer(request, n), SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_EQUAL(answer(request, sizeof request), 0);
    spdm_pair_close(&pair);
}

static void what_a_device_refuses(void)
{
    uint8_t request[4 + 32 + 1] = {SPDM_VERSION_12, SPDM_GET_MEASUREMENTS, 0, 1};
    open_version(SPDM_VERSION_12);
    CU_ASSERT_EQUAL(answer(request, 4), SPDM_ERROR_REQUEST_RESYNCH);
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
    CU_ASSERT_EQUAL(answer(request, 4), 0);
    request[3] = 0x42;   /* no such measurement */
    CU_ASSERT_EQUAL(answer(request, 4), SPDM_ERROR_INVALID_REQUEST);
    request[3] = 1;
    request[2] = SPDM_MEASUREMENTS_SIGNED;
    request[36] = 2;
    CU_ASSERT_EQUAL(answer(request, sizeof request), 0);
    for (uint8_t slot = 0; slot < 16; slot++) {
        request[36] = slot;
        CU_ASSERT_EQUAL(answer(request, sizeof request), slot == 0 || slot == 2 ? 0 : SPDM_ERROR_INVALID_REQUEST);
    }
    request[36] = 0;
    pair.responder.connection.params.flags_responder ^= SPDM_CAP_MEAS_SIG | SPDM_CAP_MEAS_NO_SIG;
    CU_ASSERT_EQUAL(answer(request, sizeof request), SPDM_ERROR_INVALID_REQUEST);
    request[2] = 0;
    pair.responder.connection.params.measurement_spec = 0;
    CU_ASSERT_EQUAL(answer(request, 4), SPDM_ERROR_UNEXPECTED_REQUEST);
    pair.responder_config.flags &= ~SPDM_CAP_MEAS_MASK;
    CU_ASSERT_EQUAL(answer(request, 4), SPDM_ERROR_UNSUPPORTED_REQUEST);
    spdm_pair_close(&pair);
}

/* A session of a layer that keeps no L1/L2 for it. */
static void a_session_without_l1l2(void)
{
    const uint8_t request[4] = {SPDM_VERSION_12, SPDM_GET_MEASUREMENTS, 0, 1};
    uint8_t response[64];
    size_t len;
    int session;
    connect_version(SPDM_VERSION_12);
    CHECK_ERR(spdm_respond(&pair.responder, &session, request, sizeof request, response, sizeof response, &len),
              IDE_E_STATE);
    CU_ASSERT_EQUAL(response[2], SPDM_ERROR_UNEXPECTED_REQUEST);
    spdm_pair_close(&pair);
}

static int make_identity(void)
{
    return device_identity_make(&identity, "measurements", "P-256", HASH_SHA256) ? 0 : 1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(all_of_them_in_each_version),
        TEST(one_by_one),
        TEST(raw_bit_streams),
        TEST(a_device_without_a_measurement_hash),
        TEST(one_signature_covers_several_requests),
        TEST(the_signature_covers_what_came_before_it),
        TEST(indices_of_a_list_are_indices),
        TEST(another_request_makes_l1l2_null),
        TEST(an_error_makes_l1l2_null),
        TEST(a_wrong_signature_publishes_nothing),
        TEST(a_replayed_response_is_refused),
        TEST(a_record_that_does_not_fit_is_not_cut),
        TEST(as_many_as_there_are_indices),
        TEST(a_record_longer_than_a_transfer),
        TEST(a_requester_asks_only_for_what_there_is),
        TEST(a_request_cut_off_anywhere_is_invalid),
        TEST(what_a_device_refuses),
        TEST(a_session_without_l1l2),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("measurements", make_identity, NULL, tests);
}
