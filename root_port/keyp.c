/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/keyp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "spdm/cursor.h"

#define STEP "KEYP"

#define SIGNATURE      0x5059454bu /* "KEYP" */
#define HEADER_SIZE    40u         /* ACPI's 36 bytes and 4 that are reserved */
#define PORT_SIZE      4u
#define TYPE_UNIT      0u
#define STRUCTURE_HEAD 4u

static bool serves_already(const struct keyp *k, unsigned unit, const struct pcie_bdf *bdf)
{
    for (size_t i = 0; i < k->port_count; i++)
        if (k->unit[k->port[i].unit].protocol == k->unit[unit].protocol &&
            pcie_bdf_compare(&k->port[i].bdf, bdf) == 0)
            return true;
    return false;
}

static void take_port(struct keyp *k, unsigned unit, struct reader *r)
{
    struct pcie_bdf bdf = {.domain = read_u16(r, "Segment Number"), .bus = read_u8(r, "Bus")};
    uint8_t devfn = read_u8(r, "Device, Function");
    bdf.device = devfn >> 3;
    bdf.function = devfn & 7;
    if (k->port_count == KEYP_PORTS_MAX)
        read_fail(r, IDE_E_LONG, "Root Port Information");
    else if (serves_already(k, unit, &bdf)) /* whose keys would be in force cannot be known */
        read_fail(r, IDE_E_FIELD, "Root Port Information");
    if (r->err == IDE_OK)
        k->port[k->port_count++] = (struct keyp_port){bdf, unit};
}

/* body: the structure behind its type, reserved byte and length. */
static void take_unit(struct keyp *k, struct reader *body)
{
    struct keyp_unit unit = {.protocol = read_u8(body, "Protocol Type"), .version = read_u8(body, "Version")};
    unsigned ports = read_u8(body, "Root Port Count");
    read_u8(body, "Flags");
    unit.base = read_u64(body, "Register Base Address");
    if (body->err != IDE_OK)
        return;
    read_expect(body, read_left(body), (uint64_t)ports * PORT_SIZE, "Root Port Count");
    if (unit.base == 0 || unit.base % 4 != 0 || unit.base > INT64_MAX - UINT32_MAX)
        read_fail_value(body, IDE_E_FIELD, "Register Base Address", unit.base, 0);
    if (k->unit_count == KEYP_UNITS_MAX)
        read_fail(body, IDE_E_LONG, "Key Configuration Unit");
    if (body->err != IDE_OK)
        return;
    k->unit[k->unit_count++] = unit;
    for (unsigned i = 0; i < ports && body->err == IDE_OK; i++)
        take_port(k, (unsigned)k->unit_count - 1, body);
}

static enum ide_err take_structure(struct keyp *k, struct reader *r, struct ide_fault *fault)
{
    uint8_t type = read_u8(r, "Type");
    read_u8(r, "Reserved");
    uint16_t length = read_u16(r, "Length");
    if (length < STRUCTURE_HEAD)
        read_fail_value(r, IDE_E_FIELD, "Length", length, STRUCTURE_HEAD);
    struct reader body = read_sub(r, r->err == IDE_OK ? length - STRUCTURE_HEAD : 0u, "Length");
    enum ide_err err = read_done(r, fault, STEP);
    if (err != IDE_OK || type != TYPE_UNIT)
        return err;
    take_unit(k, &body);
    return read_done(&body, fault, STEP);
}

static uint8_t sum_of(const uint8_t *table, size_t len)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + table[i]);
    return sum;
}

/* All but the signature and the length says nothing that is needed here. */
static enum ide_err check_header(struct reader *r, const uint8_t *table, size_t len, struct ide_fault *fault)
{
    uint32_t signature = read_u32(r, "Signature");
    uint32_t length = read_u32(r, "Length");
    read_bytes(r, HEADER_SIZE - 8, "header");
    read_expect(r, signature, SIGNATURE, "Signature");
    read_expect(r, length, len, "Length");
    if (r->err == IDE_OK)
        read_expect(r, sum_of(table, len), 0, "Checksum");
    return read_done(r, fault, STEP);
}

static enum ide_err parse(struct keyp *keyp, const uint8_t *table, size_t len, struct ide_fault *fault)
{
    struct reader r = reader_of(table, len);
    if (len > KEYP_SIZE_MAX)
        return ide_fail_value(fault, IDE_E_LONG, STEP, "Length", len, KEYP_SIZE_MAX);
    enum ide_err err = check_header(&r, table, len, fault);
    while (err == IDE_OK && read_left(&r) > 0)
        err = take_structure(keyp, &r, fault);
    return err;
}

enum ide_err keyp_parse(struct keyp *keyp, const uint8_t *table, size_t len, struct ide_fault *fault)
{
    struct keyp *made = calloc(1, sizeof *made);
    if (!made)
        return ide_fail(fault, IDE_E_MEMORY, STEP, NULL);
    enum ide_err err = parse(made, table, len, fault);
    if (err == IDE_OK)
        *keyp = *made;
    free(made);
    return err;
}

enum ide_err keyp_read(struct keyp *keyp, const char *path, struct ide_fault *fault)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return ide_fail(fault, errno == ENOENT ? IDE_E_NO_DEVICE : IDE_E_IO, STEP, NULL);
    enum ide_err err;
    uint8_t *table = malloc(KEYP_SIZE_MAX + 1);
    size_t len = table ? fread(table, 1, KEYP_SIZE_MAX + 1, file) : 0;
    if (!table)
        err = ide_fail(fault, IDE_E_MEMORY, STEP, NULL);
    else if (ferror(file))
        err = ide_fail(fault, IDE_E_IO, STEP, NULL);
    else
        err = keyp_parse(keyp, table, len, fault);
    free(table);
    fclose(file);
    return err;
}

unsigned keyp_unit_of(const struct keyp *keyp, enum keyp_protocol protocol, const struct pcie_bdf *root_port)
{
    for (size_t i = 0; i < keyp->port_count; i++)
        if (keyp->unit[keyp->port[i].unit].protocol == protocol &&
            pcie_bdf_compare(&keyp->port[i].bdf, root_port) == 0)
            return keyp->port[i].unit;
    return KEYP_NO_UNIT;
}
