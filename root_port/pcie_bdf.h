/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The address of a PCI function: segment (Linux: domain), bus, device, function. */
#ifndef ROOT_PORT_PCIE_BDF_H
#define ROOT_PORT_PCIE_BDF_H

#include <stdbool.h>
#include <stdint.h>

#include "spdm/error.h"

struct pcie_bdf {
    uint32_t domain; /* 16 bits on hardware; Linux makes up greater ones, up to 31 bits, for VMD */
    uint8_t bus;
    uint8_t device;   /* 0 to 31 */
    uint8_t function; /* 0 to 7 */
};

/* The longest text with its NUL: "7fffffff:ff:1f.7". */
#define PCIE_BDF_TEXT 17

/*
 * Parses "dddd:bb:dd.f", all hexadecimal: 4 to 8 digits of domain, 2 of bus, 2 of device, 1 of function.
 * No shorter form, no space, nothing after it. IDE_E_ARGUMENT otherwise, and then *bdf is unchanged.
 */
enum ide_err pcie_bdf_parse(const char *text, struct pcie_bdf *bdf) MUST_USE;

/* Writes the form that pcie_bdf_parse() takes, in lower case as sysfs has it; returns text. */
char *pcie_bdf_format(const struct pcie_bdf *bdf, char text[static PCIE_BDF_TEXT]);

/* Below, at or above 0 as a comes before, is, or comes after b: by domain, bus, device, function. */
int pcie_bdf_compare(const struct pcie_bdf *a, const struct pcie_bdf *b);

/* The requester ID (PCIe 6.x §2.2.6.2): bus << 8 | device << 3 | function. */
uint16_t pcie_bdf_rid(const struct pcie_bdf *bdf);

#endif
