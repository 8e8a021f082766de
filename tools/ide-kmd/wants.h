/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the configuration means on the platform as it is: which streams are wanted between which ports. */
#ifndef IDE_KMD_WANTS_H
#define IDE_KMD_WANTS_H

#include "tools/ide-kmd/keeper.h"
#include "tools/ide-kmd/rules.h"
#include "tools/ide-kmd/survey.h"

struct wants_context {
    struct survey *survey; /* refreshed */
    const struct rules *rules;
    const struct policy *base;
    bool loud; /* say at once what a wider rule gives to devices that cannot have it */
};

/*
 * Gives the keeper all of it; between keeper_plan_begin() and keeper_plan_end(). What a rule gives to a
 * device that cannot have it is said in the log. Returns how many streams of devices that are named by their
 * address, or by that of a port above them, could not be planned: worth another look later.
 */
unsigned wants_plan(const struct wants_context *context, struct keeper *keeper);

/* The policy of the endpoint, or of the port below a link; for a link's stream what its [link] section says counts most. */
struct policy wants_policy(const struct wants_context *context, const struct keeper_key *key);

struct keeper_key wants_key(enum ide_kind kind, const struct stream_ends *ends,
                            const struct ide_features *features);

struct keeper_key wants_cxl_key(const struct stream_ends *ends);

/* The one stream of the key, with all that has to be known to establish it. Errors of survey_wish(). */
enum ide_err wants_find(struct survey *survey, const struct keeper_want *want, struct planned_stream *planned,
                        struct failure *failure) MUST_USE;

#endif
