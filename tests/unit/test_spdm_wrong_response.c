/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A requester whose peer gets one field of one response wrong: the error that names it, and nothing published. */
#include <stdio.h>
#include <string.h>

#include "spdm_pair.h"
#include "suite.h"

static struct device_identity identity;
static struct spdm_pair pair;

static void open_pair(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
}

static void close_pair(void)
{
    spdm_pair_close(&pair);
}

static enum ide_err authenticate(void)
{
    return spdm_authenticate(&pair.requester, 0, &identity.trust);
}

static bool fault_is(enum ide_err err, const char *step, const char *field)
{
    return spdm_pair_fault_is(&pair, err, step, field);
}

struct wrong_response {
    const char *name;
    struct alteration alteration;
    enum ide_err err;
    const char *step, *field;
};

#define WRONG(text, message, at, expected, in, where, ...)                                                   \
    {                                                                                                        \
        text,                                                                                                \
            {.code = message,                                                                                \
             .offset = at,                                                                                   \
             .bytes = {__VA_ARGS__},                                                                         \
             .count = sizeof((uint8_t[]){__VA_ARGS__})},                                                     \
            expected, in, where                                                                              \
    }
#define RESIZED(text, message, by, expected, in, where)                                                      \
    {                                                                                                        \
        text, {.code = message, .grow = by}, expected, in, where                                             \
    }

static const struct wrong_response wrong_responses[] = {
    WRONG("VERSION is not 1.0", SPDM_VERSION, 0, IDE_E_VERSION, "VERSION", "SPDMVersion", 0x12),
    WRONG("VERSION has another code", SPDM_VERSION, 1, IDE_E_UNEXPECTED, "VERSION", "RequestResponseCode",
          0x05),
    WRONG("VERSION without entries", SPDM_VERSION, 5, IDE_E_FIELD, "VERSION", "VersionNumberEntryCount", 0),
    WRONG("VERSION with too many entries", SPDM_VERSION, 5, IDE_E_SHORT, "VERSION", "VersionNumberEntry",
          255),
    WRONG("VERSION with an unknown version", SPDM_VERSION, 7, IDE_E_VERSION, "VERSION", "VersionNumberEntry",
          0x99),
    RESIZED("VERSION too long", SPDM_VERSION, 4, IDE_E_LONG, "VERSION", "length"),
    RESIZED("VERSION too short", SPDM_VERSION, -1, IDE_E_SHORT, "VERSION", "VersionNumberEntry"),
    WRONG("CAPABILITIES of another version", SPDM_CAPABILITIES, 0, IDE_E_VERSION, "CAPABILITIES",
          "SPDMVersion", 0x13),
    WRONG("CTExponent 32", SPDM_CAPABILITIES, 5, IDE_E_FIELD, "CAPABILITIES", "CTExponent", 32),
    WRONG("CTExponent 255", SPDM_CAPABILITIES, 5, IDE_E_FIELD, "CAPABILITIES", "CTExponent", 255),
    WRONG("KEY_EX without records", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0x06, 0x02),
    WRONG("records without keys", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xc6, 0x00),
    WRONG("CHAL without CERT", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0x04, 0x00),
    WRONG("MEAS_CAP reserved", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xde, 0x62),
    WRONG("PSK_CAP reserved", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xc6, 0x6e),
    WRONG("CERT and PUB_KEY_ID", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xc6, 0x62,
          0x01),
    WRONG("MEAS_FRESH without MEAS", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xe6, 0x62),
    WRONG("DataTransferSize 41", SPDM_CAPABILITIES, 12, IDE_E_FIELD, "CAPABILITIES", "DataTransferSize", 41,
          0),
    WRONG("MaxSPDMmsgSize too small", SPDM_CAPABILITIES, 16, IDE_E_FIELD, "CAPABILITIES", "MaxSPDMmsgSize", 0,
          0, 0, 0),
    RESIZED("CAPABILITIES too short", SPDM_CAPABILITIES, -1, IDE_E_SHORT, "CAPABILITIES", "MaxSPDMmsgSize"),
    RESIZED("CAPABILITIES too long", SPDM_CAPABILITIES, 4, IDE_E_LONG, "CAPABILITIES", "length"),
    WRONG("ALGORITHMS of another version", SPDM_ALGORITHMS, 0, IDE_E_VERSION, "ALGORITHMS", "SPDMVersion",
          0x11),
    WRONG("ALGORITHMS counts more structures", SPDM_ALGORITHMS, 2, IDE_E_SHORT, "ALGORITHMS", "AlgType", 4),
    WRONG("ALGORITHMS counts fewer structures", SPDM_ALGORITHMS, 2, IDE_E_FIELD, "ALGORITHMS", "Length", 1),
    WRONG("ALGORITHMS Length 0", SPDM_ALGORITHMS, 4, IDE_E_FIELD, "ALGORITHMS", "Length", 0, 0),
    WRONG("ALGORITHMS Length max", SPDM_ALGORITHMS, 4, IDE_E_FIELD, "ALGORITHMS", "Length", 0xff, 0xff),
    WRONG("MeasurementSpecificationSel not offered", SPDM_ALGORITHMS, 6, IDE_E_NOT_OFFERED, "ALGORITHMS",
          "MeasurementSpecificationSel", 2),
    WRONG("OtherParamsSelection not offered", SPDM_ALGORITHMS, 7, IDE_E_NOT_OFFERED, "ALGORITHMS",
          "OtherParamsSelection", 1),
    WRONG("OtherParamsSelection of 1.3", SPDM_ALGORITHMS, 7, IDE_E_NOT_OFFERED, "ALGORITHMS",
          "OtherParamsSelection", 0x12),
    WRONG("no opaque data format for KEY_EX", SPDM_ALGORITHMS, 7, IDE_E_NO_COMMON, "ALGORITHMS",
          "OtherParamsSelection", 0),
    WRONG("MeasurementHashAlgo with two bits", SPDM_ALGORITHMS, 8, IDE_E_FIELD, "ALGORITHMS",
          "MeasurementHashAlgo", 6),
    WRONG("BaseAsymSel not offered", SPDM_ALGORITHMS, 12, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseAsymSel",
          0x01),
    WRONG("BaseAsymSel not offered, last byte", SPDM_ALGORITHMS, 15, IDE_E_NOT_OFFERED, "ALGORITHMS",
          "BaseAsymSel", 0x80),
    WRONG("BaseAsymSel with two bits", SPDM_ALGORITHMS, 12, IDE_E_FIELD, "ALGORITHMS", "BaseAsymSel", 0x90),
    WRONG("BaseAsymSel empty", SPDM_ALGORITHMS, 12, IDE_E_NO_COMMON, "ALGORITHMS", "BaseAsymSel", 0),
    WRONG("BaseHashSel not offered", SPDM_ALGORITHMS, 16, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseHashSel",
          0x04),
    WRONG("BaseHashSel with two bits", SPDM_ALGORITHMS, 16, IDE_E_FIELD, "ALGORITHMS", "BaseHashSel", 0x03),
    WRONG("BaseHashSel empty", SPDM_ALGORITHMS, 16, IDE_E_NO_COMMON, "ALGORITHMS", "BaseHashSel", 0),
    WRONG("ExtAsymSelCount without room", SPDM_ALGORITHMS, 32, IDE_E_SHORT, "ALGORITHMS", "ExtAsym", 255),
    WRONG("ExtHashSelCount without room", SPDM_ALGORITHMS, 33, IDE_E_SHORT, "ALGORITHMS", "ExtAsym", 255),
    WRONG("structures out of order", SPDM_ALGORITHMS, 40, IDE_E_FIELD, "ALGORITHMS", "AlgType", 2),
    WRONG("unknown structure", SPDM_ALGORITHMS, 44, IDE_E_NOT_OFFERED, "ALGORITHMS", "AlgType", 9),
    WRONG("structure that was not offered", SPDM_ALGORITHMS, 44, IDE_E_NOT_OFFERED, "ALGORITHMS",
          "ReqBaseAsymAlg", 4),
    WRONG("AlgCount of one byte", SPDM_ALGORITHMS, 37, IDE_E_FIELD, "ALGORITHMS", "AlgCount", 0x10),
    WRONG("structure with extended algorithms", SPDM_ALGORITHMS, 45, IDE_E_SHORT, "ALGORITHMS", "AlgExternal",
          0x21),
    WRONG("DHE not offered", SPDM_ALGORITHMS, 38, IDE_E_NOT_OFFERED, "ALGORITHMS", "DHE", 0x20),
    WRONG("DHE with two bits", SPDM_ALGORITHMS, 38, IDE_E_FIELD, "ALGORITHMS", "DHE", 0x18),
    WRONG("DHE empty", SPDM_ALGORITHMS, 38, IDE_E_NO_COMMON, "ALGORITHMS", "DHE", 0),
    WRONG("AEAD not offered", SPDM_ALGORITHMS, 42, IDE_E_NOT_OFFERED, "ALGORITHMS", "AEAD", 0x08),
    WRONG("AEAD empty", SPDM_ALGORITHMS, 42, IDE_E_NO_COMMON, "ALGORITHMS", "AEAD", 0),
    WRONG("KeySchedule not offered", SPDM_ALGORITHMS, 46, IDE_E_NOT_OFFERED, "ALGORITHMS", "KeySchedule", 2),
    WRONG("KeySchedule empty", SPDM_ALGORITHMS, 46, IDE_E_NO_COMMON, "ALGORITHMS", "KeySchedule", 0),
    RESIZED("ALGORITHMS too long", SPDM_ALGORITHMS, 4, IDE_E_LONG, "ALGORITHMS", "length"),
    RESIZED("ALGORITHMS too short", SPDM_ALGORITHMS, -1, IDE_E_SHORT, "ALGORITHMS", "AlgSupported"),
    WRONG("DIGESTS of another version", SPDM_DIGESTS, 0, IDE_E_VERSION, "DIGESTS", "SPDMVersion", 0x10),
    WRONG("DIGESTS has another code", SPDM_DIGESTS, 1, IDE_E_UNEXPECTED, "DIGESTS", "RequestResponseCode",
          0x02),
    WRONG("DIGESTS claims more slots", SPDM_DIGESTS, 3, IDE_E_SHORT, "DIGESTS", "Digest", 0xff),
    WRONG("DIGESTS claims fewer slots", SPDM_DIGESTS, 3, IDE_E_LONG, "DIGESTS", "length", 0x01),
    WRONG("DIGESTS without the slot", SPDM_DIGESTS, 3, IDE_E_NO_CERT, "GET_CERTIFICATE", "SlotID", 0x0c),
    WRONG("DIGESTS with another digest", SPDM_DIGESTS, 4, IDE_E_FIELD, "CERTIFICATE", "Digest", 0, 0, 0, 0),
    WRONG("CERTIFICATE of another slot", SPDM_CERTIFICATE, 2, IDE_E_FIELD, "CERTIFICATE", "SlotID", 2),
    WRONG("CERTIFICATE with an empty portion", SPDM_CERTIFICATE, 4, IDE_E_LONG, "CERTIFICATE", "length", 0,
          0),
    WRONG("CERTIFICATE with too long a portion", SPDM_CERTIFICATE, 4, IDE_E_SHORT, "CERTIFICATE", "CertChain",
          0xff, 0xff),
    WRONG("CERTIFICATE with a huge remainder", SPDM_CERTIFICATE, 6, IDE_E_FIELD, "CERTIFICATE",
          "RemainderLength", 0xff, 0xff),
    WRONG("CERTIFICATE with a remainder that is not there", SPDM_CERTIFICATE, 6, IDE_E_PEER_ERROR,
          "GET_CERTIFICATE", NULL, 1, 0),
    WRONG("CERTIFICATE with another chain length", SPDM_CERTIFICATE, 8, IDE_E_FIELD, "CERTIFICATE", "Digest",
          0, 0),
    RESIZED("CERTIFICATE too short", SPDM_CERTIFICATE, -1, IDE_E_SHORT, "CERTIFICATE", "CertChain"),
    WRONG("CHALLENGE_AUTH of another version", SPDM_CHALLENGE_AUTH, 0, IDE_E_VERSION, "CHALLENGE_AUTH",
          "SPDMVersion", 0x13),
    WRONG("CHALLENGE_AUTH of another slot", SPDM_CHALLENGE_AUTH, 2, IDE_E_FIELD, "CHALLENGE_AUTH", "SlotID",
          2),
    WRONG("CHALLENGE_AUTH asks for mutual authentication", SPDM_CHALLENGE_AUTH, 2, IDE_E_UNSUPPORTED,
          "CHALLENGE_AUTH", "BasicMutAuthReq", 0x80),
    WRONG("CHALLENGE_AUTH's mask lacks the slot", SPDM_CHALLENGE_AUTH, 3, IDE_E_FIELD, "CHALLENGE_AUTH",
          "SlotMask", 0x04),
    WRONG("CHALLENGE_AUTH of another chain", SPDM_CHALLENGE_AUTH, 4, IDE_E_FIELD, "CHALLENGE_AUTH",
          "CertChainHash", 0, 0, 0, 0),
    WRONG("CHALLENGE_AUTH with another nonce", SPDM_CHALLENGE_AUTH, 52, IDE_E_SIGNATURE, "CHALLENGE_AUTH",
          "Signature", 0, 0, 0, 0, 0, 0, 0, 0),
    WRONG("OpaqueDataLength 1025", SPDM_CHALLENGE_AUTH, 84, IDE_E_FIELD, "CHALLENGE_AUTH", "OpaqueDataLength",
          1, 4),
    WRONG("OpaqueDataLength too long", SPDM_CHALLENGE_AUTH, 84, IDE_E_SHORT, "CHALLENGE_AUTH", "OpaqueData",
          0, 4),
    WRONG("OpaqueDataLength max", SPDM_CHALLENGE_AUTH, 84, IDE_E_FIELD, "CHALLENGE_AUTH", "OpaqueDataLength",
          0xff, 0xff),
    WRONG("signature altered", SPDM_CHALLENGE_AUTH, 90, IDE_E_SIGNATURE, "CHALLENGE_AUTH", "Signature", 0, 0,
          0, 0, 0, 0, 0, 0),
    RESIZED("CHALLENGE_AUTH too short", SPDM_CHALLENGE_AUTH, -1, IDE_E_SHORT, "CHALLENGE_AUTH", "Signature"),
    RESIZED("CHALLENGE_AUTH too long", SPDM_CHALLENGE_AUTH, 4, IDE_E_LONG, "CHALLENGE_AUTH", "length"),
};

static void a_wrong_response_ends_the_attempt(void)
{
    for (size_t i = 0; i < sizeof wrong_responses / sizeof wrong_responses[0]; i++) {
        const struct wrong_response *wrong = &wrong_responses[i];
        open_pair();
        pair.alteration = wrong->alteration;
        enum ide_err err = authenticate();
        bool named = err == wrong->err && fault_is(wrong->err, wrong->step, wrong->field);
        if (!named)
            fprintf(stderr, "  that was: %s\n", wrong->name);
        CU_ASSERT(named);
        CU_ASSERT_FALSE(pair.requester.challenged);
        CU_ASSERT_EQUAL(pair.requester.state == SPDM_NEGOTIATED, wrong->alteration.code < SPDM_VERSION);
        /* and the next attempt is not harmed by it */
        pair.alteration.code = 0;
        CU_ASSERT_EQUAL(authenticate(), IDE_OK);
        close_pair();
    }
}

/* An ALGORITHMS that selects one extended algorithm, well formed. */
static void an_extended_algorithm_was_never_offered(void)
{
    static const uint8_t algorithms[] = {0x12, SPDM_ALGORITHMS,
                                         3,    0,
                                         52,   0,
                                         0,    2,
                                         0,    0,
                                         0,    0,
                                         0x80, 0,
                                         0,    0,
                                         2,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         1,    0,
                                         0,    0,
                                         0,    0,
                                         1,    0,
                                         2,    0x20,
                                         0x10, 0,
                                         3,    0x20,
                                         2,    0,
                                         5,    0x20,
                                         1,    0};
    static const struct {
        size_t at;
        uint8_t value;
        const char *field;
    } cases[] = {{32, 1, "ExtAsymSelCount"}, {33, 1, "ExtHashSelCount"}};
    for (size_t i = 0; i < 2; i++) {
        open_pair();
        pair.alteration =
            (struct alteration){.code = SPDM_ALGORITHMS, .replace = true, .count = sizeof algorithms};
        memcpy(pair.alteration.bytes, algorithms, sizeof algorithms);
        pair.alteration.bytes[32] = 0;
        pair.alteration.bytes[cases[i].at] = cases[i].value;
        CU_ASSERT_EQUAL(authenticate(), IDE_E_NOT_OFFERED);
        CU_ASSERT(fault_is(IDE_E_NOT_OFFERED, "ALGORITHMS", cases[i].field));
        close_pair();
    }
}

static void an_extended_algorithm_of_a_structure_was_never_offered(void)
{
    static const uint8_t algorithms[] = {0x12, SPDM_ALGORITHMS,
                                         3,    0,
                                         52,   0,
                                         0,    2,
                                         0,    0,
                                         0,    0,
                                         0x80, 0,
                                         0,    0,
                                         2,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         0,    0,
                                         2,    0x21,
                                         0x10, 0,
                                         0,    0,
                                         1,    0,
                                         3,    0x20,
                                         2,    0,
                                         5,    0x20,
                                         1,    0};
    open_pair();
    pair.alteration =
        (struct alteration){.code = SPDM_ALGORITHMS, .replace = true, .count = sizeof algorithms};
    memcpy(pair.alteration.bytes, algorithms, sizeof algorithms);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_NOT_OFFERED);
    CU_ASSERT(fault_is(IDE_E_NOT_OFFERED, "ALGORITHMS", "AlgExternal"));
    close_pair();
}

static void an_algorithm_that_this_build_lacks_is_not_offered(void)
{
    open_pair();
    pair.requester_config.base_asym |= 1u << 9; /* SM2 */
    pair.alteration =
        (struct alteration){.code = SPDM_ALGORITHMS, .offset = 12, .bytes = {0x00, 0x02}, .count = 2};
    CU_ASSERT_EQUAL(authenticate(), IDE_E_NOT_OFFERED);
    CU_ASSERT(fault_is(IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseAsymSel"));
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    close_pair();
}

static void who_measures_selects_how(void)
{
    open_pair();
    pair.alteration = (struct alteration){
        .code = SPDM_CAPABILITIES, .offset = 8, .bytes = {0xd6}, .count = 1}; /* MEAS_SIG */
    CU_ASSERT_EQUAL(authenticate(), IDE_E_NO_COMMON);
    CU_ASSERT(fault_is(IDE_E_NO_COMMON, "ALGORITHMS", "MeasurementSpecificationSel"));
    pair.responder_config.flags |= SPDM_CAP_MEAS_SIG;
    pair.responder_config.measurement_hash = 1u << 2;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.params.measurement_spec, 1);
    CU_ASSERT_EQUAL(pair.requester.params.measurement_hash_size, 48);
    close_pair();
}

static void a_responder_with_several_keys_is_asked_for_them(void)
{
    open_pair();
    pair.requester_config.version_max = pair.responder_config.version_max = SPDM_VERSION_13;
    pair.alteration =
        (struct alteration){.code = SPDM_CAPABILITIES, .offset = 11, .bytes = {0x04}, .count = 1};
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(pair.last_request[7], SPDM_MULTI_KEY_CONN | SPDM_OPAQUE_FORMAT_1);
    CU_ASSERT(pair.requester.params.multi_key);
    /* ours has not, so its DIGESTS lacks what the requester now expects */
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, NULL, NULL), IDE_E_SHORT);
    CU_ASSERT(fault_is(IDE_E_SHORT, "DIGESTS", "KeyPairID"));
    close_pair();
}

static void the_requesters_context_must_come_back(void)
{
    open_pair();
    pair.requester_config.version_max = pair.responder_config.version_max = SPDM_VERSION_13;
    pair.alteration = (struct alteration){.code = SPDM_CHALLENGE_AUTH, .offset = 86, .count = 8};
    CU_ASSERT_EQUAL(authenticate(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "CHALLENGE_AUTH", "RequesterContext"));
    close_pair();
}

static void a_request_that_the_peer_cannot_take_is_not_sent(void)
{
    open_pair();
    pair.alteration = (struct alteration){
        .code = SPDM_CAPABILITIES, .offset = 12, .bytes = {42, 0, 0, 0, 42, 0, 0, 0}, .count = 8};
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SPACE);
    CU_ASSERT(fault_is(IDE_E_SPACE, "NEGOTIATE_ALGORITHMS", NULL));
    CU_ASSERT_EQUAL(pair.exchanges, 2);
    close_pair();
}

static int make_identity(void)
{
    return device_identity_make(&identity, "wrong-p384", "P-384", HASH_SHA384) ? 0 : -1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_wrong_response_ends_the_attempt),
        TEST(an_extended_algorithm_was_never_offered),
        TEST(an_extended_algorithm_of_a_structure_was_never_offered),
        TEST(an_algorithm_that_this_build_lacks_is_not_offered),
        TEST(who_measures_selects_how),
        TEST(a_responder_with_several_keys_is_asked_for_them),
        TEST(the_requesters_context_must_come_back),
        TEST(a_request_that_the_peer_cannot_take_is_not_sent),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("wrong responses", make_identity, NULL, tests);
}
