/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Everything between us and one port that speaks SPDM through its own DOE
 * mailbox: mailbox, connection, session. Used for endpoints and root ports alike.
 */
#ifndef ROOT_PORT_SPDM_PORT_H
#define ROOT_PORT_SPDM_PORT_H

#include <stdbool.h>
#include <stdint.h>

#include "root_port/doe_mailbox.h"
#include "root_port/pcie_bdf.h"
#include "session/session.h"
#include "spdm/chain.h"
#include "spdm/requester.h"

#define SPDM_CHAIN_MAX 65535u   /* the Length field of a certificate chain has 16 bits */
#define SPDM_MESSAGE_MAX 65536u /* the longest message that comes in chunks */

/* What a port is offered, and what we and it have beforehand. All but the configuration itself is borrowed. */
struct spdm_port_settings {
    struct spdm_config spdm;
    /* who we are, if the port asks: the slots by the hash that is agreed on (enum hash_id), because the hash
       of the root is in a chain; NULL: nobody */
    const struct spdm_slot (*own)[SPDM_SLOT_PLACES];
    const struct session_psk *psk; /* sessions with this key; NULL: by KEY_EXCHANGE */
    const uint8_t *public_key;     /* the port's SubjectPublicKeyInfo, instead of a chain; NULL: a chain */
    size_t public_key_len;
};

/* Owned by the caller and used by one thread. About 150 KB; holds secrets while a session is open. */
struct spdm_port {
    struct pcie_config config;
    const struct wait_ops *wait; /* borrowed */
    struct doe_mailbox mailbox;
    struct doe_transport transport;
    bool mailbox_open;
    bool secured_cma; /* the mailbox carries records too */
    struct spdm_port_settings settings;
    struct drbg drbg;
    bool drbg_open;
    struct cma_ids ids;
    struct spdm_connection connection;
    struct session session;
    uint32_t generation; /* counts the sessions */
    uint8_t km_index;    /* the port that IDE_KM is about: a mailbox may serve several; the caller's */
    uint8_t chain[SPDM_CHAIN_MAX];
    uint8_t large[SPDM_MESSAGE_MAX];
};

/*
 * Nothing is read or sent yet. config, wait and what settings point to must outlive the port.
 * Errors: IDE_E_RANDOM. Close with spdm_port_close(), also after a failure.
 */
enum ide_err spdm_port_open(struct spdm_port *port, const struct pcie_config *config,
                            const struct wait_ops *wait, const struct spdm_port_settings *settings,
                            struct ide_fault *fault) MUST_USE;

/* Ends the session without a word and wipes all. */
void spdm_port_close(struct spdm_port *port);

/*
 * Learns who the port is: finds its CMA mailbox, negotiates, takes the chain of slot 0 and verifies it. That
 * it holds the key is shown by what follows: a CHALLENGE or a KEY_EXCHANGE. With a public key that was given
 * there is no chain, with a pre-shared key nothing but the negotiation: the session shows who it is. With a session open the mailbox
 * stays untouched and the chain that was verified then is verified against trust again. trust->ids is not
 * looked at: the ids are the port's. in_use: streams live that an earlier session keyed. A GET_VERSION would
 * end that session at the port (DSP0274 1.2 §10.2) and so those streams; what was agreed is kept then, if
 * there is anything. Errors: IDE_E_NO_TRUST, IDE_E_NO_DEVICE, IDE_E_NO_DOE, and those of spdm_negotiate() and
 * identity_verify().
 */
enum ide_err spdm_port_authenticate(struct spdm_port *port, const struct trust *trust, bool in_use,
                                    struct ide_fault *fault) MUST_USE;

/*
 * The same with a CHALLENGE; a session that is open stays open, and the chain is asked for again, so that
 * what is proved is what the device has now. IDE_E_CAPABILITY if the port has no CHALLENGE.
 */
enum ide_err spdm_port_attest(struct spdm_port *port, const struct trust *trust, bool in_use,
                              struct ide_fault *fault) MUST_USE;

/* Opens the session if there is none. IDE_E_NO_DOE if the mailbox carries no records. After authenticate. */
enum ide_err spdm_port_open_session(struct spdm_port *port, struct ide_fault *fault) MUST_USE;

/*
 * spdm_get_measurements(), after attest or open_session; in_session: in the port's session, which is opened if
 * there is none. IDE_E_CAPABILITY if the port measures nothing, or is to sign and cannot.
 */
enum ide_err spdm_port_measure(struct spdm_port *port, const struct spdm_measurement_request *request,
                               bool in_session, uint8_t *record, size_t cap,
                               struct spdm_measurement_result *result, struct ide_fault *fault) MUST_USE;

/* spdm_get_mel(), likewise. */
enum ide_err spdm_port_get_mel(struct spdm_port *port, bool in_session, uint8_t *mel, size_t cap, size_t *len,
                               struct ide_fault *fault) MUST_USE;

bool spdm_port_has_session(const struct spdm_port *port);

/* One of a port's mailboxes, and what it says that it carries. */
#define SPDM_PROTOCOLS_MAX 64u
struct spdm_mailbox {
    uint16_t offset;
    enum ide_err err; /* of the discovery; the rest is empty then */
    struct ide_fault fault;
    struct doe_protocol protocol[SPDM_PROTOCOLS_MAX];
    size_t count;
};

/*
 * DOE discovery at all of them; how many there are, of which at most room are looked at. The mailbox in use is asked
 * as it is, which harms no session; any other is taken into use for it.
 */
size_t spdm_port_mailboxes(struct spdm_port *port, struct spdm_mailbox *list, size_t room);

/* How many records the session has carried in one direction under its present key, in the one that carried more; 0
 * without a session. */
uint64_t spdm_port_records(const struct spdm_port *port);

/* New keys for the session in both directions (KEY_UPDATE), which counts its records anew. Nothing if there is no session
 * or the port has no KEY_UPDATE. Errors of session_key_update(). */
enum ide_err spdm_port_renew(struct spdm_port *port, struct ide_fault *fault) MUST_USE;

/* Unix seconds: when the first certificate of the chain that was verified ends; 0 if there was none. */
int64_t spdm_port_not_after(const struct spdm_port *port);

/* END_SESSION if there is a session, and forgets what was agreed. */
void spdm_port_end_session(struct spdm_port *port);

/*
 * For whoever used the session: takes err with the connection's fault, and drops the session if that error
 * means that both sides no longer count the same records. Returns err.
 */
enum ide_err spdm_port_settle(struct spdm_port *port, enum ide_err err, struct ide_fault *fault) MUST_USE;

#endif
