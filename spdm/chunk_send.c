/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CHUNK_SEND and CHUNK_SEND_ACK (DSP0274 1.2 §10.26): a request longer than the peer receives in one piece. */
#include "spdm/internal.h"

#define PADDING_MAX 3u

static void ack_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_chunk_send_ack *m = message;
    m->sequence = chunk_sequence_decode(r, p);
    m->response_len = read_left(r);
    m->response = read_bytes(r, m->response_len, "ResponseToLargeRequest");
}

static void ack_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_chunk_send_ack *m = message;
    chunk_sequence_encode(w, p, m->sequence);
    if (m->response)
        write_bytes(w, m->response, m->response_len);
}

const struct spdm_message spdm_msg_chunk_send = {SPDM_CHUNK_SEND, SPDM_VERSION_12, "CHUNK_SEND", chunk_decode,
                                                 chunk_encode};
const struct spdm_message spdm_msg_chunk_send_ack = {SPDM_CHUNK_SEND_ACK, SPDM_VERSION_12, "CHUNK_SEND_ACK",
                                                     ack_decode, ack_encode};

/* What an acknowledgement brings: nothing before the last chunk, unless the peer has seen an error already. */
static enum ide_err read_ack(struct spdm_connection *c, const struct spdm_chunk *chunk, const uint8_t **response,
                             size_t *response_len)
{
    struct spdm_chunk_send_ack ack = {0};
    size_t consumed;
    enum ide_err err = spdm_decode(&spdm_msg_chunk_send_ack, &c->params, *response, *response_len, &ack, &consumed,
                                   &c->fault);
    if (err != IDE_OK)
        return err;
    bool early = ack.header.param1 & SPDM_CHUNK_EARLY_ERROR, last = chunk->header.param1 & SPDM_CHUNK_LAST;
    uint8_t error = spdm_error_code(ack.response, ack.response_len);
    struct reader r = reader_of(ack.response, ack.response_len);
    read_expect(&r, ack.header.param2, chunk->header.param2, "Handle");
    read_expect(&r, ack.sequence, chunk->sequence, "ChunkSeqNo");
    if (early && (error == 0 || error == SPDM_ERROR_LARGE_RESPONSE))
        read_fail_value(&r, IDE_E_UNEXPECTED, "ResponseToLargeRequest", error, SPDM_ERROR_INVALID_REQUEST);
    if (!early && !last && ack.response_len > PADDING_MAX)
        read_fail(&r, IDE_E_LONG, "ResponseToLargeRequest");
    *response = early || last ? ack.response : NULL;
    *response_len = ack.response_len;
    return read_done(&r, &c->fault, spdm_msg_chunk_send_ack.name);
}

enum ide_err spdm_chunk_send(struct spdm_connection *c, const struct spdm_channel *channel, size_t len,
                             uint32_t timeout_ms, const uint8_t **response, size_t *response_len)
{
    struct spdm_large *l = &c->large;
    size_t cap = spdm_transfer_room(c, SPDM_TRANSFER_SIZE), request_len;
    enum ide_err err = IDE_OK;
    *response = NULL;
    spdm_large_start(l, (uint8_t)(l->handle + 1), len, NULL);
    while (err == IDE_OK && !*response) {
        struct spdm_chunk chunk = spdm_large_next(l, cap);
        if (l->sequence > UINT16_MAX && c->params.version < SPDM_VERSION_14)
            return ide_fail(&c->fault, IDE_E_SPACE, spdm_msg_chunk_send.name, "ChunkSeqNo");
        err = spdm_encode(&spdm_msg_chunk_send, &c->params, &chunk, c->tx + SPDM_HEADROOM, cap, &request_len);
        if (err == IDE_OK)
            err = channel->exchange(channel->context, c, request_len, response, response_len, timeout_ms);
        spdm_large_sent(l, &chunk);
        if (err == IDE_OK && spdm_error_code(*response, *response_len) == 0)
            err = read_ack(c, &chunk, response, response_len);
    }
    return err;
}

/* An error before the large request is complete: acknowledged as such, and the transfer is over. */
static enum ide_err early_error(struct spdm_responder *r, const struct spdm_chunk *in, enum ide_err err,
                                struct writer *w)
{
    const struct spdm_chunk_send_ack ack = {
        .header = {.param1 = SPDM_CHUNK_EARLY_ERROR, .param2 = in->header.param2}, .sequence = in->sequence};
    spdm_large_forget(&r->connection.large);
    if (err == IDE_E_SPACE)
        r->error_code = SPDM_ERROR_REQUEST_TOO_LARGE;
    spdm_write(&spdm_msg_chunk_send_ack, &r->connection.params, &ack, w);
    size_t room = w->cap - w->pos, len;
    uint8_t error[SPDM_TRANSFER_SIZE_MIN];
    len = spdm_write_error(r, err, error, room < sizeof error ? room : sizeof error);
    write_bytes(w, error, len);
    return write_done(w);
}

static enum ide_err take(struct spdm_connection *c, const struct spdm_chunk *in, const struct spdm_request *request)
{
    struct spdm_large *l = &c->large;
    if (l->stage == SPDM_LARGE_IDLE) {
        spdm_large_start(l, in->header.param2, 0, request->session);
        l->stage = SPDM_LARGE_COMING;
    }
    return spdm_large_take(l, in, request->consumed, spdm_msg_chunk_send.name, &c->fault);
}

/* The large request is complete: its response goes behind the acknowledgement, as far as it fits there. */
static enum ide_err answer_whole(struct spdm_responder *r, const struct spdm_request *last, struct writer *w)
{
    struct spdm_large *l = &r->connection.large;
    struct spdm_request whole = {.data = l->data, .len = l->len, .session = last->session,
                                 .l1l2 = last->l1l2};
    size_t room = w->cap - w->pos, len = 0, kept = l->len;
    uint8_t *response = write_space(w, room);
    l->stage = SPDM_LARGE_IDLE;
    enum ide_err err = IDE_E_SPACE;
    struct reader head = reader_of(l->data, l->len);
    read_u8(&head, "SPDMVersion");
    uint8_t code = read_u8(&head, "RequestResponseCode");
    if (code == SPDM_CHUNK_SEND || code == SPDM_CHUNK_GET) {
        err = ide_fail(&r->connection.fault, IDE_E_FIELD, spdm_msg_chunk_send.name, "RequestResponseCode");
        len = spdm_write_error(r, err, response, room);
    } else if (last->session && r->session_admits && !r->session_admits(r, last->session, code)) {
        err = ide_fail(&r->connection.fault, IDE_E_UNEXPECTED, spdm_msg_chunk_send.name, "RequestResponseCode");
        len = spdm_write_error(r, err, response, room);
    } else if (response) {
        err = spdm_answer_large(r, &whole, kept, response, room, &len);
    }
    w->pos -= room - len;
    if (l->stage == SPDM_LARGE_IDLE && l->data) {
        l->len = kept;
        spdm_large_forget(l);
    }
    return err;
}

enum ide_err spdm_handle_chunk_send(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_chunk in;
    enum ide_err err = spdm_chunk_allowed(r, request, SPDM_CHUNK_SEND);
    if (err == IDE_OK)
        err = spdm_request_decode(r, &spdm_msg_chunk_send, request, &in);
    if (err != IDE_OK)
        return err;
    err = take(c, &in, request);
    if (err != IDE_OK)
        return early_error(r, &in, err, w);
    const struct spdm_chunk_send_ack ack = {.header = {.param2 = in.header.param2}, .sequence = in.sequence};
    err = spdm_reply(&spdm_msg_chunk_send_ack, &c->params, &ack, w);
    if (err == IDE_OK && in.header.param1 & SPDM_CHUNK_LAST)
        (void)!answer_whole(r, request, w); /* its ERROR is its response; the fault says what it was */
    return err;
}
