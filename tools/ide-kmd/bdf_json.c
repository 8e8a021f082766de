/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/bdf_json.h"

json_t *bdf_json(const struct pcie_bdf *bdf)
{
    char text[PCIE_BDF_TEXT];
    return json_string(pcie_bdf_format(bdf, text));
}
