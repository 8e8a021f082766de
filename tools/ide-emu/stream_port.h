/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The IDE extended capability of one function (PCIe 6.x §7.9.26) and the keys
 * behind its stream blocks (§6.33.3): what IDE_KM and register writes do to this
 * one port. Whether a stream is Secure takes both ends: ide_link.h.
 */
#ifndef IDE_EMU_STREAM_PORT_H
#define IDE_EMU_STREAM_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ide_km/ide_km.h"
#include "root_port/ide_cap.h"
#include "spdm/crypto.h"
#include "tools/ide-emu/config_space.h"
#include "tools/ide-emu/platform.h"

#define IDE_KEY_SETS 2u
#define IDE_TX_NONE (-1)

struct ide_key_slot {
    bool programmed, started;
    bool retired;                          /* a receive key that the transmitter has left: no TLP may come under it */
    uint64_t generation;                   /* the greater, the later it was programmed */
    struct ide_key key;
    uint64_t used;                         /* how many MACs were made or checked with it */
    struct aead_key *schedule;             /* made when it is first used */
};

/* The sub-streams whose TLPs must not pass posted requests: index into what is counted for them (ide_flow.h). */
enum { COUNT_NPR, COUNT_CPL, COUNTERS };

/* What a port remembers of a stream's TLPs, to find the order violated that is between sub-streams (§6.33.5). */
struct stream_flow {
    uint8_t sent[COUNTERS];                /* PR_Sent_Counter-NPR, -CPL */
    bool escort[COUNTERS];                 /* an IDE Sync took what the next TLP of the kind would have said */
    bool fresh_sync;                       /* no posted request was sent since the last IDE Sync */
    uint64_t syncs_sent, syncs_received;
    uint32_t received[COUNTERS];           /* PR_Received_Counter-NPR, -CPL */
    uint64_t generation;                   /* of the last key */
    struct ide_pending *pending;           /* units whose MAC has not come yet; NULL: none ever */
};

/* One link or selective stream block. */
struct port_stream {
    bool selective;
    unsigned index;                        /* within its kind, as lspci counts */
    uint16_t control, status, rid;         /* register offsets in config space; rid 0 for a link stream */
    struct ide_key_slot key[IDE_KEY_SETS][IDE_DIRECTIONS][IDE_SUBSTREAMS];
    int transmit_set[IDE_SUBSTREAMS];      /* which key set the transmitter of a sub-stream uses, or IDE_TX_NONE */
    struct stream_flow flow;
    bool guarded;                          /* was Secure since it was enabled: nothing it covers goes in the clear */
    uint32_t session;                      /* whose keys these are, if any is programmed */
    bool secure;                           /* decided by ide_link_settle() */
    unsigned falls;                        /* how often it was Secure, enabled, and then no longer Secure */
    uint64_t fell_us;                      /* when its register last went from Secure to Insecure: CLOCK_MONOTONIC; 0: never */
    bool reported;                         /* what the status register says: a misbehaving port differs */
};

struct stream_port {
    uint16_t cap;                          /* offset of the extended capability; 0: none */
    uint16_t end;                          /* first offset behind it */
    struct port_stream *streams;            /* link streams first, then selective, as in the register layout */
    size_t count;
};

/* Bytes of the extended capability, header included. */
size_t stream_port_size(const struct platform_ide *ide);

/* Adds the capability to config and makes the blocks; false if it does not fit or there is no memory. */
bool stream_port_build(struct stream_port *port, const struct platform_ide *ide, struct config_space *config);
void stream_port_free(struct stream_port *port);

/* Registers and keys as after a reset. */
void stream_port_reset(struct stream_port *port, struct config_space *config);

/* A write by software to a dword of the capability, with what the register's meaning asks for beyond its masks. */
void stream_port_write(struct stream_port *port, struct config_space *config, unsigned offset, uint32_t value,
                    uint32_t enabled);

bool port_stream_enabled(const struct port_stream *s, const struct config_space *config);
uint8_t port_stream_id(const struct port_stream *s, const struct config_space *config);

/* The one block that carries the Stream ID, or NULL if there is none or more than one: idle blocks may alias. */
struct port_stream *stream_port_find(struct stream_port *port, const struct config_space *config, uint8_t stream_id);

/*
 * IDE_KM on one stream. A key set must be complete before any part of it is started, all keys of a stream come from one
 * session, and a key in use by a Secure stream is not overwritten.
 */
enum kp_ack_status port_stream_key_prog(struct port_stream *s, uint32_t session, const struct ide_km_target *target,
                                       const struct ide_key *key);
bool port_stream_set_go(struct port_stream *s, uint32_t session, const struct ide_km_target *target);
bool port_stream_set_stop(struct port_stream *s, uint32_t session, const struct ide_km_target *target);
bool port_stream_has_keys(const struct port_stream *s);
void port_stream_wipe(struct port_stream *s);

/* The key's schedule, made now if need be. NULL if there is none to make or no memory. */
const struct aead_key *key_slot_schedule(struct ide_key_slot *slot);

/* Every sub-stream has a transmit key and a started receive key: all that can be said of an end alone. */
bool port_stream_ready(const struct port_stream *s);

/* What a transmitter sends on a sub-stream with its current key, the receiver can open. */
bool port_stream_flows(const struct port_stream *tx, const struct port_stream *rx, unsigned substream);

/* Puts secure, as far as the port admits it, and the fail bit into the status register. */
void port_stream_report(struct port_stream *s, struct config_space *config, bool admits);
void port_stream_fail_message(const struct port_stream *s, struct config_space *config);

#endif
