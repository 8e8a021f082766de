/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The verbs for those who look on, and for those who change their mind: snapshot, events, cancel. */
#include <string.h>

#include "tools/ide-kmd/controller.h"

/* ---- snapshot ------------------------------------------------------------ */

static void add_operation(void *context, struct task *task, bool running)
{
    json_t *entry = task_json(task);
    json_object_set_new(entry, "state", json_string(running ? "running" : "waiting"));
    json_array_append_new(context, entry);
}

void run_snapshot(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    (void)request;
    if (survey_refresh(&c->survey, &failure) != IDE_OK) {
        ticket_refuse(ticket, &c->front, &failure);
        return;
    }
    json_t *operations = json_array();
    controller_count_use(c, NULL);
    controller_each_task(c, add_operation, operations);
    ticket_answer(ticket, &c->front,
                  json_pack("{s:s, s:I, s:o, s:o, s:o}", "instance", c->front.history.instance, "seq",
                            (json_int_t)c->front.history.last, "streams", survey_streams_json(&c->survey),
                            "cxl_links", cxl_links_json(&c->survey.access, &c->cxl, NULL), "operations",
                            operations));
}

/* ---- events -------------------------------------------------------------- */

static void refuse_gone(struct controller *c, struct ticket *ticket, const char *field, const char *why)
{
    struct failure failure;
    failure_set(&failure, IDE_E_GONE, "request", field, "%s", why);
    ticket_refuse(ticket, &c->front, &failure);
}

void run_events(struct controller *c, const struct request *request, struct ticket *ticket)
{
    const struct history *history = &c->front.history;
    if (strcmp(request->position.instance, history->instance) != 0) {
        refuse_gone(c, ticket, "instance", "the controller was started anew since");
        return;
    }
    json_t *events = history_after(history, request->position.after);
    if (!events) {
        refuse_gone(c, ticket, "after", "not all events after this one are there any more");
        return;
    }
    ticket_answer(ticket, &c->front,
                  json_pack("{s:s, s:I, s:o}", "instance", history->instance, "seq",
                            (json_int_t)history->last, "events", events));
}

/* ---- cancel -------------------------------------------------------------- */

struct search {
    const json_t *id;
    const struct client *client;
    struct ticket *own, *other; /* of the connection that asks, of another one */
    bool ambiguous;
};

static void look_at(void *context, struct task *task, bool running)
{
    struct search *search = context;
    struct ticket *ticket = task->ticket;
    (void)running;
    if (!ticket || !ticket->id || !json_equal(ticket->id, search->id))
        return;
    if (zframe_eq(ticket->client.identity, search->client->identity)) {
        search->own = ticket;
        return;
    }
    search->ambiguous |= search->other && search->other != ticket;
    search->other = ticket;
}

/* Ids are chosen by clients: one's own comes first, and of two others' none is guessed. */
static enum ide_err find_request(struct controller *c, const struct request *request,
                                 const struct client *client, struct ticket **found, struct failure *failure)
{
    struct search search = {.id = request->other, .client = client};
    controller_each_task(c, look_at, &search);
    *found = search.own ? search.own : search.other;
    if (!*found)
        return failure_set(failure, IDE_E_ARGUMENT, "request", "request",
                           "no request with this id is being worked on");
    if (!search.own && search.ambiguous)
        return failure_set(failure, IDE_E_ARGUMENT, "request", "request",
                           "several clients have a request with this id");
    return IDE_OK;
}

/* One's own requests anyone may cancel; others' whoever may do all. */
static enum ide_err may_cancel(struct controller *c, const struct ticket *ticket, const struct ticket *found,
                               struct failure *failure)
{
    const struct peer *peer = &ticket->client.peer;
    if (peer_is_same(peer, &found->client.peer) || access_level(&c->front.access, peer) == ACCESS_ADMIN)
        return IDE_OK;
    return failure_set(failure, IDE_E_PERMISSION, "request", "request",
                       "%s may only look, and the request is %s's", ticket->asked_by, found->asked_by);
}

void run_cancel(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    struct ticket *found;
    enum ide_err err = find_request(c, request, &ticket->client, &found, &failure);
    if (err == IDE_OK)
        err = may_cancel(c, ticket, found, &failure);
    if (err == IDE_OK && !controller_cancel(c, found, "cancelled on request"))
        err = failure_set(
            &failure, IDE_E_STATE, "request", "request",
            "the request cannot be cancelled: it turns something off, or is being undone already");
    if (err == IDE_OK)
        ticket_answer(ticket, &c->front, json_pack("{s:O}", "request", request->other));
    else
        ticket_refuse(ticket, &c->front, &failure);
}
