/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/registers.h"

#include <stdlib.h>

#include "root_port/ide_stream.h"
#include "root_port/kernel_owner.h"
#include "root_port/port_view.h"
#include "tools/ide-kmd/held_stream.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/refresh_due.h"

/* Both ends of one stream as its root port's worker has them open, for as long as the stream lives. */
struct registers {
    struct pcie_access access;
    struct pcie_function function[END_COUNT], above;
    struct pcie_config written[END_COUNT]; /* function[].config with a point for tests after each write */
    struct ide_port port[END_COUNT];
    struct ide_pair pair;
    uint16_t express[END_COUNT]; /* their PCI Express capabilities; 0: none */
    unsigned flowing;            /* how many switch ports pass it on, from the root port down */
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

static bool read_through(void *context, unsigned offset, unsigned size, uint32_t *value)
{
    const struct pcie_config *config = context;
    return config->read(config->context, offset, size, value);
}

static bool write_through(void *context, unsigned offset, unsigned size, uint32_t value)
{
    const struct pcie_config *config = context;
    bool ok = config->write(config->context, offset, size, value);
    kill_point("a register is written");
    return ok;
}

static enum ide_err open_end(struct registers *r, enum stream_end end, struct job *job)
{
    const struct pcie_bdf *bdf = &job->ends.bdf[end];
    job->device = *bdf;
    enum ide_err err = pcie_function_open(&r->function[end], &r->access, bdf, &job->fault);
    if (err != IDE_OK)
        return err;
    r->written[end] = r->function[end].config;
    const struct pcie_config config = {.read = read_through, .write = write_through, .context = &r->written[end]};
    err = ide_port_open(&r->port[end], bdf, &config, &job->fault);
    if (err == IDE_OK)
        kernel_keep_blocks(&r->access, &job->ends.top, &r->port[end]);
    return err;
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
    if (err == IDE_OK)
        r->port[END_ROOT_PORT].windows = (uint8_t)pcie_bridge_window_count(&r->above.config);
    return err;
}

static enum ide_err claim(struct registers *r, enum stream_end end, struct job *job,
                          struct ide_stream_settings settings[END_COUNT])
{
    job->device = job->ends.bdf[end];
    settings[end] = (struct ide_stream_settings){.stream_id = job->stream_id, .features = job->features};
    if (end == END_ROOT_PORT) /* what is not associated leaves an endpoint; a root port has many to send to */
        settings[end].features.default_stream = false;
    enum ide_err err =
        ide_block_claim(&r->port[end], job->stream_id, job->kind, &settings[end].block, &job->fault);
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

/* The switch ports between pass the stream's TLPs on as they are. */
static enum ide_err set_up_path(const struct registers_context *context, struct registers *r, struct job *job)
{
    enum ide_err err = IDE_OK;
    while (r->flowing < job->ends.switch_ports && err == IDE_OK) {
        job->device = job->ends.switch_port[r->flowing];
        err = flow_through_take(context->flow, &r->access, &job->device, &job->fault);
        r->flowing += err == IDE_OK;
    }
    return err;
}

/* Goes on whatever happens; *fault has the first failure, *device where it was. */
static enum ide_err release_path(const struct registers_context *context, struct registers *r,
                                 const struct job *job, struct pcie_bdf *device, struct ide_fault *fault)
{
    enum ide_err first = IDE_OK;
    while (r->flowing > 0) {
        struct ide_fault later;
        const struct pcie_bdf *port = &job->ends.switch_port[--r->flowing];
        enum ide_err err =
            flow_through_give(context->flow, &r->access, port, first == IDE_OK ? fault : &later);
        if (first == IDE_OK && err != IDE_OK) {
            first = err;
            *device = *port;
        }
    }
    return first;
}

/* A window that is left out would be memory in the clear in a stream that says Secure. */
static enum ide_err associate(struct registers *r, struct job *job,
                              struct ide_stream_settings settings[END_COUNT])
{
    struct ide_stream_settings *root = &settings[END_ROOT_PORT];
    unsigned room = r->port[END_ROOT_PORT].cap.address_blocks[root->block.index];
    root->rid_last = job->ends.last_rid;
    ide_stream_associate(&r->port[END_ROOT_PORT], &r->port[END_ENDPOINT], &r->above.config, root,
                         &settings[END_ENDPOINT]);
    if (root->windows_left_out == 0)
        return IDE_OK;
    if (room == 1 && stream_may_join_windows(&job->ends)) {
        ide_stream_join_windows(root, &r->above.config);
        return IDE_OK;
    }
    job->device = job->ends.bdf[END_ROOT_PORT];
    return ide_fail_value(&job->fault, IDE_E_CAPABILITY, "IDE stream settings",
                          "Number of Address Association Register Blocks", room,
                          (uint64_t)root->window_count + root->windows_left_out);
}

static enum ide_err set_up_pair(const struct registers_context *context, struct registers *r, struct job *job)
{
    struct ide_stream_settings settings[END_COUNT];
    enum ide_err err = claim(r, END_ROOT_PORT, job, settings);
    if (err == IDE_OK)
        err = claim(r, END_ENDPOINT, job, settings);
    if (err == IDE_OK && job->kind == IDE_SELECTIVE)
        err = associate(r, job, settings);
    if (err == IDE_OK)
        err = held_stream_begins(context->store, job, r->port, settings);
    if (err == IDE_OK)
        err = set_up_path(context, r, job);
    if (err == IDE_OK)
        err = set_up_end(r, END_ROOT_PORT, job, settings);
    if (err == IDE_OK)
        err = set_up_end(r, END_ENDPOINT, job, settings);
    return err;
}

/* A link that never says that it is active is not down later (watch_rules.h). upper: Link Status of
 * END_ROOT_PORT. */
static void read_active_links(struct registers *r, struct job *job, uint16_t upper)
{
    for (unsigned i = 0; i < stream_links(&job->ends); i++) {
        const struct pcie_bdf *port = stream_link_port(&job->ends, i);
        bool is_read = pcie_bdf_compare(port, &job->ends.bdf[END_ROOT_PORT]) == 0;
        if ((is_read ? port_link_of(upper) : port_link(&r->access, port)) == PORT_LINK_ACTIVE)
            job->active_links |= UINT64_C(1) << i;
    }
}

static void read_links(struct registers *r, struct job *job)
{
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        const struct pcie_config *config = &r->function[end].config;
        r->express[end] = pcie_find_cap(config, PCIE_CAP_ID_EXP);
        uint16_t status = r->express[end] ? pcie_read16(config, r->express[end] + PCIE_EXP_LNKSTA) : 0;
        if (end == END_ENDPOINT)
            job->bytes_per_second = refresh_link_rate(status);
        else
            read_active_links(r, job, status);
    }
}

/* A longer completion timeout than this, or none, is not waited for: who is given more than the 3.5 s of range C
 * is given it for what it does, not for the way, and what it answers later is under the new keys. */
#define DRAIN_MAX_MS   4000u
#define DRAIN_SLICE_MS 100u

/* How long a TLP of the stream may be on its way. It may have been changed since the stream was set up. */
static enum ide_err read_drain_ms(const struct registers *r, struct job *job, uint32_t *ms)
{
    *ms = 0;
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        uint16_t control = 0;
        if (r->express[end])
            control = pcie_read16(&r->function[end].config, r->express[end] + PCIE_EXP_DEVCTL2);
        job->device = job->ends.bdf[end];
        if (control == (uint16_t)PCIE_ALL_ONES)
            return ide_fail(&job->fault, IDE_E_IO, "drain", "Device Control 2");
        uint32_t timeout = pcie_completion_timeout_ms(control);
        *ms = timeout > *ms ? timeout : *ms;
    }
    *ms = *ms < DRAIN_MAX_MS ? *ms : DRAIN_MAX_MS;
    return IDE_OK;
}

/* In slices, because whoever cancels does not wait for it. */
static enum ide_err run_drain(const struct registers *r, const struct wait_ops *wait, struct job *job)
{
    uint32_t left;
    enum ide_err err = read_drain_ms(r, job, &left);
    if (err != IDE_OK)
        return err;
    while (left > 0) {
        uint32_t slice = left < DRAIN_SLICE_MS ? left : DRAIN_SLICE_MS;
        if (wait->cancel && atomic_load(wait->cancel))
            return ide_fail(&job->fault, IDE_E_CANCELLED, "drain", NULL);
        wait->sleep_us(wait->context, slice * 1000);
        left -= slice;
    }
    return IDE_OK;
}

static enum ide_err run_setup(const struct registers_context *context, struct job *job)
{
    struct ide_fault later;
    struct pcie_bdf device;
    struct registers *r = calloc(1, sizeof *r);
    if (!r)
        return ide_fail(&job->fault, IDE_E_MEMORY, NULL, NULL);
    *job->registers = r;
    enum ide_err err = open_all(r, context->sysfs, job);
    if (err == IDE_OK)
        err = set_up_pair(context, r, job);
    if (err == IDE_OK)
        read_links(r, job);
    if (err != IDE_OK) {
        enum ide_err undone = ide_stream_release(&r->pair.root_port, &later);
        enum ide_err path = release_path(context, r, job, &device, &later);
        (void)undone, (void)path; /* the failure of the setup is the one to tell */
        registers_discard(job->registers);
        store_let_go(context->store, &job->ends, job->stream_id);
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
 * failure to turn it off, only worth a note. Nor is a key unit that does not obey while both ports are off.
 */
static enum ide_err forgive(const struct registers *r, enum ide_err err, struct job *job)
{
    bool unit = r->pair.failed == IDE_END_KEY_UNIT;
    if (err == IDE_OK)
        return err;
    if (!unit &&
        (err != IDE_E_IO || pcie_read32(&r->function[failed_end(r)].config, PCIE_VENDOR_ID) != PCIE_ALL_ONES))
        return err;
    job->has_note = true;
    job->note = job->fault;
    return IDE_OK;
}

/* Whoever is told that the stream is up has it back after a kill. */
static enum ide_err await_secure(const struct registers_context *context, struct registers *r, struct job *job)
{
    enum ide_err err = ide_pair_wait_secure(&r->pair, context->wait, context->timeout_ms, &job->fault);
    if (err != IDE_OK || !job->establishes)
        return from_pair(r, err, job);
    return store_set_stream(context->store, &job->ends, job->stream_id, HELD_UP, HELD_WANTED, &job->fault);
}

static void close_below(const struct registers_context *context, struct registers *r, const struct job *job)
{
    const struct stream_ends *ends = &job->ends;
    bool link = ends->last_bus != 0;
    unsigned bus = ends->bdf[END_ENDPOINT].bus;
    (void)port_gates_below(context->gates, &r->access, &ends->top, link ? ends->first_bus : bus,
                           link ? ends->last_bus : bus);
}

/*
 * Before anything is in the clear. Where both ends are on still, or have failed and guard themselves, what is
 * below may be talked to. A root port that does not obey is worth a note: a stream is not left on because of
 * it.
 */
static void close_gate(const struct registers_context *context, struct registers *r, struct job *job)
{
    struct gate_result result = port_gates_set(context->gates, &r->access, &job->ends.top, GATE_CLOSED);
    if (result.err != IDE_OK) {
        job->has_note = true;
        job->note = result.fault;
    }
    if (!job->spares_below)
        close_below(context, r, job);
}

/* That the wish is over cannot be written down is no reason to leave the stream on. */
static enum ide_err disable(const struct registers_context *context, struct registers *r, struct job *job)
{
    enum held_wish wish = job->forgets ? HELD_NOT_WANTED : HELD_AS_WAS;
    if (store_set_stream(context->store, &job->ends, job->stream_id, HELD_STOPPING, wish, &job->note) != IDE_OK)
        job->has_note = true;
    bool closes = job->closes && context->gates;
    if (closes)
        close_gate(context, r, job);
    enum ide_err err = forgive(r, from_pair(r, ide_pair_disable(&r->pair, &job->fault), job), job);
    if (closes && job->spares_below && err == IDE_OK)
        close_below(context, r, job);
    return err;
}

/* That a switch port lets IDE TLPs through that are nobody's any more is worth a note. */
static enum ide_err run_release(const struct registers_context *context, struct job *job)
{
    struct ide_fault note;
    struct pcie_bdf device;
    struct registers *r = *job->registers;
    enum ide_err err = from_pair(r, ide_pair_release(&r->pair, &job->fault), job);
    err = forgive(r, err, job);
    if (err != IDE_OK)
        return err;
    if (release_path(context, r, job, &device, &note) != IDE_OK && !job->has_note) {
        job->device = device;
        job->note = note;
        job->has_note = true;
    }
    registers_discard(job->registers);
    store_let_go(context->store, &job->ends, job->stream_id);
    return IDE_OK;
}

static enum ide_err run(const struct registers_context *context, struct job *job)
{
    struct registers *r = *job->registers;
    const struct key_provider *provider = context->provider;
    if (job->action == STEP_SETUP)
        return run_setup(context, job);
    if (!r) /* nothing is set up, so there is nothing to undo */
        return IDE_OK;
    r->pair.key_unit = (struct ide_key_unit){.enable = provider->ops->enable, .context = provider->context};
    if (job->action == STEP_ENABLE)
        return from_pair(r, ide_pair_enable(&r->pair, &job->fault), job);
    if (job->action == STEP_AWAIT_SECURE)
        return await_secure(context, r, job);
    if (job->action == STEP_DRAIN)
        return run_drain(r, context->wait, job);
    if (job->action == STEP_DISABLE)
        return disable(context, r, job);
    return run_release(context, job);
}

void registers_run(const struct registers_context *context, struct job *job)
{
    job->err = run(context, job);
}
