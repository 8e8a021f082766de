/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/orders.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/ide-emu/device.h"
#include "tools/ide-emu/hotplug.h"
#include "tools/ide-emu/ide_link.h"
#include "tools/ide-emu/link_orders.h"
#include "tools/ide-emu/state_json.h"

#define WORDS_MAX LINK_ORDER_WORDS
#define TEXT_MAX 512u

/* One order with its words, the order's own name first. */
struct order {
    const struct orders *orders;
    char *words[WORDS_MAX];
    size_t count;
    struct emu_function *function;   /* of the second word, if the order takes one */
    char error[TEXT_MAX];
};

/* Lock held. What faults that are states rather than events mean for registers. */
static void faults_changed(struct emu_function *f)
{
    f->mailbox.held_busy = fault_is_on(&f->faults, FAULT_DOE_BUSY);
    f->mailbox.deaf = fault_is_on(&f->faults, FAULT_DOE_STUCK);
    if (f->doe_cap)
        emu_mailbox_show(f);
    ide_link_settle(f->emu);
}

static bool turn_on(const struct orders *o, struct emu_function *f, const char *text, char *error, size_t size)
{
    struct fault_order fault;
    const char *why;
    if (!fault_parse(text, &fault, &why)) {
        snprintf(error, size, "%s: %s", text, why);
        return false;
    }
    if (f->device && !device_prepare_fault(f->device, o->identities, fault.id, error, size))
        return false;
    emu_lock(f->emu);
    fault_set_on(&f->faults, &fault);
    faults_changed(f);
    emu_unlock(f->emu);
    return true;
}

bool orders_misbehave(const struct orders *o, const struct pcie_bdf *bdf, const char *fault, char *error, size_t size)
{
    struct emu_function *f = emu_find(o->emu, bdf);
    char name[PCIE_BDF_TEXT];
    if (f)
        return turn_on(o, f, fault, error, size);
    snprintf(error, size, "%s: there is no such function", pcie_bdf_format(bdf, name));
    return false;
}

/* misbehave BDF FAULT[=VALUE] [COUNT] */
static bool do_misbehave(struct order *o)
{
    char text[TEXT_MAX];
    const char *count = o->count > 3 ? o->words[3] : NULL;
    snprintf(text, sizeof text, "%s%s%s", o->words[2], count ? ":" : "", count ? count : "");
    return turn_on(o->orders, o->function, text, o->error, sizeof o->error);
}

static bool do_behave(struct order *o)
{
    struct emu_function *f = o->function;
    emu_lock(f->emu);
    fault_set_clear(&f->faults);
    faults_changed(f);
    emu_unlock(f->emu);
    return true;
}

static bool do_reset(struct order *o)
{
    emu_lock(o->function->emu);
    emu_function_reset(o->function);
    emu_unlock(o->function->emu);
    return true;
}

static bool do_fail(struct order *o)
{
    struct emu_function *f = o->function;
    char *end;
    unsigned long id = strtoul(o->words[2], &end, 10);
    bool found = false;
    if (*end == '\0' && id <= UINT8_MAX) {
        emu_lock(f->emu);
        struct port_stream *s = f->ide.cap ? stream_port_find(&f->ide, &f->config, (uint8_t)id) : NULL;
        found = s && s->secure;
        if (found)
            ide_link_fail((struct link_end){f, s});
        emu_unlock(f->emu);
    }
    if (!found)
        snprintf(o->error, sizeof o->error, "%s: no Secure stream has that Stream ID", o->words[2]);
    return found;
}

static bool do_link(struct order *o)
{
    struct emu_function *f = o->function;
    emu_lock(f->emu);
    bool done = hotplug_link(f, strcmp(o->words[0], "link-up") == 0);
    emu_unlock(f->emu);
    if (!done)
        snprintf(o->error, sizeof o->error, "%s: there is no link, or nothing at its other end", f->name);
    return done;
}

static bool do_plug(struct order *o)
{
    struct emu_function *f = o->function;
    bool present = strcmp(o->words[0], "insert") == 0;
    emu_lock(f->emu);
    bool done = hotplug_insert(f, present);
    emu_unlock(f->emu);
    if (!done)
        snprintf(o->error, sizeof o->error, "%s: it is %s, or a part of the host", f->name,
                 present ? "there" : "gone already");
    else if (f->emu->on_plug)
        f->emu->on_plug(f->emu->on_plug_context, f);
    return done;
}

static const struct {
    const char *name;
    size_t words_min, words_max;   /* with the name; the second one is a function */
    bool (*obey)(struct order *o);
} known[] = {
    {"misbehave", 3, 4, do_misbehave},
    {"behave", 2, 2, do_behave},
    {"reset", 2, 2, do_reset},
    {"fail", 3, 3, do_fail},
    {"link-down", 2, 2, do_link},
    {"link-up", 2, 2, do_link},
    {"remove", 2, 2, do_plug},
    {"insert", 2, 2, do_plug},
};

static bool find_function(struct order *o)
{
    struct pcie_bdf bdf;
    if (pcie_bdf_parse(o->words[1], &bdf) == IDE_OK)
        o->function = emu_find(o->orders->emu, &bdf);
    if (!o->function)
        snprintf(o->error, sizeof o->error, "%.32s: there is no such function", o->words[1]);
    return o->function != NULL;
}

static bool obey(struct order *o)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(o->words[0], known[i].name) != 0)
            continue;
        if (o->count >= known[i].words_min && o->count <= known[i].words_max)
            return find_function(o) && known[i].obey(o);
        snprintf(o->error, sizeof o->error, "%s: wrong number of words", o->words[0]);
        return false;
    }
    snprintf(o->error, sizeof o->error, "%.32s: there is no such order", o->words[0]);
    return false;
}

char *orders_obey(const struct orders *orders, char *line)
{
    struct order o = {.orders = orders};
    char *save, *word = strtok_r(line, " \t\r\n", &save);
    for (; word && o.count < WORDS_MAX; word = strtok_r(NULL, " \t\r\n", &save))
        o.words[o.count++] = word;
    if (o.count == 0)
        return strdup("error: an empty line");
    if (strcmp(o.words[0], "state") == 0 && o.count == 1)
        return state_json(orders->emu);
    char *answer;
    if (link_orders_obey(orders->emu, o.words, o.count, &answer))
        return answer;
    if (obey(&o))
        return strdup("ok");
    return asprintf(&answer, "error: %s", o.error) < 0 ? NULL : answer;
}
