/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/adversary.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    enum attack attack;
    const char *name;
    bool takes_value;
} attacks[] = {
#define ATTACK_ROW(constant, name, value) {constant, name, value},
    ADVERSARY_ATTACKS(ATTACK_ROW)
#undef ATTACK_ROW
};

static const struct {
    enum victim victim;
    const char *name;
} victims[] = {
    {VICTIM_ALL, "all"}, {VICTIM_IDE, "ide"}, {VICTIM_PR, "pr"},
    {VICTIM_NPR, "npr"}, {VICTIM_CPL, "cpl"}, {VICTIM_CLEAR, "clear"},
};

static bool parse_number(const char *text, uint32_t *value)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    *value = (uint32_t)number;
    return *text >= '0' && *text <= '9' && *end == '\0' && number <= UINT32_MAX;
}

bool adversary_parse_attack(const char *text, struct adversary *a)
{
    size_t len = strcspn(text, "=");
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        if (strlen(attacks[i].name) != len || strncmp(text, attacks[i].name, len) != 0)
            continue;
        a->attack = attacks[i].attack;
        a->value = 0;
        return attacks[i].takes_value ? text[len] == '=' && parse_number(text + len + 1, &a->value)
                                      : !text[len];
    }
    return false;
}

bool adversary_parse_victim(const char *text, enum victim *victim)
{
    for (size_t i = 0; i < sizeof victims / sizeof victims[0]; i++)
        if (strcmp(text, victims[i].name) == 0) {
            *victim = victims[i].victim;
            return true;
        }
    return false;
}

static bool is_victim(enum victim victim, const struct frame *frame)
{
    struct frame_parts p;
    if (victim == VICTIM_ALL)
        return true;
    if (!frame_split(frame->data, frame->len, &p))
        return false;
    if (victim == VICTIM_CLEAR)
        return !p.ide && !tlp_is_config(frame->data[0]);
    return p.ide && (victim == VICTIM_IDE || (unsigned)(victim - VICTIM_PR) == p.prefix.substream);
}

static void put(struct adversary_output *out, const struct frame *frame)
{
    if (out->count < sizeof out->frames / sizeof out->frames[0])
        out->frames[out->count++] = *frame;
}

static void hold(struct adversary *a, const struct frame *frame, uint32_t wait)
{
    if (!a->held)
        a->held = calloc(ADVERSARY_FRAMES, sizeof *a->held);
    if (a->held && a->held_count < ADVERSARY_FRAMES)
        a->held[a->held_count++] = (struct held_frame){*frame, wait};
}

static void record(struct adversary *a, const struct frame *frame)
{
    if (!a->recorded)
        a->recorded = calloc(ADVERSARY_FRAMES, sizeof *a->recorded);
    if (a->recorded && a->recorded_count < ADVERSARY_FRAMES)
        a->recorded[a->recorded_count++] = *frame;
}

static void flip(const struct adversary *a, struct frame *frame)
{
    size_t bit = a->value % (frame->len * 8u);
    frame->data[bit / 8] ^= (uint8_t)(0x80u >> bit % 8);
}

static void rename_stream(const struct adversary *a, struct frame *frame)
{
    struct frame_parts p;
    if (frame_split(frame->data, frame->len, &p) && p.ide) {
        p.prefix.stream_id = (uint8_t)a->value;
        ide_prefix_encode(&p.prefix, frame->data);
    }
}

/* A frame has passed: those that waited for it go. */
static void let_go(struct adversary *a, struct adversary_output *out, size_t passed)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->held_count; i++) {
        struct held_frame *h = &a->held[i];
        if (h->wait != ADVERSARY_FOREVER)
            h->wait -= h->wait < passed ? h->wait : (uint32_t)passed;
        if (h->wait == 0)
            put(out, &h->frame);
        else
            a->held[kept++] = *h;
    }
    a->held_count = kept;
}

static void strike(struct adversary *a, const struct frame *frame, struct adversary_output *out)
{
    struct frame altered = *frame;
    switch (a->attack) {
    case ATTACK_NONE:
        break;
    case ATTACK_DROP:
        return;
    case ATTACK_HOLD:
        hold(a, frame, ADVERSARY_FOREVER);
        return;
    case ATTACK_DELAY:
        hold(a, frame, a->value ? a->value : 1);
        return;
    case ATTACK_REORDER:
        hold(a, frame, 1);
        return;
    case ATTACK_REPLAY:
        put(out, frame);
        break;
    case ATTACK_FLIP:
        flip(a, &altered);
        break;
    case ATTACK_RECORD:
        record(a, frame);
        break;
    case ATTACK_STREAM:
        rename_stream(a, &altered);
        break;
    }
    put(out, &altered);
}

static bool strikes(struct adversary *a, const struct frame *frame)
{
    if (a->attack == ATTACK_NONE || !is_victim(a->victim, frame))
        return false;
    a->seen++;
    if (a->skip > 0) {
        a->skip--;
        return false;
    }
    if (a->left == 0)
        return false;
    if (a->left != ADVERSARY_FOREVER)
        a->left--;
    a->hit++;
    return true;
}

void adversary_meet(struct adversary *a, const struct frame *frame, struct adversary_output *out)
{
    out->count = 0;
    out->touched = false;
    if (strikes(a, frame)) {
        out->touched = a->attack != ATTACK_RECORD;
        strike(a, frame, out);
    } else {
        put(out, frame);
    }
    size_t passed = out->count;
    if (a->held_count > 0 && passed > 0)
        let_go(a, out, passed);
    out->touched |= out->count != passed;
}

void adversary_release(struct adversary *a, struct adversary_output *out)
{
    out->count = 0;
    out->touched = true;
    for (size_t i = 0; i < a->held_count; i++)
        put(out, &a->held[i].frame);
    a->held_count = 0;
}

void adversary_clear(struct adversary *a)
{
    free(a->held);
    free(a->recorded);
    *a = (struct adversary){0};
}
