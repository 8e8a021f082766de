/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of one operation, from generation to programming: in locked memory that no core dump holds. */
#ifndef IDE_KMD_KEY_MEMORY_H
#define IDE_KMD_KEY_MEMORY_H

#include <stddef.h>

#include "ide_km/ide_km.h"
#include "tools/ide-kmd/plan.h"

struct key_memory {
    struct ide_key_set end[END_COUNT]; /* one end's Tx is the other's Rx */
};

/* Zeroed memory for keys, locked if the system lets us, that no core dump holds; NULL if there is none. Freed, it is
 * wiped; NULL is allowed. */
void *locked_memory(size_t size);
void locked_memory_free(void *memory, size_t size);

/* New keys for both ends; NULL with *err IDE_E_RANDOM, IDE_E_MEMORY, ... */
struct key_memory *key_memory_generate(const struct rng *rng, enum ide_err *err);

/* Wipes and frees. NULL is allowed. */
void key_memory_wipe(struct key_memory *keys);

#endif
