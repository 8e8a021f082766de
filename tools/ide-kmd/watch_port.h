/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the watch's thread has of one function. All of it but gate and held belongs to that thread. */
#ifndef IDE_KMD_WATCH_PORT_H
#define IDE_KMD_WATCH_PORT_H

#include <pthread.h>
#include <stdatomic.h>

#include "root_port/port_view.h"
#include "tools/ide-kmd/watch_batch.h"
#include "tools/ide-kmd/watch_rules.h"

#define WATCH_RECENT_MS 1000u /* errors count as the cause of what falls so soon after them */

struct watch; /* watch_look.h */
struct watched_end;

/* What a port's health is told from, each 5 seconds (watch_health.c). */
enum watch_register {
    WATCH_ERRORS, /* AER's uncorrectable ones */
    WATCH_LINK,   /* Link Status of a port that is a stream's upper end */
    WATCH_DOE,    /* DOE Status of a mailbox through which the port gets its keys */
    WATCH_REGISTERS
};

struct watch_port {
    /* what each look goes through comes first, to be near each other */
    struct watch_port *next, *next_here; /* of all; of those with ends on the same side of the links */
    pthread_mutex_t *gate;               /* to be locked for each access; NULL: no link is crossed */
    struct watched_end *ends;            /* of streams, that are here */
    atomic_uint held;                    /* operations on links above */
    bool is_entered;                     /* until all that are read at once have been */
    bool is_read;                        /* in this look, with others */
    bool is_set;                         /* read is, for the ends that there are */
    bool is_calm;                        /* calm is meant */
    struct port_view view;
    struct batch_read read; /* of its blocks, with many others'; fd is -1 until the first */
    uint8_t bytes[PORT_VIEW_NEAR];
    uint8_t calm[PORT_VIEW_NEAR]; /* the same bytes, when they said that all is well */
    struct batch_read health[WATCH_REGISTERS];
    uint8_t health_bytes[WATCH_REGISTERS][4];

    struct pcie_bdf bdf, root_port;
    unsigned users;     /* streams that end here */
    uint64_t retry_ms;  /* not opened again before */
    bool failed;        /* it could not be opened the last time */
    uint64_t health_ms; /* when its errors are to be looked at again */
    bool has_errors;    /* known is meant */
    uint32_t known, recent;
    uint64_t recent_ms;
    struct watch_link link; /* below it */
    struct watch_doe doe;
    bool by_mailbox; /* its keys come through its own mailbox */
    int64_t not_after;
    enum watch_expiry expiry;
};

/* May be read now: true until watch_port_leave(). Opens it if need be; false too if that fails. */
bool watch_port_enter(struct watch_port *port, const struct watch *watch, uint64_t now_ms);
void watch_port_leave(struct watch_port *port);

/* Forgets its files: it is gone, or is not watched any more. */
void watch_port_close(struct watch_port *port);

/* The ends that are here have changed. */
void watch_port_changed(struct watch_port *port);

/* The rest is between the two. */

/* Opens what is read with others; false if it cannot be. */
bool watch_port_need_config(struct watch_port *port);

/* Adds the ends' blocks to the batch, if they are near each other. It must have run before
 * watch_port_leave(). */
void watch_port_add(struct watch_port *port, struct watch_batch *batch);

/* Reads what the batch has not read. False if all is well, and nothing else is to be done; else each end that
 * is here has what was seen of it, gone if the port does not answer. */
bool watch_port_see(struct watch_port *port);

/* The state of one block; gone if the port does not answer. */
struct watch_end watch_port_end(const struct watch_port *port, struct ide_block block);

/* Whether a selective block has no association any more. */
bool watch_port_is_blank(const struct watch_port *port, struct ide_block block);

/*
 * Takes what AER shows now, all ones for nothing, and says which errors are new; they are known then. At the
 * first look what is there may be old, or have come since the stream came up: IDE errors are recent ones
 * then, and new only if a stream has just fallen.
 */
uint32_t watch_port_errors(struct watch_port *port, uint32_t now, bool fallen, uint64_t now_ms);
/* Those of the last WATCH_RECENT_MS. */
uint32_t watch_port_recent(const struct watch_port *port, uint64_t now_ms);

/*
 * Clears the IDE errors that were told, so that the next one shows. Not where Linux's AER driver serves the
 * root port: it reads them, recovers, and clears them itself, and all other errors are never ours.
 */
void watch_port_clear(struct watch_port *port);

#endif
