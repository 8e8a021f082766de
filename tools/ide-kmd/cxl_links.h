/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The CXL.cachemem links that this controller has keyed: the verbs cxl_establish, cxl_rekey and cxl_stop. */
#ifndef IDE_KMD_CXL_LINKS_H
#define IDE_KMD_CXL_LINKS_H

#include <jansson.h>

#include "tools/ide-kmd/cxl_link.h"
#include "tools/ide-kmd/failure.h"

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

/* Establishes the link, or says why not; ticket NULL: nobody waits. The ticket is the caller's to answer after a failure. */
enum ide_err cxl_begin(struct controller *c, const struct pcie_bdf *bdf, enum cxl_ide_mode mode, bool generated,
                       struct ticket *ticket, const char *asked_by, struct failure *failure) MUST_USE;

/* Whether the task's link is still as its operation needs it; takes what is known of it into the order. */
bool cxl_task_may_start(struct controller *c, struct task *task);
/* What became of the keys is known to the operation; whether the link has lived through a rekey that failed,
 * the registers say. */
void cxl_correct_outcome(struct controller *c, struct operation *op);
/* Puts what came of it into the table. */
void cxl_task_ended(struct controller *c, const struct task *task);
/* One stop for each link that is up: for the end of the program. */
void cxl_queue_stops(struct controller *c);

/* The object of docs/api.md; of all links, or of those at a port. */
json_t *cxl_link_json(struct pcie_access *access, const struct cxl_link *link);
json_t *cxl_links_json(struct pcie_access *access, const struct cxl_link_table *table,
                       const struct pcie_bdf *port);

#endif
