/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Looking at the platform: which functions there are, what hangs where, what the
 * ports' registers say. Reads only, through an access of its own, and never
 * while an operation is at a point where the endpoint must be left alone.
 */
#ifndef IDE_KMD_SURVEY_H
#define IDE_KMD_SURVEY_H

#include <jansson.h>

#include "root_port/kernel_owner.h"
#include "root_port/pcie_ahead.h"
#include "root_port/topology.h"
#include "tools/ide-kmd/failure.h"
#include "tools/ide-kmd/providers.h"
#include "tools/ide-kmd/request_features.h"
#include "tools/ide-kmd/stream.h"

#define SURVEY_KERNEL_MAX 256u

/* Which numbers are somebody else's, where, and whose; owner NULL: nobody's. */
struct foreign_numbers {
    struct {
        const char *owner;
        struct pcie_bdf port;
    } number[IDE_STREAM_ID_IDLE + 1];
};

struct port_gates; /* port_gate.h */

struct survey {
    bool is_fresh;    /* the topology was read for the requests at hand: survey_refresh() has nothing to do */
    bool is_listed;   /* or found to have the same functions as before */
    uint64_t read_ms; /* when the topology was, of zclock_mono() */
    const char *sysfs;
    struct pcie_access access;
    struct topology topology;
    uint64_t look;                  /* counts; what an earlier look has read of what may change is not used */
    struct survey_ide *ide;         /* by the topology's index: capabilities that were read */
    bool has_bridge;                /* what follows was read for the requests at hand */
    struct pcie_bdf bridge;         /* a root port of the host bridge that it is about */
    struct foreign_numbers foreign; /* of all its root ports */
    const struct stream_table *streams; /* borrowed */
    const struct providers *providers;  /* borrowed */
    struct port_gates *gates;           /* borrowed; NULL: none */
};

enum ide_err survey_open(struct survey *survey, const char *sysfs, const struct stream_table *streams,
                         struct failure *failure) MUST_USE;
void survey_close(struct survey *survey);

/* Reads the topology anew; all below use what was read last. */
enum ide_err survey_refresh(struct survey *survey, struct failure *failure) MUST_USE;

/* The same if any function has come or gone since, or is another one; else no register is read. */
enum ide_err survey_refresh_list(struct survey *survey, struct failure *failure) MUST_USE;

/*
 * The same for who tells of one function, and for who needs to know what it can have a stream with. What is
 * below its root port is read, and the whole only if the function was not there before; for a branch, also if
 * any function has come or gone since. With hundreds of ports that takes a millisecond or two, not a third of
 * a second in which nobody is answered.
 */
enum ide_err survey_refresh_port(struct survey *survey, const struct pcie_bdf *bdf,
                                 struct failure *failure) MUST_USE;
enum ide_err survey_refresh_branch(struct survey *survey, const struct pcie_bdf *bdf,
                                   struct failure *failure) MUST_USE;

/* Whether a function answers now that was silent when the topology was read, as its link was down. One that a
 * stream ends at, or is cut off by, is not asked. */
bool survey_hears_more(struct survey *survey);

/* The requests at hand have been dealt with: the next ones look anew. */
void survey_done(struct survey *survey);

/* The function must exist and be a root port or an endpoint. */
enum ide_err survey_port(const struct survey *survey, const struct pcie_bdf *bdf,
                         struct failure *failure) MUST_USE;

/* Opens the function's IDE capability; close the function after it. */
enum ide_err survey_open_ide(struct survey *survey, const struct pcie_bdf *bdf,
                             struct pcie_function *function, struct ide_port *port,
                             struct ide_fault *fault) MUST_USE;

/* A port whose blocks are gone through. */
struct survey_reading {
    struct pcie_function function;
    struct pcie_ahead ahead;
    struct ide_port ide;
};

/* The same for who goes through the blocks; close port->function after it. port must stay where it is until
 * then. */
enum ide_err survey_read_ide(struct survey *survey, const struct pcie_bdf *bdf, struct survey_reading *port,
                             struct ide_fault *fault) MUST_USE;

/* One stream that a request means. */
struct planned_stream {
    enum ide_kind kind;
    struct ide_features features;
    struct stream_ends ends;
};

#define SURVEY_STREAMS_MAX (STREAM_SWITCH_PORTS_MAX / 2 + 2) /* one from end to end, one on each link */

struct survey_plan {
    struct planned_stream stream[SURVEY_STREAMS_MAX];
    size_t count;
};

/*
 * Which streams a wish means at this port: the selective one first, then those of the links from the root
 * port down. Each port has all that its stream needs: IDE with streams of the kind and what the wish asks of
 * them, DOE and IDE_KM where the port itself is given its keys, flow-through where a switch port is only
 * passed, and in a block of the root port room for all memory that is below the port above the endpoint.
 *
 * A selective stream is between a root port and an endpoint, one of them given. Link streams are on each link
 * between these; if they alone are wanted and bdf is no endpoint, on one: above an upstream port, below any
 * other.
 */
enum ide_err survey_wish(struct survey *survey, const struct pcie_bdf *bdf, const struct stream_wish *wish,
                         struct survey_plan *plan, struct failure *failure) MUST_USE;

/* Whether no other stream of its kind has its traffic class between the same ports. IDE_E_STREAM_USED. */
enum ide_err survey_class_free(struct survey *survey, const struct planned_stream *stream,
                               struct failure *failure) MUST_USE;

/*
 * Whether the number is free: no stream of this controller under the host bridge has it, and no block of the
 * two ends or of any of its root ports carries it. IDE_E_STREAM_USED says whose it is.
 */
enum ide_err survey_stream_free(struct survey *survey, const struct stream_ends *ends, uint8_t id,
                                struct failure *failure) MUST_USE;

/* The lowest number that is free. IDE_E_RESOURCES. */
enum ide_err survey_choose_stream(struct survey *survey, const struct stream_ends *ends, uint8_t *id,
                                  struct failure *failure) MUST_USE;

/* Whose a block is that this controller has not set up: "other" or "kernel". */
const char *survey_owner(const struct survey *survey, const struct pcie_bdf *port, struct ide_block block);

/* The streams that the kernel has under the function's host bridge, as they are now; how many. */
size_t survey_kernel_streams(const struct survey *survey, const struct pcie_bdf *bdf,
                             struct kernel_stream list[static SURVEY_KERNEL_MAX]);

/* Whether a block of the port carries the number, without this controller having set it up: its owner, or
 * NULL. */
const char *survey_foreign_owner(struct survey *survey, const struct pcie_bdf *bdf, uint8_t id);

/* The objects of docs/api.md. */
json_t *survey_ports_json(struct survey *survey);
json_t *survey_port_json(struct survey *survey, const struct pcie_bdf *bdf);
json_t *survey_streams_json(struct survey *survey);
json_t *survey_stream_json(struct survey *survey, const struct stream *stream);

/* When keys have to be new, and why (docs/ide.md); null without keys. */
json_t *refresh_json(const struct refresh_use *use);
/* What the watch has said; null if it does not watch. */
json_t *watch_json(const struct stream_seen *seen);

/* What was negotiated with a port, null if nothing was: "secured_version", "algorithms", "spdm_version". */
json_t *secured_version_json(uint16_t version);
json_t *algorithms_json(const struct spdm_params *params);
json_t *version_json(const struct spdm_params *params);

#endif
