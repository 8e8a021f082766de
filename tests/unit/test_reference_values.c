/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measurements against reference values, and summary hashes in CHALLENGE_AUTH against both. */
#include <string.h>

#include "check.h"
#include "measured_device.h"
#include "spdm/reference_values.h"
#include "spdm_pair.h"
#include "suite.h"

static struct device_identity identity;
static struct spdm_pair pair;
static struct spdm_params params;
static uint8_t record[512];
static size_t record_len;
static struct ide_fault fault;
static struct reference_value values[MEASURED_COUNT + 1];

/* The record, and a reference value for each of its blocks. */
static void prepare(void)
{
    params = (struct spdm_params){.version = SPDM_VERSION_12, .measurement_spec = 1, .measurement_hash_size = 32,
                                  .hash = hash_by_id(HASH_SHA256), .measurement_hash = hash_by_id(HASH_SHA256)};
    record_len = measured_record(record, sizeof record, false);
    struct reader r = reader_of(record, record_len);
    struct spdm_measurement_block b;
    for (size_t i = 0; spdm_measurement_next(&r, &params, &b); i++)
        values[i] = (struct reference_value){b.index, i < 2, b.len, b.value};
    fault = (struct ide_fault){0};
}

static enum ide_err check(size_t count, bool complete)
{
    const struct reference_values reference = {values, count, complete};
    return reference_values_check(&reference, &params, record, record_len, &fault);
}

static void equal_values_are_right(void)
{
    prepare();
    CHECK_OK(check(MEASURED_COUNT, true));
    CHECK_OK(check(2, false));
}

static void each_bit_of_a_value_matters(void)
{
    uint8_t other[512];
    prepare();
    for (size_t i = 0; i < MEASURED_COUNT; i++) {
        for (unsigned bit = 0; bit < 8u * values[i].len; bit++) {
            prepare();
            memcpy(other, values[i].value, values[i].len);
            other[bit / 8] ^= (uint8_t)(1u << bit % 8);
            values[i].value = other;
            CHECK_ERR(check(MEASURED_COUNT, false), IDE_E_MEASUREMENT);
            CHECK_FAULT(&fault, IDE_E_MEASUREMENT, "MEASUREMENTS", "DMTFSpecMeasurementValue");
            CU_ASSERT_EQUAL(fault.measurement, values[i].index);
        }
    }
}

static void a_shorter_or_longer_value_is_another(void)
{
    uint8_t longer[64] = {7};
    prepare();
    values[3].len--;
    CHECK_ERR(check(MEASURED_COUNT, false), IDE_E_MEASUREMENT);
    values[3].len = 0;
    CHECK_ERR(check(MEASURED_COUNT, false), IDE_E_MEASUREMENT);
    values[3] = (struct reference_value){0x10, false, 9, longer};
    CHECK_ERR(check(MEASURED_COUNT, false), IDE_E_MEASUREMENT);
    CU_ASSERT_EQUAL(fault.measurement, 0x10);
}

static void what_is_expected_must_be_measured(void)
{
    prepare();
    values[5].index = 0x77;
    CHECK_ERR(check(MEASURED_COUNT, false), IDE_E_MEASUREMENT);
    CHECK_FAULT(&fault, IDE_E_MEASUREMENT, "MEASUREMENTS", "MeasurementBlock");
    CU_ASSERT_EQUAL(fault.measurement, 0x77);
    record_len = 0;
    CHECK_ERR(check(1, false), IDE_E_MEASUREMENT);
    CU_ASSERT_EQUAL(fault.measurement, 1);
}

static void what_is_measured_besides(void)
{
    prepare();
    CHECK_OK(check(MEASURED_COUNT - 1, false));
    CHECK_ERR(check(MEASURED_COUNT - 1, true), IDE_E_MEASUREMENT);
    CHECK_FAULT(&fault, IDE_E_MEASUREMENT, "MEASUREMENTS", "Index");
    CU_ASSERT_EQUAL(fault.measurement, 0xfd);
}

static void one_of_several_values(void)
{
    static const uint8_t older[8] = {6};
    prepare();
    values[6] = values[3];
    values[3].value = older;
    CHECK_OK(check(MEASURED_COUNT + 1, true));
    values[6].value = older;
    CHECK_ERR(check(MEASURED_COUNT + 1, true), IDE_E_MEASUREMENT);
}

static void no_values_and_no_record(void)
{
    prepare();
    CHECK_ERR(check(0, false), IDE_E_ARGUMENT);
    record_len--;
    CHECK_ERR(check(MEASURED_COUNT, false), IDE_E_SHORT);
    CHECK_FAULT(&fault, IDE_E_SHORT, "MEASUREMENTS", "MeasurementSize");
}

/* --- MeasurementSummaryHash ----------------------------------------------------------------------------------- */

static void open_pair(uint8_t type)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
    measured_device_configure(&pair.responder_config);
    pair.requester_config.summary_type = type;
    pair.responder.measurements = &measured_device;
    prepare();
}

static enum ide_err authenticate(void)
{
    return spdm_authenticate(&pair.requester, 0, &identity.trust);
}

static void a_summary_of_all(void)
{
    uint8_t wanted[32];
    open_pair(SPDM_SUMMARY_ALL);
    CHECK_OK(authenticate());
    CHECK_OK(hash_once(HASH_SHA256, record, record_len, wanted));
    CU_ASSERT_EQUAL(pair.requester.summary_type, SPDM_SUMMARY_ALL);
    CU_ASSERT(memcmp(pair.requester.summary, wanted, sizeof wanted) == 0);
    CHECK_OK(reference_summary_check(&pair.requester, NULL, record, record_len));
    record[20] ^= 1;
    CHECK_ERR(reference_summary_check(&pair.requester, NULL, record, record_len), IDE_E_MEASUREMENT);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_MEASUREMENT, "MEASUREMENTS", "MeasurementSummaryHash"));
    CHECK_ERR(reference_summary_check(&pair.requester, NULL, record, record_len - 1), IDE_E_SHORT);
    spdm_pair_close(&pair);
}

static void a_summary_of_the_tcb(void)
{
    struct reference_values reference = {values, MEASURED_COUNT, true};
    uint8_t wanted[32];
    open_pair(SPDM_SUMMARY_TCB);
    CHECK_OK(authenticate());
    struct writer w = writer_of(record, sizeof record);
    measured_block(&w, 0, false);
    measured_block(&w, 1, false);
    CHECK_OK(hash_once(HASH_SHA256, record, w.pos, wanted));
    CU_ASSERT(memcmp(pair.requester.summary, wanted, sizeof wanted) == 0);
    CHECK_OK(reference_summary_check(&pair.requester, &reference, record, record_len));
    reference.list = values + 1;
    CHECK_ERR(reference_summary_check(&pair.requester, &reference, record, record_len), IDE_E_MEASUREMENT);
    spdm_pair_close(&pair);
}

static void without_a_tcb_the_summary_is_zeros(void)
{
    static const uint8_t zeros[32];
    const struct device_measurements rest = {measured_device.list + 2, 2, NULL, 0};
    open_pair(SPDM_SUMMARY_TCB);
    pair.responder.measurements = &rest;
    CHECK_OK(authenticate());
    CU_ASSERT_EQUAL(pair.requester.summary_type, SPDM_SUMMARY_TCB);
    CU_ASSERT(memcmp(pair.requester.summary, zeros, sizeof zeros) == 0);
    CHECK_OK(reference_summary_check(&pair.requester, NULL, record, record_len));
    spdm_pair_close(&pair);
}

static void none_was_asked_for(void)
{
    open_pair(SPDM_SUMMARY_NONE);
    CHECK_OK(authenticate());
    CU_ASSERT_EQUAL(pair.requester.summary_type, SPDM_SUMMARY_NONE);
    CHECK_ERR(reference_summary_check(&pair.requester, NULL, record, record_len), IDE_E_STATE);
    spdm_pair_close(&pair);
}

static void an_altered_summary_is_not_kept(void)
{
    open_pair(SPDM_SUMMARY_ALL);
    pair.alteration = (struct alteration){
        .code = SPDM_CHALLENGE_AUTH, .offset = 4 + 32 + 32, .bytes = {1, 2, 3}, .count = 3};
    CHECK_ERR(authenticate(), IDE_E_SIGNATURE);
    CU_ASSERT_EQUAL(pair.requester.summary_type, SPDM_SUMMARY_NONE);
    spdm_pair_close(&pair);
}

static void nobody_to_ask(void)
{
    open_pair(SPDM_SUMMARY_ALL);
    pair.responder_config.flags &= ~SPDM_CAP_MEAS_MASK;
    CHECK_ERR(authenticate(), IDE_E_CAPABILITY);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_CAPABILITY, "CHALLENGE", "MEAS_CAP"));
    spdm_pair_close(&pair);
    open_pair(SPDM_SUMMARY_ALL);
    pair.requester_config.measurement_spec = 0;
    CHECK_ERR(authenticate(), IDE_E_CAPABILITY);
    spdm_pair_close(&pair);
    open_pair(2);
    CHECK_ERR(authenticate(), IDE_E_ARGUMENT);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_ARGUMENT, "CHALLENGE", "MeasurementSummaryHashType"));
    spdm_pair_close(&pair);
}

static void a_device_knows_three_types(void)
{
    uint8_t request[36] = {SPDM_VERSION_12, SPDM_CHALLENGE}, response[SPDM_TRANSFER_SIZE];
    size_t len;
    open_pair(SPDM_SUMMARY_NONE);
    CHECK_OK(authenticate());
    for (unsigned type = 0; type < 256; type++) {
        request[3] = (uint8_t)type;
        bool known = type == SPDM_SUMMARY_NONE || type == SPDM_SUMMARY_TCB || type == SPDM_SUMMARY_ALL;
        CHECK_ERR(spdm_pair_send(&pair, request, sizeof request, response, &len), known ? IDE_OK : IDE_E_FIELD);
        if (known)
            CU_ASSERT_EQUAL(len, 4 + 32 + 32 + (type ? 32u : 0u) + 2 + 64);
    }
    pair.responder.connection.params.measurement_spec = 0;
    request[3] = SPDM_SUMMARY_ALL;
    CHECK_ERR(spdm_pair_send(&pair, request, sizeof request, response, &len), IDE_E_STATE);
    spdm_pair_close(&pair);
}

static int make_identity(void)
{
    return device_identity_make(&identity, "reference-values", "P-256", HASH_SHA256) ? 0 : 1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(equal_values_are_right),
        TEST(each_bit_of_a_value_matters),
        TEST(a_shorter_or_longer_value_is_another),
        TEST(what_is_expected_must_be_measured),
        TEST(what_is_measured_besides),
        TEST(one_of_several_values),
        TEST(no_values_and_no_record),
        TEST(a_summary_of_all),
        TEST(a_summary_of_the_tcb),
        TEST(without_a_tcb_the_summary_is_zeros),
        TEST(none_was_asked_for),
        TEST(an_altered_summary_is_not_kept),
        TEST(nobody_to_ask),
        TEST(a_device_knows_three_types),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("reference values", make_identity, NULL, tests);
}
