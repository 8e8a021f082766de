/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-ctl/feed.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#define ASK_MS 10000u /* looks take no time; more than that is no answer */

uint64_t feed_now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static sigset_t wanted_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGWINCH);
    return set;
}

/* Blocked before libzmq starts its threads, so that no signal gets lost in one of them. */
enum client_result feed_open(struct feed *feed, const struct ctl *ctl)
{
    sigset_t set = wanted_signals();
    *feed = (struct feed){.ctl = ctl, .signals = -1};
    sigprocmask(SIG_BLOCK, &set, NULL);
    feed->signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (feed->signals < 0)
        return CLIENT_BROKEN;
    return client_open_events(&feed->events, ctl->endpoint);
}

void feed_close(struct feed *feed)
{
    sigset_t set = wanted_signals();
    client_close(&feed->events);
    if (feed->signals >= 0)
        close(feed->signals);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* A connection each, because only a new one tells whether there still is a controller. */
enum client_result feed_ask(struct feed *feed, json_t *request, json_t **reply)
{
    struct client client;
    enum client_result result = client_open(&client, feed->ctl->endpoint, false);
    if (result == CLIENT_OK)
        result = client_call(&client, request, ASK_MS, NULL, reply);
    else
        json_decref(request);
    client_close(&client);
    return result;
}

static enum feed_what take_signal(struct feed *feed)
{
    struct signalfd_siginfo info = {0};
    if (read(feed->signals, &info, sizeof info) != sizeof info)
        return FEED_BROKEN;
    feed->signal = (int)info.ssi_signo;
    return FEED_SIGNAL;
}

enum feed_what feed_next(struct feed *feed, long timeout_ms, int input, json_t **event)
{
    zmq_pollitem_t items[] = {{.fd = feed->signals, .events = ZMQ_POLLIN},
                              {.socket = feed->events.events, .events = ZMQ_POLLIN},
                              {.fd = input, .events = ZMQ_POLLIN}};
    int ready;
    do
        ready = zmq_poll(items, input < 0 ? 2 : 3, timeout_ms);
    while (ready < 0 && errno == EINTR);
    if (ready < 0)
        return FEED_BROKEN;
    if (items[0].revents)
        return take_signal(feed);
    if (input >= 0 && items[2].revents)
        return FEED_INPUT;
    if (!items[1].revents)
        return FEED_TIME;
    *event = client_next_event(&feed->events);
    return *event ? FEED_EVENT : FEED_BROKEN;
}
