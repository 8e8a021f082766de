/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After recovery.h has put in order what an earlier run left: what of it comes back, and what is forgotten.
 */
#ifndef IDE_KMD_RESTORE_H
#define IDE_KMD_RESTORE_H

struct controller;

/* Has ports whose streams do not come back forget their sessions; what could not be put in order is tried
 * again from time to time. Once the loop has all its readers. */
void restore_begin(struct controller *c);

#endif
