/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A key configuration unit of CXL.cachemem (root_port/cxl_regs.h): one root port's
 * link. A key-valid bit makes the key that stands there the waiting one, the start
 * trigger sends IDE.Start; a receiver takes its key when IDE.Start comes. Keys read
 * as 0.
 */
#include "root_port/cxl_regs.h"
#include "spdm/cursor.h"
#include "tools/ide-emu/key_unit.h"

/* What keyed a link, instead of an SPDM session: no session ID of a responder has a half that is 0. */
#define UNIT_SESSION(u) (0xffff0000u - ((u)->number << 16))

static struct emu_function *port_of(const struct key_unit *u)
{
    return &u->emu->functions[u->desc.ports[0]];
}

static uint32_t reg(const struct key_unit *u, uint32_t at)
{
    return u->regs[at / 4];
}

static enum cxl_ide_mode mode_of(const struct key_unit *u)
{
    return field_get(CXL_KCU_CONFIG_MODE, reg(u, CXL_KCU_CONFIG)) == CXL_KCU_MODE_CONTAINMENT
               ? CXL_IDE_CONTAINMENT
               : CXL_IDE_SKID;
}

static void read_key(const struct key_unit *u, enum ide_direction d, struct cxl_ide_key *key)
{
    uint32_t at = d == IDE_TX ? CXL_KCU_TX_KEY : CXL_KCU_RX_KEY,
             iv = d == IDE_TX ? CXL_KCU_TX_IV : CXL_KCU_RX_IV;
    struct writer w = writer_of(key->key, sizeof key->key);
    for (unsigned i = 0; i < IDE_KEY_SIZE / 4; i++)
        write_u32(&w, reg(u, at + 4 * i));
    cxl_ide_default_iv(key->iv);
    for (unsigned i = 0; i < 8; i++)
        key->iv[CXL_IDE_IV_SIZE - 1 - i] = (uint8_t)(reg(u, iv + i / 4 * 4) >> (8 * (i % 4)));
    if (fault_is_on(&port_of(u)->faults, FAULT_KCU_SLOT))
        key->key[0] ^= 1;
}

static void arm(const struct key_unit *u, enum ide_direction d)
{
    struct emu_function *f = port_of(u);
    struct cxl_ide_key key;
    read_key(u, d, &key);
    if (f->cxl.way[d].waits && f->cxl.session == UNIT_SESSION(u))
        f->cxl.way[d].waits = false; /* a register takes what is written last */
    if (cxl_port_key_prog(f, UNIT_SESSION(u), d, &key, true) && d == IDE_RX)
        cxl_port_set_go(f, UNIT_SESSION(u), d, mode_of(u));
    wipe(&key, sizeof key);
}

static void write_control(const struct key_unit *u, uint32_t value, uint32_t was)
{
    struct emu_function *f = port_of(u);
    if (value & CXL_KCU_TX_INSECURE)
        cxl_port_set_stop(f, UNIT_SESSION(u), IDE_TX);
    if (value & CXL_KCU_RX_INSECURE)
        cxl_port_set_stop(f, UNIT_SESSION(u), IDE_RX);
    if (value & ~was & CXL_KCU_TX_VALID)
        arm(u, IDE_TX);
    if (value & ~was & CXL_KCU_RX_VALID)
        arm(u, IDE_RX);
    bool enabled = reg(u, CXL_KCU_CONFIG) & CXL_KCU_CONFIG_ENABLE;
    if (value & CXL_KCU_START && enabled && !fault_is_on(&f->faults, FAULT_KCU_NOT_READY))
        cxl_port_set_go(f, UNIT_SESSION(u), IDE_TX, mode_of(u));
}

static bool waits(const struct key_unit *u, enum ide_direction d)
{
    const struct emu_function *f = port_of(u);
    return f->cxl.way[d].waits && f->cxl.session == UNIT_SESSION(u);
}

uint32_t key_unit_cxl_read(const struct key_unit *u, uint32_t at)
{
    if (at == CXL_KCU_CONFIG)
        return reg(u, at);
    if (at != CXL_KCU_CONTROL)
        return 0;
    return (reg(u, at) & (CXL_KCU_TX_INSECURE | CXL_KCU_RX_INSECURE)) |
           (waits(u, IDE_TX) ? CXL_KCU_TX_VALID : 0) | (waits(u, IDE_RX) ? CXL_KCU_RX_VALID : 0);
}

void key_unit_cxl_write(struct key_unit *u, uint32_t at, uint32_t value)
{
    uint32_t was = key_unit_cxl_read(u, at);
    u->regs[at / 4] = value;
    if (at == CXL_KCU_CONTROL) {
        write_control(u, value, was);
    } else if (at == CXL_KCU_CONFIG && was & ~value & CXL_KCU_CONFIG_ENABLE) {
        cxl_port_set_stop(port_of(u), UNIT_SESSION(u), IDE_TX);
        cxl_port_set_stop(port_of(u), UNIT_SESSION(u), IDE_RX);
    }
}
