/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/kill_switch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/ide-kmd/log.h"

static char wish[KILL_SWITCH_FILE]; /* OPERATION:N; empty: no test */
static char *file;                  /* where the next wish is, if one was named */
static bool stops;                  /* SIGSTOP instead of SIGKILL */
static const char *point;           /* by its name; NULL: by its number */
static long at;                     /* 0: it has begun */
static long counted;                /* what left began with */
static atomic_long left;            /* 0: not counting */

static char *map_file(const char *path)
{
    struct stat stat;
    void *mapped = MAP_FAILED;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fstat(fd, &stat) == 0 && stat.st_size == KILL_SWITCH_FILE)
        mapped = mmap(NULL, KILL_SWITCH_FILE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    return mapped == MAP_FAILED ? NULL : mapped;
}

static void take_wish(const char *text)
{
    snprintf(wish, sizeof wish, "%.*s", (int)strcspn(text, "\n"), text);
    char *colon = strchr(wish, ':'), *end;
    if (!colon) {
        wish[0] = '\0';
        return;
    }
    *colon = '\0';
    at = strtol(colon + 1, &end, 10);
    point = *end ? colon + 1 : NULL;
    at = point ? 1 : at;
}

/* One whose last byte, a newline, is there is whole. */
static void look_into_file(const char *name)
{
    char text[KILL_SWITCH_FILE] = "";
    size_t n = strlen(name);
    if (!file || atomic_load(&left) > 0)
        return;
    memcpy(text, file, sizeof text - 1);
    if (strncmp(text, name, n) != 0 || text[n] != ':' || !strchr(text, '\n'))
        return;
    memset(file, 0, KILL_SWITCH_FILE);
    take_wish(text);
}

void kill_switch_open(void)
{
    const char *text = getenv("IDE_KMD_KILL");
    stops = !text;
    text = text ? text : getenv("IDE_KMD_STOP");
    if (text && stops && text[0] == '/')
        file = map_file(text);
    else if (text)
        take_wish(text);
}

void kill_switch_begins(const char *name, bool is_asked_for)
{
    look_into_file(name);
    if ((is_asked_for || stops) && at > 0 && strcmp(name, wish) == 0) {
        counted = at;
        atomic_store(&left, at);
        at = 0;
    }
}

void kill_switch_ends(const char *name)
{
    if (wish[0] == '\0' || strcmp(name, wish) != 0)
        return;
    long remaining = atomic_exchange(&left, 0);
    if (remaining > 0 && !point)
        log_say(LOG_NOTICE, LOG_PLAIN, "%s: the %s had %ld points", stops ? "IDE_KMD_STOP" : "IDE_KMD_KILL",
                name, counted - remaining);
}

void kill_point(const char *name)
{
    if (atomic_load_explicit(&left, memory_order_acquire) <= 0 || (point && strcmp(name, point) != 0) ||
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
