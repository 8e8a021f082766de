/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/schedule.h"

#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/task.h"
#include "tools/ide-kmd/watching.h"

void controller_submit(struct controller *c, struct task *task)
{
    struct task **last = &c->queue;
    while (*last)
        last = &(*last)->next;
    *last = task;
}

static int on_worker(zloop_t *loop, zsock_t *pipe, void *argument)
{
    struct job *job = worker_receive(argument);
    (void)loop;
    (void)pipe;
    if (!job)
        return 0;
    struct operation *op = job->owner;
    struct controller *c = op->hooks->context;
    operation_reply(op, job);
    return controller_settle(c);
}

static bool need_workers(struct controller *c, struct task *task)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        if (!task_uses_end(task, end) || task->worker[end])
            continue;
        const struct worker *newest = c->workers.first;
        struct worker *worker = worker_of(&c->workers, stream_mailbox(&task->op.ends, end));
        if (!worker)
            return false;
        if (c->workers.first != newest)
            zloop_reader(c->loop, zactor_sock(worker->actor), on_worker, worker);
        task->worker[end] = worker;
    }
    return true;
}

/* One of the two would be cut off from its port by what the other does to a link. */
static bool are_in_the_way(const struct task *task, const struct worker *worker)
{
    if (worker->busy && stream_cuts_off(&task->op.ends, &worker->bdf))
        return true;
    for (enum stream_end end = 0; end < END_COUNT && worker->busy; end++)
        if (task->worker[end] && stream_cuts_off(&worker->busy->ends, &task->worker[end]->bdf))
            return true;
    return false;
}

static bool ports_are_free(const struct controller *c, const struct task *task)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (task->worker[end] && (task->worker[end]->busy || task->worker[end]->reserved))
            return false;
    for (const struct worker *w = c->workers.first; w; w = w->next)
        if (are_in_the_way(task, w))
            return false;
    return true;
}

static void reserve_ports(struct controller *c, const struct task *task)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (task->worker[end])
            task->worker[end]->reserved = true;
    for (struct worker *w = c->workers.first; w; w = w->next)
        if (stream_cuts_off(&task->op.ends, &w->bdf))
            w->reserved = true;
}

/* The stream may have gone, or not have come, while the task waited. */
static bool stream_is_there(struct controller *c, struct task *task)
{
    enum operation_kind kind = task->op.kind;
    if (operation_is_of_port(kind) || kind == OPERATION_ESTABLISH || kind == OPERATION_DOCTOR)
        return true;
    if (operation_is_cxl(kind))
        return cxl_task_may_start(c, task);
    task->op.stream = stream_find(&c->streams, &task->op.ends.bdf[END_ROOT_PORT], task->stream_id);
    return task->op.stream && (kind == OPERATION_STOP || task->op.stream->state == STREAM_UP);
}

static void start_task(struct controller *c, struct task *task)
{
    if (!stream_is_there(c, task)) {
        if (!task_give_up(c, task))
            task_refuse(c, task, IDE_E_NO_STREAM, "it is not up");
        return;
    }
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (task->worker[end])
            task->worker[end]->busy = &task->op;
    c->running++;
    kill_switch_begins(operation_name(task->op.kind), task->ticket != NULL);
    task->op.spares_below = !port_gate_may_talk(task->op.stream);
    if (task_restores(task))
        kill_switch_begins("restore", true);
    watching_begins(c, task);
    publish_operation(c, task, "started");
    keeper_give_policy(c, task);
    keeper_take_started(c, task);
    task->op.closes = port_gate_closes(c, task);
    operation_start(&task->op);
}

void schedule(struct controller *c)
{
    for (struct worker *w = c->workers.first; w; w = w->next)
        w->reserved = false;
    struct task **at = &c->queue;
    while (*at) {
        struct task *task = *at;
        bool served = need_workers(c, task);
        if (served && !ports_are_free(c, task)) {
            reserve_ports(c, task);
            at = &task->next;
            continue;
        }
        *at = task->next;
        task->next = NULL;
        if (served)
            start_task(c, task);
        else
            task_refuse(c, task, IDE_E_RESOURCES, "no thread could be started for its ports");
    }
}

bool controller_is_delicate(const struct controller *c)
{
    for (const struct worker *w = c->running > 0 ? c->workers.first : NULL; w; w = w->next)
        if (w->busy && operation_is_delicate(w->busy))
            return true;
    return false;
}

/* ---- all tasks ------------------------------------------------------------ */

void controller_each_task(struct controller *c, void (*visit)(void *context, struct task *task, bool running),
                          void *context)
{
    for (struct worker *w = c->workers.first; w; w = w->next) {
        struct task *task = w->busy ? task_of(w->busy) : NULL;
        if (task &&
            w == (task->worker[END_ROOT_PORT] ? task->worker[END_ROOT_PORT] : task->worker[END_ENDPOINT]))
            visit(context, task, true);
    }
    for (struct task *task = c->queue; task; task = task->next)
        visit(context, task, false);
}

/*
 * Whether what the worker waits for may be given up midway. A session does not outlive that, so that it must
 * be one of this operation's own; else the step is let come to its end.
 */
static bool may_interrupt(struct controller *c, const struct worker *w)
{
    const struct task *task = task_of(w->busy);
    enum stream_end end = task->worker[END_ENDPOINT] == w ? END_ENDPOINT : END_ROOT_PORT;
    return operation_may_interrupt(&task->op) && !task_port_is_shared(c, &task->op, end);
}

static bool cancel_running(struct controller *c, struct worker *w, const char *why)
{
    if (!operation_cancel(w->busy, why))
        return false;
    if (may_interrupt(c, w))
        worker_cancel(w);
    return true;
}

bool controller_cancel(struct controller *c, struct ticket *ticket, const char *why)
{
    bool cancelled = false;
    struct task *waiting = NULL;
    for (struct task **at = &c->queue; *at;) {
        struct task *task = *at;
        if (task->ticket != ticket) {
            at = &task->next;
            continue;
        }
        *at = task->next;
        task->next = waiting;
        waiting = task;
    }
    for (struct worker *w = c->workers.first; w; w = w->next)
        if (w->busy && task_of(w->busy)->ticket == ticket && cancel_running(c, w, why))
            cancelled = true;
    while (waiting) { /* the last of them may end the ticket */
        struct task *task = waiting;
        waiting = task->next;
        cancelled = true;
        task_refuse(c, task, IDE_E_CANCELLED, why);
    }
    return cancelled;
}
