/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The requester: one transact(), and the flows as lists of calls to it.
 */
#ifndef SPDM_REQUESTER_H
#define SPDM_REQUESTER_H

#include "spdm/connection.h"
#include "spdm/message.h"

/* Where both messages of an exchange go before anybody looks at their contents. NULL: into no transcript. */
struct spdm_transcript {
    struct hash *hash;      /* may be NULL */
    bool vca;               /* append to connection->vca (GET_VERSION to ALGORITHMS) */
    bool signed_part_only;  /* of the response, append only what stands before its signature */
};

struct spdm_exchange {
    const struct spdm_message *request;
    const void *in;                   /* borrows from neither tx, rx nor large; encoded anew when the peer was busy */
    const struct spdm_message *response;
    void *out;                        /* pointers in it borrow from connection->rx or ->large, until the next exchange */
    struct spdm_transcript transcript;
    const size_t *signed_len;         /* with signed_part_only: where in *out decode leaves that length */
};

/*
 * Encodes the request, sends it over the channel, deals with ERROR (BUSY and ResponseNotReady with bounded retry,
 * RequestResynch resets the connection), decodes the response, and appends both to the transcript.
 * A request longer than the peer receives in one piece goes in chunks, and a LargeResponse is fetched in chunks, if both
 * sides can (connection->large). After it, *raw and *raw_len (may be NULL) say where the response is and its own length.
 * Errors: everything of decode, IDE_E_PEER_ERROR with the peer's code, IDE_E_BUSY, and the channel's.
 */
enum ide_err spdm_transact(struct spdm_connection *c, const struct spdm_channel *channel,
                           const struct spdm_exchange *e, const uint8_t **raw, size_t *raw_len) MUST_USE;

/* GET_VERSION, GET_CAPABILITIES, NEGOTIATE_ALGORITHMS. Starts anew from any state. */
enum ide_err spdm_negotiate(struct spdm_connection *c) MUST_USE;

/* GET_DIGESTS: which slots have a chain, and their digests (hash size each, in slot order). Either may be NULL. */
enum ide_err spdm_get_digests(struct spdm_connection *c, uint8_t *slot_mask,
                              uint8_t digests[SPDM_SLOTS][HASH_SIZE_MAX]) MUST_USE;

/*
 * GET_CERTIFICATE in portions into c->chain, checked against the slot's digest if GET_DIGESTS gave one, then verified
 * with identity_verify(): afterwards c->peer and c->chain_hash are valid. On any failure nothing of the peer is.
 */
enum ide_err spdm_get_certificate(struct spdm_connection *c, uint8_t slot, const struct trust *trust) MUST_USE;

/* CHALLENGE: proves that the peer holds the key of the verified chain (M1/M2 signature). */
enum ide_err spdm_challenge(struct spdm_connection *c) MUST_USE;

/* The whole of it: negotiate, digests, certificate of the slot, challenge if the peer can. */
enum ide_err spdm_authenticate(struct spdm_connection *c, uint8_t slot, const struct trust *trust) MUST_USE;

#endif
