/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/wants.h"

#include "tools/ide-kmd/cxl_links.h"
#include "tools/ide-kmd/log.h"

struct keeper_key wants_key(enum ide_kind kind, const struct stream_ends *ends,
                            const struct ide_features *features)
{
    return (struct keeper_key){.kind = kind,
                               .root_port = ends->bdf[END_ROOT_PORT],
                               .endpoint = ends->bdf[END_ENDPOINT],
                               .traffic_class = features->traffic_class};
}

/* The node as rules see it; above[] is the caller's. */
static struct rules_device device_of(const struct topology *topology, size_t index,
                                     struct pcie_bdf above[static TOPOLOGY_DEPTH_MAX])
{
    const struct topology_node *node = &topology->nodes[index];
    struct rules_device device = {
        .bdf = node->bdf, .above = above, .vendor = node->ids.vendor, .device = node->ids.device};
    for (size_t i = node->parent; i != TOPOLOGY_NONE && device.above_count < TOPOLOGY_DEPTH_MAX;
         i = topology->nodes[i].parent)
        above[device.above_count++] = topology->nodes[i].bdf;
    return device;
}

struct keeper_key wants_cxl_key(const struct stream_ends *ends)
{
    return (struct keeper_key){
        .cxl = true, .root_port = ends->bdf[END_ROOT_PORT], .endpoint = ends->bdf[END_ENDPOINT]};
}

static void add_link_policy(const struct wants_context *context, const struct keeper_key *key, struct policy *policy)
{
    const struct device_rule *rule = NULL;
    if (!key->cxl && key->kind == IDE_LINK)
        rule = rules_link(context->rules, &key->root_port, &key->endpoint);
    if (rule)
        policy_merge(policy, &rule->policy);
}

struct policy wants_policy(const struct wants_context *context, const struct keeper_key *key)
{
    struct pcie_bdf above[TOPOLOGY_DEPTH_MAX];
    struct policy policy = *context->base;
    size_t index = topology_find(&context->survey->topology, &key->endpoint);
    struct rules_device device = {.bdf = key->endpoint};
    if (index != TOPOLOGY_NONE)
        device = device_of(&context->survey->topology, index, above);
    (void)rules_resolve(context->rules, context->base, &device, &policy);
    add_link_policy(context, key, &policy);
    return policy;
}

/* ---- planning --------------------------------------------------------------- */

struct planner {
    const struct wants_context *context;
    struct keeper *keeper;
    unsigned not_planned;
};

static void say_why_not(struct planner *p, const struct device_rule *rule, const struct pcie_bdf *bdf,
                        const char *name, const struct failure *failure)
{
    char text[PCIE_BDF_TEXT];
    bool named = rule->subject == RULE_BDF || rule->subject == RULE_LINK;
    p->not_planned += named;
    if (p->context->loud)
        log_say(named ? LOG_WARNING : LOG_INFO, LOG_PLAIN, "%s: it cannot have [stream %s]: %s",
                pcie_bdf_format(bdf, text), name, failure->message);
}

/* of_device NULL: no device's rule asks for it. */
static struct policy policy_for(const struct planner *p, const struct keeper_key *key, const struct policy *of_device)
{
    struct policy policy = of_device ? *of_device : wants_policy(p->context, key);
    add_link_policy(p->context, key, &policy);
    return policy;
}

/* Another rule decides about the stream: the link has a section of its own, with streams. */
static bool is_anothers(const struct planner *p, const struct device_rule *rule, const struct keeper_key *key)
{
    const struct device_rule *of_link = NULL;
    if (key->kind == IDE_LINK && rule->subject != RULE_LINK)
        of_link = rules_link(p->context->rules, &key->root_port, &key->endpoint);
    return of_link && of_link->has_streams;
}

static void plan_streams(struct planner *p, const struct device_rule *rule, const struct stream_profile *profile,
                         const struct pcie_bdf *bdf, const struct policy *policy)
{
    struct survey_plan plan;
    struct failure failure;
    if (survey_wish(p->context->survey, bdf, &profile->wish, &plan, &failure) != IDE_OK) {
        say_why_not(p, rule, bdf, profile->name, &failure);
        return;
    }
    for (size_t i = 0; i < plan.count; i++) {
        const struct planned_stream *stream = &plan.stream[i];
        struct keeper_want want = {.key = wants_key(stream->kind, &stream->ends, &stream->features),
                                   .features = stream->features,
                                   .has_stream = i == 0 && profile->has_stream, /* as establish has it */
                                   .stream = i == 0 ? profile->stream : 0};
        want.policy = policy_for(p, &want.key, policy);
        if (!is_anothers(p, rule, &want.key))
            (void)keeper_plan_want(p->keeper, &want);
    }
}

static void plan_cxl(struct planner *p, const struct device_rule *rule, const struct stream_profile *profile,
                     const struct pcie_bdf *bdf, const struct policy *policy)
{
    struct cxl_link link;
    struct failure failure;
    if (cxl_link_plan(p->context->survey, bdf, &link, &failure) != IDE_OK) {
        say_why_not(p, rule, bdf, profile->name, &failure);
        return;
    }
    struct keeper_want want = {.key = wants_cxl_key(&link.ends),
                               .cxl_mode = profile->cxl_mode,
                               .cxl_generate = profile->cxl_generate};
    want.policy = policy_for(p, &want.key, policy);
    (void)keeper_plan_want(p->keeper, &want);
}

static void plan_list(struct planner *p, const struct device_rule *rule, const struct pcie_bdf *bdf,
                      const struct policy *policy)
{
    for (size_t i = 0; i < rule->stream_count; i++) {
        const struct stream_profile *profile = rules_profile(p->context->rules, rule->stream[i]);
        if (profile && profile->cxl)
            plan_cxl(p, rule, profile, bdf, policy);
        else if (profile)
            plan_streams(p, rule, profile, bdf, policy);
    }
}

static void plan_device(struct planner *p, size_t index, enum rule_subject subject)
{
    const struct topology *topology = &p->context->survey->topology;
    struct pcie_bdf above[TOPOLOGY_DEPTH_MAX];
    struct rules_device device = device_of(topology, index, above);
    struct policy policy;
    const struct device_rule *rule = rules_resolve(p->context->rules, p->context->base, &device, &policy);
    if (!rule || rule->subject != subject)
        return;
    plan_list(p, rule, &device.bdf, &policy);
}

/* The one link that the port is at; of an endpoint `establish --link` means another thing, all links to it. */
static void plan_link(struct planner *p, const struct device_rule *rule)
{
    const struct topology *topology = &p->context->survey->topology;
    size_t index = topology_find(topology, &rule->bdf);
    struct failure failure;
    if (index != TOPOLOGY_NONE && topology->nodes[index].type != PCIE_TYPE_ENDPOINT) {
        plan_list(p, rule, &rule->bdf, NULL);
        return;
    }
    failure_device(&failure, index == TOPOLOGY_NONE ? IDE_E_NO_DEVICE : IDE_E_NOT_PORT, "survey", &rule->bdf,
                   index == TOPOLOGY_NONE ? "there is no such function"
                                          : "[link] names a root port or a switch port, and this is an endpoint");
    for (size_t i = 0; i < rule->stream_count; i++)
        say_why_not(p, rule, &rule->bdf, rule->stream[i], &failure);
}

/* Links are shared by all that is below them, and the first who wants one has it: after links with a section of
 * their own, devices with a rule of their own come first. */
unsigned wants_plan(const struct wants_context *context, struct keeper *keeper)
{
    static const enum rule_subject order[] = {RULE_BDF, RULE_ID, RULE_ALL};
    const struct topology *topology = &context->survey->topology;
    struct planner p = {.context = context, .keeper = keeper};
    for (size_t i = 0; i < context->rules->device_count; i++)
        if (context->rules->device[i].subject == RULE_LINK)
            plan_link(&p, &context->rules->device[i]);
    for (size_t k = 0; k < sizeof order / sizeof *order; k++)
        for (size_t i = 0; i < topology->count; i++)
            if (topology->nodes[i].type == PCIE_TYPE_ENDPOINT && topology->nodes[i].ide != 0)
                plan_device(&p, i, order[k]);
    return p.not_planned;
}

/* ---- one of them ------------------------------------------------------------- */

static bool is_key_of(const struct planned_stream *stream, const struct keeper_key *key)
{
    return stream->kind == key->kind &&
           pcie_bdf_compare(&stream->ends.bdf[END_ROOT_PORT], &key->root_port) == 0 &&
           pcie_bdf_compare(&stream->ends.bdf[END_ENDPOINT], &key->endpoint) == 0;
}

enum ide_err wants_find(struct survey *survey, const struct keeper_want *want, struct planned_stream *planned,
                        struct failure *failure)
{
    bool link = want->key.kind == IDE_LINK;
    const struct stream_wish wish = {.selective = !link, .link = link, .features = want->features};
    const struct pcie_bdf *bdf = link ? &want->key.root_port : &want->key.endpoint;
    struct survey_plan plan;
    enum ide_err err = survey_wish(survey, bdf, &wish, &plan, failure);
    for (size_t i = 0; err == IDE_OK && i < plan.count; i++)
        if (is_key_of(&plan.stream[i], &want->key)) {
            *planned = plan.stream[i];
            return IDE_OK;
        }
    return err != IDE_OK ? err
                         : failure_device(failure, IDE_E_NO_PARTNER, "survey", bdf,
                                          "the port at the other end is another one now");
}
