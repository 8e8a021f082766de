/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The streams that this controller has set up or is setting up: what it has to know of each, and never a key.
 */
#ifndef IDE_KMD_STREAM_H
#define IDE_KMD_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "root_port/ide_stream.h"
#include "root_port/key_provider.h"
#include "tools/ide-kmd/plan.h"
#include "tools/ide-kmd/refresh_due.h"

enum stream_state {
    STREAM_OFF, /* gone: to be forgotten */
    STREAM_STARTING,
    STREAM_UP,
    STREAM_HALF_OFF, /* could not be turned off: stop may be tried again */
};

#define STREAM_SWITCH_PORTS_MAX 32

/*
 * Of a selective stream a root port and an endpoint; of a link stream the ports above and below one link,
 * under the same names.
 */
struct stream_ends {
    struct pcie_bdf bdf[END_COUNT];
    struct pcie_bdf top;    /* the root port above both, or END_ROOT_PORT itself */
    uint16_t last_rid;      /* of the endpoint and the functions that share its IDE capability; 0: its own */
    bool served[END_COUNT]; /* the end has no mailbox: this function's serves it by a port index */
    struct pcie_bdf mailbox[END_COUNT]; /* only then */
    uint8_t first_bus, last_bus; /* below a link: whom a change of its stream cuts off for a moment; else 0 */
    struct pcie_bdf switch_port[STREAM_SWITCH_PORTS_MAX]; /* between them, from the root port down */
    unsigned switch_ports;
};

/* Whose mailbox an end's keys go through: its own, or the one that serves it. */
const struct pcie_bdf *stream_mailbox(const struct stream_ends *ends, enum stream_end end);

/* The port right above the endpoint: its windows are the endpoint's addresses. */
const struct pcie_bdf *stream_port_above(const struct stream_ends *ends);

/* One address association may span both of these windows: nothing but the endpoint is between them
 * (docs/ide.md, "Which memory"). */
bool stream_may_join_windows(const struct stream_ends *ends);

/* The ports whose links have to be up: the root port above both ends, then the switch ports between them.
 * Number counts from the root port down. */
unsigned stream_links(const struct stream_ends *ends);
const struct pcie_bdf *stream_link_port(const struct stream_ends *ends, unsigned number);

/* What the watch has said of a stream. */
struct stream_seen {
    uint64_t serial; /* of its news; 0: it is not watched */
    bool insecure;
    const char *cause; /* static; of the last fall; NULL: it never fell */
    struct pcie_bdf device;
    bool both_on;    /* at that fall both ends were enabled still */
    int64_t changed; /* unix seconds of the last change; 0: none since it is watched */
};

struct registers; /* registers.h */

struct stream {
    struct stream *next;
    struct stream_ends ends;
    uint8_t id;
    enum ide_kind kind;
    struct ide_features features; /* asked for */
    enum stream_state state;
    uint8_t key_set; /* 0 or 1: the one in use */
    bool both_sets;  /* a re-key stopped midway: the other set is in use too, or may be */
    unsigned rekeys;
    /* as of establish */
    struct key_provider_status provider[END_COUNT];
    const char *provider_name[END_COUNT];
    uint8_t port_index[END_COUNT]; /* of IDE_KM, where a mailbox serves several ports */
    struct ide_block block[END_COUNT];
    uint64_t active_links;  /* a bit each, by stream_link_port()'s number: those whose port said so */
    struct refresh_use use; /* of its present keys */
    struct stream_seen seen;
    /* made by setup, gone after release; touched by the root port's worker only */
    struct registers *registers;
};

struct stream_table {
    struct stream *first; /* in the order they were made */
};

/* NULL without memory. */
struct stream *stream_add(struct stream_table *table, const struct stream_ends *ends, uint8_t id);
void stream_remove(struct stream_table *table, struct stream *stream);
void stream_table_clear(struct stream_table *table);

/* The stream with this number one of whose ends is the port; NULL if there is none. */
struct stream *stream_find(const struct stream_table *table, const struct pcie_bdf *port, uint8_t id);

/* Whether any stream other than except has its keys through this port's mailbox. */
bool stream_uses_port(const struct stream_table *table, const struct pcie_bdf *port,
                      const struct stream *except);

/* Stream IDs are unique under a host bridge, which is where root ports share domain and bus. top: as in ends.
 */
bool stream_id_is_taken(const struct stream_table *table, const struct pcie_bdf *top, uint8_t id);

/* Whether a change of the stream cuts the function off from its host for a moment. */
bool stream_cuts_off(const struct stream_ends *ends, const struct pcie_bdf *function);

bool stream_has_end(const struct stream *stream, const struct pcie_bdf *port);

/* "root_port" or "endpoint" */
const char *stream_end_name(enum stream_end end);

#endif
