/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A stream's TLPs in their order, at one port: which key and counter each gets, what is aggregated, and
 * whether what arrives came in an order that PCI Express allows (PCIe 6.x §6.33.5, §6.33.6). No I/O, and no
 * knowledge of where TLPs go.
 *
 * A completion or non-posted request must not pass a posted one. Each has a MAC and a counter within its
 * sub-stream only, so the prefix of the former says how many posted requests were sent since the last of its
 * kind (PR_Sent_Counter), and a receiver that has seen fewer finds it out. That counter has 8 bits: before it
 * is full an IDE Sync message takes its value, and the next TLP of each kind whose count was taken is
 * escorted: a further Sync stands right before it and its prefix carries that Sync's number, so that it
 * cannot pass a Sync either. Intel's models of CVE-2025-9612 show why
 * ("IDE-Escort"); the encoding here is this project's own (docs/ide.md).
 */
#ifndef IDE_EMU_IDE_FLOW_H
#define IDE_EMU_IDE_FLOW_H

#include "tools/ide-emu/ide_tlp.h"
#include "tools/ide-emu/stream_port.h"

struct ide_pending {
    struct {
        struct frame frames[IDE_UNIT_MAX];
        size_t count;
    } unit[IDE_SUBSTREAMS];
};

/* What the stream's control register says of its TLPs. */
struct flow_options {
    uint8_t stream_id;
    unsigned unit[IDE_SUBSTREAMS]; /* how many TLPs one MAC may cover: 1, 2, 4, 8 */
    uint8_t header_mode;
    bool pcrc;
    bool trusted; /* T of what is sent */
};
struct flow_options flow_options_of(const struct port_stream *s, const struct config_space *config);

/* How many TLPs of this class may be sealed before an IDE Sync message has to go; 0: now. */
size_t flow_room(const struct port_stream *s, enum tlp_class class);
/* Fills the Sync message's fields and counts it as sent; the caller seals and sends it like any posted TLP.
 */
void flow_make_sync(struct port_stream *s, struct tlp *message);

/*
 * Seals n TLPs of one class, in units as the options allow; frames come without prefix. False without a key,
 * or if the key's counter is at its end: then nothing may be sent.
 */
bool flow_seal(struct port_stream *s, const struct flow_options *o, enum tlp_class class,
               struct frame *frames, size_t n);

enum flow_result {
    FLOW_OPENED, /* count TLPs are authentic and in order */
    FLOW_WAITS,  /* the unit's MAC has not come yet */
    FLOW_PCRC,   /* opened, but those in bad are corrupt */
    FLOW_NO_KEY, /* the rest are IDE Check Failed, each with its reason */
    FLOW_OLD_KEY,
    FLOW_SUBSTREAM,
    FLOW_AGGREGATION,
    FLOW_MAC,
    FLOW_PASSED, /* it passed a posted request */
};
const char *flow_result_text(enum flow_result result);

struct flow_opened {
    struct frame frames[IDE_UNIT_MAX]; /* without prefix, PCRC and MAC */
    size_t count;
    uint8_t bad;  /* one bit each */
    bool trusted; /* T */
};

/* Takes an IDE TLP of this stream. Nothing that is not in out after FLOW_OPENED or FLOW_PCRC may be used. */
enum flow_result flow_open(struct port_stream *s, const struct flow_options *o, const struct frame *frame,
                           struct flow_opened *out);

#endif
