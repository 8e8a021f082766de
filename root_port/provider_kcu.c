/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The key provider that is an Intel Key Configuration Unit. The unit is part of the platform and is reached
 * by its physical address, which firmware names in the ACPI table KEYP: there is nobody to authenticate.
 */
#include <string.h>

#include "root_port/kcu.h"
#include "root_port/key_provider.h"

static enum ide_err authenticate(void *context, const struct trust *trust, bool in_use,
                                 struct ide_fault *fault)
{
    (void)context;
    (void)trust;
    (void)in_use;
    (void)fault;
    return IDE_OK;
}

static enum ide_err open_port(void *context, struct ide_fault *fault)
{
    struct kcu_port *port = context;
    (void)fault;
    if (port->is_open)
        return IDE_OK;
    kcu_release(port); /* what the unit would not let go of the last time */
    port->generation++;
    port->is_open = true;
    return IDE_OK;
}

static enum ide_err need_open(const struct kcu_port *port, struct ide_fault *fault)
{
    return port->is_open ? IDE_OK : ide_fail(fault, IDE_E_SESSION, NULL, NULL);
}

/* Which port it is, KEYP has said. */
static enum ide_err query(void *context, struct ide_km_query_resp *out, struct ide_fault *fault)
{
    const struct kcu_port *port = context;
    memset(out, 0, sizeof *out);
    out->bus = port->bdf.bus;
    out->devfn = (uint8_t)(port->bdf.device << 3 | port->bdf.function);
    out->segment = (uint8_t)port->bdf.domain;
    return need_open(port, fault);
}

static enum ide_err program_key(void *context, const struct ide_km_target *target, const struct ide_key *key,
                                struct ide_fault *fault)
{
    enum ide_err err = need_open(context, fault);
    if (err == IDE_OK)
        err = kcu_reserve(context, target->stream_id, target->key_set, fault);
    return err == IDE_OK ? kcu_write_key(context, target, key, fault) : err;
}

static enum ide_err prime(void *context, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    return kcu_prime(context, stream_id, key_set, fault);
}

/* A receiver reads a key set once it is ready. The transmitter changes over with all its sub-streams at once.
 */
static enum ide_err go(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    if (target->direction == IDE_TX)
        return kcu_select(context, target->stream_id, target->key_set, fault);
    if (kcu_is_ready(context, target->stream_id, target->key_set, IDE_RX))
        return IDE_OK;
    return ide_fail(fault, IDE_E_STATE, "KCU receive", "Rx Key Set Ready");
}

static enum ide_err stop(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    return kcu_erase(context, target, fault);
}

static enum ide_err enable(void *context, uint8_t stream_id, bool on, struct ide_fault *fault)
{
    return kcu_enable(context, stream_id, on, fault);
}

static void status(void *context, struct key_provider_status *out)
{
    const struct kcu_port *port = context;
    *out =
        (struct key_provider_status){.ready = port->is_open, .session = port->is_open ? port->generation : 0};
}

static uint64_t due_ms(void *context)
{
    (void)context;
    return UINT64_MAX;
}

static enum ide_err keep_alive(void *context, struct ide_fault *fault)
{
    (void)context;
    (void)fault;
    return IDE_OK;
}

static enum ide_err renew(void *context, struct ide_fault *fault)
{
    (void)context;
    (void)fault;
    return IDE_OK;
}

static void close_port(void *context)
{
    struct kcu_port *port = context;
    kcu_release(port);
    port->is_open = false;
}

struct key_provider key_provider_kcu(struct kcu_port *port)
{
    static const struct key_provider_ops ops = {
        .name = "kcu",
        .authenticate = authenticate,
        .open = open_port,
        .query = query,
        .program_key = program_key,
        .prime = prime,
        .go = go,
        .stop = stop,
        .enable = enable,
        .status = status,
        .due_ms = due_ms,
        .keep_alive = keep_alive,
        .renew = renew,
        .close = close_port,
    };
    return (struct key_provider){.ops = &ops, .context = port};
}
