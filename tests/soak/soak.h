/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Refreshes, faults, attacks and traffic on many streams at once, and what must hold of each all the while. */
#ifndef TESTS_SOAK_H
#define TESTS_SOAK_H

#include "kmd_rig.h"

/* What may happen to a stream's traffic at the moment. */
enum soak_mode {
    SOAK_CLEAN,   /* everything arrives, and both ends are Secure */
    SOAK_TROUBLE, /* accesses may fail and writes be lost, but no byte is another than one that was written */
};

struct soak_stream {
    struct rig_stream *rig;
    unsigned number;
    uint64_t random;
    pthread_mutex_t lock; /* guards mode and what traffic remembers: held for an exchange */
    enum soak_mode mode;
    uint64_t written;     /* the number of the last exchange */
    unsigned falls;       /* of both ends, when the stream was last made Secure */
    uint64_t errors;      /* in both ends' AER logs then */
    pthread_t controller, traffic;
};

/* What happened, for the result. */
struct soak_counts {
    atomic_ulong exchanges, failed_exchanges, refreshes, failed_calls, refusals, attacks, undetectable, unmet, resets,
        lost_sessions, cuts, restarts, violations;
};
extern struct soak_counts counts;
extern atomic_bool soak_ending;

/* Something that must never be. Says so on standard error. */
void violation(const struct soak_stream *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The traffic of one stream, until soak_ending. */
void *soak_traffic(void *stream);

/* From here on traffic must be clean; false, and nothing changed, if the stream is not Secure. */
bool soak_begin_clean(struct soak_stream *s);
void soak_begin_trouble(struct soak_stream *s);

#endif
