/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/watch_look.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "root_port/kernel_owner.h"

#define KERNEL_STREAMS 64u

void watch_tell_port(struct watch *watch, const struct pcie_bdf *bdf, const char *state, uint32_t errors,
                     const char *text)
{
    struct watch_news news = {.kind = WATCH_NEWS_PORT, .device = *bdf, .state = state, .errors = errors};
    snprintf(news.text, sizeof news.text, "%s", text);
    watch_tell(watch, &news);
}

bool watch_take_link(struct watch *watch, struct watch_port *port, enum port_link seen)
{
    if (watch_link_look(&port->link, seen))
        watch_tell_port(watch, &port->bdf, port->link.down ? "link_down" : "link_up", 0,
                        port->link.down ? "the link below it is down" : "the link below it is up again");
    return port->link.down;
}

/* ---- why a stream fell --------------------------------------------------- */

bool watch_need_tree(struct watch *watch)
{
    struct ide_fault fault;
    if (!watch->has_tree)
        watch->has_tree = pcie_access_open(&watch->tree, watch->settings.sysfs, &fault) == IDE_OK;
    return watch->has_tree;
}

/* Of those that were active when the stream was set up. */
static bool is_down_now(struct watch *watch, const struct watched *w, unsigned number)
{
    struct watch_link link = {.was_active = w->active_links >> number & 1};
    return watch_link_look(&link, port_link(&watch->tree, stream_link_port(&w->ends, number)));
}

/* The first port from the root port down whose link is down; NULL if there is none. A switch's ports are
 * looked at only as long as the links above them are up. */
static const struct pcie_bdf *find_link_down(struct watch *watch, const struct watched *w)
{
    struct watch_port *upper = w->port[END_ROOT_PORT];
    if (!watch_need_tree(watch))
        return NULL;
    unsigned i = 0;
    if (upper->gate == NULL) { /* then it is the root port */
        if (watch_take_link(watch, upper,
                            upper->view.is_open ? port_view_link(&upper->view)
                                                : port_link(&watch->tree, &upper->bdf)))
            return &w->ends.top;
        i++;
    }
    for (; i < stream_links(&w->ends); i++)
        if (is_down_now(watch, w, i))
            return stream_link_port(&w->ends, i);
    return NULL;
}

static bool has_our_block(const struct watched *w, const struct kernel_stream *list, size_t count)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (w->block[end].kind == IDE_SELECTIVE &&
            kernel_has_block(list, count, &w->ends.bdf[end], w->block[end].index))
            return true;
    return false;
}

/* The kernel's Security Manager names the device, or a stream of the kernel's has one of the blocks. */
static bool is_kernels(struct watch *watch, const struct watched *w, char tsm[static KERNEL_TSM_MAX])
{
    struct kernel_stream list[KERNEL_STREAMS];
    tsm[0] = '\0';
    if (!watch_need_tree(watch))
        return false;
    if (kernel_tsm(&watch->tree, &w->ends.bdf[END_ENDPOINT], tsm))
        return true;
    return has_our_block(w, list, kernel_streams(&watch->tree, &w->ends.top, list, KERNEL_STREAMS));
}

static void look_at_end(struct watch *watch, struct watched *w, enum stream_end end, uint64_t now_ms,
                        struct watch_sample *sample)
{
    struct watch_port *port = w->port[end];
    struct watch_end *seen = &sample->end[end];
    if (!watch_port_enter(port, watch, now_ms)) {
        /* one that cannot even be opened is gone; one that is operated on is left alone */
        seen->looked = seen->gone = !port->view.is_open && port->failed && atomic_load(&port->held) == 0;
        return;
    }
    *seen = watch_port_end(port, w->block[end]);
    if (seen->gone) {
        watch_port_close(port);
    } else {
        seen->blank = !seen->enabled && watch_port_is_blank(port, w->block[end]);
        uint32_t errors = aer_read(&port->view.function.config, port->view.aer);
        (void)watch_port_errors(port, errors, true, now_ms); /* become recent ones */
        seen->errors = watch_port_recent(port, now_ms);
    }
    watch_port_leave(port);
}

static void clear_told(struct watch *watch, struct watched *w, uint64_t now_ms)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        if (!watch_port_enter(w->port[end], watch, now_ms))
            continue;
        watch_port_clear(w->port[end]);
        watch_port_leave(w->port[end]);
    }
}

static void tell_stream(struct watch *watch, struct watched *w, const struct watch_sample *sample,
                        struct watch_verdict verdict, const struct pcie_bdf *link, const char *tsm)
{
    struct watch_news news = {.kind = WATCH_NEWS_STREAM,
                              .serial = w->serial,
                              .verdict = verdict,
                              .sample = *sample,
                              .device = w->ends.bdf[verdict.at],
                              .state = verdict.cause == WATCH_CAUSE_NONE ? "secure" : "insecure",
                              .cause = watch_cause_name(verdict.cause)};
    if (verdict.cause == WATCH_CAUSE_LINK_DOWN && link)
        news.device = *link;
    snprintf(news.text, sizeof news.text, "%s%s%s", watch_cause_text(verdict.cause), *tsm ? ": " : "", tsm);
    watch_tell(watch, &news);
}

static bool looked_at_both(const struct watch_sample *sample)
{
    return sample->end[END_ENDPOINT].looked && sample->end[END_ROOT_PORT].looked;
}

/* Both ends and all around them. */
static void look_closely(struct watch *watch, struct watched *w, uint64_t now_ms)
{
    char tsm[KERNEL_TSM_MAX] = "";
    struct watch_sample sample = {0};
    const struct pcie_bdf *link = NULL;
    uint64_t others_until_ms = watch->open_until_ms;
    watch->open_until_ms = UINT64_MAX; /* for this one there is time: who is told wants to know why it fell */
    for (int end = END_COUNT - 1; end >= 0; end--) { /* the root port, then what is across its link */
        look_at_end(watch, w, (enum stream_end)end, now_ms, &sample);
        sample.session_lost[end] = (enum ide_err)atomic_load(&w->session_lost[end]);
    }
    watch->open_until_ms = others_until_ms;
    struct watch_verdict verdict = watch_judge(&sample, w->id);
    if (verdict.cause != WATCH_CAUSE_NONE) {
        link = find_link_down(watch, w);
        sample.link_down = link != NULL;
        sample.kernel = is_kernels(watch, w, tsm);
        verdict = watch_judge(&sample, w->id);
    }
    /* an end that could not be looked at says nothing, least of all that it is Secure again */
    if (verdict.cause == WATCH_CAUSE_NONE && !looked_at_both(&sample))
        return;
    if (atomic_load(&w->forgotten) || !watch_is_news(&w->memory, verdict))
        return;
    /* First: who is told may at once turn the stream off, and the gates are closed meanwhile. */
    clear_told(watch, w, now_ms);
    tell_stream(watch, w, &sample, verdict, link, tsm);
}

/* ---- every interval: the ends -------------------------------------------- */

static void take(struct watch *watch, struct watch_port *port, uint64_t now_ms)
{
    for (struct watched_end *e = port->ends; e; e = e->next)
        if (e->seen.looked && !watch_end_is_secure(&e->seen, e->stream->id) && !e->stream->memory.insecure)
            look_closely(watch, e->stream, now_ms);
}

static void look_at_port(struct watch *watch, struct watch_port *port, uint64_t now_ms)
{
    if (!watch_port_enter(port, watch, now_ms))
        return;
    bool news = watch_port_see(port);
    watch_port_leave(port);
    if (news)
        take(watch, port, now_ms);
}

/* All streams of a port in one access, if their blocks are near each other, and all ports in one wait, for
 * which the gates that are open are kept locked. */
static void look_at_open_ports(struct watch *watch, struct watch_port *ports, uint64_t now_ms)
{
    struct watch_port *port;
    for (port = ports; port; port = port->next_here) {
        port->is_entered = port->view.is_open && watch_port_enter(port, watch, now_ms);
        if (port->is_entered)
            watch_port_add(port, &watch->batch);
    }
    watch_batch_run(&watch->batch);
    for (port = ports; port; port = port->next_here)
        if (port->is_entered) {
            port->is_entered = watch_port_see(port);
            watch_port_leave(port);
        }
    for (port = ports; port; port = port->next_here)
        if (port->is_entered)
            take(watch, port, now_ms);
}

/* Opening one takes time: those that are open come first. */
static void look_at_other_ports(struct watch *watch, struct watch_port *ports, uint64_t now_ms)
{
    for (struct watch_port *port = ports; port; port = port->next_here)
        if (!port->view.is_open)
            look_at_port(watch, port, now_ms);
}

/* ---- every second: what is there ----------------------------------------- */

/* One that went and came since the last look is another one. Both lists are in order. */
static void tell_differences(struct watch *watch, const struct pcie_presence *now, size_t count)
{
    size_t i = 0, j = 0;
    while (i < watch->function_count || j < count) {
        const struct pcie_presence *was = &watch->functions[i], *is = &now[j];
        int order = i == watch->function_count ? 1 : j == count ? -1 : pcie_bdf_compare(&was->bdf, &is->bdf);
        bool other = order == 0 && was->serial != is->serial;
        if (order < 0 || other)
            watch_tell_port(watch, &was->bdf, "removed", 0, "the function is gone");
        if (order > 0 || other)
            watch_tell_port(watch, &is->bdf, "added", 0, "the function is new");
        i += order <= 0;
        j += order >= 0;
    }
}

static void scan(struct watch *watch)
{
    struct pcie_presence *list;
    size_t count;
    struct ide_fault fault;
    if (!watch_need_tree(watch) || pcie_access_list(&watch->tree, &list, &count, &fault) != IDE_OK)
        return;
    if (watch->functions)
        tell_differences(watch, list, count);
    if (pcie_presence_digest(list, count) != atomic_load(&watch->known)) {
        atomic_fetch_add(&watch->generation, 1);
        watch_wake(watch);
    }
    free(watch->functions);
    watch->functions = list;
    watch->function_count = count;
}

/* ---- every 5 seconds: whose a device is, and for how long ----------------- */

static void look_at_certificate(struct watch *watch, struct watch_port *port)
{
    enum watch_expiry expiry = watch_expiry(port->not_after, time(NULL), watch->settings.warn_days);
    if (expiry == port->expiry)
        return;
    port->expiry = expiry;
    struct watch_news news = {.kind = WATCH_NEWS_CERTIFICATE,
                              .device = port->bdf,
                              .state = expiry == WATCH_EXPIRED ? "expired" : "expires_soon",
                              .not_after = port->not_after};
    snprintf(news.text, sizeof news.text, "%s",
             expiry == WATCH_EXPIRED
                 ? "a certificate of its chain has expired: no new session with it can begin"
                 : "a certificate of its chain expires soon");
    if (expiry != WATCH_VALID)
        watch_tell(watch, &news);
}

/* The kernel's streams of one host bridge: those of a bridge come one after the other mostly. */
struct bridge {
    struct pcie_bdf root_port;
    struct kernel_stream list[KERNEL_STREAMS];
    size_t count;
    bool is_read;
};

static void read_bridge(struct watch *watch, struct bridge *bridge, const struct pcie_bdf *root_port)
{
    if (bridge->is_read && bridge->root_port.domain == root_port->domain &&
        bridge->root_port.bus == root_port->bus)
        return;
    bridge->root_port = *root_port;
    bridge->count = kernel_streams(&watch->tree, root_port, bridge->list, KERNEL_STREAMS);
    bridge->is_read = true;
}

static void look_at_owner(struct watch *watch, struct watched *w, struct bridge *bridge)
{
    char tsm[KERNEL_TSM_MAX], text[WATCH_TEXT];
    if (!watch_need_tree(watch))
        return;
    read_bridge(watch, bridge, &w->ends.top);
    bool kernel = kernel_tsm(&watch->tree, &w->ends.bdf[END_ENDPOINT], tsm) ||
                  has_our_block(w, bridge->list, bridge->count);
    if (kernel == w->kernel)
        return;
    w->kernel = kernel;
    snprintf(text, sizeof text, "the device belongs to the kernel%s%s",
             *tsm ? ": its TSM is connected: " : "", tsm);
    watch_tell_port(watch, &w->ends.bdf[END_ENDPOINT], kernel ? "kernel" : "released", 0,
                    kernel ? text : "the device does not belong to the kernel any more");
}

/* ---- all ------------------------------------------------------------------ */

static bool is_due(uint64_t *at_ms, uint64_t now_ms, uint64_t period_ms)
{
    if (now_ms < *at_ms)
        return false;
    *at_ms = now_ms + period_ms;
    return true;
}

/* What a new stream says of its ports. */
static void take_identity(struct watched *w)
{
    for (enum stream_end end = 0; end < END_COUNT && !w->is_known; end++) {
        struct watch_port *port = w->port[end];
        if (port->not_after != w->not_after[end])
            port->expiry = WATCH_VALID;
        port->not_after = w->not_after[end];
        port->by_mailbox = w->by_mailbox[end];
    }
    struct watch_port *upper = w->port[END_ROOT_PORT];
    if (!w->is_known && upper->gate == NULL && w->active_links & 1)
        upper->link.was_active = true;
    w->is_known = true;
}

static void gather_port(struct watch *watch, struct watch_port *port)
{
    struct watch_port **side = &watch->side[port->gate != NULL];
    if (!port->ends) {
        port->next_here = *side;
        *side = port;
    }
}

/* What is forgotten after this is in the lists until the next look: nothing is freed before. */
static void gather(struct watch *watch, struct watched *streams, struct watch_port *ports)
{
    unsigned long changes = atomic_load(&watch->changes);
    if (changes == watch->gathered && streams == watch->gathered_from)
        return;
    watch->gathered = changes;
    watch->gathered_from = streams;
    watch->side[0] = watch->side[1] = NULL;
    for (struct watch_port *port = ports; port; port = port->next) {
        port->ends = NULL;
        watch_port_changed(port);
    }
    for (struct watched *w = streams; w; w = w->next) {
        if (atomic_load(&w->forgotten))
            continue;
        take_identity(w);
        for (enum stream_end end = 0; end < END_COUNT; end++) {
            gather_port(watch, w->port[end]);
            w->here[end] = (struct watched_end){.next = w->port[end]->ends, .stream = w, .end = end};
            w->port[end]->ends = &w->here[end];
        }
    }
}

/* One side of the links this time, the other the next. */
static void look_at_registers(struct watch *watch, struct watched *streams, struct watch_port *ports,
                              uint64_t now_ms)
{
    look_at_open_ports(watch, watch->side[watch->across], now_ms);
    look_at_other_ports(watch, watch->side[watch->across], now_ms);
    watch->across = !watch->across;
    if (is_due(&watch->port_health_ms, now_ms, WATCH_HEALTH_MS / 16))
        watch_look_at_health(watch, ports, now_ms);
    if (!is_due(&watch->slow_ms, now_ms, WATCH_SLOW_MS))
        return;
    for (struct watched *w = streams; w; w = w->next)
        if (!atomic_load(&w->forgotten) && w->memory.insecure)
            look_closely(watch, w, now_ms);
}

static void look_at_owners(struct watch *watch, struct watched *streams)
{
    struct bridge bridge = {.is_read = false};
    for (struct watched *w = streams; w; w = w->next)
        if (!atomic_load(&w->forgotten))
            look_at_owner(watch, w, &bridge);
}

void watch_look(struct watch *watch, struct watched *streams, struct watch_port *ports, uint64_t now_ms)
{
    bool health = is_due(&watch->health_ms, now_ms, WATCH_HEALTH_MS);
    watch->open_until_ms = now_ms + WATCH_OPENING_MS;
    gather(watch, streams, ports);
    if (watch->settings.interval_ms != 0)
        look_at_registers(watch, streams, ports, now_ms);
    if (is_due(&watch->scan_ms, now_ms, WATCH_SLOW_MS))
        scan(watch);
    if (health && watch->settings.interval_ms != 0)
        look_at_owners(watch, streams);
    for (struct watch_port *port = ports; port && health; port = port->next)
        look_at_certificate(watch, port);
}

void watch_look_end(struct watch *watch)
{
    free(watch->functions);
    watch->functions = NULL;
    if (watch->has_tree)
        pcie_access_close(&watch->tree);
    watch->has_tree = false;
}
