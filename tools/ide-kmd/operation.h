/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One operation on one stream, from its first step to its reply: walks a plan,
 * hands steps out as jobs, and undoes what it did when a step fails. It knows
 * no threads and no sockets: those are behind the hooks, and a test puts its
 * own there.
 */
#ifndef IDE_KMD_OPERATION_H
#define IDE_KMD_OPERATION_H

#include "spdm/transport.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/job.h"
#include "tools/ide-kmd/key_memory.h"
#include "tools/ide-kmd/plan.h"

enum operation_kind {
    OPERATION_ATTEST,
    OPERATION_ESTABLISH,
    OPERATION_REKEY,
    OPERATION_STOP,
    OPERATION_CXL_ESTABLISH,
    OPERATION_CXL_REKEY,
    OPERATION_CXL_STOP,
    OPERATION_DOCTOR,
    OPERATION_FORGET, /* a port's sessions of an earlier run: recovery.h */
};

enum step_progress { PROGRESS_STARTED, PROGRESS_DONE, PROGRESS_FAILED };

struct operation;

struct operation_hooks {
    /* Has the job done; operation_reply() is called some time after this has returned. */
    void (*dispatch)(void *context, struct operation *op, struct job *job);
    /* For people who look on. */
    void (*progress)(void *context, const struct operation *op, const struct job *job,
                     enum step_progress progress);
    /* All is done or undone, and the stream's state set. May free op. */
    void (*finished)(void *context, struct operation *op);
    /* Whether another stream needs this end's session. */
    bool (*is_shared)(void *context, const struct operation *op, enum stream_end end);
    void *context;
};

#define OPERATION_NOTES_MAX 4

struct operation {
    enum operation_kind kind;
    const struct operation_hooks *hooks;
    const struct rng *rng;     /* for stream keys */
    const struct trust *trust; /* attest and establish */
    const struct attestation *attestation; /* likewise */
    struct stream *stream;     /* of establish, rekey, stop */
    struct cxl_order *cxl;     /* of those about a CXL link */
    struct probe *probe;       /* of doctor: one for each end */
    struct stream_ends ends;
    enum stream_end attested; /* attest and forget: which of the ends */
    bool forgets;             /* of stop: the stream is not wanted any more, after a restart either */
    bool closes;              /* before the stream is turned off its root port is closed */
    bool spares_below;        /* and what is below it only after that: its end of the stream may be off */
    bool by_config;           /* of establish: the configuration wants the stream */
    const struct policy *policy; /* of the endpoint; may be NULL */
    bool renew;                  /* of rekey: the sessions get new keys too */
    const char *asked_by;     /* may be NULL */
    void *owner;              /* the caller's */
    struct operation *next;   /* the caller's */

    /* the rest is set by operation_start() */
    struct coordinator run;
    bool undoing;
    struct job job[END_COUNT];
    uint64_t keyed_ms;           /* when the first end had its keys */
    uint64_t records[END_COUNT]; /* of each end's session, as of its last step */
    bool session_lost;           /* one end's, before a step or in it: no key can be given in it any more */
    struct key_memory *keys;
    struct failure failure; /* err IDE_OK: none */
    const char *outcome;    /* after a failure: what the stream is now */
    struct failure note[OPERATION_NOTES_MAX];
    size_t note_count;
};

/* kind to next are set, the rest is zero. */
void operation_start(struct operation *op);

/* A dispatched job has been done; its results are in it. */
void operation_reply(struct operation *op, struct job *job);

/* Starts no further step, and undoes what was done; why, static, is what its failure says. False if what runs is to be finished: it undoes, it
 * stops, it failed. */
bool operation_cancel(struct operation *op, const char *why);

/* Whether what a step waits for may be given up midway, if nobody else lives on its session. */
bool operation_may_interrupt(const struct operation *op);

/* While one end is on and the other not, or about to be so, nobody may look at the endpoint. */
bool operation_is_delicate(const struct operation *op);

const char *operation_name(enum operation_kind kind);
bool operation_is_cxl(enum operation_kind kind);
/* It is about one port, op->attested, and no stream. */
bool operation_is_of_port(enum operation_kind kind);

#endif
