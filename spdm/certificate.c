/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_CERTIFICATE and CERTIFICATE (DSP0274 1.2 §10.7). */
#include <string.h>

#include "spdm/chain.h"
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

struct spdm_chain_progress spdm_chain_begin(struct spdm_connection *c)
{
    c->peer_verified = false;
    c->chain_len = 0;
    wipe(&c->peer, sizeof c->peer);
    return (struct spdm_chain_progress){.chain = writer_of(c->chain, c->chain_cap)};
}

bool spdm_chain_whole(const struct spdm_chain_progress *progress)
{
    return progress->total != 0 && progress->chain.pos == progress->total;
}

struct spdm_get_certificate spdm_chain_request(const struct spdm_chain_progress *progress, uint8_t slot, size_t room)
{
    size_t limit = room - RESPONSE_FIXED;
    size_t left = progress->total != 0 ? progress->total - progress->chain.pos : limit;
    return (struct spdm_get_certificate){
        .header = {.param1 = slot},
        .offset = (uint32_t)progress->chain.pos,
        .length = (uint32_t)(left < limit ? left : limit),
    };
}

enum ide_err spdm_chain_take(struct spdm_chain_progress *progress, const struct spdm_get_certificate *request,
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

static enum ide_err get_portion(struct spdm_connection *c, uint8_t slot, struct spdm_chain_progress *progress)
{
    struct spdm_get_certificate request = spdm_chain_request(progress, slot, spdm_own_transfer_size(c));
    struct spdm_certificate response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_certificate,
        .in = &request,
        .response = &spdm_msg_certificate,
        .out = &response,
        .transcript = {.hash = &c->m1m2},
    };
    enum ide_err err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    return err == IDE_OK ? spdm_chain_take(progress, &request, &response, &c->fault) : err;
}

enum ide_err spdm_chain_verify(struct spdm_connection *c, const struct spdm_chain_progress *progress, uint8_t slot,
                               const struct trust *trust)
{
    const struct spdm_params *p = &c->params;
    const struct asym_info *asym = c->role == SPDM_REQUESTER ? p->asym : p->req_asym;
    size_t len = progress->total;
    uint8_t digest[HASH_SIZE_MAX];
    struct identity peer;
    enum ide_err err = asym ? hash_once(p->hash->id, c->chain, len, digest) : IDE_E_STATE;
    if (err != IDE_OK)
        return ide_fail(&c->fault, err, "CERTIFICATE", "Digest");
    if (c->digest_mask >> slot & 1 && !equal_secret(digest, c->digests[slot], p->hash->size))
        return ide_fail(&c->fault, IDE_E_FIELD, "CERTIFICATE", "Digest");
    err = identity_verify(c->chain, len, p->hash->id, asym, c->clock.unix_seconds(c->clock.context), trust, &peer,
                          &c->fault);
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
    struct spdm_chain_progress progress = spdm_chain_begin(c);
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_CERT, "GET_CERTIFICATE", "CERT_CAP");
    if (err == IDE_OK)
        err = check_slot(c, slot);
    while (err == IDE_OK && !spdm_chain_whole(&progress))
        err = get_portion(c, slot, &progress);
    return err == IDE_OK ? spdm_chain_verify(c, &progress, slot, trust) : err;
}

enum ide_err spdm_certificate_make(const struct spdm_slot *slot, const struct spdm_get_certificate *in, size_t room,
                                   struct spdm_certificate *out, struct ide_fault *fault)
{
    struct reader chain = reader_of(slot->chain, slot->chain_len);
    read_bytes(&chain, in->offset, "Offset");
    if (read_left(&chain) == 0)
        return ide_fail_value(fault, IDE_E_FIELD, "GET_CERTIFICATE", "Offset", in->offset, slot->chain_len);
    room = room > RESPONSE_FIXED ? room - RESPONSE_FIXED : 0;
    size_t length = in->length < room ? in->length : room;
    if (length > read_left(&chain))
        length = read_left(&chain);
    *out = (struct spdm_certificate){.header = {.param1 = in->header.param1 & SPDM_SLOT_MASK},
                                     .portion_length = (uint16_t)length};
    out->portion = read_bytes(&chain, length, "Length");
    out->remainder_length = (uint16_t)read_left(&chain);
    return IDE_OK;
}

enum ide_err spdm_handle_get_certificate(struct spdm_responder *r, struct spdm_request *request,
                                         struct writer *w)
{
    struct spdm_get_certificate in;
    struct spdm_certificate out;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_certificate, request, &in);
    if (err != IDE_OK)
        return err;
    const struct spdm_slot *slot =
        spdm_responder_slot(r, in.header.param1 & SPDM_SLOT_MASK, "GET_CERTIFICATE");
    if (!slot)
        return IDE_E_NO_CERT;
    err = spdm_certificate_make(slot, &in, w->cap, &out, &r->connection.fault);
    return err == IDE_OK ? spdm_reply(&spdm_msg_certificate, &r->connection.params, &out, w) : err;
}
