/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State confusion: each of the 256 codes as a request in each state of a whole device, outside and inside a session, has
 * exactly the answer that the specification wants, and what is refused changes nothing. What is not written down here
 * is taken from the responder's rows, so that requests that are added are covered too.
 */
#include "check.h"
#include "loopback.h"
#include "measured_device.h"
#include "session/messages.h"
#include "spdm/services.h"
#include "suite.h"

#define IN(state)   (1u << (state))
#define ALL_STATES  0xfu
#define CODES       256u
#define ANY         0xff   /* an answer that is not looked at */

/* What a request of four bytes gets where it may come: the response's code, or the ERROR's. */
struct rule {
    uint8_t code;
    unsigned states;
    bool in_session, out_session;
    uint8_t answer, error;
};

static const struct rule rules[] = {
    {SPDM_GET_VERSION, ALL_STATES, false, true, SPDM_VERSION, 0},
    {SPDM_GET_CAPABILITIES, IN(SPDM_AFTER_VERSION), false, true, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    {SPDM_NEGOTIATE_ALGORITHMS, IN(SPDM_AFTER_CAPABILITIES), false, true, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    {SPDM_GET_DIGESTS, IN(SPDM_NEGOTIATED), true, true, SPDM_DIGESTS, 0},
    {SPDM_GET_CERTIFICATE, IN(SPDM_NEGOTIATED), true, true, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    {SPDM_CHALLENGE, IN(SPDM_NEGOTIATED), false, true, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    {SPDM_VENDOR_DEFINED_REQUEST, IN(SPDM_NEGOTIATED), true, true, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    {SPDM_KEY_EXCHANGE, IN(SPDM_NEGOTIATED), false, true, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    /* in an established session; in the handshake see below */
    {SPDM_FINISH, IN(SPDM_NEGOTIATED), true, false, SPDM_ERROR, SPDM_ERROR_UNEXPECTED_REQUEST},
    /* the session has no heartbeat */
    {SPDM_HEARTBEAT, IN(SPDM_NEGOTIATED), true, false, SPDM_ERROR, SPDM_ERROR_UNEXPECTED_REQUEST},
    {SPDM_KEY_UPDATE, IN(SPDM_NEGOTIATED), true, false, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST},
    {SPDM_END_SESSION, IN(SPDM_NEGOTIATED), true, false, SPDM_END_SESSION_ACK, 0},
    /* nothing is pending */
    {SPDM_RESPOND_IF_READY, IN(SPDM_NEGOTIATED), true, true, SPDM_ERROR, SPDM_ERROR_UNEXPECTED_REQUEST},
};

static struct loopback l;
static struct session half_open;   /* the requester's, after KEY_EXCHANGE_RSP */

/* --- the places where a request may come --- */

enum place {
    NOT_STARTED,
    AFTER_VERSION,
    AFTER_CAPABILITIES,
    NEGOTIATED,
    BESIDE_HANDSHAKE,
    BESIDE_SESSION,
    IN_HANDSHAKE,
    IN_PSK_HANDSHAKE,
    IN_SESSION,
    PLACES
};

static const char *const place_names[PLACES] = {
    "at the start", "after VERSION",      "after CAPABILITIES", "negotiated",
    "beside a handshake", "beside a session", "in a handshake",     "in a handshake by PSK",
    "in a session"};

static unsigned stop_after;   /* exchanges */

static void stop(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (object[2] == DOE_TYPE_SECURED_CMA) {
        half_open = loop->session;
        half_open.request.sequence = 0;
    }
    if (loop->exchanges > stop_after)
        *len = 0;
}

/* A device that can do all that there is a row for; the others can do what is there by default. */
static bool able;
static uint8_t large[8192];
static const struct spdm_services services;   /* its owner does nothing */
static const uint8_t secret[] = "pre-shared";
static const struct session_psk psk = {.secret = secret, .secret_len = sizeof secret};

static void enable_everything(void)
{
    measured_device_configure(&l.responder_config);
    l.requester_config.version_max = l.responder_config.version_max = SPDM_VERSION_14;
    l.responder_config.flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_PSK_CONTEXT | SPDM_CAP_SET_CERT | SPDM_CAP_CSR |
                                SPDM_CAP_EP_INFO_SIG | SPDM_CAP_EVENT | SPDM_CAP_GET_KEY_PAIR | SPDM_CAP_SET_KEY_PAIR;
    l.requester_config.flags |= SPDM_CAP_MUT_AUTH | SPDM_CAP_ENCAP | SPDM_CAP_CERT | SPDM_CAP_PSK | SPDM_CAP_EVENT;
    l.requester_config.req_asym = l.responder_config.req_asym = SPDM_ASYM_ECDSA_P256;
    l.responder.spdm.measurements = &measured_device;
    l.responder.spdm.services = &services;
    l.responder.spdm.connection.large = (struct spdm_large){.data = large, .cap = sizeof large};
    l.responder.psks = &psk;
    l.responder.psk_count = 1;
}

static enum ide_err open_session(enum place place)
{
    if (place != IN_PSK_HANDSHAKE)
        return loopback_session(&l);
    enum ide_err err = spdm_negotiate(&l.requester);
    return err == IDE_OK ? session_open_psk(&l.session, &l.requester, &l.transport, &psk) : err;
}

static void arrive(enum place place)
{
    static const unsigned exchanges[PLACES] = {0, 1, 2, 3, 4, 100, 4, 4, 100};
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    if (able)
        enable_everything();
    l.on_request = stop;
    stop_after = exchanges[place];
    CHECK_ERR(open_session(place), stop_after < 100 ? IDE_E_TIMEOUT : IDE_OK);
    l.on_request = NULL;
}

static enum spdm_state connection_state(enum place place)
{
    return place < NEGOTIATED ? (enum spdm_state)place : SPDM_NEGOTIATED;
}

static struct session *session_in(enum place place)
{
    if (place == IN_HANDSHAKE || place == IN_PSK_HANDSHAKE)
        return &half_open;
    return place == IN_SESSION ? &l.session : NULL;
}

static bool still_there(enum place place)
{
    static const enum session_state wanted[PLACES] = {[BESIDE_HANDSHAKE] = SESSION_HANDSHAKE,
                                                      [BESIDE_SESSION] = SESSION_ESTABLISHED,
                                                      [IN_HANDSHAKE] = SESSION_HANDSHAKE,
                                                      [IN_PSK_HANDSHAKE] = SESSION_HANDSHAKE,
                                                      [IN_SESSION] = SESSION_ESTABLISHED};
    return l.responder.spdm.connection.state == connection_state(place) &&
           l.device_sessions[0].state == wanted[place] && l.device_sessions[1].state == SESSION_NONE;
}

/* --- what a request must get there --- */

struct answer {
    uint8_t code, error, data;
    bool refused;   /* by a gate: nothing may have changed */
};

static const struct spdm_handler *row_of(uint8_t code)
{
    const struct spdm_responder *r = &l.responder.spdm;
    for (size_t t = 0; t < r->table_count; t++) {
        for (size_t i = 0; i < r->tables[t].count; i++) {
            if (r->tables[t].rows[i].code == code)
                return &r->tables[t].rows[i];
        }
    }
    return NULL;
}

static struct rule rule_of(const struct spdm_handler *row)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        if (rules[i].code == row->code)
            return rules[i];
    }
    return (struct rule){row->code, row->states, row->in_session, row->out_session, ANY, 0};
}

static struct answer refusal(uint8_t error, uint8_t data)
{
    return (struct answer){SPDM_ERROR, error, data, true};
}

/* The other kind of handshake's end is no more welcome than anything else (CVE-2023-31127). */
static struct answer wanted_in_handshake(uint8_t code, enum place place)
{
    /* too short: that ends the handshake */
    if (code == (place == IN_HANDSHAKE ? SPDM_FINISH : SPDM_PSK_FINISH))
        return (struct answer){SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST, 0, false};
    return refusal(SPDM_ERROR_UNEXPECTED_REQUEST, 0);
}

static struct answer wanted(uint8_t code, enum place place)
{
    const struct spdm_connection *c = &l.responder.spdm.connection;
    const struct spdm_handler *row = row_of(code);
    if (place == IN_HANDSHAKE || place == IN_PSK_HANDSHAKE)
        return wanted_in_handshake(code, place);
    if (!row)
        return refusal(SPDM_ERROR_UNSUPPORTED_REQUEST, code);
    uint8_t version = c->params.version ? c->params.version : place == NOT_STARTED ? SPDM_VERSION_12 : SPDM_VERSION_10;
    uint32_t flags = c->config->flags & (c->state >= SPDM_AFTER_CAPABILITIES ? c->params.flags_responder : UINT32_MAX);
    if (version < row->first_version || (row->needs && !(row->needs & flags)))
        return refusal(SPDM_ERROR_UNSUPPORTED_REQUEST, code);
    const struct rule rule = rule_of(row);
    if (place == NOT_STARTED && rule.states == IN(SPDM_NEGOTIATED))
        return refusal(SPDM_ERROR_REQUEST_RESYNCH, 0);
    if (!(rule.states & IN(connection_state(place))) || (session_in(place) && !rule.in_session))
        return refusal(SPDM_ERROR_UNEXPECTED_REQUEST, 0);
    if (!session_in(place) && !rule.out_session)
        return refusal(SPDM_ERROR_SESSION_REQUIRED, 0);
    return (struct answer){rule.answer, rule.error, 0, false};
}

static bool check_one(uint8_t code, enum place place)
{
    const struct answer want = wanted(code, place);
    uint8_t version = l.responder.spdm.connection.params.version;
    if (version == 0)
        version = SPDM_VERSION_12;
    const uint8_t request[4] = {code == SPDM_GET_VERSION && session_in(place) != &half_open ? SPDM_VERSION_10 : version, code};
    const uint8_t *response = NULL;
    size_t len = 0;
    CHECK_OK(loopback_send(&l, session_in(place), request, sizeof request, &response, &len));
    bool right = len >= 4 && (want.code == ANY || response[1] == want.code);
    if (right && want.code == SPDM_ERROR)
        right = response[2] == want.error && response[3] == want.data;
    if (right && want.refused)
        right = still_there(place);
    if (!right)
        fprintf(stderr, "code %02x %s: %02x %02x %02x\n", code, place_names[place], len > 1 ? response[1] : 0,
                len > 2 ? response[2] : 0, len > 3 ? response[3] : 0);
    CU_ASSERT_TRUE(right);
    return want.refused;
}

static void each_code_in(enum place place)
{
    arrive(place);
    CU_ASSERT_TRUE(still_there(place));
    for (unsigned code = 0; code < CODES; code++) {
        if (check_one((uint8_t)code, place))
            continue;
        loopback_close(&l);
        arrive(place);
    }
    loopback_close(&l);
}

static void each_request_in_each_state_outside_sessions(void)
{
    for (enum place place = NOT_STARTED; place < IN_HANDSHAKE; place++)
        each_code_in(place);
}

static void each_request_in_a_handshake(void)
{
    each_code_in(IN_HANDSHAKE);
}

static void each_request_in_a_session(void)
{
    each_code_in(IN_SESSION);
}

/* The same of a device that has every capability, so that no row is refused for want of one. */
static void each_request_to_a_device_that_can_everything(void)
{
    able = true;
    for (enum place place = NOT_STARTED; place < PLACES; place++)
        each_code_in(place);
    arrive(NEGOTIATED);
    for (unsigned code = 0; code < CODES; code++) {
        const struct spdm_handler *row = row_of((uint8_t)code);
        CU_ASSERT_TRUE(!row || !row->needs || (row->needs & l.responder.spdm.connection.params.flags_responder));
    }
    loopback_close(&l);
    able = false;
}

/* A row that is gone would make a rule say nothing. */
static void each_rule_has_its_row(void)
{
    arrive(NOT_STARTED);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        CU_ASSERT_PTR_NOT_NULL(row_of(rules[i].code));
    loopback_close(&l);
}

/* After all 256 in a session, and after all 256 in a handshake but FINISH, it goes on as if nothing had been. */
static void a_session_outlives_all_that_is_refused(void)
{
    arrive(IN_SESSION);
    for (unsigned code = 0; code < CODES; code++) {
        if (wanted((uint8_t)code, IN_SESSION).refused)
            check_one((uint8_t)code, IN_SESSION);
    }
    CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
    CHECK_OK(session_end(&l.session));
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(each_rule_has_its_row),
        TEST(each_request_in_each_state_outside_sessions),
        TEST(each_request_in_a_handshake),
        TEST(each_request_in_a_session),
        TEST(each_request_to_a_device_that_can_everything),
        TEST(a_session_outlives_all_that_is_refused),
        CU_TEST_INFO_NULL,
    };
    return suite_run("states", tests);
}
