/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/ide_flow.h"

#include <stdlib.h>

#include "spdm/cursor.h"

#define SENT_MAX UINT8_MAX

_Static_assert((int)TLP_POSTED == (int)IDE_PR && (int)TLP_NON_POSTED == (int)IDE_NPR &&
                   (int)TLP_COMPLETION == (int)IDE_CPL,
               "an ordering class is a sub-stream");

struct flow_options flow_options_of(const struct port_stream *s, const struct config_space *config)
{
    uint32_t control = config_get32(config, s->control);
    return (struct flow_options){
        .stream_id = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_ID, control),
        .unit = {[IDE_PR] = 1u << field_get(PCIE_IDE_STREAM_CTL_TX_AGGR_PR, control),
                 [IDE_NPR] = 1u << field_get(PCIE_IDE_STREAM_CTL_TX_AGGR_NPR, control),
                 [IDE_CPL] = 1u << field_get(PCIE_IDE_STREAM_CTL_TX_AGGR_CPL, control)},
        .header_mode = (uint8_t)field_get(PCIE_IDE_STREAM_CTL_PART_ENC, control),
        .pcrc = control & PCIE_IDE_STREAM_CTL_PCRC_EN,
    };
}

static unsigned counter_of(unsigned substream)
{
    return substream == IDE_NPR ? COUNT_NPR : COUNT_CPL;
}

/* --- Sending -------------------------------------------------------------------------------------------- */

size_t flow_room(const struct port_stream *s, enum tlp_class class)
{
    const struct stream_flow *f = &s->flow;
    if (class == TLP_POSTED)
        return SENT_MAX - (f->sent[COUNT_NPR] > f->sent[COUNT_CPL] ? f->sent[COUNT_NPR] : f->sent[COUNT_CPL]);
    /* an escorted TLP stands right behind its Sync: nothing was counted since */
    unsigned i = counter_of(class);
    return f->escort[i] && !(f->sent[COUNT_NPR] == 0 && f->sent[COUNT_CPL] == 0 && f->fresh_sync) ? 0
                                                                                                  : SIZE_MAX;
}

void flow_make_sync(struct port_stream *s, struct tlp *message)
{
    message->message = TLP_MESSAGE_IDE_SYNC;
    for (unsigned i = 0; i < COUNTERS; i++) {
        message->info[i] = s->flow.sent[i];
        s->flow.escort[i] |= s->flow.sent[i] != 0;
        s->flow.sent[i] = 0;
    }
    s->flow.syncs_sent++;
    s->flow.fresh_sync = true;
}

/* A posted TLP is counted; another takes the count, or the number of the Sync before it. */
static void count_sent(struct stream_flow *flow, bool sync, struct ide_prefix *prefix)
{
    if (prefix->substream == IDE_PR) {
        for (unsigned i = 0; i < COUNTERS && !sync; i++)
            flow->sent[i]++;
        flow->fresh_sync &= sync;
        return;
    }
    unsigned i = counter_of(prefix->substream);
    prefix->escort = flow->escort[i];
    prefix->pr_sent = flow->escort[i] ? (uint8_t)flow->syncs_sent : flow->sent[i];
    flow->escort[i] = false;
    flow->sent[i] = 0;
}

static bool is_sync(const struct frame *frame)
{
    return tlp_is_message(frame->data[0]) && frame->data[7] == TLP_MESSAGE_IDE_SYNC;
}

static bool seal_unit(struct port_stream *s, const struct flow_options *o, unsigned substream,
                      struct frame *frames, size_t n)
{
    int set = s->transmit_set[substream];
    struct ide_key_slot *slot = set == IDE_TX_NONE ? NULL : &s->key[set][IDE_TX][substream];
    const struct aead_key *key = slot ? key_slot_schedule(slot) : NULL;
    /* The invocation field must not come round under one key (NIST SP 800-38D §8.3). */
    if (!key || slot->used == UINT64_MAX - slot->key.ifv)
        return false;
    struct ide_crypt c = {key, (uint8_t)substream, slot->key.ifv + slot->used, o->header_mode,
                          s->flow.syncs_sent};
    for (size_t i = 0; i < n; i++) {
        struct ide_prefix prefix = {.mac = i == n - 1,
                                    .key_set = set == 1,
                                    .trusted = o->trusted,
                                    .pcrc = o->pcrc && tlp_has_data(frames[i].data[0]),
                                    .substream = (uint8_t)substream,
                                    .stream_id = o->stream_id};
        count_sent(&s->flow, is_sync(&frames[i]), &prefix);
        ide_add_prefix(&frames[i], &prefix);
    }
    slot->used++;
    return ide_seal(&c, frames, n);
}

bool flow_seal(struct port_stream *s, const struct flow_options *o, enum tlp_class class,
               struct frame *frames, size_t n)
{
    while (n > 0) {
        size_t unit = n < o->unit[class] ? n : o->unit[class];
        if (!seal_unit(s, o, class, frames, unit))
            return false;
        frames += unit;
        n -= unit;
    }
    return true;
}

/* --- Receiving ------------------------------------------------------------------------------------------ */

const char *flow_result_text(enum flow_result result)
{
    switch (result) {
    case FLOW_OPENED:
        return "opened";
    case FLOW_WAITS:
        return "waits for its MAC";
    case FLOW_PCRC:
        return "PCRC check failed";
    case FLOW_NO_KEY:
        return "no key is started for it";
    case FLOW_OLD_KEY:
        return "it came under a key set that was left";
    case FLOW_SUBSTREAM:
        return "a TLP of this kind does not belong to its sub-stream";
    case FLOW_AGGREGATION:
        return "the aggregated unit is not well-formed";
    case FLOW_MAC:
        return "MAC check failed";
    case FLOW_PASSED:
        return "it passed a posted request";
    }
    return "unknown";
}

/*
 * The key of a TLP's K bit. A transmitter goes over to another key set once and does not come back until the
 * receiver has a new key there: a TLP under the set that was left is one that somebody held back
 * (CVE-2025-9614).
 */
static enum flow_result find_key(struct port_stream *s, const struct ide_prefix *p,
                                 struct ide_key_slot **slot)
{
    *slot = &s->key[p->key_set][IDE_RX][p->substream];
    if ((*slot)->retired)
        return FLOW_OLD_KEY;
    return (*slot)->programmed && (*slot)->started && key_slot_schedule(*slot) ? FLOW_OPENED : FLOW_NO_KEY;
}

/* Only once a TLP under the new set is authentic: else a forged K bit would retire a key. */
static void key_was_used(struct port_stream *s, const struct ide_prefix *p, struct ide_key_slot *slot)
{
    slot->used++;
    struct ide_key_slot *other = &s->key[!p->key_set][IDE_RX][p->substream];
    if (other->programmed && other->generation < slot->generation)
        other->retired = true;
}

static bool take_counts(struct stream_flow *flow, const struct frame *frame)
{
    struct tlp message;
    if (!tlp_decode(frame, &message))
        return false;
    for (unsigned i = 0; i < COUNTERS; i++) {
        if (flow->received[i] < message.info[i])
            return false;
        flow->received[i] -= message.info[i];
    }
    flow->syncs_received++;
    return true;
}

/* False: the TLP passed a posted one, or a count is past what can be right. */
static bool count_received(struct stream_flow *flow, const struct ide_prefix *p, uint64_t sync,
                           const struct frame *frame)
{
    if (p->substream == IDE_PR && is_sync(frame))
        return take_counts(flow, frame);
    if (p->substream == IDE_PR) {
        for (unsigned i = 0; i < COUNTERS; i++)
            if (flow->received[i]++ == UINT32_MAX)
                return false;
        return true;
    }
    unsigned i = counter_of(p->substream);
    if (p->escort)
        return sync <= flow->syncs_received;
    if (flow->received[i] < p->pr_sent)
        return false;
    flow->received[i] -= p->pr_sent;
    return true;
}

/* The Sync's whole number from its last byte: the greatest that has come. Another one fails the MAC, which
 * covers it. */
static uint64_t escort_number(const struct stream_flow *flow, uint8_t low)
{
    return flow->syncs_received - (uint8_t)((uint8_t)flow->syncs_received - low);
}

static enum flow_result open_unit(struct port_stream *s, const struct flow_options *o, struct frame *frames,
                                  size_t n, struct flow_opened *out)
{
    struct frame_parts p;
    struct ide_key_slot *slot;
    frame_split(frames[0].data, frames[0].len, &p);
    enum flow_result found = find_key(s, &p.prefix, &slot);
    if (found != FLOW_OPENED)
        return found;
    uint64_t sync = 0;
    for (size_t i = 0; i < n; i++)
        if (frame_split(frames[i].data, frames[i].len, &p) && p.prefix.escort)
            sync = escort_number(&s->flow, p.prefix.pr_sent);
    struct ide_crypt c = {slot->schedule, p.prefix.substream, slot->key.ifv + slot->used, o->header_mode,
                          sync};
    if (ide_open(&c, frames, n, &out->bad) == IDE_OPEN_FAILED)
        return FLOW_MAC;
    key_was_used(s, &p.prefix, slot);
    for (size_t i = 0; i < n; i++) {
        frame_split(frames[i].data, frames[i].len, &p);
        /* The stream has PCRC on: one that is not there is as bad as one that is wrong. */
        if (o->pcrc && p.payload_len && !p.pcrc)
            out->bad |= (uint8_t)(1u << i);
        out->frames[i] = frames[i];
        ide_remove_prefix(&out->frames[i]);
        if (!count_received(&s->flow, &p.prefix, sync, &out->frames[i]))
            return FLOW_PASSED;
    }
    out->count = n;
    out->trusted = p.prefix.trusted;
    return out->bad ? FLOW_PCRC : FLOW_OPENED;
}

static bool same_unit(const struct frame *first, const struct ide_prefix *next)
{
    struct frame_parts p;
    return frame_split(first->data, first->len, &p) && p.prefix.key_set == next->key_set &&
           p.prefix.trusted == next->trusted;
}

enum flow_result flow_open(struct port_stream *s, const struct flow_options *o, const struct frame *frame,
                           struct flow_opened *out)
{
    struct frame_parts p;
    *out = (struct flow_opened){0};
    if (!frame_split(frame->data, frame->len, &p) || !p.ide || p.prefix.substream >= IDE_SUBSTREAMS ||
        (unsigned)tlp_class_of(frame->data[p.header]) != p.prefix.substream)
        return FLOW_SUBSTREAM;
    if (!s->flow.pending && !(s->flow.pending = calloc(1, sizeof *s->flow.pending)))
        return FLOW_NO_KEY;
    struct frame *unit = s->flow.pending->unit[p.prefix.substream].frames;
    size_t *count = &s->flow.pending->unit[p.prefix.substream].count;
    if (*count > 0 && !same_unit(unit, &p.prefix))
        return FLOW_AGGREGATION;
    unit[(*count)++] = *frame;
    if (!p.prefix.mac)
        return *count == IDE_UNIT_MAX ? FLOW_AGGREGATION : FLOW_WAITS;
    size_t n = *count;
    *count = 0;
    return open_unit(s, o, unit, n, out);
}
