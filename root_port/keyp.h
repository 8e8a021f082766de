/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ACPI table KEYP (Key Programming Interface for Root Complex IDE; Linux
 * include/acpi/actbl2.h has its layout): which key configuration units there
 * are, where their registers are, and which root ports each of them serves.
 */
#ifndef ROOT_PORT_KEYP_H
#define ROOT_PORT_KEYP_H

#include <stddef.h>
#include <stdint.h>

#include "root_port/pcie_bdf.h"

#define KEYP_UNITS_MAX 64u
#define KEYP_PORTS_MAX 1024u
#define KEYP_SIZE_MAX  65536u

enum keyp_protocol { KEYP_PCIE = 1, KEYP_CXL = 2 }; /* PCIe and CXL.io; CXL.cachemem */

struct keyp_unit {
    uint8_t protocol; /* enum keyp_protocol, or one that this program does not know */
    uint8_t version;
    uint64_t base; /* physical address of the registers */
};

struct keyp_port {
    struct pcie_bdf bdf;
    unsigned unit; /* index */
};

struct keyp {
    size_t unit_count, port_count;
    struct keyp_unit unit[KEYP_UNITS_MAX];
    struct keyp_port port[KEYP_PORTS_MAX];
};

/*
 * Takes the table apart. Structures of a type that is not known are passed over, as ACPI wants it.
 * *keyp is only written on success. Errors: IDE_E_SHORT, IDE_E_LONG for more than there is room for,
 * IDE_E_FIELD with the field that is wrong: signature, length, checksum, a unit's base that is 0 or no
 * multiple of 4, a root port that two units of one protocol serve.
 */
enum ide_err keyp_parse(struct keyp *keyp, const uint8_t *table, size_t len,
                        struct ide_fault *fault) MUST_USE;

/* The same from a file: /sys/firmware/acpi/tables/KEYP. IDE_E_NO_DEVICE if there is none; IDE_E_IO. */
enum ide_err keyp_read(struct keyp *keyp, const char *path, struct ide_fault *fault) MUST_USE;

/* Index of the unit of that protocol that serves the root port, or KEYP_NO_UNIT. */
unsigned keyp_unit_of(const struct keyp *keyp, enum keyp_protocol protocol, const struct pcie_bdf *root_port);
#define KEYP_NO_UNIT UINT32_MAX

#endif
