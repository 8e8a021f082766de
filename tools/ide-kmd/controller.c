/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/controller.h"

#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/registers.h"
#include "tools/ide-kmd/requests.h"
#include "tools/ide-kmd/restore.h"
#include "tools/ide-kmd/schedule.h"
#include "tools/ide-kmd/settings.h"
#include "tools/ide-kmd/task.h"
#include "tools/ide-kmd/watching.h"

#define KEYS_MS    500u
#define CLIENTS_MS 20u /* until a client that is behind is tried again */
#define LOG_MS     20u /* until whoever is behind with reading the log is tried again */
#define FORGET_MS  5000u
#define TICK_MS    2000u

/* ---- the end ------------------------------------------------------------- */

static void refuse_queue(struct controller *c)
{
    while (c->queue) {
        struct task *task = c->queue;
        c->queue = task->next;
        task_refuse(c, task, IDE_E_CANCELLED, "the controller is ending");
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

static void flush_later(struct controller *c);

/* After each event: what can start now, starts. -1 when all is over, which ends the loop. */
int controller_settle(struct controller *c)
{
    schedule(c);
    requests_handle_deferred(c);
    keeper_host_run(c);
    port_gate_run(c); /* before anything starts that the keeper has asked for */
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

/* What whoever reads the log did not take at once, he may take soon. */
static int on_log_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    if (timer == c->log_timer)
        c->log_timer = 0;
    if (log_tick() && c->log_timer == 0)
        c->log_timer = zloop_timer(loop, LOG_MS, 1, on_log_timer, c);
    return 0;
}

static int on_tick_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    (void)timer;
    front_tick(&c->front);
    on_log_timer(loop, 0, c);
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

/* To end for good means that nobody wants any stream any more. Whoever ends it to start another wants them
 * all. */
static void begin_end(struct controller *c, bool to_restart)
{
    c->closing = true;
    c->restarting = to_restart;
    notify_stopping();
    if (!to_restart)
        store_want_nothing(c->store);
    refuse_queue(c);
    for (struct worker *w = c->workers.first; w; w = w->next)
        if (w->busy && operation_cancel(w->busy, "the controller is ending") &&
            (!operation_is_cxl(w->busy->kind) || operation_may_interrupt(w->busy)))
            worker_cancel(w);
}

static int on_signal(zloop_t *loop, zmq_pollitem_t *item, void *argument)
{
    struct controller *c = argument;
    struct signalfd_siginfo info = {0};
    bool known = read(item->fd, &info, sizeof info) == sizeof info;
    bool to_restart = known && info.ssi_signo == SIGUSR1;
    if (known && info.ssi_signo == SIGHUP) {
        notify_reloading();
        reload_run(c);
        notify_ready(c);
        return controller_settle(c);
    }
    if (known)
        log_say(LOG_NOTICE, LOG_ENDING, "ending%s: %s from process %u",
                to_restart ? ", to be started again" : "", strsignal((int)info.ssi_signo), info.ssi_pid);
    zloop_poller_end(loop, item);
    begin_end(c, to_restart);
    return controller_settle(c);
}

static enum ide_err open_store(struct controller *c, struct failure *failure)
{
    struct store_settings settings = c->settings->store;
    settings.path = settings_state(c->settings);
    return store_open(&c->store, &settings, failure);
}

static enum ide_err open_front(struct controller *c, struct failure *failure)
{
    const struct front_settings front = settings_front(c->settings);
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
                                       .flow = &c->flow,
                                       .gates = &c->gates};
    flow_through_open(&c->flow);
    port_gates_open(&c->gates, NULL);
    enum ide_err err = open_store(c, failure);
    if (err != IDE_OK)
        return err;
    c->agent.store = c->flow.store = c->gates.store = c->store;
    store_close_sessions(c->store);
    c->workers.settings = &c->agent;
    reload_open(c);
    c->hooks = task_hooks(c);
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
    c->recovery = (struct recovery){
        .store = c->store, .sysfs = settings->sysfs, .providers = &c->providers, .gates = &c->gates, .flow = &c->flow};
    if (err == IDE_OK) /* before anybody looks at an endpoint */
        err = recovery_open(&c->recovery, failure);
    port_gate_open(c);
    if (err == IDE_OK)
        err = survey_open(&c->survey, settings->sysfs, &c->streams, failure);
    c->survey.providers = &c->providers;
    c->survey.gates = &c->gates;
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
    zloop_reader(c->loop, c->front.requests, requests_on_socket, c);
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
    own_certificates_start(c);
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
    own_certificates_close(c);
    credentials_close(&c->credentials);
    flow_through_close(&c->flow);
    port_gate_close(c);
    drbg_close(&c->drbg);
    recovery_close(&c->recovery);
    store_close(c->store);
}
