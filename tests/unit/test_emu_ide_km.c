/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a conformity tester asks an IDE_KM responder, of an emulated endpoint: the cases of Intel's tee-io-validator
 * (doc/ide_test/IdeKmTestCase, whose numbers the tests name), each value of each field, and what must not have happened.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "emu_host.h"
#include "ide_km/messages.h"
#include "root_port/pcie_regs.h"
#include "spdm/requester.h"
#include "suite.h"
#include "tools/ide-emu/device.h"

#define STREAM_ID 3u

static struct platform platform;
static struct identities identities;
static struct emu emu;
static struct emu_function *endpoint;
static struct port_stream *stream;
static struct trust_anchor anchor;
static struct trust trust = {.anchors = &anchor, .anchor_count = 1, .name_rule = CMA_NAME_REQUIRED};
static uint8_t root[4096];

/* --- the tester ----------------------------------------------------------------------------------------------------- */

static struct drbg drbg;
static struct spdm_connection connection;
static struct session first, second;
static uint8_t chain[16384], response[DEVICE_OBJECT_MAX];

static enum ide_err exchange(void *context, const uint8_t *request, size_t request_len, uint8_t *answer, size_t cap,
                             size_t *answer_len, uint32_t timeout_ms, struct ide_fault *fault)
{
    (void)context, (void)timeout_ms;
    struct answer a = device_answer(endpoint->device, request, request_len, response, sizeof response);
    if (a.kind != ANSWER_OBJECT || a.len > cap)
        return ide_fail(fault, IDE_E_TIMEOUT, "DOE", NULL);
    memcpy(answer, response, a.len);
    *answer_len = a.len;
    return IDE_OK;
}

static struct doe_transport transport = {exchange, NULL};

static uint64_t no_time(void *context)
{
    (void)context;
    return 0;
}

static int64_t today(void *context)
{
    (void)context;
    return time(NULL);
}

static void no_sleep(void *context, uint32_t ms)
{
    (void)context, (void)ms;
}

static void connect_to(void)
{
    static const struct clock clock = {no_time, today, no_sleep, NULL};
    struct rng rng = drbg_rng(&drbg);
    spdm_connection_init(&connection, SPDM_REQUESTER, &spdm_config_requester, &rng, &clock);
    connection.clear = doe_clear_channel(&transport);
    connection.chain = chain;
    connection.chain_cap = sizeof chain;
    CHECK_OK(spdm_authenticate(&connection, 0, &trust));
    CHECK_OK(session_open(&first, &connection, &transport));
    CHECK_OK(session_open(&second, &connection, &transport));
}

static void disconnect(void)
{
    CHECK_OK(session_end(&first));
    if (second.state != SESSION_NONE)
        CHECK_OK(session_end(&second));
}

static const uint8_t *said;
static size_t said_len;

static enum ide_err say(struct session *s, const uint8_t *payload, size_t len)
{
    static const struct session_vendor pci_sig = {.registry = 3, .vendor_len = 2, .vendor_id = {0x01, 0x00}};
    return session_vendor_exchange(s, &pci_sig, payload, len, &said, &said_len);
}

/* --- the device ----------------------------------------------------------------------------------------------------- */

static bool read_anchor(void)
{
    anchor.der = root;
    return host_read_anchor(&identities, root, sizeof root, &anchor.len);
}

static int set_up(void)
{
    char error[512] = "";
    platform_default(&platform);
    bool ok = identities_open(&identities, &platform, NULL, error, sizeof error) && read_anchor() &&
              emu_init(&emu, &platform, error, sizeof error) && drbg_open(&drbg) == IDE_OK;
    endpoint = ok ? host_find(&emu, ENDPOINT_A) : NULL;
    ok = ok && device_open(endpoint, &identities, NULL, false, error, sizeof error);
    if (!ok)
        fprintf(stderr, "%s\n", error);
    return ok ? 0 : 1;
}

static int tear_down(void)
{
    device_close(endpoint->device);
    emu_free(&emu);
    identities_close(&identities);
    drbg_close(&drbg);
    return 0;
}

/* The first selective stream has the Stream ID, and no key. */
static void begin(void)
{
    stream = NULL;
    for (size_t i = 0; i < endpoint->ide.count && !stream; i++)
        if (endpoint->ide.streams[i].selective)
            stream = &endpoint->ide.streams[i];
    CU_ASSERT_PTR_NOT_NULL_FATAL(stream);
    host_write(endpoint, stream->control, 4, field_put(PCIE_IDE_STREAM_CTL_ID, STREAM_ID));
    connect_to();
}

static bool programmed(unsigned set, unsigned direction, unsigned sub)
{
    return stream->key[set][direction][sub].programmed;
}

/* --- messages ------------------------------------------------------------------------------------------------------- */

static uint8_t selector(unsigned set, unsigned direction, unsigned sub)
{
    return (uint8_t)(set | direction << 1 | sub << 4);
}

/* KEY_PROG with room behind it; IFV 1. */
static void make_key_prog(uint8_t *out, uint8_t which)
{
    memset(out, 0, 64);
    out[1] = IDE_KM_KEY_PROG;
    out[4] = STREAM_ID;
    out[6] = which;
    memset(out + 8, 0x40 + which, 32);
    out[44] = 1;
}

/* The whole of KP_ACK: it repeats what it is about. */
static bool acknowledged(const uint8_t *request, uint8_t status)
{
    bool same = said_len == 8 && said[0] == 0 && said[1] == IDE_KM_KP_ACK && said[4] == request[4] &&
                said[5] == status && said[6] == request[6] && said[7] == request[7];
    if (!same)
        fprintf(stderr, "  %zu bytes, status %u, wanted %u\n", said_len, said_len > 5 ? said[5] : 0xff, status);
    return same;
}

static void expect_status(const uint8_t *request, size_t len, uint8_t status)
{
    CHECK_OK(say(&first, request, len));
    CU_ASSERT_TRUE(acknowledged(request, status));
}

static void program_all(struct session *s, unsigned set)
{
    uint8_t request[64];
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
            make_key_prog(request, selector(set, d, sub));
            CHECK_OK(say(s, request, IDE_KM_KEY_PROG_SIZE));
            CU_ASSERT_TRUE(acknowledged(request, KP_ACK_SUCCESS));
            CU_ASSERT_TRUE(programmed(set, d, sub));
        }
}

static enum ide_err go_or_stop(struct session *s, uint8_t object, uint8_t which)
{
    const uint8_t request[] = {0, object, 0, 0, STREAM_ID, 0, which, 0};
    enum ide_err err = say(s, request, sizeof request);
    if (err == IDE_OK)
        CU_ASSERT_TRUE(said_len == 8 && said[1] == IDE_KM_K_GOSTOP_ACK && said[4] == STREAM_ID && said[6] == which &&
                       said[7] == 0);
    return err;
}

static void all_of(uint8_t object, unsigned set)
{
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            CHECK_OK(go_or_stop(&first, object, selector(set, d, sub)));
}

static void expect_error(enum ide_err err, uint8_t code)
{
    CHECK_ERR(err, IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(connection.fault.peer_code, code);
}

/* --- QUERY ---------------------------------------------------------------------------------------------------------- */

static void query_gives_the_port_and_its_registers(void)   /* 1.1, 1.2, 5.2.5 */
{
    const size_t blocks = (size_t)endpoint->ide.end - endpoint->ide.cap - 4;
    begin();
    for (unsigned port = 0; port < 256; port++) {
        const uint8_t request[] = {0, IDE_KM_QUERY, 0, (uint8_t)port};
        enum ide_err err = say(&first, request, sizeof request);
        if (port > 0) {
            expect_error(err, SPDM_ERROR_INVALID_REQUEST);
            continue;
        }
        CHECK_OK(err);
        CU_ASSERT_EQUAL_FATAL(said_len, 8 + blocks);
        const uint8_t head[] = {0, IDE_KM_QUERY_RESP, 0, 0, 0, 1, 0, 0};   /* device and function 0, bus 1, segment 0 */
        CU_ASSERT_EQUAL(memcmp(said, head, sizeof head), 0);
        CU_ASSERT_EQUAL(memcmp(said + 8, endpoint->config.value + endpoint->ide.cap + 4, blocks), 0);
    }
    disconnect();
}

/* --- KEY_PROG ------------------------------------------------------------------------------------------------------- */

static void each_key_is_taken(void)   /* 2.1 */
{
    begin();
    program_all(&first, 0);
    program_all(&first, 1);
    disconnect();
}

static void another_length_is_told(void)   /* 2.2 */
{
    uint8_t request[64];
    begin();
    for (size_t len = 8; len <= sizeof request; len++) {
        make_key_prog(request, selector(0, 1, 2));
        if (len != IDE_KM_KEY_PROG_SIZE)
            expect_status(request, len, KP_ACK_INCORRECT_LENGTH);
    }
    for (size_t len = 2; len < 8; len++)   /* too short to say what of */
        expect_error(say(&first, request, len), SPDM_ERROR_INVALID_REQUEST);
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    disconnect();
}

static void another_port_is_told(void)   /* 2.3 */
{
    uint8_t request[64];
    begin();
    for (unsigned port = 1; port < 256; port++) {
        make_key_prog(request, selector(1, 0, 1));
        request[7] = (uint8_t)port;
        expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_UNSUPPORTED_PORT_INDEX);
    }
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    disconnect();
}

static void another_sub_stream_is_told(void)   /* 2.4, and the reserved bits */
{
    uint8_t request[64];
    begin();
    for (unsigned which = 0; which < 256; which++) {
        if (which >> 4 < IDE_SUBSTREAMS && !(which & 0x0c))
            continue;
        make_key_prog(request, (uint8_t)which);
        expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_UNSUPPORTED_VALUE);
        expect_error(go_or_stop(&first, IDE_KM_K_SET_GO, (uint8_t)which), SPDM_ERROR_INVALID_REQUEST);
    }
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    disconnect();
}

static void another_ifv_is_told(void)   /* 2.5 */
{
    uint8_t request[64];
    begin();
    for (unsigned ifv = 0; ifv < 256; ifv++) {
        make_key_prog(request, 0);
        request[44] = (uint8_t)ifv;
        if (ifv != 1)
            expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_UNSUPPORTED_VALUE);
    }
    for (unsigned byte = 40; byte < 48; byte++) {   /* 1, and more in another place */
        make_key_prog(request, 0);
        request[byte] ^= 0x80;
        expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_UNSUPPORTED_VALUE);
    }
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    disconnect();
}

static void another_stream_is_told(void)   /* 2.6 */
{
    uint8_t request[64];
    begin();
    for (unsigned id = 0; id < 256; id++) {
        make_key_prog(request, 0);
        request[4] = (uint8_t)id;
        if (id != STREAM_ID)
            expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_UNSUPPORTED_VALUE);
    }
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    disconnect();
}

/* --- K_SET_GO, K_SET_STOP ------------------------------------------------------------------------------------------- */

static void no_key_starts_before_all_are_there(void)
{
    begin();
    for (unsigned missing = 0; missing < IDE_DIRECTIONS * IDE_SUBSTREAMS; missing++) {
        const unsigned d = missing / IDE_SUBSTREAMS, sub = missing % IDE_SUBSTREAMS;
        program_all(&first, 0);
        CHECK_OK(go_or_stop(&first, IDE_KM_K_SET_STOP, selector(0, d, sub)));
        for (unsigned n = 0; n < IDE_DIRECTIONS * IDE_SUBSTREAMS; n++)
            expect_error(go_or_stop(&first, IDE_KM_K_SET_GO, selector(0, n / IDE_SUBSTREAMS, n % IDE_SUBSTREAMS)),
                         SPDM_ERROR_INVALID_REQUEST);
        expect_error(go_or_stop(&first, IDE_KM_K_SET_GO, selector(1, d, sub)), SPDM_ERROR_INVALID_REQUEST);
    }
    CU_ASSERT_FALSE(stream->key[0][IDE_RX][IDE_PR].started);
    disconnect();
}

static void key_sets_start_change_and_stop(void)   /* 3.1 to 3.4, 4.1 to 4.4 */
{
    begin();
    for (unsigned from = 0; from < IDE_KEY_SETS; from++) {
        const unsigned to = 1 - from;
        program_all(&first, from);
        program_all(&first, to);
        all_of(IDE_KM_K_SET_GO, from);
        all_of(IDE_KM_K_SET_GO, to);
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            CU_ASSERT_EQUAL(stream->transmit_set[sub], (int)to);
        all_of(IDE_KM_K_SET_STOP, from);
        CU_ASSERT_FALSE(programmed(from, IDE_RX, IDE_PR));
        CU_ASSERT_TRUE(programmed(to, IDE_RX, IDE_PR));
        all_of(IDE_KM_K_SET_STOP, to);
        CU_ASSERT_FALSE(port_stream_has_keys(stream));
    }
    disconnect();
}

/* --- sessions ------------------------------------------------------------------------------------------------------- */

static void expect_all_refused(struct session *s)
{
    static const uint8_t query[] = {0, IDE_KM_QUERY, 0, 0};
    uint8_t request[64];
    make_key_prog(request, selector(1, 0, 0));
    expect_error(say(s, query, sizeof query), SPDM_ERROR_UNEXPECTED_REQUEST);
    expect_error(say(s, request, IDE_KM_KEY_PROG_SIZE), SPDM_ERROR_UNEXPECTED_REQUEST);
    expect_error(say(s, request, IDE_KM_KEY_PROG_SIZE - 1), SPDM_ERROR_UNEXPECTED_REQUEST);
    expect_error(go_or_stop(s, IDE_KM_K_SET_GO, selector(0, 0, 0)), SPDM_ERROR_UNEXPECTED_REQUEST);
    expect_error(go_or_stop(s, IDE_KM_K_SET_STOP, selector(0, 0, 0)), SPDM_ERROR_UNEXPECTED_REQUEST);
    CU_ASSERT_FALSE(programmed(1, IDE_RX, IDE_PR));
}

static void a_second_session_is_refused_while_the_first_holds_the_port(void)   /* 5.1 */
{
    static const uint8_t query[] = {0, IDE_KM_QUERY, 0, 0};
    uint8_t request[64];
    begin();
    CHECK_OK(say(&first, query, sizeof query));    /* which holds nothing */
    CHECK_OK(say(&second, query, sizeof query));
    make_key_prog(request, selector(0, 0, 0));
    request[4] = STREAM_ID + 1;                    /* nor does a key that was not taken */
    expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_UNSUPPORTED_VALUE);
    CHECK_OK(say(&second, query, sizeof query));
    make_key_prog(request, selector(0, 0, 0));
    expect_status(request, IDE_KM_KEY_PROG_SIZE, KP_ACK_SUCCESS);
    expect_all_refused(&second);
    CU_ASSERT_TRUE(programmed(0, IDE_RX, IDE_PR));
    CHECK_OK(go_or_stop(&first, IDE_KM_K_SET_STOP, selector(0, 0, 0)));
    expect_all_refused(&second);                   /* until the first ends */
    program_all(&first, 0);
    disconnect();
}

static void the_next_session_may_when_the_first_has_ended(void)   /* 5.2 */
{
    static const uint8_t query[] = {0, IDE_KM_QUERY, 0, 0};
    begin();
    program_all(&second, 0);
    expect_all_refused(&first);
    CHECK_OK(session_end(&second));
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    CHECK_OK(say(&first, query, sizeof query));
    program_all(&first, 0);
    all_of(IDE_KM_K_SET_GO, 0);
    disconnect();
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
}

/* Whoever negotiates anew has ended all sessions, and so what they held. */
static void a_new_connection_holds_nothing(void)
{
    begin();
    program_all(&first, 0);
    session_close(&first);
    session_close(&second);
    connect_to();
    CU_ASSERT_FALSE(port_stream_has_keys(stream));
    program_all(&second, 0);
    disconnect();
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(query_gives_the_port_and_its_registers),
        TEST(each_key_is_taken),
        TEST(another_length_is_told),
        TEST(another_port_is_told),
        TEST(another_sub_stream_is_told),
        TEST(another_ifv_is_told),
        TEST(another_stream_is_told),
        TEST(no_key_starts_before_all_are_there),
        TEST(key_sets_start_change_and_stop),
        TEST(a_second_session_is_refused_while_the_first_holds_the_port),
        TEST(the_next_session_may_when_the_first_has_ended),
        TEST(a_new_connection_holds_nothing),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("IDE_KM conformity", set_up, tear_down, tests);
}
