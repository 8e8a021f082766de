/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a device shows of itself beyond its identity: its certificates, and what
 * it measures, held against the operator's reference values.
 */
#ifndef IDE_KMD_ATTESTATION_H
#define IDE_KMD_ATTESTATION_H

#include <jansson.h>

#include "root_port/spdm_port.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/reference_store.h"

/* What is asked of it. */
struct attestation {
    struct reference_store references;
    bool is_required; /* of establish: no stream without reference values that are met */
    bool is_explicit; /* the rest was asked for: a device that cannot do it is an error */
    bool is_unsigned; /* else signed, if the device can */
    bool raw, in_session, mel, ide_km;
    uint8_t index; /* 0: all */
};

/*
 * Of a port whose identity is proved: "chain", "measurements" and "mel" and "ide_km" of docs/api.md, a new object, which
 * is the caller's. in_use: streams live on the port's keys. On IDE_E_MEASUREMENT *mismatch says what came and
 * what was wanted. Errors: those of spdm_port_measure() and reference_values_check(); IDE_E_MEMORY.
 */
enum ide_err attestation_collect(const struct attestation *a, struct spdm_port *port,
                                 const struct pcie_bdf *bdf, bool in_use, json_t **evidence,
                                 struct measurement_mismatch *mismatch, struct ide_fault *fault) MUST_USE;

/*
 * Of a port with a session: all that it measures, signed if it can, against the reference values.
 * IDE_E_NO_REFERENCE if there are none for it.
 */
enum ide_err attestation_require(const struct attestation *a, struct spdm_port *port,
                                 const struct pcie_bdf *bdf, struct measurement_mismatch *mismatch,
                                 struct ide_fault *fault) MUST_USE;

#endif
