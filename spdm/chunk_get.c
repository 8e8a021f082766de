/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHUNK_GET and CHUNK_RESPONSE (DSP0274 1.2 §10.26): a response longer than the requester receives in one piece. */
#include "spdm/internal.h"

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_chunk_get *m = message;
    m->sequence = chunk_sequence_decode(r, p);
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_chunk_get *m = message;
    chunk_sequence_encode(w, p, m->sequence);
}

const struct spdm_message spdm_msg_chunk_get = {SPDM_CHUNK_GET, SPDM_VERSION_12, "CHUNK_GET", request_decode,
                                                request_encode};
const struct spdm_message spdm_msg_chunk_response = {SPDM_CHUNK_RESPONSE, SPDM_VERSION_12, "CHUNK_RESPONSE",
                                                     chunk_decode, chunk_encode};

/* The next chunk; *error is the code if an ERROR came in its place. */
static enum ide_err get_one(struct spdm_connection *c, const struct spdm_channel *channel, uint32_t timeout_ms,
                            struct spdm_chunk *chunk, uint8_t *error, const uint8_t **response, size_t *response_len)
{
    struct spdm_large *l = &c->large;
    const struct spdm_chunk_get request = {.header = {.param2 = l->handle}, .sequence = l->sequence};
    size_t request_len, consumed;
    enum ide_err err = spdm_encode(&spdm_msg_chunk_get, &c->params, &request, c->tx + SPDM_HEADROOM,
                                   SPDM_TRANSFER_SIZE, &request_len);
    if (err == IDE_OK)
        err = channel->exchange(channel->context, c, request_len, response, response_len, timeout_ms);
    *error = err == IDE_OK ? spdm_error_code(*response, *response_len) : 0;
    if (err != IDE_OK || *error != 0)
        return err;
    err = spdm_decode(&spdm_msg_chunk_response, &c->params, *response, *response_len, chunk, &consumed, &c->fault);
    if (err == IDE_OK)
        err = spdm_large_take(l, chunk, consumed, spdm_msg_chunk_response.name, &c->fault);
    return err;
}

enum ide_err spdm_chunk_get(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t handle,
                            uint32_t timeout_ms, const uint8_t **response, size_t *response_len)
{
    struct spdm_large *l = &c->large;
    struct spdm_chunk chunk = {0};
    uint8_t error = 0;
    spdm_large_forget(l);
    spdm_large_start(l, handle, 0, NULL);
    enum ide_err err = IDE_OK;
    while (err == IDE_OK && error == 0 && !(chunk.header.param1 & SPDM_CHUNK_LAST))
        err = get_one(c, channel, timeout_ms, &chunk, &error, response, response_len);
    if (err == IDE_OK && error == SPDM_ERROR_LARGE_RESPONSE)
        return ide_fail_value(&c->fault, IDE_E_UNEXPECTED, "ERROR", "ErrorCode", error, 0);
    if (err != IDE_OK || error != 0)
        return err;
    *response = l->data;
    *response_len = l->len;
    if (spdm_error_code(*response, *response_len) != 0) /* no ERROR is that long */
        return ide_fail_value(&c->fault, IDE_E_UNEXPECTED, spdm_msg_chunk_response.name, "RequestResponseCode",
                              SPDM_ERROR, 0);
    return IDE_OK;
}

enum ide_err spdm_chunk_allowed(struct spdm_responder *r, const struct spdm_request *request, uint8_t code)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_large *l = &c->large;
    const char *name = code == SPDM_CHUNK_SEND ? spdm_msg_chunk_send.name : spdm_msg_chunk_get.name;
    if (!spdm_large_agreed(c)) {
        r->error_code = SPDM_ERROR_UNSUPPORTED_REQUEST;
        r->error_data = code;
        return ide_fail(&c->fault, IDE_E_CAPABILITY, name, "CHUNK_CAP");
    }
    if (code == SPDM_CHUNK_SEND && l->stage == SPDM_LARGE_GOING && l->sequence == 0)
        spdm_large_forget(l);
    if (code == SPDM_CHUNK_SEND ? l->stage == SPDM_LARGE_GOING : l->stage != SPDM_LARGE_GOING)
        return ide_fail(&c->fault, IDE_E_STATE, name, "chunk transfer");
    if (l->stage != SPDM_LARGE_IDLE && l->session != request->session)
        return ide_fail(&c->fault, IDE_E_STATE, name, "session");
    return IDE_OK;
}

enum ide_err spdm_handle_chunk_get(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_large *l = &c->large;
    struct spdm_chunk_get in;
    enum ide_err err = spdm_chunk_allowed(r, request, SPDM_CHUNK_GET);
    if (err == IDE_OK)
        err = spdm_request_decode(r, &spdm_msg_chunk_get, request, &in);
    if (err != IDE_OK)
        return err;
    if (in.header.param2 != l->handle)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "CHUNK_GET", "Handle", in.header.param2, l->handle);
    if (in.sequence != l->sequence)
        return ide_fail_value(&c->fault, IDE_E_FIELD, "CHUNK_GET", "ChunkSeqNo", in.sequence, l->sequence);
    const struct spdm_chunk out = spdm_large_next(l, w->cap - w->pos);
    err = spdm_reply(&spdm_msg_chunk_response, &c->params, &out, w);
    if (err != IDE_OK)
        return err;
    spdm_large_sent(l, &out);
    if (out.header.param1 & SPDM_CHUNK_LAST)
        spdm_large_forget(l);
    return IDE_OK;
}
