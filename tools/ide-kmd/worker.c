/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/log.h"

/*
 * A job crosses threads as a pointer in a frame. The release and acquire say to the compiler and to
 * ThreadSanitizer what libzmq's own barriers do already: all that was written to it before is seen after.
 */
static atomic_uint handover;

/* What travels is the pointer itself. NOLINTBEGIN(bugprone-sizeof-expression) */

static void send_pointer(zsock_t *pipe, struct job *job)
{
    atomic_fetch_add_explicit(&handover, 1, memory_order_release);
    zmq_send(zsock_resolve(pipe), &job, sizeof job, 0);
}

/* The pointer, or NULL for anything else: zactor's "$TERM", or an interrupted call. */
static struct job *receive_pointer(zsock_t *pipe, bool *end)
{
    char frame[sizeof(struct job *)];
    struct job *job = NULL;
    int n;
    do {
        n = zmq_recv(zsock_resolve(pipe), frame, sizeof frame, 0);
    } while (n < 0 && errno == EINTR);
    atomic_fetch_add_explicit(&handover, 1, memory_order_acquire);
    if (n == (int)sizeof job)
        memcpy(&job, frame, sizeof job);
    *end = n != (int)sizeof job;
    return job;
}

/* NOLINTEND(bugprone-sizeof-expression) */

/* A session ends unless its device hears of us: that is seen to while there is no job. */
static void keep_alive(struct worker *worker)
{
    struct ide_fault fault = {0};
    char bdf[PCIE_BDF_TEXT], text[256];
    pthread_mutex_lock(&worker->quiet);
    enum ide_err err = agent_keep_alive(&worker->agent, &fault);
    pthread_mutex_unlock(&worker->quiet);
    if (err == IDE_OK)
        return;
    const struct log_field device = {"IDE_DEVICE", pcie_bdf_format(&worker->bdf, bdf)};
    log_write(LOG_ERR, LOG_SESSION_LOST, &device, 1, "%s: its session is lost, and its streams with it: %s",
              bdf, ide_fault_text(&fault, text, sizeof text));
    if (worker->pool->lost)
        worker->pool->lost(worker->pool->context, &worker->bdf, &fault);
}

static void await_job(struct worker *worker, zsock_t *pipe)
{
    zmq_pollitem_t item = {.socket = zsock_resolve(pipe), .events = ZMQ_POLLIN};
    for (;;) {
        int n = zmq_poll(&item, 1, agent_idle_ms(&worker->agent));
        if (n == 0)
            keep_alive(worker);
        else if (n > 0 || errno != EINTR)
            return;
    }
}

/* While one end is on and the other off, nobody may talk to the endpoint: an unanswered read would hang the
 * host. Other requests are held back by the controller; a heartbeat is the one thing that a worker does
 * without being asked. */
static void run_job(struct worker *worker, struct job *job)
{
    bool apart = job->action == STEP_ENABLE || job->action == STEP_DISABLE || job->action == STEP_RELEASE;
    for (struct worker *w = apart ? job->quiet : NULL; w; w = w->quiet_next)
        pthread_mutex_lock(&w->quiet);
    agent_run(&worker->agent, job);
    for (struct worker *w = apart ? job->quiet : NULL; w; w = w->quiet_next)
        pthread_mutex_unlock(&w->quiet);
}

static void serve(zsock_t *pipe, void *argument)
{
    struct worker *worker = argument;
    bool end = false;
    char bdf[PCIE_BDF_TEXT];
    pcie_bdf_format(&worker->bdf, bdf);
    bdf[15] = '\0'; /* the kernel keeps so much of a name */
    pthread_setname_np(pthread_self(), bdf);
    zsock_signal(pipe, 0);
    for (;;) {
        await_job(worker, pipe);
        struct job *job = receive_pointer(pipe, &end);
        if (end)
            break;
        run_job(worker, job);
        send_pointer(pipe, job);
    }
    agent_close(&worker->agent);
}

/* The watch has it once for each port that the worker serves. */
static void init_quiet(struct worker *worker)
{
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&worker->quiet, &recursive);
    pthread_mutexattr_destroy(&recursive);
}

static struct worker *start(struct worker_pool *pool, const struct pcie_bdf *bdf)
{
    struct worker *worker = calloc(1, sizeof *worker);
    if (!worker)
        return NULL;
    worker->pool = pool;
    worker->bdf = *bdf;
    worker->settings = worker->offered = pool->settings;
    agent_init(&worker->agent, pool->settings, bdf);
    init_quiet(worker);
    worker->actor = zactor_new(serve, worker);
    if (!worker->actor) {
        pthread_mutex_destroy(&worker->quiet);
        free(worker);
        return NULL;
    }
    worker->next = pool->first;
    pool->first = worker;
    return worker;
}

struct worker *worker_of(struct worker_pool *pool, const struct pcie_bdf *bdf)
{
    for (struct worker *w = pool->first; w; w = w->next)
        if (pcie_bdf_compare(&w->bdf, bdf) == 0)
            return w;
    return start(pool, bdf);
}

uint64_t worker_pool_records(const struct worker_pool *pool, const struct pcie_bdf *bdf)
{
    for (struct worker *w = pool->first; w; w = w->next)
        if (pcie_bdf_compare(&w->bdf, bdf) == 0)
            return atomic_load(&w->agent.records);
    return 0;
}

void worker_pool_clear(struct worker_pool *pool)
{
    while (pool->first) {
        struct worker *worker = pool->first;
        pool->first = worker->next;
        worker_cancel(worker);
        zactor_destroy(&worker->actor);
        pthread_mutex_destroy(&worker->quiet);
        free(worker);
    }
}

void worker_send(struct worker *worker, struct job *job)
{
    atomic_store(&worker->agent.cancel, false);
    agent_touch(&worker->agent);
    if (job->settings)
        worker->offered = job->settings;
    send_pointer(zactor_sock(worker->actor), job);
}

struct job *worker_receive(struct worker *worker)
{
    bool end;
    struct job *job = receive_pointer(zactor_sock(worker->actor), &end);
    if (job)
        worker->settings = worker->offered = job->settings;
    return job;
}

void worker_cancel(struct worker *worker)
{
    atomic_store(&worker->agent.cancel, true);
}
