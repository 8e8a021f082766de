/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Vendor-defined messages in sessions: there and back, and never outside. */
#include "check.h"
#include "loopback.h"
#include "session/messages.h"
#include "spdm/cursor.h"
#include "suite.h"

static struct loopback l;
static struct loopback l;

static enum ide_err echo(void *context, struct spdm_responder *r, const struct spdm_request *request,
                         const uint8_t *payload, size_t len, struct writer *w)
{
    (void)context;
    (void)r;
    (void)request;
    write_bytes(w, payload, len);
    return IDE_OK;
}

static struct spdm_vendor echo_vendor;

static void begin_vendor(void)
{
    CU_ASSERT_TRUE_FATAL(loopback_open(&l, KEY_EC_P256));
    CHECK_OK(loopback_session(&l));
    echo_vendor = (struct spdm_vendor){.standard_id = 3, .vendor_id_len = 2, .vendor_id = {0x36, 0x1b},
                                       .in_session = true, .handle = echo};
    spdm_responder_add_vendor(&l.responder.spdm, &echo_vendor);
}

static enum ide_err ask(struct session *s, uint16_t registry, uint8_t first_byte, const void *payload, size_t len)
{
    const struct session_vendor vendor = {.registry = registry, .vendor_len = 2, .vendor_id = {first_byte, 0x1b}};
    const uint8_t *response = NULL;
    size_t response_len = 0;
    enum ide_err err = session_vendor_exchange(s, &vendor, payload, len, &response, &response_len);
    if (err == IDE_OK)
        CU_ASSERT_TRUE(response_len == len && memcmp(response, payload, len) == 0);
    return err;
}

static void vendor_messages_go_there_and_back(void)
{
    static uint8_t payload[4096];
    begin_vendor();
    memset(payload, 0x77, sizeof payload);
    static const size_t lens[] = {0, 1, 64, sizeof payload};
    for (size_t i = 0; i < 4; i++)
        CHECK_OK(ask(&l.session, 3, 0x36, payload, lens[i]));
    CHECK_ERR(ask(&l.session, 3, 0x36, payload, UINT16_MAX + 1), IDE_E_ARGUMENT);
    CHECK_ERR(ask(&l.session, 4, 0x36, payload, 1), IDE_E_PEER_ERROR);
    CHECK_ERR(ask(&l.session, 3, 0x37, payload, 1), IDE_E_PEER_ERROR);
    CU_ASSERT_EQUAL(l.requester.fault.peer_code, SPDM_ERROR_UNSUPPORTED_REQUEST);
    CHECK_OK(ask(&l.session, 3, 0x36, payload, 1));
    session_close(&l.session);
    CHECK_ERR(ask(&l.session, 3, 0x36, payload, 1), IDE_E_SESSION);
    loopback_close(&l);
}

static void vendor_messages_outside_a_session_are_refused(void)
{
    const uint8_t request[] = {SPDM_VERSION_12, SPDM_VENDOR_DEFINED_REQUEST, 0, 0, 3, 0, 2, 0x36, 0x1b, 0, 0};
    const uint8_t *response;
    size_t len;
    begin_vendor();
    CHECK_OK(loopback_send(&l, NULL, request, sizeof request, &response, &len));
    CU_ASSERT_TRUE(response[1] == SPDM_ERROR && response[2] == SPDM_ERROR_SESSION_REQUIRED);
    loopback_close(&l);
}

static void a_message_as_long_as_may_be_fits(void)
{
    static uint8_t payload[SPDM_TRANSFER_SIZE];
    begin_vendor();
    const size_t most = SPDM_TRANSFER_SIZE - 4 - 2 - 1 - 2 - 2;
    CHECK_OK(ask(&l.session, 3, 0x36, payload, most));
    CHECK_ERR(ask(&l.session, 3, 0x36, payload, most + 1), IDE_E_SPACE);
    CHECK_OK(ask(&l.session, 3, 0x36, payload, 4));
    loopback_close(&l);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(vendor_messages_go_there_and_back),
        TEST(vendor_messages_outside_a_session_are_refused),
        TEST(a_message_as_long_as_may_be_fits),
        CU_TEST_INFO_NULL,
    };
    return suite_run("vendor-defined messages", tests);
}
