/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/function_config.h"

#include <string.h>

/* Header registers that only an emulation writes; the rest is in root_port/pcie_regs.h (PCIe 6.x §7.5.1). */
#define HDR_COMMAND_WRITABLE 0x0546u   /* memory, master, parity, SERR#, INTx disable */
#define HDR_STATUS_CLEARABLE 0xf9000000u
#define HDR_CACHE_LINE 0x0cu
#define HDR_BAR_64BIT 0x4u
#define HDR_BAR_PREFETCHABLE 0x8u
#define HDR_IO_WINDOW 0x1cu
#define HDR_SECONDARY_STATUS_CLEARABLE 0xf9000000u
#define HDR_INTERRUPT_LINE 0x3cu
#define HDR_BRIDGE_CONTROL_WRITABLE 0x00030000u   /* parity, SERR# */

/* Where the capabilities stand. */
#define CAP_PM 0x40u
#define CAP_EXP 0x60u
#define CAP_SSVID 0xa0u

#define CAP_ID_PM 0x01u
#define PM_CAPABILITIES 0x0003u   /* version 3, D0 and D3 only, no PME */
#define PM_CONTROL 0x04u
#define PM_NO_SOFT_RESET 0x0008u

#define EXT_CAP_ID_DSN 0x0003u
#define DSN_SIZE 12u
#define SRIOV_SIZE 0x40u
#define SRIOV_INITIAL_VFS 0x0cu
#define SRIOV_TOTAL_VFS 0x0eu
#define SRIOV_FIRST 8u   /* behind the functions */

/* PCI Express capability (§7.5.3) */
#define EXP_VERSION 0x0002u
#define EXP_FLAGS_SLOT 0x0100u
#define EXP_DEVCAP 0x04u
#define EXP_DEVCAP_VALUE 0x00008021u   /* payload 256, extended tags, role-based error reporting */
#define EXP_DEVCAP_FLR 0x10000000u
#define EXP_DEVCTL_VALUE 0x2810u       /* requests of 512, no snoop, relaxed ordering */
#define EXP_DEVCTL_WRITABLE 0x79ffu
#define EXP_DEVSTA_CLEARABLE 0x000f0000u
#define EXP_LNK_GEN5_X4 0x00000045u
#define EXP_LNKCTL 0x10u
#define EXP_LNKCTL_WRITABLE 0x00c8u    /* read completion boundary, common clock, extended synch */
#define EXP_SLTCAP 0x14u
#define EXP_SLTCTL 0x18u
#define EXP_SLTCTL_VALUE 0x01c0u       /* attention indicator off, power indicator on */
#define EXP_RTCTL 0x1cu
#define EXP_RTCTL_WRITABLE 0x001fu
#define EXP_DEVCAP2 0x24u
#define EXP_DEVCAP2_VALUE 0x0000001fu  /* completion timeout ranges A to D, and none; Control 2 takes all */
#define EXP_DEVCTL2 0x28u
#define EXP_LNKCAP2 0x2cu
#define EXP_LNKCAP2_TO_GEN5 0x0000003eu
#define EXP_LNKCTL2 0x30u
#define EXP_LNKCTL2_SPEED 0x000fu
#define EXP_GEN5 5u

#define MIB 0x100000u
#define MEMORY_START 0xe0000000u
#define PREFETCHABLE_START UINT64_C(0x6000000000)
#define CLOSED_PREFETCHABLE 0xfff00000u   /* base; the limit is 0 */

static bool is_port(const struct platform_function *f)
{
    return platform_is_port(f);
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
    return (value + to - 1) & ~(to - 1);
}

/*
 * BARs one after the other, each function in MiB of its own, so that windows do not overlap. Parents come first in the
 * platform and their descendants need not follow at once, so windows are opened once all BARs have a place: in
 * the order of a depth-first walk, which the caller's recursion over roots gives. Once for each kind of memory.
 */
static uint64_t assign_below(const struct platform *p, size_t port, bool prefetchable, struct function_resources *r,
                             uint64_t at)
{
    uint64_t start = at;
    for (size_t i = port + 1; i < p->count; i++) {
        const struct platform_function *f = &p->functions[i];
        if (f->parent != port)
            continue;
        if (is_port(f)) {
            at = assign_below(p, i, prefetchable, r, at);
        } else if (f->bar_size && f->prefetchable == prefetchable) {
            r[i].bar_base = round_up(at, f->bar_size < MIB ? MIB : f->bar_size);
            at = round_up(r[i].bar_base + f->bar_size, MIB);
        }
    }
    struct pcie_window closed = {prefetchable ? CLOSED_PREFETCHABLE : MIB, prefetchable ? MIB - 1 : 0};
    *(prefetchable ? &r[port].prefetchable : &r[port].memory) =
        at > start ? (struct pcie_window){start, at - 1} : closed;
    return at;
}

void function_assign_resources(const struct platform *platform, struct function_resources *resources)
{
    uint64_t at[] = {MEMORY_START, PREFETCHABLE_START};
    memset(resources, 0, platform->count * sizeof *resources);
    for (size_t i = 0; i < platform->count; i++)
        for (unsigned kind = 0; kind < 2 && platform->functions[i].parent == PLATFORM_NO_PARENT; kind++) {
            at[kind] = assign_below(platform, i, kind == 1, resources, at[kind]);
            if (kind == 0 && platform->functions[i].bar_size) { /* of its own, beside its window */
                resources[i].bar_base = at[kind];
                at[kind] += MIB;
            }
        }
}

static void build_header(struct config_space *c, const struct platform_function *f)
{
    config_put16(c, PCIE_VENDOR_ID, f->ids.vendor);
    config_put16(c, PCIE_VENDOR_ID + 2, f->ids.device);
    config_put32(c, PCIE_CLASS_REVISION, f->ids.class_code << 8 | f->ids.revision);
    config_put16(c, FUNCTION_COMMAND, FUNCTION_COMMAND_MEMORY | FUNCTION_COMMAND_MASTER);
    config_writable(c, FUNCTION_COMMAND, HDR_COMMAND_WRITABLE);
    config_clearable(c, FUNCTION_COMMAND, HDR_STATUS_CLEARABLE);
    config_writable(c, HDR_CACHE_LINE, 0xff);
    config_writable(c, HDR_INTERRUPT_LINE, 0xff);
}

static void build_bar(struct config_space *c, const struct platform_function *f, const struct function_resources *r)
{
    if (!f->bar_size)
        return;
    uint64_t address_bits = ~(f->bar_size - 1);
    config_put32(c, FUNCTION_BAR0,
                 (uint32_t)r->bar_base | HDR_BAR_64BIT | (f->prefetchable ? HDR_BAR_PREFETCHABLE : 0));
    config_put32(c, FUNCTION_BAR0 + 4, (uint32_t)(r->bar_base >> 32));
    config_writable(c, FUNCTION_BAR0, (uint32_t)address_bits);
    config_writable(c, FUNCTION_BAR0 + 4, (uint32_t)(address_bits >> 32));
}

static void build_endpoint_header(struct config_space *c, const struct platform_function *f)
{
    config_put16(c, PCIE_SUBSYSTEM_IDS, f->ids.subsystem_vendor);
    config_put16(c, PCIE_SUBSYSTEM_IDS + 2, f->ids.subsystem);
}

static void build_bridge_header(struct config_space *c, const struct platform_function *f,
                                const struct function_resources *r)
{
    config_put8(c, PCIE_HEADER_TYPE, PCIE_HEADER_TYPE_BRIDGE);
    config_put32(c, PCIE_PRIMARY_BUS,
                 field_put(PCIE_BRIDGE_PRIMARY, f->bdf.bus) | field_put(PCIE_BRIDGE_SECONDARY, f->secondary) |
                     field_put(PCIE_BRIDGE_SUBORDINATE, f->subordinate));
    config_writable(c, PCIE_PRIMARY_BUS, PCIE_BRIDGE_PRIMARY | PCIE_BRIDGE_SECONDARY | PCIE_BRIDGE_SUBORDINATE);

    /* A window whose base is above its limit is closed (§7.5.1.3.8): I/O is. */
    config_put16(c, HDR_IO_WINDOW, 0x00f0);
    config_writable(c, HDR_IO_WINDOW, 0x0000f0f0);
    config_clearable(c, HDR_IO_WINDOW, HDR_SECONDARY_STATUS_CLEARABLE);
    config_put32(c, PCIE_MEMORY_WINDOW,
                 field_put(PCIE_WINDOW_BASE, (uint32_t)(r->memory.base / MIB)) |
                     field_put(PCIE_WINDOW_LIMIT, (uint32_t)(r->memory.limit / MIB)));
    config_writable(c, PCIE_MEMORY_WINDOW, PCIE_WINDOW_BASE | PCIE_WINDOW_LIMIT);
    config_put32(c, PCIE_PREFETCHABLE_WINDOW,
                 field_put(PCIE_WINDOW_BASE, (uint32_t)(r->prefetchable.base / MIB)) |
                     field_put(PCIE_WINDOW_LIMIT, (uint32_t)(r->prefetchable.limit / MIB)) | PCIE_WINDOW_64BIT |
                     (uint32_t)PCIE_WINDOW_64BIT << 16);
    config_put32(c, PCIE_PREFETCHABLE_BASE_UPPER, (uint32_t)(r->prefetchable.base >> 32));
    config_put32(c, PCIE_PREFETCHABLE_LIMIT_UPPER, (uint32_t)(r->prefetchable.limit >> 32));
    config_writable(c, PCIE_PREFETCHABLE_WINDOW, PCIE_WINDOW_BASE | PCIE_WINDOW_LIMIT);
    config_writable(c, PCIE_PREFETCHABLE_BASE_UPPER, UINT32_MAX);
    config_writable(c, PCIE_PREFETCHABLE_LIMIT_UPPER, UINT32_MAX);
    config_writable(c, HDR_INTERRUPT_LINE, HDR_BRIDGE_CONTROL_WRITABLE);
}

static void build_power_management(struct config_space *c)
{
    unsigned at = config_add_cap(c, CAP_PM, CAP_ID_PM);
    config_put16(c, at + 2, PM_CAPABILITIES);
    config_put16(c, at + PM_CONTROL, PM_NO_SOFT_RESET);
    config_writable(c, at + PM_CONTROL, 0x3);
}

static bool has_slot(const struct platform_function *f)
{
    return f->type == PCIE_TYPE_ROOT_PORT || f->type == PCIE_TYPE_DOWNSTREAM;
}

static void build_link(struct config_space *c, unsigned at, const struct platform_function *f)
{
    uint32_t number = (uint32_t)(f->bdf.device << 3 | f->bdf.function);
    config_put32(c, at + PCIE_EXP_LNKCAP,
                 EXP_LNK_GEN5_X4 | (has_slot(f) ? PCIE_EXP_LNKCAP_DLLLARC : 0) | number << 24);
    config_writable(c, at + EXP_LNKCTL, EXP_LNKCTL_WRITABLE);
    config_put16(c, at + PCIE_EXP_LNKSTA, EXP_LNK_GEN5_X4 | (has_slot(f) ? PCIE_EXP_LNKSTA_DLLLA : 0));
    config_put32(c, at + EXP_LNKCAP2, EXP_LNKCAP2_TO_GEN5);
    config_put16(c, at + EXP_LNKCTL2, EXP_GEN5);
    config_writable(c, at + EXP_LNKCTL2, EXP_LNKCTL2_SPEED);
    config_put16(c, at + PCIE_EXP_LNKSTA2, f->flit ? PCIE_EXP_LNKSTA2_FLIT : 0);
    if (has_slot(f)) {
        config_put32(c, at + EXP_SLTCAP, number << 19);
        config_put16(c, at + EXP_SLTCTL, EXP_SLTCTL_VALUE);
        config_put16(c, at + EXP_SLTSTA, EXP_SLTSTA_PRESENT);
    }
}

static uint16_t build_express(struct config_space *c, const struct platform_function *f)
{
    unsigned at = config_add_cap(c, CAP_EXP, PCIE_CAP_ID_EXP);
    config_put16(c, at + PCIE_EXP_FLAGS,
                 (uint16_t)(EXP_VERSION | field_put(PCIE_EXP_FLAGS_TYPE, f->type) |
                            (has_slot(f) ? EXP_FLAGS_SLOT : 0)));
    config_put32(c, at + EXP_DEVCAP, EXP_DEVCAP_VALUE | (is_port(f) ? 0 : EXP_DEVCAP_FLR));
    config_put16(c, at + EXP_DEVCTL, EXP_DEVCTL_VALUE);
    config_writable(c, at + EXP_DEVCTL, EXP_DEVCTL_WRITABLE);
    config_clearable(c, at + EXP_DEVCTL, EXP_DEVSTA_CLEARABLE);
    config_put32(c, at + EXP_DEVCAP2, EXP_DEVCAP2_VALUE);
    config_writable(c, at + EXP_DEVCTL2, EXP_DEVCAP2_VALUE);
    if (f->type == PCIE_TYPE_ROOT_PORT)
        config_writable(c, at + EXP_RTCTL, EXP_RTCTL_WRITABLE);
    build_link(c, at, f);
    return (uint16_t)at;
}

/* An identifier of its own for every function: its address behind the vendor's prefix. */
static void build_serial_number(struct config_space *c, const struct platform_function *f)
{
    unsigned at = config_add_ext_cap(c, EXT_CAP_ID_DSN, 1, DSN_SIZE);
    config_put32(c, at + 4, 0xfffe0000u | pcie_bdf_rid(&f->bdf));
    config_put32(c, at + 8, 0x02001b36u ^ f->bdf.domain);
}

/* Virtual functions that are on: the requester IDs after the device's eight functions. */
static void build_sriov(struct config_space *c, const struct platform_function *f)
{
    if (f->vfs == 0)
        return;
    unsigned at = config_add_ext_cap(c, PCIE_EXT_CAP_ID_SRIOV, 1, SRIOV_SIZE);
    config_put16(c, at + PCIE_SRIOV_CTRL, PCIE_SRIOV_CTRL_VFE);
    config_put16(c, at + SRIOV_INITIAL_VFS, f->vfs);
    config_put16(c, at + SRIOV_TOTAL_VFS, f->vfs);
    config_put16(c, at + PCIE_SRIOV_NUM_VF, f->vfs);
    config_put16(c, at + PCIE_SRIOV_VF_OFFSET, SRIOV_FIRST);
    config_put16(c, at + PCIE_SRIOV_VF_STRIDE, 1);
}

/* One virtual channel, that carries only some traffic classes. Software is told so, and links are not held to it. */
static void build_virtual_channel(struct config_space *c, const struct platform_function *f)
{
    if (f->traffic_classes == 0)
        return;
    unsigned at = config_add_ext_cap(c, PCIE_EXT_CAP_ID_VC, 1, PCIE_VC_RESOURCE_CTL + 8);
    config_put32(c, at + PCIE_VC_RESOURCE_CTL, PCIE_VC_CTL_ENABLE | f->traffic_classes);
}

uint16_t function_config_build(struct config_space *c, const struct platform_function *f,
                               const struct function_resources *resources)
{
    config_init(c);
    build_header(c, f);
    if (is_port(f))
        build_bridge_header(c, f, resources);
    else
        build_endpoint_header(c, f);
    build_bar(c, f, resources);
    build_power_management(c);
    uint16_t express = build_express(c, f);
    if (is_port(f) && f->has_subsystem) {
        unsigned at = config_add_cap(c, CAP_SSVID, PCIE_CAP_ID_SSVID);
        config_put16(c, at + PCIE_SSVID_IDS, f->ids.subsystem_vendor);
        config_put16(c, at + PCIE_SSVID_IDS + 2, f->ids.subsystem);
    }
    build_serial_number(c, f);
    build_sriov(c, f);
    build_virtual_channel(c, f);
    return express;
}

uint16_t function_config_add_doe(struct config_space *c)
{
    return (uint16_t)config_add_ext_cap(c, PCIE_EXT_CAP_ID_DOE, 1, PCIE_DOE_SIZE);
}
