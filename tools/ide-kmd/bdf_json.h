/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef IDE_KMD_BDF_JSON_H
#define IDE_KMD_BDF_JSON_H

#include <jansson.h>

#include "root_port/pcie_bdf.h"

/* The function's address as docs/api.md has it, "0000:01:00.0". To be owned; NULL without memory. */
json_t *bdf_json(const struct pcie_bdf *bdf);

#endif
