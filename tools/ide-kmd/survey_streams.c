/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which streams are meant, and what each needs of the platform, found out before any device is talked to. */
#include <stdio.h>
#include <string.h>

#include "tools/ide-kmd/survey.h"

#define STEP "survey"

/* "0000:04:00.0, 0000:05:00.0": between which the user has to choose. */
static void name_endpoints(const struct topology *topology, const struct pcie_bdf *root_port, char *text,
                           size_t size)
{
    size_t port = topology_find(topology, root_port), used = 0, at = TOPOLOGY_NONE;
    char bdf[PCIE_BDF_TEXT];
    text[0] = '\0';
    while ((at = topology_next_endpoint(topology, port, at)) != TOPOLOGY_NONE && used < size) {
        int n = snprintf(text + used, size - used, "%s%s", used ? ", " : "",
                         pcie_bdf_format(&topology->nodes[at].bdf, bdf));
        used += n > 0 ? (size_t)n : 0;
    }
}

static enum ide_err pair_failed(const struct survey *survey, const struct pcie_bdf *bdf,
                                const struct ide_fault *fault, struct failure *failure)
{
    char names[200];
    if (fault->err != IDE_E_AMBIGUOUS)
        return failure_fault(failure, STEP, bdf, fault);
    name_endpoints(&survey->topology, bdf, names, sizeof names);
    return failure_device(failure, IDE_E_AMBIGUOUS, STEP, bdf,
                          "several endpoints are below the root port: %s", names);
}

/* ---- what each port must be able to do ------------------------------------ */

static enum ide_err check_port(struct survey *survey, const struct pcie_bdf *bdf,
                               enum ide_err (*check)(const struct ide_port *port, const void *context,
                                                     struct ide_fault *fault),
                               const void *context, struct failure *failure)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    struct ide_port port;
    enum ide_err err = survey_open_ide(survey, bdf, &function, &port, &fault);
    if (err == IDE_OK)
        err = check(&port, context, &fault);
    pcie_function_close(&function);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, bdf, &fault);
}

/* TLPs in a traffic class that no virtual channel carries do not pass. TC 0 is always VC0's, and nothing is
 * read for it. */
static enum ide_err check_class(const struct ide_port *port, const struct planned_stream *stream,
                                struct ide_fault *fault)
{
    uint8_t class = stream->features.traffic_class;
    return class == 0 || (pcie_traffic_classes(&port->config) & 1u << class)
               ? IDE_OK
               : ide_fail(fault, IDE_E_CAPABILITY, NULL, "TC/VC Map");
}

/* A switch port between must be able to pass IDE TLPs on as they are. */
static enum ide_err check_flow_through(const struct ide_port *port, const void *context,
                                       struct ide_fault *fault)
{
    return port->cap.flow_through
               ? check_class(port, context, fault)
               : ide_fail(fault, IDE_E_CAPABILITY, NULL, "Flow-Through IDE Stream Supported");
}

static enum ide_err check_path(struct survey *survey, const struct planned_stream *stream,
                               struct failure *failure)
{
    enum ide_err err = IDE_OK;
    for (unsigned i = 0; i < stream->ends.switch_ports && err == IDE_OK; i++)
        err = check_port(survey, &stream->ends.switch_port[i], check_flow_through, stream, failure);
    return err;
}

static enum ide_err check_abilities(const struct ide_port *port, const void *context, struct ide_fault *fault)
{
    const struct planned_stream *stream = context;
    enum ide_err err = ide_features_check(&stream->features, stream->kind, &port->cap, fault);
    return err == IDE_OK ? check_class(port, stream, fault) : err;
}

/* Whether a block of the root port has as many address associations as are needed. */
static enum ide_err check_address_blocks(const struct ide_port *port, const void *context, struct ide_fault *fault)
{
    unsigned room = 0, needed = *(const unsigned *)context;
    for (unsigned i = 0; i < ide_block_count(&port->cap, IDE_SELECTIVE); i++)
        room = port->cap.address_blocks[i] > room ? port->cap.address_blocks[i] : room;
    return room >= needed ? IDE_OK
                          : ide_fail_value(fault, IDE_E_CAPABILITY, NULL,
                                           "Number of Address Association Register Blocks", room, needed);
}

static enum ide_err check_windows(struct survey *survey, const struct stream_ends *ends, struct failure *failure)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    const struct pcie_bdf *above = stream_port_above(ends), *root_port = &ends->bdf[END_ROOT_PORT];
    enum ide_err err = pcie_function_open(&function, &survey->access, above, &fault);
    unsigned windows = err == IDE_OK ? pcie_bridge_window_count(&function.config) : 0, needed = windows;
    pcie_function_close(&function);
    if (err != IDE_OK)
        return failure_fault(failure, STEP, above, &fault);
    if (needed > 1 && stream_may_join_windows(ends))
        needed = 1;
    if (needed == 0 || check_port(survey, root_port, check_address_blocks, &needed, failure) == IDE_OK)
        return IDE_OK;
    if (failure->err == IDE_E_CAPABILITY)
        snprintf(failure->message, sizeof failure->message,
                 "the memory below the port above the endpoint is %u windows, and a stream of the root port has room "
                 "for %u addresses: the rest would be in the clear",
                 windows, (unsigned)failure->fault.got);
    return failure->err;
}

/* The port's own mailbox takes its keys. */
static enum ide_err check_ide_km(const struct ide_port *port, const void *context, struct ide_fault *fault)
{
    (void)context;
    return port->cap.ide_km ? IDE_OK : ide_fail(fault, IDE_E_CAPABILITY, NULL, "IDE_KM Protocol Supported");
}

/* What a TEE Security Manager has connected is the kernel's to set streams up for. */
static enum ide_err check_owner(const struct survey *survey, const struct pcie_bdf *bdf,
                                struct failure *failure)
{
    char tsm[KERNEL_TSM_MAX];
    if (!kernel_tsm(&survey->access, bdf, tsm))
        return IDE_OK;
    return failure_device(failure, IDE_E_FOREIGN, STEP, bdf,
                          "the device belongs to the kernel: its TSM %s is connected", tsm);
}

/*
 * A port without a mailbox may be served by that of its device: a switch's downstream port by the upstream
 * port's, a function by function 0's.
 */
static bool find_mailbox(const struct survey *survey, const struct topology_node *node,
                         struct stream_ends *ends, enum stream_end end)
{
    struct pcie_bdf first = node->bdf;
    first.function = 0;
    size_t index =
        node->type == PCIE_TYPE_DOWNSTREAM ? node->parent : topology_find(&survey->topology, &first);
    if (index == TOPOLOGY_NONE || survey->topology.nodes[index].doe_count == 0)
        return false;
    ends->served[end] = true;
    ends->mailbox[end] = survey->topology.nodes[index].bdf;
    return true;
}

/* That it has the capability at all was looked at when it was opened. */
static enum ide_err check_capability(const struct ide_port *port, const void *context,
                                     struct ide_fault *fault)
{
    (void)port, (void)context, (void)fault;
    return IDE_OK;
}

static enum ide_err check_keys(struct survey *survey, struct stream_ends *ends, enum stream_end end,
                               bool *by_itself, struct failure *failure)
{
    const struct pcie_bdf *bdf = &ends->bdf[end];
    const struct topology_node *node = &survey->topology.nodes[topology_find(&survey->topology, bdf)];
    const char *provider = node->type == PCIE_TYPE_ROOT_PORT
                               ? providers_name(survey->providers, bdf, node->doe_count > 0)
                               : PROVIDER_OWN;
    if (!provider)
        return failure_device(failure, IDE_E_PROVIDER, STEP, bdf, "no key unit serves the root port");
    *by_itself = strcmp(provider, PROVIDER_OWN) == 0;
    if (*by_itself && node->doe_count == 0 && !find_mailbox(survey, node, ends, end))
        return failure_device(failure, IDE_E_NO_DOE, STEP, bdf, "the function has no DOE mailbox");
    return IDE_OK;
}

/* First whether it has to do with IDE, since nobody would miss a mailbox otherwise. */
static enum ide_err check_end(struct survey *survey, struct planned_stream *stream, enum stream_end end,
                              struct failure *failure)
{
    const struct pcie_bdf *bdf = &stream->ends.bdf[end];
    bool by_itself = false;
    enum ide_err err = check_port(survey, bdf, check_capability, NULL, failure);
    if (err == IDE_OK)
        err = check_keys(survey, &stream->ends, end, &by_itself, failure);
    if (err == IDE_OK)
        err = check_port(survey, bdf, check_abilities, stream, failure);
    return err == IDE_OK && by_itself ? check_port(survey, bdf, check_ide_km, NULL, failure) : err;
}

/* ---- whose place it would take --------------------------------------------- */

/* An enabled link block that has the traffic class of the stream. */
static enum ide_err check_link_class(const struct ide_port *port, const void *context,
                                     struct ide_fault *fault)
{
    const struct planned_stream *stream = context;
    for (unsigned i = 0; i < ide_block_count(&port->cap, IDE_LINK); i++) {
        struct ide_block_state state;
        enum ide_err err =
            ide_block_read(port, (struct ide_block){.kind = IDE_LINK, .index = (uint8_t)i}, &state, fault);
        if (err != IDE_OK)
            return err;
        uint8_t class = ide_features_of(state.control, IDE_LINK).traffic_class;
        if (state.use == IDE_USE_ENABLED && class == stream->features.traffic_class)
            return ide_fail_value(fault, IDE_E_STREAM_USED, NULL, "TC", class, class);
    }
    return IDE_OK;
}

/* Which of two streams a TLP would take is nobody's to say (PCIe 6.x §6.33.4): each has its traffic class. */
enum ide_err survey_class_free(struct survey *survey, const struct planned_stream *stream,
                               struct failure *failure)
{
    const struct stream_ends *ends = &stream->ends;
    for (const struct stream *s = survey->streams->first; s; s = s->next)
        if (s->kind == stream->kind && s->features.traffic_class == stream->features.traffic_class &&
            stream_has_end(s, &ends->bdf[END_ROOT_PORT]) && stream_has_end(s, &ends->bdf[END_ENDPOINT]))
            return failure_device(failure, IDE_E_STREAM_USED, STEP, &ends->bdf[END_ROOT_PORT],
                                  "stream %u has traffic class %u between these ports already", s->id,
                                  stream->features.traffic_class);
    if (stream->kind != IDE_LINK)
        return IDE_OK;
    enum ide_err err = check_port(survey, &ends->bdf[END_ROOT_PORT], check_link_class, stream, failure);
    return err == IDE_OK ? check_port(survey, &ends->bdf[END_ENDPOINT], check_link_class, stream, failure)
                         : err;
}

/* ---- which streams ----------------------------------------------------------- */

struct path {
    size_t node[TOPOLOGY_DEPTH_MAX];
    size_t count;
};

static enum ide_err take_path(const struct survey *survey, size_t node, struct path *path,
                              struct failure *failure)
{
    struct ide_fault fault;
    const struct pcie_bdf *bdf = &survey->topology.nodes[node].bdf;
    if (topology_path(&survey->topology, node, path->node, &path->count, &fault) != IDE_OK)
        return failure_fault(failure, STEP, bdf, &fault);
    if (path->count > STREAM_SWITCH_PORTS_MAX + 2)
        return failure_device(failure, IDE_E_RESOURCES, STEP, bdf,
                              "there are %zu switch ports above the endpoint, and %u are allowed",
                              path->count - 2, STREAM_SWITCH_PORTS_MAX);
    return IDE_OK;
}

static struct planned_stream *add(struct survey *survey, struct survey_plan *plan, const struct path *path,
                                  size_t upper, size_t lower)
{
    const struct topology_node *nodes = survey->topology.nodes;
    struct planned_stream *stream = &plan->stream[plan->count++];
    *stream = (struct planned_stream){0};
    stream->ends.bdf[END_ROOT_PORT] = nodes[upper].bdf;
    stream->ends.bdf[END_ENDPOINT] = nodes[lower].bdf;
    stream->ends.top = nodes[path->node[0]].bdf;
    return stream;
}

static uint16_t last_rid_of(struct survey *survey, const struct pcie_bdf *bdf)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    uint16_t first, last = pcie_bdf_rid(bdf);
    if (pcie_function_open(&function, &survey->access, bdf, &fault) == IDE_OK)
        pcie_rid_range(&function.config, bdf, &first, &last);
    pcie_function_close(&function);
    return last;
}

/* The functions after the endpoint on its link, up to the next that has an IDE capability, go on its streams.
 */
static uint16_t last_rid(struct survey *survey, size_t endpoint)
{
    const struct topology_node *nodes = survey->topology.nodes;
    uint16_t last = last_rid_of(survey, &nodes[endpoint].bdf);
    for (size_t i = endpoint + 1; i < survey->topology.count && nodes[i].parent == nodes[endpoint].parent;
         i++) {
        if (nodes[i].ide != 0)
            break;
        uint16_t own = last_rid_of(survey, &nodes[i].bdf);
        last = own > last ? own : last;
    }
    return last;
}

static void add_selective(struct survey *survey, struct survey_plan *plan, const struct path *path,
                          const struct ide_features *features)
{
    struct planned_stream *stream = add(survey, plan, path, path->node[0], path->node[path->count - 1]);
    stream->kind = IDE_SELECTIVE;
    stream->ends.last_rid = last_rid(survey, path->node[path->count - 1]);
    stream->features = *features;
    for (size_t i = 1; i + 1 < path->count; i++)
        stream->ends.switch_port[stream->ends.switch_ports++] = survey->topology.nodes[path->node[i]].bdf;
}

/* A link's streams are function 0's at its lower end. */
static size_t below_link(const struct topology *topology, size_t upper)
{
    for (size_t i = 0; i < topology->count; i++)
        if (topology->nodes[i].parent == upper && topology->nodes[i].bdf.device == 0 &&
            topology->nodes[i].bdf.function == 0)
            return i;
    return TOPOLOGY_NONE;
}

static enum ide_err add_link(struct survey *survey, struct survey_plan *plan, const struct path *path,
                             size_t upper, const struct ide_features *features, struct failure *failure)
{
    size_t lower = below_link(&survey->topology, upper);
    if (lower == TOPOLOGY_NONE)
        return failure_device(failure, IDE_E_NO_PARTNER, STEP, &survey->topology.nodes[upper].bdf,
                              "nothing is at the other end of the port's link");
    struct planned_stream *stream = add(survey, plan, path, upper, lower);
    stream->kind = IDE_LINK;
    stream->ends.first_bus = survey->topology.nodes[upper].secondary;
    stream->ends.last_bus = survey->topology.nodes[upper].subordinate;
    stream->features = *features;
    stream->features.config_requests = stream->features.default_stream = stream->features.tee_limited = false;
    return IDE_OK;
}

static bool is_above_link(const struct topology_node *node)
{
    return node->type == PCIE_TYPE_ROOT_PORT || node->type == PCIE_TYPE_DOWNSTREAM;
}

static enum ide_err add_links(struct survey *survey, struct survey_plan *plan, const struct path *path,
                              const struct ide_features *features, struct failure *failure)
{
    enum ide_err err = IDE_OK;
    for (size_t i = 0; i + 1 < path->count && err == IDE_OK; i++)
        if (is_above_link(&survey->topology.nodes[path->node[i]]))
            err = add_link(survey, plan, path, path->node[i], features, failure);
    return err;
}

/* A link stream on the one link that a port is at. */
static enum ide_err plan_one_link(struct survey *survey, size_t node, const struct stream_wish *wish,
                                  struct survey_plan *plan, struct failure *failure)
{
    struct path path;
    const struct topology_node *nodes = survey->topology.nodes;
    enum ide_err err = take_path(survey, node, &path, failure);
    if (err != IDE_OK)
        return err;
    size_t upper = is_above_link(&nodes[node]) ? node : nodes[node].parent;
    return add_link(survey, plan, &path, upper, &wish->features, failure);
}

static enum ide_err plan_between_ends(struct survey *survey, const struct pcie_bdf *bdf,
                                      const struct stream_wish *wish, struct survey_plan *plan,
                                      struct failure *failure)
{
    struct path path;
    struct ide_fault fault;
    struct topology_pair pair;
    enum ide_err err = survey_port(survey, bdf, failure);
    if (err != IDE_OK)
        return err;
    if (topology_pair(&survey->topology, bdf, &pair, &fault) != IDE_OK)
        return pair_failed(survey, bdf, &fault, failure);
    err = take_path(survey, pair.endpoint, &path, failure);
    if (err != IDE_OK)
        return err;
    if (wish->selective)
        add_selective(survey, plan, &path, &wish->features);
    return wish->link ? add_links(survey, plan, &path, &wish->features, failure) : IDE_OK;
}

static bool is_switch_or_root(enum pcie_port_type type)
{
    return type == PCIE_TYPE_ROOT_PORT || type == PCIE_TYPE_UPSTREAM || type == PCIE_TYPE_DOWNSTREAM;
}

static enum ide_err check_stream(struct survey *survey, struct planned_stream *stream,
                                 struct failure *failure)
{
    enum ide_err err = check_owner(survey, &stream->ends.bdf[END_ENDPOINT], failure);
    if (err == IDE_OK)
        err = check_end(survey, stream, END_ROOT_PORT, failure);
    if (err == IDE_OK)
        err = check_end(survey, stream, END_ENDPOINT, failure);
    if (err == IDE_OK)
        err = check_path(survey, stream, failure);
    if (err == IDE_OK && stream->kind == IDE_SELECTIVE)
        err = check_windows(survey, &stream->ends, failure);
    return err;
}

enum ide_err survey_wish(struct survey *survey, const struct pcie_bdf *bdf, const struct stream_wish *wish,
                         struct survey_plan *plan, struct failure *failure)
{
    size_t node = topology_find(&survey->topology, bdf);
    plan->count = 0;
    bool one_link =
        node != TOPOLOGY_NONE && !wish->selective && is_switch_or_root(survey->topology.nodes[node].type);
    enum ide_err err = one_link ? plan_one_link(survey, node, wish, plan, failure)
                                : plan_between_ends(survey, bdf, wish, plan, failure);
    for (size_t i = 0; i < plan->count && err == IDE_OK; i++)
        err = check_stream(survey, &plan->stream[i], failure);
    return err;
}
