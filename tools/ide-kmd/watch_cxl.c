/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watch's look at CXL.cachemem links: both ends' CXL IDE registers. */
#include <stdio.h>

#include "tools/ide-kmd/watch_look.h"

/* The endpoint's are across the link. */
static bool may_look(struct watched_cxl *w, enum stream_end end)
{
    if (end == END_ROOT_PORT)
        return true;
    return atomic_load(&w->held) == 0 && (!w->gate || pthread_mutex_trylock(w->gate) == 0);
}

static void look_at_end(struct watch *watch, struct watched_cxl *w, enum stream_end end,
                        struct watch_cxl_sample *sample)
{
    if (!may_look(w, end))
        return;
    sample->looked[end] = true;
    sample->readable[end] = cxl_end_look(&watch->tree, &w->ends.bdf[end], &sample->state[end]);
    if (end == END_ENDPOINT && w->gate)
        pthread_mutex_unlock(w->gate);
}

static void tell_link(struct watch *watch, const struct watched_cxl *w, const struct watch_cxl_sample *sample,
                      struct watch_verdict verdict)
{
    struct watch_news news = {.kind = WATCH_NEWS_CXL,
                              .serial = w->serial,
                              .verdict = verdict,
                              .cxl = *sample,
                              .device = w->ends.bdf[verdict.at],
                              .state = verdict.cause == WATCH_CAUSE_NONE ? "secure" : "insecure",
                              .cause = watch_cause_name(verdict.cause)};
    for (enum stream_end end = 0; end < END_COUNT; end++)
        news.sample.session_lost[end] = sample->session_lost[end];
    snprintf(news.text, sizeof news.text, "%s", watch_cause_text(verdict.cause));
    watch_tell(watch, &news);
}

static void look_at_link(struct watch *watch, struct watched_cxl *w)
{
    struct watch_cxl_sample sample = {.mode = w->mode};
    for (int end = END_COUNT - 1; end >= 0; end--) { /* the root port, then what is across its link */
        sample.session_lost[end] = (enum ide_err)atomic_load(&w->session_lost[end]);
        look_at_end(watch, w, (enum stream_end)end, &sample);
    }
    struct watch_verdict verdict = watch_judge_cxl(&sample);
    if (verdict.cause != WATCH_CAUSE_NONE) {
        (void)watch_link_look(&w->link, port_link(&watch->tree, &w->ends.bdf[END_ROOT_PORT]));
        sample.link_down = w->link.down;
        verdict = watch_judge_cxl(&sample);
    }
    if (verdict.cause == WATCH_CAUSE_NONE && !sample.looked[END_ENDPOINT])
        return; /* it may be Secure again, or not */
    if (!atomic_load(&w->forgotten) && watch_is_news(&w->memory, verdict))
        tell_link(watch, w, &sample, verdict);
}

/* A look takes some 50 accesses, because what is mapped of a device that is pulled out must not be touched:
 * so it is opened and closed each time. */
static uint64_t period_ms(const struct watch *watch, const struct watched_cxl *links)
{
    uint64_t period = 0;
    for (; links && period < WATCH_SLOW_MS; links = links->next)
        period += WATCH_CXL_MS;
    period = period < WATCH_SLOW_MS ? period : WATCH_SLOW_MS;
    return period > watch->settings.interval_ms ? period : watch->settings.interval_ms;
}

void watch_look_at_links(struct watch *watch, struct watched_cxl *links, uint64_t now_ms)
{
    if (watch->settings.interval_ms == 0 || !links || !watch_need_tree(watch))
        return;
    uint64_t period = period_ms(watch, links);
    for (struct watched_cxl *w = links; w; w = w->next) {
        if (atomic_load(&w->forgotten) || now_ms < w->next_ms)
            continue;
        w->next_ms = now_ms + (w->memory.insecure ? WATCH_SLOW_MS : period);
        look_at_link(watch, w);
    }
}
