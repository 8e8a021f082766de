/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IDE_KM of both roles: the codec, the device's port behind its ops, and the requester against answers that are wrong. */
#include "check.h"
#include "ide_km/messages.h"
#include "ide_km/responder.h"
#include "loopback.h"
#include "suite.h"

static struct loopback l;
static struct ide_km_responder km;
static struct ide_km_target target;

/* --- a port that remembers what it was told --- */

static struct {
    unsigned queries, progs, gos, stops, ends;
    uint32_t session_id, ended_id;
    struct ide_km_target target;
    struct ide_key key;
    enum kp_ack_status status;
    bool refuse;
    uint16_t block_len;
} port;

static bool port_query(void *context, uint8_t port_index, struct ide_km_query_resp *out)
{
    CU_ASSERT_PTR_EQUAL(context, &port);
    port.queries++;
    out->max_port_index = 7;
    out->devfn = 0x10;
    out->bus = 0x20;
    out->segment = 0x30;
    out->block_len = port.block_len;
    memset(out->blocks, 0xb1, out->block_len);
    return port_index <= 7;
}

static enum kp_ack_status port_key_prog(void *context, uint32_t session_id, const struct ide_km_target *t,
                                        const struct ide_key *key)
{
    CU_ASSERT_PTR_EQUAL(context, &port);
    port.progs++;
    port.session_id = session_id;
    port.target = *t;
    port.key = *key;
    return port.status;
}

static bool port_set_go(void *context, uint32_t session_id, const struct ide_km_target *t)
{
    (void)context;
    port.gos++;
    port.session_id = session_id;
    port.target = *t;
    return !port.refuse;
}

static bool port_set_stop(void *context, uint32_t session_id, const struct ide_km_target *t)
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

static const struct ide_km_port_ops ops = {
    .query = port_query, .key_prog = port_key_prog, .set_go = port_set_go, .set_stop = port_set_stop,
    .session_end = port_session_end};

static void begin(void)
{
    memset(&port, 0, sizeof port);
    port.block_len = 24;
    km = (struct ide_km_responder){.ops = &ops, .context = &port};
    target = (struct ide_km_target){.port_index = 1, .stream_id = 9, .key_set = 1, .direction = IDE_TX,
                                    .substream = IDE_CPL};
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    ide_km_responder_attach(&km, &l.responder);
    CHECK_OK(loopback_session(&l));
}

static void make_key(struct ide_key *key)
{
    for (unsigned i = 0; i < IDE_KEY_SIZE; i++)
        key->key[i] = (uint8_t)(0x40 + i);
    key->ifv = 0x0102030405060708;
}

static bool same_target(const struct ide_km_target *a, const struct ide_km_target *b)
{
    return a->port_index == b->port_index && a->stream_id == b->stream_id && a->key_set == b->key_set &&
           a->direction == b->direction && a->substream == b->substream;
}

static bool same_key(const struct ide_key *a, const struct ide_key *b)
{
    return memcmp(a->key, b->key, IDE_KEY_SIZE) == 0 && a->ifv == b->ifv;
}

/* --- the codec --- */

/* tee-io-validator doc/key_byte_order.md: its example key, and the dwords that its code sends for it. */
static void key_travels_in_the_documented_order(void)
{
    const struct ide_key key = {
        .key = {0xdf, 0x25, 0x41, 0x52, 0x05, 0x6e, 0x02, 0xe0, 0xef, 0x8b, 0x7f, 0xeb, 0x97, 0x39, 0xd4, 0xd9,
                0x6a, 0x4e, 0xb8, 0x01, 0x03, 0x24, 0x1d, 0xf7, 0xcd, 0x5e, 0x24, 0xb4, 0x9c, 0xcd, 0x27, 0x20},
        .ifv = 1};
    const uint8_t wanted[] = {0x52, 0x41, 0x25, 0xdf, 0xe0, 0x02, 0x6e, 0x05, 0xeb, 0x7f, 0x8b, 0xef, 0xd9, 0xd4,
                              0x39, 0x97, 0x01, 0xb8, 0x4e, 0x6a, 0xf7, 0x1d, 0x24, 0x03, 0xb4, 0x24, 0x5e, 0xcd,
                              0x20, 0x27, 0xcd, 0x9c, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00};
    uint8_t wire[64];
    struct writer w = writer_of(wire, sizeof wire);
    ide_km_write_key(&w, &key);
    CU_ASSERT_EQUAL(w.pos, sizeof wanted);
    CU_ASSERT_EQUAL(memcmp(wire, wanted, sizeof wanted), 0);
    struct reader r = reader_of(wire, w.pos);
    struct ide_key back;
    ide_km_read_key(&r, &back);
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    CU_ASSERT_TRUE(same_key(&back, &key));
}

/* As in tests/vectors: DMTF's requester and responder. */
static void objects_are_as_recorded(void)
{
    static const uint8_t query[] = {0, 0, 0, 1}, go[] = {0, 4, 0, 0, 0, 0, 0x12, 1}, ack[] = {0, 3, 0, 0, 0, 0, 0x20, 1};
    uint8_t wire[64];
    struct writer w = writer_of(wire, sizeof wire);
    ide_km_write_query(&w, 1);
    CU_ASSERT_TRUE(w.pos == sizeof query && memcmp(wire, query, w.pos) == 0);

    struct ide_km_head head = {.target = {.port_index = 1, .direction = IDE_TX, .substream = IDE_NPR}};
    head.selector = ide_km_selector(&head.target);
    w = writer_of(wire, sizeof wire);
    ide_km_write_head(&w, IDE_KM_K_SET_GO, &head);
    CU_ASSERT_TRUE(w.pos == sizeof go && memcmp(wire, go, w.pos) == 0);

    struct reader r = reader_of(ack, sizeof ack);
    ide_km_read_head(&r, IDE_KM_KP_ACK, &head);
    read_end(&r);
    CU_ASSERT_EQUAL(r.err, IDE_OK);
    CU_ASSERT_TRUE(head.status == 0 && head.target.substream == IDE_CPL && head.target.direction == IDE_RX);
}

static void each_selector_goes_there_and_back(void)
{
    unsigned good = 0;
    for (unsigned selector = 0; selector < 256; selector++) {
        struct ide_km_target t = {0};
        if (!ide_km_read_selector((uint8_t)selector, &t)) {
            CU_ASSERT_TRUE(selector & 0x0c || selector >= 0x30);
            continue;
        }
        CU_ASSERT_EQUAL(ide_km_selector(&t), selector);
        good++;
    }
    CU_ASSERT_EQUAL(good, 2 * 2 * 3);
}

static void query_resp_wants_whole_dwords_that_fit(void)
{
    static uint8_t wire[8 + IDE_KM_BLOCKS_MAX + 4] = {0, 1, 0, 1};
    static const struct {
        size_t len;
        enum ide_err err;
    } rows[] = {{7, IDE_E_SHORT}, {8, IDE_OK}, {9, IDE_E_FIELD}, {11, IDE_E_FIELD}, {12, IDE_OK},
                {8 + IDE_KM_BLOCKS_MAX, IDE_OK}, {8 + IDE_KM_BLOCKS_MAX + 4, IDE_E_LONG}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct ide_km_query_resp resp;
        struct reader r = reader_of(wire, rows[i].len);
        ide_km_read_query_resp(&r, &resp);
        CHECK_ERR(r.err, rows[i].err);
        CU_ASSERT_EQUAL(resp.block_len, rows[i].err == IDE_OK ? rows[i].len - 8 : 0);
    }
}

/* --- key sets --- */

static void a_key_set_has_six_different_keys(void)
{
    struct ide_key_set set, other, again;
    struct drbg drbg;
    CHECK_OK(drbg_open(&drbg));
    struct rng rng = drbg_rng(&drbg);
    CHECK_OK(ide_key_set_generate(&set, &rng));
    for (unsigned a = 0; a < 6; a++) {
        CU_ASSERT_EQUAL(set.key[a / 3][a % 3].ifv, 1);
        for (unsigned b = 0; b < a; b++)
            CU_ASSERT_NOT_EQUAL(memcmp(set.key[a / 3][a % 3].key, set.key[b / 3][b % 3].key, IDE_KEY_SIZE), 0);
    }
    ide_key_set_mirror(&set, &other);
    for (unsigned s = 0; s < IDE_SUBSTREAMS; s++) {
        CU_ASSERT_TRUE(same_key(&other.key[IDE_RX][s], &set.key[IDE_TX][s]));
        CU_ASSERT_TRUE(same_key(&other.key[IDE_TX][s], &set.key[IDE_RX][s]));
    }
    ide_key_set_mirror(&other, &other);
    CU_ASSERT_EQUAL(memcmp(&other, &set, sizeof set), 0);
    CHECK_OK(ide_key_set_generate(&again, &rng));
    CU_ASSERT_NOT_EQUAL(memcmp(&again, &set, sizeof set), 0);
    ide_key_set_wipe(&set);
    static const struct ide_key_set nothing;
    CU_ASSERT_EQUAL(memcmp(&set, &nothing, sizeof set), 0);
    drbg_close(&drbg);
}

static enum ide_err constant(void *context, uint8_t *out, size_t n)
{
    (void)context;
    memset(out, 0x55, n);
    return IDE_OK;
}

static enum ide_err fails_at_the_fourth(void *context, uint8_t *out, size_t n)
{
    unsigned *calls = context;
    memset(out, (int)*calls, n);
    return ++*calls == 4 ? IDE_E_RANDOM : IDE_OK;
}

static void a_bad_generator_gives_no_keys(void)
{
    static const struct ide_key_set nothing;
    struct ide_key_set set;
    unsigned calls = 0;
    CHECK_ERR(ide_key_set_generate(&set, &(struct rng){constant, NULL}), IDE_E_RANDOM);
    CU_ASSERT_EQUAL(memcmp(&set, &nothing, sizeof set), 0);
    CHECK_ERR(ide_key_set_generate(&set, &(struct rng){fails_at_the_fourth, &calls}), IDE_E_RANDOM);
    CU_ASSERT_EQUAL(memcmp(&set, &nothing, sizeof set), 0);
}

/* --- both roles --- */

static void query_brings_the_port(void)
{
    struct ide_km_query_resp resp;
    begin();
    CHECK_OK(ide_km_query(&l.session, 1, &resp));
    CU_ASSERT_TRUE(resp.port_index == 1 && resp.max_port_index == 7 && resp.devfn == 0x10 && resp.bus == 0x20 &&
                   resp.segment == 0x30 && resp.block_len == 24 && resp.blocks[0] == 0xb1 && resp.blocks[23] == 0xb1);
    port.block_len = IDE_KM_BLOCKS_MAX;
    CHECK_OK(ide_km_query(&l.session, 7, &resp));
    CU_ASSERT_EQUAL(resp.block_len, IDE_KM_BLOCKS_MAX);
    CU_ASSERT_EQUAL(port.queries, 2);
    CU_ASSERT_EQUAL(port.progs + port.gos + port.stops, 0);
    loopback_close(&l);
}

static void query_of_a_port_that_is_not_there_is_refused(void)
{
    struct ide_km_query_resp resp = {.port_index = 99};
    begin();
    CHECK_ERR(ide_km_query(&l.session, 8, &resp), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "QUERY", "PortIndex");
    CU_ASSERT_EQUAL(resp.port_index, 99);
    loopback_close(&l);
}

static void key_prog_brings_the_key(void)
{
    struct ide_key key;
    begin();
    make_key(&key);
    CHECK_OK(ide_km_key_prog(&l.session, &target, &key));
    CU_ASSERT_TRUE(same_target(&port.target, &target));
    CU_ASSERT_TRUE(same_key(&port.key, &key));
    CU_ASSERT_EQUAL(port.session_id, l.session.id);
    CU_ASSERT_EQUAL(port.progs, 1);
    loopback_close(&l);
}

static bool contains(const void *memory, size_t n, const void *part, size_t part_len)
{
    return memmem(memory, n, part, part_len) != NULL;
}

/* Neither as it is nor as it travels. */
static void key_prog_leaves_no_key_behind(void)
{
    struct ide_key key;
    uint8_t wire[64];
    struct writer w = writer_of(wire, sizeof wire);
    begin();
    make_key(&key);
    ide_km_write_key(&w, &key);
    CHECK_OK(ide_km_key_prog(&l.session, &target, &key));
    memset(&port, 0, sizeof port);
    CU_ASSERT_FALSE(contains(&l, sizeof l, key.key, 16));
    CU_ASSERT_FALSE(contains(&l, sizeof l, wire, 16));

    l.fail = IDE_E_TIMEOUT;
    CHECK_ERR(ide_km_key_prog(&l.session, &target, &key), IDE_E_TIMEOUT);
    CU_ASSERT_FALSE(contains(&l, sizeof l, wire, 16));
    loopback_close(&l);

    begin();
    l.session.request.sequence = SECURED_SEQUENCE_LIMIT;   /* encoded, and never sealed */
    CHECK_ERR(ide_km_key_prog(&l.session, &target, &key), IDE_E_LIMIT);
    CU_ASSERT_FALSE(contains(&l, sizeof l, wire, 16));
    loopback_close(&l);
}

static void each_refusal_is_told_with_its_status(void)
{
    struct ide_key key;
    begin();
    make_key(&key);
    for (uint8_t status = 1; status <= 4; status++) {
        port.status = (enum kp_ack_status)status;
        CHECK_ERR(ide_km_key_prog(&l.session, &target, &key), IDE_E_KM_REFUSED);
        CHECK_FAULT(&l.requester.fault, IDE_E_KM_REFUSED, "KP_ACK", "Status");
        CU_ASSERT_EQUAL(l.requester.fault.got, status);
        CU_ASSERT_STRING_NOT_EQUAL(kp_ack_text(status), kp_ack_text(5));
    }
    port.status = KP_ACK_SUCCESS;
    CHECK_OK(ide_km_key_prog(&l.session, &target, &key));
    loopback_close(&l);
}

static void go_and_stop_reach_the_port(void)
{
    begin();
    CHECK_OK(ide_km_set_go(&l.session, &target));
    CU_ASSERT_TRUE(port.gos == 1 && port.stops == 0 && same_target(&port.target, &target));
    CU_ASSERT_EQUAL(port.session_id, l.session.id);
    port.target = (struct ide_km_target){0};
    CHECK_OK(ide_km_set_stop(&l.session, &target));
    CU_ASSERT_TRUE(port.gos == 1 && port.stops == 1 && same_target(&port.target, &target));
    loopback_close(&l);
}

static void refused_go_and_stop_are_errors(void)
{
    begin();
    port.refuse = true;
    CHECK_ERR(ide_km_set_go(&l.session, &target), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_INVALID_REQUEST);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "K_SET_GO", "stream");
    CHECK_ERR(ide_km_set_stop(&l.session, &target), IDE_E_PEER_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_FIELD, "K_SET_STOP", "stream");
    port.refuse = false;
    CHECK_OK(ide_km_set_go(&l.session, &target));
    loopback_close(&l);
}

static void the_port_hears_of_the_sessions_end(void)
{
    begin();
    uint32_t id = l.session.id;
    CHECK_OK(session_end(&l.session));
    CU_ASSERT_TRUE(port.ends == 1 && port.ended_id == id);
    CHECK_OK(session_open(&l.session, &l.requester, &l.transport));
    id = l.session.id;
    CHECK_OK(spdm_negotiate(&l.requester));
    CU_ASSERT_TRUE(port.ends == 2 && port.ended_id == id);
    loopback_close(&l);
    CU_ASSERT_EQUAL(port.ends, 2);
}

static void a_closed_session_is_refused(void)
{
    struct ide_km_query_resp resp;
    struct ide_key key;
    begin();
    make_key(&key);
    session_close(&l.session);
    CHECK_ERR(ide_km_query(&l.session, 1, &resp), IDE_E_SESSION);
    CHECK_ERR(ide_km_key_prog(&l.session, &target, &key), IDE_E_SESSION);
    CHECK_ERR(ide_km_set_go(&l.session, &target), IDE_E_SESSION);
    struct session never = {0};
    CHECK_ERR(ide_km_query(&never, 1, &resp), IDE_E_SESSION);
    CHECK_ERR(ide_km_key_prog(&never, &target, &key), IDE_E_SESSION);
    loopback_close(&l);
}

/* --- raw requests to the device --- */

/* Sends a payload as PCI-SIG's vendor-defined message; gives the answer's payload, or NULL and the ERROR code. */
static const uint8_t *send_raw(struct session *s, const uint8_t *payload, size_t len, size_t *answer_len, uint8_t *code)
{
    uint8_t message[128] = {SPDM_VERSION_12, SPDM_VENDOR_DEFINED_REQUEST, 0, 0, 3, 0, 2, 1, 0, (uint8_t)len, 0};
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
    static const uint8_t objects[] = {IDE_KM_QUERY, IDE_KM_KEY_PROG, IDE_KM_K_SET_GO, IDE_KM_K_SET_STOP};
    begin();
    for (size_t i = 0; i < sizeof objects; i++) {
        uint8_t payload[IDE_KM_KEY_PROG_SIZE] = {0, objects[i]}, code;
        size_t len;
        CU_ASSERT_PTR_NULL(send_raw(NULL, payload, sizeof payload, &len, &code));
        CU_ASSERT_EQUAL(code, SPDM_ERROR_SESSION_REQUIRED);
    }
    CU_ASSERT_EQUAL(port.queries + port.progs + port.gos + port.stops, 0);
    loopback_close(&l);
}

static void key_prog_of_wrong_length_has_its_status(void)
{
    begin();
    for (size_t len = IDE_KM_TARGET_SIZE; len < IDE_KM_KEY_PROG_SIZE + 8; len++) {
        uint8_t payload[64] = {0, IDE_KM_KEY_PROG, 0, 0, 9, 0, 0x12, 1}, code;
        size_t answer_len;
        if (len == IDE_KM_KEY_PROG_SIZE)
            continue;
        const uint8_t *answer = send_raw(&l.session, payload, len, &answer_len, &code);
        const uint8_t wanted[] = {0, IDE_KM_KP_ACK, 0, 0, 9, KP_ACK_INCORRECT_LENGTH, 0x12, 1};
        CU_ASSERT_TRUE(answer && answer_len == sizeof wanted && memcmp(answer, wanted, sizeof wanted) == 0);
    }
    CU_ASSERT_EQUAL(port.progs, 0);
    loopback_close(&l);
}

static void key_prog_of_an_unknown_sub_stream_has_its_status(void)
{
    static const uint8_t selectors[] = {0x30, 0xf0, 0x04, 0x08, 0xff};
    begin();
    for (size_t i = 0; i < sizeof selectors; i++) {
        uint8_t payload[IDE_KM_KEY_PROG_SIZE] = {0, IDE_KM_KEY_PROG, 0, 0, 9, 0, selectors[i], 1}, code;
        size_t len;
        const uint8_t *answer = send_raw(&l.session, payload, sizeof payload, &len, &code);
        CU_ASSERT_TRUE(answer && answer[5] == KP_ACK_UNSUPPORTED_VALUE && answer[6] == selectors[i]);
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
        {{0}, 1, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{1, IDE_KM_QUERY, 0, 0}, 4, SPDM_ERROR_UNSUPPORTED_REQUEST, IDE_E_UNSUPPORTED},
        {{0, IDE_KM_QUERY, 0}, 3, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{0, IDE_KM_QUERY, 0, 0, 0}, 5, SPDM_ERROR_INVALID_REQUEST, IDE_E_LONG},
        {{0, IDE_KM_QUERY_RESP, 0, 0}, 4, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, 0x07, 0, 0}, 4, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, IDE_KM_KEY_PROG, 0, 0, 9, 0, 0}, 7, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{0, IDE_KM_K_SET_GO, 0, 0, 9, 0, 0}, 7, SPDM_ERROR_INVALID_REQUEST, IDE_E_SHORT},
        {{0, IDE_KM_K_SET_GO, 0, 0, 9, 0, 0, 1, 0}, 9, SPDM_ERROR_INVALID_REQUEST, IDE_E_LONG},
        {{0, IDE_KM_K_SET_GO, 0, 0, 9, 0, 0x30, 1}, 8, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
        {{0, IDE_KM_K_SET_STOP, 0, 0, 9, 0, 0x04, 1}, 8, SPDM_ERROR_INVALID_REQUEST, IDE_E_FIELD},
    };
    begin();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t code;
        size_t len;
        CU_ASSERT_PTR_NULL(send_raw(&l.session, rows[i].payload, rows[i].len, &len, &code));
        CU_ASSERT_EQUAL(code, rows[i].code);
        CHECK_ERR(l.device_err, rows[i].err);
    }
    CU_ASSERT_EQUAL(port.queries + port.progs + port.gos + port.stops, 0);
    loopback_close(&l);
}

/* --- wrong answers to the requester --- */

static struct {
    uint8_t bytes[16];
    size_t len;
} answer;

static enum ide_err answer_so(void *context, struct spdm_responder *r, const struct spdm_request *request,
                              const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context, (void)r, (void)request, (void)payload, (void)len;
    write_bytes(w, answer.bytes, answer.len);
    return IDE_OK;
}

/* One byte changed in the right answer to what is asked of target. */
static void begin_answer(uint8_t object, size_t at, uint8_t value, size_t len)
{
    begin();
    km.vendor.handle = answer_so;
    const uint8_t right[] = {0, object, 0, 0, 9, 0, 0x23, 1};
    memset(&answer, 0, sizeof answer);
    memcpy(answer.bytes, right, sizeof right);
    answer.bytes[at] = value;
    answer.len = len;
}

static const struct {
    size_t at;
    uint8_t value;
    size_t len;
    enum ide_err err;
    const char *field;
} wrong_answers[] = {
    {0, 1, 8, IDE_E_UNSUPPORTED, "ProtocolID"},
    {1, 0x0f, 8, IDE_E_UNEXPECTED, "ObjectID"},
    {4, 8, 8, IDE_E_KM_MISMATCH, "StreamID"},
    {6, 0x22, 8, IDE_E_KM_MISMATCH, "Key_Sub_Stream"},
    {6, 0x21, 8, IDE_E_KM_MISMATCH, "Key_Sub_Stream"},
    {6, 0x03, 8, IDE_E_KM_MISMATCH, "Key_Sub_Stream"},
    {7, 0, 8, IDE_E_KM_MISMATCH, "PortIndex"},
    {0, 0, 7, IDE_E_SHORT, "PortIndex"},
    {0, 0, 0, IDE_E_SHORT, "ProtocolID"},
    {0, 0, 9, IDE_E_LONG, "length"},
};

static void wrong_answers_are_named(void)
{
    struct ide_key key;
    make_key(&key);
    for (size_t i = 0; i < sizeof wrong_answers / sizeof wrong_answers[0]; i++) {
        begin_answer(IDE_KM_KP_ACK, wrong_answers[i].at, wrong_answers[i].value, wrong_answers[i].len);
        CHECK_ERR(ide_km_key_prog(&l.session, &target, &key), wrong_answers[i].err);
        CHECK_FAULT(&l.requester.fault, wrong_answers[i].err, "KP_ACK", wrong_answers[i].field);
        loopback_close(&l);
        begin_answer(IDE_KM_K_GOSTOP_ACK, wrong_answers[i].at, wrong_answers[i].value, wrong_answers[i].len);
        CHECK_ERR(ide_km_set_go(&l.session, &target), wrong_answers[i].err);
        CHECK_FAULT(&l.requester.fault, wrong_answers[i].err, "K_GOSTOP_ACK", wrong_answers[i].field);
        CHECK_ERR(ide_km_set_stop(&l.session, &target), wrong_answers[i].err);
        loopback_close(&l);
    }
}

static void a_query_resp_of_another_port_is_refused(void)
{
    struct ide_km_query_resp resp;
    begin_answer(IDE_KM_QUERY_RESP, 3, 2, 8);
    CHECK_ERR(ide_km_query(&l.session, 1, &resp), IDE_E_KM_MISMATCH);
    CHECK_FAULT(&l.requester.fault, IDE_E_KM_MISMATCH, "QUERY_RESP", "PortIndex");
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(key_travels_in_the_documented_order),
        TEST(objects_are_as_recorded),
        TEST(each_selector_goes_there_and_back),
        TEST(query_resp_wants_whole_dwords_that_fit),
        TEST(a_key_set_has_six_different_keys),
        TEST(a_bad_generator_gives_no_keys),
        TEST(query_brings_the_port),
        TEST(query_of_a_port_that_is_not_there_is_refused),
        TEST(key_prog_brings_the_key),
        TEST(key_prog_leaves_no_key_behind),
        TEST(each_refusal_is_told_with_its_status),
        TEST(go_and_stop_reach_the_port),
        TEST(refused_go_and_stop_are_errors),
        TEST(the_port_hears_of_the_sessions_end),
        TEST(a_closed_session_is_refused),
        TEST(outside_a_session_nothing_is_answered),
        TEST(key_prog_of_wrong_length_has_its_status),
        TEST(key_prog_of_an_unknown_sub_stream_has_its_status),
        TEST(malformed_requests_are_errors),
        TEST(wrong_answers_are_named),
        TEST(a_query_resp_of_another_port_is_refused),
        CU_TEST_INFO_NULL,
    };
    return suite_run("IDE_KM", tests);
}
