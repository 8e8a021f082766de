/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/doctor.h"
#include "tools/ide-kmd/kept_json.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/watching.h"

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

bool task_restores(const struct task *task)
{
    return task->op.kind != OPERATION_FORGET && strcmp(task->asked_by, "recovery") == 0;
}

bool task_uses_end(const struct task *task, enum stream_end end)
{
    return !operation_is_of_port(task->op.kind) || task->op.attested == end;
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

void controller_count_use(struct controller *c, const struct pcie_bdf *bdf)
{
    for (struct stream *s = c->streams.first; s; s = s->next) {
        if (bdf && !stream_has_end(s, bdf))
            continue;
        uint64_t a = worker_pool_records(&c->workers, &s->ends.bdf[END_ENDPOINT]);
        uint64_t b = worker_pool_records(&c->workers, &s->ends.bdf[END_ROOT_PORT]);
        s->use.records = a > b ? a : b;
    }
}

static json_t *result_json(struct controller *c, const struct task *task)
{
    const struct operation *op = &task->op;
    json_t *result, *notes = json_array();
    controller_count_use(c, &op->ends.bdf[END_ENDPOINT]);
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
    if (op->stream)
        port_gate_tell(c, &op->ends.top, result);
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

/* What comes of it. */
static void conclude(struct controller *c, struct task *task)
{
    correct_outcome(c, &task->op);
    cxl_correct_outcome(c, &task->op);
    keeper_take_ended(c, task);
    port_gate_run(c); /* who is told that a stream is Secure finds its port open */
}

/* Says how it ended to whoever asked and whoever looks on, and frees it. */
static void tell_and_free(struct controller *c, struct task *task)
{
    struct operation *op = &task->op;
    bool ok = op->failure.err == IDE_OK;
    publish_operation(c, task, ok ? "done" : "failed");
    if (task->ticket)
        ticket_operation_ended(task->ticket, &c->front, ok ? result_json(c, task) : NULL,
                               ok ? NULL : &op->failure, op->outcome);
    if (op->stream && op->stream->state == STREAM_OFF)
        stream_remove(&c->streams, op->stream);
    if (operation_is_cxl(op->kind))
        cxl_task_ended(c, task);
    task_free(task);
}

void task_refuse(struct controller *c, struct task *task, enum ide_err err, const char *message)
{
    char which[32] = "the CXL link";
    if (!operation_is_cxl(task->op.kind))
        snprintf(which, sizeof which, "stream %u", task->stream_id);
    failure_device(&task->op.failure, err, operation_name(task->op.kind), &task->op.ends.bdf[END_ROOT_PORT],
                   "%s: %s", which, message);
    if (task->op.kind == OPERATION_ESTABLISH)
        task->op.stream->state = STREAM_OFF;
    conclude(c, task);
    tell_and_free(c, task);
}

json_t *task_kept_off_json(struct controller *c, const struct keeper_item *kept)
{
    json_t *result = kept_off_json(kept);
    port_gate_run(c);
    port_gate_tell(c, &kept->want.key.root_port, result);
    return result;
}

bool task_give_up(struct controller *c, struct task *task)
{
    const struct keeper_item *kept = NULL;
    const struct pcie_bdf *port = &task->op.ends.bdf[END_ROOT_PORT];
    if (task->op.kind == OPERATION_STOP && task->ticket)
        kept = keeper_host_give_up(c, port, task->stream_id);
    else if (task->op.kind == OPERATION_CXL_STOP && task->ticket)
        kept = keeper_host_give_up_cxl(c, port);
    if (!kept)
        return false;
    json_t *result = kept->want.key.cxl ? cxl_off_json(c, kept) : task_kept_off_json(c, kept);
    publish_operation(c, task, "done");
    ticket_operation_ended(task->ticket, &c->front, result, NULL, NULL);
    task_free(task);
    return true;
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
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (task->worker[end])
            task->worker[end]->busy = NULL;
    c->running--;
    if (op->stream && op->kind == OPERATION_ESTABLISH)
        port_gate_take_ended(c, op->stream);
    watching_ended(c, task);
    if (op->stream)
        tell_stream(c, task);
    conclude(c, task);
    kill_switch_ends(operation_name(op->kind));
    if (task_restores(task))
        kill_switch_ends("restore");
    tell_and_free(c, task);
}

bool task_port_is_shared(const struct controller *c, const struct operation *op, enum stream_end end)
{
    bool keys_link = !operation_is_cxl(op->kind) && cxl_link_needs_session(&c->cxl, &op->ends.bdf[end]);
    return keys_link || stream_uses_port(&c->streams, stream_mailbox(&op->ends, end), op->stream);
}

static bool on_is_shared(void *context, const struct operation *op, enum stream_end end)
{
    return task_port_is_shared(context, op, end);
}

struct operation_hooks task_hooks(struct controller *c)
{
    return (struct operation_hooks){.dispatch = on_dispatch,
                                    .progress = on_progress,
                                    .finished = on_finished,
                                    .is_shared = on_is_shared,
                                    .context = c};
}
