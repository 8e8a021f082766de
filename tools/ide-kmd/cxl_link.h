/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE of one CXL.cachemem link. The endpoint's keys go through CXL_IDE_KM in its
 * session; the root port's through CXL_IDE_KM in a session of its own mailbox, or
 * through CXL's key unit (cxl_end.h). Steps and their order are plans (plan.c), as
 * those of a PCIe stream are.
 */
#ifndef IDE_KMD_CXL_LINK_H
#define IDE_KMD_CXL_LINK_H

#include "ide_km/cxl_ide_km.h"
#include "root_port/cxl_ide.h"
#include "root_port/pcie_access.h"
#include "tools/ide-kmd/stream.h"

enum cxl_action { CXL_ESTABLISH, CXL_REKEY, CXL_STOP };

/* Of an endpoint; the root port has the same, crosswise. */
struct cxl_keys {
    struct cxl_ide_key key[IDE_DIRECTIONS];
};

/* How far one end is with the keys that it is being given. "May": it answered, but nobody knows what. */
struct cxl_progress {
    bool has_key[IDE_DIRECTIONS], may_have_key[IDE_DIRECTIONS];
    bool receives;
    bool transmits, may_transmit;
};

/* A link that this controller has keyed, or is keying. */
struct cxl_link {
    struct cxl_link *next;
    struct stream_ends ends;
    enum cxl_ide_mode mode;
    bool generated; /* the endpoint makes what it sends with, as far as it can */
    bool by_unit;   /* the root port's keys go through a key unit; else through its own mailbox */
    bool is_up;
    bool half_off; /* it could not be turned off: stop may be tried again */
    unsigned rekeys;
    bool was_active;        /* the link itself, by what its port said when it was set up */
    struct refresh_use use; /* of its present keys */
    struct stream_seen seen;
    /* as of establish */
    struct key_provider_status provider[END_COUNT]; /* the sessions; nothing of a unit */
    uint8_t caps[END_COUNT];                        /* of QUERY_RESP; nothing of a unit */
    /* of new keys that do not run yet. A rekey that failed keeps them, in locked memory: a key that waits in
     * a port keeps others out, so the next rekey must go on with the same. NULL: none. */
    struct cxl_keys *keys;
    struct cxl_progress progress[END_COUNT];
};

struct cxl_registers; /* both ends', open */

/* What the jobs of one operation share. Each writes what is its end's; stages keep the rest apart. */
struct cxl_order {
    enum cxl_action action;
    struct cxl_link link;            /* as it was; the operation writes what it is then */
    struct cxl_registers *registers; /* the root port's worker's */
    const char *outcome;             /* after a failure */
    bool started;
};

struct agent;
struct job;

/* Does one step of job->cxl. The agent is the end's and open. Results go into the job and the order. */
enum ide_err cxl_link_run(struct agent *agent, struct job *job);

/* All steps are done: what the link is then. failed: one has; undone: what it had begun was taken back;
 * session_lost: no end can be given a key any more in the session that keyed it. */
void cxl_order_conclude(struct cxl_order *order, bool failed, bool undone, bool session_lost);

/* Forgets keys that wait. */
void cxl_link_drop_keys(struct cxl_link *link);

/* What both ends say now. readable false: that end's registers cannot be reached. Reads only. */
struct cxl_link_view {
    bool readable[END_COUNT];
    struct cxl_ide_state state[END_COUNT];
};
/* One end; false if its registers cannot be reached. */
bool cxl_end_look(struct pcie_access *access, const struct pcie_bdf *bdf, struct cxl_ide_state *state);
void cxl_link_look(struct pcie_access *access, const struct stream_ends *ends, struct cxl_link_view *view);
/* Whether both say that both directions are protected, in the mode. */
bool cxl_view_is_secure(const struct cxl_link_view *view, enum cxl_ide_mode mode);

#endif
