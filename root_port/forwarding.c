/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/forwarding.h"

#define STEP  "forwarding"
#define FIELD "Command"

enum ide_err forwarding_read(const struct pcie_config *config, uint16_t *command, struct ide_fault *fault)
{
    *command = pcie_read16(config, PCIE_COMMAND);
    return *command == UINT16_MAX ? ide_fail(fault, IDE_E_IO, STEP, FIELD) : IDE_OK;
}

enum ide_err forwarding_write(const struct pcie_config *config, uint16_t command, uint16_t clear,
                              uint16_t set, struct ide_fault *fault)
{
    uint16_t now, value = (uint16_t)((command & ~clear) | set);
    if (value == command)
        return IDE_OK;
    if (!pcie_write16(config, PCIE_COMMAND, value))
        return ide_fail(fault, IDE_E_IO, STEP, FIELD);
    enum ide_err err = forwarding_read(config, &now, fault);
    if (err == IDE_OK && now & clear & ~set)
        err = ide_fail_value(fault, IDE_E_REGISTER, STEP, FIELD, now, value);
    return err;
}
