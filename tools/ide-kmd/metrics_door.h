/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small HTTP server for one page, bounded against whoever connects: so many connections, so long each. */
#ifndef IDE_KMD_METRICS_DOOR_H
#define IDE_KMD_METRICS_DOOR_H

#include "tools/ide-kmd/failure.h"

#define METRICS_DOOR_CONNECTIONS 16u
#define METRICS_DOOR_SECONDS     10u /* a connection may last, whatever it does */

struct metrics_door;

/* The page, to be freed with free(); NULL without memory. Called in the server's thread. */
typedef char *(*metrics_page)(void *context, size_t *len);

enum ide_err metrics_door_open(struct metrics_door **out, const char *where, metrics_page page, void *context,
                               struct failure *failure) MUST_USE;
void metrics_door_close(struct metrics_door *door);

/* What metrics_door_open() would say of the place without making it; with places also whether this process
 * could, as far as can be seen: that somebody else has the port is not. */
enum ide_err metrics_door_check(const char *where, bool places, struct failure *failure) MUST_USE;

/* Once a second: ends connections that have lasted too long. */
void metrics_door_tick(struct metrics_door *door);

#endif
