/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is published while operations run. docs/api.md says what each event is for. */
#include "tools/ide-kmd/bdf_json.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/kept_json.h"

#include "tools/ide-kmd/journal.h"

/* Every event passes here, and each part that listens has its line; takes the event over. */
static void announce(struct controller *c, json_t *event)
{
    json_object_set_new(event, "time_ms", json_integer((json_int_t)store_now_ms()));
    c->changes++;
    journal_take_event(event);
    notify_take_event(c, event);
    store_take_event(c->store, event);
    metrics_take_event(c, event);
    front_publish(&c->front, event);
}

json_t *task_json(const struct task *task)
{
    const struct operation *op = &task->op;
    bool attest = operation_is_of_port(op->kind);
    bool has_root = !attest || op->attested == END_ROOT_PORT,
         has_endpoint = !attest || op->attested == END_ENDPOINT;
    return json_pack("{s:O?, s:s?, s:s, s:o, s:o, s:o}", "request", task->ticket ? task->ticket->id : NULL,
                     "asked_by", task->asked_by[0] ? task->asked_by : NULL,
                     "operation", operation_name(op->kind), "root_port",
                     has_root ? bdf_json(&op->ends.bdf[END_ROOT_PORT]) : json_null(), "endpoint",
                     has_endpoint ? bdf_json(&op->ends.bdf[END_ENDPOINT]) : json_null(), "stream",
                     attest || op->kind == OPERATION_DOCTOR || operation_is_cxl(op->kind) ? json_null() : json_integer(task->stream_id));
}

/* What every event about an operation begins with. */
static json_t *event_of(const struct task *task, const char *event)
{
    json_t *object = json_pack("{s:s}", "event", event), *about = task_json(task);
    json_object_update(object, about);
    json_decref(about);
    return object;
}

static const char *progress_text(enum step_progress progress)
{
    switch (progress) {
    case PROGRESS_STARTED:
        return "started";
    case PROGRESS_DONE:
        return "done";
    case PROGRESS_FAILED:
        return "failed";
    }
    return "";
}

void publish_step(struct controller *c, const struct task *task, const struct job *job,
                  enum step_progress progress)
{
    char text[FAILURE_MESSAGE_MAX];
    if (progress != PROGRESS_STARTED && job->session_lost)
        store_take_lost_session(c->store, stream_mailbox(&job->ends, job->end),
                                ide_err_name(job->err != IDE_OK ? job->err : job->note.err));
    if (progress == PROGRESS_DONE)
        store_take_session(c->store, job);
    if (progress == PROGRESS_DONE && job->action == STEP_SESSION)
        metrics_take_session(c->metrics, job);
    bool both = step_is_for_both(job->action) && progress != PROGRESS_FAILED;
    json_t *event = event_of(task, "step");
    json_object_set_new(event, "step", json_string(step_name(job->action)));
    json_object_set_new(event, "text", json_string(step_text(job->action)));
    json_object_set_new(event, "device", both ? json_null() : bdf_json(&job->device));
    json_object_set_new(event, "state", json_string(progress_text(progress)));
    json_object_set_new(event, "undo", json_boolean(task->op.undoing));
    json_object_set_new(event, "message",
                        progress == PROGRESS_FAILED
                            ? json_string(ide_fault_text(&job->fault, text, sizeof text))
                            : json_null());
    announce(c, event);
}

void publish_operation(struct controller *c, const struct task *task, const char *state)
{
    json_t *event = event_of(task, "operation");
    json_object_set_new(event, "state", json_string(state));
    json_object_set_new(event, "error",
                        task->op.failure.err == IDE_OK ? json_null() : failure_json(&task->op.failure));
    announce(c, event);
}

void publish_watch(struct controller *c, json_t *event)
{
    announce(c, event);
}

void publish_stream(struct controller *c, const struct task *task, const char *state)
{
    json_t *event = event_of(task, "stream");
    json_object_set_new(event, "state", json_string(state));
    json_object_set_new(event, "key_set", json_integer(task->op.stream->key_set));
    announce(c, event);
}

void publish_kept(struct controller *c, const struct keeper_item *item)
{
    const char *state = kept_state(item->state);
    const struct keeper_key *key = &item->want.key;
    if (!state)
        return;
    json_t *event = json_pack(
        "{s:s, s:n, s:n, s:o, s:o, s:o, s:s, s:s, s:n, s:s?, s:i, s:s}", "event", "stream", "request", "operation",
        "root_port", bdf_json(&key->root_port), "endpoint", bdf_json(&key->endpoint), "stream",
        item->had_stream ? json_integer(item->stream) : json_null(), "kind", kept_kind(key), "state", state,
        "key_set", "cause",
        *item->reason.cause ? item->reason.cause : NULL, "attempts", (int)item->attempts, "asked_by", "policy");
    kept_add_rule(event, item);
    announce(c, event);
}
