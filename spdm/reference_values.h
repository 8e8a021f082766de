/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measurements against what the user expects them to be. The values are the
 * user's; a record comes from spdm_get_measurements().
 */
#ifndef SPDM_REFERENCE_VALUES_H
#define SPDM_REFERENCE_VALUES_H

#include "spdm/measurements.h"

/* One value of one measurement. Several of one index: any of them is right. */
struct reference_value {
    uint8_t index;          /* 1 to SPDM_MEASUREMENT_INDEX_MAX */
    bool tcb;               /* the device counts it to its TCB: for reference_summary_check() */
    uint16_t len;
    const uint8_t *value;   /* digest or raw bit stream, as the device reports it */
};

struct reference_values {
    const struct reference_value *list;
    size_t count;
    bool complete;          /* what is measured besides is refused */
};

/*
 * Every reference value must be met by a block of the record, in constant time for one value. IDE_E_MEASUREMENT, with
 * the index in fault->measurement, at DMTFSpecMeasurementValue if it differs, at MeasurementBlock if there is none, at
 * Index if it has no reference and the values are complete. IDE_E_ARGUMENT without any value: nothing would be compared.
 */
enum ide_err reference_values_check(const struct reference_values *values, const struct spdm_params *p,
                                    const uint8_t *record, size_t len, struct ide_fault *fault) MUST_USE;

/*
 * Whether the summary that c got in CHALLENGE_AUTH or KEY_EXCHANGE_RSP is that of the record, which must hold all
 * measurements, not asked to be raw. The TCB's are those that values says; NULL is enough for a summary of all.
 * IDE_E_MEASUREMENT at MeasurementSummaryHash if it is another, IDE_E_STATE if there is none.
 */
enum ide_err reference_summary_check(struct spdm_connection *c, const struct reference_values *values,
                                     const uint8_t *record, size_t len) MUST_USE;

#endif
