/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watch's thread and what others ask of it. What it looks at is in watch_look.c. */
#include "tools/ide-kmd/watch.h"

#include <czmq.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "tools/ide-kmd/watch_look.h"

static uint64_t now_ms(void)
{
    return (uint64_t)zclock_mono();
}

/* ---- news ---------------------------------------------------------------- */

void watch_wake(struct watch *watch)
{
    const uint64_t one = 1;
    if (write(watch->fd, &one, sizeof one) != sizeof one)
        return; /* the counter is full: whoever reads it is told already */
}

void watch_tell(struct watch *watch, const struct watch_news *news)
{
    struct watch_news *copy = malloc(sizeof *copy);
    if (!copy)
        return;
    *copy = *news;
    copy->next = NULL;
    pthread_mutex_lock(&watch->lock);
    *watch->last_news = copy;
    watch->last_news = &copy->next;
    pthread_mutex_unlock(&watch->lock);
    watch_wake(watch);
}

struct watch_news *watch_take(struct watch *watch)
{
    uint64_t count;
    pthread_mutex_lock(&watch->lock);
    struct watch_news *news = watch->news;
    if (news)
        watch->news = news->next;
    if (!watch->news)
        watch->last_news = &watch->news;
    if (!watch->news && read(watch->fd, &count, sizeof count) != sizeof count)
        count = 0; /* it was read before */
    pthread_mutex_unlock(&watch->lock);
    return news;
}

int watch_fd(const struct watch *watch)
{
    return watch->fd;
}

void watch_known(struct watch *watch, uint64_t digest)
{
    atomic_store(&watch->known, digest);
}

uint64_t watch_generation(const struct watch *watch)
{
    return atomic_load(&watch->generation);
}

/* ---- what is watched ----------------------------------------------------- */

static struct watch_port *find_port(struct watch *watch, const struct pcie_bdf *bdf)
{
    for (struct watch_port *port = watch->ports; port; port = port->next)
        if (pcie_bdf_compare(&port->bdf, bdf) == 0)
            return port;
    return NULL;
}

/* Lock held. */
static struct watch_port *need_port(struct watch *watch, const struct pcie_bdf *bdf,
                                    const struct pcie_bdf *root_port, pthread_mutex_t *gate)
{
    struct watch_port *port = find_port(watch, bdf);
    if (!port) {
        port = calloc(1, sizeof *port);
        if (!port)
            return NULL;
        port->bdf = *bdf;
        port->root_port = *root_port;
        port->gate = gate;
        port->health_ms = now_ms();
        port->read.fd = -1;
        port->next = watch->ports;
        watch->ports = port;
    }
    port->users++;
    return port;
}

uint64_t watch_add(struct watch *watch, const struct stream *stream, const struct watch_gates *gates)
{
    struct watched *w = calloc(1, sizeof *w);
    if (!w)
        return 0;
    *w = (struct watched){.id = stream->id, .ends = stream->ends, .active_links = stream->active_links};
    pthread_mutex_lock(&watch->lock);
    bool complete = true;
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        w->block[end] = stream->block[end];
        w->port[end] = need_port(watch, &stream->ends.bdf[end], &stream->ends.top, gates->end[end]);
        complete = complete && w->port[end];
        w->not_after[end] = stream->provider[end].not_after;
        w->by_mailbox[end] = stream->provider[end].secured_version != 0 && !stream->ends.served[end];
    }
    w->serial = complete ? ++watch->serial : 0;
    atomic_store(&w->forgotten, !complete);
    w->next = watch->streams;
    watch->streams = w;
    atomic_fetch_add(&watch->changes, 1);
    uint64_t serial = w->serial;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    return serial;
}

uint64_t watch_add_cxl(struct watch *watch, const struct cxl_link *link, pthread_mutex_t *gate)
{
    struct watched_cxl *w = calloc(1, sizeof *w);
    if (!w)
        return 0;
    *w = (struct watched_cxl){.ends = link->ends, .mode = link->mode, .gate = gate};
    w->link.was_active = link->was_active;
    pthread_mutex_lock(&watch->lock);
    uint64_t serial = w->serial = ++watch->serial;
    w->next_ms = now_ms();
    w->next = watch->links;
    watch->links = w;
    pthread_mutex_unlock(&watch->lock);
    return serial;
}

void watch_forget(struct watch *watch, uint64_t serial)
{
    pthread_mutex_lock(&watch->lock);
    for (struct watched *w = watch->streams; w; w = w->next)
        if (w->serial == serial)
            atomic_store(&w->forgotten, true);
    for (struct watched_cxl *w = watch->links; w; w = w->next)
        if (w->serial == serial)
            atomic_store(&w->forgotten, true);
    atomic_fetch_add(&watch->changes, 1);
    pthread_mutex_unlock(&watch->lock);
}

static void hold(atomic_uint *held, bool on)
{
    if (on)
        atomic_fetch_add(held, 1);
    else if (atomic_load(held) > 0)
        atomic_fetch_sub(held, 1);
}

void watch_hold(struct watch *watch, const struct stream_ends *ends, bool on)
{
    pthread_mutex_lock(&watch->lock);
    for (struct watch_port *port = watch->ports; port; port = port->next)
        if (stream_cuts_off(ends, &port->bdf))
            hold(&port->held, on);
    for (struct watched_cxl *w = watch->links; w; w = w->next)
        if (stream_cuts_off(ends, &w->ends.bdf[END_ENDPOINT]))
            hold(&w->held, on);
    pthread_mutex_unlock(&watch->lock);
}

void watch_session_lost(struct watch *watch, const struct pcie_bdf *port, const struct ide_fault *fault)
{
    struct watch_news news = {
        .kind = WATCH_NEWS_SESSION, .device = *port, .state = "lost", .cause = ide_err_name(fault->err)};
    ide_fault_text(fault, news.text, sizeof news.text);
    pthread_mutex_lock(&watch->lock);
    for (struct watched *w = watch->streams; w; w = w->next)
        for (enum stream_end end = 0; end < END_COUNT; end++)
            if (pcie_bdf_compare(stream_mailbox(&w->ends, end), port) == 0)
                atomic_store(&w->session_lost[end], (int)fault->err);
    for (struct watched_cxl *w = watch->links; w; w = w->next)
        for (enum stream_end end = 0; end < END_COUNT; end++)
            if (pcie_bdf_compare(&w->ends.bdf[end], port) == 0)
                atomic_store(&w->session_lost[end], (int)fault->err);
    pthread_mutex_unlock(&watch->lock);
    watch_tell(watch, &news);
}

/* ---- the thread ---------------------------------------------------------- */

static void drop_port(struct watch *watch, struct watch_port *port)
{
    struct watch_port **at = &watch->ports;
    if (!port || --port->users > 0)
        return;
    while (*at != port)
        at = &(*at)->next;
    *at = port->next;
    watch_port_close(port);
    free(port);
}

static void drop_forgotten_links(struct watch *watch)
{
    struct watched_cxl **at = &watch->links;
    while (*at) {
        struct watched_cxl *w = *at;
        if (atomic_load(&w->forgotten)) {
            *at = w->next;
            free(w);
        } else {
            at = &w->next;
        }
    }
}

/* Lock held, or nobody else there: others go through the lists. */
static void drop_forgotten(struct watch *watch)
{
    struct watched **at = &watch->streams;
    if (watch->dropped == atomic_load(&watch->changes))
        return;
    watch->dropped = atomic_load(&watch->changes);
    while (*at) {
        struct watched *w = *at;
        if (!atomic_load(&w->forgotten)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        for (enum stream_end end = 0; end < END_COUNT; end++)
            drop_port(watch, w->port[end]);
        free(w);
    }
    drop_forgotten_links(watch);
}

static struct timespec in_ms(uint64_t ms)
{
    return (struct timespec){.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
}

/* How long nothing has to be looked at: without streams only what comes and goes. */
static uint64_t pause_ms(const struct watch *watch)
{
    if (watch->settings.interval_ms == 0)
        return WATCH_SLOW_MS;
    if (watch->streams) /* half of the ends at each look */
        return (watch->settings.interval_ms + 1) / 2;
    return watch->links ? watch->settings.interval_ms : WATCH_SLOW_MS;
}

/* Lock held. Waits until the next look is due; a first stream is looked at at once. Gives the time of that
 * look. */
static uint64_t await_next(struct watch *watch, uint64_t last)
{
    bool idle = !watch->streams;
    uint64_t now = now_ms(), due = last + pause_ms(watch);
    uint64_t next = due > now ? due : now + 1; /* a look that took long is not made up for */
    struct timespec until = in_ms(next);
    while (!watch->ending && !(idle && watch->streams) && now < next) {
        pthread_cond_timedwait(&watch->changed, &watch->lock, &until);
        now = now_ms();
    }
    return now < next ? now : next;
}

static void *run(void *argument)
{
    struct watch *watch = argument;
    uint64_t time = now_ms();
    pthread_mutex_lock(&watch->lock);
    while (!watch->ending) {
        drop_forgotten(watch);
        struct watched *streams = watch->streams;
        struct watch_port *ports = watch->ports;
        struct watched_cxl *links = watch->links;
        pthread_mutex_unlock(&watch->lock);
        watch_look(watch, streams, ports, now_ms());
        watch_look_at_links(watch, links, now_ms());
        pthread_mutex_lock(&watch->lock);
        time = await_next(watch, time);
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static void init(struct watch *watch, const struct watch_settings *settings)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&watch->lock, NULL);
    pthread_cond_init(&watch->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    watch->settings = *settings;
    watch->last_news = &watch->news;
    watch->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch_batch_open(&watch->batch);
}

struct watch *watch_open(const struct watch_settings *settings)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    init(watch, settings);
    if (watch->fd >= 0)
        return watch;
    watch_close(watch);
    return NULL;
}

bool watch_start(struct watch *watch)
{
    watch->is_running = pthread_create(&watch->thread, NULL, run, watch) == 0;
    return watch->is_running;
}

void watch_stop(struct watch *watch)
{
    if (!watch || !watch->is_running)
        return;
    pthread_mutex_lock(&watch->lock);
    watch->ending = true;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    watch->is_running = false;
}

void watch_close(struct watch *watch)
{
    if (!watch)
        return;
    watch_stop(watch);
    for (struct watched *w = watch->streams; w; w = w->next)
        atomic_store(&w->forgotten, true);
    for (struct watched_cxl *w = watch->links; w; w = w->next)
        atomic_store(&w->forgotten, true);
    atomic_fetch_add(&watch->changes, 1);
    drop_forgotten(watch);
    watch_look_end(watch);
    watch_batch_close(&watch->batch);
    for (struct watch_news *news = watch->news; news;) {
        struct watch_news *next = news->next;
        free(news);
        news = next;
    }
    if (watch->fd >= 0)
        close(watch->fd);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
    free(watch);
}
