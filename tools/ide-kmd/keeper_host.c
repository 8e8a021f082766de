/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/keeper_host.h"

#include <stdio.h>
#include <string.h>

#include "tools/ide-kmd/cause.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/wants.h"

#define PLAN_AGAIN_MS 30000u /* for a device that its rule gives what it cannot have now */

static uint64_t now_ms(void)
{
    return (uint64_t)zclock_mono();
}

struct keeper_key keeper_key_of(const struct stream *stream)
{
    return wants_key(stream->kind, &stream->ends, &stream->features);
}

static struct stream *stream_of(struct controller *c, const struct keeper_key *key)
{
    for (struct stream *s = c->streams.first; s; s = s->next)
        if (s->kind == key->kind && s->features.traffic_class == key->traffic_class &&
            pcie_bdf_compare(&s->ends.bdf[END_ROOT_PORT], &key->root_port) == 0 &&
            pcie_bdf_compare(&s->ends.bdf[END_ENDPOINT], &key->endpoint) == 0)
            return s;
    return NULL;
}

/* What counts where no rule says anything. */
static struct policy base_policy(const struct controller *c)
{
    struct policy base = policy_default;
    base.require_reference = c->settings->require_reference;
    return base;
}

static struct policy policy_of(struct controller *c, const struct pcie_bdf *endpoint)
{
    const struct policy base = base_policy(c);
    const struct wants_context context = {.survey = &c->survey, .rules = &c->settings->rules, .base = &base};
    return wants_policy(&context, endpoint);
}

/* ---- what the keeper asks for ------------------------------------------------ */

static void mark_own(struct task *task, const struct keeper_item *item)
{
    task->by_keeper = true;
    task->op.by_config = item && item->source == KEEPER_BY_CONFIG;
    task->op.forgets = item && item->dropped;
    (void)snprintf(task->asked_by, sizeof task->asked_by, "%s",
                   item && item->restored ? "recovery" : "policy");
}

static enum ide_err choose_number(struct controller *c, const struct planned_stream *planned,
                                  const struct keeper_want *want, uint8_t *id, struct failure *failure)
{
    *id = want->stream;
    enum ide_err err = want->has_stream ? survey_stream_free(&c->survey, &planned->ends, *id, failure)
                                        : survey_choose_stream(&c->survey, &planned->ends, id, failure);
    return err == IDE_OK ? survey_class_free(&c->survey, planned, failure) : err;
}

static enum ide_err submit_establish(struct controller *c, const struct keeper_want *want,
                                     struct failure *failure)
{
    struct planned_stream planned;
    struct task *task = NULL;
    uint8_t id;
    enum ide_err err = survey_refresh_port(&c->survey, &want->key.endpoint, failure);
    if (err == IDE_OK)
        err = wants_find(&c->survey, want, &planned, failure);
    if (err == IDE_OK)
        err = choose_number(c, &planned, want, &id, failure);
    if (err == IDE_OK)
        err = controller_add_stream(c, &planned, id, NULL, &task, failure);
    if (err != IDE_OK) {
        if (task)
            controller_drop_stream(c, task);
        return err;
    }
    mark_own(task, keeper_find(&c->kept.keeper, &want->key));
    controller_submit(c, task);
    return IDE_OK;
}

static bool ask_establish(void *context, const struct keeper_want *want)
{
    struct controller *c = context;
    struct failure failure;
    char bdf[PCIE_BDF_TEXT];
    if (controller_is_delicate(c))
        return false;
    if (submit_establish(c, want, &failure) == IDE_OK)
        return true;
    log_say(LOG_WARNING, LOG_PLAIN, "%s: its stream cannot be established: %s",
            pcie_bdf_format(&want->key.endpoint, bdf), failure.message);
    const struct keeper_result result = {.operation = KEEPER_ESTABLISH,
                                         .own = true,
                                         .want = want,
                                         .cause = failure.message,
                                         .cause_kind = cause_of_failure(&failure)};
    keeper_ended(&c->kept.keeper, &want->key, &result, now_ms());
    return true;
}

/* The stream may have gone by itself, in what an operation of somebody else has done. */
static bool ask_for_stream(struct controller *c, const struct keeper_item *item, enum operation_kind kind,
                           enum keeper_operation operation)
{
    const struct stream *stream = stream_of(c, &item->want.key);
    const struct keeper_result none = {
        .operation = operation, .own = true, .ok = operation == KEEPER_STOP, .cause = "it is off already"};
    if (!stream) {
        keeper_ended(&c->kept.keeper, &item->want.key, &none, now_ms());
        return true;
    }
    struct task *task = task_new(c, kind, &stream->ends, stream->id, NULL);
    if (!task)
        return false;
    mark_own(task, item);
    controller_submit(c, task);
    return true;
}

static bool ask_refresh(void *context, const struct keeper_item *item)
{
    return ask_for_stream(context, item, OPERATION_REKEY, KEEPER_REFRESH);
}

static bool ask_stop(void *context, const struct keeper_item *item)
{
    return ask_for_stream(context, item, OPERATION_STOP, KEEPER_STOP);
}

static const struct refresh_use *use_of(void *context, const struct keeper_key *key)
{
    struct controller *c = context;
    struct stream *s = stream_of(c, key);
    if (!s)
        return NULL;
    uint64_t a = worker_pool_records(&c->workers, &s->ends.bdf[END_ENDPOINT]);
    uint64_t b = worker_pool_records(&c->workers, &s->ends.bdf[END_ROOT_PORT]);
    s->use.records = a > b ? a : b;
    return &s->use;
}

static void on_changed(void *context, const struct keeper_item *item)
{
    struct controller *c = context;
    store_take_kept(c->store, item);
    publish_kept(c, item);
}

bool keeper_host_restore(struct controller *c, const struct keeper_want *want, enum keeper_source source,
                         enum keeper_state state)
{
    struct keeper_want with_policy = *want;
    with_policy.policy = policy_of(c, &want->key.endpoint);
    return keeper_restore(&c->kept.keeper, &with_policy, source, state, now_ms());
}

/* ---- what the keeper is told -------------------------------------------------- */

static bool operation_of(const struct task *task, enum keeper_operation *operation)
{
    switch (task->op.kind) {
    case OPERATION_ESTABLISH:
        *operation = KEEPER_ESTABLISH;
        return true;
    case OPERATION_REKEY:
        *operation = KEEPER_REFRESH;
        return true;
    case OPERATION_STOP:
        *operation = KEEPER_STOP;
        return true;
    default:
        return false;
    }
}

void keeper_give_policy(struct controller *c, struct task *task)
{
    struct operation *op = &task->op;
    task->policy = policy_of(c, &op->ends.bdf[END_ENDPOINT]);
    op->policy = &task->policy;
    task->attestation.is_required = task->policy.require_reference;
    if (op->kind != OPERATION_REKEY || !op->stream)
        return;
    struct keeper_key key = keeper_key_of(op->stream);
    const struct refresh_use *use = use_of(c, &key);
    op->renew = use && use->records >= policy_records(&task->policy);
}

void keeper_take_started(struct controller *c, const struct task *task)
{
    enum keeper_operation operation;
    if (c->closing || !task->op.stream || !operation_of(task, &operation))
        return;
    struct keeper_key key = keeper_key_of(task->op.stream);
    keeper_started(&c->kept.keeper, &key, operation, task->by_keeper, now_ms());
}

static bool share_session(const struct key_provider_status *a, const struct pcie_bdf *a_mailbox,
                          const struct key_provider_status *b, const struct pcie_bdf *b_mailbox)
{
    return a->session == b->session &&
           ((a->shared && b->shared) || pcie_bdf_compare(a_mailbox, b_mailbox) == 0);
}

/*
 * The session is gone that keyed this end. Nobody can refresh its streams any more, and a device takes no keys from
 * another session as long as this one lives on at its side (PCIe 6.x 11.3.8): so all of its streams are established
 * anew, not only the one whose refresh has shown it.
 */
static void take_lost_session(struct controller *c, const struct stream *stream, enum stream_end end)
{
    const struct key_provider_status *lost = &stream->provider[end];
    const struct pcie_bdf *mailbox = stream_mailbox(&stream->ends, end);
    for (const struct stream *s = c->streams.first; s; s = s->next)
        for (enum stream_end e = 0; e < END_COUNT; e++)
            if (s != stream && share_session(lost, mailbox, &s->provider[e], stream_mailbox(&s->ends, e)))
                keeper_take_fall(c, s, POLICY_CAUSE_FAILURE, "the session that gave it its keys is lost");
}

static void take_lost_sessions(struct controller *c, const struct task *task)
{
    const struct operation *op = &task->op;
    if (op->kind != OPERATION_REKEY || op->failure.err != IDE_E_SESSION)
        return;
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (pcie_bdf_compare(&op->failure.device, &op->stream->ends.bdf[end]) == 0)
            take_lost_session(c, op->stream, end);
}

void keeper_take_ended(struct controller *c, const struct task *task)
{
    const struct operation *op = &task->op;
    const struct stream *stream = op->stream;
    enum keeper_operation operation;
    if (c->closing || !stream || !operation_of(task, &operation))
        return;
    struct keeper_want want = {.key = keeper_key_of(stream),
                               .features = stream->features,
                               .has_stream = task->has_number,
                               .stream = stream->id,
                               .policy = policy_of(c, &stream->ends.bdf[END_ENDPOINT])};
    const struct keeper_result result = {.operation = operation,
                                         .own = task->by_keeper,
                                         .ok = op->failure.err == IDE_OK,
                                         .is_up =
                                             stream->state == STREAM_UP || stream->state == STREAM_HALF_OFF,
                                         .session_lost = op->failure.err == IDE_E_SESSION,
                                         .want = &want,
                                         .stream = stream->id,
                                         .cause = op->failure.message,
                                         .cause_kind = cause_of_failure(&op->failure)};
    keeper_ended(&c->kept.keeper, &want.key, &result, now_ms());
    take_lost_sessions(c, task);
}

void keeper_take_fall(struct controller *c, const struct stream *stream, enum policy_cause kind,
                      const char *cause)
{
    struct keeper_key key = keeper_key_of(stream);
    if (!c->closing)
        keeper_fell(&c->kept.keeper, &key, kind, cause, now_ms());
}

void keeper_take_platform(struct controller *c)
{
    keeper_host_plan(c, false);
}

const struct keeper_item *keeper_host_give_up(struct controller *c, const struct pcie_bdf *port, uint8_t stream)
{
    struct ide_fault fault;
    char text[FAILURE_MESSAGE_MAX];
    const struct keeper_item *kept = keeper_give_up(&c->kept.keeper, port, stream, now_ms());
    /* that it cannot be written down must not keep it wanted now */
    if (kept && store_give_up(c->store, port, stream, &fault) != IDE_OK)
        log_say(LOG_ERR, LOG_PLAIN, "%s", ide_fault_text(&fault, text, sizeof text));
    return kept;
}

/* ---- the plan ------------------------------------------------------------------- */

void keeper_host_plan(struct controller *c, bool renew)
{
    c->kept.plan_due = true;
    c->kept.renew = c->kept.renew || renew;
    c->kept.loud = c->kept.loud || renew;
}

/* Ports that streams are wanted between, as far as they are not what they were. */
static void look_for_ports(struct controller *c)
{
    struct keeper *k = &c->kept.keeper;
    for (struct keeper_item *item = k->first; item; item = item->next) {
        const struct pcie_bdf ports[] = {item->want.key.root_port, item->want.key.endpoint};
        for (size_t i = 0; i < 2; i++)
            keeper_port(k, &ports[i], topology_find(&c->survey.topology, &ports[i]) != TOPOLOGY_NONE,
                        now_ms());
    }
}

static void make_plan(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    struct failure failure;
    const struct policy base = base_policy(c);
    const struct wants_context context = {
        .survey = &c->survey, .rules = &c->settings->rules, .base = &base, .loud = host->loud};
    host->plan_due = false;
    host->plan_again_ms = now_ms() + PLAN_AGAIN_MS;
    if (survey_refresh(&c->survey, &failure) != IDE_OK) {
        log_say(LOG_ERR, LOG_PLAIN, "the platform cannot be looked at: %s", failure.message);
        return;
    }
    look_for_ports(c);
    keeper_plan_begin(&host->keeper);
    if (wants_plan(&context, &host->keeper) == 0)
        host->plan_again_ms = UINT64_MAX;
    keeper_plan_end(&host->keeper, host->renew, now_ms());
    host->renew = host->loud = false;
}

/* ---- the loop ------------------------------------------------------------------- */

static int on_timer(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    (void)loop;
    if (timer == c->kept.timer)
        c->kept.timer = 0;
    return controller_settle(c);
}

static uint64_t next_due(const struct controller *c)
{
    uint64_t due = keeper_due(&c->kept.keeper);
    return c->kept.plan_again_ms < due ? c->kept.plan_again_ms : due;
}

static void set_timer(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    uint64_t due = next_due(c), now = now_ms();
    if (host->timer && host->timer_at_ms == due)
        return;
    if (host->timer)
        zloop_timer_end(c->loop, host->timer);
    host->timer = 0;
    host->timer_at_ms = due;
    if (due != UINT64_MAX)
        host->timer = zloop_timer(c->loop, due > now ? (size_t)(due - now) : 1, 1, on_timer, c);
}

void keeper_host_run(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    if (c->closing)
        return;
    if (!controller_is_delicate(c)) {
        if (host->plan_due || now_ms() >= host->plan_again_ms)
            make_plan(c);
        keeper_run(&host->keeper, now_ms());
        survey_done(&c->survey);
        set_timer(c);
    } /* else the end of the delicate step comes here again */
}

void keeper_host_open(struct controller *c)
{
    c->kept.plan_again_ms = UINT64_MAX;
    c->kept.ops = (struct keeper_ops){.establish = ask_establish,
                                      .refresh = ask_refresh,
                                      .stop = ask_stop,
                                      .use = use_of,
                                      .changed = on_changed,
                                      .context = c};
    keeper_init(&c->kept.keeper, &c->kept.ops, &c->rng);
    c->kept.loud = true;
    keeper_host_plan(c, false);
}

void keeper_host_close(struct controller *c)
{
    keeper_close(&c->kept.keeper);
}
