/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "chunk_rig.h"

#include <string.h>

#include "check.h"
#include "spdm/cursor.h"

struct loopback loop;
uint8_t requester_large[LARGE], device_large[LARGE], payload[LARGE];
unsigned echoes, answer_len;
const uint8_t id[2] = {1, 0};

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

struct spdm_vendor vendor = {.standard_id = 3, .vendor_id_len = 2, .vendor_id = {1}, .in_session = true,
                                    .out_session = true, .handle = echo};

void open_with(uint8_t version, bool requester, bool device)
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

void connect_with(uint8_t version)
{
    open_with(version, true, true);
    CHECK_OK(loopback_connect(&loop));
    loop.exchanges = 0;
}

void finish(void)
{
    loopback_close(&loop);
}

enum ide_err exchange(const struct spdm_channel *channel, size_t len)
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

enum ide_err exchange_clear(size_t len)
{
    return exchange(&loop.requester.clear, len);
}

bool all_zero(const uint8_t *data, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (data[i] != 0)
            return false;
    return true;
}

