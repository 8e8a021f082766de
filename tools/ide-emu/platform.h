/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is emulated: functions with their ids, place and abilities. Pure data,
 * from the built-in default or from a JSON file (ide-emu(1), "PLATFORM FILE").
 */
#ifndef IDE_EMU_PLATFORM_H
#define IDE_EMU_PLATFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "root_port/pcie_bdf.h"
#include "root_port/pcie_config.h"
#include "spdm/identity.h"
#include "spdm/policy.h"

#define PLATFORM_FUNCTIONS_MAX 1024u
#define PLATFORM_LINK_STREAMS_MAX 8u
#define PLATFORM_SELECTIVE_STREAMS_MAX 256u
#define PLATFORM_ADDRESS_BLOCKS_MAX 15u
#define PLATFORM_ALGORITHM_MAX 31u
#define PLATFORM_VFS_MAX 64u

/* The IDE extended capability of a function. */
struct platform_ide {
    bool present;
    unsigned link_streams, selective_streams;
    unsigned address_blocks;     /* of each selective stream */
    uint32_t abilities;          /* of PCIE_IDE_CAP_*: flow-through, partial header, PCRC, algorithm, ... */
};

/* The kinds of key that a device can have. */
struct platform_key {
    const char *name;                 /* "P-384" */
    const char *openssl;              /* what makes one: options of `openssl req` */
    enum key_type type;
    uint16_t bits;
    uint32_t hash;                    /* SPDM_HASH_* that goes with it unless another one is named */
};

#define PLATFORM_KEYS 8u
extern const struct platform_key platform_keys[PLATFORM_KEYS];

#define PLATFORM_PATH_MAX 256u

/* What a device and its host have beforehand, and what it asks of a host. */
struct platform_peer {
    uint8_t mutual;                   /* SPDM_MUT_AUTH* of session/messages.h; 0: it does not ask who the host is */
    char trust[PLATFORM_PATH_MAX];    /* PEM file of the root that a host's chain must lead to; empty: none */
    char key[PLATFORM_PATH_MAX];      /* PEM file of the host's public key; empty: none */
    bool provisioned;                 /* the host has its public key: it shows no chain */
    bool in_the_clear;                /* the handshake is */
    char hint[64];                    /* of a pre-shared key */
    uint8_t secret[64];
    uint8_t secret_len;               /* 0: there is no pre-shared key */
    bool psk_context;                 /* with PSK_FINISH */
};

/* The SPDM responder behind a DOE mailbox. */
struct platform_spdm {
    const struct platform_key *key;   /* of its identity */
    uint32_t base_asym, base_hash;    /* SPDM_ASYM_* that the key signs with; one of SPDM_HASH_* */
    struct spdm_policy policy;        /* key exchanges and ciphers, and in which order it chooses */
    uint8_t version_min, version_max; /* 0x12 is 1.2 */
    uint8_t secured_min, secured_max; /* of secured messages */
    struct platform_peer peer;
    uint8_t heartbeat;                /* seconds, 0: none */
};

/* Gives it the key, and the algorithms that go with it. */
void platform_spdm_set_key(struct platform_spdm *spdm, const struct platform_key *key);

/* CXL.cachemem with IDE, at a root port or the endpoint below it. */
struct platform_cxl {
    bool present;
    bool containment, skid;             /* modes */
    bool key_generation, iv_generation; /* GET_KEY */
    bool k_set_stop;
};

struct platform_function {
    struct pcie_bdf bdf;
    enum pcie_port_type type;         /* root port, upstream, downstream, endpoint */
    size_t parent;                    /* index of the port above; PLATFORM_NO_PARENT for a root port */
    uint8_t secondary, subordinate;   /* bus numbers of a port */
    struct pcie_ids ids;
    bool has_subsystem;               /* a port may have none */
    bool doe;
    struct platform_ide ide;
    struct platform_spdm spdm;
    struct platform_cxl cxl;
    uint64_t bar_size;                /* of BAR 0, a power of two; 0: none */
    bool prefetchable;                /* BAR 0 is, and is above 4 GiB */
    bool flit;                        /* its link is in Flit Mode */
    uint8_t traffic_classes;          /* that VC0 carries, a bit for each; 0: no Virtual Channel capability */
    uint8_t vfs;                      /* virtual functions that are on: requester IDs alone */
};
#define PLATFORM_NO_PARENT SIZE_MAX

#define PLATFORM_KCUS_MAX 8u
#define PLATFORM_KCU_PORTS_MAX 64u

/* A key configuration unit. */
struct platform_kcu {
    bool cxl;                         /* of CXL.cachemem, for one root port: there are no streams and slots */
    uint64_t base;                    /* physical address of its registers */
    unsigned streams, tx_slots, rx_slots;
    size_t ports[PLATFORM_KCU_PORTS_MAX]; /* the root ports that it serves: indices of functions */
    size_t port_count;
};

/* A platform root of trust: a function whose IDE_KM answers for root ports, each by the index of its place
 * here. */
struct platform_rot {
    bool present;
    size_t function;
    size_t ports[PLATFORM_KCU_PORTS_MAX];
    size_t port_count;
};

/* Bytes of its registers. */
uint32_t platform_kcu_size(const struct platform_kcu *kcu);

/* A parent stands before its children. */
struct platform {
    struct platform_function functions[PLATFORM_FUNCTIONS_MAX];
    size_t count;
    struct platform_kcu kcus[PLATFORM_KCUS_MAX];
    size_t kcu_count;
    struct platform_rot rot;
};

/* It forwards TLPs: a root port or a port of a switch. */
bool platform_is_port(const struct platform_function *f);

/* A function of a type as the default platform and a file without further words have it: ids, abilities, algorithms. */
struct platform_function platform_function_default(enum pcie_port_type type);

/* Two root ports, an NVMe drive, a switch with a drive and another endpoint. */
void platform_default(struct platform *p);

/*
 * Reads a file, or says in error[size] what is wrong and where: "x.json:3:7: ..." for what is no JSON,
 * "x.json: functions[1].ide.link_streams: 9 is not 0 to 8" for what is no platform. *p is only written on success.
 */
bool platform_load(struct platform *p, const char *path, char *error, size_t size);
bool platform_parse(struct platform *p, const char *text, size_t len, const char *name, char *error, size_t size);

/* The ids that a certificate must carry to be the function's own (PCIe 6.x §6.31.3). */
struct cma_ids platform_cma_ids(const struct platform_function *f);

#endif
