/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/operation.h"

#include "tools/ide-kmd/cxl_end.h"
#include "tools/ide-kmd/probe.h"

static void pump(struct operation *op);

const char *operation_name(enum operation_kind kind)
{
    switch (kind) {
    case OPERATION_ATTEST:
        return "attest";
    case OPERATION_ESTABLISH:
        return "establish";
    case OPERATION_REKEY:
        return "rekey";
    case OPERATION_STOP:
        return "stop";
    case OPERATION_CXL_ESTABLISH:
        return "cxl_establish";
    case OPERATION_CXL_REKEY:
        return "cxl_rekey";
    case OPERATION_CXL_STOP:
        return "cxl_stop";
    case OPERATION_DOCTOR:
        return "doctor";
    case OPERATION_FORGET:
        return "forget";
    }
    return "";
}

bool operation_is_of_port(enum operation_kind kind)
{
    return kind == OPERATION_ATTEST || kind == OPERATION_FORGET;
}

bool operation_is_cxl(enum operation_kind kind)
{
    return kind == OPERATION_CXL_ESTABLISH || kind == OPERATION_CXL_REKEY || kind == OPERATION_CXL_STOP;
}

bool operation_is_delicate(const struct operation *op)
{
    return coordinator_is_running(&op->run, STEP_ENABLE) || coordinator_is_running(&op->run, STEP_DISABLE);
}

bool operation_cancel(struct operation *op, const char *why)
{
    if (op->undoing || op->kind == OPERATION_STOP || op->kind == OPERATION_CXL_STOP)
        return false;
    if (op->failure.err != IDE_OK)
        return op->failure.err == IDE_E_CANCELLED;
    failure_device(&op->failure, IDE_E_CANCELLED, operation_name(op->kind), &op->ends.bdf[END_ROOT_PORT],
                   "%s", why);
    op->run.failed = true;
    return true;
}

/*
 * A CXL link has no enable bit: only the session that an end was keyed in can take its keys back at once. So
 * once the first key is on its way each step is let come to its end, which its timeouts bound.
 */
bool operation_may_interrupt(const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_REKEY:
    case OPERATION_CXL_REKEY:
        return false;
    case OPERATION_CXL_ESTABLISH:
        return !op->undoing && !coordinator_has_started(&op->run, STEP_PROGRAM_KEYS, END_ENDPOINT) &&
               !coordinator_has_started(&op->run, STEP_PROGRAM_KEYS, END_ROOT_PORT);
    case OPERATION_ATTEST:
    case OPERATION_ESTABLISH:
    case OPERATION_STOP:
    case OPERATION_CXL_STOP:
    case OPERATION_DOCTOR:
    case OPERATION_FORGET:
        return true;
    }
    return true;
}

static void add_note(struct operation *op, const struct job *job, const struct ide_fault *fault)
{
    if (op->note_count == OPERATION_NOTES_MAX)
        return;
    failure_fault(&op->note[op->note_count++], step_name(job->action), &job->device, fault);
}

/* The first failure is the one to tell; what goes wrong while undoing is noted. */
static void take_failure(struct operation *op, const struct job *job)
{
    if (op->failure.err == IDE_OK) {
        failure_fault(&op->failure, step_name(job->action), &job->device, &job->fault);
        op->failure.mismatch = job->mismatch;
    } else
        add_note(op, job, &job->fault);
}

/* The key set that a re-key is about; for all else the one in use. */
static uint8_t working_set(const struct operation *op)
{
    if (!op->stream)
        return 0;
    return op->kind == OPERATION_REKEY ? !op->stream->key_set : op->stream->key_set;
}

static uint8_t sets_to_stop(const struct operation *op)
{
    uint8_t in_use = (uint8_t)(1u << op->stream->key_set);
    if (op->kind != OPERATION_REKEY)
        return op->stream->both_sets ? 3 : in_use;
    return op->undoing ? in_use ^ 3u : in_use;
}

/* Keys exist from the first step that needs them to the last. */
static enum ide_err need_keys(struct operation *op)
{
    enum ide_err err = IDE_OK;
    if (!op->keys)
        op->keys = key_memory_generate(op->rng, &err);
    return err;
}

static void drop_keys(struct operation *op)
{
    key_memory_wipe(op->keys);
    op->keys = NULL;
}

static void fill_job(struct operation *op, const struct plan_step *step, struct job *job)
{
    *job = (struct job){
        .action = step->action,
        .end = step->end,
        .device = op->ends.bdf[step->end],
        .ends = op->ends,
        .trust = op->trust,
        .attestation = op->attestation,
        .in_use = op->hooks->is_shared(op->hooks->context, op, step->end),
        .key_set = working_set(op),
        .cxl = op->cxl,
        .probe = op->probe ? &op->probe[step->end] : NULL,
        .establishes =
            (op->kind == OPERATION_ESTABLISH || op->kind == OPERATION_CXL_ESTABLISH) && !op->undoing,
        .closes = op->closes,
        .spares_below = op->spares_below,
        .forgets = op->forgets,
        .by_config = op->by_config,
        .asked_by = op->asked_by,
        .policy = op->policy,
        .renew = op->renew,
        .owner = op,
        .step = step,
    };
    if (!op->stream)
        return;
    job->stream_id = op->stream->id;
    job->port_index = op->stream->port_index[step->end];
    job->kind = op->stream->kind;
    job->features = op->stream->features;
    job->registers = &op->stream->registers;
    job->session = op->stream->provider[step->end].session;
    if (step->action == STEP_STOP_KEYS)
        job->stop_sets = sets_to_stop(op);
    if (op->keys)
        job->keys = &op->keys->end[step->end];
}

static void begin(struct operation *op, const struct plan_step *step)
{
    struct job *job = &op->job[step->end];
    enum ide_err err = step->action == STEP_PROGRAM_KEYS && !op->cxl ? need_keys(op) : IDE_OK;
    fill_job(op, step, job);
    op->hooks->progress(op->hooks->context, op, job, PROGRESS_STARTED);
    if (err == IDE_OK) {
        op->hooks->dispatch(op->hooks->context, op, job);
        return;
    }
    job->err = ide_fail(&job->fault, err, "key generation", NULL);
    take_failure(op, job);
    coordinator_ended(&op->run, step, false);
    op->hooks->progress(op->hooks->context, op, job, PROGRESS_FAILED);
}

static void take_setup(struct stream *stream, const struct job *job)
{
    stream->use.bytes_per_second = job->bytes_per_second;
    stream->active_links = job->active_links;
    for (enum stream_end end = 0; end < END_COUNT; end++)
        stream->block[end] = job->block[end];
}

/* What a step has found out and the stream has to remember. */
static void remember(struct operation *op, const struct job *job)
{
    struct stream *stream = op->stream;
    if (job->err != IDE_OK)
        return;
    op->records[job->end] = job->records;
    if (job->action == STEP_PROGRAM_KEYS && op->keyed_ms == 0)
        op->keyed_ms = job->done_ms;
    if (job->action == STEP_SETUP && op->cxl) {
        op->cxl->link.use.bytes_per_second = job->bytes_per_second;
        op->cxl->link.was_active = job->active_links;
    }
    if (!stream)
        return;
    if (job->action == STEP_SESSION) {
        stream->provider[job->end] = job->provider;
        stream->provider_name[job->end] = job->provider_name;
    }
    if (job->action == STEP_QUERY)
        stream->port_index[job->end] = job->port_index;
    if (job->action == STEP_SETUP)
        take_setup(stream, job);
}

/* Undoing an establish is stopping what it had started. */
static bool was_not_started(const void *context, const struct plan_step *step)
{
    const struct operation *op = context;
    switch (step->action) {
    case STEP_DISABLE:
        return !coordinator_has_started(&op->run, STEP_ENABLE, step->end);
    case STEP_STOP_KEYS:
        return !coordinator_has_started(&op->run, STEP_PROGRAM_KEYS, step->end);
    case STEP_RELEASE:
        return !coordinator_has_started(&op->run, STEP_SETUP, step->end);
    case STEP_END_SESSION:
        return !coordinator_has_started(&op->run, STEP_AUTHENTICATE, step->end) ||
               op->hooks->is_shared(op->hooks->context, op, step->end);
    case STEP_ATTEST:
    case STEP_AUTHENTICATE:
    case STEP_SESSION:
    case STEP_QUERY:
    case STEP_SETUP:
    case STEP_PROGRAM_KEYS:
    case STEP_GO_RECEIVE:
    case STEP_GO_TRANSMIT:
    case STEP_ENABLE:
    case STEP_AWAIT_SECURE:
    case STEP_DRAIN:
    case STEP_DOCTOR:
    case STEP_CXL_LOOK:
    case STEP_COUNT:
        return true;
    }
    return true;
}

static bool is_left_out(const void *context, const struct plan_step *step)
{
    const struct operation *op = context;
    if (op->cxl && cxl_step_is_idle(&op->cxl->link, step))
        return true;
    return step->action == STEP_END_SESSION && op->hooks->is_shared(op->hooks->context, op, step->end);
}

static bool transmitters_were_told(const struct operation *op)
{
    return coordinator_has_started(&op->run, STEP_GO_TRANSMIT, END_ENDPOINT) ||
           coordinator_has_started(&op->run, STEP_GO_TRANSMIT, END_ROOT_PORT);
}

/* The plan that takes back what the failed one did; NULL if there is nothing to take back. */
static const struct plan *undo_plan(const struct operation *op)
{
    switch (op->kind) {
    case OPERATION_ESTABLISH:
        return &plan_stop;
    case OPERATION_REKEY:
        /* A transmitter may use the new keys by now, and taking them from its receiver would lose what it
         * sends. Both sets stay, every receiver reads both, and the next re-key begins with completing this
         * one. */
        return transmitters_were_told(op) ? NULL : &plan_rekey_undo;
    case OPERATION_CXL_ESTABLISH:
        return &plan_cxl_stop;
    case OPERATION_ATTEST:
    case OPERATION_DOCTOR:
    case OPERATION_STOP:
    case OPERATION_CXL_REKEY:
    case OPERATION_CXL_STOP:
    case OPERATION_FORGET:
        return NULL;
    }
    return NULL;
}

static void undo(struct operation *op, const struct plan *plan)
{
    struct coordinator back;
    /* The last step writes down that it is wanted; whoever cancels at that moment does not want it after a kill. */
    if (op->failure.err == IDE_E_CANCELLED && coordinator_has_started(&op->run, STEP_AWAIT_SECURE, END_ROOT_PORT))
        op->forgets = true;
    coordinator_start(&back, plan, was_not_started, op);
    op->run = back;
    op->undoing = true;
    pump(op);
}

static void conclude_off(struct operation *op, bool turned_off)
{
    op->stream->state = turned_off ? STREAM_OFF : STREAM_HALF_OFF;
    op->outcome =
        turned_off ? "the stream is off at both ports" : "the stream could not be turned off: try stop again";
}

/* From here on its keys are new. One that completes an earlier re-key has programmed none: those are as old as the
 * stream says, or younger. */
static void begin_use(const struct operation *op, struct refresh_use *use)
{
    uint64_t a = op->records[END_ENDPOINT], b = op->records[END_ROOT_PORT];
    if (op->keyed_ms == 0)
        return;
    use->keyed_ms = op->keyed_ms;
    use->records = use->records_at_first = a > b ? a : b;
}

static void conclude_rekey(struct operation *op)
{
    struct stream *stream = op->stream;
    if (op->failure.err == IDE_OK) {
        stream->key_set = !stream->key_set;
        stream->both_sets = false;
        stream->rekeys++;
        begin_use(op, &stream->use);
    } else if (!op->undoing) {
        stream->both_sets = true;
        op->outcome = op->session_lost ? "both ports keep the old keys and the new ones" JOB_NO_REKEY
                                       : "both ports keep the old keys and the new ones, and the next rekey "
                                         "completes this one";
    } else {
        op->outcome = op->session_lost ? "the stream goes on with its old keys" JOB_NO_REKEY
                                       : "the stream goes on with its old keys";
    }
}

static void conclude(struct operation *op)
{
    drop_keys(op);
    switch (op->kind) {
    case OPERATION_ATTEST:
    case OPERATION_FORGET:
        break;
    case OPERATION_DOCTOR: /* an end that could not be asked is a finding, no failure */
        if (op->failure.err != IDE_E_CANCELLED)
            op->failure = (struct failure){0};
        break;
    case OPERATION_ESTABLISH:
        if (op->failure.err == IDE_OK) {
            op->stream->state = STREAM_UP;
            begin_use(op, &op->stream->use);
        } else {
            conclude_off(op, !op->run.failed);
        }
        break;
    case OPERATION_REKEY:
        conclude_rekey(op);
        break;
    case OPERATION_STOP:
        conclude_off(op, !op->run.failed);
        break;
    case OPERATION_CXL_ESTABLISH:
    case OPERATION_CXL_REKEY:
    case OPERATION_CXL_STOP:
        if (op->failure.err == IDE_OK && op->kind != OPERATION_CXL_STOP)
            begin_use(op, &op->cxl->link.use);
        cxl_order_conclude(op->cxl, op->failure.err != IDE_OK, !op->run.failed, op->session_lost);
        op->outcome = op->cxl->outcome;
        break;
    }
    op->hooks->finished(op->hooks->context, op);
}

/* Hands out all that may start now; when nothing is left, undoes or concludes. */
static void pump(struct operation *op)
{
    const struct plan_step *step;
    while ((step = coordinator_next(&op->run)))
        begin(op, step);
    if (!coordinator_finished(&op->run))
        return;
    const struct plan *plan = op->run.failed && !op->undoing ? undo_plan(op) : NULL;
    if (plan)
        undo(op, plan);
    else
        conclude(op);
}

void operation_start(struct operation *op)
{
    const struct plan *plan = NULL;
    switch (op->kind) {
    case OPERATION_ATTEST:
        plan = op->attested == END_ROOT_PORT ? &plan_attest_root_port : &plan_attest_endpoint;
        break;
    case OPERATION_DOCTOR:
        plan = &plan_doctor;
        break;
    case OPERATION_ESTABLISH:
        plan = &plan_establish;
        break;
    case OPERATION_REKEY:
        plan = op->stream->both_sets ? &plan_rekey_complete : &plan_rekey;
        break;
    case OPERATION_STOP:
        plan = &plan_stop;
        break;
    case OPERATION_CXL_ESTABLISH:
        plan = &plan_cxl_establish;
        break;
    case OPERATION_CXL_REKEY:
        plan = &plan_cxl_rekey;
        break;
    case OPERATION_CXL_STOP:
        plan = &plan_cxl_stop;
        break;
    case OPERATION_FORGET:
        plan = op->attested == END_ROOT_PORT ? &plan_forget_root_port : &plan_forget_endpoint;
        break;
    }
    coordinator_start(&op->run, plan, is_left_out, op);
    pump(op);
}

static bool keys_are_given(const struct operation *op)
{
    return !coordinator_is_running(&op->run, STEP_PROGRAM_KEYS) &&
           (op->run.failed || (coordinator_has_started(&op->run, STEP_PROGRAM_KEYS, END_ENDPOINT) &&
                               coordinator_has_started(&op->run, STEP_PROGRAM_KEYS, END_ROOT_PORT)));
}

void operation_reply(struct operation *op, struct job *job)
{
    bool ok = job->err == IDE_OK;
    if (!ok)
        take_failure(op, job);
    op->session_lost |= job->session_lost || job->err == IDE_E_SESSION;
    if (job->has_note)
        add_note(op, job, &job->note);
    remember(op, job);
    coordinator_ended(&op->run, job->step, ok);
    if (op->keys && keys_are_given(op))
        drop_keys(op);
    op->hooks->progress(op->hooks->context, op, job, ok ? PROGRESS_DONE : PROGRESS_FAILED);
    pump(op);
}
