/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/key_unit.h"

#include <stdlib.h>
#include <string.h>

#include "spdm/cursor.h"
#include "tools/ide-emu/ide_link.h"
#include "tools/ide-emu/trace.h"

/* What keyed a stream, instead of an SPDM session: no session ID of a responder has a half that is 0. */
#define UNIT_SESSION(u) (0xffff0000u - ((u)->number << 16))

/* Registers of the two directions; [direction] */
static const unsigned control_at[] = {[IDE_RX] = KCU_RX_CTL, [IDE_TX] = KCU_TX_CTL};
static const unsigned index_at[] = {[IDE_RX] = KCU_RX_INDEX, [IDE_TX] = KCU_TX_INDEX};

/* A stream block and what it is about. */
struct unit_stream {
    struct key_unit *unit;
    uint32_t block;          /* offset */
    struct link_end end;     /* the stream at its root port, or nothing */
};

static uint32_t get(const struct key_unit *u, uint32_t offset)
{
    return u->regs[offset / 4];
}

/* ---- slots --------------------------------------------------------------- */

static unsigned slot_count(const struct key_unit *u, enum ide_direction direction)
{
    return direction == IDE_TX ? u->desc.tx_slots : u->desc.rx_slots;
}

static uint32_t slots_start(const struct key_unit *u, enum ide_direction direction)
{
    uint32_t start = KCU_STREAM_0 + KCU_STREAM_SIZE * u->desc.streams;
    return direction == IDE_TX ? start : start + u->desc.tx_slots * (KCU_KEY_SIZE + KCU_IV_SIZE);
}

static bool read_slot(const struct key_unit *u, enum ide_direction direction, unsigned slot, struct ide_key *key)
{
    if (slot >= slot_count(u, direction))
        return false;
    uint32_t at = slots_start(u, direction) + slot * KCU_KEY_SIZE;
    uint32_t iv = slots_start(u, direction) + slot_count(u, direction) * KCU_KEY_SIZE + slot * KCU_IV_SIZE;
    struct writer w = writer_of(key->key, sizeof key->key);
    for (unsigned n = KCU_KEY_SIZE / 4; n-- > 0;) {
        uint32_t dword = get(u, at + 4 * n);
        write_u8(&w, (uint8_t)(dword >> 24));
        write_u8(&w, (uint8_t)(dword >> 16));
        write_u8(&w, (uint8_t)(dword >> 8));
        write_u8(&w, (uint8_t)dword);
    }
    key->ifv = get(u, iv) | (uint64_t)get(u, iv + 4) << 32;
    return true;
}

unsigned key_unit_slots_in_use(const struct key_unit *u, enum ide_direction direction)
{
    static const struct ide_key nothing;
    unsigned used = 0;
    for (unsigned i = 0; i < slot_count(u, direction); i++) {
        struct ide_key key;
        if (read_slot(u, direction, i, &key))
            used += !equal_secret(key.key, nothing.key, sizeof key.key) || key.ifv != 0;
        wipe(&key, sizeof key);
    }
    return used;
}

/* ---- streams ------------------------------------------------------------- */

/* The one root port of the unit that has the Stream ID; two would be nobody. */
static struct link_end find_end(const struct key_unit *u, uint8_t id)
{
    struct link_end found = {NULL, NULL};
    for (size_t i = 0; i < u->desc.port_count; i++) {
        struct emu_function *f = &u->emu->functions[u->desc.ports[i]];
        struct port_stream *s = f->ide.cap ? stream_port_find(&f->ide, &f->config, id) : NULL;
        if (s && found.stream)
            return (struct link_end){NULL, NULL};
        if (s)
            found = (struct link_end){f, s};
    }
    return found;
}

static bool has_fault(const struct unit_stream *us, enum fault_id fault)
{
    return us->end.function && fault_is_on(&us->end.function->faults, fault);
}

static struct ide_km_target target_of(const struct unit_stream *us, unsigned set, enum ide_direction direction,
                                      unsigned substream)
{
    return (struct ide_km_target){.stream_id = (uint8_t)field_get(KCU_CTL_ID, get(us->unit, us->block + KCU_CTL)),
                                  .key_set = (uint8_t)set,
                                  .direction = direction,
                                  .substream = (enum ide_substream)substream};
}

static void program(const struct unit_stream *us, unsigned set, enum ide_direction direction)
{
    uint32_t indices = get(us->unit, us->block + index_at[direction] + 4 * set);
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS && us->end.stream; sub++) {
        struct ide_key key;
        struct ide_km_target target = target_of(us, set, direction, sub);
        if (!read_slot(us->unit, direction, indices >> (KCU_INDEX_BITS * sub) & KCU_INDEX_MASK, &key))
            continue;
        if (has_fault(us, FAULT_KCU_SLOT))
            key.key[0] ^= 1;
        /* one that is refused is missing, and the set does not get ready */
        (void)ide_link_key_prog(us->end.function, UNIT_SESSION(us->unit), &target, &key);
        wipe(&key, sizeof key);
    }
}

static void take_back(const struct unit_stream *us, unsigned set, enum ide_direction direction)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS && us->end.stream; sub++) {
        struct ide_km_target target = target_of(us, set, direction, sub);
        ide_link_set_stop(us->end.function, UNIT_SESSION(us->unit), &target);
    }
}

static bool is_ready(const struct unit_stream *us, unsigned set, enum ide_direction direction)
{
    const struct port_stream *s = us->end.stream;
    if (!s || s->session != UNIT_SESSION(us->unit) || has_fault(us, FAULT_KCU_NOT_READY) ||
        !(get(us->unit, us->block + control_at[direction]) & KCU_CTL_PRIME(set)))
        return false;
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        if (!s->key[set][direction][sub].programmed)
            return false;
    return true;
}

static void start(const struct unit_stream *us, unsigned set, enum ide_direction direction)
{
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS && us->end.stream; sub++) {
        struct ide_km_target target = target_of(us, set, direction, sub);
        const struct port_stream *s = us->end.stream;
        bool runs = s->key[set][direction][sub].started && (direction == IDE_RX || s->transmit_set[sub] == (int)set);
        if (!runs)
            ide_link_set_go(us->end.function, UNIT_SESSION(us->unit), &target);
    }
}

/* What the block's bits ask for and is not so yet. Receivers first: a transmitter's first TLP comes at once. */
static void apply(const struct unit_stream *us)
{
    uint32_t select = get(us->unit, us->block + KCU_TX_CTL) & KCU_TX_CTL_SELECT;
    if (!(get(us->unit, us->block + KCU_CTL) & KCU_CTL_EN))
        return;
    for (unsigned set = 0; set < IDE_KEY_SETS; set++)
        if (is_ready(us, set, IDE_RX) && is_ready(us, set, IDE_TX))
            start(us, set, IDE_RX);
    for (unsigned set = 0; set < IDE_KEY_SETS; set++)
        if (select == KCU_SELECT(set) && is_ready(us, set, IDE_TX) && !has_fault(us, FAULT_KCU_NO_CHANGE))
            start(us, set, IDE_TX);
}

/* ---- registers ----------------------------------------------------------- */

static uint32_t ready_bits(const struct unit_stream *us, enum ide_direction direction)
{
    uint32_t value = 0;
    for (unsigned set = 0; set < IDE_KEY_SETS; set++)
        if (is_ready(us, set, direction))
            value |= KCU_STS_READY(set);
    return value;
}

/* All three sub-streams on one key set, or changing over. */
static uint32_t transmit_status(const struct unit_stream *us)
{
    const struct port_stream *s = us->end.stream;
    uint32_t select = get(us->unit, us->block + KCU_TX_CTL) & KCU_TX_CTL_SELECT;
    if (!s || s->session != UNIT_SESSION(us->unit) || s->transmit_set[0] == IDE_TX_NONE)
        return 0;
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
        if (s->transmit_set[sub] < 0 || KCU_SELECT((uint32_t)s->transmit_set[sub]) != select)
            return KCU_CHANGING;
    return select;
}

static uint32_t read_register(struct unit_stream *us, uint32_t at)
{
    switch (at) {
    case KCU_TX_STS:
        return ready_bits(us, IDE_TX) | transmit_status(us);
    case KCU_RX_STS:
        return ready_bits(us, IDE_RX);
    default:
        return get(us->unit, us->block + at);
    }
}

static void write_direction(const struct unit_stream *us, enum ide_direction direction, uint32_t value)
{
    uint32_t *reg = &us->unit->regs[(us->block + control_at[direction]) / 4], was = *reg;
    uint32_t mask = KCU_CTL_PRIME(0) | KCU_CTL_PRIME(1) | (direction == IDE_TX ? KCU_TX_CTL_SELECT : 0);
    *reg = value & mask;
    for (unsigned set = 0; set < IDE_KEY_SETS; set++) {
        if (*reg & ~was & KCU_CTL_PRIME(set))
            program(us, set, direction);
        else if (was & ~*reg & KCU_CTL_PRIME(set))
            take_back(us, set, direction);
    }
    apply(us);
}

/* Disabling takes the keys back, as it does in a port's own register. */
static void write_control(const struct unit_stream *us, uint32_t value)
{
    uint32_t *reg = &us->unit->regs[(us->block + KCU_CTL) / 4];
    bool falls = *reg & ~value & KCU_CTL_EN;
    for (unsigned n = 0; falls && n < IDE_KEY_SETS * IDE_DIRECTIONS; n++)
        take_back(us, n / IDE_DIRECTIONS, (enum ide_direction)(n % IDE_DIRECTIONS));
    *reg = value & (KCU_CTL_EN | KCU_CTL_ID);
    if (!falls)
        apply(us);
}

static void write_register(struct unit_stream *us, uint32_t at, uint32_t value)
{
    switch (at) {
    case KCU_CTL:
        write_control(us, value);
        break;
    case KCU_TX_CTL:
        write_direction(us, IDE_TX, value);
        break;
    case KCU_RX_CTL:
        write_direction(us, IDE_RX, value);
        break;
    case KCU_TX_STS:
    case KCU_RX_STS:
        break;
    default:
        us->unit->regs[(us->block + at) / 4] = value;
    }
}

/* ---- memory -------------------------------------------------------------- */

static struct key_unit *unit_at(struct emu *emu, uint64_t address)
{
    for (size_t i = 0; i < emu->key_unit_count; i++) {
        struct key_unit *u = &emu->key_units[i];
        if (address % 4 == 0 && address >= u->desc.base && address - u->desc.base < u->size)
            return u;
    }
    return NULL;
}

static bool stream_at(struct key_unit *u, uint32_t offset, struct unit_stream *us, uint32_t *at)
{
    if (offset < KCU_STREAM_0 || offset >= slots_start(u, IDE_TX))
        return false;
    *at = (offset - KCU_STREAM_0) % KCU_STREAM_SIZE;
    us->unit = u;
    us->block = offset - *at;
    us->end = find_end(u, (uint8_t)field_get(KCU_CTL_ID, get(u, us->block + KCU_CTL)));
    return true;
}

/* A unit that hangs answers nobody. */
static bool is_dead(const struct key_unit *u)
{
    for (size_t i = 0; i < u->desc.port_count; i++)
        if (fault_is_on(&u->emu->functions[u->desc.ports[i]].faults, FAULT_KCU_DEAD))
            return true;
    return false;
}

bool key_units_read(struct emu *emu, uint64_t address, uint32_t *value)
{
    struct unit_stream us;
    uint32_t at;
    emu_lock(emu);
    struct key_unit *u = unit_at(emu, address);
    if (u && is_dead(u))
        *value = UINT32_MAX;
    else if (u && u->desc.cxl)
        *value = key_unit_cxl_read(u, (uint32_t)(address - u->desc.base));
    else if (u && stream_at(u, (uint32_t)(address - u->desc.base), &us, &at))
        *value = read_register(&us, at);
    else if (u)
        *value = address == u->desc.base ? get(u, KCU_CAP) : 0;
    emu_unlock(emu);
    return u != NULL;
}

bool key_units_write(struct emu *emu, uint64_t address, uint32_t value)
{
    struct unit_stream us;
    uint32_t at;
    emu_lock(emu);
    struct key_unit *u = unit_at(emu, address);
    uint32_t offset = u ? (uint32_t)(address - u->desc.base) : 0;
    if (u && !is_dead(u) && u->desc.cxl) {
        key_unit_cxl_write(u, offset, value);
    } else if (u && !is_dead(u)) {
        trace_unit(u, offset, value);
        if (stream_at(u, offset, &us, &at))
            write_register(&us, at, value);
        else if (offset != KCU_CAP)
            u->regs[offset / 4] = value;
    }
    emu_unlock(emu);
    return u != NULL;
}

bool key_unit_init(struct key_unit *u, struct emu *emu, const struct platform_kcu *desc, unsigned number)
{
    uint32_t capability = field_put(KCU_CAP_STREAMS, desc->streams - 1) |
                          field_put(KCU_CAP_TX_SLOTS, desc->tx_slots - 1) |
                          field_put(KCU_CAP_RX_SLOTS, desc->rx_slots - 1);
    *u = (struct key_unit){.emu = emu, .desc = *desc, .number = number, .size = platform_kcu_size(desc)};
    u->regs = calloc(1, u->size);
    if (u->regs && !desc->cxl)
        u->regs[KCU_CAP / 4] = capability;
    return u->regs != NULL;
}

void key_unit_free(struct key_unit *u)
{
    if (u->regs)
        wipe(u->regs, u->size);
    free(u->regs);
    *u = (struct key_unit){0};
}
