/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A requester and a whole emulated device connected in memory by DOE data
 * objects, with somebody in between who may alter them. Time is virtual.
 */
#ifndef TESTS_LOOPBACK_H
#define TESTS_LOOPBACK_H

#include "session/responder.h"
#include "spdm/messages.h"
#include "spdm/requester.h"

#define LOOPBACK_SESSIONS 2u

struct loopback;

/* Sees a data object on its way and may alter it; *len 0 loses it. */
typedef void loopback_hook(struct loopback *l, uint8_t *object, size_t *len);

struct loopback {
    struct spdm_connection requester;
    struct session_responder responder;
    struct session device_sessions[LOOPBACK_SESSIONS];
    struct session session;              /* the requester's; tests may have more of their own */
    struct spdm_config requester_config, responder_config;
    struct doe_transport transport;
    struct drbg drbg;
    bool no_random;                      /* the generator fails */

    /* the device's identity, when there is no certificate: a key, and bytes where the chain would be */
    struct private_key key;
    struct public_key public_key;
    uint8_t bare_chain[64];
    uint8_t chain[16384];                /* the requester's room for a chain */

    loopback_hook *on_request, *on_response;
    void *hook_context;
    enum ide_err fail;                   /* the transport fails so instead */
    unsigned exchanges;
    uint8_t request[SPDM_BUFFER_SIZE], response[SPDM_BUFFER_SIZE];   /* the last objects, as they arrived */
    size_t request_len, response_len;
    enum ide_err device_err;             /* what the device made of the last request */
    struct ide_fault device_fault;

    uint64_t now_ms;
    unsigned ended;                      /* on_session_end calls */
    uint32_t ended_id;
};

/* Both sides on the curve ("P-256": SHA-256, AES-128-GCM offered too; "P-384": SHA-384), nothing negotiated yet. */
bool loopback_open(struct loopback *l, enum key_type curve);
void loopback_close(struct loopback *l);

/* Negotiates, and has the requester believe that the device's key is verified: no certificates are needed. */
enum ide_err loopback_connect(struct loopback *l) MUST_USE;
/* loopback_connect(), then session_open() of l->session. */
enum ide_err loopback_session(struct loopback *l) MUST_USE;

/* Sends bytes as one message in the requester's session, or in the clear with NULL. */
enum ide_err loopback_send(struct loopback *l, struct session *s, const void *message, size_t len,
                           const uint8_t **response, size_t *response_len) MUST_USE;

/* Whether the session answers: GET_DIGESTS in it has DIGESTS. */
bool loopback_is_usable(struct loopback *l, struct session *s);

/* Nothing is left in it but whose it was. */
bool loopback_is_wiped(const struct session *s);

/* How many sessions and handshakes the device has. */
unsigned loopback_device_sessions(const struct loopback *l);

/* Sends one data object to the device as it is. */
void loopback_object(struct loopback *l, const uint8_t *object, size_t len);

/* Signs KEY_EXCHANGE_RSP in a response object anew, for hooks that alter it. The request must be l->request. */
bool loopback_sign_again(struct loopback *l, uint8_t *object);

#endif
