/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The verb `doctor`: why IDE can or cannot come up at a port, in the order in which it would. Checks are rows
 * of the table in doctor.c. Those that look at the platform run when the request comes, as `show` does; then
 * the ports' workers ask the devices (probe.h); those that judge what they answered run at the end.
 */
#ifndef IDE_KMD_DOCTOR_H
#define IDE_KMD_DOCTOR_H

#include "tools/common/checkup.h"
#include "tools/ide-kmd/controller.h"
#include "tools/ide-kmd/probe.h"

#define DOCTOR_CHECKS_MAX 32u

struct doctor {
    struct checkup up; /* first: a check's doctor is found by it */
    struct controller *controller;
    struct kernel_stream kernel[SURVEY_KERNEL_MAX];
    struct topology_node end[END_COUNT]; /* copies: the topology does not last */
    bool has_ends, one_link;
    struct cma_ids ids; /* of the endpoint */
    struct probe probe[END_COUNT];
    const struct task *task; /* at the end */
    enum ide_err trust_err;
    struct failure trust; /* if trust_err: why there are no anchors */
    enum ide_err reference_err;
    struct failure reference;
    json_t *lines[DOCTOR_CHECKS_MAX]; /* owned: of each check */
};

void doctor_verb_run(struct controller *c, const struct request *request, struct ticket *ticket);
/* The result, once both ends have been asked. */
json_t *doctor_json(const struct task *task);
void doctor_free(struct doctor *doctor); /* NULL is fine */

static inline struct doctor *doctor_of(struct checkup *up)
{
    return (struct doctor *)up;
}

/* ---- doctor_device.c: checks of what the devices answered, and of the controller's own settings ---- */

void doctor_protocols(struct checkup *up);
void doctor_trust(struct checkup *up);
void doctor_identity(struct checkup *up);
void doctor_clock(struct checkup *up);
void doctor_versions(struct checkup *up);
void doctor_references(struct checkup *up);

#endif
