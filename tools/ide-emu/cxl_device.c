/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/cxl_device.h"

#include "spdm/cursor.h"

static bool query(void *context, uint8_t port_index, struct cxl_ide_query_resp *out)
{
    struct emu_function *f = ((struct cxl_device *)context)->function;
    emu_lock(f->emu);
    bool ok = port_index == 0 && cxl_port_query(f, out);
    if (ok && fault_use(&f->faults, FAULT_WRONG_BDF))
        out->bus ^= 0x01;
    emu_unlock(f->emu);
    return ok;
}

static bool get_key(void *context, uint32_t session, uint8_t port_index, struct cxl_ide_key *out)
{
    struct cxl_device *d = context;
    struct emu_function *f = d->function;
    struct cxl_ide_key random;
    if (port_index != 0 || d->rng.random(d->rng.context, (uint8_t *)&random, sizeof random) != IDE_OK)
        return false;
    emu_lock(f->emu);
    bool ok = cxl_port_get_key(f, session, &random, out);
    emu_unlock(f->emu);
    wipe(&random, sizeof random);
    return ok;
}

/* An IV of the controller's counts only where the port can take one (§11.4.5). */
static bool key_prog(void *context, uint32_t session, const struct cxl_ide_target *target,
                     const struct cxl_ide_key *key, bool default_iv)
{
    struct emu_function *f = ((struct cxl_device *)context)->function;
    emu_lock(f->emu);
    bool ok = target->port_index == 0 && !fault_use(&f->faults, FAULT_KM_REFUSE) &&
              (default_iv || f->desc.cxl.iv_generation) &&
              cxl_port_key_prog(f, session, target->direction, key, !default_iv);
    emu_unlock(f->emu);
    return ok;
}

static bool set_go(void *context, uint32_t session, const struct cxl_ide_target *target,
                   enum cxl_ide_mode mode)
{
    struct emu_function *f = ((struct cxl_device *)context)->function;
    emu_lock(f->emu);
    bool ok = target->port_index == 0 && !fault_use(&f->faults, FAULT_GO_REFUSE) &&
              cxl_port_set_go(f, session, target->direction, mode);
    emu_unlock(f->emu);
    return ok;
}

static bool set_stop(void *context, uint32_t session, const struct cxl_ide_target *target)
{
    struct emu_function *f = ((struct cxl_device *)context)->function;
    emu_lock(f->emu);
    bool ok = target->port_index == 0 && f->desc.cxl.k_set_stop &&
              !fault_use(&f->faults, FAULT_STOP_REFUSE) && cxl_port_set_stop(f, session, target->direction);
    emu_unlock(f->emu);
    return ok;
}

static void forget(void *context, uint32_t session)
{
    struct emu_function *f = ((struct cxl_device *)context)->function;
    emu_lock(f->emu);
    cxl_port_session_end(f, session);
    emu_unlock(f->emu);
}

void cxl_device_attach(struct cxl_device *d, struct emu_function *f, const struct rng *rng,
                       struct session_responder *r)
{
    static const struct cxl_ide_port_ops ops = {query, get_key, key_prog, set_go, set_stop, forget};
    d->function = f;
    d->rng = *rng;
    d->responder.ops = &ops;
    d->responder.context = d;
    if (f->desc.cxl.present)
        cxl_ide_responder_attach(&d->responder, r);
}
