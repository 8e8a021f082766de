/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client of an external responder over the socket protocol of spdm_socket.h. */
#ifndef IDE_EMU_BRIDGE_H
#define IDE_EMU_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bridge;

/* host may be a name or an address; nothing is connected yet. NULL if there is no memory. */
struct bridge *bridge_new(const char *host, const char *port);
void bridge_free(struct bridge *b);

/*
 * Sends one data object and brings its answer, connecting first if need be. A failure closes the connection, so that a
 * late answer meets nobody, and the next call connects again; then why is a static string. One caller at a time.
 */
bool bridge_exchange(struct bridge *b, const uint8_t *request, size_t len, uint8_t *response, size_t cap,
                     size_t *response_len, const char **why);

#endif
