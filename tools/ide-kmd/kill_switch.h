/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what a kill leaves behind: with IDE_KMD_KILL=OPERATION:N in the environment the program kills
 * itself, as kill -9 does, at the Nth point that it passes once the first such operation of a client has
 * begun. With IDE_KMD_STOP=OPERATION:N, whoever asked for the operation, it stops there (SIGSTOP) until it
 * gets SIGCONT, so that something may happen to the platform in the middle of a step. N may be a point's
 * name. OPERATION may also be "recovery", what a start does about what an earlier run has left, or "restore",
 * the first operation that brings some of it back. If the operation ends first, the log says how many points
 * it had.
 *
 * IDE_KMD_STOP=/FILE is for many points in one run: the file, of KILL_SWITCH_FILE bytes, is mapped, and the
 * next operation that is as it says, as above and with a newline, is the one; it is emptied then, and may be
 * written again. Without them a point is one comparison. docs/testing.md
 */
#ifndef IDE_KMD_KILL_SWITCH_H
#define IDE_KMD_KILL_SWITCH_H

#include <stdbool.h>

#define KILL_SWITCH_FILE 64

/* Reads the environment. Before any thread is started. */
void kill_switch_open(void);

/* The operation begins: if it is the one, points count from here; until it ends. Not twice. */
void kill_switch_begins(const char *operation, bool is_asked_for);
void kill_switch_ends(const char *operation);

/* One point. name says to the log what it was. */
void kill_point(const char *name);

#endif
