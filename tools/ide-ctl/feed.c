/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/feed.h"

#include "tools/ide-ctl/print.h"

#include <errno.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define ASK_MS 10000u /* looks take no time; more than that is no answer */

uint64_t feed_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool add_input(struct feed *feed, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};
    event.data.fd = fd;
    return epoll_ctl(feed->wait, EPOLL_CTL_ADD, fd, &event) == 0;
}

static enum ide_client_status open_events(struct feed *feed)
{
    enum ide_client_status status = ctl_connect(feed->ctl, &feed->events);
    return status == IDE_CLIENT_OK ? ide_client_resume(feed->events, ASK_MS, NULL, 0) : status;
}

enum ide_client_status feed_open(struct feed *feed, const struct ctl *ctl)
{
    *feed = (struct feed){.ctl = ctl, .wait = -1, .input = -1};
    if (!signals_open(&feed->signals, true))
        return IDE_CLIENT_MEMORY;
    feed->wait = epoll_create1(EPOLL_CLOEXEC);
    if (feed->wait < 0 || !add_input(feed, feed->signals.fd))
        return IDE_CLIENT_MEMORY;
    return open_events(feed);
}

void feed_close(struct feed *feed)
{
    ide_client_close(feed->events);
    if (feed->wait >= 0)
        close(feed->wait);
    signals_close(&feed->signals);
}

/* A connection each, because only a new one tells whether there still is a controller. */
enum ide_client_status feed_ask(struct feed *feed, json_t *request, json_t **reply)
{
    struct ctl brief = *feed->ctl;
    brief.timeout_ms = ASK_MS;
    return ctl_ask(&brief, request, reply);
}

static enum feed_what take_signal(struct feed *feed)
{
    feed->signal = signals_take(&feed->signals);
    return feed->signal ? FEED_SIGNAL : FEED_BROKEN;
}

/* The signal comes first: it may be that the user has had enough. */
static enum feed_what take_input(struct feed *feed)
{
    struct epoll_event event[2];
    int n = epoll_wait(feed->wait, event, 2, 0);
    for (int i = 0; i < n; i++)
        if (event[i].data.fd == feed->signals.fd)
            return take_signal(feed);
    return n > 0 ? FEED_INPUT : FEED_BROKEN;
}

static enum feed_what begin_anew(struct feed *feed, json_t **event)
{
    if (ide_client_resume(feed->events, ASK_MS, NULL, 0) != IDE_CLIENT_OK)
        return FEED_BROKEN;
    *event = json_pack("{s:s}", "event", "hello");
    return FEED_EVENT;
}

enum feed_what feed_next(struct feed *feed, long timeout_ms, int input, json_t **event)
{
    if (input >= 0 && input != feed->input && !add_input(feed, input) &&
        errno != EPERM) /* a file, as /dev/null */
        return FEED_BROKEN;
    feed->input = input;
    for (;;) {
        ide_client_watch_fd(feed->events, feed->wait);
        enum ide_client_status status = ide_client_next_event(
            feed->events, timeout_ms < 0 ? IDE_CLIENT_FOREVER : (uint32_t)timeout_ms, event);
        ide_client_watch_fd(feed->events, -1);
        if (status == IDE_CLIENT_INTERRUPTED)
            continue;
        if (status == IDE_CLIENT_INPUT)
            return take_input(feed);
        if (status == IDE_CLIENT_LOST)
            return begin_anew(feed, event);
        if (status == IDE_CLIENT_TIMEOUT)
            return FEED_TIME;
        if (status != IDE_CLIENT_OK)
            return FEED_BROKEN;
        if (!feed->ctl->json)
            make_printable(*event);
        return FEED_EVENT;
    }
}
