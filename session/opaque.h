/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The opaque data of KEY_EXCHANGE: which versions of secured messages the
 * requester supports, and which one the responder selected (DSP0277 §"Secured
 * Message opaque data"). The elements stand in DSP0277's own table before
 * SPDM 1.2, and in the general format OpaqueDataFmt1 from then on.
 */
#ifndef SESSION_OPAQUE_H
#define SESSION_OPAQUE_H

#include <stdint.h>

#include "spdm/connection.h"
#include "spdm/cursor.h"

/* The longest that we write: header 8, element 4, data 3, three versions of 2, padding. */
#define OPAQUE_VERSIONS_MAX 24u

/* IDE_OK, or IDE_E_UNSUPPORTED where 1.2 and later did not agree on OpaqueDataFmt1. */
enum ide_err opaque_usable(const struct spdm_params *p, struct ide_fault *fault, const char *step) MUST_USE;

/* The versions that c's configuration offers, of 0x1000, 0x1100 and 0x1200. */
void opaque_write_supported(struct writer *w, const struct spdm_connection *c);
/* The highest of those that the requester supports; IDE_E_NO_COMMON if there is none. 0 if r fails. */
uint16_t opaque_read_supported(struct reader *r, const struct spdm_connection *c);

void opaque_write_selected(struct writer *w, const struct spdm_params *p, uint16_t version);
/* What the responder selected; IDE_E_NOT_OFFERED if c does not offer it. 0 if r fails. */
uint16_t opaque_read_selected(struct reader *r, const struct spdm_connection *c);

#endif
