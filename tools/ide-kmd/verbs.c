/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each verb does: look, check, and hand an operation over. */
#include <string.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/doctor.h"
#include "tools/ide-kmd/kept_json.h"
#include "tools/ide-kmd/task.h"

static void refuse(struct controller *c, struct ticket *ticket, const struct failure *failure)
{
    ticket_refuse(ticket, &c->front, failure);
}

static void refuse_memory(struct controller *c, struct ticket *ticket)
{
    struct failure failure;
    failure_set(&failure, IDE_E_MEMORY, "request", NULL, "out of memory");
    ticket_refuse(ticket, &c->front, &failure);
}

static void run_ping(struct controller *c, const struct request *request, struct ticket *ticket)
{
    (void)request;
    ticket_answer(ticket, &c->front,
                  json_pack("{s:s, s:i, s:s}", "version", IDE_KM_VERSION, "api", API_VERSION, "events",
                            c->front.events_endpoint));
}

static void run_list(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    (void)request;
    if (survey_refresh(&c->survey, &failure) != IDE_OK)
        refuse(c, ticket, &failure);
    else
        ticket_answer(ticket, &c->front, json_pack("{s:o}", "ports", survey_ports_json(&c->survey)));
}

/* The function must be there and have a PCI Express capability; switch ports may be looked at too. */
static enum ide_err find_function(const struct controller *c, const struct pcie_bdf *bdf, size_t *index,
                                  struct failure *failure)
{
    *index = topology_find(&c->survey.topology, bdf);
    if (*index == TOPOLOGY_NONE)
        return failure_device(failure, IDE_E_NO_DEVICE, "survey", bdf, "there is no such function");
    if (c->survey.topology.nodes[*index].type == PCIE_TYPE_NONE)
        return failure_device(failure, IDE_E_NOT_PORT, "survey", bdf,
                              "the function is no PCI Express function");
    return IDE_OK;
}

static json_t *port_json(struct controller *c, const struct pcie_bdf *bdf)
{
    json_t *port = survey_port_json(&c->survey, bdf);
    json_object_set_new(port, "cxl_links", cxl_links_json(&c->survey.access, &c->cxl, bdf));
    json_object_set_new(port, "kept", kept_json(&c->kept.keeper, bdf, (uint64_t)zclock_mono()));
    return port;
}

static uint64_t changes_of(const struct controller *c)
{
    return c->changes + watch_generation(c->watch);
}

static json_t *streams_json(struct controller *c)
{
    return json_pack("{s:o, s:o, s:o}", "streams", survey_streams_json(&c->survey), "kept",
                     kept_json(&c->kept.keeper, NULL, (uint64_t)zclock_mono()), "cxl_links",
                     cxl_links_json(&c->survey.access, &c->cxl, NULL));
}

/* at_ms: when what it tells was looked at, the oldest of it. */
static void answer_show(struct controller *c, const struct request *request, uint64_t at_ms,
                        struct ticket *ticket)
{
    const struct pcie_bdf *bdf = request->has_bdf ? &request->bdf : NULL;
    json_t *result = bdf ? port_json(c, bdf) : streams_json(c);
    if (request->max_age_ms > 0)
        show_cache_put(&c->shown, bdf, result, changes_of(c), at_ms, (uint64_t)zclock_mono());
    ticket_answer(ticket, &c->front, result);
}

/* Who needs no new answer takes the functions as they were read, until the watch says that one came or went;
 * a list of all is no older than was asked for in any case. What is told of a port and its streams is read
 * anew. */
static enum ide_err look_for_show(struct controller *c, const struct request *request,
                                  struct failure *failure)
{
    const struct survey *survey = &c->survey;
    uint64_t generation = watch_generation(c->watch);
    if (request->has_bdf && request->max_age_ms == 0)
        return survey_refresh_port(&c->survey, &request->bdf, failure);
    bool is_known = request->has_bdf ? topology_find(&survey->topology, &request->bdf) != TOPOLOGY_NONE
                                     : (uint64_t)zclock_mono() - survey->read_ms < request->max_age_ms;
    if (is_known && survey->topology.count > 0 && c->surveyed == generation)
        return IDE_OK;
    c->surveyed = generation;
    return survey_refresh(&c->survey, failure);
}

static void run_show(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    size_t index;
    uint64_t age_ms = 0;
    const char *known =
        request->max_age_ms > 0
            ? show_cache_get(&c->shown, request->has_bdf ? &request->bdf : NULL, changes_of(c),
                             (uint64_t)zclock_mono(), request->max_age_ms, &age_ms)
            : NULL;
    if (known) {
        ticket_answer_known(ticket, &c->front, known, age_ms);
        return;
    }
    uint64_t now_ms = (uint64_t)zclock_mono();
    enum ide_err err = look_for_show(c, request, &failure);
    controller_count_use(c, request->has_bdf ? &request->bdf : NULL);
    if (err == IDE_OK && request->has_bdf)
        err = find_function(c, &request->bdf, &index, &failure);
    if (err != IDE_OK)
        refuse(c, ticket, &failure);
    else
        answer_show(c, request, request->has_bdf ? now_ms : c->survey.read_ms, ticket);
}

enum ide_err controller_load_trust(struct controller *c, struct task *task, struct failure *failure)
{
    enum ide_err err = trust_store_load(&task->trust, c->settings->trust, c->settings->name_rule, failure);
    return err == IDE_OK
               ? reference_store_load(&task->attestation.references, c->settings->reference, failure)
               : err;
}

/* Hands the task over with its trust; the ticket is answered in any case. */
static void submit_with_trust(struct controller *c, struct task *task)
{
    struct failure failure;
    struct ticket *ticket = task->ticket;
    if (controller_load_trust(c, task, &failure) == IDE_OK) {
        controller_submit(c, task);
        return;
    }
    task_free(task);
    refuse(c, ticket, &failure);
}

static void take_wish(const struct request_measurements *asked, struct attestation *a)
{
    a->is_explicit = asked->is_there;
    a->is_unsigned = asked->is_unsigned;
    a->raw = asked->raw;
    a->in_session = asked->in_session;
    a->mel = asked->mel;
    a->ide_km = asked->ide_km;
    a->index = asked->index;
}

static void run_attest(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    size_t index = TOPOLOGY_NONE;
    enum ide_err err = survey_refresh_port(&c->survey, &request->bdf, &failure);
    if (err == IDE_OK)
        err = find_function(c, &request->bdf, &index, &failure);
    if (err == IDE_OK && c->survey.topology.nodes[index].doe_count == 0)
        err = failure_device(&failure, IDE_E_NO_DOE, "survey", &request->bdf,
                             "the function has no DOE mailbox");
    if (err != IDE_OK) {
        refuse(c, ticket, &failure);
        return;
    }
    bool root = c->survey.topology.nodes[index].type == PCIE_TYPE_ROOT_PORT;
    struct stream_ends ends = {.bdf = {request->bdf, request->bdf}};
    struct task *task = task_new(c, OPERATION_ATTEST, &ends, 0, ticket);
    if (!task) {
        refuse_memory(c, ticket);
        return;
    }
    task->op.attested = root ? END_ROOT_PORT : END_ENDPOINT;
    take_wish(&request->measurements, &task->attestation);
    submit_with_trust(c, task);
}

/* The number of one stream: the one that was asked for, or the first that is free. */
static enum ide_err choose_number(struct controller *c, const struct planned_stream *planned,
                                  const struct request *request, bool first, uint8_t *id,
                                  struct failure *failure)
{
    enum ide_err err;
    *id = request->stream;
    if (first && request->has_stream)
        err = survey_stream_free(&c->survey, &planned->ends, *id, failure);
    else
        err = survey_choose_stream(&c->survey, &planned->ends, id, failure);
    return err == IDE_OK ? survey_class_free(&c->survey, planned, failure) : err;
}

/* What an establish has made before any of it is begun: all of it begins, or nothing does. */
struct batch {
    struct task *task[SURVEY_STREAMS_MAX];
    size_t count;
};

void controller_drop_stream(struct controller *c, struct task *task)
{
    if (task->op.stream)
        stream_remove(&c->streams, task->op.stream);
    task_free(task);
}

static void drop_batch(struct controller *c, struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        controller_drop_stream(c, batch->task[i]);
}

enum ide_err controller_add_stream(struct controller *c, const struct planned_stream *planned, uint8_t id,
                                   struct ticket *ticket, struct task **task, struct failure *failure)
{
    *task = task_new(c, OPERATION_ESTABLISH, &planned->ends, id, ticket);
    struct stream *stream = *task ? stream_add(&c->streams, &planned->ends, id) : NULL;
    if (!stream)
        return failure_set(failure, IDE_E_MEMORY, "request", NULL, "out of memory");
    stream->kind = planned->kind;
    stream->features = planned->features;
    (*task)->op.stream = stream;
    return controller_load_trust(c, *task, failure);
}

static enum ide_err make_batch(struct controller *c, const struct request *request, struct ticket *ticket,
                               struct batch *batch, struct failure *failure)
{
    struct survey_plan plan;
    enum ide_err err = survey_refresh_branch(&c->survey, &request->bdf, failure);
    if (err == IDE_OK)
        err = survey_wish(&c->survey, &request->bdf, &request->wish, &plan, failure);
    for (size_t i = 0; err == IDE_OK && i < plan.count; i++) {
        uint8_t id;
        struct task *task = NULL;
        err = choose_number(c, &plan.stream[i], request, i == 0, &id, failure);
        if (err == IDE_OK)
            err = controller_add_stream(c, &plan.stream[i], id, ticket, &task, failure);
        if (task)
            batch->task[batch->count++] = task;
        if (task)
            task->has_number = i == 0 && request->has_stream;
    }
    return err;
}

/* Links before what runs over them: a link that comes up later would be a gap in the other's traffic. */
static void run_establish(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    struct batch batch = {0};
    ticket->is_list = request->wish.link;
    if (make_batch(c, request, ticket, &batch, &failure) != IDE_OK) {
        drop_batch(c, &batch);
        refuse(c, ticket, &failure);
        return;
    }
    for (int kind = IDE_LINK; kind >= IDE_SELECTIVE; kind--)
        for (size_t i = 0; i < batch.count; i++)
            if ((int)batch.task[i]->op.stream->kind == kind)
                controller_submit(c, batch.task[i]);
}

/* Why there is no such stream: the port is wrong, or someone else's stream is meant, or there is none. */
static void refuse_no_stream(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    size_t index;
    const char *owner;
    enum ide_err err = survey_refresh_port(&c->survey, &request->bdf, &failure);
    if (err == IDE_OK)
        err = find_function(c, &request->bdf, &index, &failure);
    if (err == IDE_OK && !request->has_stream)
        failure_device(&failure, IDE_E_NO_STREAM, "survey", &request->bdf,
                       "the port has no stream of this controller");
    else if (err == IDE_OK && (owner = survey_foreign_owner(&c->survey, &request->bdf, request->stream)))
        failure_device(&failure, IDE_E_FOREIGN, "survey", &request->bdf,
                       strcmp(owner, "kernel") == 0 ? "stream %u belongs to the kernel"
                                                    : "stream %u was set up by someone else",
                       request->stream);
    else if (err == IDE_OK)
        failure_device(&failure, IDE_E_NO_STREAM, "survey", &request->bdf, "the port has no stream %u",
                       request->stream);
    refuse(c, ticket, &failure);
}

static bool is_asked_for(const struct request *request, const struct stream *stream)
{
    return (!request->has_bdf || stream_has_end(stream, &request->bdf)) &&
           (!request->has_stream || stream->id == request->stream);
}

/* One operation for each stream that the request is about. Counted first: a ticket is gone with its last
 * operation. */
static void submit_for_streams(struct controller *c, const struct request *request, struct ticket *ticket,
                               enum operation_kind kind)
{
    unsigned made = 0;
    for (struct stream *s = c->streams.first; s; s = s->next) {
        if (!is_asked_for(request, s))
            continue;
        struct task *task = task_new(c, kind, &s->ends, s->id, ticket);
        if (!task)
            break;
        task->op.forgets = kind == OPERATION_STOP;
        controller_submit(c, task);
        made++;
    }
    if (made > 0)
        return;
    const struct keeper_item *kept =
        kind == OPERATION_STOP ? keeper_host_give_up(c, &request->bdf, request->stream) : NULL;
    if (kept)
        ticket_answer(ticket, &c->front, task_kept_off_json(c, kept));
    else if (request->has_bdf)
        refuse_no_stream(c, request, ticket);
    else
        ticket_answer(ticket, &c->front, json_pack("{s:[]}", "streams"));
}

static void run_rekey(struct controller *c, const struct request *request, struct ticket *ticket)
{
    ticket->is_list = true;
    submit_for_streams(c, request, ticket, OPERATION_REKEY);
}

static void run_stop(struct controller *c, const struct request *request, struct ticket *ticket)
{
    submit_for_streams(c, request, ticket, OPERATION_STOP);
}

static void run_log(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    struct ide_fault fault;
    json_t *result;
    struct request_log wish = request->log;
    wish.has_bdf = request->has_bdf;
    wish.bdf = request->bdf;
    wish.has_stream = request->has_stream;
    wish.stream = request->stream;
    if (store_log_read(c->store, &wish, &result, &fault) == IDE_OK) {
        ticket_answer(ticket, &c->front, result);
        return;
    }
    failure_fault(&failure, "log", NULL, &fault);
    refuse(c, ticket, &failure);
}

void verb_run(struct controller *c, const struct request *request, struct ticket *ticket)
{
    switch (request->verb->verb) {
    case API_PING:
        run_ping(c, request, ticket);
        break;
    case API_LIST:
        run_list(c, request, ticket);
        break;
    case API_SHOW:
        run_show(c, request, ticket);
        break;
    case API_ATTEST:
        run_attest(c, request, ticket);
        break;
    case API_ESTABLISH:
        run_establish(c, request, ticket);
        break;
    case API_REKEY:
        run_rekey(c, request, ticket);
        break;
    case API_STOP:
        run_stop(c, request, ticket);
        break;
    case API_LOG:
        run_log(c, request, ticket);
        break;
    case API_CXL_ESTABLISH:
    case API_CXL_REKEY:
    case API_CXL_STOP:
        cxl_verb_run(c, request, ticket);
        break;
    case API_CANCEL:
        run_cancel(c, request, ticket);
        break;
    case API_SNAPSHOT:
        run_snapshot(c, request, ticket);
        break;
    case API_EVENTS:
        run_events(c, request, ticket);
        break;
    case API_DOCTOR:
        doctor_verb_run(c, request, ticket);
        break;
    }
}
