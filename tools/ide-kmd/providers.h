/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which key provider serves which root port, and what several root ports share
 * of one: the only place that knows which there are. All else has a struct
 * key_provider.
 */
#ifndef IDE_KMD_PROVIDERS_H
#define IDE_KMD_PROVIDERS_H

#include <pthread.h>

#include "root_port/kcu.h"
#include "root_port/kcu_memory.h"
#include "root_port/key_provider.h"
#include "root_port/keyp.h"
#include "root_port/root_of_trust.h"
#include "tools/ide-kmd/failure.h"

enum provider_choice {
    /* a key unit if firmware says that one serves the port; else the port's own mailbox; else the root of
       trust */
    PROVIDER_AUTO,
    PROVIDER_DOE,
    PROVIDER_KCU,
    PROVIDER_ROT,
};

/* For one root port, whatever is chosen for the others. */
struct provider_override {
    struct pcie_bdf root_port;
    enum provider_choice choice;
};
#define PROVIDER_OVERRIDES_MAX 64u

struct provider_settings {
    enum provider_choice choice;
    struct provider_override override[PROVIDER_OVERRIDES_MAX];
    size_t override_count;
    const char *keyp;   /* file of the ACPI table; NULL: where the tree has it */
    const char *memory; /* file of physical memory; NULL: the same */
    bool has_rot;
    struct pcie_bdf rot; /* the root of trust */
};

/*
 * "auto", "doe", "kcu" or "rot" for all root ports, or "BDF=auto" and so on for one, of which the last
 * counts. Errors: IDE_E_ARGUMENT for any other text, IDE_E_RESOURCES for too many root ports.
 */
enum ide_err provider_settings_parse(struct provider_settings *settings, const char *text) MUST_USE;

/* Whether both are about the same: one root port, or all that are not named. */
bool provider_settings_clash(const char *a, const char *b);

struct provider_unit; /* a key unit that is open */

struct providers {
    const struct provider_settings *settings; /* borrowed */
    struct store *store; /* where what is held of a unit is written down first; borrowed; NULL: nowhere */
    char memory[1024];
    struct keyp keyp;
    pthread_mutex_t lock; /* guards unit */
    struct provider_unit *unit[KEYP_UNITS_MAX];
    struct root_of_trust rot;
};

/* What a port's worker has of its provider. */
struct provider_seat {
    struct spdm_port *spdm;      /* the port's own mailbox; borrowed */
    const struct wait_ops *wait; /* borrowed */
    uint32_t timeout_ms;
    bool has_mailbox;
    struct kcu_port kcu;
    struct rot_port rot;
};

/* Whether key units will be looked for in /dev/mem. */
bool provider_needs_memory(const struct provider_settings *settings, const char *sysfs);

/*
 * Reads the table KEYP: /sys/firmware/acpi/tables/KEYP, or below sysfs if that is not NULL. That there is
 * none is an error only where PROVIDER_KCU is chosen, for one root port or all; so is one that is malformed,
 * which otherwise is said on standard error. So is PROVIDER_ROT without a root of trust. spdm: what the
 * root of trust is offered; copied. settings must outlive p.
 */
enum ide_err providers_open(struct providers *p, const struct provider_settings *settings, const char *sysfs,
                            const struct spdm_port_settings *spdm, struct failure *failure) MUST_USE;
void providers_close(struct providers *p);

/* Whether the table that was named, or that PROVIDER_KCU needs, is there and right; errors of keyp_read(). */
enum ide_err providers_check_table(const struct provider_settings *settings, const char *sysfs,
                                   struct failure *failure) MUST_USE;
/* Whether the memory that was named could be read and written: IDE_E_ACCESS. */
enum ide_err providers_check_memory(const struct provider_settings *settings,
                                    struct failure *failure) MUST_USE;

/* "kcu", "rot" or "doe": who would serve the root port. NULL: nobody may. */
#define PROVIDER_OWN "doe" /* the port itself, through its own mailbox */
const char *providers_name(const struct providers *p, const struct pcie_bdf *root_port, bool has_mailbox);

/*
 * "kcu" or "doe": who gives the root port the keys of its CXL.cachemem link, chosen as for its streams: a key unit of
 * CXL.cachemem that is there for it alone, for such a unit has one link's keys; else its own mailbox. NULL: nobody may.
 * A root of trust has IDE_KM only, and a root port that is one has its mailbox for that.
 */
const char *providers_cxl_name(const struct providers *p, const struct pcie_bdf *root_port, bool has_mailbox);
/* Opens its registers; close also after a failure. IDE_E_PROVIDER; errors of kcu_memory_open_size(). */
enum ide_err providers_cxl_unit(const struct providers *p, const struct pcie_bdf *root_port,
                                struct kcu_memory *memory, struct ide_fault *fault) MUST_USE;

/* Takes back from the root port's unit what an earlier run held there. Before any stream of it. IDE_E_PROVIDER if it has
 * none any more; errors of kcu_open() and kcu_clear_remains(). */
enum ide_err providers_clear_remains(struct providers *p, const struct pcie_bdf *root_port,
                                     const struct kcu_remains *remains, struct ide_fault *fault) MUST_USE;

/* The root of trust, if the function is it; else NULL. */
struct root_of_trust *providers_root_of_trust(struct providers *p, const struct pcie_bdf *bdf);

/* The provider of a root port, on its worker's seat, which keeps what outlives a closed port. Errors of
 * kcu_memory_open() and kcu_open(); IDE_E_PROVIDER. */
enum ide_err providers_serve(struct providers *p, const struct pcie_bdf *root_port,
                             struct provider_seat *seat, struct key_provider *provider,
                             struct ide_fault *fault) MUST_USE;

#endif
