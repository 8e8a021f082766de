/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A DataTransferSize that this side announces, down to the least: whole sessions in chunks, FINISH among them. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

#define LARGE 8192u

static struct loopback l;
static uint8_t requester_large[LARGE], device_large[LARGE];
static unsigned records;            /* that came in the session's handshake */
static struct session half_open;    /* l.session as it was before its first record */
static bool stop_before_finish;

static void on_request(struct loopback *loop, uint8_t *object, size_t *len)
{
    if (object[2] != DOE_TYPE_SECURED_CMA || loop->device_sessions[0].state != SESSION_HANDSHAKE)
        return;
    records++;
    if (!stop_before_finish)
        return;
    half_open = loop->session;
    half_open.request.sequence = 0;
    *len = 0;
}

static void open_with(uint8_t version, uint32_t requester_size, uint32_t device_size)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    l.requester_config.version_min = l.responder_config.version_min = version;
    l.requester_config.version_max = l.responder_config.version_max = version;
    l.requester_config.transfer_size = requester_size;
    l.responder_config.transfer_size = device_size;
    l.requester.large = (struct spdm_large){.data = requester_large, .cap = LARGE};
    l.responder.spdm.connection.large = (struct spdm_large){.data = device_large, .cap = LARGE};
    l.responder.heartbeat_period = 5;
    l.on_request = on_request;
    records = 0;
    stop_before_finish = false;
}

static void sessions_of_each_size(void)
{
    const uint32_t sizes[] = {SPDM_TRANSFER_SIZE_MIN, 43, 50, 64, 100, 256, 1024, SPDM_TRANSFER_SIZE};
    for (uint8_t version = SPDM_VERSION_12; version <= SPDM_VERSION_14; version++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            open_with(version, sizes[i], sizes[i]);
            CHECK_OK(loopback_session(&l));
            CU_ASSERT_EQUAL(l.responder.spdm.connection.params.peer_transfer_size, sizes[i]);
            CU_ASSERT_EQUAL(l.requester.params.peer_transfer_size, sizes[i]);
            CU_ASSERT_EQUAL(records, 1);   /* FINISH has 36 bytes, in 1.4 two more */
            CHECK_OK(session_heartbeat(&l.session));
            CHECK_OK(session_key_update(&l.session, KEY_UPDATE_ALL));
            CHECK_OK(session_end(&l.session));
            CU_ASSERT_EQUAL(l.ended, 1);
            loopback_close(&l);
        }
    }
}

/* SHA-384's FINISH has 52 bytes, which do not fit. */
static void finish_comes_in_chunks(void)
{
    for (uint8_t version = SPDM_VERSION_12; version <= SPDM_VERSION_14; version++) {
        open_with(version, 0, SPDM_TRANSFER_SIZE_MIN);
        l.responder_config.base_hash = SPDM_HASH_SHA384;
        CHECK_OK(loopback_session(&l));
        CU_ASSERT_EQUAL(records, 2);
        CHECK_OK(session_heartbeat(&l.session));
        loopback_close(&l);
    }
}

static void other_sizes_are_not_announced(void)
{
    const uint32_t sizes[] = {0, 1, SPDM_TRANSFER_SIZE_MIN - 1, SPDM_TRANSFER_SIZE + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        open_with(SPDM_VERSION_12, sizes[i], sizes[i]);
        CHECK_OK(loopback_connect(&l));
        CU_ASSERT_EQUAL(l.requester.params.peer_transfer_size, SPDM_TRANSFER_SIZE);
        loopback_close(&l);
    }
}

/* --- what else comes in chunks in a handshake --- */

static const uint8_t *response;
static size_t response_len;

static void begin_half_open(void)
{
    open_with(SPDM_VERSION_12, 0, 0);
    stop_before_finish = true;
    CHECK_ERR(loopback_session(&l), IDE_E_TIMEOUT);
    l.on_request = NULL;
    CU_ASSERT_EQUAL_FATAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
}

/* A whole message in two chunks; response is the last answer. */
static void send_in_chunks(const uint8_t *message, uint8_t size)
{
    uint8_t first[16 + 64] = {0x12, SPDM_CHUNK_SEND, 0, 1, 0, 0, 0, 0, (uint8_t)(size - 8), 0, 0, 0, size};
    uint8_t last[12 + 8] = {0x12, SPDM_CHUNK_SEND, 1, 1, 1, 0, 0, 0, 8};
    memcpy(first + 16, message, size - 8u);
    memcpy(last + 12, message + size - 8, 8);
    CHECK_OK(loopback_send(&l, &half_open, first, 16u + size - 8u, &response, &response_len));
    CU_ASSERT_EQUAL(response[1], SPDM_CHUNK_SEND_ACK);
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_HANDSHAKE);
    CHECK_OK(loopback_send(&l, &half_open, last, sizeof last, &response, &response_len));
}

static void another_request_in_chunks_ends_the_handshake(void)
{
    static const uint8_t codes[] = {SPDM_HEARTBEAT, SPDM_GET_VERSION, SPDM_KEY_UPDATE, SPDM_END_SESSION, SPDM_GET_DIGESTS,
                                    SPDM_VENDOR_DEFINED_REQUEST, SPDM_PSK_FINISH, SPDM_GET_MEASUREMENTS};
    for (size_t i = 0; i < sizeof codes; i++) {
        const uint8_t message[40] = {0x12, codes[i]};
        begin_half_open();
        send_in_chunks(message, sizeof message);
        CU_ASSERT_TRUE(response[1] == SPDM_CHUNK_SEND_ACK && response[7] == SPDM_ERROR &&
                       response[8] == SPDM_ERROR_UNEXPECTED_REQUEST);
        CHECK_FAULT(&l.device_fault, IDE_E_UNEXPECTED, "CHUNK_SEND", "RequestResponseCode");
        CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_NONE);
        CU_ASSERT_EQUAL(l.ended, 1);
        loopback_close(&l);
    }
}

static void a_wrong_finish_in_chunks_ends_the_handshake(void)
{
    const uint8_t finish[36] = {0x12, SPDM_FINISH};   /* its HMAC is zeros */
    begin_half_open();
    send_in_chunks(finish, sizeof finish);
    CU_ASSERT_TRUE(response[1] == SPDM_CHUNK_SEND_ACK && response[7] == SPDM_ERROR &&
                   response[8] == SPDM_ERROR_DECRYPT_ERROR);
    CHECK_FAULT(&l.device_fault, IDE_E_HMAC, "FINISH", "RequesterVerifyData");
    CU_ASSERT_EQUAL(l.device_sessions[0].state, SESSION_NONE);
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(sessions_of_each_size),
        TEST(finish_comes_in_chunks),
        TEST(other_sizes_are_not_announced),
        TEST(another_request_in_chunks_ends_the_handshake),
        TEST(a_wrong_finish_in_chunks_ends_the_handshake),
        CU_TEST_INFO_NULL,
    };
    return suite_run("chunks in handshakes", tests);
}
