/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHUNK_SEND and CHUNK_GET: messages longer than one transfer, in and out of sessions, and peers that cheat with them. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

#define LARGE 65536u
#define VENDOR_HEAD 11u   /* header, StandardID, VendorIDLen, VendorID of two bytes, PayloadLength */

static struct loopback loop;
static uint8_t requester_large[LARGE], device_large[LARGE], payload[LARGE];
static unsigned echoes, answer_len;
static const uint8_t id[] = {1, 0};

/* Answers with as many bytes as the test wants, each one more than the request's; 0: as many as came. */
static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *data, size_t len, struct writer *w)
{
    (void)context, (void)r, (void)request;
    echoes++;
    for (size_t i = 0; i < (answer_len ? answer_len : len); i++)
        write_u8(w, (uint8_t)(data[i % len] + 1));
    return write_done(w);
}

static struct spdm_vendor vendor = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = {1}, .in_session = true,
                                    .out_session = true, .handle = echo};

static void open_with(uint8_t version, bool requester, bool device)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&loop, KEY_EC_P256));
    loop.requester_config.version_max = loop.responder_config.version_max = version;
    loop.requester_config.version_min = loop.responder_config.version_min = version;
    if (requester)
        loop.requester.large = (struct spdm_large){.data = requester_large, .cap = LARGE};
    if (device)
        loop.responder.spdm.connection.large = (struct spdm_large){.data = device_large, .cap = LARGE};
    spdm_responder_add_vendor(&loop.responder.spdm, &vendor);
    memset(requester_large, 0, sizeof requester_large);
    memset(device_large, 0, sizeof device_large);
    echoes = answer_len = 0;
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7 + i / 256);
}

static void connect_with(uint8_t version)
{
    open_with(version, true, true);
    CHECK_OK(loopback_connect(&loop));
    loop.exchanges = 0;
}

static void finish(void)
{
    loopback_close(&loop);
}

static enum ide_err exchange(const struct spdm_channel *channel, size_t len)
{
    const struct spdm_vendor_defined in = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = id,
                                           .payload_len = (uint16_t)len, .payload = payload};
    struct spdm_vendor_defined out = {0};
    const struct spdm_exchange e = {.request = &spdm_msg_vendor_defined_request, .in = &in,
                                    .response = &spdm_msg_vendor_defined_response, .out = &out};
    enum ide_err err = spdm_transact(&loop.requester, channel, &e, NULL, NULL);
    if (err != IDE_OK)
        return err;
    CU_ASSERT_EQUAL(out.payload_len, answer_len ? answer_len : len);
    bool same = true;
    for (size_t i = 0; i < out.payload_len; i++)
        same = same && out.payload[i] == (uint8_t)(payload[i % len] + 1);
    CU_ASSERT_TRUE(same);
    return IDE_OK;
}

static enum ide_err exchange_clear(size_t len)
{
    return exchange(&loop.requester.clear, len);
}

static bool all_zero(const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] != 0)
            return false;
    return true;
}

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
        TEST(a_bad_chunk_ends_the_transfer),
        TEST(a_malformed_chunk_changes_nothing),
        TEST(nothing_else_in_the_middle),
        TEST(chunks_in_chunks),
        TEST(fetching_wrongly_ends_nothing),
        TEST(sessions_are_kept_apart),
        TEST(unsupported_without_the_capability),
        CU_TEST_INFO_NULL,
    };
    return suite_run("chunks", tests);
}
