/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Registers of an Intel Key Configuration Unit for PCIe and CXL.io (Root Complex
 * IDE Key Configuration Unit, Software Programming Guide 1.02, chapter 2; read in
 * intel/tee-io-validator, include/intel_keyp.h):
 *
 *   capability            4 bytes
 *   stream blocks        36 bytes each
 *   Tx key slots         32 bytes each, then Tx IV slots, 8 bytes each
 *   Rx key slots         32 bytes each, then Rx IV slots, 8 bytes each
 *
 * A key slot holds dwords in the order of IDE_KM: the first one is the last four
 * bytes of the AES-GCM key (doc/key_byte_order.md there).
 */
#ifndef ROOT_PORT_KCU_REGS_H
#define ROOT_PORT_KCU_REGS_H

#include <stdint.h>

/* Each count is one less than there are. */
#define KCU_CAP          0x00
#define KCU_CAP_STREAMS  0x000000ffu
#define KCU_CAP_TX_SLOTS 0x000ffc00u
#define KCU_CAP_RX_SLOTS 0x3ff00000u

#define KCU_STREAM_0    0x04
#define KCU_STREAM_SIZE 36u

/* Within a stream block. */
#define KCU_CTL      0x00
#define KCU_CTL_EN   0x00000001u
#define KCU_CTL_ID   0xff000000u
#define KCU_TX_CTL   0x04
#define KCU_TX_STS   0x08
#define KCU_RX_CTL   0x0c
#define KCU_RX_STS   0x10
#define KCU_TX_INDEX 0x14 /* of key set 0; that of key set 1 follows */
#define KCU_RX_INDEX 0x1c

/* Key set 0 is 1, key set 1 is 2; a transmitter that is changing over says 3 in its status. */
#define KCU_TX_CTL_SELECT  0x00000003u
#define KCU_CTL_PRIME(set) (0x00000100u << (8 * (set)))
#define KCU_TX_STS_SET     0x00000003u
#define KCU_STS_READY(set) (0x00000100u << (set))
#define KCU_SELECT(set)    (1u + (set))
#define KCU_CHANGING       3u

/* Of posted requests; non-posted requests and completions follow, 10 bits each. */
#define KCU_INDEX_BITS 10u
#define KCU_INDEX_MASK 0x3ffu

#define KCU_KEY_SIZE 32u
#define KCU_IV_SIZE  8u

#define KCU_STREAMS_MAX 256u
#define KCU_SLOTS_MAX   1024u

#endif
