/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The steps of a CXL.cachemem link that are about both ends' registers, and what comes of an operation. */
#include "tools/ide-kmd/cxl_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "root_port/port_view.h"
#include "tools/ide-kmd/agent.h"
#include "tools/ide-kmd/cxl_end.h"
#include "tools/ide-kmd/store_hold.h"

#define STEP_AWAIT "CXL link active"
#define PATH_CAP   1024

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

struct cxl_registers {
    struct cxl_ide_port port[END_COUNT];
    bool flit; /* how the link runs */
    uint64_t bytes_per_second;
    bool was_active; /* the link, by what the root port says */
};

/* ---- registers ----------------------------------------------------------- */

static void resource_path(const struct pcie_access *access, const struct pcie_bdf *bdf,
                          char path[static PATH_CAP])
{
    char text[PCIE_BDF_TEXT];
    snprintf(path, PATH_CAP, "%s/%s/resource", access->devices, pcie_bdf_format(bdf, text));
}

/* The fault of what follows is about the endpoint, or about the root port. */
static void about(struct job *job, enum stream_end end)
{
    job->device = job->ends.bdf[end];
}

/* Configuration space says where the registers are, and is not needed after that. */
static enum ide_err open_end(struct agent *agent, struct job *job, enum stream_end end,
                             struct cxl_registers *registers)
{
    char path[PATH_CAP];
    struct pcie_function function = {0};
    about(job, end);
    resource_path(&agent->access, &job->device, path);
    enum ide_err err = pcie_function_open(&function, &agent->access, &job->device, &job->fault);
    if (err == IDE_OK)
        err = cxl_ide_open(&registers->port[end], &function.config, path, &job->fault);
    if (err == IDE_OK && end == END_ROOT_PORT) {
        registers->flit = pcie_flit_mode(&function.config);
        uint16_t link = pcie_link_status(&function.config);
        registers->bytes_per_second = refresh_link_rate(link);
        registers->was_active = port_link_of(link) == PORT_LINK_ACTIVE;
    }
    pcie_function_close(&function);
    return err == IDE_OK ? cxl_ide_check_mode(&registers->port[end], job->cxl->link.mode, &job->fault) : err;
}

static void close_registers(struct cxl_order *order)
{
    for (enum stream_end end = 0; order->registers && end < END_COUNT; end++)
        cxl_ide_close(&order->registers->port[end]);
    free(order->registers);
    order->registers = NULL;
}

/* Opens them for the first step of an operation that needs them. */
static enum ide_err need_registers(struct agent *agent, struct job *job)
{
    struct cxl_order *order = job->cxl;
    if (order->registers)
        return IDE_OK;
    order->registers = calloc(1, sizeof *order->registers);
    if (!order->registers)
        return ide_fail(&job->fault, IDE_E_MEMORY, "CXL registers", NULL);
    for (enum stream_end end = 0; end < END_COUNT; end++)
        order->registers->port[end].memory.fd = -1;
    enum ide_err err = open_end(agent, job, END_ROOT_PORT, order->registers);
    if (err == IDE_OK)
        err = open_end(agent, job, END_ENDPOINT, order->registers);
    if (err != IDE_OK)
        close_registers(order);
    return err;
}

static enum ide_err look(struct agent *agent, struct job *job)
{
    if (job->cxl->link.by_unit)
        TRY(cxl_unit_run(agent, job));
    TRY(need_registers(agent, job));
    about(job, END_ROOT_PORT);
    return IDE_OK;
}

/* ---- what is held, written down ------------------------------------------- */

static enum ide_err hold(struct agent *agent, struct job *job)
{
    const struct cxl_link *link = &job->cxl->link;
    struct held_cxl_link held = {
        .mode = link->mode, .generate = link->generated, .state = HELD_STARTING, .by_config = job->by_config};
    memcpy(held.bdf, job->ends.bdf, sizeof held.bdf);
    snprintf(held.asked_by, sizeof held.asked_by, "%s", job->asked_by ? job->asked_by : "");
    about(job, END_ROOT_PORT);
    return store_hold_cxl_link(agent->settings->store, &held, &job->fault);
}

/* Whoever is told that the link is up has it back after a kill. */
static enum ide_err hold_up(struct agent *agent, struct job *job)
{
    about(job, END_ROOT_PORT);
    return store_set_cxl_link(agent->settings->store, &job->ends.bdf[END_ROOT_PORT], HELD_UP, HELD_WANTED, &job->fault);
}

/* That it cannot be written down is no reason to leave the link on. */
static void hold_stopping(struct agent *agent, struct job *job)
{
    struct ide_fault ignored;
    enum held_wish wish = job->forgets ? HELD_NOT_WANTED : HELD_AS_WAS;
    (void)!store_set_cxl_link(agent->settings->store, &job->ends.bdf[END_ROOT_PORT], HELD_STOPPING, wish, &ignored);
}

/* ---- steps ------------------------------------------------------------------ */

static enum ide_err set_up(struct agent *agent, struct job *job)
{
    TRY(need_registers(agent, job));
    TRY(hold(agent, job));
    const struct cxl_ide_port *port = job->cxl->registers->port;
    bool flit = job->cxl->registers->flit;
    job->bytes_per_second = job->cxl->registers->bytes_per_second;
    job->active_links = job->cxl->registers->was_active;
    about(job, END_ROOT_PORT);
    TRY(cxl_ide_prepare(&port[END_ROOT_PORT], &port[END_ENDPOINT], flit, &job->fault));
    about(job, END_ENDPOINT);
    return cxl_ide_prepare(&port[END_ENDPOINT], &port[END_ROOT_PORT], flit, &job->fault);
}

static enum ide_err not_active(const struct cxl_ide_state *state, enum cxl_ide_mode mode,
                               struct ide_fault *fault)
{
    uint8_t wanted = mode == CXL_IDE_CONTAINMENT ? CXL_IDE_STS_CONTAINMENT : CXL_IDE_STS_SKID;
    if (state->error)
        return ide_fail_value(fault, IDE_E_INSECURE, STEP_AWAIT, "Rx Error Status", state->error, 0);
    bool rx = state->direction[IDE_RX] != wanted;
    return ide_fail_value(fault, IDE_E_INSECURE, STEP_AWAIT, rx ? "Rx IDE Status" : "Tx IDE Status",
                          state->direction[rx ? IDE_RX : IDE_TX], wanted);
}

/* The root port has sent IDE.Start. An endpoint whose receiver could not take it has forgotten its keys, and
 * says why only here. */
static enum ide_err check_receiver(struct agent *agent, struct job *job)
{
    struct cxl_ide_state state;
    TRY(need_registers(agent, job));
    about(job, END_ENDPOINT);
    TRY(cxl_ide_read_state(&job->cxl->registers->port[END_ENDPOINT], &state, &job->fault));
    return state.error ? not_active(&state, job->cxl->link.mode, &job->fault) : IDE_OK;
}

static enum ide_err await_end(struct job *job, enum stream_end end, struct bounded_wait *wait)
{
    struct cxl_ide_state state;
    about(job, end);
    for (;;) {
        TRY(cxl_ide_read_state(&job->cxl->registers->port[end], &state, &job->fault));
        if (cxl_ide_is_active(&state, job->cxl->link.mode))
            return IDE_OK;
        enum ide_err err = wait_pause(wait);
        if (err == IDE_E_TIMEOUT)
            return not_active(&state, job->cxl->link.mode, &job->fault);
        if (err != IDE_OK)
            return ide_fail(&job->fault, err, STEP_AWAIT, NULL);
    }
}

/* Only both ends, in both directions, is success. The endpoint first: it says why. */
static enum ide_err await_active(struct agent *agent, struct job *job)
{
    TRY(need_registers(agent, job));
    struct bounded_wait wait = wait_start(&agent->wait, agent->settings->timeout_ms);
    TRY(await_end(job, END_ENDPOINT, &wait));
    TRY(await_end(job, END_ROOT_PORT, &wait));
    return job->establishes ? hold_up(agent, job) : IDE_OK;
}

static enum ide_err run_at_end(struct agent *agent, struct job *job)
{
    bool by_unit = job->cxl->link.by_unit && job->end == END_ROOT_PORT;
    return by_unit ? cxl_unit_run(agent, job) : cxl_mailbox_run(agent, job);
}

enum ide_err cxl_link_run(struct agent *agent, struct job *job)
{
    switch (job->action) {
    case STEP_CXL_LOOK:
        return look(agent, job);
    case STEP_SETUP:
        return set_up(agent, job);
    case STEP_AWAIT_SECURE:
        return await_active(agent, job);
    case STEP_GO_TRANSMIT:
        TRY(run_at_end(agent, job));
        return job->end == END_ROOT_PORT ? check_receiver(agent, job) : IDE_OK;
    case STEP_STOP_KEYS:
        hold_stopping(agent, job);
        return run_at_end(agent, job);
    default:
        return run_at_end(agent, job);
    }
}

/* ---- what came of it ------------------------------------------------------ */

static bool has_begun(const struct cxl_progress *p)
{
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        if (p->has_key[d] || p->may_have_key[d])
            return true;
    return false;
}

static void conclude_rekey(struct cxl_order *order, bool failed, bool session_lost)
{
    struct cxl_link *link = &order->link;
    bool waits =
        failed && (has_begun(&link->progress[END_ENDPOINT]) || has_begun(&link->progress[END_ROOT_PORT]));
    link->rekeys += !failed;
    if (!waits)
        cxl_link_drop_keys(link);
    if (session_lost)
        order->outcome = "the link goes on with the keys that it has" JOB_NO_REKEY;
    else
        order->outcome = waits ? "the link goes on, and the next rekey completes this one"
                               : "the link goes on with its old keys";
}

static void conclude_off(struct cxl_order *order, bool undone, const char *off, const char *not_off)
{
    order->link.is_up = false;
    order->link.half_off = !undone;
    order->outcome = undone ? off : not_off;
    cxl_link_drop_keys(&order->link);
}

void cxl_order_conclude(struct cxl_order *order, bool failed, bool undone, bool session_lost)
{
    close_registers(order);
    switch (order->action) {
    case CXL_ESTABLISH:
        order->link.is_up = !failed;
        if (failed)
            conclude_off(order, undone, "the link is not encrypted",
                         "the link could not be turned off: try stop");
        cxl_link_drop_keys(&order->link);
        break;
    case CXL_REKEY:
        conclude_rekey(order, failed, session_lost);
        break;
    case CXL_STOP:
        conclude_off(order, !failed, NULL, "the link could not be turned off: try stop again");
        break;
    }
}

/* ---- looking ------------------------------------------------------------- */

bool cxl_end_look(struct pcie_access *access, const struct pcie_bdf *bdf, struct cxl_ide_state *state)
{
    struct ide_fault ignored;
    struct pcie_function function = {0};
    struct cxl_ide_port port = {.memory.fd = -1};
    char path[PATH_CAP];
    resource_path(access, bdf, path);
    bool ok = pcie_function_open(&function, access, bdf, &ignored) == IDE_OK &&
              cxl_ide_open(&port, &function.config, path, &ignored) == IDE_OK &&
              cxl_ide_read_state(&port, state, &ignored) == IDE_OK;
    cxl_ide_close(&port);
    pcie_function_close(&function);
    return ok;
}

void cxl_link_look(struct pcie_access *access, const struct stream_ends *ends, struct cxl_link_view *view)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        view->readable[end] = cxl_end_look(access, &ends->bdf[end], &view->state[end]);
}

bool cxl_view_is_secure(const struct cxl_link_view *view, enum cxl_ide_mode mode)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        if (!view->readable[end] || !cxl_ide_is_active(&view->state[end], mode))
            return false;
    return true;
}
