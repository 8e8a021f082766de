/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has to be done in which order. A plan is a list of steps at the two ends
 * of a stream, each in a stage: a step starts once all steps of the earlier
 * stages are done, and the earlier steps of its own end. So both ends work side
 * by side within a stage, and a new stage stands where the order between them
 * matters. The reasons of the order are at the tables in plan.c.
 *
 * The coordinator walks a plan. It knows no threads, no devices and no time:
 * it says what may start, and is told what came of it.
 */
#ifndef IDE_KMD_PLAN_H
#define IDE_KMD_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_end { END_ENDPOINT, END_ROOT_PORT, END_COUNT };

enum step_action {
    STEP_ATTEST,       /* who is it: chain and CHALLENGE */
    STEP_AUTHENTICATE, /* chain only; the KEY_EXCHANGE that follows proves the key */
    STEP_SESSION,
    STEP_QUERY,        /* IDE_KM QUERY: is it the port that we mean, does it do IDE */
    STEP_SETUP,        /* registers of both ends: associations, Stream ID, not enabled */
    STEP_PROGRAM_KEYS, /* all six keys of a key set */
    STEP_GO_RECEIVE,   /* K_SET_GO of the receive sub-streams */
    STEP_GO_TRANSMIT,  /* K_SET_GO of the transmit sub-streams */
    STEP_ENABLE,       /* both ends */
    STEP_AWAIT_SECURE, /* both ends */
    STEP_DRAIN,        /* until no TLP under the old keys can be on its way; both ends */
    STEP_DISABLE,      /* both ends */
    STEP_STOP_KEYS,    /* K_SET_STOP */
    STEP_RELEASE,      /* registers of both ends: idle again */
    STEP_END_SESSION,
    STEP_DOCTOR,       /* what the mailbox carries, and what establish would find out first */
    STEP_CXL_LOOK,     /* of a CXL.cachemem link (cxl_link.h): what both ends' registers offer */
    STEP_COUNT
};

/* "program_keys": in JSON, logs and tests. */
const char *step_name(enum step_action action);
/* "give it the keys": for the terminal. */
const char *step_text(enum step_action action);

/* Register steps are done at both ends together by the root port's worker, because the order between their
 * writes matters. */
bool step_is_for_both(enum step_action action);

struct plan_step {
    enum step_action action;
    enum stream_end end; /* whose worker does it */
    uint8_t stage;
};

struct plan {
    const char *name;
    const struct plan_step *steps; /* in order of stages */
    size_t count;
    bool go_on; /* a failure is remembered, and what follows is done all the same */
};

extern const struct plan plan_attest_endpoint, plan_attest_root_port;
/* Has a port forget the sessions of an earlier run, and their keys with them. */
extern const struct plan plan_forget_endpoint, plan_forget_root_port;
extern const struct plan plan_establish;
extern const struct plan plan_doctor;
/* Of a CXL.cachemem link. */
extern const struct plan plan_cxl_establish, plan_cxl_rekey, plan_cxl_stop;
extern const struct plan plan_rekey;
/* A re-key that failed once the first transmitter was told: the new keys are at both ends, and this completes
 * it. */
extern const struct plan plan_rekey_complete;
/* Turns a stream off; and, of what establish did, undoes what it had started. */
extern const struct plan plan_stop;
/* Of what rekey did, before any transmitter used the new keys. */
extern const struct plan plan_rekey_undo;

#define PLAN_STEPS_MAX 24

enum step_state { STEP_WAITING, STEP_RUNNING, STEP_DONE, STEP_FAILED, STEP_SKIPPED };

struct coordinator {
    const struct plan *plan;
    enum step_state state[PLAN_STEPS_MAX];
    bool failed;
};

/* skip(context, step) true leaves a step out; skip may be NULL. */
void coordinator_start(struct coordinator *c, const struct plan *plan,
                       bool (*skip)(const void *context, const struct plan_step *step), const void *context);

/* A step that may start now, which then counts as running; NULL if there is none at the moment. */
const struct plan_step *coordinator_next(struct coordinator *c);

/* The running step has ended. */
void coordinator_ended(struct coordinator *c, const struct plan_step *step, bool ok);

/* Nothing runs and nothing will: the plan is through, or has failed. */
bool coordinator_finished(const struct coordinator *c);

/* Whether the action was started at that end, and perhaps took effect. */
bool coordinator_has_started(const struct coordinator *c, enum step_action action, enum stream_end end);

/* Whether such a step is running now. */
bool coordinator_is_running(const struct coordinator *c, enum step_action action);

#endif
