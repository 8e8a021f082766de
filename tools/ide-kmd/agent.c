/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/agent.h"

#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "tools/ide-kmd/cxl_link.h"
#include "tools/ide-kmd/probe.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/registers.h"

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* All waits for a device ask for the time: so each shows that the thread goes on. */
static uint64_t now_us(void *context)
{
    struct agent *agent = context;
    agent_touch(agent);
    return atomic_load_explicit(&agent->seen_us, memory_order_relaxed);
}

void agent_touch(struct agent *agent)
{
    const struct wait_ops system = wait_system(NULL);
    atomic_store_explicit(&agent->seen_us, system.now_us(NULL), memory_order_relaxed);
}

uint64_t agent_silent_ms(const struct agent *agent)
{
    const struct wait_ops system = wait_system(NULL);
    uint64_t now = system.now_us(NULL), seen = atomic_load_explicit(&agent->seen_us, memory_order_relaxed);
    return now > seen ? (now - seen) / 1000 : 0;
}

void agent_init(struct agent *agent, const struct agent_settings *settings, const struct pcie_bdf *bdf)
{
    memset(agent, 0, sizeof *agent);
    agent->settings = settings;
    agent->bdf = *bdf;
    atomic_init(&agent->records, 0);
    atomic_init(&agent->cancel, false);
    agent->wait = wait_system(&agent->cancel);
    agent->wait.now_us = now_us;
    agent->wait.context = agent;
    agent_touch(agent);
    /* Session secrets stay out of swap space where the system lets us. */
    (void)mlock(&agent->spdm, sizeof agent->spdm);
}

static enum ide_err open_port(struct agent *agent, struct ide_fault *fault)
{
    uint32_t generation = agent->spdm.generation;
    TRY(pcie_access_open(&agent->access, agent->settings->sysfs, fault));
    TRY(pcie_function_open(&agent->function, &agent->access, &agent->bdf, fault));
    struct spdm_port_settings settings =
        spdm_options_port(agent->settings->spdm, agent->settings->timeout_ms);
    if (agent->settings->credentials)
        credentials_apply(agent->settings->credentials, &agent->bdf, &settings);
    agent_apply_policy(agent, &settings);
    TRY(spdm_port_open(&agent->spdm, &agent->function.config, &agent->wait, &settings, fault));
    agent->spdm.generation = generation;
    return IDE_OK;
}

/* An endpoint's keys go to itself. */
static enum ide_err open_provider(struct agent *agent, struct ide_fault *fault)
{
    if (pcie_read_port_type(&agent->function.config) != PCIE_TYPE_ROOT_PORT)
        return IDE_OK;
    agent->seat.spdm = &agent->spdm;
    agent->seat.wait = &agent->wait;
    agent->seat.timeout_ms = agent->settings->timeout_ms;
    agent->seat.has_mailbox = doe_mailbox_find(&agent->function.config, 0) != 0;
    return providers_serve(agent->settings->providers, &agent->bdf, &agent->seat, &agent->provider, fault);
}

static void close_port(struct agent *agent)
{
    uint32_t generation = agent->spdm.generation;
    spdm_port_close(&agent->spdm);
    agent->spdm.generation =
        generation; /* streams remember which session keyed them: no number comes twice */
    pcie_function_close(&agent->function);
    pcie_access_close(&agent->access);
}

void agent_close(struct agent *agent)
{
    if (!agent->is_open)
        return;
    agent->provider.ops->close(agent->provider.context);
    agent->mailbox.ops->close(agent->mailbox.context);
    close_port(agent);
    agent->is_open = false;
}

/*
 * What was opened may be a device that has been taken out since: its file never reads as anything again,
 * whatever is in its place now. Streams that live on its keys find that out themselves.
 */
static bool is_gone(const struct agent *agent, const struct job *job)
{
    bool first_contact = job->action == STEP_AUTHENTICATE || job->action == STEP_ATTEST;
    return first_contact && !job->in_use &&
           pcie_read16(&agent->function.config, PCIE_VENDOR_ID) == UINT16_MAX;
}

static enum ide_err need_open(struct agent *agent, const struct job *job, struct ide_fault *fault)
{
    if (agent->is_open && is_gone(agent, job))
        agent_close(agent);
    if (agent->is_open)
        return IDE_OK;
    enum ide_err err = open_port(agent, fault);
    if (err != IDE_OK) {
        close_port(agent);
        return err;
    }
    agent->provider = agent->mailbox = key_provider_doe(&agent->spdm);
    agent->has_provider = false;
    agent->is_open = true;
    return IDE_OK;
}

/* A CXL.cachemem link does without the provider of stream keys, which the port may not have. */
static enum ide_err need_provider(struct agent *agent, struct ide_fault *fault)
{
    if (agent->has_provider)
        return IDE_OK;
    enum ide_err err = open_provider(agent, fault);
    if (err != IDE_OK)
        agent->provider = agent->mailbox;
    agent->has_provider = err == IDE_OK;
    return err;
}

static enum ide_err look_closer(void *context, struct spdm_port *port, bool in_use, struct ide_fault *fault)
{
    struct job *job = context;
    job->peer = port->connection.peer;
    job->ids = port->ids;
    job->provider.params = port->connection.params;
    return attestation_collect(job->attestation, port, &job->device, in_use, &job->evidence, &job->mismatch,
                               fault);
}

static enum ide_err run_attest(struct agent *agent, struct job *job)
{
    struct root_of_trust *rot = providers_root_of_trust(agent->settings->providers, &agent->bdf);
    const struct rot_look closer = {look_closer, job};
    if (rot) /* its one mailbox belongs to the sessions of root ports */
        return rot_attest(rot, &agent->wait, job->trust, &closer, &job->fault);
    TRY(spdm_port_attest(&agent->spdm, job->trust, job->in_use, &job->fault));
    kill_point("the device has proved its identity");
    return look_closer(job, &agent->spdm, job->in_use, &job->fault);
}

enum ide_err agent_open_session(struct agent *agent, const struct key_provider *provider, struct job *job)
{
    TRY(provider->ops->open(provider->context, &job->fault));
    provider->ops->status(provider->context, &job->provider);
    job->provider_name = provider->ops->name;
    TRY(agent_check_policy(agent, job));
    if (job->end == END_ENDPOINT && job->attestation && job->attestation->is_required)
        return attestation_require(job->attestation, &agent->spdm, &agent->bdf, &job->mismatch, &job->fault);
    return IDE_OK;
}

static enum ide_err check_bdf(const struct pcie_bdf *bdf, bool flit, const struct ide_km_query_resp *resp,
                              struct ide_fault *fault)
{
    uint8_t devfn = (uint8_t)(bdf->device << 3 | bdf->function);
    uint8_t segment = flit ? (uint8_t)bdf->domain : 0;
    if (resp->bus != bdf->bus)
        return ide_fail_value(fault, IDE_E_KM_MISMATCH, "QUERY_RESP", "BusNum", resp->bus, bdf->bus);
    if (resp->devfn != devfn)
        return ide_fail_value(fault, IDE_E_KM_MISMATCH, "QUERY_RESP", "DevFuncNum", resp->devfn, devfn);
    /* Below Flit Mode TLPs carry no segment; a port may tell its own all the same. */
    if (resp->segment != segment && resp->segment != (uint8_t)bdf->domain)
        return ide_fail_value(fault, IDE_E_KM_MISMATCH, "QUERY_RESP", "Segment", resp->segment, segment);
    return IDE_OK;
}

static bool same_function(const struct ide_km_query_resp *a, const struct ide_km_query_resp *b)
{
    return a->bus == b->bus && a->devfn == b->devfn && a->segment == b->segment;
}

/* Asks for one port index after the other until one says that it is the port; if none does it is left at 0.
 * several: that may be another one's, as it is not if the mailbox knows the number of none of its ports and
 * the port is the one that has the mailbox. */
static enum ide_err find_index(struct agent *agent, struct job *job, bool *several)
{
    struct ide_km_query_resp resp = {0}, at_0 = {0};
    struct ide_fault fault;
    enum ide_err first = IDE_OK;
    bool flit = pcie_flit_mode(&agent->function.config);
    bool is_own = pcie_bdf_compare(&job->ends.bdf[job->end], &agent->bdf) == 0;
    for (unsigned index = 0; index <= resp.max_port_index; index++) {
        agent->spdm.km_index = (uint8_t)index;
        TRY(agent->provider.ops->query(agent->provider.context, &resp, &job->fault));
        job->port_index = (uint8_t)index;
        enum ide_err err = check_bdf(&job->ends.bdf[job->end], flit, &resp, &fault);
        if (err == IDE_OK)
            return IDE_OK;
        if (first == IDE_OK) {
            first = err;
            job->note = fault;
            at_0 = resp;
        }
        *several = *several || !same_function(&resp, &at_0) || (resp.max_port_index > 0 && !is_own);
    }
    agent->spdm.km_index = job->port_index = 0;
    if (resp.max_port_index > 0 && !*several) /* spdm-emu takes keys for the port only that was asked last */
        TRY(agent->provider.ops->query(agent->provider.context, &resp, &job->fault));
    return first;
}

/*
 * The port must be the one that is meant: keys for another one would secure a link that nobody asked for.
 * Some devices do not know their own number, though; the session that the keys go through has shown already
 * who it is. That tells no more where a mailbox serves several ports.
 */
static enum ide_err run_query(struct agent *agent, struct job *job)
{
    bool several = false;
    enum ide_err err = find_index(agent, job, &several);
    if (err != IDE_E_KM_MISMATCH || job->fault.err == err) /* none, or of the exchange itself */
        return err;
    if (several || !agent->settings->allow_wrong_bdf) {
        job->fault = job->note;
        return err;
    }
    job->has_note = true;
    return IDE_OK;
}

enum ide_err agent_check_bdf(const struct agent *agent, const struct ide_km_query_resp *resp, struct job *job)
{
    bool flit = pcie_flit_mode(&agent->function.config);
    if (!agent->settings->allow_wrong_bdf)
        return check_bdf(&agent->bdf, flit, resp, &job->fault);
    job->has_note = check_bdf(&agent->bdf, flit, resp, &job->note) != IDE_OK;
    return IDE_OK;
}

static struct ide_km_target target_of(const struct job *job, uint8_t key_set, enum ide_direction direction,
                                      enum ide_substream substream)
{
    return (struct ide_km_target){.port_index = job->port_index,
                                  .stream_id = job->stream_id,
                                  .key_set = key_set,
                                  .direction = direction,
                                  .substream = substream};
}

/* Keys of one key set must all come from the session that keyed the stream (PCIe 6.x §11.3.8): a new one is
 * no help. */
static enum ide_err need_same_session(struct agent *agent, const struct job *job, struct ide_fault *fault)
{
    struct key_provider_status status;
    agent->provider.ops->status(agent->provider.context, &status);
    if (status.ready && (job->session == 0 || job->session == status.session))
        return IDE_OK;
    return ide_fail(fault, IDE_E_SESSION, NULL, NULL);
}

static enum ide_err run_program_keys(struct agent *agent, struct job *job)
{
    if (job->renew)
        TRY(agent->provider.ops->renew(agent->provider.context, &job->fault));
    TRY(need_same_session(agent, job, &job->fault));
    for (enum ide_direction direction = IDE_RX; direction <= IDE_TX; direction++) {
        for (enum ide_substream substream = IDE_PR; substream <= IDE_CPL; substream++) {
            struct ide_km_target target = target_of(job, job->key_set, direction, substream);
            TRY(agent->provider.ops->program_key(agent->provider.context, &target,
                                                 &job->keys->key[direction][substream], &job->fault));
            kill_point("a key is programmed");
        }
    }
    return agent->provider.ops->prime(agent->provider.context, job->stream_id, job->key_set, &job->fault);
}

static enum ide_err run_go(struct agent *agent, struct job *job, enum ide_direction direction)
{
    TRY(need_same_session(agent, job, &job->fault));
    for (enum ide_substream substream = IDE_PR; substream <= IDE_CPL; substream++) {
        struct ide_km_target target = target_of(job, job->key_set, direction, substream);
        TRY(agent->provider.ops->go(agent->provider.context, &target, &job->fault));
        kill_point("a key is in use");
    }
    return IDE_OK;
}

static enum ide_err stop_set(struct agent *agent, struct job *job, uint8_t key_set)
{
    TRY(need_same_session(agent, job, &job->note));
    for (enum ide_direction direction = IDE_RX; direction <= IDE_TX; direction++) {
        for (enum ide_substream substream = IDE_PR; substream <= IDE_CPL; substream++) {
            struct ide_km_target target = target_of(job, key_set, direction, substream);
            TRY(agent->provider.ops->stop(agent->provider.context, &target, &job->note));
            kill_point("a key is stopped");
        }
    }
    return IDE_OK;
}

/* What a port cannot take back is overwritten with keys that nobody has. They are never started. */
static enum ide_err overwrite_set(struct agent *agent, const struct job *job, uint8_t key_set,
                                  struct ide_fault *fault)
{
    struct ide_key_set nobodys;
    const struct rng rng = drbg_rng(&agent->spdm.drbg);
    enum ide_err err = ide_key_set_generate(&nobodys, &rng);
    if (err != IDE_OK)
        return ide_fail(fault, err, "key generation", NULL);
    for (enum ide_direction direction = IDE_RX; direction <= IDE_TX && err == IDE_OK; direction++) {
        for (enum ide_substream substream = IDE_PR; substream <= IDE_CPL && err == IDE_OK; substream++) {
            struct ide_km_target target = target_of(job, key_set, direction, substream);
            err = agent->provider.ops->program_key(agent->provider.context, &target,
                                                   &nobodys.key[direction][substream], fault);
        }
    }
    ide_key_set_wipe(&nobodys);
    return err;
}

static bool cannot_stop(const struct ide_fault *fault)
{
    return fault->err == IDE_E_PEER_ERROR || fault->err == IDE_E_KM_REFUSED;
}

/* Ports need not support K_SET_STOP, and what protects traffic is the enable bit and the session's end:
 * noted, no failure. */
static enum ide_err run_stop_keys(struct agent *agent, struct job *job)
{
    struct ide_fault later; /* that it cannot be stopped is what is told */
    for (uint8_t key_set = 0; key_set < 2; key_set++) {
        if (!(job->stop_sets & (1u << key_set)) || stop_set(agent, job, key_set) == IDE_OK)
            continue;
        job->has_note = true;
        if (!cannot_stop(&job->note) || overwrite_set(agent, job, key_set, &later) != IDE_OK)
            break;
    }
    return IDE_OK;
}

static enum ide_err run_registers(struct agent *agent, struct job *job)
{
    const struct registers_context context = {.sysfs = agent->settings->sysfs,
                                              .flow = agent->settings->flow,
                                              .gates = agent->settings->gates,
                                              .store = agent->settings->store,
                                              .provider = &agent->provider,
                                              .wait = &agent->wait,
                                              .timeout_ms = agent->settings->timeout_ms};
    registers_run(&context, job);
    return job->err;
}

static enum ide_err run(struct agent *agent, struct job *job)
{
    if (job->action == STEP_END_SESSION && !agent->is_open) /* there is none to end */
        return IDE_OK;
    TRY(need_open(agent, job, &job->fault));
    if (job->cxl)
        return cxl_link_run(agent, job);
    TRY(need_provider(agent, &job->fault));
    switch (job->action) {
    case STEP_ATTEST:
        return run_attest(agent, job);
    case STEP_AUTHENTICATE:
        return agent->provider.ops->authenticate(agent->provider.context, job->trust, job->in_use,
                                                 &job->fault);
    case STEP_SESSION:
        return agent_open_session(agent, &agent->provider, job);
    case STEP_QUERY:
        return run_query(agent, job);
    case STEP_PROGRAM_KEYS:
        return run_program_keys(agent, job);
    case STEP_GO_RECEIVE:
        return run_go(agent, job, IDE_RX);
    case STEP_GO_TRANSMIT:
        return run_go(agent, job, IDE_TX);
    case STEP_STOP_KEYS:
        return run_stop_keys(agent, job);
    case STEP_DOCTOR:
        return probe_run(agent, job);
    case STEP_END_SESSION:
        agent->provider.ops->close(agent->provider.context);
        return IDE_OK;
    case STEP_SETUP:
    case STEP_ENABLE:
    case STEP_AWAIT_SECURE:
    case STEP_DRAIN:
    case STEP_DISABLE:
    case STEP_RELEASE:
        return run_registers(agent, job);
    case STEP_CXL_LOOK:
    case STEP_COUNT:
        break;
    }
    return ide_fail(&job->fault, IDE_E_INTERNAL, NULL, NULL);
}

/* Which of its sessions has to be seen to first, and when. */
static const struct key_provider *first_due(const struct agent *agent, uint64_t *due_ms)
{
    const struct key_provider *a = &agent->provider, *b = &agent->mailbox;
    uint64_t a_ms = a->ops->due_ms(a->context), b_ms = b->ops->due_ms(b->context);
    *due_ms = a_ms < b_ms ? a_ms : b_ms;
    return a_ms <= b_ms ? a : b;
}

int agent_idle_ms(const struct agent *agent)
{
    uint64_t due = UINT64_MAX;
    if (agent->is_open)
        first_due(agent, &due);
    if (agent_sign_due(agent) < due)
        due = agent_sign_due(agent);
    if (due == UINT64_MAX)
        return -1;
    return due < INT_MAX ? (int)due : INT_MAX;
}

static void count_records(struct agent *agent)
{
    struct key_provider_status status = {0};
    if (agent->is_open)
        agent->provider.ops->status(agent->provider.context, &status);
    atomic_store(&agent->records, status.records);
}

enum ide_err agent_keep_alive(struct agent *agent, struct ide_fault *fault)
{
    if (agent_idle_ms(agent) != 0)
        return IDE_OK;
    /* what was cancelled last is over */
    atomic_store(&agent->cancel, false);
    uint64_t due;
    const struct key_provider *provider = first_due(agent, &due);
    enum ide_err err =
        due == 0 ? provider->ops->keep_alive(provider->context, fault) : agent_ask_for_sign(agent, fault);
    agent->spoke_ms = agent->wait.now_us(agent->wait.context) / 1000;
    count_records(agent);
    return err;
}

/* Where nothing is to be lost, the next attempt starts from nothing: the device may have been reset or
 * replaced. */
static bool is_to_be_forgotten(const struct agent *agent, const struct job *job)
{
    struct key_provider_status status;
    bool first_contact =
        job->action == STEP_AUTHENTICATE || job->action == STEP_ATTEST || job->action == STEP_DOCTOR;
    if (!agent->is_open || !first_contact || job->err == IDE_OK || job->in_use)
        return false;
    agent->provider.ops->status(agent->provider.context, &status);
    return !status.ready;
}

/* A port that others' streams live on, or that is amid something, goes on as it was opened. */
static void take_settings(struct agent *agent, const struct job *job)
{
    bool begins = job->action == STEP_AUTHENTICATE || job->action == STEP_ATTEST;
    bool is_new = job->settings && job->settings != agent->settings;
    if (agent->is_open && (job->in_use || !begins))
        return;
    if (agent_take_policy(agent, job) || is_new)
        agent_close(agent);
    if (is_new)
        agent->settings = job->settings;
}

static bool has_session(const struct agent *agent)
{
    struct key_provider_status status = {0};
    if (agent->is_open)
        agent->provider.ops->status(agent->provider.context, &status);
    return status.ready;
}

void agent_run(struct agent *agent, struct job *job)
{
    take_settings(agent, job);
    bool had_session = has_session(agent);
    agent->spdm.km_index = job->port_index;
    kill_point(step_name(job->action));
    job->err = run(agent, job);
    kill_point("its end");
    job->session_lost = had_session && (job->err != IDE_OK || job->has_note) && !has_session(agent);
    if (is_to_be_forgotten(agent, job))
        agent_close(agent);
    count_records(agent);
    job->records = atomic_load(&agent->records);
    job->settings = agent->settings;
    job->done_ms = agent->spoke_ms = agent->wait.now_us(agent->wait.context) / 1000;
}
