/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One end of a CXL.cachemem link and what gives it its keys: CXL_IDE_KM in the
 * session of its own mailbox (cxl_mailbox.c, endpoints and root ports), or CXL's key
 * unit (cxl_by_unit.c, root ports). Steps that an implementation has no use for are
 * left out of its plan (cxl_step_is_idle()).
 */
#ifndef IDE_KMD_CXL_END_H
#define IDE_KMD_CXL_END_H

#include "tools/ide-kmd/agent.h"
#include "tools/ide-kmd/cxl_link.h"

/* Each does job->action for job->end. Both go on where an earlier change of keys stopped. */
enum ide_err cxl_mailbox_run(struct agent *agent, struct job *job);
enum ide_err cxl_unit_run(struct agent *agent, struct job *job);

/* Nothing is to be done for it at that end. */
bool cxl_step_is_idle(const struct cxl_link *link, const struct plan_step *step);

/* New keys, unless some wait: by the controller, or as far as that is wanted by the endpoint, whose session
 * must be open. */
enum ide_err cxl_keys_make(struct agent *agent, struct job *job);
/* The key that an end uses in a direction: what one sends with the other receives with. */
const struct cxl_ide_key *cxl_key_of(const struct cxl_link *link, enum stream_end end,
                                     enum ide_direction direction);

#endif
