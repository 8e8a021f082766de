/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What ide-kmd and its clients agree on, apart from the sockets: the verbs and
 * what each takes, the names of JSON members, the limits. docs/api.md is the text.
 */
#ifndef TOOLS_COMMON_API_H
#define TOOLS_COMMON_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_VERSION          1
#define API_ENDPOINT_DEFAULT "ipc:///run/ide-kmd/control"
#define API_ENDPOINT_MAX     256u     /* with its NUL */
#define API_REQUEST_MAX      16384u   /* bytes; a longer request is refused */
#define API_FRAME_MAX        65536u /* bytes; a longer frame ends the connection */
#define API_ID_MAX           64u      /* bytes of a request id that is a string */
#define API_STREAM_LAST      254u     /* 255 marks idle register blocks */
#define API_MEASUREMENT_LAST 254u
#define API_AGE_MAX_MS       60000

enum api_verb {
    API_PING,
    API_LIST,
    API_SHOW,
    API_ATTEST,
    API_ESTABLISH,
    API_REKEY,
    API_STOP,
    API_CXL_ESTABLISH,
    API_CXL_REKEY,
    API_CXL_STOP,
    API_CANCEL,
    API_SNAPSHOT,
    API_EVENTS,
    API_DOCTOR,
    API_LOG,
};

/* Parameters as bits. */
#define API_BDF          1u
#define API_STREAM       2u
#define API_MEASUREMENTS 4u
#define API_FEATURES     8u     /* link, selective, and what a stream does: features.h */
#define API_OTHER        0x10u  /* "request" */
#define API_POSITION     0x20u  /* "instance" and "after" */
#define API_CXL          0x100u /* "mode" and "generate" */
#define API_MAX_AGE      0x400u /* "max_age_ms" */
#define API_LOG_FILTER   0x200u /* since_ms and what else request_log.h has */

struct api_verb_row {
    enum api_verb verb;
    const char *name;
    unsigned required, allowed; /* of the bits above */
    bool looks;                 /* changes nothing, so that those may who may only look */
};

/* The row of the verb with this name; NULL if there is none. */
const struct api_verb_row *api_verb_by_name(const char *name);
const struct api_verb_row *api_verb_row(enum api_verb verb);

/*
 * The endpoint of the events that belongs to an endpoint of requests: for ipc the path with ".events" behind
 * it, for tcp the next port. False for other transports, a wildcard or last port, and what does not fit into
 * API_ENDPOINT_MAX.
 */
bool api_events_endpoint(const char *endpoint, char out[static API_ENDPOINT_MAX]);

#endif
