/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/flow_through.h"

#include <stdlib.h>

#include "root_port/ide_cap.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/store_hold.h"

struct flow_port {
    struct flow_port *next;
    struct pcie_bdf bdf;
    unsigned streams;
    bool ours; /* it was off before */
};

void flow_through_open(struct flow_through *flow)
{
    *flow = (struct flow_through){0};
    pthread_mutex_init(&flow->lock, NULL);
}

void flow_through_close(struct flow_through *flow)
{
    while (flow->first) {
        struct flow_port *port = flow->first;
        flow->first = port->next;
        free(port);
    }
    pthread_mutex_destroy(&flow->lock);
}

static enum ide_err note_first(struct store *store, const struct ide_port *port, bool *was, struct ide_fault *fault)
{
    *was = pcie_read32(&port->config, port->cap.offset + PCIE_IDE_CTL) & PCIE_IDE_CTL_FLOWTHROUGH;
    return *was ? IDE_OK : store_hold_switch_port(store, &port->bdf, fault);
}

/* Sets the bit. *was: what it was before, and if it was off it is written down that it is ours; may be NULL. */
static enum ide_err set(struct store *store, struct pcie_access *access, const struct pcie_bdf *bdf, bool on, bool *was,
                        struct ide_fault *fault)
{
    struct pcie_function function = {0};
    struct ide_port port;
    enum ide_err err = pcie_function_open(&function, access, bdf, fault);
    if (err == IDE_OK)
        err = ide_port_open(&port, bdf, &function.config, fault);
    if (err == IDE_OK && was)
        err = note_first(store, &port, was, fault);
    if (err == IDE_OK)
        err = ide_flow_through(&port, on, fault);
    kill_point("flow-through");
    pcie_function_close(&function);
    return err;
}

static struct flow_port **find(struct flow_through *flow, const struct pcie_bdf *bdf)
{
    struct flow_port **at = &flow->first;
    while (*at && pcie_bdf_compare(&(*at)->bdf, bdf) != 0)
        at = &(*at)->next;
    return at;
}

static enum ide_err add(struct flow_through *flow, struct pcie_access *access, const struct pcie_bdf *bdf,
                        struct ide_fault *fault)
{
    bool was = false;
    struct flow_port *port = calloc(1, sizeof *port);
    if (!port)
        return ide_fail(fault, IDE_E_MEMORY, NULL, NULL);
    enum ide_err err = set(flow->store, access, bdf, true, &was, fault);
    if (err != IDE_OK) {
        free(port);
        return err;
    }
    *port = (struct flow_port){.next = flow->first, .bdf = *bdf, .streams = 1, .ours = !was};
    flow->first = port;
    return IDE_OK;
}

enum ide_err flow_through_take(struct flow_through *flow, struct pcie_access *access,
                               const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    enum ide_err err;
    pthread_mutex_lock(&flow->lock);
    struct flow_port *port = *find(flow, bdf);
    if (port) {
        err = set(flow->store, access, bdf, true, NULL, fault); /* a reset may have cleared it */
        port->streams += err == IDE_OK;
    } else {
        err = add(flow, access, bdf, fault);
    }
    pthread_mutex_unlock(&flow->lock);
    return err;
}

enum ide_err flow_through_give(struct flow_through *flow, struct pcie_access *access,
                               const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    enum ide_err err = IDE_OK;
    pthread_mutex_lock(&flow->lock);
    struct flow_port **at = find(flow, bdf), *port = *at;
    if (port && --port->streams == 0) {
        *at = port->next;
        if (port->ours)
            err = set(flow->store, access, bdf, false, NULL, fault);
        if (port->ours && err == IDE_OK)
            store_let_switch_port_go(flow->store, bdf);
        free(port);
    }
    pthread_mutex_unlock(&flow->lock);
    return err;
}

void flow_through_inherit(struct flow_through *flow, const struct pcie_bdf *bdf)
{
    pthread_mutex_lock(&flow->lock);
    struct flow_port *port = *find(flow, bdf) ? NULL : calloc(1, sizeof *port);
    if (port) {
        *port = (struct flow_port){.next = flow->first, .bdf = *bdf, .ours = true};
        flow->first = port;
    }
    pthread_mutex_unlock(&flow->lock);
}

bool flow_through_disown(struct flow_through *flow, const struct pcie_bdf *bdf)
{
    pthread_mutex_lock(&flow->lock);
    struct flow_port **at = find(flow, bdf), *port = *at;
    bool is_free = !port || port->streams == 0;
    if (port && is_free) {
        *at = port->next;
        free(port);
    }
    pthread_mutex_unlock(&flow->lock);
    return is_free;
}
