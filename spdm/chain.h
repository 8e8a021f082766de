/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The parts of GET_DIGESTS and GET_CERTIFICATE that either role may play: with
 * mutual authentication the responder asks, in encapsulated requests, and the
 * requester answers (session/encap.c).
 */
#ifndef SPDM_CHAIN_H
#define SPDM_CHAIN_H

#include "spdm/messages.h"
#include "spdm/responder.h"

/* The slot of that number, or for SPDM_SLOT_PROVISIONED the public key's place; NULL if there is nothing. */
const struct spdm_slot *spdm_slot_of(const struct spdm_slot *slots, uint8_t slot);

/* The peer's chain as it grows in c->chain, portion by portion. total is known from the first portion on and must stay. */
struct spdm_chain_progress {
    struct writer chain;
    size_t total;
};

/* Forgets the peer; what is known of it from now on comes of this progress. */
struct spdm_chain_progress spdm_chain_begin(struct spdm_connection *c);
bool spdm_chain_whole(const struct spdm_chain_progress *progress);
/* The next request; its answer may be so long in all. */
struct spdm_get_certificate spdm_chain_request(const struct spdm_chain_progress *progress, uint8_t slot, size_t room);
/* One portion against what was asked for and what the portions before it said. */
enum ide_err spdm_chain_take(struct spdm_chain_progress *progress, const struct spdm_get_certificate *request,
                             const struct spdm_certificate *m, struct ide_fault *fault) MUST_USE;
/*
 * The whole chain against the digest that DIGESTS gave, then against whom the caller trusts. Publishes on success only:
 * c->peer, c->chain_hash, c->chain_slot, c->peer_verified.
 */
enum ide_err spdm_chain_verify(struct spdm_connection *c, const struct spdm_chain_progress *progress, uint8_t slot,
                               const struct trust *trust) MUST_USE;

/* What DIGESTS said becomes the connection's. */
void spdm_digests_take(struct spdm_connection *c, const struct spdm_digests *m);

/* DIGESTS as it came, which is part of TH where the responder has several keys (1.3: MULTI_KEY_CONN_RSP). */
enum ide_err spdm_digests_hash(const struct spdm_connection *c, struct hash *hash) MUST_USE;

/* DIGESTS of slots; buffer has SPDM_SLOTS * HASH_SIZE_MAX bytes, and out borrows from it. */
enum ide_err spdm_digests_make(const struct spdm_params *p, const struct spdm_slot *slots, uint8_t *buffer,
                               struct spdm_digests *out) MUST_USE;
/* CERTIFICATE for a request, of at most room bytes; out borrows from the slot. IDE_E_FIELD at "Offset". */
enum ide_err spdm_certificate_make(const struct spdm_slot *slot, const struct spdm_get_certificate *in, size_t room,
                                   struct spdm_certificate *out, struct ide_fault *fault) MUST_USE;

/*
 * A provisioned public key in the place of the peer's chain: der is a SubjectPublicKeyInfo (RFC 5280 §4.1.2.7), borrowed
 * for the call only. Afterwards c->peer, c->chain_hash and c->peer_verified are as with a chain, c->chain_slot is
 * SPDM_SLOT_PROVISIONED. As a requester's, the peer must have PUB_KEY_ID_CAP. IDE_E_KEY if it is not of the negotiated
 * algorithm.
 */
enum ide_err spdm_use_public_key(struct spdm_connection *c, const uint8_t *der, size_t len) MUST_USE;

#endif
