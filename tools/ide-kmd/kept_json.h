/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wanted and not up, as an object of docs/api.md. */
#ifndef IDE_KMD_KEPT_JSON_H
#define IDE_KMD_KEPT_JSON_H

#include <jansson.h>

#include "tools/ide-kmd/keeper.h"

/* As programs know it: what operations do to a stream they say themselves. NULL: nothing to say. */
const char *kept_state(enum keeper_state state);

/* "selective", "link" or "cxl" */
const char *kept_kind(const struct keeper_key *key);

/* All streams that are wanted and neither up nor being worked on, or those with this port at one of their
 * ends. */
json_t *kept_json(const struct keeper *keeper, const struct pcie_bdf *port, uint64_t now_ms);

/* The result of a stop for which there was nothing to do: the stream was off, and is wanted no longer. */
json_t *kept_off_json(const struct keeper_item *item);

/* "cause_kind", "rule" and "action": which rule has decided that, and why; null if none has. Into the object.
 */
void kept_add_rule(json_t *object, const struct keeper_item *item);

#endif
