/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A device that measures something of every form, and what it must report, made without the code under test. */
#ifndef TESTS_MEASURED_DEVICE_H
#define TESTS_MEASURED_DEVICE_H

#include "spdm/measurements.h"

#define MEASURED_COUNT 6u

/* With SHA-256 as the measurement hash. Its log has three entries, which extend measurement 0x11. */
extern const struct device_measurements measured_device;

/* Announces measurements: the configuration's flags, specification and hash. */
void measured_device_configure(struct spdm_config *config);

/* The block of the measurement at this place of the list, behind what stands in w. */
void measured_block(struct writer *w, size_t at, bool raw);

/* All of them; returns the length. */
size_t measured_record(uint8_t *record, size_t cap, bool raw);

#endif
