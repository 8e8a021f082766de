/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CXL_IDE_KM in the session of a port's own mailbox: the steps of an endpoint, or of a root port that is
 * keyed so. */
#include "root_port/spdm_port.h"
#include "tools/ide-kmd/cxl_end.h"

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

static enum ide_err settle(struct agent *agent, enum ide_err err, struct ide_fault *fault)
{
    return spdm_port_settle(&agent->spdm, err, fault);
}

/* A port has one stream, and a mailbox of CXL.cachemem one port. */
static struct cxl_ide_target at(enum ide_direction direction)
{
    return (struct cxl_ide_target){.port_index = 0, .direction = direction};
}

/* What was keyed in a session can only be keyed again in it (CXL 3.1 §11.4.2). */
static enum ide_err need_same_session(struct agent *agent, const struct job *job, struct ide_fault *fault)
{
    struct key_provider_status now;
    agent->mailbox.ops->status(agent->mailbox.context, &now);
    bool same = now.ready && now.session == job->cxl->link.provider[job->end].session;
    return same ? IDE_OK : ide_fail(fault, IDE_E_SESSION, NULL, NULL);
}

static enum ide_err open_session(struct agent *agent, struct job *job)
{
    TRY(agent_open_session(agent, &agent->mailbox, job));
    job->cxl->link.provider[job->end] = job->provider;
    return IDE_OK;
}

static enum ide_err query(struct agent *agent, struct job *job)
{
    struct cxl_link *link = &job->cxl->link;
    struct cxl_ide_query_resp resp;
    TRY(settle(agent, cxl_ide_km_query(&agent->spdm.session, 0, &resp), &job->fault));
    const struct ide_km_query_resp who = {.devfn = resp.devfn, .bus = resp.bus, .segment = resp.segment};
    TRY(agent_check_bdf(agent, &who, job));
    link->caps[job->end] = resp.caps;
    if (job->end == END_ENDPOINT && link->generated &&
        !(resp.caps & (CXL_IDE_CAPS_KEY_GEN | CXL_IDE_CAPS_IV_GEN)))
        return ide_fail(&job->fault, IDE_E_CAPABILITY, "QUERY_RESP", "IDE Key Generation Capable");
    return IDE_OK;
}

/* An answer that says no is clear; after any other that is wrong the port may have done it. */
static bool is_unclear(enum ide_err err)
{
    return err != IDE_OK && err != IDE_E_KM_REFUSED && err != IDE_E_PEER_ERROR && err != IDE_E_BUSY;
}

/* A key that waits already keeps another out, and itself, too: refused, it may be there from before. */
static enum ide_err program_key(struct agent *agent, struct job *job, enum ide_direction d)
{
    struct cxl_progress *p = &job->cxl->link.progress[job->end];
    const struct cxl_ide_target target = at(d);
    const struct cxl_ide_key *key = cxl_key_of(&job->cxl->link, job->end, d);
    enum ide_err err = settle(agent, cxl_ide_km_key_prog(&agent->spdm.session, &target, key), &job->fault);
    if (err == IDE_E_KM_REFUSED && p->may_have_key[d])
        err = IDE_OK;
    p->may_have_key[d] |= is_unclear(err);
    p->has_key[d] = err == IDE_OK;
    return err;
}

static enum ide_err program_keys(struct agent *agent, struct job *job)
{
    const struct cxl_progress *p = &job->cxl->link.progress[job->end];
    if (job->renew)
        TRY(agent->mailbox.ops->renew(agent->mailbox.context, &job->fault));
    TRY(need_same_session(agent, job, &job->fault));
    if (job->end == END_ENDPOINT) /* whose part it may be to make them */
        TRY(cxl_keys_make(agent, job));
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        if (!p->has_key[d])
            TRY(program_key(agent, job, d));
    return IDE_OK;
}

static enum ide_err go_receive(struct agent *agent, struct job *job)
{
    struct cxl_progress *p = &job->cxl->link.progress[job->end];
    const struct cxl_ide_target target = at(IDE_RX);
    TRY(need_same_session(agent, job, &job->fault));
    if (p->receives)
        return IDE_OK;
    TRY(settle(agent, cxl_ide_km_set_go(&agent->spdm.session, &target, job->cxl->link.mode), &job->fault));
    p->receives = true;
    return IDE_OK;
}

/* A transmitter that has changed over already has no key that waits, and says no. */
static enum ide_err go_transmit(struct agent *agent, struct job *job)
{
    struct cxl_progress *p = &job->cxl->link.progress[job->end];
    const struct cxl_ide_target target = at(IDE_TX);
    TRY(need_same_session(agent, job, &job->fault));
    if (p->transmits)
        return IDE_OK;
    enum ide_err err =
        settle(agent, cxl_ide_km_set_go(&agent->spdm.session, &target, job->cxl->link.mode), &job->fault);
    if (err == IDE_E_PEER_ERROR && p->may_transmit) {
        job->has_note = true;
        job->note = job->fault;
        err = IDE_OK;
    }
    p->may_transmit |= is_unclear(err);
    p->transmits = err == IDE_OK;
    return err;
}

static enum ide_err stop(struct agent *agent, struct job *job, struct ide_fault *fault)
{
    TRY(need_same_session(agent, job, fault));
    if (!(job->cxl->link.caps[job->end] & CXL_IDE_CAPS_K_SET_STOP))
        return ide_fail(fault, IDE_E_CAPABILITY, "QUERY_RESP", "K_SET_STOP Capable");
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++) {
        const struct cxl_ide_target target = at(d);
        TRY(settle(agent, cxl_ide_km_set_stop(&agent->spdm.session, &target), fault));
    }
    return IDE_OK;
}

/* Keys that a port does not let go of it forgets with its session: noted. A root port whose session goes on
 * keeps its transmitter, and the link is not off. */
static enum ide_err stop_keys(struct agent *agent, struct job *job)
{
    enum ide_err err = stop(agent, job, &job->note);
    bool goes_on = job->in_use && job->end == END_ROOT_PORT && job->note.err != IDE_E_SESSION;
    if (err != IDE_OK && goes_on) {
        job->fault = job->note;
        return err;
    }
    job->has_note = err != IDE_OK;
    return IDE_OK;
}

enum ide_err cxl_mailbox_run(struct agent *agent, struct job *job)
{
    const struct key_provider *p = &agent->mailbox;
    switch (job->action) {
    case STEP_AUTHENTICATE:
        return p->ops->authenticate(p->context, job->trust, job->in_use, &job->fault);
    case STEP_SESSION:
        return open_session(agent, job);
    case STEP_QUERY:
        return query(agent, job);
    case STEP_PROGRAM_KEYS:
        return program_keys(agent, job);
    case STEP_GO_RECEIVE:
        return go_receive(agent, job);
    case STEP_GO_TRANSMIT:
        return go_transmit(agent, job);
    case STEP_STOP_KEYS:
        return stop_keys(agent, job);
    case STEP_END_SESSION:
        p->ops->close(p->context);
        return IDE_OK;
    default: /* is in no plan for it */
        return ide_fail(&job->fault, IDE_E_INTERNAL, NULL, NULL);
    }
}
