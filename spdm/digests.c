/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET_DIGESTS and DIGESTS (DSP0274 1.2 §10.6). */
#include <string.h>

#include "spdm/chain.h"
#include "spdm/internal.h"

static unsigned slots_of(const struct spdm_digests *m)
{
    return (unsigned)__builtin_popcount(m->header.param2);
}

static size_t digests_size(const struct spdm_params *p, const struct spdm_digests *m)
{
    return p->hash ? (size_t)slots_of(m) * p->hash->size : 0;
}

/* KeyPairID, CertificateInfo and KeyUsageMask, of which a responder with several keys gives one each a slot (1.3). */
static size_t keys_size(const struct spdm_params *p, const struct spdm_digests *m)
{
    return p->multi_key ? (size_t)slots_of(m) * 4 : 0;
}

static void digests_decode(struct reader *r, const struct spdm_params *p, void *message)
{
    struct spdm_digests *m = message;
    if (!p->hash)
        read_fail(r, IDE_E_STATE, "BaseHashSel");
    m->digests = read_bytes(r, digests_size(p, m), "Digest");
    m->keys = read_bytes(r, keys_size(p, m), "KeyPairID");
}

static void digests_encode(struct writer *w, const struct spdm_params *p, const void *message)
{
    const struct spdm_digests *m = message;
    write_bytes(w, m->digests, digests_size(p, m));
    write_bytes(w, m->keys, keys_size(p, m));
}

const struct spdm_message spdm_msg_get_digests = {SPDM_GET_DIGESTS, SPDM_VERSION_10, "GET_DIGESTS", NULL,
                                                  NULL};
const struct spdm_message spdm_msg_digests = {SPDM_DIGESTS, SPDM_VERSION_10, "DIGESTS", digests_decode,
                                              digests_encode};

void spdm_digests_take(struct spdm_connection *c, const struct spdm_digests *m)
{
    struct reader all = reader_of(m->digests, digests_size(&c->params, m));
    memset(c->digests, 0, sizeof c->digests);
    for (unsigned slot = 0; slot < SPDM_SLOTS; slot++) {
        if (m->header.param2 >> slot & 1)
            read_copy(&all, c->digests[slot], c->params.hash->size, "Digest");
    }
    c->digest_mask = m->header.param2;
    c->digest_param1 = m->header.param1;
    memcpy(c->digest_keys, m->keys, keys_size(&c->params, m));
}

enum ide_err spdm_digests_hash(const struct spdm_connection *c, struct hash *hash)
{
    uint8_t digests[SPDM_SLOTS * HASH_SIZE_MAX], message[4 + sizeof digests + sizeof c->digest_keys];
    struct writer w = writer_of(digests, sizeof digests);
    struct spdm_digests m = {.header = {.param1 = c->digest_param1, .param2 = c->digest_mask},
                             .digests = digests, .keys = c->digest_keys};
    size_t len;
    for (unsigned slot = 0; slot < SPDM_SLOTS; slot++) {
        if (c->digest_mask >> slot & 1)
            write_bytes(&w, c->digests[slot], c->params.hash->size);
    }
    enum ide_err err = spdm_encode(&spdm_msg_digests, &c->params, &m, message, sizeof message, &len);
    return err == IDE_OK ? hash_update(hash, message, len) : err;
}

enum ide_err spdm_get_digests(struct spdm_connection *c, uint8_t *slot_mask,
                              uint8_t digests[SPDM_SLOTS][HASH_SIZE_MAX])
{
    struct spdm_plain request = {0};
    struct spdm_digests response = {0};
    const struct spdm_exchange exchange = {
        .request = &spdm_msg_get_digests,
        .in = &request,
        .response = &spdm_msg_digests,
        .out = &response,
        .transcript = {.hash = &c->m1m2},
    };
    enum ide_err err = spdm_peer_can(c, SPDM_CAP_CERT, "GET_DIGESTS", "CERT_CAP");
    if (err == IDE_OK)
        err = spdm_transact(c, &c->clear, &exchange, NULL, NULL);
    if (err != IDE_OK)
        return err;
    spdm_digests_take(c, &response);
    if (slot_mask)
        *slot_mask = c->digest_mask;
    if (digests)
        memcpy(digests, c->digests, sizeof c->digests);
    return IDE_OK;
}

enum ide_err spdm_digests_make(const struct spdm_params *p, const struct spdm_slot *slots, uint8_t *buffer,
                               struct spdm_digests *out)
{
    struct writer all = writer_of(buffer, (size_t)SPDM_SLOTS * HASH_SIZE_MAX);
    enum ide_err err = IDE_OK;
    *out = (struct spdm_digests){.digests = buffer};
    for (unsigned slot = 0; err == IDE_OK && slot < SPDM_SLOTS; slot++) {
        uint8_t *digest = slots[slot].chain ? write_space(&all, p->hash->size) : NULL;
        if (!digest)
            continue;
        err = hash_once(p->hash->id, slots[slot].chain, slots[slot].chain_len, digest);
        out->header.param2 |= (uint8_t)(1u << slot);
    }
    if (p->version >= SPDM_VERSION_13)
        out->header.param1 = out->header.param2; /* SupportedSlotMask */
    return err;
}

enum ide_err spdm_handle_get_digests(struct spdm_responder *r, struct spdm_request *request, struct writer *w)
{
    struct spdm_plain in;
    uint8_t digests[SPDM_SLOTS * HASH_SIZE_MAX];
    struct spdm_digests out;
    enum ide_err err = spdm_request_decode(r, &spdm_msg_get_digests, request, &in);
    if (err == IDE_OK)
        err = spdm_digests_make(&r->connection.params, r->slots, digests, &out);
    return err == IDE_OK ? spdm_reply(&spdm_msg_digests, &r->connection.params, &out, w) : err;
}
