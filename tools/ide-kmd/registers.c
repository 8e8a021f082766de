/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/registers.h"

#include <stdlib.h>

#include "root_port/ide_stream.h"
#include "tools/ide-kmd/refresh_due.h"

/* Both ends of one stream as its root port's worker has them open, for as long as the stream lives. */
struct registers {
    struct pcie_access access;
    struct pcie_function function[END_COUNT], above;
    struct ide_port port[END_COUNT];
    struct ide_pair pair;
    uint32_t drain_ms; /* how long a TLP of the stream may be on its way */
};

void registers_discard(struct registers **registers)
{
    struct registers *r = *registers;
    if (!r)
        return;
    pcie_function_close(&r->above);
    for (enum stream_end end = 0; end < END_COUNT; end++)
        pcie_function_close(&r->function[end]);
    pcie_access_close(&r->access);
    free(r);
    *registers = NULL;
}

static enum ide_err open_end(struct registers *r, enum stream_end end, struct job *job)
{
    const struct pcie_bdf *bdf = &job->ends.bdf[end];
    job->device = *bdf;
    enum ide_err err = pcie_function_open(&r->function[end], &r->access, bdf, &job->fault);
    if (err != IDE_OK)
        return err;
    return ide_port_open(&r->port[end], bdf, &r->function[end].config, &job->fault);
}

static enum ide_err open_all(struct registers *r, const char *sysfs, struct job *job)
{
    enum ide_err err = pcie_access_open(&r->access, sysfs, &job->fault);
    if (err == IDE_OK)
        err = open_end(r, END_ROOT_PORT, job);
    if (err == IDE_OK)
        err = open_end(r, END_ENDPOINT, job);
    if (err == IDE_OK)
        err = pcie_function_open(&r->above, &r->access, stream_port_above(&job->ends), &job->fault);
    return err;
}

static enum ide_err claim(struct registers *r, enum stream_end end, struct job *job,
                          struct ide_stream_settings settings[END_COUNT])
{
    job->device = job->ends.bdf[end];
    settings[end] =
        (struct ide_stream_settings){.stream_id = job->stream_id, .algorithm = PCIE_IDE_ALG_AES_GCM_256};
    enum ide_err err =
        ide_block_claim(&r->port[end], job->stream_id, IDE_SELECTIVE, &settings[end].block, &job->fault);
    job->block[end] = settings[end].block;
    return err;
}

static struct ide_stream *stream_at(struct registers *r, enum stream_end end)
{
    return end == END_ROOT_PORT ? &r->pair.root_port : &r->pair.endpoint;
}

static enum ide_err set_up_end(struct registers *r, enum stream_end end, struct job *job,
                               const struct ide_stream_settings settings[END_COUNT])
{
    job->device = job->ends.bdf[end];
    return ide_stream_setup(stream_at(r, end), &r->port[end], &settings[end], &job->fault);
}

static enum ide_err let_flow_through(struct registers *r, const struct pcie_bdf *bdf, struct job *job)
{
    struct pcie_function function = {0};
    struct ide_port port;
    job->device = *bdf;
    enum ide_err err = pcie_function_open(&function, &r->access, bdf, &job->fault);
    if (err == IDE_OK)
        err = ide_port_open(&port, bdf, &function.config, &job->fault);
    if (err == IDE_OK)
        err = ide_flow_through(&port, true, &job->fault);
    pcie_function_close(&function);
    return err;
}

/* The switch ports between pass the stream's TLPs on as they are. It stays on when the stream goes: other
 * streams may pass, and it lets nothing else through. */
static enum ide_err set_up_path(struct registers *r, struct job *job)
{
    enum ide_err err = IDE_OK;
    for (unsigned i = 0; i < job->ends.switch_ports && err == IDE_OK; i++)
        err = let_flow_through(r, &job->ends.switch_port[i], job);
    return err;
}

static enum ide_err set_up_pair(struct registers *r, struct job *job)
{
    struct ide_stream_settings settings[END_COUNT];
    enum ide_err err = claim(r, END_ROOT_PORT, job, settings);
    if (err == IDE_OK)
        err = claim(r, END_ENDPOINT, job, settings);
    if (err == IDE_OK)
        err = set_up_path(r, job);
    if (err != IDE_OK)
        return err;
    ide_stream_associate(&r->port[END_ROOT_PORT], &r->port[END_ENDPOINT], &r->above.config,
                         &settings[END_ROOT_PORT], &settings[END_ENDPOINT]);
    err = set_up_end(r, END_ROOT_PORT, job, settings);
    if (err == IDE_OK)
        err = set_up_end(r, END_ENDPOINT, job, settings);
    return err;
}

/* A longer completion timeout than this is not waited for: an endpoint that is given seconds for an answer is
 * given them for what it does, not for the way. */
#define DRAIN_MAX_MS 4000u
#define DRAIN_SLICE_MS 100u

static void read_links(struct registers *r, struct job *job)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        struct pcie_link link = pcie_read_link(&r->function[end].config);
        uint32_t ms = link.completion_timeout_ms < DRAIN_MAX_MS ? link.completion_timeout_ms : DRAIN_MAX_MS;
        r->drain_ms = ms > r->drain_ms ? ms : r->drain_ms;
        if (end == END_ENDPOINT)
            job->bytes_per_second = refresh_link_rate(link.status);
    }
}

/* In slices, because whoever cancels does not wait for it. */
static enum ide_err run_drain(const struct registers *r, const struct wait_ops *wait, struct job *job)
{
    for (uint32_t left = r->drain_ms; left > 0;) {
        uint32_t slice = left < DRAIN_SLICE_MS ? left : DRAIN_SLICE_MS;
        if (wait->cancel && atomic_load(wait->cancel))
            return ide_fail(&job->fault, IDE_E_CANCELLED, "drain", NULL);
        wait->sleep_us(wait->context, slice * 1000);
        left -= slice;
    }
    return IDE_OK;
}

static enum ide_err run_setup(const char *sysfs, struct job *job)
{
    struct ide_fault later;
    struct registers *r = calloc(1, sizeof *r);
    if (!r)
        return ide_fail(&job->fault, IDE_E_MEMORY, NULL, NULL);
    *job->registers = r;
    enum ide_err err = open_all(r, sysfs, job);
    if (err == IDE_OK)
        err = set_up_pair(r, job);
    if (err == IDE_OK)
        read_links(r, job);
    if (err != IDE_OK) {
        enum ide_err undone = ide_stream_release(&r->pair.root_port, &later);
        (void)undone; /* the failure of the setup is the one to tell */
        registers_discard(job->registers);
    }
    return err;
}

static enum stream_end failed_end(const struct registers *r)
{
    return r->pair.failed == IDE_END_ENDPOINT ? END_ENDPOINT : END_ROOT_PORT;
}

static enum ide_err from_pair(const struct registers *r, enum ide_err err, struct job *job)
{
    if (err != IDE_OK)
        job->device = job->ends.bdf[failed_end(r)];
    return err;
}

/* A port that has gone away carries no stream, and nobody can write to it: that it cannot be reached is no
 * failure to turn it off, only worth a note. Nor is a key unit that does not obey while both ports are off. */
static enum ide_err forgive(const struct registers *r, enum ide_err err, struct job *job)
{
    bool unit = r->pair.failed == IDE_END_KEY_UNIT;
    if (err == IDE_OK)
        return err;
    if (!unit && (err != IDE_E_IO ||
                  pcie_read32(&r->function[failed_end(r)].config, PCIE_VENDOR_ID) != PCIE_ALL_ONES))
        return err;
    job->has_note = true;
    job->note = job->fault;
    return IDE_OK;
}

static enum ide_err run_release(struct job *job)
{
    struct registers *r = *job->registers;
    enum ide_err err = from_pair(r, ide_pair_release(&r->pair, &job->fault), job);
    err = forgive(r, err, job);
    if (err == IDE_OK)
        registers_discard(job->registers);
    return err;
}

static enum ide_err run(const char *sysfs, const struct key_provider *provider, const struct wait_ops *wait,
                        uint32_t timeout_ms, struct job *job)
{
    struct registers *r = *job->registers;
    if (job->action == STEP_SETUP)
        return run_setup(sysfs, job);
    if (!r) /* nothing is set up, so there is nothing to undo */
        return IDE_OK;
    r->pair.key_unit = (struct ide_key_unit){.enable = provider->ops->enable, .context = provider->context};
    if (job->action == STEP_ENABLE)
        return from_pair(r, ide_pair_enable(&r->pair, &job->fault), job);
    if (job->action == STEP_AWAIT_SECURE)
        return from_pair(r, ide_pair_wait_secure(&r->pair, wait, timeout_ms, &job->fault), job);
    if (job->action == STEP_DRAIN)
        return run_drain(r, wait, job);
    if (job->action == STEP_DISABLE)
        return forgive(r, from_pair(r, ide_pair_disable(&r->pair, &job->fault), job), job);
    return run_release(job);
}

void registers_run(const char *sysfs, const struct key_provider *provider, const struct wait_ops *wait,
                   uint32_t timeout_ms, struct job *job)
{
    job->err = run(sysfs, provider, wait, timeout_ms, job);
}
