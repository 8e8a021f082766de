/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of what a kill leaves behind: with IDE_KMD_KILL=OPERATION:N in the environment the program kills
 * itself, as kill -9 does, at the Nth point that it passes once that operation of a client has begun. Without
 * it a point is one comparison. docs/testing.md
 */
#ifndef IDE_KMD_KILL_SWITCH_H
#define IDE_KMD_KILL_SWITCH_H

/* Reads the environment. Before any thread is started. */
void kill_switch_open(void);

/* The operation begins: if it is the one, points count from here; until it ends. Not twice. */
void kill_switch_begins(const char *operation);
void kill_switch_ends(const char *operation);

/* One point. name says to the log what it was. */
void kill_point(const char *name);

#endif
