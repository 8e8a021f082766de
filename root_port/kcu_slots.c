/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "root_port/kcu_slots.h"

#include <string.h>

#include "root_port/pcie_config.h"
#include "root_port/pcie_regs.h"

static bool read_at(const struct kcu *unit, unsigned block, unsigned at, uint32_t *value)
{
    return unit->access.read32(unit->access.context, KCU_STREAM_0 + KCU_STREAM_SIZE * block + at, value) &&
           *value != PCIE_ALL_ONES;
}

static bool mark_slots(const struct kcu *unit, unsigned block, struct kcu_others *f)
{
    for (unsigned n = 0; n < IDE_DIRECTIONS * KCU_KEY_SETS; n++) {
        enum ide_direction direction = n < KCU_KEY_SETS ? IDE_TX : IDE_RX;
        uint32_t indices;
        if (!read_at(unit, block, KCU_TX_INDEX + 4 * n, &indices))
            return false;
        for (unsigned sub = 0; sub < IDE_SUBSTREAMS; sub++)
            f->slot[direction][indices >> (KCU_INDEX_BITS * sub) & KCU_INDEX_MASK] = true;
    }
    return true;
}

static bool look_at(const struct kcu *unit, unsigned block, struct kcu_others *f)
{
    uint32_t control;
    if (unit->stream[block].claimed)
        return true;
    if (!read_at(unit, block, KCU_CTL, &control))
        return false;
    if (!(control & KCU_CTL_EN))
        return true;
    f->stream[block] = true;
    f->id[field_get(KCU_CTL_ID, control)] = true;
    return mark_slots(unit, block, f);
}

enum ide_err kcu_look_for_others(struct kcu *unit, const char *step, struct ide_fault *fault)
{
    memset(&unit->others, 0, sizeof unit->others);
    for (unsigned i = 0; i < unit->streams; i++)
        if (!look_at(unit, i, &unit->others))
            return ide_fail(fault, IDE_E_IO, step, "stream block");
    return IDE_OK;
}

struct kcu_stream *kcu_find_stream(const struct kcu_port *port, uint8_t id)
{
    struct kcu *unit = port->unit;
    struct kcu_stream *found = NULL;
    pthread_mutex_lock(&unit->lock);
    for (unsigned i = 0; i < unit->streams && !found; i++) {
        struct kcu_stream *s = &unit->stream[i];
        if (s->claimed && s->id == id && pcie_bdf_compare(&s->port, &port->bdf) == 0)
            found = s;
    }
    pthread_mutex_unlock(&unit->lock);
    return found;
}

static bool id_is_taken(const struct kcu *unit, uint8_t id)
{
    for (unsigned i = 0; i < unit->streams; i++)
        if (unit->stream[i].claimed && unit->stream[i].id == id)
            return true;
    return false;
}

/* Lock held. */
static enum ide_err claim(struct kcu *unit, uint8_t id, const char *step, struct kcu_stream **out,
                          struct ide_fault *fault)
{
    enum ide_err err = kcu_look_for_others(unit, step, fault);
    if (err != IDE_OK)
        return err;
    if (unit->others.id[id] || id_is_taken(unit, id))
        return ide_fail(fault, IDE_E_STREAM_USED, step, "Stream ID");
    for (unsigned i = 0; i < unit->streams; i++)
        if (!unit->stream[i].claimed && !unit->others.stream[i]) {
            *out = &unit->stream[i];
            return IDE_OK;
        }
    return ide_fail(fault, IDE_E_RESOURCES, step, "stream block");
}

enum ide_err kcu_claim_stream(struct kcu_port *port, uint8_t id, const char *step, struct kcu_stream **out,
                              struct ide_fault *fault)
{
    pthread_mutex_lock(&port->unit->lock);
    enum ide_err err = claim(port->unit, id, step, out, fault);
    if (err == IDE_OK) {
        **out = (struct kcu_stream){.claimed = true, .port = port->bdf, .id = id};
        memset((*out)->slot, 0xff, sizeof(*out)->slot); /* KCU_NO_SLOT */
    }
    pthread_mutex_unlock(&port->unit->lock);
    return err;
}

void kcu_free_stream(struct kcu *unit, struct kcu_stream *s)
{
    pthread_mutex_lock(&unit->lock);
    s->claimed = false;
    pthread_mutex_unlock(&unit->lock);
}

/* Lock held. */
static int16_t take_slot(struct kcu *unit, enum ide_direction direction)
{
    for (unsigned i = 0; i < unit->slots[direction]; i++)
        if (!unit->slot_used[direction][i] && !unit->others.slot[direction][i]) {
            unit->slot_used[direction][i] = true;
            return (int16_t)i;
        }
    return KCU_NO_SLOT;
}

enum ide_err kcu_take_slot(struct kcu *unit, enum ide_direction direction, const char *step, int16_t *slot,
                           struct ide_fault *fault)
{
    pthread_mutex_lock(&unit->lock);
    *slot = take_slot(unit, direction);
    pthread_mutex_unlock(&unit->lock);
    if (*slot != KCU_NO_SLOT)
        return IDE_OK;
    return ide_fail(fault, IDE_E_RESOURCES, step, direction == IDE_TX ? "Tx key slot" : "Rx key slot");
}

void kcu_free_slot(struct kcu *unit, enum ide_direction direction, int16_t *slot)
{
    pthread_mutex_lock(&unit->lock);
    unit->slot_used[direction][*slot] = false;
    *slot = KCU_NO_SLOT;
    pthread_mutex_unlock(&unit->lock);
}
