/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A requester and a device whose memory and stack are searched for every secret that was made: for tests of their end. */
#ifndef TESTS_WIPE_RIG_H
#define TESTS_WIPE_RIG_H

#include "loopback.h"

extern struct loopback l;
extern enum ide_err result;   /* of a scenario, which runs in another thread */

/* Both sides anew, nothing negotiated, no secret known. */
void begin(void);
/* The scenario on a stack of its own, and what must come of it. */
void run(void (*scenario)(void), enum ide_err expected);
/* begin(), run(), and nothing may be left anywhere. */
void check_scenario(const char *title, void (*scenario)(void), enum ide_err expected);

/* Nothing is left: on the stack and at the requester, or at the device too. What a live session needs it may have. */
void check_gone_from_requester(const char *title);
void check_gone(const char *title);
void check_only_in_use(const char *title);
size_t find_at_device(const char *title);

/* Parts of scenarios. */
enum ide_err use(void);
void open_session(void);
void end_session(void);
void reset_device(void);

/* A hook that loses what goes by in the exchange with the number fail_at. */
extern unsigned fail_at;
loopback_hook lose;

#endif
