/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE of one CXL.cachemem link: the endpoint's keys go through CXL_IDE_KM in its
 * session, the root port's through CXL's key unit. One order is one job of the
 * endpoint's worker, from first contact to both ends Active, because each of its
 * steps needs the one before it and only one of the two ends has a mailbox.
 */
#ifndef IDE_KMD_CXL_LINK_H
#define IDE_KMD_CXL_LINK_H

#include "ide_km/cxl_ide_km.h"
#include "root_port/cxl_ide.h"
#include "root_port/pcie_access.h"
#include "tools/ide-kmd/stream.h"

enum cxl_action { CXL_ESTABLISH, CXL_REKEY, CXL_STOP };

/* A link that this controller has keyed, or is keying. Never a key. */
struct cxl_link {
    struct cxl_link *next;
    struct stream_ends ends;
    enum cxl_ide_mode mode;
    bool generated; /* the endpoint makes what it sends with, as far as it can */
    bool is_up;
    bool half_off; /* it could not be turned off: stop may be tried again */
    unsigned rekeys;
    /* as of establish */
    struct key_provider_status provider; /* the endpoint's session */
    uint8_t caps;                        /* of QUERY_RESP */
};

/* What a job gets, and what came of it. Belongs to one thread at a time, with the job. */
struct cxl_order {
    enum cxl_action action;
    struct cxl_link link; /* as it was; establish, rekey and stop write what it is then */
    const char *outcome;  /* after a failure */
    bool started;
};

struct agent;
struct job;

/* Does job->cxl. The agent is the endpoint's and open. Results go into the job and the order. */
enum ide_err cxl_link_run(struct agent *agent, struct job *job);

/* What both ends say now. readable false: that end's registers cannot be reached. Reads only. */
struct cxl_link_view {
    bool readable[END_COUNT];
    struct cxl_ide_state state[END_COUNT];
};
void cxl_link_look(struct pcie_access *access, const struct stream_ends *ends, struct cxl_link_view *view);

#endif
