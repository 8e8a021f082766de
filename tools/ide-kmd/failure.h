/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a client is told when something did not work: which step, on which device, what it answered, what to
 * do. */
#ifndef IDE_KMD_FAILURE_H
#define IDE_KMD_FAILURE_H

#include <jansson.h>

#include "root_port/pcie_bdf.h"
#include "spdm/error.h"

#define FAILURE_MESSAGE_MAX 320u

/* Two values of a measurement that differ: their first bytes, and how long they are. */
struct measurement_value {
    uint16_t len;
    uint8_t bytes[64];
};
#define MISMATCH_EXPECTED_MAX 4u
struct measurement_mismatch {
    uint8_t index;                /* 0: there is none */
    struct measurement_value got; /* len 0: nothing came */
    struct measurement_value expected[MISMATCH_EXPECTED_MAX];
    size_t expected_count;
};

struct failure {
    enum ide_err err;
    const char *step; /* "authenticate", "request"; static */
    bool has_device;
    struct pcie_bdf device;
    struct ide_fault fault;            /* the device's answer; fault.err is err if it is set */
    struct measurement_mismatch mismatch;
    char field[64];                    /* as in fault, or a member of a request; empty if none */
    char message[FAILURE_MESSAGE_MAX]; /* one line for people, without step and device */
};

/* Each fills *f anew and returns err. The message is printf's. */
enum ide_err failure_set(struct failure *f, enum ide_err err, const char *step, const char *field,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
enum ide_err failure_device(struct failure *f, enum ide_err err, const char *step,
                            const struct pcie_bdf *device, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* From what a layer below left in its fault. device may be NULL. */
enum ide_err failure_fault(struct failure *f, const char *step, const struct pcie_bdf *device,
                           const struct ide_fault *fault);

/* What the user can do about it; never NULL, may be empty. */
const char *failure_hint(const struct failure *f);

/* The "error" object of docs/api.md; NULL only if there is no memory. */
json_t *failure_json(const struct failure *f);

#endif
