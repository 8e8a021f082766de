/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is there, and which stream numbers are free. */
#include "tools/ide-kmd/survey.h"

#include <czmq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEP "survey"

enum ide_err survey_open(struct survey *survey, const char *sysfs, const struct stream_table *streams,
                         struct failure *failure)
{
    struct ide_fault fault;
    *survey = (struct survey){.sysfs = sysfs, .streams = streams, .look = 1};
    enum ide_err err = pcie_access_open(&survey->access, sysfs, &fault);
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, NULL, &fault);
}

/* What a port can do: read once in a look, which needs it several times. */
struct survey_ide {
    uint64_t look; /* 0: not read */
    struct ide_cap cap;
};

void survey_done(struct survey *survey)
{
    survey->is_fresh = survey->is_listed = false;
    survey->look++;
}

static void forget(struct survey *survey)
{
    topology_free(&survey->topology);
    survey->topology = (struct topology){0};
    free(survey->ide);
    survey->ide = NULL;
    survey->has_bridge = false;
}

void survey_close(struct survey *survey)
{
    forget(survey);
    pcie_access_close(&survey->access);
}

enum ide_err survey_refresh(struct survey *survey, struct failure *failure)
{
    struct ide_fault fault;
    if (survey->is_fresh)
        return IDE_OK;
    forget(survey);
    survey->read_ms = (uint64_t)zclock_mono();
    enum ide_err err = topology_read(&survey->topology, &survey->access, &fault);
    if (err == IDE_OK)
        survey->ide =
            calloc(survey->topology.count + 1, sizeof *survey->ide); /* without it all is read anew */
    survey->is_fresh = survey->is_listed = err == IDE_OK;
    return err == IDE_OK ? IDE_OK : failure_fault(failure, STEP, NULL, &fault);
}

enum ide_err survey_refresh_port(struct survey *survey, const struct pcie_bdf *bdf, struct failure *failure)
{
    size_t index = topology_find(&survey->topology, bdf);
    if (survey->is_fresh)
        return IDE_OK;
    survey->look++;
    if (index != TOPOLOGY_NONE && topology_renew(&survey->topology, index, &survey->access))
        return IDE_OK;
    return survey_refresh(survey, failure);
}

enum ide_err survey_refresh_list(struct survey *survey, struct failure *failure)
{
    if (survey->is_fresh || survey->is_listed)
        return IDE_OK;
    if (!topology_is_listed(&survey->topology, &survey->access))
        return survey_refresh(survey, failure);
    survey->has_bridge = false;
    survey->is_listed = true;
    return IDE_OK;
}

enum ide_err survey_refresh_branch(struct survey *survey, const struct pcie_bdf *bdf, struct failure *failure)
{
    enum ide_err err = survey_refresh_list(survey, failure);
    return err == IDE_OK ? survey_refresh_port(survey, bdf, failure) : err;
}

/* Nobody talks to an endpoint while one end of its stream, or of its link's, may be on alone. */
static bool may_ask(const struct survey *survey, const struct pcie_bdf *bdf)
{
    for (const struct stream *s = survey->streams->first; s; s = s->next)
        if (stream_has_end(s, bdf) || stream_cuts_off(&s->ends, bdf))
            return false;
    return true;
}

bool survey_hears_more(struct survey *survey)
{
    struct ide_fault ignored;
    struct pcie_function function;
    bool answers = false;
    for (size_t i = 0; i < survey->topology.listed_count && !answers; i++) {
        const struct pcie_presence *listed = &survey->topology.listed[i];
        if (!listed->silent || !may_ask(survey, &listed->bdf))
            continue;
        answers = pcie_function_open(&function, &survey->access, &listed->bdf, &ignored) == IDE_OK;
        pcie_function_close(&function);
    }
    return answers;
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
    if (type == PCIE_TYPE_RC_ENDPOINT)
        return failure_device(
            failure, IDE_E_NOT_PORT, STEP, bdf,
            "the endpoint is integrated in the root complex: no root port is above it, and there is "
            "no link to encrypt");
    if (type != PCIE_TYPE_ROOT_PORT && !is_endpoint(type))
        return failure_device(failure, IDE_E_NOT_PORT, STEP, bdf,
                              "the function is neither a PCIe root port nor an endpoint, but: %s",
                              pcie_port_type_name(type));
    return IDE_OK;
}

/* A root port stays what it is; anything below may be another device by the next look. */
static bool is_known(const struct survey *survey, size_t index)
{
    const struct topology_node *node = &survey->topology.nodes[index];
    const struct survey_ide *ide = &survey->ide[index];
    bool stays = node->parent == TOPOLOGY_NONE && node->type == PCIE_TYPE_ROOT_PORT;
    return ide->look == survey->look || (stays && ide->look != 0);
}

enum ide_err survey_open_ide(struct survey *survey, const struct pcie_bdf *bdf,
                             struct pcie_function *function, struct ide_port *port, struct ide_fault *fault)
{
    size_t index = topology_find(&survey->topology, bdf);
    bool keeps = survey->ide && index != TOPOLOGY_NONE;
    enum ide_err err = pcie_function_open(function, &survey->access, bdf, fault);
    if (err == IDE_OK && keeps && is_known(survey, index))
        *port = (struct ide_port){.bdf = *bdf, .config = function->config, .cap = survey->ide[index].cap};
    else if (err == IDE_OK)
        err = ide_port_open(port, bdf, &function->config, fault);
    if (err == IDE_OK && keeps)
        survey->ide[index] = (struct survey_ide){survey->look, port->cap};
    return err;
}

enum ide_err survey_read_ide(struct survey *survey, const struct pcie_bdf *bdf, struct survey_reading *port,
                             struct ide_fault *fault)
{
    enum ide_err err = survey_open_ide(survey, bdf, &port->function, &port->ide, fault);
    if (err == IDE_OK)
        port->ide.config = pcie_ahead_open(&port->ahead, &port->function);
    return err;
}

/* ---- numbers --------------------------------------------------------------- */

const char *survey_owner(const struct survey *survey, const struct pcie_bdf *port, struct ide_block block)
{
    struct kernel_stream list[SURVEY_KERNEL_MAX];
    size_t count = block.kind == IDE_SELECTIVE ? survey_kernel_streams(survey, port, list) : 0;
    return kernel_has_block(list, count, port, block.index) ? "kernel" : "other";
}

size_t survey_kernel_streams(const struct survey *survey, const struct pcie_bdf *bdf,
                             struct kernel_stream list[static SURVEY_KERNEL_MAX])
{
    size_t top = topology_top(&survey->topology, topology_find(&survey->topology, bdf));
    if (top == TOPOLOGY_NONE)
        return 0;
    return kernel_streams(&survey->access, &survey->topology.nodes[top].bdf, list, SURVEY_KERNEL_MAX);
}

static void add_blocks(struct survey *survey, const struct ide_port *port, enum ide_kind kind,
                       struct foreign_numbers *foreign)
{
    for (unsigned i = 0; i < ide_block_count(&port->cap, kind); i++) {
        struct ide_fault fault;
        struct ide_block_state state;
        const struct ide_block block = {.kind = kind, .index = (uint8_t)i};
        if (ide_block_read(port, block, &state, &fault) != IDE_OK)
            return;
        if (state.use == IDE_USE_IDLE || foreign->number[state.stream_id].owner ||
            stream_find(survey->streams, &port->bdf, state.stream_id))
            continue;
        foreign->number[state.stream_id].owner = survey_owner(survey, &port->bdf, block);
        foreign->number[state.stream_id].port = port->bdf;
    }
}

static void add_port(struct survey *survey, const struct pcie_bdf *bdf, struct foreign_numbers *foreign)
{
    struct ide_fault fault;
    struct survey_reading port;
    if (survey_read_ide(survey, bdf, &port, &fault) == IDE_OK) {
        add_blocks(survey, &port.ide, IDE_SELECTIVE, foreign);
        add_blocks(survey, &port.ide, IDE_LINK, foreign);
    }
    pcie_function_close(&port.function);
}

/* Every selective stream under the host bridge ends at one of its root ports. Requests that are there at once
 * share one look at them: none of what they ask for has begun. */
static void look_at_bridge(struct survey *survey, const struct pcie_bdf *top)
{
    if (survey->has_bridge && survey->bridge.domain == top->domain && survey->bridge.bus == top->bus)
        return;
    survey->has_bridge = true;
    survey->bridge = *top;
    survey->foreign = (struct foreign_numbers){0};
    for (size_t i = 0; i < survey->topology.count; i++) {
        const struct topology_node *node = &survey->topology.nodes[i];
        if (node->type == PCIE_TYPE_ROOT_PORT && node->ide != 0 && node->bdf.domain == top->domain &&
            node->bdf.bus == top->bus)
            add_port(survey, &node->bdf, &survey->foreign);
    }
}

/* A number that a root port has too is the root port's here. */
static void find_foreign(struct survey *survey, const struct stream_ends *ends,
                         struct foreign_numbers *foreign)
{
    look_at_bridge(survey, &ends->top);
    *foreign = survey->foreign;
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (pcie_bdf_compare(&ends->bdf[end], &ends->top) != 0) /* which was looked at */
            add_port(survey, &ends->bdf[end], foreign);
}

const char *survey_foreign_owner(struct survey *survey, const struct pcie_bdf *bdf, uint8_t id)
{
    struct foreign_numbers foreign = {0};
    add_port(survey, bdf, &foreign);
    return foreign.number[id].owner;
}

static enum ide_err check_number(const struct survey *survey, const struct stream_ends *ends,
                                 const struct foreign_numbers *foreign, uint8_t id, struct failure *failure)
{
    const struct pcie_bdf *root_port = &ends->bdf[END_ROOT_PORT], *port = &foreign->number[id].port;
    if (stream_find(survey->streams, root_port, id) &&
        stream_find(survey->streams, &ends->bdf[END_ENDPOINT], id))
        return failure_device(failure, IDE_E_STREAM_USED, STEP, root_port, "stream %u is already established",
                              id);
    if (stream_id_is_taken(survey->streams, &ends->top, id))
        return failure_device(failure, IDE_E_STREAM_USED, STEP, root_port,
                              "stream %u is in use under the same host bridge", id);
    if (!foreign->number[id].owner)
        return IDE_OK;
    return failure_device(failure, IDE_E_STREAM_USED, STEP, port, "stream %u of this port %s", id,
                          strcmp(foreign->number[id].owner, "kernel") == 0 ? "belongs to the kernel"
                                                                           : "was set up by someone else");
}

enum ide_err survey_stream_free(struct survey *survey, const struct stream_ends *ends, uint8_t id,
                                struct failure *failure)
{
    struct foreign_numbers foreign;
    find_foreign(survey, ends, &foreign);
    return check_number(survey, ends, &foreign, id, failure);
}

enum ide_err survey_choose_stream(struct survey *survey, const struct stream_ends *ends, uint8_t *id,
                                  struct failure *failure)
{
    struct foreign_numbers foreign;
    find_foreign(survey, ends, &foreign);
    for (unsigned candidate = 0; candidate < IDE_STREAM_ID_IDLE; candidate++) {
        *id = (uint8_t)candidate;
        if (check_number(survey, ends, &foreign, *id, failure) == IDE_OK)
            return IDE_OK;
    }
    return failure_device(failure, IDE_E_RESOURCES, STEP, &ends->bdf[END_ROOT_PORT],
                          "all stream numbers are in use under this host bridge");
}
