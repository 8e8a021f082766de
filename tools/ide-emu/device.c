/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "spdm/cursor.h"
#include "tools/ide-emu/ide_link.h"
#include "tools/ide-emu/measured.h"
#include "tools/ide-emu/misbehave.h"
#include "tools/ide-emu/spdm_socket.h"
#include "tools/ide-emu/trace.h"

#define TICK_MS 500u
#define FAULT_TEXT_MAX 256u

/* --- IDE_KM: the model's streams ---------------------------------------------------------------------------------- */

static bool is_rot(const struct emu_function *f)
{
    const struct platform_rot *rot = &f->emu->rot;
    return rot->present && f == &f->emu->functions[rot->function];
}

/* A port that has no mailbox and is reached through f's: the other functions of its device, the ports of its switch. */
static bool is_served_by(const struct emu_function *port, const struct emu_function *f)
{
    if (port->doe_cap || !port->ide.cap || !(port->desc.ide.abilities & PCIE_IDE_CAP_IDE_KM))
        return false;
    if (f->desc.type == PCIE_TYPE_UPSTREAM)
        return port->parent == f;
    return f->desc.type == PCIE_TYPE_ENDPOINT && f->desc.bdf.function == 0 && port->parent == f->parent;
}

/* The nth of those, from 1. */
static struct emu_function *served_port(struct emu_function *f, unsigned n)
{
    for (size_t i = 0; i < f->emu->count; i++)
        if (is_served_by(&f->emu->functions[i], f) && --n == 0)
            return &f->emu->functions[i];
    return NULL;
}

/* What a port index names: the function itself or a port that it serves, or a root port of the root of trust. NULL:
 * nothing. */
static struct emu_function *km_port(struct emu_function *f, uint8_t port_index)
{
    const struct platform_rot *rot = &f->emu->rot;
    if (is_rot(f))
        return port_index < rot->port_count ? &f->emu->functions[rot->ports[port_index]] : NULL;
    return port_index == 0 ? f : served_port(f, port_index);
}

static uint8_t max_port_index(struct emu_function *f)
{
    unsigned index = 0;
    while (index < UINT8_MAX && km_port(f, (uint8_t)(index + 1)))
        index++;
    return (uint8_t)index;
}

/* A root port may have a mailbox of its own besides, whose sessions count by themselves: these are told
 * apart. */
static uint32_t km_session(const struct emu_function *f, uint32_t session)
{
    return is_rot(f) ? ~session : session;
}

/* As ide_link.h wants it: its functions are about one port. */
static struct ide_km_target at_port(const struct ide_km_target *target)
{
    struct ide_km_target at = *target;
    at.port_index = 0;
    return at;
}

static bool km_query(void *context, uint8_t port_index, struct ide_km_query_resp *out)
{
    struct emu_function *f = context, *port = km_port(f, port_index);
    size_t len = port ? (size_t)port->ide.end - port->ide.cap - PCIE_IDE_CAP : 0;
    if (!port || !port->ide.cap || len > sizeof out->blocks)
        return false;
    emu_lock(f->emu);
    trace_message(f, "QUERY", NULL);
    out->max_port_index = max_port_index(f);
    out->devfn = (uint8_t)pcie_bdf_rid(&port->desc.bdf);
    out->bus = port->desc.bdf.bus;
    /* a segment is captured in Flit Mode only (PCIe 6.x §2.2.6.2) */
    out->segment = port->desc.flit ? (uint8_t)port->desc.bdf.domain : 0;
    out->block_len = (uint16_t)len;
    memcpy(out->blocks, port->config.value + port->ide.cap + PCIE_IDE_CAP, len);
    if (fault_is_on(&f->faults, FAULT_NO_NUMBER))
        out->bus = out->devfn = out->segment = 0;
    if (fault_use(&f->faults, FAULT_WRONG_BDF))
        out->bus ^= 0x01;
    if (fault_use(&f->faults, FAULT_WRONG_SEGMENT))
        out->segment ^= 0x80;
    emu_unlock(f->emu);
    return true;
}

static enum kp_ack_status km_key_prog(void *context, uint32_t session, const struct ide_km_target *target,
                                      const struct ide_key *key)
{
    struct emu_function *f = context, *port = km_port(f, target->port_index);
    struct ide_km_target at = at_port(target);
    emu_lock(f->emu);
    trace_message(f, "KEY_PROG", target);
    enum kp_ack_status status = (enum kp_ack_status)f->faults.value[FAULT_KM_REFUSE];
    if (!fault_use(&f->faults, FAULT_KM_REFUSE))
        status =
            port ? ide_link_key_prog(port, km_session(f, session), &at, key) : KP_ACK_UNSUPPORTED_PORT_INDEX;
    emu_unlock(f->emu);
    return status;
}

/* K_SET_GO and K_SET_STOP are alike but for what they do. */
static bool go_or_stop(struct emu_function *f, uint32_t session, const struct ide_km_target *target,
                       enum fault_id refusal,
                       bool (*act)(struct emu_function *f, uint32_t session,
                                   const struct ide_km_target *target))
{
    struct emu_function *port = km_port(f, target->port_index);
    struct ide_km_target at = at_port(target);
    emu_lock(f->emu);
    trace_message(f, refusal == FAULT_GO_REFUSE ? "K_SET_GO" : "K_SET_STOP", target);
    bool ok = !fault_use(&f->faults, refusal) && port && act(port, km_session(f, session), &at);
    emu_unlock(f->emu);
    return ok;
}

static bool km_set_go(void *context, uint32_t session, const struct ide_km_target *target)
{
    return go_or_stop(context, session, target, FAULT_GO_REFUSE, ide_link_set_go);
}

static bool km_set_stop(void *context, uint32_t session, const struct ide_km_target *target)
{
    return go_or_stop(context, session, target, FAULT_STOP_REFUSE, ide_link_set_stop);
}

static void km_session_end(void *context, uint32_t session)
{
    struct emu_function *f = context, *port;
    emu_lock(f->emu);
    trace_message(f, "session ends", NULL);
    for (unsigned i = 0; i <= UINT8_MAX && (port = km_port(f, (uint8_t)i)); i++)
        ide_link_session_end(port, km_session(f, session));
    emu_unlock(f->emu);
}

static const struct ide_km_port_ops km_ops = {km_query, km_key_prog, km_set_go, km_set_stop, km_session_end};

/* --- Time --------------------------------------------------------------------------------------------------------- */

static uint64_t clock_monotonic_ms(void *context)
{
    (void)context;
    return monotonic_ms();
}

static int64_t clock_unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

static void clock_sleep_ms(void *context, uint32_t ms)
{
    (void)context;
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}, NULL);
}

static const struct clock system_clock = {clock_monotonic_ms, clock_unix_seconds, clock_sleep_ms, NULL};

/* --- One object --------------------------------------------------------------------------------------------------- */

static enum identity_kind wanted_identity(const struct fault_set *faults)
{
    static const struct {
        enum fault_id fault;
        enum identity_kind kind;
    } faulty[] = {
        {FAULT_BAD_CHAIN, IDENTITY_DEFORMED},   {FAULT_EXPIRED_CHAIN, IDENTITY_EXPIRED},
        {FAULT_FOREIGN_CHAIN, IDENTITY_FOREIGN}, {FAULT_WRONG_NAME, IDENTITY_WRONG_NAME},
        {FAULT_NO_NAME, IDENTITY_NO_NAME},
    };
    enum identity_kind kind = IDENTITY_OWN;
    for (size_t i = 0; i < sizeof faulty / sizeof faulty[0]; i++)
        if (fault_is_on(faults, faulty[i].fault))
            kind = faulty[i].kind;
    return kind;
}

/* Before each object: what the model wants of the responder since the last one. */
static void follow_model(struct device *d)
{
    struct emu_function *f = d->function;
    emu_lock(f->emu);
    bool reset = f->reset_wanted;
    f->reset_wanted = false;
    const struct credential *c = &d->credentials[wanted_identity(&f->faults)];
    emu_unlock(f->emu);

    device_peer_show(&f->desc.spdm.peer, c, d->responder.spdm.slots);
    if (reset)
        session_responder_reset(&d->responder);
}

static void tell(const struct device *d, const char *what)
{
    if (d->verbose)
        fprintf(stderr, "ide-emu: %s: %s\n", d->function->name, what);
}

static void answer_bridged(struct exchange *e)
{
    struct device *d = e->device;
    const char *why;
    if (bridge_exchange(d->bridge, e->request, e->request_len, e->response, e->cap, &e->answer.len, &why))
        return;
    fprintf(stderr, "ide-emu: %s: bridge: %s\n", d->function->name, why);
    e->answer = (struct answer){.kind = ANSWER_ERROR};
}

static void answer_here(struct exchange *e)
{
    struct device *d = e->device;
    enum ide_err err = session_respond_object(&d->responder, e->request, e->request_len, e->response,
                                              e->cap < SPDM_BUFFER_SIZE ? e->cap : SPDM_BUFFER_SIZE, &e->answer.len);
    if (err != IDE_OK) {
        char text[FAULT_TEXT_MAX];
        tell(d, ide_fault_text(&d->responder.spdm.connection.fault, text, sizeof text));
    }
    if (e->answer.len == 0)
        e->answer.kind = ANSWER_NONE;
}

static bool is_discovery(const uint8_t *object, size_t len)
{
    return len < DOE_HEADER_SIZE || object[2] == DOE_TYPE_DISCOVERY;
}

struct answer device_answer(struct device *d, const uint8_t *request, size_t len, uint8_t *response, size_t cap)
{
    struct exchange e = {.device = d, .request = request, .request_len = len, .response = response, .cap = cap};
    pthread_mutex_lock(&d->lock);
    follow_model(d);
    if (!misbehave_before(&e)) {
        if (d->bridge && !is_discovery(request, len))
            answer_bridged(&e);
        else
            answer_here(&e);
        misbehave_after(&e);
    }
    pthread_mutex_unlock(&d->lock);
    return e.answer;
}

/* --- The mailbox's worker ----------------------------------------------------------------------------------------- */

static struct timespec after_ms(uint32_t ms)
{
    uint64_t at = monotonic_ms() + ms;
    return (struct timespec){.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000};
}

/* Waits for the answer's time, unless it is not wanted any more. Model's lock held. */
static void wait_delay(struct device *d, const struct doe_object *object, uint32_t delay_ms)
{
    struct emu_function *f = d->function;
    struct timespec until = after_ms(delay_ms);
    while (!d->stopping && mailbox_wants(&f->mailbox, object))
        if (pthread_cond_timedwait(&f->mailbox_changed, &f->emu->lock, &until) != 0)
            return;
}

static void serve_object(struct device *d, struct doe_object *object)
{
    struct emu_function *f = d->function;
    emu_unlock(f->emu);
    struct answer a = device_answer(d, object->data, object->len, d->answer, sizeof d->answer);
    emu_lock(f->emu);
    if (a.delay_ms)
        wait_delay(d, object, a.delay_ms);
    switch (a.kind) {
    case ANSWER_OBJECT:
        mailbox_answer(&f->mailbox, object, d->answer, a.len);
        break;
    case ANSWER_NONE:
        mailbox_discard(&f->mailbox, object);
        break;
    case ANSWER_ERROR:
        mailbox_fail(&f->mailbox, object);
        break;
    }
    emu_mailbox_show(f);
    wipe(object->data, object->len); /* a KEY_PROG is encrypted, but one never knows who sends what */
    free(object->data);
}

/* Nothing waits: sessions may have to end, for lack of heartbeats or after a reset. */
static void serve_time(struct device *d)
{
    emu_unlock(d->function->emu);
    pthread_mutex_lock(&d->lock);
    follow_model(d);
    session_responder_tick(&d->responder);
    pthread_mutex_unlock(&d->lock);
    emu_lock(d->function->emu);
}

static void *work(void *context)
{
    struct device *d = context;
    struct emu_function *f = d->function;
    emu_lock(f->emu);
    while (!d->stopping) {
        struct doe_object object;
        if (mailbox_take(&f->mailbox, &object)) {
            serve_object(d, &object);
            continue;
        }
        struct timespec until = after_ms(TICK_MS);
        if (f->reset_wanted || pthread_cond_timedwait(&f->mailbox_changed, &f->emu->lock, &until) != 0)
            serve_time(d);
    }
    emu_unlock(f->emu);
    return NULL;
}

/* --- Life --------------------------------------------------------------------------------------------------------- */

static void init_responder(struct device *d)
{
    const struct platform_spdm *spdm = &d->function->desc.spdm;
    d->config = spdm_config_responder;
    spdm_policy_apply(&spdm->policy, &d->config);
    d->config.version_min = spdm->version_min;
    d->config.version_max = spdm->version_max;
    d->config.secured_min = spdm->secured_min;
    d->config.secured_max = spdm->secured_max;
    d->config.base_asym = spdm->base_asym;
    d->config.base_hash = spdm->base_hash;
    emu_measure(&d->config);
    device_peer_configure(&spdm->peer, &d->config);
    struct rng rng = drbg_rng(&d->drbg);
    session_responder_init(&d->responder, &d->config, &rng, &system_clock, d->sessions, DEVICE_SESSIONS);
    d->responder.spdm.measurements = &emu_measurements;
    d->responder.heartbeat_period = spdm->heartbeat;
    d->ide_km.ops = &km_ops;
    d->ide_km.context = d->function;
    if (d->function->ide.cap || is_rot(d->function))
        ide_km_responder_attach(&d->ide_km, &d->responder);
    cxl_device_attach(&d->cxl, d->function, &rng, &d->responder);
}

static void free_device(struct device *d)
{
    for (size_t i = 0; i < IDENTITY_KINDS; i++)
        credential_clear(&d->credentials[i]);
    session_responder_reset(&d->responder);
    drbg_close(&d->drbg);
    bridge_free(d->bridge);
    pthread_mutex_destroy(&d->lock);
    wipe(d, sizeof *d);
    free(d);
}

struct device *device_open(struct emu_function *f, const struct identities *identities, struct bridge *bridge,
                           bool verbose, char *error, size_t size)
{
    struct device *d = calloc(1, sizeof *d);
    snprintf(error, size, "%s: out of memory or random numbers", f->name);
    if (!d || drbg_open(&d->drbg) != IDE_OK) {
        free(d);
        bridge_free(bridge);
        return NULL;
    }
    pthread_mutex_init(&d->lock, NULL);
    d->function = f;
    d->bridge = bridge;
    d->verbose = verbose;
    init_responder(d);
    if (!device_peer_open(&d->peer, &f->desc.spdm.peer, &d->responder, error, size) ||
        !identities_load(identities, &f->desc, IDENTITY_OWN, &d->credentials[IDENTITY_OWN], error, size)) {
        free_device(d);
        return NULL;
    }
    if (pthread_create(&d->worker, NULL, work, d) != 0) {
        snprintf(error, size, "%s: no thread for its mailbox", f->name);
        free_device(d);
        return NULL;
    }
    f->device = d;
    f->bridged = bridge != NULL;
    return d;
}

void device_close(struct device *d)
{
    if (!d)
        return;
    struct emu_function *f = d->function;
    emu_lock(f->emu);
    d->stopping = true;
    f->device = NULL;
    pthread_cond_broadcast(&f->mailbox_changed);
    emu_unlock(f->emu);
    pthread_join(d->worker, NULL);
    free_device(d);
}

bool device_prepare_fault(struct device *d, const struct identities *identities, enum fault_id fault, char *error,
                          size_t size)
{
    struct fault_set only = {0};
    only.left[fault] = 1;
    enum identity_kind kind = wanted_identity(&only);
    pthread_mutex_lock(&d->lock);
    bool ok = d->credentials[kind].chain ||
              identities_load(identities, &d->function->desc, kind, &d->credentials[kind], error, size);
    pthread_mutex_unlock(&d->lock);
    return ok;
}
