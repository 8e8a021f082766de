/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A keeper with a controller that does nothing by itself, and a clock that the test turns. Streams are known
 * by their endpoint's bus: stream 1 is that between 0000:00:01.0 and 0000:01:00.0.
 */
#ifndef TESTS_KEEPER_RIG_H
#define TESTS_KEEPER_RIG_H

#include "check.h"
#include "tools/ide-kmd/keeper.h"

extern struct keeper keeper;
extern uint64_t now;
extern char asked[4096];          /* what it has asked for, in order: "establish 1; stop 1; " */
extern bool begins;               /* operations can be begun */
extern struct refresh_use use[8]; /* by stream */

#define GONE ((enum keeper_state) - 1)

#define CHECK_STATE(bus, wanted)                                                                             \
    do {                                                                                                     \
        enum keeper_state check_got = state_of(bus);                                                         \
        if (check_got != (wanted))                                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__,                                               \
                    check_got == GONE ? "gone" : keeper_state_name(check_got));                              \
        CU_ASSERT_EQUAL(check_got, wanted);                                                                  \
    } while (0)

/* And forgets it. */
#define CHECK_ASKED(wanted)                                                                                  \
    do {                                                                                                     \
        if (strcmp(asked, wanted) != 0)                                                                      \
            fprintf(stderr, "%s:%d: asked \"%s\"\n", __FILE__, __LINE__, asked);                             \
        CU_ASSERT_STRING_EQUAL(asked, wanted);                                                               \
        asked[0] = '\0';                                                                                     \
    } while (0)

/* An empty keeper. */
void start(void);
/* One whose stream 1 is wanted with the policy (NULL: the default), and up. */
void start_up(const struct policy *policy);
void start_up_refreshing(uint64_t every_ms);
void start_up_failing(enum policy_action on_failure);

struct keeper_want want_of(uint8_t bus);
/* GONE if it has none. */
enum keeper_state state_of(uint8_t bus);

/* The configuration wants these. */
void plan(const struct keeper_want *wants, size_t count, bool renew);

/* Lets the time pass, and the keeper do what is due until then, each at its time. */
void pass(uint64_t ms);

/* What it asked for has ended; */
void ended(uint8_t bus, enum keeper_operation operation, bool ok, bool is_up, const char *cause);
void establish_ok(uint8_t bus);
void establish_failed(uint8_t bus);
void stop_ok(uint8_t bus);
/* an operation of somebody else has. */
void client(uint8_t bus, enum keeper_operation operation, bool ok, bool is_up);

/* The stream falls, and the keeper does what is to be done at once; */
void fall(uint8_t bus, const char *cause);
/* it has been turned off, too. */
void fall_and_stop(uint8_t bus, const char *cause);

#endif
