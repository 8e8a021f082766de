/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the responders of IDE_KM and of CXL_IDE_KM share. Not for the layers above. */
#ifndef IDE_KM_INTERNAL_H
#define IDE_KM_INTERNAL_H

#include "ide_km/messages.h"
#include "ide_km/responder.h"

/* Of a request: its session's id, and which object it is. */
struct ide_km_opening {
    uint32_t session_id;
    uint8_t object;
};

/*
 * What a request to either of them begins with. IDE_E_SESSION outside an established session; errors of
 * ide_km_peek(), and for another protocol of the same vendor the responder's error_data is what its ERROR has
 * to say.
 */
enum ide_err ide_km_begin(struct spdm_responder *r, const struct spdm_request *request, struct reader payload,
                          const char *step, struct ide_km_opening *opening) MUST_USE;

/* Whether another session is at work with the port, and IDE_E_UNEXPECTED then: a device that answered would let two
 * sides key one stream. */
enum ide_err ide_km_check_holder(const uint32_t holder[static IDE_KM_PORTS], uint8_t port_index, uint32_t session_id,
                                 const char *step, struct ide_fault *fault) MUST_USE;
/* The session has ended. */
void ide_km_let_go(uint32_t holder[static IDE_KM_PORTS], uint32_t session_id);

#endif
