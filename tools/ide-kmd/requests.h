/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a request from the socket to its verb: whether its client may ask, whether it asks too much, and
 * waiting while nobody may look at the platform. How its text is read is in request.h.
 */
#ifndef IDE_KMD_REQUESTS_H
#define IDE_KMD_REQUESTS_H

#include "tools/ide-kmd/controller.h"

/* Of zloop: requests have come. */
int requests_on_socket(zloop_t *loop, zsock_t *socket, void *argument);

/* Does those that waited, if the platform may be looked at now. */
void requests_handle_deferred(struct controller *c);

#endif
