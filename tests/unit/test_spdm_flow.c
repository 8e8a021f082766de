/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requester against responder in memory: GET_VERSION to CHALLENGE, and a peer that does one thing wrong. */
#include <stdio.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "spdm/cursor.h"
#include "spdm_pair.h"

static struct device_identity p384, p256;
static struct spdm_pair pair;

static void open_pair(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &p384));
}

static void close_pair(void)
{
    spdm_pair_close(&pair);
}

static enum ide_err authenticate(void)
{
    return spdm_authenticate(&pair.requester, 0, &pair.identity->trust);
}

static const char *fault_text(void)
{
    static char text[256];
    return ide_fault_text(&pair.requester.fault, text, sizeof text);
}

/* Checks the requester's fault. field NULL: none is named. */
static bool fault_is(enum ide_err err, const char *step, const char *field)
{
    const struct ide_fault *f = &pair.requester.fault;
    bool same_field = field ? f->field && strcmp(f->field, field) == 0 : !f->field;
    return f->err == err && strcmp(f->step, step) == 0 && same_field;
}

/* the straight way */

static void authenticates_a_device(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    const struct spdm_connection *c = &pair.requester;
    CU_ASSERT_EQUAL(c->state, SPDM_NEGOTIATED);
    CU_ASSERT_EQUAL(c->params.version, SPDM_VERSION_12);
    CU_ASSERT_EQUAL(c->params.asym->bit, SPDM_ASYM_ECDSA_P384);
    CU_ASSERT_EQUAL(c->params.hash->id, HASH_SHA384);
    CU_ASSERT_EQUAL(c->params.dhe->id, DHE_SECP384R1);
    CU_ASSERT_EQUAL(c->params.aead->id, AEAD_AES_256_GCM);
    CU_ASSERT_EQUAL(c->params.opaque_format, 1);
    CU_ASSERT(c->peer_verified && c->challenged);
    CU_ASSERT_EQUAL(c->chain_len, p384.chain_len);
    CU_ASSERT(memcmp(c->chain, p384.chain, p384.chain_len) == 0);
    CU_ASSERT_EQUAL(pair.resets, 1);
    close_pair();
}

static void both_sides_keep_the_same_transcript(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    const struct spdm_connection *a = &pair.requester, *b = &pair.responder.connection;
    CU_ASSERT_EQUAL(a->vca_len, b->vca_len);
    CU_ASSERT(memcmp(a->vca, b->vca, a->vca_len) == 0);
    uint8_t x[HASH_SIZE_MAX], y[HASH_SIZE_MAX];
    CU_ASSERT_EQUAL(hash_snapshot(&a->m1m2, x), IDE_OK);
    CU_ASSERT_EQUAL(hash_snapshot(&b->m1m2, y), IDE_OK);
    CU_ASSERT(memcmp(x, y, 48) == 0);
    CU_ASSERT_EQUAL(hash_once(HASH_SHA384, a->vca, a->vca_len, y), IDE_OK);
    CU_ASSERT(memcmp(x, y, 48) == 0);   /* CHALLENGE used B and C up */
    close_pair();
}

static void authenticates_with_p256(void)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &p256));
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.params.asym->bit, SPDM_ASYM_ECDSA_P256);
    CU_ASSERT_EQUAL(pair.requester.params.hash->id, HASH_SHA256);
    close_pair();
}

static void authenticates_again_and_in_other_orders(void)
{
    uint8_t mask;
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_OK);   /* A and C only */
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 2, &p384.trust), IDE_OK);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.chain_slot, 2);
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    close_pair();
}

static void every_version_works(void)
{
    for (uint8_t version = SPDM_VERSION_10; version <= SPDM_VERSION_14; version++) {
        open_pair();
        pair.requester_config.version_min = SPDM_VERSION_10;
        pair.requester_config.version_max = SPDM_VERSION_14;
        pair.responder_config.version_min = pair.responder_config.version_max = version;
        CU_ASSERT_EQUAL(authenticate(), IDE_OK);
        CU_ASSERT_EQUAL(pair.requester.params.version, version);
        CU_ASSERT_EQUAL(pair.requester.params.dhe == NULL, version == SPDM_VERSION_10);
        close_pair();
    }
}

static void takes_the_highest_common_version(void)
{
    open_pair();
    pair.requester_config.version_min = SPDM_VERSION_11;
    pair.requester_config.version_max = SPDM_VERSION_13;
    pair.responder_config.version_min = SPDM_VERSION_10;
    pair.responder_config.version_max = SPDM_VERSION_14;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.requester.params.version, SPDM_VERSION_13);
    close_pair();
}

static void no_version_in_common(void)
{
    open_pair();
    pair.responder_config.version_min = pair.responder_config.version_max = SPDM_VERSION_13;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_VERSION);
    CU_ASSERT(fault_is(IDE_E_VERSION, "VERSION", "VersionNumberEntry"));
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    CU_ASSERT_EQUAL(pair.exchanges, 1);
    close_pair();
}

/* one field of one response wrong */

struct wrong_response {
    const char *name;
    struct alteration alteration;
    enum ide_err err;
    const char *step, *field;
};

#define WRONG(text, message, at, expected, in, where, ...)                                                   \
    {text,                                                                                                   \
     {.code = message, .offset = at, .bytes = {__VA_ARGS__}, .count = sizeof((uint8_t[]){__VA_ARGS__})},     \
     expected, in, where}
#define RESIZED(text, message, by, expected, in, where) {text, {.code = message, .grow = by}, expected, in, where}

static const struct wrong_response wrong_responses[] = {
    WRONG("VERSION is not 1.0", SPDM_VERSION, 0, IDE_E_VERSION, "VERSION", "SPDMVersion", 0x12),
    WRONG("VERSION has another code", SPDM_VERSION, 1, IDE_E_UNEXPECTED, "VERSION", "RequestResponseCode", 0x05),
    WRONG("VERSION without entries", SPDM_VERSION, 5, IDE_E_FIELD, "VERSION", "VersionNumberEntryCount", 0),
    WRONG("VERSION with too many entries", SPDM_VERSION, 5, IDE_E_SHORT, "VERSION", "VersionNumberEntry", 255),
    WRONG("VERSION with an unknown version", SPDM_VERSION, 7, IDE_E_VERSION, "VERSION", "VersionNumberEntry", 0x99),
    RESIZED("VERSION too long", SPDM_VERSION, 4, IDE_E_LONG, "VERSION", "length"),
    RESIZED("VERSION too short", SPDM_VERSION, -1, IDE_E_SHORT, "VERSION", "VersionNumberEntry"),
    WRONG("CAPABILITIES of another version", SPDM_CAPABILITIES, 0, IDE_E_VERSION, "CAPABILITIES", "SPDMVersion",
          0x13),
    WRONG("CTExponent 32", SPDM_CAPABILITIES, 5, IDE_E_FIELD, "CAPABILITIES", "CTExponent", 32),
    WRONG("CTExponent 255", SPDM_CAPABILITIES, 5, IDE_E_FIELD, "CAPABILITIES", "CTExponent", 255),
    WRONG("KEY_EX without records", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0x06, 0x02),
    WRONG("records without keys", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xc6, 0x00),
    WRONG("CHAL without CERT", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0x04, 0x00),
    WRONG("MEAS_CAP reserved", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xde, 0x62),
    WRONG("PSK_CAP reserved", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xc6, 0x6e),
    WRONG("CERT and PUB_KEY_ID", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xc6, 0x62, 0x01),
    WRONG("MEAS_FRESH without MEAS", SPDM_CAPABILITIES, 8, IDE_E_FIELD, "CAPABILITIES", "Flags", 0xe6, 0x62),
    WRONG("DataTransferSize 41", SPDM_CAPABILITIES, 12, IDE_E_FIELD, "CAPABILITIES", "DataTransferSize", 41, 0),
    WRONG("MaxSPDMmsgSize too small", SPDM_CAPABILITIES, 16, IDE_E_FIELD, "CAPABILITIES", "MaxSPDMmsgSize", 0, 0, 0,
          0),
    RESIZED("CAPABILITIES too short", SPDM_CAPABILITIES, -1, IDE_E_SHORT, "CAPABILITIES", "MaxSPDMmsgSize"),
    RESIZED("CAPABILITIES too long", SPDM_CAPABILITIES, 4, IDE_E_LONG, "CAPABILITIES", "length"),
    WRONG("ALGORITHMS of another version", SPDM_ALGORITHMS, 0, IDE_E_VERSION, "ALGORITHMS", "SPDMVersion", 0x11),
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
    WRONG("MeasurementHashAlgo with two bits", SPDM_ALGORITHMS, 8, IDE_E_FIELD, "ALGORITHMS", "MeasurementHashAlgo",
          6),
    WRONG("BaseAsymSel not offered", SPDM_ALGORITHMS, 12, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseAsymSel", 0x01),
    WRONG("BaseAsymSel not offered, last byte", SPDM_ALGORITHMS, 15, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseAsymSel",
          0x80),
    WRONG("BaseAsymSel with two bits", SPDM_ALGORITHMS, 12, IDE_E_FIELD, "ALGORITHMS", "BaseAsymSel", 0x90),
    WRONG("BaseAsymSel empty", SPDM_ALGORITHMS, 12, IDE_E_NO_COMMON, "ALGORITHMS", "BaseAsymSel", 0),
    WRONG("BaseHashSel not offered", SPDM_ALGORITHMS, 16, IDE_E_NOT_OFFERED, "ALGORITHMS", "BaseHashSel", 0x04),
    WRONG("BaseHashSel with two bits", SPDM_ALGORITHMS, 16, IDE_E_FIELD, "ALGORITHMS", "BaseHashSel", 0x03),
    WRONG("BaseHashSel empty", SPDM_ALGORITHMS, 16, IDE_E_NO_COMMON, "ALGORITHMS", "BaseHashSel", 0),
    WRONG("ExtAsymSelCount without room", SPDM_ALGORITHMS, 32, IDE_E_SHORT, "ALGORITHMS", "ExtAsym", 255),
    WRONG("ExtHashSelCount without room", SPDM_ALGORITHMS, 33, IDE_E_SHORT, "ALGORITHMS", "ExtAsym", 255),
    WRONG("structures out of order", SPDM_ALGORITHMS, 40, IDE_E_FIELD, "ALGORITHMS", "AlgType", 2),
    WRONG("unknown structure", SPDM_ALGORITHMS, 44, IDE_E_NOT_OFFERED, "ALGORITHMS", "AlgType", 9),
    WRONG("structure that was not offered", SPDM_ALGORITHMS, 44, IDE_E_NOT_OFFERED, "ALGORITHMS", "ReqBaseAsymAlg",
          4),
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
    WRONG("DIGESTS has another code", SPDM_DIGESTS, 1, IDE_E_UNEXPECTED, "DIGESTS", "RequestResponseCode", 0x02),
    WRONG("DIGESTS claims more slots", SPDM_DIGESTS, 3, IDE_E_SHORT, "DIGESTS", "Digest", 0xff),
    WRONG("DIGESTS claims fewer slots", SPDM_DIGESTS, 3, IDE_E_LONG, "DIGESTS", "length", 0x01),
    WRONG("DIGESTS without the slot", SPDM_DIGESTS, 3, IDE_E_NO_CERT, "GET_CERTIFICATE", "SlotID", 0x0c),
    WRONG("DIGESTS with another digest", SPDM_DIGESTS, 4, IDE_E_FIELD, "CERTIFICATE", "Digest", 0, 0, 0, 0),
    WRONG("CERTIFICATE of another slot", SPDM_CERTIFICATE, 2, IDE_E_FIELD, "CERTIFICATE", "SlotID", 2),
    WRONG("CERTIFICATE with an empty portion", SPDM_CERTIFICATE, 4, IDE_E_LONG, "CERTIFICATE", "length", 0, 0),
    WRONG("CERTIFICATE with too long a portion", SPDM_CERTIFICATE, 4, IDE_E_SHORT, "CERTIFICATE", "CertChain", 0xff,
          0xff),
    WRONG("CERTIFICATE with a huge remainder", SPDM_CERTIFICATE, 6, IDE_E_FIELD, "CERTIFICATE", "RemainderLength",
          0xff, 0xff),
    WRONG("CERTIFICATE with a remainder that is not there", SPDM_CERTIFICATE, 6, IDE_E_PEER_ERROR,
          "GET_CERTIFICATE", NULL, 1, 0),
    WRONG("CERTIFICATE with another chain length", SPDM_CERTIFICATE, 8, IDE_E_FIELD, "CERTIFICATE", "Digest", 0, 0),
    RESIZED("CERTIFICATE too short", SPDM_CERTIFICATE, -1, IDE_E_SHORT, "CERTIFICATE", "CertChain"),
    WRONG("CHALLENGE_AUTH of another version", SPDM_CHALLENGE_AUTH, 0, IDE_E_VERSION, "CHALLENGE_AUTH",
          "SPDMVersion", 0x13),
    WRONG("CHALLENGE_AUTH of another slot", SPDM_CHALLENGE_AUTH, 2, IDE_E_FIELD, "CHALLENGE_AUTH", "SlotID", 2),
    WRONG("CHALLENGE_AUTH asks for mutual authentication", SPDM_CHALLENGE_AUTH, 2, IDE_E_UNSUPPORTED,
          "CHALLENGE_AUTH", "BasicMutAuthReq", 0x80),
    WRONG("CHALLENGE_AUTH's mask lacks the slot", SPDM_CHALLENGE_AUTH, 3, IDE_E_FIELD, "CHALLENGE_AUTH", "SlotMask",
          0x04),
    WRONG("CHALLENGE_AUTH of another chain", SPDM_CHALLENGE_AUTH, 4, IDE_E_FIELD, "CHALLENGE_AUTH", "CertChainHash",
          0, 0, 0, 0),
    WRONG("CHALLENGE_AUTH with another nonce", SPDM_CHALLENGE_AUTH, 52, IDE_E_SIGNATURE, "CHALLENGE_AUTH",
          "Signature", 0, 0, 0, 0, 0, 0, 0, 0),
    WRONG("OpaqueDataLength 1025", SPDM_CHALLENGE_AUTH, 84, IDE_E_FIELD, "CHALLENGE_AUTH", "OpaqueDataLength", 1, 4),
    WRONG("OpaqueDataLength too long", SPDM_CHALLENGE_AUTH, 84, IDE_E_SHORT, "CHALLENGE_AUTH", "OpaqueData", 0, 4),
    WRONG("OpaqueDataLength max", SPDM_CHALLENGE_AUTH, 84, IDE_E_FIELD, "CHALLENGE_AUTH", "OpaqueDataLength", 0xff,
          0xff),
    WRONG("signature altered", SPDM_CHALLENGE_AUTH, 90, IDE_E_SIGNATURE, "CHALLENGE_AUTH", "Signature", 0, 0, 0, 0, 0,
          0, 0, 0),
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
            fprintf(stderr, "\n  %s: %s\n", wrong->name, fault_text());
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
    static const uint8_t algorithms[] = {
        0x12, SPDM_ALGORITHMS, 3, 0, 52, 0, 0, 2, 0, 0, 0, 0, 0x80, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 2, 0x20, 0x10, 0, 3, 0x20, 2, 0, 5, 0x20, 1, 0};
    static const struct {
        size_t at;
        uint8_t value;
        const char *field;
    } cases[] = {{32, 1, "ExtAsymSelCount"}, {33, 1, "ExtHashSelCount"}};
    for (size_t i = 0; i < 2; i++) {
        open_pair();
        pair.alteration = (struct alteration){.code = SPDM_ALGORITHMS, .replace = true, .count = sizeof algorithms};
        memcpy(pair.alteration.bytes, algorithms, sizeof algorithms);
        pair.alteration.bytes[32] = 0;
        pair.alteration.bytes[cases[i].at] = cases[i].value;
        CU_ASSERT_EQUAL(authenticate(), IDE_E_NOT_OFFERED);
        CU_ASSERT(fault_is(IDE_E_NOT_OFFERED, "ALGORITHMS", cases[i].field));
        close_pair();
    }
}

static void padding_to_a_dword_is_no_part_of_a_message(void)
{
    static const uint8_t codes[] = {SPDM_VERSION, SPDM_CAPABILITIES, SPDM_ALGORITHMS,
                                    SPDM_DIGESTS, SPDM_CERTIFICATE,  SPDM_CHALLENGE_AUTH};
    for (size_t i = 0; i < sizeof codes; i++) {
        open_pair();
        pair.alteration = (struct alteration){.code = codes[i], .grow = 3, .repeat = true};
        CU_ASSERT_EQUAL(authenticate(), IDE_OK);
        close_pair();
    }
}

/* negotiation to nothing in common, on the responder's side */

static void expect_refused(enum ide_err responder_err, const char *field, uint8_t error)
{
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT(fault_is(IDE_E_PEER_ERROR, "NEGOTIATE_ALGORITHMS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, error);
    CU_ASSERT_EQUAL(pair.responder.connection.fault.err, responder_err);
    CU_ASSERT_STRING_EQUAL(pair.responder.connection.fault.field, field);
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    CU_ASSERT_EQUAL(pair.responder.connection.state, SPDM_AFTER_CAPABILITIES);
    close_pair();
}

static void nothing_in_common(void)
{
    open_pair();
    pair.requester_config.base_asym = SPDM_ASYM_ECDSA_P256;
    expect_refused(IDE_E_NO_COMMON, "BaseAsymSel", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.base_hash = SPDM_HASH_SHA256;
    expect_refused(IDE_E_NO_COMMON, "BaseHashSel", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.dhe = SPDM_DHE_SECP256R1;
    pair.responder_config.dhe = SPDM_DHE_SECP384R1;
    expect_refused(IDE_E_NO_COMMON, "DHE", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.aead = SPDM_AEAD_AES_128_GCM;
    pair.responder_config.aead = SPDM_AEAD_AES_256_GCM;
    expect_refused(IDE_E_NO_COMMON, "AEAD", SPDM_ERROR_INVALID_REQUEST);
    open_pair();
    pair.requester_config.key_schedule = 0;
    expect_refused(IDE_E_NO_COMMON, "KeySchedule", SPDM_ERROR_INVALID_REQUEST);
}

static void without_sessions_no_session_algorithm_is_needed(void)
{
    open_pair();
    pair.requester_config.flags = 0;
    pair.requester_config.dhe = pair.requester_config.aead = pair.requester_config.key_schedule = 0;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_PTR_NULL(pair.requester.params.dhe);
    CU_ASSERT_PTR_NULL(pair.requester.params.aead);
    close_pair();
}

/* slots and chains */

static void an_empty_slot_has_no_certificate(void)
{
    uint8_t mask;
    open_pair();
    CU_ASSERT_EQUAL(spdm_authenticate(&pair.requester, 1, &p384.trust), IDE_E_NO_CERT);
    CU_ASSERT(fault_is(IDE_E_NO_CERT, "GET_CERTIFICATE", "SlotID"));
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    CU_ASSERT_EQUAL(mask, 0x05);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 8, &p384.trust), IDE_E_ARGUMENT);
    /* asked without DIGESTS, the device says so itself */
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 1, &p384.trust), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_EQUAL(pair.responder.connection.fault.err, IDE_E_NO_CERT);
    close_pair();
}

static void a_chain_comes_in_portions(void)
{
    open_pair();
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    pair.responder.connection.params.peer_transfer_size = 108;   /* portions of 100 bytes */
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 0, &p384.trust), IDE_OK);
    CU_ASSERT_EQUAL(pair.exchanges, 3 + (p384.chain_len + 99) / 100);
    CU_ASSERT_EQUAL(pair.requester.chain_len, p384.chain_len);
    CU_ASSERT(memcmp(pair.chain, p384.chain, p384.chain_len) == 0);
    close_pair();
}

static enum ide_err certificate_with(struct alteration alteration)
{
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    pair.responder.connection.params.peer_transfer_size = 108;
    pair.alteration = alteration;
    return spdm_get_certificate(&pair.requester, 0, &p384.trust);
}

static void a_peer_that_never_ends_its_chain_is_left(void)
{
    open_pair();
    /* the total grows with the fourth portion */
    CU_ASSERT_EQUAL(certificate_with((struct alteration){
                        .code = SPDM_CERTIFICATE, .skip = 3, .offset = 6, .bytes = {0xff, 0x20}, .count = 2}),
                    IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "CERTIFICATE", "RemainderLength"));
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    /* portions of nothing */
    CU_ASSERT_EQUAL(certificate_with((struct alteration){
                        .code = SPDM_CERTIFICATE, .skip = 3, .replace = true,
                        .bytes = {0x12, 2, 0, 0, 0, 0, 0x10, 0}, .count = 8}),
                    IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "CERTIFICATE", "PortionLength"));
    CU_ASSERT_EQUAL(pair.requester.chain_len, 0);
    close_pair();
}

static void a_chain_longer_than_the_buffer_is_refused(void)
{
    open_pair();
    pair.requester.chain_cap = p384.chain_len - 1;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SPACE);
    CU_ASSERT(fault_is(IDE_E_SPACE, "CERTIFICATE", "RemainderLength"));
    close_pair();
}

static void an_untrusted_chain_publishes_nothing(void)
{
    struct trust nobody = p384.trust;
    nobody.anchor_count = 0;
    open_pair();
    CU_ASSERT_EQUAL(spdm_authenticate(&pair.requester, 0, &nobody), IDE_E_NO_TRUST);
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    CU_ASSERT_EQUAL(pair.requester.chain_len, 0);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_E_STATE);
    CU_ASSERT_EQUAL(spdm_authenticate(&pair.requester, 0, &p256.trust), IDE_E_UNTRUSTED);
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    /* a good chain does not stay good when the next one is not */
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 2, &p256.trust), IDE_E_UNTRUSTED);
    CU_ASSERT_FALSE(pair.requester.peer_verified);
    close_pair();
}

static void a_signature_by_another_key_is_refused(void)
{
    struct device_identity other = p384;
    CU_ASSERT_FATAL(device_identity_make(&other, "flow-other", "P-384", HASH_SHA384));
    open_pair();
    pair.responder.slots[0].key = &other.key;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SIGNATURE);
    CU_ASSERT(fault_is(IDE_E_SIGNATURE, "CHALLENGE_AUTH", "Signature"));
    CU_ASSERT_FALSE(pair.requester.challenged);
    close_pair();
}

static void a_replayed_challenge_auth_is_refused(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    /* the whole conversation again, with the old CHALLENGE_AUTH in the end */
    uint8_t old[512];
    memcpy(old, pair.requester.rx + SPDM_HEADROOM, 182);
    CU_ASSERT_EQUAL(old[1], SPDM_CHALLENGE_AUTH);
    uint8_t mask;
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_OK);
    pair.alteration = (struct alteration){.code = SPDM_CHALLENGE_AUTH, .offset = 52, .count = 16};
    memcpy(pair.alteration.bytes, old + 52, 16);
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_E_SIGNATURE);
    close_pair();
}

/* capabilities */

static void without_the_capability_nothing_is_sent(void)
{
    uint8_t mask;
    open_pair();
    pair.responder_config.flags &= ~SPDM_CAP_CHAL;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);   /* only CHALLENGE is left out */
    unsigned exchanges = pair.exchanges;
    CU_ASSERT_EQUAL(spdm_challenge(&pair.requester), IDE_E_CAPABILITY);
    CU_ASSERT(fault_is(IDE_E_CAPABILITY, "CHALLENGE", "CHAL_CAP"));
    pair.responder_config.flags = 0;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_CAPABILITY);
    CU_ASSERT(fault_is(IDE_E_CAPABILITY, "GET_DIGESTS", "CERT_CAP"));
    CU_ASSERT_EQUAL(pair.exchanges, exchanges + 3);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 0, &p384.trust), IDE_E_CAPABILITY);
    spdm_connection_reset(&pair.requester);
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_E_STATE);
    close_pair();
}

/* ERROR responses */

static const struct alteration busy = {
    .code = SPDM_DIGESTS, .replace = true, .bytes = {0x12, 0x7f, SPDM_ERROR_BUSY, 0}, .count = 4};

static void busy_is_waited_for(void)
{
    open_pair();
    pair.alteration = busy;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    CU_ASSERT_EQUAL(pair.slept_ms, 1);
    close_pair();
}

static void busy_for_ever_ends_the_attempt(void)
{
    open_pair();
    pair.alteration = busy;
    pair.alteration.repeat = true;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_BUSY);
    CU_ASSERT(fault_is(IDE_E_BUSY, "GET_DIGESTS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_BUSY);
    CU_ASSERT_EQUAL(pair.exchanges, 3 + 1 + spdm_config_requester.busy_retries);
    CU_ASSERT_EQUAL(pair.slept_ms, (1u << spdm_config_requester.busy_retries) - 1);
    close_pair();
}

static void request_in_flight_is_tried_again(void)
{
    open_pair();
    pair.alteration = busy;
    pair.alteration.bytes[2] = SPDM_ERROR_REQUEST_IN_FLIGHT;
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    close_pair();
}

/* ResponseNotReady for GET_DIGESTS: RDTExponent, request code, token, RDTM */
static struct alteration not_ready(uint8_t exponent, uint8_t request_code)
{
    return (struct alteration){
        .code = SPDM_DIGESTS, .replace = true,
        .bytes = {0x12, 0x7f, SPDM_ERROR_RESPONSE_NOT_READY, 0, exponent, request_code, 0x5a, 1}, .count = 8};
}

static void a_response_that_is_not_ready_is_asked_for(void)
{
    static const uint8_t respond_if_ready[] = {0x12, SPDM_RESPOND_IF_READY, SPDM_GET_DIGESTS, 0x5a};
    open_pair();
    pair.alteration = not_ready(14, SPDM_GET_DIGESTS);
    /* our responder never says that it is not ready, so it does not know the question */
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSUPPORTED_REQUEST);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_data, SPDM_RESPOND_IF_READY);
    CU_ASSERT_EQUAL(pair.last_request_len, sizeof respond_if_ready);
    CU_ASSERT(memcmp(pair.last_request, respond_if_ready, sizeof respond_if_ready) == 0);
    CU_ASSERT_EQUAL(pair.slept_ms, 17);   /* 2^14 us, rounded up */
    close_pair();
}

static void not_ready_is_bounded(void)
{
    open_pair();
    pair.alteration = not_ready(20, SPDM_GET_DIGESTS);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_TIMEOUT);
    CU_ASSERT(fault_is(IDE_E_TIMEOUT, "ERROR", "RDTExponent"));
    pair.alteration = not_ready(255, SPDM_GET_DIGESTS);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "ERROR", "RDTExponent"));
    pair.alteration = not_ready(1, SPDM_CHALLENGE);
    CU_ASSERT_EQUAL(authenticate(), IDE_E_FIELD);
    CU_ASSERT(fault_is(IDE_E_FIELD, "ERROR", "RequestCode"));
    pair.alteration = not_ready(1, SPDM_GET_DIGESTS);
    pair.alteration.count = 6;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SHORT);
    CU_ASSERT_EQUAL(pair.slept_ms, 0);
    close_pair();
}

static void request_resynch_forgets_everything(void)
{
    open_pair();
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    pair.alteration = busy;
    pair.alteration.bytes[2] = SPDM_ERROR_REQUEST_RESYNCH;
    uint8_t mask;
    CU_ASSERT_EQUAL(spdm_get_digests(&pair.requester, &mask, NULL), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_REQUEST_RESYNCH);
    CU_ASSERT_EQUAL(pair.requester.state, SPDM_NOT_STARTED);
    CU_ASSERT_FALSE(pair.requester.peer_verified || pair.requester.challenged);
    CU_ASSERT_EQUAL(pair.requester.vca_len, 0);
    CU_ASSERT_EQUAL(authenticate(), IDE_OK);
    close_pair();
}

static void other_errors_are_reported_with_their_code(void)
{
    open_pair();
    pair.alteration = busy;
    pair.alteration.bytes[2] = SPDM_ERROR_UNSPECIFIED;
    pair.alteration.bytes[3] = 0x77;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT(fault_is(IDE_E_PEER_ERROR, "GET_DIGESTS", NULL));
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSPECIFIED);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_data, 0x77);
    pair.alteration = busy;
    pair.alteration.bytes[0] = 0x11;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_VERSION);
    CU_ASSERT(fault_is(IDE_E_VERSION, "ERROR", "SPDMVersion"));
    pair.alteration = busy;
    pair.alteration.count = 3;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_SHORT);
    close_pair();
}

static void an_error_does_not_enter_the_transcript(void)
{
    uint8_t before[HASH_SIZE_MAX], after[HASH_SIZE_MAX];
    open_pair();
    CU_ASSERT_EQUAL(spdm_negotiate(&pair.requester), IDE_OK);
    CU_ASSERT_EQUAL(hash_snapshot(&pair.requester.m1m2, before), IDE_OK);
    CU_ASSERT_EQUAL(spdm_get_certificate(&pair.requester, 1, &p384.trust), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(hash_snapshot(&pair.requester.m1m2, after), IDE_OK);
    CU_ASSERT(memcmp(before, after, 48) == 0);
    CU_ASSERT_EQUAL(hash_snapshot(&pair.responder.connection.m1m2, after), IDE_OK);
    CU_ASSERT(memcmp(before, after, 48) == 0);
    close_pair();
}

static void a_dead_transport_is_reported_as_it_is(void)
{
    open_pair();
    pair.alteration.fail = IDE_E_TIMEOUT;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_TIMEOUT);
    CU_ASSERT(fault_is(IDE_E_TIMEOUT, "GET_VERSION", NULL));
    close_pair();
}

static enum ide_err no_random(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0, n);
    return IDE_E_RANDOM;
}

static void without_random_numbers_there_is_no_challenge(void)
{
    open_pair();
    pair.requester.rng.random = no_random;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_RANDOM);
    CU_ASSERT(fault_is(IDE_E_RANDOM, "CHALLENGE", "Nonce"));
    close_pair();
    open_pair();
    pair.responder.connection.rng.random = no_random;
    CU_ASSERT_EQUAL(authenticate(), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(pair.requester.fault.peer_code, SPDM_ERROR_UNSPECIFIED);
    CU_ASSERT_EQUAL(pair.responder.connection.fault.err, IDE_E_RANDOM);
    close_pair();
}

static int make_identities(void)
{
    return device_identity_make(&p384, "flow-p384", "P-384", HASH_SHA384) &&
                   device_identity_make(&p256, "flow-p256", "P-256", HASH_SHA256)
               ? 0
               : -1;
}

#define TEST(function) {#function, function}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(authenticates_a_device),
        TEST(both_sides_keep_the_same_transcript),
        TEST(authenticates_with_p256),
        TEST(authenticates_again_and_in_other_orders),
        TEST(every_version_works),
        TEST(takes_the_highest_common_version),
        TEST(no_version_in_common),
        TEST(a_wrong_response_ends_the_attempt),
        TEST(an_extended_algorithm_was_never_offered),
        TEST(padding_to_a_dword_is_no_part_of_a_message),
        TEST(nothing_in_common),
        TEST(without_sessions_no_session_algorithm_is_needed),
        TEST(an_empty_slot_has_no_certificate),
        TEST(a_chain_comes_in_portions),
        TEST(a_peer_that_never_ends_its_chain_is_left),
        TEST(a_chain_longer_than_the_buffer_is_refused),
        TEST(an_untrusted_chain_publishes_nothing),
        TEST(a_signature_by_another_key_is_refused),
        TEST(a_replayed_challenge_auth_is_refused),
        TEST(without_the_capability_nothing_is_sent),
        TEST(busy_is_waited_for),
        TEST(busy_for_ever_ends_the_attempt),
        TEST(request_in_flight_is_tried_again),
        TEST(a_response_that_is_not_ready_is_asked_for),
        TEST(not_ready_is_bounded),
        TEST(request_resynch_forgets_everything),
        TEST(other_errors_are_reported_with_their_code),
        TEST(an_error_does_not_enter_the_transcript),
        TEST(a_dead_transport_is_reported_as_it_is),
        TEST(without_random_numbers_there_is_no_challenge),
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"spdm flow", make_identities, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 2;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures() + CU_get_number_of_suites_failed();
    CU_cleanup_registry();
    return failures > 0;
}
