/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests that a device's owner answers: certificates and their signing requests (1.2), key pairs, what the endpoint
 * is, events (1.3). One struct and one descriptor a message as in spdm/messages.h, the requester's steps, and the ops
 * that a responder calls. What an op gives back as an error becomes the ERROR that belongs to it (spdm_error_for()), so
 * it may also say IDE_E_BUSY, IDE_E_NOT_READY or IDE_E_RESET; one that fails has changed nothing.
 */
#ifndef SPDM_SERVICES_H
#define SPDM_SERVICES_H

#include <stdint.h>

#include "spdm/message.h"
#include "spdm/messages.h"

/* What a certificate is for (1.3 table "CertificateInfo"): CertModel. */
enum spdm_cert_model { SPDM_CERT_NONE, SPDM_CERT_DEVICE, SPDM_CERT_ALIAS, SPDM_CERT_GENERIC };

/* GET_CSR (1.2 §10.24). From 1.3 on header.param1 is the KeyPairID and param2 has attributes. */
#define SPDM_CSR_MODEL_MASK 0x07u
#define SPDM_CSR_TAG_SHIFT  3u
#define SPDM_CSR_TAG_MASK   0x38u
#define SPDM_CSR_OVERWRITE  0x80u

struct spdm_get_csr {
    struct spdm_header header;
    uint16_t info_len, opaque_len;
    const uint8_t *info;          /* RequesterInfo, for the PKCS #10 request's attributes: the owner's to check */
    const uint8_t *opaque;        /* at most SPDM_OPAQUE_MAX */
};

struct spdm_csr {
    struct spdm_header header;
    uint16_t len;
    const uint8_t *csr;           /* PKCS #10, DER */
};

extern const struct spdm_message spdm_msg_get_csr, spdm_msg_csr;

/* SET_CERTIFICATE (1.2 §10.25). header.param1 bits 3:0: slot; 1.3: 6:4 CertModel, 7: erase; param2: KeyPairID. */
#define SPDM_SET_CERT_MODEL_SHIFT 4u
#define SPDM_SET_CERT_MODEL_MASK  0x70u
#define SPDM_SET_CERT_ERASE       0x80u

struct spdm_set_certificate {
    struct spdm_header header;
    uint32_t chain_len;           /* 0 when erasing; the chain's own Length says the same */
    const uint8_t *chain;         /* Length, Reserved, RootHash, certificates */
};

/* The answer is a struct spdm_plain: param1 is the slot. */
extern const struct spdm_message spdm_msg_set_certificate, spdm_msg_set_certificate_rsp;

/* GET_KEY_PAIR_INFO and KEY_PAIR_INFO (1.3). */
#define SPDM_KEY_PAIR_GEN       (1u << 0)   /* capabilities */
#define SPDM_KEY_PAIR_ERASABLE  (1u << 1)
#define SPDM_KEY_PAIR_ASSOC     (1u << 2)
#define SPDM_KEY_PAIR_USAGE     (1u << 3)
#define SPDM_KEY_PAIR_ASYM      (1u << 4)
#define SPDM_KEY_PAIR_SHAREABLE (1u << 5)

struct spdm_get_key_pair_info {
    struct spdm_header header;
    uint8_t id;
};

struct spdm_key_pair_info {
    struct spdm_header header;
    uint8_t total, id;            /* ids go from 1 to total */
    uint16_t capabilities, usage_capabilities, usage;
    uint32_t asym_capabilities, asym;   /* bits of their own, see the specification */
    uint8_t slots;                /* mask of the certificate slots that use it */
    uint16_t public_key_info_len;
    const uint8_t *public_key_info;     /* AlgorithmIdentifier, DER */
    uint32_t pqc_capabilities, pqc;     /* 1.4 */
};

extern const struct spdm_message spdm_msg_get_key_pair_info, spdm_msg_key_pair_info;

/* SET_KEY_PAIR_INFO (1.3). header.param1: operation. The answer is a struct spdm_plain. */
enum spdm_key_pair_operation { SPDM_KEY_PAIR_CHANGE, SPDM_KEY_PAIR_ERASE, SPDM_KEY_PAIR_GENERATE };

struct spdm_set_key_pair_info {
    struct spdm_header header;
    uint8_t id;
    uint16_t usage;               /* these are what is desired; 0: as it is */
    uint32_t asym;
    uint8_t slots;
    uint32_t pqc;                 /* 1.4 */
};

extern const struct spdm_message spdm_msg_set_key_pair_info, spdm_msg_set_key_pair_info_ack;

/* GET_ENDPOINT_INFO and ENDPOINT_INFO (1.3). header.param1: SubCode, param2 bits 3:0: slot that signs. */
#define SPDM_ENDPOINT_DEVICE_CLASS 0x01u   /* SubCode DeviceClassIdentifier */
#define SPDM_ENDPOINT_SIGNED       0x01u   /* attributes */

struct spdm_get_endpoint_info {
    struct spdm_header header;
    uint8_t attributes;
    uint8_t nonce[SPDM_NONCE_SIZE];        /* if it is to be signed */
};

/* Whether there is a signature the message does not say: the caller does, before decoding and encoding. */
struct spdm_endpoint_info {
    struct spdm_header header;             /* param2 bits 3:0: slot */
    bool is_signed;
    const uint8_t *nonce;                  /* SPDM_NONCE_SIZE */
    uint32_t info_len;
    const uint8_t *info;
    size_t signed_len;
    const uint8_t *signature;              /* NULL when encoding: ends before it */
};

extern const struct spdm_message spdm_msg_get_endpoint_info, spdm_msg_endpoint_info;

/*
 * GET_SUPPORTED_EVENT_TYPES, SUBSCRIBE_EVENT_TYPES and their answers (1.3), in sessions only. header.param1 is the number
 * of event groups in the list; 0 groups, no list: no event any more. The first message and the last are struct spdm_plain.
 */
struct spdm_event_groups {
    struct spdm_header header;
    uint32_t len;
    const uint8_t *list;
};

extern const struct spdm_message spdm_msg_get_supported_event_types, spdm_msg_supported_event_types;
extern const struct spdm_message spdm_msg_subscribe_event_types, spdm_msg_subscribe_event_types_ack;

/* SEND_EVENT (1.3), in sessions only. The answer is a struct spdm_plain. */
struct spdm_send_event {
    struct spdm_header header;
    uint32_t count;               /* at least 1 */
    size_t len;
    const uint8_t *events;        /* one after the other, see spdm_event_read() */
};

extern const struct spdm_message spdm_msg_send_event, spdm_msg_event_ack;

struct spdm_event {
    uint32_t instance;            /* each one more than the one before */
    uint8_t registry, vendor_id_len;
    const uint8_t *vendor_id;
    uint16_t type;
    uint16_t detail_len;
    const uint8_t *detail;
};

void spdm_event_read(struct reader *r, struct spdm_event *event);
void spdm_event_write(struct writer *w, const struct spdm_event *event);

/* What a device's owner does. An op that is NULL is not supported. session: where the request came, NULL outside. */
struct spdm_services {
    void *context;
    /* Writes the certificate signing request to w. */
    enum ide_err (*make_csr)(void *context, const struct spdm_get_csr *request, struct writer *w);
    /* Stores the chain of a slot, or erases it, for good: the owner looks at the chain, who asked, and in which session. */
    enum ide_err (*set_certificate)(void *context, const void *session, const struct spdm_set_certificate *request);
    /* Fills out, total at least; out->id is the id. Whether there is one with this id, the caller looks. */
    enum ide_err (*key_pair)(void *context, uint8_t id, struct spdm_key_pair_info *out);
    /* What the capabilities of the key pair allow has been looked at. */
    enum ide_err (*set_key_pair)(void *context, const void *session, const struct spdm_set_key_pair_info *request);
    /* Writes the endpoint's information for a SubCode. IDE_E_UNSUPPORTED: it has none. */
    enum ide_err (*endpoint_info)(void *context, uint8_t sub_code, struct writer *w);
    /* Writes the list of event groups, and says how many they are. */
    enum ide_err (*event_types)(void *context, const void *session, struct writer *w, uint8_t *groups);
    enum ide_err (*subscribe)(void *context, const void *session, const struct spdm_event_groups *request);
    /* Takes one event; all of them were read before the first is given. */
    void (*event)(void *context, const void *session, const struct spdm_event *event);
};

/*
 * The requester's steps, over a channel in or out of a session. What they give borrows from connection->rx or ->large,
 * until the next exchange. IDE_E_PEER_ERROR with SPDM_ERROR_RESET_REQUIRED: the device wants a reset, then the request
 * again (error data: the tag to ask with).
 */
enum ide_err spdm_get_csr(struct spdm_connection *c, const struct spdm_channel *channel,
                          const struct spdm_get_csr *request, struct spdm_csr *csr) MUST_USE;
enum ide_err spdm_set_certificate(struct spdm_connection *c, const struct spdm_channel *channel,
                                  const struct spdm_set_certificate *request) MUST_USE;
enum ide_err spdm_get_key_pair_info(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t id,
                                    struct spdm_key_pair_info *info) MUST_USE;
enum ide_err spdm_set_key_pair_info(struct spdm_connection *c, const struct spdm_channel *channel,
                                    const struct spdm_set_key_pair_info *request) MUST_USE;
/* Signed by the key of the verified chain (c->peer), if the peer can sign; else not. */
enum ide_err spdm_get_endpoint_info(struct spdm_connection *c, const struct spdm_channel *channel, uint8_t sub_code,
                                    const uint8_t **info, size_t *info_len) MUST_USE;
enum ide_err spdm_get_supported_event_types(struct spdm_connection *c, const struct spdm_channel *channel,
                                            struct spdm_event_groups *groups) MUST_USE;
enum ide_err spdm_subscribe_event_types(struct spdm_connection *c, const struct spdm_channel *channel,
                                        const struct spdm_event_groups *groups) MUST_USE;
enum ide_err spdm_send_event(struct spdm_connection *c, const struct spdm_channel *channel,
                             const struct spdm_send_event *events) MUST_USE;

#endif
