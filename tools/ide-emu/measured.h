/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the emulated devices measure: the same for all of them, and never changing. */
#ifndef EMU_MEASURED_H
#define EMU_MEASURED_H

#include "spdm/measurements.h"

/* For SHA-384 as the measurement hash, with a measurement extension log. */
extern const struct device_measurements emu_measurements;

/* Announces them. */
void emu_measure(struct spdm_config *config);

#endif
