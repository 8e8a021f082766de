/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For commands that follow what happens: events, questions meanwhile, signals and the keyboard, in one wait.
 * Whoever opens a feed, looks, and then takes events misses nothing. Where events are lost after all, since
 * the controller was started anew, there is an event "hello": it is time to look again.
 */
#ifndef IDE_CTL_FEED_H
#define IDE_CTL_FEED_H

#include "tools/ide-ctl/ctl.h"
#include "tools/ide-ctl/signals.h"

struct feed {
    const struct ctl *ctl;
    struct ide_client *events;
    int wait;  /* an epoll of what is waited for besides: the signals, and the keyboard of feed_next() */
    int input; /* in it; -1: none yet */
    struct signals signals;
    int signal; /* the one that came */
};

enum feed_what { FEED_EVENT, FEED_TIME, FEED_INPUT, FEED_SIGNAL, FEED_BROKEN };

/* From here on no event is missed. Close after a failure, too. */
enum ide_client_status feed_open(struct feed *feed, const struct ctl *ctl);
void feed_close(struct feed *feed);

/* Sends the request, which is taken away, and waits for the reply. *reply is the caller's. */
enum ide_client_status feed_ask(struct feed *feed, json_t *request, json_t **reply);

/*
 * What comes first: an event, which is the caller's, something to read at the descriptor input (-1: none), a
 * signal, or the end of timeout_ms (-1: never).
 */
enum feed_what feed_next(struct feed *feed, long timeout_ms, int input, json_t **event);

uint64_t feed_now_ms(void); /* monotonic */

#endif
