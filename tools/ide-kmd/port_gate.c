/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/port_gate.h"

#include <stdlib.h>

#include "root_port/forwarding.h"
#include "tools/ide-kmd/kill_switch.h"

const char *gate_level_name(enum gate_level level)
{
    static const char *const names[] = {
        [GATE_OPEN] = "open", [GATE_HOST] = "host_closed", [GATE_CLOSED] = "closed"};
    return names[level];
}

/* ---- one register ------------------------------------------------------------ */

struct gate_turn gate_turn(struct gate_bits now, uint16_t command, uint16_t closed)
{
    uint16_t newly = closed & (uint16_t)~now.closed, back = now.closed & (uint16_t)~closed;
    struct gate_turn turn = {.clear = command & closed,
                             .set = now.held & back & (uint16_t)~command,
                             .reopened = command & closed & now.closed};
    turn.bits.closed = closed;
    /* exactly those that are there now; of those that were closed before, those that somebody has set since,
     * too */
    turn.bits.held = (now.held & (uint16_t)~newly) | (command & closed);
    return turn;
}

static uint16_t closed_bits(const struct port_gate *gate, const struct gate_function *f,
                            enum gate_level level)
{
    if (f != &gate->port)
        return level == GATE_CLOSED ? PCIE_COMMAND_MASTER : 0;
    return level == GATE_CLOSED ? FORWARDING_ALL : level == GATE_HOST ? FORWARDING_HOST : 0;
}

/* Nothing is cleared that is not on the disk before. */
static enum ide_err write_down(struct port_gates *gates, const struct port_gate *gate,
                               struct gate_function *f, struct gate_bits bits, struct ide_fault *fault)
{
    const struct held_gate held = {f->bdf, gate->root_port, bits.held};
    if (f->written && f->bits.held == bits.held)
        return IDE_OK;
    enum ide_err err = store_hold_gate(gates->store, &held, fault);
    f->written = f->written || err == IDE_OK;
    return err;
}

static enum ide_err turn_register(struct port_gates *gates, const struct port_gate *gate,
                                  struct gate_function *f, const struct pcie_config *config, uint16_t closed,
                                  uint16_t *reopened, struct ide_fault *fault)
{
    uint16_t command;
    enum ide_err err = forwarding_read(config, &command, fault);
    if (err != IDE_OK)
        return err;
    struct gate_turn turn = gate_turn(f->bits, command, closed);
    uint16_t stuck = f->stuck;
    err = write_down(gates, gate, f, turn.bits, fault);
    if (err != IDE_OK)
        return err;
    f->bits.held = turn.bits.held;
    f->bits.closed |= closed; /* they may be from here on */
    err = forwarding_write(config, command, turn.clear, turn.set, fault);
    if (turn.clear | turn.set)
        kill_point("a Command register is written");
    f->stuck = err == IDE_OK ? 0 : f->stuck | turn.clear;
    if (err != IDE_OK)
        return err;
    f->bits.closed = closed;
    *reopened = turn.reopened & (uint16_t)~stuck;
    return IDE_OK;
}

/* One that is to be open, and is, need not be looked at. */
static enum ide_err turn_one(struct port_gates *gates, const struct port_gate *gate, struct gate_function *f,
                             struct pcie_access *access, uint16_t closed, uint16_t *reopened,
                             struct ide_fault *fault)
{
    struct pcie_function function = {0};
    if ((closed | f->bits.closed) == 0)
        return write_down(gates, gate, f, f->bits, fault);
    enum ide_err err = pcie_function_bind(&function, access, &f->bdf, fault);
    if (err == IDE_OK)
        err = turn_register(gates, gate, f, &function.config, closed, reopened, fault);
    pcie_function_close(&function);
    return err;
}

/* Puts into the result what came of it; the first failure is the one to tell. */
static void turn_function(struct port_gates *gates, struct port_gate *gate, struct gate_function *f,
                          struct pcie_access *access, enum gate_level level, struct gate_result *result)
{
    struct ide_fault fault = {0};
    uint16_t reopened = 0;
    enum ide_err err = turn_one(gates, gate, f, access, closed_bits(gate, f, level), &reopened, &fault);
    if (reopened) {
        result->reopened |= reopened;
        result->device = f->bdf;
    }
    if (err != IDE_OK && result->err == IDE_OK) {
        result->err = err;
        result->fault = fault;
        result->device = f->bdf;
    }
}

/* ---- the lists ----------------------------------------------------------------- */

void port_gates_open(struct port_gates *gates, struct store *store)
{
    *gates = (struct port_gates){.store = store};
    pthread_mutex_init(&gates->lock, NULL);
}

static void free_gate(struct port_gate *gate)
{
    while (gate->below) {
        struct gate_function *f = gate->below;
        gate->below = f->next;
        free(f);
    }
    free(gate);
}

void port_gates_close(struct port_gates *gates)
{
    while (gates->first) {
        struct port_gate *gate = gates->first;
        gates->first = gate->next;
        free_gate(gate);
    }
    pthread_mutex_destroy(&gates->lock);
}

static struct port_gate **find(struct port_gates *gates, const struct pcie_bdf *root_port)
{
    struct port_gate **at = &gates->first;
    while (*at && pcie_bdf_compare(&(*at)->root_port, root_port) != 0)
        at = &(*at)->next;
    return at;
}

struct port_gate *port_gates_find(struct port_gates *gates, const struct pcie_bdf *root_port)
{
    return *find(gates, root_port);
}

static struct port_gate *need(struct port_gates *gates, const struct pcie_bdf *root_port)
{
    struct port_gate **at = find(gates, root_port);
    if (!*at && (*at = calloc(1, sizeof **at)) != NULL)
        **at = (struct port_gate){.root_port = *root_port, .port.bdf = *root_port, .pending = true};
    return *at;
}

static struct gate_function **find_below(struct port_gate *gate, const struct pcie_bdf *bdf)
{
    struct gate_function **at = &gate->below;
    while (*at && pcie_bdf_compare(&(*at)->bdf, bdf) != 0)
        at = &(*at)->next;
    return at;
}

static struct gate_function *need_below(struct port_gate *gate, const struct pcie_bdf *bdf)
{
    struct gate_function **at = find_below(gate, bdf);
    if (!*at && (*at = calloc(1, sizeof **at)) != NULL) {
        (*at)->bdf = *bdf;
        gate->pending = true;
    }
    return *at;
}

static bool load_row(struct port_gates *gates, const struct held_gate *held)
{
    struct port_gate *gate = need(gates, &held->root_port);
    bool is_port = pcie_bdf_compare(&held->function, &held->root_port) == 0;
    struct gate_function *f = gate && !is_port ? need_below(gate, &held->function)
                              : gate           ? &gate->port
                                               : NULL;
    if (!f)
        return false;
    f->written = true;
    f->bits = (struct gate_bits){.held = held->bits};
    f->bits.closed = closed_bits(gate, f, GATE_CLOSED);
    gate->level = GATE_CLOSED;
    return true;
}

enum ide_err port_gates_load(struct port_gates *gates, struct ide_fault *fault)
{
    size_t count;
    struct held_gate *rows;
    enum ide_err err = store_load_gates(gates->store, &rows, &count, fault);
    pthread_mutex_lock(&gates->lock);
    for (size_t i = 0; i < count && err == IDE_OK; i++)
        if (!load_row(gates, &rows[i]))
            err = ide_fail(fault, IDE_E_MEMORY, NULL, NULL);
    pthread_mutex_unlock(&gates->lock);
    free(rows);
    return err;
}

/* ---- for all threads ------------------------------------------------------------- */

struct gate_view port_gates_look(struct port_gates *gates, const struct pcie_bdf *root_port)
{
    struct gate_view view = {.level = -1};
    pthread_mutex_lock(&gates->lock);
    const struct port_gate *gate = *find(gates, root_port);
    if (gate)
        view = (struct gate_view){.level = (int)gate->level, .pending = gate->pending};
    pthread_mutex_unlock(&gates->lock);
    return view;
}

/* What was there before is not known any more. */
static void forget_errors(struct port_gate *gate)
{
    gate->port.has_errors = false;
    for (struct gate_function *f = gate->below; f; f = f->next)
        f->has_errors = false;
}

struct gate_result port_gates_set(struct port_gates *gates, struct pcie_access *access,
                                  const struct pcie_bdf *root_port, enum gate_level level)
{
    struct gate_result result = {.err = IDE_OK, .device = *root_port};
    pthread_mutex_lock(&gates->lock);
    struct port_gate *gate = need(gates, root_port);
    if (!gate) {
        result.err = ide_fail(&result.fault, IDE_E_MEMORY, NULL, NULL);
    } else {
        turn_function(gates, gate, &gate->port, access, level, &result);
        result.changed = result.err == IDE_OK && gate->level != level;
        gate->pending = gate->pending || result.changed;
        if (result.changed)
            forget_errors(gate);
        if (result.err == IDE_OK)
            gate->level = level;
    }
    pthread_mutex_unlock(&gates->lock);
    return result;
}

static bool is_in_tree(struct pcie_access *access, const struct pcie_bdf *bdf)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    bool there = pcie_function_bind(&function, access, bdf, &fault) == IDE_OK;
    pcie_function_close(&function);
    return there;
}

/* What is put in there next is another one, and as its driver has it. */
static void drop_gone(struct port_gates *gates, struct port_gate *gate, struct pcie_access *access)
{
    for (struct gate_function **at = &gate->below; *at;) {
        struct gate_function *f = *at;
        if (is_in_tree(access, &f->bdf)) {
            at = &f->next;
            continue;
        }
        *at = f->next;
        store_let_gate_go(gates->store, &f->bdf);
        free(f);
    }
}

void port_gates_members(struct port_gates *gates, struct pcie_access *access, const struct topology *topology,
                        const struct pcie_bdf *root_port)
{
    pthread_mutex_lock(&gates->lock);
    struct port_gate *gate = *find(gates, root_port);
    size_t port = topology_find(topology, root_port), i = TOPOLOGY_NONE;
    if (gate)
        drop_gone(gates, gate, access);
    while (gate && port != TOPOLOGY_NONE && (i = topology_next_endpoint(topology, port, i)) != TOPOLOGY_NONE)
        (void)!need_below(gate,
                          &topology->nodes[i].bdf); /* without memory: the root port refuses what it sends */
    pthread_mutex_unlock(&gates->lock);
}

struct gate_result port_gates_below(struct port_gates *gates, struct pcie_access *access,
                                    const struct pcie_bdf *root_port, unsigned first_bus, unsigned last_bus)
{
    struct gate_result result = {.err = IDE_OK, .device = *root_port};
    bool all = first_bus == 0 && last_bus >= UINT8_MAX;
    pthread_mutex_lock(&gates->lock);
    struct port_gate *gate = *find(gates, root_port);
    for (struct gate_function *f = gate ? gate->below : NULL; f; f = f->next)
        if (f->bdf.bus >= first_bus && f->bdf.bus <= last_bus)
            turn_function(gates, gate, f, access, gate->level, &result);
    if (gate && all)
        gate->pending = result.err != IDE_OK;
    pthread_mutex_unlock(&gates->lock);
    return result;
}

void port_gates_forget(struct port_gates *gates, const struct pcie_bdf *root_port)
{
    pthread_mutex_lock(&gates->lock);
    struct port_gate **at = find(gates, root_port), *gate = *at;
    if (gate) {
        *at = gate->next;
        store_let_gate_go(gates->store, &gate->port.bdf);
        for (const struct gate_function *f = gate->below; f; f = f->next)
            store_let_gate_go(gates->store, &f->bdf);
        free_gate(gate);
    }
    pthread_mutex_unlock(&gates->lock);
}
