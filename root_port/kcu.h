/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An Intel Key Configuration Unit: it holds the IDE keys of several root ports.
 * A stream gets one of its stream blocks and, for each key set, direction and
 * sub-stream, a key slot; keys are written, a key set is primed until the unit
 * says that it is ready, one is selected for transmitting, and the block is
 * enabled. Which block and slots are free is the unit's owner's to know.
 *
 * One struct kcu serves several threads, one for each root port. Its lock guards
 * who has which block and slot; the registers of a block, and the contents of a
 * slot, are touched only by whoever has it.
 */
#ifndef ROOT_PORT_KCU_H
#define ROOT_PORT_KCU_H

#include <pthread.h>
#include <stdbool.h>

#include "ide_km/ide_km.h"
#include "root_port/bounded_wait.h"
#include "root_port/kcu_regs.h"
#include "root_port/pcie_bdf.h"

#define KCU_KEY_SETS 2u

/* The unit's registers: mapped, or a file (kcu_memory.h), or a test. False: the access did not take place. */
struct kcu_access {
    bool (*read32)(void *context, uint32_t offset, uint32_t *value);
    bool (*write32)(void *context, uint32_t offset, uint32_t value);
    void *context;
};

struct kcu_stream {
    bool claimed, enabled;
    bool cleared; /* of what its registers held before */
    struct pcie_bdf port; /* whose */
    uint8_t id;
    int16_t slot[KCU_KEY_SETS][IDE_DIRECTIONS][IDE_SUBSTREAMS]; /* KCU_NO_SLOT */
    bool primed[KCU_KEY_SETS][IDE_DIRECTIONS];
    uint8_t selected;     /* value of the register's field; 0: none */
    uint64_t selected_us; /* when */
};
#define KCU_NO_SLOT (-1)

/* What others have: streams that somebody else enabled, an earlier run of this program too. */
struct kcu_others {
    bool stream[KCU_STREAMS_MAX];
    bool slot[IDE_DIRECTIONS][KCU_SLOTS_MAX];
    bool id[256];
};

/*
 * For an owner that has to know after its death what it had. hold() is called by kcu_reserve(), before any register of a block
 * or slot is touched, with all slots of the key set; if it fails none is taken. let_go() once all of them are erased.
 */
struct kcu_port;
struct kcu_journal {
    enum ide_err (*hold)(void *context, const struct kcu_port *port, unsigned block, const struct kcu_stream *stream,
                         uint8_t key_set, struct ide_fault *fault);
    void (*let_go)(void *context, const struct kcu_port *port, uint8_t stream_id, uint8_t key_set);
    void *context;
};

struct kcu {
    struct kcu_access access;
    struct kcu_journal journal; /* ops may be NULL; the caller's, after kcu_open() */
    unsigned streams, slots[IDE_DIRECTIONS];
    pthread_mutex_t lock;
    struct kcu_stream stream[KCU_STREAMS_MAX];
    bool slot_used[IDE_DIRECTIONS][KCU_SLOTS_MAX];
    struct kcu_others others; /* as a stream block was last claimed */
};

/* One root port's view of its unit. */
struct kcu_port {
    struct kcu *unit; /* borrowed */
    struct pcie_bdf bdf;
    const struct wait_ops *wait; /* borrowed */
    uint32_t timeout_ms;         /* until a key set is ready or selected */
    uint32_t generation;         /* counts the times that it was opened */
    bool is_open;
};

/* Bytes of registers that a unit with this capability register has. */
uint32_t kcu_size(uint32_t capability);

/* Reads the capability. IDE_E_IO if it reads as all ones. Close also after a failure. */
enum ide_err kcu_open(struct kcu *unit, const struct kcu_access *access, struct ide_fault *fault) MUST_USE;
void kcu_close(struct kcu *unit);

/*
 * Writes a key of the stream into its slot; the first one of a stream takes a stream block, the first one of
 * a sub-stream a slot. Blocks that are enabled and not ours, and the slots that they name, are left alone.
 * Errors: IDE_E_ARGUMENT; IDE_E_RESOURCES with what there is none of; IDE_E_STREAM_USED if the unit has the
 * Stream ID already, for another port or another owner, because it knows streams by nothing else; IDE_E_IO.
 */
enum ide_err kcu_write_key(struct kcu_port *port, const struct ide_km_target *target,
                           const struct ide_key *key, struct ide_fault *fault) MUST_USE;

/*
 * Takes the stream's block and all slots of the key set, as far as it has them not, and has the journal write them down; no
 * register is touched. kcu_write_key() does without. Errors as there, and the journal's.
 */
enum ide_err kcu_reserve(struct kcu_port *port, uint8_t stream_id, uint8_t key_set, struct ide_fault *fault) MUST_USE;

/*
 * Names the slots of the key set's six keys, and waits until the unit has taken them. After the last
 * kcu_write_key() of the set. IDE_E_STATE if a key is missing; IDE_E_REGISTER; IDE_E_TIMEOUT; IDE_E_IO.
 */
enum ide_err kcu_prime(struct kcu_port *port, uint8_t stream_id, uint8_t key_set,
                       struct ide_fault *fault) MUST_USE;

/* The transmitter uses the key set; in a stream that is enabled, waits until it does. One that does not yet, though it was
 * told, is told again. Errors as kcu_prime(). */
enum ide_err kcu_select(struct kcu_port *port, uint8_t stream_id, uint8_t key_set,
                        struct ide_fault *fault) MUST_USE;

/* IDE_E_STATE if the stream has no block (enable only), IDE_E_REGISTER, IDE_E_IO. */
enum ide_err kcu_enable(struct kcu_port *port, uint8_t stream_id, bool on, struct ide_fault *fault) MUST_USE;

/*
 * Takes one key back: its set is no longer primed in this direction, the slot is erased and free. With its
 * last key the stream gives its block back. Does nothing for a key that is not there. IDE_E_IO: what cannot
 * be erased stays taken.
 */
enum ide_err kcu_erase(struct kcu_port *port, const struct ide_km_target *target,
                       struct ide_fault *fault) MUST_USE;

/* Whether the set is primed and the unit says that it is ready, in one direction. */
bool kcu_is_ready(struct kcu_port *port, uint8_t stream_id, uint8_t key_set, enum ide_direction direction);

/* What an owner that died had of the unit: its block for this stream, and slots. */
struct kcu_remains {
    unsigned block;
    uint8_t stream_id;
    int slot[IDE_DIRECTIONS][IDE_SUBSTREAMS];
};

/*
 * Disables the block if it still is the stream's and erases the slots, but none that another block that is enabled names.
 * Before any stream of the unit is claimed. IDE_E_IO if the unit does not answer.
 */
enum ide_err kcu_clear_remains(struct kcu *unit, const struct kcu_remains *remains, struct ide_fault *fault) MUST_USE;

/* Disables all streams of the port and takes all their keys back, as far as the unit can be reached. */
void kcu_release(struct kcu_port *port);

#endif
