/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE_KM as a device answers it. The port itself (its capability, its key store) is behind an ops struct: the emulated
 * platform's model implements it.
 */
#ifndef IDE_KM_RESPONDER_H
#define IDE_KM_RESPONDER_H

#include "ide_km/ide_km.h"
#include "session/responder.h"

struct ide_km_port_ops {
    /* Fills out for the port; false: there is no such port index (the request is then not answered with success). */
    bool (*query)(void *context, uint8_t port_index, struct ide_km_query_resp *out);
    /* Takes the key, or says why not. session_id: all keys of a stream come from one session. */
    enum kp_ack_status (*key_prog)(void *context, uint32_t session_id, const struct ide_km_target *target,
                                   const struct ide_key *key);
    /* false: refused (a key of the set is missing, another session's stream, no such port or stream). */
    bool (*set_go)(void *context, uint32_t session_id, const struct ide_km_target *target);
    bool (*set_stop)(void *context, uint32_t session_id, const struct ide_km_target *target);
    /* What this session keyed is Insecure from now on, and its keys are wiped. */
    void (*session_end)(void *context, uint32_t session_id);
};

#define IDE_KM_PORTS 256u

struct ide_km_responder {
    const struct ide_km_port_ops *ops;
    void *context;
    /*
     * Which session has programmed a key of a port: until it ends no other has IDE_KM with that port, not even QUERY
     * (TDISP, PCIe 6.x §11.3.8: all keys come from one session). 0: none.
     */
    uint32_t holder[IDE_KM_PORTS];
    struct spdm_vendor vendor;   /* set by ide_km_responder_attach() */
};

/* Makes r answer IDE_KM for the device's sessions, and hear of their ends. Borrows k, which must outlive r. */
void ide_km_responder_attach(struct ide_km_responder *k, struct session_responder *r);

#endif
