/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/providers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "root_port/cxl_regs.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/store_hold.h"

#define STEP           "keys"
#define KEYP_FILE      "firmware/acpi/tables/KEYP"
#define MEMORY_FILE    "mem"
#define MACHINE_MEMORY "/dev/mem"

struct provider_unit {
    struct kcu_memory memory;
    struct kcu_access inner; /* what kcu's goes through to */
    struct kcu kcu;
};

static bool parse_choice(const char *text, enum provider_choice *choice)
{
    static const char *const names[] = {
        [PROVIDER_AUTO] = "auto", [PROVIDER_DOE] = "doe", [PROVIDER_KCU] = "kcu", [PROVIDER_ROT] = "rot"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i]) == 0) {
            *choice = (enum provider_choice)i;
            return true;
        }
    return false;
}

static struct provider_override *find_override(struct provider_settings *s, const struct pcie_bdf *root_port)
{
    size_t i = 0;
    while (i < s->override_count && pcie_bdf_compare(&s->override[i].root_port, root_port) != 0)
        i++;
    return i < PROVIDER_OVERRIDES_MAX ? &s->override[i] : NULL;
}

/* "BDF=WHO" or "WHO". */
static bool parse(const char *text, bool *for_one, struct pcie_bdf *bdf, enum provider_choice *choice)
{
    char port[PCIE_BDF_TEXT];
    const char *equals = strchr(text, '=');
    *for_one = equals != NULL;
    if (!parse_choice(equals ? equals + 1 : text, choice))
        return false;
    int len = equals ? snprintf(port, sizeof port, "%.*s", (int)(equals - text), text) : 0;
    return !equals || (len >= 0 && (size_t)len < sizeof port && pcie_bdf_parse(port, bdf) == IDE_OK);
}

bool provider_settings_clash(const char *a, const char *b)
{
    bool one_a, one_b;
    struct pcie_bdf bdf_a, bdf_b;
    enum provider_choice choice;
    if (!parse(a, &one_a, &bdf_a, &choice) || !parse(b, &one_b, &bdf_b, &choice) || one_a != one_b)
        return false;
    return !one_a || pcie_bdf_compare(&bdf_a, &bdf_b) == 0;
}

enum ide_err provider_settings_parse(struct provider_settings *settings, const char *text)
{
    bool for_one;
    struct pcie_bdf bdf;
    enum provider_choice choice;
    if (!parse(text, &for_one, &bdf, &choice))
        return IDE_E_ARGUMENT;
    if (!for_one) {
        settings->choice = choice;
        return IDE_OK;
    }
    struct provider_override *entry = find_override(settings, &bdf);
    if (!entry)
        return IDE_E_RESOURCES;
    if (entry == &settings->override[settings->override_count])
        settings->override_count++;
    *entry = (struct provider_override){bdf, choice};
    return IDE_OK;
}

static bool is_insisted_on(const struct provider_settings *s, enum provider_choice choice)
{
    for (size_t i = 0; i < s->override_count; i++)
        if (s->override[i].choice == choice)
            return true;
    return s->choice == choice;
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

bool provider_needs_memory(const struct provider_settings *settings, const char *sysfs)
{
    char memory[1024], table[1024];
    choose_path(memory, sizeof memory, settings->memory, sysfs, MEMORY_FILE, MACHINE_MEMORY);
    choose_path(table, sizeof table, settings->keyp, sysfs, KEYP_FILE, "/sys/" KEYP_FILE);
    return strcmp(memory, MACHINE_MEMORY) == 0 && access(table, F_OK) == 0;
}

/* A failure if there is none, or none that is right. */
static enum ide_err read_table(struct keyp *keyp, const struct provider_settings *settings, const char *sysfs,
                               struct failure *failure)
{
    struct ide_fault fault = {0};
    char path[1024], text[160];
    choose_path(path, sizeof path, settings->keyp, sysfs, KEYP_FILE, "/sys/" KEYP_FILE);
    enum ide_err err = keyp_read(keyp, path, &fault);
    if (err == IDE_OK)
        return IDE_OK;
    ide_fault_text(&fault, text, sizeof text);
    return failure_set(failure, err, STEP, settings->keyp ? "keyp" : "provider", "%.120s: %s", path,
                       err == IDE_E_NO_DEVICE ? "there is no such table, and so no key unit" : text);
}

static bool may_use_units(const struct provider_settings *s)
{
    return is_insisted_on(s, PROVIDER_AUTO) || is_insisted_on(s, PROVIDER_KCU);
}

/* Where nobody insists on a unit, there is none then. */
static enum ide_err take_table(struct providers *p, const char *sysfs, struct failure *failure)
{
    enum ide_err err =
        may_use_units(p->settings) ? read_table(&p->keyp, p->settings, sysfs, failure) : IDE_OK;
    if (err == IDE_OK || is_insisted_on(p->settings, PROVIDER_KCU))
        return err;
    if (err != IDE_E_NO_DEVICE)
        log_say(LOG_WARNING, LOG_PLAIN, "%s; no key unit is used", failure->message);
    else if (p->settings->keyp)
        log_say(LOG_WARNING, LOG_PLAIN, "%s", failure->message);
    return IDE_OK;
}

enum ide_err providers_check_table(const struct provider_settings *settings, const char *sysfs,
                                   struct failure *failure)
{
    bool asked = settings->keyp || is_insisted_on(settings, PROVIDER_KCU);
    if (!asked || !may_use_units(settings))
        return IDE_OK;
    struct keyp *keyp = calloc(1, sizeof *keyp);
    enum ide_err err = keyp ? read_table(keyp, settings, sysfs, failure)
                            : failure_set(failure, IDE_E_MEMORY, STEP, NULL, "out of memory");
    free(keyp);
    return err;
}

enum ide_err providers_check_memory(const struct provider_settings *settings, struct failure *failure)
{
    if (!settings->memory || access(settings->memory, R_OK | W_OK) == 0)
        return IDE_OK;
    return failure_set(failure, IDE_E_ACCESS, STEP, "memory", "%.120s: %s", settings->memory,
                       strerror(errno));
}

enum ide_err providers_open(struct providers *p, const struct provider_settings *settings, const char *sysfs,
                            const struct spdm_port_settings *spdm, struct failure *failure)
{
    memset(p, 0, sizeof *p);
    pthread_mutex_init(&p->lock, NULL);
    rot_init(&p->rot, &settings->rot, sysfs, spdm);
    /* Session secrets stay out of swap space where the system lets us. */
    (void)mlock(&p->rot.spdm, sizeof p->rot.spdm);
    p->settings = settings;
    if (is_insisted_on(settings, PROVIDER_ROT) && !settings->has_rot)
        return failure_set(failure, IDE_E_PROVIDER, STEP, "provider", "--provider rot needs --rot BDF");
    choose_path(p->memory, sizeof p->memory, settings->memory, sysfs, MEMORY_FILE, MACHINE_MEMORY);
    return take_table(p, sysfs, failure);
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
    rot_close(&p->rot);
    pthread_mutex_destroy(&p->lock);
}

static enum provider_choice asked_for(const struct provider_settings *s, const struct pcie_bdf *root_port)
{
    for (size_t i = 0; i < s->override_count; i++)
        if (pcie_bdf_compare(&s->override[i].root_port, root_port) == 0)
            return s->override[i].choice;
    return s->choice;
}

/* A root port that is the root of trust has one mailbox, and one session in it for all. */
static bool is_root_of_trust(const struct provider_settings *s, const struct pcie_bdf *bdf)
{
    return s->has_rot && pcie_bdf_compare(&s->rot, bdf) == 0;
}

struct root_of_trust *providers_root_of_trust(struct providers *p, const struct pcie_bdf *bdf)
{
    return is_root_of_trust(p->settings, bdf) ? &p->rot : NULL;
}

static enum provider_choice choose(const struct providers *p, const struct pcie_bdf *root_port,
                                   bool has_mailbox)
{
    enum provider_choice asked = asked_for(p->settings, root_port);
    if (asked == PROVIDER_DOE && is_root_of_trust(p->settings, root_port))
        return PROVIDER_ROT;
    if (asked != PROVIDER_AUTO)
        return asked;
    if (keyp_unit_of(&p->keyp, KEYP_PCIE, root_port) != KEYP_NO_UNIT)
        return PROVIDER_KCU;
    bool may_be_rot = !has_mailbox || is_root_of_trust(p->settings, root_port);
    return p->settings->has_rot && may_be_rot ? PROVIDER_ROT : PROVIDER_DOE;
}

const char *providers_name(const struct providers *p, const struct pcie_bdf *root_port, bool has_mailbox)
{
    switch (choose(p, root_port, has_mailbox)) {
    case PROVIDER_KCU:
        return keyp_unit_of(&p->keyp, KEYP_PCIE, root_port) != KEYP_NO_UNIT ? "kcu" : NULL;
    case PROVIDER_ROT:
        return "rot";
    case PROVIDER_AUTO:
    case PROVIDER_DOE:
        break;
    }
    return PROVIDER_OWN;
}

/* ---- what is held of a unit, written down ---------------------------------------- */

static enum ide_err hold_slots(void *context, const struct kcu_port *port, unsigned block,
                               const struct kcu_stream *stream, uint8_t key_set, struct ide_fault *fault)
{
    struct held_slots held = {.root_port = port->bdf, .id = stream->id, .key_set = key_set, .block = block};
    for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            held.slot[d][sub] = stream->slot[key_set][d][sub];
    return store_hold_slots(context, &held, fault);
}

static void let_slots_go(void *context, const struct kcu_port *port, uint8_t stream_id, uint8_t key_set)
{
    store_let_slots_go(context, &port->bdf, stream_id, key_set);
}

static bool read_unit(void *context, uint32_t offset, uint32_t *value)
{
    const struct provider_unit *unit = context;
    return unit->inner.read32(unit->inner.context, offset, value);
}

static bool write_unit(void *context, uint32_t offset, uint32_t value)
{
    const struct provider_unit *unit = context;
    bool ok = unit->inner.write32(unit->inner.context, offset, value);
    kill_point("a register of the key unit is written");
    return ok;
}

static enum ide_err open_unit(const struct providers *p, uint64_t base, struct provider_unit **out,
                              struct ide_fault *fault)
{
    struct provider_unit *unit = calloc(1, sizeof *unit);
    if (!unit)
        return ide_fail(fault, IDE_E_MEMORY, NULL, NULL);
    enum ide_err err = kcu_memory_open(&unit->memory, p->memory, base, fault);
    unit->inner = kcu_memory_access(&unit->memory);
    const struct kcu_access access = {.read32 = read_unit, .write32 = write_unit, .context = unit};
    if (err == IDE_OK)
        err = kcu_open(&unit->kcu, &access, fault);
    unit->kcu.journal = (struct kcu_journal){hold_slots, let_slots_go, p->store};
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

enum ide_err providers_clear_remains(struct providers *p, const struct pcie_bdf *root_port,
                                     const struct kcu_remains *remains, struct ide_fault *fault)
{
    struct kcu *unit = NULL;
    unsigned index = keyp_unit_of(&p->keyp, KEYP_PCIE, root_port);
    if (index == KEYP_NO_UNIT)
        return ide_fail(fault, IDE_E_PROVIDER, NULL, NULL);
    enum ide_err err = need_unit(p, index, &unit, fault);
    return err == IDE_OK ? kcu_clear_remains(unit, remains, fault) : err;
}

static enum ide_err serve_by_unit(struct providers *p, const struct pcie_bdf *root_port,
                                  struct provider_seat *seat, struct ide_fault *fault)
{
    unsigned index = keyp_unit_of(&p->keyp, KEYP_PCIE, root_port);
    if (index == KEYP_NO_UNIT)
        return ide_fail(fault, IDE_E_PROVIDER, NULL, NULL);
    seat->kcu.bdf = *root_port;
    seat->kcu.wait = seat->wait;
    seat->kcu.timeout_ms = seat->timeout_ms;
    return need_unit(p, index, &seat->kcu.unit, fault);
}

enum ide_err providers_serve(struct providers *p, const struct pcie_bdf *root_port,
                             struct provider_seat *seat, struct key_provider *provider,
                             struct ide_fault *fault)
{
    switch (choose(p, root_port, seat->has_mailbox)) {
    case PROVIDER_KCU:
        *provider = key_provider_kcu(&seat->kcu);
        return serve_by_unit(p, root_port, seat, fault);
    case PROVIDER_ROT:
        seat->rot.rot = &p->rot;
        seat->rot.bdf = *root_port;
        seat->rot.wait = seat->wait;
        *provider = key_provider_rot(&seat->rot);
        return IDE_OK;
    case PROVIDER_AUTO:
    case PROVIDER_DOE:
        break;
    }
    *provider = key_provider_doe(seat->spdm);
    return IDE_OK;
}

static unsigned cxl_unit_of(const struct providers *p, const struct pcie_bdf *root_port)
{
    unsigned index = keyp_unit_of(&p->keyp, KEYP_CXL, root_port), ports = 0;
    for (size_t i = 0; i < p->keyp.port_count; i++)
        ports += p->keyp.port[i].unit == index;
    return ports == 1 ? index : KEYP_NO_UNIT;
}

const char *providers_cxl_name(const struct providers *p, const struct pcie_bdf *root_port, bool has_mailbox)
{
    enum provider_choice asked = asked_for(p->settings, root_port);
    bool has_unit = cxl_unit_of(p, root_port) != KEYP_NO_UNIT;
    if ((asked == PROVIDER_AUTO || asked == PROVIDER_KCU) && has_unit)
        return "kcu";
    bool may_be_own = asked == PROVIDER_AUTO || asked == PROVIDER_DOE;
    return may_be_own && has_mailbox && !is_root_of_trust(p->settings, root_port) ? PROVIDER_OWN : NULL;
}

enum ide_err providers_cxl_unit(const struct providers *p, const struct pcie_bdf *root_port,
                                struct kcu_memory *memory, struct ide_fault *fault)
{
    unsigned index = cxl_unit_of(p, root_port);
    *memory = (struct kcu_memory){.fd = -1};
    if (index == KEYP_NO_UNIT)
        return ide_fail(fault, IDE_E_PROVIDER, NULL, NULL);
    return kcu_memory_open_size(memory, p->memory, p->keyp.unit[index].base, CXL_KCU_SIZE,
                                "CXL key unit open", fault);
}
