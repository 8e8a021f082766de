/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/refresh_due.h"

#include <stddef.h>

#include "root_port/pcie_config.h"

#define LINK_SPEED 0x000fu
#define LINK_WIDTH 0x03f0u

const char *refresh_reason_name(enum refresh_reason reason)
{
    switch (reason) {
    case REFRESH_IV:
        return "iv";
    case REFRESH_BYTES:
        return "bytes";
    case REFRESH_RECORDS:
        return "records";
    }
    return "";
}

/* a * b, or the greatest number if that is more. */
static uint64_t product(uint64_t a, uint64_t b)
{
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static uint64_t rate_of(const struct refresh_use *use)
{
    return use->bytes_per_second ? use->bytes_per_second : REFRESH_RATE_MOST;
}

/* ms * per_second / 1000, rounded up, without losing what a product of all would. */
static uint64_t used_after(uint64_t ms, uint64_t per_second)
{
    uint64_t whole = product(ms / 1000, per_second), rest = product(ms % 1000, per_second / 1000 + 1);
    return whole > UINT64_MAX - rest ? UINT64_MAX : whole + rest;
}

static uint64_t seconds_left(uint64_t used, uint64_t limit, uint64_t per_second)
{
    if (used >= limit)
        return 0;
    return per_second ? (limit - used) / per_second : UINT64_MAX;
}

/* Records are counted, and what is to come is told from what was: at the pace of the present keys' time. */
static uint64_t records_left(const struct refresh_use *use, uint64_t keyed_s)
{
    uint64_t since = use->records > use->records_at_first ? use->records - use->records_at_first : 0;
    if (use->records >= REFRESH_RECORDS_DUE)
        return 0;
    if (since == 0)
        return UINT64_MAX;
    return product((REFRESH_RECORDS_DUE - use->records) / since, keyed_s + 1);
}

static void take_sooner(struct refresh_due *due, enum refresh_reason reason, uint64_t in_s)
{
    if (in_s >= due->in_s)
        return;
    due->reason = reason;
    due->in_s = in_s;
}

struct refresh_due refresh_due(const struct refresh_use *use, uint64_t now_ms)
{
    struct refresh_due due = {.reason = REFRESH_BYTES, .in_s = UINT64_MAX};
    if (use->keyed_ms == 0)
        return due;
    uint64_t ms = now_ms > use->keyed_ms ? now_ms - use->keyed_ms : 0;
    uint64_t rate = rate_of(use), tlps = rate / REFRESH_LEAST_TLP + 1;
    due.keyed_s = ms / 1000;
    due.bytes_at_most = used_after(ms, rate);
    due.ivs_at_most = used_after(ms, tlps);
    take_sooner(&due, REFRESH_BYTES, seconds_left(due.bytes_at_most, REFRESH_BYTES_DUE, rate));
    take_sooner(&due, REFRESH_IV, seconds_left(due.ivs_at_most, REFRESH_IV_DUE, tlps));
    take_sooner(&due, REFRESH_RECORDS, records_left(use, due.keyed_s));
    return due;
}

bool refresh_is_due(const struct refresh_due *due, uint64_t margin_s)
{
    return due->in_s != UINT64_MAX && due->in_s <= margin_s;
}

uint64_t refresh_link_rate(uint16_t link_status)
{
    /* bytes a second of a lane: from 8 GT/s on without what the encoding takes */
    static const uint64_t lane[] = {0,          250000000,  500000000, 1000000000,
                                    2000000000, 4000000000, 8000000000};
    uint32_t speed = field_get(LINK_SPEED, link_status), width = field_get(LINK_WIDTH, link_status);
    return speed < sizeof lane / sizeof *lane && width <= 32 ? lane[speed] * width : 0;
}
