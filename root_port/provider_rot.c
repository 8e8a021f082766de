/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The key provider that is a platform root of trust: IDE_KM by port index, in one session for several root
 * ports. */
#include <string.h>

#include "root_port/key_provider.h"
#include "root_port/root_of_trust.h"
#include "spdm/cursor.h"

#define STEP "QUERY_RESP"

void rot_init(struct root_of_trust *rot, const struct pcie_bdf *bdf, const char *sysfs,
              const struct spdm_port_settings *settings)
{
    memset(rot, 0, sizeof *rot);
    rot->bdf = *bdf;
    rot->sysfs = sysfs;
    rot->settings = *settings;
    pthread_mutex_init(&rot->lock, NULL);
}

/* Lock held, and in all below. */
static void close_function(struct root_of_trust *rot)
{
    if (rot->spdm.generation)
        rot->generation = rot->spdm.generation;
    spdm_port_close(&rot->spdm);
    pcie_function_close(&rot->function);
    pcie_access_close(&rot->access);
    rot->is_open = false;
}

void rot_close(struct root_of_trust *rot)
{
    if (rot->is_open) {
        spdm_port_end_session(&rot->spdm);
        close_function(rot);
    }
    pthread_mutex_destroy(&rot->lock);
    wipe(rot, sizeof *rot);
}

/* An endpoint's mailbox is there for its own keys, which go another way. */
static enum ide_err check_type(const struct root_of_trust *rot, struct ide_fault *fault)
{
    enum pcie_port_type type = pcie_read_port_type(&rot->function.config);
    if (type == PCIE_TYPE_RC_ENDPOINT || type == PCIE_TYPE_ROOT_PORT)
        return IDE_OK;
    return ide_fail_value(fault, IDE_E_NOT_PORT, "root of trust", "Device/Port Type", type,
                          PCIE_TYPE_RC_ENDPOINT);
}

static enum ide_err open_function(struct root_of_trust *rot, struct ide_fault *fault)
{
    enum ide_err err = pcie_access_open(&rot->access, rot->sysfs, fault);
    if (err == IDE_OK)
        err = pcie_function_open(&rot->function, &rot->access, &rot->bdf, fault);
    if (err == IDE_OK)
        err = check_type(rot, fault);
    if (err == IDE_OK)
        err = spdm_port_open(&rot->spdm, &rot->function.config, &rot->wait, &rot->settings, fault);
    if (err != IDE_OK) {
        close_function(rot);
        return err;
    }
    rot->spdm.generation = rot->generation;
    rot->is_open = true;
    return IDE_OK;
}

/* The waits of what follows are the caller's, to be cancelled by whoever cancels the caller. */
static void enter_as(struct root_of_trust *rot, const struct wait_ops *wait)
{
    pthread_mutex_lock(&rot->lock);
    rot->wait = *wait;
}

static struct root_of_trust *enter(struct rot_port *port)
{
    enter_as(port->rot, port->wait);
    return port->rot;
}

static enum ide_err leave(struct root_of_trust *rot, enum ide_err err)
{
    pthread_mutex_unlock(&rot->lock);
    return err;
}

static bool others_use(const struct rot_port *port)
{
    return port->rot->users > (port->joined ? 1u : 0u);
}

static bool has_session(const struct rot_port *port)
{
    return port->joined && port->rot->is_open && spdm_port_has_session(&port->rot->spdm);
}

/* First contact, or one more. Where nothing is to be lost, the next attempt starts from nothing. */
static enum ide_err meet(struct root_of_trust *rot, const struct trust *trust, bool in_use,
                         enum ide_err (*act)(struct spdm_port *, const struct trust *, bool,
                                             struct ide_fault *),
                         struct ide_fault *fault)
{
    enum ide_err err = rot->is_open ? IDE_OK : open_function(rot, fault);
    if (err == IDE_OK)
        err = act(&rot->spdm, trust, in_use, fault);
    if (err != IDE_OK && rot->is_open && !in_use && !spdm_port_has_session(&rot->spdm))
        close_function(rot);
    return err;
}

static enum ide_err authenticate(void *context, const struct trust *trust, bool in_use,
                                 struct ide_fault *fault)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    return leave(rot, meet(rot, trust, in_use || others_use(port), spdm_port_authenticate, fault));
}

enum ide_err rot_attest(struct root_of_trust *rot, const struct wait_ops *wait, const struct trust *trust,
                        const struct rot_look *then, struct ide_fault *fault)
{
    enter_as(rot, wait);
    enum ide_err err = meet(rot, trust, rot->users > 0, spdm_port_attest, fault);
    if (err == IDE_OK)
        err = then->look(then->context, &rot->spdm, rot->users > 0, fault);
    return leave(rot, err);
}

static enum ide_err open_session(void *context, struct ide_fault *fault)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    enum ide_err err = rot->is_open ? spdm_port_open_session(&rot->spdm, fault)
                                    : ide_fail(fault, IDE_E_STATE, "KEY_EXCHANGE", NULL);
    if (err == IDE_OK && !port->joined) {
        port->joined = true;
        port->is_known = false;
        rot->users++;
    }
    return leave(rot, err);
}

/* Below Flit Mode a segment reads as 0. */
static bool is_mine(const struct rot_port *port, const struct ide_km_query_resp *resp)
{
    return resp->bus == port->bdf.bus && resp->devfn == (port->bdf.device << 3 | port->bdf.function) &&
           (resp->segment == 0 || resp->segment == (uint8_t)port->bdf.domain);
}

static enum ide_err ask(struct root_of_trust *rot, unsigned index, struct ide_km_query_resp *out,
                        struct ide_fault *fault)
{
    return spdm_port_settle(&rot->spdm, ide_km_query(&rot->spdm.session, (uint8_t)index, out), fault);
}

/* Asks for all ports: two that look like this one, of segments that are not told apart, would get each
 * other's keys. */
static enum ide_err find_index(struct rot_port *port, struct ide_km_query_resp *out, struct ide_fault *fault)
{
    unsigned last = 0, found = 0;
    for (unsigned index = 0; index <= last; index++) {
        struct ide_km_query_resp resp;
        enum ide_err err = ask(port->rot, index, &resp, fault);
        if (err != IDE_OK)
            return err;
        last = resp.max_port_index;
        if (!is_mine(port, &resp))
            continue;
        *out = resp;
        port->index = (uint8_t)index;
        found++;
    }
    port->is_known = found == 1;
    if (found > 1)
        return ide_fail_value(fault, IDE_E_KM_MISMATCH, STEP, "Segment", found, 1);
    return found ? IDE_OK : ide_fail(fault, IDE_E_PROVIDER, STEP, "PortIndex");
}

static enum ide_err query(void *context, struct ide_km_query_resp *out, struct ide_fault *fault)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    enum ide_err err = has_session(port) ? IDE_OK : ide_fail(fault, IDE_E_SESSION, NULL, NULL);
    if (err == IDE_OK)
        err = port->is_known ? ask(rot, port->index, out, fault) : find_index(port, out, fault);
    return leave(rot, err);
}

/* Keys go to a session that is there, and to the port that was found in it. */
static enum ide_err need_port(const struct rot_port *port, struct ide_fault *fault)
{
    if (!has_session(port))
        return ide_fail(fault, IDE_E_SESSION, NULL, NULL);
    return port->is_known ? IDE_OK : ide_fail(fault, IDE_E_STATE, STEP, "PortIndex");
}

static enum ide_err program_key(void *context, const struct ide_km_target *target, const struct ide_key *key,
                                struct ide_fault *fault)
{
    struct rot_port *port = context;
    struct ide_km_target mine = *target;
    mine.port_index = port->index;
    struct root_of_trust *rot = enter(port);
    enum ide_err err = need_port(port, fault);
    if (err == IDE_OK)
        err = spdm_port_settle(&rot->spdm, ide_km_key_prog(&rot->spdm.session, &mine, key), fault);
    return leave(rot, err);
}

static enum ide_err go_or_stop(struct rot_port *port, const struct ide_km_target *target,
                               enum ide_err (*act)(struct session *s, const struct ide_km_target *target),
                               struct ide_fault *fault)
{
    struct ide_km_target mine = *target;
    mine.port_index = port->index;
    struct root_of_trust *rot = enter(port);
    enum ide_err err = need_port(port, fault);
    if (err == IDE_OK)
        err = spdm_port_settle(&rot->spdm, act(&rot->spdm.session, &mine), fault);
    return leave(rot, err);
}

static enum ide_err go(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    return go_or_stop(context, target, ide_km_set_go, fault);
}

static enum ide_err stop(void *context, const struct ide_km_target *target, struct ide_fault *fault)
{
    return go_or_stop(context, target, ide_km_set_stop, fault);
}

static enum ide_err prime(void *context, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    (void)context;
    (void)stream_id;
    (void)key_set;
    (void)fault;
    return IDE_OK;
}

static enum ide_err enable(void *context, uint8_t stream_id, bool on, struct ide_fault *fault)
{
    (void)context;
    (void)stream_id;
    (void)on;
    (void)fault;
    return IDE_OK;
}

static void status(void *context, struct key_provider_status *out)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    bool ready = has_session(port);
    *out = (struct key_provider_status){
        .ready = ready, .shared = true, .session = ready ? rot->spdm.generation : 0};
    if (ready)
        out->secured_version = rot->spdm.session.secured_version;
    if (rot->is_open) {
        out->params = rot->spdm.connection.params;
        out->records = spdm_port_records(&rot->spdm);
        out->not_after = spdm_port_not_after(&rot->spdm);
    }
    pthread_mutex_unlock(&rot->lock);
}

static uint64_t due(const struct rot_port *port)
{
    const struct spdm_port *spdm = &port->rot->spdm;
    uint64_t at = has_session(port) ? session_heartbeat_due(&spdm->session) : UINT64_MAX;
    if (at == UINT64_MAX)
        return at;
    const struct clock *clock = &spdm->connection.clock;
    uint64_t now = clock->monotonic_ms(clock->context);
    return at > now ? at - now : 0;
}

static uint64_t due_ms(void *context)
{
    struct root_of_trust *rot = enter(context);
    uint64_t ms = due(context);
    pthread_mutex_unlock(&rot->lock);
    return ms;
}

/* Another root port's thread may have done it meanwhile. */
static enum ide_err keep_alive(void *context, struct ide_fault *fault)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    enum ide_err err = has_session(port) ? IDE_OK : ide_fail(fault, IDE_E_SESSION, NULL, NULL);
    if (err == IDE_OK && due(port) == 0)
        err = spdm_port_settle(&rot->spdm, session_heartbeat(&rot->spdm.session), fault);
    return leave(rot, err);
}

static enum ide_err renew(void *context, struct ide_fault *fault)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    enum ide_err err = has_session(port) ? spdm_port_renew(&rot->spdm, fault) : IDE_OK;
    return leave(rot, err);
}

/* While others use the session it goes on, and what this port has not been told to stop stays with it. */
static void close_port(void *context)
{
    struct rot_port *port = context;
    struct root_of_trust *rot = enter(port);
    if (port->joined)
        rot->users--;
    port->joined = port->is_known = false;
    if (rot->users == 0 && rot->is_open) {
        spdm_port_end_session(&rot->spdm);
        close_function(rot);
    }
    pthread_mutex_unlock(&rot->lock);
}

struct key_provider key_provider_rot(struct rot_port *port)
{
    static const struct key_provider_ops ops = {
        .name = "rot",
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
        .close = close_port,
    };
    return (struct key_provider){.ops = &ops, .context = port};
}
