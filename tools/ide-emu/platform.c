/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/platform.h"

#include <string.h>

#include "root_port/cxl_regs.h"
#include "root_port/kcu_regs.h"

/* A session that nobody keeps alive ends after twice this, and its streams with it. */
#define HEARTBEAT_SECONDS 60u

#define ENDPOINT_IDE_ABILITIES                                                                               \
    (PCIE_IDE_CAP_LINK | PCIE_IDE_CAP_SELECTIVE | PCIE_IDE_CAP_IDE_KM | PCIE_IDE_CAP_SEL_CFG |               \
     PCIE_IDE_CAP_AGGREGATION | PCIE_IDE_CAP_PCRC | PCIE_IDE_CAP_TEE_LIMITED)

/* Names as in pci.ids, so that lspci says what the function stands for. */
static const struct {
    enum pcie_port_type type;
    struct pcie_ids ids;
    bool has_subsystem, doe;
    uint64_t bar_size;
    struct platform_ide ide;
} defaults[] = {
    /* Red Hat QEMU PCIe Root port */
    {PCIE_TYPE_ROOT_PORT,
     {.vendor = 0x1b36, .device = 0x000c, .class_code = 0x060400, .subsystem_vendor = 0x1b36},
     true,
     true,
     0,
     {true, 1, 4, 3, ENDPOINT_IDE_ABILITIES}},
    /* Texas Instruments XIO3130 PCI Express Switch */
    {PCIE_TYPE_UPSTREAM,
     {.vendor = 0x104c, .device = 0x8232, .class_code = 0x060400, .revision = 2},
     false,
     false,
     0,
     {true, 0, 0, 0, PCIE_IDE_CAP_FLOWTHROUGH}},
    {PCIE_TYPE_DOWNSTREAM,
     {.vendor = 0x104c, .device = 0x8233, .class_code = 0x060400, .revision = 1},
     false,
     false,
     0,
     {true, 0, 0, 0, PCIE_IDE_CAP_FLOWTHROUGH}},
    /* Red Hat QEMU NVM Express Controller */
    {PCIE_TYPE_ENDPOINT,
     {.vendor = 0x1b36,
      .device = 0x0010,
      .class_code = 0x010802,
      .revision = 2,
      .subsystem_vendor = 0x1af4,
      .subsystem = 0x1100},
     true,
     true,
     0x4000,
     {true, 1, 2, 1, ENDPOINT_IDE_ABILITIES}},
    /* Intel Host Embedded Controller Interface: what a root of trust in the root complex looks like */
    {PCIE_TYPE_RC_ENDPOINT,
     {.vendor = 0x8086, .device = 0x7a68, .class_code = 0x0b4000, .revision = 1, .subsystem_vendor = 0x8086},
     true,
     true,
     0,
     {false, 0, 0, 0, 0}},
};

bool platform_is_port(const struct platform_function *f)
{
    return f->type != PCIE_TYPE_ENDPOINT && f->type != PCIE_TYPE_RC_ENDPOINT;
}

const struct platform_key platform_keys[PLATFORM_KEYS] = {
    {"P-256", "ec -pkeyopt ec_paramgen_curve:P-256", KEY_EC_P256, 256, SPDM_HASH_SHA256},
    {"P-384", "ec -pkeyopt ec_paramgen_curve:P-384", KEY_EC_P384, 384, SPDM_HASH_SHA384},
    {"P-521", "ec -pkeyopt ec_paramgen_curve:P-521", KEY_EC_P521, 521, SPDM_HASH_SHA384},
    {"RSA-2048", "rsa:2048", KEY_RSA, 2048, SPDM_HASH_SHA384},
    {"RSA-3072", "rsa:3072", KEY_RSA, 3072, SPDM_HASH_SHA384},
    {"RSA-4096", "rsa:4096", KEY_RSA, 4096, SPDM_HASH_SHA384},
    {"Ed25519", "ed25519", KEY_ED25519, 256, SPDM_HASH_SHA384},
    {"Ed448", "ed448", KEY_ED448, 456, SPDM_HASH_SHA384},
};

#define KEY_P256 (&platform_keys[0])
#define KEY_P384 (&platform_keys[1])

void platform_spdm_set_key(struct platform_spdm *spdm, const struct platform_key *key)
{
    spdm->key = key;
    spdm->base_asym = asym_of_key(key->type, key->bits);
    spdm->base_hash = key->hash;
}

struct platform_function platform_function_default(enum pcie_port_type type)
{
    struct platform_function f = {.type = type, .parent = PLATFORM_NO_PARENT};
    for (size_t i = 0; i < sizeof defaults / sizeof defaults[0]; i++) {
        if (defaults[i].type != type)
            continue;
        f.ids = defaults[i].ids;
        f.has_subsystem = defaults[i].has_subsystem;
        f.doe = defaults[i].doe;
        f.bar_size = defaults[i].bar_size;
        f.ide = defaults[i].ide;
    }
    f.spdm = (struct platform_spdm){.version_min = SPDM_VERSION_10,
                                    .version_max = SPDM_VERSION_14,
                                    .secured_min = 0x10,
                                    .secured_max = 0x12,
                                    .heartbeat = HEARTBEAT_SECONDS,
                                    .policy = SPDM_POLICY_CMA};
    /* what its key signs, and the hash that goes with it */
    f.spdm.policy.strength_min = 0;
    memset(f.spdm.policy.order[SPDM_KIND_ASYM], 0, sizeof f.spdm.policy.order[SPDM_KIND_ASYM]);
    memset(f.spdm.policy.order[SPDM_KIND_HASH], 0, sizeof f.spdm.policy.order[SPDM_KIND_HASH]);
    platform_spdm_set_key(&f.spdm, KEY_P384);
    return f;
}

static struct platform_function *add(struct platform *p, enum pcie_port_type type, uint8_t bus, uint8_t device,
                                     size_t parent)
{
    struct platform_function *f = &p->functions[p->count++];
    *f = platform_function_default(type);
    f->bdf = (struct pcie_bdf){.bus = bus, .device = device};
    f->parent = parent;
    return f;
}

static void set_buses(struct platform_function *f, uint8_t secondary, uint8_t subordinate)
{
    f->secondary = secondary;
    f->subordinate = subordinate;
}

void platform_default(struct platform *p)
{
    memset(p, 0, sizeof *p);
    set_buses(add(p, PCIE_TYPE_ROOT_PORT, 0x00, 3, PLATFORM_NO_PARENT), 1, 1);
    add(p, PCIE_TYPE_ENDPOINT, 0x01, 0, 0);
    set_buses(add(p, PCIE_TYPE_ROOT_PORT, 0x00, 4, PLATFORM_NO_PARENT), 2, 5);
    set_buses(add(p, PCIE_TYPE_UPSTREAM, 0x02, 0, 2), 3, 5);
    set_buses(add(p, PCIE_TYPE_DOWNSTREAM, 0x03, 0, 3), 4, 4);
    add(p, PCIE_TYPE_ENDPOINT, 0x04, 0, 4);
    set_buses(add(p, PCIE_TYPE_DOWNSTREAM, 0x03, 1, 3), 5, 5);

    /* The one that differs: QEMU's educational device, with the smaller curve and no link stream. */
    struct platform_function *edu = add(p, PCIE_TYPE_ENDPOINT, 0x05, 0, 6);
    edu->ids.vendor = 0x1234;
    edu->ids.device = 0x11e8;
    edu->ids.class_code = 0x00ff00;
    edu->ids.revision = 0x10;
    edu->ide.link_streams = 0;
    edu->ide.abilities &= ~PCIE_IDE_CAP_LINK;
    platform_spdm_set_key(&edu->spdm, KEY_P256);
    edu->bar_size = 0x100000;
}

struct cma_ids platform_cma_ids(const struct platform_function *f)
{
    return (struct cma_ids){
        .vendor = f->ids.vendor,
        .device = f->ids.device,
        .class_code = f->ids.class_code,
        .revision = f->ids.revision,
        .subsystem_vendor = f->ids.subsystem_vendor,
        .subsystem = f->ids.subsystem,
        .has_subsystem = f->has_subsystem,
    };
}

uint32_t platform_kcu_size(const struct platform_kcu *kcu)
{
    if (kcu->cxl)
        return CXL_KCU_SIZE;
    return KCU_STREAM_0 + KCU_STREAM_SIZE * kcu->streams +
           (kcu->tx_slots + kcu->rx_slots) * (KCU_KEY_SIZE + KCU_IV_SIZE);
}
