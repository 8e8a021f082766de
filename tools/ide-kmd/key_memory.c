/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/key_memory.h"

#include <stddef.h>
#include <sys/mman.h>

struct key_memory *key_memory_generate(const struct rng *rng, enum ide_err *err)
{
    struct key_memory *keys =
        mmap(NULL, sizeof *keys, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *err = IDE_E_MEMORY;
    if (keys == MAP_FAILED)
        return NULL;
    /* Without the right to lock memory the keys may reach swap space for the milliseconds that they live; an
     * operator who runs ide-kmd as root, as it needs to be, has that right. */
    (void)mlock(keys, sizeof *keys);
    (void)madvise(keys, sizeof *keys, MADV_DONTDUMP);
    (void)madvise(keys, sizeof *keys, MADV_WIPEONFORK);
    *err = ide_key_set_generate(&keys->end[END_ENDPOINT], rng);
    if (*err == IDE_OK) {
        ide_key_set_mirror(&keys->end[END_ENDPOINT], &keys->end[END_ROOT_PORT]);
        return keys;
    }
    key_memory_wipe(keys);
    return NULL;
}

void key_memory_wipe(struct key_memory *keys)
{
    if (!keys)
        return;
    for (enum stream_end end = 0; end < END_COUNT; end++)
        ide_key_set_wipe(&keys->end[end]);
    munmap(keys, sizeof *keys);
}
