/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CXL_IDE_KM (CXL 3.1 §11.4): key management for the IDE of a CXL.cachemem link,
 * carried as IDE_KM is, with CXL's vendor number. There is one stream, whose
 * number is 0, with one key a direction; a new key waits beside the one in use
 * until K_SET_GO, so there are no key sets. A port may generate the key and IV
 * that it will send with (GET_KEY).
 */
#ifndef IDE_KM_CXL_IDE_KM_H
#define IDE_KM_CXL_IDE_KM_H

#include "ide_km/ide_km.h"

#define CXL_IDE_KM_VENDOR 0x1e98u
#define CXL_IDE_IV_SIZE   12u
#define CXL_IDE_STREAM_ID 0u

enum cxl_ide_km_object {
    CXL_IDE_KM_QUERY = 0x00,
    CXL_IDE_KM_QUERY_RESP = 0x01,
    CXL_IDE_KM_KEY_PROG = 0x02,
    CXL_IDE_KM_KP_ACK = 0x03,
    CXL_IDE_KM_K_SET_GO = 0x04,
    CXL_IDE_KM_K_SET_STOP = 0x05,
    CXL_IDE_KM_K_GOSTOP_ACK = 0x06,
    CXL_IDE_KM_GET_KEY = 0x07,
    CXL_IDE_KM_GET_KEY_ACK = 0x08,
};

/* Containment: nothing is used before its MAC was checked. Skid: it is, and an error comes after it. */
enum cxl_ide_mode { CXL_IDE_SKID = 0, CXL_IDE_CONTAINMENT = 1 };

/* KP_ACK has one way to refuse. */
#define CXL_KP_ACK_SUCCESS 0u
#define CXL_KP_ACK_INVALID 1u

/* Which key of which port. */
struct cxl_ide_target {
    uint8_t port_index;
    enum ide_direction direction;
};

/* As AES-GCM takes them, first byte first; the codec turns the dwords. */
struct cxl_ide_key {
    uint8_t key[IDE_KEY_SIZE];
    uint8_t iv[CXL_IDE_IV_SIZE];
};

/* The IV that both ends make by themselves if none is given: sub-stream 8, then a counter at 1. */
void cxl_ide_default_iv(uint8_t iv[static CXL_IDE_IV_SIZE]);
bool cxl_ide_iv_is_default(const uint8_t iv[static CXL_IDE_IV_SIZE]);

/* CXL IDE capability structure, from its capability register on: nine registers in version 1. */
#define CXL_IDE_BLOCKS_MAX 64u

#define CXL_IDE_CAPS_VERSION    0x0fu
#define CXL_IDE_CAPS_IV_GEN     0x10u
#define CXL_IDE_CAPS_KEY_GEN    0x20u
#define CXL_IDE_CAPS_K_SET_STOP 0x40u

struct cxl_ide_query_resp {
    uint8_t port_index, max_port_index;
    uint8_t devfn, bus, segment;
    uint8_t caps;
    uint16_t block_len; /* bytes in blocks, a whole number of dwords */
    uint8_t blocks[CXL_IDE_BLOCKS_MAX];
};

/*
 * The requester. s must be established. Each checks that the answer is about what was asked
 * (IDE_E_KM_MISMATCH names the field). A KP_ACK other than success is IDE_E_KM_REFUSED with the status in
 * fault.got. Faults are in s->connection->fault. Copies of keys are wiped, but for *out.
 *
 * cxl_ide_km_get_key: the key and IV that the port wants to send with; which of them count says QUERY_RESP.
 * cxl_ide_km_key_prog: an IV that is the default one is not sent, the port is told to make it.
 */
enum ide_err cxl_ide_km_query(struct session *s, uint8_t port_index, struct cxl_ide_query_resp *out) MUST_USE;
enum ide_err cxl_ide_km_get_key(struct session *s, uint8_t port_index, struct cxl_ide_key *out) MUST_USE;
enum ide_err cxl_ide_km_key_prog(struct session *s, const struct cxl_ide_target *target,
                                 const struct cxl_ide_key *key) MUST_USE;
enum ide_err cxl_ide_km_set_go(struct session *s, const struct cxl_ide_target *target,
                               enum cxl_ide_mode mode) MUST_USE;
enum ide_err cxl_ide_km_set_stop(struct session *s, const struct cxl_ide_target *target) MUST_USE;

#endif
