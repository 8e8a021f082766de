/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One SPDM connection: what was agreed, what was said, and whom we talk to.
 * One struct that the caller owns, the same for requester and responder.
 */
#ifndef SPDM_CONNECTION_H
#define SPDM_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spdm/algorithms.h"
#include "spdm/crypto.h"
#include "spdm/error.h"
#include "spdm/identity.h"
#include "spdm/transport.h"

#define SPDM_VERSION_10 0x10
#define SPDM_VERSION_11 0x11
#define SPDM_VERSION_12 0x12
#define SPDM_VERSION_13 0x13
#define SPDM_VERSION_14 0x14

/* DataTransferSize: the longest SPDM message that we receive in one piece (DSP0274 1.2 §10.4). */
#define SPDM_TRANSFER_SIZE 4608u

/* Room before a message for the DOE header, session id, record length and application data length. */
#define SPDM_HEADROOM 16u
/* Room behind it for random padding, tag and the DOE padding to a dword. */
#define SPDM_TAILROOM 64u
#define SPDM_BUFFER_SIZE (SPDM_HEADROOM + SPDM_TRANSFER_SIZE + SPDM_TAILROOM)

/* GET_VERSION to ALGORITHMS, both directions. */
#define SPDM_VCA_MAX 1024u

/* Capability flags (DSP0274 1.2 tables "Requester/Responder flag fields definitions"). */
#define SPDM_CAP_CACHE (1u << 0)             /* responder only */
#define SPDM_CAP_CERT (1u << 1)
#define SPDM_CAP_CHAL (1u << 2)
#define SPDM_CAP_MEAS_NO_SIG (1u << 3)       /* responder only, 2 bits */
#define SPDM_CAP_MEAS_SIG (2u << 3)
#define SPDM_CAP_MEAS_MASK (3u << 3)
#define SPDM_CAP_MEAS_FRESH (1u << 5)
#define SPDM_CAP_ENCRYPT (1u << 6)
#define SPDM_CAP_MAC (1u << 7)
#define SPDM_CAP_MUT_AUTH (1u << 8)
#define SPDM_CAP_KEY_EX (1u << 9)
#define SPDM_CAP_PSK_MASK (3u << 10)
#define SPDM_CAP_PSK (1u << 10)              /* requester; responder without a context of its own: no PSK_FINISH */
#define SPDM_CAP_PSK_CONTEXT (2u << 10)      /* responder only */
#define SPDM_CAP_ENCAP (1u << 12)
#define SPDM_CAP_HBEAT (1u << 13)
#define SPDM_CAP_KEY_UPD (1u << 14)
#define SPDM_CAP_HANDSHAKE_CLEAR (1u << 15)
#define SPDM_CAP_PUB_KEY_ID (1u << 16)
#define SPDM_CAP_CHUNK (1u << 17)
#define SPDM_CAP_SET_CERT (1u << 19)         /* 1.2, responder only */
#define SPDM_CAP_CSR (1u << 20)              /* 1.2, responder only */
#define SPDM_CAP_CERT_INSTALL_RESET (1u << 21)   /* 1.2, responder only */
#define SPDM_CAP_EP_INFO_NO_SIG (1u << 22)   /* 1.3, 2 bits */
#define SPDM_CAP_EP_INFO_SIG (2u << 22)
#define SPDM_CAP_EP_INFO_MASK (3u << 22)
#define SPDM_CAP_EVENT (1u << 25)            /* 1.3 */
#define SPDM_CAP_GET_KEY_PAIR (1u << 28)     /* 1.3, responder only */
#define SPDM_CAP_SET_KEY_PAIR (1u << 29)     /* 1.3, responder only */
#define SPDM_CAP_MEL (1u << 24)              /* 1.3, responder only */
#define SPDM_CAP_MULTI_KEY_MASK (3u << 26)   /* 1.3, 2 bits */
#define SPDM_CAP_MULTI_KEY_ONLY (1u << 26)

enum spdm_role { SPDM_REQUESTER, SPDM_RESPONDER };

/* How far negotiation has come. Requests are only legal in some states (responder.h). */
enum spdm_state {
    SPDM_NOT_STARTED,
    SPDM_AFTER_VERSION,
    SPDM_AFTER_CAPABILITIES,
    SPDM_NEGOTIATED,
};

struct spdm_policy;

/* What this side offers. Constant, may serve many connections. */
struct spdm_config {
    uint8_t version_min, version_max;   /* inclusive; 0x12 is 1.2 */
    uint8_t secured_min, secured_max;   /* the same of secured messages, DSP0277; both 0: all that there are */
    uint8_t ct_exponent;
    uint32_t flags;                     /* SPDM_CAP_* */
    uint32_t base_asym, base_hash;      /* SPDM_ASYM_*, SPDM_HASH_* */
    uint16_t dhe, aead, req_asym, key_schedule;
    const struct spdm_policy *policy;   /* of these, what may be used, and what rather (policy.h); NULL: the strongest */
    uint8_t measurement_spec;           /* bit 0: DMTF */
    uint32_t measurement_hash;          /* responder: MeasurementHashAlgo, one SPDM_MEASUREMENT_HASH_* */
    uint8_t mel_spec;                   /* 1.3; bit 0: DMTF */
    uint8_t summary_type;               /* requester: the measurement summary hash to ask for, SPDM_SUMMARY_* */
    uint32_t transfer_size;             /* DataTransferSize that is announced, at least 42; 0: SPDM_TRANSFER_SIZE, the most */
    uint32_t timeout_ms;                /* requester: the most one exchange may take, but for the peer's CT; 0: 1000 */
    uint32_t busy_retries;              /* requester: how often BUSY and ResponseNotReady are waited for */
};

/*
 * What CMA and IDE ask for, as in spdm_policy_cma (policy.h), in every version that there is; the responder leaves RSASSA
 * 3072 out.
 */
extern const struct spdm_config spdm_config_requester, spdm_config_responder;

/* What both sides agreed on. Rows are NULL where nothing was agreed. */
struct spdm_params {
    uint8_t version;                  /* 0x12 */
    const struct hash_info *hash;
    const struct asym_info *asym, *req_asym;
    const struct dhe_info *dhe;
    const struct aead_info *aead;
    uint8_t opaque_format;            /* 0: none or 1.1's, 1: OpaqueDataFmt1 */
    bool multi_key;                   /* 1.3: the responder has several keys, DIGESTS says which (MULTI_KEY_CONN_RSP) */
    uint8_t measurement_spec;
    uint8_t measurement_hash_size;    /* 0: measurements are raw bit streams only */
    const struct hash_info *measurement_hash;   /* NULL: none, or not in this build */
    uint8_t mel_spec;
    uint32_t flags_requester, flags_responder;
    uint8_t peer_ct_exponent;         /* bounded: at most 31 */
    uint32_t peer_transfer_size, peer_message_size;   /* 0 before 1.2 */
};

struct spdm_connection;

/*
 * Carries one request and brings its response: in the clear (secured_cma/doe.h)
 * or within a session (session/session.h).
 *
 * The request stands at connection->tx + SPDM_HEADROOM and may be altered; the
 * response is given as a pointer into connection->rx. *response_len may count
 * the padding of the transport.
 */
struct spdm_channel {
    enum ide_err (*exchange)(void *context, struct spdm_connection *connection, size_t request_len,
                             const uint8_t **response, size_t *response_len, uint32_t timeout_ms);
    void *context;
    bool secured;
    struct hash *l1l2;   /* of a session; outside sessions NULL: the connection's */
};

/*
 * A message longer than one transfer, which CHUNK_SEND and CHUNK_GET carry in pieces (DSP0274 1.2 §10.26). The owner of
 * the connection gives data and cap before the negotiation; the rest is the transfer that is under way.
 */
struct spdm_large {
    uint8_t *data;         /* NULL: chunks are not offered */
    size_t cap;            /* MaxSPDMmsgSize that is announced; at least SPDM_TRANSFER_SIZE, or chunks are not offered */
    enum { SPDM_LARGE_IDLE, SPDM_LARGE_COMING, SPDM_LARGE_GOING } stage;
    size_t len, done;      /* of the whole message; of what has come or gone */
    uint32_t sequence;     /* of the next chunk */
    uint8_t handle;
    const void *session;   /* responder: the session that the transfer belongs to, NULL outside */
};

struct spdm_slot;   /* spdm/responder.h */

/* Told when a connection is reset, so that what belongs to it, such as sessions, is forgotten in the same moment. */
struct spdm_reset_hook {
    void (*forget)(void *context);   /* may remove its own hook, no other */
    void *context;
    struct spdm_reset_hook *next;    /* set by spdm_connection_add_hook() */
};

struct spdm_connection {
    enum spdm_role role;
    enum spdm_state state;
    const struct spdm_config *config;
    struct rng rng;
    struct clock clock;
    struct spdm_channel clear;     /* requester: the way to the peer outside sessions */
    struct spdm_reset_hook *hooks; /* borrowed */

    struct spdm_params params;
    uint8_t vca[SPDM_VCA_MAX];     /* message A of DSP0274; also the head of TH and L1 */
    uint16_t vca_len;
    struct hash m1m2;              /* A, B and C so far; valid from SPDM_NEGOTIATED */
    struct hash l1l2;              /* of measurements outside sessions; HASH_NONE: null */

    /* requester: MeasurementSummaryHash of the last CHALLENGE_AUTH or KEY_EXCHANGE_RSP, of the base hash's size, verified */
    uint8_t summary_type;          /* SPDM_SUMMARY_NONE: there is none */
    uint8_t summary[HASH_SIZE_MAX];

    bool challenged;               /* a CHALLENGE has been answered; M1/M2 then outlives sessions (§10.8.3) */

    /* requester: what DIGESTS said; digests of the slots in digest_mask are valid */
    uint8_t digest_mask;
    uint8_t digests[SPDM_SLOTS][HASH_SIZE_MAX];
    uint8_t digest_param1, digest_keys[SPDM_SLOTS * 4];   /* and what it said of several keys, for TH */

    /* requester: who it is itself, for mutual authentication. SPDM_SLOT_PLACES slots, borrowed; NULL: nobody */
    const struct spdm_slot *own;

    /* the peer's chain, of a responder with mutual authentication only; the buffer is the caller's */
    uint8_t *chain;
    size_t chain_cap, chain_len;
    uint8_t chain_slot;                  /* SPDM_SLOT_PROVISIONED: chain_hash is of a public key that the caller gave */
    uint8_t chain_hash[HASH_SIZE_MAX];   /* Ct of TH: hash over the whole chain, header included */
    struct identity peer;                /* valid if peer_verified */
    bool peer_verified;

    struct spdm_large large;
    struct ide_fault fault;        /* the last failure */
    uint8_t tx[SPDM_BUFFER_SIZE];
    uint8_t rx[SPDM_BUFFER_SIZE];
};

/* Makes a connection in SPDM_NOT_STARTED. clear is used by a requester only. */
void spdm_connection_init(struct spdm_connection *c, enum spdm_role role, const struct spdm_config *config,
                          const struct rng *rng, const struct clock *clock);

/* The longest message that this side announces to take in one piece. */
size_t spdm_own_transfer_size(const struct spdm_connection *c);

/* Tells the hooks, then forgets everything that was agreed and wipes it; configuration, ops, hooks and buffers stay. */
void spdm_connection_reset(struct spdm_connection *c);

/* Borrows hook, which is in one connection's list at the most. Removing one that is not in the list does nothing. */
void spdm_connection_add_hook(struct spdm_connection *c, struct spdm_reset_hook *hook);
void spdm_connection_remove_hook(struct spdm_connection *c, const struct spdm_reset_hook *hook);

#endif
