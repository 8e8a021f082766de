/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After recovery.h has put in order what an earlier run left: what of it comes back, and what is forgotten.
 */
#ifndef IDE_KMD_RESTORE_H
#define IDE_KMD_RESTORE_H

#include <stdbool.h>

struct controller;
struct cxl_link;
struct pcie_bdf;

/* Has ports whose streams do not come back forget their sessions; what could not be put in order is tried
 * again from time to time. Once the loop has all its readers. */
void restore_begin(struct controller *c);

/* For cxl_stop of a link that was up before a kill and is not yet again: true if there is one, which is in
 * *link and is not wanted any more. */
bool restore_give_up(struct controller *c, const struct pcie_bdf *port, struct cxl_link *link);

#endif
