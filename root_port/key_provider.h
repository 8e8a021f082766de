/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What gives a port its IDE keys. One ops struct with several implementations:
 * IDE_KM through the port's own DOE mailbox (provider_doe.c) or through that of
 * a platform root of trust (provider_rot.c), and an Intel Key Configuration Unit
 * (provider_kcu.c). An endpoint's keys come the same way as
 * a root port's, so both ends of a stream look alike from above, and nothing
 * above asks which implementation it is.
 */
#ifndef ROOT_PORT_KEY_PROVIDER_H
#define ROOT_PORT_KEY_PROVIDER_H

#include <stdbool.h>
#include <stdint.h>

#include "ide_km/ide_km.h"
#include "root_port/spdm_port.h"

/* What there is to say about a provider. */
struct key_provider_status {
    bool ready;                /* keys can be programmed now */
    uint32_t session;          /* differs each time the provider was opened; 0 if it is not open */
    uint64_t records;          /* that one direction of the session has carried under its key, at most */
    struct spdm_params params; /* what was negotiated; version is 0 if the provider needs no SPDM */
    bool psk, public_key;      /* how the session began: not by a certificate, but by a key that was given */
    bool mutual, in_the_clear; /* the port knows who we are; the handshake was not in records */
    uint16_t secured_version;  /* of its records: 0x1100 is 1.1; 0 without a session */
    bool shared;               /* the session gives other ports their keys, too */
    int64_t not_after;         /* unix seconds: the earliest end in the chain that the port showed; 0: it showed none */
};

/*
 * Every op fills fault when it fails. A target's port index is the provider's own business: it is not looked
 * at. After a failure that costs the session (no answer, a record that is not authentic) status says that it
 * is not ready.
 */
struct key_provider_ops {
    const char *name; /* "doe": for people */
    /* Learns who answers, and that it may be trusted. Says nothing to a provider that is ready already, but
     * holds what it showed then against trust again. in_use: streams live on keys that came through it, so
     * nothing may be done that makes the port forget them. */
    enum ide_err (*authenticate)(void *context, const struct trust *trust, bool in_use,
                                 struct ide_fault *fault);
    /* Makes it ready. After authenticate. */
    enum ide_err (*open)(void *context, struct ide_fault *fault);
    /* What the port says of itself; changes nothing. */
    enum ide_err (*query)(void *context, struct ide_km_query_resp *out, struct ide_fault *fault);
    enum ide_err (*program_key)(void *context, const struct ide_km_target *target, const struct ide_key *key,
                                struct ide_fault *fault);
    /* All six keys of a key set have been programmed, and none of it is in use yet: gets them ready. */
    enum ide_err (*prime)(void *context, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault);
    /* The sub-stream uses the key that was programmed; other key sets stay as they are. */
    enum ide_err (*go)(void *context, const struct ide_km_target *target, struct ide_fault *fault);
    /* The key is forgotten. A port may be unable to: IDE_E_PEER_ERROR or IDE_E_KM_REFUSED. */
    enum ide_err (*stop)(void *context, const struct ide_km_target *target, struct ide_fault *fault);
    /* On: between the endpoint's enable bit and the port's own. Off: after the port's own, before the
     * endpoint's; nothing then talks to the endpoint. Off for a stream that is not there is no error. */
    enum ide_err (*enable)(void *context, uint8_t stream_id, bool on, struct ide_fault *fault);
    void (*status)(void *context, struct key_provider_status *out);
    /* In how many ms keep_alive has to be called, or what is open ends and the port forgets its keys;
     * UINT64_MAX: never. */
    uint64_t (*due_ms)(void *context);
    enum ide_err (*keep_alive)(void *context, struct ide_fault *fault);
    /* The session, if there is one, gets new keys and counts its records anew. Nothing where the port cannot do that. */
    enum ide_err (*renew)(void *context, struct ide_fault *fault);
    /* The end: the port forgets every key that came through this provider. Never fails. */
    void (*close)(void *context);
};

struct key_provider {
    const struct key_provider_ops *ops;
    void *context;
};

/* IDE_KM in the session of a port's own mailbox; for endpoints and root ports. Borrows port. */
struct key_provider key_provider_doe(struct spdm_port *port);

/* A key configuration unit; for the root ports that it serves. Borrows port. */
struct kcu_port;
struct key_provider key_provider_kcu(struct kcu_port *port);

/* A platform root of trust; for the root ports that it serves. Borrows port. */
struct rot_port;
struct key_provider key_provider_rot(struct rot_port *port);

#endif
