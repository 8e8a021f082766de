/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The controller's side of the watch: which streams it is to look at, and what becomes of its news. */
#ifndef IDE_KMD_WATCHING_H
#define IDE_KMD_WATCHING_H

#include "tools/ide-kmd/controller.h"

enum ide_err watching_open(struct controller *c, struct failure *failure) MUST_USE;
void watching_run(struct controller *c);   /* starts its thread, and adds its reader to the loop */
void watching_stop(struct controller *c);  /* looks no more; before the workers end */
void watching_close(struct controller *c); /* after they have */

/* An operation is about to begin: what it is about to turn off is not watched any more. */
void watching_begins(struct controller *c, const struct task *task);
/* It is over: a stream that is up by it is watched. */
void watching_ended(struct controller *c, const struct task *task);
/* The same of a CXL link in the table, once what came of its operation is there. */
void watching_link(struct controller *c, struct cxl_link *link);

#endif
