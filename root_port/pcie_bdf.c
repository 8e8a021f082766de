/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/pcie_bdf.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#define DOMAIN_MAX   0x7fffffffu /* libpci keeps it in an int */
#define DEVICE_MAX   0x1fu
#define FUNCTION_MAX 7u

/* Takes least to most hexadecimal digits and then the character end; returns what follows it, or NULL. */
static const char *hex_field(const char *text, unsigned least, unsigned most, char end, uint32_t *value)
{
    unsigned digits = 0;
    *value = 0;
    for (; isxdigit((unsigned char)*text) && digits < most; text++, digits++) {
        unsigned char c = (unsigned char)*text;
        *value = *value << 4 | (isdigit(c) ? c - (uint32_t)'0' : (uint32_t)tolower(c) - 'a' + 10);
    }
    if (digits < least || *text != end)
        return NULL;
    return end != '\0' ? text + 1 : text;
}

enum ide_err pcie_bdf_parse(const char *text, struct pcie_bdf *bdf)
{
    uint32_t domain = 0, bus = 0, device = 0, function = 0;
    if (text)
        text = hex_field(text, 4, 8, ':', &domain);
    if (text)
        text = hex_field(text, 2, 2, ':', &bus);
    if (text)
        text = hex_field(text, 2, 2, '.', &device);
    if (text)
        text = hex_field(text, 1, 1, '\0', &function);
    if (!text || domain > DOMAIN_MAX || device > DEVICE_MAX || function > FUNCTION_MAX)
        return IDE_E_ARGUMENT;
    *bdf = (struct pcie_bdf){
        .domain = domain, .bus = (uint8_t)bus, .device = (uint8_t)device, .function = (uint8_t)function};
    return IDE_OK;
}

char *pcie_bdf_format(const struct pcie_bdf *bdf, char text[static PCIE_BDF_TEXT])
{
    snprintf(text, PCIE_BDF_TEXT, "%04" PRIx32 ":%02x:%02x.%x", bdf->domain & DOMAIN_MAX, (unsigned)bdf->bus,
             bdf->device & DEVICE_MAX, bdf->function & FUNCTION_MAX);
    return text;
}

int pcie_bdf_compare(const struct pcie_bdf *a, const struct pcie_bdf *b)
{
    if (a->domain != b->domain)
        return a->domain < b->domain ? -1 : 1;
    return (int)pcie_bdf_rid(a) - (int)pcie_bdf_rid(b);
}

uint16_t pcie_bdf_rid(const struct pcie_bdf *bdf)
{
    return (uint16_t)(bdf->bus << 8 | (bdf->device & DEVICE_MAX) << 3 | (bdf->function & FUNCTION_MAX));
}
