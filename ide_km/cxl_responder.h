/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL_IDE_KM as a device answers it. The port itself is behind an ops struct. */
#ifndef IDE_KM_CXL_RESPONDER_H
#define IDE_KM_CXL_RESPONDER_H

#include "ide_km/cxl_ide_km.h"
#include "ide_km/responder.h"

/* false everywhere: refused; KEY_PROG then has the status CXL_KP_ACK_INVALID, the others an ERROR. */
struct cxl_ide_port_ops {
    /* Fills out for the port; there may be no such index. */
    bool (*query)(void *context, uint8_t port_index, struct cxl_ide_query_resp *out);
    /* The key and IV that the port will send with; it remembers them for KEY_PROG. */
    bool (*get_key)(void *context, uint32_t session_id, uint8_t port_index, struct cxl_ide_key *out);
    /* default_iv: the port makes the IV by itself, and what is in key->iv does not count. */
    bool (*key_prog)(void *context, uint32_t session_id, const struct cxl_ide_target *target,
                     const struct cxl_ide_key *key, bool default_iv);
    bool (*set_go)(void *context, uint32_t session_id, const struct cxl_ide_target *target,
                   enum cxl_ide_mode mode);
    bool (*set_stop)(void *context, uint32_t session_id, const struct cxl_ide_target *target);
    /* What this session keyed is Insecure from now on, and its keys are wiped. */
    void (*session_end)(void *context, uint32_t session_id);
};

struct cxl_ide_responder {
    const struct cxl_ide_port_ops *ops;
    void *context;
    /*
     * Which session has got a key of a port, or given it one: until it ends no other has CXL_IDE_KM with that port, not
     * even QUERY, as with IDE_KM (responder.h). 0: none.
     */
    uint32_t holder[IDE_KM_PORTS];
    /* set by cxl_ide_responder_attach() */
    struct spdm_vendor vendor;
    void (*next_end)(void *context, struct session *s);
    void *next_context;
};

/* Makes r answer CXL_IDE_KM besides whatever it answers already, whose hook for the end of a session goes on
 * being called. Borrows k, which must outlive r. */
void cxl_ide_responder_attach(struct cxl_ide_responder *k, struct session_responder *r);

#endif
