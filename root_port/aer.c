/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/aer.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

uint16_t aer_find(const struct pcie_config *config)
{
    return pcie_find_ext_cap(config, PCIE_EXT_CAP_ID_AER, 0);
}

uint32_t aer_read(const struct pcie_config *config, uint16_t cap)
{
    uint32_t status = cap ? pcie_read32(config, cap + PCIE_AER_UNCOR_STATUS) : 0;
    return status == PCIE_ALL_ONES ? 0 : status;
}

bool aer_clear(const struct pcie_config *config, uint16_t cap, uint32_t errors)
{
    return cap && pcie_write32(config, cap + PCIE_AER_UNCOR_STATUS, errors);
}

const char *aer_next_name(uint32_t *errors)
{
    static const char *const names[32] = {
        [4] = "data_link_protocol",
        [5] = "surprise_down",
        [12] = "poisoned_tlp",
        [13] = "flow_control",
        [14] = "completion_timeout",
        [15] = "completer_abort",
        [16] = "unexpected_completion",
        [17] = "receiver_overflow",
        [18] = "malformed_tlp",
        [19] = "ecrc",
        [20] = "unsupported_request",
        [21] = "acs_violation",
        [22] = "internal",
        [23] = "mc_blocked_tlp",
        [24] = "atomic_egress_blocked",
        [25] = "tlp_prefix_blocked",
        [26] = "poisoned_egress_blocked",
        [27] = "dmwr_egress_blocked",
        [28] = "ide_check_failed",
        [29] = "misrouted_ide_tlp",
        [30] = "pcrc_check_failed",
        [31] = "tlp_translation_blocked",
    };
    if (*errors == 0)
        return NULL;
    unsigned bit = (unsigned)__builtin_ctz(*errors);
    *errors &= *errors - 1;
    return names[bit] ? names[bit] : "reserved";
}

bool aer_is_kernels(const struct pcie_access *access, const struct pcie_bdf *root_port)
{
    char path[PCIE_SYSFS_PATH_MAX + 128], bdf[PCIE_BDF_TEXT];
    pcie_bdf_format(root_port, bdf);
    snprintf(path, sizeof path, "%s/%s/%s:pcie002/driver", access->devices, bdf, bdf);
    return faccessat(AT_FDCWD, path, F_OK, 0) == 0;
}
