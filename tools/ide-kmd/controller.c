/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/controller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/ide-kmd/doctor.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/registers.h"
#include "tools/ide-kmd/restore.h"
#include "tools/ide-kmd/watching.h"

#define REQUESTS_AT_ONCE 64u
#define KEYS_MS          500u
#define CLIENTS_MS       20u /* until a client that is behind is tried again */
#define FORGET_MS        5000u
#define TICK_MS          2000u

static struct task *task_of(struct operation *op)
{
    return (struct task *)op;
}

/* ---- tasks --------------------------------------------------------------- */

struct task *task_new(struct controller *c, enum operation_kind kind, const struct stream_ends *ends,
                      uint8_t stream_id, struct ticket *ticket)
{
    struct task *task = calloc(1, sizeof *task);
    if (!task)
        return NULL;
    task->op = (struct operation){.kind = kind, .hooks = &c->hooks, .rng = &c->rng, .ends = *ends};
    task->op.trust = &task->trust.trust;
    task->op.asked_by = task->asked_by;
    task->op.attestation = &task->attestation;
    task->attestation.is_required = c->settings->require_reference;
    task->stream_id = stream_id;
    task->ticket = ticket;
    if (ticket) {
        ticket->pending++;
        snprintf(task->asked_by, sizeof task->asked_by, "%s", ticket->asked_by);
    }
    return task;
}

void task_free(struct task *task)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        json_decref(task->op.job[end].evidence);
    doctor_free(task->doctor);
    reference_store_close(&task->attestation.references);
    trust_store_close(&task->trust);
    free(task);
}

static bool uses_end(const struct task *task, enum stream_end end)
{
    return !operation_is_of_port(task->op.kind) || task->op.attested == end;
}

void controller_submit(struct controller *c, struct task *task)
{
    struct task **last = &c->queue;
    while (*last)
        last = &(*last)->next;
    *last = task;
}

/* What an attest found out. */
static json_t *attest_json(const struct task *task)
{
    const struct job *job = &task->op.job[task->op.attested];
    char bdf[PCIE_BDF_TEXT], name[96];
    json_t *result = json_pack(
        "{s:s, s:s, s:o, s:o, s:i, s:b, s:s, s:I}", "device",
        pcie_bdf_format(&task->op.ends.bdf[task->op.attested], bdf), "state", "attested", "spdm_version",
        version_json(&job->provider.params), "algorithms", algorithms_json(&job->provider.params),
        "certificates", (int)job->peer.certificates, "has_cma_name", job->peer.has_cma_name, "cma_name",
        cma_name_text(&job->ids, name, sizeof name), "not_after", (json_int_t)job->peer.not_after);
    json_object_update(result, job->evidence);
    return result;
}

void controller_count_use(struct controller *c)
{
    for (struct stream *s = c->streams.first; s; s = s->next) {
        uint64_t a = worker_pool_records(&c->workers, &s->ends.bdf[END_ENDPOINT]);
        uint64_t b = worker_pool_records(&c->workers, &s->ends.bdf[END_ROOT_PORT]);
        s->use.records = a > b ? a : b;
    }
}

static json_t *result_json(struct controller *c, const struct task *task)
{
    const struct operation *op = &task->op;
    json_t *result, *notes = json_array();
    controller_count_use(c);
    if (op->kind == OPERATION_ATTEST)
        result = attest_json(task);
    else if (op->kind == OPERATION_DOCTOR)
        result = doctor_json(task);
    else if (operation_is_cxl(op->kind))
        result = cxl_link_json(&c->survey.access, &op->cxl->link);
    else
        result = survey_stream_json(&c->survey, op->stream);
    if (op->kind == OPERATION_STOP || op->kind == OPERATION_CXL_STOP)
        json_object_set_new(result, "state", json_string("off"));
    for (size_t i = 0; i < op->note_count; i++)
        json_array_append_new(notes, failure_json(&op->note[i]));
    json_object_set_new(result, "notes", notes);
    return result;
}

/* What became of the keys is known to the operation; whether the stream has lived through it, the registers
 * say. */
static void correct_outcome(struct controller *c, struct operation *op)
{
    if (op->kind != OPERATION_REKEY || op->failure.err == IDE_OK || !op->stream)
        return;
    json_t *now = survey_stream_json(&c->survey, op->stream);
    const char *state = json_string_value(json_object_get(now, "state"));
    if (state && strcmp(state, "secure") != 0)
        op->outcome = "the stream is no longer Secure: stop it and establish it again";
    json_decref(now);
}

/* Says how it ended to whoever asked and whoever looks on, and frees it. */
static void end_task(struct controller *c, struct task *task)
{
    struct operation *op = &task->op;
    bool ok = op->failure.err == IDE_OK;
    correct_outcome(c, op);
    cxl_correct_outcome(c, op);
    publish_operation(c, task, ok ? "done" : "failed");
    if (task->ticket)
        ticket_operation_ended(task->ticket, &c->front, ok ? result_json(c, task) : NULL,
                               ok ? NULL : &op->failure, op->outcome);
    keeper_take_ended(c, task);
    if (op->stream && op->stream->state == STREAM_OFF)
        stream_remove(&c->streams, op->stream);
    if (operation_is_cxl(op->kind))
        cxl_task_ended(c, task);
    task_free(task);
}

/* Something kept it from starting. */
static void refuse_task(struct controller *c, struct task *task, enum ide_err err, const char *message)
{
    failure_device(&task->op.failure, err, operation_name(task->op.kind), &task->op.ends.bdf[END_ROOT_PORT],
                   "stream %u: %s", task->stream_id, message);
    if (task->op.kind == OPERATION_ESTABLISH)
        task->op.stream->state = STREAM_OFF;
    end_task(c, task);
}

/* ---- hooks of operation.h ------------------------------------------------ */

/* Those that must leave their ports alone while only one end of the stream is on. */
static struct worker *quiet_for(struct controller *c, const struct task *task)
{
    struct worker *first = task->worker[END_ENDPOINT];
    first->quiet_next = NULL;
    for (struct worker *w = c->workers.first; w; w = w->next)
        if (w != first && stream_cuts_off(&task->op.ends, &w->bdf)) {
            w->quiet_next = first->quiet_next;
            first->quiet_next = w;
        }
    return first;
}

static void on_dispatch(void *context, struct operation *op, struct job *job)
{
    struct task *task = task_of(op);
    struct controller *c = context;
    if (step_is_for_both(job->action))
        job->quiet = quiet_for(c, task);
    job->settings = c->reload.agent;
    worker_send(task->worker[job->end], job);
}

static void on_progress(void *context, const struct operation *op, const struct job *job,
                        enum step_progress progress)
{
    publish_step(context, (const struct task *)op, job, progress);
}

static void tell_stream(struct controller *c, const struct task *task)
{
    const struct operation *op = &task->op;
    if (op->stream->state == STREAM_UP && op->failure.err == IDE_OK)
        publish_stream(c, task, op->kind == OPERATION_REKEY ? "rekeyed" : "secure");
    else if (op->stream->state == STREAM_OFF)
        publish_stream(c, task, "off");
    else if (op->stream->state == STREAM_HALF_OFF)
        publish_stream(c, task, "half_off");
}

static void on_finished(void *context, struct operation *op)
{
    struct controller *c = context;
    struct task *task = task_of(op);
    kill_switch_ends(operation_name(op->kind));
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (task->worker[end])
            task->worker[end]->busy = NULL;
    c->running--;
    watching_ended(c, task);
    if (op->stream)
        tell_stream(c, task);
    end_task(c, task);
}

static bool on_is_shared(void *context, const struct operation *op, enum stream_end end)
{
    const struct controller *c = context;
    bool keys_link = !operation_is_cxl(op->kind) && cxl_link_needs_session(&c->cxl, &op->ends.bdf[end]);
    return keys_link || stream_uses_port(&c->streams, stream_mailbox(&op->ends, end), op->stream);
}

/* ---- scheduling ---------------------------------------------------------- */

static int on_worker(zloop_t *loop, zsock_t *pipe, void *argument);

static bool need_workers(struct controller *c, struct task *task)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        if (!uses_end(task, end) || task->worker[end])
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
        refuse_task(c, task, IDE_E_NO_STREAM, "it is not up");
        return;
    }
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (task->worker[end])
            task->worker[end]->busy = &task->op;
    c->running++;
    if (task->ticket)
        kill_switch_begins(operation_name(task->op.kind));
    watching_begins(c, task);
    publish_operation(c, task, "started");
    keeper_give_policy(c, task);
    keeper_take_started(c, task);
    operation_start(&task->op);
}

/* Starts every waiting task whose ports are free and not awaited by an earlier one. */
static void schedule(struct controller *c)
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
            refuse_task(c, task, IDE_E_RESOURCES, "no thread could be started for its ports");
    }
}

bool controller_is_delicate(const struct controller *c)
{
    for (const struct worker *w = c->workers.first; w; w = w->next)
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
    return task->op.kind != OPERATION_REKEY && !on_is_shared(c, &task->op, end);
}

/* An order for a CXL link is one step, which undoes itself if it fails. */
static bool cancel_running(struct controller *c, struct worker *w, const char *why)
{
    if (operation_is_cxl(w->busy->kind) || !operation_cancel(w->busy, why))
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
        refuse_task(c, task, IDE_E_CANCELLED, why);
    }
    return cancelled;
}

/* ---- requests ------------------------------------------------------------ */

static enum ide_err may_ask(struct controller *c, const struct client *client, const struct request *request,
                            struct failure *failure)
{
    if (client->peer.kind == PEER_KEY)
        front_refresh_keys(&c->front);
    return access_check(&c->front.access, &client->peer, request->verb, failure);
}

static void handle(struct controller *c, struct client *client, zframe_t *payload)
{
    struct request request;
    struct failure failure;
    double began = metrics_clock();
    enum ide_err err = request_decode(zframe_data(payload), zframe_size(payload), &request, &failure);
    if (err == IDE_OK && c->closing)
        err = failure_set(&failure, IDE_E_CANCELLED, "request", NULL, "the controller is ending");
    if (err == IDE_OK)
        err = may_ask(c, client, &request, &failure);
    if (err == IDE_OK)
        front_record_request(&c->front, payload);
    struct ticket *ticket = ticket_new(client, &request);
    if (ticket)
        access_text(&c->front.access, &ticket->client.peer, ticket->asked_by);
    if (ticket && err == IDE_OK)
        verb_run(c, &request, ticket);
    else if (ticket)
        ticket_refuse(ticket, &c->front, &failure);
    metrics_take_request(c->metrics, err == IDE_OK ? request.verb->name : NULL, metrics_clock() - began);
    request_release(&request);
    zframe_destroy(&payload);
}

/* One request too many, as clients.h counts. Who it is from does not matter, nor whether it could be done. */
static void refuse_busy(struct controller *c, struct client *client, zframe_t *payload)
{
    struct request request;
    struct failure failure;
    if (request_decode(zframe_data(payload), zframe_size(payload), &request, &failure) == IDE_OK)
        failure_set(&failure, IDE_E_BUSY, "request", NULL,
                    "too much from one client: more than %u requests a second, or %u that wait",
                    c->start->request_rate, CLIENT_WAITING_MAX);
    struct ticket *ticket = ticket_new(client, &request);
    if (ticket)
        ticket_refuse(ticket, &c->front, &failure);
    request_release(&request);
    zframe_destroy(&payload);
}

static void defer(struct controller *c, struct client *client, zframe_t *payload)
{
    struct deferred **last = &c->deferred, *entry = calloc(1, sizeof *entry);
    if (!entry) {
        client_release(client);
        zframe_destroy(&payload);
        return;
    }
    *entry = (struct deferred){.client = *client, .payload = payload};
    while (*last)
        last = &(*last)->next;
    *last = entry;
}

static void handle_deferred(struct controller *c)
{
    while (c->deferred && !controller_is_delicate(c)) {
        struct deferred *entry = c->deferred;
        c->deferred = entry->next;
        handle(c, &entry->client, entry->payload);
        free(entry);
        schedule(c);
    }
    c->survey.is_fresh = false;
}

/* ---- the end ------------------------------------------------------------- */

static void refuse_queue(struct controller *c)
{
    while (c->queue) {
        struct task *task = c->queue;
        c->queue = task->next;
        refuse_task(c, task, IDE_E_CANCELLED, "the controller is ending");
    }
}

/* The sessions die with this process, and the ports would fall to Insecure when they notice: better in order,
 * and now. */
static void queue_stops(struct controller *c)
{
    c->stops_queued = true;
    for (struct stream *s = c->streams.first; s; s = s->next) {
        struct task *task = task_new(c, OPERATION_STOP, &s->ends, s->id, NULL);
        if (task)
            controller_submit(c, task);
    }
    cxl_queue_stops(c);
}

/* After each event: what can start now, starts. -1 when all is over, which ends the loop. */
static void flush_later(struct controller *c);

int controller_settle(struct controller *c)
{
    schedule(c);
    handle_deferred(c);
    keeper_host_run(c);
    schedule(c);
    if (c->closing && c->running == 0 && !c->stops_queued) {
        queue_stops(c);
        schedule(c);
    }
    flush_later(c);
    return c->closing && c->running == 0 && !c->queue ? -1 : 0;
}

/* ---- the loop ------------------------------------------------------------ */

static int on_clients_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    c->flushing = c->flushing && timer != c->flush_timer;
    clients_flush(&c->front.clients, c->front.requests, (uint64_t)zclock_mono());
    flush_later(c);
    return 0;
}

/* What a client did not take at once, it may take soon. */
static void flush_later(struct controller *c)
{
    if (c->front.clients.behind == 0 || c->flushing)
        return;
    c->flushing = true;
    c->flush_timer = zloop_timer(c->loop, CLIENTS_MS, 1, on_clients_timer, c);
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

static void take_request(struct controller *c)
{
    struct client client;
    zframe_t *payload;
    if (!front_receive(&c->front, &client, &payload))
        return;
    if (!clients_admit(&c->front.clients, client.identity, (uint64_t)zclock_mono()))
        refuse_busy(c, &client, payload);
    else if (c->deferred || controller_is_delicate(c))
        defer(c, &client, payload);
    else
        handle(c, &client, payload);
}

/* Requests that are there at once share one look at the topology: it takes longer than all else that this
 * thread does for them. */
static int on_request(zloop_t *loop, zsock_t *socket, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    unsigned taken = 0;
    do
        take_request(c);
    while (++taken < REQUESTS_AT_ONCE && (zsock_events(socket) & ZMQ_POLLIN));
    c->survey.is_fresh = false;
    return controller_settle(c);
}

static int on_subscription(zloop_t *loop, zsock_t *socket, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    (void)socket;
    front_drain_subscriptions(&c->front);
    return 0;
}

static int on_key_question(zloop_t *loop, zsock_t *socket, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    (void)socket;
    front_refresh_keys(&c->front);
    curve_guard_answer(&c->front.guard, &c->front.access);
    return 0;
}

static int on_tick_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    (void)timer;
    front_tick(&c->front);
    return 0;
}

/* Where nothing else happens that would have the list looked at. */
static int on_keys_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    (void)timer;
    front_refresh_keys(&c->front);
    return 0;
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    struct controller *c = argument;
    struct signalfd_siginfo info = {0};
    bool known = read(item->fd, &info, sizeof info) == sizeof info;
    if (known && info.ssi_signo == SIGHUP) {
        notify_reloading();
        reload_run(c);
        notify_ready(c);
        return controller_settle(c);
    }
    if (known)
        log_say(LOG_NOTICE, LOG_ENDING, "ending: %s from process %u", strsignal((int)info.ssi_signo),
                info.ssi_pid);
    zloop_poller_end(loop, item);
    c->closing = true;
    notify_stopping();
    store_want_nothing(c->store);
    refuse_queue(c);
    for (struct worker *w = c->workers.first; w; w = w->next)
        if (w->busy && operation_cancel(w->busy, "the controller is ending"))
            worker_cancel(w);
    return controller_settle(c);
}

/* The machine's state is not that of an emulated tree. */
static enum ide_err open_store(struct controller *c, struct failure *failure)
{
    struct store_settings settings = c->settings->store;
    if (!settings.path && !c->settings->sysfs)
        settings.path = STORE_DEFAULT;
    if (settings.path && strcmp(settings.path, "none") == 0)
        settings.path = NULL;
    return store_open(&c->store, &settings, failure);
}

static enum ide_err open_front(struct controller *c, struct failure *failure)
{
    const struct controller_settings *s = c->settings;
    const struct front_settings front = {.listen = s->listen,
                                         .listen_tcp = s->listen_tcp,
                                         .server_key = s->server_key,
                                         .authorized = s->authorized,
                                         .admin_group = s->admin_group,
                                         .view_group = s->view_group,
                                         .message_log = s->message_log,
                                         .rate = s->request_rate};
    return front_open(&c->front, &front, failure);
}

enum ide_err controller_open(struct controller *c, const struct controller_settings *settings,
                             struct failure *failure)
{
    *c = (struct controller){.settings = settings, .start = settings, .front.lock = -1};
    c->agent = (struct agent_settings){.sysfs = settings->sysfs,
                                       .allow_wrong_bdf = settings->allow_wrong_bdf,
                                       .timeout_ms = settings->timeout_ms,
                                       .providers = &c->providers,
                                       .spdm = &settings->spdm,
                                       .credentials = &c->credentials,
                                       .flow = &c->flow};
    flow_through_open(&c->flow);
    enum ide_err err = open_store(c, failure);
    if (err != IDE_OK)
        return err;
    c->agent.store = c->flow.store = c->store;
    store_close_sessions(c->store);
    c->workers.settings = &c->agent;
    reload_open(c);
    c->hooks = (struct operation_hooks){.dispatch = on_dispatch,
                                        .progress = on_progress,
                                        .finished = on_finished,
                                        .is_shared = on_is_shared,
                                        .context = c};
    err = drbg_open(&c->drbg);
    if (err != IDE_OK)
        return failure_set(failure, err, "start", NULL, "there are no random numbers for keys");
    c->rng = drbg_rng(&c->drbg);
    keeper_host_open(c);
    struct spdm_port_settings spdm = spdm_options_port(&settings->spdm, settings->timeout_ms);
    err = credentials_load(&c->credentials, &settings->spdm, failure);
    if (err != IDE_OK)
        return err;
    credentials_apply(&c->credentials, &settings->provider.rot, &spdm);
    err = providers_open(&c->providers, &settings->provider, settings->sysfs, &spdm, failure);
    c->providers.store = c->store;
    c->recovery = (struct recovery){.store = c->store, .sysfs = settings->sysfs, .providers = &c->providers};
    if (err == IDE_OK) /* before anybody looks at an endpoint */
        err = recovery_open(&c->recovery, failure);
    if (err == IDE_OK)
        err = survey_open(&c->survey, settings->sysfs, &c->streams, failure);
    c->survey.providers = &c->providers;
    if (err == IDE_OK)
        err = open_front(c, failure);
    if (err == IDE_OK)
        err = metrics_open(&c->metrics, settings->metrics, failure);
    if (err == IDE_OK && !(c->loop = zloop_new()))
        err = failure_set(failure, IDE_E_MEMORY, "start", NULL, "out of memory");
    return err == IDE_OK ? watching_open(c, failure) : err;
}

void controller_run(struct controller *c, int stop_fd)
{
    zmq_pollitem_t stop = {.fd = stop_fd, .events = ZMQ_POLLIN};
    zloop_set_nonstop(c->loop, true); /* signals come through stop_fd */
    zloop_reader(c->loop, c->front.requests, on_request, c);
    zloop_reader(c->loop, c->front.events, on_subscription, c);
    zloop_timer(c->loop, FORGET_MS, 0, on_clients_timer, c);
    zloop_timer(c->loop, TICK_MS, 0, on_tick_timer, c);
    if (c->front.guard.zap) {
        zloop_reader(c->loop, c->front.guard.zap, on_key_question, c);
        zloop_timer(c->loop, KEYS_MS, 0, on_keys_timer, c);
    }
    zloop_poller(c->loop, &stop, on_signal, c);
    notify_start(c);
    metrics_start(c);
    restore_begin(c);
    (void)controller_settle(c);
    watching_run(c);
    while (zloop_start(c->loop) == 0)
        ; /* 0: a system call was interrupted; only a handler that says so ends the loop */
}

void controller_close(struct controller *c)
{
    zloop_destroy(&c->loop);
    metrics_close(c->metrics);
    c->metrics = NULL;
    watching_stop(c); /* it locks the workers' gates, */
    worker_pool_clear(&c->workers);
    watching_close(c); /* and hears of them */
    keeper_host_close(c);
    reload_close(c);
    for (struct stream *s = c->streams.first; s; s = s->next)
        registers_discard(&s->registers);
    stream_table_clear(&c->streams);
    cxl_link_table_clear(&c->cxl);
    front_close(&c->front);
    survey_close(&c->survey);
    show_cache_clear(&c->shown);
    providers_close(&c->providers);
    credentials_close(&c->credentials);
    flow_through_close(&c->flow);
    drbg_close(&c->drbg);
    recovery_close(&c->recovery);
    store_close(c->store);
}
