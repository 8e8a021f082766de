/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The certificate extensions of TCG's DICE Attestation Architecture, as devices have them: what their firmware was when
 * the key came to be. Their form is checked, so that a critical one may be accepted (RFC 5280 §4.2); what they say is for
 * an appraiser, and decides nothing here.
 */
#ifndef SPDM_DICE_H
#define SPDM_DICE_H

#include <stdbool.h>

#include "spdm/der.h"

/*
 * Whether oid (its content) is TcbInfo, Ueid or MultiTcbInfo (2.23.133.5.4.1, .4, .5). If so, takes the extension's value
 * from r; a malformed one fails r with IDE_E_CHAIN at the extension's name.
 */
bool dice_extension(struct span oid, struct reader *r);

#endif
