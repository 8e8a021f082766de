/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kmd_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/ide-emu/key_unit.h"
#include "tools/ide-kmd/registers.h"

#define KEY_UNIT_BASE UINT64_C(0xfed00000)
#define LONG_SLEEP_US 20000u

struct rig rig;
void (*rig_alter)(struct platform *p);
uint32_t rig_timeout_ms = 20000; /* the machine may be busy; mostly nothing is meant to take it */

/* --- Time ----------------------------------------------------------------------------------------------- */

/* What is waited for only so that time passes (that nothing is in flight any more) passes at once: links are
 * empty when a call returns, but for what a test has an adversary hold and lets go of in rig.drained. Short
 * pauses are true ones, because devices answer in threads of their own. */
static uint64_t now_us(void *context)
{
    struct timespec t;
    const struct rig_clock *clock = context;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000 + atomic_load(&clock->skipped_us);
}

static void sleep_us(void *context, uint32_t us)
{
    struct rig_clock *clock = context;
    if (us < LONG_SLEEP_US) {
        nanosleep(&(struct timespec){.tv_nsec = (long)us * 1000}, NULL);
        return;
    }
    atomic_fetch_add(&clock->skipped_us, us);
    if (rig.drained && coordinator_is_running(&clock->owner->op.run, STEP_DRAIN))
        rig.drained();
}

/* --- Failing providers ---------------------------------------------------------------------------------- */

static void between(struct rig_stream *s)
{
    if (s->between)
        s->between(s);
}

/* Whether this call is the one that fails; before: without having been made. */
static bool fails(struct rig_provider *p, bool after)
{
    const struct rig_failure *f = &p->owner->failure;
    return f->call != 0 && f->end == p->end && p->owner->calls[p->end] == f->call && f->after == after;
}

static enum ide_err refused(struct ide_fault *fault)
{
    return ide_fail(fault, IDE_E_PEER_ERROR, "rig", "refused");
}

static struct rig_provider *enter(void *context)
{
    struct rig_provider *p = context;
    between(p->owner);
    p->owner->calls[p->end]++;
    return p;
}

#define GUARD(call)                                                                                          \
    do {                                                                                                     \
        if (fails(p, false))                                                                                 \
            return refused(fault);                                                                           \
        enum ide_err guard_err = (call);                                                                     \
        return guard_err == IDE_OK && fails(p, true) ? refused(fault) : guard_err;                           \
    } while (0)

static enum ide_err rig_program(void *context, const struct ide_km_target *target, const struct ide_key *key,
                                struct ide_fault *fault)
{
    struct rig_provider *p = enter(context);
    GUARD(p->inner.ops->program_key(p->inner.context, target, key, fault));
}

static enum ide_err rig_renew(void *context, struct ide_fault *fault)
{
    struct rig_provider *p = enter(context);
    GUARD(p->inner.ops->renew(p->inner.context, fault));
}

static enum ide_err rig_prime(void *context, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    struct rig_provider *p = enter(context);
    GUARD(p->inner.ops->prime(p->inner.context, stream_id, key_set, fault));
}

static enum ide_err rig_go(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    struct rig_provider *p = enter(context);
    GUARD(p->inner.ops->go(p->inner.context, target, fault));
}

static enum ide_err rig_stop(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    struct rig_provider *p = enter(context);
    GUARD(p->inner.ops->stop(p->inner.context, target, fault));
}

static enum ide_err rig_enable(void *context, uint8_t stream_id, bool on, struct ide_fault *fault)
{
    const struct rig_provider *p = context;
    return p->inner.ops->enable(p->inner.context, stream_id, on, fault);
}

static void rig_status(void *context, struct key_provider_status *out)
{
    const struct rig_provider *p = context;
    p->inner.ops->status(p->inner.context, out);
}

static enum ide_err rig_query(void *context, struct ide_km_query_resp *out, struct ide_fault *fault)
{
    const struct rig_provider *p = context;
    return p->inner.ops->query(p->inner.context, out, fault);
}

static uint64_t rig_due(void *context)
{
    const struct rig_provider *p = context;
    return p->inner.ops->due_ms(p->inner.context);
}

static enum ide_err rig_keep_alive(void *context, struct ide_fault *fault)
{
    const struct rig_provider *p = context;
    return p->inner.ops->keep_alive(p->inner.context, fault);
}

static enum ide_err rig_authenticate(void *context, const struct trust *trust, bool in_use,
                                     struct ide_fault *fault)
{
    const struct rig_provider *p = context;
    return p->inner.ops->authenticate(p->inner.context, trust, in_use, fault);
}

static enum ide_err rig_session(void *context, struct ide_fault *fault)
{
    const struct rig_provider *p = context;
    return p->inner.ops->open(p->inner.context, fault);
}

static void rig_end(void *context)
{
    const struct rig_provider *p = context;
    p->inner.ops->close(p->inner.context);
}

static const struct key_provider_ops rig_ops = {
    .name = "rig",
    .authenticate = rig_authenticate,
    .open = rig_session,
    .query = rig_query,
    .renew = rig_renew,
    .program_key = rig_program,
    .prime = rig_prime,
    .go = rig_go,
    .stop = rig_stop,
    .enable = rig_enable,
    .status = rig_status,
    .due_ms = rig_due,
    .keep_alive = rig_keep_alive,
    .close = rig_end,
};

/* Once the agent has opened its provider, it goes through ours. */
static void stand_between(struct rig_stream *s, enum stream_end end)
{
    struct agent *agent = s->agent[end];
    if (!agent->is_open || agent->provider.ops == &rig_ops)
        return;
    s->provider[end] = (struct rig_provider){agent->provider, s, end};
    agent->provider = (struct key_provider){&rig_ops, &s->provider[end]};
}

/* --- Operations ----------------------------------------------------------------------------------------- */

static void on_dispatch(void *context, struct operation *op, struct job *job)
{
    struct rig_stream *s = op->owner;
    (void)context;
    s->job[s->jobs++] = job;
}

static void on_progress(void *context, const struct operation *op, const struct job *job,
                        enum step_progress progress)
{
    (void)context;
    (void)op;
    (void)job;
    (void)progress;
}

static void on_finished(void *context, struct operation *op)
{
    (void)context;
    (void)op;
}

static bool on_is_shared(void *context, const struct operation *op, enum stream_end end)
{
    (void)context;
    (void)op;
    (void)end;
    return false;
}

static const struct operation_hooks hooks = {on_dispatch, on_progress, on_finished, on_is_shared, NULL};

static bool job_fails(const struct rig_stream *s, const struct job *job, bool after)
{
    const struct rig_failure *f = &s->failure;
    return f->call == 0 && f->action == job->action && f->end == job->end && f->after == after;
}

static void do_job(struct rig_stream *s, struct job *job)
{
    between(s);
    if (job_fails(s, job, false))
        job->err = refused(&job->fault);
    else
        agent_run(s->agent[job->end], job);
    stand_between(s, job->end);
    if (job->err == IDE_OK && job_fails(s, job, true))
        job->err = refused(&job->fault);
    operation_reply(&s->op, job);
}

static struct job *take_job(struct rig_stream *s)
{
    s->seed = s->seed * 1103515245u + 12345u;
    size_t i = (s->seed >> 16) % s->jobs;
    struct job *job = s->job[i];
    s->job[i] = s->job[--s->jobs];
    return job;
}

static void begin_stream(struct rig_stream *s)
{
    struct stream_ends ends = s->stream.ends;
    s->stream = (struct stream){.ends = ends, .id = s->next_id, .state = STREAM_STARTING};
}

bool rig_run(struct rig_stream *s, enum operation_kind kind)
{
    if (kind == OPERATION_ESTABLISH)
        begin_stream(s);
    memset(s->calls, 0, sizeof s->calls);
    s->op = (struct operation){.kind = kind,
                               .hooks = &hooks,
                               .rng = &rig.rng,
                               .trust = &rig.trust,
                               .stream = &s->stream,
                               .ends = s->stream.ends,
                               .closes = s->closes,
                               .spares_below = s->spares_below,
                               .renew = s->renews,
                               .owner = s};
    operation_start(&s->op);
    while (s->jobs > 0)
        do_job(s, take_job(s));
    return s->op.failure.err == IDE_OK;
}

/* --- What is there -------------------------------------------------------------------------------------- */

bool rig_is_control(const struct emu_function *f, unsigned offset)
{
    for (size_t i = 0; i < f->ide.count; i++)
        if (f->ide.streams[i].control == offset)
            return true;
    return false;
}

struct port_stream *rig_block(const struct rig_stream *s, enum stream_end end)
{
    struct emu_function *f = end == END_ROOT_PORT ? s->root : s->device;
    return stream_port_find(&f->ide, &f->config, s->stream.id);
}

bool rig_is_secure(const struct rig_stream *s)
{
    emu_lock(&rig.emu);
    const struct port_stream *a = rig_block(s, END_ROOT_PORT), *b = rig_block(s, END_ENDPOINT);
    bool secure = a && b && a->reported && b->reported;
    emu_unlock(&rig.emu);
    return secure;
}

unsigned rig_falls(const struct rig_stream *s)
{
    emu_lock(&rig.emu);
    const struct port_stream *a = rig_block(s, END_ROOT_PORT), *b = rig_block(s, END_ENDPOINT);
    unsigned falls = (a ? a->falls : 1) + (b ? b->falls : 1);
    emu_unlock(&rig.emu);
    return falls;
}

/* --- Set up --------------------------------------------------------------------------------------------- */

static const struct pcie_bdf root_of_trust = {.bus = 0x80};

static void add_root_of_trust(struct platform *p)
{
    struct platform_function *f = &p->functions[p->count];
    *f = platform_function_default(PCIE_TYPE_RC_ENDPOINT);
    f->bdf = root_of_trust;
    f->parent = PLATFORM_NO_PARENT;
    p->rot.present = true;
    p->rot.function = p->count++;
}

static void add_key_unit(struct platform *p, unsigned streams)
{
    p->kcu_count = 1;
    p->kcus[0].base = KEY_UNIT_BASE;
    p->kcus[0].streams = streams + 1;
    p->kcus[0].tx_slots = p->kcus[0].rx_slots = 6 * streams + 1;
}

static void make_platform(struct platform *p, unsigned streams, const enum provider_choice *choice)
{
    memset(p, 0, sizeof *p);
    for (unsigned i = 0; i < streams; i++) {
        struct platform_function *f = &p->functions[p->count];
        size_t parent = p->count++;
        *f = platform_function_default(PCIE_TYPE_ROOT_PORT);
        f->bdf = (struct pcie_bdf){.device = (uint8_t)i};
        f->parent = PLATFORM_NO_PARENT;
        f->secondary = f->subordinate = (uint8_t)(i + 1);
        f = &p->functions[p->count++];
        *f = platform_function_default(PCIE_TYPE_ENDPOINT);
        f->bdf = (struct pcie_bdf){.bus = (uint8_t)(i + 1)};
        f->parent = parent;
        if (choice[i] == PROVIDER_KCU)
            p->kcus[0].ports[p->kcus[0].port_count++] = parent;
        if (choice[i] == PROVIDER_ROT)
            p->rot.ports[p->rot.port_count++] = parent;
    }
    if (p->rot.port_count > 0)
        add_root_of_trust(p);
    if (p->kcus[0].port_count > 0)
        add_key_unit(p, streams);
    if (rig_alter)
        rig_alter(p);
}

static bool read_anchor(void)
{
    char path[IDENTITIES_PATH_MAX + 32], text[8192];
    snprintf(path, sizeof path, "%s/trust/root.pem", rig.identities.directory);
    FILE *file = fopen(path, "r");
    size_t len = file ? fread(text, 1, sizeof text, file) : 0;
    if (file)
        fclose(file);
    rig.anchor.der = rig.root;
    rig.trust = (struct trust){.anchors = &rig.anchor, .anchor_count = 1, .name_rule = CMA_NAME_REQUIRED};
    return pem_decode(text, len, rig.root, sizeof rig.root, &rig.anchor.len);
}

/* Several threads ask one generator. */
static enum ide_err random_bytes(void *context, uint8_t *out, size_t n)
{
    (void)context;
    pthread_mutex_lock(&rig.random);
    struct rng rng = drbg_rng(&rig.drbg);
    enum ide_err err = rng.random(rng.context, out, n);
    pthread_mutex_unlock(&rig.random);
    return err;
}

/* Where ide-kmd would read the table KEYP. */
static bool write_table(char *path, size_t size)
{
    uint8_t table[4096];
    size_t len = key_units_table(&rig.emu, table, sizeof table);
    snprintf(path, size, "%s/KEYP", rig.identities.directory);
    FILE *file = fopen(path, "w");
    bool ok = file && fwrite(table, 1, len, file) == len;
    if (file)
        ok = fclose(file) == 0 && ok;
    return ok;
}

static bool open_providers(unsigned streams, const enum provider_choice *choice, char *error, size_t size)
{
    static char path[IDENTITIES_PATH_MAX + 8];
    struct failure failure;
    rig.provider = (struct provider_settings){
        .choice = PROVIDER_DOE, .keyp = path, .has_rot = rig.platform.rot.present, .rot = root_of_trust};
    for (unsigned i = 0; i < streams; i++)
        rig.provider.override[rig.provider.override_count++] =
            (struct provider_override){rig.platform.functions[2 * i].bdf, choice[i]};
    if (!write_table(path, sizeof path))
        return false;
    const struct spdm_port_settings spdm = spdm_options_port(&spdm_options_default, rig_timeout_ms);
    if (providers_open(&rig.providers, &rig.provider, NULL, &spdm, &failure) == IDE_OK)
        return true;
    snprintf(error, size, "%s", failure.message);
    return false;
}

static struct agent *new_agent(const struct pcie_bdf *bdf, struct rig_clock *clock)
{
    struct agent *agent = calloc(1, sizeof *agent);
    if (!agent)
        abort();
    agent_init(agent, &rig.settings, bdf);
    agent->wait.now_us = now_us;
    agent->wait.sleep_us = sleep_us;
    agent->wait.context = clock;
    return agent;
}

static bool open_devices(char *error, size_t size)
{
    for (size_t i = 0; i < rig.emu.count; i++)
        if (rig.emu.functions[i].doe_cap &&
            !device_open(&rig.emu.functions[i], &rig.identities, NULL, false, error, size))
            return false;
    return true;
}

static void open_streams(unsigned streams)
{
    rig.stream = calloc(streams, sizeof *rig.stream);
    if (!rig.stream)
        abort();
    rig.streams = streams;
    for (unsigned i = 0; i < streams; i++) {
        struct rig_stream *s = &rig.stream[i];
        s->root = &rig.emu.functions[2 * i];
        s->device = &rig.emu.functions[2 * i + 1];
        s->next_id = (uint8_t)(i + 1);
        s->seed = i;
        s->failure.action = STEP_COUNT;
        s->stream.ends = (struct stream_ends){.top = s->root->desc.bdf, .bdf = {[END_ROOT_PORT] = s->root->desc.bdf,
                                                      [END_ENDPOINT] = s->device->desc.bdf}};
        for (enum stream_end end = 0; end < END_COUNT; end++) {
            s->clock[end].owner = s;
            s->agent[end] = new_agent(&s->stream.ends.bdf[end], &s->clock[end]);
        }
    }
}

bool rig_open(unsigned streams, const enum provider_choice *choice, char *error, size_t size)
{
    memset(&rig, 0, sizeof rig);
    pthread_mutex_init(&rig.random, NULL);
    rig.rng = (struct rng){random_bytes, NULL};
    make_platform(&rig.platform, streams, choice);
    if (drbg_open(&rig.drbg) != IDE_OK ||
        !identities_open(&rig.identities, &rig.platform, NULL, error, size) || !read_anchor() ||
        !emu_init(&rig.emu, &rig.platform, error, size) || !open_devices(error, size) ||
        !open_providers(streams, choice, error, size))
        return false;
    flow_through_open(&rig.flow);
    port_gates_open(&rig.gates, NULL);
    rig.settings = (struct agent_settings){.timeout_ms = rig_timeout_ms,
                                           .providers = &rig.providers,
                                           .spdm = &spdm_options_default,
                                           .flow = &rig.flow,
                                           .gates = &rig.gates};
    open_streams(streams);
    return true;
}

void rig_close(void)
{
    for (size_t i = 0; i < rig.streams; i++)
        for (enum stream_end end = 0; end < END_COUNT; end++) {
            struct agent *agent = rig.stream[i].agent[end];
            agent_close(agent);
            free(agent);
        }
    for (size_t i = 0; i < rig.streams; i++)
        registers_discard(&rig.stream[i].stream.registers);
    free(rig.stream);
    providers_close(&rig.providers);
    flow_through_close(&rig.flow);
    port_gates_close(&rig.gates);
    for (size_t i = 0; i < rig.emu.count; i++)
        device_close(rig.emu.functions[i].device);
    emu_free(&rig.emu);
    identities_close(&rig.identities);
    drbg_close(&rig.drbg);
    pthread_mutex_destroy(&rig.random);
}
