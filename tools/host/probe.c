/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For udev (60-ide-km.rules): what a PCI function has of DOE and IDE, as lines
 * `KEY=value`. Reads only, and says nothing of a function that has neither.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/doe_mailbox.h"
#include "root_port/ide_cap.h"
#include "root_port/pcie_access.h"

#define MAILBOXES_MAX 64u

static const char help[] =
    "usage: ide-km-probe [--sysfs DIR] PATH\n"
    "\n"
    "Prints ID_PCI_DOE and ID_PCI_IDE of the PCI function whose sysfs folder, or address,\n"
    "is PATH, for udev. Reads configuration space only.\n";

static void print_mailboxes(const struct pcie_config *config)
{
    unsigned count = 0;
    while (count < MAILBOXES_MAX && doe_mailbox_find(config, count) != 0)
        count++;
    if (count > 0)
        printf("ID_PCI_DOE=%u\n", count);
}

static void print_ide(const struct pcie_bdf *bdf, const struct pcie_config *config)
{
    struct ide_port port;
    struct ide_fault fault = {0};
    if (ide_port_open(&port, bdf, config, &fault) != IDE_OK)
        return;
    bool selective = ide_block_count(&port.cap, IDE_SELECTIVE) > 0,
         link = ide_block_count(&port.cap, IDE_LINK) > 0;
    if (selective || link || port.cap.flow_through)
        printf("ID_PCI_IDE=%s%s%s\n", selective ? "selective" : "", selective && link ? "_" : "",
               link        ? "link"
               : selective ? ""
                           : "flow-through");
}

static int probe(const char *sysfs, const struct pcie_bdf *bdf)
{
    struct pcie_access access;
    struct pcie_function function = {0};
    struct ide_fault fault = {0};
    char text[200];
    enum ide_err err = pcie_access_open(&access, sysfs, &fault);
    if (err == IDE_OK)
        err = pcie_function_open(&function, &access, bdf, &fault);
    if (err == IDE_OK) {
        print_mailboxes(&function.config);
        print_ide(bdf, &function.config);
    } else
        fprintf(stderr, "ide-km-probe: %s\n", ide_fault_text(&fault, text, sizeof text));
    pcie_function_close(&function);
    pcie_access_close(&access);
    return err == IDE_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    const char *sysfs = NULL, *path = argv[argc - 1];
    struct pcie_bdf bdf;
    if (argc == 2 && strcmp(path, "--help") == 0)
        return fputs(help, stdout) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
    if (argc == 4 && strcmp(argv[1], "--sysfs") == 0)
        sysfs = argv[2];
    const char *slash = strrchr(path, '/');
    if ((argc == 2 || sysfs) && pcie_bdf_parse(slash ? slash + 1 : path, &bdf) == IDE_OK)
        return probe(sysfs, &bdf);
    fputs(help, stderr);
    return 2;
}
