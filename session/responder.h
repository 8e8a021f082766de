/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The responder's side of sessions, and the door of a whole emulated device:
 * one DOE data object in, one out.
 */
#ifndef SESSION_RESPONDER_H
#define SESSION_RESPONDER_H

#include "session/session.h"
#include "spdm/chain.h"
#include "spdm/responder.h"

extern const struct spdm_handler_table session_handlers;   /* KEY_EXCHANGE to END_SESSION */

/* Whether a requester has to say who it is in KEY_EXCHANGE, and whom the device trusts then. Everything is borrowed. */
struct session_mutual {
    uint8_t ask;                      /* SPDM_MUT_AUTH* of session/messages.h; 0: never */
    bool required;                    /* a requester that cannot gets no session */
    uint8_t slot;                     /* which of the requester's chains */
    const struct trust *trust;        /* for its chain; connection.chain must have room for it */
    const uint8_t *public_key;        /* for a requester with PUB_KEY_ID_CAP: its SubjectPublicKeyInfo */
    size_t public_key_len;
};

/* The encapsulated requests of one handshake; another handshake that begins takes their place. */
struct session_encap {
    struct session *session;          /* NULL: none */
    enum { ENCAP_BEGIN, ENCAP_DIGESTS, ENCAP_CERTIFICATE, ENCAP_DONE } stage;
    uint8_t id;                       /* of the request that is to be answered */
    struct spdm_chain_progress progress;
};

struct session_responder {
    struct spdm_responder spdm;
    struct spdm_handler_table tables[2];
    struct spdm_reset_hook hook;      /* ends all sessions when the connection is reset */
    struct session *sessions;         /* the caller's array */
    size_t session_count;
    uint8_t heartbeat_period;         /* seconds, 0: none */
    const struct session_psk *psks;   /* borrowed; PSK_EXCHANGE finds one by its hint */
    size_t psk_count;
    struct session_mutual mutual;
    struct session_encap encap;
    struct session *latest;           /* of KEY_EXCHANGE: the one that FINISH in the clear is about */
    /* called before a session is wiped: its end, its time-out, a reset, a failed handshake. May be NULL. */
    void (*on_session_end)(void *context, struct session *s);
    void *context;
};

/* Puts spdm_handlers and session_handlers and extra tables together; borrows all. */
void session_responder_init(struct session_responder *r, const struct spdm_config *config, const struct rng *rng,
                            const struct clock *clock, struct session *sessions, size_t session_count);

/*
 * Answers one DOE data object of type 0, 1 or 2. *response_len 0 means that there is no answer (as a device does with an
 * object of a type that it does not have). cap should be SPDM_BUFFER_SIZE. Returns what went wrong, for the log, with
 * the detail in r->spdm.connection.fault; a record that is not authentic ends its session (DSP0277 §6).
 */
enum ide_err session_respond_object(struct session_responder *r, const uint8_t *object, size_t len, uint8_t *response,
                                    size_t cap, size_t *response_len);

/* Ends sessions whose heartbeat is overdue (twice the period). Call it now and then. */
void session_responder_tick(struct session_responder *r);

/*
 * Wants the response key of s updated: it is, when the requester asks for encapsulated requests next; how it learns that it
 * should is beyond SPDM. IDE_E_CAPABILITY if not both sides can, IDE_E_STATE if s is not established, or a KEY_UPDATE is
 * under way.
 */
enum ide_err session_responder_update_key(struct session_responder *r, struct session *s) MUST_USE;

/* Wipes all sessions and the connection: a device reset. */
void session_responder_reset(struct session_responder *r);

#endif
