/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CXL_IDE_KM objects on the wire (CXL 3.1 §11.4): one codec for both roles. Each
 * function reads or writes a whole vendor-defined payload, protocol id and object
 * id included; a reader fails unless both are right.
 */
#ifndef IDE_KM_CXL_MESSAGES_H
#define IDE_KM_CXL_MESSAGES_H

#include "ide_km/cxl_ide_km.h"
#include "ide_km/messages.h"
#include "spdm/cursor.h"

#define CXL_IDE_KM_HEAD_SIZE                                                                                 \
    8u /* K_SET_GO, K_SET_STOP, their answer, KP_ACK, GET_KEY; the head of the others */
#define CXL_IDE_KM_KEY_SIZE (CXL_IDE_KM_HEAD_SIZE + IDE_KEY_SIZE + CXL_IDE_IV_SIZE)

/*
 * What every object but QUERY and its answer has at the same place. The selector is there as it came, for the
 * answer must repeat it. flag is bit 3 of it: use the default IV (KEY_PROG), or containment mode (K_SET_GO).
 */
struct cxl_ide_head {
    uint8_t stream_id, status, selector, port_index;
};

struct cxl_ide_selector {
    enum ide_direction direction;
    bool flag;
};

/* QUERY is IDE_KM's: ide_km_write_query(), ide_km_read_query(). */
void cxl_ide_write_query_resp(struct writer *w, const struct cxl_ide_query_resp *m);
void cxl_ide_read_query_resp(struct reader *r, struct cxl_ide_query_resp *m);

/* Everything but QUERY, QUERY_RESP and a key. */
void cxl_ide_write_head(struct writer *w, enum cxl_ide_km_object object, const struct cxl_ide_head *head);
void cxl_ide_read_head(struct reader *r, enum cxl_ide_km_object object, struct cxl_ide_head *head);

/* The selector byte, and back. false: another sub-stream than CXL's, or a reserved bit. */
uint8_t cxl_ide_selector(const struct cxl_ide_selector *s);
bool cxl_ide_read_selector(uint8_t selector, struct cxl_ide_selector *s);

/* The key and IV of KEY_PROG and GET_KEY_ACK, behind the head; on failure *key is wiped. */
void cxl_ide_write_key(struct writer *w, const struct cxl_ide_key *key);
void cxl_ide_read_key(struct reader *r, struct cxl_ide_key *key);

#endif
