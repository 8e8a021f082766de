/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requester against a device that answers anything. The first byte chooses what is done: a session is opened, with
 * KEY_EXCHANGE_RSP replaced (signed again if the input asks for it, so that what is behind the signature is reached);
 * or something is asked in an established session, whose answers are the input's, sealed with the right key.
 */
#include <string.h>

#include "fuzz_pair.h"

#define ASK_ENCAPSULATED 0xffu

static const uint8_t *input;
static size_t input_len;
static bool sign_again;

static void prepare(struct loopback *l)
{
    if (loopback_session(l) != IDE_OK)
        __builtin_trap();
}

/* The input over the beginning of KEY_EXCHANGE_RSP, or instead of it. */
static void replace_clear(struct loopback *l, uint8_t *object, size_t *len)
{
    if (object[2] != DOE_TYPE_CMA || object[DOE_HEADER_SIZE + 1] != 0x64)
        return;
    size_t n = input_len < SPDM_TRANSFER_SIZE ? input_len : SPDM_TRANSFER_SIZE;
    if (sign_again && n > *len - DOE_HEADER_SIZE)
        n = *len - DOE_HEADER_SIZE;
    memcpy(object + DOE_HEADER_SIZE, input, n);
    if (!sign_again)
        *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_CMA, n);
    else
        (void)!loopback_sign_again(l, object);
}

/* The next part of the input as the device's answer in its session. */
static void replace_record(struct loopback *l, uint8_t *object, size_t *len)
{
    struct session *device = &l->device_sessions[0];
    const uint8_t *part;
    uint8_t choice;
    size_t n, sealed;
    if (object[2] != DOE_TYPE_SECURED_CMA || device->state != SESSION_ESTABLISHED ||
        !fuzz_next(&input, &input_len, &choice, &part, &n) || choice & 1)
        return;
    device->response.sequence--;
    memcpy(object + DOE_HEADER_SIZE + SECURED_HEADROOM, part, n);
    if (secured_seal(&device->response, device->id, object + DOE_HEADER_SIZE, SPDM_BUFFER_SIZE - DOE_HEADER_SIZE, n,
                     &sealed) != IDE_OK)
        __builtin_trap();
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_SECURED_CMA, sealed);
}

static void ask(struct loopback *l, uint8_t choice)
{
    static const struct session_vendor vendor = {.registry = 3, .vendor_len = 2, .vendor_id = {1, 0}};
    struct session *s = &l->session;
    const uint8_t *response;
    size_t len;
    l->on_response = replace_record;
    switch (choice) {
    case 0:
        (void)!session_heartbeat(s);
        break;
    case 1:
        (void)!session_key_update(s, KEY_UPDATE_REQUESTER);
        break;
    case 2:
        (void)!session_key_update(s, KEY_UPDATE_ALL);
        break;
    case 3:
        (void)!session_vendor_exchange(s, &vendor, (const uint8_t *)"ask", 3, &response, &len);
        break;
    case 4:
        (void)!session_end(s);
        break;
    case ASK_ENCAPSULATED:
        s->connection->params.flags_requester |= SPDM_CAP_ENCAP;
        s->connection->params.flags_responder |= SPDM_CAP_ENCAP;
        (void)!session_answer_requests(s);
        break;
    }
    if (s->update.request_switched || s->update.response_switched || s->update.new_expected)
        __builtin_trap();
    if (s->state != SESSION_NONE && s->state != SESSION_ESTABLISHED)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct loopback *l = fuzz_pair(prepare);
    input = data + 1;
    input_len = size - 1;
    uint8_t choice = data[0] == ASK_ENCAPSULATED ? ASK_ENCAPSULATED : data[0] % 7;
    if (choice < 5 || choice == ASK_ENCAPSULATED) {
        ask(l, choice);
        return 0;
    }
    struct session other;
    sign_again = choice == 5;
    l->on_response = replace_clear;
    if (session_open(&other, &l->requester, &l->transport) != IDE_OK && other.state != SESSION_NONE)
        __builtin_trap();
    return 0;
}
