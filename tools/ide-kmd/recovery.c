/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/recovery.h"

#include <stdio.h>

#include "root_port/cxl_unit.h"
#include "root_port/topology.h"
#include "tools/ide-kmd/bdf_json.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/log.h"
#include "tools/ide-kmd/recovery_stream.h"
#include "tools/ide-kmd/store_log.h"

#define STEP "recovery"

/* ---- telling ------------------------------------------------------------- */

struct told {
    struct pcie_bdf root_port, endpoint; /* the latter the same where there is none */
    int stream;                          /* -1: none */
};

static void tell(const struct recovery *r, const struct told *what, const char *state,
                 const struct pcie_bdf *device, const char *message)
{
    char root[PCIE_BDF_TEXT], endpoint[PCIE_BDF_TEXT], number[16] = "";
    if (what->stream >= 0)
        snprintf(number, sizeof number, " stream %d", what->stream);
    log_say(LOG_NOTICE, LOG_PLAIN, "left by an earlier run: %s - %s%s: %s",
            pcie_bdf_format(&what->root_port, root), pcie_bdf_format(&what->endpoint, endpoint), number,
            message);
    json_t *event = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:s}", "event", "recovery", "root_port",
                              bdf_json(&what->root_port), "endpoint", bdf_json(&what->endpoint), "stream",
                              what->stream < 0 ? json_null() : json_integer(what->stream), "device",
                              device ? bdf_json(device) : json_null(), "state", state, "message", message,
                              "asked_by", "recovery");
    store_take_event(r->store, event);
    json_decref(event);
}

static void tell_fault(const struct recovery *r, const struct told *what, const struct pcie_bdf *device,
                       const struct ide_fault *fault)
{
    char text[FAILURE_MESSAGE_MAX];
    tell(r, what, "failed", device, ide_fault_text(fault, text, sizeof text));
}

/* ---- streams and links --------------------------------------------------- */

static void stream_off(struct recovery *r, struct pcie_access *access, struct held_stream *held)
{
    const char *was;
    struct pcie_bdf device;
    struct ide_fault fault = {0};
    const struct told what = {held->end[END_ROOT_PORT].bdf, held->end[END_ENDPOINT].bdf, held->id};
    const struct stream_ends ends = {.bdf = {held->end[END_ENDPOINT].bdf, held->end[END_ROOT_PORT].bdf}};
    if (recovery_stream_off(r, access, held, &was, &device, &fault) != IDE_OK) {
        tell_fault(r, &what, &device, &fault);
        r->is_done = false;
        return;
    }
    tell(r, &what, "off", NULL, was);
    held->state = HELD_NOTHING;
    store_let_go(r->store, &ends, held->id);
}

static enum ide_err link_off(const struct recovery *r, const struct pcie_bdf *root, struct ide_fault *fault)
{
    struct kcu_memory memory;
    enum ide_err err = providers_cxl_unit(r->providers, root, &memory, fault);
    const struct cxl_unit unit = {.access = kcu_memory_access(&memory)};
    if (err == IDE_OK)
        err = cxl_unit_stop(&unit, fault);
    kill_point("recovery: a CXL link's unit is off");
    kcu_memory_close(&memory);
    return err == IDE_E_PROVIDER ? IDE_OK : err; /* there is no unit that could have anything of it */
}

static void cxl_link_off(struct recovery *r, struct held_cxl_link *held)
{
    struct ide_fault fault = {0};
    const struct pcie_bdf *root = &held->bdf[END_ROOT_PORT];
    const struct told what = {*root, held->bdf[END_ENDPOINT], -1};
    if (link_off(r, root, &fault) != IDE_OK) {
        tell_fault(r, &what, root, &fault);
        r->is_done = false;
        return;
    }
    tell(r, &what, "off", NULL, "the CXL link's keys are taken back, and it is not encrypted");
    held->state = HELD_NOTHING;
    store_let_cxl_link_go(r->store, root);
}

/* ---- switch ports -------------------------------------------------------- */

static bool has_streams(struct pcie_access *access, const struct topology_node *node)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    struct ide_port port;
    bool found = false;
    if (pcie_function_open(&function, access, &node->bdf, &fault) == IDE_OK &&
        ide_port_open(&port, &node->bdf, &function.config, &fault) == IDE_OK)
        for (unsigned i = 0; i < port.cap.selective_count && !found; i++) {
            struct ide_block_state state;
            const struct ide_block block = {.kind = IDE_SELECTIVE, .index = (uint8_t)i};
            found = ide_block_read(&port, block, &state, &fault) == IDE_OK && state.use != IDE_USE_IDLE;
        }
    pcie_function_close(&function);
    return found;
}

/* Somebody else's stream may have come to need what we had turned on. */
static bool is_used(struct pcie_access *access, const struct topology *topology, size_t port)
{
    for (size_t i = 0; i < topology->count; i++)
        if (topology->nodes[i].ide != 0 && topology_is_below(topology, i, port) &&
            has_streams(access, &topology->nodes[i]))
            return true;
    return false;
}

static enum ide_err turn_off(struct pcie_access *access, const struct pcie_bdf *bdf, struct ide_fault *fault)
{
    struct pcie_function function = {0};
    struct ide_port port;
    enum ide_err err = pcie_function_open(&function, access, bdf, fault);
    if (err == IDE_OK)
        err = ide_port_open(&port, bdf, &function.config, fault);
    if (err == IDE_OK)
        err = ide_flow_through(&port, false, fault);
    kill_point("recovery: a switch port passes nothing on");
    pcie_function_close(&function);
    return err;
}

static void switch_port_off(struct recovery *r, struct pcie_access *access, const struct topology *topology,
                            const struct pcie_bdf *bdf)
{
    struct ide_fault fault = {0};
    const struct told what = {*bdf, *bdf, -1};
    if (!flow_through_disown(r->flow, bdf)) {
        tell(r, &what, "left", bdf, "it goes on passing IDE TLPs for a stream that is up again");
        return;
    }
    size_t node = topology_find(topology, bdf);
    if (node != TOPOLOGY_NONE && is_used(access, topology, node)) {
        tell(r, &what, "left", bdf, "it goes on passing IDE TLPs, because somebody else's stream needs it");
    } else if (node != TOPOLOGY_NONE && turn_off(access, bdf, &fault) != IDE_OK) {
        tell_fault(r, &what, bdf, &fault);
        flow_through_inherit(r->flow, bdf);
        r->is_done = false;
        return;
    } else {
        tell(r, &what, "off", bdf, "it passes no IDE TLPs any more");
    }
    store_let_switch_port_go(r->store, bdf);
}

/* Only once no stream of ours is left: endpoints are looked at. */
static void switch_ports_off(struct recovery *r, struct pcie_access *access)
{
    struct topology topology;
    struct ide_fault fault;
    if (r->held.switch_ports == 0 || !r->is_done)
        return;
    if (topology_read(&topology, access, &fault) != IDE_OK) {
        r->is_done = false;
        return;
    }
    for (size_t i = 0; i < r->held.switch_ports; i++)
        switch_port_off(r, access, &topology, &r->held.switch_port[i]);
    topology_free(&topology);
    if (r->is_done)
        r->held.switch_ports = 0;
}

/* ---- all of it ----------------------------------------------------------- */

static void put_in_order(struct recovery *r, struct pcie_access *access)
{
    r->is_done = true;
    for (size_t i = 0; i < r->held.streams; i++)
        if (r->held.stream[i].state != HELD_NOTHING)
            stream_off(r, access, &r->held.stream[i]);
    for (size_t i = 0; i < r->held.cxl_links; i++)
        if (r->held.cxl_link[i].state != HELD_NOTHING)
            cxl_link_off(r, &r->held.cxl_link[i]);
    switch_ports_off(r, access);
}

/* first: nobody has opened any of the gates since. */
static enum ide_err open_and_do(struct recovery *r, bool first, struct ide_fault *fault)
{
    struct pcie_access access;
    enum ide_err err = pcie_access_open(&access, r->sysfs, fault);
    if (err == IDE_OK && first && r->gates)
        port_gate_recover(r->gates, &access, &r->held);
    if (err == IDE_OK)
        put_in_order(r, &access);
    pcie_access_close(&access);
    return err;
}

enum ide_err recovery_open(struct recovery *r, struct failure *failure)
{
    struct ide_fault fault = {0};
    enum ide_err err = store_load(r->store, &r->held, &fault);
    r->is_done = true;
    if (err == IDE_OK && r->gates)
        err = port_gates_load(r->gates, &fault);
    kill_switch_begins("recovery", true);
    if (err == IDE_OK)
        err = open_and_do(r, true, &fault);
    kill_switch_ends("recovery");
    for (size_t i = 0; i < r->held.switch_ports; i++) /* of which nothing is left, as a rule */
        flow_through_inherit(r->flow, &r->held.switch_port[i]);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, NULL, &fault);
}

void recovery_again(struct recovery *r)
{
    struct ide_fault fault;
    r->is_done = open_and_do(r, false, &fault) == IDE_OK && r->is_done;
}

void recovery_close(struct recovery *r)
{
    held_release(&r->held);
}
