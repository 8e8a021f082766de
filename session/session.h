/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Secure sessions: KEY_EXCHANGE and FINISH, PSK_EXCHANGE and PSK_FINISH (DSP0274
 * 1.2 §10.16 to §10.19), the key schedule (§12), HEARTBEAT, KEY_UPDATE,
 * END_SESSION. Requester's side; the responder's is session/responder.h.
 */
#ifndef SESSION_SESSION_H
#define SESSION_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "secured_cma/doe.h"
#include "secured_cma/secured_message.h"
#include "session/key_schedule.h"
#include "spdm/connection.h"
#include "spdm/measurements.h"

enum session_state {
    SESSION_NONE,
    SESSION_HANDSHAKE,
    SESSION_FINISHED,      /* responder: FINISH is answered, the keys change once FINISH_RSP is sealed */
    SESSION_ESTABLISHED,
    SESSION_ENDING,        /* responder: END_SESSION is answered, the session ends once its answer is sealed */
};

/* How far the encapsulated KEY_UPDATE is with which a responder updates its own key. */
enum session_update_stage { UPDATE_IDLE, UPDATE_WANTED, UPDATE_ASKED, UPDATE_VERIFYING };

/* What KEY_UPDATE must be able to go back to (DSP0274 1.2 §10.21.1): the old secrets, and where their keys stopped. */
struct session_key_update {
    bool request_switched, response_switched;   /* that direction is on its new key, the old one is kept here */
    bool new_expected;     /* requester: the next answer comes under the new response key, or refuses under the old */
    bool spent;            /* a new key sealed a record and was given up: using it again would repeat a nonce */
    uint8_t request_secret[HASH_SIZE_MAX], response_secret[HASH_SIZE_MAX];
    uint64_t request_sequence, response_sequence;
    enum session_update_stage stage;            /* responder: of its own */
    uint8_t id, tag;                            /* of the encapsulated request that is to be answered */
};

/* One session, owned by the caller, of either role. No secret in it outlives session_close(). Not to be copied. */
struct session {
    enum session_state state;
    bool psk;                                 /* begun by PSK_EXCHANGE */
    uint8_t mut_auth;                         /* MutAuthRequested of KEY_EXCHANGE_RSP; 0: the requester stays unknown */
    uint8_t own_slot;                         /* requester: of whose key it then signs; SPDM_SLOT_PROVISIONED */
    uint32_t id;                              /* requester's half low, responder's half high */
    struct spdm_connection *connection;       /* borrowed */
    const struct doe_transport *transport;    /* requester, borrowed */
    struct spdm_reset_hook hook;              /* requester: closes it when the connection is reset */
    struct key_schedule keys;
    struct secured_direction request, response;   /* what the requester sends, what the responder sends */
    struct hash th;                           /* TH so far, while the handshake lasts */
    struct hash l1l2;                         /* of measurements in this session; HASH_NONE: null */
    uint16_t secured_version;                 /* 0x1100: DSP0277 1.1 */
    uint8_t heartbeat_period;                 /* seconds, 0: none */
    uint8_t session_policy;                   /* responder: as KEY_EXCHANGE asked; bit 0: a run-time update does not end it */
    struct session_key_update update;
    uint64_t last_sent_ms;                    /* for the heartbeat: requester, last sent; responder, last received */
};

/*
 * KEY_EXCHANGE and FINISH with the peer whose chain c has verified.
 *
 * Generates the DHE key, checks what the responder selected, its signature over TH and its HMAC, sends FINISH within the
 * session. c must be negotiated and c->peer_verified, else IDE_E_STATE. On failure s is wiped and SESSION_NONE, and the
 * fault is in c->fault. c and transport must outlive the session: until session_close() c knows where s is, so that
 * spdm_negotiate() and all else that resets c closes s at once.
 */
enum ide_err session_open(struct session *s, struct spdm_connection *c, const struct doe_transport *transport) MUST_USE;

/* A key that both sides have beforehand. Everything is borrowed, and the secret is never copied. */
struct session_psk {
    const uint8_t *hint;     /* by which the responder finds it; may be empty */
    uint16_t hint_len;
    const uint8_t *secret;
    size_t secret_len;
};

/*
 * PSK_EXCHANGE, and PSK_FINISH if the responder gives a context. c must be negotiated; whoever has the PSK is the peer:
 * no certificate is looked at. Otherwise as session_open(). IDE_E_ARGUMENT if the secret is empty.
 */
enum ide_err session_open_psk(struct session *s, struct spdm_connection *c, const struct doe_transport *transport,
                              const struct session_psk *psk) MUST_USE;

/* The channel of an established session, for spdm_transact(). */
struct spdm_channel session_channel(struct session *s);

/* HEARTBEAT: keeps the session alive. */
enum ide_err session_heartbeat(struct session *s) MUST_USE;

/* When the next HEARTBEAT is due, in ms of the connection's clock; UINT64_MAX if the session needs none. */
uint64_t session_heartbeat_due(const struct session *s);

enum key_update { KEY_UPDATE_REQUESTER = 1, KEY_UPDATE_ALL = 2 };

/*
 * KEY_UPDATE with UpdateKey or UpdateAllKeys, then VerifyNewKey. A failure leaves both directions on the old keys, unless
 * a record was lost or not authentic: that ends the session as it does everywhere. IDE_E_STATE at "KeyUpdate" if an
 * earlier attempt failed after the new keys had been used: the next keys would be the same, and so would the nonces.
 */
enum ide_err session_key_update(struct session *s, enum key_update operation) MUST_USE;

/*
 * Asks for encapsulated requests until the responder has none (GET_ENCAPSULATED_REQUEST, DSP0274 1.2 §10.22), and answers
 * them: GET_DIGESTS and GET_CERTIFICATE if we have certificates, KEY_UPDATE of the responder's key, any other with
 * UnsupportedRequest. That there is none is no failure. A responder whose KEY_UPDATE does not end with VerifyNewKey has
 * made the session unusable: it is closed.
 */
enum ide_err session_answer_requests(struct session *s) MUST_USE;

/*
 * spdm_get_measurements() and spdm_get_mel() in the session: what comes unsigned is the peer's all the same. L1/L2 is the
 * session's own.
 */
enum ide_err session_get_measurements(struct session *s, const struct spdm_measurement_request *request,
                                      uint8_t *record, size_t cap, struct spdm_measurement_result *result) MUST_USE;
enum ide_err session_get_mel(struct session *s, uint8_t *mel, size_t cap, size_t *len) MUST_USE;

/* END_SESSION, then session_close() whatever the peer says. */
enum ide_err session_end(struct session *s) MUST_USE;

/* Wipes s without a word to the peer; only the pointers stay. Safe on a zeroed or closed session. */
void session_close(struct session *s);

/*
 * One vendor-defined exchange in the session. registry and vendor as in DSP0274's table of registries; vendor_id has
 * vendor_len bytes. The response must be of the same registry and vendor; its payload points into connection->rx.
 */
struct session_vendor {
    uint16_t registry;
    uint8_t vendor_len;
    uint8_t vendor_id[4];
};

enum ide_err session_vendor_exchange(struct session *s, const struct session_vendor *vendor, const uint8_t *payload,
                                     size_t payload_len, const uint8_t **response, size_t *response_len) MUST_USE;

#endif
