/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transaction layer packets as they are on the emulated link, without Flit Mode (PCIe 6.x §2.2): an optional
 * IDE prefix, a header of 3 or 4 dwords, whole dwords of payload, then what IDE puts behind it. docs/link.md
 * shows the bytes.
 */
#ifndef IDE_EMU_TLP_H
#define IDE_EMU_TLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLP_PREFIX_SIZE 4u
#define TLP_HEADER_MAX  16u
#define TLP_PAYLOAD_MAX 256u /* the Max_Payload_Size that functions here support */
#define TLP_PCRC_SIZE   4u
#define TLP_MAC_SIZE    12u
#define TLP_FRAME_MAX   (TLP_PREFIX_SIZE + TLP_HEADER_MAX + TLP_PAYLOAD_MAX + TLP_PCRC_SIZE + TLP_MAC_SIZE)

/* Fmt and Type: the first byte of a header (§2.2.1). */
enum tlp_code {
    TLP_MRD32 = 0x00,
    TLP_MRD64 = 0x20,
    TLP_MWR32 = 0x40,
    TLP_MWR64 = 0x60,
    TLP_CFGRD0 = 0x04,
    TLP_CFGRD1 = 0x05,
    TLP_CFGWR0 = 0x44,
    TLP_CFGWR1 = 0x45,
    TLP_CPL = 0x0a,
    TLP_CPLD = 0x4a,
    TLP_MSG_BY_ID = 0x32,
    TLP_MSG_LOCAL = 0x34, /* ends at the receiver */
};
const char *tlp_code_name(uint8_t code); /* "MWr32"; NULL for what no port here knows */

/* Completion Status (§2.2.9) */
#define TLP_STATUS_SUCCESS     0u
#define TLP_STATUS_UNSUPPORTED 1u

/* Message codes: chosen here, docs/link.md says why. */
#define TLP_MESSAGE_IDE_SYNC 0x54u
#define TLP_MESSAGE_IDE_FAIL 0x55u

/* The ordering classes (§2.4.1) are IDE's sub-streams (§6.33.4), with their numbers. */
enum tlp_class { TLP_POSTED, TLP_NON_POSTED, TLP_COMPLETION };
#define TLP_CLASSES 3u

/* A decoded TLP. Only the fields of its kind mean something. */
struct tlp {
    uint8_t code;
    uint8_t tc;      /* traffic class */
    uint16_t length; /* dwords: of payload, or asked for by a read */
    uint16_t requester;
    uint8_t tag;
    uint8_t first_be, last_be;
    uint64_t address; /* memory requests: of the first dword */
    uint16_t target;  /* configuration requests and messages by ID: whom it is for */
    uint16_t reg;     /* configuration requests: offset of the dword */
    uint16_t completer;
    uint8_t status;
    uint16_t byte_count;
    uint8_t lower_address;
    uint8_t message;
    uint8_t info[4]; /* a message's last dword */
    uint8_t data[TLP_PAYLOAD_MAX];
};

/* The payload's length, or what is asked for, in bytes. */
static inline size_t tlp_bytes(const struct tlp *t)
{
    return (size_t)t->length * 4;
}

enum tlp_class tlp_class_of(uint8_t code);
bool tlp_is_memory(uint8_t code);
bool tlp_is_config(uint8_t code);
bool tlp_is_message(uint8_t code);
bool tlp_has_data(uint8_t code);
unsigned tlp_header_len(uint8_t code);

/* Fields of the IDE TLP prefix (§6.33.4). */
struct ide_prefix {
    bool mac;          /* M: a MAC ends this TLP */
    bool key_set;      /* K */
    bool trusted;      /* T */
    bool pcrc;         /* P */
    bool escort;       /* pr_sent is the number of an IDE Sync message (ide_flow.h) */
    uint8_t substream; /* an enum tlp_class if it is valid */
    uint8_t stream_id;
    uint8_t pr_sent; /* PR_Sent_Counter */
};

/* A TLP's bytes. */
struct frame {
    uint16_t len;
    uint8_t data[TLP_FRAME_MAX];
};

/* Where the parts of a frame are; offsets, and 0 for a PCRC or MAC that is not there. */
struct frame_parts {
    bool ide;
    struct ide_prefix prefix;
    uint16_t header, header_len, payload, payload_len, pcrc, mac;
};

/* False if the bytes are no TLP that a port here can take: malformed. Reads nothing behind data[len]. */
bool frame_split(const uint8_t *data, size_t len, struct frame_parts *parts);

/* Decodes the header, and the payload as it stands; false if malformed. An IDE TLP's may be ciphertext. */
bool tlp_decode(const struct frame *frame, struct tlp *tlp);
/* Encodes without prefix. tlp must be well-formed. */
void tlp_encode(const struct tlp *tlp, struct frame *frame);

struct ide_prefix ide_prefix_decode(const uint8_t in[static TLP_PREFIX_SIZE]);
void ide_prefix_encode(const struct ide_prefix *prefix, uint8_t out[static TLP_PREFIX_SIZE]);

#endif
