/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * CXL registers that the IDE of CXL.cachemem needs: DVSECs in configuration space
 * (CXL 3.1 §8.1), the component registers in a BAR with their capability array
 * (§8.2.4), and the CXL IDE capability in it (§8.2.4.22).
 */
#ifndef ROOT_PORT_CXL_REGS_H
#define ROOT_PORT_CXL_REGS_H

#define CXL_EXT_CAP_ID_DVSEC 0x0023u
#define CXL_DVSEC_HEADER_1   0x04u /* vendor, revision, length in bytes */
#define CXL_DVSEC_VENDOR     0x0000ffffu
#define CXL_DVSEC_LENGTH     0xfff00000u
#define CXL_DVSEC_ID         0x08u

#define CXL_DVSEC_DEVICE     0x0000u
#define CXL_DVSEC_PORTS      0x0003u
#define CXL_DVSEC_FLEXBUS    0x0007u
#define CXL_DVSEC_LOCATOR    0x0008u
#define CXL_DVSEC_DEVICE_CAP 0x0au /* in that for devices */

/* Register Locator: pairs of dwords. */
#define CXL_LOCATOR_BLOCKS 0x0cu
#define CXL_LOCATOR_BIR    0x00000007u
#define CXL_LOCATOR_BLOCK  0x0000ff00u
#define CXL_LOCATOR_OFFSET                                                                                   \
    0xffff0000u /* bits 31:16 of the offset, at their place; the next dword is 63:32                         \
                 */
#define CXL_LOCATOR_COMPONENT 1u

/* In the component registers. */
#define CXL_CACHEMEM      0x1000u
#define CXL_CACHEMEM_SIZE 0x1000u

/* The first dword, and one for each capability behind it. */
#define CXL_CAP_ID               0x0000ffffu
#define CXL_CAP_VERSION          0x000f0000u
#define CXL_CAP_CACHEMEM_VERSION 0x00f00000u
#define CXL_CAP_ARRAY_SIZE       0xff000000u
#define CXL_CAP_POINTER          0xfff00000u
#define CXL_CAP_ID_CXL           1u
#define CXL_CAP_ID_RAS           2u
#define CXL_CAP_ID_IDE           7u

/* CXL IDE capability structure. */
#define CXL_IDE_SIZE              36u
#define CXL_IDE_CAP               0x00u
#define CXL_IDE_CAP_CAPABLE       0x00000001u
#define CXL_IDE_CAP_SKID          0x00000002u
#define CXL_IDE_CAP_CONTAINMENT   0x00000004u
#define CXL_IDE_CAP_ALGORITHM     0x003e0000u /* 0: AES-GCM-256 */
#define CXL_IDE_CTL               0x04u
#define CXL_IDE_CTL_PCRC_DISABLE  0x00000001u
#define CXL_IDE_STS               0x08u
#define CXL_IDE_STS_RX            0x0000000fu
#define CXL_IDE_STS_TX            0x000000f0u
#define CXL_IDE_STS_CONTAINMENT   1u
#define CXL_IDE_STS_SKID          2u
#define CXL_IDE_STS_INSECURE      4u
#define CXL_IDE_ERROR             0x0cu
#define CXL_IDE_ERROR_RX          0x0000000fu
#define CXL_IDE_KEY_REFRESH_CAP   0x10u /* 68-byte flits */
#define CXL_IDE_TRUNCATION_CAP    0x14u
#define CXL_IDE_KEY_REFRESH_CTL   0x18u
#define CXL_IDE_TRUNCATION_CTL    0x1cu
#define CXL_IDE_KEY_REFRESH_CAP_2 0x20u /* 256-byte flits */

/*
 * CXL's key configuration unit (Root Complex IDE Key Configuration Unit, Software Programming Guide, figure
 * 2-5; read in intel/tee-io-validator, include/intel_keyp.h): one link a unit. A key stands in the order of
 * AES-GCM; of an IV the last 64 bits, less significant dword first, behind 80 00 00 00.
 */
#define CXL_KCU_SIZE             96u
#define CXL_KCU_CONFIG           0x00u
#define CXL_KCU_CONFIG_ENABLE    0x00000001u
#define CXL_KCU_CONFIG_MODE      0x0000003eu
#define CXL_KCU_MODE_CONTAINMENT 1u
#define CXL_KCU_MODE_SKID        2u
#define CXL_KCU_CONFIG_ALGORITHM 0x00000fc0u
#define CXL_KCU_CONTROL          0x08u
#define CXL_KCU_START            0x00000001u
#define CXL_KCU_RX_VALID         0x00000002u
#define CXL_KCU_TX_VALID         0x00000004u
#define CXL_KCU_TX_INSECURE      0x00000008u
#define CXL_KCU_RX_INSECURE      0x00000010u
#define CXL_KCU_TX_KEY           0x10u
#define CXL_KCU_TX_IV            0x30u
#define CXL_KCU_RX_KEY           0x38u
#define CXL_KCU_RX_IV            0x58u

#endif
