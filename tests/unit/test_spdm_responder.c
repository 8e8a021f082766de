/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The responder alone: raw requests in every state, the ERROR that each gets, and what must not have changed. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "spdm_pair.h"
#include "suite.h"

static struct device_identity identity;
static struct spdm_pair pair;
static uint8_t response[SPDM_TRANSFER_SIZE];
static size_t response_len;

static const uint8_t get_version[] = {0x10, SPDM_GET_VERSION, 0, 0};
static const uint8_t get_capabilities[] = {
    0x12, SPDM_GET_CAPABILITIES, 0, 0, 0, 0, 0, 0, 0xc0, 0x62, 0, 0, 0, 0x12, 0, 0, 0, 0x12, 0, 0};
static const uint8_t negotiate[] = {0x12, SPDM_NEGOTIATE_ALGORITHMS,
                                    3,    0,
                                    44,   0,
                                    1,    2,
                                    0x90, 0,
                                    0,    0,
                                    3,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    0,    0,
                                    2,    0x20,
                                    0x18, 0,
                                    3,    0x20,
                                    7,    0,
                                    5,    0x20,
                                    1,    0};
static const uint8_t get_digests[] = {0x12, SPDM_GET_DIGESTS, 0, 0};
static const uint8_t get_certificate[] = {0x12, SPDM_GET_CERTIFICATE, 0, 0, 0, 0, 0xff, 0xff};
static const uint8_t challenge[36] = {0x12, SPDM_CHALLENGE, 0, 0, 1, 2, 3};
static const uint8_t vendor[] = {0x12, SPDM_VENDOR_DEFINED_REQUEST, 0, 0, 3, 0, 2, 1, 0, 3, 0, 'a', 'b', 'c'};

static enum ide_err send_from(void *session, const uint8_t *request, size_t len)
{
    uint8_t exact[SPDM_TRANSFER_SIZE];
    memcpy(exact, request, len);
    return spdm_respond(&pair.responder, session, exact, len, response, sizeof response, &response_len);
}

static enum ide_err send(const uint8_t *request, size_t len)
{
    return send_from(NULL, request, len);
}

#define SEND(request) send(request, sizeof(request))

static bool answered(uint8_t code)
{
    return response_len >= 4 && response[1] == code;
}

static bool refused(uint8_t version, uint8_t error, uint8_t data)
{
    const uint8_t want[] = {version, SPDM_ERROR, error, data};
    bool same = response_len == sizeof want && memcmp(response, want, sizeof want) == 0;
    if (!same)
        fprintf(stderr, "%02x %02x %02x %02x\n", response[0], response[1], response[2], response[3]);
    return same;
}

/* ResponseTooLarge says how long the response would have been. */
static bool too_large(uint8_t size)
{
    const uint8_t want[] = {0x12, SPDM_ERROR, SPDM_ERROR_RESPONSE_TOO_LARGE, 0, size, 0, 0, 0};
    return response_len == sizeof want && memcmp(response, want, sizeof want) == 0;
}

/* A responder in the given state. */
static void open_in(enum spdm_state state)
{
    CU_ASSERT_FATAL(spdm_pair_open(&pair, &identity));
    if (state >= SPDM_AFTER_VERSION)
        CHECK_OK(SEND(get_version));
    if (state >= SPDM_AFTER_CAPABILITIES)
        CHECK_OK(SEND(get_capabilities));
    if (state >= SPDM_NEGOTIATED)
        CHECK_OK(SEND(negotiate));
    CU_ASSERT_EQUAL(pair.responder.connection.state, state);
}

static void close_pair(void)
{
    spdm_pair_close(&pair);
}

struct request {
    const char *name;
    const uint8_t *data;
    size_t len;
    unsigned states; /* where it is served */
    uint8_t response;
};

#define REQUEST(data, states, response)                                                                      \
    {                                                                                                        \
#data, data, sizeof data, states, response                                                           \
    }
#define ALL_STATES 0xfu
#define IN(state)  (1u << (state))

static const struct request requests[] = {
    REQUEST(get_version, ALL_STATES, SPDM_VERSION),
    REQUEST(get_capabilities, IN(SPDM_AFTER_VERSION) | IN(SPDM_AFTER_CAPABILITIES), SPDM_CAPABILITIES),
    REQUEST(negotiate, IN(SPDM_AFTER_CAPABILITIES) | IN(SPDM_NEGOTIATED), SPDM_ALGORITHMS),
    REQUEST(get_digests, IN(SPDM_NEGOTIATED), SPDM_DIGESTS),
    REQUEST(get_certificate, IN(SPDM_NEGOTIATED), SPDM_CERTIFICATE),
    REQUEST(challenge, IN(SPDM_NEGOTIATED), SPDM_CHALLENGE_AUTH),
};

static void each_request_in_each_state(void)
{
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        const struct request *r = &requests[i];
        for (unsigned state = SPDM_NOT_STARTED; state <= SPDM_NEGOTIATED; state++) {
            open_in(state);
            uint8_t version = pair.responder.connection.params.version;
            enum ide_err err = send(r->data, r->len);
            bool served = err == IDE_OK && answered(r->response);
            /* one that only a negotiated connection has: this side must have lost it */
            bool lost = state == SPDM_NOT_STARTED && r->states == IN(SPDM_NEGOTIATED);
            uint8_t error = lost ? SPDM_ERROR_REQUEST_RESYNCH : SPDM_ERROR_UNEXPECTED_REQUEST;
            version = version ? version : lost ? 0x12 : 0x10;
            bool right = r->states & IN(state) ? served : err == IDE_E_STATE && refused(version, error, 0);
            if (!right)
                fprintf(stderr, "%s in state %u: %s\n", r->name, state, ide_err_name(err));
            CU_ASSERT_TRUE(right);
            if (!(r->states & IN(state)))
                CU_ASSERT_EQUAL(pair.responder.connection.state, state);
            close_pair();
        }
    }
}

/* malformed requests, each in the state where its good form is served */

struct malformed {
    const char *name;
    const uint8_t *good;
    size_t len;
    size_t offset;
    uint8_t bytes[4];
    size_t count;
    int grow;
    enum ide_err err;
    const char *field;
    uint8_t error, data;
};

#define BAD(text, good, at, err, field, error, data, ...)                                                    \
    {                                                                                                        \
        text, good, sizeof good, at, {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__}), 0, err, field, error,  \
            data                                                                                             \
    }
#define SIZED(text, good, by, err, field)                                                                    \
    {                                                                                                        \
        text, good, sizeof good, 0, {0}, 0, by, err, field, SPDM_ERROR_INVALID_REQUEST, 0                    \
    }

static const struct malformed malformed[] = {
    BAD("GET_VERSION of 1.2", get_version, 0, IDE_E_VERSION, "SPDMVersion", SPDM_ERROR_VERSION_MISMATCH, 0,
        0x12),
    SIZED("GET_VERSION of three bytes", get_version, -1, IDE_E_SHORT, "Param1"),
    SIZED("GET_VERSION with more behind it", get_version, 4, IDE_E_LONG, "length"),
    BAD("GET_CAPABILITIES of 1.1", get_capabilities, 0, IDE_E_VERSION, "SPDMVersion",
        SPDM_ERROR_VERSION_MISMATCH, 0, 0x11),
    BAD("GET_CAPABILITIES of 1.3", get_capabilities, 0, IDE_E_VERSION, "SPDMVersion",
        SPDM_ERROR_VERSION_MISMATCH, 0, 0x13),
    BAD("CTExponent 32", get_capabilities, 5, IDE_E_FIELD, "CTExponent", SPDM_ERROR_INVALID_REQUEST, 0, 32),
    BAD("session keys without records", get_capabilities, 8, IDE_E_FIELD, "Flags", SPDM_ERROR_INVALID_REQUEST,
        0, 0),
    BAD("MUT_AUTH without a key", get_capabilities, 9, IDE_E_FIELD, "Flags", SPDM_ERROR_INVALID_REQUEST, 0,
        0x63),
    BAD("PSK_CAP reserved", get_capabilities, 9, IDE_E_FIELD, "Flags", SPDM_ERROR_INVALID_REQUEST, 0, 0x6a),
    BAD("DataTransferSize 41", get_capabilities, 12, IDE_E_FIELD, "DataTransferSize",
        SPDM_ERROR_INVALID_REQUEST, 0, 41, 0),
    BAD("long messages without CHUNK", get_capabilities, 17, IDE_E_FIELD, "MaxSPDMmsgSize",
        SPDM_ERROR_INVALID_REQUEST, 0, 0x13),
    SIZED("GET_CAPABILITIES too short", get_capabilities, -1, IDE_E_SHORT, "MaxSPDMmsgSize"),
    SIZED("GET_CAPABILITIES too long", get_capabilities, 4, IDE_E_LONG, "length"),
    BAD("NEGOTIATE_ALGORITHMS of 1.1", negotiate, 0, IDE_E_VERSION, "SPDMVersion",
        SPDM_ERROR_VERSION_MISMATCH, 0, 0x11),
    BAD("Length 0", negotiate, 4, IDE_E_FIELD, "Length", SPDM_ERROR_INVALID_REQUEST, 0, 0),
    BAD("Length 129", negotiate, 4, IDE_E_FIELD, "Length", SPDM_ERROR_INVALID_REQUEST, 0, 129),
    BAD("255 extended algorithms", negotiate, 28, IDE_E_SHORT, "ExtAsym", SPDM_ERROR_INVALID_REQUEST, 0, 255),
    BAD("more structures than there are", negotiate, 2, IDE_E_SHORT, "AlgType", SPDM_ERROR_INVALID_REQUEST, 0,
        4),
    BAD("no common BaseAsymAlgo", negotiate, 8, IDE_E_NO_COMMON, "BaseAsymSel", SPDM_ERROR_INVALID_REQUEST, 0,
        1),
    BAD("no common BaseHashAlgo", negotiate, 12, IDE_E_NO_COMMON, "BaseHashSel", SPDM_ERROR_INVALID_REQUEST,
        0, 4),
    BAD("no common DHE", negotiate, 34, IDE_E_NO_COMMON, "DHE", SPDM_ERROR_INVALID_REQUEST, 0, 1),
    BAD("no common AEAD", negotiate, 38, IDE_E_NO_COMMON, "AEAD", SPDM_ERROR_INVALID_REQUEST, 0, 8),
    BAD("no common opaque data format", negotiate, 7, IDE_E_NO_COMMON, "OtherParamsSelection",
        SPDM_ERROR_INVALID_REQUEST, 0, 1),
    SIZED("NEGOTIATE_ALGORITHMS too short", negotiate, -1, IDE_E_SHORT, "AlgSupported"),
    BAD("GET_DIGESTS of 1.0", get_digests, 0, IDE_E_VERSION, "SPDMVersion", SPDM_ERROR_VERSION_MISMATCH, 0,
        0x10),
    SIZED("GET_DIGESTS too long", get_digests, 4, IDE_E_LONG, "length"),
    BAD("GET_CERTIFICATE of an empty slot", get_certificate, 2, IDE_E_NO_CERT, "SlotID",
        SPDM_ERROR_INVALID_REQUEST, 0, 1),
    BAD("GET_CERTIFICATE of slot 8", get_certificate, 2, IDE_E_NO_CERT, "SlotID", SPDM_ERROR_INVALID_REQUEST,
        0, 8),
    BAD("GET_CERTIFICATE of slot 15", get_certificate, 2, IDE_E_NO_CERT, "SlotID", SPDM_ERROR_INVALID_REQUEST,
        0, 15),
    BAD("GET_CERTIFICATE behind the end", get_certificate, 4, IDE_E_FIELD, "Offset",
        SPDM_ERROR_INVALID_REQUEST, 0, 0xff, 0xff, 0xff, 0xff),
    SIZED("GET_CERTIFICATE too short", get_certificate, -1, IDE_E_SHORT, "Offset"),
    BAD("CHALLENGE of an empty slot", challenge, 2, IDE_E_NO_CERT, "SlotID", SPDM_ERROR_INVALID_REQUEST, 0,
        7),
    BAD("CHALLENGE of the public key slot", challenge, 2, IDE_E_NO_CERT, "SlotID", SPDM_ERROR_INVALID_REQUEST,
        0, 255),
    BAD("CHALLENGE for a summary of unknown type", challenge, 3, IDE_E_FIELD, "MeasurementSummaryHashType",
        SPDM_ERROR_INVALID_REQUEST, 0, 2),
    SIZED("CHALLENGE too short", challenge, -1, IDE_E_SHORT, "Nonce"),
    BAD("an unknown code", get_digests, 1, IDE_E_UNSUPPORTED, "RequestResponseCode",
        SPDM_ERROR_UNSUPPORTED_REQUEST, 0xf9, 0xf9),
    BAD("a response for a request", get_digests, 1, IDE_E_UNSUPPORTED, "RequestResponseCode",
        SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_DIGESTS, SPDM_DIGESTS),
    BAD("RESPOND_IF_READY for nothing", get_digests, 1, IDE_E_STATE, NULL, SPDM_ERROR_UNEXPECTED_REQUEST, 0,
        SPDM_RESPOND_IF_READY),
    BAD("a vendor that is not here", vendor, 7, IDE_E_UNSUPPORTED, "VendorID", SPDM_ERROR_UNSUPPORTED_REQUEST,
        SPDM_VENDOR_DEFINED_REQUEST, 2),
    BAD("a registry that is not here", vendor, 4, IDE_E_UNSUPPORTED, "VendorID",
        SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_VENDOR_DEFINED_REQUEST, 2),
    BAD("VendorIDLen 9", vendor, 6, IDE_E_FIELD, "VendorIDLen", SPDM_ERROR_INVALID_REQUEST, 0, 9),
    SIZED("vendor payload too short", vendor, -1, IDE_E_SHORT, "Payload"),
};

static enum spdm_state home_of(const struct malformed *m)
{
    if (m->good == get_version)
        return SPDM_NOT_STARTED;
    if (m->good == get_capabilities)
        return SPDM_AFTER_VERSION;
    return m->good == negotiate ? SPDM_AFTER_CAPABILITIES : SPDM_NEGOTIATED;
}

static void malformed_requests_are_refused_and_change_nothing(void)
{
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const struct malformed *m = &malformed[i];
        uint8_t request[128] = {0}, before[HASH_SIZE_MAX], after[HASH_SIZE_MAX];
        enum spdm_state state = home_of(m);
        struct spdm_connection *c = &pair.responder.connection;
        open_in(state);
        uint16_t vca_len = c->vca_len;
        uint8_t version = c->params.version ? c->params.version : SPDM_VERSION_10;
        if (m->good == get_capabilities && m->err != IDE_E_VERSION)
            version = SPDM_VERSION_12;   /* which the request has chosen */
        if (state == SPDM_NEGOTIATED)
            CHECK_OK(hash_snapshot(&c->m1m2, before));
        memcpy(request, m->good, m->len);
        memcpy(request + m->offset, m->bytes, m->count);
        enum ide_err err = send(request, m->len + (size_t)m->grow);
        bool right =
            err == m->err && same_text(c->fault.field, m->field) && refused(version, m->error, m->data);
        if (!right)
            fprintf(stderr, "%s: %s at %s\n", m->name, ide_err_name(err),
                    c->fault.field ? c->fault.field : "-");
        CU_ASSERT_TRUE(right);
        CU_ASSERT_EQUAL(c->state, state);
        CU_ASSERT_EQUAL(c->vca_len, vca_len);
        if (state == SPDM_NEGOTIATED) {
            CHECK_OK(hash_snapshot(&c->m1m2, after));
            CU_ASSERT(memcmp(before, after, 48) == 0);
        }
        CHECK_OK(
            send(m->good == vendor ? get_digests : m->good, m->good == vendor ? sizeof get_digests : m->len));
        close_pair();
    }
}

static void requests_of_no_length_are_answered(void)
{
    open_in(SPDM_NEGOTIATED);
    for (size_t n = 0; n < 4; n++) {
        CHECK_ERR(send(get_digests, n), IDE_E_SHORT);
        CU_ASSERT(refused(0x12, SPDM_ERROR_INVALID_REQUEST, 0));
    }
    close_pair();
}

static void a_repeated_request_gets_the_same_answer_once(void)
{
    uint8_t first[256];
    size_t first_len;
    open_in(SPDM_AFTER_CAPABILITIES);
    const struct spdm_connection *c = &pair.responder.connection;
    uint16_t vca_len = c->vca_len;
    CHECK_OK(SEND(get_capabilities));
    CU_ASSERT(answered(SPDM_CAPABILITIES));
    CU_ASSERT_EQUAL(c->vca_len, vca_len);
    CHECK_OK(SEND(negotiate));
    vca_len = c->vca_len;
    memcpy(first, response, first_len = response_len);
    CHECK_OK(SEND(negotiate));
    CU_ASSERT(response_len == first_len && memcmp(first, response, first_len) == 0);
    CU_ASSERT_EQUAL(c->vca_len, vca_len);
    /* another one is not a repetition, and neither is an earlier one */
    uint8_t other[sizeof negotiate];
    memcpy(other, negotiate, sizeof other);
    other[38] = 2;
    CHECK_ERR(SEND(other), IDE_E_STATE);
    CU_ASSERT(refused(0x12, SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CHECK_ERR(SEND(get_capabilities), IDE_E_STATE);
    close_pair();
}

static void get_version_starts_anew_and_tells(void)
{
    open_in(SPDM_NEGOTIATED);
    CU_ASSERT_EQUAL(pair.resets, 1);
    CHECK_OK(SEND(challenge));
    CHECK_OK(SEND(get_version));
    CU_ASSERT_EQUAL(pair.resets, 2);
    const struct spdm_connection *c = &pair.responder.connection;
    CU_ASSERT_EQUAL(c->state, SPDM_AFTER_VERSION);
    CU_ASSERT_EQUAL(c->params.version, 0);
    CU_ASSERT_EQUAL(c->vca_len, sizeof get_version + response_len);
    CU_ASSERT_FALSE(c->challenged);
    CHECK_ERR(SEND(negotiate), IDE_E_STATE);
    close_pair();
}

static void version_lists_the_configured_ones(void)
{
    static const uint8_t want[] = {0x10, SPDM_VERSION, 0, 0, 0, 3, 0, 0x11, 0, 0x12, 0, 0x13};
    open_in(SPDM_NOT_STARTED);
    pair.responder_config.version_min = SPDM_VERSION_11;
    pair.responder_config.version_max = SPDM_VERSION_13;
    CHECK_OK(SEND(get_version));
    CU_ASSERT(response_len == sizeof want && memcmp(response, want, sizeof want) == 0);
    close_pair();
}

static void a_capability_that_was_not_announced_is_not_served(void)
{
    open_in(SPDM_NEGOTIATED);
    pair.responder_config.flags &= ~(SPDM_CAP_CHAL | SPDM_CAP_CERT);
    CHECK_ERR(SEND(challenge), IDE_E_CAPABILITY);
    CU_ASSERT(refused(0x12, SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_CHALLENGE));
    CHECK_ERR(SEND(get_digests), IDE_E_CAPABILITY);
    CU_ASSERT(refused(0x12, SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_GET_DIGESTS));
    close_pair();
}

static void what_belongs_outside_is_refused_in_a_session(void)
{
    int session;
    open_in(SPDM_NEGOTIATED);
    CHECK_ERR(send_from(&session, get_version, sizeof get_version), IDE_E_STATE);
    CU_ASSERT(refused(0x12, SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CHECK_ERR(send_from(&session, negotiate, sizeof negotiate), IDE_E_STATE);
    CHECK_ERR(send_from(&session, challenge, sizeof challenge), IDE_E_STATE);
    CU_ASSERT_EQUAL(pair.responder.connection.state, SPDM_NEGOTIATED);
    CU_ASSERT_EQUAL(pair.resets, 1);
    close_pair();
}

static void a_session_does_not_touch_m1m2(void)
{
    int session;
    uint8_t before[HASH_SIZE_MAX], after[HASH_SIZE_MAX];
    open_in(SPDM_NEGOTIATED);
    CHECK_OK(SEND(get_digests));
    CHECK_OK(hash_snapshot(&pair.responder.connection.m1m2, before));
    CHECK_OK(send_from(&session, get_digests, sizeof get_digests));
    CU_ASSERT(answered(SPDM_DIGESTS));
    CHECK_OK(send_from(&session, get_certificate, sizeof get_certificate));
    CHECK_OK(hash_snapshot(&pair.responder.connection.m1m2, after));
    CU_ASSERT(memcmp(before, after, 48) == 0);
    close_pair();
}

static void a_portion_fits_the_peer(void)
{
    uint8_t small[sizeof get_capabilities];
    memcpy(small, get_capabilities, sizeof small);
    small[12] = small[16] = 42;
    small[13] = small[17] = 0;
    open_in(SPDM_AFTER_VERSION);
    CHECK_OK(SEND(small));
    /* ALGORITHMS has 48 bytes */
    CHECK_ERR(SEND(negotiate), IDE_E_SPACE);
    CU_ASSERT(too_large(48));
    CU_ASSERT_EQUAL(pair.responder.connection.state, SPDM_AFTER_CAPABILITIES);
    close_pair();
    open_in(SPDM_NEGOTIATED);
    pair.responder.connection.params.peer_transfer_size = 42;
    CHECK_OK(SEND(get_certificate));
    CU_ASSERT_EQUAL(response_len, 42);
    CU_ASSERT_EQUAL(response[4] | response[5] << 8, 34);
    CU_ASSERT_EQUAL((size_t)(response[6] | response[7] << 8), identity.chain_len - 34);
    CHECK_ERR(SEND(challenge), IDE_E_SPACE);
    close_pair();
}

/* MEAS_CAP is 0, so CHALLENGE_AUTH has no summary, asked for or not. */
static void a_summary_of_nothing_is_absent(void)
{
    uint8_t asking[sizeof challenge];
    memcpy(asking, challenge, sizeof asking);
    asking[3] = SPDM_SUMMARY_ALL;
    open_in(SPDM_NEGOTIATED);
    CHECK_OK(SEND(asking));
    CU_ASSERT_EQUAL(response_len, 4 + 48 + 32 + 2 + 96);
    close_pair();
}

static void a_small_buffer_holds_an_error_or_nothing(void)
{
    open_in(SPDM_NEGOTIATED);
    CHECK_ERR(
        spdm_respond(&pair.responder, NULL, get_digests, sizeof get_digests, response, 8, &response_len),
        IDE_E_SPACE);
    CU_ASSERT(too_large(4 + 2 * 48));
    CHECK_ERR(
        spdm_respond(&pair.responder, NULL, get_digests, sizeof get_digests, response, 3, &response_len),
        IDE_E_SPACE);
    CU_ASSERT_EQUAL(response_len, 0);
    close_pair();
}

static void structures_of_unknown_type_are_passed_over(void)
{
    uint8_t more[sizeof negotiate + 6];
    memcpy(more, negotiate, sizeof negotiate);
    memcpy(more + sizeof negotiate, (uint8_t[]){0x0a, 0x40, 1, 2, 3, 4}, 6);
    more[2] = 4;
    more[4] = sizeof more;
    open_in(SPDM_AFTER_CAPABILITIES);
    CHECK_OK(SEND(more));
    CU_ASSERT_EQUAL(response[2], 3); /* only those that are understood are answered */
    CU_ASSERT_EQUAL(response_len, 48);
    CU_ASSERT_EQUAL(response[4], 48);
    close_pair();
}

static void extended_algorithms_are_never_selected(void)
{
    uint8_t more[sizeof negotiate + 8] = {0};
    memcpy(more, negotiate, 32);
    memcpy(more + 40, negotiate + 32, 12);
    more[4] = sizeof more;
    more[28] = more[29] = 1;
    open_in(SPDM_AFTER_CAPABILITIES);
    CHECK_OK(SEND(more));
    CU_ASSERT_EQUAL(response[32], 0);
    CU_ASSERT_EQUAL(response[33], 0);
    close_pair();
}

/* vendor-defined requests */

static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *payload, size_t len, struct writer *w)
{
    unsigned *calls = context;
    (void)r;
    (void)request;
    ++*calls;
    write_bytes(w, payload, len);
    return len == 0 ? IDE_E_FIELD : IDE_OK;
}

static void vendor_requests_go_to_their_vendor(void)
{
    static const uint8_t want[] = {0x12, SPDM_VENDOR_DEFINED_RESPONSE, 0, 0, 3, 0, 2, 1, 0, 3, 0, 'a', 'b',
                                   'c'};
    int session;
    unsigned calls = 0, others = 0;
    struct spdm_vendor v = {.standard_id = 3,
                            .vendor_id_len = 2,
                            .vendor_id = {1, 0},
                            .in_session = true,
                            .handle = echo,
                            .context = &calls};
    struct spdm_vendor other = {.standard_id = 3,
                                .vendor_id_len = 2,
                                .vendor_id = {2, 0},
                                .out_session = true,
                                .handle = echo,
                                .context = &others};
    open_in(SPDM_NEGOTIATED);
    spdm_responder_add_vendor(&pair.responder, &v);
    spdm_responder_add_vendor(&pair.responder, &other);
    CHECK_OK(send_from(&session, vendor, sizeof vendor));
    CU_ASSERT(response_len == sizeof want && memcmp(response, want, sizeof want) == 0);
    /* outside a session it is refused before the vendor sees it */
    CHECK_ERR(SEND(vendor), IDE_E_SESSION);
    CU_ASSERT(refused(0x12, SPDM_ERROR_SESSION_REQUIRED, 0));
    CU_ASSERT_EQUAL(calls, 1);
    uint8_t empty[11];
    memcpy(empty, vendor, sizeof empty);
    empty[9] = 0;
    CHECK_ERR(send_from(&session, empty, sizeof empty), IDE_E_FIELD);
    CU_ASSERT(refused(0x12, SPDM_ERROR_INVALID_REQUEST, 0));
    empty[7] = 2;
    CHECK_ERR(send_from(&session, empty, sizeof empty), IDE_E_STATE);
    CU_ASSERT(refused(0x12, SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CU_ASSERT_EQUAL(others, 0);
    close_pair();
}

static void vendor_requests_wait_for_negotiation(void)
{
    unsigned calls = 0;
    struct spdm_vendor v = {.standard_id = 3,
                            .vendor_id_len = 2,
                            .vendor_id = {1, 0},
                            .out_session = true,
                            .handle = echo,
                            .context = &calls};
    open_in(SPDM_AFTER_CAPABILITIES);
    spdm_responder_add_vendor(&pair.responder, &v);
    CHECK_ERR(SEND(vendor), IDE_E_STATE);
    CU_ASSERT_EQUAL(calls, 0);
    close_pair();
}

static void every_error_becomes_an_spdm_error(void)
{
    for (unsigned err = IDE_E_ARGUMENT; err <= IDE_E_ACCESS; err++)
        CU_ASSERT_NOT_EQUAL(spdm_error_for((enum ide_err)err), 0);
    CU_ASSERT_EQUAL(spdm_error_for(IDE_E_RECORD), SPDM_ERROR_DECRYPT_ERROR);
    CU_ASSERT_EQUAL(spdm_error_for(IDE_E_RESOURCES), SPDM_ERROR_SESSION_LIMIT_EXCEEDED);
    CU_ASSERT_EQUAL(spdm_error_for(IDE_E_CRYPTO), SPDM_ERROR_UNSPECIFIED);
    CU_ASSERT_EQUAL(spdm_error_for(IDE_E_BUSY), SPDM_ERROR_BUSY);
}

static int make_identity(void)
{
    return device_identity_make(&identity, "responder-p384", "P-384", HASH_SHA384) ? 0 : -1;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_request_in_each_state),
        TEST(malformed_requests_are_refused_and_change_nothing),
        TEST(requests_of_no_length_are_answered),
        TEST(a_repeated_request_gets_the_same_answer_once),
        TEST(get_version_starts_anew_and_tells),
        TEST(version_lists_the_configured_ones),
        TEST(a_capability_that_was_not_announced_is_not_served),
        TEST(what_belongs_outside_is_refused_in_a_session),
        TEST(a_session_does_not_touch_m1m2),
        TEST(a_portion_fits_the_peer),
        TEST(a_summary_of_nothing_is_absent),
        TEST(a_small_buffer_holds_an_error_or_nothing),
        TEST(structures_of_unknown_type_are_passed_over),
        TEST(extended_algorithms_are_never_selected),
        TEST(vendor_requests_go_to_their_vendor),
        TEST(vendor_requests_wait_for_negotiation),
        TEST(every_error_becomes_an_spdm_error),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("responder", make_identity, NULL, tests);
}
