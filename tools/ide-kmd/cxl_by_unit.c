/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL's key unit: the steps of a root port that is keyed through it. */
#include "root_port/cxl_unit.h"
#include "tools/ide-kmd/cxl_end.h"
#include "tools/ide-kmd/kill_switch.h"

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* A unit that somebody enabled is somebody's. */
static enum ide_err check_owner(const struct cxl_unit *unit, struct ide_fault *fault)
{
    bool enabled;
    TRY(cxl_unit_is_enabled(unit, &enabled, fault));
    return enabled ? ide_fail(fault, IDE_E_FOREIGN, "CXL key unit setup", "Link Encryption Enable") : IDE_OK;
}

/* A register takes what is written last, so that writing them again does no harm before they start. */
static enum ide_err program_keys(const struct cxl_unit *unit, struct job *job)
{
    struct cxl_link *link = &job->cxl->link;
    struct cxl_progress *p = &link->progress[END_ROOT_PORT];
    if (p->has_key[IDE_RX] && p->has_key[IDE_TX])
        return IDE_OK;
    if (job->cxl->action == CXL_ESTABLISH)
        TRY(cxl_unit_set_mode(unit, link->mode, &job->fault));
    p->may_have_key[IDE_RX] = p->may_have_key[IDE_TX] = true;
    TRY(cxl_unit_write_keys(unit, cxl_key_of(link, END_ROOT_PORT, IDE_TX),
                            cxl_key_of(link, END_ROOT_PORT, IDE_RX), &job->fault));
    p->has_key[IDE_RX] = p->has_key[IDE_TX] = true;
    return IDE_OK;
}

static enum ide_err go_transmit(const struct cxl_unit *unit, struct job *job)
{
    struct cxl_progress *p = &job->cxl->link.progress[END_ROOT_PORT];
    if (p->transmits)
        return IDE_OK;
    p->may_transmit = true;
    TRY(cxl_unit_start(unit, &job->fault));
    p->transmits = true;
    return IDE_OK;
}

static enum ide_err run(const struct cxl_unit *unit, struct job *job)
{
    switch (job->action) {
    case STEP_CXL_LOOK:
        return check_owner(unit, &job->fault);
    case STEP_PROGRAM_KEYS:
        return program_keys(unit, job);
    case STEP_GO_TRANSMIT:
        return go_transmit(unit, job);
    case STEP_STOP_KEYS:
        return cxl_unit_stop(unit, &job->fault);
    default: /* is in no plan for it */
        return ide_fail(&job->fault, IDE_E_INTERNAL, NULL, NULL);
    }
}

static bool read_unit(void *context, uint32_t offset, uint32_t *value)
{
    const struct kcu_access access = kcu_memory_access(context);
    return access.read32(access.context, offset, value);
}

static bool write_unit(void *context, uint32_t offset, uint32_t value)
{
    const struct kcu_access access = kcu_memory_access(context);
    bool ok = access.write32(access.context, offset, value);
    kill_point("a register of the CXL key unit is written");
    return ok;
}

enum ide_err cxl_unit_run(struct agent *agent, struct job *job)
{
    struct kcu_memory memory;
    enum ide_err err =
        providers_cxl_unit(agent->settings->providers, &job->ends.bdf[END_ROOT_PORT], &memory, &job->fault);
    const struct cxl_unit unit = {.access = {.read32 = read_unit, .write32 = write_unit, .context = &memory},
                                  .wait = &agent->wait,
                                  .timeout_ms = agent->settings->timeout_ms};
    if (err == IDE_OK)
        err = run(&unit, job);
    kcu_memory_close(&memory);
    return err;
}

bool cxl_step_is_idle(const struct cxl_link *link, const struct plan_step *step)
{
    if (!link->by_unit || step->end != END_ROOT_PORT)
        return false;
    return step->action == STEP_AUTHENTICATE || step->action == STEP_SESSION || step->action == STEP_QUERY ||
           step->action == STEP_GO_RECEIVE || step->action == STEP_END_SESSION;
}
