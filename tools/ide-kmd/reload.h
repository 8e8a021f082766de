/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * SIGHUP: the configuration is read again. What it says counts for whatever begins from then on; streams that
 * are up are touched only if the configuration wants them otherwise. A configuration that is wrong changes
 * nothing.
 *
 * Settings, and what is made of them, come in generations, because a session that began with one goes on with
 * it: a generation lives as long as any worker's port is open with it. The first is the controller's own.
 */
#ifndef IDE_KMD_RELOAD_H
#define IDE_KMD_RELOAD_H

#include <stdbool.h>

struct controller;
struct controller_settings;
struct agent_settings;
struct generation;

struct reload {
    /* Reads command line and file as they are now into *settings, which are released in any case; says what
     * is wrong. */
    bool (*read)(void *context, struct controller_settings *settings);
    void *context;
    struct generation *first;           /* but for the controller's own; the newest first */
    const struct agent_settings *agent; /* of the newest */
};

/* In controller_open(), once there are agent settings. */
void reload_open(struct controller *c);
void reload_close(struct controller *c);

void reload_run(struct controller *c);

#endif
