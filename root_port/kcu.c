/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/kcu.h"

#include <string.h>

#include "root_port/kcu_slots.h"
#include "root_port/pcie_config.h"
#include "root_port/pcie_regs.h"

#define STEP_OPEN   "KCU open"
#define STEP_KEY    "KCU key slot"
#define STEP_PRIME  "KCU prime"
#define STEP_SELECT "KCU key set select"
#define STEP_ENABLE "KCU enable"
#define STEP_ERASE  "KCU erase"

/* The programming guide, §3.3.2: TLPs under the old key set may be on their way for so long after a change.
 */
#define SETTLE_US 100000u

#define TRY(call)                                                                                            \
    do {                                                                                                     \
        enum ide_err try_err = (call);                                                                       \
        if (try_err != IDE_OK)                                                                               \
            return try_err;                                                                                  \
    } while (0)

/* Registers of the two directions are alike; [direction] */
static const unsigned control_at[] = {[IDE_RX] = KCU_RX_CTL, [IDE_TX] = KCU_TX_CTL};
static const unsigned status_at[] = {[IDE_RX] = KCU_RX_STS, [IDE_TX] = KCU_TX_STS};
static const unsigned index_at[] = {[IDE_RX] = KCU_RX_INDEX, [IDE_TX] = KCU_TX_INDEX};
static const char *const control_name[] = {[IDE_RX] = "Rx Control", [IDE_TX] = "Tx Control"};
static const char *const index_name[] = {[IDE_RX] = "Rx Key Set Indices", [IDE_TX] = "Tx Key Set Indices"};
static const char *const ready_name[KCU_KEY_SETS][IDE_DIRECTIONS] = {
    {[IDE_RX] = "Rx Key Set 0 Ready", [IDE_TX] = "Tx Key Set 0 Ready"},
    {[IDE_RX] = "Rx Key Set 1 Ready", [IDE_TX] = "Tx Key Set 1 Ready"},
};

/* ---- registers ----------------------------------------------------------- */

static uint32_t block_of(const struct kcu *unit, const struct kcu_stream *s)
{
    return KCU_STREAM_0 + KCU_STREAM_SIZE * (uint32_t)(s - unit->stream);
}

static enum ide_err read_block(const struct kcu *unit, const struct kcu_stream *s, unsigned at,
                               const char *step, uint32_t *value, struct ide_fault *fault)
{
    bool ok = unit->access.read32(unit->access.context, block_of(unit, s) + at, value);
    return ok && *value != PCIE_ALL_ONES ? IDE_OK : ide_fail(fault, IDE_E_IO, step, NULL);
}

static bool put_block(const struct kcu *unit, const struct kcu_stream *s, unsigned at, uint32_t value)
{
    return unit->access.write32(unit->access.context, block_of(unit, s) + at, value);
}

/* Writes a register and reads it back. */
static enum ide_err set_block(const struct kcu *unit, const struct kcu_stream *s, unsigned at, uint32_t value,
                              const char *const where[2], struct ide_fault *fault)
{
    uint32_t got;
    if (!put_block(unit, s, at, value))
        return ide_fail(fault, IDE_E_IO, where[0], where[1]);
    TRY(read_block(unit, s, at, where[0], &got, fault));
    return got == value ? IDE_OK : ide_fail_value(fault, IDE_E_REGISTER, where[0], where[1], got, value);
}
#define WHERE(step, name) ((const char *const[2]){step, name})

static uint32_t control_value(const struct kcu_stream *s)
{
    return field_put(KCU_CTL_ID, s->id) | (s->enabled ? KCU_CTL_EN : 0);
}

static uint32_t direction_value(const struct kcu_stream *s, enum ide_direction direction)
{
    uint32_t value = direction == IDE_TX ? s->selected : 0;
    for (unsigned set = 0; set < KCU_KEY_SETS; set++)
        if (s->primed[set][direction])
            value |= KCU_CTL_PRIME(set);
    return value;
}

uint32_t kcu_size(uint32_t capability)
{
    uint32_t slots = field_get(KCU_CAP_TX_SLOTS, capability) + field_get(KCU_CAP_RX_SLOTS, capability) + 2;
    return KCU_STREAM_0 + KCU_STREAM_SIZE * (field_get(KCU_CAP_STREAMS, capability) + 1) +
           slots * (KCU_KEY_SIZE + KCU_IV_SIZE);
}

enum ide_err kcu_open(struct kcu *unit, const struct kcu_access *access, struct ide_fault *fault)
{
    uint32_t capability;
    memset(unit, 0, sizeof *unit);
    pthread_mutex_init(&unit->lock, NULL);
    unit->access = *access;
    if (!access->read32(access->context, KCU_CAP, &capability) || capability == PCIE_ALL_ONES)
        return ide_fail(fault, IDE_E_IO, STEP_OPEN, "Stream Capability");
    unit->streams = field_get(KCU_CAP_STREAMS, capability) + 1;
    unit->slots[IDE_TX] = field_get(KCU_CAP_TX_SLOTS, capability) + 1;
    unit->slots[IDE_RX] = field_get(KCU_CAP_RX_SLOTS, capability) + 1;
    return IDE_OK;
}

void kcu_close(struct kcu *unit)
{
    pthread_mutex_destroy(&unit->lock);
}

/* ---- streams ------------------------------------------------------------- */

static enum ide_err need_stream(const struct kcu_port *port, uint8_t id, const char *step,
                                struct kcu_stream **out, struct ide_fault *fault)
{
    *out = kcu_find_stream(port, id);
    return *out ? IDE_OK : ide_fail(fault, IDE_E_STATE, step, "stream");
}

/* A block as it comes may hold anything: an owner that died left it so. */
static enum ide_err clear_block(const struct kcu *unit, struct kcu_stream *s, struct ide_fault *fault)
{
    static const unsigned registers[] = {KCU_TX_CTL,       KCU_RX_CTL,   KCU_TX_INDEX,
                                         KCU_TX_INDEX + 4, KCU_RX_INDEX, KCU_RX_INDEX + 4};
    for (size_t i = 0; i < sizeof registers / sizeof *registers; i++)
        if (!put_block(unit, s, registers[i], 0))
            return ide_fail(fault, IDE_E_IO, STEP_KEY, "stream block");
    return set_block(unit, s, KCU_CTL, control_value(s), WHERE(STEP_KEY, "Stream Control"), fault);
}

static enum ide_err claim(struct kcu_port *port, uint8_t id, struct kcu_stream **out, struct ide_fault *fault)
{
    *out = kcu_find_stream(port, id);
    if (*out)
        return IDE_OK;
    return kcu_claim_stream(port, id, STEP_KEY, out, fault);
}

static enum ide_err need_clear(const struct kcu *unit, struct kcu_stream *s, struct ide_fault *fault)
{
    enum ide_err err = s->cleared ? IDE_OK : clear_block(unit, s, fault);
    s->cleared = err == IDE_OK;
    return err;
}

static bool holds_keys(const struct kcu_stream *s)
{
    for (unsigned set = 0; set < KCU_KEY_SETS; set++)
        for (unsigned d = 0; d < IDE_DIRECTIONS; d++)
            for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
                if (s->slot[set][d][sub] != KCU_NO_SLOT)
                    return true;
    return false;
}

/* ---- keys ---------------------------------------------------------------- */

static bool target_exists(const struct ide_km_target *t)
{
    return t->key_set < KCU_KEY_SETS && (unsigned)t->direction < IDE_DIRECTIONS &&
           (unsigned)t->substream < IDE_SUBSTREAMS;
}

/* Offset of a key slot; its IV slot is behind all key slots of the direction. */
static uint32_t slot_offset(const struct kcu *unit, enum ide_direction direction, unsigned slot, uint32_t *iv)
{
    uint32_t base = KCU_STREAM_0 + KCU_STREAM_SIZE * unit->streams;
    if (direction == IDE_RX)
        base += unit->slots[IDE_TX] * (KCU_KEY_SIZE + KCU_IV_SIZE);
    *iv = base + unit->slots[direction] * KCU_KEY_SIZE + slot * KCU_IV_SIZE;
    return base + slot * KCU_KEY_SIZE;
}

static uint32_t key_dword(const struct ide_key *key, unsigned n)
{
    const uint8_t *p = key->key + IDE_KEY_SIZE - 4 * (size_t)(n + 1);
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool write_slot(const struct kcu *unit, enum ide_direction direction, unsigned slot,
                       const struct ide_key *key)
{
    const struct kcu_access *a = &unit->access;
    uint32_t iv, at = slot_offset(unit, direction, slot, &iv);
    bool ok = true;
    for (unsigned n = 0; n < KCU_KEY_SIZE / 4; n++)
        ok &= a->write32(a->context, at + 4 * n, key_dword(key, n));
    ok &= a->write32(a->context, iv, (uint32_t)key->ifv);
    ok &= a->write32(a->context, iv + 4, (uint32_t)(key->ifv >> 32));
    return ok;
}

/* Leaves a block that has got no key in the end as it was found. */
static void drop_empty(struct kcu *unit, struct kcu_stream *s)
{
    if (!holds_keys(s) && put_block(unit, s, KCU_CTL, 0))
        kcu_free_stream(unit, s);
}

static enum ide_err unprime(const struct kcu_port *port, struct kcu_stream *s, uint8_t set,
                            enum ide_direction d, struct ide_fault *fault);

/* What a primed set names must not change under it, unless it is one that was left and could not be taken
 * back: then it is done now. */
static enum ide_err need_idle_set(const struct kcu_port *port, struct kcu_stream *s,
                                  const struct ide_km_target *target, struct ide_fault *fault)
{
    if (!s->primed[target->key_set][target->direction])
        return IDE_OK;
    if (s->selected != KCU_SELECT(!target->key_set))
        return ide_fail(fault, IDE_E_STATE, STEP_KEY, control_name[target->direction]);
    return unprime(port, s, target->key_set, target->direction, fault);
}

/* Takes the slots that the set lacks; *taken says which. */
static enum ide_err take_slots(struct kcu *unit, int16_t slot[IDE_DIRECTIONS][IDE_SUBSTREAMS],
                               bool taken[IDE_DIRECTIONS][IDE_SUBSTREAMS], struct ide_fault *fault)
{
    enum ide_err err = IDE_OK;
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS && err == IDE_OK; sub++)
            if (slot[d][sub] == KCU_NO_SLOT) {
                err = kcu_take_slot(unit, d, STEP_KEY, &slot[d][sub], fault);
                taken[d][sub] = err == IDE_OK;
            }
    return err;
}

static void give_slots_back(struct kcu *unit, int16_t slot[IDE_DIRECTIONS][IDE_SUBSTREAMS],
                            bool taken[IDE_DIRECTIONS][IDE_SUBSTREAMS])
{
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            if (taken[d][sub])
                kcu_free_slot(unit, d, &slot[d][sub]);
}

static bool set_has_slots(const struct kcu_stream *s, uint8_t set)
{
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            if (s->slot[set][d][sub] != KCU_NO_SLOT)
                return true;
    return false;
}

static bool set_is_whole(const struct kcu_stream *s, uint8_t set)
{
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            if (s->slot[set][d][sub] == KCU_NO_SLOT)
                return false;
    return true;
}

enum ide_err kcu_reserve(struct kcu_port *port, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    bool taken[IDE_DIRECTIONS][IDE_SUBSTREAMS] = {0};
    struct kcu *unit = port->unit;
    struct kcu_stream *s;
    if (key_set >= KCU_KEY_SETS)
        return ide_fail(fault, IDE_E_ARGUMENT, STEP_KEY, NULL);
    TRY(claim(port, stream_id, &s, fault));
    if (set_is_whole(s, key_set))
        return IDE_OK;
    enum ide_err err = take_slots(unit, s->slot[key_set], taken, fault);
    if (err == IDE_OK && unit->journal.hold)
        err = unit->journal.hold(unit->journal.context, port, (unsigned)(s - unit->stream), s, key_set, fault);
    if (err == IDE_OK)
        return IDE_OK;
    give_slots_back(unit, s->slot[key_set], taken);
    if (!holds_keys(s))
        kcu_free_stream(unit, s);
    return err;
}

enum ide_err kcu_write_key(struct kcu_port *port, const struct ide_km_target *target,
                           const struct ide_key *key, struct ide_fault *fault)
{
    struct kcu_stream *s;
    if (!target_exists(target))
        return ide_fail(fault, IDE_E_ARGUMENT, STEP_KEY, NULL);
    TRY(claim(port, target->stream_id, &s, fault));
    TRY(need_clear(port->unit, s, fault));
    int16_t *slot = &s->slot[target->key_set][target->direction][target->substream];
    enum ide_err err = need_idle_set(port, s, target, fault);
    if (err == IDE_OK && *slot == KCU_NO_SLOT)
        err = kcu_take_slot(port->unit, target->direction, STEP_KEY, slot, fault);
    if (err == IDE_OK && !write_slot(port->unit, target->direction, (unsigned)*slot, key))
        err = ide_fail(fault, IDE_E_IO, STEP_KEY, NULL);
    if (err != IDE_OK)
        drop_empty(port->unit, s);
    return err;
}

/* ---- priming ------------------------------------------------------------- */

static enum ide_err write_indices(const struct kcu *unit, struct kcu_stream *s, uint8_t set,
                                  enum ide_direction d, struct ide_fault *fault)
{
    uint32_t value = 0;
    for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
        if (s->slot[set][d][sub] == KCU_NO_SLOT)
            return ide_fail(fault, IDE_E_STATE, STEP_PRIME, index_name[d]);
        value |= (uint32_t)s->slot[set][d][sub] << (KCU_INDEX_BITS * sub);
    }
    return set_block(unit, s, index_at[d] + 4u * set, value, WHERE(STEP_PRIME, index_name[d]), fault);
}

/* Waits until the masked bits of a status register have the value. */
static enum ide_err await_status(const struct kcu_port *port, const struct kcu_stream *s, unsigned at,
                                 const uint32_t want[2], const char *const where[2], struct ide_fault *fault)
{
    struct bounded_wait wait = wait_start(port->wait, port->timeout_ms);
    for (;;) {
        uint32_t status;
        TRY(read_block(port->unit, s, at, where[0], &status, fault));
        if ((status & want[0]) == want[1])
            return IDE_OK;
        enum ide_err err = wait_pause(&wait);
        if (err != IDE_OK)
            return ide_fail_value(fault, err, where[0], where[1], status & want[0], want[1]);
    }
}

static enum ide_err prime(const struct kcu_port *port, struct kcu_stream *s, uint8_t set,
                          enum ide_direction d, struct ide_fault *fault)
{
    uint32_t ready = KCU_STS_READY(set);
    TRY(write_indices(port->unit, s, set, d, fault));
    s->primed[set][d] = true; /* also if the write fails: it is to be undone */
    if (!put_block(port->unit, s, control_at[d], direction_value(s, d)))
        return ide_fail(fault, IDE_E_IO, STEP_PRIME, control_name[d]);
    return await_status(port, s, status_at[d], (const uint32_t[2]){ready, ready},
                        WHERE(STEP_PRIME, ready_name[set][d]), fault);
}

enum ide_err kcu_prime(struct kcu_port *port, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    struct kcu_stream *s;
    TRY(need_stream(port, stream_id, STEP_PRIME, &s, fault));
    if (key_set >= KCU_KEY_SETS)
        return ide_fail(fault, IDE_E_ARGUMENT, STEP_PRIME, NULL);
    TRY(prime(port, s, key_set, IDE_TX, fault));
    return prime(port, s, key_set, IDE_RX, fault);
}

bool kcu_is_ready(struct kcu_port *port, uint8_t stream_id, uint8_t key_set, enum ide_direction direction)
{
    struct ide_fault fault;
    uint32_t status;
    const struct kcu_stream *s = kcu_find_stream(port, stream_id);
    return s && key_set < KCU_KEY_SETS && s->primed[key_set][direction] &&
           read_block(port->unit, s, status_at[direction], STEP_PRIME, &status, &fault) == IDE_OK &&
           (status & KCU_STS_READY(key_set));
}

/* ---- use ----------------------------------------------------------------- */

/* Nothing is sent before the stream is enabled, so nothing changes over. */
static enum ide_err is_in_use(const struct kcu_port *port, const struct kcu_stream *s, uint8_t select,
                              bool *yes, struct ide_fault *fault)
{
    uint32_t status;
    *yes = s->selected == select;
    if (!*yes || !s->enabled)
        return IDE_OK;
    TRY(read_block(port->unit, s, KCU_TX_STS, STEP_SELECT, &status, fault));
    *yes = (status & KCU_TX_STS_SET) == select;
    return IDE_OK;
}

static enum ide_err write_select(const struct kcu_port *port, struct kcu_stream *s, uint8_t select,
                                 struct ide_fault *fault)
{
    uint8_t was = s->selected;
    s->selected = select;
    s->selected_us = port->wait->now_us(port->wait->context);
    enum ide_err err = set_block(port->unit, s, KCU_TX_CTL, direction_value(s, IDE_TX),
                                 WHERE(STEP_SELECT, control_name[IDE_TX]), fault);
    if (err != IDE_OK)
        s->selected = was; /* to be tried again */
    return err;
}

/* A unit that did not change over when it was told is told again: it may go by writes alone. */
enum ide_err kcu_select(struct kcu_port *port, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault)
{
    bool in_use;
    struct kcu_stream *s;
    TRY(need_stream(port, stream_id, STEP_SELECT, &s, fault));
    if (key_set >= KCU_KEY_SETS || !s->primed[key_set][IDE_TX])
        return ide_fail(fault, IDE_E_STATE, STEP_SELECT, control_name[IDE_TX]);
    uint8_t select = (uint8_t)KCU_SELECT(key_set);
    TRY(is_in_use(port, s, select, &in_use, fault));
    if (in_use)
        return IDE_OK;
    TRY(write_select(port, s, select, fault));
    if (!s->enabled)
        return IDE_OK;
    TRY(await_status(port, s, KCU_TX_STS, (const uint32_t[2]){KCU_TX_STS_SET, select},
                     WHERE(STEP_SELECT, "Key Set Status"), fault));
    s->selected_us = port->wait->now_us(port->wait->context); /* the old keys were sent under until now */
    return IDE_OK;
}

enum ide_err kcu_enable(struct kcu_port *port, uint8_t stream_id, bool on, struct ide_fault *fault)
{
    struct kcu_stream *s = kcu_find_stream(port, stream_id);
    if (!s || s->enabled == on)
        return s || !on ? IDE_OK : ide_fail(fault, IDE_E_STATE, STEP_ENABLE, "stream");
    bool was = s->enabled;
    s->enabled = on;
    enum ide_err err =
        set_block(port->unit, s, KCU_CTL, control_value(s), WHERE(STEP_ENABLE, "Stream Control"), fault);
    if (err != IDE_OK)
        s->enabled = on || was; /* it may be on: to be tried again */
    return err;
}

/* ---- erasing ------------------------------------------------------------- */

/* In a stream that goes on, nothing under the old keys may be on its way. */
static void let_settle(const struct kcu_port *port, const struct kcu_stream *s)
{
    uint64_t until = s->selected_us + SETTLE_US, now;
    while (s->enabled && (now = port->wait->now_us(port->wait->context)) < until)
        port->wait->sleep_us(port->wait->context, (uint32_t)(until - now));
}

static enum ide_err unprime(const struct kcu_port *port, struct kcu_stream *s, uint8_t set,
                            enum ide_direction d, struct ide_fault *fault)
{
    if (!s->primed[set][d])
        return IDE_OK;
    let_settle(port, s);
    s->primed[set][d] = false;
    if (d == IDE_TX && s->selected == KCU_SELECT(set))
        s->selected = 0;
    enum ide_err err = set_block(port->unit, s, control_at[d], direction_value(s, d),
                                 WHERE(STEP_ERASE, control_name[d]), fault);
    if (err == IDE_OK)
        err = set_block(port->unit, s, index_at[d] + 4u * set, 0, WHERE(STEP_ERASE, index_name[d]), fault);
    if (err != IDE_OK)
        s->primed[set][d] = true; /* to be tried again */
    return err;
}

enum ide_err kcu_erase(struct kcu_port *port, const struct ide_km_target *target, struct ide_fault *fault)
{
    static const struct ide_key nothing;
    uint32_t control;
    struct kcu_stream *s = kcu_find_stream(port, target->stream_id);
    if (!s || !target_exists(target))
        return IDE_OK;
    int16_t *slot = &s->slot[target->key_set][target->direction][target->substream];
    if (*slot == KCU_NO_SLOT)
        return IDE_OK;
    TRY(unprime(port, s, target->key_set, target->direction, fault));
    if (!write_slot(port->unit, target->direction, (unsigned)*slot, &nothing))
        return ide_fail(fault, IDE_E_IO, STEP_ERASE, NULL);
    /* Writes to a unit that hangs are lost without a word, and a slot need not show what is in it. */
    TRY(read_block(port->unit, s, KCU_CTL, STEP_ERASE, &control, fault));
    kcu_free_slot(port->unit, target->direction, slot);
    if (port->unit->journal.let_go && !set_has_slots(s, target->key_set))
        port->unit->journal.let_go(port->unit->journal.context, port, s->id, target->key_set);
    drop_empty(port->unit, s);
    return IDE_OK;
}

/* ---- what a dead owner left -------------------------------------------------- */

static enum ide_err clear_slots(struct kcu *unit, const struct kcu_remains *r, struct ide_fault *fault)
{
    static const struct ide_key nothing;
    for (enum ide_direction d = IDE_RX; d <= IDE_TX; d++)
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++) {
            int slot = r->slot[d][sub];
            if (slot < 0 || slot >= (int)unit->slots[d] || unit->others.slot[d][slot])
                continue;
            if (!write_slot(unit, d, (unsigned)slot, &nothing))
                return ide_fail(fault, IDE_E_IO, STEP_ERASE, NULL);
        }
    return IDE_OK;
}

/* Off first; then nothing in it is primed or named. */
static enum ide_err clear_remaining_block(struct kcu *unit, const struct kcu_remains *r, struct ide_fault *fault)
{
    uint32_t control;
    struct kcu_stream *s = &unit->stream[r->block];
    TRY(read_block(unit, s, KCU_CTL, STEP_ERASE, &control, fault));
    if (field_get(KCU_CTL_ID, control) != r->stream_id)
        return IDE_OK; /* somebody else's by now */
    *s = (struct kcu_stream){.id = r->stream_id};
    TRY(set_block(unit, s, KCU_CTL, control_value(s), WHERE(STEP_ERASE, "Stream Control"), fault));
    s->id = 0;
    return clear_block(unit, s, fault);
}

enum ide_err kcu_clear_remains(struct kcu *unit, const struct kcu_remains *remains, struct ide_fault *fault)
{
    uint32_t capability;
    if (remains->block >= unit->streams)
        return ide_fail(fault, IDE_E_ARGUMENT, STEP_ERASE, "stream block");
    TRY(clear_remaining_block(unit, remains, fault));
    TRY(kcu_look_for_others(unit, STEP_ERASE, fault));
    TRY(clear_slots(unit, remains, fault));
    /* writes to a unit that hangs are lost without a word */
    bool ok = unit->access.read32(unit->access.context, KCU_CAP, &capability) && capability != PCIE_ALL_ONES;
    return ok ? IDE_OK : ide_fail(fault, IDE_E_IO, STEP_ERASE, "Stream Capability");
}

static void release_stream(struct kcu_port *port, uint8_t id)
{
    struct ide_fault fault;
    enum ide_err err = kcu_enable(port, id, false, &fault);
    for (unsigned n = 0; n < KCU_KEY_SETS * IDE_DIRECTIONS * IDE_SUBSTREAMS && err == IDE_OK; n++) {
        struct ide_km_target target = {.stream_id = id,
                                       .key_set = (uint8_t)(n % KCU_KEY_SETS),
                                       .direction = (enum ide_direction)(n / KCU_KEY_SETS % IDE_DIRECTIONS),
                                       .substream = (enum ide_substream)(n / KCU_KEY_SETS / IDE_DIRECTIONS)};
        err = kcu_erase(port, &target, &fault);
    }
}

void kcu_release(struct kcu_port *port)
{
    for (unsigned id = 0; id <= UINT8_MAX; id++)
        if (kcu_find_stream(port, (uint8_t)id))
            release_stream(port, (uint8_t)id);
}
