/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When the configuration is held against the platform: whenever that is not the platform of the last plan any
 * more. The watch looks each second whether the tree has other functions than the survey knows, or others
 * with the same addresses: then its generation changes. The survey itself may have been made anew, for a
 * request or an operation. Functions that are in the tree and do not answer, as their link is down, are asked
 * each second. And while a named device cannot have what its rule gives it, that is tried every 30 seconds.
 */
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/wants.h"

#define PLAN_AGAIN_MS 30000u
#define SILENT_MS     1000u

static uint64_t now_ms(void)
{
    return (uint64_t)zclock_mono();
}

void keeper_host_plan(struct controller *c, bool renew)
{
    c->kept.plan_due = true;
    c->kept.renew = c->kept.renew || renew;
    c->kept.loud = c->kept.loud || renew;
}

bool keeper_plan_is_old(const struct controller *c)
{
    return c->kept.plan_due || c->survey.topology.found != c->kept.planned;
}

/* Ports that streams are wanted between. */
static void look_for_ports(struct controller *c)
{
    struct keeper *k = &c->kept.keeper;
    for (struct keeper_item *item = k->first; item; item = item->next) {
        const struct pcie_bdf ports[] = {item->want.key.root_port, item->want.key.endpoint};
        for (size_t i = 0; i < 2; i++)
            keeper_port(k, &ports[i], topology_presence(&c->survey.topology, &ports[i]), now_ms());
    }
}

static void make_plan(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    struct failure failure;
    const struct policy base = keeper_base_policy(c);
    const struct wants_context context = {
        .survey = &c->survey, .rules = &c->settings->rules, .base = &base, .loud = host->loud};
    host->plan_due = false;
    host->plan_again_ms = now_ms() + PLAN_AGAIN_MS;
    enum ide_err err = survey_refresh(&c->survey, &failure);
    host->planned = c->survey.topology.found;
    if (err != IDE_OK) {
        log_say(LOG_ERR, LOG_PLAIN, "the platform cannot be looked at: %s", failure.message);
        return;
    }
    look_for_ports(c);
    keeper_plan_begin(&host->keeper);
    if (wants_plan(&context, &host->keeper) == 0)
        host->plan_again_ms = UINT64_MAX;
    keeper_plan_end(&host->keeper, host->renew, now_ms());
    look_for_ports(c); /* of what is new in the plan */
    port_gate_plan(c);
    host->renew = host->loud = false;
}

void keeper_plan_run(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    uint64_t generation = watch_generation(c->watch);
    host->plan_due = host->plan_due || generation != host->generation;
    host->generation = generation;
    if (now_ms() >= host->silent_again_ms) {
        host->plan_due = survey_hears_more(&c->survey) || host->plan_due;
        host->silent_again_ms = UINT64_MAX;
    }
    if (keeper_plan_is_old(c) || now_ms() >= host->plan_again_ms)
        make_plan(c);
}

uint64_t keeper_plan_due(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    bool some_are_silent = c->survey.topology.found != c->survey.topology.listing;
    if (!some_are_silent)
        host->silent_again_ms = UINT64_MAX;
    else if (host->silent_again_ms == UINT64_MAX)
        host->silent_again_ms = now_ms() + SILENT_MS;
    if (keeper_plan_is_old(c))
        return now_ms();
    return host->silent_again_ms < host->plan_again_ms ? host->silent_again_ms : host->plan_again_ms;
}
