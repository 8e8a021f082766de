/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When a stream's keys have to be refreshed, and its sessions to be renewed, and why: arithmetic without time,
 * devices or threads of its own. docs/ide.md, "When a refresh is due", has the limits and where they come from.
 *
 * How many IVs a port has used and how many bytes went under a key, hardware does not say. So they are bounded
 * from above: the link at its full rate since the keys were given, all of it in one sub-stream, in the smallest
 * TLPs for IVs and in the largest for bytes. The records of our own sessions are counted.
 */
#ifndef IDE_KMD_REFRESH_DUE_H
#define IDE_KMD_REFRESH_DUE_H

#include <stdbool.h>
#include <stdint.h>

/* An IDE TLP is no shorter: prefix, header of three dwords, MAC. Its framing is left out, to be safe. */
#define REFRESH_LEAST_TLP 28u

/* A refresh is due at half of what may be used: the rest is for one that fails, and is tried again. */
#define REFRESH_IV_DUE      ((uint64_t)1 << 63)
#define REFRESH_BYTES_DUE   ((uint64_t)1 << 51)
#define REFRESH_RECORDS_DUE ((uint64_t)1 << 31)

/* The fastest link that there is: 16 lanes of 64 GT/s. What is not known counts as that. */
#define REFRESH_RATE_MOST UINT64_C(128000000000)

enum refresh_reason {
    REFRESH_IV,      /* the invocation field of a sub-stream */
    REFRESH_BYTES,   /* data under one key of a sub-stream */
    REFRESH_RECORDS, /* records of the session that gives the keys: KEY_UPDATE helps, new stream keys do not */
};

/* "iv", "bytes", "records": in JSON and logs. */
const char *refresh_reason_name(enum refresh_reason reason);

/* What is known of one stream. */
struct refresh_use {
    uint64_t keyed_ms;         /* monotonic: when its present keys were made; 0: it has none */
    uint64_t bytes_per_second; /* of its link in one direction, at most; 0: not known */
    uint64_t records;          /* the most that any direction of its sessions has carried under one key */
    uint64_t records_at_first; /* the same when the present keys were made */
};

struct refresh_due {
    enum refresh_reason reason; /* the limit that comes first */
    uint64_t in_s;              /* 0: now. UINT64_MAX: not to be foreseen */
    /* upper bounds for each sub-stream and direction, as of now */
    uint64_t ivs_at_most, bytes_at_most;
    uint64_t keyed_s; /* for how long the present keys are in use */
};

/* now_ms: by the clock of keyed_ms. A use without keys is never due. */
struct refresh_due refresh_due(const struct refresh_use *use, uint64_t now_ms);

/* A refresh is due within the next margin_s seconds. */
bool refresh_is_due(const struct refresh_due *due, uint64_t margin_s);

/* Bytes a second of a link in one direction, from Link Status (PCIe 6.x §7.5.3.8): not less than it carries.
 * 0 for values that mean nothing. */
uint64_t refresh_link_rate(uint16_t link_status);

#endif
