/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE extended capability (PCIe 6.x §7.9.26): what a port can do, and where
 * its register blocks are. Link blocks come first, then selective blocks, whose
 * size depends on how many address association blocks each of them has.
 */
#ifndef ROOT_PORT_IDE_CAP_H
#define ROOT_PORT_IDE_CAP_H

#include <stdbool.h>
#include <stdint.h>

#include "root_port/pcie_config.h"

#define IDE_LINK_MAX       8u
#define IDE_SELECTIVE_MAX  256u
#define IDE_ADDRESS_MAX    15u  /* address association blocks in one selective block */
#define IDE_STREAM_ID_IDLE 255u /* carried by blocks that are not used; no stream gets it */

struct ide_cap {
    uint16_t offset;   /* of the extended capability */
    bool flow_through; /* a switch port can pass IDE TLPs on as they are */
    bool partial_header, aggregation, pcrc;
    bool ide_km;          /* answers IDE_KM through its DOE mailbox */
    bool config_requests; /* selective IDE for configuration requests */
    bool tee_limited;
    uint8_t algorithm;                         /* PCIE_IDE_ALG_AES_GCM_256 is the only one defined */
    uint8_t link_count;                        /* link blocks, one for each traffic class; 0 to 8 */
    uint16_t selective_count;                  /* selective blocks, 0 to 256 */
    uint8_t address_blocks[IDE_SELECTIVE_MAX]; /* of each selective block, 0 to 15 */
};

/* One end of a link or of a selective stream. */
struct ide_port {
    struct pcie_bdf bdf;
    struct pcie_config config;
    struct ide_cap cap;
    uint8_t kept[IDE_SELECTIVE_MAX / 8]; /* selective blocks that are not to be claimed, a bit each; the caller's */
    uint8_t windows; /* address associations that a block had better have to be claimed; the caller's */
};

/*
 * Reads the capability. config must stay valid as long as the port is used. Writes nothing.
 * Errors: IDE_E_NO_IDE; IDE_E_FIELD if the blocks would go beyond configuration space.
 */
enum ide_err ide_port_open(struct ide_port *port, const struct pcie_bdf *bdf,
                           const struct pcie_config *config, struct ide_fault *fault) MUST_USE;

enum ide_kind { IDE_SELECTIVE, IDE_LINK };

/* A stream's registers at one port. */
struct ide_block {
    enum ide_kind kind;
    uint8_t index;
};

/*
 * Offset of the block in configuration space. index may be the number of blocks of that kind: then it is
 * where they end. The one place that knows the layout.
 */
unsigned ide_block_offset(const struct ide_cap *cap, enum ide_kind kind, unsigned index);

/* How many blocks of the kind there are. */
unsigned ide_block_count(const struct ide_cap *cap, enum ide_kind kind);

/* Offset of the block's control and status registers. */
unsigned ide_control_offset(const struct ide_cap *cap, struct ide_block block);
unsigned ide_status_offset(const struct ide_cap *cap, struct ide_block block);

/* What a block is doing. */
enum ide_use {
    IDE_USE_IDLE,
    IDE_USE_PREPARED, /* not enabled, but associated: somebody is setting it up, or left it so */
    IDE_USE_ENABLED
};

struct ide_block_state {
    enum ide_use use;
    uint8_t stream_id;
    uint32_t control;   /* as it was read: ide_features_of() */
    uint8_t state;      /* PCIE_IDE_STATE_INSECURE, PCIE_IDE_STATE_SECURE, or a reserved value */
    bool fail_received; /* an IDE fail message was received */
};

/* What both registers say, but for use: a block that is not enabled shows as idle. */
struct ide_block_state ide_block_state_of(uint32_t control, uint32_t status);

/* Reads the block's state. IDE_E_IO if the port reads as all ones; IDE_E_ARGUMENT if it has no such block. */
enum ide_err ide_block_read(const struct ide_port *port, struct ide_block block,
                            struct ide_block_state *state, struct ide_fault *fault) MUST_USE;

/*
 * The block that carries the Stream ID, enabled or prepared. A prepared link block cannot be told from an
 * idle one, so of these only the enabled are found. IDE_E_NO_STREAM if there is none; IDE_E_IO.
 */
enum ide_err ide_block_find(const struct ide_port *port, uint8_t stream_id, struct ide_block *block,
                            struct ide_fault *fault) MUST_USE;

/*
 * The first idle block of the kind that is not kept, for a new stream: one with as many address associations as
 * port->windows says, if there is one. Writes nothing.
 * Errors: IDE_E_STREAM_RANGE for Stream ID 255; IDE_E_CAPABILITY if the port has no block of the kind;
 * IDE_E_STREAM_USED if a block carries the Stream ID already; IDE_E_RESOURCES if no block is idle; IDE_E_IO.
 */
enum ide_err ide_block_claim(const struct ide_port *port, uint8_t stream_id, enum ide_kind kind,
                             struct ide_block *block, struct ide_fault *fault) MUST_USE;

/* A switch port passes the IDE TLPs of others on. IDE_E_CAPABILITY, IDE_E_REGISTER, IDE_E_IO. */
enum ide_err ide_flow_through(const struct ide_port *port, bool on, struct ide_fault *fault) MUST_USE;

#endif
