/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of session/, one struct and one descriptor each, as in
 * spdm/messages.h: pointers borrow, sizes are in bytes, sections are those of
 * DSP0274 1.2. HEARTBEAT, KEY_UPDATE, END_SESSION and their answers are a
 * struct spdm_plain; so is FINISH_RSP but for its opaque data.
 */
#ifndef SESSION_MESSAGES_H
#define SESSION_MESSAGES_H

#include <stdbool.h>
#include <stdint.h>

#include "spdm/messages.h"

#define SPDM_RANDOM_SIZE 32u

/* KEY_EXCHANGE (§10.16). header.param1: measurement summary hash type (SPDM_SUMMARY_*), param2: slot. */
struct spdm_key_exchange {
    struct spdm_header header;
    uint16_t req_session_id;
    uint8_t session_policy;         /* 1.2; bit 0: a run-time update does not end the session */
    const uint8_t *random;          /* SPDM_RANDOM_SIZE */
    const uint8_t *exchange_data;   /* p->dhe->public_size */
    uint16_t opaque_len;            /* at most SPDM_OPAQUE_MAX */
    const uint8_t *opaque;
};

/*
 * KEY_EXCHANGE_RSP. header.param1: HeartbeatPeriod. As in CHALLENGE_AUTH the caller says by summary_len whether there is
 * a measurement summary hash, before decoding and encoding. Encoding ends before a NULL signature or verify data.
 */
struct spdm_key_exchange_rsp {
    struct spdm_header header;
    uint16_t rsp_session_id;
    uint8_t mut_auth_requested;
    uint8_t slot_id_param;
    const uint8_t *random;          /* SPDM_RANDOM_SIZE */
    const uint8_t *exchange_data;   /* p->dhe->public_size */
    uint8_t summary_len;
    const uint8_t *summary;
    uint16_t opaque_len;            /* at most SPDM_OPAQUE_MAX */
    const uint8_t *opaque;
    size_t signed_len;
    const uint8_t *signature;       /* p->asym->signature_size */
    const uint8_t *verify_data;     /* base hash's size; none with the handshake in the clear */
};

extern const struct spdm_message spdm_msg_key_exchange, spdm_msg_key_exchange_rsp;

/* FINISH (§10.17). header.param1 bit 0: a signature is included; param2: its slot. Encoding as with KEY_EXCHANGE_RSP. */
#define SPDM_FINISH_SIGNED 0x01u

struct spdm_finish {
    struct spdm_header header;
    uint16_t opaque_len;            /* 1.4; at most SPDM_OPAQUE_MAX */
    const uint8_t *opaque;
    size_t signed_len;              /* where the signature, or else the verify data, begins */
    const uint8_t *signature;       /* p->req_asym->signature_size; NULL if not included */
    size_t verified_len;            /* where the verify data begins */
    const uint8_t *verify_data;
};

struct spdm_finish_rsp {
    struct spdm_header header;
    uint16_t opaque_len;            /* 1.4 */
    const uint8_t *opaque;
    size_t signed_len;              /* where the verify data begins */
    const uint8_t *verify_data;     /* with the handshake in the clear only */
};

extern const struct spdm_message spdm_msg_finish, spdm_msg_finish_rsp;

/* KEY_EXCHANGE_RSP's MutAuthRequested: one of these, or 0. */
#define SPDM_MUT_AUTH          0x01u   /* the requester's chain or public key is known: FINISH is signed, no more */
#define SPDM_MUT_AUTH_ENCAP    0x02u   /* first the requester asks for encapsulated requests */
#define SPDM_MUT_AUTH_DIGESTS  0x04u   /* the same, with the first one understood: GET_DIGESTS */
#define SPDM_SLOT_PARAM_MASK   0x0fu   /* SlotIDParam; 0xf: the provisioned public key */

/*
 * GET_ENCAPSULATED_REQUEST is a struct spdm_plain. ENCAPSULATED_REQUEST (§10.22), DELIVER_ENCAPSULATED_RESPONSE and its
 * ENCAPSULATED_RESPONSE_ACK (§10.23) carry a whole message of the other direction. header.param1: request id; of the
 * ACK param2: SPDM_ENCAP_*. To encode, give inner and in, or message.
 */
#define SPDM_ENCAP_ABSENT  0u   /* no more requests */
#define SPDM_ENCAP_PRESENT 1u
#define SPDM_ENCAP_SLOT    2u   /* no more requests; use this slot */

struct spdm_encapsulated {
    struct spdm_header header;
    uint8_t ack_id;                     /* ACK, 1.2: the request id that is acknowledged */
    uint8_t slot;                       /* ACK with SPDM_ENCAP_SLOT */
    const uint8_t *message;             /* padding of the transport perhaps included */
    size_t message_len;
    const struct spdm_message *inner;
    const void *in;
};

extern const struct spdm_message spdm_msg_get_encapsulated_request, spdm_msg_encapsulated_request;
extern const struct spdm_message spdm_msg_deliver_encapsulated_response, spdm_msg_encapsulated_response_ack;

/* PSK_EXCHANGE (§10.18). header.param1: measurement summary hash type, param2: session policy (1.2). */
struct spdm_psk_exchange {
    struct spdm_header header;
    uint16_t req_session_id;
    uint16_t hint_len, context_len, opaque_len;   /* opaque_len at most SPDM_OPAQUE_MAX */
    const uint8_t *hint;
    const uint8_t *context;         /* the requester's: what makes the session unique */
    const uint8_t *opaque;
};

/* PSK_EXCHANGE_RSP. header.param1: HeartbeatPeriod; summary_len and the end as in KEY_EXCHANGE_RSP. */
struct spdm_psk_exchange_rsp {
    struct spdm_header header;
    uint16_t rsp_session_id;
    uint16_t context_len, opaque_len;
    uint8_t summary_len;
    const uint8_t *summary;
    const uint8_t *context;         /* none without SPDM_CAP_PSK_CONTEXT: then there is no PSK_FINISH either */
    const uint8_t *opaque;
    size_t signed_len;              /* where the verify data begins */
    const uint8_t *verify_data;     /* base hash's size */
};

extern const struct spdm_message spdm_msg_psk_exchange, spdm_msg_psk_exchange_rsp;

/* PSK_FINISH and PSK_FINISH_RSP (§10.19). Encoding ends before NULL verify data. */
struct spdm_psk_finish {
    struct spdm_header header;
    uint16_t opaque_len;            /* 1.4; at most SPDM_OPAQUE_MAX */
    const uint8_t *opaque;
    size_t verified_len;            /* where the verify data begins */
    const uint8_t *verify_data;
};

struct spdm_psk_finish_rsp {
    struct spdm_header header;
    uint16_t opaque_len;            /* 1.4 */
    const uint8_t *opaque;
};

extern const struct spdm_message spdm_msg_psk_finish, spdm_msg_psk_finish_rsp;

/* HEARTBEAT and HEARTBEAT_ACK (§10.20). */
extern const struct spdm_message spdm_msg_heartbeat, spdm_msg_heartbeat_ack;

/* KEY_UPDATE and KEY_UPDATE_ACK (§10.21). header.param1: operation, param2: tag. */
#define SPDM_KEY_UPDATE_KEY      1u
#define SPDM_KEY_UPDATE_ALL_KEYS 2u
#define SPDM_KEY_UPDATE_VERIFY   3u

extern const struct spdm_message spdm_msg_key_update, spdm_msg_key_update_ack;

/* END_SESSION and END_SESSION_ACK (§10.24). header.param1 bit 0: the responder shall not keep the negotiated state. */
extern const struct spdm_message spdm_msg_end_session, spdm_msg_end_session_ack;

#endif
