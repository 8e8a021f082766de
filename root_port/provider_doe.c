/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key provider that is the port itself: IDE_KM in the session of its own DOE mailbox. */
#include "root_port/key_provider.h"

static enum ide_err authenticate(void *context, const struct trust *trust, bool in_use,
                                 struct ide_fault *fault)
{
    return spdm_port_authenticate(context, trust, in_use, fault);
}

static enum ide_err open_session(void *context, struct ide_fault *fault)
{
    return spdm_port_open_session(context, fault);
}

/* Keys go to a session that is there; one that was lost is not quietly replaced, because it took its keys
 * with it. */
static enum ide_err need_session(const struct spdm_port *port, struct ide_fault *fault)
{
    return spdm_port_has_session(port) ? IDE_OK : ide_fail(fault, IDE_E_SESSION, NULL, NULL);
}

static enum ide_err query(void *context, struct ide_km_query_resp *out, struct ide_fault *fault)
{
    struct spdm_port *port = context;
    enum ide_err err = need_session(port, fault);
    if (err != IDE_OK)
        return err;
    return spdm_port_settle(port, ide_km_query(&port->session, port->km_index, out), fault);
}

/* A port of its own has index 0; the mailbox of a switch or of a device's function 0 may serve others besides. */
static struct ide_km_target at_port(const struct spdm_port *port, const struct ide_km_target *target)
{
    struct ide_km_target own = *target;
    own.port_index = port->km_index;
    return own;
}

static enum ide_err program_key(void *context, const struct ide_km_target *target, const struct ide_key *key,
                                struct ide_fault *fault)
{
    struct spdm_port *port = context;
    struct ide_km_target own = at_port(port, target);
    enum ide_err err = need_session(port, fault);
    if (err != IDE_OK)
        return err;
    return spdm_port_settle(port, ide_km_key_prog(&port->session, &own, key), fault);
}

/* A port of IDE_KM has its keys as soon as it has acknowledged them, */
static enum ide_err prime(void *context, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    (void)context;
    (void)stream_id;
    (void)key_set;
    (void)fault;
    return IDE_OK;
}

/* and no enable bit but its own. */
static enum ide_err enable(void *context, uint8_t stream_id, bool on, struct ide_fault *fault)
{
    (void)context;
    (void)stream_id;
    (void)on;
    (void)fault;
    return IDE_OK;
}

/* K_SET_GO and K_SET_STOP are alike but for what they do. */
static enum ide_err go_or_stop(struct spdm_port *port, const struct ide_km_target *target,
                               enum ide_err (*act)(struct session *s, const struct ide_km_target *target),
                               struct ide_fault *fault)
{
    struct ide_km_target own = at_port(port, target);
    enum ide_err err = need_session(port, fault);
    if (err != IDE_OK)
        return err;
    return spdm_port_settle(port, act(&port->session, &own), fault);
}

static enum ide_err go(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    return go_or_stop(context, target, ide_km_set_go, fault);
}

static enum ide_err stop(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    return go_or_stop(context, target, ide_km_set_stop, fault);
}

/* What there is to say of a session that is open. */
static void describe(const struct spdm_port *port, struct key_provider_status *out)
{
    const struct spdm_params *p = &port->connection.params;
    out->psk = port->session.psk;
    out->public_key = !port->session.psk && port->connection.chain_slot == SPDM_SLOT_PROVISIONED;
    out->mutual = port->session.mut_auth != 0;
    out->in_the_clear =
        !port->session.psk && p->flags_requester & p->flags_responder & SPDM_CAP_HANDSHAKE_CLEAR;
    out->secured_version = port->session.secured_version;
}

static void status(void *context, struct key_provider_status *out)
{
    const struct spdm_port *port = context;
    bool ready = spdm_port_has_session(port);
    *out = (struct key_provider_status){
        .ready = ready,
        .session = ready ? port->generation : 0,
        .records = spdm_port_records(port),
        .params = port->connection.params,
    };
    out->not_after = spdm_port_not_after(port);
    if (ready)
        describe(port, out);
}

static uint64_t due_ms(void *context)
{
    const struct spdm_port *port = context;
    uint64_t due = spdm_port_has_session(port) ? session_heartbeat_due(&port->session) : UINT64_MAX;
    if (due == UINT64_MAX)
        return due;
    const struct clock *clock = &port->connection.clock;
    uint64_t now = clock->monotonic_ms(clock->context);
    return due > now ? due - now : 0;
}

static enum ide_err keep_alive(void *context, struct ide_fault *fault)
{
    struct spdm_port *port = context;
    enum ide_err err = need_session(port, fault);
    if (err != IDE_OK)
        return err;
    return spdm_port_settle(port, session_heartbeat(&port->session), fault);
}

static enum ide_err renew(void *context, struct ide_fault *fault)
{
    return spdm_port_renew(context, fault);
}

static void close_session(void *context)
{
    spdm_port_end_session(context);
}

struct key_provider key_provider_doe(struct spdm_port *port)
{
    static const struct key_provider_ops ops = {
        .name = "doe",
        .authenticate = authenticate,
        .open = open_session,
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
        .close = close_session,
    };
    return (struct key_provider){.ops = &ops, .context = port};
}
