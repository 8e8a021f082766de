/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/kill_switch.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ide-kmd/log.h"

#define OPERATION_CAP 32

static char operation[OPERATION_CAP]; /* empty: no test */
static bool stops;                    /* SIGSTOP instead of SIGKILL */
static const char *point;             /* by its name; NULL: by its number */
static long at;                       /* 0: it has begun */
static atomic_long left;              /* 0: not counting */

void kill_switch_open(void)
{
    const char *wish = getenv("IDE_KMD_KILL");
    stops = !wish;
    wish = wish ? wish : getenv("IDE_KMD_STOP");
    const char *colon = wish ? strchr(wish, ':') : NULL;
    if (!colon)
        return;
    snprintf(operation, sizeof operation, "%.*s", (int)(colon - wish), wish);
    char *end;
    at = strtol(colon + 1, &end, 10);
    if (*end) {
        point = colon + 1;
        at = 1;
    }
}

void kill_switch_begins(const char *name, bool is_asked_for)
{
    if ((is_asked_for || stops) && at > 0 && strcmp(name, operation) == 0) {
        atomic_store(&left, at);
        at = 0;
    }
}

void kill_switch_ends(const char *name)
{
    if (operation[0] != '\0' && strcmp(name, operation) == 0)
        atomic_store(&left, 0);
}

void kill_point(const char *name)
{
    if (atomic_load_explicit(&left, memory_order_relaxed) <= 0 || (point && strcmp(name, point) != 0) ||
        atomic_fetch_sub(&left, 1) != 1)
        return;
    if (stops) {
        log_say(LOG_WARNING, LOG_PLAIN, "stopped by IDE_KMD_STOP: %s", name);
        (void)raise(SIGSTOP); /* all threads; whoever asked for it sends SIGCONT */
        return;
    }
    log_say(LOG_WARNING, LOG_PLAIN, "killed by IDE_KMD_KILL: %s", name);
    if (kill(getpid(), SIGKILL) == 0)
        for (;;)
            pause();      /* another thread of this process may have to take the signal */
    _exit(128 + SIGKILL); /* the filter of system calls has no kill(); this is as sudden */
}
