/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/keeper_host.h"

#include <stdio.h>
#include <string.h>

#include "tools/ide-kmd/cause.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/wants.h"

static uint64_t now_ms(void)
{
    return (uint64_t)zclock_mono();
}

struct keeper_key keeper_key_of(const struct stream *stream)
{
    return wants_key(stream->kind, &stream->ends, &stream->features);
}

/* NULL of a CXL link, which is in another table. */
static struct stream *stream_of(struct controller *c, const struct keeper_key *key)
{
    for (struct stream *s = key->cxl ? NULL : c->streams.first; s; s = s->next)
        if (s->kind == key->kind && s->features.traffic_class == key->traffic_class &&
            pcie_bdf_compare(&s->ends.bdf[END_ROOT_PORT], &key->root_port) == 0 &&
            pcie_bdf_compare(&s->ends.bdf[END_ENDPOINT], &key->endpoint) == 0)
            return s;
    return NULL;
}

/* What counts where no rule says anything. */
struct policy keeper_base_policy(const struct controller *c)
{
    struct policy base = policy_default;
    base.require_reference = c->settings->require_reference;
    return base;
}

static struct policy policy_of(struct controller *c, const struct keeper_key *key)
{
    const struct policy base = keeper_base_policy(c);
    const struct wants_context context = {.survey = &c->survey, .rules = &c->settings->rules, .base = &base};
    return wants_policy(&context, key);
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
    enum ide_err err = survey_refresh_branch(&c->survey, &want->key.endpoint, failure);
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

static enum ide_err submit_cxl(struct controller *c, const struct keeper_want *want, struct failure *failure)
{
    struct task *task;
    const struct cxl_wish wish = {want->key.endpoint, want->cxl_mode, want->cxl_generate};
    enum ide_err err = cxl_establish_task(c, &wish, NULL, &task, failure);
    if (err != IDE_OK)
        return err;
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
    enum ide_err err = survey_refresh_list(&c->survey, &failure);
    if (err == IDE_OK && keeper_plan_is_old(c))
        return false; /* other devices are there than it was wanted with */
    if (err == IDE_OK)
        err = want->key.cxl ? submit_cxl(c, want, &failure) : submit_establish(c, want, &failure);
    if (err == IDE_OK)
        return true;
    log_say(LOG_WARNING, LOG_PLAIN, "%s: its %s cannot be established: %s",
            pcie_bdf_format(&want->key.endpoint, bdf), want->key.cxl ? "CXL link" : "stream", failure.message);
    const struct keeper_result result = {.operation = KEEPER_ESTABLISH,
                                         .own = true,
                                         .want = want,
                                         .cause = failure.message,
                                         .cause_kind = cause_of_failure(&failure)};
    keeper_ended(&c->kept.keeper, &want->key, &result, now_ms());
    return true;
}

/* The task that does something with what is there; NULL without memory. *there false: nothing is. */
static struct task *task_for(struct controller *c, const struct keeper_key *key, enum keeper_operation operation,
                             bool *there)
{
    if (key->cxl) {
        const struct cxl_link *link = cxl_link_find(&c->cxl, &key->endpoint);
        *there = link != NULL;
        return link ? cxl_task(c, operation == KEEPER_STOP ? CXL_STOP : CXL_REKEY, link, NULL) : NULL;
    }
    const struct stream *stream = stream_of(c, key);
    *there = stream != NULL;
    return stream ? task_new(c, operation == KEEPER_STOP ? OPERATION_STOP : OPERATION_REKEY, &stream->ends, stream->id,
                             NULL)
                  : NULL;
}

/* The stream may have gone by itself, in what an operation of somebody else has done. */
static bool ask_for_stream(struct controller *c, const struct keeper_item *item, enum keeper_operation operation)
{
    bool there;
    struct task *task = task_for(c, &item->want.key, operation, &there);
    const struct keeper_result none = {
        .operation = operation, .own = true, .ok = operation == KEEPER_STOP, .cause = "it is off already"};
    if (!there) {
        keeper_ended(&c->kept.keeper, &item->want.key, &none, now_ms());
        return true;
    }
    if (!task)
        return false;
    mark_own(task, item);
    controller_submit(c, task);
    return true;
}

static bool ask_refresh(void *context, const struct keeper_item *item)
{
    return ask_for_stream(context, item, KEEPER_REFRESH);
}

static bool ask_stop(void *context, const struct keeper_item *item)
{
    return ask_for_stream(context, item, KEEPER_STOP);
}

static void count_records(struct controller *c, const struct stream_ends *ends, struct refresh_use *use)
{
    uint64_t a = worker_pool_records(&c->workers, &ends->bdf[END_ENDPOINT]);
    uint64_t b = worker_pool_records(&c->workers, &ends->bdf[END_ROOT_PORT]);
    use->records = a > b ? a : b;
}

static const struct refresh_use *use_of(void *context, const struct keeper_key *key)
{
    struct controller *c = context;
    struct cxl_link *link = key->cxl ? cxl_link_find(&c->cxl, &key->endpoint) : NULL;
    struct stream *s = stream_of(c, key);
    if (!s && !link)
        return NULL;
    struct refresh_use *use = link ? &link->use : &s->use;
    count_records(c, link ? &link->ends : &s->ends, use);
    return use;
}

static void on_changed(void *context, const struct keeper_item *item)
{
    struct controller *c = context;
    store_take_kept(c->store, item);
    if (!item->gone)
        publish_kept(c, item);
}

bool keeper_host_restore(struct controller *c, const struct keeper_want *want, enum keeper_source source,
                         enum keeper_state state, const struct keeper_reason *reason)
{
    struct keeper_want with_policy = *want;
    with_policy.policy = policy_of(c, &want->key);
    return keeper_restore(&c->kept.keeper, &with_policy, source, state, reason, now_ms());
}

/* ---- what the keeper is told -------------------------------------------------- */

static bool operation_of(const struct task *task, enum keeper_operation *operation)
{
    switch (task->op.kind) {
    case OPERATION_ESTABLISH:
    case OPERATION_CXL_ESTABLISH:
        *operation = KEEPER_ESTABLISH;
        return true;
    case OPERATION_REKEY:
    case OPERATION_CXL_REKEY:
        *operation = KEEPER_REFRESH;
        return true;
    case OPERATION_STOP:
    case OPERATION_CXL_STOP:
        *operation = KEEPER_STOP;
        return true;
    default:
        return false;
    }
}

/* What the operation is about; of one that is about no stream its endpoint alone is meant. */
static struct keeper_key key_of(const struct operation *op)
{
    if (operation_is_cxl(op->kind))
        return wants_cxl_key(&op->ends);
    if (op->stream)
        return keeper_key_of(op->stream);
    return (struct keeper_key){.endpoint = op->ends.bdf[END_ENDPOINT]};
}

void keeper_give_policy(struct controller *c, struct task *task)
{
    struct operation *op = &task->op;
    struct keeper_key key = key_of(op);
    task->policy = policy_of(c, &key);
    op->policy = &task->policy;
    task->attestation.is_required = task->policy.require_reference;
    if (op->kind != OPERATION_REKEY && op->kind != OPERATION_CXL_REKEY)
        return;
    const struct refresh_use *use = use_of(c, &key);
    op->renew = use && use->records >= policy_records(&task->policy);
}

static bool is_of_stream(const struct operation *op)
{
    return op->stream || operation_is_cxl(op->kind);
}

void keeper_take_started(struct controller *c, const struct task *task)
{
    enum keeper_operation operation;
    if (c->closing || !is_of_stream(&task->op) || !operation_of(task, &operation))
        return;
    struct keeper_key key = key_of(&task->op);
    keeper_started(&c->kept.keeper, &key, operation, task->by_keeper, now_ms());
}

static bool share_session(const struct key_provider_status *a, const struct pcie_bdf *a_mailbox,
                          const struct key_provider_status *b, const struct pcie_bdf *b_mailbox)
{
    return a->session == b->session &&
           ((a->shared && b->shared) || pcie_bdf_compare(a_mailbox, b_mailbox) == 0);
}

/* A session that is lost, and whose it was. */
struct lost_session {
    const struct key_provider_status *status;
    const struct pcie_bdf *mailbox;
    const struct operation *op; /* that has shown it */
};

static void take_from_streams(struct controller *c, const struct lost_session *lost, const char *why)
{
    for (const struct stream *s = c->streams.first; s; s = s->next)
        for (enum stream_end e = 0; e < END_COUNT; e++)
            if (s != lost->op->stream &&
                share_session(lost->status, lost->mailbox, &s->provider[e], stream_mailbox(&s->ends, e)))
                keeper_take_fall(c, s, POLICY_CAUSE_FAILURE, why);
}

static bool is_own(const struct operation *op, const struct cxl_link *link)
{
    return op->cxl && pcie_bdf_compare(&op->ends.bdf[END_ENDPOINT], &link->ends.bdf[END_ENDPOINT]) == 0;
}

static void take_from_links(struct controller *c, const struct lost_session *lost, const char *why)
{
    for (const struct cxl_link *link = c->cxl.first; link; link = link->next)
        for (enum stream_end e = 0; e < END_COUNT; e++)
            if (link->is_up && !is_own(lost->op, link) && !(link->by_unit && e == END_ROOT_PORT) &&
                share_session(lost->status, lost->mailbox, &link->provider[e], &link->ends.bdf[e]))
                keeper_take_cxl_fall(c, link, POLICY_CAUSE_FAILURE, why);
}

/*
 * The session is gone that keyed an end, and keys are due. Nobody can refresh its streams any more, and a device takes no
 * keys from another session as long as this one lives on at its side (PCIe 6.x 11.3.8, CXL 3.1 11.4.2): so all that it
 * keyed is established anew, not only what has shown it. As long as none are due all go on.
 */
static void take_lost_sessions(struct controller *c, const struct task *task)
{
    static const char why[] = "the session that gave it its keys is lost";
    const struct operation *op = &task->op;
    bool is_rekey = op->kind == OPERATION_REKEY || op->kind == OPERATION_CXL_REKEY;
    if (!is_rekey || !task->by_keeper || op->failure.err == IDE_OK || !op->session_lost)
        return;
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        const struct lost_session lost = {op->stream ? &op->stream->provider[end] : &task->order.link.provider[end],
                                          stream_mailbox(&op->ends, end), op};
        if (pcie_bdf_compare(&op->failure.device, &op->ends.bdf[end]) != 0)
            continue;
        take_from_streams(c, &lost, why);
        take_from_links(c, &lost, why);
    }
}

/* One that did not start knows the link as it was when it was asked for only. */
static bool cxl_is_up(const struct controller *c, const struct task *task)
{
    const struct cxl_link *link = &task->order.link;
    if (!task->order.started)
        link = cxl_link_find(&c->cxl, &task->op.ends.bdf[END_ENDPOINT]);
    return link && (link->is_up || link->half_off);
}

static bool is_up(const struct controller *c, const struct task *task)
{
    const struct stream *stream = task->op.stream;
    return stream ? stream->state == STREAM_UP || stream->state == STREAM_HALF_OFF : cxl_is_up(c, task);
}

/* What it was asked to be. */
static struct keeper_want want_of(struct controller *c, const struct task *task)
{
    const struct stream *stream = task->op.stream;
    struct keeper_want want = {.key = key_of(&task->op)};
    want.policy = policy_of(c, &want.key);
    if (stream) {
        want.features = stream->features;
        want.has_stream = task->has_number;
        want.stream = stream->id;
    } else {
        want.cxl_mode = task->order.link.mode;
        want.cxl_generate = task->order.link.generated;
    }
    return want;
}

void keeper_take_ended(struct controller *c, const struct task *task)
{
    const struct operation *op = &task->op;
    enum keeper_operation operation;
    if (c->closing || !is_of_stream(op) || !operation_of(task, &operation))
        return;
    const struct keeper_want want = want_of(c, task);
    const struct keeper_result result = {.operation = operation,
                                         .own = task->by_keeper,
                                         .ok = op->failure.err == IDE_OK,
                                         .is_up = is_up(c, task),
                                         .session_lost = op->session_lost,
                                         .want = &want,
                                         .stream = op->stream ? op->stream->id : 0,
                                         .cause = op->failure.message,
                                         .cause_kind = cause_of_failure(&op->failure)};
    keeper_ended(&c->kept.keeper, &want.key, &result, now_ms());
    take_lost_sessions(c, task);
}

void keeper_take_cxl_fall(struct controller *c, const struct cxl_link *link, enum policy_cause kind, const char *cause)
{
    struct keeper_key key = wants_cxl_key(&link->ends);
    if (!c->closing)
        keeper_fell(&c->kept.keeper, &key, kind, cause, now_ms());
}

void keeper_take_fall(struct controller *c, const struct stream *stream, enum policy_cause kind,
                      const char *cause)
{
    struct keeper_key key = keeper_key_of(stream);
    if (!c->closing)
        keeper_fell(&c->kept.keeper, &key, kind, cause, now_ms());
}

/* That it cannot be written down must not keep it wanted now. */
static void say_not_written(const struct ide_fault *fault)
{
    char text[FAILURE_MESSAGE_MAX];
    log_say(LOG_ERR, LOG_PLAIN, "%s", ide_fault_text(fault, text, sizeof text));
}

const struct keeper_item *keeper_host_give_up_cxl(struct controller *c, const struct pcie_bdf *port)
{
    struct ide_fault fault;
    const struct keeper_item *kept = keeper_give_up_cxl(&c->kept.keeper, port, now_ms());
    if (!kept)
        return NULL;
    const struct pcie_bdf *root = &kept->want.key.root_port;
    if (store_set_cxl_link(c->store, root, HELD_NOTHING, HELD_NOT_WANTED, &fault) == IDE_OK)
        store_let_cxl_link_go(c->store, root);
    else
        say_not_written(&fault);
    return kept;
}

const struct keeper_item *keeper_host_give_up(struct controller *c, const struct pcie_bdf *port, uint8_t stream)
{
    struct ide_fault fault;
    const struct keeper_item *kept = keeper_give_up(&c->kept.keeper, port, stream, now_ms());
    if (kept && store_give_up(c->store, port, stream, &fault) != IDE_OK)
        say_not_written(&fault);
    return kept;
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

static void set_timer(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    uint64_t due = keeper_due(&host->keeper), plan = keeper_plan_due(c), now = now_ms();
    due = plan < due ? plan : due;
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
        keeper_plan_run(c);
        keeper_run(&host->keeper, now_ms());
        survey_done(&c->survey);
        watch_known(c->watch, c->survey.topology.listing);
        set_timer(c);
    } /* else the end of the delicate step comes here again */
}

void keeper_host_open(struct controller *c)
{
    c->kept.plan_again_ms = c->kept.silent_again_ms = UINT64_MAX;
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
