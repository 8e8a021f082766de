/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cxl_rig.h"

#include <string.h>

#include "root_port/cxl_regs.h"
#include "root_port/cxl_unit.h"

#define UNIT_BASE UINT64_C(0xfed40000)

struct cxl_rig cxl_rig;

/* --- Registers ------------------------------------------------------------------------------------------ */

/* A port's component registers, where its BAR has them. */
static struct window {
    struct emu_function *function;
    uint64_t offset;
} window[END_COUNT];

static bool read_window(void *context, uint32_t at, uint32_t *value)
{
    const struct window *w = context;
    uint8_t b[4] = {0};
    bool ok = link_bar_read(w->function, w->offset + at, b, sizeof b) == LINK_DONE;
    *value = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    return ok;
}

static bool write_window(void *context, uint32_t at, uint32_t value)
{
    const struct window *w = context;
    const uint8_t b[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                          (uint8_t)(value >> 24)};
    return link_bar_write(w->function, w->offset + at, b, sizeof b) == LINK_DONE;
}

enum ide_err __wrap_cxl_ide_open(struct cxl_ide_port *port, const struct pcie_config *config,
                                 const char *resource, struct ide_fault *fault);
enum ide_err __wrap_kcu_memory_open_size(struct kcu_memory *memory, const char *path, uint64_t base,
                                         uint32_t size, const char *step, struct ide_fault *fault);

enum ide_err __wrap_cxl_ide_open(struct cxl_ide_port *port, const struct pcie_config *config,
                                 const char *resource, struct ide_fault *fault)
{
    unsigned bar;
    struct window *w = &window[config->context == cxl_rig.root ? END_ROOT_PORT : END_ENDPOINT];
    (void)resource;
    *port = (struct cxl_ide_port){.memory.fd = -1};
    w->function = config->context;
    enum ide_err err = cxl_ide_locate(config, &bar, &w->offset, fault);
    w->offset += CXL_CACHEMEM;
    port->access = (struct kcu_access){read_window, write_window, w};
    return err == IDE_OK ? cxl_ide_look(port, fault) : err;
}

enum ide_err __wrap_kcu_memory_open_size(struct kcu_memory *memory, const char *path, uint64_t base,
                                         uint32_t size, const char *step, struct ide_fault *fault)
{
    (void)path, (void)size, (void)step, (void)fault;
    *memory = (struct kcu_memory){.fd = -1, .base = base};
    return IDE_OK;
}

/* --- What fails ----------------------------------------------------------------------------------------- */

/* Whether this call is the one that fails, before it is made or after it. */
static bool fails_now(const char *name)
{
    if (++cxl_rig.calls == cxl_rig.cancels)
        cxl_rig.cancelled = operation_cancel(&cxl_rig.op, "for a test");
    if (cxl_rig.calls != cxl_rig.fails)
        return false;
    cxl_rig.failed = name;
    return true;
}

static enum ide_err refused(struct ide_fault *fault, bool after, enum ide_err clear, enum ide_err unclear)
{
    return ide_fail(fault, after ? unclear : clear, "rig", "refused");
}

/* A port says no; or it has done it, and what it says is not about what was asked. */
#define MESSAGE(name, clear, parameters, arguments)                                                          \
    enum ide_err __real_##name parameters;                                                                   \
    enum ide_err __wrap_##name parameters;                                                                   \
    enum ide_err __wrap_##name parameters                                                                    \
    {                                                                                                        \
        bool fails = fails_now(#name);                                                                       \
        enum ide_err err = fails && !cxl_rig.after ? IDE_OK : __real_##name arguments;                       \
        return fails && err == IDE_OK                                                                        \
                   ? refused(&s->connection->fault, cxl_rig.after, clear, IDE_E_KM_MISMATCH)                 \
                   : err;                                                                                    \
    }

MESSAGE(cxl_ide_km_query, IDE_E_PEER_ERROR,
        (struct session * s, uint8_t port, struct cxl_ide_query_resp *out), (s, port, out))
MESSAGE(cxl_ide_km_get_key, IDE_E_PEER_ERROR, (struct session * s, uint8_t port, struct cxl_ide_key *out),
        (s, port, out))
MESSAGE(cxl_ide_km_key_prog, IDE_E_KM_REFUSED,
        (struct session * s, const struct cxl_ide_target *target, const struct cxl_ide_key *key),
        (s, target, key))
MESSAGE(cxl_ide_km_set_go, IDE_E_PEER_ERROR,
        (struct session * s, const struct cxl_ide_target *target, enum cxl_ide_mode mode), (s, target, mode))
MESSAGE(cxl_ide_km_set_stop, IDE_E_PEER_ERROR, (struct session * s, const struct cxl_ide_target *target),
        (s, target))

/* An access to registers does not take place, or does and does not say so. */
#define ACCESS(name, parameters, arguments)                                                                  \
    enum ide_err __real_##name parameters;                                                                   \
    enum ide_err __wrap_##name parameters;                                                                   \
    enum ide_err __wrap_##name parameters                                                                    \
    {                                                                                                        \
        bool fails = fails_now(#name);                                                                       \
        enum ide_err err = fails && !cxl_rig.after ? IDE_OK : __real_##name arguments;                       \
        return fails && err == IDE_OK ? refused(fault, cxl_rig.after, IDE_E_IO, IDE_E_REGISTER) : err;       \
    }

ACCESS(cxl_unit_set_mode, (const struct cxl_unit *unit, enum cxl_ide_mode mode, struct ide_fault *fault),
       (unit, mode, fault))
ACCESS(cxl_unit_write_keys,
       (const struct cxl_unit *unit, const struct cxl_ide_key *tx, const struct cxl_ide_key *rx,
        struct ide_fault *fault),
       (unit, tx, rx, fault))
ACCESS(cxl_unit_start, (const struct cxl_unit *unit, struct ide_fault *fault), (unit, fault))
ACCESS(cxl_unit_stop, (const struct cxl_unit *unit, struct ide_fault *fault), (unit, fault))
ACCESS(cxl_ide_prepare,
       (const struct cxl_ide_port *port, const struct cxl_ide_port *other, bool flit_256,
        struct ide_fault *fault),
       (port, other, flit_256, fault))
ACCESS(cxl_ide_read_state,
       (const struct cxl_ide_port *port, struct cxl_ide_state *state, struct ide_fault *fault),
       (port, state, fault))

/* --- Operations ----------------------------------------------------------------------------------------- */

static struct job *waiting[END_COUNT];
static size_t waiting_count;

static void on_dispatch(void *context, struct operation *op, struct job *job)
{
    (void)context;
    (void)op;
    waiting[waiting_count++] = job;
}

static void on_progress(void *context, const struct operation *op, const struct job *job,
                        enum step_progress progress)
{
    (void)context, (void)op, (void)job, (void)progress;
}

static void on_finished(void *context, struct operation *op)
{
    (void)context;
    (void)op;
}

static bool on_is_shared(void *context, const struct operation *op, enum stream_end end)
{
    (void)context, (void)op, (void)end;
    return false;
}

bool cxl_rig_run(enum cxl_action action)
{
    static const struct operation_hooks hooks = {on_dispatch, on_progress, on_finished, on_is_shared, NULL};
    static const enum operation_kind kinds[] = {[CXL_ESTABLISH] = OPERATION_CXL_ESTABLISH,
                                                [CXL_REKEY] = OPERATION_CXL_REKEY,
                                                [CXL_STOP] = OPERATION_CXL_STOP};
    const struct stream_ends ends = rig.stream[0].stream.ends;
    struct cxl_order order = {.action = action, .link = cxl_rig.link, .started = true};
    if (action == CXL_ESTABLISH)
        order.link = (struct cxl_link){.ends = ends,
                                       .mode = CXL_IDE_CONTAINMENT,
                                       .generated = cxl_rig.generated,
                                       .by_unit = cxl_rig.by_unit};
    cxl_rig.calls = 0;
    cxl_rig.failed = NULL;
    cxl_rig.cancelled = false;
    cxl_rig.op = (struct operation){.kind = kinds[action],
                                    .hooks = &hooks,
                                    .rng = &rig.rng,
                                    .trust = &rig.trust,
                                    .cxl = &order,
                                    .ends = ends};
    operation_start(&cxl_rig.op);
    while (waiting_count > 0) {
        struct job *job = waiting[--waiting_count];
        agent_run(rig.stream[0].agent[job->end], job);
        operation_reply(&cxl_rig.op, job);
    }
    cxl_rig.link = order.link;
    cxl_rig.op.cxl = NULL;
    return cxl_rig.op.failure.err == IDE_OK;
}

/* --- Set up --------------------------------------------------------------------------------------------- */

static void make_cxl(struct platform *p)
{
    const struct platform_cxl cxl = {.present = true,
                                     .containment = true,
                                     .skid = true,
                                     .key_generation = cxl_rig.generated,
                                     .iv_generation = cxl_rig.generated,
                                     .k_set_stop = true};
    for (size_t i = 0; i < 2; i++) {
        p->functions[i].cxl = cxl;
        p->functions[i].bar_size = i == 0 ? CXL_COMPONENT_SIZE : CXL_ENDPOINT_BAR;
    }
    if (cxl_rig.by_unit)
        p->kcus[0] = (struct platform_kcu){.cxl = true, .base = UNIT_BASE, .port_count = 1};
}

bool cxl_rig_open(bool by_unit, bool generated, char *error, size_t size)
{
    const enum provider_choice choice = by_unit ? PROVIDER_KCU : PROVIDER_DOE;
    cxl_rig = (struct cxl_rig){.by_unit = by_unit, .generated = generated};
    rig_alter = make_cxl;
    bool ok = rig_open(1, &choice, error, size);
    rig_alter = NULL;
    if (!ok)
        return false;
    cxl_rig.root = rig.stream[0].root;
    cxl_rig.device = rig.stream[0].device;
    return true;
}

void cxl_rig_close(void)
{
    cxl_link_drop_keys(&cxl_rig.link);
    rig_close();
}
