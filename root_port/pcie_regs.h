/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration space registers, each named once. The names follow Linux's
 * include/uapi/linux/pci_regs.h, with PCIE_ in front: libpci has a pci/header.h
 * of its own with some of the same names.
 */
#ifndef ROOT_PORT_PCIE_REGS_H
#define ROOT_PORT_PCIE_REGS_H

#define PCIE_CONFIG_SIZE 0x1000u
#define PCIE_ALL_ONES    0xffffffffu /* what a function that is not there reads as (PCIe 6.x §2.3.2) */

/* Configuration space header (PCIe 6.x §7.5.1) */
#define PCIE_VENDOR_ID                0x00u
#define PCIE_COMMAND                  0x04u
#define PCIE_COMMAND_IO               0x0001u
#define PCIE_COMMAND_MEMORY           0x0002u
#define PCIE_COMMAND_MASTER           0x0004u
#define PCIE_STATUS                   0x06u
#define PCIE_STATUS_CAP_LIST          0x10u
#define PCIE_CLASS_REVISION           0x08u
#define PCIE_HEADER_TYPE              0x0eu
#define PCIE_HEADER_TYPE_MASK         0x7fu
#define PCIE_HEADER_TYPE_NORMAL       0u
#define PCIE_HEADER_TYPE_BRIDGE       1u
#define PCIE_PRIMARY_BUS              0x18u
#define PCIE_BRIDGE_PRIMARY           0x000000ffu
#define PCIE_BRIDGE_SECONDARY         0x0000ff00u
#define PCIE_BRIDGE_SUBORDINATE       0x00ff0000u
#define PCIE_MEMORY_WINDOW            0x20u
#define PCIE_PREFETCHABLE_WINDOW      0x24u
#define PCIE_WINDOW_BASE              0x0000fff0u
#define PCIE_WINDOW_LIMIT             0xfff00000u
#define PCIE_WINDOW_64BIT             0x00000001u
#define PCIE_PREFETCHABLE_BASE_UPPER  0x28u
#define PCIE_PREFETCHABLE_LIMIT_UPPER 0x2cu
#define PCIE_SUBSYSTEM_IDS            0x2cu
#define PCIE_CAPABILITY_LIST          0x34u
#define PCIE_STD_HEADER_SIZE          0x40u

/* Capabilities (PCIe 6.x §7.5.3) */
#define PCIE_CAP_ID_SSVID     0x0du /* where a bridge has its subsystem ids */
#define PCIE_SSVID_IDS        0x04u
#define PCIE_CAP_ID_EXP       0x10u
#define PCIE_EXP_FLAGS        0x02u
#define PCIE_EXP_FLAGS_TYPE   0x00f0u
#define PCIE_EXP_LNKCAP         0x0cu
#define PCIE_EXP_LNKCAP_DLLLARC 0x00100000u /* Data Link Layer Link Active Reporting Capable */
#define PCIE_EXP_LNKSTA       0x12u
#define PCIE_EXP_LNKSTA_DLLLA   0x2000u /* Data Link Layer Link Active */
#define PCIE_EXP_DEVCTL2      0x28u
#define PCIE_EXP_DEVCTL2_CTO  0x000fu /* Completion Timeout Value */
#define PCIE_EXP_DEVCTL2_CTO_DISABLE 0x0010u /* Completion Timeout Disable */
#define PCIE_EXP_LNKSTA2      0x32u
#define PCIE_EXP_LNKSTA2_FLIT 0x0400u

/* Extended capabilities (PCIe 6.x §7.6.3) */
#define PCIE_EXT_CAP_FIRST    0x100u
#define PCIE_EXT_CAP_ID       0x0000ffffu
#define PCIE_EXT_CAP_VERSION  0x000f0000u
#define PCIE_EXT_CAP_NEXT     0xfff00000u
#define PCIE_EXT_CAP_ID_AER   0x0001u
#define PCIE_EXT_CAP_ID_VC    0x0002u
#define PCIE_EXT_CAP_ID_VC9   0x0009u /* the same, in a device with Multi-Function Virtual Channels */
#define PCIE_EXT_CAP_ID_SRIOV 0x0010u
#define PCIE_EXT_CAP_ID_DOE   0x002eu
#define PCIE_EXT_CAP_ID_IDE   0x0030u

/* Advanced Error Reporting (PCIe 6.x §7.8.4); written as 1 to clear */
#define PCIE_AER_UNCOR_STATUS 0x04u

/* Virtual Channels (PCIe 6.x §7.9.1); a resource for each, the first is VC0's */
#define PCIE_VC_CAP1          0x04u
#define PCIE_VC_CAP1_COUNT    0x00000007u /* of the resources besides VC0's */
#define PCIE_VC_RESOURCE_CTL  0x14u
#define PCIE_VC_RESOURCE_SIZE 0x0cu
#define PCIE_VC_CTL_TC_MAP    0x000000ffu
#define PCIE_VC_CTL_ENABLE    0x80000000u

/* Single Root I/O Virtualization (PCIe 6.x §9.3.3) */
#define PCIE_SRIOV_CTRL      0x08u
#define PCIE_SRIOV_CTRL_VFE  0x0001u
#define PCIE_SRIOV_NUM_VF    0x10u
#define PCIE_SRIOV_VF_OFFSET 0x14u
#define PCIE_SRIOV_VF_STRIDE 0x16u

/* Data Object Exchange (PCIe 6.x §7.9.24) */
#define PCIE_DOE_CAP          0x04u
#define PCIE_DOE_CTRL         0x08u
#define PCIE_DOE_CTRL_ABORT   0x00000001u
#define PCIE_DOE_CTRL_INT_EN  0x00000002u
#define PCIE_DOE_CTRL_GO      0x80000000u
#define PCIE_DOE_STATUS       0x0cu
#define PCIE_DOE_STATUS_BUSY  0x00000001u
#define PCIE_DOE_STATUS_INT   0x00000002u
#define PCIE_DOE_STATUS_ERROR 0x00000004u
#define PCIE_DOE_STATUS_READY 0x80000000u
#define PCIE_DOE_WRITE        0x10u
#define PCIE_DOE_READ         0x14u
#define PCIE_DOE_SIZE         0x18u
#define PCIE_DOE_LENGTH       0x0003ffffu /* in the second dword of a data object; 0 means 2^18 dwords */

/* Integrity and Data Encryption (PCIe 6.x §7.9.26) */
#define PCIE_IDE_CAP                0x04u
#define PCIE_IDE_CAP_LINK           0x00000001u
#define PCIE_IDE_CAP_SELECTIVE      0x00000002u
#define PCIE_IDE_CAP_FLOWTHROUGH    0x00000004u
#define PCIE_IDE_CAP_PARTIAL_HEADER 0x00000008u
#define PCIE_IDE_CAP_AGGREGATION    0x00000010u
#define PCIE_IDE_CAP_PCRC           0x00000020u
#define PCIE_IDE_CAP_IDE_KM         0x00000040u
#define PCIE_IDE_CAP_SEL_CFG        0x00000080u
#define PCIE_IDE_CAP_ALG            0x00001f00u
#define PCIE_IDE_ALG_AES_GCM_256    0u          /* 256-bit key, 96-bit MAC */
#define PCIE_IDE_CAP_LINK_TC_NUM    0x0000e000u /* minus one */
#define PCIE_IDE_CAP_SEL_NUM        0x00ff0000u /* minus one */
#define PCIE_IDE_CAP_TEE_LIMITED    0x01000000u
#define PCIE_IDE_CTL                0x08u
#define PCIE_IDE_CTL_FLOWTHROUGH    0x00000004u
#define PCIE_IDE_LINK_STREAM_0      0x0cu

/* A link block: control, status */
#define PCIE_IDE_LINK_BLOCK_SIZE 8u
#define PCIE_IDE_LINK_CTL        0x00u
#define PCIE_IDE_LINK_STS        0x04u

/* A selective block: capability, control, status, RID association 1 and 2, address association blocks */
#define PCIE_IDE_SEL_CAP              0x00u
#define PCIE_IDE_SEL_CAP_ASSOC_NUM    0x0000000fu
#define PCIE_IDE_SEL_CTL              0x04u
#define PCIE_IDE_SEL_STS              0x08u
#define PCIE_IDE_SEL_RID_1            0x0cu
#define PCIE_IDE_SEL_RID_1_LIMIT      0x00ffff00u
#define PCIE_IDE_SEL_RID_2            0x10u
#define PCIE_IDE_SEL_RID_2_VALID      0x00000001u
#define PCIE_IDE_SEL_RID_2_BASE       0x00ffff00u
#define PCIE_IDE_SEL_RID_2_SEG        0xff000000u
#define PCIE_IDE_SEL_ADDR_FIRST       0x14u
#define PCIE_IDE_SEL_ADDR_SIZE        12u
#define PCIE_IDE_SEL_ADDR_1           0x00u
#define PCIE_IDE_SEL_ADDR_1_VALID     0x00000001u
#define PCIE_IDE_SEL_ADDR_1_BASE_LOW  0x000fff00u /* address bits 31:20 */
#define PCIE_IDE_SEL_ADDR_1_LIMIT_LOW 0xfff00000u /* address bits 31:20 */
#define PCIE_IDE_SEL_ADDR_2           0x04u       /* limit, address bits 63:32 */
#define PCIE_IDE_SEL_ADDR_3           0x08u       /* base, address bits 63:32 */
#define PCIE_IDE_SEL_BLOCK_SIZE(address_blocks)                                                              \
    (PCIE_IDE_SEL_ADDR_FIRST + PCIE_IDE_SEL_ADDR_SIZE * (address_blocks))

/* Stream control, the same in link and selective blocks but for the last three */
#define PCIE_IDE_STREAM_CTL_EN          0x00000001u
#define PCIE_IDE_STREAM_CTL_TX_AGGR_NPR 0x0000000cu
#define PCIE_IDE_STREAM_CTL_TX_AGGR_PR  0x00000030u
#define PCIE_IDE_STREAM_CTL_TX_AGGR_CPL 0x000000c0u
#define PCIE_IDE_STREAM_CTL_PCRC_EN     0x00000100u
#define PCIE_IDE_STREAM_CTL_PART_ENC    0x00003c00u
#define PCIE_IDE_STREAM_CTL_ALG         0x0007c000u
#define PCIE_IDE_STREAM_CTL_TC          0x00380000u
#define PCIE_IDE_STREAM_CTL_ID          0xff000000u
#define PCIE_IDE_SEL_CTL_CFG_EN         0x00000200u
#define PCIE_IDE_SEL_CTL_DEFAULT        0x00400000u
#define PCIE_IDE_SEL_CTL_TEE_LIMITED    0x00800000u

/* Stream status, the same in link and selective blocks */
#define PCIE_IDE_STREAM_STS_STATE 0x0000000fu
#define PCIE_IDE_STATE_INSECURE   0u
#define PCIE_IDE_STATE_SECURE     2u
#define PCIE_IDE_STREAM_STS_FAIL  0x80000000u /* an IDE fail message was received; written as 1 to clear */

#endif
