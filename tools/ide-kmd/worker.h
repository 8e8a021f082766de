/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One thread for one port, because a mailbox carries one exchange at a time and
 * libpci serves one thread. Jobs go in and come out by pointer over an inproc
 * pair; one at a time.
 */
#ifndef IDE_KMD_WORKER_H
#define IDE_KMD_WORKER_H

#include <czmq.h>

#include "tools/ide-kmd/agent.h"
#include "tools/ide-kmd/job.h"

struct operation;

struct worker_pool;

struct worker {
    const struct worker_pool *pool;
    struct worker *next;
    struct pcie_bdf bdf;
    zactor_t *actor;
    struct agent agent;     /* the thread's; but for cancel */
    pthread_mutex_t quiet;  /* held by its thread while it keeps a session alive on its own account */
    struct operation *busy; /* who has the port now; the main thread's, as is reserved */
    bool reserved;
    /* the main thread's: what the agent had after its last job, and what it was offered with the last that was sent */
    const struct agent_settings *settings, *offered;
    struct worker *quiet_next; /* of a job's list; the main thread's while no such job runs */
};

struct worker_pool {
    struct worker *first;
    const struct agent_settings *settings; /* borrowed */
    /* The port's session is lost while nobody asked for anything. From the worker's thread; NULL: nobody wants to know */
    void (*lost)(void *context, const struct pcie_bdf *port, const struct ide_fault *fault);
    void *context;
};

/* The port's worker, started if there is none yet; NULL if it cannot be. */
struct worker *worker_of(struct worker_pool *pool, const struct pcie_bdf *bdf);

/* How many records the session of the port's worker has carried: key_provider_status. From any thread. */
uint64_t worker_pool_records(const struct worker_pool *pool, const struct pcie_bdf *bdf);

/* Ends all threads, each after the step that it is at. */
void worker_pool_clear(struct worker_pool *pool);

/* Hands the job over. It must not be touched until worker_receive() gives it back. */
void worker_send(struct worker *worker, struct job *job);

/* For when zactor_sock(worker->actor) can be read: the job that is done. */
struct job *worker_receive(struct worker *worker);

/* Makes the step's waits end early. A flag that stays until the next job is sent. */
void worker_cancel(struct worker *worker);

#endif
