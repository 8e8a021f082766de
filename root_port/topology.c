/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/topology.h"

#include <stdlib.h>
#include <string.h>

#define STEP           "topology"
#define LOOK_REGISTERS 32u

void topology_free(struct topology *topology)
{
    free(topology->nodes);
    free(topology->listed);
    *topology = (struct topology){0};
}

static struct topology_node *new_node(struct topology *topology)
{
    if (topology->count == topology->room) {
        size_t room = topology->room ? 2 * topology->room : 64;
        struct topology_node *nodes = reallocarray(topology->nodes, room, sizeof *nodes);
        if (!nodes)
            return NULL;
        topology->nodes = nodes;
        topology->room = room;
    }
    return &topology->nodes[topology->count++];
}

static void read_buses(struct topology_node *node, const struct pcie_config *config)
{
    uint8_t type = pcie_read8(config, PCIE_HEADER_TYPE) & PCIE_HEADER_TYPE_MASK;
    if (type != PCIE_HEADER_TYPE_BRIDGE)
        return;
    uint32_t buses = pcie_read32(config, PCIE_PRIMARY_BUS);
    node->secondary = (uint8_t)field_get(PCIE_BRIDGE_SECONDARY, buses);
    node->subordinate = (uint8_t)field_get(PCIE_BRIDGE_SUBORDINATE, buses);
    /* a bridge that is not configured yet has secondary 0; a bad one must not lead back up */
    node->bridge = node->secondary > node->bdf.bus && node->secondary <= node->subordinate;
}

static void read_ext_caps(struct topology_node *node, const struct pcie_config *config)
{
    struct pcie_ext_cap list[PCIE_EXT_CAPS_MAX];
    unsigned count = pcie_list_ext_caps(config, list);
    for (unsigned i = 0; i < count; i++) {
        if (list[i].id == PCIE_EXT_CAP_ID_IDE && node->ide == 0)
            node->ide = list[i].offset;
        node->doe_count += list[i].id == PCIE_EXT_CAP_ID_DOE;
    }
}

/* One look at a function: what was read in it is not read again, as the head of its list of capabilities is
 * for each of them. */
struct look {
    const struct pcie_config *config;
    struct {
        unsigned offset, size;
        uint32_t value;
    } seen[LOOK_REGISTERS];
    size_t count;
};

static bool look_read(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    struct look *look = context;
    for (size_t i = 0; i < look->count; i++)
        if (look->seen[i].offset == offset && look->seen[i].size == size) {
            *value = look->seen[i].value;
            return true;
        }
    if (!look->config->read(look->config->context, offset, size, value))
        return false;
    if (look->count < LOOK_REGISTERS) {
        look->seen[look->count].offset = offset;
        look->seen[look->count].size = size;
        look->seen[look->count++].value = *value;
    }
    return true;
}

static bool look_write(void *context, unsigned offset, unsigned size, uint32_t value)
{
    (void)context, (void)offset, (void)size, (void)value;
    return false;
}

static enum ide_err read_node(struct topology_node *node, const struct pcie_bdf *bdf,
                              const struct pcie_config *function, struct ide_fault *fault)
{
    *node = (struct topology_node){.bdf = *bdf, .parent = TOPOLOGY_NONE};
    struct look look = {.config = function};
    const struct pcie_config config = {look_read, look_write, &look};
    enum ide_err err = pcie_read_ids(&config, &node->ids, fault);
    if (err != IDE_OK)
        return err;
    node->type = pcie_read_port_type(&config);
    read_buses(node, &config);
    read_ext_caps(node, &config);
    return IDE_OK;
}

enum ide_err topology_add(struct topology *topology, const struct pcie_bdf *bdf,
                          const struct pcie_config *function, struct ide_fault *fault)
{
    struct topology_node node;
    enum ide_err err = read_node(&node, bdf, function, fault);
    if (err != IDE_OK)
        return err;
    struct topology_node *place = new_node(topology);
    if (!place)
        return ide_fail(fault, IDE_E_MEMORY, STEP, NULL);
    *place = node;
    return IDE_OK;
}

static int compare_nodes(const void *a, const void *b)
{
    const struct topology_node *x = a, *y = b;
    return pcie_bdf_compare(&x->bdf, &y->bdf);
}

/*
 * The bridge that forwards the node's bus. Ranges nest, so the nearest one has the greatest
 * secondary bus; with SR-IOV a function may be on a later bus of its bridge's range. Of two
 * that claim the same the first counts.
 */
static size_t find_parent(const struct topology *topology, size_t index)
{
    const struct topology_node *node = &topology->nodes[index];
    size_t parent = TOPOLOGY_NONE;
    for (size_t i = 0; i < index; i++) {
        const struct topology_node *above = &topology->nodes[i];
        if (!above->bridge || above->bdf.domain != node->bdf.domain || above->secondary > node->bdf.bus ||
            above->subordinate < node->bdf.bus)
            continue;
        if (parent == TOPOLOGY_NONE || above->secondary > topology->nodes[parent].secondary)
            parent = i;
    }
    return parent;
}

/* A device must not claim buses that are not routed to it: they may be another port's. */
static void check_range(const struct topology *topology, struct topology_node *node)
{
    if (node->parent == TOPOLOGY_NONE)
        return;
    const struct topology_node *parent = &topology->nodes[node->parent];
    if (node->secondary < parent->secondary || node->subordinate > parent->subordinate)
        node->bridge = false;
}

void topology_link(struct topology *topology)
{
    if (topology->count > 0)
        qsort(topology->nodes, topology->count, sizeof *topology->nodes, compare_nodes);
    /* parents come first, so whether they are believed is settled when their children are looked at */
    for (size_t i = 0; i < topology->count; i++) {
        topology->nodes[i].parent = find_parent(topology, i);
        check_range(topology, &topology->nodes[i]);
    }
}

/* Adds one function of the tree; one that is gone or unreadable is no failure of the whole. */
static enum ide_err add_function(struct topology *topology, struct pcie_access *access,
                                 struct pcie_presence *listed, struct ide_fault *fault)
{
    struct pcie_function function;
    enum ide_err err = pcie_function_open(&function, access, &listed->bdf, fault);
    if (err == IDE_OK)
        err = topology_add(topology, &listed->bdf, &function.config, fault);
    pcie_function_close(&function);
    listed->silent = err != IDE_OK;
    return err == IDE_E_NO_DEVICE || err == IDE_E_ACCESS ? IDE_OK : err;
}

enum ide_err topology_read(struct topology *topology, struct pcie_access *access, struct ide_fault *fault)
{
    *topology = (struct topology){0};
    enum ide_err err = pcie_access_list(access, &topology->listed, &topology->listed_count, fault);
    if (err == IDE_OK)
        topology->listing = pcie_presence_digest(topology->listed, topology->listed_count);
    for (size_t i = 0; i < topology->listed_count && err == IDE_OK; i++)
        err = add_function(topology, access, &topology->listed[i], fault);
    topology->found = pcie_presence_digest(topology->listed, topology->listed_count);
    if (err == IDE_OK && topology->listed_count > 0 && topology->count == 0)
        return ide_fail(fault, IDE_E_ACCESS, STEP, NULL);
    topology_link(topology);
    return err;
}

bool topology_is_listed(const struct topology *topology, const struct pcie_access *access)
{
    struct pcie_presence *list;
    size_t count;
    struct ide_fault fault;
    bool same = pcie_access_list(access, &list, &count, &fault) == IDE_OK &&
                pcie_presence_digest(list, count) == topology->listing;
    free(list);
    return same;
}

static int compare_listed(const void *bdf, const void *listed)
{
    return pcie_bdf_compare(bdf, &((const struct pcie_presence *)listed)->bdf);
}

uint64_t topology_presence(const struct topology *topology, const struct pcie_bdf *bdf)
{
    const struct pcie_presence *found = NULL;
    if (topology->listed_count > 0)
        found = bsearch(bdf, topology->listed, topology->listed_count, sizeof *found, compare_listed);
    return found && !found->silent ? found->serial : 0;
}

size_t topology_top(const struct topology *topology, size_t index)
{
    while (index != TOPOLOGY_NONE && topology->nodes[index].parent != TOPOLOGY_NONE)
        index = topology->nodes[index].parent;
    return index;
}

bool topology_is_below(const struct topology *topology, size_t index, size_t port)
{
    do
        index = topology->nodes[index].parent;
    while (index != TOPOLOGY_NONE && index != port);
    return index != TOPOLOGY_NONE;
}

/* False: it is gone, or forwards other buses. */
static bool renew_node(struct topology_node *node, struct pcie_access *access)
{
    struct ide_fault fault;
    struct pcie_function function;
    struct topology_node now;
    bool same = pcie_function_open(&function, access, &node->bdf, &fault) == IDE_OK &&
                read_node(&now, &node->bdf, &function.config, &fault) == IDE_OK &&
                now.secondary == node->secondary && now.subordinate == node->subordinate;
    pcie_function_close(&function);
    if (!same)
        return false;
    now.parent = node->parent;
    now.bridge = node->bridge; /* as its place among the others says */
    *node = now;
    return true;
}

bool topology_renew(struct topology *topology, size_t index, struct pcie_access *access)
{
    size_t top = topology_top(topology, index);
    bool same = true;
    for (size_t i = top; i < topology->count && same; i++)
        if (topology_top(topology, i) == top)
            same = renew_node(&topology->nodes[i], access);
    return same;
}

size_t topology_find(const struct topology *topology, const struct pcie_bdf *bdf)
{
    for (size_t i = 0; i < topology->count; i++)
        if (pcie_bdf_compare(&topology->nodes[i].bdf, bdf) == 0)
            return i;
    return TOPOLOGY_NONE;
}

/* The chain upwards, path[0] the function itself; its length. */
static size_t climb(const struct topology *topology, size_t index, size_t path[static TOPOLOGY_DEPTH_MAX])
{
    size_t count = 0;
    for (; index != TOPOLOGY_NONE && count < TOPOLOGY_DEPTH_MAX; index = topology->nodes[index].parent)
        path[count++] = index;
    return count;
}

static void reverse(size_t *path, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        size_t other = path[i];
        path[i] = path[count - 1 - i];
        path[count - 1 - i] = other;
    }
}

enum ide_err topology_path(const struct topology *topology, size_t index,
                           size_t path[static TOPOLOGY_DEPTH_MAX], size_t *count, struct ide_fault *fault)
{
    *count = climb(topology, index, path);
    reverse(path, *count);
    /* only what is at the top is a root port: a device further down that says so must not get its keys */
    if (*count == 0 || topology->nodes[path[0]].type != PCIE_TYPE_ROOT_PORT)
        return ide_fail(fault, IDE_E_NO_PARTNER, STEP, "root port");
    for (size_t i = 1; i + 1 < *count; i++) {
        enum pcie_port_type type = topology->nodes[path[i]].type;
        if (type != PCIE_TYPE_UPSTREAM && type != PCIE_TYPE_DOWNSTREAM)
            return ide_fail(fault, IDE_E_NO_PARTNER, STEP, "switch port");
    }
    return IDE_OK;
}

static bool is_endpoint(const struct topology_node *node)
{
    return node->type == PCIE_TYPE_ENDPOINT || node->type == PCIE_TYPE_LEGACY_ENDPOINT;
}

size_t topology_next_endpoint(const struct topology *topology, size_t port, size_t after)
{
    for (size_t i = after == TOPOLOGY_NONE ? 0 : after + 1; i < topology->count; i++)
        if (is_endpoint(&topology->nodes[i]) && topology_is_below(topology, i, port))
            return i;
    return TOPOLOGY_NONE;
}

/* Counts the endpoints below port, those with an IDE capability if with_ide; *first is the first of them. */
static size_t count_endpoints(const struct topology *topology, size_t port, bool with_ide, size_t *first)
{
    size_t count = 0, i = TOPOLOGY_NONE;
    while ((i = topology_next_endpoint(topology, port, i)) != TOPOLOGY_NONE) {
        if (with_ide && topology->nodes[i].ide == 0)
            continue;
        if (count++ == 0)
            *first = i;
    }
    return count;
}

static enum ide_err only_endpoint(const struct topology *topology, size_t port, size_t *endpoint,
                                  struct ide_fault *fault)
{
    size_t count = count_endpoints(topology, port, true, endpoint);
    if (count == 0)
        count = count_endpoints(topology, port, false, endpoint);
    if (count == 0)
        return ide_fail(fault, IDE_E_NO_PARTNER, STEP, "endpoint");
    if (count > 1)
        return ide_fail_value(fault, IDE_E_AMBIGUOUS, STEP, "endpoint", count, 1);
    return IDE_OK;
}

enum ide_err topology_pair(const struct topology *topology, const struct pcie_bdf *bdf,
                           struct topology_pair *pair, struct ide_fault *fault)
{
    size_t path[TOPOLOGY_DEPTH_MAX], count, index = topology_find(topology, bdf), endpoint = index;
    if (index == TOPOLOGY_NONE)
        return ide_fail(fault, IDE_E_NO_DEVICE, STEP, NULL);
    const struct topology_node *node = &topology->nodes[index];
    if (node->type != PCIE_TYPE_ROOT_PORT && !is_endpoint(node))
        return ide_fail(fault, IDE_E_NOT_PORT, STEP, pcie_port_type_name(node->type));
    if (node->type == PCIE_TYPE_ROOT_PORT) {
        enum ide_err err = only_endpoint(topology, index, &endpoint, fault);
        if (err != IDE_OK)
            return err;
    }
    enum ide_err err = topology_path(topology, endpoint, path, &count, fault);
    if (err != IDE_OK)
        return err;
    *pair = (struct topology_pair){.root_port = path[0], .endpoint = endpoint};
    return IDE_OK;
}
