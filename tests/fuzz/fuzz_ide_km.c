/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE_KM and CXL_IDE_KM: the decoders, the device's answer to a payload, and the requester given a payload as answer.
 * The first byte chooses, its top bit between the two; payloads go through the session's real records.
 */
#include <string.h>

#include "fuzz_pair.h"
#include "ide_km/cxl_messages.h"
#include "ide_km/cxl_responder.h"
#include "ide_km/messages.h"
#include "ide_km/responder.h"

static const uint8_t *input;
static size_t input_len;
static bool is_cxl;

static bool port_query(void *context, uint8_t port_index, struct ide_km_query_resp *out)
{
    (void)context;
    out->block_len = 24;
    return port_index < 8;
}

static enum kp_ack_status port_key_prog(void *context, uint32_t session_id, const struct ide_km_target *target,
                                        const struct ide_key *key)
{
    (void)context, (void)session_id, (void)key;
    if (target->key_set > 1 || target->direction > IDE_TX || target->substream > IDE_CPL)
        __builtin_trap();
    return KP_ACK_SUCCESS;
}

static bool port_act(void *context, uint32_t session_id, const struct ide_km_target *target)
{
    (void)context, (void)session_id;
    if (target->key_set > 1 || target->direction > IDE_TX || target->substream > IDE_CPL)
        __builtin_trap();
    return true;
}

static void port_session_end(void *context, uint32_t session_id)
{
    (void)context, (void)session_id;
}

static const struct ide_km_port_ops ops = {port_query, port_key_prog, port_act, port_act, port_session_end};
static struct ide_km_responder km = {.ops = &ops};

static bool cxl_query(void *context, uint8_t port_index, struct cxl_ide_query_resp *out)
{
    (void)context;
    out->block_len = 36;
    return port_index < 8;
}

static bool cxl_get_key(void *context, uint32_t session_id, uint8_t port_index, struct cxl_ide_key *out)
{
    (void)context, (void)session_id, (void)out;
    return port_index < 8;
}

static bool cxl_key_prog(void *context, uint32_t session_id, const struct cxl_ide_target *target,
                         const struct cxl_ide_key *key, bool default_iv)
{
    (void)context, (void)session_id, (void)key, (void)default_iv;
    if (target->direction > IDE_TX)
        __builtin_trap();
    return true;
}

static bool cxl_set_go(void *context, uint32_t session_id, const struct cxl_ide_target *target, enum cxl_ide_mode mode)
{
    (void)context, (void)session_id;
    if (target->direction > IDE_TX || mode > CXL_IDE_CONTAINMENT)
        __builtin_trap();
    return true;
}

static bool cxl_set_stop(void *context, uint32_t session_id, const struct cxl_ide_target *target)
{
    return cxl_set_go(context, session_id, target, CXL_IDE_SKID);
}

static const struct cxl_ide_port_ops cxl_ops = {cxl_query,  cxl_get_key,  cxl_key_prog,
                                                cxl_set_go, cxl_set_stop, port_session_end};
static struct cxl_ide_responder cxl = {.ops = &cxl_ops};

static void prepare(struct loopback *l)
{
    ide_km_responder_attach(&km, &l->responder);
    cxl_ide_responder_attach(&cxl, &l->responder);
    if (loopback_session(l) != IDE_OK)
        __builtin_trap();
}

/* The input as the payload of the device's answer. */
static void replace_answer(struct loopback *l, uint8_t *object, size_t *len)
{
    struct session *device = &l->device_sessions[0];
    if (object[2] != DOE_TYPE_SECURED_CMA || device->state != SESSION_ESTABLISHED)
        return;
    struct writer w = writer_of(object, SPDM_BUFFER_SIZE);
    write_space(&w, DOE_HEADER_SIZE + SECURED_HEADROOM);
    const uint8_t head[] = {SPDM_VERSION_12, SPDM_VENDOR_DEFINED_RESPONSE, 0, 0, 3, 0, 2, is_cxl ? 0x98 : 1,
                            is_cxl ? 0x1e : 0};
    write_bytes(&w, head, sizeof head);
    write_u16(&w, (uint16_t)input_len);
    write_bytes(&w, input, input_len);
    size_t sealed;
    device->response.sequence--;
    if (secured_seal(&device->response, device->id, object + DOE_HEADER_SIZE, SPDM_BUFFER_SIZE - DOE_HEADER_SIZE,
                     sizeof head + 2 + input_len, &sealed) != IDE_OK)
        __builtin_trap();
    *len = doe_wrap(object, SPDM_BUFFER_SIZE, DOE_TYPE_SECURED_CMA, sealed);
}

static void decode(void)
{
    static struct ide_km_query_resp resp;
    struct ide_km_head head;
    struct ide_key key;
    uint8_t port_index;
    struct reader r = reader_of(input, input_len);
    ide_km_read_query(&r, &port_index);
    r = reader_of(input, input_len);
    ide_km_read_query_resp(&r, &resp);
    if (resp.block_len > IDE_KM_BLOCKS_MAX || resp.block_len % 4 != 0)
        __builtin_trap();
    r = reader_of(input, input_len);
    ide_km_read_head(&r, IDE_KM_KEY_PROG, &head);
    ide_km_read_key(&r, &key);
    if (r.err != IDE_OK)
        return;
    uint8_t wire[IDE_KM_KEY_PROG_SIZE];
    struct writer w = writer_of(wire, sizeof wire);
    ide_km_write_head(&w, IDE_KM_KEY_PROG, &head);
    ide_km_write_key(&w, &key);
    if (w.pos != input_len || memcmp(wire + 4, input + 4, w.pos - 4) != 0)
        __builtin_trap();
}

static void decode_cxl(void)
{
    struct cxl_ide_query_resp resp;
    struct cxl_ide_head head;
    struct cxl_ide_key key;
    uint8_t port_index;
    struct reader r = reader_of(input, input_len);
    ide_km_read_query(&r, &port_index);
    r = reader_of(input, input_len);
    cxl_ide_read_query_resp(&r, &resp);
    if (resp.block_len > CXL_IDE_BLOCKS_MAX || resp.block_len % 4 != 0)
        __builtin_trap();
    r = reader_of(input, input_len);
    cxl_ide_read_head(&r, CXL_IDE_KM_KEY_PROG, &head);
    cxl_ide_read_key(&r, &key);
    if (r.err != IDE_OK)
        return;
    uint8_t wire[CXL_IDE_KM_KEY_SIZE];
    struct writer w = writer_of(wire, sizeof wire);
    cxl_ide_write_head(&w, CXL_IDE_KM_KEY_PROG, &head);
    cxl_ide_write_key(&w, &key);
    if (w.pos != input_len || memcmp(wire + 4, input + 4, w.pos - 4) != 0)
        __builtin_trap();
}

static void ask_cxl(struct loopback *l, uint8_t choice)
{
    struct cxl_ide_query_resp resp;
    struct cxl_ide_key key = {.iv = {1}};
    const struct cxl_ide_target target = {.port_index = 1, .direction = IDE_TX};
    l->on_response = replace_answer;
    switch (choice) {
    case 2:
        (void)!cxl_ide_km_query(&l->session, 1, &resp);
        break;
    case 3:
        (void)!cxl_ide_km_key_prog(&l->session, &target, &key);
        (void)!cxl_ide_km_set_go(&l->session, &target, CXL_IDE_SKID);
        break;
    default:
        (void)!cxl_ide_km_get_key(&l->session, 1, &key);
        break;
    }
}

static void ask(struct loopback *l, uint8_t choice)
{
    static struct ide_km_query_resp resp;
    const struct ide_km_target target = {.port_index = 1, .stream_id = 2, .direction = IDE_TX};
    const struct ide_key key = {.ifv = 1};
    l->on_response = replace_answer;
    switch (choice) {
    case 2:
        (void)!ide_km_query(&l->session, 1, &resp);
        break;
    case 3:
        (void)!ide_km_key_prog(&l->session, &target, &key);
        break;
    default:
        (void)!ide_km_set_go(&l->session, &target);
        break;
    }
}

/* The input as the payload of a request to the device. */
static void serve(struct loopback *l)
{
    uint8_t message[SPDM_TRANSFER_SIZE] = {SPDM_VERSION_12, SPDM_VENDOR_DEFINED_REQUEST, 0, 0, 3, 0, 2, is_cxl ? 0x98 : 1,
                                           is_cxl ? 0x1e : 0, (uint8_t)input_len, (uint8_t)(input_len >> 8)};
    const uint8_t *response;
    size_t len;
    memcpy(message + 11, input, input_len);
    if (loopback_send(l, &l->session, message, 11 + input_len, &response, &len) != IDE_OK)
        __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 2048)
        return 0;
    struct loopback *l = fuzz_pair(prepare);
    input = data + 1;
    input_len = size - 1;
    is_cxl = data[0] & 0x80;
    uint8_t choice = (data[0] & 0x7f) % 5;
    switch (choice) {
    case 0:
        is_cxl ? decode_cxl() : decode();
        break;
    case 1:
        serve(l);
        break;
    default:
        is_cxl ? ask_cxl(l, choice) : ask(l, choice);
        break;
    }
    return 0;
}
