/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE_KM (PCIe 6.x §6.33.3): key management for IDE streams, carried as
 * vendor-defined SPDM messages (registry PCI-SIG, vendor 0x0001, protocol 0)
 * and only within a secure session.
 */
#ifndef IDE_KM_IDE_KM_H
#define IDE_KM_IDE_KM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "session/session.h"

#define IDE_KM_PROTOCOL_ID 0x00
#define IDE_KEY_SIZE 32u     /* AES-256-GCM */

enum ide_km_object {
    IDE_KM_QUERY = 0x00,
    IDE_KM_QUERY_RESP = 0x01,
    IDE_KM_KEY_PROG = 0x02,
    IDE_KM_KP_ACK = 0x03,
    IDE_KM_K_SET_GO = 0x04,
    IDE_KM_K_SET_STOP = 0x05,
    IDE_KM_K_GOSTOP_ACK = 0x06,
};

enum ide_direction { IDE_RX = 0, IDE_TX = 1 };
enum ide_substream { IDE_PR = 0, IDE_NPR = 1, IDE_CPL = 2 };
#define IDE_DIRECTIONS 2u
#define IDE_SUBSTREAMS 3u

enum kp_ack_status {
    KP_ACK_SUCCESS = 0,
    KP_ACK_INCORRECT_LENGTH = 1,
    KP_ACK_UNSUPPORTED_PORT_INDEX = 2,
    KP_ACK_UNSUPPORTED_VALUE = 3,
    KP_ACK_UNSPECIFIED_FAILURE = 4,
};
const char *kp_ack_text(uint8_t status);   /* "unsupported value"; never NULL */

/* Which key of which port: what KEY_PROG, K_SET_GO and K_SET_STOP name. */
struct ide_km_target {
    uint8_t port_index, stream_id;
    uint8_t key_set;                  /* 0 or 1 */
    enum ide_direction direction;
    enum ide_substream substream;
};

/* A key as AES-GCM takes it, first byte first, and the initial invocation field (PCIe: 1). The codec turns the dwords. */
struct ide_key {
    uint8_t key[IDE_KEY_SIZE];
    uint64_t ifv;
};

/* All keys of one key set of a stream, as one port sees it. [direction][substream] */
struct ide_key_set {
    struct ide_key key[IDE_DIRECTIONS][IDE_SUBSTREAMS];
};

#define IDE_KM_BLOCKS_MAX 1024u   /* bytes of IDE capability and stream blocks that QUERY_RESP may bring here */

struct ide_km_query_resp {
    uint8_t port_index, max_port_index;
    uint8_t devfn, bus, segment;
    uint16_t block_len;               /* bytes in blocks, a whole number of dwords */
    uint8_t blocks[IDE_KM_BLOCKS_MAX];   /* the IDE capability from its capability register on */
};

/* Random keys, IFV 1, all different. */
enum ide_err ide_key_set_generate(struct ide_key_set *set, const struct rng *rng) MUST_USE;
/* The other end's view: its Rx is our Tx. */
void ide_key_set_mirror(const struct ide_key_set *set, struct ide_key_set *other);
void ide_key_set_wipe(struct ide_key_set *set);

/*
 * The requester. s must be established. Each checks that the answer is about what was asked (IDE_E_KM_MISMATCH names the
 * field). A KP_ACK other than success is IDE_E_KM_REFUSED with the status in fault.got. Faults are in s->connection->fault.
 * ide_km_key_prog wipes its own copies of the key.
 */
enum ide_err ide_km_query(struct session *s, uint8_t port_index, struct ide_km_query_resp *out) MUST_USE;
enum ide_err ide_km_key_prog(struct session *s, const struct ide_km_target *target,
                             const struct ide_key *key) MUST_USE;
enum ide_err ide_km_set_go(struct session *s, const struct ide_km_target *target) MUST_USE;
enum ide_err ide_km_set_stop(struct session *s, const struct ide_km_target *target) MUST_USE;

#endif
