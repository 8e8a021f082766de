/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The responder: a table of requests with one gate before it, and one place
 * that turns an error into an SPDM ERROR.
 */
#ifndef SPDM_RESPONDER_H
#define SPDM_RESPONDER_H

#include "spdm/connection.h"
#include "spdm/measurements.h"
#include "spdm/message.h"
#include "spdm/services.h"

struct spdm_responder;

#define SPDM_SLOT_PROVISIONED 0xffu               /* on the wire: no slot, but a public key that the peer has beforehand */
#define SPDM_PLACE_PROVISIONED SPDM_SLOTS         /* where it is among the slots */
#define SPDM_SLOT_PLACES (SPDM_SLOTS + 1u)

/* One certificate slot of a device, or of a requester that can prove who it is. Everything is borrowed. */
struct spdm_slot {
    /* as GET_CERTIFICATE gives it: Length, Reserved, RootHash, certificates; or of a provisioned key its
       SubjectPublicKeyInfo */
    const uint8_t *chain;
    size_t chain_len;              /* at most SPDM_CHAIN_MAX */
    const struct private_key *key; /* of the leaf; the configuration offers only algorithms that it can sign with */
};

/* A request as a handler sees it. */
struct spdm_request {
    const uint8_t *data;           /* the whole message, transport padding perhaps included */
    size_t len;
    size_t consumed;               /* the message's own length, set by spdm_decode() */
    void *session;                 /* the session it came in, NULL outside; see session/responder.h */
    struct hash *l1l2;             /* of that session, or of the connection; NULL: the session has none */
};

/* Where the gate appends a request and its response once the handler has succeeded. */
enum spdm_noted {
    SPDM_NOTED_NOWHERE,   /* or by the handler itself, with spdm_responder_note() */
    SPDM_NOTED_VCA,       /* message A */
    SPDM_NOTED_M1M2,      /* message B, unless it came in a session */
};

/*
 * One row of the table. The handler decodes request->data, acts, and writes its response to w.
 * It appends to the transcript through spdm_responder_note() only. On failure it returns an error:
 * the gate answers with the SPDM ERROR that belongs to it (spdm_error_for()) and undoes nothing, so
 * a handler changes state only when it cannot fail any more, which includes that write_done(w) says that all fits.
 */
struct spdm_handler {
    uint8_t code;
    uint8_t first_version;
    const char *name;
    uint32_t needs;                /* SPDM_CAP_* of which the responder must have announced one; 0: none */
    uint8_t states;                /* bit mask of 1 << enum spdm_state */
    bool in_session, out_session;  /* where it may come */
    enum spdm_noted noted;
    enum ide_err (*handle)(struct spdm_responder *r, struct spdm_request *request, struct writer *w);
};

/* Rows of one layer: spdm/, session/, ... Arrows point down, so the tables are put together above. */
struct spdm_handler_table {
    const struct spdm_handler *rows;
    size_t count;
};

/*
 * Answers vendor-defined requests of one registry and vendor (DSP0274 1.2 §10.13). The owner fills it, it must outlive the
 * responder, and it is in one responder's list only.
 */
struct spdm_vendor {
    uint16_t standard_id;          /* 3: PCI-SIG */
    uint8_t vendor_id_len;         /* at most SPDM_VENDOR_ID_MAX */
    uint8_t vendor_id[8];          /* as on the wire: 01 00 is PCI-SIG's own */
    bool in_session, out_session;  /* where such a request may come */
    /* Acts on the payload and writes the response's payload to w. Fails as a handler does. */
    enum ide_err (*handle)(void *context, struct spdm_responder *r, const struct spdm_request *request,
                           const uint8_t *payload, size_t len, struct writer *w);
    void *context;
    struct spdm_vendor *next;      /* set by spdm_responder_add_vendor() */
};

/* A request that was answered with ResponseNotReady. It stands in connection.tx, which a responder does not use else. */
struct spdm_pending {
    uint16_t len;                           /* 0: there is none */
    uint8_t code, token;
    const void *session;                    /* where it came, NULL outside */
};

struct spdm_responder {
    struct spdm_connection connection;
    struct spdm_slot slots[SPDM_SLOT_PLACES];   /* chain NULL: empty */
    const struct device_measurements *measurements;   /* borrowed; NULL: nothing is measured */
    const struct spdm_handler_table *tables;
    size_t table_count;
    const struct spdm_services *services;   /* borrowed; NULL: none */
    struct spdm_vendor *vendors;            /* see spdm_responder_add_vendor() */
    uint16_t last_vca, last_vca_request;    /* the last exchange in vca: where, and how long its request is */
    void *layer;                            /* of session/: its struct session_responder */
    /* called when GET_VERSION restarts the connection, so that the layers above forget too */
    void (*on_reset)(struct spdm_responder *r);
    /* of the layer above: may a request with this code come in a session as it is? NULL: any */
    bool (*session_admits)(const struct spdm_responder *r, const void *session, uint8_t code);
    /* of the layer above: where a session keeps L1/L2. NULL: no measurements in sessions */
    struct hash *(*session_l1l2)(void *session);
    /*
     * Asked before a request is served that needs a negotiated connection, and again with the same token for each
     * RESPOND_IF_READY. IDE_OK: go on. IDE_E_BUSY: Busy. IDE_E_NOT_READY: ResponseNotReady, with ready_exponent; a
     * handler may return it too, if it has changed nothing. May be NULL.
     */
    enum ide_err (*ready)(void *context, const struct spdm_request *request, uint8_t code, uint8_t token);
    void *ready_context;
    uint8_t ready_exponent;                 /* RDTExponent: the response will be ready in 2^n microseconds */
    struct spdm_pending pending;
    uint32_t too_large;                     /* how long a response would have been that has no room */
    uint8_t error_version;                  /* the ERROR's, where it is not the connection's; 0: it is */
    uint8_t error_code, error_data;         /* a handler may set the ERROR that its failure becomes; 0: by ide_err */
};

extern const struct spdm_handler_table spdm_handlers;   /* GET_VERSION to measurements */

/* borrows config, tables. */
void spdm_responder_init(struct spdm_responder *r, const struct spdm_config *config, const struct rng *rng,
                         const struct clock *clock, const struct spdm_handler_table *tables, size_t table_count);

/*
 * Answers one request. session: what it came in, or NULL. Always writes a response (an ERROR where it failed) unless
 * cap cannot even hold an ERROR; *response_len is its length. Returns what went wrong for the log
 * (connection.fault tells more), IDE_OK if the answer is no ERROR but LargeResponse. The ERROR that is due to a request
 * which came in chunks stands in the CHUNK_SEND_ACK.
 */
enum ide_err spdm_respond(struct spdm_responder *r, void *session, const uint8_t *request, size_t request_len,
                          uint8_t *response, size_t cap, size_t *response_len);

/* Forgets what is under way in a session that ends; NULL: outside all of them. */
void spdm_responder_session_ended(struct spdm_responder *r, const void *session);

/* Makes r answer v's vendor-defined requests. Borrows v. */
void spdm_responder_add_vendor(struct spdm_responder *r, struct spdm_vendor *v);

/*
 * For responses that are signed: appends the request, and what of the response stands in w, to a running hash. A
 * signature written after it is appended with hash_update() if the transcript wants it.
 */
enum ide_err spdm_responder_note(struct hash *hash, const struct spdm_request *request,
                                 const struct writer *w) MUST_USE;

/* The ERROR code that an internal error becomes (DSP0274 1.2 §10.11 table). */
uint8_t spdm_error_for(enum ide_err err);

#endif
