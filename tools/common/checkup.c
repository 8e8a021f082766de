/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every check needs, and those of where the function is. */
#include "tools/common/checkup.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FOUND_MAX 512u

void checkup_start(struct checkup *c)
{
    c->node = c->upper = c->lower = TOPOLOGY_NONE;
    c->path_count = 0;
    c->one_link = c->is_up = false;
    c->problems = 0;
}

void checkup_run(struct checkup *c, const struct checkup_row *row)
{
    c->row = row;
    row->run(c);
}

static const char *finding_name(enum finding finding)
{
    switch (finding) {
    case FINDING_OK:
        return "ok";
    case FINDING_WARNING:
        return "warning";
    case FINDING_PROBLEM:
        return "problem";
    case FINDING_SKIPPED:
        return "skipped";
    }
    return "";
}

json_t *checkup_line(const char *name, const char *text, enum finding finding, const struct pcie_bdf *device,
                     const char *found, const char *hint)
{
    char bdf[PCIE_BDF_TEXT];
    return json_pack("{s:s, s:s, s:s?, s:s, s:s, s:s?}", "check", name, "text", text, "device",
                     device ? pcie_bdf_format(device, bdf) : NULL, "state", finding_name(finding), "found",
                     found, "hint", hint);
}

void checkup_find(struct checkup *c, enum finding finding, const struct pcie_bdf *device, const char *hint,
                  const char *format, ...)
{
    char found[FOUND_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(found, sizeof found, format, arguments);
    va_end(arguments);
    c->problems += finding == FINDING_PROBLEM;
    json_array_append_new(c->list, checkup_line(c->row->name, c->row->text, finding, device, found, hint));
}

bool checkup_has_ends(const struct checkup *c)
{
    return c->upper != TOPOLOGY_NONE && c->lower != TOPOLOGY_NONE;
}

const struct topology_node *checkup_node(const struct checkup *c, size_t index)
{
    return &c->topology->nodes[index];
}

/* ---- is it there ------------------------------------------------------------- */

static void find_function(struct checkup *c)
{
    c->node = topology_find(c->topology, &c->bdf);
    if (c->node == TOPOLOGY_NONE) {
        checkup_find(
            c, FINDING_PROBLEM, &c->bdf,
            "`ide-ctl list` and `lspci` show the functions there are; a device that was just plugged in may "
            "need its slot's power, or /sys/bus/pci/rescan",
            "there is no such function");
        return;
    }
    const struct pcie_ids *ids = &checkup_node(c, c->node)->ids;
    checkup_find(c, FINDING_OK, &c->bdf, NULL, "vendor %04x, device %04x, class %06x", ids->vendor,
                 ids->device, ids->class_code);
}

const struct checkup_row checkup_function = {"function", find_function, "the function is there"};

/* ---- its type ---------------------------------------------------------------- */

#define HINT_TYPE                                                                                            \
    "name a root port, an endpoint below one, or a switch port: `ide-ctl list` shows which there are"

static void find_type(struct checkup *c)
{
    if (c->node == TOPOLOGY_NONE) {
        checkup_find(c, FINDING_SKIPPED, NULL, NULL, "there is no such function");
        return;
    }
    enum pcie_port_type type = checkup_node(c, c->node)->type;
    switch (type) {
    case PCIE_TYPE_UPSTREAM:
    case PCIE_TYPE_DOWNSTREAM:
        c->one_link = true;
        checkup_find(c, FINDING_OK, &c->bdf, NULL, "%s of a switch: the stream of its link is looked at",
                     pcie_port_type_name(type));
        return;
    case PCIE_TYPE_ENDPOINT:
    case PCIE_TYPE_LEGACY_ENDPOINT:
    case PCIE_TYPE_ROOT_PORT:
        checkup_find(c, FINDING_OK, &c->bdf, NULL, "%s", pcie_port_type_name(type));
        return;
    case PCIE_TYPE_NONE:
        checkup_find(c, FINDING_PROBLEM, &c->bdf, HINT_TYPE,
                     "no PCI Express function: it has no link to encrypt");
        return;
    case PCIE_TYPE_PCI_BRIDGE:
    case PCIE_TYPE_PCIE_BRIDGE:
    case PCIE_TYPE_RC_ENDPOINT:
    case PCIE_TYPE_RC_EVENT:
        break;
    }
    checkup_find(c, FINDING_PROBLEM, &c->bdf, HINT_TYPE, "%s: IDE is between a root port and an endpoint",
                 pcie_port_type_name(type));
}

const struct checkup_row checkup_type = {"type", find_type, "what it is"};

/* ---- what is at both ends ---------------------------------------------------- */

static size_t below_link(const struct topology *topology, size_t upper)
{
    for (size_t i = 0; i < topology->count; i++)
        if (topology->nodes[i].parent == upper && topology->nodes[i].bdf.device == 0 &&
            topology->nodes[i].bdf.function == 0)
            return i;
    return TOPOLOGY_NONE;
}

static bool is_stream_end(enum pcie_port_type type)
{
    return type == PCIE_TYPE_ENDPOINT || type == PCIE_TYPE_LEGACY_ENDPOINT || type == PCIE_TYPE_ROOT_PORT;
}

/* A switch port's link: above an upstream port, below a downstream port. */
static void take_link(struct checkup *c)
{
    const struct topology_node *node = checkup_node(c, c->node);
    bool is_lower = node->type == PCIE_TYPE_UPSTREAM;
    c->upper = is_lower ? node->parent : c->node;
    c->lower = is_lower ? c->node : below_link(c->topology, c->node);
    if (!checkup_has_ends(c)) {
        checkup_find(c, FINDING_PROBLEM, &node->bdf, "`ide-ctl list` shows what hangs where",
                     "nothing is at the other end of its link");
        return;
    }
    c->path[0] = c->upper;
    c->path[1] = c->lower;
    c->path_count = 2;
}

static void tell_endpoints(struct checkup *c)
{
    char text[200] = "", bdf[PCIE_BDF_TEXT];
    size_t used = 0, at = TOPOLOGY_NONE;
    while ((at = topology_next_endpoint(c->topology, c->node, at)) != TOPOLOGY_NONE && used < sizeof text)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", used ? ", " : "",
                                 pcie_bdf_format(&c->topology->nodes[at].bdf, bdf));
    checkup_find(c, FINDING_PROBLEM, &c->bdf, "name the endpoint instead of the root port",
                 "several endpoints are below it: %s", text);
}

static void take_pair(struct checkup *c)
{
    struct ide_fault fault;
    struct topology_pair pair;
    enum ide_err err = topology_pair(c->topology, &c->bdf, &pair, &fault);
    if (err == IDE_OK)
        err = topology_path(c->topology, pair.endpoint, c->path, &c->path_count, &fault);
    if (err == IDE_OK) {
        c->upper = pair.root_port;
        c->lower = pair.endpoint;
    } else if (err == IDE_E_AMBIGUOUS) {
        tell_endpoints(c);
    } else {
        bool is_root = checkup_node(c, c->node)->type == PCIE_TYPE_ROOT_PORT;
        checkup_find(c, FINDING_PROBLEM, &c->bdf,
                     is_root ? "plug a device in, or look whether its link is up: `lspci -vvv` shows LnkSta"
                             : "a device inside the root complex has no link; others need their bus numbers: "
                               "`lspci -t` shows what hangs where",
                     is_root ? "no endpoint is below the root port" : "it does not hang below a root port");
    }
}

static void tell_path(struct checkup *c)
{
    char text[400] = "", bdf[PCIE_BDF_TEXT];
    size_t used = 0;
    for (size_t i = 0; i < c->path_count && used < sizeof text; i++) {
        const struct topology_node *node = checkup_node(c, c->path[i]);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %s", i ? ", " : "",
                                 pcie_port_type_name(node->type), pcie_bdf_format(&node->bdf, bdf));
    }
    checkup_find(c, FINDING_OK, NULL, NULL, "%s", text);
}

static void find_path(struct checkup *c)
{
    if (c->node != TOPOLOGY_NONE && c->one_link)
        take_link(c);
    else if (c->node != TOPOLOGY_NONE && is_stream_end(checkup_node(c, c->node)->type))
        take_pair(c);
    else
        checkup_find(c, FINDING_SKIPPED, NULL, NULL, "there is nothing to go to");
    if (checkup_has_ends(c))
        tell_path(c);
}

const struct checkup_row checkup_path = {"path", find_path, "the path"};
