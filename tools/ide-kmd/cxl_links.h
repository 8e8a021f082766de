/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CXL.cachemem links that this controller has keyed: the verbs cxl_establish, cxl_rekey and cxl_stop. */
#ifndef IDE_KMD_CXL_LINKS_H
#define IDE_KMD_CXL_LINKS_H

#include <jansson.h>

#include "tools/ide-kmd/cxl_link.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/keeper.h"
#include "tools/ide-kmd/survey.h"

struct cxl_link_table {
    struct cxl_link *first; /* in the order they were made */
};

struct cxl_link *cxl_link_find(const struct cxl_link_table *table, const struct pcie_bdf *port);
void cxl_link_table_clear(struct cxl_link_table *table);

/* Whether a link lives on the session of this port's mailbox. */
bool cxl_link_needs_session(const struct cxl_link_table *table, const struct pcie_bdf *port);

struct controller;
struct operation;
struct request;
struct ticket;
struct task;

/* Checks, and hands an operation over; the ticket is answered in any case. */
void cxl_verb_run(struct controller *c, const struct request *request, struct ticket *ticket);

/* The link that the port is at, its ends and who gives the root port its keys; whether both can have one is only looked
 * at in configuration space. The survey is fresh. */
enum ide_err cxl_link_plan(struct survey *survey, const struct pcie_bdf *bdf, struct cxl_link *link,
                           struct failure *failure) MUST_USE;

/* What is asked of a link. */
struct cxl_wish {
    struct pcie_bdf bdf; /* one of its ends */
    enum cxl_ide_mode mode;
    bool generate;
};

/*
 * The task that establishes the link, which is in the table from now on; to be submitted, or to be given up by
 * task_refuse(). ticket NULL: nobody waits. The ticket is the caller's to answer after a failure.
 */
enum ide_err cxl_establish_task(struct controller *c, const struct cxl_wish *wish, struct ticket *ticket,
                                struct task **task, struct failure *failure) MUST_USE;
/* One that does something with a link that is there. NULL without memory. */
struct task *cxl_task(struct controller *c, enum cxl_action action, const struct cxl_link *link,
                      struct ticket *ticket);

/* The result of a stop of one that is off: nothing was to be done. */
json_t *cxl_off_json(struct controller *c, const struct keeper_item *item);

/* Whether the task's link is still as its operation needs it; takes what is known of it into the order. */
bool cxl_task_may_start(struct controller *c, struct task *task);
/* What became of the keys is known to the operation; whether the link has lived through a rekey that failed,
 * the registers say. */
void cxl_correct_outcome(struct controller *c, struct operation *op);
/* Puts what came of it into the table. */
void cxl_task_ended(struct controller *c, const struct task *task);
/* One stop for each link that is up: for the end of the program. */
void cxl_queue_stops(struct controller *c);

/* What both ends said, the root port first. */
json_t *cxl_ends_json(const struct cxl_link *link, const struct cxl_link_view *view);

/* The object of docs/api.md; of all links, or of those at a port. */
json_t *cxl_link_json(struct pcie_access *access, const struct cxl_link *link);
json_t *cxl_links_json(struct pcie_access *access, const struct cxl_link_table *table,
                       const struct pcie_bdf *port);

#endif
