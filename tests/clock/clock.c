/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A machine whose clock is wrong: preloaded (LD_PRELOAD), time() is $CLOCK_BEHIND seconds behind. */
#include <stdlib.h>
#include <time.h>

time_t time(time_t *out)
{
    const char *behind = getenv("CLOCK_BEHIND");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time_t seconds = now.tv_sec - (behind ? (time_t)atoll(behind) : 0);
    if (out)
        *out = seconds;
    return seconds;
}
