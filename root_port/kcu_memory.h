/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a key unit's registers are reached: in a file in which physical addresses
 * are offsets. /dev/mem is mapped; what cannot be mapped, such as the `mem` file
 * of ide-emu(1), is read and written four bytes at a time. The registers in a BAR
 * are reached so too, through its `resource0`.
 */
#ifndef ROOT_PORT_KCU_MEMORY_H
#define ROOT_PORT_KCU_MEMORY_H

#include "root_port/kcu.h"

struct kcu_memory {
    int fd;
    uint64_t base;
    uint32_t size; /* bytes that may be accessed */
    void *map;     /* NULL: not mapped */
    size_t map_size;
    volatile uint32_t *regs; /* within map */
};

/* Opens the unit at base, and as many bytes as its capability register says. Close also after a failure.
 * Errors: IDE_E_ACCESS if the file cannot be opened or the address not be reached, IDE_E_IO. */
enum ide_err kcu_memory_open(struct kcu_memory *memory, const char *path, uint64_t base,
                             struct ide_fault *fault) MUST_USE;
/* The same for registers whose number of bytes is known. */
enum ide_err kcu_memory_open_size(struct kcu_memory *memory, const char *path, uint64_t base, uint32_t size,
                                  const char *step, struct ide_fault *fault) MUST_USE;
void kcu_memory_close(struct kcu_memory *memory);

struct kcu_access kcu_memory_access(struct kcu_memory *memory);

#endif
