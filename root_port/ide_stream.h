/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One IDE stream at one port, and at both: settings, register image, verbs
 * (PCIe 6.x §6.33, §7.9.26.5).
 *
 *   settings  what is wanted, with units        ide_stream_associate() fills in whom it is for
 *   image     the registers' values             ide_stream_image(), a pure function
 *   verbs     in pairs; each undoes the other   setup and release, enable and disable
 *
 * There is no key set here: which one a port sends with is chosen by K_SET_GO or in
 * the key unit, and the K bit of each TLP says it to the receiver.
 */
#ifndef ROOT_PORT_IDE_STREAM_H
#define ROOT_PORT_IDE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "root_port/bounded_wait.h"
#include "root_port/ide_cap.h"

/* How many TLPs one MAC covers at the most; the values are the register's. */
enum ide_aggregation { IDE_AGGREGATION_NONE, IDE_AGGREGATION_2, IDE_AGGREGATION_4, IDE_AGGREGATION_8 };

/* How much of the address is encrypted, by its bits; the values are the register's. */
enum ide_partial_header {
    IDE_HEADER_CLEAR,
    IDE_HEADER_17_2,
    IDE_HEADER_25_2,
    IDE_HEADER_33_2,
    IDE_HEADER_41_2
};

/* What a stream does, as both ends' control registers say it. All zero is the plainest. */
struct ide_features {
    uint8_t traffic_class;             /* 0 to 7 */
    uint8_t algorithm;                 /* PCIE_IDE_ALG_AES_GCM_256 */
    enum ide_aggregation npr, pr, cpl; /* transmitted non-posted requests, posted requests, completions */
    enum ide_partial_header partial_header;
    bool pcrc;

    /* the rest is for selective streams; in a link stream all of it must be 0 */
    bool config_requests;
    bool default_stream; /* what no other stream's association covers goes here; an endpoint's */
    bool tee_limited;
};

/* What a control register of a block of that kind says. */
struct ide_features ide_features_of(uint32_t control, enum ide_kind kind);

/*
 * Whether a port with this capability can do it, before any block is chosen. Errors, each with the field:
 * IDE_E_CAPABILITY for what the port cannot do, streams of that kind among it; IDE_E_ARGUMENT for a value out
 * of range or a selective setting in a link stream.
 */
enum ide_err ide_features_check(const struct ide_features *features, enum ide_kind kind,
                                const struct ide_cap *cap, struct ide_fault *fault) MUST_USE;

struct ide_stream_settings {
    struct ide_block block;
    uint8_t stream_id; /* 0 to 254 */
    struct ide_features features;

    /* the rest is for selective streams; in a link stream all of it must be 0 */
    uint16_t rid_first, rid_last; /* requester IDs of the other end */
    uint8_t segment;              /* of these; 0 outside Flit Mode */
    uint8_t window_count;         /* address association */
    uint8_t windows_left_out;     /* by ide_stream_associate(): the block has no room for them */
    struct pcie_window windows[IDE_ADDRESS_MAX]; /* whole multiples of 1 MiB */
};

/* Values of the block's registers; control without the enable bit. */
struct ide_stream_regs {
    uint32_t control, rid_1, rid_2;
    unsigned address_count; /* all that the block has; those not used are 0 */
    struct {
        uint32_t reg[3];
    } address[IDE_ADDRESS_MAX];
};

/*
 * Fills in whom a selective stream between the two ports is for; block must be set in both settings.
 * The root port gets the endpoint's requester IDs, through its last virtual function or root_settings->rid_last if
 * that is greater: the last function that has no IDE capability of its own; and the memory windows
 * of above, the port right above the endpoint (which is the root port if there is no switch), memory first,
 * as far as the block has room. The endpoint gets the root port's requester ID; a single stream then covers
 * all its requests only if its default_stream is set too, which is the caller's choice.
 */
void ide_stream_associate(const struct ide_port *root_port, const struct ide_port *endpoint,
                          const struct pcie_config *above, struct ide_stream_settings *root_settings,
                          struct ide_stream_settings *endpoint_settings);

/*
 * One window over all of above's, for a block that has room for one only. Right where nothing else is addressed
 * through the root port, because what is in between then goes nowhere.
 */
void ide_stream_join_windows(struct ide_stream_settings *root_settings, const struct pcie_config *above);

/*
 * What to write for these settings at a port with this capability. Touches no device.
 * Errors, each with the field: IDE_E_STREAM_RANGE for the Stream ID; IDE_E_CAPABILITY for what the port
 * cannot do; IDE_E_ARGUMENT for a block that is not there, a value out of range, a window that is not in
 * whole MiB, or a selective setting in a link stream.
 */
enum ide_err ide_stream_image(const struct ide_stream_settings *settings, const struct ide_cap *cap,
                              struct ide_stream_regs *regs, struct ide_fault *fault) MUST_USE;

/* A stream at one port. */
struct ide_stream {
    const struct ide_port *port; /* borrowed */
    struct ide_block block;
    struct ide_stream_regs regs;
    bool set_up, enabled; /* what is to be undone */
};

/*
 * Writes the settings: address and RID association, then control with the Stream ID, not enabled. Idle blocks
 * that carry the same Stream ID get 255 first, because some devices take them for the stream's. Reads back
 * everything: an association that did not take would leave TLPs in the clear in a stream that says Secure.
 * Do this before keys are programmed. On failure nothing of it stays.
 * Errors: those of ide_stream_image(); IDE_E_STREAM_USED if the block is enabled (nothing is written then);
 * IDE_E_REGISTER with the register; IDE_E_IO.
 */
enum ide_err ide_stream_setup(struct ide_stream *stream, const struct ide_port *port,
                              const struct ide_stream_settings *settings, struct ide_fault *fault) MUST_USE;

/*
 * Takes over a stream that is in the block's registers already, to repair what an earlier run left: enabled
 * as the register says, set up in any case. Writes nothing. IDE_E_ARGUMENT, IDE_E_IO.
 */
enum ide_err ide_stream_attach(struct ide_stream *stream, const struct ide_port *port, struct ide_block block,
                               struct ide_fault *fault) MUST_USE;

/* One write each, no read. IDE_E_STATE if not set up (enable only), IDE_E_IO. Disable leaves the settings. */
enum ide_err ide_stream_enable(struct ide_stream *stream, struct ide_fault *fault) MUST_USE;
enum ide_err ide_stream_disable(struct ide_stream *stream, struct ide_fault *fault) MUST_USE;

/*
 * Disables if need be, then undoes the setup in reverse: idle Stream ID, no association. Does nothing to a
 * stream that is not set up. All is tried even after a failure, which is returned then: IDE_E_IO.
 */
enum ide_err ide_stream_release(struct ide_stream *stream, struct ide_fault *fault) MUST_USE;

/* State, Stream ID and fail message. Errors as ide_block_read(). */
enum ide_err ide_stream_status(const struct ide_stream *stream, struct ide_block_state *state,
                               struct ide_fault *fault) MUST_USE;

/* Clears "IDE fail message received". IDE_E_IO. */
enum ide_err ide_stream_clear_fail(const struct ide_stream *stream, struct ide_fault *fault) MUST_USE;

/* The last one is the key unit of the root port: an error of its own says that both ports did as they were
 * told. */
enum ide_end { IDE_END_NONE, IDE_END_ROOT_PORT, IDE_END_ENDPOINT, IDE_END_KEY_UNIT };

/* What holds the root port's keys and has an enable bit of its own. */
struct ide_key_unit {
    enum ide_err (*enable)(void *context, uint8_t stream_id, bool on,
                           struct ide_fault *fault); /* may be NULL */
    void *context;
};

/* Both ends of a stream, for what has an order between them. */
struct ide_pair {
    struct ide_stream root_port, endpoint;
    struct ide_key_unit key_unit; /* set by the caller before any function below */
    bool key_unit_on;             /* what is to be undone */
    enum ide_end failed;          /* set by each function below: the end that its error is about */
};

/*
 * Enables the endpoint, then the key unit, then the root port. On failure all are disabled. IDE_E_STATE,
 * IDE_E_IO, and the key unit's.
 */
enum ide_err ide_pair_enable(struct ide_pair *pair, struct ide_fault *fault) MUST_USE;

/*
 * Disables the root port, the key unit, then the endpoint, with no access to the endpoint in between: once
 * one end is off, a configuration request to the endpoint may never be answered and hang the host. Then reads
 * back that both are off, the endpoint only once the root port is. All are tried even after a failure.
 * IDE_E_IO; IDE_E_REGISTER if one stays enabled; the key unit's errors only if both ports are off.
 */
enum ide_err ide_pair_disable(struct ide_pair *pair, struct ide_fault *fault) MUST_USE;

/* ide_pair_disable(), then releases both ends. The first failure is returned, all is tried, and may be tried again. */
enum ide_err ide_pair_release(struct ide_pair *pair, struct ide_fault *fault) MUST_USE;

/*
 * Waits until the root port, and after it the endpoint, say Secure: only both together are success. The
 * endpoint is not read before the root port is Secure. Changes nothing on failure.
 * Errors: IDE_E_INSECURE with the state if it is not so in time, or if an IDE fail message was received;
 * IDE_E_IO if an end reads as all ones to the last; IDE_E_CANCELLED.
 */
enum ide_err ide_pair_wait_secure(struct ide_pair *pair, const struct wait_ops *ops, uint32_t timeout_ms,
                                  struct ide_fault *fault) MUST_USE;

#endif
