/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHUNK_SEND and CHUNK_GET: messages longer than one transfer, in and out of sessions, and peers that cheat with them. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "chunk_rig.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

/* --- two honest sides ---------------------------------------------------------------------------------------------- */

static const uint8_t versions[] = {SPDM_VERSION_12, SPDM_VERSION_13, SPDM_VERSION_14};

static void messages_of_all_lengths(void)
{
    const size_t most = SPDM_TRANSFER_SIZE - VENDOR_HEAD;
    const size_t lengths[] = {1, most - 1, most, most + 1, most + 2, 2 * most - 40, 2 * most, 20000, 30000};
    for (size_t v = 0; v < sizeof versions; v++) {
        connect_with(versions[v]);
        CU_ASSERT_EQUAL(loop.requester.params.peer_message_size, LARGE);
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            loop.exchanges = 0;
            CHECK_OK(exchange_clear(lengths[i]));
            CU_ASSERT_EQUAL(loop.exchanges == 1, lengths[i] <= most);
        }
        CU_ASSERT_EQUAL(echoes, sizeof lengths / sizeof lengths[0]);
        /* nothing of it stays at the device */
        CU_ASSERT_TRUE(all_zero(device_large, sizeof device_large));
        finish();
    }
}

static void only_the_response_is_large(void)
{
    connect_with(SPDM_VERSION_12);
    answer_len = 10000;
    CHECK_OK(exchange_clear(5));
    /* the request, and three chunks */
    CU_ASSERT_EQUAL(loop.exchanges, 1 + 3);
    finish();
}

static void only_the_request_is_large(void)
{
    connect_with(SPDM_VERSION_12);
    answer_len = 5;
    CHECK_OK(exchange_clear(10000));
    CU_ASSERT_EQUAL(loop.exchanges, 3);
    finish();
}

static void the_smallest_transfer_size(void)
{
    for (size_t v = 0; v < sizeof versions; v++) {
        connect_with(versions[v]);
        loop.requester.params.peer_transfer_size = SPDM_TRANSFER_SIZE_MIN;
        loop.responder.spdm.connection.params.peer_transfer_size = SPDM_TRANSFER_SIZE_MIN;
        for (size_t len = 1; len < 200; len++) {
            answer_len = (unsigned)(200 - len);
            CHECK_OK(exchange_clear(len));
        }
        finish();
    }
}

static void in_a_session(void)
{
    open_with(SPDM_VERSION_12, true, true);
    CHECK_OK(loopback_session(&loop));
    struct spdm_channel channel = session_channel(&loop.session);
    CHECK_OK(exchange(&channel, 20000));
    CHECK_OK(exchange(&channel, 1));
    CU_ASSERT_EQUAL(loop.session.state, SESSION_ESTABLISHED);
    /* the plaintext is gone with the next exchange, and with the connection */
    CU_ASSERT_TRUE(all_zero(device_large, sizeof device_large));
    CU_ASSERT_TRUE(all_zero(requester_large, sizeof requester_large));
    CHECK_OK(exchange(&channel, 20000));
    spdm_connection_reset(&loop.requester);
    CU_ASSERT_TRUE(all_zero(requester_large, sizeof requester_large));
    finish();
}

static void not_offered_without_a_buffer(void)
{
    const struct {
        bool requester, device;
    } sides[] = {{false, false}, {true, false}, {false, true}};
    for (size_t i = 0; i < sizeof sides / sizeof sides[0]; i++) {
        open_with(SPDM_VERSION_12, sides[i].requester, sides[i].device);
        CHECK_OK(loopback_connect(&loop));
        CU_ASSERT_EQUAL(!(loop.requester.params.flags_requester & SPDM_CAP_CHUNK), !sides[i].requester);
        CU_ASSERT_EQUAL(!(loop.requester.params.flags_responder & SPDM_CAP_CHUNK), !sides[i].device);
        loop.exchanges = 0;
        CHECK_ERR(exchange_clear(5000), IDE_E_SPACE);
        CU_ASSERT_EQUAL(loop.exchanges, 0);
        answer_len = 5000;
        CHECK_ERR(exchange_clear(5), IDE_E_PEER_ERROR);
        CU_ASSERT_EQUAL(loop.requester.fault.peer_code, SPDM_ERROR_RESPONSE_TOO_LARGE);
        finish();
    }
    open_with(SPDM_VERSION_12, true, true);
    loop.requester.large.cap = SPDM_TRANSFER_SIZE - 1; /* no longer than what comes in one piece anyway */
    CHECK_OK(loopback_connect(&loop));
    CU_ASSERT_FALSE(loop.requester.params.flags_requester & SPDM_CAP_CHUNK);
    finish();
    open_with(SPDM_VERSION_11, true, true);
    CHECK_OK(loopback_connect(&loop));
    CU_ASSERT_FALSE((loop.requester.params.flags_requester | loop.requester.params.flags_responder) & SPDM_CAP_CHUNK);
    finish();
}

static void the_longest_message_is_respected(void)
{
    connect_with(SPDM_VERSION_12);
    loop.requester.params.peer_message_size = 6000;
    CHECK_ERR(exchange_clear(6000 - VENDOR_HEAD + 1), IDE_E_SPACE);
    CU_ASSERT_EQUAL(loop.exchanges, 0);
    CHECK_OK(exchange_clear(6000 - VENDOR_HEAD));
    loop.responder.spdm.connection.params.peer_message_size = 6000;
    answer_len = 6000 - VENDOR_HEAD + 1;
    CHECK_ERR(exchange_clear(1), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(loop.requester.fault.peer_code, SPDM_ERROR_RESPONSE_TOO_LARGE);
    const uint8_t how_long[] = {0x12, SPDM_ERROR, SPDM_ERROR_RESPONSE_TOO_LARGE, 0, 0x71, 0x17, 0, 0};
    CU_ASSERT_EQUAL(memcmp(loop.response + DOE_HEADER_SIZE, how_long, sizeof how_long), 0);
    answer_len--;
    CHECK_OK(exchange_clear(1));
    finish();
}

/* --- a device that cheats -------------------------------------------------------------------------------------------- */

struct alteration {
    const char *name;
    uint8_t code;          /* of the response */
    unsigned skip;         /* leave that many alone */
    size_t offset;         /* into the message */
    uint8_t bytes[12];
    size_t count;
    size_t len;            /* and the message is that long; 0: as it was */
    size_t payload;        /* of the request: 5, or 10000 to have it sent in chunks */
    enum ide_err err;
    const char *step, *field;
};

static const struct alteration *alteration;
static unsigned skipped;
static bool for_ever;

static void alter(struct loopback *l, uint8_t *object, size_t *len)
{
    uint8_t *message = object + DOE_HEADER_SIZE;
    (void)l;
    if (!alteration || message[1] != alteration->code || skipped++ < alteration->skip)
        return;
    memcpy(message + alteration->offset, alteration->bytes, alteration->count);
    if (alteration->len)
        *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, alteration->len);
    if (!for_ever)
        alteration = NULL;
}

#define BYTES(...) {__VA_ARGS__}, sizeof((uint8_t[]){__VA_ARGS__})
#define RESPONSE   "CHUNK_RESPONSE"
#define ACK        "CHUNK_SEND_ACK"

static const struct alteration cheats[] = {
    {"another handle", SPDM_CHUNK_RESPONSE, 1, 3, BYTES(99), 0, 5, IDE_E_FIELD, RESPONSE, "Handle"},
    {"number 1 first", SPDM_CHUNK_RESPONSE, 0, 4, BYTES(1), 0, 5, IDE_E_LONG, RESPONSE, "length"},
    {"a number twice", SPDM_CHUNK_RESPONSE, 2, 4, BYTES(1), 0, 5, IDE_E_FIELD, RESPONSE, "ChunkSeqNo"},
    {"number 0 again", SPDM_CHUNK_RESPONSE, 2, 4, BYTES(0), 0, 5, IDE_E_SHORT, RESPONSE, "SPDMchunk"},
    {"a number left out", SPDM_CHUNK_RESPONSE, 1, 4, BYTES(2), 0, 5, IDE_E_FIELD, RESPONSE, "ChunkSeqNo"},
    {"the last one first", SPDM_CHUNK_RESPONSE, 0, 2, BYTES(1), 0, 5, IDE_E_FIELD, RESPONSE, "LastChunk"},
    {"the last one too early", SPDM_CHUNK_RESPONSE, 1, 2, BYTES(1), 0, 5, IDE_E_FIELD, RESPONSE, "LastChunk"},
    {"never a last one", SPDM_CHUNK_RESPONSE, 2, 2, BYTES(0), 0, 5, IDE_E_FIELD, RESPONSE, "LastChunk"},
    {"LargeMessageSize 0", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(0, 0, 0, 0), 0, 5, IDE_E_FIELD, RESPONSE,
     "LargeMessageSize"},
    {"LargeMessageSize 34", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(34, 0, 0, 0), 0, 5, IDE_E_FIELD, RESPONSE,
     "LargeMessageSize"},
    {"LargeMessageSize less than the chunk", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(64, 0, 0, 0), 0, 5, IDE_E_FIELD,
     RESPONSE, "ChunkSize"},
    {"LargeMessageSize beyond the buffer", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(1, 0, 1, 0), 0, 5, IDE_E_SPACE, RESPONSE,
     "LargeMessageSize"},
    {"LargeMessageSize 2^32 - 1", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(0xff, 0xff, 0xff, 0xff), 0, 5, IDE_E_SPACE,
     RESPONSE, "LargeMessageSize"},
    {"one byte more than it said", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(0x1a, 0x27), 0, 5, IDE_E_FIELD, RESPONSE,
     "ChunkSize"},
    {"one byte less than it said", SPDM_CHUNK_RESPONSE, 0, 12, BYTES(0x1c, 0x27), 0, 5, IDE_E_FIELD, RESPONSE,
     "LastChunk"},
    {"an empty chunk", SPDM_CHUNK_RESPONSE, 1, 8, BYTES(0, 0, 0, 0), 12, 5, IDE_E_FIELD, RESPONSE, "ChunkSize"},
    {"a chunk of one byte", SPDM_CHUNK_RESPONSE, 1, 8, BYTES(1, 0, 0, 0), 13, 5, IDE_E_FIELD, RESPONSE, "ChunkSize"},
    {"a chunk longer than its message", SPDM_CHUNK_RESPONSE, 1, 8, BYTES(0, 0x13, 0, 0), 0, 5, IDE_E_SHORT, RESPONSE,
     "SPDMchunk"},
    {"ChunkSize 2^32 - 1", SPDM_CHUNK_RESPONSE, 1, 8, BYTES(0xff, 0xff, 0xff, 0xff), 0, 5, IDE_E_SHORT, RESPONSE,
     "SPDMchunk"},
    {"a chunk message cut off", SPDM_CHUNK_RESPONSE, 1, 0, BYTES(0x12), 8, 5, IDE_E_SHORT, RESPONSE, "ChunkSize"},
    {"another version", SPDM_CHUNK_RESPONSE, 1, 0, BYTES(0x11), 0, 5, IDE_E_VERSION, RESPONSE, "SPDMVersion"},
    {"another message", SPDM_CHUNK_RESPONSE, 1, 1, BYTES(SPDM_DIGESTS), 0, 5, IDE_E_UNEXPECTED, RESPONSE,
     "RequestResponseCode"},
    {"LargeResponse in a LargeResponse", SPDM_CHUNK_RESPONSE, 1, 1, BYTES(SPDM_ERROR, SPDM_ERROR_LARGE_RESPONSE, 0, 7),
     5, 5, IDE_E_UNEXPECTED, "ERROR", "ErrorCode"},
    {"an ERROR in chunks", SPDM_CHUNK_RESPONSE, 0, 17, BYTES(SPDM_ERROR), 0, 5, IDE_E_UNEXPECTED, RESPONSE,
     "RequestResponseCode"},
    {"chunks in chunks", SPDM_CHUNK_RESPONSE, 0, 17, BYTES(SPDM_CHUNK_RESPONSE), 0, 5, IDE_E_UNEXPECTED,
     "VENDOR_DEFINED_RESPONSE", "RequestResponseCode"},
    {"an ERROR in the middle", SPDM_CHUNK_RESPONSE, 1, 1, BYTES(SPDM_ERROR, SPDM_ERROR_UNSPECIFIED, 0), 4, 5,
     IDE_E_PEER_ERROR, "VENDOR_DEFINED_REQUEST", NULL},
    {"LargeResponse without a handle", SPDM_ERROR, 0, 2, BYTES(SPDM_ERROR_LARGE_RESPONSE), 4, 5, IDE_E_SHORT, "ERROR",
     "ExtendedErrorData"},
    {"another handle acknowledged", SPDM_CHUNK_SEND_ACK, 0, 3, BYTES(99), 0, 10000, IDE_E_FIELD, ACK, "Handle"},
    {"another number acknowledged", SPDM_CHUNK_SEND_ACK, 1, 4, BYTES(0), 0, 10000, IDE_E_FIELD, ACK, "ChunkSeqNo"},
    {"a response too early", SPDM_CHUNK_SEND_ACK, 1, 6, BYTES(0x12, SPDM_ERROR, 1, 0), 10, 10000, IDE_E_LONG, ACK,
     "ResponseToLargeRequest"},
    {"no response at the end", SPDM_CHUNK_SEND_ACK, 2, 4, BYTES(2), 6, 10000, IDE_E_VERSION,
     "VENDOR_DEFINED_RESPONSE", "SPDMVersion"},
    {"an early error that is none", SPDM_CHUNK_SEND_ACK, 1, 2, BYTES(1), 0, 10000, IDE_E_UNEXPECTED, ACK,
     "ResponseToLargeRequest"},
    {"an early LargeResponse", SPDM_CHUNK_SEND_ACK, 1, 2, BYTES(1, 1, 1, 0, 0x12, SPDM_ERROR, 0x0f, 0, 5), 11, 10000,
     IDE_E_UNEXPECTED, ACK, "ResponseToLargeRequest"},
    {"an early error", SPDM_CHUNK_SEND_ACK, 1, 2, BYTES(1, 1, 1, 0, 0x12, SPDM_ERROR, 1, 0), 10, 10000,
     IDE_E_PEER_ERROR, "VENDOR_DEFINED_REQUEST", NULL},
    {"an acknowledgement cut off", SPDM_CHUNK_SEND_ACK, 1, 0, BYTES(0x12), 4, 10000, IDE_E_SHORT, ACK, "ChunkSeqNo"},
};

static void a_device_that_cheats(void)
{
    for (size_t i = 0; i < sizeof cheats / sizeof cheats[0]; i++) {
        connect_with(SPDM_VERSION_12);
        answer_len = 10000;
        loop.on_response = alter;
        alteration = &cheats[i];
        skipped = 0;
        enum ide_err err = exchange_clear(cheats[i].payload);
        if (err != cheats[i].err || !same_text(loop.requester.fault.field, cheats[i].field))
            fprintf(stderr, "\n  %s:\n", cheats[i].name);
        CHECK_ERR(err, cheats[i].err);
        CHECK_FAULT(&loop.requester.fault, cheats[i].err, cheats[i].step, cheats[i].field);
        CU_ASSERT_PTR_NULL(alteration);
        alteration = NULL;
        finish();
    }
}

static void busy_in_the_middle_is_tried_again(void)
{
    static const struct alteration get = {"", SPDM_CHUNK_RESPONSE, 1, 1, BYTES(SPDM_ERROR, SPDM_ERROR_BUSY, 0), 4, 0, 0,
                                          NULL, NULL};
    static const struct alteration send = {"", SPDM_CHUNK_SEND_ACK, 2, 1, BYTES(SPDM_ERROR, SPDM_ERROR_BUSY, 0), 4, 0,
                                           0, NULL, NULL};
    const struct alteration *const both[] = {&get, &send};
    for (size_t i = 0; i < 2; i++) {
        connect_with(SPDM_VERSION_12);
        loop.on_response = alter;
        answer_len = i == 0 ? 10000 : 5;
        alteration = both[i];
        skipped = 0;
        /* a chunk that is lost leaves the transfer open at our responder: this one has to begin anew */
        enum ide_err err = exchange_clear(i == 0 ? 5 : 10000);
        CU_ASSERT_EQUAL(loop.now_ms, 1);
        if (i == 0)
            CHECK_FAULT(&loop.requester.fault, IDE_E_PEER_ERROR, "VENDOR_DEFINED_REQUEST", NULL);
        else
            CHECK_OK(err);
        CU_ASSERT_EQUAL(echoes, i == 0 ? 1 : 2);
        finish();
    }
}

static void busy_for_ever_ends(void)
{
    static const struct alteration busy = {"", SPDM_CHUNK_SEND_ACK, 2, 1, BYTES(SPDM_ERROR, SPDM_ERROR_BUSY, 0), 4, 0,
                                           0, NULL, NULL};
    static const struct alteration nested = {
        "", SPDM_CHUNK_RESPONSE, 0, 1, BYTES(SPDM_ERROR, SPDM_ERROR_LARGE_RESPONSE, 0, 7), 5, 0, 0, NULL, NULL};
    for_ever = true;
    connect_with(SPDM_VERSION_12);
    loop.on_response = alter;
    alteration = &busy;
    skipped = 0;
    answer_len = 5;
    CHECK_ERR(exchange_clear(10000), IDE_E_BUSY);
    CU_ASSERT_EQUAL(loop.requester.fault.peer_code, SPDM_ERROR_BUSY);
    CU_ASSERT_TRUE(loop.exchanges <= 3 + 3 * spdm_config_requester.busy_retries);
    finish();
    connect_with(SPDM_VERSION_12);
    loop.on_response = alter;
    alteration = &nested;
    answer_len = 10000;
    CHECK_ERR(exchange_clear(5), IDE_E_UNEXPECTED);
    CU_ASSERT_EQUAL(loop.exchanges, 2);
    finish();
    alteration = NULL;
    for_ever = false;
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(messages_of_all_lengths),
        TEST(only_the_response_is_large),
        TEST(only_the_request_is_large),
        TEST(the_smallest_transfer_size),
        TEST(in_a_session),
        TEST(not_offered_without_a_buffer),
        TEST(the_longest_message_is_respected),
        TEST(a_device_that_cheats),
        TEST(busy_in_the_middle_is_tried_again),
        TEST(busy_for_ever_ends),
        CU_TEST_INFO_NULL,
    };
    return suite_run("chunks", tests);
}
