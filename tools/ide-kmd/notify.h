/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What systemd is told (sd_notify(3)); without $NOTIFY_SOCKET nothing happens. */
#ifndef IDE_KMD_NOTIFY_H
#define IDE_KMD_NOTIFY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct controller;

struct notify {
    uint64_t watchdog_ms; /* a sign of life is expected that often; 0: none is */
    bool told;            /* that a worker is stuck has been said */
    char status[96];      /* as told last */
};

/* In controller_run(): the timer of the watchdog. */
void notify_start(struct controller *c);

void notify_ready(struct controller *c);
void notify_reloading(void);
void notify_stopping(void);

/* Listens to announce(): how many streams there are. */
void notify_take_event(struct controller *c, const json_t *event);

#endif
