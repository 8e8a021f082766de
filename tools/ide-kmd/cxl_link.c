/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/cxl_link.h"

#include <stdio.h>
#include <string.h>

#include "root_port/cxl_unit.h"
#include "spdm/cursor.h"
#include "tools/ide-kmd/agent.h"
#include "tools/ide-kmd/key_memory.h"
#include "tools/ide-kmd/kill_switch.h"
#include "tools/ide-kmd/store_hold.h"

#define STEP_AWAIT "CXL link active"
#define PATH_CAP   1024

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* Of an endpoint; the root port has the same, crosswise. */
struct cxl_keys {
    struct cxl_ide_key key[IDE_DIRECTIONS];
};

/* Both ends, open for one order. */
struct hands {
    struct agent *agent;
    struct job *job;
    struct cxl_link *link;
    struct pcie_function root;
    struct cxl_ide_port port[END_COUNT];
    struct kcu_memory memory;
    struct cxl_unit unit;
    struct cxl_keys *keys; /* locked memory */
    bool touched;          /* the unit, or a key: something is to be taken back */
};

/* ---- opening ------------------------------------------------------------- */

static void resource_path(const struct pcie_access *access, const struct pcie_bdf *bdf,
                          char path[static PATH_CAP])
{
    char text[PCIE_BDF_TEXT];
    snprintf(path, PATH_CAP, "%s/%s/resource", access->devices, pcie_bdf_format(bdf, text));
}

static enum ide_err open_end(struct hands *h, enum stream_end end, const struct pcie_config *config)
{
    char path[PATH_CAP];
    h->job->device = h->job->ends.bdf[end];
    resource_path(&h->agent->access, &h->job->device, path);
    TRY(cxl_ide_open(&h->port[end], config, path, &h->job->fault));
    return cxl_ide_check_mode(&h->port[end], h->link->mode, &h->job->fault);
}

/* The fault of what follows is about the endpoint, or about the root port. */
static void about(struct hands *h, enum stream_end end)
{
    h->job->device = h->job->ends.bdf[end];
}

static bool read_unit(void *context, uint32_t offset, uint32_t *value)
{
    const struct kcu_access access = kcu_memory_access(context);
    return access.read32(access.context, offset, value);
}

static bool write_unit(void *context, uint32_t offset, uint32_t value)
{
    const struct kcu_access access = kcu_memory_access(context);
    bool ok = access.write32(access.context, offset, value);
    kill_point("a register of the CXL key unit is written");
    return ok;
}

static enum ide_err open_all(struct hands *h)
{
    const struct pcie_bdf *root = &h->job->ends.bdf[END_ROOT_PORT];
    about(h, END_ROOT_PORT);
    TRY(pcie_function_open(&h->root, &h->agent->access, root, &h->job->fault));
    TRY(providers_cxl_unit(h->agent->settings->providers, root, &h->memory, &h->job->fault));
    h->unit = (struct cxl_unit){.access = {.read32 = read_unit, .write32 = write_unit, .context = &h->memory},
                                .wait = &h->agent->wait,
                                .timeout_ms = h->agent->settings->timeout_ms};
    TRY(open_end(h, END_ROOT_PORT, &h->root.config));
    TRY(open_end(h, END_ENDPOINT, &h->agent->function.config));
    about(h, END_ENDPOINT);
    return IDE_OK;
}

static void close_all(struct hands *h)
{
    locked_memory_free(h->keys, sizeof *h->keys);
    for (enum stream_end end = 0; end < END_COUNT; end++)
        cxl_ide_close(&h->port[end]);
    kcu_memory_close(&h->memory);
    pcie_function_close(&h->root);
}

/* ---- the endpoint -------------------------------------------------------- */

static struct session *session_of(struct hands *h)
{
    return &h->agent->spdm.session;
}

/* What an exchange in the session came to. */
static enum ide_err settle(struct hands *h, enum ide_err err)
{
    about(h, END_ENDPOINT);
    return spdm_port_settle(&h->agent->spdm, err, &h->job->fault);
}

static struct cxl_ide_target at(enum ide_direction direction)
{
    return (struct cxl_ide_target){.port_index = 0, .direction = direction};
}

static enum ide_err meet(struct hands *h)
{
    const struct key_provider *p = &h->agent->provider;
    about(h, END_ENDPOINT);
    TRY(p->ops->authenticate(p->context, h->job->trust, h->job->in_use, &h->job->fault));
    TRY(p->ops->open(p->context, &h->job->fault));
    p->ops->status(p->context, &h->link->provider);
    return IDE_OK;
}

/* What was keyed in a session can only be keyed again in it (CXL 3.1 §11.4.2). */
static enum ide_err need_same_session(struct hands *h, struct ide_fault *fault)
{
    struct key_provider_status now;
    h->agent->provider.ops->status(h->agent->provider.context, &now);
    about(h, END_ENDPOINT);
    return now.ready && now.session == h->link->provider.session ? IDE_OK
                                                                 : ide_fail(fault, IDE_E_SESSION, NULL, NULL);
}

static enum ide_err ask(struct hands *h)
{
    struct cxl_ide_query_resp resp;
    TRY(settle(h, cxl_ide_km_query(session_of(h), 0, &resp)));
    const struct ide_km_query_resp who = {.devfn = resp.devfn, .bus = resp.bus, .segment = resp.segment};
    TRY(agent_check_bdf(h->agent, &who, h->job));
    h->link->caps = resp.caps;
    if (h->link->generated && !(resp.caps & (CXL_IDE_CAPS_KEY_GEN | CXL_IDE_CAPS_IV_GEN)))
        return ide_fail(&h->job->fault, IDE_E_CAPABILITY, "QUERY_RESP", "IDE Key Generation Capable");
    return IDE_OK;
}

/* ---- keys ---------------------------------------------------------------- */

static enum ide_err random_key(struct hands *h, enum ide_direction direction)
{
    struct cxl_ide_key *key = &h->keys->key[direction];
    struct rng rng = drbg_rng(&h->agent->spdm.drbg);
    cxl_ide_default_iv(key->iv);
    enum ide_err err = rng.random(rng.context, key->key, sizeof key->key);
    return err == IDE_OK ? IDE_OK : ide_fail(&h->job->fault, err, "key generation", NULL);
}

/* What the endpoint does not make, and an IV that the root port's unit cannot hold, is the controller's. */
static enum ide_err generated_key(struct hands *h)
{
    struct cxl_ide_key *tx = &h->keys->key[IDE_TX];
    if (h->link->caps & CXL_IDE_CAPS_KEY_GEN)
        TRY(settle(h, cxl_ide_km_get_key(session_of(h), 0, tx)));
    else
        TRY(random_key(h, IDE_TX));
    if (!(h->link->caps & CXL_IDE_CAPS_IV_GEN) || !cxl_unit_takes_iv(tx->iv))
        cxl_ide_default_iv(tx->iv);
    return IDE_OK;
}

/* One that generates IVs only: its IV with the controller's key. */
static enum ide_err generated_iv(struct hands *h)
{
    struct cxl_ide_key *tx = &h->keys->key[IDE_TX];
    struct cxl_ide_key *from = &h->keys->key[IDE_RX]; /* not made yet */
    TRY(random_key(h, IDE_TX));
    TRY(settle(h, cxl_ide_km_get_key(session_of(h), 0, from)));
    if (cxl_unit_takes_iv(from->iv))
        memcpy(tx->iv, from->iv, sizeof tx->iv);
    return IDE_OK;
}

/* The same key for both directions would mean one nonce twice under one key. */
static enum ide_err check_keys(struct hands *h)
{
    static const uint8_t nothing[IDE_KEY_SIZE];
    const struct cxl_ide_key *rx = &h->keys->key[IDE_RX], *tx = &h->keys->key[IDE_TX];
    if (!equal_secret(rx->key, tx->key, IDE_KEY_SIZE) && !equal_secret(tx->key, nothing, IDE_KEY_SIZE))
        return IDE_OK;
    return ide_fail(&h->job->fault, IDE_E_FIELD, "GET_KEY_ACK", "Key");
}

static enum ide_err make_keys(struct hands *h)
{
    bool only_iv = (h->link->caps & (CXL_IDE_CAPS_KEY_GEN | CXL_IDE_CAPS_IV_GEN)) == CXL_IDE_CAPS_IV_GEN;
    h->keys = locked_memory(sizeof *h->keys);
    if (!h->keys)
        return ide_fail(&h->job->fault, IDE_E_MEMORY, "key generation", NULL);
    if (!h->link->generated)
        TRY(random_key(h, IDE_TX));
    else
        TRY(only_iv ? generated_iv(h) : generated_key(h));
    TRY(random_key(h, IDE_RX));
    return check_keys(h);
}

static enum ide_err give_keys(struct hands *h)
{
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++) {
        struct cxl_ide_target target = at(d);
        TRY(settle(h, cxl_ide_km_key_prog(session_of(h), &target, &h->keys->key[d])));
    }
    about(h, END_ROOT_PORT);
    return cxl_unit_write_keys(&h->unit, &h->keys->key[IDE_RX], &h->keys->key[IDE_TX], &h->job->fault);
}

/* ---- the link ------------------------------------------------------------ */

static enum ide_err not_active(const struct cxl_ide_state *state, enum cxl_ide_mode mode,
                               struct ide_fault *fault)
{
    uint8_t wanted = mode == CXL_IDE_CONTAINMENT ? CXL_IDE_STS_CONTAINMENT : CXL_IDE_STS_SKID;
    if (state->error)
        return ide_fail_value(fault, IDE_E_INSECURE, STEP_AWAIT, "Rx Error Status", state->error, 0);
    bool rx = state->direction[IDE_RX] != wanted;
    return ide_fail_value(fault, IDE_E_INSECURE, STEP_AWAIT, rx ? "Rx IDE Status" : "Tx IDE Status",
                          state->direction[rx ? IDE_RX : IDE_TX], wanted);
}

/* An endpoint whose receiver could not take IDE.Start has forgotten its keys, and says why only here. */
static enum ide_err check_receiver(struct hands *h)
{
    struct cxl_ide_state state;
    about(h, END_ENDPOINT);
    TRY(cxl_ide_read_state(&h->port[END_ENDPOINT], &state, &h->job->fault));
    return state.error ? not_active(&state, h->link->mode, &h->job->fault) : IDE_OK;
}

/* A receiver is ready before IDE.Start comes: the endpoint's by K_SET_GO, the root port's since its key is
 * valid. */
static enum ide_err go(struct hands *h)
{
    struct cxl_ide_target receive = at(IDE_RX), transmit = at(IDE_TX);
    TRY(settle(h, cxl_ide_km_set_go(session_of(h), &receive, h->link->mode)));
    about(h, END_ROOT_PORT);
    TRY(cxl_unit_start(&h->unit, &h->job->fault));
    TRY(check_receiver(h));
    return settle(h, cxl_ide_km_set_go(session_of(h), &transmit, h->link->mode));
}

static enum ide_err await_end(struct hands *h, enum stream_end end, struct bounded_wait *wait)
{
    struct cxl_ide_state state;
    about(h, end);
    for (;;) {
        TRY(cxl_ide_read_state(&h->port[end], &state, &h->job->fault));
        if (cxl_ide_is_active(&state, h->link->mode))
            return IDE_OK;
        enum ide_err err = wait_pause(wait);
        if (err == IDE_E_TIMEOUT)
            return not_active(&state, h->link->mode, &h->job->fault);
        if (err != IDE_OK)
            return ide_fail(&h->job->fault, err, STEP_AWAIT, NULL);
    }
}

/* Only both ends, in both directions, is success. The endpoint first: it says why. */
static enum ide_err await_active(struct hands *h)
{
    struct bounded_wait wait = wait_start(&h->agent->wait, h->agent->settings->timeout_ms);
    TRY(await_end(h, END_ENDPOINT, &wait));
    return await_end(h, END_ROOT_PORT, &wait);
}

static enum ide_err new_keys(struct hands *h)
{
    TRY(make_keys(h));
    TRY(give_keys(h));
    TRY(go(h));
    return await_active(h);
}

/* ---- what is held, written down --------------------------------------------- */

static struct store *store_of(const struct hands *h)
{
    return h->agent->settings->store;
}

static enum ide_err hold(struct hands *h)
{
    struct held_cxl_link held = {.mode = h->link->mode, .generate = h->link->generated, .state = HELD_STARTING};
    memcpy(held.bdf, h->job->ends.bdf, sizeof held.bdf);
    snprintf(held.asked_by, sizeof held.asked_by, "%s", h->job->asked_by ? h->job->asked_by : "");
    return store_hold_cxl_link(store_of(h), &held, &h->job->fault);
}

/* Whoever is told that the link is up has it back after a kill. */
static enum ide_err hold_up(struct hands *h)
{
    const struct pcie_bdf *root = &h->job->ends.bdf[END_ROOT_PORT];
    return store_set_cxl_link(store_of(h), root, HELD_UP, HELD_WANTED, &h->job->fault);
}

/* A unit that somebody enabled is somebody's. */
static enum ide_err prepare(struct hands *h)
{
    bool enabled, flit = pcie_flit_mode(&h->root.config);
    about(h, END_ROOT_PORT);
    TRY(cxl_unit_is_enabled(&h->unit, &enabled, &h->job->fault));
    if (enabled)
        return ide_fail(&h->job->fault, IDE_E_FOREIGN, "CXL key unit setup", "Link Encryption Enable");
    TRY(hold(h));
    h->touched = true;
    TRY(cxl_unit_set_mode(&h->unit, h->link->mode, &h->job->fault));
    TRY(cxl_ide_prepare(&h->port[END_ROOT_PORT], &h->port[END_ENDPOINT], flit, &h->job->fault));
    about(h, END_ENDPOINT);
    return cxl_ide_prepare(&h->port[END_ENDPOINT], &h->port[END_ROOT_PORT], flit, &h->job->fault);
}

/* The endpoint's keys, as far as it can forget them; what it cannot it forgets with the session. */
static enum ide_err stop_endpoint(struct hands *h, struct ide_fault *fault)
{
    TRY(need_same_session(h, fault));
    if (!(h->link->caps & CXL_IDE_CAPS_K_SET_STOP))
        return ide_fail(fault, IDE_E_CAPABILITY, "QUERY_RESP", "K_SET_STOP Capable");
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++) {
        struct cxl_ide_target target = at(d);
        TRY(spdm_port_settle(&h->agent->spdm, cxl_ide_km_set_stop(session_of(h), &target), fault));
    }
    return IDE_OK;
}

static void end_session(struct hands *h)
{
    if (!h->job->in_use)
        h->agent->provider.ops->close(h->agent->provider.context);
}

/* ---- orders -------------------------------------------------------------- */

/* Nothing of a failed establish stays; its own failure is the one to tell. What the endpoint does not let go
 * of, it forgets with the session. */
static enum ide_err take_back(struct hands *h, enum ide_err err)
{
    struct ide_fault ignored;
    struct pcie_bdf device = h->job->device;
    if (h->touched)
        (void)!stop_endpoint(h, &ignored);
    h->link->half_off = h->touched && cxl_unit_stop(&h->unit, &ignored) != IDE_OK;
    if (h->touched && !h->link->half_off)
        store_let_cxl_link_go(store_of(h), &h->job->ends.bdf[END_ROOT_PORT]);
    h->job->device = device;
    h->job->cxl->outcome =
        h->link->half_off ? "the link could not be turned off: try stop" : "the link is not encrypted";
    end_session(h);
    return err;
}

static enum ide_err establish(struct hands *h)
{
    enum ide_err err = open_all(h);
    if (err == IDE_OK)
        err = meet(h);
    if (err == IDE_OK)
        err = ask(h);
    if (err == IDE_OK)
        err = prepare(h);
    if (err == IDE_OK)
        err = new_keys(h);
    if (err == IDE_OK)
        err = hold_up(h);
    h->link->is_up = err == IDE_OK;
    return err == IDE_OK ? IDE_OK : take_back(h, err);
}

static bool both_are_active(const struct hands *h)
{
    struct ide_fault ignored;
    for (enum stream_end end = 0; end < END_COUNT; end++) {
        struct cxl_ide_state state;
        if (cxl_ide_read_state(&h->port[end], &state, &ignored) != IDE_OK ||
            !cxl_ide_is_active(&state, h->link->mode))
            return false;
    }
    return true;
}

static enum ide_err rekey(struct hands *h)
{
    enum ide_err err = open_all(h);
    if (err == IDE_OK)
        err = need_same_session(h, &h->job->fault);
    if (err == IDE_OK)
        err = new_keys(h);
    if (err == IDE_OK)
        h->link->rekeys++;
    else if (both_are_active(h))
        h->job->cxl->outcome =
            "the link goes on with its old keys; a key that waits in a port keeps new ones out "
            "until it is stopped and established again";
    else
        h->job->cxl->outcome = "the link is no longer encrypted: stop it and establish it again";
    return err;
}

/* The root port's end decides whether the link is off: without a transmitter there is nothing encrypted. */
static enum ide_err stop(struct hands *h)
{
    const struct pcie_bdf *root = &h->job->ends.bdf[END_ROOT_PORT];
    enum held_wish wish = h->job->forgets ? HELD_NOT_WANTED : HELD_AS_WAS;
    enum ide_err held = store_set_cxl_link(store_of(h), root, HELD_STOPPING, wish, &h->job->note);
    enum ide_err err = open_all(h);
    (void)held; /* that the wish is over cannot be written down is no reason to leave it on */
    h->job->has_note = stop_endpoint(h, &h->job->note) != IDE_OK;
    about(h, END_ROOT_PORT);
    if (err == IDE_OK)
        err = cxl_unit_stop(&h->unit, &h->job->fault);
    h->link->is_up = false;
    h->link->half_off = err != IDE_OK;
    if (err == IDE_OK)
        store_let_cxl_link_go(store_of(h), root);
    if (err != IDE_OK)
        h->job->cxl->outcome = "the link could not be turned off: try stop again";
    if (!h->job->has_note)
        h->job->device = h->job->ends.bdf[END_ROOT_PORT];
    else if (err == IDE_OK)
        h->job->device = h->job->ends.bdf[END_ENDPOINT];
    end_session(h);
    return err;
}

enum ide_err cxl_link_run(struct agent *agent, struct job *job)
{
    struct hands h = {.agent = agent, .job = job, .link = &job->cxl->link, .memory.fd = -1};
    enum ide_err err = IDE_OK;
    for (enum stream_end end = 0; end < END_COUNT; end++)
        h.port[end].memory.fd = -1;
    switch (job->cxl->action) {
    case CXL_ESTABLISH:
        err = establish(&h);
        break;
    case CXL_REKEY:
        err = rekey(&h);
        break;
    case CXL_STOP:
        err = stop(&h);
        break;
    }
    close_all(&h);
    return err;
}

/* ---- looking ------------------------------------------------------------- */

static bool look_at(struct pcie_access *access, const struct pcie_bdf *bdf, struct cxl_ide_state *state)
{
    struct ide_fault ignored;
    struct pcie_function function = {0};
    struct cxl_ide_port port = {.memory.fd = -1};
    char path[PATH_CAP];
    resource_path(access, bdf, path);
    bool ok = pcie_function_open(&function, access, bdf, &ignored) == IDE_OK &&
              cxl_ide_open(&port, &function.config, path, &ignored) == IDE_OK &&
              cxl_ide_read_state(&port, state, &ignored) == IDE_OK;
    cxl_ide_close(&port);
    pcie_function_close(&function);
    return ok;
}

void cxl_link_look(struct pcie_access *access, const struct stream_ends *ends, struct cxl_link_view *view)
{
    for (enum stream_end end = 0; end < END_COUNT; end++)
        view->readable[end] = look_at(access, &ends->bdf[end], &view->state[end]);
}
