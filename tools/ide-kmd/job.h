/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One step on its way to a worker and back. It is passed by pointer and belongs
 * to one thread at a time: to the worker from dispatch until the reply. So keys
 * are never copied into a message.
 */
#ifndef IDE_KMD_JOB_H
#define IDE_KMD_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "ide_km/ide_km.h"
#include "tools/ide-kmd/attestation.h"
#include "tools/ide-kmd/plan.h"
#include "tools/ide-kmd/stream.h"

struct cxl_order; /* cxl_link.h */
struct probe;     /* probe.h */
struct worker; /* worker.h */
struct agent_settings;
struct policy;

struct job {
    /* what to do */
    enum step_action action;
    enum stream_end end; /* whose port the worker is */
    struct stream_ends ends;
    uint8_t stream_id;
    uint8_t port_index; /* of IDE_KM at this end; found by query */
    enum ide_kind kind;
    struct ide_features features;
    uint8_t key_set;                /* of keys and go */
    uint8_t stop_sets;              /* of stop_keys: bit 0 and 1 */
    uint32_t session;               /* the session that keyed the stream, 0 if any will do */
    const struct ide_key_set *keys; /* as this end sees them */
    const struct trust *trust;
    const struct attestation *attestation; /* of attest and session */
    bool in_use; /* other streams live on this port's keys */
    bool establishes;     /* part of an establish that goes well so far: not of its undoing */
    bool closes;          /* of disable: the root port is closed first */
    bool spares_below;    /* and what is below it only after that */
    bool forgets;         /* of disable: the stream is not wanted any more */
    bool by_config;       /* the configuration wants the stream */
    const char *asked_by; /* as in struct task */
    const struct policy *policy; /* of the endpoint; NULL: what policy_default says */
    bool renew;                  /* of program_keys: the session gets new keys first */
    const struct agent_settings *settings; /* the newest, to be used from when that harms nobody; then: those in use.
                                              NULL: the agent keeps what it has */
    struct registers **registers;
    struct probe *probe;   /* of doctor */
    struct cxl_order *cxl; /* of a CXL.cachemem link; NULL: a stream's */
    struct worker *quiet; /* of register steps: those that leave their ports alone meanwhile */

    /* what came of it */
    enum ide_err err;
    struct pcie_bdf device; /* that fault or note is about; the end's own unless said otherwise */
    struct ide_fault fault; /* if err is set */
    uint64_t done_ms;                  /* monotonic: when it was done */
    uint64_t records;                  /* that the end's session has carried by then: key_provider_status */
    bool session_lost;                 /* the end's session has not outlived it */
    bool has_note;
    struct ide_fault note; /* something that did not work and need not */
    struct key_provider_status provider;
    const char *provider_name;
    struct ide_block block[END_COUNT]; /* of setup */
    uint64_t bytes_per_second;         /* of setup: of the endpoint's link in one direction; 0: not known */
    uint64_t active_links;             /* of setup, as of struct stream */
    struct identity peer;              /* of attest */
    struct cma_ids ids;
    json_t *evidence; /* owned by whoever owns the job */
    struct measurement_mismatch mismatch; /* if err is IDE_E_MEASUREMENT */

    /* whom it belongs to; not the worker's business */
    void *owner;
    const struct plan_step *step;
};

/* How a rekey that failed ends what it says of the keys if session_lost: all keys of a stream or a link come from one. */
#define JOB_NO_REKEY                                                                                         \
    ", but the session that they came from is lost, and no rekey can succeed: for new keys stop all that "   \
    "it keyed and establish it again, or leave that to the controller, which does so when they are due"

#endif
