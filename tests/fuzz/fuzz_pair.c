/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz_pair.h"

#include <string.h>

static uint64_t counter;

static enum ide_err count(void *context, uint8_t *out, size_t n)
{
    (void)context;
    for (size_t i = 0; i < n; i++) {
        counter = counter * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(counter >> 56);
    }
    return IDE_OK;
}

struct loopback *fuzz_pair(void (*prepare)(struct loopback *l))
{
    static struct loopback l, kept;
    static bool prepared;
    if (!prepared) {
        if (!loopback_open(&l, KEY_EC_P256))
            __builtin_trap();
        l.requester.rng = l.responder.spdm.connection.rng = (struct rng){count, NULL};
        l.responder.heartbeat_period = 1;
        prepare(&l);
        kept = l;
        prepared = true;
    }
    l = kept;
    counter = 0;
    return &l;
}

bool fuzz_next(const uint8_t **data, size_t *size, uint8_t *choice, const uint8_t **part, size_t *part_len)
{
    if (*size < 3)
        return false;
    *choice = (*data)[0];
    size_t len = (*data)[1] | (size_t)((*data)[2] & 0x0f) << 8;
    *data += 3;
    *size -= 3;
    *part = *data;
    *part_len = len < *size ? len : *size;
    *data += *part_len;
    *size -= *part_len;
    return true;
}
