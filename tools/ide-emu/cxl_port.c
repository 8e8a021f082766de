/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/cxl_port.h"

#include <string.h>

#include "root_port/cxl_regs.h"
#include "spdm/cursor.h"
#include "tools/ide-emu/emu.h"

#define RAS_AT  0x100u /* another capability before it, as real components have */
#define IDE_AT  0x200u
#define NO_LINK NULL

/* DVSECs that software looks at (§8.1.3, §8.1.5, §8.1.8, §8.1.9); only their length and id count here. */
#define DVSEC_DEVICE_SIZE  0x3cu
#define DVSEC_PORTS_SIZE   0x28u
#define DVSEC_FLEXBUS_SIZE 0x20u
#define DVSEC_LOCATOR_SIZE 0x14u
#define DEVICE_CAP_IO_MEM  0x0006u

/* What this port needs between keys, in flits (§8.2.4.22.5). */
#define MIN_KEY_REFRESH      16u
#define MIN_TRUNCATION_DELAY 8u

/* --- registers ------------------------------------------------------------------------------------------ */

static uint64_t component_at(const struct emu_function *f)
{
    return f->desc.type == PCIE_TYPE_ROOT_PORT ? 0 : f->desc.bar_size - CXL_COMPONENT_SIZE;
}

static void put(struct emu_function *f, unsigned at, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                        (uint8_t)(value >> 24)};
    memory_write(&f->bar, component_at(f) + CXL_CACHEMEM + at, bytes, sizeof bytes);
}

static uint32_t get(const struct emu_function *f, unsigned at)
{
    uint8_t b[4];
    memory_read(&f->bar, component_at(f) + CXL_CACHEMEM + at, b, sizeof b);
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static uint32_t capability(const struct platform_cxl *cxl)
{
    return CXL_IDE_CAP_CAPABLE | (cxl->skid ? CXL_IDE_CAP_SKID : 0) |
           (cxl->containment ? CXL_IDE_CAP_CONTAINMENT : 0);
}

static void fill_registers(struct emu_function *f)
{
    put(f, 0,
        field_put(CXL_CAP_ID, CXL_CAP_ID_CXL) | field_put(CXL_CAP_VERSION, 1) |
            field_put(CXL_CAP_CACHEMEM_VERSION, 1) | field_put(CXL_CAP_ARRAY_SIZE, 2));
    put(f, 4,
        field_put(CXL_CAP_ID, CXL_CAP_ID_RAS) | field_put(CXL_CAP_VERSION, 2) |
            field_put(CXL_CAP_POINTER, RAS_AT));
    put(f, 8,
        field_put(CXL_CAP_ID, CXL_CAP_ID_IDE) | field_put(CXL_CAP_VERSION, 2) |
            field_put(CXL_CAP_POINTER, IDE_AT));
    put(f, IDE_AT + CXL_IDE_CAP, capability(&f->desc.cxl));
    put(f, IDE_AT + CXL_IDE_KEY_REFRESH_CAP, MIN_KEY_REFRESH);
    put(f, IDE_AT + CXL_IDE_KEY_REFRESH_CAP_2, MIN_KEY_REFRESH);
    put(f, IDE_AT + CXL_IDE_TRUNCATION_CAP, MIN_TRUNCATION_DELAY | MIN_TRUNCATION_DELAY << 8);
    put(f, IDE_AT + CXL_IDE_CTL, 0);
    put(f, IDE_AT + CXL_IDE_KEY_REFRESH_CTL, 0);
    put(f, IDE_AT + CXL_IDE_TRUNCATION_CTL, 0);
}

/* --- the link ------------------------------------------------------------------------------------------- */

static struct emu_function *below(struct emu_function *port)
{
    for (size_t i = 0; i < port->emu->count; i++) {
        struct emu_function *f = &port->emu->functions[i];
        if (f->parent == port && f->desc.type == PCIE_TYPE_ENDPOINT && f->desc.cxl.present)
            return f;
    }
    return NO_LINK;
}

/* The port at the other end, if it has CXL too. */
static struct emu_function *partner(struct emu_function *f)
{
    if (f->desc.type == PCIE_TYPE_ROOT_PORT)
        return below(f);
    return f->parent && f->parent->desc.cxl.present ? f->parent : NO_LINK;
}

static enum ide_direction opposite(enum ide_direction d)
{
    return d == IDE_TX ? IDE_RX : IDE_TX;
}

static bool same_key(const struct cxl_way *a, const struct cxl_way *b)
{
    return equal_secret(&a->key, &b->key, sizeof a->key) && a->mode == b->mode;
}

/* The way whose key decides: of a port that is bridged to an external responder the keys are unknown here,
 * and the other end alone decides. */
static const struct cxl_way *known_way(struct emu_function *f, enum ide_direction d)
{
    struct emu_function *other = partner(f);
    return f->bridged && other ? &other->cxl.way[opposite(d)] : &f->cxl.way[d];
}

static bool is_active(struct emu_function *f, enum ide_direction d)
{
    struct emu_function *other = partner(f);
    if (!other || (f->bridged && other->bridged) || fault_is_on(&f->faults, FAULT_STAYS_INSECURE))
        return false;
    const struct cxl_way *here = known_way(f, d), *there = known_way(other, opposite(d));
    return here->active && there->active && same_key(here, there);
}

static uint32_t status_of(struct emu_function *f, enum ide_direction d)
{
    if (!is_active(f, d))
        return CXL_IDE_STS_INSECURE;
    return known_way(f, d)->mode == CXL_IDE_CONTAINMENT ? CXL_IDE_STS_CONTAINMENT : CXL_IDE_STS_SKID;
}

static void show(struct emu_function *f)
{
    put(f, IDE_AT + CXL_IDE_STS,
        field_put(CXL_IDE_STS_RX, status_of(f, IDE_RX)) | field_put(CXL_IDE_STS_TX, status_of(f, IDE_TX)));
    put(f, IDE_AT + CXL_IDE_ERROR, f->cxl.error);
}

/* After any change of keys: both ends say what it comes to. */
static void settle(struct emu_function *f)
{
    struct emu_function *other = partner(f);
    show(f);
    if (other)
        show(other);
}

static void clear_way(struct cxl_way *way)
{
    wipe(way, sizeof *way);
}

/* The link falls to Insecure, and the port forgets its keys (§11.3.8). */
static void fail(struct emu_function *f, uint8_t error)
{
    f->cxl.error = error;
    clear_way(&f->cxl.way[IDE_RX]);
    clear_way(&f->cxl.way[IDE_TX]);
}

static void take_next(struct cxl_way *way)
{
    way->key = way->next;
    way->mode = way->next_mode;
    way->active = true;
    wipe(&way->next, sizeof way->next);
    way->waits = way->may_start = false;
}

/* IDE.Start: the first protected traffic follows at once, and shows whether the keys are the same. */
static void start(struct emu_function *f)
{
    struct emu_function *other = partner(f);
    struct cxl_way *tx = &f->cxl.way[IDE_TX], *rx = other ? &other->cxl.way[IDE_RX] : NULL;
    take_next(tx);
    if (!rx)
        return;
    if (other->bridged) { /* its IDE.Start cannot be seen, and is taken to come */
        if (f->cxl.way[IDE_RX].waits && f->cxl.way[IDE_RX].may_start)
            take_next(&f->cxl.way[IDE_RX]);
        return;
    }
    if (!rx->waits || !rx->may_start) {
        fail(other, CXL_ERROR_ESTABLISHMENT);
        return;
    }
    take_next(rx);
    if (!same_key(tx, rx))
        fail(other, CXL_ERROR_INTEGRITY);
}

/* --- keys
 * ---------------------------------------------------------------------------------------------------------
 */

static bool has_keys(const struct cxl_port *c)
{
    return c->way[IDE_RX].waits || c->way[IDE_RX].active || c->way[IDE_TX].waits || c->way[IDE_TX].active;
}

/* All keys of a port come from one session, what it offers too. */
static bool is_of_another(const struct cxl_port *c, uint32_t session)
{
    return (has_keys(c) || c->offered) && c->session != session;
}

bool cxl_port_query(const struct emu_function *f, struct cxl_ide_query_resp *out)
{
    const struct platform_cxl *cxl = &f->desc.cxl;
    *out = (struct cxl_ide_query_resp){.devfn = (uint8_t)pcie_bdf_rid(&f->desc.bdf),
                                       .bus = f->desc.bdf.bus,
                                       .caps = (uint8_t)(1 | (cxl->iv_generation ? CXL_IDE_CAPS_IV_GEN : 0) |
                                                         (cxl->key_generation ? CXL_IDE_CAPS_KEY_GEN : 0) |
                                                         (cxl->k_set_stop ? CXL_IDE_CAPS_K_SET_STOP : 0)),
                                       .block_len = CXL_IDE_SIZE};
    memory_read(&f->bar, component_at(f) + CXL_CACHEMEM + IDE_AT, out->blocks, out->block_len);
    return cxl->present;
}

bool cxl_port_get_key(struct emu_function *f, uint32_t session, const struct cxl_ide_key *random,
                      struct cxl_ide_key *out)
{
    static const uint8_t prefix[4] = {0x80};
    const struct platform_cxl *cxl = &f->desc.cxl;
    struct cxl_ide_key *offer = &f->cxl.offer;
    if ((!cxl->key_generation && !cxl->iv_generation) || is_of_another(&f->cxl, session))
        return false;
    wipe(offer, sizeof *offer);
    if (cxl->key_generation)
        memcpy(offer->key, random->key, sizeof offer->key);
    if (cxl->iv_generation)
        memcpy(offer->iv, random->iv, sizeof offer->iv);
    memcpy(offer->iv, prefix, sizeof prefix);
    f->cxl.offered = true;
    f->cxl.session = session;
    *out = *offer;
    return true;
}

/* What the port handed out for itself must come back as it was; the IV only if it was made to count
 * (§11.4.5). */
static bool is_as_offered(const struct emu_function *f, const struct cxl_ide_key *key, bool own_iv)
{
    const struct platform_cxl *cxl = &f->desc.cxl;
    const struct cxl_ide_key *offer = &f->cxl.offer;
    if (!f->cxl.offered)
        return true;
    return (!cxl->key_generation || equal_secret(key->key, offer->key, sizeof key->key)) &&
           (!cxl->iv_generation || !own_iv || equal_secret(key->iv, offer->iv, sizeof key->iv));
}

bool cxl_port_key_prog(struct emu_function *f, uint32_t session, enum ide_direction direction,
                       const struct cxl_ide_key *key, bool own_iv)
{
    struct cxl_port *c = &f->cxl;
    struct cxl_way *way = &c->way[direction];
    if (way->waits || is_of_another(c, session))
        return false;
    if (direction == IDE_TX && !is_as_offered(f, key, own_iv))
        return false;
    way->next = *key;
    if (!own_iv)
        cxl_ide_default_iv(way->next.iv);
    way->waits = true;
    way->may_start = false;
    c->session = session;
    if (direction == IDE_TX) {
        wipe(&c->offer, sizeof c->offer);
        c->offered = false;
    }
    return true;
}

static bool supports(const struct emu_function *f, enum cxl_ide_mode mode)
{
    return mode == CXL_IDE_CONTAINMENT ? f->desc.cxl.containment : f->desc.cxl.skid;
}

bool cxl_port_set_go(struct emu_function *f, uint32_t session, enum ide_direction direction,
                     enum cxl_ide_mode mode)
{
    struct cxl_way *way = &f->cxl.way[direction];
    if (!way->waits || f->cxl.session != session || !supports(f, mode))
        return false;
    way->next_mode = mode;
    way->may_start = true;
    if (direction == IDE_TX)
        start(f);
    settle(f);
    return true;
}

bool cxl_port_set_stop(struct emu_function *f, uint32_t session, enum ide_direction direction)
{
    if (is_of_another(&f->cxl, session))
        return false;
    clear_way(&f->cxl.way[direction]);
    settle(f);
    return true;
}

void cxl_port_session_end(struct emu_function *f, uint32_t session)
{
    if (!f->desc.cxl.present || f->cxl.session != session)
        return;
    cxl_port_wipe(f);
    settle(f);
}

/* --- life
 * ---------------------------------------------------------------------------------------------------------
 */

static unsigned add_dvsec(struct emu_function *f, uint16_t id, unsigned revision, unsigned size)
{
    unsigned at = config_add_ext_cap(&f->config, CXL_EXT_CAP_ID_DVSEC, 1, size);
    if (at == 0)
        return 0;
    config_put32(&f->config, at + CXL_DVSEC_HEADER_1, CXL_IDE_KM_VENDOR | revision << 16 | size << 20);
    config_put16(&f->config, at + CXL_DVSEC_ID, id);
    return at;
}

bool cxl_port_build(struct emu_function *f)
{
    bool port = f->desc.type == PCIE_TYPE_ROOT_PORT;
    if (!f->desc.cxl.present)
        return true;
    unsigned device = port ? add_dvsec(f, CXL_DVSEC_PORTS, 0, DVSEC_PORTS_SIZE)
                           : add_dvsec(f, CXL_DVSEC_DEVICE, 2, DVSEC_DEVICE_SIZE);
    unsigned flexbus = add_dvsec(f, CXL_DVSEC_FLEXBUS, 2, DVSEC_FLEXBUS_SIZE);
    unsigned locator = add_dvsec(f, CXL_DVSEC_LOCATOR, 0, DVSEC_LOCATOR_SIZE);
    if (!device || !flexbus || !locator)
        return false;
    if (!port)
        config_put16(&f->config, device + CXL_DVSEC_DEVICE_CAP, DEVICE_CAP_IO_MEM);
    uint64_t at = component_at(f);
    config_put32(&f->config, locator + CXL_LOCATOR_BLOCKS,
                 field_put(CXL_LOCATOR_BLOCK, CXL_LOCATOR_COMPONENT) | ((uint32_t)at & CXL_LOCATOR_OFFSET));
    config_put32(&f->config, locator + CXL_LOCATOR_BLOCKS + 4, (uint32_t)(at >> 32));
    fill_registers(f);
    show(f);
    return true;
}

void cxl_port_wipe(struct emu_function *f)
{
    wipe(&f->cxl, sizeof f->cxl);
}

void cxl_port_reset(struct emu_function *f)
{
    if (!f->desc.cxl.present)
        return;
    cxl_port_wipe(f);
    fill_registers(f);
    settle(f);
}

bool cxl_port_has(const struct emu_function *f, uint64_t offset)
{
    uint64_t at = component_at(f);
    return f->desc.cxl.present && offset >= at && offset - at < CXL_COMPONENT_SIZE;
}

static void write_register(struct emu_function *f, unsigned at, uint32_t value)
{
    switch (at) {
    case IDE_AT + CXL_IDE_CTL:
        put(f, at, value & CXL_IDE_CTL_PCRC_DISABLE);
        break;
    case IDE_AT + CXL_IDE_KEY_REFRESH_CTL:
        put(f, at, value);
        break;
    case IDE_AT + CXL_IDE_TRUNCATION_CTL:
        put(f, at, value & 0xff);
        break;
    case IDE_AT + CXL_IDE_ERROR:
        f->cxl.error &= (uint8_t)~value;
        put(f, at, f->cxl.error);
        break;
    default: /* all else is read-only or not there */
        break;
    }
}

/* Registers are written as whole dwords. */
void cxl_port_write(struct emu_function *f, uint64_t offset, const uint8_t *data, size_t n)
{
    uint64_t at = offset - component_at(f);
    struct reader r = reader_of(data, n);
    while (at % 4 == 0 && read_left(&r) >= 4) {
        uint32_t value = read_u32(&r, NULL);
        if (at >= CXL_CACHEMEM && at < CXL_CACHEMEM + CXL_CACHEMEM_SIZE)
            write_register(f, (unsigned)(at - CXL_CACHEMEM), value);
        at += 4;
    }
}

const char *cxl_port_state(struct emu_function *f, enum ide_direction direction)
{
    uint32_t value = get(f, IDE_AT + CXL_IDE_STS);
    uint32_t state = field_get(direction == IDE_TX ? CXL_IDE_STS_TX : CXL_IDE_STS_RX, value);
    return state == CXL_IDE_STS_CONTAINMENT ? "containment" : state == CXL_IDE_STS_SKID ? "skid" : "insecure";
}
