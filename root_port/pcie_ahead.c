/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/pcie_ahead.h"

static bool has(const struct pcie_ahead *ahead, unsigned offset, unsigned size)
{
    return offset >= ahead->offset && offset + size <= ahead->offset + ahead->size;
}

/* False near the end, and where the function does not answer. */
static bool fill(struct pcie_ahead *ahead, unsigned offset)
{
    ahead->offset = offset;
    ahead->size =
        pcie_function_read(ahead->function, offset, ahead->bytes, PCIE_AHEAD_SIZE) ? PCIE_AHEAD_SIZE : 0;
    return ahead->size != 0;
}

static bool ahead_read(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    struct pcie_ahead *ahead = context;
    const struct pcie_config *config = &ahead->function->config;
    if (!has(ahead, offset, size) && (offset % 4 != 0 || !fill(ahead, offset)))
        return config->read(config->context, offset, size, value);
    *value = 0;
    for (unsigned i = size; i-- > 0;)
        *value = *value << 8 | ahead->bytes[offset - ahead->offset + i];
    return true;
}

static bool ahead_write(void *context, unsigned offset, unsigned size, uint32_t value)
{
    (void)context, (void)offset, (void)size, (void)value;
    return false;
}

struct pcie_config pcie_ahead_open(struct pcie_ahead *ahead, const struct pcie_function *function)
{
    *ahead = (struct pcie_ahead){.function = function};
    return (struct pcie_config){ahead_read, ahead_write, ahead};
}
