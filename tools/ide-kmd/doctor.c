/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "root_port/cxl_ide.h"
#include "tools/ide-kmd/kept_json.h"

/* ---- checks of the platform that only the controller can do --------------------- */

static enum ide_err open_end(struct doctor *d, enum stream_end end, struct pcie_function *function,
                             struct ide_port *port, struct ide_fault *fault)
{
    return survey_open_ide(&d->controller->survey, &d->end[end].bdf, function, port, fault);
}

static bool does_ide_km(struct doctor *d, enum stream_end end)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    struct ide_port port;
    bool does = open_end(d, end, &function, &port, &fault) == IDE_OK && port.cap.ide_km;
    pcie_function_close(&function);
    return does;
}

static const char *provider_text(const char *name)
{
    if (strcmp(name, PROVIDER_OWN) == 0)
        return "through its own mailbox";
    return strcmp(name, "kcu") == 0 ? "from a key configuration unit" : "from the platform's root of trust";
}

static void check_own_keys(struct checkup *up, enum stream_end end)
{
    struct doctor *d = doctor_of(up);
    const struct pcie_bdf *bdf = &d->end[end].bdf;
    if (d->end[end].doe_count == 0 && !checkup_is_served(up, &d->end[end]))
        checkup_find(up, FINDING_PROBLEM, bdf,
                     "without a DOE mailbox it needs a key unit or a root of trust, and an endpoint cannot "
                     "do without one",
                     "nothing can give it its keys");
    else if (does_ide_km(d, end))
        checkup_find(up, FINDING_OK, bdf, NULL, "it gets its keys %s", provider_text(PROVIDER_OWN));
    else
        checkup_find(up, FINDING_PROBLEM, bdf,
                     "firmware may have to turn it on: look for a setting or an update",
                     "it does not speak IDE_KM, which its own mailbox would need");
}

static void find_provider(struct checkup *up)
{
    struct doctor *d = doctor_of(up);
    if (!d->has_ends) {
        checkup_find(up, FINDING_SKIPPED, NULL, NULL, "it is not known where a stream would end");
        return;
    }
    const struct topology_node *root = &d->end[END_ROOT_PORT];
    const char *name = root->type == PCIE_TYPE_ROOT_PORT
                           ? providers_name(&d->controller->providers, &root->bdf, root->doe_count > 0)
                           : PROVIDER_OWN;
    if (!name)
        checkup_find(
            up, FINDING_PROBLEM, &root->bdf,
            "`ide-ctl list` shows the root ports; ide-kmd --provider auto lets each have what serves it",
            "nothing can give it its keys: no mailbox of its own, no key unit, no root of trust");
    else if (strcmp(name, PROVIDER_OWN) == 0)
        check_own_keys(up, END_ROOT_PORT);
    else
        checkup_find(up, FINDING_OK, &root->bdf, NULL, "it gets its keys %s", provider_text(name));
    check_own_keys(up, END_ENDPOINT);
}

/* Whether establish would begin: whatever no check above has seen. */
static void find_plan(struct checkup *up)
{
    struct doctor *d = doctor_of(up);
    struct survey_plan plan;
    struct failure failure;
    const struct stream_wish wish = {.selective = !d->one_link, .link = d->one_link};
    if (!d->has_ends || up->problems > 0)
        checkup_find(up, FINDING_SKIPPED, NULL, NULL, "there are problems above");
    else if (survey_wish(&d->controller->survey, &d->up.bdf, &wish, &plan, &failure) != IDE_OK)
        checkup_find(up, FINDING_PROBLEM, failure.has_device ? &failure.device : NULL, failure_hint(&failure),
                     "%s", failure.message);
    else
        checkup_find(up, FINDING_OK, NULL, NULL, "nothing keeps an establish from beginning");
}

static void tell_stream(struct checkup *up, const struct stream *s)
{
    json_t *now = survey_stream_json(&doctor_of(up)->controller->survey, s);
    const char *state = json_string_value(json_object_get(now, "state"));
    bool secure = state && strcmp(state, "secure") == 0;
    up->is_up |= secure;
    checkup_find(up, secure ? FINDING_OK : FINDING_WARNING, NULL,
                 secure ? NULL : "`ide-ctl show` has both ends' states; stop it and establish it again",
                 "stream %u is %s", s->id,
                 secure  ? "Secure"
                 : state ? state
                         : "-");
    json_decref(now);
}

static void find_streams(struct checkup *up)
{
    struct doctor *d = doctor_of(up);
    unsigned count = 0;
    if (!d->has_ends) {
        checkup_find(up, FINDING_SKIPPED, NULL, NULL, "it is not known where a stream would end");
        return;
    }
    for (const struct stream *s = d->controller->streams.first; s; s = s->next) {
        if (!stream_has_end(s, &d->end[END_ROOT_PORT].bdf) || !stream_has_end(s, &d->end[END_ENDPOINT].bdf))
            continue;
        tell_stream(up, s);
        count++;
    }
    if (count == 0)
        checkup_find(up, FINDING_OK, NULL, NULL, "none yet");
}

/* What the controller itself would do here, and what keeps it from that. */
static void tell_kept(struct checkup *up, const json_t *kept)
{
    const char *state = json_string_value(json_object_get(kept, "state"));
    const char *cause = json_string_value(json_object_get(kept, "cause"));
    bool waits = strcmp(state, "wanted") == 0 && !cause;
    checkup_find(
        up, waits ? FINDING_OK : FINDING_WARNING, NULL,
        waits ? NULL
              : "mend what failed, and establish it by hand; `ide-ctl log` has the whole story, and the "
                "configuration says what is done after failures",
        "a stream is %s by the %s and not up%s%s", strcmp(state, "wanted") == 0 ? "wanted" : state,
        json_string_value(json_object_get(kept, "source")), cause ? ": " : "", cause ? cause : "");
}

static void find_wanted(struct checkup *up)
{
    size_t i;
    json_t *kept;
    struct doctor *d = doctor_of(up);
    if (!d->has_ends) {
        checkup_find(up, FINDING_SKIPPED, NULL, NULL, "it is not known where a stream would end");
        return;
    }
    json_t *list = kept_json(&d->controller->kept.keeper, &d->end[END_ENDPOINT].bdf, (uint64_t)zclock_mono());
    json_array_foreach(list, i, kept)
    {
        tell_kept(up, kept);
    }
    if (json_array_size(list) == 0)
        checkup_find(up, FINDING_OK, NULL, NULL, "nothing that is not up");
    json_decref(list);
}

/* ---- CXL ------------------------------------------------------------------------- */

static bool has_cxl_registers(struct doctor *d, enum stream_end end)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    unsigned bar;
    uint64_t offset;
    bool has =
        pcie_function_open(&function, &d->controller->survey.access, &d->end[end].bdf, &fault) == IDE_OK &&
        cxl_ide_locate(&function.config, &bar, &offset, &fault) == IDE_OK;
    pcie_function_close(&function);
    return has;
}

/* Its link is no stream: what is missing here keeps none from coming up. */
static void find_cxl(struct checkup *up)
{
    struct doctor *d = doctor_of(up);
    bool direct = d->has_ends && d->up.path_count == 2 && !d->one_link;
    const struct pcie_bdf *root = &d->end[END_ROOT_PORT].bdf;
    struct survey *survey = &d->controller->survey;
    size_t index = topology_find(&survey->topology, root);
    bool has_mailbox = index != TOPOLOGY_NONE && survey->topology.nodes[index].doe_count > 0;
    const char *provider = providers_cxl_name(&d->controller->providers, root, has_mailbox);
    if (!direct || !has_cxl_registers(d, END_ENDPOINT))
        checkup_find(up, FINDING_SKIPPED, NULL, NULL, "it is no CXL link");
    else if (!has_cxl_registers(d, END_ROOT_PORT))
        checkup_find(up, FINDING_WARNING, root,
                     "the link's IDE needs a root port with CXL component registers",
                     "the endpoint speaks CXL, and its root port shows no CXL registers");
    else if (!provider)
        checkup_find(up, FINDING_WARNING, root,
                     "firmware names such a unit in the ACPI table KEYP: see --keyp, and --provider",
                     "neither a key unit of CXL.cachemem nor the root port's own mailbox may give it keys: "
                     "`establish --cxl` cannot work");
    else
        checkup_find(up, FINDING_OK, root, NULL,
                     "a CXL link, the root port's keys by %s: see `ide-ctl establish --cxl`",
                     strcmp(provider, PROVIDER_OWN) == 0 ? "its own mailbox" : "a key unit");
}

/* ---- the table ------------------------------------------------------------------- */

static const struct checkup_row provider = {"provider", find_provider, "who gives them keys"};
static const struct checkup_row protocols = {"protocols", doctor_protocols, "what the mailboxes carry"};
static const struct checkup_row streams = {"streams", find_streams, "streams between them"};
static const struct checkup_row wanted = {"wanted", find_wanted, "what is wanted here"};
static const struct checkup_row trust = {"trust", doctor_trust, "trust anchors"};
static const struct checkup_row identity = {"identity", doctor_identity, "identity"};
static const struct checkup_row the_clock = {"clock", doctor_clock, "the clock"};
static const struct checkup_row versions = {"versions", doctor_versions, "versions and algorithms"};
static const struct checkup_row references = {"references", doctor_references, "reference values"};
static const struct checkup_row cxl = {"cxl", find_cxl, "CXL.cachemem"};
static const struct checkup_row plan = {"plan", find_plan, "the plan"};

static const struct {
    const struct checkup_row *row;
    bool late; /* once the devices have answered */
} checks[] = {
    {&checkup_function, false},
    {&checkup_type, false},
    {&checkup_path, false},
    {&checkup_flow_through, false},
    {&checkup_ide, false},
    {&streams, false},
    {&wanted, false},
    {&checkup_blocks, false},
    {&checkup_mailbox, false},
    {&protocols, true},
    {&provider, false},
    {&checkup_kernel, false},
    {&trust, true},
    {&the_clock, true},
    {&identity, true},
    {&versions, true},
    {&references, true},
    {&cxl, false},
    {&plan, false},
};
#define CHECKS (sizeof checks / sizeof *checks)
_Static_assert(CHECKS <= DOCTOR_CHECKS_MAX, "room in struct doctor");

static void take_ends(struct doctor *d)
{
    if (d->has_ends || !checkup_has_ends(&d->up))
        return;
    d->has_ends = true;
    d->one_link = d->up.one_link;
    d->end[END_ROOT_PORT] = *checkup_node(&d->up, d->up.upper);
    d->end[END_ENDPOINT] = *checkup_node(&d->up, d->up.lower);
}

static void run_checks(struct doctor *d, bool late)
{
    for (size_t i = 0; i < CHECKS; i++) {
        if (checks[i].late != late)
            continue;
        d->lines[i] = d->up.list = json_array();
        checkup_run(&d->up, checks[i].row);
        take_ends(d);
    }
}

static json_t *result(struct doctor *d)
{
    json_t *list = json_array();
    for (size_t i = 0; i < CHECKS; i++)
        json_array_extend(list, d->lines[i]);
    char bdf[PCIE_BDF_TEXT], root[PCIE_BDF_TEXT], end[PCIE_BDF_TEXT];
    return json_pack("{s:s, s:s?, s:s?, s:b, s:i, s:o}", "bdf", pcie_bdf_format(&d->up.bdf, bdf), "root_port",
                     d->has_ends ? pcie_bdf_format(&d->end[END_ROOT_PORT].bdf, root) : NULL, "endpoint",
                     d->has_ends ? pcie_bdf_format(&d->end[END_ENDPOINT].bdf, end) : NULL, "can_come_up",
                     d->up.problems == 0, "problems", (int)d->up.problems, "checks", list);
}

void doctor_free(struct doctor *d)
{
    for (size_t i = 0; d && i < CHECKS; i++)
        json_decref(d->lines[i]);
    free(d);
}

/* ---- the verb ---------------------------------------------------------------------- */

static struct doctor *doctor_new(struct controller *c, const struct pcie_bdf *bdf)
{
    struct doctor *d = calloc(1, sizeof *d);
    if (!d)
        return NULL;
    d->controller = c;
    d->up = (struct checkup){.access = &c->survey.access,
                             .topology = &c->survey.topology,
                             .kernel = d->kernel,
                             .kernel_count = survey_kernel_streams(&c->survey, bdf, d->kernel),
                             .bdf = *bdf};
    checkup_start(&d->up);
    return d;
}

/* The ends as establish would have them, where it would have any. */
static struct stream_ends ends_of(struct doctor *d)
{
    struct survey_plan made;
    struct failure failure;
    struct stream_ends ends = {
        .bdf = {[END_ENDPOINT] = d->end[END_ENDPOINT].bdf, [END_ROOT_PORT] = d->end[END_ROOT_PORT].bdf}};
    const struct stream_wish wish = {.selective = !d->one_link, .link = d->one_link};
    if (survey_wish(&d->controller->survey, &d->up.bdf, &wish, &made, &failure) == IDE_OK && made.count > 0)
        ends = made.stream[0].ends;
    return ends;
}

/* What keeps the anchors from being read is a finding, and the devices are asked all the same. */
static void load_trust(struct controller *c, struct task *task)
{
    struct doctor *d = task->doctor;
    d->trust_err = trust_store_load(&task->trust, c->settings->trust, c->settings->name_rule, &d->trust);
    d->reference_err =
        reference_store_load(&task->attestation.references, c->settings->reference, &d->reference);
}

static void refuse(struct controller *c, struct ticket *ticket, enum ide_err err, const char *message)
{
    struct failure failure;
    failure_set(&failure, err, "request", NULL, "%s", message);
    ticket_refuse(ticket, &c->front, &failure);
}

/* Nobody to ask. */
static void answer_at_once(struct controller *c, struct doctor *d, struct ticket *ticket)
{
    run_checks(d, true);
    ticket_answer(ticket, &c->front, result(d));
    doctor_free(d);
}

void doctor_verb_run(struct controller *c, const struct request *request, struct ticket *ticket)
{
    struct failure failure;
    if (survey_refresh_branch(&c->survey, &request->bdf, &failure) != IDE_OK) {
        ticket_refuse(ticket, &c->front, &failure);
        return;
    }
    struct doctor *d = doctor_new(c, &request->bdf);
    if (!d) {
        refuse(c, ticket, IDE_E_MEMORY, "out of memory");
        return;
    }
    run_checks(d, false);
    if (!d->has_ends) {
        answer_at_once(c, d, ticket);
        return;
    }
    struct stream_ends ends = ends_of(d);
    struct task *task = task_new(c, OPERATION_DOCTOR, &ends, 0, ticket);
    if (!task) {
        doctor_free(d);
        refuse(c, ticket, IDE_E_MEMORY, "out of memory");
        return;
    }
    task->doctor = d;
    task->op.probe = d->probe;
    load_trust(c, task);
    controller_submit(c, task);
}

json_t *doctor_json(const struct task *task)
{
    struct doctor *d = task->doctor;
    d->task = task;
    run_checks(d, true);
    return result(d);
}
