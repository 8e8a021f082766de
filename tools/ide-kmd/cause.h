/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Of which kind a failure is, as policies tell them apart (policy.h): is the device another one than it
 * should be, does somebody interfere, or is it a mere failure. Pure functions.
 *
 * What the operator has not given, an anchor or a reference value, is a failure: it says nothing of the
 * device. So is what somebody on this host does to the registers, and what the kernel takes: they are nobody
 * on the link.
 */
#ifndef IDE_KMD_CAUSE_H
#define IDE_KMD_CAUSE_H

#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/policy.h"
#include "tools/ide-kmd/watch_rules.h"

/* Of an operation. */
enum policy_cause cause_of_failure(const struct failure *failure);

/* Of a stream that fell. */
enum policy_cause cause_of_fall(const struct watch_verdict *verdict, const struct watch_sample *sample);

#endif
