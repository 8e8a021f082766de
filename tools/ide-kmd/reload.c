/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/reload.h"

#include <stdlib.h>
#include <string.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/settings.h"

struct generation {
    struct generation *next;
    struct controller_settings read;     /* owns all text */
    struct controller_settings settings; /* as they count: what only a start can change is the first's */
    struct agent_settings agent;
    struct credentials credentials;
};

void reload_open(struct controller *c)
{
    c->reload.agent = &c->agent;
}

static void generation_free(struct generation *g)
{
    credentials_close(&g->credentials);
    settings_release(&g->read);
    free(g);
}

void reload_close(struct controller *c)
{
    while (c->reload.first) {
        struct generation *g = c->reload.first;
        c->reload.first = g->next;
        generation_free(g);
    }
}

/* A worker's port is open with it, or may be by now. */
static bool is_in_use(const struct controller *c, const struct generation *g)
{
    for (const struct worker *w = c->workers.first; w; w = w->next)
        if (w->settings == &g->agent || w->offered == &g->agent)
            return true;
    return c->reload.agent == &g->agent;
}

static void drop_old(struct controller *c)
{
    struct generation **at = &c->reload.first;
    while (*at) {
        struct generation *g = *at;
        if (is_in_use(c, g)) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        generation_free(g);
    }
}

/* ---- what only a start can change --------------------------------------------- */

static const struct setting_value *next_given(const struct setting_value *v, const struct setting *row)
{
    while (v && v->row != row)
        v = v->next;
    return v;
}

static bool given_alike(const struct controller_settings *a, const struct controller_settings *b,
                        const struct setting *row)
{
    const struct setting_value *x = next_given(a->given, row), *y = next_given(b->given, row);
    while (x && y && strcmp(x->text, y->text) == 0) {
        x = next_given(x->next, row);
        y = next_given(y->next, row);
    }
    return !x && !y;
}

static void say_what_waits(const struct controller_settings *start, const struct controller_settings *read)
{
    for (const struct setting *row = settings_table; row->name; row++)
        if (row->at_start && !given_alike(start, read, row))
            log_say(LOG_WARNING, LOG_PLAIN,
                    "%s is another one in the configuration now, and counts from the next start", row->name);
}

/* ---- taking it over -------------------------------------------------------------- */

static struct generation *read_generation(struct controller *c)
{
    struct failure failure;
    struct generation *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    bool ok = c->reload.read && c->reload.read(c->reload.context, &g->read);
    if (ok && credentials_load(&g->credentials, &g->read.spdm, &failure) != IDE_OK) {
        log_say(LOG_ERR, LOG_PLAIN, "%s", failure.message);
        ok = false;
    }
    if (ok)
        return g;
    generation_free(g);
    return NULL;
}

static void take_over(struct controller *c, struct generation *g)
{
    g->settings = *c->start;
    settings_take_live(&g->settings, &g->read);
    g->agent = c->agent;
    g->agent.allow_wrong_bdf = g->settings.allow_wrong_bdf;
    g->agent.timeout_ms = g->settings.timeout_ms;
    g->agent.spdm = &g->settings.spdm;
    g->agent.credentials = &g->credentials;
    g->next = c->reload.first;
    c->reload.first = g;
    c->reload.agent = &g->agent;
    c->workers.settings = &g->agent;
    c->settings = &g->settings;
    log_set_priority(g->settings.log_level);
}

void reload_run(struct controller *c)
{
    notify_reloading();
    struct generation *g = read_generation(c);
    if (!g) {
        notify_ready(c);
        log_say(LOG_ERR, LOG_RELOADED, "the configuration is wrong; the one before goes on");
        return;
    }
    take_over(c, g);
    say_what_waits(c->start, &g->read);
    drop_old(c);
    keeper_host_plan(c, true);
    log_say(LOG_NOTICE, LOG_RELOADED, "the configuration was read again");
    notify_ready(c);
}
