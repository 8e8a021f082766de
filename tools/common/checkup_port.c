/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The checks of what each port on the path has: capabilities, register blocks, mailboxes, and whose it is. */
#include <stdio.h>
#include <string.h>

#include "root_port/ide_cap.h"
#include "tools/common/checkup.h"

#define HINT_FIRMWARE "firmware may have to turn it on: look for a setting or an update"

static void skip_without_ends(struct checkup *c)
{
    checkup_find(c, FINDING_SKIPPED, NULL, NULL, "it is not known where a stream would end");
}

static enum ide_err open_port(const struct checkup *c, size_t index, struct pcie_function *function,
                              struct ide_port *port, struct ide_fault *fault)
{
    const struct pcie_bdf *bdf = &checkup_node(c, index)->bdf;
    enum ide_err err = pcie_function_open(function, c->access, bdf, fault);
    return err == IDE_OK ? ide_port_open(port, bdf, &function->config, fault) : err;
}

/* For each port that a check is about, with its capability if it has one. */
static void with_port(struct checkup *c, size_t index,
                      void (*look)(struct checkup *c, const struct topology_node *node,
                                   const struct ide_port *port, const struct ide_fault *fault))
{
    struct ide_fault fault = {0};
    struct ide_port port;
    struct pcie_function function = {0};
    enum ide_err err = open_port(c, index, &function, &port, &fault);
    look(c, checkup_node(c, index), err == IDE_OK ? &port : NULL, &fault);
    pcie_function_close(&function);
}

/* ---- between the ends ---------------------------------------------------------- */

static void look_flow_through(struct checkup *c, const struct topology_node *node,
                              const struct ide_port *port, const struct ide_fault *fault)
{
    (void)fault;
    if (port && port->cap.flow_through)
        checkup_find(c, FINDING_OK, &node->bdf, NULL, "the %s passes IDE TLPs on",
                     pcie_port_type_name(node->type));
    else
        checkup_find(
            c, FINDING_PROBLEM, &node->bdf,
            "a stream for each link may be possible instead: `ide-ctl doctor` with this port, `ide-ctl "
            "establish --link`; or put the device into a slot without this switch",
            "the %s does not pass IDE TLPs on: %s", pcie_port_type_name(node->type),
            port ? "it has no flow-through" : "it has no IDE capability");
}

static void find_flow_through(struct checkup *c)
{
    if (!checkup_has_ends(c)) {
        skip_without_ends(c);
        return;
    }
    for (size_t i = 1; i + 1 < c->path_count; i++)
        with_port(c, c->path[i], look_flow_through);
    if (c->path_count <= 2)
        checkup_find(c, FINDING_OK, NULL, NULL, "no switch is in between");
}

const struct checkup_row checkup_flow_through = {"flow_through", find_flow_through, "switches on the path"};

/* ---- the capability ------------------------------------------------------------ */

static bool lacks_kind(const struct checkup *c, const struct ide_cap *cap)
{
    return ide_block_count(cap, c->one_link ? IDE_LINK : IDE_SELECTIVE) == 0;
}

static void look_ide(struct checkup *c, const struct topology_node *node, const struct ide_port *port,
                     const struct ide_fault *fault)
{
    char text[160];
    if (!port) {
        checkup_find(c, FINDING_PROBLEM, &node->bdf,
                     fault->err == IDE_E_ACCESS ? "configuration space beyond the header is for root only"
                                                : "both ends need it; " HINT_FIRMWARE,
                     "no IDE capability: %s", ide_fault_text(fault, text, sizeof text));
        return;
    }
    const struct ide_cap *cap = &port->cap;
    if (cap->algorithm != PCIE_IDE_ALG_AES_GCM_256)
        checkup_find(c, FINDING_PROBLEM, &node->bdf,
                     "the specification knows AES-GCM-256 only: look for an update",
                     "an algorithm that is reserved: %u", cap->algorithm);
    else if (lacks_kind(c, cap))
        checkup_find(c, FINDING_PROBLEM, &node->bdf, HINT_FIRMWARE,
                     "no %s streams: %u selective and %u link streams", c->one_link ? "link" : "selective",
                     cap->selective_count, cap->link_count);
    else
        checkup_find(c, FINDING_OK, &node->bdf, NULL, "%u selective and %u link streams, AES-GCM-256%s",
                     cap->selective_count, cap->link_count, cap->ide_km ? ", IDE_KM" : "");
}

static void find_ide(struct checkup *c)
{
    if (!checkup_has_ends(c)) {
        skip_without_ends(c);
        return;
    }
    with_port(c, c->upper, look_ide);
    with_port(c, c->lower, look_ide);
}

const struct checkup_row checkup_ide = {"ide", find_ide, "IDE capability"};

/* ---- room ---------------------------------------------------------------------- */

static unsigned free_blocks(const struct checkup *c, const struct ide_port *port, enum ide_kind kind,
                            bool *readable)
{
    unsigned count = 0;
    *readable = true;
    for (unsigned i = 0; i < ide_block_count(&port->cap, kind); i++) {
        struct ide_fault fault;
        struct ide_block_state state;
        if (ide_block_read(port, (struct ide_block){.kind = kind, .index = (uint8_t)i}, &state, &fault) !=
            IDE_OK) {
            *readable = false;
            return 0;
        }
        bool kernels = kind == IDE_SELECTIVE && kernel_has_block(c->kernel, c->kernel_count, &port->bdf, i);
        count += state.use == IDE_USE_IDLE && !kernels;
    }
    return count;
}

static void look_blocks(struct checkup *c, const struct topology_node *node, const struct ide_port *port,
                        const struct ide_fault *fault)
{
    enum ide_kind kind = c->one_link ? IDE_LINK : IDE_SELECTIVE;
    const char *name = c->one_link ? "link" : "selective";
    bool readable;
    (void)fault;
    if (!port) {
        checkup_find(c, FINDING_SKIPPED, &node->bdf, NULL, "it has no IDE capability");
        return;
    }
    unsigned all = ide_block_count(&port->cap, kind), count = free_blocks(c, port, kind, &readable);
    if (!readable)
        checkup_find(c, FINDING_PROBLEM, &node->bdf,
                     "the device may be gone: `lspci` shows whether it is there",
                     "its registers cannot be read");
    else if (all == 0)
        checkup_find(c, FINDING_SKIPPED, &node->bdf, NULL, "it has no %s streams", name);
    else if (count == 0 && c->is_up)
        checkup_find(c, FINDING_OK, &node->bdf, NULL, "none: all %u %s streams are in use", all, name);
    else if (count == 0)
        checkup_find(c, FINDING_PROBLEM, &node->bdf,
                     "`ide-ctl show` says which streams are on and whose they are: stop one that is not "
                     "needed; a reset "
                     "of the port frees what is left over",
                     "all %u %s streams are in use", all, name);
    else
        checkup_find(c, FINDING_OK, &node->bdf, NULL, "%u of %u %s streams are free", count, all, name);
}

static void find_blocks(struct checkup *c)
{
    if (!checkup_has_ends(c)) {
        skip_without_ends(c);
        return;
    }
    with_port(c, c->upper, look_blocks);
    with_port(c, c->lower, look_blocks);
}

const struct checkup_row checkup_blocks = {"blocks", find_blocks, "free streams"};

/* ---- mailboxes ------------------------------------------------------------------ */

/* A function without one may be served by its device's: function 0's, or a switch's upstream port's. */
bool checkup_is_served(const struct checkup *c, const struct topology_node *node)
{
    struct pcie_bdf first = node->bdf;
    first.function = 0;
    size_t index = node->type == PCIE_TYPE_DOWNSTREAM ? node->parent : topology_find(c->topology, &first);
    return index != TOPOLOGY_NONE && c->topology->nodes[index].doe_count > 0;
}

static void look_mailbox(struct checkup *c, size_t index)
{
    const struct topology_node *node = checkup_node(c, index);
    if (node->doe_count > 0)
        checkup_find(c, FINDING_OK, &node->bdf, NULL, "%u DOE mailbox%s", node->doe_count,
                     node->doe_count > 1 ? "es" : "");
    else if (checkup_is_served(c, node))
        checkup_find(c, FINDING_OK, &node->bdf, NULL,
                     "none of its own; another function of the device has one");
    else if (node->type == PCIE_TYPE_ROOT_PORT)
        checkup_find(c, FINDING_WARNING, &node->bdf,
                     "a key unit or a root of trust can give it its keys instead", "no DOE mailbox");
    else
        checkup_find(c, FINDING_PROBLEM, &node->bdf, "without one it can be given no keys; " HINT_FIRMWARE,
                     "no DOE mailbox");
}

static void find_mailbox(struct checkup *c)
{
    if (!checkup_has_ends(c)) {
        skip_without_ends(c);
        return;
    }
    look_mailbox(c, c->upper);
    look_mailbox(c, c->lower);
}

const struct checkup_row checkup_mailbox = {"mailbox", find_mailbox, "DOE mailboxes"};

/* ---- the kernel ------------------------------------------------------------------ */

static size_t kernel_streams_of(const struct checkup *c)
{
    size_t count = 0;
    const struct pcie_bdf *upper = &checkup_node(c, c->upper)->bdf, *lower = &checkup_node(c, c->lower)->bdf;
    for (size_t i = 0; i < c->kernel_count; i++)
        count += pcie_bdf_compare(&c->kernel[i].root_port, upper) == 0 ||
                 pcie_bdf_compare(&c->kernel[i].endpoint, lower) == 0;
    return count;
}

static void find_kernel(struct checkup *c)
{
    char tsm[KERNEL_TSM_MAX];
    if (!checkup_has_ends(c)) {
        skip_without_ends(c);
        return;
    }
    const struct pcie_bdf *lower = &checkup_node(c, c->lower)->bdf;
    size_t streams = kernel_streams_of(c);
    if (kernel_tsm(c->access, lower, tsm))
        checkup_find(
            c, FINDING_PROBLEM, lower,
            "it is the kernel's to set streams up for; writing to the device's tsm/disconnect gives it back",
            "the device belongs to the kernel: its TSM %s is connected", tsm);
    else if (streams > 0)
        checkup_find(c, FINDING_WARNING, NULL, "they are left alone, and their register blocks are not free",
                     "%zu stream%s here belong%s to the kernel", streams, streams > 1 ? "s" : "",
                     streams > 1 ? "" : "s");
    else
        checkup_find(c, FINDING_OK, lower, NULL,
                     "no TSM has connected it, and the kernel has no streams here");
}

const struct checkup_row checkup_kernel = {"kernel", find_kernel, "the kernel"};
