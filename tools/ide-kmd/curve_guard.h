/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands before the tcp sockets: CURVE with the controller's key pair, and the question, which libzmq
 * asks through ZAP (ZeroMQ RFC 27) when a client connects, whether its key is on the list.
 */
#ifndef IDE_KMD_CURVE_GUARD_H
#define IDE_KMD_CURVE_GUARD_H

#include <czmq.h>

#include "tools/ide-kmd/access.h"

#define CURVE_KEY_DEFAULT "/etc/ide-kmd/curve.key"

struct curve_guard {
    zsock_t *zap; /* where libzmq asks; NULL: there is no tcp */
    struct curve_keys keys;
};

/* Reads the controller's keys and begins to answer. Before a tcp socket is bound. */
enum ide_err curve_guard_open(struct curve_guard *guard, const char *key_file,
                              struct failure *failure) MUST_USE;

/* Whether there are such keys, and CURVE. */
enum ide_err curve_guard_check(const char *key_file, struct failure *failure) MUST_USE;

/* After the sockets that it guards. */
void curve_guard_close(struct curve_guard *guard);

/* Makes all that the socket is bound to from here on CURVE's. */
void curve_guard_socket(const struct curve_guard *guard, zsock_t *socket);

/* Once all sockets are bound: the secret key is libzmq's alone then. */
void curve_guard_forget(struct curve_guard *guard);

/* Takes one question and answers it by the list as it was read last. */
void curve_guard_answer(struct curve_guard *guard, struct access *access);

/* Closes all tcp connections at this port of ours, so that those clients that may come back do. */
void curve_guard_drop(uint16_t port);

#endif
