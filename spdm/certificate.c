/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_CERTIFICATE and CERTIFICATE (DSP0274 1.2 §10.7). */
#include <string.h>

#include "spdm/internal.h"

#define RESPONSE_FIXED 8u /* CERTIFICATE without its portion */

/* Both messages have two lengths of 16 bits, which from 1.4 on may be followed by the same two of 32 bits. */
static bool is_large(const struct spdm_params *p, const struct spdm_header *h)
{
    return p->version >= SPDM_VERSION_14 && h->param1 & SPDM_LARGE_CHAIN;
}

static void lengths_decode(struct reader *r, bool large, uint32_t *first, uint32_t *second, const char *field)
{
    *first = read_u16(r, field);
    *second = read_u16(r, field);
    if (!large)
        return;
    *first = read_u32(r, field);
    *second = read_u32(r, field);
}

static void lengths_encode(struct writer *w, bool large, uint32_t first, uint32_t second)
{
    write_u16(w, large ? 0 : (uint16_t)first);
    write_u16(w, large ? 0 : (uint16_t)second);
    if (!large)
        return;
    write_u32(w, first);
    write_u32(w, second);
}

static void request_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_get_certificate *m = message;
    lengths_decode(r, is_large(p, &m->header), &m->offset, &m->length, "Offset");
}

static void request_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_get_certificate *m = message;
    lengths_encode(w, is_large(p, &m->header), m->offset, m->length);
}

static void response_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_certificate *m = message;
    lengths_decode(r, is_large(p, &m->header), &m->portion_length, &m->remainder_length, "PortionLength");
    m->portion = read_bytes(r, m->portion_length, "CertChain");
}

static void response_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_certificate *m = message;
    lengths_encode(w, is_large(p, &m->header), m->portion_length, m->remainder_length);
    write_bytes(w, m->portion, m->portion_length);
}

const struct spdm_message spdm_msg_get_certificate = {SPDM_GET_CERTIFICATE, SPDM_VERSION_10,
                                                      "GET_CERTIFICATE", request_decode, request_encode};
const struct spdm_message spdm_msg_certificate = {SPDM_CERTIFICATE, SPDM_VERSION_10, "CERTIFICATE",
                                                  response_decode, response_encode};

/* The chain as it grows portion by portion. total is known from the first portion on and must stay. */
struct chain_progress {
    struct writer chain;
    size_t total;
};

/* One portion against what was asked for and what the portions before it said. */
static enum ide_err take_portion(struct chain_progress *progress, const struct spdm_get_certificate *request,
                                 const struct spdm_certificate *m, struct ide_fault *fault)
{
    const char *step = spdm_msg_certificate.name;
    uint64_t total = (uint64_t)progress->chain.pos + m->portion_length + m->remainder_length;
    if ((m->header.param1 & (SPDM_SLOT_MASK | SPDM_LARGE_CHAIN)) != request->header.param1)
        return ide_fail_value(fault, IDE_E_FIELD, step, "SlotID", m->header.param1, request->header.param1);
    if (m->portion_length == 0 || m->portion_length > request->length)
        return ide_fail_value(fault, IDE_E_FIELD, step, "PortionLength", m->portion_length, request->length);
    if (progress->total == 0 && total <= SPDM_CHAIN_MAX)
        progress->total = (size_t)total;
    if (total != progress->total)
        return ide_fail_value(fault, IDE_E_FIELD, step, "RemainderLength", total, progress->total);
    if (total > progress->chain.cap)
        return ide_fail_value(fault, IDE_E_SPACE, step, "RemainderLength", total, progress->chain.cap);
    write_bytes(&progress->chain, m->portion, m->portion_length);
    return write_done(&progress->chain);
}

static enum ide_err get_portion(struct spdm_connection *c, uint8_t slot, struct chain_progress *progress)
{
    size_t limit = SPDM_TRANSFER_SIZE - RESPONSE_FIXED;
    size_t left = progress->total != 0 ? progress->total - progress->chain.pos : limit;
    struct spdm_get_certificate request = {
        .header = {.param1 = slot},
        .offset = (uint32_t)progress->chain.pos,
        .length = (uint32_t)(left < limit ? left : limit),
    };
    struct spdm_certificate response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_certificate,
        .in = &request,
        .response = &spdm_msg_certificate,
        .out = &response,
        .transcript = {.hash = &c->m1m2},
    };
    enum ide_err err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    return err == IDE_OK ? take_portion(progress, &request, &response, &c->fault) : err;
}

/* The chain against the digest that DIGESTS gave, then against whom the caller trusts. Publishes on success only. */
static enum ide_err verify_chain(struct spdm_connection *c, uint8_t slot, size_t len,
                                 const struct trust *trust)
{
    const struct spdm_params *p = &c->params;
    uint8_t digest[HASH_SIZE_MAX];
    struct identity peer;
    enum ide_err err = hash_once(p->hash->id, c->chain, len, digest);
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "CERTIFICATE", "Digest");
    if (c->digest_mask >> slot & 1 && !equal_secret(digest, c->digests[slot], p->hash->size))
        return ide_fail(&c->fault, IDE_E_FIELD, "CERTIFICATE", "Digest");
    err = identity_verify(c->chain, len, p->hash->id, p->asym, c->clock.unix_seconds(c->clock.context),
                          trust, &peer, &c->fault);
    if (err != IDE_OK)
        return err;
    memcpy(c->chain_hash, digest, p->hash->size);
    c->peer = peer;
    c->chain_len = len;
    c->chain_slot = slot;
    c->peer_verified = true;
    return IDE_OK;
}

static enum ide_err check_slot(struct spdm_connection *c, uint8_t slot)
{
    const char *step = spdm_msg_get_certificate.name;
    if (slot >= SPDM_SLOTS || !c->chain)
        return ide_fail_value(&c->fault, IDE_E_ARGUMENT, step, "SlotID", slot, 0);
    if (c->digest_mask != 0 && !(c->digest_mask >> slot & 1))
        return ide_fail_value(&c->fault, IDE_E_NO_CERT, step, "SlotID", slot, c->digest_mask);
    return IDE_OK;
}

enum ide_err spdm_get_certificate(struct spdm_connection *c, uint8_t slot, const struct trust *trust)
{
    struct chain_progress progress = {.chain = writer_of(c->chain, c->chain_cap)};
    c->peer_verified = false;
    c->chain_len = 0;
    wipe(&c->peer, sizeof c->peer);
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_CERT, "GET_CERTIFICATE", "CERT_CAP");
    if (err == IDE_OK)
        err = check_slot(c, slot);
    while (err == IDE_OK && (progress.total == 0 || progress.chain.pos < progress.total))
        err = get_portion(c, slot, &progress);
    return err == IDE_OK ? verify_chain(c, slot, progress.total, trust) : err;
}

enum ide_err spdm_handle_get_certificate(struct spdm_responder *r, struct spdm_request *request,
                                         struct writer *w)
{
    struct spdm_get_certificate in;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_certificate, request, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_slot *slot =
        spdm_responder_slot(r, in.header.param1 & SPDM_SLOT_MASK, "GET_CERTIFICATE");
    if (!slot)
        return IDE_E_NO_CERT;
    struct reader chain = reader_of(slot->chain, slot->chain_len);
    read_bytes(&chain, in.offset, "Offset");
    if (read_left(&chain) == 0)
        return ide_fail_value(&r->connection.fault, IDE_E_FIELD, "GET_CERTIFICATE", "Offset", in.offset,
                              slot->chain_len);
    size_t room = w->cap > RESPONSE_FIXED ? w->cap - RESPONSE_FIXED : 0;
    size_t length = in.length < room ? in.length : room;
    if (length > read_left(&chain))
        length = read_left(&chain);
    struct spdm_certificate out = {.header = {.param1 = in.header.param1 & SPDM_SLOT_MASK},
                                   .portion_length = (uint16_t)length};
    out.portion = read_bytes(&chain, length, "Length");
    out.remainder_length = (uint16_t)read_left(&chain);
    return spdm_reply(&spdm_msg_certificate, &r->connection.params, &out, w);
}
