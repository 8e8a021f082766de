/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_MEASUREMENT_EXTENSION_LOG: portions, what a peer may get wrong, and what a log adds up to. */
#include <string.h>

#include "check.h"
#include "measured_device.h"
#include "spdm_pair.h"
#include "suite.h"

#define NAME "MEASUREMENT_EXTENSION_LOG"

static struct device_identity identity;
static struct spdm_pair pair;
static uint8_t log_bytes[65536];
static size_t log_len;

static void open_pair(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
    measured_device_configure(&pair.responder_config);
    pair.requester_config.mel_spec = 1;
    pair.requester_config.version_min = pair.requester_config.version_max = SPDM_VERSION_13;
    pair.responder_config.version_min = pair.responder_config.version_max = SPDM_VERSION_13;
    pair.responder.measurements = &measured_device;
    memset(log_bytes, 0xaa, sizeof log_bytes);
}

static void connect_pair(void)
{
    open_pair();
    CHECK_OK(spdm_authenticate(&pair.requester, 0, &identity.trust));
}

static enum ide_err get_into(size_t cap)
{
    return spdm_get_mel(&pair.requester, &pair.requester.clear, log_bytes, cap, &log_len);
}

static enum ide_err get(void)
{
    return get_into(sizeof log_bytes);
}

static bool fault_is(enum ide_err err, const char *step, const char *field)
{
    return spdm_pair_fault_is(&pair, err, step, field);
}

static void a_log_that_adds_up(void)
{
    uint8_t record[512];
    size_t len = measured_record(record, sizeof record, false);
    struct ide_fault fault = {0};
    connect_pair();
    CHECK_OK(get());
    CU_ASSERT(log_len == measured_device.mel_len && memcmp(log_bytes, measured_device.mel, log_len) == 0);
    const struct spdm_params *p = &pair.requester.params;
    CHECK_OK(spdm_mel_check(p, log_bytes, log_len, record, len, &fault));
    for (size_t i = 16; i < log_len; i++) { /* a length, or the index that an entry extends, breaks the form */
        log_bytes[i] ^= 0x01;
        CU_ASSERT(spdm_mel_check(p, log_bytes, log_len, record, len, &fault) != IDE_OK);
        log_bytes[i] ^= 0x01;
    }
    log_bytes[16 + 8 + 3] ^= 0x01;
    CHECK_ERR(spdm_mel_check(p, log_bytes, log_len, record, len, &fault), IDE_E_MEASUREMENT);
    CHECK_FAULT(&fault, IDE_E_MEASUREMENT, NAME, "DMTFSpecMeasurementValue");
    CU_ASSERT_EQUAL(fault.measurement, 0x11);
    spdm_pair_close(&pair);
}

/* The digest is the one of the recordings, where another implementation made it of the same three entries. */
static void a_log_of_another_implementation(void)
{
    static const uint8_t head[] = {0x11, 1, 0x43, 0, 8, 0x40, 0};
    static const uint8_t digest[64] = {
        0xc4, 0xf9, 0x62, 0x5b, 0x48, 0xd4, 0xe0, 0xe1, 0x92, 0xc4, 0x63, 0xa2, 0xd0, 0x0b, 0x43, 0x30,
        0x5d, 0x7d, 0x58, 0x8d, 0x7d, 0x9c, 0x84, 0x6c, 0x1d, 0x3f, 0x9e, 0xd1, 0x19, 0x88, 0x83, 0x72,
        0x9a, 0x55, 0xb9, 0x17, 0x8a, 0x4f, 0x71, 0x01, 0xdf, 0xa1, 0xc8, 0x32, 0x34, 0x39, 0x1b, 0x2e,
        0xe9, 0x80, 0x27, 0xe8, 0xa4, 0x35, 0xd0, 0x28, 0x3e, 0x29, 0x78, 0x4e, 0xcd, 0xa6, 0x40, 0x6e};
    struct spdm_params p = {.version = SPDM_VERSION_13, .measurement_spec = 1, .measurement_hash_size = 64,
                            .measurement_hash = hash_by_id(HASH_SHA512)};
    uint8_t record[sizeof head + sizeof digest];
    struct ide_fault fault;
    memcpy(record, head, sizeof head);
    memcpy(record + sizeof head, digest, sizeof digest);
    CHECK_OK(spdm_mel_check(&p, measured_device.mel, measured_device.mel_len, record, sizeof record, &fault));
    p.measurement_hash = NULL;
    CHECK_ERR(spdm_mel_check(&p, measured_device.mel, measured_device.mel_len, record, sizeof record, &fault),
              IDE_E_UNSUPPORTED);
}

/* --- portions ------------------------------------------------------------------------------------------------- */

static uint8_t long_log[20000];

/* Entries of 111 bytes, and one that fills it up. */
static struct device_measurements long_device(void)
{
    struct writer w = writer_of(long_log, sizeof long_log);
    uint32_t count = (sizeof long_log - 16) / 111;
    size_t rest = sizeof long_log - 16 - (size_t)count * 111;
    write_u32(&w, count);
    write_u32(&w, sizeof long_log - 16);
    write_u64(&w, 0);
    for (uint32_t i = 0; i < count; i++) {
        uint16_t len = (uint16_t)(100 + (i + 1 == count ? rest : 0));
        write_u32(&w, i);
        write_u32(&w, 0x12);
        write_u8(&w, SPDM_MEASURED_INFORMATIONAL | SPDM_MEASURED_RAW);
        write_u16(&w, len);
        write_zero(&w, len);
    }
    CHECK_OK(write_done(&w));
    return (struct device_measurements){measured_device.list, MEASURED_COUNT, long_log, sizeof long_log};
}

static void a_long_log_comes_in_portions(void)
{
    connect_pair();
    struct device_measurements device = long_device();
    pair.responder.measurements = &device;
    pair.exchanges = 0;
    CHECK_OK(get());
    CU_ASSERT(log_len == sizeof long_log && memcmp(log_bytes, long_log, log_len) == 0);
    CU_ASSERT_EQUAL(pair.exchanges, 5);
    CHECK_ERR(get_into(sizeof long_log - 1), IDE_E_SPACE);
    CU_ASSERT(fault_is(IDE_E_SPACE, NAME, "RemainderLength") && log_len == 0);
    CHECK_OK(get_into(sizeof long_log));
    spdm_pair_close(&pair);
}

static void portions_must_fit_together(void)
{
    static const struct {
        const char *field;
        unsigned skip;
        size_t at;
        uint8_t bytes[4];
        enum ide_err err;
    } rows[] = {
        {"length", 0, 4, {0, 0, 0, 0}, IDE_E_LONG},
        {"MEL", 0, 4, {0xff, 0xff, 0xff, 0xff}, IDE_E_SHORT},
        {"RemainderLength", 0, 8, {0xff, 0xff, 0xff, 0xff}, IDE_E_SPACE},
        {"RemainderLength", 0, 8, {0xff, 0xff, 0xff, 0x7f}, IDE_E_SPACE},
        {"RemainderLength", 1, 8, {0, 0, 0, 0}, IDE_E_FIELD},
        {"MEL", 4, 4, {0xff, 0, 0, 0x80}, IDE_E_SHORT},
        {"MELEntriesLength", 0, 12 + 4, {0, 0, 0, 0}, IDE_E_FIELD},
        {"MELEntriesLength", 0, 12 + 4, {0xff, 0xff, 0xff, 0xff}, IDE_E_FIELD},
        {"NumberOfEntries", 0, 12, {0, 0, 0, 0}, IDE_E_FIELD},
        {"NumberOfEntries", 0, 12, {0xff, 0xff, 0xff, 0xff}, IDE_E_FIELD},
        {"DMTFSpecMeasurementValue", 0, 12 + 16 + 9, {0xff, 0xff, 0, 0}, IDE_E_SHORT},
    };
    connect_pair();
    struct device_measurements device = long_device();
    pair.responder.measurements = &device;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        pair.alteration = (struct alteration){.code = SPDM_MEASUREMENT_EXTENSION_LOG, .skip = rows[i].skip,
                                              .offset = rows[i].at, .count = 4};
        memcpy(pair.alteration.bytes, rows[i].bytes, 4);
        CHECK_ERR(get(), rows[i].err);
        CU_ASSERT(fault_is(rows[i].err, NAME, rows[i].field) && log_len == 0);
    }
    CHECK_OK(get());
    spdm_pair_close(&pair);
}

/* More than was asked for, in a last portion of 1616 bytes. */
static void a_portion_is_neither_empty_nor_longer_than_asked_for(void)
{
    connect_pair();
    struct device_measurements device = long_device();
    pair.responder.measurements = &device;
    pair.alteration = (struct alteration){.code = SPDM_MEASUREMENT_EXTENSION_LOG, .skip = 4, .offset = 4,
                                          .bytes = {0x51, 0x06}, .count = 2, .grow = 1};
    CHECK_ERR(get(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, NAME, "PortionLength"));
    /* nor empty, or a peer could go on for ever */
    pair.alteration = (struct alteration){.code = SPDM_MEASUREMENT_EXTENSION_LOG,
                                          .bytes = {SPDM_VERSION_13, SPDM_MEASUREMENT_EXTENSION_LOG, [8] = 9},
                                          .count = 12, .replace = true};
    CHECK_ERR(get(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, NAME, "PortionLength"));
    spdm_pair_close(&pair);
}

/* --- what is not agreed on, and what a device refuses ---------------------------------------------------------- */

static void a_requester_asks_only_for_what_there_is(void)
{
    open_pair();
    CHECK_ERR(get(), IDE_E_STATE);
    pair.requester_config.mel_spec = 0;
    CHECK_OK(spdm_negotiate(&pair.requester));
    CHECK_ERR(get(), IDE_E_STATE);
    CU_ASSERT(fault_is(IDE_E_STATE, "GET_MEASUREMENT_EXTENSION_LOG", "MELspecificationSel"));
    pair.responder_config.flags &= ~SPDM_CAP_MEL;
    pair.requester_config.mel_spec = 1;
    CHECK_OK(spdm_negotiate(&pair.requester));
    CHECK_ERR(get(), IDE_E_CAPABILITY);
    CU_ASSERT(fault_is(IDE_E_CAPABILITY, "GET_MEASUREMENT_EXTENSION_LOG", "MEL_CAP"));
    spdm_pair_close(&pair);

    open_pair();
    pair.requester_config.version_min = pair.requester_config.version_max = SPDM_VERSION_12;
    pair.responder_config.version_min = SPDM_VERSION_12;
    CHECK_OK(spdm_negotiate(&pair.requester));
    CU_ASSERT_EQUAL(pair.requester.params.mel_spec, 0);
    CHECK_ERR(get(), IDE_E_CAPABILITY);
    spdm_pair_close(&pair);
}

static void what_a_selection_must_be(void)
{
    open_pair();
    pair.alteration = (struct alteration){.code = SPDM_ALGORITHMS, .offset = 31, .bytes = {2}, .count = 1};
    CHECK_ERR(spdm_negotiate(&pair.requester), IDE_E_NOT_OFFERED);
    CU_ASSERT(fault_is(IDE_E_NOT_OFFERED, "ALGORITHMS", "MELspecificationSel"));
    pair.alteration = (struct alteration){.code = SPDM_ALGORITHMS, .offset = 31, .bytes = {0}, .count = 1};
    CHECK_ERR(spdm_negotiate(&pair.requester), IDE_E_NO_COMMON);
    CU_ASSERT(fault_is(IDE_E_NO_COMMON, "ALGORITHMS", "MELspecificationSel"));
    spdm_pair_close(&pair);
}

static uint8_t answer(uint32_t offset, uint32_t length, size_t len)
{
    uint8_t request[12], response[SPDM_TRANSFER_SIZE];
    size_t response_len = 0;
    struct writer w = writer_of(request, sizeof request);
    write_u8(&w, SPDM_VERSION_13);
    write_u8(&w, SPDM_GET_MEASUREMENT_EXTENSION_LOG);
    write_u16(&w, 0);
    write_u32(&w, offset);
    write_u32(&w, length);
    (void)!spdm_pair_send(&pair, request, len, response, &response_len);
    return response[1] == SPDM_ERROR ? response[2] : 0;
}

static void what_a_device_refuses(void)
{
    const struct device_measurements no_log = {measured_device.list, MEASURED_COUNT, NULL, 0};
    uint32_t end = (uint32_t)measured_device.mel_len;
    connect_pair();
    for (size_t n = 4; n < 12; n++)
        CU_ASSERT_EQUAL(answer(0, 1, n), SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_EQUAL(answer(0, 1, 12), 0);
    CU_ASSERT_EQUAL(answer(0, UINT32_MAX, 12), 0);
    CU_ASSERT_EQUAL(answer(end - 1, UINT32_MAX, 12), 0);
    CU_ASSERT_EQUAL(answer(end, 1, 12), SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_EQUAL(answer(UINT32_MAX, UINT32_MAX, 12), SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_EQUAL(answer(0, 0, 12), SPDM_ERROR_INVALID_REQUEST);
    pair.responder.measurements = &no_log;
    CU_ASSERT_EQUAL(answer(0, 1, 12), SPDM_ERROR_UNSPECIFIED);
    pair.responder.connection.params.mel_spec = 0;
    CU_ASSERT_EQUAL(answer(0, 1, 12), SPDM_ERROR_UNEXPECTED_REQUEST);
    pair.responder_config.flags &= ~SPDM_CAP_MEL;
    CU_ASSERT_EQUAL(answer(0, 1, 12), SPDM_ERROR_UNSUPPORTED_REQUEST);
    spdm_pair_close(&pair);
}

static int make_identity(void)
{
    return device_identity_make(&identity, "mel", "P-256", HASH_SHA256) ? 0 : 1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_log_that_adds_up),
        TEST(a_log_of_another_implementation),
        TEST(a_long_log_comes_in_portions),
        TEST(portions_must_fit_together),
        TEST(a_portion_is_neither_empty_nor_longer_than_asked_for),
        TEST(a_requester_asks_only_for_what_there_is),
        TEST(what_a_selection_must_be),
        TEST(what_a_device_refuses),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("measurement extension log", make_identity, NULL, tests);
}
