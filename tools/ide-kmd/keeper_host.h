/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The keeper's place in the controller: makes operations of what it asks for, tells it what came of them, and
 * lets it run when it is due. Watching and recovery talk to the keeper through here.
 */
#ifndef IDE_KMD_KEEPER_HOST_H
#define IDE_KMD_KEEPER_HOST_H

#include "tools/ide-kmd/keeper.h"

struct controller;
struct cxl_link;
struct stream;
struct task;

struct keeper_host {
    struct keeper keeper;
    struct keeper_ops ops;
    bool plan_due, renew;     /* the configuration is to be held against the platform; it was read again */
    bool loud;                /* and what cannot be had is to be said */
    uint64_t planned;         /* which functions there were then: struct topology's found */
    uint64_t generation;      /* watch_generation() as of the last time it ran */
    uint64_t plan_again_ms;   /* something could not be planned */
    uint64_t silent_again_ms; /* functions do not answer */
    int timer;                /* of the loop; 0: none */
    uint64_t timer_at_ms;
};

void keeper_host_open(struct controller *c);
void keeper_host_close(struct controller *c);

/* The configuration is held against the platform at the next opportunity. renew: it was read again. */
void keeper_host_plan(struct controller *c, bool renew);

/* For recovery, before the first plan: keeper_restore() with the policy that the stream has now. The survey is fresh. */
bool keeper_host_restore(struct controller *c, const struct keeper_want *want, enum keeper_source source,
                         enum keeper_state state, const struct keeper_reason *reason);

/* For the loop: does what is due, if the platform may be looked at now, and sets the timer for the rest. */
void keeper_host_run(struct controller *c);

/* keeper_plan.c, for keeper_host_run(). Holds it against the platform if that is due; the platform may be
 * looked at. */
void keeper_plan_run(struct controller *c);
/* The platform is another one than that of the last plan, as far as the survey knows. */
bool keeper_plan_is_old(const struct controller *c);
/* When keeper_plan_run() has something to do; UINT64_MAX: not until something happens. */
uint64_t keeper_plan_due(struct controller *c);
/* What counts where no rule says anything. */
struct policy keeper_base_policy(const struct controller *c);

/* Before it begins: the policy of its endpoint, as it is now. */
void keeper_give_policy(struct controller *c, struct task *task);

/* An operation begins, or has ended and is about to be forgotten. */
void keeper_take_started(struct controller *c, const struct task *task);
void keeper_take_ended(struct controller *c, const struct task *task);

/* For watching: the stream is no longer Secure at one of its ends, or its session is lost. cause: in words.
 */
void keeper_take_fall(struct controller *c, const struct stream *stream, enum policy_cause kind,
                      const char *cause);
void keeper_take_cxl_fall(struct controller *c, const struct cxl_link *link, enum policy_cause kind,
                          const char *cause);

/* Of the stream, and of the streams that the table does not have because they are off. */
struct keeper_key keeper_key_of(const struct stream *stream);

/* For `stop` of a stream that is off at the moment, because it fell: what was wanted, and is no longer, in the state file
 * either; or NULL. */
const struct keeper_item *keeper_host_give_up(struct controller *c, const struct pcie_bdf *port, uint8_t stream);
/* The same of the CXL link at the port. */
const struct keeper_item *keeper_host_give_up_cxl(struct controller *c, const struct pcie_bdf *port);

#endif
