/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A whole device: a conversation of data objects, of messages in the clear, and of messages in an established session
 * and in one whose FINISH is awaited, sealed with the right keys so that the handlers are reached.
 */
#include <string.h>

#include "fuzz_pair.h"

static struct session waiting;   /* the requester's end of a session that has not had FINISH */

static void keep_and_lose(struct loopback *l, uint8_t *object, size_t *len)
{
    if (object[2] != DOE_TYPE_SECURED_CMA)
        return;
    waiting = *(struct session *)l->hook_context;
    waiting.request.sequence = 0;
    *len = 0;
}

static void prepare(struct loopback *l)
{
    struct session half;
    l->requester_config.flags |= SPDM_CAP_ENCAP;
    l->responder_config.flags |= SPDM_CAP_ENCAP;
    if (loopback_session(l) != IDE_OK || session_responder_update_key(&l->responder, &l->device_sessions[0]) != IDE_OK)
        __builtin_trap();
    l->on_request = keep_and_lose;
    l->hook_context = &half;
    if (session_open(&half, &l->requester, &l->transport) != IDE_E_TIMEOUT)
        __builtin_trap();
    l->on_request = NULL;
}

static void check(const struct loopback *l)
{
    if (l->response_len > sizeof l->response || l->response_len % 4 != 0)
        __builtin_trap();
    for (size_t i = 0; i < LOOPBACK_SESSIONS; i++) {
        const struct session *s = &l->device_sessions[i];
        if (s->state == SESSION_FINISHED || s->state == SESSION_ENDING)
            __builtin_trap();   /* states within one answer only */
        if (s->state == SESSION_NONE && (s->id != 0 || s->keys.stage != KEY_STAGE_NONE))
            __builtin_trap();
        if (s->state != SESSION_NONE && l->responder.spdm.connection.state != SPDM_NEGOTIATED)
            __builtin_trap();
    }
}

static void send_message(struct loopback *l, struct session *s, const uint8_t *part, size_t len)
{
    const uint8_t *response;
    size_t response_len;
    if (len <= SPDM_TRANSFER_SIZE)
        (void)!loopback_send(l, s, part, len, &response, &response_len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loopback *l = fuzz_pair(prepare);
    struct session half = waiting;
    const uint8_t *part;
    uint8_t choice;
    size_t len;
    for (unsigned n = 0; n < 16 && fuzz_next(&data, &size, &choice, &part, &len); n++) {
        switch (choice % 5) {
        case 0:
            loopback_object(l, part, len);
            break;
        case 1:
            send_message(l, NULL, part, len);
            break;
        case 2:
            send_message(l, &l->session, part, len);
            break;
        case 3:
            send_message(l, &half, part, len);
            break;
        case 4:
            l->now_ms += choice * 50u;
            session_responder_tick(&l->responder);
            break;
        }
        check(l);
    }
    return 0;
}
