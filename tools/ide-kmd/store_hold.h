/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What of the platform the controller holds, written down before it is touched: after a kill the next start
 * finds it here and puts it in order (recovery.h). And which streams are wanted, which a kill does not
 * change.
 *
 * From any thread. Each call returns once it is on the disk, unless said otherwise. A store that is NULL
 * holds nothing, and all succeeds: for tests of what is around it.
 */
#ifndef IDE_KMD_STORE_HOLD_H
#define IDE_KMD_STORE_HOLD_H

#include "ide_km/cxl_ide_km.h"
#include "tools/ide-kmd/keeper.h"
#include "tools/ide-kmd/store.h"
#include "tools/ide-kmd/stream.h"

#define ASKED_BY_CAP 64u

enum held_state {
    HELD_STARTING, /* registers, perhaps keys: nobody was told yet that it is up */
    HELD_UP,
    HELD_STOPPING,
    HELD_NOTHING /* wanted, and nothing of it is on the platform */
};
const char *held_state_name(enum held_state state);

struct held_end {
    struct pcie_bdf bdf;
    struct pcie_bdf mailbox; /* whose session gives it its keys */
    int block;               /* -1: none */
    uint16_t control_at;     /* the block's control register, and what it holds, not enabled */
    uint32_t control;
};

struct held_stream {
    struct held_end end[END_COUNT];
    struct pcie_bdf top;
    uint8_t id;
    enum ide_kind kind;
    struct ide_features features;
    enum held_state state;
    bool wanted;
    bool by_config;              /* the configuration wants it: it says so itself at the next start */
    char asked_by[ASKED_BY_CAP]; /* empty: nobody knows */
};

/* A stream or CXL link that the keeper leaves off, and did before: that outlives the controller too. Without its
 * policy. */
struct held_kept {
    struct keeper_want want;
    enum keeper_source source;
    enum keeper_state state; /* LEFT_OFF, QUARANTINED or STOPPED */
    struct keeper_reason reason;
};

/* A key set of a stream in a key unit. */
struct held_slots {
    struct pcie_bdf root_port;
    uint8_t id, key_set;
    unsigned block;
    int slot[IDE_DIRECTIONS][IDE_SUBSTREAMS];
};

struct held_cxl_link {
    struct pcie_bdf bdf[END_COUNT];
    enum cxl_ide_mode mode;
    bool generate;
    enum held_state state;
    bool wanted;
    bool by_config; /* as of a stream */
    char asked_by[ASKED_BY_CAP];
};

/* One stream more, or the same one anew: wanted stays what it was in a row that is there. */
enum ide_err store_hold_stream(struct store *store, const struct held_stream *held,
                               struct ide_fault *fault) MUST_USE;

enum held_wish { HELD_WANTED, HELD_NOT_WANTED, HELD_AS_WAS };
enum ide_err store_set_stream(struct store *store, const struct stream_ends *ends, uint8_t id,
                              enum held_state state, enum held_wish wish, struct ide_fault *fault) MUST_USE;

/* Nothing of it is on the platform any more: what is not wanted is forgotten. Does not wait. */
void store_let_go(struct store *store, const struct stream_ends *ends, uint8_t id);

/* A switch port passes IDE TLPs on because we have told it to; or does so no more, which is not waited for.
 */
enum ide_err store_hold_switch_port(struct store *store, const struct pcie_bdf *port,
                                    struct ide_fault *fault) MUST_USE;
void store_let_switch_port_go(struct store *store, const struct pcie_bdf *port);

enum ide_err store_hold_slots(struct store *store, const struct held_slots *held,
                              struct ide_fault *fault) MUST_USE;
void store_let_slots_go(struct store *store, const struct pcie_bdf *root_port, uint8_t id, uint8_t key_set);

enum ide_err store_hold_cxl_link(struct store *store, const struct held_cxl_link *held,
                                 struct ide_fault *fault) MUST_USE;
enum ide_err store_set_cxl_link(struct store *store, const struct pcie_bdf *root_port, enum held_state state,
                                enum held_wish wish, struct ide_fault *fault) MUST_USE;
void store_let_cxl_link_go(struct store *store, const struct pcie_bdf *root_port);

/* The item is left off from now on, or no longer. Does not wait; the former is on the disk soon. */
void store_take_kept(struct store *store, const struct keeper_item *item);

/* Somebody has given up a stream that is off at the moment. */
enum ide_err store_give_up(struct store *store, const struct pcie_bdf *port, uint8_t id,
                           struct ide_fault *fault) MUST_USE;

/* What the configuration wanted is not wanted until it says so again. Does not wait. */
void store_want_no_config(struct store *store);

/* Nobody wants any stream any more: the controller was told to end for good. */
void store_want_nothing(struct store *store);

/* Everything, as it is in the file; arrays are the caller's, release with held_release(). */
struct held {
    struct held_stream *stream;
    size_t streams;
    struct pcie_bdf *switch_port;
    size_t switch_ports;
    struct held_slots *slots;
    size_t slot_sets;
    struct held_cxl_link *cxl_link;
    size_t cxl_links;
    struct held_kept *kept;
    size_t kept_off;
};
enum ide_err store_load(struct store *store, struct held *held, struct ide_fault *fault) MUST_USE;
void held_release(struct held *held);

#endif
