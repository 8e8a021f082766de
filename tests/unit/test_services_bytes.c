/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests that a device's owner answers as bytes: each in its version and place, cut off anywhere, too long, with
 * fields out of bounds; without the capability, or without the op.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "services_rig.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

/* --- requests as bytes --------------------------------------------------------------------------------------------------- */

static const uint8_t *response;
static size_t response_len;

static enum ide_err send(struct session *s, const uint8_t *message, size_t len)
{
    CHECK_OK(loopback_send(&loop, s, message, len, &response, &response_len));
    return loop.device_err;
}

static bool refused(uint8_t version, uint8_t code, uint8_t data)
{
    const uint8_t want[] = {version, SPDM_ERROR, code, data};
    bool same = response_len >= 4 && memcmp(response, want, 4) == 0;
    if (!same)
        fprintf(stderr, "%02x %02x %02x %02x\n", response[0], response[1], response[2], response[3]);
    return same;
}

struct good {
    uint8_t code, first_version;
    bool in_session_only;
    uint8_t bytes[48];
    size_t len;
};

#define GOOD(code, first, session, ...) {code, first, session, {0, code, __VA_ARGS__}, 2 + sizeof((uint8_t[]){__VA_ARGS__})}

static const struct good requests[] = {
    GOOD(SPDM_GET_CSR, SPDM_VERSION_12, false, 0, 0, 3, 0, 0, 0, 'a', 'b', 'c'),
    GOOD(SPDM_SET_CERTIFICATE, SPDM_VERSION_12, false, 1, 0, 37, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
         0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
    GOOD(SPDM_GET_KEY_PAIR_INFO, SPDM_VERSION_13, false, 0, 0, 1),
    GOOD(SPDM_SET_KEY_PAIR_INFO, SPDM_VERSION_13, false, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0),
    GOOD(SPDM_GET_ENDPOINT_INFO, SPDM_VERSION_13, false, 1, 0, 0, 0, 0, 0),
    GOOD(SPDM_GET_SUPPORTED_EVENT_TYPES, SPDM_VERSION_13, true, 0, 0),
    GOOD(SPDM_SUBSCRIBE_EVENT_TYPES, SPDM_VERSION_13, true, 1, 0, 3, 0, 0, 0, 'a', 'b', 'c'),
    GOOD(SPDM_SEND_EVENT, SPDM_VERSION_13, true, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 1, 2),
};

#define REQUESTS (sizeof requests / sizeof requests[0])

/* SET_KEY_PAIR_INFO became longer in 1.4; the bytes above are of that version, with an empty field at the end. */
static size_t length_in(const struct good *g, uint8_t version)
{
    return g->code == SPDM_SET_KEY_PAIR_INFO && version < SPDM_VERSION_14 ? g->len : g->len + (g->code == SPDM_SET_KEY_PAIR_INFO);
}

static void each_in_its_version_and_place(void)
{
    for (uint8_t version = SPDM_VERSION_12; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        for (size_t i = 0; i < REQUESTS; i++) {
            const struct good *g = &requests[i];
            uint8_t message[48];
            memcpy(message, g->bytes, sizeof message);
            message[0] = version;
            enum ide_err err = send(NULL, message, length_in(g, version));
            if (version < g->first_version) {
                CHECK_ERR(err, IDE_E_CAPABILITY);
                CU_ASSERT_TRUE(refused(version, SPDM_ERROR_UNSUPPORTED_REQUEST, g->code));
            } else if (g->in_session_only) {
                CHECK_ERR(err, IDE_E_SESSION);
                CU_ASSERT_TRUE(refused(version, SPDM_ERROR_SESSION_REQUIRED, 0));
            } else {
                CHECK_OK(err);
            }
            if (version >= g->first_version)
                CHECK_OK(send(&loop.session, message, length_in(g, version)));
        }
        finish();
    }
}

static void cut_off_anywhere_and_too_long(void)
{
    for (uint8_t version = SPDM_VERSION_13; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        for (size_t i = 0; i < REQUESTS; i++) {
            uint8_t message[52] = {0};
            size_t len = length_in(&requests[i], version);
            memcpy(message, requests[i].bytes, len);
            message[0] = version;
            owner.calls = owner.events = 0;
            for (size_t cut = 4; cut < len; cut++) {
                CHECK_ERR(send(&loop.session, message, cut), IDE_E_SHORT);
                CU_ASSERT_TRUE(refused(version, SPDM_ERROR_INVALID_REQUEST, 0));
            }
            for (size_t more = 1; more < 5; more++) {   /* there is no padding in a session */
                CHECK_ERR(send(&loop.session, message, len + more), IDE_E_LONG);
                CU_ASSERT_TRUE(refused(version, SPDM_ERROR_INVALID_REQUEST, 0));
            }
            CU_ASSERT_TRUE(owner.calls == 0 && owner.events == 0);
            CHECK_OK(send(&loop.session, message, len));
        }
        finish();
    }
}

/* What the device answered, cut off: a requester misses a field. */
static void responses_cut_off_anywhere(void)
{
    static const struct spdm_message *const answers[REQUESTS] = {
        &spdm_msg_csr, &spdm_msg_set_certificate_rsp, &spdm_msg_key_pair_info, &spdm_msg_set_key_pair_info_ack,
        &spdm_msg_endpoint_info, &spdm_msg_supported_event_types, &spdm_msg_subscribe_event_types_ack,
        &spdm_msg_event_ack};
    for (uint8_t version = SPDM_VERSION_13; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        for (size_t i = 0; i < REQUESTS; i++) {
            union {
                struct spdm_csr csr;
                struct spdm_key_pair_info pair;
                struct spdm_endpoint_info endpoint;
                struct spdm_event_groups groups;
                struct spdm_plain plain;
            } out;
            uint8_t message[48], again[1024];
            struct ide_fault fault = {0};
            size_t consumed, len = 0;
            memset(&out, 0, sizeof out);
            memcpy(message, requests[i].bytes, sizeof message);
            message[0] = version;
            CHECK_OK(send(&loop.session, message, length_in(&requests[i], version)));
            for (size_t cut = 0; cut < response_len; cut++)
                CHECK_ERR(spdm_decode(answers[i], &loop.requester.params, response, cut, &out, &consumed, &fault),
                          IDE_E_SHORT);
            CHECK_OK(spdm_decode(answers[i], &loop.requester.params, response, response_len, &out, &consumed, &fault));
            CU_ASSERT_EQUAL(consumed, response_len);
            CHECK_OK(spdm_encode(answers[i], &loop.requester.params, &out, again, sizeof again, &len));
            CU_ASSERT_TRUE(len == response_len && memcmp(again, response, len) == 0);
        }
        finish();
    }
}

static void without_the_capability_or_the_op(void)
{
    static const struct spdm_services none;
    for (int how = 0; how < 3; how++) {
        open_loop(SPDM_VERSION_13);
        if (how == 0)
            loop.responder_config.flags &= ~(DEVICE_CAPS | SPDM_CAP_EVENT);
        if (how == 0)
            loop.requester_config.flags &= ~SPDM_CAP_EVENT;
        loop.responder.spdm.services = how == 1 ? &none : how == 2 ? NULL : &all_services;
        CHECK_OK(loopback_session(&loop));
        for (size_t i = 0; i < REQUESTS; i++) {
            uint8_t message[48];
            memcpy(message, requests[i].bytes, sizeof message);
            message[0] = SPDM_VERSION_13;
            CHECK_ERR(send(&loop.session, message, requests[i].len), IDE_E_CAPABILITY);
            CU_ASSERT_TRUE(refused(SPDM_VERSION_13, SPDM_ERROR_UNSUPPORTED_REQUEST, requests[i].code));
        }
        finish();
    }
}

struct bad {
    size_t request;
    uint8_t version;
    size_t offset;
    uint8_t bytes[4];
    size_t count;
    enum ide_err err;
    const char *field;
};

#define BYTES(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})

static const struct bad fields[] = {
    {0, 0x12, 4, BYTES(4), IDE_E_SHORT, "RequesterInfo"},
    {0, 0x12, 4, BYTES(0xff, 0xff), IDE_E_SHORT, "RequesterInfo"},
    {0, 0x12, 4, BYTES(2), IDE_E_LONG, "length"},
    {0, 0x12, 6, BYTES(1), IDE_E_SHORT, "OpaqueData"},
    {0, 0x12, 6, BYTES(1, 4), IDE_E_FIELD, "OpaqueDataLength"},
    {0, 0x12, 6, BYTES(0xff, 0xff), IDE_E_FIELD, "OpaqueDataLength"},
    {0, 0x13, 2, BYTES(1), IDE_E_FIELD, "KeyPairID"},
    {0, 0x13, 3, BYTES(SPDM_CERT_DEVICE), IDE_E_FIELD, "CertModel"},
    {0, 0x13, 3, BYTES(SPDM_CSR_OVERWRITE | 1u << SPDM_CSR_TAG_SHIFT), IDE_E_FIELD, "CSRTrackingTag"},
    {1, 0x12, 2, BYTES(8), IDE_E_FIELD, "SlotID"},
    {1, 0x12, 2, BYTES(15), IDE_E_FIELD, "SlotID"},
    {1, 0x12, 4, BYTES(0), IDE_E_FIELD, "Length"},
    {1, 0x12, 4, BYTES(36), IDE_E_FIELD, "Length"},
    {1, 0x12, 4, BYTES(38), IDE_E_SHORT, "CertChain"},
    {1, 0x12, 4, BYTES(0xff, 0xff), IDE_E_SHORT, "CertChain"},
    {1, 0x14, 4, BYTES(0xff, 0xff, 0xff, 0xff), IDE_E_SHORT, "CertChain"},
    {1, 0x13, 2, BYTES(SPDM_SET_CERT_ERASE), IDE_E_LONG, "length"},
    {1, 0x13, 2, BYTES(1u << SPDM_SET_CERT_MODEL_SHIFT), IDE_E_FIELD, "CertModel"},
    {1, 0x13, 3, BYTES(1), IDE_E_FIELD, "KeyPairID"},
    {2, 0x13, 4, BYTES(0), IDE_E_FIELD, "KeyPairID"},
    {2, 0x13, 4, BYTES(255), IDE_E_FIELD, "KeyPairID"},
    {3, 0x14, 13, BYTES(1), IDE_E_SHORT, "DesiredPqcAsymAlgo"},
    {3, 0x14, 13, BYTES(255), IDE_E_SHORT, "DesiredPqcAsymAlgo"},
    {4, 0x13, 2, BYTES(0), IDE_E_UNSUPPORTED, "SubCode"},
    {4, 0x13, 2, BYTES(0xff), IDE_E_UNSUPPORTED, "SubCode"},
    {4, 0x13, 4, BYTES(1), IDE_E_SHORT, "Nonce"},
    {6, 0x13, 4, BYTES(0), IDE_E_FIELD, "SubscribeListLen"},
    {6, 0x13, 4, BYTES(4), IDE_E_SHORT, "SubscribeList"},
    {6, 0x13, 4, BYTES(0xff, 0xff, 0xff, 0xff), IDE_E_SHORT, "SubscribeList"},
    {6, 0x13, 2, BYTES(0), IDE_E_LONG, "length"},
    {7, 0x13, 4, BYTES(0), IDE_E_FIELD, "EventCount"},
    {7, 0x13, 4, BYTES(2), IDE_E_SHORT, "EventInstanceID"},
    {7, 0x13, 4, BYTES(0xff, 0xff, 0xff, 0xff), IDE_E_SHORT, "EventInstanceID"},
    {7, 0x13, 17, BYTES(255), IDE_E_SHORT, "VendorID"},
    {7, 0x13, 20, BYTES(3), IDE_E_SHORT, "EventDetail"},
    {7, 0x13, 20, BYTES(0xff, 0xff), IDE_E_SHORT, "EventDetail"},
};

static void fields_out_of_bounds(void)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        const struct bad *b = &fields[i];
        const struct good *g = &requests[b->request];
        uint8_t message[48];
        open_loop(b->version);
        CHECK_OK(loopback_session(&loop));
        memcpy(message, g->bytes, sizeof message);
        message[0] = b->version;
        memcpy(message + b->offset, b->bytes, b->count);
        CHECK_ERR(send(&loop.session, message, length_in(g, b->version)), b->err);
        if (!same_text(loop.device_fault.field, b->field))
            fprintf(stderr, "row %zu: %s\n", i, loop.device_fault.field ? loop.device_fault.field : "-");
        CU_ASSERT_TRUE(same_text(loop.device_fault.field, b->field));
        CU_ASSERT_TRUE(refused(b->version, SPDM_ERROR_INVALID_REQUEST, 0));
        CU_ASSERT_EQUAL(owner.calls + owner.events, 0);
        CU_ASSERT_EQUAL(loop.session.state, SESSION_ESTABLISHED);
        finish();
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_in_its_version_and_place),
        TEST(cut_off_anywhere_and_too_long),
        TEST(responses_cut_off_anywhere),
        TEST(without_the_capability_or_the_op),
        TEST(fields_out_of_bounds),
        CU_TEST_INFO_NULL,
    };
    return suite_run("services, as bytes", tests);
}
