/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/cxl_links.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/task.h"
#include "tools/ide-kmd/watching.h"

#define STEP "survey"

/* ---- the table ----------------------------------------------------------- */

static bool has_end(const struct cxl_link *link, const struct pcie_bdf *port)
{
    return pcie_bdf_compare(&link->ends.bdf[END_ROOT_PORT], port) == 0 ||
           pcie_bdf_compare(&link->ends.bdf[END_ENDPOINT], port) == 0;
}

struct cxl_link *cxl_link_find(const struct cxl_link_table *table, const struct pcie_bdf *port)
{
    struct cxl_link *link = table->first;
    while (link && !has_end(link, port))
        link = link->next;
    return link;
}

static struct cxl_link *add(struct cxl_link_table *table, const struct cxl_link *link)
{
    struct cxl_link **last = &table->first, *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    while (*last)
        last = &(*last)->next;
    *entry = *link;
    entry->next = NULL;
    *last = entry;
    return entry;
}

static void drop(struct cxl_link_table *table, struct cxl_link *link)
{
    struct cxl_link **at = &table->first;
    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    cxl_link_drop_keys(link);
    free(link);
}

void cxl_link_table_clear(struct cxl_link_table *table)
{
    while (table->first)
        drop(table, table->first);
}

/* ---- verbs --------------------------------------------------------------- */

/* Who gives the root port its keys. */
static enum ide_err find_provider(const struct survey *survey, const struct topology_node *root,
                                  struct cxl_link *link, struct failure *failure)
{
    const char *name = providers_cxl_name(survey->providers, &root->bdf, root->doe_count != 0);
    if (!name)
        return failure_device(failure, IDE_E_PROVIDER, STEP, &root->bdf,
                              "no key unit of CXL.cachemem serves the root port alone, and its own mailbox, "
                              "if it has one, may not be used for that");
    link->by_unit = strcmp(name, PROVIDER_OWN) != 0;
    return IDE_OK;
}

/* CXL.cachemem has links only: the endpoint is right below the root port. */
static enum ide_err find_ends(struct survey *survey, const struct pcie_bdf *bdf, struct cxl_link *link,
                              struct failure *failure)
{
    struct stream_ends *ends = &link->ends;
    struct ide_fault fault;
    struct topology_pair pair;
    if (topology_pair(&survey->topology, bdf, &pair, &fault) != IDE_OK)
        return failure_fault(failure, STEP, bdf, &fault);
    const struct topology_node *root = &survey->topology.nodes[pair.root_port];
    const struct topology_node *endpoint = &survey->topology.nodes[pair.endpoint];
    *ends = (struct stream_ends){0};
    ends->bdf[END_ROOT_PORT] = ends->top = root->bdf;
    ends->bdf[END_ENDPOINT] = endpoint->bdf;
    if (endpoint->parent != pair.root_port)
        return failure_device(failure, IDE_E_NO_PARTNER, STEP, &endpoint->bdf,
                              "CXL.cachemem has no streams through switches");
    if (endpoint->doe_count == 0)
        return failure_device(failure, IDE_E_NO_DOE, STEP, &endpoint->bdf, "the function has no DOE mailbox");
    return find_provider(survey, root, link, failure);
}

static enum ide_err check_registers(struct survey *survey, const struct pcie_bdf *bdf, struct failure *failure)
{
    unsigned bar;
    uint64_t offset;
    struct ide_fault fault;
    struct pcie_function function = {0};
    enum ide_err err = pcie_function_open(&function, &survey->access, bdf, &fault);
    if (err == IDE_OK)
        err = cxl_ide_locate(&function.config, &bar, &offset, &fault);
    pcie_function_close(&function);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, bdf, &fault);
}

enum ide_err cxl_link_plan(struct survey *survey, const struct pcie_bdf *bdf, struct cxl_link *link,
                           struct failure *failure)
{
    *link = (struct cxl_link){0};
    enum ide_err err = find_ends(survey, bdf, link, failure);
    for (int end = END_COUNT - 1; end >= 0 && err == IDE_OK; end--)
        err = check_registers(survey, &link->ends.bdf[end], failure);
    return err;
}

static enum operation_kind kind_of(enum cxl_action action)
{
    switch (action) {
    case CXL_ESTABLISH:
        return OPERATION_CXL_ESTABLISH;
    case CXL_REKEY:
        return OPERATION_CXL_REKEY;
    case CXL_STOP:
        return OPERATION_CXL_STOP;
    }
    return OPERATION_CXL_STOP;
}

struct task *cxl_task(struct controller *c, enum cxl_action action, const struct cxl_link *link,
                      struct ticket *ticket)
{
    struct task *task = task_new(c, kind_of(action), &link->ends, CXL_IDE_STREAM_ID, ticket);
    if (!task)
        return NULL;
    task->order = (struct cxl_order){.action = action, .link = *link};
    task->op.cxl = &task->order;
    return task;
}

static enum ide_err load_trust(struct controller *c, struct task *task, struct failure *failure)
{
    enum ide_err err = trust_store_load(&task->trust, c->settings->trust, c->settings->name_rule, failure);
    return err == IDE_OK ? reference_store_load(&task->attestation.references, c->settings->reference, failure)
                         : err;
}

enum ide_err cxl_establish_task(struct controller *c, const struct cxl_wish *wish, struct ticket *ticket,
                                struct task **task, struct failure *failure)
{
    struct cxl_link link = {.mode = wish->mode, .generated = wish->generate};
    *task = NULL;
    enum ide_err err = survey_refresh_branch(&c->survey, &wish->bdf, failure);
    if (err == IDE_OK)
        err = find_ends(&c->survey, &wish->bdf, &link, failure);
    if (err == IDE_OK && cxl_link_find(&c->cxl, &wish->bdf))
        err = failure_device(failure, IDE_E_STREAM_USED, STEP, &wish->bdf, "the CXL link is already established");
    if (err == IDE_OK && !(*task = cxl_task(c, CXL_ESTABLISH, &link, ticket)))
        err = failure_set(failure, IDE_E_MEMORY, "request", NULL, "out of memory");
    if (err == IDE_OK)
        err = load_trust(c, *task, failure);
    if (err == IDE_OK && !add(&c->cxl, &link))
        err = failure_set(failure, IDE_E_MEMORY, "request", NULL, "out of memory");
    if (err == IDE_OK)
        return IDE_OK;
    if (*task)
        task_free(*task);
    *task = NULL;
    return err;
}

static void run_establish(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure = {0};
    struct task *task;
    const struct cxl_wish wish = {request->bdf, request->cxl_mode, request->cxl_generate};
    if (cxl_establish_task(c, &wish, ticket, &task, &failure) == IDE_OK)
        controller_submit(c, task);
    else
        ticket_refuse(ticket, &c->front, &failure);
}

json_t *cxl_off_json(struct controller *c, const struct keeper_item *item)
{
    const struct keeper_want *want = &item->want;
    const struct cxl_link link = {.mode = want->cxl_mode,
                                  .generated = want->cxl_generate,
                                  .ends.bdf = {[END_ROOT_PORT] = want->key.root_port,
                                               [END_ENDPOINT] = want->key.endpoint}};
    json_t *result = cxl_link_json(&c->survey.access, &link);
    json_object_set_new(result, "state", json_string("off"));
    json_object_set_new(result, "notes", json_array());
    return result;
}

/* One that is wanted and not up at the moment. */
static bool give_up(struct controller *c, const struct pcie_bdf *bdf, struct ticket *ticket)
{
    const struct keeper_item *kept = keeper_host_give_up_cxl(c, bdf);
    if (kept)
        ticket_answer(ticket, &c->front, cxl_off_json(c, kept));
    return kept != NULL;
}

static void run_on_link(struct controller *c, const struct request *request, struct ticket *ticket,
                        enum cxl_action action)
{
    struct failure failure = {0};
    const struct cxl_link *link = cxl_link_find(&c->cxl, &request->bdf);
    struct task *task = link ? cxl_task(c, action, link, ticket) : NULL;
    if (task) {
        task->op.forgets = action == CXL_STOP;
        controller_submit(c, task);
        return;
    }
    if (!link && action == CXL_STOP && give_up(c, &request->bdf, ticket))
        return;
    if (link)
        failure_set(&failure, IDE_E_MEMORY, "request", NULL, "out of memory");
    else
        failure_device(&failure, IDE_E_NO_STREAM, STEP, &request->bdf,
                       "the port has no CXL link of this controller");
    ticket_refuse(ticket, &c->front, &failure);
}

void cxl_verb_run(struct controller *c, const struct request *request, struct ticket *ticket)
{
    if (request->verb->verb == API_CXL_ESTABLISH)
        run_establish(c, request, ticket);
    else
        run_on_link(c, request, ticket, request->verb->verb == API_CXL_REKEY ? CXL_REKEY : CXL_STOP);
}

void cxl_queue_stops(struct controller *c)
{
    for (struct cxl_link *link = c->cxl.first; link; link = link->next) {
        struct task *task = cxl_task(c, CXL_STOP, link, NULL);
        if (task)
            controller_submit(c, task);
    }
}

/* ---- operations ---------------------------------------------------------- */

bool cxl_task_may_start(struct controller *c, struct task *task)
{
    struct cxl_link *link = cxl_link_find(&c->cxl, &task->op.ends.bdf[END_ENDPOINT]);
    if (!link)
        return false;
    task->order.link = *link;
    task->order.started = true;
    return task->order.action != CXL_REKEY || link->is_up;
}

void cxl_task_ended(struct controller *c, const struct task *task)
{
    struct cxl_link *link = cxl_link_find(&c->cxl, &task->op.ends.bdf[END_ENDPOINT]);
    if (!link || (!task->order.started && task->order.action != CXL_ESTABLISH))
        return;
    struct cxl_link *next = link->next;
    const struct stream_seen seen = link->seen;
    *link = task->order.link;
    link->next = next;
    link->seen = seen;
    if (link->is_up)
        watching_link(c, link);
    if (link->is_up || link->half_off)
        return;
    store_let_cxl_link_go(c->store, &link->ends.bdf[END_ROOT_PORT]);
    drop(&c->cxl, link);
}

bool cxl_link_needs_session(const struct cxl_link_table *table, const struct pcie_bdf *port)
{
    const struct cxl_link *link = cxl_link_find(table, port);
    bool is_root = link && pcie_bdf_compare(&link->ends.bdf[END_ROOT_PORT], port) == 0;
    return link && link->is_up && !(is_root && link->by_unit);
}

void cxl_correct_outcome(struct controller *c, struct operation *op)
{
    struct cxl_link_view view;
    if (op->kind != OPERATION_CXL_REKEY || op->failure.err == IDE_OK || !op->cxl->started)
        return;
    cxl_link_look(&c->survey.access, &op->ends, &view);
    if (!cxl_view_is_secure(&view, op->cxl->link.mode))
        op->outcome = "the link is no longer encrypted: stop it and establish it again";
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *end_json(const struct cxl_link *link, const struct cxl_link_view *view, enum stream_end end)
{
    char text[PCIE_BDF_TEXT];
    const struct cxl_ide_state *state = &view->state[end];
    bool readable = view->readable[end];
    return json_pack("{s:s, s:s, s:s, s:s, s:i}", "role", stream_end_name(end), "bdf",
                     pcie_bdf_format(&link->ends.bdf[end], text), "rx",
                     readable ? cxl_ide_state_name(state->direction[IDE_RX]) : "unreadable", "tx",
                     readable ? cxl_ide_state_name(state->direction[IDE_TX]) : "unreadable", "error",
                     readable ? (int)state->error : 0);
}

json_t *cxl_ends_json(const struct cxl_link *link, const struct cxl_link_view *view)
{
    return json_pack("[o, o]", end_json(link, view, END_ROOT_PORT), end_json(link, view, END_ENDPOINT));
}

json_t *cxl_link_json(struct pcie_access *access, const struct cxl_link *link)
{
    struct cxl_link_view view;
    char root[PCIE_BDF_TEXT], endpoint[PCIE_BDF_TEXT];
    const struct spdm_params *params = &link->provider[END_ENDPOINT].params;
    cxl_link_look(access, &link->ends, &view);
    /* keys that an earlier run has left are nobody's, however well they protect */
    bool secure = link->is_up && cxl_view_is_secure(&view, link->mode);
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o, s:s, s:o, s:o, s:o, s:o}", "root_port",
                     pcie_bdf_format(&link->ends.bdf[END_ROOT_PORT], root), "endpoint",
                     pcie_bdf_format(&link->ends.bdf[END_ENDPOINT], endpoint), "state",
                     secure ? "secure" : "insecure", "mode",
                     link->mode == CXL_IDE_CONTAINMENT ? "containment" : "skid", "keys_from",
                     link->generated ? "endpoint" : "controller", "rekeys", (int)link->rekeys, "refresh",
                     refresh_json(&link->use), "provider", link->by_unit ? "kcu" : PROVIDER_OWN, "spdm_version",
                     version_json(params), "algorithms", algorithms_json(params), "ends", cxl_ends_json(link, &view),
                     "watch", watch_json(&link->seen));
}

json_t *cxl_links_json(struct pcie_access *access, const struct cxl_link_table *table,
                       const struct pcie_bdf *port)
{
    json_t *list = json_array();
    for (const struct cxl_link *link = table->first; link; link = link->next)
        if (!port || has_end(link, port))
            json_array_append_new(list, cxl_link_json(access, link));
    return list;
}
