/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/spdm_port.h"

#include <string.h>
#include <time.h>

#include "spdm/cursor.h"

#define SLEEP_SLICE_MS 10u

static uint64_t monotonic_ms(void *context)
{
    const struct spdm_port *port = context;
    return port->wait->now_us(port->wait->context) / 1000;
}

static int64_t unix_seconds(void *context)
{
    (void)context;
    return time(NULL);
}

/* In slices, so that whoever cancels need not wait for a busy device's own idea of time. */
static void sleep_ms(void *context, uint32_t ms)
{
    const struct spdm_port *port = context;
    while (ms > 0 && !(port->wait->cancel && atomic_load(port->wait->cancel))) {
        uint32_t slice = ms < SLEEP_SLICE_MS ? ms : SLEEP_SLICE_MS;
        port->wait->sleep_us(port->wait->context, slice * 1000);
        ms -= slice;
    }
}

/* Who the function says it is now: it may have been replaced since the last look. */
static enum ide_err read_ids(struct spdm_port *port, struct ide_fault *fault)
{
    struct pcie_ids ids;
    enum ide_err err = pcie_read_ids(&port->config, &ids, fault);
    if (err != IDE_OK)
        return err;
    uint8_t type = pcie_read8(&port->config, PCIE_HEADER_TYPE) & PCIE_HEADER_TYPE_MASK;
    port->ids = (struct cma_ids){
        .vendor = ids.vendor,
        .device = ids.device,
        .class_code = ids.class_code,
        .revision = ids.revision,
        .subsystem_vendor = ids.subsystem_vendor,
        .subsystem = ids.subsystem,
        .has_subsystem = type == PCIE_HEADER_TYPE_NORMAL,
    };
    return IDE_OK;
}

enum ide_err spdm_port_open(struct spdm_port *port, const struct pcie_config *config,
                            const struct wait_ops *wait, const struct spdm_port_settings *settings,
                            struct ide_fault *fault)
{
    memset(port, 0, sizeof *port);
    port->config = *config;
    port->wait = wait;
    port->settings = *settings;
    if (drbg_open(&port->drbg) != IDE_OK)
        return ide_fail(fault, IDE_E_RANDOM, NULL, NULL);
    port->drbg_open = true;
    struct rng rng = drbg_rng(&port->drbg);
    struct clock clock = {
        .monotonic_ms = monotonic_ms, .unix_seconds = unix_seconds, .sleep_ms = sleep_ms, .context = port};
    spdm_connection_init(&port->connection, SPDM_REQUESTER, &port->settings.spdm, &rng, &clock);
    port->connection.chain = port->chain;
    port->connection.chain_cap = sizeof port->chain;
    port->connection.large.data = port->large;
    port->connection.large.cap = sizeof port->large;
    return IDE_OK;
}

void spdm_port_close(struct spdm_port *port)
{
    session_close(&port->session);
    if (port->drbg_open)
        drbg_close(&port->drbg);
    wipe(port, sizeof *port);
}

static enum ide_err list_protocols(const struct spdm_port *port, const struct doe_transport *transport,
                                   struct doe_protocol list[static SPDM_PROTOCOLS_MAX], size_t *count,
                                   struct ide_fault *fault)
{
    *count = 0;
    enum ide_err err =
        doe_discover(transport, port->settings.spdm.timeout_ms, list, SPDM_PROTOCOLS_MAX, count, fault);
    if (err == IDE_E_SPACE) /* an answer to discovery is 3 dwords: the mistake is the device's */
        err = fault->err = IDE_E_LONG;
    *count = *count < SPDM_PROTOCOLS_MAX ? *count : SPDM_PROTOCOLS_MAX;
    return err;
}

/* Which of CMA's two protocols the mailbox carries. */
static enum ide_err discover(struct spdm_port *port, bool *cma, bool *secured, struct ide_fault *fault)
{
    struct doe_protocol protocols[SPDM_PROTOCOLS_MAX];
    size_t count;
    *cma = *secured = false;
    enum ide_err err = list_protocols(port, &port->transport, protocols, &count, fault);
    for (size_t i = 0; err == IDE_OK && i < count; i++) {
        *cma |= protocols[i].vendor == DOE_VENDOR_PCISIG && protocols[i].type == DOE_TYPE_CMA;
        *secured |= protocols[i].vendor == DOE_VENDOR_PCISIG && protocols[i].type == DOE_TYPE_SECURED_CMA;
    }
    return err;
}

/* A function may have several mailboxes: the first that carries CMA is meant. A broken one before it is
 * passed over. */
static enum ide_err find_mailbox(struct spdm_port *port, struct ide_fault *fault)
{
    enum ide_err result = ide_fail(fault, IDE_E_NO_DOE, "DOE discovery", NULL);
    uint16_t offset;
    for (unsigned nth = 0; (offset = doe_mailbox_find(&port->config, nth)) != 0; nth++) {
        struct ide_fault found = {0};
        bool cma = false;
        enum ide_err err = doe_mailbox_open(&port->mailbox, &port->config, offset, port->wait, &found);
        port->transport = doe_mailbox_transport(&port->mailbox);
        if (err == IDE_OK)
            err = discover(port, &cma, &port->secured_cma, &found);
        if (err == IDE_OK && cma) {
            port->mailbox_open = true;
            return IDE_OK;
        }
        if (err != IDE_OK) {
            result = err;
            *fault = found;
        } else if (result == IDE_E_NO_DOE) {
            fault->field = "CMA";
        }
    }
    return result;
}

/* The mailbox, ready to be talked to. One that an abort has not brought back is tried again from the start.
 */
static enum ide_err need_mailbox(struct spdm_port *port, struct ide_fault *fault)
{
    if (port->mailbox_open && !port->mailbox.dead)
        return IDE_OK;
    port->mailbox_open = false;
    enum ide_err err = find_mailbox(port, fault);
    port->connection.clear = doe_clear_channel(&port->transport);
    return err;
}

static void look_into(struct spdm_port *port, struct spdm_mailbox *found)
{
    struct doe_mailbox other;
    const struct doe_transport *transport = &port->transport;
    struct doe_transport others;
    if (!port->mailbox_open || port->mailbox.dead || port->mailbox.offset != found->offset) {
        found->err = doe_mailbox_open(&other, &port->config, found->offset, port->wait, &found->fault);
        others = doe_mailbox_transport(&other);
        transport = &others;
    }
    if (found->err == IDE_OK)
        found->err = list_protocols(port, transport, found->protocol, &found->count, &found->fault);
}

size_t spdm_port_mailboxes(struct spdm_port *port, struct spdm_mailbox *list, size_t room)
{
    uint16_t offset;
    unsigned count = 0;
    for (; (offset = doe_mailbox_find(&port->config, count)) != 0; count++) {
        if (count >= room)
            continue;
        list[count] = (struct spdm_mailbox){.offset = offset};
        look_into(port, &list[count]);
    }
    return count;
}

/* The caller's anchors, and the names that this function must have. */
static struct trust own_trust(const struct spdm_port *port, const struct trust *trust)
{
    struct trust own = *trust;
    own.ids = &port->ids;
    return own;
}

static enum ide_err take_fault(const struct spdm_port *port, enum ide_err err, struct ide_fault *fault)
{
    if (err != IDE_OK) {
        *fault = port->connection.fault;
        fault->err = err;
    }
    return err;
}

/* Whether the user gave a key of the port's, so that no chain is needed. */
static bool has_given_key(const struct spdm_port *port)
{
    return port->settings.psk || port->settings.public_key;
}

/* Whether a connection is there whose peer showed a chain that was good, or needs none. */
static bool is_acquainted(const struct spdm_port *port)
{
    return port->connection.state == SPDM_NEGOTIATED && (port->connection.peer_verified || port->settings.psk);
}

static enum ide_err verify_again(struct spdm_port *port, const struct trust *own, struct ide_fault *fault)
{
    const struct spdm_connection *c = &port->connection;
    struct identity peer;
    return identity_verify(c->chain, c->chain_len, c->params.hash->id, c->params.asym,
                           unix_seconds(NULL), own, &peer, fault);
}

static enum ide_err get_chain(struct spdm_port *port, const struct trust *own, struct ide_fault *fault)
{
    enum ide_err err = spdm_get_digests(&port->connection, NULL, NULL);
    if (err == IDE_OK)
        err = spdm_get_certificate(&port->connection, 0, own);
    return take_fault(port, err, fault);
}

static enum ide_err get_acquainted(struct spdm_port *port, const struct trust *own, struct ide_fault *fault)
{
    enum ide_err err = read_ids(port, fault);
    if (err == IDE_OK)
        err = need_mailbox(port, fault);
    if (err != IDE_OK)
        return err;
    const struct spdm_port_settings *s = &port->settings;
    err = take_fault(port, spdm_negotiate(&port->connection), fault);
    if (err != IDE_OK || s->psk)
        return err;
    if (s->public_key)
        return take_fault(port, spdm_use_public_key(&port->connection, s->public_key, s->public_key_len), fault);
    return get_chain(port, own, fault);
}

enum ide_err spdm_port_authenticate(struct spdm_port *port, const struct trust *trust, bool in_use,
                                    struct ide_fault *fault)
{
    /* No anchor: said before the device is troubled with anything. */
    if (trust->anchor_count == 0 && !has_given_key(port))
        return ide_fail(fault, IDE_E_NO_TRUST, NULL, NULL);
    struct trust own = own_trust(port, trust);
    if (is_acquainted(port) && (in_use || spdm_port_has_session(port)))
        return has_given_key(port) ? IDE_OK : verify_again(port, &own, fault);
    return get_acquainted(port, &own, fault);
}

enum ide_err spdm_port_attest(struct spdm_port *port, const struct trust *trust, bool in_use,
                              struct ide_fault *fault)
{
    bool known = is_acquainted(port);
    struct trust own = own_trust(port, trust);
    enum ide_err err = spdm_port_authenticate(port, trust, in_use, fault);
    bool kept = known && (in_use || spdm_port_has_session(port));
    if (err == IDE_OK && !port->settings.public_key && (kept || port->settings.psk))
        err = get_chain(port, &own, fault);
    if (err != IDE_OK)
        return err;
    if (!(port->connection.params.flags_responder & SPDM_CAP_CHAL))
        return ide_fail(fault, IDE_E_CAPABILITY, "CHALLENGE", "CHAL_CAP");
    return take_fault(port, spdm_challenge(&port->connection), fault);
}

enum ide_err spdm_port_open_session(struct spdm_port *port, struct ide_fault *fault)
{
    if (spdm_port_has_session(port))
        return IDE_OK;
    if (!port->secured_cma)
        return ide_fail(fault, IDE_E_NO_DOE, "DOE discovery", "secured CMA");
    struct spdm_connection *c = &port->connection;
    const struct spdm_port_settings *s = &port->settings;
    c->own = s->own && c->params.hash ? s->own[c->params.hash->id] : NULL;
    enum ide_err err = s->psk ? session_open_psk(&port->session, c, &port->transport, s->psk)
                              : session_open(&port->session, c, &port->transport);
    if (err == IDE_OK)
        port->generation++;
    return take_fault(port, err, fault);
}

enum ide_err spdm_port_measure(struct spdm_port *port, const struct spdm_measurement_request *request,
                               bool in_session, uint8_t *record, size_t cap,
                               struct spdm_measurement_result *result, struct ide_fault *fault)
{
    struct spdm_connection *c = &port->connection;
    if (!in_session)
        return take_fault(port, spdm_get_measurements(c, &c->clear, request, record, cap, result), fault);
    enum ide_err err = spdm_port_open_session(port, fault);
    if (err != IDE_OK)
        return err;
    /* what cost the session has closed it already: all else leaves the streams that it keyed alone */
    return take_fault(port, session_get_measurements(&port->session, request, record, cap, result), fault);
}

enum ide_err spdm_port_get_mel(struct spdm_port *port, bool in_session, uint8_t *mel, size_t cap, size_t *len,
                               struct ide_fault *fault)
{
    struct spdm_connection *c = &port->connection;
    if (!in_session)
        return take_fault(port, spdm_get_mel(c, &c->clear, mel, cap, len), fault);
    enum ide_err err = spdm_port_open_session(port, fault);
    if (err != IDE_OK)
        return err;
    return take_fault(port, session_get_mel(&port->session, mel, cap, len), fault);
}

bool spdm_port_has_session(const struct spdm_port *port)
{
    return port->session.state == SESSION_ESTABLISHED;
}

int64_t spdm_port_not_after(const struct spdm_port *port)
{
    const struct spdm_connection *c = &port->connection;
    return c->peer_verified && !has_given_key(port) ? c->peer.not_after : 0;
}

uint64_t spdm_port_records(const struct spdm_port *port)
{
    const struct session *s = &port->session;
    if (!spdm_port_has_session(port))
        return 0;
    return s->request.sequence > s->response.sequence ? s->request.sequence : s->response.sequence;
}

enum ide_err spdm_port_renew(struct spdm_port *port, struct ide_fault *fault)
{
    const struct spdm_params *p = &port->connection.params;
    if (!spdm_port_has_session(port) || !(p->flags_requester & p->flags_responder & SPDM_CAP_KEY_UPD))
        return IDE_OK;
    return spdm_port_settle(port, session_key_update(&port->session, KEY_UPDATE_ALL), fault);
}

void spdm_port_end_session(struct spdm_port *port)
{
    if (spdm_port_has_session(port) && !port->mailbox.dead) {
        enum ide_err err = session_end(&port->session);
        (void)err; /* whatever the device says, for us the session is over */
    }
    session_close(&port->session);
    spdm_connection_reset(&port->connection);
}

/* After these both sides still count the same records: the device has answered within the session. */
static bool session_survives(const struct ide_fault *fault)
{
    switch (fault->err) {
    case IDE_E_KM_REFUSED:
    case IDE_E_KM_MISMATCH:
    case IDE_E_PEER_ERROR:
    case IDE_E_BUSY:
    case IDE_E_ARGUMENT:
    case IDE_E_SHORT:
    case IDE_E_LONG:
    case IDE_E_FIELD:
    case IDE_E_UNEXPECTED:
        return true;
    default:
        return false;
    }
}

enum ide_err spdm_port_settle(struct spdm_port *port, enum ide_err err, struct ide_fault *fault)
{
    take_fault(port, err, fault);
    if (err != IDE_OK && !session_survives(fault))
        session_close(&port->session);
    return err;
}
