/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "emu_host.h"

#include <stdio.h>
#include <stdlib.h>

#include "tools/ide-emu/credential.h"

struct emu_function *host_find(struct emu *emu, const char *text)
{
    struct pcie_bdf bdf;
    struct emu_function *f = pcie_bdf_parse(text, &bdf) == IDE_OK ? emu_find(emu, &bdf) : NULL;
    if (!f)
        abort();
    return f;
}

uint32_t host_read(struct emu_function *f, unsigned offset, unsigned size)
{
    uint8_t bytes[4] = {0};
    emu_config_read(f, offset, bytes, size);
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void host_write(struct emu_function *f, unsigned offset, unsigned size, uint32_t value)
{
    uint8_t bytes[4];
    for (unsigned i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    emu_config_write(f, offset, bytes, size);
}

static bool read_config(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    *value = host_read(context, offset, size);
    return true;
}

static bool write_config(void *context, unsigned offset, unsigned size, uint32_t value)
{
    host_write(context, offset, size, value);
    return true;
}

struct pcie_config host_config(struct emu_function *f)
{
    return (struct pcie_config){read_config, write_config, f};
}

bool host_read_anchor(const struct identities *identities, uint8_t *der, size_t cap, size_t *len)
{
    char path[IDENTITIES_PATH_MAX + 32], text[8192];
    snprintf(path, sizeof path, "%s/trust/root.pem", identities->directory);
    FILE *file = fopen(path, "r");
    size_t n = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        fclose(file);
    return pem_decode(text, n, der, cap, len);
}
