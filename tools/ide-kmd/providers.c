/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/providers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYP_FILE   "firmware/acpi/tables/KEYP"
#define MEMORY_FILE "mem"

struct provider_unit {
    struct kcu_memory memory;
    struct kcu kcu;
};

bool provider_choice_parse(const char *text, enum provider_choice *choice)
{
    static const char *const names[] = {
        [PROVIDER_AUTO] = "auto", [PROVIDER_DOE] = "doe", [PROVIDER_KCU] = "kcu"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *choice = (enum provider_choice)i;
            return true;
        }
    return false;
}

/* What was asked for, or the file within the tree, or the machine's own. */
static void choose_path(char *path, size_t size, const char *asked, const char *sysfs, const char *within,
                        const char *machine)
{
    if (asked)
        snprintf(path, size, "%s", asked);
    else if (sysfs)
        snprintf(path, size, "%s/%s", sysfs, within);
    else
        snprintf(path, size, "%s", machine);
}

static enum ide_err read_table(struct providers *p, const char *path, struct failure *failure)
{
    struct ide_fault fault = {0};
    char text[200];
    enum ide_err err = keyp_read(&p->keyp, path, &fault);
    if (err == IDE_OK || (err == IDE_E_NO_DEVICE && p->choice != PROVIDER_KCU))
        return IDE_OK;
    ide_fault_text(&fault, text, sizeof text);
    if (p->choice == PROVIDER_KCU)
        return failure_set(failure, err, "start", NULL, "%s: %s", path,
                           err == IDE_E_NO_DEVICE ? "there is no such table, and so no key unit" : text);
    fprintf(stderr, "ide-kmd: %s: %s; no key unit is used\n", path, text);
    return IDE_OK;
}

enum ide_err providers_open(struct providers *p, const struct provider_settings *settings, const char *sysfs,
                            struct failure *failure)
{
    char path[1024];
    memset(p, 0, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    p->choice = settings->choice;
    choose_path(p->memory, sizeof p->memory, settings->memory, sysfs, MEMORY_FILE, "/dev/mem");
    choose_path(path, sizeof path, settings->keyp, sysfs, KEYP_FILE, "/sys/" KEYP_FILE);
    return p->choice == PROVIDER_DOE ? IDE_OK : read_table(p, path, failure);
}

static void close_unit(struct provider_unit *unit)
{
    if (!unit)
        return;
    kcu_close(&unit->kcu);
    kcu_memory_close(&unit->memory);
    free(unit);
}

void providers_close(struct providers *p)
{
    for (size_t i = 0; i < KEYP_UNITS_MAX; i++)
        close_unit(p->unit[i]);
    pthread_mutex_destroy(&p->lock);
}

const char *providers_name(const struct providers *p, const struct pcie_bdf *root_port)
{
    if (keyp_unit_of(&p->keyp, KEYP_PCIE, root_port) != KEYP_NO_UNIT)
        return "kcu";
    return p->choice == PROVIDER_KCU ? NULL : PROVIDER_OWN;
}

static enum ide_err open_unit(const struct providers *p, uint64_t base, struct provider_unit **out,
                              struct ide_fault *fault)
{
    struct provider_unit *unit = calloc(1, sizeof *unit);
    if (!unit)
        return ide_fail(fault, IDE_E_MEMORY, NULL, NULL);
    enum ide_err err = kcu_memory_open(&unit->memory, p->memory, base, fault);
    struct kcu_access access = kcu_memory_access(&unit->memory);
    if (err == IDE_OK)
        err = kcu_open(&unit->kcu, &access, fault);
    if (err == IDE_OK) {
        *out = unit;
        return IDE_OK;
    }
    kcu_memory_close(&unit->memory);
    free(unit);
    return err;
}

/* The unit that root ports share; opened by the first that needs it. */
static enum ide_err need_unit(struct providers *p, unsigned index, struct kcu **out, struct ide_fault *fault)
{
    enum ide_err err = IDE_OK;
    pthread_mutex_lock(&p->lock);
    if (!p->unit[index])
        err = open_unit(p, p->keyp.unit[index].base, &p->unit[index], fault);
    if (err == IDE_OK)
        *out = &p->unit[index]->kcu;
    pthread_mutex_unlock(&p->lock);
    return err;
}

enum ide_err providers_serve(struct providers *p, const struct pcie_bdf *root_port,
                             struct provider_seat *seat, struct key_provider *provider,
                             struct ide_fault *fault)
{
    unsigned index = keyp_unit_of(&p->keyp, KEYP_PCIE, root_port);
    if (index == KEYP_NO_UNIT) {
        *provider = key_provider_doe(seat->spdm);
        return p->choice == PROVIDER_KCU ? ide_fail(fault, IDE_E_PROVIDER, NULL, NULL) : IDE_OK;
    }
    seat->kcu.bdf = *root_port;
    seat->kcu.wait = seat->wait;
    seat->kcu.timeout_ms = seat->timeout_ms;
    *provider = key_provider_kcu(&seat->kcu);
    return need_unit(p, index, &seat->kcu.unit, fault);
}
