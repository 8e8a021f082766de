/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The messages of spdm/, one struct and one descriptor each. Fields have the
 * specification's order; pointers borrow from the buffer that was decoded, or
 * from the caller while encoding. Sizes are in bytes. The sections are those
 * of DSP0274 1.2; fields that later versions added say so.
 */
#ifndef SPDM_MESSAGES_H
#define SPDM_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/message.h"

#define SPDM_NONCE_SIZE        32u
#define SPDM_CONTEXT_SIZE      8u     /* RequesterContext, from 1.3 on */
#define SPDM_OPAQUE_MAX        1024u
#define SPDM_TRANSFER_SIZE_MIN 42u    /* MinDataTransferSize (§10.4) */
#define SPDM_CHAIN_MAX         65535u /* a chain's length has 16 bits (§10.7) */
#define SPDM_CT_EXPONENT_MAX   31u

/* A message that is its header: GET_VERSION, GET_DIGESTS, and RESPOND_IF_READY (param1: request code, param2: token). */
struct spdm_plain {
    struct spdm_header header;
};

extern const struct spdm_message spdm_msg_get_version, spdm_msg_get_digests, spdm_msg_respond_if_ready;

/* VERSION (§10.3). Encodes at least one entry; decode refuses a count of 0. */
struct spdm_version {
    struct spdm_header header;
    uint8_t count;
    const uint8_t *entries;   /* count times 2 bytes, little-endian: major.minor.update.alpha, 4 bits each */
};

extern const struct spdm_message spdm_msg_version;

/* GET_CAPABILITIES and CAPABILITIES (§10.4). Decode bounds CTExponent and the two sizes, not the flags. */
struct spdm_capabilities {
    struct spdm_header header;
    uint8_t ct_exponent;            /* at most SPDM_CT_EXPONENT_MAX */
    uint16_t ext_flags;             /* 1.4 */
    uint32_t flags;                 /* SPDM_CAP_* */
    uint32_t data_transfer_size;    /* 1.2; at least SPDM_TRANSFER_SIZE_MIN */
    uint32_t max_message_size;      /* 1.2; at least data_transfer_size */
};

extern const struct spdm_message spdm_msg_get_capabilities, spdm_msg_capabilities;

/* AlgType of an algorithm structure (§10.5). */
enum spdm_algorithm_type {
    SPDM_ALGORITHM_DHE = 2,
    SPDM_ALGORITHM_AEAD = 3,
    SPDM_ALGORITHM_REQ_ASYM = 4,
    SPDM_ALGORITHM_KEY_SCHEDULE = 5,
    SPDM_ALGORITHM_REQ_PQC = 6,   /* 1.4 */
    SPDM_ALGORITHM_KEM = 7,       /* 1.4 */
    SPDM_ALGORITHM_TYPES,
};

#define SPDM_OTHER_PARAMS_OPAQUE 0x0fu   /* opaque data formats */
#define SPDM_OPAQUE_FORMAT_1     0x02u
#define SPDM_MULTI_KEY_CONN      0x10u   /* 1.3; in the request: the responder's, in the response: the requester's */

/*
 * NEGOTIATE_ALGORITHMS and ALGORITHMS (§10.5): what is offered, and what is selected of it.
 * header.param1 is the number of algorithm structures; when encoding it must be the number of bits in present.
 */
struct spdm_algorithms {
    struct spdm_header header;
    uint8_t measurement_spec;
    uint8_t other_params;         /* 1.2 */
    uint8_t mel_spec;             /* 1.3 */
    uint32_t measurement_hash;    /* ALGORITHMS only */
    uint32_t base_asym, base_hash;
    uint32_t pqc_asym;            /* 1.4 */
    uint8_t ext_asym_count, ext_hash_count;
    const uint8_t *ext;           /* 4 bytes each, ext_asym before ext_hash */
    uint8_t present;              /* 1 << AlgType of the structures that are there */
    uint16_t structure[SPDM_ALGORITHM_TYPES];   /* AlgSupported, by AlgType */
    bool unknown_structure;       /* there was one of another type: skipped */
    bool ext_structure;           /* a structure carried extended algorithms: skipped */
};

extern const struct spdm_message spdm_msg_negotiate_algorithms, spdm_msg_algorithms;

/* DIGESTS (§10.6). header.param2 is the slot mask; from 1.3 on param1 is the mask of supported slots. */
struct spdm_digests {
    struct spdm_header header;
    const uint8_t *digests;   /* one of the base hash's size for each bit of the slot mask, in slot order */
    const uint8_t *keys;      /* with p->multi_key, for each such bit: KeyPairID (1), CertificateInfo (1), KeyUsage (2) */
};

extern const struct spdm_message spdm_msg_digests;

/* GET_CERTIFICATE (§10.7). header.param1 bits 3:0 are the slot; SPDM_LARGE_CHAIN (1.4) makes the lengths 32 bits. */
struct spdm_get_certificate {
    struct spdm_header header;
    uint32_t offset, length;
};

/* CERTIFICATE: a portion of the chain and how much follows it. */
struct spdm_certificate {
    struct spdm_header header;
    uint32_t portion_length, remainder_length;
    const uint8_t *portion;
};

extern const struct spdm_message spdm_msg_get_certificate, spdm_msg_certificate;

#define SPDM_SLOT_MASK           0x0fu
#define SPDM_LARGE_CHAIN         0x80u
#define SPDM_SUMMARY_NONE        0x00u
#define SPDM_SUMMARY_TCB         0x01u
#define SPDM_SUMMARY_ALL         0xffu
#define SPDM_CHALLENGE_MUT_AUTH  0x80u   /* CHALLENGE_AUTH param1: BasicMutAuthReq */

/* CHALLENGE (§10.8). header.param1 is the slot, param2 the measurement summary hash type (SPDM_SUMMARY_*). */
struct spdm_challenge {
    struct spdm_header header;
    uint8_t nonce[SPDM_NONCE_SIZE];
    uint8_t context[SPDM_CONTEXT_SIZE];   /* 1.3 */
};

/*
 * CHALLENGE_AUTH (§10.8). The message does not say whether a measurement summary hash is in it: the caller does, by
 * summary_len (0 or the base hash's size), before decoding and before encoding. signature has p->asym->signature_size.
 */
struct spdm_challenge_auth {
    struct spdm_header header;        /* param1 bits 3:0: slot, bit 7: BasicMutAuthReq; param2: slot mask */
    const uint8_t *chain_hash;        /* base hash's size */
    const uint8_t *nonce;             /* SPDM_NONCE_SIZE */
    uint8_t summary_len;
    const uint8_t *summary;
    uint16_t opaque_len;              /* at most SPDM_OPAQUE_MAX */
    const uint8_t *opaque;
    const uint8_t *context;           /* 1.3: SPDM_CONTEXT_SIZE */
    size_t signed_len;
    const uint8_t *signature;         /* NULL when encoding: ends before it */
};

extern const struct spdm_message spdm_msg_challenge, spdm_msg_challenge_auth;

#define SPDM_MEASUREMENTS_SIGNED     0x01u   /* GET_MEASUREMENTS param1: SignatureRequested */
#define SPDM_MEASUREMENTS_RAW        0x02u   /* RawBitStreamRequested, 1.2 */
#define SPDM_MEASUREMENTS_CHANGED(m) ((m) >> 4 & 3u)   /* MEASUREMENTS param2, 1.2: content changed */

/* GET_MEASUREMENTS (§10.11). header.param1: attributes, param2: an index, SPDM_MEASUREMENT_COUNT or _ALL. */
struct spdm_get_measurements {
    struct spdm_header header;
    uint8_t nonce[SPDM_NONCE_SIZE];       /* with SPDM_MEASUREMENTS_SIGNED only */
    uint8_t slot;                         /* 1.1; likewise */
    uint8_t context[SPDM_CONTEXT_SIZE];   /* 1.3 */
};

/*
 * MEASUREMENTS. Whether it is signed the message does not say: the caller does, before decoding. The signature has
 * p->asym->signature_size; when encoding NULL ends before it.
 */
struct spdm_measurements {
    struct spdm_header header;        /* param1: how many there are, if asked; param2: slot, content changed */
    uint8_t count;                    /* blocks */
    uint32_t record_len;              /* 24 bits */
    const uint8_t *record;            /* see spdm_measurement_next() */
    const uint8_t *nonce;             /* SPDM_NONCE_SIZE */
    uint16_t opaque_len;              /* at most SPDM_OPAQUE_MAX */
    const uint8_t *opaque;
    const uint8_t *context;           /* 1.3: SPDM_CONTEXT_SIZE */
    bool has_signature;
    size_t signed_len;
    const uint8_t *signature;
};

extern const struct spdm_message spdm_msg_get_measurements, spdm_msg_measurements;

/* GET_MEASUREMENT_EXTENSION_LOG and MEASUREMENT_EXTENSION_LOG (1.3). */
struct spdm_get_mel {
    struct spdm_header header;
    uint32_t offset, length;
};

struct spdm_mel {
    struct spdm_header header;
    uint32_t portion_length, remainder_length;
    const uint8_t *portion;
};

extern const struct spdm_message spdm_msg_get_mel, spdm_msg_mel;

/* ERROR (§10.11). header.param1 is the error code, param2 the error data. */
struct spdm_error {
    struct spdm_header header;
    const uint8_t *extended;   /* ExtendedErrorData, at most 32; ResponseNotReady: RDTExponent, RequestCode, Token, RDTM */
    size_t extended_len;
};

extern const struct spdm_message spdm_msg_error;

/*
 * CHUNK_SEND and CHUNK_RESPONSE (1.2, §10.26). header.param1: SPDM_CHUNK_LAST; param2: handle. The number of a chunk has
 * 16 bits before 1.4 and 32 bits from then on; the first chunk, number 0, says how long the whole message is.
 */
#define SPDM_CHUNK_LAST        0x01u
#define SPDM_CHUNK_EARLY_ERROR 0x01u   /* CHUNK_SEND_ACK param1 */

struct spdm_chunk {
    struct spdm_header header;
    uint32_t sequence;
    uint32_t size;
    uint32_t total;           /* LargeMessageSize, in chunk 0 only */
    const uint8_t *data;
};

extern const struct spdm_message spdm_msg_chunk_send, spdm_msg_chunk_response;

/* CHUNK_SEND_ACK. Behind it stands the response to the large request, once that is complete; encoding ends before it. */
struct spdm_chunk_send_ack {
    struct spdm_header header;
    uint32_t sequence;
    const uint8_t *response;
    size_t response_len;      /* the transport's padding included */
};

extern const struct spdm_message spdm_msg_chunk_send_ack;

struct spdm_chunk_get {
    struct spdm_header header;
    uint32_t sequence;
};

extern const struct spdm_message spdm_msg_chunk_get;

/* VENDOR_DEFINED_REQUEST and VENDOR_DEFINED_RESPONSE (§10.13). */
#define SPDM_VENDOR_ID_MAX 8u

struct spdm_vendor_defined {
    struct spdm_header header;
    uint16_t standard_id;       /* registry: 3 is PCI-SIG */
    uint8_t vendor_id_len;
    const uint8_t *vendor_id;
    uint16_t payload_len;
    const uint8_t *payload;
};

extern const struct spdm_message spdm_msg_vendor_defined_request, spdm_msg_vendor_defined_response;

#endif
