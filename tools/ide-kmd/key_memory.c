/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-kmd/key_memory.h"

#include <stddef.h>
#include <sys/mman.h>

#include "spdm/cursor.h"

void *locked_memory(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    /* Without the right to lock memory the keys may reach swap space for the milliseconds that they live; an
     * operator who runs ide-kmd as root, as it needs to be, has that right. */
    (void)mlock(memory, size);
    (void)madvise(memory, size, MADV_DONTDUMP);
    (void)madvise(memory, size, MADV_WIPEONFORK);
    return memory;
}

void locked_memory_free(void *memory, size_t size)
{
    if (!memory)
        return;
    wipe(memory, size);
    munmap(memory, size);
}

struct key_memory *key_memory_generate(const struct rng *rng, enum ide_err *err)
{
    struct key_memory *keys = locked_memory(sizeof *keys);
    *err = IDE_E_MEMORY;
    if (!keys)
        return NULL;
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
    locked_memory_free(keys, sizeof *keys);
}
