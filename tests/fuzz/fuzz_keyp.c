/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ACPI table KEYP, as it comes and with its length and sum made right so that the rest is reached. */
#include <stdlib.h>
#include <string.h>

#include "root_port/keyp.h"

static void parse(const uint8_t *data, size_t size)
{
    static struct keyp k;
    struct ide_fault fault;
    if (keyp_parse(&k, data, size, &fault) != IDE_OK)
        return;
    for (size_t i = 0; i < k.port_count; i++) {
        unsigned unit = k.port[i].unit;
        if (unit >= k.unit_count || k.unit[unit].base == 0)
            __builtin_trap();
        if (keyp_unit_of(&k, k.unit[unit].protocol, &k.port[i].bdf) != unit)
            __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size);
    if (size < 40 || size > UINT16_MAX)
        return 0;
    uint8_t *table = malloc(size), sum = 0;
    if (!table)
        return 0;
    memcpy(table, data, size);
    memcpy(table, "KEYP", 4);
    for (unsigned i = 0; i < 4; i++)
        table[4 + i] = (uint8_t)(size >> (8 * i));
    for (size_t i = 0; i < size; i++)
        sum = (uint8_t)(sum + table[i]);
    table[9] = (uint8_t)(table[9] - sum);
    parse(table, size);
    free(table);
    return 0;
}
