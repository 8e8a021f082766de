/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which function is below which port, from the bus numbers in configuration
 * space alone: the emulated tree has no symbolic links, and what is programmed
 * follows the registers.
 *
 * A bridge is believed only if its secondary bus is above its own and not above
 * its subordinate bus, and if both are in the range of the bridge above it. On
 * the way up bus numbers then only fall, so no layout that a device makes up can
 * form a loop, or put another port's devices below it.
 */
#ifndef ROOT_PORT_TOPOLOGY_H
#define ROOT_PORT_TOPOLOGY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root_port/pcie_access.h"
#include "root_port/pcie_config.h"

#define TOPOLOGY_NONE      SIZE_MAX
#define TOPOLOGY_DEPTH_MAX 256 /* each level has a greater bus number */

struct topology_node {
    struct pcie_bdf bdf;
    struct pcie_ids ids;
    enum pcie_port_type type;
    bool bridge;                    /* forwards the buses secondary to subordinate */
    uint8_t secondary, subordinate; /* as the device says */
    size_t parent;     /* index of the port above, less than the node's own; TOPOLOGY_NONE at the top */
    uint16_t ide;      /* offset of its IDE capability, 0 if none */
    uint8_t doe_count; /* DOE mailboxes */
};

/* nodes are in order of domain, bus, device, function, so that a parent comes before its children. */
struct topology {
    struct topology_node *nodes; /* owned */
    size_t count, room;
    struct pcie_presence *listed; /* owned: all functions that were in the tree, in order */
    size_t listed_count;
    uint64_t listing; /* pcie_presence_digest() of them, whoever was silent; 0: not read */
    uint64_t found;   /* the same, with who was silent */
};

/*
 * Reads all functions of the tree. A function that cannot be read (gone meanwhile) is left out.
 * Errors: those of pcie_access_list(), and IDE_E_ACCESS if there are functions and not one can be read.
 * Free with topology_free(), also after a failure.
 */
enum ide_err topology_read(struct topology *topology, struct pcie_access *access,
                           struct ide_fault *fault) MUST_USE;
void topology_free(struct topology *topology);

/* Whether the tree has the same functions as when it was read, and not one of them is another one with the
 * same address: a look at its directory, and none at a register. */
bool topology_is_listed(const struct topology *topology, const struct pcie_access *access) MUST_USE;

/*
 * Reads what is below one root port anew, that of the function at index, with the root port: some accesses
 * for each of these, where topology_read() takes as many for every function there is. False if one of them is
 * gone or forwards other buses than it did: read the whole.
 */
bool topology_renew(struct topology *topology, size_t index, struct pcie_access *access) MUST_USE;

/* What topology_read() is made of: add each function to a zeroed struct, then link. IDE_E_NO_DEVICE,
 * IDE_E_MEMORY. */
enum ide_err topology_add(struct topology *topology, const struct pcie_bdf *bdf,
                          const struct pcie_config *config, struct ide_fault *fault) MUST_USE;
void topology_link(struct topology *topology);

/* The serial (pcie_access.h) of a function that could be read; 0: it is not there. */
uint64_t topology_presence(const struct topology *topology, const struct pcie_bdf *bdf);

/* Index of the function, or TOPOLOGY_NONE. */
size_t topology_find(const struct topology *topology, const struct pcie_bdf *bdf);

/* The topmost function above the one at index, or that itself: its root port, mostly. TOPOLOGY_NONE of TOPOLOGY_NONE. */
size_t topology_top(const struct topology *topology, size_t index);
/* Whether the function at index is somewhere below the port, another one. */
bool topology_is_below(const struct topology *topology, size_t index, size_t port);

/*
 * The ports from the root port down to the function, both included: path[0] is the root port and
 * path[*count - 1] is index. A single entry if index is a root port. All between are switch ports.
 * IDE_E_NO_PARTNER if it does not hang below a root port like that.
 */
enum ide_err topology_path(const struct topology *topology, size_t index,
                           size_t path[static TOPOLOGY_DEPTH_MAX], size_t *count,
                           struct ide_fault *fault) MUST_USE;

/* The next endpoint below port, in order; start with after = TOPOLOGY_NONE. TOPOLOGY_NONE at the end. */
size_t topology_next_endpoint(const struct topology *topology, size_t port, size_t after);

/* Both ends of a selective stream, as indices. */
struct topology_pair {
    size_t root_port, endpoint;
};

/*
 * The two ends, one of them given: an endpoint's root port, or a root port's endpoint (those with an IDE
 * capability count first). Errors: IDE_E_NO_DEVICE; IDE_E_NOT_PORT if it is neither; IDE_E_NO_PARTNER;
 * IDE_E_AMBIGUOUS if several endpoints below the root port come into question.
 */
enum ide_err topology_pair(const struct topology *topology, const struct pcie_bdf *bdf,
                           struct topology_pair *pair, struct ide_fault *fault) MUST_USE;

#endif
