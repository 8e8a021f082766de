/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the protocol layers need from outside, as small ops structs that the caller fills.
 * The layers do no I/O, no allocation and no logging of their own.
 */
#ifndef SPDM_TRANSPORT_H
#define SPDM_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "spdm/error.h"

/* A DOE data object is at most 2^18 dwords (PCIe 6.x §6.30.1). */
#define DOE_OBJECT_MAX ((size_t)1 << 20)

/*
 * Sends one DOE data object (header included, a whole number of dwords) and
 * receives the one that answers it.
 *
 *   request, request_len   the object, its length in bytes
 *   response, response_cap where the answer goes; *response_len says how long it is in bytes (whole dwords)
 *   timeout_ms             the most that the whole exchange may take
 *   fault                  filled on failure
 *
 * Errors: IDE_E_TIMEOUT, IDE_E_IO, IDE_E_CANCELLED, IDE_E_DOE_*, IDE_E_SPACE if the answer does not fit.
 */
struct doe_transport {
    enum ide_err (*exchange)(void *context, const uint8_t *request, size_t request_len, uint8_t *response,
                             size_t response_cap, size_t *response_len, uint32_t timeout_ms,
                             struct ide_fault *fault);
    void *context;
};

/* Fills n bytes with random numbers fit for keys. Failure ends what is being done: never a fallback. */
struct rng {
    enum ide_err (*random)(void *context, uint8_t *out, size_t n);
    void *context;
};

/* Time, so that tests can make it. */
struct clock {
    uint64_t (*monotonic_ms)(void *context);
    int64_t (*unix_seconds)(void *context);         /* for certificate validity */
    void (*sleep_ms)(void *context, uint32_t ms);   /* between retries of a busy peer */
    void *context;
};

#endif
