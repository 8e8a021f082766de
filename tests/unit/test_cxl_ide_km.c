/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL_IDE_KM of both roles: the codec against recorded messages, a port behind its ops, and answers that are
 * wrong. */
#include "check.h"
#include "ide_km/cxl_messages.h"
#include "ide_km/cxl_responder.h"
#include "ide_km/responder.h"
#include "loopback.h"
#include "suite.h"
#include "vector_file.h"

#define CAPS (1u | CXL_IDE_CAPS_IV_GEN | CXL_IDE_CAPS_KEY_GEN | CXL_IDE_CAPS_K_SET_STOP)

static struct loopback l;
static struct cxl_ide_responder km;
static const struct cxl_ide_target target = {.port_index = 1, .direction = IDE_TX};

/* --- a port that remembers what it was told --- */

static struct {
    unsigned queries, gets, progs, gos, stops, ends;
    uint32_t session_id, ended_id;
    struct cxl_ide_target target;
    struct cxl_ide_key key;
    enum cxl_ide_mode mode;
    bool default_iv, refuse;
    uint16_t block_len;
} port;

static bool port_query(void *context, uint8_t port_index, struct cxl_ide_query_resp *out)
{
    CU_ASSERT_PTR_EQUAL(context, &port);
    port.queries++;
    *out = (struct cxl_ide_query_resp){
        .max_port_index = 7, .devfn = 0x10, .bus = 0x20, .segment = 0x30, .caps = CAPS};
    out->block_len = port.block_len;
    memset(out->blocks, 0xb1, out->block_len);
    return port_index <= 7;
}

static bool port_get_key(void *context, uint32_t session_id, uint8_t port_index, struct cxl_ide_key *out)
{
    (void)context;
    port.gets++;
    port.session_id = session_id;
    port.target.port_index = port_index;
    *out = port.key;
    return !port.refuse;
}

static bool port_key_prog(void *context, uint32_t session_id, const struct cxl_ide_target *t,
                          const struct cxl_ide_key *key, bool default_iv)
{
    (void)context;
    port.progs++;
    port.session_id = session_id;
    port.target = *t;
    port.key = *key;
    port.default_iv = default_iv;
    return !port.refuse;
}

static bool port_set_go(void *context, uint32_t session_id, const struct cxl_ide_target *t,
                        enum cxl_ide_mode mode)
{
    (void)context;
    port.gos++;
    port.session_id = session_id;
    port.target = *t;
    port.mode = mode;
    return !port.refuse;
}

static bool port_set_stop(void *context, uint32_t session_id, const struct cxl_ide_target *t)
{
    (void)context;
    port.stops++;
    port.session_id = session_id;
    port.target = *t;
    return !port.refuse;
}

static void port_session_end(void *context, uint32_t session_id)
{
    (void)context;
    port.ends++;
    port.ended_id = session_id;
}

static const struct cxl_ide_port_ops ops = {port_query,  port_get_key,  port_key_prog,
                                            port_set_go, port_set_stop, port_session_end};

static void begin(void)
{
    memset(&port, 0, sizeof port);
    port.block_len = 36;
    km = (struct cxl_ide_responder){.ops = &ops, .context = &port};
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    cxl_ide_responder_attach(&km, &l.responder);
    CHECK_OK(loopback_session(&l));
}

static void make_key(struct cxl_ide_key *key)
{
    for (unsigned i = 0; i < IDE_KEY_SIZE; i++)
        key->key[i] = (uint8_t)(0x40 + i);
    for (unsigned i = 0; i < CXL_IDE_IV_SIZE; i++)
        key->iv[i] = (uint8_t)(0xa0 + i);
}

static bool same_key(const struct cxl_ide_key *a, const struct cxl_ide_key *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* --- the codec --- */

/* tee-io-validator doc/key_byte_order.md: its example key and IV, as they travel. */
static void key_and_iv_travel_in_the_documented_order(void)
{
    struct cxl_ide_key key = {.key = {0xdf, 0x25, 0x41, 0x52, 0x05, 0x6e, 0x02, 0xe0, 0xef, 0x8b, 0x7f,
                                      0xeb, 0x97, 0x39, 0xd4, 0xd9, 0x6a, 0x4e, 0xb8, 0x01, 0x03, 0x24,
                                      0x1d, 0xf7, 0xcd, 0x5e, 0x24, 0xb4, 0x9c, 0xcd, 0x27, 0x20}};
    const uint8_t wanted[] = {0x52, 0x41, 0x25, 0xdf, 0xe0, 0x02, 0x6e, 0x05, 0xeb, 0x7f, 0x8b,
                              0xef, 0xd9, 0xd4, 0x39, 0x97, 0x01, 0xb8, 0x4e, 0x6a, 0xf7, 0x1d,
                              0x24, 0x03, 0xb4, 0x24, 0x5e, 0xcd, 0x20, 0x27, 0xcd, 0x9c, 0x00,
                              0x00, 0x00, 0x80, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00};
    uint8_t wire[64];
    cxl_ide_default_iv(key.iv);
    CU_ASSERT_TRUE(cxl_ide_iv_is_default(key.iv));
    struct writer w = writer_of(wire, sizeof wire);
    cxl_ide_write_key(&w, &key);
    CU_ASSERT_TRUE(w.pos == sizeof wanted && memcmp(wire, wanted, sizeof wanted) == 0);
    struct reader r = reader_of(wire, w.pos);
    struct cxl_ide_key back;
    cxl_ide_read_key(&r, &back);
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    CU_ASSERT_TRUE(same_key(&back, &key));
    back.iv[11] = 2;
    CU_ASSERT_FALSE(cxl_ide_iv_is_default(back.iv));
}

/* What is decoded from a recorded payload, encoded again. */
static size_t decode_and_encode(const uint8_t *payload, size_t len, uint8_t *out, size_t cap)
{
    struct reader r = reader_of(payload, len);
    struct writer w = writer_of(out, cap);
    struct cxl_ide_query_resp resp;
    struct cxl_ide_head head;
    struct cxl_ide_key key;
    uint8_t port_index;
    enum cxl_ide_km_object object = (enum cxl_ide_km_object)payload[1];
    if (object == CXL_IDE_KM_QUERY) {
        ide_km_read_query(&r, &port_index);
        ide_km_write_query(&w, port_index);
    } else if (object == CXL_IDE_KM_QUERY_RESP) {
        cxl_ide_read_query_resp(&r, &resp);
        CU_ASSERT_TRUE(resp.max_port_index == 7 && resp.caps == CAPS && resp.block_len == 36);
        cxl_ide_write_query_resp(&w, &resp);
    } else {
        struct cxl_ide_selector selector;
        cxl_ide_read_head(&r, object, &head);
        CU_ASSERT_TRUE(cxl_ide_read_selector(head.selector, &selector));
        CU_ASSERT_TRUE(head.stream_id == CXL_IDE_STREAM_ID && head.status == CXL_KP_ACK_SUCCESS);
        cxl_ide_write_head(&w, object, &head);
        if (object == CXL_IDE_KM_KEY_PROG || object == CXL_IDE_KM_GET_KEY_ACK) {
            cxl_ide_read_key(&r, &key);
            CU_ASSERT_EQUAL(object == CXL_IDE_KM_KEY_PROG && selector.direction == IDE_TX,
                            cxl_ide_iv_is_default(key.iv));
            cxl_ide_write_key(&w, &key);
        }
    }
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    return w.pos;
}

/* As in tests/vectors: DMTF's requester and responder talk CXL_IDE_KM. */
static void recorded_messages_are_understood_and_made(void)
{
    static const uint8_t envelope[] = {3, 0, 2, 0x98, 0x1e};
    struct vector_file f;
    unsigned seen[CXL_IDE_KM_GET_KEY_ACK + 1] = {0};
    CU_ASSERT_TRUE_FATAL(vector_file_read(&f, TEST_VECTORS "/v12-p384-sha384-aes256.vec"));
    for (size_t i = 0; i < f.count; i++) {
        const struct vector_line *line = &f.lines[i];
        uint8_t made[128];
        if (line->kind != VECTOR_MESSAGE || line->len < 13 ||
            memcmp(line->data + 4, envelope, sizeof envelope) != 0 || line->data[11] != IDE_KM_PROTOCOL_ID)
            continue;
        const uint8_t *payload = line->data + 11;
        size_t len = line->len - 11;
        CU_ASSERT_TRUE_FATAL(payload[1] <= CXL_IDE_KM_GET_KEY_ACK);
        seen[payload[1]]++;
        CU_ASSERT_EQUAL(decode_and_encode(payload, len, made, sizeof made), len);
        CU_ASSERT_EQUAL(memcmp(made, payload, len), 0);
    }
    vector_file_free(&f);
    for (unsigned object = 0; object <= CXL_IDE_KM_GET_KEY_ACK; object++)
        CU_ASSERT_TRUE(seen[object] > 0);
}

static void each_selector_goes_there_and_back(void)
{
    unsigned good = 0;
    for (unsigned selector = 0; selector < 256; selector++) {
        struct cxl_ide_selector s;
        if (!cxl_ide_read_selector((uint8_t)selector, &s)) {
            CU_ASSERT_TRUE(selector & 0x05 || selector >> 4 != 8);
            continue;
        }
        CU_ASSERT_EQUAL(cxl_ide_selector(&s), selector);
        good++;
    }
    CU_ASSERT_EQUAL(good, 4);
}

static void query_resp_wants_whole_dwords_that_fit(void)
{
    static uint8_t wire[9 + CXL_IDE_BLOCKS_MAX + 4] = {0, 1, 0, 1};
    static const struct {
        size_t len;
        enum ide_err err;
    } rows[] = {{8, IDE_E_SHORT},
                {9, IDE_OK},
                {10, IDE_E_FIELD},
                {13, IDE_OK},
                {45, IDE_OK},
                {9 + CXL_IDE_BLOCKS_MAX, IDE_OK},
                {9 + CXL_IDE_BLOCKS_MAX + 4, IDE_E_LONG}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct cxl_ide_query_resp resp;
        struct reader r = reader_of(wire, rows[i].len);
        cxl_ide_read_query_resp(&r, &resp);
        CHECK_ERR(r.err, rows[i].err);
        CU_ASSERT_EQUAL(resp.block_len, rows[i].err == IDE_OK ? rows[i].len - 9 : 0);
    }
}

/* --- both roles --- */

static void query_brings_the_port(void)
{
    struct cxl_ide_query_resp resp;
    begin();
    CHECK_OK(cxl_ide_km_query(&l.session, 1, &resp));
    CU_ASSERT_TRUE(resp.port_index == 1 && resp.max_port_index == 7 && resp.devfn == 0x10 &&
                   resp.bus == 0x20 && resp.segment == 0x30 && resp.caps == CAPS && resp.block_len == 36 &&
                   resp.blocks[35] == 0xb1);
    CHECK_ERR(cxl_ide_km_query(&l.session, 8, &resp), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "QUERY", "PortIndex");
    CU_ASSERT_EQUAL(port.gets + port.progs + port.gos + port.stops, 0);
    loopback_close(&l);
}

static void a_key_comes_from_the_port(void)
{
    struct cxl_ide_key key = {0}, wanted;
    begin();
    make_key(&port.key);
    wanted = port.key;
    CHECK_OK(cxl_ide_km_get_key(&l.session, 3, &key));
    CU_ASSERT_TRUE(same_key(&key, &wanted) && port.target.port_index == 3 && port.session_id == l.session.id);
    port.refuse = true;
    memset(&key, 0, sizeof key);
    CHECK_ERR(cxl_ide_km_get_key(&l.session, 3, &key), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "GET_KEY", "PortIndex");
    CU_ASSERT_EQUAL(key.key[1], 0);
    loopback_close(&l);
}

static void a_key_goes_to_the_port_with_or_without_its_iv(void)
{
    struct cxl_ide_key key;
    begin();
    make_key(&key);
    CHECK_OK(cxl_ide_km_key_prog(&l.session, &target, &key));
    CU_ASSERT_TRUE(same_key(&port.key, &key) && !port.default_iv);
    CU_ASSERT_TRUE(port.target.port_index == 1 && port.target.direction == IDE_TX &&
                   port.session_id == l.session.id);
    cxl_ide_default_iv(key.iv);
    CHECK_OK(cxl_ide_km_key_prog(&l.session, &(struct cxl_ide_target){0, IDE_RX}, &key));
    CU_ASSERT_TRUE(port.default_iv && port.target.direction == IDE_RX);
    port.refuse = true;
    CHECK_ERR(cxl_ide_km_key_prog(&l.session, &target, &key), IDE_E_KM_REFUSED);
    CHECK_FAULT(&l.requester.fault, IDE_E_KM_REFUSED, "KP_ACK", "Status");
    CU_ASSERT_EQUAL(l.requester.fault.got, CXL_KP_ACK_INVALID);
    loopback_close(&l);
}

static struct session second;

static void begin_two(void)
{
    begin();
    CHECK_OK(session_open(&second, &l.requester, &l.transport));
}

static unsigned told(void)
{
    return port.queries + port.gets + port.progs + port.gos + port.stops;
}

/* Each object for the port, and nothing of it gets to it. */
static void expect_held(struct session *s, uint8_t port_index)
{
    struct cxl_ide_query_resp resp;
    struct cxl_ide_key key = {0};
    const struct cxl_ide_target t = {port_index, IDE_RX};
    unsigned before = told();
    CHECK_ERR(cxl_ide_km_query(s, port_index, &resp), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "QUERY", "session");
    CHECK_ERR(cxl_ide_km_get_key(s, port_index, &key), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "GET_KEY", "session");
    CHECK_ERR(cxl_ide_km_key_prog(s, &t, &key), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "KEY_PROG", "session");
    CHECK_ERR(cxl_ide_km_set_go(s, &t, CXL_IDE_SKID), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "K_SET_GO", "session");
    CHECK_ERR(cxl_ide_km_set_stop(s, &t), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "K_SET_STOP", "session");
    CU_ASSERT_EQUAL(told(), before);
}

/* By a key that it got, and by one that it gave; other ports are not held, nor is one by what was refused. */
static void a_second_session_is_refused_while_the_first_holds_the_port(void)
{
    for (unsigned gives = 0; gives < 2; gives++) {
        struct cxl_ide_query_resp resp;
        struct cxl_ide_key key = {0};
        begin_two();
        CHECK_OK(cxl_ide_km_query(&l.session, 1, &resp));
        CHECK_OK(cxl_ide_km_query(&second, 1, &resp));
        CHECK_OK(cxl_ide_km_set_stop(&l.session, &target));
        port.refuse = true;
        CHECK_ERR(cxl_ide_km_get_key(&l.session, 1, &key), IDE_E_PEER_ERROR);
        CHECK_ERR(cxl_ide_km_key_prog(&l.session, &target, &key), IDE_E_KM_REFUSED);
        port.refuse = false;
        CHECK_OK(cxl_ide_km_query(&second, 1, &resp));
        if (gives)
            CHECK_OK(cxl_ide_km_key_prog(&l.session, &target, &key));
        else
            CHECK_OK(cxl_ide_km_get_key(&l.session, 1, &key));
        expect_held(&second, 1);
        CHECK_OK(cxl_ide_km_get_key(&second, 2, &key));
        expect_held(&l.session, 2);
        CHECK_OK(cxl_ide_km_key_prog(&l.session, &target, &key));
        CHECK_OK(cxl_ide_km_set_stop(&l.session, &target));
        expect_held(&second, 1); /* until the first ends */
        CHECK_OK(session_end(&l.session));
        CHECK_OK(cxl_ide_km_get_key(&second, 1, &key));
        CHECK_OK(cxl_ide_km_key_prog(&second, &target, &key));
        CU_ASSERT_EQUAL(port.session_id, second.id);
        CHECK_OK(session_end(&second));
        loopback_close(&l);
    }
}

/* Whoever negotiates anew has ended all sessions, and so what they held. */
static void a_new_connection_holds_nothing(void)
{
    struct cxl_ide_key key = {0};
    begin_two();
    CHECK_OK(cxl_ide_km_key_prog(&second, &target, &key));
    expect_held(&l.session, 1);
    CHECK_OK(loopback_session(&l));
    CHECK_OK(cxl_ide_km_key_prog(&l.session, &target, &key));
    loopback_close(&l);
}

static bool contains(const void *part, size_t len)
{
    return memmem(&l, sizeof l, part, len) != NULL;
}

/* Neither as it is nor as it travels, whichever way it went. */
static void no_key_is_left_behind(void)
{
    struct cxl_ide_key key, got;
    uint8_t wire[64];
    struct writer w = writer_of(wire, sizeof wire);
    begin();
    make_key(&key);
    cxl_ide_write_key(&w, &key);
    CHECK_OK(cxl_ide_km_key_prog(&l.session, &target, &key));
    CU_ASSERT_FALSE(contains(key.key, 16) || contains(wire, 16));
    make_key(&port.key);
    CHECK_OK(cxl_ide_km_get_key(&l.session, 0, &got));
    CU_ASSERT_FALSE(contains(key.key, 16) || contains(wire, 16));
    l.fail = IDE_E_TIMEOUT;
    CHECK_ERR(cxl_ide_km_key_prog(&l.session, &target, &key), IDE_E_TIMEOUT);
    CU_ASSERT_FALSE(contains(key.key, 16) || contains(wire, 16));
    loopback_close(&l);
}

static void go_brings_the_mode_and_stop_stops(void)
{
    begin();
    CHECK_OK(cxl_ide_km_set_go(&l.session, &target, CXL_IDE_CONTAINMENT));
    CU_ASSERT_TRUE(port.mode == CXL_IDE_CONTAINMENT && port.target.direction == IDE_TX && port.gos == 1);
    CHECK_OK(cxl_ide_km_set_go(&l.session, &(struct cxl_ide_target){2, IDE_RX}, CXL_IDE_SKID));
    CU_ASSERT_TRUE(port.mode == CXL_IDE_SKID && port.target.direction == IDE_RX &&
                   port.target.port_index == 2);
    CHECK_OK(cxl_ide_km_set_stop(&l.session, &target));
    CU_ASSERT_TRUE(port.stops == 1 && port.target.direction == IDE_TX);
    port.refuse = true;
    CHECK_ERR(cxl_ide_km_set_go(&l.session, &target, CXL_IDE_SKID), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "K_SET_GO", "stream");
    CHECK_ERR(cxl_ide_km_set_stop(&l.session, &target), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "K_SET_STOP", "stream");
    loopback_close(&l);
}

/* --- together with PCIe's IDE_KM --- */

static unsigned pcie_ends, pcie_queries;

static bool pcie_query(void *context, uint8_t port_index, struct ide_km_query_resp *out)
{
    (void)context, (void)out;
    pcie_queries++;
    return port_index == 0;
}

static void pcie_end(void *context, uint32_t session_id)
{
    (void)context, (void)session_id;
    pcie_ends++;
}

static void both_protocols_hear_of_the_sessions_end(void)
{
    static const struct ide_km_port_ops pcie_ops = {.query = pcie_query, .session_end = pcie_end};
    struct ide_km_responder pcie = {.ops = &pcie_ops};
    struct ide_km_query_resp pcie_resp;
    struct cxl_ide_query_resp resp;
    memset(&port, 0, sizeof port);
    pcie_ends = pcie_queries = 0;
    km = (struct cxl_ide_responder){.ops = &ops, .context = &port};
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    ide_km_responder_attach(&pcie, &l.responder);
    cxl_ide_responder_attach(&km, &l.responder);
    CHECK_OK(loopback_session(&l));
    uint32_t id = l.session.id;
    CHECK_OK(ide_km_query(&l.session, 0, &pcie_resp));
    CHECK_OK(cxl_ide_km_query(&l.session, 0, &resp));
    CU_ASSERT_TRUE(pcie_queries == 1 && port.queries == 1);
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(pcie_ends == 1 && port.ends == 1 && port.ended_id == id);
    loopback_close(&l);
}

/* --- raw requests to the device --- */

static const uint8_t *send_raw(struct session *s, const uint8_t *payload, size_t len, size_t *answer_len,
                               uint8_t *code)
{
    uint8_t message[128] = {
        SPDM_VERSION_12, SPDM_VENDOR_DEFINED_REQUEST, 0, 0, 3, 0, 2, 0x98, 0x1e, (uint8_t)len, 0};
    const uint8_t *response;
    size_t response_len = 0;
    memcpy(message + 11, payload, len);
    CHECK_OK(loopback_send(&l, s, message, 11 + len, &response, &response_len));
    CU_ASSERT_TRUE_FATAL(response_len >= 4);
    *code = response[1] == SPDM_ERROR ? response[2] : 0;
    *answer_len = response_len >= 11 ? response_len - 11 : 0;
    return *code == 0 ? response + 11 : NULL;
}

static void outside_a_session_nothing_is_answered(void)
{
    static const uint8_t objects[] = {CXL_IDE_KM_QUERY, CXL_IDE_KM_KEY_PROG, CXL_IDE_KM_K_SET_GO,
                                      CXL_IDE_KM_K_SET_STOP, CXL_IDE_KM_GET_KEY};
    begin();
    for (size_t i = 0; i < sizeof objects; i++) {
        uint8_t payload[CXL_IDE_KM_KEY_SIZE] = {0, objects[i]}, code;
        size_t len;
        CU_ASSERT_PTR_NULL(send_raw(NULL, payload, sizeof payload, &len, &code));
        CU_ASSERT_EQUAL(code, SPDM_ERROR_SESSION_REQUIRED);
    }
    CU_ASSERT_EQUAL(port.queries + port.gets + port.progs + port.gos + port.stops, 0);
    loopback_close(&l);
}

/* tee-io-validator's cases KeyProg 2, 4 and 5: length, stream, sub-stream. */
static void a_key_prog_that_is_wrong_has_its_status(void)
{
    static const struct {
        uint8_t stream_id, selector;
        size_t len;
    } rows[] = {{0, 0x80, 8},  {0, 0x80, 48}, {0, 0x82, 51}, {0, 0x80, 53}, {1, 0x80, 52}, {0xff, 0x88, 52},
                {0, 0x00, 52}, {0, 0x70, 52}, {0, 0x90, 52}, {0, 0xf2, 52}, {0, 0x81, 52}, {0, 0x84, 52}};
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t payload[64] = {0, CXL_IDE_KM_KEY_PROG, 0, 0, rows[i].stream_id, 0, rows[i].selector, 1}, code;
        const uint8_t wanted[] = {
            0, CXL_IDE_KM_KP_ACK, 0, 0, rows[i].stream_id, CXL_KP_ACK_INVALID, rows[i].selector, 1};
        size_t len;
        const uint8_t *answer = send_raw(&l.session, payload, rows[i].len, &len, &code);
        CU_ASSERT_TRUE(answer && len == sizeof wanted && memcmp(answer, wanted, sizeof wanted) == 0);
    }
    CU_ASSERT_EQUAL(port.progs, 0);
    loopback_close(&l);
}

static void malformed_requests_are_errors(void)
{
    static const struct {
        uint8_t payload[16];
        size_t len;
        uint8_t code;
        enum ide_err err;
    } rows[] = {
        {{0}, 0, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{1, CXL_IDE_KM_QUERY, 0, 0}, 4, SPDM_ERROR_UNSUPPORTED_REQUEST, IDE_E_UNSUPPORTED},
        {{0, CXL_IDE_KM_QUERY, 0}, 3, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{0, CXL_IDE_KM_QUERY, 0, 0, 0}, 5, SPDM_ERROR_INVALID_REQUEST, IDE_E_LONG},
        {{0, CXL_IDE_KM_GET_KEY_ACK, 0, 0}, 4, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, 0x09, 0, 0}, 4, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, CXL_IDE_KM_KEY_PROG, 0, 0, 0, 0, 0x80}, 7, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{0, CXL_IDE_KM_GET_KEY, 0, 0, 0, 0, 0x80}, 7, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{0, CXL_IDE_KM_GET_KEY, 0, 0, 0, 0, 0x80, 0, 0}, 9, SPDM_ERROR_INVALID_REQUEST, IDE_E_LONG},
        {{0, CXL_IDE_KM_GET_KEY, 0, 0, 1, 0, 0x80, 0}, 8, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, CXL_IDE_KM_K_SET_GO, 0, 0, 0, 0, 0x90, 0}, 8, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, CXL_IDE_KM_K_SET_GO, 0, 0, 0, 0, 0x80, 0, 0}, 9, SPDM_ERROR_INVALID_REQUEST, IDE_E_LONG},
        {{0, CXL_IDE_KM_K_SET_STOP, 0, 0, 7, 0, 0x80, 0}, 8, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
    };
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t code;
        size_t len;
        CU_ASSERT_PTR_NULL(send_raw(&l.session, rows[i].payload, rows[i].len, &len, &code));
        CU_ASSERT_EQUAL(code, rows[i].code);
        CHECK_ERR(l.device_err, rows[i].err);
    }
    CU_ASSERT_EQUAL(port.queries + port.gets + port.progs + port.gos + port.stops, 0);
    loopback_close(&l);
}

/* --- wrong answers to the requester --- */

static struct {
    uint8_t bytes[64];
    size_t len;
} answer;

static enum ide_err answer_so(void *context, struct spdm_responder *r, const struct spdm_request *request,
                              const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context, (void)r, (void)request, (void)payload, (void)len;
    write_bytes(w, answer.bytes, answer.len);
    return IDE_OK;
}

static void begin_answer(uint8_t object, uint8_t selector, size_t at, uint8_t value, size_t len)
{
    begin();
    km.vendor.handle = answer_so;
    const uint8_t right[] = {0, object, 0, 0, 0, 0, selector, 1};
    memset(&answer, 0, sizeof answer);
    memcpy(answer.bytes, right, sizeof right);
    answer.bytes[at] = value;
    answer.len = len;
}

static const struct {
    size_t at;
    uint8_t value;
    int more; /* bytes than there should be */
    enum ide_err err;
    const char *field;
} wrong_answers[] = {
    {0, 1, 0, IDE_E_UNSUPPORTED, "ProtocolID"},
    {1, 0x0f, 0, IDE_E_UNEXPECTED, "ObjectID"},
    {4, 8, 0, IDE_E_KM_MISMATCH, "StreamID"},
    {6, 0x8a, 0, IDE_E_KM_MISMATCH, "Key_Sub_Stream"},
    {6, 0x02, 0, IDE_E_KM_MISMATCH, "Key_Sub_Stream"},
    {7, 0, 0, IDE_E_KM_MISMATCH, "PortIndex"},
    {0, 0, -8, IDE_E_SHORT, "ProtocolID"},
    {0, 0, 1, IDE_E_LONG, "length"},
};

static void wrong_answers_are_named(void)
{
    struct cxl_ide_key key = {0};
    for (size_t i = 0; i < sizeof wrong_answers / sizeof wrong_answers[0]; i++) {
        size_t at = wrong_answers[i].at, len = (size_t)(8 + wrong_answers[i].more);
        enum ide_err err = wrong_answers[i].err;
        begin_answer(CXL_IDE_KM_KP_ACK, 0x82, at, wrong_answers[i].value, len);
        CHECK_ERR(cxl_ide_km_key_prog(&l.session, &target, &key), err);
        CHECK_FAULT(&l.requester.fault, err, "KP_ACK", wrong_answers[i].field);
        loopback_close(&l);
        begin_answer(CXL_IDE_KM_K_GOSTOP_ACK, 0x82, at, wrong_answers[i].value, len);
        CHECK_ERR(cxl_ide_km_set_go(&l.session, &target, CXL_IDE_SKID), err);
        CHECK_FAULT(&l.requester.fault, err, "K_GOSTOP_ACK", wrong_answers[i].field);
        CHECK_ERR(cxl_ide_km_set_stop(&l.session, &target), err);
        loopback_close(&l);
        if (wrong_answers[i].more < 0)
            len += 8 - 1; /* short of the end of the head, and of the key */
        begin_answer(CXL_IDE_KM_GET_KEY_ACK, 0x80, at, wrong_answers[i].value, len + 44);
        CHECK_ERR(cxl_ide_km_get_key(&l.session, 1, &key), err);
        CU_ASSERT_STRING_EQUAL(l.requester.fault.step, "GET_KEY_ACK");
        loopback_close(&l);
    }
}

static void a_query_resp_of_another_port_is_refused(void)
{
    struct cxl_ide_query_resp resp;
    begin_answer(CXL_IDE_KM_QUERY_RESP, 0, 3, 2, 9);
    CHECK_ERR(cxl_ide_km_query(&l.session, 1, &resp), IDE_E_KM_MISMATCH);
    CHECK_FAULT(&l.requester.fault, IDE_E_KM_MISMATCH, "QUERY_RESP", "PortIndex");
    loopback_close(&l);
}

static void a_closed_session_is_refused(void)
{
    struct cxl_ide_query_resp resp;
    struct cxl_ide_key key = {0};
    begin();
    session_close(&l.session);
    CHECK_ERR(cxl_ide_km_query(&l.session, 1, &resp), IDE_E_SESSION);
    CHECK_ERR(cxl_ide_km_get_key(&l.session, 1, &key), IDE_E_SESSION);
    struct session never = {0};
    CHECK_ERR(cxl_ide_km_key_prog(&never, &target, &key), IDE_E_SESSION);
    CHECK_ERR(cxl_ide_km_get_key(&never, 1, &key), IDE_E_SESSION);
    CHECK_ERR(cxl_ide_km_set_go(&never, &target, CXL_IDE_SKID), IDE_E_SESSION);
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(key_and_iv_travel_in_the_documented_order),
        TEST(recorded_messages_are_understood_and_made),
        TEST(each_selector_goes_there_and_back),
        TEST(query_resp_wants_whole_dwords_that_fit),
        TEST(query_brings_the_port),
        TEST(a_key_comes_from_the_port),
        TEST(a_key_goes_to_the_port_with_or_without_its_iv),
        TEST(a_second_session_is_refused_while_the_first_holds_the_port),
        TEST(a_new_connection_holds_nothing),
        TEST(no_key_is_left_behind),
        TEST(go_brings_the_mode_and_stop_stops),
        TEST(both_protocols_hear_of_the_sessions_end),
        TEST(outside_a_session_nothing_is_answered),
        TEST(a_key_prog_that_is_wrong_has_its_status),
        TEST(malformed_requests_are_errors),
        TEST(wrong_answers_are_named),
        TEST(a_query_resp_of_another_port_is_refused),
        TEST(a_closed_session_is_refused),
        CU_TEST_INFO_NULL,
    };
    return suite_run("CXL_IDE_KM", tests);
}
