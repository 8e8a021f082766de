/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Platform files. What is accepted can be built, unless it does not fit into configuration space, and then is found
 * again by whoever walks it.
 *
 * Input: the file.
 */
#include <stdint.h>
#include <stdlib.h>

#include "tools/ide-emu/emu.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition)
        abort();
}

static bool read_config(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    uint8_t bytes[4] = {0};
    emu_config_read(context, offset, bytes, size);
    *value = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
    return true;
}

static void check_function(struct emu_function *f)
{
    struct pcie_config c = {.read = read_config, .context = f};
    require(pcie_read_port_type(&c) == f->desc.type);
    require(pcie_find_ext_cap(&c, PCIE_EXT_CAP_ID_DOE, 0) == f->doe_cap);
    require(pcie_find_ext_cap(&c, PCIE_EXT_CAP_ID_IDE, 0) == f->ide.cap);
    require(f->ide.end <= PCIE_CONFIG_SIZE);
    require(!f->parent || f->parent < f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct platform p;
    struct emu emu;
    char error[256];
    if (!platform_parse(&p, (const char *)data, size, "f", error, sizeof error))
        return 0;
    if (!emu_init(&emu, &p, error, sizeof error))
        return 0;
    for (size_t i = 0; i < emu.count; i++)
        check_function(&emu.functions[i]);
    emu_free(&emu);
    return 0;
}
