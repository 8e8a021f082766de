/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a stream needs of the platform, found out before any device is talked to. */
#include "tools/ide-kmd/survey.h"

#include <stdio.h>
#include <string.h>

#define STEP "survey"

enum ide_err survey_open(struct survey *survey, const char *sysfs, const struct stream_table *streams,
                         struct failure *failure)
{
    struct ide_fault fault;
    *survey = (struct survey){.sysfs = sysfs, .streams = streams};
    enum ide_err err = pcie_access_open(&survey->access, sysfs, &fault);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, NULL, &fault);
}

void survey_close(struct survey *survey)
{
    topology_free(&survey->topology);
    pcie_access_close(&survey->access);
}

enum ide_err survey_refresh(struct survey *survey, struct failure *failure)
{
    struct ide_fault fault;
    if (survey->is_fresh)
        return IDE_OK;
    topology_free(&survey->topology);
    survey->topology = (struct topology){0};
    enum ide_err err = topology_read(&survey->topology, &survey->access, &fault);
    survey->is_fresh = err == IDE_OK;
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, NULL, &fault);
}

static bool is_endpoint(enum pcie_port_type type)
{
    return type == PCIE_TYPE_ENDPOINT || type == PCIE_TYPE_LEGACY_ENDPOINT;
}

enum ide_err survey_port(const struct survey *survey, const struct pcie_bdf *bdf, struct failure *failure)
{
    size_t index = topology_find(&survey->topology, bdf);
    if (index == TOPOLOGY_NONE)
        return failure_device(failure, IDE_E_NO_DEVICE, STEP, bdf, "there is no such function");
    enum pcie_port_type type = survey->topology.nodes[index].type;
    if (type != PCIE_TYPE_ROOT_PORT && !is_endpoint(type))
        return failure_device(failure, IDE_E_NOT_PORT, STEP, bdf,
                              "the function is neither a PCIe root port nor an endpoint, but: %s",
                              pcie_port_type_name(type));
    return IDE_OK;
}

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

/* Opens the function's IDE capability; close the function after it. */
static enum ide_err open_ide(struct survey *survey, const struct pcie_bdf *bdf,
                             struct pcie_function *function, struct ide_port *port, struct ide_fault *fault)
{
    enum ide_err err = pcie_function_open(function, &survey->access, bdf, fault);
    return err == IDE_OK ? ide_port_open(port, bdf, &function->config, fault) : err;
}

/* by_itself: the port's own mailbox takes its keys. */
static enum ide_err check_cap(const struct ide_cap *cap, bool by_itself, struct ide_fault *fault)
{
    if (cap->selective_count == 0)
        return ide_fail(fault, IDE_E_CAPABILITY, NULL, "Selective IDE Streams Supported");
    if (cap->algorithm != PCIE_IDE_ALG_AES_GCM_256)
        return ide_fail(fault, IDE_E_CAPABILITY, NULL, "Supported Algorithms");
    if (by_itself && !cap->ide_km)
        return ide_fail(fault, IDE_E_CAPABILITY, NULL, "IDE_KM Protocol Supported");
    return IDE_OK;
}

/* A switch port between must be able to pass IDE TLPs on as they are. */
static enum ide_err check_switch_port(struct survey *survey, const struct pcie_bdf *bdf,
                                      struct failure *failure)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    struct ide_port port;
    enum ide_err err = open_ide(survey, bdf, &function, &port, &fault);
    if (err == IDE_OK && !port.cap.flow_through)
        err = ide_fail(&fault, IDE_E_CAPABILITY, NULL, "Flow-Through IDE Stream Supported");
    pcie_function_close(&function);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, bdf, &fault);
}

/* All between the two ends. */
static enum ide_err take_path(struct survey *survey, const struct topology_pair *pair,
                              struct stream_ends *ends, struct failure *failure)
{
    size_t path[TOPOLOGY_DEPTH_MAX], count;
    struct ide_fault fault;
    if (topology_path(&survey->topology, pair->endpoint, path, &count, &fault) != IDE_OK)
        return failure_fault(failure, STEP, &ends->bdf[END_ENDPOINT], &fault);
    if (count - 2 > STREAM_SWITCH_PORTS_MAX)
        return failure_device(failure, IDE_E_RESOURCES, STEP, &ends->bdf[END_ENDPOINT],
                              "there are %zu switch ports above the endpoint, and %u are allowed", count - 2,
                              STREAM_SWITCH_PORTS_MAX);
    enum ide_err err = IDE_OK;
    for (size_t i = 1; i + 1 < count && err == IDE_OK; i++) {
        const struct pcie_bdf *bdf = &survey->topology.nodes[path[i]].bdf;
        ends->switch_port[ends->switch_ports++] = *bdf;
        err = check_switch_port(survey, bdf, failure);
    }
    return err;
}

static enum ide_err check_end(struct survey *survey, const struct topology_node *node,
                              struct failure *failure)
{
    struct ide_fault fault;
    struct pcie_function function = {0};
    struct ide_port port;
    const char *provider = node->type == PCIE_TYPE_ROOT_PORT
                               ? providers_name(survey->providers, &node->bdf, node->doe_count > 0)
                               : PROVIDER_OWN;
    if (!provider)
        return failure_device(failure, IDE_E_PROVIDER, STEP, &node->bdf, "no key unit serves the root port");
    bool by_itself = strcmp(provider, PROVIDER_OWN) == 0;
    if (by_itself && node->doe_count == 0)
        return failure_device(failure, IDE_E_NO_DOE, STEP, &node->bdf, "the function has no DOE mailbox");
    enum ide_err err = open_ide(survey, &node->bdf, &function, &port, &fault);
    if (err == IDE_OK)
        err = check_cap(&port.cap, by_itself, &fault);
    pcie_function_close(&function);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, &node->bdf, &fault);
}

enum ide_err survey_ends(struct survey *survey, const struct pcie_bdf *bdf, struct stream_ends *ends,
                         struct failure *failure)
{
    struct ide_fault fault;
    struct topology_pair pair;
    enum ide_err err = survey_port(survey, bdf, failure);
    if (err != IDE_OK)
        return err;
    if (topology_pair(&survey->topology, bdf, &pair, &fault) != IDE_OK)
        return pair_failed(survey, bdf, &fault, failure);
    const struct topology_node *nodes = survey->topology.nodes;
    *ends = (struct stream_ends){0};
    ends->bdf[END_ROOT_PORT] = nodes[pair.root_port].bdf;
    ends->bdf[END_ENDPOINT] = nodes[pair.endpoint].bdf;
    err = check_end(survey, &nodes[pair.root_port], failure);
    if (err == IDE_OK)
        err = check_end(survey, &nodes[pair.endpoint], failure);
    return err == IDE_OK ? take_path(survey, &pair, ends, failure) : err;
}

/* IDE_OK if some block of the port carries the number, IDE_E_NO_STREAM if none does. */
static enum ide_err find_block(struct survey *survey, const struct pcie_bdf *bdf, uint8_t id)
{
    struct ide_fault fault;
    struct ide_block block;
    struct pcie_function function = {0};
    struct ide_port port;
    enum ide_err err = open_ide(survey, bdf, &function, &port, &fault);
    if (err == IDE_OK)
        err = ide_block_find(&port, id, &block, &fault);
    pcie_function_close(&function);
    return err;
}

bool survey_is_foreign(struct survey *survey, const struct pcie_bdf *bdf, uint8_t id)
{
    return !stream_find(survey->streams, bdf, id) && find_block(survey, bdf, id) == IDE_OK;
}

enum ide_err survey_stream_free(struct survey *survey, const struct stream_ends *ends, uint8_t id,
                                struct failure *failure)
{
    const struct pcie_bdf *root_port = &ends->bdf[END_ROOT_PORT];
    if (stream_find(survey->streams, root_port, id) &&
        stream_find(survey->streams, &ends->bdf[END_ENDPOINT], id))
        return failure_device(failure, IDE_E_STREAM_USED, STEP, root_port, "stream %u is already established",
                              id);
    if (stream_id_is_taken(survey->streams, root_port, id))
        return failure_device(failure, IDE_E_STREAM_USED, STEP, root_port,
                              "stream %u is in use under the same host bridge", id);
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (survey_is_foreign(survey, &ends->bdf[end], id))
            return failure_device(failure, IDE_E_STREAM_USED, STEP, &ends->bdf[end],
                                  "stream %u of this port was set up by someone else", id);
    return IDE_OK;
}

enum ide_err survey_choose_stream(struct survey *survey, const struct stream_ends *ends, uint8_t *id,
                                  struct failure *failure)
{
    for (unsigned candidate = 0; candidate < IDE_STREAM_ID_IDLE; candidate++) {
        *id = (uint8_t)candidate;
        if (survey_stream_free(survey, ends, *id, failure) == IDE_OK)
            return IDE_OK;
    }
    return failure_device(failure, IDE_E_RESOURCES, STEP, &ends->bdf[END_ROOT_PORT],
                          "all stream numbers are in use under this host bridge");
}
