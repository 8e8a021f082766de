/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which key provider serves which root port, and what several root ports share
 * of one: the only place that knows which there are. All else has a struct
 * key_provider.
 */
#ifndef IDE_KMD_PROVIDERS_H
#define IDE_KMD_PROVIDERS_H

#include <pthread.h>

#include "root_port/kcu_memory.h"
#include "root_port/key_provider.h"
#include "root_port/keyp.h"
#include "tools/ide-kmd/failure.h"

enum provider_choice {
    PROVIDER_AUTO, /* a key unit if firmware says that one serves the port; else the port's own mailbox */
    PROVIDER_DOE,
    PROVIDER_KCU,
};

/* "auto", "doe", "kcu"; false for anything else. */
bool provider_choice_parse(const char *text, enum provider_choice *choice);

struct provider_settings {
    enum provider_choice choice;
    const char *keyp;   /* file of the ACPI table; NULL: where the tree has it */
    const char *memory; /* file of physical memory; NULL: the same */
};

struct provider_unit; /* a key unit that is open */

struct providers {
    enum provider_choice choice;
    char memory[1024];
    struct keyp keyp;
    pthread_mutex_t lock; /* guards unit */
    struct provider_unit *unit[KEYP_UNITS_MAX];
};

/* What a port's worker has of its provider. */
struct provider_seat {
    struct spdm_port *spdm;      /* the port's own mailbox; borrowed */
    const struct wait_ops *wait; /* borrowed */
    uint32_t timeout_ms;
    struct kcu_port kcu;
};

/*
 * Reads the table KEYP: /sys/firmware/acpi/tables/KEYP, or below sysfs if that is not NULL. That there is
 * none is an error only with PROVIDER_KCU; so is one that is malformed, which otherwise is said on standard
 * error.
 */
enum ide_err providers_open(struct providers *p, const struct provider_settings *settings, const char *sysfs,
                            struct failure *failure) MUST_USE;
void providers_close(struct providers *p);

/* "kcu" or "doe": who would serve the root port. NULL: nobody may. */
#define PROVIDER_OWN "doe" /* the port itself, through its own mailbox */
const char *providers_name(const struct providers *p, const struct pcie_bdf *root_port);

/* The provider of a root port, on its worker's seat, which keeps what outlives a closed port. Errors of
 * kcu_memory_open() and kcu_open(); IDE_E_PROVIDER. */
enum ide_err providers_serve(struct providers *p, const struct pcie_bdf *root_port,
                             struct provider_seat *seat, struct key_provider *provider,
                             struct ide_fault *fault) MUST_USE;

#endif
