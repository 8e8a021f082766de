/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MEASUREMENTS with one field wrong: the error that names it, and nothing published. */
#include <string.h>

#include "check.h"
#include "measured_device.h"
#include "spdm_pair.h"
#include "suite.h"

#define SVN 0x10u

static struct device_identity identity;
static struct spdm_pair pair;
static uint8_t record[512];
static struct spdm_measurement_result result;

static void connect_version(uint8_t version)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
    measured_device_configure(&pair.responder_config);
    pair.requester_config.version_min = pair.requester_config.version_max = version;
    pair.responder_config.version_min = pair.responder_config.version_max = version;
    pair.responder.measurements = &measured_device;
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
}

static enum ide_err get(uint8_t index, bool with_signature)
{
    const struct spdm_measurement_request request = {.index = index, .with_signature = with_signature};
    memset(record, 0xaa, sizeof record);
    return spdm_get_measurements(&pair.requester, &pair.requester.clear, &request, record, sizeof record, &result);
}

static bool nothing_published(void)
{
    static const struct spdm_measurement_result none;
    for (size_t i = 0; i < sizeof record; i++)
        if (record[i] != 0xaa)
            return false;
    return memcmp(&result, &none, sizeof none) == 0 && pair.requester.l1l2.id == HASH_NONE;
}

/* Unsigned responses of 1.2 as they should be. */
#define HEAD(total, count, len) 0x12, SPDM_MEASUREMENTS, total, 0, count, len, 0, 0
#define TAIL 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
#define SVN_BLOCK SVN, 1, 11, 0, 0x87, 8, 0, 7, 0, 0, 0, 0, 0, 0, 0
#define EMPTY_BLOCK(index) index, 1, 3, 0, 0x89, 0, 0

static const uint8_t one[57] = {HEAD(0, 1, 15), SVN_BLOCK, TAIL};
static const uint8_t two[56] = {HEAD(0, 2, 14), EMPTY_BLOCK(1), EMPTY_BLOCK(2), TAIL};
static const uint8_t total[42] = {HEAD(6, 0, 0), TAIL};

struct wrong {
    const char *name;
    size_t at, count;
    uint8_t bytes[3];
    enum ide_err err;
    const char *field;
    uint8_t measurement;
};

#define SIZE "MeasurementSize"
#define TYPE "DMTFSpecMeasurementValueType"
#define VALUE_SIZE "DMTFSpecMeasurementValueSize"

static const struct wrong wrong_one[] = {
    {"no block", 4, 1, {0}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"two blocks", 4, 1, {2}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"255 blocks", 4, 1, {255}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"an empty record", 5, 1, {0}, IDE_E_LONG, "length", 0},
    {"a record one byte short", 5, 1, {14}, IDE_E_SHORT, SIZE, SVN},
    {"a record one byte long", 5, 1, {16}, IDE_E_SHORT, "OpaqueDataLength", 0},
    {"a record of 16 MiB", 5, 3, {0xff, 0xff, 0xff}, IDE_E_SHORT, "MeasurementRecordData", 0},
    {"index 0", 8, 1, {0}, IDE_E_FIELD, "Index", 0},
    {"index 255", 8, 1, {255}, IDE_E_FIELD, "Index", 255},
    {"another index", 8, 1, {0x11}, IDE_E_FIELD, "Index", 0x11},
    {"no specification", 9, 1, {0}, IDE_E_FIELD, "MeasurementSpecification", SVN},
    {"another specification", 9, 1, {2}, IDE_E_FIELD, "MeasurementSpecification", SVN},
    {"two specifications", 9, 1, {3}, IDE_E_FIELD, "MeasurementSpecification", SVN},
    {"MeasurementSize 0", 10, 1, {0}, IDE_E_SHORT, TYPE, SVN},
    {"MeasurementSize 2", 10, 1, {2}, IDE_E_SHORT, VALUE_SIZE, SVN},
    {"MeasurementSize 10", 10, 1, {10}, IDE_E_SHORT, VALUE_SIZE, SVN},
    {"MeasurementSize 12", 10, 1, {12}, IDE_E_SHORT, SIZE, SVN},
    {"MeasurementSize max", 10, 2, {0xff, 0xff}, IDE_E_SHORT, SIZE, SVN},
    {"a digest of 8 bytes", 12, 1, {7}, IDE_E_FIELD, VALUE_SIZE, SVN},
    {"ValueSize 0", 13, 1, {0}, IDE_E_FIELD, SIZE, SVN},
    {"ValueSize 7", 13, 1, {7}, IDE_E_FIELD, SIZE, SVN},
    {"ValueSize 9", 13, 1, {9}, IDE_E_SHORT, VALUE_SIZE, SVN},
    {"ValueSize max", 13, 2, {0xff, 0xff}, IDE_E_SHORT, VALUE_SIZE, SVN},
    {"content changed, unsigned", 3, 1, {0x10}, IDE_E_FIELD, "ContentChanged", 0},
    {"OpaqueDataLength 1", 55, 1, {1}, IDE_E_SHORT, "OpaqueData", 0},
    {"OpaqueDataLength 1025", 55, 2, {1, 4}, IDE_E_FIELD, "OpaqueDataLength", 0},
    {"OpaqueDataLength max", 55, 2, {0xff, 0xff}, IDE_E_FIELD, "OpaqueDataLength", 0},
};

static const struct wrong wrong_two[] = {
    {"one block", 4, 1, {1}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"three blocks", 4, 1, {3}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"254 blocks", 4, 1, {254}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"255 blocks", 4, 1, {255}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"an index twice", 15, 1, {1}, IDE_E_FIELD, "Index", 1},
    {"a block into the next one", 10, 1, {4}, IDE_E_FIELD, SIZE, 1},
};

static const struct wrong wrong_total[] = {
    {"nothing is measured", 2, 1, {0}, IDE_E_FIELD, "TotalNumberOfMeasurement", 0},
    {"255 measurements", 2, 1, {255}, IDE_E_FIELD, "TotalNumberOfMeasurement", 0},
    {"blocks", 4, 1, {1}, IDE_E_FIELD, "NumberOfBlocks", 0},
    {"a record", 5, 1, {1}, IDE_E_SHORT, "OpaqueDataLength", 0},
};

/* The whole response is replaced, because the device's nonce would be random. */
static void respond_with(const uint8_t *message, size_t len, const struct wrong *w)
{
    pair.alteration = (struct alteration){.code = SPDM_MEASUREMENTS, .count = len, .replace = true};
    memcpy(pair.alteration.bytes, message, len);
    if (w)
        memcpy(pair.alteration.bytes + w->at, w->bytes, w->count);
}

static void check_table(uint8_t index, const uint8_t *message, size_t len, const struct wrong *rows, size_t count)
{
    connect_version(SPDM_VERSION_12);
    respond_with(message, len, NULL);
    CHECK_OK(get(index, false));
    for (size_t i = 0; i < count; i++) {
        const struct wrong *w = &rows[i];
        respond_with(message, len, w);
        CHECK_ERR(get(index, false), w->err);
        bool named = spdm_pair_fault_is(&pair, w->err, "MEASUREMENTS", w->field) &&
                     pair.requester.fault.measurement == w->measurement && nothing_published();
        if (!named)
            fprintf(stderr, "%s: measurement %u\n", w->name, pair.requester.fault.measurement);
        CU_ASSERT_TRUE(named);
    }
    /* the device still has what it answered in its L1/L2, until something else is asked */
    CHECK_OK(spdm_get_digests(&pair.requester, NULL, NULL));
    CHECK_OK(get(SPDM_MEASUREMENT_ALL, true));
    spdm_pair_close(&pair);
}

#define ROWS(table) table, sizeof table / sizeof table[0]

static void a_single_measurement(void)
{
    check_table(SVN, one, sizeof one, ROWS(wrong_one));
}

static void several_measurements(void)
{
    check_table(SPDM_MEASUREMENT_ALL, two, sizeof two, ROWS(wrong_two));
}

static void the_number_of_measurements(void)
{
    check_table(SPDM_MEASUREMENT_COUNT, total, sizeof total, ROWS(wrong_total));
}

static void cut_off_anywhere(void)
{
    connect_version(SPDM_VERSION_12);
    for (size_t n = 4; n < sizeof one; n++) {
        respond_with(one, n, NULL);
        CHECK_ERR(get(SVN, false), IDE_E_SHORT);
        CU_ASSERT(nothing_published());
    }
    spdm_pair_close(&pair);
}

/* Alters bytes of the honest signed response, by chance to what they were only if there are few. */
static enum ide_err get_altered(size_t at, uint8_t byte, size_t count)
{
    pair.alteration = (struct alteration){.code = SPDM_MEASUREMENTS, .offset = at, .count = count};
    memset(pair.alteration.bytes, byte, count);
    return get(SVN, true);
}

static void what_a_signed_response_says_of_itself(void)
{
    connect_version(SPDM_VERSION_12);
    CHECK_ERR(get_altered(3, 0x01, 1), IDE_E_FIELD);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_FIELD, "MEASUREMENTS", "SlotID") && nothing_published());
    CHECK_ERR(get_altered(3, 0x30, 1), IDE_E_FIELD);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_FIELD, "MEASUREMENTS", "ContentChanged") && nothing_published());
    /* the rest is for the signature to notice */
    for (size_t at = 15; at < 57 + 64; at += at == 47 ? 10 : 8) {
        CHECK_ERR(get_altered(at, 0x3c, 8), IDE_E_SIGNATURE);
        CU_ASSERT(nothing_published());
    }
    CHECK_ERR(get_altered(3, 0x20, 1), IDE_E_SIGNATURE);
    CHECK_OK(get(SVN, true));
    spdm_pair_close(&pair);
}

static void the_context_comes_back(void)
{
    for (int with_signature = 0; with_signature < 2; with_signature++) {
        connect_version(SPDM_VERSION_13);
        CHECK_OK(get(SVN, with_signature));
        pair.alteration = (struct alteration){.code = SPDM_MEASUREMENTS, .offset = 57, .count = 8};
        CHECK_ERR(get(SVN, with_signature), IDE_E_FIELD);
        CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_FIELD, "MEASUREMENTS", "RequesterContext") && nothing_published());
        spdm_pair_close(&pair);
    }
}

static void opaque_data_without_a_format(void)
{
    uint8_t message[61] = {HEAD(0, 1, 15), SVN_BLOCK, TAIL};
    message[55] = 4;
    connect_version(SPDM_VERSION_12);
    respond_with(message, sizeof message, NULL);
    CHECK_OK(get(SVN, false));
    pair.requester.params.opaque_format = 0;
    respond_with(message, sizeof message, NULL);
    CHECK_ERR(get(SVN, false), IDE_E_FIELD);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_FIELD, "MEASUREMENTS", "OpaqueDataLength") && nothing_published());
    spdm_pair_close(&pair);
}

static void a_digest_where_only_raw_was_agreed_on(void)
{
    static const struct wrong digest = {"digest", 12, 1, {7}, IDE_E_FIELD, TYPE, SVN};
    connect_version(SPDM_VERSION_12);
    pair.requester.params.measurement_hash_size = 0;
    respond_with(one, sizeof one, &digest);
    CHECK_ERR(get(SVN, false), IDE_E_FIELD);
    CU_ASSERT(spdm_pair_fault_is(&pair, IDE_E_FIELD, "MEASUREMENTS", TYPE) && nothing_published());
    spdm_pair_close(&pair);
}

static void the_fault_names_the_measurement(void)
{
    struct ide_fault fault = {.err = IDE_E_MEASUREMENT, .step = "MEASUREMENTS", .field = "Index", .measurement = 253};
    char text[128];
    CU_ASSERT_STRING_EQUAL(ide_fault_text(&fault, text, sizeof text),
                           "MEASUREMENTS: measurement 253: Index: a measurement is not the reference value");
}

static int make_identity(void)
{
    return device_identity_make(&identity, "measurements-wrong", "P-256", HASH_SHA256) ? 0 : 1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_single_measurement),
        TEST(several_measurements),
        TEST(the_number_of_measurements),
        TEST(cut_off_anywhere),
        TEST(what_a_signed_response_says_of_itself),
        TEST(the_context_comes_back),
        TEST(opaque_data_without_a_format),
        TEST(a_digest_where_only_raw_was_agreed_on),
        TEST(the_fault_names_the_measurement),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("wrong MEASUREMENTS", make_identity, NULL, tests);
}
