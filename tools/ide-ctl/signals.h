/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Signals as something to read, so that none gets lost between a look and a wait. */
#ifndef IDE_CTL_SIGNALS_H
#define IDE_CTL_SIGNALS_H

#include <stdbool.h>

struct signals {
    int fd; /* a signalfd of SIGINT, SIGTERM and SIGWINCH, which are blocked while it is open; -1: none */
};

/* Before libzmq starts its threads, so that no signal gets lost in one of them. wanted false: nothing is
 * changed. */
bool signals_open(struct signals *signals, bool wanted);
void signals_close(struct signals *signals);
/* The number of the one that came; 0: none. */
int signals_take(struct signals *signals);

#endif
