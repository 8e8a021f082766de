/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Figures for Prometheus at http://WHERE/metrics, if the operator wants them;
 * docs/operations.md lists them. Counted from what is published, in the main
 * thread; answered in a thread of libmicrohttpd's (metrics_door.c).
 */
#ifndef IDE_KMD_METRICS_H
#define IDE_KMD_METRICS_H

#include <jansson.h>

#include "tools/ide-kmd/failure.h"

struct controller;
struct job;
struct metrics;

/* where: "127.0.0.1:9468", "[::1]:9468" or a path; NULL: none, and *out is NULL, which all below take. */
enum ide_err metrics_open(struct metrics **out, const char *where, struct failure *failure) MUST_USE;
void metrics_close(struct metrics *metrics);

/* In controller_run(): what is looked at once a second. */
void metrics_start(struct controller *c);

/* Listens to announce(). */
void metrics_take_event(struct controller *c, const json_t *event);

/* A step of an operation opened a session with a port, or found it open. */
void metrics_take_session(struct metrics *metrics, const struct job *job);

/* Monotonic seconds. */
double metrics_clock(void);

/* A request was taken; verb NULL: it could not be read. */
void metrics_take_request(struct metrics *metrics, const char *verb, double seconds);

#endif
