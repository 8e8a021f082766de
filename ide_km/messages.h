/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IDE_KM objects on the wire (PCIe 6.x §6.33.3): one codec for both roles. Each
 * function reads or writes a whole vendor-defined payload, protocol id and
 * object id included; a reader fails unless both are right.
 */
#ifndef IDE_KM_MESSAGES_H
#define IDE_KM_MESSAGES_H

#include "ide_km/ide_km.h"
#include "spdm/cursor.h"

#define IDE_KM_TARGET_SIZE   8u   /* K_SET_GO, K_SET_STOP and their answer; KP_ACK; the head of KEY_PROG */
#define IDE_KM_KEY_PROG_SIZE (IDE_KM_TARGET_SIZE + IDE_KEY_SIZE + 8u)

/*
 * What every object but QUERY and its answer has at the same place. The selector is there as it came, for the answer
 * must repeat it, and taken apart in target; status is KP_ACK's, reserved elsewhere.
 */
struct ide_km_head {
    struct ide_km_target target;
    uint8_t selector;
    uint8_t status;
};

/* Protocol id and object id, which say how to read the rest. IDE_E_UNSUPPORTED for another protocol. */
uint8_t ide_km_peek(struct reader *r);

/* Both ids of one object, of IDE_KM or of CXL_IDE_KM, whose protocol id is the same. IDE_E_UNEXPECTED for
 * another object. */
void ide_km_write_ids(struct writer *w, uint8_t object);
void ide_km_read_ids(struct reader *r, uint8_t object);

/* QUERY is the same in both. */
void ide_km_write_query(struct writer *w, uint8_t port_index);
void ide_km_read_query(struct reader *r, uint8_t *port_index);

void ide_km_write_query_resp(struct writer *w, const struct ide_km_query_resp *m);
void ide_km_read_query_resp(struct reader *r, struct ide_km_query_resp *m);

/*
 * The registers at the end of QUERY_RESP, in whole dwords and at most max bytes; gives how many there are, 0
 * on failure. IDE_E_FIELD, IDE_E_LONG with the field's name.
 */
uint16_t ide_km_read_registers(struct reader *r, uint8_t *out, size_t max, const char *field);

/* Everything but QUERY, QUERY_RESP and KEY_PROG's key. */
void ide_km_write_head(struct writer *w, enum ide_km_object object, const struct ide_km_head *head);
void ide_km_read_head(struct reader *r, enum ide_km_object object, struct ide_km_head *head);

/* The selector byte of a target, and back. false: it names a key set, direction or sub-stream that there is not. */
uint8_t ide_km_selector(const struct ide_km_target *target);
bool ide_km_read_selector(uint8_t selector, struct ide_km_target *target);

/*
 * n bytes of a key or IV, n a multiple of 4, as they travel: in dwords, the one with AES-GCM's first four
 * bytes first, and in each the first byte is the most significant: bytes 3 2 1 0, 7 6 5 4, ...
 * (tee-io-validator doc/key_byte_order.md calls them Key_DW7..Key_DW0, IFV_DW1, IFV_DW0 or IV_DW2..IV_DW0,
 * and its code puts them in that order).
 */
void ide_km_write_dwords(struct writer *w, const uint8_t *bytes, size_t n);
void ide_km_read_dwords(struct reader *r, uint8_t *bytes, size_t n, const char *field);

/* KEY_PROG's key, behind the head. */
void ide_km_write_key(struct writer *w, const struct ide_key *key);
void ide_km_read_key(struct reader *r, struct ide_key *key);

#endif
