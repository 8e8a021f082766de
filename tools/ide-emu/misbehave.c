/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/misbehave.h"

#include <string.h>

#include "secured_cma/doe.h"
#include "spdm/message.h"

#define LONG_BY 32u

/* --- What an object carries --------------------------------------------------------------------------------------- */

struct payload {
    uint8_t type;
    uint8_t *data;
    size_t len;
};

static struct payload payload_of(uint8_t *object, size_t len)
{
    if (len < DOE_HEADER_SIZE)
        return (struct payload){0};
    return (struct payload){object[2], object + DOE_HEADER_SIZE, len - DOE_HEADER_SIZE};
}

static uint8_t request_type(const struct exchange *e)
{
    return e->request_len >= DOE_HEADER_SIZE ? e->request[2] : DOE_TYPE_DISCOVERY;
}

static struct payload response_of(const struct exchange *e)
{
    return payload_of(e->response, e->answer.kind == ANSWER_OBJECT ? e->answer.len : 0);
}

/* The SPDM message in the clear with this code, or one with len 0. */
static struct payload clear_response(const struct exchange *e, uint8_t code)
{
    struct payload p = response_of(e);
    if (p.type != DOE_TYPE_CMA || p.len < sizeof(struct spdm_header) || p.data[1] != code)
        p.len = 0;
    return p;
}

static bool answer(struct exchange *e, enum answer_kind kind, size_t len)
{
    e->answer.kind = len || kind != ANSWER_OBJECT ? kind : ANSWER_NONE;
    e->answer.len = len;
    return true;
}

static bool resize(struct exchange *e, size_t payload_len)
{
    return answer(e, ANSWER_OBJECT, doe_wrap(e->response, e->cap, e->response[2], payload_len));
}

/* --- Instead of the responder ------------------------------------------------------------------------------------- */

static bool answer_error(struct exchange *e, uint8_t code)
{
    if (request_type(e) != DOE_TYPE_CMA || e->request_len < DOE_HEADER_SIZE + sizeof(struct spdm_header))
        return false;
    uint8_t *message = e->response + DOE_HEADER_SIZE;
    message[0] = e->request[DOE_HEADER_SIZE];
    message[1] = SPDM_ERROR;
    message[2] = code;
    message[3] = 0;
    return answer(e, ANSWER_OBJECT, doe_wrap(e->response, e->cap, DOE_TYPE_CMA, sizeof(struct spdm_header)));
}

static bool spdm_busy(struct exchange *e)
{
    return answer_error(e, SPDM_ERROR_BUSY);
}

static bool spdm_error(struct exchange *e)
{
    return answer_error(e, SPDM_ERROR_UNSPECIFIED);
}

static bool doe_error(struct exchange *e)
{
    return answer(e, ANSWER_ERROR, 0);
}

static bool silent(struct exchange *e)
{
    return answer(e, ANSWER_NONE, 0);
}

static bool forget_sessions(struct exchange *e)
{
    if (request_type(e) != DOE_TYPE_SECURED_CMA)
        return false;
    session_responder_reset(&e->device->responder);
    return answer(e, ANSWER_NONE, 0);
}

/* --- What the responder said, altered ----------------------------------------------------------------------------- */

static bool doe_length(struct exchange *e)
{
    if (response_of(e).len == 0)
        return false;
    e->response[4]++;
    return true;
}

static bool doe_type(struct exchange *e)
{
    if (response_of(e).len == 0)
        return false;
    e->response[2] ^= 0x7f;
    return true;
}

static bool cut_short(struct exchange *e)
{
    struct payload p = response_of(e);
    size_t half = p.len / 8 * 4;
    return p.len > 4 && resize(e, half > 0 ? half : 4);
}

static bool too_long(struct exchange *e)
{
    struct payload p = response_of(e);
    if (p.len == 0 || e->answer.len + LONG_BY > e->cap)
        return false;
    memset(e->response + e->answer.len, 0, LONG_BY);
    return resize(e, p.len + LONG_BY);
}

/* VERSION: count at 5, then entries of two bytes (DSP0274 1.2 §10.3). */
static bool no_version(struct exchange *e)
{
    struct payload p = clear_response(e, SPDM_VERSION);
    for (size_t i = 6; i + 1 < p.len; i += 2)
        p.data[i + 1] = 0x99;
    return p.len > 6;
}

static bool wrong_version(struct exchange *e)
{
    struct payload p = response_of(e);
    if (p.type != DOE_TYPE_CMA || p.len == 0 || p.data[1] == SPDM_VERSION || p.data[1] == SPDM_ERROR)
        return false;
    p.data[0] ^= 0x01;
    return true;
}

/* BaseAsymAlgo is at 8 in NEGOTIATE_ALGORITHMS, BaseAsymSel at 12 in ALGORITHMS (DSP0274 1.2 §10.5). */
static bool unoffered(struct exchange *e)
{
    struct payload p = clear_response(e, SPDM_ALGORITHMS);
    struct payload asked = payload_of((uint8_t *)(uintptr_t)e->request, e->request_len);
    if (p.len < 16 || asked.len < 12)
        return false;
    uint8_t spare = (uint8_t)(~asked.data[8] & (asked.data[8] + 1u)); /* the lowest bit that was not offered */
    p.data[12] = spare;
    return true;
}

/* Padding is at most 3 bytes, so 8 bytes before the end something that is checked stands. */
static bool flip_before_end(struct payload p, size_t distance)
{
    if (p.len <= distance)
        return false;
    p.data[p.len - distance] ^= 0x01;
    return true;
}

static bool signature(struct exchange *e)
{
    return flip_before_end(clear_response(e, SPDM_CHALLENGE_AUTH), 8);
}

static bool signature_key_exchange(struct exchange *e)
{
    const struct hash_info *hash = e->device->responder.spdm.connection.params.hash;   /* NULL before ALGORITHMS */
    return hash && flip_before_end(clear_response(e, SPDM_KEY_EXCHANGE_RSP), hash->size + 8u);
}

static bool verify_data(struct exchange *e)
{
    return flip_before_end(clear_response(e, SPDM_KEY_EXCHANGE_RSP), 8);
}

static bool is_record(struct payload p)
{
    return p.type == DOE_TYPE_SECURED_CMA && p.len > 4;
}

/* Only a record of the same session: another's would be refused for its session id already. */
static bool replayed_record(struct exchange *e)
{
    struct payload p = response_of(e);
    const struct device_record *last = &e->device->records[e->device->last_record];
    if (!is_record(p) || last->len < DOE_HEADER_SIZE + 4 || memcmp(last->data + DOE_HEADER_SIZE, p.data, 4) != 0)
        return false;
    memcpy(e->response, last->data, last->len);
    return answer(e, ANSWER_OBJECT, last->len);
}

static bool altered_record(struct exchange *e)
{
    struct payload p = response_of(e);
    return is_record(p) && flip_before_end(p, p.len / 2);
}

/* --- The tables --------------------------------------------------------------------------------------------------- */

struct hook {
    enum fault_id fault;
    bool (*act)(struct exchange *e);   /* false: it does not apply to this object */
};

static const struct hook before[] = {
    {FAULT_DOE_ERROR, doe_error},   {FAULT_SILENT, silent},          {FAULT_SPDM_BUSY, spdm_busy},
    {FAULT_SPDM_ERROR, spdm_error}, {FAULT_FORGET, forget_sessions},
};

static const struct hook after[] = {
    {FAULT_NO_VERSION, no_version},
    {FAULT_WRONG_VERSION, wrong_version},
    {FAULT_UNOFFERED, unoffered},
    {FAULT_SIGNATURE, signature},
    {FAULT_SIGNATURE_KEX, signature_key_exchange},
    {FAULT_HMAC, verify_data},
    {FAULT_REPLAYED_RECORD, replayed_record},
    {FAULT_ALTERED_RECORD, altered_record},
    {FAULT_SHORT, cut_short},
    {FAULT_LONG, too_long},
    {FAULT_DOE_LENGTH, doe_length},
    {FAULT_DOE_TYPE, doe_type},
};

static bool is_on(struct emu_function *f, enum fault_id fault)
{
    emu_lock(f->emu);
    bool on = fault_is_on(&f->faults, fault);
    emu_unlock(f->emu);
    return on;
}

static void count(struct emu_function *f, enum fault_id fault)
{
    emu_lock(f->emu);
    fault_use(&f->faults, fault);
    emu_unlock(f->emu);
}

static bool apply(const struct hook *hook, struct exchange *e)
{
    struct emu_function *f = e->device->function;
    if (!is_on(f, hook->fault) || !hook->act(e))
        return false;
    count(f, hook->fault);
    return true;
}

bool misbehave_before(struct exchange *e)
{
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        if (apply(&before[i], e))
            return true;
    return false;
}

static void delay(struct exchange *e)
{
    struct emu_function *f = e->device->function;
    emu_lock(f->emu);
    uint32_t ms = f->faults.value[FAULT_LATE];
    if (fault_use(&f->faults, FAULT_LATE))
        e->answer.delay_ms = ms;
    emu_unlock(f->emu);
}

void misbehave_after(struct exchange *e)
{
    struct device_record *present = &e->device->records[!e->device->last_record];
    bool record = is_record(response_of(e));
    if (record) {
        memcpy(present->data, e->response, e->answer.len);
        present->len = e->answer.len;
    }
    for (size_t i = 0; i < sizeof after / sizeof after[0]; i++)
        apply(&after[i], e);
    if (record)
        e->device->last_record = !e->device->last_record;
    delay(e);
}
