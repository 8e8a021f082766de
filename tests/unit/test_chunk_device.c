/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device whose requester cheats with CHUNK_SEND and CHUNK_GET, or mixes them with other requests and sessions. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "chunk_rig.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

/* --- a requester that cheats ----------------------------------------------------------------------------------------- */

static uint8_t message[SPDM_TRANSFER_SIZE];
static const uint8_t *response;
static size_t response_len;

struct sent {
    bool last;
    uint8_t handle;
    uint16_t sequence;
    uint32_t size, total;
};

/* CHUNK_SEND of 1.2; the chunk is a piece of the payload. */
static size_t write_chunk(const struct sent *s, const uint8_t *data)
{
    const struct spdm_chunk chunk = {.header = {.param1 = s->last, .param2 = s->handle}, .sequence = s->sequence,
                                     .size = s->size, .total = s->total, .data = data};
    size_t len = 0;
    CHECK_OK(spdm_encode(&spdm_msg_chunk_send, &loop.requester.params, &chunk, message, sizeof message, &len));
    return len;
}

static enum ide_err send_raw(struct session *s, const void *data, size_t len)
{
    CHECK_OK(loopback_send(&loop, s, data, len, &response, &response_len));
    return loop.device_err;
}

static enum ide_err send_chunk(struct session *s, const struct sent *sent)
{
    return send_raw(s, message, write_chunk(sent, payload));
}

static bool is_error(const uint8_t *data, size_t len, uint8_t code, uint8_t value)
{
    const uint8_t want[] = {0x12, SPDM_ERROR, code, value};
    return len >= sizeof want && memcmp(data, want, sizeof want) == 0;
}

static bool refused(uint8_t code, uint8_t data)
{
    return is_error(response, response_len, code, data);
}

static bool acknowledged(const struct sent *s)
{
    const uint8_t want[] = {0x12, SPDM_CHUNK_SEND_ACK, 0, s->handle, (uint8_t)s->sequence, (uint8_t)(s->sequence >> 8)};
    return response_len >= sizeof want && memcmp(response, want, sizeof want) == 0;
}

static bool ended_early(const struct sent *s, uint8_t code)
{
    const uint8_t want[] = {0x12, SPDM_CHUNK_SEND_ACK, 1, s->handle, (uint8_t)s->sequence, (uint8_t)(s->sequence >> 8)};
    return response_len >= sizeof want && memcmp(response, want, sizeof want) == 0 &&
           is_error(response + 6, response_len - 6, code, 0);
}

static void idle_again(void)
{
    CU_ASSERT_EQUAL(loop.responder.spdm.connection.large.stage, SPDM_LARGE_IDLE);
    CU_ASSERT_TRUE(all_zero(device_large, sizeof device_large));
    loop.on_request = loop.on_response = NULL;
    answer_len = 0;
    CHECK_OK(exchange_clear(100));
}

static void a_bad_chunk_ends_the_transfer(void)
{
    const struct sent first = {.handle = 1, .size = 100, .total = 300}, second = {.handle = 1, .sequence = 1, .size = 100};
    const struct {
        const char *name;
        unsigned good;   /* chunks before it */
        struct sent bad;
        enum ide_err err;
        const char *field;
        uint8_t error;
    } rows[] = {
        {"number 1 first", 0, {.handle = 1, .sequence = 1, .size = 100}, IDE_E_FIELD, "ChunkSeqNo", 1},
        {"the last one first", 0, {.last = true, .handle = 1, .size = 100, .total = 100}, IDE_E_FIELD, "LastChunk", 1},
        {"total 0", 0, {.handle = 1, .size = 100, .total = 0}, IDE_E_FIELD, "LargeMessageSize", 1},
        {"total 1", 0, {.handle = 1, .size = 100, .total = 1}, IDE_E_FIELD, "LargeMessageSize", 1},
        {"total 65537", 0, {.handle = 1, .size = 100, .total = 65537}, IDE_E_SPACE, "LargeMessageSize", 0x0e},
        {"total 2^32 - 1", 0, {.handle = 1, .size = 100, .total = UINT32_MAX}, IDE_E_SPACE, "LargeMessageSize", 0x0e},
        {"more than the total", 0, {.handle = 1, .size = 100, .total = 99}, IDE_E_FIELD, "ChunkSize", 1},
        {"an empty first chunk", 0, {.handle = 1, .size = 0, .total = 300}, IDE_E_FIELD, "ChunkSize", 1},
        {"a first chunk of 25 bytes", 0, {.handle = 1, .size = 25, .total = 300}, IDE_E_FIELD, "ChunkSize", 1},
        {"number 0 again", 1, {.handle = 1, .size = 100, .total = 300}, IDE_E_FIELD, "ChunkSeqNo", 1},
        {"a number twice", 2, {.handle = 1, .sequence = 1, .size = 100}, IDE_E_FIELD, "ChunkSeqNo", 1},
        {"a number left out", 1, {.handle = 1, .sequence = 2, .size = 100}, IDE_E_FIELD, "ChunkSeqNo", 1},
        {"another handle", 1, {.handle = 2, .sequence = 1, .size = 100}, IDE_E_FIELD, "Handle", 1},
        {"the last one too early", 1, {.last = true, .handle = 1, .sequence = 1, .size = 100}, IDE_E_FIELD, "LastChunk", 1},
        {"not the last one at the end", 1, {.handle = 1, .sequence = 1, .size = 200}, IDE_E_FIELD, "LastChunk", 1},
        {"too much", 1, {.last = true, .handle = 1, .sequence = 1, .size = 201}, IDE_E_FIELD, "ChunkSize", 1},
        {"an empty chunk", 1, {.handle = 1, .sequence = 1, .size = 0}, IDE_E_FIELD, "ChunkSize", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        connect_with(SPDM_VERSION_12);
        if (rows[i].good > 0)
            CHECK_OK(send_chunk(NULL, &first));
        if (rows[i].good > 1)
            CHECK_OK(send_chunk(NULL, &second));
        CHECK_ERR(send_chunk(NULL, &rows[i].bad), rows[i].err);
        bool right = ended_early(&rows[i].bad, rows[i].error);
        if (!right)
            fprintf(stderr, "\n  %s\n", rows[i].name);
        CU_ASSERT_TRUE(right);
        CHECK_FAULT(&loop.device_fault, rows[i].err, "CHUNK_SEND", rows[i].field);
        CU_ASSERT_EQUAL(echoes, 0);
        idle_again();
        finish();
    }
}

static void a_malformed_chunk_changes_nothing(void)
{
    const struct sent first = {.handle = 1, .size = 100, .total = 300};
    connect_with(SPDM_VERSION_12);
    size_t len = write_chunk(&first, payload);
    for (size_t cut = 4; cut < len - 3; cut++) { /* what DOE pads to is as good as there */
        CHECK_ERR(send_raw(NULL, message, cut), IDE_E_SHORT);
        CU_ASSERT_TRUE(refused(SPDM_ERROR_INVALID_REQUEST, 0));
        CU_ASSERT_EQUAL(loop.responder.spdm.connection.large.stage, SPDM_LARGE_IDLE);
    }
    finish();
}

static void nothing_else_in_the_middle(void)
{
    static const uint8_t get_digests[] = {0x12, SPDM_GET_DIGESTS, 0, 0}, get[] = {0x12, SPDM_CHUNK_GET, 0, 1, 0, 0};
    static const uint8_t get_version[] = {0x10, SPDM_GET_VERSION, 0, 0};
    const struct sent first = {.handle = 1, .size = 100, .total = 200};
    const struct sent second = {.last = true, .handle = 1, .sequence = 1, .size = 100};
    connect_with(SPDM_VERSION_12);
    CHECK_OK(send_chunk(NULL, &first));
    CU_ASSERT_TRUE(acknowledged(&first));
    CHECK_ERR(send_raw(NULL, get_digests, sizeof get_digests), IDE_E_STATE);
    CU_ASSERT_TRUE(refused(SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CHECK_ERR(send_raw(NULL, get, sizeof get), IDE_E_STATE);
    CU_ASSERT_TRUE(refused(SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    /* the transfer goes on: its message is made of the payload's bytes, and no request */
    CHECK_ERR(send_chunk(NULL, &second), IDE_E_VERSION);
    CU_ASSERT_TRUE(acknowledged(&second));
    CU_ASSERT_TRUE(is_error(response + 6, response_len - 6, SPDM_ERROR_VERSION_MISMATCH, 0));
    idle_again();
    CHECK_OK(send_chunk(NULL, &first));
    CHECK_OK(send_raw(NULL, get_version, sizeof get_version));
    CU_ASSERT_EQUAL(loop.responder.spdm.connection.large.stage, SPDM_LARGE_IDLE);
    CU_ASSERT_EQUAL(loop.responder.spdm.connection.state, SPDM_AFTER_VERSION);
    CU_ASSERT_TRUE(all_zero(device_large, sizeof device_large));
    finish();
}

static void chunks_in_chunks(void)
{
    static const uint8_t codes[] = {SPDM_CHUNK_SEND, SPDM_CHUNK_GET};
    for (size_t i = 0; i < sizeof codes; i++) {
        const struct sent first = {.handle = 1, .size = 100, .total = 200};
        const struct sent second = {.last = true, .handle = 1, .sequence = 1, .size = 100};
        uint8_t inner[100] = {0x12, codes[i], 0, 2, 0, 0, 0, 0, 84, 0, 0, 0, 200};
        connect_with(SPDM_VERSION_12);
        CHECK_OK(send_raw(NULL, message, write_chunk(&first, inner)));
        CHECK_ERR(send_chunk(NULL, &second), IDE_E_FIELD);
        CU_ASSERT_TRUE(acknowledged(&second));
        CU_ASSERT_TRUE(is_error(response + 6, response_len - 6, SPDM_ERROR_INVALID_REQUEST, 0));
        idle_again();
        finish();
    }
}

/* Asks for a large response and gives its handle. */
static uint8_t large_response(struct session *s)
{
    static const uint8_t ask[] = {0x12, SPDM_VENDOR_DEFINED_REQUEST, 0, 0, 3, 0, 2, 1, 0, 1, 0, 'x'};
    answer_len = 10000;
    CHECK_OK(send_raw(s, ask, sizeof ask));
    CU_ASSERT_TRUE(refused(SPDM_ERROR_LARGE_RESPONSE, 0));
    return response[4];
}

static enum ide_err get_chunk(struct session *s, uint8_t handle, uint16_t sequence)
{
    const uint8_t get[] = {0x12, SPDM_CHUNK_GET, 0, handle, (uint8_t)sequence, (uint8_t)(sequence >> 8)};
    return send_raw(s, get, sizeof get);
}

static void fetching_wrongly_ends_nothing(void)
{
    static const uint8_t get_digests[] = {0x12, SPDM_GET_DIGESTS, 0, 0};
    const struct sent first = {.handle = 1, .size = 100, .total = 200};
    connect_with(SPDM_VERSION_12);
    CHECK_ERR(get_chunk(NULL, 0, 0), IDE_E_STATE);
    CU_ASSERT_TRUE(refused(SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    uint8_t handle = large_response(NULL);
    CHECK_ERR(get_chunk(NULL, (uint8_t)(handle + 1), 0), IDE_E_FIELD);
    CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "CHUNK_GET", "Handle");
    CU_ASSERT_TRUE(refused(SPDM_ERROR_INVALID_REQUEST, 0));
    CHECK_ERR(get_chunk(NULL, handle, 1), IDE_E_FIELD);
    CHECK_FAULT(&loop.device_fault, IDE_E_FIELD, "CHUNK_GET", "ChunkSeqNo");
    CHECK_OK(get_chunk(NULL, handle, 0));
    CHECK_ERR(get_chunk(NULL, handle, 0), IDE_E_FIELD);
    CHECK_ERR(get_chunk(NULL, handle, 0xffff), IDE_E_FIELD);
    CHECK_ERR(send_raw(NULL, get_digests, sizeof get_digests), IDE_E_STATE);
    CHECK_ERR(send_chunk(NULL, &first), IDE_E_STATE);
    CU_ASSERT_TRUE(refused(SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CHECK_OK(get_chunk(NULL, handle, 1));
    CHECK_OK(get_chunk(NULL, handle, 2));
    CU_ASSERT_EQUAL(response[2], SPDM_CHUNK_LAST);
    CHECK_ERR(get_chunk(NULL, handle, 3), IDE_E_STATE);
    idle_again();
    /* another handle each time; and a response that nobody fetches is in nobody's way */
    CU_ASSERT_EQUAL(large_response(NULL), (uint8_t)(handle + 1));
    CHECK_OK(send_raw(NULL, get_digests, sizeof get_digests));
    idle_again();
    large_response(NULL);
    CHECK_OK(send_chunk(NULL, &first));
    finish();
}

/* What was said in a session is fetched in it, or not at all. */
static void sessions_are_kept_apart(void)
{
    const struct sent first = {.handle = 1, .size = 100, .total = 200};
    const struct sent second = {.last = true, .handle = 1, .sequence = 1, .size = 100};
    open_with(SPDM_VERSION_12, true, true);
    CHECK_OK(loopback_session(&loop));
    uint8_t handle = large_response(&loop.session);
    CHECK_ERR(get_chunk(NULL, handle, 0), IDE_E_STATE);
    CHECK_FAULT(&loop.device_fault, IDE_E_STATE, "CHUNK_GET", "session");
    CU_ASSERT_TRUE(refused(SPDM_ERROR_UNEXPECTED_REQUEST, 0));
    CHECK_OK(get_chunk(&loop.session, handle, 0));
    CHECK_ERR(get_chunk(NULL, handle, 1), IDE_E_STATE);
    CHECK_OK(get_chunk(&loop.session, handle, 1));
    CHECK_OK(get_chunk(&loop.session, handle, 2));
    CHECK_OK(send_chunk(&loop.session, &first));
    CHECK_ERR(send_chunk(NULL, &second), IDE_E_STATE);
    CHECK_FAULT(&loop.device_fault, IDE_E_STATE, "CHUNK_SEND", "session");
    CHECK_ERR(send_chunk(&loop.session, &second), IDE_E_VERSION);
    /* and the other way round */
    handle = large_response(NULL);
    CHECK_ERR(get_chunk(&loop.session, handle, 0), IDE_E_STATE);
    CHECK_OK(get_chunk(NULL, handle, 0));
    CHECK_OK(get_chunk(NULL, handle, 1));
    CHECK_OK(get_chunk(NULL, handle, 2));
    /* it ends with the session */
    handle = large_response(&loop.session);
    CHECK_OK(get_chunk(&loop.session, handle, 0));
    /* whose heartbeat is overdue */
    loop.device_sessions[0].heartbeat_period = 1;
    loop.now_ms += 3000;
    session_responder_tick(&loop.responder);
    CU_ASSERT_EQUAL(loop.ended, 1);
    CU_ASSERT_TRUE(all_zero(device_large, sizeof device_large));
    CHECK_ERR(get_chunk(NULL, handle, 1), IDE_E_STATE);
    session_close(&loop.session);
    finish();
}

static void unsupported_without_the_capability(void)
{
    const struct sent first = {.handle = 1, .size = 100, .total = 200};
    for (int device = 0; device < 2; device++) {
        open_with(SPDM_VERSION_12, !device, device);
        CHECK_OK(loopback_connect(&loop));
        CHECK_ERR(send_chunk(NULL, &first), IDE_E_CAPABILITY);
        CU_ASSERT_TRUE(refused(SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_CHUNK_SEND));
        CHECK_ERR(get_chunk(NULL, 0, 0), IDE_E_CAPABILITY);
        CU_ASSERT_TRUE(refused(SPDM_ERROR_UNSUPPORTED_REQUEST, SPDM_CHUNK_GET));
        finish();
    }
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(a_bad_chunk_ends_the_transfer),
        TEST(a_malformed_chunk_changes_nothing),
        TEST(nothing_else_in_the_middle),
        TEST(chunks_in_chunks),
        TEST(fetching_wrongly_ends_nothing),
        TEST(sessions_are_kept_apart),
        TEST(unsupported_without_the_capability),
        CU_TEST_INFO_NULL,
    };
    return suite_run("chunks, a device", tests);
}
