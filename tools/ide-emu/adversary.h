/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Somebody on a link, in one direction: sees every frame on it, and may keep, alter, repeat or hold it, or
 * put frames of its own there. It has no key. No I/O: frames in, frames out.
 */
#ifndef IDE_EMU_ADVERSARY_H
#define IDE_EMU_ADVERSARY_H

#include "tools/ide-emu/tlp.h"

/* X(constant, name, takes a value) */
#define ADVERSARY_ATTACKS(X)                                                                                 \
    X(ATTACK_DROP, "drop", false)                                                                            \
    X(ATTACK_HOLD, "hold", false)       /* until it is told to release */                                    \
    X(ATTACK_DELAY, "delay", true)      /* until that many more have passed */                               \
    X(ATTACK_REORDER, "reorder", false) /* behind the next one */                                            \
    X(ATTACK_REPLAY, "replay", false)   /* twice */                                                          \
    X(ATTACK_FLIP, "flip", true)        /* one bit, from the first on */                                     \
    X(ATTACK_RECORD, "record", false)                                                                        \
    X(ATTACK_STREAM, "stream", true) /* another Stream ID */

enum attack {
    ATTACK_NONE,
#define ATTACK_CONSTANT(constant, name, value) constant,
    ADVERSARY_ATTACKS(ATTACK_CONSTANT)
#undef ATTACK_CONSTANT
};

/* Which frames it cares for. */
enum victim {
    VICTIM_ALL,
    VICTIM_IDE, /* IDE TLPs; the next three by their sub-stream */
    VICTIM_PR,
    VICTIM_NPR,
    VICTIM_CPL,
    VICTIM_CLEAR /* TLPs without IDE prefix, other than configuration requests */
};

#define ADVERSARY_FRAMES  64u /* it can hold and record that many */
#define ADVERSARY_FOREVER UINT32_MAX

struct held_frame {
    struct frame frame;
    uint32_t wait; /* more frames that pass first; ADVERSARY_FOREVER: until released */
};

/* Zeroed: lets everything pass. */
struct adversary {
    enum attack attack;
    enum victim victim;
    uint32_t value;
    uint32_t skip, left; /* how many victims go free first, and how many are attacked then */
    uint64_t seen, hit;
    struct held_frame *held;
    size_t held_count;
    struct frame *recorded;
    size_t recorded_count;
};

/* Sees a frame. What goes on instead is in out, in its order; the first has not changed if the frame is let
 * pass. */
struct adversary_output {
    struct frame frames[ADVERSARY_FRAMES + 2];
    size_t count;
    bool touched; /* not just the frame as it came */
};
void adversary_meet(struct adversary *a, const struct frame *frame, struct adversary_output *out);

/* Lets go of what it holds, the oldest first. */
void adversary_release(struct adversary *a, struct adversary_output *out);

/* "flip=100", "pr". False if there is no such. */
bool adversary_parse_attack(const char *text, struct adversary *a);
bool adversary_parse_victim(const char *text, enum victim *victim);

/* Forgets everything, what it holds and recorded too. */
void adversary_clear(struct adversary *a);

#endif
