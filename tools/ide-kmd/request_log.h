/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request for the log asks for. docs/api.md */
#ifndef IDE_KMD_REQUEST_LOG_H
#define IDE_KMD_REQUEST_LOG_H

#include <jansson.h>

#include "tools/ide-kmd/failure.h"

#define LOG_LIMIT_MAX 1000
#define LOG_LIMIT     200 /* unless told */

struct request_log {
    long long since_ms, until_ms; /* since 1970; 0 and INT64_MAX: without bound */
    char what[32], operation[32], state[32], cause[256]; /* empty: all */
    char asked_by[64];            /* this one; or all that begin so: "uid 0" is each process of that user */
    long long cursor;             /* entries after this one; -1: the last ones */
    int limit;
    bool has_bdf, has_stream; /* as in the request: entries about this port, this stream */
    struct pcie_bdf bdf;
    uint8_t stream;
};

/* Whether the member is one of those that request_take_log() looks at. */
bool request_is_log(const char *member);

/* IDE_E_ARGUMENT for a wrong type or value. bdf and stream are the caller's. */
enum ide_err request_take_log(const json_t *object, struct request_log *log,
                              struct failure *failure) MUST_USE;

#endif
