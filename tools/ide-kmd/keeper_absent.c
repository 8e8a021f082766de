/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports that streams are wanted between and that are not there: when they are. */
#include "tools/ide-kmd/controller.h"

#define ABSENT_AGAIN_MS 1000u

static bool is_there(struct controller *c, const struct pcie_bdf *bdf)
{
    struct ide_fault ignored;
    struct pcie_function function = {0};
    bool there = pcie_function_open(&function, &c->survey.access, bdf, &ignored) == IDE_OK;
    pcie_function_close(&function);
    return there;
}

/*
 * Who comes and goes the watch tells, by what the tree has. It does not tell of a device whose link was down
 * when the plan was made, which is in the tree all the while; nor of what came before it looked for the first
 * time.
 */
void keeper_host_look_for_absent(struct controller *c)
{
    struct keeper_host *host = &c->kept;
    bool absent = false;
    uint64_t now = (uint64_t)zclock_mono();
    for (const struct keeper_item *item = host->keeper.first; item; item = item->next) {
        if (item->gone || item->state != KEEPER_ABSENT)
            continue;
        absent = true;
        if (now >= host->absent_again_ms && is_there(c, &item->want.key.root_port) &&
            is_there(c, &item->want.key.endpoint))
            host->plan_due = true;
    }
    if (!absent)
        host->absent_again_ms = UINT64_MAX;
    else if (host->absent_again_ms == UINT64_MAX || now >= host->absent_again_ms)
        host->absent_again_ms = now + ABSENT_AGAIN_MS;
}
