/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why IDE can or cannot come up at a port, as far as configuration space and sysfs tell: reads only.
 * ide-kmd's verb `doctor` begins with these checks, and ide-ctl does them by itself where no controller
 * answers.
 *
 * A check is a row; it leaves lines, each of which says what was found and, unless all is well, what to do.
 */
#ifndef TOOLS_COMMON_CHECKUP_H
#define TOOLS_COMMON_CHECKUP_H

#include <jansson.h>

#include "root_port/kernel_owner.h"
#include "root_port/topology.h"

enum finding { FINDING_OK, FINDING_WARNING, FINDING_PROBLEM, FINDING_SKIPPED };

struct checkup_row;

struct checkup {
    /* the caller's: what there is, and what is asked about */
    struct pcie_access *access;
    const struct topology *topology;
    const struct kernel_stream *kernel;
    size_t kernel_count;
    struct pcie_bdf bdf;

    /* found by the checks of type and path: the two ends of a stream here, and what is between them, as
     * indices; TOPOLOGY_NONE if there is none */
    size_t node, upper, lower;
    size_t path[TOPOLOGY_DEPTH_MAX]; /* from upper to lower, both included */
    size_t path_count;
    bool one_link; /* a switch port was named: the stream of its link is meant */
    bool is_up;    /* the caller's: a stream between the ends is Secure */

    const struct checkup_row *row; /* the check that runs */
    json_t *list;                  /* of lines, owned by the caller */
    unsigned problems;
};

struct checkup_row {
    const char *name; /* in JSON */
    void (*run)(struct checkup *c);
    const char *text; /* what is looked at, for people */
};

extern const struct checkup_row checkup_function, checkup_type, checkup_path, checkup_flow_through,
    checkup_ide, checkup_blocks, checkup_mailbox, checkup_kernel;

/* Sets what the checks find to nothing yet; the caller's members stay. */
void checkup_start(struct checkup *c);
/* Runs one check into list. */
void checkup_run(struct checkup *c, const struct checkup_row *row);

/* A line of the check that runs. device and hint may be NULL. */
void checkup_find(struct checkup *c, enum finding finding, const struct pcie_bdf *device, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The same on its own, for what is looked at elsewhere: {"check", "text", "device", "state", "found",
 * "hint"}. */
json_t *checkup_line(const char *name, const char *text, enum finding finding, const struct pcie_bdf *device,
                     const char *found, const char *hint);

bool checkup_has_ends(const struct checkup *c);
/* Whether another function of its device has a mailbox that may serve it. */
bool checkup_is_served(const struct checkup *c, const struct topology_node *node);
const struct topology_node *checkup_node(const struct checkup *c, size_t index);

#endif
