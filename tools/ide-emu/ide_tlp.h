/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE TLPs (PCIe 6.x §6.33.4 to §6.33.6): AES-256-GCM over one TLP or over an aggregated unit of up to 8.
 * Pure: bytes, a key and a counter in, bytes out. docs/ide.md, "On the link", says which public source each
 * choice rests on, and which choices are this project's own.
 */
#ifndef IDE_EMU_IDE_TLP_H
#define IDE_EMU_IDE_TLP_H

#include "spdm/crypto.h"
#include "tools/ide-emu/tlp.h"

#define IDE_UNIT_MAX 8u
#define IDE_IV_SIZE  12u

/* What sealing and opening a unit takes besides the TLPs. */
struct ide_crypt {
    const struct aead_key *key;
    uint8_t substream;
    uint64_t counter;    /* the invocation field: one for each MAC */
    uint8_t header_mode; /* partial header encryption, as in the stream control register; 0: none */
    uint64_t escort;     /* number of the IDE Sync message that a TLP with the escort bit follows */
};

/* Fixed field: the sub-stream in bits 95:92, then zeros; then 64 bits of invocation field. */
void ide_iv(uint8_t substream, uint64_t counter, uint8_t iv[static IDE_IV_SIZE]);

/* The CRC over a payload in the clear: that of the data link layer and of ECRC (§2.7.1). */
uint32_t ide_pcrc(const uint8_t *payload, size_t len);

/* Puts a prefix before a TLP that has none. */
void ide_add_prefix(struct frame *frame, const struct ide_prefix *prefix);
/* Takes prefix, PCRC and MAC away again. The frame must be one that frame_split() takes. */
void ide_remove_prefix(struct frame *frame);

/*
 * Seals 1 to IDE_UNIT_MAX TLPs with their prefixes, where only the last has M: adds PCRCs where P says so,
 * encrypts, adds the MAC. The frames have neither PCRC nor MAC yet. False if the cipher fails.
 */
bool ide_seal(const struct ide_crypt *c, struct frame *frames, size_t n);

enum ide_opened {
    IDE_OPENED,
    IDE_OPEN_FAILED,      /* the MAC is not right: nothing of the unit may be used */
    IDE_OPEN_PCRC_FAILED, /* authentic, but a PCRC is not right; see bad_pcrc */
};

/* The reverse, in place; MAC and PCRCs stay. bad_pcrc: one bit a TLP. After a failure the frames' payloads
 * are void. */
enum ide_opened ide_open(const struct ide_crypt *c, struct frame *frames, size_t n, uint8_t *bad_pcrc);

#endif
