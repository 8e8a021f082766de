/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/restore.h"

#include <stdio.h>
#include <string.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"

#define AGAIN_MS 5000 /* between attempts to put in order what did not let itself */

#define BY_RECOVERY "recovery"

/* ---- sessions ------------------------------------------------------------ */

/* That it cannot be asked is no harm: a session of which nobody has the secrets keys nothing that is on. */
static void forget_sessions(struct controller *c, const struct pcie_bdf *mailbox, enum stream_end end)
{
    struct failure failure;
    const struct stream_ends ends = {.bdf = {*mailbox, *mailbox}};
    struct task *task = task_new(c, OPERATION_FORGET, &ends, 0, NULL);
    if (!task)
        return;
    task->op.attested = end;
    snprintf(task->asked_by, sizeof task->asked_by, BY_RECOVERY);
    if (controller_load_trust(c, task, &failure) == IDE_OK)
        controller_submit(c, task);
    else
        task_free(task);
}

/* Of a stream that comes back the sessions are new anyway. */
static void forget_stream(struct controller *c, const struct held_stream *held)
{
    if (held->wanted && !held->by_config)
        return;
    forget_sessions(c, &held->end[END_ENDPOINT].mailbox, END_ENDPOINT);
    forget_sessions(c, &held->end[END_ROOT_PORT].mailbox, END_ROOT_PORT);
}

/* The keys of its ends go with the sessions of their mailboxes. */
static void forget_cxl_link(struct controller *c, const struct held_cxl_link *held)
{
    size_t root = topology_find(&c->survey.topology, &held->bdf[END_ROOT_PORT]);
    forget_sessions(c, &held->bdf[END_ENDPOINT], END_ENDPOINT);
    if (root != TOPOLOGY_NONE && c->survey.topology.nodes[root].doe_count > 0)
        forget_sessions(c, &held->bdf[END_ROOT_PORT], END_ROOT_PORT);
}

static void forget_cxl_links(struct controller *c)
{
    struct failure failure;
    if (c->recovery.held.cxl_links == 0 || survey_refresh(&c->survey, &failure) != IDE_OK)
        return;
    for (size_t i = 0; i < c->recovery.held.cxl_links; i++)
        forget_cxl_link(c, &c->recovery.held.cxl_link[i]);
    survey_done(&c->survey);
}

/* ---- streams ------------------------------------------------------------- */

static bool is_left_off(const struct held *held, const struct keeper_key *key)
{
    for (size_t i = 0; i < held->kept_off; i++) {
        const struct keeper_key *k = &held->kept[i].want.key;
        if (k->cxl == key->cxl && k->kind == key->kind && k->traffic_class == key->traffic_class &&
            pcie_bdf_compare(&k->root_port, &key->root_port) == 0 &&
            pcie_bdf_compare(&k->endpoint, &key->endpoint) == 0)
            return true;
    }
    return false;
}

/* What the configuration wants it says itself. What could not be turned off waits for it in the keeper, too:
 * its number is taken until then. */
static void restore_stream(struct controller *c, const struct held_stream *held)
{
    const struct keeper_want want = {.key = {.kind = held->kind,
                                             .root_port = held->end[END_ROOT_PORT].bdf,
                                             .endpoint = held->end[END_ENDPOINT].bdf,
                                             .traffic_class = held->features.traffic_class},
                                     .features = held->features,
                                     .has_stream = true,
                                     .stream = held->id};
    if (held->wanted && !held->by_config && !is_left_off(&c->recovery.held, &want.key))
        (void)!keeper_host_restore(c, &want, KEEPER_BY_CLIENT, KEEPER_WAITING, NULL);
}

static void restore_link(struct controller *c, const struct held_cxl_link *held)
{
    const struct keeper_want want = {
        .key = {.cxl = true, .root_port = held->bdf[END_ROOT_PORT], .endpoint = held->bdf[END_ENDPOINT]},
        .cxl_mode = held->mode,
        .cxl_generate = held->generate};
    if (held->wanted && !held->by_config && !is_left_off(&c->recovery.held, &want.key))
        (void)!keeper_host_restore(c, &want, KEEPER_BY_CLIENT, KEEPER_WAITING, NULL);
}

static void restore_streams(struct controller *c)
{
    const struct held *held = &c->recovery.held;
    struct failure failure;
    if (survey_refresh(&c->survey, &failure) != IDE_OK) /* the keeper waits for their ports */
        log_say(LOG_ERR, LOG_PLAIN, "the platform cannot be looked at: %s", failure.message);
    for (size_t i = 0; i < held->kept_off; i++)
        (void)!keeper_host_restore(c, &held->kept[i].want, held->kept[i].source, held->kept[i].state,
                                   &held->kept[i].reason);
    for (size_t i = 0; i < held->streams; i++)
        restore_stream(c, &held->stream[i]);
    for (size_t i = 0; i < held->cxl_links; i++)
        restore_link(c, &held->cxl_link[i]);
    survey_done(&c->survey);
    store_want_no_config(c->store);
}

/* What is up by now has found its ports free of what was left with the same number: what is there is its own,
 * and looks like the other's. */
static void leave_what_is_new(struct controller *c)
{
    struct held *left = &c->recovery.held;
    for (size_t i = 0; i < left->streams; i++) {
        struct held_stream *held = &left->stream[i];
        const struct stream *now = stream_find(&c->streams, &held->end[END_ROOT_PORT].bdf, held->id);
        if (now && now->state != STREAM_STARTING)
            held->state = HELD_NOTHING;
    }
    for (size_t i = 0; i < left->cxl_links; i++) {
        const struct cxl_link *now = cxl_link_find(&c->cxl, &left->cxl_link[i].bdf[END_ROOT_PORT]);
        if (now && (now->is_up || now->half_off))
            left->cxl_link[i].state = HELD_NOTHING;
    }
}

static int on_again(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    if (c->running > 0) /* whose registers are between two steps */
        return 0;
    leave_what_is_new(c);
    recovery_again(&c->recovery);
    if (c->recovery.is_done || c->closing)
        zloop_timer_end(loop, timer);
    return 0;
}

void restore_begin(struct controller *c)
{
    for (size_t i = 0; i < c->recovery.held.streams; i++)
        forget_stream(c, &c->recovery.held.stream[i]);
    forget_cxl_links(c);
    restore_streams(c);
    if (!c->recovery.is_done)
        zloop_timer(c->loop, AGAIN_MS, 0, on_again, c);
}
