/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages longer than one transfer (DSP0274 1.2 §10.26): one transfer at a time, in either direction. */
#include <string.h>

#include "spdm/internal.h"

#define CHUNK_FIXED      12u   /* CHUNK_SEND and CHUNK_RESPONSE without the chunk, but for chunk 0 */
#define TOTAL_SIZE       4u    /* LargeMessageSize, in chunk 0 */
#define ACK_MAX          8u    /* CHUNK_SEND_ACK before the response that it carries */
#define RESPONSE_ALIGN   8u

bool spdm_large_offered(const struct spdm_connection *c)
{
    const struct spdm_large *l = &c->large;
    return c->config->flags & SPDM_CAP_CHUNK && l->data && l->cap >= SPDM_TRANSFER_SIZE && l->cap <= UINT32_MAX;
}

bool spdm_large_agreed(const struct spdm_connection *c)
{
    const struct spdm_params *p = &c->params;
    return c->state >= SPDM_AFTER_CAPABILITIES && p->version >= SPDM_VERSION_12 &&
           p->flags_requester & p->flags_responder & SPDM_CAP_CHUNK;
}

size_t spdm_large_room(const struct spdm_connection *c)
{
    size_t peer = c->params.peer_message_size;
    return peer < c->large.cap ? peer : c->large.cap;
}

size_t spdm_transfer_room(const struct spdm_connection *c, size_t cap)
{
    size_t peer = c->params.peer_transfer_size;
    return peer != 0 && peer < cap ? peer : cap;
}

uint32_t chunk_sequence_decode(struct reader *r, const struct spdm_params *p)
{
    return p->version >= SPDM_VERSION_14 ? read_u32(r, "ChunkSeqNo") : read_u16(r, "ChunkSeqNo");
}

void chunk_sequence_encode(struct writer *w, const struct spdm_params *p, uint32_t sequence)
{
    if (p->version >= SPDM_VERSION_14)
        write_u32(w, sequence);
    else
        write_u16(w, (uint16_t)sequence);
}

void chunk_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_chunk *m = message;
    m->sequence = chunk_sequence_decode(r, p);
    if (p->version < SPDM_VERSION_14)
        read_u16(r, "Reserved");
    m->size = read_u32(r, "ChunkSize");
    m->total = r->err == IDE_OK && m->sequence == 0 ? read_u32(r, "LargeMessageSize") : 0;
    m->data = read_bytes(r, m->size, "SPDMchunk");
}

void chunk_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_chunk *m = message;
    chunk_sequence_encode(w, p, m->sequence);
    if (p->version < SPDM_VERSION_14)
        write_u16(w, 0);
    write_u32(w, m->size);
    if (m->sequence == 0)
        write_u32(w, m->total);
    write_bytes(w, m->data, m->size);
}

void spdm_large_start(struct spdm_large *l, uint8_t handle, size_t len, const void *session)
{
    l->handle = handle;
    l->len = len;
    l->done = 0;
    l->sequence = 0;
    l->session = session;
}

void spdm_large_forget(struct spdm_large *l)
{
    if (l->data && l->len > 0)
        wipe(l->data, l->len);
    l->stage = SPDM_LARGE_IDLE;
    spdm_large_start(l, l->handle, 0, NULL);
}

struct spdm_chunk spdm_large_next(const struct spdm_large *l, size_t cap)
{
    size_t fixed = CHUNK_FIXED + (l->sequence == 0 ? TOTAL_SIZE : 0);
    size_t room = cap > fixed ? cap - fixed : 0;
    struct reader r = reader_of(l->data, l->len);
    read_bytes(&r, l->done, "SPDMchunk");
    bool last = read_left(&r) <= room;
    size_t size = last ? read_left(&r) : room;
    return (struct spdm_chunk){
        .header = {.param1 = last ? SPDM_CHUNK_LAST : 0, .param2 = l->handle},
        .sequence = l->sequence,
        .size = (uint32_t)size,
        .total = (uint32_t)l->len,
        .data = read_bytes(&r, size, "SPDMchunk"),
    };
}

void spdm_large_sent(struct spdm_large *l, const struct spdm_chunk *chunk)
{
    l->done += chunk->size;
    l->sequence++;
}

/* The first chunk says how long the message is. One that fits a transfer has no reason to come in pieces (§10.26). */
static void take_total(struct spdm_large *l, const struct spdm_chunk *chunk, struct reader *r)
{
    const size_t least = SPDM_TRANSFER_SIZE_MIN - ACK_MAX + 1;
    if (chunk->total < least)
        read_fail_value(r, IDE_E_FIELD, "LargeMessageSize", chunk->total, least);
    if (chunk->total > l->cap)
        read_fail_value(r, IDE_E_SPACE, "LargeMessageSize", chunk->total, l->cap);
    if (r->err == IDE_OK)
        l->len = chunk->total;
}

static void check_chunk(struct spdm_large *l, const struct spdm_chunk *chunk, size_t message_len, struct reader *r)
{
    bool last = chunk->header.param1 & SPDM_CHUNK_LAST;
    read_expect(r, chunk->header.param2, l->handle, "Handle");
    read_expect(r, chunk->sequence, l->sequence, "ChunkSeqNo");
    if (r->err == IDE_OK && l->sequence == 0)
        take_total(l, chunk, r);
    if (r->err != IDE_OK)
        return;
    size_t left = l->len - l->done;
    if (chunk->size > left)
        read_fail_value(r, IDE_E_FIELD, "ChunkSize", chunk->size, left);
    if (last != (chunk->size == left) || (last && l->sequence == 0))
        read_fail_value(r, IDE_E_FIELD, "LastChunk", last, chunk->size == left);
    if (!last && message_len < SPDM_TRANSFER_SIZE_MIN) /* or there would be no end of it */
        read_fail_value(r, IDE_E_FIELD, "ChunkSize", message_len, SPDM_TRANSFER_SIZE_MIN);
}

enum ide_err spdm_large_take(struct spdm_large *l, const struct spdm_chunk *chunk, size_t message_len, const char *step,
                             struct ide_fault *fault)
{
    struct reader r = reader_of(chunk->data, chunk->size);
    check_chunk(l, chunk, message_len, &r);
    if (r.err == IDE_OK)
        read_copy(&r, l->data + l->done, chunk->size, "SPDMchunk");
    enum ide_err err = read_done(&r, fault, step);
    if (err == IDE_OK)
        spdm_large_sent(l, chunk);
    return err;
}

enum ide_err spdm_large_admit(struct spdm_responder *r, uint8_t code)
{
    struct spdm_connection *c = &r->connection;
    struct spdm_large *l = &c->large;
    if (l->stage == SPDM_LARGE_IDLE || code == SPDM_GET_VERSION || code == SPDM_CHUNK_SEND || code == SPDM_CHUNK_GET)
        return IDE_OK;
    /* nothing but GET_VERSION interrupts a transfer; one that was never begun is in nobody's way */
    if (l->stage == SPDM_LARGE_COMING || l->sequence > 0)
        return ide_fail(&c->fault, IDE_E_STATE, "request", "chunk transfer");
    spdm_large_forget(l);
    return IDE_OK;
}

/* The response stays, to be fetched by CHUNK_GET. */
static size_t keep_response(struct spdm_responder *r, const struct writer *w, const void *session, uint8_t *response,
                            size_t cap)
{
    struct spdm_large *l = &r->connection.large;
    uint8_t *end = w->data + w->pos;
    memmove(l->data, w->data, w->pos);
    wipe(l->data + w->pos, (size_t)(end - (l->data + w->pos)));
    spdm_large_start(l, (uint8_t)(l->handle + 1), w->pos, session);
    l->stage = SPDM_LARGE_GOING;
    struct spdm_error error = {
        .header = {.param1 = SPDM_ERROR_LARGE_RESPONSE}, .extended = &l->handle, .extended_len = 1};
    size_t len;
    return spdm_encode(&spdm_msg_error, &r->connection.params, &error, response, cap, &len) == IDE_OK ? len : 0;
}

enum ide_err spdm_answer_large(struct spdm_responder *r, struct spdm_request *q, size_t kept, uint8_t *response,
                               size_t limit, size_t *response_len)
{
    struct spdm_connection *c = &r->connection;
    struct writer all = writer_of(c->large.data, c->large.cap);
    write_space(&all, (kept + RESPONSE_ALIGN - 1) / RESPONSE_ALIGN * RESPONSE_ALIGN);
    size_t room = all.cap - all.pos, peer = spdm_large_room(c);
    struct writer w = writer_of(write_space(&all, room), room < peer ? room : peer);
    enum ide_err err = spdm_answer(r, q, &w);
    if (err != IDE_OK) {
        *response_len = spdm_write_error(r, err, response, limit);
        wipe(w.data, w.pos);
    } else if (w.pos <= limit) {
        memcpy(response, w.data, w.pos);
        *response_len = w.pos;
        wipe(w.data, w.pos);
    } else {
        *response_len = keep_response(r, &w, q->session, response, limit);
    }
    return err;
}
