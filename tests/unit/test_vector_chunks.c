/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A recorded conversation of two peers with algorithms that are not implemented here, ML-DSA-87 and ML-KEM-1024: its
 * chunks decode, encode back and make up the messages they came from, in the clear and in sessions, and negotiating its
 * algorithms fails in both roles.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "secured_cma/doe.h"
#include "spdm/cursor.h"
#include "spdm/internal.h"
#include "suite.h"
#include "vector_file.h"

#define LARGE 65536u

static struct vector_file file;
static const struct spdm_params params = {.version = SPDM_VERSION_14};

static int open_file(void)
{
    return vector_file_read(&file, TEST_VECTORS "/v14-mldsa87-mlkem1024.vec") ? 0 : 1;
}

static int close_file(void)
{
    vector_file_free(&file);
    return 0;
}

/* --- the chunks ------------------------------------------------------------------------------------------------------ */

/* Decodes, and encodes back to the same bytes. Out of sessions the recording has the padding of DOE. */
static size_t round_trip(const struct vector_line *line, const struct spdm_message *m, void *message)
{
    struct ide_fault fault = {0};
    uint8_t again[SPDM_TRANSFER_SIZE];
    size_t consumed = 0, len = 0;
    CHECK_OK(spdm_decode(m, &params, line->data, line->len, message, &consumed, &fault));
    CU_ASSERT_TRUE(line->len - consumed <= (line->in_session ? 0 : 3));
    CHECK_OK(spdm_encode(m, &params, message, again, sizeof again, &len));
    CU_ASSERT_TRUE(len == consumed && memcmp(again, line->data, len) == 0);
    return consumed;
}

static const struct vector_line *next_message(size_t *at)
{
    while (++*at < file.count)
        if (file.lines[*at].kind == VECTOR_MESSAGE)
            return &file.lines[*at];
    return NULL;
}

/* What a large CERTIFICATE says of itself, which needs no algorithm to be read. */
static void read_certificate(const uint8_t *data, size_t len)
{
    struct spdm_certificate certificate = {0};
    struct ide_fault fault = {0};
    size_t consumed;
    CHECK_OK(spdm_decode(&spdm_msg_certificate, &params, data, len, &certificate, &consumed, &fault));
    CU_ASSERT_EQUAL(consumed, len);
    CU_ASSERT_EQUAL(certificate.remainder_length, 0);
    struct reader chain = reader_of(certificate.portion, certificate.portion_length);
    CU_ASSERT_EQUAL(read_u16(&chain, "Length"), certificate.portion_length);
}

/* The chunks after a LargeResponse, until the last. */
static void reassemble(size_t *at, uint8_t request_code, const struct spdm_error *error)
{
    static uint8_t data[LARGE];
    struct spdm_large large = {.data = data, .cap = sizeof data, .handle = error->extended[0]};
    struct spdm_chunk chunk = {0};
    struct spdm_chunk_get get = {0};
    struct ide_fault fault = {0};
    while (!(chunk.header.param1 & SPDM_CHUNK_LAST)) {
        const struct vector_line *request = next_message(at), *response = next_message(at);
        CU_ASSERT_FATAL(request && response && request->data[1] == SPDM_CHUNK_GET);
        round_trip(request, &spdm_msg_chunk_get, &get);
        CU_ASSERT_EQUAL(get.header.param2, large.handle);
        CU_ASSERT_EQUAL(get.sequence, large.sequence);
        size_t len = round_trip(response, &spdm_msg_chunk_response, &chunk);
        CHECK_OK(spdm_large_take(&large, &chunk, len, "CHUNK_RESPONSE", &fault));
    }
    CU_ASSERT_EQUAL(large.done, large.len);
    CU_ASSERT_EQUAL(data[0], SPDM_VERSION_14);
    CU_ASSERT_EQUAL(data[1], request_code & 0x7f);
    if (request_code == SPDM_GET_CERTIFICATE)
        read_certificate(data, large.len);
}

static void recorded_chunks_make_up_their_messages(void)
{
    unsigned outside = 0, inside = 0;
    uint8_t code = 0;
    size_t at = 0;
    for (const struct vector_line *line = next_message(&at); line; line = next_message(&at)) {
        if (!line->response)
            code = line->data[1];
        if (!line->response || line->data[1] != SPDM_ERROR)
            continue;
        struct spdm_error error = {0};
        round_trip(line, &spdm_msg_error, &error);
        CU_ASSERT_EQUAL(error.header.param1, SPDM_ERROR_LARGE_RESPONSE);
        *(line->in_session ? &inside : &outside) += 1;
        reassemble(&at, code, &error);
    }
    CU_ASSERT_EQUAL(outside, 7);
    CU_ASSERT_EQUAL(inside, 2);
}

/* --- its algorithms -------------------------------------------------------------------------------------------------- */

static uint64_t monotonic_ms(void *context)
{
    (void)context;
    return 0;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void sleep_ms(void *context, uint32_t ms)
{
    (void)context, (void)ms;
}

static enum ide_err no_random(void *context, uint8_t *out, size_t n)
{
    (void)context, (void)out, (void)n;
    return IDE_E_RANDOM;
}

static const struct clock still = {monotonic_ms, unix_seconds, sleep_ms, NULL};
static const struct rng none = {no_random, NULL};

/* The recorded responses, one after the other, whatever the requests. */
static enum ide_err recorded(void *context, struct spdm_connection *c, size_t request_len, const uint8_t **response,
                             size_t *response_len, uint32_t timeout_ms)
{
    size_t *at = context;
    (void)request_len, (void)timeout_ms;
    const struct vector_line *line;
    do
        line = next_message(at);
    while (!line->response);
    memcpy(c->rx, line->data, line->len);
    *response = c->rx;
    *response_len = line->len;
    return IDE_OK;
}

static void a_requester_does_not_negotiate_them(void)
{
    struct spdm_config config = spdm_config_requester;
    config.version_max = SPDM_VERSION_14;
    static struct spdm_connection c;
    size_t at = 0;
    spdm_connection_init(&c, SPDM_REQUESTER, &config, &none, &still);
    c.clear = (struct spdm_channel){.exchange = recorded, .context = &at};
    CHECK_ERR(spdm_negotiate(&c), IDE_E_UNSUPPORTED);
    CHECK_FAULT(&c.fault, IDE_E_UNSUPPORTED, "ALGORITHMS", "PqcAsymSel");
    CU_ASSERT_EQUAL(c.state, SPDM_NOT_STARTED);
    CU_ASSERT_PTR_NULL(c.params.hash);
}

static void a_responder_does_not_select_them(void)
{
    struct spdm_config config = spdm_config_responder;
    config.version_max = SPDM_VERSION_14;
    static struct spdm_responder r;
    uint8_t response[SPDM_TRANSFER_SIZE];
    size_t at = 0, response_len;
    const struct vector_line *line;
    spdm_responder_init(&r, &config, &none, &still, &spdm_handlers, 1);
    while ((line = next_message(&at)) && line->data[1] != SPDM_NEGOTIATE_ALGORITHMS)
        if (!line->response)
            CHECK_OK(spdm_respond(&r, NULL, line->data, line->len, response, sizeof response, &response_len));
    CHECK_ERR(spdm_respond(&r, NULL, line->data, line->len, response, sizeof response, &response_len),
              IDE_E_UNSUPPORTED);
    CHECK_FAULT(&r.connection.fault, IDE_E_UNSUPPORTED, "NEGOTIATE_ALGORITHMS", "PqcAsymSel");
    const uint8_t invalid_request[] = {0x14, SPDM_ERROR, SPDM_ERROR_INVALID_REQUEST, 0};
    CU_ASSERT_TRUE(response_len == 4 && memcmp(response, invalid_request, 4) == 0);
    CU_ASSERT_EQUAL(r.connection.state, SPDM_AFTER_CAPABILITIES);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(recorded_chunks_make_up_their_messages),
        TEST(a_requester_does_not_negotiate_them),
        TEST(a_responder_does_not_select_them),
        CU_TEST_INFO_NULL,
    };
    return suite_run_with("recorded chunks", open_file, close_file, tests);
}
