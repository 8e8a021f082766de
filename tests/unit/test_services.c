/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requests that a device's owner answers: GET_CSR, SET_CERTIFICATE, key pairs, endpoint info, events. Both roles, each
 * version, in and out of sessions, long ones in chunks; what is refused, and with which ERROR.
 */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

#define DEVICE_CAPS                                                                                          \
    (SPDM_CAP_SET_CERT | SPDM_CAP_CSR | SPDM_CAP_CERT_INSTALL_RESET | SPDM_CAP_EP_INFO_SIG | SPDM_CAP_EVENT | \
     SPDM_CAP_GET_KEY_PAIR | SPDM_CAP_SET_KEY_PAIR)

static struct loopback loop;
static uint8_t requester_large[70000], device_large[80000];

/* --- the owner ------------------------------------------------------------------------------------------------------- */

static struct {
    enum ide_err answer;
    size_t csr_len;
    uint8_t chain[30000];
    size_t chain_len;
    uint8_t slot, key_pair_usage;
    bool erased, in_session;
    unsigned calls, events;
    uint32_t first_event, last_event;
    uint8_t subscribed;
    struct spdm_key_pair_info pair;
} owner;

static enum ide_err make_csr(void *context, const struct spdm_get_csr *request, struct writer *w)
{
    (void)context;
    owner.calls++;
    if (owner.answer != IDE_OK)
        return owner.answer;
    write_bytes(w, request->info, request->info_len);
    for (size_t i = request->info_len; i < owner.csr_len; i++)
        write_u8(w, (uint8_t)i);
    return IDE_OK;
}

static enum ide_err set_certificate(void *context, const void *session, const struct spdm_set_certificate *request)
{
    (void)context;
    owner.calls++;
    if (owner.answer != IDE_OK)
        return owner.answer;
    owner.in_session = session != NULL;
    owner.slot = request->header.param1 & SPDM_SLOT_MASK;
    owner.erased = request->chain_len == 0;
    owner.chain_len = request->chain_len;
    memcpy(owner.chain, request->chain, request->chain_len);
    return IDE_OK;
}

static enum ide_err key_pair(void *context, uint8_t id, struct spdm_key_pair_info *out)
{
    static const uint8_t info[] = {0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70};
    (void)context;
    *out = owner.pair;
    out->id = id;
    out->total = 3;
    out->public_key_info = info;
    out->public_key_info_len = sizeof info;
    return owner.answer;
}

static enum ide_err set_key_pair(void *context, const void *session, const struct spdm_set_key_pair_info *request)
{
    (void)context, (void)session;
    owner.calls++;
    owner.pair.usage = request->usage;
    return owner.answer;
}

static enum ide_err endpoint_info(void *context, uint8_t sub_code, struct writer *w)
{
    (void)context;
    if (sub_code != SPDM_ENDPOINT_DEVICE_CLASS)
        return IDE_E_UNSUPPORTED;
    write_bytes(w, "\1\0\0\0class", 9);
    return IDE_OK;
}

static enum ide_err event_types(void *context, const void *session, struct writer *w, uint8_t *groups)
{
    (void)context;
    CU_ASSERT_PTR_NOT_NULL(session);
    *groups = 2;
    write_bytes(w, "groups", 6);
    return IDE_OK;
}

static enum ide_err subscribe(void *context, const void *session, const struct spdm_event_groups *request)
{
    (void)context, (void)session;
    owner.subscribed = request->header.param1;
    return owner.answer;
}

static void on_event(void *context, const void *session, const struct spdm_event *event)
{
    (void)context, (void)session;
    if (owner.events++ == 0)
        owner.first_event = event->instance;
    owner.last_event = event->instance;
}

static const struct spdm_services all = {NULL, make_csr, set_certificate, key_pair, set_key_pair, endpoint_info,
                                         event_types, subscribe, on_event};

static void open_loop(uint8_t version)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&loop, KEY_EC_P256));
    loop.requester_config.version_max = loop.responder_config.version_max = version;
    loop.requester_config.version_min = loop.responder_config.version_min = version;
    loop.requester_config.flags |= SPDM_CAP_EVENT;
    loop.responder_config.flags |= DEVICE_CAPS;
    loop.requester.large = (struct spdm_large){.data = requester_large, .cap = sizeof requester_large};
    loop.responder.spdm.connection.large = (struct spdm_large){.data = device_large, .cap = sizeof device_large};
    loop.responder.spdm.services = &all;
    memset(&owner, 0, sizeof owner);
    owner.csr_len = 600;
    owner.pair = (struct spdm_key_pair_info){.capabilities = 0x3f, .usage_capabilities = 0x1f, .usage = 1,
                                             .asym_capabilities = 0x18, .asym = 8, .pqc_capabilities = 4};
}

static void finish(void)
{
    session_close(&loop.session);
    loopback_close(&loop);
}

/* In the clear, then in a session, in each version that has it. */
static void everywhere(uint8_t first, void (*test)(const struct spdm_channel *channel, uint8_t version))
{
    for (uint8_t version = first; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        struct spdm_channel secured = session_channel(&loop.session);
        test(&loop.requester.clear, version);
        test(&secured, version);
        CU_ASSERT_EQUAL(loop.session.state, SESSION_ESTABLISHED);
        finish();
    }
}

static void in_sessions(void (*test)(const struct spdm_channel *channel))
{
    for (uint8_t version = SPDM_VERSION_13; version <= SPDM_VERSION_14; version++) {
        open_loop(version);
        CHECK_OK(loopback_session(&loop));
        struct spdm_channel secured = session_channel(&loop.session);
        test(&secured);
        finish();
    }
}

static bool peer_said(enum ide_err err, uint8_t code, uint8_t data)
{
    const struct ide_fault *f = &loop.requester.fault;
    bool same = err == IDE_E_PEER_ERROR && f->peer_code == code && f->peer_data == data;
    if (!same)
        fprintf(stderr, "\n  %s: %02x %02x\n", ide_err_name(err), f->peer_code, f->peer_data);
    return same;
}

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
        loop.responder.spdm.services = how == 1 ? &none : how == 2 ? NULL : &all;
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
        TEST(each_in_its_version_and_place),
        TEST(cut_off_anywhere_and_too_long),
        TEST(responses_cut_off_anywhere),
        TEST(without_the_capability_or_the_op),
        TEST(fields_out_of_bounds),
        TEST(a_peer_that_cannot_is_not_asked),
        TEST(answers_about_something_else),
        CU_TEST_INFO_NULL,
    };
    return suite_run("services", tests);
}
