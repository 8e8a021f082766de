/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests that a device's owner answers: GET_CSR, SET_CERTIFICATE, key pairs, endpoint info, events. Both roles, each
 * version, in and out of sessions, long ones in chunks; what is refused, and with which ERROR.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "services_rig.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

/* --- certificates ---------------------------------------------------------------------------------------------------- */

static void csr_once(const struct spdm_channel *channel, uint8_t version)
{
    static const uint8_t info[] = "attributes";
    struct spdm_get_csr request = {.info_len = sizeof info, .info = info};
    struct spdm_csr csr = {0};
    const size_t lengths[] = {600, 4601, 60000};
    for (size_t i = 0; i < 3; i++) {
        owner.csr_len = lengths[i];
        CHECK_OK(spdm_get_csr(&loop.requester, channel, &request, &csr));
        CU_ASSERT_EQUAL(csr.len, lengths[i]);
        CU_ASSERT_EQUAL(memcmp(csr.csr, info, sizeof info), 0);
        CU_ASSERT_EQUAL(csr.csr[csr.len - 1], (uint8_t)(csr.len - 1));
    }
    owner.csr_len = 65536;
    CU_ASSERT_TRUE(peer_said(spdm_get_csr(&loop.requester, channel, &request, &csr), SPDM_ERROR_RESPONSE_TOO_LARGE, 0));
    owner.answer = IDE_E_RESET;
    request.header.param2 = 5u << SPDM_CSR_TAG_SHIFT;
    CU_ASSERT_TRUE(peer_said(spdm_get_csr(&loop.requester, channel, &request, &csr), SPDM_ERROR_RESET_REQUIRED,
                             version >= SPDM_VERSION_13 ? 5 : 0));
    owner.answer = IDE_E_INTERNAL;
    CU_ASSERT_TRUE(peer_said(spdm_get_csr(&loop.requester, channel, &request, &csr), SPDM_ERROR_UNSPECIFIED, 0));
    owner.answer = IDE_OK;
}

static void signing_requests(void)
{
    everywhere(SPDM_VERSION_12, csr_once);
}

/* A chain's first field says how long it is. */
static void make_chain(uint8_t *chain, size_t len)
{
    memset(chain, 0xc3, len);
    chain[0] = (uint8_t)len;
    chain[1] = (uint8_t)(len >> 8);
    chain[2] = chain[3] = 0;
}

static void certificate_once(const struct spdm_channel *channel, uint8_t version)
{
    static uint8_t chain[30000];
    const size_t lengths[] = {37, 1000, 30000};
    for (size_t i = 0; i < 3; i++) {
        make_chain(chain, lengths[i]);
        const struct spdm_set_certificate request = {
            .header = {.param1 = 3}, .chain_len = (uint32_t)lengths[i], .chain = chain};
        CHECK_OK(spdm_set_certificate(&loop.requester, channel, &request));
        CU_ASSERT_EQUAL(owner.chain_len, lengths[i]);
        CU_ASSERT_EQUAL(memcmp(owner.chain, chain, lengths[i]), 0);
        CU_ASSERT_EQUAL(owner.slot, 3);
        CU_ASSERT_EQUAL(owner.in_session, channel->secured);
    }
    make_chain(chain, 100);
    struct spdm_set_certificate request = {.chain_len = 100, .chain = chain};
    owner.answer = IDE_E_RESET;
    CU_ASSERT_TRUE(peer_said(spdm_set_certificate(&loop.requester, channel, &request), SPDM_ERROR_RESET_REQUIRED, 0));
    owner.answer = IDE_E_CHAIN;
    CU_ASSERT_TRUE(peer_said(spdm_set_certificate(&loop.requester, channel, &request),
                             version >= SPDM_VERSION_13 ? SPDM_ERROR_OPERATION_FAILED : SPDM_ERROR_UNSPECIFIED, 0));
    owner.answer = IDE_OK;
    if (version >= SPDM_VERSION_13) {
        request = (struct spdm_set_certificate){.header = {.param1 = SPDM_SET_CERT_ERASE | 2}};
        CHECK_OK(spdm_set_certificate(&loop.requester, channel, &request));
        CU_ASSERT_TRUE(owner.erased && owner.slot == 2);
    }
}

static void certificates(void)
{
    everywhere(SPDM_VERSION_12, certificate_once);
}

/* --- key pairs ------------------------------------------------------------------------------------------------------- */

static void key_pairs_once(const struct spdm_channel *channel, uint8_t version)
{
    struct spdm_key_pair_info info = {0};
    for (uint8_t id = 1; id <= 3; id++) {
        CHECK_OK(spdm_get_key_pair_info(&loop.requester, channel, id, &info));
        CU_ASSERT_TRUE(info.id == id && info.total == 3 && info.capabilities == 0x3f && info.public_key_info_len == 7);
        CU_ASSERT_EQUAL(info.pqc_capabilities, version >= SPDM_VERSION_14 ? 4 : 0);
    }
    CU_ASSERT_TRUE(peer_said(spdm_get_key_pair_info(&loop.requester, channel, 4, &info), SPDM_ERROR_INVALID_REQUEST, 0));
    CU_ASSERT_TRUE(peer_said(spdm_get_key_pair_info(&loop.requester, channel, 0, &info), SPDM_ERROR_INVALID_REQUEST, 0));
    struct spdm_set_key_pair_info set = {.header = {.param1 = SPDM_KEY_PAIR_CHANGE}, .id = 2, .usage = 3};
    CHECK_OK(spdm_set_key_pair_info(&loop.requester, channel, &set));
    CU_ASSERT_EQUAL(owner.pair.usage, 3);
    set = (struct spdm_set_key_pair_info){.header = {.param1 = SPDM_KEY_PAIR_ERASE}, .id = 1};
    CHECK_OK(spdm_set_key_pair_info(&loop.requester, channel, &set));
    owner.answer = IDE_E_IO;
    owner.answer = IDE_OK;
    owner.pair.slots = 1;
    CU_ASSERT_TRUE(
        peer_said(spdm_set_key_pair_info(&loop.requester, channel, &set), SPDM_ERROR_OPERATION_FAILED, 0));
    owner.pair.slots = 0;
}

static void key_pairs(void)
{
    everywhere(SPDM_VERSION_13, key_pairs_once);
}

static void desires_beyond_the_capabilities(void)
{
    const struct {
        uint16_t capabilities;
        struct spdm_set_key_pair_info set;
        const char *field;
    } rows[] = {
        {0x3f, {.header = {.param1 = 3}, .id = 1}, "Operation"},
        {0x3e, {.header = {.param1 = SPDM_KEY_PAIR_GENERATE}, .id = 1}, "Operation"},
        {0x3d, {.header = {.param1 = SPDM_KEY_PAIR_ERASE}, .id = 1}, "Operation"},
        {0x3b, {.id = 1, .slots = 2}, "DesiredAssocCertSlotMask"},
        {0x1f, {.id = 1, .slots = 3}, "DesiredAssocCertSlotMask"},
        {0x37, {.id = 1, .usage = 1}, "DesiredKeyUsage"},
        {0x3f, {.id = 1, .usage = 0x20}, "DesiredKeyUsage"},
        {0x2f, {.id = 1, .asym = 8}, "DesiredAsymAlgo"},
        {0x2f, {.id = 1, .pqc = 4}, "DesiredAsymAlgo"},
        {0x3f, {.id = 1, .asym = 0x18}, "DesiredAsymAlgo"},
        {0x3f, {.id = 1, .asym = 8, .pqc = 4}, "DesiredAsymAlgo"},
        {0x3f, {.id = 1, .asym = 1}, "DesiredAsymAlgo"},
        {0x3f, {.id = 1, .pqc = 1}, "DesiredPqcAsymAlgo"},
        {0x3f, {.id = 0}, "KeyPairID"},
        {0x3f, {.id = 4}, "KeyPairID"},
        {0x3f, {.id = 255}, "KeyPairID"},
    };
    open_loop(SPDM_VERSION_14);
    CHECK_OK(loopback_connect(&loop));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        owner.pair.capabilities = rows[i].capabilities;
        CU_ASSERT_TRUE(peer_said(spdm_set_key_pair_info(&loop.requester, &loop.requester.clear, &rows[i].set),
                                 SPDM_ERROR_INVALID_REQUEST, 0));
        CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "SET_KEY_PAIR_INFO", rows[i].field);
    }
    CU_ASSERT_EQUAL(owner.calls, 0);
    finish();
}

/* --- endpoint info ----------------------------------------------------------------------------------------------------- */

static void endpoint_once(const struct spdm_channel *channel, uint8_t version)
{
    const uint8_t *info = NULL;
    size_t len = 0;
    (void)version;
    CHECK_OK(spdm_get_endpoint_info(&loop.requester, channel, SPDM_ENDPOINT_DEVICE_CLASS, &info, &len));
    CU_ASSERT_TRUE(len == 9 && memcmp(info + 4, "class", 5) == 0);
    CU_ASSERT_TRUE(peer_said(spdm_get_endpoint_info(&loop.requester, channel, 2, &info, &len),
                             SPDM_ERROR_INVALID_REQUEST, 0));
}

static void endpoint_info_signed(void)
{
    everywhere(SPDM_VERSION_13, endpoint_once);
}

static void endpoint_info_unsigned(void)
{
    const uint8_t *info;
    size_t len;
    open_loop(SPDM_VERSION_13);
    loop.responder_config.flags ^= SPDM_CAP_EP_INFO_MASK;
    CHECK_OK(loopback_connect(&loop));
    endpoint_once(&loop.requester.clear, SPDM_VERSION_13);
    loop.requester.peer_verified = false;   /* nothing is signed */
    endpoint_once(&loop.requester.clear, SPDM_VERSION_13);
    loop.requester.params.flags_responder ^= SPDM_CAP_EP_INFO_MASK;
    CHECK_ERR(spdm_get_endpoint_info(&loop.requester, &loop.requester.clear, 1, &info, &len), IDE_E_STATE);
    loop.requester.peer_verified = true;
    CU_ASSERT_TRUE(peer_said(spdm_get_endpoint_info(&loop.requester, &loop.requester.clear, 1, &info, &len),
                             SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_GET_ENDPOINT_INFO));
    finish();
}

static size_t bent;

static void bend(struct loopback *l, uint8_t *object, size_t *len)
{
    (void)l, (void)len;
    object[DOE_HEADER_SIZE + bent] ^= 1;
}

static void endpoint_info_altered(void)
{
    const uint8_t *info = NULL;
    size_t len;
    const size_t signed_part = 4 + 4 + 32 + 4 + 9;
    open_loop(SPDM_VERSION_13);
    CHECK_OK(loopback_connect(&loop));
    loop.on_response = bend;
    for (bent = 2; bent < signed_part + 64; bent++) {
        enum ide_err err = spdm_get_endpoint_info(&loop.requester, &loop.requester.clear, 1, &info, &len);
        /* the length makes it another message, the slot another one's signature */
        bool length = bent >= 40 && bent < 44;
        CU_ASSERT_TRUE(bent == 3 ? err == IDE_E_FIELD : length ? err != IDE_OK : err == IDE_E_SIGNATURE);
        CU_ASSERT_PTR_NULL(info);
    }
    finish();
}

/* --- events ---------------------------------------------------------------------------------------------------------- */

static size_t write_events(uint8_t *data, size_t cap, uint32_t first, unsigned count)
{
    struct writer w = writer_of(data, cap);
    for (unsigned i = 0; i < count; i++) {
        const struct spdm_event event = {.instance = first + i, .type = 2, .detail_len = 32,
                                         .detail = (const uint8_t *)"changed measurements: 32 bytes.."};
        spdm_event_write(&w, &event);
    }
    CHECK_OK(write_done(&w));
    return w.pos;
}

static void events_once(const struct spdm_channel *channel)
{
    static uint8_t list[20000];
    struct spdm_event_groups groups = {0};
    CHECK_OK(spdm_get_supported_event_types(&loop.requester, channel, &groups));
    CU_ASSERT_TRUE(groups.header.param1 == 2 && groups.len == 6 && memcmp(groups.list, "groups", 6) == 0);
    const struct spdm_event_groups some = {.header = {.param1 = 1}, .len = 3, .list = (const uint8_t *)"abc"};
    CHECK_OK(spdm_subscribe_event_types(&loop.requester, channel, &some));
    CU_ASSERT_EQUAL(owner.subscribed, 1);
    const struct spdm_event_groups none = {0};
    CHECK_OK(spdm_subscribe_event_types(&loop.requester, channel, &none));
    CU_ASSERT_EQUAL(owner.subscribed, 0);
    const unsigned counts[] = {1, 2, 300};
    for (size_t i = 0; i < 3; i++) {
        owner.events = 0;
        const struct spdm_send_event send = {
            .count = counts[i], .events = list, .len = write_events(list, sizeof list, UINT32_MAX, counts[i])};
        CHECK_OK(spdm_send_event(&loop.requester, channel, &send));
        CU_ASSERT_EQUAL(owner.events, counts[i]);
        CU_ASSERT_EQUAL(owner.first_event, UINT32_MAX);
        CU_ASSERT_EQUAL(owner.last_event, UINT32_MAX + counts[i] - 1);
    }
    /* events that do not follow each other, and too few of them: none is taken */
    owner.events = 0;
    size_t len = write_events(list, sizeof list, 7, 2);
    list[len / 2] = 9;
    struct spdm_send_event bad = {.count = 2, .events = list, .len = len};
    CU_ASSERT_TRUE(peer_said(spdm_send_event(&loop.requester, channel, &bad), SPDM_ERROR_INVALID_REQUEST, 0));
    CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "SEND_EVENT", "EventInstanceID");
    list[len / 2] = 8;
    bad.count = UINT32_MAX;
    CU_ASSERT_TRUE(peer_said(spdm_send_event(&loop.requester, channel, &bad), SPDM_ERROR_INVALID_REQUEST, 0));
    CHECK_FAULT(&loop.device_fault, IDE_E_SHORT, "SEND_EVENT", "EventInstanceID");
    bad.count = 0;
    CU_ASSERT_TRUE(peer_said(spdm_send_event(&loop.requester, channel, &bad), SPDM_ERROR_INVALID_REQUEST, 0));
    CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "SEND_EVENT", "EventCount");
    CU_ASSERT_EQUAL(owner.events, 0);
}

static void events(void)
{
    in_sessions(events_once);
}

/* --- what a requester asks of its peer first, and believes it --------------------------------------------------------------- */

static void a_peer_that_cannot_is_not_asked(void)
{
    const struct spdm_channel *clear = &loop.requester.clear;
    const uint8_t *info;
    size_t len;
    struct spdm_csr csr;
    struct spdm_key_pair_info pair;
    struct spdm_event_groups groups = {0};
    const struct spdm_get_csr get_csr = {.info_len = 0};
    const struct spdm_set_certificate set_certificate_request = {.chain_len = 0};
    const struct spdm_set_key_pair_info set = {.id = 1};
    const struct spdm_send_event none = {.count = 0};
    open_loop(SPDM_VERSION_13);
    CHECK_ERR(spdm_get_csr(&loop.requester, clear, &get_csr, &csr), IDE_E_STATE);
    CHECK_ERR(spdm_send_event(&loop.requester, clear, &none), IDE_E_STATE);
    loop.responder_config.flags &= ~DEVICE_CAPS;
    loop.requester_config.flags &= ~SPDM_CAP_EVENT;
    CHECK_OK(loopback_connect(&loop));
    loop.exchanges = 0;
    CHECK_ERR(spdm_get_csr(&loop.requester, clear, &get_csr, &csr), IDE_E_CAPABILITY);
    CHECK_FAULT(&loop.requester.fault, IDE_E_CAPABILITY, "GET_CSR", "CSR_CAP");
    CHECK_ERR(spdm_set_certificate(&loop.requester, clear, &set_certificate_request), IDE_E_CAPABILITY);
    CHECK_ERR(spdm_get_key_pair_info(&loop.requester, clear, 1, &pair), IDE_E_CAPABILITY);
    CHECK_ERR(spdm_set_key_pair_info(&loop.requester, clear, &set), IDE_E_CAPABILITY);
    CHECK_ERR(spdm_get_endpoint_info(&loop.requester, clear, 1, &info, &len), IDE_E_CAPABILITY);
    CHECK_ERR(spdm_get_supported_event_types(&loop.requester, clear, &groups), IDE_E_CAPABILITY);
    CHECK_ERR(spdm_subscribe_event_types(&loop.requester, clear, &groups), IDE_E_CAPABILITY);
    CHECK_ERR(spdm_send_event(&loop.requester, clear, &none), IDE_E_CAPABILITY);
    CU_ASSERT_EQUAL(loop.exchanges, 0);
    finish();
}

static void answers_about_something_else(void)
{
    struct spdm_key_pair_info pair = {0};
    uint8_t chain[100];
    open_loop(SPDM_VERSION_13);
    CHECK_OK(loopback_connect(&loop));
    loop.on_response = bend;
    bent = 5;
    CHECK_ERR(spdm_get_key_pair_info(&loop.requester, &loop.requester.clear, 1, &pair), IDE_E_FIELD);
    CHECK_FAULT(&loop.requester.fault, IDE_E_FIELD, "KEY_PAIR_INFO", "KeyPairID");
    bent = 4;
    CHECK_ERR(spdm_get_key_pair_info(&loop.requester, &loop.requester.clear, 3, &pair), IDE_E_FIELD);
    CHECK_FAULT(&loop.requester.fault, IDE_E_FIELD, "KEY_PAIR_INFO", "TotalKeyPairs");
    make_chain(chain, sizeof chain);
    const struct spdm_set_certificate request = {.chain_len = sizeof chain, .chain = chain};
    bent = 2;
    CHECK_ERR(spdm_set_certificate(&loop.requester, &loop.requester.clear, &request), IDE_E_FIELD);
    CHECK_FAULT(&loop.requester.fault, IDE_E_FIELD, "SET_CERTIFICATE_RSP", "SlotID");
    finish();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(signing_requests),
        TEST(certificates),
        TEST(key_pairs),
        TEST(desires_beyond_the_capabilities),
        TEST(endpoint_info_signed),
        TEST(endpoint_info_unsigned),
        TEST(endpoint_info_altered),
        TEST(events),
        TEST(a_peer_that_cannot_is_not_asked),
        TEST(answers_about_something_else),
        CU_TEST_INFO_NULL,
    };
    return suite_run("services", tests);
}
