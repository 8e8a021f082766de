/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/notify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/log.h"

#define STOP_MORE_US 30000000u /* an operation that ends on the way out shows that the way is not blocked */

/* ---- the status ---------------------------------------------------------- */

static void count(const struct controller *c, unsigned *up, unsigned *others)
{
    *up = *others = 0;
    for (const struct stream *s = c->streams.first; s; s = s->next) {
        *up += s->state == STREAM_UP;
        *others += s->state == STREAM_STARTING || s->state == STREAM_HALF_OFF;
    }
}

static void tell_status(struct controller *c)
{
    char text[sizeof c->notify.status];
    unsigned up, others;
    count(c, &up, &others);
    snprintf(text, sizeof text, "%u streams up, %u starting or half off", up, others);
    if (strcmp(text, c->notify.status) == 0)
        return;
    memcpy(c->notify.status, text, sizeof text);
    sd_notifyf(0, "STATUS=%s", text);
}

void notify_take_event(struct controller *c, const json_t *event)
{
    const char *kind = json_string_value(json_object_get(event, "event"));
    if (!kind || strcmp(kind, "step") == 0)
        return;
    tell_status(c);
    if (c->closing)
        sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%u", STOP_MORE_US);
}

/* ---- the watchdog -------------------------------------------------------- */

/* A worker that has a job and has not looked at the clock for so long hangs: each wait for a device does so
 * every millisecond, however slow the device is; but one that shares a mailbox may wait for another's answer.
 */
static const struct worker *stuck_worker(const struct controller *c)
{
    for (const struct worker *w = c->workers.first; w; w = w->next)
        if (w->busy && agent_silent_ms(&w->agent) > c->notify.watchdog_ms + c->settings->timeout_ms)
            return w;
    return NULL;
}

/* Half as long as systemd waits: one that comes late is still in time. That the loop calls this shows that it
 * runs; the workers have to show it too. */
static int on_watchdog(zloop_t *loop, int timer, void *argument)
{
    struct controller *c = argument;
    const struct worker *stuck = stuck_worker(c);
    char bdf[PCIE_BDF_TEXT];
    (void)loop;
    (void)timer;
    if (!stuck)
        sd_notify(0, "WATCHDOG=1");
    else if (!c->notify.told)
        log_say(LOG_ERR, LOG_STUCK,
                "the thread of %s hangs: systemd's watchdog gets no sign of life until it goes on",
                pcie_bdf_format(&stuck->bdf, bdf));
    c->notify.told = stuck != NULL;
    return 0;
}

void notify_start(struct controller *c)
{
    uint64_t us = 0;
    if (sd_watchdog_enabled(0, &us) <= 0)
        return;
    c->notify.watchdog_ms = us / 1000;
    size_t every = c->notify.watchdog_ms >= 2 ? c->notify.watchdog_ms / 2 : 1;
    if (zloop_timer(c->loop, every, 0, on_watchdog, c) == -1)
        log_say(LOG_ERR, LOG_PLAIN, "out of memory: systemd's watchdog gets no sign of life");
}

/* ---- the life of the service --------------------------------------------- */

void notify_ready(struct controller *c)
{
    tell_status(c);
    sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
               (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
